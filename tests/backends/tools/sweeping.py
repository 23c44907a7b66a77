"""tests/backends/tools/sweeping.py -- bale maintain with a rule `sweep`: S4's indexes of objects that are gone are removed, and nothing else."""

import json
import os
import signal
import time

import multipart
from faults import fault
from maintenance import MIB, MaintenanceCase
from tools_alone import bale_command, bale_end, bale_start

SWEEP = "[rule left]\naction = sweep\nolder-than = 1ms\n"
SUFFIX = ".s4index"


class SweepCase(MaintenanceCase):
    def put_with_indexes(self, keys):
        with self.bale() as bale:
            for key in keys:
                self.assertEqual(200, bale.client().put(self.bucket, key, (), (), multipart.text_bytes(2 * MIB), payload="unsigned").status)
        done = bale_command(self, "stamp")
        self.assertEqual(0, done.returncode, done.stderr)

    def is_there(self, key):
        return self.direct().client().head(self.bucket, key).status == 200


class Sweeping(SweepCase):
    FOR = ("raw", "versitygw", "minio")

    def test_an_index_without_an_object_goes(self):
        plain = self.direct().client()
        for number in range(25):
            self.assertEqual(200, plain.put(self.bucket, f"small-{number}", (), (), b"x").status)
        self.assertEqual(200, plain.put(self.bucket, "mine" + SUFFIX, (), (), b"a client's own file").status)
        self.put_with_indexes(["gone", "here"])
        self.assertEqual(204, plain.delete(self.bucket, "gone").status)

        self.assertEqual({"left": {"too-young": 3}}, self.outcomes(self.maintain("[rule left]\naction = sweep\n", "--execute")))
        would = {"left": {"swept": 1, "already": 1, "foreign": 1}}
        self.assertEqual(would, self.outcomes(self.maintain(SWEEP)))
        self.assertTrue(self.is_there("gone" + SUFFIX))
        self.assertEqual({"left": {}}, self.outcomes(self.maintain(SWEEP + "prefix = h\nending = y\n", "--execute")))

        log = os.path.join(self.folder, "log")
        self.assertEqual(would, self.outcomes(self.maintain(SWEEP, "--execute", "--log", log)))
        with open(log, encoding="utf-8") as file:
            said = {line["key"]: line["outcome"] for line in map(json.loads, file)}
        self.assertEqual({"gone" + SUFFIX: "swept", "here" + SUFFIX: "already", "mine" + SUFFIX: "foreign"}, said)
        self.assertEqual([False, True, True], [self.is_there(key + SUFFIX) for key in ("gone", "here", "mine")])
        self.assertTrue(self.is_there("here"))
        self.assertEqual({"left": {"already": 1, "foreign": 1}}, self.outcomes(self.maintain(SWEEP, "--execute")))


class SweepingMany(SweepCase):
    FOR = ("raw",)

    def test_many_are_asked_for(self):
        """More than a tenth of the keys: nothing goes, unless it is meant."""
        self.put_with_indexes(["gone", "here"])
        self.assertEqual(204, self.direct().client().delete(self.bucket, "gone").status)
        done = self.maintain(SWEEP, "--execute")
        self.assertEqual(3, done.returncode, done)
        self.assertIn(b"[rule left] would remove 1 of the 3 keys", done.stderr)
        for number in range(25):  # of which the rule does not hear
            self.assertEqual(200, self.direct().client().put(self.bucket, f"else/{number}", (), (), b"x").status)
        done = self.maintain(SWEEP + "prefix = gone\n", "--execute")
        self.assertEqual(3, done.returncode, done)
        self.assertIn(b"[rule left] would remove 1 of the 1 keys", done.stderr)
        self.assertEqual({"left": {"already": 1}}, self.outcomes(self.maintain(SWEEP + "prefix = h\n", "--execute")))
        self.assertTrue(self.is_there("gone" + SUFFIX))
        self.assertEqual({"left": {"swept": 1, "already": 1}}, self.outcomes(self.maintain(SWEEP, "--execute", "--force")))
        self.assertFalse(self.is_there("gone" + SUFFIX))

    def test_what_is_refused_ends_nothing(self):
        """An index that may not be read, and an object of which nobody knows whether it is there."""
        self.put_with_indexes(["gone", "hidden", "secret"])
        for key in ("gone", "hidden"):
            self.assertEqual(204, self.direct().client().delete(self.bucket, key).status)
        refusal = {"status": 403, "code": "AccessDenied"}
        proxy = self.proxy(fault("refuse", op="GetObject", key="^hidden", **refusal), fault("refuse", op="HeadObject", key="^secret$", **refusal))
        done = self.maintain(SWEEP, "--execute", "--force", place=proxy)
        self.assertEqual(1, done.returncode, done)
        self.assertEqual({"swept": 1, "unreadable": 2}, json.loads(done.stdout)["rules"][0]["outcomes"])
        self.assertEqual([False, True, True], [self.is_there(key + SUFFIX) for key in ("gone", "hidden", "secret")])

    def test_an_index_of_what_was_replaced_goes(self):
        """One whose object was written anew, past Bale and S4, and that is not of the new bytes; one that is of them stays."""
        self.put_with_indexes(["anew", "same"])
        plain = self.direct().client()
        time.sleep(1.1)  # Last-Modified has whole seconds
        same = plain.get(self.bucket, "same")
        fields = {name: value for name, value in same.headers if name.lower().startswith("x-amz-meta-")}
        self.assertEqual(200, plain.put(self.bucket, "same", (), fields, same.body, payload="unsigned").status)
        self.assertEqual(200, plain.put(self.bucket, "anew", (), (), b"other bytes").status)
        young = self.maintain(SWEEP.replace("1ms", "1h"), "--execute", "--force")
        self.assertEqual({"left": {"too-young": 2}}, self.outcomes(young))
        time.sleep(1.1)
        self.assertEqual({"left": {"swept": 1, "already": 1}}, self.outcomes(self.maintain(SWEEP, "--execute", "--force")))
        self.assertEqual([False, True], [self.is_there(key + SUFFIX) for key in ("anew", "same")])
        self.assertEqual(b"other bytes", plain.get(self.bucket, "anew").body)

    def test_it_is_stopped_between_two_pages(self):
        """Of keys of which none is called like an index: there is nothing else that it would look up from."""
        for number in range(1001):
            self.assertEqual(200, self.direct().client().put(self.bucket, f"{number}", (), (), b"x").status)
        proxy = self.proxy()
        self.assertEqual({"left": {}}, self.outcomes(self.maintain(SWEEP, "--execute", place=proxy)))  # the server has been tried
        proxy.rules(fault("hold", op="ListObjectsV2", nth=1))
        since = len(proxy.operations())
        process = self.start_maintain(SWEEP, "--execute", place=proxy)
        self.wait_for(lambda: "ListObjectsV2" in proxy.operations()[since:], "the first page")
        process.send_signal(signal.SIGTERM)
        time.sleep(1)  # it hears of that first
        proxy.release()
        done = bale_end(process)
        self.assertEqual(3, done.returncode, done)
        self.assertEqual(1, proxy.operations()[since:].count("ListObjectsV2"))

    def test_a_prefix_that_is_not_the_right_one_removes_nothing(self):
        """Of --backend: wherever it ends, every index has its object beside it."""
        self.put_with_indexes(["data/key"])
        policy = self.write("policy.ini", SWEEP)
        for prefix, expected in (("dat", {"already": 1}), ("data/", {"already": 1}), ("data/k", {"already": 1}), ("data/key.s", {}), ("elsewhere/", {})):
            done = bale_end(bale_start(self, "maintain", "--policy", policy, "--format", "json", "--execute", "--force", prefix=prefix))
            self.assertEqual({"left": expected}, self.outcomes(done), prefix)
        self.assertTrue(self.is_there("data/key" + SUFFIX))

    def test_an_object_that_comes_meanwhile_keeps_its_index(self):
        """It is put while its index is looked at for the last time."""
        self.put_with_indexes(["back"])
        self.assertEqual(204, self.direct().client().delete(self.bucket, "back").status)
        proxy = self.proxy(fault("hold", op="GetObject", key="^back[.]s4index$", nth=2))
        process = self.start_maintain(SWEEP, "--execute", "--force", place=proxy)
        self.wait_for(lambda: proxy.operations().count("GetObject") > 1, "the second look")
        self.assertEqual(200, self.direct().client().put(self.bucket, "back", (), (), b"here again").status)
        proxy.release()
        self.assertEqual({"left": {"already": 1}}, self.outcomes(bale_end(process)))
        self.assertTrue(self.is_there("back" + SUFFIX))


class SweepingWithoutConditions(SweepCase):
    """Before a server that deletes whatever ETag is named."""
    FOR = ("raw",)

    def sweep_with(self, *faults):
        ignoring = fault("ignore", what="delete-match")
        proxy = self.proxy(ignoring)
        with self.bale(proxy) as bale:
            self.assertEqual(200, bale.client().put(self.bucket, "gone", (), (), multipart.text_bytes(2 * MIB), payload="unsigned").status)
        done = bale_command(self, "stamp", place=proxy)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual(204, self.direct().client().delete(self.bucket, "gone").status)
        since = len(proxy.operations())
        proxy.rules(*faults, ignoring)
        outcomes = self.outcomes(self.maintain(SWEEP, "--execute", "--force", place=proxy))
        self.assertEqual({"left": {"swept": 1}}, outcomes)
        self.assertFalse(self.is_there("gone" + SUFFIX))
        return proxy.operations()[since:]

    def test_a_lost_answer_is_looked_into(self):
        """A deletion that the server has carried out is not sent a second time."""
        self.assertEqual(1, self.sweep_with(fault("lose", op="DeleteObject", nth=1)).count("DeleteObject"))

    def test_a_deletion_that_never_came_is_sent_again(self):
        """When everything has been asked once more."""
        asked = self.sweep_with(fault("cut", op="DeleteObject", nth=1))
        first = asked.index("DeleteObject")
        self.assertEqual(["HeadObject", "GetObject", "HeadObject", "DeleteObject"], asked[first + 1:])
