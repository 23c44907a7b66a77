"""Section AI: lifecycle configurations: kept, validated, and announced. What carries them out: tests/process/lifecycle.py."""

import datetime
import re
from email.utils import parsedate_to_datetime

import sigv4
from case import needs
from forms import Form
from multipart import MultipartCase, document as parts_document
from settings import SettingsCase

DAY = datetime.timedelta(days=1)


def expiration(inside):
    return f"<Expiration>{inside}</Expiration>"


def days(number):
    return expiration(f"<Days>{number}</Days>")


def rule(*parts, id="rule", status="Enabled", where="<Filter/>"):
    return f"<Rule><ID>{id}</ID><Status>{status}</Status>{where}{''.join(parts)}</Rule>"


def document(*rules):
    return f"<LifecycleConfiguration>{''.join(rules)}</LifecycleConfiguration>"


def abort(number):
    return f"<AbortIncompleteMultipartUpload><DaysAfterInitiation>{number}</DaysAfterInitiation></AbortIncompleteMultipartUpload>"


@needs("settings")
class Lifecycle(SettingsCase, MultipartCase):
    # ---- the document ----

    def test_581_its_life(self):
        noncurrent = ("<NoncurrentVersionTransition><NoncurrentDays>5</NoncurrentDays><StorageClass>GLACIER</StorageClass>"
                      "</NoncurrentVersionTransition><NoncurrentVersionExpiration><NoncurrentDays>9</NoncurrentDays>"
                      "<NewerNoncurrentVersions>3</NewerNoncurrentVersions></NoncurrentVersionExpiration>")
        transition = "<Transition><Days>0</Days><StorageClass>STANDARD_IA</StorageClass></Transition>"
        got = self.assert_life("lifecycle", document(rule(transition, noncurrent, abort(7), days(30))), "LifecycleConfiguration",
                               "NoSuchLifecycleConfiguration")
        self.assertEqual(["Expiration", "ID", "Filter", "Status", "Transition", "NoncurrentVersionTransition",
                          "NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"], [child.tag for child in got.xml[0]])

    def test_582_filters_come_back_as_given(self):
        tag = "<Tag><Key>k</Key><Value>v</Value></Tag>"
        for inside, paths in (("", []), ("<Prefix>p</Prefix>", ["Prefix"]), (tag, ["Tag/Key", "Tag/Value"]),
                              ("<ObjectSizeGreaterThan>5</ObjectSizeGreaterThan>", ["ObjectSizeGreaterThan"]),
                              ("<ObjectSizeLessThan>5</ObjectSizeLessThan>", ["ObjectSizeLessThan"]),
                              (f"<And>{tag}{tag.replace('k', 'l')}</And>", ["And/Tag/Key"]),
                              (f"<And><Prefix>p</Prefix>{tag}</And>", ["And/Prefix", "And/Tag/Key"]),
                              (f"<Prefix>p</Prefix>{tag}", ["Prefix", "Tag/Key"])):
            self.set("lifecycle", document(rule(days(1), where=f"<Filter>{inside}</Filter>")))
            got = self.get_setting("lifecycle")
            for path in paths:
                self.assertTrue(got.texts(f"Rule/Filter/{path}"), got)

    def test_583_the_old_form_stays_old(self):
        for prefix in ("logs/", ""):
            self.set("lifecycle", document(rule(days(1), where=f"<Prefix>{prefix}</Prefix>")))
            got = self.get_setting("lifecycle")
            self.assertEqual([prefix], got.texts("Rule/Prefix"))
            self.assertEqual([], got.texts("Rule/Filter"))
        for where in ("", "<Prefix/><Filter/>"):
            self.assert_refused_setting("lifecycle", document(rule(days(1), where=where)), 400, "MalformedXML")

    def test_584_ids_status_and_numbers_of_rules(self):
        plain = f"<Rule><Status>Disabled</Status><Filter/>{days(1)}</Rule>"
        self.set("lifecycle", document(plain, plain))
        ids = self.get_setting("lifecycle").texts("Rule/ID")
        self.assertEqual(2, len(set(ids)))
        self.set("lifecycle", document(rule(days(1), id="i" * 255)))
        self.assert_refused_setting("lifecycle", document(rule(days(1), id="i" * 256)), 400, "InvalidArgument")
        self.assert_refused_setting("lifecycle", document(rule(days(1)), rule(days(2))), 400, "InvalidArgument")
        for status in ("enabled", "", "On"):
            self.assert_refused_setting("lifecycle", document(rule(days(1), status=status)), 400, "MalformedXML")
        self.assert_refused_setting("lifecycle", document(), 400, "MalformedXML")
        self.set("lifecycle", document(*[plain] * 1000))
        self.assert_refused_setting("lifecycle", document(*[plain] * 1001), 400, "InvalidRequest")

    def test_585_days_and_dates(self):
        for number in (0, -1):
            self.assert_refused_setting("lifecycle", document(rule(days(number))), 400, "InvalidArgument")
        for date in ("2030-01-01T00:00:01Z", "20300101", "2030-01-01T12:00:00.000Z", "tomorrow"):
            self.assert_refused_setting("lifecycle", document(rule(expiration(f"<Date>{date}</Date>"))), 400, "InvalidArgument")
            self.assert_refused_setting("lifecycle", document(rule(
                f"<Transition><Date>{date}</Date><StorageClass>GLACIER</StorageClass></Transition>")), 400, "InvalidArgument")
        self.set("lifecycle", document(rule(expiration("<Date>2015-09-27T00:00:00Z</Date>"))))
        self.assertEqual("2015-09-27T00:00:00.000Z", self.get_setting("lifecycle").text("Rule/Expiration/Date"))
        for both in ("<Days>1</Days><Date>2030-01-01T00:00:00Z</Date>",
                     "<Days>1</Days><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>",
                     "<Date>2030-01-01T00:00:00Z</Date><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>"):
            self.assert_refused_setting("lifecycle", document(rule(expiration(both))), 400, "MalformedXML")

    def test_586_587_588_what_rules_cannot_say(self):
        tag = "<Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter>"
        small = "<Filter><ObjectSizeLessThan>5</ObjectSizeLessThan></Filter>"
        marker = expiration("<ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>")
        move = "<Transition><Days>%d</Days><StorageClass>%s</StorageClass></Transition>"
        for bad, code in ((rule(), "InvalidRequest"), (rule(abort(0)), "InvalidArgument"),
                          (rule(abort(1), where=tag), "InvalidRequest"), (rule(abort(1), where=small), "InvalidRequest"),
                          (rule(marker, where=tag), "InvalidRequest"), (rule(marker, where=small), "InvalidRequest"),
                          (rule(move % (1, "STANDARD")), "MalformedXML"), (rule(move % (1, "NONE")), "MalformedXML"),
                          (rule(move % (1, "GLACIER"), move % (2, "GLACIER")), "InvalidRequest"),
                          (rule(move % (2, "STANDARD_IA"), move % (1, "GLACIER")), "InvalidRequest")):
            self.assert_refused_setting("lifecycle", document(bad), 400, code)
        self.set("lifecycle", document(rule(move % (1, "STANDARD_IA"), move % (2, "GLACIER"), marker)))

    def test_589_the_smallest_size_that_moves(self):
        name = "x-amz-transition-default-minimum-object-size"
        self.assertEqual("all_storage_classes_128K", self.set("lifecycle", document(rule(days(1)))).header(name))
        self.assertEqual("all_storage_classes_128K", self.get_setting("lifecycle").header(name))
        put = self.set("lifecycle", document(rule(days(1))), headers=[(name, "varies_by_storage_class")])
        self.assertEqual("varies_by_storage_class", put.header(name))
        self.assertEqual("varies_by_storage_class", self.get_setting("lifecycle").header(name))
        self.assert_refused_setting("lifecycle", document(rule(days(1))), 400, "InvalidArgument", headers=[(name, "none")])

    # ---- what is announced ----

    def assert_expires(self, response, number, id="rule"):
        header = response.header("x-amz-expiration")
        self.assertIsNotNone(header, response.headers)
        found = re.fullmatch(r'expiry-date="([^"]+ GMT)", rule-id="([^"]*)"', header)
        self.assertTrue(found, header)
        when = parsedate_to_datetime(found[1])
        self.assertEqual((0, 0, 0), (when.hour, when.minute, when.second))
        left = when - sigv4.utc_now().replace(tzinfo=datetime.timezone.utc)
        self.assertTrue(number * DAY - 60 * datetime.timedelta(seconds=1) <= left < (number + 1) * DAY, header)
        self.assertEqual(id, found[2])

    def assert_stays(self, response):
        self.assertIsNone(response.header("x-amz-expiration"), response.headers)

    def test_590_on_writes_and_reads(self):
        self.put("before", b"x")
        self.set("lifecycle", document(rule(days(1), where="<Prefix>days1/</Prefix>", id="rule 1/ä"),
                                       rule(days(5), where="<Prefix>off/</Prefix>", id="off", status="Disabled")))
        encoded = "rule%201%2F%C3%A4"
        self.assert_expires(self.put("days1/key", b"body"), 1, encoded)
        self.assert_expires(self.get("days1/key"), 1, encoded)
        self.assert_expires(self.head("days1/key"), 1, encoded)
        self.assert_expires(self.get("days1/key", headers=[("Range", "bytes=0-1")]), 1, encoded)
        self.assert_expires(Form(self.alice, self.bucket, "days1/form").send(), 1, encoded)
        copy = self.alice.put(self.bucket, "days1/copy", (), [("x-amz-copy-source", f"{self.bucket}/before")])
        self.assert_expires(copy, 1, encoded)
        for key in ("before", "off/key"):
            self.assert_stays(self.put(key, b"body"))
            self.assert_stays(self.get(key))
            self.assert_stays(self.head(key))

    def test_590_complete(self):
        self.set("lifecycle", document(rule(days(2))))
        upload = self.create("key")
        answer = self.alice.post(self.bucket, "key", [("uploadId", upload)], (), parts_document(self.part(upload, 1, b"x", "key")))
        self.assert_status(200, answer)
        self.assert_expires(answer, 2)

    def test_590_sizes_and_the_earliest(self):
        self.set("lifecycle", document(
            rule(days(9), id="late"), rule(days(3), id="small", where="<Filter><ObjectSizeLessThan>5</ObjectSizeLessThan></Filter>"),
            rule(days(4), id="large", where="<Filter><And><ObjectSizeGreaterThan>5</ObjectSizeGreaterThan>"
                                            "<ObjectSizeLessThan>100</ObjectSizeLessThan></And></Filter>"),
            rule(expiration("<Date>2015-01-01T00:00:00Z</Date>"), id="past", where="<Filter><Prefix>past</Prefix></Filter>")))
        for size, number, id in ((4, 3, "small"), (5, 9, "late"), (6, 4, "large"), (99, 4, "large"), (100, 9, "late")):
            self.assert_expires(self.put("key", b"x" * size), number, id)
            self.assert_expires(self.head("key"), number, id)
        self.assertEqual('expiry-date="Thu, 01 Jan 2015 00:00:00 GMT", rule-id="past"',
                         self.put("past", b"").header("x-amz-expiration"))

    def test_590_all_tags_and_tags_set_later(self):
        where = ("<Filter><And><Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>b</Key><Value>2</Value></Tag></And></Filter>")
        self.set("lifecycle", document(rule(days(1), where=where)))
        self.assert_stays(self.put("key", b"", [("x-amz-tagging", "a=1")]))
        self.assert_stays(self.head("key"))
        self.assert_expires(self.put("key", b"", [("x-amz-tagging", "b=2&a=1&c=3")]), 1)
        self.assert_expires(self.head("key"), 1)
        self.assert_expires(self.get("key"), 1)
        self.assert_status(204, self.alice.delete(self.bucket, "key", [("tagging", None)]))
        self.assert_stays(self.head("key"))
        tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>b</Key><Value>2</Value></Tag></TagSet></Tagging>"
        self.assert_status(200, self.alice.put(self.bucket, "key", [("tagging", None)], [("x-amz-sdk-checksum-algorithm", "MD5"), (
            "Content-MD5", __import__("base64").b64encode(__import__("hashlib").md5(tags.encode()).digest()).decode())], tags))
        self.assert_expires(self.head("key"), 1)

    def test_591_uploads(self):
        self.set("lifecycle", document(rule(abort(3), where="<Prefix>up/</Prefix>"), rule(abort(2), where="<Prefix>up/a</Prefix>", id="first")))
        for key, number, id in (("up/b", 3, "rule"), ("up/a", 2, "first"), ("other", None, None)):
            created = self.alice.post(self.bucket, key, [("uploads", None)])
            listed = self.alice.get(self.bucket, key, [("uploadId", created.text("UploadId"))])
            for answer in (created, listed):
                self.assert_status(200, answer)
                self.assertEqual(id, answer.header("x-amz-abort-rule-id"))
                date = answer.header("x-amz-abort-date")
                if number is None:
                    self.assertIsNone(date)
                    continue
                left = parsedate_to_datetime(date) - sigv4.utc_now().replace(tzinfo=datetime.timezone.utc)
                self.assertTrue(number * DAY - datetime.timedelta(seconds=60) <= left < (number + 1) * DAY, date)
