"""tests/s3/statements/test_g_put_object.py -- section G: PutObject (statement 139 waits for tags)."""

import hashlib
import threading
from urllib.parse import quote, unquote

import checksums
from case import S3Case, needs

CONTENT_HEADERS = {
    "Cache-Control": "max-age=3600,  private", "Content-Disposition": 'attachment; filename="a; b.txt"',
    "Content-Encoding": "gzip,  br", "Content-Language": "de-CH, en;q=0.5", "Content-Type": "text/x-odd; charset=UTF-8",
    "Expires": "any text at all",
}


def noise(size, seed):
    return hashlib.shake_128(seed.encode()).digest(size)


class PutObject(S3Case):
    def test_124_answer(self):
        for body in (b"x", b"text " * 10_000, noise(100_000, "124"), noise(9_000_000, "124 large")):
            answer = self.put("k", body)
            self.assertEqual(b"", answer.body)
            self.assertEqual(checksums.etag(body), answer.header("etag"))
            self.assert_object("k", body)

    def test_125_overwrite_storm(self):
        """Readers see one whole version; of many writers one wins whole. Small, medium (one frame) and several frames."""
        for name, size in (("small", 700), ("medium", 200_000), ("large", 2_500_000)):
            versions = {checksums.etag(body): body for body in
                        (noise(64, f"{name}{number}") * (size // 64 + number) for number in range(6))}
            bodies = list(versions.values())
            self.put(name, bodies[0])
            stop, wrong = threading.Event(), []

            def write(number):
                for turn in range(4 if size > 1_000_000 else 12):
                    answer = self.alice.put(self.bucket, name, (), (), bodies[(number + turn) % len(bodies)], payload="unsigned")
                    if answer.status != 200:
                        wrong.append(answer)

            def read():
                while not stop.is_set():
                    answer = self.get(name)
                    if versions.get(answer.header("etag")) != answer.body:
                        wrong.append((answer.status, answer.header("etag"), len(answer.body)))
            writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
            readers = [threading.Thread(target=read) for _ in range(3)]
            for thread in writers + readers:
                thread.start()
            for thread in writers:
                thread.join()
            stop.set()
            for thread in readers:
                thread.join()
            self.assertEqual([], wrong[:3], name)
            self.assertIn(self.get(name).header("etag"), versions)

    def test_126_visible_at_once(self):
        for number in range(20):
            body = b"%d" % number
            etag = self.put("k", body).header("etag")
            self.assertEqual(body, self.get("k").body)
            self.assertEqual(etag, self.head("k").header("etag"))
            self.assertEqual(etag, self.list().text("Contents/ETag"))

    def test_127_zero_bytes(self):
        answer = self.put("k", b"")
        self.assertEqual('"d41d8cd98f00b204e9800998ecf8427e"', answer.header("etag"))
        for read in (self.get, self.head):
            self.assertEqual("0", read("k").header("content-length"))
        self.assertEqual("0", self.list().text("Contents/Size"))

    def test_128_default_content_type(self):
        self.put("absent", b"x")
        self.put("empty", b"x", {"Content-Type": ""})
        for key in ("absent", "empty"):
            self.assertEqual("binary/octet-stream", self.get(key).header("content-type"))
            self.assertEqual("binary/octet-stream", self.head(key).header("content-type"))

    def test_129_content_headers_come_back(self):
        self.put("k", b"x", CONTENT_HEADERS)
        for read in (self.get, self.head):
            answer = read("k")
            for name, value in CONTENT_HEADERS.items():
                self.assertEqual([value], answer.all(name))
        self.put("k", b"x")
        for name in set(CONTENT_HEADERS) - {"Content-Type"}:
            self.assertIsNone(self.get("k").header(name), name)

    def test_130_user_metadata(self):
        self.put("k", b"x", [("X-Amz-Meta-UPPER-Case", "Value Kept"), ("x-amz-meta-twice", "one"),
                             ("x-amz-meta-twice", "two"), ("x-amz-meta-empty", ""), ("x-amz-meta-under_score", "1")])
        for read in (self.get, self.head):
            answer = read("k")
            returned = {name: value for name, value in answer.headers if name.lower().startswith("x-amz-meta-")}
            self.assertEqual({"x-amz-meta-upper-case": "Value Kept", "x-amz-meta-twice": "one,two", "x-amz-meta-empty": "",
                              "x-amz-meta-under_score": "1"}, returned)
        self.put("k", b"x", {"x-amz-meta-other": "only"})
        names = {name for name in self.head("k").names if name.startswith("x-amz-meta-")}
        self.assertEqual({"x-amz-meta-other"}, names)

    def test_131_metadata_bound(self):
        fits = {"x-amz-meta-a": "v" * (2048 - 1 - 2 - 100), "x-amz-meta-bb": "w" * 100}
        self.put("k", b"x", fits)
        self.assertEqual(fits["x-amz-meta-a"], self.head("k").header("x-amz-meta-a"))
        over = {**fits, "x-amz-meta-bb": "w" * 101}
        answer = self.assert_refused_write(400, "MetadataTooLarge", "o", ["Size", "MaxSizeAllowed"], headers=over)
        self.assertEqual(("2049", "2048"), (answer.text("Size"), answer.text("MaxSizeAllowed")))

    def test_133_key_length(self):
        longest = ["k" * 1024, "ü" * 512, "a/" * 512, "/" * 1024, "\U0001F600" * 256]
        for key in longest:
            self.put(key, key.encode()[:10])
            self.assert_object(key, key.encode()[:10])
        self.assertEqual(sorted(longest, key=str.encode), self.list().texts("Contents/Key"))
        for key in longest:
            self.assertEqual(204, self.alice.delete(self.bucket, key).status)
        for key in ("k" * 1025, "ü" * 512 + "x", "x" * 3000):
            for method in ("PUT", "GET", "DELETE"):
                with self.subTest(f"{method} {len(key.encode())}"):
                    answer = self.alice.request(method, self.bucket, key, (), (), b"x" if method == "PUT" else b"")
                    self.assert_error(answer, 400, "KeyTooLongError",
                                      {"Size": str(len(key.encode())), "MaxSizeAllowed": "1024"})

    def test_133_keys_that_share_long_prefixes(self):
        stem = "p" * 500
        keys = [stem, stem + "p" * 6, stem + "p" * 7, stem + "p" * 8, stem + "q" * 524, stem + "p" * 523 + "z",
                stem + "p" * 524, stem + "o" * 300, stem + "p" * 7 + "\x01", stem + "p" * 7 + "/x"]
        for key in keys:
            self.put(key, key[-9:].encode())
        ordered = sorted(keys, key=str.encode)
        listed, _, _ = self.alice.list_all(self.bucket, max_keys="1", encoding_type="url")
        self.assertEqual(len(ordered), len(listed))
        self.assertEqual(ordered, [unquote(key) for key in listed])
        for key in keys:
            self.assert_object(key, key[-9:].encode())

    def test_134_odd_keys(self):
        for key in (" ", "   ", "\n", "a\nb", "\t", "\x7f", "back\\slash", '"quoted"', "<>&", "\U0001F600", "'", "a\r\nb",
                    "%", "+", "~", "ﬀ", "é", "e\u0301", "\u202e", "*", "?a=b", "#"):
            with self.subTest(repr(key)):
                self.put(key, key.encode(), {"x-amz-meta-a": "1"})
                self.assert_object(key, key.encode())
                self.assertEqual(200, self.head(key).status)
                listed = self.list(("prefix", key), ("encoding-type", "url"))
                self.assertIn(key, [unquote(text) for text in listed.texts("Contents/Key")])
                copied = self.alice.put(self.bucket, key + "copy", (), {"x-amz-copy-source": quote(f"{self.bucket}/{key}")})
                self.assert_success_xml(copied, "CopyObjectResult")
                for gone in (key + "copy", key):
                    self.assertEqual(204, self.alice.delete(self.bucket, gone).status)
                    self.assert_error(self.get(gone), 404, "NoSuchKey")

    @needs("keys beneath keys")
    def test_135_a_key_its_folder_and_what_is_below(self):
        for order in (("a", "a/", "a/b"), ("a/b", "a/", "a")):
            for key in order:
                self.put(key, key.encode() * 3)
            self.assertEqual(["a", "a/", "a/b"], self.list().texts("Contents/Key"))
            for key in order:
                self.assert_object(key, key.encode() * 3)
            self.assertEqual(204, self.alice.delete(self.bucket, "a").status)
            self.assertEqual(["a/", "a/b"], self.list().texts("Contents/Key"))
            self.assertEqual(204, self.alice.delete(self.bucket, "a/").status)
            self.assert_object("a/b", b"a/b" * 3)
            self.alice.delete(self.bucket, "a/b")

    def test_136_folder_object_keeps_its_body(self):
        self.put("a/", b"the folder's own body")
        self.assert_object("a/", b"the folder's own body")

    def test_137_too_large(self):
        for form in ("unsigned", "sha256"):
            prepared = self.alice.prepare("PUT", self.bucket, "k", payload=form, length=(5 << 30) + 1)
            with self.alice.connect() as connection:
                connection.send(prepared.head)
                answer = connection.read_response()
            self.assert_error(answer, 400, "EntityTooLarge", {"ProposedSize": str((5 << 30) + 1),
                                                             "MaxSizeAllowed": str(5 << 30)})
        streamed = self.alice.prepare("PUT", self.bucket, "k", (), {"x-amz-decoded-content-length": str((5 << 30) + 1)},
                                      payload="STREAMING-AWS4-HMAC-SHA256-PAYLOAD", transfer="chunked")
        with self.alice.connect() as connection:
            connection.send(streamed.head)
            self.assert_error(connection.read_response(), 400, "EntityTooLarge")
        self.assert_absent("k")

    def test_138_storage_class(self):
        self.assert_refused_write(400, "InvalidStorageClass", "k", headers={"x-amz-storage-class": "GRANITE"})
        self.put("s", b"x", {"x-amz-storage-class": "STANDARD"})
        self.assertIsNone(self.head("s").header("x-amz-storage-class"))
        self.assertEqual("STANDARD", self.list(("prefix", "s")).text("Contents/StorageClass"))

    def test_140_website_redirect(self):
        for value in ("elsewhere", "ftp://x/", "javascript:x"):
            self.assert_refused_write(400, "InvalidRedirectLocation", "k",
                                      headers={"x-amz-website-redirect-location": value})
        for value in ("/x", "http://x/", "https://x/"):
            answer = self.alice.put(self.bucket, "r", (), {"x-amz-website-redirect-location": value}, b"x")
            self.assertIn(answer.status, (200, 501), answer)

    def test_141_failures_leave_the_old_object(self):
        headers = {"x-amz-meta-age": "old", "Content-Type": "text/old"}
        etag = self.put("k", b"old body", headers).header("etag")
        for failing in ({"Content-MD5": checksums.md5_base64(b"z")}, {"If-Match": '"z"'}, {"x-amz-storage-class": "Z"},
                        {"x-amz-checksum-crc32": "AAAAAA=="}, {"x-amz-meta-big": "b" * 2050},
                        {"x-amz-content-sha256": "0" * 64}):
            self.assertIn(self.alice.put(self.bucket, "k", (), failing, b"new body").status, (400, 412))
            answer = self.assert_object("k", b"old body")
            self.assertEqual((etag, "old", "text/old"), (answer.header("etag"), answer.header("x-amz-meta-age"),
                                                         answer.header("content-type")))

    def test_142_no_version_id_in_a_bucket_without_versions(self):
        self.assertIsNone(self.put("k", b"x").header("x-amz-version-id"))
        self.assertIsNone(self.get("k").header("x-amz-version-id"))
        self.assertIsNone(self.alice.delete(self.bucket, "k").header("x-amz-version-id"))

    def test_143_append_is_refused(self):
        for headers in ({"x-amz-write-offset-bytes": "3"}, {"x-amz-write-offset-bytes": "0"}):
            self.put("k", b"old")
            answer = self.alice.put(self.bucket, "k", (), headers, b"new")
            self.assertIn(answer.status, (400, 501), answer)
            self.assert_error(answer, answer.status, answer.code)
            self.assert_object("k", b"old")
        self.assertIn(self.alice.put(self.bucket, "k", {"append": None, "position": "0"}, (), b"new").status, (400, 405, 501))
        self.assert_object("k", b"old")

    @needs("reserved names")
    def test_reserved_keys_are_refused_and_hidden(self):
        for key in ("x.s4index", ".s4dict/abc", ".s4mpu/x", ".bale/journal", "a/b.s4index"):
            with self.subTest(key):
                answer = self.alice.put(self.bucket, key, (), (), b"x")
                is_dictionary = key.startswith(".s4dict/")  # made of others' objects
                self.assertEqual(403 if is_dictionary else 400, answer.status, answer)
                self.assertIn(self.get(key).status, (403,) if is_dictionary else (400, 404))
        self.assertEqual([], self.list().texts("Contents/Key"))

    def test_encryption_headers_are_not_ignored(self):
        """A client that asks for encryption must not get a plain object without being told (19)."""
        for headers in ({"x-amz-server-side-encryption": "AES256"}, {"x-amz-server-side-encryption": "aws:kms"},
                        {"x-amz-server-side-encryption-customer-algorithm": "AES256"}):
            answer = self.alice.put(self.bucket, "k", (), headers, b"x")
            self.assertIn(answer.status, (400, 501), answer)
            self.assert_absent("k")

