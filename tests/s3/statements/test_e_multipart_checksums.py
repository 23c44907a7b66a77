"""tests/s3/statements/test_e_multipart_checksums.py -- section E, statements 104 to 108: checksums of uploads in parts."""

import base64

import checksums
from multipart import LEAST, MultipartCase, part_xml, text_bytes

FITS = {("CRC32", "COMPOSITE"), ("CRC32", "FULL_OBJECT"), ("CRC32C", "COMPOSITE"), ("CRC32C", "FULL_OBJECT"),
        ("CRC64NVME", "FULL_OBJECT"), ("SHA1", "COMPOSITE"), ("SHA256", "COMPOSITE")}
FITS |= {(name, "COMPOSITE") for name in checksums.NEW}
DEFAULT = {name: "FULL_OBJECT" if name == "CRC64NVME" else "COMPOSITE" for name in checksums.ALGORITHMS}
FIRST, LAST = text_bytes(LEAST, 4), b"a short end"
FIRST_VALUE = {name: checksums.checksum(name, FIRST) for name in ("CRC32", "CRC64NVME", "SHA1", "SHA256")}


def value_of(algorithm, body):
    return FIRST_VALUE[algorithm] if body is FIRST and algorithm in FIRST_VALUE else checksums.checksum(algorithm, body)


def composite(algorithm, bodies):
    joined = b"".join(base64.b64decode(value_of(algorithm, body)) for body in bodies)
    return f"{checksums.checksum(algorithm, joined)}-{len(bodies)}"


class MultipartChecksums(MultipartCase):
    def begin(self, algorithm, kind=None):
        headers = {"x-amz-checksum-algorithm": algorithm}
        if kind is not None:
            headers["x-amz-checksum-type"] = kind
        return self.create("k", headers)

    def sent(self, upload, number, body, algorithm):
        value = value_of(algorithm, body)
        line = self.part(upload, number, body, headers={checksums.header(algorithm): value})
        return line.replace("</Part>", f"<Checksum{algorithm}>{value}</Checksum{algorithm}></Part>")

    def test_104_algorithms_and_types(self):
        for algorithm in checksums.ALGORITHMS:
            for kind in ("COMPOSITE", "FULL_OBJECT"):
                with self.subTest(f"{algorithm} {kind}"):
                    headers = {"x-amz-checksum-algorithm": algorithm, "x-amz-checksum-type": kind}
                    answer = self.alice.post(self.bucket, "k", {"uploads": None}, headers)
                    if (algorithm, kind) in FITS:
                        self.assert_success_xml(answer, "InitiateMultipartUploadResult")
                        self.assertEqual([algorithm, kind], [answer.header("x-amz-checksum-algorithm"),
                                                             answer.header("x-amz-checksum-type")])
                    else:
                        self.assert_error(answer, 400, "InvalidRequest")
            answer = self.alice.post(self.bucket, "k", {"uploads": None}, {"x-amz-checksum-algorithm": algorithm})
            self.assertEqual(DEFAULT[algorithm], answer.header("x-amz-checksum-type"))

    def test_106_type_alone_and_unknown_names(self):
        for headers in ({"x-amz-checksum-type": "FULL_OBJECT"}, {"x-amz-checksum-algorithm": "CRC7"},
                        {"x-amz-checksum-algorithm": "CRC32", "x-amz-checksum-type": "HALF"}):
            self.assert_error(self.alice.post(self.bucket, "k", {"uploads": None}, headers), 400, "InvalidRequest")

    def test_105_values(self):
        for algorithm, kind in sorted(FITS):
            if algorithm == "CRC32C":  # the suite's own is slow: see the small one below
                continue
            with self.subTest(f"{algorithm} {kind}"):
                upload = self.begin(algorithm, kind)
                answer = self.complete(upload, self.sent(upload, 1, FIRST, algorithm), self.sent(upload, 2, LAST, algorithm))
                want = composite(algorithm, [FIRST, LAST]) if kind == "COMPOSITE" else value_of(algorithm, FIRST + LAST)
                self.assertEqual([want, kind], [answer.text("Checksum" + algorithm), answer.text("ChecksumType")])
                head = self.head("k", (), {"x-amz-checksum-mode": "ENABLED"})
                self.assertEqual([want, kind], [head.header(checksums.header(algorithm)), head.header("x-amz-checksum-type")])
                self.assertEqual([algorithm, kind], [self.list().text("Contents/ChecksumAlgorithm"),
                                                     self.list().text("Contents/ChecksumType")])

    def test_105_values_of_small_objects(self):
        for algorithm, kind in sorted(FITS):
            upload = self.begin(algorithm, kind)
            answer = self.complete(upload, self.sent(upload, 7, LAST, algorithm))
            want = composite(algorithm, [LAST]) if kind == "COMPOSITE" else value_of(algorithm, LAST)
            self.assertEqual(want, answer.text("Checksum" + algorithm))

    def test_094_an_upload_that_names_none(self):
        upload = self.create()
        self.complete(upload, self.part(upload, 1, FIRST), self.part(upload, 2, LAST))
        head = self.head("k", (), {"x-amz-checksum-mode": "ENABLED"})
        self.assertEqual([value_of("CRC64NVME", FIRST + LAST), "FULL_OBJECT"],
                         [head.header("x-amz-checksum-crc64nvme"), head.header("x-amz-checksum-type")])

    def test_107_checksums_of_parts(self):
        upload = self.begin("CRC32")
        self.assert_error(self.try_part(upload, 1, LAST), 400, "InvalidRequest")
        other = {"x-amz-checksum-sha1": value_of("SHA1", LAST)}
        self.assert_error(self.try_part(upload, 1, LAST, headers=other), 400, "InvalidRequest")
        wrong = {"x-amz-checksum-crc32": value_of("CRC32", FIRST)}
        self.assert_error(self.try_part(upload, 1, LAST, headers=wrong), 400, "BadDigest")
        self.assertEqual([], self.list_parts(upload).texts("Part/PartNumber"))
        full = self.begin("CRC32", "FULL_OBJECT")
        answer = self.try_part(full, 1, LAST)
        self.assert_status(200, answer)
        self.assertEqual(value_of("CRC32", LAST), answer.header("x-amz-checksum-crc32"))
        self.assert_error(self.try_part(full, 1, LAST, headers=other), 400, "InvalidRequest")
        listed = self.list_parts(full)
        self.assertEqual([value_of("CRC32", LAST), "CRC32", "FULL_OBJECT"],
                         [listed.text("Part/ChecksumCRC32"), listed.text("ChecksumAlgorithm"), listed.text("ChecksumType")])
        self.complete(full, part_xml(1, checksums.etag(LAST)))

    def test_108_complete_of_a_composite_upload(self):
        upload = self.begin("SHA256")
        good = self.sent(upload, 1, LAST, "SHA256")
        bare = part_xml(1, checksums.etag(LAST))
        self.assert_error(self.try_complete(upload, bare), 400, "InvalidRequest")
        wrong = bare.replace("</Part>", f"<ChecksumSHA256>{value_of('SHA256', b'x')}</ChecksumSHA256></Part>")
        self.assert_error(self.try_complete(upload, wrong), 400, "InvalidPart")
        other = bare.replace("</Part>", f"<ChecksumCRC32>{value_of('CRC32', LAST)}</ChecksumCRC32></Part>")
        self.assert_error(self.try_complete(upload, other), 400, "InvalidRequest")
        final = {"x-amz-checksum-sha256": composite("SHA256", [b"x"])}
        self.assert_error(self.try_complete(upload, good, headers=final), 400, "BadDigest")
        self.assert_error(self.try_complete(upload, good, headers={"x-amz-checksum-type": "FULL_OBJECT"}), 400, "InvalidRequest")
        self.assert_absent("k")
        self.complete(upload, good, headers={"x-amz-checksum-sha256": composite("SHA256", [LAST]),
                                             "x-amz-checksum-type": "COMPOSITE"})

    def test_108_complete_of_a_full_object_upload(self):
        upload = self.begin("CRC32", "FULL_OBJECT")
        parts = [self.part(upload, 1, FIRST), self.part(upload, 2, LAST)]
        whole = value_of("CRC32", FIRST + LAST)
        for headers, code in (({"x-amz-checksum-crc32": value_of("CRC32", LAST)}, "BadDigest"),
                              ({"x-amz-checksum-crc32": "nonsense"}, "InvalidRequest"),
                              ({"x-amz-checksum-sha1": value_of("SHA1", LAST)}, "InvalidRequest"),
                              ({"x-amz-checksum-type": "COMPOSITE"}, "InvalidRequest")):
            with self.subTest(headers):
                self.assert_error(self.try_complete(upload, *parts, headers=headers), 400, code)
        self.complete(upload, *parts, headers={"x-amz-checksum-crc32": whole, "x-amz-checksum-type": "FULL_OBJECT"})

    def test_281_copied_parts_have_the_uploads_checksum(self):
        self.put("source", LAST)
        upload = self.begin("SHA1")
        query = [("partNumber", "1"), ("uploadId", upload)]
        answer = self.alice.put(self.bucket, "k", query, {"x-amz-copy-source": f"{self.bucket}/source"})
        value = value_of("SHA1", LAST)
        self.assertEqual(value, self.assert_success_xml(answer, "CopyPartResult").text("ChecksumSHA1"))
        line = part_xml(1, answer.text("ETag"), f"<ChecksumSHA1>{value}</ChecksumSHA1>")
        self.assertEqual(composite("SHA1", [LAST]), self.complete(upload, line).text("ChecksumSHA1"))
