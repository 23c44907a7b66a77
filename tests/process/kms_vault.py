"""tests/process/kms_vault.py -- objects under keys of a transit engine of Vault or OpenBao (SSE-KMS): what it is asked, and what becomes of reading
and writing when it refuses, is sealed, silent or gone; for tests/process/run.
"""

import base64
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor

import admin
from customers import source
from encrypted import HEADER, MARK, SSE, forms_of, words
from encryption import BODIES
from forms import Form
from kms import BUCKET_KEY, CONTEXT, KEY_ID, KMS, PARTS, RULE, encoded, told
from kms_services import KmsServiceCase
from vault_server import TOKEN, VaultServer

NAMED = {**KMS, KEY_ID: "invoices"}
SAID = ("aws:kms", "invoices", None)


class KmsVault(KmsServiceCase):
    def begin_vault(self, *options, tls=False):
        """A daemon whose keyring names the service."""
        daemon = self.begin_with(VaultServer, options, tls)
        self.token = os.path.join(self.secrets, "token")
        self.write_token(TOKEN)
        self.add_service(daemon, "invoices", self.service.url)
        self.restart(daemon)
        return daemon

    def add_service(self, daemon, name, url):
        self.add_section(daemon, name, provider="vault", url=url, key="invoices", token_file=self.token)

    def write_token(self, token):
        with open(self.token, "w", encoding="ascii") as file:
            file.write(token + "\n")

    def calls(self, daemon):
        """As the metrics have them: all, and those that failed."""
        metrics = admin.metrics(daemon.server)
        return metrics["bale_kms_calls_total"], metrics["bale_kms_calls_failed_total"]

    def test_objects_are_what_they_were(self):
        """Over TLS; one key for all that is written in one context, and none is asked for twice."""
        daemon = self.begin_vault("--log-level", "debug", tls=True)
        for key, body in BODIES.items():
            self.assertEqual(SAID, told(self.put(daemon, key, body, NAMED)))
            self.expect_kms(daemon, key, body, SAID)
        self.assertEqual(["/v1/transit/datakey/plaintext/invoices"], self.service.calls)
        self.assertEqual((1, 0), self.calls(daemon))
        self.put(daemon, "other", b"other", {**NAMED, CONTEXT: encoded('{"a":"b"}'), BUCKET_KEY: "true"})
        self.assertEqual(2, len(self.service.calls))
        self.service.keys["invoices"].append(os.urandom(32))  # rotated: what was sealed before is opened as ever
        self.restart_whole(daemon)
        self.assertEqual(200, daemon.alice.head("bucket", "small").status)
        self.assertEqual([], self.service.calls)  # what is not opened needs no key
        for key, body in BODIES.items():
            self.expect_kms(daemon, key, body, SAID)
            answer = daemon.alice.get("bucket", key, None, {"range": "bytes=-1"}) if body else None
            self.assertEqual(body[-1:], answer.body if body else b"")
        self.expect_kms(daemon, "other", b"other", ("aws:kms", "invoices", "true"))
        self.assertEqual(["/v1/transit/decrypt/invoices"] * 2, self.service.calls)
        self.assertEqual(0, daemon.stop())
        stored = self.stored(daemon) + daemon.log().encode()
        material = base64.b64decode(re.search(r"material = (\S+)", self.text(daemon)).group(1))
        self.assertEqual(2, len(self.service.given))
        for secret in (*self.service.given, material, TOKEN.encode()):
            for form in (secret, secret.hex().encode(), base64.b64encode(secret).rstrip(b"=")):
                self.assertNotIn(form, stored)
        self.assertNotIn(MARK, stored)
        for form in (f for key in ("small", "noise") for f in forms_of(BODIES[key])):
            self.assertNotIn(form, stored)
        backend = ("--backend", "dir:data", "--keyring", "keys")
        self.assertIn("key service", self.run_bale(daemon, "cat", "bucket/small", *backend, expect=1))
        self.assertIn("7 of 7 objects cannot be read", self.run_bale(daemon, "verify", "--deep", *backend, expect=1))
        self.keyring(daemon, "add")  # and what the file says of services stays in it
        self.restart_whole(daemon)
        self.expect_kms(daemon, "small", BODIES["small"], SAID)

    def test_uploads_copies_and_defaults(self):
        daemon = self.begin_vault()
        alice = daemon.alice
        created = alice.post("bucket", "parts", {"uploads": None}, NAMED)
        self.assertEqual((200, SAID), (created.status, told(created)), created.body)
        upload = {"uploadId": created.text("UploadId")}
        self.restart_whole(daemon)
        alice = daemon.alice
        sent = [alice.put("bucket", "parts", {**upload, "partNumber": str(number)}, {}, part) for number, part in enumerate(PARTS, 1)]
        self.assertEqual([(200, SAID)] * 2, [(answer.status, told(answer)) for answer in sent])
        self.assertEqual(["/v1/transit/decrypt/invoices"], self.service.calls)
        self.restart_whole(daemon)
        alice = daemon.alice
        listed = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{answer.header('etag')}</ETag></Part>" for number, answer in enumerate(sent, 1))
        answer = alice.post("bucket", "parts", upload, (), f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode())
        self.assertEqual((200, SAID, []), (answer.status, told(answer), self.service.calls), answer.body)
        self.expect_kms(daemon, "parts", b"".join(PARTS), SAID)
        body = BODIES["frames"]
        self.put(daemon, "ours", body, SSE)
        for key, copy, headers, said in (("ours", "theirs", NAMED, SAID), ("theirs", "copy", KMS, ("aws:kms", self.key, None)),
                                         ("theirs", "ours", SSE, ("AES256", None, None)), ("theirs", "copy", {}, (None, None, None)),
                                         ("copy", "copy", NAMED, SAID), ("copy", "copy", {**NAMED, CONTEXT: encoded("{}")}, SAID)):
            answer = alice.put("bucket", copy, None, {**headers, "x-amz-copy-source": f"bucket/{key}"})
            self.assertEqual((200, said), (answer.status, told(answer)), answer.body)
            self.assertTrue(alice.get("bucket", copy).body == body)
        self.assertEqual(400, alice.put("bucket", "copy", None, {**NAMED, **source(), "x-amz-copy-source": "bucket/copy"}).status)
        rule = RULE % ("<KMSMasterKeyID>invoices</KMSMasterKeyID>", "")
        self.assertEqual(200, alice.put("bucket", None, {"encryption": None}, (), rule.encode()).status)
        self.assertEqual(SAID, told(self.put(daemon, "default", body, ())))
        self.assertEqual(SAID, told(Form(alice, "bucket", "form", b"form").send()))
        self.expect_kms(daemon, "form", b"form", SAID)
        self.assertEqual(0, daemon.stop())

    def test_when_it_refuses(self):
        daemon = self.begin_vault()
        self.put(daemon, "key", words(1000), NAMED)
        for trouble, status, code in ((lambda: self.write_token("hvs.another"), 403, "AccessDenied"),
                                      (lambda: setattr(self.service, "answers", 429), 503, "SlowDown"),
                                      (lambda: setattr(self.service, "answers", 503), 503, "ServiceUnavailable"),
                                      (lambda: self.service.deleted.add("invoices"), 400, "KMS.DisabledException"),
                                      (lambda: self.service.keys.clear(), 400, "KMS.NotFoundException"),
                                      (lambda: os.unlink(self.token), 503, "ServiceUnavailable")):
            self.write_token(TOKEN)
            self.service.answers = None
            self.service.deleted.clear()
            self.restart_whole(daemon)
            trouble()
            self.refuse(self.put(daemon, "new", b"new", NAMED, status), status, code)
            self.refuse(daemon.alice.get("bucket", "key"), status, code)
            self.assertEqual(*self.calls(daemon))
            self.assertEqual(404, daemon.alice.head("bucket", "new").status)
            self.assertEqual(200, daemon.alice.head("bucket", "key").status)
        self.assertNotIn(TOKEN, daemon.log())

    def test_when_it_is_gone(self):
        """What was opened is read, and written with, for a while; all else waits until it is there again."""
        daemon = self.begin_vault()
        body = words(1000)
        self.put(daemon, "first", body, NAMED)
        self.put(daemon, "other", body, {**NAMED, CONTEXT: encoded('{"a":"b"}')})
        self.restart_whole(daemon)
        self.assertEqual(body, daemon.alice.get("bucket", "first").body)
        self.service.stop()
        self.assertEqual(body, daemon.alice.get("bucket", "first").body)
        self.refuse(daemon.alice.get("bucket", "other"), 503, "ServiceUnavailable")
        etag = daemon.alice.head("bucket", "other").header("etag")
        self.assertEqual(304, daemon.alice.get("bucket", "other", None, {"if-none-match": etag}).status)  # no byte of it is opened
        self.refuse(self.put(daemon, "new", body, NAMED, 503), 503, "ServiceUnavailable")
        self.put(daemon, "ours", body, SSE)
        self.put(daemon, "plain", body, ())
        keys, port = self.service.keys, self.service.port
        self.service = VaultServer(port=port)
        self.service.keys = keys
        self.wait_for(lambda: daemon.alice.get("bucket", "other").status == 200)
        self.expect_kms(daemon, "other", body, SAID)
        self.put(daemon, "new", body, NAMED)

    def test_a_service_that_is_silent(self):
        """It holds up nobody who does not need it."""
        daemon = self.begin_vault()
        self.service.silence.clear()
        self.refuse(self.put(daemon, "new", b"new", NAMED, 503), 503, "ServiceUnavailable")
        self.put(daemon, "ours", b"ours", SSE)
        self.service.silence.set()
        self.wait_for(lambda: daemon.alice.put("bucket", "new", None, NAMED, b"new").status == 200)

    def test_a_stop_does_not_wait_for_a_silent_service(self):
        """A call under way has a second then, and no further attempt; who waits for it is told."""
        for _ in range(5):
            daemon = self.begin_vault()
            self.service.silence.clear()
            with ThreadPoolExecutor(1) as threads:
                stuck = threads.submit(daemon.alice.put, "bucket", "stuck", None, NAMED, b"stuck")
                self.wait_for(lambda: self.service.waiting)
                daemon.process.terminate()
                before = self.service.begun
                self.assertEqual(0, daemon.process.wait(60))
                self.refuse(stuck.result(), 503, "ServiceUnavailable")
            if before == 1:  # else this test was not in time
                self.assertLessEqual(self.service.begun, 2)
                return
        self.skipTest("this machine is too busy: no signal came within the first attempt")

    def test_a_silent_service_holds_up_itself_alone(self):
        """Two services, one of them silent: the other one is asked meanwhile, for a key that is not kept."""
        daemon = self.begin_vault()
        other = VaultServer()
        self.addCleanup(other.stop)
        self.add_service(daemon, "payments", other.url)
        self.restart_whole(daemon)
        self.service.silence.clear()
        with ThreadPoolExecutor(2) as threads:
            stuck = threads.submit(daemon.alice.put, "bucket", "stuck", None, NAMED, b"stuck")
            self.wait_for(lambda: self.service.waiting)
            for number in range(5):
                said = told(self.put(daemon, "key", b"body", {**KMS, KEY_ID: "payments", CONTEXT: encoded(json.dumps({"n": str(number)}))}))
                self.assertEqual(("aws:kms", "payments", None), said)
            self.assertFalse(stuck.done())
            self.assertEqual(5, len(other.calls))
            self.refuse(stuck.result(), 503, "ServiceUnavailable")

    def test_what_the_file_says_now_is_what_counts(self):
        """At SIGHUP: another address, another key of the service, and a section that has gone. What was kept of before is not used again."""
        daemon = self.begin_vault()
        self.put(daemon, "key", b"body", NAMED)
        self.expect_kms(daemon, "key", b"body", SAID)
        self.hang_up(daemon)  # nothing has changed: nothing is forgotten
        self.expect_kms(daemon, "key", b"body", SAID)
        self.assertEqual(1, len(self.service.calls))
        other = VaultServer()
        self.addCleanup(other.stop)
        text = self.text(daemon)
        self.rewrite(daemon, text.replace(self.service.url, other.url))
        self.refuse(daemon.alice.get("bucket", "key"), 500, "InternalError")  # the other one does not open it
        self.put(daemon, "other", b"other", NAMED)
        self.assertEqual((1, 2), (len(self.service.calls), len(other.calls)))
        self.rewrite(daemon, text)
        self.expect_kms(daemon, "key", b"body", SAID)
        self.assertEqual(["/v1/transit/decrypt/invoices"], self.service.calls[1:])
        self.service.keys["others"] = self.service.keys["invoices"]
        self.rewrite(daemon, text.replace("key = invoices", "key = others"))
        self.put(daemon, "third", b"third", NAMED)
        self.assertEqual("/v1/transit/datakey/plaintext/others", self.service.calls[-1])
        self.rewrite(daemon, text[:text.index("[kms")])
        self.refuse(daemon.alice.get("bucket", "third"), 500, "InternalError")
        self.refuse(self.put(daemon, "fourth", b"", NAMED, 400), 400, "KMS.NotFoundException")

    def rewrite(self, daemon, text):
        with open(os.path.join(daemon.folder, "keys"), "w", encoding="ascii") as file:
            file.write(text)
        self.hang_up(daemon)

    def test_files_that_are_refused(self):
        daemon = self.begin_vault()
        self.assertEqual(0, daemon.stop())
        text = self.text(daemon)
        for bad in (text.replace("= vault", "= post"), text.replace("url = ", "url = ftp:"), text.replace("key = invoices", "key = ../sys"),
                    text.replace("[kms invoices]", "[kms 0123456789abcdef]"), text.replace("[kms invoices]", "[kms a b]"), text + "more = 1\n",
                    re.sub("token-file.*\n", "", text), re.sub("url = .*\n", f"url=http://{'a' * 179}\n", text)):
            with open(os.path.join(daemon.folder, "keys"), "w", encoding="ascii") as file:
                file.write(bad)
            self.run_bale(daemon, "keyring", "list", "--keyring", "keys", expect=1)
