"""The kernels of bench/kernels.c by DuckDB and Polars on the same rows.

kernels_python.py duckdb|polars FILE.arrow [RUNS [THREADS]]: for each kernel prints its
name, the median seconds of whole results in memory after a warm-up, and the rows and
checksum that must agree. Texts are ENUM and Categorical: the fastest form we know."""
import os
import statistics
import sys
import time

ENGINE, FILE = sys.argv[1], sys.argv[2]
RUNS = int(sys.argv[3]) if len(sys.argv) > 3 else 5
THREADS = int(sys.argv[4]) if len(sys.argv) > 4 else 2
os.environ["POLARS_MAX_THREADS"] = str(THREADS)
import polars as pl  # noqa: E402  after the number of threads is set

KEYS = ["hospital", "vital", "month"]
SIX = "count(*) n, sum(value) sum, avg(value) mean, stddev_samp(value) sd, min(value) least, max(value) most"
QUANTILES = "quantile_cont(value, 0.5) median, quantile_cont(value, 0.95) p95"
GROUPED = f"FROM t GROUP BY {', '.join(KEYS)} ORDER BY {', '.join(KEYS)}"


def measure(name, run, answer):
    run()
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        result = run()
        seconds.append(time.perf_counter() - start)
    rows, total = answer(result)
    print(f"{name} {statistics.median(seconds):.4f} {rows} {total:.9g}", flush=True)


def patients():
    return pl.DataFrame({"patient": [f"P{i:07d}" for i in range(0, 200000, 2)],
                         "ward": [i % 97 for i in range(0, 200000, 2)]})


def load_duckdb(db):
    folder = os.path.dirname(os.path.abspath(FILE))
    frame = pl.read_ipc(FILE).with_columns(pl.col(pl.Categorical).cast(pl.String))
    frame.write_parquet(f"{folder}/kernels.parquet")
    patients().write_parquet(f"{folder}/patients.parquet")
    enums = ["hospital", "patient", "vital", "month"]
    for column in enums:
        source = "patients" if column == "patient" else "kernels"
        db.sql(f"CREATE TYPE {column}_t AS ENUM (SELECT DISTINCT {column} FROM '{folder}/{source}.parquet' "
               + (f"UNION SELECT DISTINCT {column} FROM '{folder}/kernels.parquet' " if source == "patients" else "")
               + "ORDER BY 1)")
    casts = ", ".join(f'{c}::{c}_t AS "{c}"' for c in enums)
    db.sql(f"CREATE TABLE t AS SELECT {casts}, day, value FROM '{folder}/kernels.parquet'")
    db.sql(f"CREATE TABLE p AS SELECT patient::patient_t patient, ward FROM '{folder}/patients.parquet'")


def run_duckdb():
    import duckdb

    db = duckdb.connect(config={"threads": THREADS})
    load_duckdb(db)
    db.sql("SET preserve_insertion_order = false")  # it matters to the tables only: "first" means row order
    queries = {
        "distinct": ("SELECT * FROM t WHERE rowid IN (SELECT min(rowid) FROM t "
                     "GROUP BY hospital, day, patient, vital)", "value"),
        "median": (f"SELECT {', '.join(KEYS)}, quantile_cont(value, 0.5) median {GROUPED}", "median"),
        "six_aggregates": (f"SELECT {', '.join(KEYS)}, {SIX} {GROUPED}", "sd"),
        "six_and_quantiles": (f"SELECT {', '.join(KEYS)}, {SIX}, {QUANTILES} {GROUPED}", "p95"),
        "by_patient": (f"SELECT patient, {SIX} FROM t GROUP BY patient ORDER BY patient", "mean"),
        "overall": (f"SELECT {SIX}, {QUANTILES} FROM t", "p95"),
        "count_distinct": (f"SELECT {', '.join(KEYS)}, count(DISTINCT patient) n {GROUPED}", "n"),
        "sort": ("SELECT * FROM t ORDER BY patient, value", "value"),
        "join": ("SELECT t.*, ward FROM t JOIN p ON t.patient = p.patient", "ward"),
    }
    for name, (sql, column) in queries.items():
        measure(name, lambda: db.execute(f"CREATE OR REPLACE TEMP TABLE result AS {sql}"),
                lambda _: db.execute(f"SELECT count(*), sum({column}) FROM result").fetchone())


def run_polars():
    t = pl.read_ipc(FILE)
    p = patients().with_columns(pl.col("patient").cast(t.schema["patient"]))
    value = pl.col("value")
    six = [pl.len().alias("n"), value.sum().alias("sum"), value.mean().alias("mean"), value.std().alias("sd"),
           value.min().alias("least"), value.max().alias("most")]
    quantiles = [value.median().alias("median"), value.quantile(0.95, "linear").alias("p95")]
    lazy = t.lazy()
    plans = {
        "distinct": (lazy.unique(["hospital", "day", "patient", "vital"], keep="first"), "value"),
        "median": (lazy.group_by(KEYS).agg(quantiles[:1]).sort(KEYS), "median"),
        "six_aggregates": (lazy.group_by(KEYS).agg(six).sort(KEYS), "sd"),
        "six_and_quantiles": (lazy.group_by(KEYS).agg(six + quantiles).sort(KEYS), "p95"),
        "by_patient": (lazy.group_by("patient").agg(six).sort("patient"), "mean"),
        "overall": (lazy.select(six + quantiles), "p95"),
        "count_distinct": (lazy.group_by(KEYS).agg(pl.col("patient").n_unique().alias("n")).sort(KEYS), "n"),
        "sort": (lazy.sort(["patient", "value"]), "value"),
        "join": (lazy.join(p.lazy(), on="patient", how="inner"), "ward"),
    }
    for name, (plan, column) in plans.items():
        measure(name, lambda: plan.collect(), lambda r: (r.height, float(r[column].sum())))


run_duckdb() if ENGINE == "duckdb" else run_polars()
