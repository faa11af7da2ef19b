#!/bin/bash
# dagrun view: what authors of views see.
. "$(dirname "$0")/lib.sh"
new_home view
views=$source_dir/dags/fhir_ingest/views bundle=$source_dir/data/fhir/patient_00001.json

it "check says that the shipped views are right"
expect_exit 0 dagrun view check "$views"
out_has "$(find "$views" -name '*.yaml' | wc -l) views are right"

it "check names file, line, column, view, column of the view and place in the path"
cat >wrong.yaml <<'END'
name: wrong
resource: Patient
select:
  - column:
      - {name: id, path: getResourceKey(), type: string}
      - {name: family, path: name.frist().family, type: string}
  - forEech: address
END
expect_exit 3 dagrun view check wrong.yaml
err_has "wrong.yaml:6:30: error: view 'wrong': column 'family': path 'name.frist().family', character 6: there is no function 'frist'; did you mean 'first'?"
err_has "wrong.yaml:7:5"
err_has "forEach"

it "a folder is checked as the tables that it makes"
mkdir two
printf 'resource: Patient\nname: p\nselect: [{column: [{name: id, path: id}]}]\n' >two/a.yaml
printf 'resource: Patient\nname: P\nselect: [{column: [{name: id, path: getResourceKey()}]}]\n' >two/b.json
expect_exit 3 dagrun view check two
err_has "a view that is to become a table needs a column with the key of its resource"
err_has "view 'P' is in two/a.yaml too"
expect_exit 3 dagrun view check none.yaml
err_has none.yaml

cat >names.yaml <<'END'
resource: Patient
select:
  - column:
      - {name: id, path: getResourceKey(), type: string}
      - {name: given, path: name.given, type: string, collection: true}
      - {name: male, path: gender = 'male', type: boolean}
      - {name: note, path: "'a \"b\", c'", type: string}
      - {name: nothing, path: "{}"}
END
id=$(sqlite3 :memory: "SELECT json_extract(CAST(readfile('$bundle') AS TEXT), '$.entry[0].resource.id')")

it "run prints CSV"
expect_exit 0 dagrun view run names.yaml "$bundle"
is header "$(head -n 1 "$out")" "id,given,male,note,nothing"
case $(sed -n 2p "$out") in "$id,\"[\"\""*']",'*',"a ""b"", c",') ;; *) show "$out" ;; esac
is rows "$(wc -l <"$out")" 2

it "run prints a line of JSON for each row"
expect_exit 0 dagrun view run names.yaml "$bundle" "$source_dir/data/fhir/patient_00002.json" --json
is rows "$(wc -l <"$out")" 2
head -n 1 "$out" >one.json
json_is one.json '$.id' "$id"
json_is one.json '$.note' 'a "b", c'

it "--limit ends early, --output writes to a file"
expect_exit 0 dagrun view run "$views/observation.yaml" "$source_dir"/data/fhir/*.json -n 3 -o rows.csv
is rows "$(wc -l <rows.csv)" 4

it "a resource that does not fit is named with its file and entry"
printf 'resource: Patient\nselect: [{column: [{name: g, path: name.given}]}]\n' >many.yaml
printf '{"resourceType": "Patient", "id": "x", "name": [{"given": ["a", "b"]}]}' >x.json
expect_exit 1 dagrun view run many.yaml x.json
err_has "x.json, entry 0 (Patient x): view 'many', column 'g': the path gives 2 values"

it "what is no FHIR resource is refused with its place"
printf '{"resourceType": "Patient",}' >bad.json
expect_exit 1 dagrun view run names.yaml bad.json
err_has "bad.json:1:28"
printf '[1]' >list.json
expect_exit 1 dagrun view run names.yaml list.json
err_has "a FHIR resource is a JSON object"
expect_exit 4 dagrun view run names.yaml gone.json
expect_exit 2 dagrun view run names.yaml
expect_exit 2 dagrun view look names.yaml
finish
