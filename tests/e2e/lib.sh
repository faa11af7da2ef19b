# shellcheck shell=bash
# tests/e2e/lib.sh: what the end-to-end tests share. Each test sources it, works
# in a home of its own under a folder that is removed at the end, and runs the
# program in a clean environment.
#
#     it "names the loop of a cycle"          begins a test, ends the one before
#     expect_exit 3 dagrun check              runs a command; its output is in $out and $err
#     err_has "a -> b -> a"                   what it must have said
#     sql_is var/dagrun.db "SELECT ..." "1"   what must have been kept
#     finish                                  ends the last test and the program
#
# A check that fails is noted and the test goes on: all that is wrong is shown.
set -u

source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${BUILD:-$source_dir/build}
expected=$source_dir/tests/e2e/expected
scratch=$(mktemp -d "${TMPDIR:-/tmp}/e2e.XXXXXX") || exit 1
out=$scratch/out err=$scratch/err
test_number=0 test_name='' test_notes='' test_skip='' tests_failed=0 status=0

tidy() {
    chmod -R u+w "$scratch" 2>/dev/null
    rm -rf "$scratch"
}
trap tidy EXIT
trap 'exit 130' INT TERM

# ---- tests ----

end_test() {
    [ -n "$test_name" ] || return 0
    test_number=$((test_number + 1))
    if [ -n "$test_notes" ]; then
        tests_failed=$((tests_failed + 1))
        echo "not ok $test_number - $test_name"
        printf '%s' "$test_notes" | sed 's/^/# /'
    elif [ -n "$test_skip" ]; then
        echo "ok $test_number - $test_name # SKIP $test_skip"
    else
        echo "ok $test_number - $test_name"
    fi
    test_name=''
}
it() {
    end_test
    test_name=$1 test_notes='' test_skip=''
}
skip() { test_skip=$1; }
finish() {
    end_test
    echo "1..$test_number"
    [ "$tests_failed" = 0 ]
    exit
}
note() { test_notes+="$*"$'\n'; }
show() { # FILE...: the beginning of each, for the reader of a failure
    local file
    for file; do
        [ -s "$file" ] && note "$(basename "$file"):" && note "$(head -c 2000 "$file" | tr -d '\000')"
    done
}

# ---- running ----

# Sanitizers know no address space limit, and report a crash as an exit code.
under_sanitizer() { grep -qa __asan_init "$build/dagrun"; }
# Seconds: no command of a test takes them, and one that hangs is a failure of its own. The longest need five
# alone, more than ten times as many on a machine that has other work, and with a sanitizer some times that.
patience=180
if under_sanitizer; then patience=600; fi

set_environment() {
    environment=(PATH="$PATH" HOME="$scratch" TMPDIR="$scratch" LANG=C.UTF-8
        ${ASAN_OPTIONS:+ASAN_OPTIONS="$ASAN_OPTIONS"} ${UBSAN_OPTIONS:+UBSAN_OPTIONS="$UBSAN_OPTIONS"}
        ${DAGRUN_NOW:+DAGRUN_NOW="$DAGRUN_NOW"} ${NO_COLOR:+NO_COLOR="$NO_COLOR"}
        ${TERM_OF_TEST:+TERM="$TERM_OF_TEST"})
}
clean_env() {
    set_environment
    env -i "${environment[@]}" "$@"
}
# In place of the shell, for the background: $! is then the program itself, and
# Ctrl-C is not ignored as it is for a shell's background jobs.
become() {
    set_environment
    exec env -i --default-signal=INT,QUIT "${environment[@]}" "$@"
}
dagrun() { clean_env timeout --foreground -k 1 $patience "$build/dagrun" "$@"; }
generate() { clean_env "$build/dagrun-generate" "$@"; }

expect_exit() { # CODE COMMAND...
    local want=$1
    shift
    "$@" >"$out" 2>"$err" </dev/null
    status=$?
    [ "$status" = "$want" ] && return
    note "expected exit code $want, got $status: $*"
    show "$out" "$err"
}
out_has() { grep -qF -- "$1" "$out" || { note "standard output lacks: $1" && show "$out"; }; }
err_has() { grep -qF -- "$1" "$err" || { note "standard error lacks: $1" && show "$err"; }; }
out_lacks() { ! grep -qF -- "$1" "$out" || note "standard output has: $1"; }
err_lacks() { ! grep -qF -- "$1" "$err" || note "standard error has: $1"; }
err_empty() { [ ! -s "$err" ] || { note "standard error is not empty" && show "$err"; }; }
same_file() { # WANTED GOT
    local difference
    difference=$(diff -u "$1" "$2" 2>&1) || note "$(head -n 60 <<<"$difference")"
}
is() { # WHAT GOT WANTED
    [ "$2" = "$3" ] || note "$1: expected '$3', got '$2'"
}
has_file() { [ -s "$1" ] || note "there is no file $1"; }
no_file() { [ ! -e "$1" ] || note "there is a file $1"; }

# ---- databases and JSON ----

sql() { sqlite3 -batch -cmd '.timeout 10000' "$1" "$2" 2>&1; }
sql_is() { is "$2" "$(sql "$1" "$2")" "$3"; }
json() { sqlite3 -batch :memory: "SELECT json_extract(CAST(readfile('$1') AS TEXT), '$2')" 2>&1; }
json_is() { is "$2 of $(basename "$1")" "$(json "$1" "$2")" "$3"; }
json_valid() {
    is "$(basename "$1") is JSON" \
        "$(sqlite3 -batch :memory: "SELECT json_valid(CAST(readfile('$1') AS TEXT))" 2>&1)" 1
}
# state and reason of the newest run's tasks, one a line: a task; its state; its reason
task_states() { sql var/dagrun.db "SELECT task_id, state FROM v_task WHERE run_key = (SELECT max(run_key)
    FROM dag_run) ORDER BY position"; }
run_state() { sql var/dagrun.db "SELECT state FROM dag_run ORDER BY run_key DESC LIMIT 1"; }
reason_of() { sql var/dagrun.db "SELECT reason FROM v_task WHERE task_id = '$1' ORDER BY run_key DESC
    LIMIT 1"; }

# ---- homes ----

new_home() { # NAME: an empty home, and go there
    mkdir -p "$scratch/$1"/{dags,expectations,data}
    cd "$scratch/$1" || exit 1
}
sample_home() { # NAME: this project's own DAG, suites and sample
    new_home "$1"
    cp "$source_dir"/dags/healthcare_processing.yaml dags/
    cp "$source_dir"/expectations/*.yaml expectations/
    cp -R "$source_dir"/data/* data/
}
use_plugins() { # NAME...: plugins made for tests, into this home
    mkdir -p build/tasks
    local name
    for name; do cp "$build/tests/fixtures/plugins/$name.so" build/tasks/; done
}
dag() { # NAME: a DAG file from standard input, with its dag_id
    { echo "dag_id: $1" && cat; } >"dags/$1.yaml"
}
# Wait until a command succeeds, at most so many seconds, or as many more as there is patience.
await() { # SECONDS COMMAND...
    local until=$((SECONDS + $1 * patience / 60))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $until ] || return 1
        sleep 0.02
    done
}
# What a home promises to keep when a run fails, as one text to compare.
kept() {
    sql var/warehouse.db .dump | sha256sum
    readlink var/published/*/latest
    cat var/published/*/latest/* | sha256sum
    cat "$(last_good_report)" | sha256sum
}
last_good_report() {
    sql var/dagrun.db "SELECT 'reports/' || dag_id || '/' || run_id || '/index.html' FROM dag_run
                       WHERE state = 'success' ORDER BY run_key DESC LIMIT 1"
}
