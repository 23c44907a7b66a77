"""tests/s3/test_y2_programs.py -- section Y2: what real programs send, each in the program's own form."""

import base64
import hashlib

import checksums
import sigv4
from case import S3Case
from sigv4 import STREAM_SIGNED_TRAILER, STREAM_UNSIGNED_TRAILER

BODY = hashlib.shake_128(b"programs").digest(100_000)


class Plus(S3Case):
    """A space that was written as forms write it."""

    def test_349_lists_of_the_java_sdk(self):
        """Version 1 of the Java SDK writes a space of a parameter as "+" and signs "%20"."""
        for key in ("a b/1", "a b/2 x", "a+b/1", "z"):
            self.put(key, b"x")
        for wire_query, query, keys in (
            ("prefix=a+b%2F&encoding-type=url&max-keys=10", {"prefix": "a b/", "encoding-type": "url", "max-keys": "10"},
             ["a%20b/1", "a%20b/2%20x"]),
            ("prefix=a%2Bb", {"prefix": "a+b"}, ["a+b/1"]),
            ("marker=a+b%2F2+x", {"marker": "a b/2 x"}, ["a+b/1", "z"]),
            ("list-type=2&start-after=a+b%2F1", {"list-type": "2", "start-after": "a b/1"}, ["a b/2 x", "a+b/1", "z"]),
        ):
            with self.subTest(wire_query):
                answer = self.assert_success_xml(self.alice.get(self.bucket, None, query, wire_query=wire_query), "ListBucketResult")
                self.assertEqual(keys, answer.texts("Contents/Key"))
        answer = self.alice.get(self.bucket, None, {"delimiter": " "}, wire_query="delimiter=+")
        self.assertEqual((" ", ["a "]), (answer.text("Delimiter"), answer.texts("CommonPrefixes/Prefix")))
        answer = self.alice.get(self.bucket, None, {"list-type": "2", "prefix": "a+b"}, wire_query="list-type=2&prefix=a+b")
        self.assert_error(answer, 403, "SignatureDoesNotMatch")  # signed as a plus, sent as a space

    def test_349_presigned_parameters(self):
        self.put("a+b", b"content")
        overrides = {"response-content-disposition": 'attachment; filename="a b+c"'}
        prepared = self.alice.prepare("GET", self.bucket, "a+b", overrides, auth="presigned")
        path, _, query = prepared.target.partition(b"?")
        prepared.target = path + b"?" + query.replace(b"%20", b"+")
        answer = self.alice.send(prepared)
        self.assert_status(200, answer)
        self.assertEqual((b"content", 'attachment; filename="a b+c"'), (answer.body, answer.header("content-disposition")))

    def test_349_plus_in_the_path_stays_one(self):
        self.put("a b", b"space")
        self.put("a+b", b"plus")
        for written, body in (("a+b", b"plus"), ("a%2Bb", b"plus"), ("a%20b", b"space")):
            key = "a b" if body == b"space" else "a+b"
            answer = self.alice.get(self.bucket, key, {"x": "y z"}, target=f"/{self.bucket}/{written}", wire_query="x=y+z")
            self.assertEqual((200, body), (answer.status, answer.body), written)

    def copy(self, source, headers=(), key="to", query=()):
        return self.alice.put(self.bucket, key, query, {"x-amz-copy-source": f"/{self.bucket}/{source}", **dict(headers)})

    def test_350_copy_source_is_form_encoded(self):
        """Both keys exist, and so does each alone: what is meant never depends on what there is."""
        self.put("a b", b"space")
        self.put("a+b", b"plus")
        for source, body in (("a+b", b"space"), ("a%20b", b"space"), ("a%2Bb", b"plus"), ("a%2bb", b"plus")):
            with self.subTest(source):
                self.assert_success_xml(self.copy(source), "CopyObjectResult")
                self.assert_object("to", body)
        self.alice.delete(self.bucket, "a b")
        self.assert_error(self.copy("a+b"), 404, "NoSuchKey", {"Key": "a b"})
        self.alice.delete(self.bucket, "a+b")
        self.put("a b", b"space")
        self.assert_error(self.copy("a%2Bb"), 404, "NoSuchKey", {"Key": "a+b"})

    def test_350_parts_that_are_copied(self):
        self.put("a b", b"space")
        self.put("a+b", b"plus, and more")
        upload = self.alice.post(self.bucket, "to", {"uploads": None}).text("UploadId")
        document = ""
        answer = self.copy("a+b", query=[("partNumber", "1"), ("uploadId", upload)])
        self.assert_success_xml(answer, "CopyPartResult")
        document = f"<Part><PartNumber>1</PartNumber><ETag>{answer.text('ETag')}</ETag></Part>"
        done = self.alice.post(self.bucket, "to", {"uploadId": upload}, (),
                               f"<CompleteMultipartUpload>{document}</CompleteMultipartUpload>")
        self.assert_status(200, done)
        self.assertEqual(b"space", self.get("to").body)


class Trailers(S3Case):
    def put_with_ends(self, form, body, checksum_end, signature_end, end=b"\r\n", key="k"):
        name, value = checksums.header("CRC32C"), checksums.checksum("CRC32C", body)
        prepared = self.alice.prepare("PUT", self.bucket, key, (), (), body, payload=form, trailers=[(name, value)])
        line = f"{name}:{value}".encode()
        prepared.body = prepared.body[:-2].replace(line + b"\r\n", line + checksum_end)
        if form == STREAM_SIGNED_TRAILER:
            prepared.body = prepared.body[:-2] + signature_end
        prepared.body += end
        return self.alice.send(prepared.set("Content-Length", str(len(prepared.body))))

    def test_351_lines_of_trailers(self):
        """minio-go ends the checksum's line with LF CR LF."""
        ends = (b"\r\n", b"\n", b"\n\r\n")
        for form in (STREAM_UNSIGNED_TRAILER, STREAM_SIGNED_TRAILER):
            for checksum_end in ends:
                for signature_end in ends if form == STREAM_SIGNED_TRAILER else ends[:1]:
                    for body in (BODY, b""):
                        with self.subTest(f"{form} {checksum_end} {signature_end} {len(body)}"):
                            answer = self.put_with_ends(form, body, checksum_end, signature_end)
                            self.assert_status(200, answer)
                            self.assertEqual(checksums.checksum("CRC32C", body), answer.header("x-amz-checksum-crc32c"))
                            self.assert_object("k", body)

    def test_351_what_is_signed_is_the_line_without_its_end(self):
        """A trailer that was changed is refused however its lines end; so is one that ends too early."""
        for end in (b"\r\n", b"\n", b"\n\r\n"):
            name, value = checksums.header("CRC32C"), checksums.checksum("CRC32C", BODY)
            for changed, status, code in ((checksums.checksum("CRC32C", b"other"), 403, "SignatureDoesNotMatch"),
                                          (value[:-1], 400, "InvalidRequest")):
                prepared = self.alice.prepare("PUT", self.bucket, "k", (), (), BODY, payload=STREAM_SIGNED_TRAILER,
                                              trailers=[(name, value)])
                prepared.body = prepared.body.replace(value.encode() + b"\r\n", changed.encode() + end)
                self.assert_error(self.alice.send(prepared.set("Content-Length", str(len(prepared.body)))), status, code)
        answer = self.put_with_ends(STREAM_UNSIGNED_TRAILER, BODY, b"\n", b"", end=b"")
        self.assert_error(answer, 400, "IncompleteBody")
        self.assert_absent("k")
