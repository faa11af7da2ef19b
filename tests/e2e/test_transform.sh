#!/bin/bash
# The steps of the plugin transform, one after the other, by what they make of small tables.
. "$(dirname "$0")/lib.sh"
new_home transform

steps() { # STEPS in YAML, of data/t.csv; the outputs are out/clean.csv, out/rejected.csv and out/duplicates.csv
    dag x <<Y
tasks:
  t:
    plugin: transform
    inputs: {table: data/t.csv}
    outputs: {clean: clean.csv, rejected: rejected.csv, duplicates: duplicates.csv}
    with:
      steps:
$(printf '%s\n' "$1" | sed 's/^/        /')
Y
    rm -rf var
    expect_exit "${2:-0}" dagrun run x
    rm -rf out
    cp -R var/runs/x/*/t/out . 2>/dev/null
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
1,TEMP,98.6,f,,
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

it "of two measures with one key the low one must be below the high one"
printf 'p,day,k,v\na,1,sys,120\na,1,dia,80\na,2,sys,70\na,2,dia,70\nb,1,sys,60\nb,2,dia,90\n' >data/t.csv
steps '- parse_number: {column: v}
- ordered_pair: {key: [p, day], name: k, value: v, low: dia, high: sys}'
has clean p,day,k,v a,1,sys,120 a,1,dia,80 b,1,sys,60 b,2,dia,90
has rejected p,day,k,v,_reasons 'a,2,sys,70,dia is not below sys of the same key' 'a,2,dia,70,dia is not below sys of the same key'

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

finish
