#!/usr/bin/env python3
"""Writes vectors.inc: requests signed by botocore, which the unit tests of wire and auth verify.

    python3 tests/unit/wire/make_vectors.py > tests/unit/wire/vectors.inc

Needs botocore. The time is fixed, so that the output is the same each time.
"""
import datetime
from unittest import mock
from urllib.parse import unquote_to_bytes

import botocore.auth
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
REGION = "us-east-1"
NOW = datetime.datetime(2013, 5, 24, 0, 0, 0)
HOST = "127.0.0.1:8014"

# name, method, target on the wire, headers, body (None: unsigned)
REQUESTS = [
    ("get", "GET", "/bucket/key", {}, b""),
    ("get_range", "GET", "/bucket/test.txt", {"Range": "bytes=0-9"}, b""),
    ("root", "GET", "/", {}, b""),
    ("bare_subresource", "GET", "/bucket?acl", {}, b""),
    ("list", "GET", "/bucket?list-type=2&prefix=a%20b&delimiter=%2F&max-keys=2", {}, b""),
    ("list_plus", "GET", "/bucket?prefix=a%2Bb", {}, b""),
    ("list_slash", "GET", "/bucket?prefix=a%2Fb&list-type=2", {}, b""),
    ("list_equals", "GET", "/bucket?prefix=a%3Db", {}, b""),
    ("list_ampersand", "GET", "/bucket?prefix=a%26b", {}, b""),
    ("list_umlaut", "GET", "/bucket?prefix=%C3%A4", {}, b""),
    ("list_sorted_by_name", "GET", "/bucket?a-b=1&a=2&aB=3&a=1", {}, b""),
    ("key_umlaut", "GET", "/bucket/%C3%A4/%E2%82%AC", {}, b""),
    ("key_space_plus_percent", "GET", "/bucket/a%20b%2Bc%25d", {}, b""),
    ("key_marks", "GET", "/bucket/it%27s%20%28a%29%20%21%2A", {}, b""),
    ("key_double_slash", "GET", "/bucket//a//../b/./c", {}, b""),
    ("key_tilde", "GET", "/bucket/~user", {}, b""),
    ("put", "PUT", "/bucket/key", {"Content-Type": "text/plain", "x-amz-meta-a": "1"}, b"Hello, World!"),
    ("put_spaces", "PUT", "/bucket/key", {"x-amz-meta-b": "  two   words  "}, b"x"),
    ("put_unsigned", "PUT", "/bucket/key", {}, None),
    ("delete", "DELETE", "/bucket/key?versionId=null", {}, b""),
    ("post_delete", "POST", "/bucket?delete", {"Content-MD5": "1B2M2Y8AsgTpgAmy7PhCfg=="}, b"<Delete/>"),
]


def c_string(data):
    if isinstance(data, str):
        data = data.encode()
    out = []
    after_escape = False
    for byte in data:
        char = chr(byte)
        if char == "\n":
            out.append("\\n\"\n        \"")
            after_escape = False
        elif char in '"\\':
            out.append("\\" + char)
            after_escape = False
        elif 32 <= byte < 127:
            if after_escape and char in "0123456789abcdefABCDEF":
                out.append('" "')
            out.append(char)
            after_escape = False
        else:
            out.append("\\x%02x" % byte)
            after_escape = True
    return '"' + "".join(out) + '"'


def make(is_presigned, name, method, target, headers, body):
    credentials = Credentials(ACCESS_KEY, SECRET_KEY)
    if is_presigned:  # its body is never signed
        body = None
    request = AWSRequest(method=method, url="http://" + HOST + target, data=body or b"")
    request.headers = HTTPHeaders()
    request.headers["Host"] = HOST
    for key, value in headers.items():
        request.headers[key] = value
    request.context["client_config"] = None
    kind = S3SigV4QueryAuth if is_presigned else S3SigV4Auth
    signer = kind(credentials, "s3", REGION, **({"expires": 3600} if is_presigned else {}))
    if not is_presigned:
        request.context["payload_signing_enabled"] = body is not None
        if body is None:
            signer.payload = lambda _: "UNSIGNED-PAYLOAD"
            request.context["checksum"] = {}
    canonical = []
    original = signer.canonical_request
    signer.canonical_request = lambda r: canonical.append(original(r)) or canonical[-1]
    now = lambda *a, **k: NOW
    with mock.patch.object(botocore.auth, "get_current_datetime", now, create=True):
        signer.add_auth(request)
    url = request.url[len("http://" + HOST):]
    path, _, query = url.partition("?")
    lines = canonical[0].split("\n")
    signature = (query.rsplit("X-Amz-Signature=", 1)[1] if is_presigned
                 else request.headers["Authorization"].rsplit("Signature=", 1)[1])
    pairs = [(k, v) for k, v in request.headers.items()]
    if "Host" not in dict(pairs) and "host" not in dict(pairs):
        pairs.insert(0, ("Host", HOST))
    print("    {")
    print("        .name = %s," % c_string(("presigned_" if is_presigned else "header_") + name))
    print("        .is_presigned = %s," % ("true" if is_presigned else "false"))
    print("        .method = %s," % c_string(method))
    print("        .target = %s," % c_string(url))
    print("        .path = %s," % c_string(unquote_to_bytes(path)))
    print("        .query = %s," % c_string(query))
    print("        .headers = {%s}," % ", ".join("{%s, %s}" % (c_string(k), c_string(v)) for k, v in pairs))
    print("        .headers_count = %d," % len(pairs))
    print("        .signed_headers = %s," % c_string(lines[-2]))
    print("        .payload_hash = %s," % c_string(lines[-1]))
    print("        .canonical_request = %s," % c_string(canonical[0]))
    print("        .signature = %s," % c_string(signature))
    print("    },")


def main():
    print("/* tests/unit/wire/vectors.inc -- requests signed by botocore; written by make_vectors.py. */")
    for request in REQUESTS:
        make(False, *request)
    for request in REQUESTS:
        make(True, *request)


main()
