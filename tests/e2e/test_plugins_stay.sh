#!/bin/bash
# Plugins that do not want to end: timeouts, ignored signals, grandchildren.
# Nothing of them is left when the run has ended.
. "$(dirname "$0")/lib.sh"
new_home staying
use_plugins hang stubborn grandchild polite
# The program's own copy, so that its processes can be told from any other's.
marker=dagrun-$$-$RANDOM
mkdir bin && cp "$build/dagrun" "bin/$marker" && ln -s "$build/tasks" bin/tasks
dagrun() { clean_env timeout --foreground -k 1 $patience "$PWD/bin/$marker" "$@"; }
# Processes of this test; a dead one that its parent has yet to look at is none.
left_over() {
    local pid
    for pid in $(pgrep -f "$marker"); do
        grep -q '^State:.[ZX]' "/proc/$pid/status" 2>/dev/null || echo "$pid"
    done
}
nothing_left() { [ -z "$(left_over)" ]; }
reason() { sql var/dagrun.db "SELECT reason FROM v_attempt WHERE dag_id = '$1' ORDER BY attempt_key DESC
    LIMIT 1"; }

it "a task that runs past its timeout is ended"
dag slow <<'Y'
tasks:
  a: {plugin: hang, execution_timeout: 300ms}
Y
expect_exit 1 dagrun run slow
is "the state" "$(sql var/dagrun.db "SELECT state FROM v_task WHERE dag_id = 'slow'")" failed
case $(reason slow) in *timeout*300*ms* | *300*ms*timeout*) ;; *) note "the reason is '$(reason slow)'" ;; esac
await 30 nothing_left || note "processes are left: $(left_over)"

it "a task that ignores SIGTERM is killed"
for limit in 600ms 6s 30s; do # again where it was ended before it had come so far that it ignores the signal
    dag stubborn <<Y
tasks:
  a: {plugin: stubborn, execution_timeout: $limit}
Y
    expect_exit 1 dagrun run stubborn
    [ ! -e stubborn.ready ] || break
done
is "the signal" "$(sql var/dagrun.db "SELECT signal FROM v_attempt WHERE dag_id = 'stubborn' ORDER BY attempt_key DESC LIMIT 1")" 9
await 30 nothing_left || note "processes are left: $(left_over)"

it "a grandchild does not outlive its task"
dag family <<'Y'
tasks:
  a: {plugin: grandchild}
Y
expect_exit 0 dagrun run family
has_file grandchild.pid
await 30 nothing_left || note "processes are left: $(left_over)"

it "nor one that a shell left in the background"
dag background <<'Y'
tasks:
  a:
    plugin: shell
    with: {command: 'sleep 300 & echo "$!" > "$DAGRUN_HOME/sleep.pid"'}
Y
expect_exit 0 dagrun run background
gone() { ! kill -0 "$(cat sleep.pid)" 2>/dev/null || grep -q '^State:.[ZX]' "/proc/$(cat sleep.pid)/status"; }
await 30 gone || note "the background process $(cat sleep.pid) is left"

it "cancelling ends a polite task, a hanging one and a stubborn one"
dag mixed <<'Y'
tasks:
  polite: {plugin: polite}
  hang: {plugin: hang}
  stubborn: {plugin: stubborn}
Y
dagrun run mixed --jobs 3 >"$out" 2>"$err" &
runner=$!
await 20 sh -c "[ \"\$(sqlite3 -readonly var/dagrun.db \"SELECT count(*) FROM v_task WHERE dag_id = 'mixed'
    AND state = 'running'\")\" = 3 ]" ||
    note "the three tasks did not start"
expect_exit 0 dagrun cancel mixed
wait $runner
is "the run's exit code" $? 130
is "the run" "$(run_state)" cancelled
is "no task is in between" "$(sql var/dagrun.db "SELECT count(*) FROM v_task WHERE dag_id = 'mixed'
    AND state NOT IN ('cancelled', 'failed', 'success')")" 0
await 30 nothing_left || note "processes are left: $(left_over)"
finish
