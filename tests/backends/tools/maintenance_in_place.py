"""tests/backends/tools/maintenance_in_place.py -- bale maintain on Bale's own objects in a bucket: packed anew, or moved to another class, beside
running servers, and the savings ledger knows of it."""

import json
import os
import time

import checksums
from faults import fault
from ledger_of_a_fleet import savings
from ledger_of_versions import VersionLedgerCase
from maintenance import MaintenanceCase
from tools_alone import bale_command, bale_end
from transitions_of_a_fleet import CLASS, NOISE, SMALL, TEXT, TransitionCase
from versions_of_a_fleet import ENABLED, VersionCase, checked

RECOMPACT = "[rule harder]\naction = recompact\nlevel = 12\nleast-gain = 1\n"
MOVE = f"[rule cold]\naction = transition\nclass = {CLASS}\nlevel = 12\nleast-gain = 1\nprefix = cold/\n"


class InPlaceCase(TransitionCase, MaintenanceCase):
    def execute(self, policy, *options, state="state", place=None):
        return self.outcomes(self.maintain(policy, "--execute", "--state", os.path.join(self.folder, state), *options, place=place))

    def check(self, bales, exact=True):
        """What a run has added the replicas read soon."""
        self.wait_for(lambda: self.told(bales[0]) == self.counted(bales[0]), "the ledger is what lies there")
        return super().check(bales, exact)

    def start_replicas(self, count=1, *options, place=None):
        return self.replicas(count, "--journal-poll", "200ms", "--shards", "1", "--zstd-level", "1", *options, place=place)


class MaintenanceInPlace(InPlaceCase):
    FOR = ("raw", "versitygw", "minio")

    def test_a_client_sees_nothing_but_the_class(self):
        first, second = bales = self.start_replicas(2)
        self.assertEqual(200, self.backend.client().put(self.bucket, "foreign", (), (), TEXT).status)
        bodies = self.fill(first) | {"warm/text": TEXT}
        before, times = {key: self.look(second, key) for key in bodies}, self.listed_times(second)
        large = self.listed(self.backend.client())
        self.wait_for_another_second()
        would = self.outcomes(self.maintain(RECOMPACT))
        self.assertEqual({"packed": 4, "no-gain": 2, "too-small": 1, "foreign": 1}, would["harder"])
        self.assertEqual(large, self.listed(self.backend.client()))

        self.assertEqual(would, self.execute(RECOMPACT))
        small = self.listed(self.backend.client())
        packed = {key for key in small if small[key] < large[key]}
        self.assertEqual({"cold/text", "cold/many", "cold/parts", "warm/text"}, packed)
        for bale in (*bales, *self.start_replicas(1)):  # which knew them as they were, or know nothing
            self.expect_the_same(bale, before, bodies)
            self.assertEqual(times, self.listed_times(bale))
        self.assertEqual(204, self.backend.client().delete(self.bucket, "foreign").status)
        self.check(bales)
        self.assertEqual({"harder": {"already": 4, "no-gain": 2, "too-small": 1}}, self.execute(RECOMPACT.replace("12", "9")))

        self.assertEqual({"cold": {"moved": 6}}, self.execute(MOVE))
        for bale in bales:
            self.assertEqual({key: CLASS if key.startswith("cold/") else "STANDARD" for key in bodies}, self.listed_classes(bale))
            self.expect_the_same(bale, before, bodies)
        self.check(bales)
        self.assertEqual({"cold": {"already": 6}}, self.execute(MOVE))
        done = bale_command(self, "verify", "--deep")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def test_a_download_goes_on(self):
        proxy = self.proxy()
        behind, = self.start_replicas(1, place=proxy)
        body = NOISE * 24 + TEXT
        self.put(behind, "cold/k", body)
        proxy.rules(fault("truncate", op=["GetObject"], key="cold/k", at=0.6, times=1))
        self.download_across(behind, body, lambda: self.assertEqual({"cold": {"moved": 1}}, self.execute(MOVE)))


class MaintenanceInPlaceUnderFire(InPlaceCase):
    FOR = ("raw",)  # what is tried is Bale's

    def test_two_runs_at_once(self):
        """Each object is packed by one of them, and counted once."""
        bale, = self.start_replicas()
        for number in range(30):
            self.put(bale, f"cold/{number}", TEXT[number:])
        found = {"packed": 0}
        for process in [self.start_maintain(RECOMPACT, "--execute", "--state", os.path.join(self.folder, state)) for state in "ab"]:
            outcomes = self.outcomes(bale_end(process))["harder"]
            self.assertLessEqual(set(outcomes), {"packed", "already", "changed"})
            found["packed"] += outcomes.get("packed", 0)
        self.assertEqual({"packed": 30}, found)
        self.check([bale])
        for number in range(30):
            self.assertEqual(TEXT[number:], bale.client().get(self.bucket, f"cold/{number}").body)

    def test_to_a_class_of_the_backend(self):
        """By --class; what lies there is not written again before the backend would bill it no more."""
        bale, = self.start_replicas()
        bodies = {"cold/large": NOISE, "cold/text": TEXT}
        for key, body in bodies.items():
            self.put(bale, key, body)
        before = {key: self.look(bale, key) for key in bodies}
        self.assertEqual({"cold": {"moved": 2}}, self.execute(MOVE, "--class", f"{CLASS}=zstd:1,backend:STANDARD_IA"))
        self.assertEqual(dict.fromkeys(bodies, CLASS), self.listed_classes(bale))
        sizes = self.listed(self.backend.client())
        self.assertEqual({key: "STANDARD_IA" if sizes[key] >= SMALL else "STANDARD" for key in bodies}, self.places())
        self.assertEqual("STANDARD_IA", self.places()["cold/large"])
        self.expect_the_same(bale, before, bodies)
        young = {key for key, place in self.places().items() if place == "STANDARD_IA"}
        outcomes = self.execute(RECOMPACT.replace("12", "15"))["harder"]
        self.assertEqual(len(young), outcomes["too-young"], outcomes)
        onward = MOVE.replace(CLASS, "DEEP_ARCHIVE")
        self.assertEqual(len(young), self.execute(onward)["cold"]["too-young"])
        self.assertEqual({key: CLASS if key in young else "DEEP_ARCHIVE" for key in bodies}, self.listed_classes(bale))
        self.check([bale])

    def kill_while_writing(self, *faults, policy=RECOMPACT, seconds=40):
        """A run that is killed while its one write is on its way; what the next one with its folder does, in so many seconds, and how many changes
        are uncertain then."""
        proxy = self.proxy(*faults)
        bale, = self.start_replicas()
        self.put(bale, "cold/k", TEXT)
        state = os.path.join(self.folder, "state")
        process = self.start_maintain(RECOMPACT, "--execute", "--state", state, place=proxy)
        self.wait_for(lambda: any(proxy.fired()), "a write is on its way")
        process.kill()
        process.communicate()
        proxy.clear()
        began = time.monotonic()
        outcomes = self.execute(policy)["harder"]
        self.assertLess(time.monotonic() - began, seconds)
        self.assertTrue(bale.client().get(self.bucket, "cold/k").body == TEXT)
        self.check([bale])
        return outcomes, savings(bale)["uncertain"]

    def test_a_run_that_was_killed_after_its_write(self):
        """The next one finds it done, and counts it."""
        self.assertEqual(({"already": 1}, 0), self.kill_while_writing(fault("delay-answer", op=["PutObject"], key="cold/", header="if-match", seconds=20)))

    def test_a_run_that_was_killed_before_its_write(self):
        """The next one does it: the first can come no more, for its condition does not hold then."""
        outcomes, uncertain = self.kill_while_writing(fault("hang", op=["PutObject"], key="cold/", header="if-match"))
        self.assertEqual({"packed": 1}, outcomes)
        self.assertLessEqual(uncertain, 1)

    def test_a_run_that_was_killed_and_nobody_goes_on(self):
        """The next one has other objects: it lasts until the first can come no more, and then knows that it did nothing."""
        if not self.is_long:
            self.skipTest("45 s: with --long")
        hanging = fault("hang", op=["PutObject"], key="cold/", header="if-match")
        self.assertEqual(({}, 0), self.kill_while_writing(hanging, policy=RECOMPACT + "prefix = else/\n", seconds=300))

    def test_a_folder_is_of_one_run(self):
        """Of two with the same folder the second is refused; the first is not disturbed."""
        proxy = self.proxy(fault("hold", op=["GetObject"], key="cold/k"))
        bale, = self.start_replicas()
        self.put(bale, "cold/k", TEXT)
        words = ("--execute", "--state", os.path.join(self.folder, "state"))
        first = self.start_maintain(RECOMPACT, *words, place=proxy)
        self.wait_for(lambda: any(proxy.fired()), "the first reads")
        second = self.maintain(RECOMPACT, *words)
        self.assertEqual((1, b""), (second.returncode, second.stdout))
        self.assertIn(str(first.pid).encode(), second.stderr)
        proxy.release()
        self.assertEqual({"harder": {"packed": 1}}, self.outcomes(bale_end(first)))
        self.check([bale])

    def test_tags_that_cannot_be_kept(self):
        """A server that took no tags when it was tried; what others have tagged since is left alone."""
        bale, = self.start_replicas(place=self.proxy(fault("refuse", status=501, op=["PutObjectTagging", "GetObjectTagging"])))
        for key in ("cold/plain", "cold/tagged"):
            self.put(bale, key, TEXT)
        document = b"<Tagging><TagSet><Tag><Key>b</Key><Value>2</Value></Tag></TagSet></Tagging>"
        plain = self.backend.client()
        fields = {"content-md5": checksums.md5_base64(document)}
        self.assertEqual(200, plain.put(self.bucket, "cold/tagged", {"tagging": None}, fields, document).status)
        self.assertEqual({"harder": {"packed": 1, "unfit": 1}}, self.execute(RECOMPACT))
        self.assertEqual({"cold": {"moved": 1, "unfit": 1}}, self.execute(MOVE))
        self.assertIn(b"<Key>b</Key>", plain.get(self.bucket, "cold/tagged", {"tagging": None}).body)

    def test_what_is_changed_meanwhile(self):
        """The write waits in a proxy: what was put meanwhile is there."""
        proxy = self.proxy(fault("hold", op=["PutObject"], key="cold/", header="if-match"))
        bale, = self.start_replicas()
        self.put(bale, "cold/k", TEXT)
        process = self.start_maintain(RECOMPACT, "--execute", "--state", os.path.join(self.folder, "state"), place=proxy)
        self.wait_for(lambda: any(proxy.fired()), "a write is on its way")
        self.put(bale, "cold/k", b"after")
        proxy.release()
        self.assertEqual({"harder": {"changed": 1}}, self.outcomes(bale_end(process)))
        self.assertEqual(b"after", bale.client().get(self.bucket, "cold/k").body)
        self.check([bale])

    def test_answers_are_lost(self):
        """Whether a write was applied the object itself tells: packed once, and counted once."""
        proxy = self.proxy(fault("lose", op=["PutObject"], key="cold/", header="if-match", times=3))
        bale, = self.start_replicas()
        for number in range(4):
            self.put(bale, f"cold/{number}", TEXT)
        self.assertEqual({"harder": {"packed": 4}}, self.execute(RECOMPACT, place=proxy))
        self.assertTrue(any(proxy.fired()))
        self.check([bale])

    def test_the_ledger_must_hear_of_it(self):
        for policy in (RECOMPACT, MOVE):
            done = self.maintain(policy, "--execute")
            self.assertEqual((2, b""), (done.returncode, done.stdout))
            self.assertIn(b"--state DIR", done.stderr)

    def test_what_is_migrated_is_counted(self):
        """Where the run is told a folder; a log says all of it."""
        bale, = self.start_replicas()
        self.assertEqual(200, self.backend.client().put(self.bucket, "foreign", (), (), TEXT, payload="unsigned").status)
        log = os.path.join(self.folder, "log")
        self.assertEqual({"all": {"packed": 1}}, self.execute("[rule all]\naction = migrate\n", "--log", log))
        with open(log, encoding="utf-8") as file:
            self.assertEqual(["packed"], [json.loads(line)["outcome"] for line in file])
        self.check([bale])


REPLACE = RECOMPACT + "versions = replace\n"


class VersionedMaintenance(InPlaceCase, VersionCase, VersionLedgerCase):
    FOR = ("raw", "minio")

    def put_version(self, bale, body):
        answer = bale.client().put(self.bucket, "cold/k", (), {"x-amz-meta-who": "alice", "x-amz-tagging": "a=1"}, body)
        self.assertEqual(200, answer.status, answer)
        return answer.header("x-amz-version-id")

    def seen(self, bale):
        """What a client sees of the current version but its id, and all versions, the newest first: id, size, ETag."""
        told, tags, parts = self.look(bale, "cold/k")
        listed = [(version, size, etag) for _, version, is_marker, _, size, etag in self.versions(bale.client(), "cold/k") if not is_marker]
        return ([field for field in told if field[0].lower() != "x-amz-version-id"], tags, parts), listed

    def test_versions_are_replaced_where_that_is_asked_for(self):
        """The current one, which gets another id; former ones stay, and nothing else of either changes."""
        bale, = self.start_replicas()
        self.set_versioning(bale.client(), ENABLED)
        first, second = self.put_version(bale, TEXT[5:]), self.put_version(bale, TEXT)
        before, listed = self.seen(bale)
        self.assertEqual([second, first], [version for version, _, _ in listed])
        self.wait_for_another_second()
        self.assertEqual({"harder": {"packed": 1}}, self.outcomes(self.maintain(REPLACE)))
        self.assertEqual((before, listed), self.seen(bale))
        self.assertEqual({"harder": {"packed": 1}}, self.execute(REPLACE))
        after, kept = self.seen(bale)
        self.assertEqual(before, after)
        self.assertEqual(listed[1:], kept[1:])
        self.assertEqual(listed[0][1:], kept[0][1:])
        self.assertNotEqual(second, kept[0][0])
        self.assertEqual(404, bale.client().head(self.bucket, "cold/k", {"versionId": second}).status)
        self.assertTrue(bale.client().get(self.bucket, "cold/k").body == TEXT)
        self.assertTrue(bale.client().get(self.bucket, "cold/k", {"versionId": first}).body == TEXT[5:])
        self.wait_for(lambda: self.told_all(bale) == self.what_lies_there(bale), "the ledger is what lies there")
        self.assertEqual({"harder": {"already": 1}}, self.execute(REPLACE))
        self.assertEqual((after, kept), self.seen(bale))

    def test_a_run_that_was_killed_between_the_two_steps(self):
        """The next one finds the pair, and removes the version that was replaced; also one that looks the same and was put by somebody stays."""
        bale, = self.start_replicas()
        self.set_versioning(bale.client(), ENABLED)
        first = self.put_version(bale, TEXT)
        self.wait_for_another_second()
        second = self.put_version(bale, TEXT)
        proxy = self.proxy(fault("hang", op=["DeleteObject"], key="cold/k"))
        process = self.start_maintain(REPLACE, "--execute", "--state", os.path.join(self.folder, "state"), place=proxy)
        self.wait_for(lambda: any(proxy.fired()), "the version is to go")
        process.kill()
        process.communicate()
        self.assertEqual([second, first], [version for version, _, _ in self.seen(bale)[1]][1:])
        self.assertEqual({"harder": {"already": 1}}, self.execute(REPLACE))
        self.assertEqual([first], [version for version, _, _ in self.seen(bale)[1]][1:])
        self.assertEqual({"harder": {"already": 1}}, self.execute(REPLACE))
        self.assertEqual([first], [version for version, _, _ in self.seen(bale)[1]][1:])

    def test_what_cannot_be_removed_is_told(self):
        """Who may not delete versions has both, and hears of it, as often as it is tried; who may ends it."""
        bale, = self.start_replicas()
        self.set_versioning(bale.client(), ENABLED)
        version = self.put_version(bale, TEXT)
        proxy = self.proxy(fault("refuse", op=["DeleteObject"], key="cold/k", status=403, code="AccessDenied"))
        log = os.path.join(self.folder, "log")
        words = ("--execute", "--state", os.path.join(self.folder, "state"), "--log", log)
        for _ in range(2):
            done = self.maintain(REPLACE, *words, place=proxy)
            self.assertEqual(1, done.returncode, done)
            self.assertEqual([{"kept-both": 1}], [rule["outcomes"] for rule in json.loads(done.stdout)["rules"]])
            self.assertIn(b"1 object was written anew beside the version that it was made of", done.stderr)
            self.assertEqual([version], [version for version, _, _ in self.seen(bale)[1]][1:])
        with open(log, encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        self.assertEqual([("kept-both", True)] * 2, [(line["outcome"], len(line["error"]) > 10) for line in lines], lines)
        self.assertEqual({"harder": {"already": 1}}, self.execute(REPLACE))
        self.assertEqual([], self.seen(bale)[1][1:])

    def test_a_twin_of_what_was_replaced_stays(self):
        """A former version with the bytes, the ETags and the time of the one that is replaced, however often the rule is run."""
        bale, = self.start_replicas()
        self.set_versioning(bale.client(), ENABLED)
        self.put_version(bale, TEXT)
        self.wait_for_another_second()
        self.assertEqual({"harder": {"packed": 1}}, self.execute(REPLACE))
        former = [version for version, _, _ in self.seen(bale)[1]]
        plain = self.backend.client()
        found = plain.get(self.bucket, "cold/k")
        fields = {name: value for name, value in found.headers if name.lower().startswith("x-amz-meta-")}
        self.assertEqual(200, plain.put(self.bucket, "cold/k", (), fields, found.body, payload="unsigned").status)
        for outcome in ("moved", "already", "already"):
            self.assertEqual({"cold": {outcome: 1}}, self.execute(MOVE + "versions = replace\n"))
            self.assertEqual(former, [version for version, _, _ in self.seen(bale)[1]][1:])

    def test_what_is_locked_stays(self):
        """In a bucket with object lock nothing is replaced, whether this version is locked or not."""
        bale, = self.start_replicas()
        self.set_versioning(bale.client(), ENABLED)
        enabled = "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>"
        if bale.client().put(self.bucket, None, {"object-lock": None}, checked(enabled), enabled).status != 200:
            self.skipTest("this server locks no bucket that is there already")
        version = self.put_version(bale, TEXT)
        self.assertEqual({"harder": {"locked": 1}}, self.execute(REPLACE))
        self.assertEqual([version], [version for version, _, _ in self.seen(bale)[1]])

    def test_versions_stay_as_they_are(self):
        bale, = self.start_replicas()
        self.set_versioning(bale.client(), ENABLED)
        version = bale.client().put(self.bucket, "cold/k", (), (), TEXT).header("x-amz-version-id")
        self.assertEqual({"harder": {"versioned": 1}}, self.execute(RECOMPACT))
        self.assertEqual(version, bale.client().head(self.bucket, "cold/k").header("x-amz-version-id"))
