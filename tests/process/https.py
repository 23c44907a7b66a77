"""tests/process/https.py -- baled with a certificate: both ports, reload, what is refused, who is slow; for tests/process/run.

`Https.baled` is the binary; set before the tests run.
"""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import admin
import wire
from daemon import Daemon
from daemons import DaemonsCase

# valid for a day in 2020; its key is nowhere
EXPIRED = """-----BEGIN CERTIFICATE-----
MIIBEzCBu6ADAgECAgEBMAoGCCqGSM49BAMCMBQxEjAQBgNVBAMMCWxvY2FsaG9z
dDAeFw0yMDAxMDEwMDAwMDBaFw0yMDAxMDIwMDAwMDBaMBQxEjAQBgNVBAMMCWxv
Y2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABMB9Bm5/EOIZ0+kDBMMg
GRaFlNUVQF05bCb0908B4YOJ4/nZ1+z9CgaMdA6qA0h0nO5/PSgIL7x2jVlX4/Pp
md8wCgYIKoZIzj0EAwIDRwAwRAIgDbcaDNuEn3PZMCjxw+vHXuS1hFpO3HkeLgZm
6RtpuHECIGzkTUZNper7+slYDlctLuPOY8XnPHtuMB2qw/9BoUAl
-----END CERTIFICATE-----
"""


class Https(DaemonsCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="bale-https-"))
        super().setUp()

    def tearDown(self):
        super().tearDown()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, *options):
        return self.add(*options, tls=True)

    def metric(self, daemon, name):
        """Of all shards."""
        return sum(value for key, value in admin.metrics(daemon.server).items() if key.partition("{")[0] == name)

    def peer_serial(self, daemon):
        with wire.Connection(daemon.server.address, tls=daemon.server.tls) as connection:
            return connection.socket.getpeercert()["serialNumber"]

    # ---- both ports ----

    def test_both_ports_speak_tls_1_2_and_1_3(self):
        daemon = self.start()
        self.assertIn("S3 on https://127.0.0.1:", daemon.log())
        self.assertIn("admin on https://127.0.0.1:", daemon.log())
        self.assertEqual(200, admin.fetch(daemon.server, "/health").status)
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = daemon.authority.context()
            context.minimum_version = context.maximum_version = version
            for address in (daemon.server.address, daemon.server.admin):
                with wire.Connection(address, tls=context) as connection:
                    self.assertEqual(version.name.replace("_", "."), connection.socket.version())
                    connection.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    self.assertIn(connection.read_response().status, (200, 404))  # a bucket that is not there

    def test_older_versions_are_refused(self):
        daemon = self.start()
        context = daemon.authority.context()
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        with self.assertRaises(ssl.SSLError) as refused:
            wire.Connection(daemon.server.address, tls=context)
        self.assertIn("PROTOCOL_VERSION", refused.exception.reason)

    def test_plain_http_gets_a_sentence(self):
        daemon = self.start()
        for address in (daemon.server.address, daemon.server.admin):
            for request in (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", b"DELETE /b/k HTTP/1.1\r\nHost: h\r\n\r\n",
                            b"PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n" + bytes(1000000)):
                with wire.Connection(address) as connection:
                    connection.try_send(request)
                    answer = connection.read_response()
                    self.assertEqual(400, answer.status)
                    self.assertEqual(b"This port speaks HTTPS: use https:// instead of http://.\n", answer.body)
                    self.assertTrue(connection.is_closed_within(60))

    # ---- start ----

    def refuse(self, certificate, key, *wanted):
        done = subprocess.run([self.baled, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--tls-cert", certificate,
                               "--tls-key", key], cwd=self.folder, capture_output=True, text=True, timeout=600, check=False)
        self.assertEqual(1, done.returncode, done.stderr)
        self.assertEqual(1, len(done.stderr.splitlines()), done.stderr)
        for words in wanted:
            self.assertIn(words, done.stderr)
        self.assertFalse((self.folder / "bale-data").exists())

    def test_a_wrong_pair_stops_the_start_and_is_named(self):
        daemon = Daemon(self.baled, tls=True)
        self.daemons.append(daemon)
        certificate, key = daemon.authority.issue()
        _, other_key = daemon.authority.issue()
        expired, empty = self.folder / "expired.pem", self.folder / "empty.pem"
        expired.write_text(EXPIRED)
        empty.write_text("")
        self.refuse("/nowhere/c.pem", key, "TLS certificate /nowhere/c.pem: No such file")
        self.refuse(certificate, "/nowhere/k.pem", "TLS key /nowhere/k.pem: No such file")
        self.refuse(expired, key, f"TLS certificate {expired}", "has expired")
        self.refuse(empty, key, f"TLS certificate {empty}", "no start line")
        self.refuse(key, key, f"TLS certificate {key}", "no start line")
        self.refuse(self.folder, key, f"TLS certificate {self.folder}")
        self.refuse(certificate, empty, f"TLS key {empty}")
        self.refuse(certificate, other_key, f"TLS key {other_key}: it does not belong to the certificate {certificate}")
        encrypted = self.folder / "encrypted.key"
        subprocess.run(["openssl", "ec", "-in", key, "-out", encrypted, "-aes128", "-passout", "pass:secret"], check=True,
                       capture_output=True)
        self.refuse(certificate, encrypted, f"TLS key {encrypted}", "without pass phrase")

    def test_one_of_the_two_is_not_enough(self):
        for option, other in (("--tls-cert", "--tls-key"), ("--tls-key", "--tls-cert")):
            done = subprocess.run([self.baled, option, "x.pem"], cwd=self.folder, capture_output=True, text=True, timeout=600,
                                  check=False)
            self.assertEqual(2, done.returncode)
            self.assertIn(f"{option} is given and {other} is not: both or neither", done.stderr)

    # ---- reload ----

    def hang_up(self, daemon, wanted):
        before = daemon.log().count(wanted)
        daemon.process.send_signal(signal.SIGHUP)
        self.wait_for(lambda: daemon.log().count(wanted) > before)

    def test_reload_under_load_drops_no_connection(self):
        daemon = self.start("--shards", "2")
        certificate, key = daemon.options[-3], daemon.options[-1]
        daemon.alice.put("bucket")
        body = os.urandom(300_000)
        stop, failures, counts, answered = threading.Event(), [], [], [0] * 12

        def work(number):
            """One connection, kept, from the first request to the last."""
            try:
                with wire.Connection(daemon.server.address, tls=daemon.server.tls) as connection:
                    count = 0
                    while not stop.is_set():
                        for method in ("PUT", "GET"):
                            sent = body if method == "PUT" else b""
                            connection.send(daemon.alice.prepare(method, "bucket", f"key-{number}", (), (), sent).bytes)
                            answer = connection.read_response()
                            if answer.status != 200 or connection.must_close or (method == "GET" and answer.body != body):
                                raise AssertionError(answer)
                            count += 1
                            answered[number] = count
                    counts.append(count)
            except Exception as error:  # noqa: BLE001 -- whatever it is, it is a dropped connection
                failures.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        serials = {self.peer_serial(daemon)}
        for _ in range(8):
            time.sleep(0.1)
            new_certificate, new_key = daemon.authority.issue()
            os.replace(new_key, key)
            os.replace(new_certificate, certificate)
            self.hang_up(daemon, "certificate and key were read again")
            serials.add(self.peer_serial(daemon))
        self.wait_for(lambda: failures or min(answered) > 1)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual([], failures)
        self.assertEqual(12, len(counts))
        self.assertEqual(9, len(serials), "new connections do not get the new certificate")
        self.assertEqual(0, daemon.stop())

    def test_a_failed_reload_keeps_the_old_pair(self):
        daemon = self.start()
        key = Path(daemon.options[-1])
        serial = self.peer_serial(daemon)
        good = key.read_bytes()
        key.write_text("no key")
        self.hang_up(daemon, f"certificate and key stay as they were: TLS key {key}")
        self.assertEqual(serial, self.peer_serial(daemon))
        key.write_bytes(good)
        self.hang_up(daemon, "certificate and key were read again")

    def test_without_a_certificate_sighup_changes_nothing(self):
        daemon = Daemon(self.baled)
        self.daemons.append(daemon)
        daemon.start()
        self.hang_up(daemon, "nothing to read again")
        self.assertEqual(0, daemon.stop())

    def test_tickets_hold_across_shards_and_reloads(self):
        daemon = self.start("--shards", "2")
        context = daemon.server.tls
        with wire.Connection(daemon.server.address, tls=context) as first:
            first.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            first.read_response()
            session = first.socket.session
        for round_number in range(2):
            reused = 0
            for _ in range(16):  # the kernel spreads them over the shards
                plain = socket.create_connection(daemon.server.address)
                with context.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as again:
                    reused += again.session_reused
            self.assertEqual(16, reused, round_number)
            self.hang_up(daemon, "certificate and key were read again")

    # ---- the edges of a connection ----

    def test_an_answer_before_the_end_arrives_whole(self):
        daemon = self.start()
        body = os.urandom(9_000_000)
        daemon.alice.put("bucket")
        self.assertEqual(200, daemon.alice.put("bucket", "key", (), (), body).status)
        for _ in range(5):
            request = daemon.alice.prepare("GET", "bucket", "key", (), [("Connection", "close")]).bytes
            plain = socket.create_connection(daemon.server.address)
            with daemon.server.tls.wrap_socket(plain, server_hostname="127.0.0.1", suppress_ragged_eofs=False) as secure:
                secure.sendall(request)
                received = b""
                while piece := secure.recv(1 << 16):  # an end without close_notify raises
                    received += piece
            self.assertEqual(body, received.partition(b"\r\n\r\n")[2])

    def test_bytes_that_come_one_by_one_are_a_handshake_too(self):
        daemon = self.start()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = daemon.server.tls.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
        with wire.Connection(daemon.server.address) as connection:
            def step(action):
                while True:
                    try:
                        return action()
                    except ssl.SSLWantReadError:
                        for byte in outgoing.read():
                            connection.send(bytes([byte]))
                        incoming.write(connection.socket.recv(1 << 16))
            step(tls.do_handshake)
            tls.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertIn(b"403 Forbidden", step(lambda: tls.read(1 << 16)))

    def test_silent_and_slow_handshakes_end(self):
        daemon = self.start("--head-timeout", "300ms")
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = daemon.server.tls.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
        with self.assertRaises(ssl.SSLWantReadError):
            tls.do_handshake()
        hello = outgoing.read()
        with wire.Connection(daemon.server.address) as silent, wire.Connection(daemon.server.address) as slow:
            started = time.monotonic()
            slow.send(hello[:100])
            while time.monotonic() < started + 0.6:  # a byte every now and then buys no time
                slow.try_send(hello[100:101])
                time.sleep(0.05)
            self.assertTrue(silent.is_closed_within(60))
            self.assertTrue(slow.is_closed_within(60))
        self.wait_for(lambda: self.metric(daemon, "bale_tls_handshakes_failed_total") == 2)

    def test_a_stop_does_not_wait_for_handshakes(self):
        daemon = self.start("--head-timeout", "5m", "--drain-timeout", "5m")
        held = [wire.Connection(daemon.server.address) for _ in range(20)]
        for connection in held[10:]:
            connection.send(b"\x16\x03\x01\x02\x00\x01")
        self.wait_for(lambda: self.metric(daemon, "bale_connections_open") == 20)
        self.assertEqual(0, daemon.stop())  # which waits for less than that
        for connection in held:
            connection.close()

    def test_idle_connections_hold_little(self):
        if b"__asan_init" in Path(self.baled).read_bytes():
            self.skipTest("under a sanitizer memory is not what it would be")
        daemon = self.start("--shards", "2")
        connections = []

        def open_some(count):
            for _ in range(count):
                connections.append(wire.Connection(daemon.server.address, tls=daemon.server.tls))
                connections[-1].send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            for connection in connections[-count:]:
                connection.read_response()

        def held():
            status = Path(f"/proc/{daemon.process.pid}/status").read_text()
            return int(status.partition("RssAnon:")[2].split()[0])

        open_some(20)
        time.sleep(0.5)  # they park
        before = held()
        open_some(300)
        self.wait_for(lambda: (held() - before) / 300 < 32)  # when all have
        for connection in connections:
            connection.close()
