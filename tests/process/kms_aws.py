"""tests/process/kms_aws.py -- objects under keys of AWS KMS (SSE-KMS): what it is asked, how its keys are named, and what becomes of reading and
writing when it refuses, is asked too often, silent or gone; for tests/process/run.
"""

import base64
import json
import os
import re
from unittest import mock

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from aws_kms_server import ACCOUNT, ALIAS, BLOB_BYTES, KEY, OTHER, REGION, AwsKmsServer, Refusal, arn
from encrypted import HEADER, MARK, SSE, forms_of, words
from encryption import BODIES
from kms import BUCKET_KEY, CONTEXT, KEY_ID, KMS, PARTS, RULE, encoded, told
from kms_services import KmsServiceCase

NAMED = {**KMS, KEY_ID: "payments"}
SAID = ("aws:kms", arn(KEY), None)
PROJECT = {CONTEXT: encoded('{"project" : "plans"} ')}


class KmsAws(KmsServiceCase):
    def begin_aws(self, *options, tls=False, key=ALIAS):
        """A daemon whose keyring names the service."""
        daemon = self.begin_with(AwsKmsServer, options, tls)
        self.credentials = os.path.join(self.secrets, "credentials")
        self.write_credentials("AKIAKMS", "a+secret/of-tests")
        self.add_service(daemon, "payments", key)
        self.restart(daemon)
        return daemon

    def add_service(self, daemon, name, key):
        self.add_section(daemon, name, provider="aws", region=REGION, url=self.service.url, key=key, credentials=self.credentials)

    def write_credentials(self, access_key, secret, token=None):
        with open(self.credentials, "w", encoding="ascii") as file:
            file.write(f"[default]\naws_access_key_id = {access_key}\naws_secret_access_key = {secret}\n")
            if token:
                file.write(f"aws_session_token = {token}\n")

    def test_the_stand_in_is_what_clients_of_aws_expect(self):
        """botocore's own client of KMS, against what the other tests have as the service."""
        self.service = AwsKmsServer()
        self.addCleanup(self.service.stop)

        def client(access_key="AKIAKMS", secret="a+secret/of-tests"):
            return boto3.client("kms", endpoint_url=self.service.url, region_name=REGION, aws_access_key_id=access_key, aws_secret_access_key=secret,
                                config=Config(retries={"total_max_attempts": 1}))

        context = {"aws:s3:arn": "arn:aws:s3:::bucket"}
        made = client().generate_data_key(KeyId=ALIAS, KeySpec="AES_256", EncryptionContext=context)
        self.assertEqual((arn(KEY), BLOB_BYTES, 32), (made["KeyId"], len(made["CiphertextBlob"]), len(made["Plaintext"])))
        opened = client().decrypt(CiphertextBlob=made["CiphertextBlob"], KeyId=KEY, EncryptionContext=context)
        self.assertEqual((arn(KEY), made["Plaintext"]), (opened["KeyId"], opened["Plaintext"]))
        self.service.states[arn(OTHER)] = ("DisabledException", "is disabled.")
        for name, ask in (("InvalidCiphertextException", lambda: client().decrypt(CiphertextBlob=made["CiphertextBlob"])),
                          ("IncorrectKeyException", lambda: client().decrypt(CiphertextBlob=made["CiphertextBlob"], KeyId=OTHER, EncryptionContext=context)),
                          ("NotFoundException", lambda: client().generate_data_key(KeyId="alias/none", KeySpec="AES_256")),
                          ("DisabledException", lambda: client().generate_data_key(KeyId=arn(OTHER), KeySpec="AES_256")),
                          ("InvalidSignatureException", lambda: client(secret="another").generate_data_key(KeyId=KEY, KeySpec="AES_256")),
                          ("UnrecognizedClientException", lambda: client("AKIANONE").generate_data_key(KeyId=KEY, KeySpec="AES_256"))):
            with self.assertRaises(ClientError) as raised:
                ask()
            self.assertEqual(name, raised.exception.response["Error"]["Code"])

    def test_objects_are_what_they_were(self):
        """Over TLS; one key for all that is written in one context, and none is asked for twice."""
        daemon = self.begin_aws("--log-level", "debug", tls=True)
        for key, body in BODIES.items():
            self.assertEqual(SAID, told(self.put(daemon, key, body, NAMED)))
            self.expect_kms(daemon, key, body, SAID)
        self.assertEqual(["GenerateDataKey"], self.service.calls)
        self.put(daemon, "other", b"other", {**NAMED, **PROJECT, BUCKET_KEY: "true"})
        bucket = {"aws:s3:arn": "arn:aws:s3:::bucket"}
        self.assertEqual([bucket, {**bucket, "project": "plans"}], self.service.contexts)
        self.restart_whole(daemon)
        self.assertEqual(200, daemon.alice.head("bucket", "small").status)
        self.assertEqual([], self.service.calls)  # what is not opened needs no key
        for key, body in BODIES.items():
            self.expect_kms(daemon, key, body, SAID)
            answer = daemon.alice.get("bucket", key, None, {"range": "bytes=-1"}) if body else None
            self.assertEqual(body[-1:], answer.body if body else b"")
        self.expect_kms(daemon, "other", b"other", ("aws:kms", arn(KEY), "true"))
        self.assertEqual(["Decrypt"] * 2, self.service.calls)
        self.assertEqual([bucket, {**bucket, "project": "plans"}], self.service.contexts[-2:])
        self.assertEqual(0, daemon.stop())
        stored = self.stored(daemon) + daemon.log().encode()
        self.assertEqual(2, len(self.service.given))
        for secret in (*self.service.given, b"a+secret/of-tests"):
            for form in (secret, secret.hex().encode(), base64.b64encode(secret).rstrip(b"=")):
                self.assertNotIn(form, stored)
        self.assertNotIn(MARK, stored)
        for form in (f for key in ("small", "noise") for f in forms_of(BODIES[key])):
            self.assertNotIn(form, stored)
        backend = ("--backend", "dir:data")
        self.run_bale(daemon, "check", *backend)
        self.assertIn(arn(KEY), self.run_bale(daemon, "inspect", "bucket/small", *backend))
        self.assertIn("key service", self.run_bale(daemon, "cat", "bucket/small", *backend, "--keyring", "keys", expect=1))
        before = self.text(daemon)
        self.keyring(daemon, "add")  # and what the file says of services stays in it
        for line in before[before.index("[kms"):].splitlines():
            self.assertIn(line, self.text(daemon).splitlines())
        self.restart_whole(daemon)
        self.expect_kms(daemon, "small", BODIES["small"], SAID)

    def test_keys_as_aws_names_them(self):
        """By the name of the section, as its line has it, and as answers tell it; other keys of the account are nobody's to name, unless all are."""
        daemon = self.begin_aws()
        alias_arn = f"arn:aws:kms:{REGION}:{ACCOUNT}:{ALIAS}"
        for name in ("payments", ALIAS, arn(KEY), KEY):
            self.assertEqual(SAID, told(self.put(daemon, "key", b"body", {**KMS, KEY_ID: name})), name)
        self.assertEqual(["GenerateDataKey"], self.service.calls)
        for name in (OTHER, arn(OTHER), "alias/none", arn(KEY, "us-east-1"), arn(KEY) + '"', KEY[:-1], alias_arn + "2"):
            self.refuse(self.put(daemon, "key", b"body", {**KMS, KEY_ID: name}, 400), 400, "KMS.NotFoundException")
        self.assertEqual(["GenerateDataKey"], self.service.calls)
        self.assertEqual(self.key, self.put(daemon, "ours", b"body", KMS).header(KEY_ID))  # the keyring's, where none is named
        self.assertEqual(0, daemon.stop())
        before = self.text(daemon)
        with open(os.path.join(daemon.folder, "keys"), "a", encoding="ascii") as file:  # one that is gone, and may have the key as well
            file.write(f"[kms gone]\nprovider = aws\nregion = {REGION}\nurl = http://127.0.0.1:1\nkey = {ALIAS}2\ncredentials = {self.credentials}\n")
        self.add_service(daemon, "behind", "alias/others")
        self.service.aliases["alias/others"] = arn(OTHER)
        self.restart(daemon)
        self.assertEqual(arn(OTHER), self.put(daemon, "key", b"body", {**KMS, KEY_ID: OTHER}).header(KEY_ID))
        self.refuse(self.put(daemon, "key", b"body", {**KMS, KEY_ID: arn(KEY)[:-1] + "0"}, 503), 503, "ServiceUnavailable")
        self.assertEqual(0, daemon.stop())
        with open(os.path.join(daemon.folder, "keys"), "w", encoding="ascii") as file:
            file.write(before)
        self.add_service(daemon, "all", "*")
        self.restart_whole(daemon)
        for name, said in ((OTHER, arn(OTHER)), (arn(OTHER), arn(OTHER)), (alias_arn, arn(KEY)), (ALIAS, arn(KEY))):
            self.assertEqual(("aws:kms", said, None), told(self.put(daemon, "key", b"body", {**KMS, KEY_ID: name})), name)
            self.expect_kms(daemon, "key", b"body", ("aws:kms", said, None))
        for name in ("alias/none", "all", "1234abcd-12ab-34cd-56ef-1234567890a0"):
            self.refuse(self.put(daemon, "none", b"body", {**KMS, KEY_ID: name}, 400), 400, "KMS.NotFoundException")
        rule = RULE % (f"<KMSMasterKeyID>{arn(OTHER)}</KMSMasterKeyID>", "<BucketKeyEnabled>true</BucketKeyEnabled>")
        self.assertEqual(200, daemon.alice.put("bucket", None, {"encryption": None}, (), rule.encode()).status)
        self.assertIn(rule.encode(), daemon.alice.get("bucket", None, {"encryption": None}).body)
        self.assertEqual(("aws:kms", arn(OTHER), "true"), told(self.put(daemon, "default", b"body", ())))
        self.refuse(self.put(daemon, "default", b"body", {KEY_ID: arn(OTHER)}, 400), 400, "InvalidArgument")
        deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::bucket/*",
                "Condition": {"StringNotEquals": {"s3:" + KEY_ID: arn(OTHER)}}}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]}).encode()
        self.assertEqual(204, daemon.alice.put("bucket", None, {"policy": None}, (), policy).status)
        self.put(daemon, "key", b"body", NAMED, 403)
        created = daemon.alice.post("bucket", "parts", {"uploads": None}, {**KMS, KEY_ID: arn(OTHER)})
        part = daemon.alice.put("bucket", "parts", {"uploadId": created.text("UploadId"), "partNumber": "1"}, (), b"part")
        self.assertEqual(200, part.status, part.body)

    def test_uploads_and_copies(self):
        daemon = self.begin_aws()
        alice = daemon.alice
        created = alice.post("bucket", "parts", {"uploads": None}, {**NAMED, **PROJECT})
        self.assertEqual((200, SAID), (created.status, told(created)), created.body)
        upload = {"uploadId": created.text("UploadId")}
        self.restart_whole(daemon)
        alice = daemon.alice
        sent = [alice.put("bucket", "parts", {**upload, "partNumber": str(number)}, named, part)
                for number, (part, named) in enumerate(zip(PARTS, ({**KMS, KEY_ID: ALIAS}, {**KMS, KEY_ID: arn(KEY)})), 1)]
        self.assertEqual([(200, SAID)] * 2, [(answer.status, told(answer)) for answer in sent])
        self.assertEqual(400, alice.put("bucket", "parts", {**upload, "partNumber": "3"}, {**KMS, KEY_ID: arn(OTHER)}, b"part").status)
        self.assertEqual(["Decrypt"], self.service.calls)
        self.restart_whole(daemon)
        alice = daemon.alice
        listed = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{answer.header('etag')}</ETag></Part>" for number, answer in enumerate(sent, 1))
        answer = alice.post("bucket", "parts", upload, (), f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode())
        self.assertEqual((200, SAID, []), (answer.status, told(answer), self.service.calls), answer.body)
        self.expect_kms(daemon, "parts", b"".join(PARTS), SAID)
        self.assertEqual(200, alice.put("second").status)
        for target, headers, said in ((("second", "copy"), NAMED, SAID), (("bucket", "copy"), SSE, ("AES256", None, None))):
            answer = alice.put(*target, None, {**headers, "x-amz-copy-source": "bucket/parts"})
            self.assertEqual((200, said), (answer.status, told(answer)), answer.body)
        answer = alice.put("bucket", "back", None, {**NAMED, "x-amz-copy-source": "second/copy"})
        self.assertEqual((200, SAID), (answer.status, told(answer)), answer.body)
        self.restart_whole(daemon)
        answer = daemon.alice.put("bucket", "again", None, {"x-amz-copy-source": "second/copy"})  # opened in its source's bucket
        self.assertEqual(200, answer.status, answer.body)
        self.assertEqual("arn:aws:s3:::second", self.service.contexts[-1]["aws:s3:arn"])
        for bucket, key in (("second", "copy"), ("bucket", "copy"), ("bucket", "back"), ("bucket", "again")):
            self.assertTrue(daemon.alice.get(bucket, key).body == b"".join(PARTS), key)

    def test_when_it_refuses(self):
        daemon = self.begin_aws()
        self.put(daemon, "key", words(1000), NAMED)
        state = lambda kind: lambda: self.service.states.update({arn(KEY): (kind, "of tests")})  # noqa: E731
        answers = lambda kind, status=400: lambda: setattr(self.service, "answers", Refusal(kind, "of tests", status))  # noqa: E731
        for trouble, status, code in ((state("DisabledException"), 400, "KMS.DisabledException"),
                                      (state("KMSInvalidStateException"), 400, "KMS.KMSInvalidStateException"),
                                      (lambda: self.service.keys.pop(arn(KEY)), 400, "KMS.NotFoundException"),
                                      (answers("AccessDeniedException"), 403, "AccessDenied"),
                                      (lambda: self.write_credentials("AKIANONE", "a+secret/of-tests"), 403, "AccessDenied"),
                                      (lambda: self.write_credentials("AKIAKMS", "another+secret"), 403, "AccessDenied"),
                                      (lambda: os.unlink(self.credentials), 503, "ServiceUnavailable"),
                                      (answers("ThrottlingException"), 503, "SlowDown"),
                                      (answers("LimitExceededException"), 503, "SlowDown"),
                                      (answers("KMSInternalException", 500), 503, "ServiceUnavailable"),
                                      (answers("com.amazonaws.kms#NotFoundException"), 400, "KMS.NotFoundException"),
                                      (lambda: setattr(self.service, "blob_bytes", 513), 503, "ServiceUnavailable")):
            keys, self.service.states, self.service.answers, self.service.blob_bytes = dict(self.service.keys), {}, None, BLOB_BYTES
            self.write_credentials("AKIAKMS", "a+secret/of-tests")
            self.restart_whole(daemon)
            trouble()
            self.refuse(self.put(daemon, "new", b"new", NAMED, status), status, code)
            if self.service.blob_bytes == BLOB_BYTES and keys == self.service.keys:
                self.refuse(daemon.alice.get("bucket", "key"), status, code)
            self.assertEqual(404, daemon.alice.head("bucket", "new").status)
            self.assertEqual(200, daemon.alice.head("bucket", "key").status)
            self.service.keys = keys
        self.assertNotIn("a+secret/of-tests", daemon.log())
        self.assertNotIn("another+secret", daemon.log())

    def test_a_broken_key_holds_up_itself_alone(self):
        """What the service answers of one key is no reason to refuse another one's; that it is not asked again at once is."""
        daemon = self.begin_aws(key="*")
        for kind in ("KeyUnavailableException", "SomethingNewException"):
            self.service.states = {arn(OTHER): (kind, "is broken.")}
            self.refuse(self.put(daemon, "broken", b"body", {**KMS, KEY_ID: OTHER}, 503), 503, "ServiceUnavailable")
            context = {CONTEXT: encoded(json.dumps({"n": kind}))}
            self.assertEqual(SAID, told(self.put(daemon, "whole", b"body", {**KMS, KEY_ID: KEY, **context})))
            self.expect_kms(daemon, "whole", b"body", SAID)
        self.service.states = {}
        self.wait_for(lambda: daemon.alice.put("bucket", "broken", None, {**KMS, KEY_ID: OTHER}, b"body").status == 200)

    def test_what_is_kept_is_as_long_as_may_be(self):
        """The longest blob, and the longest context that goes with it; a longer one is refused, and not stored without."""
        daemon = self.begin_aws()
        self.service.blob_bytes = 512
        self.assertEqual(SAID, told(self.put(daemon, "key", b"body", NAMED)))
        self.refuse(self.put(daemon, "long", b"body", {**NAMED, CONTEXT: encoded(json.dumps({"a": "b" * 200}))}, 400), 400, "InvalidArgument")
        self.service.blob_bytes = BLOB_BYTES
        room = 696 - 36 - len("payments") - 3 - len(arn(KEY)) - BLOB_BYTES
        for size, status in ((room, 200), (room + 1, 400)):
            context = json.dumps({"a": "b" * (size - len('{"a": ""}'))})
            answer = self.put(daemon, "context", b"body", {**NAMED, CONTEXT: encoded(context), "x-amz-checksum-algorithm": "SHA256"}, status)
            self.assertEqual(size, len(context))
        self.assertEqual("InvalidArgument", answer.code)
        self.refuse(self.put(daemon, "arn", b"body", {**NAMED, CONTEXT: encoded('{"aws:s3:arn":"arn:aws:s3:::another"}')}, 400), 400, "InvalidArgument")
        self.restart_whole(daemon)
        for key in ("key", "context"):
            self.expect_kms(daemon, key, b"body", SAID)
        self.assertEqual(0, daemon.stop())
        self.run_bale(daemon, "check", "--backend", "dir:data")

    def test_credentials_that_change(self):
        """Whoever renews them writes the file anew; what the service calls expired is looked for again before anything is refused."""
        daemon = self.begin_aws()
        self.put(daemon, "key", b"body", NAMED)
        self.service.credentials = {"ASIAKMS": ("another+secret", "a-token")}
        self.write_credentials("ASIAKMS", "another+secret", "a-token")
        self.put(daemon, "other", b"other", {**NAMED, **PROJECT})
        self.assertEqual(["GenerateDataKey"] * 3, self.service.calls)
        self.assertNotIn("a-token", daemon.log())

    def test_the_keyring_is_rotated_beside_it(self):
        """What the keyring has of an object comes under another key of it; the service's stays, and is not asked."""
        daemon = self.begin_aws()
        self.put(daemon, "key", b"body", {**NAMED, **PROJECT, BUCKET_KEY: "true"})
        other = re.search(r"The key (\w+)", self.keyring(daemon, "add")).group(1)
        self.keyring(daemon, "activate", other)
        self.assertEqual(0, daemon.stop())
        self.service.calls.clear()
        self.run_bale(daemon, "keyring", "rotate", "--keyring", "keys", "--backend", "dir:data")
        self.keyring(daemon, "retire", self.key)
        self.keyring(daemon, "destroy", self.key, "--yes", "--backend", "dir:data")
        self.assertEqual([], self.service.calls)
        self.restart(daemon)
        self.expect_kms(daemon, "key", b"body", ("aws:kms", arn(KEY), "true"))
        self.assertEqual(["Decrypt"], self.service.calls)

    def test_credentials_where_sdks_look(self):
        """Without a file of its own: those of the environment, and with a profile those of the shared files."""
        daemon = self.begin_aws()
        text = self.text(daemon)
        without = "".join(line for line in text.splitlines(True) if not line.startswith("credentials"))
        home = os.path.join(daemon.folder, "home")
        os.makedirs(os.path.join(home, ".aws"))
        with open(os.path.join(home, ".aws", "credentials"), "w", encoding="ascii") as file:
            file.write("[keys]\naws_access_key_id = AKIAKMS\naws_secret_access_key = a+secret/of-tests\n")
        for added, environment in (("", {"AWS_ACCESS_KEY_ID": "AKIAKMS", "AWS_SECRET_ACCESS_KEY": "a+secret/of-tests"}),
                                   ("profile = keys\n", {"HOME": home, "AWS_ACCESS_KEY_ID": "AKIANONE", "AWS_SECRET_ACCESS_KEY": "none"})):
            self.assertEqual(0, daemon.stop())
            with open(os.path.join(daemon.folder, "keys"), "w", encoding="ascii") as file:
                file.write(without + added)
            with mock.patch.dict(os.environ, {**environment, "AWS_EC2_METADATA_DISABLED": "true"}):
                self.restart(daemon)
            self.assertEqual(SAID, told(self.put(daemon, "key", b"body", NAMED)))
            self.expect_kms(daemon, "key", b"body", SAID)

    def test_when_it_is_gone(self):
        """What was opened is read, and written with, for a while; all else waits until it is there again."""
        daemon = self.begin_aws()
        body = words(1000)
        self.put(daemon, "first", body, NAMED)
        self.put(daemon, "other", body, {**NAMED, **PROJECT})
        self.restart_whole(daemon)
        self.assertEqual(body, daemon.alice.get("bucket", "first").body)
        self.service.stop()
        self.assertEqual(body, daemon.alice.get("bucket", "first").body)
        self.refuse(daemon.alice.get("bucket", "other"), 503, "ServiceUnavailable")
        self.refuse(self.put(daemon, "new", body, NAMED, 503), 503, "ServiceUnavailable")
        self.put(daemon, "ours", body, SSE)
        daemon.kill()
        keys, port = self.service.keys, self.service.port
        self.service = AwsKmsServer(port=port)
        self.service.keys = keys
        self.restart(daemon)
        self.expect_kms(daemon, "other", body, SAID)
        self.expect_kms(daemon, "first", body, SAID)
        self.put(daemon, "new", body, NAMED)

    def test_files_that_are_refused(self):
        daemon = self.begin_aws()
        self.assertEqual(0, daemon.stop())
        text = self.text(daemon)
        for bad in (text.replace("= aws", "= gcp"), text.replace("url = ", "url = ftp:"), text.replace(f"key = {ALIAS}", "key = a b"),
                    re.sub("region = .*\n", "", text), re.sub("key = alias.*\n", "", text), text + "token-file = /none\n", text + "mount = transit\n"):
            with open(os.path.join(daemon.folder, "keys"), "w", encoding="ascii") as file:
                file.write(bad)
            self.assertNotEqual(text, bad)
            self.run_bale(daemon, "keyring", "list", "--keyring", "keys", expect=1)
