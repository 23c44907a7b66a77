#!/usr/bin/env python3
"""tests/s3/run.py -- runs the S3 conformance suite against a server and says which statements do not hold.

  run.py --baled build/server/baled             starts a server of its own in a temporary folder
  run.py --endpoint 127.0.0.1:8014 --credentials FILE   uses one that is running (sections alice, bob, reader)
  run.py --baled PATH test_083 Ranges           only the tests whose name holds one of the words

Python 3.9 or newer, standard library only. Tests run side by side (each has buckets of its own); those that measure
run alone afterwards. The last line is "N passed, N failed".
"""

import argparse
import concurrent.futures
import configparser
import importlib
import os
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from case import S3Case  # noqa: E402
from client import Account, Server  # noqa: E402
from daemon import DOMAIN, Daemon  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent


def collect(words):
    tests = []
    for path in sorted(HERE.glob("test_*.py")):
        module = importlib.import_module(path.stem)
        for suite in unittest.defaultTestLoader.loadTestsFromModule(module):
            for test in suite:
                name = test.id()
                if not words or any(word in name for word in words):
                    tests.append(test)
    return tests


def run_one(test):
    result = unittest.TestResult()
    started = time.monotonic()
    test.run(result)
    problems = [text for _, text in result.errors + result.failures]
    return test, problems, [reason for _, reason in result.skipped], time.monotonic() - started


def known_server(arguments):
    host, _, port = arguments.endpoint.removeprefix("http://").rpartition(":")
    parser = configparser.ConfigParser()
    parser.read(arguments.credentials)
    accounts = {name: Account(name, parser[name]["access_key"], parser[name]["secret_key"], parser[name].get("id", ""))
                for name in parser.sections()}
    accounts.setdefault("bob", accounts["alice"])
    accounts.setdefault("reader", accounts["alice"])
    admin = None
    if arguments.admin:
        admin_host, _, admin_port = arguments.admin.rpartition(":")
        admin = (admin_host, int(admin_port))
    return Server((host, int(port)), accounts, region=arguments.region, domain=arguments.domain, admin=admin)


def command_for(test, arguments):
    where = f"--baled {arguments.baled}" if arguments.baled else f"--endpoint {arguments.endpoint} --credentials {arguments.credentials}"
    return f"{os.path.relpath(__file__)} {where} {test.id()}"


def run_all(tests, arguments):
    """Side by side first, then one by one those that want to be alone."""
    together = [test for test in tests if not test.SERIAL]
    alone = [test for test in tests if test.SERIAL]
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        yield from pool.map(run_one, together)
    yield from map(run_one, alone)


def report(test, problems, skips, seconds, arguments):
    if problems:
        print(f"FAILED {test.id()}")
        for text in problems:
            lines = text.strip().splitlines()
            shown = lines if arguments.verbose else [line[:1500] for line in lines[-3:]]
            print("    " + "\n    ".join(shown))
        print(f"    again: {command_for(test, arguments)}")
    elif skips and arguments.verbose:
        print(f"skipped {test.id()}: {skips[0]}")
    elif arguments.verbose:
        print(f"ok {test.id()} {seconds:.2f} s")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description="S3 conformance suite")
    parser.add_argument("--baled", help="start this binary on a free port with a temporary folder")
    parser.add_argument("--option", action="append", default=[], help="a further option for that baled")
    parser.add_argument("--endpoint", help="host:port of a running server")
    parser.add_argument("--credentials", help="INI file with sections alice, bob, reader")
    parser.add_argument("--admin", help="host:port of the running server's admin endpoint")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--domain", default=DOMAIN)
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("words", nargs="*")
    arguments = parser.parse_args()
    if bool(arguments.baled) == bool(arguments.endpoint):
        parser.error("give either --baled or --endpoint")

    tests = collect(arguments.words)
    daemon = Daemon(os.path.abspath(arguments.baled), arguments.option) if arguments.baled else None
    passed = failed = 0
    slowest = []
    try:
        S3Case.server = daemon.start() if daemon else known_server(arguments)
        for test, problems, skips, seconds in run_all(tests, arguments):
            report(test, problems, skips, seconds, arguments)
            failed += bool(problems)
            passed += not problems and not skips
            slowest.append((seconds, test.id()))
        if daemon and daemon.process.poll() is not None:
            print(f"FAILED the server ended by itself with {daemon.process.returncode}:\n{daemon.log()[-4000:]}")
            failed += 1
    finally:
        if daemon:
            daemon.remove()
    if arguments.verbose:
        print("slowest: " + ", ".join(f"{name} {seconds:.1f} s" for seconds, name in sorted(slowest)[-8:]))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
