"""tests/process/access_logs.py -- access logs of buckets across stops, deaths and restarts; for tests/process/run."""

import subprocess
import time

import admin
from daemons import DaemonsCase

STATUS = ("<BucketLoggingStatus><LoggingEnabled><TargetBucket>logs</TargetBucket><TargetPrefix>log/</TargetPrefix></LoggingEnabled>"
          "</BucketLoggingStatus>")


class AccessLogs(DaemonsCase):
    def make(self, period):
        daemon = self.add("--catalogue-max-size", "4G", "--shards", "2", "--access-log-period", period)
        for bucket in ("logged", "logs"):
            self.assertEqual(200, daemon.alice.put(bucket).status)
        self.assertEqual(200, daemon.alice.put("logged", None, {"logging": None}, (), STATUS.encode()).status)
        return daemon

    def ask(self, daemon, count):
        return {daemon.alice.put("logged", f"key-{number}", (), (), b"x").header("x-amz-request-id") for number in range(count)}

    def logged(self, daemon):
        """The ids of all requests in the log."""
        keys = daemon.alice.get("logs", None, {"list-type": "2", "prefix": "log/"}).texts("Contents/Key")
        return {line.split()[6] for key in keys for line in daemon.alice.get("logs", key).body.decode().splitlines()}

    def metric(self, daemon, name):
        return sum(value for metric, value in admin.metrics(daemon.server).items() if metric.startswith(name + "{"))

    def counted(self, daemon):
        """Lines, when none is added any more: the last one may be behind its answer."""
        before = self.metric(daemon, "bale_access_log_lines_total")
        time.sleep(0.2)
        return before if before == self.metric(daemon, "bale_access_log_lines_total") else 0

    def test_a_stop_writes_what_is_left(self):
        daemon = self.make("5m")
        asked = self.ask(daemon, 20)
        self.assertEqual(set(), self.logged(daemon))
        self.assertEqual(0, daemon.stop())
        self.restart(daemon)
        self.assertLessEqual(asked, self.logged(daemon))
        self.assertEqual(0, self.metric(daemon, "bale_access_log_lines_lost_total"))

    def test_what_a_crash_loses_is_counted(self):
        daemon = self.make("5m")
        self.ask(daemon, 20)
        waiting = self.wait_for(lambda: (count := self.counted(daemon)) >= 20 and count)
        daemon.kill()
        self.restart(daemon)
        self.assertEqual(waiting, self.metric(daemon, "bale_access_log_lines_lost_total"))
        self.assertEqual(set(), self.logged(daemon))
        self.assertEqual(0, daemon.stop())
        self.restart(daemon)
        self.assertEqual(0, self.metric(daemon, "bale_access_log_lines_lost_total"), "it is told once")

    def test_a_folder_that_has_the_count_is_whole(self):
        """`bale check` knows the file."""
        daemon = self.make("1s")
        asked = self.ask(daemon, 5)
        self.wait_for(lambda: asked <= self.logged(daemon))
        self.assertEqual(0, daemon.stop())
        command = [self.bale, "check", "--backend", f"dir:{daemon.folder}/data"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
