"""tests/process/vault_server.py -- the transit engine of Vault and OpenBao, as far as their API documents say what Bale asks of it: tokens, keys with
versions, derived keys with their context, datakey and decrypt; and what a server does that is sealed, slow, or asked too often."""

import base64
import hashlib
import json
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stand_in import StandIn

TOKEN = "hvs.CAESIJ-a-token-of-tests"


class VaultServer(StandIn):
    """Keys by name, each a list of versions. `answers` is a status that every request gets instead."""

    def __init__(self, authority=None, port=0):
        self.keys = {"invoices": [os.urandom(32)]}
        self.derived, self.given, self.tokens, self.answers = {"invoices"}, [], {TOKEN}, None
        self.deleted = set()
        super().__init__(authority, port)

    def answer(self, path, headers, body):
        self.calls.append(path)
        if self.answers:
            return self.answers, {"errors": ["Vault is sealed"] if self.answers == 503 else ["1 error occurred:\n\t* of tests\n\n"]}
        if headers.get("x-vault-token") not in self.tokens:
            return 403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]}
        words = path.split("/")
        if words[:3] != ["", "v1", "transit"]:
            return 404, {"errors": ["no handler for route"]}
        name = words[-1]
        if name not in self.keys:
            return 400, {"errors": ["encryption key not found"]}
        if name in self.deleted:  # OpenBao's, until it is restored
            return 400, {"errors": ["refusing to use soft-deleted key"]}
        asked = json.loads(body)
        if name in self.derived and "context" not in asked:
            return 400, {"errors": ["missing 'context' for key derivation; the key was created using a derived key"]}
        context = base64.b64decode(asked["context"]) if name in self.derived else b""
        if words[3:5] == ["datakey", "plaintext"]:
            return self.give(name, context, asked)
        return self.decrypt(name, context, asked["ciphertext"])

    def key(self, name, version, context):
        return hashlib.sha256(self.keys[name][version - 1] + context).digest()

    def give(self, name, context, asked):
        plain, nonce, version = os.urandom(asked.get("bits", 256) // 8), os.urandom(12), len(self.keys[name])
        self.given.append(plain)
        sealed = base64.b64encode(nonce + AESGCM(self.key(name, version, context)).encrypt(nonce, plain, b"")).decode()
        return 200, self.data(plaintext=base64.b64encode(plain).decode(), ciphertext=f"vault:v{version}:{sealed}", key_version=version)

    def decrypt(self, name, context, ciphertext):
        _, version, sealed = ciphertext.split(":")
        sealed = base64.b64decode(sealed)
        try:
            plain = AESGCM(self.key(name, int(version[1:]), context)).decrypt(sealed[:12], sealed[12:], b"")
        except (InvalidTag, IndexError):
            return 400, {"errors": ["cipher: message authentication failed"]}
        return 200, self.data(plaintext=base64.b64encode(plain).decode())

    def data(self, **fields):
        return {"request_id": "0ff3-of-tests", "lease_id": "", "renewable": False, "lease_duration": 0, "data": fields, "wrap_info": None,
                "warnings": None, "auth": None}
