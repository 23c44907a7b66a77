"""tests/process/kms_services.py -- the ground of tests whose keyring names a key service elsewhere; for kms_vault.py and kms_aws.py.
"""

import os
import tempfile

from certificates import Authority
from kms import KmsCase


class KmsServiceCase(KmsCase):
    def begin_with(self, stand_in, options, tls):
        """A daemon, `self.service`, a stand-in of that class, and `self.secrets`, a folder for what opens it. The keyring knows nothing of it."""
        folder = tempfile.TemporaryDirectory(prefix="bale-kms-")
        self.addCleanup(folder.cleanup)
        self.secrets = folder.name
        self.authority = Authority(folder.name) if tls else None
        self.service = stand_in(self.authority)
        self.addCleanup(lambda: self.service.stop())
        daemon = self.begin(*options)
        self.assertEqual(0, daemon.stop())
        return daemon

    def add_section(self, daemon, name, **fields):
        """[kms NAME] of the keyring's file."""
        if self.authority:
            fields["ca-file"] = self.authority.ca
        with open(os.path.join(daemon.folder, "keys"), "a", encoding="ascii") as file:
            file.write(f"[kms {name}]\n" + "".join(f"{field.replace('_', '-')} = {value}\n" for field, value in fields.items()))

    def restart_whole(self, daemon):
        """Nothing is kept from before."""
        super().restart_whole(daemon)
        self.service.calls.clear()

    def refuse(self, answer, status, code):
        self.assertEqual((status, code), (answer.status, answer.code), answer.body)

    def text(self, daemon):
        with open(os.path.join(daemon.folder, "keys"), encoding="ascii") as file:
            return file.read()
