"""tests/backends/maintenance.py -- bale maintain on a bucket that others have filled: packed, and no client sees a difference."""

import json
import os
import re
import tempfile
import threading
import time

import multipart
from backend_case import BackendCase
from tools_alone import bale_command

MIB = 1 << 20
POLICY = "[rule all]\naction = migrate\n"
OF_AN_ANSWER = {"date", "x-amz-request-id", "x-amz-id-2", "server"}
ENTRY = re.compile(rb"<Key>(.*?)</Key><LastModified>(.*?)</LastModified><ETag>(.*?)</ETag><Size>(\d+)</Size>")


class MaintenanceCase(BackendCase):
    FOR = ()

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="bale-maintain-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def maintain(self, policy, *options):
        return bale_command(self, "maintain", "--policy", self.write("policy.ini", policy), "--format", "json", *options)

    def outcomes(self, done):
        """By rule."""
        self.assertEqual((0, b""), (done.returncode, done.stderr), done)
        document = json.loads(done.stdout)
        self.assertTrue(document["is_all"])
        return {rule["rule"]: rule["outcomes"] for rule in document["rules"]}

    def fill(self):
        """By another tool. Returns bodies by key."""
        bodies = {
            "logs/a.log": multipart.text_bytes(100_000), "logs/large.log": multipart.text_bytes(3 * MIB + 5),
            "logs/tiny.log": b"x", "empty": b"", "noise": multipart.noise_bytes(200_000),
            "b c+d%.txt": multipart.text_bytes(5000), "huge.log": multipart.text_bytes(20 * MIB),
        }
        plain = self.direct().client()
        for key, body in bodies.items():
            fields = {"x-amz-meta-who": "another tool", "content-type": "text/x-log", "cache-control": "max-age=60",
                      "x-amz-tagging": "a=1&b=2"}
            self.assertEqual(200, plain.put(self.bucket, key, (), fields, body, payload="unsigned").status)
        parts = [multipart.text_bytes(5 * MIB), b"the end"]
        upload = plain.post(self.bucket, "parts.log", {"uploads": None}).text("UploadId")
        etags = [plain.put(self.bucket, "parts.log", {"partNumber": str(number), "uploadId": upload}, (), part,
                           payload="unsigned").header("etag") for number, part in enumerate(parts, 1)]
        document = multipart.document(*(multipart.part_xml(number, etag) for number, etag in enumerate(etags, 1)))
        self.assertEqual(200, plain.post(self.bucket, "parts.log", {"uploadId": upload}, (), document).status)
        bodies["parts.log"] = b"".join(parts)
        return bodies

    def seen(self, bale, bodies):
        """All that a client can see: heads with tags, a list, bodies."""
        client = bale.client()
        heads = {}
        for key in bodies:
            answer = client.head(self.bucket, key)
            heads[key] = (answer.status, sorted((name.lower(), value) for name, value in answer.headers
                                                if name.lower() not in OF_AN_ANSWER))
            tags = client.get(self.bucket, key, {"tagging": None})
            heads[key] += (sorted(re.findall(rb"<Tag><Key>(.*?)</Key><Value>(.*?)</Value>", tags.body)),)
            self.assertTrue(bodies[key] == client.get(self.bucket, key).body, key)
        listed = ENTRY.findall(client.get(self.bucket, None, {"list-type": "2"}).body)
        self.assertEqual(len(bodies), len(listed))
        return heads, listed

    def wait_for_another_second(self):
        """What is written from now on has another Last-Modified."""
        begin = int(time.time())
        self.wait_for(lambda: int(time.time()) > begin + 1, "the clock goes on")


class Maintenance(MaintenanceCase):
    FOR = ("raw", "versitygw", "minio")

    def test_no_client_sees_a_difference(self):
        bodies = self.fill()
        running = self.bale()
        before = self.seen(running, bodies)
        plain = self.direct().client()
        sizes = {key: int(plain.head(self.bucket, key).header("content-length")) for key in bodies}
        self.wait_for_another_second()

        would = self.outcomes(self.maintain(POLICY))["all"]
        self.assertEqual({"packed": 4, "no-gain": 2, "too-small": 1, "other-etag": 1}, would)
        self.assertEqual(sizes, {key: int(plain.head(self.bucket, key).header("content-length")) for key in bodies})
        log = os.path.join(self.folder, "log")
        self.assertEqual({"all": would}, self.outcomes(self.maintain(POLICY, "--execute", "--log", log)))
        with open(log, encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        packed = {line["key"]: line["after"] for line in lines if line["outcome"] == "packed"}
        self.assertEqual({"logs/a.log", "logs/large.log", "b c+d%.txt", "huge.log"}, set(packed))
        self.assertEqual(len(bodies), len(lines))
        for key in bodies:
            answer = plain.head(self.bucket, key)
            self.assertEqual(packed.get(key, sizes[key]), int(answer.header("content-length")), key)
            self.assertEqual(key in packed, answer.header("x-amz-meta-s4-bale") is not None, key)

        self.assertEqual(before, self.seen(running, bodies))  # which knew them as they were
        self.assertEqual(before, self.seen(self.bale(), bodies))  # which knows nothing
        self.assertEqual({"already": 4, "no-gain": 2, "too-small": 1, "other-etag": 1}, self.outcomes(self.maintain(POLICY, "--execute"))["all"])
        done = bale_command(self, "verify", "--deep")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        client = running.client()
        self.assertEqual(304, client.head(self.bucket, "logs/a.log", (), {
            "if-modified-since": dict(before[0]["logs/a.log"][1])["last-modified"]}).status)

        # What clients write and copy from now on is as old as it is.
        source = f"{self.bucket}/logs/a.log"
        self.assertEqual(200, client.put(self.bucket, "copy", (), {"x-amz-copy-source": source}).status)
        self.assertEqual(200, client.put(self.bucket, "logs/large.log", (), (), b"new").status)
        for key in ("copy", "logs/large.log"):
            old = dict(before[0]["logs/a.log"][1])["last-modified"]
            self.assertNotEqual(old, client.head(self.bucket, key).header("last-modified"), key)

    def test_a_newer_object_is_never_lost(self):
        """Somebody writes it all the time."""
        written, ended = [], threading.Event()

        def write():
            plain = self.direct().client()
            while not ended.is_set():
                body = b"%d\n" % len(written) * 20_000
                if plain.put(self.bucket, "logs/a.log", (), (), body, payload="unsigned").status == 200:
                    written.append(body)
        writer = threading.Thread(target=write)
        writer.start()
        self.addCleanup(writer.join)
        self.addCleanup(ended.set)
        self.wait_for(lambda: written, "it is written")
        for _ in range(2):
            found = self.outcomes(self.maintain(POLICY, "--execute"))["all"]
            self.assertLessEqual(set(found), {"packed", "changed", "already"})
        ended.set()
        writer.join()
        answer = self.bale().client().get(self.bucket, "logs/a.log")
        self.assertTrue(written[-1] == answer.body, f"{len(written)} were written, {written.index(answer.body)} is there")


class MaintenanceByRules(MaintenanceCase):
    FOR = ("raw",)

    def test_rules_choose(self):
        self.fill()
        policy = ("[rule young]\nending = .log\nolder-than = 1h\n"
                  "[rule large]\nbucket = %s\nprefix = logs/\nprefix-2 = l\nleast-size = 1M\n"
                  "[rule gain]\nprefix = b%%20c\nleast-gain = 99\n" % self.bucket)
        found = self.outcomes(self.maintain(policy, "--execute"))
        self.assertEqual({"young": {"too-young": 5}, "large": {"packed": 1}, "gain": {"no-gain": 1}}, found)
        self.assertEqual({"all": {"packed": 3, "already": 1, "no-gain": 2, "too-small": 1, "other-etag": 1}}, self.outcomes(self.maintain(POLICY)))

    def test_a_policy_with_errors_is_refused_whole(self):
        done = self.maintain("[rule a]\nprefx = logs/\nleast-size = big\n[other]\naction = migrate\n[rule b]\n"
                             "prefix = %zz\naction = sweep\n")
        self.assertEqual((2, b""), (done.returncode, done.stdout))
        lines = done.stderr.decode().splitlines()
        for line, expected in zip(lines, (":2: a rule has no prefx", ":3: least-size: ", ":5: action stands in no [rule NAME]",
                                          ":8: action: ", "[rule b]: its prefix is no percent-coded text", "has 5 errors")):
            self.assertIn(expected, line)
        self.assertEqual(6, len(lines), lines)
        done = bale_command(self, "maintain")
        self.assertEqual((2, b"bale maintain: it needs --policy FILE\n"), (done.returncode, done.stderr))
