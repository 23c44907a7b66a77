"""tests/backends/servers/faults.py -- the proxy with faults as tests use it: a process beside them, rules in, counts out.

    with Faults(backend, seed=7) as faults:
        faults.rules(fault("lose", op="PutObject", probability=0.05), fault("ignore", what="delete-match"))
        ... faults.endpoint instead of backend.endpoint ...
        faults.operations(since)       # ["HeadObject", "PutObject"]: what the server was asked, in order
"""

import json
import os
import secrets
import socket
import subprocess
import sys
import threading
from pathlib import Path

import client
import fronts
import message

HERE = Path(__file__).resolve().parent


def fault(kind, **parameters):
    return {"fault": kind, **parameters}


# What a request can meet that is answered, or not, as the network pleases. Wrong bytes are not among them: those are for tests of
# their own, where something can notice (a checksum, a frame).
EVERY_KIND = (
    fault("delay", seconds=[0.001, 0.05]), fault("cut"), fault("cut-request"), fault("lose"), fault("duplicate"),
    fault("duplicate-late", seconds=[0.01, 0.5]), fault("delay-answer", seconds=[0.001, 0.05]), fault("truncate"),
    fault("trickle", seconds=[0.0001, 0.001]), fault("wrong-length"), fault("close-after"),
    fault("refuse", status=500), fault("refuse", status=503), fault("refuse", status=429), fault("refuse", status=409),
    fault("refuse", status=503, retry_after=0), fault("refuse", status=503, early=True),
    fault("replace", status=500), fault("replace", status=503),
)


# A 412 for a condition that is true: an intermediary's, or one about a request's own echo. Bale looks before it believes it.
FALSE_REFUSALS = (fault("refuse", status=412, header="if-match"), fault("refuse", status=412, header="if-none-match", method="PUT"))


def mixture(each, kinds=EVERY_KIND, **selectors):
    """Every kind, each with this probability."""
    return [{**kind, "probability": each, **selectors} for kind in kinds]


def mixture_for_bale(each, backend):
    """The same and what only Bale sees through, before a backend whose verdicts it has found out. Where no condition keeps a delete,
    one that comes twice takes what came in between, as with any client of S3: that is left out there."""
    rules = mixture(each) + mixture(each, FALSE_REFUSALS)
    unkept = set() if backend.heeds_etags_of_many else {"DeleteObjects"}
    if not fronts.verdicts(backend)["delete-match"]:
        unkept.add("DeleteObject")
    for rule in rules:
        if rule["fault"] == "duplicate-late":
            rule["op"] = sorted(set(message.OPERATIONS.values()) - unkept)
    return rules


class Faults:
    def __init__(self, backend, seed=1):
        self.backend, self.seed = backend, seed
        environment = {**os.environ, "BALE_PROXY_ACCESS_KEY": backend.access_key, "BALE_PROXY_SECRET_KEY": backend.secret_key}
        self.process = subprocess.Popen([sys.executable, str(HERE / "proxy.py"), "--to", f"127.0.0.1:{backend.port}", "--seed",
                                         str(seed)], env=environment, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        words = self.process.stdout.readline().split()
        if words[:2] != [b"proxy:", b"ready"]:
            raise RuntimeError("the proxy did not start")
        self.port = int(words[2])
        self.control = socket.create_connection(("127.0.0.1", int(words[3])), 60)
        self.answers = self.control.makefile("rb")
        self.lock = threading.Lock()

    # ---- where it is ----

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def server(self):
        """As tests/s3 knows servers: the backend, seen through the proxy."""
        known = self.backend.server
        return client.Server(("127.0.0.1", self.port), known.accounts, region=known.region, lacks=known.lacks)

    def client(self):
        return client.Client(self.server, self.backend.account)

    # ---- what it is to do ----

    def do(self, name, **parameters):
        with self.lock:
            self.control.sendall(json.dumps({"do": name, **parameters}).encode() + b"\n")
            answer = json.loads(self.answers.readline())
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer["ok"]

    def rules(self, *given):
        self.do("rules", rules=list(given))

    def release(self):
        """What a rule holds goes on, and so does what it would have held later."""
        self.do("release")

    def clear(self):
        self.rules()

    def down(self):
        """As if the server had gone, with every connection."""
        self.do("down")

    def up(self):
        self.do("up")

    # ---- what it has seen ----

    def reset(self):
        self.do("reset")

    def log(self, since=0):
        return self.do("log", **{"from": since})

    def story(self, key, most=60):
        """What it has seen of a key lately, a line for each request: for the message of a failed test."""
        return "\n".join([self.line(entry) for entry in self.log() if entry["key"] == key][-most:])

    @staticmethod
    def line(entry):
        """Of a revision its ETag is shown and the nonce (of the one that is written, of the one that was read)."""
        told = (entry["query"], entry.get("conditions", ""), entry.get("stamp", ""), entry.get("fault", ""), entry["status"], entry.get("etag", ""),
                entry.get("shown", ""))
        return f"    {entry['at']:.4f} {entry.get('ended', 0):.4f} {entry['op']} " + " ".join(str(one) for one in told if one)

    def operations(self, since=0):
        return [entry["op"] for entry in self.log(since)]

    def counts(self):
        return self.do("counts")

    def fired(self):
        return self.do("fired")

    def running(self):
        """Requests that are on their way. Those of a client that was killed go on: its server may have them whole."""
        return self.do("running")

    def late(self):
        """Duplicates that are still to come, or on their way."""
        return self.do("late")

    # ---- its end ----

    def stop(self):
        self.control.close()
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def new_seed():
    return secrets.randbelow(1 << 31)
