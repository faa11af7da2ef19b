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

it "parameters that are lists and maps are shown, and given as YAML writes them"
new_home lists
dag lists <<'Y'
params:
  formats: [csv, "a b"]
  units: {type: map, default: {kg: 1}}
  none: {type: list}
tasks:
  a: {plugin: noop}
Y
expect_exit 0 dagrun show lists
out_has 'formats = ["csv","a b"]'
out_has 'units = {"kg":1}'
out_has 'none = (required)'
expect_exit 2 dagrun run lists
err_has "needs the parameter 'none' (a list such as [a, b])"
for wrong in csv '{a: 1}' '[a' ''; do
    expect_exit 2 dagrun run lists --param none=[] --param formats="$wrong"
    err_has "'formats' must be a list such as [a, b], not '$wrong'"
done
expect_exit 0 dagrun run lists --param none=[] --param 'formats=[x, "y z", 3]' --param 'units={g: 0.001}'
sql_is var/dagrun.db "SELECT params FROM dag_run" '{"formats":["x","y z",3],"units":{"g":0.001},"none":[]}'
cd "$scratch/definitions" || exit 1

it "check finds what is wrong with the steps of transform: steps, arguments, types"
rm -r dags expectations && mkdir dags expectations
printf 'id,day,value\n1,2024-01-01,3\n' >data/in.csv
dag steps <<'Y'
tasks:
  a:
    plugin: transform
    inputs: {table: data/in.csv}
    outputs: {clean: x}
    with:
      steps:
        - trmi: {columns: [id]}
        - trim: {columns: id}
        - parse_number: {column: value, requierd: false}
        - missing: {columns: [value]}
        - month
        - sort: {columns: [id]}
        - distinct: {key: [id], conflicts: lats}
Y
expect_exit 3 dagrun check
same_file <(grep '^dags' "$err") <(cat <<'F'
dags/steps.yaml:9:11: error: there is no step 'trmi'; see docs/transform.md
dags/steps.yaml:10:27: error: step trim: 'columns' must be a list of columns
dags/steps.yaml:11:51: error: step parse_number has no argument 'requierd'; it has column, required
dags/steps.yaml:12:20: error: step missing: 'values' is missing: a list of texts
dags/steps.yaml:13:11: error: a step is {name: {arguments}}
dags/steps.yaml:14:11: error: sort must be the last step
dags/steps.yaml:15:44: error: step distinct: 'conflicts' must be last, first or none
F
)

it "and columns of a type that a step cannot use, as far as a step before has made it"
dag steps <<'Y'
tasks:
  a:
    plugin: transform
    inputs: {table: data/in.csv}
    outputs: {clean: x}
    with:
      steps:
        - parse_date: {column: day, formats: ["%Y-%m-%d"]}
        - trim: {columns: [id, day]}
        - parse_number: {column: value}
        - month: {column: value, into: m}
        - rename: {columns: {value: amount, id: value}}
        - upper: {columns: [value, amount]}
        - month: {column: day, into: m}
        - parse_date: {column: m, formats: ["%Y-%m"]}
        - parse_date: {column: m, formats: ["%Y-%m"]}
        - parse_range: {column: value, low: amount}
        - parse_number: {column: high}
Y
expect_exit 3 dagrun check
same_file <(grep '^dags' "$err") <(cat <<'F'
dags/steps.yaml:10:32: error: step trim: column 'day' must be text, and a step before made it a date
dags/steps.yaml:12:27: error: step month: column 'value' must be a date, and a step before made it a number
dags/steps.yaml:14:36: error: step upper: column 'amount' must be text, and a step before made it a number
dags/steps.yaml:17:32: error: step parse_date: column 'm' must be text, and a step before made it a date
dags/steps.yaml:19:34: error: step parse_number: column 'high' must be text, and a step before made it a number
F
)

it "and columns that are not there, from the file through one task to the next"
dag steps <<'Y'
params:
  file: data/in.csv
tasks:
  a:
    plugin: transform
    inputs: {table: "${params.file}"}
    outputs: {clean: x, rejected: y}
    with:
      steps:
        - trim: {columns: [id, days]}
        - parse_date: {column: day, formats: ["%Y-%m-%d"]}
        - month: {column: day, into: month}
        - rename: {columns: {value: amount}}
        - select: {columns: [id, month, amount]}
        - upper: {columns: [value]}
  b:
    plugin: transform
    inputs: {table: x}
    outputs: {clean: z}
    with: {steps: [{trim: {columns: [month, amount, day]}}]}
Y
expect_exit 3 dagrun check
same_file <(grep '^dags' "$err") <(cat <<'F'
dags/steps.yaml:11:32: error: step trim: the table has no column 'days'; it has id, day, value
dags/steps.yaml:16:29: error: step upper: the table has no column 'value'; it has id, month, amount
F
)
sed -i -e 's/, days]/]/' -e '/upper/d' dags/steps.yaml
expect_exit 3 dagrun check steps
same_file <(grep '^dags' "$err") <(cat <<'F'
dags/steps.yaml:20:53: error: step trim: the table has no column 'day'; it has id, month, amount
F
)

it "settings that name datasets which a task does not have, and values that are none of theirs"
rm -r dags && mkdir dags
dag settings <<'Y'
tasks:
  q:
    plugin: sql
    outputs: {result: [r, s]}
    with:
      query: SELECT 1 AS a; SELECT 2 AS b
      types: {t: {a: int64}, r: {a: intt, b: '${run_id}'}, s: int64}
      account: rr
  none: {plugin: sql}
  l:
    plugin: load
    inputs: {tables: [r, s]}
    outputs: {refused: [bad]}
    with:
      modes: {r: upsurt, s: append}
      keys: {rs: [a]}
      insert_only: [r, '${run_id}', x]
      delete_missing: {r: {by: [a], of: q}}
      newer_wins: {t: a}
  m:
    plugin: load
    inputs: {tables: [r, s]}
    with: {names: {r: same, s: same}, keys: {r: {a: b}, s: [a]}, delete_missing: {r: {of: s}, s: []}}
  o: {plugin: load, inputs: {tables: [r]}, with: {names: {r: ''}}}
  p: {plugin: load, inputs: {tables: [r, s]}, with: {names: {r: same, s: same}, modes: {s: append}}}
  e:
    plugin: export
    inputs: {tables: [data/x.csv, r, x.csv]}
    with: {formats: [csv, xlsx]}
  n: {plugin: export, inputs: {tables: x.csv}, with: {formats: []}}
  c:
    plugin: shell
    inputs: {files: [data/x.csv, data/x.csv, x.csv]}
    outputs: {files: [x.y, x_y]}
    with: {command: 'true'}
  d: {plugin: shell, with: {command: 'true', env: {A: '1', 'B=C': '2'}}}
Y
printf 'id,day,value\n1,2,3\n' | tee x.csv >data/x.csv
expect_exit 3 dagrun check settings
same_file <(grep '^dags' "$err") <(cat <<'F'
dags/settings.yaml:8:18: error: types: 't' is no dataset of 'outputs'
dags/settings.yaml:8:37: error: types: 'intt' is no type; see docs/tables.md
dags/settings.yaml:8:63: error: types: a map of columns and types expected: {output: {column: type}}
dags/settings.yaml:9:16: error: account: 'rr' is no dataset of 'outputs'
dags/settings.yaml:10:3: error: say either 'query' or 'file'
dags/settings.yaml:11:3: error: refused: 1 datasets for 2 tables; name one for each, in the same order
dags/settings.yaml:16:18: error: modes: 'r' must be one of replace, append, upsert, not 'upsurt'
dags/settings.yaml:17:18: error: keys: 'rs' is not among the tables
dags/settings.yaml:18:37: error: insert_only: 'x' is not among the tables
dags/settings.yaml:19:41: error: delete_missing: 'q' is not among the tables
dags/settings.yaml:20:23: error: newer_wins: 't' is not among the tables
dags/settings.yaml:21:3: error: tables: 'r' and 's' are both for the table 'same', which only appended rows can be; put them together first, in an sql task with UNION ALL
dags/settings.yaml:24:49: error: keys: 'r': a list of columns expected
dags/settings.yaml:24:86: error: delete_missing: 'r': a list of columns expected, or {by, of}
dags/settings.yaml:24:98: error: delete_missing: 's': a list of columns expected, or {by, of}
dags/settings.yaml:25:62: error: names: 'r': the name of a table expected
dags/settings.yaml:26:3: error: tables: 'r' and 's' are both for the table 'same', which only appended rows can be; put them together first, in an sql task with UNION ALL
dags/settings.yaml:27:3: error: tables: 'data/x.csv' and 'x.csv' would have the same file 'x'
dags/settings.yaml:30:27: error: formats: 'xlsx' is not one of csv, arrow, arrows, jsonl
dags/settings.yaml:31:64: error: formats: there is none; name at least one
dags/settings.yaml:32:3: error: files: 'data/x.csv' and 'x.csv' would both be the variable DAGRUN_INPUT_X_CSV
dags/settings.yaml:32:3: error: files: 'x.y' and 'x_y' would both be the variable DAGRUN_OUTPUT_X_Y
dags/settings.yaml:37:67: error: env: 'B=C' cannot be the name of a variable
F
)

it "right definitions pass"
rm -r dags expectations; mkdir dags expectations
dag good <<'Y'
tasks:
  a: {plugin: noop}
Y
expect_exit 0 dagrun check
out_has "1 DAG and 0 suites are right"
finish
