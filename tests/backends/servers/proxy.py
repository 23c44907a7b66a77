#!/usr/bin/env python3
"""tests/backends/servers/proxy.py -- a proxy for HTTP between a client of S3 and its server that does what networks and servers do wrong.

usage: proxy.py --to HOST:PORT [--seed N]        (faults.py starts it, and is how tests speak to it)

It listens on two free ports of 127.0.0.1 and says which: "proxy: ready PORT CONTROL". Requests pass through it unchanged, heads
byte by byte, bodies as they come, early answers and 1xx as well; each is counted and kept in a log. Rules say which requests
meet which fault; `rule.py` has their form. What is drawn at random depends on the seed, the rule and how many requests it has
matched, not on time: a run of one client after the other is the same each time.

A rule of the kind "ignore" makes the server one that does not know a condition: it is taken out of the request, which is
signed anew (with BALE_PROXY_ACCESS_KEY and BALE_PROXY_SECRET_KEY, which are the server's), so that nothing shows.

Control: one JSON object a line in, one out. {"do": "rules", "rules": [...]}, {"do": "release"}, {"do": "log", "from": N}, {"do": "counts"},
{"do": "running"} (how many requests are), {"do": "reset"} (log and counts), {"do": "down"} (nobody listens, every connection is cut), {"do": "up"}.
"""

import argparse
import asyncio
import collections
import gc
import json
import os
import re
import socket
import struct
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[2] / "s3")]

import message  # noqa: E402
import rule as rules  # noqa: E402

HEAD_BYTES_MAX = 64 << 10
BUFFERED_BYTES_MAX = 1 << 20  # of one direction, before its sender is held up
KEPT_BODY_BYTES_MAX = 64 << 20  # of a request that is sent twice, or signed anew
IDLE_SECONDS = 2.0  # of connections to the server; younger than any server's own patience
EARLY_SECONDS = 0.5  # for the rest of a body, after the server has answered already


class Gone(Exception):
    """The other side has closed the connection where something was due."""


class Wire(asyncio.Protocol):
    """One connection: what has come and was not taken yet, and what is on its way."""

    def __init__(self):
        self.buffer = bytearray()
        self.transport = self.waiter = self.blocked = None
        self.has_ended = self.is_paused = False
        self.used_at = 0.0

    # ---- called by the loop ----

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data):
        self.buffer += data
        if len(self.buffer) > BUFFERED_BYTES_MAX and not self.is_paused:
            self.is_paused = True
            self.transport.pause_reading()
        self.wake()

    def eof_received(self):
        self.has_ended = True
        self.wake()
        return True  # the other direction stays open

    def connection_lost(self, exc):
        self.has_ended = True
        self.wake()
        self.resume_writing()

    def pause_writing(self):
        self.blocked = asyncio.get_running_loop().create_future()

    def resume_writing(self):
        if self.blocked is not None and not self.blocked.done():
            self.blocked.set_result(None)
        self.blocked = None

    def wake(self):
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    # ---- called by who owns it ----

    async def more(self):
        """Until something else has come."""
        if self.is_paused:
            self.is_paused = False
            self.transport.resume_reading()
        if self.has_ended:
            raise Gone
        self.waiter = asyncio.get_running_loop().create_future()
        try:
            await self.waiter
        finally:
            self.waiter = None

    async def read_head(self):
        """Up to and with the empty line."""
        start = 0
        while (end := self.buffer.find(b"\r\n\r\n", start)) < 0:
            if len(self.buffer) > HEAD_BYTES_MAX:
                raise Gone
            start = max(0, len(self.buffer) - 3)
            size = len(self.buffer)
            await self.more()
            if self.has_ended and len(self.buffer) == size:
                raise Gone
        return self.take(end + 4)

    async def read_line(self):
        while (end := self.buffer.find(b"\r\n")) < 0:
            size = len(self.buffer)
            await self.more()
            if self.has_ended and len(self.buffer) == size:
                raise Gone
        return self.take(end + 2)

    def take(self, size):
        taken = bytes(self.buffer[:size])
        del self.buffer[:size]
        return taken

    async def take_some(self, most):
        while not self.buffer:
            await self.more()
        return self.take(most)

    def write(self, data):
        if not self.transport.is_closing():
            self.transport.write(data)

    async def drain(self):
        if self.blocked is not None:
            await self.blocked

    def close(self):
        self.transport.close()

    def reset(self):
        """RST instead of an orderly end."""
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


# ---- bodies ----


async def body_pieces(wire, framing):
    """The bytes of a body as they stand on the wire, the marks of chunks with them."""
    if framing == "chunked":
        async for piece in chunked_pieces(wire):
            yield piece
        return
    left = framing if framing is not None else sys.maxsize
    while left > 0:
        try:
            piece = await wire.take_some(min(left, 256 << 10))
        except Gone:
            if framing is None:
                return  # its end is the connection's
            raise
        left -= len(piece)
        yield piece


async def chunked_pieces(wire):
    while True:
        line = await wire.read_line()
        yield line
        size = int(line.split(b";")[0], 16)
        if size == 0:
            break
        left = size + 2
        while left > 0:
            piece = await wire.take_some(min(left, 256 << 10))
            left -= len(piece)
            yield piece
    while True:
        line = await wire.read_line()
        yield line
        if line == b"\r\n":
            return


async def whole_body(wire, framing):
    body = bytearray()
    async for piece in body_pieces(wire, framing):
        body += piece
        if len(body) > KEPT_BODY_BYTES_MAX:
            raise Gone
    return bytes(body)


# ---- the proxy ----


class Exchange:
    """One request on its way there, its answer on its way back."""

    def __init__(self, proxy, client, request):
        self.proxy, self.client, self.request = proxy, client, request
        self.framing = request.framing
        self.ignored, self.fault = proxy.rules.decide(request)
        self.body = None  # read as a whole beforehand
        self.is_read = False  # the answer, to its end
        self.entry = proxy.note(request, self.ignored, self.fault)

    async def run(self):
        """True: the client's connection may carry another request."""
        fault = self.fault
        kind = fault.kind if fault else None
        if kind == "delay":
            await asyncio.sleep(fault.seconds())
        elif kind == "hold":
            await asyncio.wait([asyncio.ensure_future(self.proxy.released.wait())], timeout=fault.seconds(60, 60))
        elif kind == "refuse":
            return await self.refuse()
        elif kind == "cut":
            return self.cut()
        elif kind == "hang":
            await asyncio.sleep(fault.seconds(60, 60))
            return self.cut()
        if kind in ("duplicate", "duplicate-late") or self.ignored:
            await self.read_body()
            for what in self.ignored:
                self.request, self.body = self.proxy.signer.ignore(what, self.request, self.body)
        server = await self.proxy.connect()
        try:
            return await self.exchange(server, kind)
        except BaseException:
            server.close()
            raise

    # ---- the request ----

    async def read_body(self):
        if self.request.header(b"expect"):
            self.client.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.request = self.request.without(b"expect")
        self.body = await whole_body(self.client, self.framing)

    async def send(self, server):
        server.write(self.request.head)
        if self.body is not None:
            server.write(self.body)
            await server.drain()
            return
        sent, limit = 0, self.cut_at()
        async for piece in body_pieces(self.client, self.framing):
            if limit is not None and sent + len(piece) >= limit:
                server.write(piece[:limit - sent])
                await server.drain()
                await asyncio.sleep(0.005)
                server.reset()
                raise Gone
            server.write(piece)
            await server.drain()
            if sent == 0 and self.request.operation == "DeleteObjects":
                self.entry["key"] = message.first_of_many(piece)
            sent += len(piece)
        self.entry["in"] = sent

    def cut_at(self):
        """Where the request's body ends too early, or None."""
        if self.fault is None or self.fault.kind != "cut-request":
            return None
        whole = self.framing if isinstance(self.framing, int) else 1000
        return max(1, int(whole * self.fault.draw("at", 0.0, 1.0)))

    def is_at_hand(self):
        """The whole request can go with one write."""
        return self.body is not None or self.framing == 0 or (
            isinstance(self.framing, int) and len(self.client.buffer) >= self.framing and self.cut_at() is None)

    async def exchange(self, server, kind):
        sending = None
        if self.is_at_hand():
            await self.send(server)
        else:
            sending = asyncio.ensure_future(self.send(server))
        try:
            answer = await self.read_answer(server, sending)
            self.proxy.note_answer(self.entry, answer)
            if kind == "duplicate":
                await self.repeat(server, answer)
                keeps = self.may_go_on(True)
            else:
                keeps = await self.answer(server, answer, kind)
            if sending is not None and not await self.has_sent(sending):
                server.close()
                return False
            if self.is_read:
                self.proxy.give_back(server, answer)
            else:
                server.close()
            if kind == "duplicate-late":
                self.proxy.later(self.fault.seconds(0.05, 2.0), self.request, self.body)
            return keeps
        finally:
            if sending is not None:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)

    @staticmethod
    async def has_sent(sending):
        """The server has answered; whatever of the body is still on its way comes soon or never."""
        await asyncio.wait([sending], timeout=EARLY_SECONDS)
        return sending.done() and not sending.cancelled() and sending.exception() is None

    # ---- the answer ----

    async def read_answer(self, server, sending):
        while True:
            head = asyncio.ensure_future(server.read_head())
            if sending is not None and not sending.done():
                await asyncio.wait([head, sending], return_when=asyncio.FIRST_COMPLETED)
                if not head.done() and sending.exception() is not None:
                    head.cancel()
                    raise Gone
            answer = message.Answer(await head, self.request.method)
            if answer.status >= 200:
                return answer
            self.client.write(answer.head)

    async def answer(self, server, answer, kind):
        """Passes it on, with the fault that the rule wants. True: the client's connection lives on."""
        if kind in ("lose", "replace"):
            await self.swallow(server, answer)
            if kind == "lose":
                return self.cut()
            self.client.write(self.refusal())
            return self.may_go_on(True)
        if kind == "delay-answer":
            await asyncio.sleep(self.fault.seconds())
        elif kind == "omit":
            answer = answer.without(self.fault.parameters["field"].encode())
        elif kind == "slip":
            answer = self.proxy.slip(self.request, answer, self.fault.parameters.get("of", ["etag"]))
        elif kind == "slip-ahead":
            answer = await self.proxy.slip_ahead(self.request, answer, self.fault.draw("seconds", 30.0, 30.0))
        elif kind == "wrong-length" and answer.framing != 0:
            return await self.answer_wrong_length(server, answer)
        elif kind in ("truncate", "trickle", "flip"):
            return await self.answer_spoilt(server, answer, kind)
        self.proxy.remember(self.request, answer)
        self.client.write(answer.head)
        await self.pass_on(server, answer)
        return self.may_go_on(answer.keeps and kind != "close-after")

    async def pass_on(self, server, answer):
        passed = 0
        async for piece in body_pieces(server, answer.framing):
            self.client.write(piece)
            await self.client.drain()
            passed += len(piece)
            if self.client.transport.is_closing():
                raise Gone
        self.entry["out"] = passed
        self.is_read = True

    async def swallow(self, server, answer):
        async for _ in body_pieces(server, answer.framing):
            pass
        self.is_read = True

    async def answer_wrong_length(self, server, answer):
        """Says more bytes than come, or fewer, and then ends."""
        body = await whole_body(server, answer.framing) if answer.framing != "chunked" else b""
        self.is_read = answer.framing != "chunked"
        said = max(0, len(body) + self.fault.draw("by", -5, 5, whole=True)) if body else 7
        self.client.write(answer.with_length(said).head)
        self.client.write(body)
        await asyncio.sleep(0.01)
        return False

    async def answer_spoilt(self, server, answer, kind):
        """Ends too early, comes in drops, or has one wrong byte."""
        body = await whole_body(server, answer.framing)
        self.is_read = True
        at = int(len(body) * self.fault.draw("at", 0.0, 1.0))
        if kind == "truncate":
            self.client.write(answer.head + body[:at])
            await self.client.drain()
            await asyncio.sleep(0.005)
            return self.cut()
        if kind == "flip":
            body = body if not body else body[:at % len(body)] + bytes([body[at % len(body)] ^ 0x20]) + body[at % len(body) + 1:]
            self.client.write(answer.head + body)
            return self.may_go_on(answer.keeps)
        whole = answer.head + body
        step = max(1, len(whole) // 50)
        for start in range(0, len(whole), step):
            self.client.write(whole[start:start + step])
            await asyncio.sleep(self.fault.seconds(0.001, 0.02))
        return self.may_go_on(answer.keeps)

    # ---- instead of an answer ----

    def refusal(self):
        head, body = message.refusal(self.fault.parameters, self.request)
        return head if self.request.method == b"HEAD" else head + body

    async def refuse(self):
        """Without asking the server; the body is read, so that the connection can be kept."""
        self.entry["status"] = self.fault.parameters.get("status", 503)
        if self.fault.parameters.get("early"):
            self.client.write(self.refusal())
            await asyncio.sleep(0.05)
            return False
        if self.request.header(b"expect"):
            self.client.write(self.refusal())
            return False
        async for _ in body_pieces(self.client, self.framing):
            pass
        self.client.write(self.refusal())
        return self.may_go_on(True)

    def cut(self):
        """An orderly end, or none."""
        if self.fault.draw("reset", 0.0, 1.0) < 0.5:
            self.client.reset()
        return False

    def may_go_on(self, keeps):
        return keeps and self.request.keeps

    async def repeat(self, server, first):
        """The same request once more at once; the client sees the second answer, or the first."""
        first_body = await whole_body(server, first.framing)
        self.is_read = True
        again = await self.proxy.connect()
        again.write(self.request.head + (self.body or b""))
        second = message.Answer(await again.read_head(), self.request.method)
        second_body = await whole_body(again, second.framing)
        self.proxy.give_back(again, second)
        self.entry["again"] = second.status
        shown, body = (second, second_body) if self.fault.draw("second", 0.0, 1.0) < 0.5 else (first, first_body)
        self.entry["status"] = shown.status
        self.client.write(shown.head + body)


class Proxy:
    def __init__(self, address, seed, signer):
        self.address, self.signer, self.seed = address, signer, seed
        self.rules = rules.Rules([], seed)
        self.log = []
        self.idle = collections.deque()
        self.clients = set()
        self.tasks = set()
        self.running = 0  # requests whose answers have not been passed on
        self.late = 0  # duplicates that are not over
        self.listener = None
        self.downs = 0
        self.released = asyncio.Event()  # what is held goes on
        self.port = 0
        self.seen = {}  # key -> the last two ETags that its answers had, each with the metadata that stood beside it

    # ---- connections ----

    async def up(self):
        if self.listener is None:
            downs = self.downs
            self.listener = await asyncio.get_running_loop().create_server(lambda: self.accept(downs), "127.0.0.1", self.port, backlog=4096)
            self.port = self.listener.sockets[0].getsockname()[1]

    def down(self):
        if self.listener is not None:
            self.listener.close()
            self.listener = None
        self.downs += 1
        for client in list(self.clients):
            client.reset()

    def accept(self, downs):
        wire = Wire()
        asyncio.get_running_loop().call_soon(self.serve_soon, wire, downs)
        return wire

    def serve_soon(self, wire, downs):
        self.keep(asyncio.ensure_future(self.serve(wire, downs)))

    def keep(self, task):
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def serve(self, client, downs):
        if downs != self.downs:  # it was let in just before, and was none of the clients yet
            if client.transport is not None:
                client.reset()
            return
        self.clients.add(client)
        try:
            while True:
                request = message.Request(await client.read_head())
                if not await self.run(client, request):
                    break
        except (Gone, OSError):
            pass
        finally:
            client.close()
            self.clients.discard(client)

    async def run(self, client, request):
        self.running += 1
        try:
            return await Exchange(self, client, request).run()
        finally:
            self.running -= 1

    async def connect(self):
        now = time.monotonic()
        while self.idle:
            wire = self.idle.pop()
            if not wire.has_ended and not wire.buffer and now - wire.used_at < IDLE_SECONDS:
                return wire
            wire.close()
        _, wire = await asyncio.get_running_loop().create_connection(Wire, *self.address)
        return wire

    def give_back(self, server, answer):
        if answer.keeps and not server.has_ended and not server.buffer:
            server.used_at = time.monotonic()
            self.idle.append(server)
        else:
            server.close()

    def later(self, seconds, request, body):
        self.late += 1
        task = asyncio.ensure_future(self.send_later(seconds, request, body))
        task.add_done_callback(self.one_less_is_late)
        self.keep(task)

    def one_less_is_late(self, _):
        self.late -= 1

    async def send_later(self, seconds, request, body):
        """A request that a network delivers a second time, when nobody waits for it any more."""
        await asyncio.sleep(seconds)
        entry = self.note(request, (), None)
        entry["fault"] = "late duplicate"
        try:
            server = await self.connect()
            server.write(request.head + (body or b""))
            answer = message.Answer(await server.read_head(), request.method)
            entry["status"] = answer.status
            await whole_body(server, answer.framing)
            self.give_back(server, answer)
        except (Gone, OSError):
            pass

    # ---- what it knows ----

    def note(self, request, ignored, fault):
        entry = {"n": len(self.log), "at": round(time.time(), 4), "op": request.operation, "bucket": request.bucket,
                 "key": request.key, "query": request.query_text, "status": 0}
        if request.conditions:
            entry["conditions"] = request.conditions
        if ignored:
            entry["ignored"] = list(ignored)
        if fault:
            entry["fault"] = fault.kind
        if stamp := message.stamp_of(request):
            entry["stamp"] = stamp
        self.log.append(entry)
        return entry

    @staticmethod
    def note_answer(entry, answer):
        """As the server gave it, before any fault."""
        entry["status"], entry["ended"] = answer.status, round(time.time(), 4)
        if etag := answer.header(b"etag"):
            entry["etag"] = etag.decode(errors="replace").strip('"')
        if stamp := message.stamp_of(answer):
            entry["shown"] = stamp

    def remember(self, request, answer):
        etag = answer.header(b"etag")
        if not etag or request.operation not in ("GetObject", "HeadObject", "PutObject"):
            return
        known = self.seen.get(request.path, {})
        before = [other for other in known if other != etag][-1:]
        said = request if request.operation == "PutObject" else answer
        self.seen[request.path] = {**{other: known[other] for other in before}, etag: said.metadata()}

    def slip(self, request, answer, of=("etag",)):
        """The ETag or the metadata of the revision before, or both, on the bytes of this one."""
        etag = answer.header(b"etag")
        before = [other for other in self.seen.get(request.path, {}) if other != etag]
        if not before or not etag:
            return answer
        slipped = answer.replace(b"etag", before[0]) if "etag" in of else answer
        return slipped.with_metadata(self.seen[request.path][before[0]]) if "metadata" in of else slipped

    async def slip_ahead(self, request, answer, seconds):
        """The ETag of the revision behind this one, which somebody has yet to write."""
        etag, deadline = answer.header(b"etag"), time.monotonic() + seconds
        while etag and time.monotonic() < deadline:
            latest = next(reversed(self.seen.get(request.path, {etag: ()})))
            if latest != etag:
                return answer.replace(b"etag", latest)
            await asyncio.sleep(0.001)
        return answer

    def counts(self):
        counted = collections.Counter(entry["op"] for entry in self.log)
        return dict(counted)

    async def obey(self, command):
        do = command["do"]
        if do == "rules":
            self.rules = rules.Rules(command["rules"], self.seed)
            self.released.set()
            self.released = asyncio.Event()
        elif do == "release":
            self.released.set()
        elif do == "log":
            return self.log[command.get("from", 0):]
        elif do == "counts":
            return self.counts()
        elif do == "running":
            return self.running
        elif do == "late":
            return self.late
        elif do == "fired":
            return self.rules.fired()
        elif do == "reset":
            self.log = []
        elif do == "down":
            self.down()
        elif do == "up":
            await self.up()
        else:
            raise ValueError(f"no such command: {do}")
        return None

    async def control(self, reader, writer):
        while line := await reader.readline():
            try:
                answer = {"ok": await self.obey(json.loads(line))}
            except (ValueError, KeyError, TypeError, re.error) as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        asyncio.get_running_loop().stop()  # who started it has gone


async def start(arguments):
    host, _, port = arguments.to.rpartition(":")
    signer = message.Signer(os.environ.get("BALE_PROXY_ACCESS_KEY", ""), os.environ.get("BALE_PROXY_SECRET_KEY", ""))
    proxy = Proxy((host, int(port)), arguments.seed, signer)
    await proxy.up()
    control = await asyncio.start_server(proxy.control, "127.0.0.1", 0, limit=16 << 20)
    print(f"proxy: ready {proxy.port} {control.sockets[0].getsockname()[1]}", flush=True)


def main():
    parser = argparse.ArgumentParser(description="a proxy with faults")
    parser.add_argument("--to", required=True, help="HOST:PORT of the server")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    gc.set_threshold(100_000, 20, 100)  # requests leave few circles
    loop = asyncio.new_event_loop()
    loop.run_until_complete(start(arguments))
    loop.run_forever()


if __name__ == "__main__":
    main()
