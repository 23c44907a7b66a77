"""tests/s3/statements/test_system_bucket.py -- the bucket in which the journal lives is there, and no client can tell."""

import time

import admin
from case import S3Case, needs

SYSTEM = ".bale"
SETTINGS = ".bale-settings"
REFUSED = 400, "InvalidBucketName"
PARTS = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>"
DELETE_HEAD = "<Delete><Object><Key>head</Key></Object></Delete>"


class SystemBucket(S3Case):
    def clients(self):
        return self.alice, self.bob, self.reader

    def test_it_is_in_no_list_of_buckets(self):
        self.assertTrue(self.bucket)
        for client in self.clients():
            for query in ((), {"prefix": "."}, {"prefix": SYSTEM}, {"max-buckets": "1"}):
                listed = client.get(None, None, query)
                self.assert_status(200, listed)
                self.assertEqual([], [name for name in listed.texts("Buckets/Bucket/Name") if name.startswith(".")])

    def test_nothing_of_it_can_be_read(self):
        for client in self.clients():
            for style in ("path", "virtual"):
                for query in ((), {"list-type": "2"}, {"versions": ""}, {"uploads": ""}, {"location": ""}):
                    self.assert_error(client.get(SYSTEM, None, query, style=style), *REFUSED)
                self.assertEqual(400, client.head(SYSTEM, style=style).status)
                for key in ("head", "bell", "ground", "segments/x", "missing"):
                    self.assert_error(client.get(SYSTEM, key, style=style), *REFUSED)
                    self.assertEqual(400, client.head(SYSTEM, key, style=style).status)
                for query in ({"attributes": ""}, {"tagging": ""}, {"uploadId": "x"}):
                    self.assertEqual(400, client.get(SYSTEM, "head", query, {"x-amz-object-attributes": "ETag"},
                                                     style=style).status)
            self.assertEqual(400, client.get(SYSTEM, "head", auth="presigned").status)

    @needs("journal")
    def test_nothing_of_it_can_be_written(self):
        for client in (self.alice, self.bob):
            for style in ("path", "virtual"):
                self.assert_error(client.put(SYSTEM, style=style), *REFUSED)
                self.assert_error(client.delete(SYSTEM, style=style), *REFUSED)
                self.assert_error(client.put(SYSTEM, "head", (), (), b"forged", style=style), *REFUSED)
                self.assert_error(client.delete(SYSTEM, "head", style=style), *REFUSED)
                self.assert_error(client.delete_objects(SYSTEM, DELETE_HEAD, style=style), *REFUSED)
                self.assert_error(client.post(SYSTEM, "head", {"uploads": ""}, style=style), *REFUSED)
                self.assert_error(client.put(SYSTEM, "head", {"partNumber": "1", "uploadId": "x"}, (), b"x", style=style),
                                  *REFUSED)
                self.assert_error(client.post(SYSTEM, "head", {"uploadId": "x"}, (), PARTS, style=style), *REFUSED)
                self.assert_error(client.delete(SYSTEM, "head", {"uploadId": "x"}, style=style), *REFUSED)
                self.assert_error(client.put(SYSTEM, "head", {"tagging": ""}, (), "<Tagging/>", style=style), *REFUSED)
        deadline = time.monotonic() + 300
        journal = admin.metrics(self.server)
        if 'bale_journal_condition{condition="not-ready"}' not in journal:
            self.skipTest("there is no journal over a bucket of an S3 server")
        while journal['bale_journal_condition{condition="not-ready"}'] and time.monotonic() < deadline:
            time.sleep(0.05)  # at its first start the store is tested
            journal = admin.metrics(self.server)
        self.assertEqual(1, journal['bale_journal_condition{condition="running"}'])
        self.assertEqual(0, sum(value for name, value in journal.items() if name.startswith("bale_journal_alarms_total")))

    def test_the_one_of_settings_is_as_far_away(self):
        for client in self.clients():
            for style in ("path", "virtual"):
                self.assert_error(client.get(SETTINGS, None, {"list-type": "2"}, style=style), *REFUSED)
                self.assert_error(client.get(SETTINGS, "0000000000000001/03-0000000000000001", style=style), *REFUSED)
        self.assert_error(self.alice.put(SETTINGS), *REFUSED)
        self.assert_error(self.alice.put(SETTINGS, "0000000000000001/03-0000000000000001", (), (), b"forged"), *REFUSED)
        self.assert_error(self.alice.delete(SETTINGS), *REFUSED)

    def test_copies_neither_take_from_it_nor_bring_to_it(self):
        self.put("source", b"bytes")
        for source in (".bale/head", "/.bale/head", "%2Ebale/head", ".bale%2Fhead", "/.bale/head?versionId=null"):
            self.assert_error(self.alice.put(self.bucket, "stolen", (), {"x-amz-copy-source": source}), 400,
                              "InvalidArgument")
            self.assert_absent("stolen")
        upload = self.alice.post(self.bucket, "parts", {"uploads": ""}).text("UploadId")
        self.assert_error(self.alice.put(self.bucket, "parts", {"partNumber": "1", "uploadId": upload},
                                         {"x-amz-copy-source": ".bale/head"}), 400, "InvalidArgument")
        self.assert_error(self.alice.put(SYSTEM, "head", (), {"x-amz-copy-source": f"{self.bucket}/source"}), *REFUSED)

    def test_other_ways_to_write_its_name(self):
        for target in ("/%2Ebale/head", "/%2ebale/head", "/.bale//head", "/./.bale/head", "//.bale/head"):
            answer = self.alice.get(SYSTEM, "head", target=target)
            self.assertIn(answer.status, (400, 403, 404), answer)
            self.assertNotIn(b"BJ", answer.body)
        for target in (f"/{self.bucket}/../.bale/head", f"/{self.bucket}/%2e%2e/.bale/head"):
            answer = self.alice.get(self.bucket, "../.bale/head", target=target)
            self.assertIn(answer.status, (400, 403, 404), answer)
