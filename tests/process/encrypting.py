"""tests/process/encrypting.py -- bale maintain encrypts what lies in a folder in clear, or under keys of S4: nobody sees a difference but the word
that it is encrypted; for tests/process/run. tests/backends/bodies/sealed_later.py has buckets.
"""

import base64
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import time

from customers import customer
from encrypted import HEADER, MARK, SSE, forms_of, sha256, words
from encryption import BODIES, S4_OBJECTS
from key_rotations import VERSIONING, KeyRotationCase

FOLDER = ("--backend", "dir:data")
ZSTD_OBJECTS = S4_OBJECTS.parent / "zstd"
NVCOMP_BITCOMP = 3
POLICY = "[rule all]\naction = encrypt\n"
OF_AN_ANSWER = {"date", "x-amz-request-id", "x-amz-id-2"}


class Encrypting(KeyRotationCase):
    def words(self, daemon, *more, policy=POLICY):
        with open(os.path.join(daemon.folder, "policy.ini"), "w", encoding="ascii") as file:
            file.write(policy)
        return ("maintain", "--policy", "policy.ini", "--format", "json", "--keyring", "keys", *FOLDER, *more)

    def maintain(self, daemon, *more, expect=0, policy=POLICY):
        return json.loads(self.run_bale(daemon, *self.words(daemon, *more, policy=policy), expect=expect).splitlines()[0])["rules"][0]["outcomes"]

    def fill(self, daemon):
        """In clear but for two. Returns {(key, version): what a client needs to read it}."""
        alice = daemon.alice
        ways = {}
        for key, body in BODIES.items():
            self.put(daemon, key, body, {"x-amz-checksum-sha256": sha256(body), "x-amz-meta-who": "me", "x-amz-tagging": "a=1&b=2",
                                         "x-amz-storage-class": "STANDARD_IA"})
            ways[key, ""] = ()
        self.put(daemon, "theirs", BODIES["small"], customer())
        self.put(daemon, "sealed", BODIES["small"], SSE)
        ways |= {("theirs", ""): customer(), ("sealed", ""): ()}
        self.complete(daemon, "parts", self.send_parts(daemon, "parts", (), ()))
        ways["parts", ""] = ()
        self.assertEqual(200, alice.put("bucket", "", {"versioning": None}, (), VERSIONING).status)
        for number in range(3):
            ways["versions", self.put(daemon, "versions", words(3000 + number, number), ()).header("x-amz-version-id")] = ()
        return ways

    def seen(self, daemon, ways):
        """All that clients see, but for what differs in each answer and the word of encryption; and of what that is said."""
        found, sealed = {"list": daemon.alice.get("bucket", None, {"versions": None}).body}, set()
        for (key, version), headers in ways.items():
            query = {"versionId": version} if version else {}
            answer = daemon.alice.get("bucket", key, query, {**dict(headers), "x-amz-checksum-mode": "ENABLED"})
            self.assertEqual(200, answer.status, (key, answer.body[:300]))
            kept = sorted((name.lower(), value) for name, value in answer.headers if name.lower() not in OF_AN_ANSWER | {HEADER})
            found[key, version] = (sha256(answer.body), kept, daemon.alice.get("bucket", key, {**query, "tagging": None}).body)
            if answer.header(HEADER) == "AES256":
                sealed.add((key, version))
        return found, sealed

    def test_what_lies_there_in_clear(self):
        daemon = self.begin("--sse-c-over-http", "allow")
        ways = self.fill(daemon)
        before, sealed = self.seen(daemon, ways)
        self.assertEqual({("sealed", "")}, sealed)
        would = {"sealed": len(BODIES) + 3, "already": 2, "other-etag": 1}
        self.assertEqual(would, self.maintain(daemon))  # beside the server
        self.assertEqual((before, sealed), self.seen(daemon, ways))
        self.assertEqual(0, daemon.stop())
        self.assertEqual(would, self.maintain(daemon, "--execute"))
        self.run_bale(daemon, "check", *FOLDER)
        self.restart(daemon)
        after, sealed = self.seen(daemon, ways)
        self.assertEqual(before, after)
        self.assertEqual(set(ways) - {("theirs", ""), ("parts", "")}, sealed)
        for key, body in BODIES.items():
            self.expect_object(daemon, key, body)
            part = daemon.alice.get("bucket", key, None, {"range": "bytes=-5"})
            self.assertEqual(body[-5:], part.body if body else b"")
        self.assertEqual({"already": len(BODIES) + 5, "other-etag": 1}, self.maintain(daemon))
        self.assertEqual(0, daemon.stop())
        self.run_bale(daemon, "verify", "--deep", "--keyring", "keys", *FOLDER, expect=1)  # the customer's alone
        self.assertIn(f"{len(BODIES) + 5} of ", self.run_bale(daemon, "verify", "--deep", *FOLDER, expect=1))
        daemon.options += ["--sse", "require"]
        self.restart(daemon)
        self.assertEqual(403, daemon.alice.get("bucket", "parts").status)
        self.expect_object(daemon, "empty", b"")

    def test_what_s4_encrypted(self):
        """By its keys, or left and counted without them; no key of S4 is needed afterwards."""
        daemon = self.begin()
        self.assertEqual(0, daemon.stop())
        self.run_bale(daemon, "import", str(S4_OBJECTS), "--bucket", "of-s4", *FOLDER, "--credentials", daemon.credentials)
        objects = {key: found for key, found in json.loads((S4_OBJECTS / "objects.json").read_text())["objects"].items()
                   if not key.endswith(".s4index")}
        count = sum(1 for found in objects.values() if "s4-encrypted" in found["metadata"])
        self.assertGreater(count, 0)
        own = self.text(daemon)
        self.assertEqual(count, self.maintain(daemon, "--execute", expect=1)["unreadable"])
        self.replace(daemon, own + f"[s4 1]\nmaterial = {base64.b64encode(bytes(range(32))).decode()}\n")
        self.restart(daemon)
        before = {key: daemon.alice.get("of-s4", key) for key in objects}
        self.assertEqual({200}, {answer.status for answer in before.values()})
        self.assertEqual(0, daemon.stop())
        self.assertEqual(count, self.maintain(daemon, "--execute")["sealed"])
        self.replace(daemon, own)
        self.run_bale(daemon, "check", *FOLDER)
        self.restart(daemon)
        for key, answer in before.items():
            after = daemon.alice.get("of-s4", key)
            self.assertEqual((200, True, "AES256"), (after.status, after.body == answer.body, after.header(HEADER)), key)
            for name in ("etag", "last-modified", "content-type", "content-length"):
                self.assertEqual(answer.header(name), after.header(name), (key, name))

    def write_foreign(self, folder):
        """An export of S4 whose one object has a frame that only NVIDIA's library reads."""
        objects = json.loads((ZSTD_OBJECTS / "objects.json").read_text())
        found = objects["objects"]["logs-300k"]
        body = bytearray((ZSTD_OBJECTS / found["file"]).read_bytes())
        body[4:8] = NVCOMP_BITCOMP.to_bytes(4, "little")
        os.mkdir(folder)
        with open(os.path.join(folder, found["file"]), "wb") as file:
            file.write(body)
        found |= {"stored_sha256": hashlib.sha256(body).hexdigest(), "backend_etag": hashlib.md5(body).hexdigest()}
        with open(os.path.join(folder, "objects.json"), "w", encoding="ascii") as file:
            json.dump({**objects, "objects": {"foreign": found}}, file)

    def test_what_only_others_read_ends_nothing(self):
        """Nor does recompact end there."""
        daemon = self.begin()
        for key in ("a", "z"):
            self.put(daemon, key, BODIES["frame"], ())
        self.assertEqual(0, daemon.stop())
        self.write_foreign(os.path.join(daemon.folder, "foreign"))
        self.run_bale(daemon, "import", "foreign", "--bucket", "bucket", *FOLDER, "--credentials", daemon.credentials)
        recompact = POLICY.replace("encrypt", "recompact") + "level = 12\n"
        self.assertEqual({"no-gain": 2, "unreadable": 1}, self.maintain(daemon, "--execute", expect=1, policy=recompact))
        self.assertEqual({"sealed": 2, "unreadable": 1}, self.maintain(daemon, "--execute", expect=1))
        self.restart(daemon)
        for key in ("a", "z"):
            self.expect_object(daemon, key, BODIES["frame"])
        self.assertEqual(501, daemon.alice.get("bucket", "foreign").status)

    def test_it_is_killed(self):
        """At any moment: each object is in clear or encrypted, and whole; it is run again until all is done."""
        daemon = self.begin()
        bodies = {f"key-{number:04}": words(200 + 997 * number, number) for number in range(120)}
        for key, body in bodies.items():
            self.put(daemon, key, body, ())
        self.assertEqual(0, daemon.stop())
        draw = random.Random(16)
        done = []
        for _ in range(8):
            running = subprocess.Popen([self.bale, *self.words(daemon, "--execute")], cwd=daemon.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(draw.random() * 0.15)  # it matters where this ends only in that each is another place
            running.kill()
            running.wait()
            self.run_bale(daemon, "check", *FOLDER)
            done.append(self.maintain(daemon).get("already", 0))
        self.assertEqual(sorted(done), done)
        self.maintain(daemon, "--execute")
        self.assertEqual({"already": len(bodies)}, self.maintain(daemon), done)
        self.restart(daemon)
        for key, body in bodies.items():
            self.expect_object(daemon, key, body)

    def test_a_catalogue_that_is_lost(self):
        """What is rebuilt from the volumes is what was encrypted last, and not what lay there in clear before; with a copy of before, too."""
        daemon = self.begin()
        large = {key: body for key, body in BODIES.items() if len(body) > 10_000}  # what has a label
        self.assertEqual(200, daemon.alice.put("bucket", "", {"versioning": None}, (), VERSIONING).status)
        self.put(daemon, "frame", words(70_000, 9), ())  # a former version
        for key, body in large.items():
            self.put(daemon, key, body, ())
        self.assertEqual(0, daemon.stop())
        self.run_bale(daemon, "backup", "copy", *FOLDER)
        self.maintain(daemon, "--execute")
        for copy in ((), ("--copy", "copy")):
            shutil.rmtree(os.path.join(daemon.folder, "data", "catalogue"))
            self.run_bale(daemon, "check", "--repair", *copy, *FOLDER)
            self.restart(daemon)
            for key, body in large.items():
                self.expect_object(daemon, key, body)
            listed = daemon.alice.get("bucket", None, {"versions": None})
            self.assertEqual(len(large) + 1, len(listed.texts("Version/VersionId")), "each version once")
            for version in listed.xml.findall("Version"):
                answer = daemon.alice.get("bucket", version.findtext("Key"), {"versionId": version.findtext("VersionId")})
                knows = copy and version.findtext("IsLatest") == "false"  # former ones the copy has as they were
                self.assertEqual((200, None if knows else "AES256"), (answer.status, answer.header(HEADER)))
            self.assertEqual(0, daemon.stop())

    def test_by_the_server_through_its_socket(self):
        """Who asks has no keyring, and is told nothing that is none of his: no key, no byte, no hash."""
        daemon = self.begin("--sse-c-over-http", "allow", "--log-level", "debug")
        self.assertEqual(0, daemon.stop())
        path = os.path.join(daemon.folder, "admin.socket")
        daemon.options += ["--admin-socket", path]
        self.restart(daemon)
        ways = self.fill(daemon)
        before, _ = self.seen(daemon, ways)
        self.words(daemon)
        log = os.path.join(daemon.folder, "outcomes")
        asked = ("maintain", "--policy", "policy.ini", "--format", "json", "--execute", "--admin-socket", path)
        said = [self.run_bale(daemon, *asked, "--log", log)]
        self.assertEqual({"sealed": len(BODIES) + 3, "already": 2, "other-etag": 1}, json.loads(said[0].splitlines()[0])["rules"][0]["outcomes"])
        after, sealed = self.seen(daemon, ways)
        self.assertEqual(before, after)
        self.assertEqual(set(ways) - {("theirs", ""), ("parts", "")}, sealed)
        said.append(self.run_bale(daemon, *asked))
        self.assertEqual({"already": len(BODIES) + 5, "other-etag": 1}, json.loads(said[-1].splitlines()[0])["rules"][0]["outcomes"])
        with open(log, encoding="utf-8") as file:
            said.append(file.read())
        looked_at = "".join([*said, daemon.log()]).encode()
        material = base64.b64decode(re.search(r"material = (\S+)", self.text(daemon)).group(1))
        for form in (material, material.hex().encode(), base64.b64encode(material).rstrip(b"="), MARK, *forms_of(BODIES["small"]), *forms_of(BODIES["frames"])):
            self.assertNotIn(form, looked_at)
        daemon.options = [option for place, option in enumerate(daemon.options) if "--keyring" not in (option, daemon.options[place - 1])]
        self.assertEqual(0, daemon.stop())
        self.restart(daemon)
        refused = self.run_bale(daemon, *asked, expect=1)
        self.assertIn("encrypt needs a server with a --keyring that has an active key", refused)

    def test_what_is_refused(self):
        daemon = self.begin()
        self.assertEqual(0, daemon.stop())
        for policy in (POLICY + "level = 9\n", POLICY + "pays-back = 3\n", POLICY + "class = GLACIER\n"):
            self.assertIn("1 error", self.run_bale(daemon, *self.words(daemon, policy=policy), expect=2))
        self.words(daemon)
        self.assertIn("encrypt needs --keyring", self.run_bale(daemon, "maintain", "--policy", "policy.ini", *FOLDER, expect=2))
        text = self.text(daemon)
        self.replace(daemon, f"[s4 1]\nmaterial = {base64.b64encode(bytes(range(32))).decode()}\n")
        self.assertIn("a key that is active", self.run_bale(daemon, *self.words(daemon), expect=1))
        self.replace(daemon, text)
        self.assertEqual({}, self.maintain(daemon))
