"""tests/backends/tools/getting_trees.py -- bale get --tree: every key that is a path becomes its file, and nothing else is touched."""

import hashlib
import http.server
import os
import subprocess
import threading
import urllib.parse
from pathlib import Path

import faults
import multipart
from faults import fault
from getting import MIB, GetCase


class TreeCase(GetCase):
    def tree(self, prefix="", *words, place=None, folder="to"):
        done = self.get(prefix, folder, "--tree", "--no-sync", *words, place=place)
        self.assertNotIn("Sanitizer", done.stderr)
        return done

    def files(self, folder="to"):
        """Path to bytes, of all files below."""
        root = self.folder / folder
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    def fill(self, bodies):
        for key, body in bodies.items():
            self.put(key, body)


class Trees(TreeCase):
    bodies = {"top": b"1", "a/b/deep": multipart.noise_bytes(2000), "a/empty": b"", "a/large": multipart.noise_bytes(3 * MIB + 5, 1),
              "a/other large": multipart.noise_bytes(2 * MIB, 2), "b/über & <more>?#%20+": b"name"}

    def test_all_of_a_bucket(self):
        self.fill({**self.bodies, **{f"many/{number:03}": b"%d" % number for number in range(40)}})
        done = self.tree("", "--part-size", "1M", "--parts", "4")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual({**self.bodies, **{f"many/{number:03}": b"%d" % number for number in range(40)}}, self.files())
        self.assertIn("to: 46 objects, ", done.stderr)

    def test_below_a_prefix(self):
        self.fill(self.bodies)
        for prefix, wanted in (("a/", {"b/deep", "empty", "large", "other large"}), ("a", {"a/b/deep", "a/empty", "a/large", "a/other large"}),
                               ("a/o", {"other large"}), ("nothing/", set())):
            folder = "to " + prefix.replace("/", "_")
            self.assertEqual(0, self.tree(prefix, folder=folder).returncode)
            self.assertEqual(wanted, set(self.files(folder)), prefix)

    def test_what_was_chosen(self):
        self.fill(self.bodies)
        proxy = self.proxy()
        for number, (words, wanted) in enumerate(((("--include", "*e*"), {"b/deep", "empty", "large", "other large"}),
                                                  (("--exclude", "b/*"), {"empty", "large", "other large"}),
                                                  (("--include", "*large", "--exclude", "o*"), {"large"}),
                                                  (("--include", "none"), set()))):
            proxy.reset()
            done = self.tree("a/", *words, place=proxy, folder=f"to{number}")
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertEqual(wanted, set(self.files(f"to{number}")), words)
        self.assertEqual([], [name for name in proxy.operations() if name != "ListObjectsV2"])
        done = self.get("top", "top", "--include", "*")
        self.assertEqual(2, done.returncode, done.stderr)

    def test_names_with_ends_of_lines(self):
        bodies = {"line\nfeed/tab\there": b"1", "return\rhere": b"2", "a\n": b"3"}
        self.fill(bodies)
        done = self.tree()
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual(bodies, self.files())

    def test_what_is_there_already_is_not_asked_for(self):
        """Unless it, or its object, has been changed since."""
        self.fill({"same": b"same", "edited": b"edited", "changed": b"before"})
        for _ in range(2):
            done = self.get("", "to", "--tree")
            self.assertEqual(0, done.returncode, done.stderr)
        if "user.bale.etag" not in os.listxattr(self.folder / "to" / "same"):
            self.skipTest("no extended attributes here")
        self.assertIn("3 were there already", done.stderr)
        (self.folder / "to" / "edited").write_bytes(b"EDITED")
        self.put("changed", b"after!")
        proxy = self.proxy()
        self.assertEqual(0, self.get("", "to", "--tree", place=proxy).returncode)
        self.assertEqual({"same": b"same", "edited": b"edited", "changed": b"after!"}, self.files())
        self.assertEqual(2, proxy.operations().count("GetObject"))

    def test_a_bad_network_only_takes_longer(self):
        bodies = {f"{number % 3}/{number}": multipart.noise_bytes(40_000 * number, number) for number in range(40)}
        self.fill(bodies)
        proxy = self.proxy(*faults.mixture(0.01, op=["GetObject", "HeadObject", "ListObjectsV2"]))
        done = self.tree("", "--part-size", "1M", place=proxy)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual(bodies, self.files())

    def test_damage_is_of_one_object(self):
        self.fill({"a": b"a" * 1000, "b": b"b" * 1000, "c": b"c" * 1000})
        done = self.tree(place=self.proxy(fault("flip", op="GetObject", key="b")))
        self.assertEqual(1, done.returncode)
        self.assertIn("bale get: b: what came is not what the server says that it has", done.stderr)
        self.assertIn("1 objects were not got", done.stderr)
        self.assertEqual({"a", "c"}, set(self.files()))

    def test_links_in_the_folder_are_not_followed(self):
        self.fill({"in/file": b"new", "link": b"new"})
        outside = self.folder / "outside"
        outside.mkdir()
        (outside / "target").write_bytes(b"stays")
        (self.folder / "to").mkdir()
        (self.folder / "to" / "in").symlink_to(outside)
        (self.folder / "to" / "link").symlink_to(outside / "target")
        done = self.tree()
        self.assertEqual(1, done.returncode)
        self.assertIn("in/file: in is a file or a symbolic link here, and no folder", done.stderr)
        self.assertEqual({"target": b"stays"}, self.files("outside"))
        self.assertEqual((b"new", False), ((self.folder / "to" / "link").read_bytes(), (self.folder / "to" / "link").is_symlink()))

    def test_a_server_that_goes_is_the_end(self):
        self.fill({f"{number:02}": b"x" for number in range(20)})
        done = self.tree("", "--parts", "1", place=self.proxy(fault("refuse", op="ListObjectsV2", status=403)))
        self.assertEqual((1, 2), (done.returncode, len(done.stderr.splitlines())), done.stderr)
        self.assertIn("403", done.stderr)


class Hostile(http.server.BaseHTTPRequestHandler):
    """A server that lists whatever keys it likes, two a page, and has the key as the body of each."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path, _, query = self.path.partition("?")
        fields = dict(urllib.parse.parse_qsl(query))
        if "list-type" not in fields:
            return self.answer(urllib.parse.unquote_to_bytes(path).partition(b"/bucket/")[2])
        at = int(fields.get("continuation-token", "0"))
        page = self.server.keys[at:at + 2]
        is_last = at + 2 >= len(self.server.keys)
        entries = "".join(f"<Contents><Key>{urllib.parse.quote(key)}</Key><Size>{0 if key.endswith(b'/') else len(key)}</Size>"
                          f"<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>x</ETag></Contents>" for key in page)
        more = "" if is_last else f"<NextContinuationToken>{at + 2}</NextContinuationToken>"
        return self.answer(f"<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>{'false' if is_last else 'true'}</IsTruncated>"
                           f"{more}{entries}</ListBucketResult>".encode())

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hashlib.md5(body).hexdigest()}"')
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class HostileKeys(TreeCase):
    FOR = ("raw",)
    NEEDS_BALE = False

    def get_from(self, keys):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
        server.keys = keys
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            return subprocess.run(self.command("get", "s3://bucket/", "to", "--tree", "--no-sync", "--anonymous", "--parts", "1", "--endpoint",
                                               f"http://127.0.0.1:{server.server_port}"), cwd=self.folder, capture_output=True,
                                  timeout=600, check=False)
        finally:
            server.shutdown()
            server.server_close()

    def outside(self):
        """All that is in the folder of the test, but below the target."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*")
                      if self.folder / "to" not in (path, *path.parents))

    def test_no_key_leaves_the_folder(self):
        good = [b"a", b"dir/file", b"...", b"..x", b"a.bale", b"\\x", b"made/"]
        bad = [b"../out", b"..", b".", b"dir/../../out", b"dir/..", b"dir/./x", b"/abs", b"//", b"dir//x", b"nul\0x", b"dir\0/x", b"x.bale-part",
               b"dir.bale-log/x", b"x" * 256, b"y" * 246, b"z" * 256 + b"/x", b"../", b"/"]
        self.folder.joinpath("file").write_bytes(b"")
        done = self.get_from(good + bad)
        self.assertEqual(1, done.returncode, done.stderr)
        self.assertIn(b"%d objects were not got" % len(bad), done.stderr)
        self.assertEqual(["file"], self.outside())
        self.assertEqual({os.fsdecode(key): key for key in good if not key.endswith(b"/")}, self.files())
        self.assertTrue((self.folder / "to" / "made").is_dir())

    def test_a_file_and_a_folder_of_one_name(self):
        for keys in ([b"a", b"a/b"], [b"a/b", b"a"]):
            done = self.get_from(keys)
            self.assertEqual(1, done.returncode)
            self.assertIn(b"1 objects were not got", done.stderr)
            self.assertEqual({os.fsdecode(keys[0]): keys[0]}, self.files())
            subprocess.run(["rm", "-r", str(self.folder / "to")], check=True)

    def test_one_key_that_is_listed_twice(self):
        """As two keys that are one file, on a file system that folds their names."""
        done = self.get_from([b"a", b"b", b"a"])
        self.assertEqual(1, done.returncode)
        self.assertIn(b"bale get: a: another key has become this file already", done.stderr)

    def test_names_do_not_speak_to_the_terminal(self):
        done = self.get_from([b"x\x1b[31m/../y", b"n\n/../y"])
        self.assertIn(b"bale get: x\\x1b[31m/../y: the key has a segment", done.stderr)
        self.assertNotIn(b"\x1b", done.stderr)
        self.assertEqual(3 + 1, len(done.stderr.splitlines()), done.stderr)
