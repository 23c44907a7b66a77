#!/usr/bin/env python3
"""tests/crash/full_disk.py -- a full disk answers 507, hurts nothing that is stored, and DELETE still works (statement 34);
so it is with many versions of one key, with documents of settings, and with encrypted objects that are to come under another key or another name.

  full_disk.py --baled build/server/baled --bale build/tools/bale

Needs the right to mount a small tmpfs (root); without it, says so and passes nothing. The last line is "N passed, N failed"."""

import argparse
import base64
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "crash"), str(TESTS / "s3"), str(TESTS / "backends" / "servers")]

import fronts  # noqa: E402
import sealed  # noqa: E402
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
            check.that(is_full(answer), f"full disk, bodies of {size}: {answer}")
            return number
    check.that(False, "the disk never got full")
    return 0


def all_whole(client, stem, count, size):
    return [number for number in range(count) if client.get(BUCKET, f"{stem}{number}").body != body_of(number, size)]


def objects(baled, folder, size, check):
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


def is_full(answer):
    return (answer.status, answer.code) in ((507, "InsufficientStorage"), (503, "SlowDown"), (503, "ServiceUnavailable"))


def versions_of(client, key):
    """{id: is it a marker} of all versions of the key, from all pages."""
    found, marker = {}, ()
    while True:
        page = client.get(BUCKET, None, [("versions", None), ("prefix", key), *marker])
        found.update({entry: False for entry in page.texts("Version/VersionId")})
        found.update({entry: True for entry in page.texts("DeleteMarker/VersionId")})
        if page.text("IsTruncated") != "true":
            return found
        marker = [("key-marker", page.text("NextKeyMarker")), ("version-id-marker", page.text("NextVersionIdMarker"))]


def versions(baled, folder, check):
    """One key is written over until nothing fits: every acknowledged version is there, one that was refused is not."""
    daemon = Daemon(baled, folder=folder)
    client = Client(server := daemon.start(), server.accounts["alice"])
    client.put(BUCKET)
    client.put(BUCKET, None, {"versioning": None}, (), b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
    acknowledged = {}
    while (answer := client.put(BUCKET, "key", (), (), body_of(len(acknowledged), 300_000), payload="unsigned")).status == 200:
        acknowledged[answer.header("x-amz-version-id")] = len(acknowledged)
    check.that(is_full(answer), f"a version too many: {answer}")
    check.that(len(acknowledged) > 3, f"only {len(acknowledged)} versions fitted")
    for again in (False, True):
        if again:
            daemon.kill()
            client = Client(server := daemon.start(), server.accounts["alice"])
        check.that(set(versions_of(client, "key")) == set(acknowledged), f"the list has what was acknowledged (killed: {again})")
        check.that(all(client.get(BUCKET, "key", {"versionId": name}).body == body_of(number, 300_000)
                       for name, number in acknowledged.items()), f"every version is whole (killed: {again})")
    answer = client.delete(BUCKET, "key")
    check.that(answer.status == 204 or is_full(answer), f"a marker on a full disk: {answer}")
    check.that(sum(versions_of(client, "key").values()) == (answer.status == 204), "the marker is there if it was acknowledged")
    for name in list(acknowledged)[::2]:
        check.that(client.delete(BUCKET, "key", {"versionId": name}).status == 204, "a version goes from a full disk")
        del acknowledged[name]
    answer = client.put(BUCKET, "key", (), (), body_of(999, 300_000), payload="unsigned")
    check.that(answer.status == 200, f"there is room for one more: {answer}")
    check.that(all(client.get(BUCKET, "key", {"versionId": name}).body == body_of(number, 300_000)
                   for name, number in acknowledged.items()), "what was not deleted is whole at the end")
    check.that(daemon.stop() == 0, "SIGTERM ends it with status 0")


def document(number):
    """Its number, and as many rules as make some 20 KB."""
    rule = "<CORSRule>%s<AllowedMethod>GET</AllowedMethod><AllowedOrigin>http://%s.example</AllowedOrigin></CORSRule>"
    rules = [rule % (f"<ID>{number}</ID>", "first")] + [rule % ("", f"{'x' * 60}{other}") for other in range(99)]
    return f"<CORSConfiguration>{''.join(rules)}</CORSConfiguration>".encode()


def put_setting(client, number):
    digest = base64.b64encode(hashlib.md5(document(number)).digest()).decode()
    return client.put(BUCKET, None, {"cors": None}, {"Content-MD5": digest}, document(number))


def setting(client):
    answer = client.get(BUCKET, None, {"cors": None})
    return int(answer.text("CORSRule/ID")) if answer.status == 200 else answer.status


def settings(baled, folder, check):
    """A setting that is changed while the disk fills and when it is full is always the one that was acknowledged last."""
    daemon = Daemon(baled, folder=folder)
    client = Client(server := daemon.start(), server.accounts["alice"])
    client.put(BUCKET)
    check.that(put_setting(client, 0).status == 200, "a setting while there is room")
    fill(client, check, "body", 200_000)
    fill(client, check, "small", 900)
    last = 0
    for number in range(1, 5):  # each waits for the journal
        answer = put_setting(client, number)
        check.that(answer.status in (200, 503, 507), f"a setting on a full disk: {answer}")
        if answer.status == 200:
            last = number
        check.that(setting(client) == last, f"after {answer.status} for {number} it is {setting(client)}, not {last}")
    daemon.kill()
    client = Client(server := daemon.start(), server.accounts["alice"])
    check.that(setting(client) in (last, 503), f"after a kill on a full disk it is {setting(client)}, not {last}")  # 503: not known
    for number in range(40):
        client.delete(BUCKET, f"body{number}")
    until = time.monotonic() + 300
    while (found := setting(client)) == 503 and time.monotonic() < until:
        time.sleep(0.2)
    check.that(found == last, f"when there is room again it is {found}, not {last}")
    check.that((answer := put_setting(client, 100)).status == 200, f"a setting when there is room again: {answer}")
    check.that(setting(client) == 100, "and it is read")
    check.that(daemon.stop() == 0, "SIGTERM ends it with status 0")


def take_all(file):
    """Whatever room there is."""
    try:
        while True:
            os.write(file, bytes(4096))
    except OSError:
        pass


def keys(bale, baled, folder, check):
    """bale keyring on a full disk, which has the keyring, too: each change of the file is done or not, each object is under one key or the other;
    when there is room, all come under the new one."""
    def keyring(*verbs):
        where = ("--backend", "dir:data") if verbs[0] in ("rotate", "usage", "destroy") else ()
        done = subprocess.run([bale, "keyring", *verbs, "--keyring", "keys", *where], cwd=folder, capture_output=True, text=True, timeout=600)
        return done.returncode, done.stdout + done.stderr

    def under(key):
        return int(re.search(rf"^{key}.*: (\d+) objects", keyring("usage")[1], re.MULTILINE).group(1))

    def whole():
        client = Client(server := daemon.start(), server.accounts["alice"])
        missing = all_whole(client, "sealed", count, 900)
        check.that(daemon.stop() == 0, "SIGTERM ends it with status 0")
        return not missing

    rest = os.open(os.path.join(folder, "rest"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(rest, bytes(1 << 20))  # given back, it is more than rotate needs: small objects are written anew a few pages at a time
    sealed.make_keyring(bale, folder)
    first, added = keyring("list")[1].split()[0], re.search(r"The key (\w+)", keyring("add")[1]).group(1)
    daemon = Daemon(baled, sealed.OPTIONS, folder=folder)
    client = Client(server := daemon.start(), server.accounts["alice"])
    client.put(BUCKET)
    count = fill(client, check, "sealed", 900)
    check.that(daemon.stop() == 0, "SIGTERM ends it with status 0")
    take_all(rest)
    before = pathlib.Path(folder, "keys").read_bytes()
    status, said = keyring("activate", added)
    check.that(status == 1 and pathlib.Path(folder, "keys").read_bytes() == before, f"a keyring on a full disk stays as it is: {said}")
    os.ftruncate(rest, os.fstat(rest).st_size - (16 << 10))
    status, said = keyring("activate", added)
    check.that(status == 0, f"there is room for a keyring: {said}")
    take_all(rest)
    for _ in range(2):
        status, said = keyring("rotate")
        check.that(status in (0, 1), f"rotate on a full disk: {status} {said}")
        renewed = under(added)
        check.that(status == 0 or under(first) > 0, f"it says what it did: {renewed}, {said}")
    os.ftruncate(rest, 0)
    check.that(whole(), f"all is whole after rotate on a full disk; {renewed} of {count} were sealed anew")
    status, said = keyring("rotate")
    check.that(status == 0 and under(first) == 0, f"when there is room, all of it is: {said}")
    status, said = keyring("destroy", first)
    check.that(status == 0, f"the old key goes: {said}")
    check.that(whole(), "all is whole without the old key")
    os.close(rest)


class Behind(Daemon):
    """A server of S3 whose bucket another one has as its backend."""

    bucket = "behind"

    def client(self):
        return Client(self.server, self.server.accounts["alice"])

    def begin(self):
        self.server = self.start()
        self.endpoint, self.region = "http://%s:%d" % self.server.address, "us-east-1"
        account = self.accounts["alice"]
        self.access_key, self.secret_key = account.access_key, account.secret_key
        return self


def adopted(bale, baled, folder, check):
    """bale keyring adopt over a bucket on a full disk: it says that it did not do all of it, what it did not is as it was, and the originals are whole;
    when there is room, all is adopted."""
    COUNT = 40
    behind = Behind(baled, ("--raw",), folder=folder).begin()
    plain = behind.client()
    check.that(plain.put(behind.bucket).status == 200, "create bucket")
    with tempfile.TemporaryDirectory(prefix="bale-adopt-") as place:
        sealed.make_keyring(bale, place)
        front = fronts.BackendDaemon(baled, behind, behind, sealed.OPTIONS, folder=place)
        client = Client(server := front.start(), server.accounts["alice"])

        def adopt():
            done = subprocess.run([bale, "keyring", "adopt", "behind/to/", "--from", "behind/from/", "--keyring", "keys", "--backend", "s3:behind",
                                   "--endpoint", behind.endpoint], cwd=place, capture_output=True, text=True, timeout=300, env=front.environment())
            return done.returncode, done.stdout + done.stderr

        def read(stem):
            answers = [client.get("behind", f"{stem}/{number}") for number in range(COUNT)]
            return [answer.status if answer.status != 200 else answer.body == body_of(number, 300_000) for number, answer in enumerate(answers)]

        for number in range(COUNT):
            check.that(client.put("behind", f"from/{number}", (), (), body_of(number, 300_000), payload="unsigned").status == 200, "it is put")
            copied = plain.put("behind", f"to/{number}", (), {"x-amz-copy-source": f"behind/from/{number}"})
            check.that(copied.status == 200, f"it is copied by another tool: {copied}")
        check.that(read("to") == [500] * COUNT, "nobody reads it under another name")
        filled = 0
        for size in (400_000, 100_000, 20_000):
            while (answer := plain.put("behind", f"fill{filled}", (), (), body_of(filled, size), payload="unsigned")).status == 200:
                filled += 1
            check.that(is_full(answer), f"a full disk behind it: {answer}")
        status, said = adopt()
        found = read("to")
        check.that(status == 1, f"adopt on a full disk says so: {status} {said}")
        check.that(set(found) <= {True, 500} and 500 in found, f"each is adopted or as it was: {found}")
        check.that(read("from") == [True] * COUNT, "the originals are whole on the full disk")
        for number in range(filled):
            plain.delete("behind", f"fill{number}")
        status, said = adopt()
        check.that((status, read("to"), read("from")) == (0, [True] * COUNT, [True] * COUNT), f"when there is room, all is adopted: {status} {said}")
        check.that(front.stop() == 0, "SIGTERM ends it with status 0")
    check.that(behind.stop() == 0, "SIGTERM ends what is behind it with status 0")


def on_small_disk(megabytes, scenario):
    """False: it cannot be mounted."""
    folder = tempfile.mkdtemp(prefix="bale-full-")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder], capture_output=True)
    try:
        if mounted.returncode == 0:
            scenario(folder)
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", "-l", folder], check=False)
        os.rmdir(folder)
    return mounted.returncode == 0


def main():
    parser = argparse.ArgumentParser(description="a full disk")
    parser.add_argument("--baled", required=True)
    parser.add_argument("--bale", required=True)
    parser.add_argument("--megabytes", type=int, default=96)
    parser.add_argument("--only", type=int, metavar="N", help="the scenario at that place alone")
    arguments = parser.parse_args()
    check = Check()
    baled = os.path.abspath(arguments.baled)
    half = arguments.megabytes // 2  # small bodies take long to fill it
    scenarios = [(arguments.megabytes, lambda folder: objects(baled, folder, 700_000, check)),
                 (arguments.megabytes, lambda folder: objects(baled, folder, 20_000, check)),
                 (half, lambda folder: objects(baled, folder, 900, check)),
                 (half, lambda folder: versions(baled, folder, check)),
                 (half, lambda folder: settings(baled, folder, check)),
                 (half, lambda folder: keys(os.path.abspath(arguments.bale), baled, folder, check)),
                 (arguments.megabytes, lambda folder: adopted(os.path.abspath(arguments.bale), baled, folder, check))]
    if arguments.only:
        scenarios = scenarios[arguments.only - 1:arguments.only]
    if not all(on_small_disk(megabytes, scenario) for megabytes, scenario in scenarios):
        print("not run: no right to mount a tmpfs")
    print(f"{check.passed} passed, {check.failed} failed")
    return 1 if check.failed else 0


if __name__ == "__main__":
    sys.exit(main())
