"""tests/s3/client.py -- S3 requests that are right by default and wrong exactly where a test wants them to be.

`Client.prepare` builds a request (head and body as bytes, still open to changes), `Client.send` puts it on the wire and
reads the answer, `Client.request` does both. One connection per thread is kept and used again, as SDKs do.
"""

import base64
import hashlib
import re
import threading

import sigv4
import wire

DEFAULT_CHUNK = 64 << 10
BY_BACKEND = re.compile(rb"<Message>([^<]*backend (?:cannot|does not|refuses)[^<]*)</Message>")
RAW_LACKS = frozenset({"packing", "reserved names", "journal", "settings"})  # what baled --raw has not


class Account:
    def __init__(self, name, access_key, secret_key, canonical_id):
        self.name, self.access_key, self.secret_key, self.id = name, access_key, secret_key, canonical_id


class Server:
    """What a test may know of the server: where it listens, whom it knows, which names it answers to."""

    def __init__(self, address, accounts, region="us-east-1", domain=None, admin=None, pid=None, folder=None, tls=None,
                 lacks=()):
        self.address, self.accounts, self.region, self.domain = address, accounts, region, domain
        self.admin, self.pid, self.folder = admin, pid, folder
        self.tls = tls  # an ssl.SSLContext; None: plain HTTP
        self.lacks = frozenset(lacks)  # what tests need and it has not, by name: case.needs

    @property
    def host(self):
        return f"{self.address[0]}:{self.address[1]}"


class Prepared:
    def __init__(self, method, target, headers, body):
        self.method, self.target, self.headers, self.body = method, target, headers, body
        self.canonical = self.string_to_sign = self.signature = self.chunk_signer = None

    @property
    def head(self):
        lines = [sigv4.to_bytes(self.method) + b" " + sigv4.to_bytes(self.target) + b" HTTP/1.1"]
        lines += [sigv4.to_bytes(name) + b": " + sigv4.to_bytes(value) for name, value in self.headers]
        return b"\r\n".join(lines) + b"\r\n\r\n"

    @property
    def bytes(self):
        return self.head + self.body

    def set(self, name, value):
        """Replaces a header behind the signer's back; None removes it."""
        self.headers = [pair for pair in self.headers if pair[0].lower() != name.lower()]
        if value is not None:
            self.headers.append((name, value))
        return self

    def get(self, name):
        return next((value for other, value in self.headers if other.lower() == name.lower()), None)


def pairs(items):
    return list(items.items()) if isinstance(items, dict) else list(items or ())


def http_chunked(body, chunk_size=1000):
    """HTTP's own chunked coding, the outer layer of statement 80."""
    parts = [b"%x\r\n%s\r\n" % (len(part), part) for part in sigv4.split_chunks(body, chunk_size)]
    return b"".join(parts) + b"0\r\n\r\n"


class Client:
    def __init__(self, server, account):
        self.server, self.account = server, account
        self.kept = threading.local()
        self.refusals = None  # a list: what was refused because of the backend behind the server is noted there

    # ---- building ----

    def path_of(self, bucket, key, style):
        path = b"/"
        if bucket is not None and style == "path":
            path += sigv4.to_bytes(bucket)
            if key is not None:
                path += b"/"
        if key is not None:
            path += sigv4.to_bytes(key)
        return path

    def prepare(self, method, bucket=None, key=None, query=(), headers=(), body=b"", *, auth="header", payload="sha256",
                chunk=DEFAULT_CHUNK, chunks=None, trailers=None, transfer=None, when=None, expires=900, style="path",
                host=None, target=None, wire_query=None, signed=None, also_signed=(), access_key=None, secret_key=None,
                region=None, service="s3", terminal="aws4_request", scope_date=None, algorithm=sigv4.ALGORITHM,
                length="auto", sign_payload_as=None):
        when = when or sigv4.utc_now()
        timestamp = sigv4.amz_date(when)
        body = sigv4.to_bytes(body)
        path = self.path_of(bucket, key, style)
        if host is None:
            host = self.server.host if style == "path" else f"{bucket}.{self.server.domain}"
        query, extra = pairs(query), pairs(headers)
        given = {name.lower() for name, _ in extra}
        fields = [("Host", host)] if "host" not in given else []
        streaming = payload if payload.startswith("STREAMING-") else None

        if auth == "header":
            if "x-amz-date" not in given and "date" not in given:
                fields.append(("x-amz-date", timestamp))
            if "x-amz-content-sha256" not in given:
                value = {"sha256": hashlib.sha256(body).hexdigest(), "unsigned": sigv4.UNSIGNED_PAYLOAD}.get(payload, payload)
                fields.append(("x-amz-content-sha256", value))
        if streaming and "x-amz-decoded-content-length" not in given:
            fields.append(("x-amz-decoded-content-length", str(len(body))))
        if streaming and "content-encoding" not in given:
            fields.append(("Content-Encoding", "aws-chunked"))
        if trailers and "x-amz-trailer" not in given:
            fields.append(("x-amz-trailer", ",".join(name for name, _ in trailers)))
        fields += [(name, value) for name, value in extra if value is not None]

        scope = sigv4.Scope(secret_key or self.account.secret_key, when, region or self.server.region, service, terminal,
                            scope_date)
        credential = f"{access_key or self.account.access_key}/{scope}"
        if signed is None:
            signed = {name.lower() for name, _ in fields}
            signed = {name for name in signed if name == "host" or name.startswith("x-amz-")
                      or name in ("content-type", "content-md5")} if auth == "header" else {"host"} | (
                      {name for name in signed if name.startswith("x-amz-")})
        signed = sorted(set(signed) | {name.lower() for name in also_signed})
        if auth == "header" and "x-amz-date" in signed:
            timestamp = next((value for name, value in fields if name.lower() == "x-amz-date"), timestamp)
        payload_hash = next((value for name, value in fields if name.lower() == "x-amz-content-sha256"),
                            sigv4.UNSIGNED_PAYLOAD)
        if auth == "presigned":
            query += [("X-Amz-Algorithm", algorithm), ("X-Amz-Credential", credential), ("X-Amz-Date", timestamp),
                      ("X-Amz-Expires", str(expires)), ("X-Amz-SignedHeaders", ";".join(signed))]
        signed_query = [(name, "" if value is None else value) for name, value in query]
        canonical = sigv4.canonical_request(method, path, signed_query, fields, signed, sign_payload_as or payload_hash)
        text = sigv4.string_to_sign(timestamp, scope, canonical)
        signature = scope.sign(text)
        if auth == "presigned":
            query.append(("X-Amz-Signature", signature))
        elif auth == "header":
            fields.append(("Authorization", f"{algorithm} Credential={credential}, SignedHeaders={';'.join(signed)}, "
                                            f"Signature={signature}"))

        signer = sigv4.ChunkSigner(scope, timestamp, signature)
        if streaming:
            chunks = sigv4.split_chunks(body, chunk) if chunks is None else chunks
            if streaming.startswith("STREAMING-UNSIGNED"):
                body = sigv4.stream_unsigned(chunks, trailers or ())
            else:
                body = sigv4.stream_signed(chunks, signer, (trailers or ()) if streaming.endswith("TRAILER") else None)
        if transfer == "chunked":
            body = http_chunked(body)
            fields.append(("Transfer-Encoding", "chunked"))
        elif length == "auto":
            if (body or method in ("PUT", "POST")) and "content-length" not in given:
                fields.append(("Content-Length", str(len(body))))
        elif length is not None:
            fields.append(("Content-Length", str(length)))

        if wire_query is None:
            wire_query = "&".join(sigv4.uri_encode(name) if value is None else
                                  f"{sigv4.uri_encode(name)}={sigv4.uri_encode(value)}" for name, value in query)
        target = target if target is not None else sigv4.uri_encode(path, keep_slash=True)
        prepared = Prepared(method, sigv4.to_bytes(target) + (b"?" + sigv4.to_bytes(wire_query) if wire_query else b""),
                            fields, body)
        prepared.canonical, prepared.string_to_sign, prepared.signature = canonical, text, signature
        prepared.chunk_signer = signer
        return prepared

    # ---- sending ----

    def connect(self, **options):
        return wire.Connection(self.server.address, tls=self.server.tls, **options)

    def send(self, prepared):
        """On the kept connection; once more on a new one when the server had closed it in between."""
        kept = getattr(self.kept, "connection", None)
        if kept is not None:
            try:
                return self._send_on(kept, prepared)
            except (wire.Closed, OSError):
                kept.close()
        self.kept.connection = self.connect()
        return self._send_on(self.kept.connection, prepared)

    def _send_on(self, connection, prepared):
        self.kept.connection = None
        connection.try_send(prepared.bytes)
        response = connection.read_response(prepared.method)
        if self.refusals is not None and BY_BACKEND.search(response.body):
            self.refusals.append(BY_BACKEND.search(response.body)[1].decode())
        if connection.must_close:
            connection.close()
        else:
            self.kept.connection = connection
        return response

    def request(self, method, bucket=None, key=None, query=(), headers=(), body=b"", **options):
        return self.send(self.prepare(method, bucket, key, query, headers, body, **options))

    def get(self, *args, **options):
        return self.request("GET", *args, **options)

    def put(self, *args, **options):
        return self.request("PUT", *args, **options)

    def head(self, *args, **options):
        return self.request("HEAD", *args, **options)

    def post(self, *args, **options):
        return self.request("POST", *args, **options)

    def delete(self, *args, **options):
        return self.request("DELETE", *args, **options)

    # ---- what nearly every test needs ----

    def delete_objects(self, bucket, document, headers=(), **options):
        document = sigv4.to_bytes(document)
        fields = pairs(headers) or [("Content-MD5", base64.b64encode(hashlib.md5(document).digest()).decode())]
        return self.request("POST", bucket, None, [("delete", None)], fields, document, **options)

    def list_all(self, bucket, **parameters):
        """Keys and common prefixes of a whole walk with ListObjectsV2, and the pages they came on."""
        keys, prefixes, pages, token = [], [], [], None
        while True:
            query = [("list-type", "2")] + [(name.replace("_", "-"), value) for name, value in parameters.items()]
            if token is not None:
                query.append(("continuation-token", token))
            page = self.get(bucket, None, query)
            assert page.status == 200, page
            pages.append(page)
            keys += page.texts("Contents/Key")
            prefixes += page.texts("CommonPrefixes/Prefix")
            if page.text("IsTruncated") != "true":
                return keys, prefixes, pages
            token = page.text("NextContinuationToken")
