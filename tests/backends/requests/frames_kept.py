"""tests/backends/requests/frames_kept.py -- frames that stay decoded before a bucket: a range near one that was read costs a HEAD and no
byte, and nobody gets what was kept of another revision, whoever wrote the one that is there.
"""

import random

from backend_case import BackendCase

MIB = 1 << 20
ONE, TWO = (random.Random(seed).randbytes(MIB + 5000).hex().encode() for seed in (1, 2))  # of three frames


class FramesKept(BackendCase):
    FOR = ("raw", "minio")
    TIER = ()

    def setUp(self):
        super().setUp()
        self.through = self.proxy()
        self.daemon = self.bale(self.through, "--shards", "1", *self.TIER)
        self.reader = self.daemon.client()
        self.writer = self.bale(None, "--shards", "1").client()
        self.put(self.writer, ONE)

    def put(self, client, body):
        self.assertEqual(200, client.put(self.bucket, "key", (), (), body).status)

    def expect(self, first, size, body):
        """What the backend was asked for."""
        self.through.reset()
        answer = self.reader.get(self.bucket, "key", (), {"range": f"bytes={first}-{first + size - 1}"})
        self.assertEqual(206, answer.status, answer)
        self.assertTrue(answer.body == body[first:first + size], f"other bytes at {first}")
        return {entry["op"] for entry in self.through.log() if entry["key"] == "key"}

    def warm(self, body):
        """The first look learns what there is, the second goes by it."""
        for _ in range(2):
            self.expect(MIB + 10, 1000, body)

    def test_neighbours_cost_no_byte(self):
        self.warm(ONE)
        self.assertEqual({"HeadObject"}, self.expect(MIB + 5000, 1000, ONE))
        self.assertEqual({"HeadObject"}, self.expect(2 * MIB - 1, 1, ONE))
        self.assertEqual({"GetObject"}, self.expect(2 * MIB - 1, 2, ONE))
        self.assertEqual({"GetObject"}, self.expect(10, 1000, ONE))

    def test_what_others_wrote_is_read(self):
        self.warm(ONE)
        for body in (TWO, ONE):
            self.put(self.writer, body)
            self.assertIn("GetObject", self.expect(MIB + 5000, 1000, body))
            self.warm(body)
            self.assertEqual({"HeadObject"}, self.expect(MIB + 6000, 1000, body))

    def test_what_others_deleted_is_gone(self):
        self.warm(ONE)
        self.assertEqual(204, self.writer.delete(self.bucket, "key").status)
        self.assertEqual(404, self.reader.get(self.bucket, "key", (), {"range": f"bytes={MIB + 10}-{MIB + 20}"}).status)

    def test_the_bytes_that_it_was_packed_to(self):
        """They have its ETag and its size, and are another object."""
        text = ONE[:200_000]  # of one frame, which has nothing behind it
        self.put(self.writer, text)
        packed = self.backend.client().get(self.bucket, "key").body
        self.assertLess(len(packed), len(text))
        for body in (text, packed, text):
            self.put(self.writer, body)
            for _ in range(3):
                self.expect(10, 1000, body)


class FramesKeptOverATier(FramesKept):
    """A tier keeps what is stored, and a shard what it decoded of that: neither is ever another revision's."""
    TIER = ("--tier-memory", "8M")

    def hits(self):
        return sum(float(line.split()[-1]) for line in self.daemon.admin("/metrics")[1].splitlines() if line.startswith("bale_frame_cache_hits_total"))

    def test_neighbours_cost_no_byte(self):
        self.warm(ONE)
        before = self.hits()
        self.assertEqual({"HeadObject"}, self.expect(MIB + 5000, 1000, ONE))
        self.assertEqual({"HeadObject"}, self.expect(2 * MIB - 1, 1, ONE))
        self.assertEqual(before + 2, self.hits())
