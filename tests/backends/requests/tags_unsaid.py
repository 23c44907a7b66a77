"""tests/backends/requests/tags_unsaid.py -- a server that does not count an object's tags in its answers, as AWS does for who may not read them: whatever
is copied or written again keeps them all the same."""

import acls
from dictionaries_of_a_fleet import DictionaryCase
from faults import fault

UNSAID = fault("omit", op=["GetObject", "HeadObject"], field="x-amz-tagging-count")
TAGS = {"x-amz-tagging": "colour=red&team=blue"}


class TagsUnsaid(DictionaryCase):
    FOR = ("raw", "minio")

    def setUp(self):
        super().setUp()
        self.bale_there, = self.replicas(1, place=self.proxy(UNSAID))
        self.alice = self.bale_there.client()

    def tags(self, key):
        answer = self.backend.client().get(self.bucket, key, {"tagging": None})
        return dict(zip(answer.texts("TagSet/Tag/Key"), answer.texts("TagSet/Tag/Value")))

    def copy(self, client, source, target, headers=()):
        return client.put(self.bucket, target, (), {"x-amz-copy-source": f"{self.bucket}/{source}", **dict(headers)})

    def test_copies(self):
        self.assertEqual(200, self.alice.put(self.bucket, "tagged", (), TAGS, b"body").status)
        self.assertIsNone(self.alice.head(self.bucket, "tagged").header("x-amz-tagging-count"))
        self.assertEqual(200, self.alice.put(self.bucket, "plain", (), (), b"body").status)
        for name, headers in (("stored", {}), ("original", {"x-amz-checksum-algorithm": "SHA256"})):
            self.assertEqual(200, self.copy(self.alice, "tagged", name, headers).status)
            self.assertEqual({"colour": "red", "team": "blue"}, self.tags(name), name)
        self.assertEqual(200, self.copy(self.alice, "tagged", "others", {"x-amz-tagging-directive": "REPLACE", "x-amz-tagging": "a=1"}).status)
        self.assertEqual({"a": "1"}, self.tags("others"))
        self.assertEqual(200, self.copy(self.alice, "plain", "none").status)
        self.assertEqual({}, self.tags("none"))

    def test_rights(self):
        self.assertEqual(200, self.alice.put(self.bucket, "tagged", (), TAGS, b"body").status)
        self.assertEqual(200, self.alice.put(self.bucket, "plain", (), (), b"body").status)
        self.set(self.bale_there, "policy", acls.policy(acls.statement("Deny", "*", "s3:GetObjectTagging", acls.arn(self.bucket, "*"))))
        self.assertEqual(403, self.copy(self.alice, "tagged", "copy").status)
        self.assertEqual(200, self.copy(self.alice, "plain", "copy").status)

    def test_a_dictionary_is_retired(self):
        self.put_events(self.bale_there, "plain", 150)
        self.wait_for(lambda: self.bale_there.admin("/dict")[0] == 200, "the journal is read")
        made = self.train(self.bale_there)
        bodies = self.put_events(self.bale_there, "tagged", 5, headers=TAGS)
        retired = self.dict(self.bale_there, "retire", f"{self.bucket}/{made}")
        self.assertEqual((0, True), (retired.returncode, "5 objects were written again" in retired.stdout), retired)
        self.assert_read(self.bale_there, bodies)
        for key in bodies:
            self.assertEqual({"colour": "red", "team": "blue"}, self.tags(key), key)
