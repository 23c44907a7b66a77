"""tests/backends/bodies/sealed_kills.py -- kill -9 at each request that an encrypted upload, a rotation of keys and an adoption make of the backend:
before it comes there, and when it is done and its answer is not back. What was acknowledged is there, all that is there is read, nothing of it lies in
clear, and whatever was cut off is done again."""

import functools
import re
import threading

import backends
import fronts
from customers import customer
from encrypted import CHECKSUM, MARK, SSE, document, sha256, words
from faults import fault
from sealed_keyrings import RotationCase, hang_up
from sealed_uploads import LEAST
from tools_alone import bale_command, bale_end, bale_start

PARTS = {1: words(LEAST, 51), 2: words(70_001, 52)}
STEPS_MAX = 200  # more than anything here asks of a backend
WAYS = ("hang", "delay-answer")  # the backend has not been asked; it has done it


class KillCase(RotationCase):
    FOR = ("raw", "versitygw", "minio")

    def setUp(self):
        super().setUp()
        self.proxy_before = self.proxy()

    def steps(self):
        """(number of a request, what becomes of it); a long run tries both of each, another the same one of all: what was done of one that
        is not answered is what there was before the next one, so that either meets each state."""
        for number in range(1, STEPS_MAX):
            yield from ((number, way) for place, way in enumerate(WAYS) if self.is_long or self.seed % 2 == place)
        self.fail("there is no end to it")

    def holds(self, number, way, key):
        """From now on the proxy holds that request for keys of this kind."""
        self.proxy_before.rules(fault(way, nth=number, key=key, seconds=60))

    def has_held(self):
        return self.proxy_before.fired()[0] > 0


class KillsOfUploads(KillCase):
    def setUp(self):
        super().setUp()
        self.front = self.bale(self.proxy_before, "--listen", f"127.0.0.1:{backends.free_port()}", "--shards", "1", "--part-size", "5M",
                               "--keyring", self.keys)
        self.other = self.sealing()  # beside it, and never killed

    def begin(self, key, headers=SSE):
        answer = self.other.client().post(self.bucket, key, {"uploads": None}, {**headers, **CHECKSUM})
        self.assertEqual(200, answer.status, answer.body)
        return answer.text("UploadId")

    def send(self, client, key, upload, number, body=None):
        body = body or PARTS[number]
        query = {"partNumber": str(number), "uploadId": upload}
        return client.put(self.bucket, key, query, {"x-amz-checksum-sha256": sha256(body)}, body, payload="unsigned")

    def complete(self, client, key, upload, parts=None):
        return client.post(self.bucket, key, {"uploadId": upload}, (), document(parts or PARTS))

    def is_killed_in(self, act, number, way, key):
        """False: `act` came to its end, and was acknowledged, before it had asked for so much."""
        answers = []

        def go():
            try:
                answers.append(act(self.front.client()).status)
            except Exception:  # pylint: disable=broad-except
                answers.append(None)  # it was killed

        self.holds(number, way, key)
        thread = threading.Thread(target=go)
        thread.start()
        self.wait_for(lambda: self.has_held() or not thread.is_alive(), f"request {number} of {key}")
        is_held = self.has_held()
        if is_held:
            self.front.kill()
        thread.join()
        self.proxy_before.clear()
        self.assertEqual([None if is_held else 200], answers)
        if is_held:
            self.front.start()
        return is_held

    def expect_whole(self, key, parts=None):
        for bale in (self.front, self.other):
            answer = bale.client().get(self.bucket, key)
            self.assertEqual((200, "AES256"), (answer.status, answer.header("x-amz-server-side-encryption")), key)
            self.assertTrue(answer.body == b"".join((parts or PARTS).values()), key)

    def expect_open(self, key, upload, numbers):
        """Nothing of it is an object, and what was acknowledged is there."""
        for bale in (self.front, self.other):
            self.assertEqual(404, bale.client().get(self.bucket, key).status, key)
            listed = bale.client().get(self.bucket, key, {"uploadId": upload})
            self.assertEqual(200, listed.status, listed.body)
            self.assertLessEqual(numbers, set(map(int, listed.texts("Part/PartNumber"))), key)

    def test_a_part(self):
        """It is there or not; sent again, also where it was there, it becomes the object's."""
        for number, way in self.steps():
            key = f"part-{number}-{way}"
            upload = self.begin(key)
            self.assertEqual(200, self.send(self.other.client(), key, upload, 1).status)
            act = functools.partial(self.send, key=key, upload=upload, number=2)
            was_killed = self.is_killed_in(act, number, way, f"^{key}|^.bale/mpu/{upload}")
            self.expect_open(key, upload, {1} if was_killed else {1, 2})
            self.assertEqual(200, self.send(self.front.client(), key, upload, 2).status)
            self.assertEqual(200, self.complete(self.other.client(), key, upload).status)
            self.expect_whole(key)
            if not was_killed:
                break
        self.assertGreater(number, 1)
        self.expect_nothing_in_clear()

    def test_a_part_again(self):
        """What was acknowledged of it stays until it is there anew: the upload is ended with the one or the other."""
        first, second = words(70_001, 52), words(80_003, 55)
        for number, way in self.steps():
            key = f"again-{number}-{way}"
            upload = self.begin(key)
            self.assertEqual(200, self.send(self.other.client(), key, upload, 1, first).status)
            act = functools.partial(self.send, key=key, upload=upload, number=1, body=second)
            was_killed = self.is_killed_in(act, number, way, f"^{key}|^.bale/mpu/{upload}")
            self.expect_open(key, upload, {1})
            listed = self.other.client().get(self.bucket, key, {"uploadId": upload})
            kept = second if listed.text("Part/Size") == str(len(second)) else first
            self.assertTrue(was_killed or kept is second)
            self.assertEqual(200, self.complete(self.front.client(), key, upload, {1: kept}).status)
            self.expect_whole(key, {1: kept})
            if not was_killed:
                break
        self.assertGreater(number, 1)
        self.expect_nothing_in_clear()

    def test_its_end(self):
        """The whole object, or the upload with all its parts; asked for again, it is done."""
        for number, way in self.steps():
            key = f"end-{number}-{way}"
            upload = self.begin(key)
            for part in PARTS:
                self.assertEqual(200, self.send(self.front.client(), key, upload, part).status)
            act = functools.partial(self.complete, key=key, upload=upload)
            was_killed = self.is_killed_in(act, number, way, f"^{key}|^.bale/mpu/{upload}")
            if self.front.client().get(self.bucket, key).status == 200:
                self.expect_whole(key)
            else:
                self.assertTrue(was_killed)
                self.expect_open(key, upload, set(PARTS))
            for bale in (self.other, self.front):
                self.assertEqual(200, self.complete(bale.client(), key, upload).status)
            self.expect_whole(key)
            if not was_killed:
                break
        self.assertGreater(number, 1)
        self.expect_nothing_in_clear()

    def expect_nothing_in_clear(self):
        for bale in (self.front, self.other):
            bale.daemon.stop()
        self.assertFalse(MARK in self.everything(self.server.folder, self.front.daemon.folder, self.other.daemon.folder))


class KillsOfRotations(KillCase):
    """Of the program that does it, beside a replica that reads all the while."""

    BODIES = {"key-small": words(300, 53), "key-large": words(900_000, 54)}

    def fill(self, client):
        objects = {}
        for key, body in self.BODIES.items():
            for name, headers in ((key, SSE), (key + "-customers", customer())):
                self.put(client, name, body, {**headers, "x-amz-meta-who": "me", "x-amz-tagging": "a=1&b=2"})
                objects[name] = (body, customer() if name != key else {})
        return objects

    def kill_at(self, number, way, *verbs):
        """False: it has come to its end before it had asked for so much."""
        self.holds(number, way, "^(key|to/)")
        program = bale_start(self, "keyring", *verbs, "--keyring", self.keys, place=self.proxy_before)
        self.wait_for(lambda: self.has_held() or program.poll() is not None, f"request {number}")
        is_held = self.has_held()
        if is_held:
            program.kill()
        done = bale_end(program)
        self.proxy_before.clear()
        self.assertEqual(-9 if is_held else 0, done.returncode, done)
        return is_held

    def test_rotate(self):
        """Each object is under the one key or the other, and nobody sees a difference."""
        bale = self.sealing()
        objects = self.fill(bale.client())
        before = self.seen(bale.client(), objects)
        added, first = self.add_active(bale)
        for number, way in self.steps():
            was_killed = self.kill_at(number, way, "rotate")
            usage = self.usage()
            self.assertEqual(len(objects), sum(usage.values()), usage)
            self.assertEqual(before, self.seen(bale.client(), objects))
            self.keyring_on("rotate")
            self.assertEqual({first: 0, added: len(objects)}, self.usage())
            if not was_killed:
                break
            added, first = first, added
            self.keyring_on("activate", added)
            hang_up(self, bale)
        self.assertGreater(number, len(objects))
        self.keyring_on("destroy", first)
        fresh = self.sealing()
        self.assertEqual(before, self.seen(fresh.client(), objects))
        fresh.daemon.stop()
        bale.daemon.stop()
        self.assertFalse(MARK in self.everything(self.server.folder, bale.daemon.folder, fresh.daemon.folder))

    def test_two_rotations_at_once(self):
        """Each object is sealed anew by one of them; what the other met it tells of, and nothing is lost."""
        bale = self.sealing()
        objects = {f"key-{number}": words(500, number) for number in range(40)}
        for key, body in objects.items():
            self.put(bale.client(), key, body)
        added, first = self.add_active(bale)
        both = [bale_start(self, "keyring", "rotate", "--keyring", self.keys) for _ in range(2)]
        said = [bale_end(one) for one in both]
        self.assertEqual([0, 0], [done.returncode for done in said], said)
        counts = [self.counts(done.stdout.decode()) for done in said]
        self.assertEqual(len(objects), sum(renewed for renewed, _ in counts), said)
        self.assertEqual({first: 0, added: len(objects)}, self.usage())
        for key, body in objects.items():
            self.expect_object(bale.client(), key, body)

    def test_adopt(self):
        """What another tool has copied is read under its new name or not at all, until it is done."""
        bale = self.sealing()
        for key, body in self.BODIES.items():
            self.put(bale.client(), f"from/{key}", body)
        copies = {key: self.stored(f"from/{key}") for key in self.BODIES}
        verbs = ("adopt", f"{self.bucket}/to/", "--from", f"{self.bucket}/from/")
        for number, way in self.steps():
            for key, stored in copies.items():
                self.plant(f"to/{key}", *stored)
            was_killed = self.kill_at(number, way, *verbs)
            reader = fronts.OneAttempt(bale.server, bale.server.accounts["alice"])
            for key, body in self.BODIES.items():
                answer = reader.get(self.bucket, f"to/{key}")
                self.assertIn(answer.status, (200, 500) if was_killed else (200,), key)
                self.assertEqual(answer.status == 200, answer.body == body, key)
                self.assertTrue(reader.get(self.bucket, f"from/{key}").body == body, key)
            self.assertEqual(len(copies), sum(self.counts(self.keyring_on(*verbs))))
            for key, body in self.BODIES.items():
                self.expect_object(reader, f"to/{key}", body)
            if not was_killed:
                break
        self.assertGreater(number, len(copies))

    def test_beside_writers(self):
        """What clients write while it goes on is theirs, whichever came first."""
        bale = self.sealing()
        written = {f"key-{number}": 0 for number in range(12)}
        for key in written:
            self.put(bale.client(), key, words(400, 0))
        added, first = self.add_active(bale)
        program = bale_start(self, "keyring", "rotate", "--keyring", self.keys)
        client = bale.client()
        while program.poll() is None:
            for key in written:
                written[key] += 1
                self.put(client, key, words(400, written[key]))
        self.assertEqual(0, bale_end(program).returncode)
        self.assertGreater(min(written.values()), 0)
        for key, times in written.items():
            self.expect_object(client, key, words(400, times))
        self.assertEqual({first: 0, added: len(written)}, self.usage())
        self.assertTrue(re.search("0 objects were sealed anew", self.keyring_on("rotate")))
        self.assertEqual(0, bale_command(self, "verify", "--deep", "--keyring", self.keys).returncode)

    def test_a_writer_comes_between(self):
        """Whatever was written after the last look, and before the request that seals the old body anew is there, stays."""
        bale = self.sealing()
        self.put(bale.client(), "key", words(400, 0))
        added, first = self.add_active(bale)
        self.proxy_before.rules(fault("hold", op="PutObject", key="^key$", times=1, seconds=120))
        program = bale_start(self, "keyring", "rotate", "--keyring", self.keys, place=self.proxy_before)
        self.wait_for(lambda: self.has_held() or program.poll() is not None, "it is sealed anew")
        self.assertTrue(self.has_held())
        self.put(bale.client(), "key", words(400, 1))
        self.proxy_before.release()
        done = bale_end(program)
        self.proxy_before.clear()
        self.assertEqual(0, done.returncode, done)
        self.expect_object(bale.client(), "key", words(400, 1))
        self.assertEqual({first: 0, added: 1}, self.usage())
