"""tests/backends/bodies/s4_whole_read.py -- what S4 encrypted in one piece or chunk of more than 8 MiB, in a bucket: proved by one reading, then read by
ranges, for how many requests; and a backend that gives other bytes to the first reading, to the second, or much later."""

import json
import os
import random
import subprocess
import tempfile

from backend_case import BackendCase
from customers import customer
from encrypted import HEADER, words
from faults import fault
from s4_envelopes import KEYRING, KINDS, Envelope
from tools_alone import bale_command
from wire import ProtocolError

MIB = 1 << 20
BODY = random.Random(5).randbytes(7 * MIB + 77_777) + words(4 * MIB, 9)
FRAMES = 700_000
CHUNK = 8 * MIB + 4321  # of which BODY has two


class S4WholeRead(BackendCase):
    FOR = ("raw", "minio")

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="bale-keys-")
        self.addCleanup(folder.cleanup)
        self.keys = os.path.join(folder.name, "keys")
        with open(os.open(self.keys, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
            file.write(KEYRING)
        self.make_own_key()

    def make_own_key(self):
        """S4E3 needs one of Bale's."""
        program = os.path.join(os.path.dirname(os.path.dirname(self.baled)), "tools", "bale")
        subprocess.run([program, "keyring", "add", "--keyring", self.keys], check=True, capture_output=True)

    def front(self, place=None, *options):
        return self.bale(place, "--shards", "1", "--keyring", self.keys, "--sse-c-over-http", "allow", "--frame-cache", "0", *options)

    def plant(self, key, found):
        self.assertEqual(200, found.put(self.backend.client(), self.bucket, key).status)

    def get(self, client, key, first=None, last=None):
        """(status, body) of what came in one piece; None of what was cut."""
        headers = dict(customer()) if key.startswith("e3") else {}
        if first is not None:
            headers["range"] = f"bytes={first}-{last}"
        try:
            answer = client.get(self.bucket, key, None, headers)
        except (ConnectionError, ProtocolError):
            return None
        return answer.status, answer.body

    def gets(self, proxy, key):
        return [proxy.line(entry) for entry in proxy.log() if entry["key"] == key and entry["op"] == "GetObject"]

    def expect_range(self, client, key, first, last):
        status, body = self.get(client, key, first, last)
        self.assertEqual((206, True), (status, body == BODY[first:last + 1]), (key, first, last))

    def test_whole_and_in_ranges(self):
        for kind in KINDS:
            for size in (0, FRAMES):
                self.plant(f"e{kind}.{size}", Envelope(kind, BODY, size))
        for kind, size in ((5, FRAMES), (6, 0)):
            self.plant(f"e{kind}.{size}", Envelope(kind, BODY, size, CHUNK))
        for options in ((), ("--tier", "tier", "--tier-size", "64M")):
            client = self.front(None, *options).client()
            for key in (*(f"e{kind}.{size}" for kind in KINDS for size in (0, FRAMES)), f"e5.{FRAMES}", "e6.0"):
                last = len(BODY) - 1
                for first, end in ((last, last), (0, 0), (CHUNK - 3, CHUNK + 3), (3 * MIB, 5 * MIB)):
                    self.expect_range(client, key, first, end)
                status, body = self.get(client, key)
                self.assertEqual((200, True), (status, body == BODY), key)

    def test_by_the_tools(self):
        """Printed, verified, and encrypted anew beside a replica that has read it; then S4's keys are not needed any more."""
        keys = {"e2.framed": FRAMES, "e4.plain": 0}
        for key, size in keys.items():
            self.plant(key, Envelope(int(key[1]), BODY, size))
        client = self.front().client()
        before = {key: client.get(self.bucket, key) for key in keys}
        self.assertEqual([(200, True)] * 2, [(answer.status, answer.body == BODY) for answer in before.values()])
        self.assertTrue(bale_command(self, "cat", f"{self.bucket}/e2.framed", "--keyring", self.keys).stdout == BODY)
        self.assertEqual(0, bale_command(self, "verify", "--deep", "--keyring", self.keys).returncode)
        with open(self.keys + ".policy", "w", encoding="ascii") as file:
            file.write("[rule all]\naction = encrypt\n")
        done = bale_command(self, "maintain", "--policy", self.keys + ".policy", "--format", "json", "--keyring", self.keys, "--execute",
                            "--state", self.keys + ".state")
        self.assertEqual(0, done.returncode, done)
        self.assertEqual({"sealed": 2}, json.loads(done.stdout.splitlines()[0])["rules"][0]["outcomes"])
        with open(self.keys, "r+", encoding="ascii") as file:
            own = file.read().partition("[s4 ")[0]
            file.seek(0)
            file.truncate()
            file.write(own)
        for reader in (client, self.front().client()):
            for key, answer in before.items():
                after = reader.get(self.bucket, key)
                self.assertEqual((200, True, "AES256"), (after.status, after.body == BODY, after.header(HEADER)), key)
                for name in ("etag", "last-modified", "content-length"):
                    self.assertEqual(answer.header(name), after.header(name), (key, name))

    def test_for_how_many_requests(self):
        """One for the pieces of a range, beside what opens it and its head, once it has been proved."""
        proxy = self.proxy()
        for key, size in (("plain", 0), ("framed", FRAMES)):
            self.plant(key, Envelope(2, BODY, size))
            client = self.front(proxy).client()
            self.expect_range(client, key, 9 * MIB, 9 * MIB + 99)
            proxy.reset()
            for first in (10 * MIB, 100, 5 * MIB):
                self.expect_range(client, key, first, first + 99)
            made = self.gets(proxy, key)
            self.assertLessEqual(len(made), 3 * 3, made)  # what opens it, its head, the pieces
            proxy.reset()
            self.assertEqual((200, True), (lambda status, body: (status, body == BODY))(*self.get(client, key)))
            self.assertLessEqual(len(self.gets(proxy, key)), 3, proxy.story(key))

    def spoil_each_answer(self, proxy, key, front):
        """What became of it with one byte wrong in the first answer, in the second, and so on to the last that is asked for."""
        outcomes = []
        for number in range(1, 20):
            client = front()
            proxy.rules(fault("flip", op="GetObject", key=f"^{key}$", nth=number, at=0.7))
            found = self.get(client, key)
            has_fired = proxy.fired()[0] > 0
            proxy.clear()
            if found is not None and found[0] == 200:
                self.assertTrue(found[1] == BODY, f"{key}: wrong bytes left, answer {number}")
            if not has_fired:
                self.assertEqual(200, found[0])
                return outcomes
            outcomes.append(found and found[0])
        return self.fail("there is no end to it")

    def test_a_backend_that_changes_it(self):
        """In each answer in turn, those of the first reading, of the second, and of later ones: no wrong byte leaves, and it is noticed."""
        proxy = self.proxy()
        for key, size in (("plain", 0), ("framed", FRAMES)):
            self.plant(key, Envelope(2, BODY, size))
            outcomes = self.spoil_each_answer(proxy, key, lambda: self.front(proxy).client())
            self.assertEqual([501, None], outcomes[-2:], outcomes)  # the first reading: another key's, perhaps; the second: right ones had left already
            client = self.front(proxy).client()

            def proved(client=client, key=key):
                self.expect_range(client, key, 0, 9)
                return client

            outcomes = self.spoil_each_answer(proxy, key, proved)
            self.assertEqual(None, outcomes[-1], outcomes)
            self.assertEqual((200, True), (lambda status, body: (status, body == BODY))(*self.get(client, key)))

    def test_a_backend_that_changes_a_chunk(self):
        """Likewise of one that has several: what is wrong behind the first one's bytes cuts the answer."""
        proxy = self.proxy()
        self.plant("chunks", Envelope(6, BODY, 0, CHUNK))
        outcomes = self.spoil_each_answer(proxy, "chunks", lambda: self.front(proxy).client())
        self.assertIn(501, outcomes)
        self.assertEqual([None] * 3, outcomes[-3:], outcomes)  # the second one's tag, the reading that proves it, the one that goes by it
