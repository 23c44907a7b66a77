"""Section AM: small settings."""

import acls
from case import needs
from forms import Form
from settings import SettingsCase


@needs("settings")
class SmallSettings(SettingsCase):
    def test_616_encryption(self):
        body = ("<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>%s</SSEAlgorithm>"
                "</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>")
        unset = "ServerSideEncryptionConfigurationNotFoundError"
        for algorithm in ("AES256", "aws:kms", "aws:kms:dsse"):
            self.assert_error(self.put_setting("encryption", body % algorithm), 501, "NotImplemented")
        for text in (body % "ROT13", "<ServerSideEncryptionConfiguration/>"):
            self.assert_error(self.put_setting("encryption", text), 400, "MalformedXML")
        self.assert_error(self.get_setting("encryption"), 404, unset)
        self.assert_status(204, self.delete_setting("encryption"))

    def payer(self, who):
        return f"<RequestPaymentConfiguration><Payer>{who}</Payer></RequestPaymentConfiguration>"

    def test_617_request_payment(self):
        self.assertEqual("BucketOwner", self.get_setting("requestPayment").text("Payer"))
        for who in ("Requester", "BucketOwner"):
            self.set("requestPayment", self.payer(who), checksum=False)
            self.assertEqual(who, self.assert_success_xml(self.get_setting("requestPayment"), "RequestPaymentConfiguration").text("Payer"))
        for text in (self.payer("Nobody"), "<RequestPaymentConfiguration/>", self.payer("Requester").replace("Payer", "payer")):
            self.assert_refused_setting("requestPayment", text, 400, "MalformedXML")

    def test_617_the_owner_pays_in_any_case(self):
        self.set("requestPayment", self.payer("Requester"))
        answer = self.put("key", b"body")
        self.assertIsNone(answer.header("x-amz-request-charged"))
        self.assert_status(204, Form(self.alice, self.bucket).send())
        self.assert_error(self.alice.get(self.bucket, "key", auth="none"), 403, "AccessDenied")

    def test_617_others_say_that_they_pay(self):
        allow = [acls.statement("Allow", "*", "s3:*", [acls.arn(self.bucket), acls.arn(self.bucket, "*")])]
        self.assert_status(204, self.alice.put(self.bucket, None, {"policy": None}, (), acls.policy(*allow)))
        self.put("key", b"body")
        self.assert_status(200, self.bob.get(self.bucket, "key"))
        self.set("requestPayment", self.payer("Requester"))
        pays = [("x-amz-request-payer", "requester")]
        self.assert_error(self.bob.get(self.bucket, "key"), 403, "AccessDenied")
        self.assert_error(self.bob.get(self.bucket, "key", (), [("x-amz-request-payer", "nobody")]), 403, "AccessDenied")
        self.assert_error(self.bob.get(self.bucket, None), 403, "AccessDenied")
        self.assert_error(self.alice.get(self.bucket, "key", (), pays, auth="none"), 403, "AccessDenied")
        for answer in (self.bob.get(self.bucket, "key", (), pays), self.bob.get(self.bucket, None, (), pays),
                       self.bob.put(self.bucket, "other", (), pays, b"x"),
                       self.bob.get(self.bucket, "key", pays, (), auth="presigned"),
                       self.bob.get(self.bucket, "key", (), pays, auth="presigned")):
            self.assertEqual((200, "requester"), (answer.status, answer.header("x-amz-request-charged")), answer)
        mine, source = self.make_bucket(self.bob), ("x-amz-copy-source", f"{self.bucket}/key")
        self.assert_error(self.bob.put(mine, "copy", (), [source]), 403, "AccessDenied")
        self.assert_status(200, self.bob.put(mine, "copy", (), [source, *pays]))
        form = Form(self.bob, self.bucket)
        self.assert_error(form.send(), 403, "AccessDenied")
        answer = form.add("x-amz-request-payer", "requester").send()
        self.assertEqual((204, "requester"), (answer.status, answer.header("x-amz-request-charged")), answer)
        self.set("requestPayment", self.payer("BucketOwner"))
        answer = self.bob.get(self.bucket, "key")
        self.assertEqual((200, None), (answer.status, answer.header("x-amz-request-charged")))

    def test_618_acceleration(self):
        body = "<AccelerateConfiguration><Status>%s</Status></AccelerateConfiguration>"
        empty = self.assert_success_xml(self.get_setting("accelerate"), "AccelerateConfiguration")
        self.assertEqual(0, len(empty.xml))
        self.assert_error(self.put_setting("accelerate", body % "Enabled"), 501, "NotImplemented")
        for status in ("enabled", "", "Off"):
            self.assert_error(self.put_setting("accelerate", body % status), 400, "MalformedXML")
        self.assertEqual(0, len(self.get_setting("accelerate").xml))
        self.set("accelerate", body % "Suspended")
        self.assertEqual("Suspended", self.get_setting("accelerate").text("Status"))

    def test_619_settings_of_which_many_may_be(self):
        for name, root in (("inventory", "ListInventoryConfigurationsResult"), ("analytics", "ListBucketAnalyticsConfigurationResult"),
                           ("metrics", "ListMetricsConfigurationsResult"),
                           ("intelligent-tiering", "ListBucketIntelligentTieringConfigurationsOutput")):
            listed = self.assert_success_xml(self.get_setting(name), root)
            self.assertEqual("false", listed.text("IsTruncated"))
            self.assert_error(self.alice.get(self.bucket, None, [(name, None), ("id", "one")]), 404, "NoSuchConfiguration")
            self.assert_error(self.alice.put(self.bucket, None, [(name, None), ("id", "one")], (), "<X/>"), 501, "NotImplemented")
        self.assert_error(self.get_setting("replication"), 404, "ReplicationConfigurationNotFoundError")
        self.assert_error(self.put_setting("replication", "<X/>"), 501, "NotImplemented")

    def test_023_lengths_that_no_document_has(self):
        """Refused at once, before a byte of it was asked for; what was there stays."""
        for name in ("cors", "lifecycle", "tagging", "policy", "requestPayment", "publicAccessBlock", "ownershipControls",
                     "versioning", "object-lock"):
            before = self.get_setting(name)
            for length in (2**63, 2**64, 2**63 - 1, 1 << 30):
                prepared = self.alice.prepare("PUT", self.bucket, None, [(name, None)], [("Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg==")], b"<",
                                              length=length, payload="unsigned")
                with self.subTest(f"{name} {length}"), self.alice.connect() as connection:
                    connection.try_send(prepared.head)
                    answer = connection.read_response()
                    self.assertEqual(400, answer.status, answer)
                    if length < 2**63:
                        self.assertEqual("MaxMessageLengthExceeded", answer.code, answer)
                    self.assert_closed(connection)
            after = self.get_setting(name)
            self.assertEqual((before.status, before.code), (after.status, after.code))
