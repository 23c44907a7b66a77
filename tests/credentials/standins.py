"""tests/credentials/standins.py -- STS, the agent of containers and the metadata service of instances, on loopback.

Each speaks as much of the real protocol as a client can notice, and keeps what it was asked. What it answers is set by the
test: `script` is a list of functions of the request, used up one by one before the usual answer.
"""

import hashlib
import hmac
import json
import threading
import time
import urllib.parse
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def iso(seconds):
    """A time that lies so many seconds ahead."""
    whole = time.time() + seconds
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{int(whole % 1 * 1000):03}Z"


@dataclass
class Request:
    method: str
    path: str
    headers: dict
    body: bytes
    form: dict = field(default_factory=dict)


class StandIn:
    """An HTTP server in threads; `answer(request)` gives (status, text) or None, which means never."""

    def __init__(self, tls=None):
        self.requests, self.script, self.lock = [], [], threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                request = Request(self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                with outer.lock:
                    outer.requests.append(request)
                    act = outer.script.pop(0) if outer.script else outer.answer
                answer = act(request)
                if answer is None:
                    outer.ended.wait()
                    self.close_connection = True
                    return
                status, text, *headers = answer
                data = text if isinstance(text, bytes) else text.encode()
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_PUT = do_POST = handle_any

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_):  # somebody who did not wait
                pass

        self.ended = threading.Event()
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()

    def answer(self, request):
        raise NotImplementedError


class Keys:
    """Hands out pairs AKID-n, SECRET-n, TOKEN-n, each valid for `life` seconds."""

    def __init__(self, life=3600):
        self.life, self.count, self.expires, self.lock = life, 0, {}, threading.Lock()

    def next(self):
        with self.lock:
            self.count += 1
            self.expires[f"AKID-{self.count}"] = time.time() + self.life
            return f"AKID-{self.count}", f"SECRET-{self.count}", f"TOKEN-{self.count}", iso(self.life)


# ---- STS ----

STS_REFUSAL = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>{code}</Code><Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"""


def sts_refuses(status, code, message="because"):
    return lambda request: (status, STS_REFUSAL.format(code=code, message=message))


class Sts(StandIn):
    """`secrets` are those of the access keys that may assume roles: signatures are computed here, independently."""

    def __init__(self, keys, secrets=None, region="us-east-1", **options):
        self.keys, self.secrets, self.region = keys, secrets or {}, region
        super().__init__(**options)

    def answer(self, request):
        request.form = dict(urllib.parse.parse_qsl(request.body.decode(), strict_parsing=True))
        action = request.form.get("Action")
        if request.method != "POST" or request.form.get("Version") != "2011-06-15" or "RoleArn" not in request.form:
            return sts_refuses(400, "ValidationError")(request)
        if action == "AssumeRole":
            wrong = self.check_signature(request)
            if wrong:
                return sts_refuses(403, "SignatureDoesNotMatch", wrong)(request)
        elif action == "AssumeRoleWithWebIdentity":
            if "authorization" in request.headers or not request.form.get("WebIdentityToken"):
                return sts_refuses(400, "InvalidIdentityToken")(request)
        else:
            return sts_refuses(400, "InvalidAction")(request)
        access_key, secret_key, token, expiration = self.keys.next()
        return 200, f"""<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <{action}Result>
    <AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/r/s</Arn><AssumedRoleId>ARO:s</AssumedRoleId></AssumedRoleUser>
    <Credentials>
      <AccessKeyId>{access_key}</AccessKeyId>
      <SecretAccessKey>{secret_key}</SecretAccessKey>
      <SessionToken>
        {token}
      </SessionToken>
      <Expiration>{expiration}</Expiration>
    </Credentials>
  </{action}Result>
  <ResponseMetadata><RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId></ResponseMetadata>
</{action}Response>"""

    def check_signature(self, request):
        """None, or what is wrong with it."""
        algorithm, _, rest = request.headers.get("authorization", "").partition(" ")
        fields = dict(piece.strip().split("=", 1) for piece in rest.split(",")) if rest else {}
        if algorithm != "AWS4-HMAC-SHA256" or set(fields) != {"Credential", "SignedHeaders", "Signature"}:
            return "not signed"
        access_key, day, region, service, terminator = fields["Credential"].split("/")
        timestamp = request.headers["x-amz-date"]
        names = fields["SignedHeaders"].split(";")
        if (service, terminator, day) != ("sts", "aws4_request", timestamp[:8]) or access_key not in self.secrets:
            return f"scope {fields['Credential']}"
        if region != self.region:
            return f"signed for {region}"
        if "x-amz-security-token" in request.headers and "x-amz-security-token" not in names or "host" not in names:
            return "a header is not signed"
        canonical = "\n".join(["POST", request.path, "", *(f"{name}:{request.headers[name]}" for name in names), "",
                               fields["SignedHeaders"], hashlib.sha256(request.body).hexdigest()])
        to_sign = "\n".join([algorithm, timestamp, f"{day}/{region}/sts/aws4_request",
                             hashlib.sha256(canonical.encode()).hexdigest()])
        key = ("AWS4" + self.secrets[access_key]).encode()
        for piece in (day, region, "sts", "aws4_request"):
            key = hmac.new(key, piece.encode(), hashlib.sha256).digest()
        wanted = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
        return None if hmac.compare_digest(wanted, fields["Signature"]) else "wrong signature"


# ---- containers ----


class Container(StandIn):
    """`token`: what the Authorization header must be, or None."""

    def __init__(self, keys, token=None, **options):
        self.keys, self.token = keys, token
        super().__init__(**options)

    def answer(self, request):
        if request.method != "GET" or request.headers.get("authorization") != self.token:
            return 401, json.dumps({"code": "AccessDenied", "message": "wrong token"})
        access_key, secret_key, token, expiration = self.keys.next()
        return 200, json.dumps({"RoleArn": "arn", "AccessKeyId": access_key, "SecretAccessKey": secret_key, "Token": token,
                                "Expiration": expiration})


# ---- instances ----


class Instance(StandIn):
    ROLES = "/latest/meta-data/iam/security-credentials/"

    def __init__(self, keys, role="web-server", version_1=False):
        self.keys, self.role, self.version_1, self.tokens = keys, role, version_1, set()
        super().__init__()

    def answer(self, request):
        if request.path == "/latest/api/token":
            if self.version_1:
                return 404, "<html>404 - Not Found</html>"
            if request.method != "PUT" or not 1 <= int(request.headers.get("x-aws-ec2-metadata-token-ttl-seconds", 0)) <= 21600:
                return 400, "bad request"
            token = f"AQAEA{len(self.tokens)}=="
            self.tokens.add(token)
            return 200, token
        if request.method != "GET":
            return 405, ""
        if not self.version_1 and request.headers.get("x-aws-ec2-metadata-token") not in self.tokens:
            return 401, "Unauthorized"
        if request.path == self.ROLES:
            return (200, self.role) if self.role else (404, "Not Found")
        if self.role and request.path == self.ROLES + self.role:
            access_key, secret_key, token, expiration = self.keys.next()
            return 200, json.dumps({"Code": "Success", "LastUpdated": iso(0), "Type": "AWS-HMAC", "AccessKeyId": access_key,
                                    "SecretAccessKey": secret_key, "Token": token, "Expiration": expiration})
        return 404, "Not Found"
