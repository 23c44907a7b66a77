"""tests/clients/test_key_services.py -- objects under keys of key services that others have written: OpenBao, and an AWS KMS. What Bale takes of
their answers is what they really say; how it does without them tests/process shows with stand-ins of its own."""

import json
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import boto3
from botocore.config import Config

from case import ClientCase, http_only, needs
from client import Client
from daemon import Daemon
from ports import free_port

SSE = "x-amz-server-side-encryption"
KEY_ID, CONTEXT = SSE + "-aws-kms-key-id", SSE + "-context"
PROJECT = "eyJwcm9qZWN0IjoicGxhbnMifQ=="  # {"project":"plans"}
BODY = b"what is under a key of a service\n" * 50_000
REGION, ACCOUNT = "eu-central-1", "111122223333"
START_SECONDS = 120
POLICY = "".join(f'path "transit/{call}/{key}" {{ capabilities = ["update"] }}\n'
                 for call in ("datakey/plaintext", "decrypt") for key in ("invoices", "plain", "none"))


class KeyServiceCase(ClientCase):
    """A baled of its own, whose keyring names the service."""

    def start_service(self, command, is_ready):
        """`command` makes one for a port, and what its environment has beside; on another port where somebody has taken that meanwhile. Its output
        goes to a file. Returns the port."""
        self.output = self.home / "service.log"
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            port = free_port()
            words, environment = command(port)
            with open(self.output, "wb") as log:
                process = subprocess.Popen([str(word) for word in words], env={**self.environment, **environment}, stdin=subprocess.DEVNULL,
                                           stdout=log, stderr=subprocess.STDOUT, cwd=self.home)
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
            while process.poll() is None and time.monotonic() < deadline:
                if is_ready(port):
                    return port
                time.sleep(0.05)
        return self.fail(self.output.read_text()[-2000:])

    def persist(self, ask):
        """Its answer, once that is no 503: on a busy machine a service may take longer than Bale waits for it."""
        deadline = time.monotonic() + START_SECONDS
        while (answer := ask()).status == 503 and time.monotonic() < deadline:
            time.sleep(0.05)
        return answer

    def begin(self, **sections):
        """Each a dict of the lines of [kms NAME]."""
        if self.place.backend:
            self.skipTest("there is nothing of a backend in it")
        path = self.home / "keys"
        self.run_client(Path(self.place.daemon.baled).parents[1] / "tools/bale", "keyring", "create", "--keyring", path)
        with open(path, "a", encoding="ascii") as file:
            for name, lines in sections.items():
                file.write(f"[kms {name}]\n" + "".join(f"{word} = {value}\n" for word, value in lines.items()))
        self.daemon = Daemon(self.place.daemon.baled, ("--keyring", str(path)))
        self.addCleanup(self.daemon.remove)
        self.start()
        self.assertEqual(200, self.client.put("bucket").status)

    def start(self):
        self.addCleanup(self.daemon.kill)
        server = self.daemon.start()
        self.client = Client(server, server.accounts["alice"])

    def restart(self):
        """Nothing is kept from before."""
        self.assertEqual(0, self.daemon.stop())
        self.start()

    def put(self, key, name, **headers):
        return self.persist(lambda: self.put_once(key, name, **headers))

    def put_once(self, key, name, **headers):
        return self.client.put("bucket", key, None, {SSE: "aws:kms", KEY_ID: name, **headers}, BODY)

    def get(self, key, **headers):
        return self.persist(lambda: self.client.get("bucket", key, None, headers))

    def expect_put(self, key, name, said=None, **headers):
        answer = self.put(key, name, **headers)
        self.assertEqual((200, "aws:kms", said or name), (answer.status, answer.header(SSE), answer.header(KEY_ID)), answer.body)

    def expect_body(self, key, said):
        answer = self.get(key)
        self.assertEqual((200, True, said), (answer.status, answer.body == BODY, answer.header(KEY_ID)), answer.body[:300])
        self.assertEqual(BODY[-7:], self.get(key, range="bytes=-7").body)

    def expect_refusal(self, answer, status, code):
        self.assertEqual((status, code), (answer.status, answer.code), answer.body)


class OpenBao(KeyServiceCase):
    """Over TLS, by a token that may do what docs/encryption.md says, and no more."""

    def start_bao(self):
        port = self.start_service(lambda port: ((self.have("openbao_program"), "server", "-dev-tls", f"-dev-tls-cert-dir={self.home}",
                                                 "-dev-root-token-id=root", f"-dev-listen-address=127.0.0.1:{port}", "-dev-no-store-token"), {}),
                                  lambda port: "Unseal Key:" in self.output.read_text())
        self.url, ca = f"https://127.0.0.1:{port}", next(self.home.glob("*ca.pem"))
        self.trusted = ssl.create_default_context(cafile=ca)
        self.call("sys/mounts/transit", type="transit")
        for key, is_derived in (("invoices", True), ("plain", False), ("others", False)):
            self.call(f"transit/keys/{key}", derived=is_derived)
        self.call("sys/policies/acl/bale", policy=POLICY)
        (self.home / "token").write_text(self.call("auth/token/create", policies=["bale"], no_parent=True)["auth"]["client_token"] + "\n")
        return {key: {"provider": "vault", "url": self.url, "key": key, "token-file": self.home / "token", "ca-file": ca}
                for key in ("invoices", "plain", "others", "none")}

    def call(self, path, method="POST", **fields):
        request = urllib.request.Request(f"{self.url}/v1/{path}", json.dumps(fields).encode(), {"x-vault-token": "root"}, method=method)
        with urllib.request.urlopen(request, timeout=60, context=self.trusted) as answer:
            return json.loads(answer.read() or b"{}")

    @http_only
    @needs("openbao_program")
    def test_openbao(self):
        self.begin(**self.start_bao())
        for key in ("invoices", "plain"):
            self.expect_put(key, key)
            self.expect_put(key + ".context", key, **{CONTEXT: PROJECT})
        self.call("transit/keys/invoices/rotate")
        self.restart()
        self.expect_put("rotated", "invoices")
        for key, said in (("invoices", "invoices"), ("invoices.context", "invoices"), ("plain", "plain"), ("plain.context", "plain"), ("rotated", "invoices")):
            self.expect_body(key, said)
        self.expect_refusal(self.put("new", "none"), 400, "KMS.NotFoundException")
        self.expect_refusal(self.put("new", "others"), 403, "AccessDenied")
        self.call("transit/keys/invoices/config", min_decryption_version=2)
        self.restart()
        self.expect_body("rotated", "invoices")
        self.expect_refusal(self.get("invoices"), 500, "InternalError")  # its key is too old now
        self.call("transit/keys/plain/soft-delete", "DELETE")
        self.restart()
        self.expect_refusal(self.put("new", "plain"), 400, "KMS.DisabledException")
        self.expect_refusal(self.get("plain"), 400, "KMS.DisabledException")
        self.call("transit/keys/plain/soft-delete-restore")
        self.seal()
        self.call("auth/token/revoke", token=(self.home / "token").read_text().strip())
        self.restart()
        self.expect_refusal(self.put("new", "plain"), 403, "AccessDenied")
        self.expect_refusal(self.get("plain"), 403, "AccessDenied")

    def seal(self):
        """Until its operator opens it."""
        self.call("sys/seal")
        self.restart()
        self.expect_refusal(self.client.get("bucket", "plain"), 503, "ServiceUnavailable")
        self.expect_refusal(self.put_once("new", "plain"), 503, "ServiceUnavailable")
        unseal = next(line for line in self.output.read_text().splitlines() if line.startswith("Unseal Key:"))
        self.call("sys/unseal", key=unseal.split()[2])
        self.expect_body("plain", "plain")
        self.expect_put("new", "plain")


class LocalKms(KeyServiceCase):
    """Of AWS's protocol by another hand: keys by id, ARN and alias, contexts that are authenticated, states."""

    def start_kms(self):
        data = self.home / "kms"
        data.mkdir()
        port = self.start_service(lambda port: ((self.have("local_kms_program"),), {
            "PORT": str(port), "KMS_DATA_PATH": str(data), "KMS_REGION": REGION, "KMS_ACCOUNT_ID": ACCOUNT, "KMS_SEED_PATH": str(data / "none")}), self.answers)
        self.url = f"http://127.0.0.1:{port}"
        self.kms = boto3.client("kms", endpoint_url=self.url, region_name=REGION, aws_access_key_id="AKIAKMS", aws_secret_access_key="secret",
                                config=Config(retries={"total_max_attempts": 1}, read_timeout=60))
        self.arn, self.other = (self.kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
        self.kms.create_alias(AliasName="alias/payments", TargetKeyId=self.arn)
        (self.home / "kms-credentials").write_text("[default]\naws_access_key_id = AKIAKMS\naws_secret_access_key = secret\n")
        return {name: {"provider": "aws", "region": REGION, "url": self.url, "key": key, "credentials": self.home / "kms-credentials"}
                for name, key in (("payments", "alias/payments"), ("none", "alias/none"), ("all", "*"))}

    def answers(self, port):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=60):
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False

    @http_only
    @needs("local_kms_program")
    def test_local_kms(self):
        self.begin(**self.start_kms())
        key_id = self.arn.rpartition("/")[2]
        for name in ("payments", "alias/payments", self.arn, key_id):
            self.expect_put("named", name, self.arn)
        self.expect_put("context", "payments", self.arn, **{CONTEXT: PROJECT})
        self.expect_put("other", self.other)
        self.expect_refusal(self.put("new", "none"), 400, "KMS.NotFoundException")
        self.expect_refusal(self.put("new", self.arn[:-4] + "0000"), 400, "KMS.NotFoundException")
        self.restart()
        for key, said in (("named", self.arn), ("context", self.arn), ("other", self.other)):
            self.expect_body(key, said)
        for change, code in ((lambda: self.kms.disable_key(KeyId=key_id), "KMS.DisabledException"),
                             (lambda: self.kms.schedule_key_deletion(KeyId=key_id), "KMS.KMSInvalidStateException")):
            change()
            self.restart()
            self.expect_refusal(self.put("new", "payments"), 400, code)
            self.expect_refusal(self.get("named"), 400, code)
            self.expect_body("other", self.other)
            if code == "KMS.DisabledException":
                self.kms.enable_key(KeyId=key_id)
                self.restart()
                self.expect_body("named", self.arn)
