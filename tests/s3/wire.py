"""tests/s3/wire.py -- HTTP/1.1 over a bare socket, or TLS on it: sends exactly the bytes it is given, reads answers strictly.

A real HTTP library corrects what a test wants to send wrong, and forgives what a server does wrong. This one does
neither: an answer that is not framed as RFC 9112 asks for raises ProtocolError.
"""

import socket
import ssl
import time
import xml.etree.ElementTree as ElementTree

S3_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
TIMEOUT_SECONDS = 300


class ProtocolError(Exception):
    pass


class Closed(ProtocolError):
    """The server closed the connection where an answer (or the rest of one) was due."""


class Response:
    def __init__(self, status, reason, headers, body):
        self.status, self.reason, self.headers, self.body = status, reason, headers, body
        self.interim = []  # statuses of 1xx answers that came before

    def header(self, name, default=None):
        values = self.all(name)
        return values[0] if values else default

    def all(self, name):
        return [value for other, value in self.headers if other.lower() == name.lower()]

    @property
    def names(self):
        return {name.lower() for name, _ in self.headers}

    @property
    def xml(self):
        """The document's root with namespaces taken off the tags."""
        root = ElementTree.fromstring(self.body)
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]
        return root

    @property
    def namespace(self):
        tag = ElementTree.fromstring(self.body).tag
        return tag[1:].partition("}")[0] if tag.startswith("{") else None

    @property
    def code(self):
        return self.text("Code") if self.body else None

    def text(self, path):
        element = self.xml.find(path)
        return None if element is None else element.text or ""

    def texts(self, path):
        return [element.text or "" for element in self.xml.findall(path)]

    def __repr__(self):
        return f"<{self.status} {self.reason} {self.headers} {self.body[:600]!r}>"


class Connection:
    def __init__(self, address, timeout=TIMEOUT_SECONDS, receive_buffer=None, tls=None):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer:  # must be set before the handshake
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname=address[0])
        self.pending = b""
        self.must_close = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def try_send(self, data):
        """Sends what the server is willing to take; a server that has answered and closed is no error here."""
        try:
            self.socket.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
            return False

    def send_in_pieces(self, data, piece_bytes, pause_seconds=0.0):
        for start in range(0, len(data), piece_bytes):
            self.send(data[start:start + piece_bytes])
            if pause_seconds:
                time.sleep(pause_seconds)

    def finish_sending(self):
        socket.socket.shutdown(self.socket, socket.SHUT_WR)  # without close_notify, and TLS stays readable

    def reset(self):
        """Close with RST, as a client that was killed does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.socket.close()

    # ---- receiving ----

    def _fill(self):
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionResetError:
            data = b""
        if not data:
            raise Closed(f"the server closed the connection; unread so far: {self.pending[:200]!r}")
        self.pending += data

    def _line(self):
        while b"\r\n" not in self.pending:
            self._fill()
        line, _, self.pending = self.pending.partition(b"\r\n")
        return line

    def read_exactly(self, size):
        pieces, have = [self.pending[:size]], min(size, len(self.pending))
        self.pending = self.pending[size:]
        while have < size:
            self._fill()
            piece, self.pending = self.pending[:size - have], self.pending[size - have:]
            pieces.append(piece)
            have += len(piece)
        return b"".join(pieces)

    def read_head(self):
        parts = self._line().split(b" ", 2)
        if len(parts) < 2 or not parts[0].startswith(b"HTTP/1."):
            raise ProtocolError(f"not a status line: {parts!r}")
        headers = []
        while line := self._line():
            name, colon, value = line.partition(b":")
            if not colon or name != name.strip():
                raise ProtocolError(f"not a header line: {line!r}")
            headers.append((name.decode("latin-1"), value.strip(b" \t").decode("utf-8", "surrogateescape")))
        return Response(int(parts[1]), parts[2].decode("latin-1") if len(parts) > 2 else "", headers, b"")

    def read_response(self, method="GET"):
        interim = []
        while True:
            response = self.read_head()
            if response.status >= 200:
                break
            interim.append(response.status)
        response.interim = interim
        self.read_body(response, method)
        if "close" in (response.header("connection") or "").lower():
            self.must_close = True
        return response

    def read_body(self, response, method):
        lengths = set(response.all("content-length"))
        coding = (response.header("transfer-encoding") or "").lower()
        if len(lengths) > 1 or (lengths and coding):
            raise ProtocolError(f"ambiguous body length: {response.headers}")
        if method == "HEAD" or response.status in (204, 304):
            return
        if coding == "chunked":
            response.body = self._read_chunked()
        elif lengths:
            response.body = self.read_exactly(int(lengths.pop()))
        else:
            raise ProtocolError(f"no body length: {response}")

    def _read_chunked(self):
        pieces = []
        while size := int(self._line().split(b";")[0], 16):
            pieces.append(self.read_exactly(size))
            if self._line():
                raise ProtocolError("no CRLF behind a chunk")
        while self._line():
            pass
        return b"".join(pieces)

    def is_closed_within(self, seconds):
        """True when the server ends the connection (further bytes are dropped)."""
        self.socket.settimeout(seconds)
        deadline = time.monotonic() + seconds
        try:
            while time.monotonic() < deadline:
                if not self.socket.recv(1 << 16):
                    return True
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False
        return False

    def is_silent_for(self, seconds):
        """True when nothing arrives, not even the end."""
        if self.pending:
            return False
        self.socket.settimeout(seconds)
        try:
            self.pending = self.socket.recv(1 << 16)
            return False
        except TimeoutError:
            return True
        except ConnectionResetError:
            return False
        finally:
            self.socket.settimeout(TIMEOUT_SECONDS)
