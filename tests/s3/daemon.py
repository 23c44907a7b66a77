"""tests/s3/daemon.py -- starts a baled of its own in a temporary folder, learns its ports, and stops it again."""

import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import failures
from certificates import Authority
from client import RAW_LACKS, Account, Server

DOMAIN = "bale.test"
OUTPUT_SECONDS = 60  # until the pipe of a process that has ended is read, unless somebody else holds it
START_SECONDS = 300  # of one that hangs: a start before a bucket tries some 2,500 requests, and the machine may have other things to do


def make_accounts():
    """alice and bob own buckets; reader has alice's id, so her buckets, but may not write."""
    def account(name, canonical_id):
        return Account(name, "AKIA" + secrets.token_hex(8).upper(), secrets.token_urlsafe(30), canonical_id)
    alice_id, bob_id = secrets.token_hex(32), secrets.token_hex(32)
    return {"alice": account("alice", alice_id), "bob": account("bob", bob_id), "reader": account("reader", alice_id)}


def write_credentials(path, accounts):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        for account in accounts.values():
            role = "readonly" if account.name == "reader" else "readwrite"
            file.write(f"[{account.name}]\naccess_key = {account.access_key}\nsecret_key = {account.secret_key}\n"
                       f"id = {account.id}\nrole = {role}\nemail = {account.name}@bale.test, both@bale.test\n\n")


class Daemon:
    def __init__(self, baled, options=(), folder=None, accounts=None, domain=DOMAIN, tls=False):
        self.baled, self.options, self.domain = baled, list(options), domain
        self.owns_folder = folder is None
        self.folder = folder or tempfile.mkdtemp(prefix="bale-test-")
        self.accounts = accounts or make_accounts()
        self.credentials = os.path.join(self.folder, "accounts.ini")
        write_credentials(self.credentials, self.accounts)
        self.process = None
        self.output, self.collecting = [], None
        self.authority = Authority(self.folder) if tls else None
        if tls:
            certificate, key = self.authority.issue()
            self.options += ["--tls-cert", certificate, "--tls-key", key]

    def command(self):
        return [self.baled, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--backend",
                "dir:" + os.path.join(self.folder, "data"), "--credentials", self.credentials, "--region", "us-east-1",
                "--domain", self.domain] + self.access_log_period() + self.options

    def access_log_period(self):
        """Nobody wants to wait for logs."""
        return [] if "--access-log-period" in self.options else ["--access-log-period", "1s"]

    def environment(self):
        return None  # that of the tests

    def descriptors(self):
        return ()  # that the process gets beside the usual three

    def start(self, seconds=START_SECONDS):
        """Returns the Server once baled has printed that it is ready, and where."""
        self.output = []
        self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, cwd=self.folder, env=self.environment(), pass_fds=self.descriptors())
        self.collecting = threading.Thread(target=self._collect, args=(self.process, self.output), daemon=True)
        self.collecting.start()
        if self not in failures.started:
            failures.started.append(self)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            if ports := self._ports():
                return Server(("127.0.0.1", ports[0]), self.accounts, domain=self.domain, admin=("127.0.0.1", ports[1]),
                              pid=self.process.pid, folder=self.folder,
                              tls=self.authority.context() if self.authority else None,
                              lacks=RAW_LACKS if "--raw" in self.options else ())
            time.sleep(0.005)
        raise RuntimeError(f"baled did not start: {' '.join(self.command())}\n{self._last_words(seconds)}")

    def _last_words(self, seconds):
        """Of a process that did not start: all of them. That it has ended does not mean that its output has been read."""
        if self.process.poll() is None:
            self.kill()
            return f"{self.log()}(still not ready after {seconds} s)"
        self.collecting.join(OUTPUT_SECONDS)
        return f"{self.log()}(exit status {self.process.returncode})"

    def _collect(self, process, output):
        for line in process.stdout:
            output.append(line.decode("utf-8", "replace"))

    def _ports(self):
        """S3 port and admin port, from the line that says that it is ready."""
        found = re.search(r"ready, S3 on \S+:(\d+).* admin on \S+:(\d+)", self.log())
        return (int(found.group(1)), int(found.group(2))) if found else None

    def log(self):
        return "".join(self.output)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.wait()

    def wait(self, seconds=None):
        """For its end, and for all that it said: then log() is whole. The exit status; subprocess.TimeoutExpired."""
        status = self.process.wait(seconds)
        self.collecting.join(OUTPUT_SECONDS)
        return status

    def stop(self, seconds=120):
        """SIGTERM; returns the exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def remove(self):
        if self.process and self.process.poll() is None:
            self.kill()
        if self.owns_folder:
            shutil.rmtree(self.folder, ignore_errors=True)
