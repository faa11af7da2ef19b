#!/bin/bash
# The main job: every row is accounted for, a rerun replaces and never doubles,
# and what is set apart says where it stood and why.
. "$(dirname "$0")/lib.sh"
sample_home pipeline
generate --rows 2500 --seed 42 --dirt 0.15 --out data >/dev/null
counts() {
    local table
    for table in vitals_clean labs_clean vitals_monthly labs_monthly vitals_quarantined labs_quarantined vitals_rejected labs_rejected; do
        echo "$table $(sql var/warehouse.db "SELECT count(*) FROM $table")"
    done
}
rows_of() { sql var/dagrun.db "SELECT row_count FROM v_dataset_event WHERE operation = 'write'
    AND dataset = '$1' AND run_key = 1"; }

it "runs from raw files to report"
expect_exit 0 dagrun run healthcare_processing
out_has "report: "
is "every task" "$(task_states | cut -d'|' -f2 | sort -u)" success
has_file "$(last_good_report)"
has_file reports/index.html
first=$(counts)

for pair in vitals:vitals lab_results:labs; do
    dataset=${pair%:*} prefix=${pair#*:}
    it "accounts for each of the 2,500 records of $dataset: raw = clean + quarantined + duplicates"
    sql_is var/dagrun.db "SELECT sum(raw) FROM v_row_account WHERE dataset = '$dataset'" 2500
    sql_is var/dagrun.db "SELECT sum(raw) - sum(clean) - sum(quarantined) - sum(duplicates)
        FROM v_row_account WHERE dataset = '$dataset'" 0
    sql_is var/dagrun.db "SELECT count(*) FROM v_row_account WHERE missing <> 0" 0
    it "the account of $dataset agrees with the tables"
    is clean "$(sql var/warehouse.db "SELECT count(*) FROM ${prefix}_clean")" \
        "$(sql var/dagrun.db "SELECT sum(clean) FROM v_row_account WHERE dataset = '$dataset'")"
    is quarantined "$(sql var/warehouse.db "SELECT (SELECT count(*)
        FROM ${prefix}_quarantined) + (SELECT count(*) FROM ${prefix}_rejected)")" \
        "$(sql var/dagrun.db "SELECT sum(quarantined) FROM v_row_account WHERE dataset = '$dataset'")"
    is duplicates "$(rows_of "${prefix}_duplicates")" \
        "$(sql var/dagrun.db "SELECT sum(duplicates) FROM v_row_account WHERE dataset = '$dataset'")"
    it "every row of $dataset that was set apart has a line and a reason"
    for table in quarantined rejected; do
        sql_is var/warehouse.db "SELECT count(*) > 0 FROM ${prefix}_$table" 1
        sql_is var/warehouse.db "SELECT count(*) FROM ${prefix}_$table
            WHERE _line IS NULL OR _line < 2 OR coalesce(_reasons, '') = ''" 0
        sql_is var/warehouse.db "SELECT count(*) - count(DISTINCT _line) FROM ${prefix}_$table" 0
    done
    sql_is var/warehouse.db "SELECT count(*) > 0 FROM ${prefix}_quarantined WHERE _record IS NOT NULL" 1
    sql_is var/warehouse.db "SELECT count(*) FROM ${prefix}_quarantined JOIN ${prefix}_rejected USING (_line)" 0
    sql_is var/warehouse.db "SELECT count(*) FROM ${prefix}_clean
        JOIN ${prefix}_quarantined ON source_line = _line" 0
done

it "the line of a row is its line in the file"
sql var/warehouse.db "SELECT _line || char(9) || hospital_id || ',' || measurement_date || ',' || coalesce(patient_id, '')
                      FROM vitals_quarantined WHERE _record IS NULL AND hospital_id IS NOT NULL AND measurement_date IS NOT NULL" >"$scratch/rows"
looked=0
while IFS=$'\t' read -r line fields; do
    text=$(sed -n "${line}p" data/vitals_2024.csv)
    case $text in *'"'*) continue ;; esac
    looked=$((looked + 1))
    case $text in "$fields"*) ;; *) note "line $line: '$text' does not begin with '$fields'" ;; esac
done <"$scratch/rows"
is "rows were looked at" "$((looked > 5))" 1

it "a rerun replaces and never doubles"
expect_exit 0 dagrun run healthcare_processing
is "the counts" "$(counts)" "$first"
is "the published files" "$(wc -l <var/published/healthcare_processing/latest/vitals_clean.csv)" \
    "$(($(sql var/warehouse.db "SELECT count(*) FROM vitals_clean") + 1))"
sql_is var/dagrun.db "SELECT count(DISTINCT hash) FROM v_dataset_event WHERE dataset = 'vitals_monthly'
    AND operation = 'write'" 1

it "only the newest exports are kept"
for i in 1 2 3; do dagrun run healthcare_processing >"$out" 2>"$err" || note "run $i failed"; done
is "exports" "$(find var/published/healthcare_processing -mindepth 1 -maxdepth 1 -type d | wc -l)" 3

it "lineage ties every input to the task that made it"
sql_is var/dagrun.db "SELECT count(*) FROM v_lineage WHERE run_key = 1 AND written_by_task IS NULL
    AND dataset NOT LIKE 'data/%'" 0
sql_is var/dagrun.db "SELECT group_concat(DISTINCT written_by_task) FROM v_lineage
    WHERE dataset = 'vitals_clean'" transform_vitals

it "the databases are sound"
for db in var/dagrun.db var/warehouse.db; do
    sql_is $db "PRAGMA integrity_check" ok
    sql_is $db "PRAGMA foreign_key_check" ''
done
finish
