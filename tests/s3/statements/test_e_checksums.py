"""tests/s3/statements/test_e_checksums.py -- section E: checksums of the original bytes (statements 104 to 108 wait for multipart)."""

import base64
import hashlib

import checksums
import sigv4
from case import S3Case
from checksums import ALGORITHMS, checksum, header

BODY = b"checksums are of the original bytes, never of the compressed ones. " * 1500
TEN = "CRC32, CRC32C, CRC64NVME, SHA1, SHA256, SHA512, MD5, XXHASH64, XXHASH3, XXHASH128"
ENABLED = {"x-amz-checksum-mode": "ENABLED"}
DELETE_K = b"<Delete><Object><Key>k</Key></Object></Delete>"


class Checksums(S3Case):
    def test_093_supported_algorithms(self):
        for algorithm in ALGORITHMS:
            answer = self.put(algorithm, BODY, {header(algorithm): checksum(algorithm, BODY)})
            self.assertEqual(checksum(algorithm, BODY), answer.header(header(algorithm)))
            self.assertEqual("FULL_OBJECT", answer.header("x-amz-checksum-type"))

    def test_093_algorithms_not_supported(self):
        for name in ("md4", "sha3", "xxhash32", "crc64"):
            with self.subTest(name):
                value = base64.b64encode(hashlib.sha512(BODY).digest()).decode()
                answer = self.alice.put(self.bucket, "k", (), {"x-amz-checksum-" + name: value}, BODY)
                self.assert_error(answer, 400, "InvalidRequest", message=TEN)
        answer = self.alice.put(self.bucket, "k", (), {"x-amz-sdk-checksum-algorithm": "ROT13"}, BODY)
        self.assert_error(answer, 400, "InvalidRequest", message=TEN)
        self.assert_absent("k")

    def test_094_put_without_a_checksum(self):
        for body in (b"", b"1", BODY, BODY * 30):
            answer = self.put("k", body)
            self.assertEqual("FULL_OBJECT", answer.header("x-amz-checksum-type"))
            if len(body) < 200_000:
                self.assertEqual(checksum("CRC64NVME", body), answer.header("x-amz-checksum-crc64nvme"))
            got = self.head("k", headers=ENABLED)
            self.assertEqual(answer.header("x-amz-checksum-crc64nvme"), got.header("x-amz-checksum-crc64nvme"))
            self.assertEqual("FULL_OBJECT", got.header("x-amz-checksum-type"))

    def test_094_check_value(self):
        self.assertEqual("rosUhgp5mIg=", base64.b64encode(bytes.fromhex("ae8b14860a799888")).decode())
        self.assertEqual("rosUhgp5mIg=", self.put("k", b"123456789").header("x-amz-checksum-crc64nvme"))

    def test_095_wrong_value(self):
        for algorithm in ALGORITHMS:
            with self.subTest(algorithm):
                self.assert_refused_write(400, "BadDigest", algorithm, body=BODY,
                                          headers={header(algorithm): checksum(algorithm, b"other")})
        self.assert_refused_write(400, "BadDigest", "large", body=BODY * 40,
                                  headers={header("CRC32C"): checksum("CRC32C", b"other")})

    def test_096_two_checksum_headers(self):
        both = {header(name): checksum(name, BODY) for name in ("CRC32", "SHA256")}
        self.assert_refused_write(400, "InvalidRequest", "k", body=BODY, headers=both)

    def test_097_sdk_algorithm_without_value(self):
        for algorithm in ("CRC32", "SHA256", "CRC64NVME"):
            self.assert_refused_write(400, "InvalidRequest", "k", body=BODY,
                                      headers={"x-amz-sdk-checksum-algorithm": algorithm})

    def test_097_sdk_algorithm_names_another(self):
        headers = {"x-amz-sdk-checksum-algorithm": "SHA256", header("CRC32"): checksum("CRC32", BODY)}
        self.assert_refused_write(400, "InvalidRequest", "k", body=BODY, headers=headers)
        for spelling in ("CRC32", "crc32"):
            self.put("k", BODY, {**headers, "x-amz-sdk-checksum-algorithm": spelling})

    def test_098_malformed_value(self):
        for algorithm in ALGORITHMS:
            right = checksum(algorithm, BODY)
            for value in ("", "not base64!", right[:-1], right + "AAAA", "AA==", checksums.digest(algorithm, BODY).hex()):
                with self.subTest(f"{algorithm} {value}"):
                    answer = self.alice.put(self.bucket, "k", (), {header(algorithm): value}, BODY)
                    self.assert_error(answer, 400, "InvalidRequest")
        self.assert_absent("k")

    def test_099_content_md5(self):
        for value in ("", "not base64", "AAAA", base64.b64encode(b"x" * 17).decode(), hashlib.md5(BODY).hexdigest()):
            with self.subTest(value):
                self.assert_refused_write(400, "InvalidDigest", "k", body=BODY, headers={"Content-MD5": value})
        self.assert_refused_write(400, "BadDigest", "w", body=BODY, headers={"Content-MD5": checksums.md5_base64(b"other")})
        self.put("right", BODY, {"Content-MD5": checksums.md5_base64(BODY)})
        self.assert_object("right", BODY)

    def test_100_only_with_checksum_mode(self):
        self.put("k", BODY, {header("SHA256"): checksum("SHA256", BODY)})
        for read in (self.get, self.head):
            plain, enabled = read("k"), read("k", headers=ENABLED)
            self.assertEqual(set(), {name for name in plain.names if name.startswith("x-amz-checksum")})
            self.assertEqual(checksum("SHA256", BODY), enabled.header(header("SHA256")))
            self.assertEqual("FULL_OBJECT", enabled.header("x-amz-checksum-type"))

    def test_101_ranges_return_no_whole_checksum(self):
        self.put("k", BODY)
        for read in (self.get, self.head):
            answer = read("k", headers={**ENABLED, "Range": "bytes=0-9"})
            self.assertEqual(206, answer.status)
            self.assertEqual(set(), {name for name in answer.names if name.startswith("x-amz-checksum")})

    def test_102_checksums_are_of_the_original_bytes(self):
        compressible = b"line of a log file 200 OK\n" * 100_000
        sums = {"CRC32": checksum("CRC32", compressible), "SHA1": checksum("SHA1", compressible),
                "SHA256": checksum("SHA256", compressible)}
        for algorithm, value in sums.items():
            self.put(algorithm, compressible, {header(algorithm): value})
            answer = self.get(algorithm, headers=ENABLED)
            self.assertEqual(value, answer.header(header(algorithm)))
            self.assertTrue(compressible == answer.body)

    def test_103_document_needs_a_digest(self):
        self.put("k", b"x")
        refused = self.alice.request("POST", self.bucket, None, {"delete": None}, (), DELETE_K)
        self.assert_error(refused, 400, "InvalidRequest")
        self.assert_object("k", b"x")

    def test_103_document_accepts_any_digest(self):
        for algorithm in ALGORITHMS:
            self.put("k", b"x")
            answer = self.alice.delete_objects(self.bucket, DELETE_K, {header(algorithm): checksum(algorithm, DELETE_K)})
            self.assertEqual(["k"], self.assert_success_xml(answer, "DeleteResult").texts("Deleted/Key"))
            self.assert_absent("k")

    def test_103_document_with_wrong_digest(self):
        self.put("k", b"x")
        for name, value in [("Content-MD5", checksums.md5_base64(b"other"))] + [
                (header(algorithm), checksum(algorithm, b"other")) for algorithm in ALGORITHMS]:
            with self.subTest(name):
                self.assert_error(self.alice.delete_objects(self.bucket, DELETE_K, {name: value}), 400, "BadDigest")
        self.assert_error(self.alice.delete_objects(self.bucket, DELETE_K, {"Content-MD5": "x"}), 400, "InvalidDigest")
        self.assert_object("k", b"x")

    def test_103_document_with_a_trailer(self):
        """The newest SDKs send DeleteObjects with a checksum header; a streamed document is refused by statement 91."""
        self.put("k", b"x")
        answer = self.alice.request("POST", self.bucket, None, {"delete": None}, (), DELETE_K,
                                    payload=sigv4.STREAM_UNSIGNED_TRAILER,
                                    trailers=[(header("CRC32"), checksum("CRC32", DELETE_K))])
        self.assert_error(answer, 400, "InvalidRequest")
        self.assert_object("k", b"x")

    def test_109_list_entries(self):
        for algorithm in ALGORITHMS:
            self.put(algorithm, b"x", {header(algorithm): checksum(algorithm, b"x")})
        for page in (self.list(), self.list_v1(), self.list_v1(("versions", None))):
            entries = page.xml.findall("Contents") or page.xml.findall("Version")
            self.assertEqual(len(ALGORITHMS), len(entries), page)
            for entry in entries:
                self.assertEqual(entry.findtext("Key"), entry.findtext("ChecksumAlgorithm"))
                self.assertEqual("FULL_OBJECT", entry.findtext("ChecksumType"))

    def test_110_copy_keeps_or_computes(self):
        self.put("k", BODY, {header("SHA1"): checksum("SHA1", BODY)})
        source = {"x-amz-copy-source": f"{self.bucket}/k"}
        kept = self.alice.put(self.bucket, "kept", (), source)
        self.assertEqual(checksum("SHA1", BODY), self.assert_success_xml(kept, "CopyObjectResult").text("ChecksumSHA1"))
        self.assertEqual("FULL_OBJECT", kept.text("ChecksumType"))
        self.assertEqual(checksum("SHA1", BODY), self.head("kept", headers=ENABLED).header(header("SHA1")))
        for algorithm in ALGORITHMS:
            with self.subTest(algorithm):
                answer = self.alice.put(self.bucket, "computed", (), {**source, "x-amz-checksum-algorithm": algorithm})
                self.assertEqual(checksum(algorithm, BODY), answer.text("Checksum" + algorithm), answer)
                self.assertEqual(checksum(algorithm, BODY), self.head("computed", headers=ENABLED).header(header(algorithm)))
        wrong = self.alice.put(self.bucket, "no", (), {**source, "x-amz-checksum-algorithm": "ROT13"})
        self.assert_error(wrong, 400, "InvalidRequest", message=TEN)
        self.assert_absent("no")
