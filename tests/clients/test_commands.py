"""tests/clients/test_commands.py -- the commands and libraries that Debian has, and their newest from PyPI: a tree of files goes in
and comes back identical."""

import re

from case import ClientCase, needs


class Commands(ClientCase):
    # ---- aws-cli ----

    def aws_round_trip(self, aws, bucket):
        s3 = [aws, "--endpoint-url", self.endpoint, "s3"]
        back = self.home / f"back-{bucket}"
        before = self.written(bucket)
        self.run_client(*s3, "mb", f"s3://{bucket}")
        self.run_client(*s3, "cp", "--recursive", "--quiet", self.tree(), f"s3://{bucket}/")
        original, stored = (after - then for after, then in zip(self.written(bucket), before))
        self.assertEqual(self.tree_bytes(), original)
        self.assertLess(stored, 0.7 * original)

        listed = self.run_client(*s3, "ls", "--recursive", f"s3://{bucket}/")
        self.assertEqual(len(self.tree_digest()), len(listed.splitlines()))
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

    @needs("newest_python")
    def test_aws_cli_newest(self):
        self.aws_round_trip(self.have("newest_python").parent / "aws", "aws-newest")

    # ---- boto3 ----

    def test_boto3_of_debian(self):
        self.need("/usr/lib/python3/dist-packages/boto3")
        self.run_python("/usr/bin/python3", "boto3_round_trip.py", self.tree())

    @needs("newest_python")
    def test_boto3_newest(self):
        self.run_python(self.have("newest_python"), "boto3_round_trip.py", self.tree())

    def test_boto3_of_debian_sets_a_bucket_up(self):
        self.need("/usr/lib/python3/dist-packages/boto3")
        self.run_python("/usr/bin/python3", "boto3_settings.py")

    @needs("newest_python")
    def test_newest_boto3_sets_a_bucket_up(self):
        self.run_python(self.have("newest_python"), "boto3_settings.py")

    def test_boto3_of_debian_keeps_backups(self):
        self.need("/usr/lib/python3/dist-packages/boto3")
        self.run_python("/usr/bin/python3", "boto3_backups.py")

    @needs("newest_python")
    def test_newest_boto3_keeps_backups(self):
        self.run_python(self.have("newest_python"), "boto3_backups.py")

    # ---- s3cmd ----

    def test_s3cmd(self):
        self.need("/usr/bin/s3cmd")
        s3cmd = ["/usr/bin/s3cmd", "--config=/dev/null", f"--host={self.server.host}", f"--host-bucket={self.server.host}",
                 *(["--ssl", f"--ca-certs={self.place.daemon.authority.ca}"] if self.place.tls else ["--no-ssl"]),
                 f"--access_key={self.account.access_key}", f"--secret_key={self.account.secret_key}",
                 "--region=us-east-1", "--no-progress", "--quiet"]
        back = self.home / "back-s3cmd"
        back.mkdir()
        self.run_client(*s3cmd, "mb", "s3://s3cmd")
        self.run_client(*s3cmd, "sync", "--multipart-chunk-size-mb=15", f"{self.tree()}/", "s3://s3cmd/")
        self.run_client(*s3cmd, "sync", "s3://s3cmd/", f"{back}/")
        self.assert_same(back)
        self.run_client(*s3cmd, "put", self.tree() / "odd/largest", "s3://s3cmd/again")
        self.run_client(*s3cmd, "info", "s3://s3cmd/again")
        self.run_client(*s3cmd, "cp", "s3://s3cmd/again", "s3://s3cmd/copied")
        self.run_client(*s3cmd, "get", "--force", "s3://s3cmd/copied", self.home / "copied")
        self.assertEqual((self.tree() / "odd/largest").read_bytes(), (self.home / "copied").read_bytes())
        self.run_client(*s3cmd, "del", "--recursive", "--force", "s3://s3cmd/")
        self.run_client(*s3cmd, "rb", "s3://s3cmd")

    # ---- rclone ----

    def rclone(self, bucket):
        """(the command's beginning, what it calls the bucket)"""
        self.need("/usr/bin/rclone")
        remote = (f":s3,provider=Other,env_auth=false,access_key_id={self.account.access_key},"
                  f"secret_access_key={self.account.secret_key},endpoint='{self.endpoint}',region=us-east-1:{bucket}")
        # AWS_CA_BUNDLE stops it ("unsupported transport"); SSL_CERT_FILE is what it understands
        return ["/usr/bin/env", "-u", "AWS_CA_BUNDLE", "/usr/bin/rclone", "--config=/dev/null", "--s3-upload-cutoff=16M", "--retries=1",
                "--low-level-retries=1", "--quiet"], remote

    def test_rclone(self):
        rclone, remote = self.rclone("rclone")
        back = self.home / "back-rclone"
        self.run_client(*rclone, "mkdir", remote)
        self.run_client(*rclone, "copy", self.tree(), remote)
        self.run_client(*rclone, "check", self.tree(), remote)
        self.run_client(*rclone, "check", "--download", self.tree(), remote)
        self.run_client(*rclone, "sync", remote, back)
        self.assert_same(back)
        (back / "odd/random").unlink()
        (back / "odd/one").write_bytes(b"changed")
        self.run_client(*rclone, "sync", back, remote)
        self.assertEqual(len(self.tree_digest()) - 1, len(self.run_client(*rclone, "lsf", "-R", "--files-only", remote).splitlines()))
        self.run_client(*rclone, "check", back, remote)
        self.run_client(*rclone, "purge", remote)

    def test_rclone_versions(self):
        """Files that were overwritten and deleted are there by their times, until they are cleaned up."""
        rclone, remote = self.rclone("rclone-versions")
        aws = ["/usr/bin/aws", "--endpoint-url", self.endpoint, "s3api"]
        self.need("/usr/bin/aws")
        path = self.home / "a.txt"
        self.run_client(*rclone, "mkdir", remote)
        self.run_client(*aws, "put-bucket-versioning", "--bucket", "rclone-versions", "--versioning-configuration", "Status=Enabled")
        for text in ("first", "second, which is longer"):
            path.write_text(text)
            self.run_client(*rclone, "copyto", "--ignore-times", path, f"{remote}/a.txt")
        names = self.run_client(*rclone, "--s3-versions", "lsf", remote).split()
        self.assertEqual(2, len(names), names)
        former = next(name for name in names if name != "a.txt")
        self.assertEqual("first", self.run_client(*rclone, "--s3-versions", "cat", f"{remote}/{former}"))
        self.assertEqual("second, which is longer", self.run_client(*rclone, "cat", f"{remote}/a.txt"))
        self.run_client(*rclone, "deletefile", f"{remote}/a.txt")
        self.assertEqual("", self.run_client(*rclone, "lsf", remote))
        self.assertEqual(2, len(self.run_client(*rclone, "--s3-versions", "lsf", remote).split()))
        self.run_client(*rclone, "backend", "cleanup-hidden", remote)
        self.assertEqual("", self.run_client(*rclone, "--s3-versions", "lsf", remote))
        self.run_client(*rclone, "rmdir", remote)
