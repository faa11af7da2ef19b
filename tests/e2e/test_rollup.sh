#!/bin/bash
# One pass over a file against SQL over the same file, and what it refuses.
. "$(dirname "$0")/lib.sh"
new_home rollup
awk 'BEGIN {
    srand(4)
    print "hospital,day,patient,kind,value,unit"
    for (i = 0; i < 20000; i++) {
        patient = sprintf("P%07d", int(rand() * 300))
        day = sprintf("2024-%02d-%02d", 1 + int(rand() * 4), 1 + int(rand() * 28))
        value = sprintf("%.1f", 20 + rand() * 300)
        unit = "bpm"
        dirt = int(rand() * 100)
        if (dirt == 0) value = ""
        if (dirt == 1) value = 700 + i
        if (dirt == 2) unit = "unk"
        if (dirt == 3) day = "2024-13-45"
        if (dirt == 4) patient = "X" patient
        printf "H%d,%s,%s,%s,%s,%s\n", rand() * 3, day, patient, rand() < 0.5 ? "rate" : "pressure", value, unit
    } }' >data/vitals.csv
cat >expectations/vitals.yaml <<'YAML'
suite: vitals
columns:
  patient: {type: string}
  day: {type: date}
  value: {type: float64}
expectations:
  - expect_column_values_to_not_be_null: {column: value}
    on_failure: quarantine
  - expect_column_values_to_match_regex: {column: patient, regex: '^P\d{7}$'}
    on_failure: quarantine
  - expect_column_values_to_be_in_set: {column: unit, value_set: [bpm]}
    on_failure: quarantine
  - expect_column_values_to_be_between: {column: value, min_value: 0, max_value: 500}
    on_failure: quarantine
  - expect_column_values_to_be_between: {column: day, min_value: "2024-01-01", max_value: "2024-12-31"}
    on_failure: quarantine
  - expect_compound_columns_to_be_unique: {column_list: [hospital, day, patient, kind]}
  - expect_table_row_count_to_be_between: {min_value: 1000}
YAML
rollup_dag() { # FILE [MEMORY]
    dag vitals <<YAML
tasks:
  monthly:
    plugin: rollup
    inputs: {table: $1}
    outputs: {stats: monthly}
    with:
      suite: vitals
      dataset: vitals
      key: [hospital, day, patient, kind]
      group: [hospital, kind, {month: day}]
      statistics: {value: [count, mean, stddev, min, max, median, p95]}
      memory: ${2:-0}
  write: {plugin: export, inputs: {tables: [monthly]}, with: {formats: [csv]}}
YAML
}
monthly_csv() { echo var/published/vitals/latest/monthly.csv; }

# The same in SQL: rows that are good, the first of each key, groups.
cat >expected.sql <<'SQL'
.import --csv data/vitals.csv raw
CREATE TABLE good AS SELECT rowid AS line, *, CAST(value AS REAL) AS x FROM raw
  WHERE value <> '' AND CAST(value AS REAL) BETWEEN 0 AND 500 AND unit = 'bpm' AND day <> '2024-13-45'
    AND patient GLOB 'P[0-9][0-9][0-9][0-9][0-9][0-9][0-9]';
CREATE TABLE kept AS SELECT * FROM good WHERE line IN
  (SELECT min(line) FROM good GROUP BY hospital, day, patient, kind);
CREATE TABLE ranked AS SELECT *, substr(day, 1, 7) AS month, row_number() OVER w - 1 AS i, count(*) OVER g AS n
  FROM kept WINDOW g AS (PARTITION BY hospital, kind, substr(day, 1, 7)),
                   w AS (PARTITION BY hospital, kind, substr(day, 1, 7) ORDER BY x);
CREATE TABLE quantiles AS SELECT hospital, kind, month, q.name,
    sum(CASE WHEN i = CAST((n - 1) * q.q AS INTEGER) THEN x * (1 - ((n - 1) * q.q - CAST((n - 1) * q.q AS INTEGER)))
             WHEN i = CAST((n - 1) * q.q AS INTEGER) + 1 THEN x * ((n - 1) * q.q - CAST((n - 1) * q.q AS INTEGER))
             ELSE 0 END) AS x
  FROM ranked, (SELECT 'median' AS name, 0.5 AS q UNION ALL SELECT 'p95', 0.95) q GROUP BY 1, 2, 3, 4;
CREATE TABLE expected AS SELECT r.hospital, r.kind, r.month, count(*) AS n, avg(r.x) AS mean,
    sqrt((sum(r.x * r.x) - sum(r.x) * sum(r.x) / count(*)) / (count(*) - 1)) AS sd, min(r.x) AS low, max(r.x) AS high,
    (SELECT x FROM quantiles q WHERE q.name = 'median' AND q.hospital = r.hospital AND q.kind = r.kind AND q.month = r.month) AS median,
    (SELECT x FROM quantiles q WHERE q.name = 'p95' AND q.hospital = r.hospital AND q.kind = r.kind AND q.month = r.month) AS p95
  FROM ranked r GROUP BY 1, 2, 3;
SQL
disagreement() { # CSV
    {
        cat expected.sql
        echo ".import --csv $1 got"
        cat <<'SQL'
SELECT (SELECT count(*) FROM got) || ' groups, ' || count(*) || ' agree' FROM expected e JOIN got g
  ON g.hospital = e.hospital AND g.kind = e.kind AND g.month = e.month
 WHERE CAST(value_count AS INTEGER) = n AND abs(value_mean - mean) < 1e-9 AND abs(value_stddev - sd) < 1e-7
   AND abs(value_min - low) < 1e-9 AND abs(value_max - high) < 1e-9
   AND abs(value_median - median) < 1e-9 AND abs(value_p95 - p95) < 1e-9;
SQL
    } | sqlite3 -batch :memory: 2>&1
}

it "the statistics are those of SQL"
rollup_dag data/vitals.csv
expect_exit 0 dagrun run vitals
is "groups" "$(disagreement "$(monthly_csv)")" "24 groups, 24 agree"

it "every row is accounted for"
is "missing" "$(sql var/dagrun.db "SELECT missing FROM v_row_account")" 0
is "raw" "$(sql var/dagrun.db "SELECT raw FROM v_row_account")" 20000
is "clean" "$(sql var/dagrun.db "SELECT clean FROM v_row_account")" \
    "$({ cat expected.sql; echo 'SELECT count(*) FROM kept;'; } | sqlite3 -batch :memory:)"

it "the checks are recorded as those of validate are"
is "results" "$(sql var/dagrun.db "SELECT count(*) FROM v_expectation_result WHERE dataset = 'vitals'")" 7
is "rows with a repeated key" "$(sql var/dagrun.db "SELECT unexpected_count FROM v_expectation_result
    WHERE expectation_type = 'expect_compound_columns_to_be_unique'")" \
    "$({ cat expected.sql; echo 'SELECT sum(n) FROM (SELECT count(*) AS n FROM raw GROUP BY hospital, day, patient, kind
    HAVING n > 1);'; } | sqlite3 -batch :memory:)"

it "little memory gives the same through a file"
cp "$(monthly_csv)" before.csv
rollup_dag data/vitals.csv 100000
expect_exit 0 dagrun run vitals
same_file before.csv "$(monthly_csv)"

it "threads change nothing"
expect_exit 0 dagrun run vitals --threads 1
same_file before.csv "$(monthly_csv)"

it "tasks read a compressed file as they read the file"
gzip -k data/vitals.csv
rollup_dag data/vitals.csv.gz
cat >>dags/vitals.yaml <<'YAML'
  checked: {plugin: validate, inputs: {table: data/vitals.csv.gz}, with: {suite: vitals, dataset: whole}}
YAML
expect_exit 0 dagrun run vitals
same_file before.csv "$(monthly_csv)"
is "rows that validate read" \
    "$(sql var/dagrun.db "SELECT max(element_count) FROM v_expectation_result WHERE dataset = 'whole'")" 20000

it "in a .tsv file the delimiter is a tab, for every task"
tr , '\t' <data/vitals.csv >data/vitals.tsv
rollup_dag data/vitals.tsv
cat >>dags/vitals.yaml <<'YAML'
  checked: {plugin: validate, inputs: {table: data/vitals.tsv}, with: {suite: vitals, dataset: tabs}}
YAML
expect_exit 0 dagrun run vitals
same_file before.csv "$(monthly_csv)"
is "rows that validate read" \
    "$(sql var/dagrun.db "SELECT max(element_count) FROM v_expectation_result WHERE dataset = 'tabs'")" 20000

it "JSON is refused, with what to do"
echo '{"a": 1}' >data/vitals.jsonl
rollup_dag data/vitals.jsonl
expect_exit 1 dagrun run vitals
out_has "extract"
rollup_dag data/vitals.csv

it "an expectation that needs the whole table is refused, with what to do"
cp expectations/vitals.yaml suite.yaml
echo '  - expect_column_median_to_be_between: {column: value, min_value: 1}' >>expectations/vitals.yaml
expect_exit 1 dagrun run vitals
out_has "expect_column_median_to_be_between needs the whole table at once"
out_has "validate task"
cp suite.yaml expectations/vitals.yaml

it "a misspelt statistic, column or key is named"
sed -i 's/median, p95/media/' dags/vitals.yaml
expect_exit 1 dagrun run vitals
out_has "'media' is no statistic"
sed -i 's/media\]/p100]/' dags/vitals.yaml
expect_exit 1 dagrun run vitals
out_has "'p100' is no statistic"
rollup_dag data/vitals.csv
sed -i 's/statistics: {/&day: count_distinct, /' dags/vitals.yaml
expect_exit 1 dagrun run vitals
out_has "statistics: 'day' needs a list"
rollup_dag data/vitals.csv
sed -i 's/group: \[hospital, kind/group: [hospitl, kind/' dags/vitals.yaml
expect_exit 1 dagrun run vitals
out_has "hospitl"
rollup_dag data/vitals.csv
sed -i 's/key: \[hospital, day, patient, kind\]/key: [hospital, day]/' dags/vitals.yaml
expect_exit 1 dagrun run vitals
out_has "must be about the columns of the task's key"

it "a spelling of the suite's null_values is missing, also in a column of numbers"
rollup_dag data/nulls.csv
sed -i 's/key: .*/key: [patient]/; s/group: .*/group: [unit]/; s/count, mean.*/count]}/' dags/vitals.yaml
cat >expectations/vitals.yaml <<'YAML'
suite: vitals
columns: {value: {type: float64}}
null_values: [NA, "NULL"]
expectations:
  - expect_column_values_to_not_be_null: {column: value}
  - expect_column_values_to_be_between: {column: value, min_value: 0}
YAML
printf '%s\n' patient,value,unit P1,1,bpm P2,NULL,bpm P3,NA,NA P4,,bpm P5,abc,bpm >data/nulls.csv
expect_exit 0 dagrun run vitals
is "missing" "$(sql var/dagrun.db "SELECT unexpected_count FROM v_expectation_result WHERE dataset = 'vitals'
    AND expectation_type LIKE '%not_be_null' ORDER BY result_key DESC LIMIT 1")" 3
is "groups" "$(cat "$(monthly_csv)")" "$(printf 'unit,value_count\nbpm,1\n,0')"

it "a column that the suite declares and the file lacks is named, with what to do"
sed -i 's/columns: .*/columns: {value: {type: float64}, measured: {type: date}}/' expectations/vitals.yaml
expect_exit 1 dagrun run vitals
out_has "suite vitals has columns that the file lacks; correct either"
out_has "data/nulls.csv: a type is declared for column 'measured'"
cp suite.yaml expectations/vitals.yaml

it "a negative memory is refused"
rollup_dag data/vitals.csv -1
expect_exit 1 dagrun run vitals
out_has "memory: -1 is no number of bytes"

it "an Arrow file may have more rows than bytes"
awk 'BEGIN {
    printf "{\"a\":false,\"b\":true,\"n\":1"
    for (i = 0; i < 30; i++) printf ",\"c%d\":true", i
    print "}"
    for (i = 1; i < 200000; i++) printf "{\"a\":%s,\"b\":true,\"n\":1}\n", i % 4 ? "true" : "false" }' >data/flags.jsonl
rollup_of() { # INPUT; the groups of column a, and the rows of each with one b
    dag flags <<YAML
tasks:
  arrow: {plugin: transform, inputs: {table: data/flags.jsonl}, outputs: {clean: flags},
          with: {dataset: flags, steps: []}}
  count: {plugin: rollup, inputs: {table: $1}, outputs: {stats: counts},
          with: {${3:-}key: [${2:-}], group: [a], statistics: {n: [count]}}, depends_on: [arrow]}
  write: {plugin: export, inputs: {tables: [counts]}, with: {formats: [csv]}}
YAML
    expect_exit 0 dagrun run flags
}
rollup_of flags
is "groups" "$(tail -n +2 var/published/flags/latest/counts.csv)" "$(printf 'false,50000\ntrue,150000')"
rollup_of flags b
is "first of each key" "$(tail -n +2 var/published/flags/latest/counts.csv)" false,1

it "nothing is known of how long a compressed file is"
awk 'BEGIN { print "a,b,n"; for (i = 0; i < 300000; i++) printf "x,%d,1\n", i % 100000 }' | gzip -9 >data/flags.csv.gz
cat >expectations/flags.yaml <<'YAML'
suite: flags
columns: {n: {type: float64}}
expectations: [{expect_table_row_count_to_equal: {value: 300000}}]
YAML
rollup_of data/flags.csv.gz b "suite: flags, "
is "groups" "$(tail -n +2 var/published/flags/latest/counts.csv)" x,100000

it "a file without a record, and one whose records are all refused, give no groups"
flags_csv() { # RAW: data/flags.csv gave no group, and that many rows
    gzip -cf data/flags.csv >data/flags.csv.gz
    rollup_of data/flags.csv.gz b "suite: flags, "
    is "groups" "$(cat var/published/flags/latest/counts.csv)" a,n_count
    is "rows" "$(sql var/dagrun.db "SELECT raw || ' ' || clean FROM v_row_account ORDER BY run_key DESC LIMIT 1")" "$1"
}
echo a,b,n >data/flags.csv
flags_csv "0 0"
awk 'BEGIN { print "a,b,n"; for (i = 0; i < 200000; i++) print "x,y" }' >data/flags.csv
flags_csv "200000 0"

it "a large input has the same hash whether or not a thread makes it"
awk 'BEGIN { for (i = 0; i < 1000; i++) long = long "x"; print "a,b,n"; for (i = 0; i < 17000; i++) print long "," i ",1" }' >data/large.csv
rollup_of data/large.csv b "suite: flags, "
expect_exit 0 dagrun run flags --threads 1
is "rows" "$(tail -n 1 var/published/flags/latest/counts.csv | cut -d, -f2)" 17000
is "hashes" "$(sql var/dagrun.db "SELECT count(*) || ' ' || count(DISTINCT hash) || ' ' || max(length(hash))
    FROM v_dataset_event WHERE dataset = 'data/large.csv'")" "2 1 32"

it "a critical failure fails the task"
rollup_dag data/vitals.csv
sed -i 's/min_value: 1000}/min_value: 100000}\n    severity: critical/' expectations/vitals.yaml
expect_exit 1 dagrun run vitals
out_has "1 critical expectation failed, 0 could not be evaluated"

finish
