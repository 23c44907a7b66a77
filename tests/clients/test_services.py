"""tests/clients/test_services.py -- programs that keep what they have in a bucket: a file system, a backup, a registry of images."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path

import checksums
import tree
from case import ClientCase, http_only, needs

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


class FileSystem(ClientCase):
    def mount(self, bucket):
        self.need("/usr/bin/s3fs")
        if not os.access("/dev/fuse", os.R_OK | os.W_OK):
            self.skipTest("there is no /dev/fuse to be used")
        passwords = self.home / "password"
        passwords.write_text(f"{self.account.access_key}:{self.account.secret_key}")
        passwords.chmod(0o600)
        folder = self.home / "mounted"
        folder.mkdir()
        options = f"url={self.endpoint},use_path_request_style,endpoint=us-east-1,passwd_file={passwords},multipart_size=10"
        command = ["/usr/bin/s3fs", bucket, folder, "-f", "-o", options]
        process = subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(self.unmount, folder, process)
        while not folder.is_mount():
            if process.poll() is not None:
                told = process.stdout.read().decode()
                if "fuse: mount failed" in told or "Operation not permitted" in told:
                    self.skipTest("mounting is not permitted here")
                self.fail(told[-3000:])
            time.sleep(0.05)
        return folder

    def unmount(self, folder, process):
        if process.poll() is None:
            subprocess.run(["fusermount", "-u", folder], check=False, capture_output=True)
            try:
                process.wait(120)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        process.stdout.close()

    def test_s3fs_of_debian(self):
        mounted = self.mount(self.make_bucket("s3fs-fuse"))
        source = self.tree() / "odd"
        self.run_client("cp", "-r", source, mounted / "in")
        self.assertEqual(tree.digest(source), tree.digest(mounted / "in"))
        (mounted / "in").rename(mounted / "a b+c")
        self.assertEqual(tree.digest(source), tree.digest(mounted / "a b+c"))
        large = os.urandom(15_000_000) + bytes(10_000_000)
        (mounted / "large").write_bytes(large)
        with open(mounted / "large", "r+b") as file:
            file.seek(11_000_000)
            file.write(b"changed")
        with open(mounted / "large", "ab") as file:
            file.write(b"more")
        large = large[:11_000_000] + b"changed" + large[11_000_007:] + b"more"
        self.assertTrue(large == (mounted / "large").read_bytes())
        self.assertTrue(large == self.alice.get("s3fs-fuse", "large").body)
        (mounted / "link").symlink_to("large")
        (mounted / "large").chmod(0o640)
        os.utime(mounted / "large", (10 ** 9, 10 ** 9))
        self.assertEqual((0o640, 10 ** 9), ((mounted / "large").stat().st_mode & 0o777, int((mounted / "large").stat().st_mtime)))
        self.assertEqual({"a b+c", "large", "link"}, {path.name for path in mounted.iterdir()})
        self.run_client("rm", "-r", *sorted(mounted.iterdir()))
        self.assertEqual([], self.alice.list_all("s3fs-fuse")[0])


class Backup(ClientCase):
    @http_only
    def test_restic(self):
        self.need("/usr/bin/restic")
        self.environment["RESTIC_PASSWORD"] = "of this test"
        restic = ["/usr/bin/restic", "--quiet", "--no-cache", "--repo", f"s3:{self.endpoint}/restic/below it"]
        folder = self.home / "to keep"
        shutil.copytree(self.tree() / "odd", folder)
        self.run_client(*restic, "init")
        self.run_client(*restic, "backup", folder)
        (folder / "one").unlink()
        (folder / "random").write_bytes(os.urandom(12_000_000))
        self.run_client(*restic, "backup", folder)
        self.run_client(*restic, "check", "--read-data")
        snapshots = json.loads(self.run_client(*restic, "--json", "snapshots"))
        self.assertEqual([[str(folder)]] * 2, [snapshot["paths"] for snapshot in snapshots])
        for snapshot, wanted in ((snapshots[0], tree.digest(self.tree() / "odd")), (snapshots[1], tree.digest(folder))):
            self.run_client(*restic, "restore", snapshot["id"], "--target", self.home / "back")
            self.assertEqual(wanted, tree.digest(self.home / "back" / folder.relative_to("/")))
            shutil.rmtree(self.home / "back")
        self.run_client(*restic, "forget", "--prune", snapshots[0]["id"])
        self.run_client(*restic, "check")
        self.assertEqual(1, len(json.loads(self.run_client(*restic, "--json", "snapshots"))))

    def make_locked_bucket(self, bucket):
        """Each version that is written is kept for a day."""
        made = self.alice.put(bucket, None, (), {"x-amz-bucket-object-lock-enabled": "true"})
        self.assertEqual(200, made.status, made)
        rule = "<Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>1</Days></DefaultRetention></Rule>"
        document = f"<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>{rule}</ObjectLockConfiguration>"
        md5 = {"Content-MD5": checksums.md5_base64(document.encode())}
        self.assertEqual(200, self.alice.put(bucket, None, {"object-lock": None}, md5, document).status)

    def versions(self, bucket):
        """(key, version id, is a marker) of all."""
        page = self.alice.get(bucket, None, {"versions": None})
        self.assertEqual((200, "false"), (page.status, page.text("IsTruncated")), page)
        return [(entry.findtext("Key"), entry.findtext("VersionId"), entry.tag == "DeleteMarker")
                for entry in page.xml if entry.tag in ("Version", "DeleteMarker")]

    @http_only
    def test_restic_in_a_bucket_with_a_lock(self):
        """Its own deletions leave markers. Nobody removes what is below them, and without them the snapshot that was pruned is there again."""
        self.need("/usr/bin/restic")
        self.environment["RESTIC_PASSWORD"] = "of this test"
        self.make_locked_bucket("restic-locked")
        restic = ["/usr/bin/restic", "--quiet", "--no-cache", "--repo", f"s3:{self.endpoint}/restic-locked"]
        folder = self.home / "to keep"
        folder.mkdir()
        (folder / "random").write_bytes(os.urandom(1_000_000))
        self.run_client(*restic, "init")
        told = self.run_client(*restic, "--json", "backup", folder).splitlines()
        snapshot = json.loads(told[-1])["snapshot_id"]
        self.run_client(*restic, "forget", "--prune", snapshot)
        self.assertNotEqual(0, subprocess.run([*restic, "restore", snapshot, "--target", self.home], env=self.environment,
                                              capture_output=True, check=False).returncode)
        marked = [(key, version) for key, version, is_marker in self.versions("restic-locked") if is_marker and not key.startswith("locks/")]
        self.assertTrue(any(key.startswith("data/") for key, _ in marked))
        for key, version, is_marker in self.versions("restic-locked"):
            if not is_marker:
                refused = self.alice.delete("restic-locked", key, {"versionId": version})
                self.assertEqual((403, "AccessDenied"), (refused.status, refused.code), refused)
        for key, version in marked:
            self.assertEqual(204, self.alice.delete("restic-locked", key, {"versionId": version}).status)
        self.run_client(*restic, "restore", snapshot, "--target", self.home / "back")
        self.assertEqual(tree.digest(folder), tree.digest(self.home / "back" / folder.relative_to("/")))


class Registry(ClientCase):
    """What `docker push` and `docker pull` ask of a registry whose storage is a bucket."""

    def start(self, program):
        settings = self.home / "registry.yml"
        settings.write_text(f"""
version: 0.1
log: {{level: info}}
storage:
  s3: {{region: us-east-1, regionendpoint: "{self.endpoint}", bucket: registry, rootdirectory: /a b, chunksize: 5242880, v4auth: true, forcepathstyle: true}}
  delete: {{enabled: true}}
http: {{addr: "127.0.0.1:0"}}
""")
        environment = {name: value for name, value in self.environment.items() if name != "AWS_CA_BUNDLE"}  # "unsupported transport"
        log = open(self.home / "registry.log", "w+b")
        self.addCleanup(log.close)
        process = subprocess.Popen([program, "serve", settings], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.addCleanup(process.wait, 300)
        self.addCleanup(process.terminate)
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline and process.poll() is None:
            text = Path(log.name).read_text(errors="replace")
            if found := re.search(r"listening on (127\.0\.0\.1:\d+)", text):
                return f"http://{found.group(1)}"
            time.sleep(0.05)
        self.fail(Path(log.name).read_text(errors="replace")[-3000:])

    def ask(self, method, url, body=None, headers=()):
        request = urllib.request.Request(url if url.startswith("http") else self.registry + url, body, dict(headers), method=method)
        return urllib.request.urlopen(request, timeout=600)

    def push_blob(self, data, media_type):
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        where = self.ask("POST", "/v2/an/image/blobs/uploads/").headers["Location"]
        for at in range(0, len(data), 6 << 20):
            piece = data[at:at + (6 << 20)]
            headers = {"Content-Type": "application/octet-stream", "Content-Range": f"{at}-{at + len(piece) - 1}"}
            where = self.ask("PATCH", where, piece, headers).headers["Location"]
        self.ask("PUT", f"{where}&digest={digest}")
        return {"mediaType": media_type, "size": len(data), "digest": digest}

    @needs("docker_registry")
    @http_only
    def test_docker_registry(self):
        program = self.have("docker_registry")
        self.make_bucket("registry")
        self.registry = self.start(program)
        layer = os.urandom(8 << 20) + bytes(7 << 20)
        described = self.push_blob(layer, LAYER)
        config = self.push_blob(b'{"architecture": "amd64"}', CONFIG)
        manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [described]}).encode()
        self.ask("PUT", "/v2/an/image/manifests/latest", manifest, {"Content-Type": MANIFEST})
        self.assertEqual(manifest, self.ask("GET", "/v2/an/image/manifests/latest", headers={"Accept": MANIFEST}).read())
        self.assertTrue(layer == self.ask("GET", f"/v2/an/image/blobs/{described['digest']}").read())
        self.assertEqual(["an/image"], json.load(self.ask("GET", "/v2/_catalog"))["repositories"])
        self.assertEqual(["latest"], json.load(self.ask("GET", "/v2/an/image/tags/list"))["tags"])
        self.assertEqual(202, self.ask("DELETE", f"/v2/an/image/blobs/{described['digest']}").status)
        self.assert_no_uploads("registry")
