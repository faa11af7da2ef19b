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
# A load that comes to this row goes no further.
stop_at() { # ID
    sql var/warehouse.db "CREATE TRIGGER stop AFTER INSERT ON patient WHEN new.id >= $1 BEGIN SELECT max(i) FROM
        (WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n); END"
}
go_on() { sql var/warehouse.db "DROP TRIGGER stop"; }
# Each row takes the better part of a millisecond, or as many times that; or only rows up to an id.
slow_down() { # TIMES [LAST_ID]
    sql var/warehouse.db "CREATE TRIGGER slow AFTER INSERT ON patient WHEN new.id <= ${2:-1e9} BEGIN SELECT max(i) FROM
        (WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT $((400 * $1))) SELECT i FROM n); END"
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
there=0
for at in 200 1500; do
    stop_at $at
    become "$build/dagrun" run calm >"$out" 2>"$err" &
    pid=$!
    await 60 more_than $there || { note "no rows came" && show "$out" "$err"; }
    [ $at = 200 ] && running=$(dagrun db status 2>&1 >/dev/null)
    kill -KILL $pid
    wait $pid 2>/dev/null
    is "exit code of the killed one" $? 137
    there=$(count)
    go_on
done
grep -qF "a load of 'patient' begun at" <<<"$running" || note "db status said: $running"
is "not all rows are there" "$((there < 3000))" 1
is_left() { dagrun db status 2>&1 >/dev/null | grep -F "the load of 'patient' begun at" | grep -qF "was not finished"; }
await 10 is_left || note "db status does not tell that the load was not finished"
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
# Slower rows where the load had ended before the others were done.
for times in 1 4 16 64; do
    rm -rf var
    expect_exit 0 dagrun db migrate
    slow_down $times
    become "$build/dagrun" run one >"$out" 2>"$err" &
    pid=$!
    await 60 more_than 20 || { note "no rows came" && show "$out" "$err"; }
    writes='' marks=''
    for i in 1 2 3 4 5; do
        writes+=$(sqlite3 -batch -cmd ".timeout ${patience}000" var/warehouse.db "INSERT INTO audit VALUES (-$i, 0)" 2>&1)
        marks+="$(sql var/warehouse.db "SELECT table_name FROM dagrun_unfinished") "
    done
    at_end=$(count)
    speed_up
    wait $pid
    is "exit code" $? 0
    [ "$at_end" = 3000 ] || break
done
[ "$at_end" -lt 3000 ] || note "the load had ended before the others wrote"
is "what the writers were told" "$writes" ''
is "marks" "$marks" "patient patient patient patient patient "
sql_is var/warehouse.db "SELECT count(*) FROM audit" 3005

it "two loads of one table at once: one after the other, and both are there"
rm -rf var
expect_exit 0 dagrun db migrate
slow_down 40 2500 # what the first one has alone
become "$build/dagrun" run one >"$scratch/one" 2>&1 &
first=$!
await 60 more_than 20
become "$build/dagrun" run two >"$scratch/two" 2>&1 &
second=$!
await 60 grep -rqF "database table 'patient': waiting for the load begun at" var/runs/two || note "the second one does not say that it waits"
is "not all rows of the first one are there" "$(sql var/warehouse.db "SELECT count(*) < 2500 FROM patient")" 1
speed_up
wait $first
is "exit code of the first" $? 0
wait $second
is "exit code of the second" $? 0
sql_is var/warehouse.db "SELECT count(*), sum(v) FROM patient" "4500|$((2500 * 2501 + 3 * (4500 * 4501 - 2500 * 2501) / 2))"

it "a load that waits for another program's lock says so, and for whom"
rm -f held let_go
sqlite3 -cmd '.timeout 10000' var/warehouse.db "BEGIN IMMEDIATE; SELECT 1;" ".shell touch held" \
    ".shell for i in \$(seq 600); do [ -e let_go ] && break; sleep 0.1; done" "ROLLBACK;" >/dev/null &
holder=$!
await 20 test -e held || note "the database could not be held"
rows 1 10 7 >data/one.csv
become "$build/dagrun" run one >"$out" 2>&1 &
pid=$!
await 25 grep -rqF "process $holder (sqlite3) holds the lock of '" var/runs/one || note "it does not say for whom it waits"
touch let_go
wait $pid
is "exit code" $? 0
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
