"""tests/backends/tools/putting.py -- bale put against any S3 server: the object is the file, or it is as it was, and nothing is left over."""

import os
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
        out, errors = process.communicate(timeout=120)
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
        proxy = self.proxy(fault("delay", op="UploadPart", seconds=1))
        process = self.start_put("file", "key", "--part-size", "5M", "--parts", "2", place=proxy)
        self.wait_for(lambda: proxy.operations().count("UploadPart") >= 2, "parts are sent")
        with open(self.folder / "file", "r+b") as file:
            file.write(b"changed")
        errors = process.communicate(timeout=120)[1]
        self.assertEqual(CHANGED, process.returncode, errors)
        self.assertIn("the file was changed while it was read", errors)
        self.assertEqual(404, self.client.get(self.bucket, "key").status)
        self.assert_nothing_left()

    def test_what_is_wrong_is_said(self):
        self.write("file", b"body")
        os.mkfifo(self.folder / "pipe")
        for words, status, sentence in ((["nothing", self.url("key")], 1, "No such file"), (["pipe", self.url("key")], 1, "no regular file"),
                                        ([".", self.url("key")], 1, "no regular file"), (["file"], 2, "it needs a FILE and s3://BUCKET/KEY"),
                                        (["file", "key"], 2, "it is named s3://BUCKET/KEY"), (["file", "s3://no-such-bucket-here/k"], 1, "404")):
            with self.subTest(words):
                done = subprocess.run(self.command("put", *words), cwd=self.folder, env=self.environment(), capture_output=True, text=True,
                                      timeout=60, check=False)
                self.assert_refused(done, status, sentence)

    def test_there_and_back(self):
        body = self.write("file", multipart.noise_bytes(3 * PART + 11, 6))
        self.assert_put(self.put_file("file", "key"), "key", body)
        self.assert_got(self.get("key", "back"), "back", body, "verified by its CRC64NVME\n")
