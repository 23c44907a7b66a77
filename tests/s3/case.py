"""tests/s3/case.py -- the base of every conformance test: a bucket of its own, clients of each account, strict checks."""

import re
import secrets
import threading
import unittest

import checksums
import sigv4
import wire
from client import Client

# Statements 5 and 6: what these errors carry beside code and message.
ERROR_FIELDS = {
    "NoSuchKey": ["Key"], "NoSuchBucket": ["BucketName"], "NoSuchVersion": ["Key", "VersionId"],
    "InvalidArgument": ["ArgumentName", "ArgumentValue"], "InvalidRange": ["RangeRequested", "ActualObjectSize"],
    "PreconditionFailed": ["Condition"], "MethodNotAllowed": ["Method", "ResourceType"], "NotImplemented": ["Header"],
}
REQUEST_ID = re.compile(r"^[!-~]{8,}$")


def needs(what):
    """A test, or a class of them, for servers that have this; elsewhere it is refused by that name (Server.lacks)."""
    def mark(test):
        test.needs = (*getattr(test, "needs", ()), what)
        return test
    return mark


class S3Case(unittest.TestCase):
    server = None  # set by the runner, as is
    baled = None  # the program, where it is known
    SERIAL = False  # True: not beside other tests (timing, memory)

    def setUp(self):
        wanted = (*getattr(self, "needs", ()), *getattr(getattr(self, self._testMethodName), "needs", ()))
        for what in wanted:
            if what in self.server.lacks:
                self.skipTest(f"refused: {what}")
        self.alice = Client(self.server, self.server.accounts["alice"])
        self.bob = Client(self.server, self.server.accounts["bob"])
        self.reader = Client(self.server, self.server.accounts["reader"])
        self.refusals = []  # what the backend behind the server cannot do: a test that fails after one is refused by it
        for client in (self.alice, self.bob, self.reader):
            client.refusals = self.refusals
        self._bucket, self._bucket_lock = None, threading.Lock()

    def bucket_name(self, suffix=""):
        number = re.search(r"test_(\d+)", self._testMethodName)
        return f"t{number.group(1) if number else 'x'}-{secrets.token_hex(6)}{suffix}"

    def make_bucket(self, client=None, suffix=""):
        name = self.bucket_name(suffix)
        response = (client or self.alice).put(name)
        self.assertEqual(200, response.status, response)
        return name

    @property
    def bucket(self):
        with self._bucket_lock:  # a test's threads may be the first to ask
            if self._bucket is None:
                self._bucket = self.make_bucket()
            return self._bucket

    # ---- short forms ----

    def put(self, key, body=b"", headers=(), bucket=None, **options):
        response = self.alice.put(bucket or self.bucket, key, (), headers, body, **options)
        self.assert_status(200, response)
        return response

    def get(self, key, query=(), headers=(), bucket=None, **options):
        return self.alice.get(bucket or self.bucket, key, query, headers, **options)

    def head(self, key, query=(), headers=(), bucket=None, **options):
        return self.alice.head(bucket or self.bucket, key, query, headers, **options)

    def list(self, *query, bucket=None, client=None):
        return (client or self.alice).get(bucket or self.bucket, None, [("list-type", "2"), *query])

    def list_v1(self, *query, bucket=None):
        return self.alice.get(bucket or self.bucket, None, list(query))

    def raw(self, *pieces, method="GET", **options):
        """One exchange on a connection of its own, from bare bytes."""
        with self.alice.connect(**options) as connection:
            for piece in pieces:
                connection.try_send(piece)
            return connection.read_response(method)

    # ---- checks ----

    def assert_status(self, status, response):
        self.assertEqual(status, response.status, response)
        self.assertRegex(response.header("x-amz-request-id") or "", REQUEST_ID, f"statement 1: {response}")
        self.assertTrue(response.header("x-amz-id-2"), f"statement 1: {response}")

    def assert_error(self, response, status, code, children=(), message=None):
        """An error as statements 1 and 2 want every error to be, and this one in particular."""
        self.assert_status(status, response)
        self.assertTrue(response.body.startswith(b"<?xml"), f"statement 2: {response}")
        self.assertEqual("application/xml", (response.header("content-type") or "").split(";")[0], response)
        root = response.xml
        self.assertEqual("Error", root.tag, response)
        self.assertIsNone(response.namespace, f"statement 2: no namespace: {response}")
        self.assertEqual(code, response.code, response)
        self.assertTrue(response.text("Message"), f"statement 2: {response}")
        self.assertEqual(["Code", "Message"], [child.tag for child in root][:2], f"statement 2: {response}")
        self.assertEqual(response.header("x-amz-request-id"), response.text("RequestId"), f"statement 1: {response}")
        self.assertEqual(response.header("x-amz-id-2"), response.text("HostId"), f"statement 1: {response}")
        for name in ERROR_FIELDS.get(code, ()):
            self.assertIsNotNone(response.text(name), f"statements 5, 6: {name} is missing: {response}")
        if code == "MethodNotAllowed":
            self.assertTrue(response.header("allow"), f"statement 6: {response}")
        if isinstance(children, dict):
            for name, value in children.items():
                self.assertEqual(str(value), response.text(name), f"{name}: {response}")
        else:
            for name in children:
                self.assertIsNotNone(response.text(name), f"{name} is missing: {response}")
        if message:
            self.assertRegex(response.text("Message"), re.compile(message, re.IGNORECASE))
        return response

    def assert_success_xml(self, response, root):
        self.assert_status(200, response)
        self.assertEqual(wire.S3_NAMESPACE, response.namespace, f"statement 3: {response}")
        self.assertEqual(root, response.xml.tag, response)
        self.assertEqual("application/xml", (response.header("content-type") or "").split(";")[0], response)
        return response

    def assert_object(self, key, body, bucket=None, client=None):
        response = (client or self.alice).get(bucket or self.bucket, key)
        self.assert_status(200, response)
        self.assertEqual(len(body), len(response.body))
        self.assertEqual(checksums.etag(body), response.header("etag"), response.headers)
        self.assertTrue(body == response.body, f"{key!r}: other bytes than were put")
        return response

    def assert_absent(self, key, bucket=None):
        self.assert_error(self.alice.get(bucket or self.bucket, key), 404, "NoSuchKey")
        listed = self.alice.get(bucket or self.bucket, None, {"list-type": "2", "encoding-type": "url"})
        self.assertNotIn(sigv4.uri_encode(key, keep_slash=True), listed.texts("Contents/Key"))

    def assert_closed(self, connection, seconds=60):
        self.assertTrue(connection.is_closed_within(seconds), "the connection is still open")

    def assert_refused_write(self, status, code, key, children=(), message=None, **options):
        """A PUT that must be refused, once with nothing there and once over an object that must stay (141)."""
        arguments = {"headers": (), "body": b"new bytes", **options}
        self.alice.delete(self.bucket, key)
        first = self.alice.put(self.bucket, key, **arguments)
        self.assert_error(first, status, code, children, message)
        self.assert_absent(key)
        self.put(key, b"old bytes", {"x-amz-meta-age": "old"})
        self.assert_error(self.alice.put(self.bucket, key, **arguments), status, code, children, message)
        kept = self.assert_object(key, b"old bytes")
        self.assertEqual("old", kept.header("x-amz-meta-age"))
        return first
