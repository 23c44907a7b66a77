"""tests/s3/multipart.py -- uploads in parts, as tests want them: begun, fed, completed, with every step open to changes."""

import hashlib
import random
from xml.sax.saxutils import escape

import checksums
from case import S3Case

LEAST = 5 << 20  # of every part but the last


def text_bytes(size, seed=0):
    """Like a log: shrinks to a fraction."""
    line = b"2026-11-21T%02d:00:00Z 10.0.0.%d GET /images/%d.png 200\n"
    source = random.Random(seed)
    block = b"".join(line % (source.randrange(24), source.randrange(256), source.randrange(10 ** 6)) for _ in range(2000))
    return (block * (size // len(block) + 1))[:size]


def noise_bytes(size, seed=0):
    return random.Random(seed).randbytes(size)


def composite_etag(bodies):
    """Statement 264."""
    return '"%s-%d"' % (hashlib.md5(b"".join(hashlib.md5(body).digest() for body in bodies)).hexdigest(), len(bodies))


def part_xml(number, etag, extra=""):
    return f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(str(etag))}</ETag>{extra}</Part>"


def document(*parts):
    return ('<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' + "".join(parts)
            + "</CompleteMultipartUpload>")


class MultipartCase(S3Case):
    def create(self, key="k", headers=(), client=None, bucket=None):
        answer = (client or self.alice).post(bucket or self.bucket, key, {"uploads": None}, headers)
        self.assert_success_xml(answer, "InitiateMultipartUploadResult")
        return answer.text("UploadId")

    def try_part(self, upload, number, body, key="k", headers=(), client=None, **options):
        query = [("partNumber", str(number)), ("uploadId", upload)]
        return (client or self.alice).put(self.bucket, key, query, headers, body, **options)

    def part(self, upload, number, body, key="k", headers=(), **options):
        """Returns the part's line of the document that completes the upload."""
        answer = self.try_part(upload, number, body, key, headers, **options)
        self.assert_status(200, answer)
        self.assertEqual(checksums.etag(body), answer.header("etag"))
        return part_xml(number, answer.header("etag"))

    def copy_part(self, upload, number, source, byte_range=None, key="k", headers=()):
        fields = {"x-amz-copy-source": source, **dict(headers)}
        if byte_range is not None:
            fields["x-amz-copy-source-range"] = byte_range
        return self.alice.put(self.bucket, key, [("partNumber", str(number)), ("uploadId", upload)], fields)

    def try_complete(self, upload, *parts, key="k", headers=(), client=None, body=None):
        return (client or self.alice).post(self.bucket, key, {"uploadId": upload}, headers,
                                           document(*parts) if body is None else body)

    def complete(self, upload, *parts, key="k", headers=()):
        return self.assert_success_xml(self.try_complete(upload, *parts, key=key, headers=headers),
                                       "CompleteMultipartUploadResult")

    def abort(self, upload, key="k", client=None):
        return (client or self.alice).delete(self.bucket, key, {"uploadId": upload})

    def list_parts(self, upload, *query, key="k"):
        return self.alice.get(self.bucket, key, [("uploadId", upload), *query])

    def list_uploads(self, *query, bucket=None):
        return self.alice.get(bucket or self.bucket, None, [("uploads", None), *query])

    def make(self, bodies, key="k", headers=()):
        """An object of these parts."""
        upload = self.create(key, headers)
        parts = [self.part(upload, number, body, key) for number, body in enumerate(bodies, 1)]
        answer = self.complete(upload, *parts, key=key)
        self.assertEqual(composite_etag(bodies), answer.text("ETag"))
        return answer

    def assert_bytes(self, key, body):
        answer = self.get(key)
        self.assert_status(200, answer)
        self.assertEqual(len(body), len(answer.body))
        self.assertTrue(body == answer.body, f"{key!r}: other bytes than were uploaded")
        return answer
