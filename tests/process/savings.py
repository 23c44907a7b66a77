"""tests/process/savings.py -- the savings ledger of a baled that is killed, drained, or cut off from its journal; for
tests/process/run.

`Savings.baled` and `Savings.bale` are the binaries; set before the tests run.
"""

import json
import os
import random
import shutil
import subprocess
import tempfile
import threading
import time

import admin
import wire
from client import Client
from daemons import DaemonsCase

BUCKETS = "one", "two", "three"
FRAME_HEADER_BYTES = 28


class Churn:
    """Threads that put, overwrite, copy, delete and complete uploads, until the server goes away."""

    def __init__(self, server, account, seed, threads=4):
        self.server, self.account = server, account
        self.threads = [threading.Thread(target=self.run, args=(seed * 100 + number,)) for number in range(threads)]
        self.is_over = False
        self.changes = 0
        for thread in self.threads:
            thread.start()

    def run(self, seed):
        draw, client = random.Random(seed), Client(self.server, self.account)
        try:
            while not self.is_over:
                self.change(draw, client)
                self.changes += 1
        except (OSError, wire.Closed):
            pass

    def change(self, draw, client):
        bucket, key = draw.choice(BUCKETS), f"key-{draw.randrange(60)}"
        kind = draw.randrange(10)
        if kind < 5:
            client.put(bucket, key, (), (), os.urandom(draw.choice((0, 10, 3000, 70_000))))
        elif kind < 6:
            client.put(bucket, key, (), {"x-amz-copy-source": f"{draw.choice(BUCKETS)}/key-{draw.randrange(60)}"})
        elif kind < 8:
            client.delete(bucket, key)
        elif kind < 9:
            keys = "".join(f"<Object><Key>key-{draw.randrange(60)}</Key></Object>" for _ in range(5))
            client.delete_objects(bucket, f"<Delete>{keys}</Delete>")
        else:
            upload = client.post(bucket, key, {"uploads": ""}).text("UploadId")
            tag = client.put(bucket, key, {"partNumber": "1", "uploadId": upload}, (), os.urandom(5000)).header("etag")
            client.post(bucket, key, {"uploadId": upload}, (),
                        f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part>"
                        "</CompleteMultipartUpload>")

    def end(self):
        self.is_over = True
        for thread in self.threads:
            thread.join(30)
            assert not thread.is_alive()


class Savings(DaemonsCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="bale-savings-")
        super().setUp()

    def tearDown(self):
        super().tearDown()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, *options, room="4G"):
        return self.add("--catalogue-max-size", room, *options)

    def savings(self, daemon):
        """{bucket: (objects, original bytes, stored bytes)} of those that are not empty, as soon as the ledger is read."""
        def ask():
            answer = admin.fetch(daemon.server, "/savings")
            self.assertIn(answer.status, (200, 503), answer)
            return json.loads(answer.body) if answer.status == 200 else None
        document = self.wait_for(ask)
        rows = {row["bucket"]: (row["objects"], row["original_bytes"], row["stored_bytes"]) for row in document["buckets"]}
        total = document["total"]
        self.assertEqual(tuple(sum(row[i] for row in rows.values()) for i in range(3)),
                         (total["objects"], total["original_bytes"], total["stored_bytes"]))
        self.assertTrue(all(row["uncertain"] == 0 for row in document["buckets"]))
        return {bucket: row for bucket, row in rows.items() if any(row)}

    def listed(self, daemon):
        """The same from listings; under --codec none what is stored is what was sent, and the frame of each part."""
        rows = {}
        for bucket in daemon.alice.get().texts("Buckets/Bucket/Name"):
            pages = daemon.alice.list_all(bucket)[2]
            sizes = [int(size) for page in pages for size in page.texts("Contents/Size")]
            parts = [tag for page in pages for tag in page.texts("Contents/ETag") if tag.endswith('-1"')]
            if sizes:
                rows[bucket] = (len(sizes), sum(sizes), sum(sizes) + FRAME_HEADER_BYTES * len(parts))
        return rows

    def wait_until_sent(self, daemon):
        self.wait_for(lambda: admin.metrics(daemon.server)["bale_spool_records_waiting"] == 0)

    def test_a_put_is_in_the_figures_at_once(self):
        daemon = self.start("--codec", "none", "--shards", "2")
        daemon.alice.put("one")
        self.assertEqual({}, self.savings(daemon))
        for number in range(30):
            self.assertEqual(200, daemon.alice.put("one", f"key-{number % 20}", (), (), b"x" * number).status)
            self.assertEqual(self.listed(daemon), self.savings(daemon))
        self.wait_until_sent(daemon)
        self.assertEqual(self.listed(daemon), self.savings(daemon))
        shown = admin.metrics(daemon.server)
        self.assertEqual(20, shown['bale_bucket_objects{bucket="one"}'])
        self.assertEqual(shown['bale_bucket_original_bytes{bucket="one"}'], shown["bale_original_bytes"])
        daemon.alice.delete_objects("one", "<Delete>" + "".join(
            f"<Object><Key>key-{number}</Key></Object>" for number in range(20)) + "</Delete>")
        self.assertEqual({}, self.savings(daemon))

    def test_killed_in_a_loop_while_clients_write(self):
        daemon = self.start("--codec", "none", "--shards", "2")
        for bucket in BUCKETS:
            daemon.alice.put(bucket)
        draw = random.Random(7)
        for life in range(12):
            churn = Churn(daemon.server, daemon.accounts["alice"], life)
            time.sleep(draw.choice((0.05, 0.3, 1.0, 1.6)))
            daemon.kill()
            churn.end()
            self.restart(daemon)
            self.assertEqual(self.listed(daemon), self.savings(daemon), f"life {life}")
        self.wait_until_sent(daemon)
        self.assertEqual(self.listed(daemon), self.savings(daemon))
        shown = admin.metrics(daemon.server)
        self.assertEqual(0, shown["bale_spool_records_damaged_total"])
        self.assertEqual(0, sum(value for name, value in shown.items() if name.startswith("bale_journal_alarms_total")))
        self.assertEqual(0, daemon.stop())
        checked = subprocess.run([self.bale, "check", "--backend", f"dir:{daemon.folder}/data"], capture_output=True, text=True,
                                 timeout=600, check=False)
        self.assertEqual(0, checked.returncode, checked.stdout + checked.stderr)

    def test_the_tool_and_the_server_say_the_same(self):
        daemon = self.start()
        for bucket in ("empty", *BUCKETS):
            daemon.alice.put(bucket)
        for number in range(9):
            daemon.alice.put(BUCKETS[number % 3], f"key-{number}", (), (), b"a line of a log\n" * 1000 * number)
        self.savings(daemon)
        backend = "--backend", f"dir:{daemon.folder}/data"
        done = subprocess.run([self.bale, "savings", *backend, "--json"], capture_output=True, timeout=600, check=False)
        self.assertEqual(json.loads(done.stdout), json.loads(admin.fetch(daemon.server, "/savings").body), done.stderr)
        journal = json.loads(admin.fetch(daemon.server, "/journal").body)
        self.assertEqual("running", journal["condition"], journal)
        self.wait_until_sent(daemon)
        self.assertEqual(0, daemon.stop())
        for words in (("savings", "--recount"), ("savings", "--json"), ("check",)):
            again = subprocess.run([self.bale, *words, *backend], capture_output=True, timeout=600, check=False)
            self.assertEqual(0, again.returncode, again)
            if "--json" in words:
                self.assertEqual(json.loads(done.stdout), json.loads(again.stdout))

    def test_sigterm_sends_what_waits(self):
        daemon = self.start("--codec", "none")
        daemon.alice.put("one")
        self.savings(daemon)
        for life in range(3):
            self.assertEqual(200, daemon.alice.put("one", f"key-{life}", (), (), b"bytes").status)
            self.assertEqual(0, daemon.stop())
            self.assertNotIn("wait for the ledger", daemon.log())
            self.restart(daemon)
            self.savings(daemon)
            self.assertEqual(0, admin.metrics(daemon.server)["bale_spool_records_waiting"])
            self.assertEqual({"one": (life + 1, 5 * (life + 1), 5 * (life + 1))}, self.savings(daemon))

    def test_cut_short_it_loses_nothing(self):
        daemon = self.start("--codec", "none", "--shards", "2", "--drain-timeout", "100ms", "--progress-timeout", "10m")
        for bucket in BUCKETS:
            daemon.alice.put(bucket)
        for life in range(8):
            churn = Churn(daemon.server, daemon.accounts["alice"], life)
            slow = [daemon.alice.connect() for _ in range(8)]  # bodies that never come, so that the time runs out
            for connection in slow:
                connection.try_send(daemon.alice.prepare("PUT", "one", "slow", (), (), b"x" * 100).bytes[:-50])
            time.sleep(0.1 * life)
            self.assertEqual(0, daemon.stop(), daemon.log())  # which waits for less than the slow ones would take
            for connection in slow:
                connection.close()
            churn.end()
            self.restart(daemon)
            self.assertEqual(self.listed(daemon), self.savings(daemon), f"life {life}")

    def test_a_full_store_keeps_the_figures_and_recovers(self):
        daemon = self.start("--codec", "none", room="3M")
        daemon.alice.put("one")
        self.savings(daemon)
        count = 0
        while daemon.alice.put("one", f"key-{count}", (), (), b"x" * 1500).status == 200:
            count += 1
        time.sleep(1.5)  # the journal finds no room either
        self.assertEqual({"one": (count, 1500 * count, 1500 * count)}, self.savings(daemon))
        self.assertEqual(200, admin.fetch(daemon.server, "/ready").status)
        for number in range(count):
            self.assertEqual(204, daemon.alice.delete("one", f"key-{number}").status)
        self.assertEqual({}, self.savings(daemon))
        self.wait_for(lambda: admin.metrics(daemon.server)["bale_spool_records_waiting"] == 0)
        self.assertEqual({}, self.savings(daemon))
        self.assertEqual(0, daemon.stop())

    @staticmethod
    def is_quiet(daemon):
        before = admin.metrics(daemon.server)["bale_commits_total"]
        time.sleep(2)  # a fold comes no sooner than a second after another, and cleans up at once
        return admin.metrics(daemon.server)["bale_commits_total"] == before

    def test_an_idle_server_asks_the_bell_and_nothing_else(self):
        daemon = self.start("--journal-poll", "200ms")
        daemon.alice.put("one")
        daemon.alice.put("one", "key", (), (), b"bytes")
        self.savings(daemon)
        self.wait_until_sent(daemon)
        self.wait_for(lambda: admin.metrics(daemon.server)["bale_journal_live_segments"] == 0)
        self.wait_for(lambda: self.is_quiet(daemon))  # the fold's own tick and cleanup have ended
        for _ in range(10):  # on a busy machine something may be late, and all of it takes longer: not each time
            wrong = self.beyond_the_bell(daemon)
            if not wrong:
                break
        self.assertEqual({}, wrong)

    @staticmethod
    def beyond_the_bell(daemon):
        """What an idle server does in four seconds that it should not: {name: how much}."""
        began, before = time.monotonic(), admin.metrics(daemon.server)
        time.sleep(4)
        after, seconds = admin.metrics(daemon.server), time.monotonic() - began
        done = {name: after[name] - before[name] for name in after
                if name.startswith("bale_journal_requests_total") or name in ("bale_commits_total", "process_cpu_seconds_total")}
        polls, cpu = done.pop('bale_journal_requests_total{kind="get"}'), done.pop("process_cpu_seconds_total")
        wrong = {name: count for name, count in done.items() if count != 0}
        if not 1 <= polls <= seconds / 0.2 * 1.4:  # a busy machine asks less often
            wrong["polls"] = polls
        if cpu >= 0.02 * seconds:
            wrong["seconds of a processor"] = cpu
        return wrong
