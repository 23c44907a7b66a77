#!/usr/bin/env python3
"""bench/dictionary_events.py -- what a dictionary does for many small objects: stored bytes and processor time of 50,000 JSON events.

usage: dictionary_events.py [--baled build/server/baled] [--bale build/tools/bale] [--events 50000] [--kind shop|access|telemetry|service]

Events of a kind (bench/events.py) are put three times under prefixes of one bucket: without a dictionary, with one that was trained on 1,000
others, and without again. Printed are bytes as sent and as stored, and processor time of the server for each PUT; and what the events say, which no
coder can go below.
"""

import argparse
import os
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "s3")]

import admin  # noqa: E402
import events  # noqa: E402
from client import Client  # noqa: E402
from daemon import Daemon  # noqa: E402

THREADS = 4


def processor_seconds(server):
    with open(f"/proc/{server.pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Run:
    def __init__(self, daemon, events):
        self.daemon, self.events = daemon, events

    def put_all(self, prefix):
        def work(number):
            client = Client(self.daemon.server, self.daemon.accounts["alice"])
            for at in range(number, len(self.events), THREADS):
                answer = client.put("bench", f"{prefix}{at}", (), (), self.events[at])
                assert answer.status == 200, answer
        threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
        before, began = admin.metrics(self.daemon.server), processor_seconds(self.daemon.server)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds, after = processor_seconds(self.daemon.server) - began, admin.metrics(self.daemon.server)
        stored, original = (after[name] - before.get(name, 0) for name in ("bale_stored_bytes_written_total", "bale_original_bytes_written_total"))
        return original, stored, seconds / len(self.events) * 1e6


def begin(baled, bale, kind, draw):
    """A server in whose bucket objects under with/ have a dictionary that was trained on 1,000 of them; what its training said."""
    daemon = Daemon(baled, ("--shards", "1", "--log-level", "warning"))
    daemon.server = daemon.start()
    client = Client(daemon.server, daemon.accounts["alice"])
    assert client.put("bench").status == 200
    for number in range(1000):
        assert client.put("bench", f"with/sample-{number}", (), (), events.make(kind, draw)).status == 200
    done = subprocess.run([bale, "dict", "train", "bench/with/", "--backend", f"dir:{daemon.folder}/data"], capture_output=True, text=True, check=False)
    return daemon, done.stdout + done.stderr


def main():
    draw = events.Draw(1)
    daemon, said = begin(ARGUMENTS.baled, ARGUMENTS.bale, ARGUMENTS.kind, draw)
    print(said)
    draw.bits = 0
    run = Run(daemon, [events.make(ARGUMENTS.kind, draw) for _ in range(ARGUMENTS.events)])
    told = draw.bits / 8
    sizes = sorted(map(len, run.events))
    print(f"{len(sizes)} events of {sizes[0]} to {sizes[-1]} bytes, the median {sizes[len(sizes) // 2]}\n")
    print(f"{'':22}{'bytes':>12}{'stored':>12}{'share':>8}{'us/PUT':>8}")
    stored = {}
    for name, prefix in (("without", "before/"), ("with a dictionary", "with/"), ("without, once more", "after/")):
        original, stored[name], cost = run.put_all(prefix)
        print(f"{name:22}{original:12.0f}{stored[name]:12.0f}{stored[name] / original:8.1%}{cost:8.1f}")
    print(f"\nwith a dictionary they take {stored['with a dictionary'] / stored['without']:.1%} of what they take without; "
          f"what is random in them takes {told / stored['without']:.1%}, {told:.0f} bytes")
    daemon.stop()
    daemon.remove()
    return 0


if __name__ == "__main__":
    PARSER = argparse.ArgumentParser(description="small objects with a dictionary")
    PARSER.add_argument("--baled", default=str(ROOT / "build/server/baled"))
    PARSER.add_argument("--bale", default=str(ROOT / "build/tools/bale"))
    PARSER.add_argument("--events", type=int, default=50000)
    PARSER.add_argument("--kind", choices=events.KINDS, default="shop")
    ARGUMENTS = PARSER.parse_args()
    sys.exit(main())
