#!/usr/bin/env python3
"""tests/process/run.py -- baled and bale as processes: options, ports, signals, the admin listener, the log, the tools.

usage: run.py [--baled build/server/baled] [--bale build/tools/bale] [WORD...]   only tests whose name holds a word

The last line is "N passed, N failed".
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE.parent / "s3")]

from client import Account, Client, Server  # noqa: E402
from daemon import Daemon  # noqa: E402

VECTORS = ROOT / "tests" / "vectors"


def fetch(server, path, method="GET"):
    """(status, text) of the admin listener."""
    request = urllib.request.Request(f"http://{server.admin[0]}:{server.admin[1]}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class ProcessCase(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="bale-process-"))
        self.daemons = []

    def tearDown(self):
        for daemon in self.daemons:
            daemon.remove()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, *options, folder=None):
        daemon = Daemon(ARGUMENTS.baled, options, folder=str(folder) if folder else None)
        self.daemons.append(daemon)
        daemon.server = daemon.start()
        daemon.alice = Client(daemon.server, daemon.server.accounts["alice"])
        return daemon

    def baled(self, *options, **environment):
        return subprocess.run([ARGUMENTS.baled, *options], cwd=self.folder, env={"PATH": os.environ["PATH"], **environment},
                              capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL, check=False)

    def bale(self, *words):
        return subprocess.run([ARGUMENTS.bale, *map(str, words)], cwd=self.folder, capture_output=True, text=True,
                              timeout=60, check=False)


class Options(ProcessCase):
    def test_help_and_version_go_to_standard_output(self):
        for option, wanted in (("--help", "--zstd-level N"), ("--version", "baled 0.")):
            done = self.baled(option)
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertIn(wanted, done.stdout)

    def test_what_is_wrong_is_named_and_ends_with_2(self):
        for options, environment, wanted in (
                (["--codec", "lz4"], {}, "--codec: \"lz4\" is not allowed; allowed is auto|zstd|none"),
                (["--lisen", "x"], {}, "--lisen: there is no such option"),
                ([], {"BALE_SHARDS": "many"}, "BALE_SHARDS: \"many\" is not allowed; allowed is auto, or a number"),
                (["--config", "missing.ini"], {}, "missing.ini")):
            done = self.baled(*options, **environment)
            self.assertEqual(2, done.returncode)
            self.assertIn(wanted, done.stderr)
            self.assertEqual(1, len(done.stderr.splitlines()), done.stderr)

    def test_a_line_that_inih_would_cut_is_named(self):
        (self.folder / "bale.ini").write_text("region = eu\ndomain = " + "a" * 300 + "\n")
        done = self.baled("--config", "bale.ini")
        self.assertEqual(2, done.returncode)
        self.assertIn("bale.ini:2", done.stderr)


class Start(ProcessCase):
    def test_ready_in_well_under_100_ms(self):
        fastest = 1.0
        for _ in range(5):
            daemon = Daemon(ARGUMENTS.baled)
            self.daemons.append(daemon)
            started = time.monotonic()
            process = subprocess.Popen(daemon.command(), cwd=daemon.folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            line = process.stdout.readline()
            fastest = min(fastest, time.monotonic() - started)
            process.terminate()
            process.wait(20)
            process.stdout.close()
            self.assertRegex(line, rb"^baled: ready, S3 on http://127.0.0.1:\d+ in region us-east-1, admin on ")
        self.assertLess(fastest, 0.1)

    def test_a_taken_port_is_a_plain_sentence(self):
        first = self.start("--shards", "2")
        taken = f"127.0.0.1:{first.server.address[1]}"
        done = self.baled("--listen", taken, "--admin", "127.0.0.1:0", "--backend", "dir:second")
        self.assertEqual(1, done.returncode)
        self.assertIn(taken, done.stderr)
        self.assertIn("another process listens there already", done.stderr)
        self.assertFalse((self.folder / "second").exists(), "the folder was made although the port is taken")

    def test_a_second_process_on_the_folder_is_refused_by_name(self):
        first = self.start()
        done = self.baled("--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--backend", f"dir:{first.folder}/data")
        self.assertEqual(1, done.returncode)
        self.assertIn(str(first.process.pid), done.stderr)
        checked = self.bale("check", "--backend", f"dir:{first.folder}/data")
        self.assertEqual(1, checked.returncode)
        self.assertIn(str(first.process.pid), checked.stderr)

    def test_a_key_pair_is_made_once_and_shown_to_no_pipe(self):
        secrets = []
        for _ in range(2):
            process = subprocess.Popen([ARGUMENTS.baled, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"],
                                       cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            lines = [process.stdout.readline()]
            while "ready" not in lines[-1]:
                lines.append(process.stdout.readline())
            port = int(re.search(r"S3 on http://127.0.0.1:(\d+)", lines[-1]).group(1))
            file = self.folder / "bale-data" / "credentials"
            self.assertEqual(0o600, file.stat().st_mode & 0o777)
            text = file.read_text()
            access = re.search(r"^access_key = (AKIA[A-Z2-7]{16})$", text, re.M).group(1)
            secret = re.search(r"^secret_key = ([A-Za-z0-9]{40})$", text, re.M).group(1)
            secrets.append(secret)
            self.assertNotIn(secret, "".join(lines))
            account = Account("owner", access, secret, "")
            client = Client(Server(("127.0.0.1", port), {"owner": account}), account)
            self.assertEqual(200, client.get().status)
            process.terminate()
            self.assertEqual(0, process.wait(20))
            process.stdout.close()
        self.assertEqual(secrets[0], secrets[1])

    def test_the_limit_of_open_files_is_raised(self):
        daemon = self.start()
        limits = Path(f"/proc/{daemon.process.pid}/limits").read_text()
        soft, hard = re.search(r"^Max open files\s+(\d+)\s+(\d+)", limits, re.M).groups()
        self.assertEqual(hard, soft)

    def test_more_connections_than_files_are_refused(self):
        done = subprocess.run(["bash", "-c", f"ulimit -n 256; exec {ARGUMENTS.baled} --listen :0 --connections-max 5000"],
                              cwd=self.folder, capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(1, done.returncode)
        self.assertIn("--connections-max: 5000 is not allowed", done.stderr)

    def test_few_open_files_are_enough_to_serve(self):
        daemon = Daemon("/bin/bash", folder=str(self.folder))
        self.daemons.append(daemon)
        command = Daemon.command(daemon)[1:]
        daemon.command = lambda: ["/bin/bash", "-c", f"ulimit -n 256; exec {ARGUMENTS.baled} \"$@\"", "baled", *command]
        server = daemon.start()
        client = Client(server, server.accounts["alice"])
        self.assertEqual(200, client.put("few-files").status)
        kept = [socket.create_connection(server.address) for _ in range(300)]
        for connection in kept:
            connection.close()
        self.assertEqual(200, client.get("few-files").status)


class Signals(ProcessCase):
    def test_sigterm_ends_with_0(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            daemon = self.start()
            self.assertEqual(200, daemon.alice.put("kept").status)
            started = time.monotonic()
            daemon.process.send_signal(number)
            self.assertEqual(0, daemon.process.wait(20))
            self.assertLess(time.monotonic() - started, 2)

    def test_what_is_in_flight_is_finished(self):
        daemon = self.start()
        daemon.alice.put("flight")
        body = b"in flight " * 100_000
        prepared = daemon.alice.prepare("PUT", "flight", "key", (), (), body)
        connection = daemon.alice.connect()
        connection.send(prepared.head + prepared.body[:1000])
        time.sleep(0.2)
        daemon.process.terminate()
        time.sleep(0.3)
        self.assertIsNone(daemon.process.poll(), "it did not wait for the request")
        with self.assertRaises(OSError):
            socket.create_connection(daemon.server.address, timeout=2).close()
        self.assertEqual((503, "draining\n"), fetch(daemon.server, "/ready"))
        self.assertEqual(200, fetch(daemon.server, "/health")[0])
        connection.send(prepared.body[1000:])
        self.assertEqual(200, connection.read_response("PUT").status)
        self.assertEqual(0, daemon.process.wait(20))

        again = self.start(folder=daemon.folder)
        again.server.accounts = daemon.accounts
        alice = Client(again.server, daemon.accounts["alice"])
        self.assertEqual(body, alice.get("flight", "key").body)

    def test_the_drain_timeout_ends_it(self):
        daemon = self.start("--drain-timeout", "500ms")
        daemon.alice.put("slow")
        prepared = daemon.alice.prepare("PUT", "slow", "key", (), (), b"x" * 100_000)
        connection = daemon.alice.connect()
        connection.send(prepared.head + prepared.body[:1000])
        time.sleep(0.2)
        started = time.monotonic()
        daemon.process.terminate()
        self.assertEqual(0, daemon.process.wait(20))
        self.assertGreater(time.monotonic() - started, 0.4)
        self.assertLess(time.monotonic() - started, 3)

    def test_a_second_signal_ends_it_at_once(self):
        daemon = self.start()
        daemon.alice.put("slow")
        prepared = daemon.alice.prepare("PUT", "slow", "key", (), (), b"x" * 100_000)
        connection = daemon.alice.connect()
        connection.send(prepared.head + prepared.body[:1000])
        time.sleep(0.2)
        daemon.process.terminate()
        time.sleep(0.2)
        started = time.monotonic()
        daemon.process.terminate()
        self.assertEqual(128 + signal.SIGTERM, daemon.process.wait(20))
        self.assertLess(time.monotonic() - started, 1)

    def test_idle_connections_do_not_hold_it(self):
        daemon = self.start()
        daemon.alice.put("idle")
        kept = [daemon.alice.connect() for _ in range(20)]
        for connection in kept:
            connection.send(daemon.alice.prepare("GET", "idle").bytes)
            connection.read_response("GET")
        started = time.monotonic()
        daemon.process.terminate()
        self.assertEqual(0, daemon.process.wait(20))
        self.assertLess(time.monotonic() - started, 2)


SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)*\})? (\S+)$')


def read_metrics(text):
    """{name: {labels: value}}, with the rules that Prometheus' own checker has."""
    types, helps, samples = {}, set(), {}
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split()[2]
            assert name not in helps, f"two HELP lines of {name}"
            helps.add(name)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            assert name not in types and kind in ("counter", "gauge", "histogram"), line
            types[name] = kind
        else:
            match = SAMPLE.match(line)
            assert match, line
            name, labels, value = match.groups()
            family = re.sub(r"_(bucket|sum|count)$", "", name)
            family = family if types.get(family) == "histogram" else name
            assert family in types and family in helps, f"{name} has no TYPE or HELP"
            assert types[family] != "counter" or name.endswith("_total"), f"{name} is a counter without _total"
            assert (labels or "") not in samples.setdefault(name, {}), f"twice: {line}"
            samples[name][labels or ""] = float(value)
    return samples


class Admin(ProcessCase):
    def test_routes_and_methods(self):
        server = self.start().server
        self.assertEqual((200, "alive\n"), fetch(server, "/health"))
        self.assertEqual((200, "ready\n"), fetch(server, "/ready"))
        self.assertEqual(404, fetch(server, "/")[0])
        self.assertEqual(404, fetch(server, "/metrics/x")[0])
        for method in ("PUT", "POST", "DELETE"):
            self.assertEqual(405, fetch(server, "/metrics", method)[0])
            self.assertEqual(404, fetch(server, "/bucket/key", method)[0])
        self.assertEqual((200, ""), fetch(server, "/health", "HEAD"))

    def test_metrics_are_valid_and_count(self):
        daemon = self.start()
        daemon.alice.put("counted")
        text = b"2026-01-01 a line of a log that says the same thing every day\n" * 2000
        for number in range(3):
            self.assertEqual(200, daemon.alice.put("counted", f"key-{number}", (), (), text).status)
        daemon.alice.get("counted", "key-0")
        daemon.alice.get("counted", "no-such-key-as-this")
        daemon.alice.get("no-such-bucket-as-this")
        page = fetch(daemon.server, "/metrics")[1]
        metrics = read_metrics(page)
        self.assertEqual(3, metrics["bale_requests_total"]['{operation="PutObject",status="200"}'])
        self.assertEqual(1, metrics["bale_requests_total"]['{operation="GetObject",status="200"}'])
        self.assertEqual(1, metrics["bale_refusals_total"]['{code="NoSuchKey"}'])
        self.assertEqual(3 * len(text), metrics["bale_original_bytes_written_total"][""])
        self.assertLess(metrics["bale_stored_bytes_written_total"][""], len(text))
        self.assertEqual(3, metrics["bale_objects_written_total"]['{codec="cpu-zstd"}'])
        self.assertEqual(3, metrics["bale_request_seconds_count"]['{operation="PutObject"}'])
        buckets = [value for labels, value in metrics["bale_request_seconds_bucket"].items() if '"PutObject"' in labels]
        self.assertEqual(sorted(buckets), buckets)
        self.assertEqual(3, buckets[-1])
        self.assertGreaterEqual(sum(metrics["bale_connections_open"].values()), 1)
        # statement 347: names that somebody asked for never become labels
        for name in ("counted", "key-0", "no-such-key-as-this", "no-such-bucket-as-this", "alice"):
            self.assertNotIn(name, page)


class Log(ProcessCase):
    def requests(self, daemon):
        daemon.process.terminate()
        daemon.process.wait(20)
        time.sleep(0.1)
        return [line for line in daemon.output if "request" in line]

    def test_one_line_for_each_request_with_its_id(self):
        daemon = self.start()
        answers = [daemon.alice.put("logged"), daemon.alice.put("logged", "a key\nwith a line", (), (), b"x"),
                   daemon.alice.get("logged", "missing")]
        ids = [answer.header("x-amz-request-id") for answer in answers]
        self.assertEqual(3, len(set(ids)))
        lines = self.requests(daemon)
        self.assertEqual(3, len(lines), lines)
        for line, answer in zip(lines, answers):
            self.assertIn(f"id={answer.header('x-amz-request-id')}", line)
            self.assertIn(f"status={answer.status}", line)
        self.assertIn("operation=PutObject", lines[1])
        self.assertIn("bucket=logged", lines[1])
        self.assertIn(r"a key\nwith a line", lines[1])
        self.assertIn("code=NoSuchKey", lines[2])

    def test_json(self):
        daemon = self.start("--log-format", "json")
        answer = daemon.alice.put("logged")
        events = [json.loads(line) for line in self.requests(daemon) if line.startswith("{")]
        self.assertEqual(answer.header("x-amz-request-id"), events[0]["id"])
        self.assertEqual("CreateBucket", events[0]["operation"])
        self.assertEqual(200, events[0]["status"])


class Bale(ProcessCase):
    def test_what_is_wrong_is_named(self):
        for words, wanted in ((["frobnicate"], "there is no command frobnicate"), (["import"], "it needs a FOLDER"),
                              (["check", "--bucket", "x"], "--bucket: there is no such option here"),
                              (["check", "--backend", "s3:x"], "allowed is dir:PATH")):
            done = self.bale(*words)
            self.assertEqual(2, done.returncode, done)
            self.assertIn(wanted, done.stderr)
        self.assertIn("there is no store in", self.bale("check", "--backend", "dir:missing").stderr)
        self.assertEqual(0, self.bale("help").returncode)
        self.assertRegex(self.bale("version").stdout, r"^bale \d")

    def import_set(self, name):
        """A running server over a folder that holds one set of the vectors, and what its list says of it."""
        daemon = Daemon(ARGUMENTS.baled)
        self.daemons.append(daemon)
        done = self.bale("import", VECTORS / name, "--backend", f"dir:{daemon.folder}/data", "--bucket", "vectors",
                         "--owner", daemon.accounts["alice"].id)
        self.assertEqual(0, done.returncode, done.stderr)
        server = daemon.start()
        return daemon, Client(server, daemon.accounts["alice"]), json.loads((VECTORS / name / "objects.json").read_text())

    def assert_reads_back(self, client, objects):
        listed = client.get("vectors", None, [("list-type", "2")]).texts("Contents/Key")
        wanted = {key: entry for key, entry in objects["objects"].items() if "original_size" in entry}
        self.assertEqual(sorted(wanted), listed)
        for key, entry in wanted.items():
            head, answer = client.head("vectors", key), client.get("vectors", key)
            self.assertEqual(200, answer.status, (key, answer.body[:300]))
            self.assertEqual(entry["original_sha256"], hashlib.sha256(answer.body).hexdigest(), key)
            self.assertEqual(str(entry["original_size"]), head.header("content-length"), key)
            etag = entry.get("complete_etag", entry["original_md5"])
            self.assertEqual(f'"{etag}"', head.header("etag"), key)
            self.assertEqual("text/plain", head.header("content-type"))
            self.assertEqual("me", head.header("x-amz-meta-owner"))
            self.assertFalse([name for name in head.names if "s4-" in name], head.names)
            if entry["original_size"] > 100:
                part = client.get("vectors", key, (), [("Range", "bytes=50-99")])
                self.assertEqual((206, answer.body[50:100]), (part.status, part.body), key)

    def test_what_a_real_gateway_wrote_reads_back(self):
        for name in ("zstd", "passthrough", "gzip", "ledger"):
            with self.subTest(name):
                _, client, objects = self.import_set(name)
                self.assert_reads_back(client, objects)

    def test_dictionaries_and_encryption_get_a_clear_error(self):
        _, client, _ = self.import_set("zstd-dict")
        answer = client.get("vectors", "ev/keep-1")
        self.assertGreaterEqual(answer.status, 400)
        self.assertIn("dictionar", answer.body.decode())
        self.assertEqual(200, client.get("vectors", "other/plain").status)
        _, client, _ = self.import_set("sse-s4")
        answer = client.get("vectors", "logs-4k")
        self.assertGreaterEqual(answer.status, 400)
        self.assertIn("encrypt", answer.body.decode())

    def test_export_and_import_carry_everything(self):
        daemon = self.start()
        daemon.alice.put("bucket")
        large = os.urandom(1 << 20) + b"many of the same " * 200_000
        bodies = {"small": b"small", "empty": b"", "a/b": b"nested" * 1000, "a_b": b"other", "lar ge": large,
                  "ü": b"umlaut"}
        headers = [("x-amz-meta-colour", "green"), ("Content-Type", "text/x-test"), ("Cache-Control", "no-cache")]
        for key, body in bodies.items():
            self.assertEqual(200, daemon.alice.put("bucket", key, (), headers, body).status)
        before = {key: daemon.alice.head("bucket", key) for key in bodies}
        self.assertEqual(0, daemon.stop())
        done = self.bale("export", "out", "--bucket", "bucket", "--backend", f"dir:{daemon.folder}/data")
        self.assertEqual(0, done.returncode, done.stderr)
        done = self.bale("import", "out", f"--backend=dir:{daemon.folder}/data", "--bucket=copy", "--owner",
                         daemon.accounts["alice"].id)
        self.assertEqual(0, done.returncode, done.stderr)

        again = self.start(folder=daemon.folder)
        alice = Client(Server(again.server.address, daemon.accounts), daemon.accounts["alice"])
        for key, body in bodies.items():
            answer = alice.get("copy", key, (), [("x-amz-checksum-mode", "ENABLED")])
            self.assertEqual((200, body), (answer.status, answer.body), key)
            for name in ("etag", "content-type", "cache-control", "x-amz-meta-colour", "content-length"):
                self.assertEqual(before[key].header(name), answer.header(name), (key, name))

    def test_check_finds_nothing_in_a_sound_folder(self):
        daemon = self.start()
        daemon.alice.put("bucket")
        for number in range(20):
            daemon.alice.put("bucket", f"key-{number}", (), (), os.urandom(number * 1000))
        daemon.stop()
        done = self.bale("check", "--backend", f"dir:{daemon.folder}/data")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertIn("1 buckets, 20 objects", done.stdout)
        self.assertIn("0 damaged", done.stdout)


def main():
    suite = unittest.TestSuite()
    for group in unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__]):
        suite.addTests(test for test in group
                       if not ARGUMENTS.words or any(word in test.id() for word in ARGUMENTS.words))
    total = suite.countTestCases()
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=1).run(suite)
    names = sorted({getattr(getattr(test, "test_case", test), "_testMethodName", str(test))
                    for test, _ in result.failures + result.errors})
    for name in names:
        print(f"repeat: tests/process/run.py --baled {ARGUMENTS.baled} --bale {ARGUMENTS.bale} {name}")
    print(f"{total - len(names)} passed, {len(names)} failed")
    return 1 if names else 0


if __name__ == "__main__":
    PARSER = argparse.ArgumentParser(description="baled and bale as processes")
    PARSER.add_argument("--baled", default=str(ROOT / "build/server/baled"))
    PARSER.add_argument("--bale", default=str(ROOT / "build/tools/bale"))
    PARSER.add_argument("words", nargs="*")
    ARGUMENTS = PARSER.parse_args()
    ARGUMENTS.baled, ARGUMENTS.bale = os.path.abspath(ARGUMENTS.baled), os.path.abspath(ARGUMENTS.bale)
    sys.exit(main())
