"""tests/s3/statements/test_limits.py -- time-outs and caps (statements 14, 15, 33, 153), on a server of its own with small ones."""

import hashlib
import os
import threading
import time

import wire
from case import S3Case
from client import Client
from daemon import Daemon

OPTIONS = ["--progress-timeout", "6s", "--idle-timeout", "5s", "--head-timeout", "5s", "--shards", "1", "--connections-max", "24",
           "--frame-buffers", "2"]
HANGS_SECONDS = 300  # what takes so long will not end


class Limits(S3Case):
    def setUp(self):
        if not self.baled:
            self.skipTest("the server's program is not known")
        self.daemon = Daemon(os.path.abspath(self.baled), OPTIONS)
        self.addCleanup(self.daemon.remove)
        self.server = self.daemon.start()
        super().setUp()
        self._bucket = self.make_bucket()
        self.alice.kept.connection.close()
        self.alice.kept.connection = None

    def test_015_only_idleness_ends_a_body(self):
        body = b"slow!" * 20
        prepared = self.alice.prepare("PUT", self.bucket, "k", body=body)
        with self.alice.connect() as connection:
            connection.send(prepared.head)
            connection.send_in_pieces(prepared.body, 10, 0.8)  # 8 s in all, and none of them 6
            self.assert_status(200, connection.read_response())
        self.assert_object("k", body)

    def test_014_body_that_stalls(self):
        self.put("old", b"old")
        for key in ("old", "new"):
            prepared = self.alice.prepare("PUT", self.bucket, key, body=b"x" * 100_000)
            with self.alice.connect() as connection:
                connection.send(prepared.bytes[:50_000])
                started = time.monotonic()
                try:
                    answer = connection.read_response()
                    self.assert_error(answer, 400, "RequestTimeout")
                    self.assert_closed(connection)
                except wire.Closed:
                    pass
                self.assertLess(time.monotonic() - started, HANGS_SECONDS)
        self.assert_object("old", b"old")
        self.assert_absent("new")

    def test_015_slow_reader_that_goes_on_gets_everything(self):
        body = hashlib.shake_128(b"slow reader").digest(3 << 20)
        self.put("k", body, payload="unsigned")
        with self.alice.connect(receive_buffer=1 << 14) as connection:
            connection.send(self.alice.prepare("GET", self.bucket, "k").bytes)
            answer = connection.read_head()
            got = b""
            for _ in range(10):
                got += connection.read_exactly(50_000)
                time.sleep(0.7)
            got += connection.read_exactly(int(answer.header("content-length")) - len(got))
        self.assertTrue(got == body)

    def test_153_reader_that_stops_is_cut(self):
        body = hashlib.shake_128(b"stalled reader").digest(24 << 20)
        self.put("k", body, payload="unsigned")
        with self.alice.connect(receive_buffer=1 << 14) as connection:
            connection.send(self.alice.prepare("GET", self.bucket, "k").bytes)
            connection.read_head()
            time.sleep(14)
            with self.assertRaises(wire.Closed):
                connection.read_exactly(len(body))

    def test_idle_connections_are_closed(self):
        with self.alice.connect() as unused, self.alice.connect() as used:
            used.send(self.alice.prepare("GET", self.bucket, None, {"list-type": "2"}).bytes)
            self.assert_status(200, used.read_response())
            self.assert_closed(used)
            self.assert_closed(unused)

    def test_slow_head_is_ended(self):
        head = self.alice.prepare("GET", self.bucket, None, {"list-type": "2"}).head
        with self.alice.connect() as connection:
            started = time.monotonic()
            sent = 0
            while sent < len(head) and time.monotonic() - started < HANGS_SECONDS and connection.is_silent_for(0.3):
                if not connection.try_send(head[sent:sent + 1]):
                    break
                sent += 1
            self.assertLess(time.monotonic() - started, HANGS_SECONDS, "a head that trickles is read for ever")
        self.assertLess(sent, len(head))

    def test_033_more_connections_than_allowed(self):
        held = [self.alice.connect() for _ in range(24)]
        for connection in held:
            connection.send(self.alice.prepare("GET", self.bucket, None, {"list-type": "2"}).bytes)
        answers = [connection.read_response() for connection in held]
        self.assertEqual({200}, {answer.status for answer in answers})
        with self.alice.connect() as one_more:
            one_more.send(self.alice.prepare("GET", self.bucket, None, {"list-type": "2"}).bytes)
            answer = one_more.read_response()  # at once, or when an idle one has been closed
            if answer.status != 200:
                self.assert_error(answer, 503, "SlowDown")
        for connection in held:
            connection.close()
        self.wait_for(lambda: self.list().status == 200, "none is held any more, and none is let in")

    def wait_for(self, condition, what):
        deadline = time.monotonic() + HANGS_SECONDS
        while not condition():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.05)

    def stall(self, count):
        """Uploads that stop in the middle."""
        stalled = []
        for number in range(count):
            prepared = self.alice.prepare("PUT", self.bucket, f"stalled{number}", body=b"s" * 3_000_000, payload="unsigned")
            connection = self.alice.connect()
            connection.socket.settimeout(0.5)
            try:
                connection.send(prepared.bytes[:1_500_000])
            except (TimeoutError, OSError):
                pass
            stalled.append(connection)
        return stalled

    def test_033_more_uploads_than_buffers(self):
        """Twelve uploads that stall in the middle hold what there is; small requests go on, large ones wait or are told to."""
        for _ in range(5):  # a machine that is busy makes a list slow as well, but not each time
            stalled = self.stall(12)
            started = time.monotonic()
            self.assert_status(200, self.list())
            took = time.monotonic() - started
            if took < 3:
                break
            for connection in stalled:
                connection.close()
        self.assertLess(took, 3, "a list waits for stalled uploads")
        answer = self.alice.put(self.bucket, "another", (), (), b"a" * 3_000_000, payload="unsigned")
        if answer.status != 200:
            self.assert_error(answer, 503, "SlowDown")
        for connection in stalled:
            connection.close()
        self.wait_for(lambda: self.alice.put(self.bucket, "after", (), (), b"z" * 3_000_000, payload="unsigned").status == 200, "nothing is taken any more")
        self.assertEqual([], [key for key in self.list().texts("Contents/Key") if key.startswith("stalled")])

    def test_many_uploads_with_two_buffers_all_finish(self):
        bodies = [hashlib.shake_128(b"%d" % number).digest(2_500_000) for number in range(16)]
        answers = [None] * 16

        def put(number):
            client = Client(self.server, self.server.accounts["alice"])
            answers[number] = client.put(self.bucket, f"k{number}", (), (), bodies[number], payload="unsigned")
        threads = [threading.Thread(target=put, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for number, answer in enumerate(answers):
            if answer.status == 200:
                self.assert_object(f"k{number}", bodies[number])
            else:
                self.assert_error(answer, 503, "SlowDown")
        self.assertGreater([answer.status for answer in answers].count(200), 1)
