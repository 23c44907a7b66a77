"""tests/backends/fleet/replicas.py -- several Bales before one bucket: the journal in it, and settings of buckets, which all of them hold to."""

import base64
import hashlib
import json
import threading
import time

import acls
import fronts
import sigv4
from backend_case import BackendCase
from faults import fault
from tools_alone import bale_command

SEEN_SECONDS = 2.5  # a change through one is seen by the others after 2 s at most
JOURNAL_SECONDS = 300  # until a process that has just been started has read it, on a busy machine
ANONYMOUS = acls.ANONYMOUS
CORS = ("<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>https://a.example</AllowedOrigin>"
        "</CORSRule></CORSConfiguration>")
TAGS = "<Tagging><TagSet><Tag><Key>team</Key><Value>blue</Value></Tag></TagSet></Tagging>"
LIFECYCLE = ("<LifecycleConfiguration><Rule><ID>old</ID><Filter><Prefix>logs/</Prefix></Filter><Status>Enabled</Status>"
             "<Expiration><Days>9</Days></Expiration></Rule></LifecycleConfiguration>")


class ReplicaCase(BackendCase):
    def replicas(self, count, *options, place=None):
        """With the same accounts, as replicas must have them."""
        started = [self.bale(place, *options)]
        for _ in range(count - 1):
            started.append(self.replica_of(started[0], *options, place=place))
        return started

    def replica_of(self, other, *options, place=None):
        front = fronts.Bale(self.baled, place or self.backend, self.backend, options, accounts=other.daemon.accounts)
        self.addCleanup(front.stop)
        return front.start()

    def wait_until_seen(self, condition, what):
        """That it takes two seconds nobody measures: a busy machine answers when it can."""
        self.wait_for(condition, what)

    def put_setting(self, bale, name, document, headers=()):
        document = sigv4.to_bytes(document)
        digest = base64.b64encode(hashlib.md5(document).digest()).decode()
        return bale.client().put(self.bucket, None, {name: None}, {"Content-MD5": digest, **dict(headers)}, document)

    def set(self, bale, name, document, headers=()):
        answers = []

        def is_answered():
            answers.append(self.put_setting(bale, name, document, headers))
            return answers[-1].status != 503  # the journal has not been read yet
        self.wait_for(is_answered, "the journal", JOURNAL_SECONDS)
        self.assertIn(answers[-1].status, (200, 204), answers[-1])

    def setting(self, bale, name):
        answer = bale.client().get(self.bucket, None, {name: None})
        return answer.body if answer.status == 200 else None

    def set_for_all(self, bale, bales, colour):
        """A tag of the bucket through one of them, which all of them have then."""
        self.set(bale, "tagging", TAGS.replace("blue", colour))
        for other in bales:
            self.wait_for(lambda other=other: f">{colour}<".encode() in (self.setting(other, "tagging") or b""), f"{colour} in all")

    def allow_all_to_read(self, bale):
        self.set(bale, "policy", acls.policy(acls.statement("Allow", "*", "s3:GetObject", acls.arn(self.bucket, "*"))))

    def may_anybody_read(self, bale, key="k"):
        return bale.client().get(self.bucket, key, **ANONYMOUS).status == 200

    def own_keys(self, prefix):
        return self.backend.client().get(self.bucket, None, {"list-type": "2", "prefix": prefix}).texts("Contents/Key")


class SharedSettings(ReplicaCase):
    def test_what_is_set_through_one_holds_in_all(self):
        first, second = self.replicas(2)
        self.assertEqual(200, first.client().put(self.bucket, "k", (), (), b"x").status)
        for name, document in (("cors", CORS), ("tagging", TAGS), ("lifecycle", LIFECYCLE)):
            self.set(first, name, document)
            self.wait_until_seen(lambda name=name: self.setting(second, name), name)
            self.assertEqual(self.setting(first, name), self.setting(second, name))
        read = second.client().get(self.bucket, "k", (), {"Origin": "https://a.example"})
        self.assertEqual("https://a.example", read.header("access-control-allow-origin"), read)

        self.assertFalse(self.may_anybody_read(second))
        self.allow_all_to_read(first)
        self.assertTrue(self.may_anybody_read(first), "whoever sets it sees it at once")
        self.wait_until_seen(lambda: self.may_anybody_read(second), "the policy")
        self.assertEqual(204, second.client().delete(self.bucket, None, {"policy": None}).status)
        self.assertFalse(self.may_anybody_read(second))
        self.wait_until_seen(lambda: not self.may_anybody_read(first), "that the policy is gone")

    def test_grants_of_a_bucket(self):
        first, second = self.replicas(2)
        self.set(first, "ownershipControls", acls.ownership("ObjectWriter"))
        self.set(first, "acl", b"", {"x-amz-acl": "public-read"})
        self.wait_until_seen(lambda: second.client().get(self.bucket, None, {"list-type": "2"}, **ANONYMOUS).status == 200, "the grant")

    def test_settings_outlive_all_replicas(self):
        first, second = self.replicas(2)
        self.allow_all_to_read(first)
        self.assertEqual(200, first.client().put(self.bucket, "k", (), (), b"x").status)
        first.kill()
        self.wait_until_seen(lambda: self.may_anybody_read(second), "what a dead replica has set")
        second.kill()
        third = self.replica_of(first)
        self.assertTrue(self.may_anybody_read(third), "a request waits for the journal after a start")
        answer = third.client().get(self.bucket, None, {"policy": None})
        self.assertEqual(200, answer.status, answer)

    def test_changes_at_once_through_all(self):
        """Everybody succeeds, and all replicas end with the same one, whole."""
        bales = self.replicas(3)
        documents = [TAGS.replace("blue", f"blue-{number}") for number in range(12)]
        failed = []

        def change(bale, document):
            answer = self.put_setting(bale, "tagging", document)
            if answer.status not in (200, 204):
                failed.append(answer)
        threads = [threading.Thread(target=change, args=(bales[number % 3], document)) for number, document in enumerate(documents)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([], failed)
        self.wait_for(lambda: len({self.setting(bale, "tagging") for bale in bales}) == 1, "agreement")
        self.assertIn(self.setting(bales[0], "tagging").partition(b"blue-")[2].partition(b"<")[0], [b"%d" % n for n in range(12)])

    def test_a_document_that_is_gone_and_comes_back(self):
        """Nobody is let in meanwhile, and nobody has to start anything again."""
        bale, = self.replicas(1, "--shards", "1")
        self.allow_all_to_read(bale)
        self.assertEqual(200, bale.client().put(self.bucket, "k", (), (), b"x").status)
        document, = self.own_keys(".bale/settings/")
        plain = self.backend.client()
        kept = plain.get(self.bucket, document).body
        self.assertEqual(204, plain.delete(self.bucket, document).status)
        other = self.replica_of(bale, "--shards", "1")
        self.assertEqual(500, other.client().get(self.bucket, "k").status)
        self.assertEqual(500, other.client().get(self.bucket, "k", **ANONYMOUS).status)
        self.assertEqual(200, plain.put(self.bucket, document, (), (), kept).status)
        self.wait_for(lambda: self.may_anybody_read(other), "what the document allows", 120)

    def test_everything_of_bale_is_deleted(self):
        """Under processes that run: they refuse what they do not know any more, and allow no more than before."""
        bale, other = self.replicas(2, "--settings-grace", "1s", "--journal-poll", "200ms")
        self.set(bale, "policy", acls.policy(acls.statement("Deny", "*", "s3:GetObject", acls.arn(self.bucket, "*"))))
        self.assertEqual(200, bale.client().put(self.bucket, "k", (), (), b"x").status)
        self.wait_until_seen(lambda: other.client().get(self.bucket, "k").status == 403, "the policy")
        for key in self.own_keys(".bale/"):
            self.assertEqual(204, self.backend.client().delete(self.bucket, key).status)

        def refuses(front):
            status = front.client().get(self.bucket, "k").status
            self.assertIn(status, (403, 500, 503))
            return status == 503
        for front in (bale, other):  # a quiet one sees it when it folds at the latest
            self.wait_for(lambda front=front: refuses(front), "that the journal is gone", 120)

    def test_everything_of_bale_is_deleted_and_objects_stay(self):
        """Where a bucket has no settings nothing of what its clients do needs the journal; an upload that lay there is not there any more."""
        bales = self.replicas(2, "--settings-grace", "1s", "--journal-poll", "200ms", "--fleet-card", "1s")
        first, second = (bale.client() for bale in bales)
        bodies = {"small": b"x" * 1000, "large": b"a line of a log\n" * (9 << 16)}
        for key, body in bodies.items():
            self.assertEqual(200, first.put(self.bucket, key, (), (), body, payload="unsigned").status)
        upload = first.post(self.bucket, "parts", {"uploads": None}).text("UploadId")
        etag = second.put(self.bucket, "parts", {"partNumber": "1", "uploadId": upload}, (), b"part").header("etag")
        for key in self.own_keys(".bale/"):
            self.assertEqual(204, self.backend.client().delete(self.bucket, key).status)
        self.wait_for(lambda: all("journal" in bale.admin("/ready")[1] for bale in bales), "that the journal is gone", 120)
        for bale in bales:
            self.assertEqual(200, bale.admin("/ready")[0])
            for key, body in bodies.items():
                self.assertEqual((200, body), ((answer := bale.client().get(self.bucket, key)).status, answer.body))
        self.assertEqual(200, second.put(self.bucket, "new", (), {"if-none-match": "*"}, b"new").status)
        self.assertEqual(b"new", first.get(self.bucket, "new").body)
        self.assertEqual(204, first.delete(self.bucket, "small").status)
        self.assertEqual(404, second.get(self.bucket, "small").status)
        self.assertEqual(["large", "new"], second.get(self.bucket, None, {"list-type": "2"}).texts("Contents/Key"))
        document = f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
        answer = first.post(self.bucket, "parts", {"uploadId": upload}, (), document)
        self.assertEqual((404, "NoSuchUpload"), (answer.status, answer.code))


class JournalInABucket(ReplicaCase):
    def journal(self, *arguments):
        return bale_command(self, "journal", *arguments)

    def wait_until_it_runs(self, bale):
        self.wait_for(lambda: json.loads(bale.admin("/journal")[1] or "{}").get("condition") == "running"
                      if bale.admin("/journal")[0] == 200 else False, "a journal that runs")

    def test_an_operator_sees_it(self):
        first, second = self.replicas(2)
        self.allow_all_to_read(first)
        for bale in (first, second):
            self.wait_until_it_runs(bale)
            self.assertEqual((200, "ready\n"), bale.admin("/ready"))
        self.assertTrue(all(key.startswith((".bale/journal/", ".bale/settings/", ".bale/fleet/", ".bale/backend")) for key in self.own_keys(".bale/")))
        self.assertEqual([], first.client().get(self.bucket, None, {"list-type": "2"}).texts("Contents/Key"))
        for arguments in ((), ("--verify",), ("--json",), ("--test-store",)):
            done = self.journal(*arguments)
            self.assertEqual(0, done.returncode, (arguments, done.stdout, done.stderr))
        self.assertEqual(7, self.journal("--test-store").stdout.count(b"held "))
        self.assertEqual("running", json.loads(self.journal("--json").stdout)["condition"])

    def test_a_lost_head_is_restored(self):
        first, = self.replicas(1)
        self.allow_all_to_read(first)
        self.assertEqual(200, first.client().put(self.bucket, "k", (), (), b"x").status)
        first.daemon.stop()
        self.assertEqual(204, self.backend.client().delete(self.bucket, ".bale/journal/head").status)
        second = self.replica_of(first)
        self.wait_for(lambda: "head-missing" in second.admin("/ready")[1], "that the head is missing")
        self.assertEqual(200, second.admin("/ready")[0])
        second.daemon.stop()
        asked = self.journal("--restore")
        self.assertEqual((1, True), (asked.returncode, b"--yes" in asked.stderr), asked)
        done = self.journal("--restore", "--yes")
        self.assertEqual(0, done.returncode, done)
        third = self.replica_of(first)
        self.wait_for(lambda: self.may_anybody_read(third), "settings from before")

    def test_a_copy_of_the_bucket_is_adopted(self):
        first, = self.replicas(1)
        self.allow_all_to_read(first)
        self.assertEqual(200, first.client().put(self.bucket, "k", (), (), b"x").status)
        first.daemon.stop()
        original, copy = self.backend, self.server.another_bucket()
        for key in self.own_keys("") or ():
            read = original.client().get(original.bucket, key)
            metadata = [(name, value) for name, value in read.headers if name.lower().startswith("x-amz-meta-")]
            self.assertEqual(200, copy.client().put(copy.bucket, key, (), metadata, read.body).status)
        self.backend, self.bucket = copy, copy.bucket
        second = self.replica_of(first, "--bucket-name", original.bucket)
        self.wait_for(lambda: "is-copy" in second.admin("/ready")[1], "that it is a copy")
        second.daemon.stop()
        done = self.journal("--adopt", "--yes")
        self.assertEqual(0, done.returncode, done)
        third = self.replica_of(first, "--bucket-name", original.bucket)
        self.wait_for(lambda: third.client().get(original.bucket, "k", **ANONYMOUS).status == 200, "settings of the original")

    def test_a_quiet_replica_asks_one_thing_a_poll(self):
        proxy = self.proxy()
        bale, = self.replicas(1, "--journal-poll", "200ms", place=proxy)
        self.allow_all_to_read(bale)
        self.wait_until_it_runs(bale)

        self.wait_for(lambda: "\nbale_journal_live_segments 0\n" in bale.admin("/metrics")[1], "a fold")
        self.wait_for(lambda: self.is_quiet(proxy), "folds that have ended")
        for _ in range(10):  # on a busy machine something may be late: not each time
            began, since = time.monotonic(), len(proxy.operations(0))
            time.sleep(3)
            asked = proxy.operations(since)
            most = (time.monotonic() - began) / 0.2 + 1
            if set(asked) == {"GetObject"} and len(asked) <= most:
                break
        self.assertEqual({"GetObject"}, set(asked))
        self.assertLessEqual(len(asked), most, "one conditional GET a poll, all included")

    def is_quiet(self, proxy):
        since = len(proxy.operations(0))
        time.sleep(2)  # a fold comes no sooner than a second after another, and cleans up at once
        return set(proxy.operations(since)) <= {"GetObject"}


class WithoutAJournal(ReplicaCase):
    FOR = ("raw",)

    def test_a_backend_that_ignores_conditions(self):
        proxy = self.proxy(fault("ignore", what="put-create"))
        bale = self.bale(proxy)
        status, text = bale.admin("/ready")
        self.assertEqual((200, "ready"), (status, text.splitlines()[0]))
        self.assertIn("there is no journal", text)
        self.assertEqual(404, bale.admin("/journal")[0])
        self.wait_for_line(bale, "there is no journal")
        answer = self.put_setting(bale, "tagging", TAGS)
        self.assertEqual((501, "NotImplemented"), (answer.status, answer.code))
        self.assertEqual([], self.own_keys(".bale/journal/"))
        done = bale_command(self, "journal")
        self.assertEqual((1, True), (done.returncode, b"there is no journal" in done.stderr), done)
