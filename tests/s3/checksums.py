"""tests/s3/checksums.py -- S3's checksums in plain Python, bit by bit where the standard library has none. Those of xxHash come
from its shared library, which no Debian is without (apt needs it); where it is not, they are left out of ALGORITHMS."""

import base64
import ctypes
import hashlib
import zlib

try:
    from awscrt.checksums import crc32c as _fast_crc32c  # which botocore brings along; a hundred times as fast
except ImportError:
    _fast_crc32c = None
try:
    _xxhash = ctypes.CDLL("libxxhash.so.0")
except OSError:
    _xxhash = None


class _Hash128(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


if _xxhash:
    _xxhash.XXH64.restype, _xxhash.XXH64.argtypes = ctypes.c_uint64, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]
    _xxhash.XXH3_64bits.restype, _xxhash.XXH3_64bits.argtypes = ctypes.c_uint64, [ctypes.c_char_p, ctypes.c_size_t]
    _xxhash.XXH3_128bits.restype, _xxhash.XXH3_128bits.argtypes = _Hash128, [ctypes.c_char_p, ctypes.c_size_t]

NEW = ("SHA512", "MD5") + (("XXHASH64", "XXHASH3", "XXHASH128") if _xxhash else ())  # statement 356
ALGORITHMS = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256") + NEW


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
        return (_fast_crc32c(data) if _fast_crc32c else _crc(_CRC32C, 32, data)).to_bytes(4, "big")
    if algorithm == "CRC64NVME":
        return _crc(_CRC64NVME, 64, data).to_bytes(8, "big")
    if algorithm == "XXHASH64":
        return _xxhash.XXH64(data, len(data), 0).to_bytes(8, "big")
    if algorithm == "XXHASH3":
        return _xxhash.XXH3_64bits(data, len(data)).to_bytes(8, "big")
    if algorithm == "XXHASH128":
        found = _xxhash.XXH3_128bits(data, len(data))
        return found.high.to_bytes(8, "big") + found.low.to_bytes(8, "big")
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
