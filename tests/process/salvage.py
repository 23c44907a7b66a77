"""tests/process/salvage.py -- damaged bodies: found, named, and what is right of them read; for tests/process/run.

`Salvage.baled` and `Salvage.bale` are the binaries; set before the tests run.
"""

import json
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import multipart
from daemons import DaemonsCase

MIB = 1 << 20
FRAMES = [multipart.text_bytes(MIB, seed) for seed in range(3)]  # of a body each
MAGIC = b"S4F2"


class Salvage(DaemonsCase):
    def setUp(self):
        super().setUp()
        self.folder = Path(tempfile.mkdtemp(prefix="bale-salvage-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.daemon = self.add("--shards", "1", "--columns", "off")
        self.alice = self.daemon.alice
        self.assertEqual(200, self.alice.put("bucket").status)

    def put(self, key, body, bucket="bucket"):
        answer = self.alice.put(bucket, key, (), (), body, payload="unsigned")
        self.assertEqual(200, answer.status)
        return answer.header("x-amz-version-id")

    def run_bale(self, *words, text=True):
        return subprocess.run([self.bale, *map(str, words)], capture_output=True, text=text, cwd=self.folder, timeout=600,
                              check=False)

    def on_store(self, *words, text=True):
        return self.run_bale(*words, "--backend", f"dir:{self.daemon.folder}/data", text=text)

    def export(self, key):
        """The stored body of an object, as a file."""
        done = self.on_store("export", "out", "--bucket", "bucket")
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        listed = json.loads((self.folder / "out" / "objects.json").read_text())
        return self.folder / "out" / listed["objects"][key]["file"]

    def change_volumes(self, change):
        """Every volume of the stopped store, through `change`, which returns it with the same size."""
        for path in Path(self.daemon.folder, "data").rglob("*"):
            if path.is_file() and "catalogue" not in path.parts and path.stat().st_size > 4096:
                with open(path, "r+b") as file:
                    before = file.read()
                    after = change(before)
                    self.assertEqual(len(before), len(after))
                    if after != before:
                        file.seek(0)
                        file.write(after)

    def damage_in_store(self, stored, offset):
        """One byte of a body that is known."""
        changed = bytearray(stored)
        changed[offset] ^= 1
        found = []

        def change(volume):
            at = volume.find(stored[:4096])
            found.append(at >= 0)
            return volume if at < 0 else volume[:at] + bytes(changed) + volume[at + len(stored):]
        self.change_volumes(change)
        self.assertEqual(1, sum(found))

    def findings(self, done):
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return lines[:-1], lines[-1]

    # ---- a body in a file ----

    def test_a_body_in_a_file_is_read_without_a_store(self):
        self.put("object", b"".join(FRAMES))
        self.put("noise", multipart.noise_bytes(100_000))
        self.assertEqual(0, self.daemon.stop())
        path = self.export("object")
        for _ in range(2):  # with the index beside it, and without
            done = self.run_bale("cat", f"file:{path}", text=False)
            self.assertEqual((0, b""), (done.returncode, done.stderr))
            self.assertEqual(b"".join(FRAMES), done.stdout)
            said = json.loads(self.run_bale("inspect", f"file:{path}", "--frames", "--json").stdout)
            self.assertEqual((3 * MIB, "frames", 3), (said["original size"], said["layout"], len(said["each frame"])))
            self.assertNotIn("etag", said)
            Path(f"{path}.s4index").unlink(missing_ok=True)
        plain = path.with_name("plain")
        plain.write_bytes(b"no frames\n")
        self.assertEqual("no frames\n", self.run_bale("cat", f"file:{plain}").stdout)
        done = self.run_bale("cat", "file:nowhere")
        self.assertEqual((1, "bale cat: nowhere: No such file or directory\n"), (done.returncode, done.stderr))
        self.assertEqual(1, self.run_bale("cat", "file:out").returncode)

    def test_what_is_right_of_a_damaged_body_is_read(self):
        self.put("object", b"".join(FRAMES))
        self.assertEqual(0, self.daemon.stop())
        path = self.export("object")
        stored = path.read_bytes()
        starts = [at for at in range(len(stored)) if stored[at:at + 4] == MAGIC]
        self.assertEqual(3, len(starts))

        def cat(offset, *words):
            changed = bytearray(stored)
            changed[offset] ^= 1
            path.write_bytes(changed)
            done = self.run_bale("cat", f"file:{path}", *words, text=False)
            self.assertEqual(1, done.returncode)
            return done.stdout, done.stderr.decode()

        payload, header = starts[1] + 1000, starts[1]
        self.assertEqual(FRAMES[0], cat(payload)[0])  # nothing wrong leaves, and nothing behind it
        body, said = cat(payload, "--skip-damaged")
        self.assertEqual(FRAMES[0] + FRAMES[2], body)
        self.assertRegex(said, rf"^bale cat: bytes {MIB} to {2 * MIB - 1} are left out: .*\n"
                               rf"bale cat: {MIB} of {3 * MIB} bytes are damaged, and were left out\n$")
        self.assertEqual(FRAMES[0] + FRAMES[2], cat(header, "--skip-damaged")[0])  # the index leads on
        self.assertEqual(FRAMES[1] + FRAMES[2], cat(starts[0] + 500, "--skip-damaged")[0])
        self.assertEqual(FRAMES[0] + FRAMES[1], cat(starts[2] + 500, "--skip-damaged")[0])
        Path(f"{path}.s4index").unlink()
        self.assertEqual(FRAMES[0] + FRAMES[2], cat(payload, "--skip-damaged")[0])  # so do headers
        self.assertEqual(FRAMES[0], cat(header, "--skip-damaged")[0])  # without either nobody knows the way

    # ---- a store ----

    def test_what_is_damaged_in_a_store_is_named(self):
        self.assertEqual(200, self.alice.put("versions").status)
        enable = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        self.assertEqual(200, self.alice.put("versions", None, {"versioning": None}, (), enable).status)
        self.put("object", b"".join(FRAMES))
        self.put("fine", FRAMES[1])
        self.put("\x1b[2Jgone", FRAMES[1])
        former = self.put("key", multipart.text_bytes(2 * MIB, 7), "versions")
        self.put("key", FRAMES[2], "versions")
        self.assertEqual(204, self.alice.delete("versions", "key").status)  # a marker is no object
        self.assertEqual(0, self.daemon.stop())
        done = self.on_store("verify", "--deep", "--json")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertEqual((5, 0, True), tuple(self.findings(done)[1][name] for name in ("objects", "findings", "is_all")))

        stored = self.export("object").read_bytes()
        self.damage_in_store(stored, stored.index(MAGIC, 4) + 1000)
        self.assertEqual(0, self.on_store("verify").returncode)  # headers are right
        done = self.on_store("verify", "--deep", "--json")
        found, sums = self.findings(done)
        self.assertEqual((1, [("bucket", "object", "frame-crc", None)]),
                         (done.returncode, [(one["bucket"], one["key"], one["kind"], one.get("version")) for one in found]))
        self.assertRegex(found[0]["finding"], rf"^from byte {MIB}: ")
        self.assertEqual((5, 1, 0), (sums["objects"], sums["findings"], sums["unread"]))
        done = self.on_store("cat", "bucket/object", "--skip-damaged", text=False)
        self.assertEqual((1, FRAMES[0] + FRAMES[2]), (done.returncode, done.stdout))

        self.change_volumes(lambda volume: volume.replace(MAGIC, b"S4F3"))
        self.assertIn("bucket/\\x1b[2Jgone: frame-header: ", self.on_store("verify").stdout)  # no key commands a terminal
        done = self.on_store("verify", "--json")
        found, sums = self.findings(done)
        self.assertEqual((1, {"frame-header"}, 5), (done.returncode, {one["kind"] for one in found}, sums["findings"]))
        self.assertIn(("versions", "key", former), [(one["bucket"], one["key"], one.get("version")) for one in found])
        done = self.on_store("verify")
        self.assertRegex(done.stdout, r"(?m)^bucket/object: frame-header: the frame at 0 .* \(bale cat --skip-damaged .*\)$")

    def test_a_signal_ends_it_with_what_was_found(self):
        """More findings than the pipe takes: it cannot have come to its end while nobody reads."""
        count = 150
        text = multipart.text_bytes(MIB)
        for number in range(count):
            self.put(f"{number:04}-{'x' * 900}", text[1000 * number:1000 * number + 24_000])
        self.assertEqual(0, self.daemon.stop())
        self.change_volumes(lambda volume: volume.replace(MAGIC, b"S4F3"))
        process = subprocess.Popen([self.bale, "verify", "--backend", f"dir:{self.daemon.folder}/data"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        first = process.stdout.read(100)  # it is at work
        process.send_signal(signal.SIGTERM)
        rest, said = process.communicate(timeout=600)
        lines = (first + rest).decode().splitlines()
        self.assertEqual(3, process.returncode, said)
        self.assertIn(b"stopped by a signal before the end", said)
        self.assertRegex(lines[-1], rf"^{len(lines) - 1} objects so far, .*: {len(lines) - 1} findings")
        self.assertLess(len(lines), count)
