"""tests/backends/requests/classes.py -- storage classes: what each backend does with one, where --class places objects, and what clients see of it."""

import random

import fronts
from backend_case import BackendCase
from starting import StartCase

MIB = 1 << 20
NOISE = random.Random(14).randbytes(6 * MIB)
SMALL = 128 << 10  # what is smaller is billed as this
ALL = {"REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR"}
# server -> (the classes that it keeps, what it does with the others)
KNOWN = {"raw": (ALL, None), "minio": ({"REDUCED_REDUNDANCY"}, "refuses"), "versitygw": (set(), "forgets")}
TWO = "STANDARD_IA=zstd:9,backend:REDUCED_REDUNDANCY,GLACIER=zstd:3"


class ClassCase(BackendCase):
    FOR = ("raw", "versitygw", "minio")

    @property
    def kept(self):
        return KNOWN[self.backend_name][0]

    def put(self, bale, key, storage_class, body):
        headers = {"x-amz-storage-class": storage_class} if storage_class else {}
        answer = bale.client().put(self.bucket, key, (), headers, body, payload="unsigned")
        self.assertEqual(200, answer.status, answer)

    def upload(self, bale, key, storage_class, parts):
        client = bale.client()
        upload = client.post(self.bucket, key, {"uploads": None}, {"x-amz-storage-class": storage_class}).text("UploadId")
        document = ""
        for number, part in enumerate(parts, 1):
            etag = client.put(self.bucket, key, {"partNumber": str(number), "uploadId": upload}, (), part, payload="unsigned").header("etag")
            document += f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
        done = client.post(self.bucket, key, {"uploadId": upload}, (), f"<CompleteMultipartUpload>{document}</CompleteMultipartUpload>")
        self.assertEqual(200, done.status, done)

    def classes(self, front):
        """Of each key, as HEAD says it; lists say the same."""
        client = front.client()
        page = client.get(self.bucket, None, {"list-type": "2"})
        listed = dict(zip(page.texts("Contents/Key"), page.texts("Contents/StorageClass")))
        found = {key: client.head(self.bucket, key).header("x-amz-storage-class") or "STANDARD"
                 for key in listed if not key.startswith(".bale/")}
        self.assertEqual(found, {key: listed[key] for key in found})
        return found


class ClassesOfServers(ClassCase):
    def test_what_each_does_with_them(self):
        """As bale backend and /metrics say it, and /ready of one that is asked for."""
        bale = self.bale(self.backend, "--class", TWO)
        kept, word = KNOWN[self.backend_name]
        found = fronts.verdicts(self.backend)
        self.assertEqual(kept, {name for name in ALL if found["class-" + name.lower().replace("_", "-")]})
        self.assertEqual(word != "forgets", found["classes-told"])
        metrics = bale.admin("/metrics")[1]
        for name in ALL:
            self.assertIn(f'bale_backend_verdict{{verdict="CLASS_{name}"}} {int(name in kept)}\n', metrics)
        lacking = "" if "REDUCED_REDUNDANCY" in kept else f"the backend {word} the storage class REDUCED_REDUNDANCY (bale backend): " \
            "what goes to STANDARD_IA stays in STANDARD there\n"
        self.wait_for(lambda: bale.admin("/ready") == (200, "ready\n" + lacking), "the journal is read, and nothing else is lacking")

    def test_where_objects_go(self):
        """By PUT, in parts, by copy; what has no place is a name, and what nobody has named is the backend's where it keeps that."""
        bale = self.bale(self.backend, "--class", TWO, "--part-size", "5M")
        self.put(bale, "plain", None, NOISE)
        self.put(bale, "small", "STANDARD_IA", b"x")
        self.put(bale, "large", "STANDARD_IA", NOISE)
        self.upload(bale, "parts", "STANDARD_IA", [NOISE, b"the end"])
        self.put(bale, "archive", "GLACIER", b"y" * SMALL)
        self.put(bale, "other", "ONEZONE_IA", b"z")
        for source in ("plain", "small", "archive"):  # a copy is of the class that it is asked for
            for name in ("STANDARD_IA", None):
                headers = {"x-amz-copy-source": f"{self.bucket}/{source}"} | ({"x-amz-storage-class": name} if name else {})
                self.assertEqual(200, bale.client().put(self.bucket, f"of-{source}-{name}", (), headers).status)
        copies = {f"of-{source}-{name}": name or "STANDARD" for source in ("plain", "small", "archive") for name in ("STANDARD_IA", None)}
        shown = {"plain": "STANDARD", "small": "STANDARD_IA", "large": "STANDARD_IA", "parts": "STANDARD_IA", "archive": "GLACIER",
                 "other": "ONEZONE_IA", **copies}
        self.assertEqual(shown, self.classes(bale))
        self.assertEqual(shown, self.classes(self.bale(self.backend)), "whoever knows no places sees the same")
        place = {"STANDARD_IA": "REDUCED_REDUNDANCY"} if "REDUCED_REDUNDANCY" in self.kept else {}
        place |= {"ONEZONE_IA": "ONEZONE_IA"} if "ONEZONE_IA" in self.kept else {}
        self.assertEqual({key: place.get(name, "STANDARD") for key, name in shown.items()}, self.classes(self.direct()))
        for key, body in (("large", NOISE), ("parts", NOISE + b"the end"), ("archive", b"y" * SMALL), ("of-plain-STANDARD_IA", NOISE)):
            self.assertTrue(bale.client().get(self.bucket, key).body == body, key)


class Places(ClassCase):
    FOR = ("raw",)

    def test_what_is_small_stays_in_standard(self):
        """Where more would be billed than is stored; by the bytes that are stored."""
        bale = self.bale(self.backend, "--class", "GLACIER_IR=zstd:1,backend:GLACIER_IR,STANDARD_IA=zstd:1,backend:INTELLIGENT_TIERING")
        self.put(bale, "below", "GLACIER_IR", NOISE[:SMALL - 100])
        self.put(bale, "above", "GLACIER_IR", NOISE[:SMALL])
        self.put(bale, "packed", "GLACIER_IR", b"a line of a log\n" * 100_000)
        self.put(bale, "tiny", "STANDARD_IA", b"x")
        self.assertEqual({"below": "GLACIER_IR", "above": "GLACIER_IR", "packed": "GLACIER_IR", "tiny": "STANDARD_IA"}, self.classes(bale))
        self.assertEqual({"below": "STANDARD", "above": "GLACIER_IR", "packed": "STANDARD", "tiny": "INTELLIGENT_TIERING"},
                         self.classes(self.direct()))

    def test_a_class_for_all_others(self):
        """--storage-class is of what nobody asked a class for, and of nothing that is Bale's own."""
        bale = self.bale(self.backend, "--storage-class", "STANDARD_IA", "--class", "GLACIER=zstd:1", "--part-size", "5M")
        self.put(bale, "plain", None, b"x")
        self.put(bale, "large", None, NOISE)
        self.put(bale, "own", "ONEZONE_IA", b"y")
        self.put(bale, "named", "GLACIER", b"z")
        self.upload(bale, "parts", "STANDARD", [NOISE, NOISE[:9]])
        self.assertEqual({"plain": "STANDARD_IA", "large": "STANDARD_IA", "own": "ONEZONE_IA", "named": "GLACIER", "parts": "STANDARD_IA"},
                         self.classes(bale))
        page = self.backend.client().get(self.bucket, None, {"list-type": "2", "prefix": ".bale/"})
        self.assertEqual({"STANDARD"}, set(page.texts("Contents/StorageClass")))

    def test_a_copy_by_another_tool_is_of_its_own_class(self):
        """The name is the key's that it was given."""
        bale = self.bale(self.backend, "--class", TWO)
        self.put(bale, "archive", "GLACIER", b"x")
        headers = {"x-amz-copy-source": f"{self.bucket}/archive"}
        self.assertEqual(200, self.backend.client().put(self.bucket, "copy", (), headers).status)
        self.assertEqual({"archive": "GLACIER", "copy": "STANDARD"}, self.classes(bale))


class PlacesThatAreNone(StartCase):
    FOR = ("raw",)

    def test_they_are_refused(self):
        for classes, words in (("GLACIER=zstd:9,backend:GLACIER", ["backend:GLACIER: objects in that class cannot be read at once"]),
                               ("STANDARD_IA=zstd:9,backend:COLD", ['"COLD" is no storage class of a backend']),
                               ("backend:STANDARD_IA", ["goes behind NAME=zstd:LEVEL"])):
            self.assert_refused(words, [*self.options(), "--class", classes])
        self.assert_refused(["--storage-class DEEP_ARCHIVE: objects in that class"], [*self.options(), "--storage-class", "DEEP_ARCHIVE"])
        self.assert_refused(["goes with --backend s3:BUCKET only"], ["--backend", "dir:nothing", "--class", "STANDARD_IA=zstd:9,backend:STANDARD_IA"])
