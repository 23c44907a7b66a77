"""tests/clients/programs/python/delta.py -- what a program with deltalake does: a table whose commits are conditional writes.

usage: delta.py http://HOST:PORT ; credentials come from the environment, the bucket `deltalake` is there. Prints `ok` at the end.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

import pyarrow
from deltalake import DeltaTable, write_deltalake


def main(endpoint):
    options = {"AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "us-east-1", "AWS_ALLOW_HTTP": "true", "aws_conditional_put": "etag"}
    where = "s3://deltalake/a b/table"

    def rows(first, count):
        return pyarrow.table({"number": list(range(first, first + count)), "name": [f"row {n % 10}" for n in range(first, first + count)]})
    write_deltalake(where, rows(0, 1000), storage_options=options, partition_by=["name"])

    def append(turn):
        write_deltalake(where, rows(1000 * (turn + 1), 1000), mode="append", storage_options=options)
    with ThreadPoolExecutor(4) as pool:  # each commit wins its number by If-None-Match
        list(pool.map(append, range(8)))
    table = DeltaTable(where, storage_options=options)
    assert table.version() == 8, table.version()
    assert sorted(table.to_pyarrow_table()["number"].to_pylist()) == list(range(9000))
    table.delete("number < 500")
    table.update(predicate="number = 8999", updates={"number": "-1"})
    table.optimize.compact()
    table.create_checkpoint()
    table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    again = DeltaTable(where, storage_options=options)
    numbers = again.to_pyarrow_table()["number"].to_pylist()
    assert sorted(numbers) == [-1, *range(500, 8999)], len(numbers)
    assert again.version() == table.version() and len(again.history()) >= 10
    print("ok", flush=True)
    os._exit(0)  # threads of pyarrow and deltalake may outlive the interpreter, and end it with SIGABRT


if __name__ == "__main__":
    main(sys.argv[1])
