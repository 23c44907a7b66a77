"""tests/clients/programs/python/boto3_settings.py -- what a program with boto3 sets on a bucket, and reads back as it said it; and a
form as boto3 signs it.

usage: boto3_settings.py ENDPOINT ; credentials come from the environment. Prints `ok` at the end.
"""

import datetime
import json
import sys
import urllib.error
import urllib.request
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

MIDNIGHT = datetime.datetime(2031, 1, 1, tzinfo=datetime.timezone.utc)
CORS = {"CORSRules": [
    {"ID": "one", "AllowedHeaders": ["x-*", "date"], "AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["http://*.example.org", "*"],
     "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 30},
    {"AllowedMethods": ["HEAD"], "AllowedOrigins": ["https://a"]}]}
LIFECYCLE = {"Rules": [
    {"ID": "old", "Prefix": "logs/", "Status": "Enabled", "Expiration": {"Days": 1}},
    {"ID": "date", "Filter": {"Prefix": ""}, "Status": "Disabled", "Expiration": {"Date": MIDNIGHT}},
    {"ID": "all", "Filter": {"And": {"Prefix": "a", "Tags": [{"Key": "k", "Value": "v"}, {"Key": "l", "Value": ""}],
                                     "ObjectSizeGreaterThan": 1, "ObjectSizeLessThan": 1 << 40}}, "Status": "Enabled",
     "Transitions": [{"Days": 0, "StorageClass": "STANDARD_IA"}, {"Days": 3, "StorageClass": "GLACIER"}],
     "NoncurrentVersionTransitions": [{"NoncurrentDays": 1, "StorageClass": "GLACIER", "NewerNoncurrentVersions": 2}],
     "NoncurrentVersionExpiration": {"NoncurrentDays": 9, "NewerNoncurrentVersions": 3}},
    {"ID": "uploads", "Filter": {"Prefix": "u"}, "Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
    {"ID": "markers", "Filter": {"Prefix": "m"}, "Status": "Enabled", "Expiration": {"ExpiredObjectDeleteMarker": True}}]}
TAGS = {"TagSet": [{"Key": "z", "Value": "1"}, {"Key": "a b", "Value": ""}]}


def without_metadata(answer):
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def expect_error(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as refused:
        assert refused.response["Error"]["Code"] == code, refused
        return
    raise AssertionError(f"{call.__name__}: not refused with {code}")


def settings(s3, bucket):
    for name, parameter, value, code in (("bucket_cors", "CORSConfiguration", CORS, "NoSuchCORSConfiguration"),
                                         ("bucket_lifecycle_configuration", "LifecycleConfiguration", LIFECYCLE, "NoSuchLifecycleConfiguration"),
                                         ("bucket_tagging", "Tagging", TAGS, "NoSuchTagSet")):
        get = getattr(s3, "get_" + name)
        expect_error(code, get, Bucket=bucket)
        getattr(s3, "put_" + name)(**{"Bucket": bucket, parameter: value})
        got = without_metadata(get(Bucket=bucket))
        got.pop("TransitionDefaultMinimumObjectSize", None)
        assert got == value, got
        getattr(s3, "delete_" + name.removesuffix("_configuration"))(Bucket=bucket)
        expect_error(code, get, Bucket=bucket)
    s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": "Requester"})
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "Requester"
    s3.put_bucket_accelerate_configuration(Bucket=bucket, AccelerateConfiguration={"Status": "Suspended"})
    assert s3.get_bucket_accelerate_configuration(Bucket=bucket)["Status"] == "Suspended"
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration=LIFECYCLE)
    assert 'rule-id="old"' in s3.put_object(Bucket=bucket, Key="logs/x", Body=b"x")["Expiration"]
    assert s3.create_multipart_upload(Bucket=bucket, Key="up")["AbortRuleId"] == "uploads"


def upload_by_form(s3, bucket):
    posted = s3.generate_presigned_post(bucket, "form/${filename}", Fields={"acl": "private", "success_action_status": "201"}, Conditions=[
        {"acl": "private"}, {"success_action_status": "201"}, ["content-length-range", 1, 1000]])
    boundary = uuid.uuid4().hex
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in posted["fields"].items()]
    parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="f.txt"\r\n\r\nby form\r\n--{boundary}--\r\n')
    request = urllib.request.Request(posted["url"], "".join(parts).encode(), {"Content-Type": f"multipart/form-data; boundary={boundary}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 201 and b"<Key>form/f.txt</Key>" in answer.read()
    assert s3.get_object(Bucket=bucket, Key="form/f.txt")["Body"].read() == b"by form"


def main(endpoint):
    bucket = "boto3-settings-" + boto3.__version__.replace(".", "-")
    for version in ("s3v4", "s3"):  # version 2 in forms only
        config = Config(signature_version="s3v4", retries={"max_attempts": 3}, s3={"addressing_style": "path"})
        s3 = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", config=config)
        if version == "s3v4":
            s3.create_bucket(Bucket=bucket)
            settings(s3, bucket)
        old = Config(signature_version=version, s3={"addressing_style": "path"})
        signer = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", config=old)
        signer.get_object = s3.get_object
        upload_by_form(signer, bucket)
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
                                                      "Resource": f"arn:aws:s3:::{bucket}/form/*"}]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    try:
        upload_by_form(signer, bucket)
    except urllib.error.HTTPError as refused:
        assert refused.code == 403, refused
    else:
        raise AssertionError("a form that a policy denies was taken")
    print("ok")


if __name__ == "__main__":
    main(sys.argv[1])
