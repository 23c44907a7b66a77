"""tests/backends/fleet/uploads_of_a_fleet.py -- uploads in parts through several replicas, any of which takes, lists, completes and aborts; each of
them is killed at any moment. What was acknowledged is there, as it was sent, and counted; what nobody needs goes."""

import hashlib
import random
import threading
import time

import keys
import wire
from ledger_of_a_fleet import SETTLE, LedgerCase
from races import together

MIB = 1 << 20
SIZES = (5 * MIB, 5 * MIB + 1, 6 * MIB, 9 * MIB)
SWEEPING = ("--upload-sweep", "1s", "--upload-sweep-after", "1s", "--upload-forgotten", "5s")


class Gone(Exception):
    """The upload is not there any more, and none of the tries of this client has ended it."""


def digest(body):
    return hashlib.md5(body).hexdigest()


def composite(bodies):
    return f'"{hashlib.md5(b"".join(hashlib.md5(body).digest() for body in bodies)).hexdigest()}-{len(bodies)}"'


def document(tags):
    rows = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>" for number, tag in tags)
    return f"<CompleteMultipartUpload>{rows}</CompleteMultipartUpload>"


class Uploader:
    """A client whose every request goes to some replica, and that tries again until it is answered."""

    def __init__(self, bales, bucket, seed, ended):
        self.clients = [bale.client() for bale in bales]
        self.bucket, self.ended, self.draw = bucket, ended, random.Random(seed)
        self.tries = 0

    def ask(self, *arguments, **options):
        """The answer, which is of no server's trouble; and whether earlier tries may have been applied."""
        is_clean = True
        for _ in range(200):
            self.tries += 1
            try:
                answer = self.draw.choice(self.clients).request(*arguments, **options)
                if answer.status < 500 and answer.status not in (409, 429):
                    return answer, is_clean
            except (wire.ProtocolError, OSError, ValueError):
                pass
            is_clean = False
            time.sleep(self.draw.uniform(0.01, 0.1))
        raise AssertionError(f"no answer: {arguments[:4]}")

    def content(self):
        size = self.draw.choice(SIZES)
        kind = self.draw.randrange(4)  # what does not shrink, what nearly vanishes, what becomes a third, and nine tenths
        if kind >= 2:
            noise = keys.content(self.draw.randrange(8), size // 3 if kind == 2 else size * 9 // 10, False)
            return noise + keys.content(1, size - len(noise), True)
        return keys.content(self.draw.randrange(8), size, kind == 1)

    def begin(self, key):
        answer, _ = self.ask("POST", self.bucket, key, {"uploads": None})
        assert answer.status == 200, f"CreateMultipartUpload: {answer}"
        return answer.text("UploadId")

    def part(self, key, upload, number, body):
        answer, _ = self.ask("PUT", self.bucket, key, {"partNumber": str(number), "uploadId": upload}, (), body, payload="unsigned")
        assert answer.status == 200 and answer.header("etag") == f'"{digest(body)}"', f"part {number}: {answer}"
        return answer.header("etag")

    def send(self, key, upload, bodies):
        """The parts, in order or not; some of them twice, with other bytes before."""
        numbers = list(bodies)
        if self.draw.random() < 0.5:
            self.draw.shuffle(numbers)
        for number in numbers:
            if self.draw.random() < 0.15:
                self.part(key, upload, number, self.content())
            self.part(key, upload, number, bodies[number])

    def complete(self, key, upload, bodies):
        """The ETag."""
        tags = [(number, f'"{digest(bodies[number])}"') for number in sorted(bodies)]
        answer, _ = self.ask("POST", self.bucket, key, {"uploadId": upload}, (), document(tags))
        assert answer.status == 200, f"CompleteMultipartUpload: {answer}"
        return answer.text("ETag")

    def abort(self, key, upload):
        answer, is_clean = self.ask("DELETE", self.bucket, key, {"uploadId": upload})
        assert answer.status == 204 or (answer.status == 404 and not is_clean), f"AbortMultipartUpload: {answer}"

    def numbers(self):
        count = self.draw.randrange(1, 6)
        return sorted(self.draw.sample((1, 2, 3, 4, 5, 6, 77, 9999, 10000), count)) if self.draw.random() < 0.3 else range(1, count + 1)

    def go(self, prefix):
        """Upload after upload. Returns what must be there: key -> bodies, in order."""
        made = {}
        number = 0
        while not (self.ended.is_set() and made):  # what is aborted is not made
            key, number = f"{prefix}/{number % 4}", number + 1
            upload = self.begin(key)
            bodies = {one: self.content() for one in self.numbers()}
            bodies[max(bodies)] = bodies[max(bodies)][:self.draw.choice((1, 1000, 5 * MIB))]
            self.send(key, upload, bodies)
            if self.draw.random() < 0.2:
                self.abort(key, upload)
                continue
            etag = self.complete(key, upload, bodies)
            parts = [bodies[one] for one in sorted(bodies)]
            assert etag == composite(parts), f"{key}: {etag}"
            made[key] = parts
        return made


class UploadsOfAFleet(LedgerCase):
    def kill_now_and_then(self, bales, kills, ended):
        """`ended` is set behind the last one, or by who wants no more."""
        draw = random.Random(self.seed)
        try:
            while self.killed < kills and not ended.wait(draw.uniform(0.2, 1.2)):
                bale = draw.choice(bales)
                bale.kill()
                ended.wait(draw.uniform(0, 0.3))
                bale.start()
                self.killed += 1
                if self.killed % 25 == 0:
                    print(f"{self.killed}...", end=" ", flush=True)
        finally:
            ended.set()

    def under_kills(self, count, kills):
        """Clients go on until all kills have been, however long starts take."""
        bales = self.fleet(count, None, *SETTLE)
        ended, self.killed = threading.Event(), 0
        killer = threading.Thread(target=self.kill_now_and_then, args=(bales, kills, ended))
        clients = [Uploader(bales, self.bucket, f"{self.seed}/{number}", ended) for number in range(3)]
        killer.start()
        try:
            made = together([lambda client=client, number=number: client.go(f"w{number}") for number, client in enumerate(clients)])
        finally:
            ended.set()
            killer.join()
        self.assertEqual(kills, self.killed)
        print(f"{self.killed} kills, {sum(client.tries for client in clients)} tries of requests", end=" ")
        self.check_objects(bales, {key: parts for each in made for key, parts in each.items()})
        print(f"{self.check(bales, exact=False)} changes uncertain", end=" ")
        self.check_left(bales)

    def check_objects(self, bales, objects):
        self.assertGreater(len(objects), 0)
        for bale in bales[:2]:
            for key, parts in objects.items():
                answer = bale.client().get(self.bucket, key)
                self.assertEqual((200, composite(parts)), (answer.status, answer.header("etag")), key)
                self.assertTrue(answer.body == b"".join(parts), f"{key}: other bytes than were acknowledged")

    def check_left(self, bales):
        """Uploads whose creation was answered to nobody are open; they are given up as a client would. Then nothing is left."""
        for bale in bales:
            bale.stop()
        sweeper = self.bale(self.backend, *SWEEPING)
        alice = sweeper.client()
        answer = alice.get(self.bucket, None, {"uploads": None})
        for key, upload in zip(answer.texts("Upload/Key"), answer.texts("Upload/UploadId"), strict=True):
            self.assertIn(alice.delete(self.bucket, key, {"uploadId": upload}).status, (204, 404))  # the sweep may be faster
        plain = self.backend.client()
        tells = self.tells_initiators()

        def left():
            names = plain.get(self.bucket, None, {"list-type": "2", "prefix": ".bale/mpu/"}).texts("Contents/Key")
            return names + (plain.get(self.bucket, None, {"uploads": None}).texts("Upload/UploadId") if tells else [])
        self.wait_for(lambda: not left(), "leftovers of uploads")

    def tells_initiators(self):
        """Does the backend say who began an upload? One that does not (versitygw) keeps those that nobody knows."""
        plain = self.backend.client()
        upload = plain.post(self.bucket, "whose", {"uploads": None}).text("UploadId")
        answer = plain.get(self.bucket, None, {"uploads": None, "prefix": "whose"})
        plain.delete(self.bucket, "whose", {"uploadId": upload})
        return any(answer.texts("Upload/Initiator/ID"))

    def test_two_replicas_and_kills(self):
        self.under_kills(2, 150 if self.is_long else 5)

    def test_five_replicas_and_kills(self):
        self.under_kills(5, 150 if self.is_long else 5)

    # ---- the sweep ----

    def test_the_sweep(self):
        """What nobody knows goes; what a client may still complete stays, however old it is, also when a part of it went straight."""
        sweeper, = self.fleet(1, None, *SWEEPING)
        plain = self.backend.client()
        bodies = [keys.content(number, 6 * MIB, False) for number in range(3)]
        upload, whole = self.parts_of([sweeper], "open", bodies)
        forgotten = plain.post(self.bucket, "forgotten", {"uploads": None}).text("UploadId")
        gone, _ = self.parts_of([sweeper], "gone", bodies[:1])
        plain.put(self.bucket, f".bale/mpu/{'0' * 32}/p/00001.nothing", (), (), b"what is left of an upload of long ago")
        self.abort_at_backend("gone")

        def uploads():
            return plain.get(self.bucket, None, {"uploads": None, "prefix": "forgotten"}).texts("Upload/UploadId")

        def left():
            names = plain.get(self.bucket, None, {"list-type": "2", "prefix": ".bale/mpu/"}).texts("Contents/Key")
            return {name.split("/")[2] for name in names}
        kept = [] if self.tells_initiators() else [forgotten]
        self.wait_for(lambda: uploads() == kept and left() == {upload}, "what nobody knows")
        self.assertNotEqual(gone, upload)
        time.sleep(6)
        self.assertEqual(200, sweeper.client().post(self.bucket, "open", {"uploadId": upload}, (), whole).status)
        self.assertTrue(sweeper.client().get(self.bucket, "open").body == b"".join(bodies))

    def abort_at_backend(self, key):
        """As a rule of the bucket does with uploads that are too old."""
        plain = self.backend.client()
        for upload in plain.get(self.bucket, None, {"uploads": None, "prefix": key}).texts("Upload/UploadId"):
            self.assertEqual(204, plain.delete(self.bucket, key, {"uploadId": upload}).status)

    # ---- one upload, many who end it ----

    def parts_of(self, bales, key, bodies):
        client = Uploader(bales, self.bucket, self.seed, None)
        upload = client.begin(key)
        for number, body in enumerate(bodies, 1):
            client.part(key, upload, number, body)
        return upload, document((number, f'"{digest(body)}"') for number, body in enumerate(bodies, 1))

    def test_racing_completes(self):
        """All of the same parts: one answer. Of other parts: one of them, and that is what is there."""
        bales = self.fleet(2)
        clients = [bale.client() for bale in bales * 4]
        bodies = [keys.content(number, 5 * MIB, number == 2) for number in range(3)]
        for key in ("same", "again"):
            upload, all_of_them = self.parts_of(bales, key, bodies)
            answers = together([lambda client=client: client.post(self.bucket, key, {"uploadId": upload}, (), all_of_them) for client in clients])
            self.assertEqual({(200, composite(bodies))}, {(answer.status, answer.text("ETag")) for answer in answers}, answers)
        upload, all_of_them = self.parts_of(bales, "different", bodies)
        two_of_them = document([(1, f'"{digest(bodies[0])}"'), (3, f'"{digest(bodies[2])}"')])
        answers = together([lambda client=client, which=which: client.post(self.bucket, "different", {"uploadId": upload}, (), which)
                            for client, which in zip(clients, (all_of_them, two_of_them) * 4, strict=True)])
        there = bales[0].client().get(self.bucket, "different")
        wanted = {composite(bodies): bodies, composite([bodies[0], bodies[2]]): [bodies[0], bodies[2]]}[there.header("etag")]
        self.assertTrue(there.body == b"".join(wanted))
        self.assertTrue(all(answer.status in (200, 400, 404) for answer in answers), answers)
        self.assertEqual({there.header("etag")}, {answer.text("ETag") for answer in answers if answer.status == 200})

    def test_complete_and_abort(self):
        """One of the two."""
        bales = self.fleet(2)
        body = keys.content(3, 5 * MIB, False)
        for number in range(20 if self.is_long else 5):
            key = f"k{number}"
            upload, whole = self.parts_of(bales, key, [body])
            completed, aborted = together([lambda key=key, upload=upload: bales[0].client().post(self.bucket, key, {"uploadId": upload}, (), whole),
                                           lambda key=key, upload=upload: bales[1].client().delete(self.bucket, key, {"uploadId": upload})])
            there = bales[0].client().get(self.bucket, key)
            self.assertIn((completed.status, aborted.status, there.status), ((200, 404, 200), (404, 204, 404), (400, 204, 404)))

    def test_completed_again_through_another_one(self):
        """The answer was lost: the next replica gives it, also when the object was overwritten since."""
        bales = self.fleet(2)
        body = keys.content(4, 6 * MIB, False)
        upload, whole = self.parts_of(bales, "k", [body])
        self.assertEqual(200, bales[0].client().post(self.bucket, "k", {"uploadId": upload}, (), whole).status)
        for _ in range(2):
            again = bales[1].client().post(self.bucket, "k", {"uploadId": upload}, (), whole)
            self.assertEqual((200, composite([body])), (again.status, again.text("ETag")), again)
            self.assertEqual(200, bales[0].client().put(self.bucket, "k", (), (), b"overwritten").status)
        self.assertEqual(b"overwritten", bales[1].client().get(self.bucket, "k").body)
        self.assertEqual(404, bales[1].client().post(self.bucket, "k", {"uploadId": "0" * 32}, (), whole).status)

    def test_refused_and_completed_later(self):
        """A condition that does not hold leaves the upload as it was, for any replica."""
        bales = self.fleet(2)
        self.assertEqual(200, bales[0].client().put(self.bucket, "k", (), (), b"there").status)
        bodies = [keys.content(5, 6 * MIB, False), keys.content(6, 6 * MIB, False)]
        upload, whole = self.parts_of(bales, "k", bodies)
        for bale in bales:
            answer = bale.client().post(self.bucket, "k", {"uploadId": upload}, {"if-none-match": "*"}, whole)
            self.assertEqual((412, "PreconditionFailed"), (answer.status, answer.text("Code")))
        self.assertEqual([upload], bales[1].client().get(self.bucket, None, {"uploads": None}).texts("Upload/UploadId"))
        self.assertEqual(200, bales[1].client().post(self.bucket, "k", {"uploadId": upload}, (), whole).status)
        self.assertTrue(bales[0].client().get(self.bucket, "k").body == b"".join(bodies))
