"""tests/clients/tree.py -- a real tree of files to send around: documentation and libraries of this machine, and names
that clients and servers have stumbled over."""

import hashlib
import os
import shutil
from pathlib import Path

FILE_BYTES_MAX = (8 << 20) - 1  # from 8 MiB on clients send parts
ODD_NAMES = ["a space.txt", "plus+plus", "100%", "ünï cödé/naïve", "a&b=c;d", "quote'quote", "(brackets)", "tilde~",
             "dots..in/the...name", "@at,comma", "hash#tag", "dollar$"]


def names(folder):
    for parent, folders, files in os.walk(folder):
        folders.sort()
        yield from (os.path.join(parent, name) for name in sorted(files))


def choose(folder, files_max, bytes_max):
    """Spread over the whole folder: every n-th file that can be read, until there is enough of them."""
    found = list(names(folder))
    step = max(1, len(found) // files_max)
    chosen, total = [], 0
    for path in map(Path, found[::step]):
        readable = path.is_file() and not path.is_symlink() and os.access(path, os.R_OK)
        size = path.stat().st_size if readable else bytes_max
        if size <= FILE_BYTES_MAX and total + size <= bytes_max:
            chosen.append(path)
            total += size
    return chosen


def build(target):
    """Returns the number of bytes."""
    target = Path(target)
    for folder, files, size in (("/usr/share/doc", 150, 12 << 20), ("/usr/lib/x86_64-linux-gnu", 60, 30 << 20), ("/usr/lib", 60, 20 << 20)):
        for path in choose(folder, files, size):
            copy = target / path.relative_to("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    odd = target / "odd"
    for number, name in enumerate(ODD_NAMES):
        (odd / name).parent.mkdir(parents=True, exist_ok=True)
        (odd / name).write_bytes(f"number {number}\n".encode() * number)
    (odd / "empty").write_bytes(b"")
    (odd / "one").write_bytes(b"1")
    (odd / "random").write_bytes(os.urandom(300_000))
    (odd / "largest").write_bytes((b"GET /index.html 200 1234\n" * 400_000)[:FILE_BYTES_MAX])
    return sum(path.stat().st_size for path in target.rglob("*") if path.is_file())


def build_large(target):
    """Files of which clients make parts: with and without a rest, that shrink and that do not."""
    target = Path(target)
    target.mkdir(parents=True)
    lines = b"".join(b"10.0.%d.%d GET /images/%d.png 200\n" % (i % 251, i % 256, i * 7919 % 1000003) for i in range(100_000))
    for name, size in (("five", 5 << 20), ("just more", (8 << 20) + 1), ("log", (36 << 20) + 77)):
        (target / name).write_bytes((lines * (size // len(lines) + 1))[:size])
    (target / "random").write_bytes(os.urandom(17 << 20))
    (target / "both").write_bytes(lines[:3_000_000] + os.urandom(9_000_000) + lines)
    (target / "small").write_bytes(lines[:100])


def digest(folder):
    """{relative name: SHA-256}"""
    folder = Path(folder)
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file()}
