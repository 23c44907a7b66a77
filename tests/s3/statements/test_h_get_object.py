"""tests/s3/statements/test_h_get_object.py -- section H: GetObject and HeadObject (148 and 149 wait for tags and lifecycle)."""

import hashlib
import threading
import time

import checksums
import wire
from case import S3Case

PER_ANSWER = {"x-amz-request-id", "x-amz-id-2", "date", "connection", "keep-alive"}


def resident_anonymous_kib(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssAnon"))


class GetObject(S3Case):
    def test_144_headers(self):
        self.put("k", b"0123456789", {"Content-Type": "text/plain", "Cache-Control": "no-cache", "x-amz-meta-a": "b"})
        for read in (self.get, self.head):
            answer = read("k")
            self.assert_status(200, answer)
            for name, value in {"content-length": "10", "content-type": "text/plain", "accept-ranges": "bytes",
                                "etag": checksums.etag(b"0123456789"), "cache-control": "no-cache", "x-amz-meta-a": "b"}.items():
                self.assertEqual([value], answer.all(name))
            self.assertTrue(answer.header("last-modified").endswith("GMT"))

    def test_145_head_is_get_without_the_body(self):
        self.put("small", b"x", {"x-amz-meta-a": "b", "Expires": "never"})
        self.put("large", b"log line\n" * 300_000)
        for key in ("small", "large"):
            for query, headers in (((), ()), ((), {"Range": "bytes=1-"}), ({"response-content-type": "text/x"}, ()),
                                   ((), {"x-amz-checksum-mode": "ENABLED"}), ((), {"If-None-Match": "*"})):
                with self.subTest(f"{key} {query} {headers}"):
                    got, head = self.get(key, query, headers), self.head(key, query, headers)
                    self.assertEqual(got.status, head.status)
                    self.assertEqual(sorted((n.lower(), v) for n, v in got.headers if n.lower() not in PER_ANSWER),
                                     sorted((n.lower(), v) for n, v in head.headers if n.lower() not in PER_ANSWER))
                    self.assertEqual(b"", head.body)

    def test_146_missing_key(self):
        self.assert_error(self.get("missing"), 404, "NoSuchKey", {"Key": "missing"})
        self.assert_status(404, self.head("missing"))
        self.assert_error(self.bob.get(self.bucket, "missing"), 403, "AccessDenied")
        self.assert_status(403, self.bob.head(self.bucket, "missing"))
        self.put("a/b", b"x")
        for key in ("a", "a/", "a/b/", "A/b", "a/b "):
            self.assert_error(self.get(key), 404, "NoSuchKey")

    def test_414_missing_key_has_no_marker(self):
        for read in (self.get, self.head):
            self.assertEqual("false", read("missing").header("x-amz-delete-marker"))
            self.assertIsNone(read("missing", {"versionId": "a" * 32}).header("x-amz-delete-marker"))
        self.put("k", b"x")
        self.assertIsNone(self.get("k").header("x-amz-delete-marker"))
        self.assertIsNone(self.alice.get(self.bucket_name(), "k").header("x-amz-delete-marker"))

    def test_147_response_overrides(self):
        self.put("k", b"x", {"Content-Type": "text/stored", "Cache-Control": "stored"})
        overrides = {"response-content-type": "text/x-a; charset=UTF-8", "response-content-language": "fr",
                     "response-content-disposition": "attachment; filename=ü.txt", "response-content-encoding": "x-b",
                     "response-cache-control": "no-store", "response-expires": "Thu, 01 Dec 1994 16:00:00 GMT"}
        for read in (self.get, self.head):
            answer = read("k", overrides)
            for name, value in overrides.items():
                self.assertEqual([value], answer.all(name.removeprefix("response-")))
            self.assertEqual("text/stored", read("k").header("content-type"))
            one = read("k", {"response-cache-control": "x"})
            self.assertEqual(("text/stored", "x"), (one.header("content-type"), one.header("cache-control")))

    def test_147_overrides_cannot_split_the_answer(self):
        self.put("k", b"x")
        answer = self.get("k", {"response-content-type": "a\r\nx-injected: 1\r\n\r\nbody"})
        self.assertIsNone(answer.header("x-injected"))
        self.assertIn(answer.status, (200, 400))

    def test_150_version_ids(self):
        self.put("k", b"x")
        for value in ("", "not-a-version", "../../x", "%00", "x" * 2000):
            with self.subTest(value):
                answer = self.get("k", {"versionId": value})
                self.assert_error(answer, 400, "InvalidArgument")
        for value in ("3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY+MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo", "01BX5ZZKBKACTAV9WEVGEMMVRZ"):
            with self.subTest(value):
                answer = self.get("k", {"versionId": value})
                self.assert_error(answer, 404, "NoSuchVersion", {"Key": "k", "VersionId": value})
        for size in range(1, 200):  # whatever the length: an answer
            answer = self.get("k", {"versionId": "v" * size})
            self.assertIn((answer.status, answer.code), ((400, "InvalidArgument"), (404, "NoSuchVersion")), size)
        null = self.get("k", {"versionId": "null"})
        self.assertEqual((200, b"x"), (null.status, null.body))
        answer = self.get("missing", {"versionId": "null"})
        self.assertIn(answer.code, ("NoSuchVersion", "NoSuchKey"), answer)
        self.assert_error(answer, 404, answer.code, {"Key": "missing"})

    def test_153_reader_that_stalls(self):
        """Many clients that ask for a large object and read nothing: the server's memory stays bounded."""
        if not self.server.pid:
            self.skipTest("the server's process is not known")
        body = hashlib.shake_128(b"153").digest(1 << 20) * 24
        self.put("k", body, payload="unsigned")
        before = resident_anonymous_kib(self.server.pid)
        connections = []
        for _ in range(40):
            connection = self.alice.connect(receive_buffer=1 << 14)
            connection.send(self.alice.prepare("GET", self.bucket, "k").bytes)
            connections.append(connection)
        time.sleep(1.5)
        grown = resident_anonymous_kib(self.server.pid) - before
        for connection in connections:
            connection.close()
        self.assertLess(grown, 200 << 10, "KiB for 40 stalled readers of 24 MiB each")
        self.assertEqual(len(body), len(self.get("k").body))

    def test_154_small_objects_that_are_read_again_and_again(self):
        """Their original bytes are kept; each answer is that of the object as it is now, also by ranges and conditions."""
        for turn in range(4):
            for size in (700, 4096, 6000, 8192):
                body = (f"turn {turn}: " + "a line of a log\n" * 600).encode()[:size]
                self.put(f"k{size}", body, {"x-amz-meta-turn": str(turn)})
                for _ in range(8):  # connections of their own, so that all shards read it
                    answer = self.get(f"k{size}")
                    self.assertEqual((200, body, [str(turn)]), (answer.status, answer.body, answer.all("x-amz-meta-turn")))
                self.assertEqual(body[10:100], self.get(f"k{size}", (), {"Range": "bytes=10-99"}).body)
                self.assertEqual(body[-7:], self.get(f"k{size}", (), {"Range": "bytes=-7"}).body)
                self.assert_status(304, self.get(f"k{size}", (), {"If-None-Match": checksums.etag(body)}))
                self.assert_status(412, self.get(f"k{size}", (), {"If-Match": checksums.etag(b"")}))
        self.assert_status(204, self.alice.delete(self.bucket, "k4096"))
        self.assert_error(self.get("k4096"), 404, "NoSuchKey")

    def test_154_overwritten_while_it_is_read(self):
        first = hashlib.shake_128(b"first").digest(12 << 20)
        second = hashlib.shake_128(b"second").digest(12 << 20)
        self.put("k", first, payload="unsigned")
        with self.alice.connect(receive_buffer=1 << 16) as connection:
            connection.send(self.alice.prepare("GET", self.bucket, "k").bytes)
            answer = connection.read_head()
            start = connection.read_exactly(100_000)
            for turn in range(6):  # replaced, deleted and replaced again, so that space is used anew
                self.put("k", second, payload="unsigned")
                if turn % 2:
                    self.alice.delete(self.bucket, "k")
                    self.put("other", second[turn:], payload="unsigned")
            try:
                rest = connection.read_exactly(len(first) - 100_000)
                self.assertTrue(start + rest == first, "a mixture of two versions")
            except wire.Closed:
                self.assertTrue(first.startswith(start))
        self.assertEqual(checksums.etag(first), answer.header("etag"))

    def test_155_sub_resources_never_give_the_object(self):
        self.put("k", b"secret content")
        for name in ("torrent", "select", "acl", "retention", "legal-hold", "attributes", "restore", "uploads"):
            with self.subTest(name):
                answer = self.get("k", {name: None})
                self.assertIn(answer.status, {"acl": (200,), "torrent": (404,)}.get(name, (400, 405, 501)), answer)
                self.assertNotIn(b"secret content", answer.body)

    def test_get_of_many_sizes(self):
        """Around every boundary that a framing or a buffer could have."""
        pattern = hashlib.shake_128(b"sizes").digest(4096)
        text = b"the quick brown fox jumps over the lazy dog. "
        for size in (0, 1, 2, 255, 1999, 2000, 2001, 4095, 4096, 4097, 65_535, 65_536, 65_537, 131_072, (1 << 20) - 1,
                     1 << 20, (1 << 20) + 1, (2 << 20) + 7, 3 << 20):
            for kind in (pattern, text):
                body = (kind * (size // len(kind) + 1))[:size]
                self.put(f"k{size}", body, payload="unsigned")
                self.assert_object(f"k{size}", body)
                self.assertEqual(str(size), self.head(f"k{size}").header("content-length"))

    def test_get_by_many_readers_at_once(self):
        body = hashlib.shake_128(b"readers").digest(3_000_000)
        self.put("k", body)
        wrong = []

        def read():
            if self.get("k").body != body:
                wrong.append(1)
        threads = [threading.Thread(target=read) for _ in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([], wrong)
