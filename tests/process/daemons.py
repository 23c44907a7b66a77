"""tests/process/daemons.py -- the ground of tests that start several baled: all of them are removed in the end, and no
sanitizer may have complained in any."""

import time
import unittest

from client import Client
from daemon import Daemon


class DaemonsCase(unittest.TestCase):
    baled = bale = None  # the binaries; set before the tests run

    def setUp(self):
        self.daemons = []

    def tearDown(self):
        for daemon in self.daemons:
            daemon.remove()
            self.assertNotIn("Sanitizer", daemon.log())

    def add(self, *options, tls=False):
        """One that runs, with its `server` and the client `alice`."""
        daemon = Daemon(self.baled, options, tls=tls)
        self.daemons.append(daemon)
        self.restart(daemon)
        return daemon

    def restart(self, daemon):
        daemon.server = daemon.start()
        daemon.alice = Client(daemon.server, daemon.server.accounts["alice"])

    def wait_for(self, found, seconds=300):
        """What `found` returns, once it is neither None nor False."""
        deadline = time.monotonic() + seconds
        while (value := found()) in (None, False):
            self.assertLess(time.monotonic(), deadline, "it did not come to pass")
            time.sleep(0.01)
        return value
