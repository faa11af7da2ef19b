#!/bin/bash
# Input files that cannot be used: the run fails and says why, and everything
# that the last good run left is as it was.
. "$(dirname "$0")/lib.sh"
sample_home inputs
sed -i 's/retry_delay: 10s/retry_delay: 10ms/' dags/healthcare_processing.yaml
header=hospital_id,measurement_date,patient_id,vital_type,value,unit
good="HOSP001,2024-03-01,P00001,heart_rate,72,bpm"

it "the sample runs, and its outputs are there"
expect_exit 0 dagrun run healthcare_processing
before=$(kept)
has_file "$(last_good_report)"

# NAME CONTENT WHAT...: a run on that file fails, says each WHAT, and changes nothing.
refused() {
    local name=$1 content=$2 said
    shift 2
    it "$name"
    printf "$content" >data/bad.csv
    expect_exit 1 dagrun run healthcare_processing --param vitals=data/bad.csv
    for said; do out_has "$said"; done
    expect_exit 1 dagrun status
    is "the run" "$(run_state)" failed
    is "validate_vitals" "$(sql var/dagrun.db "SELECT state FROM v_task WHERE task_id = 'validate_vitals'
        ORDER BY run_key DESC LIMIT 1")" failed
    is "load" "$(sql var/dagrun.db "SELECT state FROM v_task WHERE task_id = 'load' ORDER BY run_key DESC
        LIMIT 1")" upstream_failed
    is "what the last good run left" "$(kept)" "$before"
}

it "a file that is not there"
expect_exit 1 dagrun run healthcare_processing --param vitals=data/none.csv
out_has "data/none.csv"
out_has "there is no such file"
is "attempts: it is not tried again" "$(sql var/dagrun.db "SELECT group_concat(state) FROM v_attempt
    WHERE task_id = 'validate_vitals' AND run_key = (SELECT max(run_key) FROM dag_run)")" failed
is "what the last good run left" "$(kept)" "$before"

it "a name without an ending that says what it holds, and one that is not there"
printf 'x\n' >data/bad
expect_exit 1 dagrun run healthcare_processing --param vitals=data/bad
out_has "data/bad': the ending of its name does not say what it holds"
expect_exit 1 dagrun run healthcare_processing --param vitals=data/none
out_has "data/none': there is no such file"

refused "an empty file" '' 'data/bad.csv' 'empty'
refused "a header without records" "$header\n" 'The number of rows is 0; expected at least' '1 critical expectation failed'
is "the failed check" "$(sql var/dagrun.db "SELECT count(*) FROM v_failed_expectation
    WHERE severity = 'critical' AND run_key = (SELECT max(run_key) FROM dag_run)
    AND expectation_type = 'expect_table_row_count_to_be_between'")" 1
refused "a binary file" '\177ELF\001\002\000\000\000\000\003\000' 'data/bad.csv' 'NUL'
refused "a header with a column twice" 'a,b,a\n1,2,3\n' 'data/bad.csv:1' "columns 1 and 3 of the header are both named 'a'"
refused "a column that the suite names is not there" "${header/value/valeu}\n$good\n" 'could not be evaluated; see the quality report'
is "the missing column is no pass" "$(sql var/dagrun.db "SELECT count(*) > 0
    AND count(*) = sum(outcome = 'error') FROM v_expectation_result
    WHERE run_key = (SELECT max(run_key) FROM dag_run) AND column_name = 'value'")" 1
is "and says which" "$(sql var/dagrun.db "SELECT count(*) > 0 FROM v_expectation_result
    WHERE run_key = (SELECT max(run_key) FROM dag_run) AND outcome = 'error' AND exception LIKE '%value%'")" 1

refused "too many records without a patient" \
    "$header\nHOSP001,2024-03-01,,heart_rate,72,bpm\nHOSP001,2024-03-02,,heart_rate,72,bpm\n$good\n" \
    'could not be evaluated; see the quality report'
kept_rows=$(echo var/runs/healthcare_processing/*/validate_vitals/1/out/vitals_quarantined.arrow)
has_file "${kept_rows##* }"
expect_exit 0 dagrun logs validate_vitals healthcare_processing
out_has "what it wrote before it failed is kept in"

refused "more than half of the dates in a form that was not agreed" \
    "$header\nHOSP001,3/1/2024,P00001,heart_rate,72,bpm\nHOSP001,3/2/2024,P00001,heart_rate,72,bpm\n$good\n" \
    "Dates have one of the four agreed forms"

# NAME CONTENT REASON: the record is set aside with its line and a reason, the others go through.
set_aside() {
    it "$1"
    {
        echo "$header"
        for day in 10 11 12 13 14 15 16 17 18 19; do
            echo "HOSP001,2024-03-$day,P00001,heart_rate,7$((day % 10)),bpm"
        done
        # shellcheck disable=SC2059
        printf "$2"
    } >data/bad.csv
    dagrun run healthcare_processing --param vitals=data/bad.csv >"$out" 2>"$err"
    local folder
    folder=$(sql var/dagrun.db "SELECT path FROM v_dataset_event WHERE dataset = 'vitals_quarantined'
        AND operation = 'write' ORDER BY event_key DESC LIMIT 1")
    has_file "$folder"
    is "the account" "$(sql var/dagrun.db "SELECT raw || ' ' || quarantined FROM v_row_account
        WHERE dataset = 'vitals' AND group_name = '(unreadable)' ORDER BY run_key DESC LIMIT 1")" "$4"
    expect_exit 0 dagrun run healthcare_processing --param vitals=data/bad.csv --run-id "set_aside_$test_number"
    is "line and reason" "$(sql var/warehouse.db "SELECT _line, _reasons FROM vitals_quarantined
        WHERE _record IS NOT NULL ORDER BY _line LIMIT 1")" "$3"
    is "the others" "$(sql var/warehouse.db "SELECT count(*) FROM vitals_clean")" 10
}
set_aside "a record with too few fields" 'HOSP001,2024-03-01\n' '12|record has 2 fields, the header has 6' '1 1'
set_aside "a record with too many fields" "$good,x,y\n" '12|record has 8 fields, the header has 6' '1 1'
set_aside "invalid UTF-8" "HOSP001,2024-03-01,P0\377001,heart_rate,72,bpm\n" "12|byte 0xFF is not valid UTF-8, in column 'patient_id'" '1 1'
set_aside "a file cut off inside quotes" 'HOSP001,2024-03-01,P00001,heart_rate,"72' '12|a quoted field is never closed' '1 1'
it "a file that begins with UTF-16's mark is UTF-16, whichever plugin reads it"
new_home wide
printf 'id,name\n1,Zo\303\253\n2,x\n' | iconv -f UTF-8 -t UTF-16 >data/wide.csv
cat >expectations/wide.yaml <<'Y'
suite: wide
expectations: [expect_table_row_count_to_equal: {value: 2}]
Y
dag wide <<'Y'
tasks:
  v: {plugin: validate, inputs: {table: data/wide.csv}, outputs: {valid: v.csv}, with: {suite: wide}}
  m: {plugin: validate, inputs: {table: data/wide.csv}, outputs: {valid: m.csv}, with: {suite: wide, memory: 100000000}}
  t: {plugin: transform, inputs: {table: data/wide.csv}, outputs: {clean: t.csv}, with: {steps: [{trim: {columns: [name]}}]}}
  e: {plugin: extract, inputs: {file: data/wide.csv}, outputs: {table: e.csv}, with: {source: csv}}
Y
expect_exit 0 dagrun run wide
for file in var/runs/wide/*/*/out/?.csv; do is "$file" "$(tail -n 1 "$file" | cut -d, -f1,2)" "2,x"; done
is "files" "$(cat var/runs/wide/*/*/out/?.csv | grep -c Zoë)" 4
finish
