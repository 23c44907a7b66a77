"""Section AK: access logs of buckets."""

import re
import time

import acls
import admin
import sigv4
from case import needs
from forms import Form
from settings import SettingsCase

DELIVERED_SECONDS = 300  # the server of the tests writes logs every second; a busy machine has the rest
FIELDS = ("owner bucket time remote requester request_id operation key request status code sent size total turn_around referer agent "
          "version host_id signature cipher authentication host tls access_point by_acl region").split()
FIELD = re.compile(r'\[[^\]]*\]|"[^"]*"|[^ ]+')


def fields_of(line):
    return dict(zip(FIELDS, (field.strip('"') for field in FIELD.findall(line)), strict=True))


class LogCase(SettingsCase):
    """A bucket for logs beside that of the test."""

    def setUp(self):
        super().setUp()
        self.target = self.make_bucket(suffix="-logs")

    def status(self, target=None, prefix="log/", grants="", keys=""):
        grants = f"<TargetGrants>{grants}</TargetGrants>" if grants else ""
        keys = f"<TargetObjectKeyFormat>{keys}</TargetObjectKeyFormat>" if keys else ""
        return (f"<BucketLoggingStatus><LoggingEnabled><TargetBucket>{target or self.target}</TargetBucket>{grants}"
                f"<TargetPrefix>{prefix}</TargetPrefix>{keys}</LoggingEnabled></BucketLoggingStatus>")

    def log(self, **options):
        self.set("logging", self.status(**options), checksum=False)

    def keys(self, prefix="log/", target=None):
        return self.list(("prefix", prefix), bucket=target or self.target).texts("Contents/Key")

    def lines(self, prefix="log/"):
        found = []
        for key in self.keys(prefix):
            found += [fields_of(line) for line in self.get(key, bucket=self.target).body.decode("ascii").splitlines()]
        return found

    def wait_for(self, condition, what):
        deadline = time.monotonic() + DELIVERED_SECONDS
        while not (found := condition()):
            self.assertLess(time.monotonic(), deadline, f"not within {DELIVERED_SECONDS} s: {what}")
            time.sleep(0.2)
        return found

    def line_of(self, answer):
        """The line of that request."""
        request_id = answer.header("x-amz-request-id")
        found = self.wait_for(lambda: [line for line in self.lines() if line["request_id"] == request_id], "the request's line")
        self.assertEqual(1, len(found), found)
        return found[0]


@needs("settings")
class AccessLogs(LogCase):
    # ---- the setting ----

    def test_601_life(self):
        unset = self.assert_success_xml(self.get_setting("logging"), "BucketLoggingStatus")
        self.assertIsNone(unset.text("LoggingEnabled"))
        partitioned = "<PartitionedPrefix><PartitionDateSource>%s</PartitionDateSource></PartitionedPrefix>"
        for keys in ("", "<SimplePrefix/>", partitioned % "EventTime", partitioned % "DeliveryTime"):
            for prefix in ("", "a/"):
                self.log(keys=keys, prefix=prefix)
                there = self.assert_success_xml(self.get_setting("logging"), "BucketLoggingStatus")
                self.assertEqual((self.target, prefix), (there.text("LoggingEnabled/TargetBucket"), there.text("LoggingEnabled/TargetPrefix") or ""))
                self.log_again(there)
        self.assert_error(self.put_setting("logging", self.status(), client=self.bob), 403, "AccessDenied")
        self.assert_error(self.get_setting("logging", client=self.bob), 403, "AccessDenied")
        self.set("logging", "<BucketLoggingStatus/>", checksum=False)
        self.assertIsNone(self.get_setting("logging").text("LoggingEnabled"))

    def log_again(self, answer):
        self.set("logging", answer.body, checksum=False)
        self.assertEqual(answer.body, self.get_setting("logging").body)

    def test_601_documents_that_are_refused(self):
        self.log()
        for text in ("<BucketLoggingStatus><LoggingEnabled/></BucketLoggingStatus>", "<Other/>", "<BucketLoggingStatus>",
                     self.status().replace("<TargetPrefix>log/</TargetPrefix>", ""), self.status(keys="<Other/>"),
                     self.status(keys="<SimplePrefix/><PartitionedPrefix/>"), self.status(keys="<PartitionedPrefix/>"),
                     self.status(keys="<PartitionedPrefix><PartitionDateSource>Never</PartitionDateSource></PartitionedPrefix>"),
                     self.status(prefix="x" * 701), self.status(grants=acls.grant(self.bob.account.id, "READ_ACP"))):
            self.assert_refused_setting("logging", text, 400, "MalformedXML", checksum=False)

    def test_602_targets(self):
        self.log()
        theirs = self.make_bucket(self.bob)
        for target in ("missing-" + self.target, theirs, "No Name"):
            self.assert_refused_setting("logging", self.status(target), 400, "InvalidTargetBucketForLogging", checksum=False)
        for prefix in ("../", ".bale/"):
            self.assertEqual(400, self.put_setting("logging", self.status(prefix=prefix), checksum=False).status)
        self.assertEqual("log/", self.get_setting("logging").text("LoggingEnabled/TargetPrefix"))

    @needs("object lock")
    def test_602_a_target_with_default_retention(self):
        locked = self.bucket_name("-locked")
        self.assert_status(200, self.alice.put(locked, None, (), {"x-amz-bucket-object-lock-enabled": "true"}))
        self.log(target=locked)
        self.set("object-lock", "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>GOVERNANCE"
                 "</Mode><Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>", bucket=locked)
        self.assert_refused_setting("logging", self.status(locked), 400, "InvalidTargetBucketForLogging", checksum=False)

    def test_602_grants(self):
        grants = acls.grant(self.bob.account.id, "READ") + acls.grant(acls.ALL_USERS, "READ")
        self.assert_error(self.put_setting("logging", self.status(grants=grants), checksum=False), 400, "AccessControlListNotSupported")
        self.set("ownershipControls", acls.ownership("ObjectWriter"), bucket=self.target)
        self.assert_error(self.put_setting("logging", self.status(grants=acls.grant("nobody", "READ")), checksum=False), 400, "InvalidArgument")
        self.log(grants=grants)
        self.log_again(self.get_setting("logging"))
        self.put("k", b"x")
        key = self.wait_for(lambda: self.keys(), "a log")[0]
        self.assert_status(200, self.bob.get(self.target, key))
        self.assert_status(200, self.alice.get(self.target, key, auth="none", payload="unsigned"))
        given = acls.grants_of(self.get(key, {"acl": None}, bucket=self.target))
        self.assertEqual({(acls.ALL_USERS, "READ"), (self.bob.account.id, "READ"), (self.alice.account.id, "FULL_CONTROL")}, set(given))

    # ---- the objects ----

    def test_603_keys(self):
        self.log(prefix="plain-")
        self.put("k", b"x")
        key = self.wait_for(lambda: self.keys("plain-"), "a log")[0]
        self.assertRegex(key, r"^plain-\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d-[0-9A-F]{16}$")
        answer = self.get(key, bucket=self.target)
        self.assertEqual("text/plain", answer.header("content-type"))
        owner = self.alice.get(self.target, None, {"list-type": "2", "fetch-owner": "true", "prefix": "plain-"}).text("Contents/Owner/ID")
        self.assertEqual(self.alice.account.id, owner)
        for source in ("EventTime", "DeliveryTime"):
            prefix = f"{source}/"
            self.log(prefix=prefix, keys=f"<PartitionedPrefix><PartitionDateSource>{source}</PartitionDateSource></PartitionedPrefix>")
            self.put("k", b"x")
            key = self.wait_for(lambda prefix=prefix: self.keys(prefix), "a log")[0]
            self.assertRegex(key, rf"^{prefix}{self.alice.account.id}/us-east-1/{self.bucket}/\d{{4}}/\d\d/\d\d/\d{{4}}-\d\d-\d\d-\d\d-\d\d-\d\d-[0-9A-F]{{16}}$")

    def test_604_a_line(self):
        self.put("a key", b"12345")
        self.log()
        answer = self.get("a key", {"response-content-language": "de"}, {"Referer": 'http://x/"a" b', "User-Agent": "test agent/1"})
        line = self.line_of(answer)
        expected = {"owner": self.alice.account.id, "bucket": self.bucket, "remote": "127.0.0.1", "requester": self.alice.account.id,
                    "operation": "REST.GET.OBJECT", "key": "a%20key", "status": "200", "code": "-", "sent": "5", "size": "5",
                    "referer": "http://x/%22a%22%20b", "agent": "test%20agent/1", "version": "-", "signature": "SigV4", "authentication": "AuthHeader",
                    "access_point": "-", "by_acl": "-", "region": "us-east-1", "host_id": answer.header("x-amz-id-2")}
        self.assertEqual(expected, {name: line[name] for name in expected})
        self.assertRegex(line["time"], r"^\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\]$")
        self.assertRegex(line["request"], rf"^GET /{self.bucket}/a%20key\?response-content-language=de HTTP/1\.1$")
        self.assertLessEqual(int(line["turn_around"]), int(line["total"]))
        self.assertEqual((line["tls"] != "-", line["cipher"] != "-"), (bool(self.server.tls), bool(self.server.tls)))

    def test_604_lines_that_stay_lines(self):
        self.log()
        answer = self.put('q"uo\nte\x7f%41 ü', b"x")
        self.assertEqual("q%22uo%0Ate%7F%2541%20%C3%BC", self.line_of(answer)["key"])

    def test_604_who_asks(self):
        self.set("ownershipControls", acls.ownership("ObjectWriter"))
        self.put("k", b"x", {"x-amz-acl": "public-read"})
        self.log()
        line = self.line_of(self.alice.get(self.bucket, "k", auth="none", payload="unsigned"))
        self.assertEqual(("-", "-", "-", "Yes"), (line["requester"], line["signature"], line["authentication"], line["by_acl"]))
        line = self.line_of(self.bob.get(self.bucket, "k"))
        self.assertEqual((self.bob.account.id, "Yes"), (line["requester"], line["by_acl"]))

    def test_605_secrets_are_masked(self):
        self.put("k", b"x")
        self.log()
        line = self.line_of(self.get("k", auth="presigned"))
        self.assertEqual(("QueryString", "SigV4"), (line["authentication"], line["signature"]))
        self.assertIn("X-Amz-Signature=***", line["request"])
        self.assertIn("X-Amz-Credential=", line["request"])

    def test_604_a_form(self):
        self.log()
        answer = Form(self.alice, self.bucket).send()
        self.assert_status(204, answer)
        line = self.line_of(answer)
        self.assertEqual(("REST.POST.OBJECT", "SigV4", "-", "204"), tuple(line[name] for name in ("operation", "signature", "authentication", "status")))
        self.assertTrue(line["request"].startswith("POST /"), line["request"])

    def test_605_refusals(self):
        """Also those that come before anybody has looked at the bucket."""
        self.log()
        for answer, operation, code in ((self.bob.get(self.bucket, "k"), "REST.GET.OBJECT", "AccessDenied"),
                                        (self.get("missing"), "REST.GET.OBJECT", "NoSuchKey"),
                                        (self.bob.put(self.bucket, "k", (), (), b"x"), "REST.PUT.OBJECT", "AccessDenied"),
                                        (self.get("k", (), {"x-amz-date": "nonsense"}), "REST.GET.OBJECT", None)):
            line = self.line_of(answer)
            self.assertEqual((operation, str(answer.status)), (line["operation"], line["status"]))
            self.assertEqual(code or answer.code, line["code"])

    def test_605_operations(self):
        self.log()
        self.put("k", b"12345")
        self.put("other", b"x")
        self.head("k")
        self.list()
        self.alice.get(self.bucket, None, {"versioning": None})
        self.alice.get(self.bucket, "k", {"acl": None})
        self.assert_status(200, self.alice.put(self.bucket, "copy", (), {"x-amz-copy-source": f"{self.bucket}/k"}))
        begun = self.alice.post(self.bucket, "joined", {"uploads": None})
        upload = begun.text("UploadId")
        part = self.alice.put(self.bucket, "joined", {"partNumber": "1", "uploadId": upload}, (), b"part")
        self.alice.get(self.bucket, "joined", {"uploadId": upload})
        document = f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{part.header('etag')}</ETag></Part></CompleteMultipartUpload>"
        self.assert_status(200, self.alice.post(self.bucket, "joined", {"uploadId": upload}, (), sigv4.to_bytes(document)))
        self.assert_status(204, self.alice.delete(self.bucket, "other"))
        objects = "".join(f"<Object><Key>{key}</Key></Object>" for key in ("k", "copy", "not-there"))
        self.assert_status(200, self.alice.delete_objects(self.bucket, f"<Delete>{objects}</Delete>"))
        wanted = {"REST.PUT.OBJECT": 2, "REST.HEAD.OBJECT": 1, "REST.GET.BUCKET": 1, "REST.GET.VERSIONING": 1, "REST.GET.ACL": 1,
                  "REST.COPY.OBJECT": 1, "REST.COPY.OBJECT_GET": 1, "REST.POST.UPLOADS": 1, "REST.PUT.PART": 1, "REST.GET.UPLOAD": 1,
                  "REST.POST.UPLOAD": 1, "REST.DELETE.OBJECT": 1, "REST.POST.MULTI_OBJECT_DELETE": 1, "BATCH.DELETE.OBJECT": 3}

        def counted():
            lines = self.lines()
            return {operation: sum(line["operation"] == operation for line in lines) for operation in wanted}
        self.wait_for(lambda: counted() == wanted or sum(counted().values()) > sum(wanted.values()), "all lines")
        self.assertEqual(wanted, counted())
        sizes = {line["operation"]: line["size"] for line in self.lines() if line["key"] == "k"}
        self.assertEqual(("5", "5"), (sizes["REST.PUT.OBJECT"], sizes["REST.COPY.OBJECT_GET"]))

    def test_606_a_bucket_that_logs_to_itself(self):
        """What is written of its log is not in its log, or it would have no end."""
        self.log(target=self.bucket)
        self.put("k", b"x")
        self.wait_for(lambda: self.keys(target=self.bucket), "a log")
        time.sleep(3)
        for key in self.keys(target=self.bucket):
            body = self.get(key, bucket=self.bucket).body.decode()
            self.assertFalse([line for line in body.splitlines() if fields_of(line)["operation"] == "REST.PUT.OBJECT" and fields_of(line)["key"] != "k"])

    def test_606_off_is_off(self):
        self.log()
        self.put("k", b"x")
        self.wait_for(self.lines, "a log")
        self.set("logging", "<BucketLoggingStatus/>", checksum=False)
        answer = self.put("after", b"x")
        time.sleep(3)
        self.assertNotIn(answer.header("x-amz-request-id"), [line["request_id"] for line in self.lines()])


@needs("settings")
class LostLines(LogCase):
    """Alone: the counter is the server's."""

    SERIAL = True

    def test_606_a_target_that_has_gone(self):
        if self.server.admin is None:
            self.skipTest("no admin endpoint")
        lost = lambda: sum(value for name, value in admin.metrics(self.server).items() if name.startswith("bale_access_log_lines_lost_total"))  # noqa: E731
        before = lost()
        self.log()
        self.assert_status(204, self.alice.delete(self.target))
        self.put("k", b"x")
        self.wait_for(lambda: lost() > before, "that a line is counted as lost")
