"""tests/backends/bodies/tiers_replayed.py -- what bale tier --replay says of a server's log, and what that server's tier has had.

The same server writes the log and has the tier, so that both have seen the same requests.
"""

import json
import random
import subprocess
import tempfile
from pathlib import Path

from admin import metrics
from backend_case import BackendCase

MIB = 1 << 20
TOOL = str(Path(__file__).resolve().parents[3] / "build/tools/bale")
LARGE = random.Random(21).randbytes(3 * MIB)
ROWS = "".join(f"{i} {i * 7919 % 100003} GET /things/{i % 977}\n" for i in range(200_000)).encode()  # of several frames, which shrink


def replay(log, *options):
    done = subprocess.run([TOOL, "tier", "--replay", "-", "--json", *options], input=log, capture_output=True, text=True, timeout=600, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr


class ReplayedTiers(BackendCase):
    FOR = ("raw",)

    def tiered(self, *more):
        folder = tempfile.TemporaryDirectory(prefix="bale-tier-")
        self.addCleanup(folder.cleanup)
        return self.bale(self.backend, "--tier", f"{folder.name}/tier", "--tier-size", "96M", "--tier-patience", "60s", "--shards", "1",
                         "--frame-cache", "0", *more)

    def get(self, client, key, body, first=None, last=None):
        headers = {} if first is None else {"range": f"bytes={first}-{last}"}
        answer = client.get(self.bucket, key, (), headers)
        self.assertTrue(answer.body == (body if first is None else body[first:last + 1]), f"{key}: {answer.status}, other bytes")

    def read_some(self, bale):
        client = bale.client()
        for key, body in (("large", LARGE), ("rows", ROWS)):
            self.assertEqual(200, client.put(self.bucket, key, (), (), body, payload="unsigned").status)
            for first in (0, 2_000_000, 2_000_000, 2_500_000, 100):
                self.get(client, key, body, first, first + 300_000)
            for _ in range(3):
                self.get(client, key, body)
            self.get(client, key, body, 2_900_000, 2_900_010)

    def log_of(self, bale, count):
        def lines():
            return [line for line in bale.log().splitlines() if "GetObject" in line or "PutObject" in line]
        self.wait_for(lambda: len(lines()) >= count, f"{count} requests in the log")
        return "\n".join(lines())

    def compare(self, *options):
        bale = self.tiered(*options)
        self.read_some(bale)
        told = replay(self.log_of(bale, 20), "--size", "96M")
        self.assertEqual((18, 2, 0, False), (told["reads"], told["keys"], told["reads_left_out"], told["was_full"]))
        found = metrics(bale.server)
        near = sum(found[f'bale_tier_read_bytes_total{{from="{where}"}}'] for where in ("memory", "disk"))
        self.assertGreater(told["bytes_near"], 8 * MIB)
        self.assertLess(abs(told["bytes_near"] - near), near / 50, (told, near))

    def test_a_log_as_text_and_the_tier_say_the_same(self):
        self.compare()

    def test_a_log_as_json_and_the_tier_say_the_same(self):
        self.compare("--log-format", "json")

    def test_a_log_without_a_tier_says_what_one_would_have_had(self):
        bale = self.bale(self.backend, "--shards", "1")
        self.read_some(bale)
        log = self.log_of(bale, 20)
        small = replay(log, "--size", "64M")
        self.assertGreater(small["bytes_near"], 8 * MIB)
        self.assertEqual(small["bytes_near"], replay(log, "--size", "10G")["bytes_near"])

    def test_a_log_of_a_folder_says_nothing(self):
        self.assertIn("no line of it says which bytes were read", replay("2026-01-01T00:00:00.000Z info request bucket=b key=k status=200\n"))
