"""tests/s3/failures.py -- how the suites tell what failed: `repeat: COMMAND`, and under it in short why.

tools/testing/steps.py reads these lines and says them once more at its end, where they are found even when the middle of
a long output is lost. Python 3 standard library only.
"""

import collections
import re
import unittest

LINES = 15  # of what is wrong, and of what each server said last
WIDTH = 400
BAR = "    | "


def shorten(text):
    return [line[:WIDTH] for line in text.rstrip().splitlines()[-LINES:]]


def part_of(word):
    """`2/3`: the second of three parts. (1, 3): what is counted from 0 and leaves this rest when divided by that belongs to it."""
    part, _, parts = word.partition("/")
    if not 1 <= int(part) <= int(parts):
        raise ValueError(word)
    return int(part) - 1, int(parts)


def tell(command, wrong, servers=""):
    """`wrong`: the text of an exception, say; `servers`: last_words()."""
    print(f"repeat: {command}")
    for line in [*shorten(wrong), *servers.splitlines()]:
        print(BAR + line)


# ---- what the servers said ----

started = collections.deque(maxlen=2)  # the Daemons that were started last, the latest at the end


def forget_ended():
    """A test begins: what ended before it is none of its servers."""
    for daemon in [daemon for daemon in started if daemon.process.poll() is not None]:
        started.remove(daemon)


def last_words(daemons=started):
    """Of these servers, or of those that were started last."""
    lines = []
    for daemon in daemons:
        lines += [f"{daemon.baled} said last:", *shorten(daemon.log())]
    return "\n".join(lines)


class Result(unittest.TextTestResult):
    """Keeps with each failure what its servers said last."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.words = {}  # by the test's id

    def startTest(self, test):
        super().startTest(test)
        forget_ended()

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.words[id_of(test)] = last_words()

    def addError(self, test, err):
        super().addError(test, err)
        self.words[id_of(test)] = last_words()

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self.words[id_of(test)] = last_words()

    def wrong(self):
        """What failed: [(id, what is wrong, what the servers said)], in the order of the ids."""
        texts = {}
        for test, text in self.failures + self.errors:
            texts.setdefault(id_of(test), text)
        return [(name, texts[name], self.words.get(name, "")) for name in sorted(texts)]


def id_of(test):
    """Of a case within a test: the test's. Of `setUpClass (module.Class)`: the class's."""
    return re.sub(r"^\w+ \((.+)\)$", r"\1", getattr(test, "test_case", test).id())
