"""tests/backends/fleet/rules_and_kills.py -- what two replicas leave of three buckets by their rules, of which one at a time is killed, or stands
still, against what the model leaves of them (tests/lifecycle/aftermath.py)."""

import json
import os
import random
import signal
import time

import fronts
from aftermath import KEPT, NEWER, PLAIN, Aftermath, Store
from ledger_of_a_fleet import SETTLE
from replicas import ReplicaCase

DAY_S = 1
TAKEOVER_S = 1
OPTIONS = ("--all-buckets", "--shards", "1", "--lifecycle-day", f"{DAY_S}s", "--lifecycle-takeover", f"{TAKEOVER_S}s", "--journal-poll", "200ms",
           *SETTLE, "--log-level", "warning")
SECONDS = 300


class Fleet(Aftermath):
    """Tags that change between the look at an object and its deletion are not seen (docs/lifecycle.md), and a replica may stand still just then: so
    clients overwrite and lock, and take no tags away."""

    def __init__(self, case, bales, keys):
        can = fronts.verdicts(case.backend)
        buckets = (PLAIN, KEPT, NEWER) if can["versions"] and can["locks"] else (PLAIN,)
        super().__init__(case.seed, keys, Store(lists_locks=False, removes_current=can["delete-match"]), buckets,
                         {bucket: f"{case.bucket}-{bucket}" for bucket in buckets})
        self.case, self.bales, self.touches_tags = case, bales, False
        self.draw = random.Random(case.seed)

    def client(self):
        return random.choice(self.bales).client()

    def sweeps(self, bale):
        status, text = bale.admin("/lifecycle")
        return {row["bucket"]: row.get("sweep", {}) for row in json.loads(text)["buckets"]} if status == 200 else {}

    def serves(self, bale):
        return all(bale.client().get(name, None, {"list-type": "2"}).status == 200 for name in self.names.values())

    def wait_until_served(self):
        self.case.wait_for(lambda: all(self.serves(bale) for bale in self.bales), "all buckets are known to all", SECONDS)

    def restart(self, pace):
        for bale in self.bales:
            bale.daemon.stop()
        for bale in self.bales:
            bale.daemon.options = [*bale.daemon.options[:-1], str(pace)]
            bale.start()
        self.wait_until_served()

    def kill(self, bale):
        bale.kill()
        time.sleep(self.draw.uniform(0, 1.5 * TAKEOVER_S))
        bale.start()

    def stop_for_a_while(self, bale):
        os.kill(bale.server.pid, signal.SIGSTOP)
        try:
            time.sleep(self.draw.uniform(0.5, 2.5) * TAKEOVER_S)
        finally:
            os.kill(bale.server.pid, signal.SIGCONT)

    def strike(self, times):
        """The one that is at it, more often than not."""
        for number in range(times):
            time.sleep(self.draw.uniform(0, 1))
            holders = [bale for bale in self.bales if any(sweep.get("is_own") and sweep["state"] != "done" for sweep in self.sweeps(bale).values())]
            victim = self.draw.choice(holders or self.bales)
            (self.kill, self.stop_for_a_while)[(number + self.case.seed) % 2](victim)

    def wait_for_quiet(self, seconds):
        due_ms = (time.time() + 2 * DAY_S) * 1000
        self.case.wait_for(lambda: self.is_quiet(self.sweeps(self.bales[0]), due_ms), "nothing more is to be done", seconds)


class RulesAndKills(ReplicaCase):
    FOR = ("raw", "versitygw", "minio")

    def test_what_two_replicas_leave(self):
        keys, strikes, pace = (3000, 24, 100) if self.is_long else (16, 2, 20)
        bales = self.fleet(2, None, *OPTIONS, "--lifecycle-pace", "0")
        fleet = Fleet(self, bales, keys)
        fleet.make_buckets()
        fleet.wait_until_served()
        fleet.fill_all()
        fleet.set_rules()
        fleet.restart(pace)
        threads = fleet.in_threads(fleet.disturb)
        try:
            fleet.strike(strikes)
        finally:
            fleet.is_over = True
            for thread in threads:
                thread.join()
        fleet.restart(1000)
        fleet.wait_for_quiet(SECONDS + keys)
        fleet.check()
        self.assertEqual([], fleet.wrong[:20])
