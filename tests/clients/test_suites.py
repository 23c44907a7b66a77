"""tests/clients/test_suites.py -- the suites with which others try S3 servers: of versitygw, and of MinIO's SDK for Go (mint).

Each file of suites/ says what is expected of one. They ask for some things that only their own servers do; those are named there."""

import json
import subprocess
from pathlib import Path

import backends
from case import ClientCase, http_only, https_only, needs

SUITES = Path(__file__).resolve().parent / "suites"
SUITE_SECONDS = 900


def lines_of(name):
    """Without comments."""
    return [line for line in (SUITES / name).read_text().splitlines() if line and not line.startswith("#")]


class PublicSuites(ClientCase):
    @http_only
    def test_versitygw(self):
        """By an account that has no buckets but the suite's. Over a bucket, less what baled says that its backend cannot do."""
        try:
            program = backends.obtain("versitygw")
        except backends.Missing as missing:
            self.skipTest(str(missing))
        bob = self.server.accounts["bob"]
        failed = []
        for name, *lacking in map(str.split, lines_of("versitygw")):
            if self.place.backend in lacking:
                continue
            self.logged = len(self.place.daemon.log())
            done = subprocess.run([program, "test", "--access", bob.access_key, "--secret", bob.secret_key, "--endpoint", self.endpoint, name],
                                  env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SUITE_SECONDS,
                                  check=False)
            if (b"PASS" not in done.stdout or b"FAIL" in done.stdout) and not self.refusal():
                failed.append(done.stdout.decode(errors="replace")[-500:])
        self.assertFalse(failed, "\n".join(failed))

    @https_only
    @needs("minio_suite")
    def test_minio_go(self):
        environment = {**self.environment, "SERVER_ENDPOINT": self.server.host, "ACCESS_KEY": self.account.access_key,
                       "SECRET_KEY": self.account.secret_key, "ENABLE_HTTPS": "1", "MINT_MODE": "full", "RUN_ON_FAIL": "1"}
        done = subprocess.run([self.have("minio_suite")], env=environment, cwd=self.home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=SUITE_SECONDS, check=False)
        told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")]
        known = dict(line.split(maxsplit=1) for line in lines_of("minio-go"))
        failures = {entry["name"].removeprefix("minio-go: "): entry for entry in told if entry["status"] == "FAIL"}
        passed = {entry["name"].removeprefix("minio-go: ") for entry in told if entry["status"] == "PASS"} - set(failures)
        unknown = [f"{name}: {entry.get('message')} {entry.get('error')}" for name, entry in failures.items() if name not in known]
        self.assertFalse(unknown, "\n".join(unknown))
        self.assertGreater(len(passed), 80, done.stdout[-2000:])
        self.assertEqual(set(), set(known) & passed, "these pass: they are known no more")
        self.assertEqual(set(), set(known) - set(failures), "of these nothing was heard: the suite has not come to its end, or has them no more")
