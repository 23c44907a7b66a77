"""tests/process/encrypted_exports.py -- bale export of encrypted objects: in clear with the keyring, as any tool of S4 reads them; named and left out
without; for tests/process/run.
"""

import hashlib
import json
import os
import re

from customers import customer
from daemon import Daemon
from encrypted import HEADER, MARK, SSE, etag_of, sha256, words
from encryption import BODIES
from key_rotations import PARTS, KeyRotationCase

FOLDER = ("--backend", "dir:data")
KMS = {HEADER: "aws:kms"}
S4_CODECS = {0, 1}  # of frames: as they are, zstd


def codecs_of(body):
    """The codec of each frame."""
    codecs = []
    while body:
        assert body[:4] == b"S4F2", body[:8]
        codecs.append(int.from_bytes(body[4:8], "little"))
        body = body[28 + int.from_bytes(body[16:24], "little"):]
    return codecs


class EncryptedExports(KeyRotationCase):
    def fill(self, daemon):
        """{key: (body, ETag in clear)}"""
        objects = {}
        for key, body in BODIES.items():
            for name, headers in ((key, SSE), (key + ".kms", KMS)):
                self.put(daemon, name, body, {**headers, "x-amz-checksum-sha256": sha256(body), "x-amz-meta-who": "me", "content-type": "text/plain"})
                objects[name] = (body, hashlib.md5(body).hexdigest())
        self.put(daemon, "plain", BODIES["small"], ())
        objects["plain"] = (BODIES["small"], hashlib.md5(BODIES["small"]).hexdigest())
        whole = b"".join(PARTS)
        for key, headers, etag in (("parts", SSE, etag_of(PARTS)[1:-1]), ("parts.kms", KMS, hashlib.md5(whole).hexdigest())):
            self.complete(daemon, key, self.send_parts(daemon, key, headers, ()))
            objects[key] = (whole, etag)
        return objects

    def export(self, daemon, folder, *options, expect=0):
        return self.run_bale(daemon, "export", folder, "--bucket", "bucket", *FOLDER, *options, expect=expect)

    def exported(self, daemon, folder):
        with open(os.path.join(daemon.folder, folder, "objects.json"), encoding="utf-8") as file:
            return json.load(file)["objects"]

    def test_in_clear_with_the_keyring(self):
        """Whoever imports it has the bytes, ETags, checksums and metadata, and needs no key; frames are S4's."""
        daemon = self.begin()
        objects = self.fill(daemon)
        self.assertEqual(0, daemon.stop())
        said = self.export(daemon, "out", "--keyring", "keys")
        self.assertIn(f"{len(objects)} objects, ", said)
        self.assertIn(f"{len(objects) - 1} of them are encrypted in the store, and lie there in clear.", said)
        entries = self.exported(daemon, "out")
        self.assertEqual(set(objects), {key for key in entries if not key.endswith(".s4index")})
        for key, (body, _) in objects.items():
            with open(os.path.join(daemon.folder, "out", entries[key]["file"]), "rb") as file:
                stored = file.read()
            self.assertLessEqual(set(codecs_of(stored)) if key != "plain" else set(), S4_CODECS, key)
            self.assertNotIn("s4-encrypted", entries[key]["metadata"])
            self.assertEqual(len(body), entries[key]["original_size"])
        target = Daemon(self.baled, ("--shards", "1"))
        self.daemons.append(target)
        self.run_bale(target, "import", os.path.join(daemon.folder, "out"), "--bucket", "bucket", *FOLDER, "--credentials", target.credentials)
        self.run_bale(target, "verify", "--deep", *FOLDER)
        self.restart(target)
        for key, (body, etag) in objects.items():
            answer = target.alice.get("bucket", key, None, {"x-amz-checksum-mode": "ENABLED"})
            self.assertEqual((200, True, f'"{etag}"', None), (answer.status, answer.body == body, answer.header("etag"), answer.header(HEADER)), key)
            if not key.startswith(("parts", "plain")):
                self.assertEqual((sha256(body), "me", "text/plain"),
                                 tuple(answer.header(name) for name in ("x-amz-checksum-sha256", "x-amz-meta-who", "content-type")))
            if len(body) > 2 << 20:
                part = target.alice.get("bucket", key, None, {"range": f"bytes={(1 << 20) - 7}-{(1 << 20) + 7}"})
                self.assertEqual(body[(1 << 20) - 7:(1 << 20) + 8], part.body)

    def test_what_is_left_out(self):
        """Without the keyring, without the key, under a customer's key: named with its reason, nothing of it in the folder, all
        else is there, and the exit status says that something is missing."""
        daemon = self.begin("--sse-c-over-http", "allow")
        self.put(daemon, "old", words(70_000, 5))
        self.put(daemon, "theirs", words(70_000, 6), customer())
        self.put(daemon, "plain", b"plain", ())
        added = self.add(daemon)
        self.keyring(daemon, "activate", added)
        self.hang_up(daemon)
        self.put(daemon, "new", words(70_000, 7))
        self.assertEqual(0, daemon.stop())
        for folder, options in (("without", ()), ("stored", ("--as-stored",)), ("both", ("--as-stored", "--keyring", "keys"))):
            said = self.export(daemon, folder, *options, expect=1)
            for key in ("old", "theirs", "new"):
                self.assertIn(f"bale export: {key} is left out: It is encrypted: it goes out in clear with --keyring", said)
            self.assertIn("3 encrypted objects were left out", said)
            self.assertEqual({"plain"}, set(self.exported(daemon, folder)))
            self.assertEqual(2, len(os.listdir(os.path.join(daemon.folder, folder))))
        text = self.text(daemon)
        first = next(key for key in re.findall(r"\[key (\w+)", text) if key != added)
        self.replace(daemon, re.sub(rf"\[key {first}\]\n(?:\w.*\n)*", "", text))
        said = self.export(daemon, "some", "--keyring", "keys", expect=1)
        self.assertIn(f"old is left out: The object is encrypted under the key {first}, which the keyring does not have.", said)
        self.assertIn("bale export: theirs is left out: ", said)
        self.assertEqual({"plain", "new"}, set(self.exported(daemon, "some")))
        self.replace(daemon, text)
        said = self.export(daemon, "more", "--keyring", "keys", expect=1)
        self.assertIn("theirs is left out: The object was stored using a form of Server Side Encryption.", said)
        self.assertEqual({"plain", "new", "old"}, set(self.exported(daemon, "more")))
        for folder in ("without", "stored", "both"):
            for name in os.listdir(os.path.join(daemon.folder, folder)):
                with open(os.path.join(daemon.folder, folder, name), "rb") as file:
                    self.assertNotIn(MARK, file.read())

    def spoil_third_frame(self, daemon):
        """Of the one object that has so many."""
        folder = os.path.join(daemon.folder, "data", "volumes")
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), "r+b") as file:
                content = file.read()
                places = [match.start() + 200 for match in re.finditer(b"S4F2", content)]
                if len(places) > 2:
                    file.seek(places[2])
                    file.write(bytes([content[places[2]] ^ 1]))
                    return
        self.fail("there is no object of three frames")

    def test_a_body_that_was_changed_is_left_out_alone(self):
        """Also where frames before have opened: what was written of them is taken back, and what comes behind it goes out."""
        daemon = self.begin()
        for key in ("frames", "small"):
            self.put(daemon, key, BODIES[key])
        self.put(daemon, "plain", b"plain", ())
        self.assertEqual(0, daemon.stop())
        self.spoil_third_frame(daemon)
        said = self.export(daemon, "out", "--keyring", "keys", expect=1)
        self.assertIn("bale export: frames is left out: ", said)
        self.assertIn("1 encrypted objects were left out", said)
        self.assertIn("1 of them are encrypted in the store, and lie there in clear.", said)
        entries = self.exported(daemon, "out")
        self.assertEqual({"plain", "small"}, set(entries))
        self.assertEqual({"objects.json", *(entry["file"] for entry in entries.values())}, set(os.listdir(os.path.join(daemon.folder, "out"))))
