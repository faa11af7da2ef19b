#!/bin/bash
# medical_feed: files of changed persons; the newest wins in any order, and nothing is lost in silence.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/postgres.sh"

new_home feed
cp "$source_dir"/dags/medical_feed.yaml dags/
cp -R "$source_dir/dags/medical_feed" dags/
cp "$source_dir"/expectations/feed_*.yaml expectations/
mkdir migrations
cp -R "$source_dir/migrations/medical_feed" migrations/
cp -R "$source_dir/data/medical_feed" sample
sed -i 's/retry_delay: 10s/retry_delay: 100ms/' dags/medical_feed.yaml
mkdir data/medical_feed
run() { expect_exit "$1" clean_env DAGRUN_CONN_POSTGRES="$postgres_uri" timeout -k 1 $patience "$build/dagrun" run medical_feed "${@:2}"; }
persons="SELECT person_id, version FROM feed_person ORDER BY 1"
events="SELECT person_id, source, position, value FROM feed_event ORDER BY 1, 2, 3"
send() { # FILE PERSON VERSION LABS [TESTS]
    echo "{\"person_id\": $2, \"version\": $3, \"lifestyle\": [], \"rx\": [], \"conditions\": [], \"labs\": $4, \"tests\": ${5:-[]}}" \
        >"data/medical_feed/$1.json"
}

it "nothing has arrived"
run 0
sql_is var/warehouse.db "SELECT count(*) FROM feed_person" 0

it "the newer version first, the older one later"
cp sample/P00001-0002.json data/medical_feed/
run 0
cp sample/*.json data/medical_feed/
run 0
sql_is var/warehouse.db "$persons" "P00001|2
P00002|1"
sql_is var/warehouse.db "$events" "P00001|labs|0|13.4
P00002|rx|0|30"

it "the same again, under another name, changes nothing"
cp data/medical_feed/P00001-0001.json data/medical_feed/again.json
run 0
rm -f var/ledger.db # even where the ledger is lost
run 0
sql_is var/warehouse.db "$persons" "P00001|2
P00002|1"
sql_is var/warehouse.db "$events" "P00001|labs|0|13.4
P00002|rx|0|30"

it "two versions in one run, and events that are gone in the newer one"
send a '"P00003"' 4 '[{"value": "1"}, {"value": "2"}, {"value": "3"}]'
run 0
send c '"P00003"' 6 '[{"value": "6"}]'
send b '"P00003"' 5 '[{"value": "5"}, {"value": "55"}]'
run 0
sql_is var/warehouse.db "SELECT version FROM feed_person WHERE person_id = 'P00003'" 6
sql_is var/warehouse.db "SELECT value FROM feed_event WHERE person_id = 'P00003'" 6
accounted() { sql var/dagrun.db "SELECT raw, clean, quarantined, duplicates FROM v_row_account WHERE run_key = (SELECT max(run_key) FROM dag_run)"; }
is "account" "$(accounted)" "2|1|0|1"

it "broken files are refused with their reason, and delete nothing"
send d '"P00003"' 7 null
send e '"P00003"' 7 '"text"'
send f '"P00003"' 7 '[1]'
send g null 7 '[]'
send h '"P00003"' null '[]'
echo '{"person_id": "P00003", "version": 9' >data/medical_feed/i.json
echo '{"person_id": "P00003", "version": 9, "labs": []}' >data/medical_feed/j.json
echo '{}' >data/medical_feed/l.json
send k '"P00004"' 1 '[{"value": "4"}]'
run 0
sql_is var/warehouse.db "SELECT version FROM feed_person WHERE person_id IN ('P00003', 'P00004') ORDER BY person_id" "6
1"
sql_is var/warehouse.db "SELECT value FROM feed_event WHERE person_id = 'P00003'" 6
sql_is var/warehouse.db "SELECT file, reason FROM feed_refused ORDER BY 1" "d.json|labs is not a list of events
e.json|labs is not a list of events
f.json|labs is not a list of events
g.json|no person
h.json|no version"

sql_is var/dagrun.db "SELECT dataset || ' ' || coalesce(unexpected_count, '') || ' ' || severity FROM v_failed_expectation ORDER BY run_key DESC, dataset LIMIT 2" "feed_files 3 warning
feed_refused 5 warning"
is "account" "$(accounted)" "6|1|5|0"
for reason in "i.json:2:1: expected ',' or '}', but the text ends here" "l.json: no record has 'person_id'; they are empty" \
    "labs is not a list of events"; do
    grep -qF "$reason" reports/medical_feed/latest/index.html || note "the report does not say why: $reason"
done

it "a reader that holds its view keeps no run waiting"
sqlite3 -batch var/warehouse.db "BEGIN; $persons; SELECT 1 FROM (WITH RECURSIVE n (i) AS
    (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000000) SELECT max(i) FROM n); $persons; COMMIT" >"$scratch/reader" 2>&1 &
reader=$!
send l '"P00005"' 1 '[]'
run 0
wait "$reader" || note "the reader failed: $(cat "$scratch/reader")"
sql_is var/warehouse.db "SELECT version FROM feed_person WHERE person_id = 'P00005'" 1

it "PostgreSQL has the same"
if start_postgres; then
    rm -f var/ledger.db
    run 0 --param warehouse=postgres
    run 0 --param warehouse=postgres
    is "persons" "$(psql_do "$persons")" "$(sql var/warehouse.db "$persons")"
    is "events" "$(psql_do "$events")" "$(sql var/warehouse.db "$events")"
    stop_postgres
else
    skip "PostgreSQL is not installed"
fi
finish
