"""tests/backends/requests/kills.py -- kill -9 at any moment, of Bale or of the backend: nothing acknowledged is lost, no half object, no upload
left behind."""

import random
import threading
import time
from pathlib import Path

import backends
import fronts
import keys
from backend_case import BackendCase
from faults import fault


class KillCase(BackendCase):
    def under_kills(self, victim, run, rounds, draw):
        """Rounds of operations, in each of which the victim is killed at some moment and started again."""
        for _ in range(rounds):
            ending = threading.Event()

            def operate(ending=ending):
                while not ending.is_set() and not run.problems:
                    run.go_all(1)

            thread = threading.Thread(target=operate)
            thread.start()
            time.sleep(draw.uniform(0.02, 0.6))
            victim.kill()
            time.sleep(draw.uniform(0, 0.1))
            victim.start()
            time.sleep(draw.uniform(0, 0.2))
            ending.set()
            thread.join()
            run.raise_problem()


class Kills(KillCase):
    """The backend alone: what it has acknowledged it keeps, or nothing here can be judged."""

    NEEDS_BALE = False

    def test_kills_of_the_backend(self):
        with backends.start(self.backend_name, self.baled, self.may_build) as backend:
            run = keys.Run(fronts.Direct(backend, backend), self.seed, has_faults=True)
            self.under_kills(backend, run, 3, random.Random(self.seed))
            run.check_all()


class KillsOfBale(KillCase):
    def killable(self, place, *options):
        return self.bale(place, "--listen", f"127.0.0.1:{backends.free_port()}", *options)

    def test_kills_of_bale(self):
        bale = self.killable(self.backend)
        run = keys.Run(bale, self.seed, has_faults=True)
        self.under_kills(bale, run, 200 if self.is_long else 30, random.Random(self.seed))
        run.check_all()

    def test_kills_of_bale_behind_a_slow_network(self):
        """So that most kills meet a request that is on its way."""
        proxy = self.proxy(fault("delay", probability=0.3, seconds=[0.01, 0.1]), fault("delay-answer", probability=0.4, seconds=[0.01, 0.1]))
        bale = self.killable(proxy)
        run = keys.Run(bale, self.seed + 1, has_faults=True)
        self.under_kills(bale, run, 100 if self.is_long else 4, random.Random(self.seed))
        proxy.clear()
        self.wait_for(lambda: proxy.running() == 0, "what a killed one had asked for is answered")
        run.check_all()

    def test_kills_of_the_backend_behind_bale(self):
        with backends.start(self.backend_name, self.baled, self.may_build) as backend:
            bale = fronts.Bale(self.baled, backend, backend)
            with bale.start():
                run = keys.Run(bale, self.seed, has_faults=True)
                self.under_kills(backend, run, 50 if self.is_long else 3, random.Random(self.seed))
                self.wait_for(lambda: bale.admin("/ready")[0] == 200, "the backend is back, and Bale is not ready")
                run.check_all()

    def test_no_upload_of_the_backend_is_left(self):
        """An own upload that a kill cut off is aborted by the next start. What is killed before the answer to Create has been noted leaves an
        upload that nobody can tell from another program's: that is not what is tried here."""
        bale = self.killable(self.backend)
        notes = Path(bale.daemon.folder) / "state" / "uploads"
        draw = random.Random(self.seed)
        body = random.Random(1).randbytes(1 << 20) * 40
        for number in range(20 if self.is_long else 4):
            thread = threading.Thread(target=self.put_and_ignore, args=(bale.client(), f"large{number}", body))
            thread.start()
            while thread.is_alive() and not any(notes.iterdir()):
                time.sleep(0.002)
            time.sleep(draw.uniform(0, 0.2))
            bale.kill()
            thread.join()
            bale.start()
        plain = self.backend.client()

        def uploads():
            return plain.get(self.bucket, None, {"uploads": None}).texts("Upload/UploadId")
        self.wait_for(lambda: not uploads(), "uploads at the backend that nobody will ever complete", 120)
        for number in range(4):
            answer = bale.client().get(self.bucket, f"large{number}")
            self.assertTrue(answer.status == 404 or answer.body == body, "half an object")

    def put_and_ignore(self, client, key, body):
        try:
            client.put(self.bucket, key, (), (), body, payload="unsigned")
        except Exception:  # pylint: disable=broad-except
            pass  # it was killed
