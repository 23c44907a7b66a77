"""tests/backends/fleet/ledger_of_a_fleet.py -- the savings ledger over a bucket: what all replicas add up to is what lies in the bucket, whatever was
killed and lost; and where nobody can know, `uncertain` says so."""

import json
import random
import shutil
import threading
import time
from pathlib import Path

import fronts
from faults import fault
from replicas import ReplicaCase
from tools_alone import bale_command

MIB = 1 << 20
SETTLE = ("--ledger-settle", "2s")  # a backend of a test has carried out by then what it was sent
NAMES = ("objects", "original_bytes", "stored_bytes")
LARGE = random.Random(8).randbytes(MIB) * 10  # two stored parts


def savings(bale):
    """Of the bucket, as this replica sees the fleet's ledger; None: it does not know yet."""
    status, text = bale.admin("/savings")
    return json.loads(text)["buckets"][0] if status == 200 else None


def metric(bale, name):
    """Of a name without labels; None: it is not there yet."""
    values = [float(line.split()[1]) for line in bale.admin("/metrics")[1].splitlines() if line.startswith(name + " ")]
    return values[0] if values else None


class LedgerCase(ReplicaCase):
    FOR = ("raw", "versitygw", "minio")

    def setUp(self):
        super().setUp()
        self.draw = random.Random(self.seed)

    def deletes_are_exact(self):
        return fronts.verdicts(self.backend)["delete-races"]

    def listed(self, client):
        """Key and size of each object but Bale's own."""
        found, after = {}, ""
        while True:
            page = client.get(self.bucket, None, {"list-type": "2", "start-after": after})
            self.assertEqual(200, page.status, page)
            keys = page.texts("Contents/Key")
            found.update(zip(keys, map(int, page.texts("Contents/Size"))))
            if page.text("IsTruncated") != "true":
                return {key: size for key, size in found.items() if not key.startswith(".bale/")}
            after = keys[-1]

    def counted(self, bale):
        """What lies in the bucket, by what the backend and Bale list."""
        stored = self.listed(self.backend.client())
        original = self.listed(bale.client())
        self.assertEqual(sorted(stored), sorted(original))
        return len(stored), sum(original.values()), sum(stored.values())

    def told(self, bale):
        seen = savings(bale)
        return seen and tuple(seen[name] for name in NAMES)

    def wait_until_settled(self, bales):
        """Nothing waits in any spool, and no intent is open."""
        names = ("bale_ledger_intents_open", "bale_spool_records_waiting")
        self.wait_for(lambda: all(metric(bale, name) == 0 for bale in bales for name in names), "intents or records wait")

    def check(self, bales, exact=True):
        """Every replica says what lies there; or, unless it must be exact, is off by no more than it says."""
        self.wait_until_settled(bales)
        wanted = self.counted(bales[0])
        self.wait_for(lambda: len({json.dumps(savings(bale)) for bale in bales}) == 1, "the replicas agree", 120)
        seen = savings(bales[0])
        if exact:
            self.assertEqual(wanted, self.told(bales[0]), seen)
        self.assertLessEqual(abs(seen["objects"] - wanted[0]), seen["uncertain"], f"{seen} instead of {wanted}")
        if seen["uncertain"] == 0:
            self.assertEqual(wanted, self.told(bales[0]))
        return seen["uncertain"]

    # ---- what clients do ----

    def put(self, bale, key, body, **headers):
        answer = bale.client().put(self.bucket, key, (), {name.replace("_", "-"): value for name, value in headers.items()}, body, payload="unsigned")
        self.assertEqual(200, answer.status, answer)
        return answer

    def delete(self, bale, key):
        self.assertEqual(204, bale.client().delete(self.bucket, key).status)

    def body(self):
        return bytes(self.draw.choice(b"abcdefgh") for _ in range(self.draw.randrange(3000))) * self.draw.choice((1, 1, 40))

    def upload(self, bales, key, parts):
        """Begun, filled and completed through whichever comes."""
        begun = bales[0].client().post(self.bucket, key, {"uploads": None})
        upload = begun.text("UploadId")
        document = ""
        for number, part in enumerate(parts, 1):
            bale = bales[number % len(bales)]
            answer = bale.client().put(self.bucket, key, {"partNumber": str(number), "uploadId": upload}, (), part, payload="unsigned")
            self.assertEqual(200, answer.status, answer)
            document += f"<Part><PartNumber>{number}</PartNumber><ETag>{answer.header('etag')}</ETag></Part>"
        return upload, f"<CompleteMultipartUpload>{document}</CompleteMultipartUpload>"

    def complete(self, bale, key, upload, document):
        return bale.client().post(self.bucket, key, {"uploadId": upload}, (), document)


class Ledger(LedgerCase):
    def test_every_kind_of_change_through_two(self):
        first, second = bales = self.replicas(2)
        self.put(first, "small", b"x" * 1000)
        self.put(second, "small", b"y" * 3000)
        self.put(second, "large", LARGE)
        self.put(first, "large", LARGE + b"more")
        self.put(first, "copy", b"", x_amz_copy_source=f"{self.bucket}/small")
        self.put(second, "copy", b"", x_amz_copy_source=f"{self.bucket}/small")
        upload, document = self.upload(bales, "parts", [LARGE[:5 * MIB], LARGE[:5 * MIB + 7], b"end"])
        self.assertEqual(200, self.complete(first, "parts", upload, document).status)
        self.assertEqual(200, self.complete(second, "parts", upload, document).status, "the answer is given again")
        refused = second.client().put(self.bucket, "small", (), {"if-none-match": "*"}, b"z")
        self.assertEqual(412, refused.status)
        self.assertEqual(0, self.check(bales))
        self.assertEqual((4, 4), (savings(first)["objects"], len(self.listed(first.client()))))

    def test_deletions(self):
        first, second = bales = self.replicas(2)
        for number in range(12):
            self.put(bales[number % 2], f"k{number}", self.body())
        self.put(first, "large", LARGE)
        for key in ("k0", "k1", "k2", "large", "missing"):
            self.delete(second, key)
        document = "".join(f"<Object><Key>{key}</Key></Object>" for key in ("k3", "k4", "k5", "k3", "missing"))
        self.assertEqual(200, first.client().delete_objects(self.bucket, f"<Delete>{document}</Delete>").status)
        uncertain = self.check(bales)
        self.assertEqual(0 if self.deletes_are_exact() else 7, uncertain, "each deletion that the backend cannot pin to a revision")

    def test_what_others_do_does_not_count(self):
        bale = self.bale()
        self.put(bale, "mine", b"m" * 5000)
        plain = self.backend.client()
        self.assertEqual(200, plain.put(self.bucket, "foreign", (), (), b"f" * 100).status)
        copied = plain.put(self.bucket, "copied", (), {"x-amz-copy-source": f"{self.bucket}/mine"})
        self.assertEqual(200, copied.status, copied)
        self.wait_until_settled([bale])
        self.assertEqual((1, 5000), self.told(bale)[:2], "an own change is seen at once")
        self.delete(bale, "copied")  # it has the fields of an object that counts, and another name
        self.put(bale, "foreign", b"now counted")
        self.wait_until_settled([bale])
        self.assertEqual((2, 5011), self.told(bale)[:2])

    def test_off(self):
        bale = self.bale(None, "--ledger", "off")
        self.put(bale, "k", b"x")
        self.assertEqual(404, bale.admin("/savings")[0])
        self.assertFalse((Path(bale.daemon.folder) / "state" / "ledger").exists())
        self.assertNotIn("l=", self.backend.client().head(self.bucket, "k").header("x-amz-meta-s4-bale"))

    def test_racing_writers(self):
        """Many overwrite and copy the same few keys through five replicas, and one deletes them."""
        bales = self.replicas(5)
        deadline = time.monotonic() + (30 if self.is_long else 2)

        def work(number):
            draw = random.Random(self.seed * 100 + number)
            client = bales[number % 5].client()
            while time.monotonic() < deadline:
                key = f"k{draw.randrange(4)}"
                kind = draw.randrange(10)
                if kind < 7:
                    client.put(self.bucket, key, (), (), draw.randbytes(draw.randrange(2000)), payload="unsigned")
                elif number == 0:
                    client.delete(self.bucket, key)
                else:
                    client.put(self.bucket, key, (), {"x-amz-copy-source": f"{self.bucket}/k{draw.randrange(4)}"})
        threads = [threading.Thread(target=work, args=(number,)) for number in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.check(bales, exact=self.deletes_are_exact())


class DeletionsThatCross(LedgerCase):
    """The same keys are deleted through several processes, and shards of them, at the same moment: each revision counts once."""

    def many(self, client, draw):
        keys = draw.sample(range(60), 8)
        document = "".join(f"<Object><Key>k{key}</Key></Object>" for key in keys)
        self.assertEqual(200, client.delete_objects(self.bucket, f"<Delete>{document}</Delete>").status)

    def work(self, bales, number, deadline):
        draw = random.Random(self.seed * 100 + number)
        clients = [bale.client() for bale in bales]
        while time.monotonic() < deadline:
            client, key, kind = draw.choice(clients), f"k{draw.randrange(60)}", draw.randrange(20)
            if kind < 14:
                client.put(self.bucket, key, (), (), draw.randbytes(draw.randrange(2000)), payload="unsigned")
            elif kind < 16:
                client.put(self.bucket, key, (), {"x-amz-copy-source": f"{self.bucket}/k{draw.randrange(60)}"})
            elif kind < 19:
                client.delete(self.bucket, key)
            else:
                self.many(client, draw)

    def go(self, bales, writers, work):
        deadline = time.monotonic() + (20 if self.is_long else 2)
        threads = [threading.Thread(target=work, args=(bales, number, deadline)) for number in range(writers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def test_writers_through_two(self):
        bales = self.replicas(2)
        self.go(bales, 4, self.work)
        self.check(bales, exact=self.deletes_are_exact())

    def test_all_delete_the_same(self):
        """Through two processes of two shards each, and twice through each connection: as soon as there is something, everybody deletes it."""
        bales = self.replicas(2)
        ready = threading.Barrier(8, timeout=600)

        def work(bales, number, _):
            client = bales[number % 2].client()
            for key in range(10):
                if number == 0:
                    for each in range(8):
                        self.put(bales[0], f"k{key}/{each}", b"x" * (100 + each))
                ready.wait()
                for each in range(8):
                    self.assertEqual(204, client.delete(self.bucket, f"k{key}/{each}").status)
        self.go(bales, 8, work)
        self.assertEqual({}, self.listed(self.backend.client()))
        uncertain = self.check(bales, exact=self.deletes_are_exact())
        self.assertTrue(uncertain == 0 or not self.deletes_are_exact(), uncertain)


class Tombstones(LedgerCase):
    """What a deletion writes first: nobody who reads through Bale sees it, and it goes, whatever becomes of who wrote it."""

    FOR = ("raw",)

    def setUp(self):
        super().setUp()
        self.through = self.proxy()
        self.second = self.bale(None, *SETTLE)  # it finds out what the backend can do
        self.first = self.replica_of(self.second, *SETTLE, place=self.through)
        self.put(self.first, "warm", b"x")
        self.delete(self.first, "warm")

    def left(self):
        return sorted(self.listed(self.backend.client()))

    def leave_tombstones(self, keys):
        """Their deletions break off before they are removed, and go on doing so."""
        for key in keys:
            self.put(self.second, key, b"x" * 1000)
        self.through.rules(fault("refuse", status=503, op="DeleteObject", key="^k", value="if-match: (?!.*no-such-tombstone)"))
        for key in keys:
            self.assertEqual(503, self.first.client().delete(self.bucket, key).status)
        self.assertEqual(sorted(keys), self.left())

    def test_nobody_sees_it(self):
        self.leave_tombstones(["k/1", "k/2"])
        for bale in (self.first, self.second):
            client = bale.client()
            self.assertEqual([404, 404, 404], [client.get(self.bucket, "k/1").status, client.head(self.bucket, "k/1").status,
                                               client.get(self.bucket, "k/1", (), {"range": "bytes=0-3"}).status])
            self.assertEqual([], client.get(self.bucket, None, {"list-type": "2"}).texts("Contents/Key"))
            self.assertEqual([], client.get(self.bucket, None, {"versions": None}).texts("Version/Key"))
            self.assertEqual(404, client.put(self.bucket, "copy", (), {"x-amz-copy-source": f"{self.bucket}/k/1"}).status)
            self.assertEqual(404, client.put(self.bucket, "k/1", (), {"if-match": '"x"'}, b"x").status)
        self.assertEqual(200, self.second.client().put(self.bucket, "k/1", (), {"if-none-match": "*"}, b"new").status)
        self.delete(self.second, "k/2")
        self.assertEqual(["k/1"], self.left())
        self.through.clear()
        self.assertEqual(0, self.check([self.first, self.second]))
        self.assertEqual(b"new", self.first.client().get(self.bucket, "k/1").body)

    def test_a_copy_of_one_under_another_name_is_an_object(self):
        self.leave_tombstones(["k"])
        plain = self.backend.client()
        self.assertEqual(200, plain.put(self.bucket, "other", (), {"x-amz-copy-source": f"{self.bucket}/k"}).status)
        self.assertEqual(200, self.first.client().get(self.bucket, "other").status)
        self.assertEqual(404, self.first.client().get(self.bucket, "k").status)

    def test_it_is_removed_when_the_backend_answers_again(self):
        self.leave_tombstones([f"k{number}" for number in range(5)])
        self.through.clear()
        self.wait_for(lambda: not self.left(), "the tombstones have gone")
        self.assertEqual(0, self.check([self.first, self.second]))

    def test_who_is_killed_leaves_none(self):
        self.leave_tombstones([f"k{number}" for number in range(5)])
        self.first.kill()
        self.through.clear()
        self.first.start()
        self.wait_for(lambda: not self.left(), "the tombstones have gone")
        self.assertEqual(0, self.check([self.first, self.second]))

    def test_lost_answers(self):
        """Of tombstones, and of their removal; and requests that come twice. A deletion whose every try was lost is a 503, and is asked for
        once more: it may have done nothing."""
        for number in range(60):
            self.put(self.second, f"k{number}", self.body())
        self.through.rules(*(fault(kind, op=["PutObject", "DeleteObject"], key="^k", probability=0.2) for kind in ("lose", "duplicate")))
        client = self.first.client()
        for number in range(60):
            statuses = [client.delete(self.bucket, f"k{number}").status]
            while statuses[-1] == 503 and len(statuses) < 20:
                statuses.append(client.delete(self.bucket, f"k{number}").status)
            self.assertEqual(204, statuses[-1], statuses)
        self.through.clear()
        self.wait_for(lambda: not self.left(), "all of it has gone")
        self.assertEqual(0, self.check([self.first, self.second]))

    def test_who_may_write_and_not_delete_loses_nothing(self):
        """A process asks before each tombstone: what it may delete elsewhere says nothing of this key."""
        for key in ("k", "k2", "other"):
            self.put(self.second, key, b"kept")
        self.through.rules(fault("refuse", status=403, code="AccessDenied", op="DeleteObject", key="^k"))
        third = self.replica_of(self.second, *SETTLE, place=self.through)
        client = third.client()
        self.assertEqual(403, client.delete(self.bucket, "k").status)
        self.assertEqual(204, client.delete(self.bucket, "other").status)
        self.assertEqual(403, client.delete(self.bucket, "k").status)
        client.delete_objects(self.bucket, "<Delete><Object><Key>k</Key></Object><Object><Key>k2</Key></Object></Delete>")
        self.assertEqual([b"kept", b"kept"], [client.get(self.bucket, key).body for key in ("k", "k2")])
        self.assertEqual(0, self.check([self.first, self.second]))

    def test_many_at_once(self):
        """By one request, one of them twice; and what this ledger does not count is deleted as ever."""
        for number in range(20):
            self.put(self.second, f"k{number}", self.body())
        self.assertEqual(200, self.backend.client().put(self.bucket, "foreign", (), (), b"f").status)
        keys = [f"k{number}" for number in range(20)] + ["k3", "missing", "foreign"]
        document = "".join(f"<Object><Key>{key}</Key></Object>" for key in keys)
        answer = self.first.client().delete_objects(self.bucket, f"<Delete>{document}</Delete>")
        self.assertEqual((200, sorted(keys)), (answer.status, sorted(answer.texts("Deleted/Key"))))
        self.assertEqual([], self.left())
        self.assertEqual(0, self.check([self.first, self.second]))


class Recounts(LedgerCase):
    def savings_command(self, *arguments):
        return bale_command(self, "savings", *arguments)

    def told_by_command(self):
        done = self.savings_command("--json")
        self.assertEqual(0, done.returncode, done.stderr)
        return json.loads(done.stdout)["buckets"][0]

    def test_the_command_says_what_the_server_says(self):
        bale = self.bale()
        for number in range(5):
            self.put(bale, f"k{number}", self.body())
        self.wait_until_settled([bale])
        self.assertEqual(savings(bale), self.told_by_command())
        self.assertEqual(1, self.savings_command("--bucket", "nosuchbucket").returncode)

    def test_what_others_have_done_is_found(self):
        """Beside two processes that serve the bucket: foreign deletions and overwrites are corrected, and nothing is uncertain."""
        first, second = bales = self.replicas(2)
        for number in range(8):
            self.put(bales[number % 2], f"k{number}", b"x" * (100 + number))
        self.put(first, "large", LARGE)
        plain = self.backend.client()
        for key in ("k0", "k1"):
            self.assertEqual(204, plain.delete(self.bucket, key).status)
        self.assertEqual(200, plain.put(self.bucket, "k2", (), (), b"foreign").status)
        self.delete(second, "k3")
        self.wait_until_settled(bales)
        self.wait_for(lambda: savings(first)["objects"] == 8, "what is not seen is still counted", 120)
        done = self.savings_command("--recount", "--json")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn(b"Corrected.", done.stderr)
        self.wait_for(lambda: all(savings(bale)["objects"] == 5 for bale in bales), "both have seen it", 120)
        seen = savings(first)
        self.assertEqual((5, 0), (seen["objects"], seen["uncertain"]))
        self.assertEqual(sum(100 + number for number in range(4, 8)) + len(LARGE), seen["original_bytes"])
        done = self.savings_command("--recount")
        self.assertEqual((0, b""), (done.returncode, done.stderr), "there is nothing more to correct")
        self.put(second, "k2", b"ours again")
        self.wait_until_settled(bales)
        self.wait_for(lambda: savings(first)["objects"] == 6, "it goes on from there", 120)


class RecountsAndKills(LedgerCase):
    """What a killed process had done, and not been told of, is found by a recount: its next start does not count it once more."""

    FOR = ("raw",)

    def kill_without_answers(self):
        """A write of a new key, one over another and a deletion have been carried out, and the replica that sent them is killed."""
        proxy = self.proxy()
        stays = self.bale(None, *SETTLE)  # it finds out what the backend can do
        goes = self.replica_of(stays, *SETTLE, "--shards", "1", place=proxy)  # it knows what it has seen, and asks no more
        for key in ("over", "gone", "warm"):
            self.put(stays, key, self.draw.randbytes(1000))
            self.assertEqual(200, goes.client().get(self.bucket, key).status)
        self.delete(goes, "warm")
        self.wait_until_settled([stays, goes])
        proxy.rules(fault("delay-answer", seconds=60, op=["PutObject"], key="^(new|over|gone)$"))
        threads = [threading.Thread(target=self.ignore, args=(work,)) for work in (
            lambda: goes.client().put(self.bucket, "new", (), (), self.draw.randbytes(500), payload="unsigned"),
            lambda: goes.client().put(self.bucket, "over", (), (), self.draw.randbytes(2000), payload="unsigned"),
            lambda: goes.client().delete(self.bucket, "gone"))]
        for thread in threads:
            thread.start()
        plain = self.backend.client()
        size = lambda key: int(plain.head(self.bucket, key).header("content-length") or 0)  # noqa: E731
        self.wait_for(lambda: plain.head(self.bucket, "new").status == 200 and size("over") != 1000 and size("gone") < 100, "all three are done", 120)
        goes.kill()
        for thread in threads:
            thread.join()
        proxy.clear()
        return stays, goes

    @staticmethod
    def ignore(work):
        try:
            work()
        except Exception:  # pylint: disable=broad-except
            pass  # it was killed

    def recount(self):
        done = bale_command(self, "savings", "--recount")
        self.assertEqual(0, done.returncode, done.stderr)

    def test_a_recount_before_the_next_start(self):
        stays, goes = self.kill_without_answers()
        self.wait_for(lambda: self.told(stays) == (2, 2000, 2000), "what the fleet knows", 120)
        self.recount()
        self.wait_for(lambda: self.told(stays) == (2, 2500, 2500), "what lies there", 120)
        goes.start()
        self.wait_for(lambda: savings(stays)["uncertain"] == 3, "that nobody knows who counted it")
        self.assertEqual(3, self.check([stays, goes]))
        self.recount()
        self.wait_for(lambda: savings(stays)["uncertain"] == 0, "it is exact again", 120)
        self.assertEqual(0, self.check([stays, goes]))
        self.put(goes, "later", self.draw.randbytes(300))  # what was noted after a recount is exact, also of who is killed
        goes.kill()
        goes.start()
        self.assertEqual(0, self.check([stays, goes]))


    def test_what_it_wrote_is_deleted_before_the_next_start(self):
        """Nobody knows that from a write that never happened: it says so."""
        stays, goes = self.kill_without_answers()
        self.delete(stays, "new")
        goes.start()
        self.assertEqual(1, self.check([stays, goes], exact=False))
        # a recount within seconds of the settling may have counted that as well, and says so: then the next one makes it exact
        self.wait_for(lambda: self.recount() or savings(stays)["uncertain"] == 0, "it is exact again")
        self.assertEqual(0, self.check([stays, goes]))


class LedgerAndFaults(LedgerCase):
    FOR = ("raw", "versitygw")

    def operate(self, bales, ending, number):
        """One client after the other, whatever the answers are. All write to all keys, and delete them. (Where the backend does not decide
        races of deletions, each has some that only it deletes; and where it deletes what was replaced a moment ago, as versitygw does,
        nobody else writes to these.)"""
        draw = random.Random(self.seed * 100 + number)
        keys = range(40) if self.deletes_are_exact() else [4 * key + number % 4 for key in range(10)]
        written = keys if self.backend_name == "versitygw" else range(40)
        while not ending.is_set():
            client = draw.choice(bales).client()
            try:
                if draw.randrange(5) > 0:
                    client.put(self.bucket, f"k{draw.choice(written)}", (), (), draw.randbytes(draw.randrange(3000)), payload="unsigned")
                else:
                    client.delete(self.bucket, f"k{draw.choice(keys)}")
            except Exception:  # pylint: disable=broad-except
                pass  # it was killed

    def under_kills(self, bales, rounds):
        for number in range(rounds):
            ending = threading.Event()
            threads = [threading.Thread(target=self.operate, args=(bales, ending, 4 * number + each)) for each in range(4)]
            for thread in threads:
                thread.start()
            time.sleep(self.draw.uniform(0.05, 0.5))
            victim = self.draw.choice(bales)
            victim.kill()
            ending.set()
            for thread in threads:
                thread.join()
            victim.start()

    def test_kills(self):
        """kill -9 of either at any moment: what the backend did and nobody heard of counts once."""
        bales = self.replicas(2, *SETTLE)
        self.under_kills(bales, 60 if self.is_long else 4)
        self.check(bales, exact=False)

    def test_kills_of_writers_of_their_own_keys(self):
        """Nobody overwrites what a killed process was about to write, or deletes it: it counts if it is there. What is not there may have been
        deleted, for all that the next start knows: no more than was under way."""
        bales = self.replicas(2, *SETTLE)
        count = iter(range(1 << 30))
        kills, writers = 30 if self.is_long else 4, 4
        for _ in range(kills):
            ending = threading.Event()

            def work(ending=ending):
                while not ending.is_set():
                    try:
                        bales[0].client().put(self.bucket, f"k{next(count)}", (), (), b"x" * 700, payload="unsigned")
                    except Exception:  # pylint: disable=broad-except
                        return  # it was killed
            threads = [threading.Thread(target=work) for _ in range(writers)]
            for thread in threads:
                thread.start()
            time.sleep(self.draw.uniform(0.05, 0.4))
            bales[0].kill()
            ending.set()
            for thread in threads:
                thread.join()
            bales[0].start()
        self.assertLessEqual(self.check(bales), kills * writers)

    def test_uploads_under_kills(self):
        """Parts through either of two, and the one that completes is killed meanwhile; the other one completes what is open then."""
        bales = self.replicas(2, *SETTLE)
        for number in range(20 if self.is_long else 1):
            upload, document = self.upload(bales, f"u{number % 2}", [LARGE[:5 * MIB], b"end" * number])
            thread = threading.Thread(target=self.complete_and_ignore, args=(bales[0], f"u{number % 2}", upload, document))
            thread.start()
            time.sleep(self.draw.uniform(0, 0.2))
            bales[0].kill()
            thread.join()
            for _ in range(20):  # the backend may still be at what the killed one had asked for
                answer = self.complete(bales[1], f"u{number % 2}", upload, document)
                if answer.status < 500:
                    break
            self.assertIn(answer.status, (200, 404), answer)  # 404: aborted, or replaced since
            bales[0].start()
        self.check(bales, exact=False)

    def complete_and_ignore(self, *arguments):
        try:
            self.complete(*arguments)
        except Exception:  # pylint: disable=broad-except
            pass  # it was killed

    def test_lost_answers(self):
        """Answers that are lost after the effect, requests that come twice: Bale finds out, and counts once."""
        proxy = self.proxy()
        second = self.bale(None, *SETTLE)  # it finds out what the backend can do
        first = self.replica_of(second, *SETTLE, place=proxy)
        proxy.rules(*(fault(kind, op="PutObject", key="^k", probability=0.2) for kind in ("lose", "duplicate")))
        for number in range(120):
            (first if number % 3 else second).client().put(self.bucket, f"k{number % 30}", (), (), self.body(), payload="unsigned")
        proxy.clear()
        self.check([first, second], exact=False)


class StateFolders(LedgerCase):
    FOR = ("raw",)

    def test_two_with_one_state_folder(self):
        first = self.bale()
        state = Path(first.daemon.folder) / "state"
        second = fronts.Bale(self.baled, self.backend, self.backend, ("--state", str(state)), accounts=first.daemon.accounts)
        self.addCleanup(second.stop)
        with self.assertRaises(RuntimeError) as refused:
            second.start()
        self.assertIn(f"is in use by process {first.daemon.process.pid} (", str(refused.exception))

    def test_a_recount_names_who_has_gone(self):
        """What a killed process was writing may be counted by the recount, and once more by its next start."""
        first, = self.replicas(1, "--replica-name", "stays")
        second = self.replica_of(first, "--replica-name", "goes", "--fleet-card", "1s")
        self.wait_for(lambda: savings(first) is not None, "the ledger", 120)
        second.kill()
        self.wait_for(lambda: '"gone"' in first.admin("/fleet")[1], "it has gone")
        done = bale_command(self, "savings", "--recount")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn(b"Replica goes has gone without a word", done.stderr)
        self.assertNotIn(b"stays", done.stderr)

    def test_a_copy_of_a_state_folder(self):
        """Of a process that was killed: the copy is refused, and what it left counts once."""
        killed = self.replicas(2, *SETTLE)[0]
        for number in range(20):
            self.put(killed, f"k{number}", self.body())
        killed.kill()
        state = Path(killed.daemon.folder) / "state"
        copy = state.parent / "copy"
        shutil.copytree(state, copy)
        killed.start()
        with self.assertRaises(RuntimeError) as refused:
            self.replica_of(killed, "--state", str(copy), *SETTLE)
        self.assertIn("is a copy", str(refused.exception))
        for number in range(20, 30):
            self.put(killed, f"k{number}", self.body())
        self.assertEqual(0, self.check([killed]))

    def test_a_lost_state_folder(self):
        """What it had not sent yet is lost with it; the rest of the ledger stands."""
        bale = self.bale()
        self.put(bale, "k", b"x" * 100)
        self.wait_until_settled([bale])
        bale.kill()
        shutil.rmtree(Path(bale.daemon.folder) / "state" / "ledger")
        bale.start()
        self.put(bale, "l", b"y" * 100)
        self.assertEqual(0, self.check([bale]))
