"""The job of bench/job in Polars: python job_polars.py CSV OUT THREADS

Texts that repeat are read as categoricals, and the four columns of the key are packed into
one integer by their codes, by which rows are then grouped."""
import os
import sys

source, out, threads = sys.argv[1:4]
os.environ["POLARS_MAX_THREADS"] = threads
import datetime  # noqa: E402

import polars as pl  # noqa: E402  (it reads the variable when it is imported)

col = pl.col
CATEGORIES = ("hospital_id", "measurement_date", "patient_id", "vital_type", "unit")
# Of one set of categories each, or their codes would be numbered together.
TYPES = {name: pl.Categorical(pl.Categories(name)) for name in CATEGORIES}
UNITS = ["bpm", "mmHg", "breaths/min", "%", "°C", "mg/dL", "kg"]
table = pl.read_csv(source, schema_overrides={**TYPES, "value": pl.String})


def by_category(name, expression, type_):
    """An expression of a column's text, worked out once for each distinct one."""
    values = table.select(col(name).unique().drop_nulls().alias("c")).with_columns(
        expression(col("c").cast(pl.String)).alias("r")
    )
    return col(name).replace_strict(values["c"], values["r"], default=None, return_dtype=type_)


def code(name):
    return col(name).to_physical().cast(pl.Int64).fill_null(-1) + 1


table = table.select(
    "hospital_id",
    "vital_type",
    by_category("measurement_date", lambda c: c.str.to_date("%Y-%m-%d", strict=False), pl.Date).alias("day"),
    col("value").cast(pl.Float64, strict=False).alias("x"),
    (
        by_category("patient_id", lambda c: c.str.contains(r"^P\d{5}$"), pl.Boolean)
        & col("unit").cast(pl.String).is_in(UNITS)
        & col("measurement_date").is_not_null()
    ).alias("good"),
    (((code("patient_id") * 4096 + code("hospital_id")) * 4096 + code("vital_type")) * 1048576 + code("measurement_date")).alias(
        "key"
    ),
)
fits = (
    col("good")
    & col("x").is_between(0, 500)
    & col("day").is_between(datetime.date(2000, 1, 1), datetime.date(2098, 12, 31))
)
keys = table.lazy().group_by("key").agg(pl.len().alias("n")).filter(col("n") > 1).select(col("n").sum()).collect()
kept = table.filter(fits).unique("key", keep="any")
statistics = (
    kept.lazy()
    .group_by("hospital_id", "vital_type", col("day").dt.strftime("%Y-%m").alias("month"))
    .agg(
        pl.len().alias("n"),
        col("x").mean().alias("mean"),
        col("x").std().alias("sd"),
        col("x").min().alias("low"),
        col("x").max().alias("high"),
        col("x").median().alias("median"),
        col("x").quantile(0.95, "linear").alias("p95"),
    )
    .sort("hospital_id", "vital_type", "month")
    .collect()
)
statistics.write_csv(out)
print(f"kept {kept.height}, rows with a repeated key {keys.item() or 0}")
