"""tests/s3/statements/test_q_multipart.py -- section Q: uploads in parts, and what of sections L and N concerns them."""

import random
import threading

import checksums
from multipart import LEAST, MultipartCase, composite_etag, document, noise_bytes, part_xml, text_bytes

TEXT = text_bytes(LEAST)
NOISE = noise_bytes(LEAST + 12_345)
SMALL = b"the last part may be small"


class Create(MultipartCase):
    def test_258_headers_given_at_create_are_the_objects(self):
        headers = {"Content-Type": "text/log", "Cache-Control": "no-store", "Content-Encoding": "identity",
                   "Content-Language": "de", "Expires": "Thu, 01 Dec 2033 16:00:00 GMT", "x-amz-meta-Colour": "Blau",
                   "Content-Disposition": "attachment", "x-amz-tagging": "a=b&c=d%20e"}
        answer = self.alice.post(self.bucket, "a key/ü", {"uploads": None}, headers)
        self.assert_success_xml(answer, "InitiateMultipartUploadResult")
        self.assertEqual([self.bucket, "a key/ü"], [answer.text("Bucket"), answer.text("Key")])
        upload = answer.text("UploadId")
        self.complete(upload, self.part(upload, 1, SMALL, "a key/ü"), key="a key/ü")
        got = self.assert_bytes("a key/ü", SMALL)
        for name, value in headers.items():
            if not name.startswith("x-amz"):
                self.assertEqual(value, got.header(name))
        self.assertEqual("Blau", got.header("x-amz-meta-colour"))
        self.assertEqual("2", got.header("x-amz-tagging-count"))

    def test_258_refused_as_a_put_would_be(self):
        for headers, code in (({"x-amz-storage-class": "GOLD"}, "InvalidStorageClass"),
                              ({"x-amz-meta-a": "v" * 2048}, "MetadataTooLarge"),
                              ({"x-amz-tagging": "a=1&a=2"}, "InvalidArgument"),
                              ({"x-amz-website-redirect-location": "nowhere"}, "InvalidRedirectLocation"),
                              ({"x-amz-acl": "public-read"}, "AccessControlListNotSupported")):
            with self.subTest(code):
                self.assert_error(self.alice.post(self.bucket, "k", {"uploads": None}, headers), 400, code)
        self.assert_error(self.alice.post(self.bucket, "k", {"uploads": None}, {"x-amz-server-side-encryption": "AES256"}),
                          501, "NotImplemented")

    def test_022_create_takes_no_body(self):
        self.assert_error(self.alice.post(self.bucket, "k", {"uploads": None}, (), b"body"), 400, "InvalidRequest")

    def test_259_uploads_of_one_key_are_independent(self):
        first, second = self.create(), self.create()
        self.assertNotEqual(first, second)
        one, two = self.part(first, 1, b"first"), self.part(second, 1, b"second")
        self.complete(first, one)
        self.assert_bytes("k", b"first")
        self.complete(second, two)
        self.assert_bytes("k", b"second")

    def test_260_nothing_is_visible_before_complete(self):
        upload = self.create()
        self.part(upload, 1, TEXT)
        self.assert_absent("k")
        self.put("k", b"old")
        upload = self.create()
        parts = self.part(upload, 1, TEXT)
        self.assert_object("k", b"old")
        self.complete(upload, parts)
        self.assert_bytes("k", TEXT)

    def test_120_missing_bucket(self):
        missing = self.bucket_name()
        for answer in (self.alice.post(missing, "k", {"uploads": None}), self.alice.get(missing, None, {"uploads": None}),
                       self.alice.put(missing, "k", {"partNumber": "1", "uploadId": "x" * 32}, (), b"x"),
                       self.alice.post(missing, "k", {"uploadId": "x" * 32}, (), document()),
                       self.alice.delete(missing, "k", {"uploadId": "x" * 32})):
            self.assert_error(answer, 404, "NoSuchBucket")

    def test_035_expected_owner_and_foreign_accounts(self):
        upload = self.create()
        part = self.part(upload, 1, SMALL)
        wrong = {"x-amz-expected-bucket-owner": self.server.accounts["bob"].id}
        requests = [("POST", {"uploads": None}, b""), ("PUT", {"partNumber": "2", "uploadId": upload}, b"x"),
                    ("POST", {"uploadId": upload}, document(part)), ("GET", {"uploadId": upload}, b""),
                    ("DELETE", {"uploadId": upload}, b"")]
        for method, query, body in requests:
            with self.subTest(f"{method} {query}"):
                self.assert_error(self.alice.request(method, self.bucket, "k", query, wrong, body), 403, "AccessDenied")
                self.assert_error(self.bob.request(method, self.bucket, "k", query, (), body), 403, "AccessDenied")
                if method != "GET":
                    self.assert_error(self.reader.request(method, self.bucket, "k", query, (), body), 403, "AccessDenied")
        self.assert_error(self.bob.get(self.bucket, None, {"uploads": None}), 403, "AccessDenied")
        self.complete(upload, part)


class Part(MultipartCase):
    def test_261_part_numbers(self):
        upload = self.create()
        for number in ("0", "-1", "10001", "x", "", "1.0", "99999999999999999999"):
            with self.subTest(number):
                self.assert_error(self.try_part(upload, number, b"x"), 400, "InvalidArgument")
        self.assert_error(self.alice.put(self.bucket, "k", {"uploadId": upload}, (), b"x"), 400, "InvalidArgument")
        for number in (1, 10000):
            self.part(upload, number, b"x")

    def test_261_unknown_uploads(self):
        upload = self.create()
        for other, key in (("0" * 32, "k"), ("x", "k"), ("", "k"), (upload, "other"), (upload[:-1], "k"), (upload + "0", "k")):
            with self.subTest(f"{other} {key}"):
                answer = self.try_part(other, 1, b"x", key)
                self.assert_error(answer, 404, "NoSuchUpload", {"UploadId": other})
                self.assert_error(self.try_complete(other, part_xml(1, checksums.etag(b"x")), key=key), 404, "NoSuchUpload")
                self.assert_error(self.abort(other, key), 404, "NoSuchUpload")
                self.assert_error(self.list_parts(other, key=key), 404, "NoSuchUpload")
        self.assert_absent("other")

    def test_261_bodies_in_every_form(self):
        for form in ("sha256", "unsigned", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"):
            with self.subTest(form):
                upload = self.create()
                self.complete(upload, self.part(upload, 1, TEXT, payload=form), self.part(upload, 2, SMALL, payload=form))
                self.assert_bytes("k", TEXT + SMALL)

    def test_261_wrong_md5_leaves_no_part(self):
        upload = self.create()
        self.assert_error(self.try_part(upload, 1, b"x", headers={"Content-MD5": checksums.md5_base64(b"y")}), 400, "BadDigest")
        self.assertEqual([], self.list_parts(upload).texts("Part/PartNumber"))

    def test_262_a_part_sent_again(self):
        upload = self.create()
        self.part(upload, 1, NOISE)
        old = self.part(upload, 2, b"old last part")
        first, last = self.part(upload, 1, TEXT), self.part(upload, 2, SMALL)
        self.assert_error(self.try_complete(upload, first, old), 400, "InvalidPart")
        listed = self.list_parts(upload)
        self.assertEqual([str(len(TEXT)), str(len(SMALL))], listed.texts("Part/Size"))
        self.complete(upload, first, last)
        self.assert_bytes("k", TEXT + SMALL)

    def test_parts_in_any_order_and_in_parallel(self):
        bodies = [text_bytes(LEAST + 1000 * i, i) if i % 2 else noise_bytes(LEAST + i, i) for i in range(8)] + [SMALL]
        upload = self.create()
        parts = {}

        def send(number):
            parts[number] = self.part(upload, number, bodies[number - 1])
        threads = [threading.Thread(target=send, args=(number,)) for number in random.sample(range(1, 10), 9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        answer = self.complete(upload, *(parts[number] for number in sorted(parts)))
        self.assertEqual(composite_etag(bodies), answer.text("ETag"))
        self.assert_bytes("k", b"".join(bodies))

    def test_empty_last_part(self):
        self.make([TEXT, b""])
        self.assert_bytes("k", TEXT)

    def test_an_object_of_one_empty_part(self):
        self.make([b""])
        self.assertEqual("0", self.head("k").header("content-length"))
        self.assert_bytes("k", b"")


class ListParts(MultipartCase):
    def test_263_pages(self):
        upload = self.create()
        sizes = {1: LEAST, 3: 10, 7: 100_000, 10000: 0}
        for number, size in sizes.items():
            self.part(upload, number, text_bytes(size))
        answer = self.assert_success_xml(self.list_parts(upload), "ListPartsResult")
        self.assertEqual([str(n) for n in sizes], answer.texts("Part/PartNumber"))
        self.assertEqual([str(n) for n in sizes.values()], answer.texts("Part/Size"))
        self.assertEqual([checksums.etag(text_bytes(n)) for n in sizes.values()], answer.texts("Part/ETag"))
        self.assertEqual(["1000", "false", "STANDARD", upload, "k", self.bucket],
                         [answer.text(n) for n in ("MaxParts", "IsTruncated", "StorageClass", "UploadId", "Key", "Bucket")])
        self.assertEqual(self.server.accounts["alice"].id, answer.text("Owner/ID"))
        self.assertEqual(self.server.accounts["alice"].id, answer.text("Initiator/ID"))
        numbers, marker = [], "0"
        for _ in range(4):
            page = self.list_parts(upload, ("max-parts", "1"), ("part-number-marker", marker))
            self.assertEqual(marker, page.text("PartNumberMarker"))
            numbers += page.texts("Part/PartNumber")
            marker = page.text("NextPartNumberMarker")
            self.assertEqual("true" if len(numbers) < 4 else "false", page.text("IsTruncated"))
        self.assertEqual([str(n) for n in sizes], numbers)

    def test_263_parameters(self):
        upload = self.create("a +ü")
        self.part(upload, 1, b"x", "a +ü")
        self.assertEqual("1000", self.list_parts(upload, ("max-parts", "5000"), key="a +ü").text("MaxParts"))
        self.assertEqual([], self.list_parts(upload, ("max-parts", "0"), key="a +ü").texts("Part/PartNumber"))
        for query in (("max-parts", "-1"), ("max-parts", "x"), ("part-number-marker", "-1"), ("part-number-marker", "x"),
                      ("encoding-type", "gzip")):
            with self.subTest(query):
                self.assert_error(self.list_parts(upload, query, key="a +ü"), 400, "InvalidArgument")
        encoded = self.list_parts(upload, ("encoding-type", "url"), key="a +ü")
        self.assertEqual(["url", "a%20%2B%C3%BC"], [encoded.text("EncodingType"), encoded.text("Key")])


class Complete(MultipartCase):
    def test_264_answer(self):
        bodies = [TEXT, NOISE, SMALL]
        answer = self.make(bodies, "dir/ä b")
        self.assertEqual([self.bucket, "dir/ä b"], [answer.text("Bucket"), answer.text("Key")])
        self.assertTrue(answer.text("Location").endswith(f"/{self.bucket}/dir/%C3%A4%20b"), answer.text("Location"))
        got = self.assert_bytes("dir/ä b", b"".join(bodies))
        self.assertEqual(composite_etag(bodies), got.header("etag"))
        listed = self.list()
        self.assertEqual([composite_etag(bodies)], listed.texts("Contents/ETag"))
        self.assertEqual([str(sum(map(len, bodies)))], listed.texts("Contents/Size"))
        self.assertEqual(got.header("last-modified"), self.head("dir/ä b").header("last-modified"))

    def test_265_documents(self):
        upload = self.create()
        part = self.part(upload, 1, SMALL)
        for body in (document(), "<CompleteMultipartUpload>", "nonsense", f"<Other>{part}</Other>",
                     document("<Part><PartNumber>1</PartNumber></Part>"), document("<Part><ETag>x</ETag></Part>"),
                     document("<Part/>"), document(part_xml("one", "x")), document("<Piece/>"), document(part) + "<x/>",
                     document(*(part_xml(1, "x") for _ in range(10001)))):
            with self.subTest(str(body)[:80]):
                answer = self.try_complete(upload, body=body)
                self.assert_error(answer, 400, "MalformedXML")
        self.complete(upload, part)

    def test_266_invalid_part(self):
        upload = self.create()
        part = self.part(upload, 1, TEXT)
        for wrong in (part_xml(2, checksums.etag(SMALL)), part_xml(2, checksums.etag(TEXT)), part_xml(2, '"x"')):
            self.assert_error(self.try_complete(upload, part, wrong), 400, "InvalidPart", {"PartNumber": "2"})
        answer = self.try_complete(upload, part_xml(1, checksums.etag(SMALL)))
        self.assert_error(answer, 400, "InvalidPart", {"PartNumber": "1", "ETag": checksums.etag(SMALL).strip('"'), "UploadId": upload})
        for text in ("None", "a&amp;b", ""):  # no MD5: told as it was sent
            answer = self.try_complete(upload, part, f"<Part><PartNumber>2</PartNumber><ETag>{text}</ETag></Part>")
            self.assert_error(answer, 400, "InvalidPart", {"PartNumber": "2", "ETag": text.replace("&amp;", "&"), "UploadId": upload})
        self.assert_absent("k")
        self.complete(upload, part)

    def test_267_part_number_below_1(self):
        upload = self.create()
        self.part(upload, 1, SMALL)
        for number in ("0", "-1", "10001"):
            self.assert_error(self.try_complete(upload, part_xml(number, checksums.etag(SMALL))), 400, "InvalidArgument")

    def test_268_etags_without_quotes(self):
        for form in ("{}", '"{}"', "&quot;{}&quot;", "\n  {}  "):
            upload = self.create()
            self.part(upload, 1, SMALL)
            body = document(f"<Part><ETag>{form.format(checksums.etag(SMALL)[1:-1])}</ETag><PartNumber> 1 </PartNumber></Part>")
            self.assert_success_xml(self.try_complete(upload, body=body), "CompleteMultipartUploadResult")

    def test_269_order(self):
        upload = self.create()
        one, two, five = (self.part(upload, number, body) for number, body in ((1, TEXT), (2, NOISE), (5, SMALL)))
        for wrong in ((two, one), (one, one), (one, two, two), (five, two)):
            self.assert_error(self.try_complete(upload, *wrong), 400, "InvalidPartOrder")
        self.complete(upload, two, five)  # gaps, and a part that is not named
        self.assert_bytes("k", NOISE + SMALL)
        self.assertEqual([], self.list_uploads().texts("Upload/UploadId"))

    def test_270_small_parts(self):
        upload = self.create()
        small, last = self.part(upload, 1, TEXT[:-1]), self.part(upload, 2, SMALL)
        answer = self.try_complete(upload, small, last)
        self.assert_error(answer, 400, "EntityTooSmall", {"ProposedSize": LEAST - 1, "MinSizeAllowed": LEAST, "PartNumber": "1"})
        self.assert_absent("k")
        self.complete(upload, small)
        self.assert_bytes("k", TEXT[:-1])

    def test_271_object_size(self):
        upload = self.create()
        part = self.part(upload, 1, SMALL)
        for size in ("-1", "x", str(len(SMALL) + 1), "0", ""):
            with self.subTest(size):
                answer = self.try_complete(upload, part, headers={"x-amz-mp-object-size": size})
                self.assert_error(answer, 400, "InvalidRequest")
        self.complete(upload, part, headers={"x-amz-mp-object-size": str(len(SMALL))})

    def test_272_complete_twice(self):
        upload = self.create()
        parts = [self.part(upload, 1, TEXT), self.part(upload, 2, SMALL)]
        first = self.complete(upload, *parts)
        second = self.complete(upload, *parts)
        self.assertEqual(first.text("ETag"), second.text("ETag"))
        self.assert_error(self.try_complete(upload, parts[0]), 404, "NoSuchUpload")
        self.put("k", b"newer")  # and again, when the key has moved on: the same answer, nothing changes
        self.assertEqual(first.text("ETag"), self.complete(upload, *parts).text("ETag"))
        self.assert_object("k", b"newer")
        self.assert_error(self.abort(upload), 404, "NoSuchUpload")
        self.assert_error(self.try_part(upload, 1, b"x"), 404, "NoSuchUpload")

    def test_283_racing_completes_and_aborts(self):
        for turn in range(12):
            upload = self.create("raced")
            part = self.part(upload, 1, SMALL, "raced")
            answers = []
            actions = [lambda: self.try_complete(upload, part, key="raced"), lambda: self.try_complete(upload, part, key="raced"),
                       lambda: self.abort(upload, "raced")][turn % 2:]
            threads = [threading.Thread(target=lambda action=action: answers.append(action())) for action in actions]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            statuses = sorted(answer.status for answer in answers)
            completed = statuses.count(200)
            if completed:
                self.assertEqual(0, statuses.count(204), answers)
                self.assert_bytes("raced", SMALL)
            else:
                self.assertEqual(1, statuses.count(204), answers)
                self.assert_absent("raced")
            self.alice.delete(self.bucket, "raced")

    def test_284_parts_sent_again_during_complete(self):
        bodies = [TEXT, SMALL]
        for _ in range(5):
            upload = self.create()
            parts = [self.part(upload, number, body) for number, body in enumerate(bodies, 1)]
            again = threading.Thread(target=lambda: self.try_part(upload, 2, b"something else"))
            again.start()
            answer = self.try_complete(upload, *parts)
            again.join()
            if answer.status == 200:
                self.assert_bytes("k", TEXT + SMALL)
            else:
                self.assert_error(answer, 400, "InvalidPart")

    def test_285_many_parts(self):
        upload, parts = self.create(), []
        self.put("source", TEXT)
        etag = checksums.etag(TEXT)
        for number in range(1, 41):
            self.assert_success_xml(self.copy_part(upload, number * 250, f"{self.bucket}/source"), "CopyPartResult")
            parts.append(part_xml(number * 250, etag))
        self.complete(upload, *parts)
        self.assertEqual(str(40 * LEAST), self.head("k").header("content-length"))
        for first in (0, LEAST - 1, 17 * LEAST - 5, 40 * LEAST - 3):
            answer = self.get("k", (), {"Range": f"bytes={first}-{first + 9}"})
            want = (TEXT[first % LEAST:] + TEXT)[:min(10, 40 * LEAST - first)]
            self.assertEqual((206, want), (answer.status, answer.body))

    def test_ranges_over_many_parts(self):
        bodies = [text_bytes(LEAST + 77, 1), noise_bytes(LEAST, 2), text_bytes(LEAST + 1, 3), SMALL]
        whole = b"".join(bodies)
        self.make(bodies)
        edges, at = [0], 0
        for body in bodies:
            at += len(body)
            edges += [at - 1, at, at + 1]
        for first in edges + [1 << 20, (1 << 20) - 1, 3 << 20]:
            for size in (1, 2, 1000, 1 << 20, LEAST):
                if first >= len(whole):
                    continue
                answer = self.get("k", (), {"Range": f"bytes={first}-{first + size - 1}"})
                self.assertEqual(206, answer.status)
                self.assertTrue(whole[first:first + size] == answer.body, f"{first} + {size}")


class ConditionalComplete(MultipartCase):
    def test_197_refused_complete_leaves_the_upload_open(self):
        self.put("k", b"old")
        etag = checksums.etag(b"old")
        upload = self.create()
        part = self.part(upload, 1, SMALL)
        for headers, status, code in (({"If-None-Match": "*"}, 412, "PreconditionFailed"),
                                      ({"If-Match": '"x"'}, 412, "PreconditionFailed"),
                                      ({"If-Match": etag, "If-None-Match": "*"}, 501, "NotImplemented")):
            with self.subTest(headers):
                self.assert_error(self.try_complete(upload, part, headers=headers), status, code)
                self.assert_object("k", b"old")
        self.complete(upload, part, headers={"If-Match": etag})
        self.assert_bytes("k", SMALL)
        missing = self.create("missing")
        part = self.part(missing, 1, SMALL, "missing")
        self.assert_error(self.try_complete(missing, part, key="missing", headers={"If-Match": "*"}), 404, "NoSuchKey")
        self.complete(missing, part, key="missing", headers={"If-None-Match": "*"})
        self.assert_bytes("missing", SMALL)

    def test_198_one_of_many_completes_wins(self):
        for _ in range(5):
            self.alice.delete(self.bucket, "k")
            uploads = [self.create() for _ in range(12)]
            parts = [self.part(upload, 1, b"body %d" % i) for i, upload in enumerate(uploads)]
            statuses = [None] * len(uploads)

            def run(i):
                statuses[i] = self.try_complete(uploads[i], parts[i], headers={"If-None-Match": "*"}).status
            threads = [threading.Thread(target=run, args=(i,)) for i in range(len(uploads))]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(1, statuses.count(200), statuses)
            self.assertTrue(set(statuses) <= {200, 412, 409}, statuses)
            self.assert_bytes("k", b"body %d" % statuses.index(200))


class Abort(MultipartCase):
    def test_275_abort(self):
        upload = self.create()
        self.part(upload, 1, TEXT)
        answer = self.abort(upload)
        self.assert_status(204, answer)
        self.assertEqual(b"", answer.body)
        self.assert_error(self.abort(upload), 404, "NoSuchUpload")
        self.assert_error(self.list_parts(upload), 404, "NoSuchUpload")
        self.assert_error(self.try_part(upload, 2, b"x"), 404, "NoSuchUpload")
        self.assertEqual([], self.list_uploads().texts("Upload/UploadId"))
        self.assert_absent("k")

    def test_118_a_bucket_with_uploads_only_can_go(self):
        upload = self.create()
        self.part(upload, 1, TEXT)
        self.assert_status(204, self.alice.delete(self.bucket))
        self.assert_status(200, self.alice.put(self.bucket))
        self.assertEqual([], self.list_uploads().texts("Upload/UploadId"))


class ListUploads(MultipartCase):
    def test_276_order_and_pages(self):
        keys = ["b", "a", "b", "c/1", "c/2", "ü", "a", "c/1"]
        made = [(key, self.create(key)) for key in keys]
        want = sorted(made, key=lambda pair: pair[0].encode())
        answer = self.assert_success_xml(self.list_uploads(), "ListMultipartUploadsResult")
        pairs = list(zip(answer.texts("Upload/Key"), answer.texts("Upload/UploadId")))
        self.assertEqual(want, pairs)
        self.assertEqual(["1000", "false"], [answer.text("MaxUploads"), answer.text("IsTruncated")])
        self.assertEqual(self.server.accounts["alice"].id, answer.text("Upload/Initiator/ID"))
        for size in (1, 2, 3, 7):
            walked, query = [], []
            while True:
                page = self.list_uploads(("max-uploads", str(size)), *query)
                walked += zip(page.texts("Upload/Key"), page.texts("Upload/UploadId"))
                if page.text("IsTruncated") != "true":
                    break
                query = [("key-marker", page.text("NextKeyMarker")), ("upload-id-marker", page.text("NextUploadIdMarker"))]
            self.assertEqual(want, walked)

    def test_276_prefix_and_delimiter(self):
        for key in ("a/1", "a/2", "b", "c/x/1"):
            self.create(key)
        answer = self.list_uploads(("delimiter", "/"))
        self.assertEqual((["b"], ["a/", "c/"]), (answer.texts("Upload/Key"), answer.texts("CommonPrefixes/Prefix")))
        self.assertEqual(["a/1", "a/2"], self.list_uploads(("prefix", "a/")).texts("Upload/Key"))
        walked, query = [], []
        while True:
            page = self.list_uploads(("delimiter", "/"), ("max-uploads", "1"), *query)
            walked += page.texts("Upload/Key") + page.texts("CommonPrefixes/Prefix")
            if page.text("IsTruncated") != "true":
                break
            query = [("key-marker", page.text("NextKeyMarker")), ("upload-id-marker", page.text("NextUploadIdMarker"))]
        self.assertEqual(["a/", "b", "c/"], walked)

    def test_276_markers_and_parameters(self):
        upload = self.create("m")
        self.assertEqual(["m"], self.list_uploads(("key-marker", "a")).texts("Upload/Key"))
        self.assertEqual([], self.list_uploads(("key-marker", "m")).texts("Upload/Key"))
        self.assertEqual(["m"], self.list_uploads(("upload-id-marker", "nonsense")).texts("Upload/Key"))
        self.assertEqual([], self.list_uploads(("key-marker", "m"), ("upload-id-marker", upload)).texts("Upload/Key"))
        for query in ([("key-marker", "m"), ("upload-id-marker", "nonsense")], [("max-uploads", "-1")],
                      [("max-uploads", "x")], [("encoding-type", "x")]):
            with self.subTest(query):
                self.assert_error(self.list_uploads(*query), 400, "InvalidArgument")
        self.assertEqual("1000", self.list_uploads(("max-uploads", "9999")).text("MaxUploads"))
        self.assertEqual([], self.list_uploads(("max-uploads", "0")).texts("Upload/Key"))
        self.create("a b+ü")
        self.assertEqual(["a%20b%2B%C3%BC", "m"], self.list_uploads(("encoding-type", "url")).texts("Upload/Key"))

    def test_277_uploads_of_a_key(self):
        self.assert_error(self.alice.get(self.bucket, "k", {"uploads": None}), 400, "InvalidRequest")


class UploadPartCopy(MultipartCase):
    def setUp(self):
        super().setUp()
        self.source = text_bytes(3 << 20, 9) + noise_bytes(3 << 20, 9)
        self.put("source", self.source)

    def test_279_ranges_must_be_whole(self):
        upload = self.create()
        for byte_range in ("0-2", "bytes=0", "bytes=0-2,3-5", "bytes=a-b", "bytes=-5", "bytes=5-", "bytes=5-4", "items=0-2",
                           "bytes=0-2x", "bytes= 0-2", ""):
            with self.subTest(byte_range):
                answer = self.copy_part(upload, 1, f"{self.bucket}/source", byte_range)
                self.assert_error(answer, 400, "InvalidArgument")

    def test_280_ranges_beyond_the_source(self):
        upload = self.create()
        for byte_range in (f"bytes=0-{len(self.source)}", f"bytes={len(self.source)}-{len(self.source)}", "bytes=0-99999999999999"):
            self.assert_error(self.copy_part(upload, 1, f"{self.bucket}/source", byte_range), 400, "InvalidArgument")

    def test_281_original_bytes(self):
        upload = self.create()
        ranges = [(100, 100 + LEAST - 1), (0, LEAST), (len(self.source) - 1, len(self.source) - 1)]
        parts, bodies = [], []
        for number, (first, last) in enumerate(ranges, 1):
            body = self.source[first:last + 1]
            answer = self.copy_part(upload, number, f"/{self.bucket}/source", f"bytes={first}-{last}")
            self.assert_success_xml(answer, "CopyPartResult")
            self.assertEqual(checksums.etag(body), answer.text("ETag"))
            self.assertRegex(answer.text("LastModified"), r"^\d{4}-")
            parts.append(part_xml(number, answer.text("ETag")))
            bodies.append(body)
        answer = self.complete(upload, *parts)
        self.assertEqual(composite_etag(bodies), answer.text("ETag"))
        self.assert_bytes("k", b"".join(bodies))

    def test_282_keys_versions_and_uploads_as_sources(self):
        self.put("a b+ü%", b"encoded")
        upload = self.create()
        for source in (f"{self.bucket}/a%20b%2B%C3%BC%25", f"{self.bucket}/a%20b%2B%C3%BC%25?versionId=null"):
            self.assertEqual(checksums.etag(b"encoded"), self.copy_part(upload, 1, source).text("ETag"))
        self.make([TEXT, SMALL], "parts")
        answer = self.copy_part(upload, 1, f"{self.bucket}/parts")
        self.assertEqual(checksums.etag(TEXT + SMALL), answer.text("ETag"))
        self.complete(upload, part_xml(1, answer.text("ETag")))
        self.assert_bytes("k", TEXT + SMALL)

    def test_sources_that_are_not_there(self):
        upload = self.create()
        self.assert_error(self.copy_part(upload, 1, f"{self.bucket}/missing"), 404, "NoSuchKey", {"Key": "missing"})
        self.assert_error(self.copy_part(upload, 1, f"{self.bucket_name()}/k"), 404, "NoSuchBucket")
        self.assert_error(self.copy_part("0" * 32, 1, f"{self.bucket}/source"), 404, "NoSuchUpload")
        foreign = self.make_bucket(self.bob)
        self.bob.put(foreign, "k", (), (), b"x")
        self.assert_error(self.copy_part(upload, 1, f"{foreign}/k"), 403, "AccessDenied")

    def test_223_source_conditions(self):
        upload = self.create()
        for header, value in (("x-amz-copy-source-if-match", '"x"'), ("x-amz-copy-source-if-none-match", "*")):
            answer = self.copy_part(upload, 1, f"{self.bucket}/source", headers={header: value})
            self.assert_error(answer, 412, "PreconditionFailed")

    def test_222_copy_of_a_multipart_object(self):
        self.make([TEXT, NOISE, SMALL], "parts")
        answer = self.alice.put(self.bucket, "copy", (), {"x-amz-copy-source": f"{self.bucket}/parts"})
        whole = TEXT + NOISE + SMALL
        self.assertEqual(checksums.etag(whole), self.assert_success_xml(answer, "CopyObjectResult").text("ETag"))
        self.assert_object("copy", whole)

    def test_many_copies_at_once(self):
        """More than there are buffers: each waits for its turn, none for another."""
        upload = self.create()
        statuses = []
        threads = [threading.Thread(target=lambda n=n: statuses.append(
            self.copy_part(upload, n, f"{self.bucket}/source").status)) for n in range(1, 65)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([200] * 64, statuses)
