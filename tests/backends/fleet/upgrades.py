"""tests/backends/fleet/upgrades.py -- a fleet is brought from an older version to this one, and back, a process at a time, while clients go on. What was
acknowledged by either is there through both, and the ledger is one."""

import json
import threading
import unittest

import backends
import daemon
import fronts
import keys
import older
from ledger_of_a_fleet import LARGE, MIB, SETTLE, LedgerCase
from tools_alone import bale_command

STEPS = 40  # of each client, while one process is exchanged


class Upgrades(LedgerCase):
    @classmethod
    def setUpClass(cls):
        if cls.older is None and not cls.is_long:
            raise unittest.SkipTest("a baled of an older version: --older PATH, or --long, which builds one")
        try:
            cls.older = cls.older or older.program()
        except backends.Missing as missing:
            raise unittest.SkipTest(str(missing)) from None
        super().setUpClass()

    def fleet_of(self, baled, count):
        """Replicas of that version, at ports that they keep."""
        accounts = daemon.make_accounts()
        bales = []
        for number in range(count):
            options = ("--listen", f"127.0.0.1:{backends.free_port()}", "--replica-name", f"r{number}", *SETTLE)
            bales.append(fronts.Bale(baled, self.backend, self.backend, options, accounts))
            self.addCleanup(bales[-1].stop)
            bales[-1].start()
        return bales

    def exchange(self, bale, baled):
        """As an operator does: SIGTERM, which finishes requests, then the other version with the same options and the same state folder."""
        self.assertEqual(0, bale.daemon.stop(), bale.log())
        bale.daemon.baled = baled
        bale.start()

    def while_clients_go_on(self, run, action):
        before = run.counts.total()
        clients = threading.Thread(target=run.go_all, args=(STEPS,))
        clients.start()
        try:
            self.wait_for(lambda: run.problems or run.counts.total() > before + STEPS // 2, "clients go on")
            action()
        finally:
            clients.join()
        run.raise_problem()

    def condition(self, bale):
        status, text = bale.admin("/journal")
        return json.loads(text)["condition"] if status == 200 else None

    def change_all(self, bales, run, baled, colour):
        """Uploads begun through those of one version are completed through those of the other."""
        upload, document = self.upload(bales, colour, [LARGE[:5 * MIB], b"end"])
        for number, bale in enumerate(bales):
            self.while_clients_go_on(run, lambda bale=bale: self.exchange(bale, baled))
            for setter in (bales[0], bales[-1]):
                self.set_for_all(setter, bales, f"{colour}-{number}-{bales.index(setter)}")
        self.assertEqual(200, self.complete(bales[0], colour, upload, document).status)
        for bale in bales:
            self.assertTrue(bale.client().get(self.bucket, colour).body == LARGE[:5 * MIB] + b"end")
            self.wait_for(lambda bale=bale: self.condition(bale) == "running", "a journal that runs")
        run.check_all()
        self.check(bales, exact=False)
        self.assertEqual({"r0", "r1", "r2"}, {card["name"] for card in json.loads(bales[0].admin("/fleet")[1])["replicas"]})

    def test_one_after_the_other_and_back(self):
        bales = self.fleet_of(self.older, 3)
        run = keys.Run(fronts.Several(bales), self.seed, has_faults=True)
        self.set_for_all(bales[0], bales, "older")
        self.change_all(bales, run, self.baled, "newer")
        done = bale_command(self, "journal", "--verify")
        self.assertEqual(0, done.returncode, done)
        self.change_all(bales, run, self.older, "back")
