"""tests/process/gdeflate.py -- deflate streams dealt to 32 lanes: what codec/foreign/gdeflate.h describes, written the other way round.

zlib finds the matches and chooses the codes. Its stream is read code by code here, and each code, with its extra bits, is
given to the lane that a decoder will read it from; a simulation of that decoder says in which order it takes the lanes'
words. `chunk(data)` makes one chunk, `container(data)` the FCG1 container around several.
"""

import struct
import zlib

LANES = 32
ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)
LENGTH_EXTRA = [0] * 8 + [1] * 4 + [2] * 4 + [3] * 4 + [4] * 4 + [5] * 4 + [0]
CHUNK_BYTES = 65536


class Dealer:
    """Bits for lanes, in the order in which a decoder takes them."""

    def __init__(self):
        self.bits = [0] * LANES  # all of a lane's bits, as one number
        self.sizes = [0] * LANES
        self.held = [32] * LANES  # that the decoder has and has not used
        self.words = [1] * LANES  # that the decoder has taken
        self.order = [(lane, 0) for lane in range(LANES)]

    def deal(self, lane, value, size):
        """One step of the decoder: it uses these bits, then sees whether it needs another word."""
        self.bits[lane] |= value << self.sizes[lane]
        self.sizes[lane] += size
        self.held[lane] -= size
        if self.held[lane] < 32:
            self.order.append((lane, self.words[lane]))
            self.words[lane] += 1
            self.held[lane] += 32

    def stream(self):
        return b"".join(struct.pack("<I", self.bits[lane] >> 32 * word & 0xFFFFFFFF) for lane, word in self.order)


class Reader:
    """Bits of a deflate stream, and codes as they stand there."""

    def __init__(self, data):
        self.number, self.position = int.from_bytes(data, "little"), 0
        self.rest = data

    def take(self, size):
        first, self.position = self.position, self.position + size
        byte, shift = divmod(first, 8)
        return int.from_bytes(self.rest[byte:byte + 8], "little") >> shift & (1 << size) - 1

    def code(self, codes):
        """(symbol, the code's bits as they stand, how many)."""
        value = bits = 0
        for size in range(1, 16):
            bit = self.take(1)
            value, bits = value << 1 | bit, bits | bit << size - 1
            if (size, value) in codes:
                return codes[size, value], bits, size
        raise ValueError("no such code")


def make_codes(lengths):
    codes, code = {}, 0
    for size in range(1, 16):
        for symbol, length in enumerate(lengths):
            if length == size:
                codes[size, code] = symbol
                code += 1
        code <<= 1
    return codes


def deal_dynamic_header(reader, dealer):
    counts = reader.take(14)
    dealer.deal(0, counts, 14)
    lengths = [0] * 19
    for lane in range(4 + (counts >> 10)):
        lengths[ORDER[lane]] = reader.take(3)
        dealer.deal(lane, lengths[ORDER[lane]], 3)
    codes = make_codes(lengths)
    literals, distances = 257 + (counts & 31), 1 + (counts >> 5 & 31)
    found, lane = [], 0
    while len(found) < literals + distances:
        symbol, bits, size = reader.code(codes)
        extra = {16: 2, 17: 3, 18: 7}.get(symbol, 0)
        more = reader.take(extra)
        dealer.deal(lane % LANES, bits | more << size, size + extra)
        found += [symbol] if symbol < 16 else [found[-1] if symbol == 16 else 0] * (more + (11 if symbol == 18 else 3))
        lane += 1
    return make_codes(found[:literals]), make_codes(found[literals:])


def read_symbols(reader, literals, distances):
    """(bits, size, (bits, size) of the distance or None) of each literal, length and the end of the block."""
    while True:
        symbol, bits, size = reader.code(literals)
        if symbol <= 256:
            yield bits, size, None
            if symbol == 256:
                return
            continue
        extra = LENGTH_EXTRA[symbol - 257]
        more = reader.take(extra)
        if symbol == 285:  # 258 is 3 and 255 more here
            extra, more = 16, 255
        distance, distance_bits, distance_size = reader.code(distances)
        distance_extra = max(distance // 2 - 1, 0)
        distance_more = reader.take(distance_extra)
        yield bits | more << size, size + extra, (distance_bits | distance_more << distance_size, distance_size + distance_extra)


def deal_symbols(symbols, dealer):
    owed, lane = [None] * LANES, 0
    for bits, size, distance in symbols:
        while owed[lane]:
            dealer.deal(lane, *owed[lane])
            owed[lane], lane = None, (lane + 1) % LANES
        dealer.deal(lane, bits, size)
        owed[lane], lane = distance, (lane + 1) % LANES
    for _ in range(LANES - 1):
        if owed[lane]:
            dealer.deal(lane, *owed[lane])
        owed[lane], lane = None, (lane + 1) % LANES


def deal_block(reader, dealer):
    header = reader.take(3)
    dealer.deal(0, header, 3)
    if header >> 1 == 0:
        reader.position = (reader.position + 7) // 8 * 8
        size = reader.take(16)
        reader.take(16)
        dealer.deal(0, size, 16)
        for place in range(size):
            dealer.deal(place % LANES, reader.take(8), 8)
    elif header >> 1 == 1:
        codes = make_codes([8] * 144 + [9] * 112 + [7] * 24 + [8] * 8), make_codes([5] * 32)
        deal_symbols(read_symbols(reader, *codes), dealer)
    else:
        deal_symbols(read_symbols(reader, *deal_dynamic_header(reader, dealer)), dealer)
    return header & 1


def chunk(data, level=6, strategy=zlib.Z_DEFAULT_STRATEGY, flush_at=None):
    """`flush_at`: there another block begins, behind an empty stored one."""
    packer = zlib.compressobj(level, zlib.DEFLATED, -15, 9, strategy)
    deflated = packer.compress(data[:flush_at]) + packer.flush(zlib.Z_SYNC_FLUSH) if flush_at else b""
    deflated += packer.compress(data[flush_at:]) + packer.flush()
    reader, dealer = Reader(deflated), Dealer()
    while not deal_block(reader, dealer):
        pass
    return dealer.stream()


def container(data, algorithm, pack):
    """FCG1: the chunks by pack(bytes)."""
    chunks = [pack(data[first:first + CHUNK_BYTES]) for first in range(0, len(data), CHUNK_BYTES)]
    head = struct.pack("<4sB3xQII", b"FCG1", algorithm, len(data), CHUNK_BYTES, len(chunks))
    return head + b"".join(struct.pack("<I", len(packed)) for packed in chunks) + b"".join(chunks)
