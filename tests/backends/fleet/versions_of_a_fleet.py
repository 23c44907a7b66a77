"""tests/backends/fleet/versions_of_a_fleet.py -- versions through two replicas, kept by the backend: as many as were acknowledged, each readable,
one of them the latest, in the order in which they were committed; and Bale's own objects do not pile up behind them."""

import hashlib
import json
import random
import time

import checksums
import fronts
from faults import fault, mixture_for_bale
from overwrites import OverwriteCase, large_body
from races import WRITERS, together, try_request

SWEEPING = ("--upload-sweep", "1s", "--upload-sweep-after", "1s", "--upload-forgotten", "5s")
LARGE = random.Random(7).randbytes(1 << 20) * 20
SECONDS = 300
ENABLED, SUSPENDED = "Enabled", "Suspended"


def checked(body):
    """What documents of settings and locks must come with."""
    return {"Content-MD5": checksums.md5_base64(body.encode())}


def deletions(*versions):
    """The document of DeleteObjects."""
    return "<Delete>" + "".join(f"<Object><Key>{key}</Key><VersionId>{version}</VersionId></Object>" for key, version in versions) + "</Delete>"


def entries(answer):
    """(key, version, is a marker, is the latest, size, ETag) of a list of versions, in its order."""
    found = []
    for element in answer.xml:
        kind = element.tag
        if kind in ("Version", "DeleteMarker"):
            facts = {child.tag: child.text for child in element}
            found.append((facts["Key"], facts["VersionId"], kind == "DeleteMarker", facts["IsLatest"] == "true", int(facts.get("Size", 0)),
                          facts.get("ETag")))
    return found


class Writer:
    """Writes bodies of its own until each is acknowledged; a third of what it wrote it deletes again, by id."""

    def __init__(self, client, bucket, name, seed):
        self.client, self.bucket, self.name, self.draw = client, bucket, name, random.Random(f"{seed} {name}")
        self.written, self.deleted = [], set()  # (version, body) in order; versions

    def ask(self, *arguments, **options):
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            answer = try_request(self.client, *arguments, **options)
            if answer is not None:
                return answer
        raise AssertionError(f"no answer: {arguments[:4]}")

    def write(self, key, count):
        for number in range(count):
            body = f"{self.name} {number} {self.draw.random()}".encode()
            answer = self.ask("PUT", self.bucket, key, (), (), body)
            assert answer.status == 200, answer
            version = answer.header("x-amz-version-id")
            assert version, answer
            self.written.append((version, body))
            if self.draw.random() < 0.33:
                gone = self.ask("DELETE", self.bucket, key, {"versionId": version})
                assert gone.status == 204, gone
                self.deleted.add(version)


class VersionCase(OverwriteCase):
    FOR = ()

    def set_versioning(self, client, status):
        answer = client.put(self.bucket, None, {"versioning": None}, (), f"<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>")
        self.assertEqual(200, answer.status, answer)

    def versions(self, client, key):
        """All of them, three a page."""
        found, marker = [], ()
        while True:
            page = client.get(self.bucket, None, [("versions", None), ("prefix", key), ("max-keys", "3"), *marker])
            self.assertEqual(200, page.status, page)
            found += entries(page)
            if page.text("IsTruncated") == "false":
                return found
            marker = (("key-marker", page.text("NextKeyMarker")), ("version-id-marker", page.text("NextVersionIdMarker")))

    def walk_and_delete(self, one, other, before_page=lambda: None):
        """Whoever deletes on the way sees every version once, by another replica, too; what is newer than the page before is not on it (428)."""
        self.set_versioning(one, ENABLED)
        ids = []
        for i in range(9):
            ids.insert(0, one.put(self.bucket, "k", (), (), b"%d" % i).header("x-amz-version-id"))
            time.sleep(0.002)  # of one moment with the one that is deleted, a version may be listed twice
        self.assertEqual(200, one.put(self.bucket, "l", (), (), b"behind it").status)
        found, markers = [], ()
        for client in (one, other) * 5:
            before_page()
            page = client.get(self.bucket, None, [("versions", None), ("max-keys", "2"), *markers])
            self.assertEqual(200, page.status, page)
            found += [(key, version) for key, version, *_ in entries(page)]
            if page.text("IsTruncated") == "false":
                break
            markers = (("key-marker", page.text("NextKeyMarker")), ("version-id-marker", page.text("NextVersionIdMarker")))
            self.assertEqual(204, client.delete(self.bucket, "k", {"versionId": found[-1][1]}).status)
            self.assertEqual(200, client.put(self.bucket, "k", (), (), b"newer").status)
        self.assertEqual([("k", version) for version in ids] + [("l", found[-1][1])], found)


class VersionsWithLess(VersionCase):
    """A server that lacks what Bale can do another way."""

    FOR = ("raw",)

    def test_a_list_that_begins_anew(self):
        self.bale().stop()
        fronts.deny(self.backend, "version-lists")
        proxy = self.proxy()
        bales = self.fleet(2, proxy)
        self.walk_and_delete(*(bale.client() for bale in bales), lambda: proxy.rules(fault("ignore", what="version-lists", times=1)))

    def test_markers_that_are_not_named(self):
        """A HEAD finds them."""
        self.bale().stop()
        fronts.deny(self.backend, "version-markers")
        proxy = self.proxy()
        one, = self.fleet(1, proxy)
        alice = one.client()
        self.set_versioning(alice, ENABLED)
        self.assertEqual(200, alice.put(self.bucket, "k", (), (), b"x").status)
        proxy.rules(fault("replace", op="DeleteObject", key="^k$", status=204))
        marked = alice.delete(self.bucket, "k")
        self.assertEqual(("true", self.versions(alice, "k")[0][1]), (marked.header("x-amz-delete-marker"), marked.header("x-amz-version-id")))


class VersionsOfAFleet(VersionCase):
    FOR = ("raw", "minio")

    def race(self, clients, writes):
        writers = [Writer(clients[i % len(clients)], self.bucket, f"writer {i}", self.seed) for i in range(WRITERS)]
        together([lambda writer=writer, count=writes(i): writer.write("k", count) for i, writer in enumerate(writers)])
        return writers

    def check_race(self, client, writers, is_exact):
        written = {version: body for writer in writers for version, body in writer.written}
        deleted = set().union(*(writer.deleted for writer in writers))
        found = self.versions(client, "k")
        ids = [version for _, version, *_ in found]
        self.assertEqual(len(set(ids)), len(ids))
        self.assertEqual([True] + [False] * (len(found) - 1), [is_latest for _, _, _, is_latest, _, _ in found])
        self.assertEqual(set(), (set(written) - deleted) - set(ids), "what was acknowledged is not there")
        self.assertEqual(set(), deleted & set(ids), "what was deleted is there")
        if is_exact:
            self.assertEqual(set(written) - deleted, set(ids))
        place = {version: i for i, version in enumerate(ids)}
        for writer in writers:  # each waited for one before it sent the next
            order = [place[version] for version, _ in writer.written if version in place]
            self.assertEqual(sorted(order, reverse=True), order, writer.name)
        self.wait_for(lambda: client.get(self.bucket, "k").header("x-amz-version-id"), "that the bucket keeps versions is known")
        for version in ids:
            answer = client.get(self.bucket, "k", {"versionId": version})
            self.assertEqual((200, version), (answer.status, answer.header("x-amz-version-id")))
            self.assertEqual(written.get(version, answer.body), answer.body)
        self.assertEqual(client.get(self.bucket, "k").header("x-amz-version-id"), ids[0])

    def test_64_writers(self):
        bales = self.fleet(2)
        self.set_versioning(bales[0].client(), ENABLED)
        writers = self.race([bale.client() for bale in bales], lambda i: 8 if self.is_long else 2 if i % 4 == 0 else 1)
        self.check_race(bales[1].client(), writers, True)

    def test_64_writers_through_faults(self):
        """An answer that is lost may have been of a version that nobody is told of: it is there as well, and whole."""
        self.bale().stop()  # what the backend can do is tried without the proxy, which takes its time
        proxy = self.proxy()
        bales = self.fleet(2, proxy)
        self.set_versioning(bales[0].client(), ENABLED)
        proxy.rules(*mixture_for_bale(0.03, self.backend))
        writers = self.race([bale.client() for bale in bales], lambda i: 1)
        proxy.rules()
        self.check_race(bales[1].client(), writers, False)

    def test_whoever_writes_next_makes_a_version(self):
        """The backend decides: no other replica overwrites once Enabled was answered, or forgets a marker (402, 410)."""
        one, other = (bale.client() for bale in self.fleet(2))
        for key in ("k", "gone"):
            self.assertEqual(200, other.put(self.bucket, key, (), (), b"before").status)
        self.assertEqual(204, other.delete(self.bucket, "gone").status)
        self.set_versioning(one, ENABLED)
        written = other.put(self.bucket, "k", (), (), b"after")
        marked = other.delete(self.bucket, "gone")
        many = other.delete_objects(self.bucket, "<Delete><Object><Key>never</Key></Object><Object><Key>nowhere</Key></Object></Delete>")
        self.assertTrue(written.header("x-amz-version-id"), written)
        self.assertEqual("true" if self.backend.marks_nothing else None, marked.header("x-amz-delete-marker"), marked)
        self.assertEqual(["true", "true"] if self.backend.marks_nothing else [], many.texts("Deleted/DeleteMarker"), many)
        self.assertEqual([marked.header("x-amz-version-id")] if self.backend.marks_nothing else [],
                         [version for _, version, *_ in self.versions(one, "gone")], "what clients are told is what is there")
        self.assertEqual(b"before", one.get(self.bucket, "k", {"versionId": "null"}).body)
        self.set_versioning(one, SUSPENDED)
        self.assertEqual(200, other.put(self.bucket, "k", (), (), b"null again").status)
        self.assertEqual(["null", written.header("x-amz-version-id")], [version for _, version, *_ in self.versions(one, "k")])

    def test_deletions_say_which_marker_there_is(self):
        """Also where the backend does not name it: the null marker."""
        one, other = (bale.client() for bale in self.fleet(2))
        self.set_versioning(one, ENABLED)
        for key in ("k", "many"):
            self.assertEqual(200, one.put(self.bucket, key, (), (), b"a version").status)
        self.set_versioning(one, SUSPENDED)
        self.wait_for(lambda: other.get(self.bucket, "k").header("x-amz-version-id"), "the other one knows that versions are kept")
        gone = other.delete(self.bucket, "k")
        self.assertEqual(("true", "null"), (gone.header("x-amz-delete-marker"), gone.header("x-amz-version-id")), gone)
        many = other.delete_objects(self.bucket, "<Delete><Object><Key>many</Key></Object><Object><Key>none</Key></Object></Delete>")
        self.assertEqual("null", many.text("Deleted/DeleteMarkerVersionId"), many)
        for key in ("k", "many"):
            hidden = one.get(self.bucket, key)
            self.assertEqual((404, "true", "null"), (hidden.status, hidden.header("x-amz-delete-marker"), hidden.header("x-amz-version-id")))
            self.assertEqual([True, False], [is_marker for _, _, is_marker, *_ in self.versions(one, key)])
        removed = one.delete(self.bucket, "k", {"versionId": "null"})
        self.assertEqual("true", removed.header("x-amz-delete-marker"), removed)
        self.assertEqual(b"a version", other.get(self.bucket, "k").body)

    def test_a_deletion_in_the_moment_that_a_bucket_becomes_versioned(self):
        """By a replica that does not know it yet: a marker, over what was there, and nothing else."""
        one, other = (bale.client() for bale in self.fleet(2))
        for key in ("k", "many", "warm"):
            self.assertEqual(200, other.put(self.bucket, key, (), (), b"before").status)
        self.assertEqual(204, other.delete(self.bucket, "warm").status)
        self.set_versioning(one, ENABLED)
        gone = other.delete(self.bucket, "k")
        self.assertEqual((204, "true"), (gone.status, gone.header("x-amz-delete-marker")), gone)
        many = other.delete_objects(self.bucket, "<Delete><Object><Key>many</Key></Object><Object><Key>none</Key></Object></Delete>")
        self.assertIn("many", many.texts("Deleted/Key"), many)
        for client in (one, self.backend.client()):
            for key in ("k", "many"):
                self.assertEqual([True, False], [is_marker for _, _, is_marker, *_ in self.versions(client, key)], key)
        self.assertEqual(b"before", one.get(self.bucket, "k", {"versionId": "null"}).body)

    def test_a_list_goes_on_behind_what_has_gone(self):
        self.walk_and_delete(*(bale.client() for bale in self.fleet(2)))

    def test_tags_are_put_to_the_version_that_was_judged(self):
        """Also when there is a newer one by the time that they are written."""
        self.bale().stop()  # what the backend can do is tried without the proxy
        proxy = self.proxy()
        one, = self.fleet(1, proxy)
        alice, bob = one.client(), one.client("bob")
        self.set_versioning(alice, ENABLED)
        statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:PutObjectTagging", "Resource": f"arn:aws:s3:::{self.bucket}/*",
                     "Condition": {"StringEquals": {"s3:ExistingObjectTag/for": "bob"}}}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.wait_for(lambda: alice.put(self.bucket, None, {"policy": None}, (), policy).status == 204, "the journal is there")
        first = alice.put(self.bucket, "k", (), {"x-amz-tagging": "for=bob"}, b"bob's").header("x-amz-version-id")
        proxy.rules(fault("hold", op="PutObjectTagging"))
        proxy.reset()
        tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"

        def replace():
            self.wait_for(lambda: any(entry["op"] == "PutObjectTagging" for entry in proxy.log()), "the tags are on their way")
            newer = alice.put(self.bucket, "k", (), {"x-amz-tagging": "for=nobody"}, b"not bob's")
            proxy.release()
            return newer

        written, replaced = together([lambda: bob.put(self.bucket, "k", {"tagging": None}, checked(tags), tags), replace])
        self.assertEqual(([200, 200], first), ([written.status, replaced.status], written.header("x-amz-version-id")), written)
        self.assertEqual(["nobody"], alice.get(self.bucket, "k", {"tagging": None}).texts("TagSet/Tag/Value"))
        self.assertEqual(["b"], alice.get(self.bucket, "k", {"tagging": None, "versionId": first}).texts("TagSet/Tag/Value"))

    def test_what_others_wrote_is_listed_as_it_was_sent(self):
        one, other = (bale.client() for bale in self.fleet(2))
        self.set_versioning(one, ENABLED)
        expected = []
        for body in (b"small", LARGE, b""):
            answer = one.put(self.bucket, "k", (), (), body, payload="unsigned")
            self.assertEqual(200, answer.status, answer)
            expected.insert(0, (answer.header("x-amz-version-id"), len(body), f'"{hashlib.md5(body).hexdigest()}"'))
        self.assertEqual(expected, [(version, size, etag) for _, version, _, _, size, etag in self.versions(other, "k")])
        part = other.get(self.bucket, "k", {"versionId": expected[1][0]}, {"Range": "bytes=5000000-5000999"})
        self.assertEqual((206, LARGE[5000000:5001000]), (part.status, part.body))

    def test_a_download_outlives_what_it_reads(self):
        """What broke off is read on by the version's id, also when there is a newer one, or a marker."""
        other = self.bale().client()
        self.set_versioning(other, ENABLED)
        proxy = self.proxy()
        through = self.bale(proxy)
        for name, change in (("overwritten", lambda: self.assertEqual(200, other.put(self.bucket, "k", (), (), b"new").status)),
                             ("deleted", lambda: self.assertEqual(204, other.delete(self.bucket, "k").status))):
            with self.subTest(name):
                body = large_body(self.seed)
                self.assertEqual(200, through.client().put(self.bucket, "k", (), (), body, payload="unsigned").status)
                proxy.rules(fault("truncate", op="GetObject", key="^k$", times=3))
                self.assertTrue(self.read_across(through, "k", body, change))
                proxy.rules()

    def test_locks_hold_through_every_replica(self):
        """What one has locked no other removes, also in a race; Bale itself goes on in a bucket that locks all that is written."""
        self.backend = self.server.another_bucket(has_lock=True)  # MinIO locks no bucket later on
        self.bucket = self.backend.bucket
        one, other = (bale.client() for bale in self.fleet(2))
        self.set_versioning(one, ENABLED)
        rule = "<Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>1</Days></DefaultRetention></Rule>"
        lock = f"<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>{rule}</ObjectLockConfiguration>"
        self.assertEqual(200, one.put(self.bucket, None, {"object-lock": None}, checked(lock), lock).status)
        made = other.put(self.bucket, "k", (), (), b"locked")
        version = {"versionId": made.header("x-amz-version-id")}
        self.assertEqual("GOVERNANCE", one.head(self.bucket, "k").header("x-amz-object-lock-mode"))
        for client in (one, other):
            self.assertEqual((403, "AccessDenied"), (lambda gone: (gone.status, gone.code))(client.delete(self.bucket, "k", version)))
        many = other.delete_objects(self.bucket, deletions(("k", version["versionId"]), ("none", version["versionId"])))
        self.assertEqual(["AccessDenied"], many.texts("Error/Code"), many)
        tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
        self.assertEqual(204, one.put(self.bucket, None, {"tagging": None}, checked(tags), tags).status)
        self.assertEqual(200, one.get(self.bucket, None, {"tagging": None}).status)
        self.assertEqual(204, other.delete(self.bucket, "k", version, {"x-amz-bypass-governance-retention": "true"}).status)
        for number in range(8):
            self.race_for_hold(one, other, f"held {number}")

    def race_for_hold(self, one, other, key):
        """A hold and deletions at once: whoever was answered first is right (456)."""
        made = one.put(self.bucket, key, (), (), b"to be held")
        version = {"versionId": made.header("x-amz-version-id")}
        bypass = {"x-amz-bypass-governance-retention": "true"}
        body = "<LegalHold><Status>ON</Status></LegalHold>"
        both = deletions((key, version["versionId"]), ("no such key", version["versionId"]))
        held, many, *gone = together([lambda: other.put(self.bucket, key, {"legal-hold": None, **version}, checked(body), body),
                                      lambda: one.delete_objects(self.bucket, both, {**checked(both), **bypass})]
                                     + [lambda client=client: client.delete(self.bucket, key, version, bypass) for client in (one, other) * 2])
        there = one.get(self.bucket, key, version)
        if there.status == 200:
            self.assertEqual((200, "ON"), (held.status, there.header("x-amz-object-lock-legal-hold")))
            self.assertEqual([403] * 4, [answer.status for answer in gone])
            self.assertEqual(["AccessDenied"], many.texts("Error/Code"), many)
        else:
            self.assertEqual((404, 404), (held.status, there.status))

    def test_nothing_of_bale_piles_up(self):
        """Uploads, and whatever is written under one name again and again, leave no versions and no markers behind them."""
        bale = self.bale(self.backend, *SWEEPING)
        alice = bale.client()
        self.set_versioning(alice, ENABLED)
        upload = alice.post(self.bucket, "u", {"uploads": None}).text("UploadId")
        tags = [alice.put(self.bucket, "u", {"partNumber": str(number), "uploadId": upload}, (), body, payload="unsigned").header("etag")
                for number, body in ((1, LARGE[:6 << 20]), (2, b"end"))]
        rows = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>" for number, tag in enumerate(tags, 1))
        done = alice.post(self.bucket, "u", {"uploadId": upload}, (), f"<CompleteMultipartUpload>{rows}</CompleteMultipartUpload>")
        self.assertEqual(200, done.status, done)
        self.assertTrue(done.header("x-amz-version-id"), done)
        until, left = time.monotonic() + SECONDS, None
        while time.monotonic() < until:
            page = self.backend.client().get(self.bucket, None, {"versions": None, "prefix": ".bale/"})
            left = [(key, version) for key, version, is_marker, is_latest, _, _ in entries(page)
                    if key.startswith(".bale/mpu/") or is_marker or not is_latest]
            if not left:
                break
            time.sleep(0.3)
        self.assertEqual([], left)
        self.assertTrue(fronts.verdicts(self.backend)["versions"])
