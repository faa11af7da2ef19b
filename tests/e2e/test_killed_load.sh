#!/bin/bash
# kill -9 while a pipeline's load is writing, on SQLite and on PostgreSQL: the database is as it was before,
# and a retry, or the next run, leaves it as one undisturbed run would. A trigger makes one of the tables slow, so
# that the kill comes after some tables were written and before others were.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/postgres.sh"
start_postgres && databases="warehouse postgres" || databases=warehouse
uri=$postgres_uri

run() { # DAG ARGUMENT...
    expect_exit 0 clean_env DAGRUN_CONN_POSTGRES="$uri" timeout -k 1 60 "$build/dagrun" run "$1" --param warehouse=$database "${@:2}"
}
ask() { # SQL, in the database under test
    if [ $database = postgres ]; then psql_do "$1" "${uri_database:-test}"; else sql var/warehouse.db "$1"; fi
}
use_database() { # NAME: of the cluster
    uri_database=$1
    uri=${postgres_uri/\/test/\/$1}
}
# Every row of every table, and what the ledger says of them.
contents() {
    local table list="SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'dagrun%' ORDER BY 1"
    [ $database = warehouse ] ||
        list="SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'dagrun%' ORDER BY 1"
    for table in $(ask "$list"); do
        echo "$table:"
        ask "SELECT * FROM $table" | LC_ALL=C sort
    done
    ask "SELECT table_name, content, mode, row_count, refused FROM dagrun_ledger ORDER BY 1, 2"
}
slow_down() { # TABLE
    if [ $database = postgres ]; then
        ask "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.2); RETURN NEW; END';
             CREATE TRIGGER slow BEFORE INSERT OR UPDATE ON $1 FOR EACH ROW EXECUTE FUNCTION slowly()"
    else
        local event
        for event in INSERT UPDATE; do
            ask "CREATE TRIGGER slow_$event AFTER $event ON $1 BEGIN SELECT max(i) FROM
                (WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 2000000) SELECT i FROM n); END"
        done
    fi
}
speed_up() { # TABLE
    if [ $database = postgres ]; then
        ask "DROP TRIGGER slow ON $1; DROP FUNCTION slowly"
    else
        ask "DROP TRIGGER slow_INSERT; DROP TRIGGER slow_UPDATE"
    fi
}
active="SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'INSERT INTO"
writing() { # TABLE: the load is at it, nothing is committed
    if [ $database = postgres ]; then
        [ "$(ask "$active \"$1\"%'")" = 1 ]
    else
        [ "$(sql var/dagrun.db "SELECT state FROM v_task WHERE task_id = 'load' ORDER BY run_key DESC LIMIT 1")" = running ] &&
            ! sqlite3 -batch -cmd '.timeout 0' var/warehouse.db "BEGIN IMMEDIATE; ROLLBACK" >/dev/null 2>&1
    fi
}
# The server ends what a client that is gone had begun.
nobody_writes() { [ $database = warehouse ] || [ "$(ask "$active%'")" = 0 ]; }

kill_while_writing() { # TABLE DAG ARGUMENT...
    local table=$1
    shift
    (
        set_environment
        exec env -i --default-signal=INT,QUIT "${environment[@]}" DAGRUN_CONN_POSTGRES="$uri" "$build/dagrun" run "$1" \
            --param warehouse=$database "${@:2}"
    ) >"$out" 2>"$err" &
    local pid=$!
    await 30 writing "$table" || { note "the load did not begin to write" && show "$out" "$err"; }
    kill -KILL $pid 2>/dev/null
    wait $pid 2>/dev/null
    is "exit code of the killed one" $? 137
    await 10 nobody_writes || note "the server goes on with the load of a client that is gone"
}
home_of() { # NAME DAG SUITE...
    new_home "$1"
    cp "$source_dir/dags/$2.yaml" dags/
    cp -R "$source_dir/dags/$2" dags/
    mkdir migrations
    cp -R "$source_dir/migrations/$2" migrations/
    cp -R "$source_dir/data/$2" data/
    # shellcheck disable=SC2086 # a pattern
    cp "$source_dir"/expectations/$3.yaml expectations/
    sed -i 's/retry_delay: 10s/retry_delay: 100ms/' "dags/$2.yaml"
}
records() { # FOLDER: parameters for the five tables in it
    local table
    for table in lifestyle rx conditions labs tests; do echo "--param $table=$1/$table.csv"; done
}
feed() { # VERSION: six persons, three events each
    local i
    mkdir -p "feed$1"
    for i in 1 2 3 4 5 6; do
        echo "{\"person_id\": \"P$i\", \"version\": $1, \"lifestyle\": [], \"rx\": [], \"conditions\": [], \"tests\": [],
            \"labs\": [{\"value\": \"$1\"}, {\"value\": \"$1$i\"}, {\"value\": \"$i\"}]}" >"feed$1/$i.json"
    done
}

# BEFORE and AFTER are what the DAG is given first and then: what leaves the contents of the second run?
try() { # DAG SUITES TABLE BEFORE AFTER AGAIN...
    local dag=$1 suite=$2 table=$3 before=$4 after=$5
    shift 5
    it "$database: $dag, killed while it writes: the database of one undisturbed run"
    [ $database = warehouse ] || { psql_do "CREATE DATABASE calm_$dag; " postgres && psql_do "CREATE DATABASE $dag" postgres; }
    home_of "calm_${dag}_$database" "$dag" "$suite"
    use_database "calm_$dag"
    prepare
    # shellcheck disable=SC2086 # they are words
    { run "$dag" $before && run "$dag" $after; }
    contents >"$scratch/undisturbed"
    home_of "${dag}_$database" "$dag" "$suite"
    use_database "$dag"
    prepare
    # shellcheck disable=SC2086
    run "$dag" $before
    contents >"$scratch/before"
    ! cmp -s "$scratch/before" "$scratch/undisturbed" || note "the second run changes nothing"
    slow_down "$table"
    # shellcheck disable=SC2086
    kill_while_writing "$table" "$dag" $after
    speed_up "$table"
    contents >"$scratch/killed"
    same_file "$scratch/before" "$scratch/killed"
    expect_exit 0 clean_env DAGRUN_CONN_POSTGRES="$uri" timeout -k 1 60 "$build/dagrun" "$@"
    contents >"$scratch/after"
    same_file "$scratch/undisturbed" "$scratch/after"
    [ $database = postgres ] || sql_is var/warehouse.db "PRAGMA integrity_check" ok
}

for database in $databases; do
    prepare() { generate medical --seed 8 --persons 30 --out other >/dev/null 2>&1; }
    try medical_records medical_events labs "$(records data/medical_records)" "$(records other)" retry medical_records
    prepare() { feed 1 && feed 2; }
    try medical_feed 'feed_*' feed_event "--param folder=feed1" "--param folder=feed2" \
        run medical_feed --param folder=feed2 --param warehouse=$database
done
[ "$databases" != warehouse ] || { it "the same on PostgreSQL" && skip "PostgreSQL is not installed"; }
finish
