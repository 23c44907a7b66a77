"""tests/clients/test_large.py -- large files, in parts of 5 MiB and up."""

import shutil

from case import ClientCase, needs


class Large(ClientCase):
    def assert_same_large(self, folder):
        self.assert_same(folder, "large")
        shutil.rmtree(folder)

    def test_large_files_with_aws_cli(self):
        """Its defaults: parts of 8 MiB, ten at a time; copies in the store are made part by part."""
        self.need("/usr/bin/aws")
        s3 = ["/usr/bin/aws", "--endpoint-url", self.endpoint, "s3"]
        self.run_client(*s3, "mb", "s3://large-aws")
        self.run_client(*s3, "cp", "--recursive", "--quiet", self.large(), "s3://large-aws/in/")
        self.run_client(*s3, "cp", "--recursive", "--quiet", "s3://large-aws/in/", "s3://large-aws/copy/")
        for prefix in ("in", "copy"):
            self.run_client(*s3, "sync", "--quiet", f"s3://large-aws/{prefix}/", self.home / "back-large")
            self.assert_same_large(self.home / "back-large")
        self.assert_no_uploads("large-aws")
        self.run_client(*s3, "rb", "--force", "s3://large-aws")

    def test_large_files_with_boto3(self):
        self.need("/usr/lib/python3/dist-packages/boto3")
        self.run_python("/usr/bin/python3", "boto3_large.py", self.large())

    @needs("newest_python")
    def test_large_files_with_boto3_newest(self):
        self.run_python(self.have("newest_python"), "boto3_large.py", self.large())

    def test_large_files_with_rclone(self):
        self.need("/usr/bin/rclone")
        remote = (f":s3,provider=Other,env_auth=false,access_key_id={self.account.access_key},"
                  f"secret_access_key={self.account.secret_key},endpoint='{self.endpoint}',region=us-east-1:large-rclone")
        rclone = ["/usr/bin/env", "-u", "AWS_CA_BUNDLE", "/usr/bin/rclone", "--config=/dev/null", "--retries=1", "--quiet",
                  "--s3-upload-cutoff=5M", "--s3-chunk-size=5M", "--s3-copy-cutoff=5M"]
        self.run_client(*rclone, "mkdir", remote)
        self.run_client(*rclone, "copy", self.large(), remote + "/in")
        self.run_client(*rclone, "copy", remote + "/in", remote + "/copy")
        for prefix in ("in", "copy"):
            self.run_client(*rclone, "check", "--download", self.large(), f"{remote}/{prefix}")
        self.run_client(*rclone, "check", self.large(), remote + "/in")
        self.run_client(*rclone, "purge", remote)

    def test_large_files_with_s3cmd(self):
        self.need("/usr/bin/s3cmd")
        s3cmd = ["/usr/bin/s3cmd", "--config=/dev/null", f"--host={self.server.host}", f"--host-bucket={self.server.host}",
                 *(["--ssl", f"--ca-certs={self.place.daemon.authority.ca}"] if self.place.tls else ["--no-ssl"]),
                 f"--access_key={self.account.access_key}", f"--secret_key={self.account.secret_key}",
                 "--region=us-east-1", "--no-progress", "--quiet", "--multipart-chunk-size-mb=5"]
        back = self.home / "back-large-s3cmd"
        back.mkdir()
        self.run_client(*s3cmd, "mb", "s3://large-s3cmd")
        self.run_client(*s3cmd, "sync", f"{self.large()}/", "s3://large-s3cmd/")
        self.run_client(*s3cmd, "sync", "s3://large-s3cmd/", f"{back}/")
        self.assert_same_large(back)
        self.run_client(*s3cmd, "del", "--recursive", "--force", "s3://large-s3cmd/")
        self.run_client(*s3cmd, "rb", "s3://large-s3cmd")
