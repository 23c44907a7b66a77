"""tests/backends/bodies/sealed_buckets.py -- objects in a bucket of a backend that are encrypted because their bucket, or the server, says so: for each
replica, whoever of them was told."""

import re

from encrypted import HEADER, MARK, words
from sealed_uploads import UploadCase

BODY = words(3000)
DEFAULT = b"""<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>
</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"""


class SealedBuckets(UploadCase):
    def put_by_each_way(self, client, key):
        """By all that makes an object and asks for nothing: one in one piece, a copy of it, one in parts."""
        headers = {"x-amz-checksum-algorithm": "SHA256"}
        said = [self.put(client, key, BODY, {}).header(HEADER), self.copy(client, key, key + ".copy", {}).header(HEADER)]
        upload = client.post(self.bucket, key + ".parts", {"uploads": None}, headers).text("UploadId")
        self.send(client, key + ".parts", upload, 1, BODY)
        said.append(self.complete(client, key + ".parts", upload, {1: BODY}).header(HEADER))
        return said

    def expect_sealed(self, key):
        for name in (key, key + ".copy", key + ".parts"):
            fields, stored = self.stored(name)
            self.assertTrue("s4-bale-sse" in fields or name.endswith(".parts"), "of parts it stands in the trailer")
            self.assertNotIn(MARK, stored)

    def test_a_bucket_that_encrypts(self):
        """All replicas, once one of them has answered and the others have heard of it."""
        clients = [bale.client() for bale in self.fleet_of(2)]
        self.put(clients[0], "before", BODY, {})
        self.assertEqual(200, clients[0].put(self.bucket, None, {"encryption": None}, (), DEFAULT).status)
        self.wait_for(lambda: clients[1].get(self.bucket, None, {"encryption": None}).status == 200, "the other replica knows it")
        for place, client in enumerate(clients):
            self.assertEqual(["AES256"] * 3, self.put_by_each_way(client, f"key-{place}"))
            self.expect_sealed(f"key-{place}")
        for client in clients:
            for key in ("key-0", "key-1.copy", "key-1.parts", "before"):
                self.assertEqual(BODY, client.get(self.bucket, key).body)
            self.assertEqual((None, "AES256"), tuple(client.head(self.bucket, key).header(HEADER) for key in ("before", "key-0")))

    def test_a_server_that_encrypts(self):
        """--sse: all that is written, and with `require` what somebody puts into the bucket beside it is not read."""
        bale = self.sealing("--sse", "require")
        client = bale.client()
        self.assertIn(b"AES256", client.get(self.bucket, None, {"encryption": None}).body)
        self.assertEqual(["AES256"] * 3, self.put_by_each_way(client, "key"))
        self.expect_sealed("key")
        fields, body = self.stored("key")
        self.plant("plain", {}, BODY)
        self.plant("stripped", {name: value for name, value in fields.items() if not re.match("s4-", name)}, body)
        for key in ("plain", "stripped"):
            answer = client.get(self.bucket, key)
            self.assertEqual((403, "AccessDenied"), (answer.status, answer.code))
            self.assertEqual(403, client.head(self.bucket, key).status)
            self.copy(client, key, "copied", {}, 403)
        for key in ("key", "key.copy", "key.parts"):
            self.assertEqual(BODY, client.get(self.bucket, key).body)
