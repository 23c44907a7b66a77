"""tests/backends/requests/options.py -- options of a start before a backend that no other test asks for: each does what it says."""

import base64
import contextlib
import hashlib
import random
import re
import stat
import subprocess
import tempfile
from pathlib import Path

import fronts
from backend_case import BackendCase
from faults import fault
from races import together
from starting import StartCase

MIB = 1 << 20
WRITES = ("PutObject", "CreateMultipartUpload")


class HeadersOfRequests(BackendCase):
    """What the proxy takes out of requests it notes: the server behind it knows none of this."""

    FOR = ("raw",)

    def noted(self, what, *options):
        """The log of a small PUT, a large one, one with a class of its own, a GET, a list and a deletion."""
        proxy = self.proxy(fault("ignore", what=what))
        alice = self.bale(proxy, "--part-size", "5M", *options).client()
        body = random.Random(1).randbytes(6 * MIB)
        proxy.do("reset")
        for key, headers, sent in (("small", {}, b"x"), ("large", {}, body), ("own", {"x-amz-storage-class": "ONEZONE_IA"}, b"y")):
            self.assertEqual(200, alice.put(self.bucket, key, (), headers, sent).status)
        self.assertEqual(body, alice.get(self.bucket, "large").body)
        self.assertEqual(3, len(alice.get(self.bucket, None, {"list-type": "2"}).texts("Contents/Key")))
        self.assertEqual(204, alice.delete(self.bucket, "small").status)
        log = proxy.log()
        self.assertLessEqual({*WRITES, "UploadPart", "GetObject", "ListObjectsV2", "DeleteObject"}, {entry["op"] for entry in log})
        return log

    def test_encryption_by_the_backend(self):
        for entry in self.noted("encryption", "--backend-sse", "AES256"):
            self.assertEqual(entry["op"] in WRITES, "ignored" in entry, entry)

    def test_a_storage_class(self):
        """It is of what nobody asked another class for; that one is not said to a server that was seen to forget it."""
        log = self.noted("class", "--storage-class", "STANDARD_IA")
        self.assertEqual({"small", "large"}, {entry["key"] for entry in log if "ignored" in entry})

    def test_whoever_asks_pays(self):
        log = self.noted("payer", "--request-payer")
        self.assertEqual([], [entry for entry in log if "ignored" not in entry])

    def test_without_them_nothing_is_said(self):
        log = self.noted("encryption") + self.noted("payer")
        self.assertEqual([], [entry for entry in log if "ignored" in entry])


class Profiles(StartCase):
    FOR = ("raw",)

    def test_a_profile_of_the_shared_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "credentials")
            path.write_text("[default]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = wrong\n"
                            f"[bale]\naws_access_key_id = {self.backend.access_key}\naws_secret_access_key = {self.backend.secret_key}\n")
            shared = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "AWS_SHARED_CREDENTIALS_FILE": str(path),
                      "AWS_EC2_METADATA_DISABLED": "true"}
            self.assert_refused(["AKIAOTHER|access key"], environment=self.environment(**shared))
            self.assert_refused(["nobody"], self.options(profile="nobody"), self.environment(**shared))
            front = fronts.Bale(self.baled, self.backend, self.backend, ("--profile", "bale"))
            kept = front.daemon.environment()
            front.daemon.environment = lambda: {**{name: kept[name] for name in kept if not name.startswith("AWS_")}, **self.environment(**shared)}
            self.addCleanup(front.stop)
            self.assertEqual(200, front.start().client().put(self.bucket, "k", (), (), b"x").status)


class OwnHosts:
    """A baled that alone sees a file of hosts."""

    def baled_with_hosts(self, folder, *names):
        hosts, script = Path(folder, "hosts"), Path(folder, "baled")
        hosts.write_text(f"127.0.0.1 localhost {' '.join(names)}\n")
        mount = f"mount --bind {hosts} /etc/hosts"
        if subprocess.run(["unshare", "-m", "sh", "-c", mount], capture_output=True, check=False).returncode:
            self.skipTest("no right to mount a file of hosts")
        script.write_text(f"#!/bin/sh\nexec unshare -m sh -c '{mount} && exec \"$@\"' sh {self.baled} \"$@\"\n")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        return script


class AwsByDefault(OwnHosts, StartCase):
    """Without --endpoint it is AWS, of --backend-region; here nobody listens there."""

    FOR = ("raw",)

    def test_where_it_is(self):
        for region, host in (("eu-north-1", "s3.eu-north-1.amazonaws.com"), ("cn-north-1", "s3.cn-north-1.amazonaws.com.cn")):
            with tempfile.TemporaryDirectory() as folder:
                self.baled = self.baled_with_hosts(folder, host)
                self.assert_refused([f"https://{host}", "refused"], ["--backend", f"s3:{self.bucket}", "--backend-region", region])
                del self.baled


class Virtual(OwnHosts, BackendCase):
    """BUCKET.HOST, as AWS has it."""

    FOR = ("raw",)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.domain = "s3.internal"
        cls.server.kill()
        cls.server.start()

    def test_the_bucket_is_in_the_name_of_the_host(self):
        with tempfile.TemporaryDirectory() as folder:
            endpoint = f"http://s3.internal:{self.backend.port}"
            front = fronts.Bale(self.baled_with_hosts(folder, "s3.internal", f"{self.bucket}.s3.internal"), self.backend, self.backend,
                                ("--endpoint", endpoint, "--backend-addressing", "virtual", "--part-size", "5M"))
            self.addCleanup(front.stop)
            alice = front.start().client()
            body = random.Random(2).randbytes(6 * MIB)
            for key in ("k", "a b/ü%"):
                self.assertEqual(200, alice.put(self.bucket, key, (), (), body).status)
                self.assertEqual(body, alice.get(self.bucket, key).body)
            self.assertEqual(["a b/ü%", "k"], self.direct().client().get(self.bucket, None, {"list-type": "2"}).texts("Contents/Key")[-2:])


class PartSize(StartCase):
    """--part-size: what is not larger is one PUT, and all parts but the last are of just this size, with the trailer at the end."""

    FOR = ("raw",)

    def test_what_is_sent_at_once(self):
        body = random.Random(4).randbytes(12 * MIB)
        proxy = self.proxy()
        for size in (5, 8):
            alice = self.bale(proxy, "--part-size", f"{size}M").client()
            proxy.reset()
            for key, count in (("small", size * MIB - 1000), ("large", len(body))):
                self.assertEqual(200, alice.put(self.bucket, key, (), (), body[:count]).status)
                self.assertEqual(body[:count], alice.get(self.bucket, key).body)
            log = [entry for entry in proxy.log() if entry["key"] in ("small", "large")]
            self.assertEqual(["small"], [entry["key"] for entry in log if entry["op"] == "PutObject"])
            parts = sorted((entry["in"] for entry in log if entry["op"] == "UploadPart"), reverse=True)
            self.assertEqual([size * MIB] * (12 // size), parts[:12 // size])
            self.assertEqual(12 // size + 1, len(parts))
            self.assertLess(12 * MIB, sum(parts))
            self.assertLess(sum(parts), 12 * MIB + 2000)

    def test_bounds_are_said(self):
        for size in ("4M", "6G", "many"):
            self.assert_refused(["--part-size"], [*self.options(), "--part-size", size], statuses=(2,))


class Memory(BackendCase):
    FOR = ("raw",)

    def test_uploads_wait_for_memory(self):
        """Six of them, where there is room for three parts at a time: all get through."""
        bale = self.bale(self.backend, "--part-size", "5M", "--backend-memory", "16M")
        bodies = [random.Random(number).randbytes(6 * MIB) for number in range(6)]
        clients = [bale.client() for _ in bodies]
        answers = together([lambda number=number: clients[number].put(self.bucket, f"k{number}", (), (), bodies[number]) for number in range(6)])
        self.assertEqual([200] * 6, [answer.status for answer in answers])
        for number, body in enumerate(bodies):
            self.assertEqual(body, bale.client().get(self.bucket, f"k{number}").body)

    def begin(self, stack, client, key):
        """An upload that sends no byte before it is told to."""
        headers = {"x-amz-content-sha256": "UNSIGNED-PAYLOAD", "Expect": "100-continue"}
        connection = stack.enter_context(client.connect(timeout=120))
        connection.send(client.prepare("PUT", self.bucket, key, (), headers, b"", length=6 * MIB).head)
        return connection

    def test_one_more_than_there_is_memory_for(self):
        """Is sent away after a while; when another one has come to its end, there is room again."""
        client = self.bale(self.backend, "--part-size", "5M", "--backend-memory", "16M", "--shards", "2", "--progress-timeout", "10m").client()
        with contextlib.ExitStack() as stack:
            uploads = [self.begin(stack, client, f"k{number}") for number in range(3)]
            self.assertEqual([100] * 3, [upload.read_head().status for upload in uploads])
            self.assertEqual(503, self.begin(stack, client, "one more").read_head().status)
            uploads[0].send(bytes(6 * MIB))
            self.assertEqual(200, uploads[0].read_response("PUT").status)
            self.assertEqual(100, self.begin(stack, client, "again").read_head().status)


class CacheSize(StartCase):
    """--cache-size: what was seen of keys is on the disk within that, is found there by the next start, and is not needed."""

    FOR = ("raw",)
    COUNT = 60
    BODY = random.Random(3).randbytes(100_000)  # of what is not known, a range costs a request more

    def figure(self, name):
        return int(re.search(rf"^{name} (\d+)$", self.front.admin("/metrics")[1], re.M).group(1))

    def read_ranges(self):
        """One of each key; how many requests that took, and how many look-ups found something."""
        client, found = self.front.client(), self.figure("bale_rows_found_total")
        self.through.reset()
        for number in range(self.COUNT):
            answer = client.get(self.bucket, f"k{number}", (), {"range": f"bytes={number}-{number + 9}"})
            self.assertEqual((206, self.BODY[number:number + 10]), (answer.status, answer.body))
        asked = [entry["op"] for entry in self.through.log() if re.fullmatch(r"k\d+", entry["key"])]
        return len(asked), self.figure("bale_rows_found_total") - found

    def test_what_was_seen_is_kept_within_it(self):
        size = 16 * MIB
        self.through = self.proxy()
        self.front = self.bale(self.through, "--cache-size", "16M", "--shards", "1")
        rows = Path(self.front.daemon.folder, "state", "rows.mdb")
        for number in range(self.COUNT):
            self.assertEqual(200, self.front.client().put(self.bucket, f"k{number}", (), (), self.BODY).status)
        self.wait_for(lambda: self.figure("bale_rows_written_total") >= self.COUNT, "the rows are in the file")
        self.assertEqual(0, self.figure("bale_rows_lost_total"))
        used = self.figure("bale_rows_file_bytes")
        self.assertTrue(self.COUNT * 100 < used <= rows.stat().st_size <= size, (used, rows.stat().st_size))

        self.assertEqual(0, self.front.daemon.stop())
        self.front.start()
        self.assertEqual(used, self.figure("bale_rows_file_bytes"))
        self.assertEqual((self.COUNT, self.COUNT), self.read_ranges())  # from the file
        self.front.kill()  # then nothing in it is believed
        self.front.start()
        requests, found = self.read_ranges()
        self.assertEqual((2 * self.COUNT, 0), (requests, found))

    def test_bounds_are_said(self):
        for size in ("15M", "17T", "many"):
            self.assert_refused(["--cache-size"], [*self.options(), "--cache-size", size], statuses=(2,))


class StoreName(BackendCase):
    """--store-name tells a bucket's journal and ledger from those of a copy of it under the same name."""

    FOR = ("raw",)

    def ledger_of(self, key):
        """Which ledger counts the object, as its own fields say (docs/bucket-format.md)."""
        stamp = self.direct().client().head(self.bucket, key).header("x-amz-meta-s4-bale")
        text = re.search(r";l=([^/]+)/", stamp).group(1)
        return base64.urlsafe_b64decode(text + "==")

    def named(self, name):
        words = (b"bale journal in a bucket", self.bucket.encode(), b"", name)
        return hashlib.sha256(b"".join(word + b"\0" for word in words)).digest()[:16]

    def test_where_it_shows(self):
        for name in ("", "one"):
            with self.bale(self.backend, *(("--store-name", name) if name else ())) as bale:
                self.assertEqual(200, bale.client().put(self.bucket, f"of-{name}", (), (), b"x" * 100).status)
            self.assertEqual(self.named(name.encode()), self.ledger_of(f"of-{name}"))

    def test_another_name_is_another_store(self):
        with self.bale(self.backend, "--store-name", "one") as bale:
            self.assertEqual(200, bale.client().put(self.bucket, "k", (), (), b"x").status)
            self.wait_for(lambda: '"condition":"running"' in bale.admin("/journal")[1], "the journal runs")
        with self.bale(self.backend, "--store-name", "one") as same:
            self.wait_for(lambda: '"condition":"running"' in same.admin("/journal")[1], "the journal runs again")
        with self.bale(self.backend, "--store-name", "two") as other:
            self.wait_for(lambda: '"condition":"is-copy"' in other.admin("/journal")[1], "the journal is of another store")
            self.assertEqual((200, True), (other.admin("/ready")[0], "bale journal --adopt" in other.admin("/ready")[1]))
            self.assertEqual(b"x", other.client().get(self.bucket, "k").body)  # objects can be read in any case
