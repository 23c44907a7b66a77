"""tests/s3/statements/test_p_list_versions.py -- section P: ListObjectVersions, on buckets that were never versioned."""

from urllib.parse import unquote

from case import S3Case, needs


class ListVersions(S3Case):
    def versions(self, *query):
        return self.alice.get(self.bucket, None, [("versions", None), *query])

    @needs("keys beneath keys")
    def test_252_253_every_object_is_its_only_version(self):
        for key in ("b", "a", "a/b", "ü"):
            self.put(key, key.encode())
            self.put(key, key.encode() * 2)
        page = self.assert_success_xml(self.versions(), "ListVersionsResult")
        self.assertEqual(["a", "a/b", "b", "ü"], page.texts("Version/Key"))
        for entry in page.xml.findall("Version"):
            self.assertEqual(("null", "true"), (entry.findtext("VersionId"), entry.findtext("IsLatest")))
            self.assertEqual(self.head(entry.findtext("Key")).header("etag"), entry.findtext("ETag"))
            self.assertEqual(str(2 * len(entry.findtext("Key").encode())), entry.findtext("Size"))
            self.assertEqual(self.alice.account.id, entry.findtext("Owner/ID"))
        self.assertEqual([], page.texts("DeleteMarker/Key"))
        self.alice.delete(self.bucket, "a")
        self.assertEqual(["a/b", "b", "ü"], self.versions().texts("Version/Key"))

    def test_254_version_id_marker_alone(self):
        self.assert_error(self.versions(("version-id-marker", "null")), 400, "InvalidArgument")

    def test_255_pages(self):
        keys = [f"k{number}" for number in range(5)]
        for key in keys:
            self.put(key, b"x")
        seen, query, pages = [], [], 0
        while True:
            page = self.versions(("max-keys", "2"), *query)
            seen += page.texts("Version/Key")
            pages += 1
            if page.text("IsTruncated") != "true":
                self.assertIsNone(page.text("NextKeyMarker"))
                break
            self.assertEqual((seen[-1], "null"), (page.text("NextKeyMarker"), page.text("NextVersionIdMarker")))
            query = [("key-marker", page.text("NextKeyMarker")), ("version-id-marker", page.text("NextVersionIdMarker"))]
        self.assertEqual((keys, 3), (seen, pages))
        page = self.versions(("key-marker", "k1"))
        self.assertEqual((["k2", "k3", "k4"], "k1"), (page.texts("Version/Key"), page.text("KeyMarker")))

    def test_256_delimiter_prefix_encoding_max_keys(self):
        for key in ("a/1", "a/2", "b c+", "d"):
            self.put(key, b"x")
        page = self.versions(("delimiter", "/"))
        self.assertEqual((["b c+", "d"], ["a/"]), (page.texts("Version/Key"), page.texts("CommonPrefixes/Prefix")))
        page = self.versions(("delimiter", "/"), ("prefix", "a/"))
        self.assertEqual((["a/1", "a/2"], "a/", "/"), (page.texts("Version/Key"), page.text("Prefix"), page.text("Delimiter")))
        page = self.versions(("encoding-type", "url"), ("prefix", "b "))
        self.assertEqual((["b%20c%2B"], "b%20", "url"), (page.texts("Version/Key"), page.text("Prefix"), page.text("EncodingType")))
        page = self.versions(("max-keys", "0"))
        self.assertEqual(([], "false"), (page.texts("Version/Key"), page.text("IsTruncated")))
        page = self.versions(("delimiter", "/"), ("max-keys", "1"))
        self.assertEqual((["a/"], "true", "a/"), (page.texts("CommonPrefixes/Prefix"), page.text("IsTruncated"),
                                                  unquote(page.text("NextKeyMarker"))))
        page = self.versions(("delimiter", "/"), ("key-marker", "a/"))
        self.assertEqual(([], ["b c+", "d"]), (page.texts("CommonPrefixes/Prefix"), page.texts("Version/Key")))
        self.assert_error(self.versions(("encoding-type", "x")), 400, "InvalidArgument")
        self.assertEqual("1000", self.versions().text("MaxKeys"))

    def test_257_versions_on_a_key(self):
        self.put("k", b"x")
        self.assert_error(self.get("k", {"versions": None}), 400, "InvalidRequest")
