"""tests/process/dictionaries.py -- dictionaries of a running baled: made, used, exchanged under load, killed on the way;
for tests/process/run.

`Dictionaries.baled` and `Dictionaries.bale` are the binaries; set before the tests run.
"""

import json
import random
import shlex
import subprocess
import threading
import time

import admin
from client import Client
from daemons import DaemonsCase

MANY = 300  # objects under a prefix: enough to learn from


def event(draw, service="checkout", least=0):
    """A JSON event of 300 bytes and more."""
    return json.dumps({
        "time": f"2026-03-{draw.randrange(1, 29):02}T{draw.randrange(24):02}:{draw.randrange(60):02}:{draw.randrange(60):02}Z",
        "level": draw.choice(("info", "info", "info", "warning", "error")), "service": service,
        "request": draw.randbytes(8).hex(), "user": draw.randrange(10 ** 7), "path": f"/{service}/v2/items/{draw.randrange(5000)}",
        "status": draw.choice((200, 200, 200, 404, 500)), "duration_ms": draw.randrange(2000) / 10,
        "client": {"address": f"10.{draw.randrange(256)}.{draw.randrange(256)}.7", "agent": "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101"},
        "labels": [draw.choice(("red", "green", "blue")) for _ in range(draw.randrange(1, 9 + least))]}).encode()


class Dictionaries(DaemonsCase):
    def setUp(self):
        super().setUp()
        self.draw = random.Random(7)
        self.bodies = {}
        self.daemon = self.add("--shards", "2")
        self.assertEqual(200, self.alice.put("bucket").status)
        self.rules_when_ready()

    @property
    def alice(self):
        return self.daemon.alice

    @property
    def server(self):
        return self.daemon.server

    def dict(self, *words, status=0):
        done = subprocess.run([self.bale, "dict", *words, "--backend", f"dir:{self.daemon.folder}/data"], capture_output=True,
                              text=True, timeout=600, check=False)
        self.assertEqual(status, done.returncode, (words, done.stdout, done.stderr))
        return done.stdout if status == 0 else done.stderr

    def rules(self):
        return json.loads(self.dict("list", "--json"))["rules"]

    def put(self, key, body, client=None, bucket="bucket"):
        answer = (client or self.alice).put(bucket, key, (), (), body)
        self.assertEqual(200, answer.status, answer.body)
        self.bodies[bucket, key] = body

    def put_events(self, prefix, first=0, count=MANY, **kind):
        for number in range(first, first + count):
            self.put(f"{prefix}{number}", event(self.draw, **kind))

    def assert_all_read_back(self, client=None):
        for (bucket, key), body in self.bodies.items():
            answer = (client or self.alice).get(bucket, key)
            self.assertEqual((200, body), (answer.status, answer.body), (bucket, key))

    def figure(self, name):
        return sum(value for line, value in admin.metrics(self.server).items() if line.partition("{")[0] == name)

    def train(self, place, service="checkout", **kind):
        """A dictionary in force for a prefix that has objects of one kind."""
        prefix = place.partition("/")[2]
        self.put_events(prefix, service=service, **kind)
        self.assertIn("published", self.dict("train", place))

    # ---- made and used ----

    def test_what_it_saves(self):
        self.put_events("events/")
        before = self.figure("bale_stored_bytes_written_total")
        self.assertIn("published", self.dict("train", "bucket/events/"))
        [rule] = self.rules()
        self.assertEqual(("bucket", "events/", True), (rule["bucket"], rule["prefix"], rule["in_force"]))
        self.assertGreater(rule["expected_saving"], 0.5)
        middle = self.figure("bale_stored_bytes_written_total")
        self.put_events("events/", MANY)
        after = self.figure("bale_stored_bytes_written_total")
        self.assertLess((after - middle) * 2, before, "less than half of what it took")
        self.put_events("event", 0, 20)  # another prefix
        self.put("events/large", event(self.draw) * 400)
        self.put("events/noise", self.draw.randbytes(500))
        self.put("events/empty", b"")
        self.assert_all_read_back()
        for key in ("events/301", "events/302"):
            answer = self.alice.get("bucket", key, (), [("Range", "bytes=5-20")])
            self.assertEqual((206, self.bodies["bucket", key][5:21]), (answer.status, answer.body))
        self.restart_cleanly()
        self.assert_all_read_back()
        self.wait_for(lambda: self.rules_when_ready()[0]["in_force"])
        self.put_events("events/", 2 * MANY, 20)
        self.assertGreater(self.rules()[0]["puts"], 15, "in force again after a start")
        self.assert_all_read_back()

        self.dict("unmap", "bucket/events/")
        self.assertEqual([], self.rules())
        before = self.figure("bale_stored_bytes_written_total")
        self.put_events("events/", 3 * MANY, 20)
        self.assertGreater(self.figure("bale_stored_bytes_written_total") - before, 20 * 150)
        self.assert_all_read_back()
        self.assertEqual(1, len(json.loads(self.dict("list", "--json"))["known"]), "what there was is known for ever")

    def test_what_is_said(self):
        self.assertIn("samples", self.dict("train", "bucket/nothing/", status=1))
        self.assertIn("does not exist", self.dict("train", "missing/", status=1).lower())
        for key in range(40):
            self.put(f"noise/{key}", self.draw.randbytes(700))
        self.assertIn("Nothing is changed", self.dict("train", "bucket/noise/"))
        self.assertEqual([], self.rules())
        self.put_events("events/")
        self.assertIn("less", self.dict("diff", "bucket/events/"))
        self.assertEqual([], self.rules(), "diff publishes nothing")
        self.assertIn("published", self.dict("train", "bucket/events/"))
        [rule] = self.rules()
        self.assertEqual(f"--zstd-dict bucket/events/={rule['id']}\n", self.dict("list", "--s4"))
        self.assertIn("--s4 goes with bale dict list", self.dict("status", "--s4", status=2))
        self.assertIn(rule["id"], self.dict("status"))
        self.assertIn("not worth it", self.dict("train", "bucket/events/"), "not better than the one in force")

    def test_prefixes_of_any_bytes(self):
        """What is shown stays a line, and what is for a shell a word of one."""
        prefix = "a\n\"b\\' é\t$(x)\x1b[2J/"
        self.put_events(prefix, 0, 40)
        self.assertIn(r"published: new objects under bucket/a\x0a", self.dict("train", f"bucket/{prefix}"))
        [rule] = self.rules()
        self.assertEqual(prefix, rule["prefix"])
        shown = self.dict("list")
        self.assertEqual("bucket/a\\x0a\"b\\\\' é\\x09$(x)\\x1b[2J/", shown.splitlines()[0])
        self.assertEqual(["--zstd-dict", f"bucket/{prefix}={rule['id']}"], shlex.split(self.dict("list", "--s4")))
        self.put_events(prefix, 40, 10)
        self.assertEqual(10, self.rules()[0]["puts"])
        self.assert_all_read_back()
        self.assertIn(r"a\x0a", self.dict("unmap", f"bucket/{prefix}"))
        self.assertEqual([], self.rules())

    def test_changes_want_the_word(self):
        for path in ("/dict/train?bucket=bucket&prefix=", "/dict/unmap?bucket=bucket&prefix="):
            self.assertEqual(403, admin.fetch(self.server, path, "POST").status)
            self.assertEqual(403, admin.fetch(self.server, path, "POST", "Authorization: Bearer " + "0" * 32).status)
            self.assertEqual(405, admin.fetch(self.server, path).status)

    def test_drift_is_seen(self):
        self.train("bucket/events/")
        self.assertIn("expected", self.dict("status"))
        for number in range(250):  # nothing like it
            self.put(f"events/b{number}", bytes(self.draw.randrange(65, 91) for _ in range(600)))
        self.wait_for(lambda: self.rules()[0].get("stale"), 120)
        self.assertIn("stale", self.dict("status", status=1))
        self.assert_all_read_back()

    def test_retired(self):
        self.train("bucket/events/")
        headers = [("x-amz-meta-colour", "green"), ("x-amz-tagging", "a=b"), ("Content-Type", "text/x-event")]
        for number in range(20):
            self.assertEqual(200, self.alice.put("bucket", f"events/t{number}", (), headers, event(self.draw)).status)
        before = self.alice.get("bucket", "events/t3", (), [("x-amz-checksum-mode", "ENABLED")])
        self.bodies["bucket", "events/t3"] = before.body
        [rule] = self.rules()
        self.assertIn("16 digits", self.dict("retire", "bucket/events/", status=1))
        self.assertIn("no sound dictionary", self.dict("retire", "bucket/0123456789abcdef", status=1))
        self.assertIn("20 objects were written again", self.dict("retire", f"bucket/{rule['id']}"))
        self.assertEqual({"rules": [], "known": []}, json.loads(self.dict("list", "--json")))
        self.restart_cleanly()
        self.assert_all_read_back()
        after = self.alice.get("bucket", "events/t3", (), [("x-amz-checksum-mode", "ENABLED")])
        for name in ("etag", "content-type", "x-amz-meta-colour", "content-length", "x-amz-checksum-crc64nvme", "x-amz-tagging-count"):
            self.assertEqual(before.header(name), after.header(name), name)
        self.assertEqual(["a"], self.alice.get("bucket", "events/t3", {"tagging": ""}).texts("TagSet/Tag/Key"))
        self.train("bucket/events/")

    def test_by_itself(self):
        """With --dict auto the server learns from what passes; with --dict off nothing new has a dictionary."""
        self.train("bucket/events/")
        self.assertEqual(0, self.daemon.stop())
        self.daemon.options += ["--dict", "auto"]
        self.restart(self.daemon)
        self.put_events("log/2026/", service="search")
        self.put_events("events/", MANY)
        self.put_events("", service="login")
        self.put_events("noise/", 0, 1)
        for number in range(MANY):
            self.put(f"noise/{number}", self.draw.randbytes(600))

        def made():
            rules = self.rules_when_ready()
            return len(rules) > 1 and {rule["prefix"] for rule in rules}
        self.wait_for(made)
        time.sleep(11)  # another turn: nothing is made of noise, nor for what is served well
        self.assertTrue({"events/", "log/"} & made() and not {"noise/"} & made(), made())
        self.put_events("log/2026/", MANY, 30, service="search")
        self.assertGreater(sum(rule["puts"] for rule in self.rules() if rule["prefix"] in ("", "log/", "log/2026/")), 25)
        self.assertEqual(0, self.daemon.stop())
        self.daemon.options[-1] = "off"
        self.restart(self.daemon)
        before = self.figure("bale_stored_bytes_written_total")
        self.put_events("log/2026/", 2 * MANY, 20, service="search")
        self.assertGreater(self.figure("bale_stored_bytes_written_total") - before, 20 * 150)
        self.assert_all_read_back()

    # ---- other buckets ----

    def test_copies_take_it_along(self):
        self.train("bucket/events/")
        self.put_events("events/", MANY, 20)
        self.assertEqual(200, self.alice.put("other").status)
        for number in range(MANY, MANY + 20):
            answer = self.alice.put("other", f"copy/{number}", (), {"x-amz-copy-source": f"bucket/events/{number}"})
            self.assertEqual(200, answer.status, answer.body)
            self.bodies["other", f"copy/{number}"] = self.bodies["bucket", f"events/{number}"]
        for bucket, key in list(self.bodies):
            if bucket == "bucket":
                self.assertEqual(204, self.alice.delete(bucket, key).status)
                del self.bodies[bucket, key]
        self.assertEqual(204, self.alice.delete("bucket").status, "nothing is in it that anybody could remove")
        self.restart_cleanly()
        self.assert_all_read_back()
        self.assertEqual(409, self.alice.delete("other").status)
        self.assert_all_read_back()
        self.restart_cleanly()
        self.assert_all_read_back()
        self.assertEqual(200, self.alice.put("bucket").status)
        self.wait_for(lambda: self.rules_when_ready() == [])  # those of the bucket that has gone
        self.put("events/1", event(self.draw))
        self.restart_cleanly()
        self.assert_all_read_back()

    def restart_cleanly(self):
        self.assertEqual(0, self.daemon.stop())
        self.restart(self.daemon)

    def test_nobody_sees_it(self):
        self.train("bucket/events/")
        key = f".s4dict/{self.rules()[0]['id']}"
        for answer in (self.alice.get("bucket", key), self.alice.head("bucket", key), self.alice.delete("bucket", key),
                       self.alice.put("bucket", key, (), (), b"forged"),
                       self.alice.get("bucket", key, (), [("Range", "bytes=0-9")])):
            self.assertEqual(403, answer.status)
        self.assertEqual(404, self.alice.put("bucket", "mine", (), {"x-amz-copy-source": f"bucket/{key}"}).status)
        listed = self.alice.get("bucket", None, {"list-type": "2", "max-keys": "5"})
        self.assertTrue(all(name.startswith("events/") for name in listed.texts("Contents/Key")))
        self.put_events("events/", MANY, 3)
        figures = admin.metrics(self.server)
        self.assertEqual(3, figures['bale_dict_put_total{bucket="bucket",prefix="events/",result="won"}'])
        self.assertLess(figures['bale_dict_put_bytes_total{bucket="bucket",prefix="events/",kind="stored"}'] * 2,
                        figures['bale_dict_put_bytes_total{bucket="bucket",prefix="events/",kind="original"}'])
        self.assertEqual(0, self.daemon.stop())
        done = subprocess.run([self.bale, "check", "--backend", f"dir:{self.daemon.folder}/data"], capture_output=True, text=True,
                              timeout=600, check=False)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        done = subprocess.run([self.bale, "savings", "--recount", "--backend", f"dir:{self.daemon.folder}/data"], capture_output=True,
                              text=True, timeout=600, check=False)
        self.assertEqual((0, ""), (done.returncode, done.stderr), "the ledger knows of no dictionary, and a recount neither")

        backend, folder = ("--backend", f"dir:{self.daemon.folder}/data"), f"{self.daemon.folder}/exported"
        for bucket, more, codec in (("copy", (), "cpu-zstd-dict"), ("stored", ("--as-stored",), "dictionary-block")):
            for words in (("export", folder + bucket, "--bucket", "bucket", *more),
                          ("import", folder + bucket, "--bucket", bucket, "--owner", self.daemon.accounts["alice"].id)):
                done = subprocess.run([self.bale, *words, *backend], capture_output=True, text=True, timeout=600, check=False)
                self.assertEqual(0, done.returncode, done.stderr)
            done = subprocess.run([self.bale, "cat", f"{bucket}/events/{MANY}", *backend], capture_output=True, timeout=600, check=False)
            self.assertEqual(self.bodies["bucket", f"events/{MANY}"], done.stdout)
            done = subprocess.run([self.bale, "inspect", f"{bucket}/events/{MANY}", *backend], capture_output=True, text=True, timeout=600,
                                  check=False)
            self.assertRegex(done.stdout, f"(?m)^codec +{codec}$", done.stderr)
        self.restart(self.daemon)
        self.bodies |= {(bucket, key): body for (_, key), body in self.bodies.items() for bucket in ("copy", "stored")}
        self.assert_all_read_back()

    # ---- exchanged under load, killed on the way ----

    def test_rotation_during_load(self):
        """While dictionaries change, everything is written and read without one failure."""
        self.put_events("events/")
        failures, is_over, counts = [], threading.Event(), []

        def work(number):
            draw, client, done = random.Random(number), Client(self.server, self.daemon.accounts["alice"]), {}
            while not is_over.is_set():
                key, body = f"events/{number}-{draw.randrange(300)}", event(draw, draw.choice(("checkout", "search", "login")))
                answer = client.put("bucket", key, (), (), body)
                done[key] = body
                key = draw.choice(list(done))
                read = client.get("bucket", key)
                if answer.status != 200 or (read.status, read.body) != (200, done[key]):
                    failures.append((answer.status, read.status, read.body[:200]))
            counts.append(len(done))
        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        published = 0
        for turn in range(6):
            self.put_events(f"events/of {turn}/", 0, 60, service=f"service-{turn}" * 4, least=turn)
            published += "published" in self.dict("train", "bucket/events/")
            if turn == 3:
                self.dict("unmap", "bucket/events/")
        is_over.set()
        for thread in threads:
            thread.join()
        self.assertEqual([], failures[:3])
        self.assertGreaterEqual(published, 2)
        self.assertEqual(4, len(counts))
        self.assert_all_read_back()

    def test_kill_9_on_the_way(self):
        """At whatever step of a training: everything stays readable, and the next training works."""
        self.put_events("events/", 0, 100)
        for turn in range(8):
            training = subprocess.Popen([self.bale, "dict", "train", "bucket/events/", "--backend", f"dir:{self.daemon.folder}/data"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep((0, 0.02, 0.05, 0.08, 0.1, 0.12, 0.15, 0.2)[turn])
            self.daemon.kill()
            training.wait(120)
            self.restart(self.daemon)
            self.put_events("events/", 1000 + turn * 10, 10)
            self.assert_all_read_back()
            self.wait_for(lambda: all(rule["in_force"] for rule in self.rules_when_ready()))
            if self.rules():
                self.dict("unmap", "bucket/events/")
        self.rules_when_ready()
        self.assertIn("published", self.dict("train", "bucket/events/"))
        self.put_events("events/", 5000, 20)
        self.assert_all_read_back()

    def rules_when_ready(self):
        answer = self.wait_for(lambda: (answer := admin.fetch(self.server, "/dict")).status == 200 and answer)
        return json.loads(answer.body)["rules"]
