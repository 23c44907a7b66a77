"""tests/process/s4_whole.py -- objects that S4 encrypted in one piece or chunk of more than 8 MiB, in a folder: whole, in ranges that come at once, copied,
by the tools, in bounded memory, and after somebody has changed them; for tests/process/run.
"""

import json
import os
import random
import re
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor

from client import Client
from customers import customer
from encrypted import HEADER, SSE, sha256, words
from encryption import EncryptionCase
from s4_envelopes import KEYRING, KINDS, Envelope, write_export
from wire import ProtocolError

MIB = 1 << 20
FOLDER = ("--backend", "dir:data")
BODY = random.Random(5).randbytes(6 * MIB + 77_777) + words(4 * MIB, 9)
CHUNK = 8 * MIB + 4321  # of which BODY has two


class S4Whole(EncryptionCase):
    def begin_with(self, objects, *options):
        """A daemon that has S4's keys, and these objects as S4 has written them."""
        daemon = self.begin("--sse-c-over-http", "allow", *options)
        self.assertEqual(0, daemon.stop())
        with open(os.path.join(daemon.folder, "keys"), "a", encoding="ascii") as file:
            file.write(KEYRING)
        write_export(os.path.join(daemon.folder, "s4"), objects)
        self.run_bale(daemon, "import", "s4", "--bucket", "of-s4", *FOLDER, "--credentials", daemon.credentials)
        self.restart(daemon)
        return daemon

    def get(self, daemon, key, first=None, last=None):
        headers = dict(customer()) if key.startswith("e3") else {}
        if first is not None:
            headers["range"] = f"bytes={first}-{last}"
        return daemon.alice.get("of-s4", key, None, headers)

    def test_whole_in_ranges_and_copied(self):
        objects = {f"e{kind}.{size}": Envelope(kind, BODY, size) for kind in KINDS for size in (0, 700_000)}
        daemon = self.begin_with(objects)
        for key, found in objects.items():
            last = len(BODY) - 1
            for first, end in ((last, last), (0, 0), (8 * MIB - 3, 8 * MIB + 3), (3 * MIB, 5 * MIB)):
                answer = self.get(daemon, key, first, end)
                self.assertEqual((206, True), (answer.status, answer.body == BODY[first:end + 1]), (key, first, answer.body[:300]))
            answer = self.get(daemon, key)
            self.assertEqual((200, True), (answer.status, answer.body == BODY), key)
            self.assertEqual(200, daemon.alice.head("of-s4", key, None, customer() if key.startswith("e3") else ()).status)
        self.assertEqual(400, daemon.alice.get("of-s4", "e3.0").status)
        self.assertEqual(403, daemon.alice.get("of-s4", "e3.0", None, customer(bytes(32))).status)
        self.assertEqual(200, daemon.alice.put("bucket", "copy", None, {**SSE, "x-amz-copy-source": "of-s4/e4.700000"}).status)
        self.expect_object(daemon, "copy", BODY)
        daemon.kill()
        self.restart(daemon)
        self.assertEqual(sha256(BODY), sha256(self.get(daemon, "e2.700000").body))

    def test_chunks(self):
        """Of more than 8 MiB: whole and in ranges that lie in the first, in the last, in both."""
        objects = {f"e{kind}.{size}.{chunk}": Envelope(kind, BODY, size, chunk)
                   for kind, chunk in ((5, CHUNK), (6, CHUNK), (6, 64 * MIB), (6, 0xffff_ffff)) for size in (0, 700_000)}
        daemon = self.begin_with(objects)
        last = len(BODY) - 1
        for key in objects:
            for first, end in ((last, last), (0, 0), (CHUNK - 3, CHUNK + 3), (3 * MIB, 5 * MIB)):
                answer = self.get(daemon, key, first, end)
                self.assertEqual((206, True), (answer.status, answer.body == BODY[first:end + 1]), (key, first, answer.body[:300]))
            answer = self.get(daemon, key)
            self.assertEqual((200, True), (answer.status, answer.body == BODY), key)
        key = f"e6.0.{CHUNK}"
        self.assertEqual(200, daemon.alice.put("bucket", "copy", None, {**SSE, "x-amz-copy-source": f"of-s4/{key}"}).status)
        self.expect_object(daemon, "copy", BODY)
        stored = objects[key].stored
        path, at = self.find(daemon, stored[-1000:])
        self.assertEqual(0, daemon.stop())
        self.flip(path, at + 999)  # the last byte of the last chunk
        self.restart(daemon)
        self.assertEqual(206, self.get(daemon, key, 0, CHUNK - 1).status)
        self.assertEqual(501, self.get(daemon, key, CHUNK, CHUNK).status)  # it might be under another key
        with self.assertRaises((ConnectionError, ProtocolError)):
            self.get(daemon, key)

    def test_many_ranges_at_once(self):
        """As a client fetches a large object: each piece by a request of its own."""
        daemon = self.begin_with({"e2": Envelope(2, BODY), "e4": Envelope(4, BODY, 1 << 20)})
        pieces = [(key, at, min(at + MIB, len(BODY)) - 1) for at in range(0, len(BODY), MIB) for key in ("e2", "e4")]

        def fetch(piece):
            key, first, last = piece
            alice = Client(daemon.server, daemon.server.accounts["alice"])
            answer = alice.get("of-s4", key, None, {"range": f"bytes={first}-{last}"})
            return answer.status == 206 and answer.body == BODY[first:last + 1]

        with ThreadPoolExecutor(10) as pool:
            self.assertEqual([True] * len(pieces), list(pool.map(fetch, pieces)))

    def test_by_the_tools(self):
        objects = {f"e{kind}": Envelope(kind, BODY, 900_000 * (kind % 2)) for kind in (1, 2, 4)}
        daemon = self.begin_with(objects)
        before = {key: self.get(daemon, key) for key in objects}
        self.assertEqual(0, daemon.stop())
        printed = subprocess.run([self.bale, "cat", "of-s4/e4", "--keyring", "keys", *FOLDER], cwd=daemon.folder, capture_output=True, timeout=600, check=True)
        self.assertTrue(printed.stdout == BODY)
        self.run_bale(daemon, "verify", "--deep", "--keyring", "keys", *FOLDER)
        with open(os.path.join(daemon.folder, "policy"), "w", encoding="ascii") as file:
            file.write("[rule all]\naction = encrypt\n")
        said = self.run_bale(daemon, "maintain", "--policy", "policy", "--format", "json", "--keyring", "keys", "--execute", *FOLDER)
        self.assertEqual({"sealed": 3}, json.loads(said.splitlines()[0])["rules"][0]["outcomes"])
        self.restart(daemon)
        for key, answer in before.items():
            after = self.get(daemon, key)
            self.assertEqual((200, True, "AES256", answer.header("etag")),
                             (after.status, after.body == BODY, after.header(HEADER), after.header("etag")), key)
        self.assertEqual(0, daemon.stop())
        self.run_bale(daemon, "check", *FOLDER)

    def test_in_bounded_memory(self):
        """Bodies of 64 MiB, read whole and from their end: less than the half of one is ever held."""
        body = random.Random(6).randbytes(64 * MIB)
        objects = {"e2": Envelope(2, body, MIB), "e6": Envelope(6, body, MIB, 40 * MIB)}
        daemon = self.begin_with(objects, "--frame-cache", "8M")

        def peak():
            with open(f"/proc/{daemon.process.pid}/status", encoding="ascii") as status:
                return int(re.search(r"VmHWM:\s+(\d+) kB", status.read()).group(1)) << 10

        before = peak()
        for key in objects:
            self.assertTrue(self.get(daemon, key).body == body)
            self.assertTrue(self.get(daemon, key, len(body) - 5, len(body) - 1).body == body[-5:])
        self.assertLess(peak() - before, 32 * MIB)

    def test_a_client_that_leaves(self):
        """With it ends the reading that proves a body, which is done for the next one. Who has closed his side alone is told."""
        daemon = self.begin_with({"e2": Envelope(2, BODY)})
        with daemon.alice.connect() as connection:
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)  # the end comes together with the request
            connection.send(daemon.alice.prepare("GET", "of-s4", "e2").bytes)
            connection.finish_sending()
            answer = connection.read_response("GET")
        self.assertEqual((503, "1", True), (answer.status, answer.header("retry-after"), b"The client left" in answer.body), answer.body)
        self.assertTrue(self.get(daemon, "e2").body == BODY)

    def test_what_was_changed_in_the_folder(self):
        """A byte of it, before the server starts, and while it runs and has read it: nothing wrong leaves."""
        found = Envelope(2, BODY)
        daemon = self.begin_with({"e2": found})
        path, at = self.find(daemon, found.stored[-1000:])
        offset = at - (len(found.stored) - 1000)
        self.assertEqual(sha256(BODY), sha256(self.get(daemon, "e2").body))
        for place in (found.begin, len(found.stored) - 1):
            first = place - found.begin
            self.flip(path, offset + place)
            self.assertEqual(500, self.get(daemon, "e2", first, first).status)
            self.assertEqual(501, self.get(daemon, "e2", first, first).status)  # it might be under another key
            self.assertEqual(501, self.get(daemon, "e2").status)
            self.flip(path, offset + place)
            self.assertEqual((206, BODY[first:first + 1]), (lambda answer: (answer.status, answer.body))(self.get(daemon, "e2", first, first)))
        self.assertEqual(0, daemon.stop())
        self.flip(path, offset + found.begin + 5 * MIB)
        self.restart(daemon)
        self.assertEqual(501, self.get(daemon, "e2", 0, 0).status)

    def find(self, daemon, piece):
        """The file that holds these bytes, and where."""
        for folder, _, names in os.walk(os.path.join(daemon.folder, "data")):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    at = file.read().find(piece)
                    if at >= 0:
                        return os.path.join(folder, name), at
        return self.fail("it lies nowhere")

    def flip(self, path, at):
        with open(path, "r+b") as file:
            file.seek(at)
            byte = file.read(1)
            file.seek(at)
            file.write(bytes([byte[0] ^ 1]))
