#!/bin/bash
# kill -9 of the runner at random moments, 50 times, each followed by
# `dagrun retry`: the end is always that of an undisturbed run.
. "$(dirname "$0")/lib.sh"
new_home kill9
for i in $(seq 1 200); do echo "P$((i % 40)),2024-0$((i % 9 + 1))-1$((i % 9)), $((i * 7 % 90)) "; done >body
{ echo who,day,value && cat body && head -20 body; } >data/in.csv
cat >expectations/in.yaml <<'Y'
suite: in
expectations:
  - expect_column_values_to_not_be_null: {column: who}
    on_failure: quarantine
Y
dag job <<'Y'
tasks:
  check:
    plugin: validate
    inputs: {table: data/in.csv}
    with: {suite: in, dataset: in, account_by: who}
    outputs: {valid: valid, quarantined: quarantined}
  clean:
    plugin: transform
    inputs: {table: valid}
    with:
      dataset: in
      account_by: who
      steps:
        - trim: {columns: [value]}
        - parse_date: {column: day, formats: ["%Y-%m-%d"]}
        - parse_number: {column: value}
        - distinct: {key: [who, day, value]}
        - sort: {columns: [who, day, value]}
    outputs: {clean: cleaned, rejected: rejected, duplicates: doubles}
  wait: {plugin: noop, depends_on: [check], with: {sleep: 10ms}}
  sums:
    plugin: sql
    depends_on: [wait]
    inputs: {tables: [cleaned]}
    with: {query: 'SELECT who, count(*) AS n, sum(value) AS total FROM cleaned GROUP BY who ORDER BY who'}
    outputs: {result: sums}
  load: {plugin: load, inputs: {tables: [cleaned, sums]}, with: {keys: {sums: [who]}}}
  export: {plugin: export, inputs: {tables: [cleaned, sums]}, with: {formats: [csv]}}
Y

# What a run has left: its states, the datasets' contents as recorded and as they
# are, the account of rows, the warehouse and the published files.
left_by() { # RUN_ID
    sql var/dagrun.db "SELECT state FROM dag_run WHERE run_id = '$1'"
    sql var/dagrun.db "SELECT task_id, state FROM v_task WHERE run_id = '$1' ORDER BY position"
    sql var/dagrun.db "SELECT d.name, e.hash, e.row_count FROM dataset_event e
        JOIN dataset d USING (dataset_key)
        JOIN task_attempt a USING (attempt_key) JOIN task_instance i USING (instance_key) JOIN dag_run r USING (run_key)
        WHERE r.run_id = '$1' AND a.number = i.try_number AND e.operation = 'write' ORDER BY d.name"
    sql var/dagrun.db "SELECT sum(raw), sum(clean), sum(quarantined), sum(duplicates), sum(abs(missing))
        FROM v_row_account WHERE run_id = '$1'"
    (cd "var/runs/job/$1" && find . -path '*/out/*' -type f -exec sha256sum {} + | sort -k 2)
    sql var/warehouse.db .dump
    cat var/published/job/latest/*.csv
}
us() { echo "${EPOCHREALTIME/./}"; }

it "an undisturbed run"
expect_exit 0 dagrun run job --run-id warm
start=$(us)
expect_exit 0 dagrun run job --run-id whole
took=$(($(us) - start))
left_by whole >"$scratch/whole"

# Killed after a random part of the time it needs; a third of the retries too.
# How long that is changes with what else the machine does: after a kill that
# came too late the next ones come earlier, after one that hit a little later.
disturb() { # COMMAND...
    local delay=$(((RANDOM * 32768 + RANDOM) % took))
    become "$build/dagrun" "$@" >"$out" 2>"$err" &
    local pid=$!
    sleep "$(printf '%d.%06d' $((delay / 1000000)) $((delay % 1000000)))"
    if kill -KILL $pid 2>/dev/null && { wait $pid 2>/dev/null; [ $? = 137 ]; }; then
        killed=$((killed + 1))
        took=$((took + took / 16))
    elif [ $took -gt 20000 ]; then
        took=$((took - took / 8))
    fi
}
it "50 runs killed at random moments end as the undisturbed one, after a retry"
killed=0 differ=0
for i in $(seq 1 50); do
    disturb run job --run-id "k$i"
    [ $((i % 3)) = 0 ] && disturb retry job "k$i"
    # A run that was killed before it was recorded is not there to be retried.
    dagrun retry job "k$i" >"$out" 2>"$err"
    status=$?
    [ $status = 4 ] && { dagrun run job --run-id "k$i" >"$out" 2>"$err"; status=$?; }
    [ $status = 0 ] || { note "run k$i: exit code $status" && show "$out" "$err"; }
    left_by "k$i" >"$scratch/this"
    if ! cmp -s "$scratch/whole" "$scratch/this"; then
        differ=$((differ + 1))
        note "run k$i: $(diff "$scratch/whole" "$scratch/this" | head -5)"
    fi
    [ $differ -lt 3 ] || break
done
is "runs that differ" $differ 0

it "the runs were killed while they ran"
[ $killed -ge 20 ] || note "$killed kills hit, the last within $took us"
is "at least 20 of the 66 kills hit" "$((killed >= 20))" 1
sql_is var/dagrun.db "SELECT count(*) > 0 FROM v_attempt WHERE state = 'failed' AND reason LIKE '%lost%'" 1

it "the databases are sound, and nothing is in between"
sql_is var/dagrun.db "PRAGMA integrity_check" ok
sql_is var/warehouse.db "PRAGMA integrity_check" ok
sql_is var/dagrun.db "SELECT count(*) FROM dag_run WHERE state NOT IN ('success')" 0
sql_is var/dagrun.db "SELECT count(*) FROM task_attempt WHERE state = 'running'" 0
finish
