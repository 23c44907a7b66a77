"""tests/backends/tools/maintenance.py -- bale maintain on a bucket that others have filled: packed, and no client sees a difference."""

import functools
import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import time

import checksums
import multipart
from backend_case import BackendCase
from faults import fault
from tools_alone import bale_command, bale_end, bale_start

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

    def start_maintain(self, policy, *options, place=None):
        return bale_start(self, "maintain", "--policy", self.write("policy.ini", policy), "--format", "json", *options, place=place)

    def maintain(self, policy, *options, place=None):
        return bale_end(self.start_maintain(policy, *options, place=place))

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

    @staticmethod
    def looks_at_tags(proxy, key):
        return [entry for entry in proxy.log() if entry["op"] == "GetObjectTagging" and entry["key"] == key]

    def change_meanwhile(self, change):
        """While an object is packed, between the first look at its tags and the last. Every HEAD is late, the last look begins with one,
        and the process is stopped as long as the change takes."""
        plain = self.direct().client()
        self.assertEqual(0, bale_command(self, "backend").returncode)  # what it can do is known, and not tried through the proxy
        for number in range(5):
            key = f"key-{number}"
            fields = {"x-amz-tagging": "a=1", "x-amz-meta-who": "first"}
            self.assertEqual(200, plain.put(self.bucket, key, (), fields, multipart.text_bytes(50_000)).status)
            proxy = self.proxy(fault("delay", op="HeadObject", key=f"^{key}$", seconds=2))
            process = self.start_maintain(f"[rule one]\nprefix = {key}\n", "--execute", place=proxy)
            looks = functools.partial(self.looks_at_tags, proxy, key)
            self.wait_for(lambda looks=looks: looks() and looks()[0]["status"], "its tags are read")
            process.send_signal(signal.SIGSTOP)
            is_in_time = len(looks()) == 1
            change(plain, key)
            process.send_signal(signal.SIGCONT)
            outcomes = self.outcomes(bale_end(process))["one"]
            if is_in_time:
                self.assertEqual({"changed": 1}, outcomes)
                return plain, key
        return self.fail("each time the last look was over before the change")

    def test_tags_that_change_meanwhile_stay(self):
        document = b"<Tagging><TagSet><Tag><Key>b</Key><Value>2</Value></Tag></TagSet></Tagging>"
        plain, key = self.change_meanwhile(
            lambda plain, key: self.assertEqual(200, plain.put(self.bucket, key, {"tagging": None}, {"content-md5": checksums.md5_base64(document)}, document).status))
        self.assertIn(b"<Key>b</Key>", plain.get(self.bucket, key, {"tagging": None}).body)

    def test_metadata_that_change_meanwhile_stay(self):
        def change(plain, key):
            fields = {"x-amz-copy-source": f"{self.bucket}/{key}", "x-amz-metadata-directive": "REPLACE", "x-amz-meta-who": "second"}
            self.assertEqual(200, plain.put(self.bucket, key, (), fields).status)
        plain, key = self.change_meanwhile(change)
        self.assertEqual("second", plain.head(self.bucket, key).header("x-amz-meta-who"))

    def test_tags_stay_where_nobody_counts_them(self):
        bodies = self.fill()
        proxy = self.proxy(fault("omit", op=["GetObject", "HeadObject"], field="x-amz-tagging-count"))
        before = self.seen(self.bale(), bodies)
        self.assertEqual(4, self.outcomes(self.maintain(POLICY, "--execute", place=proxy))["all"]["packed"])
        self.assertEqual(before, self.seen(self.bale(), bodies))

    def test_a_backend_that_goes_away_midway(self):
        """What was done stands, and the next run does the rest."""
        bodies = self.fill()
        before = self.seen(self.bale(), bodies)
        proxy = self.proxy(fault("refuse", status=503, op=["PutObject", "UploadPart", "CreateMultipartUpload"], key="^huge.log$"))
        done = self.maintain(POLICY, "--execute", place=proxy)
        proxy.clear()
        self.assertEqual(3, done.returncode, done)
        document = json.loads(done.stdout)
        self.assertFalse(document["is_all"])
        self.assertEqual({"packed": 1, "too-small": 1}, document["rules"][0]["outcomes"])
        found = self.outcomes(self.maintain(POLICY, "--execute", place=proxy))["all"]
        self.assertEqual({"packed": 3, "already": 1, "no-gain": 2, "too-small": 1, "other-etag": 1}, found)
        self.assertEqual(before, self.seen(self.bale(), bodies))

    def test_two_runs_at_once(self):
        """The same work twice, and no harm."""
        bodies = self.fill()
        before = self.seen(self.bale(), bodies)
        for process in [self.start_maintain(POLICY, "--execute") for _ in range(2)]:
            found = self.outcomes(bale_end(process))["all"]
            self.assertEqual(4, sum(found.get(outcome, 0) for outcome in ("packed", "already", "changed")), found)
        self.assertEqual({"already": 4, "no-gain": 2, "too-small": 1, "other-etag": 1}, self.outcomes(self.maintain(POLICY))["all"])
        self.assertEqual(before, self.seen(self.bale(), bodies))

    def test_tools_that_compare_see_nothing_to_do(self):
        tree = os.path.join(self.folder, "tree")
        for key, body in self.fill().items():
            path = os.path.join(tree, key)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(body)
            os.utime(path, (0, 1_500_000_000))
        self.assertEqual(4, self.outcomes(self.maintain(POLICY, "--execute"))["all"]["packed"])
        bale = self.bale()
        harder = "[rule harder]\naction = recompact\nlevel = 9\nleast-gain = 1\n"
        found = self.outcomes(self.maintain(harder, "--execute", "--state", os.path.join(self.folder, "state")))["harder"]
        self.assertGreater(found["packed"], 0, found)
        endpoint = "http://%s:%d" % tuple(bale.server.address[:2])
        account = bale.server.accounts["alice"]
        environment = {"PATH": "/usr/bin:/bin", "HOME": self.folder, "AWS_ACCESS_KEY_ID": account.access_key,
                       "AWS_SECRET_ACCESS_KEY": account.secret_key, "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
        remote = f":s3,provider=Other,env_auth=true,region=us-east-1,endpoint='{endpoint}':{self.bucket}"
        for words in (["/usr/bin/rclone", "--config=/dev/null", "check", tree, remote],
                      ["/usr/bin/aws", "--endpoint-url", endpoint, "s3", "sync", "--dryrun", tree, f"s3://{self.bucket}"]):
            with self.subTest(words[0]):
                if not os.path.exists(words[0]):
                    self.skipTest(f"{words[0]} is not here")
                done = subprocess.run(words, env=environment, capture_output=True, timeout=600, check=False)
                self.assertEqual((0, b""), (done.returncode, done.stdout), done.stderr)

    def test_a_policy_with_errors_is_refused_whole(self):
        done = self.maintain("[rule a]\nprefx = logs/\nleast-size = big\n[other]\naction = migrate\n[rule b]\n"
                             "prefix = %zz\naction = swep\n")
        self.assertEqual((2, b""), (done.returncode, done.stdout))
        lines = done.stderr.decode().splitlines()
        for line, expected in zip(lines, (":2: a rule has no prefx", ":3: least-size: ", ":5: action stands in no [rule NAME]",
                                          ":8: action: ", "[rule b]: its prefix is no percent-coded text", "has 5 errors")):
            self.assertIn(expected, line)
        self.assertEqual(6, len(lines), lines)
        done = bale_command(self, "maintain")
        self.assertEqual((2, b"bale maintain: it needs --policy FILE\n"), (done.returncode, done.stderr))
