"""tests/backends/fleet/buckets_of_a_fleet.py -- several Bales before all buckets of a backend: whose a bucket is, and what is set of it, is the
same for all of them, also when it is removed and made again, when removing it fails, and when one of them sees one bucket only."""

import hashlib
import secrets
import time
from concurrent.futures import ThreadPoolExecutor

import acls
import sigv4
from faults import fault
from replicas import TAGS, ReplicaCase


class BucketsOfAFleet(ReplicaCase):
    def make(self, bale, name, owner="bob"):
        self.assertEqual(200, bale.client(owner).put(name).status)

    def deny_all_gets(self, bale, name, owner="bob"):
        policy = acls.policy(acls.statement("Deny", "*", "s3:GetObject", acls.arn(name, "*")))
        answer = bale.client(owner).put(name, None, {"policy": None}, (), sigv4.to_bytes(policy))
        self.assertEqual(204, answer.status, answer)

    def test_made_again_through_another_one(self):
        """By somebody else: then it is theirs, and what was set of the former one is gone."""
        first, second = self.replicas(2, "--all-buckets")
        name = f"again-{secrets.token_hex(6)}"
        self.make(first, name, "alice")
        self.assertEqual(404, second.client("alice").get(name, "k").status)
        self.assertEqual(204, first.client("alice").delete(name).status)
        self.make(first, name, "bob")
        # each shard sees it by itself
        self.wait_until_seen(lambda: all(second.client("bob").put(name, "k", (), (), b"x").status == 200 for _ in range(8)), "whose it is")
        self.assertEqual(403, second.client("alice").get(name, "k").status)
        self.deny_all_gets(second, name)
        self.wait_until_seen(lambda: first.client("bob").get(name, "k").status == 403, "what was set through the other one")

    def test_a_bucket_that_could_not_be_removed(self):
        """Somebody has written into it meanwhile, say: it is whose it was, and what was set of it holds."""
        for status, code in ((409, "BucketNotEmpty"), (503, "ServiceUnavailable")):
            proxy = self.proxy()
            bale = self.bale(proxy, "--all-buckets")
            name = f"stays-{secrets.token_hex(6)}"
            self.make(bale, name)
            self.deny_all_gets(bale, name)
            proxy.rules(fault("refuse", op="DeleteBucket", status=status, code=code))
            self.assertEqual(status, bale.client("bob").delete(name).status)
            proxy.clear()
            other = self.replica_of(bale, "--all-buckets")
            self.assertEqual(200, other.client("bob").put(name, "k", (), (), b"x").status)
            self.assertEqual(403, other.client("bob").get(name, "k").status, "the policy")
            self.assertEqual(403, other.client("alice").head(name).status, "hers are other buckets")

    def test_dictionaries_go_with_their_bucket(self):
        """Nobody but Bale can remove them; and where the bucket stays after all, so do they."""
        proxy = self.proxy()
        bale = self.bale(proxy, "--all-buckets")
        name, bytes_of = f"dictionary-{secrets.token_hex(6)}", [secrets.token_bytes(500) for _ in range(3)]
        keys = {f".s4dict/{hashlib.sha256(body).hexdigest()[:16]}": body for body in bytes_of}
        self.make(bale, name)
        for key, body in keys.items():
            self.assertEqual(200, self.backend.client().put(name, key, (), (), body).status)
        self.assertEqual(200, bale.client("bob").put(name, "k", (), (), b"x").status)
        self.assertEqual(409, bale.client("bob").delete(name).status)
        self.assertEqual(204, bale.client("bob").delete(name, "k").status)
        proxy.rules(fault("refuse", op="DeleteBucket", status=409, code="BucketNotEmpty"))
        self.assertEqual(409, bale.client("bob").delete(name).status)
        proxy.clear()
        self.assertEqual(keys, {key: self.backend.client().get(name, key).body for key in keys})
        self.assertEqual(204, bale.client("bob").delete(name).status)
        self.assertEqual(404, self.backend.client().head(name).status)

    def test_dictionaries_go_with_a_bucket_that_keeps_versions(self):
        """Theirs go, too, and no marker of them keeps the bucket."""
        bale = self.bale(None, "--all-buckets")
        name, client = f"dictionary-{secrets.token_hex(6)}", bale.client("bob")
        self.make(bale, name)
        enabled = client.put(name, None, {"versioning": None}, (), b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
        if enabled.status == 501:
            self.skipTest("the backend keeps no versions")
        self.assertEqual(200, enabled.status, enabled)
        for body in (secrets.token_bytes(500), secrets.token_bytes(500)):
            for _ in range(2):
                self.assertEqual(200, self.backend.client().put(name, f".s4dict/{hashlib.sha256(body).hexdigest()[:16]}", (), (), body).status)
        version = {"versionId": client.put(name, "k", (), (), b"x").header("x-amz-version-id")}
        marker = {"versionId": client.delete(name, "k").header("x-amz-version-id")}
        self.assertEqual(409, client.delete(name).status)
        for which in (version, marker):
            self.assertEqual(204, client.delete(name, "k", which).status)
        self.assertEqual(204, client.delete(name).status)
        self.assertEqual(404, self.backend.client().head(name).status)

    def test_whose_a_bucket_is_that_was_there(self):
        """Somebody else's, and it stays theirs whoever asks for one of that name."""
        name = self.backend.another_bucket().bucket
        bale = self.bale(None, "--all-buckets")
        self.assertEqual((409, "BucketAlreadyExists"), (bale.client("bob").put(name).status, bale.client("bob").put(name).code))
        self.assertEqual(200, bale.client("alice").put(name, "k", (), (), b"x").status)
        self.assertEqual(403, bale.client("bob").get(name, "k").status)

    def test_a_bucket_whose_making_met_trouble(self):
        """It is theirs who asked for it, at once or when they try again."""
        for rule in (fault("lose", op="CreateBucket", times=1), fault("duplicate", op="CreateBucket"),
                     fault("refuse", op="PutObject", key=r"\.bale/bucket", status=503)):
            proxy = self.proxy()
            bale = self.bale(proxy, "--all-buckets")
            name = f"made-{secrets.token_hex(6)}"
            proxy.rules(rule)
            first = bale.client("bob").put(name)
            proxy.clear()
            if first.status != 200:
                self.assertEqual(503, first.status, first)
                self.assertEqual(200, bale.client("bob").put(name).status)
            self.assertEqual(200, bale.client("bob").put(name, "k", (), (), b"x").status)
            self.assertEqual(403, bale.client("alice").get(name, "k").status)

    def test_who_looks_while_a_bucket_is_made(self):
        """Before its record is there it looks like one that Bale did not make, which is alice's. When it has been made no shard
        believes that any more."""
        proxy = self.proxy()
        bale = self.bale(proxy, "--all-buckets", "--shards", "2")
        clients = [bale.client("alice") for _ in range(16)]  # on both shards
        name = f"made-{secrets.token_hex(6)}"
        proxy.rules(fault("delay", op="PutObject", key=r"\.bale/bucket", seconds=1.5))
        with ThreadPoolExecutor(1) as pool:
            made = pool.submit(lambda: bale.client("bob").put(name).status)
            while not made.done():
                for client in clients:
                    self.assertIn(client.get(name, "k").status, (403, 404))
            self.assertEqual([403] * 16, [client.get(name, "k").status for client in clients])
        self.assertEqual(200, made.result())

    def test_a_sweep_of_one_that_sees_one_bucket(self):
        """It removes nothing of the others."""
        every = ("--settings-sweep", "1s")
        first = self.bale(None, "--all-buckets", *every)
        name = f"other-{secrets.token_hex(6)}"
        self.make(first, name)
        self.deny_all_gets(first, name)
        self.assertEqual(200, first.client("bob").put(name, "k", (), (), b"x").status)
        alone = self.replica_of(first, *every)
        for turn in range(5):  # so that it has something to sweep
            self.set(alone, "tagging", TAGS.replace("blue", f"blue-{turn}"))
            time.sleep(1.1)
        self.assertEqual(403, first.client("bob").get(name, "k").status, "the policy")
