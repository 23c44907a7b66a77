"""tests/backends/fleet/ledger_of_versions.py -- the savings ledger of a bucket that keeps versions: current objects and former versions, each in
columns of their own, through several Bales, over kills and recounts."""

import threading

from faults import fault
from ledger_of_a_fleet import LARGE, MIB, NAMES, SETTLE, LedgerCase, metric, savings
from tools_alone import bale_command
from versions_of_a_fleet import ENABLED, SUSPENDED, deletions, entries

FORMER = ("former_versions", "former_original_bytes", "former_stored_bytes")
WAIT_SECONDS = 300


class VersionLedgerCase(LedgerCase):
    FOR = ("raw", "minio")

    def set_versioning(self, bales, status):
        answer = bales[0].client().put(self.bucket, None, {"versioning": None}, (),
                                       f"<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>")
        self.assertEqual(200, answer.status, answer)

    def wait_until_suspended(self, bales):
        """Each knows it when it asks what a null version lies over: then writes of one are certain."""
        for bale in bales:
            self.wait_for(lambda bale=bale: savings(bale), "the ledger", WAIT_SECONDS)
            uncertain = None
            while uncertain != savings(bale)["uncertain"]:
                uncertain = savings(bale)["uncertain"]
                self.put(bale, "warm", b"w")
                self.wait_until_settled([bale])
        return uncertain

    def listed_former(self, client):
        """(key, version): size, of all that a newer version or a marker lies over."""
        found, marker = {}, ()
        while True:
            page = client.get(self.bucket, None, [("versions", None), ("max-keys", "7"), *marker])
            self.assertEqual(200, page.status, page)
            found.update({(key, version): size for key, version, is_marker, is_latest, size, _ in entries(page)
                          if not is_marker and not is_latest and not key.startswith(".bale/")})
            if page.text("IsTruncated") == "false":
                return found
            marker = (("key-marker", page.text("NextKeyMarker")), ("version-id-marker", page.text("NextVersionIdMarker") or ""))

    def what_lies_there(self, bale):
        stored, original = self.listed_former(self.backend.client()), self.listed_former(bale.client())
        self.assertEqual(sorted(stored), sorted(original))
        return (*self.counted(bale), len(stored), sum(original.values()), sum(stored.values()))

    def told_all(self, bale):
        seen = savings(bale)
        return seen and tuple(seen[name] for name in (*NAMES, *FORMER))

    def check_all(self, bales):
        """What the ledger says is what lies there, whatever it thinks of itself: how many changes are uncertain, it returns."""
        self.wait_until_settled(bales)
        wanted = self.what_lies_there(bales[0])
        self.wait_for(lambda: len({self.told_all(bale) for bale in bales}) == 1, "the replicas agree", WAIT_SECONDS)
        self.assertEqual(wanted, self.told_all(bales[0]))
        return savings(bales[0])["uncertain"]

    def version_of(self, answer):
        self.assertIn(answer.status, (200, 204), answer)
        return answer.header("x-amz-version-id")

    def delete_version(self, bale, key, version):
        answer = bale.client().delete(self.bucket, key, {"versionId": version})
        self.assertEqual(204, answer.status, answer)


class LedgerOfVersions(VersionLedgerCase):
    def test_what_is_covered_moves_and_comes_back(self):
        first, second = bales = self.replicas(2)
        for key in ("before", "copied over", "marked"):
            self.put(first, key, self.body() + b"x")
        self.set_versioning(bales, ENABLED)
        newer = [self.version_of(self.put(bale, "before", self.body() + b"y" * number)) for number, bale in enumerate((second, first, second))]
        self.put(second, "copied over", b"", x_amz_copy_source=f"{self.bucket}/before")
        self.put(first, "large", LARGE)
        self.put(second, "large", LARGE + b"more")
        upload, document = self.upload(bales, "parts", [LARGE[:5 * MIB], b"end"])
        self.assertEqual(200, self.complete(first, "parts", upload, document).status)
        self.put(second, "parts", b"over what came in parts")
        marker = self.version_of(second.client().delete(self.bucket, "marked"))
        self.version_of(first.client().delete(self.bucket, "never there"))
        many = first.client().delete_objects(self.bucket, "<Delete><Object><Key>large</Key></Object><Object><Key>parts</Key></Object></Delete>")
        self.assertEqual(2, len(many.texts("Deleted/DeleteMarker")), many)
        uncertain = self.check_all(bales)
        self.assertEqual(0 if self.deletes_are_exact() else 3, uncertain, "markers that the backend cannot pin to a revision")
        self.delete_version(first, "marked", marker)  # what it covered is current again
        self.delete_version(second, "before", newer[0])  # a former one
        self.delete_version(second, "before", newer[2])  # the current one
        self.delete_version(second, "before", "null")
        self.delete_version(first, "before", newer[0])  # it has gone: that changes nothing
        self.assertEqual(uncertain + 4, self.check_all(bales), "nobody says what else happened in that moment")

    def test_all_versions_of_a_key_at_once(self):
        first, second = bales = self.replicas(2)
        self.set_versioning(bales, ENABLED)
        self.put(first, "stays", b"s")
        ids = [self.version_of(self.put(bale, "k", self.body() + b"z")) for bale in (first, second, first, second)]
        ids.append(self.version_of(first.client().delete(self.bucket, "k")))
        gone = second.client().delete_objects(self.bucket, deletions(*(("k", version) for version in (*ids[2:], ids[2]))))
        self.assertEqual([], gone.texts("Error/Code"), gone)
        self.assertEqual({("k", ids[0])}, set(self.listed_former(first.client())), "the second is current now")
        self.check_all(bales)
        gone = first.client().delete_objects(self.bucket, deletions(*(("k", version) for version in ids)))
        self.assertEqual(5, len(gone.texts("Deleted/Key")), gone)
        self.check_all(bales)
        self.assertEqual(1, savings(first)["objects"])

    def test_suspended(self):
        """The null version takes its own place; where it lies over another one, a null version below may have gone."""
        if not self.is_long:
            self.skipTest("it takes twenty seconds")
        first, second = bales = self.replicas(2)
        self.put(first, "k", b"null, first")
        self.put(first, "null", b"null, and stays so")
        self.set_versioning(bales, ENABLED)
        self.put(first, "l", b"a version")
        self.set_versioning(bales, SUSPENDED)
        uncertain = self.wait_until_suspended(bales)
        self.put(second, "null", b"null again")
        self.put(second, "k", b"null again, too")
        self.put(second, "new", b"null")
        self.put(first, "new", b"null, over it")
        self.assertEqual(uncertain, self.check_all(bales))
        self.put(second, "l", b"null over a version")
        self.assertEqual(uncertain + 1, self.check_all(bales))
        self.put(first, "l", b"null over null")
        self.assertEqual(uncertain + 1, self.check_all(bales))
        gone = second.client().delete(self.bucket, "new")
        self.assertEqual("true", gone.header("x-amz-delete-marker"), gone)
        self.check_all(bales)

    def test_a_recount_walks_the_versions(self):
        """What others did to former versions is found, and nothing is uncertain then."""
        first, second = bales = self.replicas(2)
        self.set_versioning(bales, ENABLED)
        ids = [self.version_of(self.put(bale, "k", b"v" * (100 + number))) for number, bale in enumerate((first, second) * 6)]
        self.delete_version(first, "k", ids[3])
        plain = self.backend.client()
        for version in ids[5:8]:
            self.assertEqual(204, plain.delete(self.bucket, "k", {"versionId": version}).status)
        self.wait_for(lambda: self.told_all(first)[0::3] == (1, 10), "what is not seen is still counted", WAIT_SECONDS)
        done = bale_command(self, "savings", "--recount")
        self.assertEqual(0, done.returncode, done.stderr)
        self.wait_for(lambda: all(savings(bale)["former_versions"] == 7 for bale in bales), "both have seen it", WAIT_SECONDS)
        self.assertEqual(0, self.check_all(bales))


class VersionsAndKills(VersionLedgerCase):
    FOR = ("raw",)

    def test_a_version_whose_answer_nobody_heard(self):
        """The next start finds it under its id: what it covered is a former version."""
        if not self.is_long:
            self.skipTest("it takes twenty seconds")
        proxy = self.proxy()
        stays = self.bale(None, *SETTLE)  # it finds out what the backend can do
        goes = self.replica_of(stays, *SETTLE, "--shards", "1", place=proxy)
        self.set_versioning([stays, goes], ENABLED)
        before = self.version_of(self.put(goes, "k", b"x" * 1000))
        self.wait_until_settled([stays, goes])
        proxy.rules(fault("delay-answer", seconds=60, op=["PutObject"], key="^k$"))
        thread = threading.Thread(target=self.put_and_ignore, args=(goes, "k", self.draw.randbytes(500)))
        thread.start()
        plain = self.backend.client()
        self.wait_for(lambda: plain.head(self.bucket, "k").header("x-amz-version-id") != before, "it is there", WAIT_SECONDS)
        goes.kill()
        thread.join()
        proxy.clear()
        goes.start()
        self.wait_for(lambda: metric(goes, "bale_ledger_intents_open") == 0, "it is settled", WAIT_SECONDS)
        self.assertEqual(0, self.check_all([stays, goes]))
        self.assertEqual((1, 500), self.told_all(stays)[:2])

    def put_and_ignore(self, bale, key, body):
        try:
            bale.client().put(self.bucket, key, (), (), body, payload="unsigned")
        except Exception:  # pylint: disable=broad-except
            pass  # it was killed
