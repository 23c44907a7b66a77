"""tests/backends/fleet/cards.py -- replicas know of each other: cards in the bucket, /fleet, `bale fleet`; and what becomes of copied state folders."""

import json
import os
import re
import shutil
import signal
import time
import urllib.request
from pathlib import Path

import fronts
from replicas import ANONYMOUS, TAGS, ReplicaCase
from tools_alone import bale_command

PACE = ("--fleet-card", "1s")
HOUR_MS = 3600 * 1000


class FleetCase(ReplicaCase):
    FOR = ("raw", "versitygw")

    def members(self, bale):
        """What one of them says of all, by name; None while it does not know."""
        status, text = bale.admin("/fleet")
        return {card["name"]: card for card in json.loads(text)["replicas"]} if status == 200 else None

    def states(self, bale):
        return {name: card["state"] for name, card in (self.members(bale) or {}).items()}

    def told(self):
        """The same by a tool."""
        done = bale_command(self, "fleet", "--json")
        self.assertEqual((0, b""), (done.returncode, done.stderr))
        return {card["name"]: card for card in json.loads(done.stdout)["replicas"]}

    def named(self, other, name, *options):
        return self.replica_of(other, *PACE, "--replica-name", name, *options)

    def card_keys(self):
        return self.own_keys(".bale/fleet/")

    def put_card(self, key, text):
        self.assertEqual(200, self.backend.client().put(self.bucket, f".bale/fleet/{key}", (), (), text).status)


class Fleet(FleetCase):
    def test_each_knows_of_all(self):
        first, = self.replicas(1, *PACE, "--replica-name", "first")
        second, third = self.named(first, "second"), self.named(first, "third")
        everybody = {"first": "running", "second": "running", "third": "running"}
        for bale in (first, second, third):
            self.wait_for(lambda bale=bale: self.states(bale) == everybody, "all three")
        self.wait_for(lambda: self.members(first)["second"]["s3"] == second.server.host, "its address")
        card = self.members(first)["second"]
        self.assertEqual((f"127.0.0.1:{second.server.admin[1]}", 1000, 0, False, 0),
                         tuple(card[name] for name in ("admin", "every_ms", "spool_ms", "is_self", "clock_ahead_s")))
        self.assertTrue(self.members(second)["second"]["is_self"])
        self.wait_for(lambda: self.members(first)["second"]["journal"] == "running", "its journal")
        self.assertEqual(everybody, {name: card["state"] for name, card in self.told().items()})

        asked = urllib.request.Request(f"http://127.0.0.1:{first.server.admin[1]}/fleet", headers={"Accept": "text/plain"})
        with urllib.request.urlopen(asked, timeout=600) as answer:
            lines = answer.read().decode().splitlines()
        self.assertEqual((4, 1), (len(lines), sum("this one" in line for line in lines)), lines)

        self.assertEqual(0, second.daemon.stop())
        third.kill()
        two_gone = {"first": "running", "second": "stopped", "third": "gone"}
        self.wait_for(lambda: self.states(first) == two_gone, "who has gone")
        # whose clock shows whole seconds, where the first one has read the card and counts on by its own
        self.wait_for(lambda: {name: card["state"] for name, card in self.told().items()} == two_gone, "the tool, too")
        third.start()
        second.start()
        self.wait_for(lambda: self.states(first) == everybody, "who has come back")
        self.assertEqual(3, len(self.card_keys()), "a restart is the same replica")

    def test_behind_many_keys_that_are_no_cards(self):
        """More than a page of them."""
        plain = self.backend.client()
        for number in range(1010):
            self.assertEqual(200, plain.put(self.bucket, f".bale/fleet/!{number:04}", (), (), b"").status)
        first, = self.replicas(1, *PACE, "--replica-name", "first")
        self.named(first, "second")
        self.wait_for(lambda: self.states(first) == {"first": "running", "second": "running"}, "both")
        self.assertEqual({"first", "second"}, set(self.told()))

    def test_a_card_that_somebody_deletes(self):
        bale, = self.replicas(1, *PACE)
        self.wait_for(self.card_keys, "a card")

        def delete():
            """Again and again: where a condition and a deletion may both succeed, a write that is under way does not notice."""
            for key in self.card_keys():
                self.assertEqual(204, self.backend.client().delete(self.bucket, key).status)
            return "the card of this replica was deleted" in bale.log()
        self.wait_for(delete, "a line in the log")
        self.wait_for(self.card_keys, "a card once more")

    def test_cards_of_others(self):
        """Of a clock that is wrong, of a later version, and no cards at all."""
        bale, = self.replicas(1, *PACE)
        digits, now_ms = "0123456789abcdef" * 2, int(time.time() * 1000)
        card = (f"bale card 1\nid {digits}\nstart {digits}\nname ahead\nwritten_ms {now_ms + 2 * HOUR_MS}\nevery_ms 60000\n"
                "of_a_later_version something\n")
        self.put_card(digits, card.encode())
        self.put_card("f" * 32, b"bale card 1\nid nonsense\n")
        self.put_card("e" * 32, card.encode())
        self.put_card("no-id", b"\x1b[31m")
        for members in (self.members(bale), self.told()):
            self.assertEqual(2, len(members), members)
            self.assertEqual("running", members["ahead"]["state"])
            self.assertAlmostEqual(2 * 3600, members["ahead"]["clock_ahead_s"], delta=60)
        self.assertRegex(bale_command(self, "fleet").stdout, rb"its clock is (2 h|119 min) ahead")


class CopiesOfAState(FleetCase):
    def copy_of(self, bale):
        copy = os.path.join(bale.daemon.folder, "copy")
        shutil.copytree(os.path.join(bale.daemon.folder, "state"), copy)
        return copy

    def assert_refused(self, state, *words):
        options = ["--backend", f"s3:{self.bucket}", "--endpoint", self.backend.endpoint, "--state", state, *PACE]
        environment = {"AWS_ACCESS_KEY_ID": self.backend.access_key, "AWS_SECRET_ACCESS_KEY": self.backend.secret_key}
        status, said, _ = fronts.try_start(self.baled, options, environment, 60)
        self.assertEqual(1, status, said)
        for word in (state, *words):
            self.assertIn(word, said)

    def test_a_copy_beside_the_original(self):
        bale, = self.replicas(1, "--fleet-card", "1h", "--replica-name", "original")
        self.wait_for(lambda: (self.members(bale) or {}).get("original", {}).get("every_ms"), "a card")
        copy = self.copy_of(bale)
        self.assert_refused(copy, "is a copy", "original")
        self.assertEqual(200, bale.client().put(self.bucket, "k", (), (), b"unharmed").status)

        bale.kill()
        bale.start()  # the same folder at the same place: whoever wrote the card has ended
        self.assertEqual(0, bale.daemon.stop())
        self.assert_refused(copy, "is a copy", "has started from the same folder since")

    def test_a_folder_that_moves(self):
        bale, = self.replicas(1, "--fleet-card", "1h")
        before, = self.card_keys()
        copy = self.copy_of(bale)
        self.assertEqual(0, bale.daemon.stop())
        shutil.rmtree(copy)
        copy = self.copy_of(bale)
        moved = self.replica_of(bale, "--fleet-card", "1h", "--state", copy)
        self.assertEqual([before], self.card_keys(), "it is the same replica")
        self.assert_refused(os.path.join(bale.daemon.folder, "state"), "has started from the same folder since")
        self.assertEqual(200, moved.client().get(self.bucket, None, {"list-type": "2"}).status)

    def test_an_original_that_slept(self):
        """Its card was old enough for the copy; when it wakes up it takes another id, and nobody stops."""
        bale, = self.replicas(1, *PACE, "--replica-name", "original")
        self.wait_for(self.card_keys, "a card")
        copy = self.copy_of(bale)
        os.kill(bale.server.pid, signal.SIGSTOP)
        try:
            self.wait_for(lambda: self.told().get("original", {}).get("state") == "gone", "that it is not heard of")
            other = self.named(bale, "other", "--state", copy)
        finally:
            os.kill(bale.server.pid, signal.SIGCONT)
        self.wait_for(lambda: self.states(other) == {"original": "running", "other": "running"}, "two replicas")
        self.wait_for_line(bale, "runs with a copy of --state")
        self.assertTrue(re.search(r"\nbale_fleet_copies_total 1\n", bale.admin("/metrics")[1]))
        self.assertEqual(2, len(self.card_keys()))


class GoneCase(FleetCase):
    def knows_its_journal(self, bale):
        lines = Path(bale.daemon.folder, "state", "replica").read_text().splitlines()
        return f"lineage {'0' * 32}" not in lines

    def delete_all_of_bale(self):
        for key in self.own_keys(".bale/"):
            self.assertEqual(204, self.backend.client().delete(self.bucket, key).status)


class JournalsThatAreGone(GoneCase):
    def test_no_other_one_is_made_in_its_place(self):
        """Until somebody says so; objects are served meanwhile, and nobody is let in who was not let in by them."""
        bale, = self.replicas(1, *PACE, "--journal-poll", "200ms")
        self.allow_all_to_read(bale)
        self.assertEqual(200, bale.client().put(self.bucket, "k", (), (), b"bytes").status)
        self.wait_for(lambda: self.knows_its_journal(bale), "a note of the journal")
        self.assertEqual(0, bale.daemon.stop())
        self.delete_all_of_bale()

        bale.start()
        self.wait_for(lambda: "the journal of this bucket has gone" in bale.admin("/ready")[1], "that it is told")
        self.assertEqual(200, bale.admin("/ready")[0])
        self.assertIn("bale journal --begin-anew", bale.admin("/ready")[1])
        self.assertEqual((503, True), (bale.admin("/journal")[0], "has gone" in bale.admin("/journal")[1]))
        self.wait_for_line(bale, "the journal of this bucket has gone")
        self.assertEqual(1, bale.log().count("the journal of this bucket has gone"))
        self.assertEqual(b"bytes", bale.client().get(self.bucket, "k").body)
        self.assertEqual(403, bale.client().get(self.bucket, "k", **ANONYMOUS).status)
        self.assertEqual(503, self.put_setting(bale, "tagging", TAGS).status)
        self.assertEqual([], self.own_keys(".bale/journal/"))
        self.wait_for(lambda: [card["journal"] for card in self.told().values()] == ["gone"], "that its card says so")
        self.assertEqual(0, bale.daemon.stop())

        done = bale_command(self, "journal", "--begin-anew", "--yes")
        self.assertEqual(0, done.returncode, done)
        bale.start()
        self.wait_for(lambda: bale.admin("/ready")[1] == "ready\n" and bale.admin("/journal")[0] == 200, "another journal")
        self.set(bale, "tagging", TAGS)
        self.wait_for(lambda: "the journal is not the one that this replica has known" in bale.log(), "that it is another one")
        self.assertEqual(b"bytes", bale.client().get(self.bucket, "k").body)


class JournalsOfWhichNobodyKnows(GoneCase):
    FOR = ("raw",)

    def test_a_new_replica_says_that_there_was_one(self):
        """It has an empty state folder, so only the objects know of a journal."""
        bale, = self.replicas(1, *PACE)
        self.assertEqual(200, bale.client().put(self.bucket, "k", (), (), b"bytes").status)
        written = time.time()
        self.assertEqual(0, bale.daemon.stop())
        self.delete_all_of_bale()
        time.sleep(max(0, written + 4 - time.time()))  # it must be older than the next process, by the backend's seconds
        other = self.named(bale, "other")
        self.wait_for(lambda: "holds objects that a savings ledger has counted, and no journal" in other.admin("/ready")[1], "that it is told")
        self.assertEqual(200, other.admin("/ready")[0])
        self.wait_for_line(other, "holds objects that a savings ledger has counted")
        self.assertEqual(1, other.log().count("holds objects that a savings ledger has counted"))
        self.wait_for(lambda: self.told().get("other", {}).get("journal") == "begun anew", "its card")
        self.assertIn(b"journal: begun anew", bale_command(self, "fleet").stdout)
        self.assertEqual(0, other.daemon.stop())
        other.start()  # by now it has a journal
        self.wait_for(lambda: self.states(other).get("other") == "running", "its card")
        self.assertEqual((200, "ready\n"), other.admin("/ready"))

    def test_nothing_was_lost_where_nothing_was_counted(self):
        plain = self.backend.client()
        self.assertEqual(200, plain.put(self.bucket, "foreign", (), (), b"x").status)
        time.sleep(4)
        bale, = self.replicas(1, *PACE, "--replica-name", "first")
        self.wait_for(lambda: self.members(bale)["first"]["journal"] == "running", "its journal")
        self.assertEqual((200, "ready\n"), bale.admin("/ready"))
