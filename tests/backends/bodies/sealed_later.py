"""tests/backends/bodies/sealed_later.py -- bale maintain encrypts what lies in a bucket in clear or under keys of S4, beside replicas that serve it:
nobody sees a difference but the word that it is encrypted; whoever writes meanwhile wins, the ledger is right, and a kill leaves each object whole."""

import base64
import os
import random
import re

from encrypted import HEADER, MARK, SSE, sha256, words
from faults import fault
from ledger_of_a_fleet import SETTLE
from maintenance_in_place import InPlaceCase
from s4_read import vectors
from sealed import SEAL, SealedCase
from tools_alone import bale_end, bale_start

MIB = 1 << 20
POLICY = "[rule all]\naction = encrypt\n"
BODIES = {"empty": b"", "small": words(300), "noise": random.Random(7).randbytes(70_000), "frames": words(3 * MIB + 5, 2),
          "large": random.Random(9).randbytes(9 * MIB) + words(MIB, 3)}


class SealedLater(InPlaceCase, SealedCase):
    FOR = ("raw", "versitygw", "minio")

    def setUp(self):
        super().setUp()
        with open(self.keys, "a", encoding="ascii") as file:
            file.write(f"[s4 1]\nmaterial = {base64.b64encode(bytes(range(32))).decode()}\n")

    def start_replicas(self, *options):
        return self.replicas(2, *SETTLE, "--keyring", self.keys, *options)

    def encrypt(self, *options, place=None):
        return self.outcomes(self.maintain(POLICY, "--keyring", self.keys, "--execute", "--state", os.path.join(self.folder, "state"), *options, place=place))["all"]

    def fill(self, client):
        """By Bale, by another tool and by S4; beside them what is encrypted already, and what cannot be."""
        fields = {"x-amz-meta-who": "me", "x-amz-tagging": "a=1&b=2", "content-type": "text/x-log"}
        plain = self.backend.client()
        for key, body in BODIES.items():
            for place, writer in (("bales", client), ("others", plain)):
                self.assertEqual(200, writer.put(self.bucket, f"{place}/{key}", None, fields, body, payload="unsigned").status)
        keys = [f"{place}/{key}" for key in BODIES for place in ("bales", "others")]
        for vector in vectors("sse-s4"):
            self.assertEqual(200, vector.put(plain, self.bucket).status)
            keys += [] if vector.is_sidecar else [vector.key]
        self.assertEqual(200, client.put(self.bucket, "sealed", None, SSE, BODIES["small"]).status)
        return keys

    def seen(self, client, keys):
        found = {}
        for key in keys:
            answer = client.get(self.bucket, key, None, {"x-amz-checksum-mode": "ENABLED"})
            self.assertEqual(200, answer.status, (key, answer.body[:200]))
            tags = client.get(self.bucket, key, {"tagging": None})
            found[key] = (sha256(answer.body), sorted((name.lower(), value) for name, value in answer.headers
                                              if name.lower() not in ("date", "x-amz-request-id", "x-amz-id-2", "server", HEADER)),
                          sorted(re.findall(rb"<Tag>.*?</Tag>", tags.body)))  # versitygw has them in any order
        listed = client.get(self.bucket, None, {"list-type": "2"}).xml.findall("Contents")
        return found, [tuple(entry.findtext(name) for name in ("Key", "LastModified", "ETag", "Size")) for entry in listed]

    def expect_sealed(self, clients, keys):
        for client in clients:
            self.assertEqual({"AES256"}, {client.head(self.bucket, key).header(HEADER) for key in keys})
        for key in keys:
            fields, stored = self.stored(key)
            self.assertTrue(SEAL in fields or stored.endswith(b"S4P1") or b"BAL\3" in stored[:8], key)
            self.assertNotIn(MARK, stored)

    def test_nobody_sees_a_difference(self):
        bales = self.start_replicas()
        clients = [bale.client() for bale in bales]
        keys = self.fill(clients[0])
        before = self.seen(clients[1], keys)
        self.wait_for_another_second()
        would = self.outcomes(self.maintain(POLICY, "--keyring", self.keys))["all"]
        self.assertEqual({"sealed": len(keys), "already": 1}, would)
        self.assertEqual(before, self.seen(clients[0], keys))
        self.assertEqual(would, self.encrypt())
        for client in (*clients, self.sealing().client()):
            self.assertEqual(before, self.seen(client, keys))
        self.expect_sealed(clients, keys)
        self.assertEqual(would["sealed"] + 1, self.encrypt()["already"])
        self.check(bales)

    def test_whoever_writes_meanwhile_wins(self):
        bale, _ = self.start_replicas()
        for place, writer in (("bales", bale.client()), ("others", self.backend.client())):
            self.assertEqual(200, writer.put(self.bucket, f"{place}/key", None, (), BODIES["small"]).status)
        held = fault("hold", op=["PutObject"], key="/key", header="if-match")
        proxy = self.proxy(held)
        process = self.start_maintain(POLICY, "--keyring", self.keys, "--execute", "--state", os.path.join(self.folder, "state"), place=proxy)
        for place in ("bales", "others"):
            self.wait_for(lambda: proxy.fired()[0] > 0, "a write is on its way")
            self.assertEqual(200, bale.client().put(self.bucket, f"{place}/key", None, (), b"after").status)
            proxy.rules(held)  # this one goes on, and the next one waits
        self.assertEqual({"all": {"changed": 2}}, self.outcomes(bale_end(process)))
        for place in ("bales", "others"):
            answer = bale.client().get(self.bucket, f"{place}/key")
            self.assertEqual((b"after", None), (answer.body, answer.header(HEADER)))

    def test_it_is_killed_at_each_request(self):
        """Each object is as it was or encrypted; the next run does the rest."""
        bale, _ = self.start_replicas("--part-size", "5M")
        client, plain = bale.client(), self.backend.client()
        bodies = {"bales/small": words(3000, 5), "others/small": words(3000, 6), "others/frames": words(2 * MIB, 7)}
        for number in range(1 + self.seed % 2, 100, 1 if self.is_long else 2):
            for key, body in bodies.items():
                writer = client if key.startswith("bales") else plain
                self.assertEqual(200, writer.put(self.bucket, key, None, {"x-amz-tagging": "a=1"}, body, payload="unsigned").status)
            way = ("hang", "delay-answer")[(number // 2 + self.seed) % 2]
            proxy = self.proxy(fault(way, nth=number, key="^(bales|others)/", seconds=60))
            self.write("policy.ini", POLICY)
            program = bale_start(self, "maintain", "--policy", os.path.join(self.folder, "policy.ini"), "--keyring", self.keys, "--execute",
                                 "--state", os.path.join(self.folder, "state"), place=proxy)
            self.wait_for(lambda: proxy.fired()[0] > 0 or program.poll() is not None, f"request {number}")  # pylint: disable=cell-var-from-loop
            is_held = proxy.fired()[0] > 0
            if is_held:
                program.kill()
            bale_end(program)
            for key, body in bodies.items():
                answer = client.get(self.bucket, key)
                self.assertEqual((200, True), (answer.status, answer.body == body), key)
                self.assertIn(answer.header(HEADER), (None, "AES256") if is_held else ("AES256",))
            proxy.stop()
            self.encrypt()
            self.expect_sealed([client], bodies)
            if not is_held:
                break
        self.assertGreater(number, len(bodies))
        self.assertTrue(all(client.get(self.bucket, key).body == body for key, body in bodies.items()))
