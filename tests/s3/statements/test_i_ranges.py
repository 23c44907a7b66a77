"""tests/s3/statements/test_i_ranges.py -- section I: byte ranges, always over the original bytes."""

import hashlib
import random

import checksums
from admin import metrics
from case import S3Case

HUNDRED = bytes(range(100))


class Ranges(S3Case):
    def setUp(self):
        super().setUp()
        self.put("k", HUNDRED)

    def ranged(self, value, key="k", **headers):
        return self.get(key, headers={"Range": value, **headers})

    def assert_part(self, value, first, last, body=HUNDRED, key="k"):
        answer = self.ranged(value, key)
        self.assert_status(206, answer)
        self.assertEqual(f"bytes {first}-{last}/{len(body)}", answer.header("content-range"))
        self.assertEqual(str(last - first + 1), answer.header("content-length"))
        self.assertTrue(body[first:last + 1] == answer.body, f"{value}: other bytes")
        self.assertEqual("bytes", answer.header("accept-ranges"))
        return answer

    def assert_everything(self, value):
        answer = self.ranged(value)
        self.assert_status(200, answer)
        self.assertEqual(HUNDRED, answer.body, value)
        self.assertIsNone(answer.header("content-range"))

    def assert_unsatisfiable(self, value, key="k", size=100):
        answer = self.ranged(value, key)
        self.assert_error(answer, 416, "InvalidRange", {"RangeRequested": value, "ActualObjectSize": str(size)})
        self.assertEqual(f"bytes */{size}", answer.header("content-range"))

    def test_156_first_ten(self):
        self.assert_part("bytes=0-9", 0, 9)

    def test_157_open_end(self):
        self.assert_part("bytes=90-", 90, 99)
        self.assert_part("bytes=0-", 0, 99)
        self.assert_part("bytes=99-", 99, 99)

    def test_158_suffix(self):
        self.assert_part("bytes=-10", 90, 99)
        self.assert_part("bytes=-1", 99, 99)
        self.assert_part("bytes=-100", 0, 99)

    def test_159_suffix_above_size(self):
        self.assert_part("bytes=-200", 0, 99)
        self.assert_part("bytes=-101", 0, 99)

    def test_160_suffix_of_nothing(self):
        self.assert_unsatisfiable("bytes=-0")

    def test_161_clamped(self):
        self.assert_part("bytes=50-1000", 50, 99)
        self.assert_part("bytes=0-100", 0, 99)

    def test_162_behind_the_end(self):
        for value in ("bytes=100-100", "bytes=100-110", "bytes=100-", "bytes=101-", "bytes=5000-6000"):
            with self.subTest(value):
                self.assert_unsatisfiable(value)

    def test_163_head_of_an_unsatisfiable_range(self):
        answer = self.head("k", headers={"Range": "bytes=100-"})
        self.assert_status(416, answer)
        self.assertEqual("bytes */100", answer.header("content-range"))

    def test_164_empty_object(self):
        self.put("empty", b"")
        for value in ("bytes=0-0", "bytes=0-", "bytes=1-2", "bytes=-0"):
            with self.subTest(value):
                self.assert_unsatisfiable(value, "empty", 0)
        self.assert_status(200, self.ranged("bytes=x", "empty"))

    def test_165_not_a_range(self):
        for value in ("bytes=10-5", "bytes=abc", "bytes=,", "bytes=--1", "bytes=0--1", "bytes= -1", "bytes=0 -1", "foo=0-1",
                      "bytes=100-x", "bytes=", "bytes", "bytes=-", "0-9", "bytes 0-9", "bytes=0x0-0x9", "bytes=1.5-3",
                      "bytes=+1-3", "bytes=1-3;", "=0-9", "bytes==0-9"):
            with self.subTest(value):
                self.assert_everything(value)

    def test_166_several_ranges(self):
        for value in ("bytes=0-0,1-2", "bytes=0-9, 20-29", "bytes=0-0,-1"):
            with self.subTest(value):
                self.assert_everything(value)

    def test_167_leading_zeros(self):
        self.assert_part("bytes=00-01", 0, 1)
        self.assert_part("bytes=-0000000000000000000000010", 90, 99)
        self.assert_part("bytes=000000000000000000000000000090-00000000000000000000000000000000000099", 90, 99)

    def test_168_huge_numbers(self):
        for huge in ("9223372036854775808", "18446744073709551615", "18446744073709551616", "9" * 40):
            with self.subTest(huge):
                self.assert_part(f"bytes=10-{huge}", 10, 99)
                self.assert_part(f"bytes=-{huge}", 0, 99)
                self.assert_unsatisfiable(f"bytes={huge}-")
                self.assert_unsatisfiable(f"bytes={huge}-{huge}9")

    def test_169_head(self):
        got, head = self.ranged("bytes=10-19"), self.head("k", headers={"Range": "bytes=10-19"})
        self.assert_status(206, head)
        for name in ("content-range", "content-length", "etag", "last-modified", "content-type", "accept-ranges"):
            self.assertEqual(got.header(name), head.header(name), name)

    def test_170_etag_and_date_are_the_whole_objects(self):
        whole, part = self.get("k"), self.ranged("bytes=1-1")
        self.assertEqual(whole.header("etag"), part.header("etag"))
        self.assertEqual(whole.header("last-modified"), part.header("last-modified"))
        self.assertEqual(checksums.etag(HUNDRED), part.header("etag"))

    def test_171_with_conditions(self):
        right = checksums.etag(HUNDRED)
        modified = self.head("k").header("last-modified")
        part = {"Range": "bytes=0-9"}
        self.assert_status(206, self.get("k", headers={**part, "If-Match": right}))
        self.assert_error(self.get("k", headers={**part, "If-Match": '"x"'}), 412, "PreconditionFailed")
        self.assert_status(206, self.get("k", headers={**part, "If-Range": right}))
        other = self.get("k", headers={**part, "If-Range": '"x"'})
        self.assertEqual((200, HUNDRED), (other.status, other.body))
        self.assert_status(206, self.get("k", headers={**part, "If-Range": modified}))
        self.assert_status(200, self.get("k", headers={**part, "If-Range": "Thu, 01 Dec 1994 16:00:00 GMT"}))
        self.assert_status(200, self.get("k", headers={**part, "If-Range": "W/" + right}))
        self.assert_status(304, self.get("k", headers={**part, "If-None-Match": right}))

    def test_172_ranges_over_frames(self):
        """Slices of a compressed object of many frames, at and around every boundary that a frame may have."""
        rng = random.Random(172)
        text = b"".join(b"%d GET /path/%d HTTP/1.1 200 %d\n" % (n, n * 7 % 1000, n * 13) for n in range(130_000))[:3_700_003]
        mixed = b"".join(text[start:start + 300_000] + hashlib.shake_128(b"%d" % start).digest(300_000)
                         for start in range(0, 2_400_000, 300_000))
        for key, body in (("text", text), ("mixed", mixed)):
            self.put(key, body, payload="unsigned")
            size = len(body)
            points = {0, 1, size - 1, size // 2}
            for boundary in (4096, 65_536, 1 << 18, 1 << 19, 1 << 20, 2 << 20, 3 << 20):
                points |= {boundary - 1, boundary, boundary + 1}
            points = sorted(point for point in points if point < size)
            for first in points:
                self.assert_part(f"bytes={first}-{first}", first, first, body, key)
                last = min(size - 1, first + rng.choice((1, 100, 70_000)))
                self.assert_part(f"bytes={first}-{last}", first, last, body, key)
            for _ in range(30):
                first = rng.randrange(size)
                last = rng.randrange(first, size)
                self.assert_part(f"bytes={first}-{last}", first, last, body, key)
            self.assert_part(f"bytes=-{1 << 20}", size - (1 << 20), size - 1, body, key)
            self.assert_part("bytes=0-", 0, size - 1, body, key)


def fetched_bytes(case):
    """The counter of bytes fetched from the store, whatever its labels."""
    values = [value for name, value in metrics(case.server).items()
              if ("fetched" in name or "backend_read" in name or "store_read" in name) and "bytes" in name]
    return sum(values) if values else None


class RangesAlone(S3Case):
    SERIAL = True

    def test_173_small_range_fetches_at_most_the_frames_touched(self):
        if not self.server.admin:
            self.skipTest("the admin endpoint is not known")
        body = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(8 << 15))
        self.put("big", body, payload="unsigned")
        before = fetched_bytes(self)
        self.assertIsNotNone(before, "no metric of bytes fetched from the store")
        self.assertEqual(body[5_000_000:5_000_100], self.get("big", headers={"Range": "bytes=5000000-5000099"}).body)
        self.assertLess(fetched_bytes(self) - before, 3 << 20)
