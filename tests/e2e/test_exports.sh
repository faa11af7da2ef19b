#!/bin/bash
# The published files: CSV and Arrow hold what the warehouse holds.
. "$(dirname "$0")/lib.sh"
sample_home exports
tables='vitals_clean labs_clean vitals_monthly labs_monthly vitals_quarantined labs_quarantined vitals_rejected labs_rejected'
latest=var/published/healthcare_processing/latest

it "the run publishes each table as CSV and as Arrow"
expect_exit 0 dagrun run healthcare_processing
for table in $tables; do
    has_file $latest/$table.csv
    has_file $latest/$table.arrow
    is "$table.arrow begins as an Arrow file" "$(head -c 6 $latest/$table.arrow)" ARROW1
done

# Differences between two tables of text, both ways; values compared as numbers where they are.
differences() { # DB TABLE OTHER_TABLE COLUMNS
    sql "$1" "SELECT (SELECT count(*) FROM (SELECT $4 FROM $2 EXCEPT SELECT $4 FROM $3)) ||' '||
                     (SELECT count(*) FROM (SELECT $4 FROM $3 EXCEPT SELECT $4 FROM $2)) ||' '||
                     ((SELECT count(*) FROM $2) - (SELECT count(*) FROM $3))"
}
columns_of() { sql "$1" "SELECT group_concat(name, ', ') FROM pragma_table_info('$2')"; }

for table in $tables; do
    it "$table.csv holds what the warehouse holds"
    rm -f copy.db
    sqlite3 -batch var/warehouse.db ".clone copy.db" >/dev/null 2>&1
    schema=$(sql var/warehouse.db "SELECT sql FROM sqlite_schema WHERE name = '$table'")
    # The same columns, so that numbers written as text become numbers again; an empty field is missing.
    sqlite3 -batch copy.db "$(sed "1s/\"$table\"/from_csv/; s/ NOT NULL//; /PRIMARY KEY/d; s/) STRICT/, dummy)/" <<<"$schema" |
        tr '\n' ' ' | sed 's/,  *, dummy/, dummy/; s/, dummy//')" 2>"$err" || show "$err"
    sqlite3 -batch -csv copy.db ".import --skip 1 '$PWD/$latest/$table.csv' from_csv" 2>"$err" || show "$err"
    columns=$(columns_of var/warehouse.db $table)
    is "columns" "$(head -1 $latest/$table.csv)" "${columns//, /,}"
    for column in ${columns//,/}; do
        type=$(sql var/warehouse.db "SELECT type FROM pragma_table_info('$table') WHERE name = '$column'")
        sqlite3 -batch copy.db "UPDATE from_csv SET $column = CASE lower($column) WHEN '' THEN NULL
            WHEN 'true' THEN iif('$type' = 'INTEGER', 1, $column) WHEN 'false' THEN iif('$type' = 'INTEGER', 0, $column) ELSE $column END"
    done
    is "rows that differ" "$(differences copy.db $table from_csv "$columns")" "0 0 0"
done

it "the Arrow files hold it too, read by a task of another DAG"
echo 'connections: {again: {type: sqlite, path: var/again.db}}' >connections.yaml
{
    echo 'tasks:'
    for table in $tables; do
        echo "  ${table}_read:"
        echo '    plugin: sql'
        echo "    inputs: {tables: [$latest/$table.arrow]}"
        echo "    with: {query: 'SELECT * FROM \"$latest/$table.arrow\"'}"
        echo "    outputs: {result: ${table}_again}"
    done
    echo '  load:'
    echo '    plugin: load'
    echo "    inputs: {tables: [$(for table in $tables; do printf '%s_again, ' "$table"; done)]}"
    echo '    with: {connection: again}'
} | dag read_arrow
expect_exit 0 dagrun run read_arrow
for table in $tables; do
    is "$table: rows that differ" "$(sqlite3 -batch var/warehouse.db "ATTACH 'var/again.db' AS again" \
        "SELECT (SELECT count(*) FROM (SELECT * FROM $table EXCEPT SELECT *
            FROM again.${table}_again)) + abs((SELECT count(*) FROM $table) - (SELECT count(*)
            FROM again.${table}_again))" 2>&1)" 0
done

it "an export that fails leaves the last one in place"
before=$(readlink $latest)
sed -i 's/formats: \[csv, arrow\]/formats: [csv, parquet]/; s/retries: 2/retries: 0/' dags/healthcare_processing.yaml
expect_exit 1 dagrun run healthcare_processing
out_has "formats: 'parquet' is not one of csv, arrow, arrows, jsonl"
is "latest" "$(readlink $latest)" "$before"
is "no half an export is left" "$(find var/published/healthcare_processing -mindepth 1 -maxdepth 1 -type d | wc -l)" 1

it "a file is exported by its name, without its folder and ending"
printf 'a\n1\n' >data/some.csv
gzip -k data/some.csv && mv data/some.csv.gz data/packed.csv.gz
dag files <<'Y'
tasks:
  export:
    plugin: export
    inputs: {tables: [data/some.csv, data/packed.csv.gz]}
    with: {formats: [csv]}
Y
expect_exit 0 dagrun run files
is "files" "$(ls var/published/files/latest | tr '\n' ' ')" "packed.csv some.csv "

it "the latest exports are kept, and older ones removed with their files"
sed -i 's/formats: /keep: 2, formats: /' dags/files.yaml
mkdir -p var/published/files/{archive,letters.2023}
echo x | tee var/published/files/archive/a.csv >var/published/files/letters.2023/a.txt # not ours
for run in one two three; do expect_exit 0 dagrun run files --run-id $run; done
is "kept" "$(cd var/published/files && echo [a-z]*/*)" \
    "archive/a.csv latest/packed.csv latest/some.csv letters.2023/a.txt three.1/packed.csv three.1/some.csv two.1/packed.csv two.1/some.csv"
is "latest" "$(readlink var/published/files/latest)" three.1

it "an export that was killed before it was recorded writes into its folder again"
mkdir -p var/runs/files/four/export/state var/published/files/four.1
printf '%s' "$PWD/var/published/files/four.1" >var/runs/files/four/export/state/folder
echo half >var/published/files/four.1/some.csv
expect_exit 0 dagrun run files --run-id four
same_file data/some.csv var/published/files/latest/some.csv

it "a second export into the same folder is refused, and leaves the first one's files"
dag files <<'Y'
tasks:
  export: {plugin: export, inputs: {tables: [data/some.csv]}, with: {formats: [csv]}}
  more: {plugin: export, depends_on: export, inputs: {tables: [data/packed.csv.gz]}, with: {formats: [csv]}}
Y
expect_exit 1 dagrun run files
out_has "another export of this run has written"
is "files" "$(ls var/published/files/latest)" some.csv
sed -i '/more:/s/with: {/with: {folder: var\/more, /' dags/files.yaml
expect_exit 0 dagrun run files
is "files" "$(ls var/published/files/latest var/more/files/latest | grep csv | tr '\n' ' ')" "packed.csv some.csv "

it "what is wrong with a task as a whole, and only in this run, names its place"
mkdir data/other
cp data/some.csv data/other/
dag files <<'Y'
params: {more: data/packed.csv.gz}
tasks:
  export: {plugin: export, inputs: {tables: [data/some.csv, '${params.more}']}, with: {formats: [csv]}}
Y
expect_exit 1 dagrun run files --param more=data/other/some.csv
out_has "dags/files.yaml:4:3: tables: 'data/some.csv' and 'data/other/some.csv' would have the same file 'some'"
finish
