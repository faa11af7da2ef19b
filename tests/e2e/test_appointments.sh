#!/bin/bash
# appointment_utilization: the numbers against another computation of them, the REST
# source against the CSV source, and what broken inputs do.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/postgres.sh"

pipeline_home() { # NAME: this project's DAG and suites, in a home of their own
    new_home "$1"
    cp "$source_dir"/dags/appointment_utilization.yaml dags/
    cp -R "$source_dir/dags/appointment_utilization" dags/
    mkdir migrations
    cp -R "$source_dir/migrations/appointment_utilization" migrations/
    cp "$source_dir"/expectations/{appointments,office_settings,epion_utilization}.yaml expectations/
    cp -R "$source_dir/data/appointments" data/
    sed -i 's/retry_delay: 10s/retry_delay: 100ms/' dags/appointment_utilization.yaml
}
run() { # EXIT-CODE PARAM...
    local want=$1 p=() x
    shift
    for x; do p+=(--param "$x"); done
    expect_exit "$want" clean_env API_USER=reader API_PASSWORD=secret-word DAGRUN_CONN_POSTGRES="$postgres_uri" timeout -k 1 $patience \
        "$build/dagrun" run appointment_utilization "${p[@]}"
}
published=var/published/appointment_utilization/latest

# The same from the raw files, in SQL that shares nothing with the pipeline's: appointments
# as they stand in the file, one set-up at a time, no windows.
compute() { # JOINING-WORD
    rm -f "$scratch/other.db"
    sqlite3 -batch -csv "$scratch/other.db" ".import data/appointments/appointments.csv raw" "
CREATE TABLE setup AS
  SELECT p.value ->> 'practice_id' + 0 AS practice, o.value ->> 'launched_date' AS launched,
         o.value ->> 'disabled_date' AS disabled, trim(d.value ->> 'department_id') + 0 AS department
  FROM json_each(CAST(readfile('data/appointments/office_settings.json') AS TEXT), '\$.practices') p,
       json_each(p.value, '\$.offices') o, json_each(o.value, '\$.departments') d
  WHERE d.value IS NOT NULL AND launched LIKE '____-__-__' AND d.value ->> 'department_id' IS NOT NULL;
CREATE TABLE dated AS
  SELECT *, CASE WHEN appointment_date LIKE '__/__/____'
                 THEN substr(appointment_date, 7) || '-' || substr(appointment_date, 1, 2) || '-' || substr(appointment_date, 4, 2)
                 ELSE appointment_date END AS day FROM raw WHERE appointment_id <> '';
CREATE INDEX dated_by_id ON dated (appointment_id, last_modified);
CREATE TABLE newest AS
  SELECT DISTINCT * FROM dated x WHERE date(day, '+0 days') = day
    AND last_modified = (SELECT max(last_modified) FROM dated y WHERE y.appointment_id = x.appointment_id);
CREATE TABLE valid AS
  SELECT appointment_id + 0 AS id, practice_id + 0 AS practice, trim(department_id) AS department, day, substr(day, 1, 7) AS month
  FROM newest WHERE (lower(trim(status)) <> 'x' AND lower(trim(status)) <> 'f') $1 upper(trim(encounter_state)) <> 'DELETED';
CREATE TABLE vendors AS
  SELECT DISTINCT id, month FROM valid v JOIN setup s ON s.practice = v.practice AND s.department || '' = v.department
   WHERE v.day >= s.launched AND NOT (s.disabled IS NOT NULL AND v.day > s.disabled);"
}
agree() { # FIELDS-OF-FILE QUERY
    sqlite3 -batch -csv "$scratch/other.db" "$2" | tr -d '\r' >"$scratch/wanted"
    tail -n +2 "$published/${1%:*}.csv" | cut -d, -f"${1#*:}" >"$scratch/got"
    has_file "$scratch/wanted"
    same_file "$scratch/wanted" "$scratch/got"
}
agrees() { # [JOINING-WORD]
    compute "${1:-AND}"
    agree epion_utilization:1-3 "SELECT v.month, (SELECT count(*) FROM vendors e WHERE e.month = v.month), count(*)
        FROM valid v GROUP BY 1 ORDER BY 1"
    agree valid_appts:1 "SELECT id FROM valid ORDER BY 1"
    agree epion_appts:1 "SELECT id FROM vendors ORDER BY 1"
    is "months with a rate that is not theirs" "$(tail -n +2 $published/epion_utilization.csv |
        awk -F, '{ d = $4 - $2 / $3; if (d > 0.00005001 || d < -0.00005001) n++ } END { print n + 0 }')" 0
}

it "the sample is what the generator makes"
cd "$scratch" || exit 1
expect_exit 0 generate appointments --rows 1500 --seed 4 --out made
same_file "$source_dir/data/appointments/appointments.csv" made/appointments.csv
same_file "$source_dir/data/appointments/office_settings.json" made/office_settings.json

it "the sample: files, tables and report, and the numbers of the other computation"
pipeline_home sample
run 0
agrees
is "header" "$(head -n 1 $published/epion_utilization.csv)" "month,valid_associated,valid_total,rate"
has_file reports/appointment_utilization/latest/index.html
sql_is var/dagrun.db "SELECT count(*) FROM v_row_account WHERE missing <> 0" 0
sql_is var/warehouse.db "SELECT count(*) FROM epion_practices" 6
sql_is var/warehouse.db "SELECT count(*) FROM epion_offices o, json_each(o.department_ids) d WHERE d.type <> 'integer'" 0
sql_is var/warehouse.db "SELECT department_ids FROM epion_offices WHERE office_id = 1011" "[1,2,3]"

it "a rerun changes nothing"
kept | head -n 1 >"$scratch/before"
run 0
kept | head -n 1 >"$scratch/after"
same_file "$scratch/before" "$scratch/after"

it "the literal reading: or"
run 0 valid_rule=or
agrees OR

it "20,000 appointments, half of the records damaged"
expect_exit 0 generate appointments --rows 20000 --seed 9 --dirt 0.5 --out data/appointments
run 0
agrees

it "PostgreSQL gets the same tables, with arrays"
if start_postgres; then
    run 0 warehouse=postgres
    run 0 warehouse=postgres # again changes nothing
    run 0
    for query in "SELECT month, valid_associated, valid_total, rate FROM epion_utilization ORDER BY 1" \
        "SELECT practice_id, office_id, office_name, launched_date, disabled_date FROM epion_offices ORDER BY 1, 2" \
        "SELECT practice_id, practice_name FROM epion_practices ORDER BY 1" \
        "SELECT practice_id, office_id, department_id, launched_date, problem FROM epion_departments
         ORDER BY 1, 2, coalesce(department_id, 0), 4"; do
        is "PostgreSQL: $query" "$(psql_do "$query" | sed 's/|0$/|0.0/')" "$(sql var/warehouse.db "$query")"
    done
    psql_is "SELECT pg_typeof(department_ids) FROM epion_offices LIMIT 1" "integer[]"
    psql_is "SELECT string_agg(office_id::text, ',' ORDER BY office_id) FROM epion_offices WHERE 3 = ANY (department_ids)
             AND practice_id = 101" "1011,1012"
    psql_is "SELECT office_ids FROM epion_practices WHERE practice_id = 106" "{}"
else
    skip "PostgreSQL is not installed"
fi

# ---- the REST interface ----

server_pid=''
serve() { # OPTIONS...
    [ -z "$server_pid" ] || { exec 7>&- && wait "$server_pid" 2>/dev/null; }
    rm -f "$scratch/stdin" "$scratch/port"
    mkfifo "$scratch/stdin"
    "$build/tests/e2e/api_server" --rows data/appointments/appointments.jsonl --size 100 --log "$scratch/server.log" "$@" \
        <"$scratch/stdin" >"$scratch/port" 2>&1 &
    server_pid=$!
    exec 7>"$scratch/stdin"
    await 60 test -s "$scratch/port" || note "the server did not start"
    api="api_url=http://127.0.0.1:$(cat "$scratch/port")"
}
same_as_csv() {
    local name
    for name in valid_appts epion_appts epion_utilization; do same_file "$scratch/csv/$name.csv" "$published/$name.csv"; done
}

pipeline_home api
sed -i 's/pages: {link: next}/&\n        limits: {requests_per_second: 10000, retry_wait: 5ms}/' dags/appointment_utilization.yaml
expect_exit 0 generate appointments --rows 2000 --seed 5 --dirt 0.2 --out data/appointments
run 0
cp -R $published/ "$scratch/csv"
agrees

it "the REST interface gives the same result as the CSV, byte for byte"
serve
run 0 source=api "$api"
same_as_csv

it "also when tokens expire, answers fail, connections drop, and pages repeat and change places"
serve --token-lasts 4 --mode backwards --mode overlap --retry-after 1 --fault 429@3 --fault 429date@5 --fault 500@7 \
    --fault drop@9 --fault expire@11 --fault garbage@13 --fault hangup@15 --fault html@17 --fault repeat@19 --fault 503@20
run 0 source=api "$api"
same_as_csv
is "files with a secret" "$(grep -rlaE 'secret-word|tok-[0-9]+-9f8e' var reports | head -n 2)" ""

it "a page that was swapped for another is found by the count, and read anew by the next attempt"
serve --fault repeat@4 --fault repeat@5 --fault repeat@6 --fault repeat@7
run 0 source=api "$api"
same_as_csv

it "an interface that lies about its count leaves the last good result in place"
serve --fault lie@1+
run 1 source=api "$api"
same_as_csv
case $(reason_of extract_appointments) in *"says that it has"*) ;; *) note "reason: $(reason_of extract_appointments)" ;; esac

it "kill -9 in the middle of reading, and a retry"
serve --fault hold@8
rm -rf var
become API_USER=reader API_PASSWORD=secret-word "$build/dagrun" run appointment_utilization --param source=api --param "$api" >"$out" 2>&1 &
pid=$!
await 60 eval 'ls var/runs/*/*/extract_appointments/state/api/000004.jsonl' || note "the run reads no pages"
kill -9 $pid
wait $pid 2>/dev/null
expect_exit 0 clean_env API_USER=reader API_PASSWORD=secret-word "$build/dagrun" retry appointment_utilization
same_as_csv

# ---- by hand ----

it "the days of launch and of disabling count, the days around them do not; nothing counts twice"
pipeline_home hand
cat >data/appointments/office_settings.json <<'END'
{"practices": [
  {"practice_id": 1, "name": "One", "offices": [
    {"office_id": 10, "name": "A", "launched_date": "2024-02-10", "disabled_date": "2024-03-10",
     "departments": [{"department_id": 1}, {"department_id": 2}]},
    {"office_id": 11, "name": "B", "launched_date": "2024-03-05", "disabled_date": null, "departments": [2, "3"]},
    {"office_id": 12, "name": "C", "departments": [{"department_id": 4}]},
    {"office_id": 13, "name": "D", "launched_date": "", "departments": []},
    {"office_id": 14}]},
  {"practice_id": "2", "name": "Two", "offices": null},
  {"practice_id": 3, "name": "Three"}]}
END
{
    head -n 1 "$source_dir/data/appointments/appointments.csv"
    n=0
    row() { echo "$((++n)),$1,$2,P1,$3,08:00,Visit,$4,$5,2024-01-01T00:00:00Z"; }
    row 1 1 2024-02-09 3 CLOSED  #  1: a day early
    row 1 1 2024-02-10 3 CLOSED  #  2: the day of launch       associated, office 10
    row 1 1 2024-03-10 3 CLOSED  #  3: the last day            associated, office 10
    row 1 1 2024-03-11 3 CLOSED  #  4: a day late
    row 1 2 2024-03-07 3 OPEN    #  5: two set-ups cover it    associated, office 11: launched later
    row 1 2 2024-02-20 3 OPEN    #  6: the first alone         associated, office 10
    row 1 3 2024-04-01 '' ''     #  7: both missing            associated, office 11
    row 1 4 2024-04-01 3 OPEN    #  8: never launched
    row 2 1 2024-02-20 3 OPEN    #  9: another practice's department 1
    row 1 '' 2024-04-01 3 OPEN   # 10: no department
    row 1 1 2024-02-20 x OPEN    # 11: cancelled
    row 1 1 2024-02-20 f OPEN    # 12: in the future
    row 1 1 2024-02-20 3 DELETED # 13: deleted
    row 1 1 2024-02-20 x DELETED # 14: both
} >data/appointments/appointments.csv
run 0
is "utilization" "$(tail -n +2 $published/epion_utilization.csv)" \
    "2024-02,2,4,0.5
2024-03,2,3,0.6667
2024-04,1,3,0.3333"
is "associated" "$(tail -n +2 $published/epion_appts.csv | cut -d, -f1,3 | tr '\n' ' ')" "2,10 3,10 5,11 6,10 7,11 "
run 0 valid_rule=or
is "valid when joined by or" "$(tail -n +2 $published/valid_appts.csv | wc -l)" 13

it "versions whose times are written otherwise, numbers with zeros or as text, and a practice that is no number"
{
    head -n 1 "$source_dir/data/appointments/appointments.csv"
    row() { echo "$1,$2,$3,P1,2024-03-01,08:00,Visit,$4,OPEN,$5"; }
    row 1 1 1 x 2024-01-01T10:00:00.500Z
    row 1 1 1 3 2024-01-01T10:00:00Z
    row 2 1 1 x "2024-01-01 12:00:00"
    row 2 1 1 3 2024-01-01T10:00:00Z
    row 3 1 1 3 2024-01-01T12:00:00+05:00
    row 3 1 1 x 2024-01-01T10:00:00Z
    row 004 1 1 x 2024-01-02T00:00:00Z
    row 4 1 1 3 2024-01-01T00:00:00Z
    row 5 1-B 1 3 2024-01-01T00:00:00Z
    row 6 01 01 3 2024-01-01T00:00:00Z
} >data/appointments/appointments.csv
cat >data/appointments/office_settings.json <<'END'
{"practices": [{"practice_id": "1", "name": "One", "offices": [
  {"office_id": "9", "name": "A", "launched_date": "2024-01-01", "departments": ["1"]},
  {"office_id": 10, "name": "B", "launched_date": "2024-01-01", "departments": [1]}]}]}
END
run 0
is "valid" "$(tail -n +2 $published/valid_appts.csv | cut -d, -f1,2 | tr '\n' ' ')" "5, 6,1 "
is "associated, with the office of the lowest number" "$(tail -n +2 $published/epion_appts.csv | cut -d, -f1-4)" "6,1,9,1"
sql_is var/warehouse.db "SELECT office_ids FROM epion_practices" "[9,10]"

# ---- broken inputs ----

cp data/appointments/appointments.csv "$scratch/hand.csv"

fails_in() { # TASK TEXT
    case $(reason_of "$1") in *"$2"*) ;; *) note "reason of $1 lacks '$2': $(reason_of "$1")" ;; esac
}
it "settings that are not JSON"
echo '{"practices": [' >data/appointments/office_settings.json
run 1
fails_in extract_settings "office_settings.json:2:1: expected a value"

it "settings without practices"
echo '{"practices": []}' >data/appointments/office_settings.json
run 1
fails_in check_departments "critical"

it "settings whose list has another name"
echo '{"clinics": []}' >data/appointments/office_settings.json
run 1
fails_in extract_settings "the member 'practices'"

it "settings of which no department can be used, and members of other names"
for member in launched_date department_id; do
    sed "s/\"$member\"/\"other\"/" "$source_dir/data/appointments/office_settings.json" >data/appointments/office_settings.json
    run 1
    fails_in check_departments "where none can, are launched_date and department_id named so?"
done
sed 's/"disabled_date"/"other"/' "$source_dir/data/appointments/office_settings.json" >data/appointments/office_settings.json
run 0
is "told" "$(sql var/dagrun.db "SELECT count(*) FROM v_failed_expectation WHERE column_name = 'disabled_date'
    AND run_key = (SELECT max(run_key) FROM dag_run)")" 1

it "days without zeros in front, and days of another form"
cp "$source_dir"/data/appointments/* data/appointments/
run 0
cp $published/epion_utilization.csv "$scratch/wanted"
sed -i -E 's/,([0-9]{4})-0?([0-9]+)-0?([0-9]+),/,\2\/\3\/\1,/' data/appointments/appointments.csv
run 0
same_file "$scratch/wanted" $published/epion_utilization.csv
sed -i -E 's/,([0-9]+)\/([0-9]+)\/([0-9]{4}),/,\3.\1.\2,/' data/appointments/appointments.csv
run 1
fails_in check_appointments "Days are written YYYY-MM-DD or MM/DD/YYYY"

it "a practice whose number is none is not the practice of the digits in front"
cp "$source_dir"/data/appointments/* data/appointments/
sed -i 's/"practice_id": 101,/"practice_id": "101 b",/' data/appointments/office_settings.json
run 1
fails_in check_departments "It is known which practice each department belongs to"
cp "$scratch/hand.csv" data/appointments/appointments.csv

it "offices and departments that are something else are offices without a number, and departments without one"
cat >data/appointments/office_settings.json <<'J'
{"practices": [{"practice_id": 1, "name": "a", "offices": "none"}, {"practice_id": 2, "name": "b", "offices": {"office_id": 1}},
  {"practice_id": 3, "name": "c", "offices": ["closed", 5, null, [1], {"office_id": 31, "departments": "none"},
    {"office_id": 32, "name": "d", "launched_date": "2024-01-01", "disabled_date": null,
     "departments": [1, "two", [3], {"department_id": {"id": 4}}, null]}]}]}
J
run 0
sql_is var/warehouse.db "SELECT practice_id, office_ids FROM epion_practices ORDER BY 1" "1|[]
2|[]
3|[31,32]"
sql_is var/warehouse.db "SELECT department_id, usable, problem FROM epion_departments ORDER BY department_id DESC" "1|1|
|0|the department has no number"

it "an export with semicolons"
cp "$source_dir"/data/appointments/* data/appointments/
tr , ';' <"$source_dir/data/appointments/appointments.csv" | tr -d '"' >data/appointments/appointments.csv
run 1
fails_in extract_appointments "the source has no column 'appointment_id' (one column: is csv.delimiter right?)"

it "an export without a column"
cp "$source_dir"/data/appointments/* data/appointments/
sed '1s/,status,/,state,/' "$source_dir/data/appointments/appointments.csv" >data/appointments/appointments.csv
run 1
fails_in extract_appointments "the source has no column 'status'"

it "an export without records"
head -n 1 "$source_dir/data/appointments/appointments.csv" >data/appointments/appointments.csv
run 1
fails_in check_appointments "critical"

it "cells that mean something to SQL or HTML are only text"
{
    head -n 1 "$source_dir/data/appointments/appointments.csv"
    echo "1,1,\"1'; DROP TABLE x;--\",<script>alert(1)</script>,2024-03-01,08:00,\"<b>,\"\"'\",\$\${params.x},OPEN,2024-01-01T00:00:00Z"
    echo "2,1,99999999999999999999,P1,2024-03-01,08:00,x,3,OPEN,2024-01-01T00:00:00Z"
} >data/appointments/appointments.csv
run 0
is "appointments" "$(tail -n +2 $published/valid_appts.csv | wc -l)" 2
! grep -q '<script>alert' reports/appointment_utilization/latest/index.html || note "the report has a script of the data"
[ -z "$server_pid" ] || exec 7>&-
finish
