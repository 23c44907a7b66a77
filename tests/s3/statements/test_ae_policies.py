"""tests/s3/statements/test_ae_policies.py -- bucket policies as requests meet them: statements 504, 505, 520 to 545.

The language itself is tested where it lives (tests/unit/policy, tests/policy)."""

import os
import time

import acls
import admin
import checksums
import forms
from acls import ANONYMOUS, arn, statement
from case import S3Case, needs
from client import Client
from daemon import Daemon
from test_ab_locks import later
from test_ac_acls import WRITER
from test_ad_anonymous import BLOCK, POLICY, AnonymousCase

STATUS = {"policyStatus": None}
TAGGING = {"tagging": None}


class PolicyCase(AnonymousCase):
    def policy_bucket(self, *statements, ownership=None):
        """Statements are functions of the bucket's name."""
        bucket = self.bucket_of(ownership)
        self.set_policy(bucket, *statements)
        return bucket

    def set_policy(self, bucket, *statements):
        self.assert_status(204, self.put_policy(bucket, *(make(bucket) for make in statements)))

    def allow(self, action, key=None, principal="*", **conditions):
        return lambda bucket: statement("Allow", principal, action, arn(bucket, key), **conditions)

    def deny(self, action, key=None, principal="*", **conditions):
        return lambda bucket: statement("Deny", principal, action, arn(bucket, key), **conditions)


@needs("settings")
class Calls(PolicyCase):
    def test_504_the_same_bytes(self):
        bucket = self.bucket_of(None)
        self.assert_error(self.alice.get(bucket, None, POLICY), 404, "NoSuchBucketPolicy")
        text = ('{ "Version":"2012-10-17",\n "Statement" : [{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",'
                f'"Resource":"arn:aws:s3:::{bucket}/ä*"}}] }}').encode()
        answer = self.alice.put(bucket, None, POLICY, (), text)
        self.assert_status(204, answer)
        self.assertEqual(b"", answer.body)
        answer = self.alice.get(bucket, None, POLICY)
        self.assert_status(200, answer)
        self.assertEqual("application/json", answer.header("content-type"))
        self.assertEqual(text, answer.body)
        for _ in range(2):
            self.assert_status(204, self.alice.delete(bucket, None, POLICY))
        self.assert_error(self.alice.get(bucket, None, POLICY), 404, "NoSuchBucketPolicy")

    def test_504_506_refused_and_the_old_one_stays(self):
        bucket = self.policy_bucket(self.allow("s3:GetObject", "*"))
        before = self.alice.get(bucket, None, POLICY).body
        for text in (b"", b"x", b"[]", b"{}", b'{"Version":"2012-10-17"}', before.replace(b"Allow", b"allow"),
                     before.replace(b"GetObject", b"GetNothing"), before.replace(bucket.encode(), b"another-bucket"),
                     before + b" " * 20480):
            answer = self.alice.put(bucket, None, POLICY, (), text)
            self.assert_error(answer, 400, "MissingRequestBodyError" if not text else "MalformedPolicy")
        self.assertEqual(before, self.alice.get(bucket, None, POLICY).body)

    def test_505_policy_status(self):
        bucket = self.bucket_of(WRITER)

        def status():
            return self.assert_success_xml(self.alice.get(bucket, None, STATUS), "PolicyStatus").text("IsPublic")
        self.assertEqual("false", status())
        self.set_policy(bucket, self.allow("s3:ListBucket"))
        self.assertEqual("true", status())
        self.set_policy(bucket, self.allow("s3:ListBucket", principal={"AWS": self.b}))
        self.assertEqual("false", status())
        self.assert_status(200, self.put_acl(bucket, headers={"x-amz-acl": "public-read"}))
        self.assertEqual("true", status())
        self.put_block(bucket, "IgnorePublicAcls")
        self.assertEqual("false", status())

    def test_528_policy_calls_of_others(self):
        bucket = self.bucket_of(None)
        calls = (lambda: self.bob.get(bucket, None, POLICY), lambda: self.bob.put(bucket, None, POLICY, (), b"{}"),
                 lambda: self.bob.delete(bucket, None, POLICY))
        for call in calls:
            self.assert_denied(call())
        self.set_policy(bucket, self.allow(["s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"],
                                           principal={"AWS": self.b}))
        for call in calls:
            self.assertEqual(405, call().status)

    def test_529_545_the_way_back(self):
        bucket = self.policy_bucket(self.deny("s3:*"), self.deny("s3:*", "*"))
        for answer in (self.alice.get(bucket), self.alice.put(bucket, "k", (), (), b"x"), self.alice.delete(bucket)):
            self.assert_denied(answer)
        self.assert_status(200, self.alice.get(bucket, None, POLICY))
        self.set_policy(bucket, self.deny("s3:ListBucket"))
        self.put("k", b"x", bucket=bucket)
        self.assert_denied(self.alice.get(bucket))
        self.assert_status(204, self.alice.delete(bucket, None, POLICY))
        self.assert_status(200, self.alice.get(bucket))

    def test_543_the_next_request_sees_it(self):
        bucket = self.bucket_of(None)
        for _ in range(5):
            self.set_policy(bucket, self.allow("s3:ListBucket"))
            self.assert_status(200, self.anonymous("GET", bucket))
            self.assert_status(204, self.alice.delete(bucket, None, POLICY))
            self.assert_denied(self.anonymous("GET", bucket))


@needs("settings")
class Rights(PolicyCase):
    def test_513_bucket_and_objects(self):
        bucket = self.policy_bucket(self.allow("s3:GetObject", "open/*", {"AWS": self.b}))
        for key in ("open/k", "closed"):
            self.put(key, b"x", bucket=bucket)
        self.assert_object("open/k", b"x", bucket, self.bob)
        for answer in (self.bob.get(bucket, "closed"), self.bob.get(bucket), self.bob.put(bucket, "open/k", (), (), b"y")):
            self.assert_denied(answer)

    def test_521_lists_by_prefix(self):
        bucket = self.policy_bucket(self.allow("s3:ListBucket", principal={"AWS": self.b}, StringEquals={"s3:prefix": "a/"}))
        self.assert_status(200, self.list(("prefix", "a/"), bucket=bucket, client=self.bob))
        for query in ((), (("prefix", "a"),), (("prefix", ""),)):
            self.assert_denied(self.list(*query, bucket=bucket, client=self.bob))
        self.set_policy(bucket, self.allow("s3:ListBucket", principal={"AWS": self.b}, Null={"s3:prefix": "true"}))
        self.assert_status(200, self.list(bucket=bucket, client=self.bob))
        self.assert_denied(self.list(("prefix", ""), bucket=bucket, client=self.bob))

    def test_522_headers_as_sent(self):
        bucket = self.policy_bucket(
            self.allow("s3:PutObject", "*", {"AWS": self.b}, StringEquals={"s3:x-amz-storage-class": "STANDARD_IA"}))
        self.assert_denied(self.bob.put(bucket, "k", (), (), b"x"))
        self.assert_denied(self.bob.put(bucket, "k", (), {"x-amz-storage-class": "STANDARD"}, b"x"))
        self.assert_status(200, self.bob.put(bucket, "k", (), {"x-amz-storage-class": "STANDARD_IA"}, b"x"))

    def test_522_523_copies(self):
        source = self.policy_bucket(self.allow("s3:GetObject", "*", {"AWS": self.b}))
        for key in ("public/a b", "private/x"):
            self.put(key, b"x", bucket=source)
        target = self.policy_bucket(self.allow("s3:PutObject", "*", {"AWS": self.b}, StringLike={
            "s3:x-amz-copy-source": f"{source}/public/*"}, StringEquals={"s3:x-amz-metadata-directive": "COPY"}))
        directive = {"x-amz-metadata-directive": "COPY"}
        for written in (f"{source}/public/a%20b", f"/{source}/public/a+b"):
            self.assert_status(200, self.bob.put(target, "k", (), {"x-amz-copy-source": written, **directive}))
        self.assert_denied(self.bob.put(target, "k", (), {"x-amz-copy-source": f"{source}/public/a%20b"}))
        self.assert_denied(self.bob.put(target, "k", (), {"x-amz-copy-source": f"{source}/private/x", **directive}))

    def test_483_tags_that_are_copied_are_read(self):
        source = self.policy_bucket(self.allow("s3:GetObject", "*", {"AWS": self.b}))
        self.put("k", b"x", {"x-amz-tagging": "a=b"}, bucket=source)
        own = self.bucket_of(client=self.bob)
        copy = {"x-amz-copy-source": f"{source}/k"}
        self.assert_denied(self.bob.put(own, "k", (), copy))
        self.assert_status(200, self.bob.put(own, "k", (), {**copy, "x-amz-tagging-directive": "REPLACE"}))
        self.set_policy(source, self.allow(["s3:GetObject", "s3:GetObjectTagging"], "*", {"AWS": self.b}))
        self.assert_status(200, self.bob.put(own, "k", (), copy))

    def test_524_tags_before_the_request(self):
        bucket = self.policy_bucket(self.allow(["s3:GetObject", "s3:PutObjectTagging"], "*", {"AWS": self.b}, StringEquals={
            "s3:ExistingObjectTag/security": "public"}))
        self.put("public", b"x", {"x-amz-tagging": "security=public&foo=bar"}, bucket=bucket)
        self.put("private", b"x", {"x-amz-tagging": "security=private"}, bucket=bucket)
        self.put("untagged", b"x", bucket=bucket)
        self.assert_object("public", b"x", bucket, self.bob)
        for key in ("private", "untagged"):
            self.assert_denied(self.bob.get(bucket, key))
        document = "<Tagging><TagSet><Tag><Key>security</Key><Value>private</Value></Tag></TagSet></Tagging>"
        self.assert_status(200, self.put_tags(bucket, "public", document))
        self.assert_denied(self.put_tags(bucket, "public", document))
        self.assert_denied(self.bob.get(bucket, "public"))

    def put_tags(self, bucket, key, document):
        return self.bob.put(bucket, key, TAGGING, {"Content-MD5": checksums.md5_base64(document.encode())}, document)

    @needs("tags at once")
    def test_524_tags_are_put_to_what_was_judged(self):
        """The object is replaced behind the decision, before the body has come."""
        bucket = self.policy_bucket(self.allow("s3:PutObjectTagging", "*", {"AWS": self.b}, StringEquals={
            "s3:ExistingObjectTag/security": "public"}))
        document = b"<Tagging><TagSet><Tag><Key>security</Key><Value>given</Value></Tag></TagSet></Tagging>"
        headers = {"Content-MD5": checksums.md5_base64(document), "Expect": "100-continue"}
        for key in ("k", "replaced"):
            self.put(key, b"x", {"x-amz-tagging": "security=public"}, bucket=bucket)
            prepared = self.bob.prepare("PUT", bucket, key, TAGGING, headers, document)
            with self.bob.connect() as connection:
                connection.send(prepared.head)
                self.assertEqual(100, connection.read_head().status)
                if key == "replaced":
                    self.put(key, b"y", {"x-amz-tagging": "security=private"}, bucket=bucket)
                connection.send(prepared.body)
                self.assertEqual(403 if key == "replaced" else 200, connection.read_response().status)
            self.assertEqual(["private" if key == "replaced" else "given"],
                             self.alice.get(bucket, key, TAGGING).texts("TagSet/Tag/Value"))

    @needs("versions")
    def test_523_a_policy_may_name_a_version(self):
        bucket = self.bucket_of()
        versioning = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        self.assert_status(200, self.alice.put(bucket, None, {"versioning": None}, (), versioning))
        first, second = (self.put("k", body, bucket=bucket).header("x-amz-version-id") for body in (b"1", b"2"))
        self.set_policy(bucket, self.allow(["s3:GetObject*", "s3:DeleteObjectVersion"], "*", {"AWS": self.b}, StringEquals={"s3:VersionId": first}))
        self.assertEqual(b"1", self.bob.get(bucket, "k", {"versionId": first}).body)
        self.assert_status(200, self.bob.get(bucket, "k", {"tagging": None, "versionId": first}))
        for query in ({"versionId": second}, {"versionId": "null"}, ()):
            self.assert_denied(self.bob.get(bucket, "k", query))
        document = "".join(f"<Object><Key>k</Key><VersionId>{version}</VersionId></Object>" for version in (second, first))
        answer = self.bob.delete_objects(bucket, f"<Delete>{document}</Delete>")
        self.assertEqual(([first], [second]), (answer.texts("Deleted/VersionId"), answer.texts("Error/VersionId")))
        self.assertEqual(b"2", self.get("k", bucket=bucket).body)

    def test_525_tags_of_the_request(self):
        bucket = self.policy_bucket(
            self.allow(["s3:PutObject", "s3:PutObjectTagging"], "*", {"AWS": self.b}, StringEquals={
                "s3:RequestObjectTag/security": "public"}, **{"ForAllValues:StringEquals": {
                    "s3:RequestObjectTagKeys": ["security", "colour"]}}))
        for tags in (None, "security=private", "security=public&other=x"):
            self.assert_denied(self.bob.put(bucket, "k", (), {"x-amz-tagging": tags} if tags else (), b"x"))
        self.assert_status(200, self.bob.put(bucket, "k", (), {"x-amz-tagging": "security=public&colour=red"}, b"x"))
        for value, status in (("private", 403), ("public", 200)):
            document = f"<Tagging><TagSet><Tag><Key>security</Key><Value>{value}</Value></Tag></TagSet></Tagging>"
            self.assert_status(status, self.put_tags(bucket, "k", document))

    def locked_bucket(self, *statements):
        """With an object `k` in it."""
        bucket = self.bucket_name()
        self.assert_status(200, self.alice.put(bucket, None, (), {"x-amz-bucket-object-lock-enabled": "true"}))
        self.put("k", b"x", bucket=bucket)
        self.set_policy(bucket, *statements)
        return bucket

    def ask_lock(self, bucket, call, document, headers=(), key="k", client=None):
        digest = {"Content-MD5": checksums.md5_base64(document.encode())}
        return (client or self.bob).put(bucket, key, {call: None}, {**digest, **dict(headers)}, document)

    def retain(self, bucket, mode, days, headers=(), key="k", client=None):
        document = f"<Retention><Mode>{mode}</Mode><RetainUntilDate>{later(days=days)}</RetainUntilDate></Retention>"
        return self.ask_lock(bucket, "retention", document, headers, key, client)

    @needs("object lock")
    def test_526_a_retention_as_the_body_asks_it(self):
        bucket = self.locked_bucket(self.allow("s3:PutObjectRetention", "*", {"AWS": self.b}, StringEquals={
            "s3:object-lock-mode": "GOVERNANCE"}, NumericLessThanEquals={"s3:object-lock-remaining-retention-days": "10"}))
        allowed = {"x-amz-object-lock-mode": "GOVERNANCE", "x-amz-object-lock-retain-until-date": later(days=5)}
        for headers in ((), allowed):
            for mode, days in (("COMPLIANCE", 5), ("GOVERNANCE", 12)):
                self.assert_denied(self.retain(bucket, mode, days, headers))
            self.assert_denied(self.ask_lock(bucket, "retention", "<Retention/>", headers))
        self.assert_error(self.alice.get(bucket, "k", {"retention": None}), 404, "NoSuchObjectLockConfiguration")
        self.assert_status(200, self.retain(bucket, "GOVERNANCE", 5, {"x-amz-object-lock-mode": "COMPLIANCE"}))
        self.assert_status(200, self.retain(bucket, "GOVERNANCE", 9.9))
        self.assertEqual("GOVERNANCE", self.alice.get(bucket, "k", {"retention": None}).text("Mode"))

    @needs("object lock")
    def test_526_534_what_the_body_refuses_says_nothing_of_the_object(self):
        bucket = self.locked_bucket(self.allow("s3:PutObjectRetention", "*", {"AWS": self.b}, StringEquals={
            "s3:object-lock-mode": "GOVERNANCE"}))
        self.assert_denied(self.retain(bucket, "COMPLIANCE", 5, key="missing"))
        self.assert_error(self.retain(bucket, "GOVERNANCE", 5, key="missing"), 404, "NoSuchKey")

    @needs("object lock")
    def test_526_denied_even_to_the_owner(self):
        date = later(days=30)
        bucket = self.locked_bucket(
            self.deny("s3:PutObjectRetention", "*", DateGreaterThan={"s3:object-lock-retain-until-date": date}))
        self.assert_denied(self.retain(bucket, "COMPLIANCE", 31, client=self.alice))
        self.assert_status(200, self.retain(bucket, "GOVERNANCE", 29, client=self.alice))

    @needs("object lock")
    def test_526_a_hold_as_the_body_asks_it(self):
        bucket = self.locked_bucket(self.allow("s3:PutObjectLegalHold", "*", {"AWS": self.b}, StringEquals={
            "s3:object-lock-legal-hold": "ON"}))
        for headers in ((), {"x-amz-object-lock-legal-hold": "ON"}):
            self.assert_denied(self.ask_lock(bucket, "legal-hold", "<LegalHold><Status>OFF</Status></LegalHold>", headers))
        self.assert_status(200, self.ask_lock(bucket, "legal-hold", "<LegalHold><Status>ON</Status></LegalHold>",
                                              {"x-amz-object-lock-legal-hold": "OFF"}))
        self.assertEqual("ON", self.alice.get(bucket, "k", {"legal-hold": None}).text("Status"))

    def test_525_tags_that_a_copy_takes_along(self):
        """They are put as well as those of a header: who may not put tags may not copy them in, either."""
        mine = self.make_bucket(self.bob)
        source = {"x-amz-copy-source": f"{mine}/k"}
        self.bob.put(mine, "k", (), {"x-amz-tagging": "class=public"}, b"x")
        bucket = self.policy_bucket(self.allow("s3:PutObject", "*", {"AWS": self.b}))
        self.assert_denied(self.bob.put(bucket, "k", (), source))
        self.assert_absent("k", bucket)
        self.assert_status(200, self.bob.put(bucket, "k", (), {**source, "x-amz-tagging-directive": "REPLACE"}))
        for value, status in (("secret", 403), ("public", 200)):
            self.set_policy(bucket, self.allow("s3:PutObject", "*", {"AWS": self.b}), self.allow(
                "s3:PutObjectTagging", "*", {"AWS": self.b}, StringEquals={"s3:RequestObjectTag/class": value}))
            self.assert_status(status, self.bob.put(bucket, "k", (), source))
        self.assertEqual(["public"], self.alice.get(bucket, "k", TAGGING).texts("TagSet/Tag/Value"))

    def test_527_acl_headers_of_the_owners_account(self):
        bucket = self.policy_bucket(self.deny("s3:PutObjectAcl", "*"), self.allow("s3:PutObject", "*", {"AWS": self.b}),
                                    ownership=WRITER)
        self.put("k", b"x", bucket=bucket)
        self.assert_denied(self.alice.put(bucket, "k", (), {"x-amz-acl": "public-read"}, b"y"))
        self.assert_status(200, self.bob.put(bucket, "l", (), {"x-amz-acl": "bucket-owner-read"}, b"y"))
        self.assert_object("l", b"y", bucket)

    def test_531_objects_of_others(self):
        bucket = self.policy_bucket(self.allow("s3:PutObject", "*", {"AWS": self.b}), self.allow("s3:GetObject", "*"),
                                    ownership=WRITER)
        self.put("mine", b"x", bucket=bucket)
        self.assert_status(200, self.bob.put(bucket, "theirs", (), (), b"y"))
        self.assert_status(200, self.anonymous("GET", bucket, "mine"))
        self.assert_denied(self.anonymous("GET", bucket, "theirs"))
        self.assert_denied(self.alice.get(bucket, "theirs"))

    def test_533_each_key_of_delete_objects(self):
        bucket = self.policy_bucket(self.allow("s3:DeleteObject", "open/*", {"AWS": self.b}))
        for key in ("open/a", "closed/b"):
            self.put(key, b"x", bucket=bucket)
        document = "<Delete><Object><Key>open/a</Key></Object><Object><Key>closed/b</Key></Object></Delete>"
        answer = self.bob.delete_objects(bucket, document)
        self.assert_status(200, answer)
        self.assertEqual(["open/a"], answer.texts("Deleted/Key"))
        self.assertEqual([("closed/b", "AccessDenied")], list(zip(answer.texts("Error/Key"), answer.texts("Error/Code"))))
        self.assert_object("closed/b", b"x", bucket)

    def test_534_what_a_refusal_says(self):
        bucket = self.policy_bucket(self.deny("s3:GetObject", "*"))
        self.put("k", b"x", bucket=bucket)
        answer = self.alice.get(bucket, "k")
        self.assert_error(answer, 403, "AccessDenied")
        for word in ("s3:GetObject", arn(bucket, "k"), "deny"):
            self.assertIn(word, answer.text("Message"))
        for key in ("k", "missing"):
            self.assertEqual("Access Denied", self.bob.get(bucket, key).text("Message"))

    def test_535_the_connection_stays_usable(self):
        bucket = self.policy_bucket(self.deny("s3:PutObject", "*"))
        with self.alice.connect() as connection:
            connection.send(self.alice.prepare("PUT", bucket, "k", (), (), b"x" * 1000).bytes)
            self.assert_error(connection.read_response("PUT"), 403, "AccessDenied")
            connection.send(self.alice.prepare("GET", bucket).bytes)
            self.assert_status(200, connection.read_response())
        self.assert_absent("k", bucket)

    def test_562_signatures_of_version_2_can_be_forbidden(self):
        bucket = self.policy_bucket(self.deny("s3:PutObject", "*", StringEquals={"s3:signatureversion": "AWS"}))
        self.assert_error(forms.Form(self.alice, bucket, version=2).send(), 403, "AccessDenied")
        self.assert_status(204, forms.Form(self.alice, bucket).send())
        self.set_policy(bucket, self.deny("s3:PutObject", "*", StringNotEquals={"s3:signatureversion": "AWS4-HMAC-SHA256"}))
        self.assert_error(forms.Form(self.alice, bucket, version=2).send(), 403, "AccessDenied")
        self.assert_status(204, forms.Form(self.alice, bucket).send())

    def test_541_everything_for_everyone(self):
        bucket = self.policy_bucket(lambda name: statement("Allow", "*", "*", [arn(name), arn(name, "*")]))
        upload = self.alice.post(bucket, "k", {"uploads": None}).text("UploadId")
        part = self.alice.put(bucket, "k", {"partNumber": "1", "uploadId": upload}, (), b"x")
        self.assert_status(200, self.alice.post(bucket, "k", {"uploadId": upload}, (), (
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
            f"<ETag>{part.header('etag')}</ETag></Part></CompleteMultipartUpload>")))
        self.assert_status(200, self.anonymous("GET", bucket, "k"))

    def test_520_conditions_on_the_connection(self):
        bucket = self.policy_bucket(self.allow("s3:ListBucket", IpAddress={"aws:SourceIp": "127.0.0.0/8"}))
        self.assert_status(200, self.anonymous("GET", bucket))
        self.assert_status(200, self.anonymous("GET", bucket, None, (), {"X-Forwarded-For": "192.0.2.1"}))
        self.set_policy(bucket, self.allow("s3:ListBucket", NotIpAddress={"aws:SourceIp": "127.0.0.0/8"}))
        self.assert_denied(self.anonymous("GET", bucket))
        self.assert_denied(self.anonymous("GET", bucket, None, (), {"X-Forwarded-For": "192.0.2.1"}))
        secure = "true" if self.server.tls else "false"
        self.set_policy(bucket, self.allow("s3:ListBucket", Bool={"aws:SecureTransport": secure}))
        self.assert_status(200, self.anonymous("GET", bucket))
        self.set_policy(bucket, self.allow("s3:ListBucket", NumericGreaterThanEquals={"s3:TlsVersion": "1.2"}))
        self.assert_status(200 if self.server.tls else 403, self.anonymous("GET", bucket))

    def test_keys_of_who_asks(self):
        bucket = self.bucket_of(None)
        for key, value, client in (
                ("aws:PrincipalAccount", self.b, "bob"), ("aws:PrincipalArn", f"arn:aws:iam::{self.b}:root", "bob"),
                ("aws:PrincipalType", "Account", "bob"), ("aws:PrincipalType", "Anonymous", None),
                ("s3:authType", "REST-HEADER", "bob"), ("s3:signatureversion", "AWS4-HMAC-SHA256", "bob"),
                ("aws:ResourceAccount", self.a, None), ("aws:RequestedRegion", self.server.region, None),
                ("aws:UserAgent", "probe/1", None), ("aws:Referer", "http://example.com/", None)):
            with self.subTest(key):
                self.set_policy(bucket, self.allow("s3:ListBucket", StringEquals={key: value}))
                headers = {"User-Agent": "probe/1", "Referer": "http://example.com/"}
                answer = (self.bob.get(bucket, None, (), headers) if client else
                          self.anonymous("GET", bucket, None, (), headers))
                self.assert_status(200, answer)
                self.set_policy(bucket, self.allow("s3:ListBucket", StringNotEquals={key: value}))
                answer = (self.bob.get(bucket, None, (), headers) if client else
                          self.anonymous("GET", bucket, None, (), headers))
                self.assert_denied(answer)
        self.set_policy(bucket, self.allow("s3:ListBucket", NumericLessThan={"s3:signatureAge": "600000"}))
        self.assert_denied(self.bob.get(bucket))
        self.assert_status(200, self.bob.get(bucket, auth="presigned"))


class MadeAgain(PolicyCase):
    """Rights are those to one bucket, and not to the next one of its name: a request that waits for its body while alice
    removes her bucket and bob makes his must not reach his (statements 529, 536)."""

    def setUp(self):
        super().setUp()
        self.name = self.make_bucket(self.alice)

    def send_late(self, method, key=None, query=(), headers=(), body=b""):
        """The head while the bucket is alice's, the body when it is bob's, and he has an object in it."""
        made = self.alice.prepare(method, self.name, key, query, {**dict(headers), "Expect": "100-continue"}, body)
        with self.alice.connect() as connection:
            connection.send(made.head)
            self.assertEqual(100, connection.read_head().status)  # it has been let in
            for step in (self.alice.delete(self.name, "k"), self.alice.delete(self.name), self.bob.put(self.name),
                         self.bob.put(self.name, "k", (), (), b"bob's")):
                self.assertIn(step.status, (200, 204), step)
            connection.send(made.body)
            return connection.read_response(method)

    def assert_untouched(self):
        self.assertEqual(b"bob's", self.bob.get(self.name, "k").body)
        self.assertEqual(["k"], self.bob.get(self.name).texts("Contents/Key"))

    def test_536_a_body(self):
        self.assert_error(self.send_late("PUT", "planted", (), (), b"x" * 1000), 404, "NoSuchBucket")
        self.assert_untouched()

    def test_536_a_large_body(self):
        self.assert_error(self.send_late("PUT", "k", (), (), b"x" * 3_000_000), 404, "NoSuchBucket")
        self.assert_untouched()

    def test_536_keys_to_delete(self):
        body = b"<Delete><Object><Key>k</Key></Object></Delete>"
        answer = self.send_late("POST", None, {"delete": None}, {"Content-MD5": checksums.md5_base64(body)}, body)
        self.assert_error(answer, 404, "NoSuchBucket")
        self.assert_untouched()

    def test_536_tags(self):
        self.alice.put(self.name, "k", (), (), b"alice's")
        body = b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
        self.assert_error(self.send_late("PUT", "k", TAGGING, {"Content-MD5": checksums.md5_base64(body)}, body), 404, "NoSuchBucket")
        self.assertEqual([], self.bob.get(self.name, "k", TAGGING).texts("TagSet/Tag/Key"))

    @needs("settings")
    def test_536_versions(self):
        body = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        self.assert_error(self.send_late("PUT", None, {"versioning": None}, (), body), 404, "NoSuchBucket")
        self.assertIsNone(self.bob.get(self.name, None, {"versioning": None}).text("Status"))


class Proxies(PolicyCase):
    """A server of its own, behind proxies that it trusts."""

    def setUp(self):
        if not self.baled:
            self.skipTest("the server's program is not known")
        daemon = Daemon(os.path.abspath(self.baled), ["--trusted-proxies", "127.0.0.1, 10.0.0.0/8"])
        self.addCleanup(daemon.remove)
        self.daemon, self.server = daemon, daemon.start()
        S3Case.setUp(self)

    def test_520_whom_a_trusted_proxy_names(self):
        bucket = self.policy_bucket(self.allow("s3:ListBucket", IpAddress={"aws:SourceIp": ["192.0.2.7", "2001:db8::/32"]}))
        for forwarded, allowed in (
                ("192.0.2.7", True), ("192.0.2.8", False), ("192.0.2.7, 192.0.2.8", False), ("192.0.2.8, 192.0.2.7", True),
                ("192.0.2.7, 10.1.2.3", True), ("::ffff:192.0.2.7", True), ("2001:db8::1", True), ("[2001:db8::1]:4711", True),
                ("192.0.2.7:80", True), ("nonsense", False), ("", False)):
            with self.subTest(forwarded):
                answer = self.anonymous("GET", bucket, None, (), {"X-Forwarded-For": forwarded})
                if allowed:
                    self.assert_status(200, answer)
                else:
                    self.assert_denied(answer)
        self.assert_denied(self.anonymous("GET", bucket))
        for first, second, status in (("192.0.2.7", "192.0.2.8", 403), ("192.0.2.8", "192.0.2.7", 200), ("192.0.2.7", "10.1.1.1", 200)):
            twice = [("X-Forwarded-For", first), ("X-Forwarded-For", second)]
            self.assert_status(status, self.anonymous("GET", bucket, None, (), twice))

    def test_520_a_client_does_not_pass_for_its_proxy(self):
        bucket = self.policy_bucket(self.allow("s3:ListBucket", IpAddress={"aws:SourceIp": ["127.0.0.0/8", "10.0.0.0/8"]}))
        self.assert_status(200, self.anonymous("GET", bucket))
        for sent in (["nonsense"], ["10.1.1.1", "192.0.2.1"], ["nonsense, 192.0.2.1"], ["10.1.1.1, nonsense"]):
            headers = [("X-Forwarded-For", value) for value in sent]
            self.assert_denied(self.anonymous("GET", bucket, None, (), headers))

    def test_520_secure_at_the_proxy(self):
        bucket = self.policy_bucket(self.allow("s3:ListBucket", Bool={"aws:SecureTransport": "true"}))
        self.assert_denied(self.anonymous("GET", bucket))
        self.assert_status(200, self.anonymous("GET", bucket, None, (), {"X-Forwarded-Proto": "https"}))
        self.assert_denied(self.anonymous("GET", bucket, None, (), {"X-Forwarded-Proto": "http"}))
        twice = [("X-Forwarded-Proto", "https"), ("X-Forwarded-Proto", "http")]
        self.assert_denied(self.anonymous("GET", bucket, None, (), twice))

    def test_544_what_decided_is_said(self):
        bucket = self.policy_bucket(self.allow("s3:ListBucket"), self.deny("s3:GetObject", "*"))
        before = self.refused()
        self.anonymous("GET", bucket)
        self.alice.put(bucket, "k", (), (), b"x")
        self.alice.get(bucket, "k")
        self.bob.put(bucket, "k", (), (), b"x")
        Client(self.server, self.server.accounts["reader"]).put(bucket, "k", (), (), b"x")
        words = [f"access={word}" for word in ("policy", "owner", "deny", "nobody", "role")]
        deadline = time.monotonic() + 60  # lines are written behind the answers
        while time.monotonic() < deadline and not all(word in self.daemon.log() for word in words):
            time.sleep(0.05)
        for word in words:
            self.assertIn(word, self.daemon.log())
        after = self.refused()
        for reason in ("deny", "nobody", "role"):
            self.assertEqual(before[reason] + 1, after[reason], reason)

    def refused(self):
        counts = admin.metrics(self.server)
        return {reason: counts[f'bale_access_refusals_total{{reason="{reason}"}}'] for reason in ("deny", "nobody", "role")}
