#!/bin/bash
# A day's files of medical_feed, committed in pieces on SQLite and on PostgreSQL: whoever reads meanwhile sees each
# person with all events of one version; kill -9 between the pieces, twice, and again: the database of one undisturbed run.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/postgres.sh"
start_postgres && databases="warehouse postgres" || databases=warehouse
uri=$postgres_uri
persons=400

ask() { # SQL, in the database under test
    if [ $database = postgres ]; then
        "$postgres_bin/psql" -h "$postgres_socket" -U test -d "${uri_database:-test}" -X -q -A -t -c "$1" 2>&1
    else
        sql var/warehouse.db "$1"
    fi
}
arguments() { echo medical_feed --param folder="$1" --param warehouse=$database; }
# shellcheck disable=SC2046 # they are words
run() { expect_exit 0 clean_env DAGRUN_CONN_POSTGRES="$uri" timeout -k 1 $patience "$build/dagrun" run $(arguments "$1"); }

# Every person in a file of its own, with as many labs as the version has: 3, then 2.
feed() { # VERSION LABS
    mkdir -p "feed$1"
    sqlite3 -batch :memory: "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $persons)
        SELECT count(writefile('feed$1/' || i || '.json', json_object('person_id', 'P' || i, 'version', $1, 'lifestyle', json('[]'),
            'rx', json('[]'), 'conditions', json('[]'), 'tests', json('[]'), 'labs', (SELECT json_group_array(json_object('value',
            '$1')) FROM (SELECT 1 FROM n LIMIT $2))))) FROM n" >/dev/null
}
home_of() { # NAME
    new_home "$1"
    cp "$source_dir/dags/medical_feed.yaml" dags/
    cp -R "$source_dir/dags/medical_feed" dags/
    cp "$source_dir"/expectations/feed_*.yaml expectations/
    mkdir migrations
    cp -R "$source_dir/migrations/medical_feed" migrations/
    feed 1 3
    feed 2 2
    [ $database = warehouse ] && return
    uri_database=$1
    uri=${postgres_uri/\/test/\/$1}
    psql_do "CREATE DATABASE $1" postgres
}
contents() {
    local table
    for table in feed_person feed_event feed_refused; do ask "SELECT * FROM $table" | LC_ALL=C sort; done
    ask "SELECT table_name, content, row_count, refused FROM dagrun_ledger ORDER BY 1, 2"
    ask "SELECT * FROM dagrun_unfinished"
}
# A millisecond or two for each event, so that there is time to look; and nobody comes beyond the person P4 (they come in
# the order of their names: P1, P10, P100), so that whoever is to be killed is still there.
slow_down() {
    if [ $database = postgres ]; then
        ask "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(CASE WHEN NEW.person_id >= ''P4''
                THEN 100000 ELSE 0.002 END); RETURN NEW; END';
             CREATE TRIGGER slow BEFORE UPDATE ON feed_event FOR EACH ROW EXECUTE FUNCTION slowly()"
    else
        ask "CREATE TRIGGER slow AFTER UPDATE ON feed_event BEGIN SELECT max(i) FROM (WITH RECURSIVE n (i) AS
            (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 8000 OR new.person_id >= 'P4') SELECT i FROM n); END"
    fi
}
speed_up() { if [ $database = postgres ]; then ask "DROP TRIGGER slow ON feed_event"; else ask "DROP TRIGGER slow"; fi; }
more_than() { [ "$(ask "SELECT count(*) FROM feed_person WHERE version = 2")" -gt "$1" ]; }
mixed="SELECT count(*) FROM feed_person p WHERE (SELECT count(*) FROM feed_event e WHERE e.person_id = p.person_id
    AND e.value = CAST(p.version AS TEXT)) <> 4 - p.version
    OR (SELECT count(*) FROM feed_event e WHERE e.person_id = p.person_id) <> 4 - p.version"
killed_at() { # PERSONS that have changed
    # shellcheck disable=SC2046
    (
        set_environment
        exec env -i --default-signal=INT,QUIT "${environment[@]}" DAGRUN_CONN_POSTGRES="$uri" "$build/dagrun" run $(arguments feed2)
    ) >"$out" 2>"$err" &
    local pid=$! seen
    await 60 more_than "$1" || { note "no persons came" && show "$out" "$err"; }
    for _ in 1 2 3 4 5; do
        seen=$(ask "$mixed")
        is "persons beside events of another version" "$seen" 0
    done
    kill -KILL $pid
    wait $pid 2>/dev/null
    is "exit code of the killed one" $? 137
    [ $database = postgres ] || return 0
    ask "SELECT pg_terminate_backend(pid) $others" >/dev/null # the server would see it at the next row
    await 60 nobody_writes || note "the server goes on with the load of a client that is gone"
}
others="FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database() AND backend_type = 'client backend'"
nobody_writes() { [ "$(ask "SELECT count(*) $others")" = 0 ]; }
for database in $databases; do
    it "$database: killed between two pieces, twice, and run again: the database of one undisturbed run"
    home_of "calm_$database"
    run feed1
    run feed2
    contents >"$scratch/undisturbed"
    is "the newest version of all" "$(ask "SELECT count(*), min(version) FROM feed_person")" "$persons|2"
    is "events" "$(ask "SELECT count(*) FROM feed_event")" $((2 * persons))
    home_of "killed_$database"
    run feed1
    slow_down
    killed_at 20
    killed_at 100
    is "persons beside events of another version" "$(ask "$mixed")" 0
    is "some have changed and some have not" "$(ask "SELECT count(DISTINCT version) FROM feed_person")" 2
    is "what is not finished" "$(ask "SELECT table_name FROM dagrun_unfinished ORDER BY 1" | paste -sd ' ')" \
        "feed_event feed_person"
    speed_up
    run feed2
    contents >"$scratch/after"
    same_file "$scratch/undisturbed" "$scratch/after"
    [ $database = postgres ] || sql_is var/warehouse.db "PRAGMA integrity_check" ok

    it "$database: an older version that comes late changes nothing"
    rm -f var/ledger.db
    run feed1
    is "versions" "$(ask "SELECT count(*), min(version) FROM feed_person")" "$persons|2"
    is "events" "$(ask "SELECT count(*) FROM feed_event WHERE value = '2'")" $((2 * persons))
done
[ "$databases" != warehouse ] || { it "the same on PostgreSQL" && skip "PostgreSQL is not installed"; }
finish
