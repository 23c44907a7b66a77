"""tests/clients/case.py -- the base of the clients' tests: a server over HTTP or HTTPS, files to send, an environment without
anything of the user's, and programs run in it."""

import base64
import hashlib
import json
import os
import re
import secrets
import shutil
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

import fronts
import tree
from cache import PROGRAMS, Unavailable
from client import Client
from daemon import Daemon

CLIENT_SECONDS = 900


class Place:
    """One baled, and what all tests against it share."""

    def __init__(self, baled, tls, backend=None):
        """`backend`: the name of one of tests/backends, behind that baled; backends.Missing when it cannot be had."""
        self.tls, self.backend = tls, backend
        self.daemon = fronts.backend_daemon(os.path.abspath(baled), backend, tls=tls) if backend else Daemon(os.path.abspath(baled), tls=tls)
        self.give_keyring()
        self.server = self.daemon.start()
        self.account = self.server.accounts["alice"]
        self.endpoint = f"{'https' if tls else 'http'}://{self.server.host}"

    def give_keyring(self):
        """Or it would encrypt nothing."""
        path, key = Path(self.daemon.folder) / "keyring.ini", secrets.token_bytes(32)
        self.key_id = name = hashlib.sha256(b"bale key" + key).hexdigest()[:16]
        path.touch(0o600)
        path.write_text(f"[keyring]\nactive = {name}\n[key {name}]\nmaterial = {base64.b64encode(key).decode()}\n")
        self.daemon.options += ["--keyring", str(path)]

    def stop(self):
        """None, or what was wrong with the end."""
        status = self.daemon.stop()
        log = self.daemon.log()
        self.daemon.remove()
        return None if status == 0 else f"baled ended with {status}:\n{log[-3000:]}"


class Files:
    """Trees of files that are sent around, each made when a test first wants it."""

    def __init__(self):
        self.work = Path(tempfile.mkdtemp(prefix="bale-clients-"))
        self.lock = threading.Lock()
        self.made = {}

    def get(self, name, build):
        """(the folder, what build returned, its digest)"""
        with self.lock:
            if name not in self.made:
                total = build(self.work / name)
                self.made[name] = (self.work / name, total, tree.digest(self.work / name))
            return self.made[name]

    def remove(self):
        shutil.rmtree(self.work, ignore_errors=True)


def needs(*items):
    """What of cache.py a test wants, so that it is made while others run."""
    def mark(test):
        test.needs = items
        return test
    return mark


def http_only(test):
    """Over HTTPS it would show nothing new, or the program cannot be told whom to trust."""
    test.http_only = True
    return test


def https_only(test):
    """What must not go over plain HTTP."""
    test.https_only = True
    return test


class ClientCase(unittest.TestCase):
    maxDiff = 2000
    place = files = cache = None  # set by the runner

    def setUp(self):
        self.home = Path(tempfile.mkdtemp(prefix="home-", dir=self.files.work))
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)
        self.server, self.account, self.endpoint = self.place.server, self.place.account, self.place.endpoint
        self.alice = Client(self.server, self.account)
        self.logged = len(self.place.daemon.log())
        # version 1 of aws-cli presigns with signature version 2 unless told otherwise
        (self.home / "aws-config").write_text("[default]\ns3 =\n    signature_version = s3v4\n")
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.home), "LC_ALL": "C.UTF-8",
            "AWS_ACCESS_KEY_ID": self.account.access_key, "AWS_SECRET_ACCESS_KEY": self.account.secret_key,
            "AWS_CONFIG_FILE": str(self.home / "aws-config"), "AWS_DEFAULT_REGION": "us-east-1", "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1",
        }
        if "JAVA_HOME" in os.environ:
            self.environment["JAVA_HOME"] = os.environ["JAVA_HOME"]
        if self.place.tls:
            ca = self.place.daemon.authority.ca
            self.environment |= dict.fromkeys(("AWS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"), str(ca))

    # ---- what is needed ----

    def have(self, item):
        """Of cache.py; skips where it cannot be had."""
        try:
            return self.cache.get(item)
        except Unavailable as reason:
            self.skipTest(str(reason))

    def need(self, program):
        if not Path(program).exists():
            self.skipTest(f"{program} is not installed")

    def tree(self):
        return self.files.get("tree", tree.build)[0]

    def tree_bytes(self):
        return self.files.get("tree", tree.build)[1]

    def tree_digest(self):
        return self.files.get("tree", tree.build)[2]

    def large(self):
        return self.files.get("large", tree.build_large)[0]

    # ---- programs ----

    def run_client(self, *command, seconds=CLIENT_SECONDS, environment=(), **options):
        done = subprocess.run([str(word) for word in command], env={**self.environment, **dict(environment)}, capture_output=True,
                              text=True, errors="replace", timeout=seconds, check=False, stdin=subprocess.DEVNULL, **options)
        self.assertEqual(0, done.returncode, f"{command}\n{done.stdout[-1500:]}\n{done.stderr[-3000:]}")
        return done.stdout

    def run_python(self, python, program, *arguments):
        self.assertEqual("ok\n", self.run_client(python, PROGRAMS / "python" / program, self.endpoint, *arguments))

    def trusting_java(self):
        """Java reads no PEM: a key store with this run's authority."""
        if not self.place.tls:
            return []
        store = self.home / "trust"
        subprocess.run(["keytool", "-importcert", "-noprompt", "-alias", "test", "-file", self.place.daemon.authority.ca, "-keystore", store,
                        "-storepass", "trusted"], check=True, capture_output=True, timeout=600)
        return [f"-Djavax.net.ssl.trustStore={store}", "-Djavax.net.ssl.trustStorePassword=trusted"]

    def run_java(self, classes, program, *arguments):
        told = self.run_client("java", "-XX:TieredStopAtLevel=1", *self.trusting_java(), "-cp", classes, program, self.endpoint, *arguments)
        self.assertEqual("ok\n", told)

    # ---- the server ----

    def refusal(self):
        """What baled has said in this test of what its backend cannot do, or None. It may say it after it has answered."""
        deadline = time.monotonic() + (2 if self.place.backend else 0)
        while True:
            said = re.search(r' status=(?:400|501) .*reason="([^"]*[Bb]ackend[^"]*)"', self.place.daemon.log()[self.logged:])
            if said or time.monotonic() > deadline:
                return said[1] if said else None
            time.sleep(0.05)

    def make_bucket(self, name):
        self.assertEqual(200, self.alice.put(name).status)
        return name

    def admin(self, path):
        """Just after its start a server may not know yet what it is asked: 503."""
        url = f"{self.endpoint.partition(':')[0]}://{self.server.admin[0]}:{self.server.admin[1]}{path}"
        deadline = time.monotonic() + 300
        while True:
            try:
                with urllib.request.urlopen(url, timeout=600, context=self.server.tls) as page:
                    return page.read().decode()
            except urllib.error.HTTPError as refused:
                if refused.code != 503 or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def written(self, bucket):
        """Original and stored bytes of that bucket, from the ledger; in front of a backend, where tests run alone, of all that was
        written."""
        if not self.place.backend:
            lines = {line["bucket"]: line for line in json.loads(self.admin("/savings"))["buckets"]}
            return [lines.get(bucket, {}).get(f"{kind}_bytes", 0) for kind in ("original", "stored")]
        text = self.admin("/metrics")
        return [float(re.search(rf"^bale_{kind}_bytes_written_total (\S+)$", text, re.M).group(1)) for kind in ("original", "stored")]

    def assert_same(self, folder, name="tree"):
        self.assertEqual(self.files.made[name][2], tree.digest(folder))

    def fetch(self, url):
        return subprocess.run(["curl", "-sS", "--fail", url], env=self.environment, capture_output=True, check=True,
                              timeout=600).stdout

    def assert_no_uploads(self, bucket):
        self.assertEqual([], self.alice.get(bucket, None, {"uploads": None}).texts("Upload/Key"))
