"""tests/backends/tools/getting_urls.py -- bale get of presigned URLs: one revision, without credentials, and no signature in what is said."""

import base64
import functools
import hashlib
import http.server
import subprocess
import threading
import zlib

import multipart
from faults import fault
from getting import CHANGED, MIB, GetCase


class UrlCase(GetCase):
    def get_url(self, url, *words):
        environment = {**self.environment(), "AWS_ACCESS_KEY_ID": "AKIANOBODY", "AWS_SECRET_ACCESS_KEY": "nothing"}
        return subprocess.run(self.command("get", url, *words), cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=600, check=False)

    def assert_url(self, done, name, body, verified="verified by its ETag (MD5)"):
        errors = done.stderr.decode()
        self.assertEqual(0, done.returncode, errors)
        self.assertTrue(self.body_of(name) == body, "other bytes")
        self.assertIn(verified, errors)

    def assert_ended(self, done, status, sentence):
        errors = done.stderr.decode()
        self.assertEqual(status, done.returncode, errors)
        self.assertIn(sentence, errors)
        self.assertNotIn("X-Amz-", errors)


class GettingUrls(UrlCase):
    def presigned(self, key, place=None, **options):
        """As any SDK makes it, for the backend or the proxy before it."""
        place = place or self.backend
        host = place.endpoint.partition("://")[2]
        target = self.client.prepare("GET", self.bucket, key, auth="presigned", host=host, **options).target
        return place.endpoint + (target.decode() if isinstance(target, bytes) else target)

    def test_every_size(self):
        for size in (0, 1, 2, MIB, 3 * MIB + 512):
            with self.subTest(size):
                body = multipart.noise_bytes(size, size)
                self.put("a/key", body)
                self.assert_url(self.get_url(self.presigned("a/key"), "--part-size", "1M"), "key", body)
                streamed = self.get_url(self.presigned("a/key"), "-", "--part-size", "1M", "--parts", "3")
                self.assertEqual((0, True), (streamed.returncode, streamed.stdout == body), streamed.stderr)
                self.assertEqual(["key"], self.names())

    def test_names(self):
        for key, name in (("a b+c%d", "a b+c%d"), ("ö/ü", "ü")):
            self.put(key, b"body")
            self.assert_url(self.get_url(self.presigned(key)), name, b"body")
        self.assert_url(self.get_url(self.presigned("ö/ü") + "#fragment", "file"), "file", b"body")

    def test_an_upload_in_parts(self):
        """Nobody says its parts' sizes: it is one revision, and not compared."""
        bodies = [multipart.noise_bytes(5 * MIB, 1), b"end"]
        self.put_in_parts("key", bodies)
        self.assert_url(self.get_url(self.presigned("key")), "key", b"".join(bodies), "not verified")
        self.assert_ended(self.get_url(self.presigned("key"), "--check", "require"), 1, "nothing that its bytes could be compared with")

    def test_an_overwrite_is_noticed(self):
        self.put("key", multipart.noise_bytes(4 * MIB, 1))
        proxy = self.proxy(fault("hold", op="GetObject", after=2))
        done = []
        url = self.presigned("key", proxy)
        thread = threading.Thread(target=lambda: done.append(self.get_url(url, "--part-size", "1M", "--parts", "1")))
        thread.start()
        self.wait_for(lambda: proxy.operations().count("GetObject") >= 3, "parts have come")
        newer = multipart.noise_bytes(4 * MIB, 2)
        self.put("key", newer)
        proxy.release()
        thread.join()
        self.assert_ended(done[0], CHANGED, "it was overwritten meanwhile")
        self.assertNotIn("key", self.names())
        self.assert_url(self.get_url(self.presigned("key")), "key", newer)

    def test_another_url_goes_on(self):
        """When the first one has expired."""
        body = multipart.noise_bytes(6 * MIB, 3)
        self.put("key", body)
        proxy = self.proxy(fault("refuse", op="GetObject", status=403, nth=5))
        done = self.get_url(self.presigned("key", proxy), "--part-size", "1M", "--parts", "1")
        self.assert_ended(done, 1, "--resume goes on")
        proxy.clear()
        proxy.reset()
        self.assert_url(self.get_url(self.presigned("key", proxy, expires=600), "--part-size", "1M", "--resume"), "key", body)
        self.assertEqual(1 + 3, proxy.operations().count("GetObject"))

    def test_what_is_wrong_is_said(self):
        self.put("key", b"body")
        self.assert_ended(self.get_url(self.presigned("key")[:-4] + "0000"), 1, "403")
        self.assert_ended(self.get_url(self.presigned("none")), 1, "there is no such object")
        self.assert_ended(self.get_url(self.backend.endpoint), 1, "the URL has no path")
        self.assert_ended(self.get_url(self.backend.endpoint + "/a%0"), 1, "broken escape")
        self.assert_ended(self.get_url(self.backend.endpoint + "/a b"), 1, "must be encoded")
        self.assert_ended(self.get_url(self.presigned("key"), "--tree", "."), 2, "and no URL")
        self.assertEqual([], self.names())


class Pages(http.server.BaseHTTPRequestHandler):
    """A web server that knows ranges, or not. It says the sum of what it sends, which is not that of the page, and wants nobody's credentials."""

    protocol_version = "HTTP/1.1"

    def __init__(self, body, knows_ranges, *rest):
        self.page, self.knows_ranges = body, knows_ranges
        super().__init__(*rest)

    def do_GET(self):
        if any(name.lower() == "authorization" or name.lower().startswith("x-amz-") for name in self.headers):
            return self.send_error(400, "who are you to me?")
        wanted = self.headers["range"] if self.knows_ranges else None
        first, last = map(int, wanted.partition("=")[2].split("-")) if wanted else (0, len(self.page) - 1)
        last = min(last, len(self.page) - 1)
        self.send_response(206 if wanted else 200)
        if wanted:
            self.send_header("content-range", f"bytes {first}-{last}/{len(self.page)}")
        self.send_header("etag", f'"{hashlib.sha256(self.page).hexdigest()[:20]}"')
        self.send_header("content-length", str(last - first + 1))
        self.send_header("x-amz-checksum-crc32", base64.b64encode(zlib.crc32(self.page[first:last + 1]).to_bytes(4, "big")).decode())
        self.end_headers()
        try:
            self.wfile.write(self.page[first:last + 1])
        except OSError:
            self.close_connection = True
        return None

    def log_message(self, *_):
        pass


class Claims(http.server.BaseHTTPRequestHandler):
    """A server that says of any range that it is of so many bytes, or sends elsewhere."""

    protocol_version = "HTTP/1.1"

    def __init__(self, size, place, *rest):
        self.size, self.place = size, place
        super().__init__(*rest)

    def do_GET(self):
        first, last = map(int, self.headers["range"].partition("=")[2].split("-"))
        if self.place:
            self.send_response(302)
            self.send_header("location", self.place)
            self.send_header("content-length", "0")
            return self.end_headers()
        self.send_response(206)
        self.send_header("content-range", f"bytes {first}-{last}/{self.size}")
        self.send_header("etag", '"one"')
        self.send_header("content-length", str(last - first + 1))
        self.end_headers()
        self.close_connection = True
        return self.wfile.write(b"1")

    def log_message(self, *_):
        pass


class Shouts(http.server.BaseHTTPRequestHandler):
    """A server whose refusals would be obeyed by a terminal."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        text = b"<Error><Code>Any\x1b[2J</Code><Message>\x1b]0;title\x07 &#27;[2J &#155;2J</Message></Error>"
        self.send_response(400)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


class PageServer(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        pass  # the client has seen enough


class GettingPages(UrlCase):
    FOR = ("raw",)

    def serve(self, *what, handler=Pages):
        server = PageServer(("127.0.0.1", 0), functools.partial(handler, *what))
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/folder/page?q=1"

    def test_web_servers(self):
        body = multipart.noise_bytes(3 * MIB, 5)
        self.assert_url(self.get_url(self.serve(body, True), "--part-size", "1M"), "page", body, "not verified")
        self.assert_ended(self.get_url(self.serve(body, False), "other"), 1, "the server knows no ranges")
        self.assertEqual(["page"], self.names())

    def test_sizes_that_cannot_be(self):
        """Nothing has come then, and nobody is told that it has."""
        for size in ((1 << 64) - 1, (1 << 64) - 2, 1 << 63):
            for words in (("-",), ("file",), ("file", "--sparse")):
                self.assert_ended(self.get_url(self.serve(size, "", handler=Claims), *words), 1, "no file is so large")
        self.assert_ended(self.get_url(self.serve((1 << 63) - 1, "", handler=Claims), "-"), 1, "there is no memory for")
        self.assertNotIn("file", self.names())

    def test_where_it_sends_to_is_not_followed(self):
        elsewhere = self.serve(b"body", True)
        done = self.get_url(self.serve(0, elsewhere + "&X-Amz-Signature=1", handler=Claims), "file")
        self.assert_ended(done, 1, "which is not followed")
        self.assertNotIn("file", self.names())

    def test_nothing_that_a_terminal_obeys(self):
        """Neither of what a server says, nor of a name that somebody else made up."""
        self.assert_ended(self.get_url(self.serve(handler=Shouts), "file"), 1, "400")
        self.assert_quiet(self.get_url(self.serve(handler=Shouts), "file"))
        named = self.serve(b"body", True).replace("page", "a%1b%5b2Jb%0Ac")
        done = self.get_url(named)
        self.assert_url(done, "a\x1b[2Jb\nc", b"body", "not verified")
        self.assert_quiet(done)
        self.assert_quiet(self.get_url(named, "none/"))

    def assert_quiet(self, done):
        self.assertEqual([], [byte for byte in done.stderr[:-1] if byte < 0x20 or byte == 0x7F], done.stderr)
