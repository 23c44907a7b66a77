"""bench/job_files.py -- ready jobs of bale-bench on several servers, in turns: a table in Markdown, and a page with a picture of
each file.

Turn by turn, file by file, server after server, so that what drifts on the machine hits all of them. A cell is the median of the
turns; behind it, how often Bale's figure of the same turn it is: the median, and from where to where."""

import base64
import html
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys

from servers import ACCESS_KEY, SECRET_KEY

JOBS = pathlib.Path(__file__).resolve().parent / "jobs"

# What a table shows of a job, and how it is taken from its figures.
FIGURES = {
    "requests/s": lambda job: job["all"]["per_second"],
    "p50, ms": lambda job: job["all"]["percentiles_us"]["50"] / 1e3,
    "p99, ms": lambda job: job["all"]["percentiles_us"]["99"] / 1e3,
    "CPU, us": lambda job: job["server_cpu_us"],
}


class Runner:
    """bale-bench of a build, whose figures go into a folder."""

    def __init__(self, build, folder, is_quick):
        self.program, self.folder = os.path.join(build, "bench", "bale-bench"), folder
        self.shortened = ["--runtime", "2s", "--warmup", "0"] if is_quick else []
        self.failures = 0  # runs of which something failed

    def run(self, server, *words):
        command = [self.program, "run", *words, "--endpoint", server.url(), "--quiet"]
        command += ["--ca-file", f"{server.certificate}/public.crt"] if server.certificate else []
        keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
        return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **keys})

    def make_bucket(self, server, bucket):
        self.run(server, "--rw", "put", "--requests", "1", "--bucket", bucket).check_returncode()

    def run_file(self, server, path, turn):
        """{job: its figures}, and the file that has them; ({}, None): something failed, and says nothing of what did not."""
        out = os.path.join(self.folder, f"{server.name}-{path.stem}-{turn}.json")
        bucket = ["--bucket", server.bucket] if server.bucket else []
        done = self.run(server, str(path), "--pid", ",".join(map(str, server.pids())), "--json", out, *bucket, *self.shortened)
        if done.returncode:
            self.failures += 1
            print(f"{server.name} {path.stem}, turn {turn + 1}, is left out: {done.stderr.strip() or done.stdout.strip()}", file=sys.stderr)
            return {}, None
        with open(out) as file:
            figures = json.load(file)
        if figures["client_was_the_limit"]:
            print(f"{server.name} {path.stem}: the client was the limit", file=sys.stderr)
        return {job["name"]: job for job in figures["jobs"]}, out

    def plot(self, runs, out):
        subprocess.run([self.program, "plot", *runs, "--out", out], check=True)


def path_of(name):
    """A path, or the name of a ready job."""
    path = pathlib.Path(name) if name.endswith(".ini") else JOBS / f"{name}.ini"
    return path if path.exists() else sys.exit(f"{path} is not there")


class Comparison:
    """What was found: of each server, file and job the figures of each turn, and of each file the last turn's figures."""

    def __init__(self, servers):
        self.servers = servers
        self.turns = {}  # (file, job): {server: {turn: figures}}
        self.last = {}  # file: {server: path}

    def measure(self, runner, paths, turns):
        for turn in range(turns):
            for path in paths:
                for server in self.servers:
                    jobs, out = runner.run_file(server, path, turn)
                    if out:
                        self.last.setdefault(path.stem, {})[server.name] = out
                    for name, job in jobs.items():
                        self.turns.setdefault((path.stem, name), {}).setdefault(server.name, {})[turn] = job

    def rows(self):
        """Of the table: lists of cells, the first is the head."""
        yield ["job", "figure", *(server.name for server in self.servers)]
        for (file, job), found in self.turns.items():
            for figure, take in FIGURES.items():
                columns = [{turn: take(figures) for turn, figures in found.get(server.name, {}).items()} for server in self.servers]
                ours = found.get("bale", {})
                ours = {turn: take(figures) for turn, figures in ours.items()}
                yield [f"{file}: {job}", figure, *(cell(ours, column) for column in columns)]


def cell(ours, theirs):
    if not theirs:
        return "-"
    median = statistics.median(theirs.values())
    text = f"{median:.0f}" if median >= 1000 else f"{median:.4g}"
    ratios = [theirs[turn] / ours[turn] for turn in theirs if ours.get(turn)]
    if ours == theirs or not ratios:
        return text
    return f"{text} (x {statistics.median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f})"


def machine_and_versions(servers):
    """Sentences for above the table."""
    with open("/proc/cpuinfo") as file:
        models = {line.partition(":")[2].strip() for line in file if line.startswith("model name")}
    processors = len(os.sched_getaffinity(0))
    yield f"{processors} processors, {', '.join(sorted(models)) or platform.machine()}, Linux {platform.release()}, load {os.getloadavg()[0]:.1f}."
    versions = dict.fromkeys(server.version() for server in servers)  # of fronts and backends, each once
    yield f"{'; '.join(versions)}. {'HTTPS' if servers[0].certificate else 'HTTP'}."


def markdown(rows):
    head, *rest = rows
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rest])


PAGE_STYLE = "body{font:15px sans-serif;margin:2em}table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.2em .6em;text-align:left}"


def page(title, sentences, rows, pictures):
    """A page that needs no other file: the table, and {title: SVG}, each as an image, since pictures share names inside."""
    head, *rest = rows
    body = [f"<h1>{html.escape(title)}</h1>", *(f"<p>{html.escape(sentence)}</p>" for sentence in sentences), "<table>",
            "<tr>" + "".join(f"<th>{html.escape(text)}</th>" for text in head) + "</tr>"]
    body += ["<tr>" + "".join(f"<td>{html.escape(text)}</td>" for text in row) + "</tr>" for row in rest]
    body.append("</table>")
    for name, svg in pictures.items():
        data = base64.b64encode(svg).decode()
        body.append(f'<h2>{html.escape(name)}</h2><img alt="{html.escape(name)}" src="data:image/svg+xml;base64,{data}">')
    return (f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title><style>{PAGE_STYLE}</style>'
            + "\n".join(body) + "</html>\n")


def compare(runner, servers, names, arguments):
    """The servers run. Prints the table; writes the pictures and the page that were asked for."""
    comparison = Comparison(servers)
    paths = [path_of(name) for name in names]
    comparison.measure(runner, paths, arguments.turns)
    sentences, rows = list(machine_and_versions(servers)), list(comparison.rows())
    print("\n\n".join([*sentences, markdown(rows)]))
    plots = arguments.plots or runner.folder
    os.makedirs(plots, exist_ok=True)
    pictures = {}
    for file, runs in comparison.last.items():
        out = os.path.join(plots, f"{file}.svg")
        runner.plot(runs.values(), out)
        pictures[file] = pathlib.Path(out).read_bytes()
    if arguments.page:
        pathlib.Path(arguments.page).write_text(page("Bale beside its peers", sentences, rows, pictures))
