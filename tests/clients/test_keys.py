"""tests/clients/test_keys.py -- clients that bring keys of their own (SSE-C), over TLS as they must: with the key everything is there, and
without it nothing."""

import hashlib
import subprocess

from case import ClientCase, https_only, needs

KEY, OTHER = "these_are_thirty-two_bytes__mine", "these_are_thirty-two_others___no"
LARGE = 20 << 20  # sent in parts by all of them


class CustomerKeys(ClientCase):
    def key_files(self):
        """Where the keys are, and a folder of files of which one is large."""
        for name, key in (("key", KEY), ("other", OTHER)):
            (self.home / name).write_text(key)
        folder = self.home / "files"
        (folder / "in").mkdir(parents=True)
        (folder / "empty").write_bytes(b"")
        (folder / "in/small").write_text("small\n" * 1000)
        (folder / "large").write_bytes(b"".join(hashlib.sha256(str(i).encode()).digest() * 32 for i in range(LARGE // 1024)))
        return folder

    def expect_same(self, folder, back):
        self.assertEqual("", self.run_client("/usr/bin/diff", "-r", folder, back))

    def expect_refused(self, *command):
        """By the server, for the key's sake."""
        done = subprocess.run([str(word) for word in command], env=self.environment, capture_output=True, text=True, timeout=120, check=False)
        self.assertNotEqual(0, done.returncode, done.stdout)
        self.assertRegex(done.stderr, "40[03]|Bad Request|Forbidden")

    def aws_round_trip(self, aws, bucket):
        s3, folder = [aws, "--endpoint-url", self.endpoint, "s3"], self.key_files()
        mine = ("--sse-c", "AES256", "--sse-c-key", f"fileb://{self.home}/key")
        of_source = ("--sse-c-copy-source", "AES256", "--sse-c-copy-source-key", f"fileb://{self.home}/key")
        others = ("--sse-c", "AES256", "--sse-c-key", f"fileb://{self.home}/other")
        back = self.home / "back"
        self.run_client(*s3, "mb", f"s3://{bucket}")
        self.run_client(*s3, "cp", "--quiet", "--recursive", *mine, folder, f"s3://{bucket}/a/")
        self.run_client(*s3, "sync", "--quiet", *mine, f"s3://{bucket}/a/", back)
        self.expect_same(folder, back)
        self.run_client(*s3, "mv", "--quiet", "--recursive", *of_source, *mine, f"s3://{bucket}/a/", f"s3://{bucket}/b/")
        self.run_client(*s3, "cp", "--quiet", "--recursive", *mine, f"s3://{bucket}/b/", self.home / "moved")
        self.expect_same(folder, self.home / "moved")
        self.expect_refused(*s3, "cp", *others, f"s3://{bucket}/b/empty", self.home / "refused")
        self.run_client(*s3, "rb", "--force", f"s3://{bucket}")

    @https_only
    def test_aws_cli_of_debian(self):
        self.need("/usr/bin/aws")
        self.aws_round_trip("/usr/bin/aws", "keys-aws-debian")

    @https_only
    @needs("newest_python")
    def test_aws_cli_newest(self):
        self.aws_round_trip(self.have("newest_python").parent / "aws", "keys-aws-newest")

    @https_only
    def test_boto3_of_debian(self):
        self.need("/usr/lib/python3/dist-packages/boto3")
        self.run_python("/usr/bin/python3", "boto3_customer_keys.py", self.key_files())

    @https_only
    @needs("newest_python")
    def test_boto3_newest(self):
        self.run_python(self.have("newest_python"), "boto3_customer_keys.py", self.key_files())

    @https_only
    def test_rclone(self):
        self.need("/usr/bin/rclone")
        folder, bucket = self.key_files(), "keys-rclone"

        def remote(key):
            return (f":s3,provider=Other,env_auth=false,access_key_id={self.account.access_key},secret_access_key={self.account.secret_key},"
                    f"endpoint='{self.endpoint}',region=us-east-1,sse_customer_algorithm=AES256,sse_customer_key={key}"
                    f":{bucket}")

        # AWS_CA_BUNDLE stops it ("unsupported transport"); SSL_CERT_FILE is what it understands
        rclone = ["/usr/bin/env", "-u", "AWS_CA_BUNDLE", "/usr/bin/rclone", "--config=/dev/null", "--s3-upload-cutoff=8M", "--retries=1",
                  "--low-level-retries=1", "--quiet"]
        self.run_client(*rclone, "mkdir", remote(KEY))
        self.run_client(*rclone, "copy", folder, remote(KEY))
        self.run_client(*rclone, "check", "--download", folder, remote(KEY))
        self.run_client(*rclone, "copy", remote(KEY), self.home / "back")
        self.expect_same(folder, self.home / "back")
        self.assertEqual("", self.run_client(*rclone, "cat", f"{remote(OTHER)}/large"))  # to it there is none
        self.run_client(*rclone, "purge", remote(KEY))
