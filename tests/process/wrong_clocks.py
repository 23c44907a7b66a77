"""tests/process/wrong_clocks.py -- a baled whose clock is set, ahead and back (tests/servers/ahead.c): nothing is carried out by lifecycle rules until
somebody says that it is right; for tests/process/run. tests/backends/fleet/clocks.py has buckets.

`WrongClocks.bale` is the binary and `WrongClocks.folder` where that baled is; set before the tests run.
"""

import base64
import datetime
import hashlib
import os
import subprocess
import tempfile
import time
import unittest

import admin
import sigv4
from client import Client
from daemon import Daemon

DAY_MS = 300
HOUR_S = 3600
EXPIRED = (b"<LifecycleConfiguration><Rule><ID>due</ID><Filter><Prefix>due/</Prefix></Filter><Status>Enabled</Status>"
           b"<Expiration><Date>2020-01-01T00:00:00Z</Date></Expiration></Rule></LifecycleConfiguration>")


class WithClock(Client):
    """Whose clock is its server's: else every request would be refused."""

    ahead_s = 0

    def prepare(self, *arguments, **options):
        when = sigv4.utc_now() + datetime.timedelta(seconds=self.ahead_s)
        return super().prepare(*arguments, **{"when": when, **options})


class WrongDaemon(Daemon):
    clock_file = None

    def environment(self):
        return {**os.environ, "CLOCK_FILE": self.clock_file}


class WrongClocks(unittest.TestCase):
    bale = folder = None

    def setUp(self):
        program = os.path.join(self.folder, "baled_ahead")
        if not os.path.exists(program):
            self.skipTest(f"{program} is not built")
        file, self.clock_file = tempfile.mkstemp(prefix="bale-clock-")
        os.close(file)
        self.addCleanup(os.unlink, self.clock_file)
        self.daemon = WrongDaemon(program, ("--catalogue-max-size", "4G", "--shards", "1", "--lifecycle-day", f"{DAY_MS}ms"))
        self.addCleanup(self.daemon.remove)
        self.daemon.clock_file = self.clock_file
        self.ahead_s = 0
        self.set_clock(0)

    def set_clock(self, ahead_s):
        with open(self.clock_file, "r+b") as file:
            file.write(ahead_s.to_bytes(8, "little", signed=True))
        self.ahead_s = ahead_s

    def start(self):
        self.server = self.daemon.start()

    @property
    def alice(self):
        client = WithClock(self.server, self.server.accounts["alice"])
        client.ahead_s = self.ahead_s
        return client

    def wait_for(self, found, seconds=300):
        deadline = time.monotonic() + seconds
        while not found():
            self.assertLess(time.monotonic(), deadline, self.daemon.log()[-3000:])
            time.sleep(0.02)

    def lifecycle(self, *words):
        done = subprocess.run([self.bale, "lifecycle", *words, "--backend", f"dir:{self.daemon.folder}/data"], capture_output=True, text=True,
                              timeout=600, check=False)
        self.assertEqual(0, done.returncode, done)
        return done.stdout

    def is_there(self):
        return self.alice.head("bucket", "due/k").status == 200

    def put(self):
        self.assertEqual(200, self.alice.put("bucket", "due/k", (), (), b"x").status)

    def expect_held(self, words, times=1):
        """What is due stays, and it is said why (for so many times by this process), until somebody knows better."""
        self.wait_for(lambda: self.daemon.log().count(f"lifecycle rules are not carried out: the clock of this machine {words}") == times)
        self.assertIn(f"NOTHING IS CARRIED OUT: the clock of this machine {words}", self.lifecycle())
        self.assertEqual(1, admin.metrics(self.server)["bale_lifecycle_held"])
        self.put()
        time.sleep(4 * DAY_MS / 1000)
        self.assertTrue(self.is_there())
        self.assertEqual("the clock is believed\n", self.lifecycle("--confirm-clock"))
        self.wait_for(lambda: not self.is_there())
        self.assertEqual(0, admin.metrics(self.server)["bale_lifecycle_held"])

    def test_a_clock_that_steps(self):
        """While it runs, both ways; between two lives by 40 days, and back."""
        self.start()
        self.assertEqual(200, self.alice.put("bucket").status)
        self.put()
        headers = {"Content-MD5": base64.b64encode(hashlib.md5(EXPIRED).digest()).decode()}
        self.assertEqual(200, self.alice.put("bucket", None, {"lifecycle": ""}, headers, EXPIRED).status)
        self.wait_for(lambda: not self.is_there())
        self.assertNotIn("NOTHING IS CARRIED OUT", self.lifecycle())
        for times, ahead_s in ((1, 2 * HOUR_S), (2, 0)):
            self.set_clock(ahead_s)
            self.expect_held("was set, or it was suspended, by more than an hour", times)
        for ahead_s, words in ((40 * 24 * HOUR_S, "is more than 35 days ahead"), (0, "is more than an hour behind")):
            self.assertEqual(0, self.daemon.stop())
            self.set_clock(ahead_s)
            self.start()
            self.expect_held(words)
