"""tests/s3/sigv4.py -- AWS signature version 4 for S3, written from the AWS documentation and nothing else.

Standard library only. It is the suite's own opinion of what a signature is, so it shares no line with the server.
Sources: "Authenticating Requests (AWS Signature Version 4)" in the Amazon S3 API reference: the Authorization header,
query parameters, "Transferring Payload in Multiple Chunks", "Including Trailing Headers".

Text is handled as bytes where bytes matter: a path or a query value may hold anything.
"""

import datetime
import hashlib
import hmac

ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()

UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
STREAM_SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
STREAM_SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
STREAM_UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def to_bytes(text):
    return text if isinstance(text, bytes) else str(text).encode("utf-8")


def uri_encode(text, keep_slash=False):
    """Every byte but the unreserved ones becomes %XX, upper case; optionally "/" stays."""
    return "".join(
        chr(byte) if byte in _PLAIN or (keep_slash and byte == 0x2F) else f"%{byte:02X}" for byte in to_bytes(text)
    )


def amz_date(when):
    return when.strftime("%Y%m%dT%H%M%SZ")


def utc_now():
    return datetime.datetime.now(datetime.timezone.utc)


def hmac_sha256(key, text):
    return hmac.new(key, to_bytes(text), hashlib.sha256).digest()


def canonical_query(pairs):
    encoded = sorted((uri_encode(name), uri_encode(value)) for name, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)


def canonical_headers(headers, signed_names):
    """Lower-case names, values trimmed and inner runs of spaces folded, repeated headers joined by a comma in order."""
    lines = b""
    for name in signed_names:
        values = [b" ".join(to_bytes(value).split()) for other, value in headers if other.lower() == name]
        lines += to_bytes(name) + b":" + b",".join(values) + b"\n"
    return lines


class Scope:
    """The credential scope and the signing key that belongs to it; each part can be bent by a test."""

    def __init__(self, secret_key, when, region, service="s3", terminal="aws4_request", date=None):
        self.date = date or when.strftime("%Y%m%d")
        self.region, self.service, self.terminal = region, service, terminal
        key = hmac_sha256(b"AWS4" + to_bytes(secret_key), self.date)
        for part in (region, service, terminal):
            key = hmac_sha256(key, part)
        self.key = key

    def __str__(self):
        return f"{self.date}/{self.region}/{self.service}/{self.terminal}"

    def sign(self, text):
        return hmac.new(self.key, to_bytes(text), hashlib.sha256).hexdigest()


def canonical_request(method, path, query, headers, signed_names, payload_hash):
    """`path` is decoded; S3 encodes it once and never normalises it."""
    return b"\n".join([
        to_bytes(method),
        to_bytes(uri_encode(path, keep_slash=True)),
        to_bytes(canonical_query(query)),
        canonical_headers(headers, signed_names),
        to_bytes(";".join(signed_names)),
        to_bytes(payload_hash),
    ])


def string_to_sign(timestamp, scope, canonical):
    return "\n".join([ALGORITHM, timestamp, str(scope), hashlib.sha256(canonical).hexdigest()])


class ChunkSigner:
    """The chain of signatures over the chunks of a streamed body, begun by the signature of its head."""

    def __init__(self, scope, timestamp, seed):
        self.scope, self.timestamp, self.previous = scope, timestamp, seed

    def chunk(self, data):
        text = "\n".join([
            "AWS4-HMAC-SHA256-PAYLOAD", self.timestamp, str(self.scope), self.previous, EMPTY_SHA256,
            hashlib.sha256(data).hexdigest(),
        ])
        self.previous = self.scope.sign(text)
        return self.previous

    def trailer(self, lines):
        """`lines` is the canonical trailer: "name:value\\n" each."""
        text = "\n".join([
            "AWS4-HMAC-SHA256-TRAILER", self.timestamp, str(self.scope), self.previous,
            hashlib.sha256(to_bytes(lines)).hexdigest(),
        ])
        self.previous = self.scope.sign(text)
        return self.previous


def split_chunks(body, chunk_size):
    return [body[start:start + chunk_size] for start in range(0, len(body), chunk_size)]


def stream_signed(chunks, signer, trailers=None):
    """aws-chunked body with a signature per chunk; with `trailers` (pairs) also the signed trailer."""
    out = []
    for data in list(chunks) + [b""]:
        out.append(b"%x;chunk-signature=%s\r\n" % (len(data), signer.chunk(data).encode()))
        if data:
            out.append(data + b"\r\n")
    if trailers is None:
        out.append(b"\r\n")
    else:
        for name, value in trailers:
            out.append(to_bytes(name) + b":" + to_bytes(value) + b"\r\n")
        lines = b"".join(to_bytes(name.lower()) + b":" + to_bytes(value) + b"\n" for name, value in trailers)
        out.append(b"x-amz-trailer-signature:" + signer.trailer(lines).encode() + b"\r\n\r\n")
    return b"".join(out)


def stream_unsigned(chunks, trailers=()):
    out = [b"%x\r\n%s\r\n" % (len(data), data) for data in chunks if data]
    out.append(b"0\r\n")
    out += [to_bytes(name) + b":" + to_bytes(value) + b"\r\n" for name, value in trailers]
    out.append(b"\r\n")
    return b"".join(out)
