"""tests/process/nothing_in_clear.py -- after every operation on encrypted objects, of clients and of tools, nothing of them lies in clear in the folder,
in a copy of its catalogue, in the log at its most talkative or in what tools say: no byte, no hash in any form, no key; nor in a core file; for
tests/process/run.
"""

import base64
import hashlib
import os
import re
import resource
import signal
import subprocess

from customers import KEY, customer, forms_of_key, source
from encrypted import CHECKSUM, HEADER, MARK, SSE, document, forms_of, sha256, words
from forms import Form
from key_rotations import PARTS, VERSIONING, KeyRotationCase

FOLDER = ("--backend", "dir:data")
KMS = {HEADER: "aws:kms"}
MODES = {"sse": (SSE, {}), "kms": (KMS, {}), "theirs": (customer(), customer())}  # headers of who writes, and who reads
SMALL, LARGE = words(300, 61), words(1_500_000, 62) + os.urandom(70_000)
TAGS = b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"


class OperationsCase(KeyRotationCase):
    """What clients do, and all that lies there afterwards."""

    modes = MODES

    def of_clients(self, daemon):
        alice = daemon.alice
        self.assertEqual(200, alice.put("bucket", "", {"versioning": None}, (), VERSIONING).status)
        for mode, (writes, reads) in self.modes.items():
            for name, body in (("small", SMALL), ("large", LARGE)):
                key = f"{name}.{mode}"
                for _ in range(2):
                    self.put(daemon, key, body, {**writes, "x-amz-checksum-sha256": sha256(body)})
                copied = {**writes, **(source() if mode == "theirs" else {}), "x-amz-copy-source": f"bucket/{key}"}
                self.assertEqual(200, alice.put("bucket", key + ".copy", None, copied).status)
                for headers in (reads, {**reads, "range": "bytes=5-99"}, {**reads, "x-amz-checksum-mode": "ENABLED"}):
                    self.assertIn(alice.get("bucket", key, None, headers).status, (200, 206))
                self.assertEqual(200, alice.head("bucket", key, None, reads).status)
                self.assertEqual(200, alice.get("bucket", key, {"attributes": None}, {**reads, "x-amz-object-attributes": "ETag,Checksum,ObjectParts"}).status)
            self.complete(daemon, f"parts.{mode}", self.send_parts(daemon, f"parts.{mode}", writes, reads), reads)
            self.send_parts(daemon, f"open.{mode}", writes, reads)
            gone = self.send_parts(daemon, f"gone.{mode}", writes, reads)
            self.assertEqual(204, alice.delete("bucket", f"gone.{mode}", {"uploadId": gone}).status)
            form = Form(alice, "bucket", f"form.{mode}", SMALL)
            for name, value in writes.items():
                form.add(name, value)
            self.assertEqual(204, form.send().status)
        upload = alice.post("bucket", "checked", {"uploads": None}, {**SSE, **CHECKSUM}).text("UploadId")
        for number, part in enumerate(PARTS, 1):
            fields = {"x-amz-checksum-sha256": sha256(part)}
            self.assertEqual(200, alice.put("bucket", "checked", {"partNumber": str(number), "uploadId": upload}, fields, part).status)
        self.assertEqual(200, alice.post("bucket", "checked", {"uploadId": upload}, (), document(dict(enumerate(PARTS, 1)))).status)
        digest = base64.b64encode(hashlib.md5(TAGS).digest()).decode()
        self.assertEqual(200, alice.put("bucket", f"small.{next(iter(self.modes))}", {"tagging": None}, {"content-md5": digest}, TAGS).status)
        last = list(self.modes)[-1]
        self.assertEqual(204, alice.delete("bucket", f"small.{last}").status)
        for headers in (customer(b"another key of thirty-two bytes."), SSE, {}):  # refusals say no more
            self.assertIn(alice.get("bucket", "large.theirs", None, headers).status, (400, 403) if "theirs" in self.modes else (400, 404))
        self.assertEqual(200, alice.get("bucket").status)
        self.assertEqual(200, alice.get("bucket", None, {"versions": None}).status)

    def keys(self, daemon):
        return [base64.b64decode(key) for key in re.findall(r"material = (\S+)", self.text(daemon))]

    def everything(self, daemon):
        """All files but the keyring and the accounts."""
        whole = []
        for folder, _, names in os.walk(daemon.folder):
            for name in names:
                path = os.path.join(folder, name)
                if os.path.isfile(path) and name not in ("keys", "accounts.ini"):
                    with open(path, "rb") as file:
                        whole += [run for run in re.split(rb"\0{4096,}", file.read()) if run]
        return b"\0".join(whole)


def forms_of_secret(secret):
    return {secret, secret.hex().encode(), base64.b64encode(secret).rstrip(b"=")}


def forms_of_bodies():
    forms = {MARK, SMALL[:16], LARGE[-16:]}
    for body in (SMALL, LARGE, *PARTS):
        forms |= set(forms_of(body))
    return forms


class NothingInClear(OperationsCase):
    def of_tools(self, daemon):
        """What they say."""
        said = []
        for expect, words_ in ((0, ("keyring", "list", "--keyring", "keys")), (0, ("keyring", "usage", "--keyring", "keys", *FOLDER)),
                               (1, ("keyring", "rotate", "--keyring", "keys", *FOLDER)),  # what its client has named stays
                               (0, ("check", *FOLDER)), (1, ("verify", "--deep", "--keyring", "keys", *FOLDER)), (1, ("verify", "--deep", *FOLDER)),
                               (0, ("inspect", "bucket/large.sse", "--frames", *FOLDER)), (0, ("inspect", "bucket/large.theirs", "--json", *FOLDER)),
                               (1, ("cat", "bucket/large.theirs", "--keyring", "keys", *FOLDER)), (1, ("cat", "bucket/large.sse", *FOLDER)),
                               (1, ("export", "left-out", "--bucket", "bucket", *FOLDER)), (0, ("backup", "copy", *FOLDER))):
            said.append(self.run_bale(daemon, *words_, expect=expect).encode())
        return said

    def test_after_every_operation(self):
        daemon = self.begin("--sse-c-over-http", "allow", "--log-level", "debug")
        self.of_clients(daemon)
        added = self.add(daemon)
        self.keyring(daemon, "activate", added)
        self.hang_up(daemon)
        self.of_clients(daemon)
        self.assertEqual(0, daemon.stop())
        logs = [daemon.log().encode()]
        said = self.of_tools(daemon)
        self.restart(daemon)
        self.assertEqual(200, daemon.alice.get("bucket", "large.sse").status)
        daemon.kill()
        looked_at = b"\0".join([self.everything(daemon), *logs, daemon.log().encode(), *said])
        forms = forms_of_bodies() | set(forms_of_key(KEY))
        for key in self.keys(daemon):
            forms |= forms_of_secret(key)
        self.assertEqual(2, len(self.keys(daemon)))
        self.assertEqual(set(), {form for form in forms - {forms_of_key(KEY)[3], forms_of_key(KEY)[4]} if form in looked_at})
        self.assertIn(added.encode(), looked_at)  # an id is no secret, and shows that all this was looked at

    def dumps_core(self, daemon):
        """Whether the kernel writes a core file of it."""
        resource.prlimit(daemon.process.pid, resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        daemon.process.send_signal(signal.SIGABRT)
        _, status = os.waitpid(daemon.process.pid, 0)
        daemon.process.returncode = -signal.SIGABRT
        return os.WCOREDUMP(status)

    def test_no_core_file(self):
        """Of a process that has a keyring; one that has none writes it, or this proves nothing."""
        daemon = self.begin()
        self.put(daemon, "key", SMALL)
        self.assertFalse(self.dumps_core(daemon))
        daemon.options = daemon.options[:2]
        self.restart(daemon)
        if not self.dumps_core(daemon):
            self.skipTest("no process writes a core file here")

    def test_no_core_file_of_a_tool(self):
        """While it waits for whoever reads what it has opened."""
        daemon = self.begin()
        self.put(daemon, "sealed", LARGE)
        self.put(daemon, "plain", LARGE, ())
        self.assertEqual(0, daemon.stop())
        dumped = {}
        for key, options in (("plain", ()), ("sealed", ("--keyring", "keys"))):
            with subprocess.Popen([self.bale, "cat", f"bucket/{key}", *FOLDER, *options], cwd=daemon.folder, stdout=subprocess.PIPE) as tool:
                self.assertTrue(tool.stdout.read(1))
                resource.prlimit(tool.pid, resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
                tool.send_signal(signal.SIGABRT)
                _, status = os.waitpid(tool.pid, 0)
                tool.returncode = -signal.SIGABRT
                dumped[key] = os.WIFSIGNALED(status) and os.WCOREDUMP(status)
        self.assertFalse(dumped["sealed"])
        if not dumped["plain"]:
            self.skipTest("no process writes a core file here")
