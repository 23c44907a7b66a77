"""tests/s3/statements/test_aa_versions.py -- section AA: versions, delete markers, and lists of both."""

import concurrent.futures
import threading

import checksums
from case import S3Case, needs

VERSIONING = "<VersioningConfiguration><Status>%s</Status>%s</VersioningConfiguration>"
UNKNOWN = "01G65Z755AFWAKHE12NY0CQ9FH"  # well-formed, and never given out


@needs("versions")
class Versions(S3Case):
    def set_versioning(self, status, bucket=None, extra=""):
        response = self.alice.put(bucket or self.bucket, None, {"versioning": None}, (), (VERSIONING % (status, extra)).encode())
        self.assert_status(200, response)
        return response

    def enable(self):
        self.set_versioning("Enabled")

    def version_of(self, response):
        return response.header("x-amz-version-id")

    def put_version(self, key, body, headers=()):
        version = self.version_of(self.put(key, body, headers))
        self.assertRegex(version or "", r"^[A-Za-z0-9._-]{1,64}$", "statement 403")
        self.assertNotEqual("null", version)
        return version

    def delete(self, key, version=None, headers=()):
        query = {} if version is None else {"versionId": version}
        return self.alice.delete(self.bucket, key, query, headers)

    def get_version(self, key, version):
        return self.get(key, {"versionId": version})

    def versions(self, *query):
        return self.assert_success_xml(self.alice.get(self.bucket, None, [("versions", None), *query]), "ListVersionsResult")

    def listed(self, *query):
        """(key, version, is a marker, is latest) as listed."""
        return [(entry.findtext("Key"), entry.findtext("VersionId"), entry.tag == "DeleteMarker", entry.findtext("IsLatest") == "true")
                for entry in self.versions(*query).xml if entry.tag in ("Version", "DeleteMarker")]

    def keys(self):
        first = self.list().texts("Contents/Key")
        self.assertEqual(first, self.list_v1().texts("Contents/Key"))
        return first

    # ---- the state of a bucket ----

    def test_400_401_states(self):
        for status, extra in (("", ""), ("enabled", ""), ("Off", ""), ("Enabled", "<MfaDelete>maybe</MfaDelete>")):
            document = (VERSIONING % (status, extra)).encode()
            self.assert_error(self.alice.put(self.bucket, None, {"versioning": None}, (), document), 400, "MalformedXML")
        self.assert_error(self.alice.put(self.bucket, None, {"versioning": None}, (), b"<VersioningConfiguration/>"), 400, "MalformedXML")
        self.assert_error(self.alice.put(self.bucket, None, {"versioning": None}, (), b"<Versions><Status>Enabled</Status></Versions>"),
                          400, "MalformedXML")
        answer = self.alice.put(self.bucket, None, {"versioning": None}, (),
                                (VERSIONING % ("Enabled", "<MfaDelete>Enabled</MfaDelete>")).encode())
        self.assertEqual((501, "NotImplemented"), (answer.status, answer.code), answer)
        self.assertIsNone(self.list_v1(("versioning", None)).text("Status"))
        for status in ("Suspended", "Suspended", "Enabled", "Enabled", "Suspended"):
            self.assertEqual(b"", self.set_versioning(status, extra="<MfaDelete>Disabled</MfaDelete>").body)
            page = self.assert_success_xml(self.list_v1(("versioning", None)), "VersioningConfiguration")
            self.assertEqual((status, None), (page.text("Status"), page.text("MfaDelete")))

    # ---- writing ----

    def test_404_405_407_a_version_for_each_write(self):
        self.assertIsNone(self.version_of(self.put("k", b"first")))
        self.assertIsNone(self.version_of(self.get("k")))
        self.assertEqual(b"first", self.get_version("k", "null").body)
        self.enable()
        self.assertEqual("null", self.version_of(self.get("k")))
        second, third = self.put_version("k", b"second"), self.put_version("k", b"third")
        self.assertNotEqual(second, third)
        for version, body in (("null", b"first"), (second, b"second"), (third, b"third")):
            answer = self.get_version("k", version)
            self.assertEqual((200, body, version), (answer.status, answer.body, self.version_of(answer)))
            answer = self.head("k", {"versionId": version})
            self.assertEqual((200, str(len(body)), version), (answer.status, answer.header("content-length"), self.version_of(answer)))
        self.assertEqual([("k", third, False, True), ("k", second, False, False), ("k", "null", False, False)], self.listed())
        self.assert_status(204, self.delete("k", third))
        self.assert_status(204, self.delete("k", second))
        self.assertEqual((b"first", "null"), (self.get("k").body, self.version_of(self.get("k"))))
        self.assertEqual("null", self.version_of(self.delete("k", "null")))
        self.assert_absent("k")
        self.assertEqual([], self.listed())

    def test_408_409_suspended(self):
        self.enable()
        kept = self.put_version("k", b"kept")
        self.set_versioning("Suspended")
        for body in (b"one", b"two"):
            self.assertIsNone(self.version_of(self.put("k", body)))
        self.assertEqual([("k", "null", False, True), ("k", kept, False, False)], self.listed())
        self.assertEqual((b"two", "null"), (self.get("k").body, self.version_of(self.get("k"))))
        for _ in range(2):
            answer = self.delete("k")
            self.assertEqual(("true", "null"), (answer.header("x-amz-delete-marker"), self.version_of(answer)))
            self.assertEqual([("k", "null", True, True), ("k", kept, False, False)], self.listed())
        self.put("k", b"three")
        self.assertEqual([("k", "null", False, True), ("k", kept, False, False)], self.listed(("prefix", "k")))
        self.enable()
        newer = self.put_version("k", b"newer")
        self.set_versioning("Suspended")
        self.put("k", b"four")
        self.assertEqual([("k", "null", False, True), ("k", newer, False, False), ("k", kept, False, False)], self.listed(("prefix", "k")))
        self.assertEqual(b"kept", self.get_version("k", kept).body)

    # ---- deleting ----

    @needs("markers of nothing")
    def test_409_suspended_and_never_there(self):
        self.set_versioning("Suspended")
        for _ in range(2):
            self.assertEqual("null", self.version_of(self.delete("never")))
        self.assertEqual([("never", "null", True, True)], self.listed())

    @needs("markers of nothing")
    def test_410_411_413_markers(self):
        self.enable()
        first = self.put_version("k", b"first")
        markers = []
        for _ in range(3):
            answer = self.delete("k")
            self.assertEqual((204, b"", "true"), (answer.status, answer.body, answer.header("x-amz-delete-marker")))
            markers.append(self.version_of(answer))
        self.assertEqual(3, len(set(markers)))
        self.assertEqual("true", self.delete("never").header("x-amz-delete-marker"))
        self.assertEqual([], self.keys())
        self.assertEqual([("k", markers[2], True, True), ("k", markers[1], True, False), ("k", markers[0], True, False),
                          ("k", first, False, False)], self.listed(("prefix", "k")))
        second = self.put_version("k", b"second")
        self.assertEqual(["k"], self.keys())
        answer = self.delete("k", second)
        self.assertEqual((second, None), (self.version_of(answer), answer.header("x-amz-delete-marker")))
        self.assert_error(self.get("k"), 404, "NoSuchKey")
        for marker in reversed(markers):
            answer = self.delete("k", marker)
            self.assertEqual((marker, "true"), (self.version_of(answer), answer.header("x-amz-delete-marker")))
        self.assertEqual((b"first", first), (self.get("k").body, self.version_of(self.get("k"))))
        self.assertEqual(["k"], self.keys())
        self.delete("k", first)
        self.assertEqual([], self.listed(("prefix", "k")))

    def test_412_406_ids_that_are_not_there(self):
        self.put("k", b"body")
        for state in (None, "Enabled"):
            if state:
                self.set_versioning(state)
            self.assertEqual((204, UNKNOWN), (self.delete("k", UNKNOWN).status, self.version_of(self.delete("k", UNKNOWN))))
            self.assertEqual(204, self.delete("k", "null" if state is None else UNKNOWN).status)
            self.put("k", b"body")
            self.assert_error(self.get_version("k", UNKNOWN), 404, "NoSuchVersion")
            self.assert_error(self.get("k", {"versionId": UNKNOWN, "tagging": None}), 404, "NoSuchVersion")
            self.assert_error(self.get("k", {"versionId": UNKNOWN, "acl": None}), 404, "NoSuchVersion")
            for wrong in ("", "not-a-version", "x" * 65, "a b" * 9, "a+b=" * 8, "\u00e9" * 20):
                self.assert_error(self.get_version("k", wrong), 400, "InvalidArgument", {"ArgumentName": "versionId"})
                self.assert_error(self.delete("k", wrong), 400, "InvalidArgument", {"ArgumentName": "versionId"})
                self.assertEqual(400, self.head("k", {"versionId": wrong}).status)
        self.assertEqual(b"body", self.get("k").body)

    def test_412_writes_take_no_version(self):
        self.enable()
        version = self.put_version("k", b"body")
        source = {"x-amz-copy-source": f"{self.bucket}/k"}
        for method, query, headers in (("PUT", {}, ()), ("PUT", {}, source), ("POST", {"uploads": None}, ()),
                                       ("PUT", {"partNumber": "1", "uploadId": "x"}, ()), ("POST", {"uploadId": "x"}, ())):
            for wrong in (version, "null", ""):
                answer = self.alice.request(method, self.bucket, "k", {**query, "versionId": wrong}, headers)
                self.assert_error(answer, 400, "InvalidArgument", {"ArgumentName": "versionId"})
        self.assertEqual([("k", version, False, True)], self.listed())

    def test_414_415_reads_of_markers(self):
        self.enable()
        for answer in (self.get("none"), self.head("none")):
            self.assertEqual((404, "false", None), (answer.status, answer.header("x-amz-delete-marker"), self.version_of(answer)))
        self.put_version("k", b"body")
        marker = self.version_of(self.delete("k"))
        for query in ({}, {"tagging": None}, {"acl": None}):
            answer = self.assert_error(self.get("k", query), 404, "NoSuchKey")
            self.assertEqual(("true", marker), (answer.header("x-amz-delete-marker"), self.version_of(answer)))
        answer = self.head("k")
        self.assertEqual((404, "true", marker), (answer.status, answer.header("x-amz-delete-marker"), self.version_of(answer)))
        for query in ({}, {"tagging": None}, {"acl": None}):
            answer = self.assert_error(self.get("k", {"versionId": marker, **query}), 405, "MethodNotAllowed")
            self.assertEqual(("DELETE", "true"), (answer.header("allow"), answer.header("x-amz-delete-marker")))
            self.assertTrue(answer.header("last-modified"))
        answer = self.head("k", {"versionId": marker})
        self.assertEqual((405, "DELETE", "true"), (answer.status, answer.header("allow"), answer.header("x-amz-delete-marker")))
        answer = self.alice.get(self.bucket, "k", {"attributes": None, "versionId": marker}, {"x-amz-object-attributes": "ETag"})
        self.assert_error(answer, 405, "MethodNotAllowed")

    @needs("kinds of what was deleted by id")
    def test_416_417_delete_objects(self):
        self.enable()
        first, second = self.put_version("k", b"1"), self.put_version("k", b"2")
        answer = self.alice.delete_objects(self.bucket, "<Delete><Object><Key>k</Key></Object></Delete>")
        deleted = self.assert_success_xml(answer, "DeleteResult").xml.find("Deleted")
        marker = deleted.findtext("DeleteMarkerVersionId")
        self.assertEqual(("k", None, "true"), tuple(deleted.findtext(name) for name in ("Key", "VersionId", "DeleteMarker")))
        self.assertEqual(marker, self.listed()[0][1])
        document = "<Delete>" + "".join(f"<Object><Key>k</Key><VersionId>{version}</VersionId></Object>"
                                        for version in (first, marker, UNKNOWN, second)) + "</Delete>"
        for _ in range(2):
            answer = self.assert_success_xml(self.alice.delete_objects(self.bucket, document), "DeleteResult")
            self.assertEqual([first, marker, UNKNOWN, second], answer.texts("Deleted/VersionId"))
            self.assertEqual([], answer.texts("Error/Code"))
            self.assertEqual([] if _ else [marker], answer.texts("Deleted/DeleteMarkerVersionId"))
        self.assertEqual([], self.listed())

    def test_412_an_empty_version_in_a_list_removes_nothing(self):
        self.set_versioning("Suspended")
        self.put("k", b"null")
        document = "<Delete><Object><Key>k</Key><VersionId></VersionId></Object><Object><Key>k</Key><VersionId>bad</VersionId></Object></Delete>"
        answer = self.assert_success_xml(self.alice.delete_objects(self.bucket, document), "DeleteResult")
        self.assertEqual((["InvalidArgument"] * 2, []), (answer.texts("Error/Code"), answer.texts("Deleted/Key")))
        self.assertEqual([("k", "null", False, True)], self.listed())

    def test_417_five_clients_with_one_list(self):
        self.enable()
        document = "<Delete>" + "".join(f"<Object><Key>k{number % 3}</Key><VersionId>{self.put_version(f'k{number % 3}', b'x')}</VersionId></Object>"
                                        for number in range(30)) + "</Delete>"
        with concurrent.futures.ThreadPoolExecutor(5) as pool:
            for answer in pool.map(lambda _: self.alice.delete_objects(self.bucket, document), range(5)):
                self.assertEqual((30, []), (len(answer.texts("Deleted/Key")), answer.texts("Error/Code")))
        self.assertEqual([], self.listed())

    # ---- conditions ----

    def test_418_419_420_conditions(self):
        self.enable()
        etag = {version: checksums.etag(body) for version, body in ((1, b"1"), (2, b"2"))}
        first = self.put_version("k", b"1")
        self.assert_error(self.alice.put(self.bucket, "k", (), {"if-match": etag[2]}, b"x"), 412, "PreconditionFailed")
        second = self.put_version("k", b"2", {"if-match": etag[1]})
        self.assert_error(self.alice.put(self.bucket, "k", (), {"if-match": etag[1]}, b"x"), 412, "PreconditionFailed")
        self.assert_error(self.delete("k", first, {"if-match": etag[2]}), 412, "PreconditionFailed")
        self.assert_status(204, self.delete("k", UNKNOWN, {"if-match": etag[2]}))
        self.assert_status(204, self.delete("k", first, {"if-match": etag[1]}))
        self.assert_error(self.delete("k", None, {"if-match": etag[1]}), 412, "PreconditionFailed")
        self.assertEqual("true", self.delete("k", None, {"if-match": etag[2]}).header("x-amz-delete-marker"))
        self.assert_error(self.alice.put(self.bucket, "k", (), {"if-match": "*"}, b"x"), 404, "NoSuchKey")
        self.assertEqual(2, len(self.listed()))
        self.assert_error(self.delete("k", None, {"if-match": etag[2]}), 412, "PreconditionFailed")
        self.assert_error(self.delete("k", None, {"x-amz-if-match-size": "1"}), 412, "PreconditionFailed")
        self.assertEqual("true", self.delete("k", None, {"if-match": "*"}).header("x-amz-delete-marker"))
        self.assertEqual(3, len(self.listed()))
        answer = self.delete("none", None, {"if-match": "*"})
        self.assertEqual((204, None), (answer.status, answer.header("x-amz-delete-marker")))
        self.assertEqual([], self.listed(("prefix", "none")))
        self.put_version("k", b"3", {"if-none-match": "*"})
        self.assertEqual(b"2", self.get_version("k", second).body)
        document = f"<Delete><Object><Key>k</Key><VersionId>{second}</VersionId><ETag>{etag[1]}</ETag></Object></Delete>"
        self.assertEqual(["PreconditionFailed"], self.alice.delete_objects(self.bucket, document).texts("Error/Code"))

    # ---- copies and uploads ----

    def copy(self, source, key, headers=()):
        return self.alice.put(self.bucket, key, (), {"x-amz-copy-source": f"{self.bucket}/{source}", **dict(headers)})

    def test_421_422_423_copies(self):
        self.enable()
        first = self.put_version("k", b"first", {"x-amz-meta-a": "1"})
        second = self.put_version("k", b"second")
        answer = self.copy(f"k?versionId={first}", "copy")
        self.assert_status(200, answer)
        self.assertEqual(first, answer.header("x-amz-copy-source-version-id"))
        self.assertEqual(self.version_of(answer), self.version_of(self.get("copy")))
        self.assertEqual((b"first", "1"), (self.get("copy").body, self.get("copy").header("x-amz-meta-a")))
        self.assertEqual(second, self.copy("k", "copy").header("x-amz-copy-source-version-id"))
        self.assert_error(self.copy("k", "k"), 400, "InvalidRequest")
        self.assert_error(self.copy(f"k?versionId={second}", "k"), 400, "InvalidRequest")
        self.assert_status(200, self.copy(f"k?versionId={first}", "k"))
        self.assertEqual(b"first", self.get("k").body)
        self.assertEqual(3, len(self.listed(("prefix", "k"))))
        self.assert_error(self.copy(f"k?versionId={UNKNOWN}", "x"), 404, "NoSuchVersion")
        self.assert_error(self.copy("k?versionId=bad", "x"), 400, "InvalidArgument")
        marker = self.version_of(self.delete("k"))
        self.assert_error(self.copy("k", "x"), 404, "NoSuchKey")
        self.assert_error(self.copy(f"k?versionId={marker}", "x"), 400, "InvalidRequest")
        self.put("q?versionId=x", b"odd name")
        self.assert_status(200, self.copy("q%3FversionId=x", "y"))
        self.assertEqual(b"odd name", self.get("y").body)

    def test_425_uploads(self):
        self.enable()
        self.put_version("k", b"before")
        upload = self.alice.post(self.bucket, "k", {"uploads": None}).text("UploadId")
        etag = self.alice.put(self.bucket, "k", {"partNumber": "1", "uploadId": upload}, (), b"part").header("etag")
        document = f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>".encode()
        version = self.version_of(self.alice.post(self.bucket, "k", {"uploadId": upload}, (), document))
        self.assertEqual((b"part", version), (self.get("k").body, self.version_of(self.get("k"))))
        newer = self.put_version("k", b"newer")
        self.assertEqual(version, self.version_of(self.alice.post(self.bucket, "k", {"uploadId": upload}, (), document)))
        self.assertEqual([newer, version], [entry[1] for entry in self.listed()][:2])
        self.assertEqual(b"part", self.get("k", {"versionId": version, "partNumber": "1"}).body)

    # ---- lists ----

    def test_426_what_a_list_says(self):
        self.enable()
        version = self.put_version("a/k", b"body")
        self.put_version("m", b"behind the marker")
        marker = self.version_of(self.delete("m"))
        page = self.versions()
        entry = page.xml.find("Version")
        head = self.head("a/k")
        self.assertEqual((head.header("etag"), "4", "STANDARD", version, "true", self.alice.account.id),
                         tuple(entry.findtext(name) for name in ("ETag", "Size", "StorageClass", "VersionId", "IsLatest", "Owner/ID")))
        gone = page.xml.find("DeleteMarker")
        self.assertEqual(("m", marker, "true", self.alice.account.id),
                         tuple(gone.findtext(name) for name in ("Key", "VersionId", "IsLatest", "Owner/ID")))
        self.assertIsNone(gone.find("Size"))
        page = self.versions(("delimiter", "/"))
        self.assertEqual((["a/"], ["m"]), (page.texts("CommonPrefixes/Prefix"), page.texts("Version/Key")))

    def version_of_marker(self, page):
        """Behind some servers a marker says when its version was made, as well."""
        marker = page.text("NextVersionIdMarker")
        return marker.partition(".")[0] if "plain markers of versions" in self.server.lacks else marker

    def pages(self, size, after_page=lambda page: None):
        entries, query = [], []
        while True:
            page = self.versions(("max-keys", str(size)), *query)
            found = [(entry.findtext("Key"), entry.findtext("VersionId")) for entry in page.xml if entry.tag in ("Version", "DeleteMarker")]
            self.assertLessEqual(len(found) + len(page.texts("CommonPrefixes/Prefix")), size)
            entries += found
            if page.text("IsTruncated") != "true":
                return entries
            self.assertEqual(found[-1], (page.text("NextKeyMarker"), self.version_of_marker(page)))
            query = [("key-marker", page.text("NextKeyMarker")), ("version-id-marker", page.text("NextVersionIdMarker"))]
            after_page(found)

    def fill(self):
        self.put("b", b"0")
        self.enable()
        for number in range(7):
            for key in ("a", "b", "c/1", "c/2"):
                self.put_version(key, str(number).encode()) if number != 3 else self.delete(key)
        return [entry[:2] for entry in self.listed()]

    def test_427_428_pages(self):
        everything = self.fill()
        self.assertEqual(29, len(everything))
        for size in (1, 2, 5, 28, 29):
            self.assertEqual(everything, self.pages(size))
        self.assertEqual([entry for entry in everything if entry[0] > "a"], [entry[:2] for entry in self.listed(("key-marker", "a"))])
        page = self.versions(("delimiter", "/"), ("max-keys", "16"))
        self.assertEqual(("c/", None, "true"), (page.text("NextKeyMarker"), page.text("NextVersionIdMarker"), page.text("IsTruncated")) if
                         page.text("IsTruncated") == "true" else ("c/", None, "true"))
        self.assertEqual(["c/"], page.texts("CommonPrefixes/Prefix"))
        for key, version in everything:
            self.assertEqual(everything[everything.index((key, version)) + 1:][:1],
                             [entry[:2] for entry in self.listed(("key-marker", key), ("version-id-marker", version), ("max-keys", "1"))])

    def test_428_pages_that_are_deleted_as_they_come(self):
        everything = self.fill()

        def delete(found):
            for key, version in found:
                self.assert_status(204, self.delete(key, version))
        self.assertEqual(everything, self.pages(3, delete))

    def test_429_version_id_markers(self):
        self.enable()
        for query in ([("version-id-marker", UNKNOWN)], [("key-marker", "k"), ("version-id-marker", "")],
                      [("key-marker", "k"), ("version-id-marker", "bad")]):
            self.assert_error(self.alice.get(self.bucket, None, [("versions", None), *query]), 400, "InvalidArgument")

    def test_430_plain_lists_behind_markers(self):
        self.enable()
        for number in range(40):
            self.put(f"k{number:02}", b"x")
        for number in range(35):
            self.delete(f"k{number:02}")
        for page in (self.list(("max-keys", "3")), self.list_v1(("max-keys", "3"))):
            self.assertEqual(["k35", "k36", "k37"], page.texts("Contents/Key"))

    def test_431_punctuation(self):
        self.enable()
        for key in ("-", "_", " ", "/", "//", ".", "..x", "!", "~k", " k", "'k"):
            version = self.put_version(key, key.encode())
            self.assertEqual(key.encode(), self.get_version(key, version).body)
            self.delete(key)
            self.assertEqual(2, len([entry for entry in self.listed(("prefix", key)) if entry[0] == key]), key)

    def test_432_deleting_the_bucket(self):
        self.enable()
        version = self.put_version("k", b"x")
        marker = self.version_of(self.delete("k"))
        self.assert_error(self.alice.delete(self.bucket), 409, "BucketNotEmpty", message="version")
        self.delete("k", version)
        self.assert_error(self.alice.delete(self.bucket), 409, "BucketNotEmpty", message="version")
        self.delete("k", marker)
        self.assert_status(204, self.alice.delete(self.bucket))

    def test_433_405_what_stands_beside_a_version(self):
        self.enable()
        first = self.put_version("k", b"0123456789", {"x-amz-tagging": "a=1"})
        second = self.put_version("k", b"x")
        answer = self.get("k", {"versionId": first}, {"range": "bytes=2-4"})
        self.assertEqual((206, b"234", first), (answer.status, answer.body, self.version_of(answer)))
        self.assertEqual(304, self.get("k", {"versionId": first}, {"if-none-match": checksums.etag(b"0123456789")}).status)
        answer = self.alice.get(self.bucket, "k", {"attributes": None, "versionId": first}, {"x-amz-object-attributes": "ObjectSize"})
        self.assertEqual(("10", first), (answer.text("ObjectSize"), self.version_of(answer)))
        answer = self.get("k", {"tagging": None, "versionId": first})
        self.assertEqual((["1"], first), (answer.texts("TagSet/Tag/Value"), self.version_of(answer)))
        tags = b"<Tagging><TagSet><Tag><Key>b</Key><Value>2</Value></Tag></TagSet></Tagging>"
        answer = self.alice.put(self.bucket, "k", {"tagging": None, "versionId": first}, {"content-md5": checksums.md5_base64(tags)}, tags)
        self.assertEqual((200, first), (answer.status, self.version_of(answer)))
        self.assertEqual(["2"], self.get("k", {"tagging": None, "versionId": first}).texts("TagSet/Tag/Value"))
        self.assertEqual(([], second), (self.get("k", {"tagging": None}).texts("TagSet/Tag/Value"), self.version_of(self.get("k", {"tagging": None}))))
        self.assertEqual([second, first], [entry[1] for entry in self.listed()])

    # ---- many at once ----

    def test_424_402_many_writers(self):
        self.enable()
        versions, lock = {}, threading.Lock()

        def write(number):
            body = f"{number}".encode()
            version = self.version_of(self.alice.put(self.bucket, "k", (), (), body))
            with lock:
                versions[version] = body
            if number % 3 == 0:
                self.assertEqual(204, self.delete("k", version).status)
                with lock:
                    del versions[version]
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            list(pool.map(write, range(64)))
        entries = self.listed()
        self.assertEqual(set(versions), {entry[1] for entry in entries})
        self.assertEqual([True] + [False] * (len(entries) - 1), [entry[3] for entry in entries])
        for _, version, _, _ in entries:
            self.assertEqual(versions[version], self.get_version("k", version).body)
