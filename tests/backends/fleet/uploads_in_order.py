"""tests/backends/fleet/uploads_in_order.py -- parts that come one after the other: what they cost of the backend, what is stored of them, and what
happens to those that went straight into the backend's upload when the client thinks better of it."""

import base64
import struct
import time
from urllib.parse import unquote

import fronts
import keys
from backend_case import BackendCase
from faults import fault
from uploads_of_a_fleet import Uploader, composite, digest, document

MIB = 1 << 20


def noise(seed, size):
    return keys.content(seed, size, False)


def packed(seed, size, share):
    """Bytes of which this share is left when they are compressed."""
    block = 64 << 10
    kept = int(block * share)
    source = noise(seed, size)
    return b"".join(source[at:at + kept] + bytes(min(block, size - at) - len(source[at:at + kept])) for at in range(0, size, block))


def original_size(stored):
    """What the frames of a stored body say, walked as any reader of S4's frames does."""
    position = total = 0
    while position < len(stored):
        magic = stored[position:position + 4]
        if magic == b"S4F2":
            original, payload = struct.unpack_from("<QQ", stored, position + 8)
            total, position = total + original, position + 28 + payload
        elif magic == b"S4P1":
            position += 12 + struct.unpack_from("<Q", stored, position + 4)[0]
        else:
            raise AssertionError(f"no frame begins at {position}")
    assert position == len(stored), "the last frame is cut off"
    return total


class InOrderCase(BackendCase):
    """One replica behind a proxy, which has seen whether there are older ones beside it."""

    OPTIONS = ()

    def setUp(self):
        super().setUp()
        self.through = self.proxy()
        self.bales = self.fleet(1, self.through, *self.OPTIONS)
        self.plain = self.backend.client()
        self.wait_for_older(False)

    def wait_for_older(self, has_older):
        line = f"\nbale_fleet_has_older {int(has_older)}\n"
        self.wait_for(lambda: line in self.bales[0].admin("/metrics")[1], f"a look at the fleet that says {has_older}")

    def uploader(self):
        return Uploader(self.bales, self.bucket, self.seed, 0)

    def send(self, key, bodies, skipped=()):
        """An upload of these parts, one after the other; its id. The connection stays for who completes it (self.sender)."""
        self.sender = client = self.uploader()
        upload = client.begin(key)
        for number, body in enumerate(bodies, 1):
            if number not in skipped:
                client.part(key, upload, number, body)
        return upload

    def complete(self, key, upload, bodies, numbers=None):
        """Of these parts of them; and reads what is there."""
        numbers = numbers or range(1, len(bodies) + 1)
        chosen = [bodies[number - 1] for number in numbers]
        tags = [(number, f'"{digest(bodies[number - 1])}"') for number in numbers]
        answer = self.bales[0].client().post(self.bucket, key, {"uploadId": upload}, (), document(tags))
        self.assertEqual((200, composite(chosen)), (answer.status, answer.text("ETag")), answer)
        self.check(key, b"".join(chosen))

    def check(self, key, body):
        """Through Bale, whole and in ranges, and by the documentation of the format alone."""
        client = self.bales[0].client()
        self.assertTrue(client.get(self.bucket, key).body == body, "other bytes")
        for first in (0, len(body) // 2, len(body) - 1000):
            answer = client.get(self.bucket, key, (), {"range": f"bytes={first}-{first + 999}"})
            self.assertTrue(answer.status == 206 and answer.body == body[first:first + 1000], f"other bytes at {first}")
        self.assertEqual(len(body), original_size(self.plain.get(self.bucket, key).body), "the frames hold another number of bytes")

    def led(self):
        """Small, four with leads, large, small, two with leads."""
        return [packed(1, 5 * MIB, 0.9), packed(2, 5 * MIB, 0.95), packed(3, 5 * MIB, 0.9), packed(4, 5 * MIB, 0.93), packed(5, 5 * MIB, 0.95), noise(6, 6 * MIB),
                packed(7, 5 * MIB, 0.85), packed(8, 5 * MIB, 0.97), packed(9, 5 * MIB, 0.97)]


class UploadsInOrder(InOrderCase):
    def stored_bytes(self, key):
        return int(self.plain.head(self.bucket, key).header("content-length"))

    def names(self):
        return [entry["op"] for entry in self.through.log()]

    # ---- what it costs ----

    def measure(self, part_bytes, count, share, most):
        bodies = [packed(number, part_bytes, share) for number in range(count)]
        whole = b"".join(bodies)
        key = f"k{part_bytes}/{share}"
        self.through.reset()
        upload = self.send(key, bodies)
        self.sender.complete(key, upload, dict(enumerate(bodies, 1)))
        traffic = sum(entry.get("in", 0) + entry.get("out", 0) for entry in self.through.log())
        self.assertEqual(200, self.bales[0].client().put(self.bucket, "one", (), (), whole, payload="unsigned").status)
        stored, at_once = self.stored_bytes(key), self.stored_bytes("one")
        told = f"{count} parts of {part_bytes / MIB} MiB, of which {share} is left"
        print(f"{told}: traffic {traffic / len(whole):.3f} of the client's bytes, stored {stored / at_once:.4f} of one PUT's")
        self.assertLessEqual(traffic, most * len(whole), told)
        self.assertLessEqual(stored, 1.01 * at_once, told)
        self.check(key, whole)

    def test_traffic_and_stored_bytes(self):
        """A part that shrinks to less than 5 MiB is sent as an object, and once more together with its neighbours, or some of it. The first one is
        sent twice as a whole; a last one that goes alone is sent once more with the object's end."""
        short = ((4, 0.88), (5, 0.96), (6, 0.87), (7, 0.95)) if self.is_long else (((5, 0.96),) if self.seed % 2 else ((6, 0.87),))
        for count, share in short:
            self.measure(5 * MIB, count, share, 1.3)
        self.measure(8 * MIB, 4, 1, 1.3)
        self.measure(8 * MIB, 4, 0.5, 1.3)
        self.measure(16 * MIB, 2, 1, 1.3)
        for part_bytes, count in ((5 * MIB, 12), (8 * MIB, 8), (16 * MIB, 4), (64 * MIB, 3)) if self.is_long else ():
            for share in (1, 0.5, 0.4, 0.1):
                self.measure(part_bytes, count, share, 1.3)
        for share in (0.98, 0.96, 0.93, 0.9, 0.87, 0.85, 0.82, 0.8) if self.is_long else ():
            for count in (20, 40):
                self.measure(5 * MIB, count, share, 1.3)

    def test_traffic_of_the_shortest(self):
        """What no way of joining them goes below (docs/uploads.md), or hardly."""
        for count, most in ((1, 1.96), (2, 1.47), (3, 1.34)):
            self.measure(5 * MIB, count, 0.96, most)
        self.measure(5 * MIB, 3, 0.6, 1.05)
        for count in range(4, 20) if self.is_long else ():
            for share in (0.98, 0.95, 0.9, 0.85, 0.8, 0.7):
                self.measure(5 * MIB, count, share, 1.31 if share == 0.9 else 1.3)

    def test_what_waits_is_not_read(self):
        """The last piece goes with the object's end from memory, which has just these bytes; also when a condition refused the first Complete."""
        small, large = packed(1, 5 * MIB, 0.2), noise(2, 6 * MIB)
        for number, bodies in enumerate(([small], [small, packed(3, 5 * MIB, 0.3)], [large, small], [large, large, small, b"end"])):
            with self.subTest(number):
                key = f"k{number}"
                upload = self.send(key, bodies)
                tags = document([(one, f'"{digest(body)}"') for one, body in enumerate(bodies, 1)])
                alice, = self.sender.clients
                self.assertEqual(200, alice.put(self.bucket, key, (), (), b"there").status)
                self.through.reset()
                self.assertEqual(412, alice.post(self.bucket, key, {"uploadId": upload}, {"if-none-match": "*"}, tags).status)
                self.assertEqual(200, alice.post(self.bucket, key, {"uploadId": upload}, (), tags).status)
                self.assertEqual([], self.bodies_read())
                self.check(key, b"".join(bodies))

    def bodies_read(self):
        return [entry for entry in self.through.log() if entry["op"] == "GetObject" and "/p/" in entry["key"]]

    def test_what_waits_is_of_no_use(self):
        """A last piece that is left out, sent again through another replica, or waits at another one than the one that completes."""
        def complete(key, upload, numbers):
            self.sender.complete(key, upload, {number: bodies[number - 1] for number in numbers})
            self.check(key, b"".join(bodies[number - 1] for number in numbers))
        other = self.fleet(1)
        bodies = [packed(number, 5 * MIB, 0.2) for number in range(3)]
        complete("left out", self.send("left out", bodies), (1, 2))
        complete("left out", self.send("left out", bodies), (1, 3))
        upload = self.send("again", bodies)
        bodies[2] = packed(9, 5 * MIB, 0.2)  # as long as what waits
        Uploader(other, self.bucket, 1, 0).part("again", upload, 3, bodies[2])
        complete("again", upload, (1, 2, 3))
        upload = self.send("other", bodies)
        self.sender = Uploader(other, self.bucket, 1, 0)
        complete("other", upload, (1, 2, 3))

    def test_a_part_after_a_refused_end(self):
        """What was held for the end goes with the next part."""
        bodies = [packed(1, 5 * MIB, 0.6), noise(2, 6 * MIB), packed(3, 5 * MIB, 0.6), packed(4, 5 * MIB, 0.7)]
        upload = self.send("k", bodies[:3])
        alice, = self.sender.clients
        self.assertEqual(200, alice.put(self.bucket, "k", (), (), b"there").status)
        tags = document([(one, f'"{digest(body)}"') for one, body in enumerate(bodies[:3], 1)])
        self.assertEqual(412, alice.post(self.bucket, "k", {"uploadId": upload}, {"if-none-match": "*"}, tags).status)
        self.through.reset()
        self.sender.part("k", upload, 4, bodies[3])
        self.assertIn("UploadPart", self.names(), "it goes straight")
        self.complete("k", upload, bodies)

    def test_parts_go_straight(self):
        """From the second one on they are not copied, and not sent twice."""
        bodies = [noise(number, 6 * MIB) for number in range(4)]
        upload = self.send("k", bodies)
        self.through.reset()
        self.complete("k", upload, bodies)
        self.assertEqual(1, self.names().count("UploadPartCopy"), "only the first one is copied")

    def test_requests(self):
        """docs/backend.md promises as many."""
        client, bodies, counts = self.uploader(), [noise(number, 6 * MIB) for number in range(3)], []

        def count(action):
            self.through.reset()
            result = action()
            counts.append([entry["op"] for entry in self.through.log() if is_of_uploads(entry)])
            return result

        def is_of_uploads(entry):
            return entry["key"] == "k" or ".bale/mpu/" in entry["key"] + unquote(entry["query"])
        upload = count(lambda: client.begin("k"))
        for number, body in enumerate(bodies, 1):
            count(lambda number=number, body=body: client.part("k", upload, number, body))
        count(lambda: client.complete("k", upload, dict(enumerate(bodies, 1))))
        other = self.send("k", bodies[:1])
        count(lambda: client.abort("k", other))
        # the first part is copied by Complete; a part that goes straight has three, the first of them makes the record, too
        noted = 0 if fronts.verdicts(self.backend)["complete-gone"] else 1  # that it was completed
        self.assertEqual([2, 2, 4, 3, 10 + noted, 7], [len(made) for made in counts], counts)

    def test_what_leads_take(self):
        """Parts that nearly reach 5 MiB bring along the end of the one before. They are one request."""
        bodies = [packed(number, 5 * MIB, 0.9) for number in range(6)]
        self.through.reset()
        upload = self.send("k", bodies)
        self.assertNotIn("UploadPart", self.names(), "none goes where it cannot be read")
        self.through.reset()
        self.complete("k", upload, bodies)
        before_end = self.names()[:self.names().index("CompleteMultipartUpload")]
        self.assertGreaterEqual(before_end.count("UploadPartCopy"), 3)

    # ---- what clients think better of ----

    def mixed(self):
        """Large, small, small, large with both in front of it, large, small."""
        return [noise(1, 6 * MIB), packed(2, 5 * MIB, 0.2), packed(3, 5 * MIB, 0.2), noise(4, 6 * MIB), noise(5, 6 * MIB), packed(6, 5 * MIB, 0.2)]

    def test_as_sent(self):
        for key, bodies in (("k", self.mixed()), ("l", self.led())):
            self.complete(key, self.send(key, bodies), bodies)

    def test_some_are_left_out(self):
        bodies = self.mixed()
        for number, chosen in enumerate(((1, 4), (4,), (2, 4, 6), (1, 3, 4, 5), (1, 2, 3, 5), (5,), (2, 3), (1, 2, 3, 4, 6))):
            if (number + self.seed) % 2 and not self.is_long:
                continue
            key = f"k{number}"
            with self.subTest(chosen):
                self.complete(key, self.send(key, bodies), bodies, chosen)

    def test_some_with_leads_are_left_out(self):
        bodies = self.led()
        every = range(1, len(bodies) + 1)
        chosen_ones = [[number for number in every if number != one] for one in every] + [[2, 4, 6, 8], [3], [5, 6], [1, 2, 7, 8], [2, 3, 4, 5]]
        for number, chosen in enumerate(chosen_ones):
            if (number + self.seed) % 4 and not self.is_long:
                continue
            key = f"k{number}"
            with self.subTest(chosen):
                self.complete(key, self.send(key, bodies), bodies, chosen)

    def send_each_again(self, make_bodies, others, stride):
        """Each part once as each of `others`, or as it was; the second of those through a replica that has not seen the rest. One of so many
        as there are parts, unless all are wanted."""
        other = self.fleet(1)
        count = len(make_bodies())
        for number in range(1, count + 1):
            for kind, again in enumerate(others):
                if (number + stride * kind + self.seed) % count and not self.is_long:
                    continue
                bodies = make_bodies()
                key = f"k{number}/{kind}"
                with self.subTest(number=number, kind=kind):
                    upload = self.send(key, bodies)
                    bodies[number - 1] = again or bodies[number - 1]
                    client = Uploader(other, self.bucket, 1, 0) if kind == 1 else self.uploader()
                    client.part(key, upload, number, bodies[number - 1])
                    self.complete(key, upload, bodies)

    def test_some_with_leads_are_sent_again(self):
        """The same bytes again are another piece: it may have been packed by another hand, and a lead may begin within a frame."""
        self.send_each_again(self.led, (noise(11, 6 * MIB), packed(12, 5 * MIB, 0.1), packed(13, 5 * MIB, 0.9), None), 3)

    def refuse_and_complete(self, bodies, choices):
        """Completes of some of the parts, which its condition refuses, and then of all."""
        alice = self.bales[0].client()
        self.assertEqual(200, alice.put(self.bucket, "k", (), (), b"there").status)
        upload = self.send("k", bodies)
        for chosen in choices:
            tags = [(number, f'"{digest(bodies[number - 1])}"') for number in chosen]
            answer = alice.post(self.bucket, "k", {"uploadId": upload}, {"if-none-match": "*"}, document(tags))
            self.assertEqual(412, answer.status)
        self.complete("k", upload, bodies)

    def test_leads_refused_and_completed_with_others(self):
        self.refuse_and_complete(self.led(), ((1, 2, 4, 5), (2, 3, 6), (1, 3, 7, 9), (4,)))

    def test_some_are_sent_again(self):
        """Each of them, as something large, small, or the same; through a replica that has not seen the others as well."""
        self.send_each_again(self.mixed, (noise(11, 6 * MIB), packed(12, 5 * MIB, 0.01), None), 2)

    def test_refused_and_completed_with_others(self):
        """What was left out the first time is still there the second time."""
        self.refuse_and_complete(self.mixed(), ((1, 2, 3, 5), (2, 3, 6), (1, 3), (1, 4), (4,)))


class BesideAnOlderOne(InOrderCase):
    """Leads are taken for damage by a Bale before 0.2.0, which may be asked for any part: none are written while one runs."""

    FOR = ("raw", "versitygw")
    OPTIONS = ("--fleet-card", "1s")
    LEAD = 2  # in the flags that the name of a part begins with (docs/bucket-format.md)

    def put_card(self, version, end=""):
        """Of a replica that wrote it now, and does so every hour."""
        digits = "0123456789abcdef" * 2
        text = (f"bale card 1\nid {digits}\nstart {digits}\nname other\nversion {version}\nwritten_ms {int(time.time() * 1000)}\n"
                f"every_ms 3600000\n{end}")
        self.assertEqual(200, self.plain.put(self.bucket, f".bale/fleet/{digits}", (), (), text.encode()).status)

    def count_leads(self, key):
        """Of an upload, which is completed as well."""
        bodies = self.led()
        upload = self.send(key, bodies)
        prefix = f".bale/mpu/{upload}/p/"
        names = [name[len(prefix):] for name in self.plain.get(self.bucket, None, {"list-type": "2", "prefix": prefix}).texts("Contents/Key")]
        flags = [base64.b64decode(name.partition(".")[2][:4], b"-_")[0] & 15 for name in names]
        self.complete(key, upload, bodies)
        return flags.count(self.LEAD)

    def test_no_leads(self):
        self.assertGreaterEqual(self.count_leads("alone"), 4)
        self.put_card("0.1.0")
        self.wait_for_older(True)
        self.assertEqual(0, self.count_leads("beside"))
        self.put_card("0.1.0", "stopped yes\n")
        self.wait_for_older(False)
        self.assertGreaterEqual(self.count_leads("behind it"), 4)
        self.put_card("of another kind")
        self.wait_for_older(True)
        self.put_card("0.10.0-rc1")
        self.wait_for_older(False)

    def test_it_comes_while_parts_do(self):
        """What has been sent with a lead is completed; the next parts have none."""
        bodies = self.led()
        upload = self.send("k", bodies[:3])
        self.put_card("0.1.0")
        self.wait_for_older(True)
        for number, body in enumerate(bodies[3:], 4):
            self.sender.part("k", upload, number, body)
        self.complete("k", upload, bodies)
        self.wait_for_line(self.bales[0], "an older Bale runs before this bucket")

    def test_nobody_can_tell(self):
        """No cards are kept where the backend does not replace on a condition."""
        fronts.deny(self.backend, "put-replace")
        self.bales = [self.bale(None, *self.OPTIONS)]
        self.assertEqual(0, self.count_leads("k"))

    def test_nobody_has_looked_yet(self):
        """Then there may be one."""
        self.through.rules(fault("refuse", status=503, op="ListObjectsV2", query="bale(/|%2F)fleet"))
        self.bales = [self.bale(self.through, *self.OPTIONS)]
        self.wait_for(lambda: self.through.fired()[0] > 0, "a look")
        self.wait_for_older(True)
        self.assertEqual(0, self.count_leads("k"))
        self.through.clear()
        self.wait_for_older(False)
