#!/bin/bash
# medical_records: cleaning and features against persons worked by hand, nothing lost, spelling.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/postgres.sh"

pipeline_home() { # NAME: this project's DAG and suite, in a home of their own
    new_home "$1"
    cp "$source_dir"/dags/medical_records.yaml dags/
    cp -R "$source_dir/dags/medical_records" dags/
    mkdir migrations
    cp -R "$source_dir/migrations/medical_records" migrations/
    cp "$source_dir"/expectations/medical_events.yaml expectations/
    cp -R "$source_dir/data/medical_records" data/
    sed -i 's/retry_delay: 10s/retry_delay: 100ms/' dags/medical_records.yaml
}
run() { expect_exit "$1" clean_env DAGRUN_CONN_POSTGRES="$postgres_uri" timeout -k 1 $patience "$build/dagrun" run medical_records "${@:2}"; }
warehouse=var/warehouse.db
published=var/published/medical_records/latest
features() { # PERSON FIELD...: the fields of its object
    local person=$1 list='' field
    shift
    for field; do list+="${list:+, }features ->> '$field'"; done
    sql $warehouse "SELECT $list FROM person_features WHERE person_id = '$person'"
}

# ---- the account of rows ----

account() { # DATASET COLUMNS: of the newest run
    sql var/dagrun.db "SELECT $2 FROM v_row_account WHERE dataset = '$1' AND run_key = (SELECT max(run_key) FROM dag_run)"
}
decided() { # TABLE CONDITION: rows of the table of decisions
    sql $warehouse "SELECT coalesce(sum(rows), 0) FROM medical_decisions WHERE source = '$1' AND $2"
}
reconciles() { # of each file's records, those in the database and those removed for each reason
    local table repeats="rule = 'repeats another row'"
    for table in lifestyle rx conditions labs tests; do
        is "account of $table" \
            "$(account $table 'sum(raw), sum(clean), sum(quarantined), sum(duplicates), sum(missing), max(abs(missing))')" \
            "$(($(wc -l <data/medical_records/$table.csv) - 1))|$(sql $warehouse "SELECT count(*) FROM $table")|$(
                decided $table "action = 'removed' AND NOT $repeats")|$(decided $table "$repeats")|0|0"
    done
}

it "the sample is what the generator makes"
cd "$scratch" || exit 1
expect_exit 0 generate medical --seed 3 --out made
for table in lifestyle rx conditions labs tests; do
    same_file "$source_dir/data/medical_records/$table.csv" made/$table.csv
done

it "the sample: every row is kept or its removal explained"
pipeline_home sample
run 0
has_file reports/medical_records/latest/index.html
for table in lifestyle rx conditions labs tests; do
    raw=$(($(wc -l <data/medical_records/$table.csv) - 1))
    kept=$(sql $warehouse "SELECT count(*) FROM $table")
    removed=$(grep -c "^$table," $published/medical_removed.csv)
    is "kept and removed of $table" $((kept + removed)) $raw
    sql_is $warehouse "SELECT sum(rows) FROM medical_decisions WHERE source = '$table' AND action IN ('kept', 'removed')" $raw
    is "corrections of $table are of all rows checked" "$(sqlite3 -batch :memory: \
        '.mode csv' ".import $published/${table}_corrections.csv c" 'SELECT sum(rows) FROM c')" \
        $((raw - $(sql $warehouse "SELECT coalesce(sum(rows), 0) FROM medical_decisions
            WHERE source = '$table' AND rule LIKE '%belongs to a person%'")))
done
sql_is $warehouse "PRAGMA foreign_key_check" ""
sql_is $warehouse "SELECT count(*) FROM person_features f JOIN person_resources r USING (person_id)
    WHERE json_valid(features) AND json_valid(resource)" "$(sql $warehouse 'SELECT count(*) FROM person')"

it "the run accounts for every row from the files to the tables, by features as the vocabulary spells them"
reconciles
is "groups of labs" "$(account labs "group_concat(group_name)")" "CREATININE,GLUCOSE,HBA1C,HGB,TROPONIN"
for feature in HgB troponin; do
    sql_is $warehouse "SELECT count(*) FROM labs WHERE feature = '$feature'" \
        "$(account labs "sum(iif(group_name = upper('$feature'), clean, 0))")"
done
is "tables and groups that add up in the report" "$(grep -o 'adds up' reports/medical_records/latest/index.html | wc -l)" \
    $((5 + $(sql var/dagrun.db "SELECT count(*) FROM v_row_account WHERE group_name <> ''")))
grep -qF '>medical_removed.csv<' reports/medical_records/latest/index.html || note "the report does not link the removed rows"
is "columns of the removed rows" "$(head -n 1 $published/medical_removed.csv)" \
    "source,line,_reasons,person_id,encounter_id,feature,value,unit,report_date,drug_name,rxnorm,icd_code"
is "persons in the report's file" "$(tail -n +2 reports/medical_records/latest/medical_removed.csv | cut -d, -f4 | sort -u)" '
***'

it "the diagram in the documentation is what the database draws"
sqlite3 -batch $warehouse <"$source_dir/scripts/schema_svg.sql" >"$scratch/schema.svg"
same_file "$source_dir/docs/pipelines/medical_records.svg" "$scratch/schema.svg"
is "tables drawn" "$(grep -c 'class="table"' "$scratch/schema.svg")" 15
is "references drawn" "$(grep -c 'class="reference"' "$scratch/schema.svg")" \
    "$(sql $warehouse "SELECT count(DISTINCT t.name || '/' || k.id) FROM pragma_table_list t, pragma_foreign_key_list(t.name) k
        WHERE t.name NOT LIKE 'dagrun%'")"

it "a rerun changes nothing"
sql $warehouse "SELECT * FROM person_resources; SELECT * FROM person_features" >"$scratch/before"
run 0
sql $warehouse "SELECT * FROM person_resources; SELECT * FROM person_features" >"$scratch/after"
same_file "$scratch/before" "$scratch/after"

# ---- persons worked by hand ----

hand_made() {
    pipeline_home hand
    cd data/medical_records || exit 1
    cat >lifestyle.csv <<'END'
person_id,encounter_id,feature,value,unit,report_date
C,,diet,mixed,,sometime
C,,deit,low salt,,
,e9,diet,mixed,,2024-01-01
END
    for day in 01 02 03 04 05 06 07 08; do echo "D,d1,exercise,weekly,,2024-01-$day" >>lifestyle.csv; done
    cat >rx.csv <<'END'
person_id,encounter_id,feature,value,unit,report_date,drug_name,rxnorm
A,e1,prescription,30,days,2024-06-01,Tamsulosin 0.4 MG Oral Capsule,
B,b0,prescription,30,days,01/01/2020,,49276
B,b1,prescription,30,days,2024-03-01,Metformin,
B,b1,prescription,30,days,2024-03-01,METFORMIN,
B,b1,prescription,30,days,20240229,Lisinopril,
B,b1,prescription,30,days,28-Feb-2024,Atorvastatin,
B,b1,prescription,30,days,2023-12-02,Amlodipine,
B,b1,,30,days,2024-03-01T09:00:00,,402014
B,b1,prescription,30,days,2023-12-01,Omeprazole,
B,b1,prescription,30,days,2024-03-01,,
END
    cat >conditions.csv <<'END'
person_id,encounter_id,feature,value,unit,report_date,icd_code
A,e1,diagnosis,Diabetes,,2024-02-01,E11.9
A,e1,diagnosis,Diabetes with kidney disease,,2024-02-01,e11.22
A,e1,diagnosis,Heart failure,,2024-02-01,I509
A,e1,diagnosis,Heart failure,,2024-02-02,I50.9
A,e1,diagnosis,Cancer of prostate,,2024-02-01,C61
A,e1,diagnosis,Cancer of bone,,2024-02-01,C79.5
B,b1,diagnosis,Hypertension,,2024-02-01,I10
END
    cat >labs.csv <<'END'
person_id,encounter_id,feature,value,unit,report_date
A,e1,HgB,13.0,g/dL,2024-01-01
A,e2,hemoglobni,140,g/L,12/31/2024
A,e2,HgB,14,g/dL,2024-12-31
A,e2,creatinine,<5,mg/dL,2024-12-31
A,e2,troponin,<0.01,ng/mL,2024-12-01
A,e3,glucose,200,mg/dL,2024-11-01
A,e4,glucoes,90,mg/dL,2024-10-01
A,e4,glucose,90,,2024-10-02
A,e4,glucose,pending,mg/dL,2024-10-03
B,b1,creatinine,2.0,g/L,2024-02-30
B,b1,HgB,,g/dL,2024-02-01
END
    cat >tests.csv <<'END'
person_id,encounter_id,feature,value,unit,report_date
A,e2,heart rate,≥100,bpm,2024-12-31
A,e2,zzz,7,,2024-12-31
END
    cd ../..
    run 0
}

it "a person with everything: the features, worked by hand"
hand_made
is "alpha blocker" "$(features A alpha_blocker_now alpha_blocker_ever alpha_blocker_date)" "1|1|2024-06-01"
is "HgB: 140 g/L and 14 g/dL of one day are one value" "$(features A hgb hgb_comparator hgb_date)" "14.0||2024-12-31"
# From 2024-07-01 (six months before 31 December is 31 June): e2, e3, e4; not e1.
is "encounters" "$(features A encounters_6_months)" 3
# Diabetes with complications 2 (not 1 more), heart failure 1 once, metastases 6 (not 2 more).
is "Charlson" "$(features A charlson charlson_conditions)" "9|3"
# Judged: HgB 13 and 14, troponin <0.01, glucose 200 and 90; creatinine <5 may be either. One of five.
is "abnormal" "$(features A labs_1_year abnormal_lab_share)" "5|0.2"
# From 13 to 14 in 365 days: 365.25 / 365.
is "trend" "$(features A hgb_values hgb_per_year)" "2|1.0007"
is "drugs" "$(features A drugs_90_days polypharmacy)" "0|0"

it "a person with many drugs, none an alpha blocker now"
is "alpha blocker, by its code" "$(features B alpha_blocker_now alpha_blocker_ever alpha_blocker_date)" "0|1|2020-01-01"
# From 2023-12-02: metformin, lisinopril, atorvastatin, amlodipine, 402014; omeprazole is a day too old.
is "drugs" "$(features B drugs_90_days polypharmacy)" "5|1"
is "no HgB, no index" "$(features B hgb hgb_per_year charlson labs_1_year abnormal_lab_share)" "||0|0|"

it "a person without a day has features, too"
is "features" "$(features C alpha_blocker_now encounters_6_months drugs_90_days charlson hgb)" "0|0|0|0|"
is "resources" "$(sql $warehouse "SELECT json_array_length(resource, '\$.lifestyle'), json_array_length(resource, '\$.labs')
    FROM person_resources WHERE person_id = 'C'")" "2|0"

it "what was decided, row by row"
is "removed" "$(tail -n +2 $published/medical_removed.csv | cut -d, -f1-3)" "labs,4,repeats another row
labs,12,has no value
lifestyle,4,Every event belongs to a person
rx,5,repeats another row
rx,11,names no drug"
sql_is $warehouse "SELECT value, unit, comparator, value_text FROM tests WHERE feature = 'heart rate'" "100.0|/min|>=|≥100"
sql_is $warehouse "SELECT value IS NULL, value_text FROM tests WHERE feature = 'zzz'" "1|7"
sql_is $warehouse "SELECT report_date IS NULL, value IS NULL, value_text, unit_text FROM labs WHERE person_id = 'B'" "1|1|2.0|g/L"
sql_is $warehouse "SELECT rows FROM medical_decisions WHERE source = 'labs' AND rule LIKE '%distance 1'" 2
is "corrections" "$(grep -E 'corrected' $published/labs_corrections.csv)" "glucoes,glucose,1,corrected,1
hemoglobni,HgB,1,corrected,1"

it "PostgreSQL has the same"
if start_postgres; then
    run 0 --param warehouse=postgres
    for query in "SELECT person_id, drugs_90_days, charlson, encounters_6_months, labs_1_year, hgb_per_year FROM person
            JOIN feature_polypharmacy USING (person_id) JOIN feature_charlson USING (person_id)
            JOIN feature_encounters USING (person_id) JOIN feature_abnormal_labs USING (person_id)
            JOIN feature_hgb_trend USING (person_id) ORDER BY 1" \
        "SELECT record_id, encounter_id, feature, CAST(value * 100 AS INTEGER), comparator, unit, value_text, report_date
            FROM labs ORDER BY 1" "SELECT features ->> 'charlson' FROM person_features ORDER BY person_id"; do
        is "PostgreSQL: $query" "$(psql_do "$query")" "$(sql $warehouse "$query")"
    done
    psql_is "SELECT json_array_length(resource -> 'lifestyle') FROM person_resources WHERE person_id = 'C'" 2
    stop_postgres
else
    skip "PostgreSQL is not installed"
fi

it "the tables can be torn down and set up again"
expect_exit 0 dagrun db teardown medical_records --yes
sql_is $warehouse "SELECT count(*) FROM sqlite_schema WHERE name = 'labs'" 0
run 0
is "features" "$(features A charlson)" 9

it "records that are no CSV and hostile texts are explained or kept, and nothing is executed"
printf '%s\n' 'A,e5,HgB,1' "A,e5,\"'); DROP TABLE labs; --\",5,g/dL,2024-05-05" \
    'A,e5,glucose,99999999999999999999999999999999,mg/dL,2024-05-06' 'A,e5,glucose,1.2.3,mg/dL,2024-05-07' \
    'A,e5,glucose,<,mg/dL,2024-05-08' 'A,e5,glucose,<<5,mg/dL,9999-99-99' \
    "A,e5,$(printf 'x%.0s' {1..3000}),5,mg/dL,2024-05-09" >>data/medical_records/labs.csv
run 0
is "the short record" "$(grep -c '^labs,13,' $published/medical_removed.csv)" 1
sql_is $warehouse "SELECT value_text, value IS NULL, report_date FROM labs WHERE encounter_id = 'e5' AND feature = 'glucose' ORDER BY record_id" \
    "<<5|1|
99999999999999999999999999999999|0|2024-05-06
1.2.3|1|2024-05-07
<|1|2024-05-08"
sql_is $warehouse "SELECT length(feature) FROM labs WHERE report_date = '2024-05-09'" 3000
reconciles
is "unreadable" "$(account labs "group_name, raw, quarantined" | grep unreadable)" "(unreadable)|1|1"
is "rows without a feature, and one refused" "$(account rx "group_name, raw, clean, quarantined, duplicates")" \
    "|0|0|0|0
(missing)|1|1|0|0
PRESCRIPTION|9|7|1|1"
is "a corrected spelling is its term's" "$(account lifestyle "group_concat(group_name)")" "DIET,EXERCISE"

it "hundreds of features that nobody knows are counted as one group, and add up"
for i in {1..250}; do echo "A,e6,feature $i,$i,,2024-05-10"; done >>data/medical_records/tests.csv
run 0
reconciles
is "groups" "$(account tests "group_name, raw, clean")" "|252|252"

it "the ends of the windows: both days themselves count"
(
    pipeline_home edges
    cd data/medical_records || exit 1
    head='person_id,encounter_id,feature,value,unit,report_date'
    # The latest day of all tables decides: it is in tests, and most encounters are elsewhere.
    printf '%s\n' "$head" G,g1,diet,mixed,,2023-12-15 G,g2,diet,mixed,,2023-12-14 G,g1,diet,mixed,,2024-01-20 \
        G,,diet,mixed,,2024-01-21 G,g7,diet,mixed,, >lifestyle.csv
    printf '%s\n' "$head,drug_name,rxnorm" G,g3,prescription,1,,2024-03-17,Prazosin, G,g3,prescription,1,,2024-03-16,Metformin, \
        M,m0,prescription,1,,2023-06-29,Terazosin, K,k0,prescription,1,,2023-06-15,Silodosin, >rx.csv
    printf '%s\n' "$head,icd_code" G,g4,diagnosis,x,,2024-06-15,I10 M,m1,diagnosis,x,,2023-12-31,I10 M,m2,diagnosis,x,,2023-12-30,I10 \
        A,a1,diagnosis,x,,2024-03-02,I10 A,a2,diagnosis,x,,2024-03-01,I10 >conditions.csv
    printf '%s\n' "$head" K,k1,glucose,200,mg/dL,2023-06-15 K,k2,glucose,300,mg/dL,2023-06-14 K,k3,glucose,90,mg/dL,2024-06-15 >labs.csv
    printf '%s\n' "$head" G,g1,"heart rate",70,/min,2024-06-15 M,m3,"heart rate",70,/min,2024-06-30 \
        A,a3,"heart rate",70,/min,2024-08-31 >tests.csv
) || note "the home cannot be made"
cd "$scratch/edges" || exit 1
run 0
# G to 15 June, from 15 December: g1 (of three tables) once, g3, g4; not g2, g7, nor a row without encounter.
is "encounters from the same day" "$(features G encounters_6_months)" 3
# M to 30 June, from 30 December.
is "encounters from the day itself" "$(features M encounters_6_months)" 3
# A to 31 August; there is no 31 February, which is 2 March in a leap year.
is "encounters where the day is none of that month" "$(features A encounters_6_months)" 2
is "90 days before 15 June is 17 March" "$(features G drugs_90_days)" 1
is "a drug of the day a year ago" "$(features K alpha_blocker_now alpha_blocker_ever)" "1|1"
is "one of a day more" "$(features M alpha_blocker_now alpha_blocker_ever)" "0|1"
is "laboratory values from the day a year ago" "$(features K labs_1_year abnormal_lab_share)" "2|0.5"
cd "$scratch/hand" || exit 1

it "a table without one of its columns fails once, says file, column and what to do, and leaves the database as it was"
sql $warehouse "SELECT * FROM person_resources" >"$scratch/before"
attempts() { sql var/dagrun.db "SELECT group_concat(state) FROM v_attempt WHERE task_id = '$1' AND run_key = (SELECT max(run_key) FROM dag_run)"; }
without() { # TABLE COLUMN
    sed "1s/\b$2\b/other/" "data/medical_records/$1.csv" >"$scratch/$1.csv"
    run 1 --param "$1=$scratch/$1.csv"
    out_has "$1.csv: there is no column '$2'; add it, empty where nothing is known, or rename the one that is meant. It has:"
    is "attempts of check_$1" "$(attempts "check_$1")" failed
}
without tests value
without labs person_id
without lifestyle report_date
for column in drug_name rxnorm; do without rx $column; done
without conditions icd_code

it "rows that differ in their unit alone are not the same, and a number may have a sign or no digit before its point"
(
    pipeline_home units
    cd data/medical_records || exit 1
    head='person_id,encounter_id,feature,value,unit,report_date'
    printf '%s\n' "$head" U,u1,diet,mixed,,2024-01-01 >lifestyle.csv
    printf '%s\n' "$head,drug_name,rxnorm" U,u1,prescription,30,tablets,2024-01-01,Prazosin, U,u1,prescription,30,mL,2024-01-01,Prazosin, \
        U,u1,prescription,30,ml,2024-01-01,Prazosin, >rx.csv
    printf '%s\n' "$head,icd_code" U,u1,diagnosis,x,,2024-01-01,I10 >conditions.csv
    printf '%s\n' "$head" U,u1,ferritin,13,ng/mL,2024-01-01 U,u1,ferritin,13,mg/L,2024-01-01 U,u1,ferritin,13,,2024-01-01 \
        U,u1,HgB,13,g/dL,2024-01-01 U,u1,HgB,130,g/L,2024-01-01 U,u1,HgB,13,mmol/L,2024-01-01 U,u1,HgB,13,,2024-01-01 \
        U,u1,HgB,.5,g/dL,2024-01-02 U,u1,HgB,5.-,g/dL,2024-01-02 U,u1,HgB,.,g/dL,2024-01-02 \
        U,u1,creatinine,100,µmol/L,2024-01-02 U,u1,creatinine,100,μmol/L,2024-01-02 U,u1,creatinine,100,umol/L,2024-01-02 >labs.csv
    printf '%s\n' "$head" "U,u1,base excess,-3.2,mmol/L,2024-01-01" "U,u1,base excess,<-5,mmol/L,2024-01-02" \
        "U,u1,base excess,--5,mmol/L,2024-01-03" "U,u1,base excess,-,mmol/L,2024-01-04" >tests.csv
    echo base excess,mmol/l,mmol/L,1 >>reference/units.csv
    echo tests,base excess,,mmol/L,-2,2 >>reference/vocabulary.csv
) || note "the home cannot be made"
cd "$scratch/units" || exit 1
run 0
is "removed" "$(tail -n +2 $published/medical_removed.csv | cut -d, -f1-3)" "labs,6,repeats another row
labs,13,repeats another row
labs,14,repeats another row
rx,4,repeats another row"
sql_is $warehouse "SELECT value_text, unit_text, value FROM labs WHERE feature <> 'HgB' OR report_date > '2024-01-01' ORDER BY feature, 1, 2" \
    ".|g/dL|
.5|g/dL|0.5
5.-|g/dL|
100|µmol/L|1.1312
13||
13|mg/L|
13|ng/mL|"
sql_is $warehouse "SELECT value, comparator, value_text FROM tests ORDER BY report_date" "-3.2||-3.2
-5.0|<|<-5
||--5
||-"
reconciles
cd "$scratch/hand" || exit 1

it "days without zeros in front, and a file whose days nobody can read"
sql $warehouse "SELECT * FROM person_features" >"$scratch/features"
sed -E 's/,([0-9]{4})-0?([0-9]+)-0?([0-9]+)$/,\2\/\3\/\1/' data/medical_records/labs.csv >"$scratch/labs.csv"
grep -q ',1/1/2024$' "$scratch/labs.csv" || note "no day was changed"
run 0 --param labs="$scratch/labs.csv"
sql $warehouse "SELECT * FROM person_features" >"$scratch/features_of_others"
same_file "$scratch/features" "$scratch/features_of_others"
sed -E 's/,([0-9]{4})-([0-9]+)-([0-9]+)$/,\3.\2.\1/' data/medical_records/labs.csv >"$scratch/labs.csv"
run 1 --param labs="$scratch/labs.csv"
out_has "Days are written in a way that is read"
run 0

it "a latest date that is none"
for date in soon 2024-02-30 30.12.2030 ''; do
    run 1 --param latest_date="$date"
    out_has "row 1 of the result 'medical_bounds' has no date in column 'latest_date'"
    is "attempts" "$(attempts clean)" failed
done

it "a file of other delimiters, without records, or empty fails once and says so"
tr , ';' <data/medical_records/rx.csv >"$scratch/rx.csv"
run 1 --param rx="$scratch/rx.csv"
out_has "rx.csv: there is no column 'person_id'; is the delimiter right?"
head -n 1 data/medical_records/rx.csv >"$scratch/rx.csv"
run 1 --param rx="$scratch/rx.csv"
out_has "The number of rows is 0"
: >"$scratch/rx.csv"
run 1 --param rx="$scratch/rx.csv"
out_has "rx.csv: the file is empty"
is "attempts" "$(attempts check_rx)" failed

it "records in another encoding are set aside, and fail the run where they are more than a tenth"
tail -n +2 data/medical_records/rx.csv >"$scratch/records"
{ cat data/medical_records/rx.csv && cat "$scratch/records" && printf 'A,e1,prescription,30,days,2024-06-01,caf\351,\n'; } >"$scratch/rx.csv"
run 0 --param rx="$scratch/rx.csv"
is "set aside" "$(grep -c '^rx,.*byte 0xE9 is not valid UTF-8' $published/medical_removed.csv)" 1
sql $warehouse "SELECT * FROM person_resources" >"$scratch/after"
same_file "$scratch/before" "$scratch/after"
{ cat data/medical_records/rx.csv && printf 'A,e1,prescription,30,days,2024-06-01,caf\351,\n%.0s' 1 2; } >"$scratch/rx.csv"
run 1 --param rx="$scratch/rx.csv"
out_has "rx.csv: 2 of $(($(wc -l <"$scratch/records") + 2)) records cannot be read (is the encoding another?); the first, in line"
is "attempts" "$(attempts check_rx)" failed

it "a byte order mark and line ends of Windows change nothing"
for table in lifestyle rx conditions labs tests; do
    { printf '\357\273\277' && sed 's/$/\r/' data/medical_records/$table.csv; } >"$scratch/$table.csv"
    marked+=" --param $table=$scratch/$table.csv"
done
# shellcheck disable=SC2086 # they are words
run 0 $marked
sql $warehouse "SELECT * FROM person_resources" >"$scratch/after"
same_file "$scratch/before" "$scratch/after"

# ---- the plugin vocabulary ----

it "a spelling between two terms stays, letters are counted and not bytes"
new_home words
printf 'term,means\nhat,\ncat,\nGröße,size\n' >data/terms.csv
printf 'n,word\n1,bat\n2,Grüße\n3,GRöße\n4,xyzzy\n5,\n6,cta\n' >data/words.csv
cat >dags/words.yaml <<'END'
dag_id: words
tasks:
  words:
    plugin: vocabulary
    inputs: {table: data/words.csv, terms: data/terms.csv}
    outputs: {table: named, corrections: corrections}
    with: {column: word}
  export:
    plugin: export
    inputs: {tables: [named]}
    with: {formats: [csv]}
END
expect_exit 0 dagrun run words
is "words" "$(cat var/published/words/latest/named.csv)" "n,word,word_text,word_distance
1,bat,bat,
2,size,Grüße,1
3,size,GRöße,0
4,xyzzy,xyzzy,
5,,,
6,cat,cta,1"

it "a vocabulary without terms, and a column that is not there"
sed -i 's/column: word}/column: wrod}/' dags/words.yaml
expect_exit 1 dagrun run words
out_has "has no column 'wrod'"
sed -i 's/column: wrod}/column: word}/' dags/words.yaml
printf 'term,means\n' >data/terms.csv
expect_exit 1 dagrun run words
out_has "there are no terms"
finish
