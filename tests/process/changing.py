"""tests/process/changing.py -- objects that change while they are read (tests/servers/changing.c); for tests/process/run.

`Changing.folder` is where the servers made for tests are; set before the tests run.
"""

import os
import unittest
from pathlib import Path

import multipart
from client import Client
from daemon import Daemon
from wire import ProtocolError

SMALL = b"a small object"
LARGE = os.urandom(3 << 20)  # does not shrink: three frames, each a read of its own


class Changing(unittest.TestCase):
    folder = None

    def setUp(self):
        self.daemon = Daemon(str(Path(self.folder) / "baled_changing"), ["--shards", "1"])
        self.alice = Client(self.daemon.start(), self.daemon.accounts["alice"])
        self.assertEqual(200, self.alice.put("bucket").status)

    def tearDown(self):
        self.daemon.remove()

    def put(self, key, body):
        self.assertEqual(200, self.alice.put("bucket", key, body=body).status)

    def test_an_object_that_changed_is_looked_at_again(self):
        for times in (1, 2):
            self.put(f"opens-{times}-x", SMALL)
            answer = self.alice.get("bucket", f"opens-{times}-x")
            self.assertEqual((200, SMALL), (answer.status, answer.body))

    def test_one_that_never_stays_the_same_is_to_be_asked_for_later(self):
        self.put("opens-3-x", SMALL)
        answer = self.alice.get("bucket", "opens-3-x")
        self.assertEqual((503, "SlowDown"), (answer.status, answer.text("Code")))
        self.assertEqual(200, self.alice.get("bucket", "opens-3-x").status)  # the fourth look

    def test_nothing_is_promised_before_the_first_piece(self):
        self.put("reads-0-x", LARGE)
        answer = self.alice.get("bucket", "reads-0-x")
        self.assertEqual((503, "SlowDown"), (answer.status, answer.text("Code")))

    def test_a_body_that_cannot_go_on_is_cut(self):
        self.put("reads-2-x", LARGE)
        with self.assertRaises((ConnectionError, ProtocolError)):
            self.alice.get("bucket", "reads-2-x")
        self.assertEqual(200, self.alice.head("bucket", "reads-2-x").status)  # and the server lives

    def test_a_copy_of_what_changed_is_refused_as_a_whole(self):
        upload = self.alice.post("bucket", "reads-2-parts", {"uploads": None}).text("UploadId")
        etag = self.alice.put("bucket", "reads-2-parts", {"partNumber": "1", "uploadId": upload}, (), LARGE).header("etag")
        done = self.alice.post("bucket", "reads-2-parts", {"uploadId": upload}, (),
                               multipart.document(multipart.part_xml(1, etag)))
        self.assertEqual(200, done.status)
        answer = self.alice.put("bucket", "copy", headers=(("x-amz-copy-source", "/bucket/reads-2-parts"),))
        self.assertEqual((503, "SlowDown"), (answer.status, answer.text("Code")))  # read anew, for its MD5
        self.assertEqual(404, self.alice.head("bucket", "copy").status)
