"""A suite of bench/expect as queries of DuckDB over a table in memory.

expect_duckdb.py SUITE.yaml FILE.csv [RUNS [THREADS]]: prints the median seconds of
reading and of the queries, and an `answer` line for each check as bench/expect.c
does. All checks that count rows or aggregate share one scan (one SELECT); only
uniqueness takes queries of its own. That is the fastest form that we know."""
import statistics
import sys
import time

import duckdb
from ruamel.yaml import YAML

# dagrun reads a number or a date exactly as it is written, without spaces around it.
NUMBER = "CASE WHEN value = trim(value) THEN TRY_CAST(value AS DOUBLE) END"
DAY = "CASE WHEN measurement_date = trim(measurement_date) THEN TRY_CAST(measurement_date AS DATE) END"
TYPED = {"value": NUMBER, "measurement_date": DAY}


def text(value):
    return "'" + str(value).replace("'", "''") + "'"


def texts(values):
    return ", ".join(text(v) for v in values)


def within(expression, args, literal=str):
    parts = []
    if args.get("min_value") is not None:
        parts.append(f"{expression} >= {literal(args['min_value'])}")
    if args.get("max_value") is not None:
        parts.append(f"{expression} <= {literal(args['max_value'])}")
    return " AND ".join(parts) or "TRUE"


def count(bad, column=None, condition=None):
    """Rows that are unexpected, among those with a value."""
    where = f"{column} IS NOT NULL AND coalesce({bad}, TRUE)" if column else bad
    return f"count(*) FILTER ({where}{f' AND {condition}' if condition else ''})"


def scan(kind, a):
    """What the shared scan selects for a check; None for those that need a query."""
    c, s = a.get("column"), TYPED.get(a.get("column"), a.get("column"))
    if kind == "expect_column_values_to_not_be_null":
        return count(f"{c} IS NULL")
    if kind == "expect_column_values_to_match_regex":
        return count(f"NOT regexp_matches({c}, {text(a['regex'])})", c)
    if kind == "expect_column_values_to_not_match_regex":
        return count(f"regexp_matches({c}, {text(a['regex'])})", c)
    if kind == "expect_column_values_to_be_in_set":
        return count(f"{c} NOT IN ({texts(a['value_set'])})", c)
    if kind == "expect_column_values_to_not_be_in_set":
        return count(f"{c} IN ({texts(a['value_set'])})", c)
    if kind == "expect_column_values_to_be_between":
        literal = (lambda v: f"DATE {text(v)}") if s is DAY else str
        condition = a.get("row_condition", "").replace("==", "=").replace('"', "'")
        return count(f"NOT ({within(s, a, literal)})", c, condition)
    if kind == "expect_column_value_lengths_to_be_between":
        return count(f"NOT ({within(f'length({c})', a)})", c)
    if kind == "expect_column_value_lengths_to_equal":
        return count(f"length({c}) <> {a['value']}", c)
    if kind == "expect_column_values_to_match_strftime_format":
        return count(f"try_strptime({c}, {text(a['strftime_format'])}) IS NULL", c)
    if kind == "expect_column_pair_values_to_be_in_set":
        pairs = ", ".join(f"({text(x)}, {text(y)})" for x, y in a["value_pairs_set"])
        one, two = a["column_A"], a["column_B"]
        return count(f"NOT (({one} IS NULL AND {two} IS NULL) OR coalesce(({one}, {two}) IN ({pairs}), FALSE))")
    if kind == "expect_table_row_count_to_be_between":
        return f"CAST({within('count(*)', a)} AS INT)"
    if kind == "expect_column_distinct_values_to_be_in_set":
        return f"CAST(count(*) FILTER ({c} NOT IN ({texts(a['value_set'])})) = 0 AS INT)"
    figures = {
        "expect_column_mean_to_be_between": "avg({})", "expect_column_median_to_be_between": "median({})",
        "expect_column_max_to_be_between": "max({})", "expect_column_min_to_be_between": "min({})",
        "expect_column_stdev_to_be_between": "stddev_samp({})", "expect_column_sum_to_be_between": "sum({})",
        "expect_column_unique_value_count_to_be_between": "count(DISTINCT {})",
        "expect_column_proportion_of_unique_values_to_be_between": "count(DISTINCT {0}) / count({0})",
    }
    if kind in figures:
        return f"CAST({within(figures[kind].format(s), a)} AS INT)"
    return None


def query(kind, a):
    if kind == "expect_column_values_to_be_unique":
        keys, where = a["column"], f"WHERE {a['column']} IS NOT NULL"
    elif kind == "expect_compound_columns_to_be_unique":
        keys, where = ", ".join(a["column_list"]), ""
    else:
        return None
    return (f"SELECT coalesce(sum(n), 0)::BIGINT FROM (SELECT count(*) AS n FROM t {where} "
            f"GROUP BY {keys} HAVING count(*) > 1)")


def evaluate(db, checks):
    answers = [None] * len(checks)
    shared = [(i, scan(kind, a)) for i, (kind, a) in enumerate(checks)]
    shared = [(i, sql) for i, sql in shared if sql]
    row = db.execute("SELECT " + ", ".join(sql for _, sql in shared) + " FROM t").fetchone()
    for (i, _), value in zip(shared, row):
        answers[i] = value
    for i, (kind, a) in enumerate(checks):
        if kind == "expect_table_columns_to_match_ordered_list":
            answers[i] = int([d[0] for d in db.execute("SELECT * FROM t LIMIT 0").description] == a["column_list"])
        elif query(kind, a):
            answers[i] = db.execute(query(kind, a)).fetchone()[0]
    return answers


def main():
    suite_path, path = sys.argv[1:3]
    runs = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    entries = YAML(typ="safe").load(open(suite_path))["expectations"]
    checks = [next((k, v) for k, v in e.items() if k.startswith("expect_")) for e in entries]
    db = duckdb.connect()
    if len(sys.argv) > 4:
        db.execute(f"SET threads = {int(sys.argv[4])}")
    read, took = [], []
    for _ in range(runs):
        start = time.perf_counter()
        db.execute(f"CREATE OR REPLACE TABLE t AS SELECT * FROM read_csv({text(path)}, all_varchar = true)")
        read.append(time.perf_counter() - start)
        start = time.perf_counter()
        answers = evaluate(db, checks)
        took.append(time.perf_counter() - start)
    print(f"read {statistics.median(read):.4f}\nevaluate {statistics.median(took):.4f}")
    for number, answer in enumerate(answers, 1):
        print(f"answer {number} {answer}")


main()
