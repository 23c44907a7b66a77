"""tests/backends/requests/outages.py -- a backend that goes away, is slow or busy, and comes back: clear refusals meanwhile, nothing to do afterwards."""

import hashlib
import os
import random
import subprocess
import tempfile
import threading
import time

import wire
from backend_case import BackendCase
from faults import fault


class OutageCase(BackendCase):
    def is_ready(self, bale):
        return bale.admin("/ready")[0] == 200

    def assert_unavailable(self, answer):
        self.assertEqual((503, "SlowDown"), (answer.status, answer.code if answer.body else "SlowDown"), answer)
        self.assertTrue(answer.header("retry-after"), answer)


class Outages(OutageCase):
    def test_away_and_back(self):
        proxy = self.proxy()
        bale = self.bale(proxy)
        alice = bale.client()
        self.assertEqual(200, alice.put(self.bucket, "k", (), (), b"before").status)
        self.assertTrue(self.is_ready(bale))
        proxy.down()
        for attempt in (lambda: alice.get(self.bucket, "k"), lambda: alice.put(self.bucket, "new", (), (), b"x"),
                        lambda: alice.delete(self.bucket, "k"), lambda: alice.get(self.bucket, None, {"list-type": "2"}),
                        lambda: alice.put(self.bucket, "large", (), (), bytes(20 << 20), payload="unsigned"),
                        lambda: alice.post(self.bucket, "u", {"uploads": None}), lambda: alice.head(self.bucket, "k")):
            started = time.monotonic()
            self.assert_unavailable(attempt())
            self.assertLess(time.monotonic() - started, 80)
        self.wait_for(lambda: not self.is_ready(bale), "the backend is away, and /ready says 200")
        self.assertIn(f"127.0.0.1:{proxy.port}", bale.admin("/ready")[1])
        self.assertEqual(200, bale.admin("/health")[0])
        proxy.up()
        self.wait_for(lambda: self.is_ready(bale), "the backend is back, and /ready says 503")
        self.assertEqual(b"before", alice.get(self.bucket, "k").body)
        self.assertEqual(200, alice.put(self.bucket, "new", (), (), b"after").status)
        self.assertEqual(404, alice.get(self.bucket, "large").status)

    def test_uploads_in_flight_end_cleanly(self):
        proxy = self.proxy(fault("delay", op="UploadPart", seconds=0.3))
        bale = self.bale(proxy)
        results = []

        def upload(number):
            try:
                results.append(bale.client().put(self.bucket, f"k{number}", (), (), bytes(40 << 20), payload="unsigned").status)
            except (wire.ProtocolError, OSError):
                results.append(None)
        threads = [threading.Thread(target=upload, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        self.wait_for(lambda: "UploadPart" in proxy.operations(), "no part of them")
        proxy.down()
        for thread in threads:
            thread.join()
        self.assertTrue(all(result in (None, 503) for result in results), results)
        proxy.up()
        self.wait_for(lambda: self.is_ready(bale), "not ready again")
        for number in range(4):
            self.assertEqual(404, bale.client().head(self.bucket, f"k{number}").status)
        plain = self.direct().client()
        self.wait_for(lambda: not plain.get(self.bucket, None, {"uploads": None}).texts("Upload/UploadId"),
                      "uploads at the backend that nobody will complete")

    def test_lost_answers_are_found_out(self):
        """The effect took place and nobody said so: the client hears the truth all the same."""
        proxy = self.proxy()
        alice = self.bale(proxy).client()
        for kind in (fault("lose"), fault("replace", status=500), fault("replace", status=503), fault("duplicate", second=1.0)):
            for op, action, wanted in (
                    ("PutObject", lambda: alice.put(self.bucket, "k", (), {"if-none-match": "*"}, b"one"), 200),
                    ("PutObject", lambda: alice.put(self.bucket, "k", (), (), b"two"), 200),
                    ("CompleteMultipartUpload", lambda: alice.put(self.bucket, "large", (), (), bytes(20 << 20), payload="unsigned"), 200),
                    ("CreateMultipartUpload", lambda: alice.put(self.bucket, "large", (), (), bytes(20 << 20), payload="unsigned"), 200),
                    ("UploadPart", lambda: alice.put(self.bucket, "large", (), (), bytes(20 << 20), payload="unsigned"), 200),
                    ("CopyObject", lambda: alice.put(self.bucket, "copy", (), {"x-amz-copy-source": f"{self.bucket}/k"}), 200),
                    ("DeleteObject", lambda: alice.delete(self.bucket, "k"), 204)):
                with self.subTest(f"{kind['fault']} {op}"):
                    proxy.rules({**kind, "op": op, "nth": 1})
                    answer = action()
                    self.assertEqual(wanted, answer.status, answer)
        proxy.clear()
        self.assertEqual(404, alice.get(self.bucket, "k").status)
        self.assertEqual(20 << 20, len(alice.get(self.bucket, "large").body))

    def test_a_duplicate_after_another_ones_write_changes_nothing(self):
        proxy = self.proxy()
        alice = self.bale(proxy).client()
        for key, first in (("new", None), ("old", b"zero")):
            if first is not None:
                alice.put(self.bucket, key, (), (), first)
            proxy.rules(fault("duplicate-late", op="PutObject", seconds=0.3, nth=1))
            self.assertEqual(200, alice.put(self.bucket, key, (), (), b"first").status)
            self.assertEqual(200, alice.put(self.bucket, key, (), (), b"second").status)
            self.wait_for(lambda: any(entry.get("fault") == "late duplicate" and entry["status"] for entry in proxy.log()),
                          "the duplicate did not come")
            self.assertEqual(b"second", alice.get(self.bucket, key).body)
            proxy.reset()

    def test_a_condition_of_a_client_is_never_refused_by_an_own_echo(self):
        """PUT If-None-Match: the first attempt took effect and its answer was lost; the second one meets a 412 of its own making."""
        proxy = self.proxy()
        alice = self.bale(proxy).client()
        for number in range(5):
            proxy.rules(fault("lose", op="PutObject", nth=1))
            self.assertEqual(200, alice.put(self.bucket, f"k{number}", (), {"if-none-match": "*"}, b"x").status)
            self.assertEqual(412, alice.put(self.bucket, f"k{number}", (), {"if-none-match": "*"}, b"x").status)


class OutagesOfAny(OutageCase):
    """What is the proxy's doing alone: whose server it stands for does not matter."""

    FOR = ("raw",)

    def test_it_comes_back_without_being_asked(self):
        """/ready finds out by itself: a load balancer sends nothing to who is not ready."""
        proxy = self.proxy()
        bale = self.bale(proxy)
        proxy.down()
        bale.client().get(self.bucket, "k")
        self.wait_for(lambda: not self.is_ready(bale), "/ready does not notice")
        proxy.up()
        self.wait_for(lambda: self.is_ready(bale), "/ready does not notice that it is back", 120)

    def test_before_the_journal_was_read(self):
        """Objects are served, and /ready says what is not. That the backend is away it says of such a process as of any other."""
        unread = fault("refuse", status=503, method="GET", key="^.bale/journal/")
        said = "the journal has not been read for"
        proxy = self.proxy(unread)
        bale = self.bale(proxy, "--settings-grace", "1s")
        self.wait_for(lambda: said in bale.admin("/ready")[1], "/ready does not say that the journal was not read")
        self.assertEqual((200, 200), (bale.admin("/ready")[0], bale.client().put(self.bucket, "k", (), (), b"body").status))
        proxy.down()
        self.wait_for(lambda: not self.is_ready(bale), "/ready does not notice")
        proxy.up()
        self.wait_for(lambda: self.is_ready(bale) and said in bale.admin("/ready")[1], "/ready does not notice that it is back")
        proxy.clear()
        self.wait_for(lambda: bale.admin("/ready") == (200, "ready\n"), "the journal is read")
        proxy.rules(unread)
        self.wait_for(lambda: said in bale.admin("/ready")[1], "/ready does not say that the journal is not read any more")
        self.assertEqual((200, b"body"), (bale.admin("/ready")[0], bale.client().get(self.bucket, "k").body))
        proxy.clear()
        self.wait_for(lambda: bale.admin("/ready") == (200, "ready\n"), "the journal is read again")

    def test_busy_for_a_while(self):
        """What a backend refuses for the moment is tried again, and when that is not enough, the client is asked to."""
        proxy = self.proxy()
        bale = self.bale(proxy)
        alice = bale.client()
        alice.put(self.bucket, "k", (), (), b"body")
        proxy.rules(fault("refuse", status=503, first=2), fault("refuse", status=429, nth=4), fault("refuse", status=500, nth=6))
        self.assertEqual(b"body", alice.get(self.bucket, "k").body)
        proxy.rules(fault("refuse", status=503, retry_after=1))
        self.assert_unavailable(alice.get(self.bucket, "k"))
        proxy.clear()
        self.wait_for(lambda: alice.get(self.bucket, "k").status == 200, "it is not busy any more")

    def test_what_its_refusals_mean(self):
        """Keys and clocks are between Bale and its backend: clients are asked to try again, and /ready says why. What they may not do there,
        or what it cannot do, they hear as it is."""
        proxy = self.proxy()
        bale = self.bale(proxy)
        alice = bale.client()
        alice.put(self.bucket, "k", (), (), b"body")
        for status, code, heard, ready in (
                (403, "InvalidAccessKeyId", (503, "SlowDown"), "it refuses the credentials, or the clock"),
                (403, "SignatureDoesNotMatch", (503, "SlowDown"), "it refuses the credentials, or the clock"),
                (403, "RequestTimeTooSkewed", (503, "SlowDown"), "it refuses the credentials, or the clock"),
                (400, "ExpiredToken", (503, "SlowDown"), "it refuses the credentials, or the clock"),
                (400, "InvalidToken", (503, "SlowDown"), "it refuses the credentials, or the clock"),
                (403, "AccessDenied", (403, "AccessDenied"), "it denies access to the bucket"),
                (404, "NoSuchBucket", (404, "NoSuchBucket"), "the bucket is not there any more"),
                (500, "InternalError", (503, "SlowDown"), "it answers with errors"),
                (507, "XMinioStorageFull", (507, "InsufficientStorage"), "it has no room left"),
                (501, "NotImplemented", (501, "NotImplemented"), None),
                (400, "EntityTooSmall", (400, "EntityTooSmall"), None),
                (400, "SomethingOfItsOwn", (500, "InternalError"), None)):
            with self.subTest(code):
                proxy.rules(fault("refuse", status=status, code=code))
                answer = alice.get(self.bucket, "k")
                self.assertEqual(heard, (answer.status, answer.code), answer)
                self.assertNotIn(b"A fault of the proxy", answer.body, "the backend's own words are for the log")
                if heard[0] == 503:
                    self.assertTrue(answer.header("retry-after"), answer)
                if ready is None:
                    self.assertTrue(self.is_ready(bale))
                    continue
                self.wait_for(lambda ready=ready: ready in bale.admin("/ready")[1], f"/ready does not say that {ready}")
                self.assertEqual(503, bale.admin("/ready")[0])
                if status == 400:  # of which an answer to HEAD says no more
                    self.assertEqual(503, alice.head(self.bucket, "k").status)
                proxy.clear()
                self.wait_for(lambda: self.is_ready(bale), "not ready again")
                self.assertEqual(b"body", alice.get(self.bucket, "k").body)

    def test_a_head_that_is_refused_without_a_word(self):
        """It is asked before anything else is known: is it the session, or this name?"""
        proxy = self.proxy()
        bale = self.bale(proxy)
        alice = bale.client()
        alice.put(self.bucket, "k", (), (), b"body")
        proxy.rules(fault("refuse", status=400, code="ExpiredToken"))
        answer = alice.head(self.bucket, "k")
        self.assertEqual(503, answer.status, answer)
        self.assertIn("it refuses the credentials, or the clock", bale.admin("/ready")[1])
        proxy.clear()
        self.wait_for(lambda: self.is_ready(bale), "not ready again")
        proxy.rules(fault("refuse", status=400, code="InvalidArgument", op="HeadObject"))
        proxy.do("reset")
        self.assertEqual(400, alice.head(self.bucket, "k").status)
        self.assertEqual(1, [entry["op"] for entry in proxy.log()].count("HeadObject"))
        self.assertTrue(self.is_ready(bale))
        proxy.clear()
        self.assertEqual(200, alice.head(self.bucket, "k").status)

    def test_the_newest_reason_is_told(self):
        proxy = self.proxy()
        bale = self.bale(proxy)
        alice = bale.client()
        alice.put(self.bucket, "k", (), (), b"body")
        proxy.rules(fault("refuse", status=500, code="InternalError"))
        self.assertEqual(503, alice.get(self.bucket, "k").status)
        self.wait_for(lambda: "it answers with errors" in bale.admin("/ready")[1], "/ready does not say it")
        proxy.rules(fault("refuse", status=403, code="InvalidAccessKeyId"))
        self.assertEqual(503, alice.get(self.bucket, "k").status)
        self.wait_for(lambda: "it refuses the credentials" in bale.admin("/ready")[1], "/ready does not say it")
        proxy.do("reset")
        self.wait_for(lambda: "HeadBucket" in [entry["op"] for entry in proxy.log()], "the bucket is not asked for")
        self.assertIn("it refuses the credentials", bale.admin("/ready")[1], "HEAD knows no better reason")

    def test_a_backend_that_is_full(self):
        """A write is sent once, and its client hears why it is not there: an overwrite, a creation, and a large one at its last request."""
        proxy = self.proxy()
        alice = self.bale(proxy, "--part-size", "5M").client()
        alice.put(self.bucket, "k", (), (), b"body")
        large = random.Random(1).randbytes(6 << 20)
        for key, headers, body, op in (("k", {}, b"other", "PutObject"), ("k", {"if-match": alice.head(self.bucket, "k").header("etag")}, b"other", "PutObject"),
                                       ("new", {"if-none-match": "*"}, b"new", "PutObject"), ("large", {}, large, "CompleteMultipartUpload"),
                                       ("large", {}, large, "UploadPart")):
            with self.subTest(key=key, headers=headers, op=op):
                proxy.rules(fault("refuse", status=507, code="XMinioStorageFull", op=op, key=f"^{key}$"))
                proxy.do("reset")
                answer = alice.put(self.bucket, key, (), headers, body)
                self.assertEqual((507, "InsufficientStorage"), (answer.status, answer.code), answer)
                self.assertIn(b"The backend has no room left", answer.body)
                sent = [entry for entry in proxy.log() if (entry["op"], entry["key"]) == (op, key)]
                self.assertLessEqual(len(sent), 2 if op == "UploadPart" else 1, sent)
                self.assertNotEqual([], sent)
                proxy.clear()
                found = alice.get(self.bucket, key)
                self.assertEqual((200, b"body") if key == "k" else (404, found.body), (found.status, found.body))

    def test_a_backend_that_hangs(self):
        """Deadlines: no client waits for ever, and Bale serves others meanwhile."""
        proxy = self.proxy()
        bale = self.bale(proxy)
        alice = bale.client()
        alice.put(self.bucket, "quick", (), (), b"quick")
        alice.put(self.bucket, "slow", (), (), b"slow")
        proxy.rules(fault("hang", key="slow", seconds=120))
        answers = []
        thread = threading.Thread(target=lambda: answers.append(bale.client().get(self.bucket, "slow")))
        thread.start()
        for _ in range(20):
            self.assertEqual(b"quick", alice.get(self.bucket, "quick").body)
        thread.join(80)
        self.assertFalse(thread.is_alive(), "the client still waits")
        self.assert_unavailable(answers[0])

    def test_connections_that_end_without_notice(self):
        """A kept connection may be closed at any time: no request of a client fails for that."""
        proxy = self.proxy()
        alice = self.bale(proxy).client()
        proxy.rules(fault("close-after", every=2))
        for number in range(40):
            self.assertEqual(200, alice.put(self.bucket, f"k{number}", (), (), b"x").status, number)
            self.assertEqual(b"x", alice.get(self.bucket, f"k{number}").body, number)


class FullState(OutageCase):
    """The disk of --state has no room: requests go on without what would be kept there."""

    FOR = ("raw",)

    def small_disk(self, kibibytes):
        folder = tempfile.mkdtemp(prefix="bale-state-")
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kibibytes}k", "tmpfs", folder], capture_output=True, check=False)
        if mounted.returncode:
            os.rmdir(folder)
            self.skipTest("no right to mount a tmpfs")
        self.addCleanup(os.rmdir, folder)
        self.addCleanup(subprocess.run, ["umount", "-l", folder], check=False)
        return folder

    @staticmethod
    def fill(folder):
        with open(os.path.join(folder, "filler"), "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    def bale_on(self, folder):
        return self.bale(self.backend, "--state", os.path.join(folder, "state"))

    def assert_serves(self, bale, prefix):
        alice = bale.client()
        for number in range(400):
            self.assertEqual(200, alice.put(self.bucket, f"{prefix}{number}", (), {"x-amz-meta-a": "b" * 900}, b"%d" % number).status)
        for number in range(400):
            self.assertEqual(b"%d" % number, alice.get(self.bucket, f"{prefix}{number}").body)
            self.assertEqual(200, alice.put(self.bucket, f"{prefix}{number}", (), {"if-match": f'"{hashlib.md5(b"%d" % number).hexdigest()}"'}, b"").status)
        self.assertEqual(400, len(alice.get(self.bucket, None, {"list-type": "2", "prefix": prefix}).texts("Contents/Key")))
        self.assertTrue(self.is_ready(bale))

    def test_it_gets_full(self):
        folder = self.small_disk(1024)
        bale = self.bale_on(folder)
        self.assert_serves(bale, "before-")
        self.fill(folder)
        self.assert_serves(bale, "full-")
        self.assertEqual(0, bale.stop())
        self.assert_serves(self.bale_on(folder), "again-")

    def test_it_is_full_at_the_start(self):
        folder = self.small_disk(1024)
        os.mkdir(os.path.join(folder, "state"))
        self.fill(folder)
        bale = self.bale_on(folder)
        self.assert_serves(bale, "full-")
        os.unlink(os.path.join(folder, "filler"))
        self.assert_serves(bale, "room-")
