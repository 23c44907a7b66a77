"""tests/process/keyrings.py -- the life of the keys of a keyring beside a server that runs; for tests/process/run."""

import os
import random
import re
import resource
import signal
import subprocess
import time

import admin
from customers import customer
from encrypted import SSE, words
from encryption import EncryptionCase

BODY = words(3000)


class KeyringCase(EncryptionCase):
    """What tests of keyrings have in common."""

    def keyring(self, daemon, *verbs, expect=0):
        return self.run_bale(daemon, "keyring", *verbs, "--keyring", "keys", expect=expect)

    def add(self, daemon):
        return re.search(r"The key (\w+)", self.keyring(daemon, "add")).group(1)

    def key_of(self, daemon, key):
        """Under which an object is, as the tools see it beside the server."""
        return re.search(r"key id\W+(\w+)", self.run_bale(daemon, "inspect", f"bucket/{key}", "--backend", "dir:data")).group(1)

    def ready(self, daemon):
        return admin.fetch(daemon.server, "/ready").body.decode()

    def replace(self, daemon, text):
        """The keyring, in one step."""
        path = os.path.join(daemon.folder, "keys")
        with open(os.open(path + ".test", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            file.write(text)
        os.replace(path + ".test", path)

    def text(self, daemon):
        with open(os.path.join(daemon.folder, "keys"), encoding="ascii") as file:
            return file.read()

    def restart_with(self, daemon, text=None):
        self.assertEqual(0, daemon.stop())
        if text is not None:
            self.replace(daemon, text)
        self.restart(daemon)

    def usage(self, daemon, *words):
        """{id: (state, objects, open uploads)}"""
        said = self.keyring(daemon, "usage", *words, "--backend", "dir:data")
        rows = re.findall(r"^(\w+)(?: (.*))?: (\d+) objects, (\d+) open uploads$", said, re.MULTILINE)
        return {key: (state, int(objects), int(uploads)) for key, state, objects, uploads in rows}


class Keyrings(KeyringCase):
    def test_a_new_key_without_a_restart(self):
        """Added, read, activated, read: new objects are under it, old ones stay as they are, and a crash loses nothing of that."""
        daemon = self.begin()
        self.put(daemon, "first", BODY)
        added = self.add(daemon)
        self.hang_up(daemon)
        self.put(daemon, "second", BODY)
        self.keyring(daemon, "activate", added)
        self.hang_up(daemon)
        self.put(daemon, "third", BODY)
        for key in ("first", "second", "third"):
            self.expect_object(daemon, key, BODY)
        daemon.kill()
        self.restart(daemon)
        self.assertEqual(2, admin.metrics(daemon.server)["bale_keyring_keys"])
        self.assertEqual(1, admin.metrics(daemon.server)[f'bale_keyring_key{{id="{added}",state="active"}}'])
        for key in ("first", "second", "third"):
            self.expect_object(daemon, key, BODY)
        self.assertEqual(0, daemon.stop())
        self.assertEqual([False, False, True], [added == self.key_of(daemon, key) for key in ("first", "second", "third")])

    def test_each_mode_is_under_a_key(self):
        """In one piece, in parts, with a customer's key: a key of the keyring hides the hashes of each."""
        daemon = self.begin("--sse-c-over-http", "allow")
        self.put(daemon, "key", BODY)
        self.put(daemon, "customers", BODY, customer())
        listed = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>%s</ETag></Part></CompleteMultipartUpload>"
        upload = daemon.alice.post("bucket", "parts", {"uploads": None}, SSE).text("UploadId")
        etag = daemon.alice.put("bucket", "parts", {"partNumber": "1", "uploadId": upload}, (), BODY).header("etag")
        self.assertEqual(200, daemon.alice.post("bucket", "parts", {"uploadId": upload}, (), (listed % etag).encode()).status)
        self.assertEqual(3, self.count(daemon, "written"))
        self.assertEqual([("active", 3, 0)], list(self.usage(daemon).values()))

    def test_what_is_not_read_changes_nothing(self):
        """A file that lost a key, that others may read, or that is gone: the server goes on with what it has, and says so."""
        daemon = self.begin()
        self.put(daemon, "key", BODY)
        whole = self.text(daemon)
        path = os.path.join(daemon.folder, "keys")
        os.rename(path, path + ".kept")
        self.hang_up(daemon, "SIGHUP: the keyring stays as it was")
        self.keyring(daemon, "create")
        self.hang_up(daemon, "SIGHUP: the keyring stays as it was")
        self.replace(daemon, whole)
        os.chmod(path, 0o644)
        self.hang_up(daemon, "SIGHUP: the keyring stays as it was")
        self.put(daemon, "another", BODY)
        self.expect_object(daemon, "key", BODY)
        os.chmod(path, 0o600)
        self.hang_up(daemon)
        self.expect_object(daemon, "another", BODY)

    def test_a_key_that_comes_late(self):
        """What another replica wrote under a key that is not here: 500, /ready and metrics say which; and once the key is in the
        file it is read, without a signal."""
        daemon = self.begin()
        self.put(daemon, "key", BODY)
        self.assertEqual(0, daemon.stop())
        old = self.text(daemon)
        os.remove(os.path.join(daemon.folder, "keys"))
        self.keyring(daemon, "create")
        self.restart(daemon)
        self.assertEqual("ready\n", self.ready(daemon))
        self.assertEqual(500, daemon.alice.get("bucket", "key").status)
        missing = re.search(r"active = (\w+)", old).group(1)
        self.assertEqual(f"ready\nobjects need the key {missing}, which the keyring does not have\n", self.ready(daemon))
        self.assertEqual(1, admin.metrics(daemon.server)["bale_keyring_key_missing"])
        self.wait_for(lambda: f"objects need the key {missing}, which the keyring does not have: " in daemon.log())
        self.replace(daemon, self.text(daemon) + old[old.index("[key "):])
        self.hang_up(daemon)
        self.expect_object(daemon, "key", BODY)
        self.assertEqual("ready\n", self.ready(daemon))
        self.assertEqual(0, daemon.stop())
        daemon.options = daemon.options[:2]
        self.restart(daemon)
        self.assertEqual("ready\n", self.ready(daemon))
        self.assertEqual(500, daemon.alice.get("bucket", "key").status)
        self.assertEqual("ready\nobjects are encrypted, and there is no --keyring\n", self.ready(daemon))

    def test_a_key_that_is_there_already(self):
        """In the file, but not read yet: the first request fails, and the server looks by itself."""
        daemon = self.begin()
        added = self.add(daemon)
        both = self.text(daemon)
        self.keyring(daemon, "activate", added)
        self.restart_with(daemon)
        self.put(daemon, "key", BODY)
        self.restart_with(daemon, re.sub(r"\[key %s\]\n.*\n" % added, "", both))
        self.replace(daemon, both)
        self.wait_for(lambda: daemon.alice.get("bucket", "key").status == 200)
        self.expect_object(daemon, "key", BODY)

    def test_what_is_under_a_key(self):
        """Every version, every upload that is open; beside a server, and with keys that the keyring does not have."""
        daemon = self.begin()
        alice = daemon.alice
        first = re.search(r"(\w+) active", self.keyring(daemon, "list")).group(1)
        versioning = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        self.assertEqual(200, alice.put("bucket", "", {"versioning": None}, (), versioning).status)
        self.put(daemon, "plain", BODY, ())
        for _ in range(2):
            self.put(daemon, "key", BODY)
        self.assertEqual(204, alice.delete("bucket", "key").status)
        for headers in (), {"x-amz-server-side-encryption": "AES256"}:
            self.assertEqual(200, alice.post("bucket", "open", {"uploads": None}, headers).status)
        added = self.add(daemon)
        self.assertEqual({first: ("active", 2, 2), added: ("", 0, 0)}, self.usage(daemon))
        self.keyring(daemon, "activate", added)
        self.keyring(daemon, "retire", first)
        self.hang_up(daemon)
        self.put(daemon, "new", BODY)
        self.assertEqual(0, daemon.stop())
        self.assertEqual({first: ("retired", 2, 2), added: ("active", 1, 0)}, self.usage(daemon))
        self.assertEqual({added: ("active", 1, 0)}, self.usage(daemon, added))
        self.replace(daemon, re.sub(r"\[key %s\]\n.*\n.*\n" % first, "", self.text(daemon)))
        self.assertEqual({added: ("active", 1, 0), first: ("is not in the keyring", 2, 2)}, self.usage(daemon))

    def test_a_key_is_destroyed_too_early(self):
        """By somebody who counted before baled had read that another one is active: what it wrote since is not lost."""
        daemon = self.begin()
        first = re.search(r"(\w+) active", self.keyring(daemon, "list")).group(1)
        self.keyring(daemon, "activate", self.add(daemon))
        active = self.text(daemon)
        self.keyring(daemon, "destroy", first, "--backend", "dir:data")
        self.put(daemon, "key", BODY)
        self.hang_up(daemon, "under which this baled writes until now")
        self.expect_object(daemon, "key", BODY)
        self.replace(daemon, active)
        self.hang_up(daemon)
        self.put(daemon, "new", BODY)
        self.assertIn("1 objects", self.keyring(daemon, "destroy", first, "--backend", "dir:data", expect=1))
        self.restart_with(daemon)
        for key in ("key", "new"):
            self.expect_object(daemon, key, BODY)

    def test_a_key_is_destroyed(self):
        """Not while something needs it, unless that is meant; then what was under it is a sentence with the day."""
        daemon = self.begin()
        for key in ("old", "moved"):
            self.put(daemon, key, BODY)
        first = re.search(r"(\w+) active", self.keyring(daemon, "list")).group(1)
        where = ("--backend", "dir:data")
        added, unused = self.add(daemon), self.add(daemon)
        self.assertIn("is active", self.keyring(daemon, "destroy", first, "--yes", expect=1))
        self.keyring(daemon, "activate", added)
        self.hang_up(daemon)
        self.put(daemon, "new", BODY)
        self.assertEqual(200, daemon.alice.put("bucket", "moved", None, {**SSE, "x-amz-copy-source": "bucket/moved"}).status)
        before = self.text(daemon)
        self.assertIn("1 objects and 0 open uploads", self.keyring(daemon, "destroy", first, *where, expect=1))
        self.keyring(daemon, "destroy", first[:-1], *where, expect=1)
        self.keyring(daemon, "destroy", "0" * 16, *where, expect=1)
        self.assertEqual(before, self.text(daemon))
        material = re.findall(r"\[key (\w+)\]\nmaterial = (\S+)", before)
        self.keyring(daemon, "destroy", unused, *where)
        self.keyring(daemon, "destroy", first, "--yes")
        for key, text in material:
            self.assertEqual(key == added, text in self.text(daemon))
        self.assertRegex(self.keyring(daemon, "list"), rf"{first} destroyed \d\d\d\d-\d\d-\d\d\n")
        self.keyring(daemon, "activate", first, expect=1)
        self.hang_up(daemon)
        for is_new in (False, True):
            self.assertEqual(500, daemon.alice.get("bucket", "old").status)
            self.wait_for(lambda: re.search(rf"was encrypted under the key {first}, which was destroyed on \d", daemon.log()))
            for key in ("new", "moved"):
                self.expect_object(daemon, key, BODY)
            metrics = admin.metrics(daemon.server)
            self.assertEqual(("ready\n", 1), (self.ready(daemon), metrics["bale_keyring_keys"]))
            self.assertEqual(1, metrics[f'bale_keyring_key{{id="{first}",state="destroyed"}}'])
            if not is_new:
                self.restart_with(daemon)
        self.assertEqual(204, daemon.alice.delete("bucket", "old").status)

    def start_change(self, daemon, verb="add", bytes_max=None, is_killed_by_it=False):
        """A verb of bale keyring, which may write no file larger than that, and dies or is refused when it tries."""
        def limit():
            if bytes_max is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_max, bytes_max))
                signal.signal(signal.SIGXFSZ, signal.SIG_DFL if is_killed_by_it else signal.SIG_IGN)
        return subprocess.Popen([self.bale, "keyring", verb, "--keyring", "keys"], cwd=daemon.folder, preexec_fn=limit,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def test_a_change_that_does_not_come_to_its_end(self):
        """Where there is no room, and killed at any moment: the file is the old one or the new, and whole; so it is of many at once."""
        daemon = self.begin()
        self.assertEqual(0, daemon.stop())
        before = self.text(daemon)
        for room in (0, 100, len(before), len(before) + 50):
            for is_killed in (False, True):
                self.assertNotEqual(0, self.start_change(daemon, "add", room, is_killed).wait())
                self.assertEqual(before, self.text(daemon))
        draw = random.Random(1)
        for _ in range(20):
            adding = self.start_change(daemon)
            time.sleep(draw.random() * 0.01)  # it matters where this ends only in that each is another place
            adding.kill()
            adding.wait()
            after = self.text(daemon)
            self.assertTrue(after.startswith(before))
            self.assertIn(after.count("[key "), (before.count("[key "), before.count("[key ") + 1))
            self.keyring(daemon, "list")
            before = after
        changing = [self.start_change(daemon, verb) for _ in range(8) for verb in ("add", "create")]  # one that is there is not made
        self.assertEqual([0, 1] * 8, [one.wait() for one in changing])
        self.assertEqual(before.count("[key ") + 8, self.text(daemon).count("[key "))
        self.assertEqual([], [name for name in os.listdir(daemon.folder) if name.startswith("keys.")])

    def test_activate_is_killed(self):
        """Beside a server that reads the file meanwhile, and is killed as well: the one key or the other is active, and what was written under either
        is read."""
        daemon = self.begin()
        first = re.search(r"(\w+) active", self.keyring(daemon, "list")).group(1)
        added = self.add(daemon)
        self.hang_up(daemon)
        draw = random.Random(2)
        active = first
        for number in range(12):
            target = added if active == first else first
            activating = subprocess.Popen([self.bale, "keyring", "activate", target, "--keyring", "keys"], cwd=daemon.folder, stdout=subprocess.DEVNULL)
            daemon.process.send_signal(signal.SIGHUP)
            time.sleep(draw.random() * 0.02)  # it matters where this ends only in that each is another place
            activating.kill()
            is_done = activating.wait() == 0
            if number % 3 == 2:
                daemon.kill()
                self.restart(daemon)
            else:
                self.hang_up(daemon)
            text = self.text(daemon)
            active = re.search(r"active = (\w+)", text).group(1)
            self.assertIn(active, (target,) if is_done else (first, added))
            self.assertEqual(2, text.count("material = "))
            self.put(daemon, f"key-{number}", BODY)
            self.assertIn(self.key_of(daemon, f"key-{number}"), (first, added))
            for earlier in range(number + 1):
                self.expect_object(daemon, f"key-{earlier}", BODY)
        self.assertEqual(12, sum(objects for _, objects, _ in self.usage(daemon).values()))
