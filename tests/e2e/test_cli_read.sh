#!/bin/bash
# The verbs that show: list, show, graph, runs, status, logs, tasks. As text, as
# JSON, with and without colours.
. "$(dirname "$0")/lib.sh"
export DAGRUN_NOW=2024-05-06T07:08:09Z
sample_home reading
dag broken <<'Y'
tasks:
  a: {plugin: noop, retires: 1}
Y
dag fails <<'Y'
params: {code: 3}
tasks:
  one: {plugin: shell, with: {command: 'echo first words; echo second >&2; exit ${params.code}'}}
  two: {plugin: noop, depends_on: [one]}
Y

it "list shows DAGs that never ran, and those with errors"
expect_exit 0 dagrun list
same_file "$expected/list_fresh.txt" "$out"
expect_exit 0 dagrun list --json
json_valid "$out"
json_is "$out" '$[0].valid' 0
json_is "$out" '$[2].next_run' 2024-05-07T01:30:00Z

it "runs of a home without runs"
expect_exit 0 dagrun runs
out_has "no runs"
expect_exit 0 dagrun runs --json
json_is "$out" '$' '[]'

it "the clock of a test is the clock of a run"
expect_exit 0 dagrun run healthcare_processing
sql_is var/dagrun.db "SELECT run_id, logical_date
    FROM dag_run" "manual__2024-05-06T07-08-09Z|2024-05-06T07:08:09.000000Z"

it "run --json prints one object and nothing else"
expect_exit 1 dagrun run fails --json --run-id broke
json_valid "$out"
json_is "$out" '$.state' failed
json_is "$out" '$.failed' 2
json_is "$out" '$.run_id' broke

it "run --quiet prints nothing where all is well"
expect_exit 0 dagrun run fails --param code=0 --quiet --run-id fine
is "standard output" "$(cat "$out")" ""

it "runs, by DAG and by state, newest first"
expect_exit 0 dagrun runs
is "order" "$(awk 'NR > 1 { print $2 }' "$out" | tr '\n' ' ')" "fine broke manual__2024-05-06T07-08-09Z "
expect_exit 0 dagrun runs --state failed
is "rows" "$(wc -l <"$out")" 2
expect_exit 0 dagrun runs --dag healthcare_processing --limit 1 --json
json_valid "$out"
json_is "$out" '$[0].tasks_success' 11

it "status shows why"
expect_exit 1 dagrun status fails broke
out_has "the command ended with exit code 3"
out_has "upstream failed: one"
out_has "dagrun retry fails broke"
expect_exit 0 dagrun status healthcare_processing manual__2024
out_has "quality_report"
expect_exit 0 dagrun status healthcare_processing --json
json_valid "$out"
json_is "$out" '$.state' success
json_is "$out" '$.task_instances[0].task_id' validate_vitals
expect_exit 4 dagrun status fails nothing
err_has "dagrun: there is no run 'nothing' of DAG fails; the newest is"
expect_exit 4 dagrun status healthcare
err_has "dagrun: 'healthcare' is neither a DAG nor a run: there is no run 'healthcare'"

it "logs prints what a task said"
expect_exit 0 dagrun logs one fails broke
out_has "first words"
out_has "second"
expect_exit 4 dagrun logs three fails broke
err_has "three"
expect_exit 4 dagrun logs one fails broke --attempt 9

it "logs --follow ends with the task"
dag talks <<'Y'
tasks:
  one: {plugin: shell, with: {command: 'for i in 1 2 3 4; do echo line $i; sleep 0.1; done; until [ -e go ]; do sleep 0.02; done'}}
Y
become "$build/dagrun" run talks >"$scratch/run" 2>&1 &
runner=$!
await 20 sh -c "[ \"\$(sqlite3 -readonly var/dagrun.db \"SELECT state FROM v_task
    WHERE dag_id = 'talks'\")\" = running ]" || note "it did not start"
become "$build/dagrun" logs one talks --follow >"$out" 2>"$err" &
follower=$!
await 20 grep -q '^line 4' "$out" || note "it does not follow"
touch go
wait $follower
is "exit code" $? 0
is "lines" "$(grep -c '^line' "$out")" 4
wait $runner

it "show and graph of the main job"
expect_exit 0 dagrun show healthcare_processing
out_has "transform_vitals"
expect_exit 0 dagrun show healthcare_processing --json
json_valid "$out"
json_is "$out" '$.tasks[1].task_id' transform_vitals
expect_exit 0 dagrun graph healthcare_processing
same_file "$expected/graph.txt" "$out"
expect_exit 0 dagrun graph healthcare_processing --format dot
out_has 'digraph "healthcare_processing" {'
out_has '"validate_vitals" -> "transform_vitals"'
expect_exit 2 dagrun graph healthcare_processing --format png

it "tasks lists the plugins and documents each"
expect_exit 0 dagrun tasks
for plugin in validate transform monthly_stats quality_report shell sql load export noop; do out_has "$plugin "; done
for plugin in validate transform monthly_stats quality_report shell sql load export noop; do
    expect_exit 0 dagrun tasks $plugin
    out_has "$plugin - "
    expect_exit 0 dagrun tasks $plugin --json
    json_valid "$out"
done
expect_exit 4 dagrun tasks validat
err_has "did you mean 'validate'?"

it "the questions of docs/state.md are answered by the queries beside them"
awk '/^```sql/ { on = 1; n++; next } /^```/ { on = 0 } on { print >("query" n) }' "$source_dir/docs/state.md"
for query in query*; do
    grep -qE '^(SELECT|WITH)' "$query" || continue
    sqlite3 -batch -readonly var/dagrun.db <"$query" >"$out" 2>"$err" || { note "$query" && show "$query" "$err"; }
    # Those that ask for what this home does not have may find nothing.
    grep -qE "failed'|missing <> 0|hash = |run_id = 'manual|'now'" "$query" || [ -s "$out" ] || show "$query"
done
rm query*

it "colours only where they are wanted"
escape=$(printf '\033')
expect_exit 0 dagrun runs
out_lacks "$escape"
expect_exit 0 dagrun runs --color always
out_has "$escape"
NO_COLOR=1 expect_exit 0 dagrun runs
out_lacks "$escape"
expect_exit 0 dagrun runs --color never
out_lacks "$escape"

it "on a terminal a table that ends with every task done"
if script -qec true /dev/null >/dev/null 2>&1 </dev/null; then # there is a pseudo-terminal to be had
    TERM_OF_TEST=xterm clean_env script -qec "$build/dagrun run fails --param code=0" "$scratch/typescript" >/dev/null 2>&1 </dev/null
    grep -q "$escape" "$scratch/typescript" || note "there is no control sequence in a terminal's output"
    is "the run" "$(run_state)" success
    TERM_OF_TEST=xterm NO_COLOR=1 clean_env script -qec "$build/dagrun runs" "$scratch/typescript" >/dev/null 2>&1 </dev/null
    ! grep -q "$escape\[[0-9;]*m" "$scratch/typescript" || note "NO_COLOR is not obeyed on a terminal"
else
    skip "there is no script(1)"
fi

it "the table fits a narrow terminal, and gives way to plain lines on a low one"
if script -qec true /dev/null >/dev/null 2>&1 </dev/null; then
    on_terminal() { # COLUMNS LINES
        TERM_OF_TEST=xterm clean_env script -qec "stty cols $1 rows $2; $build/dagrun run fails --param code=0" \
            "$scratch/typescript" >/dev/null 2>&1 </dev/null
    }
    on_terminal 30 24
    widest=$(sed -e '/^Script/d' -e '/report:/d' -e "s/$escape\[[0-9;]*[A-Za-z]//g" "$scratch/typescript" |
        tr -d '\r' | wc -L)
    is "a line of more than 30 columns" "$((widest > 30))" 0
    on_terminal 80 2
    ! grep -q "$escape\[[0-9]*A" "$scratch/typescript" || note "it draws a table that the terminal cannot hold"
else
    skip "there is no script(1)"
fi
finish
