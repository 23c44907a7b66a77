#!/usr/bin/env python3
"""tests/crash/kill9.py -- kill -9 under load, again and again: nothing acknowledged is lost, nothing half-written appears.

  kill9.py --baled build/server/baled --rounds 1000
  kill9.py --baled build/server/baled --sealed build/tools/bale      all of it encrypted, and nothing of it in clear at the end

Each round starts baled on the same folder, lets writers put, overwrite, delete, copy and write on conditions, kills it
at a random moment (sometimes while it starts), starts it again and compares. A writer notes what it is about to do
before it sends, and what was acknowledged before it goes on. A key may then be in the last acknowledged state or in
that of the one request that was in flight, and in no other: whole, with its ETag, in the list and in a GET alike.
Statements 125, 141, 198 and 345. Python 3 standard library only; the last line is "N passed, N failed"."""

import argparse
import hashlib
import os
import pathlib
import random
import subprocess
import sys
import threading
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parent.parent / "s3")]

import sealed  # noqa: E402
import sigv4  # noqa: E402
import wire  # noqa: E402
from client import Client  # noqa: E402
from daemon import Daemon  # noqa: E402

BUCKET = "crash-bucket"
ABSENT = None
NOISE = random.Random(9).randbytes(6 << 20)
TEXT = b"".join(b"2026-11-21 10:%02d:%02d GET /item/%d 200\n" % (n // 60 % 60, n % 60, n * 31 % 5003) for n in range(90_000))


def make_body(rng):
    """Sizes on both sides of every border: inline bodies, one extent, several frames."""
    size = rng.choice((0, 1, 500, 1500, 3000, 4096, 20_000, 150_000, rng.randrange(600_000), rng.randrange(3_000_000)))
    source = rng.choice((NOISE, TEXT))
    start = rng.randrange(len(source) - size) if size < len(source) else 0
    return b"%016x" % rng.getrandbits(64) + source[start:start + size]


class Keys:
    """What each key may hold: the acknowledged state, and the state of a request in flight if there is one."""

    def __init__(self):
        self.acknowledged, self.in_flight, self.lock = {}, {}, threading.Lock()

    def begin(self, key, state):
        with self.lock:
            self.in_flight[key] = state

    def end(self, key, state):
        with self.lock:
            self.acknowledged[key] = state
            del self.in_flight[key]

    def refused(self, key):
        with self.lock:
            del self.in_flight[key]

    def allowed(self, key):
        states = {self.acknowledged.get(key, ABSENT)}
        if key in self.in_flight:
            states.add(self.in_flight[key])
        return states

    def settle(self, key, state):
        self.acknowledged[key] = state
        self.in_flight.pop(key, None)

    def all(self):
        return sorted(set(self.acknowledged) | set(self.in_flight))


class Writer(threading.Thread):
    """Owns its keys, so that its requests on them are one after the other."""

    def __init__(self, number, client, keys, seed, races):
        super().__init__(daemon=True)
        self.number, self.client, self.keys, self.races = number, client, keys, races
        self.rng = random.Random(seed)
        self.problems, self.done = [], 0

    def run(self):
        try:
            while True:
                self.step()
                self.done += 1
        except (wire.ProtocolError, OSError):
            pass  # the server is gone
        except Exception as problem:  # noqa: BLE001 -- anything else is a finding, not the end of the thread
            self.problems.append(repr(problem))

    def own_key(self):
        return f"w{self.number}/{self.rng.randrange(40):02}" + "/long" * self.rng.choice((0, 0, 0, 150))

    def step(self):
        move = self.rng.choices((self.put, self.delete, self.conditional_put, self.copy, self.race), (10, 3, 3, 1, 2))[0]
        move()

    def send(self, key, state, prepared, refusals=()):
        """One request: noted, sent once and never again, acknowledged or refused."""
        self.keys.begin(key, state)
        connection = getattr(self, "connection", None)
        if connection is None or connection.must_close:
            self.connection = connection = self.client.connect(timeout=30)
        connection.send(prepared.bytes)
        answer = connection.read_response(prepared.method)
        if answer.status in (200, 204):
            self.keys.end(key, state)
        elif answer.status in refusals:
            self.keys.refused(key)
        else:
            self.problems.append(f"{prepared.method} {key}: {answer}")
            self.keys.refused(key)
        return answer

    def put(self, headers=(), refusals=(), key=None):
        key, body = key or self.own_key(), make_body(self.rng)
        form = self.rng.choice(("unsigned", "sha256", sigv4.STREAM_SIGNED))
        prepared = self.client.prepare("PUT", BUCKET, key, (), headers, body, payload=form)
        return self.send(key, hashlib.md5(body).hexdigest(), prepared, refusals)

    def delete(self):
        key = self.own_key()
        self.send(key, ABSENT, self.client.prepare("DELETE", BUCKET, key))

    def conditional_put(self):
        key = self.own_key()
        known = self.keys.acknowledged.get(key, ABSENT)
        if known is ABSENT:
            answer = self.put({"If-None-Match": "*"}, (), key)
        else:
            answer = self.put({"If-Match": known}, (), key)
        if answer.status != 200:
            self.problems.append(f"a condition that holds was refused: {key} {answer}")

    def copy(self):
        existing = [key for key, state in list(self.keys.acknowledged.items())
                    if state is not ABSENT and key.startswith(f"w{self.number}/")]
        if existing:
            source, target = self.rng.choice(existing), self.own_key()
            if source != target:
                header = {"x-amz-copy-source": f"{BUCKET}/{sigv4.uri_encode(source, True)}"}
                self.send(target, self.keys.acknowledged[source], self.client.prepare("PUT", BUCKET, target, (), header))

    def race(self):
        """All writers try to create the same key; at most one may be told that it did."""
        key, body = f"race/{self.races.current()}", make_body(self.rng)
        prepared = self.client.prepare("PUT", BUCKET, key, (), {"If-None-Match": "*"}, body, payload="unsigned")
        self.races.trying(key, hashlib.md5(body).hexdigest())
        connection = getattr(self, "connection", None)
        if connection is None or connection.must_close:
            self.connection = connection = self.client.connect(timeout=30)
        connection.send(prepared.bytes)
        answer = connection.read_response()
        if answer.status == 200:
            self.races.won(key, hashlib.md5(body).hexdigest())
        elif answer.status not in (409, 412):
            self.problems.append(f"race {key}: {answer}")


class Races:
    """One round's keys that all writers try to create."""

    def __init__(self, round_number):
        self.tried, self.winners, self.lock = {}, {}, threading.Lock()
        self.round_number, self.calls = round_number, 0

    def current(self):
        self.calls += 1
        return f"{self.round_number}/{self.calls // 6}"

    def trying(self, key, digest):
        with self.lock:
            self.tried.setdefault(key, set()).add(digest)

    def won(self, key, digest):
        with self.lock:
            self.winners.setdefault(key, []).append(digest)


def listed(client):
    keys, query = {}, [("list-type", "2"), ("max-keys", "1000")]
    while True:
        page = client.get(BUCKET, None, query)
        assert page.status == 200, page
        for entry in page.xml.findall("Contents"):
            keys[entry.findtext("Key")] = (entry.findtext("ETag").strip('"'), int(entry.findtext("Size")))
        if page.text("IsTruncated") != "true":
            return keys
        query = [("list-type", "2"), ("continuation-token", page.text("NextContinuationToken"))]


def check_key(client, key, entry, allowed):
    """The problem with this key as it is now, or None; and its state."""
    state = entry[0] if entry else ABSENT
    if state not in allowed:
        return f"{key} is {state}, and may be only {sorted(map(str, allowed))}", state
    answer = client.get(BUCKET, key)
    if entry is None:
        return (None if answer.status == 404 else f"{key}: not listed, but GET says {answer.status}"), ABSENT
    if answer.status != 200 or len(answer.body) != entry[1] or hashlib.md5(answer.body).hexdigest() != state:
        return f"{key}: listed as {entry}, but GET gives {answer.status}, {len(answer.body)} bytes, other content", state
    return None, state


def verify(client, keys, races, everything, rng):
    """Compares lists and contents with what was acknowledged; then takes what is there as the new truth."""
    problems, found = [], listed(client)
    for key in keys.all():
        entry, touched = found.pop(key, None), key in keys.in_flight
        if not (touched or everything or rng.random() < 0.3):
            if (entry[0] if entry else ABSENT) not in keys.allowed(key):
                problems.append(f"{key} is listed as {entry}, and may be only {keys.allowed(key)}")
            continue
        problem, state = check_key(client, key, entry, keys.allowed(key))
        if problem:
            problems.append(problem)
        keys.settle(key, state)
    for key, digests in races.tried.items():
        entry, winners = found.pop(key, None), races.winners.get(key, [])
        if len(winners) > 1:
            problems.append(f"{key}: {len(winners)} writers were told that they made it")
        problem, state = check_key(client, key, entry, set(winners) or digests | {ABSENT})
        if problem:
            problems.append(problem)
        keys.settle(key, state)  # from now on it is a key like others
    problems += [f"{key} appeared from nowhere" for key in found]
    return problems


def how_it_ended(daemon):
    """A problem when the server is gone although nobody killed it."""
    status = daemon.process.poll()
    if status is None:
        return []
    lines = [line for line in daemon.log().splitlines() if " info request" not in line]
    return [f"the server ended by itself with {status}: {' | '.join(lines[-12:])}"]


def round_of_load(daemon, keys, races, arguments, rng, number):
    started = time.monotonic()
    server = daemon.start()
    ready_seconds = time.monotonic() - started
    writers = [Writer(writer, Client(server, server.accounts["alice"]), keys, f"{arguments.seed}/{number}/{writer}", races)
               for writer in range(arguments.writers)]
    for writer in writers:
        writer.start()
    time.sleep(rng.choice((0.02, 0.1, 0.3, 0.5)) * rng.random() + 0.01)
    ended = how_it_ended(daemon)
    daemon.kill()
    for writer in writers:
        writer.join(60)
    return ended + [problem for writer in writers for problem in writer.problems], sum(writer.done for writer in writers), ready_seconds


def kill_while_starting(daemon, rng):
    daemon.process = subprocess.Popen(daemon.command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL, cwd=daemon.folder)
    time.sleep(rng.random() * 0.06)
    daemon.kill()


def in_clear(daemon, keys):
    """A problem for what lies in the folder of a server that encrypts: bytes that were sent, ETags of what is there."""
    etags = [state for state in keys.acknowledged.values() if state is not ABSENT]
    forms = [TEXT[:40], *sealed.anchors(NOISE), *(etag.encode() for etag in etags), *map(bytes.fromhex, etags)]
    return [f"in clear: {form!r}" for form in sealed.found(os.path.join(daemon.folder, "data"), forms)]


def main():
    parser = argparse.ArgumentParser(description="kill -9 under load")
    parser.add_argument("--baled", required=True)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--writers", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sealed", metavar="BALE", help="all that is written is encrypted; BALE makes the keyring")
    parser.add_argument("--option", action="append", default=[], help="a further option for baled")
    parser.add_argument("--folder", help="where the data go (kept); default: a temporary folder, kept only after a failure")
    arguments = parser.parse_args()

    rng, keys = random.Random(arguments.seed), Keys()
    options = [*arguments.option, *(sealed.OPTIONS if arguments.sealed else ())]
    daemon = Daemon(os.path.abspath(arguments.baled), options, folder=arguments.folder)
    if arguments.sealed:
        sealed.make_keyring(os.path.abspath(arguments.sealed), daemon.folder)
    passed, failed, requests, slowest_start = 0, 0, 0, 0.0
    server = daemon.start()
    answer = Client(server, server.accounts["alice"]).put(BUCKET)
    assert answer.status == 200, answer
    daemon.kill()
    for number in range(arguments.rounds):
        races = Races(number)
        problems, done, ready_seconds = round_of_load(daemon, keys, races, arguments, rng, number)
        requests, slowest_start = requests + done, max(slowest_start, ready_seconds)
        if rng.random() < 0.2:
            kill_while_starting(daemon, rng)
        server = daemon.start()
        client = Client(server, server.accounts["alice"])
        try:
            problems += verify(client, keys, races, number % 50 == 49 or number == arguments.rounds - 1, rng)
        except (wire.ProtocolError, OSError) as problem:
            time.sleep(0.2)
            problems += [f"while it was compared: {problem!r}"] + how_it_ended(daemon)
        daemon.kill()
        passed, failed = passed + (not problems), failed + bool(problems)
        for problem in problems[:5]:
            print(f"FAILED round {number} (seed {arguments.seed}, folder {daemon.folder}): {problem[:600]}", flush=True)
        if failed >= 3:
            break
        if number % 100 == 99:
            print(f"{number + 1} rounds, {requests} requests acknowledged", flush=True)
    traces = in_clear(daemon, keys) if arguments.sealed else []
    failed += bool(traces)
    for trace in traces[:5]:
        print(f"FAILED {trace}", flush=True)
    print(f"{requests} requests acknowledged between {arguments.rounds} kills, {len(keys.acknowledged)} keys, slowest start "
          f"{slowest_start * 1000:.0f} ms, seed {arguments.seed}")
    if failed:
        daemon.owns_folder = False
    daemon.remove()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
