"""tests/s3/statements/test_a_http.py -- section A: HTTP, and the shape of every answer."""

import datetime
import email.utils
import hashlib
import re
import threading
import time

import checksums
import sigv4
import wire
from case import S3Case

PREFLIGHT_FREE_METHODS = ("GET", "PUT", "POST", "DELETE")


class AnswerShape(S3Case):
    def test_001_every_answer_has_request_ids(self):
        self.put("k", b"0123456789")
        answers = {
            200: self.get("k"),
            206: self.get("k", headers={"Range": "bytes=0-1"}),
            304: self.get("k", headers={"If-None-Match": checksums.etag(b"0123456789")}),
            204: self.alice.delete(self.bucket, "nothing"),
            400: self.list(("max-keys", "x")),
            403: self.alice.get(self.bucket, "k", auth=None),
            404: self.get("missing"),
            405: self.alice.request("PATCH", self.bucket, "k"),
            412: self.get("k", headers={"If-Match": '"wrong"'}),
            416: self.get("k", headers={"Range": "bytes=10-"}),
            501: self.get("k", {"website": None}),
        }
        for status, answer in answers.items():
            with self.subTest(status):
                self.assert_status(status, answer)
        ids = [answer.header("x-amz-request-id") for answer in answers.values()]
        self.assertEqual(len(ids), len(set(ids)), "request ids repeat")

    def test_001_error_repeats_the_ids(self):
        self.assert_error(self.get("missing"), 404, "NoSuchKey")
        self.assert_error(self.raw(b"GET / HTTP/1.1\r\nHost: x\r\nBroken Header: 1\r\n\r\n"), 400, "BadRequest")

    def test_002_errors_are_xml_for_every_method(self):
        for method in PREFLIGHT_FREE_METHODS:
            with self.subTest(method):
                answer = self.alice.request(method, self.bucket, "k", auth=None)
                self.assert_error(answer, *((405, "MethodNotAllowed") if method == "POST" else (403, "AccessDenied")))
        for head in (b"FOO / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\x00\x01\x02\r\n\r\n"):
            with self.subTest(head):
                answer = self.raw(head)
                self.assertTrue(answer.body.startswith(b"<?xml"), answer)
                self.assertEqual("Error", answer.xml.tag)
                self.assertIn(answer.status // 100, (4, 5))

    def test_003_success_documents_have_the_namespace(self):
        self.put("k", b"x")
        self.assert_success_xml(self.alice.get(), "ListAllMyBucketsResult")
        self.assert_success_xml(self.list(), "ListBucketResult")
        self.assert_success_xml(self.list_v1(), "ListBucketResult")
        self.assert_success_xml(self.list_v1(("versions", None)), "ListVersionsResult")
        self.assert_success_xml(self.list_v1(("location", None)), "LocationConstraint")
        self.assert_success_xml(self.list_v1(("versioning", None)), "VersioningConfiguration")
        copied = self.alice.put(self.bucket, "copy", (), {"x-amz-copy-source": f"{self.bucket}/k"})
        self.assert_success_xml(copied, "CopyObjectResult")
        deleted = self.alice.delete_objects(self.bucket, "<Delete><Object><Key>k</Key></Object></Delete>")
        self.assert_success_xml(deleted, "DeleteResult")

    def test_004_error_to_head_has_no_body_and_keeps_the_connection(self):
        self.put("k", b"x")
        with self.alice.connect() as connection:
            for key, auth, status in (("missing", "header", 404), ("k", None, 403)):
                connection.send(self.alice.prepare("HEAD", self.bucket, key, auth=auth).bytes)
                self.assert_status(status, connection.read_response("HEAD"))
            connection.send(self.alice.prepare("GET", self.bucket, "k").bytes)
            answer = connection.read_response()
            self.assert_status(200, answer)
            self.assertEqual(b"x", answer.body)

    def test_005_extra_fields_of_missing_things(self):
        self.assert_error(self.get("no such/key"), 404, "NoSuchKey", {"Key": "no such/key"})
        name = self.bucket_name()
        self.assert_error(self.alice.get(name, "k"), 404, "NoSuchBucket", {"BucketName": name})
        self.assert_error(self.list(("max-keys", "many")), 400, "InvalidArgument",
                          {"ArgumentName": "max-keys", "ArgumentValue": "many"})

    def test_006_extra_fields_of_refusals(self):
        self.put("k", b"0123456789")
        self.assert_error(self.get("k", headers={"Range": "bytes=20-30"}), 416, "InvalidRange",
                          {"RangeRequested": "bytes=20-30", "ActualObjectSize": "10"})
        self.assert_error(self.get("k", headers={"If-Match": '"x"'}), 412, "PreconditionFailed", {"Condition": "If-Match"})
        both = {"If-Match": '"x"', "If-None-Match": "*"}
        self.assert_error(self.alice.put(self.bucket, "k", (), both, b"x"), 501, "NotImplemented", ["Header"])
        answer = self.alice.request("PATCH", self.bucket, "k")
        self.assert_error(answer, 405, "MethodNotAllowed", {"Method": "PATCH"})
        self.assertIsNotNone(answer.text("ResourceType"))
        self.assertTrue(answer.header("allow"), answer)

    def test_007_xml_is_escaped_and_well_formed(self):
        keys = ["a&b<c>d", "quote'\"", "ctl-\x01-\x1f", "cr-\r-lf-\n-tab-\t", "del-\x7f", "non-\ufffe", "]]>"]
        for key in keys:
            self.put(key, b"x")
        page = self.list()
        self.assert_success_xml(page, "ListBucketResult")  # parses at all
        listed = page.texts("Contents/Key")
        self.assertEqual(len(keys), len(listed))
        self.assertIn("a&b<c>d", listed)
        self.assertIn("cr-\r-lf-\n-tab-\t", listed)
        self.assertIn("ctl-\ufffd-\ufffd", listed)
        encoded = self.list(("encoding-type", "url"))
        self.assertEqual({sigv4.uri_encode(key, True) for key in keys}, set(encoded.texts("Contents/Key")))
        missing = self.get("gone-\x01&<>")
        self.assert_error(missing, 404, "NoSuchKey", {"Key": "gone-\ufffd&<>"})

    def test_008_times(self):
        before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=2)
        self.put("k", b"x")
        answer = self.head("k")
        for name in ("last-modified", "date"):
            self.assertRegex(answer.header(name), r"^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|"
                                                  r"Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT$")
        modified = email.utils.parsedate_to_datetime(answer.header("last-modified"))
        self.assertLess(before, modified)
        listed = self.list().text("Contents/LastModified")
        self.assertRegex(listed, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual(modified.strftime("%Y-%m-%dT%H:%M:%S"), listed[:19])
        self.assertRegex(self.alice.get().text("Buckets/Bucket/CreationDate"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


class ExpectContinue(S3Case):
    def test_009_interim_answer_comes_before_the_body(self):
        prepared = self.alice.prepare("PUT", self.bucket, "k", (), {"Expect": "100-continue"}, b"hello")
        with self.alice.connect() as connection:
            connection.send(prepared.head)
            self.assertEqual(100, connection.read_head().status)
            connection.send(prepared.body)
            self.assert_status(200, connection.read_response())
        self.assert_object("k", b"hello")

    def refused_without_interim(self, prepared, status, code):
        with self.alice.connect() as connection:
            connection.send(prepared.head)
            answer = connection.read_response()
            self.assert_error(answer, status, code)
            self.assertEqual([], answer.interim, "a 100 came before the refusal")
            if connection.must_close:
                self.assert_closed(connection)
            else:
                connection.send(self.alice.prepare("GET", self.bucket, None, {"list-type": "2"}).bytes)
                self.assert_status(200, connection.read_response())

    def test_009_refusal_comes_without_interim_answer(self):
        expect, body = {"Expect": "100-continue"}, b"x" * 100_000
        bucket = self.bucket
        wrong = self.alice.prepare("PUT", bucket, "k", (), expect, body, secret_key="wrong")
        self.refused_without_interim(wrong, 403, "SignatureDoesNotMatch")
        nowhere = self.alice.prepare("PUT", self.bucket_name(), "k", (), expect, body)
        self.refused_without_interim(nowhere, 404, "NoSuchBucket")
        foreign = self.bob.prepare("PUT", bucket, "k", (), expect, body)
        self.refused_without_interim(foreign, 403, "AccessDenied")
        large = self.alice.prepare("PUT", bucket, "k", (), expect, b"", payload="unsigned", length=6 << 30)
        self.refused_without_interim(large, 400, "EntityTooLarge")
        self.assertEqual([], self.list().texts("Contents/Key"))

    def test_010_body_sent_without_waiting(self):
        self.put("k", b"no waiting" * 1000, {"Expect": "100-continue"})
        self.assert_object("k", b"no waiting" * 1000)

    def test_011_unknown_expectations_are_ignored(self):
        for value in ("", "100-Continue", "something-else", "200-ok"):
            with self.subTest(value):
                self.put("k", value.encode() + b".", {"Expect": value})
                self.assert_object("k", value.encode() + b".")


class BodyLength(S3Case):
    def test_012_put_without_length(self):
        self.assert_refused_write(411, "MissingContentLength", "k", body=b"", length=None)

    def test_012_narrowed_plain_chunked_put_is_accepted(self):
        body = b"plain chunked coding, no decoded length " * 500
        for payload in ("sha256", "unsigned"):
            with self.subTest(payload):
                prepared = self.alice.prepare("PUT", self.bucket, payload, (), (), body, payload=payload, transfer="chunked")
                self.assert_status(200, self.alice.send(prepared))
                self.assert_object(payload, body)

    def test_013_bad_content_length(self):
        for value in ("-1", "", "abc", "1e3", "0x10", "+5", "5 5", "99999999999999999999999"):
            with self.subTest(value):
                prepared = self.alice.prepare("PUT", self.bucket, "k", body=b"", length=value)
                with self.alice.connect() as connection:
                    connection.send(prepared.head)
                    answer = connection.read_response()
                    self.assertEqual(400, answer.status, answer)
                    self.assertEqual("Error", answer.xml.tag)
                    self.assert_closed(connection)
        self.assert_absent("k")

    def test_014_short_body_and_half_close(self):
        for payload in ("sha256", "unsigned", sigv4.STREAM_SIGNED):
            with self.subTest(payload):
                key = "k" + payload
                self.put(key, b"old")
                for size, sent in ((1000, 0), (1000, 999), (300_000, 200_000), (3 << 20, 2 << 20)):
                    prepared = self.alice.prepare("PUT", self.bucket, key, body=b"n" * size, payload=payload)
                    with self.alice.connect() as connection:
                        connection.send(prepared.head + prepared.body[:sent])
                        connection.finish_sending()
                        try:
                            answer = connection.read_response()
                            self.assertIn(answer.code, ("IncompleteBody", "RequestTimeout"), answer)
                            self.assertEqual(400, answer.status)
                        except wire.Closed:
                            pass
                    self.assert_object(key, b"old")

    def test_014_client_that_vanishes(self):
        self.put("old", b"old")
        for key in ("old", "new"):
            for sent in (0, 10, 100_000, 1_500_000):
                prepared = self.alice.prepare("PUT", self.bucket, key, body=b"n" * 2_000_000)
                connection = self.alice.connect()
                connection.send(prepared.head + prepared.body[:sent])
                connection.reset()
        time.sleep(0.3)
        self.assert_object("old", b"old")
        self.assert_absent("new")

    def test_015_slow_but_steady_body(self):
        body = b"tick" * 30
        prepared = self.alice.prepare("PUT", self.bucket, "k", body=body)
        with self.alice.connect() as connection:
            connection.send(prepared.head)
            connection.send_in_pieces(prepared.body, 4, 0.4)  # 12 s in all
            self.assert_status(200, connection.read_response())
        self.assert_object("k", body)

    def test_016_unread_body_is_never_parsed_as_a_request(self):
        self.put("victim", b"x")
        smuggled = self.alice.prepare("DELETE", self.bucket, "victim").bytes
        for body in (smuggled, smuggled * 200, b"\r\n" + smuggled, b"x" * 70_000 + smuggled):
            with self.subTest(len(body)):
                refused = self.alice.prepare("PUT", self.bucket, "k", body=body, secret_key="wrong")
                with self.alice.connect() as connection:
                    connection.try_send(refused.bytes)
                    self.assert_error(connection.read_response(), 403, "SignatureDoesNotMatch")
                    if connection.must_close:
                        self.assert_closed(connection)
                    else:
                        connection.send(self.alice.prepare("GET", self.bucket, "victim").bytes)
                        answer = connection.read_response()
                        self.assert_status(200, answer)
                        self.assertEqual(b"x", answer.body)
        self.assert_object("victim", b"x")

    def test_016_large_refused_body_is_bounded(self):
        refused = self.alice.prepare("PUT", self.bucket, "k", payload="unsigned", length=4 << 30, secret_key="wrong")
        with self.alice.connect() as connection:
            connection.send(refused.head)
            self.assert_error(connection.read_response(), 403, "SignatureDoesNotMatch")
            sent = 0
            try:
                while sent < (256 << 20):
                    connection.send(b"z" * (1 << 20))
                    sent += 1 << 20
            except OSError:
                pass
        self.assertLess(sent, 256 << 20, "the server reads a refused body without bound")

    def assert_smuggling_refused(self, *fields, body=b"0\r\n\r\n", status=None):
        lines = [b"PUT /" + self.bucket.encode() + b"/k HTTP/1.1", b"Host: " + self.server.host.encode(), *fields]
        with self.alice.connect() as connection:
            connection.send(b"\r\n".join(lines) + b"\r\n\r\n" + body)
            answer = connection.read_response()
            self.assertIn(answer.status, (400,) if status is None else status, answer)
            self.assertEqual("Error", answer.xml.tag)
            self.assert_closed(connection)

    def test_017_request_smuggling(self):
        for fields in (
            (b"Content-Length: 5", b"Content-Length: 6"),
            (b"Content-Length: 5, 6",),
            (b"Content-Length: 5", b"Transfer-Encoding: chunked"),
            (b"Transfer-Encoding: chunked", b"Content-Length: 5"),
            (b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"),
            (b"Transfer-Encoding : chunked",),
            (b"Content-Length : 5",),
            (b"X-A: b", b" folded: c"),
        ):
            with self.subTest(fields):
                self.assert_smuggling_refused(*fields)
        for unknown in (b"Transfer-Encoding: xchunked", b"Transfer-Encoding:\x0bchunked", b"Transfer-Encoding: gzip, chunked"):
            self.assert_smuggling_refused(unknown, status=(400, 501))  # RFC 9112 asks for 501
        self.assert_absent("k")

    def test_017_bare_line_feed_and_broken_chunks(self):
        head = self.alice.prepare("PUT", self.bucket, "k", payload="unsigned", length=None, headers={
            "Transfer-Encoding": "chunked"}).head
        for body in (b"5\nhello\r\n0\r\n\r\n", b"xyz\r\nhello\r\n0\r\n\r\n", b"5\r\nhelloX\r\n0\r\n\r\n",
                     b"-5\r\nhello\r\n0\r\n\r\n", b"ffffffffffffffffff\r\nhello\r\n0\r\n\r\n", b"5 \x01\r\nhello\r\n0\r\n\r\n"):
            with self.subTest(body):
                with self.alice.connect() as connection:
                    connection.send(head + body)
                    self.assertEqual(400, connection.read_response().status)
                    self.assert_closed(connection)
                self.assert_absent("k")

    def test_018_header_section_bound(self):
        self.put("k", b"x")
        fits = self.get("k", headers=[(f"x-padding-{i}", "p" * 1000) for i in range(7)])
        self.assert_status(200, fits)
        for headers in ([(f"x-padding-{i}", "p" * 1000) for i in range(9)], [("x-padding", "p" * 8200)]):
            answer = self.get("k", headers=headers)
            self.assert_error(answer, 400, "RequestHeaderSectionTooLarge", {"MaxSizeAllowed": "8192"})

    def test_018_long_request_line_beside_it(self):
        long_query = [(f"unknown{i}", "v" * 990) for i in range(12)]
        self.put("k", b"x")
        self.assert_status(200, self.get("k", long_query))
        with self.alice.connect() as connection:
            connection.try_send(b"GET /" + b"a" * (20 << 10) + b" HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertIn(connection.read_response().status, (400, 414))


# What is known to S3 and not offered; GET of what statements 121 and 122 name has other answers.
BUCKET_PUT = "website replication notification inventory analytics metrics intelligent-tiering".split()


class Dispatch(S3Case):
    def test_019_bucket_sub_resources(self):
        for name in BUCKET_PUT:
            with self.subTest(f"PUT ?{name}"):
                self.assert_error(self.alice.put(self.bucket, None, {name: None}, (), b"<x/>"), 501, "NotImplemented")

    def test_019_object_sub_resources(self):
        self.put("k", b"kept")
        for method, query in (("POST", {"restore": None}), ("POST", {"select": None, "select-type": "2"}),
                              ("PUT", {"torrent": None})):
            with self.subTest(f"{method} {query}"):
                self.assert_error(self.alice.request(method, self.bucket, "k", query), 501, "NotImplemented")
        self.assert_object("k", b"kept")
        self.assert_error(self.alice.put(self.bucket, "new", {"acl": None}, (), b"<x/>"), 404, "NoSuchKey")
        self.assert_absent("new")

    def test_019_sub_resources_of_the_other_kind(self):
        self.put("k", b"kept")
        for name in ("policy", "cors", "lifecycle", "versioning", "logging", "website", "object-lock", "location"):
            for method in ("GET", "PUT", "DELETE", "HEAD"):
                with self.subTest(f"{method} key?{name}"):
                    answer = self.alice.request(method, self.bucket, "k", {name: None}, (), b"<x/>" if method == "PUT" else b"")
                    self.assert_status(501, answer)
        self.assert_object("k", b"kept")
        for name in ("retention", "legal-hold", "restore", "torrent", "attributes", "uploadId"):
            for method in ("PUT", "DELETE"):
                with self.subTest(f"{method} bucket?{name}"):
                    empty = self.make_bucket(suffix=f"{name.lower()}{method.lower()}"[:12])
                    answer = self.alice.request(method, empty, None, {name: None}, (), b"")
                    self.assert_error(answer, 501, "NotImplemented")
                    self.assert_status(200, self.alice.head(empty))

    def test_020_unknown_parameters_are_ignored_but_signed(self):
        self.assert_status(200, self.alice.put(self.bucket, "k", {"x-id": "PutObject"}, (), b"js"))
        answer = self.get("k", {"x-id": "GetObject", "unknown": "v", "other": None})
        self.assertEqual((200, b"js"), (answer.status, answer.body))
        prepared = self.alice.prepare("GET", self.bucket, "k", {"x-id": "GetObject"})
        prepared.target = prepared.target.replace(b"x-id=GetObject", b"x-id=Changed")
        self.assert_error(self.alice.send(prepared), 403, "SignatureDoesNotMatch")

    def test_021_methods_not_defined(self):
        for method, bucket, key in (("PATCH", self.bucket, "k"), ("POST", self.bucket, "k"), ("PATCH", self.bucket, None),
                                    ("PUT", None, None), ("DELETE", None, None), ("POST", None, None),
                                    ("TRACE", self.bucket, "k")):
            with self.subTest(f"{method} {bucket} {key}"):
                answer = self.alice.request(method, bucket, key)
                self.assert_error(answer, 405, "MethodNotAllowed", {"Method": method})
                self.assertTrue(answer.header("allow"))

    def test_023_empty_document(self):
        answer = self.alice.delete_objects(self.bucket, b"")
        self.assertIn(answer.code, ("MissingRequestBodyError", "MalformedXML"), answer)
        self.assert_error(answer, 400, answer.code)

    def test_023_oversized_document_is_refused_on_its_length(self):
        for method, query, size in (("POST", {"delete": None}, 100 << 20), ("PUT", (), 50 << 20)):
            with self.subTest(method):
                bucket = self.bucket if method == "POST" else self.bucket_name()
                prepared = self.alice.prepare(method, bucket, None, query, {"Content-MD5": checksums.md5_base64(b"x")},
                                              payload="unsigned", length=size)
                with self.alice.connect() as connection:
                    connection.send(prepared.head)
                    answer = connection.read_response()  # without any byte of the body
                self.assertIn(answer.code, ("MaxMessageLengthExceeded", "EntityTooLarge"), answer)
                self.assertEqual(400, answer.status)

    def test_023_oversized_document_without_length(self):
        document = b"<Delete>" + b" " * (9 << 20) + b"</Delete>"
        prepared = self.alice.prepare("POST", self.bucket, None, {"delete": None},
                                      {"Content-MD5": checksums.md5_base64(document)}, document, payload="unsigned",
                                      transfer="chunked")
        answer = self.raw(prepared.bytes)
        self.assertIn(answer.code, ("MaxMessageLengthExceeded", "EntityTooLarge", "MalformedXML"), answer)
        self.assertEqual(400, answer.status)

    def test_024_hostile_xml(self):
        self.put("k", b"x")
        bomb = "".join(f'<!ENTITY a{i} "{("&a" + str(i - 1) + ";") * 10 if i else "ha" * 10}">' for i in range(10))
        for name, document in {
            "dtd": "<!DOCTYPE Delete><Delete><Object><Key>k</Key></Object></Delete>",
            "entities": f"<!DOCTYPE d [{bomb}]><Delete><Object><Key>&a9;</Key></Object></Delete>",
            "external": '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><Delete><Object><Key>&x;</Key></Object></Delete>',
            "nested": "<Delete>" + "<a>" * 10_000 + "</a>" * 10_000 + "<Object><Key>k</Key></Object></Delete>",
            "unclosed": "<Delete><Object><Key>k</Key>",
            "undeclared": "<Delete><Object><Key>&nope;</Key></Object></Delete>",
        }.items():
            with self.subTest(name):
                started = time.monotonic()
                self.assert_error(self.alice.delete_objects(self.bucket, document), 400, "MalformedXML")
                self.assertLess(time.monotonic() - started, 30, "it is expanded")
        self.assert_object("k", b"x")
        configuration = '<!DOCTYPE x><CreateBucketConfiguration/>'
        self.assert_error(self.alice.put(self.bucket_name(), None, (), (), configuration), 400, "MalformedXML")


class Targets(S3Case):
    def test_025_bucket_with_and_without_slash(self):
        self.put("k", b"x")
        without = self.alice.get(self.bucket, None, {"list-type": "2"})
        with_slash = self.alice.get(self.bucket, "", {"list-type": "2"})
        for answer in (without, with_slash):
            self.assertEqual(["k"], self.assert_success_xml(answer, "ListBucketResult").texts("Contents/Key"))
        self.assert_status(200, self.alice.head(self.bucket, ""))
        self.assert_success_xml(self.alice.get(), "ListAllMyBucketsResult")

    def test_026_keys_are_decoded_once(self):
        for key, wire_form in (("a+b", "a+b"), ("a+b c", "a+b%20c"), ("100%25", "100%2525"), ("%41", "%2541"),
                               ("A", "%41"), ("a/b", "a%2Fb"), ("~t", "%7Et"), ("ä", "%c3%a4")):
            with self.subTest(wire_form):
                target = f"/{self.bucket}/{wire_form}"
                self.assert_status(200, self.alice.put(self.bucket, key, (), (), key.encode(), target=target))
                self.assert_object(key, key.encode())
                self.assertIn(key, self.list().texts("Contents/Key"))

    def test_027_odd_keys_are_preserved(self):
        keys = ["...", "....", "a/.../b", "%2e%2e", "%2e%2e/x", "%252e", "%252F", "->", "a->b", "back\\slash", "..\\x",
                "a/./b", "./a", "a/../b", "a//b", "//a", "/lead", "trail/", "trail//", " ", "a ", ".", "a/.", "%00", "%"]
        for key in keys:
            self.put(key, key.encode())
        self.assertEqual(sorted(keys, key=str.encode), self.list().texts("Contents/Key"))
        for key in keys:
            self.assert_object(key, key.encode())

    def test_028_climbing_keys(self):
        other = self.make_bucket()
        self.put("x", b"victim", bucket=other)
        for key in ("../x", "..", "../", f"../{other}/x", "a/../../b", "a/../..", "a/../../../etc/passwd", "../../x"):
            for encoded in (False, True):
                with self.subTest(f"{key} encoded={encoded}"):
                    wire_key = key.replace("..", "%2e%2e").replace("/", "%2F") if encoded else key
                    for method in ("PUT", "GET", "DELETE"):
                        answer = self.alice.request(method, self.bucket, key, (), (), b"x" if method == "PUT" else b"",
                                                    target=f"/{self.bucket}/{wire_key}")
                        self.assertEqual(400, answer.status, f"{method} {answer}")
                        self.assertEqual("Error", answer.xml.tag)
        self.assertEqual([], self.list().texts("Contents/Key"))
        self.assert_object("x", b"victim", bucket=other)

    def test_029_malformed_escapes(self):
        for wire_key in (b"%", b"%4", b"%zz", b"a%", b"%G1", b"%ff%fe", b"%c3%28", b"%80", b"%ed%a0%80", b"%f5%80%80%80",
                         b"%c0%af", b"\xff\xfe"):
            with self.subTest(wire_key):
                prepared = self.alice.prepare("GET", self.bucket, "k")
                prepared.target = b"/" + self.bucket.encode() + b"/" + wire_key
                self.assert_error(self.alice.send(prepared), 400, "InvalidURI")

    def test_029_nul_in_a_key_is_no_server_error(self):
        answer = self.alice.put(self.bucket, "a\x00b", (), (), b"x")
        self.assertIn(answer.status, (200, 400), answer)
        if answer.status == 200:
            self.assert_object("a\x00b", b"x")
        self.assert_error(self.get("a"), 404, "NoSuchKey")

    def test_030_virtual_host_style(self):
        domain, port = self.server.domain, self.server.address[1]
        dotted = self.make_bucket(suffix=".with.dots")
        for bucket in (self.bucket, dotted):
            self.put("path", b"path style", bucket=bucket)
            for host in (f"{bucket}.{domain}", f"{bucket}.{domain}:{port}", f"{bucket}.{domain}".upper(),
                         f"{bucket}.{domain.title()}:{port}"):
                with self.subTest(host):
                    answer = self.alice.get(bucket, "path", style="virtual", host=host)
                    self.assertEqual((200, b"path style"), (answer.status, answer.body))
                    self.assert_status(200, self.alice.put(bucket, "a b/ü", (), (), b"host style", style="virtual", host=host))
                    self.assert_object("a b/ü", b"host style", bucket=bucket)
                    listed = self.alice.get(bucket, None, {"list-type": "2"}, style="virtual", host=host)
                    self.assertEqual(["a b/ü", "path"], listed.texts("Contents/Key"))
                    self.assertEqual(bucket, listed.text("Name"))

    def test_030_addresses_and_the_bare_domain_are_path_style(self):
        self.put("k", b"x")
        port = self.server.address[1]
        for host in ("127.0.0.1", f"127.0.0.1:{port}", "[::1]", f"[::1]:{port}", "localhost", self.server.domain,
                     f"{self.server.domain}:{port}"):
            with self.subTest(host):
                self.assertEqual(b"x", self.get("k", host=host).body)

    def test_030_virtual_host_create_and_presigned(self):
        name = self.bucket_name()
        self.assert_status(200, self.alice.put(name, None, style="virtual"))
        self.put("k", b"x", bucket=name)
        self.assertEqual(b"x", self.alice.get(name, "k", style="virtual", auth="presigned").body)
        self.assert_status(200, self.alice.head(name, None, style="virtual"))

    def test_031_accept_encoding_changes_nothing(self):
        body = b"very compressible text. " * 4000
        self.put("k", body)
        plain = self.get("k")
        for value in ("gzip", "zstd", "br, gzip, deflate, zstd", "identity;q=0", "*"):
            with self.subTest(value):
                answer = self.get("k", headers={"Accept-Encoding": value})
                self.assertEqual(body, answer.body)
                self.assertEqual(plain.header("etag"), answer.header("etag"))
                self.assertIsNone(answer.header("content-encoding"))
                self.assertEqual(str(len(body)), answer.header("content-length"))

    def test_035_expected_bucket_owner(self):
        self.put("k", b"x")
        right, wrong = self.alice.account.id, self.bob.account.id
        operations = {
            "GetObject": lambda h: self.alice.get(self.bucket, "k", (), h),
            "HeadObject": lambda h: self.alice.head(self.bucket, "k", (), h),
            "PutObject": lambda h: self.alice.put(self.bucket, "p", (), h, b"p"),
            "DeleteObject": lambda h: self.alice.delete(self.bucket, "gone", (), h),
            "ListObjectsV2": lambda h: self.alice.get(self.bucket, None, {"list-type": "2"}, h),
            "ListObjects": lambda h: self.alice.get(self.bucket, None, (), h),
            "ListObjectVersions": lambda h: self.alice.get(self.bucket, None, {"versions": None}, h),
            "HeadBucket": lambda h: self.alice.head(self.bucket, None, (), h),
            "GetBucketLocation": lambda h: self.alice.get(self.bucket, None, {"location": None}, h),
            "DeleteObjects": lambda h: self.alice.delete_objects(
                self.bucket, "<Delete><Object><Key>gone</Key></Object></Delete>",
                {**h, "Content-MD5": checksums.md5_base64(b"<Delete><Object><Key>gone</Key></Object></Delete>")}),
            "CopyObject": lambda h: self.alice.put(self.bucket, "c", (), {**h, "x-amz-copy-source": f"{self.bucket}/k"}),
        }
        for name, operation in operations.items():
            with self.subTest(name):
                refused = operation({"x-amz-expected-bucket-owner": wrong})
                self.assertEqual(403, refused.status, refused)
                if not name.startswith("Head"):
                    self.assert_error(refused, 403, "AccessDenied")
        self.assertEqual(["k"], self.list().texts("Contents/Key"))
        for name, operation in operations.items():
            with self.subTest(name + " right owner"):
                self.assertIn(operation({"x-amz-expected-bucket-owner": right}).status, (200, 204))
        copy = {"x-amz-copy-source": f"{self.bucket}/k"}
        self.assert_error(self.alice.put(self.bucket, "c2", (), {**copy, "x-amz-source-expected-bucket-owner": wrong}),
                          403, "AccessDenied")
        self.assert_absent("c2")
        self.assert_status(200, self.alice.put(self.bucket, "c2", (), {**copy, "x-amz-source-expected-bucket-owner": right}))
        self.assert_error(self.alice.delete(self.bucket, None, (), {"x-amz-expected-bucket-owner": wrong}), 403, "AccessDenied")


class KeepAlive(S3Case):
    def test_http_pipelined_requests_are_answered_in_order(self):
        for number in range(10):
            self.put(f"k{number}", b"%d" % number)
        burst = b"".join(self.alice.prepare("GET", self.bucket, f"k{number}").bytes for number in range(10))
        for piece in (len(burst), 7, 100):
            with self.alice.connect() as connection:
                connection.send_in_pieces(burst, piece)
                self.assertEqual([b"%d" % number for number in range(10)],
                                 [connection.read_response().body for _ in range(10)])

    def test_http_head_split_at_every_boundary(self):
        prepared = self.alice.prepare("PUT", self.bucket, "k", body=b"split")
        with self.alice.connect() as connection:
            for cut in range(1, len(prepared.bytes), 13):
                connection.send(prepared.bytes[:cut])
                time.sleep(0.002)
                connection.send(prepared.bytes[cut:])
                self.assert_status(200, connection.read_response())
        self.assert_object("k", b"split")

    def test_http_10_and_connection_close(self):
        self.put("k", b"x")
        prepared = self.alice.prepare("GET", self.bucket, "k", headers={"Connection": "close"})
        with self.alice.connect() as connection:
            connection.send(prepared.bytes)
            self.assertEqual(b"x", connection.read_response().body)
            self.assert_closed(connection)
        prepared = self.alice.prepare("GET", self.bucket, "k")
        with self.alice.connect() as connection:
            connection.send(prepared.bytes.replace(b"HTTP/1.1", b"HTTP/1.0", 1))
            self.assertEqual(b"x", connection.read_response().body)
            self.assert_closed(connection)

    def test_http_idle_connection_is_served_again(self):
        self.put("k", b"x")
        with self.alice.connect() as connection:
            for pause in (0, 0.05, 1.5):
                time.sleep(pause)
                connection.send(self.alice.prepare("GET", self.bucket, "k").bytes)
                self.assertEqual(b"x", connection.read_response().body)

    def test_http_absolute_form_and_leading_empty_line(self):
        self.put("k", b"x")
        prepared = self.alice.prepare("GET", self.bucket, "k")
        absolute = prepared.bytes.replace(b"GET /", b"GET http://" + self.server.host.encode() + b"/", 1)
        self.assertEqual(b"x", self.raw(absolute).body)
        self.assertEqual(b"x", self.raw(b"\r\n" + prepared.bytes).body)

    def test_http_many_clients_at_once(self):
        body = hashlib.sha256(b"seed").digest() * 3000
        self.put("k", body)
        wrong = []

        def work():
            for _ in range(5):
                if self.get("k").body != body:
                    wrong.append(1)
        threads = [threading.Thread(target=work) for _ in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([], wrong)
