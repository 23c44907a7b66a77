"""tests/s3/statements/test_b_header_signature.py -- section B: signature version 4 in the Authorization header."""

import datetime
import hashlib
import re

import checksums
import sigv4
from case import S3Case


def minutes(count):
    return datetime.timedelta(minutes=count)


class HeaderSignature(S3Case):
    def setUp(self):
        super().setUp()
        self.put("k", b"content")

    def prepared(self, *args, **options):
        return self.alice.prepare("GET", self.bucket, "k", *args, **options)

    def with_authorization(self, value):
        return self.alice.send(self.prepared().set("Authorization", value))

    def bent(self, pattern, replacement):
        """The right Authorization, bent in one place."""
        prepared = self.prepared()
        value = prepared.get("Authorization")
        changed = re.sub(pattern, replacement, value)
        self.assertNotEqual(value, changed)
        return self.alice.send(prepared.set("Authorization", changed))

    def test_036_anonymous(self):
        for method, bucket, key in (("GET", self.bucket, "k"), ("PUT", self.bucket, "n"), ("DELETE", self.bucket, "k"),
                                    ("GET", self.bucket, None), ("GET", None, None), ("PUT", self.bucket_name(), None),
                                    ("DELETE", self.bucket, None), ("GET", self.bucket, "missing")):
            with self.subTest(f"{method} {bucket} {key}"):
                answer = self.alice.request(method, bucket, key, (), (), b"x" if method == "PUT" else b"", auth=None)
                self.assert_error(answer, 403, "AccessDenied")
        self.assertEqual(403, self.alice.head(self.bucket, "k", auth=None).status)
        self.assert_object("k", b"content")
        self.assert_absent("n")

    def test_037_not_type_and_parameters(self):
        for value in ("", "nonsense", "AWS4-HMAC-SHA256", "Basic"):
            with self.subTest(value):
                answer = self.with_authorization(value)
                self.assertEqual(400 if value else answer.status, answer.status, answer)
                if value:
                    self.assert_error(answer, 400, "InvalidArgument")
                else:
                    self.assertIn(answer.code, ("InvalidArgument", "AccessDenied"))

    def test_038_unknown_type(self):
        for algorithm in ("AWS2-HMAC-SHA1", "AWS4-HMAC-SHA512", "AWS4-ECDSA-P256-SHA256", "Bearer"):
            with self.subTest(algorithm):
                self.assert_error(self.bent("^AWS4-HMAC-SHA256", algorithm), 400, "InvalidArgument")

    def test_039_signature_version_2(self):
        answer = self.with_authorization(f"AWS {self.alice.account.access_key}:frJIUN8DYpKDtOLCwo//yllqDzg=")
        self.assert_error(answer, 400, "InvalidRequest", message="AWS4-HMAC-SHA256")

    def test_040_missing_and_malformed_components(self):
        for pattern, replacement in ((r"Credential=[^,]*, ", ""), (r"SignedHeaders=[^,]*, ", ""), (r", Signature=.*", ""),
                                     (r"Credential=", "Credential"), (r"SignedHeaders=", "SignedHeaders"),
                                     (r"Signature=", "Signature"), (r"/aws4_request", ""), (r"/s3/", "/"),
                                     (r"Credential=[^,]*", "Credential=a/b"), (r"Credential=[^,]*", "Credential=")):
            with self.subTest(f"{pattern} -> {replacement}"):
                self.assert_error(self.bent(pattern, replacement), 400, "AuthorizationHeaderMalformed")

    def test_041_separators(self):
        for separator in (",", ", ", ",  "):
            with self.subTest(separator):
                prepared = self.prepared()
                value = prepared.get("Authorization").replace(", ", separator)
                self.assert_status(200, self.alice.send(prepared.set("Authorization", value)))

    def test_042_wrong_terminal_service_date(self):
        for options in ({"terminal": "aws3_request"}, {"service": "ec2"}, {"scope_date": "2026-11-21"},
                        {"scope_date": "20261"}, {"scope_date": "abcdefgh"}):
            with self.subTest(options):
                self.assert_error(self.alice.send(self.prepared(**options)), 400, "AuthorizationHeaderMalformed")

    def test_043_wrong_region(self):
        answer = self.alice.send(self.prepared(region="eu-central-1"))
        self.assert_error(answer, 400, "AuthorizationHeaderMalformed", {"Region": self.server.region},
                          message=f"eu-central-1.*{self.server.region}")

    def test_044_credential_date_is_not_the_day(self):
        now = sigv4.utc_now()
        answer = self.alice.send(self.prepared(when=now, scope_date=(now - minutes(24 * 60)).strftime("%Y%m%d")))
        self.assert_error(answer, 400, "AuthorizationHeaderMalformed")

    def test_045_unknown_access_key(self):
        answer = self.alice.send(self.prepared(access_key="AKIANOBODY"))
        self.assert_error(answer, 403, "InvalidAccessKeyId", {"AWSAccessKeyId": "AKIANOBODY"})

    def test_046_wrong_secret(self):
        prepared = self.prepared(secret_key="wrong")
        answer = self.assert_error(self.alice.send(prepared), 403, "SignatureDoesNotMatch", {
            "StringToSign": prepared.string_to_sign,
            "StringToSignBytes": " ".join(f"{byte:02x}" for byte in prepared.string_to_sign.encode()),
            "CanonicalRequest": prepared.canonical.decode(),
            "CanonicalRequestBytes": " ".join(f"{byte:02x}" for byte in prepared.canonical),
            "AWSAccessKeyId": self.alice.account.access_key, "SignatureProvided": prepared.signature,
        })
        self.assertNotIn(self.alice.account.secret_key.encode(), answer.body)

    def test_046_changed_after_signing(self):
        for name, value in (("x-amz-date", sigv4.amz_date(sigv4.utc_now() + minutes(1))), ("Host", "other.example"),
                            ("x-amz-content-sha256", "0" * 64)):
            with self.subTest(name):
                self.assertIn(self.alice.send(self.prepared().set(name, value)).status, (400, 403))
        prepared = self.prepared()
        prepared.target += b"2"
        self.assert_error(self.alice.send(prepared), 403, "SignatureDoesNotMatch")
        prepared = self.prepared()
        prepared.method = "DELETE"
        self.assert_error(self.alice.send(prepared), 403, "SignatureDoesNotMatch")
        self.assert_object("k", b"content")

    def test_046_signature_of_other_length(self):
        for replacement in ("Signature=", "Signature=00", "Signature=" + "0" * 63, "Signature=" + "0" * 65,
                            "Signature=" + "Z" * 64):
            answer = self.bent(r"Signature=\w+", replacement)
            self.assertIn(answer.status, (400, 403), answer)

    def test_047_missing_or_unparsable_date(self):
        self.assert_error(self.alice.send(self.prepared().set("x-amz-date", None)), 403, "AccessDenied")
        for value in ("yesterday", "20261301T000000Z", "2026-11-21T10:00:00Z", "20261121T100000", "20261121T256100Z"):
            with self.subTest(value):
                answer = self.alice.send(self.prepared(headers={"x-amz-date": value}))
                self.assert_error(answer, 403, "AccessDenied")

    def test_048_date_header(self):
        now = sigv4.utc_now()
        only_date = self.prepared(headers={"Date": now.strftime("%a, %d %b %Y %H:%M:%S GMT")}, when=now,
                                  also_signed=["date"])
        self.assertIsNone(only_date.get("x-amz-date"))
        self.assert_status(200, self.alice.send(only_date))
        for date in ("Thu, 01 Jan 1970 00:00:00 GMT", "nonsense"):
            both = self.prepared(headers=[("x-amz-date", sigv4.amz_date(now)), ("Date", date)], when=now)
            self.assert_status(200, self.alice.send(both))

    def test_049_clock_skew(self):
        now = sigv4.utc_now()
        for shift in (minutes(16), minutes(-16), minutes(60 * 30), minutes(-60 * 24 * 400)):
            with self.subTest(shift):
                answer = self.alice.send(self.prepared(when=now + shift))
                self.assert_error(answer, 403, "RequestTimeTooSkewed", {
                    "RequestTime": sigv4.amz_date(now + shift), "MaxAllowedSkewMilliseconds": "900000"})
                self.assertRegex(answer.text("ServerTime"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        for shift in (minutes(14.9), minutes(-14.9)):
            self.assert_status(200, self.alice.send(self.prepared(when=sigv4.utc_now() + shift)))

    def test_050_unsigned_amz_headers(self):
        prepared = self.alice.prepare("PUT", self.bucket, "n", body=b"x")
        prepared.headers.append(("x-amz-meta-sneaked", "in"))
        self.assert_error(self.alice.send(prepared), 403, "AccessDenied", {"HeadersNotSigned": "x-amz-meta-sneaked"})
        self.assert_absent("n")
        prepared = self.alice.prepare("PUT", self.bucket, "n", body=b"x")
        prepared.headers += [("x-other", "1"), ("Cache-Control", "no-store"), ("User-Agent", "test")]
        self.assert_status(200, self.alice.send(prepared))

    def test_050_host_must_be_signed(self):
        prepared = self.prepared(signed=["x-amz-date", "x-amz-content-sha256"])
        self.assertIn(self.alice.send(prepared).status, (400, 403))

    def test_051_missing_content_sha256(self):
        prepared = self.prepared(headers={"x-amz-content-sha256": None}, sign_payload_as=sigv4.EMPTY_SHA256)
        self.assertIsNone(prepared.get("x-amz-content-sha256"))
        self.assert_error(self.alice.send(prepared), 400, "InvalidRequest", message="x-amz-content-sha256")

    def test_052_unknown_content_sha256(self):
        for value in ("nonsense", "UNSIGNED", "STREAMING-NOTHING", "0" * 63, "0" * 65, "g" * 64, ""):
            with self.subTest(value):
                answer = self.alice.put(self.bucket, "n", (), {"x-amz-content-sha256": value}, b"x")
                self.assertIn(answer.code, ("InvalidArgument",) if value else ("InvalidArgument", "InvalidRequest"), answer)
                self.assert_error(answer, 400, answer.code)
        self.assert_absent("n")

    def test_053_body_hash_differs(self):
        body, other = b"what is sent", hashlib.sha256(b"what was signed").hexdigest()
        self.assert_refused_write(400, "XAmzContentSHA256Mismatch", "n", {
            "ClientComputedContentSHA256": other, "S3ComputedContentSHA256": hashlib.sha256(body).hexdigest(),
        }, headers={"x-amz-content-sha256": other}, body=body)
        self.assert_refused_write(400, "XAmzContentSHA256Mismatch", "large", headers={"x-amz-content-sha256": other},
                                  body=b"z" * 3_000_000)

    def test_053_document_hash_differs(self):
        document = b"<Delete><Object><Key>k</Key></Object></Delete>"
        answer = self.alice.delete_objects(self.bucket, document, {
            "Content-MD5": checksums.md5_base64(document),
            "x-amz-content-sha256": hashlib.sha256(b"other").hexdigest()})
        self.assert_error(answer, 400, "XAmzContentSHA256Mismatch")
        self.assert_object("k", b"content")

    def test_054_canonical_query(self):
        for prefix in ("a b", "a+b", "a/b", "a=b", "a&b", "ä", "a%20b", "a%", "~-._", "a?b#c", "!'()*", "a;b", "\n"):
            with self.subTest(prefix):
                self.put(prefix + "/key", b"x")
                listed = self.list(("prefix", prefix + "/"), ("delimiter", "|"))
                self.assertEqual([prefix + "/key"], listed.texts("Contents/Key"), listed)

    def test_054_query_as_clients_write_it(self):
        self.put("a b", b"x")
        pairs = [("prefix", "a b"), ("list-type", "2"), ("acl-x", None), ("b", "2"), ("b", "1"), ("B", "0"), ("a-b", ""), ("ab", "")]
        for written in ("prefix=a%20b&list-type=2&acl-x&b=2&b=1&B=0&a-b=&ab=", "ab&a-b&b=1&B=0&b=2&acl-x=&list-type=2&prefix=%61%20b"):
            with self.subTest(written):
                answer = self.alice.get(self.bucket, None, pairs, wire_query=written)
                self.assertEqual(["a b"], answer.texts("Contents/Key"), answer)

    def test_055_canonical_path(self):
        for key, written in (("a!'()*b", "a!'()*b"), ("a!'()*b", "a%21%27%28%29%2Ab"), ("p$&+,;=:@", "p$&+,;=:@"),
                             ("p$&+,;=:@", "p%24%26%2B%2C%3B%3D%3A%40"), ("a//b", "a//b"), ("a/./b", "a/./b"),
                             ("lower%2f", "lower%252f"), ("lower/case", "lower%2fcase"), ("ümlaut", "%c3%bcmlaut"),
                             ("sp ace", "sp%20ace"), ("tilde~", "tilde%7e"), ("qu?est", "qu%3Fest"), ("ha#sh", "ha%23sh")):
            with self.subTest(written):
                target = f"/{self.bucket}/{written}"
                self.assert_status(200, self.alice.put(self.bucket, key, (), (), key.encode(), target=target))
                self.assertEqual(key.encode(), self.get(key, target=target).body)
                self.assert_object(key, key.encode())

    def test_056_canonical_headers(self):
        for headers, signed in (
            ([("X-Amz-Meta-Mixed", "Case")], []),
            ([("x-amz-meta-spaces", "  a   b  c  ")], []),
            ([("x-amz-meta-twice", "one"), ("x-amz-meta-twice", "two")], []),
            ([("x-amz-meta-empty", "")], []),
            ([("X-Custom", "a  b")], ["x-custom"]),
            ([("x-amz-meta-a-b", "1"), ("x-amz-meta-a", "2"), ("x-amz-meta-a1", "3")], []),
        ):
            with self.subTest(headers):
                answer = self.alice.put(self.bucket, "n", (), headers, b"x", also_signed=signed)
                self.assert_status(200, answer)
        unquoted = self.prepared(headers={"x-amz-meta-quoted": '"a   b"'})
        self.assert_status(200, self.alice.send(unquoted))

    def test_057_host_as_sent(self):
        for host in ("127.0.0.1", "127.0.0.1:80", "127.0.0.1:443", "localhost", f"LOCALHOST:{self.server.address[1]}"):
            with self.subTest(host):
                self.assertEqual(b"content", self.alice.send(self.prepared(host=host)).body)
        for signed_as, sent in (("127.0.0.1:80", "127.0.0.1"), ("127.0.0.1:443", "127.0.0.1"),
                                ("127.0.0.1", "127.0.0.1:80"), ("127.0.0.1", "127.0.0.1:443")):
            with self.subTest(f"signed {signed_as}, sent {sent}"):
                # A proxy or an SDK adds or drops the default port behind the signer; AWS takes Host as sent.
                answer = self.alice.send(self.prepared(host=signed_as).set("Host", sent))
                self.assertIn(answer.status, (200, 403))

    def test_058_ordinary_headers_may_be_signed(self):
        headers = {"Content-Type": "text/plain", "Expect": "100-continue", "Accept-Encoding": "identity",
                   "User-Agent": "aws-sdk  spaced", "Cache-Control": "no-cache", "Content-Length": "7"}
        answer = self.alice.put(self.bucket, "n", (), headers, b"content", also_signed=list(headers))
        self.assert_status(200, answer)
        self.assert_object("n", b"content")
        prepared = self.alice.prepare("PUT", self.bucket, "n", (), headers, b"content", also_signed=list(headers))
        self.assert_error(self.alice.send(prepared.set("Content-Type", "text/html")), 403, "SignatureDoesNotMatch")

    def test_058_signed_header_that_is_missing(self):
        prepared = self.prepared(headers={"x-other": "1"}, also_signed=["x-other"])
        self.assertIn(self.alice.send(prepared.set("x-other", None)).status, (400, 403))

    def test_059_security_token(self):
        for value in ("FQoGZXIvYXdzEXAMPLE", "x"):
            answer = self.alice.send(self.prepared(headers={"x-amz-security-token": value}))
            self.assert_error(answer, 400, "InvalidToken")

    def test_060_header_and_query_authentication(self):
        prepared = self.alice.prepare("GET", self.bucket, "k", auth="presigned")
        prepared.headers.append(("Authorization", self.prepared().get("Authorization")))
        self.assert_error(self.alice.send(prepared), 400, "InvalidArgument")

    def test_readonly_account_reads_and_never_writes(self):
        self.assert_object("k", b"content", client=self.reader)
        self.assert_status(200, self.list(client=self.reader))
        for answer in (self.reader.put(self.bucket, "n", (), (), b"x"), self.reader.delete(self.bucket, "k"),
                       self.reader.delete_objects(self.bucket, "<Delete><Object><Key>k</Key></Object></Delete>"),
                       self.reader.put(self.bucket, "c", (), {"x-amz-copy-source": f"{self.bucket}/k"}),
                       self.reader.put(self.bucket_name()), self.reader.delete(self.bucket)):
            if answer.status == 200:  # DeleteObjects may say it per key (211)
                self.assertEqual(["AccessDenied"], answer.texts("Error/Code"), answer)
            else:
                self.assert_error(answer, 403, "AccessDenied")
        self.assertEqual(["k"], self.list().texts("Contents/Key"))

    def test_foreign_bucket_is_denied(self):
        for answer in (self.bob.get(self.bucket, "k"), self.bob.put(self.bucket, "n", (), (), b"x"),
                       self.bob.delete(self.bucket, "k"), self.bob.get(self.bucket, None, {"list-type": "2"}),
                       self.bob.get(self.bucket, "missing"), self.bob.delete(self.bucket),
                       self.bob.get(self.bucket, None, {"location": None})):
            self.assert_error(answer, 403, "AccessDenied")
        self.assertEqual(403, self.bob.head(self.bucket, "k").status)
        self.assert_object("k", b"content")
