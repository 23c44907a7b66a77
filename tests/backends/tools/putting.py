"""tests/backends/tools/putting.py -- bale put against any S3 server: the object is the file, or it is as it was, and nothing is left over."""

import os
import random
import subprocess

import faults
import multipart
from faults import fault
from getting import CHANGED, MIB, GetCase

PART = 5 * MIB


class Putting(GetCase):
    def start_put(self, name, key, *words, place=None):
        return subprocess.Popen(self.command("put", name, self.url(key), *words), cwd=self.folder, env=self.environment(place),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def put_file(self, name, key, *words, place=None):
        process = self.start_put(name, key, "--part-size", "5M", *words, place=place)
        out, errors = process.communicate(timeout=600)
        return subprocess.CompletedProcess(process.args, process.returncode, out, errors)

    def write(self, name, body):
        (self.folder / name).write_bytes(body)
        return body

    def assert_put(self, done, key, body):
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertTrue(self.client.get(self.bucket, key).body == body, "other bytes")

    def assert_nothing_left(self):
        self.assertNotIn(b"<UploadId>", self.client.get(self.bucket, None, {"uploads": None}).body)

    def test_every_size(self):
        for size in (0, 1, PART - 1, PART, PART + 1, 2 * PART + MIB):
            with self.subTest(size):
                body = self.write("file", multipart.noise_bytes(size, size))
                done = self.put_file("file", "a/key")
                self.assert_put(done, "a/key", body)
                self.assertIn("verified by its CRC64NVME", done.stderr)
        self.assert_nothing_left()

    def test_names_of_objects(self):
        body = self.write("file", b"body")
        for key, wanted in (("", "file"), ("a/", "a/file"), ("a/b c", "a/b c")):
            self.assert_put(self.put_file("file", key), wanted, body)
            self.assert_put(self.put_file(self.folder / "file", key), wanted, body)

    def test_the_type_is_kept(self):
        for size in (10, PART + 1):
            self.write("file", bytes(size))
            self.assertEqual(0, self.put_file("file", "key", "--content-type", "text/x-test").returncode)
            self.assertEqual("text/x-test", self.client.get(self.bucket, "key").header("content-type"))

    def test_a_bad_network_only_takes_longer(self):
        body = self.write("file", multipart.noise_bytes(6 * PART, 3))
        kinds = [kind for kind in faults.EVERY_KIND if kind["fault"] != "duplicate-late"]
        proxy = self.proxy(*faults.mixture(0.015, kinds, op=["UploadPart", "CreateMultipartUpload"]),
                           fault("cut-request", op="UploadPart", nth=2), fault("lose", op="UploadPart", nth=4))
        self.assert_put(self.put_file("file", "key", place=proxy), "key", body)

    def test_a_lost_last_answer_is_looked_up(self):
        for size, operation in ((10, "PutObject"), (PART + 1, "CompleteMultipartUpload")):
            for kind in (fault("lose", op=operation, first=1), fault("cut", op=operation, first=1), fault("refuse", op=operation, status=503, first=1)):
                with self.subTest(operation, kind=kind["fault"]):
                    body = self.write("file", multipart.noise_bytes(size, size))
                    done = self.put_file("file", "key", "--if-none-match", place=self.proxy(kind))
                    self.assert_put(done, "key", body)
                    self.client.delete(self.bucket, "key")
        self.assert_nothing_left()

    def test_only_a_new_one(self):
        self.put("key", b"first")
        for size in (10, PART + 1):
            self.write("file", bytes(size))
            self.assert_refused(self.put_file("file", "key", "--if-none-match"), 1, "there is an object of that name already")
        self.assertEqual(b"first", self.client.get(self.bucket, "key").body)
        self.assert_nothing_left()

    def test_what_fails_leaves_nothing(self):
        self.write("file", multipart.noise_bytes(3 * PART, 4))
        done = self.put_file("file", "key", place=self.proxy(fault("refuse", op="UploadPart", status=403, nth=3)))
        self.assertEqual(1, done.returncode)
        self.assertIn("403", done.stderr)
        self.assertEqual(404, self.client.get(self.bucket, "key").status)
        self.assert_nothing_left()

    def test_a_file_that_changes_meanwhile(self):
        self.write("file", multipart.noise_bytes(4 * PART, 5))
        proxy = self.proxy(fault("hold", op="UploadPart"))
        process = self.start_put("file", "key", "--part-size", "5M", "--parts", "2", place=proxy)
        self.wait_for(lambda: proxy.operations().count("UploadPart") >= 2, "parts are sent")
        with open(self.folder / "file", "r+b") as file:
            file.write(b"changed")
        proxy.release()
        errors = process.communicate(timeout=600)[1]
        self.assertEqual(CHANGED, process.returncode, errors)
        self.assertIn("the file was changed while it was read", errors)
        self.assertEqual(404, self.client.get(self.bucket, "key").status)
        self.assert_nothing_left()

    # ---- going on ----

    def sent(self, proxy):
        return proxy.operations().count("UploadPart")

    def kill_after(self, parts, name, key):
        """A put that is killed when that many of its parts are on the server, and two are on their way."""
        proxy = self.proxy(fault("hold", op="UploadPart", after=parts))
        process = self.start_put(name, key, "--part-size", "5M", "--parts", "2", place=proxy)
        self.wait_for(lambda: self.sent(proxy) >= parts + 2, f"{parts} parts are sent")
        self.end(process, proxy)

    def end(self, process, proxy):
        process.kill()
        process.communicate()
        proxy.release()
        self.wait_for(lambda: proxy.running() == 0, "what it had sent is answered")

    def resume(self, name, key, *words):
        """How it ended, and how many parts were sent."""
        proxy = self.proxy()
        done = self.put_file(name, key, "--resume", *words, place=proxy)
        return done, self.sent(proxy)

    def test_a_put_that_was_killed_goes_on(self):
        body = self.write("file", multipart.noise_bytes(9 * PART + 5, 7))
        self.write("other", b"of a longer name")
        self.client.post(self.bucket, "key-and-more", {"uploads": None})
        self.kill_after(4, "file", "key")
        self.assertEqual(404, self.client.get(self.bucket, "key").status)
        done, sent = self.resume("file", "key")
        self.assert_put(done, "key", body)
        self.assertIn("of its 10 parts were there already, verified by its CRC64NVME", done.stderr)
        self.assertLessEqual(sent, 10 - 4)
        self.assertEqual(1, self.client.get(self.bucket, None, {"uploads": None}).body.count(b"<UploadId>"))  # of the longer name

    def test_what_is_there_is_not_sent_again(self):
        """An attempt may have been cut off behind its last request."""
        body = self.write("file", multipart.noise_bytes(2 * PART, 8))
        self.assert_put(self.put_file("file", "key"), "key", body)
        done, sent = self.resume("file", "key", "--if-none-match")
        self.assert_put(done, "key", body)
        self.assertEqual(0, sent, done.stderr)
        other = self.write("file", multipart.noise_bytes(2 * PART, 9))
        self.assertEqual(1, self.resume("file", "key", "--if-none-match")[0].returncode)
        self.assert_put(self.resume("file", "key")[0], "key", other)
        self.assert_nothing_left()

    def test_a_file_that_was_changed_between(self):
        """Each part is compared with what the file is now, also where its size is as it was."""
        body = bytearray(self.write("file", multipart.noise_bytes(6 * PART, 10)))
        self.kill_after(3, "file", "key")
        body[7:8] = bytes([body[7] ^ 1])
        self.write("file", body)
        done, sent = self.resume("file", "key")
        self.assert_put(done, "key", body)
        self.assertIn("parts were there already", done.stderr)
        self.assertGreaterEqual(sent, 1)  # the others may all have been on their way
        self.kill_after(3, "file", "another")
        shorter = self.write("file", bytes(body[:3 * PART - 1]))
        self.assert_put(self.resume("file", "another")[0], "another", shorter)
        self.assert_nothing_left()

    def test_what_fails_is_left_for_the_next(self):
        body = self.write("file", multipart.noise_bytes(5 * PART, 11))
        for key, refusal in (("denied", {"status": 403}), ("expired", {"status": 400, "code": "ExpiredToken"})):
            with self.subTest(key):
                proxy = self.proxy(fault("refuse", op="UploadPart", nth=4, **refusal))
                done = self.put_file("file", key, "--resume", "--parts", "1", place=proxy)
                self.assertEqual(1, done.returncode)
                self.assertIn("--resume goes on", done.stderr)
                done, sent = self.resume("file", key)
                self.assert_put(done, key, body)
                self.assertEqual(2, sent, done.stderr)
                self.assert_nothing_left()

    def test_an_upload_that_is_refused_is_not_left(self):
        self.write("file", multipart.noise_bytes(2 * PART, 11))
        for operation in ("UploadPart", "CompleteMultipartUpload"):
            with self.subTest(operation):
                done = self.put_file("file", "key", "--resume", place=self.proxy(fault("refuse", op=operation, status=400, code="InvalidRequest")))
                self.assertEqual(1, done.returncode)
                self.assertNotIn("--resume goes on", done.stderr)
                self.assert_nothing_left()

    def test_uploads_of_others(self):
        """Of another file, and in other parts: nothing of them gets into the object."""
        body = self.write("file", multipart.noise_bytes(3 * PART, 12))
        for number, part in ((1, multipart.noise_bytes(PART, 13)), (2, body[PART:2 * PART]), (9, b"more")):
            upload = self.client.post(self.bucket, "key", {"uploads": None}, {"x-amz-checksum-algorithm": "CRC64NVME",
                                                                              "x-amz-checksum-type": "FULL_OBJECT"}).text("UploadId")
            self.client.put(self.bucket, "key", {"partNumber": str(number), "uploadId": upload}, (), part, payload="unsigned")
        for _ in range(3):
            self.assert_put(self.resume("file", "key")[0], "key", body)
            self.client.delete(self.bucket, "key")
        self.assert_nothing_left()

    def test_an_upload_of_another_is_never_removed(self):
        """It may be one that is under way: neither a conflict nor a refusal ends it."""
        body = self.write("file", multipart.noise_bytes(2 * PART, 14))
        self.assertEqual(200, self.client.put(self.bucket, "key", (), (), b"already there", payload="unsigned").status)
        upload = self.client.post(self.bucket, "key", {"uploads": None}, {"x-amz-checksum-algorithm": "CRC64NVME",
                                                                          "x-amz-checksum-type": "FULL_OBJECT"}).text("UploadId")
        part = self.client.put(self.bucket, "key", {"partNumber": "1", "uploadId": upload}, (), body[:PART], payload="unsigned")
        self.assertEqual(200, part.status, part)
        conflict = self.put_file("file", "key", "--resume", "--if-none-match")
        refused = self.put_file("file", "key", "--resume",
                                place=self.proxy(fault("refuse", op="CompleteMultipartUpload", status=400, code="InvalidRequest")))
        for done in (conflict, refused):
            self.assertEqual(1, done.returncode, done.stderr)
            left = self.client.get(self.bucket, "key", {"uploadId": upload})
            self.assertEqual(200, left.status, left)
            self.assertIn(part.header("etag").strip('"').encode(), left.body)
        self.assert_put(self.resume("file", "key")[0], "key", body)
        self.assert_nothing_left()

    def test_kills_at_any_moment(self):
        """As often as it takes, or 200 times: nothing is sent twice that the server has."""
        draw = random.Random(self.seed)
        for round_number in range(20 if self.is_long else 1):
            body = self.write("file", draw.randbytes(12 * PART + 3))
            proxy = self.proxy(fault("delay", op="UploadPart", seconds=0.05))
            kills = 0
            while True:
                process = self.start_put("file", "key", "--part-size", "5M", "--parts", "2", "--resume", "--quiet", place=proxy)
                try:
                    process.wait(draw.uniform(0.05, 1.0) if kills < 10 else 120)
                    break
                except subprocess.TimeoutExpired:
                    self.end(process, proxy)
                    kills += 1
            process.communicate()
            self.assertEqual(0, process.returncode, f"round {round_number}")
            self.assertTrue(self.client.get(self.bucket, "key").body == body, "other bytes")
            self.assertLessEqual(self.sent(proxy), 13 + 2 * kills)
            proxy.stop()
            self.client.delete(self.bucket, "key")

    def test_what_is_wrong_is_said(self):
        self.write("file", b"body")
        os.mkfifo(self.folder / "pipe")
        for words, status, sentence in ((["nothing", self.url("key")], 1, "No such file"), (["pipe", self.url("key")], 1, "no regular file"),
                                        ([".", self.url("key")], 1, "no regular file"), (["file"], 2, "it needs a FILE and s3://BUCKET/KEY"),
                                        (["file", "key"], 2, "it is named s3://BUCKET/KEY"), (["file", "s3://no-such-bucket-here/k"], 1, "404")):
            with self.subTest(words):
                done = subprocess.run(self.command("put", *words), cwd=self.folder, env=self.environment(), capture_output=True, text=True,
                                      timeout=600, check=False)
                self.assert_refused(done, status, sentence)

    def test_there_and_back(self):
        body = self.write("file", multipart.noise_bytes(3 * PART + 11, 6))
        self.assert_put(self.put_file("file", "key"), "key", body)
        self.assert_got(self.get("key", "back"), "back", body, "verified by its CRC64NVME\n")
