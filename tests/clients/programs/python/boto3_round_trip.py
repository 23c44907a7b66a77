"""tests/clients/programs/python/boto3_round_trip.py -- what a program with boto3 does, run by the interpreter whose boto3 is meant.

usage: boto3_round_trip.py ENDPOINT FOLDER ; credentials come from the environment. Prints `ok` at the end.
"""

import hashlib
import io
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError


def checksums(s3, bucket, text):
    """Every one that this boto3 knows by name and can compute; none of them is refused by the server."""
    done = 0
    for name in s3.meta.service_model.shape_for("ChecksumAlgorithm").enum:
        try:
            s3.put_object(Bucket=bucket, Key="summed", Body=text, ChecksumAlgorithm=name)
        except ClientError as refused:
            raise AssertionError(f"{name}: {refused}") from refused
        except BotoCoreError:  # a library is missing that would compute it
            continue
        head = s3.head_object(Bucket=bucket, Key="summed", ChecksumMode="ENABLED")
        assert head[f"Checksum{name}"], head
        assert s3.get_object(Bucket=bucket, Key="summed", ChecksumMode="ENABLED")["Body"].read() == text  # and verifies it
        done += 1
    assert done >= 3, done


def main(endpoint, folder):
    bucket = "boto3-" + boto3.__version__.replace(".", "-")
    config = Config(signature_version="s3v4", retries={"max_attempts": 1}, s3={"addressing_style": "path"})
    s3 = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", config=config)
    s3.create_bucket(Bucket=bucket)

    files = {str(path.relative_to(folder)): path for path in sorted(Path(folder).rglob("*")) if path.is_file()}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: s3.upload_file(str(files[name]), bucket, name), files))

    listed = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 50}):
        listed.update({entry["Key"]: entry for entry in page.get("Contents", [])})
    assert set(listed) == set(files), set(listed) ^ set(files)

    def compare(name):
        wanted = files[name].read_bytes()
        assert listed[name]["Size"] == len(wanted), name
        assert listed[name]["ETag"].strip('"') == hashlib.md5(wanted).hexdigest(), name
        got = io.BytesIO()
        s3.download_fileobj(bucket, name, got)
        assert got.getvalue() == wanted, name
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(compare, files))

    text = b"0123456789" * 1000
    s3.put_object(Bucket=bucket, Key="with/everything", Body=text, ContentType="text/x-test", CacheControl="no-cache",
                  Metadata={"colour": "green"})
    head = s3.head_object(Bucket=bucket, Key="with/everything")
    assert head["ContentLength"] == len(text) and head["ContentType"] == "text/x-test"
    assert head["Metadata"] == {"colour": "green"} and head["CacheControl"] == "no-cache", head
    part = s3.get_object(Bucket=bucket, Key="with/everything", Range="bytes=995-1004")
    assert part["Body"].read() == text[995:1005] and part["ContentRange"] == f"bytes 995-1004/{len(text)}"
    s3.copy_object(Bucket=bucket, Key="copied", CopySource={"Bucket": bucket, "Key": "with/everything"})
    assert s3.get_object(Bucket=bucket, Key="copied")["Body"].read() == text
    s3.put_object(Bucket=bucket, Key="summed", Body=text, ChecksumAlgorithm="SHA256")
    assert s3.head_object(Bucket=bucket, Key="summed", ChecksumMode="ENABLED")["ChecksumSHA256"]

    checksums(s3, bucket, text)
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "copied"}, ExpiresIn=60)
    assert urllib.request.urlopen(url, timeout=300).read() == text
    url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "put by url"}, ExpiresIn=60)
    urllib.request.urlopen(urllib.request.Request(url, text, method="PUT", headers={"Content-Type": ""}), timeout=300)
    assert s3.get_object(Bucket=bucket, Key="put by url")["Body"].read() == text
    try:
        s3.get_object(Bucket=bucket, Key="not there")
        raise AssertionError("a missing key was found")
    except ClientError as error:
        assert error.response["Error"]["Code"] == "NoSuchKey", error

    # what ~/.aws/config says holds where the program says nothing
    told = boto3.client("s3", endpoint_url=endpoint)
    assert urllib.request.urlopen(told.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "copied"}), timeout=300).read() == text

    # without a setting boto3 presigns with version 2, and must be told what to change
    plain = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", config=Config(signature_version="s3"))
    try:
        urllib.request.urlopen(plain.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "copied"}), timeout=300)
        raise AssertionError("signature version 2 was accepted")
    except urllib.error.HTTPError as error:
        answer = error.read().decode()
        assert error.code == 400 and "s3v4" in answer, (error.code, answer)

    names = [*files, "with/everything", "copied", "summed", "put by url"]
    for first in range(0, len(names), 1000):
        gone = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": name} for name in names[first:first + 1000]]})
        assert not gone.get("Errors"), gone["Errors"]
    s3.delete_bucket(Bucket=bucket)
    print("ok")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
