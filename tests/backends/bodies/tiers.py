"""tests/backends/bodies/tiers.py -- a tier before a bucket: how often the backend is asked, whose bytes are given, and what its disk may do.

What is near is asked for by one HEAD; what is not, by the GET that there would be without a tier. Whatever the tier's folder holds, the
bytes are those of the revision that the answer's ETag names.
"""

import json
import os
import random
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import wire
from admin import metrics
from backend_case import BackendCase

MIB = 1 << 20
SMALL = random.Random(1).randbytes(30_000)
LARGE = random.Random(2).randbytes(3 * MIB)
NEWER = random.Random(9).randbytes(3 * MIB)
TOOL = str(Path(__file__).resolve().parents[3] / "build/tools/bale")
ASKED_ANYWAY = ("HeadBucket", "GetBucketVersioning", "GetBucketLifecycle")


def receive(connection, size):
    """So many bytes at least, or what comes before the end."""
    received = bytearray()
    while len(received) < size and (more := connection.socket.recv(1 << 20)):
        received += more
    return received


class Tiers(BackendCase):
    FOR = ("raw",)

    def setUp(self):
        super().setUp()
        self.beside = self.bale(self.backend, "--codec", "none").client()  # writes what others have not seen, and has tried the backend
        self.through = self.proxy()
        folder = tempfile.TemporaryDirectory(prefix="bale-tier-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.expected = 0  # blocks on the disk

    def options(self, *more):
        """A disk may be as slow as it likes here: else how often the backend is asked would depend on the machine."""
        return ("--tier", str(self.folder / "tier"), "--tier-size", "96M", "--tier-patience", "60s", "--shards", "1", "--codec", "none", *more)

    def tiered(self, *more):
        return self.bale(self.through, *self.options(*more))

    def put(self, client, key, body):
        answer = client.put(self.bucket, key, (), (), body, payload="unsigned")
        self.assertEqual(200, answer.status, answer)
        return answer.header("etag")

    def get(self, client, key, body, **headers):
        answer = client.get(self.bucket, key, (), {name.replace("_", "-"): value for name, value in headers.items()})
        self.assertEqual(206 if "range" in headers else 200, answer.status, answer)
        self.assertTrue(answer.body == body, f"{key}: other bytes")
        return answer

    def asked(self, action):
        """What the backend is asked for meanwhile."""
        self.through.reset()
        action()
        return [entry["op"] for entry in self.through.log() if not entry["key"].startswith(".bale/") and ".bale" not in entry["query"]
                and entry["op"] not in ASKED_ANYWAY]

    def written(self, bale):
        return metrics(bale.server)["bale_tier_written_blocks_total"]

    def is_settled(self, bale):
        """All blocks that were taken in are on the disk, or given up."""
        shown = metrics(bale.server)
        given_up = sum(shown[f'bale_tier_dropped_blocks_total{{reason="{reason}"}}'] for reason in ("limit", "full"))
        return shown["bale_tier_kept_blocks_total"] == shown["bale_tier_written_blocks_total"] + given_up

    def warm(self, bale, client, key, body, blocks):
        """Read until it lies on the disk: the first answer is not kept, as its request named no revision. Each read waits for what it has
        kept: before it is written, it is asked for once more."""
        self.expected += blocks
        for _ in range(20):  # a disk that is busy may leave out some of them
            asked = self.asked(lambda: self.get(client, key, body))
            self.wait_for(lambda: self.is_settled(bale), f"blocks of {key} on the disk")
            if asked == ["HeadObject"] and self.written(bale) >= self.expected:
                return
        self.fail(f"not all of {key} came to lie on the disk: {asked}")

    def log_lines(self, count):
        draw = random.Random(4)
        return b"".join(b"%d %s request\n" % (draw.randrange(1 << 60), draw.choice((b"GET", b"PUT"))) for _ in range(count))

    # ---- how often the backend is asked ----

    def test_a_warm_open_is_one_head(self):
        """Also in the next process."""
        bale = self.tiered()
        client = bale.client()
        self.put(client, "small", SMALL)
        self.put(client, "large", LARGE)
        self.warm(bale, client, "large", LARGE, 48)
        self.warm(bale, client, "small", SMALL, 1)
        for _ in range(2):
            self.assertEqual(["HeadObject"], self.asked(lambda: self.get(client, "large", LARGE)))
            self.assertEqual(["HeadObject"], self.asked(lambda: self.get(client, "small", SMALL)))
            self.assertEqual(["HeadObject"], self.asked(lambda: self.get(client, "large", LARGE[2_000_000:2_001_000],
                                                                         range="bytes=2000000-2000999")))
        status = bale.daemon.stop()
        self.assertEqual(0, status)
        client = bale.start().client()
        self.wait_for(lambda: metrics(bale.server)["bale_tier_blocks"] >= 49, "what the earlier process left")
        self.assertEqual(["HeadObject"], self.asked(lambda: self.get(client, "large", LARGE)))
        self.assertEqual(["HeadObject"], self.asked(lambda: self.get(client, "small", SMALL)))
        self.assertGreater(metrics(bale.server)['bale_tier_read_bytes_total{from="disk"}'], 2 * MIB)

    def test_a_server_that_sends_the_whole(self):
        """Which is another answer to a range that HTTP allows."""
        client = self.tiered().client()
        self.assertEqual(200, self.backend.client().put(self.bucket, "whole", (), (), LARGE, payload="unsigned").status)
        self.through.rules({"fault": "ignore", "what": "range"})
        for first in (1_500_000, 1_500_000, 0, 2_900_000):
            self.get(client, "whole", LARGE[first:first + 200_001], range=f"bytes={first}-{first + 200_000}")
        self.through.clear()
        self.get(client, "whole", LARGE)

    def test_memory_alone(self):
        bale = self.bale(self.through, "--tier-memory", "64M", "--shards", "1", "--codec", "none")
        client = bale.client()
        self.put(client, "large", LARGE)
        for _ in range(2):
            self.get(client, "large", LARGE)
        self.assertEqual(["HeadObject"], self.asked(lambda: self.get(client, "large", LARGE)))
        self.assertEqual(["HeadObject"], self.asked(lambda: self.get(client, "large", LARGE[-5000:], range="bytes=-5000")))

    def lend(self, tls):
        """Bodies as they are are sent from the tier's memory, by the socket or by TLS, which makes records of what is lent: also when it is
        forgotten meanwhile, and when clients leave with it, at their ease or not. A process whose loans did not come back would not end well."""
        bale = self.bale(self.through, "--tier-memory", "64M", "--shards", "1", "--codec", "none", tls=tls)
        client = bale.client()
        body = random.Random(self.seed).randbytes(24 * MIB)
        self.put(client, "key", body)
        for _ in range(2):
            self.get(client, "key", body)
        for first, size in ((0, 1), (1, 65_471), (1_000_000, 1_500_000), (MIB - 1, 2), (3 * MIB + 7, 20 * MIB), (24 * MIB - 1, 1)):
            self.get(client, "key", body[first:first + size], range=f"bytes={first}-{first + size - 1}")
        request = client.prepare("GET", self.bucket, "key").bytes
        for taken in (1, MIB, 3 * MIB + 1):
            for is_reset in (False, True):
                with client.connect() as connection:
                    connection.send(request)
                    self.assertGreaterEqual(len(receive(connection, taken)), taken)
                    if is_reset:
                        connection.reset()
        with client.connect() as connection:
            connection.send(request)
            received = receive(connection, 1000)
            subprocess.run([TOOL, "tier", "--state", f"{bale.daemon.folder}/state", "--drop"], check=True, capture_output=True, timeout=600)
            self.get(bale.client(), "key", body)  # takes the places of what is lent
            end = received.index(b"\r\n\r\n") + 4 + len(body)
            received += receive(connection, end - len(received))
        self.assertEqual(end, len(received), "the connection was cut")
        self.assertTrue(bytes(received[-len(body):]) == body, "other bytes")
        self.get(client, "key", body)
        self.assertEqual(0, bale.daemon.stop())

    def test_what_is_lent_stays_until_it_is_sent(self):
        self.lend(tls=False)

    def test_what_is_lent_stays_until_it_is_encrypted(self):
        self.lend(tls=True)

    def test_a_cold_read_costs_what_it_did(self):
        bale = self.tiered()
        client, other = bale.client(), self.beside
        self.put(other, "cold", LARGE)
        without = self.bale(self.through, "--codec", "none").client()
        plain = [self.asked(lambda: self.get(without, "cold", LARGE)) for _ in range(2)]
        tiered = [self.asked(lambda: self.get(client, "cold", LARGE)) for _ in range(2)]
        self.assertEqual(plain, tiered)

    def test_ranges_are_kept_in_blocks(self):
        bale = self.tiered()
        client = bale.client()
        self.put(client, "large", LARGE)
        wanted = LARGE[1_000_000:1_010_000]
        self.get(client, "large", wanted, range="bytes=1000000-1009999")
        self.wait_for(lambda: self.written(bale) >= 1, "a block on the disk")
        self.assertLess(self.written(bale), 20)
        self.assertEqual(["HeadObject"], self.asked(lambda: self.get(client, "large", wanted, range="bytes=1000000-1009999")))
        # the rest is asked for, and joined to what is here
        self.assertEqual("HeadObject", self.asked(lambda: self.get(client, "large", LARGE[1_000_000:2_500_000],
                                                                   range="bytes=1000000-2499999"))[0])

    def test_packed_objects(self):
        """Frames, and the trailer that says where they are, also in the next process."""
        body = self.log_lines(400_000)
        bale = self.bale(self.through, *self.options("--codec", "zstd"))
        client = bale.client()
        self.put(client, "log", body)
        for _ in range(3):
            self.get(client, "log", body)
        part = body[7_000_000:7_001_000]
        self.get(client, "log", part, range="bytes=7000000-7000999")
        self.assertEqual(["HeadObject"], self.asked(lambda: self.get(client, "log", body)))
        self.assertEqual(["HeadObject"], self.asked(lambda: self.get(client, "log", part, range="bytes=7000000-7000999")))
        kept = metrics(bale.server)["bale_tier_kept_blocks_total"]
        self.wait_for(lambda: self.written(bale) >= kept, "all of it on the disk")
        self.assertEqual(0, bale.daemon.stop())
        client = bale.start().client()
        self.wait_for(lambda: metrics(bale.server)["bale_tier_blocks"] >= kept, "what the earlier process left")
        self.assertEqual(["HeadObject"], self.asked(lambda: self.get(client, "log", body)))
        self.assertEqual(1, len(self.asked(lambda: self.get(client, "log", part, range="bytes=7000000-7000999"))))

    # ---- several readers of one object ----

    def fly(self, leaver):
        """A shard's readers of an object share one request, unless it does not move for five seconds: a machine may be that busy, but not each time."""
        bale = self.tiered()
        made = []
        for turn in range(5):
            made = self.fly_once(leaver, bale, f"key{turn}")
            if made.count("GetObject") == 1:
                break
        self.assertEqual(1, made.count("GetObject"), made)

    def fly_once(self, leaver, bale, key):
        """Six readers, and one that leaves in the middle, who have all come before the first byte: what the backend is asked for."""
        body = random.Random(self.seed).randbytes(12 * MIB)
        client = bale.client()
        self.put(self.beside, key, body)
        self.get(client, key, body)
        self.through.rules({"fault": "hold", "op": "GetObject", "key": f"^{key}$", "times": 1})
        self.through.reset()
        shared = lambda: metrics(bale.server)["bale_heads_shared_total"]
        shared_before = shared()

        def leave():
            with client.connect() as connection:
                connection.send(client.prepare("GET", self.bucket, key).bytes)
                connection.socket.recv(1000)

        failures = []

        def read():
            try:
                self.get(client, key, body)
            except AssertionError as failure:
                failures.append(failure)

        actions = [leave, *[read] * 6] if leaver == "first" else [read, leave, *[read] * 5]
        threads = [threading.Thread(target=action) for action in actions]
        threads[0].start()
        made = lambda: [entry["op"] for entry in self.through.log() if entry["key"] == key]
        self.wait_for(lambda: "GetObject" in made(), "the first reader's request")
        for thread in threads[1:]:
            thread.start()
        self.wait_for(lambda: len(made()) + shared() - shared_before >= len(threads), "the other readers")
        self.through.release()
        for thread in threads:
            thread.join()
        self.assertEqual([], failures)
        return made()

    def test_readers_share_a_fetch(self):
        self.fly("second")

    def test_a_reader_that_leaves_ends_nothing(self):
        """It had begun the fetch."""
        self.fly("first")

    def test_a_shared_fetch_that_breaks_goes_on(self):
        body = random.Random(self.seed).randbytes(12 * MIB)
        client = self.tiered().client()
        self.put(self.beside, "key", body)
        self.get(client, "key", body)
        self.through.rules({"fault": "truncate", "op": "GetObject", "key": "^key$", "times": 2, "at": 0.4})
        threads = [threading.Thread(target=self.get, args=(client, "key", body)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.get(client, "key", body)

    def test_a_fetch_that_is_late_holds_nobody_up(self):
        """Who waits for it fetches for itself after five seconds: too long for every day."""
        if not self.is_long:
            self.skipTest("it takes ten seconds")
        body = random.Random(self.seed).randbytes(3 * MIB)
        bale = self.tiered()
        client = bale.client()
        self.put(self.beside, "key", body)
        self.get(client, "key", body)
        self.through.rules({"fault": "trickle", "op": "GetObject", "key": "^key$", "seconds": 8, "times": 1})
        self.through.reset()
        asked = lambda name: [entry["op"] for entry in self.through.log() if entry["key"] == "key"].count(name)
        with client.connect() as connection:
            connection.send(client.prepare("GET", self.bucket, "key").bytes)
            self.wait_for(lambda: asked("GetObject") >= 1, "the first reader's request")
            self.get(client, "key", body)
        self.assertEqual((1, 2), (asked("HeadObject"), asked("GetObject")), self.through.log())

    def test_a_fetch_ends_with_a_block(self):
        """Though what came first, the end of the object, begins inside one."""
        bale = self.bale(self.through, *self.options("--codec", "zstd"))
        client = bale.client()
        body = self.log_lines(400_000)
        self.assertEqual(200, self.bale(self.backend, "--codec", "zstd").client().put(self.bucket, "log", (), (), body,
                                                                                     payload="unsigned").status)
        for _ in range(2):
            self.assertEqual(200, client.head(self.bucket, "log").status)
        made = self.asked(lambda: self.get(client, "log", body[1000:], range="bytes=1000-"))
        self.assertEqual(["GetObject", "GetObject"], made)
        self.assertEqual(0, metrics(bale.server)["bale_reads_resumed_total"])

    # ---- whose bytes ----

    def test_an_overwrite_is_seen(self):
        bale = self.tiered()
        client, other = bale.client(), self.beside
        first = self.put(client, "key", LARGE)
        self.warm(bale, client, "key", LARGE, 48)
        newer = random.Random(3).randbytes(3 * MIB)
        self.put(other, "key", newer)
        answer = client.get(self.bucket, "key", (), {"if-match": first})
        self.assertEqual(412, answer.status, answer)
        self.assertNotEqual(first, self.get(client, "key", newer).header("etag"))
        self.warm(bale, client, "key", newer, 48)
        self.assertEqual(["HeadObject"], self.asked(lambda: self.get(client, "key", newer)))
        self.assertEqual(204, other.delete(self.bucket, "key").status)
        self.assertEqual(404, client.get(self.bucket, "key").status)

    def test_an_overwrite_of_a_foreign_object_is_seen(self):
        """By the HEAD: of the same size, and without a checksum by which bytes that lie near would show."""
        bale, foreign = self.tiered(), self.direct().client()
        client = bale.client()
        self.put(foreign, "foreign", LARGE)
        self.warm(bale, client, "foreign", LARGE, 48)
        etag = self.put(foreign, "foreign", NEWER)
        self.assertEqual(etag, self.get(client, "foreign", NEWER).header("etag"))

    def test_a_server_that_knows_no_if_match(self):
        """It answers with another revision than was named: such bytes may be any one's, and are not kept."""
        bale = self.tiered()
        client = bale.client()
        self.put(self.beside, "key", LARGE)
        self.get(client, "key", LARGE)
        newer = random.Random(5).randbytes(3 * MIB)
        self.put(self.beside, "key", newer)
        self.through.rules({"fault": "ignore", "what": "get-match"})
        self.get(client, "key", newer)
        self.assertEqual(0, metrics(bale.server)["bale_tier_kept_blocks_total"])
        self.through.clear()
        self.get(client, "key", newer)
        self.assertEqual(["HeadObject"], self.asked(lambda: self.get(client, "key", newer)))

    def test_a_shorter_revision_under_the_former_etag(self):
        """Such a server opens an object after it has looked at its ETag: the range that was asked for ends behind it, or begins there. The object was
        overwritten, and that is no error of anybody's."""
        bale = self.tiered()
        client = bale.client()
        for newer in (SMALL, random.Random(6).randbytes(MIB)):
            self.put(self.beside, "key", LARGE)
            for _ in range(3):
                self.get(client, "key", LARGE[:200_000], range="bytes=0-199999")
            self.through.rules({"fault": "ignore", "what": "get-match", "key": "^key$"}, {"fault": "delay-answer", "op": "HeadObject", "key": "^key$", "seconds": 1, "times": 1},
                               {"fault": "slip", "op": "GetObject", "key": "^key$", "times": 1})
            self.through.reset()
            answers = []
            reader = threading.Thread(target=lambda: answers.append(client.get(self.bucket, "key")))
            reader.start()
            self.wait_for(lambda: "HeadObject" in [entry["op"] for entry in self.through.log() if entry["key"] == "key"], "the open")
            self.put(self.beside, "key", newer)
            reader.join()
            self.through.clear()
            self.assertEqual(1, len(answers), bale.log()[-2000:])
            self.assertIn(answers[0].status, (200, 503), answers[0])
            if answers[0].status == 200:
                self.assertTrue(answers[0].body == newer)
            self.get(client, "key", newer)

    def test_what_does_not_fit_together_does_not_stay(self):
        """A byte that was changed on its way into the tier, where its block is sound: the reader in whose body it shows is cut off, the
        next one is not."""
        client = self.bale(self.through, *self.options("--codec", "zstd")).client()
        body = self.log_lines(400_000)
        self.put(client, "log", body)
        self.through.rules({"fault": "flip", "op": "GetObject", "key": "^log$", "at": 0.6, "times": 1})
        with self.assertRaises(wire.Closed):
            client.get(self.bucket, "log")  # which names the revision that was put, and so is kept
        self.get(client, "log", body)
        self.assertEqual(["HeadObject"], self.asked(lambda: self.get(client, "log", body)))

    def test_metadata_are_those_of_now(self):
        """A copy onto itself changes them and leaves the bytes, and perhaps the ETag."""
        bale = self.tiered()
        client = bale.client()
        answer = client.put(self.bucket, "key", (), {"x-amz-meta-colour": "red"}, LARGE, payload="unsigned")
        self.assertEqual(200, answer.status)
        self.warm(bale, client, "key", LARGE, 48)
        answer = client.put(self.bucket, "key", (), {"x-amz-copy-source": f"/{self.bucket}/key", "x-amz-metadata-directive": "REPLACE",
                                                     "x-amz-meta-colour": "blue"})
        self.assertEqual(200, answer.status, answer)
        self.assertEqual("blue", self.get(client, "key", LARGE).header("x-amz-meta-colour"))
        answer = self.beside.put(self.bucket, "key", (), {"x-amz-copy-source": f"/{self.bucket}/key", "x-amz-metadata-directive": "REPLACE",
                                                          "x-amz-meta-colour": "green"})
        self.assertEqual(200, answer.status, answer)
        self.assertEqual("green", self.get(client, "key", LARGE).header("x-amz-meta-colour"))

    def test_parallel_ranges_are_of_one_revision(self):
        """Over two replicas, while the key is overwritten: each download is one revision, or fails with 412."""
        replicas = [self.tiered(), self.bale(self.through, "--tier", str(self.folder / "second"), "--tier-size", "96M", "--shards", "1",
                                             "--codec", "none")]
        clients = [replica.client() for replica in replicas]
        writer = self.beside
        bodies = [random.Random(100 + i).randbytes(MIB) for i in range(4)]
        self.put(writer, "key", bodies[0])
        is_over = threading.Event()

        def overwrite():
            i = 0
            while not is_over.is_set():
                i += 1
                self.put(writer, "key", bodies[i % len(bodies)])
                is_over.wait(0.15)

        thread = threading.Thread(target=overwrite)
        thread.start()
        draw = random.Random(self.seed)
        whole = changed = 0
        deadline = time.monotonic() + 60
        while (whole < 6 or changed < 2) and time.monotonic() < deadline:
            etag = draw.choice(clients).head(self.bucket, "key").header("etag")
            body = b""
            for first in range(0, MIB, MIB // 4):
                answer = draw.choice(clients).get(self.bucket, "key", (), {"if-match": etag, "range": f"bytes={first}-{first + MIB // 4 - 1}"})
                if answer.status == 412:
                    break
                self.assertEqual((206, etag), (answer.status, answer.header("etag")), answer)
                body += answer.body
            whole += len(body) == MIB
            changed += len(body) < MIB
            self.assertTrue(len(body) < MIB or body in bodies, "a mixture")
        is_over.set()
        thread.join()
        self.assertGreater(whole, 0)
        self.assertGreater(changed, 0)

    # ---- its disk ----

    def slabs(self):
        return sorted((self.folder / "tier").glob("*.slab"))

    def test_flipped_bits_and_a_cut_file(self):
        """The backend has every byte: nothing fails, and nothing is wrong."""
        bale = self.tiered("--tier-memory", "1M")
        client = bale.client()
        bodies = {f"k{i}": random.Random(i).randbytes(3 * MIB) for i in range(4)}
        for key, body in bodies.items():
            self.put(client, key, body)
            self.warm(bale, client, key, body, 48)
        draw = random.Random(self.seed)
        for slab in self.slabs():
            with open(slab, "r+b") as file:
                for _ in range(200):
                    at = draw.randrange(os.path.getsize(slab))
                    file.seek(at)
                    byte = file.read(1)[0]
                    file.seek(at)
                    file.write(bytes([byte ^ 1 << draw.randrange(8)]))
        for key, body in bodies.items():
            self.get(client, key, body)
        self.assertGreater(metrics(bale.server)["bale_tier_unsound_blocks_total"], 0)
        for slab in self.slabs():
            os.truncate(slab, 1 << 20)
        for key, body in bodies.items():
            self.get(client, key, body)
            self.get(client, key, body[1_000_000:2_000_000], range="bytes=1000000-1999999")

    def test_no_more_is_written_than_a_day_allows(self):
        """What comes beyond is given all the same, here from memory."""
        bale = self.tiered("--tier-write-limit", "1M")
        client = bale.client()
        self.put(client, "key", LARGE)
        for _ in range(3):
            self.get(client, "key", LARGE)
        self.wait_for(lambda: self.is_settled(bale), "blocks that are written or left out")
        shown = metrics(bale.server)
        self.assertGreater(shown["bale_tier_written_bytes_total"], 0)
        self.assertLess(shown["bale_tier_written_bytes_total"], 1.2 * MIB)
        self.assertGreater(shown['bale_tier_dropped_blocks_total{reason="limit"}'], 30)
        self.assertEqual(["HeadObject"], self.asked(lambda: self.get(client, "key", LARGE)))

    def test_a_kill_leaves_a_tier(self):
        bale = self.tiered("--tier-memory", "1M")
        client = bale.client()
        bodies = {f"k{i}": random.Random(i).randbytes(3 * MIB) for i in range(6)}
        for key, body in bodies.items():
            self.put(client, key, body)
            self.warm(bale, client, key, body, 48)
        bale.kill()
        client = bale.start().client()
        self.wait_for(lambda: metrics(bale.server)["bale_tier_blocks"] >= 120, "what the earlier process left")
        for key, body in bodies.items():  # what was seen of keys has gone with the process
            self.get(client, key, body)
        warm = [self.asked(lambda key=key, body=body: self.get(client, key, body)) for key, body in bodies.items()]
        self.assertIn(["HeadObject"], warm)

    def test_the_middle_of_a_body_comes_from_the_backend(self):
        """A block that is gone in the middle is fetched of the same revision; if there is another one by then, the connection is cut."""
        bale = self.tiered("--tier-memory", "1M")
        client = bale.client()
        self.put(client, "key", LARGE)
        self.warm(bale, client, "key", LARGE, 48)
        for slab in self.slabs():
            with open(slab, "r+b") as file:
                file.seek(1 << 20)
                file.write(bytes(1 << 20))
        made = self.asked(lambda: self.get(client, "key", LARGE))
        self.assertEqual("HeadObject", made[0])
        self.assertEqual({"GetObject"}, set(made[1:]))
        self.assertLessEqual(len(made), 6)

    def overwrite_under(self, at, writer):
        """What a reader gets of a key whose stored bytes behind `at` are not sound here, when it is
        overwritten before they come from the backend; None: the connection was cut."""
        bale = self.tiered("--tier-memory", "1M")
        client = bale.client()
        self.put(writer, "key", LARGE)
        self.warm(bale, client, "key", LARGE, 48)
        for slab in self.slabs():
            with open(slab, "r+b") as file:
                file.seek(at)
                file.write(bytes(1 << 20))
        self.through.rules({"fault": "hold", "op": "GetObject", "key": "^key$", "times": 1})
        self.through.reset()
        outcomes = []

        def read():
            try:
                outcomes.append(client.get(self.bucket, "key"))
            except wire.Closed:
                outcomes.append(None)

        reader = threading.Thread(target=read)
        reader.start()
        self.wait_for(lambda: "GetObject" in [entry["op"] for entry in self.through.log() if entry["key"] == "key"], "the absent bytes asked for")
        self.put(writer, "key", NEWER)
        self.through.release()
        reader.join()
        return outcomes[0]

    def test_the_middle_of_a_body_is_not_another_one_s(self):
        self.assertIsNone(self.overwrite_under(2 << 20, self.beside))

    def test_the_middle_of_a_foreign_body_is_not_another_one_s(self):
        """Which has no checksums by which it would show: only the condition of each request keeps revisions apart."""
        self.assertIsNone(self.overwrite_under(2 << 20, self.backend.client()))

    def test_nothing_is_said_before_the_first_bytes_are_there(self):
        """So that who named no revision gets the other one, and notices nothing."""
        answer = self.overwrite_under(0, self.beside)
        self.assertEqual((200, True), (answer.status, answer.body == NEWER))

    # ---- what people see ----

    def test_bale_tier(self):
        bale = self.tiered()
        client = bale.client()
        self.put(client, "key", LARGE)
        self.warm(bale, client, "key", LARGE, 48)

        def run(*words):
            done = subprocess.run([TOOL, "tier", "--state", f"{bale.daemon.folder}/state", *words], capture_output=True, text=True, timeout=600,
                                  check=False)
            self.assertEqual((0, ""), (done.returncode, done.stderr))
            return done.stdout

        told = json.loads(run("--json"))
        self.assertEqual(told, json.loads(bale.admin("/tier")[1]))
        self.assertGreaterEqual(told["disk"]["blocks"], 48)
        self.assertGreater(told["bytes_from_memory"], 0)
        reads = told["blocks_read"] / 49  # of which a tier of any size would have had all but the first, which it keeps
        sizes = [(size["bytes_max"], size["near"], size["was_full"]) for size in told["sizes"]]
        self.assertEqual([(round(96 * times) * MIB, round((reads - 1) / reads, 6), False) for times in (0.5, 1, 2, 4)], sizes)
        shown = metrics(bale.server)
        self.assertEqual([near for _, near, _ in sizes], [shown[f'bale_tier_near_estimate{{times="{times}"}}'] for times in ("0.5", "1", "2", "4")])
        self.assertIn(f" in {self.folder}/tier, ", run())
        self.assertIn("of all blocks would have been near with 48.00 MiB, which would not be full yet\n", run())
        self.put(client, "a key", SMALL)
        self.warm(bale, client, "a key", SMALL, 1)
        self.assertEqual("forgotten: 49 blocks\n", run("--drop", f"{self.bucket}/key"))
        self.assertEqual("forgotten: 1 blocks\n", run("--drop", f"{self.bucket}/a key"))
        self.assertEqual("forgotten: 0 blocks\n", run("--drop", f"{self.bucket}/a key"))
        self.assertEqual(["GetObject"], self.asked(lambda: self.get(client, "key", LARGE)))
        unknown = subprocess.run([TOOL, "tier", "--state", f"{bale.daemon.folder}/state", "--drop", f"{self.bucket}/never"],
                                 capture_output=True, text=True, timeout=600, check=False)
        self.assertEqual(1, unknown.returncode, unknown)
        self.assertIn("bale tier --drop without a key forgets everything", unknown.stderr)
        self.assertEqual("the tier is empty\n", run("--drop"))
        self.assertEqual([], self.slabs())
        self.assertEqual(["GetObject"], self.asked(lambda: self.get(client, "key", LARGE)))
        self.assertEqual(["HeadObject"], self.asked(lambda: self.get(client, "key", LARGE)))

    def test_without_a_tier(self):
        bale = self.bale(self.backend, "--codec", "none")
        status, text = bale.admin("/tier")
        self.assertEqual(404, status)
        self.assertIn("there is no tier here", text)
        self.assertFalse([name for name in metrics(bale.server) if name.startswith("bale_tier")])

    # ---- whose folder ----

    def test_a_folder_is_one_process_s(self):
        self.tiered()
        with self.assertRaises(self.failureException) as refused:
            self.tiered()
        self.assertIn("is in use by process", str(refused.exception))
        with self.assertRaises(self.failureException) as refused:
            self.bale(self.through, "--tier", str(self.folder / "other"), "--tier-size", "64M", "--shards", "8")
        self.assertIn("--tier-size is too small: 8 shards need at least 144M", str(refused.exception))
