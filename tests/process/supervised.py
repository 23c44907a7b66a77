"""tests/process/supervised.py -- baled under a service manager: a stand-in that passes sockets and hears notices as systemd does, and
the unit files as systemd reads them."""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

import admin
from client import Client
from daemon import Daemon
from daemons import DaemonsCase

UNITS = Path(__file__).resolve().parents[2] / "build" / "tools" / "systemd"
SOCKET_UNIT = Path(__file__).resolve().parents[2] / "tools" / "systemd" / "bale@.socket"
OUT_OF_THE_WAY = 64  # descriptors of this process, so that none is one that the child gets


def listening():
    made = socket.create_server(("127.0.0.1", 0), backlog=64)
    with made:
        return socket.socket(fileno=fcntl.fcntl(made.fileno(), fcntl.F_DUPFD, OUT_OF_THE_WAY))


class Supervised(Daemon):
    """A baled that is given sockets, and whose notices are heard."""

    def __init__(self, baled, options=(), sockets=(), names=None, watchdog_ms=0):
        super().__init__(baled, options)
        self.sockets, self.names, self.watchdog_ms = list(sockets), names, watchdog_ms
        self.notices = []
        self.ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.ear.bind(os.path.join(self.folder, "notify"))
        threading.Thread(target=self.hear, daemon=True).start()

    def hear(self):
        try:
            while notice := self.ear.recv(4096):
                self.notices += notice.decode().splitlines()
        except OSError:
            pass

    def environment(self):
        variables = {"NOTIFY_SOCKET": os.path.join(self.folder, "notify")}
        if self.watchdog_ms:
            variables["WATCHDOG_USEC"] = str(self.watchdog_ms * 1000)
        if self.sockets:
            variables["LISTEN_FDS"] = str(len(self.sockets))
        if self.names:
            variables["LISTEN_FDNAMES"] = self.names
        return {**os.environ, **variables}

    def descriptors(self):
        return [each.fileno() for each in self.sockets]

    def command(self):
        """From 3 on, with the number of the process that they are for."""
        moves = " ".join(f"{3 + index}<&{number}" for index, number in enumerate(self.descriptors()))
        return ["/bin/bash", "-c", f'export LISTEN_PID=$$; exec "$@" {moves}', "sh", *super().command()]

    def remove(self):
        super().remove()
        for each in (self.ear, *self.sockets):
            each.close()


class ServiceManager(DaemonsCase):
    def supervised(self, *options, **others):
        daemon = Supervised(self.baled, options, **others)
        self.daemons.append(daemon)
        self.restart(daemon)
        return daemon

    def wait_for_notice(self, daemon, notice, count=1):
        self.wait_for(lambda: daemon.notices.count(notice) >= count)

    def raw_request(self, port):
        """A connection of its own, and the first line that is answered."""
        with socket.create_connection(("127.0.0.1", port), timeout=600) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            return connection.recv(4096).partition(b"\r\n")[0]

    def test_sockets_that_listen_already(self):
        """Told by their names; they outlive a process, and who comes in between waits for the next one."""
        s3, admin_socket = listening(), listening()
        daemon = self.supervised("--shards", "2", sockets=(admin_socket, s3), names="admin:s3")
        port = s3.getsockname()[1]
        self.assertEqual((port, admin_socket.getsockname()[1]), (daemon.server.address[1], daemon.server.admin[1]))
        self.assertEqual(200, daemon.alice.put("one").status)
        self.assertEqual(200, daemon.alice.put("one", "k", (), (), b"bytes").status)
        self.assertEqual([b"HTTP/1.1 403 Forbidden"] * 8, [self.raw_request(port) for _ in range(8)])
        self.assertEqual(0, daemon.stop())

        answers = []
        waiting = threading.Thread(target=lambda: answers.append(self.raw_request(port)))
        waiting.start()
        self.restart(daemon)
        waiting.join(60)
        self.assertEqual([b"HTTP/1.1 403 Forbidden"], answers)
        self.assertEqual(b"bytes", daemon.alice.get("one", "k").body)

    def test_one_socket_without_a_name_is_of_s3(self):
        s3 = listening()
        daemon = self.supervised(sockets=(s3,), names="bale@8014.socket")
        self.assertEqual(s3.getsockname()[1], daemon.server.address[1])
        self.assertNotEqual(s3.getsockname()[1], daemon.server.admin[1])

    def test_sockets_that_cannot_be_used(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
            number = fcntl.fcntl(other.fileno(), fcntl.F_DUPFD, OUT_OF_THE_WAY)
        for sockets, words in (((socket.socket(fileno=number),), "no listening socket of TCP"),
                               ((listening(), listening(), listening()), "3 sockets were given")):
            daemon = Supervised(self.baled, sockets=sockets)
            self.daemons.append(daemon)
            with self.assertRaisesRegex(RuntimeError, words):
                daemon.start()
            self.assertEqual(1, daemon.process.returncode)

    def test_what_it_says_of_itself(self):
        daemon = self.supervised("--shards", "2", watchdog_ms=200)
        self.wait_for_notice(daemon, "READY=1")
        self.wait_for_notice(daemon, "WATCHDOG=1", 3)
        self.assertNotIn("STOPPING=1", daemon.notices)
        self.assertEqual(0, daemon.stop())
        self.wait_for_notice(daemon, "STOPPING=1")
        self.assertLess(daemon.notices.index("READY=1"), daemon.notices.index("STOPPING=1"))

    def test_nobody_watches(self):
        daemon = self.supervised("--shards", "1")
        self.wait_for_notice(daemon, "READY=1")
        self.assertEqual(0, daemon.stop())
        self.wait_for_notice(daemon, "STOPPING=1")
        self.assertEqual(["READY=1", "STOPPING=1"], daemon.notices)


class Draining(DaemonsCase):
    def test_load_balancers_are_told_while_everybody_is_taken(self):
        """With a delay that does not end by itself: a second signal ends it."""
        daemon = self.add("--drain-delay", "1h")
        self.assertEqual(200, daemon.alice.put("one").status)
        daemon.process.send_signal(signal.SIGTERM)
        self.wait_for(lambda: admin.fetch(daemon.server, "/ready").status == 503)
        newcomer = Client(daemon.server, daemon.server.accounts["alice"])
        self.assertEqual(200, newcomer.put("one", "k", (), (), b"from a balancer that has not looked yet").status)
        self.assertEqual(200, admin.fetch(daemon.server, "/health").status)
        daemon.process.send_signal(signal.SIGTERM)
        self.assertEqual(128 + signal.SIGTERM, daemon.process.wait(120))

    def is_refused(self, daemon):
        try:
            socket.create_connection(daemon.server.address, timeout=600).close()
        except ConnectionRefusedError:
            return True
        return False

    def test_an_upload_under_way_is_finished_behind_the_delay(self):
        daemon = self.add("--drain-delay", "100ms", "--drain-timeout", "60s")
        self.assertEqual(200, daemon.alice.put("one").status)
        body = os.urandom(300_000)
        prepared = daemon.alice.prepare("PUT", "one", "k", (), {"Expect": "100-continue"}, body)
        connection = daemon.alice.connect()
        connection.send(prepared.head)
        self.assertEqual(100, connection.read_head().status)
        daemon.process.send_signal(signal.SIGTERM)
        self.wait_for(lambda: self.is_refused(daemon))
        connection.send(prepared.body)
        self.assertEqual(200, connection.read_response("PUT").status)
        self.assertEqual(0, daemon.process.wait(60))
        self.restart(daemon)
        self.assertEqual(body, daemon.alice.get("one", "k").body)


@unittest.skipUnless(shutil.which("systemd-analyze"), "there is no systemd-analyze")
class Units(unittest.TestCase):
    baled = None

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="bale-units-")
        self.addCleanup(shutil.rmtree, self.folder)
        for name, source in (("bale.service", UNITS / "bale.service"), ("bale@8014.service", UNITS / "bale@.service"),
                             ("bale@8014.socket", SOCKET_UNIT)):
            lines = source.read_text().splitlines()
            starts = [line.partition("/baled ") for line in lines if line.startswith("ExecStart=")]
            self.assertTrue(all(start.startswith("ExecStart=/") and rest for start, _, rest in starts), starts)
            lines = [f"ExecStart={self.baled} {line.partition('/baled ')[2]}" if line.startswith("ExecStart=") else line for line in lines]
            Path(self.folder, name).write_text("\n".join(lines) + "\n")

    def analyze(self, *words):
        return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, timeout=600, check=False)

    def test_systemd_understands_them(self):
        done = self.analyze("verify", "--man=no", *(os.path.join(self.folder, name) for name in os.listdir(self.folder)))
        self.assertEqual((0, ""), (done.returncode, done.stderr))

    def test_systemd_finds_them_well_shut(self):
        """On its scale of 10 they stand at 1.5."""
        for name in ("bale.service", "bale@8014.service"):
            done = self.analyze("security", "--offline=true", "--threshold=18", "--no-pager", os.path.join(self.folder, name))
            self.assertEqual(0, done.returncode, done.stdout + done.stderr)
