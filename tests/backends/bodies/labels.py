"""tests/backends/bodies/labels.py -- a server that passed the test of labels, and mixes two revisions after all: a HEAD that shows the metadata of one
has the ETag of the next (versitygw reads one after the other, and another write comes in between). No write is lost by it."""

import random
import threading

import fronts
from backend_case import BackendCase
from faults import fault

AHEAD = fault("slip-ahead", op="HeadObject", key="^k$", times=1)


class SameLabels(BackendCase):
    """A client sends the very bytes that another body was packed to: two writes have one ETag, and no label has slipped."""

    FOR = ("raw",)

    def test_bytes_that_are_a_packed_body(self):
        one, two = (self.bale(None, "--shards", "1") for _ in range(2))
        text = random.Random(self.seed).randbytes(50_000).hex().encode()
        self.assertEqual(200, one.client().put(self.bucket, "k", (), (), text).status)
        plain = self.backend.client()
        packed = plain.get(self.bucket, "k")
        self.assertLess(len(packed.body), len(text))
        for body in (packed.body, text, packed.body):
            for client in (two.client(), one.client()):
                self.assertEqual(200, client.get(self.bucket, "k").status)
            self.assertEqual(200, one.client().put(self.bucket, "k", (), (), body).status)
            self.assertEqual(packed.header("etag"), plain.head(self.bucket, "k").header("etag"), "it is not the same")
            for client in (two.client(), one.client(), two.client()):
                answer = client.get(self.bucket, "k")
                self.assertEqual((200, str(len(body))), (answer.status, client.head(self.bucket, "k").header("content-length")))
                self.assertTrue(body == answer.body)
            listed = two.client().get(self.bucket, None, {"list-type": "2"})
            self.assertEqual([str(len(body))], listed.texts("Contents/Size"))
        self.assertTrue(fronts.verdicts(self.backend)["labels-hold"])
        self.assertNotIn("bore the ETag of another revision", two.log() + one.log())


class LabelsAhead(BackendCase):
    FOR = ("raw",)

    def setUp(self):
        super().setUp()
        self.through = self.proxy()
        # what one shard has seen of a key another may not have
        self.one, self.two = (self.bale(self.through, "--shards", "1").client() for _ in range(2))
        self.assertTrue(fronts.verdicts(self.backend)["labels-hold"])
        self.through.reset()

    def put(self, client, body, **headers):
        return client.put(self.bucket, "k", (), {name.replace("_", "-"): value for name, value in headers.items()}, body)

    def while_it_looks(self, write, other):
        """What `write` is answered, whose HEAD shows what was there before `other` has written, and the ETag of what was there then."""
        answers = []
        writer = threading.Thread(target=lambda: answers.append(write()))
        writer.start()
        self.wait_for(lambda: any((entry["op"], entry["key"]) == ("HeadObject", "k") and entry["status"] for entry in self.through.log()),
                      "what a look has seen")
        self.assertEqual(200, other().status)
        writer.join()
        self.through.clear()
        return answers[0]

    def assert_there(self, body):
        self.assertEqual(body, self.one.get(self.bucket, "k").body, self.through.story("k"))

    def test_a_swap_of_what_has_been_replaced(self):
        etag = self.put(self.one, b"first").header("etag")
        self.through.rules(AHEAD)
        swapped = self.while_it_looks(lambda: self.put(self.two, b"swapped", if_match=etag), lambda: self.put(self.one, b"between"))
        self.assertEqual(412, swapped.status, self.through.story("k"))
        self.assert_there(b"between")
        self.wait_for(lambda: not fronts.verdicts(self.backend)["labels-hold"], "it is not noted")

    def test_a_conditional_delete_of_what_has_been_replaced(self):
        etag = self.put(self.one, b"first").header("etag")
        self.through.rules(AHEAD)
        deleted = self.while_it_looks(lambda: self.two.delete(self.bucket, "k", (), {"if-match": etag}), lambda: self.put(self.one, b"between"))
        self.assertEqual(412, deleted.status, self.through.story("k"))
        self.assert_there(b"between")

    def test_a_write_whose_answer_was_lost(self):
        """It is found by its nonce, beside the ETag of what has replaced it: that is not what it wrote."""
        self.through.rules(fault("lose", op="PutObject", key="^k$", times=1), AHEAD)
        found = self.while_it_looks(lambda: self.put(self.one, b"first"), lambda: self.put(self.two, b"between"))
        self.assertEqual(200, found.status, found)
        swapped = self.put(self.one, b"swapped", if_match=found.header("etag"))
        self.assertEqual(412, swapped.status, self.through.story("k"))
        self.assert_there(b"between")


class EndsOfAnother(BackendCase):
    """What a large object is only its end says, its trailer. One that does not go with what was said of the object is looked at again."""

    FOR = ("raw",)

    def setUp(self):
        super().setUp()
        self.through = self.proxy()
        self.writer = self.bale(None, "--shards", "1").client()

    def join(self, body):
        """In parts, so that nothing but the trailer says how large it is."""
        upload = self.writer.post(self.bucket, "k", {"uploads": None}).text("UploadId")
        etag = self.writer.put(self.bucket, "k", {"partNumber": "1", "uploadId": upload}, (), body, payload="unsigned").header("etag")
        done = self.writer.post(self.bucket, "k", {"uploadId": upload}, (), "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
                                f"<ETag>{etag}</ETag></Part></CompleteMultipartUpload>")
        self.assertEqual(200, done.status, done)
        return done.text("ETag")

    def ways(self, etag, body):
        """What a client may ask for, and what it must get."""
        yield "GET", lambda client: client.get(self.bucket, "k"), 200, body
        yield "GET of a range", lambda client: client.get(self.bucket, "k", (), {"range": "bytes=5-9"}), 206, body[5:10]
        yield "GET if it is that", lambda client: client.get(self.bucket, "k", (), {"if-match": etag}), 200, body
        yield "GET if it is not that", lambda client: client.get(self.bucket, "k", (), {"if-none-match": etag}), 304, b""
        yield "HEAD", lambda client: client.head(self.bucket, "k"), 200, b""

    def each_sees_what_is_there(self, etag, body, rule):
        """Each by a Bale that has never seen the key."""
        for name, ask, status, wanted in self.ways(etag, body):
            if rule["op"] == "HeadObject" and name != "HEAD" or rule["fault"] == "wrong-length" and name == "HEAD":
                continue  # it is not what is asked
            with self.subTest(f"{name}, {len(body)} bytes"):
                bale = self.bale(self.through, "--shards", "1")
                self.through.rules(rule)
                answer = ask(bale.client())
                fired = sum(self.through.fired())
                self.through.clear()
                self.assertEqual(1, fired, self.through.story("k"))
                self.assertEqual((status, etag), (answer.status, answer.header("etag")), f"{answer}\n{self.through.story('k')}")
                self.assertTrue(answer.body == wanted)
                self.assertEqual(0, bale.stop())

    def test_the_length_of_another(self):
        for size in (900, 300_000):
            body = random.Random(self.seed + size).randbytes(size)
            self.each_sees_what_is_there(self.join(body), body, fault("wrong-length", op="GetObject", key="^k$", by=-5, times=1))

    def test_fields_of_the_revision_before(self):
        for size in (900, 300_000):
            for number in range(2):
                body = random.Random(self.seed + size + number).randbytes(size + number)
                etag = self.join(body)
                self.assertEqual(200, self.through.client().head(self.bucket, "k").status)
            for of in (["etag", "metadata"], ["metadata"]):
                for operation in ("GetObject", "HeadObject"):
                    self.each_sees_what_is_there(etag, body, fault("slip", op=operation, key="^k$", of=of, times=1))

    def test_an_end_that_is_never_right(self):
        """Another tool has kept the fields beside another body: it is said soon, and what comes over it is served."""
        self.join(random.Random(self.seed).randbytes(900))
        fields = [pair for pair in self.direct().client().head(self.bucket, "k").headers if pair[0].lower().startswith("x-amz-meta-")]
        self.assertEqual(200, self.direct().client().put(self.bucket, "k", (), dict(fields), b"another body" * 100).status)
        client = self.bale(self.through).client()
        self.through.reset()
        self.assertEqual(501, client.get(self.bucket, "k").status)
        self.assertLessEqual(sum(entry["key"] == "k" for entry in self.through.log()), 5)
        self.assertEqual(501, client.head(self.bucket, "k").status)
        self.assertEqual(200, client.put(self.bucket, "k", (), (), b"right again").status)
        self.assertEqual(b"right again", client.get(self.bucket, "k").body)

    def test_an_end_that_is_never_right_behind_an_outdated_row(self):
        """Who knows the body before asks for a range of that, pinned, which is one more look."""
        self.join(random.Random(self.seed).randbytes(3_000_000))
        client = self.bale(self.through, "--shards", "1").client()
        self.assertEqual(206, client.get(self.bucket, "k", (), {"range": "bytes=5-9"}).status)
        fields = [pair for pair in self.direct().client().head(self.bucket, "k").headers if pair[0].lower().startswith("x-amz-meta-")]
        self.assertEqual(200, self.direct().client().put(self.bucket, "k", (), dict(fields), b"another body" * 300_000).status)
        self.through.reset()
        self.assertEqual(501, client.get(self.bucket, "k", (), {"range": "bytes=2000000-2000009"}).status, self.through.story("k"))
        statuses = [entry["status"] for entry in self.through.log() if entry["key"] == "k"]
        self.assertIn(412, statuses, self.through.story("k"))
        self.assertLessEqual(len(statuses), 5, self.through.story("k"))
