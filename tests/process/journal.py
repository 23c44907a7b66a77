"""tests/process/journal.py -- bale journal beside a baled and without one; for tests/process/run.

`Journal.baled` and `Journal.bale` are the binaries; set before the tests run.
"""

import json
import os
import shutil
import signal
import subprocess
import time

import admin
from daemon import Daemon
from daemons import DaemonsCase


class Journal(DaemonsCase):
    def start(self):
        return self.add("--catalogue-max-size", "4G")

    def restart(self, daemon):
        super().restart(daemon)
        self.wait_for(lambda: admin.metrics(daemon.server)['bale_journal_condition{condition="running"}'] == 1)

    def fill(self, daemon):
        """A few objects, all of them in the ledger; the journal has folded."""
        daemon.alice.put("one")
        for number in range(8):
            self.assertEqual(200, daemon.alice.put("one", f"key-{number}", (), (), os.urandom(2000)).status)
            time.sleep(0.05)
        self.wait_for(lambda: admin.metrics(daemon.server)["bale_spool_records_waiting"] == 0)

    def command(self, folder, *words):
        return [self.bale, "journal", "--backend", f"dir:{folder}", *words]

    def run_bale(self, folder, *words):
        return subprocess.run(self.command(folder, *words), capture_output=True, text=True, timeout=600, check=False,
                              stdin=subprocess.DEVNULL)

    def looks_sound(self, folder):
        done = self.run_bale(folder, "--verify", "--json")
        self.assertEqual((0, ""), (done.returncode, done.stderr), done.stdout)
        document = json.loads(done.stdout)
        self.assertTrue(document["sound"])
        self.assertEqual("running", document["condition"])
        self.assertEqual([], document["findings"])
        return document

    def folder(self, daemon):
        return os.path.join(daemon.folder, "data")

    def savings(self, folder):
        done = subprocess.run([self.bale, "savings", "--json", "--backend", f"dir:{folder}"], capture_output=True,
                              text=True, timeout=600, check=True)
        return json.loads(done.stdout)["total"]

    def test_it_is_read_beside_a_server_and_without(self):
        daemon = self.start()
        self.fill(daemon)
        beside = self.looks_sound(self.folder(daemon))
        self.assertEqual(1, len(beside["replicas"]))
        self.assertEqual(1, len(beside["spools"]))
        served = json.loads(admin.fetch(daemon.server, "/journal").body)
        self.assertEqual("running", served["condition"])
        self.assertEqual(beside["head"]["lineage"], served["head"]["lineage"])
        shared = set(beside) - {"findings", "findings_dropped", "verified"}
        self.assertLessEqual(shared, set(served))
        shown = self.run_bale(self.folder(daemon))
        self.assertEqual(0, shown.returncode, shown.stderr)
        self.assertIn(beside["head"]["lineage"], shown.stdout)
        daemon.stop()
        self.assertEqual(beside["head"]["lineage"], self.looks_sound(self.folder(daemon))["head"]["lineage"])

    def test_work_is_refused_beside_a_server(self):
        daemon = self.start()
        key = f"{0:016x}-{0:016x}-{0:032x}-{0:016x}"
        for words in ("--test-store",), ("--restore", "--yes"), ("--adopt", "--yes"), ("--begin-anew",), ("--release", key):
            done = self.run_bale(self.folder(daemon), *words)
            self.assertEqual(1, done.returncode)
            self.assertIn("stop the server first", done.stderr)
            self.assertIn(str(daemon.process.pid), done.stderr)
        daemon.stop()
        done = self.run_bale(self.folder(daemon), "--test-store")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual(7, done.stdout.count("held "))
        for words, wanted in ((("--restore", "--yes"), "a good head is there"), (("--begin-anew", "--yes"), "a good head is there"),
                              (("--release", key), "not in quarantine"), (("--release", "x"), "no name of a segment")):
            done = self.run_bale(self.folder(daemon), *words)
            self.assertEqual(1, done.returncode)
            self.assertIn(wanted, done.stderr)
        self.looks_sound(self.folder(daemon))

    def test_wrong_options_end_with_2(self):
        for words in ("--restore", "--adopt"), ("--yes",), ("--verify", "--test-store"), ("--bucket", "x"), ("x",):
            self.assertEqual(2, self.run_bale("/nowhere", *words).returncode, words)
        self.assertEqual(1, self.run_bale("/nowhere").returncode)

    def test_an_adopted_copy_goes_its_own_way(self):
        daemon = self.start()
        self.fill(daemon)
        daemon.stop()
        before = self.looks_sound(self.folder(daemon))
        total = self.savings(self.folder(daemon))
        other = Daemon(self.baled, daemon.options, accounts=daemon.accounts)
        self.daemons.append(other)
        copy = self.folder(other)
        shutil.copytree(self.folder(daemon), copy)
        told = self.run_bale(copy, "--adopt")
        self.assertEqual(1, told.returncode)
        self.assertIn("of a new lineage", told.stdout)
        self.assertIn("--yes", told.stderr)
        self.assertEqual(before["head"], self.looks_sound(copy)["head"])
        done = self.run_bale(copy, "--adopt", "--yes")
        self.assertEqual(0, done.returncode, done.stderr)
        after = self.looks_sound(copy)
        self.assertNotEqual(before["head"]["lineage"], after["head"]["lineage"])
        self.assertGreater(after["head"]["generation"], before["head"]["generation"] + before["head"]["horizon"])
        self.assertEqual(total, self.savings(copy))
        # both are served again, and each counts its own objects, and the spools that both have found once
        for served, count in (daemon, 3), (other, 5):
            self.restart(served)
            for number in range(count):
                served.alice.put("one", f"new-{number}", (), (), b"x")
            self.wait_for(lambda: admin.metrics(served.server)["bale_spool_records_waiting"] == 0)
            served.stop()
            self.assertEqual(total["objects"] + count, self.savings(self.folder(served))["objects"])
            self.looks_sound(self.folder(served))

    def test_changes_are_followed(self):
        daemon = self.start()
        process = subprocess.Popen(self.command(self.folder(daemon), "--follow"), stdout=subprocess.PIPE, text=True)
        try:
            first = process.stdout.readline()
            self.assertIn(" running generation ", first)
            self.fill(daemon)
            second = process.stdout.readline()
            self.assertNotEqual(first.split(" ", 1)[1], second.split(" ", 1)[1])
        finally:
            process.terminate()
            process.communicate(timeout=600)
