"""tests/backends/fleet/clocks.py -- replicas whose clocks are hours apart (tests/servers/ahead.c): what they do together is right, and which clock is
wrong is said."""

import datetime
import email.utils
import json
import os
import subprocess
import time

import backends
import daemon
import fronts
import keys
import sigv4
from ledger_of_a_fleet import LARGE, MIB, LedgerCase
from tools_alone import bale_program

HOUR_S = 3600
AHEAD_S = (0, 5 * HOUR_S, -7 * HOUR_S)


class Client(fronts.OneAttempt):
    """Whose clock is its server's: else every request would be refused."""

    ahead_s = 0

    def prepare(self, *arguments, **options):
        when = sigv4.utc_now() + datetime.timedelta(seconds=self.ahead_s)
        return super().prepare(*arguments, **{"when": when, **options})


class Daemon(fronts.BackendDaemon):
    ahead_s = 0

    def environment(self):
        return {**super().environment(), "CLOCK_AHEAD_S": str(self.ahead_s)}


class Replica(fronts.Bale):
    """A Bale with such a clock."""

    def __init__(self, ahead_s, baled, backend, options, accounts):
        super().__init__(baled, backend, backend, options, accounts)
        self.daemon.remove()
        self.daemon = Daemon(baled, backend, backend, options, accounts=accounts)
        self.daemon.ahead_s = self.ahead_s = ahead_s

    def client(self, name="alice"):
        client = Client(self.server, self.server.accounts[name])
        client.ahead_s = self.ahead_s
        return client


class Clocks(LedgerCase):
    FOR = ("raw",)

    def setUp(self):
        super().setUp()
        self.wrong = os.path.join(os.path.dirname(os.path.dirname(self.baled)), "tests", "servers", "baled_ahead")
        if not os.path.exists(self.wrong):
            self.skipTest(f"{self.wrong} is not built")
        accounts = daemon.make_accounts()
        self.bales = []
        for number, ahead_s in enumerate(AHEAD_S):
            options = ["--replica-name", f"r{number}", "--fleet-card", "1s", "--lifecycle-day", "1h"]
            self.bales.append(Replica(ahead_s, self.wrong, self.backend, options, accounts))
            self.addCleanup(self.bales[-1].stop)
            self.bales[-1].start()

    def test_what_they_do_together_is_right(self):
        run = keys.Run(fronts.Several(self.bales), self.seed)
        run.steps(25)
        run.check_all()
        for number, bale in enumerate(self.bales):
            self.set_for_all(bale, self.bales, f"blue-{number}")
        upload, document = self.upload(self.bales, "parts", [LARGE[:5 * MIB], LARGE[:5 * MIB + 1], b"end"])
        self.assertEqual(200, self.complete(self.bales[2], "parts", upload, document).status)
        for bale in self.bales:
            answer = bale.client().get(self.bucket, "parts")
            self.assertTrue(answer.body == LARGE[:5 * MIB] + LARGE[:5 * MIB + 1] + b"end")
            made = email.utils.parsedate_to_datetime(answer.header("last-modified"))
            self.assertLess(abs((sigv4.utc_now() - made).total_seconds()), HOUR_S, "the backend's clock says when")
        self.check(self.bales)

    def clocks_told(self, bale):
        """Name and hours of each replica that runs."""
        status, text = bale.admin("/fleet")
        cards = json.loads(text)["replicas"] if status == 200 else ()
        return {card["name"]: round(card["clock_ahead_s"] / HOUR_S) for card in cards if card["state"] == "running"}

    def test_which_is_wrong_is_said(self):
        for bale in self.bales:
            self.wait_for(lambda bale=bale: self.clocks_told(bale) == {"r0": 0, "r1": 5, "r2": -7}, "whose clock is wrong")
        for bale in self.bales[1:]:
            refused = fronts.OneAttempt(bale.server, bale.server.accounts["alice"]).get(self.bucket, "k")
            self.assertEqual((403, "RequestTimeTooSkewed"), (refused.status, refused.code))

    def test_nothing_expires_early(self):
        """The present of lifecycle rules is the backend's: a replica that is five hours ahead removes what is due, and nothing else."""
        for bale in (self.bales[0], self.bales[2]):
            self.assertEqual(0, bale.daemon.stop())
        ahead = self.bales[1]
        for key in ("due/k", "young/k"):
            self.put(ahead, key, b"x")
        rules = "".join(f"<Rule><ID>{prefix}</ID><Filter><Prefix>{prefix}/</Prefix></Filter><Status>Enabled</Status><Expiration>{when}</Expiration></Rule>"
                        for prefix, when in (("due", "<Date>2020-01-01T00:00:00Z</Date>"), ("young", "<Days>2</Days>")))
        self.set(ahead, "lifecycle", f"<LifecycleConfiguration>{rules}</LifecycleConfiguration>")
        self.wait_for(lambda: " is swept: " in ahead.log(), "a sweep")
        self.assertEqual(404, ahead.client().get(self.bucket, "due/k").status)
        self.assertEqual(200, ahead.client().get(self.bucket, "young/k").status)


class BackendAhead(backends.Raw):
    """One whose clock is wrong, and may be set at any time."""

    def __init__(self, program, ahead_s):
        super().__init__(program)
        self.clock_file = os.path.join(self.folder, "clock")
        with open(self.clock_file, "wb") as file:
            file.write(bytes(8))
        self.set_clock(ahead_s)

    def set_clock(self, ahead_s):
        with open(self.clock_file, "r+b") as file:
            file.write(ahead_s.to_bytes(8, "little", signed=True))
        self.ahead_s = ahead_s

    def environment(self):
        return {"CLOCK_FILE": self.clock_file}

    def client(self):
        client = Client(self.server, self.account)
        client.ahead_s = self.ahead_s
        return client


class ClockOfABackend(LedgerCase):
    FOR = ("raw",)

    def start(self, ahead_s):
        """A Bale before a backend with that clock, and a rule by which `due/` is due."""
        wrong = os.path.join(os.path.dirname(os.path.dirname(self.baled)), "tests", "servers", "baled_ahead")
        if not os.path.exists(wrong):
            self.skipTest(f"{wrong} is not built")
        backend = BackendAhead(wrong, ahead_s)
        backend.bucket = self.bucket
        self.addCleanup(backend.stop)
        backend.start()
        bale = fronts.Bale(self.baled, backend, backend, ["--lifecycle-day", "2s"]).start()
        self.addCleanup(bale.stop)
        self.put(bale, "due/k", b"x")
        self.set(bale, "lifecycle", "<LifecycleConfiguration><Rule><ID>due</ID><Filter><Prefix>due/</Prefix></Filter><Status>Enabled</Status>"
                                    "<Expiration><Date>2020-01-01T00:00:00Z</Date></Expiration></Rule></LifecycleConfiguration>")
        self.wait_for(lambda: bale.client().get(self.bucket, "due/k").status == 404, "a sweep")
        return backend, bale

    def lifecycle(self, bale, *words):
        done = subprocess.run([bale_program(self), "lifecycle", "--state", os.path.join(bale.daemon.folder, "state"), *words], capture_output=True,
                              text=True, check=False)
        self.assertEqual(0, done.returncode, done)
        return done.stdout

    def expect_held(self, bale, words):
        """What is due stays, and it is said why, until somebody knows better."""
        self.wait_for(lambda: f"the clock of this machine {words}" in bale.log(), "it is held")
        self.assertIn(f"NOTHING IS CARRIED OUT: the clock of this machine {words}", self.lifecycle(bale))
        self.put(bale, "due/k", b"x")
        time.sleep(5)  # two of its days
        self.assertEqual(200, bale.client().head(self.bucket, "due/k").status)
        self.assertEqual("the clock is believed\n", self.lifecycle(bale, "--confirm-clock"))
        self.wait_for(lambda: bale.client().get(self.bucket, "due/k").status == 404, "a sweep")

    def test_sweeps_do_not_wait_for_a_day_that_has_not_come(self):
        """What was noted while the present was two days ahead holds nothing up once it is right, and somebody has said so."""
        backend, bale = self.start(48 * HOUR_S)
        self.assertEqual(0, bale.daemon.stop())
        backend.kill()
        backend.set_clock(0)
        backend.start()
        bale.start()
        self.expect_held(bale, "is more than an hour behind the last time that was believed")

    def test_a_clock_that_steps(self):
        """While Bale runs: its present is the backend's, and steps with that."""
        backend, bale = self.start(0)
        backend.set_clock(2 * HOUR_S)
        self.expect_held(bale, "was set, or it was suspended, by more than an hour")
