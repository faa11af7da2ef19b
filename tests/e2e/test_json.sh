#!/bin/bash
# JSON lines and documents from end to end: dagrun expect on them, tasks that read
# them, and the export that writes them.
. "$(dirname "$0")/lib.sh"
new_home json
cat >data/visits.jsonl <<'J'
{"visit_id":1,"clinic":{"name":"north","beds":20},"minutes":20.5,"note":"a"}
{"visit_id":2,"clinic":{"name":"so\"uth","beds":null},"minutes":35,"note":7}
{"visit_id":2,"clinic":{"name":"north","beds":3},"minutes":1,"note":null}
J
cat >checks.yaml <<'Y'
suite: checks
expectations:
  - expect_column_values_to_be_unique: {column: visit_id}
  - expect_column_values_to_be_between: {column: minutes, max_value: 30}
  - expect_column_values_to_be_in_set: {column: clinic.name, value_set: [north, 'so"uth']}
  - expect_column_values_to_not_be_null: {column: clinic.beds}
  - expect_column_values_to_be_in_set: {column: note, value_set: ["a", 7]}
Y
check_results() {
    json_valid "$out"
    json_is "$out" '$.results[0].result.unexpected_count' 2
    json_is "$out" '$.results[1].result.unexpected_count' 1
    json_is "$out" '$.results[2].success' 1
    json_is "$out" '$.results[3].result.unexpected_count' 1
    json_is "$out" '$.results[4].success' 1
}

it "a suite runs on JSON lines, nested members by their path, mixed values by their kinds"
expect_exit 1 dagrun expect checks.yaml data/visits.jsonl --json
check_results

it "the same records in an array and compressed give the same"
{ echo '['; sed '1,2s/$/,/' data/visits.jsonl; echo ']'; } >data/visits.json
expect_exit 1 dagrun expect checks.yaml data/visits.json --json
check_results
gzip -k data/visits.jsonl
expect_exit 1 dagrun expect checks.yaml data/visits.jsonl.gz --json
check_results

it "a line that is not JSON is named, or kept aside"
cp data/visits.jsonl data/bad.jsonl
echo '{"visit_id":3,}' >>data/bad.jsonl
expect_exit 1 dagrun expect checks.yaml data/bad.jsonl --strict
err_has "bad.jsonl:4:15: expected a key in '\"', found '}'"
expect_exit 1 dagrun expect checks.yaml data/bad.jsonl --json
check_results

it "a DAG reads JSON lines and exports them again, the same rows"
mkdir -p dags
cat >dags/again.yaml <<'Y'
dag_id: again
tasks:
  clean:
    plugin: transform
    inputs: {table: data/visits.jsonl}
    with: {steps: [{trim: {columns: [clinic.name]}}]}
    outputs: {clean: visits}
  export:
    plugin: export
    inputs: {tables: [visits]}
    with: {formats: [jsonl, csv]}
Y
expect_exit 0 dagrun run again
cat >expected.jsonl <<'J'
{"visit_id":1,"clinic.name":"north","clinic.beds":20,"minutes":20.5,"note":"\"a\""}
{"visit_id":2,"clinic.name":"so\"uth","clinic.beds":null,"minutes":35,"note":"7"}
{"visit_id":2,"clinic.name":"north","clinic.beds":3,"minutes":1,"note":null}
J
same_file expected.jsonl var/published/again/latest/visits.jsonl
finish
