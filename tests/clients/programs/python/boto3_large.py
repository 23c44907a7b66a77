"""tests/clients/programs/python/boto3_large.py -- large files through boto3's transfer manager, in parts of several sizes.

usage: boto3_large.py ENDPOINT FOLDER ; credentials come from the environment. Prints `ok` at the end.
"""

import io
import sys
from pathlib import Path

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

MIB = 1 << 20


def main(endpoint, folder):
    bucket = "large-boto3-" + boto3.__version__.replace(".", "-")
    s3 = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1",
                      config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}))
    s3.create_bucket(Bucket=bucket)
    for part_mib in (5, 16):
        config = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=part_mib * MIB)
        for path in sorted(Path(folder).iterdir()):
            wanted = path.read_bytes()
            s3.upload_file(str(path), bucket, path.name, Config=config, ExtraArgs={"Metadata": {"parts": str(part_mib)}})
            s3.copy({"Bucket": bucket, "Key": path.name}, bucket, "copy", Config=config)
            for key in (path.name, "copy"):
                got = io.BytesIO()
                s3.download_fileobj(bucket, key, got, Config=config)
                assert got.getvalue() == wanted, (path, part_mib, key)
            head = s3.head_object(Bucket=bucket, Key=path.name)
            assert head["ContentLength"] == len(wanted) and head["Metadata"] == {"parts": str(part_mib)}, head
            parts = -(-len(wanted) // (part_mib * MIB)) if len(wanted) >= 5 * MIB else 0
            assert ("-" in head["ETag"]) == (parts > 0), head
            if parts:
                first = s3.get_object(Bucket=bucket, Key=path.name, PartNumber=1)
                assert first["PartsCount"] == parts and first["Body"].read() == wanted[:part_mib * MIB], first
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": entry["Key"]} for entry in page["Contents"]]})
    s3.delete_bucket(Bucket=bucket)
    print("ok")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
