"""tests/backends/fleet/dictionaries_of_a_fleet.py -- replicas before one bucket: a dictionary that one of them makes is used by all, and exchanged while
everything goes on."""

import json
import os
import random
import subprocess
import threading

from replicas import ReplicaCase
from tools_alone import bale_command

SEEN_SECONDS = 300  # it takes two: the journal's poll, and a look at it; a busy machine answers when it can


def event(draw, service="checkout"):
    return json.dumps({"time": f"2026-03-{draw.randrange(1, 29):02}T{draw.randrange(24):02}:{draw.randrange(60):02}Z", "service": service,
                       "level": draw.choice(("info", "info", "warning")), "request": draw.randbytes(6).hex(), "user": draw.randrange(10 ** 6),
                       "path": f"/{service}/v2/items/{draw.randrange(5000)}", "agent": "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/128.0",
                       "status": draw.choice((200, 200, 404))}).encode()


class DictionaryCase(ReplicaCase):
    FOR = ()

    def dict(self, bale, *words):
        program = os.path.join(os.path.dirname(os.path.dirname(self.baled)), "tools", "bale")
        return subprocess.run([program, "dict", *words, "--state", os.path.join(bale.daemon.folder, "state")], capture_output=True, text=True,
                              timeout=600, check=False)

    def train(self, bale):
        """The id in force afterwards."""
        done = self.dict(bale, "train", f"{self.bucket}/events/")
        self.assertEqual(0, done.returncode, done.stderr)
        return self.rule(bale)["id"]

    def rule(self, bale):
        """Of the one prefix, as that replica has it; empty: none is in force."""
        status, text = bale.admin("/dict")
        rules = json.loads(text)["rules"] if status == 200 else []
        return rules[0] if rules and rules[0]["in_force"] else {"id": "", "puts": 0}

    def put_events(self, bale, name, count, headers=(), **kind):
        client, draw = bale.client(), random.Random(f"{self.seed} {name}")
        bodies = {f"events/{name}-{number}": event(draw, **kind) for number in range(count)}
        for key, body in bodies.items():
            self.assertEqual(200, client.put(self.bucket, key, (), headers, body).status)
        return bodies

    def assert_read(self, bale, bodies):
        client = bale.client()
        for key, body in bodies.items():
            answer = client.get(self.bucket, key)
            self.assertEqual((200, body), (answer.status, answer.body), key)


class Dictionaries(DictionaryCase):
    FOR = ("raw", "versitygw")

    def test_made_by_one_used_by_all(self):
        first, second = self.replicas(2)
        bodies = self.put_events(first, "plain", 150)
        self.wait_for(lambda: first.admin("/dict")[0] == 200, "the journal is read")
        made = self.train(first)
        self.assertRegex(made, "^[0-9a-f]{16}$")
        self.wait_for(lambda: self.rule(second)["id"] == made, "the other one has it", SEEN_SECONDS)
        for bale, name in ((first, "one"), (second, "two")):
            bodies |= self.put_events(bale, name, 20)
            self.assertGreaterEqual(self.rule(bale)["puts"], 18)
        stored = self.backend.client().head(self.bucket, "events/one-3")
        self.assertEqual(("cpu-zstd-dict", made), (stored.header("x-amz-meta-s4-codec"), stored.header("x-amz-meta-s4-dict-id")))
        dictionary = self.backend.client().head(self.bucket, f".s4dict/{made}")
        self.assertEqual(("application/x-zstd-dictionary", made), (dictionary.header("content-type"), dictionary.header("x-amz-meta-s4-dict-sha256")[:16]))
        self.assert_read(first, bodies)
        self.assert_read(second, bodies)
        stranger = self.replica_of(first)
        self.assert_read(stranger, bodies)
        listed = stranger.client().get(self.bucket, None, {"list-type": "2"}).texts("Contents/Key")
        self.assertEqual(sorted(bodies), listed)
        self.assertEqual(bodies["events/two-3"], bale_command(self, "cat", f"{self.bucket}/events/two-3").stdout)
        verified = bale_command(self, "verify", "--deep")
        self.assertEqual(0, verified.returncode, verified.stdout)

    def test_rotation_under_load(self):
        """Written through one and read through the other at once, while the dictionary changes through either: never a failure."""
        pair = self.replicas(2)
        self.put_events(pair[0], "seed", 150)
        self.wait_for(lambda: all(bale.admin("/dict")[0] == 200 for bale in pair), "the journal is read")
        failures, is_over, done = [], threading.Event(), []

        def work(number):
            draw, clients = random.Random(number), [bale.client() for bale in pair]
            while not is_over.is_set():
                key, body = f"events/{number}-{draw.randrange(100)}", event(draw, draw.choice(("checkout", "search")))
                written = clients[number % 2].put(self.bucket, key, (), (), body)
                read = clients[1 - number % 2].get(self.bucket, key)
                if (written.status, read.status, read.body) != (200, 200, body):
                    failures.append((written.status, read.status, read.body[:200]))
                done.append(key)
        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        ids = set()
        for turn in range(4):
            unheard = random.Random(turn).randbytes(80).hex()  # of which the dictionary in force knows nothing
            self.put_events(pair[turn % 2], f"turn-{turn}", 150, service=unheard)
            ids.add(self.train(pair[turn % 2]))
        is_over.set()
        for thread in threads:
            thread.join()
        self.assertEqual([], failures[:3])
        self.assertGreaterEqual(len(ids - {""}), 2)
        self.assertGreater(len(done), 50)

    def test_one_that_somebody_removes_comes_back(self):
        if not self.is_long:
            self.skipTest("it takes a minute")
        first, second = self.replicas(2)
        bodies = self.put_events(first, "plain", 150)
        self.wait_for(lambda: first.admin("/dict")[0] == 200, "the journal is read")
        key = f".s4dict/{self.train(first)}"
        bodies |= self.put_events(first, "one", 20)
        self.backend.client().delete(self.bucket, key)
        self.wait_for(lambda: self.backend.client().head(self.bucket, key).status == 200, "it is put back")
        self.assertIn("is put back", first.log() + second.log())
        self.assert_read(self.replica_of(first), bodies)

    def test_two_train_at_once(self):
        pair = self.replicas(2)
        self.put_events(pair[0], "seed", 200)
        self.wait_for(lambda: all(bale.admin("/dict")[0] == 200 for bale in pair), "the journal is read")
        results = [None, None]

        def train(number):
            results[number] = self.dict(pair[number], "train", f"{self.bucket}/events/")
        threads = [threading.Thread(target=train, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        won = [done for done in results if done.returncode == 0 and "published" in done.stdout]
        self.assertGreaterEqual(len(won), 1, [done.stdout + done.stderr for done in results])
        self.wait_for(lambda: self.rule(pair[0])["id"] == self.rule(pair[1])["id"] != "", "they agree", SEEN_SECONDS)
