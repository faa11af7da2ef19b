"""The peer of bench/csv: Polars' read_csv, types declared.

csv_polars.py FILE THREADS: prints seconds, CPU seconds, rows, values that are not null, and the
sum of the values."""
import os
import sys
import time

path, threads = sys.argv[1], sys.argv[2]
os.environ["POLARS_MAX_THREADS"] = threads
import polars as pl  # noqa: E402  (it reads the variable when it is imported)

TYPES = {
    "hospital_id": pl.String,
    "measurement_date": pl.Date,
    "patient_id": pl.String,
    "vital_type": pl.String,
    "value": pl.Float64,
    "unit": pl.String,
}
start, cpu_start = time.perf_counter(), time.process_time()
table = pl.read_csv(path, schema=TYPES)
seconds, cpu = time.perf_counter() - start, time.process_time() - cpu_start
fields = sum(table.height - n for n in table.null_count().row(0))
print(f"{seconds:.6f} {cpu:.6f} {table.height} {fields} {table['value'].sum():.0f}")
