#!/bin/bash
# Plugins that misbehave: each ends as a failed task with a reason, its log is
# kept, the runner goes on, and nothing of it stays behind.
. "$(dirname "$0")/lib.sh"
new_home bad_plugins
use_plugins segfault abort_now exit_zero liar silent_failure flood wrong_abi wrong_size wrong_name \
    not_a_plugin crash_on_load garbage closes_output skips flaky hungry

one() { # DAG PLUGIN [TASK SETTINGS]: a DAG with that task and one that goes on beside it
    dag "$1" <<Y
tasks:
  bad: {plugin: $2${3:+, $3}}
  good: {plugin: noop}
  after: {plugin: noop, depends_on: [bad]}
Y
}
attempt() { sql var/dagrun.db "SELECT $2 FROM v_attempt WHERE dag_id = '$1' AND task_id = 'bad'
    ORDER BY attempt_key DESC LIMIT 1"; }
states() { task_states | tr '\n' ' '; }
failed_like() { # DAG WORDS...: the run failed as it must, and says so
    local name=$1 word
    shift
    expect_exit 1 dagrun run "$name"
    is "the tasks" "$(states)" "bad|failed good|success after|upstream_failed "
    is "the run" "$(run_state)" failed
    for word; do
        out_has "$word"
        case $(reason_of bad) in *"$word"*) ;; *) note "the reason is '$(reason_of bad)'" ;; esac
    done
    expect_exit 1 dagrun status "$name"
    out_has "upstream failed: bad"
}

it "a plugin that segfaults"
one crash segfault
if under_sanitizer; then
    failed_like crash
else
    failed_like crash "SIGSEGV"
    is "exit code and signal" "$(attempt crash "exit_code IS NULL, signal")" "1|11"
fi
expect_exit 0 dagrun logs bad crash
out_has "about to crash"

it "a plugin that aborts"
one abort abort_now
failed_like abort "SIGABRT"
is "the signal" "$(attempt abort signal)" 6

it "a plugin that exits with 0 but without a result"
one leave exit_zero
failed_like leave "without"
is "exit code" "$(attempt leave exit_code)" 0

it "a plugin that reports success without its output"
dag liar <<'Y'
tasks:
  bad: {plugin: liar, outputs: {out: something}}
  good: {plugin: noop}
  after: {plugin: noop, depends_on: [bad]}
Y
failed_like liar "something"
sql_is var/dagrun.db "SELECT count(*) FROM dataset_event" 0

it "a plugin that fails without a word"
one mute silent_failure
failed_like mute "7"

it "a plugin that writes nonsense to its runner"
one nonsense garbage
dagrun run nonsense >"$out" 2>"$err"
is "the exit code is 1" $? 1
is "the others" "$(sql var/dagrun.db "SELECT state FROM v_task WHERE dag_id = 'nonsense'
    AND task_id = 'good'")" success

it "a plugin that closes its output may do so"
one quiet closes_output
expect_exit 0 dagrun run quiet

it "a plugin may say that there is nothing to do"
one nothing skips
expect_exit 0 dagrun run nothing
is "the tasks" "$(states)" "bad|skipped good|success after|skipped "
is "the reason" "$(reason_of bad)" "nothing new"

it "a plugin that fails twice succeeds at its third try"
one again flaky "retries: 2, retry_delay: 10ms, with: {until: 3}"
expect_exit 0 dagrun run again
is "attempts" "$(sql var/dagrun.db "SELECT group_concat(state) FROM v_attempt WHERE dag_id = 'again'
    AND task_id = 'bad'")" "up_for_retry,up_for_retry,success"

it "a log of 100 MB does not block, is kept whole, and costs the runner nothing"
one flood flood
expect_exit 0 dagrun run flood
log=$(find var/runs/flood -name 'bad@1.log')
is "its size" "$(stat -c %s "$log")" 104857600

it "a plugin that allocates without end meets its limit"
if under_sanitizer; then
    skip "a sanitizer needs more address space than any limit"
else
    one hungry hungry "memory_limit: 200M"
    failed_like hungry
    is "the signal" "$(attempt hungry signal)" 6
fi

# What cannot be loaded is found before anything runs: DAG PLUGIN WORDS
refused() {
    one "$1" "$2"
    expect_exit 3 dagrun run "$1"
    err_has "dags/$1.yaml:3:"
    err_has "$3"
    expect_exit 3 dagrun check "$1"
    err_has "$3"
    sql_is var/dagrun.db "SELECT count(*) FROM dag_run WHERE dag_id = '$1'" 0
}
it "a plugin that was built for another ABI"
refused abi wrong_abi "99"
it "a plugin with a declaration of another size"
refused size wrong_size "wrong_size"
it "a plugin that is named otherwise than its file"
refused name wrong_name "somebody_else"
it "a shared object that is no plugin"
refused none not_a_plugin "not_a_plugin"
it "a plugin that dies when it is loaded"
refused dies crash_on_load "crash_on_load"
it "a file that is no shared object"
echo text >build/tasks/text.so
refused text text "text.so"

it "the list of plugins shows the bad ones among the good"
expect_exit 0 dagrun tasks
out_has segfault
out_has validate
finish
