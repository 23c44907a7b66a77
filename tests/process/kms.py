"""tests/process/kms.py -- objects under keys of a key service (SSE-KMS), where the keyring is that service: what is seen of them, what is
refused, and what lies in the folder; for tests/process/run.
"""

import base64
import hashlib
import json
import re
from pathlib import Path

import admin
from customers import PREFIX, customer, source
from encrypted import HEADER, MARK, SSE, forms_of, words
from encryption import BODIES, EncryptionCase
from forms import Form

KMS = {HEADER: "aws:kms"}
KEY_ID, CONTEXT, BUCKET_KEY = HEADER + "-aws-kms-key-id", HEADER + "-context", HEADER + "-bucket-key-enabled"
LEAST = 5 << 20  # of every part but the last
PARTS = (words(LEAST + 700_000, 31), words(70_001, 33))
RULE = ("<ServerSideEncryptionConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Rule><ApplyServerSideEncryptionByDefault>"
        "<SSEAlgorithm>aws:kms</SSEAlgorithm>%s</ApplyServerSideEncryptionByDefault>%s</Rule></ServerSideEncryptionConfiguration>")


def encoded(context):
    return base64.b64encode(context.encode()).decode()


def told(answer):
    """What an answer says of encryption."""
    return answer.header(HEADER), answer.header(KEY_ID), answer.header(BUCKET_KEY)


class KmsCase(EncryptionCase):
    def begin(self, *options):
        daemon = super().begin("--sse-c-over-http", "allow", *options)
        self.key = self.keyring(daemon, "list").split()[0]
        return daemon

    def keyring(self, daemon, *verbs):
        return self.run_bale(daemon, "keyring", *verbs, "--keyring", "keys")

    def put(self, daemon, key, body, headers=None, status=200):
        return super().put(daemon, key, body, KMS if headers is None else headers, status)

    def restart_whole(self, daemon):
        self.assertEqual(0, daemon.stop())
        self.restart(daemon)

    def expect_kms(self, daemon, key, body, said=None):
        for answer in (daemon.alice.get("bucket", key), daemon.alice.head("bucket", key)):
            self.assertEqual((200, said or ("aws:kms", self.key, None), str(len(body))),
                             (answer.status, told(answer), answer.header("content-length")), answer.body[:300])
            self.assertNotIn(hashlib.md5(body).hexdigest(), answer.header("etag"))
        self.assertTrue(daemon.alice.get("bucket", key).body == body, key)


class KmsObjects(KmsCase):
    def test_objects_are_what_they_were(self):
        daemon = self.begin("--log-level", "debug")
        alice = daemon.alice
        for key, body in BODIES.items():
            answer = self.put(daemon, key, body)
            self.assertEqual(("aws:kms", self.key, None), told(answer))
            self.assertEqual(answer.header("etag"), alice.head("bucket", key).header("etag"))
            self.expect_kms(daemon, key, body)
            for first, last in ((0, 0), (5, 99), (len(body) - 7, len(body) - 1), ((1 << 20) - 3, (1 << 20) + 3)):
                if 0 <= first <= last < len(body):
                    answer = alice.get("bucket", key, None, {"range": f"bytes={first}-{last}"})
                    self.assertEqual((206, body[first:last + 1]), (answer.status, answer.body))
        etags = {key: alice.head("bucket", key).header("etag").strip('"') for key in BODIES}
        self.assertEqual(etags, dict(re.findall(r"<Key>(\w+)</Key>.*?<ETag>(?:&quot;|\")(\w+)", alice.get("bucket").body.decode())))
        self.assertEqual(304, alice.get("bucket", "small", None, {"if-none-match": f'"{etags["small"]}"'}).status)
        self.assertEqual(len(BODIES), sum(value for row, value in admin.metrics(daemon.server).items()
                                          if row.startswith("bale_kms_objects_written_total")))
        daemon.kill()
        self.restart(daemon)
        for key, body in BODIES.items():
            self.expect_kms(daemon, key, body)
        self.assertEqual(0, daemon.stop())
        stored = self.stored(daemon) + daemon.log().encode()
        self.assertNotIn(MARK, stored)
        for key in ("small", "noise", "frames"):
            for form in (BODIES[key][:16], BODIES[key][-16:], *forms_of(BODIES[key])):
                self.assertNotIn(form, stored, key)
        material = base64.b64decode(re.search(r"material = (\S+)", (Path(daemon.folder) / "keys").read_text()).group(1))
        for form in (material, material.hex().encode(), base64.b64encode(material).rstrip(b"=")):
            self.assertNotIn(form, stored)
        backend = ("--backend", "dir:data")
        self.run_bale(daemon, "check", *backend)
        self.run_bale(daemon, "verify", "--deep", "--keyring", "keys", *backend)
        self.assertEqual(BODIES["small"].decode(), self.run_bale(daemon, "cat", "bucket/small", "--keyring", "keys", *backend))
        self.assertRegex(self.run_bale(daemon, "inspect", "bucket/small", *backend), rf"kms key id +{self.key}")

    def test_keys_and_contexts(self):
        """A key may be named, and be another than the active one; what is under it is counted under it, and what it needs is kept."""
        daemon = self.begin()
        named = {**KMS, KEY_ID: self.key, CONTEXT: encoded('{"project":"plans"}'), BUCKET_KEY: "true"}
        self.assertEqual(("aws:kms", self.key, "true"), told(self.put(daemon, "first", b"one", named)))
        other = re.search(r"The key (\w+)", self.keyring(daemon, "add")).group(1)
        self.put(daemon, "none", b"", {**KMS, KEY_ID: other}, 400)
        self.restart_whole(daemon)
        self.assertEqual(other, self.put(daemon, "second", b"two", {**KMS, KEY_ID: other}).header(KEY_ID))
        self.keyring(daemon, "activate", other)
        self.keyring(daemon, "retire", self.key)
        self.restart_whole(daemon)
        answer = self.put(daemon, "third", b"", {**KMS, KEY_ID: self.key}, 400)
        self.assertEqual("KMS.DisabledException", answer.code)
        self.assertEqual(other, self.put(daemon, "third", b"three").header(KEY_ID))
        self.expect_kms(daemon, "first", b"one", ("aws:kms", self.key, "true"))
        for key, body in (("second", b"two"), ("third", b"three")):
            self.expect_kms(daemon, key, body, ("aws:kms", other, None))
        used = self.keyring(daemon, "usage", "--backend", "dir:data")
        self.assertRegex(used, rf"{self.key} retired: 1 object")
        self.assertRegex(used, rf"{other} active: 2 object")
        self.keyring(daemon, "destroy", self.key, "--yes", "--backend", "dir:data")
        self.restart_whole(daemon)
        self.assertEqual(500, daemon.alice.get("bucket", "first").status)
        self.expect_kms(daemon, "second", b"two", ("aws:kms", other, None))

    def test_a_key_that_goes_meanwhile(self):
        """Destroyed while a body under it comes: that is refused, and not stored for nobody to read; under one that is only retired it is."""
        daemon = self.begin()
        gone = re.search(r"The key (\w+)", self.keyring(daemon, "add")).group(1)
        retired = re.search(r"The key (\w+)", self.keyring(daemon, "add")).group(1)
        self.restart_whole(daemon)
        for key, other, verbs, status in (("gone", gone, ("destroy", gone, "--backend", "dir:data"), 400), ("retired", retired, ("retire", retired), 200)):
            prepared = daemon.alice.prepare("PUT", "bucket", key, (), {**KMS, KEY_ID: other, "Expect": "100-continue"}, b"body")
            with daemon.alice.connect() as connection:
                connection.send(prepared.head)
                self.assertEqual(100, connection.read_head().status)  # its key is drawn
                self.keyring(daemon, *verbs)
                self.hang_up(daemon)
                connection.send(prepared.body)
                answer = connection.read_response()
            self.assertEqual(status, answer.status, answer.body)
        self.assertEqual(404, daemon.alice.get("bucket", "gone").status)
        self.expect_kms(daemon, "retired", b"body", ("aws:kms", retired, None))

    def test_what_is_refused(self):
        daemon = self.begin()
        long = encoded('{"a":"%s"}' % ("b" * 512))
        for headers, status, code in (({HEADER: "aws:kms:dsse"}, 501, "NotImplemented"),
                                      ({**KMS, KEY_ID: "invoices"}, 400, "KMS.NotFoundException"),
                                      ({**KMS, KEY_ID: "0123456789abcdef"}, 400, "KMS.NotFoundException"),
                                      ({**SSE, KEY_ID: self.key}, 400, "InvalidArgument"),
                                      ({KEY_ID: self.key}, 400, "InvalidArgument"),
                                      ({**SSE, CONTEXT: encoded("{}")}, 400, "InvalidArgument"),
                                      ({**KMS, CONTEXT: "{}"}, 400, "InvalidArgument"),
                                      ({**KMS, CONTEXT: encoded('{"a":1}')}, 400, "InvalidArgument"),
                                      ({**KMS, CONTEXT: encoded('["a"]')}, 400, "InvalidArgument"),
                                      ({**KMS, CONTEXT: long}, 400, "InvalidArgument"),
                                      ({**KMS, BUCKET_KEY: "perhaps"}, 400, "InvalidArgument"),
                                      ({**KMS, **customer()}, 400, "InvalidArgument")):
            answers = [self.put(daemon, "key", b"body", headers, status), daemon.alice.post("bucket", "key", {"uploads": None}, headers),
                       daemon.alice.put("bucket", "key", None, {**headers, "x-amz-copy-source": "bucket/none"})]
            self.assertEqual([(status, code)] * 3, [(answer.status, answer.code) for answer in answers], headers)
        self.assertEqual(404, daemon.alice.get("bucket", "key").status)
        self.put(daemon, "key", b"body")
        self.assertEqual(400, daemon.alice.get("bucket", "key", None, KMS).status)
        self.assertEqual(400, daemon.alice.get("bucket", "key", None, customer()).status)
        answer = self.put(daemon, "ours", b"body", {**SSE, BUCKET_KEY: "false"})
        self.assertEqual(("AES256", None, None), told(answer))

    def test_copies_change_the_mode(self):
        daemon = self.begin()
        alice = daemon.alice
        body = BODIES["frames"]
        self.put(daemon, "kms", body)
        self.put(daemon, "ours", body, SSE)
        self.put(daemon, "theirs", body, customer())
        self.put(daemon, "plain", body, ())
        for key, opened in (("kms", {}), ("ours", {}), ("theirs", source()), ("plain", {})):
            answer = alice.put("bucket", "copy", None, {**KMS, **opened, "x-amz-copy-source": f"bucket/{key}"})
            self.assertEqual((200, ("aws:kms", self.key, None)), (answer.status, told(answer)), answer.body)
            self.expect_kms(daemon, "copy", body)
        for headers in ({}, SSE, customer()):
            answer = alice.put("bucket", "copy", None, {**headers, "x-amz-copy-source": "bucket/kms"})
            self.assertEqual((200, headers.get(HEADER), None), (answer.status, *told(answer)[:2]), answer.body)
            opened = customer() if PREFIX + "key" in headers else {}
            self.assertEqual(body, alice.get("bucket", "copy", None, opened).body)
        self.assertEqual(400, alice.put("bucket", "kms", None, {"x-amz-copy-source": "bucket/kms", **source()}).status)
        onto_itself = {**KMS, "x-amz-copy-source": "bucket/ours"}
        self.assertEqual(200, alice.put("bucket", "ours", None, onto_itself).status)
        self.expect_kms(daemon, "ours", body)

    def test_uploads(self):
        """Begun with the header; parts and the end need not repeat it, and say so."""
        daemon = self.begin()
        alice = daemon.alice
        created = alice.post("bucket", "key", {"uploads": None}, {**KMS, BUCKET_KEY: "true"})
        said = ("aws:kms", self.key, "true")
        self.assertEqual((200, said), (created.status, told(created)), created.body)
        upload = {"uploadId": created.text("UploadId")}
        etags = []
        for number, body in enumerate(PARTS, 1):
            part = {**upload, "partNumber": str(number)}
            for headers in (SSE, customer(), {KEY_ID: "0123456789abcdef"}, {**KMS, CONTEXT: encoded("{}")}):
                self.assertEqual(400, alice.put("bucket", "key", part, headers, body).status)
            for headers in ({}, KMS, {**KMS, KEY_ID: self.key}):
                answer = alice.put("bucket", "key", part, headers, body)
                self.assertEqual((200, said), (answer.status, told(answer)), answer.body)
            etags.append(answer.header("etag"))
            self.assertNotIn(hashlib.md5(body).hexdigest(), etags)
        self.restart_whole(daemon)
        alice = daemon.alice
        listed = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>" for number, etag in enumerate(etags, 1))
        for _ in range(2):  # the answer was lost
            answer = alice.post("bucket", "key", upload, (), f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode())
            self.assertEqual((200, said), (answer.status, told(answer)), answer.body)
        self.expect_kms(daemon, "key", b"".join(PARTS), said)
        self.assertEqual(PARTS[1], alice.get("bucket", "key", {"partNumber": "2"}).body)
        plain = {"uploadId": alice.post("bucket", "plain", {"uploads": None}).text("UploadId"), "partNumber": "1"}
        self.assertEqual(400, alice.put("bucket", "plain", plain, {KEY_ID: self.key}, b"part").status)
        copied = alice.post("bucket", "copied", {"uploads": None}, KMS).text("UploadId")
        answer = alice.put("bucket", "copied", {"uploadId": copied, "partNumber": "1"}, {"x-amz-copy-source": "bucket/key"})
        self.assertEqual((200, ("aws:kms", self.key, None)), (answer.status, told(answer)), answer.body)
        self.assertEqual(0, daemon.stop())
        self.assertNotIn(MARK, self.stored(daemon))
        self.run_bale(daemon, "check", "--backend", "dir:data")

    def test_a_bucket_that_encrypts_so(self):
        daemon = self.begin()
        alice = daemon.alice
        self.put(daemon, "before", b"plain", ())
        for rule, status, code in ((RULE % ("<KMSMasterKeyID>none</KMSMasterKeyID>", ""), 400, "KMS.NotFoundException"),
                                   (RULE.replace("aws:kms", "aws:kms:dsse") % ("", ""), 501, "NotImplemented")):
            answer = alice.put("bucket", None, {"encryption": None}, (), rule.encode())
            self.assertEqual((status, code), (answer.status, answer.code))
        named = RULE % (f"<KMSMasterKeyID>{self.key}</KMSMasterKeyID>", "<BucketKeyEnabled>true</BucketKeyEnabled>")
        self.assertEqual(200, alice.put("bucket", None, {"encryption": None}, (), named.encode()).status)
        self.assertIn(named.encode(), alice.get("bucket", None, {"encryption": None}).body)
        said = ("aws:kms", self.key, "true")
        self.assertEqual(said, told(self.put(daemon, "put", b"put", ())))
        self.assertEqual(said, told(Form(alice, "bucket", "form", b"form").send()))
        self.assertEqual(said, told(alice.put("bucket", "before", None, {"x-amz-copy-source": "bucket/before"})))
        self.assertEqual(400, alice.put("bucket", "before", None, {"x-amz-copy-source": "bucket/before"}).status)
        self.assertEqual(said, told(alice.post("bucket", "parts", {"uploads": None})))
        for key, body in (("put", b"put"), ("form", b"form"), ("before", b"plain")):
            self.expect_kms(daemon, key, body, said)
        self.assertEqual(("AES256", None, None), told(self.put(daemon, "ours", b"ours", SSE)))
        self.assertEqual(said, told(self.put(daemon, "asked", b"", KMS)))
        for headers in ({KEY_ID: self.key}, {KEY_ID: self.key, CONTEXT: encoded("{}")}):  # AWS asks for the header beside it in such a bucket, too
            answers = [self.put(daemon, "named", b"", headers, 400), alice.post("bucket", "named", {"uploads": None}, headers),
                       alice.put("bucket", "named", None, {**headers, "x-amz-copy-source": "bucket/put"})]
            self.assertEqual([(400, "InvalidArgument")] * 3, [(answer.status, answer.code) for answer in answers])
        self.assertEqual(said, told(self.put(daemon, "context", b"", {CONTEXT: encoded("{}")})))
        for headers in ((), KMS):
            self.assertEqual(("aws:kms", self.key, None), told(self.put(daemon, "no", b"", {**dict(headers), BUCKET_KEY: "false"})))

    def test_forms_and_policies(self):
        daemon = self.begin()
        alice = daemon.alice
        form = Form(alice, "bucket", "form", b"form").add(HEADER, "aws:kms").add(KEY_ID, self.key)
        self.assertEqual(("aws:kms", self.key, None), told(form.send()))
        self.expect_kms(daemon, "form", b"form")
        deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject"}
        statements = [{**deny, "Resource": "arn:aws:s3:::bucket/*", "Condition": {"StringNotEquals": {"s3:" + HEADER: "aws:kms"}}},
                      {**deny, "Resource": "arn:aws:s3:::bucket/this/*", "Condition": {"StringNotEquals": {"s3:" + KEY_ID: self.key}}}]
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements}).encode()
        self.assertEqual(204, alice.put("bucket", None, {"policy": None}, (), policy).status)
        self.put(daemon, "key", b"", (), 403)
        self.put(daemon, "key", b"", SSE, 403)
        self.put(daemon, "key", b"")
        self.put(daemon, "this/key", b"", KMS, 403)
        named = {**KMS, KEY_ID: self.key}
        self.put(daemon, "this/key", b"", named)
        upload = {"uploadId": alice.post("bucket", "this/parts", {"uploads": None}, named).text("UploadId")}
        part = alice.put("bucket", "this/parts", {**upload, "partNumber": "1"}, (), b"part")
        self.assertEqual(200, part.status, part.body)
        listed = f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{part.header('etag')}</ETag></Part></CompleteMultipartUpload>"
        self.assertEqual(200, alice.post("bucket", "this/parts", upload, (), listed.encode()).status)
