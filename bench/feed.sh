# shellcheck shell=bash
# Part "feed" of bench/run: medical_feed on a database of BENCH_PERSONS (1,000,000) persons with ten events
# each, while another program reads from it without a pause: a day's files of BENCH_UPDATES (10,000)
# persons at once, then runs of what arrives in five minutes (a 288th of them), then one with nothing new.
# On SQLite, and on a PostgreSQL of its own where that is installed. No ratios: there is no peer.

feed_events="('conditions', 0), ('conditions', 1), ('labs', 0), ('labs', 1), ('labs', 2), ('labs', 3), ('lifestyle', 0),
    ('rx', 0), ('rx', 1), ('tests', 0)"

feed_numbers() { echo "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)"; }

# Every person in version 1, in the SQL of both databases; ID gives a person's number as text.
feed_fill() { # ID
    echo "BEGIN;
        INSERT INTO feed_person (person_id, version, file)
            $(feed_numbers "$persons") SELECT $1, 1, $1 || '-1.json' FROM n;
        INSERT INTO feed_event (person_id, source, position, encounter_id, feature, value, unit, report_date)
            $(feed_numbers "$persons"), e(source, position) AS (VALUES $feed_events)
            SELECT $1, source, position, 'E' || ((i * 7 + position) % 97), 'HgB', '1' || ((i + position) % 7) || '.' || (i % 10),
                'g/dL', '2024-0' || (1 + i % 9) || '-1' || position FROM n, e ORDER BY 1, 2, 3;
        COMMIT;"
}

# The files of COUNT persons, far apart from each other, who have changed for the VERSIONth time.
feed_files() { # VERSION COUNT
    local list lists=''
    for list in lifestyle rx conditions labs tests; do
        lists+=", '$list', (SELECT json_group_array(json_object('encounter_id', 'E' || ((i + $1) % 97), 'feature', 'HgB', 'value',
            '1' || ((i + position + $1) % 7) || '.' || ($1 % 10), 'unit', 'g/dL', 'report_date', '2024-11-1' || position))
            FROM e WHERE source = '$list')"
    done
    rm -rf "$home/inbox"
    mkdir "$home/inbox"
    sqlite3 -batch :memory: >"$home/files" "$(feed_numbers "$2"),
        e(source, position) AS (VALUES $feed_events),
        p AS (SELECT i, printf('P%07d', 1 + (i * 7919 + $1 * 104729) % $persons) AS id FROM n)
        SELECT sum(writefile('$home/inbox/' || id || '-$1.json', json_object('person_id', id, 'version', $1$lists))) FROM p"
}

feed_query() { # SQL
    if [ "$warehouse" = postgres ]; then psql_do "$1"; else sqlite3 -batch "$home/var/warehouse.db" "$1"; fi
}

feed_run() { # LABEL: dagrun run, its time and the time that its load held the lock
    local start end lock
    start=$(date +%s%N)
    "$dagrun" --home "$home" run medical_feed --quiet --param folder=inbox --param "warehouse=$warehouse"
    end=$(date +%s%N)
    lock=$(sqlite3 -batch "$home/var/dagrun.db" "SELECT printf('%.1f', value) FROM v_metric WHERE name = 'lock_ms'
        ORDER BY run_key DESC LIMIT 1")
    printf '  %-34s %8d ms, of which the lock was held %10s ms\n' "$1" $(((end - start) / 1000000)) "${lock:-0.0}"
}

feed_reads() { # start, or stop and tell
    if [ "$1" = start ]; then
        "$build/bench/reader" "${reader[@]}" "$persons" >"$home/reads" &
        reading=$!
    else
        kill "$reading"
        wait "$reading"
        sed "s/^/    ${2:-a reader meanwhile}: /" "$home/reads"
    fi
}

feed_measure() {
    local version expected i
    version=$(($(feed_query "SELECT max(version) FROM feed_person") + 1))
    feed_reads start
    sleep 10
    feed_reads stop "a reader alone, 10 s"

    feed_files $version "$updates"
    feed_reads start
    feed_run "$updates files at once"
    feed_reads stop
    expected="$updates|$((updates * 10))"
    if [ "$(feed_query "SELECT count(*) FROM feed_person WHERE version = $version")|$(feed_query "SELECT count(*) FROM feed_event e
        JOIN feed_person p USING (person_id) WHERE p.version = $version AND e.value LIKE '%.$((version % 10))'")" != "$expected" ]; then
        echo "  (the tables do not have the files' rows: $expected were expected)"
    fi

    feed_reads start
    for ((i = 1; i <= 5; i++)); do
        feed_files $((version + i)) $((updates / 288 + 1))
        feed_run "$((updates / 288 + 1)) files, five minutes' worth"
    done
    feed_run "the same again, nothing new"
    feed_reads stop
}

feed_sqlite() {
    local warehouse=warehouse reader=(sqlite "$home/var/warehouse.db")
    if [ "$(cat "$home/persons" 2>/dev/null)" != "$persons" ]; then
        rm -rf "$home/var"
        "$dagrun" --home "$home" db migrate medical_feed >/dev/null
        feed_fill "printf('P%07d', i)" | sqlite3 -batch -cmd 'PRAGMA cache_size = -200000' "$home/var/warehouse.db"
        echo "$persons" >"$home/persons"
    fi
    title "medical_feed on SQLite: $persons persons, $((persons * 10)) events, $(du -m "$home/var/warehouse.db" | cut -f1) MB"
    feed_measure
}

# A cluster that writes to disk as a server does, under a folder that its user can reach.
feed_postgresql() (
    scratch=$(mktemp -d) warehouse=postgres may_not_start=yes
    tidy() { rm -rf "$scratch"; }
    trap tidy EXIT
    . tests/e2e/postgres.sh
    start_postgres "-c fsync=on -c full_page_writes=on -c shared_buffers=512MB -c max_wal_size=4GB -c autovacuum=on" || {
        echo "  (there is no PostgreSQL that starts)"
        exit
    }
    reader=(postgresql "$postgres_uri")
    rm -f "$home/var/ledger.db"
    "$dagrun" --home "$home" db migrate medical_feed --connection postgres >/dev/null
    feed_fill "'P' || lpad(i::text, 7, '0')" | "$postgres_bin/psql" -h "$postgres_socket" -U test -d test -Xq
    psql_do "VACUUM ANALYZE" >/dev/null
    title "medical_feed on PostgreSQL: the same"
    feed_measure
)

bench_feed() {
    local persons=${BENCH_PERSONS:-1000000} updates=${BENCH_UPDATES:-10000} home=$dir/feed_home reading=
    make -s "B=$build" "$build/bench/reader"
    mkdir -p "$home/build"
    rm -rf "$home/dags" "$home/migrations"
    mkdir "$home/dags" "$home/migrations"
    cp -r expectations "$home"
    cp -r dags/medical_feed* "$home/dags"
    cp -r migrations/medical_feed "$home/migrations"
    ln -sfn "$build/tasks" "$home/build/tasks"
    feed_sqlite
    feed_postgresql
}
