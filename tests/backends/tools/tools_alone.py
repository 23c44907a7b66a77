"""tests/backends/tools/tools_alone.py -- bale on a bucket, without a server: cat, inspect, verify, stamp, backend."""

import json
import os
import re
import signal
import subprocess
import tempfile

import multipart
from backend_case import BackendCase
from faults import fault
from overwrites import MIB, large_body
from terminal import run_on_terminal


def bale_program(case):
    """That of the build which a BackendCase tries."""
    return os.path.join(os.path.dirname(os.path.dirname(case.baled)), "tools", "bale")


def bale_words(case, *arguments, place=None, prefix=None):
    """Of a BackendCase: bale on its bucket, or below a prefix of it, or before a proxy there: its command line, and its environment."""
    account = case.backend.account
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "AWS_ACCESS_KEY_ID": account.access_key,
                   "AWS_SECRET_ACCESS_KEY": account.secret_key}
    return [bale_program(case), *arguments, "--backend", "s3:" + "/".join(filter(None, (case.bucket, prefix))),
            "--endpoint", (place or case.backend).endpoint], environment


def bale_start(case, *arguments, place=None, prefix=None):
    """The same as a process."""
    words, environment = bale_words(case, *arguments, place=place, prefix=prefix)
    return subprocess.Popen(words, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def bale_end(process):
    out, errors = process.communicate(timeout=600)
    return subprocess.CompletedProcess(process.args, process.returncode, out, errors)


def bale_command(case, *arguments, place=None):
    return bale_end(bale_start(case, *arguments, place=place))


class Tools(BackendCase):
    FOR = ("raw", "versitygw", "minio")

    def bale_command(self, *arguments):
        return bale_command(self, *arguments)

    def fill(self):
        """One object of each layout, by Bale and by another tool."""
        bodies = {"small": b"a line of a log\n" * 500, "large": large_body(self.seed, 24 * MIB), "empty": b""}
        with self.bale() as bale:
            for key, body in bodies.items():
                answer = bale.client().put(self.bucket, key, (), {"x-amz-meta-who": "bale"}, body, payload="unsigned")
                self.assertEqual(200, answer.status)
        bodies["foreign"] = b"plain\n" * 9
        self.assertEqual(200, self.direct().client().put(self.bucket, "foreign", (), (), bodies["foreign"]).status)
        return bodies

    def test_what_was_put_is_read_without_a_server(self):
        bodies = self.fill()
        for key, body in bodies.items():
            done = self.bale_command("cat", f"{self.bucket}/{key}")
            self.assertEqual((0, True), (done.returncode, body == done.stdout), done.stderr)
        done = self.bale_command("cat", f"{self.bucket}/nothing")
        self.assertEqual((1, b"bale cat: The specified key does not exist.\n"), (done.returncode, done.stderr))

        done = self.bale_command("inspect", f"{self.bucket}/large", "--json")
        found = json.loads(done.stdout)
        self.assertEqual((len(bodies["large"]), 24, "frames", {"x-amz-meta-who": "bale"}),
                         (found["original size"], found["frames"], found["layout"], found["metadata"]))
        self.assertLess(found["stored size"], 16 * MIB)
        found = json.loads(self.bale_command("inspect", f"{self.bucket}/foreign", "--json").stdout)
        self.assertEqual(("another tool", "as it is"), (found["written by"], found["layout"]))

        done = self.bale_command("verify", "--deep", "--json")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual({"objects": 4, "findings": 0, "unread": 0, "is_all": True,
                          "original_bytes": sum(map(len, bodies.values()))},
                         {name: value for name, value in json.loads(done.stdout).items() if name != "stored_bytes"})

    def test_damage_is_named(self):
        """A stored body with one byte changed, put back with the fields that it had."""
        self.fill()
        plain = self.direct().client()
        stored = plain.get(self.bucket, "small")
        fields = {name: value for name, value in stored.headers if name.startswith("x-amz-meta-")}
        changed = bytearray(stored.body)
        changed[-5] ^= 1
        self.assertEqual(200, plain.put(self.bucket, "small", (), fields, bytes(changed)).status)
        done = self.bale_command("verify", "--deep")
        self.assertEqual(1, done.returncode)
        self.assertRegex(done.stdout.decode(), rf"^{self.bucket}/small: frame-crc: \S.*\n4 objects, .*: 1 findings")
        self.assertIn(b"1 of 4 objects are not as they should be", done.stderr)
        self.assertEqual(1, self.bale_command("cat", f"{self.bucket}/small").returncode)

    def spoil_end(self, key):
        """One byte of its trailer, by another tool: the time that clients see goes with that write."""
        plain = self.direct().client()
        stored = plain.get(self.bucket, key)
        fields = {name: value for name, value in stored.headers if name.startswith("x-amz-meta-")}
        changed = bytearray(stored.body)
        changed[-40] ^= 1
        self.assertEqual(200, plain.put(self.bucket, key, (), {**fields, "x-amz-tagging": "a=1&b=2"}, bytes(changed)).status)

    def head(self, bale, key):
        answer = bale.client().head(self.bucket, key, (), {"x-amz-checksum-mode": "ENABLED"})
        self.assertEqual(200, answer.status)
        return {name.lower(): value for name, value in answer.headers if name.lower() not in ("date", "x-amz-request-id", "x-amz-id-2")}

    def put_in_parts(self, client, key):
        part = large_body(self.seed, 2 * MIB)
        upload = client.post(self.bucket, key, {"uploads": None}).text("UploadId")
        etag = client.put(self.bucket, key, {"partNumber": "1", "uploadId": upload}, (), part, payload="unsigned").header("etag")
        document = multipart.document(multipart.part_xml(1, etag))
        self.assertEqual(200, client.post(self.bucket, key, {"uploadId": upload}, (), document).status)

    def test_a_damaged_end_is_written_anew(self):
        """What follows from the frames, and only that."""
        body = large_body(self.seed, 11 * MIB)  # more than a stored part: its ETag is in the trailer alone
        with self.bale(None, "--part-size", "5M") as bale:
            client = bale.client()
            for key, size in (("large", 11 * MIB), ("sound", 2 * MIB)):
                self.assertEqual(200, client.put(self.bucket, key, (), {"x-amz-meta-who": "bale"}, body[:size], payload="unsigned").status)
            whole = self.head(bale, "large")
            self.put_in_parts(client, "parts")
            told = {"x-amz-meta-note": "two  blanks", "content-type": "text/x-log"}  # which no header carries unchanged
            self.assertEqual(200, client.put(self.bucket, "told", (), told, body[:2 * MIB], payload="unsigned").status)
        for key in ("large", "parts", "told"):
            self.spoil_end(key)
        with self.bale() as bale:
            spoilt = self.head(bale, "large")
        self.assertNotIn("etag", spoilt)
        done = self.bale_command("verify", "--deep")
        self.assertEqual(1, done.returncode, done.stdout + done.stderr)
        self.assertEqual([b"large", b"parts", b"told"], re.findall(rb"/(\w+): trailer: ", done.stdout))
        said = {"large": "repaired", "parts": "parts", "told": "metadata"}
        before = {key: self.direct().client().head(self.bucket, key).header("etag") for key in said}
        for words, large, found in (((), "would be repaired", 3), (("--execute",), "repaired", 2), (("--execute",), None, 2)):
            done = self.bale_command("repair", *words)
            self.assertEqual(1, done.returncode, done.stdout + done.stderr)
            self.assertEqual(f"bale repair: {found} objects are not as they should be\n".encode(), done.stderr)
            wanted = {**said, "large": large} if large else {key: said[key] for key in ("parts", "told")}
            self.assertEqual(wanted, {key.decode(): what.decode() for key, what in re.findall(rb"/(\w+): ([\w ]+): ", done.stdout)})
            same = {key for key in said if before[key] == self.direct().client().head(self.bucket, key).header("etag")}
            self.assertEqual(set(said) - (set() if not words else {"large"}), same)

        with self.bale() as bale:
            mended = self.head(bale, "large")
            self.assertTrue(body == bale.client().get(self.bucket, "large").body)
            self.assertEqual(2, bale.client().get(self.bucket, "large", {"tagging": None}).body.count(b"<Tag>"))
        self.assertEqual(whole["etag"], mended["etag"])
        self.assertEqual(spoilt, {name: value for name, value in mended.items() if name in spoilt})

    def test_what_is_right_of_a_damaged_object_is_read(self):
        bodies = self.fill()
        plain = self.direct().client()
        stored = plain.get(self.bucket, "large")
        fields = {name: value for name, value in stored.headers if name.startswith("x-amz-meta-")}
        changed = bytearray(stored.body)
        changed[len(changed) // 2] ^= 1
        self.assertEqual(200, plain.put(self.bucket, "large", (), fields, bytes(changed)).status)
        done = self.bale_command("cat", f"{self.bucket}/large", "--skip-damaged")
        self.assertEqual(1, done.returncode)
        first, last = map(int, re.match(rb"bale cat: bytes (\d+) to (\d+) are left out: ", done.stderr).groups())
        self.assertEqual((0, MIB), (first % MIB, last + 1 - first))  # one frame
        self.assertTrue(bodies["large"][:first] + bodies["large"][last + 1:] == done.stdout)

    def test_stamp_writes_what_s4_reads(self):
        bodies = self.fill()
        done = self.bale_command("stamp")
        self.assertEqual((0, b"4 objects, 1 sidecars written.\n"), (done.returncode, done.stdout), done.stderr)
        plain = self.direct().client()
        sidecar = plain.get(self.bucket, "large.s4index")
        etag = plain.head(self.bucket, "large").header("etag").strip('"')
        self.assertEqual((200, b"S4IX"), (sidecar.status, sidecar.body[:4]))
        self.assertIn(etag.encode(), sidecar.body)
        done = self.bale_command("stamp", "--etags")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual(str(len(bodies["large"])), plain.head(self.bucket, "large").header("x-amz-meta-s4-original-size"))
        self.assertTrue(bodies["large"] == self.bale_command("cat", f"{self.bucket}/large").stdout)
        self.assertEqual(0, self.bale_command("verify", "--deep").returncode)

    def test_the_backend_says_what_it_can(self):
        done = self.bale_command("backend", "--json")
        first = json.loads(done.stdout)
        self.assertEqual(first, json.loads(self.bale_command("backend", "--json").stdout))  # read, not tried again
        self.assertGreater(len(first["verdicts"]), 15)
        text = self.bale_command("backend").stdout.decode()
        self.assertEqual(len(first["verdicts"]), sum(line.startswith(("yes ", "no ")) for line in text.splitlines()))
        done = self.bale_command("backend", "--test", "--json")
        again = json.loads(done.stdout)["verdicts"]
        lost = {name for name in first["verdicts"] if first["verdicts"][name] and not again[name]}
        self.assertLessEqual(lost, {"LABELS_HOLD", "DELETE_MATCH", "DELETE_RACES"})  # a server may lose one of these races now and then
        self.assertEqual(first["verdicts"], {**again, **dict.fromkeys(lost, True)})  # none that was lost is won again

    def write_policy(self):
        file, path = tempfile.mkstemp(prefix="bale-policy-", suffix=".ini")
        self.addCleanup(os.unlink, path)
        with os.fdopen(file, "w") as policy:
            policy.write("[rule all]\naction = migrate\n")
        return path

    def test_a_terminal_sees_how_far_it_is(self):
        """On standard error, which is empty without one and clean in the end; standard output is the same."""
        self.fill()
        for arguments in (("verify", "--deep"), ("repair",), ("maintain", "--policy", self.write_policy())):
            plain = self.bale_command(*arguments)
            self.assertEqual((0, b""), (plain.returncode, plain.stderr), arguments)
            words, environment = bale_words(self, *arguments)
            done = run_on_terminal(words, env=environment)
            self.assertEqual((0, plain.stdout), (done.returncode, done.stdout), arguments)
            self.assertRegex(done.stderr, rb"^(\r\d+ objects(, \d+ of \d+ MiB of the next)?\x1b\[K)+\r\x1b\[K$", arguments)
            self.assertEqual(arguments[0] == "verify", b"MiB of the next" in done.stderr, arguments)

    def test_how_they_end(self):
        """0, 1 and 2; and 3 where a signal comes before the end."""
        self.fill()
        for status, *arguments in ((0, "verify"), (0, "repair"), (0, "inspect", f"{self.bucket}/small", "--frames"), (0, "cat", f"{self.bucket}/small"),
                                   (1, "inspect", f"{self.bucket}/nothing"), (1, "cat", f"{self.bucket}/nothing"), (1, "verify", "--bucket", "no-such"),
                                   (2, "verify", "--deeper"), (2, "repair", "--zstd-level", "99"), (2, "cat"), (2, "inspect")):
            done = self.bale_command(*arguments)
            self.assertEqual((status, status > 0), (done.returncode, done.stderr.count(b"\n") == 1), (arguments, done.stderr))
        for arguments in (("verify", "--deep"), ("repair",), ("maintain", "--policy", self.write_policy())):
            proxy = self.proxy(fault("delay", op=["GetObject", "HeadObject"], key="(large|foreign)", seconds=5, times=1))
            process = bale_start(self, *arguments, place=proxy)
            self.wait_for(lambda proxy=proxy: any(proxy.fired()), "it is at work")
            process.send_signal(signal.SIGTERM)
            done = bale_end(process)
            self.assertEqual(3, done.returncode, (arguments, done.stdout, done.stderr))
            self.assertIn(b"stopped by a signal before the end", done.stderr, arguments)

    def test_no_backend_is_one_sentence(self):
        self.fill()
        other = self.bale_command("verify", "--bucket", "no-such-bucket")
        self.assertEqual(1, other.returncode)
        self.assertEqual(1, other.stderr.count(b"\n"))
