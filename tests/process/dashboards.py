"""tests/process/dashboards.py -- contrib/grafana: every expression names metrics that a running baled has, with the labels that it asks for;
for tests/process/run.

`Dashboards.baled` and `Dashboards.bale` are the binaries; set before the tests run.
"""

import json
import os
import re
import subprocess
from pathlib import Path

import admin
from daemon import Daemon
from daemons import DaemonsCase

FOLDER = Path(__file__).resolve().parents[2] / "contrib" / "grafana"
METRIC = re.compile(r"\b((?:bale|process)_\w+)(?:\{([^}]*)\})?")
OF_THE_SCRAPE = {"instance"}  # which Prometheus adds


def expressions(board):
    """(panel's title, text)"""
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["query"]["query"]


def asked_labels(expression):
    """[(metric, labels that are asked of it)]. Of a sum by labels every metric in it is asked for them."""
    grouped = {name for group in re.findall(r"\bby \(([^)]*)\)", expression) for name in re.split(r", *", group)}
    return [(metric, grouped | set(re.findall(r"(\w+)[=!]~?\"", selector or ""))) for metric, selector in METRIC.findall(expression)]


class BeforeBucket(Daemon):
    """One whose backend is the bucket `backend` of another."""

    behind = None

    def command(self):
        words = super().command()
        words[words.index("--backend") + 1] = "s3:backend"
        return words + ["--endpoint", f"http://{self.behind.server.host}", "--state", os.path.join(self.folder, "state")]

    def environment(self):
        account = self.behind.accounts["alice"]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return {**kept, "AWS_ACCESS_KEY_ID": account.access_key, "AWS_SECRET_ACCESS_KEY": account.secret_key, "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}


class Dashboards(DaemonsCase):
    def add_with_keys(self):
        """That packs anew when it has nothing else to do, and has a keyring."""
        daemon = Daemon(self.baled, ("--catalogue-max-size", "4G", "--shards", "2", "--recompact", "idle", "--keyring", "keys"))
        self.daemons.append(daemon)
        subprocess.run([self.bale, "keyring", "create", "--keyring", "keys"], cwd=daemon.folder, check=True, capture_output=True)
        self.restart(daemon)
        return daemon

    def add_before_bucket(self):
        """With a tier."""
        behind = self.add("--raw", "--shards", "1")
        self.assertEqual(200, behind.alice.put("backend").status)
        daemon = BeforeBucket(self.baled, ("--shards", "1", "--tier-memory", "64M"))
        daemon.behind = behind
        self.daemons.append(daemon)
        self.restart(daemon)
        return daemon

    def labels_by_metric(self):
        """Of two servers with a bit of everything."""
        first, second = self.add_with_keys(), self.add_before_bucket()
        self.assertEqual(200, first.alice.put("bucket").status)
        found = {}
        for daemon, bucket in ((first, "bucket"), (second, "backend")):
            self.assertEqual(200, daemon.alice.put(bucket, "key", (), (), b"a line of a log\n" * 500).status)
            self.assertEqual(404, daemon.alice.get(bucket, "nothing").status)
            self.wait_for(lambda: f'bale_bucket_objects{{bucket="{bucket}"}}' in admin.metrics(daemon.server))  # pylint: disable=cell-var-from-loop
            self.wait_for(lambda: "bale_lifecycle_held" in admin.metrics(daemon.server))  # pylint: disable=cell-var-from-loop
            for series in admin.metrics(daemon.server):
                metric, _, labels = series.partition("{")
                found.setdefault(metric, set(OF_THE_SCRAPE)).update(re.findall(r"(\w+)=\"", labels))
        return found

    def test_every_expression_names_what_is_there(self):
        known = self.labels_by_metric()
        boards = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}
        self.assertEqual({f"bale-{name}.json" for name in ("savings", "requests", "journal-and-lifecycle", "upkeep")}, set(boards))
        for name, board in boards.items():
            self.assertEqual(name, board["uid"] + ".json")
            self.assertEqual(len(board["panels"]), len({panel["id"] for panel in board["panels"]}), name)
            for title, expression in expressions(board):
                with self.subTest(name, panel=title):
                    asked = asked_labels(expression)
                    self.assertTrue(asked, expression)
                    for metric, labels in asked:
                        self.assertIn(metric, known, expression)
                        self.assertLessEqual(labels, known[metric], expression)
                        self.assertEqual(expression.count("("), expression.count(")"))
