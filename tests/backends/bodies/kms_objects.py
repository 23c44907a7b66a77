"""tests/backends/bodies/kms_objects.py -- objects in a bucket under keys of a key service (SSE-KMS), where the keyring is that service: for each
replica, what lies there, and what becomes of them when whoever runs the bucket changes what is kept of their keys."""

import base64
import hashlib

from cryptography.exceptions import InvalidTag

import bucket_reader
import seal_decoder
from aws_kms_server import ALIAS, REGION, AwsKmsServer
from aws_kms_server import KEY as AWS_KEY
from aws_kms_server import arn
from encrypted import HEADER, MARK, words
from sealed import BODIES, SEAL, forms_of
from sealed_uploads import LEAST, UploadCase

KMS = {HEADER: "aws:kms"}
CONTEXT = {HEADER + "-context": base64.b64encode(b'{"project":"plans"}').decode(), HEADER + "-bucket-key-enabled": "true"}
PARTS = (words(LEAST + 900_000, 51), words(70_001, 52))


class KmsObjects(UploadCase):
    FOR = ("raw", "versitygw")

    def expect_kms(self, client, key, body):
        for answer in (client.get(self.bucket, key), client.head(self.bucket, key)):
            self.assertEqual((200, "aws:kms", self.key(), str(len(body))),
                             (answer.status, answer.header(HEADER), answer.header(HEADER + "-aws-kms-key-id"), answer.header("content-length")))
        self.assertTrue(client.get(self.bucket, key).body == body, key)
        if body:
            self.assertEqual(body[-1:], client.get(self.bucket, key, None, {"range": "bytes=-1"}).body)

    def material(self):
        with open(self.keys, encoding="ascii") as file:
            return base64.b64decode(file.read().split("material = ")[1].split()[0])

    def key(self):
        return hashlib.sha256(b"bale key" + self.material()).digest()[:8].hex()

    def test_objects_and_uploads(self):
        """To who wrote them, to another replica, and to one that has seen nothing; an independent reader opens what lies there."""
        first, second = [bale.client() for bale in self.replicas(2, "--shards", "1", "--part-size", "5M", "--keyring", self.keys)]
        etags = {key: self.put(first, key, body, {**KMS, **CONTEXT}).header("etag").strip('"') for key, body in BODIES.items()}
        upload = {"uploadId": self.create(first, "sent in parts", KMS)}
        sent = [second.put(self.bucket, "sent in parts", {**upload, "partNumber": str(number)}, {}, part) for number, part in enumerate(PARTS, 1)]
        self.assertEqual([(200, "aws:kms")] * 2, [(answer.status, answer.header(HEADER)) for answer in sent])
        listed = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{answer.header('etag')}</ETag></Part>" for number, answer in enumerate(sent, 1))
        done = first.post(self.bucket, "sent in parts", upload, (), f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode())
        self.assertEqual((200, "aws:kms"), (done.status, done.header(HEADER)), done.body)
        etags["sent in parts"] = done.text("ETag").strip('"')
        for client in (first, second, self.sealing().client()):
            for key, body in (*BODIES.items(), ("sent in parts", b"".join(PARTS))):
                self.expect_kms(client, key, body)
            self.assertEqual(etags, self.etags(client))
        for key in ("empty", "one", "noise"):
            fields, stored = self.stored(key)
            body = BODIES[key]
            trailer = bucket_reader.trailer_of(stored) if "t" in bucket_reader.stamp_of(fields["s4-bale"]) else {"bytes": 0}
            record = bucket_reader.unbase64(fields[SEAL]) if SEAL in fields else trailer["seal"]
            data_key, _, found = seal_decoder.open_record(record, self.material(), len(body))
            self.assertEqual(etags[key], found["md5"].hex())
            self.assertTrue(seal_decoder.open_body(stored[:len(stored) - trailer["bytes"]], data_key, 0, len(body)) == body, key)
            self.assertNotIn(MARK, stored)
            for form in forms_of(body) if len(body) > 16 else ():
                self.assertNotIn(form, stored)

    def test_what_is_kept_of_a_key_is_vouched_for(self):
        """Its name, its context, the key itself, and that there is one: each byte that is changed is noticed."""
        client = self.sealing().client()
        body = BODIES["noise"]
        self.put(client, "key", body, KMS)
        fields, stored = self.stored("key")
        reader = self.sealing().client()
        record = bytearray(bucket_reader.unbase64(fields[SEAL]))
        start = 104 + record[5] + 72 + 88
        for at in (1, start, start + 1, start + 4, start + 36, len(record) - 90, len(record) - 1):
            record[at] ^= 1
            self.plant("key", {**fields, SEAL: base64.urlsafe_b64encode(record).decode().rstrip("=")}, stored)
            record[at] ^= 1
            self.assertEqual(500, reader.get(self.bucket, "key").status, at)
        self.plant("key", fields, stored)
        self.expect_kms(reader, "key", body)

    def test_keys_of_aws(self):
        """Seals that are longer: of objects in one piece and in stored parts, to another replica, and with metadata that fill a head without them."""
        kms = AwsKmsServer()
        self.addCleanup(kms.stop)
        secrets = self.keys + ".aws"
        with open(secrets, "w", encoding="ascii") as file:
            file.write("[default]\naws_access_key_id = AKIAKMS\naws_secret_access_key = a+secret/of-tests\n")
        with open(self.keys, "a", encoding="ascii") as file:
            file.write(f"[kms payments]\nprovider = aws\nregion = {REGION}\nurl = {kms.url}\nkey = {ALIAS}\ncredentials = {secrets}\n")
        named = {**KMS, HEADER + "-aws-kms-key-id": "payments"}
        client = b'{"project":"' + b"p" * 300 + b'"}'
        context = {HEADER + "-context": base64.b64encode(client).decode()}
        metadata = {f"x-amz-meta-{number}": "m" * 400 for number in range(4)}
        first, second = [bale.client() for bale in self.replicas(2, "--shards", "1", "--part-size", "5M", "--keyring", self.keys)]
        bodies = {**BODIES, "meta": words(3000, 7), "both": words(70_000, 8)}
        for key, body in bodies.items():
            more = {"meta": metadata, "both": {**metadata, **context}}.get(key, {})
            self.assertEqual(arn(AWS_KEY), self.put(first, key, body, {**named, **more}).header(HEADER + "-aws-kms-key-id"))
        upload = {"uploadId": self.create(first, "sent in parts", {**named, **context})}
        sent = [second.put(self.bucket, "sent in parts", {**upload, "partNumber": str(number)}, {}, part) for number, part in enumerate(PARTS, 1)]
        self.assertEqual([200] * 2, [answer.status for answer in sent])
        listed = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{answer.header('etag')}</ETag></Part>" for number, answer in enumerate(sent, 1))
        done = first.post(self.bucket, "sent in parts", upload, (), f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode())
        self.assertEqual((200, arn(AWS_KEY)), (done.status, done.header(HEADER + "-aws-kms-key-id")), done.body)
        for reader in (first, second, self.sealing().client()):
            for key, body in (*bodies.items(), ("sent in parts", b"".join(PARTS))):
                answer = reader.get(self.bucket, key)
                self.assertEqual((200, arn(AWS_KEY)), (answer.status, answer.header(HEADER + "-aws-kms-key-id")), answer.body[:300])
                self.assertTrue(answer.body == body, key)
            for key in ("meta", "both"):
                self.assertEqual(["m" * 400] * 4, [reader.head(self.bucket, key).header(name) for name in metadata])
        for key in ("noise", "both"):
            fields, stored = self.stored(key)
            trailer = bucket_reader.trailer_of(stored) if "t" in bucket_reader.stamp_of(fields["s4-bale"]) else {"bytes": 0}
            record = bucket_reader.unbase64(fields[SEAL]) if SEAL in fields else trailer["seal"]
            kept = seal_decoder.read_grant(record[264 + record[5]:])
            self.assertEqual((b"payments", arn(AWS_KEY).encode(), client if key == "both" else b""), (kept["name"], kept["id"], kept["client"]))
            opened = [given for given in kms.given if self.opens(record, given, len(bodies[key]))]
            self.assertEqual(1, len(opened))
            data_key, _, _ = seal_decoder.open_record(record, self.material(), len(bodies[key]), opened[0])
            self.assertEqual(0, stored.find(b"S4F2"))
            if key == "noise":
                self.assertTrue(seal_decoder.open_body(stored[:len(stored) - trailer["bytes"]], data_key, 0, len(bodies[key])) == bodies[key])

    def opens(self, record, given, size):
        try:
            seal_decoder.open_record(record, self.material(), size, given)
        except (AssertionError, InvalidTag):
            return False
        return True
