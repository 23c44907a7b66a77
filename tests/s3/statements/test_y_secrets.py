"""Keys with which customers want their objects to be encrypted: a Bale without a keyring refuses them, and repeats them nowhere, neither in
an answer nor in its log at the level that tells most. (With one: tests/process/customer_keys.py.)"""

import base64
import os
import re
import urllib.parse

from case import S3Case
from daemon import Daemon
from forms import Form

NAMES = ("x-amz-server-side-encryption-customer-key", "x-amz-copy-source-server-side-encryption-customer-key")
KEY = base64.b64encode(b"thirty-two bytes that are secret").decode()


def traces(text):
    """In what forms the key stands in this text: as it is, percent-encoded, as bytes in hex, and in base64 of any of these."""
    found = [form for form in (KEY, urllib.parse.quote(KEY, safe=""), " ".join(f"{byte:02x}" for byte in KEY.encode()))
             if form in text]
    for encoded in re.findall(r"[A-Za-z0-9+/]{40,}={0,2}", text):
        inside = base64.b64decode(encoded[:len(encoded) // 4 * 4], validate=False).decode("latin-1")
        found += [f"base64 of {form}" for form in traces(inside)]
    return found


class CustomersKeys(S3Case):
    SERIAL = True

    def setUp(self):
        if not self.baled:
            self.skipTest("the server's program is not known")
        self.daemon = Daemon(os.path.abspath(self.baled))
        self.addCleanup(self.daemon.remove)
        self.daemon.options = ["--log-level", "debug"]
        self.server = self.daemon.start()
        super().setUp()
        self.hidden = 0

    def check(self, answer, status, code):
        self.assert_error(answer, status, code)
        text = answer.body.decode()
        self.assertEqual([], traces(text), text)
        self.hidden += "(hidden)" in text

    def test_traces_are_seen(self):
        for text in (KEY, KEY.encode().hex(" "), urllib.parse.quote(KEY, safe=""), base64.b64encode(f'x{{"k": "{KEY}"}}'.encode()).decode()):
            self.assertNotEqual([], traces(f"<a>{text}</a>"))

    def test_046_keys_are_not_repeated(self):
        for name in NAMES:
            headers, query = {name: KEY}, {name: KEY}
            self.check(self.alice.put(self.bucket, "k", (), headers, b"x"), 501, "NotImplemented")
            self.check(self.alice.put(self.bucket, "k", query, (), b"x", auth="presigned"), 501, "NotImplemented")
            self.check(self.alice.put(self.bucket, "k", (), headers, b"x", secret_key="wrong"), 403, "SignatureDoesNotMatch")
            for spelled in (query, {name.upper(): KEY}):
                for auth in ("header", "presigned"):
                    answer = self.alice.get(self.bucket, "k", spelled, secret_key="wrong", auth=auth)
                    self.check(answer, 403, "SignatureDoesNotMatch")
            self.check_forms(name)
        self.assertEqual(2 * 7, self.hidden)
        self.assertEqual(0, self.daemon.stop())
        self.assertIn("SignatureDoesNotMatch", self.daemon.log())
        self.assertEqual([], traces(self.daemon.log()))

    def check_forms(self, name):
        signing = {"x-amz-signature": "0" * 64}
        form = Form(self.alice, self.bucket).add(name, KEY)
        form.signing = signing
        self.check(form.send(), 403, "SignatureDoesNotMatch")
        form = Form(self.alice, self.bucket).add(name, "another", condition=False)
        form.conditions.append({name: KEY})
        self.check(form.send(), 403, "AccessDenied")
