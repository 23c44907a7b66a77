"""bench/events.py -- small JSON objects of several kinds, and what they say.

Each generator draws an event from a Draw, which counts the information in what it draws: the logarithm of how unlikely it was. No
coder of any kind can take fewer bytes than that for the events on average, whatever it knows of them beforehand: identifiers,
amounts and times that are drawn at random are all that there is to be stored, and cannot be packed.
"""

import json
import math
import random
import uuid

WORDS = ("cart item price order address payment voucher shipping customer session basket stock warehouse return refund invoice").split()
AGENTS = [f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.{i} (KHTML, like Gecko) Chrome/1{i:02}.0.0.0 Safari/537.{i}" for i in range(40)]
HOSTS = [f"web-{number:02}.eu-{zone}.example.com" for number in range(12) for zone in "abc"]
PATHS = ("/api/v1/users/", "/api/v1/orders/", "/static/js/main.", "/search?q=", "/login?next=", "/healthz?")
SENSORS = (("temperature", "C", 21, 3), ("humidity", "%", 45, 9), ("pressure", "hPa", 1013, 7), ("co2", "ppm", 600, 150))


class Draw:
    """Random choices from a seed, and the bits that they take."""

    def __init__(self, seed):
        self.random, self.bits = random.Random(seed), 0.0

    def below(self, limit):
        self.bits += math.log2(limit)
        return self.random.randrange(limit)

    def one_of(self, several):
        """What stands there several times is drawn as much more often."""
        drawn = self.random.choice(several)
        self.bits -= math.log2(several.count(drawn) / len(several))
        return drawn

    def hex(self, size):
        self.bits += 8 * size
        return self.random.randbytes(size).hex()

    def uuid(self):
        self.bits += 122
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def waiting(self, mean, digits):
        """Exponential, rounded."""
        drawn = self.random.expovariate(1 / mean)
        self.bits -= math.log2(math.exp(-drawn / mean) / mean * 10 ** -digits)
        return round(drawn, digits)

    def about(self, mean, deviation, digits):
        """Normal, rounded."""
        drawn = self.random.gauss(mean, deviation)
        self.bits -= math.log2(math.exp(-((drawn - mean) / deviation) ** 2 / 2) / (deviation * math.sqrt(2 * math.pi)) * 10 ** -digits)
        return round(drawn, digits)

    def time(self):
        """A millisecond of a month of 28 days."""
        return f"2026-03-{self.below(28) + 1:02}T{self.below(24):02}:{self.below(60):02}:{self.below(60):02}.{self.below(1000):03}Z"


def shop(draw):
    """255 bytes with no item, 1.7 KB with 14: half of the bytes are items, in which all but the names is random."""
    return {
        "timestamp": draw.time(), "level": draw.one_of(("INFO", "INFO", "INFO", "WARN", "ERROR")),
        "service": draw.one_of(("checkout", "search", "login", "catalogue")), "trace_id": draw.hex(16), "user_id": draw.below(10 ** 8),
        "request": {"method": draw.one_of(("GET", "POST", "PUT")), "path": f"/api/v2/{draw.one_of(WORDS)}/{draw.below(10 ** 5)}",
                    "status": draw.one_of((200, 200, 200, 204, 404, 500)), "duration_ms": draw.waiting(40, 2)},
        "items": [{"sku": f"SKU-{draw.below(10 ** 6):06}", "name": f"{draw.one_of(WORDS)} {draw.one_of(WORDS)}", "quantity": draw.below(8) + 1,
                   "unit_price": (draw.below(99899) + 100) / 100, "currency": "EUR"} for _ in range(draw.one_of((0, 1, 1, 2, 3, 5, 8, 14)))]}


def access(draw):
    """A web server's log: some 580 bytes, of which 76 are a UUID and identifiers in hex."""
    return {
        "@timestamp": draw.time(), "host": draw.one_of(HOSTS), "request_id": draw.uuid(),
        "client": {"ip": ".".join(str(draw.below(256)) for _ in range(4)), "port": draw.below(64512) + 1024, "agent": draw.one_of(AGENTS)},
        "http": {"method": draw.one_of(("GET", "GET", "GET", "GET", "POST", "PUT", "DELETE")), "path": f"{draw.one_of(PATHS)}{draw.below(10 ** 6)}",
                 "status": draw.one_of((200, 200, 200, 304, 404, 500)), "bytes": int(draw.waiting(8000, 0)),
                 "referer": f"https://www.example.com/{draw.one_of(('', 'cart', 'search', 'orders'))}"},
        "upstream": {"addr": f"10.0.{draw.below(4)}.{draw.below(256)}:8080", "ms": draw.waiting(30, 3)}, "tls": "TLSv1.3",
        "trace": {"id": draw.hex(16), "span": draw.hex(8)}}


def telemetry(draw):
    """A device's report: some 350 bytes of measurements."""
    return {
        "device": f"sensor-{draw.below(2000):05}", "firmware": draw.one_of(("4.1.2", "4.1.3", "4.2.0")), "ts": 1764000000000 + draw.below(10 ** 9),
        "battery": draw.below(81) + 20,
        "readings": [{"name": name, "unit": unit, "value": draw.about(mean, deviation, 2), "quality": "good"}
                     for name, unit, mean, deviation in SENSORS[:draw.below(4) + 1]],
        "location": {"lat": 47 + draw.below(8 * 10 ** 5) / 10 ** 5, "lon": 6 + draw.below(9 * 10 ** 5) / 10 ** 5},
        "tags": [draw.one_of(("indoor", "outdoor")), draw.one_of(("roof", "basement", "lab"))]}


def service(draw):
    """One line of a service's log: 200 bytes."""
    return {
        "ts": draw.time(), "level": draw.one_of(("INFO", "INFO", "WARN")), "service": draw.one_of(("checkout", "search", "login")),
        "message": "request finished", "user_id": draw.below(10 ** 7), "trace": draw.hex(8), "path": f"/api/v2/{draw.one_of(WORDS)}",
        "status": draw.one_of((200, 200, 404)), "ms": draw.below(500)}


KINDS = {"shop": shop, "access": access, "telemetry": telemetry, "service": service}


def make(kind, draw):
    return json.dumps(KINDS[kind](draw)).encode()
