"""tests/process/explain.py -- bale explain beside a running server: who decides, and that the server decides the same; for tests/process/run.

`Explain.baled` and `Explain.bale` are the programs; set before the tests run.
"""

import json
import subprocess
import unittest

from client import Client
from daemon import Daemon

POLICY = {"Version": "2012-10-17", "Statement": [
    {"Sid": "Referred", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::explained/public/*",
     "Condition": {"StringLike": {"aws:Referer": "http://site/*"}}},
    {"Sid": "Secret", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::explained/tagged/*",
     "Condition": {"StringEquals": {"s3:ExistingObjectTag/class": "secret"}}}]}
BUCKET = "explained"


class Explain(unittest.TestCase):
    baled = bale = None

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(cls.baled, ("--catalogue-max-size", "4G", "--shards", "2", "--default-ownership", "ObjectWriter"))
        server = cls.daemon.start()
        cls.clients = {name: Client(server, account) for name, account in server.accounts.items()}
        alice = cls.clients["alice"]
        assert alice.put(BUCKET, None).status == 200
        for key, headers in (("public/a", {}), ("tagged/s", {"x-amz-tagging": "class=secret"}), ("tagged/o", {}),
                             ("granted", {"x-amz-acl": "public-read"}), ("private", {})):
            assert alice.put(BUCKET, key, {}, headers, b"body").status == 200
        assert alice.put(BUCKET, None, {"policy": ""}, {}, json.dumps(POLICY).encode()).status == 204

    @classmethod
    def tearDownClass(cls):
        cls.daemon.remove()

    def run_bale(self, account, action, resource, *options):
        account = self.daemon.accounts[account].id if account in ("alice", "bob") else account
        words = [self.bale, "explain", "--backend", f"dir:{self.daemon.folder}/data", "--credentials", self.daemon.credentials,
                 "--account", account, "--action", action, *(["--resource", resource] if resource else []), *options]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    def explain(self, *words):
        done = self.run_bale(*words, "--json")
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        return json.loads(done.stdout)

    def test_says_what_decides(self):
        owner = {"allowed": True, "decided_by": "owner", "condition_keys": {}}
        self.assertEqual(owner, self.explain("alice", "s3:ListBucket", BUCKET))
        self.assertEqual(owner, self.explain("bob", "s3:CreateBucket", "another"))
        self.assertEqual({"allowed": False, "decided_by": "deny", "statement": 2, "sid": "Secret",
                          "condition_keys": {"s3:ExistingObjectTag/class": ["secret"]}},
                         self.explain("alice", "s3:GetObject", f"{BUCKET}/tagged/s"))
        self.assertEqual({"allowed": True, "decided_by": "policy", "statement": 1, "sid": "Referred",
                          "condition_keys": {"aws:Referer": ["http://site/x"]}},
                         self.explain("bob", "S3:getobject", f"arn:aws:s3:::{BUCKET}/public/a", "--context",
                                      '{"AWS:referer": "http://site/x"}'))
        self.assertEqual("acl", self.explain("anonymous", "s3:GetObject", f"{BUCKET}/granted")["decided_by"])
        reader = self.daemon.accounts["reader"].access_key
        self.assertEqual("role", self.explain(reader, "s3:PutObject", f"{BUCKET}/private")["decided_by"])

    def test_the_server_decides_the_same(self):
        for key in ("public/a", "tagged/s", "tagged/o", "granted", "private"):
            for name in ("alice", "bob"):
                expected = self.clients[name].get(BUCKET, key).status == 200
                self.assertEqual(expected, self.explain(name, "s3:GetObject", f"{BUCKET}/{key}")["allowed"], (name, key))

    def test_speaks_to_people(self):
        said = self.run_bale("bob", "s3:GetObject", f"{BUCKET}/public/a").stdout
        self.assertRegex(said, r"^refused: \w+ asks for s3:GetObject on arn:aws:s3:::explained/public/a\n")
        self.assertIn("nothing allows it", said)
        self.assertIn("it depends on aws:Referer, which is absent", said)
        self.assertIn("a Deny of the bucket's policy, statement 2 (\"Secret\")",
                      self.run_bale("alice", "s3:GetObject", f"{BUCKET}/tagged/s").stdout)
        self.assertIn("a grant of the object's ACL, to everyone (AllUsers)",
                      self.run_bale("bob", "s3:GetObject", f"{BUCKET}/granted").stdout)

    def test_refuses(self):
        for words, wanted in ((("bob", "s3:Nothing", BUCKET), "there is no such action"),
                              (("bob", "s3:ListBucket", f"{BUCKET}/k"), "is done to a bucket"),
                              (("bob", "s3:GetObject", BUCKET), "is done to an object"),
                              (("bob", "s3:ListBucket", "missing"), "there is no bucket missing"),
                              (("bob", "s3:ListBucket", ".bale"), "is Bale's own"),
                              (("carol", "s3:ListBucket", BUCKET), "neither such an id nor such an access key"),
                              (("bob", "s3:ListBucket", BUCKET, "--context", "{"), "--context: invalid JSON"),
                              (("bob", "s3:ListBucket", BUCKET, "--context", '{"aws:Nothing": "x"}'), "there is no condition key")):
            done = self.run_bale(*words)
            self.assertEqual((1, ""), (done.returncode, done.stdout))
            self.assertIn(wanted, done.stderr)
