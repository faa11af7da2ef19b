# shellcheck shell=bash
# Part "load" of bench/run: two tables of BENCH_ROWS (1,000,000) rows each, shuffled, with keys of text, into
# an empty SQLite database through the plugin load, against sqlite3's own .import into tables with the same keys.
# Then loads of BENCH_CHANGED (1,000) changed rows, of a table most of which changes, and of all rows into tables that
# have indexes and a foreign key, upserted and appended, in one transaction and in pieces; how long all these hold the
# lock, and how long another program waits that writes a row every 20 ms. The same on a PostgreSQL of its own where that is
# installed (but what is appended): there the other program writes rows that the load writes too, and a third one reads them.

# The rows FIRST to LAST in an order that looks random; their amounts depend on VERSION.
load_csv() { # FIRST LAST VERSION
    sqlite3 -batch -csv -header :memory: "WITH RECURSIVE n(i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM n WHERE i < $2)
        SELECT printf('P%08x-%07d', i * 2654435761 % 4294967296, i) AS id, i % 97 AS code, 'Name ' || (i % 5000) AS name,
            (i * $3) % 1000 / 10.0 AS amount, date('2024-01-01', (i % 366) || ' days') AS day, 'some note ' || (i % 313) AS note
        FROM n ORDER BY i * 7919 % 1000003, i"
}

load_dag() { # NAME MODE[, MORE PARAMETERS] FILE...
    local file names='' keys=''
    for file in "${@:3}"; do
        names+="${names:+, }$file.csv: ${file##*/}"
        keys+="${keys:+, }$file.csv: [id]"
    done
    printf 'dag_id: %s\nmax_active_runs: 1\ntasks:\n  load:\n    plugin: load\n' "$1"
    printf '    inputs: {tables: [%s]}\n' "$(printf '%s.csv\n' "${@:3}" | paste -sd ,)"
    printf '    with: {connection: %s, mode: %s, ledger: false, names: {%s}, keys: {%s}}\n' "$connection" "$2" "$names" "$keys"
}

# The tables, as a migration would make them: nothing can be swapped in for them.
load_indexed() {
    echo "CREATE TABLE kind (code INTEGER PRIMARY KEY) STRICT;
        INSERT INTO kind SELECT value FROM generate_series(0, 96);"
    for i in one two; do
        echo "CREATE TABLE $i (id TEXT NOT NULL PRIMARY KEY, code INTEGER REFERENCES kind (code), name TEXT, amount REAL, day TEXT,
            note TEXT) STRICT; CREATE INDEX ${i}_name ON $i (name, day); CREATE INDEX ${i}_code ON $i (code);"
    done
}

load_locks() { # LABEL: the last run's
    sqlite3 -batch "$home/var/dagrun.db" "SELECT printf('  %-34s lock held %9.1f ms, %d rows written', '$1',
        max(value) FILTER (WHERE name = 'lock_ms'),
        sum(value) FILTER (WHERE name IN ('rows_inserted', 'rows_updated', 'rows_deleted')))
        || (SELECT printf(', %.1f s of processor time, %.1f s', cpu_seconds, seconds) FROM v_attempt a WHERE a.run_key = m.run_key)
        FROM v_metric m GROUP BY run_key ORDER BY run_key DESC LIMIT 1"
}

load_waits() { # WHAT FILE: of times in milliseconds, one a line
    sort -n "$2" | awk -v what="$1" '{ t[NR] = $1 } END { printf "    %d %s of another program: median %.1f ms, 99 %% within %.1f ms, longest %.1f ms\n",
        NR, what, t[int((NR + 1) / 2)], t[NR - int(NR / 100)], t[NR] }'
}

# dagrun run DAG while another program writes; how long its writes took, each with the start of sqlite3.
load_watched() { # LABEL DAG
    local writer
    sqlite3 -batch "$db" "CREATE TABLE IF NOT EXISTS other (n INTEGER)"
    (
        trap 'exit' TERM
        while :; do
            start=${EPOCHREALTIME/./}
            sqlite3 -batch -cmd '.timeout 60000' "$db" "INSERT INTO other VALUES (1)"
            awk -v us=$((${EPOCHREALTIME/./} - start)) 'BEGIN { print us / 1000 }'
            sleep 0.02
        done
    ) >"$home/waits" &
    writer=$!
    "$dagrun" --home "$home" run "$2" --quiet
    kill $writer
    wait $writer 2>/dev/null || true
    load_locks "$1"
    load_waits writes "$home/waits"
}

# ---- PostgreSQL

# A statement every 20 ms as long as the file `running` is there; the time of each.
load_statements() { # SQL FILE
    while [ -e "$home/running" ]; do
        echo "$1;"
        sleep 0.02
    done | "$postgres_bin/psql" -h "$postgres_socket" -U test -d test -Xq -o /dev/null -c '\timing on' -f - |
        sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' >"$2"
}

# dagrun run DAG while other programs write and read some of its rows.
load_watched_rows() { # LABEL DAG
    local row="WHERE id = (SELECT id FROM watched ORDER BY random() LIMIT 1)" writer reader
    touch "$home/running"
    load_statements "UPDATE one SET code = code $row" "$home/waits" &
    writer=$!
    load_statements "SELECT * FROM one $row" "$home/reads" &
    reader=$!
    "$dagrun" --home "$home" run "$2" --quiet
    rm "$home/running"
    wait $writer $reader
    load_locks "$1"
    load_waits "updates of rows that the load changes" "$home/waits"
    load_waits "reads of them" "$home/reads"
}

load_indexed_postgresql() {
    load_indexed | sed 's/ STRICT;/;/; s/SELECT value FROM/SELECT * FROM/; s/amount REAL/amount double precision/; s/day TEXT/day date/'
}

load_postgresql() (
    scratch=$(mktemp -d) connection=postgres may_not_start=yes
    tidy() { rm -rf "$scratch"; }
    trap tidy EXIT
    . tests/e2e/postgres.sh
    title "the same on PostgreSQL"
    start_postgres "-c fsync=on -c full_page_writes=on -c shared_buffers=512MB -c max_wal_size=4GB -c autovacuum=on" || {
        echo "  (there is no PostgreSQL that starts)"
        exit
    }
    load_dags
    "$dagrun" --home "$home" run whole --quiet
    load_locks "all of them into tables that are made"
    psql_do "CREATE TABLE watched (id text)" >/dev/null
    head -n $((changed + 1)) "$home/data/one.csv" | tail -n +2 | cut -d, -f1 |
        "$postgres_bin/psql" -h "$postgres_socket" -U test -d test -Xq -c 'COPY watched FROM STDIN'
    load_watched_rows "$changed differ" changes
    load_watched_rows "most differ" most
    psql_do "DROP TABLE one, two" >/dev/null
    load_indexed_postgresql | "$postgres_bin/psql" -h "$postgres_socket" -U test -d test -Xq
    load_watched_rows "into tables with indexes, whole" whole
    load_watched_rows "half of them change again, whole" upsert_most
    load_watched_rows "and back, in pieces" pieces
)

load_dags() {
    load_dag whole upsert data/one data/two >"$home/dags/whole.yaml"
    load_dag changes replace data/changed/one >"$home/dags/changes.yaml"
    load_dag back replace data/one >"$home/dags/back.yaml"
    load_dag most replace data/changed/most/one >"$home/dags/most.yaml"
    load_dag upsert_most upsert data/changed/most/one >"$home/dags/upsert_most.yaml"
    load_dag pieces "upsert, commit: pieces" data/one data/two >"$home/dags/pieces.yaml"
    load_dag append append data/one data/two >"$home/dags/append.yaml"
    load_dag append_pieces "append, commit: pieces" data/one data/two >"$home/dags/append_pieces.yaml"
}

# sqlite3's .import takes most of the time: three repetitions are enough of that.
bench_load() {
    local rows=${BENCH_ROWS:-1000000} changed=${BENCH_CHANGED:-1000} home=$dir/load_home connection=warehouse db i
    local runs=$((runs < 3 ? runs : 3))
    db=$home/var/warehouse.db
    rm -rf "$home"
    mkdir -p "$home"/{dags,data/changed/most,build,var}
    ln -s "$build/tasks" "$home/build/tasks"
    load_csv 1 "$rows" 1 >"$home/data/one.csv"
    load_csv $((rows + 1)) $((rows * 2)) 1 >"$home/data/two.csv"
    load_csv 1 "$rows" 3 >"$home/data/changed/most/one.csv"
    awk -v n="$changed" 'NR > 1 && NR <= n + 1 { sub(/some note/, "another note") } { print }' "$home/data/one.csv" \
        >"$home/data/changed/one.csv"
    load_dags
    for i in one two; do
        echo "CREATE TABLE $i (id TEXT NOT NULL PRIMARY KEY, code INTEGER, name TEXT, amount REAL, day TEXT, note TEXT) STRICT;"
        echo ".import --csv --skip 1 $home/data/$i.csv $i"
    done >"$home/import.sql"

    title "two tables of $rows shuffled rows with keys of text into an empty SQLite database"
    measure "dagrun run" "sh -c 'rm -f $db*; exec $dagrun --home $home run whole --quiet'" \
        "sqlite3 .import" "sh -c 'rm -f $home/peer.db*; exec sqlite3 -batch $home/peer.db <$home/import.sql'"
    rm -f "$db"*
    load_watched "all of them" whole
    title "a table of $rows rows replaced by one in which $changed rows differ"
    for ((i = 0; i < 2; i++)); do
        load_watched "$changed differ" changes
        load_watched "$changed differ again" back
    done
    title "the same table replaced by one in which most rows differ"
    load_watched "most differ" most
    title "all rows into two tables with indexes and a foreign key, upserted and appended, in one transaction and in pieces"
    for i in whole pieces append append_pieces; do
        rm -f "$db"*
        load_indexed | sqlite3 -batch "$db"
        load_watched "$i" $i
    done
    load_postgresql
}
