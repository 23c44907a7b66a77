"""tests/backends/fleet/completes_counted.py -- what the ledger counts of a Complete whose answer was lost, or was another one, and whose object somebody
replaced or deleted before it could be asked what came of it: it is off by no more than `uncertain` says."""

import threading

from faults import fault
from ledger_of_a_fleet import LARGE, MIB, SETTLE, LedgerCase

OPERATION = "CompleteMultipartUpload"
LOOKS = ["HeadObject", "GetObject"]


class CompletesCounted(LedgerCase):
    def setUp(self):
        super().setUp()
        self.through = self.proxy()
        self.second = self.bale(None, *SETTLE)  # it finds out what the backend can do
        self.first = self.replica_of(self.second, *SETTLE, place=self.through)
        self.bales = [self.first, self.second]

    def complete_beside(self, key, what, meanwhile):
        """Completed through the first one, whose request meets that; the other one does something before it looks what came of it. The client asks
        until it is answered."""
        upload, document = self.upload(self.bales, key, [LARGE[:5 * MIB], b"end"])
        self.through.rules(what, fault("hold", op=LOOKS, key=f"^{key}$", times=1, seconds=120))
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.complete(self.first, key, upload, document)))
        thread.start()
        self.wait_for(lambda: self.through.fired() == [1, 1] or not thread.is_alive(), "it looks what came of it")
        meanwhile()
        self.through.release()
        thread.join()
        self.through.clear()
        for _ in range(20):
            if answers[-1].status < 500:
                break
            answers.append(self.complete(self.second, key, upload, document))
        self.assertEqual(200, answers[-1].status, answers)

    def go(self, what):
        """Each Complete adds two changes at most that nobody knows of; and none where nobody comes between. What was there before is unknown to who
        completes, whose first request the backend itself refuses; or known, and that request is the one that makes the object."""
        for there, writer in (("nothing", None), ("unknown", self.second), ("known", self.first)):
            for way in ("put", "same", "delete"):
                key = f"{way}-{there}"
                if writer is not None:
                    self.put(writer, key, b"before")
                self.complete_beside(key, fault(op=OPERATION, key=f"^{key}$", times=1, **what), lambda: self.change(way, key))
        uncertain = self.check(self.bales, exact=False)
        self.assertLessEqual(uncertain, 18)
        for key in ("alone", "put-nothing"):
            self.complete_beside(key, fault(op=OPERATION, key=f"^{key}$", times=1, **what), lambda: None)
        self.assertEqual(uncertain, self.check(self.bales, exact=False))

    def change(self, way, key):
        if way == "delete":
            self.delete(self.second, key)
        else:
            self.put(self.second, key, b"before" if way == "same" else b"replaced" * 200)

    def test_done_and_no_answer(self):
        self.go({"kind": "lose"})

    def test_not_done_and_no_answer(self):
        self.go({"kind": "cut"})

    def test_done_and_refused(self):
        """Something on the way sent it twice, and answered with what the second one met."""
        self.go({"kind": "replace", "status": 412, "code": "PreconditionFailed"})

    def test_done_and_gone(self):
        self.go({"kind": "replace", "status": 404, "code": "NoSuchUpload"})
