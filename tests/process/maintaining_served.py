"""tests/process/maintaining_served.py -- bale maintain while baled has the folder: the server does it, the command watches; for
tests/process/run.
"""

import json
import os
import signal
import subprocess

import admin
from maintaining import RECOMPACT, MaintainingCase, text

HARDEST = "[rule hardest]\naction = recompact\nlevel = 19\n"
MANY = 12


class MaintainingServed(MaintainingCase):
    def page(self):
        return json.loads(admin.fetch(self.daemon.server, "/maintain").body)

    def make_slow(self):
        """So much that a run at level 19 takes seconds."""
        self.daemon = self.add("--catalogue-max-size", "4G", "--shards", "2")
        self.assertEqual(200, self.daemon.alice.put("bucket").status)
        body = text(9, 150_000)
        self.bodies = {f"{number:02}": body[number:] for number in range(MANY)}
        for key, body in self.bodies.items():
            self.assertEqual(200, self.daemon.alice.put("bucket", key, (), (), body).status)

    def start(self, policy, *words):
        """A run that executes, under way."""
        process = subprocess.Popen(self.command(*self.maintain_words(policy, "--execute", *words)), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        self.wait_for(lambda: self.page()["state"] == "runs" and self.page()["sums"]["objects"] > 0)
        return process

    def end(self, process):
        out, errors = process.communicate(timeout=600)
        return subprocess.CompletedProcess(process.args, process.returncode, out, errors)

    def wait_for_end(self, state):
        page = self.wait_for(lambda: (found := self.page())["state"] != "runs" and found)
        self.assertEqual(state, page["state"], page)
        return page

    def check_whole(self):
        """Everything is as it was for clients, and the folder is in order."""
        for key, body in self.bodies.items():
            self.assertTrue(self.daemon.alice.get("bucket", key).body == body, key)
        self.assertEqual(0, self.daemon.stop())
        done = self.run_bale("check")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def test_the_server_packs_what_it_has(self):
        """The same sums, lines and bodies as without one; nobody sees a difference."""
        self.make()
        self.make_versions()
        before, sizes = self.seen("bucket"), {key: self.stored(key) for key in self.bodies}
        expected = {"harder": {"packed": 5, "no-gain": 1, "too-small": 1}}
        self.assertEqual(expected, self.maintain(RECOMPACT))
        self.assertEqual(sizes, {key: self.stored(key) for key in self.bodies})
        log = os.path.join(self.daemon.folder, "log")
        self.assertEqual(expected, self.maintain(RECOMPACT, "--execute", "--log", log))
        with open(log, encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        self.assertEqual(7, len(lines))
        packed = {line["key"]: line for line in lines if line["outcome"] == "packed" and line["bucket"] == "bucket"}
        self.assertEqual({"a.txt", "large.txt", "parts"}, set(packed))
        for key, size in sizes.items():
            self.assertEqual(packed[key]["after"] if key in packed else size, self.stored(key), key)
        self.assertEqual(before, self.seen("bucket"))
        self.assertEqual({"harder": {"already": 5, "no-gain": 1, "too-small": 1}}, self.maintain(RECOMPACT, "--execute"))
        page = self.page()
        self.assertEqual(("done", True), (page["state"], page["sums"]["executed"]))
        self.check_whole()

    def test_the_table_says_the_same(self):
        self.make()
        policy = self.write("policy.ini", RECOMPACT)
        served = self.run_bale("maintain", "--policy", policy)
        self.assertEqual(0, self.daemon.stop())
        alone = self.run_bale("maintain", "--policy", policy)
        self.assertEqual((0, alone.stdout), (served.returncode, served.stdout), served.stderr)
        self.assertIn("Nothing was written", served.stdout)

    def test_it_goes_through_the_socket(self):
        """Also where the folder is not named; and never past it."""
        self.make()
        self.assertEqual(0, self.daemon.stop())
        path = os.path.join(self.daemon.folder, "admin.socket")
        self.daemon.options += ["--admin-socket", path]
        self.restart(self.daemon)
        words = self.maintain_words(RECOMPACT, "--execute", "--admin-socket", path)
        done = subprocess.run([self.bale, *words], capture_output=True, text=True, timeout=600, check=False, cwd="/")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual(3, json.loads(done.stdout)["rules"][0]["outcomes"]["packed"])
        self.assertEqual(0, self.daemon.stop())
        done = self.run_bale(*self.maintain_words(RECOMPACT, "--admin-socket", path))
        self.assertEqual(1, done.returncode, done)
        self.assertIn("no server answers on " + path, done.stderr)

    def test_strangers_begin_nothing(self):
        self.make()
        for path in ("/maintain/begin", "/maintain/stop?job=1", "/maintain/log?from=0"):
            self.assertEqual(403, admin.fetch(self.daemon.server, path, "POST", "Content-Length: 0").status)
            self.assertEqual(405, admin.fetch(self.daemon.server, path).status)
        self.assertEqual({"state": "none", "may_change": False}, self.page())

    def control(self):
        """Where the server listens, and its word."""
        with open(os.path.join(self.daemon.folder, "data", "control"), encoding="utf-8") as file:
            return file.read().splitlines()[:2]

    def ask(self, path, body=""):
        """As who has the word of the control file: status and document."""
        url, word = self.control()
        done = subprocess.run(["curl", "-s", "-w", "\n%{http_code}", "-H", f"Authorization: Bearer {word}", "--data-binary", body, url + path],
                              capture_output=True, text=True, timeout=600, check=True)
        answer, _, status = done.stdout.rpartition("\n")
        return int(status), json.loads(answer)

    def begin(self):
        """The name of a job that has come to its end."""
        status, page = self.ask("/maintain/begin", json.dumps({"policy": RECOMPACT, "log": True}))
        self.assertEqual(200, status, page)
        self.assertEqual(page["job"], self.wait_for_end("done")["job"])
        return page["job"]

    def test_a_log_is_of_one_job(self):
        """Of one that is over nothing is taken from the next; also where that is of another process, which knows nothing of the first."""
        self.make()
        jobs = [self.begin(), self.begin()]
        self.assertEqual(400, self.ask("/maintain/log?from=1000000")[0])
        self.assertEqual(0, self.daemon.stop())
        self.restart(self.daemon)
        jobs.append(self.begin())
        self.assertEqual(3, len(set(jobs)), jobs)
        for job in ("", "1", *jobs[:-1]):
            self.assertEqual(404, self.ask(f"/maintain/log?job={job}&from=1000000")[0])
            self.assertEqual(404, self.ask(f"/maintain/stop?job={job}")[0])
        status, log = self.ask(f"/maintain/log?job={jobs[-1]}&from=0")
        self.assertEqual((200, 0, 5), (status, log["from"], len(log["lines"].splitlines())))

    def test_it_takes_its_time_where_it_is_told_to(self):
        """At a byte a second the second object's turn does not come; who stops it waits for nothing."""
        self.make_slow()
        words = self.maintain_words(RECOMPACT, "--execute", "--pace", "1")
        process = subprocess.Popen(self.command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        self.wait_for(lambda: self.page().get("sums", {"rules": [{"outcomes": {}}]})["rules"][0]["outcomes"] == {"packed": 1})
        process.send_signal(signal.SIGTERM)
        done = self.end(process)
        self.assertEqual(3, done.returncode, done)
        self.assertEqual({"packed": 1}, json.loads(done.stdout)["rules"][0]["outcomes"])
        self.assertEqual(0, self.daemon.stop())
        done = self.run_bale(*self.maintain_words(RECOMPACT, "--pace", "1"))  # nothing is written: it need not wait
        self.assertEqual({"already": 1, "packed": MANY - 1}, json.loads(done.stdout)["rules"][0]["outcomes"])

    def test_what_is_asked_is_read_with_care(self):
        self.make()
        url, word = self.control()
        for body, status in ((b"", 400), (b"[]", 400), (b"{}", 400), (b'{"policy": 1}', 400), (b'{"polici": ""}', 400), (b'{"policy": "[rule a]\\n"} x', 400),
                             (b'{"policy": "[rule a]\\naction = recompact\\n", "zstd_level": 20}', 400), (b'{"policy": "[rule a]\\naction = recompact\\n", "pace": -1}', 400), (b"x" * (5 << 20), 400)):
            path = self.write("body", "")
            with open(path, "wb") as file:
                file.write(body)
            done = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", f"Authorization: Bearer {word}", "--data-binary",
                                   f"@{path}", url + "/maintain/begin"], capture_output=True, text=True, timeout=600, check=False)
            self.assertEqual(str(status), done.stdout, body[:80])
        self.assertEqual("none", self.page()["state"])

    def test_one_job_at_a_time(self):
        """The second is refused, by name. The first is stopped by a signal to its command, after the object in hand."""
        self.make_slow()
        process = self.start(HARDEST)
        done = self.run_bale(*self.maintain_words(RECOMPACT))
        self.assertEqual((1, ""), (done.returncode, done.stdout))
        self.assertIn(f"job {self.page()['job']} runs already, by the policy ", done.stderr)
        process.send_signal(signal.SIGTERM)
        done = self.end(process)
        self.assertEqual(3, done.returncode, done)
        document = json.loads(done.stdout)
        self.assertFalse(document["is_all"])
        self.assertLess(document["objects"], MANY)
        self.assertEqual("stopped", self.page()["state"])
        outcomes = self.maintain(HARDEST, "--execute")["hardest"]
        self.assertEqual(document["rules"][0]["outcomes"]["packed"], outcomes["already"])  # it goes on
        self.assertEqual(MANY, sum(outcomes.values()))
        self.check_whole()

    def test_a_command_that_is_killed_is_not_missed(self):
        """The job goes on to its end, though nobody reads its log."""
        self.make_slow()
        process = self.start(HARDEST, "--log", os.path.join(self.daemon.folder, "log"))
        process.kill()
        page = self.wait_for_end("done")
        self.assertEqual(MANY, page["sums"]["objects"])
        self.assertEqual({"hardest": {"already": MANY}}, self.maintain(HARDEST))
        self.check_whole()

    def test_a_server_that_is_killed_loses_nothing(self):
        self.make_slow()
        process = self.start(HARDEST)
        self.daemon.kill()
        done = self.end(process)
        self.assertEqual(3, done.returncode, done)
        self.assertIn("the server has gone: what was done stands, and the next run goes on", done.stderr)
        self.restart(self.daemon)
        outcomes = self.maintain(HARDEST, "--execute")["hardest"]
        self.assertGreater(outcomes["already"], 0)
        self.assertEqual(MANY, sum(outcomes.values()))
        self.check_whole()

    def test_a_server_that_ends_ends_its_job(self):
        """Soon, and in order."""
        self.make_slow()
        process = self.start(HARDEST)
        self.assertEqual(0, self.daemon.stop())
        self.assertEqual(3, self.end(process).returncode)
        self.restart(self.daemon)
        self.assertEqual("none", self.page()["state"])
        self.check_whole()
