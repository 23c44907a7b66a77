"""tests/clients/programs/python/boto3_backups.py -- what a program of backups does with versions and locks, through boto3.

usage: boto3_backups.py ENDPOINT ; credentials come from the environment. Prints `ok` at the end.
"""

import datetime
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

BUCKET = "backups-boto3-" + boto3.__version__.replace(".", "-")
NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
DAY = datetime.timedelta(days=1)


def refused(call, *arguments, **options):
    """The code of the refusal; None: there was none."""
    try:
        call(*arguments, **options)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


def backup_is_kept(s3):
    """One backup under a retention of its own: longer at any time, shorter never, and gone before its time neither."""
    until = NOW + 30 * DAY
    version = s3.put_object(Bucket=BUCKET, Key="full/1", Body=b"first", ObjectLockMode="COMPLIANCE",
                            ObjectLockRetainUntilDate=until)["VersionId"]
    name = {"Bucket": BUCKET, "Key": "full/1", "VersionId": version}
    assert s3.get_object_retention(**name)["Retention"] == {"Mode": "COMPLIANCE", "RetainUntilDate": until}
    s3.put_object_retention(**name, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until + DAY})
    assert refused(s3.put_object_retention, **name,
                   Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until}) == "AccessDenied"
    assert refused(s3.delete_object, **name, BypassGovernanceRetention=True) == "AccessDenied"
    s3.put_object(Bucket=BUCKET, Key="full/1", Body=b"second")
    marker = s3.delete_object(Bucket=BUCKET, Key="full/1")
    assert marker["DeleteMarker"] and refused(s3.get_object, Bucket=BUCKET, Key="full/1") == "NoSuchKey"
    head = s3.head_object(**name)
    assert head["ObjectLockMode"] == "COMPLIANCE" and head["ObjectLockRetainUntilDate"] == until + DAY
    s3.copy_object(Bucket=BUCKET, Key="restored", CopySource=name)
    assert s3.get_object(Bucket=BUCKET, Key="restored")["Body"].read() == b"first"
    listed = s3.list_object_versions(Bucket=BUCKET, Prefix="full/1")
    assert [entry["IsLatest"] for entry in listed["Versions"]] == [False, False], listed
    assert [entry["VersionId"] for entry in listed["DeleteMarkers"]] == [marker["VersionId"]], listed
    s3.delete_object(Bucket=BUCKET, Key="full/1", VersionId=marker["VersionId"])
    assert s3.get_object(Bucket=BUCKET, Key="full/1")["Body"].read() == b"second"


def default_holds(s3):
    """What names no retention gets that of the bucket, in parts too; who may bypass it, can."""
    begun = s3.create_multipart_upload(Bucket=BUCKET, Key="increment/1")["UploadId"]
    part = s3.upload_part(Bucket=BUCKET, Key="increment/1", UploadId=begun, PartNumber=1, Body=b"part")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    version = s3.complete_multipart_upload(Bucket=BUCKET, Key="increment/1", UploadId=begun, MultipartUpload=parts)["VersionId"]
    name = {"Bucket": BUCKET, "Key": "increment/1", "VersionId": version}
    retention = s3.get_object_retention(**name)["Retention"]
    assert retention["Mode"] == "GOVERNANCE" and retention["RetainUntilDate"] > NOW + DAY / 2, retention
    assert refused(s3.delete_object, **name) == "AccessDenied"

    s3.put_object_legal_hold(**name, LegalHold={"Status": "ON"})
    assert s3.get_object_legal_hold(**name)["LegalHold"]["Status"] == "ON"
    assert refused(s3.delete_object, **name, BypassGovernanceRetention=True) == "AccessDenied"
    s3.put_object_legal_hold(**name, LegalHold={"Status": "OFF"})
    answer = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "increment/1", "VersionId": version}]},
                               BypassGovernanceRetention=True)
    assert [entry["VersionId"] for entry in answer["Deleted"]] == [version], answer


def main(endpoint):
    s3 = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1",
                      config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0}))
    s3.create_bucket(Bucket=BUCKET, ObjectLockEnabledForBucket=True)
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    assert refused(s3.put_bucket_versioning, Bucket=BUCKET,
                   VersioningConfiguration={"Status": "Suspended"}) == "InvalidBucketState"
    rule = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}}
    s3.put_object_lock_configuration(Bucket=BUCKET, ObjectLockConfiguration=rule)
    assert s3.get_object_lock_configuration(Bucket=BUCKET)["ObjectLockConfiguration"] == rule
    backup_is_kept(s3)
    default_holds(s3)
    assert refused(s3.delete_bucket, Bucket=BUCKET) == "BucketNotEmpty"
    print("ok")


if __name__ == "__main__":
    main(*sys.argv[1:])
