"""tests/s3/statements/test_k_conditional_reads.py -- section K: conditional reads."""

import datetime
import email.utils

import checksums
from case import S3Case

BODY = b"conditional"
ETAG = checksums.etag(BODY)


def http_date(when):
    return email.utils.format_datetime(when, usegmt=True)


class ConditionalReads(S3Case):
    def setUp(self):
        super().setUp()
        self.put("k", BODY, {"Cache-Control": "max-age=1", "Expires": "later"})
        self.modified = email.utils.parsedate_to_datetime(self.head("k").header("last-modified"))
        self.before = http_date(self.modified - datetime.timedelta(hours=1))
        self.at = http_date(self.modified)
        self.after = http_date(self.modified + datetime.timedelta(hours=1))

    def check(self, status, headers, condition=None):
        got = self.get("k", headers=headers)
        if status == 412:
            self.assert_error(got, 412, "PreconditionFailed", {"Condition": condition} if condition else ())
        else:
            self.assert_status(status, got)
            self.assertEqual(BODY if status == 200 else b"", got.body)
        head = self.head("k", headers=headers)
        self.assert_status(status, head)  # 190: read_response would choke on a body

    def test_181_if_match(self):
        self.check(200, {"If-Match": ETAG})
        self.check(412, {"If-Match": '"wrong"'}, "If-Match")

    def test_182_if_none_match(self):
        self.check(304, {"If-None-Match": ETAG})
        self.check(200, {"If-None-Match": '"wrong"'})

    def test_183_not_modified_carries_headers(self):
        for headers in ({"If-None-Match": ETAG}, {"If-Modified-Since": self.at}):
            answer = self.get("k", headers=headers)
            self.assert_status(304, answer)
            for name, value in (("etag", ETAG), ("last-modified", self.at), ("cache-control", "max-age=1"), ("expires", "later")):
                self.assertEqual(value, answer.header(name))

    def test_184_dates(self):
        self.check(304, {"If-Modified-Since": self.at})
        self.check(200, {"If-Modified-Since": self.before})
        self.check(412, {"If-Unmodified-Since": self.before}, "If-Unmodified-Since")
        self.check(200, {"If-Unmodified-Since": self.at})
        self.check(200, {"If-Unmodified-Since": self.after})

    def test_185_if_match_beats_if_unmodified_since(self):
        self.check(200, {"If-Match": ETAG, "If-Unmodified-Since": self.before})
        self.check(412, {"If-Match": '"x"', "If-Unmodified-Since": self.after}, "If-Match")

    def test_186_if_none_match_beats_if_modified_since(self):
        self.check(200, {"If-None-Match": '"x"', "If-Modified-Since": self.at})
        self.check(304, {"If-None-Match": ETAG, "If-Modified-Since": self.before})

    def test_187_412_wins_over_304(self):
        self.check(412, {"If-Match": '"x"', "If-None-Match": ETAG})
        self.check(412, {"If-Unmodified-Since": self.before, "If-None-Match": ETAG})
        self.check(412, {"If-Unmodified-Since": self.before, "If-Modified-Since": self.at})
        self.check(304, {"If-Match": ETAG, "If-None-Match": ETAG})

    def test_188_unquoted_lists_and_star(self):
        bare = ETAG.strip('"')
        for value in (ETAG, bare, "*", f'"x", {ETAG}', f'{ETAG},"y"', f"x, {bare}", f'"x" ,  "y",{ETAG} , "z"'):
            with self.subTest(value):
                self.check(200, {"If-Match": value})
                self.check(304, {"If-None-Match": value})
        for value in ('"x", "y"', bare[:-1], ETAG.upper() if ETAG.upper() != ETAG else '"q"', '""'):
            with self.subTest(value):
                self.check(412, {"If-Match": value})
                self.check(200, {"If-None-Match": value})

    def test_188_weak_tags(self):
        self.check(304, {"If-None-Match": "W/" + ETAG})  # RFC 9110: If-None-Match compares weakly

    def test_188_star_on_a_missing_key(self):
        self.assert_error(self.get("missing", headers={"If-Match": "*"}), 404, "NoSuchKey")
        self.assert_error(self.get("missing", headers={"If-None-Match": "*"}), 404, "NoSuchKey")

    def test_189_dates_that_are_ignored(self):
        for value in ("yesterday", "", "2026-01-01T00:00:00Z", "Thu, 99 Foo 2026 00:00:00 GMT", "0"):
            with self.subTest(value):
                self.check(200, {"If-Modified-Since": value})
                self.check(200, {"If-Unmodified-Since": value})
        self.check(200, {"If-Modified-Since": self.after})  # in the future

    def test_190_conditional_head_has_no_body(self):
        with self.alice.connect() as connection:
            for headers, status in (({"If-Match": '"x"'}, 412), ({"If-None-Match": ETAG}, 304), ({"If-Match": ETAG}, 200)):
                connection.send(self.alice.prepare("HEAD", self.bucket, "k", (), headers).bytes)
                self.assertEqual(status, connection.read_response("HEAD").status)
            connection.send(self.alice.prepare("GET", self.bucket, "k", (), {"If-None-Match": ETAG}).bytes)
            self.assertEqual(304, connection.read_response().status)
            connection.send(self.alice.prepare("GET", self.bucket, "k").bytes)
            self.assertEqual(BODY, connection.read_response().body)

    def test_189_other_date_formats(self):
        """RFC 9110 asks servers to read the two obsolete forms as well."""
        asctime = self.modified.strftime("%a %b %e %H:%M:%S %Y")
        rfc850 = self.modified.strftime("%A, %d-%b-%y %H:%M:%S GMT")
        for value in (asctime, rfc850):
            self.check(304, {"If-Modified-Since": value})
