"""tests/process/booted.py -- the units under a real systemd, which is process 1 of a machine made of namespaces (machine).

Where such a machine cannot be made (no root, no cgroup2, no systemd), that is said and the tests are skipped."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from supervised import SOCKET_UNIT, UNITS

MACHINE = Path(__file__).resolve().with_name("machine")
TARGETS = ("sysinit", "basic", "sockets", "shutdown", "umount", "network-online", "multi-user", "local-fs", "exit")
KEYS = ("AKIAUNDERSYSTEMD0000", "a secret of a machine that lives for seconds")
DROP_IN = f"""[Service]
StandardOutput=append:/share/baled.log
StandardError=append:/share/baled.log
Environment=BALE_ACCESS_KEY={KEYS[0]} "BALE_SECRET_KEY={KEYS[1]}"
RestartSec=50ms
"""
WATCHED = "8034"  # the instance whose watchdog is impatient


class Machine:
    """Boots with the units of the build and the INI files of `instances`, by their names; `close` leaves nothing of it."""

    def __init__(self, baled, instances):
        self.folder = tempfile.mkdtemp(prefix="bale-machine-")
        os.chmod(self.folder, 0o755)
        for name in ("bin", "share", "etc/bale", "etc/systemd/system"):
            os.makedirs(os.path.join(self.folder, name))
        shutil.copy(baled, os.path.join(self.folder, "bin", "baled"))
        self.write("etc/passwd", "root:x:0:0::/root:/bin/sh\nbale:x:990:990::/var/lib/bale:/usr/sbin/nologin\n")
        self.write("etc/group", "root:x:0:\nbale:x:990:\n")
        self.write("etc/machine-id", "0123456789abcdef0123456789abcdef\n")
        self.write("etc/hosts", "127.0.0.1 localhost\n")
        self.write("etc/hostname", "bale-test\n")
        for name in TARGETS:
            shutil.copy(f"/usr/lib/systemd/system/{name}.target", os.path.join(self.folder, "etc/systemd/system"))
        self.write("etc/systemd/system/test.target", "[Unit]\nDefaultDependencies=no\nRequires=basic.target\n")
        for name in ("bale.service", "bale@.service"):
            self.write(f"etc/systemd/system/{name}", (UNITS / name).read_text().replace("=/usr/local/bin/baled ", "=/opt/bale/baled "))
            self.write(f"etc/systemd/system/{name}.d/test.conf", DROP_IN)
        self.write(f"etc/systemd/system/bale@{WATCHED}.service.d/watchdog.conf", "[Service]\nWatchdogSec=3\n")
        self.write("etc/systemd/system/bale@.socket", SOCKET_UNIT.read_text())
        for name, settings in instances.items():
            self.write(f"etc/bale/{name}.ini", settings)
        with open(os.path.join(self.folder, "machine.log"), "wb") as log:
            self.process = subprocess.Popen([MACHINE, self.folder], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def write(self, name, text):
        path = Path(self.folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def log(self):
        paths = [Path(self.folder, name) for name in ("machine.log", "share/baled.log")]
        return "".join(path.read_text(errors="replace") for path in paths if path.exists())

    def is_up(self):
        return self.process.poll() is None and self.run("systemctl", "is-active", "test.target").stdout == "active\n"

    def first_process(self):
        """Its process 1, as this machine counts."""
        return Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0]

    def run(self, *command):
        try:
            entered = ["nsenter", "--target", self.first_process(), "--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--wd=/"]
        except (IndexError, OSError):  # not yet, or no longer
            return subprocess.CompletedProcess(command, 1, "", "the machine does not run")
        return subprocess.run([*entered, *command], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240, check=False)

    def close(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        noted = Path(self.folder, "cgroup")
        if noted.exists():
            self.remove_cgroup(noted.read_text().strip())
        shutil.rmtree(self.folder)

    def remove_cgroup(self, path):
        """With all below; its processes are ending."""
        deadline = time.monotonic() + 300
        while os.path.isdir(path) and time.monotonic() < deadline:
            try:
                for below, _, _ in os.walk(path, topdown=False):
                    os.rmdir(below)
            except OSError:
                time.sleep(0.02)


@unittest.skipUnless(os.geteuid() == 0, "no root: no systemd can be booted")
@unittest.skipUnless(os.path.exists("/usr/lib/systemd/systemd"), "there is no systemd")
class Booted(unittest.TestCase):
    baled = None

    def setUp(self):
        self.machine = Machine(self.baled, {
            "bale": "backend = dir:/var/lib/bale\nlisten = 127.0.0.1:8000\nadmin = 127.0.0.1:9000\nshards = 1\n",
            "8014": "backend = dir:/var/lib/bale/8014\nadmin = 127.0.0.1:9014\nshards = 1\n",
            "8024": "backend = dir:/var/lib/bale/8024\nno-such-option = 1\n",
            WATCHED: f"backend = dir:/var/lib/bale/{WATCHED}\nadmin = 127.0.0.1:9034\nshards = 1\n",
        })
        self.addCleanup(self.machine.close)
        deadline = time.monotonic() + 300
        while not self.machine.is_up():
            if self.machine.process.poll() is not None or time.monotonic() > deadline:
                self.skipTest("systemd does not boot in namespaces here: " + self.machine.log().strip()[-200:])
            time.sleep(0.02)

    def systemctl(self, *words):
        done = self.machine.run("systemctl", *words)
        self.assertEqual(0, done.returncode, done.stderr + self.machine.log())

    def shown(self, unit, name):
        return self.machine.run("systemctl", "show", "--value", "--property", name, unit).stdout.strip()

    def wait_for(self, is_so):
        deadline = time.monotonic() + 300
        while not is_so():
            self.assertLess(time.monotonic(), deadline, self.machine.log())
            time.sleep(0.02)

    def curl(self, port, path, *options):
        """The status and the body."""
        done = self.machine.run("curl", "--silent", "--max-time", "60", "--write-out", "\n%{http_code}", *options, f"http://127.0.0.1:{port}{path}")
        body, _, status = done.stdout.rpartition("\n")
        return int(status or 0), body

    def s3(self, port, path, *options):
        signed = ("--user", ":".join(KEYS), "--aws-sigv4", "aws:amz:us-east-1:s3", "--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD")
        return self.curl(port, path, *signed, *options)

    def test_one_service(self):
        """Started when it is ready; what it may do is enough to serve; it comes back when it is killed, not when an option is wrong."""
        self.systemctl("start", "bale.service")
        self.assertEqual(200, self.curl(9000, "/ready")[0])
        self.assertEqual(200, self.s3(8000, "/bucket", "-X", "PUT")[0], self.machine.log())
        self.assertEqual(200, self.s3(8000, "/bucket/key", "-X", "PUT", "--data-binary", "kept" * 1000)[0], self.machine.log())
        first = self.shown("bale.service", "MainPID")

        self.systemctl("reload", "bale.service")
        self.assertEqual((200, "kept" * 1000), self.s3(8000, "/bucket/key"))
        self.assertEqual(first, self.shown("bale.service", "MainPID"))

        self.machine.run("kill", "-KILL", first)
        self.wait_for(lambda: self.shown("bale.service", "NRestarts") == "1" and self.shown("bale.service", "ActiveState") == "active")
        self.assertNotEqual(first, self.shown("bale.service", "MainPID"))
        self.assertEqual((200, "kept" * 1000), self.s3(8000, "/bucket/key"))

        self.systemctl("stop", "bale.service")
        self.assertEqual(("inactive", "success"), (self.shown("bale.service", "ActiveState"), self.shown("bale.service", "Result")))

        self.assertNotEqual(0, self.machine.run("systemctl", "start", "bale@8024.service").returncode)
        self.assertEqual(["failed", "2", "0"],
                         [self.shown("bale@8024.service", name) for name in ("ActiveState", "ExecMainStatus", "NRestarts")])

    def test_an_instance_behind_its_socket(self):
        """It is started by who comes first, and who comes between two processes is served by the second."""
        self.systemctl("start", "bale@8014.socket")
        self.assertEqual("inactive", self.shown("bale@8014.service", "ActiveState"))
        self.assertEqual(200, self.s3(8014, "/bucket", "-X", "PUT")[0], self.machine.log())
        self.assertEqual("active", self.shown("bale@8014.service", "ActiveState"))
        self.systemctl("stop", "bale@8014.service")
        self.assertEqual(200, self.s3(8014, "/bucket/key", "-X", "PUT", "--data-binary", "x")[0], self.machine.log())

    def test_one_that_stands_still(self):
        """The watchdog ends it, and the next one serves who waits: the seconds of this test are those for which a watchdog waits."""
        unit = f"bale@{WATCHED}.service"
        self.systemctl("start", unit)
        still = self.shown(unit, "MainPID")
        self.machine.run("kill", "-STOP", still)
        self.wait_for(lambda: self.s3(WATCHED, "/bucket", "-X", "PUT")[0] == 200)
        self.assertNotEqual(still, self.shown(unit, "MainPID"))
