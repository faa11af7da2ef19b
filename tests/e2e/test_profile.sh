#!/bin/bash
# dagrun profile: what columns hold, and a proposed suite that passes on the
# sample's clean table and catches common damage.
. "$(dirname "$0")/lib.sh"
new_home profile
cp -r "$source_dir"/dags "$source_dir"/expectations "$source_dir"/data .
expect_exit 0 dagrun run healthcare_processing -q
sqlite3 -header -csv var/warehouse.db "SELECT * FROM vitals_clean" | tr -d '\r' >clean.csv

it "the columns' types, gaps, values and shapes are shown"
expect_exit 0 dagrun profile clean.csv
out_has "measurement_date"
out_has "A99999"
out_has "named by source_line"
expect_exit 0 dagrun profile clean.csv --json
json_valid "$out"
json_is "$out" '$.rows' "$(($(wc -l <clean.csv) - 1))"
json_is "$out" '$.columns[2].type' date
json_is "$out" '$.columns[5].type' float64
median=$(tail -n +2 clean.csv | cut -d, -f6 | sort -g | sed -n "$((($(wc -l <clean.csv)) / 2))p")
is "median" "$(printf '%g' "$(json "$out" '$.columns[5].median')")" "$(printf '%g' "$median")"

it "types are the narrowest that all texts spell"
printf 'code,n,x,yes,day,us,open,both,t,e\n007,1,1.5,true,2024-01-31,31.1.2024,3/4/2024,1,2024-01-31T10:00:00,\n' >types.csv
printf '008,-2,2e3,no,2024-02-29,1.2.2024,5/6/2024,x,2024-02-29,\n' >>types.csv
expect_exit 0 dagrun profile types.csv --json
for column in 0:text 1:int64 2:float64 3:bool 4:date 5:date 6:text 7:text 8:timestamp 9:empty; do
    json_is "$out" "\$.columns[${column%:*}].type" "${column#*:}"
done
expect_exit 0 clean_env DAGRUN_MEMORY_LIMIT=1 "$build/dagrun" profile types.csv
err_has "dagrun: warning: a profile holds all of types.csv, which may take 0 MB; DAGRUN_MEMORY_LIMIT is 0 MB"
expect_exit 2 clean_env DAGRUN_MEMORY_LIMIT=much "$build/dagrun" profile types.csv
expect_exit 6 dagrun profile none.csv -o nowhere/suite.yaml # told before anything is read
err_has "open 'nowhere/suite.yaml'"
expect_exit 0 dagrun profile types.csv --suite -o types.yaml
expect_exit 0 dagrun expect types.yaml types.csv

it "the most common values show placeholders of every type, and lists end where the terminal does"
{
    echo born,city
    for i in 1 2 3 4; do printf '2025-01-01,Bern\n%d-02-03,a rather long name of a city %d\n' $((1950 + i)) $i; done
} >born.csv
expect_exit 0 dagrun profile born.csv
out_has "2025-01-01 4, "
out_has "Bern 4, "
out_has ", ..."
is "lines longer than 100 columns" "$(grep -c '.\{101\}' "$out")" 0

it "the proposed suite passes on the file, and dagrun check accepts it"
expect_exit 0 dagrun profile clean.csv --suite -o expectations/proposed.yaml
expect_exit 0 dagrun expect proposed clean.csv
expect_exit 0 dagrun profile clean.csv --suite
sed 1d "$out" | diff - <(sed 1d expectations/proposed.yaml) >"$err" || show "$err"

it "also where the names of columns are long, and hold what YAML would read otherwise"
long=$(printf 'How often: {do you} # walk? %.0s' {1..50})
printf '"%s",b\n1,2\n3,4\n' "$long" >data/long.csv
expect_exit 0 dagrun profile data/long.csv --suite -o expectations/long.yaml
expect_exit 0 dagrun check
expect_exit 0 dagrun expect long data/long.csv
rm expectations/long.yaml

it "it catches at least 18 of 20 kinds of damage"
# hospital_id,patient_id,measurement_date,month,vital_type,value,unit,in_range,source_line
damage() { # NAME AWK_PROGRAM
    awk -F, -v OFS=, "$2" clean.csv >damaged.csv
    cmp -s clean.csv damaged.csv && note "$1: nothing was damaged"
    # Found is what a check says, not a file or a suite that could not be read.
    if [ "$(dagrun expect proposed damaged.csv --json 2>"$err" >"$out"; echo $?)" = 1 ] &&
        [ "$(json "$out" '$.statistics.unsuccessful_expectations')" -gt 0 ]; then
        caught=$((caught + 1))
    else
        missed="$missed; $1"
    fi
    kinds=$((kinds + 1))
}
caught=0 kinds=0 missed=''
damage "a column is missing" '{ $7 = ""; sub(/,,/, ","); print }'
damage "a column has another name" 'NR == 1 { $6 = "val" } { print }'
damage "columns are in another order" '{ x = $6; $6 = $7; $7 = x; print }'
damage "more than half of the rows are missing" 'NR < 400 { print }'
damage "rows are there twice" '{ print } NR > 1 && NR < 12 { print }'
damage "one value in twenty is missing" 'NR > 1 && NR % 20 == 0 { $6 = "" } { print }'
damage "a hospital is missing" '$1 != "HOSP003" { print }'
damage "heart rates are ten times too large" '$5 == "heart_rate" { $6 *= 10 } { print }'
damage "temperatures are in Fahrenheit" '$5 == "temperature" { $6 = $6 * 9 / 5 + 32 } { print }'
damage "decimals have a comma" 'NR > 1 && NR % 9 == 0 { sub(/\./, ",", $6); $6 = "\"" $6 "\"" } { print }'
damage "dates are written otherwise" 'NR > 1 && NR % 10 == 0 { split($3, d, "-"); $3 = d[3] "/" d[2] "/" d[1] } { print }'
damage "dates are in the future" 'NR == 50 { $3 = "2124-03-01" } { print }'
damage "identifiers have spaces after them" 'NR > 1 && NR % 30 == 0 { $2 = $2 "  " } { print }'
damage "identifiers are cut off" 'NR > 1 && NR % 30 == 0 { $2 = substr($2, 1, 5) } { print }'
damage "names are in lower case" 'NR > 1 && NR % 40 == 0 { $1 = tolower($1) } { print }'
damage "a unit is unknown" 'NR == 77 { $7 = "stone" } { print }'
damage "units belong to another kind of value" '$5 == "weight" { $7 = "mg/dL" } { print }'
damage "missing values are spelt out" 'NR > 1 && NR % 50 == 0 { $6 = "N/A" } { print }'
damage "values of two columns are swapped" 'NR > 1 && NR % 25 == 0 { x = $6; $6 = $9; $9 = x } { print }'
damage "months do not fit the dates" 'NR > 1 { $4 = "2024-0" (NR % 9 + 1) } { print }'
is "kinds" "$kinds" 20
[ "$caught" -ge 18 ] || note "only $caught of $kinds were caught$missed"

it "files that cannot be profiled"
expect_exit 2 dagrun profile
dagrun profile none.csv >"$out" 2>"$err"
is "the exit code is not 0" "$(($? != 0))" 1
err_has none.csv
printf 'a,b\n' >head.csv
expect_exit 0 dagrun profile head.csv
expect_exit 0 dagrun profile head.csv --suite -o head.yaml
expect_exit 0 dagrun expect head.yaml head.csv
it "a file of very many columns is profiled in time that grows with them, not with their square"
seq -s, -f 'c%g' 45000 >very_wide.csv
seq -s, 45000 >>very_wide.csv
expect_exit 0 clean_env timeout $patience "$build/dagrun" profile very_wide.csv --suite -o very_wide.yaml
is "columns of the suite" "$(grep -c '^  c[0-9]*: {type: int64}' very_wide.yaml)" 45000

it "pairs are looked for among the first columns of few values only"
seq -s, -f 'c%g' 60 >alike.csv
for value in x y; do printf "$value%.0s" $(seq 60) | sed 's/./&,/g; s/,$//' >$value.txt; echo >>$value.txt; done
for _ in $(seq 50); do cat x.txt y.txt; done >>alike.csv
expect_exit 0 dagrun profile alike.csv --suite -o alike.yaml
is "pairs" "$(grep -c expect_column_pair_values_to_be_in_set alike.yaml)" 496
expect_exit 0 dagrun expect alike.yaml alike.csv
finish
