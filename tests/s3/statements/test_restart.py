"""tests/s3/statements/test_restart.py -- what must outlive a restart, and a change of codec, level or shards (statements 240, 341)."""

import hashlib
import os

import checksums
from case import S3Case
from client import Client
from daemon import Daemon

TEXT = b"".join(b"%d: the same words again and again, with a number\n" % number for number in range(60_000))
BODIES = {
    "empty": b"", "one": b"1", "small text": TEXT[:900], "text": TEXT[:100_000], "long text": TEXT,
    "small noise": hashlib.shake_128(b"a").digest(900), "noise": hashlib.shake_128(b"b").digest(100_000),
    "long noise": hashlib.shake_128(b"c").digest(2_500_000), "mixed": TEXT[:1_100_000] + hashlib.shake_128(b"d").digest(1_100_000),
}
SETTINGS = (["--codec", "auto"], ["--codec", "none", "--shards", "1"], ["--codec", "zstd", "--zstd-level", "-7", "--shards", "3"],
            ["--codec", "zstd", "--zstd-level", "9"], ["--codec", "auto", "--zstd-level", "19", "--codec-threads", "1", "--shards", "1"])


class Restart(S3Case):
    def setUp(self):
        if not self.baled:
            self.skipTest("the server's program is not known")
        self.daemon = Daemon(os.path.abspath(self.baled))
        self.addCleanup(self.daemon.remove)
        self.start([])
        self._bucket = self.make_bucket()

    def start(self, options):
        self.daemon.options = options
        self.server = self.daemon.start()
        super().setUp()

    def restart(self, options, gently=True):
        bucket = self._bucket
        if gently:
            self.assertEqual(0, self.daemon.stop(), self.daemon.log()[-2000:])
        else:
            self.daemon.kill()
        self.start(options)
        self._bucket = bucket

    def test_341_every_setting_reads_what_every_other_wrote(self):
        written = {}
        for turn, options in enumerate(SETTINGS):
            self.restart(options, gently=turn % 2 == 0)
            for name, body in BODIES.items():
                key = f"{turn} {name}"
                self.put(key, body, {"x-amz-meta-turn": str(turn)}, payload="unsigned")
                written[key] = body
            for key, body in written.items():
                answer = self.assert_object(key, body)
                self.assertEqual(key[0], answer.header("x-amz-meta-turn"))
                if len(body) > 1000:
                    part = self.get(key, headers={"Range": f"bytes={len(body) // 2}-{len(body) // 2 + 99}"})
                    self.assertEqual(body[len(body) // 2:len(body) // 2 + 100], part.body)
        self.assertEqual(sorted(written), self.list().texts("Contents/Key"))

    def test_240_tokens_and_attributes_survive(self):
        keys = [f"k{number:02}" for number in range(30)] + ["ü/\x01"]
        for key in keys:
            self.put(key, key.encode(), {"Content-Type": "text/x", "x-amz-meta-key": key[:2],
                                         "x-amz-checksum-sha256": checksums.checksum("SHA256", key.encode())})
        first = self.list(("max-keys", "10"))
        before = {key: self.head(key, headers={"x-amz-checksum-mode": "ENABLED"}) for key in keys}
        for gently in (True, False):
            self.restart([], gently)
            rest = self.list(("continuation-token", first.text("NextContinuationToken")), ("encoding-type", "url"))
            self.assertEqual(keys[10:30], rest.texts("Contents/Key")[:20])
            for key in keys:
                after = self.head(key, headers={"x-amz-checksum-mode": "ENABLED"})
                for name in ("etag", "last-modified", "content-type", "content-length", "x-amz-meta-key", "x-amz-checksum-sha256"):
                    self.assertEqual(before[key].header(name), after.header(name), (key, name))

    def test_accounts_keep_their_buckets(self):
        theirs = self.make_bucket(self.bob)
        self.restart([])
        self.assertEqual([theirs], self.bob.get().texts("Buckets/Bucket/Name"))
        self.assertEqual(403, self.alice.get(theirs).status)
        self.assertEqual(200, Client(self.server, self.server.accounts["bob"]).get(theirs).status)

    def test_second_process_on_the_folder_is_refused(self):
        second = Daemon(os.path.abspath(self.baled), folder=self.daemon.folder, accounts=self.daemon.accounts)
        self.addCleanup(second.remove)
        with self.assertRaises(RuntimeError) as refused:
            second.start()
        self.assertEqual(1, second.process.returncode, str(refused.exception))
        self.assertIn(str(self.server.pid), str(refused.exception))  # it says who has it
        self.put("k", b"unharmed")
        self.assert_object("k", b"unharmed")
