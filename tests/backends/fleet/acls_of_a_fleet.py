"""tests/backends/fleet/acls_of_a_fleet.py -- whose an object is and whom it is given to, over several Bales before one bucket: what is set through
one decides in the next request through another, belongs to one write of the key, and opens nothing when it cannot be read."""

import secrets
import threading
import time

import acls
import client
import daemon
import fronts
import sigv4
from faults import fault
from replicas import ANONYMOUS, ReplicaCase

LISTS = r"\.bale/acl/"
MANY = 5  # accounts in a list that is too long for an object's metadata


def accounts_of_many():
    """The usual ones, and some more."""
    made = daemon.make_accounts()
    for number in range(MANY):
        name = f"guest-{number}"
        made[name] = client.Account(name, "AKIA" + secrets.token_hex(8).upper(), secrets.token_urlsafe(30), secrets.token_hex(32))
    return made


class AclCase(ReplicaCase):
    def writers(self, count, *options, place=None):
        """Replicas before a bucket in which a new object is its writer's, and everybody may write."""
        accounts = accounts_of_many()
        bales = []
        for _ in range(count):
            bales.append(fronts.Bale(self.baled, place or self.backend, self.backend, options, accounts=accounts))
            self.addCleanup(bales[-1].stop)
            bales[-1].start()
        self.set(bales[0], "ownershipControls", acls.ownership("ObjectWriter"))
        self.set(bales[0], "acl", b"", {"x-amz-acl": "public-read-write"})
        for bale in bales:
            self.wait_until_seen(lambda bale=bale: bale.client("bob").get(self.bucket).status == 200, "the grant to everyone")
        return bales

    def put(self, bale, key, body=b"x", account="alice", headers=()):
        answer = bale.client(account).put(self.bucket, key, (), headers, body, payload="unsigned")
        self.assertEqual(200, answer.status, answer)
        return answer

    def give(self, bale, key, canned, account="alice"):
        return bale.client(account).put(self.bucket, key, {"acl": None}, {"x-amz-acl": canned}, b"")

    def set_list(self, bale, key, canned, account="alice"):
        answer = self.give(bale, key, canned, account)
        self.assertEqual(200, answer.status, answer)

    def list_of(self, bale, key, account="alice"):
        answer = bale.client(account).get(self.bucket, key, {"acl": None})
        self.assertEqual(200, answer.status, answer)
        return answer.text("Owner/ID"), acls.grants_of(answer)

    def assert_open(self, bales, key, is_open):
        for bale in bales:
            self.assertEqual(200 if is_open else 403, bale.client().get(self.bucket, key, **ANONYMOUS).status)

    def id_of(self, bale, name):
        return bale.server.accounts[name].id


class AclsOfAFleet(AclCase):
    def test_what_one_sets_the_other_obeys_at_once(self):
        bales = first, second = self.writers(2)
        self.put(first, "k", b"x" * 3000, headers={"x-amz-acl": "public-read"})
        before = second.client().head(self.bucket, "k")
        for turn in range(5):
            self.assert_open(bales, "k", True)
            self.set_list(bales[turn % 2], "k", "private")
            self.assert_open(bales, "k", False)
            self.set_list(bales[(turn + 1) % 2], "k", "public-read")
        after = second.client().head(self.bucket, "k")
        for name in ("etag", "last-modified", "content-length"):
            self.assertEqual(before.header(name), after.header(name))
        self.assertEqual(1, len(self.own_keys(".bale/acl/")), "one list of one object, however often it was set")

    def test_owners(self):
        """In lists, too, of one who has seen the key before: equal bytes have equal ETags."""
        first, second = self.writers(2)
        for account in ("alice", "bob", "alice"):
            time.sleep(1.1)  # the backend's lists say seconds
            self.put(first, "k", b"the same bytes", account)
            for bale in (first, second, second):
                self.assertEqual(self.id_of(bale, account), self.list_of(bale, "k", account)[0])
                listed = bale.client().get(self.bucket)
                self.assertEqual([self.id_of(bale, account)], listed.texts("Contents/Owner/ID"))
        self.put(first, "his", b"y", "bob")
        self.assertEqual(403, second.client("alice").get(self.bucket, "his").status, "the bucket's owner owns no object of others")
        self.assertEqual(200, second.client("bob").get(self.bucket, "his").status)

    def test_a_long_list(self):
        """It lies beside the object from the beginning: of a PUT, a copy, a large body and an upload in parts."""
        bales = first, second = self.writers(2, "--part-size", "5M")
        guests = [f"guest-{number}" for number in range(MANY)]
        grants = {"x-amz-grant-read": ", ".join(f'id="{self.id_of(first, name)}"' for name in guests)}
        self.put(first, "small", b"x", "bob", grants)
        self.put(first, "large", secrets.token_bytes(6 << 20), "bob", grants)
        copied = first.client("bob").put(self.bucket, "copy", (), {"x-amz-copy-source": f"/{self.bucket}/small", **grants}, b"")
        self.assertEqual(200, copied.status, copied)
        self.upload(bales, "joined", grants)
        for key in ("small", "large", "copy", "joined"):
            owner, listed = self.list_of(second, key, "bob")
            self.assertEqual(self.id_of(first, "bob"), owner)
            self.assertEqual([(self.id_of(first, name), "READ") for name in guests], listed)
            for name in guests:
                self.assertEqual(200, second.client(name).get(self.bucket, key).status)
            self.assert_open(bales, key, False)
        self.assertEqual(4, len(self.own_keys(".bale/acl/")))
        for name in self.own_keys(".bale/acl/"):  # somebody removes them: then nobody is let in, and nothing is made up
            self.assertIn(self.direct().client().delete(self.bucket, name).status, (200, 204))
        self.assertEqual(500, second.client(guests[0]).get(self.bucket, "small").status)
        self.assertEqual(500, second.client("bob").get(self.bucket, "small", {"acl": None}).status)
        self.assertEqual(200, second.client("bob").get(self.bucket, "small").status)
        self.set_list(first, "small", "private", "bob")
        self.assertEqual(403, second.client(guests[0]).get(self.bucket, "small").status)

    def upload(self, bales, key, headers):
        """Begun through one, ended through the other."""
        begun = bales[0].client("bob").post(self.bucket, key, {"uploads": None}, headers)
        upload = begun.text("UploadId")
        part = bales[0].client("bob").put(self.bucket, key, {"partNumber": "1", "uploadId": upload}, (), b"a part", payload="unsigned")
        document = (f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{part.header('etag')}</ETag></Part>"
                    "</CompleteMultipartUpload>")
        ended = bales[1].client("bob").post(self.bucket, key, {"uploadId": upload}, (), sigv4.to_bytes(document))
        self.assertEqual(200, ended.status, ended)

    def test_another_write_is_another_object(self):
        """An overwrite, a copy onto itself, a deletion: what was given before is given no more."""
        bales = first, second = self.writers(2)
        for write in (lambda: self.put(second, "k"),
                      lambda: second.client().put(self.bucket, "k", (), {"x-amz-copy-source": f"/{self.bucket}/k",
                                                                         "x-amz-metadata-directive": "REPLACE"}, b""),
                      lambda: (second.client().delete(self.bucket, "k"), self.put(second, "k"))):
            self.put(first, "k")
            self.set_list(first, "k", "public-read")
            self.assert_open(bales, "k", True)
            write()
            self.assert_open(bales, "k", False)

    def test_what_bale_did_not_write(self):
        """It is the bucket owner's and private, until a list is set; which ends with the object."""
        bales = first, second = self.writers(2)
        direct = self.direct().client()
        self.assertEqual(200, direct.put(self.bucket, "k", (), (), b"of another tool").status)
        self.assert_open(bales, "k", False)
        before = direct.head(self.bucket, "k")
        self.set_list(first, "k", "public-read")
        self.assert_open(bales, "k", True)
        self.assertEqual([before.header("etag"), before.header("last-modified")],
                         [direct.head(self.bucket, "k").header(name) for name in ("etag", "last-modified")])
        self.assertEqual(200, direct.put(self.bucket, "k", (), (), b"of another tool, again").status)
        self.assert_open(bales, "k", False)
        self.put(first, "given", headers={"x-amz-acl": "public-read"}, account="bob")
        self.assert_open(bales, "given", True)
        copied = direct.put(self.bucket, "copied", (), {"x-amz-copy-source": f"/{self.bucket}/given"}, b"")
        self.assertEqual(200, copied.status)
        self.assert_open(bales, "copied", False)
        self.assertEqual(self.id_of(first, "alice"), self.list_of(second, "copied")[0], "a copy past Bale is nobody's gift")


class ListsInTrouble(AclCase):
    FOR = ("raw",)

    def test_a_list_that_cannot_be_read_opens_nothing(self):
        """Not even by the list that the object was written with."""
        proxy = self.proxy()
        bale, = self.writers(1, place=proxy)
        self.put(bale, "k", headers={"x-amz-acl": "public-read"})
        for status in (500, 503, 403):
            proxy.rules(fault("refuse", op="GetObject", key=LISTS, status=status))
            self.assertEqual(503, bale.client().get(self.bucket, "k", **ANONYMOUS).status)
            self.assertEqual(200, bale.client().get(self.bucket, "k").status, "its owner needs no list")
            proxy.clear()
        self.assertEqual(200, bale.client().get(self.bucket, "k", **ANONYMOUS).status)

    def test_a_damaged_list_opens_nothing(self):
        bale, = self.writers(1)
        self.put(bale, "k", headers={"x-amz-acl": "public-read"})
        self.set_list(bale, "k", "public-read")
        name, = self.own_keys(".bale/acl/")
        direct = self.direct().client()
        body = bytearray(direct.get(self.bucket, name).body)
        body[-1] ^= 1
        self.assertEqual(200, direct.put(self.bucket, name, (), (), bytes(body)).status)
        self.assertEqual(500, bale.client().get(self.bucket, "k", **ANONYMOUS).status)
        self.set_list(bale, "k", "private")
        self.assert_open([bale], "k", False)

    def test_lost_answers(self):
        """Whoever is told 200 has set it, and nothing that arrives late undoes what was set after it."""
        proxy = self.proxy()
        bale, = self.writers(1, place=proxy)
        self.put(bale, "k")
        for rule in (fault("lose", op="PutObject", key=LISTS, nth=1), fault("duplicate", op="PutObject", key=LISTS),
                     fault("cut", op="PutObject", key=LISTS, nth=1), fault("refuse", op="PutObject", key=LISTS, status=412, nth=1),
                     fault("duplicate-late", op="PutObject", key=LISTS, seconds=0.2)):
            for canned, is_open in (("public-read", True), ("private", False)):
                proxy.rules(rule)
                self.set_list(bale, "k", canned)
                proxy.clear()
                self.assert_open([bale], "k", is_open)
        self.wait_for(lambda: proxy.late() == 0, "what comes late has come")
        self.assert_open([bale], "k", False)

    def test_two_set_it_at_once(self):
        """Both are told that it is set; one of them is what all see."""
        bales = self.writers(2)
        self.put(bales[0], "k")
        canned = ("public-read", "authenticated-read")
        for _ in range(10):
            answers = [None, None]

            def set_one(number, answers=answers):
                answers[number] = self.give(bales[number], "k", canned[number]).status
            threads = [threading.Thread(target=set_one, args=(number,)) for number in (0, 1)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual([200, 200], answers)
            seen = [self.list_of(bale, "k") for bale in bales]
            self.assertEqual(seen[0], seen[1])
            self.assertIn(seen[0][1][0], ((acls.ALL_USERS, "READ"), (acls.AUTHENTICATED_USERS, "READ")))

    def test_the_sweep(self):
        """What is left of objects that have gone, and nothing else."""
        bale, = self.writers(1, "--upload-sweep", "1s", "--upload-sweep-after", "1s")
        for key in ("stays", "goes", "changes"):
            self.put(bale, key)
            self.set_list(bale, key, "public-read")
        self.assertEqual(3, len(self.own_keys(".bale/acl/")))
        self.assertEqual(204, bale.client().delete(self.bucket, "goes").status)
        self.put(bale, "changes")
        self.wait_for(lambda: len(self.own_keys(".bale/acl/")) == 1, "that two lists are removed")
        self.assert_open([bale], "stays", True)
        self.assert_open([bale], "changes", False)


    def test_the_sweep_of_a_bucket_that_is_versioned_meanwhile(self):
        """The list of what has become a former version stays."""
        self.bale().stop()  # what the backend can do is tried without the proxy
        if not fronts.verdicts(self.backend)["versions"]:
            self.skipTest("the backend keeps no versions")
        proxy = self.proxy()
        bale, = self.writers(1, "--upload-sweep", "1s", "--upload-sweep-after", "1s", place=proxy)
        self.put(bale, "k")
        self.set_list(bale, "k", "public-read")
        proxy.rules(fault("hold", op="GetObject", key=LISTS, times=1))
        proxy.reset()
        self.wait_for(lambda: any(entry["op"] == "GetObject" and entry["key"].startswith(".bale/acl/") for entry in proxy.log()), "the sweep's look")
        enabled = self.backend.client().put(self.bucket, None, {"versioning": None}, (),
                                            b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
        self.assertEqual(200, enabled.status, enabled)
        self.put(bale, "k", b"newer")
        looks = len([entry for entry in proxy.log() if entry["op"] == "GetBucketVersioning"])
        proxy.clear()
        self.wait_for(lambda: len([entry for entry in proxy.log() if entry["op"] == "GetBucketVersioning"]) > looks + 2, "the sweep goes on")
        self.assertEqual(200, bale.client().get(self.bucket, "k", {"versionId": "null"}, **ANONYMOUS).status)

    def test_a_list_that_others_hold_up(self):
        """However often the backend asks to wait, the client hears of it in S3's words."""
        proxy = self.proxy()
        bale, = self.writers(1, place=proxy)
        self.put(bale, "k")
        proxy.rules(fault("refuse", op="PutObject", key=LISTS, status=409, code="ConditionalRequestConflict"))
        answer = self.give(bale, "k", "public-read")
        self.assertEqual((503, "SlowDown"), (answer.status, answer.code), answer)


class ListsCounted(AclCase):
    """What owners and lists cost, as docs/backend.md has it."""

    FOR = ("raw",)

    def made(self, proxy):
        mine = [entry for entry in proxy.log() if not entry["key"].startswith(".bale/") or entry["key"].startswith(".bale/acl/")]
        return [entry["op"] for entry in mine if entry["op"] not in ("HeadBucket", "GetBucketVersioning", "GetBucketLifecycle", "ListObjects")]

    def test_what_is_asked(self):
        proxy = self.proxy()
        bale, = self.writers(1, place=proxy)
        self.put(bale, "k", headers={"x-amz-acl": "public-read"})
        look, read, write = "HeadObject", "GetObject", "PutObject"
        for what, action, wanted in (
                ("read by its owner", lambda: bale.client().get(self.bucket, "k"), [look, read]),
                ("read by another", lambda: bale.client("bob").get(self.bucket, "k"), [look, read, read]),
                ("GetObjectAcl", lambda: bale.client().get(self.bucket, "k", {"acl": None}), [look, look, read]),
                ("PutObjectAcl", lambda: self.give(bale, "k", "private"), [look, look, read, write]),
                ("written", lambda: bale.client("bob").put(self.bucket, "new", (), (), b"x"), [write])):
            with self.subTest(what):
                proxy.reset()
                self.assertEqual(200, action().status)
                self.assertEqual(wanted, self.made(proxy))
