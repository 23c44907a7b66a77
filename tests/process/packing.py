"""tests/process/packing.py -- numbers in columns, seen from outside; for tests/process/run.

`Packing.baled` and `Packing.bale` are the binaries; set before the tests run.
"""

import hashlib
import json
import random
import struct
import subprocess
import unittest
import xml.etree.ElementTree
from pathlib import Path

import multipart
from client import Client
from daemon import Daemon


def growing_numbers(count, seed=1):
    """u32 that grow by 1 to 4: 1.4 to 1 with zstd, some 15 to 1 in columns."""
    draw = random.Random(seed)
    value, out = 0, bytearray()
    for _ in range(count):
        value += draw.randint(1, 4)
        out += struct.pack("<I", value & 0xFFFFFFFF)
    return bytes(out)


NUMBERS = growing_numbers(600_000)


class Packing(unittest.TestCase):
    baled = bale = None

    def setUp(self):
        self.daemon = Daemon(self.baled, ("--shards", "1"))
        self.backend = f"dir:{self.daemon.folder}/data"

    def tearDown(self):
        self.daemon.remove()
        self.assertNotIn("Sanitizer", self.daemon.log())

    def run_bale(self, *words):
        done = subprocess.run([self.bale, *words], capture_output=True, text=True, cwd=self.daemon.folder, timeout=600)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        return done.stdout

    def start(self):
        self.alice = Client(self.daemon.start(), self.daemon.accounts["alice"])

    def put_in_parts(self, key, pieces):
        upload = self.alice.post("bucket", key, {"uploads": None}).text("UploadId")
        etags = [self.alice.put("bucket", key, {"partNumber": str(number), "uploadId": upload}, (), piece).header("etag")
                 for number, piece in enumerate(pieces, 1)]
        parts = [multipart.part_xml(number, etag) for number, etag in enumerate(etags, 1)]
        self.assertEqual(200, self.alice.post("bucket", key, {"uploadId": upload}, (), multipart.document(*parts)).status)

    def inspect(self, key, *words):
        return json.loads(self.run_bale("inspect", f"bucket/{key}", "--json", "--backend", self.backend, *words))

    def test_numbers_are_found_and_come_back(self):
        """By PUT, in parts, by copy; whole and in ranges, also after the option is turned off."""
        text = multipart.text_bytes(1 << 20)
        bodies = {"numbers": NUMBERS, "text": text, "mixed": text + NUMBERS + text, "small": NUMBERS[:20_000],
                  "parts": growing_numbers((5 << 20) // 4, 2) + NUMBERS, "copy": NUMBERS}
        self.start()
        self.assertEqual(200, self.alice.put("bucket").status)
        for key in ("numbers", "text", "mixed", "small"):
            answer = self.alice.put("bucket", key, (), (), bodies[key])
            self.assertEqual(f'"{hashlib.md5(bodies[key]).hexdigest()}"', answer.header("etag"))
        self.put_in_parts("parts", [bodies["parts"][:5 << 20], bodies["parts"][5 << 20:]])
        self.assertEqual(200, self.alice.put("bucket", "copy", (), {"x-amz-copy-source": "bucket/numbers"}).status)
        self.assertEqual(0, self.daemon.stop())

        self.daemon.options += ["--columns", "off"]
        self.start()
        self.assertEqual(200, self.alice.put("bucket", "off", (), (), NUMBERS).status)
        bodies["off"] = NUMBERS
        for key, body in bodies.items():
            self.assertEqual(body, self.alice.get("bucket", key).body, key)
            first, last = len(body) // 3, len(body) // 3 * 2
            answer = self.alice.get("bucket", key, (), {"Range": f"bytes={first}-{last}"})
            self.assertEqual((206, body[first:last + 1]), (answer.status, answer.body), key)
        beside = {key: self.inspect(key, "--frames") for key in bodies}  # while the server runs
        self.assertEqual(0, self.daemon.stop())
        self.assertEqual(beside, {key: self.inspect(key, "--frames") for key in bodies})
        self.assertEqual(["1", "2"], list(beside["parts"]["parts"]))

        for key in ("numbers", "parts", "copy", "small"):
            said = self.inspect(key, "--frames")
            self.assertEqual("columns, perhaps", said.get("other codecs"), key)
            self.assertLess(said["stored size"], len(bodies[key]) / 11, key)
            self.assertEqual({"columns"}, {frame["codec"] for frame in said["each frame"]})
            self.assertEqual(len(bodies[key]), sum(frame["original"] for frame in said["each frame"]))
        frame = self.inspect("numbers", "--frames")["each frame"][0]
        self.assertRegex(frame["plan"], "^4: .*delta")
        self.assertIn("bytes 4 apart", frame["why"])
        self.assertGreater(self.inspect("off")["stored size"], len(NUMBERS) / 2)
        self.assertEqual({"cpu-zstd"}, {frame["codec"] for frame in self.inspect("off", "--frames")["each frame"]})
        self.assertEqual("text", self.inspect("text", "--frames")["each frame"][0]["why"])
        self.assertIn("columns of 4: ", self.run_bale("inspect", "bucket/numbers", "--frames", "--backend", self.backend))
        self.run_bale("check", "--backend", self.backend)
        self.run_bale("verify", "--deep", "--backend", self.backend)

    def test_files_are_tried_before_anything_is_stored(self):
        folder = Path(self.daemon.folder)
        (folder / "numbers.bin").write_bytes(NUMBERS)
        (folder / "a<b&c.txt").write_bytes(multipart.text_bytes(300_000))
        (folder / "noise").write_bytes(multipart.noise_bytes(3 << 20))
        (folder / "empty").write_bytes(b"")
        said = [json.loads(line) for line in self.run_bale(
            "pack", "--json", "numbers.bin", "a<b&c.txt", "noise", "empty", "--plot", "picture.svg").splitlines()]
        self.assertEqual([len(NUMBERS), 300_000, 3 << 20, 0], [file["original"] for file in said])
        for file in said:
            for way in file["ways"].values():
                self.assertLessEqual(way["stored"], file["original"] + 28 * 3 + 44 + 32 * 3)
        ways = said[0]["ways"]
        self.assertEqual(3, ways["columns"]["frames_in_columns"])
        self.assertLess(ways["columns"]["stored"] * 10, ways["zstd"]["stored"])
        self.assertEqual(said[1]["ways"]["zstd"]["stored"], said[1]["ways"]["columns"]["stored"])
        self.assertEqual(3, said[2]["ways"]["columns"]["frames_raw"])
        xml.etree.ElementTree.parse(folder / "picture.svg")
        self.assertIn("numbers.bin: 2400000 bytes", self.run_bale("pack", "numbers.bin"))
        for words in (("pack",), ("pack", "not-there"), ("pack", "--zstd-level", "20", "noise"), ("pack", *["noise"] * 9)):
            done = subprocess.run([self.bale, *words], capture_output=True, text=True, cwd=folder, timeout=600)
            self.assertNotEqual(0, done.returncode)
            self.assertIn("bale pack:", done.stderr)
