#!/bin/bash
# dagrun expect --memory: the results of the whole table, of a file that is read batch by batch.
. "$(dirname "$0")/lib.sh"
new_home expect_memory
awk 'BEGIN {
    srand(11)
    print "id,grp,day,val,code,txt,a,b,uid"
    for (i = 0; i < 140000; i++) {
        val = sprintf("%.1f", 40 + rand() * 120)
        dirt = int(rand() * 90)
        if (dirt == 0) val = ""
        if (dirt == 1) val = "x" i
        txt = sprintf(dirt == 2 ? "bad %d" : "t%07d", dirt == 2 ? i % 50 : i)
        printf "%d,%s,2024-%02d-%02d,%s,%s,%s,%d,%d,U%08d%s\n", i, substr("ABC", 1 + int(rand() * 3), 1),
            1 + int(rand() * 12), 1 + int(rand() * 28), val, rand() < 0.9 ? "a" : "zz", txt, rand() * 10,
            rand() * 10, i, i % 40000 == 7 ? ",more" : ""
    } }' >data.csv
cat >suite.yaml <<'Y'
suite: all_kinds
columns:
  val: {type: float64}
  day: {type: date}
  id: {type: int64}
  a: int64
  b: int64
  code: {sensitive: true}
  nope: string
key: [id]
expectations:
  - expect_column_values_to_not_be_null: {column: val, mostly: 0.9}
  - expect_column_values_to_be_between: {column: val, min_value: 60, max_value: 140, row_condition: 'grp=="A"'}
  - expect_column_values_to_be_between: {column: val, min_value: 60, row_condition: 'index < 100000'}
  - expect_column_values_to_be_between: {column: txt, min_value: 3}
  - expect_column_values_to_match_regex: {column: txt, regex: '^t\d+$'}
  - expect_column_values_to_be_in_set: {column: code, value_set: [a, b]}
  - expect_column_values_to_be_in_set:
      column: grp
      value_set: [A]
      result_format: {result_format: SUMMARY, include_unexpected_rows: true, partial_unexpected_count: 3}
  - expect_column_values_to_be_unique: {column: id}
  - expect_column_values_to_be_unique: {column: txt}
  - expect_column_values_to_be_unique: {column: nope}
  - expect_compound_columns_to_be_unique: {column_list: [grp, uid]}
  - expect_compound_columns_to_be_unique: {column_list: [grp, day, a]}
  - expect_column_mean_to_be_between: {column: val, min_value: 1}
  - expect_column_median_to_be_between: {column: val, max_value: 1}
  - expect_column_stdev_to_be_between: {column: val, max_value: 3}
  - expect_column_max_to_be_between: {column: day, max_value: 2024-12-01}
  - expect_column_most_common_value_to_be_in_set: {column: grp, value_set: [A]}
  - expect_column_unique_value_count_to_be_between: {column: txt, max_value: 10}
  - expect_column_distinct_values_to_be_in_set: {column: grp, value_set: [A, B]}
  - expect_column_value_z_scores_to_be_less_than: {column: val, threshold: 1.5, double_sided: true}
  - expect_column_values_to_be_increasing: {column: id}
  - expect_column_values_to_be_of_type: {column: val, type_: float64}
  - expect_column_values_to_not_be_outliers: {column: val}
  - expect_column_values_to_be_unique_within_group: {column: a, group_by: [grp, day]}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: a, column_B: b}
  - expect_multicolumn_sum_to_equal: {column_list: [a, b], sum_total: 9}
  - expect_rows_to_satisfy_sql: {condition: 'a < 9 or b < 9'}
  - unexpected_rows_expectation: {unexpected_rows_query: 'SELECT * FROM {batch} WHERE a = 9 AND b = 9 AND val > 155'}
  - expect_column_values_to_be_in_other_table: {column: grp, other_table_name: o, other_column: grp}
  - expect_table_row_count_to_equal_other_table: {other_table_name: o}
  - expect_table_row_count_to_be_between: {max_value: 1000, row_condition: 'a == 3'}
  - expect_table_row_count_to_be_between: {min_value: 1000000}
  - expect_table_column_count_to_equal: {value: 9}
  - expect_table_columns_to_match_ordered_list: {column_list: [id, grp]}
  - expect_column_kl_divergence_to_be_less_than:
      {column: grp, partition_object: {values: [A, B, C], weights: [0.3, 0.3, 0.4]}, threshold: 0.1}
  - expect_table_schema_to_match: {columns: {id: int64, grp: null}}
Y
printf 'grp,n\nA,1\nB,2\n' >others.csv

same_in_pass() { # FILE [OPTION...]: the same output, messages and exit code with and without --memory
    dagrun expect suite.yaml "$@" --other o=others.csv --json --memory 0 >whole.json 2>whole.err
    local code=$?
    dagrun expect suite.yaml "$@" --other o=others.csv --json --memory 90MB >"$out" 2>"$err"
    is "exit code of $*" $? "$code"
    cmp -s whole.json "$out" || note "$*: $(diff whole.json "$out" | head -6)"
    sort whole.err | diff - <(grep -v 'more than its limit of 90 MB' "$err" | sort) >differ || note "$*: $(cat differ)"
}

it "gives the results of the whole table, to the last byte"
same_in_pass data.csv
is "a check of each kind gave a verdict" "$(json "$out" '$.statistics.evaluated_expectations')" 36
json_is "$out" '$.unreadable_records' 4
same_in_pass data.csv --threads 1 --result-format BASIC
head -66000 data.csv >part.csv
same_in_pass part.csv --threads 3 --result-format COMPLETE --row-key uid

it "also where nothing but missing numbers is unexpected, or there are none in the column"
printf 'n,none,f\n1,,0.5\n,,\n3,,2.5\n,,\n,,1\n' >gaps.csv
for column in n none f; do
    cat >gaps.yaml <<Y
suite: gaps
columns: {n: int64, none: int64, f: float64}
expectations: [expect_column_values_to_not_be_null: {column: $column}]
Y
    expect_exit 1 dagrun expect gaps.yaml gaps.csv --json
    cp "$out" whole.json
    expect_exit 1 dagrun expect gaps.yaml gaps.csv --json --memory 200MB
    same_file whole.json "$out"
done

it "of packed files, pipes, JSON lines, a JSON array and Arrow"
gzip -kf part.csv
same_in_pass part.csv.gz
dagrun expect suite.yaml --other o=others.csv --json - --memory 0 <part.csv >whole.json 2>"$err"
cat part.csv | dagrun expect suite.yaml --other o=others.csv --json - --memory 90MB >"$out" 2>"$err"
cmp -s whole.json "$out" || note "a pipe: $(diff whole.json "$out" | head -6)"
awk -F, 'NR > 1 && NF == 9 { printf "{\"id\":%d,\"grp\":\"%s\",\"day\":\"%s\",\"val\":%s,\"code\":\"%s\",\"txt\":\"%s\",\"a\":%d,\"b\":%d,\"uid\":\"%s\"}\n",
    $1, $2, $3, $4 == "" ? "null" : $4 ~ /x/ ? "\"" $4 "\"" : $4, $5, $6, $7, $8, $9 }' part.csv >part.jsonl
same_in_pass part.jsonl
{ echo '['; sed '$!s/$/,/' part.jsonl; echo ']'; } >array.json
same_in_pass array.json
dag arrow <<'Y'
tasks:
  check:
    plugin: validate
    inputs: {table: part.csv}
    outputs: {valid: rows.arrow}
    with: {suite: columns}
Y
printf 'suite: columns\nexpectations:\n  - expect_column_to_exist: {column: id}\n' >expectations/columns.yaml
expect_exit 0 dagrun run arrow
same_in_pass "$(find var/runs/arrow -name 'rows.arrow')"

it "of files without rows, without a column that is asked for, with another delimiter, and that are none"
head -1 data.csv >header.csv
same_in_pass header.csv
printf 'id;grp\n1;A\n' >semicolons.csv
same_in_pass semicolons.csv
same_in_pass semicolons.csv --delimiter ';'
same_in_pass part.csv --strict
: >empty.csv
same_in_pass empty.csv
same_in_pass none.csv
same_in_pass .

it "of a JSON file whose columns are shown late, where memory has room to look that far"
awk 'BEGIN { for (i = 0; i < 120000; i++) printf "{\"id\":%d,\"grp\":\"A\",\"a\":%s,\"b\":1}\n", i, i == 119000 ? "2.5" : "2"
    print "{\"id\":7,\"grp\":\"B\",\"more\":true}" }' >late.jsonl
same_in_pass late.jsonl
expect_exit 1 dagrun expect suite.yaml late.jsonl --other o=others.csv --memory 1MB
err_has "late.jsonl:"
err_has "the records before it, which half of --memory may hold, do not show that; give more, or leave it out"

it "says what it took where that is more than the limit, and for which check"
printf 'suite: listing\nexpectations:\n  - expect_column_distinct_values_to_be_in_set: {column: txt, value_set: [a]}\n' >listing.yaml
printf 'suite: single\nexpectations:\n  - expect_column_values_to_not_be_null: {column: txt}\n' >single.yaml
expect_exit 1 dagrun expect listing.yaml data.csv --memory 1MB
grep -Eq "^dagrun: warning: data.csv took [0-9]+ MB of memory, [0-9]+ MB more than its limit of 1 MB: most for (reading it|expect_column_distinct_values_to_be_in_set of txt)$" "$err" ||
    note "$(cat "$err")"
expect_exit 0 dagrun expect single.yaml data.csv --memory 1MB
err_has "more than its limit of 1 MB: most for reading it"
expect_exit 0 dagrun expect single.yaml data.csv --memory 8GB
err_lacks "more than its limit"

limited() { clean_env DAGRUN_MEMORY_LIMIT=1MB TMPDIR="${tmpdir-$scratch}" "$build/dagrun" "$@"; }

it "chooses so by itself where DAGRUN_MEMORY_LIMIT has no room for the table, and then not in vain"
limited expect suite.yaml data.csv --other o=others.csv --json >"$out" 2>"$err"
dagrun expect suite.yaml data.csv --other o=others.csv --json --memory 0 >whole.json 2>"$err"
cmp -s whole.json "$out" || note "differs: $(diff whole.json "$out" | head -6)"
limited expect suite.yaml late.jsonl --other o=others.csv --json >"$out" 2>"$err"
dagrun expect suite.yaml late.jsonl --other o=others.csv --json --memory 0 >whole.json 2>"$err"
cmp -s whole.json "$out" || note "differs: $(diff whole.json "$out" | head -6)"
expect_exit 2 dagrun expect suite.yaml data.csv --memory much
err_has "--memory: 'much' is not a size such as 300MB"

it "leaves no temporary files, and says where there is no room for them"
mkdir tmp
tmpdir=$PWD/tmp expect_exit 1 limited expect suite.yaml data.csv --other o=others.csv
is "files" "$(ls tmp)" ""
tmpdir=$PWD/nowhere expect_exit 6 limited expect suite.yaml data.csv --other o=others.csv
err_has "a temporary file in '$PWD/nowhere'"
finish
