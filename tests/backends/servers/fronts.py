"""tests/backends/servers/fronts.py -- what tests of this folder talk to: Bale in front of a backend, or the backend itself.

A front has `client()` (which never sends a request twice by itself), `bucket`, and `is_exact`: a 412 or 404 is then the truth even when
requests are lost and repeated behind it. That is Bale's promise; a plain backend behind a bad network cannot keep it, and
stands here so that the tests themselves can be tried.
"""

import os
import random
import re
import select
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import backends
import client
import daemon
import wire


class OneAttempt(client.Client):
    """One request is one request: what became of it when no answer comes is for the caller to think about."""

    def send(self, prepared):
        connection, self.kept.connection = getattr(self.kept, "connection", None), None
        if connection is None or self.has_ended(connection):
            connection = self.connect(timeout=90)
        try:
            return self._send_on(connection, prepared)
        except (wire.ProtocolError, OSError, ValueError):
            connection.close()
            raise

    @staticmethod
    def has_ended(connection):
        """Nothing may come on a connection that waits for its next request, so this is its end."""
        if not select.select([connection.socket], [], [], 0)[0]:
            return False
        connection.close()
        return True


class Direct:
    """The backend itself, or the backend through a proxy with faults."""

    is_exact = False
    is_bale = False

    def __init__(self, place, backend):
        self.place, self.backend, self.bucket = place, backend, backend.bucket

    @property
    def server(self):
        return self.place.server

    def client(self):
        return OneAttempt(self.place.server, self.backend.account)

    def log(self):
        return self.backend.log()

    def stop(self):
        pass


def bale_has_backends(baled):
    """Does this build of baled know S3 buckets as backends?"""
    told = subprocess.run([baled, "--help"], capture_output=True, text=True, check=False)
    return "--endpoint " in told.stdout


class BackendDaemon(daemon.Daemon):
    """A baled whose objects lie in a bucket."""

    def __init__(self, baled, place, backend, options=(), **others):
        self.place, self.backend = place, backend
        super().__init__(baled, options, **others)

    def command(self):
        options = {"--listen": "127.0.0.1:0", "--admin": "127.0.0.1:0", "--backend": f"s3:{self.backend.bucket}",
                   "--endpoint": self.place.endpoint, "--backend-region": self.backend.region,
                   "--state": os.path.join(self.folder, "state"), "--credentials": self.credentials, "--region": "us-east-1",
                   "--domain": self.domain, "--access-log-period": "1s"}
        given = {option.partition("=")[0] for option in self.options}
        words = [word for name, value in options.items() if name not in given for word in (name, value)]
        return [self.baled, *words, *self.options]

    def environment(self):
        """Nothing but what belongs to this backend: who runs the tests may have credentials of AWS."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return {**kept, "AWS_ACCESS_KEY_ID": self.backend.access_key, "AWS_SECRET_ACCESS_KEY": self.backend.secret_key,
                "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}


class WholeDaemon(BackendDaemon):
    """The same with all buckets of a backend that is its own: what suites run against that know nothing of backends."""

    def __init__(self, baled, backend, options=(), **others):
        super().__init__(baled, backend, backend, ["--all-buckets", *options], **others)

    def start(self, seconds=daemon.START_SECONDS):
        server = super().start(seconds)
        server.folder = None  # nothing of what they would look for is in it
        found = verdicts(self.backend)
        server.lacks = self.backend.silently_lacks | {what for verdict, what in (("versions", "versions"), ("locks", "object lock"))
                                                      if not found.get(verdict)}
        return server

    def remove(self):
        super().remove()
        self.backend.stop()


def backend_daemon(baled, name, options=(), **others):
    """A WholeDaemon before a new backend of that name; backends.Missing."""
    if not bale_has_backends(baled):
        raise backends.Missing("this baled knows no S3 backend")
    return WholeDaemon(baled, backends.start(name, baled), options, **others)


class Bale:
    """baled --backend s3:BUCKET in front of a backend, or of the proxy before it."""

    is_exact = True
    is_bale = True

    def __init__(self, baled, place, backend, options=(), accounts=None, tls=False):
        self.backend, self.bucket = backend, backend.bucket
        self.daemon = BackendDaemon(str(baled), place, backend, list(options), accounts=accounts, tls=tls)
        self.server = None

    def start(self):
        self.server = self.daemon.start()
        return self

    def client(self, name="alice"):
        return OneAttempt(self.server, self.server.accounts[name])

    def kill(self):
        self.daemon.kill()

    def log(self):
        return self.daemon.log()

    def admin(self, path):
        """(status, text)"""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.server.admin[1]}{path}", timeout=600) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def stop(self):
        """The exit status."""
        status = self.daemon.stop() if self.daemon.process else None
        self.daemon.remove()
        return status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def verdicts(backend):
    """What Bale has found out about the backend, as it keeps it in the bucket: {"put-create": True, ...}."""
    answer = backend.client().get(backend.bucket, ".bale/backend")
    if answer.status != 200:
        raise RuntimeError(f"no verdicts in the bucket: {answer}")
    found = {}
    for line in answer.body.decode().splitlines():
        name, _, value = line.partition(" ")
        if value in ("yes", "no", "untried"):
            found[name.lower().replace("_", "-")] = value == "yes"
    return found


def deny(backend, *names):
    """Of what Bale has found out about the backend these are "no" from its next start on."""
    kept = backend.client().get(backend.bucket, ".bale/backend").body.decode()
    for name in names:
        line = name.upper().replace("-", "_")
        if f"{line} yes\n" not in kept:
            raise RuntimeError(f"{name} does not hold anyhow")
        kept = kept.replace(f"{line} yes\n", f"{line} no\n")
    backend.client().put(backend.bucket, ".bale/backend", (), (), kept.encode())


class AnyOf:
    """Clients of several servers as one: each request goes to one of them."""

    def __init__(self, clients):
        self.clients, self.draw = clients, random.Random(len(clients))

    def __getattr__(self, name):
        return getattr(self.draw.choice(self.clients), name)


class Several:
    """Replicas of Bale before one bucket, whose accounts are the same."""

    is_exact = True
    is_bale = True

    def __init__(self, bales):
        self.bales, self.bucket = bales, bales[0].bucket

    def client(self):
        return AnyOf([bale.client() for bale in self.bales])


def run_to_its_end(command, seconds, **options):
    """(exit status or None, standard output, standard error, seconds): those that it took, without those in which the machine had no processor
    for it, which say nothing of a program."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, **options)
        while (ended := os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is None and time.monotonic() < started + seconds:
            time.sleep(0.01)
        took = time.monotonic() - started
        waited = int(Path(f"/proc/{process.pid}/schedstat").read_text().split()[1]) / 1e9  # of its first thread
        if ended is None:
            process.kill()
        status = process.wait()
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read().decode(errors="replace"))
        return status if ended else None, *said, took - waited


def try_start(baled, options, environment, seconds):
    """Starts a baled that is expected to refuse: (exit status or None, standard error, seconds that it took)."""
    folder = Path(tempfile.mkdtemp(prefix="bale-refused-"))
    base = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    try:
        status, _, said, took = run_to_its_end(
            [str(baled), "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--state", str(folder / "state"), *options], seconds, cwd=folder,
            env={**base, "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(folder), **environment})
        return status, re.sub(r"\x1b\[[0-9;]*m", "", said), took
    finally:
        shutil.rmtree(folder, ignore_errors=True)
