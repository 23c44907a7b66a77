"""tests/process/keyrings.py -- the life of the keys of a keyring beside a server that runs; for tests/process/run."""

import os
import re
import signal

import admin
from encrypted import words
from encryption import EncryptionCase

BODY = words(3000)


class Keyrings(EncryptionCase):
    def keyring(self, daemon, *verbs, expect=0):
        return self.run_bale(daemon, "keyring", *verbs, "--keyring", "keys", expect=expect)

    def add(self, daemon):
        return re.search(r"The key (\w+)", self.keyring(daemon, "add")).group(1)

    def hang_up(self, daemon, said="SIGHUP: the keyring was read again"):
        """Reads the keyring again; returns when that is in the log."""
        before = daemon.log().count(said)
        daemon.process.send_signal(signal.SIGHUP)
        self.wait_for(lambda: daemon.log().count(said) > before)

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
        for key in ("first", "second", "third"):
            self.expect_object(daemon, key, BODY)
        self.assertEqual(0, daemon.stop())
        self.assertEqual([False, False, True], [added == self.key_of(daemon, key) for key in ("first", "second", "third")])

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

    def restart_with(self, daemon, text=None):
        self.assertEqual(0, daemon.stop())
        if text is not None:
            self.replace(daemon, text)
        self.restart(daemon)
