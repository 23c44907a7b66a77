"""tests/s3/s4_envelopes.py -- bodies as an S4 gateway encrypts them in one piece (S4E1 to S4E4) or in chunks (S4E5, S4E6), of any size, and the
metadata that it puts beside them: written from the format, by another library than Bale's."""

import base64
import functools
import hashlib
import json
import os
import struct

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import checksums
from customers import KEY, key_md5

S4_KEY, KMS_KEY, DATA_KEY = bytes(range(32)), bytes(range(64, 96)), hashlib.sha256(b"a data key").digest()
KINDS = (1, 2, 3, 4)
KEYRING = "".join(f"[s4 {number}]\nmaterial = {base64.b64encode(key).decode()}\n"
                  for number, key in ((1, bytes(32)), (2, S4_KEY), (3, KMS_KEY)))  # 1 is the new one of the old one's id


@functools.cache
def crc32c(body):
    return int.from_bytes(checksums.digest("CRC32C", body), "big")


def frames(body, size):
    """As they are, of `size` bytes each."""
    pieces = [body[at:at + size] for at in range(0, len(body), size)]
    return b"".join(struct.pack("<4sIQQI", b"S4F2", 0, len(piece), len(piece), crc32c(piece)) + piece for piece in pieces)


def envelope(kind, plain):
    """Returns the stored body, and where its encrypted bytes begin in it."""
    key, head = S4_KEY, b"S4E%d\x01" % kind
    if kind == 1:
        head += bytes(3)
    elif kind == 2:
        head += struct.pack(">HB", 1, 0)
    elif kind == 3:
        key, head = KEY, head + hashlib.md5(KEY).digest()
    else:
        key, nonce = DATA_KEY, os.urandom(12)
        wrapped = nonce + AESGCM(KMS_KEY).encrypt(nonce, DATA_KEY, b"alpha")
        head += b"\x05alpha" + struct.pack(">I", len(wrapped)) + wrapped
    nonce = os.urandom(12)
    sealed = AESGCM(key).encrypt(nonce, plain, head)
    return head + nonce + sealed[-16:] + sealed[:-16], len(head) + 28


def chunked_envelope(kind, plain, chunk_bytes):
    """The same of S4E5 and S4E6; in front of each chunk stands its tag."""
    pieces = [plain[at:at + chunk_bytes] for at in range(0, len(plain), chunk_bytes)]
    salt, key_id, count = os.urandom(4 if kind == 5 else 8), struct.pack(">H", 1), struct.pack(">I", len(pieces))
    magic = b"S4E%d\x01" % kind
    stored = [magic + key_id + b"\0" + struct.pack(">I", chunk_bytes) + count + salt]
    for number, piece in enumerate(pieces):
        counter = struct.pack(">I", number)
        nonce = b"E5\0\0" + salt + counter if kind == 5 else b"E" + salt + counter[1:]
        sealed = AESGCM(S4_KEY).encrypt(nonce, piece, magic + counter + count + key_id + salt)
        stored += [sealed[-16:], sealed[:-16]]
    return b"".join(stored), len(stored[0]) + 16


class Envelope:
    """An object as it lies in S4's bucket."""

    def __init__(self, kind, body, frame_bytes=0, chunk_bytes=0):
        self.kind, self.body = kind, body
        plain = frames(body, frame_bytes) if frame_bytes else body
        self.stored, self.begin = chunked_envelope(kind, plain, chunk_bytes) if chunk_bytes else envelope(kind, plain)
        self.metadata = {"s4-encrypted": "aes-256-gcm", "s4-codec": "passthrough", "s4-original-size": str(len(body)),
                         "s4-compressed-size": str(len(body)), "s4-crc32c": str(crc32c(body)), "s4-logical-etag": hashlib.md5(body).hexdigest()}
        if kind == 3:
            self.metadata |= {"s4-sse-type": "AES256", "s4-sse-c-key-md5": key_md5()}
        if frame_bytes:
            self.metadata["s4-framed"] = "true"

    def put(self, client, bucket, key):
        fields = {f"x-amz-meta-{name}": value for name, value in self.metadata.items()}
        return client.put(bucket, key, None, fields, self.stored, payload="unsigned")


def write_export(folder, objects):
    """A folder for `bale import`, of {key: Envelope}."""
    os.makedirs(folder)
    listed = {}
    for number, (key, found) in enumerate(objects.items()):
        listed[key] = {"file": f"{number}.body", "metadata": found.metadata, "stored_size": len(found.stored)}
        with open(os.path.join(folder, f"{number}.body"), "wb") as file:
            file.write(found.stored)
    with open(os.path.join(folder, "objects.json"), "w", encoding="ascii") as file:
        json.dump({"objects": listed}, file)
