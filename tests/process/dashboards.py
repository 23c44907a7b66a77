"""tests/process/dashboards.py -- contrib/grafana: every expression names metrics that a running baled has, with the labels that it asks for;
for tests/process/run.

`Dashboards.baled` is the binary; set before the tests run.
"""

import json
import re
from pathlib import Path

import admin
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


class Dashboards(DaemonsCase):
    def labels_by_metric(self):
        """Of a server with a bit of everything."""
        daemon = self.add("--catalogue-max-size", "4G", "--shards", "2")
        self.assertEqual(200, daemon.alice.put("bucket").status)
        self.assertEqual(200, daemon.alice.put("bucket", "key", (), (), b"a line of a log\n" * 500).status)
        self.assertEqual(404, daemon.alice.get("bucket", "nothing").status)
        self.wait_for(lambda: 'bale_bucket_objects{bucket="bucket"}' in admin.metrics(daemon.server))
        found = {}
        for series in admin.metrics(daemon.server):
            metric, _, labels = series.partition("{")
            found.setdefault(metric, set(OF_THE_SCRAPE)).update(re.findall(r"(\w+)=\"", labels))
        return found

    def test_every_expression_names_what_is_there(self):
        known = self.labels_by_metric()
        boards = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}
        self.assertEqual({f"bale-{name}.json" for name in ("savings", "requests", "journal-and-lifecycle")}, set(boards))
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
