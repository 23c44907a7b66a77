"""tests/clients/programs/python/duck.py -- what a user of DuckDB does: SQL over files in a bucket, by its extension httpfs.

usage: duck.py http://HOST:PORT ; credentials come from the environment, the bucket `duckdb` is there. Prints `ok` at the end.
"""

import os
import sys
from pathlib import Path

import duckdb
import duckdb_extension_httpfs


def main(endpoint):
    scheme, _, host = endpoint.partition("://")
    extension = next(Path(duckdb_extension_httpfs.__file__).parent.rglob("httpfs.duckdb_extension"))
    database = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    database.execute(f"INSTALL '{extension}'; LOAD httpfs")
    database.execute(f"""CREATE SECRET (TYPE s3, KEY_ID '{os.environ['AWS_ACCESS_KEY_ID']}', SECRET '{os.environ['AWS_SECRET_ACCESS_KEY']}',
                         REGION 'us-east-1', ENDPOINT '{host}', URL_STYLE 'path', USE_SSL {scheme == 'https'})""")
    if scheme == "https":
        database.execute(f"SET ca_cert_file = '{os.environ['SSL_CERT_FILE']}'")

    database.execute("CREATE TABLE rows AS SELECT i AS number, 'row ' || (i % 7) AS name, hash(i) AS noise FROM range(2000000) t(i)")
    database.execute("COPY rows TO 's3://duckdb/a b/one+two.parquet' (FORMAT parquet)")  # some 20 MB: in parts
    database.execute("COPY rows TO 's3://duckdb/set' (FORMAT parquet, PARTITION_BY (name))")
    database.execute("COPY (FROM rows LIMIT 1000) TO 's3://duckdb/rows.csv'")

    def ask(query):
        return database.execute(query).fetchall()
    same = "count(*), sum(number), sum(noise::HUGEINT)"
    assert ask(f"SELECT {same} FROM 's3://duckdb/a b/one+two.parquet'") == ask(f"SELECT {same} FROM rows")
    assert ask(f"SELECT {same} FROM 's3://duckdb/a b/*.parquet'") == ask(f"SELECT {same} FROM rows")
    assert ask("SELECT count(*) FROM read_parquet('s3://duckdb/set/*/*.parquet', hive_partitioning = true) WHERE name = 'row 3'") == ask(
        "SELECT count(*) FROM rows WHERE name = 'row 3'")
    assert ask("SELECT count(*), max(number) FROM 's3://duckdb/rows.csv'") == [(1000, 999)]
    assert len(ask("FROM glob('s3://duckdb/**')")) >= 9
    try:
        ask("FROM 's3://duckdb/missing.parquet'")
        raise AssertionError("a missing file was found")
    except (duckdb.HTTPException, duckdb.IOException) as error:
        assert "404" in str(error) or "No files found" in str(error), error
    print("ok")


if __name__ == "__main__":
    main(sys.argv[1])
