#!/bin/bash
# The unit tests of loading, once more on a real PostgreSQL.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/postgres.sh"
if ! start_postgres; then
    it "the unit tests of loading pass on PostgreSQL"
    skip "PostgreSQL is not installed"
    finish
fi
for program in test_db_load test_db_load_work test_db_load_beside test_db_load_families test_db_load_append; do
    it "$program passes on PostgreSQL"
    env -i PATH="$PATH" TMPDIR="$scratch" LANG=C.UTF-8 CMOCKA_MESSAGE_OUTPUT=TAP \
        ${ASAN_OPTIONS:+ASAN_OPTIONS="$ASAN_OPTIONS"} DAGRUN_TEST_POSTGRESQL="$postgres_uri" \
        timeout $((5 * patience)) "$build/tests/unit/$program" >"$out" 2>&1 || note "$(grep -v '^ok' "$out" | head -n 40)"
    out_has "# on PostgreSQL"
done
finish
