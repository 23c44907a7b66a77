"""A reader of encrypted objects that knows docs/encryption-format.md and nothing else of Bale: `seal_decoder.py JUDGE`.

The judge (seal_judge.c) seals, this opens: record, masks, data key, every frame in its place; the seals of an upload and of a part.
"""

import hashlib
import os
import struct
import subprocess
import sys

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SEALED = int.from_bytes(b"BAL\3", "little")


def block(key, data):
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(data) + encryptor.finalize()


def xor(left, right):
    return bytes(a ^ b for a, b in zip(left, right))


def derive(key, salt):
    """XAES-256-GCM's key of a salt."""
    doubled = int.from_bytes(block(key, bytes(16)), "big") << 1
    if doubled >> 128:
        doubled = doubled & (1 << 128) - 1 ^ 0x87
    subkey = doubled.to_bytes(16, "big")
    return b"".join(block(key, xor(bytes([0, half]) + b"X\0" + salt, subkey)) for half in (1, 2))


def xaes_open(key, nonce, associated, sealed):
    return AESGCM(derive(key, nonce[:12])).decrypt(nonce[12:], sealed, associated)


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def unmask(mask_key, nonce, masked, first):
    pad = b""
    for number in range(first, first + (len(masked) + 15) // 16):
        counter = (int.from_bytes(nonce[12:], "big") + number) & 0xFFFFFFFF
        pad += block(mask_key, nonce[:12] + counter.to_bytes(4, "big"))
    return xor(masked, pad)


def open_customer(wrap, customer, name, size):
    """The data key that a customer's key opens."""
    check = derive(derive(derive(customer, b"bale check  "), wrap[:12]), wrap[12:24])
    assert block(check, name) == wrap[72:]
    return xaes_open(derive(customer, b"bale client "), wrap[:24], b"C" + name + struct.pack("<Q", size), wrap[24:72])


def read_grant(grant):
    """What is kept of a key service's key."""
    flags, name_size, blob_size, context = struct.unpack_from("<BBH32s", grant)
    name, rest, key_id, client = grant[36:36 + name_size], grant[36 + name_size:], b"", b""
    if flags & 4:
        id_size, client_size = struct.unpack_from("<BH", rest)
        key_id, client, rest = rest[3:3 + id_size], rest[3 + id_size:3 + id_size + client_size], rest[3 + id_size + client_size:]
    assert flags < 8 and len(rest) == blob_size
    return {"is_by_keyring": bool(flags & 1), "has_bucket_key": bool(flags & 2), "context": context, "name": name, "id": key_id, "client": client, "blob": rest}


def open_grant(grant, key):
    """The key that the keyring gave for an object, and its name."""
    kept = read_grant(grant)
    blob = kept["blob"]
    assert kept["is_by_keyring"]
    return xaes_open(derive(key, b"bale kms    "), blob[8:32], b"K" + blob[:8] + kept["context"], blob[32:]), kept["name"]


def open_record(record, key, size, customer=None):
    """The data key, that of the parts' seals, and what the record says of the object; `customer`: also the key of a service that is not the keyring."""
    version, mode, flags, algorithm, kind, checksum_size, parts = struct.unpack_from("<6BH", record)
    if mode == ord("k") and not customer:
        customer, _ = open_grant(record[264 + checksum_size:], key)
    else:
        assert version == 1 and mode in (b"ck" if customer else b"s")
    key_id, name, nonce, parts_map, md5, crc, zero = struct.unpack_from("<8s16s16s32s16s4s4s", record, 8)
    assert zero == bytes(4)
    head, wrapped, wrap = record[:104 + checksum_size], record[104 + checksum_size:176 + checksum_size], record[176 + checksum_size:]
    parts_key = xaes_open(derive(key, b"bale wrap   "), wrapped[:24], b"W" + head + struct.pack("<Q", size) + wrap, wrapped[24:])
    data_key = open_customer(wrap[:88], customer, name, 2 ** 64 - 1 if parts else size) if customer else parts_key
    mask_key = derive(key, b"bale mask   ")
    return data_key, parts_key, {
        "key_id": key_id, "name": name, "map": parts_map, "parts": parts, "flags": flags, "algorithm": algorithm, "kind": kind,
        "md5": unmask(mask_key, nonce, md5, 0), "crc32c": struct.unpack("<I", unmask(mask_key, nonce, crc, 1))[0],
        "checksum": unmask(mask_key, nonce, record[104:104 + checksum_size], 2)}


def open_upload(seal, key, customer=None):
    """The data key of an upload, that of its parts' seals, and how it is encrypted."""
    version, mode, zero, key_id, name = struct.unpack_from("<BB6s8s16s", seal)
    assert version == 1 and mode in b"spc" and zero == bytes(6) and len(seal) == (192 if mode == ord("c") else 104)
    parts_key = xaes_open(derive(key, b"bale upload "), seal[32:56], b"U" + seal[:32] + seal[104:], seal[56:104])
    data_key = open_customer(seal[104:], customer, name, 2 ** 64 - 1) if mode == ord("c") else parts_key
    return data_key, parts_key, chr(mode), key_id, name


def open_part(seal, parts_key, part, size):
    """What the seal of a part says of it."""
    facts = xaes_open(parts_key, seal[:12] + b"P" + struct.pack(">BHQ", 0, part, size), b"", seal[12:])
    md5, crc, algorithm, kind, zero = struct.unpack_from("<16sIBBH", facts)
    assert zero == 0
    return md5, crc, algorithm, kind, facts[24:]


def open_body(body, data_key, part, size):
    """The original bytes of a segment whose frames are not compressed."""
    original = b""
    while body:
        magic, codec, original_size, payload_size, crc = struct.unpack_from("<4sIQQI", body)
        payload = body[28:28 + payload_size]
        assert (magic, codec) == (b"S4F2", SEALED) and len(payload) == payload_size and crc32c(payload) == crc
        is_last = len(original) + original_size == size
        assert payload[12:24] == b"F" + struct.pack(">BHQ", is_last, part, len(original))
        message = xaes_open(data_key, payload[:24], body[:24], payload[24:])
        inner_codec, inner_crc = struct.unpack_from("<II", message)
        assert inner_codec == 0 and len(message) == 8 + original_size and crc32c(message[8:]) == inner_crc
        original += message[8:]
        body = body[28 + payload_size:]
    return original


def check(judge, size, part, frame, customer):
    key, original = os.urandom(32), os.urandom(size)
    key_id = hashlib.sha256(b"bale key" + key).digest()[:8]
    name = hashlib.sha256(b"bucket/key").digest()[:16]
    out = subprocess.run([judge, key.hex(), key_id.hex(), name.hex(), str(part), str(frame), *([customer.hex()] if customer else [])], input=original,
                         stdout=subprocess.PIPE, check=True).stdout
    sizes, _, rest = out.partition(b"\n")
    pieces = []
    for piece in map(int, sizes.split()):
        pieces.append(rest[:piece])
        rest = rest[piece:]
    (upload, sent, record), body = pieces, rest
    data_key, parts_key, said = open_record(record, key, size, customer)
    assert said == {"key_id": key_id, "name": name, "map": bytes(32), "parts": 0, "flags": 2, "algorithm": 3, "kind": 0,
                    "md5": bytes(16), "crc32c": crc32c(original), "checksum": b"twenty bytes of sum."}, said
    mode = "p" if not part else "c" if customer else "s"
    assert open_upload(upload, key, customer) == (data_key if part or not customer else parts_key, parts_key, mode, key_id, name)
    assert open_part(sent, parts_key, part or 1, size) == (b"sixteen bytes...", crc32c(original), 3, 0, b"twenty bytes of sum.")
    assert not body or body[28:40] == sent[:12]
    assert open_body(body, data_key, part, size) == original
    assert size < 16 or (original[:16] not in out and data_key not in out)


def main():
    for size, part, frame in ((0, 0, 10), (1, 0, 10), (1000, 0, 1000), (3000, 1, 1000), (10007, 10000, 1000)):
        for customer in (None, os.urandom(32)):
            check(sys.argv[1], size, part, frame, customer)
        print(f"ok {size} bytes of part {part} in frames of {frame}")


if __name__ == "__main__":
    main()
