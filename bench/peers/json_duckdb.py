"""JSON lines into a DuckDB table: json_duckdb.py FILE THREADS"""
import sys

import duckdb

db = duckdb.connect(config={"threads": int(sys.argv[2])})
db.execute("CREATE TABLE t AS SELECT * FROM read_json(?, format = 'newline_delimited')", [sys.argv[1]])
print("%d rows, %d values" % db.execute("SELECT count(*), count(value) FROM t").fetchone())
