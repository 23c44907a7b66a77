"""tests/backends/bodies/customer_objects.py -- objects in a bucket under keys that clients bring along (SSE-C): for each replica, with the key and
without it, what lies there, and what becomes of them when whoever runs the bucket changes what he stores."""

import hashlib
import os

import bucket_reader
import sealed
import seal_decoder
from customers import KEY, OTHER, PREFIX, TOLD, customer, forms_of_key, said, source
from encrypted import CHECKSUM, HEADER, MARK, SSE, sha256, words
from sealed import BODIES, MIB, SEAL, forms_of
from sealed_uploads import LEAST, UploadCase
from tools_alone import bale_command

PARTS = (words(LEAST + 900_000, 51), words(70_001, 52))


class CustomerCase(UploadCase):
    def sealing(self, *options, **more):
        return super().sealing("--sse-c-over-http", "allow", *options, **more)

    def fleet_of(self, count):
        return self.replicas(count, "--shards", "1", "--part-size", "5M", "--keyring", self.keys, "--sse-c-over-http", "allow")

    def expect_theirs(self, client, key, body, with_key=KEY):
        mine = customer(with_key)
        for answer in (client.get(self.bucket, key, None, mine), client.head(self.bucket, key, None, mine)):
            self.assertEqual((200, mine[PREFIX + "key-md5"], None, str(len(body))),
                             (answer.status, answer.header(PREFIX + "key-md5"), answer.header(HEADER), answer.header("content-length")), answer.body[:300])
        self.assertTrue(client.get(self.bucket, key, None, mine).body == body, key)
        for first, last in ((0, 0), (len(body) - 7, len(body) - 1), (MIB - 3, MIB + 3)):
            if 0 <= first <= last < len(body):
                answer = client.get(self.bucket, key, None, {**mine, "range": f"bytes={first}-{last}"})
                self.assertEqual((206, body[first:last + 1]), (answer.status, answer.body))
        etag = answer.header("etag")
        for headers, status in ((customer(OTHER if with_key == KEY else KEY), 403), ({}, 400)):
            for ask in ({}, {"if-none-match": etag or "*"}, {"range": "bytes=99999999-"}):
                self.assertEqual(status, client.get(self.bucket, key, None, {**headers, **ask}).status)
                self.assertEqual(status, client.head(self.bucket, key, None, {**headers, **ask}).status)


class CustomerObjects(CustomerCase):
    FOR = ("raw", "versitygw")

    def test_objects_are_what_they_were(self):
        """To who wrote them, to another replica, and to one that has seen nothing; an independent reader opens what lies there."""
        first, second = [bale.client() for bale in self.fleet_of(2)]
        etags = {}
        for key, body in BODIES.items():
            answer = self.put(first, key, body, customer())
            etags[key] = answer.header("etag").strip('"')
            self.assertEqual((TOLD, None), (said(answer), answer.header(HEADER)))
            self.assertNotEqual(hashlib.md5(body).hexdigest(), etags[key])
        for client in (first, second, self.sealing().client()):
            for key, body in BODIES.items():
                self.expect_theirs(client, key, body)
            self.assertEqual(etags, self.etags(client))
        with open(self.keys, encoding="ascii") as file:
            material = bucket_reader.unbase64(file.read().split("material = ")[1].split()[0].rstrip("=").replace("+", "-").replace("/", "_"))
        for key in ("empty", "one", "noise"):
            fields, stored = self.stored(key)
            body = BODIES[key]
            trailer = bucket_reader.trailer_of(stored) if "t" in bucket_reader.stamp_of(fields["s4-bale"]) else {"bytes": 0}
            record = bucket_reader.unbase64(fields[SEAL]) if SEAL in fields else trailer["seal"]
            data_key, _, found = seal_decoder.open_record(record, material, len(body), KEY)
            self.assertEqual(etags[key], found["md5"].hex())
            self.assertTrue(seal_decoder.open_body(stored[:len(stored) - trailer["bytes"]], data_key, 0, len(body)) == body, key)

    def test_copies(self):
        first, second = [bale.client() for bale in self.fleet_of(2)]
        body = BODIES["parts"]
        self.put(first, "theirs", body, customer())
        self.put(first, "ours", body, SSE)
        self.copy(second, "theirs", "without", {}, 400)
        self.copy(second, "theirs", "wrong", source(OTHER), 403)
        self.copy(second, "ours", "not theirs", source(), 400)
        self.copy(second, "theirs", "plain", source())
        self.copy(second, "theirs", "of ours", {**source(), **SSE})
        self.copy(second, "theirs", "others", {**source(), **customer(OTHER)})
        self.copy(second, "ours", "theirs now", customer())
        self.copy(second, "ours", "ours", {}, 400)
        self.copy(second, "theirs", "theirs", {**source(), **customer(OTHER)})
        self.assertTrue(first.get(self.bucket, "plain").body == body)
        self.expect_object(first, "of ours", body)
        self.expect_theirs(first, "others", body, OTHER)
        self.expect_theirs(first, "theirs now", body)
        self.expect_theirs(first, "theirs", body, OTHER)
        self.copy(second, "theirs", "theirs", source(OTHER))  # whoever brings the key may take it off
        self.assertTrue(first.get(self.bucket, "theirs").body == body)
        self.copy(second, "theirs", "theirs", {}, 400)

    def test_uploads_through_any_replica(self):
        """Each part by another one; completed by who never had the key."""
        clients = [bale.client() for bale in self.fleet_of(3)]
        upload = self.create(clients[0], "key", {**customer(), **CHECKSUM})
        etags, fields = [], {"uploadId": upload}
        for number, part in enumerate(PARTS, 1):
            ask = {**fields, "partNumber": str(number)}
            for headers in ({}, customer(OTHER), SSE):
                self.assertEqual(400, clients[number].put(self.bucket, "key", ask, {**headers, "x-amz-checksum-sha256": sha256(part)}, part).status)
            answer = clients[number].put(self.bucket, "key", ask, {**customer(), "x-amz-checksum-sha256": sha256(part)}, part)
            self.assertEqual((200, TOLD), (answer.status, said(answer)), answer.body)
            etags.append(answer.header("etag").strip('"'))
        self.assertEqual(etags, [etag.strip('"') for etag in clients[0].get(self.bucket, "key", fields).texts("Part/ETag")])
        listed = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag><ChecksumSHA256>{sha256(PARTS[number - 1])}</ChecksumSHA256></Part>"
                         for number, etag in enumerate(etags, 1))
        document = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
        self.assertEqual(400, clients[0].post(self.bucket, "key", fields, customer(OTHER), document).status)
        whole = f"{hashlib.md5(b''.join(map(bytes.fromhex, etags))).hexdigest()}-2"
        for client, headers in ((clients[0], {}), (clients[1], customer())):
            answer = client.post(self.bucket, "key", fields, headers, document)
            self.assertEqual((200, whole), (answer.status, answer.text("ETag").strip('"')), answer.body)
        for client in (*clients[1:], self.sealing().client()):
            self.expect_theirs(client, "key", b"".join(PARTS))
            self.assertEqual({"key": whole}, self.etags(client))
            for number, part in enumerate(PARTS, 1):
                answer = client.get(self.bucket, "key", {"partNumber": str(number)}, {**customer(), "x-amz-checksum-mode": "ENABLED"})
                self.assertEqual((206, sha256(part)), (answer.status, answer.header("x-amz-checksum-sha256")), answer.body[:300])
                self.assertTrue(answer.body == part)

    def test_tools(self):
        """They say what they need, and count what they cannot read; nothing of it is damage."""
        client = self.sealing().client()
        self.put(client, "theirs", BODIES["frames"], customer())
        with_keys = ("--keyring", self.keys)
        self.assertEqual(0, bale_command(self, "verify").returncode)
        done = bale_command(self, "verify", "--deep", *with_keys)
        self.assertEqual((1, True, True), (done.returncode, b"SSE-C" in done.stdout, b"1 findings, 1 of them" in done.stdout), done)
        self.assertIn(b"customer's key", bale_command(self, "inspect", f"{self.bucket}/theirs").stdout)
        done = bale_command(self, "cat", f"{self.bucket}/theirs", *with_keys)
        self.assertEqual((1, b"", True), (done.returncode, done.stdout, b"Server Side Encryption" in done.stderr), done)
        before = self.stored("theirs")
        self.assertEqual(0, bale_command(self, "stamp", "--etags").returncode)
        self.assertTrue(before == self.stored("theirs"))


class CustomersInClear(CustomerCase):
    """Alone on its server, whose folder is looked through."""

    FOR = ("raw",)

    def test_nothing_lies_there_in_clear(self):
        """Neither content nor hashes nor keys: in the bucket, in the state folder, in the tier and in the log at the level that tells most."""
        bale = self.sealing("--tier", "tier", "--tier-size", "64M", "--log-level", "debug")
        client = bale.client()
        for key, body in BODIES.items():
            self.put(client, key, body, {**customer(), "x-amz-checksum-sha256": sha256(body)})
            self.copy(client, key, key + ".copy", {**source(), **customer(OTHER)})
            for _ in range(3):  # the tier keeps what is read again
                self.assertTrue(client.get(self.bucket, key, None, customer()).body == body)
            self.assertEqual(403, client.get(self.bucket, key, None, customer(OTHER)).status)
        upload = self.create(client, "upload", {**customer(), **CHECKSUM})
        part = {"partNumber": "1", "uploadId": upload}
        self.assertEqual(200, client.put(self.bucket, "upload", part, {**customer(), "x-amz-checksum-sha256": sha256(PARTS[1])}, PARTS[1]).status)
        self.assertEqual(0, bale.daemon.stop())
        stored = self.everything(bale.daemon.folder, self.backend.folder) + bale.daemon.log().encode()
        self.assertFalse(MARK in stored)
        for body in (*(BODIES[key] for key in ("small", "noise", "frames", "parts")), PARTS[1]):
            for form in (body[:16], body[-16:], *forms_of(body)):
                self.assertFalse(form in stored, form)
        for key in (KEY, OTHER):
            for form in forms_of_key(key):
                self.assertFalse(form in stored, form)
        self.assertTrue(os.path.basename(self.bucket).encode() in stored)


class CustomersRewritten(sealed.Rewritten, CustomerCase):
    """The same attacks. What a key is known by may be changed, too: then it is another one (403); without any seal none is needed (400)."""

    WRITES = READS = customer()
    REFUSALS = (400, 403, 500, 501)
    LONG = ("test_frames_are_moved", "test_the_trailer_is_changed")  # what decides there is the same for any key

    def setUp(self):
        if self._testMethodName in self.LONG and not self.is_long:
            self.skipTest("with --long alone")
        super().setUp()

    def expect_read(self, key, body):
        self.expect_theirs(self.fresh, key, body)

    def test_all_fields_are_taken_off(self):
        key, _, stored = self.object(BODIES["small"])
        self.plant(key, {}, stored)
        self.assertEqual(400, self.fresh.get(self.bucket, key, None, customer()).status)
        self.assertTrue(self.fresh.get(self.bucket, key).body == stored)
