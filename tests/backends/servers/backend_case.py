"""tests/backends/servers/backend_case.py -- the base of the tests in this folder: one backend for each class, the rest for each test.

`run` makes a class of its own for each backend that a class is for (`FOR`), and sets what stands below.
"""

import time
import unittest

import backends
import daemon
import faults
import fronts


class BackendCase(unittest.TestCase):
    FOR = backends.NAMES  # which backends
    region = "us-east-1"  # where the backend is
    NEEDS_BALE = True  # False: the backend alone is enough
    maxDiff = 4000

    backend_name = "raw"
    baled = None
    older = None  # a baled of an older version, if there is one
    seed = 1
    is_long = False
    reads = 0  # that are judged at least; 0: as many as the test likes
    may_build = True  # programs of backends that are not there

    @classmethod
    def setUpClass(cls):
        if cls.NEEDS_BALE and not fronts.bale_has_backends(cls.baled):
            raise unittest.SkipTest("this baled knows no S3 backend")
        try:
            cls.server = backends.start(cls.backend_name, cls.baled, cls.may_build, cls.region)
        except backends.Missing as missing:
            raise unittest.SkipTest(str(missing)) from None

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def setUp(self):
        self.backend = self.server.another_bucket()
        self.bucket = self.backend.bucket

    @classmethod
    def is_of_another(cls):
        """Does it try somebody else's server, and no Bale? What such a server does is told, and no condition of anything here."""
        return not cls.NEEDS_BALE and cls.backend_name != "raw"

    # ---- parts ----

    def proxy(self, *rules, seed=None):
        """A proxy before the backend, with these rules."""
        proxy = faults.Faults(self.backend, self.seed if seed is None else seed)
        self.addCleanup(proxy.stop)
        if rules:
            proxy.rules(*rules)
        return proxy

    def direct(self, place=None):
        return fronts.Direct(place or self.backend, self.backend)

    def bale(self, place=None, *options, tls=False):
        """A running Bale before the backend, or before the proxy."""
        front = fronts.Bale(self.baled, place or self.backend, self.backend, options, tls=tls)
        self.addCleanup(front.stop)
        try:
            return front.start()
        except RuntimeError as error:
            self.fail(str(error)[-3000:])

    def fleet(self, count, place=None, *options):
        """Replicas with the same accounts, each at a port of its own that it keeps when it is started again."""
        accounts = daemon.make_accounts()
        bales = []
        for _ in range(count):
            listen = ("--listen", f"127.0.0.1:{backends.free_port()}")
            bales.append(fronts.Bale(self.baled, place or self.backend, self.backend, (*listen, *options), accounts))
            self.addCleanup(bales[-1].stop)
            bales[-1].start()
        return bales

    def wait_for_line(self, bale, words):
        """A line of its log with these words: it may be written behind what it tells of."""
        self.wait_for(lambda: words in bale.log(), words)

    def wait_for(self, condition, what, seconds=300):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                self.fail(f"not within {seconds} s: {what}")
            time.sleep(0.02)
