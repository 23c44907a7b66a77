"""tests/process/encryption.py -- encrypted objects: what clients see of them, what lies in the folder, and what becomes of them
when a key is not there or somebody changes what is stored; for tests/process/run.

`EncryptionCase.baled` and `EncryptionCase.bale` are the binaries; set before the tests run.
"""

import base64
import hashlib
import json
import os
import random
import re
import signal
import shutil
import subprocess
from pathlib import Path

import admin
import forms
from daemon import Daemon
from daemons import DaemonsCase
from encrypted import HEADER, MARK, SSE, forms_of, words

S4_OBJECTS = Path(__file__).resolve().parents[1] / "vectors" / "sse-s4"
BODIES = {
    "empty": b"",
    "one": b"x",
    "small": words(300),
    "noise": random.Random(7).randbytes(70_000),
    "frame": words(1 << 20),
    "frames": words(3_500_000, 2) + random.Random(8).randbytes(1_200_000),
}


class EncryptionCase(DaemonsCase):
    """What tests of encryption have in common."""

    def run_bale(self, daemon, *words, expect=0):
        done = subprocess.run([self.bale, *words], capture_output=True, text=True, cwd=daemon.folder, timeout=600)
        self.assertEqual(expect, done.returncode, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def begin(self, *options):
        """A daemon with a keyring, and the bucket."""
        daemon = Daemon(self.baled, ("--shards", "2", "--keyring", "keys", *options))
        self.daemons.append(daemon)
        self.run_bale(daemon, "keyring", "create", "--keyring", "keys")
        self.restart(daemon)
        self.assertEqual(200, daemon.alice.put("bucket").status)
        return daemon

    def hang_up(self, daemon, said="SIGHUP: the keyring was read again"):
        """Reads the keyring again; returns when that is in the log."""
        before = daemon.log().count(said)
        daemon.process.send_signal(signal.SIGHUP)
        self.wait_for(lambda: daemon.log().count(said) > before)

    def put(self, daemon, key, body, headers=SSE, status=200):
        answer = daemon.alice.put("bucket", key, None, headers, body)
        self.assertEqual(status, answer.status, answer.body)
        return answer

    def stored(self, daemon):
        """Every byte in the folder, of a daemon that has stopped, but for long runs of zeros."""
        whole = []
        for folder, _, names in os.walk(os.path.join(daemon.folder, "data")):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    whole += [run for run in re.split(rb"\0{4096,}", file.read()) if run]
        return b"\0".join(whole)

    def count(self, daemon, name):
        """A counter, over all shards."""
        return sum(value for row, value in admin.metrics(daemon.server).items() if row.startswith(f"bale_encrypted_objects_{name}_total"))

    def expect_object(self, daemon, key, body):
        etag = f'"{hashlib.md5(body).hexdigest()}"'
        for answer in (daemon.alice.get("bucket", key), daemon.alice.head("bucket", key)):
            self.assertEqual(200, answer.status, answer.body)
            self.assertEqual((etag, "AES256"), (answer.header("etag"), answer.header(HEADER)))
            self.assertEqual(str(len(body)), answer.header("content-length"))
        self.assertEqual(body, daemon.alice.get("bucket", key).body)


class Encryption(EncryptionCase):
    def test_objects_are_what_they_were(self):
        daemon = self.begin()
        for key, body in BODIES.items():
            answer = self.put(daemon, key, body)
            self.assertEqual((f'"{hashlib.md5(body).hexdigest()}"', "AES256"), (answer.header("etag"), answer.header(HEADER)))
            self.expect_object(daemon, key, body)
            for first, last in ((0, 0), (5, 99), (len(body) - 7, len(body) - 1), ((1 << 20) - 3, (1 << 20) + 3)):
                if 0 <= first <= last < len(body):
                    answer = daemon.alice.get("bucket", key, None, {"range": f"bytes={first}-{last}"})
                    self.assertEqual((206, body[first:last + 1]), (answer.status, answer.body))
        listed = daemon.alice.get("bucket").body.decode()
        self.assertEqual(sorted(hashlib.md5(body).hexdigest() for body in BODIES.values()),
                         sorted(re.findall(r"<ETag>(?:&quot;|\")(\w+)", listed)))
        self.assertEqual((len(BODIES), 0), (self.count(daemon, "written"), self.count(daemon, "refused")))
        daemon.kill()
        self.restart(daemon)
        for key, body in BODIES.items():
            self.expect_object(daemon, key, body)

    def test_long_lists(self):
        """Pages of many encrypted objects and versions, among plain ones: each has its own ETag and checksum algorithm."""
        daemon = self.begin()
        alice = daemon.alice
        enabled = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        self.assertEqual(200, alice.put("bucket", query={"versioning": None}, body=enabled).status)
        current, versions = [], []
        for number in range(150):
            written = []
            for revision in range(1 + (number % 4 == 0)):
                body = b"%d of %d" % (revision, number)
                headers = dict(SSE) if (number + revision) % 5 else {}
                if number % 3 == 0:
                    headers["x-amz-checksum-sha256"] = base64.b64encode(hashlib.sha256(body).digest()).decode()
                self.put(daemon, f"{number:03}", body, headers)
                written.insert(0, (f"{number:03}", hashlib.md5(body).hexdigest(), "CRC64NVME" if number % 3 else "SHA256"))
            current.append(written[0])
            versions += written

        def listed(query):
            found, more = [], {}
            for _ in range(10):
                text = alice.get("bucket", query={**query, "max-keys": "130", **more}).body.decode()
                found += [tuple("".join(re.findall(f"<{name}>(?:&quot;|\")?([^<&\"]*)", entry)) for name in ("Key", "ETag", "ChecksumAlgorithm"))
                          for entry in re.findall("<(?:Contents|Version)>(.*?)</(?:Contents|Version)>", text)]
                if "<IsTruncated>true" not in text:
                    return found
                more = {"start-after": found[-1][0]} if "list-type" in query else {
                    "key-marker": found[-1][0], "version-id-marker": re.search("<NextVersionIdMarker>(.*?)<", text).group(1)}
            return self.fail("there is no end to it")

        self.assertEqual(current, listed({"list-type": "2"}))
        self.assertEqual(versions, listed({"versions": None}))

    def test_bodies_of_unknown_length(self):
        """Also of whole frames, of whose last one nobody knew that it was."""
        daemon = self.begin()
        for size in (0, 1, 1 << 20, (1 << 20) + 1, 2 << 20):
            body = words(size, 5)
            self.assertEqual(200, daemon.alice.put("bucket", "chunked", None, SSE, body, transfer="chunked").status)
            self.expect_object(daemon, "chunked", body)

    def test_nothing_lies_there_in_clear(self):
        """Nor does a hash of what does, after all that can be done to an object."""
        daemon = self.begin()
        alice = daemon.alice
        versioning = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        self.assertEqual(200, alice.put("bucket", "", {"versioning": None}, (), versioning).status)
        for key, body in BODIES.items():
            self.put(daemon, key, body, {**SSE, "x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(body).digest()).decode()})
            self.assertEqual(200, alice.put("bucket", key + ".copy", None, {**SSE, "x-amz-copy-source": f"bucket/{key}"}).status)
            self.put(daemon, key, body)  # over itself: the first is a version now
        self.assertEqual(204, alice.delete("bucket", "small").status)
        tags = b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
        digest = base64.b64encode(hashlib.md5(tags).digest()).decode()
        self.assertEqual(200, alice.put("bucket", "frames", {"tagging": None}, {"content-md5": digest}, tags).status)
        self.assertEqual(0, daemon.stop())
        stored = self.stored(daemon)
        self.assertNotIn(MARK, stored)
        for key in ("small", "noise", "frame", "frames"):
            body = BODIES[key]
            self.assertNotIn(body[:16], stored, key)
            self.assertNotIn(body[-16:], stored, key)
            for form in forms_of(body):
                self.assertNotIn(form, stored, key)
        with open(os.path.join(daemon.folder, "keys"), encoding="ascii") as file:
            key = base64.b64decode(re.search(r"material = (\S+)", file.read()).group(1))
        for form in (key, key.hex().encode(), base64.b64encode(key).rstrip(b"=")):
            self.assertNotIn(form, stored)
            self.assertNotIn(form, daemon.log().encode())
        self.run_bale(daemon, "check", "--backend", "dir:data")

    def test_a_plain_object_does_lie_there(self):
        """Or the test above would prove nothing."""
        daemon = self.begin("--codec", "none")
        self.put(daemon, "plain", BODIES["small"], ())
        self.assertIsNone(daemon.alice.get("bucket", "plain").header(HEADER))
        self.assertEqual(0, daemon.stop())
        self.assertIn(MARK, self.stored(daemon))

    def test_every_codec_setting(self):
        for options in (("--codec", "none"), ("--codec", "gzip"), ("--codec", "zstd", "--zstd-level", "9")):
            daemon = self.begin(*options)
            for key, body in BODIES.items():
                self.put(daemon, key, body)
                self.expect_object(daemon, key, body)
            self.assertEqual(0, daemon.stop())
            self.assertNotIn(MARK, self.stored(daemon))

    def test_conditions_are_of_the_true_etag(self):
        daemon = self.begin()
        etag = self.put(daemon, "key", BODIES["small"]).header("etag")
        alice = daemon.alice
        self.assertEqual(304, alice.get("bucket", "key", None, {"if-none-match": etag}).status)
        self.assertEqual(412, alice.get("bucket", "key", None, {"if-match": '"0123"'}).status)
        self.put(daemon, "key", b"other", {**SSE, "if-match": '"0123"'}, 412)
        self.put(daemon, "key", b"other", {**SSE, "if-none-match": "*"}, 412)
        self.put(daemon, "key", b"other", {**SSE, "if-match": etag})
        self.assertEqual(412, alice.delete("bucket", "key", None, {"if-match": etag}).status)
        self.assertEqual(204, alice.delete("bucket", "key", None, {"if-match": f'"{hashlib.md5(b"other").hexdigest()}"'}).status)

    def test_copies_are_as_they_are_asked_for(self):
        daemon = self.begin()
        body = BODIES["frames"]
        self.put(daemon, "sealed", body)
        self.put(daemon, "plain", body, ())
        for source in ("sealed", "plain"):
            for headers in (SSE, {}):
                answer = daemon.alice.put("bucket", "copy", None, {**headers, "x-amz-copy-source": f"bucket/{source}"})
                self.assertEqual((200, headers.get(HEADER)), (answer.status, answer.header(HEADER)), answer.body)
                copy = daemon.alice.get("bucket", "copy")
                self.assertEqual((body, headers.get(HEADER)), (copy.body, copy.header(HEADER)))
        onto_itself = {"x-amz-copy-source": "bucket/plain"}
        self.assertEqual(400, daemon.alice.put("bucket", "plain", None, onto_itself).status)
        self.assertEqual(200, daemon.alice.put("bucket", "plain", None, {**SSE, **onto_itself}).status)
        self.expect_object(daemon, "plain", body)
        part = {"partNumber": "1", "uploadId": daemon.alice.post("bucket", "parts", {"uploads": None}).text("UploadId")}
        self.assertEqual(200, daemon.alice.put("bucket", "parts", part, {"x-amz-copy-source": "bucket/sealed"}).status)

    def test_what_is_refused(self):
        daemon = self.begin()
        alice = daemon.alice
        for headers, status, code in (({HEADER: "aws:kms:dsse"}, 501, "NotImplemented"),
                                      ({HEADER: "AES192"}, 400, "InvalidArgument"),
                                      ({HEADER: "aes256"}, 400, "InvalidArgument"),
                                      ({HEADER: ""}, 400, "InvalidArgument"),
                                      ({**SSE, HEADER + "-aws-kms-key-id": "k"}, 400, "InvalidArgument"),
                                      ({HEADER + "-aws-kms-key-id": "k"}, 400, "InvalidArgument"),
                                      ({**SSE, HEADER + "-customer-algorithm": "AES256"}, 400, "InvalidRequest")):
            self.assertIn(code, self.put(daemon, "key", b"body", headers, status).body.decode(), headers)
            copied = alice.put("bucket", "key", None, {**headers, "x-amz-copy-source": "bucket/none"})
            self.assertEqual(status, copied.status, headers)
        self.assertEqual(404, alice.get("bucket", "key").status)
        self.put(daemon, "key", b"body")
        self.assertEqual(400, alice.get("bucket", "key", None, SSE).status)
        self.assertEqual(400, alice.head("bucket", "key", None, SSE).status)

    def test_a_key_that_is_missing(self):
        """500 with its id for an operator, an entry without ETag in a list; and what is there again is read again."""
        daemon = self.begin()
        self.put(daemon, "sealed", BODIES["small"])
        self.put(daemon, "plain", b"plain", ())
        etag = daemon.alice.head("bucket", "sealed").header("etag")
        first = self.run_bale(daemon, "keyring", "list", "--keyring", "keys").split()[0]
        self.assertEqual(0, daemon.stop())
        os.rename(os.path.join(daemon.folder, "keys"), os.path.join(daemon.folder, "kept"))
        self.run_bale(daemon, "keyring", "create", "--keyring", "keys")
        options = daemon.options
        for is_without in (False, True):
            if is_without:
                self.assertEqual(0, daemon.stop())
                daemon.options = options[:2]
            self.restart(daemon)
            alice = daemon.alice
            for answer in (alice.get("bucket", "sealed"), alice.get("bucket", "sealed", None, {"if-none-match": etag}),
                           alice.get("bucket", "sealed", {"attributes": None}, {"x-amz-object-attributes": "ETag"}),
                           alice.put("bucket", "copy", None, {"x-amz-copy-source": "bucket/sealed"})):
                self.assertEqual(500, answer.status, answer.body)
            self.assertEqual(500, alice.head("bucket", "sealed").status)
            self.wait_for(lambda: first in daemon.log())
            self.assertEqual(5, self.count(daemon, "refused"))
            listed = alice.get("bucket").body.decode()
            self.assertEqual(1, listed.count("<ETag>"), listed)
            self.assertEqual(2, listed.count("<Key>"))
            self.assertEqual(b"plain", alice.get("bucket", "plain").body)
        self.put(daemon, "new", b"body", SSE, 501)
        self.assertEqual(0, daemon.stop())
        daemon.options = options
        os.replace(os.path.join(daemon.folder, "kept"), os.path.join(daemon.folder, "keys"))
        self.restart(daemon)
        self.expect_object(daemon, "sealed", BODIES["small"])

    def test_a_new_key_is_for_new_objects(self):
        daemon = self.begin()
        self.put(daemon, "old", BODIES["small"])
        self.assertEqual(0, daemon.stop())
        added = re.search(r"The key (\w+)", self.run_bale(daemon, "keyring", "add", "--keyring", "keys")).group(1)
        self.run_bale(daemon, "keyring", "activate", added, "--keyring", "keys")
        self.restart(daemon)
        self.put(daemon, "new", BODIES["small"])
        for key in ("old", "new"):
            self.expect_object(daemon, key, BODIES["small"])
        self.assertEqual(0, daemon.stop())
        path = os.path.join(daemon.folder, "keys")
        with open(path, encoding="ascii") as file:
            text = file.read()
        with open(path, "w", encoding="ascii") as file:  # the old key has gone
            file.write(re.sub(r"\[key (?!%s).*\n.*\n" % added, "", text))
        self.restart(daemon)
        self.expect_object(daemon, "new", BODIES["small"])
        self.assertEqual(500, daemon.alice.get("bucket", "old").status)

    def test_starts_that_are_refused(self):
        daemon = self.begin()
        self.assertEqual(0, daemon.stop())
        keys = os.path.join(daemon.folder, "keys")
        plain = list(daemon.options)
        for options in (plain + ["--raw"], plain[:2] + ["--keyring", "missing"]):
            daemon.options = options
            with self.assertRaises(RuntimeError):
                daemon.start()
        self.assertFalse(os.path.exists(os.path.join(daemon.folder, "missing")))
        daemon.options = plain
        os.chmod(keys, 0o640)
        with self.assertRaises(RuntimeError):
            daemon.start()
        os.chmod(keys, 0o600)
        self.restart(daemon)

    def test_tools_beside_the_server(self):
        """What needs no key works without one; what does says which."""
        daemon = self.begin()
        for key, body in BODIES.items():
            self.put(daemon, key, body)
        self.put(daemon, "plain", b"plain", ())
        self.assertEqual(0, daemon.stop())
        backend = ("--backend", "dir:data")
        first = self.run_bale(daemon, "keyring", "list", "--keyring", "keys").split()[0]
        self.run_bale(daemon, "check", *backend)
        self.run_bale(daemon, "verify", "--deep", "--keyring", "keys", *backend)
        self.assertIn("6 of 7 objects cannot be read", self.run_bale(daemon, "verify", "--deep", *backend, expect=1))
        self.assertIn(first, self.run_bale(daemon, "cat", "bucket/small", *backend, expect=1))
        self.assertIn("\n6 of them (", self.run_bale(daemon, "estimate", "dir:data"))  # those that stay as they are
        self.assertEqual(BODIES["small"].decode(), self.run_bale(daemon, "cat", "bucket/small", "--keyring", "keys", *backend))
        self.assertIn(first, self.run_bale(daemon, "inspect", "bucket/small", "--frames", *backend))
        self.assertIn("encrypted", self.run_bale(daemon, "export", "out", "--bucket", "bucket", *backend, expect=1))
        copy = os.path.join(daemon.folder, "copy")
        self.run_bale(daemon, "backup", copy, *backend)
        shutil.rmtree(os.path.join(daemon.folder, "data", "catalogue"))
        self.run_bale(daemon, "check", "--repair", "--copy", copy, *backend)
        self.restart(daemon)
        for key, body in BODIES.items():
            self.expect_object(daemon, key, body)

    def test_what_s4_encrypted(self):
        """Read with its keys, which may be all that there are; and a copy is what Bale writes."""
        daemon = Daemon(self.baled, ("--shards", "1"))
        self.daemons.append(daemon)
        self.run_bale(daemon, "import", str(S4_OBJECTS), "--bucket", "bucket", "--backend", "dir:data", "--credentials", daemon.credentials)
        objects = {key: found for key, found in json.loads((S4_OBJECTS / "objects.json").read_text())["objects"].items()
                   if not key.endswith(".s4index")}
        self.restart(daemon)
        self.assertEqual(501, daemon.alice.get("bucket", "logs-4k").status)
        self.assertEqual(501, daemon.alice.head("bucket", "logs-4k").status)
        self.assertEqual(0, daemon.stop())
        with open(os.open(os.path.join(daemon.folder, "keys"), os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
            file.write(f"[s4 1]\nmaterial = {base64.b64encode(bytes(range(32))).decode()}\n")
        daemon.options += ["--keyring", "keys"]
        for has_own in (False, True):
            self.restart(daemon)
            alice = daemon.alice
            for key, found in objects.items():
                answer = alice.get("bucket", key)
                self.assertEqual((200, found["original_sha256"]), (answer.status, hashlib.sha256(answer.body).hexdigest()))
                etag = found["metadata"].get("s4-logical-etag", found["backend_etag"])
                self.assertEqual((f'"{etag}"', None), (answer.header("etag"), answer.header(HEADER)))
                self.assertEqual(str(found["original_size"]), alice.head("bucket", key).header("content-length"))
                last = alice.get("bucket", key, None, {"range": "bytes=-5"}) if answer.body else answer
                self.assertEqual(answer.body[-5:], last.body)
                headers = {**(SSE if has_own else {}), "x-amz-copy-source": f"bucket/{key}"}
                self.assertEqual(200, alice.put("bucket", key + ".copy", None, headers).status)
                copy = alice.get("bucket", key + ".copy")
                self.assertEqual((answer.body, "AES256" if has_own else None), (copy.body, copy.header(HEADER)))
            self.put(daemon, "new", b"body", SSE, 200 if has_own else 501)
            self.assertEqual(0, daemon.stop())
            if not has_own:
                self.run_bale(daemon, "keyring", "add", "--keyring", "keys")

    def test_every_way_to_ask_for_it(self):
        """In the query of a presigned URL, as a field of a form, beside a body that is signed chunk by chunk."""
        daemon = self.begin()
        body = BODIES["small"]
        alice = daemon.alice
        self.assertEqual(200, alice.put("bucket", "query", SSE, (), body, auth="presigned").status)
        self.expect_object(daemon, "query", body)
        self.assertEqual(200, alice.put("bucket", "signed", None, SSE, body, auth="presigned").status)
        self.expect_object(daemon, "signed", body)
        self.assertEqual(501, alice.put("bucket", "kms", {HEADER: "aws:kms:dsse"}, (), body, auth="presigned").status)
        self.assertEqual(200, alice.put("bucket", "chunks", None, SSE, body, payload="STREAMING-AWS4-HMAC-SHA256-PAYLOAD").status)
        self.expect_object(daemon, "chunks", body)
        answer = forms.Form(alice, "bucket", "form", body).add(HEADER, "AES256").send()
        self.assertEqual((204, "AES256"), (answer.status, answer.header(HEADER)), answer.body)
        self.expect_object(daemon, "form", body)
        self.assertEqual(501, forms.Form(alice, "bucket", "kms", body).add(HEADER, "aws:kms:dsse").send().status)
        self.assertEqual(404, alice.get("bucket", "kms").status)

    def test_clients(self):
        daemon = self.begin()
        account, endpoint = daemon.accounts["alice"], f"http://{daemon.server.host}"
        environment = {"PATH": os.environ["PATH"], "HOME": daemon.folder, "AWS_ACCESS_KEY_ID": account.access_key,
                       "AWS_SECRET_ACCESS_KEY": account.secret_key, "AWS_DEFAULT_REGION": "us-east-1"}
        with open(os.path.join(daemon.folder, "file"), "wb") as file:
            file.write(BODIES["frame"])

        def run(*words):
            done = subprocess.run(words, capture_output=True, text=True, cwd=daemon.folder, env=environment, timeout=240)
            self.assertEqual(0, done.returncode, done.stdout + done.stderr)
            return done.stdout

        aws = ("aws", "--endpoint-url", endpoint)
        run(*aws, "s3", "cp", "--sse", "AES256", "file", "s3://bucket/aws")
        run(*aws, "s3", "cp", "--sse", "AES256", "s3://bucket/aws", "s3://bucket/aws.copy")
        head = json.loads(run(*aws, "s3api", "head-object", "--bucket", "bucket", "--key", "aws.copy"))
        self.assertEqual("AES256", head["ServerSideEncryption"])
        rclone = ("rclone", f"--s3-endpoint={endpoint}", "--s3-provider=Other", "--s3-env-auth", "--s3-region=us-east-1",
                  "--s3-server-side-encryption=AES256")
        run(*rclone, "copyto", "file", ":s3:bucket/rclone")
        for key in ("aws", "aws.copy", "rclone"):
            self.expect_object(daemon, key, BODIES["frame"])
        run(*aws, "s3", "cp", "s3://bucket/rclone", "back")
        with open(os.path.join(daemon.folder, "back"), "rb") as file:
            self.assertEqual(BODIES["frame"], file.read())
