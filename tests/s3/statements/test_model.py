"""tests/s3/statements/test_model.py -- property tests: random operations beside a model, the same seed every run (BALE_SEED changes it)."""

import hashlib
import os
import random
import zlib
from urllib.parse import unquote_to_bytes

import checksums
import sigv4
import wire
from case import S3Case
from model import Model

SEED = int(os.environ.get("BALE_SEED", "2026"))
STEPS = int(os.environ.get("BALE_STEPS", "250"))
ALPHABET = ["a", "b", "/", "//", "-", "\n", "\x7f", "ü", "\U0001F600", " ", "+", "%", "&", "~", "\x01", "\uffee", ".", "\t"]


def random_key(rng):
    kind = rng.random()
    if kind < 0.25:
        return rng.choice(["a", "a/", "a/b", "a/b/", "a/b/c", "a//", "b", "a0", "a.", "a-"])
    if kind < 0.35:  # long keys that share long prefixes, where a catalogue's key limit lies
        stem = "p" * rng.choice((500, 505, 506, 507, 508, 511, 1000, 1014))
        return stem + "".join(rng.choice("ab/") for _ in range(rng.randrange(0, 11)))
    if kind < 0.4:
        return "k" * 1024
    return "".join(rng.choice(ALPHABET) for _ in range(rng.randrange(1, 7)))


def legal(key):
    """Climbing keys are refused (28); names that the store keeps for itself as well."""
    depth = 0
    for segment in key.split("/"):
        depth += -1 if segment == ".." else 1
        if depth < 0:
            return False
    return not key.endswith(".s4index") and not key.startswith((".s4dict/", ".s4mpu/", ".bale/")) and len(key.encode()) <= 1024


def random_body(rng):
    size = rng.choice((0, 1, 10, 1999, 2001, 4096, 5000, 70_000, rng.randrange(300_000), 1 << 20, rng.randrange(2_500_000)))
    piece = rng.choice((hashlib.shake_128(rng.randbytes(8)).digest(max(1, size)), b"a line of text %d\n" % rng.randrange(99),
                        bytes(100), rng.randbytes(37)))
    return (piece * (size // len(piece) + 1))[:size]


class RandomOperations(S3Case):
    def setUp(self):
        super().setUp()
        self.model, self.rng = Model(), random.Random(SEED + zlib.crc32(self._testMethodName.encode()))

    def some_key(self):
        """An existing key half of the time."""
        if self.model.objects and self.rng.random() < 0.6:
            return self.rng.choice(sorted(self.model.objects)).decode()
        while True:
            key = random_key(self.rng)
            if legal(key):
                return key

    def do_put(self):
        key, body, value = self.some_key(), random_body(self.rng), str(self.rng.random())
        form = self.rng.choice(("sha256", "unsigned", sigv4.STREAM_SIGNED, sigv4.STREAM_UNSIGNED_TRAILER))
        answer = self.alice.put(self.bucket, key, (), {"x-amz-meta-v": value}, body, payload=form)
        self.assert_status(200, answer)
        self.model.objects[key.encode()] = (body, value)

    def do_conditional_put(self):
        key, body = self.some_key(), random_body(self.rng)
        exists = key.encode() in self.model.objects
        condition = self.rng.choice(("none-match", "match", "match-wrong"))
        right = self.model.etag(key.encode()) if exists else '"missing"'
        headers = {"none-match": {"If-None-Match": "*"}, "match": {"If-Match": right}, "match-wrong": {"If-Match": '"no"'}}[condition]
        expected = {"none-match": 412 if exists else 200, "match": 200 if exists else 404,
                    "match-wrong": 412 if exists else 404}[condition]
        self.assert_status(expected, self.alice.put(self.bucket, key, (), headers, body, payload="unsigned"))
        if expected == 200:
            self.model.objects[key.encode()] = (body, None)

    def do_delete(self):
        key = self.some_key()
        self.assert_status(204, self.alice.delete(self.bucket, key))
        self.model.objects.pop(key.encode(), None)

    def do_copy(self):
        if not self.model.objects:
            return
        source, target = self.rng.choice(sorted(self.model.objects)), self.some_key()
        if source == target.encode():
            return
        header = {"x-amz-copy-source": f"{self.bucket}/{sigv4.uri_encode(source, keep_slash=True)}"}
        self.assert_success_xml(self.alice.put(self.bucket, target, (), header), "CopyObjectResult")
        self.model.objects[target.encode()] = self.model.objects[source]

    def do_get(self):
        key = self.some_key()
        answer = self.get(key)
        if key.encode() not in self.model.objects:
            return self.assert_error(answer, 404, "NoSuchKey")
        body, value = self.model.objects[key.encode()]
        self.assert_status(200, answer)
        self.assertTrue(body == answer.body, f"{key!r}: other bytes")
        self.assertEqual((checksums.etag(body), value), (answer.header("etag"), answer.header("x-amz-meta-v")))

    def do_range(self):
        keys = [key for key, (body, _) in sorted(self.model.objects.items()) if body]
        if not keys:
            return
        key = self.rng.choice(keys)
        body = self.model.objects[key][0]
        first = self.rng.randrange(len(body))
        last = self.rng.randrange(first, len(body) + 1000)
        answer = self.get(key, headers={"Range": f"bytes={first}-{last}"})
        self.assert_status(206, answer)
        self.assertTrue(body[first:last + 1] == answer.body, f"{key!r} {first}-{last} of {len(body)}: other bytes")

    def do_list(self):
        self.walk(self.rng.choice((1, 2, 7, 1000)) if len(self.model.objects) < 40 else self.rng.choice((2, 7, 1000)),
                  self.rng.choice((b"", b"", b"a", b"a/", b"p" * 500, random_key(self.rng).encode()[:3])),
                  self.rng.choice((b"", b"/", b"b", b"//", "ü".encode())))

    def walk(self, size, prefix, delimiter):
        """The whole listing, page by page, in one of the three forms; each page against the model."""
        try:
            prefix.decode(), delimiter.decode()
        except UnicodeDecodeError:
            prefix = b""
        form = self.rng.choice(("v2", "v1", "versions"))
        base = [("max-keys", str(size)), ("prefix", prefix), ("encoding-type", "url")] + ([("delimiter", delimiter)] if delimiter else [])
        after, query = b"", []
        while True:
            more = {"v2": [("list-type", "2")], "v1": [], "versions": [("versions", None)]}[form]
            page = self.alice.get(self.bucket, None, base + more + query)
            self.assert_status(200, page)
            items = "Version/Key" if form == "versions" else "Contents/Key"
            keys = [unquote_to_bytes(text) for text in page.texts(items)]
            prefixes = [unquote_to_bytes(text) for text in page.texts("CommonPrefixes/Prefix")]
            expected = self.model.page(prefix, delimiter, after, size)
            self.assertEqual(expected, (keys, prefixes, page.text("IsTruncated") == "true"), (form, size, prefix, delimiter, after))
            if not expected[2]:
                return
            after = max(keys + prefixes)
            if form == "v2":
                query = [("continuation-token", page.text("NextContinuationToken"))]
            elif form == "v1":
                query = [("marker", after)]
                if delimiter:
                    self.assertEqual(after, unquote_to_bytes(page.text("NextMarker")))
            else:
                query = [("key-marker", after)]
                if keys and after == keys[-1]:
                    query.append(("version-id-marker", "null"))

    def check_everything(self):
        for size in (1, 2, 7, 1000):
            for delimiter in (b"", b"/"):
                self.walk(size, b"", delimiter)
        for key in sorted(self.model.objects):
            body, _ = self.model.objects[key]
            answer = self.get(key)
            self.assertTrue(answer.status == 200 and answer.body == body, key)

    def run_steps(self, weights):
        moves = [getattr(self, "do_" + name) for name in weights]
        for step in range(STEPS):
            self.rng.choices(moves, weights.values())[0]()
        self.check_everything()

    def test_249_random_operations(self):
        self.run_steps({"put": 30, "conditional_put": 15, "delete": 15, "copy": 8, "get": 15, "range": 15, "list": 10})

    def test_249_random_operations_mostly_deleting(self):
        self.run_steps({"put": 25, "delete": 30, "get": 10, "list": 15, "copy": 5})

    def test_249_walks_over_many_keys(self):
        for _ in range(150):
            key = self.some_key()
            self.put(key, b"x")
            self.model.objects[key.encode()] = (b"x", None)
        for size in (1, 2, 7, 1000):
            for delimiter in (b"", b"/", b"b", "ü".encode()):
                for prefix in (b"", b"a", b"p" * 500):
                    self.walk(size, prefix, delimiter)


class TruncatedBodies(S3Case):
    """Whatever a client sends of a body before it vanishes, the object before stays and nothing new appears (14, 141)."""

    def test_014_bodies_cut_at_random(self):
        rng = random.Random(SEED)
        self.put("k", b"old")
        for _ in range(60):
            body = random_body(rng)[:400_000]
            form = rng.choice(("sha256", "unsigned", sigv4.STREAM_SIGNED, sigv4.STREAM_SIGNED_TRAILER, sigv4.STREAM_UNSIGNED_TRAILER))
            trailers = [("x-amz-checksum-crc32", checksums.checksum("CRC32", body))] if form.endswith("TRAILER") else None
            key = rng.choice(("k", "new"))
            prepared = self.alice.prepare("PUT", self.bucket, key, (), (), body, payload=form, trailers=trailers,
                                          transfer=rng.choice((None, "chunked")))
            data = prepared.bytes
            cut = rng.choice((rng.randrange(len(data)), len(data) - 1, len(data) - 2, len(prepared.head)))
            if cut >= len(data):
                continue
            with self.alice.connect() as connection:
                connection.try_send(data[:cut])
                if rng.random() < 0.5:
                    connection.finish_sending()
                    try:
                        answer = connection.read_response()
                        self.assertGreaterEqual(answer.status, 400, f"{form}, {cut} of {len(data)} bytes: {answer}")
                    except wire.Closed:
                        pass
                else:
                    connection.reset()
        self.assert_object("k", b"old")
        self.assert_absent("new")
        self.assertEqual(["k"], self.list().texts("Contents/Key"))

    def test_084_bodies_with_a_flipped_byte(self):
        """One changed byte of a signed body is always found, wherever it is."""
        rng = random.Random(SEED + 1)
        for _ in range(60):
            body = hashlib.shake_128(rng.randbytes(8)).digest(rng.choice((10, 9000, 70_000)))
            form = rng.choice(("sha256", sigv4.STREAM_SIGNED, sigv4.STREAM_SIGNED_TRAILER))
            trailers = [("x-amz-checksum-crc32", checksums.checksum("CRC32", body))] if form.endswith("TRAILER") else None
            prepared = self.alice.prepare("PUT", self.bucket, "k", (), (), body, payload=form, trailers=trailers, chunk=8192)
            at = rng.randrange(len(prepared.body))
            prepared.body = prepared.body[:at] + bytes([prepared.body[at] ^ (1 << rng.randrange(8))]) + prepared.body[at + 1:]
            with self.alice.connect() as connection:
                connection.try_send(prepared.bytes)
                connection.finish_sending()
                try:
                    answer = connection.read_response()
                    if answer.status == 200:  # upper-case hex digits and the like: the bytes must still be the signed ones
                        self.assertEqual(checksums.etag(body), answer.header("etag"), f"{form} byte {at}")
                        self.alice.delete(self.bucket, "k")
                    else:
                        self.assertIn(answer.status, (400, 403, 411), answer)
                except wire.Closed:
                    pass
            self.assert_absent("k")
