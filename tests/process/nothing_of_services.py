"""tests/process/nothing_of_services.py -- after every operation on objects under keys of Vault and of AWS KMS nothing of them lies in clear in the
folder, in the log at its most talkative or in what tools say: no byte, no hash, no key that the service gave, nor what opens the service; for
tests/process/run.
"""

from aws_kms_server import ALIAS, REGION, AwsKmsServer, Refusal
from encrypted import sha256
from key_rotations import FOLDER
from kms import CONTEXT, KEY_ID, KMS, encoded
from kms_services import KmsServiceCase
from nothing_in_clear import SMALL, OperationsCase, forms_of_bodies, forms_of_secret
from vault_server import TOKEN, VaultServer

SECRET, SESSION = "a+secret/of-tests", "a-session+token/of-tests=="
NAMED = {**KMS, KEY_ID: "service"}


class NothingOfServices(KmsServiceCase, OperationsCase):
    modes = {"named": (NAMED, {}), "told": ({**NAMED, CONTEXT: encoded('{"project":"plans"}')}, {})}

    def keyring(self, daemon, *verbs, expect=0):
        return OperationsCase.keyring(self, daemon, *verbs, expect=expect)

    def begin_service(self, stand_in, opener, text, **fields):
        """What opens the service stands in a file, which the section names as `opener`."""
        daemon = self.begin_with(stand_in, ("--log-level", "debug"), tls=True)
        fields[opener] = f"{self.secrets}/opener"
        with open(fields[opener], "w", encoding="ascii") as file:
            file.write(text)
        self.add_section(daemon, "service", url=self.service.url, **fields)
        self.restart(daemon)
        return daemon

    def expect_nothing(self, daemon, trouble, secrets):
        """`trouble` makes the service refuse what it is asked."""
        said = []
        self.of_clients(daemon)
        for number in range(2):  # with what is kept of it, and with nothing
            trouble(True)
            refused = daemon.alice.put("bucket", "refused", None, {**NAMED, CONTEXT: encoded(f'{{"n":"{number}"}}')}, SMALL)
            self.assertGreaterEqual(refused.status, 400)
            said.append(refused.body)
            said.append(daemon.alice.get("bucket", "large.named").body if number else b"")
            trouble(False)
            said.append(daemon.log().encode())
            self.restart_whole(daemon)
        self.put(daemon, "once more", SMALL, {**NAMED, "x-amz-checksum-sha256": sha256(SMALL)})
        self.assertEqual(SMALL, daemon.alice.get("bucket", "small.named").body)
        self.assertEqual(0, daemon.stop())
        said.append(daemon.log().encode())
        for expect, words in ((0, ("keyring", "list", "--keyring", "keys")), (0, ("keyring", "usage", "--keyring", "keys", *FOLDER)),
                              (0, ("keyring", "rotate", "--keyring", "keys", *FOLDER)), (1, ("verify", "--deep", "--keyring", "keys", *FOLDER)),
                              (0, ("check", *FOLDER)), (0, ("inspect", "bucket/large.named", "--json", *FOLDER)),
                              (1, ("cat", "bucket/large.named", "--keyring", "keys", *FOLDER)), (0, ("backup", "copy", *FOLDER))):
            said.append(self.run_bale(daemon, *words, expect=expect).encode())
        looked_at = b"\0".join([self.everything(daemon), *said])
        forms = forms_of_bodies()
        for secret in (*self.keys(daemon), *self.service.given, *(secret.encode() for secret in secrets)):
            forms |= forms_of_secret(secret)
        self.assertGreaterEqual(len(self.service.given), 2)
        self.assertEqual(set(), {form for form in forms if form in looked_at})
        self.assertIn(self.key.encode(), looked_at)  # an id is no secret, and shows that all this was looked at

    def test_of_vault(self):
        daemon = self.begin_service(VaultServer, "token_file", TOKEN + "\n", provider="vault", key="invoices")
        self.expect_nothing(daemon, lambda is_on: setattr(self.service, "answers", 403 if is_on else None), (TOKEN,))

    def test_of_aws(self):
        lines = f"[default]\naws_access_key_id = AKIAKMS\naws_secret_access_key = {SECRET}\naws_session_token = {SESSION}\n"
        daemon = self.begin_service(AwsKmsServer, "credentials", lines, provider="aws", region=REGION, key=ALIAS)
        self.service.credentials["AKIAKMS"] = (SECRET, SESSION)
        trouble = Refusal("ExpiredTokenException", "The security token included in the request is expired")
        self.expect_nothing(daemon, lambda is_on: setattr(self.service, "answers", trouble if is_on else None), (SECRET, SESSION))
