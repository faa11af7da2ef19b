#!/bin/bash
# Rows appended with `commit: pieces`, on SQLite and on PostgreSQL: kill -9 between the pieces, twice, and again is
# what one undisturbed run makes of it; other loads of the table meanwhile; two at once. A trigger makes a load wait at
# one row until it is killed, so that nothing depends on how fast the machine is.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/postgres.sh"
start_postgres && databases="warehouse postgres" || databases=warehouse

ask() { # SQL, in the database under test
    if [ $database = postgres ]; then psql_do "$1"; else sql var/warehouse.db "$1"; fi
}
with_postgres() { clean_env DAGRUN_CONN_POSTGRES="$postgres_uri" timeout --foreground -k 1 $patience "$build/dagrun" "$@"; }
run() { expect_exit 0 with_postgres run "$@"; }
in_background() { # DAG: as $!
    set_environment
    env -i --default-signal=INT,QUIT "${environment[@]}" DAGRUN_CONN_POSTGRES="$postgres_uri" "$build/dagrun" run "$1" \
        >"$scratch/$1" 2>&1 &
}
append_dag() { # NAME FILE [MORE PARAMETERS]
    dag "$1" <<Y
tasks:
  load:
    plugin: load
    inputs: {tables: [$2]}
    outputs: {refused: [refused.csv]}
    with: {connection: $database, mode: append, commit: pieces, names: {$2: seen}${3:+, $3}}
Y
}
# Each row is there twice; one in 500 is refused.
rows() { awk -v a="$1" -v b="$2" 'BEGIN { print "id,v"; for (i = a; i <= b; i++) printf "%d,%d\n", i / 2, i % 500 ? i % 7 : 13 }'; }
# As a migration would make it: no key, an index.
fresh_table() {
    ask "DROP TABLE IF EXISTS seen; DROP TABLE IF EXISTS dagrun_ledger; DROP TABLE IF EXISTS dagrun_refused;
        DROP TABLE IF EXISTS dagrun_table; DROP TABLE IF EXISTS dagrun_appended; DROP TABLE IF EXISTS dagrun_unfinished;
        CREATE TABLE seen (id BIGINT, v BIGINT CHECK (v <> 13)); CREATE INDEX seen_v ON seen (v)" >/dev/null
    rm -rf var/runs
}
wait_at() { # ID: a load that comes to it goes no further
    if [ $database = postgres ]; then
        ask "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(100000); RETURN NEW; END';
             CREATE TRIGGER wait BEFORE INSERT ON seen FOR EACH ROW WHEN (NEW.id >= $1) EXECUTE FUNCTION wait()" >/dev/null
    else
        ask "CREATE TRIGGER wait AFTER INSERT ON seen WHEN new.id >= $1 BEGIN SELECT max(i) FROM
            (WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n); END"
    fi
}
go_on() {
    if [ $database = postgres ]; then ask "DROP FUNCTION wait CASCADE" >/dev/null 2>&1; else ask "DROP TRIGGER wait"; fi
}
count() { ask "SELECT count(*) FROM seen"; }
more_than() { [ "$(count)" -gt "$1" ]; }
others="FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = 'test' AND backend_type = 'client backend'"
nobody_is_there() { [ "$(psql_do "SELECT count(*) $others")" = 0 ]; }
kill_at() { # ID: where it waits
    local before
    before=$(count)
    wait_at "$1"
    in_background one
    await 60 more_than "$before" || { note "no rows came" && show "$scratch/one"; }
    kill -KILL $!
    wait $! 2>/dev/null
    is "exit code of the killed one" $? 137
    if [ $database = postgres ]; then # the server would see it at the next row
        psql_do "SELECT pg_terminate_backend(pid) $others" >/dev/null
        await 60 nobody_is_there || note "the server goes on with the load of a client that is gone"
    fi
    go_on
}
contents() {
    ask "SELECT id, v FROM seen" | LC_ALL=C sort
    ask "SELECT table_name, content, mode, row_count, refused FROM dagrun_ledger ORDER BY 1, 2"
    ask "SELECT row_number, reason FROM dagrun_refused ORDER BY 1"
    ask "SELECT count(*) FROM dagrun_unfinished"
    ask "SELECT count(*) FROM dagrun_appended"
    cat var/runs/one/*/load/out/refused.csv
}
not_finished() { with_postgres db status --connection $database 2>&1 >/dev/null | grep -F "the load of 'seen' begun at"; }

for database in $databases; do
    new_home "append_$database"
    mkdir -p migrations/none var
    echo 'CREATE TABLE unused (id BIGINT);' >migrations/none/001_unused.sql
    rows 2 5001 >data/one.csv
    rows 10002 14001 >data/two.csv
    append_dag one data/one.csv
    append_dag two data/two.csv
    append_dag whole data/one.csv 'ledger: true'
    sed -i 's/commit: pieces/commit: whole/' dags/whole.yaml

    it "$database: killed between two pieces, twice, and run again: what one undisturbed run makes of it"
    fresh_table
    run one
    contents >"$scratch/undisturbed"
    is "rows" "$(count)" 4990
    run one
    is "rows of the same again" "$(count)" 4990
    fresh_table
    kill_at 200
    first=$(count)
    kill_at 1500
    [ "$(count)" -gt "$first" ] || note "the second run had loaded nothing: $first, $(count)"
    is "rows that are there more than twice" "$(ask "SELECT count(*) FROM (SELECT 1 FROM seen GROUP BY id HAVING count(*) > 2) AS d")" 0
    rm -rf var/runs
    run one
    contents >"$scratch/after"
    same_file "$scratch/undisturbed" "$scratch/after"
    expect_exit 0 with_postgres logs load
    out_has "of these rows are there since the load begun at"
    [ $database = postgres ] || sql_is var/warehouse.db "PRAGMA integrity_check" ok

    it "$database: other rows come into the table of a load that was killed, which is told until it is done"
    fresh_table
    kill_at 300
    first=$(count)
    not_finished | grep -qF "was not finished: it appended $first rows" || note "db status does not tell: $(not_finished)"
    run two
    is "rows" "$(count)" $((first + 3992))
    expect_exit 0 with_postgres logs load
    out_has "was not finished: it appended $first rows"
    not_finished | grep -qF "was not finished: it appended $first rows" || note "db status tells no more: $(not_finished)"
    run whole
    is "rows" "$(count)" $((4990 + 3992))
    is "db status" "$(not_finished)" ""

    it "$database: loads at the same time, of the same rows and of others, in pieces and in one transaction"
    fresh_table
    pids=
    cp dags/one.yaml dags/again.yaml
    sed -i 's/^dag_id: one/dag_id: again/' dags/again.yaml
    for name in one again whole two; do
        in_background $name
        pids+=" $!"
    done
    for pid in $pids; do
        wait "$pid"
        is "exit code of one of them" $? 0
    done
    is "rows" "$(count)" $((4990 + 3992))
    is "ids" "$(ask "SELECT count(DISTINCT id) FROM seen")" 4500
    is "loads" "$(ask "SELECT count(*) FROM dagrun_ledger")" 2
    is "what is not finished" "$(not_finished)" ""
done
[ "$databases" != warehouse ] || { it "the same on PostgreSQL" && skip "PostgreSQL is not installed"; }
finish
