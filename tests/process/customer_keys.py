"""tests/process/customer_keys.py -- objects under keys that clients bring along (SSE-C): what is seen of them with the key, without it and
with another, and what lies in the folder; for tests/process/run.
"""

import hashlib
import json
import base64
import os
import re
import shutil

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import admin
import checksums
import forms
from customers import KEY, OTHER, PREFIX, REFUSED, SOURCE, TOLD, customer, encoded, forms_of_key, key_md5, said, source
from encrypted import CHECKSUM, HEADER, MARK, SSE, forms_of, sha256, words
from encryption import BODIES, EncryptionCase

LEAST = 5 << 20  # of every part but the last
PARTS = (words(LEAST + 700_000, 31), words(70_001, 33))


class CustomerCase(EncryptionCase):
    def begin(self, *options):
        return super().begin("--sse-c-over-http", "allow", *options)

    def put(self, daemon, key, body, headers=None, status=200):
        return super().put(daemon, key, body, customer() if headers is None else headers, status)

    def refuse(self, answer, status, code):
        """HEAD has no body that says why."""
        self.assertEqual((status, code if answer.body else None), (answer.status, answer.text("Code") if answer.body else None), answer.body)

    def expect_object(self, daemon, key, body):
        etags = set()
        for answer in (daemon.alice.get("bucket", key, None, customer()), daemon.alice.head("bucket", key, None, customer())):
            self.assertEqual((200, TOLD, None, str(len(body))),
                             (answer.status, said(answer), answer.header(HEADER), answer.header("content-length")), answer.body)
            etags.add(answer.header("etag"))
        self.assertEqual(body, daemon.alice.get("bucket", key, None, customer()).body)
        self.assertEqual(1, len(etags))
        self.assertNotIn(hashlib.md5(body).hexdigest(), etags.pop())

    def count_theirs(self, daemon, name):
        rows = admin.metrics(daemon.server).items()
        return sum(value for row, value in rows if row.startswith(f"bale_customer_key_objects_{name}_total"))

    def expect_nothing_in_clear(self, daemon, bodies):
        stored = self.stored(daemon) + daemon.log().encode()
        self.assertNotIn(MARK, stored)
        for body in bodies:
            self.assertNotIn(body[:16], stored)
            for form in forms_of(body):
                self.assertNotIn(form, stored)
        for key in (KEY, OTHER):
            for form in forms_of_key(key):
                self.assertNotIn(form, stored)


class CustomerKeys(CustomerCase):
    def test_objects_are_what_they_were(self):
        daemon = self.begin("--log-level", "debug")
        alice = daemon.alice
        for key, body in BODIES.items():
            answer = self.put(daemon, key, body)
            self.assertEqual((TOLD, None), (said(answer), answer.header(HEADER)))
            self.expect_object(daemon, key, body)
            self.assertEqual(answer.header("etag"), alice.head("bucket", key, None, customer()).header("etag"))
            for first, last in ((0, 0), (5, 99), (len(body) - 7, len(body) - 1), ((1 << 20) - 3, (1 << 20) + 3)):
                if 0 <= first <= last < len(body):
                    answer = alice.get("bucket", key, None, {**customer(), "range": f"bytes={first}-{last}"})
                    self.assertEqual((206, body[first:last + 1], TOLD), (answer.status, answer.body, said(answer)))
        listed = alice.get("bucket").body.decode()
        etags = {key: alice.head("bucket", key, None, customer()).header("etag").strip('"') for key in BODIES}
        self.assertEqual(etags, dict(re.findall(r"<Key>(\w+)</Key>.*?<ETag>(?:&quot;|\")(\w+)", listed)))
        self.put(daemon, "again", BODIES["small"])
        self.assertNotEqual(etags["small"], alice.head("bucket", "again", None, customer()).header("etag").strip('"'))
        daemon.kill()
        self.restart(daemon)
        for key, body in BODIES.items():
            self.expect_object(daemon, key, body)
        self.assertEqual(0, daemon.stop())
        self.expect_nothing_in_clear(daemon, (BODIES["small"], BODIES["noise"], BODIES["frames"]))
        self.run_bale(daemon, "check", "--backend", "dir:data")

    def test_nothing_is_said_without_the_key(self):
        """Neither of an empty object, nor by a condition or a range; and no cache answers for it."""
        daemon = self.begin()
        alice = daemon.alice
        for key, body in (("empty", b""), ("small", BODIES["small"])):
            etag = self.put(daemon, key, body).header("etag")
            for _ in range(2):
                self.expect_object(daemon, key, body)
            asks = ({}, {"if-none-match": etag}, {"if-match": '"0123"'}, {"range": "bytes=999999-"}, {"range": "bytes=0-0"})
            for headers, status, code in ((customer(OTHER), 403, "AccessDenied"), ({}, 400, "InvalidRequest")):
                for ask in asks:
                    for send in (alice.get, alice.head):
                        answer = send("bucket", key, None, {**headers, **ask})
                        self.refuse(answer, status, code)
                        self.assertEqual((None, None), (answer.header("etag"), answer.header("last-modified")))
                self.refuse(alice.get("bucket", key, {"attributes": None}, {**headers, "x-amz-object-attributes": "ETag"}), status, code)
                copied = {"x-amz-copy-source": f"bucket/{key}"}
                if headers:
                    copied |= source(OTHER)
                self.refuse(alice.put("bucket", "copy", None, copied), status, code)
                self.assertEqual(404, alice.head("bucket", "copy").status)
            self.assertEqual(304, alice.get("bucket", key, None, {**customer(), "if-none-match": etag}).status)
            self.assertEqual(412, alice.get("bucket", key, None, {**customer(), "if-match": '"0123"'}).status)
            answer = alice.get("bucket", key, {"attributes": None}, {**customer(), "x-amz-object-attributes": "ETag,ObjectSize"})
            self.assertEqual((200, etag.strip('"'), str(len(body))), (answer.status, answer.text("ETag"), answer.text("ObjectSize")))
        self.assertEqual(0, self.count(daemon, "refused"))
        self.assertEqual(2, self.count_theirs(daemon, "written"))
        self.assertLess(2 * 2 * len(asks), self.count_theirs(daemon, "refused"))
        for number in range(2):  # what needs no key
            self.assertEqual(200, alice.get("bucket", "small", {"tagging": None}).status)
            self.assertEqual(200, alice.get("bucket").status)
        self.put(daemon, "small", b"other", {**customer(), "if-match": '"0123"'}, 412)
        self.put(daemon, "small", b"other", {**customer(OTHER), "if-match": etag})
        self.refuse(alice.get("bucket", "small", None, customer()), 403, "AccessDenied")
        self.assertEqual(204, alice.delete("bucket", "small").status)

    def test_what_is_refused(self):
        daemon = self.begin("--log-level", "debug")
        alice = daemon.alice
        self.put(daemon, "sealed", b"body")
        self.put(daemon, "plain", b"body", ())
        self.put(daemon, "ours", b"body", SSE)
        for headers, status, code in REFUSED:
            self.refuse(self.put(daemon, "key", b"body", headers, status), status, code)
            self.refuse(alice.get("bucket", "sealed", None, headers), status, code)
            self.refuse(alice.get("bucket", "plain", None, headers), status, code)
            self.refuse(alice.post("bucket", "key", {"uploads": None}, headers), status, code)
            of_source = {name.replace(PREFIX, SOURCE): value for name, value in headers.items()}
            self.refuse(alice.put("bucket", "key", None, {**of_source, "x-amz-copy-source": "bucket/sealed"}), status, code)
        for twice in (PREFIX + "key", encoded(OTHER)), (PREFIX + "algorithm", "AES256"):
            self.refuse(self.put(daemon, "key", b"body", [*customer().items(), twice], 400), 400, "InvalidArgument")
        self.refuse(self.put(daemon, "key", b"body", {**customer(), **SSE}, 400), 400, "InvalidArgument")
        self.refuse(self.put(daemon, "key", b"body", {**customer(), HEADER: "aws:kms:dsse"}, 501), 501, "NotImplemented")
        self.refuse(self.put(daemon, "key", b"body", source(), 501), 501, "NotImplemented")
        self.refuse(alice.put("bucket", "key", customer(), (), b"body", auth="presigned"), 400, "InvalidRequest")
        self.assertEqual(404, alice.head("bucket", "key").status)
        for key in ("plain", "ours"):
            self.refuse(alice.get("bucket", key, None, customer()), 400, "InvalidRequest")
            self.refuse(alice.head("bucket", key, None, customer()), 400, "InvalidRequest")
            copied = {"x-amz-copy-source": f"bucket/{key}"}
            self.refuse(alice.put("bucket", "copy", None, {**copied, **source()}), 400, "InvalidRequest")
        self.assertEqual(404, alice.get("bucket", "none", None, customer()).status)
        self.assertEqual(0, daemon.stop())
        self.expect_nothing_in_clear(daemon, ())

    def test_where_keys_are_taken(self):
        """Over TLS alone, unless the operator says otherwise; nowhere, if he says so."""
        for options, status, code in ((("--sse-c-over-http", "refuse"), 400, "InvalidRequest"), (("--sse-c", "off"), 403, "AccessDenied")):
            daemon = self.begin(*options)
            self.put(daemon, "plain", b"body", ())
            answer = self.put(daemon, "key", b"body", customer(), status)
            self.refuse(answer, status, code)
            if status == 400:
                self.assertIn("secure connection", answer.text("Message"))
            self.refuse(daemon.alice.get("bucket", "plain", None, customer()), status, code)
            self.put(daemon, "ours", b"body", SSE)

    def test_copies_change_mode_and_key(self):
        daemon = self.begin()
        alice = daemon.alice
        body = BODIES["frames"]
        for name, headers in (("plain", {}), ("ours", SSE), ("theirs", customer())):
            self.put(daemon, name, body, headers)
            of_source = source() if name == "theirs" else {}
            for target in ({}, SSE, customer(), customer(OTHER)):
                answer = alice.put("bucket", "copy", None, {**target, **of_source, "x-amz-copy-source": f"bucket/{name}"})
                self.assertEqual(200, answer.status, answer.body)
                self.assertEqual((target.get(HEADER), target.get(PREFIX + "key-md5")),
                                 (answer.header(HEADER), answer.header(PREFIX + "key-md5")))
                read = {field: value for field, value in target.items() if field != HEADER}
                copy = alice.get("bucket", "copy", None, read)
                self.assertEqual((body, target.get(HEADER)), (copy.body, copy.header(HEADER)))
        onto_itself = {"x-amz-copy-source": "bucket/theirs"}
        self.refuse(alice.put("bucket", "ours", None, {"x-amz-copy-source": "bucket/ours"}), 400, "InvalidRequest")  # it would lie in clear
        self.assertEqual(200, alice.put("bucket", "theirs", None, {**onto_itself, **source(), **customer(OTHER)}).status)
        self.refuse(alice.get("bucket", "theirs", None, customer()), 403, "AccessDenied")
        self.assertEqual(body, alice.get("bucket", "theirs", None, customer(OTHER)).body)
        self.assertEqual(200, alice.put("bucket", "theirs", None, {**onto_itself, **source(OTHER)}).status)  # who has the key may take it away
        self.assertEqual((body, None), (alice.get("bucket", "theirs").body, alice.get("bucket", "theirs").header(HEADER)))
        self.put(daemon, "theirs", body, customer(OTHER))
        default = (b"<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>"
                   b"</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>")
        self.assertEqual(200, alice.put("bucket", None, {"encryption": None}, (), default).status)
        answer = alice.put("bucket", "theirs", None, {**onto_itself, **source(OTHER)})
        self.assertEqual((200, "AES256"), (answer.status, answer.header(HEADER)), answer.body)
        self.assertEqual(body, alice.get("bucket", "theirs").body)
        self.refuse(alice.put("bucket", "theirs", None, onto_itself), 400, "InvalidRequest")

    def test_forms_links_and_versions(self):
        """A form's fields are its headers; a link is for whoever has the key as well."""
        daemon = self.begin()
        alice = daemon.alice
        form = forms.Form(alice, "bucket", "formed", b"formed")
        for name, value in customer().items():
            form.add(name, value)
        answer = form.send()
        self.assertEqual((204, TOLD), (answer.status, said(answer)), answer.body)
        self.expect_object(daemon, "formed", b"formed")
        self.assertEqual(200, alice.put("bucket", "linked", (), customer(), b"linked", auth="presigned").status)
        answer = alice.get("bucket", "linked", (), customer(), auth="presigned")
        self.assertEqual((200, b"linked"), (answer.status, answer.body))
        self.refuse(alice.get("bucket", "linked", (), (), auth="presigned"), 400, "InvalidRequest")
        versioning = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        self.assertEqual(200, alice.put("bucket", "", {"versioning": None}, (), versioning).status)
        ids = [self.put(daemon, "key", body, headers).header("x-amz-version-id")
               for body, headers in ((b"first", customer()), (b"second", customer(OTHER)), (b"third", SSE))]
        for version, body, headers in zip(ids, (b"first", b"second", b"third"), (customer(), customer(OTHER), {})):
            self.assertEqual(body, alice.get("bucket", "key", {"versionId": version}, headers).body)
        self.refuse(alice.get("bucket", "key", {"versionId": ids[1]}, customer()), 403, "AccessDenied")

    def test_every_codec_setting(self):
        for options in (("--codec", "none"), ("--codec", "gzip")):
            daemon = self.begin(*options)
            for key in ("empty", "small", "frames"):
                self.put(daemon, key, BODIES[key])
                self.expect_object(daemon, key, BODIES[key])
            self.assertEqual(0, daemon.stop())
            self.assertNotIn(MARK, self.stored(daemon))

    def test_a_policy_that_demands_or_forbids_them(self):
        daemon = self.begin()
        alice = daemon.alice
        name = "s3:" + PREFIX + "algorithm"
        deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject"}
        statements = [{**deny, "Resource": "arn:aws:s3:::bucket/must/*", "Condition": {"Null": {name: "true"}}},
                      {**deny, "Resource": "arn:aws:s3:::bucket/never/*", "Condition": {"Null": {name: "false"}}}]
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements}).encode()
        digest = {"content-md5": base64.b64encode(hashlib.md5(policy).digest()).decode()}
        self.assertEqual(204, alice.put("bucket", None, {"policy": None}, digest, policy).status)
        for headers in ({}, SSE):
            self.put(daemon, "must/key", b"body", headers, 403)
            self.put(daemon, "never/key", b"body", headers)
        self.put(daemon, "must/key", b"body")
        self.put(daemon, "never/key", b"body", customer(), 403)
        self.put(daemon, "never/key", b"body", {PREFIX + "algorithm": "AES192"}, 403)  # before its form is looked at
        upload = alice.post("bucket", "must/parts", {"uploads": None}, customer()).text("UploadId")
        part = alice.put("bucket", "must/parts", {"partNumber": "1", "uploadId": upload}, customer(), b"part")
        listed = f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{part.header('etag')}</ETag></Part></CompleteMultipartUpload>"
        self.assertEqual(200, alice.post("bucket", "must/parts", {"uploadId": upload}, (), listed.encode()).status)


class CustomerUploads(CustomerCase):
    def create(self, daemon, key, headers=None):
        answer = daemon.alice.post("bucket", key, {"uploads": None}, {**CHECKSUM, **(customer() if headers is None else headers)})
        self.assertEqual(200, answer.status, answer.body)
        return answer.text("UploadId")

    def send(self, daemon, key, upload, number, body, headers=None):
        fields = {**(customer() if headers is None else headers), "x-amz-checksum-sha256": sha256(body)}
        return daemon.alice.put("bucket", key, {"partNumber": str(number), "uploadId": upload}, fields, body)

    def complete(self, daemon, key, upload, etags, headers=(), checksums=None):
        listed = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag>"
                         f"<ChecksumSHA256>{sha256(checksums[number - 1])}</ChecksumSHA256></Part>" for number, etag in etags.items())
        return daemon.alice.post("bucket", key, {"uploadId": upload}, headers,
                                 f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode())

    def etag_of(self, etags):
        digest = hashlib.md5(b"".join(bytes.fromhex(etag.strip('"')) for etag in etags.values()))
        return f'"{digest.hexdigest()}-{len(etags)}"'

    def test_uploads(self):
        """Parts, copies into parts, the end with and without the key; and all of it after a restart."""
        daemon = self.begin()
        alice = daemon.alice
        upload = self.create(daemon, "key")
        etags = {}
        for number, body in enumerate(PARTS, 1):
            answer = self.send(daemon, "key", upload, number, body)
            self.assertEqual((200, TOLD), (answer.status, said(answer)), answer.body)
            etags[number] = answer.header("etag")
            self.assertNotIn(hashlib.md5(body).hexdigest(), etags[number])
        self.assertEqual(etags[2], self.send(daemon, "key", upload, 2, PARTS[1]).header("etag"))
        listed = alice.get("bucket", "key", {"uploadId": upload})
        self.assertEqual(list(etags.values()), listed.texts("Part/ETag"))
        self.assertEqual(0, daemon.stop())
        self.expect_nothing_in_clear(daemon, PARTS)
        self.restart(daemon)
        alice = daemon.alice
        self.refuse(self.complete(daemon, "key", upload, etags, customer(OTHER), PARTS), 400, "InvalidRequest")
        for headers in ({}, {}, customer()):  # the answer was lost
            answer = self.complete(daemon, "key", upload, etags, headers, PARTS)
            self.assertEqual((200, self.etag_of(etags)), (answer.status, answer.text("ETag")), answer.body)
        self.expect_whole(daemon, "key", PARTS, self.etag_of(etags))
        copy = self.create(daemon, "copy", customer(OTHER))
        whole = b"".join(PARTS)
        halves = (whole[:LEAST + 7], whole[LEAST + 7:])
        etags = {}
        for number, span in ((1, f"0-{LEAST + 6}"), (2, f"{LEAST + 7}-{len(whole) - 1}")):
            asked = {"x-amz-copy-source": "bucket/key", "x-amz-copy-source-range": f"bytes={span}"}
            part = {"partNumber": str(number), "uploadId": copy}
            self.refuse(alice.put("bucket", "copy", part, {**asked, **customer(OTHER)}), 400, "InvalidRequest")
            self.refuse(alice.put("bucket", "copy", part, {**asked, **customer(OTHER), **source(OTHER)}), 403, "AccessDenied")
            self.refuse(alice.put("bucket", "copy", part, {**asked, **source()}), 400, "InvalidRequest")
            answer = alice.put("bucket", "copy", part, {**asked, **customer(OTHER), **source()})
            self.assertEqual((200, key_md5(OTHER)), (answer.status, answer.header(PREFIX + "key-md5")), answer.body)
            etags[number] = answer.text("ETag")
        self.assertEqual(200, self.complete(daemon, "copy", copy, etags, (), halves).status)
        self.assertEqual(whole, alice.get("bucket", "copy", None, customer(OTHER)).body)
        self.assertEqual(0, daemon.stop())
        self.expect_nothing_in_clear(daemon, (*PARTS, *halves))
        self.run_bale(daemon, "check", "--backend", "dir:data")
        shutil.rmtree(os.path.join(daemon.folder, "data", "catalogue"))
        self.run_bale(daemon, "check", "--repair", "--backend", "dir:data")
        self.restart(daemon)
        self.assertEqual(whole, daemon.alice.get("bucket", "copy", None, customer(OTHER)).body)
        self.refuse(daemon.alice.get("bucket", "copy", None, customer()), 403, "AccessDenied")

    def expect_whole(self, daemon, key, parts, etag):
        alice = daemon.alice
        body = b"".join(parts)
        for answer in (alice.get("bucket", key, None, customer()), alice.head("bucket", key, None, customer())):
            self.assertEqual((200, etag, TOLD), (answer.status, answer.header("etag"), said(answer)), answer.body[:300])
        self.assertEqual(body, alice.get("bucket", key, None, customer()).body)
        for number, part in enumerate(parts, 1):
            answer = alice.get("bucket", key, {"partNumber": str(number)}, customer())
            self.assertEqual((206, part, str(len(parts))), (answer.status, answer.body, answer.header("x-amz-mp-parts-count")))
            self.refuse(alice.get("bucket", key, {"partNumber": str(number)}, customer(OTHER)), 403, "AccessDenied")
            self.refuse(alice.head("bucket", key, {"partNumber": str(number)}), 400, "InvalidRequest")
        asked = {"x-amz-object-attributes": "ObjectParts,Checksum"}
        answer = alice.get("bucket", key, {"attributes": None}, {**customer(), **asked})
        self.assertEqual([sha256(part) for part in parts], answer.texts("ObjectParts/Part/ChecksumSHA256"))
        first, last = len(parts[0]) - 5, len(parts[0]) + 5
        answer = alice.get("bucket", key, None, {**customer(), "range": f"bytes={first}-{last}"})
        self.assertEqual((206, body[first:last + 1]), (answer.status, answer.body))

    def test_an_upload_is_what_it_was_begun_as(self):
        daemon = self.begin()
        alice = daemon.alice
        theirs, ours, plain = self.create(daemon, "key"), self.create(daemon, "key", SSE), self.create(daemon, "key", {})
        for upload, headers in ((theirs, {}), (theirs, customer(OTHER)), (theirs, SSE), (ours, customer()), (plain, customer())):
            self.refuse(self.send(daemon, "key", upload, 1, b"part", headers), 400, "InvalidRequest")
            copied = {**headers, "x-amz-copy-source": "bucket/none"}
            part = {"partNumber": "1", "uploadId": upload}
            self.refuse(alice.put("bucket", "key", part, copied), 400, "InvalidRequest")
            self.assertEqual([], alice.get("bucket", "key", {"uploadId": upload}).texts("Part/ETag"))
        for headers, status, code in REFUSED:
            self.refuse(self.send(daemon, "key", theirs, 1, b"part", headers), status, code)
        self.assertEqual(204, alice.delete("bucket", "key", {"uploadId": theirs}).status)


class CustomersOfS4(CustomerCase):
    def test_what_s4_encrypted_for_a_customer(self):
        """S4E3: read with the client's key, copied with it, and told to nobody else; no cache answers for it."""
        daemon = self.begin()
        body = words(200_000, 71)
        s4 = self.import_s4e3(daemon, "theirs", body)
        alice = daemon.alice
        for _ in range(2):
            for ask, expected in (({}, body), ({"range": "bytes=5-99"}, body[5:100])):
                answer = alice.get("bucket", "theirs", None, {**customer(), **ask})
                self.assertEqual((206 if ask else 200, True, TOLD), (answer.status, answer.body == expected, said(answer)))
                self.refuse(alice.get("bucket", "theirs", None, {**customer(OTHER), **ask}), 403, "AccessDenied")
            self.refuse(alice.head("bucket", "theirs", None, customer(OTHER)), 403, "AccessDenied")
            head = alice.head("bucket", "theirs", None, customer())
            self.assertEqual((200, TOLD, str(len(body))), (head.status, said(head), head.header("content-length")))
        self.refuse(alice.get("bucket", "theirs"), 501, "NotImplemented")  # there is no [s4 ID], and which one it needs nobody has looked
        for headers, status in ((source(), 200), (source(OTHER), 403)):
            self.assertEqual(status, alice.put("bucket", "copy", None, {**customer(), **headers, "x-amz-copy-source": "bucket/theirs"}).status)
        self.expect_object(daemon, "copy", body)
        self.assertNotIn(MARK, s4)
        with open(os.path.join(daemon.folder, "keys"), "a", encoding="ascii") as file:
            file.write(f"[s4 1]\nmaterial = {encoded(bytes(range(32)))}\n")
        self.assertEqual(0, daemon.stop())
        said_of_it = self.run_bale(daemon, "verify", "--deep", "--keyring", "keys", "--backend", "dir:data", expect=1)
        self.assertIn("bucket/theirs: unknown-form: The object was stored using a form of Server Side Encryption.", said_of_it)
        self.restart(daemon)
        self.refuse(daemon.alice.get("bucket", "theirs"), 400, "InvalidRequest")
        self.assertEqual(body, daemon.alice.get("bucket", "theirs", None, customer()).body)

    def import_s4e3(self, daemon, key, body):
        """As S4 has written it under KEY. Returns what it has written."""
        nonce = bytes(12)
        head = b"S4E3\x01" + hashlib.md5(KEY).digest()
        sealed = AESGCM(KEY).encrypt(nonce, body, head)
        stored = head + nonce + sealed[-16:] + sealed[:-16]
        crc32c = int.from_bytes(checksums.digest("CRC32C", body), "big")
        metadata = {"s4-encrypted": "aes-256-gcm", "s4-sse-type": "AES256", "s4-sse-c-key-md5": key_md5(), "s4-codec": "passthrough",
                    "s4-original-size": str(len(body)), "s4-compressed-size": str(len(body)), "s4-crc32c": str(crc32c),
                    "s4-logical-etag": hashlib.md5(body).hexdigest()}
        folder = os.path.join(daemon.folder, "s4")
        os.mkdir(folder)
        with open(os.path.join(folder, "1.body"), "wb") as file:
            file.write(stored)
        with open(os.path.join(folder, "objects.json"), "w", encoding="ascii") as file:
            json.dump({"objects": {key: {"file": "1.body", "metadata": metadata, "stored_size": len(stored)}}}, file)
        self.assertEqual(0, daemon.stop())
        self.run_bale(daemon, "import", "s4", "--bucket", "bucket", "--backend", "dir:data", "--credentials", daemon.credentials)
        self.restart(daemon)
        return stored
