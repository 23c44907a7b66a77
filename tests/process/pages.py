"""tests/process/pages.py -- where in a catalogue's file the values of rows lie, for tests that damage them.

To look for the bytes of a key finds more than rows: pages that lead to others hold keys too, and what follows such a key
is the next entry. store/embedded/catalogue/pages.h has the format.
"""

import struct

PAGE, HEAD, NODE = 4096, 16, 8
LEAF, BIG = 2, 1  # flags of a page, and of an entry whose value has pages of its own


def rows(content):
    """(key, offset of the value) of every row in every leaf, those included that no transaction sees any more."""
    for page in range(2 * PAGE, len(content), PAGE):
        flags, lower, upper = struct.unpack_from("<HHH", content, page + 10)
        if flags != LEAF or not HEAD <= lower <= upper <= PAGE:
            continue
        for at in struct.unpack_from(f"<{(lower - HEAD) // 2}H", content, page + HEAD):
            if not upper <= at <= PAGE - NODE:
                continue
            kind, key_bytes = struct.unpack_from("<HH", content, page + at + 4)
            behind = page + at + NODE + key_bytes
            if behind > page + PAGE - 8:  # no entry, but bytes of a large value
                continue
            if kind & BIG:
                yield content[behind - key_bytes:behind], struct.unpack_from("<Q", content, behind)[0] * PAGE + HEAD
            else:
                yield content[behind - key_bytes:behind], behind
