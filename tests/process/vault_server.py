"""tests/process/vault_server.py -- the transit engine of Vault and OpenBao, as far as their API documents say what Bale asks of it: tokens, keys with
versions, derived keys with their context, datakey and decrypt; and what a server does that is sealed, slow, or asked too often."""

import base64
import hashlib
import json
import os
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TOKEN = "hvs.CAESIJ-a-token-of-tests"


class VaultServer:
    """Keys by name, each a list of versions. `answers` is a status that every request gets instead, `is_silent`: none gets an answer."""

    def __init__(self, authority=None, port=0):
        self.keys = {"invoices": [os.urandom(32)]}
        self.derived, self.calls, self.given = {"invoices"}, [], []
        self.tokens, self.waiting, self.begun = {TOKEN}, 0, 0
        self.answers, self.silence = None, threading.Event()
        self.silence.set()
        self.server = ThreadingHTTPServer(("127.0.0.1", port), self.handler())
        self.server.handle_error = lambda *_: None  # whoever did not wait
        self.port = self.server.server_port
        if authority:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*authority.issue())
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"http{'s' if authority else ''}://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.silence.set()
        self.server.shutdown()
        self.server.server_close()

    def handler(vault):
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                vault.begun += 1
                vault.waiting += 1
                vault.silence.wait(30)
                vault.waiting -= 1
                status, answer = vault.answer(self.path, self.headers.get("x-vault-token"), body)
                text = json.dumps(answer).encode() + b"\n"
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        return Handler

    def answer(self, path, token, body):
        self.calls.append(path)
        if self.answers:
            return self.answers, {"errors": ["Vault is sealed"] if self.answers == 503 else ["1 error occurred:\n\t* of tests\n\n"]}
        if token not in self.tokens:
            return 403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]}
        words = path.split("/")
        if words[:3] != ["", "v1", "transit"]:
            return 404, {"errors": ["no handler for route"]}
        name = words[-1]
        if name not in self.keys:
            return 400, {"errors": ["encryption key not found"]}
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
