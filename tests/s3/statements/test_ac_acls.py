"""tests/s3/statements/test_ac_acls.py -- ownership and lists of grants: statements 457 to 486."""

import os

import acls
from acls import ALL_USERS, ANONYMOUS, AUTHENTICATED_USERS, LOG_DELIVERY, acl, grants_of
from case import S3Case, needs
from daemon import Daemon

ACL = {"acl": None}
ENFORCED, PREFERRED, WRITER = "BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"


class AccessCase(S3Case):
    def bucket_of(self, ownership=WRITER, headers=(), client=None):
        name = self.bucket_name()
        fields = {"x-amz-object-ownership": ownership, **dict(headers)} if ownership else dict(headers)
        self.assert_status(200, (client or self.alice).put(name, None, (), fields))
        return name

    def open_bucket(self, ownership=WRITER):
        """In which bob, and everyone, may write."""
        return self.bucket_of(ownership, {"x-amz-acl": "public-read-write"})

    def put_acl(self, bucket, key=None, document=b"", headers=(), client=None, query=None):
        return (client or self.alice).put(bucket, key, query or ACL, headers, document)

    def grants(self, bucket, key=None, client=None, query=None):
        answer = (client or self.alice).get(bucket, key, query or ACL)
        return grants_of(self.assert_success_xml(answer, "AccessControlPolicy"))

    def assert_denied(self, answer):
        if answer.body:
            self.assert_error(answer, 403, "AccessDenied")
        else:
            self.assert_status(403, answer)

    @property
    def a(self):
        return self.alice.account.id

    @property
    def b(self):
        return self.bob.account.id


@needs("settings")
class Ownership(AccessCase):
    OWNERSHIP = {"ownershipControls": None}

    def ownership(self, bucket):
        answer = self.alice.get(bucket, None, self.OWNERSHIP)
        return answer.text("Rule/ObjectOwnership") if answer.status == 200 else answer.code

    def test_457_what_create_bucket_records(self):
        self.assertEqual(ENFORCED, self.ownership(self.bucket_of(None)))
        for value in (ENFORCED, PREFERRED, WRITER):
            self.assertEqual(value, self.ownership(self.bucket_of(value)))

    def test_458_deleted_it_behaves_as_object_writer(self):
        bucket = self.bucket_of(None)
        self.assert_error(self.put_acl(bucket, headers={"x-amz-acl": "public-read"}), 400, "AccessControlListNotSupported")
        for _ in range(2):
            self.assert_status(204, self.alice.delete(bucket, None, self.OWNERSHIP))
            self.assert_error(self.alice.get(bucket, None, self.OWNERSHIP), 404, "OwnershipControlsNotFoundError")
        self.assert_status(200, self.put_acl(bucket, headers={"x-amz-acl": "public-read"}))

    def test_459_unknown_ownership(self):
        for value in ("Nobody", "", "objectwriter"):
            name = self.bucket_name()
            self.assert_error(self.alice.put(name, None, (), {"x-amz-object-ownership": value}), 400, "InvalidArgument",
                              {"ArgumentName": "x-amz-object-ownership"})
            self.assertEqual(404, self.alice.head(name).status)

    def test_460_put(self):
        bucket = self.bucket_of(None)
        for value in (WRITER, PREFERRED, ENFORCED):
            self.assert_status(200, self.alice.put(bucket, None, self.OWNERSHIP, (), acls.ownership(value)))
            self.assertEqual(value, self.ownership(bucket))
        rule = f"<Rule><ObjectOwnership>{WRITER}</ObjectOwnership></Rule>"
        for document in ("<OwnershipControls/>", f"<OwnershipControls>{rule}{rule}</OwnershipControls>",
                         acls.ownership("Nobody"), acls.ownership(""), f"<Ownership>{rule}</Ownership>", "<Owner"):
            self.assert_error(self.alice.put(bucket, None, self.OWNERSHIP, (), document), 400, "MalformedXML")
        self.assertEqual(ENFORCED, self.ownership(bucket))

    def test_461_enforced_beside_grants_to_others(self):
        bucket = self.bucket_of(WRITER, {"x-amz-acl": "public-read"})
        enforce = (bucket, None, self.OWNERSHIP, (), acls.ownership(ENFORCED))
        self.assert_error(self.alice.put(*enforce), 400, "InvalidBucketAclWithObjectOwnership")
        self.assert_status(200, self.put_acl(bucket, headers={"x-amz-acl": "private"}))
        self.assert_status(200, self.alice.put(*enforce))
        for ownership in (None, ENFORCED):
            name = self.bucket_name()
            fields = {"x-amz-acl": "public-read", **({"x-amz-object-ownership": ownership} if ownership else {})}
            self.assert_error(self.alice.put(name, None, (), fields), 400, "InvalidBucketAclWithObjectOwnership")
            self.assertEqual(404, self.alice.head(name).status)
        for ownership in (None, ENFORCED, PREFERRED, WRITER):
            self.bucket_of(ownership, {"x-amz-acl": "private"})

    def test_461_under_enforced_acls_say_what_is_so(self):
        bucket = self.bucket_of(ENFORCED)
        self.assertEqual([(self.a, "FULL_CONTROL")], self.grants(bucket))
        for headers, document in (({"x-amz-acl": "private"}, b""), ({"x-amz-grant-read": f"id={self.b}"}, b""),
                                  ((), acl(self.a, (self.a, "FULL_CONTROL")))):
            answer = self.put_acl(bucket, None, document, headers)
            self.assert_error(answer, 400, "AccessControlListNotSupported")
        for headers in ({}, {"x-amz-acl": "private"}, {"x-amz-acl": "bucket-owner-full-control"},
                        {"x-amz-grant-full-control": f"id={self.a}"}):
            self.put("k", b"x", headers, bucket=bucket)
        for headers in ({"x-amz-acl": "public-read"}, {"x-amz-grant-read": f"id={self.a}"},
                        {"x-amz-grant-full-control": f"id={self.b}"}):
            self.assert_error(self.alice.put(bucket, "k", (), headers, b"y"), 400, "AccessControlListNotSupported")
            self.assert_error(self.alice.post(bucket, "k", {"uploads": None}, headers), 400, "AccessControlListNotSupported")
        self.assert_object("k", b"x", bucket)
        self.assertEqual([(self.a, "FULL_CONTROL")], self.grants(bucket, "k"))
        self.assert_status(200, self.put_acl(bucket, "k", headers={"x-amz-acl": "bucket-owner-full-control"}))
        self.assert_error(self.put_acl(bucket, "k", headers={"x-amz-acl": "private"}), 400, "AccessControlListNotSupported")
        same = self.alice.get(bucket, "k", {"acl": None}).body  # s3cmd cp: the source's, on the copy
        self.assert_status(200, self.put_acl(bucket, "k", same))
        more = acl(self.a, (self.a, "FULL_CONTROL"), (self.b, "READ"))
        self.assert_error(self.put_acl(bucket, "k", more), 400, "AccessControlListNotSupported")

    def test_461_existing_acls_are_kept_without_effect(self):
        bucket = self.bucket_of(WRITER)
        self.put("k", b"x", {"x-amz-acl": "public-read"}, bucket=bucket)
        self.assert_status(200, self.alice.get(bucket, "k", **ANONYMOUS))
        self.assert_status(200, self.alice.put(bucket, None, self.OWNERSHIP, (), acls.ownership(ENFORCED)))
        self.assert_denied(self.alice.get(bucket, "k", **ANONYMOUS))
        self.assertEqual([(self.a, "FULL_CONTROL")], self.grants(bucket, "k"))
        self.assert_status(200, self.alice.put(bucket, None, self.OWNERSHIP, (), acls.ownership(WRITER)))
        self.assert_status(200, self.alice.get(bucket, "k", **ANONYMOUS))

    def test_462_whose_a_new_object_is(self):
        for ownership, headers, owner in (
                (WRITER, {}, self.b), (WRITER, {"x-amz-acl": "bucket-owner-full-control"}, self.b),
                (PREFERRED, {}, self.b), (PREFERRED, {"x-amz-acl": "bucket-owner-full-control"}, self.a)):
            with self.subTest(ownership=ownership, headers=headers):
                bucket = self.open_bucket(ownership)
                self.assert_status(200, self.bob.put(bucket, "put", (), headers, b"x"))
                source = {"x-amz-copy-source": f"{bucket}/put", **headers}
                if owner == self.b:
                    self.assert_status(200, self.bob.put(bucket, "copy", (), source))
                upload = self.bob.post(bucket, "parts", {"uploads": None}, headers).text("UploadId")
                listed = self.alice.get(bucket, None, {"uploads": None})
                self.assertEqual((self.b, owner), (listed.text("Upload/Initiator/ID"), listed.text("Upload/Owner/ID")))
                part = self.bob.put(bucket, "parts", {"partNumber": "1", "uploadId": upload}, (), b"x")
                parts = self.bob.get(bucket, "parts", {"uploadId": upload})
                self.assertEqual((self.b, owner), (parts.text("Initiator/ID"), parts.text("Owner/ID")))
                self.assert_status(200, self.bob.post(bucket, "parts", {"uploadId": upload}, (), (
                    "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
                    f"<ETag>{part.header('etag')}</ETag></Part></CompleteMultipartUpload>")))
                listed = self.alice.get(bucket)
                self.assertEqual({owner}, set(listed.texts("Contents/Owner/ID")))
                reader = self.bob if owner == self.b else self.alice
                for key in listed.texts("Contents/Key"):
                    answer = reader.get(bucket, key, ACL)
                    self.assertEqual(owner, answer.text("Owner/ID"), key)

    def test_463_what_anonymous_writes_is_the_bucket_owners(self):
        bucket = self.open_bucket()
        self.assert_status(200, self.alice.put(bucket, "k", (), (), b"x", **ANONYMOUS))
        self.assert_object("k", b"x", bucket)
        self.assertEqual([(self.a, "FULL_CONTROL")], self.grants(bucket, "k"))
        self.assert_denied(self.alice.get(bucket, "k", **ANONYMOUS))


@needs("settings")
class BucketAcls(AccessCase):
    CANNED = {
        "private": [("owner", "FULL_CONTROL")],
        "public-read": [(ALL_USERS, "READ"), ("owner", "FULL_CONTROL")],
        "public-read-write": [(ALL_USERS, "READ"), (ALL_USERS, "WRITE"), ("owner", "FULL_CONTROL")],
        "authenticated-read": [(AUTHENTICATED_USERS, "READ"), ("owner", "FULL_CONTROL")],
        "aws-exec-read": [("owner", "FULL_CONTROL")],
        "bucket-owner-read": [("owner", "FULL_CONTROL")],
        "bucket-owner-full-control": [("owner", "FULL_CONTROL")],
        "log-delivery-write": [(LOG_DELIVERY, "WRITE"), (LOG_DELIVERY, "READ_ACP"), ("owner", "FULL_CONTROL")],
    }

    def expected(self, canned):
        return [(self.a if who == "owner" else who, permission) for who, permission in self.CANNED[canned]]

    def test_467_canned(self):
        bucket = self.bucket_of()
        for canned in self.CANNED:
            with self.subTest(canned):
                self.assert_status(200, self.put_acl(bucket, headers={"x-amz-acl": canned}))
                self.assertEqual(self.expected(canned), self.grants(bucket))
                self.assertEqual(self.expected(canned), self.grants(self.bucket_of(WRITER, {"x-amz-acl": canned})))

    def test_465_466_document(self):
        answer = self.alice.get(self.bucket_of(WRITER, {"x-amz-grant-read": f"id={self.b}, uri={ALL_USERS}"}), None, ACL)
        self.assert_success_xml(answer, "AccessControlPolicy")
        kinds = [item.get(f"{{{acls.XSI}}}type") for item in answer.xml.findall("AccessControlList/Grant/Grantee")]
        self.assertEqual(["Group", "CanonicalUser"], kinds)
        self.assertTrue(answer.text("Owner/DisplayName"))
        self.assertEqual("bob", answer.xml.findall("AccessControlList/Grant/Grantee")[1].findtext("DisplayName"))

    def test_467_order_of_grants(self):
        bucket = self.bucket_of()
        document = acl(self.a, (self.a, "FULL_CONTROL"), (self.b, "WRITE_ACP"), (ALL_USERS, "WRITE"), (self.b, "READ"),
                       (AUTHENTICATED_USERS, "READ"), (ALL_USERS, "READ"))
        self.assert_status(200, self.put_acl(bucket, document=document))
        self.assertEqual([(ALL_USERS, "READ"), (ALL_USERS, "WRITE"), (AUTHENTICATED_USERS, "READ"),
                          (self.a, "FULL_CONTROL"), (self.b, "READ"), (self.b, "WRITE_ACP")], self.grants(bucket))

    def test_469_unknown_canned(self):
        bucket = self.bucket_of()
        for canned in ("public-ready", "", "Private"):
            self.assert_error(self.put_acl(bucket, headers={"x-amz-acl": canned}), 400, "InvalidArgument",
                              {"ArgumentName": "x-amz-acl", "ArgumentValue": canned})
            self.assert_error(self.alice.put(bucket, "k", (), {"x-amz-acl": canned}, b"x"), 400, "InvalidArgument",
                              {"ArgumentName": "x-amz-acl"})
        self.assert_error(self.alice.put(bucket, "k", (), {"x-amz-acl": "log-delivery-write"}, b"x"), 400, "InvalidArgument")

    def test_470_grant_headers(self):
        fields = {f"x-amz-grant-{name.lower().replace('_', '-')}": f'id="{self.b}"' for name in acls.PERMISSIONS}
        bucket = self.bucket_of(WRITER, fields)
        self.assertEqual([(self.b, permission) for permission in acls.PERMISSIONS], self.grants(bucket))
        self.assert_status(200, self.put_acl(bucket, headers={"x-amz-grant-read": f"id={self.b},uri={ALL_USERS}"}))
        self.assertEqual([(ALL_USERS, "READ"), (self.b, "READ")], self.grants(bucket))

    def test_471_grantees(self):
        bucket = self.bucket_of()
        self.assert_status(200, self.put_acl(bucket, headers={"x-amz-grant-read": 'emailAddress="bob@bale.test"'}))
        self.assertEqual([(self.b, "READ")], self.grants(bucket))
        self.assert_status(200, self.put_acl(bucket, document=acl(self.a, ("bob@bale.test", "WRITE"))))
        self.assertEqual([(self.b, "WRITE")], self.grants(bucket))
        for who, header, code in (("nobody", "id=nobody", "InvalidArgument"),
                                  ("x@bale.test", "emailAddress=x@bale.test", "UnresolvableGrantByEmailAddress"),
                                  ("both@bale.test", "emailAddress=both@bale.test", "AmbiguousGrantByEmailAddress"),
                                  ("http://example.com/all", "uri=http://example.com/all", "InvalidArgument")):
            self.assert_status(400, self.put_acl(bucket, headers={"x-amz-grant-read": header}))
            self.assertEqual(code, self.put_acl(bucket, headers={"x-amz-grant-read": header}).code)
            self.assertEqual(code, self.put_acl(bucket, document=acl(self.a, (who, "READ"))).code)
        self.assertEqual([(self.b, "WRITE")], self.grants(bucket))

    def test_472_one_way_at_a_time(self):
        bucket = self.bucket_of()
        both = {"x-amz-acl": "private", "x-amz-grant-read": f"id={self.b}"}
        self.assert_error(self.put_acl(bucket, headers=both), 400, "InvalidRequest")
        for headers in ({"x-amz-acl": "private"}, {"x-amz-grant-read": f"id={self.b}"}):
            self.assert_error(self.put_acl(bucket, None, acl(self.a), headers), 400, "UnexpectedContent")
        self.assert_error(self.put_acl(bucket), 400, "MissingSecurityHeader", {"MissingHeaderName": "x-amz-acl"})

    def test_473_documents_that_are_refused(self):
        bucket = self.bucket_of()
        inner = acls.grant(self.b, "READ")
        for document in ("<Acl", "<Acl/>", "<AccessControlPolicy/>", acl(""), acl(self.a, (self.b, "read")),
                         f"<AccessControlPolicy><AccessControlList>{inner}</AccessControlList></AccessControlPolicy>",
                         acl(self.a, ("", "READ", "CanonicalUser")), acl(self.a, (self.b, "READ", "Robot")),
                         acl(self.a, *[(self.b, "READ")] * 101)):
            self.assert_error(self.put_acl(bucket, document=document), 400, "MalformedACLError")
        self.assert_error(self.put_acl(bucket, document=acl("nobody")), 400, "InvalidArgument")
        self.assert_denied(self.put_acl(bucket, document=acl(self.b)))
        self.assertEqual([(self.a, "FULL_CONTROL")], self.grants(bucket))
        self.assert_status(200, self.put_acl(bucket, document=acl(self.a, *[(self.b, "READ")] * 100)))

    def test_474_owners_do_not_depend_on_grants(self):
        bucket = self.bucket_of()
        for document in (acl(self.a), acl(self.a, (self.a, "READ"))):
            self.assert_status(200, self.put_acl(bucket, document=document))
            self.put("k", b"x", bucket=bucket)
            self.assert_status(200, self.list(bucket=bucket))
        self.assert_status(200, self.put_acl(bucket, document=acl(self.a)))
        answer = self.alice.get(bucket, None, ACL)
        self.assertIsNotNone(answer.xml.find("AccessControlList"))
        self.assertEqual([], grants_of(answer))

    def test_475_another_account_with_write_acp(self):
        bucket = self.bucket_of(WRITER, {"x-amz-grant-write-acp": f"id={self.b}"})
        self.assert_denied(self.bob.get(bucket, None, ACL))
        answer = self.put_acl(bucket, document=acl(self.a, (self.b, "READ_ACP")), client=self.bob)
        self.assert_status(200, answer)
        self.assertEqual(b"", answer.body)
        self.assertEqual([(self.b, "READ_ACP")], self.grants(bucket, client=self.bob))
        self.assertEqual(self.a, self.bob.get(bucket, None, ACL).text("Owner/ID"))
        self.assert_denied(self.put_acl(bucket, document=acl(self.a), client=self.bob))

    def test_478_479_what_each_permission_gives(self):
        allowed = {"READ": {"list", "list v1", "head", "versions", "uploads"}, "WRITE": {"put", "delete"},
                   "READ_ACP": {"get acl"}, "WRITE_ACP": {"put acl"}}
        allowed["FULL_CONTROL"] = set().union(*allowed.values())
        for permission in acls.PERMISSIONS:
            bucket = self.bucket_of()
            document = acl(self.a, (self.b, permission))
            self.assert_status(200, self.put_acl(bucket, document=document))
            tries = {
                "list": lambda: self.list(bucket=bucket, client=self.bob), "list v1": lambda: self.bob.get(bucket),
                "head": lambda: self.bob.head(bucket), "versions": lambda: self.bob.get(bucket, None, {"versions": None}),
                "uploads": lambda: self.bob.get(bucket, None, {"uploads": None}),
                "put": lambda: self.bob.put(bucket, "k", (), (), b"x"), "delete": lambda: self.bob.delete(bucket, "k"), "get acl": lambda: self.bob.get(bucket, None, ACL),
                "put acl": lambda: self.put_acl(bucket, document=document, client=self.bob),
            }
            for name, attempt in tries.items():
                with self.subTest(permission=permission, name=name):
                    answer = attempt()
                    if name in allowed[permission]:
                        self.assertLess(answer.status, 300, answer)
                    else:
                        self.assert_denied(answer)
            for attempt in (self.bob.get(bucket, None, {"ownershipControls": None}), self.bob.delete(bucket),
                            self.bob.get(bucket, None, {"policy": None})):
                self.assert_denied(attempt)

    def test_480_the_buckets_list_opens_no_object(self):
        bucket = self.open_bucket()
        self.put("k", b"x", bucket=bucket)
        self.assert_denied(self.bob.get(bucket, "k"))
        self.assert_denied(self.alice.get(bucket, "k", **ANONYMOUS))

    def test_481_groups(self):
        bucket = self.bucket_of(WRITER, {"x-amz-acl": "authenticated-read"})
        self.assert_status(200, self.list(bucket=bucket, client=self.bob))
        self.assert_denied(self.alice.get(bucket, **ANONYMOUS))
        self.assert_status(200, self.put_acl(bucket, headers={"x-amz-acl": "public-read"}))
        self.assert_status(200, self.list(bucket=bucket, client=self.bob))
        self.assert_status(200, self.alice.get(bucket, **ANONYMOUS))

    def test_485_a_bucket_begins_with_what_was_asked_for(self):
        name = self.bucket_name()
        self.assert_error(self.alice.put(name, None, (), {"x-amz-object-ownership": WRITER, "x-amz-acl": "public"}), 400,
                          "InvalidArgument")
        self.assertEqual(404, self.alice.head(name).status)
        bucket = self.bucket_of(PREFERRED, {"x-amz-acl": "public-read"})
        self.assert_status(200, self.alice.get(bucket, **ANONYMOUS))

    def test_486_made_again(self):
        bucket = self.bucket_of(WRITER, {"x-amz-acl": "public-read"})
        same = {"x-amz-object-ownership": WRITER, "x-amz-acl": "public-read"}
        self.assert_status(200, self.alice.put(bucket, None, (), same))
        for other in ({}, {"x-amz-object-ownership": WRITER}, {**same, "x-amz-acl": "public-read-write"},
                      {**same, "x-amz-object-ownership": PREFERRED},
                      {**same, "x-amz-bucket-object-lock-enabled": "true"}):
            self.assert_error(self.alice.put(bucket, None, (), other), 409, "BucketAlreadyExists")
        self.assertEqual([(ALL_USERS, "READ"), (self.a, "FULL_CONTROL")], self.grants(bucket))
        self.assert_error(self.bob.put(bucket, None, (), same), 409, "BucketAlreadyExists")


@needs("settings")
class ObjectAcls(AccessCase):
    def test_467_canned(self):
        mine = self.bucket_of()
        theirs = self.open_bucket()
        for canned, grants in BucketAcls.CANNED.items():
            if canned == "log-delivery-write":
                continue
            with self.subTest(canned):
                self.put("k", b"x", {"x-amz-acl": canned}, bucket=mine)
                expected = [(self.a if who == "owner" else who, permission) for who, permission in grants]
                self.assertEqual(expected, self.grants(mine, "k"))
                self.assert_status(200, self.bob.put(theirs, canned, (), {"x-amz-acl": canned}, b"x"))
                expected = [(self.b if who == "owner" else who, permission) for who, permission in grants]
                expected += {"bucket-owner-read": [(self.a, "READ")],
                             "bucket-owner-full-control": [(self.a, "FULL_CONTROL")]}.get(canned, [])
                self.assertEqual(expected, self.grants(theirs, canned, self.bob))

    def test_468_nothing_is_inherited(self):
        bucket = self.bucket_of()
        self.put("k", b"x", {"x-amz-acl": "public-read"}, bucket=bucket)
        self.assert_status(200, self.alice.put(bucket, "copy", (), {"x-amz-copy-source": f"{bucket}/k"}))
        self.put("k", b"y", bucket=bucket)
        for key in ("k", "copy"):
            self.assertEqual([(self.a, "FULL_CONTROL")], self.grants(bucket, key))
            self.assert_denied(self.alice.get(bucket, key, **ANONYMOUS))

    def test_475_477_put_object_acl(self):
        bucket = self.bucket_of()
        self.put("k", b"x", {"x-amz-meta-a": "b", "Content-Type": "text/x"}, bucket=bucket)
        before = self.alice.head(bucket, "k")
        listed = self.list(bucket=bucket).text("Contents/LastModified")
        for document, headers in ((acl(self.a, (self.b, "READ")), ()), (b"", {"x-amz-acl": "public-read"})):
            answer = self.put_acl(bucket, "k", document, headers)
            self.assert_status(200, answer)
            self.assertEqual(b"", answer.body)
            self.assert_status(200, self.bob.get(bucket, "k"))
        after = self.alice.head(bucket, "k")
        for name in ("etag", "last-modified", "content-type", "x-amz-meta-a", "x-amz-version-id"):
            self.assertEqual(before.header(name), after.header(name), name)
        self.assertEqual(listed, self.list(bucket=bucket).text("Contents/LastModified"))
        self.assert_error(self.put_acl(bucket, "missing", headers={"x-amz-acl": "private"}), 404, "NoSuchKey")

    def test_475_a_list_is_for_the_object_that_was_judged(self):
        bucket = self.open_bucket()
        self.put("k", b"of alice", bucket=bucket)
        document = acl(self.a, (self.a, "FULL_CONTROL"), (ALL_USERS, "READ")).encode()
        prepared = self.alice.prepare("PUT", bucket, "k", ACL, {"Expect": "100-continue"}, document)
        with self.alice.connect() as connection:
            connection.send(prepared.head)
            self.assertEqual(100, connection.read_head().status)
            self.assert_status(200, self.bob.put(bucket, "k", (), (), b"of bob"))
            connection.send(prepared.body)
            self.assertIn(connection.read_response().status, (200, 503))  # of an object that has been replaced
        self.assertEqual([(self.b, "FULL_CONTROL")], self.grants(bucket, "k", self.bob))
        self.assert_denied(self.alice.get(bucket, "k"))
        self.assert_denied(self.alice.get(bucket, "k", **ANONYMOUS))

    def test_476_acls_belong_to_versions(self):
        bucket = self.open_bucket()
        versioning = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        self.assert_status(200, self.alice.put(bucket, None, {"versioning": None}, (), versioning))
        first = self.put("k", b"1", {"x-amz-acl": "public-read"}, bucket=bucket).header("x-amz-version-id")
        second = self.put("k", b"2", bucket=bucket).header("x-amz-version-id")
        public, private = [(ALL_USERS, "READ"), (self.a, "FULL_CONTROL")], [(self.a, "FULL_CONTROL")]

        def of(version):
            return {"acl": "", "versionId": version}
        self.assertEqual([public, private, private], [self.grants(bucket, "k", query=of(first)), self.grants(
            bucket, "k", query=of(second)), self.grants(bucket, "k")])
        self.assertEqual(b"1", self.alice.get(bucket, "k", {"versionId": first}, **ANONYMOUS).body)
        self.assert_denied(self.alice.get(bucket, "k", {"versionId": second}, **ANONYMOUS))
        self.assert_denied(self.alice.delete(bucket, "k", {"versionId": first}, **ANONYMOUS))
        answer = self.put_acl(bucket, "k", headers={"x-amz-acl": "private"}, query=of(first))
        self.assert_status(200, answer)
        self.assertEqual(first, answer.header("x-amz-version-id"))
        self.assert_denied(self.alice.get(bucket, "k", {"versionId": first}, **ANONYMOUS))
        answer = self.put_acl(bucket, "k", headers={"x-amz-acl": "public-read"})
        self.assertEqual(second, answer.header("x-amz-version-id"))
        self.assertEqual([private, public], [self.grants(bucket, "k", query=of(first)), self.grants(bucket, "k")])
        self.assertEqual([second, first], self.alice.get(bucket, None, {"versions": None}).texts("Version/VersionId"))
        marker = self.alice.delete(bucket, "k", **ANONYMOUS)
        self.assert_status(204, marker)
        query = of(marker.header("x-amz-version-id"))
        self.assert_error(self.alice.get(bucket, "k", query), 405, "MethodNotAllowed")
        self.assert_error(self.alice.get(bucket, "k", ACL), 404, "NoSuchKey")
        self.assert_error(self.alice.get(bucket, "k", of("a" * 32)), 404, "NoSuchVersion")

    def test_478_what_each_permission_gives(self):
        allowed = {"READ": {"get", "head"}, "WRITE": set(), "READ_ACP": {"get acl"}, "WRITE_ACP": {"put acl"}}
        allowed["FULL_CONTROL"] = set().union(*allowed.values())
        bucket = self.bucket_of()
        for permission in acls.PERMISSIONS:
            document = acl(self.a, (self.b, permission))
            self.put(permission, b"x", bucket=bucket)
            self.assert_status(200, self.put_acl(bucket, permission, document))
            for name, attempt in (("get", lambda: self.bob.get(bucket, permission)), ("head", lambda: self.bob.head(bucket, permission)),
                                  ("get acl", lambda: self.bob.get(bucket, permission, ACL)),
                                  ("put acl", lambda: self.put_acl(bucket, permission, document, client=self.bob)),
                                  ("put", lambda: self.bob.put(bucket, permission, (), (), b"y")),
                                  ("delete", lambda: self.bob.delete(bucket, permission)),
                                  ("tags", lambda: self.bob.get(bucket, permission, {"tagging": None}))):
                with self.subTest(permission=permission, name=name):
                    answer = attempt()
                    if name in allowed[permission]:
                        self.assert_status(200, answer)
                    else:
                        self.assert_denied(answer)

    def test_480_public_read_write_of_an_object_gives_reading_only(self):
        bucket = self.bucket_of()
        self.put("k", b"x", {"x-amz-acl": "public-read-write"}, bucket=bucket)
        self.assert_object("k", b"x", bucket, self.bob)
        self.assert_denied(self.bob.put(bucket, "k", (), (), b"y"))
        self.assert_denied(self.list(bucket=bucket, client=self.bob))

    def test_482_objects_of_others(self):
        bucket = self.open_bucket()
        self.assert_status(200, self.bob.put(bucket, "k", (), (), b"x"))
        for attempt in (self.alice.get(bucket, "k"), self.alice.head(bucket, "k"), self.alice.get(bucket, "k", ACL),
                        self.put_acl(bucket, "k", headers={"x-amz-acl": "private"}),
                        self.alice.get(bucket, "k", {"attributes": None}, {"x-amz-object-attributes": "ETag"})):
            self.assert_denied(attempt)
        self.assertEqual(["k"], self.list(bucket=bucket).texts("Contents/Key"))
        self.assert_status(200, self.alice.get(bucket, "k", {"tagging": None}))
        self.assert_status(200, self.put_acl(bucket, headers={"x-amz-acl": "private"}))
        self.assert_object("k", b"x", bucket, self.bob)
        self.assertEqual([(self.b, "FULL_CONTROL")], self.grants(bucket, "k", self.bob))
        self.assert_status(200, self.put_acl(bucket, "k", headers={"x-amz-acl": "bucket-owner-full-control"}, client=self.bob))
        self.assert_object("k", b"x", bucket)
        self.assert_status(204, self.alice.delete(bucket, "k"))

    def test_483_copies(self):
        bucket = self.open_bucket()
        self.put("private", b"x", bucket=bucket)
        self.put("public", b"y", {"x-amz-acl": "public-read"}, bucket=bucket)
        own = self.bucket_of(client=self.bob)
        self.assert_denied(self.bob.put(own, "k", (), {"x-amz-copy-source": f"{bucket}/private"}))
        for directive in ("COPY", "REPLACE"):
            self.assert_status(200, self.bob.put(own, directive, (), {
                "x-amz-copy-source": f"{bucket}/public", "x-amz-metadata-directive": directive, "x-amz-acl": "public-read"}))
            self.assertEqual([(ALL_USERS, "READ"), (self.b, "FULL_CONTROL")], self.grants(own, directive, self.bob))
        closed = self.bucket_of()
        self.assert_denied(self.bob.put(closed, "k", (), {"x-amz-copy-source": f"{own}/COPY"}))

    def test_484_presigned_with_an_acl(self):
        bucket = self.bucket_of()
        headers = {"x-amz-acl": "public-read"}
        self.assert_status(200, self.alice.put(bucket, "k", (), headers, b"x", auth="presigned"))
        self.assert_status(200, self.alice.get(bucket, "k", **ANONYMOUS))
        prepared = self.alice.prepare("PUT", bucket, "l", (), headers, b"x", auth="presigned")
        self.assert_status(403, self.alice.send(prepared.set("x-amz-acl", None)))

    def test_540_uploads_are_their_initiators_and_the_bucket_owners(self):
        bucket = self.open_bucket()
        upload = self.alice.post(bucket, "k", {"uploads": None}).text("UploadId")
        self.assert_denied(self.bob.put(bucket, "k", {"partNumber": "1", "uploadId": upload}, (), b"x"))
        self.assert_denied(self.bob.get(bucket, "k", {"uploadId": upload}))
        self.assert_denied(self.bob.delete(bucket, "k", {"uploadId": upload}))
        theirs = self.bob.post(bucket, "k", {"uploads": None}).text("UploadId")
        self.assert_status(204, self.alice.delete(bucket, "k", {"uploadId": theirs}))


class Defaults(AccessCase):
    """A server of its own, with other defaults."""

    def start(self, *options):
        if not self.baled:
            self.skipTest("the server's program is not known")
        daemon = Daemon(os.path.abspath(self.baled), options)
        self.addCleanup(daemon.remove)
        self.server = daemon.start()
        super().setUp()

    def test_457_default_ownership(self):
        for option, status in ((WRITER, 404), (PREFERRED, 200)):
            self.start("--default-ownership", option)
            bucket = self.make_bucket()
            answer = self.alice.get(bucket, None, {"ownershipControls": None})
            self.assert_status(status, answer)
            if status == 200:
                self.assertEqual(option, answer.text("Rule/ObjectOwnership"))
            self.assert_status(200, self.put_acl(bucket, headers={"x-amz-acl": "public-read"}))

    def test_497_default_public_access_block(self):
        self.start("--default-public-access-block", "on", "--default-ownership", WRITER)
        bucket = self.make_bucket()
        answer = self.alice.get(bucket, None, {"publicAccessBlock": None})
        self.assertEqual(["true"] * 4, [answer.text(name) for name in acls.BLOCK])
        self.assert_error(self.alice.put(self.bucket_name(), None, (), {"x-amz-acl": "public-read"}), 400,
                          "InvalidBucketAclWithBlockPublicAccessError")
