"""tests/process/estimate.py -- bale estimate against what packing really comes to; for tests/process/run.

`Estimate.baled` and `Estimate.bale` are the binaries; set before the tests run.
"""

import json
import os
import random
import shutil
import subprocess
import tempfile
import xml.etree.ElementTree
from pathlib import Path

import multipart
from daemons import DaemonsCase
from packing import growing_numbers

LEARNED = 0.3  # points: each frame is looked at for itself, while baled goes by what the frame before it taught


def make_files(seed):
    """Names and bodies of a few kinds and sizes: text, noise, numbers, and what is both."""
    draw = random.Random(seed)
    files = {}
    for number in range(120):
        files[f"logs/{number}.log"] = multipart.text_bytes(draw.randrange(100, 6000), number)
        files[f"images/{number}.png"] = multipart.noise_bytes(draw.randrange(1000, 50_000), number)
    for number in range(24):
        noise = multipart.noise_bytes(draw.randrange(1000, 90_000), number)
        files[f"mixed/{number}.dat"] = multipart.text_bytes(draw.randrange(1000, 90_000), number) + noise
    files["numbers/1.u32"] = growing_numbers(400_000)
    files["big.dat"] = multipart.text_bytes(2 << 20) + multipart.noise_bytes((2 << 20) + 77) + multipart.text_bytes(900_000)
    files["empty.log"] = b""
    return files


class Estimate(DaemonsCase):
    def setUp(self):
        super().setUp()
        self.folder = Path(tempfile.mkdtemp(prefix="bale-estimate-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def run_bale(self, *words, account=None):
        environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
        if account:
            environment |= {"AWS_ACCESS_KEY_ID": account.access_key, "AWS_SECRET_ACCESS_KEY": account.secret_key}
        return subprocess.run([self.bale, *map(str, words)], capture_output=True, text=True, cwd=self.folder, timeout=600,
                              env=environment, check=False)

    def estimate(self, *words, account=None):
        done = self.run_bale("estimate", *words, "--format", "json", account=account)
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        return json.loads(done.stdout)

    def write(self, files):
        for name, body in files.items():
            (self.folder / "files" / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / "files" / name).write_bytes(body)

    def put(self, daemon, files):
        self.assertEqual(200, daemon.alice.put("bucket").status)
        for name, body in files.items():
            self.assertEqual(200, daemon.alice.put("bucket", name, (), (), body, payload="unsigned").status)

    def stored(self, daemon):
        """(original bytes, stored bytes) of the store of a daemon."""
        done = self.run_bale("savings", "--json", "--backend", f"dir:{daemon.folder}/data")
        total = json.loads(done.stdout)["total"]
        return total["original_bytes"], total["stored_bytes"]

    def holds(self, found, percent):
        return abs(found["percent"] - percent) <= found["points"]

    def test_the_interval_holds_what_packing_comes_to(self):
        """Of a folder of files, by twenty seeds; and of the store that they were put into, which is packed already."""
        files = make_files(1)
        self.write(files)
        daemon = self.add("--shards", "1")
        self.put(daemon, files)
        original, stored = self.stored(daemon)
        percent = 100 * stored / original
        held = 0
        for seed in range(1, 21):
            found = self.estimate("files", "--frames", 100, "--seed", seed)
            self.assertEqual((len(files), original, original), (found["objects"], found["original_bytes"], found["stored_bytes"]))
            self.assertLess(found["points"], 6)
            self.assertLess(abs(found["percent"] - percent), 2 * found["points"], seed)
            held += self.holds(found, percent)
        self.assertGreaterEqual(held, 19)
        self.assertEqual(found, self.estimate("files", "--frames", 100, "--seed", 20) | {"money": found["money"]})

        beside = self.estimate(f"dir:{daemon.folder}/data", "--seed", 1, "--frames", 100)  # while the server runs
        self.assertEqual((original, stored), (beside["original_bytes"], beside["stored_bytes"]))
        self.assertTrue(self.holds(beside, percent), (beside, percent))
        self.assertLess(abs(beside["money"]["saved_a_month"]), 0.2 * found["money"]["saved_a_month"])
        some = self.estimate(f"dir:{daemon.folder}/data", "--bucket", "bucket", "--prefix", "logs/", "--seed", 1)
        self.assertEqual((120, [".log"]), (some["objects"], [row["ending"] for row in some["endings"]]))

        narrow = self.estimate("files", "--within", 0.5, "--seed", 1)
        self.assertLessEqual(narrow["points"], 0.5)
        self.assertLess(abs(narrow["percent"] - percent), 0.5 + LEARNED)
        whole = self.estimate("files", "--frames", 200_000, "--seed", 1)  # nothing is left to chance
        self.assertEqual(0, whole["points"])
        self.assertLess(abs(whole["percent"] - percent), LEARNED)

    def test_a_bucket_is_only_read(self):
        files = make_files(2)
        daemon = self.add("--raw")
        self.put(daemon, files)
        self.assertEqual(200, daemon.alice.put("bucket", "packed.log", (), {"x-amz-meta-s4-codec": "cpu-zstd"},
                                               bytes(3 << 20)).status)
        account = daemon.server.accounts["reader"]  # may not write
        endpoint = ("--endpoint", f"http://{daemon.server.host}")
        before = daemon.alice.get("bucket", None, {"list-type": "2"}).body
        found = self.estimate("s3:bucket", "--seed", 1, *endpoint, account=account)
        self.assertEqual(before, daemon.alice.get("bucket", None, {"list-type": "2"}).body)
        self.assertEqual((len(files) + 1, True), (found["objects"], found["is_all"]))
        logs = next(row for row in found["endings"] if row["ending"] == ".log")
        self.assertEqual(3, found["frames_already_packed"])  # they would shrink to nothing, and stay
        self.assertGreater(logs["packed_bytes"], 3 << 20)
        self.assertGreater(found["money"]["requests"], len(files) * 0.0054 / 1000)

        below = self.estimate("s3:bucket/images/", "--max-keys", 50, *endpoint, account=account)
        self.assertEqual((50, False, [".png"]),
                         (below["objects"], below["is_all"], [row["ending"] for row in below["endings"]]))
        self.assertGreater(below["percent"], 99.9)
        done = self.run_bale("estimate", "s3:no-such-bucket", *endpoint, account=account)
        self.assertEqual((1, 1), (done.returncode, done.stderr.count("\n")), done.stderr)

    def test_a_table_a_picture_and_other_prices(self):
        self.write({"a.log": multipart.text_bytes(3 << 20), "b.png": multipart.noise_bytes(1 << 20), "c": b"x"})
        (self.folder / "prices.ini").write_text("currency = EUR\n[STANDARD]\nmonth = 1024\n")
        done = self.run_bale("estimate", "files", "--prices", "prices.ini", "--plot", "picture.svg", "--seed", 9)
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        self.assertRegex(done.stdout, r"^files: 3 objects, .* seed 9\n")
        self.assertRegex(done.stdout, r"\n\.png +1 +1\.00 MiB +1\.00 MiB +1\.00 MiB +100\.0 % .*#{25}\n")
        self.assertRegex(done.stdout, r"\ntotal +3 +4\.00 MiB ")
        self.assertRegex(done.stdout, r"\nSaved: [12]\.\d+ EUR a month\. .* It pays in 0\.0 months\.\n")
        picture = xml.etree.ElementTree.parse(self.folder / "picture.svg").getroot()
        words = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")]
        self.assertTrue({".log", ".png", "(none)", "total"} <= set(words), words)

    def test_what_cannot_be_is_said(self):
        daemon = self.add("--shards", "1")
        self.write({"a.log": b"x"})
        for status, words, sentence in [
                (1, ("nowhere",), "nowhere: No such file"),
                (1, (f"{daemon.folder}/data",), "is a store of Bale: say dir:"),
                (1, ("dir:nowhere",), "there is no store in nowhere"),
                (1, ("files", "--prices", "none.ini"), "none.ini"),
                (2, ("files", "--bucket", "b"), "--bucket and --prefix go with dir:PATH"),
                (2, ("s3:",), "TARGET"),
                (2, ("files", "--frames", "99"), "--frames"),
                (2, (), "it needs a TARGET")]:
            done = self.run_bale("estimate", *words)
            self.assertEqual((status, 1), (done.returncode, done.stderr.count("\n")), (words, done.stderr))
            self.assertIn(sentence, done.stderr, words)
        (self.folder / "files" / "gone.log").symlink_to("a.log")  # links are no files
        self.assertEqual(1, self.estimate("files")["objects"])
