#!/bin/bash
# A column that a suite calls sensitive is masked wherever people look: report,
# quarantine beside it, logs, terminal, run store. The datasets keep the values.
. "$(dirname "$0")/lib.sh"
sample_home sensitive
generate --rows 1500 --seed 9 --dirt 0.3 --out data >/dev/null
# Expectations on the patient number that fail, and show what is unexpected.
sed -i "s/regex: '^.s\*\[Pp\].d{5}.s\*\$', mostly: 0.99/regex: '^Q', mostly: 0.99/" expectations/vitals.yaml expectations/lab_results.yaml
sed -i 's/on_failure: quarantine/on_failure: record/' expectations/vitals.yaml
patient='[Pp][0-9]{5}'

# FILE...: no patient number in any of them
no_patient() {
    local found
    found=$(grep -aoE -m1 ".{0,60}$patient.{0,30}" "$@" 2>/dev/null | head -3)
    [ -z "$found" ] || note "a patient's number is shown: $found"
}

it "nobody's number is on the terminal during a run"
dagrun run healthcare_processing >"$out" 2>"$err"
out_has "validate_vitals"
no_patient "$out" "$err"
grep -q "'^Q'" expectations/vitals.yaml || note "the suite was not changed as this test needs it"

it "the datasets keep the values"
grep -qaE "$patient" var/runs/*/*/validate_vitals/out/vitals_quarantined.arrow || note "vitals_quarantined has no patient numbers"

it "nor in a log"
mapfile -t logs < <(find var/runs -name '*.log')
is "there are logs" "$((${#logs[@]} > 5))" 1
no_patient "${logs[@]}"

it "nor in the reports and the files beside them"
mapfile -t files < <(find reports -type f)
is "there are reports" "$((${#files[@]} > 1))" 1
no_patient "${files[@]}"

it "nor in the run store"
sqlite3 -batch var/dagrun.db .dump >"$scratch/dump"
is "failed checks on patient_id are there" "$(sql var/dagrun.db "SELECT count(*) > 0
    FROM v_failed_expectation WHERE column_name = 'patient_id'")" 1
no_patient "$scratch/dump"

it "nor in what status and logs print"
for verb in "status" "status --full" "status --json" "runs" "logs validate_vitals" "show healthcare_processing"; do
    # shellcheck disable=SC2086
    dagrun $verb >"$out" 2>"$err"
    no_patient "$out" "$err"
done

it "nor in what expect prints, in any format"
for options in "" "--json" "--format junit" "--json --result-format COMPLETE" "--json --row-key patient_id"; do
    # shellcheck disable=SC2086
    dagrun expect vitals data/vitals_2024.csv $options >"$out" 2>"$err"
    is "exit code with '$options'" $? 1
    [ -s "$out" ] || note "expect $options printed nothing"
    no_patient "$out" "$err"
done

it "an error about a record that cannot be read does not quote it"
printf 'hospital_id,measurement_date,patient_id,vital_type,value,unit\nHOSP001,2024-03-01,P00001\nHOSP001,"2024"x,P00001,heart_rate,1,bpm\n' >data/short.csv
dagrun expect vitals data/short.csv --strict >"$out" 2>"$err"
is "the exit code is not 0" "$(($? != 0))" 1
no_patient "$out" "$err"
finish
