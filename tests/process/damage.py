"""tests/process/damage.py -- a damaged row of each kind of journal object: baled serves S3, /journal, /ready and `bale journal`
say the same condition, and what its advice names helps; for tests/process/run. tests/unit/journal/damage_test.c has every
place of a bit.

`Damage.baled` and `Damage.bale` are the binaries; set before the tests run.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
import unittest
from pathlib import Path

import admin
import pages
from client import Client
from daemon import Daemon

# what is called so, the condition that follows, and the commands that its advice names
KINDS = {
    "bell": (rb"bell", "running", ()),
    "head": (rb"head(?!s/)", "head-damaged", ("journal", "--restore", "--yes")),
    "copy": (rb"heads/[0-9a-f]{16}-[0-9a-f]{32}", "running", ()),
    "ground": (rb"ground", "ground-missing", ("journal", "--test-store")),
    "segment": (rb"segments/[0-9a-f-]{83}", "running", ()),
    "roll": (rb"parts/[0-9a-f]{16}-[0-9a-f]{32}-ledger", "checkpoint-lost", ("journal", "--restore", "--yes")),
    "state": (rb"parts/[0-9a-f]{16}-[0-9a-f]{32}-state", "checkpoint-lost", ("journal", "--restore", "--yes")),
}
GROUP = rb"\0{5}[\1-\x09]"  # of the bucket `.bale`, in front of each name
IN_VALUE = 12  # the byte of a row that is damaged
OBJECTS = 6
OPTIONS = ("--catalogue-max-size", "4G", "--journal-poll", "200ms")


class Damage(unittest.TestCase):
    baled = bale = None

    @classmethod
    def setUpClass(cls):
        """What all of them begin with: to wait for two folds takes ten seconds."""
        cls.filled = Daemon(cls.baled, OPTIONS)
        cls.addClassCleanup(cls.filled.remove)
        filling = cls("fill")
        filling.daemon = cls.filled
        filling.start()
        filling.fill()
        filling.assertEqual(0, cls.filled.stop())

    def setUp(self):
        self.daemon = Daemon(self.baled, OPTIONS, accounts=self.filled.accounts)
        shutil.copytree(os.path.join(self.filled.folder, "data"), os.path.join(self.daemon.folder, "data"))

    def tearDown(self):
        self.daemon.remove()
        self.assertNotIn("Sanitizer", self.daemon.log())

    # ---- what is used below ----

    def start(self):
        self.daemon.server = self.daemon.start()
        self.alice = Client(self.daemon.server, self.daemon.accounts["alice"])

    def wait_for(self, found, seconds=300):
        deadline = time.monotonic() + seconds
        while not found():
            self.assertLess(time.monotonic(), deadline, self.daemon.log()[-3000:])
            time.sleep(0.05)

    def condition(self):
        answer = admin.fetch(self.daemon.server, "/journal")
        return json.loads(answer.body)["condition"] if answer.status == 200 else None  # it has not been opened yet

    def fill(self):
        """Objects, all of them in the ledger, and a journal that has folded twice."""
        self.wait_for(lambda: self.condition() == "running")
        self.alice.put("one")
        for number in range(OBJECTS):
            self.assertEqual(200, self.alice.put("one", f"key-{number}", (), (), b"x" * 100).status)
            if number in (1, 3):
                generation = self.generation()
                self.wait_for(lambda: self.generation() > generation)  # pylint: disable=cell-var-from-loop
        self.wait_for(lambda: admin.metrics(self.daemon.server)["bale_spool_records_waiting"] == 0)

    def generation(self):
        return json.loads(admin.fetch(self.daemon.server, "/journal").body)["head"]["generation"]

    def flip(self, pattern):
        """A bit of the row of the last object that is called so, wherever the file still has it. A baled that runs is held
        meanwhile: what is read here may not be other rows by the time that it is written."""
        path = os.path.join(self.daemon.folder, "data", "catalogue", "data.mdb")
        with self.held(), open(path, "r+b") as file:
            content = file.read()
            found = [(key, value) for key, value in pages.rows(content) if re.fullmatch(GROUP + pattern, key, re.S)]
            last = max(key for key, _ in found)
            for key, value in found:
                if key == last:
                    file.seek(value + IN_VALUE)
                    file.write(bytes([content[value + IN_VALUE] ^ 4]))

    @contextlib.contextmanager
    def held(self):
        process = self.daemon.process
        if process is None or process.poll() is not None:
            yield
            return
        process.send_signal(signal.SIGSTOP)
        self.wait_for(lambda: Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    def run_bale(self, *words):
        return subprocess.run([self.bale, *words, "--backend", f"dir:{self.daemon.folder}/data"], capture_output=True,
                              text=True, timeout=600, check=False, stdin=subprocess.DEVNULL)

    def expect_served(self):
        self.assertEqual(b"x" * 100, self.alice.get("one", "key-1").body)
        self.assertEqual(200, self.alice.put("one", "again", (), (), b"y").status)
        self.assertEqual(200, admin.fetch(self.daemon.server, "/health").status)

    def expect_condition(self, condition):
        """The same in all three places."""
        self.wait_for(lambda: self.condition() == condition)
        ready = admin.fetch(self.daemon.server, "/ready")
        self.assertEqual(200, ready.status, ready.body)  # objects are served
        if condition != "running":
            self.assertIn(condition, ready.body.decode())
        told = json.loads(self.run_bale("journal", "--json").stdout)
        self.assertEqual(condition, told["condition"])
        if condition != "running":
            self.assertIn("bale journal", told["advice"])
            self.assertFalse(told["sound"])

    def expect_figures(self):
        """Right, or said not to be; then a recount sets them right."""
        done = self.run_bale("savings", "--json")
        figures = json.loads(done.stdout)
        if not figures["exact"]:
            self.assertEqual(0, self.run_bale("savings", "--recount").returncode)
            figures = json.loads(self.run_bale("savings", "--json").stdout)
        self.assertTrue(figures["exact"], figures)
        self.assertEqual(OBJECTS + 1, figures["total"]["objects"], done.stdout)

    def damage(self, kind, is_running):
        pattern, condition, remedy = KINDS[kind]
        if is_running:
            self.start()
            self.wait_for(lambda: self.condition() == "running")
            self.flip(pattern)
            self.expect_served()
        else:
            self.flip(pattern)
            self.start()
            self.expect_served()
            self.expect_condition(condition)
        self.assertEqual(0, self.daemon.stop())
        if not is_running and remedy:
            done = self.run_bale(*remedy)
            self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.start()
        self.expect_served()
        if not is_running:
            self.expect_condition("running")
            self.assertEqual(0, self.daemon.stop())
            done = self.run_bale("check", "--repair")
            self.expect_figures()

    # ---- tests ----

    def test_a_damaged_bell(self):
        self.damage("bell", False)

    def test_a_damaged_head(self):
        self.damage("head", False)

    def test_a_damaged_copy_of_a_head(self):
        self.damage("copy", False)

    def test_a_damaged_ground(self):
        self.damage("ground", False)

    def test_a_damaged_segment(self):
        self.damage("segment", False)

    def test_a_damaged_roll(self):
        self.damage("roll", False)

    def test_a_damaged_state_part(self):
        self.damage("state", False)

    def test_damage_while_it_runs(self):
        self.damage("bell", True)
        for kind in ("head", "segment", "roll"):
            self.flip(KINDS[kind][0])
            self.expect_served()
        self.assertEqual(0, self.daemon.stop())
