"""tests/backends/bodies/names_kept.py -- names of keys that some servers cannot keep: through Bale each is kept as it is, or refused; never another key."""

from urllib.parse import unquote_to_bytes

from backend_case import BackendCase

NAMES = ("/x", "x", "a//b", "a/b", "a/./b", "d/../e", "e", "./f", "f", "g/", "g/h", ".hidden", "..", "q//", "//", "i" * 300,
         "j/" + "k" * 256 + "/l", "tab\there", "line\nbreak", "bell\x07", "del\x7f", "nbsp\u00a0", "é combining e\u0301", "\U0001f980",
         "a&b", "a<b>", "per%20cent", "plus+", "back\\slash", "m", "m/n", "o" * 1024, "trailing ", " leading", "quote'\"", "*?", "con",
         "nul.txt", ".bale", ".balex/y", ".s4", "n.s4indexx")


class Names(BackendCase):
    def listed(self, client, *query):
        names, after = [], None
        while True:
            page = client.get(self.bucket, None, [("list-type", "2"), ("encoding-type", "url"), ("max-keys", "7"), *query,
                                                  *([("continuation-token", after)] if after else [])])
            self.assertEqual(200, page.status, page)
            names += [unquote_to_bytes(name.replace("+", " ")).decode() for name in page.texts("Contents/Key")]
            if page.text("IsTruncated") != "true":
                return names
            after = page.text("NextContinuationToken")

    def test_kept_or_refused(self):
        client = self.bale().client()
        kept = {}
        for name in NAMES:
            body = b"body of " + name.encode()
            answer = client.put(self.bucket, name, (), {"x-amz-meta-length": str(len(name))}, body)
            if answer.status == 200:
                kept[name] = body
            else:
                self.assertIn((answer.status, answer.code), ((400, "InvalidArgument"), (400, "KeyTooLongError"), (400, "InvalidURI")), f"{name!r}: {answer}")
                self.assertEqual(404, client.get(self.bucket, name).status if name != ".." else 404, f"{name!r} was refused, and is there")
        self.assertTrue({"x", "a/b", "e", "f", "per%20cent", "plus+", "\U0001f980"} <= set(kept), kept.keys())
        for name, body in kept.items():
            answer = client.get(self.bucket, name)
            self.assertEqual((200, body, str(len(name))), (answer.status, answer.body, answer.header("x-amz-meta-length")), f"{name!r}")
        if self.backend_name == "raw":
            self.assertTrue({"/x", "a//b", "line\nbreak", "m/n", "i" * 300} <= set(kept), kept.keys())
        listed = self.listed(client)
        # of `m` and `m/n` a server may list one only (verdict name-parent); every other one is there, in order, once
        self.assertLessEqual(set(kept) - set(listed), {"m/n", "g/h"})
        self.assertEqual(sorted(set(listed), key=str.encode), listed)
        self.assertLessEqual(set(listed), set(kept))
        for name in kept:
            self.assertEqual(204, client.delete(self.bucket, name).status, f"{name!r}")
        self.assertEqual([], self.listed(client))
