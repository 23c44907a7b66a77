"""tests/s3/statements/test_j_part_numbers.py -- section J: GET and HEAD of one part."""

from multipart import LEAST, MultipartCase, composite_etag, noise_bytes, text_bytes

BODIES = [text_bytes(LEAST + 10, 1), noise_bytes(LEAST + 3, 2), b"the end"]


class PartNumbers(MultipartCase):
    def both(self, key, query, headers=()):
        """GET and HEAD, which must agree (180)."""
        got, head = self.get(key, query, headers), self.head(key, query, headers)
        self.assertEqual(got.status, head.status)
        if got.status < 300:
            for name in ("content-length", "content-range", "etag", "x-amz-mp-parts-count", "last-modified"):
                self.assertEqual(got.header(name), head.header(name), name)
        return got

    def test_174_parts_of_an_object(self):
        self.make(BODIES)
        total, first = sum(map(len, BODIES)), 0
        for number, body in enumerate(BODIES, 1):
            answer = self.both("k", {"partNumber": str(number)})
            self.assertEqual(206, answer.status)
            self.assertTrue(body == answer.body)
            self.assertEqual(f"bytes {first}-{first + len(body) - 1}/{total}", answer.header("content-range"))
            self.assertEqual(["3", composite_etag(BODIES)], [answer.header("x-amz-mp-parts-count"), answer.header("etag")])
            first += len(body)
        self.assertIsNone(self.get("k").header("x-amz-mp-parts-count"))

    def test_174_parts_are_counted_whatever_their_numbers_were(self):
        upload = self.create()
        parts = [self.part(upload, number, body) for number, body in zip((2, 40, 9999), BODIES)]
        self.complete(upload, *parts)
        for number, body in enumerate(BODIES, 1):
            self.assertTrue(body == self.get("k", {"partNumber": str(number)}).body)

    def test_175_object_of_a_single_put(self):
        self.put("single", b"0123456789")
        answer = self.both("single", {"partNumber": "1"})
        self.assertEqual((206, b"0123456789"), (answer.status, answer.body))
        self.assertEqual("bytes 0-9/10", answer.header("content-range"))
        self.assertIsNone(answer.header("x-amz-mp-parts-count"))

    def test_176_empty_object(self):
        self.put("empty", b"")
        answer = self.both("empty", {"partNumber": "1"})
        self.assertEqual(200, answer.status)
        self.assertIsNone(answer.header("content-range"))

    def test_177_beyond_the_last(self):
        self.make(BODIES)
        self.put("single", b"x")
        for key, count in (("k", 3), ("single", 1)):
            answer = self.both(key, {"partNumber": str(count + 1)})
            self.assert_error(answer, 416, "InvalidPartNumber", {"ActualPartCount": count, "PartNumberRequested": count + 1})

    def test_178_no_part_numbers(self):
        self.make([b"x"])
        for number in ("0", "-1", "10001", "x", ""):
            self.assert_error(self.both("k", {"partNumber": number}), 400, "InvalidArgument")

    def test_179_with_a_range(self):
        self.make([b"x"])
        self.assert_error(self.both("k", {"partNumber": "1"}, {"Range": "bytes=0-0"}), 400, "InvalidRequest")

    def test_101_no_checksum_of_the_whole_with_a_part(self):
        headers = {"x-amz-checksum-algorithm": "CRC32", "x-amz-checksum-type": "FULL_OBJECT"}
        self.make(BODIES, headers=headers)
        mode = {"x-amz-checksum-mode": "ENABLED"}
        whole = self.get("k", (), mode).header("x-amz-checksum-crc32")
        self.assertIsNotNone(whole)
        self.assertNotEqual(whole, self.both("k", {"partNumber": "1"}, mode).header("x-amz-checksum-crc32"))  # 358: the part's

    def test_conditions_come_first(self):
        self.make(BODIES)
        answer = self.both("k", {"partNumber": "1"}, {"If-None-Match": composite_etag(BODIES)})
        self.assertEqual(304, answer.status)
        self.assert_error(self.both("k", {"partNumber": "9"}, {"If-Match": '"x"'}), 412, "PreconditionFailed")
