"""tests/backends/requests/of_proxy.py -- the proxy with faults does what its rules say, and nothing else; against baled --raw."""

import hashlib
import os
import signal
import threading
import time
from urllib.parse import quote

import client
import fronts
import wire
from backend_case import BackendCase
from faults import fault

BODY = os.urandom(300_000)


class Proxy(BackendCase):
    FOR = ("raw",)
    NEEDS_BALE = False

    def through(self, *rules, seed=None):
        proxy = self.proxy(*rules, seed=seed)
        return proxy, fronts.OneAttempt(proxy.server, self.backend.account)

    def plain(self):
        return self.backend.client()

    def no_answer(self, action, *arguments, **options):
        with self.assertRaises((wire.ProtocolError, OSError)):
            action(*arguments, **options)

    # ---- without a fault ----

    def test_what_goes_through_is_not_changed(self):
        _, alice = self.through()
        self.assertEqual(200, alice.put(self.bucket, "k", (), {"x-amz-meta-s4-codec": "a  b"}, BODY).status)
        self.assertEqual(BODY, alice.get(self.bucket, "k").body)
        self.assertEqual("a  b", alice.head(self.bucket, "k").header("x-amz-meta-s4-codec"))
        self.assertEqual(200, alice.put(self.bucket, "chunked", (), (), BODY, payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER",
                                        transfer="chunked").status)
        self.assertEqual(BODY, alice.get(self.bucket, "chunked").body)
        self.assertEqual(204, alice.delete(self.bucket, "k").status)
        self.assertEqual(404, alice.get(self.bucket, "k").status)

    def test_a_large_body_both_ways(self):
        _, alice = self.through()
        body = os.urandom(1 << 20) * 40
        self.assertEqual(200, alice.put(self.bucket, "large", (), (), body, payload="unsigned").status)
        answer = alice.get(self.bucket, "large")
        self.assertEqual(hashlib.md5(body).digest(), hashlib.md5(answer.body).digest())

    def test_continue_and_an_early_answer_pass(self):
        _, alice = self.through()
        prepared = alice.prepare("PUT", self.bucket, "k", (), {"expect": "100-continue"}, BODY)
        with alice.connect() as connection:
            connection.send(prepared.head)
            self.assertEqual(100, connection.read_head().status)
            connection.send(prepared.body)
            self.assertEqual(200, connection.read_response().status)
        prepared = alice.prepare("PUT", self.bucket, "k", (), {"if-none-match": "*", "expect": "100-continue"}, BODY)
        with alice.connect() as connection:
            connection.send(prepared.head)
            self.assertEqual(412, connection.read_response().status)

    def test_requests_are_named_and_counted(self):
        proxy, alice = self.through()
        alice.put(self.bucket, "a b/ü", (), (), b"x")
        alice.put(self.bucket, "copy", (), {"x-amz-copy-source": f"{self.bucket}/{quote('a b/ü')}"})
        alice.get(self.bucket, None, {"list-type": "2", "prefix": "a"})
        upload = alice.post(self.bucket, "u", {"uploads": None}).text("UploadId")
        alice.put(self.bucket, "u", {"partNumber": "1", "uploadId": upload}, (), b"x")
        alice.put(self.bucket, "u", {"partNumber": "2", "uploadId": upload}, {"x-amz-copy-source": f"{self.bucket}/copy"})
        alice.get(self.bucket, "u", {"uploadId": upload})
        alice.get(self.bucket, None, {"uploads": None})
        alice.delete(self.bucket, "u", {"uploadId": upload})
        alice.delete_objects(self.bucket, "<Delete><Object><Key>copy</Key></Object></Delete>")
        alice.head(self.bucket)
        alice.get(self.bucket, "k", (), {"if-none-match": '"x"'})
        self.assertEqual(["PutObject", "CopyObject", "ListObjectsV2", "CreateMultipartUpload", "UploadPart", "UploadPartCopy",
                          "ListParts", "ListMultipartUploads", "AbortMultipartUpload", "DeleteObjects", "HeadBucket", "GetObject"],
                         proxy.operations())
        log = proxy.log()
        self.assertEqual(("a b/ü", 200, {"if-none-match": '"x"'}), (log[0]["key"], log[0]["status"], log[-1]["conditions"]))
        proxy.reset()
        self.assertEqual({}, proxy.counts())

    # ---- one fault after the other ----

    def test_before_the_server(self):
        for rule, effect in ((fault("cut"), False), (fault("hang", seconds=0.1), False), (fault("lose"), True),
                             (fault("cut-request", at=0.5), False)):
            with self.subTest(rule["fault"]):
                _, alice = self.through(rule)
                self.no_answer(alice.put, self.bucket, rule["fault"], (), (), BODY)
                time.sleep(0.05)
                self.assertEqual(200 if effect else 404, self.plain().get(self.bucket, rule["fault"]).status)

    def test_other_answers(self):
        for status in (500, 503, 409, 412, 429):
            _, alice = self.through(fault("refuse", status=status, retry_after=3))
            answer = alice.put(self.bucket, f"refused{status}", (), (), BODY)
            self.assertEqual((status, "3"), (answer.status, answer.header("retry-after")))
            self.assertEqual(404, self.plain().get(self.bucket, f"refused{status}").status)
            _, alice = self.through(fault("replace", status=status))
            self.assertEqual(status, alice.put(self.bucket, f"replaced{status}", (), (), BODY).status)
            self.assertEqual(BODY, self.plain().get(self.bucket, f"replaced{status}").body)
        _, alice = self.through(fault("refuse", status=503, code="Special", early=True))
        prepared = alice.prepare("PUT", self.bucket, "early", (), (), BODY)
        with alice.connect() as connection:
            connection.send(prepared.head)
            answer = connection.read_response()
            self.assertEqual((503, "Special", True), (answer.status, answer.code, connection.must_close))

    def test_duplicates_now_and_later(self):
        proxy, alice = self.through(fault("duplicate", second=0.0))
        self.assertEqual(412, alice.put(self.bucket, "d", (), {"if-none-match": "*"}, b"first").status)
        self.assertEqual((412, 412), (proxy.log()[0]["status"], proxy.log()[0]["again"]))
        proxy.rules(fault("duplicate", second=1.0))
        self.assertEqual(200, alice.put(self.bucket, "e", (), {"if-none-match": "*"}, b"first").status)
        for seconds in (0.2, 2, 20):  # until the second is there before it
            proxy.rules(fault("duplicate-late", seconds=seconds, nth=1))
            alice.put(self.bucket, "late", (), (), b"first")
            alice.put(self.bucket, "late", (), (), b"second")
            body = alice.get(self.bucket, "late").body
            if proxy.late() > 0:
                break
        self.assertEqual(b"second", body)
        self.wait_for(lambda: self.plain().get(self.bucket, "late").body == b"first", "the late duplicate")

    def test_answers_that_are_broken(self):
        self.plain().put(self.bucket, "k", (), (), BODY)
        for seed in range(4):
            for rule in (fault("truncate", at=0.3), fault("wrong-length", by=5)):
                _, alice = self.through(rule, seed=seed)
                self.no_answer(alice.get, self.bucket, "k")
        _, alice = self.through(fault("wrong-length", by=-5))
        self.assertEqual(BODY[:-5], alice.get(self.bucket, "k").body)
        _, alice = self.through(fault("flip"))
        wrong = [at for at, (one, other) in enumerate(zip(BODY, alice.get(self.bucket, "k").body)) if one != other]
        self.assertEqual(1, len(wrong))

    def test_slow_answers(self):
        self.plain().put(self.bucket, "k", (), (), BODY)
        for rule in (fault("delay", seconds=0.2), fault("delay-answer", seconds=0.2), fault("trickle", seconds=0.004)):
            _, alice = self.through(rule)
            started = time.monotonic()
            self.assertEqual(BODY, alice.get(self.bucket, "k").body)
            self.assertGreater(time.monotonic() - started, 0.19, rule)

    def test_an_etag_of_the_revision_before(self):
        proxy, alice = self.through()
        first = alice.put(self.bucket, "k", (), (), b"first").header("etag")
        second = alice.put(self.bucket, "k", (), (), b"second").header("etag")
        proxy.rules(fault("slip", op="GetObject"))
        answer = alice.get(self.bucket, "k")
        self.assertEqual((b"second", first), (answer.body, answer.header("etag")))
        self.assertEqual(second, alice.head(self.bucket, "k").header("etag"))

    def test_a_field_that_is_left_out(self):
        proxy, alice = self.through()
        alice.put(self.bucket, "k", (), {"x-amz-tagging": "a=1"}, b"body")
        self.assertEqual("1", alice.get(self.bucket, "k").header("x-amz-tagging-count"))
        proxy.rules(fault("omit", field="x-amz-tagging-count"))
        answer = alice.get(self.bucket, "k")
        self.assertEqual((200, None, b"body"), (answer.status, answer.header("x-amz-tagging-count"), answer.body))

    def test_an_etag_of_the_revision_behind(self):
        proxy, alice = self.through()
        alice.put(self.bucket, "k", (), {"x-amz-meta-number": "1"}, b"first")
        proxy.rules(fault("slip-ahead", op="HeadObject", times=1))
        looked = []
        looker = threading.Thread(target=lambda: looked.append(alice.head(self.bucket, "k")))
        looker.start()
        self.wait_for(lambda: any(entry["op"] == "HeadObject" and entry["status"] for entry in proxy.log()), "what the look has seen")
        second = proxy.client().put(self.bucket, "k", (), {"x-amz-meta-number": "2"}, b"second").header("etag")
        looker.join()
        self.assertEqual(("1", second), (looked[0].header("x-amz-meta-number"), looked[0].header("etag")))
        self.assertEqual("2", alice.head(self.bucket, "k").header("x-amz-meta-number"))

    def test_a_request_that_is_held(self):
        proxy, alice = self.through(fault("hold", op="GetObject", times=1))
        self.plain().put(self.bucket, "k", (), (), b"first")
        read = []
        reader = threading.Thread(target=lambda: read.append(alice.get(self.bucket, "k").body))
        reader.start()
        self.wait_for(lambda: "GetObject" in proxy.operations(), "the read")
        self.plain().put(self.bucket, "k", (), (), b"second")
        self.assertEqual([], read)
        proxy.release()
        reader.join()
        self.assertEqual([b"second"], read)

    def test_a_connection_that_ends_without_notice(self):
        _, alice = self.through(fault("close-after"))
        for _ in range(5):
            self.assertEqual(404, alice.get(self.bucket, "k").status)
            time.sleep(0.01)

    def test_down_and_up_again(self):
        proxy, alice = self.through()
        self.assertEqual(404, alice.get(self.bucket, "k").status)
        proxy.down()
        self.no_answer(alice.get, self.bucket, "k")
        self.no_answer(alice.get, self.bucket, "k")
        proxy.up()
        self.assertEqual(404, alice.get(self.bucket, "k").status)

    # ---- which request ----

    def test_down_cuts_a_connection_that_is_just_being_made(self):
        """Whoever got in at the last moment would find the server there for as long as he keeps the connection."""
        proxy, alice = self.through()
        request = alice.prepare("HEAD", self.bucket).bytes
        for _ in range(5):
            os.kill(proxy.process.pid, signal.SIGSTOP)  # so that it hears of both at once
            with alice.connect() as connection:
                down = threading.Thread(target=proxy.down)
                down.start()
                self.wait_for(lambda: proxy.lock.locked(), "it is told to")
                time.sleep(0.05)
                os.kill(proxy.process.pid, signal.SIGCONT)
                down.join()
                with self.assertRaises((wire.ProtocolError, OSError)):
                    connection.send(request)
                    connection.read_head()
            proxy.up()
        self.assertEqual(200, alice.head(self.bucket).status)

    def test_rules_choose(self):
        _, alice = self.through(fault("refuse", status=503, op="PutObject", key="^x", nth=2))
        self.assertEqual([200, 200, 503, 200], [alice.put(self.bucket, key).status for key in ("x", "y", "x", "x")])
        _, alice = self.through(fault("refuse", status=500, method=["GET", "HEAD"], times=2), fault("refuse", status=501, header="if-match"),
                                fault("refuse", status=429, query="prefix=z", every=2))
        self.assertEqual([500, 200, 500, 404], [alice.get(self.bucket, "n").status, alice.put(self.bucket, "n").status,
                                                alice.head(self.bucket, "n").status, alice.get(self.bucket, "m").status])
        self.assertEqual(501, alice.put(self.bucket, "n", (), {"if-match": '"x"'}).status)
        self.assertEqual([200, 429, 200, 429], [alice.get(self.bucket, None, {"prefix": "z"}).status for _ in range(4)])
        _, alice = self.through(fault("refuse", status=500, method="PUT", first=1), fault("refuse", status=503, after=2))
        self.assertEqual([500, 200, 200, 503, 503], [alice.put(self.bucket, "a").status for _ in range(5)])

    def test_a_rule_may_want_no_body(self):
        _, alice = self.through(fault("refuse", status=501, method="PUT", empty=True))
        self.assertEqual([501, 200], [alice.put(self.bucket, "k", (), (), body).status for body in (b"", b"x")])

    def test_chance_comes_from_the_seed(self):
        def drawn(seed):
            _, alice = self.through(fault("refuse", status=503, probability=0.3), seed=seed)
            return [alice.get(self.bucket, "n").status for _ in range(200)]
        once, again, other = drawn(7), drawn(7), drawn(8)
        self.assertEqual(once, again)
        self.assertNotEqual(once, other)
        self.assertTrue(30 < once.count(503) < 90, once.count(503))

    def test_a_rule_that_is_wrong_is_refused(self):
        for rule in (fault("losing"), fault("ignore", what="everything"), fault("cut", key="(")):
            with self.assertRaises(ValueError):
                self.through(rule)

    # ---- a server that does not know a condition ----

    def test_conditions_are_ignored_in_silence(self):
        proxy, alice = self.through()
        alice.put(self.bucket, "k", (), (), b"old")
        alice.put(self.bucket, "s", (), (), b"source")
        wrong = {"if-match": '"00000000000000000000000000000000"'}
        copy = {"x-amz-copy-source": f"{self.bucket}/s"}

        def complete(headers):
            upload = alice.post(self.bucket, "k", {"uploads": None}).text("UploadId")
            etag = alice.put(self.bucket, "k", {"partNumber": "1", "uploadId": upload}, (), b"part").header("etag")
            return alice.post(self.bucket, "k", {"uploadId": upload}, headers, "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
                              f"<ETag>{etag}</ETag></Part></CompleteMultipartUpload>")

        def delete_many():
            answer = alice.delete_objects(self.bucket, "<Delete><Object><Key>k</Key><ETag>00000000000000000000000000000000</ETag>"
                                          "</Object></Delete>")
            return 200 if answer.texts("Deleted/Key") else 412

        cases = {
            "put-create": lambda: alice.put(self.bucket, "k", (), {"if-none-match": "*"}, b"new").status,
            "put-replace": lambda: alice.put(self.bucket, "k", (), wrong, b"new").status,
            "complete-create": lambda: complete({"if-none-match": "*"}).status,
            "complete-replace": lambda: complete(wrong).status,
            "copy-create": lambda: alice.put(self.bucket, "k", (), {**copy, "if-none-match": "*"}).status,
            "copy-replace": lambda: alice.put(self.bucket, "k", (), {**copy, **wrong}).status,
            "copy-source-match": lambda: alice.put(self.bucket, "k", (), {**copy, "x-amz-copy-source-if-match": '"x"'}).status,
            "get-match": lambda: alice.get(self.bucket, "k", (), wrong).status,
            "delete-match": lambda: 200 if alice.delete(self.bucket, "k", (), wrong).status == 204 else 412,
            "multi-delete-match": delete_many,
        }
        for what, action in cases.items():
            with self.subTest(what):
                self.plain().put(self.bucket, "k", (), (), b"old")
                proxy.clear()
                self.assertEqual(412, action())
                proxy.rules(fault("ignore", what=what))
                self.assertEqual(200, action())
                self.assertEqual([what], proxy.log()[-1]["ignored"])

    def test_other_things_that_servers_ignore(self):
        proxy, alice = self.through()
        for key in ("a", "b", "c d"):
            alice.put(self.bucket, key, (), (), b"0123456789")
        proxy.rules(fault("ignore", what="suffix-range"))
        self.assertEqual(200, alice.get(self.bucket, "a", (), {"range": "bytes=-3"}).status)
        self.assertEqual(206, alice.get(self.bucket, "a", (), {"range": "bytes=1-3"}).status)
        proxy.rules(fault("ignore", what="start-after"), fault("ignore", what="encoding-type"))
        listed = alice.get(self.bucket, None, {"list-type": "2", "start-after": "a", "encoding-type": "url"})
        self.assertEqual((["a", "b", "c d"], None), (listed.texts("Contents/Key"), listed.text("EncodingType")))
        proxy.rules(fault("ignore", what="names"))
        for sent, kept in (("/x", "x"), ("q//r", "q/r"), ("d/./e", "d/e"), ("d/e/../f", "d/f"), ("dir/", "dir/")):
            self.assertEqual(200, alice.put(self.bucket, sent, (), (), sent.encode()).status)
            self.assertEqual(sent.encode(), self.plain().get(self.bucket, kept).body, sent)

    def test_a_signature_that_was_wrong_stays_wrong(self):
        _, alice = self.through(fault("ignore", what="put-create"))
        stranger = client.Account("stranger", "AKIASTRANGER", "secret", "")
        answer = fronts.OneAttempt(alice.server, stranger).put(self.bucket, "k", (), {"if-none-match": "*"}, b"x")
        self.assertEqual(403, answer.status)
