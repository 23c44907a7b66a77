"""tests/s3/statements/test_z_decisions.py -- section Z: where the authorities disagree, what was decided.

Most decisions are checked beside the statement they decide (113, 192, 193, 241, 63, 39, 12); here are the others."""

from case import S3Case


class Decisions(S3Case):
    def test_z_plain_chunked_put_then_reuse_of_the_connection(self):
        body = b"streamed without a decoded length " * 40_000
        prepared = self.alice.prepare("PUT", self.bucket, "k", (), (), body, payload="unsigned", transfer="chunked")
        with self.alice.connect() as connection:
            connection.send(prepared.bytes)
            self.assert_status(200, connection.read_response())
            connection.send(self.alice.prepare("GET", self.bucket, "k").bytes)
            self.assertTrue(connection.read_response().body == body)

    def test_z_presigned_plain_chunked_put(self):
        prepared = self.alice.prepare("PUT", self.bucket, "k", (), (), b"presigned and chunked", auth="presigned", transfer="chunked")
        self.assert_status(200, self.alice.send(prepared))
        self.assert_object("k", b"presigned and chunked")

    def test_z_part_number_on_what_has_no_parts(self):
        """175 and 177 for an object of one PUT; multipart objects come with their own issue."""
        self.put("k", b"0123456789")
        answer = self.get("k", {"partNumber": "1"})
        self.assertIn(answer.status, (206, 501), answer)
        if answer.status == 206:
            self.assertEqual(b"0123456789", answer.body)
            self.assert_error(self.get("k", {"partNumber": "2"}), 416, "InvalidPartNumber")

    def test_z_versioning_is_not_switched_silently(self):
        """Where it cannot be kept; section AA elsewhere."""
        if "versions" not in self.server.lacks:
            return
        for status in ("Enabled", "Suspended"):
            document = f"<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>"
            self.assert_error(self.alice.put(self.bucket, None, {"versioning": None}, (), document), 501, "NotImplemented")
        self.assertIsNone(self.list_v1(("versioning", None)).text("Status"))

    def test_z_bucket_with_object_lock_is_not_made_without_it(self):
        name = self.bucket_name()
        answer = self.alice.put(name, None, (), {"x-amz-bucket-object-lock-enabled": "true"})
        if "object lock" in self.server.lacks:
            self.assert_error(answer, 501, "NotImplemented")
            self.assertEqual(404, self.alice.head(name).status)
        else:
            self.assert_status(200, answer)
            self.assert_status(200, self.alice.get(name, None, {"object-lock": None}))

    def test_z_acl_headers_are_not_ignored(self):
        """311: what is not offered is refused, never taken without effect."""
        for headers in ({"x-amz-acl": "public-read"}, {"x-amz-grant-read": "id=x"}):
            answer = self.alice.put(self.bucket, "k", (), headers, b"x")
            self.assertIn(answer.status, (400, 501), answer)
            self.assert_absent("k")
        for value in ("private", "bucket-owner-full-control"):
            self.put("fine", b"x", {"x-amz-acl": value})

    def test_z_lock_headers_are_not_ignored(self):
        for headers in ({"x-amz-object-lock-mode": "COMPLIANCE", "x-amz-object-lock-retain-until-date": "2099-01-01T00:00:00Z"},
                        {"x-amz-object-lock-legal-hold": "ON"}):
            answer = self.alice.put(self.bucket, "k", (), headers, b"x")
            self.assertIn(answer.status, (400, 501), answer)
            self.assert_absent("k")
