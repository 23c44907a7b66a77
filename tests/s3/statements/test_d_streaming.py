"""tests/s3/statements/test_d_streaming.py -- section D: streamed bodies (aws-chunked), signed and unsigned, with and without trailer."""

import hashlib
import random
import time

import checksums
import sigv4
from case import S3Case
from sigv4 import STREAM_SIGNED, STREAM_SIGNED_TRAILER, STREAM_UNSIGNED_TRAILER

BODY = hashlib.shake_128(b"streaming").digest(100_000)
ALL_FORMS = ("sha256", "unsigned", STREAM_SIGNED, STREAM_SIGNED_TRAILER, STREAM_UNSIGNED_TRAILER)
TRAILER_FORMS = (STREAM_SIGNED_TRAILER, STREAM_UNSIGNED_TRAILER)


def trailer(algorithm, body):
    return [(checksums.header(algorithm), checksums.checksum(algorithm, body))]


class Streaming(S3Case):
    def with_form(self, form, body, key="k", headers=(), **options):
        if form in TRAILER_FORMS and "trailers" not in options:
            options["trailers"] = trailer("CRC32", body)
        return self.alice.prepare("PUT", self.bucket, key, (), headers, body, payload=form, **options)

    def refused(self, status, code, prepare, children=(), half_close=False):
        """`prepare(key)` gives the request; refused with nothing there, and with an old object that stays."""
        for old in (None, b"old object"):
            key = "new" if old is None else "old"
            if old:
                self.put(key, old)
            prepared = prepare(key)
            with self.alice.connect() as connection:
                connection.try_send(prepared.bytes)
                if half_close:
                    connection.finish_sending()
                self.assert_error(connection.read_response(), status, code, children)
            if old:
                self.assert_object(key, old)
            else:
                self.assert_absent(key)

    def test_075_all_forms_are_accepted(self):
        for form in ALL_FORMS:
            for chunk in (8192, 65536, 1 << 20):
                with self.subTest(f"{form} {chunk}"):
                    answer = self.alice.send(self.with_form(form, BODY, form, chunk=chunk))
                    self.assert_status(200, answer)
                    self.assertEqual(checksums.etag(BODY), answer.header("etag"))
                    self.assert_object(form, BODY)

    def test_075_ecdsa_forms_are_refused(self):
        for value in ("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER"):
            answer = self.alice.put(self.bucket, "k", (), {"x-amz-content-sha256": value,
                                    "x-amz-decoded-content-length": "5"}, b"hello")
            self.assertIn(answer.status, (400, 403, 501), answer)
            self.assert_error(answer, answer.status, answer.code)
        self.assert_absent("k")

    def test_076_stored_object_is_the_decoded_body(self):
        for form in (STREAM_SIGNED, *TRAILER_FORMS):
            body = b"chunk-signature=0123;\r\n0\r\n\r\n" * 400
            self.assert_status(200, self.alice.send(self.with_form(form, body, form, chunk=8192)))
            self.assertEqual(str(len(body)), self.head(form).header("content-length"))
            self.assert_object(form, body)

    def test_077_aws_chunked_is_removed_from_content_encoding(self):
        for sent, stored in (("aws-chunked", None), ("gzip, aws-chunked", "gzip"), ("aws-chunked, gzip", "gzip"),
                             ("aws-chunked,gzip,br", "gzip,br"), ("gzip,aws-chunked, br", "gzip,br"), ("gzip", "gzip"),
                             ("AWS-Chunked", None)):
            with self.subTest(sent):
                prepared = self.with_form(STREAM_SIGNED, b"x" * 100, headers={"Content-Encoding": sent})
                self.assert_status(200, self.alice.send(prepared))
                got = self.head("k").header("content-encoding")
                self.assertEqual(stored and stored.replace(" ", ""), got and got.replace(" ", ""))

    def test_077_stream_without_content_encoding_header(self):
        prepared = self.with_form(STREAM_SIGNED, b"x" * 100, headers={"Content-Encoding": None})
        self.assertIsNone(prepared.get("content-encoding"))
        self.assert_status(200, self.alice.send(prepared))
        self.assert_object("k", b"x" * 100)

    def test_078_decoded_length_missing_or_invalid(self):
        for form in (STREAM_SIGNED, *TRAILER_FORMS):
            for value in (None, "", "abc", "-1"):
                with self.subTest(f"{form} {value}"):
                    self.refused(411, "MissingContentLength", lambda key: self.with_form(
                        form, BODY, key, {"x-amz-decoded-content-length": value}))

    def test_079_decoded_length_differs(self):
        for form in (STREAM_SIGNED, *TRAILER_FORMS):
            for length in (len(BODY) - 1, len(BODY) + 1, 0):
                with self.subTest(f"{form} {length}"):
                    self.refused(400, "IncompleteBody", lambda key: self.with_form(
                        form, BODY, key, {"x-amz-decoded-content-length": str(length)}))

    def test_080_chunked_coding_around_aws_chunked(self):
        for form in (STREAM_SIGNED, *TRAILER_FORMS):
            with self.subTest(form):
                prepared = self.with_form(form, BODY, form, transfer="chunked", chunk=8192)
                self.assertIsNone(prepared.get("content-length"))
                self.assert_status(200, self.alice.send(prepared))
                self.assert_object(form, BODY)

    def test_081_boundaries_anywhere(self):
        body = BODY[:20_000]
        for form in (STREAM_SIGNED, *TRAILER_FORMS):
            for transfer in (None, "chunked"):
                prepared = self.with_form(form, body, form, chunk=8192, transfer=transfer)
                with self.alice.connect() as connection:
                    for piece in (1, 3, 17, 85, 4096):
                        with self.subTest(f"{form} {transfer} {piece}"):
                            connection.send(prepared.head)
                            if piece < 17:  # every boundary where framing is, the data in large pieces
                                connection.send_in_pieces(prepared.body[:200], piece, 0.0003)
                                connection.send(prepared.body[200:8100])
                                connection.send_in_pieces(prepared.body[8100:8500], piece, 0.0003)
                                connection.send(prepared.body[8500:-300])
                                connection.send_in_pieces(prepared.body[-300:], piece, 0.0003)
                            else:
                                connection.send_in_pieces(prepared.body, piece)
                            self.assert_status(200, connection.read_response())
                self.assert_object(form, body)

    def test_081_chunks_of_many_sizes(self):
        rng = random.Random(81)
        for form in (STREAM_SIGNED, *TRAILER_FORMS):
            body, chunks = BODY, []
            start = 0
            while start < len(body):
                size = rng.choice((8192, 8193, 10_000, 16_384, 33_333))
                chunks.append(body[start:start + size])
                start += size
            self.assert_status(200, self.alice.send(self.with_form(form, body, form, chunks=chunks)))
            self.assert_object(form, body)

    def test_082_broken_framing(self):
        def bend(old, new, form=STREAM_UNSIGNED_TRAILER):
            def prepare(key):
                prepared = self.with_form(form, BODY[:9000], key, chunk=9000)
                changed = prepared.body.replace(old, new, 1)
                self.assertNotEqual(changed, prepared.body)
                prepared.body = changed
                return prepared.set("Content-Length", str(len(changed)))
            return prepare
        for name, prepare in {
            "no CRLF behind data": bend(BODY[8990:9000] + b"\r\n", BODY[8990:9000] + b"XX"),
            "bad hex": bend(b"2328\r\n", b"23zz\r\n"),
            "no size": bend(b"2328\r\n", b"\r\n"),
            "huge size": bend(b"2328\r\n", b"ffffffffffffffffff\r\n"),
            "negative": bend(b"2328\r\n", b"-2328\r\n"),
            "size above the data": bend(b"2328\r\n", b"2329\r\n"),
            "size below the data": bend(b"2328\r\n", b"2327\r\n"),
            "signed, bad hex": bend(b"2328;", b"23g8;", STREAM_SIGNED),
            "signed, LF alone": bend(b"2328;", b"2328\n;", STREAM_SIGNED),
            "no last chunk": bend(b"0\r\nx-amz", b"x-amz"),
        }.items():
            with self.subTest(name):
                self.refused(400, "IncompleteBody", prepare)

    def test_082_early_end(self):
        for form in (STREAM_SIGNED, *TRAILER_FORMS):
            for cut in (1, 2, 10, 60, 200, 5000):
                def prepare(key):
                    prepared = self.with_form(form, BODY[:20_000], key, chunk=8192)
                    prepared.body = prepared.body[:-cut]
                    return prepared.set("Content-Length", str(len(prepared.body)))
                with self.subTest(f"{form} {cut}"):
                    for key, old in (("new", None), ("old", b"old object")):
                        if old:
                            self.put(key, old)
                        answer = self.alice.send(prepare(key))
                        self.assertEqual(400, answer.status, answer)
                        self.assertIn(answer.code, ("IncompleteBody", "MalformedTrailerError"), answer)
                        if old:
                            self.assert_object(key, old)
                        else:
                            self.assert_absent(key)

    def test_082_bytes_behind_the_end(self):
        for form in (STREAM_SIGNED, *TRAILER_FORMS):
            def prepare(key):
                prepared = self.with_form(form, BODY[:9000], key)
                prepared.body += b"extra"
                return prepared.set("Content-Length", str(len(prepared.body)))
            with self.subTest(form):
                answer = self.alice.send(prepare("new"))
                self.assertEqual(400, answer.status, answer)
                self.assert_absent("new")

    def test_082_chunk_header_without_end(self):
        prepared = self.with_form(STREAM_SIGNED, BODY, "k")
        body = b"2000;chunk-signature=" + b"a" * (1 << 20)
        prepared.set("Content-Length", str(len(body)))
        prepared.body = body
        answer = self.alice.send(prepared)
        self.assertEqual(400, answer.status, answer)
        self.assert_absent("k")

    def test_083_small_chunk_refused(self):
        for form in (STREAM_SIGNED, *TRAILER_FORMS):
            with self.subTest(form):
                chunks = [BODY[:8192], BODY[8192:8192 + 8191], BODY[8192 + 8191:30_000]]
                self.refused(400, "InvalidChunkSizeError", lambda key: self.with_form(form, BODY[:30_000], key, chunks=chunks),
                             {"BadChunkSize": "8191"})
                answer = self.alice.send(self.with_form(form, BODY[:30_000], "new", chunks=chunks))
                self.assertRegex(answer.text("Chunk") or "", r"^\d+$")
                last_small = [BODY[:8192], BODY[8192:8193]]
                self.assert_status(200, self.alice.send(self.with_form(form, BODY[:8193], "fine", chunks=last_small)))
                only_small = [BODY[:1]]
                self.assert_status(200, self.alice.send(self.with_form(form, BODY[:1], "fine", chunks=only_small)))

    def test_084_wrong_chunk_signature(self):
        def flip(which):
            def prepare(key):
                prepared = self.with_form(STREAM_SIGNED, BODY, key, chunk=16_384)
                at = -1
                for _ in range(which):
                    at = prepared.body.index(b"chunk-signature=", at + 1)
                at += len(b"chunk-signature=") + 5
                digit = b"0" if prepared.body[at:at + 1] != b"0" else b"1"
                prepared.body = prepared.body[:at] + digit + prepared.body[at + 1:]
                return prepared
            return prepare
        for which in (1, 3, 7, 8):  # the first, one inside, the last with data, the closing one
            with self.subTest(which):
                self.refused(403, "SignatureDoesNotMatch", flip(which))

    def test_084_changed_data_and_swapped_chunks(self):
        def changed(key):
            prepared = self.with_form(STREAM_SIGNED, BODY, key)
            prepared.body = prepared.body.replace(BODY[50_000:50_008], b"\x00" * 8)
            return prepared
        self.refused(403, "SignatureDoesNotMatch", changed)

        def swapped(key):
            prepared = self.with_form(STREAM_SIGNED, BODY[:24_576], key, chunk=8192)
            size = len(b"2000;chunk-signature=") + 64 + 2 + 8192 + 2
            first, second, rest = prepared.body[:size], prepared.body[size:2 * size], prepared.body[2 * size:]
            prepared.body = second + first + rest
            return prepared
        self.refused(403, "SignatureDoesNotMatch", swapped)

    def test_084_missing_chunk_signature(self):
        def prepare(key):
            prepared = self.with_form(STREAM_SIGNED, BODY[:9000], key)
            prepared.body = sigv4.stream_unsigned([BODY[:9000]])
            return prepared.set("Content-Length", str(len(prepared.body)))
        answer = self.alice.send(prepare("new"))
        self.assertIn((answer.status, answer.code), ((400, "IncompleteBody"), (403, "SignatureDoesNotMatch"),
                                                     (403, "AccessDenied")), answer)
        self.assert_absent("new")

    def test_084_wrong_trailer_signature(self):
        def bend(change):
            def prepare(key):
                prepared = self.with_form(STREAM_SIGNED_TRAILER, BODY, key)
                prepared.body = change(prepared.body)
                return prepared.set("Content-Length", str(len(prepared.body)))
            return prepare

        def flip(body):
            at = body.index(b"x-amz-trailer-signature:") + len(b"x-amz-trailer-signature:")
            return body[:at] + (b"0" if body[at:at + 1] != b"0" else b"1") + body[at + 1:]
        self.refused(403, "SignatureDoesNotMatch", bend(flip))
        other = dict(trailer("CRC32", b"other"))["x-amz-checksum-crc32"].encode()
        right = dict(trailer("CRC32", BODY))["x-amz-checksum-crc32"].encode()
        answer = self.alice.send(bend(lambda body: body.replace(right, other))("new"))
        self.assertIn((answer.status, answer.code), ((403, "SignatureDoesNotMatch"), (400, "BadDigest")), answer)
        self.assert_absent("new")

    def test_085_malformed_or_other_trailer(self):
        announced = {"x-amz-trailer": "x-amz-checksum-crc32"}
        for form in TRAILER_FORMS:
            with self.subTest(f"{form} other than announced"):
                self.refused(400, "MalformedTrailerError", lambda key: self.with_form(
                    form, BODY, key, announced, trailers=trailer("SHA1", BODY)))
            with self.subTest(f"{form} announced and missing"):
                self.refused(400, "MalformedTrailerError", lambda key: self.with_form(
                    form, BODY, key, announced, trailers=[]))

        def no_colon(key):
            prepared = self.with_form(STREAM_UNSIGNED_TRAILER, BODY, key)
            prepared.body = prepared.body.replace(b"x-amz-checksum-crc32:", b"x-amz-checksum-crc32 ")
            return prepared
        self.refused(400, "MalformedTrailerError", no_colon)

    def test_085_trailer_not_announced(self):
        def prepare(key):
            prepared = self.with_form(STREAM_UNSIGNED_TRAILER, BODY, key, {"x-amz-trailer": None},
                                      trailers=trailer("CRC32", BODY))
            self.assertIsNone(prepared.get("x-amz-trailer"))
            return prepared
        self.refused(400, "MalformedTrailerError", prepare)

    def test_085_trailer_without_signature(self):
        def prepare(key):
            prepared = self.with_form(STREAM_SIGNED_TRAILER, BODY, key)
            at = prepared.body.index(b"x-amz-trailer-signature:")
            prepared.body = prepared.body[:at] + b"\r\n"
            return prepared.set("Content-Length", str(len(prepared.body)))
        answer = self.alice.send(prepare("new"))
        self.assertIn((answer.status, answer.code), ((400, "MalformedTrailerError"), (403, "SignatureDoesNotMatch"),
                                                     (400, "IncompleteBody")), answer)
        self.assert_absent("new")

    def test_086_trailer_that_is_no_checksum(self):
        for name in ("x-amz-meta-late", "x-amz-checksum-nothing", "content-md5"):
            with self.subTest(name):
                self.refused(400, "InvalidRequest", lambda key: self.with_form(
                    STREAM_UNSIGNED_TRAILER, BODY, key, trailers=[(name, "value")]))

    def test_087_trailer_checksum_malformed_or_wrong(self):
        for form in TRAILER_FORMS:
            for algorithm in checksums.ALGORITHMS:
                name = checksums.header(algorithm)
                for value in ("not base64", "AAAA", checksums.checksum("SHA256", BODY)[:-4], ""):
                    with self.subTest(f"{form} {name} {value!r}"):
                        answer = self.alice.send(self.with_form(form, BODY, "new", trailers=[(name, value)]))
                        self.assertIn(answer.code, ("InvalidRequest",) if value else ("InvalidRequest", "MalformedTrailerError"),
                                      answer)
                        self.assert_error(answer, 400, answer.code)
                with self.subTest(f"{form} {name} wrong"):
                    self.refused(400, "BadDigest", lambda key: self.with_form(form, BODY, key, trailers=trailer(algorithm, b"x")))
        self.assert_absent("new")

    def test_087_right_trailers_of_every_algorithm(self):
        for form in TRAILER_FORMS:
            for algorithm in checksums.ALGORITHMS:
                with self.subTest(f"{form} {algorithm}"):
                    answer = self.alice.send(self.with_form(form, BODY, "k", trailers=trailer(algorithm, BODY)))
                    self.assert_status(200, answer)
                    name = checksums.header(algorithm)
                    self.assertEqual(checksums.checksum(algorithm, BODY), answer.header(name))
                    self.assertEqual("FULL_OBJECT", answer.header("x-amz-checksum-type"))
                    got = self.head("k", headers={"x-amz-checksum-mode": "ENABLED"})
                    self.assertEqual(checksums.checksum(algorithm, BODY), got.header(name))

    def test_088_sdk_algorithm_and_trailer_differ(self):
        self.refused(400, "InvalidRequest", lambda key: self.with_form(
            STREAM_UNSIGNED_TRAILER, BODY, key, {"x-amz-sdk-checksum-algorithm": "SHA256"}))
        same = self.with_form(STREAM_UNSIGNED_TRAILER, BODY, "k", {"x-amz-sdk-checksum-algorithm": "CRC32"})
        self.assert_status(200, self.alice.send(same))
        lower = self.with_form(STREAM_UNSIGNED_TRAILER, BODY, "k", {"x-amz-sdk-checksum-algorithm": "crc32"})
        self.assert_status(200, self.alice.send(lower))

    def test_089_trailer_form_without_trailer(self):
        for form in TRAILER_FORMS:
            with self.subTest(form):
                prepared = self.with_form(form, BODY, "k", trailers=[])
                self.assertIsNone(prepared.get("x-amz-trailer"))
                answer = self.alice.send(prepared)
                self.assert_status(200, answer)
                self.assertEqual(checksums.checksum("CRC64NVME", BODY), answer.header("x-amz-checksum-crc64nvme"))
                self.assert_object("k", BODY)

    def test_090_header_and_trailer_checksum(self):
        for name in ("CRC32", "SHA1"):
            self.refused(400, "InvalidRequest", lambda key: self.with_form(
                STREAM_UNSIGNED_TRAILER, BODY, key, {checksums.header(name): checksums.checksum(name, BODY)}))

    def test_091_unsigned_trailer_form_elsewhere(self):
        value = {"x-amz-content-sha256": STREAM_UNSIGNED_TRAILER}
        self.put("k", b"x")
        for method, key, query in (("GET", "k", ()), ("DELETE", "k", ()), ("POST", None, {"delete": None}),
                                   ("GET", None, {"list-type": "2"}), ("PUT", None, ())):
            with self.subTest(f"{method} {key} {query}"):
                bucket = self.bucket if (method, key) != ("PUT", None) else self.bucket_name()
                answer = self.alice.request(method, bucket, key, query, value, payload="unsigned")
                self.assert_error(answer, 400, "InvalidRequest")
        self.assert_object("k", b"x")

    def test_092_zero_length_in_each_form(self):
        for form in ALL_FORMS:
            for transfer in (None, "chunked"):
                with self.subTest(f"{form} {transfer}"):
                    self.assert_status(200, self.alice.send(self.with_form(form, b"", "k", transfer=transfer)))
                    self.assertEqual("0", self.head("k").header("content-length"))
                    self.assert_object("k", b"")

    def test_large_streams_over_many_frames(self):
        body = (b"GET /index.html 200 " * 60 + BODY[:800]) * 2500  # 5 MB, compressible in parts
        for form in ALL_FORMS:
            with self.subTest(form):
                self.assert_status(200, self.alice.send(self.with_form(form, body, form, chunk=65_536,
                                                                      trailers=trailer("CRC32", body) if form in TRAILER_FORMS else None)))
                self.assert_object(form, body)

    def test_stream_over_presigned_is_plain(self):
        self.assert_status(200, self.alice.put(self.bucket, "k", (), (), BODY, auth="presigned"))
        self.assert_object("k", BODY)

    def test_connection_lives_on_after_refused_streams(self):
        bad = self.with_form(STREAM_SIGNED, BODY, "k")
        bad.body = bad.body.replace(BODY[50_000:50_008], b"\x00" * 8)
        with self.alice.connect() as connection:
            for _ in range(3):
                connection.try_send(bad.bytes)
                self.assert_error(connection.read_response(), 403, "SignatureDoesNotMatch")
                if connection.must_close:
                    return self.assert_closed(connection)
            connection.send(self.alice.prepare("GET", self.bucket, None, {"list-type": "2"}).bytes)
            self.assert_status(200, connection.read_response())

    def test_stalled_stream_leaves_nothing(self):
        prepared = self.with_form(STREAM_SIGNED, BODY, "k")
        connection = self.alice.connect()
        connection.send(prepared.head + prepared.body[:40_000])
        time.sleep(0.2)
        self.assert_absent("k")
        connection.close()
        time.sleep(0.2)
        self.assert_absent("k")
