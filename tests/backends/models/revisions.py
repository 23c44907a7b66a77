"""tests/backends/models/revisions.py -- every revision that keys ever had, and whether an answer may be what it is.

Of each key one writer makes one revision after the other, each with bytes of its own. So an answer can be judged by itself:

    its bytes are those of the revision that its own ETag names, and its metadata are that revision's;
    that revision was the key's at some moment between the beginning of the request and its end;
    what failed had a reason: the key was written meanwhile, or the server was killed.
"""

import hashlib
import itertools
import random
import threading
import time

KIB = 1 << 10


class Wrong(AssertionError):
    """An answer that no order of events explains."""


class Revision:
    """Counts for readers from the moment at which its writer began; `done` None: the writer has no answer yet."""

    def __init__(self, key, number, body):
        self.key, self.number, self.body = key, number, body
        self.etag = f'"{hashlib.md5(body).hexdigest()}"'
        self.begun, self.done = time.monotonic(), None


def draw_body(draw):
    """One block or many, packed well or not at all; often as large as the one before."""
    size = draw.choice((20 * KIB, 200 * KIB, 1000 * KIB))
    if draw.random() < 0.7:
        return draw.randbytes(size)
    word = b"%016x" % draw.getrandbits(64)
    return b"".join(b"%s %d\n" % (word, draw.getrandbits(30)) for _ in range(size // 16))


class Revisions:
    """Of some keys, for any thread."""

    def __init__(self, seed):
        self.lock = threading.Lock()
        self.of_key, self.by_etag, self.numbers, self.seed = {}, {}, itertools.count(1), seed

    def begin(self, key):
        """The next one, which its writer sends now, with `number` as its metadata."""
        number = next(self.numbers)
        body = draw_body(random.Random(f"{self.seed}/{key}/{number}"))
        revision = Revision(key, number, body)
        with self.lock:
            self.of_key.setdefault(key, []).append(revision)
            self.by_etag[key, revision.etag] = revision
        return revision

    def end(self, revision):
        revision.done = time.monotonic()

    def was_written(self, key, begin, end):
        """Was a writer at it in that time?"""
        with self.lock:
            return any(revision.begun <= end and (revision.done is None or revision.done >= begin) for revision in self.of_key[key])

    def last(self, key):
        with self.lock:
            return self.of_key[key][-1]

    def find(self, key, etag):
        with self.lock:
            return self.by_etag.get((key, etag))

    def replaced(self, revision):
        """The one behind it, or None."""
        with self.lock:
            row = self.of_key[revision.key]
            following = row.index(revision) + 1
            return row[following] if following < len(row) else None

    # ---- judging ----

    def judge_body(self, key, answer, first, begin, end):
        """A 200 or 206 whose body begins at `first`; its revision."""
        etag = answer.header("etag")
        revision = self.find(key, etag)
        if revision is None:
            raise Wrong(f"{key}: an ETag that it never had: {etag}")
        said = answer.header("content-range")
        expected = revision.body
        if answer.status == 206:
            place = f"bytes {first}-{first + len(answer.body) - 1}/{len(expected)}"
            if said != place:
                raise Wrong(f"{key}: {said}, but the body is {place}")
            expected = expected[first:first + len(answer.body)]
        if answer.body != expected:
            at = next((i for i, (a, b) in enumerate(zip(answer.body, expected)) if a != b), min(len(answer.body), len(expected)))
            raise Wrong(f"{key}: revision {revision.number} of {len(revision.body)} bytes has other bytes from {first + at} on")
        if answer.header("x-amz-meta-revision") != str(revision.number):
            raise Wrong(f"{key}: revision {revision.number} with the metadata of {answer.header('x-amz-meta-revision')}")
        following = self.replaced(revision)
        if revision.begun > end or (following is not None and following.done is not None and following.done < begin):
            raise Wrong(f"{key}: revision {revision.number} was not there any more, since {begin - following.done:.3f} s")
        return revision

    def judge_changed(self, revision, end):
        """A 412 to whoever named it."""
        following = self.replaced(revision)
        if following is None or following.begun > end:
            raise Wrong(f"{revision.key}: 412, but revision {revision.number} is still there")
