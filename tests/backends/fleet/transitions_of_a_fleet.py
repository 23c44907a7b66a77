"""tests/backends/fleet/transitions_of_a_fleet.py -- rules move objects from class to class before a bucket: each is written again, and a client
sees nothing but the class."""

import random

from faults import fault
from ledger_of_a_fleet import MIB, LedgerCase, metric
from rules_of_a_fleet import DAY_S, OPTIONS, SECONDS, RuleCase, rules
from versions_of_a_fleet import ENABLED, VersionCase

CLASS = "GLACIER_IR"
SMALL = 128 << 10  # what takes less is billed as this in some classes
ANY_SIZE = "<Filter><And><Prefix>%s</Prefix><ObjectSizeGreaterThan>1</ObjectSizeGreaterThan></And></Filter>"
MOVE = f"<Transition><Days>1</Days><StorageClass>{CLASS}</StorageClass></Transition>"
DRAW = random.Random(14)
PLACED = ("--class", f"{CLASS}=zstd:1,backend:INTELLIGENT_TIERING")  # which bills what is stored
NOISE = DRAW.randbytes(MIB)
WORDS = [bytes(DRAW.choice(b"abcdefghij") for _ in range(DRAW.randrange(2, 9))) for _ in range(3000)]
TEXT = b" ".join(DRAW.choice(WORDS) for _ in range(60000))


def move(prefix, what=MOVE):
    """Whatever its size."""
    return rules(f"<Rule><ID>cold</ID>{ANY_SIZE % prefix}<Status>Enabled</Status>{what}</Rule>")


class TransitionCase(RuleCase, LedgerCase):
    def start(self, count=2, *options, place=None):
        return self.replicas(count, "--lifecycle-day", f"{DAY_S}s", "--journal-poll", "200ms", "--shards", "1", *options, place=place)

    def look(self, bale, key):
        """All that a client can see of it, but the class and whose request that was."""
        head = bale.client().head(self.bucket, key, {}, {"x-amz-checksum-mode": "ENABLED"})
        self.assertEqual(200, head.status, head)
        passing = ("date", "x-amz-request-id", "x-amz-id-2", "x-amz-storage-class", "connection", "x-amz-expiration")
        tags = bale.client().get(self.bucket, key, {"tagging": None})
        parts = bale.client().get(self.bucket, key, {"attributes": None}, {"x-amz-object-attributes": "ETag,Checksum,ObjectParts,ObjectSize"})
        told = [(name, value) for name, value in head.headers if name.lower() not in passing]
        return sorted(told), sorted(zip(tags.texts("Tag/Key"), tags.texts("Tag/Value"))), parts.body

    def download_across(self, behind, body, rewrite):
        """A GET of cold/k, whose stream breaks at some point behind what all buffers between take; before that `rewrite()` has written the object
        anew: it goes on in that, to the same bytes."""
        client, got = behind.client(), bytearray()
        with client.connect(receive_buffer=64 << 10) as connection:
            connection.send(client.prepare("GET", self.bucket, "cold/k").bytes)
            head = connection.read_head()
            self.assertEqual((200, len(body)), (head.status, int(head.header("content-length"))))
            got += connection.read_exactly(MIB // 2)
            rewrite()
            got += connection.read_exactly(len(body) - len(got))
        self.assertTrue(bytes(got) == body)
        self.assertGreater(metric(behind, "bale_reads_changed_total"), 0, "what was read had been replaced")

    def places(self):
        """In which class the backend has them."""
        page = self.backend.client().get(self.bucket, None, {"list-type": "2"})
        return {key: name for key, name in zip(page.texts("Contents/Key"), page.texts("Contents/StorageClass")) if not key.startswith(".bale/")}

    def class_of(self, bale, key):
        return bale.client().head(self.bucket, key).header("x-amz-storage-class")

    def listed_classes(self, bale):
        page = bale.client().get(self.bucket, None, {"list-type": "2"})
        return dict(zip(page.texts("Contents/Key"), page.texts("Contents/StorageClass")))

    def listed_times(self, bale):
        page = bale.client().get(self.bucket, None, {"list-type": "2"})
        return dict(zip(page.texts("Contents/Key"), page.texts("Contents/LastModified")))

    def fill(self, bale):
        """Bodies of all shapes: of one frame, of many, as they came, in parts, of several stored parts."""
        many = {f"x-amz-meta-{number}": "v" * 150 for number in range(12)}  # these lie in the trailer
        bodies = {"cold/text": TEXT, "cold/short": b"short", "cold/noise": NOISE[:3000], "cold/large": NOISE * 9 + TEXT, "cold/many": TEXT}
        self.put(bale, "cold/text", TEXT, x_amz_tagging="a=1&b=2", x_amz_meta_owner="nobody", content_type="text/plain")
        self.put(bale, "cold/short", b"short", cache_control="no-cache")
        self.put(bale, "cold/noise", NOISE[:3000])
        self.put(bale, "cold/large", NOISE * 9 + TEXT, x_amz_meta_a="b", x_amz_tagging="c=3")
        self.put(bale, "cold/many", TEXT, **many)
        bodies["cold/parts"] = self.upload_parts(bale, "cold/parts", [TEXT * 17, b"the end"])
        self.put(bale, "warm/text", TEXT)
        return bodies

    def upload_parts(self, bale, key, parts):
        client = bale.client()
        begun = client.post(self.bucket, key, {"uploads": None}, {"x-amz-meta-p": "q", "x-amz-tagging": "d=4"})
        upload = begun.text("UploadId")
        etags = [client.put(self.bucket, key, {"partNumber": str(number), "uploadId": upload}, (), part, payload="unsigned").header("etag")
                 for number, part in enumerate(parts, 1)]
        document = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>" for number, etag in enumerate(etags, 1))
        done = client.post(self.bucket, key, {"uploadId": upload}, (), f"<CompleteMultipartUpload>{document}</CompleteMultipartUpload>".encode())
        self.assertEqual(200, done.status, done)
        return b"".join(parts)

    def move_all(self, bales, bodies):
        self.set(bales[0], "lifecycle", move("cold/"))
        self.wait_for(lambda: all(self.class_of(bales[1], key) == CLASS for key in bodies), "all have moved", SECONDS)
        self.wait_for_counts(bales, "move", len(bodies))

    def expect_the_same(self, bale, before, bodies):
        for key, body in bodies.items():
            self.assertEqual(before[key], self.look(bale, key), key)
            read = bale.client().get(self.bucket, key)
            self.assertTrue(read.status == 200 and read.body == body, key)
            middle = bale.client().get(self.bucket, key, (), {"range": "bytes=2-3"})
            self.assertEqual(body[2:4], middle.body, key)


class SlowTransitions(TransitionCase):
    FOR = ("raw",)  # what is tried is the journal's

    def test_a_move_outlasts_the_time_of_a_takeover(self):
        """Its sweep stays with who is at it, who renews it while the object is written."""
        if not self.is_long:
            self.skipTest("only with --long: it waits for longer than a takeover, and that is long enough for a busy disk")
        proxy = self.proxy()
        bales = self.start(2, "--lifecycle-takeover", "4s", place=proxy)
        self.put(bales[0], "cold/text", TEXT)
        proxy.rules(fault("delay", op=["PutObject", "CompleteMultipartUpload"], key="cold/", header="if-match", seconds=9))
        self.set(bales[0], "lifecycle", move("cold/"))
        self.wait_for(lambda: self.class_of(bales[1], "cold/text") == CLASS, "it has moved", SECONDS)
        self.wait_for_counts(bales, "move", 1)
        self.wait_for(lambda: self.sweep(bales[0]).get("state") == "done", "the sweep is over", SECONDS)
        self.assertTrue(any(proxy.fired()))
        self.assertEqual([0, 0], [metric(bale, "bale_lifecycle_resumed_total") for bale in bales], "nobody took it over")


class Transitions(TransitionCase):
    def test_a_client_sees_nothing_but_the_class(self):
        first, second = bales = self.start()
        self.assertEqual(200, self.backend.client().put(self.bucket, "cold/foreign", (), (), TEXT).status)
        bodies = self.fill(first)
        before = {key: self.look(second, key) for key in bodies}
        times = self.listed_times(second)
        self.move_all(bales, bodies)
        self.expect_the_same(second, before, bodies)
        self.expect_the_same(first, before, bodies)
        for bale in bales:
            self.assertEqual({key: CLASS if key in bodies else "STANDARD" for key in times}, self.listed_classes(bale))
            self.assertEqual(times, self.listed_times(bale))
        moved = self.sweep(second)["number"]
        ended = lambda: (sweep := self.sweep(second))["number"] > moved and sweep["state"] == "done" and sweep  # noqa: E731
        self.wait_for(ended, "a further sweep", SECONDS)
        self.assertEqual((1, 0), (ended()["unsafe"], self.done(first, "move") + self.done(second, "move") - len(bodies)),
                         "what Bale did not write is left alone, and none moves twice")
        self.assertEqual(204, self.backend.client().delete(self.bucket, "cold/foreign").status)
        self.check(bales)


class TransitionsUnderFire(TransitionCase):
    FOR = ("raw",)  # what is tried is Bale's

    def test_packed_at_the_level_of_its_class(self):
        """And from there to a colder one; tags and metadata that are set between are kept."""
        first, second = bales = self.start(2, "--class", f"{CLASS}=zstd:9", "--zstd-level", "1")
        bodies = self.fill(first)
        before = {key: self.look(second, key) for key in bodies}
        large = self.listed(self.backend.client())
        self.move_all(bales, bodies)
        self.expect_the_same(second, before, bodies)
        small = self.listed(self.backend.client())
        for key in ("cold/text", "cold/parts"):
            self.assertLess(small[key], large[key], key)
        self.check(bales)
        self.set(first, "lifecycle", move("cold/t", MOVE.replace(CLASS, "DEEP_ARCHIVE")))
        self.wait_for(lambda: self.class_of(second, "cold/text") == "DEEP_ARCHIVE", "it is moved on", SECONDS)
        self.expect_the_same(second, before, bodies)
        self.check(bales)

    def test_to_a_class_of_the_backend(self):
        """The bytes go there where they are as many as are billed at least, and stay there when the class goes on to one without a place."""
        first, second = bales = self.start(2, "--class", f"{CLASS}=zstd:1,backend:STANDARD_IA")
        bodies = self.fill(first)
        before = {key: self.look(second, key) for key in bodies}
        self.move_all(bales, bodies)
        self.expect_the_same(second, before, bodies)
        self.assertEqual({key: CLASS if key in bodies else "STANDARD" for key in (*bodies, "warm/text")}, self.listed_classes(second))
        places = self.places()
        sizes = self.listed(self.backend.client())
        self.assertEqual({key: "STANDARD_IA" if key in bodies and sizes[key] >= SMALL else "STANDARD" for key in sizes}, places)
        self.assertEqual({"STANDARD", "STANDARD_IA"}, set(places.values()))
        self.check(bales)
        self.set(first, "lifecycle", move("cold/", MOVE.replace(CLASS, "DEEP_ARCHIVE")))
        self.wait_for(lambda: all(self.class_of(second, key) == "DEEP_ARCHIVE" for key in bodies), "they move on", SECONDS)
        self.expect_the_same(second, before, bodies)
        self.assertEqual(places, self.places())
        self.check(bales)

    def test_what_lies_in_an_archive_of_the_backend_stays(self):
        """Put there by other hands: it is shown there, for it decides whether a GET works, and left alone; also one that was fetched from there for a
        while, and can be read."""
        proxy = self.proxy()
        bale, = self.start(1, "--class", "DEEP_ARCHIVE=zstd:9,backend:STANDARD_IA", place=proxy)
        keys = ("cold/k", "cold/fetched")
        proxy.rules(fault("refuse", status=403, code="InvalidObjectState", op="GetObject", key="cold/k"))
        for key in keys:
            self.put(bale, key, TEXT)
            headers = {"x-amz-copy-source": f"{self.bucket}/{key}", "x-amz-storage-class": "GLACIER"}
            self.assertEqual(200, self.backend.client().put(self.bucket, key, (), headers).status)
        told = lambda: [self.backend.client().head(self.bucket, key).header(name) for key in keys for name in ("etag", "last-modified")]  # noqa: E731
        kept = told()
        read = bale.client().get(self.bucket, "cold/k")
        self.assertEqual((403, "InvalidObjectState"), (read.status, read.code))
        self.set(bale, "lifecycle", move("cold/", MOVE.replace(CLASS, "DEEP_ARCHIVE")))
        self.wait_for(lambda: self.sweep(bale).get("unsafe") == 2, "they are left alone", SECONDS)
        self.assertEqual(["GLACIER"] * 2, [self.class_of(bale, key) for key in keys])
        self.assertEqual(kept, told())

    def test_a_backend_that_forgets_the_class(self):
        """Which it kept when it was tried: the object is moved once, not with each sweep."""
        proxy = self.proxy()
        bale, = self.start(1, "--class", f"{CLASS}=zstd:9,backend:{CLASS}", place=proxy)
        proxy.rules(fault("ignore", what="class"))
        self.set(bale, "lifecycle", move("cold/"))
        for moved, key in enumerate(("cold/k", "cold/next"), 1):
            self.put(bale, key, NOISE)
            self.wait_for(lambda: self.done(bale, "move") >= moved, "it is moved", SECONDS)  # noqa: B023
            self.assertEqual("STANDARD", self.places()[key])
        self.assertEqual([CLASS] * 2, [self.class_of(bale, key) for key in ("cold/k", "cold/next")])

    def test_what_is_changed_while_it_moves(self):
        """The write waits in a proxy: what was put, or tagged, meanwhile is there; it goes on with what is there then."""
        proxy = self.proxy()
        behind, = self.start(1, *PLACED, place=proxy)
        direct = self.replica_of(behind, "--lifecycle-pace", "0")
        for number in range(6):
            self.put(direct, f"cold/{number}", b"before")
        proxy.rules(fault("hold", op=["PutObject"], key="cold/", header="if-match"))
        self.set(direct, "lifecycle", move("cold/"))
        self.wait_for(lambda: any(proxy.fired()), "a write is on its way", SECONDS)
        for number in range(6):
            self.put(direct, f"cold/{number}", b"after %d" % number)
        proxy.release()
        self.wait_for(lambda: self.counts(behind, "changed") > 0, "a move is refused", SECONDS)
        proxy.clear()
        self.wait_for(lambda: all(self.class_of(direct, f"cold/{number}") == CLASS for number in range(6)), "they move later", SECONDS)
        for number in range(6):
            self.assertEqual(b"after %d" % number, direct.client().get(self.bucket, f"cold/{number}").body)
        self.assertEqual({"INTELLIGENT_TIERING"}, set(self.places().values()))
        self.check([behind, direct])

    def test_answers_of_a_move_are_lost(self):
        """Whether it was applied the object itself tells: it moved once, and the ledger counts it once."""
        proxy = self.proxy()
        behind, = self.start(1, *PLACED, place=proxy)
        for number in range(4):
            self.put(behind, f"cold/{number}", TEXT)
        proxy.rules(fault("lose", op=["PutObject"], key="cold/", header="if-match", times=3))
        self.set(behind, "lifecycle", move("cold/"))
        self.wait_for(lambda: all(self.class_of(behind, f"cold/{number}") == CLASS for number in range(4)), "they move", SECONDS)
        self.assertTrue(any(proxy.fired()))
        self.assertEqual({"INTELLIGENT_TIERING"}, set(self.places().values()))
        proxy.clear()
        self.check([behind])

    def test_a_process_that_is_killed_in_a_move(self):
        """To a class of the backend: it lies there once, whether the write had come through or not."""
        for way in (fault("delay-answer", op=["PutObject"], key="cold/", header="if-match", seconds=20),
                    fault("hang", op=["PutObject"], key="cold/", header="if-match")):
            with self.subTest(way["fault"]):
                self.setUp()
                proxy = self.proxy(way)
                behind, = self.start(1, *PLACED, "--lifecycle-takeover", "2s", place=proxy)
                self.put(behind, "cold/k", TEXT)
                before = self.look(behind, "cold/k")
                self.set(behind, "lifecycle", move("cold/"))
                self.wait_for(lambda: any(proxy.fired()), "a write is on its way", SECONDS)  # pylint: disable=cell-var-from-loop
                behind.kill()
                proxy.clear()
                behind.start()
                self.wait_for(lambda: self.class_of(behind, "cold/k") == CLASS, "it has moved", SECONDS)  # pylint: disable=cell-var-from-loop
                self.expect_the_same(behind, {"cold/k": before}, {"cold/k": TEXT})
                self.assertEqual({"cold/k": "INTELLIGENT_TIERING"}, self.places())
                self.check([behind])
                self.assertEqual(0, behind.stop())


    def test_a_download_goes_on(self):
        """Its stream breaks when the object has been written anew, in another form: it goes on in that, to the same bytes."""
        proxy = self.proxy()
        behind, = self.start(1, "--lifecycle-pace", "0", place=proxy)
        mover = self.replica_of(behind, "--lifecycle-day", f"{DAY_S}s", "--journal-poll", "200ms", "--class", f"{CLASS}=zstd:9")
        body = TEXT * 40 + NOISE
        self.put(behind, "cold/k", body)
        proxy.rules(fault("truncate", op=["GetObject"], key="cold/k", at=0.6, times=1))

        def rewrite():
            self.set(mover, "lifecycle", move("cold/"))
            self.wait_for(lambda: self.class_of(mover, "cold/k") == CLASS, "it has moved", SECONDS)
        self.download_across(behind, body, rewrite)


class VersionedTransitions(RuleCase, VersionCase):
    FOR = ("minio",)

    def test_versions_stay_as_they_are(self):
        """Each write makes another version there: nothing moves, and that is said."""
        bale, = self.fleet(1, None, *OPTIONS)
        self.set_versioning(bale.client(), ENABLED)
        self.assertEqual(200, bale.client().put(self.bucket, "cold/k", (), (), b"x").status)
        answer = LedgerCase.put_setting(self, bale, "lifecycle", move("cold/"))
        self.assertEqual(200, answer.status, answer)
        self.wait_for(lambda: self.sweep(bale).get("number", 0) >= 1, "a sweep", SECONDS)
        self.assertIn("are not carried out", self.told_by_command(bale))
        self.assertEqual(1, len(self.versions(bale.client(), "cold/k")))
