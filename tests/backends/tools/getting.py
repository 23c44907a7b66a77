"""tests/backends/tools/getting.py -- bale get against any S3 server: whole and right, or a clear end and nothing in the file's place."""

import base64
import hashlib
import os
import pty
import subprocess
import tempfile
import threading
import zlib
from pathlib import Path

import faults
import multipart
from backend_case import BackendCase
from faults import fault

MIB = 1 << 20
CHANGED = 4


class GetCase(BackendCase):
    """A folder of its own, and bale in it."""

    FOR = ("raw", "versitygw", "minio")

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="bale-get-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.client = self.direct().client()

    def environment(self, place=None):
        account = self.backend.account
        return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "AWS_ACCESS_KEY_ID": account.access_key,
                "AWS_SECRET_ACCESS_KEY": account.secret_key, "AWS_ENDPOINT_URL": (place or self.backend).endpoint}

    def command(self, verb, *words):
        program = os.path.join(os.path.dirname(os.path.dirname(self.baled)), "tools", "bale")
        return [program, verb, *map(str, words)]

    def url(self, key):
        return f"s3://{self.bucket}/{key}"

    def start_get(self, key, *words, place=None, stdout=subprocess.PIPE, **options):
        return subprocess.Popen(self.command("get", self.url(key), *words), cwd=self.folder, env=self.environment(place),
                                stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, **options)

    def get(self, key, *words, place=None, **options):
        process = self.start_get(key, *words, place=place, **options)
        out, errors = process.communicate(timeout=600)
        return subprocess.CompletedProcess(process.args, process.returncode, out, errors.decode())

    def put(self, key, body, headers=()):
        answer = self.client.put(self.bucket, key, (), headers, body, payload="unsigned")
        self.assertEqual(200, answer.status, answer)

    def put_in_parts(self, key, bodies):
        upload = self.client.post(self.bucket, key, {"uploads": None}).text("UploadId")
        parts = []
        for number, body in enumerate(bodies, 1):
            answer = self.client.put(self.bucket, key, {"partNumber": str(number), "uploadId": upload}, (), body, payload="unsigned")
            parts.append(multipart.part_xml(number, answer.header("etag")))
        answer = self.client.post(self.bucket, key, {"uploadId": upload}, (), multipart.document(*parts))
        self.assertEqual(200, answer.status, answer)

    def body_of(self, name):
        return (self.folder / name).read_bytes()

    def names(self):
        return sorted(os.listdir(self.folder))

    def assert_got(self, done, name, body, verified="verified by its "):
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertTrue(self.body_of(name) == body, "other bytes")
        self.assertIn(verified, done.stderr)

    def assert_refused(self, done, status, sentence):
        self.assertEqual(status, done.returncode, done.stderr)
        self.assertIn(sentence, done.stderr)
        self.assertEqual(1, len(done.stderr.splitlines()), done.stderr)


class Getting(GetCase):
    def test_every_size(self):
        for size in (0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB + 512):
            with self.subTest(size):
                body = multipart.noise_bytes(size, size)
                self.put("a/key", body)
                self.assert_got(self.get("a/key", "--part-size", "1M"), "key", body)
                streamed = self.get("a/key", "-", "--part-size", "1M", "--parts", "3")
                self.assertEqual((0, True), (streamed.returncode, streamed.stdout == body), streamed.stderr)
                self.assertEqual(["key"], self.names())

    def test_a_checksum_of_the_whole(self):
        body = multipart.noise_bytes(5 * MIB)
        for name, digest in (("crc32", zlib.crc32(body).to_bytes(4, "big")), ("sha256", hashlib.sha256(body).digest())):
            self.put("key", body, {f"x-amz-checksum-{name}": base64.b64encode(digest).decode()})
            self.assert_got(self.get("key", "--part-size", "1M"), "key", body, f"verified by its {name.upper()}\n")
            self.assertIn(f"verified by its {name.upper()}\n", self.get("key", "-").stderr)

    def test_an_upload_in_parts_of_any_sizes(self):
        """Where the server says what parts there are."""
        for bodies in ([multipart.noise_bytes(5 * MIB, 1)] * 2 + [b"end"],
                       [multipart.noise_bytes(5 * MIB, 1), multipart.noise_bytes(6 * MIB, 2), b"end"],
                       # as if all were of one size, and are not
                       [multipart.noise_bytes(6 * MIB, 1), multipart.noise_bytes(5 * MIB, 2), multipart.noise_bytes(5 * MIB, 3)]):
            self.put_in_parts("key", bodies)
            for words in (["file"], ["-"]):
                done = self.get("key", *words)
                self.assertEqual(0, done.returncode, done.stderr)
                self.assertTrue(b"".join(bodies) == (done.stdout if words == ["-"] else self.body_of("file")))
                self.assertIn("verified by its ", done.stderr)

    def test_damage_on_the_way_is_noticed(self):
        body = multipart.noise_bytes(4 * MIB)
        self.put("key", body)
        (self.folder / "key").write_bytes(b"what was here before")
        done = self.get("key", "--part-size", "1M", place=self.proxy(fault("flip", op="GetObject", nth=3)))
        self.assert_refused(done, 1, "what came is not what the server says that it has: its ")
        self.assertEqual((b"what was here before", ["key"]), (self.body_of("key"), self.names()))
        done = self.get("key", "-", "--part-size", "1M", place=self.proxy(fault("flip", op="GetObject", nth=2)))
        self.assert_refused(done, 1, "is another")

    def test_a_bad_network_only_takes_longer(self):
        body = multipart.noise_bytes(24 * MIB)
        self.put("key", body)
        proxy = self.proxy(*faults.mixture(0.02, op="GetObject"), fault("truncate", op="GetObject", every=5))
        self.assert_got(self.get("key", "--part-size", "1M", place=proxy), "key", body)
        self.assertLess(0, sum(proxy.fired()))

    def test_what_is_wrong_is_said(self):
        self.put("key", b"body")
        (self.folder / "folder").mkdir()
        os.mkfifo(self.folder / "pipe")
        for words, status, sentence in (
                (["nothing"], 1, "there is no such object"),
                (["key", "no-such/file"], 1, "No such file or directory"),
                (["key", "pipe"], 1, "pipe is there already, and is no regular file"),
                (["a/"], 1, "its key names no file: say which FILE it becomes"),
                (["key", "x" * 250], 1, "a file's name has 1 to 245 bytes here"),
                (["key", "-", "--on-change", "restart"], 2, "want a FILE")):
            with self.subTest(words):
                self.assert_refused(self.get(*words), status, sentence)
        self.assertEqual(["folder", "pipe"], self.names())
        self.assert_got(self.get("key", "folder"), "folder/key", b"body")
        account = self.backend.account
        done = subprocess.run(self.command("get", self.url("key")), cwd=self.folder, capture_output=True, text=True, timeout=600,
                              env={**self.environment(), "AWS_SECRET_ACCESS_KEY": account.secret_key + "x"}, check=False)
        self.assert_refused(done, 1, "access is denied (403)")

    def test_check_is_wanted_or_not(self):
        self.put("key", b"body", {"x-amz-checksum-crc32": base64.b64encode(zlib.crc32(b"body").to_bytes(4, "big")).decode()})
        self.assert_got(self.get("key", "--check", "require"), "key", b"body", "verified by its CRC32\n")
        self.assert_got(self.get("key", "--check", "off"), "key", b"body", "not verified")

    def test_permissions_and_links(self):
        self.put("key", b"new")
        (self.folder / "secret").write_bytes(b"old")
        (self.folder / "secret").chmod(0o600)
        (self.folder / "target").write_bytes(b"stays")
        (self.folder / "link").symlink_to("target")
        for name, mode in (("secret", 0o600), ("fresh", 0o640), ("link", 0o640)):
            self.assert_got(self.get("key", name, umask=0o027), name, b"new")
            self.assertEqual(mode, (self.folder / name).lstat().st_mode & 0o7777, name)
        self.assertFalse((self.folder / "link").is_symlink())
        self.assertEqual(b"stays", self.body_of("target"))

    def test_zeros_become_holes(self):
        body = bytes(3 * MIB) + b"x" + bytes(2 * MIB + 77)
        self.put("key", body)
        self.assert_got(self.get("key", "--sparse", "--part-size", "1M"), "key", body)
        self.assertLess((self.folder / "key").stat().st_blocks * 512, MIB)

    def test_no_room(self):
        body = multipart.noise_bytes(4 * MIB)
        self.put("key", body)
        with open("/dev/full", "wb") as full:
            process = subprocess.Popen(self.command("get", self.url("key"), "-"), env=self.environment(), stdout=full,
                                       stderr=subprocess.PIPE, text=True)
            self.assertIn("standard output: No space left on device", process.communicate(timeout=600)[1])
            self.assertEqual(1, process.returncode)

    def test_a_full_disk(self):
        """What has no room is not even asked for; where room is not taken before, what came is kept."""
        self.put("key", multipart.noise_bytes(8 * MIB))
        disk = self.folder / "disk"
        disk.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "bale-get", disk], capture_output=True, check=False).returncode != 0:
            self.skipTest("no right to mount a small tmpfs")
        self.addCleanup(subprocess.run, ["umount", disk], check=True)
        proxy = self.proxy()
        self.assert_refused(self.get("key", "disk", "--part-size", "1M", place=proxy), 1,
                            "no room for its 8388608 bytes: No space left on device")
        self.assertEqual((0, []), (proxy.operations().count("GetObject"), os.listdir(disk)))
        done = self.get("key", "disk", "--part-size", "1M", "--parts", "1", "--sparse")
        self.assertEqual(1, done.returncode, done.stderr)
        self.assertIn("disk/key.bale-part keeps what has come", done.stderr)
        self.assertIn("key.bale-part: No space left on device", done.stderr)
        self.assertEqual({"key.bale-log", "key.bale-part"}, set(os.listdir(disk)))

    def test_two_of_them_do_not_write_one_file(self):
        self.put("key", multipart.noise_bytes(4 * MIB))
        proxy = self.proxy(fault("hang", op="GetObject", seconds=60, first=1))
        first = self.start_get("key", place=proxy)
        self.wait_for(lambda: "key.bale-part" in self.names(), "it begins")
        self.assert_refused(self.get("key"), 1, "another process writes key.bale-part")
        first.kill()
        first.communicate()
        self.assert_got(self.get("key"), "key", multipart.noise_bytes(4 * MIB))
        self.assertEqual(["key"], self.names())

    def test_progress_on_a_terminal_alone(self):
        self.put("key", multipart.noise_bytes(4 * MIB))
        proxy = self.proxy(fault("trickle", op="GetObject", seconds=[0.02, 0.02]))
        master, slave = pty.openpty()
        process = subprocess.Popen(self.command("get", self.url("key"), "--part-size", "1M"), cwd=self.folder,
                                   env=self.environment(proxy), stderr=slave, stdin=subprocess.DEVNULL)
        os.close(slave)
        shown = b""
        try:
            while piece := os.read(master, 4096):
                shown += piece
        except OSError:  # the other end is closed
            pass
        os.close(master)
        self.assertEqual(0, process.wait(60), shown)
        self.assertRegex(shown, rb"MiB of 4\.00 MiB  \d+ %  [0-9.]+ [KM]iB/s  \d+ s left")
        self.assertNotIn("left", self.get("key").stderr)
        self.assertEqual("", self.get("key", "--quiet").stderr)


class Resuming(GetCase):
    """What an attempt has left is used by the next one, as far as it is right."""

    body = multipart.noise_bytes(10 * MIB, 5)
    words = ("--part-size", "1M", "--parts", "2", "--no-sync")

    def asked(self, proxy):
        return proxy.operations().count("GetObject")

    def break_off(self, body=None):
        """Leaves an attempt that was killed after some parts; returns how many were noted."""
        self.put("key", self.body if body is None else body)
        process = self.start_get("key", *self.words, place=self.proxy(fault("hold", op="GetObject", after=5)))
        log = self.folder / "key.bale-log"
        self.wait_for(lambda: log.exists() and log.read_bytes().count(b"part ") >= 3, "parts are noted")
        process.kill()
        process.communicate()
        self.assertFalse((self.folder / "key").exists())
        return log.read_bytes().count(b"part ")

    def resume(self, least, most, *words, body=None):
        """Goes on, and asks for so many parts."""
        proxy = self.proxy()
        done = self.get("key", *self.words, "--resume", *words, place=proxy)
        self.assert_got(done, "key", self.body if body is None else body)
        self.assertEqual(["key"], self.names())
        self.assertLessEqual(least, self.asked(proxy))
        self.assertLessEqual(self.asked(proxy), most)

    def test_killed_again_and_again(self):
        """Each part is fetched once, but for those that were under way at a kill."""
        self.put("key", self.body)
        proxy = self.proxy()
        kills = 0
        while not (self.folder / "key").exists():
            proxy.rules(fault("hold", op="GetObject", after=4))
            before = self.asked(proxy)
            process = self.start_get("key", *self.words, "--resume", place=proxy)
            self.wait_for(lambda: process.poll() is not None or self.asked(proxy) >= before + 5, "it goes on")
            if process.poll() is None:
                process.kill()
                kills += 1
            errors = process.communicate()[1]
        self.assertEqual(0, process.returncode, errors)
        self.assertTrue(self.body_of("key") == self.body)
        self.assertLess(0, kills)
        self.assertLessEqual(self.asked(proxy), 10 + 2 * kills)

    def test_only_what_is_missing_is_fetched(self):
        noted = self.break_off()
        self.resume(10 - noted - 2, 10 - noted)

    def test_the_size_of_parts_is_that_of_the_first_attempt(self):
        noted = self.break_off()
        self.resume(10 - noted - 2, 10 - noted, "--part-size", "2M")

    def test_bytes_that_are_not_those_are_fetched_again(self):
        noted = self.break_off()
        with open(self.folder / "key.bale-part", "r+b") as part:
            part.write(b"not what came")
        self.resume(10 - noted - 2 + 1, 10 - noted + 1)

    def test_a_log_of_nonsense_is_none(self):
        for content in (b"", b"\0\xff" * 1000, b"part 0 00000000\npart 99999999999 x\n"):
            with self.subTest(content[:10]):
                self.put("key", self.body)
                (self.folder / "key.bale-log").write_bytes(content)
                (self.folder / "key.bale-part").write_bytes(b"something")
                self.resume(10, 10)

    def test_notes_that_are_nonsense_cost_their_parts(self):
        noted = self.break_off()
        log = self.folder / "key.bale-log"
        lines = log.read_bytes().splitlines(keepends=True)
        wrong = [b"part 3\n", b"part 3 xyz\n", b"part 77 " + b"0" * 16 + b"\n", b"\n", b"part 99999999999999999999 00\n", lines[1][:-3]]
        log.write_bytes(b"".join([lines[0], *lines[2:], *wrong]))
        self.resume(10 - noted - 2 + 1, 10 - noted + 1)

    def test_holes_stay_right(self):
        body = bytes(MIB) + self.body[:4 * MIB] + bytes(5 * MIB)
        noted = self.break_off(body)
        with open(self.folder / "key.bale-part", "r+b") as part:
            part.seek(9 * MIB)
            part.write(b"not zeros")
        self.resume(10 - noted - 2, 10 - noted, "--sparse", body=body)

    def test_another_revision_is_not_mixed_in(self):
        self.break_off()
        new = multipart.noise_bytes(10 * MIB, 6)
        self.put("key", new)
        self.assert_refused(self.get("key", *self.words, "--resume"), CHANGED, "what is here is of another revision")
        self.assertEqual(["key.bale-log", "key.bale-part"], self.names())
        self.resume(10, 10, "--on-change", "restart", body=new)

    def test_without_resume_it_begins_anew(self):
        self.break_off()
        self.assert_got(self.get("key"), "key", self.body)
        self.assertEqual(["key"], self.names())

    def test_a_server_that_goes_leaves_what_came(self):
        self.put("key", self.body)
        proxy = self.proxy(fault("refuse", op="GetObject", status=403, every=6))
        done = self.get("key", *self.words, place=proxy)
        self.assertEqual(1, done.returncode, done.stderr)
        self.assertIn("key.bale-part keeps what has come: --resume goes on", done.stderr)
        self.resume(5, 7)


class Changing(GetCase):
    """The key is overwritten, or deleted, while it is got."""

    old = multipart.noise_bytes(8 * MIB, 1)
    new = multipart.noise_bytes(8 * MIB, 2)
    words = ("--part-size", "1M", "--parts", "2")

    def get_across(self, change, *words):
        """Changes the key when the first parts have been asked for, and the others have not."""
        self.put("key", self.old)
        output = self.enterContext(tempfile.TemporaryFile())
        proxy = self.proxy(fault("hold", op="GetObject", after=4))
        process = self.start_get("key", *self.words, *words, place=proxy, stdout=output)
        self.wait_for(lambda: proxy.operations().count("GetObject") >= 5, "parts are asked for")
        change()
        proxy.release()
        errors = process.communicate(timeout=600)[1]
        output.seek(0)
        return subprocess.CompletedProcess(process.args, process.returncode, output.read(), errors.decode())

    def test_overwritten_ends_with_4(self):
        done = self.get_across(lambda: self.put("key", self.new))
        self.assert_refused(done, CHANGED, "it was overwritten meanwhile")
        self.assertEqual([], self.names())

    def test_deleted_ends_with_4(self):
        done = self.get_across(lambda: self.client.delete(self.bucket, "key"))
        self.assert_refused(done, CHANGED, "it was deleted meanwhile")
        self.assertEqual([], self.names())

    def test_what_went_to_a_stream_is_of_one_revision(self):
        done = self.get_across(lambda: self.put("key", self.new), "-")
        self.assert_refused(done, CHANGED, "it was overwritten meanwhile")
        self.assertTrue(self.old.startswith(done.stdout))

    def test_restart_gets_the_new_one(self):
        done = self.get_across(lambda: self.put("key", self.new), "--on-change", "restart")
        self.assert_got(done, "key", self.new)
        self.assertIn("beginning anew", done.stderr)

    def test_a_writer_that_never_stops(self):
        """One revision whole, or a clear end; never a mixture."""
        bodies = [multipart.noise_bytes(3 * MIB, seed) for seed in range(4)]
        self.put("key", bodies[0])
        stop = threading.Event()

        def write():
            writer = self.direct().client()
            number = 0
            while not stop.is_set():
                number += 1
                writer.put(self.bucket, "key", (), (), bodies[number % len(bodies)], payload="unsigned")

        thread = threading.Thread(target=write)
        thread.start()
        try:
            for _ in range(10):
                done = self.get("key", "--part-size", "1M")
                self.assertIn(done.returncode, (0, CHANGED) if self.backend_name != "versitygw" else (0, 1, CHANGED), done.stderr)
                if done.returncode == 0:
                    self.assertIn(self.body_of("key"), bodies)
        finally:
            stop.set()
            thread.join()
