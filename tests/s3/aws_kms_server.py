"""tests/s3/aws_kms_server.py -- AWS KMS as far as its API reference says what Bale asks of it: GenerateDataKey and Decrypt in JSON 1.1, with keys
by id, ARN and alias, their states, encryption contexts, its exceptions, and signatures, which botocore's signer checks; and what a service does that
is slow, in trouble, or asked too often."""

import base64
import hashlib
import json
import os
import re
from datetime import datetime, timedelta, timezone

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stand_in import StandIn

REGION, ACCOUNT = "eu-central-1", "111122223333"
KEY = "1234abcd-12ab-34cd-56ef-1234567890ab"
OTHER = "mrk-0987dcba09fe87dc65ba43dc21fe0987"
ALIAS = "alias/payments"
BLOB_BYTES = 184  # what the service gives for a key of 32 bytes


def arn(key, region=REGION):
    return f"arn:aws:kms:{region}:{ACCOUNT}:key/{key}"


class Refusal(Exception):
    def __init__(self, kind, message, status=400):
        super().__init__(message)
        self.kind, self.status = kind, status


class AwsKmsServer(StandIn):
    """Keys by ARN; `states` of those that are not enabled. `answers` is an exception that every request gets instead."""

    content_type = "application/x-amz-json-1.1"

    def __init__(self, authority=None, port=0):
        self.keys = {arn(KEY): os.urandom(32), arn(OTHER): os.urandom(32)}
        self.aliases, self.states = {ALIAS: arn(KEY)}, {}
        self.credentials = {"AKIAKMS": ("a+secret/of-tests", None)}
        self.contexts, self.given = [], []
        self.answers, self.prefix, self.blob_bytes = None, "", BLOB_BYTES
        super().__init__(authority, port)

    def answer(self, path, headers, body):
        try:
            return 200, self.grant(path, headers, body)
        except Refusal as refusal:
            return refusal.status, {"__type": self.prefix + refusal.kind, "message": str(refusal)}

    # ---- who asks ----

    def check_signature(self, path, headers, body):
        found = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/kms/aws4_request, ?SignedHeaders=([^,]+), ?Signature=(\w{64})",
                             headers.get("authorization", ""))
        if not found:
            raise Refusal("IncompleteSignatureException", "Authorization header requires 'Credential' parameter.")
        access_key, day, region, names, signature = found.groups()
        if access_key not in self.credentials:
            raise Refusal("UnrecognizedClientException", "The security token included in the request is invalid.")
        secret, token = self.credentials[access_key]
        if token != headers.get("x-amz-security-token"):
            raise Refusal("ExpiredTokenException", "The security token included in the request is expired")
        names = names.split(";")
        for name in ("host", "x-amz-date", "x-amz-target"):
            if name not in names:
                raise Refusal("IncompleteSignatureException", f"{name} must be signed.")
        stamp = headers["x-amz-date"]
        age = datetime.now(timezone.utc) - datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
        request = AWSRequest("POST", self.url + path, headers={name: headers[name] for name in names}, data=body)
        request.context["timestamp"] = stamp
        signer = SigV4Auth(Credentials(access_key, secret, token), "kms", region)
        made = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
        if made != signature or day != stamp[:8] or region != REGION or abs(age) > timedelta(minutes=5):
            raise Refusal("InvalidSignatureException", "The request signature we calculated does not match the signature you provided.")

    # ---- what is asked ----

    def grant(self, path, headers, body):
        target = headers.get("x-amz-target", "")
        self.calls.append(target.partition(".")[2])
        if self.answers:
            raise self.answers
        self.check_signature(path, headers, body)
        if path != "/" or headers["content-type"] != "application/x-amz-json-1.1":
            raise Refusal("UnknownOperationException", "")
        asked = json.loads(body)
        context = asked.get("EncryptionContext", {})
        if any(not isinstance(value, str) for value in context.values()):
            raise Refusal("SerializationException", "")
        self.contexts.append(context)
        known = {"TrentService.GenerateDataKey": self.give, "TrentService.Decrypt": self.decrypt}
        if target not in known:
            raise Refusal("UnknownOperationException", "")
        return known[target](asked, json.dumps(context, sort_keys=True).encode())

    def find(self, name):
        name = name.removeprefix(f"arn:aws:kms:{REGION}:{ACCOUNT}:") if ":alias/" in name else name
        if name.startswith("alias/"):
            if name not in self.aliases:
                raise Refusal("NotFoundException", f"Alias arn:aws:kms:{REGION}:{ACCOUNT}:{name} is not found.")
            name = self.aliases[name]
        name = name if name.startswith("arn:") else arn(name)
        if name not in self.keys:
            raise Refusal("NotFoundException", f"Key '{name}' does not exist")
        return name

    def check_state(self, name):
        kind, words = self.states.get(name, (None, None))
        if kind:
            raise Refusal(kind, f"{name} {words}")

    def give(self, asked, context):
        name = self.find(asked["KeyId"])
        self.check_state(name)
        if asked.get("KeySpec") != "AES_256":
            raise Refusal("ValidationException", "")
        plain, nonce = os.urandom(32), os.urandom(12)
        self.given.append(plain)
        sealed = AESGCM(self.keys[name]).encrypt(nonce, plain, context)
        blob = bytes.fromhex("0102020078") + hashlib.sha256(name.encode()).digest() + nonce + sealed
        blob += hashlib.shake_256(blob).digest(self.blob_bytes - len(blob))
        return {"CiphertextBlob": base64.b64encode(blob).decode(), "KeyId": name, "Plaintext": base64.b64encode(plain).decode(),
                "KeyMaterialId": hashlib.sha256(self.keys[name]).hexdigest()}

    def decrypt(self, asked, context):
        blob = base64.b64decode(asked["CiphertextBlob"])
        if len(blob) > 6144:
            raise Refusal("ValidationException", "")
        names = [name for name in self.keys if hashlib.sha256(name.encode()).digest() == blob[5:37]]
        rest = blob[97:]
        if not names or rest != hashlib.shake_256(blob[:97]).digest(len(rest)):
            raise Refusal("InvalidCiphertextException", "")
        if "KeyId" in asked and self.find(asked["KeyId"]) != names[0]:
            raise Refusal("IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.")
        self.check_state(names[0])
        try:
            plain = AESGCM(self.keys[names[0]]).decrypt(blob[37:49], blob[49:97], context)
        except InvalidTag:
            raise Refusal("InvalidCiphertextException", "") from None
        return {"KeyId": names[0], "Plaintext": base64.b64encode(plain).decode(), "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}
