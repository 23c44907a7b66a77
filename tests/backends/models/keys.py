"""tests/backends/models/keys.py -- a model of keys: random operations on a bucket, every answer compared with what it may be.

Each worker has keys of its own, so that for each of them there is one history. A write that was answered is the state; one
that was answered with 5xx, or not at all, may have happened, or happen later, until a write behind it is acknowledged. What
an answer may be follows from that: `Key.now` and `Key.later`. What was deleted may come again with a late duplicate of the request
that created it, which no condition can tell from the first (`Key.may_create`). With a front that is exact (Bale) a 412
or 404 means what it says; with a plain backend behind faults it may be the echo of an own write.
"""

import collections
import functools
import hashlib
import random
import threading
import time
from urllib.parse import unquote_to_bytes
from xml.sax.saxutils import escape

import wire

LEAST_PART = 5 << 20
GHOST_SECONDS = 30  # a duplicate comes no later behind its request
NAMES = ("plain", "with space", "plus+plus", "per%cent", "ümlaut/ß", "a&b<c>'\"", "deep/er/and/deeper/leaf", "x" * 200, "~tilde", "=eq",
         "dots.in.it", "a", "a-b", "UPPER", "?question", "colon:semi;", "deep/er/other", "comma,dollar$", "at@hash#", "zz")
SIZES = ((0, 3), (1, 3), (900, 20), (4096, 5), (70_000, 10), (300_000, 4), (1 << 20, 2), ((1 << 20) + 1, 2), (9 << 20, 1))


class Wrong(Exception):
    """An answer that cannot be; `key`: of the object that it is about, or None."""

    key = None


@functools.lru_cache(64)
def content(seed, size, is_text):
    """Bytes that a seed stands for."""
    if not is_text:
        return random.Random(seed).randbytes(size)
    line = f"{seed} GET /images/{seed % 977}.png 200 ".encode()
    return (line * (size // len(line) + 1))[:size]


class Value:
    """What a key holds: bytes (by their parts), a mark in its metadata, an ETag."""

    def __init__(self, pieces, mark, etag=None):
        self.pieces, self.mark = pieces, mark
        self.size = sum(size for _, size, _ in pieces)
        self.etag = etag or self.own_etag()

    def own_etag(self):
        return '"' + hashlib.md5(self.body).hexdigest() + '"'

    @property
    def body(self):
        return b"".join(content(*piece) for piece in self.pieces)

    def __repr__(self):
        return f"<{self.mark} {self.size} bytes {self.etag}>"


class PartsValue(Value):
    def own_etag(self):
        digests = b"".join(hashlib.md5(content(*piece)).digest() for piece in self.pieces)
        return f'"{hashlib.md5(digests).hexdigest()}-{len(self.pieces)}"'


class Key:
    def __init__(self, name):
        self.name = name
        self.now = [None]  # what it may hold: Values, None for nothing
        self.later = []  # what may still come of writes without an answer
        self.ghosts = []  # (until, value): of what was written, and may be created again while there is nothing
        self.past = collections.deque(maxlen=12)  # for whoever has to find out what went wrong

    def note(self, what, value):
        self.past.append(f"{time.time():.4f} {what} {value}")

    def may_create(self, value):
        """A request that creates under If-None-Match: * was on its way: a duplicate of it is refused as long as there is something, and
        creates once that has been deleted, whatever was answered to the first. No condition can tell the two."""
        if value is not None:
            self.ghosts.append((time.monotonic() + GHOST_SECONDS, value))

    def written(self, value, has_faults=False):
        """Every write begins as a creation when nothing is known of the key."""
        self.note("is", value)
        self.forget_ghosts()
        if has_faults:
            for one in (value, *self.later):
                self.may_create(one)
        self.now = [value]
        if value is not None:
            self.later = []  # all of them were meant for what was there before

    def maybe(self, value):
        self.note("may be", value)
        self.now.append(value)
        self.later.append(value)

    def forget_ghosts(self):
        """What the key holds is known at this moment: those that have not come by now, and come no more."""
        self.ghosts = [ghost for ghost in self.ghosts if time.monotonic() < ghost[0]]

    def possible(self):
        ghosts = [value for _, value in self.ghosts] if None in self.now else []
        return [*self.now, *self.later, *ghosts]

    def seen(self, value):
        self.forget_ghosts()
        if len(self.now) > 1 or self.now[0] is not value:
            self.note("was seen to be", value)
        self.now = [value]

    def __repr__(self):
        return f"{self.name!r}: {self.now} later {self.later}"


class Worker:
    """One client with its own keys under `prefix`."""

    def __init__(self, front, prefix, seed, has_faults):
        self.front, self.prefix, self.has_faults = front, prefix, has_faults
        self.client, self.bucket = front.client(), front.bucket
        self.draw = random.Random(f"{seed}/{prefix}")
        self.keys = [Key(f"{prefix}/{name}") for name in NAMES]
        self.by_name = {key.name: key for key in self.keys}
        self.counts = collections.Counter()
        self.steps = 0
        self.last = ""

    # ---- asking ----

    def ask(self, method, *arguments, **options):
        """The answer, or None when there was none that can be read."""
        self.last = f"{method} {arguments[1] if len(arguments) > 1 else ''} {arguments[2:4]}"
        try:
            answer = self.client.request(method, *arguments, **options)
        except (wire.ProtocolError, OSError, ValueError) as error:
            if not self.has_faults:
                raise Wrong(f"no answer: {error!r}") from error
            self.counts["none"] += 1
            return None
        self.counts[answer.status] += 1
        if answer.status == 200 and self.is_broken(answer):
            return None
        if answer.status >= 500 or answer.status in (409, 429):
            if not self.has_faults:
                raise Wrong(f"without a fault: {answer}")
            if answer.status in (501,):
                raise Wrong(f"not implemented: {answer}")
            return None
        return answer

    def is_broken(self, answer):
        """A document that says Error under a good status, or is cut short: as good as no answer, where there are faults."""
        if not answer.body.startswith(b"<?xml") or (answer.header("content-type") or "").partition(";")[0] not in ("application/xml", "text/xml"):
            return False
        try:
            is_broken = answer.xml.tag == "Error"
        except wire.ElementTree.ParseError:
            is_broken = True
        if is_broken and not self.has_faults:
            raise Wrong(f"no good answer: {answer}")
        return is_broken

    def is_unsure(self, answer):
        """An answer that may be about an earlier attempt of the same request."""
        return answer is None or (self.has_faults and not self.front.is_exact and answer.status in (404, 412))

    def fail(self, what, key, answer):
        past = "".join(f"\n    {line}" for line in key.past) if isinstance(key, Key) else ""
        wrong = Wrong(f"{what}: {key}\n    {self.last}\n    {str(answer)[:600]}{past}\n    {time.time():.4f} now")
        wrong.key = key.name if isinstance(key, Key) else None
        raise wrong

    # ---- writing ----

    def new_value(self, most=None):
        sizes, weights = zip(*SIZES)
        size = self.draw.choices(sizes, weights)[0]
        if most is not None:
            size = min(size, most)
        return Value([(self.draw.randrange(1 << 30), size, self.draw.random() < 0.6)], f"m{self.draw.randrange(1 << 30)}")

    def settle(self, key, value, answer, is_conditional_on=None):
        """A write of `value` was tried, under the condition that the key holds one of these (None: no condition)."""
        may_hold = is_conditional_on is None or any(one in is_conditional_on for one in key.possible())
        must_hold = is_conditional_on is None or all(one in is_conditional_on for one in key.possible())
        if answer is not None and answer.status in (200, 204):
            if not may_hold:
                self.fail("a condition that was false let a write pass", key, answer)
            key.written(value, self.has_faults)
        elif self.is_unsure(answer):
            if may_hold:
                key.maybe(value)
        elif answer.status in (404, 412) and is_conditional_on is not None:
            if must_hold:
                self.fail("a condition that was true was refused", key, answer)
            if self.has_faults and None in is_conditional_on:
                key.may_create(value)
            key.now = [one for one in key.now if one not in is_conditional_on] or key.now
            if len(key.later) == 0 and not key.now:
                self.fail("refused for nothing", key, answer)
        else:
            self.fail("not what was expected of a write", key, answer)
        return answer is not None and answer.status in (200, 204)

    def condition(self, key):
        """(headers, what the key must hold for them), at random; mostly none."""
        kind = self.draw.randrange(8)
        known = key.now[-1]
        if kind == 0:
            return {"if-none-match": "*"}, [None]
        if kind == 1 and known is not None:
            return {"if-match": known.etag}, [one for one in key.possible() if one is not None and one.etag == known.etag]
        if kind == 2:
            return {"if-match": '"00000000000000000000000000000000"'}, []
        return {}, None

    def put(self):
        key, value = self.draw.choice(self.keys), self.new_value()
        headers, needed = self.condition(key)
        answer = self.ask("PUT", self.bucket, key.name, (), {"x-amz-meta-mark": value.mark, **headers}, value.body,
                          payload=self.draw.choice(("sha256", "unsigned")))
        if self.settle(key, value, answer, needed) and answer.header("etag") != value.etag:
            self.fail(f"the ETag is not {value.etag}", key, answer)

    def delete(self):
        key = self.draw.choice(self.keys)
        answer = self.ask("DELETE", self.bucket, key.name)
        self.settle(key, None, answer)

    def delete_many(self):
        keys = self.draw.sample(self.keys, self.draw.randrange(1, 6))
        document = "<Delete>" + "".join(f"<Object><Key>{escape(key.name)}</Key></Object>" for key in keys) + "</Delete>"
        try:
            answer = self.client.delete_objects(self.bucket, document)
        except (wire.ProtocolError, OSError, ValueError):
            answer = None
        if answer is None or answer.status != 200:
            if not self.has_faults or (answer is not None and answer.status < 409):
                self.fail("DeleteObjects", keys, answer)
            for key in keys:
                key.maybe(None)
            return
        self.counts[200] += 1
        deleted = set(answer.texts("Deleted/Key"))
        for key in keys:
            if key.name in deleted:
                key.written(None)
            elif self.has_faults:
                key.maybe(None)
            else:
                self.fail("it was not deleted", key, answer)

    def copy(self):
        source, target = self.draw.sample(self.keys, 2)
        if len(source.possible()) > 1 or source.now[0] is None:
            return
        value = source.now[0]
        path = "/" + self.bucket + "/" + "".join(f"%{byte:02X}" for byte in source.name.encode())
        answer = self.ask("PUT", self.bucket, target.name, (), {"x-amz-copy-source": path})
        etag = answer.text("ETag") if answer is not None and answer.status == 200 else None
        copied = Value(value.pieces, value.mark)
        if etag and etag.startswith('"') and etag != copied.etag:
            if self.front.is_exact:
                self.fail(f"the copy's ETag is not {copied.etag}", target, answer)
            copied.etag = etag
        self.settle(target, copied, answer)

    def upload(self):
        """In parts, with everything that may happen to an upload on its way."""
        key = self.draw.choice(self.keys)
        mark = f"m{self.draw.randrange(1 << 30)}"
        began = self.ask("POST", self.bucket, key.name, {"uploads": None}, {"x-amz-meta-mark": mark})
        if began is None or began.status != 200:
            return None if began is None else self.fail("CreateMultipartUpload", key, began)
        upload = began.text("UploadId")
        count = self.draw.randrange(1, 4)
        pieces = [(self.draw.randrange(1 << 30), LEAST_PART if number + 1 < count else self.draw.choice((1, 1000, 200_000)),
                   self.draw.random() < 0.5) for number in range(count)]
        tags = []
        for number, piece in enumerate(pieces, 1):
            for _ in range(4):
                answer = self.ask("PUT", self.bucket, key.name, {"partNumber": str(number), "uploadId": upload}, (), content(*piece),
                                  payload="unsigned")
                if answer is not None:
                    break
            if answer is None:
                return self.abort(key, upload)
            if answer.status != 200 or answer.header("etag") != '"' + hashlib.md5(content(*piece)).hexdigest() + '"':
                self.fail("UploadPart", key, answer)
            tags.append(answer.header("etag"))
        if self.draw.random() < 0.2:
            return self.abort(key, upload)
        return self.complete(key, upload, pieces, tags, mark)

    def complete(self, key, upload, pieces, tags, mark):
        value = PartsValue(pieces, mark)
        headers, needed = self.condition(key)
        parts = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(tag)}</ETag></Part>" for number, tag in enumerate(tags, 1))
        document = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>"
        answer = self.ask("POST", self.bucket, key.name, {"uploadId": upload}, headers, document)
        if self.settle(key, value, answer, needed):
            if answer.text("ETag") not in (value.etag, value.etag.strip('"')):
                self.fail(f"the ETag is not {value.etag}", key, answer)
        elif answer is not None:
            self.abort(key, upload)

    def abort(self, key, upload):
        answer = self.ask("DELETE", self.bucket, key.name, {"uploadId": upload})
        if answer is not None and answer.status not in (204, 404):
            self.fail("AbortMultipartUpload", key, answer)

    # ---- reading ----

    def matching(self, key, answer, compare):
        """The value that the answer is about; it must be one that the key may hold."""
        for value in key.possible():
            if value is None:
                if answer.status == 404:
                    key.seen(None)
                    return None
            elif answer.status in (200, 206) and compare(value):
                key.seen(value)
                return value
        return self.fail("none of what it may be", key, answer)

    def compare_head(self, answer, value):
        return answer.header("etag") == value.etag and answer.header("x-amz-meta-mark") == value.mark

    def get(self):
        key = self.draw.choice(self.keys)
        answer = self.ask("GET", self.bucket, key.name)
        if answer is not None:
            self.matching(key, answer, lambda value: self.compare_head(answer, value) and answer.body == value.body)

    def head(self):
        key = self.draw.choice(self.keys)
        answer = self.ask("HEAD", self.bucket, key.name)
        if answer is not None:
            self.matching(key, answer, lambda value: self.compare_head(answer, value)
                          and answer.header("content-length") == str(value.size))

    def get_range(self):
        key = self.draw.choice(self.keys)
        sizes = [value.size for value in key.possible() if value is not None and value.size > 0]
        if not sizes:
            return None
        size = min(sizes)
        first = self.draw.randrange(size)
        last = min(size - 1, first + self.draw.choice((0, 1000, 1 << 20)))
        answer = self.ask("GET", self.bucket, key.name, (), {"range": f"bytes={first}-{last}"})
        if answer is None:
            return None
        if answer.status == 416:
            shorter = [value for value in key.possible() if value is not None and value.size <= first]
            return key.seen(shorter[0]) if shorter else self.fail("nothing that it may be is so short", key, answer)
        return self.matching(key, answer, lambda value: value.size > first and self.compare_head(answer, value)
                      and answer.header("content-range") == f"bytes {first}-{min(last, value.size - 1)}/{value.size}"
                      and answer.body == value.body[first:last + 1])

    def get_conditional(self):
        key = self.draw.choice(self.keys)
        values = [value for value in key.possible() if value is not None]
        if not values:
            return
        known = self.draw.choice(values)
        name = self.draw.choice(("if-match", "if-none-match"))
        answer = self.ask("GET", self.bucket, key.name, (), {name: known.etag})
        if answer is None:
            return
        if answer.status == (412 if name == "if-match" else 304):
            is_it = name == "if-none-match"
            left = [value for value in key.possible() if (value is not None and value.etag == known.etag) == is_it]
            if not left or (not is_it and left == [None]):
                self.fail(f"{name} {known.etag}", key, answer)
            return
        self.matching(key, answer, lambda value: (value.etag == known.etag) == (name == "if-match")
                      and self.compare_head(answer, value) and answer.body == value.body)

    def list(self):
        """Its own keys, all of them, in pages of some size."""
        most = self.draw.choice((3, 7, 1000))
        after, found = None, {}
        for page in range(len(self.keys) + 2):
            if page > len(self.keys):
                self.fail("a list that does not end", self.prefix, None)
            query = [("list-type", "2"), ("prefix", self.prefix + "/"), ("max-keys", str(most)), ("encoding-type", "url")]
            if after is not None:
                query.append(("continuation-token", after))
            answer = self.ask("GET", self.bucket, None, query)
            if answer is None:
                return
            if answer.status != 200:
                self.fail("ListObjectsV2", self.prefix, answer)
            is_encoded = answer.text("EncodingType") == "url"
            for entry in answer.xml.findall("Contents"):
                name = entry.findtext("Key")
                if is_encoded:
                    name = unquote_to_bytes(name.replace("+", " ")).decode()
                found[name] = (entry.findtext("ETag"), int(entry.findtext("Size")))
            if answer.text("IsTruncated") != "true":
                break
            after = answer.text("NextContinuationToken")
        self.compare_list(found, answer)

    def compare_list(self, found, answer):
        for name in found:
            if name not in self.by_name:
                self.fail(f"a name that was never written: {name!r}", self.prefix, answer)
        for key in self.keys:
            entry = found.get(key.name)
            if entry is None:
                if None not in key.possible():
                    self.fail("it is missing in the list", key, answer)
                key.seen(None)
                continue
            etag, size = entry
            fitting = [value for value in key.possible() if value is not None and value.size == size and value.etag.strip('"') == etag.strip('"')]
            if not fitting:
                self.fail(f"listed with {entry}", key, answer)
            key.seen(fitting[0])

    # ---- all of it ----

    MOVES = {"put": 30, "delete": 10, "delete_many": 4, "copy": 6, "upload": 3, "get": 20, "head": 8, "get_range": 12,
             "get_conditional": 8, "list": 4}

    def step(self):
        name = self.draw.choices(list(self.MOVES), self.MOVES.values())[0]
        getattr(self, name)()
        self.steps += 1

    def check_all(self):
        """Without faults for the time being: every key is what it may be, and stays that."""
        had_faults, self.has_faults = self.has_faults, False
        for _ in range(2):
            for key in self.keys:
                answer = self.ask("GET", self.bucket, key.name)
                self.matching(key, answer, lambda value, answer=answer: self.compare_head(answer, value) and answer.body == value.body)
                key.later = []
        self.list()
        self.has_faults = had_faults


class SharedWorker(Worker):
    """Some of its plain writes and deletes go to the backend itself, past Bale (`direct`, a client of that)."""

    direct = None

    def ask(self, method, *arguments, **options):
        query, headers = (*arguments[2:4], (), ())[:2]
        is_plain = method in ("PUT", "DELETE") and not query and not any(name.startswith(("if-", "x-amz-copy")) for name in dict(headers))
        if not is_plain or self.draw.random() < 0.6:
            return super().ask(method, *arguments, **options)
        self.client, through = self.direct, self.client
        try:
            return super().ask(method, *arguments, **options)
        finally:
            self.client = through


class Run:
    """Several workers at once."""

    def __init__(self, front, seed, workers=4, has_faults=False, worker=Worker):
        self.workers = [worker(front, f"w{number}", seed, has_faults) for number in range(workers)]
        self.problems = []

    def steps(self, count=None, seconds=None):
        """So many steps of each worker, or for so long."""
        self.go_all(count, time.monotonic() + seconds if seconds is not None else float("inf"))
        self.raise_problem()

    def go_all(self, count, until=float("inf")):
        """As steps, but what goes wrong is kept for raise_problem."""
        threads = [threading.Thread(target=self.go, args=(worker, count, until)) for worker in self.workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def go(self, worker, count, until):
        done = 0
        try:
            while (count is None or done < count) and time.monotonic() < until and not self.problems:
                worker.step()
                done += 1
        except Exception as error:  # pylint: disable=broad-except
            self.problems.append(error)

    def raise_problem(self):
        if self.problems:
            raise self.problems[0]

    def check_all(self):
        for worker in self.workers:
            worker.check_all()

    @property
    def counts(self):
        return sum((worker.counts for worker in self.workers), collections.Counter())
