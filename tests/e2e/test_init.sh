#!/bin/bash
# dagrun init: a new home whose example passes its check and its run.
. "$(dirname "$0")/lib.sh"
cd "$scratch" || exit 1

it "init makes a home in a new folder and says what to do next"
expect_exit 0 dagrun init pipelines
out_has "cd pipelines"
cd pipelines || exit 1
expect_exit 0 dagrun check
out_has "1 DAG and 1 suite are right"
err_empty
expect_exit 0 dagrun run example
err_empty
sql_is var/dagrun.db "SELECT state, tasks_failed, checks, checks_failed FROM v_run" "success|0|4|0"
sql_is var/warehouse.db "SELECT group_concat(clinic || visits) FROM visits_per_clinic" north2,south2
has_file "$(last_good_report)"

it "init in a folder that has something of the kind changes nothing"
echo '# mine' >dags/example.yaml
expect_exit 5 dagrun init
err_has "dags/example.yaml"
err_has "--force"
is "the file" "$(cat dags/example.yaml)" '# mine'
expect_exit 0 dagrun init --force
expect_exit 0 dagrun check

it "init in an empty folder, without a word"
mkdir "$scratch/empty" && cd "$scratch/empty" || exit 1
expect_exit 0 dagrun init
expect_exit 0 dagrun run example

it "a path with blanks, quotes and letters of any language works"
folder="$scratch/my 'own' pípelinès"
expect_exit 0 dagrun init "$folder"
cd "$folder" || exit 1
expect_exit 0 dagrun run example
has_file "$(last_good_report)"
expect_exit 0 dagrun crontab

it "a home that is a link works"
ln -s "$folder" "$scratch/link"
cd "$scratch/link" || exit 1
expect_exit 0 dagrun run example
expect_exit 0 dagrun --home "$scratch/link" status example

it "init where nothing can be made says so"
echo text >"$scratch/file"
expect_exit 6 dagrun init "$scratch/file/home"
err_has "Not a directory"
finish
