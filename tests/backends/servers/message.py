"""tests/backends/servers/message.py -- requests and answers of S3 as the proxy sees them: which operation, how long, and what is signed."""

import base64
import hashlib
import re
from urllib.parse import quote, unquote_to_bytes

import sigv4

CONDITIONS = (b"if-match", b"if-none-match", b"x-amz-copy-source-if-match", b"x-amz-copy-source-if-none-match", b"range",
              b"x-amz-copy-source-range")

# (method, has a key, sub-resource or None) -> operation; the first sub-resource of the query that is in here counts
OPERATIONS = {
    ("GET", False, None): "ListObjects", ("GET", False, "list-type"): "ListObjectsV2", ("GET", False, "uploads"): "ListMultipartUploads",
    ("GET", False, "location"): "GetBucketLocation", ("GET", False, "versioning"): "GetBucketVersioning",
    ("GET", False, "versions"): "ListObjectVersions", ("GET", False, "lifecycle"): "GetBucketLifecycle",
    ("HEAD", False, None): "HeadBucket", ("PUT", False, None): "CreateBucket", ("DELETE", False, None): "DeleteBucket",
    ("POST", False, "delete"): "DeleteObjects",
    ("GET", True, None): "GetObject", ("HEAD", True, None): "HeadObject", ("DELETE", True, None): "DeleteObject",
    ("PUT", True, None): "PutObject", ("POST", True, "uploads"): "CreateMultipartUpload",
    ("POST", True, "uploadId"): "CompleteMultipartUpload", ("DELETE", True, "uploadId"): "AbortMultipartUpload",
    ("GET", True, "uploadId"): "ListParts", ("PUT", True, "uploadId"): "UploadPart",
    ("GET", True, "tagging"): "GetObjectTagging", ("PUT", True, "tagging"): "PutObjectTagging",
    ("DELETE", True, "tagging"): "DeleteObjectTagging", ("GET", True, "attributes"): "GetObjectAttributes",
}
SUB_RESOURCES = tuple(dict.fromkeys(sub for _, _, sub in OPERATIONS if sub))

CODES = {409: "OperationAborted", 412: "PreconditionFailed", 429: "TooManyRequests", 500: "InternalError", 501: "NotImplemented",
         503: "SlowDown"}


def parse_head(head):
    lines = head[:-4].split(b"\r\n")
    fields = []
    for line in lines[1:]:
        name, _, value = line.partition(b":")
        fields.append((name.lower(), value.strip()))
    return lines[0], fields


class Message:
    def header(self, name):
        for other, value in self.fields:
            if other == name:
                return value
        return None

    def metadata(self):
        return [(name, value) for name, value in self.fields if name.startswith(b"x-amz-meta-")]

    def build(self, first):
        return b"\r\n".join([first, *(name + b": " + value for name, value in self.fields)]) + b"\r\n\r\n"

    def body_framing(self, default):
        """How many bytes, "chunked", or `default` when nothing is said."""
        if (self.header(b"transfer-encoding") or b"").lower() == b"chunked":
            return "chunked"
        length = self.header(b"content-length")
        return int(length) if length is not None else default


class Request(Message):
    """`path` and `query` are as sent; bucket and key are decoded, text for people."""

    def __init__(self, head):
        self.head = head
        self.first, self.fields = parse_head(head)
        self.method, self.target, _ = self.first.split(b" ", 2)
        self.path, _, self.query = self.target.partition(b"?")
        self.framing = self.body_framing(0)
        self.keeps = (self.header(b"connection") or b"").lower() != b"close"
        bucket, _, key = self.path[1:].partition(b"/")
        self.bucket = unquote_to_bytes(bucket).decode("utf-8", "backslashreplace")
        self.key = unquote_to_bytes(key).decode("utf-8", "backslashreplace")
        self.query_text = self.query.decode("ascii", "replace")
        self.operation = self.name_operation()
        self.conditions = {name.decode(): value.decode("latin-1") for name, value in self.fields if name in CONDITIONS}

    def name_operation(self):
        names = [pair.partition(b"=")[0].decode("ascii", "replace") for pair in self.query.split(b"&")] if self.query else []
        sub = next((name for name in SUB_RESOURCES if name in names), None)
        method = self.method.decode("ascii", "replace")
        if not self.bucket:
            return "ListBuckets" if method == "GET" else f"{method} /"
        name = OPERATIONS.get((method, bool(self.key), sub), f"{method} ?{sub}" if sub else f"{method} of an unknown kind")
        if self.header(b"x-amz-copy-source") is not None:
            name = {"PutObject": "CopyObject", "UploadPart": "UploadPartCopy"}.get(name, name)
        return name

    def without(self, *names):
        return self.with_fields([(name, value) for name, value in self.fields if name not in names])

    def with_fields(self, fields, target=None):
        other = object.__new__(Request)
        other.__dict__.update(self.__dict__)
        other.fields = fields
        if target is not None:
            other.target = target
            other.path, _, other.query = target.partition(b"?")
        other.head = other.build(other.method + b" " + other.target + b" HTTP/1.1")
        return other


class Answer(Message):
    def __init__(self, head, method):
        self.head = head
        self.first, self.fields = parse_head(head)
        self.status = int(self.first.split(b" ", 2)[1])
        self.framing = 0 if method == b"HEAD" or self.status in (204, 304) or self.status < 200 else self.body_framing(None)
        closes = (self.header(b"connection") or b"").lower() == b"close"
        self.keeps = not closes and self.framing is not None

    def changed(self, fields):
        other = object.__new__(Answer)
        other.__dict__.update(self.__dict__)
        other.fields = fields
        other.head = other.build(self.first)
        return other

    def replace(self, name, value):
        return self.changed([(other, value if other == name else kept) for other, kept in self.fields])

    def without(self, name):
        return self.changed([(other, kept) for other, kept in self.fields if other != name])

    def with_metadata(self, fields):
        return self.changed([field for field in self.fields if field not in self.metadata()] + list(fields))

    def with_length(self, size):
        fields = [(name, value) for name, value in self.fields if name not in (b"content-length", b"transfer-encoding")]
        return self.changed([*fields, (b"content-length", b"%d" % size)])


def refusal(parameters, request):
    """(head, body) of an error as S3 writes them."""
    status = parameters.get("status", 503)
    code = parameters.get("code", CODES.get(status, "InternalError"))
    body = b"" if status < 300 else (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>A fault of the proxy.</Message>'
            f"<RequestId>PROXY</RequestId><HostId>proxy</HostId></Error>").encode()
    fields = [f"HTTP/1.1 {status} Fault", "Content-Type: application/xml", f"Content-Length: {len(body)}",
              "x-amz-request-id: PROXY0000", "x-amz-id-2: proxy"]
    if "retry_after" in parameters:
        fields.append(f"Retry-After: {parameters['retry_after']}")
    if parameters.get("early") or request.header(b"expect"):
        fields.append("Connection: close")
    return "\r\n".join(fields).encode() + b"\r\n\r\n", body


# ---- a server that does not know a condition ----

WRITES = ("PutObject", "CopyObject", "CreateMultipartUpload")

# what is ignored -> (operations, None: all; headers that go, parameters that go)
IGNORED = {
    "put-create": (("PutObject",), (b"if-none-match",), ()),
    "put-replace": (("PutObject",), (b"if-match",), ()),
    "complete-create": (("CompleteMultipartUpload",), (b"if-none-match",), ()),
    "complete-replace": (("CompleteMultipartUpload",), (b"if-match",), ()),
    "delete-match": (("DeleteObject",), (b"if-match",), ()),
    "multi-delete-match": (("DeleteObjects",), (), ()),
    "copy-create": (("CopyObject",), (b"if-none-match",), ()),
    "copy-replace": (("CopyObject",), (b"if-match",), ()),
    "copy-source-match": (("CopyObject", "UploadPartCopy"), (b"x-amz-copy-source-if-match",), ()),
    "get-match": (("GetObject", "HeadObject"), (b"if-match",), ()),
    "get-none-match": (("GetObject", "HeadObject"), (b"if-none-match",), ()),
    "suffix-range": (("GetObject",), (b"range",), ()),
    "range": (("GetObject",), (b"range",), ()),
    "start-after": (("ListObjectsV2",), (), ("start-after",)),
    "continuation": (("ListObjectsV2",), (), ("continuation-token",)),
    "version-lists": (("ListObjectVersions",), (), ("version-id-marker",)),  # behind a version its key begins anew
    "encoding-type": (("ListObjectsV2", "ListObjects", "ListMultipartUploads"), (), ("encoding-type",)),
    "tags": (("PutObject", "CreateMultipartUpload"), (b"x-amz-tagging",), ()),
    "names": ((), (), ()),
    "encryption": (WRITES, (b"x-amz-server-side-encryption",), ()),
    "class": (WRITES, (b"x-amz-storage-class",), ()),
    "payer": (None, (b"x-amz-request-payer",), ()),
}


def stamp_of(message):
    """The nonce that Bale gave the revision, as a request writes it or an answer shows it; None: there is none."""
    found = re.search(rb"(?:^|;)n=([^;]{6})", message.header(b"x-amz-meta-s4-bale") or b"")
    return found and found[1].decode(errors="replace")


def first_of_many(body):
    """The first key that a DeleteObjects names, from the beginning of its body; "" where that does not show it."""
    found = re.search(rb"<Key>([^<]*)</Key>", body)
    return found[1].decode(errors="replace") if found else ""


def concerns(what, request):
    operations, headers, parameters = IGNORED[what]
    if what == "names":
        return collapse(request.path) != request.path
    if operations is not None and request.operation not in operations:
        return False
    if what == "suffix-range":
        return (request.header(b"range") or b"").startswith(b"bytes=-")
    if what == "multi-delete-match":
        return True
    return any(request.header(name) is not None for name in headers) or any(
        f"{name}=" in request.query_text for name in parameters)


def collapse(path):
    """As a file system takes it: no empty segment, no ".", ".." goes up."""
    kept = []
    pieces = path.split(b"/")
    for piece in pieces[2:]:
        plain = unquote_to_bytes(piece)
        if plain == b".." and kept:
            kept.pop()
        elif plain not in (b"", b".", b".."):
            kept.append(piece)
    tail = [b""] if len(pieces) > 2 and (pieces[-1] == b"" or not kept) else []
    return b"/".join([*pieces[:2], *kept, *tail])


def just_before(key):
    """Of a key as it stands in a query, one that nobody uses between it and those before it."""
    plain = unquote_to_bytes(key)
    return quote(plain[:-1] + bytes([plain[-1] - 1]) + "\U0010ffff".encode(), safe="").encode()


class Signer:
    def __init__(self, access_key, secret_key):
        self.access_key, self.secret_key = access_key, secret_key

    def ignore(self, what, request, body):
        """(request, body) without it, signed as if it had never been there."""
        _, headers, parameters = IGNORED[what]
        fields = [(name, value) for name, value in request.fields if name not in headers]
        path, query = request.path, request.query
        if what == "names":
            path = collapse(path)
        if what == "version-lists":
            query = re.sub(rb"key-marker=([^&]*)", lambda found: b"key-marker=" + just_before(found[1]), query)
        if parameters:
            query = b"&".join(pair for pair in query.split(b"&") if pair.partition(b"=")[0].decode() not in parameters)
        if what == "multi-delete-match":
            body = re.sub(rb"<ETag>.*?</ETag>", b"", body or b"")
            fields = self.describe(fields, body)
        target = path + (b"?" + query if query else b"")
        return self.sign(request.with_fields(fields, target)), body

    @staticmethod
    def describe(fields, body):
        """Length and digests of another body."""
        new = {b"content-length": b"%d" % len(body), b"content-md5": base64.b64encode(hashlib.md5(body).digest()),
               b"x-amz-content-sha256": hashlib.sha256(body).hexdigest().encode()}
        kept = [(name, new.get(name, value)) for name, value in fields
                if not name.startswith(b"x-amz-checksum-") and name != b"x-amz-sdk-checksum-algorithm"]
        return kept if any(name == b"content-md5" for name, _ in kept) else [*kept, (b"content-md5", new[b"content-md5"])]

    def sign(self, request):
        given = (request.header(b"authorization") or b"").decode("latin-1")
        found = re.match(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d+)/([^/]+)/s3/aws4_request, ?SignedHeaders=([^,]+),", given)
        if not found or found[1] != self.access_key:
            return request
        have = {name.decode() for name, _ in request.fields}
        names = [name for name in found[4].split(";") if name in have]
        query = [tuple(map(unquote_to_bytes, pair.partition(b"=")[::2])) for pair in request.query.split(b"&")] if request.query else []
        stamp = request.header(b"x-amz-date").decode()
        scope = sigv4.Scope(self.secret_key, None, found[3], date=found[2])
        payload = (request.header(b"x-amz-content-sha256") or b"").decode()
        fields = [(name.decode(), value) for name, value in request.fields]
        canonical = sigv4.canonical_request(request.method, unquote_to_bytes(request.path), query, fields, names, payload)
        signature = scope.sign(sigv4.string_to_sign(stamp, scope, canonical))
        value = (f"AWS4-HMAC-SHA256 Credential={self.access_key}/{scope}, SignedHeaders={';'.join(names)}, "
                 f"Signature={signature}").encode()
        return request.with_fields([(name, value if name == b"authorization" else kept) for name, kept in request.fields])
