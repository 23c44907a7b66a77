"""tests/s3/model.py -- a bucket as a dictionary: what lists, reads and conditions must answer, in a few plain lines."""

import checksums


class Model:
    """Keys are bytes, so that their order is the order that S3 promises."""

    def __init__(self):
        self.objects = {}  # key bytes -> (body, metadata value)

    def etag(self, key):
        return checksums.etag(self.objects[key][0])

    def entries(self, prefix=b"", delimiter=b""):
        """Keys and common prefixes as S3 sees them: [(name, is_prefix)], each prefix once, in order."""
        found, last = [], None
        for key in sorted(self.objects):
            if not key.startswith(prefix):
                continue
            at = key.find(delimiter, len(prefix)) if delimiter else -1
            if at < 0:
                found.append((key, False))
            elif (name := key[:at + len(delimiter)]) != last:
                found.append((name, True))
                last = name
        return found

    def page(self, prefix, delimiter, after, size):
        """(keys, prefixes, truncated) of the page behind `after`, which is a name that a page ended with, or b""."""
        rest = [entry for entry in self.entries(prefix, delimiter) if entry[0] > after]
        shown = rest[:size]
        return ([name for name, is_prefix in shown if not is_prefix], [name for name, is_prefix in shown if is_prefix],
                len(rest) > len(shown) and size > 0)
