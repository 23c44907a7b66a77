"""tests/backends/requests/completes_cut.py -- a Complete that is sent again because nothing was heard of the first one: success counts only when the
object is seen. versitygw gives the upload another name before it puts the object together. Killed in between it leaves that name, and says of every
later Complete that it is done: the object is there never."""

import hashlib
import os
import random
import threading

import fronts
from backend_case import BackendCase
from faults import fault

BODY = random.Random(1).randbytes(9 << 20)  # larger than a stored part
OPERATION = "CompleteMultipartUpload"


class CutCase(BackendCase):
    def setUp(self):
        super().setUp()
        self.faults = self.proxy()
        self.alice = self.bale(self.faults, "--part-size", "5M").client()

    def begin(self, key):
        """A client's upload of one part: (its name, the document that completes it)"""
        upload = self.alice.post(self.bucket, key, {"uploads": None}).text("UploadId")
        etag = self.alice.put(self.bucket, key, {"partNumber": "1", "uploadId": upload}, (), BODY, payload="unsigned").header("etag")
        return upload, f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>"

    def completes(self, act):
        """How often one is sent while something is done, of which the first never arrives."""
        self.faults.rules(fault("cut", op=OPERATION, times=1))
        self.faults.reset()
        self.assertEqual(200, act().status)
        return self.faults.operations().count(OPERATION)


class CompletesCut(CutCase):
    def test_one_that_never_arrived(self):
        """The second one makes the object, which is seen."""
        self.assertEqual(2, self.completes(lambda: self.alice.put(self.bucket, "k", (), (), BODY, payload="unsigned")))
        self.assertTrue(self.alice.get(self.bucket, "k").body == BODY)
        upload, whole = self.begin("parts")
        self.assertEqual(2, self.completes(lambda: self.alice.post(self.bucket, "parts", {"uploadId": upload}, (), whole)))
        self.assertTrue(self.alice.get(self.bucket, "parts").body == BODY)

    def test_noted_where_the_backend_completes_what_has_gone(self):
        """Whoever asks again is answered, also when the object was overwritten since: from what was noted behind the Complete."""
        if fronts.verdicts(self.backend)["complete-gone"]:
            fronts.deny(self.backend, "complete-gone")
        alice = self.bale(self.faults).client()
        upload, whole = self.begin("k")
        first = alice.post(self.bucket, "k", {"uploadId": upload}, (), whole)
        self.assertEqual(200, first.status, first)
        self.assertEqual(200, alice.put(self.bucket, "k", (), (), b"overwritten").status)
        again = alice.post(self.bucket, "k", {"uploadId": upload}, (), whole)
        self.assertEqual((200, first.text("ETag")), (again.status, again.text("ETag")), again)
        self.assertEqual(b"overwritten", alice.get(self.bucket, "k").body)


class CompletesLostNotices(CutCase):
    """What a kill of versitygw leaves, made at the moment that counts: while the second Complete is on its way."""

    FOR = ("versitygw",)

    def leave_as_a_kill_does(self, key):
        plain = self.backend.client()
        uploads = plain.get(self.bucket, None, {"uploads": None}).texts("Upload/UploadId")
        self.assertEqual(1, len(uploads))
        parts = plain.get(self.bucket, key, {"uploadId": uploads[0]}).texts("Part/ETag")
        digests = b"".join(bytes.fromhex(tag.strip('"')) for tag in parts)
        place = os.path.join(".sgwtmp", "multipart", hashlib.sha256(key.encode()).hexdigest())
        renamed = f"{uploads[0]}.{hashlib.md5(digests).hexdigest()}-{len(parts)}.inprogress"
        for folder in ("data", "metadata"):  # the latter where the file system has no attributes
            before = self.backend.folder / folder / self.bucket / place / uploads[0]
            if folder == "data" or before.exists():
                before.rename(before.with_name(renamed))

    def lose(self, key, act):
        """The answer to what completes the key in the end, of which the backend loses the upload between two attempts."""
        self.faults.rules(fault("cut", op=OPERATION, times=1), fault("hold", op=OPERATION, times=1, seconds=120))
        answers = []
        thread = threading.Thread(target=lambda: answers.append(act()))
        thread.start()
        self.wait_for(lambda: self.faults.fired() == [1, 1] or not thread.is_alive(), "nothing is sent again")
        self.leave_as_a_kill_does(key)
        self.faults.release()
        thread.join()
        said = [entry["status"] for entry in self.faults.log() if entry["op"] == OPERATION]
        self.assertEqual(200, said[-1], "the backend does not lie any more: this test, and what it is for, may go")
        return answers[0]

    def test_one_body(self):
        answer = self.lose("k", lambda: self.alice.put(self.bucket, "k", (), (), BODY, payload="unsigned"))
        self.assertEqual((500, "InternalError"), (answer.status, answer.text("Code")), answer)
        self.assertEqual(404, self.alice.get(self.bucket, "k").status)
        self.assertEqual(200, self.alice.put(self.bucket, "k", (), (), BODY, payload="unsigned").status)
        self.assertTrue(self.alice.get(self.bucket, "k").body == BODY)

    def test_in_parts(self):
        """Nor is the client told that it is done when it asks again: neither by the record of that Complete, nor by the backend."""
        upload, whole = self.begin("k")
        answer = self.lose("k", lambda: self.alice.post(self.bucket, "k", {"uploadId": upload}, (), whole))
        self.assertEqual((500, "InternalError"), (answer.status, answer.text("Code")), answer)
        again = self.alice.post(self.bucket, "k", {"uploadId": upload}, (), whole)
        self.assertEqual("InternalError", again.text("Code"), again)
        self.assertEqual(404, self.alice.get(self.bucket, "k").status)
        upload, whole = self.begin("k")
        self.assertEqual(200, self.alice.post(self.bucket, "k", {"uploadId": upload}, (), whole).status)
        self.assertTrue(self.alice.get(self.bucket, "k").body == BODY)
