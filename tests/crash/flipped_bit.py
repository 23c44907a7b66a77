#!/usr/bin/env python3
"""tests/crash/flipped_bit.py -- one bit flipped in one file of a stopped folder, again and again: baled serves the right
bytes or an error, or says in a sentence why it does not start; it never ends by itself, and never serves a wrong byte.

  flipped_bit.py --baled build/server/baled --bale build/tools/bale --rounds 2000

The folder has objects of all sizes and kinds, tags, versions, locks, open uploads, a journal that has folded, and spool records
that wait. Each round copies it, flips a bit, starts baled and compares all of it with what was stored: bytes, attributes,
lists, tags, uploads, the ledger. Where baled refuses to start, `bale check --repair` must make it start again. Round N
of seed S flips the same bit in every run over the same folder: --folder keeps one, as a failure does, and --only N
repeats a round. Python 3 standard library only; the last line is "N passed, N failed"."""

import argparse
import json
import os
import pathlib
import pickle
import random
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "s3"))

import admin  # noqa: E402
import wire  # noqa: E402
from checksums import md5_base64  # noqa: E402
from client import Client  # noqa: E402
from daemon import Daemon  # noqa: E402
from multipart import composite_etag, document, noise_bytes, part_xml, text_bytes  # noqa: E402

PAGE_BYTES = 4096
FOLD_SECONDS = 7  # after so long the oldest segment has been folded
OPTIONS = ("--shards", "1", "--catalogue-max-size", "4G", "--journal-poll", "200ms")
SIZES = (0, 1, 100, 1999, 2000, 2001, 4096, 70_000, 131_072, 131_073, 300_000, 900_000, 1_500_000, 3_000_000)


LOCKED = "locked"  # the bucket whose objects are all locked
LOCKS = ({"x-amz-object-lock-legal-hold": "ON"},
         {"x-amz-object-lock-mode": "COMPLIANCE", "x-amz-object-lock-retain-until-date": "2100-01-01T00:00:00.000Z"})
VERSIONS = "versions"  # the bucket that has some
ENABLED = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"


class Wrong(Exception):
    """What was served is neither right nor an error."""


# ---- what is stored ----


class Content:
    """Fills a folder through baled, and knows what must come back."""

    def __init__(self):
        self.objects = {}  # (bucket, key): (body, ETag, headers, tags)
        self.uploads = {}  # (bucket, key, id): [(number, ETag, size)]
        self.versions = {}  # (key, version) in the bucket VERSIONS: its body, None of a delete marker
        self.locked = {}  # key in the bucket LOCKED: its version
        self.buckets = ()

    def put(self, client, bucket, key, body, headers=(), tags=()):
        headers = dict(headers)
        if tags:
            headers["x-amz-tagging"] = "&".join(f"{name}={value}" for name, value in tags)
        answer = client.put(bucket, key, (), headers, body)
        assert answer.status == 200, answer
        kept = {name.lower(): value for name, value in headers.items() if name not in ("x-amz-tagging", "Content-MD5")}
        self.objects[bucket, key] = (body, answer.header("etag"), kept, sorted(tags))
        return answer.header("x-amz-version-id")

    def fill_versions(self, client):
        """The first of each key is its null version; every third key is behind a marker at the end."""
        for number in range(9):
            key = f"{'v' * (600 * (number % 2))}v{number}"
            for age, size in enumerate((50, 30_000, 3000, 200_000)):
                if age == 1 and number == 0:
                    assert client.put(VERSIONS, None, {"versioning": None}, (), ENABLED).status == 200
                body = noise_bytes(size, 100 * number + age)
                self.versions[key, self.put(client, VERSIONS, key, body) or "null"] = body
                if age == 1 or (age == 3 and number % 3 == 0):
                    self.versions[key, client.delete(VERSIONS, key).header("x-amz-version-id")] = None
                    if age == 3:
                        del self.objects[VERSIONS, key]

    def upload(self, client, bucket, key, bodies):
        answer = client.post(bucket, key, {"uploads": None})
        assert answer.status == 200, answer
        identity = answer.text("UploadId")
        parts = []
        for number, body in enumerate(bodies, 1):
            answer = client.put(bucket, key, [("partNumber", str(number)), ("uploadId", identity)], (), body)
            assert answer.status == 200, answer
            parts.append((number, answer.header("etag"), len(body)))
        return identity, parts

    def complete(self, client, bucket, key, bodies):
        identity, parts = self.upload(client, bucket, key, bodies)
        answer = client.post(bucket, key, {"uploadId": identity}, (),
                             document(*(part_xml(number, etag) for number, etag, _ in parts)))
        assert answer.status == 200, answer
        self.objects[bucket, key] = (b"".join(bodies), composite_etag(bodies), {}, [])

    def fill_locked(self, client):
        for number, size in enumerate((100, 100, 5000, 5000, 200_000)):
            key, body = f"locked-{number}", noise_bytes(size, number)
            headers = {"Content-MD5": md5_base64(body), **LOCKS[number % len(LOCKS)]}
            self.locked[key] = self.put(client, LOCKED, key, body, headers)

    def fill(self, client):
        self.buckets = ("empty", "first", LOCKED, "second", VERSIONS)
        for bucket in self.buckets:
            lock = {"x-amz-bucket-object-lock-enabled": "true"} if bucket == LOCKED else ()
            assert client.put(bucket, None, (), lock).status == 200
        self.fill_locked(client)
        for size in SIZES:
            for kind, make in (("text", text_bytes), ("noise", noise_bytes)):
                self.put(client, "first", f"size/{size}-{kind}", make(size, size),
                         {"Content-Type": f"bale/{kind}", "x-amz-meta-size": str(size)})
        for number in range(40):
            self.put(client, "first", f"small/{number:03}", noise_bytes(120, number), (),
                     [("number", str(number))] if number % 4 == 0 else ())
        for length in (504, 505, 506, 700, 1024):
            self.put(client, "second", "k" * length, noise_bytes(50, length))
        for number in range(10):
            self.put(client, "second", f"sum-{number}", noise_bytes(3000, number), {"x-amz-checksum-algorithm": "CRC32C"})
        for number in range(20):  # pages that are free again, blocks too
            client.put("second", f"gone-{number}", (), (), noise_bytes(5000, number))
            client.delete("second", f"gone-{number}")
        self.fill_versions(client)
        self.complete(client, "first", "parts/two", [text_bytes(5 << 20, 1), noise_bytes(1000, 1)])
        self.complete(client, "second", "parts/one", [noise_bytes(200_000, 2)])
        for key in ("open/one", "open/two"):
            identity, parts = self.upload(client, "first", key, [noise_bytes(10_000, 3), text_bytes(50_000, 4)])
            self.uploads["first", key, identity] = parts

    def savings(self):
        """Objects and original bytes by bucket."""
        found = {bucket: [0, 0] for bucket in self.buckets}
        for (bucket, _), (body, *_) in self.objects.items():
            found[bucket][0] += 1
            found[bucket][1] += len(body)
        return {bucket: tuple(sums) for bucket, sums in found.items()}


def make_folder(baled, folder):
    """A folder whose baled was killed with spool records waiting, and a journal that has folded several times."""
    content = Content()
    daemon = Daemon(baled, OPTIONS, folder=folder)
    server = daemon.start()
    client = Client(server, server.accounts["alice"])
    content.fill(client)
    for number in range(2):
        time.sleep(FOLD_SECONDS)
        content.put(client, "second", f"later-{number}", b"later")
    time.sleep(1.2)
    for number in range(3):
        content.put(client, "second", f"last-{number}", b"last")
    daemon.kill()
    return content, daemon.accounts


def load_or_make(baled, template):
    kept = pathlib.Path(template, "content.pickle")
    if kept.exists():
        return pickle.loads(kept.read_bytes())
    made = make_folder(baled, template)
    kept.write_bytes(pickle.dumps(made))
    return made


# ---- one bit ----


def flip(folder, draw):
    """Flips one; says which. Half of them in the catalogue, most where something is."""
    files = sorted(path for path in pathlib.Path(folder, "data").rglob("*") if path.is_file() and path.stat().st_size > 0)
    catalogue = pathlib.Path(folder, "data", "catalogue", "data.mdb")
    volumes = [path for path in files if path.parent.name == "volumes"]
    kind = draw.random()
    path = catalogue if kind < 0.5 else draw.choice(volumes) if kind < 0.75 else draw.choice(files)
    size = path.stat().st_size
    with open(path, "r+b") as file:
        for _ in range(200):
            at = draw.randrange(size)
            if path == catalogue and kind < 0.15:  # heads of pages: LMDB's own
                at = at // PAGE_BYTES * PAGE_BYTES + draw.randrange(64)
            file.seek(at // 64 * 64)
            if any(file.read(64)) or draw.random() < 0.01:
                break
        bit = draw.randrange(8)
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1 << bit]))
    return f"{path.relative_to(folder)} byte {at} bit {bit}"


# ---- comparing ----


class Comparison:
    def __init__(self, content, daemon, lost_too=False):
        self.content, self.daemon, self.lost_too = content, daemon, lost_too
        self.client = Client(daemon.server, daemon.accounts["alice"])
        self.errors = []  # what was refused as damaged: allowed, and counted

    def ask(self, what, method, *request):
        """The answer, or None when it is an error that says so."""
        try:
            answer = self.client.request(method, *request)
        except wire.Closed as problem:
            if self.daemon.process.poll() is not None:
                raise Wrong(f"{what}: the server ended with {self.daemon.process.poll()}") from problem
            self.errors.append(f"{what}: cut")  # in the middle of a body
            return None
        # a frame's codec has no checksum: with another bit it is one that a newer Bale may know
        says = {500: "InternalError", 501: "NotImplemented"}.get(answer.status)
        if says and (method == "HEAD" or answer.code == says):
            self.errors.append(f"{what}: {answer.status}")
            return None
        return answer

    def expect(self, what, is_right, answer):
        if not is_right:
            raise Wrong(f"{what}: {repr(answer)[:400]}")

    def object(self, bucket, key, body, etag, headers, tags):
        name = f"{bucket}/{key[:40]}"
        answer = self.ask(f"GET {name}", "GET", bucket, key)
        if answer is not None and self.lost_too and answer.status == 404:
            return
        if answer is not None:
            self.expect(f"GET {name}", answer.status == 200 and answer.body == body and answer.header("etag") == etag and
                        all(answer.header(field) == value for field, value in headers.items() if "checksum" not in field),
                        answer)
        answer = self.ask(f"HEAD {name}", "HEAD", bucket, key)
        if answer is not None:
            self.expect(f"HEAD {name}", answer.status == 200 and answer.header("etag") == etag and
                        answer.header("content-length") == str(len(body)), answer)
        if len(body) > 10:
            first = len(body) // 3
            answer = self.ask(f"GET {name} range", "GET", bucket, key, (), {"Range": f"bytes={first}-{len(body) - 5}"})
            if answer is not None:
                self.expect(f"GET {name} range", answer.status == 206 and answer.body == body[first:len(body) - 4], answer)
        if tags:
            answer = self.ask(f"tags of {name}", "GET", bucket, key, {"tagging": None})
            if answer is not None:
                found = sorted((tag.findtext("Key"), tag.findtext("Value")) for tag in answer.xml.iter("Tag"))
                self.expect(f"tags of {name}", answer.status == 200 and found == tags, answer)

    def listing(self, bucket):
        found, query = {}, [("list-type", "2"), ("max-keys", "20")]
        while True:
            page = self.ask(f"list of {bucket}", "GET", bucket, None, query)
            if page is None:
                return
            self.expect(f"list of {bucket}", page.status == 200, page)
            for entry in page.xml.findall("Contents"):
                found[entry.findtext("Key")] = (entry.findtext("ETag"), int(entry.findtext("Size")))
            if page.text("IsTruncated") != "true":
                break
            query = query[:2] + [("continuation-token", page.text("NextContinuationToken"))]
        wanted = {key: (etag, len(body)) for (name, key), (body, etag, *_) in self.content.objects.items() if name == bucket}
        difference = set(found.items()) - set(wanted.items()) if self.lost_too else set(found.items()) ^ set(wanted.items())
        self.expect(f"list of {bucket}", not difference, difference)

    def versions(self):
        """Each by its id, and the list of them: one of each key is the latest, after a repair too."""
        kept = self.content.versions
        page = self.ask("list of versions", "GET", VERSIONS, None, {"versions": None})
        if page is not None:
            self.expect("list of versions", page.status == 200, page)
            entries = [entry for entry in page.xml if entry.tag in ("Version", "DeleteMarker")]
            found = {(entry.findtext("Key"), entry.findtext("VersionId")): entry.tag == "DeleteMarker" for entry in entries}
            latest = sorted(entry.findtext("Key") for entry in entries if entry.findtext("IsLatest") == "true")
            self.expect("which versions are the latest", latest == sorted({key for key, _ in found}), latest)
            self.expect("list of versions", self.lost_too or found == {name: body is None for name, body in kept.items()}, found)
        for (key, version), body in kept.items():
            answer = self.ask(f"GET {key[-4:]} {version}", "GET", VERSIONS, key, {"versionId": version})
            if answer is None or self.lost_too and answer.status == 404:
                continue
            self.expect(f"GET {key[-4:]} {version}", answer.status == (405 if body is None else 200) and
                        (body is None or answer.body == body), answer)

    def locks(self):
        """None is deleted. What it says of its lock was compared with the object."""
        for key, version in self.content.locked.items():
            answer = self.ask(f"DELETE {key}", "DELETE", LOCKED, key, {"versionId": version})
            self.expect(f"DELETE {key}", answer is None or answer.status == 403, answer)

    def change_versions(self):
        """A version more, and a marker over it."""
        key = next(iter(self.content.versions))[0]
        answer = self.ask("PUT of a version", "PUT", VERSIONS, key, (), (), b"newer")
        if answer is None:
            return
        self.expect("PUT of a version", answer.status == 200, answer)
        answer = self.ask("GET of the newer version", "GET", VERSIONS, key)
        self.expect("GET of the newer version", answer is not None and answer.body == b"newer", answer)
        answer = self.ask("DELETE of a version", "DELETE", VERSIONS, key)
        self.expect("DELETE of a version", answer is None or answer.status == 204, answer)

    def buckets(self):
        answer = self.ask("list of buckets", "GET")
        if answer is not None:
            self.expect("list of buckets", answer.status == 200 and
                        tuple(answer.texts("Buckets/Bucket/Name")) == self.content.buckets, answer)

    def upload(self, bucket, key, identity, parts):
        answer = self.ask(f"parts of {key}", "GET", bucket, key, [("uploadId", identity)])
        if answer is None or self.lost_too and answer.status == 404:
            return
        found = [(int(part.findtext("PartNumber")), part.findtext("ETag"), int(part.findtext("Size")))
                 for part in answer.xml.findall("Part")]
        self.expect(f"parts of {key}", answer.status == 200 and (found == parts or self.lost_too and set(found) < set(parts)),
                    answer)
        answer = self.ask("list of uploads", "GET", bucket, None, {"uploads": None})
        if answer is not None:
            self.expect("list of uploads", answer.status == 200 and key in answer.texts("Upload/Key"), answer)

    def change(self):
        """A new object, one written over, one deleted, an upload completed: done, or refused."""
        for key, body in (("new", b"new"), ("small/007", b"over"), ("size/70000-text", noise_bytes(70_000, 9))):
            answer = self.ask(f"PUT {key}", "PUT", "first", key, (), (), body)
            if answer is None:
                continue
            self.expect(f"PUT {key}", answer.status == 200, answer)
            answer = self.ask(f"GET {key} again", "GET", "first", key)
            self.expect(f"GET {key} again", answer is not None and answer.body == body, answer)
        answer = self.ask("DELETE small/011", "DELETE", "first", "small/011")
        if answer is not None:
            self.expect("DELETE small/011", answer.status == 204, answer)
            answer = self.ask("GET small/011 again", "GET", "first", "small/011")
            self.expect("GET small/011 again", answer is None or answer.status == 404, answer)
        for (bucket, key, identity), parts in self.content.uploads.items():
            answer = self.ask(f"complete {key}", "POST", bucket, key, {"uploadId": identity}, (),
                              document(part_xml(*parts[1][:2])))
            if answer is None or self.lost_too and answer.status in (400, 404):
                continue
            self.expect(f"complete {key}", answer.status == 200, answer)
            answer = self.ask(f"GET {key} again", "GET", bucket, key)
            self.expect(f"GET {key} again", answer is None or answer.body == text_bytes(50_000, 4), answer)

    def ledger(self):
        """The figures, unless the document says that it lacks some; or why there are none."""
        deadline = time.monotonic() + 3
        while (answer := admin.fetch(self.daemon.server, "/savings")).status != 200 and time.monotonic() < deadline:
            time.sleep(0.05)
        if answer.status != 200:
            well = admin.fetch(self.daemon.server, "/ready").body.decode()
            self.expect("/savings", answer.status == 503 and "journal" in well + answer.body.decode(), (answer, well))
            self.errors.append("/savings: " + answer.body.decode().strip())
            return
        figures = json.loads(answer.body)
        found = {row["bucket"]: (row["objects"], row["original_bytes"]) for row in figures["buckets"]}
        if figures.get("exact", True):
            wanted = self.content.savings()
            if "list of buckets: 500" in self.errors:  # then only the ledger has names, and an empty bucket is not in it
                wanted = {bucket: sums for bucket, sums in wanted.items() if sums != (0, 0) or bucket in found}
            self.expect("/savings", found == wanted, found)
        else:
            self.errors.append("/savings: not exact")

    def all(self):
        self.buckets()
        for (bucket, key), rest in self.content.objects.items():
            if bucket != VERSIONS or not self.lost_too:  # a repair makes an older version the current one
                self.object(bucket, key, *rest)
        for bucket in self.content.buckets:
            if bucket != VERSIONS or not self.lost_too:
                self.listing(bucket)
        self.versions()
        for (bucket, key, identity), parts in self.content.uploads.items():
            self.upload(bucket, key, identity, parts)
        if not self.lost_too:  # a repair may have given them new ids
            self.locks()
            self.ledger()
        self.change()
        self.change_versions()
        self.expect("/health", admin.fetch(self.daemon.server, "/health").status == 200, None)


# ---- a round ----


def last_lines(daemon):
    return " | ".join(line for line in daemon.log().splitlines() if " info request" not in line)[-1500:]


def compare(daemon, content, lost_too=False):
    """Of a daemon that has started: what was refused. Raises Wrong."""
    comparison = Comparison(content, daemon, lost_too)
    try:
        comparison.all()
    except (wire.ProtocolError, OSError) as problem:
        time.sleep(0.2)
        raise Wrong(f"{problem!r}, the server's state is {daemon.process.poll()}") from problem
    status = daemon.stop()
    if status != 0:
        raise Wrong(f"it ended with {status} when it was told to stop")
    return comparison.errors


def try_start(daemon):
    """True, or False when it says in one sentence why not. Raises Wrong."""
    try:
        daemon.server = daemon.start()
        return True
    except RuntimeError as problem:
        status = daemon.process.poll()
        if status is None:
            raise Wrong("it hangs at its start") from problem
        time.sleep(0.05)  # for the thread that collects its output
        if status not in (1, 2) or len(daemon.log().strip().splitlines()) != 1:
            raise Wrong(f"it ended with {status} at its start: {daemon.log()[-1500:]}") from problem
        return False


def repair(daemon, content, arguments):
    """A folder that is refused is one again that is served, without what was damaged."""
    command = [arguments.bale, "check", "--repair", "--backend", f"dir:{daemon.folder}/data"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        raise Wrong(f"`bale check --repair` ended with {done.returncode}: {done.stdout[-800:]} {done.stderr[-800:]}")
    if not try_start(daemon):
        raise Wrong(f"it does not start after a repair: {daemon.log()}")
    compare(daemon, content, lost_too=True)


def play_round(template, content, accounts, draw, arguments):
    """What was flipped, what came of it, and the problem or None."""
    folder = tempfile.mkdtemp(prefix="bale-flipped-")
    subprocess.run(["cp", "-a", "--sparse=always", f"{template}/data", folder], check=True)
    daemon = Daemon(arguments.baled, OPTIONS, folder=folder, accounts=accounts)
    outcome, problem = "", None
    flipped = flip(folder, draw)
    try:
        if try_start(daemon):
            errors = compare(daemon, content)
            outcome = f"errors: {'; '.join(errors[:3])}" if errors else "right"
        else:
            outcome = "refused: " + daemon.log().strip()
            if "FORMAT" not in flipped:
                repair(daemon, content, arguments)
    except Wrong as wrong:
        problem = f"{wrong}; log: {last_lines(daemon)}"
    if daemon.process.poll() is None:
        daemon.kill()
    shutil.rmtree(folder, ignore_errors=True)
    return flipped, outcome, problem


def main():
    parser = argparse.ArgumentParser(description="one flipped bit")
    parser.add_argument("--baled", required=True)
    parser.add_argument("--bale", required=True)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, action="append", help="this round alone")
    parser.add_argument("--folder", help="a folder made by an earlier run, or to be made and kept")
    parser.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args()
    arguments.baled, arguments.bale = os.path.abspath(arguments.baled), os.path.abspath(arguments.bale)

    template = arguments.folder or tempfile.mkdtemp(prefix="bale-flipped-")
    os.makedirs(template, exist_ok=True)
    content, accounts = load_or_make(arguments.baled, template)
    counts, failed = {"right": 0, "errors": 0, "refused": 0}, 0
    rounds = arguments.only or range(arguments.rounds)
    for number in rounds:
        draw = random.Random(f"{arguments.seed}/{number}")
        flipped, outcome, problem = play_round(template, content, accounts, draw, arguments)
        if problem:
            failed += 1
            print(f"FAILED round {number} (seed {arguments.seed}): {flipped}: {problem}")
            print(f"again: tests/crash/flipped_bit.py --baled {arguments.baled} --bale {arguments.bale} --folder {template} "
                  f"--seed {arguments.seed} --only {number}", flush=True)
        else:
            counts[outcome.split(":")[0]] += 1
        if arguments.verbose and not problem:
            print(f"round {number}: {flipped}: {outcome}", flush=True)
    print(f"{len(rounds)} bits flipped, seed {arguments.seed}: {counts['right']} times nothing was seen, {counts['errors']} times "
          f"something was refused, {counts['refused']} times the start")
    if not arguments.folder and not failed:
        shutil.rmtree(template, ignore_errors=True)
    print(f"{len(rounds) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
