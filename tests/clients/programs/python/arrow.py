"""tests/clients/programs/python/arrow.py -- what a program with pyarrow does: files and Parquet over its own S3 file system.

usage: arrow.py http://HOST:PORT ; credentials come from the environment. Prints `ok` at the end.
"""

import sys

import pyarrow
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet


def main(endpoint):
    scheme, _, host = endpoint.partition("://")
    s3 = pyarrow.fs.S3FileSystem(endpoint_override=host, scheme=scheme, region="us-east-1", allow_bucket_creation=True,
                                 allow_bucket_deletion=True)
    s3.create_dir("pyarrow")
    table = pyarrow.table({"number": list(range(200_000)), "name": [f"row {n % 7}" for n in range(200_000)]})
    pyarrow.parquet.write_table(table, "pyarrow/a b/one+two.parquet", filesystem=s3)
    assert pyarrow.parquet.read_table("pyarrow/a b/one+two.parquet", filesystem=s3).equals(table)
    assert pyarrow.parquet.read_table("pyarrow/a b/one+two.parquet", columns=["name"], filesystem=s3).num_rows == 200_000

    pyarrow.dataset.write_dataset(table, "pyarrow/set", format="parquet", filesystem=s3, partitioning=["name"],
                                  partitioning_flavor="hive", existing_data_behavior="delete_matching")
    found = pyarrow.dataset.dataset("pyarrow/set", format="parquet", partitioning="hive", filesystem=s3)
    assert found.count_rows(filter=pyarrow.dataset.field("name") == "row 6") == 28571

    large = bytes(range(256)) * (12 << 12)  # 12 MiB: in parts
    with s3.open_output_stream("pyarrow/large", metadata={"Content-Type": "text/x", "colour": "green"}) as out:
        out.write(large[:5_000_000])
        out.write(large[5_000_000:])
    with s3.open_input_file("pyarrow/large") as file:
        assert file.size() == len(large) and file.read_at(10, 5_000_000) == large[5_000_000:5_000_010]
        assert file.metadata()["Content-Type"] == b"text/x", file.metadata()
    with s3.open_input_stream("pyarrow/large") as stream:
        assert stream.read() == large
    s3.copy_file("pyarrow/a b/one+two.parquet", "pyarrow/copied")
    s3.move("pyarrow/copied", "pyarrow/moved")
    assert s3.get_file_info("pyarrow/copied").type == pyarrow.fs.FileType.NotFound
    assert s3.get_file_info("pyarrow/a b").type == pyarrow.fs.FileType.Directory
    listed = s3.get_file_info(pyarrow.fs.FileSelector("pyarrow", recursive=True))
    assert sum(entry.is_file for entry in listed) == 7 + 3, len(listed)

    s3.create_dir("pyarrow/empty folder")
    assert s3.get_file_info("pyarrow/empty folder").type == pyarrow.fs.FileType.Directory
    with s3.open_output_stream("pyarrow/empty") as out:
        pass
    with s3.open_input_stream("pyarrow/empty") as stream:
        assert stream.read() == b""
    s3.delete_dir_contents("pyarrow")
    s3.delete_dir("pyarrow")
    print("ok")


if __name__ == "__main__":
    main(sys.argv[1])
