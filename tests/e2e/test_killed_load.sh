#!/bin/bash
# kill -9 while a pipeline's load is writing, on SQLite and on PostgreSQL: the database is as it was before,
# and a retry, or the next run, leaves it as one undisturbed run would. A trigger stops the load at one of the tables, so
# that the kill comes after some tables were written and before others were.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/postgres.sh"
. "$(dirname "$0")/killed.sh"
start_postgres && databases="warehouse postgres" || databases=warehouse
uri=$postgres_uri

run() { # DAG ARGUMENT...
    expect_exit 0 clean_env DAGRUN_CONN_POSTGRES="$uri" timeout -k 1 $patience "$build/dagrun" run "$1" --param warehouse=$database "${@:2}"
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
    stop_at "$table"
    # shellcheck disable=SC2086
    kill_while_writing "$table" "$dag" $after
    go_on "$table"
    contents >"$scratch/killed"
    same_file "$scratch/before" "$scratch/killed"
    expect_exit 0 clean_env DAGRUN_CONN_POSTGRES="$uri" timeout -k 1 $patience "$build/dagrun" "$@"
    contents >"$scratch/after"
    same_file "$scratch/undisturbed" "$scratch/after"
    [ $database = postgres ] || sql_is var/warehouse.db "PRAGMA integrity_check" ok
}

for database in $databases; do
    prepare() { expect_exit 0 generate medical --seed 8 --persons 30 --out other; }
    try medical_records medical_events labs "$(records data/medical_records)" "$(records other)" retry medical_records
    prepare() { feed 1 && feed 2; }
    try medical_feed 'feed_*' feed_event "--param folder=feed1" "--param folder=feed2" \
        run medical_feed --param folder=feed2 --param warehouse=$database
done
[ "$databases" != warehouse ] || { it "the same on PostgreSQL" && skip "PostgreSQL is not installed"; }
finish
