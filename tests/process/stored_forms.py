"""tests/process/stored_forms.py -- bodies in every codec, readable or not, through baled and bale; for tests/process/run.

Bodies that Bale does not write are brought in with `bale import`, which stores them as they are. `StoredForms.baled`
and `StoredForms.bale` are the binaries; set before the tests run.
"""

import functools
import gzip
import hashlib
import json
import random
import struct
import subprocess
import sys
import unittest
import zlib
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "unit" / "codec"))
import checksums
import columns_decoder
import gdeflate
import multipart
from admin import metrics
from client import Client
from daemon import Daemon

TEXT = b"the bytes that a client sent\n" * 40
UNKNOWN = 0x014C4258  # an id that no version of Bale has
COLUMNS = 0x014C4142


def crc32c(data):
    return int.from_bytes(checksums.digest("CRC32C", data), "big")


def frame(codec, payload, original):
    """S4F2."""
    return struct.pack("<4sIQQI", b"S4F2", codec, len(original), len(payload), crc32c(original)) + payload


def described(stored, original, codec="cpu-zstd", framed=True):
    """The entry of objects.json for one stored body."""
    metadata = {"s4-codec": codec, "s4-original-size": str(len(original)), "s4-compressed-size": str(len(stored)),
                "s4-crc32c": str(crc32c(original)), "s4-logical-etag": hashlib.md5(original).hexdigest()}
    if framed:
        metadata["s4-framed"] = "true"
    return {"stored_size": len(stored), "stored_sha256": hashlib.sha256(stored).hexdigest(),
            "backend_etag": hashlib.md5(stored).hexdigest(), "metadata": metadata}


def codecs_of(body):
    """Those of its frames."""
    codecs = []
    while body:
        magic, codec, _, size, _ = struct.unpack("<4sIQQI", body[:28])
        assert magic == b"S4F2", magic
        codecs.append(codec)
        body = body[28 + size :]
    return codecs


def records(count):
    """Each a u64 that counts and a u32 of noise."""
    source = random.Random(7)
    return b"".join(struct.pack("<QI", 1000 * number + 5, source.randrange(1 << 20)) for number in range(count))


class StoredForms(unittest.TestCase):
    baled = bale = None

    def setUp(self):
        self.daemon = Daemon(self.baled, ("--shards", "1"))
        self.backend = f"dir:{self.daemon.folder}/data"

    def tearDown(self):
        self.daemon.remove()
        self.assertNotIn("Sanitizer", self.daemon.log())

    # ---- what is used below ----

    def run_bale(self, *words):
        return subprocess.run([self.bale, *words], capture_output=True, text=True, cwd=self.daemon.folder, timeout=600)

    def start(self):
        self.daemon.server = self.daemon.start()
        self.alice = Client(self.daemon.server, self.daemon.accounts["alice"])

    def bring_in(self, bodies):
        """`bodies`: key -> (stored, entry of objects.json). The daemon runs afterwards, the bucket is "bucket"."""
        folder = Path(self.daemon.folder) / "in"
        folder.mkdir()
        objects = {}
        for number, (key, (stored, entry)) in enumerate(bodies.items()):
            (folder / str(number)).write_bytes(stored)
            objects[key] = {"file": str(number), **entry}
        (folder / "objects.json").write_text(json.dumps({"bucket": "bucket", "objects": objects}))
        done = self.run_bale("import", "in", "--backend", self.backend, "--bucket", "bucket", "--owner",
                             self.daemon.accounts["alice"].id)
        self.assertEqual(0, done.returncode, done.stderr)
        self.start()

    def expect_unsupported(self, answer, *words):
        self.assertEqual((501, "NotImplemented"), (answer.status, answer.text("Code")), answer.body)
        for word in words:
            self.assertIn(word, answer.text("Message"))

    def exported(self, *options, folder="out"):
        """key -> (stored body, metadata) of "bucket", as `bale export` writes it for others."""
        done = self.run_bale("export", folder, "--bucket", "bucket", "--backend", self.backend, *options)
        self.assertEqual(0, done.returncode, done.stderr)
        out = Path(self.daemon.folder) / folder
        objects = json.loads((out / "objects.json").read_text())["objects"]
        return {key: ((out / entry["file"]).read_bytes(), entry["metadata"]) for key, entry in objects.items()}

    # ---- the tests ----

    def test_a_codec_that_is_not_known_is_not_damage(self):
        unknown = frame(UNKNOWN, b"?", TEXT)
        behind = frame(0, TEXT, TEXT) + unknown
        self.bring_in({"one": (unknown, described(unknown, TEXT)), "behind": (behind, described(behind, 2 * TEXT))})
        self.expect_unsupported(self.alice.get("bucket", "one"), "does not know", f"{UNKNOWN:#010x}")
        self.assertEqual(200, self.alice.head("bucket", "one").status)  # its metadata say nothing of it
        answer = self.alice.get("bucket", "behind", (), {"Range": f"bytes=0-{len(TEXT) - 1}"})
        self.assertEqual((206, TEXT), (answer.status, answer.body))  # nothing else of the object is at risk
        self.expect_unsupported(self.alice.get("bucket", "behind", (), {"Range": f"bytes={len(TEXT)}-"}), "does not know")

        self.assertEqual(200, self.alice.put("bucket", "copy", (), {"x-amz-copy-source": "bucket/one"}).status)
        self.expect_unsupported(self.alice.get("bucket", "copy"), "does not know")
        upload = self.alice.post("bucket", "parts", {"uploads": None}).text("UploadId")
        self.expect_unsupported(self.alice.put("bucket", "parts", {"partNumber": "1", "uploadId": upload},
                                               {"x-amz-copy-source": "bucket/one"}), "does not know")
        self.assertEqual(0, self.daemon.stop())

        done = self.run_bale("check", "--backend", self.backend)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        done = self.run_bale("verify", "--deep", "--backend", self.backend)
        self.assertEqual(1, done.returncode)
        self.assertIn("does not know", done.stdout)
        self.assertIn("3 findings, 3 of them in a form that cannot be read yet", done.stdout)
        self.assertNotIn("not as they should be", done.stderr)
        done = self.run_bale("cat", "bucket/one", "--backend", self.backend)
        self.assertEqual(1, done.returncode)
        self.assertIn("does not know", done.stderr)
        self.assertEqual(unknown, self.exported()["one"][0])

    def test_gzip_that_anybody_reads(self):
        """Objects are one gzip member, unless they do not shrink or came in parts; a change of the option loses nothing."""
        self.daemon.options += ["--codec", "gzip", "--gzip-level", "3"]
        self.start()
        self.assertEqual(200, self.alice.put("bucket").status)
        large = multipart.text_bytes(3 << 20) + multipart.noise_bytes(300_000) + multipart.text_bytes(1 << 20)
        bodies = {"small": TEXT, "large": large, "noise": multipart.noise_bytes(5000), "empty": b""}
        for key, body in bodies.items():
            self.assertEqual(200, self.alice.put("bucket", key, (), (), body).status)
        upload = self.alice.post("bucket", "parts", {"uploads": None}).text("UploadId")
        part = self.alice.put("bucket", "parts", {"partNumber": "1", "uploadId": upload}, (), large)
        done = self.alice.post("bucket", "parts", {"uploadId": upload}, (),
                               multipart.document(multipart.part_xml(1, part.header("etag"))))
        self.assertEqual(200, done.status)
        counted = metrics(self.daemon.server)
        self.assertEqual(len(TEXT) + len(large), counted['bale_codec_original_bytes_total{codec="cpu-gzip"}'])
        self.assertLess(0, counted['bale_codec_stored_bytes_total{codec="cpu-gzip"}'])
        self.assertLessEqual(5000, counted['bale_codec_original_bytes_total{codec="passthrough"}'])
        self.assertLess(counted['bale_codec_stored_bytes_total{codec="cpu-zstd"}'],
                        counted['bale_codec_original_bytes_total{codec="cpu-zstd"}'])
        self.assertEqual(2, counted['bale_objects_written_total{codec="cpu-gzip"}'])
        self.assertEqual(200, self.alice.put("bucket", "copy", (), {"x-amz-copy-source": "bucket/large"}).status)
        bodies |= {"copy": large, "parts": large}
        self.assertEqual(0, self.daemon.stop())

        stored = self.exported()
        for key in ("small", "large", "copy"):
            body, metadata = stored[key]
            self.assertEqual(bodies[key], gzip.decompress(body))
            self.assertEqual(bytes.fromhex("1f8b08000000000000ff"), body[:10])
            self.assertEqual(("cpu-gzip", str(len(body)), None), tuple(
                metadata.get(name) for name in ("s4-codec", "s4-compressed-size", "s4-framed")))
        self.assertEqual(bodies["noise"], stored["noise"][0])
        self.assertEqual(b"S4F2", stored["parts"][0][:4])
        done = self.run_bale("verify", "--deep", "--backend", self.backend)
        self.assertEqual(0, done.returncode, done.stdout)

        self.daemon.options[-3:] = ["auto"]
        self.start()
        for key, body in bodies.items():
            self.assertTrue(self.alice.get("bucket", key).body == body, key)
        answer = self.alice.get("bucket", "large", (), {"Range": "bytes=3000000-3400000"})
        self.assertTrue(answer.body == large[3_000_000:3_400_001])

    def test_columns_are_read_and_go_out_as_zstd(self):
        numbers = records(500)
        plan = bytes([1, 12, 2, 0, 3 | 1 << 2, 1, 2, 1])  # u64 delta, u32
        payload = columns_decoder.encode(plan, numbers, random.Random(1))
        mixed = frame(0, TEXT, TEXT) + frame(COLUMNS, payload, numbers) + frame(0, TEXT, TEXT)
        entry = described(mixed, TEXT + numbers + TEXT)
        entry["metadata"]["s4-bale-codecs"] = "columns"
        silent = described(mixed, TEXT + numbers + TEXT)  # its metadata say nothing of columns
        self.bring_in({"mixed": (mixed, entry), "silent": (mixed, silent)})
        bodies = {"mixed": TEXT + numbers + TEXT, "silent": TEXT + numbers + TEXT, "large": records(200_000)}
        self.assertEqual(200, self.alice.put("bucket", "large", (), (), bodies["large"]).status)
        self.assertEqual(200, self.alice.put("bucket", "copy", (), {"x-amz-copy-source": "bucket/mixed"}).status)
        bodies["copy"] = bodies["mixed"]
        for key, body in bodies.items():
            self.assertTrue(self.alice.get("bucket", key).body == body, key)
            self.assertEqual(str(len(body)), self.alice.head("bucket", key).header("content-length"))
            for first, last in ((0, 0), (1300, 1400), (len(TEXT) + 1, len(TEXT) + 100), (len(body) - 1, len(body) - 1)):
                answer = self.alice.get("bucket", key, (), {"Range": f"bytes={first}-{last}"})
                self.assertTrue(answer.status == 206 and answer.body == body[first : last + 1], (key, first))
        self.assertEqual(0, self.daemon.stop())
        done = self.run_bale("verify", "--deep", "--backend", self.backend)
        self.assertEqual(0, done.returncode, done.stdout)

        stored = self.exported("--as-stored", folder="as-stored")
        self.assertEqual(mixed, stored["mixed"][0])
        self.assertEqual("columns", stored["large"][1]["s4-bale-codecs"])
        self.assertIn(COLUMNS, codecs_of(stored["large"][0]))
        stock = self.exported()
        for key in bodies:
            body, metadata = stock[key]
            self.assertEqual(set(), set(codecs_of(body)) - {0, 1}, key)
            self.assertEqual((None, str(len(body))), (metadata.get("s4-bale-codecs"), metadata["s4-compressed-size"]))
        index = stock["large.s4index"][0]  # 3 frames, whose last entry ends where the body does
        self.assertEqual(len(stock["large"][0]), sum(struct.unpack("<QQ", index[-16:])))
        done = self.run_bale("import", "out", "--backend", "dir:other", "--bucket", "bucket", "--owner",
                             self.daemon.accounts["alice"].id)
        self.assertEqual(0, done.returncode, done.stderr)
        for key, body in bodies.items():
            done = subprocess.run([self.bale, "cat", f"bucket/{key}", "--backend", "dir:other"], capture_output=True,
                                  cwd=self.daemon.folder, timeout=600)
            self.assertTrue(done.stdout == body, (key, done.stderr))

    def test_what_gpus_wrote(self):
        """FCG1 containers with and without a frame, behind frames of other codecs, whole and in ranges."""
        text = multipart.text_bytes(50_000, 1) + multipart.noise_bytes(5_000) + multipart.text_bytes(15_000, 2)
        strategies = (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FIXED, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE)
        packs = {strategy: functools.partial(gdeflate.chunk, strategy=strategy) for strategy in strategies}
        packs["stored"] = functools.partial(gdeflate.chunk, level=0)
        packs["blocks"] = functools.partial(gdeflate.chunk, flush_at=3_000)
        bodies, originals = {}, {}
        for name, pack in packs.items():
            stored = gdeflate.container(text, 5, pack)
            bodies[f"one-{name}"] = stored, described(stored, text, "nvcomp-gdeflate", framed=False)
            originals[f"one-{name}"] = text
        two = frame(6, gdeflate.container(text, 5, gdeflate.chunk), text)
        mixed = frame(0, TEXT, TEXT) + two + frame(7, gzip.compress(TEXT), TEXT)
        bodies["mixed"], originals["mixed"] = (mixed, described(mixed, TEXT + text + TEXT)), TEXT + text + TEXT
        zstd = bytes.fromhex("4643473103000000050000000000000000000100010000000e00000028b52ffd005829000068656c6c6f")
        framed = frame(2, zstd, b"hello")
        bodies |= {"zstd": (zstd, described(zstd, b"hello", "nvcomp-zstd", framed=False)),
                   "framed-zstd": (framed, described(framed, b"hello", "nvcomp-zstd"))}
        originals |= {"zstd": b"hello", "framed-zstd": b"hello"}
        bitcomp = frame(3, zstd, b"hello")
        bodies["bitcomp"] = bitcomp, described(bitcomp, b"hello", "nvcomp-bitcomp")
        broken = bytearray(two)
        broken[-900] ^= 0x10
        bodies["broken"] = bytes(broken), described(bytes(broken), text)
        self.bring_in(bodies)
        for key, original in originals.items():
            self.assertTrue(self.alice.get("bucket", key).body == original, key)
            for first, last in ((0, 0), (1000, 1999), (65_530, 65_540), (len(original) - 1, len(original) - 1)):
                if last < len(original):
                    answer = self.alice.get("bucket", key, (), {"Range": f"bytes={first}-{last}"})
                    self.assertTrue((206, original[first:last + 1]) == (answer.status, answer.body), (key, first))
        self.expect_unsupported(self.alice.get("bucket", "bitcomp"), "only NVIDIA's library", "have S4 with a GPU rewrite")
        self.assertEqual(500, self.alice.get("bucket", "broken").status)
