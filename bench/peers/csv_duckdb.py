"""The peer of bench/csv: DuckDB's read_csv into a table in memory, types declared.

csv_duckdb.py FILE THREADS: prints seconds, CPU seconds, rows, values that are not null, and the
sum of the values."""
import sys
import time

import duckdb

TYPES = {
    "hospital_id": "VARCHAR",
    "measurement_date": "DATE",
    "patient_id": "VARCHAR",
    "vital_type": "VARCHAR",
    "value": "DOUBLE",
    "unit": "VARCHAR",
}

path, threads = sys.argv[1], int(sys.argv[2])
db = duckdb.connect()
db.execute(f"SET threads = {threads}")
columns = ", ".join(f"'{name}': '{kind}'" for name, kind in TYPES.items())
start, cpu_start = time.perf_counter(), time.process_time()
db.execute(
    f"CREATE TABLE t AS SELECT * FROM read_csv('{path}', header = true, delim = ',', quote = '\"', "
    f"escape = '\"', columns = {{{columns}}})"
)
seconds, cpu = time.perf_counter() - start, time.process_time() - cpu_start
counts = " + ".join(f"count({name})" for name in TYPES)
rows, fields, total = db.execute(f"SELECT count(*), {counts}, sum(value) FROM t").fetchone()
print(f"{seconds:.6f} {cpu:.6f} {rows} {fields} {total:.0f}")
