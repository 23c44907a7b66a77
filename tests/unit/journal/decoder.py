"""tests/unit/journal/decoder.py -- reads every object of a journal from docs/journal-format.md alone.

It shares no code with the server and is slow and obvious on purpose. As a program: `decoder.py WRITE_SAMPLES` has that
program write one object of each kind, and compares what it reads with what was meant.
"""

import struct
import subprocess
import sys
import tempfile
from pathlib import Path


def reflected_crc(data, polynomial, bits):
    crc = mask = (1 << bits) - 1
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (polynomial if crc & 1 else 0)
    return crc ^ mask


def crc32c(data):
    return reflected_crc(data, 0x82F63B78, 32)


def crc64nvme(data):
    return reflected_crc(data, 0x9A6C9329AC4BC9B5, 64)


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        if self.at + size > len(self.data):
            raise ValueError("too short")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, size):
        return int.from_bytes(self.take(size), "little")

    def done(self):
        return self.at == len(self.data)

    def end(self):
        if not self.done():
            raise ValueError("bytes are left")


def open_frame(body, magic):
    got_magic, version, zero, size, crc = struct.unpack("<4sHHII", body[:16])
    if got_magic != magic or version != 1 or zero != 0 or size != len(body) - 16:
        raise ValueError("not such a frame")
    if crc != crc32c(body[:12] + body[16:]):
        raise ValueError("checksum")
    return Reader(body[16:])


def key(reader):
    base, clock = reader.number(8), reader.number(8)
    return (base, clock, reader.take(16).hex(), reader.number(8))


KINDS = ["", "counter-add", "map-put", "map-delete", "map-put-if", "set-add", "set-remove", "list-append",
         "spool-open", "spool-record", "spool-close", "release", "map-put-greater"]


def ops(data):
    reader, found = Reader(data), []
    while not reader.done():
        kind, space, table_size, zero = reader.take(4)
        key_size, value_size = reader.number(4), reader.number(4)
        table, name, value = reader.take(table_size), reader.take(key_size), reader.take(value_size)
        if zero != 0:
            raise ValueError("reserved byte")
        kind = KINDS[kind]
        if kind == "counter-add":
            value = struct.unpack("<q", value)[0]
        elif kind == "spool-record":
            value = (struct.unpack("<Q", value[:8])[0], ops(value[8:]))
        elif kind == "map-put-if":
            inner, value = Reader(value), []
            for _ in range(2):
                flag, text = inner.number(1), inner.take(inner.number(4))
                value.append(text if flag else None)
            inner.end()
        found.append((kind, space, table, name, value))
    return found


def segment(body):
    reader = open_frame(body, b"BJSG")
    found = {"lineage": reader.take(16).hex(), "key": key(reader)}
    has_predecessor, predecessor = reader.number(1), key(reader)
    found["predecessor"] = predecessor if has_predecessor else None
    found["batches"] = []
    for _ in range(reader.number(4)):
        name, count = reader.take(16).hex(), reader.number(4)
        batch = ops(reader.take(reader.number(4)))
        if len(batch) != count:
            raise ValueError("count of ops")
        found["batches"].append((name, batch))
    reader.end()
    return found


def layer(reader):
    return (reader.number(8), reader.take(16).hex(), reader.number(8))


def head(body):
    reader = open_frame(body, b"BJHD")
    found = {"lineage": reader.take(16).hex(), "generation": reader.number(8)}
    for name in ("op_kind_last", "window", "horizon"):
        found[name] = reader.number(4)
    found["digest"] = reader.number(8)
    found["ancestors"] = [(reader.take(16).hex(), reader.number(4)) for _ in range(reader.number(4))]
    found["layers"] = [layer(reader) for _ in range(reader.number(4))]
    found["dropped"] = [(layer(reader), reader.number(8)) for _ in range(reader.number(4))]
    found["quarantine"] = [(key(reader), reader.number(8), reader.number(1)) for _ in range(reader.number(4))]
    found["missing"] = [(key(reader), reader.number(8)) for _ in range(reader.number(4))]
    reader.end()
    return found


def ground(body):
    reader = open_frame(body, b"BJGR")
    found = {"test": reader.number(4), "contenders": reader.number(4), "place": reader.take(16).hex(),
             "tested_ms": reader.number(8)}
    reader.end()
    return found


def roll(body):
    reader = open_frame(body, b"BJLG")
    found = {"generation": reader.number(8), "nonce": reader.take(16).hex()}
    found["keys"] = [key(reader) for _ in range(reader.number(4))]
    reader.end()
    return found


def state(body):
    """Entries as stored; a deleted one has the value None."""
    reader = open_frame(body, b"BJST")
    found = {"generation": reader.number(8), "nonce": reader.take(16).hex(), "entries": []}
    for _ in range(reader.number(4)):
        key_size, value_size = reader.number(4), reader.number(4)
        name = reader.take(key_size)
        found["entries"].append((name, None if value_size == 0xFFFFFFFF else reader.take(value_size)))
    reader.end()
    return found


def digest(entries):
    total = 0
    for name, value in entries:
        if value is None:
            continue
        x = crc64nvme(name + value) + len(name) & 0xFFFFFFFFFFFFFFFF
        x = (x ^ x >> 33) * 0xFF51AFD7ED558CCD & 0xFFFFFFFFFFFFFFFF
        x = (x ^ x >> 33) * 0xC4CEB9FE1A85EC53 & 0xFFFFFFFFFFFFFFFF
        total += x ^ x >> 33
    return total & 0xFFFFFFFFFFFFFFFF


# ---- the test ----


def sample_id(first):
    return bytes(range(first, first + 16)).hex()


def sample_key(base):
    return (base, 0x1122334455667788, sample_id(0x20), base + 1)


def check(what, got, expected):
    if got != expected:
        sys.exit(f"{what}:\n  got      {got}\n  expected {expected}")


def check_segment(body):
    got = segment(body)
    check("lineage", got["lineage"], sample_id(0x10))
    check("key", got["key"], sample_key(9))
    check("predecessor", got["predecessor"], sample_key(8))
    spool, gone = bytes.fromhex(sample_id(0x40)), sample_key(4)
    gone = struct.pack("<QQ16sQ", gone[0], gone[1], bytes.fromhex(gone[2]), gone[3])
    check("batch 1", got["batches"][0], (sample_id(0x30), [
        ("counter-add", 1, b"objects", b"photos", -3),
        ("map-put", 4, b"cors", b"photos", b"a\0b\xff"),
        ("map-delete", 4, b"cors", b"old", b""),
        ("map-put-if", 2, b"prefix", b"logs/", [b"old", b"new"]),
        ("set-add", 3, b"rules", b"r1", b""),
        ("set-remove", 3, b"rules", b"r0", b""),
    ]))
    check("batch 2", got["batches"][1], ("00" * 16, [
        ("list-append", 255, b"order", b"all", b"element"),
        ("spool-open", 0, b"", spool, b""),
        ("spool-record", 0, b"", spool, (1, [("counter-add", 1, b"objects", b"photos", 1)])),
        ("spool-close", 0, b"", spool, b""),
        ("release", 0, b"", gone, b""),
        ("map-put-greater", 4, b"cors", b"photos", b"b"),
    ]))


def check_head(body):
    check("head", head(body), {
        "lineage": sample_id(0x10), "generation": 12, "op_kind_last": 12, "window": 4, "horizon": 16,
        "digest": 0x0123456789ABCDEF,
        "ancestors": [(sample_id(0x50), 3), (sample_id(0x60), 0)],
        "layers": [(12, sample_id(0x50), 100), (7, sample_id(0x70), 1 << 20)],
        "dropped": [((10, sample_id(0x80), 50), 12)],
        "quarantine": [(sample_key(5), 9, 1)],
        "missing": [(sample_key(6), 10)],
    })


def check_state(body, expected_digest):
    gone = sample_key(4)
    entries = [
        (bytes([0, 6, 0]) + bytes.fromhex(sample_id(0x30)), struct.pack("<Q", 12)),
        (bytes([0, 7, 0]) + struct.pack("<QQ16sQ", gone[0], gone[1], bytes.fromhex(gone[2]), gone[3]), struct.pack("<Q", 12)),
        (b"\1\1\7objectsphotos", struct.pack("<q", -2)),
        (b"\3\3\5rulesr1", b""),
        (b"\4\2\4corsold", None),
        (b"\4\2\4corsphotos", b"b"),
        (b"\xff\4\5orderall", struct.pack("<I", 7) + b"element"),
    ]
    check("state", state(body)["entries"], entries)
    check("digest", digest(entries), expected_digest)


def main():
    check("CRC-32C", crc32c(b"123456789"), 0xE3069283)
    check("CRC-64/NVME", crc64nvme(b"123456789"), 0xAE8B14860A799888)
    with tempfile.TemporaryDirectory() as folder:
        printed = subprocess.run([sys.argv[1], folder], check=True, stdout=subprocess.PIPE, text=True).stdout
        check_segment((Path(folder) / "segment").read_bytes())
        check_head((Path(folder) / "head").read_bytes())
        check("ground", ground((Path(folder) / "ground").read_bytes()),
              {"test": 1, "contenders": 32, "place": sample_id(0x90), "tested_ms": 0x0123456789AB})
        check("roll", roll((Path(folder) / "roll").read_bytes()),
              {"generation": 12, "nonce": sample_id(0x50), "keys": [sample_key(base) for base in (7, 8, 9)]})
        check_state((Path(folder) / "state").read_bytes(), int(printed, 16))


if __name__ == "__main__":
    main()
