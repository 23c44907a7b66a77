"""tests/backends/fleet/histories.py -- one key as a register: clients read, write, swap, create and delete it through two replicas, while requests
are lost and replicas are killed. The history of what they were answered must be linearizable: linearizable.py says so, and Porcupine."""

import random
import threading
import time

import backends
import fronts
import linearizable
import porcupine
import wire
from backend_case import BackendCase
from faults import fault, mixture
from linearizable import CREATE, DELETE, DELETE_IF, READ, SWAP, WRITE, Operation
from races import together

CLIENTS = 5
# What can happen to a request that is sent once. One that comes twice after it was answered can undo a delete, on any server of S3.
KINDS = (fault("delay", seconds=[0.001, 0.1]), fault("cut"), fault("cut-request"), fault("lose"), fault("delay-answer", seconds=[0.001, 0.1]),
         fault("truncate"), fault("close-after"), fault("refuse", status=503), fault("replace", status=500))


class Register:
    """A client of one key, and what it was answered. `clients`: of the replicas."""

    def __init__(self, clients, bucket, key, name, seed, kinds):
        self.clients, self.bucket, self.key, self.name, self.kinds = clients, bucket, key, name, kinds
        self.draw = random.Random(seed)
        self.history = []
        self.known = None  # (value, ETag) that was read last
        self.count = 0

    def new_value(self):
        self.count += 1
        return f"{self.name}-{self.count}"

    def step(self):
        kind = self.draw.choice(self.kinds)
        if kind in (SWAP, DELETE_IF) and self.known is None:
            kind = READ
        value = self.new_value() if kind in (WRITE, CREATE, SWAP) else None
        expected, etag = self.known if kind in (SWAP, DELETE_IF) else (None, None)
        operation = Operation(kind, value, expected, who=self.name, began=time.monotonic())
        self.history.append(operation)
        answer = self.ask(operation, etag)
        if answer is not None and answer.status < 500 and answer.status not in (409, 429):
            self.note(operation, answer)
            operation.ended = time.monotonic()

    def ask(self, operation, etag):
        method = {READ: "GET", DELETE: "DELETE", DELETE_IF: "DELETE"}.get(operation.kind, "PUT")
        headers = {CREATE: {"if-none-match": "*"}, SWAP: {"if-match": etag}, DELETE_IF: {"if-match": etag}}.get(operation.kind, {})
        body = operation.value.encode() if method == "PUT" else b""
        try:
            return self.draw.choice(self.clients).request(method, self.bucket, self.key, (), headers, body)
        except (wire.ProtocolError, OSError, ValueError):
            return None

    def note(self, operation, answer):
        if answer.status in (404, 412) and operation.kind in (CREATE, SWAP, DELETE_IF):
            operation.outcome = "refused"
            self.known = None
        elif operation.kind == READ and answer.status in (200, 404):
            operation.outcome = "done"
            operation.value = answer.body.decode() if answer.status == 200 else None
            self.known = (operation.value, answer.header("etag")) if answer.status == 200 else None
        elif answer.status in (200, 204) or (operation.kind == DELETE and answer.status == 404):  # versitygw: nothing to delete
            operation.outcome = "done"
        else:
            raise AssertionError(f"{operation}: {answer}")


class HistoryCase(BackendCase):
    KINDS = (READ, READ, READ, WRITE, CREATE, SWAP, SWAP, DELETE)

    def record(self, bucket, clients, key, steps, kinds):
        """One key's history. `clients()`: fresh ones of all replicas."""
        registers = [Register(clients(), bucket, key, f"c{number}", f"{self.seed}/{key}/{number}", kinds) for number in range(CLIENTS)]

        def run(register):
            for _ in range(steps):
                register.step()
        together([lambda register=register: run(register) for register in registers])
        return [operation for register in registers for operation in register.history]

    def judge(self, key, history, proxy=None):
        """False: no order explains it but one in which the server let a delete come between its look and its deed (docs/backend.md)."""
        if linearizable.linearize(history) is None:
            if self.backend_name == "versitygw" and linearizable.linearize(linearizable.loosened(history)) is not None:
                print(f"{key}: a delete came between versitygw's look at a condition and its write,", end=" ")
                return False
            told = "\n".join(f"    {one.began:.4f} {one.ended:.4f} {one}" for one in sorted(history, key=lambda one: one.began))
            seen = f"\n    at the backend:\n{proxy.story(key, 1000)}" if proxy else ""
            self.fail(f"{key}: no order explains what was answered\n{told}{seen}")
        return True

    def ask_porcupine(self, judged):
        """`judged`: histories, and whether each is linearizable by our own search."""
        try:
            porcupine.program()
        except backends.Missing as missing:
            print(f"not judged twice: {missing},", end=" ")
            return
        verdicts = porcupine.verdicts([history for history, _ in judged])
        self.assertEqual([is_good if verdict is not None else None for (_, is_good), verdict in zip(judged, verdicts, strict=True)], verdicts)
        if None in verdicts:
            print(f"{verdicts.count(None)} of {len(verdicts)} were too much for Porcupine,", end=" ")

    def judge_many(self, bucket, clients, keys, steps, kinds=KINDS, proxy=None):
        unknown = total = torn = 0
        judged = []
        for number in range(keys):
            key = f"register-{number}"
            history = self.record(bucket, clients, key, steps, kinds)
            unknown += sum(one.outcome == "unknown" for one in history)
            total += len(history)
            judged.append((history, self.judge(key, history, proxy)))
            torn += not judged[-1][1]
        self.ask_porcupine(judged)
        print(f"{keys} registers, {total} operations, {unknown} of them without an answer", end=" ")
        if torn:
            self.skipTest(f"{self.backend_name} by itself does not do it always")


class Histories(HistoryCase):
    """The backend alone, whose histories Bale's stand on."""

    NEEDS_BALE = False

    def test_registers(self):
        front = self.direct()
        self.judge_many(self.bucket, lambda: [front.client()], 5, 8)


class HistoriesOfAFleet(HistoryCase):
    def kinds(self):
        return (*self.KINDS, DELETE_IF, DELETE_IF) if fronts.verdicts(self.backend)["delete-match"] else self.KINDS

    def test_registers(self):
        proxy = self.proxy()
        bales = self.fleet(2, proxy)
        self.judge_many(self.bucket, lambda: [bale.client() for bale in bales], 20 if self.is_long else 8, 10, self.kinds(), proxy)

    def test_registers_without_deletes(self):
        """Where no delete comes in between, every server's conditions hold, and nothing is excused."""
        proxy = self.proxy()
        bales = self.fleet(2, proxy)
        kinds = (READ, WRITE, SWAP, SWAP, SWAP)
        self.judge_many(self.bucket, lambda: [bale.client() for bale in bales], 100 if self.is_long else 6, 10, kinds, proxy)

    def test_registers_through_faults(self):
        proxy = self.proxy()
        bales = self.fleet(2, proxy)
        proxy.rules(*mixture(0.02, KINDS))
        self.judge_many(self.bucket, lambda: [bale.client() for bale in bales], 100 if self.is_long else 10, 8, self.kinds(), proxy)

    def test_registers_and_kills(self):
        proxy = self.proxy(fault("delay", probability=0.3, seconds=[0.001, 0.03]), fault("delay-answer", probability=0.3, seconds=[0.001, 0.03]))
        bales = self.fleet(2, proxy)
        ending = threading.Event()

        def kill_now_and_then():
            draw = random.Random(self.seed)
            while not ending.wait(draw.uniform(0.1, 0.6)):
                bale = draw.choice(bales)
                bale.kill()
                ending.wait(draw.uniform(0, 0.1))
                bale.start()
        killer = threading.Thread(target=kill_now_and_then)
        killer.start()
        try:
            self.judge_many(self.bucket, lambda: [bale.client() for bale in bales], 150 if self.is_long else 8, 8, self.kinds(), proxy)
        finally:
            ending.set()
            killer.join()


class HistoriesNotice(HistoryCase):
    """What is not linearizable is noticed: on a server that does not know a condition, and in histories made by hand."""

    FOR = ("raw",)
    NEEDS_BALE = False

    def test_a_lost_swap(self):
        front = self.direct(self.proxy(fault("ignore", what="put-replace")))
        with self.assertRaisesRegex(AssertionError, "no order explains"):
            self.judge_many(self.bucket, lambda: [front.client()], 20, 8, (READ, READ, SWAP, SWAP, WRITE))

    def test_a_create_over_another(self):
        front = self.direct(self.proxy(fault("ignore", what="put-create")))
        with self.assertRaisesRegex(AssertionError, "no order explains"):
            self.judge_many(self.bucket, lambda: [front.client()], 20, 8, (READ, CREATE, CREATE, DELETE))

    def test_histories_by_hand(self):
        def done(kind, began, ended, value=None, expected=None, outcome="done"):
            return Operation(kind, value, expected, outcome, began, ended)
        lost = Operation(WRITE, "b", None, "unknown", 2)
        good = (
            [done(WRITE, 1, 2, "a"), done(READ, 3, 4, "a")],
            [done(WRITE, 1, 5, "a"), done(READ, 2, 3), done(READ, 4, 6, "a")],
            [done(WRITE, 1, 1.5, "a"), lost, done(READ, 3, 4, "a"), done(READ, 5, 6, "b")],
            [done(CREATE, 1, 4, "a"), done(CREATE, 2, 3, "b", None, "refused"), done(SWAP, 5, 6, "c", "a"), done(DELETE_IF, 7, 8, None, "c")],
        )
        bad = (
            [done(WRITE, 1, 2, "a"), done(READ, 3, 4)],
            [done(WRITE, 1, 5, "a"), done(READ, 2, 3, "a"), done(READ, 4, 4.5)],
            [done(WRITE, 1, 1.5, "a"), lost, done(READ, 3, 4, "b"), done(READ, 5, 6, "a")],
            [done(CREATE, 1, 2, "a"), done(CREATE, 3, 4, "b")],
            [done(WRITE, 1, 2, "a"), done(SWAP, 3, 5, "b", "a"), done(SWAP, 4, 6, "c", "a")],
            [done(WRITE, 1, 2, "a"), done(SWAP, 3, 4, "b", "a", "refused")],
            [done(WRITE, 1, 2, "a"), done(DELETE_IF, 3, 6, None, "a"), done(SWAP, 4, 5, "b", "a"), done(READ, 7, 8)],
            [done(WRITE, 1, 2, "a"), done(DELETE_IF, 3, 4, None, "b"), done(READ, 5, 6)],
        )
        torn = (
            [done(WRITE, 1, 2, "a"), done(SWAP, 3, 6, "b", "a"), done(DELETE, 4, 5), done(READ, 7, 8, "b")],
            [done(WRITE, 1, 2, "a"), done(SWAP, 4, 5, "b", "a"), done(DELETE_IF, 3, 6, None, "a"), done(READ, 7, 8)],
        )
        whole = (
            [done(WRITE, 1, 2, "a"), done(SWAP, 5, 6, "b", "a"), done(DELETE, 3, 4), done(READ, 7, 8, "b")],
            [done(WRITE, 1, 2, "a"), done(SWAP, 3, 4, "b", "a"), done(DELETE_IF, 5, 6, None, "a"), done(READ, 7, 8)],
            [done(WRITE, 1, 2, "a"), done(SWAP, 3, 6, "b", "a"), done(WRITE, 4, 5, "c"), done(READ, 4.5, 5, "c"), done(READ, 7, 8, "b"), done(DELETE, 9, 10)],
        )
        for history in torn:
            self.assertIsNone(linearizable.linearize(history), history)
            self.assertIsNotNone(linearizable.linearize(linearizable.loosened(history)), history)
        for history in whole:
            self.assertIsNone(linearizable.linearize(linearizable.loosened(history)), history)
        for history in good:
            self.assertIsNotNone(linearizable.linearize(history), history)
        for history in (*bad, *whole):
            self.assertIsNone(linearizable.linearize(history), history)
        self.ask_porcupine([(history, history in good) for history in (*good, *bad, *torn, *whole)])
