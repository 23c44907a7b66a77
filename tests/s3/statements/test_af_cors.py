"""Section AF: pages of other origins."""

import threading

from case import needs
from forms import Form
from settings import SettingsCase

ORIGIN = "http://www.example.org"


def rule(*origins, methods=("GET", ), headers=(), expose=(), age=None, id=None):
    parts = [f"<ID>{id}</ID>" if id else ""]
    parts += [f"<AllowedHeader>{header}</AllowedHeader>" for header in headers]
    parts += [f"<AllowedMethod>{method}</AllowedMethod>" for method in methods]
    parts += [f"<AllowedOrigin>{origin}</AllowedOrigin>" for origin in origins]
    parts += [f"<ExposeHeader>{header}</ExposeHeader>" for header in expose]
    parts += [f"<MaxAgeSeconds>{age}</MaxAgeSeconds>" if age is not None else ""]
    return "<CORSRule>" + "".join(parts) + "</CORSRule>"


def document(*rules):
    return "<CORSConfiguration>" + "".join(rules) + "</CORSConfiguration>"


@needs("settings")
class Cors(SettingsCase):
    def preflight(self, origin=ORIGIN, method="GET", headers=None, key="key", bucket=None, query=()):
        fields = [("Origin", origin), ("Access-Control-Request-Method", method), ("Access-Control-Request-Headers", headers)]
        return self.alice.request("OPTIONS", bucket or self.bucket, key, query, [pair for pair in fields if pair[1] is not None],
                                  auth="none")

    def assert_no_cors(self, response):
        self.assertEqual([], [name for name, _ in response.headers if name.lower().startswith("access-control-")])

    def assert_allowed(self, response, origin=ORIGIN, methods="GET"):
        self.assertEqual((origin, methods), (response.header("access-control-allow-origin"),
                                             response.header("access-control-allow-methods")), response)
        self.assertEqual(None if origin == "*" else "true", response.header("access-control-allow-credentials"))
        self.assertEqual("Origin, Access-Control-Request-Headers, Access-Control-Request-Method", response.header("vary"))

    # ---- the document ----

    def test_546_its_life(self):
        got = self.assert_life("cors", document(
            rule(ORIGIN, "*", methods=("PUT", "GET"), headers=("x-*", "date"), expose=("ETag", ), age=30, id="one"),
            rule("http://*.z")), "CORSConfiguration", "NoSuchCORSConfiguration")
        self.assertEqual(["ID", "AllowedHeader", "AllowedHeader", "AllowedMethod", "AllowedMethod", "AllowedOrigin",
                          "AllowedOrigin", "ExposeHeader", "MaxAgeSeconds"], [child.tag for child in got.xml[0]])
        self.assertEqual(["PUT", "GET", "GET"], got.texts("CORSRule/AllowedMethod"))

    def test_546_1_to_100_rules(self):
        self.set("cors", document(*[rule("*")] * 100))
        self.assert_refused_setting("cors", document(*[rule("*")] * 101), 400, "InvalidRequest")
        self.assert_refused_setting("cors", document(), 400, "MalformedXML")
        self.assert_refused_setting("cors", document(rule("http://" + "a" * (64 << 10))), 400, "MaxMessageLengthExceeded")

    def test_546_what_is_malformed(self):
        for text in ("<CORSConfiguration>", "<Other>" + rule("*") + "</Other>", document(rule("*") + "<Other/>"),
                     document("<CORSRule><AllowedMethod>GET</AllowedMethod></CORSRule>"),
                     document("<CORSRule><AllowedOrigin>*</AllowedOrigin></CORSRule>"),
                     document(rule("*", age="soon")), document(rule("*", id="a<Other/>"))):
            self.assert_refused_setting("cors", text, 400, "MalformedXML")
        self.assert_error(self.put_setting("cors", ""), 400, "MissingRequestBodyError")

    def test_547_what_a_rule_cannot_say(self):
        for bad, named in ((rule("*", methods=("get", )), "get"), (rule("*", methods=("GET", "TRACE")), "TRACE"),
                           (rule("http://*.*"), "wildcard"), (rule("*", headers=("*-*", )), "wildcard"),
                           (rule("*", expose=("*", )), "wildcard"), (rule("*", headers=("a b", )), "a b"),
                           (rule("*", expose=("ä", )), "invalid")):
            response = self.assert_refused_setting("cors", document(bad), 400, "InvalidRequest")
            self.assertIn(named, response.text("Message"))

    # ---- preflight ----

    def test_549_needs_no_signature_and_no_object(self):
        self.set("cors", document(rule(ORIGIN)))
        for key in (None, "key", "not/there", ".s4mpu/x"):
            self.assert_status(200, self.preflight(key=key))
        self.assert_status(200, self.preflight(query=[("X-Amz-Signature", "wrong"), ("X-Amz-Algorithm", "wrong")]))

    def test_549_the_bucket_in_the_hosts_name(self):
        self.set("cors", document(rule(ORIGIN)))
        answer = self.alice.request("OPTIONS", self.bucket, "key", (), [("Origin", ORIGIN), ("Access-Control-Request-Method", "GET")],
                                    auth="none", style="virtual")
        self.assert_status(200, answer)
        self.assert_allowed(answer)

    def test_550_bad_questions(self):
        for _ in range(2):
            self.assert_error(self.preflight(origin=None), 400, "BadRequest")
            self.assert_error(self.preflight(method=None), 400, "BadRequest")
            for method in ("get", "TRACE", ""):
                self.assert_error(self.preflight(method=method), 400, "BadRequest")
            for headers in ("a b", "a, \"b\"", "a:b"):
                self.assert_error(self.preflight(headers=headers), 400, "BadRequest")
            self.set("cors", document(rule("*", headers=("*", ))))

    def test_551_refused(self):
        self.assert_error(self.preflight(), 403, "AccessForbidden", {"Method": "GET", "ResourceType": "OBJECT"}, "not enabled")
        self.assert_error(self.preflight(key=None), 403, "AccessForbidden", {"ResourceType": "BUCKET"})
        self.set("cors", document(rule(ORIGIN, headers=("x-a", ))))
        for question in ({"origin": "http://other"}, {"method": "PUT"}, {"headers": "x-b"}, {"headers": "x-a,x-b"},
                         {"origin": ORIGIN + ":80"}, {"origin": ORIGIN.upper()}):
            self.assert_no_cors(self.assert_error(self.preflight(**question), 403, "AccessForbidden", ["Method", "ResourceType"]))
        self.assert_error(self.preflight(bucket=self.bucket_name()), 404, "NoSuchBucket")

    def test_552_allowed(self):
        self.set("cors", document(rule(ORIGIN, methods=("GET", "PUT"), headers=("x-*", "Content-Type"),
                                       expose=("ETag", "x-amz-request-id"), age=300), rule("*", methods=("HEAD", ))))
        response = self.preflight(headers="X-Any,  content-TYPE")
        self.assert_status(200, response)
        self.assertEqual(b"", response.body)
        self.assert_allowed(response, methods="GET, PUT")
        self.assertEqual(("x-any, content-type", "ETag, x-amz-request-id", "300"),
                         tuple(response.header(f"access-control-{name}") for name in ("allow-headers", "expose-headers", "max-age")))
        response = self.preflight(method="HEAD")
        self.assert_allowed(response, "*", "HEAD")
        for name in ("allow-headers", "expose-headers", "max-age"):
            self.assertIsNone(response.header(f"access-control-{name}"))

    def test_548_first_match_and_stars(self):
        self.set("cors", document(rule("http://a.*.z", id="1"), rule("http://a*", methods=("GET", "PUT"))))
        self.assert_allowed(self.preflight(origin="http://a..z"), "http://a..z")
        self.assert_allowed(self.preflight(origin="http://a.b.z"), "http://a.b.z")
        self.assert_allowed(self.preflight(origin="http://a.b.zz"), "http://a.b.zz", "GET, PUT")
        self.assert_allowed(self.preflight(origin="http://a.z"), "http://a.z", "GET, PUT")
        self.assert_allowed(self.preflight(origin="http://a.b.z", method="PUT"), "http://a.b.z", "GET, PUT")

    # ---- other requests ----

    def test_553_whatever_the_status(self):
        self.set("cors", document(rule(ORIGIN, methods=("GET", "PUT", "HEAD", "DELETE", "POST"), expose=("ETag", ), age=9)))
        etag = self.put("key", b"body").header("etag")
        origin = [("Origin", ORIGIN)]
        answers = [(200, self.get("key", headers=origin)), (206, self.get("key", headers=[*origin, ("Range", "bytes=0-1")])),
                   (304, self.get("key", headers=[*origin, ("If-None-Match", etag)])),
                   (412, self.get("key", headers=[*origin, ("If-Match", '"x"')])),
                   (404, self.get("none", headers=origin)), (404, self.head("none", headers=origin)),
                   (200, self.head("key", headers=origin)), (200, self.put("other", b"", origin)),
                   (200, self.alice.get(self.bucket, None, (), origin)), (204, self.alice.delete(self.bucket, "other", (), origin)),
                   (403, self.bob.get(self.bucket, "key", (), origin)),
                   (403, self.alice.get(self.bucket, "key", (), origin, secret_key="wrong")),
                   (403, self.alice.get(self.bucket, "key", (), origin, auth="none")),
                   (403, self.get("key", headers=[*origin, ("x-amz-expected-bucket-owner", "nobody")])),
                   (400, self.alice.get(self.bucket, "key", (), origin, region="eu-none-1")),
                   (405, self.alice.request("PATCH", self.bucket, "key", (), origin))]
        for status, answer in answers:
            self.assertEqual(status, answer.status, answer)
            if status != 405:
                self.assert_allowed(answer, methods="GET, PUT, HEAD, DELETE, POST")
                self.assertEqual("ETag", answer.header("access-control-expose-headers"))
            self.assertIsNone(answer.header("access-control-max-age"))
        self.assert_no_cors(answers[-1][1])

    def test_553_the_requested_method_counts(self):
        self.set("cors", document(rule(ORIGIN, methods=("PUT", ))))
        self.put("key")
        self.assert_no_cors(self.get("key", headers=[("Origin", ORIGIN)]))
        self.assert_allowed(self.get("key", headers=[("Origin", ORIGIN), ("Access-Control-Request-Method", "PUT")]), methods="PUT")
        self.assert_no_cors(self.get("key", headers=[("Origin", "http://other"), ("Access-Control-Request-Method", "PUT")]))

    def test_554_vary_always(self):
        self.put("key")
        self.assertIsNone(self.get("key", headers=[("Origin", ORIGIN)]).header("vary"))
        self.set("cors", document(rule(ORIGIN)))
        for headers in ((), [("Origin", "http://other")]):
            answer = self.get("key", headers=headers)
            self.assertEqual("Origin", answer.header("vary"))
            self.assert_no_cors(answer)

    def test_554_presigned_and_forms(self):
        self.set("cors", document(rule(ORIGIN, methods=("GET", "PUT", "POST"))))
        methods = "GET, PUT, POST"
        origin = [("Origin", ORIGIN)]
        self.assert_allowed(self.alice.put(self.bucket, "key", (), origin, b"x", auth="presigned"), methods=methods)
        self.assert_allowed(self.alice.get(self.bucket, "key", (), origin, auth="presigned"), methods=methods)
        form = Form(self.alice, self.bucket)
        answer = form.send(headers=origin)
        self.assert_status(204, answer)
        self.assert_allowed(answer, methods=methods)
        form.expires = "2000-01-01T00:00:00Z"
        answer = form.send(headers=origin)
        self.assert_status(403, answer)
        self.assert_allowed(answer, methods=methods)

    def test_555_the_next_request_sees_it(self):
        for origin in ("http://a", "http://b", "http://c"):
            self.set("cors", document(rule(origin)))
            self.assert_allowed(self.preflight(origin=origin), origin)
        self.assert_status(204, self.delete_setting("cors"))
        self.assert_error(self.preflight(origin="http://c"), 403, "AccessForbidden", message="not enabled")

    def test_555_50_puts_at_once(self):
        answers, bucket = [], self.bucket
        def put(number):
            answers.append(self.put_setting("cors", document(rule(f"http://{number}")), bucket=bucket).status)
        threads = [threading.Thread(target=put, args=(number, )) for number in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([200] * 50, answers)
        [last] = self.get_setting("cors").texts("CORSRule/AllowedOrigin")
        self.assert_allowed(self.preflight(origin=last), last)
