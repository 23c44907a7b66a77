"""tests/process/bench_tool.py -- bale-bench against a real server; for tests/process/run.

`BenchTool.baled` and `BenchTool.bench` are the binaries; set before the tests run.
"""

import base64
import csv
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import xml.etree.ElementTree
import zlib
from pathlib import Path

from daemons import DaemonsCase
from terminal import run_on_terminal

JOBS = """
[global]
objects = 20
size = 1K:3,70K:1
iodepth = 4
requests = 60
runtime = 0
verify = full

[job mix]
prepare = yes
rw = mixed
rwmix = get:4,put:2,head:3,delete:1

[job open]
stonewall = yes
rw = get
rate = 200
arrival = poisson
requests = 0
runtime = 500ms

[job presigned]
stonewall = yes
sign = presigned
loops = 1
requests = 0

[job unsigned]
stonewall = yes
rw = put
sign = unsigned-payload
checksum = crc64nvme
key-shape = deep

[job streamed]
stonewall = yes
rw = put
sign = stream
checksum = sha256
size = 1-400K
prefix = streamed/
requests = 0
loops = 1

[job streamed-back]
stonewall = yes
rw = get
size = 1-400K
prefix = streamed/
requests = 0
loops = 1

[job pages]
stonewall = yes
rw = list

[job copies]
stonewall = yes
rw = copy

[job uploads]
stonewall = yes
rw = multipart
prefix = uploads/
objects = 2
size = 6M
part-size = 5M
sign = stream
requests = 2

[job ranges]
stonewall = yes
rw = randrange
prefix = uploads/
objects = 2
size = 6M
connections = new

[job scan]
stonewall = yes
rw = seqrange
range-size = 512K
prefix = uploads/
objects = 2
size = 6M
requests = 24

[job gone]
stonewall = yes
rw = delete
requests = 0
loops = 1

[job again]
stonewall = yes
rw = put
requests = 0
loops = 1

[job all-gone]
stonewall = yes
rw = delete-objects
batch = 8
requests = 0
loops = 1
"""
OPERATIONS = {"mix": {"get", "put", "head", "delete"}, "open": {"get"}, "presigned": {"get"}, "unsigned": {"put"}, "streamed": {"put"}, "streamed-back": {"get"},
              "pages": {"list"}, "copies": {"copy"}, "uploads": {"multipart"}, "ranges": {"randrange"},
              "scan": {"seqrange"}, "gone": {"delete"}, "again": {"put"}, "all-gone": {"delete-objects"}}


def read_histogram(text):
    """A second reader of HdrHistogram's compressed V2 encoding, by its description alone: {least value of a place: count}."""
    raw = base64.b64decode(text, validate=True)
    cookie, size = struct.unpack(">ii", raw[:8])
    assert cookie & ~0xf0 == 0x1c849304 and size == len(raw) - 8, (hex(cookie), size)
    payload = zlib.decompress(raw[8:])
    cookie, size, offset, digits, lowest, highest, ratio = struct.unpack(">iiiiqqd", payload[:40])
    assert cookie & ~0xf0 == 0x1c849303 and size == len(payload) - 40
    assert (offset, digits, lowest, highest, ratio) == (0, 3, 1, 3_600_000_000_000, 1.0)
    counts, place, at = {}, 0, 40
    while at < len(payload):
        value = shift = 0
        while True:
            byte = payload[at]
            at += 1
            value |= (byte if shift == 56 else byte & 0x7f) << shift
            shift += 7
            if byte < 0x80 or shift > 56:
                break
        value = value >> 1 ^ -(value & 1)
        if value < 0:
            place -= value
            continue
        bucket = max(place // 1024 - 1, 0)
        counts[(place - bucket * 1024) << bucket] = value
        place += 1
    return counts


class BenchTool(DaemonsCase):
    bench = None

    def setUp(self):
        super().setUp()
        self.folder = Path(tempfile.mkdtemp(prefix="bale-bench-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def run_bench(self, *words, account=None, status=0):
        environment = {"PATH": os.environ["PATH"]}
        if account:
            environment |= {"AWS_ACCESS_KEY_ID": account.access_key, "AWS_SECRET_ACCESS_KEY": account.secret_key}
        done = subprocess.run([self.bench, *map(str, words)], capture_output=True, text=True, cwd=self.folder, timeout=600,
                              env=environment, check=False)
        self.assertEqual(status, done.returncode, done.stdout + done.stderr)
        return done

    def start(self, **options):
        daemon = self.add(**options)
        scheme = "https" if options.get("tls") else "http"
        return daemon, daemon.server.accounts["alice"], f"{scheme}://{daemon.server.address[0]}:{daemon.server.address[1]}"

    def test_every_kind_of_request(self):
        daemon, account, endpoint = self.start()
        (self.folder / "jobs.ini").write_text(JOBS)
        done = self.run_bench("run", "jobs.ini", "--endpoint", endpoint, "--json", "run.json", "--csv", "run.csv", "--histogram",
                              "run.hlog", "--pid", daemon.process.pid, account=account)
        self.assertIn("\npages: ", done.stdout)
        self.assertEqual("", done.stderr, "it is quiet where there is no terminal")
        found = json.loads((self.folder / "run.json").read_text())
        self.assertGreater(found["server_anonymous_bytes"], 0)
        jobs = {job["name"]: job for job in found["jobs"]}
        self.assertEqual(OPERATIONS, {name: {line["name"] for line in job["operations"]} for name, job in jobs.items()})
        for name, job in jobs.items():
            self.assertEqual((0, ""), (job["all"]["failures"], job["failure"]), name)
            self.assertEqual(job["all"]["count"], sum(second["count"] for second in job["seconds_each"]), name)
            if name not in ("open", "presigned", "streamed", "streamed-back", "uploads", "scan", "gone", "again", "all-gone"):
                self.assertEqual(60, job["all"]["count"], name)
        self.assertEqual(20, jobs["presigned"]["all"]["count"])
        self.assertEqual((20, 20), (jobs["streamed"]["all"]["count"], jobs["streamed-back"]["all"]["count"]))
        self.assertEqual(20, jobs["gone"]["all"]["count"])
        self.assertEqual(3, jobs["all-gone"]["all"]["count"], "20 keys in batches of 8")
        self.run_bench("run", "--endpoint", endpoint, "--rw", "head", "--objects", 20, "--requests", 1, "--runtime", 0,
                       account=account, status=1)
        self.assertEqual(12 << 20, jobs["uploads"]["all"]["bytes"])
        self.assertEqual(12 << 20, jobs["scan"]["all"]["bytes"])
        self.assertEqual(("open", "closed"), (jobs["open"]["loop"], jobs["mix"]["loop"]))
        self.check_series(jobs)

    def check_series(self, jobs):
        """The CSV and the log of histograms say what the figures say."""
        with open(self.folder / "run.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        for name, job in jobs.items():
            self.assertEqual(job["all"]["count"], sum(int(row["requests"]) for row in rows if row["job"] == name))
        counts = dict.fromkeys(jobs, 0)
        longest = dict.fromkeys(jobs, 0)
        for line in (self.folder / "run.hlog").read_text().splitlines():
            if not line.startswith("Tag="):
                continue
            tag, _began, _length, _longest_ms, text = line.split(",")
            histogram = read_histogram(text)
            counts[tag[4:]] += sum(histogram.values())
            longest[tag[4:]] = max([longest[tag[4:]], *histogram])
        for name, job in jobs.items():
            self.assertEqual(job["all"]["count"], counts[name])
            self.assertAlmostEqual(1, longest[name] / 1e3 / job["all"]["percentiles_us"]["100"], delta=0.002)

    def test_over_https_and_two_endpoints(self):
        daemon, account, endpoint = self.start(tls=True)
        done = self.run_bench("run", "--endpoint", f"{endpoint},{endpoint.replace('127.0.0.1', 'localhost')}", "--ca-file",
                              Path(daemon.folder) / "ca.pem", "--rw", "get", "--prepare", "--objects", 10, "--requests", 200,
                              "--runtime", 0, "--verify", "full", "--json", "run.json", account=account)
        self.assertIn("https://localhost:", done.stdout)
        job = json.loads((self.folder / "run.json").read_text())["jobs"][0]
        self.assertEqual(200, sum(line["count"] for line in job["endpoints"]))
        self.assertEqual(2, len(job["endpoints"]))

    def test_a_terminal_sees_how_it_goes(self):
        _daemon, account, endpoint = self.start()
        keys = {"AWS_ACCESS_KEY_ID": account.access_key, "AWS_SECRET_ACCESS_KEY": account.secret_key}
        done = run_on_terminal([self.bench, "run", "--endpoint", endpoint, "--rw", "get", "--prepare", "--objects", "5", "--runtime",
                                "1200ms"], env=keys)
        self.assertEqual(0, done.returncode)
        shown = done.stderr.decode()
        self.assertRegex(shown, r"\r\x1b\[Kget: \d+/s, [0-9.]+ MiB/s, p50 [0-9.]+ .?s, p99 [0-9.]+ .?s, 0 failures(, \d+ s left)?")
        self.assertTrue(shown.endswith("\r\x1b[K"), repr(shown[-80:]))

    def test_reading_needs_no_bucket_of_its_own(self):
        """Keys that may only read are enough."""
        daemon, account, endpoint = self.start()
        words = ["run", "--endpoint", endpoint, "--rw", "get", "--objects", 3, "--requests", 6, "--runtime", 0]
        self.run_bench(*words, "--prepare", account=account)
        self.run_bench(*words, account=daemon.server.accounts["reader"])

    def test_what_is_not_as_it_was_put_is_a_failure(self):
        daemon, account, endpoint = self.start()
        words = ["run", "--endpoint", endpoint, "--rw", "get", "--objects", 3, "--requests", 6, "--runtime", 0]
        self.assertIn("NoSuchBucket", self.run_bench(*words, account=account, status=1).stdout)
        self.run_bench(*words, "--prepare", "--verify", "full", account=account)
        self.assertIn("NoSuchKey", self.run_bench(*words, "--prefix", "no/", account=account, status=1).stdout)
        self.assertIn("other bytes", self.run_bench(*words, "--verify", "full", "--seed", 9, account=account, status=1).stdout)
        self.assertIn("where 9216 should be", self.run_bench(*words, "--size", "9K", account=account, status=1).stdout)
        self.run_bench(*words, "--size", "9K", "--verify", "none", account=account)

    def test_a_rate_beyond_the_server_is_said(self):
        daemon, account, endpoint = self.start()
        done = self.run_bench("run", "--endpoint", endpoint, "--rw", "put", "--iodepth", 1, "--rate", 1_000_000, "--runtime",
                              "300ms", account=account)
        self.assertRegex(done.stdout, r"WARNING: \d+ requests were due and never begun")

    def run_twice(self):
        daemon, account, endpoint = self.start()
        words = ["run", "--endpoint", endpoint, "--rw", "mixed", "--rwmix", "get:3,put:1", "--objects", 20, "--runtime", 0]
        for name, requests in (("one", 100), ("two", 200)):
            self.run_bench(*words, "--prepare", "--requests", requests, "--json", name + ".json", "--plot", name + ".svg", account=account)

    def test_analyze_compares_and_holds_bars(self):
        self.run_twice()
        shown = self.run_bench("analyze", "one.json", "two.json", "--bar", "mixed.failures<=0", "--bar", "get.p99.9<1000s", "--bar",
                               "mixed/put.rate>0.000001x", "--bar=mixed.longest>1us").stdout
        self.assertEqual(8, shown.count("held "), shown)
        self.assertIn("one.json, then two.json\nmixed\n", shown)
        for bar in ("mixed.p50<1us", "mixed.rate>1000000x", "nobody.rate>1", "mixed/head.rate>=0"):
            self.assertIn(f"MISSED {bar}: ", self.run_bench("analyze", "one.json", "--bar", bar, status=1).stdout)
        for bar in ("p99<5ms", "get.p98<5ms", "get.p99<5", "get.rate>5ms", "get.p99=5ms", "get.rate>", "get.rate>nanx"):
            self.assertIn(bar, self.run_bench("analyze", "one.json", "--bar", bar, status=2).stderr)
        (self.folder / "other.json").write_text('{"jobs": []}')
        self.assertIn("other.json: these are no figures", self.run_bench("analyze", "other.json", status=2).stderr)
        self.assertIn("which runs?", self.run_bench("analyze", status=2).stderr)

    def test_plot_draws_one_and_several(self):
        self.run_twice()
        self.run_bench("plot", "one.json", "two.json", "--out", "both.svg")
        lines = {}
        for name in ("one", "both"):
            page = xml.etree.ElementTree.parse(self.folder / f"{name}.svg")
            lines[name] = list(page.iter("{http://www.w3.org/2000/svg}polyline"))
            for line in lines[name]:
                for place in line.get("points").split():
                    x, y = map(float, place.split(","))
                    self.assertTrue(0 <= x <= 1400 and 0 <= y <= 400, place)
        self.assertEqual((5, 10), (len(lines["one"]), len(lines["both"])))
        self.assertEqual(2, len({line.get("stroke") for line in lines["both"]}))

    def test_self_test_says_what_it_can_drive(self):
        done = self.run_bench("self-test", "--runtime", "200ms", "--iodepth", 4)
        for job in ("get-4K", "put-4K", "get-1M"):
            self.assertRegex(done.stdout, rf"  {job} +[0-9.]+ us +[1-9][0-9]*/s\n")

    def test_ready_jobs_run(self):
        """All of them, on little."""
        _daemon, account, endpoint = self.start()
        less = ["--objects", 2, "--size", "8K", "--range-size", "1K", "--runtime", "50ms", "--warmup", 0, "--ramp", 0]
        paths = sorted((Path(__file__).resolve().parents[2] / "bench" / "jobs").glob("*.ini"))
        self.assertEqual(9, len(paths))
        for path in paths:
            endpoints = f"{endpoint},{endpoint}" if path.stem == "fleet" else endpoint
            self.run_bench("run", path, "--endpoint", endpoints, *less, account=account)

    def test_wrong_use_is_named_and_ends_with_2(self):
        (self.folder / "wrong.ini").write_text("[global]\nsise = 4K\n[job a]\nrw = fly\n")
        done = self.run_bench("run", "wrong.ini", status=2)
        self.assertIn("wrong.ini:2: sise: there is no such option", done.stderr)
        self.assertIn("wrong.ini:4: rw: \"fly\" is not allowed", done.stderr)
        self.assertIn("there is no such verb", self.run_bench("rum", status=2).stderr)
        self.assertIn("--rwmix", self.run_bench("run", "--rw", "mixed", status=2).stderr)
        self.assertIn("no keys to sign with", self.run_bench("run", "--endpoint", "http://127.0.0.1:1", status=1).stderr)
        self.assertIn("--key-shape SHAPE", self.run_bench("run", "--help").stdout)

    def test_bars_hold_figures_against_bars(self):
        """bench/bars, on the one bar that is quick and needs no peer."""
        bars = Path(__file__).resolve().parents[2] / "bench" / "bars"

        def run(*words, status=0):
            environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder)}  # no peers
            done = subprocess.run([bars, "--build", Path(self.bench).resolve().parents[1], "--folder", self.folder, *words],
                                  capture_output=True, text=True, timeout=600, env=environment)
            self.assertEqual(status, done.returncode, done.stderr)
            return done

        shown = run("--quick", "--turns", "1", "--json", self.folder / "bars.json", "put").stdout
        found = json.loads((self.folder / "bars.json").read_text())
        (bar,) = found["bars"]["put"]
        self.assertEqual((45, "µs", bar["figure"] <= 45), (bar["bar"], bar["unit"], bar["met"]))
        self.assertTrue(0 < bar["least"] <= bar["figure"] <= bar["most"])
        self.assertIn(f"| ≤ 45 | {'met' if bar['met'] else '**missed**'} |", shown)
        self.assertEqual([], list(self.folder.glob("bale-bars-*")), "nothing is left")
        self.assertRegex(run("--list").stdout, r"(?m)^put +durable PUT")
        self.assertIn("--list shows", run("codex", status=2).stderr)

    def test_micro_lists_and_measures(self):
        """bench/micro, which is built beside bale-bench."""
        micro = Path(self.bench).resolve().parent / "micro"

        def run(*words, status=0):
            done = subprocess.run([micro, *words], capture_output=True, text=True, timeout=600)
            self.assertEqual(status, done.returncode, done.stderr)
            return done

        names = run("--list").stdout.splitlines()
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual({"catalogue", "codec", "dictionary", "digest", "http", "journal", "list", "policy", "signature", "small-put",
                          "socket"},
                         {name.split("/")[0] for name in names})
        asked = ["catalogue/", "codec/zstd-1/csv/", "digest/CRC32C/", "dictionary/unpack", "http/", "journal/", "list/", "signature/", "small-put/", "socket/"]
        cases = json.loads(run("--json", *asked).stdout)["cases"]
        self.assertEqual({name for name in names if name.startswith(tuple(asked))}, {case["name"] for case in cases})
        for case in cases:
            self.assertTrue(0 < case["ns_best"] <= case["ns"], case)
            self.assertEqual(case["name"].endswith("/pack"), case.get("ratio", 0) > 1, case)
        self.assertRegex(run("policy/get-of").stdout, r"^policy/get-of-no-statement +[0-9.]+ ns, best +[0-9.]+\n$")
        self.assertIn("--list shows", run("codex", status=2).stderr)
        real = self.folder / "access.log"
        real.write_bytes(b"GET /index.html 200\n" * 9_999)
        packed, unpacked = json.loads(run("--json", "--file", real, "codec/gzip-1/file").stdout)["cases"]
        self.assertEqual(["codec/gzip-1/file/pack", "codec/gzip-1/file/unpack"], [packed["name"], unpacked["name"]])
        self.assertEqual([199_980, 199_980], [packed["bytes"], unpacked["bytes"]])
        self.assertGreater(packed["ratio"], 50)
        real.unlink()
        self.assertIn("cannot be read", run("--file", real, "codec/gzip-1/file", status=1).stderr)
        self.assertIn("--file FILE", run("--fil", status=2).stderr)
        run("--write-sets", self.folder)
        sets = {name.split("/")[2] for name in names if name.startswith("codec/")}
        self.assertEqual({name: 1 << 20 for name in sets}, {path.name: path.stat().st_size for path in self.folder.iterdir()})
        self.assertIn("cannot be written", run("--write-sets", self.folder / "none", status=1).stderr)

    def test_what_is_stored_of_each_content_meets_its_bars(self):
        """bench/codec_bars, small; and with a file that frames of 1 MiB cannot hold against one of zstd's."""
        bars, file = Path(__file__).resolve().parents[2] / "bench" / "codec_bars", self.folder / "repeats"
        file.write_bytes(random.Random(1).randbytes(400_000) * 10)

        def run(*words, **environment):
            return subprocess.run([sys.executable, bars, "--build", Path(self.bench).resolve().parents[1], *words], capture_output=True,
                                  text=True, timeout=300, env={**os.environ, **environment}, check=False)

        done = run("--quick", file)
        self.assertEqual(1, done.returncode, done.stdout + done.stderr)
        missed = [line.split(" | ")[0] for line in done.stdout.splitlines() if line.endswith("**missed** |")]
        self.assertEqual(1, len(missed), done.stdout)
        self.assertTrue(missed[0].startswith("| repeats: of zstd -1"), missed)
        rows = [line for line in done.stdout.splitlines() if line.endswith(" met |")]
        for kind in ("postings: ratio", "sound: ratio", "noise: of zstd -1", "bash: of zstd -1", "2000 JSON events"):
            self.assertTrue(any(row.startswith(f"| {kind}") for row in rows), kind)
        self.assertEqual(2, run("--quick", PATH="/nowhere").returncode)

    def test_servers_are_compared_in_turns(self):
        """bench/compare, over HTTPS and without peers: a table, and a page that needs no other file."""
        build, page = Path(self.bench).resolve().parents[1], self.folder / "page.html"
        (self.folder / "few.ini").write_text("[job few]\nrw = put\nrequests = 40\nruntime = 0\n")
        compare = Path(__file__).resolve().parents[2] / "bench" / "compare"
        done = subprocess.run([compare, "--build", build, "--job-files", self.folder / "few.ini", "--tls", "--peers", "", "--turns", "2", "--page",
                               page], capture_output=True, text=True, timeout=600)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn("HTTPS.\n\n| job | figure | bale |\n|---|---|---|\n| few: few | requests/s | ", done.stdout)
        self.assertRegex(done.stdout, r"\| few: few \| CPU, us \| [0-9.]+ \|\n")
        table = done.stdout.split("\n\n")[-1]
        self.assertIn(table.splitlines()[2].split(" | ")[2].removesuffix(" |"), page.read_text())
        self.assertEqual(1, page.read_text().count('src="data:image/svg+xml;base64,'))

    def test_what_failed_is_no_figure(self):
        """A job whose objects are not there, beside one that is answered, each in a file of its own."""
        build = Path(self.bench).resolve().parents[1]
        (self.folder / "good.ini").write_text("[job good]\nrw = put\nrequests = 40\nruntime = 0\n")
        (self.folder / "bad.ini").write_text("[job bad]\nrw = get\nprefix = none/\nrequests = 40\nruntime = 0\n")
        compare = Path(__file__).resolve().parents[2] / "bench" / "compare"
        done = subprocess.run([compare, "--build", build, "--job-files", f"{self.folder / 'good.ini'},{self.folder / 'bad.ini'}", "--peers", "",
                               "--turns", "1"], capture_output=True, text=True, timeout=600)
        self.assertEqual(1, done.returncode, done.stdout)
        self.assertIn("| good: good | requests/s |", done.stdout)
        self.assertNotIn("bad", done.stdout)
        self.assertIn("bale bad, turn 1, is left out", done.stderr)

    def test_ratios_are_of_the_same_turn(self):
        sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))
        import job_files  # pylint: disable=import-outside-toplevel
        ours = {0: 10.0, 1: 20.0, 2: 40.0}
        self.assertEqual("20", job_files.cell(ours, ours))
        self.assertEqual("-", job_files.cell(ours, {}))
        self.assertEqual("60 (x 2.00, 1.00 to 3.00)", job_files.cell(ours, {1: 60.0, 0: 10.0, 2: 80.0}))
        self.assertEqual("70 (x 2.50, 2.00 to 3.00)", job_files.cell(ours, {1: 60.0, 2: 80.0}))  # one turn failed
