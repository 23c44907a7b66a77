"""tests/backends/bodies/format_read.py -- what Bale wrote into a bucket, read without Bale: by docs/bucket-format.md alone."""

import email.utils
import gzip
import random
import re

import acls
import bucket_reader
import sigv4
from backend_case import BackendCase

MIB = 1 << 20


def log_lines(seed, size):
    source = random.Random(seed)
    lines = bytearray()
    while len(lines) < size:
        lines += b"%010d GET /some/path/%d 200 %d\n" % (len(lines), source.randrange(1000), source.randrange(1 << 20))
    return bytes(lines[:size])


class FormatRead(BackendCase):
    FOR = ("raw",)  # what is written does not depend on the backend

    def stored(self, key):
        answer = self.direct().client().get(self.bucket, key)
        self.assertEqual(200, answer.status)
        fields = {name.lower().removeprefix("x-amz-meta-"): value for name, value in answer.headers
                  if name.lower().startswith("x-amz-meta-")}
        return fields, answer.body

    def read(self, key):
        return bucket_reader.Object(*self.stored(key))

    def test_bodies_of_every_form(self):
        noise = random.Random(self.seed).randbytes(9 * MIB)
        bodies = {"empty": b"", "one": b"a", "small": log_lines(1, 5000), "noise": noise[:3000], "one-frame": log_lines(2, MIB),
                  "two-frames": log_lines(3, MIB + 1), "several-parts": noise, "both": log_lines(4, 3 * MIB) + noise[:MIB]}
        client = self.bale(None, "--part-size", "5M").client()
        for key, body in bodies.items():
            with self.subTest(key):
                self.assertEqual(200, client.put(self.bucket, key, (), (), body, payload="unsigned").status)
                found = self.read(key)
                self.assertTrue(found.original == body)
                self.assertEqual(client.head(self.bucket, key).header("etag"), f'"{found.etag}"')
                self.assertEqual(len(body) > MIB, found.trailer is not None)
        self.assertLess(len(self.stored("two-frames")[1]), MIB // 2)
        self.assertEqual(9, len(self.read("several-parts").trailer["frames"]))

    def test_by_the_public_decoder_of_s4(self):
        """The package s4-codec of PyPI, built from source there, which takes Rust: skipped where it is not installed."""
        try:
            import s4_codec
        except ImportError:
            self.skipTest("the package s4-codec is not installed")
        body = log_lines(8, 7 * MIB) + random.Random(self.seed).randbytes(2 * MIB)
        client = self.bale(None, "--part-size", "5M").client()
        self.assertEqual(200, client.put(self.bucket, "k", (), (), body, payload="unsigned").status)
        decoded = bytearray()
        for header, payload in s4_codec.frame_iter(self.stored("k")[1]):
            packed = header["codec"] not in (0, "passthrough")
            decoded += s4_codec.CpuZstd().decompress(payload, header["original_size"], header["crc32c"]) if packed else payload
        self.assertTrue(bytes(decoded) == body)

    def test_gzip_that_anybody_reads(self):
        """One member up to a stored part; what may be larger, or came in parts, is frames with a trailer as ever."""
        client = self.bale(None, "--part-size", "5M", "--codec", "gzip").client()
        for size, is_gzip in ((700, True), (4 * MIB, True), (5 * MIB, False)):
            body = log_lines(size, size)
            self.assertEqual(200, client.put(self.bucket, "k", (), {"x-amz-meta-a": "b"}, body, payload="unsigned").status)
            fields, stored = self.stored("k")
            self.assertEqual(("cpu-gzip", None) if is_gzip else ("cpu-zstd", "true"),
                             (fields["s4-codec"], fields.get("s4-framed")))
            self.assertTrue(gzip.decompress(stored) == body if is_gzip else self.read("k").original == body)
            self.assertTrue(client.get(self.bucket, "k").body == body)
            answer = client.get(self.bucket, "k", (), {"Range": "bytes=100-599"})
            self.assertEqual((206, body[100:600]), (answer.status, answer.body))
            self.assertEqual((str(size), "b"), tuple(client.head(self.bucket, "k").header(name)
                                                     for name in ("content-length", "x-amz-meta-a")))
            self.assertIn(f"<Size>{size}</Size>", client.get(self.bucket).body.decode())

    def test_metadata_that_no_header_carries(self):
        client = self.bale().client()
        kept = {"x-amz-meta-odd": "two  blanks", "x-amz-meta-long": "x" * 1900}
        self.assertEqual(200, client.put(self.bucket, "k", (), kept, b"a body\n" * 99).status)
        fields, body = self.stored("k")
        self.assertNotIn("odd", fields)
        found = bucket_reader.Object(fields, body)
        self.assertEqual(kept, {name: value.decode() for name, value in found.metadata if name.startswith("x-amz-meta-")})
        self.assertEqual("two  blanks", client.head(self.bucket, "k").header("x-amz-meta-odd"))

    def test_an_upload_and_a_copy_of_it(self):
        client = self.bale().client()
        parts = [log_lines(5, 5 * MIB), log_lines(6, 5 * MIB + 77), b"the end"]
        etag = self.upload(client, "joined", parts)
        found = self.read("joined")
        self.assertTrue(found.original == b"".join(parts))
        self.assertEqual((etag, [(number, len(part)) for number, part in enumerate(parts, 1)]),
                         (f'"{found.etag}"', [(number, size) for number, size, _ in found.trailer["part list"]]))
        answer = client.request("PUT", self.bucket, "copy", (), {"x-amz-copy-source": f"/{self.bucket}/joined"})
        self.assertEqual(200, answer.status)
        copy = self.read("copy")
        self.assertTrue(copy.original == found.original)
        self.assertEqual(client.head(self.bucket, "copy").header("etag"), f'"{copy.etag}"')

    def upload(self, client, key, parts):
        answer = client.post(self.bucket, key, [("uploads", "")])
        upload = re.search(rb"<UploadId>(.+)</UploadId>", answer.body).group(1).decode()
        etags = [client.put(self.bucket, key, [("partNumber", str(number)), ("uploadId", upload)], (), part, payload="unsigned").header("etag")
                 for number, part in enumerate(parts, 1)]
        rows = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>" for number, etag in enumerate(etags, 1))
        answer = client.post(self.bucket, key, [("uploadId", upload)], (), f"<CompleteMultipartUpload>{rows}</CompleteMultipartUpload>".encode())
        self.assertEqual(200, answer.status, answer.body)
        return client.head(self.bucket, key).header("etag")

    def test_owners_and_lists_of_grants(self):
        bale = self.bale()
        everyone_reads = b"\1\0\1"
        for name, document, headers in (("ownershipControls", acls.ownership("ObjectWriter"), {}), ("acl", b"", {"x-amz-acl": "public-read-write"})):
            self.assertEqual(200, bale.client().put(self.bucket, None, {name: None}, headers, sigv4.to_bytes(document)).status)
        self.assertEqual(200, bale.client("bob").put(self.bucket, "k", (), {"x-amz-acl": "public-read"}, b"x").status)
        fields, body = self.stored("k")
        owner, grants = bucket_reader.owner_of(fields["s4-bale-owner"], self.bucket, "k")
        self.assertEqual(bale.server.accounts["bob"].id, owner)
        self.assertTrue(grants.startswith(everyone_reads[:3]), grants)
        self.assertEqual(("", b""), bucket_reader.owner_of(fields["s4-bale-owner"], self.bucket, "another"))

        self.assertEqual(200, bale.client("bob").put(self.bucket, "k", {"acl": None}, {"x-amz-acl": "private"}, b"").status)
        name = bucket_reader.list_name(self.bucket, "k", bucket_reader.Object(fields, body).stamp["nonce"])
        apart = bucket_reader.list_of(self.direct().client().get(self.bucket, name).body)
        self.assertEqual((b"k", b"", b"0"), (apart["k"], apart["l"], apart["f"]))

        direct = self.direct().client()
        self.assertEqual(200, direct.put(self.bucket, "foreign", (), (), b"y").status)
        self.assertEqual(200, bale.client().put(self.bucket, "foreign", {"acl": None}, {"x-amz-acl": "public-read"}, b"").status)
        there = direct.head(self.bucket, "foreign")
        modified_s = int(email.utils.parsedate_to_datetime(there.header("last-modified")).timestamp())
        name = bucket_reader.foreign_list_name(self.bucket, "foreign", there.header("etag").strip('"'), modified_s)
        self.assertEqual(200, direct.get(self.bucket, name).status)

    def test_a_changed_byte_is_seen(self):
        """The reader itself: every byte of a trailer, and of a body, counts."""
        client = self.bale().client()
        client.put(self.bucket, "k", (), (), log_lines(7, 2 * MIB), payload="unsigned")
        fields, body = self.stored("k")
        size = bucket_reader.trailer_of(body)["bytes"]
        for position in [0, 5, 30, *range(len(body) - size, len(body))]:
            changed = bytearray(body)
            changed[position] ^= 1 << position % 8
            with self.assertRaises((bucket_reader.Malformed, ValueError, OSError), msg=f"byte {position}"):
                bucket_reader.Object(fields, bytes(changed))
