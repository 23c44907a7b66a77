"""tools/testing/mutating.py -- takes rules out of the source, one at a time: the test that holds each must fail.

For scripts that have a table of Mutations and call `run`. It copies the sources that git knows into a folder, builds there, and runs the
tests once as they are. Then each rule is taken out by a change of text that must fit exactly once, what its test needs is built, and the test
run: a mutation that survives, or does not fit any more, has failed. The last line is "N passed, N failed".
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARIES = ("server/baled", "tools/bale")


class Mutation:
    """`test`: a program of the build, by its path there, or words of a suite (Suites)."""

    def __init__(self, name, file, text, becomes, test):
        self.name, self.file, self.text, self.becomes, self.test = name, file, text, becomes, test


class Suite:
    """A suite of Python, which needs binaries and prints "N passed, N failed" last."""

    def __init__(self, *command, needs=BINARIES):
        self.command, self.needs = command, needs

    def __repr__(self):
        return " ".join(self.command)


def run_in(folder, *command):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.run(command, cwd=folder, env={**environment, "CC": environment.get("CC", "ccache gcc")}, capture_output=True, text=True,
                          check=False)


def targets_of(test):
    return test.needs if isinstance(test, Suite) else (test,)


def build(folder, targets):
    done = run_in(folder, "ninja", "-C", "build", *targets)
    if done.returncode != 0:
        sys.exit(f"the build fails: {done.stdout[-2000:]}")


def prepare(folder, tests):
    """What is there already and the same stays as it is: a second run in a folder builds little."""
    names = subprocess.run(("git", "ls-files", "-z"), cwd=ROOT, capture_output=True, check=True).stdout.decode()
    for name in filter(None, names.split("\0")):
        source, target = ROOT / name, folder / name
        if not target.exists() or target.read_bytes() != source.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    if not (folder / "build").exists():
        done = run_in(folder, "meson", "setup", "build", "--buildtype=release", "-Dtests=enabled")
        if done.returncode != 0:
            sys.exit(f"meson: {done.stdout[-2000:]}")
    build(folder, sorted({target for test in tests for target in targets_of(test)}))


def passes(folder, test):
    if not isinstance(test, Suite):
        return run_in(folder, str(folder / "build" / test)).returncode == 0
    done = run_in(folder, *test.command)
    counts = done.stdout.strip().splitlines()[-1:] or ["nothing ran"]
    has_skipped = " skipped" in counts[0] and " 0 skipped" not in counts[0]
    if has_skipped or counts[0].startswith("0 passed, 0 failed"):
        sys.exit(f"{test}: {counts[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.returncode == 0


def outcome(folder, mutation):
    """None: it was caught; else why not."""
    path = folder / mutation.file
    source = path.read_text()
    if source.count(mutation.text) != 1:
        return f"its text is there {source.count(mutation.text)} times"
    path.write_text(source.replace(mutation.text, mutation.becomes))
    try:
        build(folder, targets_of(mutation.test))
        return "survived" if passes(folder, mutation.test) else None
    finally:
        path.write_text(source)


def run(documentation, mutations):
    """The exit status."""
    parser = argparse.ArgumentParser(description=documentation, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where it is built, and stays")
    parser.add_argument("words", nargs="*", help="only those whose name holds one of them")
    arguments = parser.parse_args()
    chosen = [mutation for mutation in mutations if not arguments.words or any(word in mutation.name for word in arguments.words)]
    tests = list({repr(mutation.test): mutation.test for mutation in chosen}.values())
    with tempfile.TemporaryDirectory(prefix="bale-mutations-") as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(exist_ok=True)
        prepare(folder, tests)
        for test in tests:
            if not passes(folder, test):
                sys.exit(f"{test} fails without any mutation")
        wrong = 0
        for mutation in chosen:
            why = outcome(folder, mutation)
            wrong += why is not None
            print(f"{'caught' if why is None else why}: {mutation.name}", flush=True)
        print(f"{len(chosen) - wrong} passed, {wrong} failed")
    return 1 if wrong or not chosen else 0
