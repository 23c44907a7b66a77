"""tools/testing/steps.py -- the steps of tools/test: each runs tests, counts them, and says how to repeat failures.

A step is a function that returns a Tally. What is counted is the smallest thing a runner names: a check of libcheck, a
case of unittest, a rule of tools/check. Several steps go in two lanes at once: those that compute, on all processors, and
beside them those that mostly wait for servers and clients; whichever lane is through takes what the other one has not begun,
from its end. Each is a process of its own, its output shown when it ends.
With --long the steps that draw at random, or that want what takes long to build, do more of it: they ask `is_long`.
"""

import argparse
import collections
import itertools
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
JOBS = len(os.sched_getaffinity(0))
BUILT = "BALE_TEST_BUILT"  # names a folder that the caller has built already
TALLY = "BALE_TEST_TALLY"  # names a file in which a step leaves its Tally for the caller
REASON_LINES = 15  # of one failure whose runner does not shorten it by itself
YIELDING = ("nice",)  # before what computes for minutes: the other lane's servers and clients wait for each other


is_long = False  # --long


@dataclass
class Tally:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    repeat: list = field(default_factory=list)  # one command per failure
    reasons: dict = field(default_factory=dict)  # what was wrong, by the command: lines
    processor_seconds: float = 0

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.processor_seconds += other.processor_seconds
        self.repeat += other.repeat
        self.reasons.update(other.reasons)


def tally_of_failure(command, output):
    return Tally(failed=1, repeat=[command], reasons={command: output.splitlines()[-REASON_LINES:]})


def failure(command, output=""):
    """One failed test, its output shown."""
    if output:
        sys.stdout.write(output if output.endswith("\n") else output + "\n")
    return tally_of_failure(command, output)


def run(command, **options):
    return subprocess.run(command, cwd=ROOT, text=True, errors="replace", stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False, **options)


# ---- what is told of failures ----

TOLD_LINES, TOLD_MAX, TOLD_WIDTH = 200, 50, 400  # lines and failures in all, bytes of a line
GIST_BYTES = 240
WRONG = re.compile(r":[FE]:|: error: |runtime error: |Sanitizer: |Assertion |^(\w+\.)*\w*(Error|Exception|Expired|Closed)\b")


def gist(lines):
    """What a person would say of a failure, on one line: the last exception or failed check, else the last line. What servers
    said stands behind it."""
    lines = list(itertools.takewhile(lambda line: not line.endswith(" said last:"), lines)) or lines
    at = max((number for number, line in enumerate(lines) if WRONG.search(line)), default=len(lines) - 1)
    said = " ".join(" ".join(lines[at:]).split())
    return said if len(said) <= GIST_BYTES else f"{said[:GIST_BYTES // 3]} ... {said[-GIST_BYTES * 2 // 3:]}"


def print_failures(tally):
    """Why each failed; then once more in few lines, for whoever has but the end of a long output."""
    if not tally.repeat:
        return
    commands = list(dict.fromkeys(tally.repeat))
    told = [(command, tally.reasons[command]) for command in commands if tally.reasons.get(command)][:TOLD_MAX]
    print("\nWhat was wrong:")
    for command, lines in told:
        print(f"--- {command}")
        for line in lines[:TOLD_LINES // len(told)]:
            print(REASON_BAR + line[:TOLD_WIDTH])
    print("\nTo repeat what failed:")
    for command in commands:
        print(f"    {command}")
        if tally.reasons.get(command):
            print(f"        {gist(tally.reasons[command])}")


# ---- building ----


def programs_of_tests(folder, wanted):
    """What ninja has to make for the tests whose names are wanted."""
    introspected = run(["meson", "introspect", folder, "--tests", "--targets"])
    told = json.loads(introspected.stdout)
    made = {target["id"]: target["filename"] for target in told["targets"]}
    files = {file for test in told["tests"] if wanted(test["name"]) for target in test["depends"] for file in made[target]}
    return sorted(os.path.relpath(file, ROOT / folder) for file in files)


def build(folder, *settings, tests=None):
    """Sets the folder up if need be and builds: all of it, or what the tests need whose names `tests` wants. None, or the Tally of
    the failure."""
    if folder == os.environ.get(BUILT):
        return None
    warnings = "true" if folder == "build" else "false"  # sanitizers make frames that are larger than we allow
    settings = [f"-Dwerror={warnings}", "-Dtests=enabled", *settings]
    verb = ["configure"] if (ROOT / folder / "build.ninja").exists() else ["setup"]
    made = run(["meson", *verb, folder, *settings])
    if made.returncode == 0:
        made = run([*YIELDING, "ninja", "-C", folder, *(programs_of_tests(folder, tests) if tests else ())])
    if made.returncode != 0:
        wrong = [line for line in made.stdout.splitlines() if re.search(r"error|warning|FAILED|ERROR", line)]
        return failure(f"ninja -C {folder}", "\n".join(wrong[:40] or made.stdout.splitlines()[-40:]))
    return None


# ---- meson's tests ----

PATIENCE = 5  # with the machine, as in tests/meson.build
CHECK_LINE = re.compile(r"\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)")


def tally_of_meson_test(entry, folder, wrap):
    """One line of meson's testlog.json: as many tests as libcheck says, else one."""
    command = f"meson test -C {folder} --print-errorlogs {wrap}{entry['name']}".replace("  ", " ")
    output = (entry.get("stdout") or "") + (entry.get("stderr") or "")
    if entry["result"] == "SKIP":
        return Tally(skipped=1)
    lines = CHECK_LINE.findall(output)
    checks = sum(int(line[0]) for line in lines)
    wrong = sum(int(line[1]) + int(line[2]) for line in lines)
    if entry["result"] != "OK":
        print(f"--- {entry['name']}: {entry['result']}")
        tally = failure(command, "\n".join(output.splitlines()[-60:]))
        tally.reasons[command] = [line for line in output.splitlines() if WRONG.search(line)][:5] + tally.reasons[command]
        tally.failed = max(1, wrong)
        tally.passed = checks - wrong
        return tally
    return Tally(passed=max(1, checks))


def meson_tests(folder, wanted=lambda name: True, wrap=None, environment=None, slower=1, per_processor=1):
    """`per_processor` of them at once for each processor: many of them sleep, or wait for a disk. `slower`: the program, by what it is
    built with or run under."""
    listed = run(["meson", "test", "-C", folder, "--list", "--no-rebuild"]).stdout.splitlines()
    names = [line.split(" / ")[-1].strip() for line in listed if " / " in line or line.startswith(("unit-", "fuzz-"))]
    names = [name for name in names if wanted(name)]
    if not names:
        return Tally()
    log = ROOT / folder / "meson-logs" / (f"testlog-{wrap.split()[0]}.json" if wrap else "testlog.json")
    log.unlink(missing_ok=True)
    command = ["meson", "test", "-C", folder, "--no-rebuild", "--num-processes", str(per_processor * JOBS), "-t",
               str(PATIENCE * slower)]
    if wrap:
        command.append(f"--wrap={wrap}")
    run([*command, *names], env={**os.environ, **(environment or {})})
    if not log.exists():
        return failure(f"meson test -C {folder}", "meson wrote no log of the tests")
    tally = Tally()
    for line in log.read_text(errors="replace").splitlines():
        tally.add(tally_of_meson_test(json.loads(line), folder, f'--wrap="{wrap}" ' if wrap else ""))
    return tally


# ---- Python's suites ----

REASON_BAR = "    | "
REPEAT_LINES = re.compile(r"^\s*(?:repeat|again): (.*)\n((?:    \| .*\n)*)", re.M)
PLAIN_LINE = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", re.M)


def run_suite(script, *options):
    return run(["/usr/bin/python3", script, *options])


def tally_of_suite(script, done):
    """A suite is a program that ends with `N passed, N failed` and prints for each failure `repeat: COMMAND`, and under it lines
    with a bar that say why (tests/s3/failures.py)."""
    lines = PLAIN_LINE.findall(done.stdout)
    if not lines:
        return failure(script, done.stdout[-6000:] + f"\n{script} ended with {done.returncode} and no closing line")
    passed, failed, skipped = (int(count or 0) for count in lines[-1])
    if done.returncode != 0 and failed == 0:
        failed = 1
    reasons = {command: [line[len(REASON_BAR):] for line in lines.splitlines()] or done.stdout.splitlines()[-REASON_LINES:]
               for command, lines in REPEAT_LINES.findall(done.stdout)}
    if failed and not reasons:
        reasons = {script: done.stdout.splitlines()[-REASON_LINES:]}
    for line in re.findall(r"^skipped .*$", done.stdout, re.M):
        print(line)
    if failed:
        print(done.stdout[-20000:])
    return Tally(passed, failed, skipped, list(reasons), reasons)


def python_suite(script, *options):
    return tally_of_suite(script, run_suite(script, *options))


def python_suites(*commands):
    """Several of them at once, which mostly wait; shown one after the other."""
    tally = Tally()
    with ThreadPoolExecutor(len(commands)) as pool:
        for command, done in zip(commands, pool.map(lambda command: run_suite(*command), commands)):
            tally.add(tally_of_suite(command[0], done))
    return tally


# ---- the steps, in the order in which they run ----


def step_check():
    """format, floors of the folders, headers alone, words, links (tools/check)"""
    done = run(["tools/check"])
    tally = Tally()
    for line in done.stdout.splitlines():
        if line.startswith("ok "):
            tally.passed += 1
        elif line.startswith("not ok "):
            tally.add(failure(f"tools/check {line.split()[2]}"))
        if not line.startswith("ok "):
            print(line)
    if done.returncode != 0 and tally.failed == 0:
        tally.add(failure("tools/check"))
    return tally


def step_unit():
    """unit tests and fuzz corpora, release build"""
    return build("build", "--buildtype=release") or meson_tests("build", per_processor=3)


def step_asan():
    """the same under the address and undefined-behaviour sanitizers"""
    settings = ["-Db_sanitize=address,undefined", "-Db_lundef=false", "--buildtype=debugoptimized"]
    environment = {"ASAN_OPTIONS": "detect_stack_use_after_return=1", "UBSAN_OPTIONS": "halt_on_error=1"}
    return build("build-asan", *settings, tests=lambda name: True) or meson_tests("build-asan", environment=environment, slower=4,
                                                                                  per_processor=2)


def step_tsan():
    """tests of threads and fibers under the thread sanitizer"""
    settings = ["-Db_sanitize=thread", "-Db_lundef=false", "--buildtype=debugoptimized"]
    # without those that kill a child at a moment of its ordinary speed
    threaded = re.compile(r"unit-(runtime|embedded|object|credentials-source)(?!.*crash)|soak-")
    # these begin no thread: `strace -f -e trace=clone,clone3` shows no CLONE_THREAD
    alone = re.compile(r"unit-(runtime-sim|embedded-inspect|object-(class_levels|columns|completion|damage|dictionary|"
                       r"foreign|frame_cache|gzip|kept_frames|rewrite|sealed|sealed_parts|told))$")
    environment = {"TSAN_OPTIONS": "halt_on_error=1"}

    def wanted(name):
        return threaded.match(name) and not alone.match(name)

    return build("build-tsan", *settings, tests=wanted) or meson_tests("build-tsan", wanted, environment=environment, slower=6)


def step_valgrind():
    """tests of the runtime under valgrind, but for those that measure time"""
    wrap = "valgrind --quiet --error-exitcode=99 --leak-check=full"
    untimed = re.compile(r"unit-runtime-(fiber|io|log|loop|timer)$")
    return build("build") or meson_tests("build", untimed.match, wrap=wrap, slower=10, per_processor=2)


def step_tidy():
    """clang-tidy over every C file; --long: its analyzer as deep as it goes"""
    broken = build("build")
    if broken:
        return broken
    rule = "tidy-deep" if is_long else "tidy"
    done = run([*YIELDING, "tools/check", rule])
    if done.returncode != 0:
        return failure(f"tools/check {rule}", done.stdout[-12000:])
    return Tally(passed=1)


def step_s3():
    """the S3 statements against a running server (tests/s3)"""
    return build("build") or python_suite("tests/s3/run")


def step_s3_tls():
    """the S3 statements over HTTPS (tests/s3)"""
    return build("build") or python_suite("tests/s3/run", "--tls")


def step_s3_raw():
    """the S3 statements against baled --raw, a plain S3 server (tests/s3)"""
    return build("build") or python_suite("tests/s3/run", "--raw")


def step_s3_joined():
    """what clients send in parts, where stored parts have a smallest size (tests/s3 over tests/servers)"""
    return build("build") or python_suite("tests/s3/run", "--baled", "build/tests/servers/baled_joined", "multipart",
                                          "part_numbers", "copy", "test_model", "attributes", "Uploads", "restart")


def step_backend():
    """Bale before the buckets of real S3 servers, with faults in between (tests/backends)"""
    broken = build("build")
    if broken:
        return broken
    if is_long:
        tally = python_suite("tests/backends/run", "--long")
        tally.add(python_suite("tests/backends/mutations"))
        for name in ("raw", "versitygw", "minio"):
            tally.add(python_suite("tests/s3/run", "--backend", name))
            tally.add(python_suite("tests/clients/run", "--backend", name))
        return tally
    # Each time one seed, without MinIO, whose building takes minutes; the rest in parts that take about as long as each other
    tests = ("tests/backends/run", "--seed", "1", "--backend")
    return python_suites((*tests, "raw", "of_model.", "races.", "kills.", "of_proxy.", "starting.", "memory."),
                         (*tests, "raw", "outages.", "verdicts_found.", "requests_counted.", "overwrites.", "names_kept.", "tools_alone.", "getting.", "getting_trees.", "putting.",
                          "format_read.", "s4_read.", "lies.", "labels.", "versions_of_a_fleet.",
                          "test_nobody_goes_by_a_head", "test_readers_share_heads"),
                         (*tests, "versitygw", "--part", "1/2"), (*tests, "versitygw", "--part", "2/2"), ("tests/s3/run", "--backend", "raw"))


def step_crash():
    """kill -9 under load, a full disk, flipped bits (tests/crash)"""
    return build("build") or python_suite("tests/crash/run", *(["--bits", "2000"] if is_long else []))


def step_clients():
    """real S3 clients, end to end (tests/clients)"""
    return build("build") or python_suite("tests/clients/run")


def step_process():
    """baled and bale as processes: options, signals, admin, log, import and export (tests/process)"""
    return build("build") or python_suites(("tests/process/run", "--part", "1/2"), ("tests/process/run", "--part", "2/2"))


def step_policy():
    """the engine of policies against a second one, over policies at random (tests/policy); --long: 100,000 of them"""
    return build("build") or python_suite("tests/policy/run", "--count", "100000" if is_long else "3000")


def step_lifecycle():
    """lifecycle rules against a second judge: over rules and keys at random, and what a server leaves that is killed on the way
    (tests/lifecycle); --long: 500,000 of them, 10 rounds of 4,000 keys, one of 200,000 objects, and a key with a million versions"""
    if not is_long:
        return build("build") or python_suites(("tests/lifecycle/run", "--count", "20000"), ("tests/lifecycle/oracle",))
    return build("build") or python_suites(("tests/lifecycle/run", "--count", "500000"),
                                           ("tests/lifecycle/oracle", "--rounds", "10", "--keys", "4000", "--kills", "12"),
                                           ("tests/lifecycle/oracle", "--keys", "66667", "--kills", "12"), ("tests/lifecycle/versions",),
                                           ("tests/lifecycle/mutations",))


def step_credentials():
    """where credentials of a backend come from, each provider against a stand-in (tests/credentials)"""
    return build("build") or python_suite("tests/credentials/run")


def step_sim():
    """10,000 seeds of the journal's simulator (tools/sim)"""
    done = run([*YIELDING, "tools/sim", "--seeds", "10000"])
    return Tally(passed=1) if done.returncode == 0 else failure("tools/sim --seeds 10000", done.stdout[:12000])


def step_soak():
    """the journal in real threads and time over a bad bucket (tests/soak)"""
    done = run(["tools/soak", "--seconds", "20"])
    return Tally(passed=1) if done.returncode == 0 else failure("tools/soak --seconds 20", done.stdout[-6000:])


STEPS = {
    "check": step_check,
    "unit": step_unit,
    "sim": step_sim,
    "soak": step_soak,
    "process": step_process,
    "backend": step_backend,
    "policy": step_policy,
    "lifecycle": step_lifecycle,
    "credentials": step_credentials,
    "s3": step_s3,
    "s3-tls": step_s3_tls,
    "s3-raw": step_s3_raw,
    "s3-joined": step_s3_joined,
    "crash": step_crash,
    "clients": step_clients,
    "asan": step_asan,
    "tsan": step_tsan,
    "valgrind": step_valgrind,
    "tidy": step_tidy,
}
# these leave most of the processors idle
WAITING = ("soak", "process", "lifecycle", "credentials", "s3", "s3-tls", "s3-raw", "s3-joined", "backend", "crash", "clients")


# ---- running them ----


def closing_line(tally):
    skipped = f", {tally.skipped} skipped" if tally.skipped else ""
    return f"{tally.passed} passed, {tally.failed} failed{skipped}"


def run_step(name):
    """In this process, with its output as it comes."""
    tally = STEPS[name]()
    print_failures(tally)
    print(closing_line(tally), flush=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    tally.processor_seconds = used.ru_utime + used.ru_stime
    if os.environ.get(TALLY):
        Path(os.environ[TALLY]).write_text(json.dumps(asdict(tally)))
    return tally


def run_step_apart(name, built, printing):
    """As a process of its own; what it printed is shown when it has ended."""
    started = time.monotonic()
    with tempfile.NamedTemporaryFile("r") as file:
        done = run([sys.executable, __file__, name, *(["--long"] if is_long else [])],
                   env={**os.environ, BUILT: built, TALLY: file.name})
        left = file.read()
    tally = Tally(**json.loads(left)) if left else tally_of_failure(f"tools/test {name}", done.stdout)
    with printing:
        print(f"== {name}: {STEPS[name].__doc__}")
        if tally.failed:
            print(done.stdout.rstrip())
        print(f"   {closing_line(tally)} in {time.monotonic() - started:.0f} s, {tally.processor_seconds:.0f} s of a processor",
              flush=True)
    return tally


def next_of(mine, other):
    """The first step of the own lane, else the last of the other one, else None. (One operation of a deque is not divided by threads.)"""
    for take in (mine.popleft, other.pop):
        try:
            return take()
        except IndexError:
            pass
    return None


def run_in_lanes(names):
    """Both lanes to their end, whatever fails; the whole Tally."""
    total, printing = Tally(), threading.Lock()
    broken = build("build", "--buildtype=release")
    if broken:
        return broken

    def go_through(mine, other):
        while (name := next_of(mine, other)) is not None:
            tally = run_step_apart(name, "build", printing)
            with printing:
                total.add(tally)

    lanes = [collections.deque(name for name in names if (name in WAITING) == waits) for waits in (False, True)]
    threads = [threading.Thread(target=go_through, args=order) for order in (lanes, lanes[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return total


def main():
    parser = argparse.ArgumentParser(prog="tools/test", description="Runs the tests of Bale.")
    parser.add_argument("steps", nargs="*", metavar="STEP", help=f"of {', '.join(STEPS)}; none: all")
    parser.add_argument("--long", action="store_true", help="more seeds, rounds and backends: for a night, not for each change")
    parser.add_argument("--list", action="store_true", help="say what each step is")
    arguments = parser.parse_args()
    if arguments.list:
        for name, step in STEPS.items():
            print(f"{name:10} {step.__doc__}")
        return 0
    for name in arguments.steps:
        if name not in STEPS:
            parser.error(f"there is no step {name}: {', '.join(STEPS)}")
    global is_long  # pylint: disable=global-statement
    is_long = arguments.long
    if len(arguments.steps) == 1:
        return 1 if run_step(arguments.steps[0]).failed else 0
    total = run_in_lanes(arguments.steps or list(STEPS))
    print_failures(total)
    print(closing_line(total))
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
