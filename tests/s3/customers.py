"""tests/s3/customers.py -- customers' keys as clients send them (SSE-C)."""

import base64
import hashlib

PREFIX = "x-amz-server-side-encryption-customer-"
SOURCE = "x-amz-copy-source-server-side-encryption-customer-"
KEY = b"these are thirty-two bytes, mine"
OTHER = b"these are thirty-two others', no"


def encoded(data):
    return base64.b64encode(data).decode()


def customer(key=KEY, prefix=PREFIX):
    """The three headers of a key."""
    return {prefix + "algorithm": "AES256", prefix + "key": encoded(key), prefix + "key-md5": key_md5(key)}


def source(key=KEY):
    return customer(key, SOURCE)


def key_md5(key=KEY):
    return encoded(hashlib.md5(key).digest())


def said(answer):
    """What an answer says of the key."""
    return answer.header(PREFIX + "algorithm"), answer.header(PREFIX + "key-md5")


TOLD = ("AES256", key_md5())


def forms_of_key(key=KEY):
    """In what forms a key would be found."""
    return key, key.hex().encode(), encoded(key).rstrip("=").encode(), hashlib.md5(key).digest(), key_md5(key).rstrip("=").encode()


# (headers, status, code): what is refused whatever is asked for, of GET as of PUT
REFUSED = (
    ({**customer(), PREFIX + "algorithm": "AES192"}, 400, "InvalidEncryptionAlgorithmError"),
    ({**customer(), PREFIX + "algorithm": "aws:kms"}, 400, "InvalidEncryptionAlgorithmError"),
    ({PREFIX + "key": encoded(KEY), PREFIX + "key-md5": key_md5()}, 400, "InvalidArgument"),
    ({PREFIX + "algorithm": "AES256"}, 400, "InvalidArgument"),
    ({PREFIX + "algorithm": "AES256", PREFIX + "key": encoded(KEY)}, 400, "InvalidArgument"),
    ({PREFIX + "algorithm": "AES256", PREFIX + "key-md5": key_md5()}, 400, "InvalidArgument"),
    ({**customer(), PREFIX + "key": "no base64 at all"}, 400, "InvalidArgument"),
    (customer(KEY[:31]), 400, "InvalidArgument"),
    (customer(KEY + b"!"), 400, "InvalidArgument"),
    (customer(b""), 400, "InvalidArgument"),
    ({**customer(), PREFIX + "key-md5": key_md5(OTHER)}, 400, "InvalidArgument"),
    ({**customer(), PREFIX + "key-md5": "bm90IGFuIE1ENQ=="}, 400, "InvalidArgument"),
)
