"""tests/backends/requests/requests_counted.py -- what each operation asks of the backend, line by line: docs/backend.md promises it, the bill follows it.

A line is (name, what was there before, what Bale has seen before, the operation, the requests that it may make). "seen": this Bale has the key's row;
"unseen": another Bale wrote it. A request in brackets may be missing. Bale's own affairs under .bale/ do not count, nor what it asks
every few seconds, whatever clients do: is the bucket there, does it keep versions, which rules has it.
"""

import random
import time

import checksums
import fronts
from backend_case import BackendCase

MIB = 1 << 20
SMALL = b"small body " * 50
LARGE = random.Random(5).randbytes(MIB) * 20  # three parts of 8 MiB and less
ASKED_ANYWAY = ("HeadBucket", "GetBucketVersioning", "GetBucketLifecycle")
MIDDLE = random.Random(6).randbytes(200_000)


def matches(wanted, made):
    """`made` is `wanted`, of which what stands in brackets may be missing; a set is a choice."""
    if not wanted:
        return not made
    first, rest = wanted[0], wanted[1:]
    if isinstance(first, str) and first.startswith("["):
        return matches(rest, made) or matches([first[1:-1], *rest], made)
    choices = {first} if isinstance(first, str) else first
    return bool(made) and made[0] in choices and matches(rest, made[1:])


class Requests(BackendCase):
    FOR = ("raw", "versitygw")

    def setUp(self):
        super().setUp()
        self.through = self.proxy()
        self.alice = self.bale(self.through).client()
        self.other = self.bale(self.backend).client()  # writes what the first one has not seen
        self.slips = not fronts.verdicts(self.backend)["labels-hold"]
        self.quiet()

    def quiet(self):
        """Starts, their tests and what they read have passed: nothing more comes, however often one looks."""
        last, looks = -1, 0
        while looks < 4:
            now = len(self.made())
            looks = looks + 1 if now == last else 0
            last = now
            time.sleep(0.2)

    def made(self):
        return [entry["op"] for entry in self.entries()]

    def entries(self):
        return [entry for entry in self.through.log() if not entry["key"].startswith(".bale/") and ".bale" not in entry["query"]
                and entry["op"] not in ASKED_ANYWAY]

    def count(self, name, action, wanted, status=200):
        """Does it, and compares."""
        with self.subTest(name):
            self.through.reset()
            answer = action()
            self.assertEqual(status, answer.status, f"{name}: {answer}")
            made = self.made()
            if self.slips:  # then a look that decides something is made twice
                more = min(made.count("HeadObject") - wanted.count("HeadObject"), wanted.count("HeadObject"))
                for _ in range(max(0, more)):
                    made.remove("HeadObject")
            is_right = matches(wanted, made) or (self.slips and matches(wanted * 2, self.made()))
            self.assertTrue(is_right, f"{name}: {self.made()} instead of {wanted}")
            return answer
        return None

    def say_again(self, action):
        """A server whose labels slip must have said a thing twice before Bale believes it."""
        if self.slips:
            action()

    def seen(self, key, body):
        self.assertEqual(200, self.alice.put(self.bucket, key, (), (), body, payload="unsigned").status)
        return self.alice.head(self.bucket, key).header("etag")

    def unseen(self, key, body):
        answer = self.other.put(self.bucket, key, (), (), body, payload="unsigned")
        self.assertEqual(200, answer.status, answer)
        return answer.header("etag")

    def get(self, key, **headers):
        return lambda: self.alice.get(self.bucket, key, (), {name.replace("_", "-"): value for name, value in headers.items()})

    def put(self, key, body, **headers):
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return lambda: self.alice.put(self.bucket, key, (), fields, body, payload="unsigned")

    # ---- reading ----

    def test_open(self):
        self.seen("s1", SMALL)
        self.unseen("s2", SMALL)
        self.seen("l1", LARGE)
        self.unseen("l2", LARGE)
        self.count("whole, small, seen", self.get("s1"), ["GetObject"])
        self.count("whole, small, unseen", self.get("s2"), ["GetObject"])
        self.count("whole, large, seen", self.get("l1"), ["GetObject"])
        self.count("whole, large, unseen", self.get("l2"), ["GetObject", "GetObject"])
        self.say_again(self.get("l2"))
        self.count("whole, large, seen by now", self.get("l2"), ["GetObject"])

    def test_open_again_and_again(self):
        """What was decoded of late is not fetched again: one request, and no body where labels can be believed."""
        self.seen("hot", SMALL)
        for _ in range(4):
            self.assertEqual(SMALL, self.alice.get(self.bucket, "hot").body)
        self.count("hot", self.get("hot"), [{"GetObject", "HeadObject"}])
        self.assert_fetched(len(SMALL) if self.slips else 0)  # where labels slip nothing is kept decoded

    def test_open_a_range(self):
        self.seen("l1", LARGE)
        self.unseen("l2", LARGE)
        self.unseen("s2", SMALL)
        self.count("range, seen", self.get("l1", range="bytes=5000000-5000999"), ["GetObject"], 206)
        self.assert_fetched(MIB + 100)
        self.count("range, unseen", self.get("l2", range="bytes=5000000-5000999"), ["GetObject", "GetObject"], 206)
        self.assert_fetched(MIB + 100 + (64 << 10))
        self.count("range of a small one, unseen", self.get("s2", range="bytes=3-9"), ["GetObject"], 206)
        noise = random.Random(7).randbytes(MIB)
        for key, size in (("n1", 300_000), ("n2", MIB)):  # stored as they are, and verified as a whole
            self.seen(key, noise[:size])
            self.say_again(self.get(key))
            self.count(f"range of {size} bytes that do not shrink, seen", self.get(key, range="bytes=100000-100999"), ["GetObject"], 206)
        self.count("suffix range, seen", self.get("l1", range="bytes=-1000"), ["GetObject"], 206)

    def test_open_a_range_of_much(self):
        """1 KiB of a large packed object: one frame and its end (64 KiB) at first sight, then one frame. 1 GiB with --long."""
        mebibytes = 1024 if self.is_long else 40
        prepared = self.other.prepare("PUT", self.bucket, "much", (), {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}, b"", length=mebibytes * MIB)
        with self.other.connect(timeout=600) as connection:
            connection.send(prepared.head)
            for _ in range(mebibytes):
                connection.send(LARGE[:MIB])
            self.assertEqual(200, connection.read_response("PUT").status)
        self.quiet()
        unseen, seen = ((mebibytes - 3) * MIB + 5000, 7 * MIB + 5000)
        for name, first, requests, most in (("unseen", unseen, ["GetObject", "GetObject"], MIB + 100 + (64 << 10)),
                                            ("seen", seen, ["GetObject"], MIB + 100)):
            action = self.get("much", range=f"bytes={first}-{first + 1023}")
            self.quiet()  # what was asked for before has been logged
            self.count(f"range of much, {name}", action, requests, 206)
            self.assert_fetched(most)
            self.say_again(action)

    def assert_fetched(self, most):
        """So many bytes of bodies at most."""
        fetched = sum(entry.get("out", 0) for entry in self.entries())
        self.assertLessEqual(fetched, most, f"{fetched} bytes were fetched")

    def test_open_on_a_condition(self):
        etag = self.seen("s1", SMALL)
        unseen = self.unseen("s2", SMALL)
        self.count("not modified, seen", self.get("s1", if_none_match=etag), ["HeadObject"], 304)
        self.count("not modified, unseen", self.get("s2", if_none_match=unseen), ["GetObject"], 304)

    def test_head(self):
        self.seen("s1", SMALL)
        self.unseen("s2", SMALL)
        self.seen("l1", LARGE)
        self.unseen("l2", LARGE)
        head = lambda key: lambda: self.alice.head(self.bucket, key)  # noqa: E731
        self.count("small, seen", head("s1"), ["HeadObject"])
        self.count("small, unseen", head("s2"), ["HeadObject"])
        self.count("large, seen", head("l1"), ["HeadObject"])
        self.count("large, unseen", head("l2"), ["HeadObject", "GetObject"])
        self.count("missing", head("missing"), ["HeadObject"], 404)

    # ---- writing ----

    def test_put_small(self):
        self.count("new", self.put("n", SMALL), ["PutObject"])
        self.count("seen", self.put("n", SMALL), ["PutObject"])
        self.unseen("u", SMALL)
        self.count("unseen, small", self.put("u", SMALL), ["PutObject", "HeadObject", "PutObject"])
        self.unseen("v", SMALL)
        self.count("unseen, more than 64 KiB", self.put("v", MIDDLE), ["HeadObject", "PutObject"])
        self.count("new, more than 64 KiB", self.put("w", MIDDLE), [{"PutObject", "HeadObject"}, "[PutObject]"])

    def test_put_on_a_condition(self):
        etag = self.seen("s", SMALL)
        unseen = self.unseen("u", SMALL)
        self.count("If-None-Match, new", self.put("n", SMALL, if_none_match="*"), ["PutObject"])
        self.count("If-None-Match, there", self.put("n", SMALL, if_none_match="*"), ["PutObject", "[HeadObject]"], 412)
        self.count("If-Match, seen", self.put("s", SMALL, if_match=etag), ["PutObject"])
        self.count("If-Match, unseen", self.put("u", SMALL, if_match=unseen), ["HeadObject", "HeadObject", "PutObject"])

    def test_put_large(self):
        parts = ["UploadPart"] * 3
        self.count("new", self.put("n", LARGE), ["CreateMultipartUpload", *parts, "CompleteMultipartUpload"])
        self.count("seen", self.put("n", LARGE), ["CreateMultipartUpload", *parts, "CompleteMultipartUpload"])
        self.unseen("u", LARGE)
        looked = ["HeadObject", "GetObject"] * 2 if self.slips else ["HeadObject"]  # the ledger wants the size that goes with the ETag
        self.count("unseen", self.put("u", LARGE), ["CreateMultipartUpload", *parts, "CompleteMultipartUpload", *looked,
                                                    "CompleteMultipartUpload", *looked])  # after a refusal it counts when it is seen

    def test_copy(self):
        self.seen("s", SMALL)
        self.unseen("u", SMALL)
        copy = lambda source, target: lambda: self.alice.put(self.bucket, target, (), {"x-amz-copy-source": f"{self.bucket}/{source}"})  # noqa: E731
        opened = {"HeadObject", "GetObject"}
        has_conditions = fronts.verdicts(self.backend)["copy-create"]  # else the target's is kept by a PUT
        tags = "GetObjectTagging"  # that an answer counts none may mean that Bale may not see them
        wanted = [opened, tags, "CopyObject"] if has_conditions else [opened, tags, "[GetObject]", {"CopyObject", "PutObject"}]
        self.count("seen", copy("s", "t"), wanted)
        self.count("unseen", copy("u", "v"), wanted)

    def test_delete(self):
        self.seen("s", SMALL)
        self.unseen("u", SMALL)
        delete = lambda key: lambda: self.alice.delete(self.bucket, key)  # noqa: E731
        if not self.buries():
            self.count("seen", delete("s"), ["HeadObject", "DeleteObject"], 204)
            self.count("unseen", delete("u"), ["HeadObject", "DeleteObject"], 204)
            return
        self.count("seen", delete("s"), ["DeleteObject", "PutObject", "DeleteObject"], 204)
        self.count("unseen", delete("u"), ["HeadObject", "DeleteObject", "PutObject", "DeleteObject"], 204)
        self.count("missing", delete("missing"), ["HeadObject"], 204)
        self.assertEqual(200, self.backend.client().put(self.bucket, "foreign", (), (), b"x").status)
        self.count("what does not count", delete("foreign"), ["HeadObject", "DeleteObject"], 204)

    def buries(self):
        """Is what counts replaced by a tombstone before it is deleted?"""
        return fronts.verdicts(self.backend)["delete-races"]

    def test_delete_many(self):
        for number in range(50):
            self.seen(f"s{number}", b"x")
        document = "<Delete>" + "".join(f"<Object><Key>s{number}</Key></Object>" for number in range(50)) + "</Delete>"
        if not self.buries():
            self.count("50, seen", lambda: self.alice.delete_objects(self.bucket, document), [*["HeadObject"] * 50, "DeleteObjects"])
            return
        self.through.reset()
        self.assertEqual(200, self.alice.delete_objects(self.bucket, document).status)
        self.assertEqual(sorted([*["PutObject"] * 50, *["DeleteObject"] * 100]), sorted(self.made()))

    # ---- lists ----

    def test_list(self):
        for number in range(30):
            self.seen(f"s/{number:02}", b"x")
            self.unseen(f"u/{number:02}", b"x")
        listing = lambda prefix: lambda: self.alice.get(self.bucket, None, {"list-type": "2", "prefix": prefix})  # noqa: E731
        self.count("seen", listing("s/"), ["ListObjectsV2"])
        self.count("unseen", listing("u/"), ["ListObjectsV2", *["HeadObject"] * 30])
        self.say_again(listing("u/"))
        self.count("seen by now", listing("u/"), ["ListObjectsV2"])
        self.count("a page of many", lambda: self.alice.get(self.bucket, None, {"list-type": "2", "prefix": "s/", "max-keys": "10"}), ["ListObjectsV2"])

    # ---- the rest ----

    def test_tags(self):
        self.seen("s", SMALL)
        tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
        digest = {"content-md5": checksums.md5_base64(tags.encode())}
        self.count("write", lambda: self.alice.put(self.bucket, "s", {"tagging": None}, digest, tags), ["PutObjectTagging"])
        self.count("read", lambda: self.alice.get(self.bucket, "s", {"tagging": None}), ["GetObjectTagging"])

    def test_buckets_are_known(self):
        self.count("head of the bucket", lambda: self.alice.head(self.bucket), [])
        self.count("another bucket", lambda: self.alice.head("no-such-bucket-here"), [], 404)

    def test_uploads(self):
        created = self.count("create", lambda: self.alice.post(self.bucket, "u", {"uploads": None}), ["[CreateMultipartUpload]"])
        upload = created.text("UploadId")
        self.count("list of uploads", lambda: self.alice.get(self.bucket, None, {"uploads": None}), [])
        self.count("list of parts", lambda: self.alice.get(self.bucket, "u", {"uploadId": upload}), [])
