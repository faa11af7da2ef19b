#!/bin/bash
# patient_cases: the tables against another computation of them from the raw files, the same tables
# whatever the order of arrival and on PostgreSQL, and what broken inputs do.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/postgres.sh"
. "$(dirname "$0")/killed.sh"

pipeline_home() { # NAME: this project's DAG, suites and migrations, in a home of their own
    new_home "$1"
    cp "$source_dir"/dags/patient_cases.yaml dags/
    cp -R "$source_dir/dags/patient_cases" dags/
    mkdir migrations
    cp -R "$source_dir/migrations/patient_cases" migrations/
    cp "$source_dir"/expectations/{patients,cases}.yaml expectations/
    cp -R "$source_dir/data/patient_cases" data/
    sed -i 's/retry_delay: 10s/retry_delay: 100ms/' dags/patient_cases.yaml
}
run() { # EXIT-CODE PARAM...
    local want=$1 p=() x
    shift
    for x; do p+=(--param "$x"); done
    expect_exit "$want" clean_env DAGRUN_CONN_POSTGRES="$postgres_uri" timeout -k 1 $patience "$build/dagrun" run patient_cases "${p[@]}"
}
deliver() { # PATIENTS CASES: run on these files
    run 0 patients="$1" cases="$2"
}
raw=data/patient_cases
postgres_runs=''

# The same from the raw files, by other means: the lines of the file as SQLite's own shell imports them, the newest
# version by max(), no windows, no JSON but what is asked of each line.
compute() { # PATIENTS CASES
    rm -f "$scratch/other.db"
    sqlite3 -batch "$scratch/other.db" ".mode csv" ".import '$1' p" "CREATE TABLE line (j)" ".mode ascii" \
        ".separator \037 \n" ".import '$2' line" "
CREATE TABLE c AS
  SELECT j ->> 'case_id' AS id, j ->> 'patient_id' AS patient, j ->> 'updated_at' AS at, j ->> 'case_type' AS type,
         j ->> 'case_datetime' AS opened, j -> 'case_closed' AS closed, j ->> 'case_closed_datetime' AS closed_at, j
  FROM line WHERE id <> '' AND at LIKE '____-__-__ __:__:__';
CREATE INDEX c_by_id ON c (id, at);
CREATE TABLE newest_case AS
  SELECT DISTINCT c.* FROM c JOIN (SELECT id, max(at) AS at FROM c GROUP BY id) USING (id, at);
CREATE TABLE newest_patient AS
  SELECT DISTINCT p.* FROM p
  JOIN (SELECT patient_id, max(updated_at) AS updated_at FROM p WHERE updated_at LIKE '____-__-__ __:__:__'
        GROUP BY patient_id) USING (patient_id, updated_at) WHERE patient_id <> '';"
}
agree() { # OUR-QUERY THEIR-QUERY
    sql var/warehouse.db "$1" >"$scratch/got"
    sql "$scratch/other.db" "$2" >"$scratch/wanted"
    has_file "$scratch/wanted"
    same_file "$scratch/wanted" "$scratch/got"
}
agrees() { # PATIENTS CASES
    compute "$1" "$2"
    agree "SELECT patient_id, patient_zip, replace(updated_at, 'T', ' ') FROM patients WHERE is_known = 1 ORDER BY 1" \
        "SELECT patient_id, trim(patient_zip), updated_at FROM newest_patient ORDER BY 1"
    agree "SELECT birth_date_status, count(*) FROM patients WHERE is_known AND birth_date_status IN ('placeholder', 'missing')
           GROUP BY 1 ORDER BY 1" \
        "SELECT 'missing', count(*) FROM newest_patient WHERE patient_date_of_birth = ''
         UNION ALL SELECT 'placeholder', count(*) FROM newest_patient WHERE patient_date_of_birth = '2025-01-01'"
    agree "SELECT email_status, count(*) FROM patients WHERE is_known AND email_status <> 'no address' GROUP BY 1 ORDER BY 1" \
        "SELECT CASE patient_email WHEN '' THEN 'missing' WHEN 'test@test' THEN 'placeholder' ELSE 'given' END AS s, count(*)
         FROM newest_patient GROUP BY 1 ORDER BY 1"
    agree "SELECT patient_email, patients FROM shared_emails ORDER BY 1" \
        "SELECT lower(patient_email), count(*) FROM newest_patient WHERE patient_email LIKE '%@%.%' GROUP BY 1
         HAVING count(*) > 1 ORDER BY 1"
    agrees_on_cases
}
agrees_on_cases() {
    agree "SELECT case_id, coalesce(patient_id, ''), replace(updated_at, 'T', ' '), coalesce(case_type, 9) FROM cases ORDER BY 1" \
        "SELECT id, coalesce(patient, ''), at, type FROM newest_case ORDER BY 1"
    agree "SELECT case_id, patient_status FROM orphan_cases ORDER BY 1" \
        "SELECT id, CASE WHEN patient IS NULL THEN 'none' ELSE 'unknown' END FROM newest_case
         WHERE patient IS NULL OR patient NOT IN (SELECT patient_id FROM newest_patient) ORDER BY 1"
    agree "SELECT case_id FROM open_cases ORDER BY 1" \
        "SELECT id FROM newest_case WHERE closed = 'false' OR (closed <> 'true' AND closed_at IS NULL) ORDER BY 1"
    agree "SELECT case_id, minutes_to_close FROM time_to_close ORDER BY 1" \
        "SELECT id, (unixepoch(closed_at) - unixepoch(opened)) / 60 FROM newest_case
         WHERE (closed = 'true' OR closed = '\"maybe\"') AND closed_at >= opened AND opened NOT LIKE '2023-02-31%' ORDER BY 1"
    agree "SELECT patient_id, month, cases FROM cases_per_patient_month ORDER BY 1, 2" \
        "SELECT patient, substr(opened, 1, 7) AS month, count(*) FROM newest_case WHERE patient IS NOT NULL
         AND opened NOT LIKE '2023-02-31%' GROUP BY 1, 2 ORDER BY 1, 2"
    agree "SELECT case_id, position, author, note FROM case_notes ORDER BY 1, 2" \
        "SELECT newest_case.id, n.key, CASE n.type WHEN 'object' THEN n.value ->> 'author' END,
                CASE n.type WHEN 'object' THEN n.value ->> 'text' ELSE n.value END
         FROM newest_case, json_each(j, '\$.notes') n
         WHERE json_type(j, '\$.notes') = 'array'
         UNION ALL SELECT newest_case.id, 0, NULL, j ->> 'notes' FROM newest_case WHERE json_type(j, '\$.notes') = 'text' ORDER BY 1, 2"
    agree "SELECT case_id, position, tag FROM case_tags ORDER BY 1, 2" \
        "SELECT newest_case.id, t.key, t.value FROM newest_case, json_each(j, '\$.tags') t ORDER BY 1, 2"
    agree "SELECT case_id, path, items FROM case_arrays ORDER BY 1, 2" \
        "SELECT newest_case.id, substr(t.fullkey, 3) AS p, json_array_length(t.value) FROM newest_case, json_tree(j) t
         WHERE t.type = 'array' AND t.fullkey NOT LIKE '%[%' AND p NOT IN ('notes', 'tags') ORDER BY 1, 2"
    agree "SELECT case_id, path, position, kind, CASE kind WHEN 'number' THEN value * 1.0 ELSE value END, json(item)
           FROM case_items ORDER BY 1, 2, 3" \
        "SELECT newest_case.id, substr(t.path, 3) AS p, t.key,
                CASE t.type WHEN 'text' THEN 'string' WHEN 'integer' THEN 'number' WHEN 'real' THEN 'number' ELSE t.type END,
                CASE t.type WHEN 'integer' THEN t.value * 1.0 ELSE t.atom END, j -> t.fullkey
         FROM newest_case, json_tree(j) t
         WHERE typeof(t.key) = 'integer' AND t.path NOT LIKE '%[%' AND p NOT IN ('notes', 'tags') ORDER BY 1, 2, 3"
}
# Queries that both databases understand and answer alike.
tables=(
    "SELECT case_type, case_type_name FROM case_types ORDER BY 1"
    "SELECT patient_id, CASE WHEN is_known THEN 1 ELSE 0 END, patient_name, patient_email, email_status, patient_phone, patient_address,
            patient_city, patient_state, patient_zip, patient_country, patient_date_of_birth, birth_date_status, updated_at
     FROM patients ORDER BY 1"
    "SELECT case_id, case_type, patient_id, case_datetime, CASE WHEN case_closed THEN 1 ELSE 0 END, case_closed_datetime,
            case_closed_reason, problems, updated_at FROM cases ORDER BY 1"
    "SELECT case_id, position, noted_at, author, note FROM case_notes ORDER BY 1, 2"
    "SELECT case_id, position, tag FROM case_tags ORDER BY 1, 2"
    "SELECT case_id, path, items FROM case_arrays ORDER BY case_id, path"
    "SELECT case_id, path, position, kind, value, item FROM case_items ORDER BY case_id, path, position"
    "SELECT path, cases, items, cases_empty FROM case_array_paths ORDER BY path"
    "SELECT case_id, patient_status FROM orphan_cases ORDER BY 1"
    "SELECT case_id, case_type_name, patient_status, patient_name FROM open_cases ORDER BY 1"
    "SELECT case_id, minutes_to_close FROM time_to_close ORDER BY 1"
    "SELECT month, case_type_name, cases_closed, shortest_minutes, mean_minutes, longest_minutes FROM time_to_close_by_month
     ORDER BY 1, coalesce(case_type_name, '')"
    "SELECT patient_id, patient_status, month, cases, cases_open FROM cases_per_patient_month ORDER BY 1, 3"
    "SELECT patient_email, patients FROM shared_emails ORDER BY 1"
)
contents() { # of SQLite's warehouse
    local query
    for query in "${tables[@]}"; do sql var/warehouse.db "$query"; done
}
contents_of_postgres() {
    local query
    for query in "${tables[@]}"; do psql_do "$query"; done |
        sed -E 's/([0-9]{4}-[0-9]{2}-[0-9]{2}) ([0-9]{2}:[0-9]{2}:[0-9]{2})/\1T\2/g'
}
contents_of() { # CONNECTION
    if [ "$1" = postgres ]; then contents_of_postgres; else contents; fi
}
empty() { # CONNECTION: without the tables
    expect_exit 0 clean_env DAGRUN_CONN_POSTGRES="$postgres_uri" "$build/dagrun" db teardown patient_cases --connection "$1" --yes
}
fails_in() { # TASK TEXT
    case $(reason_of "$1") in *"$2"*) ;; *) note "reason of $1 lacks '$2': $(reason_of "$1")" ;; esac
}

it "the sample is what the generator makes"
cd "$scratch" || exit 1
expect_exit 0 generate patients --seed 4 --out made
same_file "$source_dir/data/patient_cases/patients.csv" made/patients.csv
same_file "$source_dir/data/patient_cases/cases.ndjson" made/cases.ndjson

it "the sample: tables, views and report, and the rows of the other computation"
pipeline_home sample
run 0
agrees $raw/patients.csv $raw/cases.ndjson
has_file reports/patient_cases/latest/index.html
sql_is var/dagrun.db "SELECT dataset, sum(raw), sum(missing <> 0) FROM v_row_account GROUP BY 1" "cases|$(wc -l <$raw/cases.ndjson)|0
patients|$(tail -n +2 $raw/patients.csv | wc -l)|0"
sql_is var/warehouse.db "PRAGMA foreign_key_check" ""
sql_is var/warehouse.db "SELECT count(*) > 0 FROM patients WHERE patient_zip LIKE '0%'" 1
sql_is var/warehouse.db "SELECT count(*) > 0 FROM orphan_cases WHERE patient_status = 'unknown'" 1
contents >"$scratch/of_sample"

it "a rerun changes nothing"
sql var/warehouse.db .dump | sha256sum >"$scratch/before"
run 0
sql var/warehouse.db .dump | sha256sum >"$scratch/after"
same_file "$scratch/before" "$scratch/after"

it "records in any order, in one delivery or in several, give the same database"
for seed in 1 2 3; do
    mkdir "$scratch/key" 2>/dev/null
    yes "$seed" | head -c 100000 >"$scratch/key/$seed"
    { head -n 1 $raw/patients.csv && tail -n +2 $raw/patients.csv | shuf --random-source="$scratch/key/$seed"; } >"data/p$seed.csv"
    shuf --random-source="$scratch/key/$seed" $raw/cases.ndjson >"data/c$seed.ndjson"
    { head -n 1 "data/p$seed.csv" && tail -n +120 "data/p$seed.csv"; } >"data/p$seed.last.csv"
    head -n 119 "data/p$seed.csv" >"data/p$seed.first.csv"
    head -n 250 "data/c$seed.ndjson" >"data/c$seed.first.ndjson"
    tail -n +251 "data/c$seed.ndjson" >"data/c$seed.last.ndjson"
    rm var/warehouse.db*
    deliver "data/p$seed.csv" "data/c$seed.ndjson"
    contents >"$scratch/shuffled"
    same_file "$scratch/of_sample" "$scratch/shuffled"
    rm var/warehouse.db*
    deliver "data/p$seed.first.csv" "data/c$seed.last.ndjson"
    deliver "data/p$seed.last.csv" "data/c$seed.first.ndjson"
    deliver "data/p$seed.first.csv" "data/c$seed.last.ndjson"
    contents >"$scratch/parts"
    same_file "$scratch/of_sample" "$scratch/parts"
done

it "3,000 patients and 6,000 cases, a fifth of the records damaged"
expect_exit 0 generate patients --patients 3000 --cases 6000 --seed 9 --dirt 0.2 --out big
rm var/warehouse.db*
deliver big/patients.csv big/cases.ndjson
agrees big/patients.csv big/cases.ndjson

it "PostgreSQL gets the same tables and views"
if start_postgres; then
    postgres_runs=yes
    run 0 warehouse=postgres patients=big/patients.csv cases=big/cases.ndjson
    run 0 warehouse=postgres patients=big/patients.csv cases=big/cases.ndjson # again changes nothing
    contents >"$scratch/wanted"
    contents_of_postgres >"$scratch/got"
    same_file "$scratch/wanted" "$scratch/got"
    psql_is "SELECT pg_typeof(patient_date_of_birth), pg_typeof(updated_at), pg_typeof(is_known) FROM patients LIMIT 1" \
        "date|timestamp without time zone|boolean"
else
    skip "PostgreSQL is not installed"
fi

ask() { # SQL, in the database under test
    if [ $database = postgres ]; then psql_do "$1"; else sql var/warehouse.db "$1"; fi
}
uri=$postgres_uri

# The pipeline as it was before the migration 003, and as it is.
before_arrays() {
    cp dags/patient_cases.yaml "$scratch/dag.yaml"
    mkdir "$scratch/later"
    mv migrations/patient_cases/003_* "$scratch/later/"
    sed -i -e '/inputs: {tables: /s/, case_arrays, case_items\]/]/' -e '/case_\(arrays\|items\): {by:/d' \
        -e 's/, case_arrays_refused,$/]/' -e '/^ *case_items_refused\]$/d' dags/patient_cases.yaml
}
with_arrays() {
    cp "$scratch/dag.yaml" dags/patient_cases.yaml
    mv "$scratch"/later/* migrations/patient_cases/
    rmdir "$scratch/later"
}

contents >"$scratch/undisturbed"
for database in warehouse ${postgres_runs:+postgres}; do
    it "$database: kill -9 in the middle of the load, and a run again: the database of one undisturbed run"
    for place in patients:whole cases:pieces case_notes:whole case_notes:pieces case_items:pieces; do
        table=${place%:*} commit=${place#*:}
        [ $database:$commit = postgres:pieces ] && continue
        empty $database
        expect_exit 0 clean_env DAGRUN_CONN_POSTGRES="$uri" "$build/dagrun" db migrate patient_cases --connection $database
        stop_at $table
        kill_while_writing $table patient_cases --param patients=big/patients.csv --param cases=big/cases.ndjson --param commit=$commit
        go_on $table
        [ $commit = pieces ] || is "patients after the kill" "$(ask "SELECT count(*) FROM patients")" 0
        run 0 warehouse=$database patients=big/patients.csv cases=big/cases.ndjson
        contents_of $database >"$scratch/got"
        same_file "$scratch/undisturbed" "$scratch/got"
    done
    for commit in whole pieces; do
        it "$database, $commit: a database loaded before there were tables of arrays has them once the same files come again"
        empty $database
        before_arrays
        run 0 warehouse=$database patients=big/patients.csv cases=big/cases.ndjson
        case $(ask "SELECT count(*) FROM case_arrays") in *case_arrays*) ;; *) note "the tables of arrays are there" ;; esac
        with_arrays
        run 0 warehouse=$database patients=big/patients.csv cases=big/cases.ndjson commit=$commit
        contents_of $database >"$scratch/got"
        same_file "$scratch/undisturbed" "$scratch/got"
    done
    it "$database: the files in parts, the later ones first"
    empty $database
    { head -n 1 big/patients.csv && tail -n 1500 big/patients.csv; } >data/last.csv
    head -n 3000 big/cases.ndjson >data/first.ndjson
    run 0 warehouse=$database patients=data/last.csv cases=data/first.ndjson
    run 0 warehouse=$database patients=big/patients.csv cases=big/cases.ndjson
    contents_of $database >"$scratch/got"
    same_file "$scratch/undisturbed" "$scratch/got"
done

# ---- worked by hand ----

header=$(head -n 1 $source_dir/data/patient_cases/patients.csv)
patient() { # ID EMAIL ZIP BORN UPDATED
    echo "$1,Name of $1,$2,555,1 Elm Street,Ashford,Maine,$3,Canada,$4,$5"
}
case_line() { # ID TYPE PATIENT OPENED CLOSED CLOSED-AT UPDATED [MORE]
    echo "{\"case_id\":\"$1\",\"case_type\":$2,\"patient_id\":$3,\"case_datetime\":$4,\"case_closed\":$5,\"case_closed_datetime\":$6,\"case_closed_reason\":null,\"updated_at\":\"$7\"${8:-}}"
}
it "each trap by itself"
pipeline_home hand
{
    echo "$header"
    patient A Shared@Example.com 00501 2025-01-01 "2023-01-02 00:00:00"
    patient A old@example.com 99999 1980-01-01 "2023-01-01 23:59:59"
    patient B " shared@example.com " 01234-5678 1980-02-30 2023-01-01T00:00:00Z
    patient C test@test 12345 1980-02-29 "2023-01-01 02:00:00+02:00"
    patient D "" 12345 "" "2023-01-01 00:00:00"
    patient E nonsense 12345 2023-01-02 "2023-01-01 00:00:00"
} >data/p.csv
{
    case_line 1 1 '"A"' '"2023-01-01 10:00:00"' true '"2023-01-01 11:30:59"' "2023-01-01 12:00:00" ',"notes":["old"],"tags":["x","y"]'
    case_line 1 1 '"A"' '"2023-01-01 10:00:00"' true '"2023-01-01 11:30:59"' "2023-01-01 13:00:00" ',"notes":[{"text":"a"},"b"],"tags":["x"]'
    case_line 2 '"3"' '"Z"' '"2023-02-30 10:00:00"' false null "2023-01-01 12:00:00"
    case_line 3 7 null '"2023-01-01 10:00:00"' '"maybe"' '"2023-01-01 09:00:00"' "2023-01-01 12:00:00" ',"notes":{"text":"one"}'
    case_line 4 2 '"B"' null true null "2023-01-01 12:00:00"
} >data/c.ndjson
deliver data/p.csv data/c.ndjson
sql_is var/warehouse.db "SELECT group_concat(patient_id || is_known || ' ' || coalesce(patient_email, '') || ' ' || email_status || ' ' ||
    coalesce(patient_date_of_birth, '') || ' ' || birth_date_status, '/') FROM (SELECT * FROM patients ORDER BY 1)" \
    "A1 shared@example.com given  placeholder/B1 shared@example.com given  no date/C1  placeholder 1980-02-29 given/D1  missing  missing/E1  no address  after the record/Z0  missing  missing"
sql_is var/warehouse.db "SELECT group_concat(coalesce(patient_zip, ''), ' ') FROM (SELECT * FROM patients ORDER BY patient_id)" \
    "00501 01234-5678 12345 12345 12345 "
sql_is var/warehouse.db "SELECT updated_at FROM patients WHERE patient_id = 'C'" "2023-01-01T00:00:00"
sql_is var/warehouse.db "SELECT group_concat(case_id || ' ' || coalesce(case_type, '') || ' ' || case_closed || ' ' ||
    coalesce(problems, ''), '/') FROM (SELECT * FROM cases ORDER BY 1)" \
    "1 1 1 /2 3 0 the time is none/3  1 unknown case type 7; no patient; closed is neither true nor false; closed before it was opened/4 2 1 no time; closed without a time"
sql_is var/warehouse.db "SELECT group_concat(case_id || position || note, ' ') FROM (SELECT * FROM case_notes ORDER BY 1, 2)" "10a 11b 30one"
sql_is var/warehouse.db "SELECT * FROM case_tags" "1|0|x"
sql_is var/warehouse.db "SELECT case_id, minutes_to_close FROM time_to_close" "1|90"
sql_is var/warehouse.db "SELECT * FROM shared_emails" "shared@example.com|2"

it "an orphan has a patient once the patient comes, and nothing else changes"
{ echo "$header" && patient Z z@example.com 12345 1990-01-01 "2020-01-01 00:00:00"; } >data/z.csv
head -n 3 data/c.ndjson | tail -n 1 >data/z.ndjson
deliver data/z.csv data/z.ndjson
sql_is var/warehouse.db "SELECT case_id FROM orphan_cases" 3
sql_is var/warehouse.db "SELECT count(*) FROM cases" 4

it "an older version that comes late changes nothing, its notes neither"
case_line 1 2 '"A"' null false null "2022-01-01 12:00:00" ',"notes":["older"],"tags":["older"]' >data/late.ndjson
contents >"$scratch/before"
deliver data/z.csv data/late.ndjson
contents >"$scratch/after"
same_file "$scratch/before" "$scratch/after"

it "a newer version without notes removes the notes"
case_line 1 2 '"A"' null false null "2024-01-01 12:00:00" ',"notes":[],"tags":[]' >data/new.ndjson
deliver data/z.csv data/new.ndjson
sql_is var/warehouse.db "SELECT count(*) FROM case_notes WHERE case_id = '1'" 0
sql_is var/warehouse.db "SELECT count(*) FROM case_tags WHERE case_id = '1'" 0
sql_is var/warehouse.db "SELECT case_type, case_closed FROM cases WHERE case_id = '1'" "2|0"

it "versions within one millisecond, and times that are none, in notes too"
pipeline_home times
{
    echo "$header"
    patient M aa@example.com 00501 "" "2023-01-01 00:00:00.1004"
    patient M zz@example.com 00501 "" "2023-01-01T00:00:00.1001Z"
    patient N zz@example.com 00501 "" "2022-12-31T22:59:59.9996-01:00"
    patient N aa@example.com 00501 "" "2023-01-01T01:59:59.9997+02:00"
    patient O zz@example.com 00501 "" "2023-01-01 10:00:00+00"
    patient O aa@example.com 00501 "" "2023-01-01 12:30:00.5+0230"
} >data/p.csv
{
    case_line m 1 '"M"' '"2023-01-01T24:00:00"' false null "2023-01-01 12:00:00.000002" ',"tags":[true,1,"1"]'
    case_line m 2 '"M"' '"2023-01-01 10:00:00"' false null "2023-01-01 12:00:00.000001"
    case_line l 1 '"M"' '"2023-01-01 10:00:00+00"' true '"2023-01-01T12:30:00-0130"' "2023-01-01 12:00:00Z"
    case_line n 1 '"M"' '"0000-01-01 10:00:00"' true '"2023-01-01 10:00:00 o clock"' "2023-01-01 12:00:00" ',"notes":[{"at":"2024-02-30T10:00:00","text":"a"},
        {"at":"now","text":"b"},{"at":"10:35","text":"c"},{"at":1700000000,"text":"d"},{"at":"2024-01-01T24:00:00","text":"e"},
        {"at":"2024-01-01T10:00+02:00","text":"f"}]' | tr -d '\n'
    echo
} >data/c.ndjson
deliver data/p.csv data/c.ndjson
sql_is var/warehouse.db "SELECT patient_id, patient_email, updated_at FROM patients WHERE is_known ORDER BY 1" \
    "M|aa@example.com|2023-01-01T00:00:00.100400
N|aa@example.com|2022-12-31T23:59:59.999700
O|aa@example.com|2023-01-01T10:00:00.500000"
sql_is var/warehouse.db "SELECT case_id, case_type, case_datetime, problems, updated_at FROM cases ORDER BY 1" \
    "l|1|2023-01-01T10:00:00||2023-01-01T12:00:00
m|1||the time is none|2023-01-01T12:00:00.000002
n|1||the time is none; the closing time is none|2023-01-01T12:00:00"
sql_is var/warehouse.db "SELECT noted_at, note FROM case_notes WHERE case_id = 'n' ORDER BY position" "|a
|b
|c
|d
|e
2024-01-01T08:00:00|f"
sql_is var/warehouse.db "SELECT case_closed_datetime FROM cases WHERE case_id = 'l'" "2023-01-01T14:00:00"
sql_is var/warehouse.db "SELECT tag FROM case_tags WHERE case_id = 'm' ORDER BY position" "true
1
1"
cd "$scratch/hand" || exit 1

# ---- arrays that nobody declared ----

array_case() { # ID UPDATED MEMBERS
    case_line "$1" 1 '"A"' '"2023-01-01 10:00:00"' false null "$2" ",$3"
}
# Where they are in the record, what they are called, what is in them.
hostile_arrays() {
    local at="2023-01-01 12:00:00" deep='' close='' i
    for i in $(seq 200); do deep+='{"o":' close+='}'; done
    array_case places "$at" '"a":[1],"b":{"c":{"d":["x"]}},"notes":[{"text":"n","files":[{"f":[1]}]},"t"],"tags":[["u"]]'
    array_case object "$at" '"notes":{"text":"one","files":["p","q"]},"tags":["v"]'
    echo '{"case_id":"columns","case_type":[2,3],"patient_id":{"ids":["A"]},"case_datetime":["2023-01-01"],"case_closed":[],"updated_at":"2023-01-01 12:00:00"}'
    array_case names "$at" '"a.b":[1],"a":{"b":[2]},"case_id2":[3],"\"":[4],"":[5],"\u0000":[6],"notes[0]":[7],"\u00e9":[8],"'"'"';--":[9],"tags.x":[10]'
    array_case twice "$at" '"x":[1,2],"x":[3],"y":[],"y":[4]'
    array_case kinds "$at" '"k":["", "a\nb", 1.50, -0, 1e400, 12345678901234567890123, true, false, null, {}, [], {"z": [ 1 ]}, "\u0000", "<script>alert(3)</script>", "'"'"'); DROP TABLE case_items;--"]'
    array_case scalar "$at" '"s":5,"t":"[1]","u":null,"v":{},"w":{"x":"[2]"}'
    array_case empty "$at" '"e":[],"f":{"g":[ ]}'
    array_case deep "$at" "\"d\":$deep[7]$close"
    array_case many "$at" "\"m\":[$(seq -s, 0 20000)]"
    array_case long "$at" "\"$(printf 'n%.0s' {1..4000})\":[1],\"$(printf 'n%.0s' {1..4001})\":[2]"
}
it "every array of a case lands in a table, wherever it is and whatever it is called"
hostile_arrays >data/arrays.ndjson
rm var/warehouse.db*
deliver data/p.csv data/arrays.ndjson
arrays_of() { # CASE
    sql var/warehouse.db "SELECT coalesce(group_concat(a, ' '), '') FROM (SELECT r.path || '@' || coalesce(i.position || '=' || i.item, '') AS a
        FROM case_arrays r LEFT JOIN case_items i USING (case_id, path) WHERE r.case_id = '$1' ORDER BY r.path, i.position)"
}
is places "$(arrays_of places)" 'a@0=1 b.c.d@0="x" notes[0].files@0={"f":[1]}'
is object "$(arrays_of object)" 'notes.files@0="p" notes.files@1="q"'
is columns "$(arrays_of columns)" 'case_closed@ case_datetime@0="2023-01-01" case_type@0=2 case_type@1=3 patient_id.ids@0="A"'
is names "$(arrays_of names)" '"@0=4 '"'"';--@0=9 [""]@0=5 ["\u0000"]@0=6 ["a.b"]@0=1 ["notes[0]"]@0=7 ["tags.x"]@0=10 a.b@0=2 case_id2@0=3 é@0=8'
is twice "$(arrays_of twice)" 'x@0=1 x@1=2 x@2=3 y@0=4'
is scalar "$(arrays_of scalar)" ''
is empty "$(arrays_of empty)" 'e@ f.g@'
sql_is var/warehouse.db "SELECT group_concat(kind || ':' || coalesce(value, '-'), ' ') FROM (SELECT * FROM case_items WHERE case_id = 'kinds' ORDER BY position)" \
    "string: string:a
b number:1.50 number:-0 number:1e400 number:12345678901234567890123 boolean:true boolean:false null:- object:- array:- object:- string:- string:<script>alert(3)</script> string:'); DROP TABLE case_items;--"
sql_is var/warehouse.db "SELECT item FROM case_items WHERE case_id = 'kinds' AND position IN (11, 12) ORDER BY position" '{"z": [ 1 ]}
"\u0000"'
sql_is var/warehouse.db "SELECT length(path), substr(path, 1, 6), position, item FROM case_items WHERE case_id = 'deep'" '401|d.o.o.|0|7'
sql_is var/warehouse.db "SELECT items FROM case_arrays WHERE case_id = 'many'" 20001
sql_is var/warehouse.db "SELECT count(*), count(DISTINCT path), max(length(path)), sum(items) FROM case_arrays WHERE case_id = 'long'" "2|2|512|2"
sql_is var/warehouse.db "SELECT count(*) FROM case_arrays r WHERE items <> (SELECT count(*) FROM case_items i WHERE (i.case_id, i.path) = (r.case_id, r.path))" 0
! grep -q '<script>alert' reports/patient_cases/latest/index.html || note "the report has a script of the data"
sql var/warehouse.db .dump | sha256sum >"$scratch/before"
deliver data/p.csv data/arrays.ndjson
sql var/warehouse.db .dump | sha256sum >"$scratch/after"
same_file "$scratch/before" "$scratch/after"

it "PostgreSQL gets the same of them"
if [ -n "$postgres_runs" ]; then
    empty postgres
    run 0 warehouse=postgres patients=data/p.csv cases=data/arrays.ndjson
    contents >"$scratch/wanted"
    contents_of_postgres >"$scratch/got"
    same_file "$scratch/wanted" "$scratch/got"
else
    skip "PostgreSQL is not installed"
fi

for database in warehouse ${postgres_runs:+postgres}; do
    it "$database: a newer version takes the place of all arrays, an older one of none"
    array_case places "2024-01-01 12:00:00" '"a":[2,1],"notes":[]' >data/new.ndjson
    array_case places "2022-01-01 12:00:00" '"a":[9],"old":[1]' >data/old.ndjson
    array_case empty "2024-01-01 12:00:00" '"e":[1]' >>data/new.ndjson
    array_case many "2024-01-01 12:00:00" '"other":1' >>data/new.ndjson
    for file in new old new; do
        run 0 warehouse=$database patients=data/p.csv cases=data/$file.ndjson
    done
    chosen="case_id IN ('places', 'empty', 'many')"
    is "the arrays" "$(ask "SELECT case_id, path, items FROM case_arrays WHERE $chosen ORDER BY 1, 2")" "empty|e|1
places|a|2"
    is "the items" "$(ask "SELECT case_id, path, position, item FROM case_items WHERE $chosen ORDER BY 1, 3")" "empty|e|0|1
places|a|0|2
places|a|1|1"
    is "others" "$(ask "SELECT count(*) FROM case_arrays WHERE case_id = 'names'")" 10
done

it "equal versions that differ in such an array only: the same one counts, whatever the order"
array_case eq "2024-01-01 12:00:00" '"a":[1]' >data/one.ndjson
array_case eq "2024-01-01 12:00:00" '"a":[2]' >data/two.ndjson
for order in "one two" "two one"; do
    rm var/warehouse.db*
    cat "data/${order% *}.ndjson" "data/${order#* }.ndjson" >data/both.ndjson
    deliver data/p.csv data/both.ndjson
    is "$order" "$(arrays_of eq)" "a@0=2"
done
deliver data/p.csv data/c.ndjson

# ---- broken inputs ----

sql var/warehouse.db .dump | sha256sum >"$scratch/before"
unchanged() {
    sql var/warehouse.db .dump | sha256sum >"$scratch/after"
    same_file "$scratch/before" "$scratch/after"
}
it "a line that is not JSON fails the run with its place, and the database stays"
{ head -n 2 data/c.ndjson && echo '{"case_id": "5", "case_type": ' && tail -n 1 data/c.ndjson; } >data/broken.ndjson
run 1 patients=data/p.csv cases=data/broken.ndjson
fails_in extract_cases "broken.ndjson:3:"
unchanged

it "a column that is missing fails the run, and the database stays"
cut -d, -f1-10 data/p.csv >data/short.csv
run 1 patients=data/short.csv cases=data/c.ndjson
fails_in extract_patients "data/short.csv: the source has no column 'updated_at'"
sed 's/"patient_id"/"patient"/' data/c.ndjson >data/renamed.ndjson
run 1 patients=data/p.csv cases=data/renamed.ndjson
fails_in extract_cases "no record has 'patient_id'"
unchanged

it "dates of birth and times that are mostly of another form fail the run"
here=$PWD
pipeline_home forms
sed -E 's/,([0-9]{4})-([0-9]{2})-([0-9]{2}),([0-9]{4}-)/,\2\/\3\/\1,\4/' $raw/patients.csv >data/p.csv
run 1 patients=data/p.csv
fails_in check_patients "Dates of birth are written YYYY-MM-DD"
sed -E 's/"case_datetime": "([0-9]{4})-([0-9]{2})-([0-9]{2})/"case_datetime": "\2\/\3\/\1/' $raw/cases.ndjson >data/c.ndjson
run 1 cases=data/c.ndjson
fails_in check_cases "Cases have the time at which they were opened"
cd "$here" || exit 1

it "files without records fail the run, and the database stays"
echo "$header" >data/none.csv
run 1 patients=data/none.csv cases=data/c.ndjson
fails_in check_patients "critical"
unchanged

it "records whose version cannot be told are quarantined, the others are loaded"
rm var/warehouse.db*
expect_exit 0 generate patients --patients 50 --cases 50 --dirt 0 --out clean
case_line X 1 null null false null "2023-02-30 12:00:00" >>clean/cases.ndjson
patient X x@example.com 12345 1990-01-01 "last week" >>clean/patients.csv
deliver clean/patients.csv clean/cases.ndjson
sql_is var/warehouse.db "SELECT count(*) FROM patients WHERE is_known" 50
sql_is var/warehouse.db "SELECT count(*) FROM cases" 50

it "cells that mean something to SQL or HTML are only text"
{ echo "$header" && patient "'); DROP TABLE cases;--" '<script>alert(1)</script>@x.y' '=1+1' "'" "2023-01-01 00:00:00" && patient plain a@example.com 12345 1980-01-01 "2023-01-01 00:00:00"; } >data/evil.csv
{
    case_line plain 1 '"plain"' '"2023-01-01 10:00:00"' false null "2023-01-01 00:00:00"
    case_line "\$\${params.x}" '"<b>"' "\"'); DROP TABLE cases;--\"" '"now"' '"\u202e"' '"0"' "2023-01-01 00:00:00" ',"notes":["<script>alert(2)</script>"],"tags":["'"'"';--"]'
} >data/evil.ndjson
deliver data/evil.csv data/evil.ndjson
sql_is var/warehouse.db "SELECT patient_status, case_datetime IS NULL FROM case_overview WHERE case_id LIKE '%params.x%'" "known|1"
! grep -q '<script>alert' reports/patient_cases/latest/index.html || note "the report has a script of the data"

it "the real patients"
if [ -f "${DAGRUN_REAL_DATA:-}/patients_real_5000.csv" ]; then
    pipeline_home real
    real=$DAGRUN_REAL_DATA/patients_real_5000.csv
    cut -d, -f1 "$real" | tail -n +2 | head -n 300 | while read -r id; do
        case_line "case of $id" 3 "\"$id\"" '"2023-01-01 10:00:00"' true '"2023-01-02 10:00:00"' "2023-01-03 00:00:00" ',"notes":["n"],"tags":["t"]'
    done >data/of_real.ndjson
    deliver "$real" data/of_real.ndjson
    agrees_real() {
        sqlite3 -batch -csv "$scratch/real.db" ".import '$real' p"
        sql_is var/warehouse.db "SELECT count(*), sum(birth_date_status = 'placeholder'), sum(email_status = 'placeholder'),
            sum(patient_zip LIKE '0%'), sum(patient_email IS NULL), max(updated_at) FROM patients" \
            "$(sql "$scratch/real.db" "SELECT count(DISTINCT patient_id), sum(patient_date_of_birth = '2025-01-01'),
            sum(patient_email = 'test@test'), sum(patient_zip LIKE '0%'), sum(patient_email IN ('', 'test@test')),
            replace(max(updated_at), ' ', 'T') FROM p")"
    }
    agrees_real
    sql_is var/warehouse.db "SELECT count(*) FROM orphan_cases" 0
    sql_is var/warehouse.db "SELECT count(*) FROM time_to_close WHERE minutes_to_close = 1440" 300
else
    skip "DAGRUN_REAL_DATA has no patients_real_5000.csv"
fi
finish
