"""tests/backends/bodies/sealed_keyrings.py -- a new key for a fleet: while it comes, and becomes active on one replica after the other, every object
can be read through each."""

import os
import re
import shutil
import signal
import subprocess

import bucket_reader
from encrypted import words
from sealed_uploads import UploadCase

BODY = words(3000)


class SealedKeyrings(UploadCase):
    def hang_up(self, bale):
        said = "SIGHUP: the keyring was read again"
        before = bale.daemon.log().count(said)
        bale.daemon.process.send_signal(signal.SIGHUP)
        self.wait_for(lambda: bale.daemon.log().count(said) > before, said)

    def keyring(self, path, *verbs):
        program = os.path.join(os.path.dirname(os.path.dirname(self.baled)), "tools", "bale")
        return subprocess.run([program, "keyring", *verbs, "--keyring", path], capture_output=True, text=True, check=True).stdout

    def key_of(self, key):
        """Under which an object is, as its record says in the bucket."""
        return bucket_reader.unbase64(self.stored(key)[0]["s4-bale-sse"])[8:16].hex()

    def test_a_new_key(self):
        files = [self.keys, self.keys + ".second"]
        shutil.copy2(files[0], files[1])
        bales = self.fleet_of(1)
        bales.append(self.replica_of(bales[0], "--shards", "1", "--part-size", "5M", "--keyring", files[1]))
        clients = [bale.client() for bale in bales]
        first = re.search(r"(\w+) active", self.keyring(files[0], "list")).group(1)
        written = {}

        def put(place, key):
            self.put(clients[place], key, BODY)
            written[key] = BODY
            upload = self.create(clients[place], key + ".parts")
            self.send(clients[1 - place], key + ".parts", upload, 1, BODY)  # through the other one
            self.complete(clients[1 - place], key + ".parts", upload, {1: BODY})
            written[key + ".parts"] = BODY
            for client in clients:
                for name, body in written.items():
                    self.assertTrue(client.get(self.bucket, name).body == body, name)

        put(0, "before")
        added = re.search(r"The key (\w+)", self.keyring(files[0], "add")).group(1)
        shutil.copy2(files[0], files[1])
        for place, bale in enumerate(bales):
            self.hang_up(bale)
            put(place, f"added-{place}")
        for place, bale in enumerate(bales):
            self.keyring(files[place], "activate", added)
            self.hang_up(bale)
            put(0, f"active-{place}-0")
            put(1, f"active-{place}-1")
        expected = {"before": first, "added-1": first, "active-0-0": added, "active-0-1": first, "active-1-1": added}
        self.assertEqual(expected, {key: self.key_of(key) for key in expected})
