"""tests/s3/statements/test_y_front_end.py -- section Y: what a compressing front end must not let through (345 is tests/crash/)."""

import glob
import gzip
import hashlib
import os
import time

import checksums
import wire
from admin import fetch, metrics
from case import S3Case, needs

LOG = b"".join(b"2026-11-21T10:%02d:%02d GET /api/v1/items/%d 200 %d\n" % (n // 60 % 60, n % 60, n % 977, n % 4093)
               for n in range(60_000))


def stored_bytes(folder):
    """Bytes that the data folder really takes on disk, holes not counted."""
    total = 0
    for path, _, names in os.walk(os.path.join(folder, "data")):
        total += sum(os.stat(os.path.join(path, name)).st_blocks * 512 for name in names)
    return total


class FrontEnd(S3Case):
    def test_336_sizes_are_of_the_original(self):
        self.put("k", LOG, payload="unsigned")
        self.assertEqual(str(len(LOG)), self.get("k").header("content-length"))
        self.assertEqual(str(len(LOG)), self.head("k").header("content-length"))
        self.assertEqual(str(len(LOG)), self.list().text("Contents/Size"))
        answer = self.get("k", headers={"Range": "bytes=-10"})
        self.assertEqual((LOG[-10:], f"bytes {len(LOG) - 10}-{len(LOG) - 1}/{len(LOG)}"), (answer.body, answer.header("content-range")))
        self.assertEqual(checksums.etag(LOG), self.head("k").header("etag"))

    def test_337_compressed_by_the_client(self):
        packed = gzip.compress(LOG)
        self.put("k", packed, {"Content-Encoding": "gzip"})
        for headers in ((), {"Accept-Encoding": "identity"}, {"Accept-Encoding": "gzip"}):
            answer = self.get("k", headers=headers)
            self.assertTrue(packed == answer.body)
            self.assertEqual("gzip", answer.header("content-encoding"))
        for key in ("a.gz", "b.zst", "c.br", "d.zip"):
            self.put(key, packed)
            answer = self.assert_object(key, packed)
            self.assertIsNone(answer.header("content-encoding"))

    def test_338_empty_and_single_bytes(self):
        for body in [b""] + [bytes([value]) for value in (0, 1, 0x28, 0x50, 0x53, 0xff)]:
            self.put("k", body)
            self.assert_object("k", body)

    def test_339_bodies_that_look_like_frames(self):
        """A client may store what the store itself would write: frame magics, zstd, gzip, sidecars."""
        zstd_magic, skippable = bytes.fromhex("28b52ffd"), bytes.fromhex("502a4d18")
        for number, start in enumerate((b"S4F2", b"S4F1", b"S4P1", b"S4IX", b"S4E6", zstd_magic, skippable, gzip.compress(LOG)[:100],
                                        b"S4F2" + bytes(24), b"S4F2" + b"\xff" * 24, b"S4F2" * 100)):
            for tail in (b"", b"\0" * 28, LOG[:5000], hashlib.shake_128(b"339").digest(3000), LOG[:1_200_000]):
                body = start + tail
                self.put("k", body, payload="unsigned")
                self.assert_object("k", body)
                if len(body) > 10:
                    self.assertEqual(body[3:9], self.get("k", headers={"Range": "bytes=3-8"}).body, number)

    def test_339_metadata_of_the_store_is_not_the_clients(self):
        """A client that sends the store's own metadata names changes nothing of how its object is read."""
        names = {"x-amz-meta-s4-codec": "cpu-zstd", "x-amz-meta-s4-original-size": "5", "x-amz-meta-s4-framed": "true",
                 "x-amz-meta-bale-etag": "x"}
        answer = self.alice.put(self.bucket, "k", (), names, LOG[:9000])
        if answer.status != 200:
            self.assert_error(answer, 400, answer.code)
            self.assert_absent("k")
        else:
            self.assert_object("k", LOG[:9000])

    def test_343_range_pinned_to_an_etag(self):
        self.put("k", LOG, payload="unsigned")
        etag = self.head("k").header("etag")
        first = self.get("k", headers={"Range": "bytes=0-999999", "If-Match": etag})
        self.put("k", LOG[::-1], payload="unsigned")
        second = self.get("k", headers={"Range": "bytes=1000000-", "If-Match": etag})
        self.assertEqual(206, first.status)
        self.assert_error(second, 412, "PreconditionFailed")

    def test_346_admin_endpoint(self):
        if not self.server.admin:
            self.skipTest("the admin endpoint is not known")
        self.put("health", b"an object", bucket=self.bucket)
        for path in ("/health", "/ready", "/metrics"):
            answer = fetch(self.server, path)
            self.assertEqual(200, answer.status, answer)
        for method in ("PUT", "POST", "DELETE"):
            self.assertIn(fetch(self.server, "/metrics", method).status, (401, 403, 404, 405))
        self.assertIn(fetch(self.server, f"/{self.bucket}/health").status, (401, 403, 404))
        self.assertNotIn(self.alice.account.secret_key.encode(), fetch(self.server, "/metrics").body)
        for path in ("/health", "/metrics"):  # on the S3 listener these are the name of a bucket, which is not there
            answer = self.raw(f"GET {path} HTTP/1.1\r\nHost: {self.server.host}\r\n\r\n".encode())
            self.assert_error(answer, 404, "NoSuchBucket")

    def test_347_metric_labels_are_bounded(self):
        if not self.server.admin:
            self.skipTest("the admin endpoint is not known")
        marker = self.bucket_name().replace("t347-", "label")
        for number in range(5):
            self.alice.get(f"{marker}{number}", f"{marker}-key")
            self.alice.put(f"{marker}{number}", f"{marker}-key", (), (), b"x")
            self.alice.request("BREW", f"{marker}{number}", marker)
            self.alice.get(f"{marker}{number}", marker, {marker: None}, auth=None)
        text = fetch(self.server, "/metrics").body.decode()
        self.assertNotIn(marker, text)
        self.assertNotIn("BREW", text)
        self.assertLess(len(text.splitlines()), 5000)

    def test_metrics_count_requests(self):
        if not self.server.admin:
            self.skipTest("the admin endpoint is not known")
        self.put("counted", b"x")
        found = metrics(self.server)
        requests = {name: value for name, value in found.items() if "request" in name and "{" in name}
        self.assertTrue(requests, sorted(found)[:50])
        self.assertTrue(any("GetObject" in name or "PutObject" in name or "operation=" in name for name in requests), sorted(requests)[:20])
        self.assertTrue(any("_bucket{" in name and "le=" in name for name in found), "no latency histogram")

    def test_logs_of_the_request_id(self):
        answer = self.get("missing")
        self.assertEqual(answer.header("x-amz-request-id"), answer.text("RequestId"))


class Alone(S3Case):
    SERIAL = True

    @needs("packing")
    def test_338_growth_is_bounded_and_logs_shrink(self):
        if not self.server.folder:
            self.skipTest("the data folder is not known")
        size = 24 << 20
        before = stored_bytes(self.server.folder)
        noise = hashlib.shake_128(b"338").digest(size)
        self.put("noise", noise, payload="unsigned")
        self.assert_object("noise", noise)
        text = (LOG * (size // len(LOG) + 1))[:size]
        for number in range(4):
            self.put(f"text{number}", b"%d" % number + text, payload="unsigned")
        time.sleep(0.5)
        grown = stored_bytes(self.server.folder) - before
        self.assertLess(grown, 5 * size, "nothing was compressed: the folder grew by what was put")

    def test_340_damaged_frame(self):
        """A byte of a stored body is flipped on disk: an error or a cut connection, never wrong or missing bytes."""
        if not self.server.folder:
            self.skipTest("the data folder is not known")
        for name, size in (("small", 40_000), ("large", 3_000_000)):
            body = hashlib.shake_128(name.encode() + os.urandom(8)).digest(size)  # does not shrink: stored as it is
            self.put(name, body, payload="unsigned")
            self.assertEqual(body, self.get(name).body)
            place = self.find_on_disk(body[size - 5000:size - 4900])
            self.assertIsNotNone(place, "the stored body was not found in the data folder")
            path, offset = place
            with open(path, "r+b") as file:
                file.seek(offset + 50)
                byte = file.read(1)
                file.seek(offset + 50)
                file.write(bytes([byte[0] ^ 0x40]))
            with self.alice.connect() as connection:
                connection.send(self.alice.prepare("GET", self.bucket, name).bytes)
                try:
                    answer = connection.read_response()
                    self.assertEqual(500, answer.status, f"{name}: {answer.headers}")
                    self.assert_error(answer, 500, "InternalError")
                except wire.Closed:
                    pass
            undamaged = self.get(name, headers={"Range": "bytes=0-99"}) if size > 2 << 20 else None
            if undamaged is not None:
                self.assertEqual((206, body[:100]), (undamaged.status, undamaged.body))
            self.put(name, b"healed")
            self.assert_object(name, b"healed")

    def find_on_disk(self, pattern):
        for path in glob.glob(os.path.join(self.server.folder, "data", "**"), recursive=True):
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    carried = b""
                    base = 0
                    while block := file.read(8 << 20):
                        window = carried + block
                        at = window.find(pattern)
                        if at >= 0:
                            return path, base - len(carried) + at
                        base += len(block)
                        carried = window[-len(pattern):]
        return None
