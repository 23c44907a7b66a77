"""tests/s3/statements/test_c_presigned.py -- section C: presigned URLs."""

import datetime
import hashlib
import threading
import time

import checksums
import sigv4
from case import S3Case

MALFORMED = "AuthorizationQueryParametersError"


class Presigned(S3Case):
    def setUp(self):
        super().setUp()
        self.put("k", b"content")

    def prepared(self, method="GET", key="k", *args, **options):
        return self.alice.prepare(method, self.bucket, key, *args, auth="presigned", **options)

    def without(self, name, **options):
        prepared = self.prepared(**options)
        path, _, query = prepared.target.partition(b"?")
        kept = [part for part in query.split(b"&") if not part.startswith(name.encode() + b"=")]
        self.assertEqual(len(query.split(b"&")) - 1, len(kept))
        prepared.target = path + b"?" + b"&".join(kept)
        return self.alice.send(prepared)

    def replaced(self, old, new, **options):
        prepared = self.prepared(**options)
        changed = prepared.target.replace(old.encode(), new.encode())
        self.assertNotEqual(changed, prepared.target)
        prepared.target = changed
        return self.alice.send(prepared)

    def test_061_missing_parameter(self):
        for name in ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders",
                     "X-Amz-Signature"):
            with self.subTest(name):
                self.assert_error(self.without(name), 400, MALFORMED)

    def test_062_wrong_algorithm_or_credential(self):
        for options in ({"algorithm": "AWS4-SHA256"}, {"algorithm": "AWS4-ECDSA-P256-SHA256"}, {"terminal": "aws3_request"},
                        {"service": "ec2"}, {"region": "eu-west-1"}, {"scope_date": "20200101"}, {"scope_date": "today"}):
            with self.subTest(options):
                self.assert_error(self.alice.send(self.prepared(**options)), 400, MALFORMED)
        self.assert_error(self.replaced("%2Faws4_request", ""), 400, MALFORMED)

    def test_062_unknown_key_and_wrong_secret(self):
        self.assert_error(self.alice.send(self.prepared(access_key="AKIANOBODY")), 403, "InvalidAccessKeyId")
        self.assert_error(self.alice.send(self.prepared(secret_key="wrong")), 403, "SignatureDoesNotMatch",
                          ["StringToSign", "CanonicalRequest"])

    def test_063_expires(self):
        for value in ("abc", "-1", "604801", "", "1.5", "99999999999999999999"):
            with self.subTest(value):
                self.assert_error(self.alice.send(self.prepared(expires=value)), 400, MALFORMED)
        for value in (1, 604800):
            self.assert_status(200, self.alice.send(self.prepared(expires=value)))

    def test_063_zero_has_run_out(self):
        answer = self.alice.send(self.prepared(expires=0))
        self.assert_error(answer, 403, "AccessDenied", {"X-Amz-Expires": "0"}, message="Request has expired")

    def test_064_expired(self):
        when = sigv4.utc_now() - datetime.timedelta(seconds=120)
        answer = self.alice.send(self.prepared(when=when, expires=60))
        self.assert_error(answer, 403, "AccessDenied", {"X-Amz-Expires": "60"}, message="Request has expired")
        for name in ("Expires", "ServerTime"):
            self.assertRegex(answer.text(name), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assert_status(200, self.alice.send(self.prepared(when=when, expires=600)))
        old = sigv4.utc_now() - datetime.timedelta(days=6)
        self.assert_status(200, self.alice.send(self.prepared(when=old, expires=604800)))

    def test_065_not_valid_yet(self):
        when = sigv4.utc_now() + datetime.timedelta(minutes=20)
        self.assert_error(self.alice.send(self.prepared(when=when)), 403, "AccessDenied", message="not (yet )?valid( yet)?")
        soon = sigv4.utc_now() + datetime.timedelta(minutes=5)
        self.assert_status(200, self.alice.send(self.prepared(when=soon)))

    def test_066_download_outlives_the_signature(self):
        body = hashlib.shake_128(b"066").digest(24 << 20)
        self.put("large", body, payload="unsigned")
        for seconds in (2, 4, 8, 16):  # a machine that is busy may have begun too late
            prepared = self.prepared(key="large", expires=seconds)
            with self.alice.connect(receive_buffer=1 << 16) as connection:
                connection.send(prepared.bytes)
                time.sleep(seconds + 1)
                answer = connection.read_response()
            if answer.status == 200:
                break
        self.assert_status(200, answer)
        self.assertTrue(answer.body == body)
        self.assert_error(self.alice.send(prepared), 403, "AccessDenied")

    def test_067_any_change_breaks_it(self):
        self.put("k2", b"other")
        query = {"response-content-type": "text/plain"}
        prepared = self.alice.prepare("GET", self.bucket, "k", query, auth="presigned")
        self.assert_status(200, self.alice.send(prepared))
        for old, new in ((b"text%2Fplain", b"text%2Fhtml"), (b"/k?", b"/k2?"), (b"X-Amz-Expires=900", b"X-Amz-Expires=901"),
                         (b"&X-Amz-Algorithm", b"&extra=1&X-Amz-Algorithm")):
            with self.subTest(old):
                changed = self.alice.prepare("GET", self.bucket, "k", query, auth="presigned")
                changed.target = changed.target.replace(old, new)
                self.assertNotEqual(prepared.target, changed.target)
                self.assert_error(self.alice.send(changed), 403, "SignatureDoesNotMatch")
        for method in ("PUT", "DELETE"):
            changed = self.alice.prepare("GET", self.bucket, "k", query, auth="presigned")
            changed.method = method
            self.assertEqual(403, self.alice.send(changed).status)
        head = self.alice.prepare("GET", self.bucket, "k", query, auth="presigned")
        head.method = "HEAD"
        self.assertEqual(403, self.alice.send(head).status)
        self.assert_object("k", b"content")

    def test_068_body_of_a_presigned_put(self):
        prepared = self.prepared("PUT", "new", body=b"signed without knowing the body")
        prepared.body = b"another body of the same len..."
        self.assert_status(200, self.alice.send(prepared))
        self.assert_object("new", b"another body of the same len...")
        right = {"x-amz-content-sha256": hashlib.sha256(b"known").hexdigest()}
        self.assert_status(200, self.alice.send(self.prepared("PUT", "known", (), right, b"known")))
        self.assert_object("known", b"known")
        wrong = self.prepared("PUT", "wrong", (), right, b"other")
        self.assert_error(self.alice.send(wrong), 400, "XAmzContentSHA256Mismatch")
        self.assert_absent("wrong")

    def test_069_signed_headers_must_be_there(self):
        prepared = self.prepared(headers={"x-amz-meta-a": "1"}).set("x-amz-meta-a", None)
        self.assertIn(self.alice.send(prepared).status, (400, 403))
        prepared = self.prepared(headers={"x-other": "1"}, also_signed=["x-other"]).set("x-other", "2")
        self.assert_error(self.alice.send(prepared), 403, "SignatureDoesNotMatch")

    def test_069_extra_unsigned_amz_headers(self):
        prepared = self.prepared("PUT", "new", body=b"x")
        prepared.headers.append(("x-amz-meta-sneaked", "in"))
        self.assert_error(self.alice.send(prepared), 403, "AccessDenied", {"HeadersNotSigned": "x-amz-meta-sneaked"})
        self.assert_absent("new")

    def test_070_hoisted_checksum_parameters(self):
        body = b"hoisted"
        for query in ({"x-amz-checksum-crc32": checksums.checksum("CRC32", body), "x-amz-sdk-checksum-algorithm": "CRC32"},
                      {"x-amz-checksum-crc32": "AAAAAA==", "x-amz-sdk-checksum-algorithm": "CRC32"},
                      {"x-amz-sdk-checksum-algorithm": "CRC32"}):
            if query.get("x-amz-checksum-crc32") == "AAAAAA==":
                body = b""  # what an SDK computes when it signs without the body
            with self.subTest(query):
                self.assert_status(200, self.alice.put(self.bucket, "n", query, (), body, auth="presigned"))
                self.assert_object("n", body)

    def test_071_response_overrides(self):
        overrides = {"response-content-type": "text/x-a", "response-content-language": "de",
                     "response-content-disposition": 'attachment; filename="a b.txt"', "response-content-encoding": "x-b",
                     "response-cache-control": "no-store", "response-expires": "Thu, 01 Dec 1994 16:00:00 GMT"}
        for auth in ("header", "presigned"):
            answer = self.get("k", overrides, auth=auth)
            self.assert_status(200, answer)
            for name, value in overrides.items():
                self.assertEqual(value, answer.header(name.removeprefix("response-")))
        for name, value in overrides.items():
            with self.subTest(name):
                answer = self.get("k", {name: value}, auth=None)
                self.assert_error(answer, 400, "InvalidRequest")

    def test_072_other_operations(self):
        self.assert_status(200, self.alice.head(self.bucket, "k", auth="presigned"))
        listed = self.alice.get(self.bucket, None, {"list-type": "2", "prefix": "k"}, auth="presigned")
        self.assertEqual(["k"], listed.texts("Contents/Key"))
        self.assertEqual(204, self.alice.delete(self.bucket, "k", auth="presigned").status)
        self.assert_absent("k")
        self.assert_status(200, self.alice.get(auth="presigned"))

    def test_073_odd_keys(self):
        for key in ("ü/ß", "a b", "a+b", "100%", "%41", "a&b=c", "q?x", "!'()*", "日本", "~"):
            with self.subTest(key):
                self.assert_status(200, self.alice.put(self.bucket, key, (), (), key.encode(), auth="presigned"))
                self.assertEqual(key.encode(), self.get(key, auth="presigned").body)
                self.assert_object(key, key.encode())

    def test_074_security_token(self):
        answer = self.get("k", {"X-Amz-Security-Token": "FQoGZXIvYXdzEXAMPLE"}, auth="presigned")
        self.assertIn(answer.code, (MALFORMED, "InvalidToken"), answer)
        self.assert_error(answer, 400, answer.code)

    def test_presigned_signature_version_2_names_the_setting(self):
        answer = self.get("k", {"AWSAccessKeyId": self.alice.account.access_key, "Signature": "vjbyPxybdZaNmGa=",
                                "Expires": str(int(time.time()) + 600)}, auth=None)
        self.assert_error(answer, 400, "InvalidRequest", message="s3v4")
        self.assertIn("AWS4-HMAC-SHA256", answer.text("Message"))

    def test_presigned_lower_case_escapes_and_other_order(self):
        prepared = self.alice.prepare("GET", self.bucket, "k", {"response-content-type": "text/ü"}, auth="presigned")
        path, _, query = prepared.target.partition(b"?")
        parts = query.replace(b"%C3%BC", b"%c3%bc").split(b"&")
        prepared.target = path + b"?" + b"&".join(reversed(parts))
        self.assert_status(200, self.alice.send(prepared))

    def test_presigned_many_at_once(self):
        failures = []

        def work():
            for _ in range(20):
                if self.get("k", auth="presigned").body != b"content":
                    failures.append(1)
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([], failures)
