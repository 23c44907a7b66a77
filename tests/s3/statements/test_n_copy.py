"""tests/s3/statements/test_n_copy.py -- section N: CopyObject (222 stands in test_q_multipart.py, 226 waits for versions)."""

import datetime
import email.utils
import threading
from urllib.parse import quote

import checksums
from case import S3Case

BODY = b"what is to be copied. " * 10_000
ETAG = checksums.etag(BODY)


class Copy(S3Case):
    def setUp(self):
        super().setUp()
        self.put("source", BODY, {"Content-Type": "text/source", "Cache-Control": "source", "x-amz-meta-from": "source",
                                  "Content-Language": "en"})

    def copy(self, source, key="target", headers=(), bucket=None):
        return self.alice.put(bucket or self.bucket, key, (), {"x-amz-copy-source": source, **dict(headers)})

    def test_215_answer(self):
        answer = self.assert_success_xml(self.copy(f"{self.bucket}/source"), "CopyObjectResult")
        self.assertEqual(ETAG, answer.text("ETag"))
        self.assertRegex(answer.text("LastModified"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual(checksums.checksum("CRC64NVME", BODY), answer.text("ChecksumCRC64NVME"))
        self.assert_object("target", BODY)

    def test_216_forms_of_the_source(self):
        for key in ("plain", "sp ace", "plus+", "per%41cent", "ü/ß", "a/b/c", "q?x", "a&b", "trail/", "#h"):
            self.put(key, key.encode())
            for source in (f"{self.bucket}/{quote(key)}", f"/{self.bucket}/{quote(key)}", quote(f"{self.bucket}/{key}", safe=""),
                           f"/{self.bucket}/{quote(key)}?versionId=null"):
                with self.subTest(source):
                    self.assert_success_xml(self.copy(source), "CopyObjectResult")
                    self.assert_object("target", key.encode())
                    self.alice.delete(self.bucket, "target")

    def test_217_malformed_sources(self):
        for source in (f"{self.bucket}/%", f"{self.bucket}/%zz", f"{self.bucket}/", self.bucket, "/", "x", "", "//key",
                       "Bad_Bucket!/k", f"{self.bucket}/../x", f"{self.bucket}/a/../../b", f"{self.bucket}/%2e%2e/x",
                       f"{self.bucket}/%ff"):
            with self.subTest(source):
                self.assert_error(self.copy(source), 400, "InvalidArgument")
        self.assert_absent("target")

    def test_218_missing_source_or_bucket(self):
        self.assert_error(self.copy(f"{self.bucket}/missing"), 404, "NoSuchKey")
        self.assert_error(self.copy(f"{self.bucket_name()}/source"), 404, "NoSuchBucket")
        self.assert_error(self.copy(f"{self.bucket}/source", bucket=self.bucket_name()), 404, "NoSuchBucket")
        self.assert_absent("target")

    def test_218_source_of_another_account(self):
        foreign = self.make_bucket(self.bob)
        self.assertEqual(200, self.bob.put(foreign, "secret", (), (), b"secret").status)
        self.assert_error(self.copy(f"{foreign}/secret"), 403, "AccessDenied")
        self.assert_error(self.bob.put(foreign, "stolen", (), {"x-amz-copy-source": f"{self.bucket}/source"}), 403, "AccessDenied")
        self.assert_absent("target")
        self.assertEqual(404, self.bob.get(foreign, "stolen").status)

    def test_219_onto_itself(self):
        self.assert_error(self.copy(f"{self.bucket}/source", "source"), 400, "InvalidRequest")
        self.assert_error(self.copy(f"{self.bucket}/source", "source", {"x-amz-metadata-directive": "COPY"}), 400, "InvalidRequest")
        self.assertEqual("source", self.head("source").header("x-amz-meta-from"))
        replaced = self.copy(f"{self.bucket}/source", "source", {"x-amz-metadata-directive": "REPLACE", "x-amz-meta-new": "1",
                                                                 "Content-Type": "text/new"})
        self.assert_success_xml(replaced, "CopyObjectResult")
        answer = self.assert_object("source", BODY)
        self.assertEqual(("1", None, "text/new"), (answer.header("x-amz-meta-new"), answer.header("x-amz-meta-from"),
                                                   answer.header("content-type")))

    def test_220_copy_keeps_and_replace_takes(self):
        for directive in ({}, {"x-amz-metadata-directive": "COPY"}):
            ignored = {"Content-Type": "text/ignored", "x-amz-meta-ignored": "1"} if directive else {}
            self.copy(f"{self.bucket}/source", "kept", {**directive, **ignored})
            answer = self.assert_object("kept", BODY)
            self.assertEqual(("text/source", "source", "source", "en", None), tuple(answer.header(name) for name in (
                "content-type", "cache-control", "x-amz-meta-from", "content-language", "x-amz-meta-ignored")))
        self.copy(f"{self.bucket}/source", "new", {"x-amz-metadata-directive": "REPLACE", "x-amz-meta-to": "new"})
        answer = self.assert_object("new", BODY)
        self.assertEqual(("binary/octet-stream", None, None, "new"), tuple(answer.header(name) for name in (
            "content-type", "cache-control", "x-amz-meta-from", "x-amz-meta-to")))

    def test_221_unknown_directives(self):
        for name in ("x-amz-metadata-directive", "x-amz-tagging-directive"):
            for value in ("KEEP", "", "Copied"):
                with self.subTest(f"{name}: {value}"):
                    self.assert_error(self.copy(f"{self.bucket}/source", headers={name: value}), 400, "InvalidArgument")
        self.assert_absent("target")

    def test_223_conditions_on_the_source(self):
        modified = email.utils.parsedate_to_datetime(self.head("source").header("last-modified"))
        before, after = (email.utils.format_datetime(modified + datetime.timedelta(hours=hours), usegmt=True) for hours in (-1, 1))
        true = ({"if-match": ETAG}, {"if-match": ETAG.strip('"')}, {"if-none-match": '"x"'}, {"if-modified-since": before},
                {"if-unmodified-since": after}, {"if-match": ETAG, "if-unmodified-since": before})
        false = ({"if-match": '"x"'}, {"if-none-match": ETAG}, {"if-unmodified-since": before}, {"if-none-match": "*"},
                 {"if-modified-since": email.utils.format_datetime(modified, usegmt=True)})
        for conditions in false:
            with self.subTest(conditions):
                headers = {"x-amz-copy-source-" + name: value for name, value in conditions.items()}
                self.assert_error(self.copy(f"{self.bucket}/source", headers=headers), 412, "PreconditionFailed")
                self.assert_absent("target")
        for conditions in true:
            with self.subTest(conditions):
                headers = {"x-amz-copy-source-" + name: value for name, value in conditions.items()}
                self.assert_success_xml(self.copy(f"{self.bucket}/source", headers=headers), "CopyObjectResult")
                self.assertEqual(204, self.alice.delete(self.bucket, "target").status)

    def test_223_conditions_on_the_target(self):
        self.put("target", b"there")
        source = f"{self.bucket}/source"
        self.assert_error(self.copy(source, headers={"If-None-Match": "*"}), 412, "PreconditionFailed")
        self.assert_error(self.copy(source, headers={"If-Match": '"x"'}), 412, "PreconditionFailed")
        self.assert_object("target", b"there")
        self.assert_success_xml(self.copy(source, headers={"If-Match": checksums.etag(b"there")}), "CopyObjectResult")
        self.assert_object("target", BODY)

    def test_224_zero_bytes(self):
        self.put("empty", b"")
        answer = self.assert_success_xml(self.copy(f"{self.bucket}/empty"), "CopyObjectResult")
        self.assertEqual('"d41d8cd98f00b204e9800998ecf8427e"', answer.text("ETag"))
        self.assert_object("target", b"")

    def test_225_large_copy_and_between_buckets(self):
        other = self.make_bucket()
        large = b"".join(b"%d: a line of text that compresses\n" % number for number in range(150_000))
        self.put("large", large, payload="unsigned")
        self.assert_success_xml(self.copy(f"{self.bucket}/large", "copied", bucket=other), "CopyObjectResult")
        self.assert_object("copied", large, bucket=other)
        self.assertEqual(str(len(large)), self.list(bucket=other).text("Contents/Size"))
        self.assertEqual(204, self.alice.delete(self.bucket, "large").status)
        self.assert_object("copied", large, bucket=other)
        part = self.get("copied", bucket=other, headers={"Range": "bytes=2000000-2000099"})
        self.assertEqual(large[2_000_000:2_000_100], part.body)

    def test_226_no_source_version_in_a_bucket_without_versions(self):
        self.assertIsNone(self.copy(f"{self.bucket}/source").header("x-amz-copy-source-version-id"))

    def test_copy_while_the_source_is_replaced(self):
        other = b"the other content " * 12_000
        stop = threading.Event()

        def replace():
            while not stop.is_set():
                self.alice.put(self.bucket, "moving", (), (), other)
                self.alice.put(self.bucket, "moving", (), (), BODY)
        self.put("moving", BODY)
        thread = threading.Thread(target=replace)
        thread.start()
        try:
            for _ in range(15):
                answer = self.assert_success_xml(self.copy(f"{self.bucket}/moving"), "CopyObjectResult")
                got = self.get("target")
                self.assertIn(got.body, (BODY, other))
                self.assertEqual(answer.text("ETag"), checksums.etag(got.body))
        finally:
            stop.set()
            thread.join()
