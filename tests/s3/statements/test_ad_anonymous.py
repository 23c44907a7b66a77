"""tests/s3/statements/test_ad_anonymous.py -- requests that nobody signed, and the public access block: statements 487 to 503."""

import hashlib
import itertools
import threading
import time

import acls
import forms
import sigv4
from acls import ALL_USERS, ANONYMOUS, acl
from case import needs
from test_ac_acls import ACL, WRITER, AccessCase

BLOCK = {"publicAccessBlock": None}
POLICY = {"policy": None}


class AnonymousCase(AccessCase):
    def anonymous(self, method, *args, **options):
        return self.alice.request(method, *args, **{**ANONYMOUS, **options})

    def put_policy(self, bucket, *statements, client=None):
        return (client or self.alice).put(bucket, None, POLICY, (), acls.policy(*statements))

    def put_block(self, bucket, *names):
        self.assert_status(200, self.alice.put(bucket, None, BLOCK, (), acls.block(*names)))


class Anonymous(AnonymousCase):
    def test_488_a_missing_bucket_is_missing_for_everyone(self):
        name = self.bucket_name()
        for method, key in (("GET", None), ("GET", "k"), ("PUT", "k"), ("DELETE", "k"), ("DELETE", None)):
            self.assert_error(self.anonymous(method, name, key), 404, "NoSuchBucket")
            self.assert_error(self.bob.request(method, name, key), 404, "NoSuchBucket")
        self.assert_error(self.anonymous("GET", name, None, ACL), 404, "NoSuchBucket")

    def test_489_a_private_bucket(self):
        self.put("k", b"x")
        for method, key, query in (("GET", None, ()), ("GET", None, {"list-type": "2"}), ("GET", "k", ()), ("PUT", "k", ()),
                                   ("DELETE", "k", ()), ("HEAD", None, ()), ("HEAD", "k", ()), ("GET", "missing", ()),
                                   ("GET", None, ACL), ("DELETE", None, ())):
            self.assert_denied(self.anonymous(method, self.bucket, key, query))
            self.assert_denied(self.bob.request(method, self.bucket, key, query))
        self.assert_object("k", b"x")

    def test_489_refused_before_the_body(self):
        prepared = self.alice.prepare("PUT", self.bucket, "k", (), {"Expect": "100-continue"}, b"x" * 1000, **ANONYMOUS)
        with self.alice.connect() as connection:
            connection.send(prepared.head)
            answer = connection.read_response("PUT")
            self.assert_error(answer, 403, "AccessDenied")
            self.assertEqual([], answer.interim, "a 100 came before the refusal")

    def test_492_never_for_anonymous(self):
        self.assert_error(self.anonymous("GET"), 403, "AccessDenied")
        name = self.bucket_name()
        self.assert_error(self.anonymous("PUT", name), 403, "AccessDenied")
        self.assertEqual(404, self.alice.head(name).status)

    @needs("settings")
    def test_492_whatever_a_policy_says(self):
        bucket = self.bucket_of(None)
        self.put("k", b"x", bucket=bucket)
        everything = acls.statement("Allow", "*", "s3:*", [acls.arn(bucket), acls.arn(bucket, "*")])
        self.assert_status(204, self.put_policy(bucket, everything))
        self.assert_status(200, self.anonymous("GET", bucket, "k"))
        for method, key, query, headers in (
                ("POST", "l", {"uploads": None}, ()), ("PUT", "l", (), {"x-amz-copy-source": f"{bucket}/k"}),
                ("PUT", "l", {"partNumber": "1", "uploadId": "x"}, ()), ("DELETE", None, POLICY, ()),
                ("GET", None, POLICY, ()), ("GET", None, {"ownershipControls": None}, ())):
            with self.subTest(f"{method} {query}"):
                self.assert_denied(self.anonymous(method, bucket, key, query, headers))

    def test_494_expected_owner(self):
        for bucket_owner, status in ((self.b, 403), (self.a, 403)):
            answer = self.anonymous("GET", self.bucket, "k", (), {"x-amz-expected-bucket-owner": bucket_owner})
            self.assert_error(answer, status, "AccessDenied")


@needs("settings")
class PublicBuckets(AnonymousCase):
    def test_487_a_bad_signature_is_not_anonymous(self):
        bucket = self.bucket_of(WRITER, {"x-amz-acl": "public-read"})
        self.assert_status(200, self.anonymous("GET", bucket))
        self.assert_error(self.alice.get(bucket, secret_key="wrong"), 403, "SignatureDoesNotMatch")
        self.assert_error(self.alice.get(bucket, access_key="AKIANOBODY"), 403, "InvalidAccessKeyId")

    def test_493_names_of_parameters_are_what_they_mean(self):
        """An escape in the name hides neither an override, which anonymous may not have, nor a signature."""
        bucket = self.bucket_of(WRITER)
        self.alice.put(bucket, "k", (), {"x-amz-acl": "public-read", "Content-Type": "text/plain"}, b"<script>")
        for name in ("response-content-type", "response%2Dcontent-type", "%72esponse-content-type"):
            self.assert_error(self.anonymous("GET", bucket, "k", wire_query=f"{name}=text/html"), 400, "InvalidRequest")
        for name in ("X-Amz-Signature", "X%2DAmz-Signature", "X-Amz-Signatur%65"):
            self.assert_error(self.anonymous("GET", bucket, "k", wire_query=f"{name}=00"), 400,
                              "AuthorizationQueryParametersError")
        for names in ("AWSAccessKeyId=x&Signature=x", "AWSAccessKeyI%64=x&Signatur%65=x"):
            self.assert_error(self.anonymous("GET", bucket, "k", wire_query=names), 400, "InvalidRequest")
        made = self.alice.prepare("GET", bucket, "k", auth="presigned")
        made.target = made.target.replace(b"X-Amz-", b"%58-Amz%2D")
        self.assert_status(200, self.alice.send(made))

    def test_490_public_read(self):
        bucket = self.bucket_of(WRITER, {"x-amz-acl": "public-read"})
        self.put("k", b"x", bucket=bucket)
        for query in ((), {"list-type": "2"}, {"x-id": "ListObjects"}):
            self.assertEqual(["k"], self.anonymous("GET", bucket, None, query).texts("Contents/Key"))
        self.assert_status(200, self.anonymous("HEAD", bucket))
        self.assert_denied(self.anonymous("GET", bucket, "k"))
        self.assert_error(self.anonymous("GET", bucket, "missing"), 404, "NoSuchKey")
        self.assert_status(404, self.anonymous("HEAD", bucket, "missing"))
        self.assert_denied(self.anonymous("PUT", bucket, "l"))

    def test_490_public_read_write(self):
        bucket = self.open_bucket()
        self.assert_status(200, self.anonymous("PUT", bucket, "k", (), (), b"x"))
        self.assert_object("k", b"x", bucket)
        prepared = self.alice.prepare("PUT", bucket, "l", (), {"Expect": "100-continue"}, b"y", **ANONYMOUS)
        with self.alice.connect() as connection:
            connection.send(prepared.head)
            self.assertEqual(100, connection.read_head().status)
            connection.send(prepared.body)
            self.assert_status(200, connection.read_response("PUT"))
        document = "<Delete><Object><Key>k</Key></Object><Object><Key>l</Key></Object></Delete>"
        answer = self.alice.delete_objects(bucket, document, **ANONYMOUS)
        self.assertEqual(["k", "l"], sorted(answer.texts("Deleted/Key")))
        self.assert_status(204, self.anonymous("DELETE", bucket, "k"))

    def test_490_560_forms(self):
        for canned, status in (("public-read-write", 204), ("public-read", 403), ("private", 403)):
            bucket = self.bucket_of(WRITER, {"x-amz-acl": canned})
            self.assertEqual(status, forms.Form(self.alice, bucket, "k", b"form", version=None).send().status)
            self.assertEqual(200 if status == 204 else 404, self.alice.get(bucket, "k").status)
        bucket = self.bucket_of(None)
        form = forms.Form(self.alice, bucket, "in/k", b"form", version=None)
        self.assert_status(204, self.put_policy(bucket, acls.statement("Allow", "*", "s3:PutObject", acls.arn(bucket, "in/*"))))
        self.assertEqual(204, form.send().status)
        self.assert_object("in/k", b"form", bucket)
        self.assert_denied(forms.Form(self.alice, bucket, "out/k", b"form", version=None).send())

    def test_571_acl_of_a_form(self):
        bucket = self.open_bucket()
        self.assertEqual(204, forms.Form(self.bob, bucket, "k", b"form").add("acl", "public-read").send().status)
        self.assertEqual([(ALL_USERS, "READ"), (self.b, "FULL_CONTROL")], self.grants(bucket, "k", self.bob))
        answer = forms.Form(self.bob, bucket, "l", b"form").add("acl", "public-ready").send()
        self.assert_error(answer, 400, "InvalidArgument", {"ArgumentName": "x-amz-acl"})

    def test_491_missing_keys_are_for_those_who_may_list(self):
        bucket = self.bucket_of(None)
        read = acls.statement("Allow", "*", "s3:GetObject", acls.arn(bucket, "*"))
        self.assert_status(204, self.put_policy(bucket, read))
        self.assert_denied(self.anonymous("GET", bucket, "missing"))
        self.assert_denied(self.bob.head(bucket, "missing"))
        lists = acls.statement("Allow", "*", "s3:ListBucket", acls.arn(bucket), StringLike={"s3:prefix": "open/*"})
        self.assert_status(204, self.put_policy(bucket, read, lists))
        self.assert_error(self.anonymous("GET", bucket, "open/missing"), 404, "NoSuchKey")
        self.assert_denied(self.anonymous("GET", bucket, "missing"))
        self.assert_error(self.alice.get(bucket, "missing"), 404, "NoSuchKey")

    def test_493_bodies(self):
        bucket = self.open_bucket()
        body = b"x" * 10_000
        for headers in ({}, {"x-amz-content-sha256": hashlib.sha256(body).hexdigest()},
                        {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}):
            self.assert_status(200, self.anonymous("PUT", bucket, "k", (), headers, body))
            self.assert_object("k", body, bucket)
        self.assert_status(200, self.anonymous("PUT", bucket, "k", (), {
            "x-amz-content-sha256": sigv4.STREAM_UNSIGNED_TRAILER}, body, payload=sigv4.STREAM_UNSIGNED_TRAILER))
        wrong = {"x-amz-content-sha256": hashlib.sha256(b"other").hexdigest()}
        self.assert_error(self.anonymous("PUT", bucket, "k", (), wrong, body), 400, "XAmzContentSHA256Mismatch")
        signed = {"x-amz-content-sha256": sigv4.STREAM_SIGNED}
        self.assert_error(self.anonymous("PUT", bucket, "k", (), signed, body), 400, "InvalidRequest")

    def test_494_expected_owner_of_a_public_bucket(self):
        bucket = self.bucket_of(WRITER, {"x-amz-acl": "public-read"})
        self.assert_status(200, self.anonymous("GET", bucket, None, (), {"x-amz-expected-bucket-owner": self.a}))
        self.assert_error(self.anonymous("GET", bucket, None, (), {"x-amz-expected-bucket-owner": self.b}), 403, "AccessDenied")

    def test_495_parameters_that_nobody_knows(self):
        bucket = self.bucket_of(WRITER, {"x-amz-acl": "public-read"})
        self.assert_status(200, self.anonymous("GET", bucket, None, {"bucket": bucket, "key": "k", "etag": '"e"'}))


@needs("settings")
class PublicAccessBlock(AnonymousCase):
    def test_496_document(self):
        bucket = self.bucket_of(None)
        self.assert_error(self.alice.get(bucket, None, BLOCK), 404, "NoSuchPublicAccessBlockConfiguration")
        self.put_block(bucket, "IgnorePublicAcls", "BlockPublicPolicy")
        answer = self.assert_success_xml(self.alice.get(bucket, None, BLOCK), "PublicAccessBlockConfiguration")
        self.assertEqual(["false", "true", "true", "false"], [answer.text(name) for name in acls.BLOCK])
        for inner in ("<BlockPublicAcls>yes</BlockPublicAcls>", "<Other>true</Other>",
                      "<BlockPublicAcls>true</BlockPublicAcls>" * 2):
            document = f"<PublicAccessBlockConfiguration>{inner}</PublicAccessBlockConfiguration>"
            self.assert_error(self.alice.put(bucket, None, BLOCK, (), document), 400, "MalformedXML")
        document = "<PublicAccessBlockConfiguration><BlockPublicAcls>TRUE</BlockPublicAcls></PublicAccessBlockConfiguration>"
        self.assert_status(200, self.alice.put(bucket, None, BLOCK, (), document))
        self.assertEqual("true", self.alice.get(bucket, None, BLOCK).text("BlockPublicAcls"))
        for _ in range(2):
            self.assert_status(204, self.alice.delete(bucket, None, BLOCK))
        self.assert_error(self.alice.get(bucket, None, BLOCK), 404, "NoSuchPublicAccessBlockConfiguration")
        for answer in (self.bob.get(bucket, None, BLOCK), self.bob.put(bucket, None, BLOCK, (), acls.block())):
            self.assert_denied(answer)

    def test_499_block_public_acls(self):
        bucket = self.bucket_of(WRITER, {"x-amz-acl": "public-read"})
        self.put_block(bucket, "BlockPublicAcls")
        for canned in ("public-read", "public-read-write", "authenticated-read"):
            self.assert_denied(self.put_acl(bucket, headers={"x-amz-acl": canned}))
            self.assert_denied(self.alice.put(bucket, "k", (), {"x-amz-acl": canned}, b"x"))
            self.assert_denied(self.alice.post(bucket, "k", {"uploads": None}, {"x-amz-acl": canned}))
        self.assert_denied(self.put_acl(bucket, document=acl(self.a, (ALL_USERS, "READ_ACP"))))
        self.assert_denied(self.put_acl(bucket, headers={"x-amz-grant-read": f"uri={ALL_USERS}"}))
        self.assert_absent("k", bucket)
        self.assert_status(200, self.anonymous("GET", bucket))
        self.assert_status(200, self.put_acl(bucket, headers={"x-amz-acl": "private"}))
        self.put("k", b"x", {"x-amz-acl": "private"}, bucket=bucket)

    def test_500_ignore_public_acls(self):
        bucket = self.bucket_of(WRITER, {"x-amz-acl": "public-read"})
        self.put_block(bucket, "IgnorePublicAcls")
        self.assert_denied(self.anonymous("GET", bucket))
        self.assert_denied(self.bob.get(bucket))
        self.assert_status(200, self.put_acl(bucket, headers={"x-amz-acl": "public-read-write"}))
        self.assertEqual((ALL_USERS, "READ"), self.grants(bucket)[0])
        self.assert_denied(self.anonymous("PUT", bucket, "k"))
        self.assert_status(204, self.alice.delete(bucket, None, BLOCK))
        self.assert_status(200, self.anonymous("GET", bucket))

    def test_501_block_public_policy(self):
        bucket = self.bucket_of(None)
        named = acls.statement("Allow", {"AWS": self.b}, "s3:ListBucket", acls.arn(bucket))
        public = acls.statement("Allow", "*", "s3:ListBucket", acls.arn(bucket))
        self.put_block(bucket, "BlockPublicPolicy")
        self.assert_status(204, self.put_policy(bucket, named))
        before = self.alice.get(bucket, None, POLICY).body
        self.assert_denied(self.put_policy(bucket, public))
        self.assertEqual(before, self.alice.get(bucket, None, POLICY).body)
        self.assert_status(200, self.bob.get(bucket))

    def test_502_restrict_public_buckets(self):
        bucket = self.bucket_of(None)
        self.put("k", b"x", bucket=bucket)
        public = acls.statement("Allow", "*", "s3:GetObject", acls.arn(bucket, "*"))
        named = acls.statement("Allow", {"AWS": self.b}, "s3:ListBucket", acls.arn(bucket))
        self.assert_status(204, self.put_policy(bucket, public, named))
        self.assert_status(200, self.anonymous("GET", bucket, "k"))
        self.put_block(bucket, "RestrictPublicBuckets")
        for answer in (self.anonymous("GET", bucket, "k"), self.bob.get(bucket, "k"), self.bob.get(bucket)):
            self.assert_denied(answer)
        self.assert_object("k", b"x", bucket)
        self.assert_status(204, self.put_policy(bucket, named))
        self.assert_status(200, self.bob.get(bucket))


@needs("settings")
class Replaced(AnonymousCase):
    """What is answered is of the object that was judged, though its key is written all the time."""
    SERIAL = True
    SECONDS = 2
    MOST_SECONDS = 60  # on a busy machine few reads are made in so little time

    def race(self, bucket, writes, read, kinds=2):
        """What `read` returns beside `writes`, which are made one after the other: until it has returned so many kinds, at least."""
        ended, seen = threading.Event(), set()

        def write():
            for step in itertools.cycle(writes):
                if ended.is_set():
                    return
                step()
        writer = threading.Thread(target=write)
        writer.start()
        began = time.monotonic()
        while (spent := time.monotonic() - began) < self.SECONDS or (len(seen) < kinds and spent < self.MOST_SECONDS):
            seen.add(read())
        ended.set()
        writer.join()
        return seen

    def write(self, bucket, of, **headers):
        return lambda: self.alice.put(bucket, "k", (), {"x-amz-meta-of": of, **headers}, of.encode())

    def whose(self, method, bucket):
        return self.anonymous(method, bucket, "k").header("x-amz-meta-of")

    def test_480_grants_are_the_objects(self):
        bucket = self.bucket_of(WRITER)
        writes = (self.write(bucket, "all", **{"x-amz-acl": "public-read"}), self.write(bucket, "alice"))
        for method in ("HEAD", "GET"):
            self.assertEqual({"all", None}, self.race(bucket, writes, lambda: self.whose(method, bucket)), method)

    def test_524_tags_are_the_objects(self):
        bucket = self.bucket_of(None)
        self.assert_status(204, self.put_policy(bucket, acls.statement(
            "Allow", "*", "s3:GetObject", acls.arn(bucket, "*"), StringEquals={"s3:ExistingObjectTag/for": "all"})))
        writes = (self.write(bucket, "all", **{"x-amz-tagging": "for=all"}), self.write(bucket, "alice"))
        for method in ("HEAD", "GET"):
            self.assertEqual({"all", None}, self.race(bucket, writes, lambda: self.whose(method, bucket)), method)

    def test_491_who_may_only_list(self):
        bucket = self.bucket_of(None)
        self.assert_status(204, self.put_policy(bucket, acls.statement("Allow", "*", "s3:ListBucket", acls.arn(bucket))))
        writes = (self.write(bucket, "alice"), lambda: self.alice.delete(bucket, "k"))
        for method in ("HEAD", "GET"):
            self.assertEqual({None}, self.race(bucket, writes, lambda: self.whose(method, bucket), 1), method)

    def test_524_both_rights_to_attributes_are_to_one_object(self):
        bucket = self.bucket_of(None)
        self.assert_status(204, self.put_policy(
            bucket, acls.statement("Allow", "*", "s3:GetObjectAttributes", acls.arn(bucket, "*")),
            acls.statement("Allow", "*", "s3:GetObject", acls.arn(bucket, "*"), StringEquals={"s3:ExistingObjectTag/for": "all"})))
        writes = (self.write(bucket, "all", **{"x-amz-tagging": "for=all"}), self.write(bucket, "alice"))

        def size():
            answer = self.anonymous("GET", bucket, "k", {"attributes": None}, {"x-amz-object-attributes": "ObjectSize"})
            return answer.text("ObjectSize") if answer.status == 200 else None
        self.assertEqual({"3", None}, self.race(bucket, writes, size))

    @needs("tags at once")
    def test_139_a_copy_has_the_tags_of_its_body(self):
        bucket = self.bucket_of(None)
        writes = tuple(self.write(bucket, of, **{"x-amz-tagging": f"of={of}"}) for of in ("one", "two"))

        def copy():
            if self.alice.put(bucket, "copy", (), {"x-amz-copy-source": f"{bucket}/k"}).status != 200:
                return None
            tags = self.alice.get(bucket, "copy", {"tagging": None}).texts("TagSet/Tag/Value")
            return [self.alice.head(bucket, "copy").header("x-amz-meta-of")] == tags
        seen = self.race(bucket, writes, copy, 1)
        self.assertIn(True, seen)
        self.assertNotIn(False, seen)
