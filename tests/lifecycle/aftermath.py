"""tests/lifecycle/aftermath.py -- three buckets full of versions, markers, tags and locks, of which rules want nearly all to go; clients that write
while that happens; and what must be left then, by the model (judgement.py).

What nobody touched must be just what the model leaves of it. What was overwritten, freed of its tag or held, and answered, must be there, for
all rules look at a tag that clients take away. Who runs the servers, and kills them on the way, is a subclass: tests/lifecycle/oracle before
a folder, tests/backends/fleet/rules_and_kills.py before a bucket.
"""

import base64
import dataclasses
import hashlib
import random
import threading
import time
import xml.etree.ElementTree as ElementTree

import draw
import judgement
import wire

THREADS = 4
FAR_MS = 10**15
PLAIN, KEPT, NEWER = "plain", "kept", "newer"
VERSIONS_MOST = {PLAIN: 1, KEPT: 3, NEWER: 5}  # of a key
OLD = {"old": "1"}
LOST = (wire.Closed, wire.ProtocolError, OSError, AssertionError)  # an answer that did not come, or another one than that


# ---- rules by which all that is old is due, whenever one looks ----


def narrow(source, number):
    """About what has the tag, and more."""
    rule = {"id": f"n{number}", "enabled": source.random() < 0.9, "prefix": source.choice((b"", b"k1", b"k2", b"k12")), "tags": dict(OLD)}
    rule |= source.choice(({}, {"greater": 5}, {"less": 12}))
    if source.random() < 0.4:
        rule["tags"] |= draw.tags(source)
    return rule


def plain_rules(source):
    return [narrow(source, number) | source.choice(({"days": 1}, {"date_ms": draw.NOW_DAY * draw.DAY_MS})) for number in range(4)]


def kept_rules(source):
    rules = plain_rules(source)
    for rule in rules:
        if source.random() < 0.6:
            rule["noncurrent_days"] = 1
    return [*rules, {"id": "markers", "enabled": True, "markers": True}]


def newer_rules(source):
    """Current objects stay: so each version is judged beside the same others, however often a sweep is cut off."""
    rules = [narrow(source, number) | {"noncurrent_days": 1, "newer": source.randrange(1, 4)} for number in range(3)]
    return [*rules, {"id": "all", "enabled": True, "prefix": b"k3", "noncurrent_days": 1, "newer": source.randrange(1, 3)},
            {"id": "markers", "enabled": True, "markers": True}]


class Store:
    """What a store can decide, and so what rules leave there that would go elsewhere."""

    def __init__(self, lists_locks=True, removes_current=True):
        self.lists_locks = lists_locks  # else a lock comes to light when a version is to go, and does not count before
        self.removes_current = removes_current  # current objects, and null versions

    def keeps(self, action, name, version):
        """Whatever a rule says."""
        if action == judgement.EXPIRE or (action == judgement.REMOVE_VERSION and name == "null"):
            return not self.removes_current
        return action == judgement.REMOVE_VERSION and version.is_locked

    def judged(self, version):
        """As a sweep sees it."""
        return version if self.lists_locks else dataclasses.replace(version, is_locked=False)


def settle(store, rules, key, versions, is_versioned):
    """What is left of a key when nothing more happens: a version is (id, judgement.Version); a marker that a rule made has no id."""
    while True:
        said = judgement.judge(rules, key, [store.judged(version) for _, version in versions], FAR_MS, draw.DAY_MS)
        actions = [judgement.KEEP if store.keeps(action, *version) else action for version, (action, _) in zip(versions, said)]
        if all(action == judgement.KEEP for action in actions):
            return [name for name, _ in versions]
        left = []
        for (name, version), action in zip(versions, actions):
            if action == judgement.EXPIRE and is_versioned:
                left.append((None, judgement.Version(1, is_marker=True)))
                version.superseded_ms = 1
                left.append((name, version))
            elif action == judgement.KEEP:
                left.append((name, version))
        versions = left


class Aftermath:
    """A subclass has `client()`, of a server that may be dead by now."""

    def __init__(self, seed, keys, store, buckets=(PLAIN, KEPT, NEWER), names=None):
        self.source, self.store, self.buckets = random.Random(seed), store, buckets
        self.names = names or {bucket: bucket for bucket in buckets}
        self.keys = [f"k{number}" for number in range(keys)]
        self.rules = {PLAIN: plain_rules(self.source), KEPT: kept_rules(self.source), NEWER: newer_rules(self.source)}
        self.history = {}  # (bucket, key): [(id, Version)], the newest first
        self.touched = {}  # (bucket, key): what the last client was answered; "?": it was not
        self.held = {}  # (bucket, key): ids of versions of which a hold was answered; there may be others
        self.touches_tags = True  # while rules run; else only what comes with another ETag, and locks
        self.wrong = []
        self.is_over = False

    def expect(self, response, status=200):
        assert response.status == status, response
        return response

    # ---- before the rules run ----

    def make_buckets(self):
        alice = self.client()
        for bucket in self.buckets:
            headers = {"x-amz-bucket-object-lock-enabled": "true"} if bucket == NEWER else {}
            self.expect(alice.put(self.names[bucket], None, (), headers))

    def keep_versions(self):
        if KEPT in self.buckets:
            self.expect(self.put_document(self.client(), KEPT, "versioning",
                                          b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"))

    def fill_all(self):
        if KEPT in self.buckets:
            self.run_threads(self.fill_unversioned)
        self.keep_versions()
        self.run_threads(self.fill)

    def set_rules(self):
        for bucket in self.buckets:
            self.expect(self.put_document(self.client(), bucket, "lifecycle", judgement.document(self.rules[bucket], draw.date_text)))

    def put_document(self, client, bucket, name, document, key=None, query=()):
        digest = base64.b64encode(hashlib.md5(document).digest()).decode()
        return client.put(self.names[bucket], key, ((name, ""), *query), {"Content-MD5": digest}, document)

    def hold(self, client, key, version):
        return self.put_document(client, NEWER, "legal-hold", b"<LegalHold><Status>ON</Status></LegalHold>", key, (("versionId", version),))

    def add_version(self, client, source, bucket, key, versions, makes_markers=False):
        """Where nothing is, or a marker, some backends make no further one."""
        if makes_markers and source.random() < 0.2:
            answer = self.expect(client.delete(self.names[bucket], key), 204)
            name = answer.header("x-amz-version-id")
            if name and name not in [version for version, _ in versions[:1]]:
                versions.insert(0, (name, judgement.Version(1, is_marker=True)))
            return
        drawn = judgement.Version(1, size=source.choice((0, 5, 6, 11, 12, 5000)), tags=draw.tags(source))
        if source.random() < 0.8:
            drawn.tags |= OLD
        tagging = "&".join(f"{name}={value}" for name, value in drawn.tags.items())
        answer = self.expect(client.put(self.names[bucket], key, (), {"x-amz-tagging": tagging} if tagging else {}, b"x" * drawn.size))
        versions.insert(0, (answer.header("x-amz-version-id") or "null", drawn))

    def fill_unversioned(self, client, source, keys):
        """Null versions, from before versions are kept."""
        for key in keys[::2]:
            self.add_version(client, source, KEPT, key, self.history.setdefault((KEPT, key), []))

    def fill(self, client, source, keys):
        for key in keys:
            for bucket in self.buckets:
                versions = self.history.setdefault((bucket, key), [])
                for _ in range(source.randrange(VERSIONS_MOST[bucket]) + 1):
                    self.add_version(client, source, bucket, key, versions, bucket != PLAIN)
                for name, version in versions[1:]:
                    version.superseded_ms = 1
                    if bucket == NEWER and not version.is_marker and source.random() < 0.1:
                        self.expect(self.hold(client, key, name))
                        version.is_locked = True

    def in_threads(self, work):
        """Begins it; each has keys of its own."""
        threads = [threading.Thread(target=work, args=(self.client(), random.Random(self.source.random()), self.keys[first::THREADS]))
                   for first in range(THREADS)]
        for thread in threads:
            thread.start()
        return threads

    def run_threads(self, work):
        for thread in self.in_threads(work):
            thread.join()

    # ---- while they run ----

    def touch(self, source, key, client):
        """Something that makes a rule leave the object alone, once it is answered."""
        bucket = source.choice(self.buckets)
        if bucket == NEWER:
            name = source.choice(self.history[bucket, key] or [("null", None)])[0]
            held = self.held.setdefault((bucket, key), [])  # it may be held, whatever comes back
            if self.hold(client, key, name).status == 200:
                held.append(name)
        elif source.random() < 0.5 or not self.touches_tags:
            body = source.randbytes(8)
            self.touched[bucket, key] = "?"
            self.expect(client.put(self.names[bucket], key, (), (), body))
            self.touched[bucket, key] = body
        else:
            before = self.touched.get((bucket, key))
            self.touched[bucket, key] = "?"
            answer = self.put_document(client, bucket, "tagging", b"<Tagging><TagSet/></Tagging>", key)
            self.touched[bucket, key] = (before or "tagged") if answer.status == 200 else before or "gone"

    def disturb(self, client, source, keys):
        while not self.is_over:
            try:
                self.touch(source, source.choice(keys[::2]), client)  # the others are for the rules alone
            except LOST:  # it dies now, or is not there yet
                time.sleep(0.01)
                client = self.client()

    def is_quiet(self, sweeps, due_ms):
        """`sweeps`: {bucket's name: its sweep}. Has one of each begun when all was due, and found nothing more to do?"""
        return all(sweep.get("state") == "done" and sweep["began_ms"] > due_ms and
                   not sweep["expired"] + sweep["versions_removed"] + sweep["markers_removed"]
                   for sweep in (sweeps.get(self.names[bucket], {}) for bucket in self.buckets))

    # ---- what is left ----

    def left(self, bucket):
        """{key: [(id, is it a marker)]}, the newest first."""
        found, query = {}, [("versions", "")]
        while True:
            page = ElementTree.fromstring(self.expect(self.client().get(self.names[bucket], None, query)).body)
            space = page.tag.partition("}")[0] + "}"
            for entry in page:
                if entry.tag in (space + "Version", space + "DeleteMarker"):
                    found.setdefault(entry.find(space + "Key").text, []).append(
                        (entry.find(space + "VersionId").text, entry.tag == space + "DeleteMarker"))
            if page.find(space + "IsTruncated").text != "true":
                return found
            query = [("versions", ""), ("key-marker", page.find(space + "NextKeyMarker").text),
                     ("version-id-marker", page.find(space + "NextVersionIdMarker").text)]

    def check_untouched(self, bucket, key, left):
        known = {name for name, _ in self.history[bucket, key]}
        wanted = settle(self.store, self.rules[bucket], key.encode(), self.history[bucket, key], bucket != PLAIN)
        found = [None if is_marker and name not in known else name for name, is_marker in left]
        if found != wanted:
            self.wrong.append(f"{bucket}/{key}: {found} is not {wanted}, of {self.history[bucket, key]}")

    def check_touched(self, bucket, key, left):
        said = self.touched[bucket, key]
        if said == "tagged" and [name for name, is_marker in left[:1] if not is_marker] != [self.history[bucket, key][0][0]]:
            self.wrong.append(f"{bucket}/{key} is gone, and had lost the tag before")
        elif isinstance(said, bytes) and self.client().get(self.names[bucket], key).body != said:
            self.wrong.append(f"{bucket}/{key} is not what was put last")

    def check(self):
        counts = {}
        for bucket in self.buckets:
            found = self.left(bucket)
            for key in self.keys:
                left = found.get(key, [])
                missing = set(self.held.get((bucket, key), ())) - {name for name, _ in left}
                if missing:
                    self.wrong.append(f"{bucket}/{key}: {missing} had a hold, and are gone")
                is_touched = (bucket, key) in self.touched or (bucket, key) in self.held
                counts[bucket, is_touched] = counts.get((bucket, is_touched), 0) + 1
                if (bucket, key) in self.touched:
                    self.check_touched(bucket, key, left)
                elif not is_touched:
                    self.check_untouched(bucket, key, left)
        print(", ".join(f"{count} {'touched' if is_touched else 'untouched'} in {bucket}" for (bucket, is_touched), count in counts.items()))
