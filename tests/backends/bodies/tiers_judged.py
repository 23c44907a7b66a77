"""tests/backends/bodies/tiers_judged.py -- two replicas with a tier each, under load, while keys are overwritten, bits of their disks flip, and they are
killed: each answer is judged by revisions.py.

A tier can only be slow: whatever happens to its folder, no byte is wrong, no revision has another one's name, and nothing fails that
the backend could have served. Quick here; --long kills 200 times and flips 2,000 bits, and with
--reads N it goes on until N answers were judged.
"""

import os
import random
import tempfile
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import revisions
import wire
from admin import metrics
from backend_case import BackendCase

OWN = tuple(f"own-{i}" for i in range(4))  # written by a Bale, whose checksums would show most of what a tier does wrong
FOREIGN = tuple(f"foreign-{i}" for i in range(4))  # written into the bucket: here the tier is alone
READERS, STITCHED_RANGES = 4, 4


class Replica:
    """A Bale that may be killed, and the times at which it was down."""

    def __init__(self, bale, folder):
        self.bale, self.folder = bale, folder
        self.downs = []  # [from, to]; to None: it is down
        self.at = bale.client()

    def was_down(self, begin, end):
        return any(since <= end and (until is None or until >= begin) for since, until in list(self.downs))

    def lines_about(self, answer):
        """Of its log, which may come a little later than the answer."""
        time.sleep(0.5)
        name = getattr(answer, "header", lambda _: None)("x-amz-request-id")
        lines = self.bale.log().splitlines()
        return "\n".join([line for line in lines if (name and name in line) or " message text=" in line][-20:])

    def kill(self):
        self.downs.append([time.monotonic(), None])
        self.bale.kill()
        self.at = self.bale.start().client()
        self.downs[-1][1] = time.monotonic()


class JudgedTiers(BackendCase):
    FOR = ("raw", "versitygw", "minio")

    @classmethod
    def setUpClass(cls):
        if cls.backend_name != "raw" and not cls.is_long:
            raise unittest.SkipTest("one server is enough for every day: --long")
        super().setUpClass()

    def setUp(self):
        super().setUp()
        self.keys = OWN if self.backend_name == "versitygw" else OWN + FOREIGN  # there, an ETag is not always that of the bytes beside it
        self.kills_max, self.flips_max, self.reads_min = (200, 2000, 10_000) if self.is_long else (2, 80, 100)
        folder = tempfile.TemporaryDirectory(prefix="bale-tiers-")
        self.addCleanup(folder.cleanup)
        self.known = revisions.Revisions(self.seed)
        self.writers = {OWN: self.bale(self.backend).client(), FOREIGN: self.direct().client()}
        self.replicas = []
        for i, bale in enumerate(self.start_replicas(Path(folder.name))):
            self.replicas.append(Replica(bale, Path(folder.name) / str(i)))
        self.reads_min = self.reads or self.reads_min
        self.deadline = time.monotonic() + (86_400 if self.reads else 1800 if self.is_long else 90)
        self.is_over = threading.Event()
        self.wrong = []
        self.counts = dict.fromkeys(("reads", "stitched", "changed", "failed", "kills", "flips"), 0)
        self.from_disk = self.unsound = 0.0  # of processes that were killed

    def start_replicas(self, folder):
        return self.fleet_with_tiers(self.backend, folder)

    def fleet_with_tiers(self, backend, folder):
        """What is near comes from the disk with the first, which has hardly any memory, and is sent from memory by the second."""
        bales = []
        for i, memory in enumerate(("1M", "32M")):
            bales += self.fleet(1, backend, "--tier", str(folder / str(i)), "--tier-size", "64M", "--tier-memory", memory, "--shards", "1")
        return bales

    def count(self, what):
        self.counts[what] += 1  # of people's interest: a lost one does not matter

    def run_until_over(self, action, *arguments):
        """What goes wrong ends everything."""
        try:
            while not self.is_over.is_set():
                action(*arguments)
        except Exception as failure:  # pylint: disable=broad-except
            self.wrong.append(failure)
            self.is_over.set()

    # ---- what happens ----

    def write(self, draw, keys):
        self.overwrite(keys, keys[0] if draw.random() < 0.4 else draw.choice(keys))
        self.is_over.wait(draw.uniform(0.05, 0.3))

    def overwrite(self, keys, key):
        revision = self.known.begin(key)
        headers = {"x-amz-meta-revision": str(revision.number)}
        answer = self.writers[keys].put(self.bucket, revision.key, (), headers, revision.body, payload="unsigned")
        self.known.end(revision)
        if answer.status != 200 or answer.header("etag") != revision.etag:
            raise revisions.Wrong(f"the writer was answered {answer}")

    def ask(self, replica, key, first=None, size=None, etag=None):
        """The answer, judged, and the revision; None, None: it failed for a reason."""
        headers = {"if-match": etag} if etag else {}
        if first is not None:
            headers["range"] = f"bytes={first}-{first + size - 1}"
        begin = time.monotonic()
        try:
            answer = replica.at.get(self.bucket, key, (), headers)
        except (wire.ProtocolError, OSError) as failure:
            answer = failure
        end = time.monotonic()
        status = getattr(answer, "status", None)
        if status in (200, 206):
            self.count("reads")
            return answer, self.known.judge_body(key, answer, first or 0, begin, end)
        if status == 412 and etag:
            self.known.judge_changed(self.known.find(key, etag), end)
            self.count("changed")
        elif status == 416 and first is not None and self.known.was_written(key, 0, end):
            return None, None  # of a shorter one
        elif not replica.was_down(begin, end) and not (status in (None, 503) and self.may_fail(key, begin, end)):
            raise revisions.Wrong(f"{key}: failed without a reason: {answer!r}; what the server says:\n{replica.lines_about(answer)}")
        self.count("failed")
        return None, None

    def may_fail(self, key, begin, end):
        """May a request break off, or be told to come again?"""
        return self.known.was_written(key, begin, end)

    def stitch(self, draw, key):
        """Parallel ranges by both replicas, pinned to the ETag of the first: one revision, or none."""
        _, revision = self.ask(draw.choice(self.replicas), key, 0, 1)
        if revision is None:
            return
        size = len(revision.body)
        step = -(-size // STITCHED_RANGES)
        places = [(first, min(step, size - first)) for first in range(0, size, step)]
        replicas = [draw.choice(self.replicas) for _ in places]
        with ThreadPoolExecutor(STITCHED_RANGES) as pool:
            pieces = list(pool.map(lambda i: self.ask(replicas[i], key, *places[i], etag=revision.etag)[0], range(len(places))))
        if all(pieces):
            if b"".join(piece.body for piece in pieces) != revision.body:
                raise revisions.Wrong(f"{key}: stitched of several revisions")
            self.count("stitched")

    def read(self, draw):
        key = draw.choice(self.keys)
        kind = draw.random()
        if kind < 0.3:
            self.stitch(draw, key)
        elif kind < 0.6:
            first = draw.randrange(len(self.known.last(key).body))  # another revision may be shorter
            self.ask(draw.choice(self.replicas), key, first, draw.randrange(1, 100_000))
        else:
            self.ask(draw.choice(self.replicas), key)

    def flip(self, draw):
        slabs = [slab for replica in self.replicas for slab in replica.folder.glob("*.slab")]
        if slabs and self.counts["flips"] < self.flips_max:
            try:
                if flip_bit(draw, draw.choice(slabs)):
                    self.count("flips")
            except FileNotFoundError:
                pass  # it went meanwhile
        self.is_over.wait(0.02)

    def note_metrics(self, replica):
        told = metrics(replica.bale.server)
        self.from_disk += told['bale_tier_read_bytes_total{from="disk"}']
        self.unsound += told["bale_tier_unsound_blocks_total"]

    def kill(self, draw):
        """The last thing that ends: when there was enough of everything."""
        self.is_over.wait(draw.uniform(0.3, 1.0))
        if self.counts["kills"] < self.kills_max:
            replica = draw.choice(self.replicas)
            self.note_metrics(replica)
            replica.kill()
            self.count("kills")
        elif self.has_seen_enough() or time.monotonic() > self.deadline:
            self.is_over.set()

    def has_seen_enough(self):
        least = {"reads": self.reads_min, "flips": self.flips_max, "stitched": 1, "changed": 1}
        return all(self.counts[what] >= count for what, count in least.items())

    # ---- the test ----

    def test_every_answer_is_a_revision(self):
        for key in self.keys:
            self.overwrite(OWN if key in OWN else FOREIGN, key)
        draws = iter(random.Random(f"{self.seed}/{i}") for i in range(100))
        actions = [(self.write, next(draws), OWN), (self.flip, next(draws)), (self.kill, next(draws)),
                   *((self.read, next(draws)) for _ in range(READERS))]
        if FOREIGN[0] in self.keys:
            actions.append((self.write, next(draws), FOREIGN))
        threads = [threading.Thread(target=self.run_until_over, args=action) for action in actions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.wrong:
            raise self.wrong[0]
        for replica in self.replicas:
            self.note_metrics(replica)
        print(self.counts, f"{self.from_disk / (1 << 20):.1f} MiB from disk, {self.unsound:.0f} unsound", end=" ")
        self.assertTrue(self.has_seen_enough(), self.counts)
        self.assertGreater(self.from_disk, 0)
        if self.is_long:
            self.assertGreater(self.unsound, 0)


class TiersUnderFaults(JudgedTiers):
    """The same over a backend whose answers come late, broken, twice, as a whole instead of a range, under the ETag of another revision in both
    directions, and without regard to a condition. What may fail then may fail, but for a server error; what is answered is judged as ever."""

    FOR = ("raw",)
    RULES = (
        {"fault": "ignore", "what": "get-match", "probability": 0.03},
        {"fault": "ignore", "what": "range", "probability": 0.02},
        {"fault": "slip", "probability": 0.03},
        {"fault": "slip-ahead", "seconds": 0.2, "probability": 0.02},
        {"fault": "truncate", "op": "GetObject", "probability": 0.02},
        {"fault": "cut", "probability": 0.01},
        {"fault": "lose", "probability": 0.01},
        {"fault": "refuse", "status": 503, "probability": 0.01},
        {"fault": "trickle", "op": "GetObject", "seconds": [0, 0.005], "probability": 0.02},
        {"fault": "delay-answer", "seconds": [0.001, 0.1], "probability": 0.05},
    )

    def setUp(self):
        super().setUp()
        self.keys = OWN  # of others a mislabelled block can stay: docs/tier.md
        self.kills_max, self.reads_min = (50, self.reads or 20_000) if self.is_long else (2, self.reads or 400)
        self.through.rules(*({**rule, "key": "^own-"} for rule in self.RULES))

    def start_replicas(self, folder):
        self.through = self.proxy()
        return self.fleet_with_tiers(self.through, folder)

    def may_fail(self, key, begin, end):
        return True

    def tearDown(self):
        print(dict(zip((rule.get("what", rule["fault"]) for rule in self.RULES), self.through.fired())), end=" ")


def flip_bit(draw, path):
    """Somewhere in it; False: it is empty, being just made."""
    with open(path, "r+b") as file:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            return False
        at = draw.randrange(size)
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1 << draw.randrange(8)]))
    return True
