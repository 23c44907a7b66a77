"""tests/clients/programs/python/minio_keys.py -- what a program with MinIO's SDK does that has its objects encrypted: under keys of its own (SSE-C), and
under the server's (SSE-S3, SSE-KMS).

usage: minio_keys.py https://HOST:PORT FOLDER ; credentials come from the environment. Prints `ok` at the end.
"""

import io
import os
import ssl
import sys
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.commonconfig import ComposeSource, CopySource
from minio.error import S3Error
from minio.sse import SseCustomerKey, SseKMS, SseS3

KEY, OTHER = os.urandom(32), os.urandom(32)
BUCKET = "keys-minio-py"
METHOD = "x-amz-server-side-encryption"
PART = 5 << 20


def refused(call, *arguments, **options):
    try:
        call(*arguments, **options)
    except S3Error as error:
        return error.code or error.response.status
    return None


def content(minio, key, **options):
    answer = minio.get_object(bucket_name=BUCKET, object_name=key, **options)
    try:
        return answer.read()
    finally:
        answer.close()
        answer.release_conn()


def put(minio, key, body, sse):
    return minio.put_object(bucket_name=BUCKET, object_name=key, data=io.BytesIO(body), length=len(body), part_size=PART, sse=sse)


def method(minio, key):
    return minio.stat_object(bucket_name=BUCKET, object_name=key).metadata.get(METHOD)


def of_clients(minio, large):
    mine, others = SseCustomerKey(KEY), SseCustomerKey(OTHER)
    for key, body in (("small", b"small"), ("empty", b""), ("large", large)):
        put(minio, key, body, mine)
        assert content(minio, key, ssec=mine) == body, key
        assert minio.stat_object(bucket_name=BUCKET, object_name=key, ssec=mine).size == len(body)
        assert refused(content, minio, key, ssec=others) == "AccessDenied"
        assert refused(content, minio, key) == "InvalidRequest"
    assert content(minio, "large", offset=PART - 5, length=10, ssec=mine) == large[PART - 5:PART + 5]
    minio.copy_object(bucket_name=BUCKET, object_name="copy", source=CopySource(bucket_name=BUCKET, object_name="small", ssec=mine), sse=others)
    assert content(minio, "copy", ssec=others) == b"small"
    sources = [ComposeSource(bucket_name=BUCKET, object_name=key, ssec=mine) for key in ("large", "small")]
    minio.compose_object(bucket_name=BUCKET, object_name="composed", sources=sources, sse=mine)
    assert content(minio, "composed", ssec=mine) == large + b"small"


def of_server(minio, large):
    put(minio, "ours", large, SseS3())
    assert (content(minio, "ours"), method(minio, "ours")) == (large, "AES256")
    sources = [ComposeSource(bucket_name=BUCKET, object_name="ours"), ComposeSource(bucket_name=BUCKET, object_name="ours", offset=7, length=9)]
    minio.compose_object(bucket_name=BUCKET, object_name="ours composed", sources=sources, sse=SseS3())
    assert (content(minio, "ours composed"), method(minio, "ours composed")) == (large + large[7:16], "AES256")
    put(minio, "named", b"named", SseS3())
    minio.copy_object(bucket_name=BUCKET, object_name="named", source=CopySource(bucket_name=BUCKET, object_name="named"), sse=SseS3(),
                      metadata_directive="REPLACE", metadata={"who": "me"})
    assert (content(minio, "named"), method(minio, "named")) == (b"named", "AES256")
    assert refused(put, minio, "kms", b"kms", SseKMS("no such key", {"who": "me"})) == "KMS.NotFoundException"


def main(endpoint, folder):
    trusted = urllib3.PoolManager(ssl_context=ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"]), retries=False)
    minio = Minio(endpoint=urlsplit(endpoint).netloc, access_key=os.environ["AWS_ACCESS_KEY_ID"], secret_key=os.environ["AWS_SECRET_ACCESS_KEY"],
                  region="us-east-1", http_client=trusted)
    with open(os.path.join(folder, "large"), "rb") as file:
        large = file.read()
    minio.make_bucket(bucket_name=BUCKET)
    of_clients(minio, large)
    of_server(minio, large)
    for entry in minio.list_objects(bucket_name=BUCKET, recursive=True):
        minio.remove_object(bucket_name=BUCKET, object_name=entry.object_name)
    minio.remove_bucket(bucket_name=BUCKET)
    print("ok")


main(*sys.argv[1:])
