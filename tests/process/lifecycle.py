"""tests/process/lifecycle.py -- lifecycle rules of a running baled: carried out, paused, replaced, interrupted, explained;
for tests/process/run. tests/lifecycle/oracle has many objects, and kills.

`Lifecycle.baled` and `Lifecycle.bale` are the binaries; set before the tests run.
"""

import base64
import hashlib
import json
import pathlib
import random
import subprocess
import tempfile
import time

import admin
from daemons import DaemonsCase

DAY_MS = 300
MANY = 600
DAYS = "<Expiration><Days>1</Days></Expiration>"
NONCURRENT = "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>"
ABORT = "<AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload>"


def document(*rules):
    return ("<LifecycleConfiguration>" + "".join(
        f"<Rule><ID>{name}</ID><Status>Enabled</Status><Filter><Prefix>{prefix}</Prefix></Filter>{actions}</Rule>"
        for name, prefix, actions in rules) + "</LifecycleConfiguration>").encode()


class Lifecycle(DaemonsCase):
    def make(self, *options):
        self.daemon = self.add("--catalogue-max-size", "4G", "--shards", "2", "--lifecycle-day", f"{DAY_MS}ms", *options)

    @property
    def alice(self):
        return self.daemon.alice

    def set(self, bucket, name, text):
        headers = {"Content-MD5": base64.b64encode(hashlib.md5(text).digest()).decode()}
        answer = self.alice.put(bucket, None, {name: ""}, headers, text)
        self.assertEqual(200, answer.status, answer)

    def fill(self, bucket, *keys, versioned=False):
        self.assertEqual(200, self.alice.put(bucket).status)
        if versioned:
            self.set(bucket, "versioning", b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
        for key in keys:
            self.assertEqual(200, self.alice.put(bucket, key, (), (), b"body").status)

    def keys(self, bucket):
        return self.alice.list_all(bucket)[0]

    def version_keys(self, bucket):
        """Of all versions and markers."""
        page = self.alice.get(bucket, None, {"versions": ""})
        return page.texts("Version/Key") + page.texts("DeleteMarker/Key")

    def upload_keys(self, bucket):
        return self.alice.get(bucket, None, {"uploads": ""}).texts("Upload/Key")

    def page(self, path="/lifecycle", method="GET", *fields, status=200):
        answer = admin.fetch(self.daemon.server, path, method, *fields)
        self.assertEqual(status, answer.status, answer)
        return json.loads(answer.body)

    def row(self, bucket):
        return next((row for row in self.page()["buckets"] if row["bucket"] == bucket), None)

    def metric(self, name):
        return admin.metrics(self.daemon.server)[name]

    def lifecycle(self, *words, status=0):
        done = subprocess.run([self.bale, "lifecycle", *words, "--backend", f"dir:{self.daemon.folder}/data"], capture_output=True,
                              text=True, timeout=600, check=False)
        self.assertEqual(status, done.returncode, (words, done.stdout, done.stderr))
        return done.stdout if status == 0 else done.stderr

    def test_what_is_due_goes(self):
        """Objects; of a versioned key the last version gets a marker, what is below goes, the marker is alone then and goes as
        well; uploads."""
        self.make()
        self.fill("plain", "logs/a", "logs/b", "kept")
        self.fill("versions", "key", "key", "other", versioned=True)
        self.fill("uploads")
        for key in ("up/a", "up/b", "kept"):
            self.assertEqual(200, self.alice.post("uploads", key, {"uploads": ""}).status)
        self.set("plain", "lifecycle", document(("logs", "logs/", DAYS)))
        self.set("versions", "lifecycle", document(("all", "key", DAYS + NONCURRENT)))
        self.set("uploads", "lifecycle", document(("up", "up/", ABORT)))
        self.wait_for(lambda: self.keys("plain") == ["kept"])
        self.wait_for(lambda: self.version_keys("versions") == ["other"])
        self.wait_for(lambda: self.upload_keys("uploads") == ["kept"])
        for action, count in (("expire", 3), ("remove-version", 2), ("remove-marker", 1), ("abort-upload", 2)):
            self.wait_for(lambda name=f'bale_lifecycle_actions_total{{action="{action}"}}', count=count: self.metric(name) == count)
        for bucket, count in (("plain", 2), ("versions", 4), ("uploads", 2)):
            self.wait_for(lambda bucket=bucket, count=count: [rule["acted"] for rule in self.row(bucket)["rules"]] == [count])
        # one that is made again has none of the rules
        self.assertEqual(204, self.alice.delete("plain", "kept").status)
        self.assertEqual(204, self.alice.delete("plain").status)
        self.fill("plain", "logs/a")
        self.assertIsNone(self.row("plain"))
        # only who reads the control file may say that the clock is right
        self.page("/lifecycle/confirm-clock", "POST", "Content-Length: 0", status=403)
        self.page("/lifecycle/confirm-clock", status=405)
        self.assertEqual("the clock is believed\n", self.lifecycle("--confirm-clock"))
        self.assertEqual(0, self.metric("bale_lifecycle_held"))
        self.assertEqual(["logs/a"], self.keys("plain"))

    def test_a_token_changes_things_from_elsewhere(self):
        """Its file is read at the start; near tokens, other schemes and an empty one are refused, and the control file's word goes on."""
        token = "an-operators-token/0123456789+="
        with tempfile.NamedTemporaryFile("w", prefix="bale-token-") as file:
            file.write(token + "\n")
            file.flush()
            self.make("--admin-token", file.name)
        path = "/lifecycle/confirm-clock"
        for refused in (f"Bearer {token}x", f"Bearer {token[:-1]}", f"Bearer {token[:-1]}-", "Bearer ", f"Basic {token}", token):
            self.page(path, "POST", "Content-Length: 0", f"Authorization: {refused}", status=403)
        self.page(path, "POST", "Content-Length: 0", f"Authorization: Bearer {token}")
        self.assertEqual("the clock is believed\n", self.lifecycle("--confirm-clock"))

    def test_what_is_not_due_costs_no_sweep(self):
        """Of a date that is far away the one sweep after the rules were set is the only one."""
        self.make()
        self.fill("bucket", "key")
        self.set("bucket", "lifecycle", document(("far", "", "<Expiration><Date>2999-01-01T00:00:00Z</Date></Expiration>")))
        sweep = self.wait_for(lambda: (found := self.row("bucket").get("sweep")) and found["state"] == "done" and found)
        self.assertEqual(32472144000000, sweep["next_ms"])
        self.wait_for(lambda: time.time() * 1000 > sweep["midnight_ms"] + 4 * DAY_MS)
        self.assertEqual(1, self.row("bucket")["sweep"]["number"])

    def storage_class(self, bucket, key, version=None):
        answer = self.alice.head(bucket, key, {"versionId": version} if version else ())
        return answer.header("x-amz-storage-class") or "STANDARD"

    def test_objects_move_and_nothing_else_of_them_changes(self):
        """What is large enough, current or not, to the coldest class that is due; lists say it, and a client that asks for one."""
        self.make()
        self.fill("bucket", versioned=True)
        body = b"a line of text\n" * 20000
        versions = [self.alice.put("bucket", "cold/large", (), {"x-amz-meta-color": "blue", "x-amz-tagging": "a=b"}, body)
                    .header("x-amz-version-id") for _ in range(2)]
        for key, headers in (("cold/small", {}), ("kept", {}), ("cold/asked", {"x-amz-storage-class": "DEEP_ARCHIVE"})):
            self.assertEqual(200, self.alice.put("bucket", key, (), headers, body[:1000]).status)
        seen = ("etag", "last-modified", "content-length", "x-amz-meta-color", "x-amz-tagging-count", "x-amz-version-id")
        before = [[self.alice.head("bucket", "cold/large", {"versionId": version}).header(name) for name in seen] for version in versions]
        move = "<Transition><Days>%d</Days><StorageClass>%s</StorageClass></Transition>"
        noncurrent = ("<NoncurrentVersionTransition><NoncurrentDays>1</NoncurrentDays><StorageClass>GLACIER</StorageClass>"
                      "</NoncurrentVersionTransition>")
        self.set("bucket", "lifecycle", document(("cold", "cold/", move % (1, "STANDARD_IA") + move % (2, "GLACIER_IR") + noncurrent)))
        self.wait_for(lambda: self.storage_class("bucket", "cold/large") == "GLACIER_IR")
        self.wait_for(lambda: self.storage_class("bucket", "cold/large", versions[0]) == "GLACIER")
        after = [[self.alice.head("bucket", "cold/large", {"versionId": version}).header(name) for name in seen] for version in versions]
        self.assertEqual(before, after)
        self.assertEqual(body, self.alice.get("bucket", "cold/large", {"versionId": versions[0]}).body)
        page = self.alice.get("bucket", None, {"list-type": "2"})
        self.assertEqual([("cold/asked", "DEEP_ARCHIVE"), ("cold/large", "GLACIER_IR"), ("cold/small", "STANDARD"), ("kept", "STANDARD")],
                         list(zip(page.texts("Contents/Key"), page.texts("Contents/StorageClass"))))
        page = self.alice.get("bucket", None, {"versions": ""})
        self.assertEqual(["DEEP_ARCHIVE", "GLACIER_IR", "GLACIER", "STANDARD", "STANDARD"], page.texts("Version/StorageClass"))
        said = self.page(f"/lifecycle/explain?bucket=bucket&key=cold%2Flarge&version={versions[0]}")
        self.assertEqual(("keep", "GLACIER"), (said["action"], said["storage_class"]))
        self.assertIn("cold (to GLACIER_IR) has nothing to do", self.lifecycle("--explain", "bucket/cold/large"))
        self.wait_for(lambda: self.metric('bale_lifecycle_actions_total{action="move"}') >= 2)
        self.assertEqual(0, self.metric('bale_lifecycle_kept_total{reason="failed"}'))

    def stored_bytes(self, name):
        done = subprocess.run([self.bale, "inspect", name, "--json", "--backend", f"dir:{self.daemon.folder}/data"], capture_output=True,
                              text=True, timeout=600, check=False)
        self.assertEqual(0, done.returncode, done.stderr)
        return json.loads(done.stdout)["stored size"]

    def test_a_class_has_a_level(self):
        """What is put with it is packed harder, and what moves to it: the ledger has fewer bytes, and everything reads as before."""
        self.make("--class", "GLACIER_IR=zstd:12,STANDARD_IA=zstd:3")
        self.fill("bucket")
        source = random.Random(12)
        words = ["".join(source.choices("etaoinshrdlu", k=source.randrange(2, 9))) for _ in range(3000)]
        body = " ".join(source.choices(words, k=120_000)).encode()
        for key, headers in (("cold/moved", {}), ("stays", {}), ("put", {"x-amz-storage-class": "GLACIER_IR"})):
            self.assertEqual(200, self.alice.put("bucket", key, (), headers, body).status)
        upload = self.alice.post("bucket", "cold/parts", {"uploads": ""}).text("UploadId")
        part = self.alice.put("bucket", "cold/parts", {"uploadId": upload, "partNumber": "1"}, (), body).header("etag")
        chosen = f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{part}</ETag></Part></CompleteMultipartUpload>"
        self.assertEqual(200, self.alice.post("bucket", "cold/parts", {"uploadId": upload}, (), chosen.encode()).status)
        size = {key: self.stored_bytes(f"bucket/{key}") for key in ("cold/moved", "stays", "put")}
        self.assertEqual(size["cold/moved"], size["stays"])
        self.assertLess(size["put"], size["stays"])
        before = self.alice.head("bucket", "cold/moved")
        self.set("bucket", "lifecycle", document(("cold", "cold/", "<Transition><Days>1</Days><StorageClass>GLACIER_IR</StorageClass></Transition>")))
        self.wait_for(lambda: self.storage_class("bucket", "cold/moved") == "GLACIER_IR")
        after = self.alice.head("bucket", "cold/moved")
        self.assertEqual([before.header(name) for name in ("etag", "last-modified", "content-length")],
                         [after.header(name) for name in ("etag", "last-modified", "content-length")])
        self.assertEqual(size["put"], self.stored_bytes("bucket/cold/moved"))
        self.wait_for(lambda: self.storage_class("bucket", "cold/parts") == "GLACIER_IR")
        self.assertLess(self.stored_bytes("bucket/cold/parts"), size["stays"])
        answer = self.alice.get("bucket", "cold/parts", {"partNumber": "1"})
        self.assertEqual((body, "1"), (answer.body, answer.header("x-amz-mp-parts-count")))
        self.assertEqual(body, self.alice.get("bucket", "cold/moved").body)
        self.assertEqual(body[500000:500100], self.alice.get("bucket", "cold/moved", (), {"range": "bytes=500000-500099"}).body)

    def damage(self, body):
        """One bit of a body that lies in the store as it came."""
        for path in (path for path in pathlib.Path(self.daemon.folder, "data").rglob("*") if path.is_file()):
            place = path.read_bytes().find(body)
            if place >= 0:
                with path.open("r+b") as file:
                    file.seek(place + len(body) // 2)
                    file.write(bytes([body[len(body) // 2] ^ 1]))
                return
        self.fail("the body is nowhere")

    def test_what_cannot_be_packed_anew_moves_as_it_is(self):
        """A damaged body: its class does not wait for it, nor the marker that is due after that."""
        self.make("--class", "GLACIER_IR=zstd:3")
        self.fill("bucket", versioned=True)
        body = random.Random(3).randbytes(200_000)
        version = self.alice.put("bucket", "key", (), (), body).header("x-amz-version-id")
        self.damage(body)
        move = "<Transition><Days>1</Days><StorageClass>GLACIER_IR</StorageClass></Transition>"
        self.set("bucket", "lifecycle", document(("all", "", move + "<Expiration><Days>2</Days></Expiration>")))
        self.wait_for(lambda: self.storage_class("bucket", "key", version) == "GLACIER_IR")
        self.wait_for(lambda: "bucket/key moves as it is" in self.daemon.log())
        self.wait_for(lambda: self.alice.head("bucket", "key").status == 404)
        self.assertEqual(["key", "key"], self.version_keys("bucket"))

    def begin_sweep(self):
        """Of many objects that are all due, and go slowly; some are gone."""
        self.make("--lifecycle-pace", "100")
        self.fill("bucket", *(f"k{number:03}" for number in range(MANY)))
        due = time.time() + 2 * DAY_MS / 1000
        self.wait_for(lambda: time.time() > due)
        self.set("bucket", "lifecycle", document(("all", "", DAYS)))
        self.wait_for(lambda: 0 < len(self.keys("bucket")) < MANY)

    def test_after_a_change_nothing_goes_by_the_former_rules(self):
        self.begin_sweep()
        self.assertEqual(204, self.alice.delete("bucket", None, {"lifecycle": ""}).status)
        left = self.keys("bucket")
        self.assertGreater(len(left), 0)
        self.wait_for(lambda: self.metric("bale_lifecycle_interrupted_total") == 1)
        self.assertEqual(left, self.keys("bucket"))

    def test_a_sweep_that_was_cut_off_goes_on(self):
        self.begin_sweep()
        self.assertEqual(0, self.daemon.stop())
        self.daemon.options[self.daemon.options.index("--lifecycle-pace") + 1] = "10000"
        self.restart(self.daemon)
        self.wait_for(lambda: f"bucket is swept: of {MANY} versions {MANY} expired" in self.daemon.log())
        self.assertEqual([], self.keys("bucket"))
        self.assertEqual(1, self.metric("bale_lifecycle_resumed_total"))

    def test_what_is_paused_is_explained(self):
        self.make("--lifecycle-pace", "0")
        self.fill("bucket", "logs/a b", "x")
        cold = "<Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition>"
        self.set("bucket", "lifecycle", document(("far", "logs/", "<Expiration><Days>300000</Days></Expiration>" + cold),
                                                 ("other", "x", DAYS), ("old", "", NONCURRENT), ("colder", "logs/", cold)))
        self.wait_for(lambda: self.page()["halt"] == "--lifecycle-pace is 0")
        for words in ("NOTHING IS CARRIED OUT: --lifecycle-pace is 0", "other: acted 0 times\n",
                      "far: acted 0 times\n", "not swept yet by these rules"):
            self.assertIn(words, self.lifecycle())
        self.assertIs(True, self.row("bucket")["rules"][0]["transitions_carried_out"])
        said = self.page("/lifecycle/explain?bucket=bucket&key=logs%2Fa+b")
        self.assertEqual(("keep", "null", True), (said["action"], said["version"], said["current"]))
        self.assertEqual(["far", "far", "other", "old", "colder"], [rule["id"] for rule in said["rules"]])
        for moving in (1, 4):
            self.assertEqual("(to GLACIER) leaves objects of less than 128 KiB where they are", said["rules"][moving]["says"])
        told = self.lifecycle("--explain", "bucket/logs/a b")
        for words in ("it stays, until ", "far is not due before ", "other is for another prefix", "old has no action for such a version"):
            self.assertIn(words, told)
        self.wait_for(lambda: "expire: rule other, due since " in self.lifecycle("--explain", "bucket/x"))
        self.assertIn("there is no such version", self.lifecycle("--explain", "bucket/logs", status=1))
        for wrong in ("bucket", "bucket/", "/key"):
            self.assertIn("say of what: --explain BUCKET/KEY", self.lifecycle("--explain", wrong, status=2))
        self.page("/lifecycle/explain?bucket=bucket", status=400)
        self.page("/lifecycle/explain?bucket=nowhere&key=k", status=404)
        # and goes on where it is told to
        self.assertEqual(0, self.daemon.stop())
        self.daemon.options = [option for option in self.daemon.options if option not in ("--lifecycle-pace", "0")]
        self.restart(self.daemon)
        self.wait_for(lambda: self.keys("bucket") == ["logs/a b"])
