"""tests/backends/fleet/rules_of_a_fleet.py -- lifecycle rules carried out by two replicas before one bucket: once, whoever is killed or stands still
on the way; and nothing that came after the judgement is ever deleted."""

import json
import os
import signal
import subprocess

import checksums
import fronts
from faults import fault
from ledger_of_a_fleet import LedgerCase
from replicas import ReplicaCase
from tools_alone import bale_program
from versions_of_a_fleet import ENABLED, VersionCase

DAY_S = 2
OPTIONS = ("--lifecycle-day", f"{DAY_S}s", "--lifecycle-takeover", "2s", "--journal-poll", "200ms", "--shards", "2")
SECONDS = 300
TAGGING, TAG = "x-amz-tagging", "x_amz_tagging"


def rule(name, prefix, what, tag=None):
    chosen = f"<Prefix>{prefix}</Prefix>"
    if tag:
        chosen = f"<And>{chosen}<Tag><Key>{tag[0]}</Key><Value>{tag[1]}</Value></Tag></And>"
    return f"<Rule><ID>{name}</ID><Filter>{chosen}</Filter><Status>Enabled</Status>{what}</Rule>"


def rules(*given):
    return f"<LifecycleConfiguration>{''.join(given)}</LifecycleConfiguration>"


EXPIRE = "<Expiration><Days>1</Days></Expiration>"
ABORT = "<AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload>"
OLD = rules(rule("old", "old/", EXPIRE), rule("uploads", "", ABORT), rule("temporary", "tagged/", EXPIRE, ("temp", "yes")))
YOUNG = rules(rule("old", "old/", "<Expiration><Days>3000</Days></Expiration>"))
NONCURRENT = rules(rule("noncurrent", "", "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>2"
                        "</NewerNoncurrentVersions></NoncurrentVersionExpiration><Expiration><ExpiredObjectDeleteMarker>true"
                        "</ExpiredObjectDeleteMarker></Expiration>"))


class RuleCase:
    """What both kinds of buckets need."""

    def start(self, count=2, *options, place=None):
        return self.replicas(count, *OPTIONS, *options, place=place)

    def compares(self):
        """Does the backend heed a condition of a deletion?"""
        return fronts.verdicts(self.backend)["delete-match"]

    def sweep(self, bale):
        """The bucket's; {} before the first."""
        status, text = bale.admin("/lifecycle")
        if status != 200 or not (rows := json.loads(text)["buckets"]):
            return {}
        return rows[0].get("sweep", {})

    def done(self, bale, action):
        name = f'bale_lifecycle_actions_total{{action="{action}"}} '
        return sum(int(line.rpartition(" ")[2]) for line in bale.admin("/metrics")[1].splitlines() if line.startswith(name))

    def counts(self, bale, reason):
        name = f'bale_lifecycle_kept_total{{reason="{reason}"}} '
        return sum(int(line.rpartition(" ")[2]) for line in bale.admin("/metrics")[1].splitlines() if line.startswith(name))

    def wait_for_counts(self, bales, action, count):
        """An action is counted when its batch is over."""
        self.wait_for(lambda: sum(self.done(bale, action) for bale in bales) == count, f"{count} times {action}", SECONDS)

    def command(self, bale, *words):
        done = subprocess.run([bale_program(self), "lifecycle", "--state", os.path.join(bale.daemon.folder, "state"), *words], capture_output=True,
                              text=True, check=False)
        self.assertEqual(0, done.returncode, done)
        return done

    def told_by_command(self, bale):
        return self.command(bale).stdout

    def keys(self, bale):
        page = bale.client().get(self.bucket, None, {"list-type": "2"})
        self.assertEqual(200, page.status, page)
        return set(page.texts("Contents/Key"))

    def wait_until_idle(self, *bales):
        """Nobody sweeps, nor is anything left of what was begun."""
        def is_idle(bale):
            return "under_way" not in json.loads(bale.admin("/lifecycle")[1]) and self.sweep(bale).get("state") == "done"
        self.wait_for(lambda: all(is_idle(bale) for bale in bales), "all sweeps are over", SECONDS)


class Expiration(RuleCase, LedgerCase):
    def fill(self, bales):
        for number in range(30):
            bale = bales[number % len(bales)]
            self.put(bale, f"old/{number}", b"o" * (1000 + number))
            self.put(bale, f"stay/{number}", b"s" * number)
        for number in range(6):
            self.put(bales[0], f"tagged/{number}", b"t", **{TAG: f"temp={'yes' if number < 3 else 'no'}"})

    def test_each_object_goes_once(self):
        first, second = bales = self.start()
        self.fill(bales)
        begun = first.client().post(self.bucket, "parts", {"uploads": None})
        self.assertEqual(200, begun.status, begun)
        everything = self.keys(first)
        gone = {f"old/{number}" for number in range(30)} | {f"tagged/{number}" for number in range(3)}
        self.set(first, "lifecycle", OLD)
        uploads = lambda: second.client().get(self.bucket, None, {"uploads": None}).texts("Upload/Key")  # noqa: E731
        self.wait_for(lambda: not uploads(), "an upload that is given up", SECONDS)
        self.wait_for_counts(bales, "abort-upload", 1)
        if self.compares():
            self.wait_for(lambda: self.keys(first) == everything - gone, "what is due has gone", SECONDS)
            self.wait_for_counts(bales, "expire", len(gone))
        else:
            self.wait_for(lambda: self.sweep(second).get("unsafe") == len(gone), "it is said what stays", SECONDS)
            self.assertEqual(everything, self.keys(first))
            self.assertIn(f"{len(gone)} stay because they cannot be removed, or moved, safely", self.told_by_command(second))
        self.check(bales)

    def test_an_overwrite_while_a_deletion_is_on_its_way(self):
        """They wait in a proxy while the keys are written anew: what is on its way then is refused. What went before that is written again."""
        proxy = self.proxy()
        behind, = self.start(1, place=proxy)
        direct = self.replica_of(behind, "--lifecycle-pace", "0")
        if not self.compares():
            self.skipTest("the backend compares nothing when it deletes")
        keys = [f"old/{number}" for number in range(8)]
        for key in keys:
            self.put(direct, key, b"before")
        proxy.rules(fault("hold", op=["DeleteObject", "PutObject"], key="old/", header="if-match"))
        self.set(direct, "lifecycle", OLD)
        self.wait_for(lambda: any(proxy.fired()), "deletions are on their way", SECONDS)
        self.set(direct, "lifecycle", YOUNG)
        for key in keys:
            self.put(direct, key, b"after " + key.encode())
        proxy.release()
        self.wait_for(lambda: self.sweep(direct).get("state") == "done" and self.counts(behind, "changed") > 0,
                      "a deletion is refused", SECONDS)
        for key in keys:
            self.assertEqual(b"after " + key.encode(), direct.client().get(self.bucket, key).body)
        proxy.clear()
        self.check([behind, direct])


class NativeCase(RuleCase, LedgerCase):
    """Rules of the backend's own bucket."""

    FOR = ()

    def put_natively(self, document):
        answer = self.backend.client().put(self.backend.bucket, None, {"lifecycle": None}, {"Content-MD5": checksums.md5_base64(document.encode())},
                                           document)
        self.assertEqual(200, answer.status, answer)

    def native(self, bale):
        return json.loads(bale.admin("/lifecycle")[1]).get("native_rules", {})

    def covers(self, bale):
        return self.native(bale)["covers_own"], "\nbale_lifecycle_native_rule_covers_own 1\n" in bale.admin("/metrics")[1]

    def wait_until_looked(self, bale):
        self.wait_for(lambda: (row := self.native(bale)) and (row["is_known"] or row["trouble"]), "a look at the backend's rules", SECONDS)


class NativeRules(NativeCase):
    FOR = ("raw", "versitygw", "minio")

    def test_no_alarm_without_rules(self):
        bale, = self.start(1, "--lifecycle-pace", "0")
        self.wait_until_looked(bale)
        self.assertEqual((False, False), self.covers(bale))
        self.assertNotIn("DANGER", self.told_by_command(bale))

    def test_what_is_printed_can_be_put(self):
        bale, = self.start(1, "--lifecycle-pace", "0")
        self.set(bale, "lifecycle", rules(
            rule("old", "old/", EXPIRE + ABORT), rule("tagged", "", EXPIRE, ("temp", "yes")),
            rule("all", "", EXPIRE + "<NoncurrentVersionExpiration><NoncurrentDays>4</NoncurrentDays></NoncurrentVersionExpiration>")))
        done = self.command(bale, "--native", self.bucket)
        self.assertIn("rule all: without a prefix or a tag", done.stderr)
        configuration = json.loads(self.command(bale, "--native", self.bucket, "--json").stdout)
        self.assertEqual(["old", "tagged", "all"], [row["ID"] for row in configuration["Rules"]])
        self.assertEqual({"Prefix": "old/"}, configuration["Rules"][0]["Filter"])
        self.assertEqual({"Days": 1}, configuration["Rules"][0]["Expiration"])
        self.assertEqual({"DaysAfterInitiation": 1}, configuration["Rules"][0]["AbortIncompleteMultipartUpload"])
        self.assertEqual({"Tag": {"Key": "temp", "Value": "yes"}}, configuration["Rules"][1]["Filter"])
        self.assertNotIn("Expiration", configuration["Rules"][2])
        self.assertEqual({"NoncurrentDays": 4}, configuration["Rules"][2]["NoncurrentVersionExpiration"])
        if self.backend.name != "minio":
            return
        self.put_natively(done.stdout.strip().replace("<Days>1</Days>", "<Days>3000</Days>"))
        other = self.replica_of(bale, "--lifecycle-pace", "0")
        self.wait_until_looked(other)
        self.assertEqual((False, False), self.covers(other), "its own document endangers nothing")


class DangerousRules(NativeCase):
    FOR = ("minio",)

    def test_an_alarm(self):
        self.put_natively(rules(rule("everything", "", "<Expiration><Days>3000</Days></Expiration>")))
        bale, = self.start(1, "--lifecycle-pace", "0")
        self.wait_until_looked(bale)
        self.assertEqual((True, True), self.covers(bale))
        self.assertEqual("everything", self.native(bale)["rule"])
        self.wait_for_line(bale, "the lifecycle rule everything of the backend's own bucket covers")
        self.assertIn("DANGER: the lifecycle rule everything", self.told_by_command(bale))


class Told(RuleCase, LedgerCase):
    FOR = ("raw", "versitygw", "minio")

    def test_what_is_said_of_an_object(self):
        """What answers announce, why one stays or goes, and that somebody has looked at the clock."""
        bale, = self.start(1, "--lifecycle-pace", "0")
        self.put(bale, "stay/k", b"s")
        self.set(bale, "lifecycle", OLD)
        self.put(bale, "old/k", b"o")
        client = bale.client()
        for answer in (client.head(self.bucket, "old/k"), client.get(self.bucket, "old/k"), client.put(self.bucket, "old/k", (), (), b"o"),
                       client.put(self.bucket, "old/copy", (), {"x-amz-copy-source": f"{self.bucket}/stay/k"})):
            self.assertRegex(answer.header("x-amz-expiration") or "", r'^expiry-date="[^"]+ 00:00:00 GMT", rule-id="old"$', answer)
        self.assertIsNone(client.head(self.bucket, "stay/k").header("x-amz-expiration"))
        created = client.post(self.bucket, "old/parts", {"uploads": None})
        for answer in (created, client.get(self.bucket, "old/parts", {"uploadId": created.text("UploadId")})):
            self.assertEqual("uploads", answer.header("x-amz-abort-rule-id"), answer)
            self.assertRegex(answer.header("x-amz-abort-date") or "", r" 00:00:00 GMT$")
        self.wait_for(lambda: "expire: rule old, due since " in self.command(bale, "--explain", f"{self.bucket}/old/k").stdout, "it is due", SECONDS)
        told = self.command(bale, "--explain", f"{self.bucket}/stay/k").stdout
        self.assertIn("it stays\n", told)
        self.assertIn("    old is for another prefix\n", told)
        self.assertIn("NOTHING IS CARRIED OUT: --lifecycle-pace is 0", self.told_by_command(bale))
        self.assertEqual("the clock is believed\n", self.command(bale, "--confirm-clock").stdout)


class Takeover(RuleCase, LedgerCase):
    FOR = ("raw",)  # what is tried is the journal's

    def test_who_stands_still_is_followed(self):
        """And does nothing when it goes on: what was written meanwhile is there, the rest went once."""
        first, second = bales = self.start(2, "--lifecycle-pace", "20")
        keys = {f"old/{number:02}" for number in range(60)}
        for key in keys:
            self.put(first, key, b"before")
        self.set(first, "lifecycle", OLD)
        self.wait_for(lambda: any(self.done(bale, "expire") for bale in bales), "a sweep has begun", SECONDS)
        holder, other = (first, second) if self.done(first, "expire") else (second, first)
        os.kill(holder.server.pid, signal.SIGSTOP)
        try:
            number = self.sweep(other)["number"]
            kept = sorted(self.keys(other))[-5:]
            self.assertEqual(5, len(kept), "it stood still in the midst of it")
            for key in kept:
                self.put(other, key, b"after", **{TAG: "temp=no"})
            self.wait_for(lambda: self.done(other, "expire"), "the other one takes over", SECONDS)
            self.assertTrue(self.sweep(other)["number"] > number or self.sweep(other)["claim"] > 1, self.sweep(other))
            self.set(other, "lifecycle", YOUNG)
            for key in kept:
                self.put(other, key, b"again", **{TAG: "temp=no"})
        finally:
            os.kill(holder.server.pid, signal.SIGCONT)
        self.wait_until_idle(*bales)
        self.assertEqual(set(kept), self.keys(first) & set(kept))
        for key in kept:
            self.assertEqual(b"again", first.client().get(self.bucket, key).body)
        self.check(bales)

    def test_versions_vanish_while_they_are_listed(self):
        """All but the first of a page, of which a thousand rules make a short one; the sweep goes on behind them."""
        proxy = self.proxy(fault("refuse", method=["HEAD", "GET"], key="gone/", status=404, code="NoSuchKey"))
        behind, = self.start(1, place=proxy)
        for key in ("a", *(f"gone/{number:03}" for number in range(200)), "z"):
            self.assertEqual(200, self.backend.client().put(self.bucket, key, (), (), b"foreign").status)
        far = "<Expiration><Days>3000</Days></Expiration>"
        self.set(behind, "lifecycle", rules(rule("all", "", far), *(rule(f"r{number}", f"none/{number}", far) for number in range(999))))
        self.wait_for(lambda: self.sweep(behind).get("state") == "done", "the sweep is over", SECONDS)
        self.assertEqual(2, self.sweep(behind)["judged"])

    def test_who_is_killed_is_followed(self):
        first, second = bales = self.start(2, "--lifecycle-pace", "20")
        for number in range(60):
            self.put(first, f"old/{number:02}", b"before")
        self.put(first, "stay", b"stays")
        self.set(first, "lifecycle", OLD)
        self.wait_for(lambda: any(self.done(bale, "expire") for bale in bales), "a sweep has begun", SECONDS)
        holder, other = (first, second) if self.done(first, "expire") else (second, first)
        holder.kill()
        self.wait_for(lambda: self.keys(other) == {"stay"}, "the other one ends it", SECONDS)
        self.wait_for(lambda: self.done(other, "expire") > 0, "it has done so itself", SECONDS)
        holder.start()
        self.check(bales)


class Versions(RuleCase, VersionCase):
    FOR = ("raw", "versitygw", "minio")

    def start(self):
        bales = self.fleet(2, None, *OPTIONS)
        if not fronts.verdicts(self.backend)["versions"]:
            self.skipTest("the backend keeps no versions")
        self.set_versioning(bales[0].client(), ENABLED)
        return bales

    def set_rules(self, bale, document):
        answer = ReplicaCase.put_setting(self, bale, "lifecycle", document)
        self.assertEqual(200, answer.status, answer)

    def test_noncurrent_versions_and_lone_markers(self):
        first, second = self.start()
        alice = first.client()
        ids = [alice.put(self.bucket, "k", (), {TAGGING: "temp=yes"} if number == 3 else (), b"%d" % number).header("x-amz-version-id")
               for number in range(8)]
        alone = alice.put(self.bucket, "alone", (), (), b"x").header("x-amz-version-id")
        self.assertEqual(204, alice.delete(self.bucket, "alone").status)
        self.assertEqual(204, alice.delete(self.bucket, "alone", {"versionId": alone}).status)
        self.assertEqual(200, alice.put(self.bucket, "below", (), (), b"x").status)
        self.assertEqual(204, alice.delete(self.bucket, "below").status)
        self.set_rules(first, NONCURRENT)
        wanted = [ids[7], ids[6], ids[5]]
        listed = lambda: [version for _, version, *_ in self.versions(second.client(), "k")]  # noqa: E731
        self.wait_for(lambda: listed() == wanted, "two noncurrent versions stay", SECONDS)
        self.wait_for(lambda: not self.versions(second.client(), "alone"), "a marker that is alone goes", SECONDS)
        self.wait_for(lambda: [marker for _, _, marker, *_ in self.versions(second.client(), "below")] == [True, False], "others stay", SECONDS)
        self.assertEqual(b"7", second.client().get(self.bucket, "k").body)
        self.wait_for_counts((first, second), "remove-version", 5)

    def test_current_objects(self):
        """Get a marker, where the backend compares; else they stay, and that is said."""
        first, second = self.start()
        version = first.client().put(self.bucket, "old/k", (), (), b"x").header("x-amz-version-id")
        self.set_rules(first, rules(rule("old", "old/", EXPIRE)))
        facts = lambda: [(found, marker) for _, found, marker, *_ in self.versions(second.client(), "old/k")]  # noqa: E731
        if self.compares():
            self.wait_for(lambda: [marker for _, marker in facts()] == [True, False], "a marker", SECONDS)
            self.assertEqual(version, facts()[1][0])
        else:
            self.wait_for(lambda: self.sweep(second).get("unsafe") == 1, "it is said that it stays", SECONDS)
            self.assertEqual([(version, False)], facts())
