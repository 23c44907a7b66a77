"""tests/backends/tools/estimates_kept.py -- what bale estimate says, bale maintain --execute achieves: within a point, of a folder and of a bucket that
others have filled."""

import json
import os
import random
import subprocess

import daemon
import multipart
from client import Client
from maintenance import MaintenanceCase
from tools_alone import bale_program

SEEDS, HELD, POINTS = 20, 19, 1.0
LEVEL = 9


class EstimatesKept(MaintenanceCase):
    FOR = ("raw",)

    def make_bodies(self):
        """Of a few kinds and sizes; with --long files of this machine as well."""
        draw = random.Random(self.seed)
        bodies = {}
        for number in range(60):
            bodies[f"logs/{number}.log"] = multipart.text_bytes(draw.randrange(3000, 60_000), number)
            bodies[f"images/{number}.png"] = multipart.noise_bytes(draw.randrange(3000, 40_000), number)
            bodies[f"mixed/{number}.dat"] = multipart.text_bytes(draw.randrange(3000, 40_000), number) + multipart.noise_bytes(20_000, number)
        bodies["big.dat"] = multipart.text_bytes(2 << 20) + multipart.noise_bytes((1 << 20) + 77) + multipart.text_bytes(900_000)
        if self.is_long:
            for folder, _, names in os.walk("/usr/share/perl"):
                for name in names:
                    path = os.path.join(folder, name)
                    if os.path.isfile(path) and not os.path.islink(path):
                        with open(path, "rb") as file:
                            bodies[path[1:]] = file.read()
        return bodies

    def estimate(self, estimate_of):
        """Percent of the original bytes, by each seed."""
        found = []
        for seed in range(1, SEEDS + 1):
            done = estimate_of("--seed", str(seed), "--within", str(POINTS), "--zstd-level", str(LEVEL), "--format", "json")
            self.assertEqual(0, done.returncode, done.stderr)
            document = json.loads(done.stdout)
            self.assertLessEqual(document["points"], POINTS)
            found.append(document["percent"])
        return found

    def compare(self, estimates, achieved):
        held = sum(abs(percent - achieved) <= POINTS for percent in estimates)
        self.assertGreaterEqual(held, HELD, (achieved, estimates))

    def test_of_a_bucket(self):
        bodies = self.make_bodies()
        plain = self.direct().client()
        for key, body in bodies.items():
            self.assertEqual(200, plain.put(self.bucket, key, (), (), body, payload="unsigned").status)
        estimates = self.estimate(self.estimate_bucket)
        self.bale().stop()  # which finds out what the backend can do
        self.outcomes(self.maintain("[rule all]\naction = migrate\nleast-gain = 1\n", "--execute", "--zstd-level", str(LEVEL)))
        pages = plain.list_all(self.bucket)[2]
        stored = {key: int(size) for page in pages for key, size in zip(page.texts("Contents/Key"), page.texts("Contents/Size"))
                  if not key.startswith(".bale/")}
        self.assertEqual(set(bodies), set(stored))
        self.compare(estimates, 100 * sum(stored.values()) / sum(map(len, bodies.values())))

    def estimate_bucket(self, *words):
        account = self.backend.account
        environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "AWS_ACCESS_KEY_ID": account.access_key,
                       "AWS_SECRET_ACCESS_KEY": account.secret_key}
        return subprocess.run([bale_program(self), "estimate", f"s3:{self.bucket}", "--endpoint", self.backend.endpoint, *words], env=environment,
                              capture_output=True, timeout=900, check=False)

    def test_of_a_folder(self):
        """While the server runs, which packs it anew."""
        bodies = self.make_bodies()
        store = daemon.Daemon(self.baled, ["--shards", "1", "--zstd-level", "1", "--columns", "off", "--admin-socket", os.path.join(self.folder, "socket")])
        self.addCleanup(store.remove)
        server = store.start()
        alice = Client(server, server.accounts["alice"])
        self.assertEqual(200, alice.put("bucket").status)
        for key, body in bodies.items():
            self.assertEqual(200, alice.put("bucket", key, (), (), body, payload="unsigned").status)
        backend = ("--backend", f"dir:{store.folder}/data")
        estimates = self.estimate(lambda *words: self.run_program("estimate", backend[1], "--columns", "off", *words))
        policy = self.write("policy.ini", f"[rule all]\naction = recompact\nlevel = {LEVEL}\nleast-gain = 1\n")
        self.outcomes(self.run_program("maintain", "--policy", policy, "--execute", "--columns", "off", "--format", "json", *backend))
        done = self.run_program("savings", "--json", *backend)
        total = json.loads(done.stdout)["total"]
        self.assertEqual(sum(map(len, bodies.values())), total["original_bytes"])
        self.compare(estimates, 100 * total["stored_bytes"] / total["original_bytes"])

    def run_program(self, *words):
        return subprocess.run([bale_program(self), *words], env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"}, capture_output=True, timeout=900,
                              check=False)
