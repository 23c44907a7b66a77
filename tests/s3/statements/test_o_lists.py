"""tests/s3/statements/test_o_lists.py -- section O: ListObjects and ListObjectsV2."""

import random
import threading
import time
from urllib.parse import unquote

import checksums
import sigv4
from case import S3Case, needs

ODD = ["a", "a/", "a/b", "a b", "a+b", "a&b", "a%b", "ä", "z", "Z", "0", "~", "!", "\U0001F600", "\uffee", "日本/語", "a//b"]


class Lists(S3Case):
    def put_all(self, keys, body=b"x"):
        for key in keys:
            self.put(key, body)

    def keys(self, *query):
        return self.list(*query).texts("Contents/Key")

    def test_227_order_of_utf8_bytes(self):
        keys = ODD + ["A", "aa", "B", "é", "e\u0301", "\uff5e", "\U00010000", "\ue000"]
        self.put_all(keys)
        ordered = sorted(keys, key=lambda key: key.encode())
        self.assertNotEqual(ordered, sorted(keys, key=lambda key: key.encode("utf-16-be")))
        self.assertEqual(ordered, self.keys())
        self.assertEqual(ordered, self.list_v1().texts("Contents/Key"))

    def test_228_max_keys_default_and_clamp(self):
        for page in (self.list(), self.list_v1(), self.list_v1(("versions", None)), self.list(("max-keys", "1001")),
                     self.list(("max-keys", "2147483647")), self.list(("max-keys", "1000"))):
            self.assertEqual("1000", page.text("MaxKeys"))
        self.assertEqual("7", self.list(("max-keys", "7")).text("MaxKeys"))

    def test_229_max_keys_zero(self):
        self.put_all(["a", "b"])
        for page in (self.list(("max-keys", "0")), self.list_v1(("max-keys", "0")), self.list(("max-keys", "0"), ("delimiter", "/"))):
            self.assertEqual((200, "false", [], "0"), (page.status, page.text("IsTruncated"), page.texts("Contents/Key"),
                                                       page.text("MaxKeys")))
            self.assertIsNone(page.text("NextContinuationToken"))
        self.assertEqual("0", self.list(("max-keys", "0")).text("KeyCount"))

    def test_230_max_keys_wrong(self):
        for value in ("-1", "x", "1.5", "99999999999999999999", "0x10", " 1", "1 "):
            for page in (self.list(("max-keys", value)), self.list_v1(("max-keys", value)),
                         self.list_v1(("versions", None), ("max-keys", value))):
                with self.subTest(value):
                    self.assert_error(page, 400, "InvalidArgument", {"ArgumentName": "max-keys"})

    def test_231_exactly_a_page(self):
        self.put_all([f"k{number}" for number in range(6)])
        for count, query in ((6, ()), (3, (("start-after", "k2"),)), (3, (("prefix", "k"), ("start-after", "k2")))):
            page = self.list(("max-keys", str(count)), *query)
            self.assertEqual((count, "false"), (len(page.texts("Contents/Key")), page.text("IsTruncated")))
            self.assertIsNone(page.text("NextContinuationToken"))
        page = self.list_v1(("max-keys", "6"))
        self.assertEqual((6, "false"), (len(page.texts("Contents/Key")), page.text("IsTruncated")))
        self.put_all(["p/1", "p/2", "q/1"])
        page = self.list(("max-keys", "8"), ("delimiter", "/"))
        self.assertEqual(("8", "false"), (page.text("KeyCount"), page.text("IsTruncated")))
        page = self.list(("max-keys", "7"), ("delimiter", "/"))
        self.assertEqual(("7", "true"), (page.text("KeyCount"), page.text("IsTruncated")))

    def test_232_key_count_and_prefixes(self):
        self.put_all(["a/1", "a/2", "b", "c/1", "d"])
        page = self.list(("delimiter", "/"))
        self.assertEqual((["b", "d"], ["a/", "c/"], "4"), (page.texts("Contents/Key"), page.texts("CommonPrefixes/Prefix"),
                                                           page.text("KeyCount")))
        page = self.list(("delimiter", "/"), ("max-keys", "3"))
        self.assertEqual((["b"], ["a/", "c/"], "3", "true"), (page.texts("Contents/Key"), page.texts("CommonPrefixes/Prefix"),
                                                              page.text("KeyCount"), page.text("IsTruncated")))
        self.assertEqual("0", self.list(("prefix", "nothing")).text("KeyCount"))

    @needs("keys beneath keys")
    def test_233_each_prefix_once(self):
        self.put_all([f"{folder}/{number}" for folder in "abc" for number in range(5)] + ["a", "b0", "c"])
        for size in ("1", "2", "3", "1000"):
            keys, prefixes, pages = self.alice.list_all(self.bucket, delimiter="/", max_keys=size)
            self.assertEqual((["a", "b0", "c"], ["a/", "b/", "c/"]), (keys, prefixes), size)
            for page in pages:
                self.assertLessEqual(int(page.text("KeyCount")), int(size))

    def test_234_odd_delimiters(self):
        for delimiter in ("--", "%", " ", ".", "\n", "ab", "ü", "\U0001F600", "//", "+", "&", "<", "0"):
            with self.subTest(repr(delimiter)):
                bucket = self.make_bucket()
                keys = [f"x{delimiter}1", f"x{delimiter}2", f"y{delimiter}{delimiter}z", "plain", delimiter]
                for key in keys:
                    self.put(key, b"x", bucket=bucket)
                page = self.list(("delimiter", delimiter), ("encoding-type", "url"), bucket=bucket)
                self.assertEqual((["plain"], sorted({f"x{delimiter}", f"y{delimiter}", delimiter}, key=str.encode)),
                                 ([unquote(key) for key in page.texts("Contents/Key")],
                                  [unquote(prefix) for prefix in page.texts("CommonPrefixes/Prefix")]))
                self.assertEqual(delimiter, unquote(page.text("Delimiter")))

    def test_235_empty_delimiter(self):
        self.put_all(["a/b", "a/c"])
        for page in (self.list(("delimiter", "")), self.list_v1(("delimiter", "")), self.list(("delimiter", None))):
            self.assertEqual((["a/b", "a/c"], []), (page.texts("Contents/Key"), page.texts("CommonPrefixes/Prefix")))

    @needs("keys beneath keys")
    def test_236_folder_object(self):
        self.put_all(["f/", "f/a", "f/b/c", "f0", "f"])
        page = self.list(("prefix", "f/"), ("delimiter", "/"))
        self.assertEqual((["f/", "f/a"], ["f/b/"]), (page.texts("Contents/Key"), page.texts("CommonPrefixes/Prefix")))
        page = self.list(("prefix", "f"), ("delimiter", "/"))
        self.assertEqual((["f", "f0"], ["f/"]), (page.texts("Contents/Key"), page.texts("CommonPrefixes/Prefix")))

    @needs("keys beneath keys")
    def test_237_keys_just_behind_a_full_prefix(self):
        keys = [f"1999/{number:04}" for number in range(1005)]
        neighbours = ["1999", "1999#", "1999+", "1999-", "1999.", "19990", "1998/x", "2000/x"]
        threads = [threading.Thread(target=self.put_all, args=(keys[start::4],)) for start in range(4)]
        for thread in threads:
            thread.start()
        self.put_all(neighbours)
        for thread in threads:
            thread.join()
        for size in ("1", "2", "1000"):
            listed, prefixes, _ = self.alice.list_all(self.bucket, delimiter="/", max_keys=size)
            self.assertEqual(["1999", "1999#", "1999+", "1999-", "1999.", "19990"], listed)
            self.assertEqual(["1998/", "1999/", "2000/"], prefixes)
        listed, _, pages = self.alice.list_all(self.bucket)
        self.assertEqual((sorted(keys + neighbours), 2), (listed, len(pages)))
        self.assertEqual(1000, len(pages[0].texts("Contents/Key")))

    def test_238_version_1_markers(self):
        self.put_all(["a", "b/1", "b/2", "c", "d"])
        page = self.list_v1()
        self.assertEqual(("", None), (page.text("Marker"), page.text("NextMarker")))
        page = self.list_v1(("max-keys", "2"))
        self.assertEqual(("true", None), (page.text("IsTruncated"), page.text("NextMarker")))
        page = self.list_v1(("max-keys", "2"), ("delimiter", "/"))
        self.assertEqual(("true", "b/"), (page.text("IsTruncated"), page.text("NextMarker")))
        page = self.list_v1(("max-keys", "2"), ("delimiter", "/"), ("marker", "b/"))
        self.assertEqual((["c", "d"], [], "b/", "false", None), (
            page.texts("Contents/Key"), page.texts("CommonPrefixes/Prefix"), page.text("Marker"), page.text("IsTruncated"),
            page.text("NextMarker")))
        self.assertIsNone(page.text("KeyCount"))

    def test_239_markers_need_not_exist(self):
        self.put_all(["a", "c", "e/1"])
        for name, listing in (("start-after", self.list), ("marker", self.list_v1)):
            for after, expected in (("b", ["c", "e/1"]), ("a", ["c", "e/1"]), ("zzz", []), ("", ["a", "c", "e/1"]),
                                    ("c\x00", ["e/1"]), ("\uffff", [])):
                page = listing((name, after), ("encoding-type", "url"))
                self.assertEqual((200, expected, "false"), (page.status, page.texts("Contents/Key"), page.text("IsTruncated")))
        self.assertEqual([], self.keys(("prefix", "a"), ("start-after", "b")))
        self.assertEqual(["c"], self.keys(("prefix", "c"), ("start-after", "a")))

    def test_239_marker_inside_a_common_prefix(self):
        self.put_all(["a/1", "a/2", "b"])
        page = self.list(("delimiter", "/"), ("start-after", "a/1"))  # whether "a/" is behind it, servers differ
        self.assertEqual(["b"], page.texts("Contents/Key"))
        self.assertIn(page.texts("CommonPrefixes/Prefix"), ([], ["a/"]))
        page = self.list(("delimiter", "/"), ("start-after", "a/2"))
        self.assertEqual((["b"], []), (page.texts("Contents/Key"), page.texts("CommonPrefixes/Prefix")))

    def test_240_continuation(self):
        self.put_all([f"k{number}" for number in range(5)])
        first = self.list(("max-keys", "2"))
        token = first.text("NextContinuationToken")
        self.assertTrue(token)
        self.assertIsNone(first.text("ContinuationToken"))
        second = self.list(("max-keys", "2"), ("continuation-token", token))
        self.assertEqual((["k2", "k3"], token), (second.texts("Contents/Key"), second.text("ContinuationToken")))
        last = self.list(("continuation-token", second.text("NextContinuationToken")))
        self.assertEqual((["k4"], "false", None), (last.texts("Contents/Key"), last.text("IsTruncated"),
                                                   last.text("NextContinuationToken")))
        for _ in range(2):  # a token may be used again
            self.assertEqual(["k2", "k3"], self.keys(("max-keys", "2"), ("continuation-token", token)))
        self.alice.delete(self.bucket, "k1")
        self.assertEqual(["k2", "k3"], self.keys(("max-keys", "2"), ("continuation-token", token)))

    def test_240_tokens_of_odd_keys(self):
        self.put_all(ODD)
        for size in ("1", "3"):
            keys, _, _ = self.alice.list_all(self.bucket, max_keys=size)
            self.assertEqual(sorted(ODD, key=str.encode), keys)

    def test_241_invalid_token(self):
        self.put_all(["a", "b"])
        for token in ("x", "nonsense-token", "a" * 500, "{}", "%%%", "AAAA"):
            with self.subTest(token):
                self.assert_error(self.list(("continuation-token", token)), 400, "InvalidArgument",
                                  {"ArgumentName": "continuation-token"})

    def test_241_empty_token_begins_anew(self):
        self.put_all(["a", "b"])
        page = self.list(("continuation-token", ""))
        self.assertEqual((200, ["a", "b"], ""), (page.status, page.texts("Contents/Key"), page.text("ContinuationToken")))

    def test_242_token_wins_over_start_after(self):
        self.put_all(["a", "b", "c", "d"])
        token = self.list(("max-keys", "1")).text("NextContinuationToken")
        page = self.list(("continuation-token", token), ("start-after", "c"))
        self.assertEqual((["b", "c", "d"], "c"), (page.texts("Contents/Key"), page.text("StartAfter")))
        self.assertEqual("a", self.list(("start-after", "a")).text("StartAfter"))

    def test_243_owner(self):
        self.put("a", b"x")
        self.assertIsNone(self.list().text("Contents/Owner"))
        self.assertIsNone(self.list(("fetch-owner", "false")).text("Contents/Owner"))
        for page in (self.list(("fetch-owner", "true")), self.list_v1()):
            self.assertEqual(self.alice.account.id, page.text("Contents/Owner/ID"))

    def test_244_encoding_type(self):
        keys = ["a b+c/ü&<", "line\nfeed", "p%q", "~-._", "\x01"]
        self.put_all(keys)
        encoded = sorted((sigv4.uri_encode(key, keep_slash=True) for key in keys), key=lambda text: unquote(text).encode())
        self.assertEqual(encoded, self.keys(("encoding-type", "url")))
        query = [("encoding-type", "url"), ("prefix", "a b+"), ("delimiter", "/ü"), ("max-keys", "1")]
        page = self.list(*query, ("start-after", "a +"))
        self.assertEqual(("url", "a%20b%2B", "/%C3%BC", "a%20%2B"), tuple(page.text(name) for name in (
            "EncodingType", "Prefix", "Delimiter", "StartAfter")))
        self.assertEqual(["a%20b%2Bc/%C3%BC"], page.texts("CommonPrefixes/Prefix"))
        page = self.list_v1(("encoding-type", "url"), ("delimiter", "+"), ("max-keys", "1"), ("marker", "\x02 +"))
        self.assertEqual(("%02%20%2B", "%2B", "a%20b%2B"), (page.text("Marker"), page.text("Delimiter"), page.text("NextMarker")))
        self.assertIsNone(self.list().text("EncodingType"))
        for page in (self.list(("encoding-type", "base64")), self.list_v1(("encoding-type", "x")), self.list(("encoding-type", ""))):
            self.assert_error(page, 400, "InvalidArgument", {"ArgumentName": "encoding-type"})

    def test_245_entries(self):
        body = b"compressible " * 100_000
        self.put("k", body, payload="unsigned")
        head = self.head("k")
        for page in (self.list(), self.list_v1(), self.list_v1(("versions", None))):
            entry = page.xml.find("Contents")
            entry = page.xml.find("Version") if entry is None else entry
            self.assertEqual((head.header("etag"), str(len(body)), "STANDARD"), (
                entry.findtext("ETag"), entry.findtext("Size"), entry.findtext("StorageClass")))
            self.assertEqual(time.strptime(head.header("last-modified"), "%a, %d %b %Y %H:%M:%S GMT")[:6],
                             time.strptime(entry.findtext("LastModified")[:19], "%Y-%m-%dT%H:%M:%S")[:6])
        self.assertEqual(checksums.etag(body), head.header("etag"))

    def test_247_temporary_names_never_appear(self):
        stop, seen = threading.Event(), []

        def watch():
            while not stop.is_set():
                seen.extend(self.keys())
        thread = threading.Thread(target=watch)
        thread.start()
        for number in range(4):
            self.put("large", b"line of text %d\n" % number * 200_000, payload="unsigned")
            prepared = self.alice.prepare("PUT", self.bucket, "never", body=b"x" * 100_000)
            with self.alice.connect() as connection:
                connection.send(prepared.bytes[:-1])
        stop.set()
        thread.join()
        self.assertLessEqual(set(seen), {"large"})
        self.assertEqual(["large"], self.keys())

    def test_248_list_beside_writers(self):
        lasting = [f"{number:03}-lasting" for number in range(0, 200, 2)]
        self.put_all(lasting)
        stop = threading.Event()

        def churn(seed):
            rng = random.Random(seed)
            while not stop.is_set():
                key = f"{rng.randrange(200):03}-passing"
                self.alice.put(self.bucket, key, (), (), b"x")
                self.alice.delete(self.bucket, key)
        threads = [threading.Thread(target=churn, args=(seed,)) for seed in range(3)]
        for thread in threads:
            thread.start()
        try:
            for size in ("7", "50", "1000") * 3:
                keys, _, _ = self.alice.list_all(self.bucket, max_keys=size)
                self.assertEqual(lasting, [key for key in keys if key.endswith("lasting")])
                self.assertEqual(sorted(set(keys)), keys)
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def test_250_prefixes(self):
        self.put_all(["photos/2026/a", "photos/2026/b", "photos/2027/a", "photos-old", "p"])
        for prefix, expected in (("photos/20", 3), ("photos/2026/", 2), ("photos", 4), ("p", 5), ("", 5), ("x", 0),
                                 ("photos/2026/a/", 0), ("photos/2026/a", 1)):
            page = self.list(("prefix", prefix))
            self.assertEqual((200, expected, prefix), (page.status, len(page.texts("Contents/Key")), page.text("Prefix")))
        page = self.list(("prefix", "photos/20"), ("delimiter", "/"))
        self.assertEqual(["photos/2026/", "photos/2027/"], page.texts("CommonPrefixes/Prefix"))
        page = self.list(("prefix", "ph"), ("delimiter", "/"))
        self.assertEqual((["photos-old"], ["photos/"]), (page.texts("Contents/Key"), page.texts("CommonPrefixes/Prefix")))

    def test_lists_carry_their_parameters(self):
        page = self.list(("prefix", "a&b"), ("delimiter", "<"))
        self.assertEqual((self.bucket, "a&b", "<", "1000", "false", "0"), tuple(page.text(name) for name in (
            "Name", "Prefix", "Delimiter", "MaxKeys", "IsTruncated", "KeyCount")))
        self.assertEqual("", self.list().text("Prefix"))

    def test_list_type_other_than_two(self):
        self.put("a", b"x")
        answer = self.alice.get(self.bucket, None, {"list-type": "3"})
        self.assertIn(answer.status, (200, 400))

    def test_z_unordered_lists_are_not_offered(self):
        self.put("a", b"x")
        answer = self.list(("allow-unordered", "true"))
        self.assert_error(answer, 501, "NotImplemented")


class ListCost(S3Case):
    SERIAL = True

    def test_251_time_grows_with_the_page_not_the_marker(self):
        """4000 keys: the last page of 100 costs about what the first costs."""
        def fill(start):
            for number in range(start, 4000, 4):
                self.put(f"deep/er/{number:06}", b"x")
        threads = [threading.Thread(target=fill, args=(start,)) for start in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        def seconds(after):
            started = time.perf_counter()
            self.assertEqual(100, len(self.list(("max-keys", "100"), ("start-after", after)).texts("Contents/Key")))
            return time.perf_counter() - started

        # in turn, and the shortest of each: whatever else runs meets both
        first, last = seconds(""), seconds("deep/er/003899")
        for _ in range(100):
            if last < 3 * first + 0.01:
                break
            first, last = min(first, seconds("")), min(last, seconds("deep/er/003899"))
        self.assertLess(last, 3 * first + 0.01)
