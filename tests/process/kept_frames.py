"""tests/process/kept_frames.py -- ranges that are read out of frames that were decoded before: fewer reads and never other bytes,
whatever becomes of the object meanwhile; for tests/process/run.

`KeptFrames.baled` and `KeptFrames.bale` are the binaries; set before the tests run.
"""

import os
import subprocess
import tempfile

import admin
from customers import customer
from daemons import DaemonsCase
from maintaining import text

MIB = 1 << 20
BODY = text(1, 900_000)[:3 * MIB + 5000]
OTHER = text(2, 900_000)[:3 * MIB + 5000]


class KeptFrames(DaemonsCase):
    def begin(self, *options):
        self.daemon = self.add("--catalogue-max-size", "4G", "--shards", "1", *options)
        self.alice = self.daemon.alice
        self.assertEqual(200, self.alice.put("bucket").status)
        self.put("key", BODY)

    def put(self, key, body, **headers):
        self.assertEqual(200, self.alice.put("bucket", key, (), headers, body).status)

    def metric(self, name):
        return admin.metrics(self.daemon.server)[name + '{shard="0"}']

    def hits(self):
        return self.metric("bale_frame_cache_hits_total")

    def expect(self, first, size, body=BODY, key="key", headers=()):
        answer = self.alice.get("bucket", key, (), {"range": f"bytes={first}-{first + size - 1}", **dict(headers)})
        self.assertEqual(206, answer.status, answer)
        self.assertTrue(answer.body == body[first:first + size], f"{key}: other bytes at {first}")

    def expect_hit(self, *words, **more):
        before, read = self.hits(), self.metric("bale_store_read_bytes_total")
        self.expect(*words, **more)
        self.assertEqual((before + 1, read), (self.hits(), self.metric("bale_store_read_bytes_total")))

    def expect_miss(self, *words, **more):
        before = self.hits()
        self.expect(*words, **more)
        self.assertEqual(before, self.hits())

    def test_neighbours_are_read_without_the_store(self):
        self.begin()
        self.expect_miss(MIB + 10, 1000)
        self.expect_hit(MIB + 5000, 1000)
        self.expect_hit(2 * MIB - 1, 1)
        self.expect_miss(3 * MIB + 10, 10)
        suffix = self.alice.get("bucket", "key", (), {"range": "bytes=-500"})
        self.assertTrue(suffix.status == 206 and suffix.body == BODY[-500:])
        self.assertEqual(3, self.hits())
        self.assertTrue(self.alice.get("bucket", "key").body == BODY)
        self.assertLess(MIB + 5000, self.metric("bale_frame_cache_bytes"))

    def test_a_condition_that_fails_wants_everything(self):
        """The range that was announced is kept, and all of the object is to be answered."""
        self.begin()
        self.expect(10, 10)
        self.expect_hit(10, 10)
        answer = self.alice.get("bucket", "key", (), {"range": "bytes=10-19", "if-range": '"other"'})
        self.assertTrue(answer.status == 200 and answer.body == BODY)
        answer = self.alice.get("bucket", "key", (), {"range": "bytes=10-19,30-39"})
        self.assertTrue(answer.status == 200 and answer.body == BODY)
        etag = self.alice.head("bucket", "key").header("etag")
        self.assertEqual(304, self.alice.get("bucket", "key", (), {"range": "bytes=10-19", "if-none-match": etag}).status)
        self.expect_hit(10, 10, headers={"if-range": etag})

    def test_what_was_written_anew_or_deleted(self):
        self.begin()
        self.expect(10, 10)
        self.put("key", OTHER)
        self.expect_miss(10, 10, OTHER)
        self.expect_hit(20, 10, OTHER)
        source = {"x-amz-copy-source": "/bucket/key"}
        self.assertEqual(200, self.alice.put("bucket", "copy", (), source).status)
        self.expect_miss(30, 10, OTHER, "copy")
        self.put("key", BODY)
        self.expect_miss(20, 10, BODY)
        self.expect_hit(40, 10, OTHER, "copy")
        self.assertEqual(204, self.alice.delete("bucket", "key").status)
        self.assertEqual(404, self.alice.get("bucket", "key", (), {"range": "bytes=20-29"}).status)
        self.put("key", OTHER)
        self.expect_miss(20, 10, OTHER)
        again = {**source, "x-amz-storage-class": "GLACIER_IR", "x-amz-metadata-directive": "REPLACE"}
        self.assertEqual(200, self.alice.put("bucket", "key", (), again).status)
        self.expect(20, 10, OTHER)

    def test_versions_have_frames_of_their_own(self):
        self.begin()
        body = b'<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>'
        self.assertEqual(200, self.alice.put("bucket", None, {"versioning": ""}, (), body).status)
        versions = []
        for content in (BODY, OTHER):
            answer = self.alice.put("bucket", "versioned", (), (), content)
            versions.append((answer.header("x-amz-version-id"), content))
        for _ in range(3):
            for version, content in versions:
                answer = self.alice.get("bucket", "versioned", {"versionId": version}, {"range": "bytes=100-199"})
                self.assertTrue(answer.status == 206 and answer.body == content[100:200])
        self.assertEqual(4, self.hits())

    def spoil_frames(self):
        """One byte of each frame."""
        folder = os.path.join(self.daemon.folder, "data", "volumes")
        spoilt = 0
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), "r+b") as file:
                stored = file.read()
                at = stored.find(b"S4F2")
                while at >= 0:
                    file.seek(at + 200)
                    file.write(bytes([stored[at + 200] ^ 1]))
                    spoilt += 1
                    at = stored.find(b"S4F2", at + 4)
        self.assertGreaterEqual(spoilt, 4)

    def test_damage_is_found_where_nothing_is_kept(self):
        """What is kept was right when it was decoded, and goes with the process."""
        self.begin()
        self.expect(10, 10)
        self.spoil_frames()
        self.expect_hit(1000, 1000)
        self.assertEqual(500, self.alice.get("bucket", "key", (), {"range": f"bytes={MIB}-{MIB + 9}"}).status)
        self.assertEqual(1, self.metric("bale_frames_damaged_total"))
        self.daemon.stop()
        self.restart(self.daemon)
        self.alice = self.daemon.alice
        self.assertEqual(500, self.alice.get("bucket", "key", (), {"range": "bytes=1000-1009"}).status)

    def test_what_is_packed_anew(self):
        if os.getloadavg()[0] > os.cpu_count():
            self.skipTest("no processor is idle: nothing would be packed")
        self.begin("--recompact", "idle", "--recompact-after", "1s", "--recompact-pace", "1G")
        packed = 'bale_recompact_versions_total{outcome="packed"}'
        self.expect(10, 10)
        self.wait_for(lambda: admin.metrics(self.daemon.server)[packed] >= 1, 300)
        self.expect_miss(20, 10)
        self.expect_hit(30, 10)

    def test_keys_of_clients_leave_nothing_behind(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        file = os.path.join(folder.name, "keys")
        self.run_bale("keyring", "create", "--keyring", file)
        self.begin("--keyring", file, "--sse-c-over-http", "allow")
        self.put("theirs", BODY, **customer())
        self.put("ours", BODY, **{"x-amz-server-side-encryption": "AES256"})
        for _ in range(3):
            self.expect_miss(10, 10, key="theirs", headers=customer())
        self.assertEqual(400, self.alice.get("bucket", "theirs", (), {"range": "bytes=10-19"}).status)
        self.expect_miss(10, 10, key="ours")
        self.expect_hit(MIB - 10, 10, key="ours")

    def run_bale(self, *words):
        done = subprocess.run([self.bale, *words], capture_output=True, text=True, timeout=600, check=False)
        self.assertEqual(0, done.returncode, done.stderr)

    def test_none_is_kept(self):
        self.begin("--frame-cache", "0")
        for _ in range(3):
            self.expect_miss(10, 10)
        self.assertEqual(0, self.metric("bale_frame_cache_bytes"))

    def test_the_bound(self):
        self.begin("--frame-cache", "2500K")
        for at in (0, 1, 2, 0, 1, 2):
            self.expect(at * MIB + 10, 10)
            self.assertLessEqual(self.metric("bale_frame_cache_bytes"), 2500 << 10)
        self.assertLess(MIB, self.metric("bale_frame_cache_bytes"))
