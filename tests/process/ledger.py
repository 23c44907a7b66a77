"""tests/process/ledger.py -- `bale savings` and /savings against what clients did, beside a server, after kill -9, over restarts;
for tests/process/run.

`Ledger.baled` and `Ledger.bale` are the binaries; set before the tests run. What must come out is computed from lists (objects,
original bytes) and from an export (stored bodies and sidecars).
"""

import base64
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

import multipart
from client import Client
from daemon import Daemon

BUCKETS = ("first", "second", "third")
NOTHING = dict.fromkeys(("objects", "original_bytes", "stored_bytes", "former_versions", "former_original_bytes", "former_stored_bytes",
                         "uncertain"), 0)
KEYS = 60
VECTORS = Path(__file__).resolve().parents[1] / "vectors"


def make_body(rng):
    size = rng.choice((0, 1, 900, 3000, 4096, 70_000, rng.randrange(300_000), rng.randrange(3_000_000)))
    return multipart.text_bytes(size, rng.randrange(50)) if rng.randrange(4) else multipart.noise_bytes(size, rng.random())


class Worker(threading.Thread):
    """Puts, overwrites, copies, deletes, completes and aborts, all on the same few keys as the others."""

    def __init__(self, daemon, number, until):
        super().__init__(daemon=True)
        self.client = Client(daemon.server, daemon.accounts["alice"])
        self.rng, self.until, self.failure, self.requests = random.Random(number), until, None, 0

    def run(self):
        try:
            while time.monotonic() < self.until:
                self.step()
                self.requests += 1
        except OSError as error:  # the server was killed
            self.failure = error
        except Exception as error:  # pylint: disable=broad-except
            self.failure = error

    def step(self):
        rng, client = self.rng, self.client
        bucket, key = rng.choice(BUCKETS), f"key/{rng.randrange(KEYS)}"
        kind = rng.randrange(12)
        if kind < 5:
            headers = rng.choice(((), (("If-None-Match", "*"),), (("x-amz-tagging", "a=b"),)))
            self.expect(client.put(bucket, key, (), headers, make_body(rng)), 200, 409, 412)
        elif kind < 7:
            self.expect(client.delete(bucket, key), 204)
        elif kind == 7:
            items = "".join(f"<Object><Key>key/{rng.randrange(KEYS)}</Key></Object>" for _ in range(6))
            document = f"<Delete>{items * 2}</Delete>"  # some keys twice, some that are not there
            digest = base64.b64encode(hashlib.md5(document.encode()).digest()).decode()
            self.expect(client.post(bucket, None, {"delete": None}, [("Content-MD5", digest)], document), 200)
        elif kind < 10:
            source = f"/{rng.choice(BUCKETS)}/key/{rng.randrange(KEYS)}"
            self.expect(client.put(bucket, key, (), [("x-amz-copy-source", source)]), 200, 400, 404)
        else:
            self.upload(bucket, key)

    def upload(self, bucket, key):
        client, rng = self.client, self.rng
        answer = client.post(bucket, key, {"uploads": None})
        self.expect(answer, 200)
        upload = re.search(rb"<UploadId>(.*)</UploadId>", answer.body).group(1).decode()
        parts = []
        for number in (1, 2, 7):
            body = multipart.text_bytes(multipart.LEAST if number < 7 else 1000, rng.randrange(9))
            answer = client.put(bucket, key, [("partNumber", str(number)), ("uploadId", upload)], (), body)
            self.expect(answer, 200)
            parts.append(multipart.part_xml(number, answer.header("etag")))
        if rng.randrange(4) == 0:
            self.expect(client.delete(bucket, key, {"uploadId": upload}), 204)
        else:
            self.expect(client.post(bucket, key, {"uploadId": upload}, (), multipart.document(*parts[:rng.choice((2, 3))])),
                        200, 400)

    def expect(self, answer, *statuses):
        if answer.status not in statuses:
            raise AssertionError((answer.status, answer.body[:500]))


class Ledger(unittest.TestCase):
    baled = bale = None

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="bale-savings-"))
        self.running = None

    def tearDown(self):
        if self.running is not None:
            self.running.remove()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- what is used below ----

    def start(self, *options):
        if self.running is None:
            self.running = Daemon(self.baled, options)
        self.running.server = self.running.start()
        return Client(self.running.server, self.running.accounts["alice"])

    def backend(self):
        return f"dir:{self.running.folder}/data"

    def run_bale(self, *words):
        return subprocess.run([self.bale, *map(str, words), "--backend", self.backend()], cwd=self.folder, timeout=600,
                              capture_output=True, text=True, check=False)

    def savings(self, *words):
        done = self.run_bale("savings", "--json", *words)
        self.assertEqual(0, done.returncode, done.stderr)
        document = json.loads(done.stdout)
        self.assertEqual({"buckets", "total", "exact", "why_not"}, set(document))
        self.assertEqual(document["why_not"] == [], document["exact"])
        members = set(NOTHING)
        self.assertEqual(members, set(document["total"]))
        for row in document["buckets"]:
            self.assertEqual(members | {"bucket"}, set(row))
        for member in members:
            self.assertEqual(sum(row[member] for row in document["buckets"]), document["total"][member])
        return document

    def fetch(self, path):
        admin = self.running.server.admin
        with urllib.request.urlopen(f"http://{admin[0]}:{admin[1]}{path}", timeout=600) as answer:
            return answer.read().decode()

    def served(self):
        deadline = time.monotonic() + 300
        while True:
            try:
                return json.loads(self.fetch("/savings"))
            except urllib.error.HTTPError as error:  # until the server has read its journal
                self.assertEqual(503, error.code)
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.05)

    def listed(self, client, bucket):
        """(objects, original bytes) of the list."""
        objects = size = 0
        query = {"list-type": "2"}
        while True:
            answer = client.get(bucket, None, query)
            self.assertEqual(200, answer.status)
            sizes = re.findall(rb"<Size>(\d+)</Size>", answer.body)
            objects, size = objects + len(sizes), size + sum(map(int, sizes))
            token = re.search(rb"<NextContinuationToken>(.*)</NextContinuationToken>", answer.body)
            if token is None:
                return objects, size
            query["continuation-token"] = token.group(1).decode()

    def exported(self, bucket):
        """Stored bytes: bodies and sidecars. Of a folder that no server has open."""
        target = self.folder / f"out-{bucket}-{time.monotonic_ns()}"
        done = self.run_bale("export", target, "--bucket", bucket)
        self.assertEqual(0, done.returncode, done.stderr)
        total = 0
        for entry in target.iterdir():
            total += 0 if entry.name == "objects.json" else entry.stat().st_size
            head = entry.read_bytes()[:44]
            if head.startswith(b"S4IX"):  # an export writes the ETag of the body in; in the store it needs none
                total -= int.from_bytes(head[40:44], "little")
        shutil.rmtree(target)
        return total

    def work(self, seconds, count=8):
        workers = [Worker(self.running, number, time.monotonic() + seconds) for number in range(count)]
        for worker in workers:
            worker.start()
        return workers

    def join(self, workers):
        for worker in workers:
            worker.join(60)
        self.assertEqual([], [worker.failure for worker in workers if worker.failure is not None])
        self.assertGreater(sum(worker.requests for worker in workers), len(workers))

    def expect_exact(self, client):
        """Of a server on which nothing moves; it is stopped at the end."""
        listed = {bucket: self.listed(client, bucket) for bucket in BUCKETS}
        at_once = self.savings()
        self.assertEqual(at_once, self.served())
        for row in at_once["buckets"]:
            self.assertEqual(listed[row["bucket"]], (row["objects"], row["original_bytes"]), row["bucket"])
        self.assertEqual(list(BUCKETS), [row["bucket"] for row in at_once["buckets"]])
        self.assertEqual(0, self.running.stop())
        self.assertEqual(at_once, self.savings())
        for row in at_once["buckets"]:
            self.assertEqual(self.exported(row["bucket"]), row["stored_bytes"], row["bucket"])
        done = self.run_bale("check")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    # ---- tests ----

    def test_an_acknowledged_put_is_in_the_figure_at_once(self):
        client = self.start()
        client.put("bucket")
        self.assertEqual({"bucket": "bucket", **NOTHING},
                         self.savings("--bucket", "bucket")["buckets"][0])
        for number in range(1, 30):
            self.assertEqual(200, client.put("bucket", f"key-{number}", (), (), b"x" * 10_000).status)
            row = self.savings("--bucket", "bucket")["buckets"][0]
            self.assertEqual((number, 10_000 * number), (row["objects"], row["original_bytes"]))
            self.assertLess(0, row["stored_bytes"])
            self.assertLess(row["stored_bytes"], row["original_bytes"])
            self.assertEqual(row, self.served()["buckets"][0])

    def test_clients_that_do_everything_at_once(self):
        client = self.start("--shards", "3")
        for bucket in BUCKETS:
            client.put(bucket)
        workers = self.work(6)
        while any(worker.is_alive() for worker in workers):  # beside the load: consistent, never an error
            for row in self.savings()["buckets"]:
                self.assertTrue(0 <= row["objects"] <= KEYS, row)
                self.assertLessEqual(0, row["stored_bytes"])
        self.join(workers)
        self.expect_exact(client)

    def test_kill_9_again_and_again(self):
        client = self.start("--shards", "2")
        for bucket in BUCKETS:
            client.put(bucket)
        rng = random.Random(77)
        for _ in range(8):
            workers = self.work(30)
            time.sleep(0.3 + rng.random() * 1.5)
            self.running.process.send_signal(signal.SIGKILL)
            self.running.process.wait(120)
            killed = self.savings()  # by whatever was durable, without a server
            for worker in workers:
                worker.join(60)
            client = self.start("--shards", "2")
            for row in killed["buckets"]:
                self.assertEqual(self.listed(client, row["bucket"]), (row["objects"], row["original_bytes"]))
        self.join(self.work(3))
        self.expect_exact(client)

    def test_the_ledger_takes_what_waits_within_a_second(self):
        client = self.start()
        client.put("bucket")
        client.put("bucket", "key", (), (), b"x" * 1000)
        self.wait_for_sender(300)  # the journal's first start included
        for number in range(60):  # a busy machine makes some of them longer, not all
            client.put("bucket", f"key-{number}", (), (), b"x" * 1000)
            waited = self.wait_for_sender(300)
            if waited < 1.5:
                break
        self.assertLess(waited, 1.5)

    def wait_for_sender(self, seconds):
        """How long until nothing waits in the spool."""
        begun = time.monotonic()
        while not re.search(r"^bale_spool_records_waiting 0$", self.fetch("/metrics"), re.M):
            self.assertLess(time.monotonic() - begun, seconds)
            time.sleep(0.02)
        return time.monotonic() - begun

    def test_what_s4_counted_is_not_ours(self):
        self.start()
        self.assertEqual(0, self.running.stop())
        done = self.run_bale("import", VECTORS / "ledger", "--bucket", "bucket", "--owner",
                             self.running.accounts["alice"].id)
        self.assertEqual(0, done.returncode, done.stderr)
        client = self.start()
        answer = client.get("bucket", None, {"list-type": "2"})
        keys = [key.decode() for key in re.findall(rb"<Key>(.*?)</Key>", answer.body)]
        self.assertGreater(len(keys), 1)
        self.assertEqual(0, self.savings()["total"]["objects"])
        client.put("bucket", keys[0], (), [("x-amz-meta-s4-ledger", "1")], b"ours")  # over one; the marker is refused or dropped
        client.put("bucket", keys[0], (), (), b"ours")
        for key in keys[1:]:
            self.assertEqual(204, client.delete("bucket", key).status)
        row = self.savings()["buckets"][0]
        self.assertEqual((1, 4), (row["objects"], row["original_bytes"]))
        self.assertEqual(204, client.delete("bucket", keys[0]).status)
        self.assertEqual(NOTHING, self.savings()["total"])

    def test_recount_and_refusals(self):
        client = self.start()
        client.put("bucket")
        client.put("bucket", "key", (), (), b"x" * 1000)
        done = self.run_bale("savings", "--bucket", "missing")
        self.assertEqual((1, "bale savings: there is no bucket missing\n"), (done.returncode, done.stderr))
        done = self.run_bale("savings", "--bucket", ".bale")
        self.assertEqual(1, done.returncode)
        done = self.run_bale("savings", "--recount")
        self.assertEqual(1, done.returncode)
        self.assertIn("stop the server", done.stderr)
        done = self.run_bale("savings", "--price-per-gb-month", "-1")
        self.assertEqual(2, done.returncode)
        done = self.run_bale("savings")
        self.assertRegex(done.stdout, r"(?m)^bucket +1 +1000 B ")
        before = self.savings()
        self.running.stop()
        done = self.run_bale("savings", "--recount", "--json")
        self.assertEqual(before, json.loads(done.stdout))

    def test_a_rebuilt_catalogue_begins_anew(self):
        client = self.start()
        client.put("bucket")
        for number in range(40):
            client.put("bucket", f"key-{number}", (), (), os.urandom(number * 300))
        self.wait_for_sender(300)  # it is in the journal
        self.running.stop()
        os.unlink(f"{self.running.folder}/data/catalogue/data.mdb")
        done = self.run_bale("check", "--repair")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        client = self.start()
        row = self.savings()["buckets"][0]
        self.assertEqual(self.listed(client, "bucket"), (row["objects"], row["original_bytes"]))
        self.assertGreater(row["objects"], 10)
        client.delete("bucket", "key-39")
        client.put("bucket", "new", (), (), b"new")
        self.wait_for_sender(300)
        self.assertEqual(row["objects"], self.savings()["total"]["objects"])
        self.running.stop()
        done = self.run_bale("check")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def test_repair_corrects_the_ledger(self):
        client = self.start()
        client.put("bucket")
        bodies = {f"key-{number}": multipart.noise_bytes(20_000, number) for number in range(10)}
        for key, body in bodies.items():
            client.put("bucket", key, (), (), body)
        self.wait_for_sender(300)  # they are in the journal; a server that came later would not help
        self.running.stop()
        damaged = 0
        for volume in Path(self.running.folder, "data", "volumes").iterdir():
            content = bytearray(volume.read_bytes())
            at = content.find(bodies["key-3"][5000:5100])
            if at >= 0:
                content[at] ^= 1
                volume.write_bytes(content)
                damaged += 1
        self.assertEqual(1, damaged)
        self.assertEqual(1, self.run_bale("check").returncode)
        self.assertEqual(10, self.savings()["total"]["objects"])
        done = self.run_bale("check", "--repair")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertEqual((9, 180_000), tuple(self.savings()["total"][name] for name in ("objects", "original_bytes")))
        done = self.run_bale("check")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        client = self.start()
        self.assertEqual(self.listed(client, "bucket"), (9, 180_000))
        client.delete("bucket", "key-4")
        self.assertEqual(8, self.served()["total"]["objects"])
