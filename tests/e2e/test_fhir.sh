#!/bin/bash
# fhir_ingest: bundles become tables; what changes is changed, what vanishes vanishes, what
# is wrong is set aside; and the counts are those of an independent computation.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/postgres.sh"

fhir_home() { # NAME: the DAG with its views, suites and sample
    new_home "$1"
    cp -R "$source_dir"/dags/fhir_ingest* dags/
    cp "$source_dir"/expectations/fhir_*.yaml expectations/
    cp -R "$source_dir"/data/fhir data/
}
db=var/fhir.db
load() { dagrun run fhir_ingest --plain "$@"; }
# The resources of all files, as SQLite's own JSON functions see them.
resources() {
    local file
    for file in data/fhir/*.json; do
        sqlite3 -batch :memory: "SELECT json_extract(e.value, '$.resource.resourceType')
            FROM json_each(CAST(readfile('$file') AS TEXT), '$.entry') e"
    done | sort | uniq -c | awk '{ print $2 "|" $1 "|0" }'
}
# A number over all entries of all files: SUM_OF SQL-EXPRESSION with r the resource.
sum_of() {
    local file total=0 n
    for file in data/fhir/*.json; do
        n=$(sqlite3 -batch :memory: "SELECT coalesce(sum($1), 0) FROM (SELECT json_extract(e.value, '$.resource') AS r
            FROM json_each(CAST(readfile('$file') AS TEXT), '$.entry') e)")
        total=$((total + n))
    done
    echo $total
}
items() { echo "CASE WHEN json_extract(r, '$.resourceType') = '$1' THEN coalesce(json_array_length(r, '$.$2'), 0) END"; }
check_counts() {
    is "resources by type" "$(sql $db 'SELECT * FROM fhir_reconciliation')" "$(resources)"
    while read -r table type path; do
        is "rows of $table" "$(sql $db "SELECT count(*) FROM $table")" "$(sum_of "$(items "$type" "$path")")"
    done <<END
patient_name Patient name
patient_identifier Patient identifier
patient_address Patient address
patient_telecom Patient telecom
encounter_participant Encounter participant
observation_component Observation component
claim_item Claim item
explanation_of_benefit_item ExplanationOfBenefit item
diagnostic_report_result DiagnosticReport result
care_plan_activity CarePlan activity
care_team_participant CareTeam participant
imaging_series ImagingStudy series
allergy_reaction AllergyIntolerance reaction
END
    local type table
    while IFS='|' read -r type table; do
        is "rows of $table" "$(sql $db "SELECT count(*) FROM $table")" \
            "$(sql $db "SELECT count(*) FROM fhir_resource WHERE resource_type = '$type'")"
    done < <(sed -n 's/^name: //p;s/^resource: //p' dags/fhir_ingest/views/*.yaml | paste - - | awk '
        { t = $1; r = $2; s = r; gsub(/[A-Z]/, "_&", s); s = tolower(substr(s, 2)); if (s == t) print r "|" t }')
    local n
    n=$(sum_of "CASE json_extract(r, '$.resourceType') WHEN 'Observation'
        THEN cast(round(1000 * coalesce(json_extract(r, '$.valueQuantity.value'), 0)) AS INTEGER) END")
    is "the sum of all observed values" "$(sql $db 'SELECT sum(cast(round(1000 * coalesce(value, 0)) AS INTEGER))
        FROM observation')" "$n"
}

fhir_home fhir
it "loads the sample with one command"
expect_exit 0 load
out_has "report: "
check_counts

it "joins: references through urn:uuid give the keys of their targets"
for table in encounter condition observation procedure claim medication_request diagnostic_report; do
    sql_is $db "SELECT count(*) FROM $table WHERE patient_id IS NULL OR patient_id NOT IN (SELECT patient_id FROM patient)" 0
done
sql_is $db "SELECT count(*) FROM observation WHERE encounter_id NOT IN (SELECT encounter_id FROM encounter)" 0
sql_is $db "SELECT count(*) FROM diagnostic_report_result WHERE observation_id NOT IN (SELECT observation_id FROM observation)" 0
sql_is $db "SELECT count(*) FROM explanation_of_benefit WHERE claim_id NOT IN (SELECT claim_id FROM claim)" 0

it "keeps the text of decimals, and partial dates with their ranges"
sql_is $db "SELECT count(*) FROM observation WHERE value_text LIKE '%.%0' AND value = cast(value_text AS REAL)" \
    "$(sql $db "SELECT count(*) FROM observation WHERE value_text LIKE '%.%0'")"
sql_is $db "SELECT count(*) > 0 FROM observation WHERE value_text LIKE '%.%0'" 1
sql_is $db "SELECT count(*) > 0 FROM patient WHERE length(birth_date) = 4 AND birth_date_low = birth_date || '-01-01'
    AND birth_date_high = birth_date || '-12-31'" 1
sql_is $db "SELECT count(*) > 0 FROM patient WHERE length(birth_date) = 7 AND birth_date_low = birth_date || '-01'" 1

it "practitioners, organisations and locations come from references, with their identifiers"
sql_is $db "SELECT count(*) > 0 AND min(practitioner_id = 'Practitioner?identifier=' || identifier_system || '|' || identifier_value
    OR practitioner_id = resource_id) FROM practitioner" 1
sql_is $db "SELECT count(*) FROM practitioner WHERE practitioner_id LIKE '%?%' AND resource_id IS NOT NULL" \
    "$(sql $db "SELECT count(DISTINCT identifier_value) FROM practitioner_resource")"
sql_is $db "SELECT count(*) FROM encounter_participant WHERE practitioner_id NOT IN (SELECT practitioner_id FROM practitioner)" 0
sql_is $db "SELECT count(*) FROM encounter WHERE service_provider_id NOT IN (SELECT organization_id FROM organization)" 0
sql_is $db "SELECT count(*) FROM encounter_location WHERE location_id NOT IN (SELECT location_id FROM location)" 0

it "every view answers"
for view in $(sql $db "SELECT name FROM sqlite_schema WHERE type = 'view'"); do
    case $(sql $db "SELECT count(*) >= 0 FROM $view") in 1) ;; *) note "$view: $(sql $db "SELECT count(*) FROM $view")" ;; esac
done
sql_is $db "SELECT count(*) - count(DISTINCT patient_id || code) FROM latest_vitals" 0
sql_is $db "SELECT count(*) FROM latest_vitals l JOIN observation o USING (patient_id, code)
    WHERE julianday(o.effective) > julianday(l.effective)" 0

it "vital signs and medications without a code are each by themselves, and partial dates have their place"
new_home others
cp -R "$source_dir"/dags/fhir_ingest* dags/
cp "$source_dir"/expectations/fhir_*.yaml expectations/
mkdir data/fhir
{
    vital() { # ID CODE VALUE MEMBERS
        echo "{\"resource\":{\"resourceType\":\"Observation\",\"id\":\"$1\",\"status\":\"final\",\"category\":[{\"coding\":[{\"code\":\"vital-signs\"}]}],
            \"subject\":{\"reference\":\"Patient/1\"},\"code\":$2,\"valueQuantity\":{\"value\":$3},$4}},"
    }
    drug() { # ID MEDICATION WHEN
        echo "{\"resource\":{\"resourceType\":\"MedicationRequest\",\"id\":\"$1\",\"status\":\"active\",\"subject\":{\"reference\":\"Patient/1\"},
            \"authoredOn\":\"$3\",$2}},"
    }
    coded() { echo "{\"coding\":[{\"system\":\"http://loinc.org\",\"code\":\"$1\"}]}"; }
    echo '{"resourceType":"Bundle","type":"collection","entry":['
    vital year-old "$(coded 8867-4)" 80 '"effectiveDateTime":"2023-01-01T10:00:00Z"'
    vital year "$(coded 8867-4)" 90 '"effectiveDateTime":"2024"'
    vital month-old "$(coded 8310-5)" 36 '"effectiveDateTime":"2024-05-01"'
    vital month "$(coded 8310-5)" 37 '"effectiveDateTime":"2024-06"'
    vital period-old "$(coded 29463-7)" 71 '"effectiveDateTime":"2023-06-01T10:00:00Z"'
    vital period "$(coded 29463-7)" 70 '"effectivePeriod":{"start":"2024-06-01T10:00:00Z"}'
    vital instant-old "$(coded 8302-2)" 170 '"effectiveDateTime":"2024-05-01T10:00:00Z"'
    vital instant "$(coded 8302-2)" 171 '"effectiveInstant":"2024-06-01T10:00:00.5Z"'
    vital pain '{"text":"pain score"}' 1 '"effectiveDateTime":"2024-01-01"'
    vital mood '{"text":"mood score"}' 2 '"effectiveDateTime":"2024-01-02"'
    drug aspirin '"medicationCodeableConcept":{"text":"Aspirin"}' 2024-01-01
    drug ibuprofen '"medicationCodeableConcept":{"text":"Ibuprofen"}' 2024-01-02
    drug coded-old '"medicationCodeableConcept":{"coding":[{"code":"111","display":"Drug"}]}' 2023-12-01
    drug coded '"medicationCodeableConcept":{"coding":[{"code":"111","display":"Drug"}]}' 2024
    drug inside '"medicationReference":{"reference":"#c1"},"contained":[{"resourceType":"Medication","id":"c1"}]' 2024-02-01
    drug named '"medicationReference":{"reference":"Medication/named"}' 2024-02-01
    drug display '"medicationReference":{"display":"only a name"}' 2024-02-01
    echo '{"resource":{"resourceType":"Medication","id":"named","code":{"text":"Named"}}}]}'
} >data/fhir/others.json
expect_exit 0 load
sql_is $db "SELECT observation_id, effective, code_display FROM latest_vitals ORDER BY 1" "instant|2024-06-01T10:00:00.5Z|
month|2024-06|
mood|2024-01-02|mood score
pain|2024-01-01|pain score
period|2024-06-01T10:00:00Z|
year|2024|"
sql_is $db "SELECT medication_request_id, medication_display FROM medication_list ORDER BY 1" "aspirin|Aspirin
coded|Drug
display|
ibuprofen|Ibuprofen
inside|
named|Named"
cd "$scratch/fhir" || exit 1

it "the account adds up for each type"
sql_is var/dagrun.db "SELECT count(*) > 10 AND sum(raw) = sum(clean) AND sum(abs(missing)) = 0 FROM v_row_account
    WHERE dataset = 'fhir'" 1

it "files that have not changed are passed over"
cp $db before.db
expect_exit 0 load
sql_is $db "SELECT count(*) - count(loaded_at) FROM fhir_file" 0
sql_is $db "ATTACH 'before.db' AS b; SELECT count(*) FROM (SELECT * FROM fhir_file EXCEPT SELECT * FROM b.fhir_file)" 0

# edit FILE SQL: the bundle with its entries' text changed
edit() {
    sqlite3 -batch :memory: "SELECT json_set(t, '$.entry', (SELECT json_group_array(json(v)) FROM ($2)))
        FROM (SELECT CAST(readfile('$1') AS TEXT) AS t)" >"$1.new" && mv "$1.new" "$1"
}
entries="SELECT e.value AS v FROM json_each(CAST(readfile('data/fhir/patient_00001.json') AS TEXT), '\$.entry') e"

it "a patient that comes again is updated, and child rows that are gone vanish"
one=data/fhir/patient_00001.json
names=$(sql $db "SELECT count(*) FROM patient_name")
edit $one "SELECT CASE json_extract(v, '\$.resource.resourceType') WHEN 'Patient' THEN json_set(v, '\$.resource.gender', 'other',
    '\$.resource.name', json('[]')) ELSE v END AS v FROM ($entries)"
gone=$(sql $db "SELECT count(*) FROM patient_name WHERE patient_id IN (SELECT resource_key FROM fhir_resource
    JOIN fhir_file USING (file_id) WHERE path = '$one')")
expect_exit 0 load
sql_is $db "SELECT count(*) FROM patient WHERE gender = 'other'" 1
sql_is $db "SELECT count(*) FROM patient" 6
is names "$(sql $db "SELECT count(*) FROM patient_name")" "$((names - gone))"
check_counts

it "a resource that its file no longer has vanishes with its rows"
edit $one "SELECT v FROM ($entries) WHERE json_extract(v, '\$.resource.resourceType') NOT IN ('Observation', 'Claim')"
expect_exit 0 load
check_counts

it "a resource that another file has too stays, in that file's version"
printf '{"resourceType": "Location", "id": "shared", "name": "first"}' >data/fhir/l_1.json
expect_exit 0 load
printf '{"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Location", "id": "shared", "name": "second"}}]}' >data/fhir/l_2.json
expect_exit 0 load
sql_is $db "SELECT name FROM location_resource WHERE location_id = 'shared'" second
printf '{"resourceType": "Bundle", "entry": []}' >data/fhir/l_2.json
expect_exit 0 load
sql_is $db "SELECT count(*) FROM location_resource WHERE location_id = 'shared'" 1
expect_exit 0 load
sql_is $db "SELECT name FROM location_resource WHERE location_id = 'shared'" first
printf '{"resourceType": "Bundle", "entry": []}' >data/fhir/l_1.json
expect_exit 0 load
sql_is $db "SELECT count(*) FROM location_resource WHERE location_id = 'shared'" 0
rm data/fhir/l_?.json

it "the same resource in an older version does not come back"
sqlite3 -batch :memory: "SELECT json_set(json_extract(CAST(readfile('data/fhir/patient_00002.json') AS TEXT), '\$.entry[0].resource'),
    '\$.meta.lastUpdated', '2020-01-01T00:00:00Z', '\$.gender', 'unknown')" >data/fhir/x_old.json
expect_exit 0 load
sql_is $db "SELECT count(*) FROM patient WHERE gender = 'unknown'" 0
sql_is var/dagrun.db "SELECT duplicates FROM v_row_account WHERE dataset = 'fhir' AND group_name = 'Patient'
    ORDER BY run_key DESC LIMIT 1" 1
rm data/fhir/x_old.json

it "a folder that is not there fails the run, one that is empty does not"
mkdir nothing
expect_exit 0 load --param files=nothing
expect_exit 1 load --param files=nowhere
out_has "there is no file or folder 'nowhere'"
expect_exit 1 load --param files=
out_has "files: a folder, a file or a pattern expected"

it "a broken file is set aside with its reason and the others load; the run says so by its exit code"
cp data/fhir/patient_00003.json data/fhir/y_new.json
sed -i 's/"id": "/"id": "copy-/; s/urn:uuid:/urn:uuid:copy-/g' data/fhir/y_new.json
head -c 5000 data/fhir/patient_00003.json >data/fhir/z_broken.json
expect_exit 1 load
sql_is $db "SELECT problem LIKE 'data/fhir/z_broken.json:%' FROM fhir_file WHERE path = 'data/fhir/z_broken.json'" 1
sql_is $db "SELECT count(*) FROM fhir_file WHERE path = 'data/fhir/y_new.json' AND problem IS NULL" 1
sql_is $db "SELECT count(*) > 0 FROM patient WHERE patient_id LIKE 'copy-%'" 1
out_has "report: "
rm data/fhir/y_new.json data/fhir/z_broken.json

fhir_home broken_resource
it "a broken resource is set aside with its reason, and its neighbours load"
expect_exit 0 load
before=$(sql $db "SELECT value FROM observation ORDER BY observation_id LIMIT 1")
edit $one "SELECT CASE WHEN json_extract(v, '\$.resource.resourceType') = 'Encounter' THEN json_set(v, '\$.resource.status', json('[\"a\",\"b\"]'))
    ELSE v END AS v FROM ($entries)"
broken=$(sql :memory: "SELECT count(*) FROM ($entries) WHERE json_extract(v, '\$.resource.resourceType') = 'Encounter'")
expect_exit 1 load
sql_is $db "SELECT count(*) FROM fhir_quarantine WHERE resource_type = 'Encounter'
    AND reason LIKE '%view ''encounter'', column ''status''%2 values%'" "$broken"
sql_is $db "SELECT count(*) FROM encounter" "$(sql $db "SELECT count(*) FROM fhir_resource WHERE resource_type = 'Encounter'")"
sql_is var/dagrun.db "SELECT sum(raw) - sum(clean) - sum(quarantined) - sum(duplicates) FROM v_row_account
    WHERE dataset = 'fhir'" 0
for text in "view 'encounter', column 'status'" "<td>$one"; do
    grep -qF "$text" reports/fhir_ingest/latest/index.html || note "the report does not say which and why: $text"
done

it "what is set aside stands with its last good version, and the repaired file clears it"
is "first value" "$(sql $db "SELECT value FROM observation ORDER BY observation_id LIMIT 1")" "$before"
cp "$source_dir/$one" $one
expect_exit 0 load
sql_is $db "SELECT count(*) FROM fhir_quarantine" 0
check_counts

it "a comment in a view changes nothing"
sed -i '1i # A comment.' dags/fhir_ingest/views/*.yaml
expect_exit 0 load

it "the copy into PostgreSQL that the documentation shows has the same rows, and follows what changes"
if start_postgres; then
    awk '/^```yaml/ { on = 1; next } /^```/ { on = 0 } on' "$source_dir/docs/pipelines/fhir_ingest.md" |
        awk '/^# dags\/fhir_copy.yaml/ { on = 1 } on' >dags/fhir_copy.yaml
    fhir_copy() {
        expect_exit 0 clean_env DAGRUN_CONN_POSTGRES="$postgres_uri" DAGRUN_CONN_FHIR=sqlite:$db "$build/dagrun" run fhir_copy --plain
        for query in "SELECT patient_id, family, given, birth_date, active FROM patient ORDER BY 1" \
            "SELECT * FROM patient_name ORDER BY patient_id, _row" "SELECT * FROM encounter ORDER BY 1" \
            "SELECT observation_id, value_text, value = CAST(value_text AS double precision) FROM observation ORDER BY 1"; do
            sql $db "$query" >"$scratch/wanted"
            psql_do "$query" | sed -E 's/\|t$/|1/' >"$scratch/got"
            has_file "$scratch/wanted"
            same_file "$scratch/wanted" "$scratch/got"
        done
    }
    fhir_copy
    sql $db "UPDATE patient SET family = 'Changed' WHERE patient_id = (SELECT min(patient_id) FROM patient)"
    sql $db "DELETE FROM patient_name WHERE patient_id = (SELECT max(patient_id) FROM patient)"
    fhir_copy
else
    skip "PostgreSQL is not installed"
fi

it "other views need a rebuild, which loads every file again"
sed -i 's/name: gender, /name: sex, /' dags/fhir_ingest/views/patient.yaml
expect_exit 1 load
case $(reason_of load_bundles) in *rebuild*) ;; *) note "the reason: $(reason_of load_bundles)" ;; esac
expect_exit 0 load --param rebuild=true
sql_is $db "SELECT count(sex) FROM patient" 6

it "a value that the database refuses sets its resource aside with the database's reason"
sed -i 's|name: sex, path: gender, type: code|&, tag: [{name: ansi/type, value: INTEGER}]|' dags/fhir_ingest/views/patient.yaml
expect_exit 1 load --param rebuild=true
sql_is $db "SELECT count(*) FROM fhir_quarantine WHERE resource_type = 'Patient'
    AND reason LIKE 'table ''patient'': %cannot store TEXT value in INTEGER column patient.sex%'" 6
sql_is $db "SELECT (SELECT count(*) FROM patient) + (SELECT count(*) FROM patient_name)" 0
sql_is $db "SELECT count(*) FROM encounter" "$(sql $db "SELECT count(*) FROM fhir_resource WHERE resource_type = 'Encounter'")"

it "a table that somebody else made is neither written to nor dropped"
sql other.db "CREATE TABLE encounter (a); INSERT INTO encounter VALUES (1)"
for rebuild in false true; do
    expect_exit 1 load --param database=other.db --param rebuild=$rebuild
    case $(reason_of load_bundles) in *"has a table 'encounter' that this load did not make"*) ;; *) note "the reason: $(reason_of load_bundles)" ;; esac
    sql_is other.db "SELECT group_concat(name) FROM sqlite_schema" encounter
    sql_is other.db "SELECT * FROM encounter" 1
done

it "a view that is wrong is refused before anything is read"
sed -i 's/path: status,/path: "status.frist()",/' dags/fhir_ingest/views/claim.yaml
expect_exit 1 load
case $(reason_of load_bundles) in *"did you mean 'first'?"*) ;; *) note "the reason: $(reason_of load_bundles)" ;; esac

fhir_home hostile
rm data/fhir/*
bundle() { # RESOURCE...: a bundle of them on standard output
    local IFS=,
    printf '{"resourceType": "Bundle", "entry": [%s]}' "${*/#/{\"resource\": }"
}
patient() { printf '{"resourceType": "Patient", "id": %s%s}}' "$1" "${2:+, $2}"; }
repeated() { # TEXT TIMES
    head -c "$2" /dev/zero | sed "s/\\x00/$1/g"
}
set_aside() { # FILE: where and why, and the file as a whole as -1
    sql $db "SELECT entry || ' ' || coalesce(resource_type, '?') || ' ' || reason FROM fhir_quarantine JOIN fhir_file USING (file_id)
        WHERE path = 'data/fhir/$1' ORDER BY entry"
}
it "hostile files: each is loaded or set aside with its reason, and none touches another"
bundle "$(patient '""')" '{"resourceType": "Patient"}}' "$(patient 7)" "$(patient '"good"')" '{"id": "x"}}' >data/fhir/keys.json
bundle "$(patient '"twice"' '"gender": "male"')" "$(patient '"twice"' '"gender": "female"')" "$(patient '"twice"' '"gender": "female"')" >data/fhir/twice.json
printf '{"resourceType": "Bundle", "entry": [null, 1, "x", [], {}, {"resource": null}, {"resource": []}]}' >data/fhir/entries.json
printf '{"resourceType": "Bundle", "entry": {"resource": %s}' "$(patient '"x"')" >data/fhir/object.json
bundle "$(patient '"deep"' "\"extension\": $(repeated '[{"extension":' 50000)$(repeated '}]' 50000)")" >data/fhir/deep.json
bundle "$(patient '"shallow"' "\"extension\": $(repeated '[{"extension":' 200)[]$(repeated '}]' 200)")" >data/fhir/shallow.json
size=100000000
under_sanitizer && size=5000000
{ printf '{"resourceType": "Patient", "id": "big", "gender": "' && head -c $size /dev/zero | tr '\0' x && printf '"}'; } >data/fhir/big.json
printf '{"resourceType": "Patient", "id": "k\374"}' >data/fhir/latin1.json
: >data/fhir/empty.json
bundle '{"resourceType": "Observation", "id": "huge", "valueQuantity": {"value": 1e400}}}' \
    '{"resourceType": "Observation", "id": "long", "valueQuantity": {"value": 0.'"$(repeated 1 60)"'}}}' >data/fhir/numbers.json
mkfifo data/fhir/pipe.json && mkdir data/fhir/folder.json && ln -s nowhere data/fhir/link.json
expect_exit 1 load
is "no files" "$(for name in pipe folder link; do set_aside $name.json; done)" "-1 ? 'data/fhir/pipe.json' is not a file
-1 ? 'data/fhir/folder.json' is not a file
-1 ? there is no file 'data/fhir/link.json'"
rm -r data/fhir/{pipe,folder,link}.json
is "keys" "$(set_aside keys.json)" "0 Patient the resource has neither an id nor a fullUrl
1 Patient the resource has neither an id nor a fullUrl
2 Patient the resource has neither an id nor a fullUrl
4 ? the resource has no resourceType"
is "entries" "$(set_aside entries.json | sort -u -k 2)" "0 ? the entry has no resource"
is "of one key, the last" "$(sql $db "SELECT count(*), max(gender) FROM patient WHERE patient_id = 'twice'")" "1|female"
for case in 'object.json:the Bundle'"'"'s entry is no list' 'deep.json:nested more than 512 deep' 'latin1.json:not valid UTF-8 (byte 0xfc)' \
    'empty.json:expected a value, but the text ends here'; do
    case $(set_aside "${case%%:*}") in "-1 ? "*"${case#*:}") ;; *) note "${case%%:*}: $(set_aside "${case%%:*}")" ;; esac
done
is "a number beyond all measure" "$(set_aside numbers.json)" "0 Observation table 'observation': column 'value': the number is too large for REAL"
sql_is $db "SELECT observation_id, length(value_text), value > 0.11 AND value < 0.12 FROM observation" "long|62|1"
sql_is $db "SELECT patient_id, coalesce(length(gender), 0) FROM patient ORDER BY 1" "big|$size
good|0
shallow|0
twice|6"
sql_is var/dagrun.db "SELECT sum(raw) - sum(clean) - sum(quarantined) - sum(duplicates) FROM v_row_account WHERE dataset = 'fhir'" 0

fhir_home names
it "files and folders whose names look like patterns are taken as they are"
rm -r data/fhir
mkdir -p 'data/fhir[1]'
bundle "$(patient '"a"')" >'data/fhir[1]/a.json'
bundle "$(patient '"b"')" >'data/b[2].json'
expect_exit 0 load --param 'files=data/fhir[1]'
sql_is $db "SELECT patient_id FROM patient" a
expect_exit 0 load --param 'files=data/b[2].json'
sql_is $db "SELECT count(*) FROM patient" 2

fhir_home killed
it "a run that is killed leaves whole files, and the next one ends as an undisturbed run would"
start=${EPOCHREALTIME/./}
expect_exit 0 load
took=$((${EPOCHREALTIME/./} - start)) killed=0
mv $db undisturbed.db
for _ in $(seq 1 40); do # until three kills have hit; after one that came too late the next one comes earlier
    rm -rf $db*
    become "$build/dagrun" run fhir_ingest --plain >/dev/null 2>&1 &
    delay=$(((RANDOM * 32768 + RANDOM) % took))
    sleep "$(printf '%d.%06d' $((delay / 1000000)) $((delay % 1000000)))"
    kill -KILL $! 2>/dev/null
    wait $! 2>/dev/null
    if [ $? = 137 ]; then killed=$((killed + 1)); else took=$((took * 3 / 4 + 1000)); fi
    expect_exit 0 dagrun run fhir_ingest --plain
    for table in patient observation claim_item fhir_resource; do
        columns='*'
        [ $table = fhir_resource ] && columns='resource_type, resource_key, hash'
        is "$table" "$(sql $db "ATTACH 'undisturbed.db' AS u; SELECT count(*) FROM (SELECT $columns FROM $table
            EXCEPT SELECT $columns FROM u.$table)")" 0
        is "$table" "$(sql $db "SELECT count(*) FROM $table")" "$(sql undisturbed.db "SELECT count(*) FROM $table")"
    done
    [ $killed -lt 3 ] || break
done
is "kills that hit" $killed 3

if [ -d "${DAGRUN_REAL_DATA:-}/fhir" ]; then
    fhir_home real
    rm -r data/fhir
    ln -s "$DAGRUN_REAL_DATA/fhir" data/fhir
    it "the files of a generator that is not ours: every count as SQLite's JSON functions have it"
    expect_exit 0 load
    check_counts
    sql_is $db "SELECT count(*) FROM observation WHERE patient_id NOT IN (SELECT patient_id FROM patient)" 0
else
    it "the files of a generator that is not ours"
    skip "DAGRUN_REAL_DATA is not set"
fi
finish
