"""tests/process/raw.py -- baled --raw: a plain S3 server, and a folder that remembers what it is; for tests/process/run.

`Raw.baled` and `Raw.bale` are the binaries; set before the tests run.
"""

import json
import os
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

import multipart
from admin import metrics
from client import Client
from daemons import DaemonsCase

RESERVED = (".bale/head", ".bale/journal/x", "x.s4index", ".s4dict/d", ".s4mpu/m", "a/b.s4index")
TEXT = multipart.text_bytes(3 << 20)


class Raw(DaemonsCase):
    def start(self, *options):
        daemon = self.add(*options)
        self.assertEqual(200, daemon.alice.put("bucket").status)
        return daemon

    def run_bale(self, daemon, *words):
        return subprocess.run([self.bale, *words, "--backend", f"dir:{daemon.folder}/data"], capture_output=True, text=True,
                              timeout=600, check=False)

    def upload(self, alice, key, bodies, headers=()):
        upload = alice.post("bucket", key, {"uploads": None}, headers).text("UploadId")
        parts = []
        for number, body in enumerate(bodies, 1):
            answer = alice.put("bucket", key, {"partNumber": str(number), "uploadId": upload}, (), body)
            parts.append(multipart.part_xml(number, answer.header("etag")))
        answer = alice.post("bucket", key, {"uploadId": upload}, (), multipart.document(*parts))
        self.assertEqual(200, answer.status, answer)
        self.assertEqual(multipart.composite_etag(bodies), answer.text("ETag"))

    # ---- the folder ----

    def refused(self, daemon, option):
        done = subprocess.run([self.baled, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--backend",
                               f"dir:{daemon.folder}/data", option], capture_output=True, text=True, timeout=600, check=False)
        self.assertEqual((1, 1), (done.returncode, len(done.stderr.splitlines())), done.stderr)
        return done.stderr

    def test_a_folder_stays_what_it_was_made(self):
        raw = self.start("--raw")
        raw.alice.put("bucket", "k", (), (), b"body")
        raw.stop()
        self.assertIn("was made by `baled --raw` and holds objects as they came: only --raw opens it",
                      self.refused(raw, "--raw=no"))
        raw.server = raw.start()
        self.assertEqual(b"body", Client(raw.server, raw.accounts["alice"]).get("bucket", "k").body)

        packed = self.start()
        packed.stop()
        self.assertIn("was made without --raw and holds packed objects: --raw cannot open it", self.refused(packed, "--raw"))

    def test_a_refusal_leaves_the_folder_as_it_was(self):
        packed = self.start()
        packed.alice.put("bucket", "k", (), (), TEXT)
        packed.stop()
        self.refused(packed, "--raw")
        packed.server = packed.start()
        self.assertEqual(TEXT, Client(packed.server, packed.accounts["alice"]).get("bucket", "k").body)

    # ---- what is stored ----

    def test_bodies_are_stored_as_they_came(self):
        daemon = self.start("--raw")
        daemon.alice.put("bucket", "text", (), (), TEXT)
        self.upload(daemon.alice, "parts", [TEXT[:5 << 20] + bytes(5 << 20), b"the end"])
        self.upload(daemon.alice, "one part", [b"small"])
        self.assertEqual(b"small", daemon.alice.get("bucket", "one part").body)
        for key, body in (("text", TEXT), ("parts", TEXT[:5 << 20] + bytes(5 << 20) + b"the end")):
            self.assertEqual(body, daemon.alice.get("bucket", key).body)
            self.assertEqual(body[-40:], daemon.alice.get("bucket", key, (), {"range": "bytes=-40"}).body)
        counted = metrics(daemon.server)
        self.assertEqual(0, sum(value for name, value in counted.items()
                                if name.startswith("bale_codec_original_bytes_total") and "passthrough" not in name))
        self.assertEqual(counted["bale_original_bytes_written_total"], counted["bale_stored_bytes_written_total"])
        daemon.stop()
        stored = b"".join(volume.read_bytes() for volume in Path(daemon.folder, "data", "volumes").iterdir())
        self.assertIn(TEXT, stored)
        self.assertNotIn(b"S4F2", stored)

    def test_no_name_is_reserved(self):
        daemon = self.start("--raw")
        alice = daemon.alice
        for key in RESERVED:
            self.assertEqual(200, alice.put("bucket", key, (), (), key.encode()).status, key)
            self.assertEqual(key.encode(), alice.get("bucket", key).body)
            copied = alice.put("bucket", f"{key}.s4index", (), {"x-amz-copy-source": f"bucket/{key}"})
            self.assertEqual(200, copied.status, copied)
        self.upload(alice, ".bale/mpu", [bytes(5 << 20), b"x"])
        names = sorted([*RESERVED, *(f"{key}.s4index" for key in RESERVED), ".bale/mpu"])
        self.assertEqual(names, alice.get("bucket", None, {"list-type": "2"}).texts("Contents/Key"))
        listed = alice.get("bucket", None, {"list-type": "2", "delimiter": "/"})
        self.assertEqual([".bale/", ".s4dict/", ".s4mpu/", "a/"], listed.texts("CommonPrefixes/Prefix"))
        objects = "".join(f"<Object><Key>{key}</Key></Object>" for key in names)
        deleted = alice.delete_objects("bucket", f"<Delete>{objects}</Delete>")
        self.assertEqual(len(names), len(deleted.texts("Deleted/Key")), deleted)

    def test_metadata_comes_back_as_it_came(self):
        daemon = self.start("--raw")
        sent = {"x-amz-meta-s4-codec": "cpu-zstd", "x-amz-meta-s4-original-size": "12", "x-amz-meta-s4-bale": "1;n=x;t=0",
                "x-amz-meta-plain": "p"}
        daemon.alice.put("bucket", "k", (), sent, b"body")
        daemon.alice.put("bucket", "copy", (), {"x-amz-copy-source": "bucket/k"})
        self.upload(daemon.alice, "parts", [b"body"], sent)
        for key in ("k", "copy", "parts"):
            for answer in (daemon.alice.get("bucket", key), daemon.alice.head("bucket", key)):
                self.assertEqual(sent, {name: answer.header(name) for name in answer.names if name.startswith("x-amz-meta-")})
                self.assertEqual("4", answer.header("content-length"))

    # ---- what there is not ----

    def test_there_is_neither_ledger_nor_journal(self):
        daemon = self.start("--raw")
        daemon.alice.put("bucket", "k", (), (), TEXT)
        for path in ("/journal", "/savings"):
            with self.assertRaises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(f"http://{daemon.server.admin[0]}:{daemon.server.admin[1]}{path}", timeout=600)
            with refused.exception as answer:
                self.assertEqual((404, b"with --raw there is neither a journal nor a ledger\n"), (answer.code, answer.read()))
        counted = metrics(daemon.server)
        self.assertFalse([name for name in counted if "journal" in name or "ledger" in name or name.startswith("bale_bucket_")])
        self.assertEqual(0, daemon.stop())
        for words in (["savings"], ["savings", "--recount"], ["journal"], ["journal", "--verify"]):
            done = self.run_bale(daemon, *words)
            self.assertEqual(1, done.returncode, words)
            self.assertIn("was made by `baled --raw`", done.stderr)

    def test_check_and_export_work_and_import_is_refused(self):
        daemon = self.start("--raw")
        daemon.alice.put("bucket", ".bale/k", (), {"x-amz-meta-s4-codec": "x"}, TEXT)
        self.upload(daemon.alice, "parts", [bytes(5 << 20), b"x"])
        daemon.stop()
        done = self.run_bale(daemon, "check")
        self.assertEqual((0, ""), (done.returncode, done.stderr), done.stdout)
        target = tempfile.mkdtemp(prefix="bale-raw-")
        self.addCleanup(shutil.rmtree, target)
        done = self.run_bale(daemon, "export", f"{target}/out", "--bucket", "bucket")
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        with open(f"{target}/out/objects.json", encoding="utf-8") as listing:
            self.assertEqual([".bale/k", "parts"], sorted(json.load(listing)["objects"]))
        done = self.run_bale(daemon, "import", f"{target}/out")
        self.assertEqual(1, done.returncode)
        self.assertIn("only --raw opens it", done.stderr)

    def test_a_lost_catalogue_is_rebuilt(self):
        daemon = self.start("--raw")
        bodies = {f".bale/{size}": os.urandom(size) for size in (3000, 5000, 200_000, 3 << 20)}
        for key, body in bodies.items():
            daemon.alice.put("bucket", key, (), {"x-amz-meta-s4-codec": key}, body)
        bodies["parts"] = bytes(5 << 20) + b"x"
        self.upload(daemon.alice, "parts", [bytes(5 << 20), b"x"])
        daemon.stop()
        os.unlink(f"{daemon.folder}/data/catalogue/data.mdb")
        done = self.run_bale(daemon, "check", "--repair")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        daemon.server = daemon.start()
        alice = Client(daemon.server, daemon.accounts["alice"])
        for key, body in bodies.items():
            if len(body) <= 4096:
                continue  # lies in the catalogue alone
            answer = alice.get("bucket", key)
            self.assertEqual((200, body), (answer.status, answer.body), key)
            self.assertEqual(key if key != "parts" else None, answer.header("x-amz-meta-s4-codec"))
