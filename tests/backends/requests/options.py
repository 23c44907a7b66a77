"""tests/backends/requests/options.py -- options of a start before a backend that no other test asks for: each does what it says."""

import random
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
        log = self.noted("class", "--storage-class", "STANDARD_IA")
        self.assertEqual({"small", "large", "own"}, {entry["key"] for entry in log if "ignored" in entry})

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


class Virtual(BackendCase):
    """BUCKET.HOST, as AWS has it. The names are those of a file of hosts that only this baled sees."""

    FOR = ("raw",)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.domain = "s3.internal"
        cls.server.kill()
        cls.server.start()

    def baled_with_hosts(self, folder):
        hosts, script = Path(folder, "hosts"), Path(folder, "baled")
        hosts.write_text(f"127.0.0.1 localhost s3.internal {self.bucket}.s3.internal\n")
        mount = f"mount --bind {hosts} /etc/hosts"
        if subprocess.run(["unshare", "-m", "sh", "-c", mount], capture_output=True, check=False).returncode:
            self.skipTest("no right to mount a file of hosts")
        script.write_text(f"#!/bin/sh\nexec unshare -m sh -c '{mount} && exec \"$@\"' sh {self.baled} \"$@\"\n")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        return script

    def test_the_bucket_is_in_the_name_of_the_host(self):
        with tempfile.TemporaryDirectory() as folder:
            endpoint = f"http://s3.internal:{self.backend.port}"
            front = fronts.Bale(self.baled_with_hosts(folder), self.backend, self.backend,
                                ("--endpoint", endpoint, "--backend-addressing", "virtual", "--part-size", "5M"))
            self.addCleanup(front.stop)
            alice = front.start().client()
            body = random.Random(2).randbytes(6 * MIB)
            for key in ("k", "a b/ü%"):
                self.assertEqual(200, alice.put(self.bucket, key, (), (), body).status)
                self.assertEqual(body, alice.get(self.bucket, key).body)
            self.assertEqual(["a b/ü%", "k"], self.direct().client().get(self.bucket, None, {"list-type": "2"}).texts("Contents/Key")[-2:])


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
