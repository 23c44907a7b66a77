"""tests/backends/requests/starting.py -- what is wrong at start is said in one sentence that names it, within 10 s, and ends with 1."""

import hashlib
import os
import random
import secrets
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request

import backends
import certificates
import fronts
import tools_alone
from backend_case import BackendCase
from faults import fault

SECONDS = 30  # 10 at most, and 20 of a busy machine's own


class Silent:
    """Takes connections and says nothing."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.kept = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        try:
            while True:
                self.kept.append(self.listener.accept()[0])
        except OSError:
            pass

    def stop(self):
        self.listener.close()
        for connection in self.kept:
            connection.close()


class Handshakes(Silent):
    """Shows its certificate, and says no more."""

    def __init__(self, certificate, key):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        super().__init__()

    def accept(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            try:
                self.kept.append(self.context.wrap_socket(connection, server_side=True))
            except OSError:  # whoever came did not like the certificate
                connection.close()


class StartCase(BackendCase):
    def options(self, **changes):
        given = {"backend": f"s3:{self.bucket}", "endpoint": self.backend.endpoint, "backend-region": self.backend.region, **changes}
        return [word for name, value in given.items() for word in (f"--{name}", value)]

    def environment(self, **changes):
        given = {"AWS_ACCESS_KEY_ID": self.backend.access_key, "AWS_SECRET_ACCESS_KEY": self.backend.secret_key, **changes}
        return {name: value for name, value in given.items() if value is not None}

    def assert_refused(self, words, options=None, environment=None, statuses=(1,)):
        """One line, one of the words in it (whatever their case), the exit status, in time."""
        code, said, seconds = fronts.try_start(self.baled, self.options() if options is None else options,
                                               self.environment() if environment is None else environment, 6 * SECONDS)
        self.assertIn(code, statuses, f"{said}\n(after {seconds:.1f} s)")
        self.assertLess(seconds, SECONDS, said)
        lines = [line for line in said.splitlines() if line.startswith("baled: ")]
        self.assertEqual((1, 1), (len(lines), len(said.strip().splitlines())), said)
        for alternatives in words:
            self.assertTrue(any(word.lower() in said.lower() for word in alternatives.split("|")), f"none of {alternatives}: {said}")
        return said


class WrongStarts(StartCase):
    def test_a_bucket_that_is_not_there(self):
        self.assert_refused(["no-such-bucket-here", "bucket"], self.options(backend="s3:no-such-bucket-here"))

    def test_an_endpoint_where_nobody_listens(self):
        port = backends.free_port()
        self.assert_refused([f"127.0.0.1:{port}", "refused"], self.options(endpoint=f"http://127.0.0.1:{port}"))

    def test_an_endpoint_that_has_no_address(self):
        self.assert_refused(["no-such-host.invalid"], self.options(endpoint="http://no-such-host.invalid:9"))

    def test_an_endpoint_that_says_nothing(self):
        silent = Silent()
        self.addCleanup(silent.stop)
        self.assert_refused([f"127.0.0.1:{silent.port}"], self.options(endpoint=f"http://127.0.0.1:{silent.port}"))

    def test_an_endpoint_that_is_no_s3_server(self):
        admin = self.bale().server.admin
        self.assert_refused(["no S3 server"], self.options(endpoint=f"http://127.0.0.1:{admin[1]}"))

    def test_an_endpoint_that_is_no_url(self):
        for endpoint in ("127.0.0.1:9000", "ftp://127.0.0.1", "http://", "http://host:port"):
            self.assert_refused(["the endpoint", endpoint], self.options(endpoint=endpoint), statuses=(1, 2))

    def test_a_wrong_region(self):
        if self.backend_name == "minio":
            proxy = self.proxy(fault("refuse", status=400, code="AuthorizationHeaderMalformed"))  # it takes any region
            self.assert_refused(["region"], self.options(endpoint=proxy.endpoint))
            return
        self.assert_refused(["region"], self.options(**{"backend-region": "eu-nowhere-7"}))

    def test_a_wrong_access_key(self):
        self.assert_refused(["access key"], environment=self.environment(AWS_ACCESS_KEY_ID="AKIANOBODYKNOWSTHIS"))

    def test_a_wrong_secret_key(self):
        self.assert_refused(["secret key"], environment=self.environment(AWS_SECRET_ACCESS_KEY="wrong" * 8))

    def test_no_credentials_at_all(self):
        self.assert_refused(["credential"], environment=self.environment(AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None))

    def test_access_that_is_denied(self):
        proxy = self.proxy(fault("refuse", status=403, code="AccessDenied"))
        self.assert_refused(["these credentials", "AccessDenied"], self.options(endpoint=proxy.endpoint))

    def test_a_session_that_has_expired(self):
        for code in ("ExpiredToken", "InvalidToken"):
            proxy = self.proxy(fault("refuse", status=400, code=code))
            self.assert_refused(["session token"], self.options(endpoint=proxy.endpoint), self.environment(AWS_SESSION_TOKEN="expired"))

    def test_a_bucket_that_lies_elsewhere(self):
        """As AWS says it of a bucket in another region."""
        proxy = self.proxy(fault("refuse", status=301, code="PermanentRedirect"))
        self.assert_refused(["--backend-region"], self.options(endpoint=proxy.endpoint))

    def test_a_clock_that_is_wrong(self):
        """The refusal as S3 writes it; a server that tells its time is one that Bale can follow, so this one does not."""
        proxy = self.proxy(fault("refuse", status=403, code="RequestTimeTooSkewed"))
        self.assert_refused(["clock"], self.options(endpoint=proxy.endpoint))


class BusyStarts(StartCase):
    def begin(self, proxy):
        """A start that waits, and its admin port, which it has already."""
        admin, s3 = backends.free_port(), backends.free_port()
        folder = tempfile.mkdtemp(prefix="bale-busy-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        base = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        options = self.options(endpoint=proxy.endpoint, state=folder, admin=f"127.0.0.1:{admin}", listen=f"127.0.0.1:{s3}")
        process = subprocess.Popen([self.baled, *options], env={**base, **self.environment()}, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.wait_for(lambda: self.ask(admin, "/ready") is not None, "an admin listener")
        return process, admin

    def ask(self, port, path):
        """(status, text); None while nobody listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=600) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except (urllib.error.URLError, ConnectionError):
            return None

    def test_a_server_that_is_busy_is_waited_for(self):
        proxy = self.proxy(fault("refuse", status=503))
        process, admin = self.begin(proxy)
        status, text = self.ask(admin, "/ready")
        self.assertEqual(503, status)
        for word in ("starting: ", f"127.0.0.1:{proxy.port}", "503"):
            self.assertIn(word, text)
        self.assertEqual((200, "alive\n"), self.ask(admin, "/health"))
        self.assertIsNone(process.poll())
        proxy.clear()
        self.wait_for(lambda: self.ask(admin, "/ready") == (200, "ready\n"), "a start that goes on")
        process.terminate()
        self.assertEqual(0, process.wait(60))
        self.assertIn("baled: ready", process.stdout.read())

    def test_a_signal_ends_the_waiting(self):
        process, _ = self.begin(self.proxy(fault("refuse", status=503)))
        process.terminate()
        self.assertEqual(0, process.wait(60))


class Certificates(StartCase):
    """TLS to the backend; one server is enough for that."""

    FOR = ("raw",)

    def secure(self, *names):
        """A raw backend behind TLS, with a certificate for these names; and the authority that it is known by."""
        backend = backends.Raw(self.baled)
        self.addCleanup(backend.stop)
        authority = certificates.Authority(str(backend.folder))
        certificate, key = authority.issue_for(*(names or ("IP:127.0.0.1",)))
        backend.secure(certificate, key, authority)
        return backend, authority

    def start_secure(self):
        backend, authority = self.secure()
        self.backend, self.bucket = backend.start(), backend.bucket
        return authority

    def test_an_authority_that_nobody_knows(self):
        self.start_secure()
        self.assert_refused(["certificate"])

    def test_another_authority(self):
        self.start_secure()
        other = tempfile.TemporaryDirectory()
        self.addCleanup(other.cleanup)
        self.assert_refused(["certificate"], self.options() + ["--ca-file", certificates.Authority(other.name).ca])

    def test_a_certificate_of_another_host(self):
        backend, authority = self.secure("DNS:somebody-else.test")
        backend.tls.check_hostname = False  # the test itself may speak to it
        self.backend, self.bucket = backend.start(), backend.bucket
        self.assert_refused(["certificate", "127.0.0.1"], self.options() + ["--ca-file", authority.ca])

    def test_a_certificate_that_has_expired(self):
        """No authority helps there, so none is spoken of. (Bale itself does not start with such a certificate.)"""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        authority = certificates.Authority(folder.name)
        server = Handshakes(*authority.issue_expired("IP:127.0.0.1"))
        self.addCleanup(server.stop)
        endpoint = f"https://127.0.0.1:{server.port}"
        said = self.assert_refused([endpoint, "certificate has expired", "renewed"],
                                   self.options(endpoint=endpoint) + ["--ca-file", authority.ca])
        self.assertNotIn("--ca-file", said)

    def test_an_authority_that_is_named(self):
        """From one end to the other: both kinds of writes, ranges, an upload in parts, a second Bale, and bale without a server."""
        authority = self.start_secure()
        bale = self.bale(self.backend, "--ca-file", authority.ca, "--part-size", "5M")
        alice = bale.client()
        bodies = {"small": b"secret\n" * 900, "large": random.Random(self.seed).randbytes(12 << 20), "empty": b""}
        for key, body in bodies.items():
            self.assertEqual(200, alice.put(self.bucket, key, (), {"if-none-match": "*"}, body, payload="unsigned").status)
            self.assertEqual(412, alice.put(self.bucket, key, (), {"if-none-match": "*"}, b"", payload="unsigned").status)
        other = self.bale(self.backend, "--ca-file", authority.ca).client()
        for client in (alice, other):
            for key, body in bodies.items():
                self.assertTrue(body == client.get(self.bucket, key).body, key)
            self.assertEqual(bodies["large"][5_000_000:5_000_100],
                             client.get(self.bucket, "large", (), {"range": "bytes=5000000-5000099"}).body)
        for options, status in ((["--ca-file", authority.ca], 0), ([], 1)):
            done = tools_alone.bale_command(self, "cat", f"{self.bucket}/small", *options)
            self.assertEqual((status, b"" if status else bodies["small"]), (done.returncode, done.stdout), done.stderr)
        self.assertIn(b"certificate", done.stderr)
        self.assertEqual(204, alice.delete(self.bucket, "large").status)
        self.assertEqual(0, bale.stop())

    def test_plain_http_where_tls_is_spoken_and_the_other_way_round(self):
        plain = self.backend
        authority = self.start_secure()
        self.assert_refused(["https"], self.options(endpoint=self.backend.endpoint.replace("https://", "http://")))
        self.assert_refused(["does not speak TLS"], self.options(endpoint=plain.endpoint.replace("http://", "https://"))
                            + ["--ca-file", authority.ca])

    def test_an_authority_file_that_is_none(self):
        self.start_secure()
        self.assert_refused(["certificates of authorities /nowhere/ca.pem"], self.options() + ["--ca-file", "/nowhere/ca.pem"])
        self.assert_refused(["certificates of authorities", "accounts.ini"], self.options() + ["--ca-file", str(self.backend.folder / "accounts.ini")])


    def test_an_authority_of_plain_http(self):
        """One file is given to all tools of a machine (AWS_CA_BUNDLE): it is accepted, and said to be of no use."""
        bale = self.bale(self.backend, "--ca-file", "/some/authorities.pem")
        said = f"{self.backend.endpoint} shows no certificate, which the authorities of /some/authorities.pem could prove"
        self.wait_for_line(bale, said)
        self.assertEqual(1, bale.log().count(said))
        self.assertEqual(200, bale.client().put(self.bucket, "k", (), (), b"body").status)
        done = tools_alone.bale_command(self, "cat", f"{self.bucket}/k", "--ca-file", "/some/authorities.pem")
        self.assertEqual((0, b"body"), (done.returncode, done.stdout), done.stderr)
        self.assertNotIn("shows no certificate", self.bale(self.backend).log())


class RightStarts(BackendCase):
    def test_a_prefix_hides_the_rest(self):
        plain = self.direct().client()
        plain.put(self.bucket, "outside", (), (), b"x")
        plain.put(self.bucket, "team/a/inside", (), (), b"y")
        bale = self.bale(self.backend, "--backend", f"s3:{self.bucket}/team/a/")
        alice = bale.client()
        self.assertEqual(["inside"], alice.get(self.bucket, None, {"list-type": "2"}).texts("Contents/Key"))
        self.assertEqual((b"y", 404), (alice.get(self.bucket, "inside").body, alice.get(self.bucket, "outside").status))
        alice.put(self.bucket, "new", (), (), b"z")
        self.assertEqual(200, plain.head(self.bucket, "team/a/new").status)

    def test_another_name_for_the_bucket(self):
        bale = self.bale(self.backend, "--bucket-name", "warehouse")
        alice = bale.client()
        self.assertEqual(["warehouse"], alice.get().texts("Buckets/Bucket/Name"))
        self.assertEqual(200, alice.put("warehouse", "k", (), (), b"x").status)
        self.assertEqual(404, alice.get(self.bucket, "k").status)
        self.assertEqual(200, self.direct().client().head(self.bucket, "k").status)

    def test_one_bucket_is_seen_unless_all_are_asked_for(self):
        others = self.backend.another_bucket().bucket
        alice = self.bale().client()
        self.assertEqual([self.bucket], alice.get().texts("Buckets/Bucket/Name"))
        self.assertEqual(404, alice.get(others, "k").status)
        alice = self.bale(self.backend, "--all-buckets").client()
        name = f"made-{secrets.token_hex(6)}"
        self.assertEqual(200, alice.put(name).status)
        self.assertEqual(200, alice.put(name, "k", (), (), b"x").status)
        self.assertIn(name, alice.get().texts("Buckets/Bucket/Name"))

    def test_a_bucket_that_is_not_there_is_not_asked_for_each_time(self):
        """For a moment; and it is there for all shards as soon as one of them has made it."""
        proxy = self.proxy()
        bale = self.bale(proxy, "--all-buckets", "--shards", "2")
        for name in (f"soon-{secrets.token_hex(6)}" for _ in range(4)):
            proxy.reset()
            clients = [bale.client() for _ in range(8)]  # each has a connection of its own, to either shard
            for client in clients * 4:
                self.assertEqual((404, "NoSuchBucket"), (client.get(name, "k").status, client.get(name, "k").code))
            asked = [entry for entry in proxy.log() if entry["bucket"] == name]
            self.assertLess(len(asked), 16, "64 requests of clients")
            self.assertEqual(200, clients[0].put(name).status)
            for client in clients:
                self.assertEqual(200, client.put(name, "k", (), (), b"x").status)

    def test_reserved_names_are_refused_and_hidden(self):
        alice = self.bale().client()
        alice.put(self.bucket, "visible", (), (), b"x")
        self.assertEqual(403, alice.put(self.bucket, ".s4dict/x", (), (), b"forged").status)
        self.assertEqual(403, alice.get(self.bucket, ".s4dict/x").status)
        for key in (".bale/backend", ".bale/x", "a.s4index", ".s4mpu/x"):
            self.assertEqual(400, alice.put(self.bucket, key, (), (), b"forged").status, key)
            self.assertEqual(404, alice.get(self.bucket, key).status, key)
        listed = alice.get(self.bucket, None, {"list-type": "2"})
        self.assertEqual(["visible"], listed.texts("Contents/Key"))
        self.assertEqual([], alice.get(self.bucket, None, {"list-type": "2", "delimiter": "/"}).texts("CommonPrefixes/Prefix"))

    def test_what_is_there_stays_readable_without_bale(self):
        """A small body that does not shrink is stored as it came, whoever reads it."""
        bale = self.bale(self.backend, "--codec", "none")
        bale.client().put(self.bucket, "k", (), {"content-type": "text/plain"}, b"as it came")
        self.assertEqual(0, bale.stop())
        answer = self.direct().client().get(self.bucket, "k")
        self.assertEqual((b"as it came", "text/plain"), (answer.body, answer.header("content-type")))

    def test_a_prefix_stands_before_each_key_as_it_is(self):
        """Without a slash at its end, too; but then the log warns."""
        for prefix, is_warned in (("in/here", True), ("in/there/", False)):
            bale = self.bale(self.backend, "--backend", f"s3:{self.bucket}/{prefix}", "--codec", "none")
            self.assertEqual(200, bale.client().put(self.bucket, "first/k", (), (), b"body").status)
            self.assertEqual(0, bale.stop())
            self.assertEqual(is_warned, f"the key k lies at {prefix}k" in bale.log(), bale.log())
            self.assertEqual(b"body", self.direct().client().get(self.bucket, f"{prefix}first/k").body)

    def test_one_process_owns_a_state_folder(self):
        bale = self.bale()
        options = ["--backend", f"s3:{self.bucket}", "--endpoint", self.backend.endpoint, "--state", os.path.join(bale.daemon.folder, "state")]
        environment = {"AWS_ACCESS_KEY_ID": self.backend.access_key, "AWS_SECRET_ACCESS_KEY": self.backend.secret_key}
        for holder in (f"process {bale.server.pid} (baled)", None):
            status, said, _ = fronts.try_start(self.baled, options, environment, 3 if holder is None else 60)
            if holder is None:  # it serves until it is ended
                self.assertIsNone(status, said)
                break
            self.assertEqual(1, status, said)
            self.assertIn(f"state is in use by {holder}. One process owns a folder.", said)
            self.assertEqual(200, bale.client().put(self.bucket, "k", (), (), b"unharmed").status)
            bale.kill()  # the kernel gives the lock back

    def test_a_lost_state_folder_loses_nothing(self):
        bodies = {f"k{size}": hashlib.shake_128(b"%d" % size).digest(size) for size in (0, 10, 70_000, 20 << 20)}
        bale = self.bale()
        for key, body in bodies.items():
            self.assertEqual(200, bale.client().put(self.bucket, key, (), {"x-amz-meta-m": key}, body, payload="unsigned").status)
        bale.stop()
        another = self.bale()
        for key, body in bodies.items():
            answer = another.client().get(self.bucket, key)
            self.assertEqual((200, key, hashlib.md5(body).digest()),
                             (answer.status, answer.header("x-amz-meta-m"), hashlib.md5(answer.body).digest()))
            self.assertEqual('"' + hashlib.md5(body).hexdigest() + '"', answer.header("etag"))
