"""tests/process/quick_start.py -- tools/run: what it passes on to baled, and what it tells the newcomer; for tests/process/run.

It runs in a folder that looks like the repository after its build, with a ninja that builds nothing. `QuickStart.baled` is the
binary; set before the tests run.
"""

import os
import re
import signal
import tempfile
from pathlib import Path

from client import Account, Client
from daemon import Daemon
from daemons import DaemonsCase

RUN = Path(__file__).resolve().parents[2] / "tools/run"


class Quick(Daemon):
    """tools/run with these options, in `tree`."""

    def __init__(self, baled, tree, options, environment):
        super().__init__(baled, options)
        self.tree, self.variables = Path(tree), environment
        for folder in ("tools", "build/server", "programs"):
            (self.tree / folder).mkdir(parents=True)
        (self.tree / "tools/run").symlink_to(RUN)
        (self.tree / "build/server/baled").symlink_to(os.path.abspath(baled))
        (self.tree / "build/build.ninja").touch()
        for program in ("tools/install-packages", "programs/ninja", "programs/meson"):
            (self.tree / program).write_text(f'#!/bin/sh\necho "$0 $*" >>{self.tree}/called\n')
            (self.tree / program).chmod(0o755)

    def command(self):
        return [str(self.tree / "tools/run"), "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", *self.options]

    def environment(self):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BALE_"))}
        return {**kept, **self.variables, "PATH": f"{self.tree}/programs:{kept['PATH']}", "AWS_EC2_METADATA_DISABLED": "true"}


class QuickStart(DaemonsCase):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="bale-quick-")
        self.addCleanup(folder.cleanup)
        self.tree = Path(folder.name) / "tree"

    def quick(self, *options, environment=()):
        """Started, and what it has said."""
        daemon = Quick(self.baled, self.tree, options, dict(environment))
        self.daemons.append(daemon)
        daemon.server = daemon.start()
        self.wait_for(lambda: "Ctrl-C stops it." in daemon.log())
        return daemon, daemon.log()

    def newcomer(self, daemon, said):
        """A client with what was told, and nothing else."""
        keys = [re.search(rf"{name}=(\S+)", said).group(1) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")]
        self.assertIn(f"http://127.0.0.1:{daemon.server.address[1]} s3", said)
        return Client(daemon.server, Account("newcomer", *keys, ""))

    def stop(self, daemon):
        """As Ctrl-C does it."""
        daemon.process.send_signal(signal.SIGINT)
        self.assertEqual(0, daemon.process.wait(60))

    def test_a_folder(self):
        daemon, said = self.quick()
        newcomer = self.newcomer(daemon, said)
        self.assertIn("s3 mb s3://first\n", said)
        self.assertRegex(said, r"s3 cp \S+ \S+ \S+ s3://first/\n")
        self.assertEqual(200, newcomer.put("first").status)
        self.assertEqual(200, newcomer.put("first", "k", (), (), b"body").status)
        self.stop(daemon)
        self.assertTrue((self.tree / "bale-data").is_dir())
        called = (self.tree / "called").read_text()
        self.assertIn("install-packages build\n", called)
        self.assertIn("ninja -C build --quiet server/baled tools/bale\n", called)

    def test_a_bucket(self):
        """Below a prefix of it: clients see the bucket alone, and what is told is for it."""
        raw = self.add("--raw")
        self.assertEqual(200, raw.alice.put("packed").status)
        account = raw.accounts["alice"]
        keys = {"AWS_ACCESS_KEY_ID": account.access_key, "AWS_SECRET_ACCESS_KEY": account.secret_key}
        daemon, said = self.quick("--backend", "s3:packed/in/here/", "--endpoint", f"http://127.0.0.1:{raw.server.address[1]}",
                                  environment=keys)
        newcomer = self.newcomer(daemon, said)
        self.assertNotIn("s3 mb", said)
        self.assertRegex(said, r"s3 cp \S+ \S+ \S+ s3://packed/first/\n")
        self.assertEqual(200, newcomer.put("packed", "first/k", (), (), b"body" * 1000).status)
        self.assertEqual(b"body" * 1000, newcomer.get("packed", "first/k").body)
        self.stop(daemon)
        self.assertEqual(200, raw.alice.head("packed", "in/here/first/k").status)
        self.assertTrue((self.tree / "bale-state").is_dir())
