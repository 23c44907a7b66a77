"""tests/backends/bodies/sealed.py -- encrypted objects in a bucket: what clients see of them, what lies there, and what becomes of them when whoever
runs the bucket changes what he stores."""

import base64
import hashlib
import os
import random
import re
import signal
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import bucket_reader
import encrypted
import wire
from backend_case import BackendCase
from encrypted import HEADER, MARK, SSE, words
from ledger_of_a_fleet import SETTLE, LedgerCase
from lies import set_frames, with_sections
from tools_alone import bale_command

sys.path.append(str(Path(__file__).resolve().parents[2] / "unit" / "codec"))
import seal_decoder  # noqa: E402

seal_decoder.crc32c = bucket_reader.crc32c  # the same, by a table

MIB = 1 << 20
SEAL, ENCRYPTED = "s4-bale-sse", "s4-encrypted"

BODIES = {
    "empty": b"",
    "one": b"x",
    "small": words(300),
    "noise": random.Random(7).randbytes(70_000),
    "frames": words(2 * MIB, 2) + random.Random(8).randbytes(MIB + 5),
    "parts": random.Random(9).randbytes(6 * MIB) + words(2 * MIB, 3),
}


def forms_of(body):
    """And its CRC-32C, as trailers and records would have it in decimal."""
    yield from encrypted.forms_of(body)
    yield str(bucket_reader.crc32c(body)).encode()


class SealedCase(BackendCase):
    FOR = ("raw",)  # what is written does not depend on the backend

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="bale-keys-")
        self.addCleanup(folder.cleanup)
        self.keys = os.path.join(folder.name, "keys")
        self.make_keys(self.keys)

    def make_keys(self, path):
        program = os.path.join(os.path.dirname(os.path.dirname(self.baled)), "tools", "bale")
        subprocess.run([program, "keyring", "create", "--keyring", path], check=True, capture_output=True)

    def sealing(self, *options, keys=None, place=None):
        """A Bale with a keyring; bodies of more than 5 MiB go there in several stored parts."""
        return self.bale(place, "--shards", "1", "--part-size", "5M", "--keyring", keys or self.keys, *options)

    def put(self, client, key, body, headers=SSE, status=200, **more):
        answer = client.put(self.bucket, key, None, headers, body, payload="unsigned", **more)
        self.assertEqual(status, answer.status, answer.body)
        return answer

    def copy(self, client, source, key, headers=SSE, status=200):
        answer = client.put(self.bucket, key, None, {**headers, "x-amz-copy-source": f"{self.bucket}/{source}"})
        self.assertEqual(status, answer.status, answer.body)
        return answer

    def expect_object(self, client, key, body):
        etag = f'"{hashlib.md5(body).hexdigest()}"'
        for answer in (client.get(self.bucket, key), client.head(self.bucket, key)):
            self.assertEqual(200, answer.status, answer.body)
            self.assertEqual((etag, "AES256", str(len(body))),
                             tuple(answer.header(name) for name in ("etag", HEADER, "content-length")))
        self.assertTrue(client.get(self.bucket, key).body == body, key)
        for first, last in ((0, 0), (5, 99), (len(body) - 7, len(body) - 1), (MIB - 3, MIB + 3)):
            if 0 <= first <= last < len(body):
                answer = client.get(self.bucket, key, None, {"range": f"bytes={first}-{last}"})
                self.assertEqual((206, body[first:last + 1]), (answer.status, answer.body))
        self.assertEqual(304, client.get(self.bucket, key, None, {"if-none-match": etag}).status)
        self.assertEqual(412, client.get(self.bucket, key, None, {"if-match": '"0123"'}).status)

    def etags(self, client):
        listed = client.get(self.bucket).body.decode()
        return dict(re.findall(r"<Key>([^<]+)</Key>.*?<ETag>(?:&quot;|\")([\w-]+)", listed))

    def stored(self, key):
        """Fields of the backend without their prefix, and the body."""
        answer = self.backend.client().get(self.bucket, key)
        self.assertEqual(200, answer.status)
        fields = {name.lower().removeprefix("x-amz-meta-"): value for name, value in answer.headers
                  if name.lower().startswith("x-amz-meta-")}
        return fields, answer.body

    def plant(self, key, fields, body):
        headers = {f"x-amz-meta-{name}": value for name, value in fields.items()}
        answer = self.backend.client().put(self.bucket, key, None, headers, body, payload="unsigned")
        self.assertEqual(200, answer.status, answer.body)

    def everything(self, *folders):
        """Every byte in these folders, but for long runs of zeros; the backend stands still meanwhile."""
        self.server.process.send_signal(signal.SIGSTOP)
        try:
            return self.read_all(folders)
        finally:
            self.server.process.send_signal(signal.SIGCONT)

    @staticmethod
    def read_all(folders):
        whole = []
        for place in folders:
            for folder, _, names in os.walk(place):
                for name in names:
                    with open(os.path.join(folder, name), "rb") as file:
                        whole += [run for run in re.split(rb"\0{4096,}", file.read()) if run]
        return b"\0".join(whole)


class Sealed(SealedCase):
    def test_objects_are_what_they_were(self):
        """To who wrote them, to whoever starts anew, and to a replica that has seen nothing."""
        bale = self.sealing()
        client = bale.client()
        for key, body in BODIES.items():
            answer = self.put(client, key, body)
            self.assertEqual((f'"{hashlib.md5(body).hexdigest()}"', "AES256"), (answer.header("etag"), answer.header(HEADER)))
            self.expect_object(client, key, body)
        for size in (0, 1, MIB, 2 * MIB, 5 * MIB, 7 * MIB):
            self.put(client, f"chunked-{size}", words(size, 5), transfer="chunked")
        expected = {key: hashlib.md5(body).hexdigest() for key, body in BODIES.items()}
        expected |= {f"chunked-{size}": hashlib.md5(words(size, 5)).hexdigest() for size in (0, 1, MIB, 2 * MIB, 5 * MIB, 7 * MIB)}
        self.assertEqual(expected, self.etags(client))
        bale.daemon.stop()
        bale.start()
        for reader in (bale.client(), self.sealing().client()):
            self.assertEqual(expected, self.etags(reader))
            for key, body in BODIES.items():
                self.expect_object(reader, key, body)
            for size in (0, 1, MIB, 2 * MIB, 5 * MIB, 7 * MIB):
                self.expect_object(reader, f"chunked-{size}", words(size, 5))

    def test_conditions_are_of_the_true_etag(self):
        client = self.sealing().client()
        etag = self.put(client, "key", BODIES["small"]).header("etag")
        for reader in (client, self.sealing().client()):
            self.put(reader, "key", b"other", {**SSE, "if-match": '"0123"'}, 412)
            self.put(reader, "key", b"other", {**SSE, "if-none-match": "*"}, 412)
        self.put(client, "key", b"other", {**SSE, "if-match": etag})
        self.assertEqual(412, client.delete(self.bucket, "key", None, {"if-match": etag}).status)
        self.assertEqual(204, client.delete(self.bucket, "key", None, {"if-match": f'"{hashlib.md5(b"other").hexdigest()}"'}).status)
        self.assertEqual(404, client.get(self.bucket, "key").status)

    def test_copies_are_as_they_are_asked_for(self):
        client = self.sealing().client()
        for body in (BODIES["small"], BODIES["frames"], BODIES["parts"]):
            self.put(client, "sealed", body)
            self.put(client, "plain", body, {})
            for source in ("sealed", "plain"):
                for headers in (SSE, {}):
                    answer = self.copy(client, source, "copy", headers)
                    self.assertEqual(headers.get(HEADER), answer.header(HEADER))
                    copy = client.get(self.bucket, "copy")
                    self.assertTrue(copy.body == body)
                    self.assertEqual(headers.get(HEADER), copy.header(HEADER))
            self.copy(client, "plain", "plain", {}, 400)
            self.copy(client, "plain", "plain")
            self.expect_object(client, "plain", body)

    def test_metadata_that_no_header_carries(self):
        """They lie in the trailer, in clear, and the object is encrypted none the less."""
        client = self.sealing().client()
        headers = {**SSE, "x-amz-meta-long": "v" * 1900, "x-amz-meta-blanks": "a  b"}
        for key in ("small", "frames", "parts"):
            self.put(client, key, BODIES[key], headers)
            self.expect_object(client, key, BODIES[key])
            head = client.head(self.bucket, key)
            self.assertEqual(("v" * 1900, "a  b"), (head.header("x-amz-meta-long"), head.header("x-amz-meta-blanks")))

    def test_by_the_description_of_the_format(self):
        """docs/bucket-format.md and docs/encryption-format.md say all that it takes."""
        client = self.sealing("--codec", "none").client()
        material = base64.b64decode(re.search(r"material = (\S+)", Path(self.keys).read_text()).group(1))
        for key, body in {**BODIES, "parts": BODIES["parts"][:5 * MIB + 9]}.items():
            self.put(client, key, body)
            fields, stored = self.stored(key)
            self.assertEqual("aes-256-gcm", fields[ENCRYPTED])
            for name in ("s4-logical-etag", "s4-crc32c", "s4-bale-checksum"):
                self.assertNotIn(name, fields)
            stamp = bucket_reader.stamp_of(fields["s4-bale"])
            self.assertNotIn("c", stamp)
            trailer = bucket_reader.trailer_of(stored) if "t" in stamp else {"bytes": 0}
            if "t" in stamp:
                self.assertEqual((bytes(16), 0, b""), (trailer["digest"], trailer["crc32c"], trailer["checksum"]))
            record = bucket_reader.unbase64(fields[SEAL]) if SEAL in fields else trailer["seal"]
            data_key, _, found = seal_decoder.open_record(record, material, len(body))
            self.assertEqual((hashlib.md5(body).digest(), hashlib.sha256(f"{self.bucket}/{key}".encode()).digest()[:16]),
                             (found["md5"], found["name"]))
            frames = stored[:len(stored) - trailer["bytes"]]
            self.assertTrue(seal_decoder.open_body(frames, data_key, 0, len(body)) == body, key)

    def test_a_key_that_is_missing(self):
        """500, an entry without ETag in a list; nothing in clear, and 501 for what asks to be encrypted where there is no keyring."""
        first = self.sealing()
        for key in ("small", "parts"):
            self.put(first.client(), key, BODIES[key])
        self.put(first.client(), "plain", b"plain", {})
        etag = first.client().head(self.bucket, "small").header("etag")
        self.make_keys(self.keys + "2")
        for bale in (self.sealing(keys=self.keys + "2"), self.bale(None, "--part-size", "5M")):
            client = bale.client()
            for key in ("small", "parts"):
                for answer in (client.get(self.bucket, key), client.get(self.bucket, key, None, {"if-none-match": etag}),
                               client.get(self.bucket, key, {"attributes": None}, {"x-amz-object-attributes": "ETag"}),
                               client.put(self.bucket, "copy", None, {"x-amz-copy-source": f"{self.bucket}/{key}"})):
                    self.assertEqual(500, answer.status, answer.body)
                self.assertEqual(500, client.head(self.bucket, key).status)
            self.assertEqual(1, client.get(self.bucket).body.count(b"<ETag>"))
            self.assertEqual(b"plain", client.get(self.bucket, "plain").body)
        self.put(client, "new", b"body", SSE, 501)
        self.assertEqual(404, self.backend.client().get(self.bucket, "new").status)

    def test_tools(self):
        client = self.sealing().client()
        for key, body in BODIES.items():
            self.put(client, key, body)
        self.put(client, "plain", b"plain", {})
        with_keys = ("--keyring", self.keys)
        self.assertEqual(0, bale_command(self, "verify", "--deep", *with_keys).returncode)
        self.assertEqual(0, bale_command(self, "verify").returncode)
        done = bale_command(self, "verify", "--deep")
        self.assertEqual((1, True), (done.returncode, b"6 of 7 objects cannot be read" in done.stdout + done.stderr), done)
        for key in ("small", "frames", "parts"):
            done = bale_command(self, "cat", f"{self.bucket}/{key}", *with_keys)
            self.assertTrue(done.stdout == BODIES[key], done.stderr)
            self.assertEqual((1, b""), (bale_command(self, "cat", f"{self.bucket}/{key}").returncode, b""))
            self.assertIn(b"encrypted", bale_command(self, "inspect", f"{self.bucket}/{key}", "--frames").stdout)
        before = {key: self.stored(key) for key in BODIES}
        self.assertEqual(0, bale_command(self, "stamp", "--etags").returncode)
        self.assertTrue(before == {key: self.stored(key) for key in BODIES}, "an ETag is told to nobody")
        fields, stored = before["frames"]
        self.plant("frames", fields, stored[:-1] + b"?")  # its trailer ends otherwise
        for execute in ((), ("--execute",)):
            done = bale_command(self, "repair", *execute)
            self.assertEqual((1, True), (done.returncode, b"/frames: encrypted: " in done.stdout), done)
            self.assertIn(b"1 objects are not as they should be", done.stderr)
        self.assertTrue(bale_command(self, "cat", f"{self.bucket}/frames", *with_keys).stdout == BODIES["frames"])

    def test_versions(self):
        """Each has a seal of its own, also for who has not seen it written."""
        client = self.sealing().client()
        document = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        self.assertEqual(200, client.put(self.bucket, "", {"versioning": None}, (), document).status)
        bodies = (BODIES["small"], BODIES["parts"], b"", BODIES["frames"])
        ids = [self.put(client, "key", body).header("x-amz-version-id") for body in bodies]
        for reader in (client, self.sealing().client()):
            listed = reader.get(self.bucket, None, {"versions": None}).texts("Version/ETag")
            self.assertEqual([hashlib.md5(body).hexdigest() for body in reversed(bodies)], [etag.strip('"') for etag in listed])
            for version, body in zip(ids, bodies):
                answer = reader.get(self.bucket, "key", {"versionId": version})
                self.assertEqual((200, "AES256"), (answer.status, answer.header(HEADER)))
                self.assertTrue(answer.body == body)


class Counted(SealedCase, LedgerCase):
    FOR = ("raw",)

    def test_the_ledger_is_what_lies_there(self):
        """Seals and sealed frames counted; whether an object is encrypted by one replica and replaced or deleted by another."""
        first, second = self.replicas(2, *SETTLE, "--keyring", self.keys, "--part-size", "5M")
        one, two = first.client(), second.client()
        for key, body in BODIES.items():
            self.put(one, key, body)
            self.copy(two, key, key + ".copy")
            self.put(two, key, body, SSE if key != "noise" else {})
            self.copy(one, key, key + ".plain", {})
        for key in ("small", "frames", "parts.copy"):
            self.assertEqual(204, two.delete(self.bucket, key).status)
        self.assertEqual(0, self.check([first, second]))
        done = bale_command(self, "savings", "--recount")
        self.assertEqual((0, b""), (done.returncode, done.stderr), "there is nothing to correct")
        self.rotate()
        objects, original, _ = self.counted(first)
        self.assertEqual((objects, original), self.told(first)[:2], "what is sealed anew counts as before")
        self.assertEqual(0, bale_command(self, "savings", "--recount").returncode)
        self.wait_for(lambda: self.told(first) == self.counted(first), "the recount")

    def rotate(self):
        """Under a new key, by a tool that keeps no ledger."""
        added = re.search(rb"The key (\w+)", bale_command(self, "keyring", "add", "--keyring", self.keys).stdout).group(1).decode()
        for verbs in (("activate", added), ("rotate",)):
            done = bale_command(self, "keyring", *verbs, "--keyring", self.keys)
            self.assertEqual(0, done.returncode, done)


class InClear(SealedCase):
    """Alone on its server, whose folder is looked through."""

    def test_nothing_lies_there_in_clear(self):
        """Nor does a hash of what does: in the bucket, in the state folder, in the tier and in the log."""
        bale = self.sealing("--tier", "tier", "--tier-size", "64M", "--s4-sidecars")
        client = bale.client()
        for key, body in BODIES.items():
            checksum = {"x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(body).digest()).decode()}
            self.put(client, key, body, {**SSE, **checksum})
            self.copy(client, key, key + ".copy")
            self.put(client, key, body)
            for _ in range(3):  # the tier keeps what is read again
                self.assertTrue(client.get(self.bucket, key).body == body)
        tags = b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
        digest = base64.b64encode(hashlib.md5(tags).digest()).decode()
        self.assertEqual(200, client.put(self.bucket, "frames", {"tagging": None}, {"content-md5": digest}, tags).status)
        self.assertEqual(204, client.delete(self.bucket, "small").status)
        told = []
        for key in client.get(self.bucket).texts("Contents/Key"):
            answer = self.backend.client().get(self.bucket, key)
            told += [f"{name}: {value}\n".encode() for name, value in answer.headers] + [answer.body]
        self.assertEqual(0, bale.daemon.stop())
        places = (bale.daemon.folder, self.backend.folder)
        stored = b"".join(told) + self.everything(*places)
        self.assertFalse(MARK in stored)
        for key in ("small", "noise", "frames", "parts"):
            body = BODIES[key]
            for form in (body[:16], body[-16:], *forms_of(body)):
                self.assertFalse(form in stored, f"{key}: {form}")
        bale.start()
        self.put(bale.client(), "plain", b"!" + MARK, {})  # of which there are both, or all this proved nothing
        bale.kill()
        stored = self.everything(*places)
        for form in (MARK, hashlib.md5(b"!" + MARK).hexdigest().encode()):
            self.assertTrue(form in stored)


class Rewritten(SealedCase):
    """By whoever can write into the bucket: never a wrong byte, and never plaintext."""

    WRITES, READS = SSE, {}  # headers of who puts and gets
    REFUSALS = (500, 501)

    def setUp(self):
        super().setUp()
        self.bale_front = self.sealing()
        self.writer, self.fresh = self.bale_front.client(), self.sealing().client()
        self.count = 0

    def object(self, body, headers=None):
        """Its key, which only its writer has seen; what lies there."""
        key = f"key-{self.count}"
        self.count += 1
        self.put(self.writer, key, body, self.WRITES if headers is None else headers)
        return key, *self.stored(key)

    def expect_refused(self, what, key, body, is_known_still=False):
        """By who has not seen it; who has may know better, where the bytes that count are the same ones."""
        for client in (self.fresh, self.writer):
            for headers in ({}, {"range": "bytes=0-9"}, {"range": "bytes=-9"}):
                try:
                    answer = client.get(self.bucket, key, None, {**self.READS, **headers})
                except (wire.ProtocolError, OSError):
                    continue  # broken off before the first wrong byte
                if is_known_still and client is self.writer and answer.status in (200, 206):
                    self.assertIn(answer.body, (body, body[:10], body[-9:]), what)
                elif answer.status == 206:
                    self.assertIn(answer.body, (body[:10], body[-9:]), what)  # of another frame than the one that was changed
                else:
                    self.assertIn(answer.status, self.REFUSALS, f"{what}: {answer.body[:100]}")
                    self.assertNotIn(MARK, answer.body, what)

    def expect_read(self, key, body):
        self.expect_object(self.fresh, key, body)

    def test_two_objects_are_exchanged(self):
        body, other = BODIES["small"], words(300, 11)
        _, other_fields, other_body = self.object(other)
        _, plain_fields, plain_body = self.object(other, {})
        changes = {
            "another body": lambda fields: (fields, other_body),
            "another object": lambda fields: (other_fields, other_body),
            "another seal": lambda fields: ({**fields, SEAL: other_fields[SEAL]}, None),
            "another body and its seal": lambda fields: ({**fields, SEAL: other_fields[SEAL]}, other_body),
            "a plain body": lambda fields: (fields, plain_body),
            "a plain object under the seal": lambda fields: ({**plain_fields, SEAL: fields[SEAL]}, plain_body),
        }
        for what, change in changes.items():
            key, fields, stored = self.object(body)
            fields, changed = change(fields)
            self.plant(key, fields, stored if changed is None else changed)
            self.expect_refused(what, key, body)

    def test_fields_are_changed(self):
        body = BODIES["small"]
        changes = {
            "no seal": {SEAL: None},
            "no seal, and no word of it": {SEAL: None, ENCRYPTED: None},
            "a seal of nothing": {SEAL: ""},
            "a seal of something": {SEAL: "AAAA"},
            "a seal that is no base64": {SEAL: "%%%%"},
            "a seal that is too long": {SEAL: "A" * 700},
            "another size": {"s4-original-size": "299"},
            "not framed": {"s4-framed": None},
            "of one stream": {"s4-framed": None, "s4-compressed-size": "100", "s4-crc32c": "1"},
        }
        for what, change in changes.items():
            key, fields, stored = self.object(body)
            self.plant(key, {name: value for name, value in {**fields, **change}.items() if value is not None}, stored)
            self.expect_refused(what, key, body, is_known_still=True)
        key, fields, stored = self.object(body)
        self.plant(key, {**fields, "s4-logical-etag": "0" * 32, "s4-crc32c": "7"}, stored)  # beside a seal they say nothing
        self.expect_read(key, body)

    def test_any_byte_of_seal_and_body(self):
        body = BODIES["small"]
        draw = random.Random(self.seed)
        key, fields, stored = self.object(body)
        seal = bucket_reader.unbase64(fields[SEAL])
        for place in draw.sample(range(len(seal)), 12):
            changed = bytearray(seal)
            changed[place] ^= 1 << draw.randrange(8)
            key, fields, stored = self.object(body)
            own = bytearray(bucket_reader.unbase64(fields[SEAL]))
            own[place] = own[place] ^ seal[place] ^ changed[place]
            self.plant(key, {**fields, SEAL: base64.urlsafe_b64encode(own).decode().rstrip("=")}, stored)
            self.expect_refused(f"byte {place} of the seal", key, body)
        crc = range(24, 28)  # of the sealed bytes: for whoever checks them without a key
        for place in draw.sample([place for place in range(len(stored)) if place not in crc], 8):
            key, fields, stored = self.object(body)
            changed = bytearray(stored)
            changed[place] ^= 1 << draw.randrange(8)
            self.plant(key, fields, bytes(changed))
            self.expect_refused(f"byte {place} of the body", key, body)
        for size in (0, 27, 60, len(stored) - 1):
            key, fields, stored = self.object(body)
            self.plant(key, fields, stored[:size])
            self.expect_refused(f"cut off at {size}", key, body)

    def test_an_older_state(self):
        """Of fields or body alone. Of both it is what was there then, as on every store without a memory outside."""
        key, fields, stored = self.object(BODIES["small"])
        self.put(self.writer, key, words(300, 12), self.WRITES)
        newer_fields, newer = self.stored(key)
        self.plant(key, newer_fields, stored)
        self.expect_refused("an older body", key, words(300, 12))
        self.plant(key, fields, newer)
        self.expect_refused("older fields", key, BODIES["small"])
        self.plant(key, fields, stored)
        self.expect_read(key, BODIES["small"])

    def with_frames(self, fields, stored, change):
        """The object of other frames, whose trailer and fields say what is there now."""
        sizes = [size for _, size in bucket_reader.trailer_of(stored)["frames"]]
        ends = [sum(sizes[:number + 1]) for number in range(len(sizes))]
        frames = change([stored[end - size:end] for size, end in zip(sizes, ends)])
        originals = [struct.unpack_from("<Q", frame, 8)[0] for frame in frames]

        def say(sections):
            struct.pack_into("<Q", sections[1], 0, sum(originals))
            set_frames(sections, lambda _: list(zip(originals, map(len, frames))))

        trailer = with_sections(stored, say)[ends[-1]:]
        body = b"".join(frames)
        footer = struct.pack("<Q", len(body) + len(trailer))
        fields = {**fields, "s4-bale": re.sub(r";t=\d+", f";t={len(trailer)}", fields["s4-bale"])}
        return fields, body + trailer[:-24] + footer + trailer[-16:], sum(originals)

    def test_frames_are_moved(self):
        """In bodies of equal frames, so that nothing but their places is wrong."""
        body = random.Random(13).randbytes(3 * MIB) + b"the end"
        changes = {
            "exchanged": lambda frames: [frames[1], frames[0], *frames[2:]],
            "repeated": lambda frames: [frames[0], frames[0], *frames[2:]],
            "the last one is missing": lambda frames: frames[:-1],
            "the first one is missing": lambda frames: frames[1:],
        }
        for what, change in changes.items():
            for says_size in (False, True):
                key, fields, stored = self.object(body)
                fields, changed, size = self.with_frames(fields, stored, change)
                self.plant(key, {**fields, "s4-original-size": str(size if says_size else len(body))}, changed)
                self.expect_refused(what, key, body)

    def test_the_trailer_is_changed(self):
        """Of a body whose seal lies there."""
        body = BODIES["parts"]
        _, _, other = self.object(body)
        other_seal = bucket_reader.trailer_of(other)["seal"]
        changes = {
            "no seal": lambda sections: sections.pop(5),
            "another seal": lambda sections: sections.update({5: other_seal}),
            "a seal of something": lambda sections: sections.update({5: b"x"}),
            "a seal that is too long": lambda sections: sections.update({5: bytes(600)}),
            "another size": lambda sections: struct.pack_into("<Q", sections[1], 0, len(body) + 1),
        }
        for what, change in changes.items():
            key, fields, stored = self.object(body)
            self.assertNotIn(SEAL, fields)
            self.plant(key, fields, with_sections(stored, change))
            self.expect_refused(what, key, body)
        key, fields, stored = self.object(body)
        self.plant(key, {name: value for name, value in fields.items() if name != ENCRYPTED}, stored)
        self.expect_read(key, body)  # the word decides nothing

    def test_all_fields_are_taken_off(self):
        """What is left is nobody's object of sealed bytes: that is not noticed, and tells nothing."""
        key, _, stored = self.object(BODIES["small"])
        self.plant(key, {}, stored)
        answer = self.fresh.get(self.bucket, key)
        self.assertEqual((200, None), (answer.status, answer.header(HEADER)))
        self.assertTrue(answer.body == stored)
