"""tests/process/key_rotations.py -- what is in a folder is sealed anew under another key (bale keyring rotate), and the old one is destroyed; for
tests/process/run.
"""

import hashlib
import os
import random
import re
import subprocess
import time

from customers import customer
from encrypted import SSE, words
from encryption import BODIES
from keyrings import KeyringCase

LEAST = 5 << 20  # of every part but the last
PARTS = (words(LEAST, 41), words(70_001, 42))
FOLDER = ("--backend", "dir:data")
VERSIONING = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"


class KeyRotationCase(KeyringCase):
    """Uploads of objects of every mode."""

    def send_parts(self, daemon, key, headers, sent):
        """Returns the upload; `sent` are headers that each part needs."""
        upload = daemon.alice.post("bucket", key, {"uploads": None}, headers).text("UploadId")
        for number, part in enumerate(PARTS, 1):
            answer = daemon.alice.put("bucket", key, {"partNumber": str(number), "uploadId": upload}, sent, part)
            self.assertEqual(200, answer.status, answer.body)
        return upload

    def complete(self, daemon, key, upload, headers=()):
        parts = {}
        listed = daemon.alice.get("bucket", key, {"uploadId": upload}, headers)
        for number, etag in re.findall(r"<PartNumber>(\d+)</PartNumber>.*?<ETag>(?:&quot;|\")(\w+)", listed.body.decode()):
            parts[number] = etag
        named = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>" for number, etag in parts.items())
        answer = daemon.alice.post("bucket", key, {"uploadId": upload}, (), f"<CompleteMultipartUpload>{named}</CompleteMultipartUpload>".encode())
        self.assertEqual(200, answer.status, answer.body)


class KeyRotations(KeyRotationCase):
    def fill(self, daemon):
        """Every kind of an object. Returns what shows each: {(key, version): headers}."""
        alice = daemon.alice
        self.assertEqual(200, alice.put("bucket", "", {"versioning": None}, (), VERSIONING).status)
        ways = {}
        for key, body in BODIES.items():
            for name, headers in ((key, SSE), (key + ".customers", customer())):
                for _ in range(2):
                    ways[name, self.put(daemon, name, body, headers).header("x-amz-version-id")] = headers if name != key else ()
        ways["plain", self.put(daemon, "plain", BODIES["small"], ()).header("x-amz-version-id")] = ()
        self.complete(daemon, "parts", self.send_parts(daemon, "parts", SSE, ()))
        ways["parts", ""] = ()
        self.complete(daemon, "parts.customers", self.send_parts(daemon, "parts.customers", customer(), customer()), customer())
        ways["parts.customers", ""] = customer()
        return ways

    def seen(self, daemon, ways):
        """All that clients see, but for what differs in each answer."""
        alice = daemon.alice
        found = {"list": alice.get("bucket", None, {"versions": None}).body}
        for (key, version), headers in ways.items():
            query = {"versionId": version} if version else None
            answer = alice.get("bucket", key, query, {**dict(headers), "x-amz-checksum-mode": "ENABLED"})
            self.assertEqual(200, answer.status, (key, answer.body))
            kept = sorted((name.lower(), value) for name, value in answer.headers if name.lower() not in ("date", "x-amz-request-id", "x-amz-id-2"))
            found[key, version] = (hashlib.sha256(answer.body).hexdigest(), kept)
        return found

    def rotate(self, daemon, *words, expect=0):
        said = self.keyring(daemon, "rotate", *words, *FOLDER, expect=expect)
        counts = re.search(r"(\d+) objects were sealed anew under the key (\w+); (\d+) stay", said)
        return said if counts is None else (int(counts.group(1)), counts.group(2), int(counts.group(3)))

    def test_everything_comes_under_another_key(self):
        """Whatever it is encrypted by, every version of it; nobody sees a difference, and the old key is not needed any more."""
        daemon = self.begin("--sse-c-over-http", "allow")
        ways = self.fill(daemon)
        count = len(ways) - 1
        upload = self.send_parts(daemon, "open", SSE, ())
        before = self.seen(daemon, ways)
        first = re.search(r"(\w+) active", self.keyring(daemon, "list")).group(1)
        added = self.add(daemon)
        self.keyring(daemon, "activate", added)
        self.assertIn("is in use by process", self.rotate(daemon, expect=1))
        self.assertEqual(0, daemon.stop())
        self.assertEqual((count, 1), self.usage(daemon)[first][1:])
        self.assertEqual((0, added, count), self.rotate(daemon, "--from", added))
        self.assertEqual((4, added, 0), self.rotate(daemon, "bucket/small", "--from", first))
        self.assertEqual((count - 4, added, 4), self.rotate(daemon))
        self.assertEqual((0, added, count), self.rotate(daemon))
        self.assertEqual({first: ("", 0, 1), added: ("active", count, 0)}, self.usage(daemon))
        self.restart(daemon)
        self.assertEqual(before, self.seen(daemon, ways))
        self.complete(daemon, "open", upload)
        self.assertEqual(0, daemon.stop())
        self.keyring(daemon, "destroy", first, *FOLDER)
        self.run_bale(daemon, "check", *FOLDER)
        self.restart(daemon)
        del before["list"]
        after = self.seen(daemon, ways)
        self.assertEqual(before, {way: found for way, found in after.items() if way != "list"})
        self.assertEqual(b"".join(PARTS), daemon.alice.get("bucket", "open").body)

    def test_what_cannot_be_sealed_anew(self):
        """Its key is not there, or was named by its client: it stays, is named, and the rest is done."""
        daemon = self.begin()
        self.put(daemon, "old", BODIES["small"])
        self.assertEqual(0, daemon.stop())
        old = self.text(daemon)
        first = re.search(r"active = (\w+)", old).group(1)
        os.remove(os.path.join(daemon.folder, "keys"))
        added = re.search(r"the key (\w+)", self.keyring(daemon, "create")).group(1)
        self.restart(daemon)
        self.put(daemon, "new", BODIES["small"])
        self.put(daemon, "kms", BODIES["small"], {"x-amz-server-side-encryption": "aws:kms"})
        self.assertEqual(0, daemon.stop())
        another = self.add(daemon)
        self.keyring(daemon, "activate", another)
        said = self.keyring(daemon, "rotate", *FOLDER, expect=1)
        self.assertIn(f"bucket/old: The object is encrypted under the key {first}, which the keyring does not have.", said)
        self.assertIn("bucket/kms: Its client has named the key (SSE-KMS): a copy of the object brings it under another one.", said)
        self.assertIn("1 objects were sealed anew", said)
        self.assertEqual({added: ("", 1, 0), another: ("active", 1, 0), first: ("is not in the keyring", 1, 0)}, self.usage(daemon))
        for words in (("rotate", "bucket", "--from", "nothing"), ("rotate", "missing"), ("adopt", "bucket"), ("adopt",), ("list", "--from", first)):
            self.keyring(daemon, *words, *FOLDER, expect=1 if words[0] != "list" else 2)

    def test_it_is_killed(self):
        """At any moment: each object is under the one key or the other, and is read; it is run again until all is done."""
        daemon = self.begin()
        bodies = {f"key-{number:04}": words(200 + number, number) for number in range(150)}
        for key, body in bodies.items():
            self.put(daemon, key, body)
        first = re.search(r"(\w+) active", self.keyring(daemon, "list")).group(1)
        added = self.add(daemon)
        self.assertEqual(0, daemon.stop())
        draw = random.Random(16)
        kept = []
        for key in (added, first) * 4:
            self.keyring(daemon, "activate", key)
            rotating = subprocess.Popen([self.bale, "keyring", "rotate", "--keyring", "keys", *FOLDER], cwd=daemon.folder,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(draw.random() * 0.2)  # it matters where this ends only in that each is another place
            rotating.kill()
            rotating.wait()
            counts = {at: row[1] for at, row in self.usage(daemon).items()}
            kept.append(counts[key])
            self.assertEqual(len(bodies), sum(counts.values()))
            self.run_bale(daemon, "verify", "--deep", "--keyring", "keys", *FOLDER)
        self.rotate(daemon)
        self.assertEqual(len(bodies), self.usage(daemon)[first][1], kept)
        self.keyring(daemon, "destroy", added, *FOLDER)
        self.restart(daemon)
        for key, body in bodies.items():
            self.expect_object(daemon, key, body)
