#!/bin/bash
# The steps of the plugin transform, one after the other, by what they make of small tables; each time
# of the whole table and, as it must come out the same, batch by batch.
. "$(dirname "$0")/lib.sh"
new_home transform

steps() { # STEPS in YAML, of data/t.csv; the outputs are out/clean.csv, out/rejected.csv and out/duplicates.csv
    dag x <<Y
tasks:
  whole: &task
    plugin: transform
    inputs: {table: data/t.csv}
    outputs: {clean: clean.csv, rejected: rejected.csv, duplicates: duplicates.csv}
    with: &with
      steps:
$(printf '%s\n' "$1" | sed 's/^/        /')
  batches:
    <<: *task
    outputs: {clean: clean_b.csv, rejected: rejected_b.csv, duplicates: duplicates_b.csv}
    with: {<<: *with, memory: ${memory:-1}}
Y
    rm -rf var
    expect_exit "${2:-0}" dagrun run x
    rm -rf out
    cp -R var/runs/x/*/whole/out . 2>/dev/null
    [ "${2:-0}" != 0 ] && return
    local name
    for name in clean rejected duplicates; do same_file "out/$name.csv" var/runs/x/*/batches/out/${name}_b.csv; done
}
has() { # OUTPUT LINE...
    local name=$1
    shift
    printf '%s\n' "$@" >wanted
    same_file wanted "out/$name.csv"
}

it "trim, upper, lower, missing and replace change the spelling of texts"
printf 'id,a,b\n1,"  x \t y\xc2\xa0 ",Male\n2,   ,fEMALE\n3,999,m\n4,-1.0,N/A\n5,\xc3\xa9 z,\n' >data/t.csv
steps '- trim: {columns: [a]}
- lower: {columns: [b]}
- missing: {columns: [a, b], values: [999, -1.0, n/a]}
- replace: {columns: [b], values: {m: male, female: 2}}
- upper: {columns: [a]}'
has clean id,a,b '1,X Y,male' '2,,2' 3,,male 4,, $'5,\xc3\xa9 Z,'
has rejected id,a,b,_reasons
has duplicates id,a,b,_reasons

it "dates are read by the first form that fits, and what is none is refused with every reason"
cat >data/t.csv <<'E2'
id,d,n
1,2024-02-29,1.50
2,29/02/2023,x
3,01/03/2024,-2e3
4,1899-12-31,3
5,,
6,2024-2-3 ,4
7,2031-01-01,5
E2
steps '- parse_date: {column: d, formats: ["%Y-%m-%d", "%d/%m/%Y"], latest: 2030-12-31}
- parse_number: {column: n}
- month: {column: d}'
has clean id,d,n,month 1,2024-02-29,1.5,2024-02 3,2024-03-01,-2000,2024-03
bad='is not a date of the agreed forms and years'
has rejected id,d,n,_reasons "2,29/02/2023,x,d $bad; n is not a number" "4,1899-12-31,3,d $bad" \
    "5,,,d is missing; n is missing" '6,"2024-2-3 ",4,d '"$bad" "7,2031-01-01,5,d $bad"
steps '- parse_date: {column: d, formats: ["%Y-%m-%d"], required: false}
- parse_number: {column: n, required: false}'
has clean id,d,n 1,2024-02-29,1.5 5,, 7,2031-01-01,5

it "a day that no month has is no date"
echo d >data/t.csv
echo d >wanted_days
for year in 1900 2000 2023 2024; do
    for month in {01..12}; do
        for day in 28 29 30 31; do
            echo $year-$month-$day >>data/t.csv
            ! date -d $year-$month-$day >/dev/null 2>&1 || echo $year-$month-$day >>wanted_days
        done
    done
done
steps '- parse_date: {column: d, formats: ["%Y-%m-%d"]}'
same_file wanted_days out/clean.csv
is "days" "$(($(wc -l <out/clean.csv) - 1))" 166

it "ranges become two numbers, or none where they cannot be read"
printf 'id,r\n1,3.5-5.1\n2,<150\n3,>= 60\n4,5-3\n5,about 4\n6,\n7,3 - 4\n' >data/t.csv
steps '- parse_range: {column: r, high: top}'
has clean id,r,low,top 1,3.5-5.1,3.5,5.1 '2,<150,,150' '3,>= 60,60,' 4,5-3,, '5,about 4,,' 6,,, '7,3 - 4,3,4'

it "measures get their canonical name, unit and value, and a flag by the range of the row or of the handbook"
cat >ref.yaml <<'E2'
measures:
  temperature: {aliases: [temp], unit: Cel, plausible: [30, 45], usual: [36, 37.5], units: {Cel: {}, F: {factor: 0.55555555556, offset: -17.77777778}}}
  weight: {unit: kg, plausible: [0.2, 500], units: {kg: {}, g: {factor: 0.001}}}
E2
cat >data/t.csv <<'E2'
id,name,value,unit,low,high
1," TEMP",98.6," f  ",,
2,temperature,38,Cel,,
3,weight,3500,g,2500,4500
4,weight,3500,kg,,
5,height,1,m,,
6,weight,1,Cel,,
7,temperature,39,Cel,,40
E2
steps '- parse_number: {column: value}
- parse_number: {column: low, required: false}
- parse_number: {column: high, required: false}
- measure: {reference: ref.yaml, name: name, value: value, unit: unit, low: low, high: high, decimals: 1}'
has clean id,name,value,unit,low,high,in_range,flag,range_source 1,temperature,37,Cel,36,37.5,true,N,handbook \
    2,temperature,38,Cel,36,37.5,false,H,handbook 3,weight,3.5,kg,2.5,4.5,true,N,delivered \
    7,temperature,39,Cel,,40,true,N,delivered
has rejected id,name,value,unit,low,high,_reasons '4,weight,3500,kg,,,value is outside the plausible range of the measure' \
    '5,height,1,m,,,name is not a known measure' '6,weight,1,Cel,,,unit does not belong to the measure'

it "of a measure whose value is missing the name and the unit stay, and so does the range"
printf 'id,name,value,unit,low,high\n1,TEMP,,f,95,\n2,weight,,G,,\n3,weight,700,g,,\n' >data/t.csv
steps '- parse_number: {column: value, required: false}
- parse_number: {column: low, required: false}
- parse_number: {column: high, required: false}
- measure: {reference: ref.yaml, name: name, value: value, unit: unit, low: low, high: high, decimals: 0}'
has clean id,name,value,unit,low,high,in_range,flag,range_source 1,temperature,,Cel,35,,,,delivered 2,weight,,kg,,,,, \
    3,weight,1,kg,,,,,
steps '- parse_number: {column: value, required: false}
- measure: {reference: ref.yaml, name: name, value: value, unit: unit, decimals: 16}' 1
grep -rq "decimals must be from 0 to 15" var/runs || note "16 decimals are not refused"

it "a reference file that is not as it should be is refused, with the place, not guessed at"
printf 'name,value,unit\nweight,1,kg\n' >data/t.csv
for wrong in 'plausible: [0, "500"]|2:37: a number was expected, not '"'500'" 'usual: 5|2:29: usual: [LOW, HIGH] was expected' \
    'plausible: [1, 2, 3]|2:33: plausible: [LOW, HIGH] was expected' 'units: [kg]|2:29: units must be a map' \
    'units: {g: {factor: 1/1000}}|2:42: a number was expected, not '"'1/1000'" "units: {g: {facter: 1}}|2:42: a unit has no 'facter'" \
    'units: {g: 0.001}|2:33: a unit must be a map' 'aliases: w|2:31: aliases must be a list'; do
    printf 'measures:\n  weight: {unit: kg, %s}\n' "${wrong%%|*}" >wrong.yaml
    steps '- parse_number: {column: value}
- measure: {reference: wrong.yaml, name: name, value: value, unit: unit}' 1
    grep -rqF "wrong.yaml:${wrong#*|}" var/runs || note "$wrong: $(cat var/runs/x/*/whole@1.log)"
done
printf 'measures: [weight]\n' >wrong.yaml
steps '- parse_number: {column: value}
- measure: {reference: wrong.yaml, name: name, value: value, unit: unit}' 1
grep -rqF "wrong.yaml:1:11: measures must be a map" var/runs || note "$(cat var/runs/x/*/whole@1.log)"
printf 'measures:\n  weight: {unit: kg, plausable: [0, 0.5], units: {kg: }}\n' >wrong.yaml
steps '- parse_number: {column: value}
- measure: {reference: wrong.yaml, name: name, value: value, unit: unit}'
has clean name,value,unit,in_range weight,1,kg,
grep -qF "WARN wrong.yaml: measure 'weight': 'plausable' means nothing here" var/runs/x/*/whole@1.log || note "$(cat var/runs/x/*/whole@1.log)"

it "of two measures with one key the low one must be below the high one"
printf 'p,day,k,v\na,1,sys,120\na,1,dia,80\na,2,sys,70\na,2,dia,70\nb,1,sys,60\nb,2,dia,90\n' >data/t.csv
steps '- parse_number: {column: v}
- ordered_pair: {key: [p, day], name: k, value: v, low: dia, high: sys}'
has clean p,day,k,v a,1,sys,120 a,1,dia,80 b,1,sys,60 b,2,dia,90
has rejected p,day,k,v,_reasons 'a,2,sys,70,dia is not below sys of the same key' 'a,2,dia,70,dia is not below sys of the same key'

# A key that stands for what is not known: the pairs of its rows would be 25 million.
awk 'BEGIN { print "p,day,k,v"; for (i = 0; i < 5000; i++) print "UNKNOWN,1,dia," 60 + i % 20 "\nUNKNOWN,1,sys," 79 + i % 50 }' >data/t.csv
steps '- parse_number: {column: v}
- ordered_pair: {key: [p, day], name: k, value: v, low: dia, high: sys}'
is "rows refused" "$(grep -c ,dia,79 out/rejected.csv) $(grep -c ,sys,79 out/rejected.csv) $(wc -l <out/rejected.csv)" "250 100 351"
under_sanitizer || sql_is var/dagrun.db "SELECT max(max_rss_bytes) < 600000000 FROM v_attempt" 1
printf 'p,day,k,v\na,1,sys,120\na,1,dia,80\na,2,sys,70\na,2,dia,70\nb,1,sys,60\nb,2,dia,90\n' >data/t.csv

long=$(printf 'v%.0s' {1..600})
sed -i "1s/v/$long/" data/t.csv
steps "- parse_number: {column: $long}
- ordered_pair: {key: [p, day], name: k, value: $long, low: dia, high: sys}"
is "rows, where the column's name is long" "$(wc -l <out/clean.csv) $(wc -l <out/rejected.csv)" "5 3"

it "rows that repeat leave, and of those that contradict each other the first, the last or none stays"
printf 'k,v\n1,a\n2,b\n1,a\n1,c\n3,d\n' >data/t.csv
steps '- distinct: {key: [k]}'
has clean k,v 2,b 1,c 3,d
has duplicates k,v,_reasons '1,a,replaced by a later row of the same key' '1,a,repeats an earlier row'
steps '- distinct: {key: [k], conflicts: first}'
has clean k,v 1,a 2,b 3,d
has duplicates k,v,_reasons '1,a,repeats an earlier row' '1,c,gives way to an earlier row of the same key'
steps '- distinct: {key: [k], conflicts: none}'
has clean k,v 2,b 3,d
has duplicates k,v,_reasons '1,a,repeats an earlier row'
has rejected k,v,_reasons '1,a,contradicts another row of the same key' '1,c,contradicts another row of the same key'
steps '- distinct: {key: [k], ignore: [v]}'
has clean k,v 1,a 2,b 3,d

it "columns are renamed in their places, chosen, and sorted by"
printf 'a,b,c\n2,x,\n1,y,q\n,z,r\n1,w,s\n' >data/t.csv
steps '- rename: {columns: {a: b, b: a}}
- select: {columns: [c, b]}
- sort: {columns: [b, c]}'
has clean c,b q,1 s,1 ,2 r,
steps '- rename: {columns: {a: b}}' 1
err_or_log() { grep -rq "$1" var/runs "$err" || note "nobody says '$1'"; }
err_or_log "the table would have two columns named 'b'"

it "columns that change names change types"
printf 'k,n,a,b\n1,lo,2024-01-31,5\n1,hi,2024-02-29,4\n' >data/t.csv
steps '- parse_date: {column: a, formats: ["%Y-%m-%d"]}
- parse_number: {column: b}
- rename: {columns: {a: b, b: a}}
- ordered_pair: {key: [k], name: n, value: a, low: hi, high: lo}
- month: {column: b}'
has clean k,n,b,a,month 1,lo,2024-01-31,5,2024-01 1,hi,2024-02-29,4,2024-02
steps '- parse_date: {column: a, formats: ["%Y-%m-%d"]}
- rename: {columns: {a: b, b: a}}
- trim: {columns: [a]}
- trim: {columns: [b]}' 1
err_or_log "step trim: column 'b' must be text, and a step before made it a date"

it "a table of hundreds of columns keeps them all"
awk 'BEGIN { for (r = 0; r < 3; r++) for (i = 0; i < 300; i++) printf "%s%s", r == 0 ? "c" i : r == 2 && i == 299 ? 2 : 1, i < 299 ? "," : "\n" }' >data/t.csv
steps '- distinct: {key: [c0, c299]}
- rename: {columns: {c0: first}}'
sed -e '1s/^c0,/first,/' data/t.csv >wanted
same_file wanted out/clean.csv

it "every reason of a row is kept, however many there are"
awk 'BEGIN { for (r = 0; r < 2; r++) for (i = 0; i < 90; i++) printf "%s%s", r == 0 ? "column_" i : "x", i < 89 ? "," : "\n" }' >data/t.csv
steps "$(for i in $(seq 0 89); do echo "- parse_number: {column: column_$i}"; done)"
is "reasons" "$(tail -1 out/rejected.csv | grep -o 'is not a number' | wc -l)" 90

it "a table of many batches comes out as one that is held, whatever its rows are compared by"
rows=150000
under_sanitizer && rows=40000
awk -v rows=$rows 'BEGIN {
    srand(7); print "who,day,kind,value,note"
    for (i = 0; i < rows; i++) {
        k = int(rand() * rows / 3)
        printf "P%d,2024-%02d-%02d,%s,%s,%s\n", k, k % 12 + 1, k % 30 + 1, rand() < .5 ? "sys" : "dia",
            rand() < .02 ? "x" : int(rand() * 40) + 60, rand() < .1 ? "" : "note number " i % 1000
    }
}' >data/t.csv
steps '- trim: {columns: [who, note]}
- parse_number: {column: value}
- parse_date: {column: day, formats: ["%Y-%m-%d"]}
- distinct: {key: [who, day, kind], conflicts: last, ignore: [note]}
- ordered_pair: {key: [who, day], name: kind, value: value, low: dia, high: sys}
- distinct: {key: [who], conflicts: none}
- sort: {columns: [note, value]}'
is "all three outputs have rows" "$(cat out/{clean,rejected,duplicates}.csv | wc -l) $(($(wc -l <out/rejected.csv) > 1)) $(($(wc -l <out/duplicates.csv) > 1))" "$((rows + 3)) 1 1"

it "within its limit of memory a table of any size is cleaned, and a limit of the user's is kept without being asked"
rows=800000
under_sanitizer && rows=30000
generate --kind vitals --rows $rows --hospitals 20 --dirt 0.05 --structure clean >data/v.csv
steps='[{trim: {columns: [hospital_id, vital_type, value]}}, {parse_number: {column: value}},
        {distinct: {key: [hospital_id, measurement_date, patient_id, vital_type], conflicts: last}},
        {sort: {columns: [patient_id, measurement_date, vital_type]}}]'
clean_dag() { # ID MEMORY
    dag "$1" <<Y
tasks:
  t:
    plugin: transform
    inputs: {table: data/v.csv}
    outputs: {clean: clean.csv, rejected: rejected.csv, duplicates: duplicates.csv}
    with: {dataset: v, account_by: hospital_id, memory: $2, steps: $steps}
Y
}
account_of() { # DAG
    sql var/dagrun.db "SELECT group_name, stage, sum(a.row_count) FROM row_account a JOIN task_attempt USING (attempt_key)
        JOIN task_instance USING (instance_key) JOIN dag_run USING (run_key) WHERE dag_id = '$1' GROUP BY 1, 2 ORDER BY 1, 2"
}
clean_dag whole 0
clean_dag parts 90000000
clean_dag limited 0
expect_exit 0 dagrun run whole --threads 1
expect_exit 0 dagrun run parts --threads 1
sed -i 's/^    plugin:/    env: {DAGRUN_MEMORY_LIMIT: 1M}\n&/' dags/limited.yaml
expect_exit 0 dagrun run limited --threads 1
for name in clean rejected duplicates; do
    for id in parts limited; do same_file var/runs/whole/*/t/out/$name.csv var/runs/$id/*/t/out/$name.csv; done
done
[ "$(account_of whole | wc -l)" -ge 60 ] || note "account: $(account_of whole)"
is "account in batches" "$(account_of parts)" "$(account_of whole)"
rss="SELECT max(max_rss_bytes) FROM v_attempt WHERE dag_id ="
if under_sanitizer; then
    skip "a sanitizer keeps freed memory"
else
    sql_is var/dagrun.db "SELECT ($rss 'parts') < 90000000, ($rss 'whole') > 90000000" "1|1"
    expect_exit 0 dagrun logs t parts
    out_lacks "were not enough"
fi
expect_exit 0 dagrun logs t limited
out_has "memory: 1048576 bytes were not enough"

it "more than 200 groups are counted as one, also where a batch has fewer"
steps='[{trim: {columns: [note]}}]'
groups_dag() { # ID GROUPS
    awk -v groups=$2 'BEGIN { print "hospital_id,note"; for (i = 0; i < 300000; i++) print "H" int(i * groups / 300000) ",n" i % 7 }' >data/v.csv
    clean_dag "$1" 1
    expect_exit 0 dagrun run "$1"
}
groups_dag many 201
is "201 groups" "$(account_of many)" "|clean|300000
|duplicates|0
|quarantined|0"
groups_dag most 200
is "200 groups" "$(account_of most | grep -c clean) $(account_of most | grep clean | cut -d'|' -f3 | sort -u)" "200 1500"

it "rows are counted into the groups that they came in, whatever steps make of the column"
printf 'shop,v\nnyc,1\nNYC ,1\nparis,3\nnyc,1\nparis,x\n' >data/shops.csv
for memory in 0 1; do
    for last in 'rename: {columns: {shop: store}}' 'select: {columns: [v]}' 'sort: {columns: [v]}'; do
        dag groups <<Y
tasks:
  t:
    plugin: transform
    inputs: {table: data/shops.csv}
    outputs: {clean: c}
    with:
      account_by: shop
      memory: $memory
      steps: [{trim: {columns: [shop]}}, {replace: {columns: [shop], values: {nyc: new york}}}, {parse_number: {column: v}},
              {distinct: {key: [shop, v]}}, {$last}]
Y
        rm -rf var
        expect_exit 0 dagrun run groups
        is "$last, memory $memory" "$(account_of groups)" "NYC|clean|2
NYC|duplicates|1
PARIS|clean|1
PARIS|quarantined|1"
    done
done

it "groups may be numbers, and a column that is not there is told"
printf '{"shop":%d,"v":"x"}\n' 7 7 8 >data/n.jsonl
dag numbers <<'Y'
tasks:
  t: {plugin: transform, inputs: {table: data/n.jsonl}, outputs: {clean: c}, with: {account_by: shop, steps: [{trim: {columns: [v]}}]}}
  u: {plugin: transform, inputs: {table: data/n.jsonl}, outputs: {clean: d}, with: {dataset: u, account_by: shpo, steps: [{trim: {columns: [v]}}]}}
Y
rm -rf var
expect_exit 0 dagrun run numbers
sql_is var/dagrun.db "SELECT dataset, group_name, clean FROM v_row_account WHERE clean > 0 ORDER BY 1, 2" "data/n.jsonl|7|2
data/n.jsonl|8|1
u||3"
expect_exit 0 dagrun logs u numbers
out_has "account_by: there is no column 'shpo'; the rows (clean) are counted without groups"

it "what cannot be read in batches is told, and a limit that cannot be kept too"
printf '{"a": 1}\n' >data/j.jsonl
dag j <<'Y'
tasks:
  t: {plugin: transform, inputs: {table: data/j.jsonl}, outputs: {clean: c}, with: {memory: 100000000, steps: [{rename: {columns: {a: b}}}]}}
Y
expect_exit 1 dagrun run j
err_or_log "read JSON by an extract task first"
clean_dag small 1
expect_exit 0 dagrun run small
expect_exit 0 dagrun logs t small
out_has "memory: 1 bytes were not enough"
clean_dag small -5
expect_exit 1 dagrun run small
err_or_log "memory: -5 is no number of bytes"

finish
