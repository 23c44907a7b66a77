"""tests/process/encrypted_buckets.py -- objects that are encrypted because their bucket or the server says so: what is put by each way,
what is refused where there is no key, and what the log of a bucket becomes; for tests/process/run.
"""

import os
from pathlib import Path

from encrypted import HEADER, MARK, SSE, words
from encryption import EncryptionCase
from forms import Form

BODY = words(3000)
VECTORS = Path(__file__).resolve().parents[1] / "vectors"
AGENT = "one-whom-only-the-log-knows"
DEFAULT = ("<ServerSideEncryptionConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Rule>%s"
           "</Rule></ServerSideEncryptionConfiguration>")
AES256 = "<ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault>"
LOGGING = ("<BucketLoggingStatus><LoggingEnabled><TargetBucket>logs</TargetBucket><TargetPrefix>log/</TargetPrefix></LoggingEnabled>"
           "</BucketLoggingStatus>")


class EncryptedBuckets(EncryptionCase):
    def set(self, daemon, rule=AES256, status=200, bucket="bucket"):
        answer = daemon.alice.put(bucket, None, {"encryption": None}, (), (DEFAULT % rule).encode())
        self.assertEqual(status, answer.status, answer.body)
        return answer

    def upload(self, daemon, key):
        """An object of one part; what the answers said of encryption."""
        alice = daemon.alice
        created = alice.post("bucket", key, {"uploads": None})
        part = {"partNumber": "1", "uploadId": created.text("UploadId")}
        sent = alice.put("bucket", key, part, (), BODY)
        listed = f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{sent.header('etag')}</ETag></Part></CompleteMultipartUpload>"
        done = alice.post("bucket", key, {"uploadId": part["uploadId"]}, (), listed.encode())
        self.assertEqual([200] * 3, [answer.status for answer in (created, sent, done)])
        return [answer.header(HEADER) for answer in (created, sent, done)]

    def put_by_each_way(self, daemon):
        """By all that makes an object and asks for nothing: key, and what the answers said."""
        alice = daemon.alice
        self.assertEqual(200, alice.put("plain", "source", None, (), BODY).status)
        copied = {"x-amz-copy-source": "plain/source"}
        yield "put", [alice.put("bucket", "put", None, (), BODY).header(HEADER)]
        yield "form", [Form(alice, "bucket", "form", BODY).send().header(HEADER)]
        yield "copy", [alice.put("bucket", "copy", None, copied).header(HEADER)]
        yield "parts", self.upload(daemon, "parts")

    def test_a_bucket_that_encrypts(self):
        """By each way, from then on, until it is removed; and nothing of it lies there in clear."""
        daemon = self.begin()
        alice = daemon.alice
        self.assertEqual(200, alice.put("plain").status)
        self.put(daemon, "before", BODY, ())
        self.set(daemon)
        self.assertEqual((DEFAULT % AES256).encode(), alice.get("bucket", None, {"encryption": None}).body.split(b"\n", 1)[1])
        for key, said in self.put_by_each_way(daemon):
            self.assertEqual({"AES256"}, set(said), key)
            self.assertEqual("AES256", alice.head("bucket", key).header(HEADER), key)
            self.assertEqual(BODY, alice.get("bucket", key).body, key)
        self.assertIsNone(alice.get("bucket", "before").header(HEADER))
        daemon.kill()
        self.restart(daemon)
        onto_itself = {"x-amz-copy-source": "bucket/before"}
        for status in (200, 400):  # the first encrypts it
            self.assertEqual(status, daemon.alice.put("bucket", "before", None, onto_itself).status)
        self.expect_object(daemon, "before", BODY)
        open_one = daemon.alice.post("bucket", "open", {"uploads": None}).text("UploadId")
        self.assertEqual(204, daemon.alice.delete("bucket", None, {"encryption": None}).status)
        answer = daemon.alice.put("bucket", "open", {"partNumber": "1", "uploadId": open_one}, (), BODY)
        self.assertEqual((200, "AES256"), (answer.status, answer.header(HEADER)), "an upload is what it was begun as")
        self.assertEqual(404, daemon.alice.get("bucket", None, {"encryption": None}).status)
        self.assertIsNone(self.put(daemon, "put", b"x", ()).header(HEADER))

    def test_an_import_is_refused(self):
        """It would store in clear; as before once the bucket is one that does not encrypt."""
        daemon = self.begin()
        self.set(daemon)
        self.assertEqual(0, daemon.stop())
        words = ("import", str(VECTORS / "ledger"), "--bucket", "bucket", "--backend", "dir:data")
        self.assertIn("encrypts what is put into it", self.run_bale(daemon, *words, expect=1))
        self.restart(daemon)
        self.assertEqual([], daemon.alice.get("bucket").texts("Contents/Key"))
        self.assertEqual(204, daemon.alice.delete("bucket", None, {"encryption": None}).status)
        self.assertEqual(0, daemon.stop())
        self.run_bale(daemon, *words)
        self.restart(daemon)
        self.assertNotEqual([], daemon.alice.get("bucket").texts("Contents/Key"))

    def test_nothing_lies_there_in_clear(self):
        """Nor what the access log of another bucket says."""
        daemon = self.begin("--access-log-period", "5m")
        alice = daemon.alice
        for bucket in ("logs", "plain"):
            self.assertEqual(200, alice.put(bucket).status)
        self.set(daemon)
        self.set(daemon, bucket="logs")
        self.set(daemon, bucket="plain")
        self.assertEqual(200, alice.put("bucket", None, {"logging": None}, (), LOGGING.encode()).status)
        for key, _ in self.put_by_each_way(daemon):
            self.assertEqual(BODY, alice.get("bucket", key, None, {"user-agent": AGENT}).body)
        self.assertEqual(0, daemon.stop())
        stored = self.stored(daemon)
        self.assertNotIn(MARK, stored)
        self.assertNotIn(AGENT.encode(), stored)
        self.restart(daemon)
        logs = daemon.alice.get("logs", None, {"list-type": "2"}).texts("Contents/Key")
        answers = [daemon.alice.get("logs", key) for key in logs]
        self.assertEqual({"AES256"}, {answer.header(HEADER) for answer in answers})
        self.assertIn(AGENT.encode(), b"".join(answer.body for answer in answers))

    def test_what_a_rule_may_be(self):
        daemon = self.begin()
        blocked = "<BlockedEncryptionTypes><EncryptionType>%s</EncryptionType></BlockedEncryptionTypes>"
        for rule, kept in ((AES256 + "<BucketKeyEnabled>true</BucketKeyEnabled>",) * 2, (blocked % "SSE-C", AES256 + blocked % "SSE-C"),
                           (AES256 + blocked % "NONE",) * 2):
            self.set(daemon, rule)
            self.assertIn((DEFAULT % kept).encode(), daemon.alice.get("bucket", None, {"encryption": None}).body)
        kms = AES256.replace("AES256", "aws:kms")
        for rule, status, code in ((kms.replace("kms", "kms:dsse"), 501, "NotImplemented"),
                                   (AES256.replace("AES256", "AES192"), 400, "MalformedXML"),
                                   (AES256.replace("</Apply", "<KMSMasterKeyID>k</KMSMasterKeyID></Apply"), 400, "MalformedXML"),
                                   (AES256 + "</Rule><Rule>" + AES256, 400, "MalformedXML"), ("", 400, "MalformedXML"),
                                   (AES256 + "<BucketKeyEnabled>yes</BucketKeyEnabled>", 400, "MalformedXML"),
                                   (AES256 + blocked % "SSE-X", 400, "MalformedXML")):
            self.assertIn(code, self.set(daemon, rule, status).body.decode(), rule)
        self.assertIn(blocked % "NONE", daemon.alice.get("bucket", None, {"encryption": None}).body.decode())
        self.set(daemon, blocked % "SSE-C")
        customer = {HEADER + "-customer-algorithm": "AES256"}
        self.assertIn(b"AccessDenied", self.put(daemon, "key", b"x", customer, 403).body)
        copied = {**customer, "x-amz-copy-source": "bucket/none"}
        self.assertEqual(403, daemon.alice.put("bucket", "key", None, copied).status)
        self.assertEqual(403, daemon.alice.post("bucket", "key", {"uploads": None}, customer).status)

    def test_policies_see_what_is_sent(self):
        """A default is no header: what a policy demands of requests it demands as ever."""
        daemon = self.begin()
        self.set(daemon)
        policy = ('{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:PutObject",'
                  '"Resource":"arn:aws:s3:::bucket/*","Condition":{"Null":{"s3:x-amz-server-side-encryption":"true"}}}]}')
        self.assertEqual(204, daemon.alice.put("bucket", None, {"policy": None}, (), policy.encode()).status)
        self.put(daemon, "key", BODY, (), 403)
        self.put(daemon, "key", BODY)

    def test_without_a_key_nothing_is_put(self):
        """Where the bucket encrypts and the server has no key; what it holds plain is read, and another bucket is as ever."""
        daemon = self.begin()
        self.assertEqual(200, daemon.alice.put("plain").status)
        self.put(daemon, "before", BODY, ())
        self.set(daemon)
        self.assertEqual(0, daemon.stop())
        daemon.options = daemon.options[:2]
        self.restart(daemon)
        alice = daemon.alice
        self.put(daemon, "key", BODY, (), 500)
        self.assertEqual(500, alice.post("bucket", "key", {"uploads": None}).status)
        self.assertEqual(500, alice.put("bucket", "key", None, {"x-amz-copy-source": "bucket/before"}).status)
        self.assertEqual(500, Form(alice, "bucket", "key", BODY).send().status)
        self.assertEqual(404, alice.head("bucket", "key").status)
        self.assertEqual(BODY, alice.get("bucket", "before").body)
        self.assertEqual(200, alice.put("plain", "key", None, (), BODY).status)
        self.set(daemon, status=501, bucket="plain")

    def test_a_server_that_encrypts(self):
        """--sse s3: all that is written, in any bucket; require: and nothing else is read."""
        daemon = self.begin()
        alice = daemon.alice
        self.assertEqual(200, alice.put("plain").status)
        self.put(daemon, "before", BODY, ())
        begun = alice.post("bucket", "begun", {"uploads": None}).text("UploadId")
        for word in ("s3", "require"):
            self.assertEqual(0, daemon.stop())
            daemon.options = [*daemon.options[:4], "--sse", word]
            self.restart(daemon)
            alice = daemon.alice
            self.assertIn(AES256.encode(), alice.get("bucket", None, {"encryption": None}).body)
            answer = alice.put("bucket", "begun", {"partNumber": "1", "uploadId": begun}, (), BODY)
            self.assertEqual((404, "NoSuchUpload"), (answer.status, answer.code))
            if word == "s3":
                for key, said in self.put_by_each_way(daemon):
                    self.assertEqual({"AES256"}, set(said), key)
                self.assertEqual(BODY, alice.get("bucket", "before").body)
        self.put(daemon, "after", BODY, ())
        for key in ("put", "form", "copy", "parts", "after"):
            self.assertEqual(BODY, alice.get("bucket", key).body)
        for answer in (alice.get("bucket", "before"), alice.get("bucket", "before", None, {"range": "bytes=0-1"}),
                       alice.get("bucket", "before", {"attributes": None}, {"x-amz-object-attributes": "ETag"}),
                       alice.put("bucket", "copy", None, {"x-amz-copy-source": "bucket/before"})):
            self.assertEqual((403, "AccessDenied"), (answer.status, answer.code), answer.body)
        self.assertEqual(403, alice.head("bucket", "before").status)
        self.assertEqual(204, alice.delete("bucket", "begun", {"uploadId": begun}).status)
        self.assertEqual(204, alice.delete("bucket", "before").status)

    def test_starts_that_are_refused(self):
        daemon = self.begin()
        self.assertEqual(0, daemon.stop())
        keyring = list(daemon.options)
        with open(os.open(os.path.join(daemon.folder, "s4"), os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
            file.write("[s4 1]\nmaterial = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n")
        for options in (keyring[:2] + ["--sse", "s3"], keyring[:2] + ["--sse", "require", "--raw"],
                        keyring[:2] + ["--keyring", "s4", "--sse", "s3"], keyring + ["--sse", "always"]):
            daemon.options = options
            with self.assertRaises(RuntimeError):
                daemon.start()
        daemon.options = keyring + ["--sse", "require"]
        self.restart(daemon)
        self.put(daemon, "key", BODY, SSE)
