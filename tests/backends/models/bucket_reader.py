"""tests/backends/models/bucket_reader.py -- objects of Bale's bucket, read by docs/bucket-format.md alone: nothing of Bale's code is behind it.

Needs `zstd` (the program) and nothing else but Python. What does not fit is a Malformed, with what it was.
"""

import base64
import binascii
import hashlib
import struct
import subprocess

MIB = 1 << 20
TRAILER_BYTES_MAX = 32 << 20
ALGORITHMS = {0: ("", 0), 1: ("CRC32", 4), 2: ("CRC32C", 4), 3: ("CRC64NVME", 8), 4: ("SHA1", 20), 5: ("SHA256", 32), 6: ("SHA512", 64),
              7: ("MD5", 16), 8: ("XXHASH64", 8), 9: ("XXHASH3", 8), 10: ("XXHASH128", 16)}


class Malformed(Exception):
    pass


def expect(holds, what):
    if not holds:
        raise Malformed(what)


def crc32c_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


TABLE = crc32c_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def unbase64(text, size=None):
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise Malformed(f"base64: {error}") from None
    expect(size is None or len(data) == size, f"{text} has {len(data)} bytes")
    return data


def varint(data, position):
    value = 0
    for step in range(10):
        expect(position < len(data), "a varint is cut off")
        value |= (data[position] & 0x7F) << 7 * step
        position += 1
        if data[position - 1] < 0x80:
            return value, position
    raise Malformed("a varint has more than ten bytes")


# ---- metadata ----


def stamp_of(text):
    """`s4-bale` as a dictionary of its fields."""
    version, *fields = text.split(";")
    expect(version == "1", f"s4-bale begins with {version}")
    stamp = dict(field.split("=", 1) for field in fields)
    stamp["nonce"] = unbase64(stamp["n"], 16)
    stamp["body nonce"] = unbase64(stamp["b"], 16) if "b" in stamp else stamp["nonce"]
    return stamp


def owner_of(text, bucket, key):
    """`s4-bale-owner` as (owner, list of grants), None for a list that lies apart; of another name: the bucket owner's, private."""
    name, owner, grants = text.split("/")
    if unbase64(name, 8) != hashlib.sha256(f"{bucket}/{key}".encode()).digest()[:8]:
        return "", b""
    return unbase64(owner).decode(), None if grants == "+" else unbase64(grants)


def list_name(bucket, key, nonce):
    """Where the list of grants lies that was set of an object that Bale wrote."""
    return f".bale/acl/{hashlib.sha256(f'{bucket}/{key}'.encode()).hexdigest()[:32]}/n{nonce[:8].hex()}"


def foreign_list_name(bucket, key, etag, modified_s):
    revision = hashlib.sha256(f"{etag}/{modified_s}".encode()).hexdigest()[:32]
    return f".bale/acl/{hashlib.sha256(f'{bucket}/{key}'.encode()).hexdigest()[:32]}/e{revision}"


def list_of(data):
    """A list that lies apart, as its blocks."""
    expect(data[:8] == b"BALEACL1" and struct.unpack_from("<I", data, 8)[0] == crc32c(data[12:]), "it is no list")
    blocks, position = {}, 12
    while position < len(data):
        name, size = struct.unpack_from("<cI", data, position)
        blocks[name.decode()] = data[position + 5:position + 5 + size]
        expect(len(blocks[name.decode()]) == size, "a block is cut off")
        position += 5 + size
    return blocks


def packed_list(data):
    fields, position = [], 0
    while position < len(data):
        expect(position + 4 <= len(data), "metadata are cut off")
        name, value = struct.unpack_from("<HH", data, position)
        position += 4
        expect(position + name + value <= len(data), "metadata are cut off")
        fields.append((data[position:position + name].decode(), data[position + name:position + name + value]))
        position += name + value
    return fields


# ---- the trailer ----


def frame_sizes(data):
    sizes, position = [], 0
    while position < len(data):
        original, position = varint(data, position)
        stored, position = varint(data, position)
        sizes.append((original or MIB, stored))
    return sizes


def attributes_of(data):
    expect(len(data) >= 56, "attributes are cut off")
    size, nonce, digest, parts, crc, algorithm, kind, count, checksum_parts = struct.unpack_from("<Q16s16sIIBBHI", data)
    expect(algorithm in ALGORITHMS and count == ALGORITHMS[algorithm][1] and len(data) == 56 + count, "the checksum has another size")
    return {"original size": size, "nonce": nonce, "digest": digest, "parts": parts, "crc32c": crc, "checksum": data[56:],
            "algorithm": ALGORITHMS[algorithm][0], "type": ("FULL_OBJECT", "COMPOSITE")[kind], "checksum parts": checksum_parts}


def parts_of(data):
    parts, number, position = [], 0, 1
    size = ALGORITHMS[data[0]][1]
    while position < len(data):
        step, position = varint(data, position)
        original, position = varint(data, position)
        number += step
        parts.append((number, original, data[position:position + size]))
        position += size
    expect(position == len(data), "parts are cut off")
    return parts


def trailer_of(body):
    """The last bytes of a body as a dictionary; "bytes": how many they are."""
    expect(len(body) >= 44 and body[-8:] == b"BALE-END", "the body ends with no footer")
    size, stored, crc, version, zero = struct.unpack_from("<QQIHH", body, len(body) - 32)
    expect(stored == len(body), f"the footer says {stored} bytes, the object has {len(body)}")
    expect((version, zero) == (1, 0), f"version {version}, {zero}")
    expect(32 <= size <= min(len(body), TRAILER_BYTES_MAX) - 12, f"the trailer has {size} bytes")
    frame = body[-(size + 12):]
    expect(frame[:4] == b"S4P1" and struct.unpack_from("<Q", frame, 4)[0] == size, "it is no padding frame")
    sections = frame[12:-32]
    expect(crc32c(sections) == crc, "the CRC of the sections is wrong")
    found, position, last = {"bytes": len(frame)}, 0, 0
    while position < len(sections):
        kind, count = struct.unpack_from("<B3xI", sections, position)
        data = sections[position + 8:position + 8 + count]
        expect(kind > last and len(data) == count, "a section is out of order or cut off")
        last, position = kind, position + 8 + count
        if kind == 1:
            found.update(attributes_of(data))
        elif kind == 2:
            found["frames"] = frame_sizes(data)
        elif kind == 3:
            found["part list"] = parts_of(data)
        elif kind == 4:
            found["metadata"] = packed_list(data)
        elif kind == 5:
            found["seal"] = data
    expect("nonce" in found, "there are no attributes")
    if "frames" in found:
        expect(sum(original for original, _ in found["frames"]) == found["original size"], "frames do not add up to the original")
        expect(sum(stored for _, stored in found["frames"]) == len(body) - len(frame), "frames do not add up to the body")
    if "part list" in found:
        expect(len(found["part list"]) == found["parts"], "parts are missing")
        expect(sum(size for _, size, _ in found["part list"]) == found["original size"], "parts do not add up to the original")
    return found


# ---- bodies ----


def unzstd(payload, size):
    done = subprocess.run(["zstd", "-dcq", "--long=27"], input=payload, capture_output=True)
    expect(done.returncode == 0 and len(done.stdout) == size, f"a frame's payload: {done.stderr.decode().strip()}")
    return done.stdout


def frames_of(body):
    """(original bytes, stored size) of each frame of data."""
    position = 0
    while position < len(body):
        magic = body[position:position + 4]
        if magic == b"S4P1":
            position += 12 + struct.unpack_from("<Q", body, position + 4)[0]
            continue
        expect(magic == b"S4F2" and position + 28 <= len(body), f"no frame begins at {position}")
        codec, original, payload, crc = struct.unpack_from("<IQQI", body, position + 4)
        data = body[position + 28:position + 28 + payload]
        expect(len(data) == payload, "a frame is cut off")
        expect(codec in (0, 1), f"codec {codec}")
        data = unzstd(data, original) if codec == 1 else data
        expect(len(data) == original and crc32c(data) == crc, "a frame is not what its header says")
        yield data, 28 + payload
        position += 28 + payload
    expect(position == len(body), "padding is cut off")


class Object:
    """What a bucket has of one object, and what it means. `fields`: its x-amz-meta- fields without that beginning."""

    def __init__(self, fields, body):
        self.stamp = stamp_of(fields["s4-bale"])
        self.trailer = None
        if "t" in self.stamp:
            self.trailer = trailer_of(body)
            expect(self.trailer["nonce"] == self.stamp["body nonce"], "the trailer is another body's")
            expect(self.stamp["t"] in ("?", str(self.trailer["bytes"])), "the metadata have another size of the trailer")
        is_framed = "true" in (fields.get("s4-framed"), fields.get("s4-multipart"))
        frames = list(frames_of(body)) if is_framed else [(body, len(body))]
        self.original = b"".join(data for data, _ in frames)
        if self.trailer and "frames" in self.trailer:
            expect(self.trailer["frames"] == [(len(data), stored) for data, stored in frames], "the index has other frames")
        known = self.trailer or {}
        self.size = int(fields.get("s4-original-size", known.get("original size", -1)))
        self.crc32c = int(fields.get("s4-crc32c", known.get("crc32c", -1)))
        self.etag = fields.get("s4-logical-etag") or known["digest"].hex() + (f"-{known['parts']}" if known["parts"] else "")
        self.metadata = known.get("metadata") if self.stamp.get("u") == "t" else None
        expect(self.size == len(self.original), f"{len(self.original)} bytes, not {self.size}")
        expect(self.crc32c == crc32c(self.original), "the CRC-32C of the original is wrong")
        expect("-" in self.etag or self.etag == hashlib.md5(self.original).hexdigest(), "the ETag is not the MD5")
