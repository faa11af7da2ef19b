#!/bin/bash
# load with `commit: pieces` on SQLite: others read and write meanwhile; kill -9 between the pieces, and again; two
# loads of one table at once; what `dagrun db` says of it. And a load that waits for a lock says for whom.
. "$(dirname "$0")/lib.sh"
new_home pieces
mkdir -p migrations/clinic
cat >migrations/clinic/001_tables.sql <<'S'
CREATE TABLE patient (id INTEGER PRIMARY KEY, v INTEGER NOT NULL, t TEXT NOT NULL) STRICT;
CREATE INDEX patient_v ON patient (v);
CREATE TABLE visit (id INTEGER NOT NULL REFERENCES patient (id), place INTEGER NOT NULL, PRIMARY KEY (id, place)) STRICT;
CREATE TABLE audit (id INTEGER, v INTEGER);
CREATE TRIGGER patient_new AFTER INSERT ON patient BEGIN INSERT INTO audit VALUES (new.id, new.v); END;
S
rows() { # FIRST LAST FACTOR
    awk -v a="$1" -v b="$2" -v f="$3" 'BEGIN { print "id,v,t"; for (i = a; i <= b; i++) printf "%d,%d,text %d\n", i, i * f, i }'
}
visits() { awk -v a="$1" -v b="$2" 'BEGIN { print "id,place"; for (i = a; i <= b; i++) printf "%d,1\n%d,2\n", i, i }'; }
rows 1 3000 2 >data/patient.csv
visits 1 3000 >data/visit.csv
cp data/patient.csv data/one.csv
rows 2501 4500 3 >data/two.csv
load_dag() { # NAME: `with`, and which files
    dag "$1" <<Y
tasks:
  tables: {plugin: migrate, with: {migrations: [clinic]}}
  load:
    plugin: load
    depends_on: [tables]
    inputs: {tables: [$3]}
    with: {commit: pieces, $2}
Y
}
both='data/patient.csv, data/visit.csv'
load_dag calm 'names: {data/patient.csv: patient, data/visit.csv: visit}, mode: replace' "$both"
load_dag one 'names: {data/one.csv: patient}, mode: upsert' data/one.csv
load_dag two 'names: {data/two.csv: patient}, mode: upsert' data/two.csv
contents() {
    local table
    for table in patient visit audit; do sql var/warehouse.db "SELECT * FROM $table ORDER BY 1, 2"; done
    sql var/warehouse.db "SELECT table_name, content, row_count, refused FROM dagrun_ledger ORDER BY 1"
}
# Each row takes the better part of a millisecond, or as many times that, so that there is time to look and to
# kill; or only rows up to an id.
slow_down() { # [TIMES [LAST_ID]]
    sql var/warehouse.db "CREATE TRIGGER slow AFTER INSERT ON patient WHEN new.id <= ${2:-1e9} BEGIN SELECT max(i) FROM
        (WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT $((400 * ${1:-1}))) SELECT i FROM n); END"
}
speed_up() { sql var/warehouse.db "DROP TRIGGER slow"; }
count() { sql var/warehouse.db "SELECT count(*) FROM patient"; }
more_than() { [ "$(count)" -gt "$1" ]; }

it "many rows are committed in pieces, and the metric tells how long one of them held the lock"
expect_exit 0 dagrun run calm
contents >"$scratch/calm"
sql_is var/warehouse.db "SELECT count(*) FROM visit" 6000
sql_is var/warehouse.db "SELECT count(*) FROM dagrun_unfinished" 0
sql_is var/dagrun.db "SELECT value FROM v_metric WHERE name = 'rows_inserted'" 9000.0
sql_is var/dagrun.db "SELECT value > 0 FROM v_metric WHERE name = 'lock_ms'" 1
expect_exit 0 dagrun run calm
sql_is var/dagrun.db "SELECT value FROM v_metric WHERE name = 'rows_inserted' ORDER BY run_key DESC LIMIT 1" 0.0

it "killed between two pieces, twice, and run again: the database of one undisturbed run"
rm -rf var
expect_exit 0 dagrun db migrate
slow_down
for at in 50 300; do
    become "$build/dagrun" run calm >"$out" 2>"$err" &
    pid=$!
    await 30 more_than $at || { note "no rows came" && show "$out" "$err"; }
    [ $at = 50 ] && running=$(dagrun db status 2>&1 >/dev/null)
    kill -KILL $pid
    wait $pid 2>/dev/null
    is "exit code of the killed one" $? 137
done
grep -qF "a load of 'patient' begun at" <<<"$running" || note "db status said: $running"
is "some rows are there" "$(sql var/warehouse.db "SELECT count(*) BETWEEN 300 AND 2999 FROM patient")" 1
is_left() { dagrun db status 2>&1 >/dev/null | grep -F "the load of 'patient' begun at" | grep -qF "was not finished"; }
await 10 is_left || note "db status does not tell that the load was not finished"
speed_up
expect_exit 0 dagrun run calm
contents >"$scratch/after"
same_file "$scratch/calm" "$scratch/after"
sql_is var/warehouse.db "SELECT count(*) FROM dagrun_unfinished" 0
expect_exit 0 dagrun logs load
out_has "was not finished; what it wrote is compared"
expect_exit 0 dagrun db status
err_empty
sql_is var/warehouse.db "PRAGMA integrity_check" ok

it "readers and writers of the database go on meanwhile"
rm -rf var
expect_exit 0 dagrun db migrate
slow_down
become "$build/dagrun" run one >"$out" 2>"$err" &
pid=$!
await 30 more_than 20
for i in 1 2 3 4 5; do
    is "a write" "$(sqlite3 -batch -cmd '.timeout 5000' var/warehouse.db "INSERT INTO audit VALUES (-$i, 0)" 2>&1)" ''
    is "a mark" "$(sql var/warehouse.db "SELECT table_name FROM dagrun_unfinished")" patient
done
more_than 2999 && note "the load had ended before the others wrote"
wait $pid
is "exit code" $? 0
speed_up
sql_is var/warehouse.db "SELECT count(*) FROM audit" 3005

it "two loads of one table at once: one after the other, and both are there"
rm -rf var
expect_exit 0 dagrun db migrate
slow_down 4 2500 # what the first one has alone
become "$build/dagrun" run one >"$scratch/one" 2>&1 &
first=$!
await 30 more_than 20
expect_exit 0 dagrun run two
is "the first one had ended" "$(sql var/warehouse.db "SELECT count(*) FROM patient WHERE id <= 2500")" 2500
wait $first
is "exit code of the first" $? 0
sql_is var/warehouse.db "SELECT count(*), sum(v) FROM patient" "4500|$((2500 * 2501 + 3 * (4500 * 4501 - 2500 * 2501) / 2))"
expect_exit 0 dagrun logs load
out_has "database table 'patient': waiting for the load begun at"
speed_up

it "a load that waits for another program's lock says so, and for whom"
rm -f held let_go
sqlite3 var/warehouse.db "BEGIN IMMEDIATE; SELECT 1;" ".shell touch held" \
    ".shell for i in \$(seq 600); do [ -e let_go ] && break; sleep 0.1; done" "ROLLBACK;" >/dev/null &
holder=$!
await 10 test -e held || note "the database could not be held"
(sleep 2.5 && touch let_go) &
rows 1 10 7 >data/one.csv
expect_exit 0 dagrun run one
wait $holder
expect_exit 0 dagrun logs load
out_has "process $holder (sqlite3) holds the lock of '"
out_has "up to 30 s"

it "teardown removes what a killed load left, and no table of one that runs"
sql var/warehouse.db "CREATE TABLE dagrun_new_0123abcd_big (id INTEGER); INSERT INTO dagrun_new_0123abcd_big VALUES (1)"
expect_exit 0 dagrun db status
err_has "a load of 'big' was killed and left the table 'dagrun_new_0123abcd_big'"
expect_exit 0 dagrun db teardown clinic --yes
out_has "dropped 1 tables that killed loads had left"
sql_is var/warehouse.db "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'dagrun_new%'" 0
finish
