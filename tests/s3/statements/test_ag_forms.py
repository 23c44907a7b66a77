"""Section AG: uploads from web forms."""

import base64
import hashlib
import os
import re
import zlib

import acls
import forms
import wire
from case import S3Case, needs
from daemon import Daemon
from forms import Form, part


class FormCase(S3Case):
    def form(self, key="key", body=b"body", **options):
        return Form(self.alice, self.bucket, key, body, **options)

    def assert_uploaded(self, form, key="key", body=b"body", status=204, **options):
        response = form.send(**options)
        self.assert_status(status, response)
        self.assert_object(key, body)
        return response

    def assert_refused(self, form, status, code, children=(), message=None, key="key", **options):
        response = self.assert_error(form.send(**options), status, code, children, message)
        self.assert_absent(key)
        return response


class Forms(FormCase):
    # ---- the body ----

    def test_556_another_content_type_is_412(self):
        for kind in ("application/x-www-form-urlencoded", "multipart/mixed; boundary=x", None):
            self.assert_refused(self.form(), 412, "PreconditionFailed", content_type=kind, children={
                "Condition": "Bucket POST must be of the enclosure-type multipart/form-data"})
        self.assert_error(self.alice.post(self.bucket, None, (), {"Content-Type": "text/plain"}, b"x"),
                          412, "PreconditionFailed")

    def test_556_broken_bodies_are_refused(self):
        whole = self.form().bytes()
        type_of = "multipart/form-data; boundary="
        for body, kind in ((whole, "multipart/form-data"), (whole, type_of), (whole, type_of + "b" * 71),
                           (b"", type_of + forms.BOUNDARY), (whole[:-len(forms.end()) - 2], type_of + forms.BOUNDARY),
                           (whole.replace(b'form-data; name="key"', b"form-data"), type_of + forms.BOUNDARY),
                           (whole.replace(b"\r\n\r\nkey", b"\r\nno header\r\n\r\nkey"), type_of + forms.BOUNDARY)):
            self.assert_refused(self.form(), 400, "MalformedPOSTRequest", body=body, content_type=kind)

    def test_556_post_on_a_key_is_405(self):
        form = self.form()
        response = self.alice.request("POST", self.bucket, "key", (), {
            "Content-Type": f"multipart/form-data; boundary={forms.BOUNDARY}"}, form.bytes(), payload="unsigned")
        self.assert_error(response, 405, "MethodNotAllowed")

    def test_556_the_bucket_in_the_hosts_name(self):
        response = self.assert_uploaded(self.form(key="a/b c"), key="a/b c", style="virtual")
        self.assertEqual(f"{self.bucket}.{self.server.domain}/a/b%20c", response.header("location").split("://")[1])

    def test_557_only_the_name_makes_a_part_the_file(self):
        form = self.form()
        form.fields = []
        form.conditions.append({"x-amz-meta-a": "1"})
        form.preamble = (b"a preamble\r\n" + part("KEY", "key", "odd.txt", "text/plain")
                         + part("x-amz-meta-a", "1", "other.bin", "image/png"))
        form.tail = part("x-amz-meta-b", "ignored") + b"anything\r\n" + forms.end() + b"epilogue"
        self.assert_uploaded(form)
        self.assertEqual("1", self.head("key").header("x-amz-meta-a"))
        self.assertIsNone(self.head("key").header("x-amz-meta-b"))

    def test_557_an_end_without_its_last_line_and_bodies_that_look_like_delimiters(self):
        for body in (b"", b"\r\n", b"\r", b"--" + forms.BOUNDARY.encode() + b"x", b"\r\n--", b"a\r\n--" + forms.BOUNDARY.encode()[:-1],
                     b"\r\n--" + forms.BOUNDARY.encode() + b"-x\r\n", bytes(range(256)) * 700):
            form = self.form(body=body)
            form.tail = forms.end()[:-2]
            self.assert_uploaded(form, body=body)

    def test_557_a_file_of_many_pieces_of_any_size(self):
        for size in (65535, 65536, 70000, 1 << 20, (1 << 20) + 1, 3_500_000):
            body = (b"0123456789\r\n--" * (size // 14 + 1))[:size]
            self.assert_uploaded(self.form(body=body), body=body)
            self.assert_uploaded(self.form(body=body), body=body, transfer="chunked")

    def test_558_fields_have_20_KiB(self):
        self.assert_uploaded(self.form().add("x-ignore-a", "a" * 18000, condition=False))
        self.alice.delete(self.bucket, "key")
        self.assert_refused(self.form().add("x-ignore-a", "a" * 20480, condition=False), 400, "MaxPostPreDataLengthExceeded")
        many = self.form()
        many.fields += [(f"x-ignore-{i}", "") for i in range(200)]
        self.assert_refused(many, 400, "MaxPostPreDataLengthExceeded")

    def test_558_no_file_or_two_are_refused(self):
        form = self.form()
        without = b"".join(part(name, value) for name, value in form.fields + form.signed()) + forms.end()
        self.assert_refused(form, 400, "InvalidArgument", {"ArgumentName": "file"}, body=without)
        form.tail = part("File", "another", "b") + forms.end()
        self.assert_refused(form, 400, "InvalidArgument", {"ArgumentName": "file"})

    # ---- the key ----

    def test_559_keys(self):
        missing = self.form()
        missing.fields = []
        self.assert_refused(missing, 400, "InvalidArgument", {"ArgumentName": "key"})
        self.assert_refused(self.form(key=""), 400, "InvalidArgument", {"ArgumentName": "key"})
        self.assert_error(self.form(key="k" * 1025).send(), 400, "KeyTooLongError")
        self.assert_uploaded(self.form(key="k" * 1024), key="k" * 1024)
        self.assert_uploaded(self.form(key="a\\b\\c"), key="a\\b\\c")
        self.assert_uploaded(self.form(key="ä/ +%20"), key="ä/ +%20")
        self.assert_error(self.form(key="../up").send(), 400, "InvalidURI")

    def test_559_the_name_of_the_file(self):
        for sent, meant in (("photo.jpg", "photo.jpg"), ("C:\\dir\\photo.jpg", "photo.jpg"), ("/home/me/ä.jpg", "ä.jpg"),
                            ('a\\"b', 'a"b')):
            form = self.form(key="user/${filename}")
            form.filename = sent
            form.conditions.append(["eq", "$key", f"user/{meant}"])
            self.assert_uploaded(form, key=f"user/{meant}")
        form = self.form(key="user/${filename}")
        form.conditions.append(["eq", "$key", "user/${filename}"])
        self.assert_refused(form, 403, "AccessDenied", key="user/file.bin")

    # ---- who signed ----

    def test_560_without_policy_and_signature_it_is_anonymous(self):
        form = self.form(version=None)
        self.assert_refused(form, 403, "AccessDenied")

    def test_561_version_4(self):
        self.assert_uploaded(self.form())
        self.alice.delete(self.bucket, "key")
        for name in ("x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature", "policy"):
            form = self.form()
            form.signing[name] = None
            self.assert_refused(form, 400, "InvalidArgument", {"ArgumentName": name})
        for name, value in (("x-amz-algorithm", "AWS4-HMAC-SHA1"), ("x-amz-credential", "a/b/c"), ("x-amz-date", "today"),
                            ("x-amz-date", "20200101T000000Z"),
                            ("x-amz-credential", f"{self.alice.account.access_key}/20200101/eu-north-9/s3/aws4_request")):
            form = self.form()
            form.signing[name] = value
            self.assert_refused(form, 400, "InvalidArgument", {"ArgumentName": name})
        form = self.form()
        form.signing["x-amz-security-token"] = "token"
        self.assert_refused(form, 400, "InvalidToken")

    def test_562_version_2(self):
        self.assert_uploaded(self.form(version=2))
        self.alice.delete(self.bucket, "key")
        for name in ("AWSAccessKeyId", "signature", "policy"):
            form = self.form(version=2)
            form.signing[name] = None
            self.assert_refused(form, 400, "InvalidArgument", {"ArgumentName": name})

    def test_563_unknown_keys_and_wrong_signatures(self):
        for version, key_field, signature in ((4, "x-amz-credential", "x-amz-signature"), (2, "AWSAccessKeyId", "signature")):
            form = self.form(version=version)
            good = dict(form.signed())
            form.signing[key_field] = good[key_field].replace(self.alice.account.access_key, "AKIANOBODY")
            self.assert_refused(form, 403, "InvalidAccessKeyId", {"AWSAccessKeyId": "AKIANOBODY"})
            form = self.form(version=version)
            form.signing[signature] = good[signature].swapcase()[:-1] + "="
            self.assert_refused(form, 403, "SignatureDoesNotMatch")
            form = self.form(version=version)
            form.signing["policy"] = base64.b64encode(b'{"expiration": "2099-01-01T00:00:00Z", "conditions": []}').decode()
            if version == 2:
                form.signing["signature"] = good["signature"]
            else:
                form.signing["x-amz-signature"] = good["x-amz-signature"]
            self.assert_refused(form, 403, "SignatureDoesNotMatch")

    def test_563_another_account_may_not(self):
        form = self.form()
        form.account = self.bob.account
        self.assert_refused(form, 403, "AccessDenied")
        form.account = self.reader.account
        self.assert_refused(form, 403, "AccessDenied")

    # ---- the policy ----

    def test_564_policy_documents(self):
        good = '"conditions": [["starts-with", "$key", ""], {"bucket": "%s"}]' % self.bucket
        for text in ("", "[]", "{", '{"expiration": "2099-01-01T00:00:00Z"}', "{%s}" % good,
                     '{"Expiration": "2099-01-01T00:00:00Z", %s}' % good,
                     '{"expiration": "2099-01-01T00:00:00Z", "Conditions": []}',
                     '{"expiration": "2099-01-01T00:00:00Z", %s, "other": 1}' % good,
                     '{"expiration": "2099-01-01T00:00:00Z", "expiration": "2099-01-01T00:00:00Z", %s}' % good,
                     '{"expiration": "2099-01-01 00:00:00", %s}' % good,
                     '{"expiration": "2099-01-01T00:00:00+01:00", %s}' % good,
                     '{"expiration": "2099-01-01", %s}' % good, '{"expiration": 4070908800, %s}' % good,
                     '{"expiration": "2099-01-01T00:00:00Z", "conditions": {}}'):
            form = self.form(version=2)
            form.policy = text
            self.assert_refused(form, 400, "InvalidPolicyDocument")
        form = self.form(version=2)
        form.policy = '{"expiration": "2099-01-01T00:00:00.123Z", %s}' % good
        self.assert_uploaded(form)

    def test_564_an_expired_policy_and_what_is_no_base64(self):
        form = self.form()
        form.expires = forms.expiration(-5)
        self.assert_refused(form, 403, "AccessDenied", message="Policy expired")
        form = self.form(version=2)
        form.policy_text = lambda extra: "no base64!"
        self.assert_refused(form, 400, "InvalidPolicyDocument")

    def test_565_malformed_conditions(self):
        for condition in ({}, {"key": "key", "acl": "private"}, {"key": 5}, [], ["eq"], ["eq", "$key"], ["eq", "key", "key"],
                          ["eq", "$key", "key", "more"], ["ends-with", "$key", "y"], ["eq", "$key", 5], "key", 5, None,
                          ["content-length-range", 1], ["content-length-range", -1, 5], ["content-length-range", "a", 5],
                          ["content-length-range", 1, 2, 3], ["content-length-range", 1.5, 3]):
            form = self.form()
            form.conditions.append(condition)
            self.assert_refused(form, 400, "InvalidPolicyDocument")

    def test_565_operators_and_names_have_no_case(self):
        form = self.form()
        form.conditions = [["EQ", "$Bucket", self.bucket], ["Starts-With", "$KEY", "k"], {"Acl": "private"}]
        form.fields.append(("aCL", "private"))
        self.assert_uploaded(form)
        form.conditions[1] = ["starts-with", "$key", "K"]
        self.alice.delete(self.bucket, "key")
        self.assert_refused(form, 403, "AccessDenied", message="Policy Condition failed")

    def test_566_all_conditions_must_hold(self):
        for name, sent, condition, is_held in (
                ("x-amz-meta-a", "abc", ["eq", "$x-amz-meta-a", "abc"], True),
                ("x-amz-meta-a", "abc", ["eq", "$x-amz-meta-a", "abcd"], False),
                ("x-amz-meta-a", "abc", ["starts-with", "$x-amz-meta-a", "ab"], True),
                ("x-amz-meta-a", "abc", ["starts-with", "$x-amz-meta-a", "b"], False),
                ("x-amz-meta-a", "abc", ["starts-with", "$x-amz-meta-a", ""], True),
                ("x-amz-meta-a", "", ["eq", "$x-amz-meta-a", ""], True),
                ("x-amz-meta-a", "", ["starts-with", "$x-amz-meta-a", ""], True),
                (None, None, ["eq", "$x-amz-meta-a", ""], False),
                (None, None, ["starts-with", "$x-amz-meta-a", ""], False)):
            form = self.form()
            form.conditions.append(condition)
            if name:
                form.add(name, sent, condition=False)
            if is_held:
                self.assert_uploaded(form)
                self.alice.delete(self.bucket, "key")
            else:
                self.assert_refused(form, 403, "AccessDenied", message="Invalid according to Policy: Policy Condition failed")

    def test_567_every_field_must_be_named(self):
        form = self.form().add("x-amz-meta-a", "1", condition=False)
        self.assert_refused(form, 403, "AccessDenied", message="Extra input fields: x-amz-meta-a")
        form = self.form().add("x-ignore-a", "1", condition=False)
        form.add("x-amz-checksum-crc32", "2HQ0JA==", condition=False).add("x-amz-sdk-checksum-algorithm", "CRC32", condition=False)
        form.body = b"body"
        response = form.send()
        self.assertNotEqual(403, response.status, response)
        form = self.form()
        form.policy_text = lambda extra, make=form.policy_text: make([])
        self.assert_refused(form, 403, "AccessDenied", message="Extra input fields: x-amz-")

    def test_568_the_bucket(self):
        form = self.form()
        form.conditions = [["starts-with", "$key", ""]]
        self.assert_refused(form, 403, "AccessDenied", message="Extra input fields: bucket")
        form.conditions = [["starts-with", "$key", ""], {"bucket": "another"}]
        self.assert_refused(form, 403, "AccessDenied", message="Condition failed")
        self.assert_refused(self.form().add("bucket", "another", condition=False), 403, "AccessDenied")
        self.assert_uploaded(self.form().add("bucket", self.bucket, condition=False))

    def test_568_a_bucket_that_is_not_there(self):
        self.assert_error(Form(self.alice, self.bucket_name()).send(), 404, "NoSuchBucket")

    def test_569_of_each_type(self):
        for sent, is_held in (("image/png", True), ("image/png, image/gif", True), ("image/png,text/html", False)):
            form = self.form().add("Content-Type", sent, condition=False)
            form.conditions.append(["starts-with", "$Content-Type", "image/"])
            if is_held:
                self.assert_uploaded(form)
                self.assertEqual(sent, self.head("key").header("content-type"))
                self.alice.delete(self.bucket, "key")
            else:
                self.assert_refused(form, 403, "AccessDenied")

    def test_570_the_size_of_the_file(self):
        for least, most, size, code in ((0, 10, 10, None), (0, 10, 11, "EntityTooLarge"), (5, 10, 5, None),
                                        (5, 10, 4, "EntityTooSmall"), (0, 0, 0, None), (1 << 20, 1 << 21, (1 << 20) + 1, None),
                                        (1 << 20, 1 << 21, (1 << 21) + 1, "EntityTooLarge"),
                                        (1 << 20, 1 << 21, (1 << 20) - 1, "EntityTooSmall")):
            form = self.form(body=b"x" * size)
            form.conditions.append(["content-length-range", least, most])
            if code is None:
                self.assert_uploaded(form, body=b"x" * size)
                self.alice.delete(self.bucket, "key")
            elif code == "EntityTooLarge":
                self.assert_refused(form, 400, code, {"MaxSizeAllowed": most})
            else:
                self.assert_refused(form, 400, code, {"MinSizeAllowed": least, "ProposedSize": size})

    def prepared(self, form, **options):
        content_type = [("Content-Type", f"multipart/form-data; boundary={forms.BOUNDARY}")]
        return self.alice.prepare("POST", self.bucket, None, (), content_type, form.bytes(), auth="none", **options)

    def test_570_lengths_that_no_form_has(self):
        """Refused at once, whatever comes then."""
        for length, code in ((2**63, "InvalidRequest"), (2**64, "InvalidRequest"), (2**63 - 1, "EntityTooLarge"), ((5 << 30) + (2 << 20), "EntityTooLarge")):
            prepared = self.prepared(self.form(), length=length)
            for sent in (prepared.head, prepared.bytes):
                with self.alice.connect() as connection:
                    connection.try_send(sent)
                    answer = connection.read_response()
                    self.assertEqual(400, answer.status, answer)
                    if code == "EntityTooLarge":
                        self.assert_error(answer, 400, code)
                    self.assert_closed(connection)
        self.assert_absent("key")

    def test_557_a_client_that_stops_in_the_middle(self):
        """In a field's head, in a field, before the file, in it, behind it: nothing appears, and the next form goes in."""
        whole = self.form(body=b"file" * 100_000)
        prepared = self.prepared(whole)
        body = prepared.body
        cuts = [0, 10, body.index(b"policy") - 3, body.index(b"policy") + 20, body.index(b'name="file"') + 4,
                body.index(b"filefile"), body.index(b"filefile") + 200_000, len(body) - len(forms.end()) - 1, len(body) - 1]
        for at in cuts:
            for ends in ("half-closed", "reset"):
                with self.subTest(f"{at} {ends}"), self.alice.connect() as connection:
                    connection.send(prepared.head + body[:at])
                    if ends == "reset":
                        connection.reset()
                        continue
                    connection.finish_sending()
                    try:
                        answer = connection.read_response()
                        self.assertEqual(400, answer.status, answer)
                    except wire.Closed:
                        pass
        self.assert_absent("key")
        self.assert_uploaded(whole, body=whole.body)

    # ---- fields as headers ----

    def test_571_fields_act_as_headers(self):
        fields = {"Content-Type": "text/x-a", "Cache-Control": "no-cache", "Content-Disposition": "attachment",
                  "Content-Encoding": "gzip", "Expires": "Thu, 01 Dec 2050 16:00:00 GMT", "x-amz-meta-name": "value",
                  "x-amz-storage-class": "STANDARD_IA", "x-amz-website-redirect-location": "/other"}
        form = self.form()
        for name, value in fields.items():
            form.add(name, value)
        self.assert_uploaded(form.add("acl", "private"))
        head = self.head("key")
        for name, value in fields.items():
            self.assertEqual(value, head.header(name), head.headers)
        self.assert_uploaded(self.form())
        self.assertEqual("binary/octet-stream", self.head("key").header("content-type"))

    def test_571_their_errors_are_those_of_headers(self):
        for name, value, status, code in (("acl", "nonsense", 400, "InvalidArgument"),
                                          ("x-amz-storage-class", "COLD", 400, "InvalidStorageClass"),
                                          ("x-amz-website-redirect-location", "ftp://x", 400, "InvalidRedirectLocation"),
                                          ("x-amz-meta-a", "a" * 2100, 400, "MetadataTooLarge"),
                                          ("x-amz-meta-a", "a\r\nb", 400, "InvalidArgument"),
                                          ("x-amz-server-side-encryption", "AES256", 501, "NotImplemented")):
            self.assert_refused(self.form().add(name, value), status, code)

    def test_572_tags(self):
        document = "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>"
        self.assert_uploaded(self.form().add("tagging", document))
        tags = self.alice.get(self.bucket, "key", [("tagging", None)])
        self.assertEqual(["a"], tags.texts("TagSet/Tag/Key"))
        self.alice.delete(self.bucket, "key")
        self.assert_refused(self.form().add("tagging", "<Tagging>"), 400, "MalformedXML")
        eleven = "".join(f"<Tag><Key>{i}</Key><Value/></Tag>" for i in range(11))
        self.assert_refused(self.form().add("tagging", f"<Tagging><TagSet>{eleven}</TagSet></Tagging>"), 400, "BadRequest")

    def test_573_checksums(self):
        right = base64.b64encode(zlib.crc32(b"body").to_bytes(4, "big")).decode()
        response = self.assert_uploaded(self.form().add("x-amz-checksum-crc32", right))
        self.assertEqual(right, response.header("x-amz-checksum-crc32"))
        self.alice.delete(self.bucket, "key")
        self.assert_refused(self.form().add("x-amz-checksum-crc32", "AAAA"), 400, "InvalidRequest")
        self.assert_refused(self.form().add("x-amz-checksum-crc32", "AAAAAA=="), 400, "BadDigest")

    # ---- answers ----

    def test_574_success(self):
        for sent, status in ((None, 204), ("200", 200), ("204", 204), ("404", 204), ("yes", 204)):
            form = self.form(key="a b")
            if sent:
                form.add("success_action_status", sent)
            response = self.assert_uploaded(form, key="a b", status=status)
            self.assertEqual(b"", response.body)
            self.assertEqual('"841a2d689ad86bd1611447453c22c6fc"', response.header("etag"))
            self.assertEqual(f"http://{self.server.host}/{self.bucket}/a%20b".split("://")[1],
                             response.header("location").split("://")[1])
        response = self.assert_uploaded(self.form().add("success_action_status", "201"), status=201)
        self.assertIsNone(response.namespace)
        self.assertEqual(["Location", "Bucket", "Key", "ETag"], [child.tag for child in response.xml])
        self.assertEqual("PostResponse", response.xml.tag)
        self.assertEqual((self.bucket, "key", '"841a2d689ad86bd1611447453c22c6fc"'),
                         (response.text("Bucket"), response.text("Key"), response.text("ETag")))

    def test_575_redirects(self):
        tail = f"bucket={self.bucket}&key=a%20%26%2Fb&etag=%22841a2d689ad86bd1611447453c22c6fc%22"
        for name in ("success_action_redirect", "redirect"):
            for url, expected in (("http://localhost/done", "http://localhost/done?" + tail),
                                  ("https://a.b:8/d?x=1", "https://a.b:8/d?x=1&" + tail)):
                form = self.form(key="a &/b").add(name, url).add("success_action_status", "200")
                response = self.assert_uploaded(form, key="a &/b", status=303)
                self.assertEqual(expected, response.header("location"))
        for url in ("nonsense", "javascript:alert(1)", "http:///", "/local"):
            form = self.form().add("success_action_redirect", url).add("success_action_status", "200")
            self.assert_uploaded(form, status=200)

    def test_576_an_object_like_any_other(self):
        self.put("key", b"old")
        self.assert_uploaded(self.form())
        for fields in ((self.form().add("x-amz-checksum-crc32", "AAAAAA==")), ):
            self.assert_error(fields.send(), 400, "BadDigest")
        self.assert_object("key", b"body")
        self.assertRegex(self.list().text("Contents/Key"), re.escape("key"))

    def test_576_a_form_that_is_cut_leaves_nothing(self):
        form = self.form(body=b"x" * 100000)
        prepared = self.alice.prepare("POST", self.bucket, None, (), {
            "Content-Type": f"multipart/form-data; boundary={forms.BOUNDARY}"}, form.bytes(), auth="none")
        with self.alice.connect() as connection:
            connection.try_send(prepared.bytes[:-5000])
        self.assert_absent("key")

    def test_576_an_authorization_header_is_no_forms(self):
        form = self.form()
        response = self.alice.request("POST", self.bucket, None, (), {
            "Content-Type": f"multipart/form-data; boundary={forms.BOUNDARY}"}, form.bytes(), payload="unsigned")
        self.assert_error(response, 400, "InvalidRequest")
        self.assert_absent("key")

    def test_35_the_expected_owner(self):
        self.assert_refused(self.form(), 403, "AccessDenied", headers=[("x-amz-expected-bucket-owner", "nobody")])
        self.assert_uploaded(self.form(), headers=[("x-amz-expected-bucket-owner", self.alice.account.id)])


@needs("settings")
class OpenForms(FormCase):
    """Forms where a policy or a list of grants lets others in."""

    def open_to(self, principal, action, **conditions):
        allow = acls.statement("Allow", principal, action, acls.arn(self.bucket, "*"), **conditions)
        self.assert_status(204, self.alice.put(self.bucket, None, {"policy": None}, (), acls.policy(allow)))

    def test_560_anonymous_where_a_policy_allows_it(self):
        self.open_to("*", "s3:PutObject")
        self.assert_uploaded(self.form(version=None))
        self.assert_uploaded(self.form(version=None).add("x-amz-meta-any", "1").add("success_action_status", "201"), status=201)
        listed = self.alice.get(self.bucket, None, {"list-type": "2", "fetch-owner": "true"})
        self.assertEqual([self.alice.account.id], listed.texts("Contents/Owner/ID"))  # 463
        self.assert_refused(self.form("other", version=None).add("bucket", "another"), 403, "AccessDenied", key="other")  # 568
        tagged = self.form("tagged", version=None).add("tagging", "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>")
        self.assert_refused(tagged, 403, "AccessDenied", key="tagged")

    def test_560_anonymous_where_everyone_may_write(self):
        bucket = self.bucket_name()
        self.assert_status(200, self.alice.put(bucket, None, (), {"x-amz-object-ownership": "ObjectWriter", "x-amz-acl": "public-read-write"}))
        form = Form(self.alice, bucket, version=None)
        self.assert_status(204, form.send())
        self.assert_object("key", b"body", bucket=bucket)
        self.assert_status(204, self.alice.delete(bucket, "key"))
        self.assert_status(200, self.alice.put(bucket, None, {"acl": None}, {"x-amz-acl": "private"}))
        self.assert_error(form.send(), 403, "AccessDenied")
        self.assert_absent("key", bucket=bucket)

    def test_563_a_public_bucket_takes_no_wrong_signature(self):
        self.open_to("*", "s3:PutObject")
        form = self.form()
        form.signing["x-amz-signature"] = "0" * 64
        self.assert_refused(form, 403, "SignatureDoesNotMatch")
        form = self.form(version=2)
        form.signing["AWSAccessKeyId"] = "AKIANOBODY"
        self.assert_refused(form, 403, "InvalidAccessKeyId")

    def test_571_fields_are_what_policies_see(self):
        self.open_to("*", "s3:PutObject", StringEquals={"s3:x-amz-storage-class": "STANDARD_IA"})
        self.assert_refused(self.form(version=None), 403, "AccessDenied")
        self.assert_uploaded(self.form(version=None).add("x-amz-storage-class", "STANDARD_IA"))

    def test_499_a_form_sets_no_public_acl_where_that_is_blocked(self):
        bucket = self.bucket_name()
        self.assert_status(200, self.alice.put(bucket, None, (), {"x-amz-object-ownership": "ObjectWriter"}))
        self.assert_status(200, self.alice.put(bucket, None, {"publicAccessBlock": None}, (), acls.block("BlockPublicAcls")))
        self.assert_error(Form(self.alice, bucket).add("acl", "public-read").send(), 403, "AccessDenied")
        self.assert_absent("key", bucket=bucket)
        self.assert_status(204, Form(self.alice, bucket).add("acl", "private").send())

    def test_571_the_acl_is_the_objects(self):
        bucket = self.bucket_name()
        self.assert_status(200, self.alice.put(bucket, None, (), {"x-amz-object-ownership": "ObjectWriter"}))
        self.assert_status(204, Form(self.alice, bucket).add("acl", "public-read").send())
        self.assert_status(200, self.alice.get(bucket, "key", auth="none"))
        self.assert_error(Form(self.alice, bucket).add("acl", "public").send(), 400, "InvalidArgument")


@needs("versions")
class VersionedForms(FormCase):
    """A form makes versions, and locks them, as a PUT does."""

    def make(self, headers=()):
        bucket = self.bucket_name()
        self.assert_status(200, self.alice.put(bucket, None, (), headers))
        return bucket

    def test_404_a_version_of_its_own(self):
        bucket = self.make()
        enabled = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        self.assertIsNone(Form(self.alice, bucket, body=b"0").send().header("x-amz-version-id"))
        self.assert_status(200, self.alice.put(bucket, None, {"versioning": None}, (), enabled))
        ids = [Form(self.alice, bucket, body=body).send().header("x-amz-version-id") for body in (b"1", b"2")]
        self.assertEqual(2, len(set(ids) - {None}))
        for version, body in (("null", b"0"), (ids[0], b"1"), (ids[1], b"2")):
            self.assertEqual(body, self.alice.get(bucket, "key", {"versionId": version}).body)
        self.assertEqual(ids[1], self.alice.head(bucket, "key").header("x-amz-version-id"))

    def test_448_fields_that_lock(self):
        bucket = self.make({"x-amz-bucket-object-lock-enabled": "true"})
        form = Form(self.alice, bucket)
        form.add("x-amz-object-lock-mode", "GOVERNANCE").add("x-amz-object-lock-retain-until-date", "2039-01-01T00:00:00Z")
        form.add("x-amz-object-lock-legal-hold", "ON").add("x-amz-checksum-crc32", base64.b64encode(zlib.crc32(b"body").to_bytes(4, "big")).decode())
        answer = form.send()
        self.assert_status(204, answer)
        head = self.alice.head(bucket, "key")
        self.assertEqual(("GOVERNANCE", "ON"), tuple(head.header(f"x-amz-object-lock-{name}") for name in ("mode", "legal-hold")))
        self.assertRegex(head.header("x-amz-object-lock-retain-until-date"), "^2039-01-01T00:00:00")
        version = {"versionId": answer.header("x-amz-version-id")}
        self.assert_error(self.alice.delete(bucket, "key", version), 403, "AccessDenied")
        form = Form(self.alice, bucket).add("x-amz-object-lock-mode", "GOVERNANCE")
        self.assert_error(form.send(), 400, "InvalidArgument")
        unlocked = self.make()
        form = Form(self.alice, unlocked).add("x-amz-object-lock-legal-hold", "ON")
        self.assert_error(form.add("x-amz-checksum-crc32", "2HQ0JA==").send(), 400, "InvalidRequest")

    def test_449_a_default_retention(self):
        bucket = self.make({"x-amz-bucket-object-lock-enabled": "true"})
        rule = "<Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>1</Days></DefaultRetention></Rule>"
        document = f"<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>{rule}</ObjectLockConfiguration>"
        digest = base64.b64encode(hashlib.md5(document.encode()).digest()).decode()
        self.assert_status(200, self.alice.put(bucket, None, {"object-lock": None}, {"Content-MD5": digest}, document))
        self.assert_status(204, Form(self.alice, bucket).send())
        self.assertEqual("COMPLIANCE", self.alice.head(bucket, "key").header("x-amz-object-lock-mode"))


class OldForms(S3Case):
    SERIAL = True

    def test_562_version_2_can_be_switched_off(self):
        if not self.baled:
            self.skipTest("the server's program is not known")
        daemon = Daemon(os.path.abspath(self.baled))
        self.addCleanup(daemon.remove)
        daemon.options = ["--form-signature-v2", "off"]
        self.server = daemon.start()
        super().setUp()
        self.assert_error(Form(self.alice, self.bucket, version=2).send(), 400, "InvalidRequest", message="AWS4-HMAC-SHA256")
        self.assert_absent("key")
        self.assert_status(204, Form(self.alice, self.bucket).send())
        self.assertEqual(0, daemon.stop())
