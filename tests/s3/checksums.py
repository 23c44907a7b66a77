"""tests/s3/checksums.py -- the five S3 checksums in plain Python, bit by bit where the standard library has none."""

import base64
import hashlib
import zlib

ALGORITHMS = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")


def _table(polynomial):
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (polynomial if value & 1 else 0)
        table.append(value)
    return table


_CRC32C = _table(0x82F63B78)
_CRC64NVME = _table(0x9A6C9329AC4BC9B5)


def _crc(table, width, data):
    mask = (1 << width) - 1
    crc = mask
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ mask


def digest(algorithm, data):
    if algorithm == "CRC32":
        return zlib.crc32(data).to_bytes(4, "big")
    if algorithm == "CRC32C":
        return _crc(_CRC32C, 32, data).to_bytes(4, "big")
    if algorithm == "CRC64NVME":
        return _crc(_CRC64NVME, 64, data).to_bytes(8, "big")
    return hashlib.new(algorithm.lower(), data).digest()


def checksum(algorithm, data):
    """As it stands in x-amz-checksum-*: base64 of the big-endian value."""
    return base64.b64encode(digest(algorithm, data)).decode()


def header(algorithm):
    return "x-amz-checksum-" + algorithm.lower()


def md5_base64(data):
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def etag(data):
    return '"' + hashlib.md5(data).hexdigest() + '"'


assert digest("CRC64NVME", b"123456789").hex() == "ae8b14860a799888"
assert digest("CRC32C", b"123456789").hex() == "e3069283"
