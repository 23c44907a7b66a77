"""tests/backends/models/porcupine.py -- histories of a register (linearizable.py), judged by Porcupine, a public checker: judge/ is the program in Go
that knows what a register is. It is built into build/backends."""

import functools
import json
import math
import os
import subprocess
from pathlib import Path

import backends
from linearizable import READ

SOURCE = Path(__file__).resolve().parent / "judge"
BUILD_SECONDS = 300
JUDGE_SECONDS = 300  # for one history; the program gives up much sooner
WORDS = {"yes": True, "no": False, "unknown": None}


@functools.cache
def build():
    """(Its path, or why there is none), once: who has no network does not wait for it again."""
    go = backends.find_go()
    if go is None:
        return None, "there is no Go to build Porcupine with"
    backends.PROGRAMS.mkdir(parents=True, exist_ok=True)
    judge, made = backends.PROGRAMS / "judge", backends.PROGRAMS / f"judge-{os.getpid()}"
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false"}
    try:
        done = subprocess.run([go, "build", "-o", made, "."], cwd=SOURCE, env=environment, capture_output=True, text=True, timeout=BUILD_SECONDS,
                              check=False)
    except subprocess.TimeoutExpired:
        return None, f"Porcupine was not built within {BUILD_SECONDS} s"
    if done.returncode != 0:
        return None, f"Porcupine cannot be built: {(done.stderr.strip().splitlines() or ['no reason given'])[-1][:200]}"
    os.replace(made, judge)  # another run may be using it
    return judge, None


def program():
    """Its path; backends.Missing says why there is none."""
    judge, reason = build()
    if judge is None:
        raise backends.Missing(reason)
    return judge


def nanoseconds(seconds):
    return None if seconds == math.inf else round(seconds * 1e9)


def as_told(one):
    return {"kind": one.kind, "value": one.value, "expected": one.expected, "outcome": one.outcome, "began": nanoseconds(one.began),
            "ended": nanoseconds(one.ended)}


def verdicts(histories):
    """Of each: is it linearizable? None: the search was too long, as it is where the answers of many operations were lost."""
    told = json.dumps([[as_told(one) for one in history if one.kind != READ or one.outcome == "done"] for history in histories])
    done = subprocess.run([program()], input=told, capture_output=True, text=True, timeout=JUDGE_SECONDS * len(histories), check=True)
    return [WORDS[line] for line in done.stdout.split()]
