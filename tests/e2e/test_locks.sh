#!/bin/bash
# Two runs of one DAG at once, and a run store that somebody else holds.
. "$(dirname "$0")/lib.sh"
new_home locks
dag slow <<'Y'
tasks:
  a: {plugin: shell, with: {command: 'until [ -e go ]; do sleep 0.02; done'}, execution_timeout: 5m}
  b: {plugin: noop, depends_on: [a]}
Y
dag other <<'Y'
tasks:
  a: {plugin: noop}
Y
running() { [ "$(sqlite3 -readonly var/dagrun.db "SELECT count(*) FROM dag_run
    WHERE state = 'running'")" = "$1" ]; }

it "a second run of a DAG is refused, with the name of the holder"
become "$build/dagrun" run slow >"$scratch/first" 2>&1 &
first=$!
await 20 running 1 || note "the first run did not start"
expect_exit 5 dagrun run slow
err_has "'slow' is being run already (pid $first)"
is "runs" "$(sql var/dagrun.db "SELECT count(*) FROM dag_run")" 1

it "another DAG may run beside it"
expect_exit 0 dagrun run other

it "with --wait the second run follows the first"
become "$build/dagrun" run slow --wait ${patience}s >"$scratch/second" 2>&1 &
second=$!
sleep 0.2 # so that it comes before the first has ended, but where it comes later it has to follow, too
touch go
wait $first
is "the first run's exit code" $? 0
wait $second
is "the second run's exit code" $? 0
rm go
sql_is var/dagrun.db "SELECT group_concat(state) FROM dag_run WHERE dag_id = 'slow'" success,success
sql_is var/dagrun.db "SELECT count(*) FROM dag_run x JOIN dag_run y ON y.run_key > x.run_key
    AND x.dag_id = 'slow' AND y.dag_id = 'slow' AND y.started_at < x.ended_at" 0

it "a wait that is too short ends as a refusal"
become "$build/dagrun" run slow >"$scratch/first" 2>&1 &
first=$!
await 20 running 1 || note "the run did not start"
expect_exit 5 dagrun run slow --wait 100ms
touch go
wait $first
is "the first run's exit code" $? 0
rm go

# ---- the run store is held by another program ----

hold() { # until let_go, or a minute at most
    rm -f held let_go
    sqlite3 -cmd '.timeout 10000' var/dagrun.db "BEGIN EXCLUSIVE; SELECT 1;" ".shell touch held" \
        ".shell for i in \$(seq 600); do [ -e let_go ] && break; sleep 0.1; done" "ROLLBACK;" >/dev/null &
    holder=$!
    await 20 test -e held || note "the database could not be held"
}
let_go() {
    touch let_go
    wait $holder
}

it "a run waits for a program that holds the database for a moment"
hold
(sleep 1 && touch let_go) &
expect_exit 0 dagrun run other
let_go

it "a run gives up on one that holds it for long, says so, and loses nothing"
before=$(sql var/dagrun.db "SELECT count(*) FROM dag_run")
hold
expect_exit 5 dagrun run other
err_has "is held by another program"
is "runs" "$(sql var/dagrun.db "SELECT count(*) FROM dag_run")" "$before"
let_go
expect_exit 0 dagrun run other

it "a database that is held in the middle of a run can be waited for or retried"
become "$build/dagrun" run slow --run-id middle >"$scratch/first" 2>&1 &
first=$!
await 20 running 1 || note "the run did not start"
hold
touch go
wait $first
is "the exit code" $? 5
grep -q "is held by another program" "$scratch/first" || note "it said: $(cat "$scratch/first")"
let_go
expect_exit 0 dagrun retry slow middle
is "the run" "$(sql var/dagrun.db "SELECT state FROM dag_run WHERE run_id = 'middle'")" success
sql_is var/dagrun.db "PRAGMA integrity_check" ok
finish
