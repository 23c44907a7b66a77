"""tests/backends/bodies/memory.py -- what Bale takes while many large bodies go through it at once: 32 uploads 320 MiB at most, 32 downloads 64 MiB a
shard. A body of 1 GiB each with --long; without, enough of it that every upload holds what it can hold."""

import contextlib
import random
import threading

from backend_case import BackendCase

MIB = 1 << 20
NOISE = random.Random(1).randbytes(MIB)
UPLOADS = 32
UPLOADS_MOST = 320 * MIB
DOWNLOADS_MOST = 64 * MIB


class Memory(BackendCase):
    FOR = ("raw",)

    def resident(self, bale):
        with open(f"/proc/{bale.daemon.process.pid}/statm", encoding="ascii") as file:
            pages = file.read().split()
        return (int(pages[1]) - int(pages[2])) * 4096  # without what is of files

    def watch(self, bale, threads):
        """The most that it took while they ran."""
        most = 0
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            most = max(most, self.resident(bale))
            threads[0].join(0.02)
            for thread in threads:
                if thread.is_alive():
                    thread.join(0.02)
                    break
        return most

    def upload(self, bale, key, mebibytes, statuses):
        client = bale.client()
        prepared = client.prepare("PUT", self.bucket, key, (), {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}, b"", length=mebibytes * MIB)
        with client.connect(timeout=600) as connection:
            connection.send(prepared.head)
            for _ in range(mebibytes):
                if not connection.try_send(NOISE):
                    break
            statuses.append(connection.read_response("PUT").status)

    def download(self, bale, key, mebibytes, statuses):
        client = bale.client()
        with client.connect(timeout=600) as connection:
            connection.send(client.prepare("GET", self.bucket, key).bytes)
            head = connection.read_head()
            is_right = all(connection.read_exactly(MIB) == NOISE for _ in range(mebibytes))
            statuses.append(head.status if is_right else "other bytes")

    def test_32_uploads_fit_whichever_shard_they_came_to(self):
        """100 Continue says that the memory for a part is there: for 32 parts of 8 MiB there is, however unevenly the connections have spread."""
        client = self.bale(self.backend, "--shards", "4").client()
        headers = {"x-amz-content-sha256": "UNSIGNED-PAYLOAD", "Expect": "100-continue"}
        with contextlib.ExitStack() as stack:
            connections = [stack.enter_context(client.connect(timeout=300)) for _ in range(UPLOADS)]
            for number, connection in enumerate(connections):
                connection.send(client.prepare("PUT", self.bucket, f"k{number}", (), headers, b"", length=24 * MIB).head)
            self.assertEqual([100] * UPLOADS, [connection.read_head().status for connection in connections])

    def test_32_at_once(self):
        size = 1024 if self.is_long else 24
        bale = self.bale(self.backend, "--shards", "2")
        before = self.resident(bale)
        statuses = []
        most = self.watch(bale, [threading.Thread(target=self.upload, args=(bale, f"k{number}", size, statuses)) for number in range(UPLOADS)])
        self.assertEqual([200] * UPLOADS, statuses)
        self.assertLess(most - before, UPLOADS_MOST)
        bale = self.bale(self.backend, "--shards", "2")
        before, statuses = self.resident(bale), []
        most = self.watch(bale, [threading.Thread(target=self.download, args=(bale, f"k{number}", size, statuses)) for number in range(UPLOADS)])
        self.assertEqual([200] * UPLOADS, statuses)
        self.assertLess(most - before, 2 * DOWNLOADS_MOST)
