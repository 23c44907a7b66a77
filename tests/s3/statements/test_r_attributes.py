"""tests/s3/statements/test_r_attributes.py -- section R: GetObjectAttributes."""

import checksums
from multipart import LEAST, MultipartCase, composite_etag, text_bytes

ALL = "ETag,Checksum,ObjectParts,StorageClass,ObjectSize"
BODIES = [text_bytes(LEAST, number) for number in range(3)] + [b"end"]


class Attributes(MultipartCase):
    def attributes(self, key, wanted=ALL, headers=()):
        fields = dict(headers) if wanted is None else {"x-amz-object-attributes": wanted, **dict(headers)}
        return self.get(key, {"attributes": None}, fields)

    def test_287_names(self):
        self.put("k", b"x")
        for wanted in (None, ""):
            self.assert_error(self.attributes("k", wanted), 400, "InvalidRequest")
        for wanted in ("Nonsense", "ETag,Nonsense", "etag"):
            self.assert_error(self.attributes("k", wanted), 400, "InvalidArgument")
        self.assert_error(self.attributes("missing"), 404, "NoSuchKey")
        for header in ("x-amz-max-parts", "x-amz-part-number-marker"):
            self.assert_error(self.attributes("k", ALL, {header: "-1"}), 400, "InvalidArgument")

    def test_288_single_put(self):
        body = text_bytes(3_000_000)
        self.put("k", body, {"x-amz-checksum-sha256": checksums.checksum("SHA256", body)})
        answer = self.assert_success_xml(self.attributes("k"), "GetObjectAttributesResponse")
        self.assertEqual(checksums.etag(body).strip('"'), answer.text("ETag"))
        self.assertEqual([checksums.checksum("SHA256", body), "FULL_OBJECT"],
                         [answer.text("Checksum/ChecksumSHA256"), answer.text("Checksum/ChecksumType")])
        self.assertEqual(["STANDARD", str(len(body))], [answer.text("StorageClass"), answer.text("ObjectSize")])
        self.assertIsNone(answer.text("ObjectParts"))
        self.assertEqual(self.head("k").header("last-modified"), answer.header("last-modified"))

    def test_289_only_what_was_asked_for(self):
        self.put("k", b"12345")
        answer = self.attributes("k", "ObjectSize")
        self.assertEqual(["ObjectSize"], [child.tag for child in answer.xml])
        several = self.get("k", {"attributes": None}, [("x-amz-object-attributes", "ETag, ObjectSize")])
        self.assertEqual(["ETag", "ObjectSize"], [child.tag for child in several.xml])

    def test_290_parts(self):
        upload = self.create("k", {"x-amz-checksum-algorithm": "SHA256"})
        parts = []
        for number, body in enumerate(BODIES, 1):
            value = checksums.checksum("SHA256", body)
            line = self.part(upload, number, body, headers={"x-amz-checksum-sha256": value})
            parts.append(line.replace("</Part>", f"<ChecksumSHA256>{value}</ChecksumSHA256></Part>"))
        self.complete(upload, *parts)
        answer = self.attributes("k")
        self.assertEqual([composite_etag(BODIES).strip('"'), str(sum(map(len, BODIES))), "COMPOSITE"],
                         [answer.text("ETag"), answer.text("ObjectSize"), answer.text("Checksum/ChecksumType")])
        whole = self.get("k", (), {"x-amz-checksum-mode": "ENABLED"}).header("x-amz-checksum-sha256")
        self.assertEqual(whole, answer.text("Checksum/ChecksumSHA256") + "-4")  # which AWS leaves out here alone
        self.assertEqual("4", answer.text("ObjectParts/PartsCount"))
        self.assertEqual([str(len(body)) for body in BODIES], answer.texts("ObjectParts/Part/Size"))
        self.assertEqual([checksums.checksum("SHA256", body) for body in BODIES],
                         answer.texts("ObjectParts/Part/ChecksumSHA256"))
        numbers, marker = [], "0"
        for _ in range(4):
            page = self.attributes("k", "ObjectParts", {"x-amz-max-parts": "1", "x-amz-part-number-marker": marker})
            numbers += page.texts("ObjectParts/Part/PartNumber")
            marker = page.text("ObjectParts/NextPartNumberMarker")
            self.assertEqual("false" if len(numbers) == 4 else "true", page.text("ObjectParts/IsTruncated"))
            self.assertEqual(["1", "4"], [page.text("ObjectParts/MaxParts"), page.text("ObjectParts/PartsCount")])
        self.assertEqual(["1", "2", "3", "4"], numbers)
