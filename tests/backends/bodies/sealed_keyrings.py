"""tests/backends/bodies/sealed_keyrings.py -- a new key for a fleet: while it comes, and becomes active on one replica after the other, every object
can be read through each."""

import base64
import json
import os
import re
import shutil
import signal
import subprocess

import admin
import bucket_reader
from customer_objects import CustomerCase, PARTS
from customers import customer, forms_of_key
from encrypted import MARK, SSE, forms_of, words
from faults import fault
from sealed import BODIES
from sealed_uploads import UploadCase
from tools_alone import bale_command

BODY = words(3000)


def hang_up(case, bale):
    """It reads its keyring again."""
    said = "SIGHUP: the keyring was read again"
    before = bale.daemon.log().count(said)
    bale.daemon.process.send_signal(signal.SIGHUP)
    case.wait_for(lambda: bale.daemon.log().count(said) > before, said)


class SealedKeyrings(UploadCase):
    def keyring(self, path, *verbs):
        program = os.path.join(os.path.dirname(os.path.dirname(self.baled)), "tools", "bale")
        return subprocess.run([program, "keyring", *verbs, "--keyring", path], capture_output=True, text=True, check=True).stdout

    def states(self, bale):
        """Of each key, as this replica has read it."""
        rows = (re.fullmatch(r'bale_keyring_key\{id="(\w+)",state="(\w+)"\}', row) for row in admin.metrics(bale.server))
        return {found.group(1): found.group(2) for found in rows if found}

    def key_of(self, key):
        """Under which an object is, as its record says in the bucket."""
        return bucket_reader.unbase64(self.stored(key)[0]["s4-bale-sse"])[8:16].hex()

    def test_a_new_key(self):
        files = [self.keys, self.keys + ".second"]
        shutil.copy2(files[0], files[1])
        bales = self.fleet_of(1)
        bales.append(self.replica_of(bales[0], "--shards", "1", "--part-size", "5M", "--keyring", files[1]))
        clients = [bale.client() for bale in bales]
        first = re.search(r"(\w+) active", self.keyring(files[0], "list")).group(1)
        written = {}

        def put(place, key):
            self.put(clients[place], key, BODY)
            written[key] = BODY
            upload = self.create(clients[place], key + ".parts")
            self.send(clients[1 - place], key + ".parts", upload, 1, BODY)  # through the other one
            self.complete(clients[1 - place], key + ".parts", upload, {1: BODY})
            written[key + ".parts"] = BODY
            for client in clients:
                for name, body in written.items():
                    self.assertTrue(client.get(self.bucket, name).body == body, name)

        put(0, "before")
        added = re.search(r"The key (\w+)", self.keyring(files[0], "add")).group(1)
        shutil.copy2(files[0], files[1])
        self.assertEqual([{first: "active"}] * 2, [self.states(bale) for bale in bales])
        for place, bale in enumerate(bales):
            hang_up(self, bale)
            put(place, f"added-{place}")
            self.assertEqual({first: "active", added: "loaded"}, self.states(bale))
        for place, bale in enumerate(bales):
            self.keyring(files[place], "activate", added)
            hang_up(self, bale)
            self.assertEqual({first: "loaded", added: "active"}, self.states(bale))
            put(0, f"active-{place}-0")
            put(1, f"active-{place}-1")
        expected = {"before": first, "added-1": first, "active-0-0": added, "active-0-1": first, "active-1-1": added}
        self.assertEqual(expected, {key: self.key_of(key) for key in expected})


class RotationCase(CustomerCase):
    """What tests of bale keyring rotate and adopt do, and none of them: on a bucket that replicas serve."""

    def keyring_on(self, *verbs, status=0):
        done = bale_command(self, "keyring", *verbs, "--keyring", self.keys)
        self.assertEqual(status, done.returncode, done)
        return (done.stdout + done.stderr).decode()

    def add_active(self, *bales):
        """A new key, which each of them writes under; returns it and the one before."""
        first = re.search(r"(\w+) active", self.keyring_on("list")).group(1)
        added = re.search(r"The key (\w+)", self.keyring_on("add")).group(1)
        self.keyring_on("activate", added)
        for bale in bales:
            hang_up(self, bale)
        return added, first

    def fill(self, client):
        """Whatever lies there in another shape, by both modes. Returns {key: (body, headers to read it with)}."""
        objects = {}
        for key, body in BODIES.items():
            for name, headers in ((key, SSE), (key + " customers", customer())):
                self.put(client, name, body, {**headers, "x-amz-meta-who": "me", "x-amz-tagging": "a=1&b=2"})
                objects[name] = (body, customer() if name != key else {})
        for key, headers, sent in (("of parts", SSE, {}), ("of parts customers", customer(), customer())):
            upload = client.post(self.bucket, key, {"uploads": None}, headers).text("UploadId")
            named = ""
            for number, part in enumerate(PARTS, 1):
                answer = client.put(self.bucket, key, {"partNumber": str(number), "uploadId": upload}, sent, part)
                named += f"<Part><PartNumber>{number}</PartNumber><ETag>{answer.header('etag')}</ETag></Part>"
            answer = client.post(self.bucket, key, {"uploadId": upload}, (), f"<CompleteMultipartUpload>{named}</CompleteMultipartUpload>")
            self.assertEqual(200, answer.status, answer)
            objects[key] = (b"".join(PARTS), sent)
        return objects

    def seen(self, client, objects):
        """All that clients see, but for what differs in each answer."""
        answer = client.get(self.bucket, None, {"list-type": "2"})
        found = {"list": [(entry.findtext("Key"), entry.findtext("ETag"), entry.findtext("LastModified"), entry.findtext("Size"))
                          for entry in answer.xml.findall("Contents")]}
        for key, (body, headers) in objects.items():
            answer = client.get(self.bucket, key, None, {**headers, "x-amz-checksum-mode": "ENABLED"})
            self.assertEqual((200, True), (answer.status, answer.body == body), key)
            found[key] = sorted((name.lower(), value) for name, value in answer.headers
                                if name.lower() not in ("date", "x-amz-request-id", "x-amz-id-2"))
        return found

    def counts(self, said):
        return tuple(map(int, re.search(r"(\d+) objects were sealed anew under the key \w+; (\d+) stay", said).groups()))

    def usage(self):
        said = self.keyring_on("usage")
        return {key: int(objects) for key, objects in re.findall(r"^(\w+).*: (\d+) objects, \d+ open uploads$", said, re.MULTILINE)}


class SealedRotations(RotationCase):
    FOR = ("raw",)

    def test_everything_comes_under_another_key(self):
        """Beside a replica that has read it all, and one that has not; nobody sees a difference, and the old key is not needed any more."""
        first, second = self.fleet_of(2)
        objects = self.fill(first.client())
        self.put(first.client(), "plain", b"plain", {})
        before = self.seen(first.client(), objects)
        added, old = self.add_active(first, second)
        self.assertEqual({old: len(objects), added: 0}, self.usage())
        self.assertEqual((len(objects), 0), self.counts(self.keyring_on("rotate", self.bucket)))
        self.assertEqual({old: 0, added: len(objects)}, self.usage())
        self.assertEqual((0, len(objects)), self.counts(self.keyring_on("rotate", "--from", old)))
        self.keyring_on("destroy", old)
        hang_up(self, second)
        for bale in (first, second, self.sealing()):
            self.assertEqual(before, self.seen(bale.client(), objects))
        done = bale_command(self, "verify", "--deep", "--keyring", self.keys)
        self.assertEqual(sum(1 for _, headers in objects.values() if headers), done.stdout.count(b"only the key of its client opens it"))
        self.assertIn(b"7 findings, 7 of them in a form that cannot be read yet", done.stdout)
        answer = second.client().get(self.bucket, "small", {"tagging": None})
        self.assertEqual(["a", "b"], answer.texts("TagSet/Tag/Key"))

    def test_they_go_to_another_class(self):
        """Whole, beside a replica that has read them: nobody sees a difference but the class, and they are under the key that they were under."""
        first, second = self.fleet_of(2)
        objects = self.fill(first.client())
        before, usage = self.seen(second.client(), objects), self.usage()
        policy = os.path.join(os.path.dirname(self.keys), "policy.ini")
        with open(policy, "w", encoding="ascii") as file:
            file.write("[rule cold]\naction = transition\nclass = STANDARD_IA\n")
        done = bale_command(self, "maintain", "--policy", policy, "--execute", "--format", "json", "--state", policy + ".state")
        self.assertEqual(0, done.returncode, done)
        large = {key for key, (body, _) in objects.items() if body}
        self.assertEqual({"moved": len(large), "too-small": len(objects) - len(large)}, json.loads(done.stdout)["rules"][0]["outcomes"])
        moved = ("x-amz-storage-class", "STANDARD_IA")
        for bale in (first, second, self.sealing()):
            after = self.seen(bale.client(), objects)
            self.assertEqual(large, {key for key in objects if moved in after[key]})
            self.assertEqual(before, {key: [pair for pair in found if pair != moved] for key, found in after.items()})
        self.assertEqual(usage, self.usage())

    def test_a_backend_that_is_full(self):
        """Who seals anew ends, and hears that there is no room; later it goes on, and nothing has changed meanwhile."""
        bale, = self.fleet_of(1)
        bodies = {f"from/{key}": BODIES[key] for key in ("small", "parts")}
        for key, body in bodies.items():
            self.put(bale.client(), key, body)
            self.plant(key.replace("from/", "to/"), *self.stored(key))
        self.add_active(bale)
        proxy = self.proxy(fault("refuse", status=507, code="XMinioStorageFull", method=["PUT", "POST"], key="^(from|to)/"))
        adopt = ("adopt", f"{self.bucket}/to/", "--from", f"{self.bucket}/from/")
        for verbs in (adopt, ("rotate", f"{self.bucket}/from/")):
            done = bale_command(self, "keyring", *verbs, "--keyring", self.keys, place=proxy)
            said = (done.stdout + done.stderr).decode()
            self.assertEqual((1, 1), (done.returncode, said.count("bale keyring: The backend has no room left.")), said)
            for key, body in bodies.items():
                self.expect_object(bale.client(), key, body)
            self.assertEqual((len(bodies), 0), self.counts(self.keyring_on(*verbs)))
        for key, body in bodies.items():
            self.expect_object(bale.client(), key.replace("from/", "to/"), body)

    def test_what_another_tool_has_copied(self):
        """Under another name nobody reads it; adopted it is read there, and the original still is. A customer's object is not, and is named."""
        bale, = self.fleet_of(1)
        client = bale.client()
        objects = {key: body for key, body in BODIES.items() if key != "empty"}
        plain = self.backend.client()
        for key, body in objects.items():
            self.put(client, f"from/{key}", body)
            self.plant(f"to/here/{key}", *self.stored(f"from/{key}"))
        self.put(client, "from/theirs", b"theirs", customer())
        self.plant("to/here/theirs", *self.stored("from/theirs"))
        self.put(client, "to/here/own", b"of this place")
        for key in objects:
            self.assertEqual(500, client.get(self.bucket, f"to/here/{key}").status, key)
        there = f"{self.bucket}/to/here/"
        said = self.keyring_on("adopt", there, "--from", f"{self.bucket}/somewhere/else/", status=1)
        self.assertEqual(len(objects) + 1, said.count("The object was encrypted under another name."))
        said = self.keyring_on("adopt", there, "--from", f"{self.bucket}/from/", status=1)
        self.assertIn(f"{there}theirs: Under another name it is sealed anew by its customer's or key service's key alone.", said)
        self.assertEqual((len(objects), 1), self.counts(said))
        for reader in (client, self.sealing().client()):
            for key, body in objects.items():
                self.expect_object(reader, f"to/here/{key}", body)
                self.expect_object(reader, f"from/{key}", body)
        self.assertEqual(204, plain.delete(self.bucket, "to/here/theirs").status)
        more = self.keyring_on("adopt", there, "--from", f"{self.bucket}/from/")
        self.assertEqual((0, len(objects) + 1), self.counts(more))
        self.assertEqual(0, bale.daemon.stop())
        looked_at = self.everything(self.server.folder, os.path.join(bale.daemon.folder, "state"))  # objects, journal, rows
        looked_at += bale.daemon.log().encode() + said.encode() + more.encode()
        with open(self.keys, encoding="ascii") as file:
            material = base64.b64decode(re.search(r"material = (\S+)", file.read()).group(1))
        secrets = (material, material.hex().encode(), base64.b64encode(material).rstrip(b"="), *forms_of_key())
        hashes = [form for key, body in objects.items() if len(body) > 16 for form in forms_of(body)]
        self.assertEqual([], [form for form in (MARK, *secrets, *hashes) if form in looked_at])
