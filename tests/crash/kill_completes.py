#!/usr/bin/env python3
"""tests/crash/kill_completes.py -- kill -9 while an upload is being completed: the whole object, or the open upload.

usage: kill_completes.py [--baled build/server/baled] [--kills 50] [BALED-OPTION...]

Statements 272, 273 and 345: after each kill the object is there with all its bytes, or the upload is there with all its
parts and can be completed; a Complete that was acknowledged is never lost, and repeated it gets the same answer.
"""

import argparse
import random
import sys
import threading
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "s3"))

from client import Client  # noqa: E402
from daemon import Daemon  # noqa: E402
from multipart import LEAST, document, noise_bytes, part_xml, text_bytes  # noqa: E402

BODIES = [text_bytes(LEAST, i) if i % 2 else noise_bytes(LEAST, i) for i in range(4)] + [b"end"]
WHOLE = b"".join(BODIES)


def begin(client, key):
    upload = client.post("completes", key, {"uploads": None}).text("UploadId")
    lines = []
    for number, body in enumerate(BODIES, 1):
        answer = client.put("completes", key, [("partNumber", str(number)), ("uploadId", upload)], (), body)
        lines.append(part_xml(number, answer.header("etag")))
    return upload, document(*lines)


def complete_and_kill(daemon, server, key, upload, lines):
    """What the client saw: a status, or None when the answer never came."""
    seen = []

    def complete():
        try:
            client = Client(server, server.accounts["alice"])
            seen.append(client.post("completes", key, {"uploadId": upload}, (), lines).status)
        except Exception:  # the server is gone
            seen.append(None)
    thread = threading.Thread(target=complete)
    thread.start()
    time.sleep(random.random() * random.choice((0.004, 0.02, 0.1)))
    daemon.kill()
    thread.join()
    return seen[0]


def look(client, key, upload):
    got, listed = client.get("completes", key), client.get("completes", key, {"uploadId": upload})
    is_whole, is_open = got.body == WHOLE, len(listed.texts("Part/Size")) == len(BODIES)
    if (got.status, listed.status) == (200, 404) and is_whole:
        return "object"
    if (got.status, listed.status) == (404, 200) and is_open:
        return "open upload"
    sys.exit(f"{key}: a phantom: object {got.status}, whole {is_whole}; upload {listed.status}, all parts {is_open}")


def main():
    parser = argparse.ArgumentParser(description="kill -9 during Complete")
    parser.add_argument("--baled", default=str(ROOT / "build/server/baled"))
    parser.add_argument("--kills", type=int, default=50)
    arguments, options = parser.parse_known_args()
    daemon, states, upload = Daemon(arguments.baled, ["--log-level", "warning", *options]), Counter(), None
    server = daemon.start()
    client = Client(server, server.accounts["alice"])
    client.put("completes")
    for turn in range(arguments.kills):
        if upload is None:
            key = f"key{turn}"
            upload, lines = begin(client, key)
        status = complete_and_kill(daemon, server, key, upload, lines)
        server = daemon.start()
        client = Client(server, server.accounts["alice"])
        state = look(client, key, upload)
        states[status, state] += 1
        if status == 200 and state != "object":
            sys.exit(f"{key}: an acknowledged Complete was lost")
        if state == "object" or random.random() < 0.5:
            again = client.post("completes", key, {"uploadId": upload}, (), lines)
            if again.status != 200 or client.get("completes", key).body != WHOLE:
                sys.exit(f"{key}: completed again after the restart: {again}")
            upload = None
    if daemon.stop() != 0:
        sys.exit("baled did not stop cleanly:\n" + daemon.log())
    daemon.remove()
    print(f"{arguments.kills} kills: " + ", ".join(f"{count} x {seen or 'cut'}, then {state}"
                                                   for (seen, state), count in sorted(states.items(), key=str)))
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main()
