#!/bin/bash
# load as a task: modes, refused rows, the ledger, metrics; kill -9 in the middle of it; on SQLite
# and on PostgreSQL.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/postgres.sh"
new_home load
start_postgres && databases="warehouse postgres" || databases=warehouse
set_environment_of_postgres() { set_environment && environment+=(DAGRUN_CONN_POSTGRES="$postgres_uri"); }
run_it() {
    set_environment_of_postgres
    env -i "${environment[@]}" timeout --foreground -k 1 $patience "$build/dagrun" "$@"
}
ask() { # SQL, in the database under test
    if [ "$database" = postgres ]; then psql_do "$1"; else sql var/warehouse.db "$1"; fi
}
answer_is() { is "$1" "$(ask "$1")" "$2"; }
metric() { sql var/dagrun.db "SELECT value FROM v_metric WHERE name = '$1' ORDER BY run_key DESC LIMIT 1"; }
load_dag() { # NAME: a DAG of one load, its settings from standard input
    { echo 'tasks:' && echo '  load:' && echo '    plugin: load' && sed 's/^/    /'; } | dag "$1"
}
sed_dag() { sed -i "s/connection: [a-z]*/connection: $database/" dags/*.yaml; }

printf 'patient_id,name,updated_at\n1,Ann,2024-01-01\n2,Bob,2024-01-01\n,Nobody,2024-01-01\n' >data/first.csv
printf 'patient_id,name,updated_at\n1,Anne,2024-02-01\n2,Robert,2023-01-01\n3,Cy,2024-02-01\n' >data/second.csv
load_dag first <<'Y'
inputs: {tables: [data/first.csv]}
outputs: {refused: [refused.csv]}
with: {connection: warehouse, mode: upsert, names: {data/first.csv: patient}, keys: {data/first.csv: [patient_id]}, newer_wins: updated_at}
Y
load_dag second <<'Y'
inputs: {tables: [data/second.csv]}
with: {connection: warehouse, mode: upsert, names: {data/second.csv: patient}, keys: {data/second.csv: [patient_id]}, newer_wins: updated_at}
Y
load_dag strict <<'Y'
inputs: {tables: [data/first.csv]}
with: {connection: warehouse, names: {data/first.csv: strict}, keys: {data/first.csv: [patient_id]}}
Y
load_dag wrong <<'Y'
inputs: {tables: [data/first.csv]}
with: {connection: warehouse, keys: {data/frist.csv: [patient_id]}}
Y

printf 'id,v\n1,a\n2,b\n' >data/a.csv
printf 'v,id\nc,3\n' >data/b.csv
printf 'id,v,w\n4,d,e\n' >data/wide.csv
for other in b wide; do
    load_dag both_$other <<Y
inputs: {tables: [data/a.csv, data/$other.csv]}
with: {connection: warehouse, mode: append, names: {data/a.csv: both_$other, data/$other.csv: both_$other}}
Y
done
{
    echo 'params: {table: {type: string, default: both_b}}' && echo 'tasks:' && echo '  load:' && sed 's/^/    /' <<'Y'
plugin: load
inputs: {tables: [data/a.csv, data/b.csv]}
with: {connection: warehouse, modes: {data/b.csv: append}, names: {data/a.csv: "${params.table}", data/b.csv: both_b}}
Y
} | dag both_modes

# Two contents of one table: new rows, changed ones, ones that go.
awk 'BEGIN { print "id,v,t"; for (i = 1; i <= 8000; i++) printf "%d,%d,text %d\n", i, i % 7, i }' >data/old.csv
awk 'BEGIN { print "id,v,t"; for (i = 2001; i <= 10000; i++) printf "%d,%d,text %d\n", i, i % 5, i }' >data/new.csv
for which in old new; do
    load_dag $which <<Y
inputs: {tables: [data/$which.csv]}
with: {connection: warehouse, names: {data/$which.csv: big}, keys: {data/$which.csv: [id]}}
Y
done
content() { ask "SELECT count(*), sum(CAST(id AS integer)), sum(CAST(v AS integer)), count(DISTINCT t) FROM big"; }

for database in $databases; do
    sed_dag
    it "$database: two datasets are appended to one table, also where it is not there yet"
    for n in 1 2; do
        expect_exit 0 run_it run both_b
        answer_is "SELECT count(*), min(v), max(v) FROM both_b" "3|a|c"
        answer_is "SELECT v FROM both_b WHERE id = '3'" c
    done
    printf 'id,v\n1,a\n2,bb\n' >data/a.csv
    expect_exit 0 run_it run both_b
    answer_is "SELECT count(*), sum(CASE WHEN v = 'bb' THEN 1 ELSE 0 END) FROM both_b" "5|1"
    printf 'id,v\n1,a\n2,b\n' >data/a.csv

    it "$database: such a table has no column that the first dataset lacks"
    expect_exit 1 run_it run both_wide
    out_has "database table 'both_wide': the rows that it is made for have no column 'w'"

    it "$database: what one dataset would replace, another cannot be appended to at once"
    expect_exit 1 run_it run both_modes
    out_has "'data/a.csv' and 'data/b.csv' are both for the table 'both_b', which only appended rows can be"
    answer_is "SELECT count(*) FROM both_b" 5

    it "$database: an upsert adds, and keeps rows apart that have no key"
    expect_exit 0 run_it run first
    answer_is "SELECT count(*) FROM patient" 2
    is refused "$(cat var/runs/first/*/load/out/refused.csv)" "patient_id,name,updated_at,_reason
,Nobody,2024-01-01,no value in the key column 'patient_id'"
    is rows_inserted "$(metric rows_inserted)" 2.0
    is rows_refused "$(metric rows_refused)" 1.0

    it "$database: the newer row wins, the older one stays away"
    expect_exit 0 run_it run second
    answer_is "SELECT name FROM patient WHERE patient_id = '1'" Anne
    answer_is "SELECT name FROM patient WHERE patient_id = '2'" Bob
    answer_is "SELECT count(*) FROM patient" 3
    is rows_updated "$(metric rows_updated)" 1.0
    is "lock_ms is measured" "$(sql var/dagrun.db "SELECT value BETWEEN 0 AND seconds * 1000 + 1 FROM metric
        JOIN v_attempt USING (attempt_key) WHERE name = 'lock_ms' ORDER BY attempt_key DESC LIMIT 1")" 1

    it "$database: the same rows again change nothing, and what was refused is told again"
    rm -rf var/runs/first
    expect_exit 0 run_it run second
    is rows_inserted "$(metric rows_inserted)" 0.0
    is "not locked at all" "$(metric lock_ms)" 0.0
    rm -rf var/runs/first
    expect_exit 0 run_it run first
    is "lines refused" "$(wc -l <"$(ls var/runs/first/*/load/out/refused.csv)")" 2
    answer_is "SELECT name FROM patient WHERE patient_id = '1'" Anne
    rm -rf var/runs/first

    it "$database: without an output for them, refused rows fail the load, and nothing is loaded"
    expect_exit 1 run_it run strict
    out_has "database table 'strict': row 3: no value in the key column 'patient_id'"
    [ "$(ask "SELECT count(*) FROM strict")" != 0 ] || note "there is a table"

    it "$database: a setting for a dataset that is not there is refused"
    expect_exit 1 run_it run wrong
    out_has "keys: 'data/frist.csv' is not among the tables"

    it "$database: kill -9 in the middle of a load leaves the old rows or the new ones, and a retry the new ones"
    expect_exit 0 run_it run old --run-id first_$database
    old=$(content)
    start=${EPOCHREALTIME/./}
    expect_exit 0 run_it run new --run-id first_$database
    took=$((${EPOCHREALTIME/./} - start))
    new=$(content)
    [ "$old" != "$new" ] || note "the contents do not differ"
    # How long a run takes changes with what else the machine does: after a kill that came too late the next ones come
    # earlier, after one that hit a little later; and there are more of them until enough have hit.
    killed=0
    for i in $(seq 1 40); do
        expect_exit 0 run_it run old --run-id "$database$i"
        is "before $i" "$(content)" "$old"
        (
            set_environment_of_postgres
            exec env -i --default-signal=INT,QUIT "${environment[@]}" "$build/dagrun" run new --run-id "$database$i"
        ) >"$out" 2>"$err" &
        pid=$!
        delay=$((took / 4 + (RANDOM * 32768 + RANDOM) % (took * 3 / 4 + 1)))
        sleep "$(printf '%d.%06d' $((delay / 1000000)) $((delay % 1000000)))"
        kill -KILL $pid 2>/dev/null
        wait $pid 2>/dev/null
        if [ $? = 137 ]; then killed=$((killed + 1)) took=$((took + took / 16)); else took=$((took * 3 / 4)); fi
        now=$(content)
        case $now in
        "$old" | "$new") ;;
        *) note "after kill $i: $now" ;;
        esac
        run_it retry new "$database$i" >"$out" 2>"$err" || run_it run new --run-id "$database$i" >"$out" 2>"$err" ||
            { note "retry $i failed" && show "$out" "$err"; }
        is "after retry $i" "$(content)" "$new"
        [ $i -lt 6 ] || [ $killed -lt 3 ] || break
    done
    is "some were killed while they ran" "$((killed >= 3))" 1
    answer_is "SELECT count(*) FROM dagrun_ledger WHERE table_name = 'big'" 1
    [ "$database" = postgres ] || sql_is var/warehouse.db "PRAGMA integrity_check" ok

    # One that would have to wait gives up instead. SQLite's last connection locks the others out for a moment when it
    # is closed: so one stays open.
    it "$database: readers never wait for a load"
    [ $database = postgres ] || exec 6> >(exec sqlite3 -batch var/warehouse.db >"$scratch/stays_open")
    [ $database = postgres ] || { echo "SELECT count(*) FROM big;" >&6 && await 20 test -s "$scratch/stays_open"; }
    run_it run old --run-id "readers_$database" >"$scratch/loading" 2>&1 &
    while kill -0 $! 2>/dev/null; do
        if [ $database = postgres ]; then
            count=$(psql_do "SET lock_timeout = 1; SELECT count(*) FROM big")
        else
            count=$(sqlite3 -batch -cmd '.timeout 0' var/warehouse.db "SELECT count(*) FROM big" 2>&1)
        fi
        [ "$count" = 8000 ] || note "a reader saw $count rows"
    done
    wait $! || { note "the load failed" && show "$scratch/loading"; }
    is "rows after it" "$(content)" "$old"
    exec 6>&-
done

database=warehouse
sed_dag
it "kill -9 while a large table is filled beside the one that is there: readers see the old one, the next load ends it"
load_dag huge <<Y
inputs: {tables: [data/huge.csv]}
with: {connection: warehouse, names: {data/huge.csv: big}, keys: {data/huge.csv: [id]}}
Y
left_over="SELECT count(*) FROM sqlite_schema WHERE name LIKE 'dagrun\\_new\\_%\\_big' ESCAPE '\\'"
being_filled() { [ "$(ask "$left_over")" = 1 ]; }
rows=200000
for i in $(seq 1 10); do # again, with more rows, where the load had ended before the kill came
    [ $rows -gt 2000000 ] || rows=$((2 * rows))
    awk -v n=$rows 'BEGIN { print "id,v,t"; for (i = 1; i <= n; i++) printf "%d,%d,text %d\n", i, i % 5, i }' >data/huge.csv
    expect_exit 0 run_it run old --run-id "before_huge$i"
    (
        set_environment
        exec env -i --default-signal=INT,QUIT "${environment[@]}" "$build/dagrun" run huge
    ) >"$out" 2>"$err" &
    pid=$!
    await 60 eval 'being_filled || ! kill -0 $pid'
    kill -KILL $pid 2>/dev/null
    wait $pid 2>/dev/null
    [ "$(content)" != "$old" ] || break
done
is "what is there after the kill" "$(content)" "$old"
is "tables left over" "$(ask "$left_over")" 1
expect_exit 0 run_it run huge
is "what is there after the next load" "$(content)" "$rows|$((rows * (rows + 1) / 2))|$((2 * rows))|$rows"
is "tables left over" "$(ask "$left_over")" 0
sql_is var/warehouse.db "PRAGMA integrity_check" ok

[ "$databases" != warehouse ] || { it "the same on PostgreSQL" && skip "PostgreSQL is not installed"; }
finish
