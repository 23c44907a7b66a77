"""tests/s3/forms.py -- uploads as a web form sends them: fields, a policy that is signed or is not, and multipart/form-data
from bare bytes, so that a test can bend each of them."""

import base64
import datetime
import hashlib
import hmac
import json

import sigv4

BOUNDARY = "----bale1boundary2--3"


def part(name, value, filename=None, content_type=None, boundary=BOUNDARY):
    disposition = b'form-data; name="' + sigv4.to_bytes(name) + b'"'
    if filename is not None:
        disposition += b'; filename="' + sigv4.to_bytes(filename) + b'"'
    head = b"--" + boundary.encode() + b"\r\nContent-Disposition: " + disposition + b"\r\n"
    if content_type is not None:
        head += b"Content-Type: " + sigv4.to_bytes(content_type) + b"\r\n"
    return head + b"\r\n" + sigv4.to_bytes(value) + b"\r\n"


def end(boundary=BOUNDARY):
    return b"--" + boundary.encode() + b"--\r\n"


def expiration(seconds=600):
    when = sigv4.utc_now() + datetime.timedelta(seconds=seconds)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


class Form:
    """A form that is right, for one bucket of one account, until a test bends it."""

    def __init__(self, client, bucket, key="key", body=b"body", version=4):
        self.client, self.bucket, self.body, self.version = client, bucket, body, version
        self.fields = [("key", key)]
        self.conditions = [{"bucket": bucket}, ["starts-with", "$key", ""]]
        self.expires = expiration()
        self.policy = None  # an object or text that replaces the one that is made
        self.filename, self.content_type = "file.bin", "application/octet-stream"
        self.signing = {}  # fields of the signature that are replaced; None removes one
        self.account = client.account
        self.tail = end()
        self.preamble = b""

    def add(self, name, value, condition=True):
        self.fields.append((name, value))
        if condition:
            self.conditions.append({name: value if isinstance(value, str) else value.decode()})
        return self

    def policy_text(self, extra):
        policy = self.policy
        if policy is None:
            policy = {"expiration": self.expires, "conditions": self.conditions + extra}
        text = policy if isinstance(policy, (str, bytes)) else json.dumps(policy)
        return base64.b64encode(sigv4.to_bytes(text)).decode()

    def signed(self):
        """The fields of policy and signature, in the order in which libraries send them."""
        if self.version == 2:
            policy = self.policy_text([])
            digest = hmac.new(self.account.secret_key.encode(), policy.encode(), hashlib.sha1).digest()
            fields = {"AWSAccessKeyId": self.account.access_key, "policy": policy,
                      "signature": base64.b64encode(digest).decode()}
        else:
            now = sigv4.utc_now()
            scope = sigv4.Scope(self.account.secret_key, now, self.client.server.region)
            fields = {"x-amz-algorithm": sigv4.ALGORITHM, "x-amz-credential": f"{self.account.access_key}/{scope}",
                      "x-amz-date": sigv4.amz_date(now)}
            fields.update({name: self.signing[name] for name in fields if self.signing.get(name)})
            fields["policy"] = self.policy_text([{name: value} for name, value in fields.items()])
            fields["x-amz-signature"] = scope.sign(fields["policy"])
        fields.update(self.signing)
        return [(name, value) for name, value in fields.items() if value is not None]

    def bytes(self):
        fields = self.fields + (self.signed() if self.version else [])
        head = b"".join(part(name, value) for name, value in fields)
        file = part("file", self.body, self.filename, self.content_type)
        return self.preamble + head + file + self.tail

    def send(self, body=None, headers=(), query=(), content_type=f"multipart/form-data; boundary={BOUNDARY}", **options):
        fields = [("Content-Type", content_type)] if content_type else []
        return self.client.request("POST", self.bucket, None, query, fields + list(headers),
                                   self.bytes() if body is None else body, auth="none", **options)
