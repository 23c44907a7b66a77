"""tests/process/maintaining.py -- bale maintain in a folder: objects are packed anew and moved, and nothing else of them changes;
and bale repair there; for tests/process/run. tests/backends/tools/maintenance.py has buckets.

`MaintainingCase.baled` and `MaintainingCase.bale` are the binaries; set before the tests run.
"""

import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import tempfile

import admin
from daemons import DaemonsCase
from terminal import run_on_terminal

OF_AN_ANSWER = {"date", "x-amz-request-id", "x-amz-id-2", "server"}
RECOMPACT = "[rule harder]\naction = recompact\nlevel = 12\n"


def text(seed, words):
    source = random.Random(seed)
    known = ["".join(source.choices("etaoinshrdlu", k=source.randrange(2, 9))) for _ in range(3000)]
    return " ".join(source.choices(known, k=words)).encode()


class MaintainingCase(DaemonsCase):
    def make(self):
        """A server with one bucket that has versions, and one that has none."""
        self.daemon = self.add("--catalogue-max-size", "4G", "--shards", "2")
        alice = self.daemon.alice
        self.bodies = {"a.txt": text(1, 120_000), "large.txt": text(2, 400_000), "noise": random.Random(3).randbytes(200_000), "tiny": b"x" * 100}
        self.assertEqual(200, alice.put("bucket").status)
        for key, body in self.bodies.items():
            self.assertEqual(200, alice.put("bucket", key, (), {"x-amz-meta-who": "alice", "x-amz-tagging": "a=1"}, body).status)
        upload = alice.post("bucket", "parts", {"uploads": ""}).text("UploadId")
        self.bodies["parts"] = text(4, 120_000)
        part = alice.put("bucket", "parts", {"uploadId": upload, "partNumber": "1"}, (), self.bodies["parts"]).header("etag")
        chosen = f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{part}</ETag></Part></CompleteMultipartUpload>"
        self.assertEqual(200, alice.post("bucket", "parts", {"uploadId": upload}, (), chosen.encode()).status)

    def make_versions(self):
        alice = self.daemon.alice
        self.assertEqual(200, alice.put("versions").status)
        enabled = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        self.assertEqual(200, alice.put("versions", None, {"versioning": ""}, (), enabled).status)
        self.former = alice.put("versions", "key", (), (), text(5, 120_000)).header("x-amz-version-id")
        self.assertEqual(200, alice.put("versions", "key", (), (), text(6, 120_000)).status)

    def command(self, *words):
        return [self.bale, *words, "--backend", f"dir:{self.daemon.folder}/data"]

    def run_bale(self, *words):
        return subprocess.run(self.command(*words), capture_output=True, text=True, timeout=600, check=False)

    def write(self, name, lines):
        path = os.path.join(self.daemon.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(lines)
        return path

    def maintain_words(self, policy, *words):
        return ("maintain", "--policy", self.write("policy.ini", policy), "--format", "json", *words)

    def maintain(self, policy, *words):
        """Outcomes by rule."""
        done = self.run_bale(*self.maintain_words(policy, *words))
        self.assertEqual((0, ""), (done.returncode, done.stderr), done)
        document = json.loads(done.stdout)
        self.assertTrue(document["is_all"])
        return {rule["rule"]: rule["outcomes"] for rule in document["rules"]}

    def maintain_without_server(self, policy, *words):
        """The ledger is right afterwards, and every body."""
        self.assertEqual(0, self.daemon.stop())
        outcomes = self.maintain(policy, "--execute", *words)
        done = self.run_bale("check")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.restart(self.daemon)
        return outcomes

    def seen(self, bucket, but=()):
        """All that a client sees of a bucket, but for those header fields."""
        alice, heads = self.daemon.alice, {}
        for key in alice.list_all(bucket)[0]:
            answer = alice.head(bucket, key)
            heads[key] = sorted((name.lower(), value) for name, value in answer.headers if name.lower() not in OF_AN_ANSWER | set(but))
            heads[key].append(alice.get(bucket, key, {"tagging": ""}).body)
            self.assertTrue(alice.get(bucket, key).body == self.bodies[key], key)
        return heads

    def stored(self, key):
        done = self.run_bale("inspect", f"bucket/{key}", "--json")
        self.assertEqual(0, done.returncode, done.stderr)
        return json.loads(done.stdout)["stored size"]


class Maintaining(MaintainingCase):
    def test_objects_are_packed_anew(self):
        self.make()
        self.make_versions()
        before, sizes = self.seen("bucket"), {key: self.stored(key) for key in self.bodies}
        expected = {"harder": {"packed": 5, "no-gain": 1, "too-small": 1}}
        self.assertEqual(expected, self.maintain(RECOMPACT))  # beside the server
        self.assertEqual(sizes, {key: self.stored(key) for key in self.bodies})

        log = os.path.join(self.daemon.folder, "log")
        self.assertEqual(expected, self.maintain_without_server(RECOMPACT, "--log", log))
        with open(log, encoding="utf-8") as file:
            packed = {line["key"]: line for line in map(json.loads, file) if line["outcome"] == "packed" and line["bucket"] == "bucket"}
        self.assertEqual({"a.txt", "large.txt", "parts"}, set(packed))
        for key, size in sizes.items():
            self.assertEqual(packed[key]["after"] if key in packed else size, self.stored(key), key)
            self.assertEqual(key in packed, self.stored(key) < size, key)
        self.assertEqual(before, self.seen("bucket"))
        answer = self.daemon.alice.get("bucket", "parts", {"partNumber": "1"})
        self.assertEqual((self.bodies["parts"], "1"), (answer.body, answer.header("x-amz-mp-parts-count")))
        self.assertEqual(text(5, 120_000), self.daemon.alice.get("versions", "key", {"versionId": self.former}).body)
        self.assertEqual(text(6, 120_000), self.daemon.alice.get("versions", "key").body)
        self.assertEqual({"harder": {"already": 5, "no-gain": 1, "too-small": 1}}, self.maintain(RECOMPACT))
        self.assertEqual({"harder": {"already": 5, "no-gain": 1, "too-small": 1}}, self.maintain(RECOMPACT.replace("12", "9")))

    def test_jobs_are_counted(self):
        """Of a dry run only that it looked; of all others together what they did and left."""
        self.make()
        self.maintain(RECOMPACT)
        counted = self.maintain_metrics()
        looked = counted["bale_maintain_objects_total"]
        self.assertEqual(len(self.bodies), looked)
        self.assertEqual((1, 0), (counted['bale_maintain_jobs_total{state="done"}'], counted['bale_maintain_outcomes_total{outcome="packed"}']))
        sizes = {key: self.stored(key) for key in self.bodies}
        packed = self.maintain(RECOMPACT, "--execute")["harder"]["packed"]
        again = self.maintain(RECOMPACT, "--execute")["harder"]
        saved = sum(sizes[key] - self.stored(key) for key in sizes)
        counted = self.maintain_metrics()
        self.assertGreater(saved, 0)
        self.assertEqual(saved, counted["bale_maintain_before_bytes_total"] - counted["bale_maintain_after_bytes_total"])
        self.assertEqual((3 * looked, 3, 0, packed, again["already"]),
                         (counted["bale_maintain_objects_total"], counted['bale_maintain_jobs_total{state="done"}'], counted["bale_maintain_running"],
                          counted['bale_maintain_outcomes_total{outcome="packed"}'], counted['bale_maintain_outcomes_total{outcome="already"}']))

    def maintain_metrics(self):
        found = {name: int(value) for name, value in admin.metrics(self.daemon.server).items() if name.startswith("bale_maintain_")}
        self.assertEqual(26, len(found), "labels are bounded")
        return found

    def test_objects_move(self):
        """The first rule that acts on one ends it; who is colder already stays."""
        self.make()
        self.assertEqual(200, self.daemon.alice.put("bucket", "deep", (), {"x-amz-storage-class": "DEEP_ARCHIVE"}, text(7, 3000)).status)
        self.bodies["deep"] = text(7, 3000)
        before, sizes = self.seen("bucket", {"x-amz-storage-class"}), {key: self.stored(key) for key in self.bodies}
        policy = ("[rule texts]\naction = transition\nclass = GLACIER_IR\nlevel = 12\nending = .txt\n"
                  "[rule rest]\naction = transition\nclass = STANDARD_IA\nleast-size = 1K\n[rule young]\naction = recompact\nolder-than = 1h\n")
        expected = {"texts": {"moved": 2}, "rest": {"moved": 2, "already": 1, "too-small": 1}, "young": {"too-young": 2}}
        self.assertEqual(expected, self.maintain(policy))
        self.assertEqual(expected, self.maintain_without_server(policy))
        classes = {key: self.daemon.alice.head("bucket", key).header("x-amz-storage-class") for key in self.bodies}
        self.assertEqual({"a.txt": "GLACIER_IR", "large.txt": "GLACIER_IR", "noise": "STANDARD_IA", "parts": "STANDARD_IA", "tiny": None,
                          "deep": "DEEP_ARCHIVE"}, classes)
        self.assertEqual(before, self.seen("bucket", {"x-amz-storage-class"}))
        self.assertEqual([key for key in sizes if key.endswith(".txt")], [key for key in sizes if self.stored(key) < sizes[key]])
        self.assertEqual({"texts": {"already": 2}, "rest": {"already": 5, "too-small": 1}}, self.maintain(policy.split("[rule young]", maxsplit=1)[0]))

    def test_what_does_not_pay_stays(self):
        self.make()
        policy = RECOMPACT + "pays-back = 12\nending = .txt\n"
        dear, cheap = self.write("dear.ini", "core-hour = 1000000000\n"), self.write("cheap.ini", "core-hour = 0\n")
        self.assertEqual({"harder": {"does-not-pay": 2}}, self.maintain(policy, "--prices", dear))
        self.assertEqual({"harder": {"packed": 2}}, self.maintain(policy, "--prices", cheap))

    def test_nothing_is_left_over(self):
        self.make()
        self.assertEqual({"left": {}}, self.maintain("[rule left]\naction = sweep\n"))
        done = self.run_bale("maintain", "--policy", self.write("policy.ini", "[rule left]\naction = sweep\n"))
        self.assertIn("left: in a folder nothing is ever left over\n", done.stdout)

    def test_it_is_done_again_until_it_is_stopped(self):
        self.make()
        process = subprocess.Popen(self.command(*self.maintain_words(RECOMPACT, "--interval", "1ms")), stdout=subprocess.PIPE, text=True)
        documents = [json.loads(process.stdout.readline()) for _ in range(3)]
        self.assertEqual(documents[0], documents[2])
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=600)
        self.assertIn(process.returncode, (0, 3))  # between two, or in one

    def test_a_policy_that_does_not_fit_is_refused(self):
        self.make()
        done = self.run_bale(*self.maintain_words("[rule a]\naction = transition\nclass = COLD\n[rule b]\nclass = GLACIER\nlevel = 9\n[rule c]\nlevel = 20\n"
                                                   "[rule d]\naction = sweep\nleast-size = 1K\n"))
        self.assertEqual((2, ""), (done.returncode, done.stdout))
        lines = done.stderr.splitlines()
        for line, expected in zip(lines, (":8: level: ", ":2: [rule a]: transition needs a class", ":5: [rule b]: class goes with transition",
                                          ":5: [rule b]: level goes with", ":10: [rule d]: least-size and pays-back do not go with sweep", "has 5 errors")):
            self.assertIn(expected, line)
        self.assertEqual(6, len(lines), lines)
        done = self.run_bale(*self.maintain_words("[rule all]\naction = migrate\n[rule harder]\naction = recompact\n[rule logs]\naction = migrate\n"))
        self.assertEqual((1, ""), (done.returncode, done.stdout))
        self.assertIn("in a folder there is nothing that came before Bale: take out [rule all], [rule logs]", done.stderr)
        done = self.run_bale(*self.maintain_words(RECOMPACT, "--execute", "--state", "state"))
        self.assertEqual((2, ""), (done.returncode, done.stdout))
        self.assertIn("--state goes with --backend s3:BUCKET", done.stderr)


class Repairing(MaintainingCase):
    """bale repair in a folder: an index that is damaged is made anew from its frames, and nothing else is touched."""

    def spoil_index(self):
        """Of the one object that has an index; pages that are free may still hold earlier ones."""
        path = os.path.join(self.daemon.folder, "data", "catalogue", "data.mdb")
        with open(path, "r+b") as file:
            content = file.read()
            places = [match.start() + 40 for match in re.finditer(b"S4IX", content)]
            self.assertTrue(places)
            for at in places:
                file.seek(at)
                file.write(bytes([content[at] ^ 1]))

    def expect_progress(self, *words):
        """On a terminal, which is clean in the end; standard output is the same, and without one nothing is said."""
        plain = self.run_bale(*words)
        self.assertEqual((0, ""), (plain.returncode, plain.stderr), words)
        done = run_on_terminal(self.command(*words))
        self.assertEqual((0, plain.stdout), (done.returncode, done.stdout.decode()), words)
        self.assertRegex(done.stderr, rb"^(\r\d+ objects(, \d+ of \d+ MiB of the next)?\x1b\[K)+\r\x1b\[K$", words)
        self.assertEqual(words[0] == "verify", b"MiB of the next" in done.stderr, words)

    def test_a_terminal_sees_how_far_it_is(self):
        self.make()
        maintain = ("maintain", "--policy", self.write("policy.ini", RECOMPACT))
        self.expect_progress(*maintain)  # of the server that does it
        self.expect_progress("repair")
        self.assertEqual(0, self.daemon.stop())
        for words in (maintain, ("repair",), ("verify", "--deep")):
            self.expect_progress(*words)
        for status, *words in ((1, "inspect", "bucket/nothing"), (1, "cat", "bucket/nothing"), (1, "verify", "--bucket", "no-such"), (2, "verify", "--deeper"),
                               (2, "repair", "--zstd-level", "99"), (2, "cat"), (2, "inspect"), (2, *maintain, "--pace", "fast")):
            done = self.run_bale(*words)
            self.assertEqual((status, "", 1), (done.returncode, done.stdout, done.stderr.count("\n")), done)

    def test_an_index_is_made_anew(self):
        self.make()
        self.make_versions()
        before = self.seen("bucket")
        done = self.run_bale("repair")  # beside the server
        self.assertEqual((0, "7 objects: 0 to be repaired.\n"), (done.returncode, done.stdout), done)
        done = self.run_bale("repair", "--execute")
        self.assertEqual((1, ""), (done.returncode, done.stdout))
        self.assertIn("baled", done.stderr)
        self.assertEqual(0, self.daemon.stop())
        self.spoil_index()
        self.assertEqual(1, self.run_bale("verify").returncode)

        done = self.run_bale("repair")
        self.assertEqual((1, "bale repair: 1 object is not as it should be\n"), (done.returncode, done.stderr))
        self.assertEqual(["bucket/large.txt: would be repaired: its index is made anew from its frames", "7 objects: 1 to be repaired: --execute does it."],
                         done.stdout.splitlines())
        done = self.run_bale("repair", "--execute")
        self.assertEqual(0, done.returncode, done)  # that a row is damaged the store says as well
        self.assertEqual(["bucket/large.txt: repaired: its index is made anew from its frames", "7 objects: 1 repaired."], done.stdout.splitlines())
        for words in (("verify", "--deep"), ("check",), ("repair", "--execute")):
            done = self.run_bale(*words)
            self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.restart(self.daemon)
        self.assertEqual(before, self.seen("bucket"))

    def test_an_index_of_what_was_packed_harder_is_made_anew(self):
        """At the level that the body has, which is one of those that threads of their own pack."""
        self.make()
        before = self.seen("bucket")
        self.assertEqual(0, self.daemon.stop())
        done = self.run_bale("maintain", "--policy", self.write("policy.ini", RECOMPACT), "--execute")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.spoil_index()
        done = self.run_bale("repair", "--execute", "--zstd-level", "19")
        self.assertEqual(0, done.returncode, done)
        self.assertEqual(["bucket/large.txt: repaired: its index is made anew from its frames", "5 objects: 1 repaired."], done.stdout.splitlines())
        self.assertEqual(0, self.run_bale("verify", "--deep").returncode)
        self.restart(self.daemon)
        self.assertEqual(before, self.seen("bucket"))

    def test_several_at_once(self):
        """One has the folder; the others say so, or come behind it and find nothing."""
        self.make()
        before = self.seen("bucket")
        self.assertEqual(0, self.daemon.stop())
        self.spoil_index()
        running = [subprocess.Popen(self.command("repair", "--execute"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(6)]
        said = [(*process.communicate(timeout=600), process.returncode) for process in running]
        repaired = [out for out, _, status in said if status == 0 and "1 repaired" in out]
        self.assertEqual(1, len(repaired), said)
        for out, err, status in said:
            if status:
                self.assertEqual((1, ""), (status, out), said)
                self.assertRegex(err, r"^bale repair: .*(another|in use|has it open)", said)
        self.assertEqual(0, self.run_bale("verify", "--deep").returncode)
        self.restart(self.daemon)
        self.assertEqual(before, self.seen("bucket"))

    def test_a_full_disk(self):
        """Nothing is changed, and it says what there is not; with room it goes on."""
        place = tempfile.mkdtemp(prefix="bale-full-")
        self.addCleanup(shutil.rmtree, place)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "bale", place], capture_output=True, check=False).returncode:
            self.skipTest("nothing may be mounted here")
        self.addCleanup(subprocess.run, ["umount", place], check=True)
        self.make()
        before = self.seen("bucket")
        self.assertEqual(0, self.daemon.stop())
        self.spoil_index()
        data = os.path.join(self.daemon.folder, "data")
        shutil.copytree(data, f"{place}/data")
        with open(f"{place}/filling", "wb") as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(1 << 16))
                file.flush()
        full = [self.bale, "repair", "--execute", "--backend", f"dir:{place}/data"]
        done = subprocess.run(full, capture_output=True, text=True, timeout=600, check=False)
        self.assertEqual((3, "1 object so far: 0 repaired.\n"), (done.returncode, done.stdout), done)
        self.assertIn("bale repair: bucket/large.txt: The store is full: the disk has no room for the catalogue to grow.", done.stderr)
        os.unlink(f"{place}/filling")
        done = subprocess.run(full, capture_output=True, text=True, timeout=600, check=False)
        self.assertEqual(0, done.returncode, done)
        self.assertIn("1 repaired", done.stdout)
        shutil.rmtree(data)
        shutil.copytree(f"{place}/data", data)
        self.restart(self.daemon)
        self.assertEqual(before, self.seen("bucket"))
