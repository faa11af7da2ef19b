#!/bin/bash
# dagrun expect: a suite against any file, in four formats, without a DAG.
. "$(dirname "$0")/lib.sh"
new_home expect
cat >data/visits.csv <<'C'
visit_id,clinic,date,minutes
1,north,2024-03-01,20
2,,2024-03-01,35
2,south,03/02/2024,15
4,so<uth,2024-03-04,minus
C
cat >checks.yaml <<'Y'
suite: checks
key: [visit_id]
expectations:
  - expect_column_values_to_be_unique: {column: visit_id}
    severity: critical
  - expect_column_values_to_not_be_null: {column: clinic}
  - expect_column_values_to_match_regex: {column: clinic, regex: '^[a-z]+$'}
    severity: info
  - expect_column_values_to_be_in_set: {column: ward, value_set: [a]}
  - expect_table_row_count_to_be_between: {min_value: 1, max_value: 10}
Y
cat >good.yaml <<'Y'
suite: good
expectations:
  - expect_column_to_exist: {column: visit_id}
  - expect_column_values_to_match_regex: {column: clinic, regex: '^north$'}
    severity: info
Y

it "text shows each check, its severity and what it found"
expect_exit 1 dagrun expect checks.yaml data/visits.csv
same_file "$expected/expect.txt" "$out"

it "json holds Great Expectations' fields"
expect_exit 1 dagrun expect checks.yaml data/visits.csv --json
json_valid "$out"
json_is "$out" '$.success' 0
json_is "$out" '$.statistics.evaluated_expectations' 5
json_is "$out" '$.statistics.successful_expectations' 1
json_is "$out" '$.results[1].result.unexpected_count' 1
json_is "$out" '$.results[1].result.unexpected_percent' 25
json_is "$out" '$.results[3].exception_info.raised_exception' 1
cp "$out" "$scratch/json"
expect_exit 1 dagrun expect checks.yaml data/visits.csv --format json
is "lines" "$(wc -l <"$out")" "$(wc -l <"$scratch/json")"

it "result formats say less and more"
expect_exit 1 dagrun expect checks.yaml data/visits.csv --json --result-format BOOLEAN_ONLY
json_is "$out" '$.results[1].result' '{}'
expect_exit 1 dagrun expect checks.yaml data/visits.csv --json --result-format complete
json_is "$out" '$.results[1].result.unexpected_index_list[0]' "$(json "$out" '$.results[1].result.unexpected_index_list[0]')"
is "complete lists every unexpected value" "$(json "$out" '$.results[0].result.unexpected_list')" '["2","2"]'
expect_exit 2 dagrun expect checks.yaml data/visits.csv --result-format ALL

it "junit is well-formed, with a failure and an error as such"
for bad in nowhere/results.xml . data/visits.csv/results.xml; do # told before anything is read
    expect_exit 6 dagrun expect checks.yaml data/none.csv -o "$bad"
    err_has "open '$bad'"
done
expect_exit 1 dagrun expect checks.yaml data/visits.csv --format junit -o results.xml
is "standard output" "$(cat "$out")" ""
grep -q 'tests="5" failures="3" errors="1"' results.xml || note "$(head -2 results.xml)"
is "cases" "$(grep -c '<testcase ' results.xml)" 5
grep -q '<error message=' results.xml || note "there is no error"
if command -v xmllint >/dev/null; then xmllint --noout results.xml 2>"$err" || show "$err"; fi

it "failures of severity info do not fail the command"
expect_exit 0 dagrun expect good.yaml data/visits.csv

it "a suite of the home goes by its name"
mv good.yaml expectations/
expect_exit 0 dagrun expect good data/visits.csv
expect_exit 4 dagrun expect goof data/visits.csv
err_has "good"

it "a suite that is wrong is shown with its place"
printf 'suite: x\nexpectations:\n  - expect_column_to_exit: {column: a}\n' >x.yaml
expect_exit 3 dagrun expect x.yaml data/visits.csv
err_has "x.yaml:3:5: error: there is no expectation type 'expect_column_to_exit'"
err_has "did you mean 'expect_column_to_exist'?"

it "files that are not there, or cannot be read"
expect_exit 4 dagrun expect good data/none.csv
err_has "none.csv"
: >data/empty.csv
dagrun expect good data/empty.csv >"$out" 2>"$err"
is "the exit code is not 0" "$(($? != 0))" 1
err_has "empty"

it "records that cannot be read are set aside, or refused with --strict"
printf 'visit_id,clinic\n1,north\n2\n' >data/short.csv
expect_exit 0 dagrun expect good data/short.csv
out_has "1 record could not be read"
err_has "warning: data/short.csv: 1 record could not be read and is not checked; on line 3: record has 1 field"
expect_exit 1 dagrun expect good data/short.csv --strict
err_has "data/short.csv:3: record has 1 field, the header has 2"

it "other delimiters and encodings"
printf 'visit_id;clinic\n1;n\366rth\n' >data/latin.csv
expect_exit 0 dagrun expect good data/latin.csv --delimiter ';' --encoding latin-1
expect_exit 2 dagrun expect good data/latin.csv --delimiter ';;'
dagrun expect good data/latin.csv --delimiter ';' --encoding klingon >"$out" 2>"$err"
is "the exit code is not 0" "$(($? != 0))" 1
err_has klingon

it "several files are checked in one go, and the exit code is the worst"
printf 'visit_id,clinic\n7,north\n' >data/more.csv
expect_exit 0 dagrun expect good data/more.csv data/more.csv
out_has "data/more.csv"
expect_exit 1 dagrun expect checks.yaml data/more.csv data/visits.csv --json
json_valid "$out"
json_is "$out" '$[1].file' data/visits.csv
json_is "$out" '$[1].validation.statistics.evaluated_expectations' 5
expect_exit 1 dagrun expect checks.yaml data/more.csv data/visits.csv --format junit
is "suites" "$(grep -c '<testsuite ' "$out")" 2
if command -v xmllint >/dev/null; then xmllint --noout "$out" 2>"$err" || show "$err"; fi

it "thresholds make a failure a warning or critical"
cat >limits.yaml <<'Y'
suite: limits
expectations:
  - expect_column_values_to_not_be_null: {column: clinic}
    warning: 0
    critical: 1
Y
expect_exit 1 dagrun expect limits.yaml data/visits.csv
out_has "failed  warning"
printf 'clinic,x\n,1\n,2\nnorth,3\n' >data/gaps.csv
expect_exit 1 dagrun expect limits.yaml data/gaps.csv
out_has "failed  critical"

it "other tables are named on the command line"
printf 'id,beds\nnorth,4\nsouth,5\n' >data/clinics.csv
cat >keys.yaml <<'Y'
suite: keys
expectations:
  - expect_column_values_to_be_in_other_table: {column: clinic, other_table_name: clinics, other_column: id}
  - unexpected_rows_expectation:
      unexpected_rows_query: SELECT v.* FROM {batch} v LEFT JOIN {clinics} c ON c.id = v.clinic WHERE c.id IS NULL
Y
expect_exit 0 dagrun expect keys.yaml data/more.csv --other clinics=data/clinics.csv
expect_exit 1 dagrun expect keys.yaml data/visits.csv --other clinics=data/clinics.csv
out_has "2 unexpected rows"
expect_exit 1 dagrun expect keys.yaml data/more.csv
out_has "no table 'clinics'"
expect_exit 2 dagrun expect keys.yaml data/more.csv --other clinics
expect_exit 4 dagrun expect keys.yaml data/more.csv --other clinics=data/none.csv

it "an earlier run is compared with"
cat >drift.yaml <<'Y'
suite: drift
expectations:
  - expect_table_schema_to_match_earlier: {}
  - expect_table_row_count_change_to_be_between: {min_value: -0.5}
Y
expect_exit 0 dagrun expect drift.yaml data/visits.csv --json -o before.json
expect_exit 0 dagrun expect drift.yaml data/visits.csv --baseline before.json
expect_exit 1 dagrun expect drift.yaml data/more.csv --baseline before.json
out_has "missing: "
out_has "-0.75"
expect_exit 4 dagrun expect drift.yaml data/more.csv --baseline none.json
echo '{}' >empty.json
expect_exit 2 dagrun expect drift.yaml data/more.csv --baseline empty.json

it "a run of a DAG compares with its inputs and with the last good run"
cat >dags/visits.yaml <<'Y'
dag_id: visits
params:
  file: {type: path, default: data/visits.csv, doc: visits}
tasks:
  check:
    plugin: validate
    inputs: {table: "${params.file}", others: [data/clinics.csv]}
    with: {suite: both, dataset: visits}
Y
cat >expectations/both.yaml <<'Y'
suite: both
expectations:
  - expect_column_values_to_be_in_other_table: {column: clinic, other_table_name: clinics, other_column: id}
  - expect_table_row_count_change_to_be_between: {min_value: -0.5, require_earlier: false}
Y
expect_exit 0 dagrun run visits --run-id one
expect_exit 0 dagrun run visits --run-id two --param file=data/more.csv
expect_exit 0 dagrun status visits two --json
grep -q -- '-0.75' "$out" || show "$out"
expect_exit 0 dagrun run visits --run-id three
expect_exit 0 dagrun status visits three --json
grep -q '"change in the number of rows\|change in the number of rows (4, before 1)' "$out" || show "$out"

it "an earlier run that is required is there from the second run on, and outlives one that could not be evaluated"
cat >expectations/both.yaml <<'Y'
suite: both
columns: {n: float64}
expectations:
  - expect_table_row_count_change_to_be_between: {min_value: -0.6, require_earlier: true}
    id: rows
  - expect_table_schema_to_match_earlier: {require_earlier: true}
    id: schema
  - expect_table_row_count_change_to_be_between: {max_value: 0.5, result_format: BOOLEAN_ONLY}
    id: silent
  - expect_column_ks_test_p_value_to_be_greater_than: {column: n, p_value: 0.01}
    id: ks
Y
rm -rf var
sentences() { # RUN: of the checks that did not pass
    sql var/dagrun.db "SELECT expectation_id || ': ' || sentence FROM v_expectation_result WHERE run_id = '$1' AND outcome <> 'passed' ORDER BY position"
}
none="Could not be evaluated: there is no earlier run to compare with."
seq 0 99 | sed '1s/.*/id,n/; 2,$s/.*/&,&/' >data/many.csv
head -n 50 data/many.csv | cut -d, -f1 >data/few.csv
expect_exit 0 dagrun run visits --run-id one --param file=data/many.csv
is "first" "$(sentences one)" "rows: $none
schema: $none"
expect_exit 0 dagrun run visits --run-id two --param file=data/many.csv
is "second" "$(sentences two)" ""
expect_exit 0 dagrun run visits --run-id three --param file=data/few.csv
is "third" "$(sentences three | cut -d' ' -f1-6)" "schema: The schema is not entirely
ks: Could not be evaluated: the"
expect_exit 0 dagrun run visits --run-id four --param file=data/many.csv
is "fourth" "$(sentences four | cut -d: -f1)" "schema
silent"
sql_is var/dagrun.db "SELECT sentence LIKE 'The Kolmogorov-Smirnov test of n against the reference has D = 0 %' FROM v_expectation_result
    WHERE run_id = 'four' AND expectation_id = 'ks'" 1

it "a plugin in C checks rows"
printf 'high,low,name\n120,80,a\n90,85,b\n,70,c\n' >data/bp.csv
cat >expectations/bp.yaml <<'Y'
suite: bp
columns: {high: float64, low: float64}
expectations:
  - expect_rows_to_satisfy_plugin: {plugin: plausible_bp, arguments: {least: 20}, columns: [name]}
Y
expect_exit 1 dagrun expect bp data/bp.csv
out_has "there is no plugin 'plausible_bp'"
expect_exit 0 dagrun check
err_has "bp.yaml:4:45: warning: expect_rows_to_satisfy_plugin: there is no plugin 'plausible_bp': expectations/plausible_bp.so is not there"
err_has "until then the expectation cannot be evaluated"
cp "$build/tests/fixtures/plugins/plausible_bp.so" expectations/
expect_exit 0 dagrun check
err_empty
expect_exit 1 dagrun expect bp data/bp.csv --json --result-format COMPLETE
json_is "$out" '$.results[0].result.unexpected_list' '["b"]'
json_is "$out" '$.results[0].sentence' '1 of 3 rows breaks plausible_bp (a row has a plausible pressure).'
sed 's/columns: {high.*/columns: {high: float64}/' expectations/bp.yaml >bp.yaml
cp expectations/plausible_bp.so .
expect_exit 1 dagrun expect bp.yaml data/bp.csv
out_has "plugin 'plausible_bp': the column 'low' holds no numbers; declare its type in the suite (columns: {low: float64})"
cp plausible_bp.so other.so
sed 's/plugin: plausible_bp/plugin: other/' expectations/bp.yaml >bp2.yaml
expect_exit 1 dagrun expect bp2.yaml data/bp.csv
out_has "file and name must agree"
cp "$build/tests/fixtures/plugins/add_one.so" other.so
expect_exit 1 dagrun expect bp2.yaml data/bp.csv
out_has "is no expectation"

it "records that cannot be read are counted in each format"
printf 'visit_id,clinic\n1,north\n2,north,5\n' >ragged.csv
expect_exit 0 dagrun expect good ragged.csv
out_has "1 record could not be read and was not checked"
expect_exit 0 dagrun expect good ragged.csv --json
json_is "$out" '$.unreadable_records' 1
json_is "$out" '$.rows' 1
expect_exit 0 dagrun expect good ragged.csv --format junit
out_has "<system-err>1 record could not be read"
if command -v xmllint >/dev/null; then xmllint --noout "$out" 2>"$err" || show "$err"; fi

it "what could not be evaluated counts as bad as its severity says"
for severity in info:0 warning:1 critical:1; do
    printf 'suite: s\nexpectations:\n  - expect_column_values_to_be_unique: {column: ward}\n    severity: %s\n' \
        "${severity%:*}" >s.yaml
    expect_exit "${severity#*:}" dagrun expect s.yaml data/visits.csv
    out_has "no verdict"
done

it "a query without an end is stopped by --query-timeout"
cat >endless.yaml <<'Y'
suite: endless
expectations:
  - unexpected_rows_expectation:
      unexpected_rows_query: WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c
  - expect_column_to_exist: {column: visit_id}
Y
expect_exit 1 dagrun expect endless.yaml data/visits.csv --query-timeout 1s --json
json_is "$out" '$.results[0].exception_info.raised_exception' 1
out_has "stopped after 1 s, the longest that it may take"
json_is "$out" '$.results[1].success' 1
expect_exit 2 dagrun expect endless.yaml data/visits.csv --query-timeout soon
err_has "is not a span of time"
cat >doubling.yaml <<'Y'
suite: doubling
expectations:
  - unexpected_rows_expectation:
      unexpected_rows_query: >
        WITH RECURSIVE r(n, t) AS (SELECT 1, 'a' UNION ALL SELECT n + 1, t || t FROM r WHERE n < 30)
        SELECT * FROM {batch}, r WHERE length(t) > 100000000
Y
expect_exit 1 dagrun expect doubling.yaml data/visits.csv --query-timeout 30s
out_has "string or blob too big"

cat >printf.yaml <<'Y'
suite: printf
expectations:
  - unexpected_rows_expectation:
      unexpected_rows_query: >
        SELECT * FROM {batch} WHERE length(WHAT) > 0
Y
for wide in "printf('%.1000000000c', 'x')" "format('%d %-.*c', 7, 1000000000, 'x')" "printf('%%%.*c', -1000000000, 'x')"; do
    sed "s/WHAT/$wide/" printf.yaml >wide.yaml
    expect_exit 1 dagrun expect wide.yaml data/visits.csv --query-timeout 30s
    out_has "string or blob too big"
done
sed "s/length(WHAT) > 0/printf('%05.1f|%s|%.3c|%d%%|%*d', 2.25, clinic, 'x', 7, 4, 12) <> '002.3|north|xxx|7%|  12' AND printf() IS NULL/" \
    printf.yaml >usual.yaml
expect_exit 1 dagrun expect usual.yaml data/visits.csv --json
json_is "$out" '$.results[0].result.observed_value' '3 unexpected rows'

it "mistakes in a suite are told with their place and what to write instead"
cat >wrong.yaml <<'Y'
suite: wrong
expectations:
  - expect_column_values_to_not_be_null: {column: clinic, severity: critical}
  - expect_column_values_to_be_in_set: {column: clinic, value_set: north}
  - expect_column_values_to_be_unique: {column: clinic, mostly: 95}
  - expect_column_values_to_match_regex: {column: clinic, regex: }
  - expect_column_values_to_not_be_null: {column: clinic, row_condition: minutes => 5}
  - expect_column_pair_values_to_be_equal: {column_A: clinic, column_b: date}
Y
expect_exit 3 dagrun expect wrong.yaml data/visits.csv
err_has "wrong.yaml:3:69: error: severity stands beside the expectation"
err_has "on a line of its own below: severity: critical"
err_has "in square brackets, also one alone: [x]"
err_has "a share of 1, where 95 % is 0.95"
err_has "wrong.yaml:6:66: error: expect_column_values_to_match_regex: regex: none is not an allowed value"
err_has "wrong.yaml:7:74: error: row_condition cannot be read at character 10"
err_has "did you mean 'column_B'?"

it "a column that the suite describes and the file lacks is warned of"
cat >typo.yaml <<'Y'
suite: typo
columns:
  clinc: {sensitive: true}
  minutes: {type: int64}
expectations:
  - expect_column_to_exist: {column: visit_id}
Y
expect_exit 0 dagrun expect typo.yaml data/visits.csv
err_has "data/visits.csv has no column 'clinc', of which the suite says something; did you mean 'clinic'?"
is "lines of warning" "$(wc -l <"$err")" 1
for memory in 0 100MB; do
    expect_exit 0 dagrun expect typo.yaml data/visits.csv --memory $memory --row-key visitid
    err_has "data/visits.csv has no column 'visitid', by which --row-key would name rows; did you mean 'visit_id'?"
done

it "a file with another delimiter says so, and tab can be typed"
printf 'visit_id;clinic\n1;north\n' >data/semicolons.csv
expect_exit 0 dagrun profile data/semicolons.csv
err_has "warning: data/semicolons.csv has one column, whose name holds a ';'; is that its delimiter? (--delimiter ';')"
expect_exit 0 dagrun expect good data/semicolons.csv --delimiter ';'
err_empty
printf 'visit_id\tclinic\n1\tnorth\n' >data/tabs.csv
expect_exit 0 dagrun expect good data/tabs.csv --delimiter tab
err_empty
expect_exit 2 dagrun expect good data/tabs.csv --delimiter ''
expect_exit 2 dagrun profile data/tabs.csv --delimiter ';;'

it "--as says what a file or a pipe holds whose name does not"
expect_exit 2 dagrun expect good data/visits.csv --as parquet
err_has "'parquet' is not csv, tsv, json or arrow"
printf '{"visit_id":1,"clinic":"north"}\n' >data/nameless
expect_exit 1 dagrun expect good data/nameless
err_has "its name does not say what it is, so it was read as CSV; --as json"
expect_exit 0 dagrun expect good data/nameless --as json
expect_exit 0 dagrun expect good data/visits.csv --as json
dagrun expect good - --as json <data/nameless >"$out" 2>"$err" || show "$out" "$err"
out_has "1 row, "

it "an argument that there is none like: those there are"
cat >wrong.yaml <<'Y'
suite: wrong
expectations:
  - expect_column_values_to_be_unique: {column: visit_id, minimum: 3}
Y
expect_exit 3 dagrun expect wrong.yaml data/visits.csv
err_has "has no argument 'minimum'"
err_has "it has column, mostly, row_condition"

it "a check that fails for want of a type says which"
cat >untyped.yaml <<'Y'
suite: untyped
expectations:
  - expect_column_values_to_be_in_set: {column: visit_id, value_set: [1, 2, 3, 4]}
  - expect_column_values_to_be_between: {column: date, min_value: 2024-01-01}
  - expect_column_values_to_be_between: {column: visit_id, min_value: 1}
Y
expect_exit 1 dagrun expect untyped.yaml data/visits.csv
out_has "(the column holds text; is its type missing from the suite's columns?)"
out_has "(columns: {date: {type: date}})"
out_has "(columns: {visit_id: {type: float64}})"
sed -i 's/^expectations:/columns: {visit_id: int64, date: date}\n&/' untyped.yaml
dagrun expect untyped.yaml data/visits.csv >"$out" 2>&1
out_has "2 passed, 1 failed, 0 without" # 03/02/2024 is no date

it "a column of a declared type without any value, where SQL asks for its rows"
printf 'a,b\n,1\n,2\n' >gaps.csv
printf 'a,b\n' >header.csv
for type in int64 float64 bool date timestamp decimal string; do
    cat >gaps.yaml <<Y
suite: gaps
columns: {a: {type: $type}, b: {type: int64}}
expectations:
  - expect_rows_to_satisfy_sql: {condition: "a IS NULL AND b > 0"}
  - expect_rows_to_satisfy_sql: {condition: "a IS NOT NULL"}
Y
    expect_exit 1 dagrun expect gaps.yaml gaps.csv --json
    json_is "$out" '$.results[0].success' 1
    json_is "$out" '$.results[1].result.unexpected_count' 2
    expect_exit 0 dagrun expect gaps.yaml header.csv
done

it "decimals are numbers where SQL asks for rows"
printf 'a\n10.10\n9.5\n-7\n' >amounts.csv
cat >amounts.yaml <<'Y'
suite: amounts
columns: {a: {type: decimal}}
expectations:
  - expect_rows_to_satisfy_sql: {condition: "a < 10"}
  - unexpected_rows_expectation: {unexpected_rows_query: "SELECT a FROM {batch} GROUP BY a HAVING max(a) > 9"}
Y
expect_exit 1 dagrun expect amounts.yaml amounts.csv --json --result-format COMPLETE
json_is "$out" '$.results[0].result.unexpected_count' 1
json_is "$out" '$.results[1].result.observed_value' '2 unexpected rows'

it "list and explain document every expectation"
expect_exit 0 dagrun expect --list
cp "$out" "$scratch/list"
is "at least fifteen" "$(($(wc -l <"$scratch/list") > 15))" 1
while read -r name _; do
    dagrun expect --explain "$name" >"$out" 2>"$err" || note "$name has no explanation"
    grep -q "$name" "$out" || note "$name is not in its explanation"
done < <(tail -n +2 "$scratch/list")
expect_exit 4 dagrun expect --explain expect_column_to_exit
err_has "did you mean 'expect_column_to_exist'?"
finish
