"""tests/s3/encrypted.py -- what tests of encryption write, and what of it must be found nowhere; uploads of it with their SHA-256."""

import base64
import hashlib
import random

HEADER = "x-amz-server-side-encryption"
SSE = {HEADER: "AES256"}
MARK = b"nobody else may read this line;"  # found wherever anything of an object lies in clear
CHECKSUM = {"x-amz-checksum-algorithm": "SHA256"}


def words(size, seed=1):
    """Text that compresses, with the mark in every line."""
    draw = random.Random(seed)
    lines = (MARK + b" %d %d\n" % (draw.getrandbits(20), draw.getrandbits(20)) for _ in range(size // len(MARK) + 1))
    return b"".join(lines)[:size]


def forms_of(body):
    """What tells of a body to whoever can guess it: its hashes, as bytes, as hex and as base64."""
    for digest in (hashlib.md5(body).digest(), hashlib.sha256(body).digest(), hashlib.sha1(body).digest()):
        yield from (digest, digest.hex().encode(), base64.b64encode(digest).rstrip(b"="))


def sha256(body):
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def etag_of(parts):
    return f'"{hashlib.md5(b"".join(hashlib.md5(part).digest() for part in parts)).hexdigest()}-{len(parts)}"'


def document(parts):
    """{number: body}, as a Complete names them."""
    listed = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{hashlib.md5(body).hexdigest()}</ETag>"
                     f"<ChecksumSHA256>{sha256(body)}</ChecksumSHA256></Part>" for number, body in parts.items())
    return f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
