"""tests/backends/requests/races.py -- many writers at one key: one of them wins, and no count is lost; also through faults, and with a second
writer that goes to the backend itself."""

import random
import threading
import time

import fronts
import wire
from backend_case import BackendCase
from faults import fault, mixture_for_bale
from of_model import plain_mixture

WRITERS = 64
COUNTERS = 16


def together(actions):
    """All of them at once, in threads; what each returned."""
    results = [None] * len(actions)
    barrier = threading.Barrier(len(actions))
    problems = []

    def run(index, action):
        try:
            barrier.wait()
            results[index] = action()
        except Exception as error:  # pylint: disable=broad-except
            problems.append(error)
            barrier.abort()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(actions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]
    return results


def try_request(client, *arguments, **options):
    """The answer, or None when there was none, or one that may mean both."""
    try:
        answer = client.request(*arguments, **options)
    except (wire.ProtocolError, OSError, ValueError):
        return None
    return None if answer.status >= 500 or answer.status in (409, 429) else answer


class Counter:
    """One who counts up in an object: a line of its own for each step, under If-Match."""

    def __init__(self, client, bucket, key, name, steps, until):
        self.client, self.bucket, self.key, self.name = client, bucket, key, name
        self.steps, self.until = steps, until
        self.acknowledged = set()  # lines
        self.requests = 0

    def read(self):
        """(body, ETag), or None."""
        answer = try_request(self.client, "GET", self.bucket, self.key)
        return None if answer is None or answer.status != 200 else (answer.body, answer.header("etag"))

    def run(self):
        for number in range(self.steps):
            line = f"{self.name}-{number}\n".encode()
            while not self.add(line):
                if time.monotonic() > self.until:
                    return self
                time.sleep(random.uniform(0, 0.01))
        return self

    def add(self, line):
        """True: the line is in there, by this try or an earlier one."""
        self.requests += 1
        known = self.read()
        if known is None:
            return False
        body, etag = known
        if line not in body.splitlines(keepends=True):
            answer = try_request(self.client, "PUT", self.bucket, self.key, (), {"if-match": etag}, body + line)
            if answer is None or answer.status != 200:
                return False
        self.acknowledged.add(line)
        return True


class RaceCase(BackendCase):
    def one_winner(self, front, rounds, has_faults=False):
        clients = [front.client() for _ in range(WRITERS)]
        for number in range(rounds):
            key = f"race/{number}"
            answers = together([lambda index=index, client=client: try_request(
                client, "PUT", front.bucket, key, (), {"if-none-match": "*"}, b"writer %d" % index * 50)
                for index, client in enumerate(clients)])
            self.judge(front, key, answers, has_faults)

    def judge(self, front, key, answers, has_faults):
        won = [index for index, answer in enumerate(answers) if answer is not None and answer.status == 200]
        lost = [index for index, answer in enumerate(answers) if answer is not None and answer.status == 412]
        unknown = [index for index, answer in enumerate(answers) if answer is None]
        self.assertEqual(WRITERS, len(won) + len(lost) + len(unknown), answers)
        self.assertLessEqual(len(won), 1, f"{key}: more than one winner")
        if not has_faults:
            self.assertEqual((1, WRITERS - 1), (len(won), len(lost)))
        final = self.read_in_the_end(front, key)
        if final is None:
            self.assertEqual([], won, f"{key}: it was acknowledged, and is not there")
            self.assertEqual([], lost, f"{key}: refused for what is not there")
            return
        holder = int(final.split()[1].removesuffix(b"writer"))
        if won:
            self.assertEqual(won[0], holder, f"{key}: another one than the winner is there")
        elif front.is_exact:
            self.assertIn(holder, unknown, f"{key}: {holder} was told that it had lost")

    def read_in_the_end(self, front, key):
        """The body, or None; asks as often as faults make it necessary."""
        client = front.client()
        for _ in range(200):
            answer = try_request(client, "GET", front.bucket, key)
            if answer is not None and answer.status in (200, 404):
                return answer.body if answer.status == 200 else None
            time.sleep(0.01)
        return self.fail(f"{key} cannot be read")

    def count_up(self, fronts, steps, seconds=120, calm=lambda: None):
        """Counters over one or more ways to the same object; nothing that was acknowledged is lost, and nothing is in it twice."""
        first = fronts[0]
        key, until = f"counter-{random.randrange(1 << 30)}", time.monotonic() + seconds
        self.create(first, key)
        counters = []
        for number in range(COUNTERS):
            front = fronts[number % len(fronts)]
            counters.append(Counter(front.client(), front.bucket, key, f"w{number}", steps, until))
        together([counter.run for counter in counters])
        calm()
        lines = self.read_in_the_end(first, key).splitlines(keepends=True)
        for counter in counters:
            missing = counter.acknowledged - set(lines)
            self.assertEqual(set(), missing, f"{counter.name}: acknowledged, and lost")
        self.assertEqual(len(lines), len(set(lines)), "a line is in it twice")
        self.assertGreater(sum(len(counter.acknowledged) for counter in counters), COUNTERS * steps * 0.9,
                           "hardly anybody got through")

    def create(self, front, key):
        client = front.client()
        for _ in range(200):
            try_request(client, "PUT", front.bucket, key, (), {"if-none-match": "*"}, b"")
            if self.read_in_the_end(front, key) is not None:
                return
        self.fail("the counter cannot be made")


class Races(RaceCase):
    """The backend without Bale."""

    NEEDS_BALE = False

    def test_64_writers_one_winner(self):
        self.one_winner(self.direct(), 5)

    def test_64_writers_one_winner_through_faults(self):
        proxy = self.proxy(*plain_mixture(0.03))
        self.one_winner(self.direct(proxy), 5, has_faults=True)

    def test_16_count_up(self):
        self.count_up([self.direct()], 20)

    def test_16_count_up_through_faults_and_beside_them(self):
        proxy = self.proxy(*plain_mixture(0.02))
        self.count_up([self.direct(proxy), self.direct()], 10, calm=proxy.clear)


class RacesThroughBale(RaceCase):
    def faulty(self, each, *options):
        proxy = self.proxy()
        bale = self.bale(proxy, *options)
        proxy.rules(*mixture_for_bale(each, self.backend))
        return proxy, bale

    def test_64_writers_one_winner(self):
        self.one_winner(self.bale(), 20 if self.is_long else 5)

    def test_64_writers_one_winner_through_faults(self):
        _, bale = self.faulty(0.05)
        self.one_winner(bale, 20 if self.is_long else 3, has_faults=True)

    def test_16_count_up(self):
        self.count_up([self.bale()], 30)

    def test_16_count_up_through_faults(self):
        proxy, bale = self.faulty(0.05)
        self.count_up([bale], 40 if self.is_long else 6, seconds=600 if self.is_long else 120, calm=proxy.clear)

    def test_16_count_up_with_a_second_writer_at_the_backend(self):
        """Bodies that do not shrink are stored as they are: the one who goes there directly can count in them, too."""
        proxy, bale = self.faulty(0.05, "--codec", "none")
        self.count_up([bale, self.direct()], 40 if self.is_long else 6, seconds=600 if self.is_long else 120, calm=proxy.clear)

    def test_16_count_up_over_two_replicas(self):
        self.count_up([self.bale(), self.bale()], 40 if self.is_long else 10)


class RacesNotice(RaceCase):
    """A backend that ignores the condition is caught."""

    FOR = ("raw",)
    NEEDS_BALE = False

    def test_two_winners(self):
        proxy = self.proxy(fault("ignore", what="put-create"))
        with self.assertRaisesRegex(AssertionError, "more than one winner"):
            self.one_winner(self.direct(proxy), 20)

    def test_a_lost_count(self):
        proxy = self.proxy(fault("ignore", what="put-replace"))
        with self.assertRaisesRegex(AssertionError, "acknowledged, and lost"):
            self.count_up([self.direct(proxy)], 20)


class DeletionsWithoutConditions(BackendCase):
    """A server that decides no condition of a deletion, and an answer that is lost: what was written since is not deleted by asking again."""

    FOR = ("raw", "minio")
    OPERATION, DELETED = "DeleteObject", 204
    DENIED = ("delete-match", "delete-races")
    OPTIONS = ()

    def setUp(self):
        super().setUp()
        self.bale()  # it finds out what the backend can do
        held = fronts.verdicts(self.backend)
        fronts.deny(self.backend, *(name for name in self.DENIED if held[name]))
        self.through = self.proxy()
        self.alice = self.bale(self.through, *self.OPTIONS).client()
        self.assertEqual(200, self.alice.put(self.bucket, "k", (), (), b"first").status)

    def delete(self):
        return self.alice.delete(self.bucket, "k").status

    def asked(self):
        return [(entry["op"], entry["status"]) for entry in self.through.log() if entry["key"] == "k"]

    def is_deleted_and_held(self, deleter):
        """When a request is held, or there will be none."""
        self.wait_for(lambda: self.through.fired()[1] > 0 or not deleter.is_alive(), "it goes on")
        return (self.OPERATION, self.DELETED) in self.asked()

    def test_what_was_written_since_stays(self):
        rules = (fault("replace", status=500, op=self.OPERATION, times=1), fault("hold", op=[self.OPERATION, "HeadObject"]))
        self.through.rules(*rules)
        answers = []
        deleter = threading.Thread(target=lambda: answers.append(self.delete()))
        deleter.start()
        while not self.is_deleted_and_held(deleter):
            self.through.rules(*rules)  # it was a look before the deletion, and goes on
        plain = self.backend.client()
        self.assertEqual(200, plain.put(self.bucket, "k", (), (), b"between").status)
        self.through.release()
        deleter.join()
        self.assertIn(answers[0], (204, 500))
        self.assertEqual(b"between", plain.get(self.bucket, "k").body, self.through.story("k"))

    def test_what_is_still_there_is_deleted(self):
        self.through.rules(fault("refuse", status=500, op=self.OPERATION, times=1))
        self.assertEqual(204, self.delete())
        self.assertEqual(404, self.backend.client().head(self.bucket, "k").status)

    def test_what_has_gone_is_not_asked_for_again(self):
        self.through.rules(fault("lose", op=self.OPERATION, times=1))
        self.assertEqual(204, self.delete())
        self.assertEqual([self.OPERATION], [name for name, _ in self.asked() if name.startswith("Delete")], self.through.story("k"))


class ManyDeletionsWithoutConditions(DeletionsWithoutConditions):
    """The same of DeleteObjects."""

    OPERATION, DELETED = "DeleteObjects", 200

    def delete(self):
        """Beside a key that is not there. The status that a deletion of `k` alone would have had."""
        answer = self.alice.delete_objects(self.bucket, "<Delete><Object><Key>k</Key></Object><Object><Key>none</Key></Object></Delete>")
        self.assertEqual(200, answer.status)
        self.assertIn("none", answer.texts("Deleted/Key"))
        if "k" in answer.texts("Deleted/Key"):
            return 204
        self.assertEqual((["k"], ["InternalError"]), (answer.texts("Error/Key"), answer.texts("Error/Code")))
        return 500


class ManyDeletionsThatNameRevisions(ManyDeletionsWithoutConditions):
    """The same where the server compares, and no tombstones are written."""

    FOR = ("raw",)
    DENIED = ()
    OPTIONS = ("--ledger", "off")
