#!/bin/bash
# dagrun-generate: the same options give the same bytes; every option does what
# it says; and the sample in data/ is what it makes.
. "$(dirname "$0")/lib.sh"
cd "$scratch" || exit 1
hash_of() { sha256sum <"$1" | cut -c1-16; }

it "the same seed gives the same files, another seed others"
expect_exit 0 generate --rows 500 --seed 7 --out a
expect_exit 0 generate --rows 500 --seed 7 --out b
expect_exit 0 generate --rows 500 --seed 8 --out c
same_file a/vitals_2024.csv b/vitals_2024.csv
same_file a/lab_results_2024.csv b/lab_results_2024.csv
! cmp -s a/vitals_2024.csv c/vitals_2024.csv || note "another seed gave the same file"

it "the bytes are the same on every machine"
expect_exit 0 generate --rows 1000 --seed 1 --kind vitals --structure clean
is "vitals" "$(hash_of "$out")" "$(cat "$expected/generated_vitals.hash")"
expect_exit 0 generate --rows 1000 --seed 1 --kind labs --structure clean
is "labs" "$(hash_of "$out")" "$(cat "$expected/generated_labs.hash")"

it "--rows counts records, --kind writes one kind to standard output"
expect_exit 0 generate --rows 321 --kind labs --structure clean
is "records" "$(($(wc -l <"$out") - 1))" 321
is "header" "$(head -1 "$out")" "hospital_id,test_date,patient_id,test_type,result_value,reference_range,unit"
expect_exit 0 generate --rows 0 --kind vitals --structure clean
is "lines of no records" "$(wc -l <"$out")" 1

it "--dirt 0 makes files in which every check passes"
expect_exit 0 generate --rows 2000 --dirt 0 --structure clean --out clean
cp -R "$source_dir/expectations" .
# Two records may share a key by chance: the last check is left out.
sed -i 's/mostly: 0\.[0-9]*/mostly: 1/; /expect_compound/,$d' expectations/*.yaml
for pair in vitals:vitals_2024 lab_results:lab_results_2024; do
    expect_exit 0 dagrun expect "expectations/${pair%:*}.yaml" "clean/${pair#*:}.csv" --strict
done

it "--dirt 1 damages every record that can be"
expect_exit 0 generate --rows 2000 --dirt 1 --out dirty
expect_exit 1 dagrun expect expectations/vitals.yaml dirty/vitals_2024.csv

it "--year, --hospitals and --patients are obeyed"
expect_exit 0 generate --rows 300 --dirt 0 --structure clean --kind vitals --year 2021 --hospitals 2 --patients 10
is "years" "$(tail -n +2 "$out" | cut -d, -f2 | cut -c1-4 | sort -u)" 2021
is "hospitals" "$(tail -n +2 "$out" | cut -d, -f1 | sort -u | wc -l)" 2
is "at most ten patients" "$(($(tail -n +2 "$out" | cut -d, -f3 | sort -u | wc -l) <= 10))" 1

# Of its own processor's time, and against what fewer records take: others may have work, too.
it "200,000 records take a moment"
milliseconds() { # COMMAND...
    local TIMEFORMAT=%3U used
    used=$({ time "$@" >/dev/null 2>"$err"; } 2>&1)
    echo $((10#${used/./}))
}
few=$(milliseconds generate --rows 20000 --out large)
many=$(milliseconds generate --rows 200000 --out large)
[ "$many" -lt $((30 * few + 1000)) ] || note "$many ms, where a tenth of them takes $few ms"
is "files" "$(ls large | wc -l)" 2

for bad in "--rows -1" "--rows many" "--dirt 2" "--kind xrays" "--structure odd" "--frobnicate" "" "word"; do
    it "refuses: dagrun-generate $bad"
    # shellcheck disable=SC2086
    expect_exit 2 generate $bad
    [ -s "$err" ] || note "it said nothing"
done

it "a folder that cannot be written"
echo >file
generate --rows 1 --out file/x >"$out" 2>"$err"
is "the exit code is not 0" "$(($? != 0))" 1
err_has "file"
finish
