#!/usr/bin/env python3
"""tests/crash/kill_versions.py -- kill -9 while versions of a few keys are written, marked and removed for good.

usage: kill_versions.py [--baled build/server/baled] [--bale build/tools/bale] [--kills 20] [BALED-OPTION...]

Statements 402, 424, 456: after each kill every version that was acknowledged and not removed is there with its bytes,
in the order of the acknowledgements of each writer; what was removed by its id, and answered, is gone; a hold that was
answered holds; each key has one latest version. At the end `bale check` finds nothing, with the ledger in it.
"""

import argparse
import hashlib
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "s3"))

from checksums import md5_base64  # noqa: E402
from client import Client  # noqa: E402
from daemon import Daemon  # noqa: E402

BUCKET, KEYS, WRITERS = "versions", ("a", "b", "long" * 200), 4
SIZES = (3, 1500, 5000, 200_000)


class Kept:
    """What was acknowledged: version -> (key, hash of its body or None for a marker)."""

    def __init__(self):
        self.versions, self.doubtful, self.held, self.lock = {}, set(), set(), threading.Lock()
        self.removed = set()

    def step(self, client, number):
        key = random.choice(KEYS)
        choice = random.random()
        if choice < 0.5:
            body = random.randbytes(random.choice(SIZES))
            answer = client.put(BUCKET, key, (), {"content-md5": md5_base64(body)}, body)
            self.note(answer, 200, key, hashlib.sha256(body).digest())
        elif choice < 0.65:
            self.note(client.delete(BUCKET, key), 204, key, None)
        elif choice < 0.75:
            self.hold(client)
        else:
            self.remove(client)

    def note(self, answer, status, key, digest):
        assert answer.status == status, answer
        with self.lock:
            self.versions[answer.header("x-amz-version-id")] = (key, digest)

    def take(self, wanted):
        with self.lock:
            free = [version for version in self.versions if version not in self.doubtful and wanted(version)]
            if not free:
                return None, None
            version = random.choice(free)
            self.doubtful.add(version)
            return version, self.versions[version][0]

    def hold(self, client):
        version, key = self.take(lambda version: self.versions[version][1] is not None and version not in self.held)
        if version is None:
            return
        body = b"<LegalHold><Status>ON</Status></LegalHold>"
        answer = client.put(BUCKET, key, {"legal-hold": None, "versionId": version}, {"content-md5": md5_base64(body)}, body)
        assert answer.status == 200, answer
        with self.lock:
            self.held.add(version)
            self.doubtful.discard(version)

    def remove(self, client):
        version, key = self.take(lambda version: True)
        if version is None:
            return
        answer = client.delete(BUCKET, key, {"versionId": version})
        with self.lock:
            if version in self.held:
                assert answer.status == 403, f"a held version was removed: {answer}"
            else:
                assert answer.status == 204, answer
                self.removed.add(version)
                del self.versions[version]
            self.doubtful.discard(version)


def listed(client):
    entries, query = [], []
    while True:
        page = client.get(BUCKET, None, [("versions", None), ("max-keys", "100"), *query])
        assert page.status == 200, page
        entries += [(entry.findtext("Key"), entry.findtext("VersionId"), entry.findtext("IsLatest") == "true")
                    for entry in page.xml if entry.tag in ("Version", "DeleteMarker")]
        if page.text("IsTruncated") != "true":
            return entries
        query = [("key-marker", page.text("NextKeyMarker")), ("version-id-marker", page.text("NextVersionIdMarker"))]


def look(client, kept):
    entries = listed(client)
    there = {version: key for key, version, _ in entries}
    for key in KEYS:
        latest = [is_latest for name, _, is_latest in entries if name == key]
        if latest != [True] * bool(latest) + [False] * (len(latest) - 1):
            sys.exit(f"{key[:8]}: which version is the latest? {latest}")
        ids = [version for name, version, _ in entries if name == key]
        if ids != sorted(ids, reverse=True):
            sys.exit(f"{key[:8]}: the order of versions is not that of their ids")
    if kept.removed & set(there):
        sys.exit("a version that was removed is back")
    for version, (key, digest) in list(kept.versions.items()):
        if version not in there:
            if version in kept.doubtful and version not in kept.held:
                del kept.versions[version]  # its removal was not answered
                continue
            sys.exit(f"{version} was acknowledged and is lost")
        if digest is not None:
            answer = client.get(BUCKET, key, {"versionId": version})
            if answer.status != 200 or hashlib.sha256(answer.body).digest() != digest:
                sys.exit(f"{version} has other bytes: {answer.status}")
            is_held = answer.header("x-amz-object-lock-legal-hold") == "ON"
            if version in kept.held and not is_held:
                sys.exit(f"{version} has lost its hold")
            if version in kept.doubtful and is_held:
                kept.held.add(version)  # the hold was not answered
    kept.doubtful.clear()


def write(server, kept, number):
    client = Client(server, server.accounts["alice"])
    try:
        while True:
            kept.step(client, number)
    except AssertionError:
        raise
    except Exception:  # the server is gone
        return


def main():
    parser = argparse.ArgumentParser(description="kill -9 among versions")
    parser.add_argument("--baled", default=str(ROOT / "build/server/baled"))
    parser.add_argument("--bale", default=str(ROOT / "build/tools/bale"))
    parser.add_argument("--kills", type=int, default=20)
    arguments, options = parser.parse_known_args()
    daemon, kept, failures = Daemon(arguments.baled, ["--log-level", "warning", *options]), Kept(), []
    threading.excepthook = lambda problem: failures.append(problem.exc_value)
    server = daemon.start()
    made = Client(server, server.accounts["alice"]).put(BUCKET, None, (), {"x-amz-bucket-object-lock-enabled": "true"})
    assert made.status == 200, made
    for _ in range(arguments.kills):
        writers = [threading.Thread(target=write, args=(server, kept, number)) for number in range(WRITERS)]
        for writer in writers:
            writer.start()
        time.sleep(random.uniform(0.05, 0.5))
        daemon.kill()
        for writer in writers:
            writer.join()
        server = daemon.start()
        if failures:
            sys.exit(f"{failures[0]}")
        look(Client(server, server.accounts["alice"]), kept)
    if daemon.stop() != 0:
        sys.exit("baled did not stop cleanly:\n" + daemon.log())
    check = subprocess.run([arguments.bale, "check", "--backend", f"dir:{daemon.folder}/data"], capture_output=True, text=True)
    if check.returncode != 0:
        sys.exit("bale check:\n" + check.stdout + check.stderr)
    daemon.remove()
    print(f"{arguments.kills} kills: {len(kept.versions)} versions kept, {len(kept.removed)} removed, {len(kept.held)} held")
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main()
