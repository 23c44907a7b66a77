"""tests/clients/test_browser.py -- a browser: a page of another origin uploads by a form, and reads by CORS."""

import base64
import hashlib
import html
import http.server
import json
import re
import threading
import urllib.parse

from cache import PROGRAMS
from case import ClientCase, http_only
from forms import Form

BROWSER = "/usr/bin/chromium"
SIZE = 300_000
BODY = bytes(i * 7 % 256 for i in range(SIZE))


class Pages(http.server.ThreadingHTTPServer):
    """The site whose page it is; it keeps the paths that it was asked for."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Page)
        self.asked = []
        self.origin = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        body = (PROGRAMS / "browser.html").read_bytes() if self.path == "/" else b"<title>done</title>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Browser(ClientCase):
    def setUp(self):
        super().setUp()
        self.need(BROWSER)
        self.pages = Pages()
        self.addCleanup(self.pages.stop)

    def visit(self, asked):
        """What the page looks like when all that it does is done."""
        url = self.pages.origin + "/#" + urllib.parse.quote(json.dumps(asked))
        return self.run_client(BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                               "--disable-background-networking", f"--user-data-dir={self.home / 'profile'}",
                               "--virtual-time-budget=20000", "--dump-dom", url)

    def presigned(self, method, bucket, key):
        prepared = self.alice.prepare(method, bucket, key, auth="presigned")
        return self.endpoint + prepared.target.decode()

    def form(self, bucket, key):
        form = Form(self.alice, bucket, key)
        form.add("Content-Type", "image/png")
        return form

    def rules(self, bucket, *methods):
        inside = "".join(f"<AllowedMethod>{method}</AllowedMethod>" for method in methods)
        document = (f"<CORSConfiguration><CORSRule><AllowedHeader>x-wanted</AllowedHeader>{inside}<AllowedOrigin>{self.pages.origin}"
                    "</AllowedOrigin><ExposeHeader>ETag</ExposeHeader><ExposeHeader>x-amz-request-id</ExposeHeader><MaxAgeSeconds>60"
                    "</MaxAgeSeconds></CORSRule></CORSConfiguration>")
        digest = base64.b64encode(hashlib.sha256(document.encode()).digest()).decode()
        answer = self.alice.put(bucket, None, [("cors", None)], [("x-amz-checksum-sha256", digest)], document)
        self.assertEqual(200, answer.status, answer)

    @http_only  # a browser takes no authority from the environment
    def test_uploads_by_form_and_reads_by_cors(self):
        bucket, other = self.make_bucket("browser"), self.make_bucket("browser-without")
        self.alice.put(other, "key", (), (), b"x")
        self.rules(bucket, "GET", "PUT", "POST")
        form = self.form(bucket, "up/${filename}").add("success_action_status", "201")
        page = self.visit({
            "post": f"{self.endpoint}/{bucket}", "fields": form.fields + form.signed(), "size": SIZE,
            "get": self.presigned("GET", bucket, "up/sent ä.bin"), "missing": self.presigned("GET", bucket, "none"),
            "put": self.presigned("PUT", bucket, "put"), "elsewhere": self.presigned("GET", other, "key")})
        said = json.loads(html.unescape(re.search(r'<pre id="said">(.*?)</pre>', page, re.S)[1]))
        etag = f'"{hashlib.md5(BODY).hexdigest()}"'
        missing = said.pop("missing")
        self.assertEqual({"upload": [201, etag, True], "read": [200, SIZE, True, True], "put": [200], "header": "refused",
                          "method": "refused", "bucket": "refused"}, said)
        self.assertEqual([404, True], [missing[0], missing[3]])
        answer = self.alice.get(bucket, "up/sent ä.bin")
        self.assertEqual((200, "image/png"), (answer.status, answer.header("content-type")))
        self.assertEqual(BODY, answer.body)
        self.assertEqual(b"put", self.alice.get(bucket, "put").body)

    @http_only
    def test_a_form_that_a_person_sends(self):
        bucket = self.make_bucket("browser-form")
        for version in (2, 4):
            form = self.form(bucket, f"{version}/${{filename}}")
            form.version = version
            form.add("success_action_redirect", f"{self.pages.origin}/done")
            page = self.visit({"post": f"{self.endpoint}/{bucket}", "fields": form.fields + form.signed(), "size": SIZE, "submits": True})
            self.assertTrue("<title>done</title>" in page, page[-2000:])
            key = f"{version}/sent ä.bin"
            self.assertEqual(f"/done?bucket={bucket}&key={urllib.parse.quote(key, safe='')}&etag=%22{hashlib.md5(BODY).hexdigest()}%22",
                             [path for path in self.pages.asked if path.startswith("/done")][-1])
            self.assertEqual(BODY, self.alice.get(bucket, key).body)
