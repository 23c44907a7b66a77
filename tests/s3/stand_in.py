"""tests/s3/stand_in.py -- what stand-ins of services have in common that are asked by POST and answer in JSON, over TLS where an authority issues
their certificate: aws_kms_server.py, tests/process/vault_server.py."""

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class StandIn:
    """On loopback, from when it is made until `stop`. `silence` cleared: nobody gets an answer; `begun` counts those that have asked,
    `waiting` those that wait for it."""

    content_type = "application/json"

    def __init__(self, authority=None, port=0):
        self.calls, self.waiting, self.begun, self.silence = [], 0, 0, threading.Event()
        self.silence.set()
        self.server = ThreadingHTTPServer(("127.0.0.1", port), self.handler())
        self.server.handle_error = lambda *_: None  # whoever did not wait
        self.port = self.server.server_port
        if authority:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*authority.issue())
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"http{'s' if authority else ''}://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.silence.set()
        self.server.shutdown()
        self.server.server_close()

    def answer(self, path, headers, body):
        """(status, what becomes JSON)."""
        raise NotImplementedError

    def handler(service):
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                service.begun += 1
                service.waiting += 1
                service.silence.wait(30)
                service.waiting -= 1
                status, answer = service.answer(self.path, self.headers, body)
                text = json.dumps(answer).encode() + b"\n"
                self.send_response(status)
                self.send_header("Content-Type", service.content_type)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        return Handler
