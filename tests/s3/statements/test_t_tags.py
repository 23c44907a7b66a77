"""tests/s3/statements/test_t_tags.py -- section T: tags of objects, and statements 139 and 148."""

from urllib.parse import urlencode
from xml.sax.saxutils import escape

import checksums
from multipart import MultipartCase


def tagging(*pairs):
    tags = "".join(f"<Tag><Key>{escape(key)}</Key><Value>{escape(value)}</Value></Tag>" for key, value in pairs)
    return f"<Tagging><TagSet>{tags}</TagSet></Tagging>"


class Tags(MultipartCase):
    def put_tags(self, document, key="k", headers=None):
        body = document.encode()
        headers = {"Content-MD5": checksums.md5_base64(body)} if headers is None else headers
        return self.alice.put(self.bucket, key, {"tagging": None}, headers, body)

    def tags(self, key="k"):
        answer = self.assert_success_xml(self.get(key, {"tagging": None}), "Tagging")
        return list(zip(answer.texts("TagSet/Tag/Key"), answer.texts("TagSet/Tag/Value")))

    def test_302_put_get_delete(self):
        self.put("k", b"x")
        self.assertEqual([], self.tags())
        want = [("a", "1"), ("emp ty", ""), ("ü/+-=._:@", "ß 1"), ("Case", "x"), ("case", "y")]
        self.assert_status(200, self.put_tags(tagging(*want)))
        self.assertEqual(sorted(want), sorted(self.tags()))
        self.assertEqual("5", self.head("k").header("x-amz-tagging-count"))  # 148
        self.assertEqual("5", self.get("k").header("x-amz-tagging-count"))
        self.assert_status(200, self.put_tags(tagging(("other", "one"))))
        self.assertEqual([("other", "one")], self.tags())
        answer = self.alice.delete(self.bucket, "k", {"tagging": None})
        self.assert_status(204, answer)
        self.assertEqual([], self.tags())
        self.assertIsNone(self.head("k").header("x-amz-tagging-count"))
        self.assert_object("k", b"x")

    def test_302_missing_objects(self):
        self.assert_error(self.get("missing", {"tagging": None}), 404, "NoSuchKey")
        self.assert_error(self.put_tags(tagging(("a", "b")), "missing"), 404, "NoSuchKey")
        self.assert_error(self.alice.delete(self.bucket, "missing", {"tagging": None}), 404, "NoSuchKey")

    def test_303_limits(self):
        self.put("k", b"x")
        ten = [(f"key{i}", "v") for i in range(10)]
        self.assert_status(200, self.put_tags(tagging(*ten)))
        self.assert_status(200, self.put_tags(tagging(("ä" * 128, "ö" * 256))))
        for pairs, code in (([*ten, ("one", "more")], "BadRequest"), ([("k" * 129, "v")], "InvalidTag"),
                            ([("k", "v" * 257)], "InvalidTag"), ([("k", "1"), ("k", "2")], "InvalidTag"),
                            ([("", "v")], "InvalidTag"), ([("a*b", "v")], "InvalidTag"), ([("a", "v;")], "InvalidTag"),
                            ([("aws:a", "v")], "InvalidTag")):
            with self.subTest(str(pairs)[:60]):
                self.assert_error(self.put_tags(tagging(*pairs)), 400, code)
                self.assertEqual([("ä" * 128, "ö" * 256)], self.tags())

    def test_303_documents(self):
        self.put("k", b"x")
        for body in ("<Tagging/>", "<Tags><TagSet/></Tags>", "<Tagging><TagSet>", "<Tagging><TagSet><Tag/></TagSet></Tagging>",
                     "<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>", "nonsense",
                     "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value><Other/></Tag></TagSet></Tagging>"):
            with self.subTest(body):
                self.assert_error(self.put_tags(body), 400, "MalformedXML")
        self.assert_error(self.put_tags("", headers={"Content-MD5": checksums.md5_base64(b"")}), 400, "MissingRequestBodyError")
        self.assert_status(200, self.put_tags(tagging()))

    def test_103_documents_are_guarded(self):
        self.put("k", b"x")
        self.assert_error(self.put_tags(tagging(("a", "b")), headers=()), 400, "InvalidRequest")
        wrong = {"Content-MD5": checksums.md5_base64(b"other")}
        self.assert_error(self.put_tags(tagging(("a", "b")), headers=wrong), 400, "BadDigest")
        right = {"x-amz-checksum-crc32": checksums.checksum("CRC32", tagging(("a", "b")).encode())}
        self.assert_status(200, self.put_tags(tagging(("a", "b")), headers=right))

    def test_305_tags_change_neither_etag_nor_time(self):
        self.put("k", b"x")
        before = self.head("k")
        self.assert_status(200, self.put_tags(tagging(("a", "b"))))
        after = self.head("k")
        for name in ("etag", "last-modified", "content-type"):
            self.assertEqual(before.header(name), after.header(name))

    def test_139_header(self):
        self.put("k", b"x", {"x-amz-tagging": urlencode([("a", "b c"), ("ü", "+"), ("empty", "")])})
        self.assertEqual(sorted([("a", "b c"), ("ü", "+"), ("empty", "")]), sorted(self.tags()))
        for header, code in (("a=%zz", "InvalidArgument"), ("=b", "InvalidArgument"), ("a=1&a=2", "InvalidArgument"),
                             ("a=%ff", "InvalidArgument"), ("k" * 129 + "=v", "InvalidTag"), ("k=" + "v" * 257, "InvalidTag"),
                             ("a%2A=v", "InvalidTag"), ("&".join(f"k{i}=v" for i in range(11)), "BadRequest")):
            with self.subTest(header[:40]):
                answer = self.alice.put(self.bucket, "k", (), {"x-amz-tagging": header}, b"other")
                self.assert_error(answer, 400, code)
                self.assert_object("k", b"x")
        self.put("k", b"again")
        self.assertEqual([], self.tags())

    def test_copies_keep_or_replace_them(self):
        self.put("source", b"x", {"x-amz-tagging": "a=b&c=d"})
        source = {"x-amz-copy-source": f"{self.bucket}/source"}
        for headers, want in (({}, [("a", "b"), ("c", "d")]), ({"x-amz-tagging-directive": "COPY"}, [("a", "b"), ("c", "d")]),
                              ({"x-amz-tagging-directive": "REPLACE", "x-amz-tagging": "e=f"}, [("e", "f")]),
                              ({"x-amz-tagging-directive": "REPLACE"}, [])):
            with self.subTest(headers):
                self.assert_status(200, self.alice.put(self.bucket, "k", (), {**source, **headers}))
                self.assertEqual(want, sorted(self.tags()))
        answer = self.alice.put(self.bucket, "k", (), {**source, "x-amz-tagging-directive": "KEEP"})
        self.assert_error(answer, 400, "InvalidArgument")

    def test_uploads_take_them_too(self):
        self.make([b"x"], headers={"x-amz-tagging": "a=b"})
        self.assertEqual([("a", "b")], self.tags())

    def test_303_tags_survive_nothing_but_their_object(self):
        self.put("k", b"x", {"x-amz-tagging": "a=b"})
        self.alice.delete(self.bucket, "k")
        self.put("k", b"y")
        self.assertEqual([], self.tags())

    def test_other_accounts(self):
        self.put("k", b"x")
        self.assert_error(self.bob.get(self.bucket, "k", {"tagging": None}), 403, "AccessDenied")
        self.assert_status(200, self.reader.get(self.bucket, "k", {"tagging": None}))
        for method in ("PUT", "DELETE"):
            self.assert_error(self.reader.request(method, self.bucket, "k", {"tagging": None}), 403, "AccessDenied")
