"""tests/s3/ports.py -- ports for servers that must be told theirs, and that find it again when they are killed and started anew."""

import random
import socket
from pathlib import Path

LEAST = 10_000
_claims = []  # held until this process ends


def free_port():
    """One that nobody listens on, and that stays so: connections get theirs from above, and no other process of tests draws it while this one
    lives, for a name goes with it that only one can have."""
    for port in random.SystemRandom().sample(range(LEAST, max(_least_of_connections(), LEAST + 1000)), 1000):
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0bale-tests-port-{port}")
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        return port
    raise RuntimeError("there is no free port")


def _least_of_connections():
    return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
