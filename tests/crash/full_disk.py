#!/usr/bin/env python3
"""tests/crash/full_disk.py -- a full disk answers 507, hurts nothing that is stored, and DELETE still works (statement 34).

  full_disk.py --baled build/server/baled

Needs the right to mount a small tmpfs (root); without it, says so and passes nothing. The last line is "N passed, N failed"."""

import argparse
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "s3"))

from client import Client  # noqa: E402
from daemon import Daemon  # noqa: E402

BUCKET = "full-bucket"


def body_of(number, size):
    return hashlib.shake_128(b"%d" % number).digest(size)


class Check:
    def __init__(self):
        self.passed = self.failed = 0

    def that(self, holds, what):
        self.passed, self.failed = self.passed + bool(holds), self.failed + (not holds)
        if not holds:
            print(f"FAILED {what}", flush=True)


def fill(client, check, stem, size):
    """Puts until refused; the refusal must be 507 in XML (or 503). Returns how many went in."""
    for number in range(100_000):
        answer = client.put(BUCKET, f"{stem}{number}", (), (), body_of(number, size), payload="unsigned")
        if answer.status != 200:
            check.that((answer.status, answer.code) in ((507, "InsufficientStorage"), (503, "SlowDown"), (503, "ServiceUnavailable")),
                       f"full disk, bodies of {size}: {answer}")
            return number
    check.that(False, "the disk never got full")
    return 0


def all_whole(client, stem, count, size):
    return [number for number in range(count) if client.get(BUCKET, f"{stem}{number}").body != body_of(number, size)]


def scenario(baled, folder, size, check):
    daemon = Daemon(baled, folder=folder)
    client = Client(server := daemon.start(), server.accounts["alice"])
    check.that(client.put(BUCKET).status == 200, "create bucket")
    stem = f"b{size}-"
    count = fill(client, check, stem, size)
    check.that(count > 3, f"only {count} bodies of {size} fitted")
    check.that(not all_whole(client, stem, count, size), f"bodies of {size} are whole on the full disk")
    check.that(client.get(BUCKET, f"{stem}{count}").status == 404, "the refused object is not there")
    daemon.kill()
    client = Client(server := daemon.start(), server.accounts["alice"])
    check.that(not all_whole(client, stem, count, size), f"bodies of {size} are whole after a restart on the full disk")
    for number in range(count // 2):
        answer = client.delete(BUCKET, f"{stem}{number}")
        check.that(answer.status == 204, f"delete on a full disk: {answer}")
    room = 0
    for number in range(count // 4):
        room += client.put(BUCKET, f"again{number}", (), (), body_of(number, size), payload="unsigned").status == 200
    check.that(room >= count // 8, f"freed space is used again: {room} of {count // 4} fitted")
    check.that(not [n for n in range(count // 2, count) if client.get(BUCKET, f"{stem}{n}").body != body_of(n, size)],
               "what was not deleted is whole at the end")
    check.that(daemon.stop() == 0, "SIGTERM ends it with status 0")


def main():
    parser = argparse.ArgumentParser(description="a full disk")
    parser.add_argument("--baled", required=True)
    parser.add_argument("--megabytes", type=int, default=96)
    arguments = parser.parse_args()
    check = Check()
    for size in (700_000, 20_000, 900):
        folder = tempfile.mkdtemp(prefix="bale-full-")
        megabytes = arguments.megabytes if size > 1000 else arguments.megabytes // 2  # small bodies take long to fill it
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder], capture_output=True)
        if mounted.returncode:
            print("not run: no right to mount a tmpfs")
            os.rmdir(folder)
            break
        try:
            scenario(os.path.abspath(arguments.baled), folder, size, check)
        finally:
            subprocess.run(["umount", "-l", folder], check=False)
            os.rmdir(folder)
    print(f"{check.passed} passed, {check.failed} failed")
    return 1 if check.failed else 0


if __name__ == "__main__":
    sys.exit(main())
