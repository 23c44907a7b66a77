#!/usr/bin/env python3
"""tests/clients/run.py -- real S3 clients against a baled of its own: a tree of files goes in and comes back identical.

usage: run.py [--baled build/server/baled] [WORD...]   only the tests whose name holds one of the words

aws-cli, boto3, s3cmd, rclone and curl as Debian has them; the newest boto3 and aws-cli from PyPI in build/newest-clients
where PyPI can be reached. What is not there is skipped and counted. The last line is "N passed, N failed".
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent / "s3")]

import tree  # noqa: E402
from daemon import Daemon  # noqa: E402

NEWEST = ROOT / "build" / "newest-clients"


def newest_python():
    """The interpreter of a folder that has the newest boto3 and aws-cli, or None."""
    python = NEWEST / "bin" / "python3"
    if not (NEWEST / "complete").exists():
        made = subprocess.run(["/usr/bin/python3", "-m", "venv", "--clear", NEWEST], capture_output=True, check=False)
        if made.returncode == 0:
            made = subprocess.run([python, "-m", "pip", "install", "--quiet", "--retries", "1", "boto3", "awscli"],
                                  capture_output=True, check=False, timeout=300)
        if made.returncode != 0:
            return None
        (NEWEST / "complete").touch()
    return python


class ClientCase(unittest.TestCase):
    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        cls.work = Path(tempfile.mkdtemp(prefix="bale-clients-"))
        cls.tree = cls.work / "tree"
        cls.tree_bytes = tree.build(cls.tree)
        cls.digest = tree.digest(cls.tree)
        cls.daemon = Daemon(os.path.abspath(ARGUMENTS.baled))
        cls.server = cls.daemon.start()
        cls.account = cls.server.accounts["alice"]
        cls.endpoint = f"http://{cls.server.host}"
        cls.environment = {
            "PATH": os.environ["PATH"], "HOME": str(cls.work), "LC_ALL": "C.UTF-8",
            "AWS_ACCESS_KEY_ID": cls.account.access_key, "AWS_SECRET_ACCESS_KEY": cls.account.secret_key,
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1",
        }

    @classmethod
    def tearDownClass(cls):
        status = cls.daemon.stop()
        log = cls.daemon.log()
        cls.daemon.remove()
        shutil.rmtree(cls.work)
        if status != 0:
            raise RuntimeError(f"baled ended with {status}:\n{log[-3000:]}")

    def run_client(self, *command, **options):
        done = subprocess.run([str(word) for word in command], env=self.environment, capture_output=True, text=True,
                              timeout=240, check=False, **options)
        self.assertEqual(0, done.returncode, f"{command}\n{done.stdout[-1500:]}\n{done.stderr[-3000:]}")
        return done.stdout

    def need(self, program):
        if not Path(program).exists():
            self.skipTest(f"{program} is not installed")

    def metric(self, name):
        with urllib.request.urlopen(f"http://{self.server.admin[0]}:{self.server.admin[1]}/metrics", timeout=20) as page:
            text = page.read().decode()
        return float(re.search(rf"^{name} (\S+)$", text, re.M).group(1))

    def assert_same(self, folder):
        self.assertEqual(self.digest, tree.digest(folder))

    def fetch(self, url):
        return subprocess.run(["curl", "-sS", "--fail", url], capture_output=True, check=True, timeout=60).stdout

    # ---- aws-cli ----

    def aws_round_trip(self, aws, bucket):
        s3 = [aws, "--endpoint-url", self.endpoint, "s3"]
        back = self.work / f"back-{bucket}"
        before = self.metric("bale_original_bytes_written_total"), self.metric("bale_stored_bytes_written_total")
        self.run_client(*s3, "mb", f"s3://{bucket}")
        self.run_client(*s3, "cp", "--recursive", "--quiet", self.tree, f"s3://{bucket}/")
        original = self.metric("bale_original_bytes_written_total") - before[0]
        stored = self.metric("bale_stored_bytes_written_total") - before[1]
        self.assertEqual(self.tree_bytes, original)
        self.assertLess(stored, 0.7 * original)

        listed = self.run_client(*s3, "ls", "--recursive", f"s3://{bucket}/")
        self.assertEqual(len(self.digest), len(listed.splitlines()))
        self.run_client(*s3, "sync", "--quiet", f"s3://{bucket}/", back)
        self.assert_same(back)
        (back / "odd/one").write_bytes(b"changed")
        again = self.run_client(*s3, "sync", back, f"s3://{bucket}/")
        self.assertEqual(1, len(re.findall(r"upload: ", again)), again)
        self.run_client(*s3, "cp", "--quiet", f"s3://{bucket}/odd/one", f"s3://{bucket}/copy of one")
        url = self.run_client(*s3, "presign", f"s3://{bucket}/copy of one").strip()
        self.assertEqual(b"changed", self.fetch(url))
        self.run_client(*s3, "rm", "--quiet", f"s3://{bucket}/copy of one")
        self.run_client(*s3, "rm", "--quiet", "--recursive", f"s3://{bucket}/")
        self.assertEqual("", self.run_client(*s3, "ls", "--recursive", f"s3://{bucket}/"))
        self.run_client(*s3, "rb", f"s3://{bucket}")

    def test_aws_cli_of_debian(self):
        self.need("/usr/bin/aws")
        self.aws_round_trip("/usr/bin/aws", "aws-debian")

    def test_aws_cli_newest(self):
        if newest_python() is None:
            self.skipTest("PyPI cannot be reached")
        self.aws_round_trip(NEWEST / "bin" / "aws", "aws-newest")

    # ---- boto3 ----

    def test_boto3_of_debian(self):
        self.need("/usr/lib/python3/dist-packages/boto3")
        self.assertEqual("ok\n", self.run_client("/usr/bin/python3", HERE / "boto3_round_trip.py", self.endpoint, self.tree))

    def test_boto3_newest(self):
        python = newest_python()
        if python is None:
            self.skipTest("PyPI cannot be reached")
        self.assertEqual("ok\n", self.run_client(python, HERE / "boto3_round_trip.py", self.endpoint, self.tree))

    # ---- s3cmd ----

    def test_s3cmd(self):
        self.need("/usr/bin/s3cmd")
        s3cmd = ["/usr/bin/s3cmd", "--config=/dev/null", f"--host={self.server.host}", f"--host-bucket={self.server.host}",
                 "--no-ssl", f"--access_key={self.account.access_key}", f"--secret_key={self.account.secret_key}",
                 "--region=us-east-1", "--no-progress", "--quiet"]
        back = self.work / "back-s3cmd"
        back.mkdir()
        self.run_client(*s3cmd, "mb", "s3://s3cmd")
        self.run_client(*s3cmd, "sync", "--multipart-chunk-size-mb=15", f"{self.tree}/", "s3://s3cmd/")
        self.run_client(*s3cmd, "sync", "s3://s3cmd/", f"{back}/")
        self.assert_same(back)
        self.run_client(*s3cmd, "put", self.tree / "odd/largest", "s3://s3cmd/again")
        self.run_client(*s3cmd, "info", "s3://s3cmd/again")
        self.run_client(*s3cmd, "cp", "s3://s3cmd/again", "s3://s3cmd/copied")
        self.run_client(*s3cmd, "get", "--force", "s3://s3cmd/copied", self.work / "copied")
        self.assertEqual((self.tree / "odd/largest").read_bytes(), (self.work / "copied").read_bytes())
        self.run_client(*s3cmd, "del", "--recursive", "--force", "s3://s3cmd/")
        self.run_client(*s3cmd, "rb", "s3://s3cmd")

    # ---- rclone ----

    def test_rclone(self):
        self.need("/usr/bin/rclone")
        remote = (f":s3,provider=Other,env_auth=false,access_key_id={self.account.access_key},"
                  f"secret_access_key={self.account.secret_key},endpoint='{self.endpoint}',region=us-east-1:rclone")
        rclone = ["/usr/bin/rclone", "--config=/dev/null", "--s3-upload-cutoff=16M", "--retries=1", "--low-level-retries=1",
                  "--quiet"]
        back = self.work / "back-rclone"
        self.run_client(*rclone, "mkdir", remote)
        self.run_client(*rclone, "copy", self.tree, remote)
        self.run_client(*rclone, "check", self.tree, remote)
        self.run_client(*rclone, "check", "--download", self.tree, remote)
        self.run_client(*rclone, "sync", remote, back)
        self.assert_same(back)
        (back / "odd/random").unlink()
        (back / "odd/one").write_bytes(b"changed")
        self.run_client(*rclone, "sync", back, remote)
        self.assertEqual(len(self.digest) - 1, len(self.run_client(*rclone, "lsf", "-R", "--files-only", remote).splitlines()))
        self.run_client(*rclone, "check", back, remote)
        self.run_client(*rclone, "purge", remote)


def main():
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(ClientCase)
    if ARGUMENTS.words:
        suite = unittest.TestSuite(test for test in suite if any(word in test.id() for word in ARGUMENTS.words))
    total = suite.countTestCases()
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    wrong = result.failures + result.errors
    for test, _ in wrong:
        print(f"repeat: tests/clients/run.py --baled {ARGUMENTS.baled} {getattr(test, '_testMethodName', '')}")
    skipped = f", {len(result.skipped)} skipped" if result.skipped else ""
    print(f"{max(0, total - len(wrong) - len(result.skipped))} passed, {len(wrong)} failed{skipped}")
    return 1 if wrong else 0


if __name__ == "__main__":
    PARSER = argparse.ArgumentParser(description="real S3 clients, end to end")
    PARSER.add_argument("--baled", default=str(ROOT / "build/server/baled"))
    PARSER.add_argument("words", nargs="*")
    ARGUMENTS = PARSER.parse_args()
    sys.exit(main())
