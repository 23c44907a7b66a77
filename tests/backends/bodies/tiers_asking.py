"""tests/backends/bodies/tiers_asking.py -- what a tier asks the backend when it has the bytes: one HEAD for several readers, and none where that was allowed.

A HEAD that was sent before a reader came says nothing about the moment at which it reads. What --tier-fresh and --tier-pinned give up is
tried as well as what they may not.
"""

import json
import random
import subprocess
import tempfile
import threading
from pathlib import Path

import checksums
from admin import metrics
from backend_case import BackendCase

TOOL = str(Path(__file__).resolve().parents[3] / "build/tools/bale")
MIB = 1 << 20
BODY = random.Random(11).randbytes(MIB)
NEWER = random.Random(12).randbytes(MIB)
SMALL = b"a line that packs well\n" * 1000
ASKED_ANYWAY = ("HeadBucket", "GetBucketVersioning", "GetBucketLifecycle")


class TiersAsking(BackendCase):
    FOR = ("raw",)

    def setUp(self):
        super().setUp()
        self.other = self.bale(self.backend).client()  # writes what the one that is tried has not seen
        self.through = self.proxy()

    def tiered(self, *more):
        self.subject = self.bale(self.through, "--tier-memory", "64M", "--shards", "1", *more)
        return self.subject.client()

    def put(self, client, key, body, **headers):
        answer = client.put(self.bucket, key, (), headers, body, payload="unsigned")
        self.assertEqual(200, answer.status, answer)
        return answer.header("etag")

    def get(self, client, key, body, status=200, **headers):
        answer = client.get(self.bucket, key, (), {name.replace("_", "-"): value for name, value in headers.items()})
        self.assertEqual(status, answer.status, answer)
        self.assertTrue(answer.body == body, f"{key}: other bytes")
        return answer

    def ops(self):
        return [entry["op"] for entry in self.through.log() if not entry["key"].startswith(".bale/") and ".bale" not in entry["query"]
                and entry["op"] not in ASKED_ANYWAY]

    def asked(self, action):
        self.through.reset()
        action()
        return self.ops()

    def warm(self, client, key, body):
        """Until the backend need give no byte of it."""
        for _ in range(4):
            made = self.asked(lambda: self.get(client, key, body))
            if "GetObject" not in made:
                return
        self.fail(f"{key} is not near: {made}")

    def figure(self, name):
        return metrics(self.subject.server)[name]

    # ---- one HEAD for several ----

    def test_readers_share_heads(self):
        """Each of them sends one, or goes by one that was sent behind its coming."""
        readers = 40
        client = self.tiered()
        self.put(self.other, "key", BODY)
        self.warm(client, "key", BODY)
        shared = self.figure("bale_heads_shared_total")
        self.through.rules({"fault": "delay-answer", "op": "HeadObject", "key": "^key$", "seconds": 2})
        failures = []

        def read():
            try:
                self.get(client, "key", BODY)
            except Exception as failure:  # pylint: disable=broad-except
                failures.append(failure)

        threads = [threading.Thread(target=read) for _ in range(readers)]
        made = self.asked(lambda: ([thread.start() for thread in threads], [thread.join() for thread in threads]))
        self.assertEqual([], failures)
        self.assertEqual({"HeadObject"}, set(made))
        shared = self.figure("bale_heads_shared_total") - shared
        self.assertEqual(readers, len(made) + shared)
        self.assertGreater(shared, 0)
        self.assertEqual(204, self.other.delete(self.bucket, "key").status)  # a refusal is for all who wait, too
        statuses = []
        threads = [threading.Thread(target=lambda: statuses.append(client.get(self.bucket, "key").status)) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([404] * 12, statuses)

    def test_nobody_goes_by_a_head_that_was_sent_before(self):
        client = self.tiered()
        self.put(self.other, "key", BODY)
        self.warm(client, "key", BODY)
        self.through.rules({"fault": "delay-answer", "op": "HeadObject", "key": "^key$", "seconds": 3, "times": 1})
        self.through.reset()
        early = threading.Thread(target=self.get, args=(client, "key", BODY))
        early.start()
        self.wait_for(lambda: "HeadObject" in self.ops(), "the first reader's HEAD")
        self.put(self.other, "key", NEWER)
        self.get(client, "key", NEWER)
        early.join()
        self.get(client, "key", NEWER)

    # ---- what that saves ----

    def saved(self):
        return json.loads(self.subject.admin("/tier")[1])["saved"]

    def test_what_is_saved_has_a_price(self):
        """At 1 for a request and 1 for a MiB: bytes that were near, and questions that were not asked."""
        with tempfile.NamedTemporaryFile("w", suffix=".ini") as prices:
            prices.write("currency = marks\negress = 1000\n[STANDARD]\nget = 1000\nretrieval = 24\n")
            prices.flush()
            client = self.tiered("--tier-fresh", "24h", "--tier-prices", prices.name)
        self.put(self.other, "key", BODY)
        self.warm(client, "key", BODY)
        self.get(client, "key", BODY)
        before = self.saved()
        self.assertEqual([], self.asked(lambda: [self.get(client, "key", BODY) for _ in range(5)]))
        after = self.saved()
        self.assertEqual((5, 0), (after["requests"] - before["requests"], after["further_requests"] - before["further_requests"]))
        self.assertGreaterEqual(after["bytes"] - before["bytes"], 5 * MIB)
        self.assertAlmostEqual(after["requests"] - after["further_requests"] + after["bytes"] / MIB, after["money"], places=4)
        self.assertAlmostEqual(after["money"], self.figure('bale_tier_saved_money{currency="marks"}'), places=4)
        told = subprocess.run([TOOL, "tier", "--state", f"{self.subject.daemon.folder}/state"], capture_output=True, text=True, timeout=600, check=True).stdout
        self.assertIn(f" and {after['requests']} requests, less {after['further_requests']} for what was not near: {after['money']:.4f} marks\n", told)

    def test_what_is_not_near_costs_further_requests(self):
        client = self.tiered()
        self.put(self.direct().client(), "key", BODY)  # foreign: no frames, so a range is but its blocks
        part = {"status": 206, "range": "bytes=0-99999"}
        for _ in range(4):
            made = self.asked(lambda: self.get(client, "key", BODY[:100_000], **part))
        self.assertEqual(["HeadObject"], made)
        before = self.saved()["further_requests"]
        made = self.asked(lambda: self.get(client, "key", BODY))
        self.assertEqual(("HeadObject", {"GetObject"}), (made[0], set(made[1:])))
        self.assertEqual(len(made) - 1, self.saved()["further_requests"] - before)

    def test_prices_are_read_at_the_start(self):
        with self.assertRaises(self.failureException) as refused:
            self.tiered("--tier-prices", "/nowhere/prices.ini")
        self.assertIn("--tier-prices: ", str(refused.exception))

    # ---- none: --tier-fresh ----

    def fresh(self, *more):
        client = self.tiered("--tier-fresh", "24h", *more)
        self.put(self.other, "key", BODY)
        self.put(self.other, "small", SMALL)
        for key, body in (("key", BODY), ("small", SMALL)):
            self.warm(client, key, body)
            self.get(client, key, body)
        return client

    def test_fresh_words_spare_the_question(self):
        client = self.fresh()
        etag = self.get(client, "key", BODY).header("etag")

        def read():
            for _ in range(3):
                self.get(client, "key", BODY)
                self.get(client, "small", SMALL)
            self.get(client, "key", BODY[1000:2000], status=206, range="bytes=1000-1999")
            self.get(client, "key", b"", status=304, if_none_match=etag)
            self.get(client, "key", BODY, if_match=etag)
            self.assertEqual(412, client.get(self.bucket, "key", (), {"if-match": '"another"'}).status)

        self.assertEqual([], self.asked(read))
        self.assertGreater(self.figure("bale_heads_spared_total"), 9)

    def test_fresh_words_are_of_then(self):
        """What others write is seen late, but whole; what asks for itself sees it."""
        client = self.fresh()
        other = self.put(self.other, "key", NEWER, **{"x-amz-meta-colour": "blue"})
        answer = self.get(client, "key", BODY)
        self.assertIsNone(answer.header("x-amz-meta-colour"))
        self.assertEqual(other, client.head(self.bucket, "key").header("etag"))
        answer = self.get(client, "key", NEWER)  # which the HEAD has told
        self.assertEqual((other, "blue"), (answer.header("etag"), answer.header("x-amz-meta-colour")))
        answer = client.put(self.bucket, "copy", (), {"x-amz-copy-source": f"/{self.bucket}/small"})
        self.assertEqual(200, answer.status, answer)
        self.put(self.other, "small", NEWER)
        answer = client.put(self.bucket, "copy", (), {"x-amz-copy-source": f"/{self.bucket}/small"})
        self.assertEqual(200, answer.status, answer)
        self.get(client, "copy", NEWER)

    def test_a_word_says_nothing_of_later_bytes(self):
        """They may be another revision's under its ETag: only what is asked afterwards says that they are not."""
        client = self.tiered("--tier-fresh", "24h")
        self.assertEqual(200, self.backend.client().put(self.bucket, "key", (), (), BODY, payload="unsigned").status)

        def read(first):
            self.get(client, "key", BODY[first:first + 1000], status=206, range=f"bytes={first}-{first + 999}")

        client.head(self.bucket, "key")
        read(0)
        self.assertEqual([["HeadObject"], []], [self.asked(lambda: read(0)) for _ in range(2)])
        self.assertEqual([["GetObject"], ["HeadObject"], []], [self.asked(lambda: read(700_000)) for _ in range(3)])

    def test_a_word_is_as_old_as_its_question(self):
        """It was true at some moment behind that, perhaps long before the answer came."""
        client = self.tiered("--tier-fresh", "1s")
        self.put(self.other, "key", BODY)
        self.warm(client, "key", BODY)
        self.through.rules({"fault": "delay-answer", "op": "HeadObject", "key": "^key$", "seconds": 2, "times": 1})
        self.wait_for(lambda: self.asked(lambda: self.get(client, "key", BODY)) == ["HeadObject"], "a word that is too old")
        self.assertEqual(["HeadObject"], self.asked(lambda: self.get(client, "key", BODY)))

    def test_a_process_sees_what_it_writes(self):
        client = self.fresh()
        self.put(client, "key", NEWER)
        self.get(client, "key", NEWER)
        self.warm(client, "key", NEWER)
        self.get(client, "key", NEWER)
        tags = b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
        answer = client.put(self.bucket, "key", {"tagging": None}, {"content-md5": checksums.md5_base64(tags)}, tags)
        self.assertEqual(200, answer.status, answer)
        self.assertEqual("1", self.get(client, "key", NEWER).header("x-amz-tagging-count"))
        self.get(client, "small", SMALL)
        answer = client.put(self.bucket, "small", (), {"x-amz-copy-source": f"/{self.bucket}/key"})
        self.assertEqual(200, answer.status, answer)
        self.get(client, "small", NEWER)
        self.assertEqual(204, client.delete(self.bucket, "key").status)
        self.assertEqual(404, client.get(self.bucket, "key").status)

    # ---- none: --tier-pinned always ----

    def test_a_named_revision_is_given_without_a_question(self):
        client = self.tiered("--tier-pinned", "always")
        etag = self.put(self.other, "key", BODY)
        self.warm(client, "key", BODY)
        self.put(self.other, "key", NEWER)
        named = {"if_match": etag}
        self.assertEqual([], self.asked(lambda: self.get(client, "key", BODY, **named)))
        self.assertEqual([], self.asked(lambda: self.get(client, "key", BODY[-9:], status=206, range="bytes=-9", **named)))
        self.assertEqual("HeadObject", self.asked(lambda: self.get(client, "key", NEWER, if_match="*"))[0])
        self.assertEqual(412, client.get(self.bucket, "key", (), {"if-match": etag}).status)  # it is known now that there is another one
