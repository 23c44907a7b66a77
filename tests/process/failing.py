"""tests/process/failing.py -- of a test that fails, the last lines of tools/test say why; for tests/process/run."""

import contextlib
import io
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "testing"))

import steps  # noqa: E402

SUITE = """
import sys, unittest
sys.path.insert(0, {s3!r})
import failures

class Server:
    baled = "baled"
    process = type("", (), {{"poll": lambda self: None}})()
    log = lambda self: "began\\nthe disk is full\\n"

class Case(unittest.TestCase):
    def test_good(self):
        pass

    def test_wrong(self):
        failures.started.append(Server())
        for number in range(2):
            with self.subTest(number=number):
                self.assertEqual(1, number, "no such number")

    def test_broken(self):
        raise RuntimeError("it did not start\\nport is taken")

result = unittest.TextTestRunner(sys.stdout, resultclass=failures.Result).run(unittest.defaultTestLoader.loadTestsFromTestCase(Case))
for name, text, words in result.wrong():
    failures.tell("again " + name, text, words)
print("1 passed, 2 failed")
sys.exit(1)
"""


class Failing(unittest.TestCase):
    def told(self, suite):
        """What tools/test would print of it."""
        with tempfile.NamedTemporaryFile("w", suffix=".py") as file, contextlib.redirect_stdout(io.StringIO()) as output:
            file.write(suite)
            file.flush()
            tally = steps.tally_of_suite(file.name, subprocess.run([sys.executable, file.name], capture_output=True, text=True, check=False))
            output.truncate(0)
            output.seek(0)
            steps.print_failures(tally)
            return tally, output.getvalue()

    def test_a_failure_says_why(self):
        tally, told = self.told(SUITE.format(s3=str(ROOT / "tests" / "s3")))
        self.assertEqual((1, 2), (tally.passed, tally.failed))
        why, _, again = told.partition("To repeat what failed:")
        self.assertIn("    | AssertionError: 1 != 0 : no such number\n    | baled said last:\n    | began\n    | the disk is full\n", why)
        self.assertEqual(["again __main__.Case.test_broken", "RuntimeError: it did not start port is taken",
                          "again __main__.Case.test_wrong", "AssertionError: 1 != 0 : no such number"],
                         [line.strip() for line in again.strip().splitlines()])

    def test_a_suite_that_breaks_says_why(self):
        tally, told = self.told("raise ValueError('half')\n")
        self.assertEqual(1, tally.failed)
        self.assertTrue(told.endswith("no closing line\n"), told)

    def test_many_failures_stay_short(self):
        commands = [f"again {number}" for number in range(1000)]
        tally = steps.Tally(failed=1000, repeat=commands, reasons={command: ["x" * 1000] * 30 for command in commands})
        with contextlib.redirect_stdout(io.StringIO()) as output:
            steps.print_failures(tally)
        why = output.getvalue().partition("To repeat what failed:")[0].splitlines()
        self.assertLess(len(why), 300)
        self.assertLess(max(map(len, why)), 500)
