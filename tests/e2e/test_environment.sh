#!/bin/bash
# A machine that is in the way: a home that cannot be written, a full disk, no
# home at all. Clear words, the right exit code, and what was there stays.
. "$(dirname "$0")/lib.sh"

# As a user whom permissions bind: root without its capabilities.
bound() {
    set_environment
    if [ "$(id -u)" = 0 ]; then
        setpriv --bounding-set=-all --inh-caps=-all env -i "${environment[@]}" "$@"
    else
        env -i "${environment[@]}" "$@"
    fi
}
can_bind() { [ "$(id -u)" != 0 ] || setpriv --bounding-set=-all --inh-caps=-all true 2>/dev/null; }

it "no home: the message says what one is and how to make one"
mkdir "$scratch/empty" && cd "$scratch/empty" || exit 1
expect_exit 4 dagrun list
err_has "dags"
expect_exit 4 dagrun list --home "$scratch/none"
err_has "$scratch/none"
no_file var

sample_home readonly
it "a home that cannot be written: a run is refused, and nothing of it is kept"
if can_bind; then
    chmod a-w .
    expect_exit 6 bound "$build/dagrun" run healthcare_processing
    err_has "var"
    err_has "ermission denied"
    chmod u+w .
    no_file var
    no_file reports
else
    skip "root's capabilities cannot be dropped here"
fi

it "a home that became read-only: what only reads works, what writes says why"
if can_bind; then
    dagrun run healthcare_processing >"$out" 2>"$err" || note "the first run failed"
    before=$(kept)
    chmod -R a-w var reports
    expect_exit 6 bound "$build/dagrun" run healthcare_processing
    err_has "var"
    for verb in list runs status "status --json" "logs validate_vitals" check "show healthcare_processing"; do
        # shellcheck disable=SC2086
        expect_exit 0 bound "$build/dagrun" $verb
    done
    chmod -R u+w var reports
    is "what the last good run left" "$(kept)" "$before"
else
    skip "root's capabilities cannot be dropped here"
fi

it "a file-size limit stops a task with a reason, and the last outputs stay"
sed -i 's/retries: 2/retries: 0/' dags/healthcare_processing.yaml
generate --rows 20000 --out data >/dev/null
dagrun run healthcare_processing >"$out" 2>"$err" || note "the run without a limit failed"
before=$(kept)
limited() { (ulimit -f 400 && dagrun run healthcare_processing); }
limited >"$out" 2>"$err"
status=$?
is "the exit code is 1 or 6" "$((status == 1 || status == 6))" 1
grep -qiE 'too large|full|no space|File size limit' "$out" "$err" || { note "nothing says why" && show "$out" "$err"; }
is "what the last good run left" "$(kept)" "$before"
expect_exit 0 dagrun retry healthcare_processing
sql_is var/dagrun.db "PRAGMA integrity_check" ok
finish
