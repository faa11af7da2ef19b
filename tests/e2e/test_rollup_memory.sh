#!/bin/bash
# What a rollup of a file of 48 MB holds: without a limit it is half as much again as the limit here.
. "$(dirname "$0")/lib.sh"
new_home rollup_memory
rows=1000000
under_sanitizer && rows=50000
generate --kind vitals --rows $rows --hospitals 20 --dirt 0.05 --structure clean >data/vitals.csv
cat >expectations/vitals.yaml <<'YAML'
suite: vitals
columns: {patient_id: {type: string}, measurement_date: {type: date}, value: {type: float64}}
expectations:
  - expect_column_values_to_be_between: {column: value, min_value: 0, max_value: 500}
    on_failure: quarantine
YAML
rollup_dag() { # DAG GROUP STATISTICS MEMORY
    dag "$1" <<YAML
tasks:
  stats:
    plugin: rollup
    inputs: {table: data/vitals.csv}
    outputs: {stats: stats}
    with:
      suite: vitals
      key: [hospital_id, measurement_date, patient_id, vital_type, unit, value]
      group: $2
      statistics: {value: [$3]}
      memory: $4
  write: {plugin: export, inputs: {tables: [stats]}, with: {formats: [csv]}}
YAML
    expect_exit 0 dagrun run "$1" --threads 1
    expect_exit 0 dagrun logs stats "$1"
}
stays_below() { # DAG GROUP STATISTICS MEMORY: the last run, with the result of the run before
    cp "var/published/$1/latest/stats.csv" whole.csv
    rollup_dag "$@"
    if ! under_sanitizer; then out_lacks "were not enough"; fi
    same_file whole.csv "var/published/$1/latest/stats.csv"
    local most="SELECT max_rss_bytes < $4 FROM v_attempt WHERE task_id = 'stats' ORDER BY run_key DESC LIMIT 1"
    if under_sanitizer; then skip "a sanitizer keeps freed memory"; else sql_is var/dagrun.db "$most" 1; fi
}
months='[hospital_id, vital_type, {month: measurement_date}]' of_months='count, count_distinct, mean, median, p95'
rollup_dag monthly "$months" "$of_months" 0

it "a rollup stays below its limit, and gives what it gives without"
stays_below monthly "$months" "$of_months" 40000000
is "checked" "$(sql var/dagrun.db "SELECT value FROM v_metric WHERE name = 'rows_raw' ORDER BY run_key DESC LIMIT 1")" "$rows.0"

it "a limit that cannot be kept is told, and changes nothing else"
rollup_dag monthly "$months" "$of_months" 1000000
out_has "memory: 1000000 bytes were not enough"
same_file whole.csv var/published/monthly/latest/stats.csv

it "it stays below with a quarter as many groups as rows, of which there is no room for most"
patients='[patient_id, {month: measurement_date}]'
rollup_dag patients "$patients" 'count, mean, median' 0
stays_below patients "$patients" 'count, mean, median' 60000000

it "of an Arrow file, which is mapped, no more stays in memory than is being looked at"
cat >expectations/numbers.yaml <<'YAML'
suite: numbers
expectations:
  - expect_column_values_to_be_between: {column: value, min_value: 0, max_value: 1000000}
YAML
dag mapped <<'YAML'
tasks:
  make:
    plugin: transform
    inputs: {table: data/vitals.csv}
    outputs: {clean: vitals}
    with: {steps: [{parse_number: {column: value, required: false}}, {parse_date: {column: measurement_date, formats: ["%Y-%m-%d"], required: false}}]}
  check:
    plugin: validate
    inputs: {table: vitals}
    with: {suite: numbers, memory: 25000000}
  stats:
    plugin: rollup
    inputs: {table: vitals}
    outputs: {stats: stats}
    with: {group: [hospital_id], statistics: {value: [count, mean]}, memory: 25000000}
YAML
expect_exit 0 dagrun run mapped --threads 1
if under_sanitizer; then
    skip "a sanitizer keeps freed memory"
else
    sql_is var/dagrun.db "SELECT max(max_rss_bytes) < 25000000 FROM v_attempt WHERE dag_id = 'mapped' AND task_id IN ('check', 'stats')" 1
fi

finish
