"""tests/clients/test_keys.py -- clients that have their objects encrypted: under keys that they bring along (SSE-C), over TLS as they must, with
which everything is there, and without it nothing; and under the server's."""

import base64
import hashlib
import shutil
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

    # ---- mc ----

    def mc(self, program):
        """(the command's beginning, what it calls the server)"""
        scheme, _, host = self.endpoint.partition("://")
        self.environment["MC_HOST_bale"] = f"{scheme}://{self.account.access_key}:{self.account.secret_key}@{host}"
        return [program, "--config-dir", self.home / "mc", "--quiet", "--no-color"], "bale"

    def mc_round_trip(self, bucket, *encryption):
        """In and out, and copied on the server; (the command's beginning, the files), and what was copied lies in b/."""
        (mc, server), folder = self.mc(self.have("mc_program")), self.key_files()
        self.run_client(*mc, "mb", f"{server}/{bucket}")
        self.run_client(*mc, "cp", "--recursive", *encryption, f"{folder}/", f"{server}/{bucket}/a/")
        self.run_client(*mc, "cp", "--recursive", *encryption, f"{server}/{bucket}/a/", f"{server}/{bucket}/b/")
        self.run_client(*mc, "mirror", *encryption, f"{server}/{bucket}/b/", self.home / "back")
        self.expect_same(folder, self.home / "back")
        self.assertEqual(6, len(self.run_client(*mc, "find", f"{server}/{bucket}").splitlines()))
        return mc, folder

    # ---- Terraform ----

    def terraform(self, bucket, *settings):
        """A folder whose state lies in the bucket; what runs a command in it."""
        terraform, folder = self.have("terraform_program"), self.home / "terraform"
        folder.mkdir(exist_ok=True)
        self.environment |= {"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": "/dev/null"}
        (folder / "main.tf").write_text("\n".join((
            "terraform {", '  backend "s3" {', f'    bucket = "{bucket}"', '    key = "net/state"', '    region = "us-east-1"',
            f'    endpoints = {{ s3 = "{self.endpoint}" }}', "    use_path_style = true", "    use_lockfile = true",
            "    skip_credentials_validation = true", "    skip_requesting_account_id = true", "    skip_metadata_api_check = true",
            *(f"    {setting}" for setting in settings), "  }", "}",
            'variable "word" {}', 'resource "terraform_data" "one" { input = var.word }',
            'output "word" { value = terraform_data.one.output }', "")))

        def run(*words):
            return self.run_client(terraform, f"-chdir={folder}", *words)
        return run

    def terraform_round_trip(self, bucket, *settings):
        """A state is made, changed, and found by who comes from elsewhere."""
        self.make_bucket(bucket)
        terraform = self.terraform(bucket, *settings)
        terraform("init", "-input=false")
        for word in ("first", "second"):
            terraform("apply", "-input=false", "-auto-approve", "-var", f"word={word}")
        shutil.rmtree(self.home / "terraform")
        terraform = self.terraform(bucket, *settings)
        terraform("init", "-input=false")
        self.assertEqual("second", terraform("output", "-raw", "word"))
        terraform("plan", "-input=false", "-detailed-exitcode", "-var", "word=second")  # nothing is to be done
        terraform("workspace", "new", "other")
        terraform("apply", "-input=false", "-auto-approve", "-var", "word=third")
        self.assertEqual(["net/state"], self.alice.list_all(bucket, prefix="net/")[0])  # the lock is gone
        return terraform


class CustomerKeys(KeysCase):
    def expect_refused(self, *command):
        """By the server, for the key's sake."""
        done = subprocess.run([str(word) for word in command], env=self.environment, capture_output=True, text=True, timeout=600, check=False)
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
    @needs("mc_program")
    def test_mc(self):
        bucket = "keys-mc"

        def with_key(key):
            return "--enc-c", f"bale/{bucket}={key.encode().hex()}"

        mc, _ = self.mc_round_trip(bucket, *with_key(KEY))
        self.run_client(*mc, "stat", *with_key(KEY), f"bale/{bucket}/b/large")
        self.assertEqual(400, self.alice.get(bucket, "b/large").status)
        self.assertEqual("small\n" * 1000, self.run_client(*mc, "cat", *with_key(KEY), f"bale/{bucket}/b/in/small"))
        refused = subprocess.run([*mc, "cat", *with_key(OTHER), f"bale/{bucket}/b/in/small"], env=self.environment, capture_output=True, text=True,
                                 timeout=600, check=False)
        self.assertNotEqual(0, refused.returncode)
        self.assertIn("Insufficient permissions", refused.stderr)
        self.run_client(*mc, "rb", "--force", f"bale/{bucket}")

    @https_only
    @needs("terraform_program")
    def test_terraform(self):
        key = base64.b64encode(KEY.encode()).decode()
        self.terraform_round_trip("keys-terraform", "encrypt = true", f'sse_customer_key = "{key}"')
        self.assertEqual(400, self.alice.get("keys-terraform", "net/state").status)

    @https_only
    @needs("hadoop_programs")
    def test_s3a(self):
        keys = [base64.b64encode(key.encode()).decode() for key in (KEY, OTHER)]
        self.make_bucket("keys-s3a")
        self.run_java(self.have("hadoop_programs"), "S3aFiles", "keys-s3a", self.home, "SSE-C", *keys)
        self.assertEqual(400, self.alice.get("keys-s3a", "done/in/small").status)

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
    @needs("mc_program")
    def test_mc(self):
        mc, folder = self.mc_round_trip("sse-mc", "--enc-s3", "bale/sse-mc")
        self.expect_encrypted("sse-mc", folder, "b/")
        self.run_client(*mc, "rb", "--force", "bale/sse-mc")

    @http_only
    @needs("mc_program")
    def test_mc_names_a_key(self):
        self.mc_round_trip("kms-mc", "--enc-kms", f"bale/kms-mc={self.place.key_id}")
        head = self.alice.head("kms-mc", "b/large")
        self.assertEqual(("aws:kms", self.place.key_id), (head.header(self.METHOD), head.header(f"{self.METHOD}-aws-kms-key-id")))

    @http_only
    @needs("terraform_program")
    def test_terraform(self):
        self.terraform_round_trip("sse-terraform", "encrypt = true")
        self.assertEqual("AES256", self.alice.head("sse-terraform", "net/state").header(self.METHOD))

    @http_only
    @needs("hadoop_programs")
    def test_s3a(self):
        for bucket, algorithm, method in (("sse-s3a", "AES256", "AES256"), ("kms-s3a", "SSE-KMS", "aws:kms")):
            self.make_bucket(bucket)
            self.run_java(self.have("hadoop_programs"), "S3aFiles", bucket, self.home, algorithm)
            self.assertEqual(method, self.alice.head(bucket, "done/in/small").header(self.METHOD))

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
