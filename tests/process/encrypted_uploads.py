"""tests/process/encrypted_uploads.py -- encrypted objects that are sent in parts: what clients see of them, what lies in the folder at
each step, and what becomes of an upload whose key is not there; for tests/process/run.
"""

import base64
import hashlib
import json
import os
import re
import shutil

from encrypted import CHECKSUM, HEADER, MARK, SSE, document, etag_of, forms_of, sha256, words
from encryption import EncryptionCase

SEALED = {**SSE, **CHECKSUM}
LEAST = 5 << 20  # of every part but the last
PARTS = (words(LEAST + 1_500_000, 21), words(LEAST, 22), words(70_001, 23))


class EncryptedUploads(EncryptionCase):
    def create(self, daemon, key, headers=SEALED):
        answer = daemon.alice.post("bucket", key, {"uploads": None}, headers)
        self.assertEqual((200, dict(headers or ()).get(HEADER)), (answer.status, answer.header(HEADER)), answer.body)
        return answer.text("UploadId")

    def send(self, daemon, key, upload, number, body, headers=()):
        fields = {**dict(headers), "x-amz-checksum-sha256": sha256(body)}
        answer = daemon.alice.put("bucket", key, {"partNumber": str(number), "uploadId": upload}, fields, body)
        self.assertEqual((200, "AES256"), (answer.status, answer.header(HEADER)), answer.body)
        self.assertEqual(f'"{hashlib.md5(body).hexdigest()}"', answer.header("etag"))

    def complete(self, daemon, key, upload, parts, status=200, headers=()):
        answer = daemon.alice.post("bucket", key, {"uploadId": upload}, headers, document(parts))
        self.assertEqual(status, answer.status, answer.body)
        return answer

    def expect_whole(self, daemon, key, parts):
        body = b"".join(parts)
        for answer in (daemon.alice.get("bucket", key), daemon.alice.head("bucket", key)):
            self.assertEqual(200, answer.status, answer.body[:500])
            self.assertEqual((etag_of(parts), "AES256"), (answer.header("etag"), answer.header(HEADER)))
        self.assertEqual(body, daemon.alice.get("bucket", key).body)
        ends = [0]
        for part in parts:
            ends.append(ends[-1] + len(part))
        for middle in ends if body else ():
            first, last = max(middle - 5, 0), min(middle + 5, len(body)) - 1
            answer = daemon.alice.get("bucket", key, None, {"range": f"bytes={first}-{last}"})
            self.assertEqual((206, body[first:last + 1]), (answer.status, answer.body))

    def expect_nothing_in_clear(self, daemon, bodies):
        stored = self.stored(daemon)
        self.assertNotIn(MARK, stored)
        for body in bodies:
            self.assertNotIn(body[:16], stored)
            for form in forms_of(body):
                self.assertNotIn(form, stored)
        for form in (hashlib.md5(b"".join(hashlib.md5(body).digest() for body in bodies)).digest(), etag_of(bodies)[1:33].encode()):
            self.assertNotIn(form, stored)

    def test_parts_become_what_they_were(self):
        """Sent in any order and sent again, listed, completed twice; ranges over their seams, each by its number; after a crash."""
        daemon = self.begin()
        upload = self.create(daemon, "key")
        numbers = (2, 5, 10000)
        for i in (2, 0, 1):
            self.send(daemon, "key", upload, numbers[i], words(LEAST, 40 + i))
            self.send(daemon, "key", upload, numbers[i], PARTS[i], SSE)
        listed = daemon.alice.get("bucket", "key", {"uploadId": upload}).body.decode()
        for part in PARTS:
            self.assertIn(hashlib.md5(part).hexdigest(), listed)
            self.assertIn(sha256(part), listed)
        parts = dict(zip(numbers, PARTS))
        self.assertIn(b"InvalidPart", self.complete(daemon, "key", upload, {**parts, 5: words(LEAST, 41)}, 400).body)
        for _ in range(2):
            self.assertIn(etag_of(PARTS)[1:-1], self.complete(daemon, "key", upload, parts, 200, SSE).body.decode())
        self.assertEqual(1, self.count(daemon, "written"))
        daemon.kill()
        self.restart(daemon)
        self.expect_whole(daemon, "key", PARTS)
        self.assertIn(etag_of(PARTS)[1:-1], self.complete(daemon, "key", upload, parts).body.decode())
        for number, part in enumerate(PARTS, 1):
            answer = daemon.alice.get("bucket", "key", {"partNumber": str(number)}, {"x-amz-checksum-mode": "ENABLED"})
            self.assertEqual((206, sha256(part)), (answer.status, answer.header("x-amz-checksum-sha256")))
            self.assertEqual(part, answer.body)
        told = daemon.alice.get("bucket", "key", {"attributes": None}, {"x-amz-object-attributes": "ETag,ObjectParts,Checksum"}).body.decode()
        self.assertEqual([sha256(part) for part in PARTS], re.findall(r"<Part><ChecksumSHA256>([^<]+)", told))
        self.assertIn(etag_of(PARTS)[1:-1], daemon.alice.get("bucket").body.decode())

    def test_nothing_of_an_upload_lies_there_in_clear(self):
        """While it is open, as an object, after it was aborted, and as a copy into a part; and it is whole for the tools."""
        daemon = self.begin()
        upload = self.create(daemon, "key")
        for number, part in enumerate(PARTS, 1):
            self.send(daemon, "key", upload, number, part)
        daemon.kill()
        self.expect_nothing_in_clear(daemon, PARTS)
        self.restart(daemon)
        self.complete(daemon, "key", upload, dict(enumerate(PARTS, 1)))
        copy = self.create(daemon, "copy")
        for number, span in enumerate(("0-6291455", "6291456-"), 1):
            last = len(b"".join(PARTS)) - 1 if span.endswith("-") else ""
            answer = daemon.alice.put("bucket", "copy", {"partNumber": str(number), "uploadId": copy},
                               {"x-amz-copy-source": "bucket/key", "x-amz-copy-source-range": f"bytes={span}{last}"})
            self.assertEqual((200, "AES256"), (answer.status, answer.header(HEADER)), answer.body)
        body = b"".join(PARTS)
        halves = (body[:6291456], body[6291456:])
        self.complete(daemon, "copy", copy, dict(enumerate(halves, 1)))
        self.expect_whole(daemon, "copy", halves)
        gone = self.create(daemon, "gone")
        self.send(daemon, "gone", gone, 1, PARTS[0])
        self.assertEqual(204, daemon.alice.delete("bucket", "gone", {"uploadId": gone}).status)
        self.assertEqual(0, daemon.stop())
        self.expect_nothing_in_clear(daemon, PARTS)
        self.expect_nothing_in_clear(daemon, halves)
        backend = ("--backend", "dir:data")
        self.run_bale(daemon, "check", *backend)
        self.run_bale(daemon, "verify", "--deep", "--keyring", "keys", *backend)
        self.assertIn("2 of 2 objects cannot be read", self.run_bale(daemon, "verify", "--deep", *backend, expect=1))
        shutil.rmtree(os.path.join(daemon.folder, "data", "catalogue"))
        self.run_bale(daemon, "check", "--repair", *backend)
        self.restart(daemon)
        self.expect_whole(daemon, "key", PARTS)
        self.expect_whole(daemon, "copy", halves)

    def test_an_upload_is_what_it_was_begun_as(self):
        """A part that asks for more is refused; one that asks for nothing is encrypted."""
        daemon = self.begin()
        alice = daemon.alice
        plain = self.create(daemon, "plain", CHECKSUM)
        part = {"partNumber": "1", "uploadId": plain}
        self.assertEqual(400, alice.put("bucket", "plain", part, SSE, b"part").status)
        self.assertEqual(400, alice.put("bucket", "plain", part, {HEADER: "aws:kms"}, b"part").status)
        self.put(daemon, "source", b"part")
        self.assertEqual(400, alice.put("bucket", "plain", part, {**SSE, "x-amz-copy-source": "bucket/source"}).status)
        answer = alice.put("bucket", "plain", part, {"x-amz-checksum-sha256": sha256(b"part")}, b"part")
        self.assertEqual((200, None), (answer.status, answer.header(HEADER)))
        self.complete(daemon, "plain", plain, {1: b"part"}, 400, SSE)
        self.complete(daemon, "plain", plain, {1: b"part"})
        answer = alice.get("bucket", "plain")
        self.assertEqual((b"part", None), (answer.body, answer.header(HEADER)))
        self.assertEqual(501, alice.post("bucket", "key", {"uploads": None}, {HEADER: "aws:kms:dsse"}).status)
        self.assertEqual(400, alice.post("bucket", "key", {"uploads": None}, {HEADER: "AES192"}).status)

    def test_a_policy_that_demands_it(self):
        """Parts and the end of an upload that was begun as it demands do not ask again; and the answer to the end may be lost."""
        daemon = self.begin()
        alice = daemon.alice
        plain = self.create(daemon, "plain", CHECKSUM)
        deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::bucket/*"}
        conditions = ({"StringNotEquals": {"s3:" + HEADER: "AES256"}}, {"Null": {"s3:" + HEADER: "true"}})
        policy = json.dumps({"Version": "2012-10-17", "Statement": [{**deny, "Condition": condition} for condition in conditions]}).encode()
        digest = {"content-md5": base64.b64encode(hashlib.md5(policy).digest()).decode()}
        self.assertEqual(204, alice.put("bucket", None, {"policy": None}, digest, policy).status)
        for upload in (plain, "0" * len(plain)):
            part = {"partNumber": "1", "uploadId": upload}
            self.assertEqual(403, alice.put("bucket", "plain", part, (), b"part").status)
            self.assertEqual(403, alice.post("bucket", "plain", {"uploadId": upload}, (), document({1: b"part"})).status)
        upload = self.create(daemon, "key")
        self.assertEqual(403, alice.put("bucket", "other", {"partNumber": "1", "uploadId": upload}, (), b"part").status)
        self.send(daemon, "key", upload, 1, PARTS[0])
        copy = {"x-amz-copy-source": "bucket/key"}
        for _ in range(2):
            self.assertEqual("AES256", self.complete(daemon, "key", upload, {1: PARTS[0]}).header(HEADER))
        self.assertEqual(403, alice.put("bucket", "copy", None, copy).status)
        upload = self.create(daemon, "copy", SSE)
        self.assertEqual(200, alice.put("bucket", "copy", {"partNumber": "1", "uploadId": upload}, copy).status)
        self.expect_whole(daemon, "key", PARTS[:1])

    def test_uploads_whose_key_is_missing(self):
        """Their parts are refused, not stored in clear; and what was begun before there was a keyring is begun anew."""
        daemon = self.begin()
        sealed, plain = self.create(daemon, "sealed"), self.create(daemon, "plain", CHECKSUM)
        self.send(daemon, "sealed", sealed, 1, PARTS[2])
        first = self.run_bale(daemon, "keyring", "list", "--keyring", "keys").split()[0]
        with_keyring = list(daemon.options)
        self.assertEqual(0, daemon.stop())
        daemon.options = with_keyring[:2]
        self.restart(daemon)
        before = self.create(daemon, "before", CHECKSUM)
        for key, upload in (("sealed", sealed), ("plain", plain)):
            self.assertEqual(500, daemon.alice.put("bucket", key, {"partNumber": "2", "uploadId": upload}, (), b"part").status)
            self.assertEqual(500, daemon.alice.get("bucket", key, {"uploadId": upload}).status)
            self.assertEqual(500, daemon.alice.post("bucket", key, {"uploadId": upload}, (), document({1: PARTS[2]})).status)
        self.wait_for(lambda: first in daemon.log())
        self.assertEqual(0, daemon.stop())
        daemon.options = with_keyring
        self.restart(daemon)
        answer = daemon.alice.put("bucket", "before", {"partNumber": "1", "uploadId": before}, (), b"part")
        self.assertEqual((404, "NoSuchUpload"), (answer.status, answer.text("Code")))
        self.assertEqual(204, daemon.alice.delete("bucket", "before", {"uploadId": before}).status)
        self.complete(daemon, "sealed", sealed, {1: PARTS[2]})
        self.expect_whole(daemon, "sealed", PARTS[2:])

    def test_conditions_copies_and_an_empty_part(self):
        daemon = self.begin()
        for parts in ([b""], [PARTS[1], b""], [words(LEAST, 60), words(2 << 20, 61)]):
            upload = self.create(daemon, "key")
            for number, part in enumerate(parts, 1):
                self.send(daemon, "key", upload, number, part)
            self.complete(daemon, "key", upload, dict(enumerate(parts, 1)))
            self.expect_whole(daemon, "key", parts)
        self.assertEqual(304, daemon.alice.get("bucket", "key", None, {"if-none-match": etag_of(parts)}).status)
        answer = daemon.alice.put("bucket", "copy", None, {**SSE, "x-amz-copy-source": "bucket/key"})
        self.assertEqual(200, answer.status, answer.body)
        self.expect_object(daemon, "copy", b"".join(parts))
        answer = daemon.alice.put("bucket", "clear", None, {"x-amz-copy-source": "bucket/key"})
        self.assertEqual((200, b"".join(parts)), (answer.status, daemon.alice.get("bucket", "clear").body))
