#!/bin/bash
# The command line as such: help of every verb, unknown words, exit codes.
. "$(dirname "$0")/lib.sh"
new_home cli
dag first <<'Y'
tasks:
  a: {plugin: noop}
Y
verbs='run retry cancel check list show graph init runs status logs tasks expect view profile report crontab db version help'

it "dagrun alone explains itself on standard error, --help on standard output"
expect_exit 2 dagrun
err_has "run data pipelines"
expect_exit 0 dagrun --help
err_empty
for verb in $verbs; do out_has "  $verb "; done
out_has "Exit codes: 0 success"

it "it lists no verb that this test does not know"
is "verbs" "$(sed -n 's/^  \([a-z]*\)  *[A-Z].*/\1/p' "$out" | tail -n +2 | tr '\n' ' ')" "$verbs "

for verb in $verbs; do
    it "$verb --help shows its options and examples"
    expect_exit 0 dagrun "$verb" --help
    err_empty
    out_has "  dagrun $verb"
    out_has "Examples:"
    out_has "--home FOLDER"
    cp "$out" "$scratch/help"
    expect_exit 0 dagrun help "$verb"
    same_file "$scratch/help" "$out"
    is "widest line is at most 110 columns" "$(($(wc -L <"$out") <= 110))" 1
done

it "help works where there is no home"
(cd / && expect_exit 0 dagrun run --help && expect_exit 0 dagrun version) || note "help needs a home"

# WORDS EXIT MESSAGE
refuses() {
    it "refuses: dagrun $1"
    # shellcheck disable=SC2086
    expect_exit "$2" dagrun $1
    err_has "dagrun: $3"
    is "standard output" "$(cat "$out")" ""
}
refuses "rnu first" 2 "there is no verb 'rnu'; did you mean 'run'?"
refuses "frobnicate" 2 "there is no verb 'frobnicate'; dagrun --help lists them"
refuses "help rnu" 2 "there is no verb 'rnu'"
refuses "run --jsn first" 2 "run has no option '--jsn'; did you mean --json?"
refuses "run -z first" 2 "run has no option '-z'"
refuses "list --param a=b" 2 "list has no option '--param'"
refuses "run" 2 "run needs more: dagrun run DAG"
refuses "run first second" 2 "'second' is one word too many"
refuses "run first --jobs" 2 "--jobs needs a value"
refuses "run first --jobs many" 2 "--jobs: 'many' is not a number"
refuses "run first --wait 10" 2 "--wait: '10' is not a span of time such as 30s"
refuses "run first --param rows" 2 "--param: 'rows' is not NAME=VALUE"
refuses "run first --json=yes" 2 "--json takes no value"
refuses "run first --color sometimes" 2 "--color: 'sometimes' is not auto, always or never"
refuses "run first --date tomorrow" 2 "--date: 'tomorrow' is not an ISO 8601 date"
refuses "run first --run-id ../x" 2 "--run-id: '../x' is not a name"
refuses "runs --state good" 2 "--state: 'good' is not queued, running, success, failed or cancelled"
refuses "run frist" 4 "there is no DAG 'frist'"
refuses "run ../first" 4 "there is no DAG '../first'"
refuses "status" 4 "nothing has run in"
refuses "logs a" 4 "nothing has run in"
refuses "retry first" 4 "nothing has run in"
refuses "tasks nop" 4 ""
refuses "list --home nowhere" 4 ""

it "none of that wrote anything"
no_file var

it "--home may stand before and behind the verb, and DAGRUN_HOME name it"
home=$PWD
cd / || exit 1
expect_exit 0 dagrun --home "$home" list
out_has first
expect_exit 0 dagrun list -C "$home"
out_has first
expect_exit 0 clean_env DAGRUN_HOME="$home" "$build/dagrun" list
out_has first
cd "$home/dags" || exit 1
expect_exit 0 dagrun list
out_has first
cd "$home" || exit 1

it "output that cannot be written is not success"
if [ -w /dev/full ]; then
    dagrun list >/dev/full 2>"$err"
    is "exit code" $? 6
    err_has "No space left on device"
    # More than a buffer of it: the write that fails is not the last one.
    printf 'a\n1\n' >"$scratch/a.csv"
    { printf 'suite: many\nexpectations:\n' && printf '  - expect_column_value_lengths_to_be_between: {column: a, max_value: %d}\n' {1..60}; } >"$scratch/many.yaml"
    for format in text json junit; do
        expect_exit 6 dagrun expect "$scratch/many.yaml" "$scratch/a.csv" --format $format -o /dev/full
        err_has "dagrun: write '/dev/full'"
    done
    { seq -s, 400 && seq -s, 400; } >"$scratch/wide.csv"
    for how in --color=never --json --suite; do
        expect_exit 6 dagrun profile "$scratch/wide.csv" $how -o /dev/full
        err_has "dagrun: write '/dev/full'"
    done
    echo '  - expect_column_to_exist: {column: b}' >>"$scratch/many.yaml"
    dagrun expect "$scratch/many.yaml" "$scratch/a.csv" --json >/dev/full 2>"$err"
    is "exit code of a failed check" $? 1
    err_has "No space left on device"
else
    skip "there is no /dev/full"
fi

it "an output that is the input is refused, and the input stays"
for verb in "expect $scratch/many.yaml" profile; do
    # shellcheck disable=SC2086 # they are words
    expect_exit 2 dagrun $verb "$scratch/a.csv" -o "$scratch/./a.csv"
    err_has "is what is read; name another file"
    is "the input" "$(cat "$scratch/a.csv")" "a
1"
done

it "version says what the program was built from"
expect_exit 0 dagrun --version
out_has "dagrun $(cat "$source_dir/VERSION")"
out_has "compiler"
expect_exit 0 dagrun version --json
json_valid "$out"
json_is "$out" '$.version' "$(cat "$source_dir/VERSION")"
finish
