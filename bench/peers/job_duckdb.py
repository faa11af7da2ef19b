"""The job of bench/job in DuckDB: python job_duckdb.py CSV OUT THREADS

One aggregate by key does the checks and finds repeated keys together, which is much
faster than one query for each; texts that repeat are read as enums."""
import sys

import duckdb

source, out, threads = sys.argv[1:4]
db = duckdb.connect()
db.execute(f"SET threads = {threads}; SET preserve_insertion_order = false")
read = (
    f"read_csv('{source}', header = true, auto_detect = false, delim = ',', quote = '\"', columns = {{"
    + ", ".join(
        f"'{c}': 'VARCHAR'"
        for c in ("hospital_id", "measurement_date", "patient_id", "vital_type", "value", "unit")
    )
    + "})"
)
db.execute(
    f"""
CREATE TABLE keys AS
WITH typed AS (
  SELECT hospital_id AS h, vital_type AS v, measurement_date AS raw_day,
         TRY_CAST(measurement_date AS DATE) AS day, patient_id AS p,
         CASE WHEN regexp_full_match(value, '-?[0-9]+([.][0-9]+)?') THEN value::DOUBLE END AS x,
         regexp_full_match(patient_id, 'P[0-9]{{5}}') AND measurement_date IS NOT NULL
         AND unit IN ('bpm', 'mmHg', 'breaths/min', '%', '°C', 'mg/dL', 'kg') AS good
  FROM {read})
SELECT h, v, day, CASE WHEN day IS NULL THEN raw_day END AS raw_day, p, count(*) AS n,
       arg_min(x, 0) FILTER (good AND x BETWEEN 0 AND 500
                             AND day BETWEEN DATE '2000-01-01' AND DATE '2098-12-31') AS x
FROM typed GROUP BY ALL"""
)
kept, repeated = db.execute("SELECT count(x), coalesce(sum(n) FILTER (n > 1), 0)::BIGINT FROM keys").fetchone()
db.execute(
    f"""
COPY (SELECT h, v, strftime(day, '%Y-%m') AS month, count(*) AS n, avg(x) AS mean, stddev_samp(x) AS sd,
             min(x) AS low, max(x) AS high, quantile_cont(x, [0.5, 0.95]) AS q
      FROM keys WHERE x IS NOT NULL GROUP BY h, v, month ORDER BY ALL) TO '{out}' (HEADER)"""
)
print(f"kept {kept}, rows with a repeated key {repeated}")
