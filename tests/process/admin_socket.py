"""tests/process/admin_socket.py -- --admin-socket: the pages of the admin listener for who is on this machine, and what its
operator may change without a token; for tests/process/run.

`AdminSocket.baled` and `AdminSocket.bale` are the binaries; set before the tests run.
"""

import json
import os
import socket
import stat
import subprocess
import sys
import unittest

from daemons import DaemonsCase

CHANGE = "/lifecycle/confirm-clock"
STRANGER = 65534

# Asks as another user: what a process that was never root sees.
AS_STRANGER = """
import os, socket, sys
os.setgroups([]); os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1]))
with socket.socket(socket.AF_UNIX) as door:
    door.connect(sys.argv[2])
    door.sendall(f"{sys.argv[3]} {sys.argv[4]} HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n".encode())
    sys.stdout.write(door.makefile("rb").readline().decode())
"""


class AdminSocket(DaemonsCase):
    def make(self, tls=False):
        self.daemon = self.add("--shards", "2", tls=tls)
        self.path = os.path.join(self.daemon.folder, "admin.socket")
        self.assertEqual(0, self.daemon.stop())
        self.daemon.options += ["--admin-socket", self.path]
        self.restart(self.daemon)

    def ask(self, path, method="GET"):
        """Status and document."""
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(600)
            door.connect(self.path)
            door.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            head, _, body = door.makefile("rb").read().partition(b"\r\n\r\n")
        return int(head.split()[1]), body

    def as_stranger(self, method, path):
        return subprocess.run([sys.executable, "-c", AS_STRANGER, str(STRANGER), self.path, method, path], capture_output=True, text=True,
                              timeout=600, check=False)

    def run_bale(self, *words):
        return subprocess.run([self.bale, *words], capture_output=True, text=True, timeout=600, check=False, cwd=self.daemon.folder)

    def test_its_operator_needs_no_token(self):
        self.make()
        self.assertEqual(0o600, stat.S_IMODE(os.stat(self.path).st_mode))
        self.assertEqual((200, b"alive\n"), self.ask("/health"))
        self.assertEqual((200, b"{}"), self.ask(CHANGE, "POST"))
        self.assertEqual(405, self.ask(CHANGE)[0])
        done = self.run_bale("lifecycle", "--confirm-clock", "--admin-socket", self.path)
        self.assertEqual((0, "the clock is believed\n"), (done.returncode, done.stdout), done.stderr)
        document = json.loads(self.wait_for(lambda: self.run_bale("lifecycle", "--json", "--admin-socket", self.path).stdout or None))
        self.assertTrue(document["runs"])
        done = self.run_bale("lifecycle", "--admin-socket", self.path + "x")
        self.assertEqual(1, done.returncode)
        self.assertIn("no server answers on " + self.path + "x", done.stderr)

    def test_it_speaks_no_tls(self):
        """Whatever the ports do."""
        self.make(tls=True)
        self.assertEqual((200, b"{}"), self.ask(CHANGE, "POST"))

    @unittest.skipUnless(os.geteuid() == 0, "to be another user takes root")
    def test_another_user_changes_nothing(self):
        self.make()
        self.assertIn("Permission denied", self.as_stranger("GET", "/health").stderr)
        os.chmod(self.path, 0o666)  # somebody has opened it: who connects is asked all the same
        os.chmod(self.daemon.folder, 0o755)
        self.assertEqual("HTTP/1.1 200 OK", self.as_stranger("GET", "/health").stdout.strip())
        self.assertEqual("HTTP/1.1 403 Forbidden", self.as_stranger("POST", CHANGE).stdout.strip())

    def test_one_that_was_left_is_replaced(self):
        """Of a process that was killed; not one behind which another listens, nor what is no socket."""
        self.make()
        other = self.add("--shards", "1")
        self.assertEqual(0, other.stop())
        other.options += ["--admin-socket", self.path]
        with self.assertRaisesRegex(RuntimeError, "--admin-socket: cannot listen on .*another process listens there"):
            other.start()
        self.assertEqual((200, b"alive\n"), self.ask("/health"))
        self.daemon.kill()
        self.assertTrue(os.path.exists(self.path))
        self.restart(self.daemon)
        self.assertEqual((200, b"alive\n"), self.ask("/health"))
        self.assertEqual(0, self.daemon.stop())
        self.assertFalse(os.path.exists(self.path))
        with open(self.path, "w", encoding="utf-8") as file:
            file.write("a file")
        with self.assertRaisesRegex(RuntimeError, "it is no socket"):
            self.daemon.start()
        self.assertTrue(os.path.isfile(self.path))
