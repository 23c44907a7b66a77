"""tests/backends/requests/of_model.py -- random operations, every answer compared with a model (keys.py): through Bale, and on the backend alone."""

import contextlib
import time

import fronts
import keys
import wire
from backend_case import BackendCase
from faults import fault, mixture, mixture_for_bale

# Without Bale in between, a plain PUT has no condition: a duplicate that comes late may win, and a length that is wrong shows
# nowhere. Neither says anything against a backend.
SLIPS = (fault("slip", op="GetObject"),)  # as a real server was seen to do; second looks show them
PLAIN_CANNOT = ("duplicate-late", "wrong-length")


def plain_mixture(each):
    return [rule for rule in mixture(each) if rule["fault"] not in PLAIN_CANNOT]


class Model(BackendCase):
    """The model itself, and the backends without Bale: what these tests stand on."""

    NEEDS_BALE = False

    def run_model(self, front, steps, has_faults=False, workers=4, seed=0):
        run = keys.Run(front, self.seed + seed, workers, has_faults)
        run.steps(steps)
        return run

    def test_the_backend_without_faults(self):
        self.run_model(self.direct(), 100).check_all()

    def test_the_backend_behind_faults(self):
        for round_ in range(20 if self.is_long else 1):
            proxy = self.proxy(*plain_mixture(0.02), seed=self.seed + round_)
            run = self.run_model(self.direct(proxy), 150, True, seed=round_)
            proxy.clear()
            run.check_all()
            self.assertGreater(run.counts[200], 100, run.counts)
            self.assertGreater(run.counts["none"], 3, run.counts)


class ModelNotices(BackendCase):
    """A server that lies is caught, whatever it lies about."""

    FOR = ("raw",)
    NEEDS_BALE = False

    def caught(self, *rules):
        proxy = self.proxy(*rules)
        run = keys.Run(self.direct(proxy), self.seed, 2)
        with self.assertRaises(keys.Wrong):
            run.steps(2000, seconds=60)

    def test_a_byte_that_is_another_one(self):
        self.caught(fault("flip", op="GetObject", probability=0.1))

    def test_the_etag_of_the_revision_before(self):
        self.caught(fault("slip", op="GetObject", probability=0.3))

    def test_a_condition_that_is_ignored(self):
        for what in ("put-create", "put-replace"):
            self.caught(fault("ignore", what=what))

    def test_a_write_that_did_not_happen(self):
        self.caught(fault("refuse", op="PutObject", every=10, status=200))

    def test_a_delete_that_did_not_happen(self):
        self.caught(fault("refuse", op="DeleteObject", every=3, status=204))

    def test_a_write_that_comes_again_later(self):
        self.caught(fault("duplicate-late", op=["PutObject", "DeleteObject"], seconds=[0.05, 0.3], every=3))

    def test_a_list_that_begins_again(self):
        self.caught(fault("ignore", what="continuation"))

    def test_an_answer_that_failed_without_a_fault(self):
        self.caught(fault("refuse", op="HeadObject", nth=3, status=500))


class ThroughBale(BackendCase):
    def test_without_faults(self):
        run = keys.Run(self.bale(), self.seed)
        run.steps(200)
        run.check_all()

    def test_with_faults(self):
        for round_ in range(30 if self.is_long else 1):
            for each in (0.005, 0.05):
                backend = self.backend.another_bucket()
                self.backend = backend
                proxy = self.proxy(seed=self.seed + round_)
                bale = self.bale(proxy)
                proxy.rules(*mixture_for_bale(each, backend), *mixture(each, SLIPS))
                run = keys.Run(bale, self.seed + round_, has_faults=True)
                with self.telling_the_story(proxy):
                    run.steps(200, seconds=120)
                    proxy.clear()
                    self.let_late_ones_come(proxy)
                    run.check_all()
                self.assertGreater(run.counts[200], 40, run.counts)
                self.assertEqual(0, bale.stop())

    def test_several_replicas(self):
        """Each request by another one of three: what one has seen of a key is never taken for what it is."""
        run = keys.Run(fronts.Several([self.bale() for _ in range(3)]), self.seed)
        run.steps(300 if self.is_long else 120)
        run.check_all()

    def test_a_second_writer_at_the_backend(self):
        """Who goes to the bucket directly overwrites and deletes; Bale serves what is there."""
        run = keys.Run(self.bale(), self.seed, worker=keys.SharedWorker)
        for worker in run.workers:
            worker.direct = self.direct().client()
        run.steps(400 if self.is_long else 150)
        run.check_all()

    def test_wrong_bytes_are_never_served(self):
        """What Bale has stored it knows again: an answer with a byte that is another one is an error, or is asked for once more."""
        proxy = self.proxy()
        alice = self.bale(proxy).client()
        bodies = {f"{kind}-{size}": keys.content(self.seed, size, kind == "text") for kind in ("text", "noise")
                  for size in (1, 900, 70_000, 1 << 20, 20 << 20)}
        for key, body in bodies.items():
            self.assertEqual(200, alice.put(self.bucket, key, (), (), body, payload="unsigned").status)
        proxy.rules(fault("flip", op="GetObject", probability=0.5))
        right = 0
        for _ in range(40 if self.is_long else 6):
            for key, body in bodies.items():
                try:
                    answer = alice.get(self.bucket, key)
                except (wire.ProtocolError, OSError):
                    continue  # cut, because the head had gone out already
                if answer.status == 200:
                    self.assertTrue(body == answer.body, f"{key}: other bytes than were stored")
                    right += 1
                else:
                    self.assertIn(answer.status, (500, 501, 503), answer)  # 501: the flipped byte says which codec it is
        self.assertGreater(right, 5)

    @contextlib.contextmanager
    def telling_the_story(self, proxy):
        """What is wrong with a key fails the test with all that was asked of the backend about it."""
        try:
            yield
        except keys.Wrong as wrong:
            self.fail(f"{wrong}\n    at the backend:\n{proxy.story(wrong.key)}" if wrong.key else str(wrong))

    @staticmethod
    def let_late_ones_come(proxy):
        """Those that the proxy still holds, and what Bale repeats."""
        seen = -1
        while (now := len(proxy.log())) != seen or proxy.late():
            seen = now
            time.sleep(0.7)
