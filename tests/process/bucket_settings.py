"""tests/process/bucket_settings.py -- settings of buckets across shards, deaths, restarts and a damaged journal; for
tests/process/run.

`BucketSettings.baled` is the binary; set before the tests run.
"""

import base64
import hashlib
import os
import random
import threading
import time

import admin
from client import Client
from daemons import DaemonsCase

HEAD_MAGIC = b"BJHD"


def document(number):
    return (f"<CORSConfiguration><CORSRule><ID>{number}</ID><AllowedMethod>GET</AllowedMethod>"
            f"<AllowedOrigin>http://origin-{number}.example</AllowedOrigin></CORSRule></CORSConfiguration>").encode()


def put(client, bucket, number):
    body = document(number)
    return client.put(bucket, None, {"cors": ""}, {"Content-MD5": base64.b64encode(hashlib.md5(body).digest()).decode()}, body)


class BucketSettings(DaemonsCase):
    def make(self, *options):
        return self.add("--catalogue-max-size", "4G", "--shards", "2", *options)

    def set(self, daemon, bucket, number):
        response = put(daemon.alice, bucket, number)
        self.assertEqual(200, response.status, response)

    def number(self, daemon, bucket):
        """None: unset."""
        response = daemon.alice.get(bucket, None, {"cors": ""})
        if response.status == 404:
            self.assertEqual("NoSuchCORSConfiguration", response.code)
            return None
        self.assertEqual(200, response.status, response)
        return int(response.text("CORSRule/ID"))

    def metric(self, daemon, name):
        return admin.metrics(daemon.server)[name]

    # ---- one process ----

    def test_fifty_at_once_all_succeed(self):
        daemon = self.make()
        self.assertEqual(200, daemon.alice.put("many").status)
        statuses = []
        threads = [threading.Thread(target=lambda number=number: statuses.append(
            put(Client(daemon.server, daemon.server.accounts["alice"]), "many", number).status))
            for number in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([200] * 50, statuses)
        self.assertIn(self.number(daemon, "many"), range(50))
        self.assertEqual(50, self.metric(daemon, "bale_settings_changes_total"))
        self.assertEqual(0, self.metric(daemon, "bale_settings_changes_failed_total"))

    def test_the_next_request_sees_it_on_every_shard(self):
        daemon = self.make()
        self.assertEqual(200, daemon.alice.put("seen").status)
        for number in range(20):
            self.set(daemon, "seen", number)
            self.assertEqual([number] * 6, [self.number(daemon, "seen") for _ in range(6)])  # each on a new connection

    def test_a_bucket_made_again_has_none(self):
        daemon = self.make("--settings-sweep", "1s")
        for number in range(3):
            self.assertEqual(200, daemon.alice.put("again").status)
            self.assertIsNone(self.number(daemon, "again"))
            self.set(daemon, "again", number)
            self.assertEqual(number, self.number(daemon, "again"))
            self.assertEqual(204, daemon.alice.delete("again").status)
        self.wait_for(lambda: self.metric(daemon, "bale_settings_swept_documents_total") == 3)

    # ---- deaths ----

    def put_until_death(self, daemon, state):
        """Numbers go up; `answered` is the last that was acknowledged, `sent` the last that was tried."""
        client = Client(daemon.server, daemon.server.accounts["alice"])
        try:
            while True:
                state["sent"] += 1
                if put(client, "dying", state["sent"]).status == 200:
                    state["answered"] = state["sent"]
        except Exception as error:  # the connection breaks, or a head is cut
            state["end"] = error

    def test_what_was_answered_survives_kill_9(self):
        daemon = self.make()
        chance = random.Random(os.urandom(8))
        self.assertEqual(200, daemon.alice.put("dying").status)
        state = {"sent": 0, "answered": 0}
        self.set(daemon, "dying", 0)
        for _ in range(6):
            writer = threading.Thread(target=self.put_until_death, args=(daemon, state))
            writer.start()
            time.sleep(chance.uniform(0.01, 0.3))
            daemon.kill()
            writer.join()
            self.restart(daemon)
            number = self.number(daemon, "dying")
            self.assertTrue(state["answered"] <= number <= state["sent"], (number, state))
            state["answered"] = number

    def make_until_death(self, daemon, name):
        client = Client(daemon.server, daemon.server.accounts["alice"])
        number = 0
        try:
            while client.put(f"{name}-{number}", None, (), {"x-amz-object-ownership": "ObjectWriter"}).status == 200:
                number += 1
        except Exception:  # it dies
            pass

    @staticmethod
    def names(daemon):
        return daemon.alice.get(None).texts("Buckets/Bucket/Name")

    def test_no_bucket_is_there_without_what_it_was_made_with(self):
        daemon = self.make()
        chance = random.Random(os.urandom(8))
        for life in range(5):
            makers = [threading.Thread(target=self.make_until_death, args=(daemon, f"life-{life}-{maker}"))
                      for maker in range(4)]
            for maker in makers:
                maker.start()
            if life == 0:  # a slow machine may make none before it dies
                self.wait_for(lambda: self.names(daemon) != [])
            time.sleep(chance.uniform(0.05, 0.3))
            daemon.kill()
            for maker in makers:
                maker.join()
            self.restart(daemon)
        names = self.names(daemon)
        self.assertTrue(names)
        for name in names:
            response = daemon.alice.get(name, None, {"ownershipControls": ""})
            self.assertEqual((200, "ObjectWriter"), (response.status, response.text("Rule/ObjectOwnership")), name)

    def test_what_a_death_leaves_is_swept(self):
        daemon = self.make()
        for number in range(4):
            self.assertEqual(200, daemon.alice.put(f"left-{number}").status)
            self.set(daemon, f"left-{number}", number)
            self.set(daemon, f"left-{number}", number + 10)
        deletions = [threading.Thread(target=self.delete_quietly, args=(daemon, f"left-{number}")) for number in range(3)]
        for thread in deletions:
            thread.start()
        time.sleep(0.003)
        daemon.kill()
        for thread in deletions:
            thread.join()
        daemon.options += ["--settings-sweep", "1s"]
        self.restart(daemon)
        kept = [name for name in (f"left-{number}" for number in range(4)) if daemon.alice.head(name).status == 200]
        self.assertIn("left-3", kept)
        # 8 documents: the four that were replaced and those of buckets that are gone
        self.wait_for(lambda: self.metric(daemon, "bale_settings_swept_documents_total") == 8 - len(kept))
        self.assertEqual([int(name[-1]) + 10 for name in kept], [self.number(daemon, name) for name in kept])

    def delete_quietly(self, daemon, bucket):
        try:
            Client(daemon.server, daemon.server.accounts["alice"]).delete(bucket)
        except Exception:  # it dies
            pass

    # ---- a damaged journal ----

    def damage_head(self, daemon):
        """Every copy of it that the catalogue's pages hold. Returns what undoes it, and all that was written since."""
        path = os.path.join(daemon.folder, "data", "catalogue", "data.mdb")
        with open(path, "rb") as file:
            content = file.read()
        self.assertIn(HEAD_MAGIC, content)
        self.write(path, content.replace(HEAD_MAGIC, b"XXXX"))
        return lambda: self.write(path, content)

    def write(self, path, content):
        with open(path, "wb") as file:
            file.write(content)

    def test_without_the_journal_nothing_is_open_that_was_closed(self):
        daemon = self.make()
        for bucket in ("with", "without"):
            self.assertEqual(200, daemon.alice.put(bucket).status)
            self.assertEqual(200, daemon.alice.put(bucket, "key", (), (), b"bytes").status)
        self.set(daemon, "with", 7)
        self.assertEqual(0, daemon.stop())
        undo = self.damage_head(daemon)
        self.restart(daemon)
        self.assertEqual(200, daemon.alice.get("without", "key").status)
        refused = daemon.alice.get("with", "key")
        self.assertEqual((503, "ServiceUnavailable"), (refused.status, refused.code))
        refused = put(daemon.alice, "without", 8)
        self.assertEqual((503, "ServiceUnavailable"), (refused.status, refused.code))
        self.assertEqual(0, daemon.stop())
        undo()
        self.restart(daemon)
        self.assertEqual(200, daemon.alice.get("with", "key").status)
        self.assertEqual(7, self.number(daemon, "with"))
