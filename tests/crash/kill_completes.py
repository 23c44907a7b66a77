#!/usr/bin/env python3
"""tests/crash/kill_completes.py -- kill -9 while a part comes, or an upload is being completed: the whole object, or the open upload.

usage: kill_completes.py [--baled build/server/baled] [--kills 50] [--sealed build/tools/bale] [BALED-OPTION...]

--sealed: all of it is encrypted, and nothing of it in clear at the end.

Statements 272, 273 and 345: after each kill the object is there with all its bytes, or the upload is there with all its
parts and can be completed; a Complete that was acknowledged is never lost, and repeated it gets the same answer.
"""

import argparse
import hashlib
import os
import random
import sys
import threading
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "crash"), str(ROOT / "tests" / "s3")]

import sealed  # noqa: E402
from client import Client  # noqa: E402
from daemon import Daemon  # noqa: E402
from multipart import LEAST, document, noise_bytes, part_xml, text_bytes  # noqa: E402

BODIES = [text_bytes(LEAST, i) if i % 2 else noise_bytes(LEAST, i) for i in range(4)] + [b"end"]
WHOLE = b"".join(BODIES)


def send(client, key, upload, number):
    return client.put("completes", key, [("partNumber", str(number)), ("uploadId", upload)], (), BODIES[number - 1])


def begin(client, key):
    return client.post("completes", key, {"uploads": None}).text("UploadId")


def send_others(client, key, upload, number):
    """All parts but that one; the lines of a Complete."""
    for other in range(1, len(BODIES) + 1):
        if other != number and send(client, key, upload, other).status != 200:
            sys.exit(f"{key}: part {other} is refused")
    return document(*(part_xml(number, f'"{hashlib.md5(body).hexdigest()}"') for number, body in enumerate(BODIES, 1)))


def ask_and_kill(daemon, server, ask):
    """What the client saw: a status, or None when the answer never came."""
    seen = []

    def go():
        try:
            seen.append(ask(Client(server, server.accounts["alice"])).status)
        except Exception:  # the server is gone
            seen.append(None)
    thread = threading.Thread(target=go)
    thread.start()
    time.sleep(random.random() * random.choice((0.004, 0.02, 0.1)))
    daemon.kill()
    thread.join()
    return seen[0]


def look_at_part(client, key, upload, number, status):
    """The others are there, and that one if it was acknowledged; it can be sent again."""
    listed = client.get("completes", key, {"uploadId": upload})
    numbers = set(map(int, listed.texts("Part/PartNumber")))
    others = set(range(1, len(BODIES) + 1)) - {number}
    if listed.status != 200 or not others <= numbers or (status == 200 and number not in numbers):
        sys.exit(f"{key}: part {number} was killed ({status}), and now there are {sorted(numbers)}: {listed.status}")
    if client.get("completes", key).status != 404:
        sys.exit(f"{key}: an object of parts that nobody completed")
    if random.random() < 0.5 or number not in numbers:
        answer = send(client, key, upload, number)
        if answer.status != 200:
            sys.exit(f"{key}: part {number} again: {answer}")
    return "the part" if number in numbers else "no part"


def look(client, key, upload):
    got, listed = client.get("completes", key), client.get("completes", key, {"uploadId": upload})
    is_whole, is_open = got.body == WHOLE, len(listed.texts("Part/Size")) == len(BODIES)
    if (got.status, listed.status) == (200, 404) and is_whole:
        return "object"
    if (got.status, listed.status) == (404, 200) and is_open:
        return "open upload"
    sys.exit(f"{key}: a phantom: object {got.status}, whole {is_whole}; upload {listed.status}, all parts {is_open}")


def in_clear(daemon):
    """What lies in the folder of it, of bytes and of ETags."""
    digests = [hashlib.md5(body).digest() for body in BODIES]
    digests.append(hashlib.md5(b"".join(digests)).digest())
    forms = [*(piece for body in BODIES[:-1] for piece in sealed.anchors(body, 256 << 10)), *digests, *(digest.hex().encode() for digest in digests)]
    return sealed.found(os.path.join(daemon.folder, "data"), forms)


def main():
    parser = argparse.ArgumentParser(description="kill -9 during parts and Complete")
    parser.add_argument("--baled", default=str(ROOT / "build/server/baled"))
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--sealed", metavar="BALE")
    arguments, options = parser.parse_known_args()
    options += sealed.OPTIONS if arguments.sealed else ()
    daemon, states, upload = Daemon(os.path.abspath(arguments.baled), ["--log-level", "warning", *options]), Counter(), None
    if arguments.sealed:
        sealed.make_keyring(os.path.abspath(arguments.sealed), daemon.folder)
    server = daemon.start()
    client = Client(server, server.accounts["alice"])
    client.put("completes")
    for turn in range(arguments.kills):
        if upload is None:
            key, number = f"key{turn}", random.randrange(1, len(BODIES) + 1)
            upload = begin(client, key)
            lines = send_others(client, key, upload, number)
            status = ask_and_kill(daemon, server, lambda client: send(client, key, upload, number))
            server = daemon.start()
            client = Client(server, server.accounts["alice"])
            states["part", status, look_at_part(client, key, upload, number, status)] += 1
        status = ask_and_kill(daemon, server, lambda client: client.post("completes", key, {"uploadId": upload}, (), lines))
        server = daemon.start()
        client = Client(server, server.accounts["alice"])
        state = look(client, key, upload)
        states["end", status, state] += 1
        if status == 200 and state != "object":
            sys.exit(f"{key}: an acknowledged Complete was lost")
        if state == "object" or random.random() < 0.5:
            again = client.post("completes", key, {"uploadId": upload}, (), lines)
            if again.status != 200 or client.get("completes", key).body != WHOLE:
                sys.exit(f"{key}: completed again after the restart: {again}")
            upload = None
    if daemon.stop() != 0:
        sys.exit("baled did not stop cleanly:\n" + daemon.log())
    if arguments.sealed and (traces := in_clear(daemon)):
        sys.exit(f"in clear in {daemon.folder}: {traces}")
    daemon.remove()
    print(f"{arguments.kills} kills: " + ", ".join(f"{count} x {what} {seen or 'cut'}, then {state}"
                                                   for (what, seen, state), count in sorted(states.items(), key=str)))
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main()
