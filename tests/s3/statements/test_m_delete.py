"""tests/s3/statements/test_m_delete.py -- section M: DeleteObject and DeleteObjects."""

import threading
from xml.sax.saxutils import escape

from case import S3Case, needs


def document(keys, quiet=None, namespace=' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'):
    flag = "" if quiet is None else f"<Quiet>{quiet}</Quiet>"
    items = "".join("<Object><Key>" + escape(key, {"\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}) + "</Key></Object>" for key in keys)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Delete{namespace}>{flag}{items}</Delete>'


class Delete(S3Case):
    def delete_many(self, keys, **options):
        return self.alice.delete_objects(self.bucket, document(keys, **options))

    def test_205_delete(self):
        self.put("k", b"x")
        for key in ("k", "k", "never"):
            answer = self.alice.delete(self.bucket, key)
            self.assert_status(204, answer)
            self.assertEqual(b"", answer.body)
        self.assert_absent("k")
        self.assert_error(self.alice.delete(self.bucket_name(), "k"), 404, "NoSuchBucket")

    def test_205_delete_of_the_null_version(self):
        self.put("k", b"x")
        self.assert_status(204, self.alice.delete(self.bucket, "k", {"versionId": "null"}))
        self.assert_absent("k")

    def test_206_no_marker_in_a_bucket_without_versions(self):
        self.put("k", b"x")
        answer = self.alice.delete(self.bucket, "k")
        self.assertIsNone(answer.header("x-amz-delete-marker"))
        self.assertIsNone(answer.header("x-amz-version-id"))
        self.assertEqual("false", self.get("k").header("x-amz-delete-marker"))  # 414

    def test_207_delete_objects(self):
        for key in ("a", "b", "c"):
            self.put(key, b"x")
        answer = self.assert_success_xml(self.delete_many(["a", "missing", "b"]), "DeleteResult")
        self.assertEqual(["a", "b", "missing"], sorted(answer.texts("Deleted/Key")))
        self.assertEqual([], answer.texts("Error/Key"))
        self.assertEqual(["c"], self.list().texts("Contents/Key"))

    def test_207_without_namespace_and_a_key_twice(self):
        self.put("a", b"x")
        answer = self.assert_success_xml(self.delete_many(["a", "a"], namespace=""), "DeleteResult")
        self.assertEqual([], answer.texts("Error/Key"))
        self.assert_absent("a")

    def test_207_thousand_keys_in_one(self):
        keys = [f"k{number:04}" for number in range(1000)]
        for key in keys[::100]:
            self.put(key, b"x")
        answer = self.assert_success_xml(self.delete_many(keys), "DeleteResult")
        self.assertEqual(keys, sorted(answer.texts("Deleted/Key")))
        self.assertEqual([], self.list().texts("Contents/Key"))

    def test_208_quiet(self):
        self.put("a", b"x")
        answer = self.assert_success_xml(self.delete_many(["a", "missing"], quiet="true"), "DeleteResult")
        self.assertEqual(0, len(answer.xml))
        self.assert_absent("a")
        self.put("a", b"x")
        self.assertEqual(["a"], self.delete_many(["a"], quiet="false").texts("Deleted/Key"))

    def test_209_more_than_a_thousand(self):
        self.put("k0", b"x")
        self.assert_error(self.delete_many([f"k{number}" for number in range(1001)]), 400, "MalformedXML")
        self.assert_object("k0", b"x")

    def test_210_empty_or_broken(self):
        self.put("k", b"x")
        for broken in ("<Delete></Delete>", "<Delete/>", "<Delete><Object><Key>k</Key></Object>", "k", "<Wrong><Object><Key>k"
                       "</Key></Object></Wrong>", "<Delete><Object></Object></Delete>", "<Delete><Key>k</Key></Delete>",
                       "<Delete><Object><Key>k</Key></Object></Delete><more/>", "<Delete><Object><Key></Key></Object></Delete>",
                       "\xff\xfe<Delete/>", "<Delete><Quiet>maybe</Quiet><Object><Key>k</Key></Object></Delete>"):
            with self.subTest(broken):
                self.assert_error(self.alice.delete_objects(self.bucket, broken), 400, "MalformedXML")
        self.assert_object("k", b"x")

    def test_211_per_key_failure(self):
        self.put("fine", b"x")
        key = "x" * 1025
        answer = self.delete_many(["fine", key])
        self.assert_success_xml(answer, "DeleteResult")
        self.assertEqual(["fine"], answer.texts("Deleted/Key"))
        self.assertEqual([(key, "KeyTooLongError")], list(zip(answer.texts("Error/Key"), answer.texts("Error/Code"))))
        self.assertTrue(answer.text("Error/Message"))

    def test_211_unknown_version(self):
        self.put("k", b"x")
        answer = self.alice.delete_objects(self.bucket, "<Delete><Object><Key>k</Key><VersionId>null</VersionId></Object></Delete>")
        self.assertEqual(["k"], self.assert_success_xml(answer, "DeleteResult").texts("Deleted/Key"))
        self.assert_absent("k")

    def test_212_odd_keys(self):
        keys = ["a&b<c>\"'", "line\nfeed", "carriage\rreturn", "tab\t", "/leading", "//two", " space ", "ü", "\U0001F600",
                "a/../b", "%41", "+", "]]>", "trailing/"]
        for key in keys:
            self.put(key, b"x")
        answer = self.assert_success_xml(self.delete_many(keys), "DeleteResult")
        self.assertEqual(sorted(keys), sorted(answer.texts("Deleted/Key")))
        self.assertEqual([], self.list().texts("Contents/Key"))

    def test_212_cdata_comments_and_character_references(self):
        for key in ("a<b", "AB", "kept"):
            self.put(key, b"x")
        body = "<Delete><!-- c --><Object><Key><![CDATA[a<b]]></Key></Object><Object><Key>&#65;&#x42;</Key></Object></Delete>"
        self.assert_success_xml(self.alice.delete_objects(self.bucket, body), "DeleteResult")
        self.assertEqual(["kept"], self.list().texts("Contents/Key"))

    def test_214_concurrent_deletes(self):
        for turn in range(5):
            keys = [f"k{number}" for number in range(30)]
            for key in keys:
                self.put(key, b"x")
            failures = []

            def work(number):
                if number % 2:
                    answer = self.delete_many(keys)
                    if answer.status != 200 or answer.texts("Error/Key"):
                        failures.append(answer)
                else:
                    failures.extend(answer for answer in (self.alice.delete(self.bucket, key) for key in keys)
                                    if answer.status != 204)
            threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual([], failures)
            self.assertEqual([], self.list().texts("Contents/Key"))

    @needs("keys beneath keys")
    def test_delete_does_not_take_what_is_below(self):
        for key in ("a", "a/", "a/b", "ab"):
            self.put(key, b"x")
        self.assert_status(204, self.alice.delete(self.bucket, "a/"))
        self.assertEqual(["a", "a/b", "ab"], self.list().texts("Contents/Key"))
