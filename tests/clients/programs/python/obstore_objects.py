"""tests/clients/programs/python/obstore_objects.py -- what a program with obstore does (the object_store of Rust).

usage: obstore_objects.py http://HOST:PORT ; credentials come from the environment, the bucket `obstore` is there, and an object
`beyond ascii` in it. Prints `ok` at the end.
"""

import sys
import urllib.request
from datetime import timedelta

import obstore
from obstore.exceptions import AlreadyExistsError, NotFoundError, PreconditionError
from obstore.store import S3Store


def main(endpoint):
    store = S3Store("obstore", endpoint=endpoint, region="us-east-1", virtual_hosted_style_request=False,
                    client_options={"allow_http": True})
    text = b"0123456789" * 30_000
    found = obstore.get(store, "beyond ascii")  # whose metadata is: the server must not send it as it came
    assert bytes(found.bytes()) == b"x" and found.attributes["name"] == "=?UTF-8?B?R3LDvMOfZQ==?=", found.attributes
    obstore.delete(store, "beyond ascii")
    attributes = {"Content-Type": "text/x", "Cache-Control": "no-cache", "colour": "green"}
    obstore.put(store, "a b/one+two", text, attributes=attributes, tags={"a": "b c"})
    found = obstore.get(store, "a b/one+two")
    assert bytes(found.bytes()) == text
    assert {name: found.attributes[name] for name in attributes} == attributes, found.attributes
    assert obstore.head(store, "a b/one+two")["size"] == len(text)
    assert bytes(obstore.get_range(store, "a b/one+two", start=5, end=15)) == text[5:15]
    ranges = obstore.get_ranges(store, "a b/one+two", starts=[0, 100_000, 299_990], ends=[10, 100_010, 300_000])
    assert [bytes(part) for part in ranges] == [text[:10], text[100_000:100_010], text[-10:]]

    try:
        obstore.put(store, "a b/one+two", b"again", mode="create")
        raise AssertionError("was written twice")
    except AlreadyExistsError:
        pass
    made = obstore.put(store, "counter", b"1", mode="create")
    obstore.put(store, "counter", b"2", mode={"e_tag": made["e_tag"]})
    try:
        obstore.put(store, "counter", b"3", mode={"e_tag": made["e_tag"]})
        raise AssertionError("an old ETag was enough")
    except PreconditionError:
        pass

    large = bytes(range(256)) * (12 << 12)
    obstore.put(store, "large", large, chunk_size=5 << 20, use_multipart=True)
    assert bytes(obstore.get(store, "large").bytes()) == large
    assert b"".join(bytes(chunk) for chunk in obstore.get(store, "large").stream(min_chunk_size=1 << 20)) == large
    for to in ("copied", "copied & more"):
        obstore.copy(store, "a b/one+two", to)
    obstore.rename(store, "copied", "renamed/x")
    obstore.put(store, "empty", b"")
    assert bytes(obstore.get(store, "empty").bytes()) == b""

    names = sorted(entry["path"] for page in obstore.list(store, chunk_size=2) for entry in page)
    assert names == ["a b/one+two", "copied & more", "counter", "empty", "large", "renamed/x"], names
    below = obstore.list_with_delimiter(store)
    assert sorted(below["common_prefixes"]) == ["a b", "renamed"], below
    assert [entry["path"] for page in obstore.list(store, prefix="a b") for entry in page] == ["a b/one+two"]
    assert [entry["path"] for page in obstore.list(store, offset="empty") for entry in page] == ["large", "renamed/x"]
    link = obstore.sign(store, "GET", "a b/one+two", timedelta(minutes=1))
    assert urllib.request.urlopen(link, timeout=300).read() == text
    try:
        obstore.get(store, "not there")
        raise AssertionError("a missing key was found")
    except (NotFoundError, FileNotFoundError):
        pass
    obstore.delete(store, names)
    assert list(obstore.list(store)) == []
    print("ok")


if __name__ == "__main__":
    main(sys.argv[1])
