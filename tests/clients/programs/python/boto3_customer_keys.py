"""tests/clients/programs/python/boto3_customer_keys.py -- what a program with boto3 does that keeps its keys to itself (SSE-C).

usage: boto3_customer_keys.py https://HOST:PORT FOLDER ; credentials come from the environment. Prints `ok` at the end.
"""

import io
import os
import sys

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

KEY, OTHER = os.urandom(32), os.urandom(32)
BUCKET = "keys-boto3-" + boto3.__version__.replace(".", "-")


def mine(key=KEY):
    return {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": key}


def of_source(key=KEY):
    return {"CopySourceSSECustomerAlgorithm": "AES256", "CopySourceSSECustomerKey": key}


def refused(call, *arguments, **options):
    try:
        call(*arguments, **options)
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"]
    return None


def main(endpoint, folder):
    s3 = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1",
                      config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0}))
    s3.create_bucket(Bucket=BUCKET)
    put = s3.put_object(Bucket=BUCKET, Key="small", Body=b"small", **mine())
    assert put["SSECustomerAlgorithm"] == "AES256" and put["SSECustomerKeyMD5"], put
    got = s3.get_object(Bucket=BUCKET, Key="small", **mine())
    assert got["Body"].read() == b"small" and got["ETag"] == put["ETag"] and got["SSECustomerKeyMD5"] == put["SSECustomerKeyMD5"]
    for key, status in (({}, 400), (mine(OTHER), 403)):
        assert refused(s3.get_object, Bucket=BUCKET, Key="small", **key) == status
        assert refused(s3.head_object, Bucket=BUCKET, Key="small", **key) == status

    path = os.path.join(folder, "large")
    in_parts = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=6 << 20)
    s3.upload_file(path, BUCKET, "large", ExtraArgs=mine(), Config=in_parts)
    s3.copy({"Bucket": BUCKET, "Key": "large"}, BUCKET, "of another", SourceClient=s3, Config=in_parts,
            ExtraArgs={**mine(OTHER), **of_source()})
    with open(path, "rb") as file:
        whole = file.read()
    for name, key in (("large", KEY), ("of another", OTHER)):
        back = io.BytesIO()
        s3.download_fileobj(BUCKET, name, back, ExtraArgs=mine(key), Config=in_parts)
        assert back.getvalue() == whole, name
    begun = s3.create_multipart_upload(Bucket=BUCKET, Key="by hand", **mine())["UploadId"]
    part = s3.upload_part(Bucket=BUCKET, Key="by hand", UploadId=begun, PartNumber=1, Body=b"part", **mine())
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket=BUCKET, Key="by hand", UploadId=begun, MultipartUpload=parts)  # without the key
    assert s3.get_object(Bucket=BUCKET, Key="by hand", **mine())["Body"].read() == b"part"

    bucket = boto3.resource("s3", endpoint_url=endpoint, region_name="us-east-1").Bucket(BUCKET)
    assert {entry.key for entry in bucket.objects.all()} == {"small", "large", "of another", "by hand"}
    bucket.objects.all().delete()
    bucket.delete()
    print("ok")


if __name__ == "__main__":
    main(*sys.argv[1:])
