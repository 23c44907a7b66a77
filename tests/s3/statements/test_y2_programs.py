"""tests/s3/statements/test_y2_programs.py -- section Y2: what real programs send, each in the program's own form."""

import email.header
import hashlib

import checksums
import sigv4
import multipart
from case import S3Case
from sigv4 import STREAM_SIGNED_TRAILER, STREAM_UNSIGNED_TRAILER

BODY = hashlib.shake_128(b"programs").digest(100_000)


class Plus(S3Case):
    """A space that was written as forms write it."""

    def test_349_lists_of_the_java_sdk(self):
        """Version 1 of the Java SDK writes a space of a parameter as "+" and signs "%20"."""
        for key in ("a b/1", "a b/2 x", "a+b/1", "z"):
            self.put(key, b"x")
        for wire_query, query, keys in (
            ("prefix=a+b%2F&encoding-type=url&max-keys=10", {"prefix": "a b/", "encoding-type": "url", "max-keys": "10"},
             ["a%20b/1", "a%20b/2%20x"]),
            ("prefix=a%2Bb", {"prefix": "a+b"}, ["a+b/1"]),
            ("marker=a+b%2F2+x", {"marker": "a b/2 x"}, ["a+b/1", "z"]),
            ("list-type=2&start-after=a+b%2F1", {"list-type": "2", "start-after": "a b/1"}, ["a b/2 x", "a+b/1", "z"]),
        ):
            with self.subTest(wire_query):
                answer = self.assert_success_xml(self.alice.get(self.bucket, None, query, wire_query=wire_query), "ListBucketResult")
                self.assertEqual(keys, answer.texts("Contents/Key"))
        answer = self.alice.get(self.bucket, None, {"delimiter": " "}, wire_query="delimiter=+")
        self.assertEqual((" ", ["a "]), (answer.text("Delimiter"), answer.texts("CommonPrefixes/Prefix")))
        answer = self.alice.get(self.bucket, None, {"list-type": "2", "prefix": "a+b"}, wire_query="list-type=2&prefix=a+b")
        self.assert_error(answer, 403, "SignatureDoesNotMatch")  # signed as a plus, sent as a space

    def test_349_presigned_parameters(self):
        self.put("a+b", b"content")
        overrides = {"response-content-disposition": 'attachment; filename="a b+c"'}
        prepared = self.alice.prepare("GET", self.bucket, "a+b", overrides, auth="presigned")
        path, _, query = prepared.target.partition(b"?")
        prepared.target = path + b"?" + query.replace(b"%20", b"+")
        answer = self.alice.send(prepared)
        self.assert_status(200, answer)
        self.assertEqual((b"content", 'attachment; filename="a b+c"'), (answer.body, answer.header("content-disposition")))

    def test_349_plus_in_the_path_stays_one(self):
        self.put("a b", b"space")
        self.put("a+b", b"plus")
        for written, body in (("a+b", b"plus"), ("a%2Bb", b"plus"), ("a%20b", b"space")):
            key = "a b" if body == b"space" else "a+b"
            answer = self.alice.get(self.bucket, key, {"x": "y z"}, target=f"/{self.bucket}/{written}", wire_query="x=y+z")
            self.assertEqual((200, body), (answer.status, answer.body), written)

    def copy(self, source, headers=(), key="to", query=()):
        return self.alice.put(self.bucket, key, query, {"x-amz-copy-source": f"/{self.bucket}/{source}", **dict(headers)})

    def test_350_copy_source_is_form_encoded(self):
        """Both keys exist, and so does each alone: what is meant never depends on what there is."""
        self.put("a b", b"space")
        self.put("a+b", b"plus")
        for source, body in (("a+b", b"space"), ("a%20b", b"space"), ("a%2Bb", b"plus"), ("a%2bb", b"plus")):
            with self.subTest(source):
                self.assert_success_xml(self.copy(source), "CopyObjectResult")
                self.assert_object("to", body)
        self.alice.delete(self.bucket, "a b")
        self.assert_error(self.copy("a+b"), 404, "NoSuchKey", {"Key": "a b"})
        self.alice.delete(self.bucket, "a+b")
        self.put("a b", b"space")
        self.assert_error(self.copy("a%2Bb"), 404, "NoSuchKey", {"Key": "a+b"})

    def test_350_parts_that_are_copied(self):
        self.put("a b", b"space")
        self.put("a+b", b"plus, and more")
        upload = self.alice.post(self.bucket, "to", {"uploads": None}).text("UploadId")
        document = ""
        answer = self.copy("a+b", query=[("partNumber", "1"), ("uploadId", upload)])
        self.assert_success_xml(answer, "CopyPartResult")
        document = f"<Part><PartNumber>1</PartNumber><ETag>{answer.text('ETag')}</ETag></Part>"
        done = self.alice.post(self.bucket, "to", {"uploadId": upload}, (),
                               f"<CompleteMultipartUpload>{document}</CompleteMultipartUpload>")
        self.assert_status(200, done)
        self.assertEqual(b"space", self.get("to").body)


class Trailers(S3Case):
    def put_with_ends(self, form, body, checksum_end, signature_end, end=b"\r\n", key="k"):
        name, value = checksums.header("CRC32C"), checksums.checksum("CRC32C", body)
        prepared = self.alice.prepare("PUT", self.bucket, key, (), (), body, payload=form, trailers=[(name, value)])
        line = f"{name}:{value}".encode()
        prepared.body = prepared.body[:-2].replace(line + b"\r\n", line + checksum_end)
        if form == STREAM_SIGNED_TRAILER:
            prepared.body = prepared.body[:-2] + signature_end
        prepared.body += end
        return self.alice.send(prepared.set("Content-Length", str(len(prepared.body))))

    def test_351_lines_of_trailers(self):
        """minio-go ends the checksum's line with LF CR LF."""
        ends = (b"\r\n", b"\n", b"\n\r\n")
        for form in (STREAM_UNSIGNED_TRAILER, STREAM_SIGNED_TRAILER):
            for checksum_end in ends:
                for signature_end in ends if form == STREAM_SIGNED_TRAILER else ends[:1]:
                    for body in (BODY, b""):
                        with self.subTest(f"{form} {checksum_end} {signature_end} {len(body)}"):
                            answer = self.put_with_ends(form, body, checksum_end, signature_end)
                            self.assert_status(200, answer)
                            self.assertEqual(checksums.checksum("CRC32C", body), answer.header("x-amz-checksum-crc32c"))
                            self.assert_object("k", body)

    def test_351_what_is_signed_is_the_line_without_its_end(self):
        """A trailer that was changed is refused however its lines end; so is one that ends too early."""
        for end in (b"\r\n", b"\n", b"\n\r\n"):
            name, value = checksums.header("CRC32C"), checksums.checksum("CRC32C", BODY)
            for changed, status, code in ((checksums.checksum("CRC32C", b"other"), 403, "SignatureDoesNotMatch"),
                                          (value[:-1], 400, "InvalidRequest")):
                prepared = self.alice.prepare("PUT", self.bucket, "k", (), (), BODY, payload=STREAM_SIGNED_TRAILER,
                                              trailers=[(name, value)])
                prepared.body = prepared.body.replace(value.encode() + b"\r\n", changed.encode() + end)
                self.assert_error(self.alice.send(prepared.set("Content-Length", str(len(prepared.body)))), status, code)
        answer = self.put_with_ends(STREAM_UNSIGNED_TRAILER, BODY, b"\n", b"", end=b"")
        self.assert_error(answer, 400, "IncompleteBody")
        self.assert_absent("k")


class Answers(S3Case):
    def assert_region(self, answer, status, code=None):
        self.assert_status(status, answer)
        if code:
            self.assert_error(answer, status, code)
        self.assertEqual([self.server.region], answer.all("x-amz-bucket-region"), answer)

    def test_352_region_of_the_bucket(self):
        """Clients that follow regions look nowhere else, and stop without it."""
        self.put("k", b"x")
        self.assert_region(self.alice.head(self.bucket), 200)
        self.assert_region(self.alice.get(self.bucket, None, {"location": None}), 200)
        for method in ("HEAD", "GET"):
            for key in (None, "k"):
                with self.subTest(f"{method} {key}"):
                    code = None if method == "HEAD" else "AccessDenied"
                    self.assert_region(self.alice.request(method, self.bucket, key, auth=None), 403, code)
                    self.assert_region(self.bob.request(method, self.bucket, key), 403, code)
                    code = None if method == "HEAD" else "AuthorizationHeaderMalformed"
                    self.assert_region(self.alice.request(method, self.bucket, key, region="eu-west-9"), 400, code)
                    code = None if method == "HEAD" else "AuthorizationQueryParametersError"
                    self.assert_region(self.alice.request(method, self.bucket, key, region="eu-west-9", auth="presigned"), 400, code)
        self.assert_region(self.reader.put(self.bucket, "k", (), (), b"y"), 403, "AccessDenied")
        self.assert_region(self.alice.get(self.bucket, "k", access_key="AKIAUNKNOWN"), 403, "InvalidAccessKeyId")
        self.assert_region(self.alice.get(self.bucket, "k", secret_key="wrong"), 403, "SignatureDoesNotMatch")

    def test_352_no_region_where_there_is_no_bucket(self):
        for name in (self.bucket_name(), "NO-SUCH-NAME", ".bale"):
            for options in ({"auth": None}, {"region": "eu-west-9"}, {}):
                answer = self.alice.get(name, "k", **options)
                self.assertGreaterEqual(answer.status, 400)
                self.assertIsNone(answer.header("x-amz-bucket-region"), answer)
        self.assertIsNone(self.alice.get(auth=None).header("x-amz-bucket-region"))

    def test_353_metadata_beyond_ascii(self):
        """It comes as UTF-8, and goes as RFC 2047: readers of object_store fail on any other byte."""
        for value in ("Grüße", "日本語", "emoji \U0001F600", "a" + "ü" * 1018, "=?UTF-8?B?eA==?= und ä"):
            with self.subTest(value):
                self.put("k", b"x", {"x-amz-meta-text": value})
                self.alice.put(self.bucket, "copy", (), {"x-amz-copy-source": f"{self.bucket}/k"})
                for read, key in ((self.get, "k"), (self.head, "k"), (self.get, "copy")):
                    given = read(key).header("x-amz-meta-text")
                    self.assertRegex(given, r"^=\?UTF-8\?B\?[A-Za-z0-9+/]+=*\?=$")
                    (text, charset), = email.header.decode_header(given)
                    self.assertEqual(("utf-8", value), (charset, text.decode(charset)))
        for value in ("=?UTF-8?B?w6Q=?=", "=?UTF-8?Q?=C3=A4?=", "=?nonsense"):
            self.put("k", b"x", {"x-amz-meta-text": value})
            self.assertEqual(value, self.head("k").header("x-amz-meta-text"))
        self.put("k", b"x", {"x-amz-meta-text": b"latin \xe4"})
        self.assertEqual("latin \udce4", self.head("k").header("x-amz-meta-text"))

    def test_353_bytes_that_came_are_counted(self):
        fits = "ü" * ((2048 - 4) // 2)
        self.put("k", b"x", {"x-amz-meta-text": fits})
        answer = self.alice.put(self.bucket, "k", (), {"x-amz-meta-text": fits + "x"}, b"x")
        self.assert_error(answer, 400, "MetadataTooLarge", {"Size": "2049", "MaxSizeAllowed": "2048"})

    def test_354_suffix_of_an_empty_object(self):
        self.put("empty", b"")
        for value in ("bytes=-1", "bytes=-100", "bytes=-99999999999999999999"):
            for read in (self.get, self.head):
                answer = read("empty", headers={"Range": value})
                self.assert_status(200, answer)
                self.assertEqual((b"", "0", None), (answer.body, answer.header("content-length"), answer.header("content-range")))
        for value in ("bytes=0-", "bytes=0-0", "bytes=-0"):
            self.assert_error(self.get("empty", headers={"Range": value}), 416, "InvalidRange", {"ActualObjectSize": "0"})

    def test_355_acl_of_the_owner(self):
        self.put("k", b"x")
        owner = self.alice.account
        names = {account.name for account in self.server.accounts.values() if account.id == owner.id}
        type_name = "{http://www.w3.org/2001/XMLSchema-instance}type"
        for key, query in ((None, {"acl": None}), ("k", {"acl": None}), ("k", {"acl": "", "versionId": "null"})):
            answer = self.assert_success_xml(self.alice.get(self.bucket, key, query), "AccessControlPolicy")
            self.assertEqual(owner.id, answer.text("Owner/ID"))
            self.assertIn(answer.text("Owner/DisplayName"), names)
            grants = answer.xml.findall("AccessControlList/Grant")
            self.assertEqual(1, len(grants))
            self.assertEqual("CanonicalUser", grants[0].find("Grantee").get(type_name))
            self.assertEqual((owner.id, answer.text("Owner/DisplayName"), "FULL_CONTROL"), tuple(
                grants[0].findtext(path) for path in ("Grantee/ID", "Grantee/DisplayName", "Permission")))
        self.assert_error(self.get("missing", {"acl": None}), 404, "NoSuchKey", {"Key": "missing"})
        self.assert_error(self.get("k", {"acl": None, "versionId": "a" * 32}), 404, "NoSuchVersion")
        self.assert_error(self.alice.get(self.bucket_name(), None, {"acl": None}), 404, "NoSuchBucket")
        for key in (None, "k"):
            self.assert_error(self.bob.get(self.bucket, key, {"acl": None}), 403, "AccessDenied")

    def test_357_number_of_header_fields(self):
        """Also in docs/s3-compatibility.md."""
        for count, status in ((95, 200), (101, 400)):
            fields = [(f"x-{number}", "v") for number in range(count)]
            prepared = self.alice.prepare("PUT", self.bucket, "k", (), [], b"x")
            prepared.headers += fields[:count - len(prepared.headers)]
            with self.alice.connect() as connection:
                connection.try_send(prepared.bytes)
                answer = connection.read_response()
                self.assert_status(status, answer)
                if status == 400:
                    self.assert_error(answer, 400, "RequestHeaderSectionTooLarge", ["MaxSizeAllowed"], message="100 fields")
                    self.assert_closed(connection)

    def test_357_arn_of_a_bucket(self):
        name = self.bucket_name()
        for _ in range(2 if self.server.region == "us-east-1" else 1):
            answer = self.alice.put(name)
            self.assert_status(200, answer)
            self.assertEqual((f"/{name}", f"arn:aws:s3:::{name}"), (answer.header("location"), answer.header("x-amz-bucket-arn")))

    def test_358_torrents(self):
        self.put("k", b"secret content")
        for key in ("k", "missing"):
            self.assert_error(self.get(key, {"torrent": None}), 404, "NoSuchKey", {"Key": key})
        self.assert_error(self.bob.get(self.bucket, "k", {"torrent": None}), 403, "AccessDenied")


class Uploads(multipart.MultipartCase):
    def test_358_complete_without_a_body(self):
        upload = self.create()
        part = self.part(upload, 1, b"part")
        for options in ({}, {"payload": "unsigned"}, {"transfer": "chunked"}):
            answer = self.alice.post(self.bucket, "k", {"uploadId": upload}, (), b"", **options)
            self.assert_error(answer, 400, "MalformedXML")
        self.complete(upload, part)

    def parts_of(self, algorithm, kind, bodies):
        named = {"x-amz-checksum-algorithm": algorithm, "x-amz-checksum-type": kind} if algorithm else {}
        upload, parts = self.create(headers=named), []
        for number, body in enumerate(bodies, 1):
            value = checksums.checksum(algorithm or "CRC64NVME", body)
            headers = {checksums.header(algorithm): value} if algorithm else {}
            element = f"<Checksum{algorithm}>{value}</Checksum{algorithm}>" if algorithm else ""
            answer = self.try_part(upload, number, body, headers=headers)
            self.assert_status(200, answer)
            parts.append(multipart.part_xml(number, answer.header("etag"), element))
        self.complete(upload, *parts)

    def test_358_checksums_of_parts(self):
        text = multipart.text_bytes(multipart.LEAST)
        for algorithm, kind in (("SHA256", "COMPOSITE"), ("CRC32", "COMPOSITE"), ("CRC32", "FULL_OBJECT"),
                                (None, "FULL_OBJECT")):
            for bodies in ([text, b"the last one"], [b"only one"]):
                self.parts_of(algorithm, kind, bodies)
                name = checksums.header(algorithm or "CRC64NVME")
                for number, body in enumerate(bodies, 1):
                    if algorithm is None and len(body) > 100:
                        continue  # in plain Python that takes seconds
                    for read in (self.get, self.head):
                        with self.subTest(f"{algorithm} {kind} {number}"):
                            answer = read("k", {"partNumber": str(number)}, {"x-amz-checksum-mode": "ENABLED"})
                            self.assert_status(206, answer)
                            self.assertEqual((checksums.checksum(algorithm or "CRC64NVME", body), kind),
                                             (answer.header(name), answer.header("x-amz-checksum-type")))
                            self.assertEqual(1, sum(field.startswith("x-amz-checksum-") and field != "x-amz-checksum-type"
                                                    for field in answer.names))
                    self.assertIsNone(self.head("k", {"partNumber": str(number)}).header(name))
        self.put("single", b"of one PUT")
        answer = self.get("single", {"partNumber": "1"}, {"x-amz-checksum-mode": "ENABLED"})
        self.assertEqual((checksums.checksum("CRC64NVME", b"of one PUT"), "FULL_OBJECT"),
                         (answer.header("x-amz-checksum-crc64nvme"), answer.header("x-amz-checksum-type")))

    def test_356_newest_checksums_of_an_upload(self):
        """Their type is COMPOSITE, and what SHA512 says is twice as long as any other."""
        bodies = [multipart.text_bytes(multipart.LEAST), b"the last one"]
        for algorithm in checksums.NEW:
            with self.subTest(algorithm):
                upload, parts = self.create(headers={"x-amz-checksum-algorithm": algorithm}), []
                for number, body in enumerate(bodies, 1):
                    value = checksums.checksum(algorithm, body)
                    answer = self.try_part(upload, number, body, headers={checksums.header(algorithm): value})
                    self.assertEqual(value, answer.header(checksums.header(algorithm)))
                    parts.append(multipart.part_xml(number, answer.header("etag"), f"<Checksum{algorithm}>{value}</Checksum{algorithm}>"))
                joined = b"".join(checksums.digest(algorithm, body) for body in bodies)
                whole = f"{checksums.checksum(algorithm, joined)}-2"
                listed = self.list_parts(upload)
                self.assertEqual((algorithm, "COMPOSITE", [checksums.checksum(algorithm, body) for body in bodies]), (
                    listed.text("ChecksumAlgorithm"), listed.text("ChecksumType"), listed.texts(f"Part/Checksum{algorithm}")))
                for _ in range(2):  # again, as after a lost answer
                    self.assertEqual(whole, self.complete(upload, *parts).text(f"Checksum{algorithm}"))
                attributes = self.get("k", {"attributes": None}, {"x-amz-object-attributes": "Checksum,ObjectParts"})
                self.assertEqual((whole.removesuffix("-2"), [checksums.checksum(algorithm, body) for body in bodies]), (
                    attributes.text(f"Checksum/Checksum{algorithm}"), attributes.texts(f"ObjectParts/Part/Checksum{algorithm}")))
                for number, body in enumerate(bodies, 1):
                    answer = self.head("k", {"partNumber": str(number)}, {"x-amz-checksum-mode": "ENABLED"})
                    self.assertEqual((checksums.checksum(algorithm, body), "COMPOSITE"), (
                        answer.header(checksums.header(algorithm)), answer.header("x-amz-checksum-type")))


class NewestChecksums(S3Case):
    def test_356_all_five_are_there(self):
        if len(checksums.NEW) < 5:
            self.skipTest("libxxhash is not installed")
        self.assertEqual(10, len(checksums.ALGORITHMS))

    def test_356_as_header_and_trailer(self):
        """Canonical, that is big endian, in base64; of every length that xxHash takes by a way of its own."""
        bodies = [BODY[:size] for size in (0, 1, 3, 4, 8, 9, 16, 17, 128, 129, 240, 241, 1024, 1025, 100_000)]
        for algorithm in checksums.NEW:
            for body in bodies:
                with self.subTest(f"{algorithm} {len(body)}"):
                    name, value = checksums.header(algorithm), checksums.checksum(algorithm, body)
                    answer = self.put("k", body, {name: value, "x-amz-sdk-checksum-algorithm": algorithm})
                    self.assertEqual((value, "FULL_OBJECT"), (answer.header(name), answer.header("x-amz-checksum-type")))
                    for form in (STREAM_UNSIGNED_TRAILER, STREAM_SIGNED_TRAILER):
                        answer = self.put("t", body, payload=form, trailers=[(name, value)])
                        self.assertEqual(value, answer.header(name))
                    self.assertEqual(value, self.get("t", (), {"x-amz-checksum-mode": "ENABLED"}).header(name))

    def test_356_md5_as_content_md5(self):
        """Where the JavaScript SDK announces an MD5, it comes so."""
        announced = {"x-amz-sdk-checksum-algorithm": "MD5"}
        value = checksums.md5_base64(BODY)
        answer = self.put("k", BODY, {**announced, "Content-MD5": value})
        self.assertEqual(value, answer.header("x-amz-checksum-md5"))
        self.assertEqual(value, self.head("k", (), {"x-amz-checksum-mode": "ENABLED"}).header("x-amz-checksum-md5"))
        wrong = {**announced, "Content-MD5": checksums.md5_base64(b"other")}
        self.assert_refused_write(400, "BadDigest", "w", body=BODY, headers=wrong)
        self.assert_refused_write(400, "InvalidRequest", "n", body=BODY, headers=announced)

    def test_356_known_values(self):
        for algorithm, value in (("SHA512", "2eZ2LdHI6vbWGzxhkvxAjU1tXxF20MKRabwk5xw/J0rSf81YEbMT1oH35V7ALXPUmclUVba1u1A6z1dPuo/+hQ=="),
                                 ("MD5", "JfnnlDI7RTiF9RgfG2JNCw=="), ("XXHASH64", "jLhB20DmroM="), ("XXHASH3", "ctyxi2ehff8="),
                                 ("XXHASH128", "MxGUd+3l3NXpcWQnaB1YYA==")):
            self.put("k", b"123456789", {f"x-amz-checksum-{algorithm.lower()}": value})
