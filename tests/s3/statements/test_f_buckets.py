"""tests/s3/statements/test_f_buckets.py -- section F: buckets."""

import secrets

from case import S3Case

UNSET_404 = {
    "policy": "NoSuchBucketPolicy", "cors": "NoSuchCORSConfiguration", "lifecycle": "NoSuchLifecycleConfiguration",
    "tagging": "NoSuchTagSet", "website": "NoSuchWebsiteConfiguration",
    "encryption": "ServerSideEncryptionConfigurationNotFoundError",
    "replication": "ReplicationConfigurationNotFoundError", "publicAccessBlock": "NoSuchPublicAccessBlockConfiguration",
    "object-lock": "ObjectLockConfigurationNotFoundError",
}
UNSET_200 = {"versioning": "VersioningConfiguration", "logging": "BucketLoggingStatus",
             "notification": "NotificationConfiguration", "accelerate": "AccelerateConfiguration"}
DELETABLE = "policy cors lifecycle tagging website encryption replication publicAccessBlock".split()


class Buckets(S3Case):
    def test_111_create(self):
        name = self.bucket_name()
        answer = self.alice.put(name)
        self.assert_status(200, answer)
        self.assertEqual("/" + name, answer.header("location"))
        self.assertEqual(b"", answer.body)
        listed = self.alice.get(None, None, {"prefix": name})
        self.assertEqual([name], listed.texts("Buckets/Bucket/Name"))

    def test_112_bucket_names_refused(self):
        tail = secrets.token_hex(4)
        for name in ("ab", "a" * 64, "Upper" + tail, "under_score" + tail, "-lead" + tail, "trail-" + tail + "-",
                     ".lead" + tail, "trail" + tail + ".", "two..dots" + tail, "192.168.5.4", "1.2.3.4",
                     "xn--" + tail, tail + "-s3alias", "sp ace" + tail, "umlaut-ü" + tail, "a", "semi;" + tail):
            with self.subTest(name):
                self.assert_error(self.alice.put(name), 400, "InvalidBucketName")
                self.assertIn(self.alice.get(name, None, {"list-type": "2"}).status, (400, 404))

    def test_112_bucket_names_accepted(self):
        tail = secrets.token_hex(8)
        for name in (tail[:6], "a" * (63 - 16) + tail, "dots.and-dashes." + tail, "1.2.3." + tail, "0" + tail,
                     "xn-" + tail, "s3alias-" + tail, "1.2.3.4." + tail):
            with self.subTest(name):
                self.assert_status(200, self.alice.put(name))
                self.put("k", b"x", bucket=name)
                self.assertEqual(b"x", self.get("k", bucket=name).body)

    def test_113_own_bucket_again_in_us_east_1(self):
        self.put("k", b"survives")
        again = self.alice.put(self.bucket)
        if self.server.region == "us-east-1":
            self.assert_status(200, again)
        else:
            self.assert_error(again, 409, "BucketAlreadyOwnedByYou")
        self.assert_object("k", b"survives")

    def test_113_bucket_of_another(self):
        self.put("k", b"survives")
        self.assert_error(self.bob.put(self.bucket), 409, "BucketAlreadyExists")
        self.assert_object("k", b"survives")
        self.assert_status(200, self.list())

    def test_114_location_constraint(self):
        document = "<CreateBucketConfiguration xmlns='http://s3.amazonaws.com/doc/2006-03-01/'><LocationConstraint>{}" \
                   "</LocationConstraint></CreateBucketConfiguration>"
        for region in ("mars-north-1", "eu-central-1", "x"):
            name = self.bucket_name()
            self.assert_error(self.alice.put(name, None, (), (), document.format(region)), 400, "InvalidLocationConstraint")
            self.assertEqual(404, self.alice.head(name).status)
        for broken in ("<CreateBucketConfiguration>", "not xml", "<a/>x", "<CreateBucketConfiguration></Other>",
                       "<CompletelyDifferent/>"):
            with self.subTest(broken):
                name = self.bucket_name()
                self.assert_error(self.alice.put(name, None, (), (), broken), 400, "MalformedXML")
                self.assertEqual(404, self.alice.head(name).status)
        for fine in ("<CreateBucketConfiguration/>", "<CreateBucketConfiguration xmlns='http://s3.amazonaws.com/doc/2006-03-01/'/>"):
            self.assert_status(200, self.alice.put(self.bucket_name(), None, (), (), fine))

    def test_115_location(self):
        answer = self.assert_success_xml(self.list_v1(("location", None)), "LocationConstraint")
        self.assertEqual("" if self.server.region == "us-east-1" else self.server.region, answer.xml.text or "")
        self.assertEqual(0, len(answer.xml))

    def test_116_head(self):
        answer = self.alice.head(self.bucket)
        self.assert_status(200, answer)
        self.assertEqual(self.server.region, answer.header("x-amz-bucket-region"))
        self.assert_status(404, self.alice.head(self.bucket_name()))
        self.assert_status(403, self.bob.head(self.bucket))
        self.assert_status(403, self.alice.head(self.bucket, auth=None))
        with self.alice.connect() as connection:  # an error's body would be read as the next answer
            connection.send(self.alice.prepare("HEAD", self.bucket_name()).bytes)
            self.assertEqual(404, connection.read_response("HEAD").status)
            connection.send(self.alice.prepare("HEAD", self.bucket).bytes)
            self.assertEqual(200, connection.read_response("HEAD").status)

    def test_117_delete(self):
        self.put("k", b"x")
        self.assert_error(self.alice.delete(self.bucket), 409, "BucketNotEmpty")
        self.assert_object("k", b"x")
        self.assertEqual(204, self.alice.delete(self.bucket, "k").status)
        deleted = self.alice.delete(self.bucket)
        self.assert_status(204, deleted)
        self.assertEqual(b"", deleted.body)
        self.assert_error(self.alice.delete(self.bucket), 404, "NoSuchBucket")
        self.assert_error(self.list(), 404, "NoSuchBucket")

    def test_117_created_again_it_is_empty(self):
        self.put("k", b"x")
        self.alice.delete(self.bucket, "k")
        self.assertEqual(204, self.alice.delete(self.bucket).status)
        self.assert_status(200, self.alice.put(self.bucket))
        self.assertEqual([], self.list().texts("Contents/Key"))
        self.assert_error(self.get("k"), 404, "NoSuchKey")

    def test_119_list_buckets(self):
        stem = self.bucket_name()
        names = sorted(f"{stem}-{suffix}" for suffix in ("a", "c", "b", "aa", "b.x"))
        for name in reversed(names):
            self.assert_status(200, self.alice.put(name))
        foreign = self.make_bucket(self.bob)
        answer = self.assert_success_xml(self.alice.get(), "ListAllMyBucketsResult")
        listed = answer.texts("Buckets/Bucket/Name")
        self.assertEqual(sorted(listed), listed)
        self.assertTrue(set(names) <= set(listed))
        self.assertNotIn(foreign, listed)
        self.assertEqual(self.alice.account.id, answer.text("Owner/ID"))
        self.assertEqual(len(listed), len(answer.texts("Buckets/Bucket/CreationDate")))
        self.assertIsNone(answer.text("ContinuationToken"))
        self.assertEqual(names, self.alice.get(None, None, {"prefix": stem}).texts("Buckets/Bucket/Name"))

    def test_119_pages(self):
        stem = self.bucket_name()
        names = [f"{stem}-{number}" for number in range(5)]
        for name in names:
            self.assert_status(200, self.alice.put(name))
        seen, token, pages = [], None, 0
        while True:
            query = {"prefix": stem, "max-buckets": "2", **({"continuation-token": token} if token else {})}
            page = self.assert_success_xml(self.alice.get(None, None, query), "ListAllMyBucketsResult")
            self.assertEqual(stem, page.text("Prefix"))
            seen += page.texts("Buckets/Bucket/Name")
            token, pages = page.text("ContinuationToken"), pages + 1
            if token is None:
                break
            self.assertEqual(2, len(page.texts("Buckets/Bucket/Name")))
        self.assertEqual((names, 3), (seen, pages))

    def test_119_max_buckets_bounds(self):
        for value in ("0", "-1", "10001", "x", ""):
            with self.subTest(value):
                self.assert_error(self.alice.get(None, None, {"max-buckets": value}), 400, "InvalidArgument",
                                  {"ArgumentName": "max-buckets", "ArgumentValue": value})
        for value in ("1", "10000"):
            self.assert_status(200, self.alice.get(None, None, {"max-buckets": value}))

    def test_120_missing_bucket(self):
        name = self.bucket_name()
        copy = {"x-amz-copy-source": f"{self.bucket}/k"}
        self.put("k", b"x")
        answers = [
            self.alice.get(name, "k"), self.alice.put(name, "k", (), (), b"x"), self.alice.delete(name, "k"),
            self.alice.get(name, None, {"list-type": "2"}), self.alice.get(name), self.alice.get(name, None, {"versions": None}),
            self.alice.get(name, None, {"location": None}), self.alice.delete(name), self.alice.put(name, "k", (), copy),
            self.alice.delete_objects(name, "<Delete><Object><Key>k</Key></Object></Delete>"),
            self.alice.get(name, None, {"versioning": None}), self.alice.get(name, None, {"policy": None}),
        ]
        for answer in answers:
            self.assert_error(answer, 404, "NoSuchBucket", {"BucketName": name})
        self.assert_status(404, self.alice.head(name, "k"))
        self.assertEqual(404, self.alice.head(name).status)

    def test_121_unset_sub_resources(self):
        for name, code in UNSET_404.items():
            with self.subTest(name):
                self.assert_error(self.list_v1((name, None)), 404, code)
                self.assert_error(self.list_v1((name, "")), 404, code)

    def test_122_unset_sub_resources_with_an_empty_answer(self):
        for name, root in UNSET_200.items():
            with self.subTest(name):
                answer = self.assert_success_xml(self.list_v1((name, None)), root)
                self.assertEqual(0, len(answer.xml))
        answer = self.assert_success_xml(self.list_v1(("policyStatus", None)), "PolicyStatus")  # 505
        self.assertEqual("false", answer.text("IsPublic"))
        answer = self.assert_success_xml(self.list_v1(("requestPayment", None)), "RequestPaymentConfiguration")
        self.assertEqual("BucketOwner", answer.text("Payer"))

    def test_123_delete_of_unset_sub_resources(self):
        self.put("k", b"x")
        for name in DELETABLE:
            with self.subTest(name):
                self.assert_status(204, self.alice.delete(self.bucket, None, {name: None}))
                self.assert_error(self.alice.delete(self.bucket_name(), None, {name: None}), 404, "NoSuchBucket")
        self.assert_object("k", b"x")
        self.assertEqual(200, self.alice.head(self.bucket).status)
