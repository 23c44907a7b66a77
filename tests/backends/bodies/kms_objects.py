"""tests/backends/bodies/kms_objects.py -- objects in a bucket under keys of a key service (SSE-KMS), where the keyring is that service: for each
replica, what lies there, and what becomes of them when whoever runs the bucket changes what is kept of their keys."""

import base64
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor

from cryptography.exceptions import InvalidTag

import bucket_reader
import seal_decoder
from aws_kms_server import ALIAS, REGION, AwsKmsServer, Refusal
from aws_kms_server import KEY as AWS_KEY
from aws_kms_server import OTHER as AWS_OTHER
from aws_kms_server import arn
from customers import customer
from encrypted import HEADER, MARK, sha256, words
from faults import fault
from sealed import BODIES, SEAL, forms_of
from sealed_uploads import LEAST, UploadCase

KMS = {HEADER: "aws:kms"}
CONTEXT = {HEADER + "-context": base64.b64encode(b'{"project":"plans"}').decode(), HEADER + "-bucket-key-enabled": "true"}
AWS = {**KMS, HEADER + "-aws-kms-key-id": "payments"}
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
            self.assertEqual(501 if at == 1 else 500, reader.get(self.bucket, "key").status, at)  # the mode: of a newer version
        self.plant("key", fields, stored)
        self.expect_kms(reader, "key", body)

    def begin_aws(self):
        """The keyring names a service that speaks as AWS KMS."""
        kms = AwsKmsServer()
        self.addCleanup(kms.stop)
        secrets = self.keys + ".aws"
        with open(secrets, "w", encoding="ascii") as file:
            file.write("[default]\naws_access_key_id = AKIAKMS\naws_secret_access_key = a+secret/of-tests\n")
        with open(self.keys, "a", encoding="ascii") as file:
            file.write(f"[kms payments]\nprovider = aws\nregion = {REGION}\nurl = {kms.url}\nkey = {ALIAS}\ncredentials = {secrets}\n")
        return kms

    def test_keys_of_aws(self):
        """Seals that are longer: of objects in one piece and in stored parts, to another replica, and with metadata that fill a head without them."""
        kms = self.begin_aws()
        client = b'{"project":"' + b"p" * 300 + b'"}'
        context = {HEADER + "-context": base64.b64encode(client).decode()}
        metadata = {f"x-amz-meta-{number}": "m" * 400 for number in range(4)}
        first, second = [bale.client() for bale in self.replicas(2, "--shards", "1", "--part-size", "5M", "--keyring", self.keys)]
        bodies = {**BODIES, "meta": words(3000, 7), "both": words(70_000, 8)}
        for key, body in bodies.items():
            more = {"meta": metadata, "both": {**metadata, **context}}.get(key, {})
            self.assertEqual(arn(AWS_KEY), self.put(first, key, body, {**AWS, **more}).header(HEADER + "-aws-kms-key-id"))
        upload = {"uploadId": self.create(first, "sent in parts", {**AWS, **context})}
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

    def test_forged_grants(self):
        """Who may write to the bucket puts a grant of the service in the place of another while replicas serve it, one that has read the object and one
        that has not: of an object in another context, of another key, by another name, and what is none. The read fails, whoever asks, and the service
        is asked for nothing; nor are the key that it gave, or what opens it, anywhere in clear."""
        kms = self.begin_aws()
        with open(self.keys, "a", encoding="ascii") as file:
            file.write(f"[kms others]\nprovider = aws\nregion = {REGION}\nurl = {kms.url}\nkey = {arn(AWS_OTHER)}\ncredentials = {self.keys}.aws\n")
        bales = self.replicas(2, "--shards", "1", "--part-size", "5M", "--keyring", self.keys, "--log-level", "debug")
        first, second = [bale.client() for bale in bales]
        body = BODIES["noise"]
        ways = {"target": AWS, "in a context": {**AWS, **CONTEXT}, "of another": {**AWS, HEADER + "-aws-kms-key-id": "others"}, "ours": KMS}
        for key, headers in ways.items():
            self.put(first, key, body, headers)
            self.assertTrue(first.get(self.bucket, key).body == body)
        kept = {key: self.stored(key) for key in ways}
        fields, stored = kept["target"]
        record = bucket_reader.unbase64(fields[SEAL])
        begin = 264 + record[5]
        grants = {key: bucket_reader.unbase64(found[0][SEAL]) for key, found in kept.items()}
        grants = {key: whole[264 + whole[5]:] for key, whole in grants.items()}
        own = grants.pop("target")
        name = own.index(b"payments")
        forged = {**grants, "by another name": own[:name] + b"invoices" + own[name + 8:], "cut off": own[:-1], "longer": own + b"x", "none": b"",
                  "a changed blob": own[:-1] + bytes([own[-1] ^ 1]), "as if by the keyring": bytes([own[0] ^ 1]) + own[1:]}
        seen = len(kms.calls)
        for kind, grant in forged.items():
            self.plant("target", {**fields, SEAL: base64.urlsafe_b64encode(record[:begin] + grant).decode().rstrip("=")}, stored)
            for reader in (first, second):
                for answer in (reader.get(self.bucket, "target"), reader.get(self.bucket, "target", None, {"range": "bytes=0-9"}),
                               reader.put(self.bucket, "copy", None, {"x-amz-copy-source": f"{self.bucket}/target"})):
                    self.assertEqual((500, "InternalError"), (answer.status, answer.code), (kind, answer.body[:300]))
                self.assertEqual(500, reader.head(self.bucket, "target").status, kind)
        self.assertEqual(seen, len(kms.calls))
        for key, planted in (("target", kept["in a context"]), ("ours", kept["target"])):  # whole seals of others, with their bodies
            self.plant(key, *planted)
            self.assertEqual([500, 500], [reader.get(self.bucket, key).status for reader in (first, second)], key)
        self.assertEqual(seen, len(kms.calls))
        self.plant("target", fields, stored)
        self.assertEqual([True, True], [reader.get(self.bucket, "target").body == body for reader in (first, second)])
        for bale in bales:
            self.assertEqual(0, bale.daemon.stop())
        looked_at = self.everything(self.server.folder, *(os.path.join(bale.daemon.folder, "state") for bale in bales))
        looked_at += b"".join(bale.daemon.log().encode() for bale in bales)
        self.assertGreaterEqual(len(kms.given), 3)
        for secret in (*kms.given, self.material(), b"a+secret/of-tests"):
            for form in (secret, secret.hex().encode(), base64.b64encode(secret).rstrip(b"=")):
                self.assertNotIn(form, looked_at)
        for form in (body[:16], body[-16:], *forms_of(body)):
            self.assertNotIn(form, looked_at)

    def opens(self, record, given, size):
        try:
            seal_decoder.open_record(record, self.material(), size, given)
        except (AssertionError, InvalidTag):
            return False
        return True

    def counted(self, proxy, action):
        """What an action asks of the backend, but for what is asked anyway from time to time."""
        proxy.reset()
        action()
        return [entry["op"] for entry in proxy.log() if not entry["key"].startswith(".bale/") and entry["op"] in ("HeadObject", "GetObject", "PutObject")]

    def test_they_ask_for_no_more_than_others(self):
        """Lists, reads and writes over what is there, also under a key of AWS with a checksum and a short context: as under the server's key."""
        self.begin_aws()
        proxy = self.proxy()
        client = self.bale(proxy, "--shards", "1", "--keyring", self.keys).client()
        context = {HEADER + "-context": base64.b64encode(b'{"project":"plans"}').decode()}
        asked, bodies = {}, [words(2000, number) for number in range(10)]
        for name, headers in (("ours", {HEADER: "AES256"}), ("kms", KMS), ("aws", {**AWS, **context})):
            write = lambda: [self.put(client, f"{name}/{number}", body, {**headers, "x-amz-checksum-sha256": sha256(body)})  # noqa: B023, E731
                             for number, body in enumerate(bodies)]
            write()
            asked[name] = [self.counted(proxy, action) for action in (
                lambda: client.get(self.bucket, None, {"list-type": "2", "prefix": name}),  # noqa: B023
                lambda: [client.get(self.bucket, f"{name}/{number}") for number in range(10)], write)]  # noqa: B023
        self.assertEqual(asked["ours"], asked["kms"])
        self.assertEqual(asked["ours"], asked["aws"])

    def test_a_complete_that_is_refused_halfway(self):
        """The backend answers 503 to one kind of request of it, all the while; the key service is gone, too. The upload stays whole, and completing it
        again succeeds, under a customer's key and a service's."""
        kms = self.begin_aws()
        proxy = self.proxy()
        client = self.bale(proxy, "--shards", "1", "--part-size", "5M", "--keyring", self.keys, "--sse-c-over-http", "allow").client
        modes = {"customer": (customer(), customer()), "kms": (KMS, {}), "aws": (AWS, {})}
        kinds = set()
        for mode, (headers, _) in modes.items():
            upload, document = self.begin_and_send(client(), f"{mode}-clean", headers)
            proxy.reset()
            self.assertEqual(200, client().post(self.bucket, f"{mode}-clean", upload, (), document).status)
            kinds |= {entry["op"] for entry in proxy.log()} - {"HeadBucket", "GetBucketVersioning", "GetBucketLifecycle"}
        self.assertIn("CompleteMultipartUpload", kinds)
        refused = set()
        others = sorted(kinds - {"CompleteMultipartUpload"})
        for kind in ("CompleteMultipartUpload", *(others if self.is_long else others[self.seed % len(others):][:1])):
            begun = {mode: self.begin_and_send(client(), f"{mode}-{kind}", headers) for mode, (headers, _) in modes.items()}
            kms.answers = Refusal("KMSInternalException", "of tests", 500)
            proxy.rules(fault("refuse", status=503, op=kind))
            complete = lambda mode: client().post(self.bucket, f"{mode}-{kind}", begun[mode][0], (), begun[mode][1])  # noqa: B023, E731
            with ThreadPoolExecutor(len(modes)) as threads:
                answers = dict(zip(modes, threads.map(complete, modes)))
            proxy.clear()
            for mode, answer in answers.items():
                self.assertIn(answer.status, (200, 503), answer)
                if answer.status == 503 or b"<Error>" in answer.body:
                    refused.add(mode)
                    self.assertEqual(404, client().head(self.bucket, f"{mode}-{kind}", None, modes[mode][1]).status, kind)
                    listed = client().get(self.bucket, f"{mode}-{kind}", begun[mode][0])
                    self.assertEqual((200, ["1", "2"]), (listed.status, listed.texts("Part/PartNumber")), kind)
                again = complete(mode)
                self.assertEqual((200, False), (again.status, b"<Error>" in again.body), again.body)
            kms.answers = None
            for mode, (_, reading) in modes.items():
                self.wait_for(lambda: client().get(self.bucket, f"{mode}-{kind}", None, reading).status != 503, "the service is left alone")  # noqa: B023
                self.assertTrue(client().get(self.bucket, f"{mode}-{kind}", None, reading).body == b"".join(PARTS), kind)
        self.assertEqual(set(modes), refused)

    def begin_and_send(self, client, key, headers):
        created = client.post(self.bucket, key, {"uploads": None}, headers)
        self.assertEqual(200, created.status, created.body)
        upload = {"uploadId": created.text("UploadId")}
        brings = headers if "x-amz-server-side-encryption" not in headers else {}
        sent = [client.put(self.bucket, key, {**upload, "partNumber": str(number)}, brings, part) for number, part in enumerate(PARTS, 1)]
        self.assertEqual([200] * 2, [answer.status for answer in sent])
        listed = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{answer.header('etag')}</ETag></Part>" for number, answer in enumerate(sent, 1))
        return upload, f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
