"""tests/process/recompacting.py -- baled --recompact idle: what has lain for a while is packed anew, once, and nothing else of it
changes; for tests/process/run.

`Recompacting.baled` and `Recompacting.bale` are the binaries; set before the tests run.
"""

import json
import os
import random
import subprocess

import admin
from daemons import DaemonsCase
from maintaining import text

DEADLINE_S = 600  # a thread under SCHED_IDLE has its turn when nobody else has
VERSIONS = 'bale_recompact_versions_total{outcome="%s"}'


class Recompacting(DaemonsCase):
    def make(self, *options):
        self.daemon = self.add("--catalogue-max-size", "4G", "--shards", "2", *options)
        self.alice = self.daemon.alice
        self.bodies = {"a.txt": text(1, 120_000), "large.txt": text(2, 400_000), "noise": random.Random(3).randbytes(2_000_000), "tiny": b"x" * 100}
        self.assertEqual(200, self.alice.put("bucket").status)
        for key, body in self.bodies.items():
            self.assertEqual(200, self.alice.put("bucket", key, (), {"x-amz-tagging": "a=1"}, body).status)

    def run_bale(self, *words):
        done = subprocess.run([self.bale, *words, "--backend", f"dir:{self.daemon.folder}/data"], capture_output=True, text=True, timeout=600, check=False)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        return done.stdout

    def stored(self):
        return {key: json.loads(self.run_bale("inspect", f"bucket/{key}", "--json"))["stored size"] for key in self.bodies}

    def metric(self, name):
        return admin.metrics(self.daemon.server)[name]

    def heads(self):
        names = ("etag", "last-modified", "content-length", "x-amz-tagging-count")
        return {key: [self.alice.head("bucket", key).header(name) for name in names] for key in self.bodies}

    def test_each_is_packed_once(self):
        if os.getloadavg()[0] > os.cpu_count():
            self.skipTest("no processor is idle: nothing would be packed")
        self.make()
        before, sizes = self.heads(), self.stored()
        self.assertEqual(0, self.daemon.stop())
        self.daemon.options += ["--recompact", "idle", "--recompact-after", "0s", "--recompact-pace", "1G"]
        self.restart(self.daemon)
        self.alice = self.daemon.alice
        self.wait_for(lambda: self.metric(VERSIONS % "packed") == 2 and self.metric(VERSIONS % "no-gain") == 1, DEADLINE_S)
        walks = self.metric("bale_recompact_walks_total")
        self.wait_for(lambda: self.metric("bale_recompact_walks_total") >= walks + 2, DEADLINE_S)
        self.assertEqual((2, 1, 0), tuple(self.metric(VERSIONS % outcome) for outcome in ("packed", "no-gain", "failed")))
        after = self.stored()
        self.assertEqual(["a.txt", "large.txt"], [key for key in sizes if after[key] < sizes[key]])
        self.assertEqual(sum(sizes.values()) - sum(after.values()),
                         self.metric("bale_recompact_before_bytes_total") - self.metric("bale_recompact_after_bytes_total"))
        self.assertEqual(before, self.heads())
        for key, body in self.bodies.items():
            self.assertTrue(self.alice.get("bucket", key).body == body, key)
        self.assertEqual(0, self.daemon.stop())
        self.run_bale("check")

    def test_what_is_young_is_left(self):
        self.make("--recompact", "idle", "--recompact-after", "100s")
        self.wait_for(lambda: self.metric("bale_recompact_walks_total") >= 2, DEADLINE_S)
        self.assertEqual(0, self.metric(VERSIONS % "packed"))

    def spoil_frame(self):
        """One byte of one frame."""
        folder = os.path.join(self.daemon.folder, "data", "volumes")
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name), "r+b") as file:
                at = file.read().find(b"S4F2")
                if at >= 0:
                    file.seek(at + 200)
                    byte = file.read(1)[0]
                    file.seek(at + 200)
                    file.write(bytes([byte ^ 1]))
                    return
        self.fail("there is no frame")

    def test_what_is_damaged_is_tried_once(self):
        if os.getloadavg()[0] > os.cpu_count():
            self.skipTest("no processor is idle: nothing would be packed")
        self.make()
        self.assertEqual(0, self.daemon.stop())
        self.spoil_frame()
        self.daemon.options += ["--recompact", "idle", "--recompact-after", "0s", "--recompact-pace", "1G"]
        self.restart(self.daemon)
        self.wait_for(lambda: self.metric(VERSIONS % "failed") == 1 and self.metric(VERSIONS % "packed") == 1, DEADLINE_S)
        walks = self.metric("bale_recompact_walks_total")
        self.wait_for(lambda: self.metric("bale_recompact_walks_total") >= walks + 2, DEADLINE_S)
        self.assertEqual(1, self.metric(VERSIONS % "failed"))
