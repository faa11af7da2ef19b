#!/bin/bash
# Files that are too much: one line of a gigabyte ends in a clear error after a
# bounded amount of work and memory.
. "$(dirname "$0")/lib.sh"
sample_home huge
sed -i 's/retries: 2/retries: 0/' dags/healthcare_processing.yaml

# One line of 1 GiB, nearly all of which takes no room on the disk.
{
    echo hospital_id,measurement_date,patient_id,vital_type,value,unit
    printf 'HOSP001,'
    head -c 70000000 /dev/zero | tr '\0' a
} >data/huge.csv
truncate -s 1G data/huge.csv

it "a line of 1 GB is refused, with its place"
expect_exit 1 dagrun run healthcare_processing --param vitals=data/huge.csv
out_has "data/huge.csv:2"
is "the task" "$(sql var/dagrun.db "SELECT state FROM v_task WHERE task_id = 'validate_vitals'")" failed

it "its attempt needs little memory"
sql_is var/dagrun.db "SELECT max_rss_bytes < 300000000 FROM v_attempt WHERE task_id = 'validate_vitals'" 1
under_sanitizer && test_notes='' && skip "a sanitizer keeps freed memory"

it "the expect verb refuses it too, in less address space than the file is long"
if under_sanitizer; then
    skip "a sanitizer needs more address space"
else
    limited() { (ulimit -v 700000 && dagrun expect vitals data/huge.csv); }
    expect_exit 1 limited
    err_has "data/huge.csv:2"
fi

it "a quote that is never closed does not swallow a gigabyte either"
{
    echo hospital_id,measurement_date,patient_id,vital_type,value,unit
    printf 'HOSP001,"'
    yes 2024-03-01,P00001,heart_rate,72,bpm | head -c 20000000
} >data/huge.csv
dagrun run healthcare_processing --param vitals=data/huge.csv >"$out" 2>"$err"
status=$?
is "the exit code is 0 or 1" "$((status == 0 || status == 1))" 1
sql_is var/dagrun.db "SELECT count(*) FROM v_row_account WHERE missing <> 0" 0
finish
