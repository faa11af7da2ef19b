#!/bin/bash
# Wrong definitions: every mistake at once, each with its place and the nearest
# right spelling; nothing runs and nothing is written.
. "$(dirname "$0")/lib.sh"
new_home definitions

dag cycle <<'Y'
tasks:
  a: {plugin: noop, depends_on: [c]}
  b: {plugin: noop, depends_on: [a]}
  c: {plugin: noop, depends_on: [b]}
Y
dag plugin <<'Y'
tasks:
  a: {plugin: nop}
Y
dag key <<'Y'
shedule: "@daily"
tasks:
  a: {plugin: noop, retires: 2}
Y
dag type <<'Y'
tasks:
  a: {plugin: noop, retries: many}
  b: {plugin: noop, retry_delay: 10}
  c: [noop]
Y
dag twice <<'Y'
tasks:
  a: {plugin: noop}
  a: {plugin: noop}
Y
dag nobody <<'Y'
tasks:
  a: {plugin: sql, outputs: {result: numbers}, inputs: {tables: [data/x.csv]}, with: {query: select 1}}
  b: {plugin: sql, outputs: {result: more}, inputs: {tables: [nunbers]}, with: {query: select 1}}
Y
dag cron <<'Y'
schedule: "61 2 * * *"
tasks:
  a: {plugin: noop}
Y
dag zone <<'Y'
timezone: Europe/Londn
tasks:
  a: {plugin: noop}
Y
dag suite <<'Y'
tasks:
  a: {plugin: validate, inputs: {table: data/x.csv}, with: {suite: visist}}
Y
dag argument <<'Y'
tasks:
  a: {plugin: noop, with: {slep: 1s}}
Y
{
    echo 'x0: &x0 [a, a, a, a, a, a, a, a, a, a]'
    for i in 1 2 3 4 5 6 7 8 9; do
        echo "x$i: &x$i [*x$((i - 1)), *x$((i - 1)), *x$((i - 1)), *x$((i - 1)), *x$((i - 1)), *x$((i - 1)), *x$((i - 1))]"
    done
    echo 'tasks: {a: {plugin: noop}}'
} | dag bomb
printf 'dag_id: tab\ntasks:\n\ta: {plugin: noop}\n' >dags/tab.yaml
cat >expectations/visits.yaml <<'Y'
suite: visits
expectations:
  - expect_column_values_to_be_betwen: {column: a, min_value: 1}
  - expect_column_values_to_be_between: {column: a, min_valu: 1}
  - expect_column_values_to_be_unique: {column: a}
    severity: fatal
Y
echo a >data/x.csv

it "check shows every mistake with file, line, column and what to do"
expect_exit 3 dagrun check
same_file "$expected/definitions.txt" "$err"
is "standard output" "$(cat "$out")" ""

it "check --json says the same to programs"
expect_exit 3 dagrun check --json
json_valid "$out"
is "as many as in the text" "$(json "$out" '$' | grep -o '"level"' | wc -l)" "$(grep -cE '^[^ ]' "$expected/definitions.txt")"
sql_is :memory: "SELECT group_concat(e.value ->> 'line' || ':' || (e.value ->> 'column')) FROM
                 json_each(CAST(readfile('$out') AS TEXT)) e WHERE e.value ->> 'file' = 'dags/key.yaml'" "2:1,4:21"
sql_is :memory: "SELECT e.value ->> 'hint' FROM json_each(CAST(readfile('$out') AS TEXT)) e
                 WHERE e.value ->> 'file' = 'dags/plugin.yaml'" "did you mean 'noop'?"

for name in cycle plugin key type twice nobody cron zone suite argument bomb tab; do
    it "run refuses the DAG '$name' as check does"
    expect_exit 3 dagrun run $name
    same_file <(grep -A1 "^dags/$name.yaml" "$expected/definitions.txt" | grep -v '^--') <(sed 's/^dagrun: //' "$err")
    is "standard output" "$(cat "$out")" ""
done

it "a right DAG whose suite is wrong does not run either"
dag with_suite <<'Y'
tasks:
  a: {plugin: validate, inputs: {table: data/x.csv}, with: {suite: visits}}
Y
expect_exit 3 dagrun run with_suite
err_has "expectations/visits.yaml:3:5: error: there is no expectation type 'expect_column_values_to_be_betwen'"
err_has "did you mean 'expect_column_values_to_be_between'?"

it "a regular expression that cannot be compiled is found before anything runs"
cat >expectations/regex.yaml <<'Y'
suite: regex
expectations:
  - expect_column_values_to_match_regex: {column: a, regex: '(\d+'}
Y
expect_exit 3 dagrun check
err_has "expectations/regex.yaml:3:"

it "a DAG that is not there is named with the nearest one that is"
expect_exit 4 dagrun run cycles
err_has "did you mean 'cycle'?"

it "a parameter that is not declared, or has a wrong value, is a wrong command line"
dag params <<'Y'
params:
  rows: 100
  currency: {type: string, default: GBP, choices: [EUR, GBP]}
tasks:
  a: {plugin: noop}
Y
expect_exit 2 dagrun run params --param rosw=3
err_has "did you mean 'rows'?"
expect_exit 2 dagrun run params --param rows=many
err_has "rows"
expect_exit 2 dagrun run params --param currency=USD
err_has "EUR"

it "nothing was written by all that"
no_file var
no_file reports

it "right definitions pass"
rm -r dags expectations && mkdir dags expectations
dag good <<'Y'
tasks:
  a: {plugin: noop}
Y
expect_exit 0 dagrun check
out_has "1 DAG and 0 suites are right"
finish
