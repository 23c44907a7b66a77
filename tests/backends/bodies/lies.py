"""tests/backends/bodies/lies.py -- trailers, fields and sidecars that are not true, put into the bucket by somebody who makes them look right: what
Bale serves is the object's own bytes, or an error, and Bale goes on."""

import random
import struct

import bucket_reader
import wire
from backend_case import BackendCase
from format_read import log_lines
from s4_read import sidecar_of

MIB = 1 << 20
FOOTER_BYTES = 32


def with_sections(body, change):
    """The body with a trailer whose sections are what `change` makes of them ({kind: bytes}), and whose sums are right again."""
    size = bucket_reader.trailer_of(body)["bytes"]
    data, sections, position = body[-size + 12:-FOOTER_BYTES], {}, 0
    while position < len(data):
        kind, count = struct.unpack_from("<B3xI", data, position)
        sections[kind] = bytearray(data[position + 8:position + 8 + count])
        position += 8 + count
    change(sections)
    packed = b"".join(struct.pack("<B3xI", kind, len(section)) + section for kind, section in sorted(sections.items()))
    total = len(packed) + FOOTER_BYTES
    stored = len(body) - size + 12 + total
    footer = struct.pack("<QQIHH", total, stored, bucket_reader.crc32c(packed), 1, 0) + b"BALE-END"
    return body[:-size] + b"S4P1" + struct.pack("<Q", total) + packed + footer


def varint(value):
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return encoded + bytes([value])


def set_frames(sections, change):
    frames = change(bucket_reader.frame_sizes(bytes(sections[2])))
    sections[2] = b"".join(varint(0 if original == MIB else original) + varint(stored) for original, stored in frames)


def exchanged(frames):
    """The same sums, and every frame but the first somewhere else."""
    return [(frames[0][0], frames[0][1] + 7), (frames[1][0], frames[1][1] - 7), *frames[2:]]


def shifted(frames):
    return [(frames[0][0] - 1, frames[0][1]), (frames[1][0] + 1, frames[1][1]), *frames[2:]]


def in_attributes(offset, form, value):
    return lambda sections: struct.pack_into(form, sections[1], offset, value)


SECTIONS = {
    "frames lie elsewhere": lambda sections: set_frames(sections, exchanged),
    "frames hold other bytes": lambda sections: set_frames(sections, shifted),
    "a frame is twice there": lambda sections: set_frames(sections, lambda frames: [*frames, frames[-1]]),
    "a frame is missing": lambda sections: set_frames(sections, lambda frames: frames[:-1]),
    "a frame of nothing but size": lambda sections: set_frames(sections, lambda frames: [(1 << 62, 1), *frames]),
    "no frames": lambda sections: sections.pop(2),
    "no attributes": lambda sections: sections.pop(1),
    "another size": in_attributes(0, "<Q", 12345),
    "a size beyond all": in_attributes(0, "<Q", (1 << 64) - 1),
    "another nonce": in_attributes(8, "<Q", 1),
    "a checksum of another size": in_attributes(46, "<H", 200),
    "parts without end": in_attributes(40, "<I", 0xFFFFFFFF),
}

FOOTERS = {
    "another CRC": (16, "<I", 1),
    "more bytes than the object": (0, "<Q", 1 << 60),
    "more bytes than there are": (0, "<Q", (1 << 64) - 1),
    "fewer bytes than a footer": (0, "<Q", 3),
    "another object's size": (8, "<Q", 99),
    "a later version": (20, "<H", 7),
}


class LiesCase(BackendCase):
    FOR = ("raw",)

    def setUp(self):
        super().setUp()
        self.body = log_lines(self.seed, 3 * MIB + 500_000)
        self.plain = self.direct().client()

    def assert_own_bytes_or_an_error(self, alice, key, what):
        size = len(self.body)
        ranges = [(0, 9), (MIB - 5, MIB + 5), (2 * MIB + 77, 3 * MIB + 77), (size - 10, size - 1)]
        ranges += [(first, first + 1000) for first in (random.Random(what).randrange(size - 1001) for _ in range(6))]
        for first, last in [*ranges, (None, None)]:
            headers = {} if first is None else {"range": f"bytes={first}-{last}"}
            try:
                answer = alice.get(self.bucket, key, (), headers)
            except (wire.ProtocolError, OSError):
                continue  # cut, because the head had gone out already
            if answer.status in (200, 206):
                wanted = self.body if first is None else self.body[first:last + 1]
                self.assertTrue(answer.body == wanted, f"{what}: wrong bytes for {headers}: {answer.status} {answer.header('content-range')}")
            else:
                self.assertIn(answer.status, (416, 500, 501, 503), f"{what}: {answer}")
        self.assertIn(alice.head(self.bucket, key).status, (200, 500, 501), what)
        self.assertEqual(200, alice.get(self.bucket, None, {"list-type": "2"}).status, what)


class TrailersThatLie(LiesCase):
    def stored(self, bale):
        """By multipart, so that nothing but the trailer says what the object is; and by one PUT."""
        client = bale.client()
        self.assertEqual(200, client.put(self.bucket, "one", (), (), self.body, payload="unsigned").status)
        upload = client.post(self.bucket, "joined", {"uploads": None}).text("UploadId")
        etag = client.put(self.bucket, "joined", {"partNumber": "1", "uploadId": upload}, (), self.body, payload="unsigned").header("etag")
        done = client.post(self.bucket, "joined", {"uploadId": upload}, (), "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
                           f"<ETag>{etag}</ETag></Part></CompleteMultipartUpload>")
        self.assertEqual(200, done.status, done)
        for key in ("one", "joined"):
            answer = self.plain.get(self.bucket, key)
            yield key, {name: value for name, value in answer.headers if name.lower().startswith("x-amz-meta-")}, answer.body

    def test_every_lie(self):
        bale = self.bale()
        alice = bale.client()
        for key, fields, body in list(self.stored(bale)):
            changed = {name: with_sections(body, change) for name, change in SECTIONS.items()}
            for name, (offset, form, value) in FOOTERS.items():
                lie = bytearray(body)
                struct.pack_into(form, lie, len(body) - FOOTER_BYTES + offset, value)
                changed[name] = bytes(lie)
            changed["cut off"] = body[:-1]
            changed["nothing but the trailer"] = body[-bucket_reader.trailer_of(body)["bytes"]:]
            self.assertEqual(body, with_sections(body, lambda sections: None))
            for name, lie in changed.items():
                with self.subTest(f"{key}: {name}"):
                    self.assertEqual(200, self.plain.put(self.bucket, key, (), fields, lie, payload="unsigned").status)
                    for _ in range(2):  # unknown, and then known
                        self.assert_own_bytes_or_an_error(alice, key, f"{key}: {name}")
            self.assertEqual(200, self.plain.put(self.bucket, key, (), fields, body, payload="unsigned").status)
            self.assertTrue(alice.get(self.bucket, key).body == self.body, "the true one again")
        self.assertEqual(0, bale.stop())


class SidecarsThatLie(LiesCase):
    """Of an object as S4 writes it: bound to it by its ETag and its size, and false in what they say of its frames."""

    def test_every_lie(self):
        with self.bale(self.backend, "--s4-sidecars") as bale:
            self.assertEqual(200, bale.client().put(self.bucket, "k", (), (), self.body, payload="unsigned").status)
        stored, index = self.plain.get(self.bucket, "k"), self.plain.get(self.bucket, "k.s4index").body
        framed = stored.body[:-bucket_reader.trailer_of(stored.body)["bytes"]]
        fields = {name: value for name, value in stored.headers if name.lower().startswith("x-amz-meta-s4-") and "s4-bale" not in name.lower()}
        fields = {name: str(len(framed)) if name.lower().endswith("compressed-size") else value for name, value in fields.items()}
        etag = self.plain.put(self.bucket, "k", (), fields, framed, payload="unsigned").header("etag").strip('"')
        _, _, entries = sidecar_of(index)

        def sidecar(changed, total=None):
            total = sum(entry[1] for entry in changed) if total is None else total
            return struct.pack("<4sIQQQQI", b"S4IX", 2, len(changed), total, len(framed), len(framed), len(etag)) + etag.encode() + b"".join(
                struct.pack("<QQQQ", *entry) for entry in changed)

        def at(number, **changes):
            names = ("first", "size", "place", "length")
            return [tuple(changes.get(name, lambda value: value)(value) for name, value in zip(names, entry)) if index == number else entry
                    for index, entry in enumerate(entries)]

        lies = {
            "true": entries,
            "a frame lies elsewhere": at(1, place=lambda value: value + 1),
            "outside the object": at(3, place=lambda value: value + (1 << 40)),
            "longer than it is": at(3, length=lambda value: value + 5),
            "shorter than it is": at(1, length=lambda value: value - 9),
            "holds more": at(3, size=lambda value: value + 1000),
            "holds less": at(3, size=lambda value: value - 1000),
            "a gap": at(2, first=lambda value: value + 10, size=lambda value: value - 10),
            "one missing": entries[:-1],
            "one missing in the middle": [entries[0], *entries[2:]],
            "none": [],
            "of another order": entries[::-1],
        }
        for name, lie in lies.items():
            with self.subTest(name):
                self.plain.put(self.bucket, "k.s4index", (), (), sidecar(lie))
                alice = self.bale().client()  # who has seen it believes what it has seen
                self.assert_own_bytes_or_an_error(alice, "k", name)
                if name == "true":
                    self.assertTrue(alice.get(self.bucket, "k", (), {"range": "bytes=2000000-2000999"}).body == self.body[2000000:2001000])
