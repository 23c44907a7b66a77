"""tests/s3/statements/test_aa_model.py -- property test of section AA: random writes, deletes and pages beside a model of versions."""

import itertools
import os
import random
import zlib
from urllib.parse import unquote_to_bytes

import sigv4
from case import S3Case, needs
from multipart import document, part_xml

SEED = int(os.environ.get("BALE_SEED", "2026"))
STEPS = int(os.environ.get("BALE_STEPS", "250"))
KEYS = ("a", "a/", "a/b", "a/c", "b", "b/" + "x" * 600, "b/" + "x" * 600 + "y", "c//", "\u00fc/k", "~ +")
VERSIONING = "<VersioningConfiguration><Status>%s</Status></VersioningConfiguration>"


class Version:
    def __init__(self, version, body, value, sequence):
        self.id, self.body, self.value, self.sequence = version, body, value, sequence  # body None: a delete marker
        self.etag = None

    @property
    def is_marker(self):
        return self.body is None


class Model:
    """Versions of each key, the newest first, and what became of those that are gone."""

    def __init__(self):
        self.state, self.keys, self.gone, self.sequence = None, {}, {}, itertools.count(1)

    def of(self, key):
        return self.keys.get(key, [])

    def current(self, key):
        return next(iter(self.of(key)), None)

    def find(self, key, version):
        return next((found for found in self.of(key) if found.id == version), None)

    def add(self, key, version, body, value):
        if version == "null" and (former := self.find(key, "null")):
            self.remove(key, former)
        self.keys.setdefault(key, []).insert(0, Version(version, body, value, next(self.sequence)))

    def remove(self, key, version):
        self.keys[key].remove(version)
        self.gone[key, version.id] = version.sequence
        if not self.keys[key]:
            del self.keys[key]

    def entries(self, prefix, delimiter):
        """[(name, version)] in the order of a list, of common prefixes (name, None)."""
        found = []
        for key in sorted(self.keys, key=str.encode):
            at = key.find(delimiter, len(prefix)) if delimiter else -1
            if not key.startswith(prefix):
                continue
            if at < 0:
                found += [(key, version) for version in self.keys[key]]
            elif (key[:at + len(delimiter)], None) not in found[-1:]:
                found.append((key[:at + len(delimiter)], None))
        return found


@needs("versions")
class RandomVersions(S3Case):
    def setUp(self):
        super().setUp()
        self.model, self.rng = Model(), random.Random(SEED + zlib.crc32(self._testMethodName.encode()))

    def some_key(self):
        return self.rng.choice(KEYS)

    def some_version(self):
        """(key, version), of something that is there most of the time."""
        key = self.rng.choice(sorted(self.model.keys) or KEYS)
        known = [version.id for version in self.model.of(key)]
        gone = [version for name, version in self.model.gone if name == key]
        return key, self.rng.choice(known * 3 + gone + ["null"])

    def some_body(self):
        return self.rng.randbytes(8) * self.rng.choice((0, 1, 200, 1000, 9000))

    def wrote(self, key, answer, body, value):
        version = answer.header("x-amz-version-id")
        self.assertEqual(self.model.state == "Enabled", version is not None, f"statement 404: {answer}")
        self.model.add(key, version or "null", body, value)
        self.model.current(key).etag = self.head(key).header("etag")

    # ---- writes ----

    def do_state(self):
        self.model.state = self.rng.choice(("Enabled", "Enabled", "Suspended"))
        configuration = (VERSIONING % self.model.state).encode()
        self.assert_status(200, self.alice.put(self.bucket, None, {"versioning": None}, (), configuration))

    def do_put(self):
        key, body, value = self.some_key(), self.some_body(), str(self.rng.random())
        current = self.model.current(key)
        is_there = current is not None and not current.is_marker
        headers, expected = self.rng.choice(((None, 200), (None, 200), (("if-none-match", "*"), 412 if is_there else 200),
                                             (("if-match", current.etag if is_there else '"x"'), 200 if is_there else 404)))
        answer = self.alice.put(self.bucket, key, (), {"x-amz-meta-v": value, **dict([headers] if headers else [])}, body)
        self.assert_status(expected, answer)
        if expected == 200:
            self.wrote(key, answer, body, value)

    def do_upload(self):
        key, body, value = self.some_key(), self.some_body(), str(self.rng.random())
        upload = self.alice.post(self.bucket, key, {"uploads": None}, {"x-amz-meta-v": value}).text("UploadId")
        etag = self.alice.put(self.bucket, key, {"partNumber": "1", "uploadId": upload}, (), body).header("etag")
        done = [self.alice.post(self.bucket, key, {"uploadId": upload}, (), document(part_xml(1, etag))) for _ in range(2)]
        self.assert_status(200, done[0])
        self.assertEqual(done[0].header("x-amz-version-id"), done[1].header("x-amz-version-id"), f"statement 425: {done[1]}")
        self.wrote(key, done[0], body, value)

    def do_copy(self):
        (key, name), target = self.some_version(), self.some_key()
        source = f"{self.bucket}/{sigv4.uri_encode(key, keep_slash=True)}?versionId={name}"
        answer = self.alice.put(self.bucket, target, (), {"x-amz-copy-source": source})
        version = self.model.find(key, name)
        if version is None:
            return self.assert_error(answer, 404, "NoSuchVersion" if name != "null" or self.model.state else answer.code)
        if version.is_marker or (key == target and version is self.model.current(key)):
            return self.assert_error(answer, 400, "InvalidRequest")
        self.assert_status(200, answer)
        self.wrote(target, answer, version.body, version.value)

    # ---- deletes ----

    def deleted(self, key, version, is_marker, marker):
        """What the answer to one delete says, and what the model makes of it."""
        if version is None and self.model.state is None:
            if self.model.current(key):
                self.model.remove(key, self.model.current(key))
            self.assertEqual((False, None), (is_marker, marker))
        elif version is None:
            self.assertEqual((True, self.model.state == "Suspended"), (is_marker, marker == "null"), f"{key!r} {self.model.state}")
            self.model.add(key, marker, None, None)
        elif (found := self.model.find(key, version)) is not None:
            self.assertEqual(found.is_marker, is_marker, f"statement 411: {key!r} {version}")
            self.model.remove(key, found)
        else:
            self.assertFalse(is_marker, "statement 412")

    def do_delete(self):
        key, version = self.some_version()
        version = version if self.rng.random() < 0.6 else None
        answer = self.alice.delete(self.bucket, key, {"versionId": version} if version else {})
        self.assert_status(204, answer)
        self.deleted(key, version, answer.header("x-amz-delete-marker") == "true", answer.header("x-amz-version-id"))

    def do_conditional_delete(self):
        key, version = self.some_version()
        version = version if self.rng.random() < 0.5 else None
        found = self.model.find(key, version) if version else self.model.current(key)
        size = len(found.body) if found and not found.is_marker else 0
        header, holds = self.rng.choice(((("if-match", "*"), True), (("if-match", '"wrong"'), False), (("x-amz-if-match-size", str(size)), True),
                                         (("x-amz-if-match-size", "77"), False)))
        if found and found.is_marker:
            holds = header == ("if-match", "*")
        answer = self.alice.delete(self.bucket, key, {"versionId": version} if version else {}, dict([header]))
        self.assert_status(204 if holds or not found else 412, answer)
        if found and holds:
            self.deleted(key, version, answer.header("x-amz-delete-marker") == "true", answer.header("x-amz-version-id"))
        else:
            self.assertIsNone(answer.header("x-amz-delete-marker"), answer)

    def do_delete_objects(self):
        doomed = [(key, version if self.rng.random() < 0.8 else None) for key, version in (self.some_version() for _ in range(5))]
        objects = "".join(f"<Object><Key>{key}</Key>{f'<VersionId>{version}</VersionId>' if version else ''}</Object>" for key, version in doomed)
        answer = self.assert_success_xml(self.alice.delete_objects(self.bucket, f"<Delete>{objects}</Delete>"), "DeleteResult")
        self.assertEqual([], answer.texts("Error/Code"))
        for (key, version), entry in zip(doomed, answer.xml.findall("Deleted")):
            self.assertEqual((key, version), (entry.findtext("Key"), entry.findtext("VersionId")))
            self.deleted(key, version, entry.findtext("DeleteMarker") == "true", entry.findtext("DeleteMarkerVersionId"))

    # ---- reads ----

    def check_version(self, key, version, answer):
        if version is None or version.is_marker:
            self.assertIn(answer.status, (404, 405), answer)
            return
        self.assert_status(200, answer)
        self.assertTrue(version.body == answer.body, f"{key!r} {version.id}: other bytes")
        self.assertEqual((version.value, version.id if self.model.state else None),
                         (answer.header("x-amz-meta-v"), answer.header("x-amz-version-id")))

    def do_get(self):
        key, name = self.some_version()
        version = self.model.find(key, name)
        answer = self.get(key, {"versionId": name})
        self.check_version(key, version, answer)
        self.assertEqual(404 if version is None else 405 if version.is_marker else 200, answer.status, answer)
        current = self.model.current(key)
        answer = self.get(key)
        self.check_version(key, current, answer)
        if current is None or current.is_marker:
            self.assertEqual((404, "true" if current else "false", current.id if current else None),
                             (answer.status, answer.header("x-amz-delete-marker"), answer.header("x-amz-version-id")), "statement 414")

    def do_list(self):
        self.walk(self.rng.choice((1, 2, 3, 7, 1000)), self.rng.choice(("", "", "a", "a/", "b/" + "x" * 500)),
                  self.rng.choice(("", "", "/", "x")))

    def page(self, *query):
        """[(name, version id or None of a prefix)], with what each says checked, and the page."""
        page = self.alice.get(self.bucket, None, [("versions", None), ("encoding-type", "url"), *query])
        self.assert_success_xml(page, "ListVersionsResult")
        shown = []
        for entry in page.xml:
            if entry.tag in ("Version", "DeleteMarker"):
                key = unquote_to_bytes(entry.findtext("Key")).decode()
                version = self.model.find(key, entry.findtext("VersionId"))
                self.assertIsNotNone(version, f"{key!r} {entry.findtext('VersionId')} is listed and not there")
                self.assertEqual((version.is_marker, version is self.model.current(key)),
                                 (entry.tag == "DeleteMarker", entry.findtext("IsLatest") == "true"), f"{key!r} {version.id}")
                if not version.is_marker:
                    self.assertEqual(str(len(version.body)), entry.findtext("Size"))
                shown.append((key, version.id))
        shown += [(unquote_to_bytes(text).decode(), None) for text in page.texts("CommonPrefixes/Prefix")]
        return sorted(shown, key=lambda entry: entry[0].encode()), page

    def walk(self, size, prefix="", delimiter=""):
        expected = [(name, version and version.id) for name, version in self.model.entries(prefix, delimiter)]
        query, at = [], 0
        while True:
            shown, page = self.page(("max-keys", str(size)), ("prefix", prefix), ("delimiter", delimiter), *query)
            self.assertEqual(expected[at:at + size], shown, f"{size} {prefix!r} {delimiter!r} {query}")
            at += len(shown)
            self.assertEqual(at < len(expected), page.text("IsTruncated") == "true")
            if at == len(expected):
                break
            markers = unquote_to_bytes(page.text("NextKeyMarker")).decode(), page.text("NextVersionIdMarker")
            self.assertEqual(shown[-1], markers, "statement 427")
            query = [("key-marker", markers[0])] + [("version-id-marker", markers[1])] * (markers[1] is not None)
        keys = self.list(("encoding-type", "url"), ("prefix", prefix)).texts("Contents/Key")
        self.assertEqual([key for key in sorted(self.model.keys, key=str.encode) if key.startswith(prefix) and not self.model.current(key).is_marker],
                         [unquote_to_bytes(key).decode() for key in keys], "statement 430")

    def do_list_from_gone(self):
        """Statement 428: behind a version that need not be there any more."""
        key, name = self.some_version()
        version = self.model.find(key, name)
        sequence = version.sequence if version else self.model.gone.get((key, name))
        if sequence is None or (version is None and name == "null"):
            sequence = float("inf")
        shown, _ = self.page(("key-marker", key), ("version-id-marker", name))
        self.assertEqual([(other, found.id) for other, found in self.model.entries("", "")
                          if other.encode() > key.encode() or (other == key and found.sequence < sequence)], shown, f"{key!r} {name}")

    # ---- the run ----

    def run_steps(self, weights):
        moves = [getattr(self, "do_" + name) for name in weights]
        for _ in range(STEPS):
            self.rng.choices(moves, weights.values())[0]()
        for size in (1, 1000):
            self.walk(size)
        for key, version in self.model.entries("", ""):
            self.check_version(key, version, self.get(key, {"versionId": version.id}))

    def test_424_random_operations(self):
        self.run_steps({"put": 30, "upload": 6, "copy": 10, "delete": 25, "conditional_delete": 12, "delete_objects": 6, "get": 15,
                        "list": 8, "list_from_gone": 8, "state": 3})

    def test_408_random_operations_mostly_suspended(self):
        self.run_steps({"put": 30, "upload": 8, "copy": 10, "delete": 30, "conditional_delete": 10, "get": 15, "list": 10,
                        "list_from_gone": 8, "state": 15})
