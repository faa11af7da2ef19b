#!/bin/bash
# Ctrl-C, SIGTERM, a hangup: the run stops in good order, says so, and can go on.
. "$(dirname "$0")/lib.sh"
new_home signals
use_plugins polite hang stubborn
sleep="sleep 3000.$$$RANDOM" # so that its process can be told from any other's
dag job <<Y
tasks:
  first: {plugin: noop}
  waits: {plugin: shell, depends_on: [first], with: {command: 'test -e go || exec $sleep'}}
  last: {plugin: noop, depends_on: [waits]}
Y
state_of() { sql var/dagrun.db "SELECT state FROM v_task WHERE task_id = '$1' ORDER BY run_key DESC LIMIT 1"; }
nothing_left() { ! pgrep -f "$sleep"; }
has_ended() { ! kill -0 "$1"; }
waiting() { [ "$(sqlite3 -readonly var/dagrun.db "SELECT state FROM v_task WHERE task_id = 'waits'
    ORDER BY run_key DESC LIMIT 1")" = running ]; }

for signal in INT TERM; do
    it "SIG$signal stops a run: exit code 130, state cancelled"
    become "$build/dagrun" run job --run-id "by_$signal" >"$out" 2>"$err" &
    runner=$!
    await 20 waiting || note "the task did not start"
    await 20 pgrep -f "$sleep" || note "its command did not start"
    kill -s $signal $runner
    await 60 has_ended $runner || { note "it goes on" && kill -KILL $runner; }
    wait $runner
    is "exit code" $? 130
    is "the run" "$(run_state)" cancelled
    is "what had succeeded" "$(state_of first)" success
    is "what ran" "$(state_of waits)" cancelled
    is "what had not begun" "$(state_of last)" cancelled
    expect_exit 1 dagrun status job "by_$signal"
    out_has "to go on after mending: dagrun retry job by_$signal"
    await 20 nothing_left || note "left: $(pgrep -af "$sleep")"

    it "retry goes on where SIG$signal stopped it"
    touch go
    expect_exit 0 dagrun retry job "by_$signal"
    is "the run" "$(run_state)" success
    is "attempts of what had succeeded" "$(sql var/dagrun.db "SELECT count(*) FROM v_attempt
        WHERE run_id = 'by_$signal' AND task_id = 'first'")" 1
    is "attempts of what was stopped" "$(sql var/dagrun.db "SELECT count(*) FROM v_attempt
        WHERE run_id = 'by_$signal' AND task_id = 'waits'")" 2
    rm go
done

it "a second Ctrl-C kills at once"
dag stubborn <<'Y'
tasks:
  waits: {plugin: stubborn}
Y
for i in 1 2 3; do # again where the five seconds of grace were over before the second one came
    rm -f stubborn.ready
    become "$build/dagrun" run stubborn --trace >"$out" 2>"$err" &
    runner=$!
    await 60 test -e stubborn.ready || note "the task did not start"
    kill -INT $runner
    await 60 grep -qF 'SIGINT: cancelling' "$err" || note "the first one was not seen" # two that wait together are one
    kill -INT $runner
    await 60 has_ended $runner || { note "it goes on" && kill -KILL $runner; }
    wait $runner
    is "exit code" $? 130
    grep -qF 'still there after SIGTERM' "$err" || break
done
err_has 'SIGINT: killing'
err_lacks 'still there after SIGTERM'
is "the run" "$(run_state)" cancelled

it "a reader that goes away does not stop a run"
touch go
(become "$build/dagrun" run job --run-id pipe) 2>"$err" | head -n 1 >"$out"
await 20 sh -c "[ \"\$(sqlite3 -readonly var/dagrun.db \"SELECT state FROM dag_run
    WHERE run_id = 'pipe'\")\" = success ]" ||
    note "the run is $(sql var/dagrun.db "SELECT state FROM dag_run WHERE run_id = 'pipe'")"

it "runs that nobody runs any more are found by the next command that looks"
rm go
become "$build/dagrun" run job --run-id lost >"$out" 2>"$err" &
runner=$!
await 20 waiting || note "the task did not start"
become "$build/dagrun" logs --follow waits job lost >/dev/null 2>&1 &
follower=$!
sleep 0.2
kill -KILL $runner
wait $runner 2>/dev/null
await 20 sh -c "! kill -0 $follower 2>/dev/null" || { note "logs --follow waits for a dead run" && kill $follower; }
wait $follower 2>/dev/null
expect_exit 1 dagrun status job lost
out_has "lost: its runner ended without a word"
is "the run" "$(run_state)" failed
touch go
expect_exit 0 dagrun retry job lost
is "the run" "$(run_state)" success
is "the lost attempt" "$(sql var/dagrun.db "SELECT count(*) FROM v_attempt WHERE run_id = 'lost'
    AND task_id = 'waits' AND state = 'failed' AND reason LIKE '%lost%'")" 1

it "without the process that forks workers the runner forks them by itself"
dag orphaned <<'Y'
tasks:
  kill:
    plugin: shell
    with: {command: "read -r pid comm state runner rest </proc/$PPID/stat; read -r forker rest </proc/$runner/task/$runner/children; kill -9 $forker; echo $forker $PPID"}
  b: {plugin: shell, depends_on: [kill], with: {command: echo from b}}
  c: {plugin: shell, depends_on: [b], with: {command: echo from c; exit 3}, retries: 1, retry_delay: 10ms}
  d: {plugin: shell, depends_on: [c], with: {command: echo from d}, trigger_rule: all_done}
Y
expect_exit 1 dagrun run orphaned
sql_is var/dagrun.db "SELECT task_id, state, attempt FROM v_attempt WHERE dag_id = 'orphaned' ORDER BY attempt_key" "kill|success|1
b|success|1
c|up_for_retry|1
c|failed|2
d|success|1"
finish
