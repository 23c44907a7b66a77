"""tests/clients/programs/python/fsspec_files.py -- what a program with s3fs (of fsspec) does, and pandas, dask and others by it.

usage: fsspec_files.py http://HOST:PORT ; credentials come from the environment. Prints `ok` at the end.
"""

import sys
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory

import s3fs


def main(endpoint):
    # a presigned URL wants signature version 4; s3fs leaves it to botocore, whose default is version 2
    s3 = s3fs.S3FileSystem(endpoint_url=endpoint, client_kwargs={"region_name": "us-east-1"}, config_kwargs={"signature_version": "s3v4"},
                           use_listings_cache=False, default_block_size=5 << 20)
    s3.mkdir("s3fs")
    large = bytes(range(256)) * (12 << 12)
    with s3.open("s3fs/a b/one+two", "wb") as file:  # in parts
        file.write(large)
    with s3.open("s3fs/a b/one+two", "rb") as file:
        file.seek(5_000_000)
        assert file.read(10) == large[5_000_000:5_000_010]
    assert s3.cat("s3fs/a b/one+two") == large and s3.size("s3fs/a b/one+two") == len(large)
    assert s3.cat_file("s3fs/a b/one+two", start=-10, end=None) == large[-10:]
    s3.pipe({f"s3fs/many/{number:03}": b"%d" % number for number in range(300)})
    assert s3.cat("s3fs/many/*")["s3fs/many/017"] == b"17" and len(s3.ls("s3fs/many")) == 300
    s3.copy("s3fs/a b/one+two", "s3fs/copied")
    s3.mv("s3fs/copied", "s3fs/moved")
    assert not s3.exists("s3fs/copied") and s3.isdir("s3fs/a b") and s3.checksum("s3fs/moved") is not None
    with s3.open("s3fs/text", "w") as file:
        file.write("line\n")
    with s3.open("s3fs/text", "a") as file:
        file.write("more\n")
    assert s3.cat("s3fs/text") == b"line\nmore\n"
    s3.setxattr("s3fs/text", colour="green")
    assert s3.getxattr("s3fs/text", "colour") == "green"
    s3.put_tags("s3fs/text", {"a": "b c"})
    assert s3.get_tags("s3fs/text") == {"a": "b c"}
    assert urllib.request.urlopen(s3.url("s3fs/text", expires=60), timeout=300).read() == b"line\nmore\n"
    with TemporaryDirectory() as folder:
        s3.get("s3fs/many", folder + "/back", recursive=True)
        s3.put(folder + "/back", "s3fs/again", recursive=True)
        assert len(list(Path(folder, "back").iterdir())) == 300
    assert sorted(Path(path).name for path in s3.find("s3fs/again")) == [f"{number:03}" for number in range(300)]
    s3.touch("s3fs/empty")
    assert s3.cat("s3fs/empty") == b"" and s3.du("s3fs/many") == 10 + 180 + 600
    s3.rm("s3fs", recursive=True)
    assert not s3.exists("s3fs/moved")
    print("ok")


if __name__ == "__main__":
    main(sys.argv[1])
