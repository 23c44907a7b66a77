"""tests/backends/tools/maintenance_served.py -- bale maintain inside a baled before a bucket, through its --admin-socket: one replica of a fleet
at a time, and the savings ledger knows of it."""

import json
import os
import subprocess
import time

from faults import fault
from maintenance_in_place import CLASS, MOVE, RECOMPACT, InPlaceCase
from tools_alone import bale_program
from transitions_of_a_fleet import TEXT

MIGRATE = "[rule all]\naction = migrate\n"
SLOW = RECOMPACT.replace("12", "19")


class ServedMaintenance(InPlaceCase):
    FOR = ()

    def start_with_sockets(self, count=1, *more, place=None):
        """Replicas, each with a socket that it keeps when it is started again."""
        def options(number):
            return *more, "--admin-socket", os.path.join(self.folder, f"socket-{number}")
        bales = self.start_replicas(1, *options(0), place=place)
        while len(bales) < count:
            bales.append(self.replica_of(bales[0], "--journal-poll", "200ms", "--shards", "1", "--zstd-level", "1", *options(len(bales))))
        for number, bale in enumerate(bales):
            bale.socket = options(number)[-1]
        return bales

    def start_served(self, bale, policy, *options):
        words = ["maintain", "--policy", self.write("policy.ini", policy), "--format", "json", "--admin-socket", bale.socket, "--backend",
                 f"s3:{self.bucket}", *options]
        return subprocess.Popen([bale_program(self), *words], env={"PATH": os.environ["PATH"]}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def end_served(self, process):
        out, errors = process.communicate(timeout=300)
        return subprocess.CompletedProcess(process.args, process.returncode, out, errors)

    def served(self, bale, policy, *options):
        return self.end_served(self.start_served(bale, policy, *options))

    def page(self, bale):
        return json.loads(bale.admin("/maintain")[1])


class MaintenanceServed(ServedMaintenance):
    FOR = ("raw", "versitygw", "minio")

    def test_a_replica_does_all_of_it(self):
        """What came before Bale is packed, Bale's own harder, and moved: no client sees more than the class, and all replicas have it in the ledger."""
        first, second = bales = self.start_with_sockets(2)
        self.assertEqual(200, self.backend.client().put(self.bucket, "foreign", (), (), TEXT, payload="unsigned").status)
        bodies = self.fill(first) | {"warm/text": TEXT}
        before = {key: self.look(second, key) for key in bodies}
        large = self.listed(self.backend.client())
        self.wait_for_another_second()
        would = self.outcomes(self.served(first, RECOMPACT))
        self.assertEqual({"packed": 4, "no-gain": 2, "too-small": 1, "foreign": 1}, would["harder"])
        self.assertEqual(large, self.listed(self.backend.client()))
        self.assertEqual(would, self.outcomes(self.served(first, RECOMPACT, "--execute")))
        self.assertEqual({"all": {"packed": 1, "already": 7}}, self.outcomes(self.served(second, MIGRATE, "--execute")))
        self.assertEqual({"cold": {"moved": 6}}, self.outcomes(self.served(first, MOVE, "--execute")))
        sweep = self.write("sweep.ini", "[rule left]\naction = sweep\n")  # told what is behind the socket, whatever --backend says here
        done = subprocess.run([bale_program(self), "maintain", "--policy", sweep, "--admin-socket", first.socket], env={"PATH": os.environ["PATH"]},
                              capture_output=True, timeout=600, check=False)
        self.assertIn(b"left: 0 leftovers of ", done.stdout, done)
        for bale in bales:
            self.expect_the_same(bale, before, bodies)
            self.assertEqual(CLASS, self.class_of(bale, "cold/text"))
            self.assertTrue(bale.client().get(self.bucket, "foreign").body == TEXT)
        self.check(bales)


class MaintenanceServedByOne(ServedMaintenance):
    FOR = ("raw",)

    def make_many(self, bale, count=20):
        for number in range(count):
            self.put(bale, f"cold/{number:02}", TEXT[number:])
        return count

    def test_one_replica_at_a_time(self):
        """Another one refuses while a job runs, and says by which policy; and takes it when it is over."""
        first, second = self.start_with_sockets(2)
        count = self.make_many(first)
        self.assertEqual(0, self.served(second, MOVE).returncode)
        before = self.page(second)
        running = self.start_served(first, SLOW, "--execute")
        self.wait_for(lambda: self.page(first)["state"] == "runs", "it runs")
        self.wait_for(lambda: self.served(second, RECOMPACT).returncode == 1, "the other one has heard of it")
        done = self.served(second, RECOMPACT)
        self.assertEqual((1, b""), (done.returncode, done.stdout), done)
        self.assertEqual(before, self.page(second))  # of a job that is refused the last one's sums stay
        self.assertIn(b"is at it already, by the policy " + os.path.join(self.folder, "policy.ini").encode(), done.stderr)
        self.assertEqual({"harder": {"packed": count}}, self.outcomes(self.end_served(running)))
        self.wait_for(lambda: self.served(second, RECOMPACT).returncode == 0, "it is over", 120)
        self.check([first, second])

    def test_one_object_may_take_long(self):
        """Longer than another replica's patience, which hears of the first all the while, and is refused."""
        if not self.is_long:
            self.skipTest("100 s: with --long")
        patience = ("--lifecycle-takeover", "20s")  # renewed every four seconds
        proxy = self.proxy()
        first, second = self.start_with_sockets(2, *patience, place=proxy)
        self.put(first, "cold/long", TEXT)
        proxy.rules(fault("trickle", op=["GetObject"], key="cold/long", seconds=0.7))
        running = self.start_served(first, RECOMPACT, "--execute")
        self.wait_for(lambda: any(proxy.fired()), "it reads")
        self.wait_for(lambda: self.served(second, RECOMPACT).returncode == 1, "the other one has heard of it")
        refused = 0
        while running.poll() is None:
            done = self.served(second, RECOMPACT)
            refused += b"is at it already" in done.stderr
            time.sleep(0.5)
        self.assertGreater(refused, 20)
        self.assertEqual({"harder": {"packed": 1}}, self.outcomes(self.end_served(running)))

    def test_a_replica_that_was_killed_goes_on(self):
        """With its own state folder at once: nobody else can have that. All is packed in the end, and counted once."""
        bale, = self.start_with_sockets()
        count = self.make_many(bale)
        running = self.start_served(bale, SLOW, "--execute")
        self.wait_for(lambda: self.page(bale).get("sums", {}).get("objects", 0) > 1, "some are packed", 120)
        bale.kill()
        self.assertEqual(3, self.end_served(running).returncode)
        bale.start()
        done = self.wait_for_journal(bale)
        outcomes = self.outcomes(done)["harder"]
        self.assertEqual(count, outcomes["packed"] + outcomes["already"])
        self.assertGreater(outcomes["already"], 0)
        for number in range(count):
            self.assertTrue(bale.client().get(self.bucket, f"cold/{number:02}").body == TEXT[number:])
        self.check([bale], exact=False)

    def wait_for_journal(self, bale):
        """The first run that is not refused because the journal has not been read yet."""
        found = []

        def is_taken():
            found.append(self.served(bale, SLOW, "--execute"))
            return found[-1].returncode != 1 or b"the journal does not run" not in found[-1].stderr
        self.wait_for(is_taken, "the journal runs")
        return found[-1]
