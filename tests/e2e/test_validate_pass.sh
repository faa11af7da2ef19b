#!/bin/bash
# validate in one pass (memory: ...) against validate of the whole table, and what only a pass meets.
. "$(dirname "$0")/lib.sh"
new_home pass
awk 'BEGIN {
    srand(7)
    print "hospital,day,patient,value,unit"
    for (i = 0; i < 30000; i++) {
        patient = sprintf("P%07d", i)
        value = sprintf("%.1f", 20 + rand() * 300)
        dirt = int(rand() * 60)
        if (dirt == 0) value = ""
        if (dirt == 1) value = 700 + i
        if (dirt == 2) patient = "X, " patient
        if (dirt == 3) patient = ""
        printf "H%d,2024-%02d-%02d,%s,%s,%s%s\n", rand() * 3, 1 + int(rand() * 12), 1 + int(rand() * 28),
            patient ~ /,/ ? "\"" patient "\"" : patient, value, dirt == 4 ? "unk" : "bpm", i % 5000 == 77 ? ",more" : ""
    } }' >data/vitals.csv
cat >expectations/vitals.yaml <<'YAML'
suite: vitals
columns:
  patient: {type: string}
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
  - expect_compound_columns_to_be_unique: {column_list: [hospital, day, patient]}
  - expect_table_row_count_to_be_between: {min_value: 1000}
  - expect_table_column_count_to_equal: {value: 5}
YAML
validate_dag() { # ID FILE SUITE MEMORY [ENDING]
    dag "$1" <<YAML
tasks:
  check:
    plugin: validate
    inputs: {table: $2}
    outputs: {valid: good${5-.csv}, quarantined: bad${5-.csv}}
    with: {suite: $3, dataset: vitals, account_by: hospital, memory: $4}
YAML
}
out_of() { echo var/runs/"$1"/*/check/out; }
results_of() { # DAG: of each expectation what was counted
    sqlite3 var/dagrun.db "SELECT expectation_type, column_name, outcome, element_count, unexpected_count, missing_count
        FROM v_expectation_result WHERE dag_id = '$1' ORDER BY position" 2>&1
}

it "gives the rows and the results of the whole table"
validate_dag whole data/vitals.csv vitals 0
validate_dag pass data/vitals.csv vitals 1000000
expect_exit 0 dagrun run whole
expect_exit 0 dagrun run pass --threads 2
cmp -s "$(out_of whole)"/good.csv "$(out_of pass)"/good.csv || note "the valid rows differ"
sort "$(out_of whole)"/bad.csv >whole.bad
sort "$(out_of pass)"/bad.csv >pass.bad
diff whole.bad pass.bad >bad.diff || note "the quarantined rows differ: $(head -4 bad.diff)"
[ "$(grep -c more whole.bad)" = 6 ] || note "$(grep -c more whole.bad) unreadable records, not 6"
[ "$(results_of whole | wc -l)" = 7 ] || note "results: $(results_of whole)"
[ "$(results_of whole)" = "$(results_of pass)" ] || note "results differ: $(results_of whole) / $(results_of pass)"
sql_is var/dagrun.db "SELECT count(DISTINCT value) FROM v_metric WHERE name IN ('rows_raw')" 1
sql_is var/dagrun.db "SELECT count(DISTINCT value) FROM v_metric WHERE name IN ('rows_quarantined')" 1

account_of() { # DAG
    sql var/dagrun.db "SELECT group_name, stage, sum(a.row_count) FROM row_account a JOIN task_attempt USING (attempt_key)
        JOIN task_instance USING (instance_key) JOIN dag_run USING (run_key) WHERE dag_id = '$1' GROUP BY 1, 2 ORDER BY 1, 2"
}
[ "$(account_of pass | wc -l)" -gt 6 ] || note "account: $(account_of pass)"
is "account of the pass" "$(account_of pass)" "$(account_of whole)"
sql_is var/dagrun.db "SELECT count(*), count(DISTINCT row_count), min(row_count) > 1000 FROM v_dataset_event
    WHERE dataset = 'data/vitals.csv'" "2|1|1"

it "writes datasets that other tasks read"
dag chain <<'YAML'
tasks:
  check:
    plugin: validate
    inputs: {table: data/vitals.csv}
    outputs: {valid: good, quarantined: bad}
    with: {suite: vitals, memory: 1000000}
  again:
    plugin: validate
    inputs: {table: good}
    outputs: {valid: better}
    with: {suite: vitals, memory: 1000000}
YAML
expect_exit 0 dagrun run chain
sql_is var/dagrun.db "SELECT (SELECT value FROM v_metric WHERE name = 'rows_valid' AND task_id = 'check' AND dag_id = 'chain')
    = (SELECT value FROM v_metric WHERE name = 'rows_raw' AND task_id = 'again' AND dag_id = 'chain')" 1
sql_is var/dagrun.db "SELECT value FROM v_metric WHERE name = 'rows_quarantined' AND task_id = 'again'" 0.0

it "keeps text that comes late and is unlike the first values"
awk 'BEGIN { print "n,note"; for (i = 0; i < 300000; i++) print (i == 250000 ? "\"about 7, or 8\"" : i) ",x" }' >data/late.csv
printf 'suite: late\ncolumns: {n: {type: int64}}\nexpectations:\n  - expect_column_values_to_not_be_null: {column: note}\n' \
    >expectations/late.yaml
validate_dag late data/late.csv late 1000000
expect_exit 0 dagrun run late
cut -d, -f1-3 data/late.csv >late.raw
rev "$(out_of late)/good.csv" | cut -d, -f2- | rev | cmp -s - late.raw || note "rows differ: $(head -2 "$(out_of late)/good.csv")"

it "says what needs the whole table"
printf 'suite: median\nexpectations:\n  - expect_column_median_to_be_between: {column: value, min_value: 0}\n' >expectations/median.yaml
validate_dag median data/vitals.csv median 1000000
expect_exit 1 dagrun run median
out_has "expect_column_median_to_be_between needs the whole table"
cat >expectations/key.yaml <<'YAML'
suite: key
expectations:
  - expect_compound_columns_to_be_unique: {column_list: [hospital, day]}
    on_failure: quarantine
YAML
validate_dag key data/vitals.csv key 1000000
expect_exit 1 dagrun run key
out_has "cannot be quarantined"
validate_dag lines data/vitals.jsonl late 1000000
echo '{"n": 1}' >data/vitals.jsonl
expect_exit 1 dagrun run lines
out_has "read JSON by an extract task first"

it "needs its columns and readable records, in one pass and of the whole table"
for memory in 0 1000000; do
    validate_dag needs data/vitals.csv vitals $memory
    sed -i "s/memory: /columns: [unit, ward], memory: /" dags/needs.yaml
    expect_exit 1 dagrun run needs
    out_has "data/vitals.csv: there is no column 'ward'; add it"
    sed -i "s/columns: .unit, ward./unreadable: 0.0001/" dags/needs.yaml
    expect_exit 1 dagrun run needs
    out_has "data/vitals.csv: 6 of 30000 records cannot be read (is the encoding another?); the first, in line 79: record has 6 fields, the header has 5"
    sed -i "s/unreadable: 0.0001/unreadable: 0.0002/" dags/needs.yaml
    expect_exit 0 dagrun run needs
    sed -i "s/unreadable: 0.0002/unreadable: 2/" dags/needs.yaml
    expect_exit 1 dagrun run needs
    out_has "unreadable: 2 is not 0 to 1"
    validate_dag none data/none_readable.csv vitals $memory
    printf 'hospital,day,patient,value,unit\nH1\nH2\n' >data/none_readable.csv
    expect_exit 1 dagrun run none
    out_has "2 of 2 records cannot be read"
done

it "leaves nothing half written where it fails, and keeps the quarantine of a verdict"
sed 's/on_failure: quarantine/on_failure: fail/' expectations/vitals.yaml >expectations/strict.yaml
sed -i 's/suite: vitals/suite: strict/' expectations/strict.yaml
validate_dag strict data/vitals.csv strict 1000000
expect_exit 1 dagrun run strict
out_has "lack a value of value"
[ "$(find var/runs/strict -name bad.csv -exec grep -c more {} +)" = 6 ] || note "quarantine: $(find var/runs/strict -name "bad*")"
validate_dag absent data/none.csv vitals 1000000
expect_exit 1 dagrun run absent
out_has "none.csv"
[ -z "$(find var/runs/absent -name '*.csv*')" ] || note "left: $(find var/runs/absent -name '*.csv*')"

it "what was set apart can be checked again, and keeps the line numbers that it has"
printf 'a,b\n1,5\n,6\n3,\n' >data/gaps.csv
printf 'suite: gaps\nexpectations:\n  - expect_column_values_to_not_be_null: \n      column: a\n    on_failure: quarantine\n' >expectations/gaps.yaml
dag twice <<'Y'
tasks:
  first:
    plugin: validate
    inputs: {table: data/gaps.csv}
    outputs: {valid: good.csv, quarantined: bad.csv}
    with: {suite: gaps}
  again:
    plugin: validate
    inputs: {table: bad.csv}
    outputs: {valid: saved.csv, quarantined: still.csv}
    with: {suite: gaps}
Y
expect_exit 0 dagrun run twice
is "set apart" "$(find var/runs/twice -name bad.csv -exec cut -d, -f1-3 {} + | tr '\n' ' ')" "a,b,_line ,6,3 "
is "and again" "$(find var/runs/twice -name still.csv -exec cut -d, -f1-3 {} + | tr '\n' ' ')" "a,b,_line ,6,3 "
expect_exit 0 dagrun profile "$(find var/runs/twice -name still.csv)"

it "accounts for all spellings of a group together, whatever its letters"
printf 'hospital,v\nK\303\266ln,1\n K\303\226LN\302\240,2\nk\303\266ln,3\n' >data/spelt.csv
dag spelt <<'Y'
tasks:
  clean:
    plugin: transform
    inputs: {table: data/spelt.csv}
    outputs: {clean: spelt}
    with: {account_by: hospital, steps: []}
Y
expect_exit 0 dagrun run spelt
is "account" "$(account_of spelt | grep clean)" "$(printf 'K\303\226LN|clean|3')"

finish
