"""tests/backends/servers/rule.py -- which request meets which fault of the proxy, drawn from a seed.

A rule is an object with "fault" and any of these, all of which must hold:

    op, method      a name or a list of names (PutObject, UploadPart, ...; message.py has them all)
    key, query      a regular expression that is found in it
    header          a header that must be there (lower case)
    value           a regular expression that is found in "name: value" of one of its headers
    empty           true: it has no body
    nth, first, after, every    of the requests that match so far: only this one; only so many; only those behind so many; each so-manieth
    times           fires so often at most
    probability     of those that are left

Of all rules the first that fires counts. Faults and what they take (a number, or [from, to] to draw from):

    delay           seconds; the request waits, then goes on
    hold            the request waits until the test lets it go (`release`, or other rules; seconds at most), then goes on
    refuse          status (500, 503, 409, 412, 429, 501 ...; below 300 a lie), code, retry_after, early (before the body,
                    and closes); the server is not asked
    cut             the connection ends before the server is asked
    cut-request     the server gets a part of the body only (at: 0 to 1)
    hang            seconds; nothing comes, then the connection ends
    lose            the server did it; the connection ends without an answer
    replace         the server did it; the answer is another one: status, code
    duplicate       the server gets it twice; one of the answers comes
    duplicate-late  the server gets it again after seconds, when the client has its answer
    delay-answer    seconds
    truncate        the answer's body ends too early (at), and the connection with it
    wrong-length    Content-Length is off (by)
    flip            one byte of the body is another one
    trickle         the answer comes in 50 pieces (seconds between them)
    omit            the answer lacks that field (field, lower case)
    slip            the ETag is that of the revision before, or what else `of` names (["etag", "metadata"], ["metadata"])
    slip-ahead      the answer waits until the key is written once more (seconds at most), and has the ETag of that
    close-after     the connection ends behind the answer, without having said so
    ignore          `what` (message.IGNORED): the server does not know this; goes together with another rule's fault
"""

import random
import re

import message

FAULTS = ("delay", "hold", "refuse", "cut", "cut-request", "hang", "lose", "replace", "duplicate", "duplicate-late", "delay-answer",
          "truncate", "wrong-length", "flip", "trickle", "omit", "slip", "slip-ahead", "close-after", "ignore")
SELECTORS = ("op", "method", "key", "query", "header", "value", "empty", "nth", "first", "after", "every", "times", "probability")


def as_set(value):
    return None if value is None else frozenset([value] if isinstance(value, str) else value)


class Fault:
    """One rule that has fired: what it draws is drawn once more each time it is asked for."""

    def __init__(self, kind, parameters, source):
        self.kind, self.parameters, self.source = kind, parameters, source

    def draw(self, name, low, high, whole=False):
        value = self.parameters.get(name, [low, high])
        if not isinstance(value, list):
            return value
        return self.source.randint(*value) if whole else self.source.uniform(*value)

    def seconds(self, low=0.001, high=0.2):
        return self.draw("seconds", low, high)


class Rule:
    def __init__(self, number, given, seed):
        self.kind = given["fault"]
        if self.kind not in FAULTS:
            raise ValueError(f"there is no fault {self.kind}: {', '.join(FAULTS)}")
        if self.kind == "ignore" and given.get("what") not in message.IGNORED:
            raise ValueError(f"there is nothing to ignore by that name: {given.get('what')}")
        self.given, self.seed = given, f"{seed}/{number}"
        self.operations, self.methods = as_set(given.get("op")), as_set(given.get("method"))
        self.key = re.compile(given["key"]) if "key" in given else None
        self.query = re.compile(given["query"]) if "query" in given else None
        self.header = given["header"].encode() if "header" in given else None
        self.value = re.compile(given["value"]) if "value" in given else None
        self.parameters = {name: value for name, value in given.items() if name not in SELECTORS and name != "fault"}
        self.matched = self.fired = 0

    def matches(self, request):
        return ((self.operations is None or request.operation in self.operations)
                and (self.methods is None or request.method.decode() in self.methods)
                and (self.key is None or self.key.search(request.key) is not None)
                and (self.query is None or self.query.search(request.query_text) is not None)
                and (self.header is None or request.header(self.header) is not None)
                and (self.value is None or any(self.value.search(f"{name.decode()}: {value.decode('latin-1')}") for name, value in request.fields))
                and (not self.given.get("empty") or request.framing == 0)
                and (self.kind != "ignore" or message.concerns(self.given["what"], request)))

    def fires(self, request):
        """A Fault, or None."""
        if not self.matches(request):
            return None
        self.matched += 1
        given = self.given
        if ("nth" in given and self.matched != given["nth"]) or ("first" in given and self.matched > given["first"]) or (
                "after" in given and self.matched <= given["after"]) or (
                "every" in given and self.matched % given["every"] != 0) or ("times" in given and self.fired >= given["times"]):
            return None
        source = random.Random(f"{self.seed}/{self.matched}")
        if "probability" in given and source.random() >= given["probability"]:
            return None
        self.fired += 1
        return Fault(self.kind, self.parameters, source)


class Rules:
    def __init__(self, given, seed):
        self.rules = [Rule(number, one, seed) for number, one in enumerate(given)]
        self.ignoring = [rule for rule in self.rules if rule.kind == "ignore"]
        self.others = [rule for rule in self.rules if rule.kind != "ignore"]

    def decide(self, request):
        """(what is ignored, the fault or None)"""
        ignored = tuple(rule.given["what"] for rule in self.ignoring if rule.fires(request))
        for rule in self.others:
            fault = rule.fires(request)
            if fault is not None:
                return ignored, fault
        return ignored, None

    def fired(self):
        """How often each rule has, in their order."""
        return [rule.fired for rule in self.rules]
