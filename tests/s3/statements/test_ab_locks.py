"""tests/s3/statements/test_ab_locks.py -- section AB: object lock, which nothing removes a version under."""

import datetime
import time

import checksums
from case import S3Case, needs

CONFIGURATION = "<ObjectLockConfiguration>%s</ObjectLockConfiguration>"
ENABLED = "<ObjectLockEnabled>Enabled</ObjectLockEnabled>"
BYPASS = {"x-amz-bypass-governance-retention": "true"}


def rule(content):
    return f"<Rule><DefaultRetention>{content}</DefaultRetention></Rule>"


def later(**delta):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**delta)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


@needs("object lock")
class Locks(S3Case):
    def make_locked(self):
        name = self.bucket_name()
        self.assert_status(200, self.alice.put(name, None, (), {"x-amz-bucket-object-lock-enabled": "true"}))
        return name

    def setUp(self):
        super().setUp()
        self.locked = self.make_locked()

    def put_document(self, key, name, document, version=None, headers=(), bucket=None):
        body = document.encode()
        query = {name: None, **({"versionId": version} if version else {})}
        return self.alice.put(bucket or self.locked, key, query, {"content-md5": checksums.md5_base64(body), **dict(headers)}, body)

    def configure(self, content, bucket=None):
        return self.put_document(None, "object-lock", CONFIGURATION % content, bucket=bucket)

    def retain(self, key, mode, date, version=None, headers=()):
        return self.put_document(key, "retention", f"<Retention><Mode>{mode}</Mode><RetainUntilDate>{date}</RetainUntilDate></Retention>",
                                 version, headers)

    def hold(self, key, status, version=None):
        return self.put_document(key, "legal-hold", f"<LegalHold><Status>{status}</Status></LegalHold>", version)

    def write(self, key, body=b"body", headers=()):
        answer = self.alice.put(self.locked, key, (), {"content-md5": checksums.md5_base64(body), **dict(headers)}, body)
        self.assert_status(200, answer)
        return answer.header("x-amz-version-id")

    def remove(self, key, version, headers=()):
        return self.alice.delete(self.locked, key, {"versionId": version}, headers)

    # ---- buckets ----

    def test_435_buckets_made_with_a_lock(self):
        self.assertEqual("Enabled", self.alice.get(self.locked, None, {"versioning": None}).text("Status"))
        page = self.assert_success_xml(self.alice.get(self.locked, None, {"object-lock": None}), "ObjectLockConfiguration")
        self.assertEqual(["Enabled"], [child.text for child in page.xml])
        name = self.bucket_name()
        self.assert_error(self.alice.put(name, None, (), {"x-amz-bucket-object-lock-enabled": "maybe"}), 400, "InvalidArgument")
        self.assert_status(200, self.alice.put(name, None, (), {"x-amz-bucket-object-lock-enabled": "false"}))
        self.assert_error(self.alice.get(name, None, {"object-lock": None}), 404, "ObjectLockConfigurationNotFoundError")

    def test_436_437_438_configurations(self):
        for content in ("<Mode>GOVERNANCE</Mode><Days>3</Days>", "<Mode>COMPLIANCE</Mode><Years>2</Years>", None):
            self.assert_status(200, self.configure(ENABLED + (rule(content) if content else "")))
            page = self.alice.get(self.locked, None, {"object-lock": None})
            got = page.xml.find("Rule/DefaultRetention")
            self.assertEqual(content, got if got is None else "".join(f"<{child.tag}>{child.text}</{child.tag}>" for child in got))
        good = rule("<Mode>GOVERNANCE</Mode><Days>1</Days>")
        for content in (good, "<ObjectLockEnabled>enabled</ObjectLockEnabled>", ENABLED + rule("<Days>1</Days>"),
                        ENABLED + rule("<Mode>governance</Mode><Days>1</Days>"), ENABLED + rule("<Mode>GOVERNANCE</Mode>"),
                        ENABLED + rule("<Mode>GOVERNANCE</Mode><Days>1</Days><Years>1</Years>"), ENABLED + "<Rule/>"):
            self.assert_error(self.configure(content), 400, "MalformedXML")
        for length in ("<Days>0</Days>", "<Days>-1</Days>", "<Years>0</Years>", "<Years>-3</Years>", "<Days>36501</Days>", "<Years>101</Years>"):
            self.assert_error(self.configure(ENABLED + rule("<Mode>GOVERNANCE</Mode>" + length)), 400, "InvalidArgument")
        self.assertIsNone(self.alice.get(self.locked, None, {"object-lock": None}).xml.find("Rule"))

    def test_439_versioning_and_lock(self):
        versioning = "<VersioningConfiguration><Status>%s</Status></VersioningConfiguration>"
        self.assert_error(self.configure(ENABLED, self.bucket), 409, "InvalidBucketState")
        may_lock = "locks of buckets that were made without" not in self.server.lacks
        for status, expected in (("Suspended", 409), ("Enabled", 200 if may_lock else 409)):
            self.assert_status(200, self.put_document(None, "versioning", versioning % status, bucket=self.bucket))
            self.assertEqual(expected, self.configure(ENABLED, self.bucket).status)
        for bucket in (self.bucket, self.locked) if may_lock else (self.locked,):
            self.assert_error(self.put_document(None, "versioning", versioning % "Suspended", bucket=bucket), 409, "InvalidBucketState")

    # ---- retention ----

    def test_440_443_the_order_of_checks(self):
        self.put("k", b"x")
        date = later(days=1)
        for name, document in (("retention", f"<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>{date}</RetainUntilDate></Retention>"),
                               ("legal-hold", "<LegalHold><Status>ON</Status></LegalHold>")):
            self.assert_error(self.put_document("k", name, document, bucket=self.bucket), 400, "InvalidRequest")
            self.assert_error(self.alice.get(self.bucket, "k", {name: None}), 400, "InvalidRequest")
            self.assert_error(self.put_document("none", name, "<Bad/>"), 404, "NoSuchKey")
            self.assert_error(self.alice.get(self.locked, "none", {name: None}), 404, "NoSuchKey")
            self.write("k")
            self.assert_error(self.alice.get(self.locked, "k", {name: None}), 404, "NoSuchObjectLockConfiguration")
            self.assert_error(self.put_document("k", name, "<Bad/>"), 400, "MalformedXML")

    def test_441_442_retention_documents(self):
        version = self.write("k")
        date = later(days=1)
        for content in (f"<Mode>governance</Mode><RetainUntilDate>{date}</RetainUntilDate>", "<Mode>GOVERNANCE</Mode>",
                        f"<RetainUntilDate>{date}</RetainUntilDate>", "<Mode>GOVERNANCE</Mode><RetainUntilDate>soon</RetainUntilDate>",
                        "<Mode>GOVERNANCE</Mode><RetainUntilDate>9999-12-31T23:59:59-10:00</RetainUntilDate>"):  # in UTC no year of four digits
            self.assert_error(self.put_document("k", "retention", f"<Retention>{content}</Retention>"), 400, "MalformedXML")
        for past in (later(days=-1), "1969-12-31T23:59:59Z", "0001-01-01T00:00:00Z"):
            self.assert_error(self.retain("k", "GOVERNANCE", past), 400, "InvalidArgument", message="in the future")
        body = f"<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>{date}</RetainUntilDate></Retention>".encode()
        self.assert_error(self.alice.put(self.locked, "k", {"retention": None}, (), body), 400, "InvalidRequest")
        for given, kept in (("2090-01-02T03:04:05Z", "2090-01-02T03:04:05.000Z"), ("2091-01-02T03:04:05.678Z", "2091-01-02T03:04:05.678Z"),
                            ("2092-01-02T05:04:05+02:00", "2092-01-02T03:04:05.000Z"), ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000Z")):
            answer = self.retain("k", "GOVERNANCE", given, headers=BYPASS)
            self.assertEqual((200, version), (answer.status, answer.header("x-amz-version-id")), answer)
            page = self.assert_success_xml(self.alice.get(self.locked, "k", {"retention": None}), "Retention")
            self.assertEqual(("GOVERNANCE", kept), (page.text("Mode"), page.text("RetainUntilDate")))

    def test_444_446_governance(self):
        version = self.write("k")
        self.assert_status(200, self.retain("k", "GOVERNANCE", later(days=3)))
        self.assert_status(200, self.retain("k", "GOVERNANCE", later(days=4)))
        shorter, empty = later(days=2), "<Retention/>"
        self.assert_error(self.retain("k", "GOVERNANCE", shorter), 403, "AccessDenied")
        self.assert_error(self.retain("k", "COMPLIANCE", later(days=9)), 403, "AccessDenied")
        self.assert_error(self.put_document("k", "retention", empty), 403, "AccessDenied")
        self.assert_status(200, self.retain("k", "GOVERNANCE", shorter, headers=BYPASS))
        self.assert_status(200, self.put_document("k", "retention", empty, headers=BYPASS))
        self.assert_error(self.alice.get(self.locked, "k", {"retention": None}), 404, "NoSuchObjectLockConfiguration")
        self.assert_status(204, self.remove("k", version, BYPASS))

    def test_445_compliance(self):
        for seconds in (9, 30, 90):  # a machine that is busy may ask when it is over
            version = self.write("k")
            until = later(seconds=seconds)
            kept = self.retain("k", "COMPLIANCE", until)
            refused = [self.retain("k", mode, date, headers=BYPASS)
                       for mode, date in (("COMPLIANCE", later(seconds=seconds - 3)), ("GOVERNANCE", later(days=9)))]
            refused.append(self.put_document("k", "retention", "<Retention/>", headers=BYPASS))
            refused.append(self.remove("k", version, BYPASS))
            if later() < until:
                break
        self.assert_status(200, kept)
        for answer in refused:
            self.assert_error(answer, 403, "AccessDenied")
        until = time.monotonic() + 300
        while (answer := self.remove("k", version)).status == 403 and time.monotonic() < until:
            time.sleep(0.2)
        self.assert_status(204, answer)

    # ---- holds ----

    def test_447_legal_holds(self):
        version = self.write("k")
        self.assert_error(self.hold("k", "on"), 400, "MalformedXML")
        for status in ("ON", "OFF", "ON"):
            answer = self.hold("k", status, version)
            self.assertEqual((200, version), (answer.status, answer.header("x-amz-version-id")))
            self.assertEqual(status, self.assert_success_xml(self.alice.get(self.locked, "k", {"legal-hold": None}), "LegalHold").text("Status"))
        self.assert_error(self.remove("k", version, BYPASS), 403, "AccessDenied")
        self.hold("k", "OFF")
        self.assert_status(204, self.remove("k", version))

    # ---- headers ----

    def test_448_450_headers(self):
        date = later(days=1)
        lock = {"x-amz-object-lock-mode": "GOVERNANCE", "x-amz-object-lock-retain-until-date": date}
        for headers in ({"x-amz-object-lock-mode": "GOVERNANCE"}, {"x-amz-object-lock-retain-until-date": date},
                        {**lock, "x-amz-object-lock-mode": "governance"}, {"x-amz-object-lock-legal-hold": "on"},
                        {**lock, "x-amz-object-lock-retain-until-date": "soon"}, {**lock, "x-amz-object-lock-retain-until-date": later(days=-1)},
                        {**lock, "x-amz-object-lock-retain-until-date": "1969-12-31T23:59:59Z"}):
            answer = self.alice.put(self.locked, "bad", (), {"content-md5": checksums.md5_base64(b"x"), **headers}, b"x")
            self.assert_error(answer, 400, "InvalidArgument")
            self.assert_error(self.alice.post(self.locked, "bad", {"uploads": None}, headers), 400, "InvalidArgument")
        for headers in (lock, {"x-amz-object-lock-legal-hold": "ON"}):
            self.assert_error(self.alice.put(self.bucket, "k", (), {"content-md5": checksums.md5_base64(b"x"), **headers}, b"x"), 400, "InvalidRequest")
            self.assert_error(self.alice.put(self.locked, "k", (), headers, b"x"), 400, "InvalidRequest")
        version = self.write("k", headers={**lock, "x-amz-object-lock-legal-hold": "ON"})
        for answer in (self.alice.get(self.locked, "k"), self.alice.head(self.locked, "k", {"versionId": version})):
            self.assertEqual(("GOVERNANCE", date, "ON"), tuple(answer.header(f"x-amz-object-lock-{name}") for name in ("mode", "retain-until-date", "legal-hold")))
        answer = self.alice.put(self.locked, "copy", (), {"x-amz-copy-source": f"{self.locked}/k"})
        self.assert_status(200, answer)
        self.assertIsNone(self.alice.head(self.locked, "copy").header("x-amz-object-lock-mode"))
        upload = self.alice.post(self.locked, "upload", {"uploads": None}, lock).text("UploadId")
        etag = self.alice.put(self.locked, "upload", {"partNumber": "1", "uploadId": upload}, (), b"part").header("etag")
        document = f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>".encode()
        self.assert_status(200, self.alice.post(self.locked, "upload", {"uploadId": upload}, (), document))
        self.assertEqual(("GOVERNANCE", date), tuple(self.alice.head(self.locked, "upload").header(f"x-amz-object-lock-{name}") for name in ("mode", "retain-until-date")))

    def test_449_defaults(self):
        before = self.write("before")
        self.configure(ENABLED + rule("<Mode>GOVERNANCE</Mode><Days>2</Days>"))
        self.write("k")
        self.write("own", headers={"x-amz-object-lock-mode": "COMPLIANCE", "x-amz-object-lock-retain-until-date": later(seconds=60)})
        self.configure(ENABLED + rule("<Mode>GOVERNANCE</Mode><Days>9</Days>"))
        self.assertIsNone(self.alice.head(self.locked, "before", {"versionId": before}).header("x-amz-object-lock-mode"))
        self.assertEqual("COMPLIANCE", self.alice.head(self.locked, "own").header("x-amz-object-lock-mode"))
        until = self.alice.head(self.locked, "k").header("x-amz-object-lock-retain-until-date")
        self.assertLess(later(days=1, hours=23), until)
        self.assertLess(until, later(days=2, hours=1))

    # ---- what a lock forbids ----

    def test_451_deletes(self):
        version = self.write("k")
        self.retain("k", "GOVERNANCE", later(days=1))
        free = self.write("free")
        self.assert_error(self.remove("k", version), 403, "AccessDenied")
        document = f"<Delete><Object><Key>k</Key><VersionId>{version}</VersionId></Object><Object><Key>free</Key><VersionId>{free}</VersionId></Object></Delete>"
        answer = self.alice.delete_objects(self.locked, document)
        self.assertEqual((["AccessDenied"], [version], ["free"]),
                         (answer.texts("Error/Code"), answer.texts("Error/VersionId"), answer.texts("Deleted/Key")))
        answer = self.alice.delete_objects(self.locked, document, {"content-md5": checksums.md5_base64(document.encode()), **BYPASS})
        self.assert_status(200, answer)
        self.assertEqual(([], 2), (answer.texts("Error/Code"), len(answer.texts("Deleted/Key"))))

    def test_452_453_454_markers_and_new_versions(self):
        self.configure(ENABLED + rule("<Mode>GOVERNANCE</Mode><Days>2</Days>"))
        version = self.write("k")
        marker = self.alice.delete(self.locked, "k").header("x-amz-version-id")
        self.assert_error(self.remove("k", version), 403, "AccessDenied")
        self.assert_status(204, self.remove("k", marker))
        newer = self.write("k", b"newer")
        self.assertEqual(b"newer", self.alice.get(self.locked, "k").body)
        self.assert_error(self.alice.delete(self.locked), 409, "BucketNotEmpty")
        for gone in (version, newer):
            self.assert_status(204, self.remove("k", gone, BYPASS))

    def test_455_a_lock_changes_nothing_else(self):
        version = self.write("k")
        before = self.alice.head(self.locked, "k")
        self.retain("k", "GOVERNANCE", later(days=1))
        self.hold("k", "ON")
        after = self.alice.head(self.locked, "k")
        for name in ("etag", "last-modified", "x-amz-version-id"):
            self.assertEqual(before.header(name), after.header(name))
        self.hold("k", "OFF")
        self.assert_status(204, self.remove("k", version, BYPASS))
