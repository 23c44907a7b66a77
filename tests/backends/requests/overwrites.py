"""tests/backends/requests/overwrites.py -- a download while its key is overwritten or deleted: the old bytes to their end, or a cut; never a mixture,
never a short body with a good end."""

import random

import wire
from backend_case import BackendCase

MIB = 1 << 20


def large_body(seed, size=48 * MIB):
    """Half of it shrinks."""
    source = random.Random(seed)
    return b"".join(source.randbytes(MIB) if number % 2 else b"%d line of a log\n" % number * (MIB // 18) for number in range(size // MIB))


class OverwriteCase(BackendCase):
    def read_across(self, front, key, body, change):
        """Reads, changes the key when a little has come, reads on. True: everything came."""
        client = front.client()
        got = bytearray()
        with client.connect(receive_buffer=64 << 10) as connection:
            connection.send(client.prepare("GET", front.bucket, key).bytes)
            head = connection.read_head()
            self.assertEqual(200, head.status)
            size = int(head.header("content-length"))
            self.assertEqual(len(body), size)
            try:
                while len(got) < size:
                    if change is not None and len(got) >= 2 * MIB:
                        change()
                        change = None
                    got += connection.read_exactly(min(MIB, size - len(got)))
            except wire.Closed:
                got += connection.pending
        self.assertIsNone(change, "the download ended before anything was changed")
        self.assertTrue(bytes(got) == body[:len(got)], "other bytes than those of the revision that was opened")
        return len(got) == size

    def through(self, front, other):
        """The changes one after the other, each by `other`."""
        if self.backend_name == "minio" and not self.is_long:
            self.skipTest("MinIO makes a writer wait half a minute for a reader: --long")
        writer = other.client()
        new = large_body(2, 8 * MIB)
        for name, change in (
                ("overwritten", lambda: self.assertEqual(200, writer.put(self.bucket, "k", (), (), new, payload="unsigned").status)),
                ("deleted", lambda: self.assertEqual(204, writer.delete(self.bucket, "k").status))):
            with self.subTest(name):
                body = large_body(self.seed)
                self.assertEqual(200, front.client().put(self.bucket, "k", (), (), body, payload="unsigned").status)
                self.read_across(front, "k", body, change)
                after = front.client().get(self.bucket, "k")
                self.assertEqual((200, new) if name == "overwritten" else 404,
                                 (after.status, after.body) if name == "overwritten" else after.status)


class Overwrites(OverwriteCase):
    """The backend without Bale."""

    NEEDS_BALE = False

    def test_across_a_change(self):
        self.through(self.direct(), self.direct())


class OverwritesThroughBale(OverwriteCase):
    def test_across_a_change_by_the_same_bale(self):
        bale = self.bale()
        self.through(bale, bale)

    def test_across_a_change_by_another_one(self):
        self.through(self.bale(), self.bale())

    def test_across_a_change_at_the_backend(self):
        self.through(self.bale(), self.direct())

    def test_an_object_of_another_tool(self):
        """Stored as it is, served as it is, in ranges as well, whoever replaces it."""
        plain, bale = self.direct().client(), self.bale()
        for size in (0, 1, 70_000, 9 * MIB):
            body = large_body(size, size + MIB)[:size]
            plain.put(self.bucket, "foreign", (), {"x-amz-meta-a": "b", "content-type": "text/odd"}, body, payload="unsigned")
            answer = bale.client().get(self.bucket, "foreign")
            self.assertEqual((200, body, "b", "text/odd"), (answer.status, answer.body, answer.header("x-amz-meta-a"),
                                                            answer.header("content-type")))
            if size > 1:
                answer = bale.client().get(self.bucket, "foreign", (), {"range": f"bytes=1-{size // 2}"})
                self.assertEqual((206, body[1:size // 2 + 1]), (answer.status, answer.body))
        self.assertEqual(204, plain.delete(self.bucket, "foreign").status)
        self.assertEqual(404, bale.client().get(self.bucket, "foreign").status)
