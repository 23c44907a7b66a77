"""tests/unit/codec/columns_decoder.py -- reads columns from docs/columns-format.md alone, and has Bale read what it writes.

It shares no code with the server and is slow and obvious on purpose. As a program: `columns_decoder.py JUDGE VECTORS [COUNT [SEED]]`
reads the vectors, and has the judge (columns_judge.c) read them; draws plans and records, has the judge pack them, and reads
that; then it packs them itself, in ways that Bale does not, and has the judge read that. Streams of zstd are coded by libzstd.
"""

import ctypes
import json
import random
import struct
import subprocess
import sys
from pathlib import Path

SIZE_MAX = 4 << 20
DECIMALS = (4, 5)
zstd = ctypes.CDLL("libzstd.so.1")
zstd.ZSTD_isError.argtypes = [ctypes.c_size_t]
for name in ("ZSTD_compress", "ZSTD_decompress", "ZSTD_compressBound"):
    getattr(zstd, name).restype = ctypes.c_size_t


class Damaged(Exception):
    pass


class Unsupported(Exception):
    pass


def check(holds, why):
    if not holds:
        raise Damaged(why)


def zstd_compress(data, level):
    room = ctypes.create_string_buffer(zstd.ZSTD_compressBound(ctypes.c_size_t(len(data))))
    size = zstd.ZSTD_compress(room, ctypes.c_size_t(len(room)), data, ctypes.c_size_t(len(data)), level)
    return room.raw[:size]


def zstd_decompress(data, size):
    room = ctypes.create_string_buffer(size)
    done = zstd.ZSTD_decompress(room, ctypes.c_size_t(size), data, ctypes.c_size_t(len(data)))
    check(not zstd.ZSTD_isError(done) and done == size, "zstd")
    return room.raw


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        check(size <= len(self.data) - self.at, "too short")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, size):
        return int.from_bytes(self.take(size), "little")


# ---- from a payload to the original bytes ----


def read_plan(reader):
    """S, lead and a list of (width, op, exponent), one for each field."""
    if reader.number(1) != 1:
        raise Unsupported("version")
    stride, runs, lead = reader.number(1), reader.number(1), reader.number(1)
    check(1 <= runs <= stride, "runs")
    fields = []
    for _ in range(runs):
        kind = reader.number(1)
        width, op = 1 << (kind & 3), kind >> 2
        if op not in (0, 1, 2, 4, 5):
            raise Unsupported("op")
        repeat = reader.number(1)
        exponent = reader.number(1) if op in DECIMALS else 0
        check(repeat >= 1 and exponent <= 15 and (op not in DECIMALS or width >= 4), "run")
        fields += [(width, op, exponent)] * repeat
    check(sum(width for width, _, _ in fields) == stride and lead < stride, "stride")
    return stride, lead, fields


def read_modes(reader, stride, records):
    modes = []
    for _ in range(stride):
        mode = reader.number(1)
        if mode > 2:
            raise Unsupported("mode")
        argument = reader.number((0, 1, 3)[mode])
        check(mode != 2 or 1 <= argument < records, "size of a stream")
        modes.append((mode, argument))
    return modes


def read_exceptions(reader, width, records):
    count = reader.number(4)
    check(count <= records // 16, "too many exceptions")
    exceptions = {}
    last = -1
    for _ in range(count):
        record = reader.number(4)
        check(last < record < records, "order of exceptions")
        last = record
        exceptions[record] = reader.take(width)
    return exceptions


def read_stream(reader, mode, argument, records):
    if mode == 0:
        return reader.take(records)
    if mode == 1:
        return bytes([argument]) * records
    return zstd_decompress(reader.take(argument), records)


def unzigzag(value):
    return value // 2 if value % 2 == 0 else -(value + 1) // 2


def signed(value, width):
    return value - (1 << 8 * width) if value >> (8 * width - 1) else value


def decimal(value, width, exponent):
    number = float(signed(value, width)) / float(10**exponent)
    return struct.pack("<f" if width == 4 else "<d", number)


def undo(words, width, op):
    """The words that these were made of (of decimals, their integers)."""
    if op == 0:
        return words
    modulus = 1 << 8 * width
    before = before2 = 0
    originals = []
    for word in words:
        value = unzigzag(word)
        if op in (1, 4):
            value += before
        if op == 2:
            value += 2 * before - before2
        value %= modulus
        originals.append(value)
        before, before2 = value, before
    return originals


def decode(payload, size):
    check(size <= SIZE_MAX, "too large")
    reader = Reader(payload)
    stride, lead, fields = read_plan(reader)
    check(size >= lead + stride, "no record")
    records = (size - lead) // stride
    tail = (size - lead) % stride
    modes = read_modes(reader, stride, records)
    exceptions = [read_exceptions(reader, width, records) if op in DECIMALS else {} for width, op, _ in fields]
    first, last = reader.take(lead), reader.take(tail)
    planes = [read_stream(reader, mode, argument, records) for mode, argument in modes]
    check(reader.at == len(payload), "too long")

    rows = [b""] * records
    for (width, op, exponent), odd in zip(fields, exceptions):
        of_field, planes = planes[:width], planes[width:]
        words = undo([int.from_bytes(bytes(column), "little") for column in zip(*of_field)], width, op)
        for record, word in enumerate(words):
            plain = decimal(word, width, exponent) if op in DECIMALS else word.to_bytes(width, "little")
            rows[record] += odd.get(record, plain)
    return first + b"".join(rows) + last


# ---- and back, by means of its own: any coder for any plane, exceptions where none is needed ----


def zigzag(value):
    return 2 * value if value >= 0 else -2 * value - 1


def integer_of(field, width, exponent):
    """None: no integer gives this field."""
    (number,) = struct.unpack("<f" if width == 4 else "<d", field)
    try:
        integer = round(number * 10**exponent)
    except (OverflowError, ValueError):
        return None
    is_near = abs(integer) < 1 << (31 if width == 4 else 51)
    return integer if is_near and decimal(integer % (1 << 8 * width), width, exponent) == field else None


def words_of(column, width, op, exponent, odd):
    """The stored words of a field's values; which records are exceptions is added to `odd`."""
    modulus = 1 << 8 * width
    before = before2 = 0
    words = []
    for record, field in enumerate(column):
        value = int.from_bytes(field, "little")
        if op in DECIMALS:
            value = integer_of(field, width, exponent)
            if value is None:
                odd[record] = field
                value = before
        difference = {0: value, 1: value - before, 2: value - 2 * before + before2, 4: value - before, 5: value}[op]
        words.append(value if op == 0 else zigzag(signed(difference % modulus, width)))
        before, before2 = value, before
    return words


def code_plane(plane, source):
    """(entry of the table, stream)"""
    ways = [(b"\0", plane)]
    if len(set(plane)) == 1:
        ways.append((bytes([1, plane[0]]), b""))
    stream = zstd_compress(plane, source.choice([-5, 1, 3, 12]))
    if len(stream) < len(plane):
        ways.append((b"\2" + len(stream).to_bytes(3, "little"), stream))
    return source.choice(ways)


def encode(plan, data, source):
    """None: too many exceptions for this plan."""
    stride, lead, fields = read_plan(Reader(plan))
    records = (len(data) - lead) // stride
    rows = [data[lead + stride * i : lead + stride * (i + 1)] for i in range(records)]
    entries, exceptions, streams = b"", b"", b""
    at = 0
    for width, op, exponent in fields:
        odd = {}
        words = words_of([row[at : at + width] for row in rows], width, op, exponent, odd)
        at += width
        if len(odd) > records // 16:
            return None
        if op in DECIMALS:
            exceptions += struct.pack("<I", len(odd)) + b"".join(struct.pack("<I", r) + odd[r] for r in sorted(odd))
        columns = zip(*(word.to_bytes(width, "little") for word in words))
        for plane in columns:
            entry, stream = code_plane(bytes(plane), source)
            entries += entry
            streams += stream
    rest = data[:lead] + data[lead + stride * records :]
    return plan + entries + exceptions + rest + streams


# ---- at random ----


def draw_plan(source):
    """A plan as it is stored."""
    left = stride = source.randint(1, source.choice([8, 40, 255]))
    runs = []
    while left > 0:
        log = source.choice([l for l in range(4) if 1 << l <= left])
        op = source.choice([0, 1, 2, 4, 5] if log >= 2 else [0, 1, 2])
        repeat = source.choice([1, 1, source.randint(1, left >> log)])
        left -= repeat << log
        runs.append(bytes([log | op << 2, repeat]) + (bytes([source.randint(0, 3)]) if op in DECIMALS else b""))
    return bytes([1, stride, len(runs), source.randrange(stride)]) + b"".join(runs)


def draw_field(source, record, width, op, exponent):
    number = record * 3 + source.choice([0, 0, 1, 5])
    if op not in DECIMALS:
        return number.to_bytes(8, "little")[:width]
    odd = [-0.0, float("nan"), float("inf"), 1 / 3, 1e30]
    value = source.choice(odd) if source.random() < 0.01 else number / 10**exponent
    return struct.pack("<f" if width == 4 else "<d", value)


def draw_data(plan, source):
    stride, lead, fields = read_plan(Reader(plan))
    records = source.choice([1, 2, 15, 16, 17, source.randint(1, 600)])
    if source.random() < 0.1:
        return source.randbytes(lead + records * stride + source.randrange(stride))
    rows = [b"".join(draw_field(source, record, *field) for field in fields) for record in range(records)]
    return source.randbytes(lead) + b"".join(rows) + source.randbytes(source.randrange(stride))


class Judge:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, verb, number, *parts):
        said = verb + struct.pack("<I", number) + b"".join(struct.pack("<I", len(part)) + part for part in parts)
        self.process.stdin.write(said)
        self.process.stdin.flush()
        answer = self.process.stdout.read(5)
        return answer[:1], self.process.stdout.read(int.from_bytes(answer[1:], "little"))

    def pack(self, plan, data):
        """None: given up."""
        verb, payload = self.ask(b"P", 0, plan, data)
        return payload if verb == b"+" else None

    def unpack(self, payload, size):
        """(what kind of answer, the bytes or a message)"""
        return self.ask(b"U", size, payload)


def verdict_of(payload, size):
    try:
        return b"+", decode(payload, size)
    except Damaged:
        return b"D", None
    except Unsupported:
        return b"U", None


def spoil(payload, source):
    """Something a little wrong."""
    at = source.randrange(min(len(payload), source.choice([8, 40, 1 << 20])))
    what = source.randrange(3)
    if what == 0:
        return payload[:at]
    if what == 1:
        return payload + b"x"
    return payload[:at] + bytes([payload[at] ^ 1 << source.randrange(8)]) + payload[at + 1 :]


def compare_verdicts(judge, payload, size):
    kind, data = verdict_of(payload, size)
    said, answer = judge.unpack(payload, size)
    same = said == kind and (kind != b"+" or answer == data)
    # Of two things that are wrong with a payload, either may be seen first.
    return same or (kind in b"DU" and said in b"DU")


def run_case(judge, seed, number):
    source = random.Random(f"{seed} {number}")
    plan = draw_plan(source)
    data = draw_data(plan, source)
    ours = encode(plan, data, source)
    theirs = judge.pack(plan, data)
    if theirs is not None and decode(theirs, len(data)) != data:
        return "what Bale packed reads otherwise"
    if ours is not None and judge.unpack(ours, len(data)) != (b"+", data):
        return "Bale reads otherwise what was packed here"
    if ours is not None and theirs is None:
        return "Bale gave up what can be packed"
    for payload in filter(None, (ours, theirs)):
        if not compare_verdicts(judge, spoil(payload, source), len(data)):
            return "a damaged payload is read in two ways"
    return None


def check_vectors(judge, path):
    """What an earlier Bale packed is read for ever. Names those that are not."""
    wrong = []
    for name, vector in json.loads(Path(path).read_text()).items():
        payload, original = bytes.fromhex(vector["payload"]), bytes.fromhex(vector["original"])
        if decode(payload, len(original)) != original or judge.unpack(payload, len(original)) != (b"+", original):
            wrong.append(name)
    return wrong


def main():
    judge = Judge(sys.argv[1])
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 300
    seed = sys.argv[4] if len(sys.argv) > 4 else "1"
    wrong = check_vectors(judge, sys.argv[2])
    if wrong:
        print(f"vectors that read otherwise: {wrong}")
        return 1
    for number in range(count):
        why = run_case(judge, seed, number)
        if why:
            print(f"case {number} of seed {seed}: {why}")
            return 1
    print(f"{count} cases agree")
    return 0


if __name__ == "__main__":
    sys.exit(main())
