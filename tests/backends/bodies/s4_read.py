"""tests/backends/bodies/s4_read.py -- what a real S4 gateway wrote into a bucket (tests/vectors), served through Bale: whole, in ranges, in lists,
copied and replaced; and the sidecars that Bale writes for S4 with --s4-sidecars."""

import gzip
import hashlib
import json
import random
import struct
from pathlib import Path

import bucket_reader
from backend_case import BackendCase
from format_read import log_lines

VECTORS = Path(__file__).resolve().parents[2] / "vectors"
READABLE = ("zstd", "gzip", "passthrough", "ledger")
MIB = 1 << 20


class Vector:
    """One object as it lay in S4's bucket."""

    def __init__(self, folder, key, facts):
        self.key, self.facts, self.metadata = key, facts, facts.get("metadata", {})
        path = VECTORS / folder / facts["file"]
        self.stored = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        self.is_sidecar = key.endswith(".s4index")

    @property
    def etag(self):
        return f'"{self.facts.get("complete_etag") or self.facts["original_md5"]}"'

    def put(self, client, bucket):
        fields = {f"x-amz-meta-{name}": value for name, value in self.metadata.items()}
        return client.put(bucket, self.key, (), {"content-type": self.facts.get("content_type") or "binary/octet-stream", **fields}, self.stored)


def vectors(folder):
    facts = json.loads((VECTORS / folder / "objects.json").read_text())["objects"]
    return [Vector(folder, key, facts[key]) for key in sorted(facts)]


def sidecar_of(data):
    """(stored size, ETag that it is bound to, entries of original offset and size, stored offset and size) of a sidecar of version 2."""
    magic, version, count, total, framed, stored, size = struct.unpack_from("<4sIQQQQI", data)
    bucket_reader.expect((magic, version) == (b"S4IX", 2), f"{magic} {version}")
    entries = [struct.unpack_from("<QQQQ", data, 44 + size + 32 * number) for number in range(count)]
    bucket_reader.expect(len(data) == 44 + size + 32 * count, "it has another size than its entries")
    bucket_reader.expect(sum(entry[1] for entry in entries) == total and entries[-1][2] + entries[-1][3] <= framed, "its totals are wrong")
    return stored, data[44:44 + size].decode(), entries


class S4Read(BackendCase):
    def setUp(self):
        super().setUp()
        self.plain = self.direct().client()
        self.draw = random.Random(self.seed)

    def fill(self, folder):
        objects = vectors(folder)
        for vector in objects:
            answer = vector.put(self.plain, self.bucket)
            self.assertEqual(200, answer.status, vector.key)
            self.assertEqual(f'"{vector.facts["backend_etag"]}"', answer.header("etag"), "what sidecars are bound to")
        return [vector for vector in objects if not vector.is_sidecar and not vector.key.startswith(".s4")]

    def check(self, alice, vector):
        answer = alice.get(self.bucket, vector.key)
        self.assertEqual((200, vector.facts["original_sha256"]), (answer.status, hashlib.sha256(answer.body).hexdigest()), vector.key)
        head = alice.head(self.bucket, vector.key)
        self.assertEqual((str(vector.facts["original_size"]), vector.etag, "me"),
                         (head.header("content-length"), head.header("etag"), head.header("x-amz-meta-owner")), vector.key)
        self.assertEqual([], [name for name, _ in head.headers if name.lower().startswith("x-amz-meta-s4-")])
        self.assertEqual(304, alice.get(self.bucket, vector.key, (), {"if-none-match": vector.etag}).status)
        return answer.body

    def check_ranges(self, alice, vector, body):
        """From both ends, over the borders of S4's frames, and anywhere."""
        size = len(body)
        spans = {(0, 0), (size - 1, size - 1), (0, size - 1)} if size else set()
        for border in (MIB, 4 * MIB, 5_250_000):
            if border < size:
                spans |= {(border - 1, border), (border, min(size - 1, border + 999))}
        for _ in range(12 if size else 0):
            first = self.draw.randrange(size)
            spans.add((first, min(size - 1, first + self.draw.choice((0, 100, 70_000, 2 * MIB)))))
        for first, last in sorted(spans):
            answer = alice.get(self.bucket, vector.key, (), {"range": f"bytes={first}-{last}"})
            self.assertEqual((206, f"bytes {first}-{last}/{size}"), (answer.status, answer.header("content-range")), vector.key)
            self.assertTrue(body[first:last + 1] == answer.body, f"{vector.key}: bytes {first} to {last}")
        suffix = alice.get(self.bucket, vector.key, (), {"range": "bytes=-700"})
        self.assertTrue(body[-700:] == suffix.body, f"{vector.key}: its end")

    def test_every_object_and_its_ranges(self):
        """Ranges first by a Bale that has seen nothing, then again when all is known."""
        for folder in READABLE:
            objects = self.fill(folder)
            bodies = {}
            alice = self.bale().client()
            for vector in objects:
                bodies[vector.key] = self.check(alice, vector)
                self.check_ranges(alice, vector, bodies[vector.key])
            stranger = self.bale().client()
            for vector in objects:
                self.check_ranges(stranger, vector, bodies[vector.key])
                self.check(stranger, vector)

    def test_without_their_sidecars(self):
        """Lost, of another revision, or no sidecar at all: the frames are walked."""
        objects = self.fill("zstd")
        indexed = [vector for vector in objects if self.plain.head(self.bucket, f"{vector.key}.s4index").status == 200]
        self.assertEqual(4, len(indexed))
        sidecars = [self.plain.get(self.bucket, f"{vector.key}.s4index").body for vector in indexed]
        for spoilt in (lambda at: None, lambda at: sidecars[at - 1], lambda at: sidecars[at][:-1], lambda at: b"S4IX"):
            for at, vector in enumerate(indexed):
                self.plain.delete(self.bucket, f"{vector.key}.s4index")
                if spoilt(at) is not None:
                    self.plain.put(self.bucket, f"{vector.key}.s4index", (), (), spoilt(at))
            alice = self.bale().client()
            for vector in indexed:
                self.check_ranges(alice, vector, self.check(alice, vector))

    def test_a_list_has_the_originals_and_hides_the_rest(self):
        objects = self.fill("zstd")
        answer = self.bale().client().get(self.bucket, None, {"list-type": "2"})
        listed = {entry.findtext("Key"): (entry.findtext("Size"), entry.findtext("ETag")) for entry in answer.xml.findall("Contents")}
        self.assertEqual({vector.key: (str(vector.facts["original_size"]), vector.etag) for vector in objects}, listed)

    def test_copied_replaced_and_deleted(self):
        objects = {vector.key: vector for vector in self.fill("zstd")}
        alice = self.bale().client()
        for key in ("repeat-5m", "mp-repeat", "logs-4k", "random-4k", "empty"):
            self.assertEqual(200, alice.put(self.bucket, f"copy of {key}", (), {"x-amz-copy-source": f"{self.bucket}/{key}"}).status)
            copy = alice.get(self.bucket, f"copy of {key}")
            self.assertEqual((objects[key].facts["original_sha256"], f'"{objects[key].facts["original_md5"]}"'),  # it is one part now
                             (hashlib.sha256(copy.body).hexdigest(), copy.header("etag")), key)

        def has_sidecar(key):
            return self.plain.head(self.bucket, f"{key}.s4index").status == 200
        self.assertEqual([True] * 4, [has_sidecar(key) for key in ("repeat-5m", "mp-repeat", "zeros-9m", "mp-one-small-part")])
        self.assertEqual(200, alice.put(self.bucket, "repeat-5m", (), (), b"new").status)
        self.assertEqual(200, alice.put(self.bucket, "mp-repeat", (), {"x-amz-copy-source": f"{self.bucket}/logs-4k"}).status)
        self.assertEqual(204, alice.delete(self.bucket, "zeros-9m").status)
        alice.head(self.bucket, "mp-one-small-part")
        gone = alice.delete_objects(self.bucket, "<Delete><Object><Key>mp-one-small-part</Key></Object><Object><Key>empty</Key></Object></Delete>")
        self.assertEqual(["empty", "mp-one-small-part"], sorted(gone.texts("Deleted/Key")))
        left = [key for key in ("repeat-5m", "mp-repeat", "zeros-9m", "mp-one-small-part") if has_sidecar(key)]
        # Where no condition keeps a delete, nobody looks at what is deleted: the index of what Bale has never seen stays.
        self.assertEqual([], [key for key in left if key != "zeros-9m" or self.backend_name == "raw"])
        self.assertEqual((b"new", objects["logs-4k"].facts["original_sha256"]),
                         (alice.get(self.bucket, "repeat-5m").body, hashlib.sha256(alice.get(self.bucket, "mp-repeat").body).hexdigest()))

    def test_what_bale_cannot_read_is_refused(self):
        """Encrypted ones: a clear refusal, and never bytes that are none of theirs."""
        objects = self.fill("sse-s4")
        alice = self.bale().client()
        for vector in objects:
            answer = alice.get(self.bucket, vector.key)
            self.assertEqual((501, "NotImplemented"), (answer.status, answer.code), vector.key)
            self.assertIn(alice.get(self.bucket, vector.key, (), {"range": "bytes=0-9"}).status, (416, 501))

    def test_with_a_dictionary(self):
        """Whole and in ranges. Without the dictionary, or with another one under its name: 500 with the name, until it is there again."""
        objects = self.fill("zstd-dict")
        [dictionary] = [vector for vector in vectors("zstd-dict") if vector.key.startswith(".s4dict/")]
        alice = self.bale().client()
        for vector in objects:
            self.check_ranges(alice, vector, self.check(alice, vector))
        self.assertEqual(403, alice.get(self.bucket, dictionary.key).status, "clients do not see it")
        won = [vector for vector in objects if "s4-dict-id" in vector.metadata]
        self.assertEqual(2, len(won))
        for spoilt in (None, b"", b"x" + dictionary.stored[1:], bytes(1 << 20) + b"x"):
            self.plain.delete(self.bucket, dictionary.key)
            if spoilt is not None:
                self.plain.put(self.bucket, dictionary.key, (), (), spoilt)
            alice = self.bale().client()
            for vector in won:
                answer = alice.get(self.bucket, vector.key)
                self.assertEqual((500, "InternalError"), (answer.status, answer.code), vector.key)
                self.assertIn(vector.metadata["s4-dict-id"], answer.body.decode())
            self.assertEqual(200, alice.get(self.bucket, "other/plain").status)
        self.plain.put(self.bucket, dictionary.key, (), (), dictionary.stored)
        for vector in objects:
            self.check(alice, vector)


class SidecarsForS4(BackendCase):
    """--s4-sidecars: an index beside each object of several frames, bound to it, by which its frames are found."""

    FOR = ("raw", "minio")  # one whose ETags of multipart uploads are its own affair, too

    def assert_indexed(self, key, body):
        plain = self.direct().client()
        sidecar = plain.get(self.bucket, f"{key}.s4index")
        self.assertEqual(200, sidecar.status, f"{key} has no sidecar")
        stored = plain.get(self.bucket, key)
        size, etag, entries = sidecar_of(sidecar.body)
        self.assertEqual((len(stored.body), stored.header("etag").strip('"')), (size, etag), f"{key}: bound to another object")
        for first, count, at, length in entries:
            frames = list(bucket_reader.frames_of(stored.body[at:at + length]))
            self.assertEqual([(body[first:first + count], length)], frames, f"{key}: the frame of byte {first}")

    def test_each_way_of_writing(self):
        bale = self.bale(None, "--s4-sidecars", "--part-size", "5M")
        alice = bale.client()
        noise = random.Random(self.seed).randbytes(7 * MIB)
        bodies = {"two frames": log_lines(1, MIB + 5), "large": log_lines(2, 2 * MIB) + noise}
        for key, body in bodies.items():
            self.assertEqual(200, alice.put(self.bucket, key, (), (), body, payload="unsigned").status)
            self.assertEqual(200, alice.put(self.bucket, f"copy of {key}", (), {"x-amz-copy-source": f"{self.bucket}/{key.replace(' ', '%20')}"}).status)
            self.assert_indexed(key, body)
            self.assert_indexed(f"copy of {key}", body)
        self.upload(alice, "joined", [noise[:5 * MIB], log_lines(3, MIB)])
        self.assert_indexed("joined", noise[:5 * MIB] + log_lines(3, MIB))
        self.assertEqual(200, alice.put(self.bucket, "small", (), (), log_lines(4, 5000)).status)
        plain = self.direct().client()
        self.assertEqual(404, plain.head(self.bucket, "small.s4index").status, "one frame needs no index")

        self.assertEqual(["copy of large", "copy of two frames", "joined", "large", "small", "two frames"],
                         alice.get(self.bucket, None, {"list-type": "2"}).texts("Contents/Key"))
        self.assertEqual(200, alice.put(self.bucket, "large", (), (), b"small now").status)
        self.assertEqual(404, plain.head(self.bucket, "large.s4index").status, "the index of what was replaced")
        self.assertEqual(204, alice.delete(self.bucket, "joined").status)
        self.assertEqual(404, plain.head(self.bucket, "joined.s4index").status, "the index of what was deleted")

    def upload(self, alice, key, parts):
        upload = alice.post(self.bucket, key, {"uploads": None}).text("UploadId")
        rows = ""
        for number, part in enumerate(parts, 1):
            etag = alice.put(self.bucket, key, {"partNumber": str(number), "uploadId": upload}, (), part, payload="unsigned").header("etag")
            rows += f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
        answer = alice.post(self.bucket, key, {"uploadId": upload}, (), f"<CompleteMultipartUpload>{rows}</CompleteMultipartUpload>")
        self.assertEqual(200, answer.status, answer)
