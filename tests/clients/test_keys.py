"""tests/clients/test_keys.py -- clients that have their objects encrypted: under keys that they bring along (SSE-C), over TLS as they must, with
which everything is there, and without it nothing; and under the server's."""

import hashlib
import subprocess

from case import ClientCase, http_only, https_only, needs

KEY, OTHER = "these_are_thirty-two_bytes__mine", "these_are_thirty-two_others___no"
LARGE = 20 << 20  # sent in parts by all of them


class KeysCase(ClientCase):
    """What both have in common."""

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

    def rclone(self, bucket, *options):
        """(the command's beginning, what it calls the bucket)"""
        remote = ",".join((":s3", "provider=Other", "env_auth=false", f"access_key_id={self.account.access_key}",
                           f"secret_access_key={self.account.secret_key}", f"endpoint='{self.endpoint}'", "region=us-east-1", *options))
        # AWS_CA_BUNDLE stops it ("unsupported transport"); SSL_CERT_FILE is what it understands
        return ["/usr/bin/env", "-u", "AWS_CA_BUNDLE", "/usr/bin/rclone", "--config=/dev/null", "--s3-upload-cutoff=8M", "--retries=1",
                "--low-level-retries=1", "--quiet"], f"{remote}:{bucket}"


class CustomerKeys(KeysCase):
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
    @needs("minio_python")
    def test_minio_py(self):
        """Both kinds of keys: its SDK takes none to a server without TLS."""
        self.run_python(self.have("minio_python"), "minio_keys.py", self.key_files())

    @https_only
    def test_rclone(self):
        self.need("/usr/bin/rclone")
        folder, bucket = self.key_files(), "keys-rclone"

        def with_key(key):
            return self.rclone(bucket, "sse_customer_algorithm=AES256", f"sse_customer_key={key}")

        (rclone, mine), (_, others) = with_key(KEY), with_key(OTHER)
        self.run_client(*rclone, "mkdir", mine)
        self.run_client(*rclone, "copy", folder, mine)
        self.run_client(*rclone, "check", "--download", folder, mine)
        self.run_client(*rclone, "copy", mine, self.home / "back")
        self.expect_same(folder, self.home / "back")
        self.assertEqual("", self.run_client(*rclone, "cat", f"{others}/large"))  # to it there is none
        self.run_client(*rclone, "purge", mine)


class ServerKeys(KeysCase):
    """The keys are the server's: what clients ask for with one option (SSE-S3, SSE-KMS)."""

    METHOD = "x-amz-server-side-encryption"

    def expect_encrypted(self, bucket, folder, place="", method="AES256"):
        """Each of the files, below `place`."""
        for path in folder.rglob("*"):
            if path.is_file():
                head = self.alice.head(bucket, place + str(path.relative_to(folder)))
                self.assertEqual((200, method), (head.status, head.header(self.METHOD)), path)

    @http_only
    def test_aws_cli_of_debian(self):
        self.need("/usr/bin/aws")
        s3, folder = ["/usr/bin/aws", "--endpoint-url", self.endpoint, "s3"], self.key_files()
        sse, bucket = ("--sse", "AES256"), "sse-aws"
        self.run_client(*s3, "mb", f"s3://{bucket}")
        self.run_client(*s3, "cp", "--quiet", "--recursive", *sse, folder, f"s3://{bucket}/a/")
        self.expect_encrypted(bucket, folder, "a/")
        self.run_client(*s3, "mv", "--quiet", "--recursive", *sse, f"s3://{bucket}/a/", f"s3://{bucket}/b/")
        self.expect_encrypted(bucket, folder, "b/")
        self.run_client(*s3, "sync", "--quiet", "--sse", "aws:kms", f"s3://{bucket}/b/", f"s3://{bucket}/c/")
        self.expect_encrypted(bucket, folder, "c/", "aws:kms")
        self.run_client(*s3, "sync", "--quiet", f"s3://{bucket}/c/", self.home / "back")
        self.expect_same(folder, self.home / "back")
        self.run_client(*s3, "rb", "--force", f"s3://{bucket}")

    @http_only
    def test_rclone(self):
        self.need("/usr/bin/rclone")
        folder, bucket = self.key_files(), "sse-rclone"
        rclone, remote = self.rclone(bucket, "server_side_encryption=AES256")
        self.run_client(*rclone, "mkdir", remote)
        self.run_client(*rclone, "copy", folder, remote)
        self.expect_encrypted(bucket, folder)
        self.run_client(*rclone, "check", folder, remote)  # by the MD5, which the ETag is
        self.run_client(*rclone, "copyto", f"{remote}/large", f"{remote}/copied")
        self.assertEqual("AES256", self.alice.head(bucket, "copied").header(self.METHOD))
        self.run_client(*rclone, "deletefile", f"{remote}/copied")
        self.run_client(*rclone, "copy", remote, self.home / "back")
        self.expect_same(folder, self.home / "back")
        self.run_client(*rclone, "purge", remote)

    @http_only
    def test_s3cmd(self):
        self.need("/usr/bin/s3cmd")
        folder, bucket = self.key_files(), "sse-s3cmd"
        s3cmd = ["/usr/bin/s3cmd", "--config=/dev/null", f"--host={self.server.host}", f"--host-bucket={self.server.host}", "--no-ssl",
                 f"--access_key={self.account.access_key}", f"--secret_key={self.account.secret_key}", "--region=us-east-1", "--no-progress",
                 "--quiet", "--server-side-encryption", "--multipart-chunk-size-mb=8"]
        (self.home / "back").mkdir()
        self.run_client(*s3cmd, "mb", f"s3://{bucket}")
        self.run_client(*s3cmd, "sync", f"{folder}/", f"s3://{bucket}/")
        self.expect_encrypted(bucket, folder)
        self.run_client(*s3cmd, "cp", f"s3://{bucket}/in/small", f"s3://{bucket}/copied")
        self.assertEqual("AES256", self.alice.head(bucket, "copied").header(self.METHOD))
        self.run_client(*s3cmd, "del", f"s3://{bucket}/copied")
        self.run_client(*s3cmd, "sync", f"s3://{bucket}/", f"{self.home}/back/")
        self.expect_same(folder, self.home / "back")
        self.run_client(*s3cmd, "del", "--recursive", "--force", f"s3://{bucket}/")
        self.run_client(*s3cmd, "rb", f"s3://{bucket}")
