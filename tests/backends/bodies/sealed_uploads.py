"""tests/backends/bodies/sealed_uploads.py -- encrypted objects that are sent in parts through several replicas: what clients see of them, what lies in
the bucket at each step, and what becomes of an upload that whoever runs the bucket rewrites."""

import hashlib
import re
import struct

import bucket_reader
from encrypted import CHECKSUM, HEADER, MARK, SSE, document, etag_of, sha256, words
from replicas import ReplicaCase
from sealed import MIB, SealedCase, forms_of

LEAST = 5 * MIB  # of every part but the last
PARTS = (words(LEAST + 1_500_000, 21), words(70_001, 22), words(30_000, 23), words(LEAST, 24), words(9, 25))


class UploadCase(SealedCase, ReplicaCase):
    def fleet_of(self, count):
        return self.replicas(count, "--shards", "1", "--part-size", "5M", "--keyring", self.keys)

    def create(self, client, key, headers={**SSE, **CHECKSUM}):
        answer = client.post(self.bucket, key, {"uploads": None}, headers)
        self.assertEqual((200, headers.get(HEADER)), (answer.status, answer.header(HEADER)), answer.body)
        return answer.text("UploadId")

    def send(self, client, key, upload, number, body, status=200):
        answer = client.put(self.bucket, key, {"partNumber": str(number), "uploadId": upload}, {"x-amz-checksum-sha256": sha256(body)}, body)
        self.assertEqual(status, answer.status, answer.body)
        if status == 200:
            self.assertEqual((f'"{hashlib.md5(body).hexdigest()}"', "AES256"), (answer.header("etag"), answer.header(HEADER)))
        return answer

    def complete(self, client, key, upload, parts, status=200):
        answer = client.post(self.bucket, key, {"uploadId": upload}, (), document(parts))
        self.assertEqual(status, answer.status, answer.body)
        return answer

    def expect_whole(self, client, key, parts):
        body = b"".join(parts)
        for answer in (client.get(self.bucket, key), client.head(self.bucket, key)):
            self.assertEqual(200, answer.status, answer.body[:500])
            self.assertEqual((etag_of(parts), "AES256", str(len(body))),
                             tuple(answer.header(name) for name in ("etag", HEADER, "content-length")))
        self.assertTrue(client.get(self.bucket, key).body == body)
        for middle in (0, *(sum(map(len, parts[:count])) for count in range(1, len(parts) + 1))):
            first, last = max(middle - 5, 0), min(middle + 5, len(body)) - 1
            answer = client.get(self.bucket, key, None, {"range": f"bytes={first}-{last}"})
            self.assertEqual((206, body[first:last + 1]), (answer.status, answer.body))

    def own(self):
        """What lies in the bucket below `.bale/mpu/`: {key: body}."""
        client = self.backend.client()
        keys = client.get(self.bucket, None, {"list-type": "2", "prefix": ".bale/mpu/"}).texts("Contents/Key")
        return {key: client.get(self.bucket, key).body for key in keys}


class SealedUploads(UploadCase):
    FOR = ("raw", "versitygw")

    def test_through_any_replica(self):
        """Sent in any order and sent again, listed, completed twice and by others than who took the parts; each by its number."""
        clients = [bale.client() for bale in self.fleet_of(3)]
        upload = self.create(clients[0], "key")
        numbers = (2, 5, 6, 8, 10000)
        for i in (3, 0, 1, 2, 4):
            self.send(clients[i % 3], "key", upload, numbers[i], words(LEAST, 40 + i))
            self.send(clients[(i + 1) % 3], "key", upload, numbers[i], PARTS[i])
        listed = clients[2].get(self.bucket, "key", {"uploadId": upload}).body.decode()
        for part in PARTS:
            self.assertIn(hashlib.md5(part).hexdigest(), listed)
            self.assertIn(sha256(part), listed)
        parts = dict(zip(numbers, PARTS))
        self.complete(clients[1], "key", upload, {**parts, 5: words(LEAST, 41)}, 400)
        too_small = {number: parts[number] for number in (2, 5, 8)}
        self.assertIn(b"EntityTooSmall", self.complete(clients[1], "key", upload, too_small, 400).body)
        numbers, parts = (2, 8, 10000), (PARTS[0], PARTS[3], PARTS[4])
        for client in (clients[2], clients[0]):
            self.assertIn(etag_of(parts)[1:-1], self.complete(client, "key", upload, dict(zip(numbers, parts))).body.decode())
        self.put(clients[1], "key", b"another")
        self.assertIn(etag_of(parts)[1:-1], self.complete(clients[0], "key", upload, dict(zip(numbers, parts))).body.decode())

    def test_objects_of_parts(self):
        """In order, as most clients send them; for whoever has seen nothing; a copy of a range into a part; nothing of it plain."""
        first, second = [bale.client() for bale in self.fleet_of(2)]
        parts = (PARTS[0], PARTS[3], PARTS[1])
        upload = self.create(first, "key")
        for number, part in enumerate(parts, 1):
            self.send(first, "key", upload, number, part)
        self.complete(first, "key", upload, dict(enumerate(parts, 1)))
        body = b"".join(parts)
        halves = (body[:LEAST + 77], body[LEAST + 77:])
        copy = self.create(second, "copy")
        for number, (begin, end) in enumerate(((0, LEAST + 76), (LEAST + 77, len(body) - 1)), 1):
            answer = second.put(self.bucket, "copy", {"partNumber": str(number), "uploadId": copy},
                                {"x-amz-copy-source": f"{self.bucket}/key", "x-amz-copy-source-range": f"bytes={begin}-{end}"})
            self.assertEqual((200, "AES256"), (answer.status, answer.header(HEADER)), answer.body)
        self.complete(first, "copy", copy, dict(enumerate(halves, 1)))
        fresh = self.sealing().client()
        for client in (first, second, fresh):
            self.expect_whole(client, "key", parts)
            self.expect_whole(client, "copy", halves)
            self.assertEqual({"copy": etag_of(halves)[1:-1], "key": etag_of(parts)[1:-1]}, self.etags(client))
        for number, part in enumerate(parts, 1):
            answer = fresh.get(self.bucket, "key", {"partNumber": str(number)}, {"x-amz-checksum-mode": "ENABLED"})
            self.assertEqual((206, sha256(part)), (answer.status, answer.header("x-amz-checksum-sha256")))
            self.assertTrue(answer.body == part)
        told = fresh.get(self.bucket, "key", {"attributes": None}, {"x-amz-object-attributes": "ETag,ObjectParts"}).body.decode()
        self.assertEqual([sha256(part) for part in parts], re.findall(r"<Part><ChecksumSHA256>([^<]+)", told))

    def test_plain_uploads_go_on(self):
        client, other = [bale.client() for bale in self.fleet_of(2)]
        upload = client.post(self.bucket, "key", {"uploads": None}).text("UploadId")
        body = words(LEAST, 3)
        for number in (1, 2):
            answer = other.put(self.bucket, "key", {"partNumber": str(number), "uploadId": upload}, (), body)
            self.assertEqual((200, None), (answer.status, answer.header(HEADER)))
        named = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{hashlib.md5(body).hexdigest()}</ETag></Part>" for number in (1, 2))
        answer = client.post(self.bucket, "key", {"uploadId": upload}, (), f"<CompleteMultipartUpload>{named}</CompleteMultipartUpload>".encode())
        self.assertEqual(200, answer.status, answer.body)
        self.assertTrue(other.get(self.bucket, "key").body == body * 2)


class UploadsInClear(UploadCase):
    """Alone on its server, whose folder is looked through: names, contents, states and logs, at each step."""

    FOR = ("raw",)

    def expect_nothing(self, bales, bodies):
        for bale in bales:
            bale.daemon.stop()
        stored = self.everything(self.backend.folder, *(bale.daemon.folder for bale in bales))
        self.assertFalse(MARK in stored)
        self.assertTrue(b".bale/mpu/" in stored)
        for body in bodies:
            for form in (body[:16], *forms_of(body)):
                self.assertFalse(form in stored, form)
        self.assertFalse(etag_of(bodies)[1:33].encode() in stored)
        for bale in bales:
            bale.start()

    def expect_names_without(self, bodies):
        """Of parts, whose names are base64 of what is known of them."""
        names = [key.partition("/p/")[2].partition(".")[2].replace("/", "") for key in self.own() if "/p/" in key]
        self.assertEqual(len(bodies), len(names))
        known = b"\0".join(bucket_reader.unbase64(name) for name in names)
        for body in bodies:
            *forms, crc = forms_of(body)
            for form in (*forms, struct.pack("<I", int(crc))):
                self.assertFalse(form in known, form)

    def test_at_each_step(self):
        bales = self.fleet_of(2)
        upload = self.create(bales[0].client(), "key")
        for number, part in enumerate(PARTS, 1):
            self.send(bales[number % 2].client(), "key", upload, number, part)
        self.expect_names_without(PARTS)
        parts = {1: PARTS[0], 4: PARTS[3], 5: PARTS[4]}
        self.expect_nothing(bales, tuple(parts.values()))
        self.complete(bales[0].client(), "key", upload, parts)
        gone = self.create(bales[1].client(), "gone")
        self.send(bales[1].client(), "gone", gone, 1, PARTS[0])
        self.assertEqual(204, bales[0].client().delete(self.bucket, "gone", {"uploadId": gone}).status)
        kept = b"".join(key.encode() + body for key, body in self.own().items())  # that it was completed
        self.assertTrue(b"BALEEND2" in kept)
        self.assertFalse(etag_of(tuple(parts.values()))[1:33].encode() in kept)
        self.expect_whole(bales[1].client(), "key", tuple(parts.values()))


class UploadsRewritten(UploadCase):
    """By whoever can write into the bucket."""

    FOR = ("raw",)

    def record(self, blocks, magic=b"BALEUPL2"):
        packed = b"".join(name + struct.pack("<I", len(data)) + data for name, data in blocks)
        return magic + struct.pack("<I", bucket_reader.crc32c(packed)) + packed

    def blocks_of(self, record):
        blocks, position = [], 12
        while position < len(record):
            name, size = struct.unpack_from("<cI", record, position)
            blocks.append((name, record[position + 5:position + 5 + size]))
            position += 5 + size
        return blocks

    def write(self, key, body):
        self.assertEqual(200, self.backend.client().put(self.bucket, key, None, (), body).status)

    def test_the_descriptor(self):
        """What turns an encrypted upload into a plain one is noticed by all, and stores nothing in clear."""
        client = self.sealing().client()
        upload, plain = self.create(client, "key"), self.create(client, "key", CHECKSUM)
        place = f".bale/mpu/{upload}/upload"
        blocks = self.blocks_of(self.own()[place])
        seal_of_plain = dict(self.blocks_of(self.own()[f".bale/mpu/{plain}/upload"]))[b"s"]
        of_other = self.create(client, "other")
        other = dict(self.blocks_of(self.own()[f".bale/mpu/{of_other}/upload"]))[b"s"]
        seal = dict(blocks)[b"s"]
        flipped = bytes([*seal[:-1], seal[-1] ^ 1])
        for changed in (None, b"", other, flipped, seal_of_plain[:-1], seal[:5]):
            changed_blocks = [(name, data if name != b"s" else changed) for name, data in blocks if name != b"s" or changed is not None]
            self.write(place, self.record(changed_blocks))
            fresh = self.sealing().client()
            answer = fresh.put(self.bucket, "key", {"partNumber": "1", "uploadId": upload}, (), MARK)
            self.assertIn(answer.status, (404, 500), answer.body)
        self.assertFalse(any("/p/" in key or "/b/" in key for key in self.own()))
        self.write(place, self.record(blocks))
        self.send(self.sealing().client(), "key", upload, 1, MARK)

    def test_parts(self):
        """Exchanged, of another upload, plain: no Complete makes an object of them, and none says that it has."""
        client = self.sealing().client()
        body, another = words(3000, 5), words(3000, 6)

        def begun(key="key"):
            upload = self.create(client, key)
            self.send(client, key, upload, 1, body)
            name, = (key for key in self.own() if key.startswith(f".bale/mpu/{upload}/p/"))
            return upload, name, self.own()[name]

        plain = self.create(client, "plain", CHECKSUM)
        self.assertEqual(200, client.put(self.bucket, "plain", {"partNumber": "1", "uploadId": plain}, {"x-amz-checksum-sha256": sha256(body)}, body).status)
        plain_name, = (key for key in self.own() if key.startswith(f".bale/mpu/{plain}/p/"))
        other, other_name, other_body = begun("other")
        changes = {
            "a part of another upload": lambda upload, name, stored: (name.partition("/p/")[0] + "/p/" + other_name.partition("/p/")[2], other_body),
            "a plain part": lambda upload, name, stored: (name.partition("/p/")[0] + "/p/" + plain_name.partition("/p/")[2], self.own()[plain_name]),
        }
        for what, change in changes.items():
            upload, name, stored = begun()
            self.assertEqual(204, self.backend.client().delete(self.bucket, name).status)
            self.write(*change(upload, name, stored))
            self.assertIn(self.complete_raw("key", upload, body).status, (400, 409, 500), what)
        upload, name, stored = begun()
        self.write(name, other_body)  # the bytes alone: noticed by who reads them
        answer = self.complete_raw("key", upload, body)
        self.assertEqual(200, answer.status, answer.body)
        self.assertEqual(500, self.sealing().client().get(self.bucket, "key").status)
        self.assertTrue(another != body)

    def complete_raw(self, key, upload, body):
        return self.sealing().client().post(self.bucket, key, {"uploadId": upload}, (), document({1: body}))
