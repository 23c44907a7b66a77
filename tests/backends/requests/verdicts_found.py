"""tests/backends/requests/verdicts_found.py -- a backend that ignores a condition in silence loses exactly the operations that would need it, with
a clear 501, and a start that says so; nothing else, and never a wrong success."""

import fronts
import keys
import tools_alone
from backend_case import BackendCase
from faults import fault

ENABLED = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
WRONG = '"00000000000000000000000000000000"'

# what the backend ignores -> (the verdict that must say no, kinds of operations that are refused)
# Some tests need what others are about: who cannot replace under a condition cannot race with deletes.
OF_VERSIONS = {"versions", "version-markers", "version-lists", "locks"}
FOLLOW = {"put-create": OF_VERSIONS, "put-replace": {"delete-match", "delete-races", *OF_VERSIONS}, "delete-match": {"delete-races"},
          "encoding-type": {"name-control-bytes"}}
CASES = {
    "put-create": ("put-create", {"create"}),
    "put-replace": ("put-replace", {"replace"}),
    "complete-create": ("complete-create", {"create"}),
    "complete-replace": ("complete-replace", {"replace"}),
    "delete-match": ("delete-match", {"delete"}),
    "copy-create": ("copy-create", set()),
    "copy-replace": ("copy-replace", set()),
    "copy-source-match": ("copy-source-match", set()),
    "suffix-range": ("suffix-range", set()),
    "encoding-type": ("list-encoding", set()),
    "start-after": (None, set()),
    "tags": ("tags", {"tags"}),
    "names": ("name-empty-segment", {"names"}),
    "multi-delete-match": (None, set()),
}

# What the servers of section 1 were seen to lack; what races only show sometimes is left out.
KNOWN = {
    "raw": {"yes": ("put-create", "put-replace", "complete-create", "complete-replace", "complete-gone", "delete-match", "delete-races",
                    "copy-create", "copy-replace", "copy-source-match", "name-empty-segment", "name-control-bytes", "tags", "suffix-range", *OF_VERSIONS), "no": ()},
    "versitygw": {"yes": ("put-create", "put-replace", "complete-create", "complete-replace"),
                  "no": ("complete-gone", "copy-create", "copy-replace", "name-empty-segment", "name-leading-slash", "list-encoding", "versions", "locks")},
    "minio": {"yes": ("put-create", "put-replace", "complete-create", "complete-replace", "complete-gone", "versions", "locks"),
              "no": ("delete-match", "delete-races", "copy-create", "copy-replace", "name-empty-segment", "version-markers", "version-lists")},
}


class Probes:
    """Every operation with a condition, true and false, on a fresh key: what it answered, and what the key then held."""

    def __init__(self, test, bale):
        self.test, self.alice, self.bucket = test, bale.client(), bale.bucket
        self.alice.put(self.bucket, "source", (), (), b"source")
        self.number = 0

    def fresh(self, body=b"old"):
        self.number += 1
        key = f"probe-{self.number}"
        answer = self.alice.put(self.bucket, key, (), (), body)
        self.test.assertEqual(200, answer.status, answer)
        return key, answer.header("etag")

    def complete(self, key, headers):
        upload = self.alice.post(self.bucket, key, {"uploads": None}).text("UploadId")
        etag = self.alice.put(self.bucket, key, {"partNumber": "1", "uploadId": upload}, (), b"new").header("etag")
        return self.alice.post(self.bucket, key, {"uploadId": upload}, headers, "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
                               f"<ETag>{etag}</ETag></Part></CompleteMultipartUpload>")

    def delete_many(self, key, etag):
        answer = self.alice.delete_objects(self.bucket, f"<Delete><Object><Key>{key}</Key><ETag>{etag}</ETag></Object></Delete>")
        if answer.texts("Deleted/Key"):
            return 200
        return {"PreconditionFailed": 412, "NotImplemented": 501}.get(answer.text("Error/Code"), answer)

    def writes(self):
        """(name, the act under (key, headers) -> status)"""
        alice, bucket = self.alice, self.bucket
        copy = {"x-amz-copy-source": f"{bucket}/source"}
        return (("put", lambda key, headers: alice.put(bucket, key, (), headers, b"new").status),
                ("large put", lambda key, headers: alice.put(bucket, key, (), headers, b"new" * (3 << 20), payload="unsigned").status),
                ("complete", lambda key, headers: self.complete(key, headers).status),
                ("copy", lambda key, headers: alice.put(bucket, key, (), {**copy, **headers}).status))

    def holds_old(self, key):
        answer = self.alice.get(self.bucket, key)
        return answer.status == 200 and answer.body == b"old"

    def run(self, refused):
        for name, act in self.writes():
            key, etag = self.fresh()
            self.check("create", refused, f"{name} If-None-Match on what is there", act(key, {"if-none-match": "*"}), False, key)
            self.check("replace", refused, f"{name} If-Match, wrong", act(key, {"if-match": WRONG}), False, key)
            self.check("replace", refused, f"{name} If-Match, right", act(key, {"if-match": etag}), True, key)
            status = act(f"{key}-new", {"if-none-match": "*"})
            self.test.assertEqual(501 if "create" in refused else 200, status, f"{name} If-None-Match on what is not there")
            self.test.assertEqual(404 if "create" in refused else 200, self.alice.get(self.bucket, f"{key}-new").status, name)
        key, etag = self.fresh()
        self.check("delete", refused, "DELETE, wrong", self.alice.delete(self.bucket, key, (), {"if-match": WRONG}).status, False, key)
        self.check("delete", refused, "DELETE of many, wrong", self.delete_many(key, "00000000000000000000000000000000"), False, key)
        self.check("delete", refused, "DELETE of many, right", self.delete_many(key, etag.strip('"')), True, key)
        key, etag = self.fresh()
        self.check("delete", refused, "DELETE, right", self.alice.delete(self.bucket, key, (), {"if-match": etag}).status, True, key)
        self.run_others(refused)

    def check(self, kind, refused, what, status, held, key):
        if kind in refused:
            self.test.assertEqual(501, status, what)
        elif held:
            self.test.assertIn(status, (200, 204), what)
        else:
            self.test.assertEqual(412, status, what)
        self.test.assertEqual(status >= 400, self.holds_old(key), f"{what}: {status}, and the object says otherwise")

    def run_others(self, refused):
        """What has no condition goes on in any case."""
        alice, bucket = self.alice, self.bucket
        key, _ = self.fresh()
        self.test.assertEqual(200, alice.put(bucket, key, (), (), b"over").status)
        self.test.assertEqual(200, alice.put(bucket, key, (), {"x-amz-copy-source": f"{bucket}/source"}).status)
        self.test.assertEqual(b"source", alice.get(bucket, key).body)
        self.test.assertEqual(b"rce", alice.get(bucket, key, (), {"range": "bytes=-3"}).body)
        self.test.assertEqual(204, alice.delete(bucket, key).status)
        tagged = alice.put(bucket, "tagged", (), {"x-amz-tagging": "a=b"}, b"x")
        self.test.assertEqual(501 if "tags" in refused else 200, tagged.status, tagged)
        for name in ("a//b", "a/./b", "/a"):
            answer = alice.put(bucket, name, (), (), name.encode())
            if "names" in refused:
                self.test.assertEqual((400, "InvalidArgument"), (answer.status, answer.code), name)
            else:
                self.test.assertEqual((200, name.encode()), (answer.status, alice.get(bucket, name).body), name)


class Verdicts(BackendCase):
    """Each condition in turn is ignored by a backend that otherwise keeps all of them."""

    FOR = ("raw",)

    def with_ignored(self, what):
        verdict, refused = CASES[what]
        more = [fault("refuse", status=501, op=["PutObjectTagging", "GetObjectTagging"])] if what == "tags" else []
        proxy = self.proxy(fault("ignore", what=what), *more)
        bale = self.bale(proxy)
        found = fronts.verdicts(self.backend)
        if verdict is not None:
            self.assertFalse(found[verdict], found)
        others = {name for name, holds in found.items() if not holds} - {verdict, "list-metadata"} - FOLLOW.get(what, set())
        if what != "names":
            self.assertEqual(set(), others, "verdicts against what the backend does keep")
        if not found["delete-match"]:  # it may have followed
            refused = refused | {"delete"}
        if refused:
            said = bale.log() + bale.admin("/ready")[1]
            self.assertRegex(said, r"refused \((501|400)\)", "the start does not say it")
        Probes(self, bale).run(refused)
        if not refused:
            run = keys.Run(bale, self.seed, 2)
            run.steps(60)
            run.check_all()

    def test_nothing_is_ignored(self):
        bale = self.bale()
        Probes(self, bale).run(set())
        self.assertNotIn("refused (", bale.log())

    def test_a_verdict_is_found_once_and_kept(self):
        """The second start asks nobody; the third, with another bucket, does."""
        proxy = self.proxy()
        self.assertEqual(0, self.bale(proxy).stop())
        tested = len(proxy.log())
        proxy.reset()
        self.assertEqual(0, self.bale(proxy).stop())
        self.assertLess(len(proxy.log()), 60, "a start that knows the verdicts")
        self.assertGreater(tested, 100, "a start that finds them out")


class NoBucketToTryIn(BackendCase):
    """Versions and locks are tried in buckets of their own, which not everybody may make."""

    FOR = ("raw",)

    def start(self):
        bale = self.bale(self.proxy(fault("refuse", status=403, code="AccessDenied", op="CreateBucket")))
        kept = self.backend.client().get(self.bucket, ".bale/backend").body.decode().splitlines()
        return bale, {name: value for name, _, value in (line.partition(" ") for line in kept)}

    def test_the_start_says_what_to_allow(self):
        bale, kept = self.start()
        self.assertEqual("untried", kept["VERSIONS"])
        self.wait_for_line(bale, "bale-probe-*")
        self.assertEqual(501, bale.client().put(self.bucket, None, {"versioning": None}, (), ENABLED).status)

    def test_versions_are_tried_at_home_where_that_keeps_them(self):
        self.assertEqual(200, self.backend.client().put(self.bucket, None, {"versioning": None}, (), ENABLED).status)
        bale, kept = self.start()
        self.assertEqual(("yes", "untried"), (kept["VERSIONS"], kept["LOCKS"]))
        self.assertTrue(bale.client().put(self.bucket, "k", (), (), b"x").header("x-amz-version-id"))


class ARegionWithAName(BackendCase):
    """AWS makes no bucket outside us-east-1 unless the request says where; others take that, too."""

    region = "eu-central-1"

    def test_buckets_are_made_there(self):
        """Those that the probes are tried in, and those of clients."""
        proxy = self.proxy(fault("refuse", status=400, code="IllegalLocationConstraintException", op="CreateBucket", empty=True))
        bale = self.bale(proxy, "--all-buckets")
        kept = self.backend.client().get(self.bucket, ".bale/backend").body
        self.assertNotIn(b"untried", kept)
        self.assertEqual(200, bale.client().put(f"{self.bucket}-more").status)
        self.assertEqual(200, self.backend.client().head(f"{self.bucket}-more").status)


class LostRaces(BackendCase):
    """What was seen to fail once, among many that do not, is not forgotten."""

    FOR = ("raw",)

    def test_a_race_that_was_lost_once_stays_lost(self):
        proxy = self.proxy(fault("ignore", what="delete-match"))
        self.assertEqual(0, self.bale(proxy).stop())
        proxy.clear()
        self.assertFalse(fronts.verdicts(self.backend)["delete-match"])
        for options, holds in ((("--test",), False), (("--test", "--forget"), True), (("--test",), True)):
            done = tools_alone.bale_command(self, "backend", *options)
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertEqual(holds, fronts.verdicts(self.backend)["delete-match"], options)

    @staticmethod
    def shown_of_labels(bale):
        """What /ready and /metrics say."""
        metrics = bale.admin("/metrics")[1].splitlines()
        return bale.admin("/ready")[1], [line for line in metrics if line.startswith('bale_backend_verdict{verdict="LABELS_HOLD"}')][0][-1:]

    def how_it_is_read(self, proxy, bale, key, body):
        """The operations that a GET takes."""
        proxy.reset()
        self.assertTrue(body == bale.client().get(self.bucket, key).body)
        return [entry["op"] for entry in proxy.log() if entry["key"] == key]

    def test_a_label_that_slips_later_is_kept(self):
        """Overwritten past Bale, and read back under the ETag that Bale knows: from then on no label is believed, at the next start neither."""
        proxy = self.proxy()
        bale = self.bale(proxy, "--shards", "1")  # what one has seen of a key another may not have
        self.assertTrue(fronts.verdicts(self.backend)["labels-hold"])
        self.assertEqual(("ready\n", "1"), self.shown_of_labels(bale))
        text = b"what is kept decoded, " * 10_000
        self.assertEqual(200, bale.client().put(self.bucket, "decoded", (), (), text).status)
        self.wait_for(lambda: self.how_it_is_read(proxy, bale, "decoded", text) == ["HeadObject"], "it is not kept decoded")
        self.assertEqual(200, bale.client().put(self.bucket, "k", (), (), b"Bale wrote this").status)
        self.assertEqual(200, proxy.client().put(self.bucket, "k", (), (), b"another").status)
        proxy.rules(fault("slip", op="GetObject", key="^k$"))
        self.assertNotEqual(b"Bale wrote this", bale.client().get(self.bucket, "k").body)
        ready, verdict = self.shown_of_labels(bale)
        self.assertRegex(ready, "^ready\nthe backend puts the ETag of one revision on another")
        self.assertEqual("0", verdict)
        for _ in range(3):
            self.assertEqual(["GetObject"], self.how_it_is_read(proxy, bale, "decoded", text))
        self.wait_for(lambda: not fronts.verdicts(self.backend)["labels-hold"], "it is not kept")
        proxy.clear()
        self.assertEqual(b"another", bale.client().get(self.bucket, "k").body)
        self.assertEqual(0, bale.stop())
        self.wait_for_line(self.bale(proxy), "believed only when it was said twice")


def add_cases():
    for what in CASES:
        name = "test_without_" + what.replace("-", "_")
        setattr(Verdicts, name, lambda self, what=what: self.with_ignored(what))


add_cases()


class VerdictsOfServers(BackendCase):
    def test_what_is_known_of_them_is_found(self):
        bale = self.bale()
        found = fronts.verdicts(self.backend)
        known = KNOWN[self.backend_name]
        self.assertEqual({name: True for name in known["yes"]}, {name: found[name] for name in known["yes"]})
        self.assertEqual({name: False for name in known["no"]}, {name: found[name] for name in known["no"]})
        refused = {kind for what, (verdict, kinds) in CASES.items() if verdict and not found[verdict] for kind in kinds}
        probes = Probes(self, bale)
        if "names" not in refused:
            probes.run(refused)
            return
        probes.run_others = lambda refused: None  # which names, the servers differ in
        probes.run(refused)


class ProbesOfABackend(BackendCase):
    """The probes themselves, on a server that keeps every condition, and on one that does not."""

    FOR = ("raw",)
    NEEDS_BALE = False

    def test_a_server_that_keeps_them(self):
        Probes(self, self.direct()).run(set())

    def test_a_server_that_ignores_one_is_caught(self):
        for what in ("put-create", "put-replace", "complete-create", "complete-replace", "copy-create", "copy-replace", "delete-match",
                     "multi-delete-match", "names"):
            with self.subTest(what), self.assertRaises(AssertionError):
                Probes(self, self.direct(self.proxy(fault("ignore", what=what)))).run(set())
