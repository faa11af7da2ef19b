#!/bin/bash
# dagrun retry after mending: what succeeded is kept, what failed runs again,
# and a task can be named to run again with all that depends on it.
. "$(dirname "$0")/lib.sh"
new_home retry
dag job <<'Y'
tasks:
  first: {plugin: shell, with: {command: 'echo first >> ran'}}
  second: {plugin: shell, depends_on: [first], with: {command: 'echo second >> ran; test -e mended'}}
  third: {plugin: shell, depends_on: [second], with: {command: 'echo third >> ran'}}
  beside: {plugin: shell, depends_on: [first], with: {command: 'echo beside >> ran'}}
Y
ran() { sort ran | uniq -c | awk '{ printf "%s%s ", $2, $1 }'; }

it "a run that failed keeps what succeeded"
expect_exit 1 dagrun run job --run-id night --jobs 1
is "what ran" "$(ran)" "beside1 first1 second1 "
is "the tasks" "$(task_states | tr '\n' ' ')" "first|success second|failed third|upstream_failed beside|success "

it "retry without mending fails the same way, and runs nothing else again"
expect_exit 1 dagrun retry job night
is "what ran" "$(ran)" "beside1 first1 second2 "

it "after mending, retry runs what failed and what waited for it"
touch mended
expect_exit 0 dagrun retry
is "what ran" "$(ran)" "beside1 first1 second3 third1 "
is "the run" "$(run_state)" success
sql_is var/dagrun.db "SELECT count(*) FROM dag_run" 1
sql_is var/dagrun.db "SELECT group_concat(attempt || state) FROM v_attempt
    WHERE task_id = 'second'" "1failed,2failed,3success"

it "a run that succeeded has nothing to retry"
expect_exit 0 dagrun retry job night
out_has "there is nothing to retry"
is "what ran" "$(ran)" "beside1 first1 second3 third1 "

it "--task runs one again, with all that depends on it"
expect_exit 0 dagrun retry job night --task second
is "what ran" "$(ran)" "beside1 first1 second4 third2 "
expect_exit 4 dagrun retry job night --task fourth
err_has "fourth"
expect_exit 4 dagrun retry job day

it "the logs of every attempt are kept"
for attempt in 1 2 3 4; do
    is "logs of attempt $attempt" "$(find var/runs/job/night -name "second@$attempt.log" | wc -l)" 1
done

it "a second run of the same name is refused, and the first one stays"
dagrun run job --run-id night >"$out" 2>"$err"
is "the exit code is not 0" "$(($? != 0))" 1
err_has "night"
sql_is var/dagrun.db "SELECT count(*), max(state) FROM dag_run" "1|success"

it "a retry whose datasets were deleted says which task makes them again, and that one does"
new_home gone
printf 'a\n1\n' >data/a.csv
dag gone <<'Y'
tasks:
  make: {plugin: transform, inputs: {table: data/a.csv}, outputs: {clean: made}, with: {steps: [{trim: {columns: [a]}}]}}
  use: {plugin: transform, inputs: {table: made}, outputs: {clean: used}, with: {steps: [{trim: {columns: [b]}}]}}
Y
expect_exit 1 dagrun run gone
rm -r var/runs/gone/*/make
sed -i 's/columns: \[b\]/columns: [a]/' dags/gone.yaml
expect_exit 1 dagrun retry gone
out_has "dataset 'made' is not there: task 'make' did not make it, or its file was deleted since (then dagrun retry --task make makes it again)"
expect_exit 0 dagrun retry gone --task make
finish
