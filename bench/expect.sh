# Part "expect" of bench/run: suites of 15 and of 30 mixed checks over generated vital
# signs (BENCH_ROWS, a million), on clean data, where all pass, and on damaged data,
# where most fail and the rows are quarantined; against the same checks as queries of
# DuckDB and against Great Expectations on pandas, where the Python environment
# of bench/peers ($dir/venv, or PYTHON) has them. Answers are compared.

expect_files() { # FOLDER ROWS
    local kind dirt
    [ -e "$1/dirty.csv" ] && return
    mkdir -p "$1"
    for kind in clean dirty; do
        dirt=0
        [ $kind = clean ] || dirt=0.08
        "$build/dagrun-generate" --kind vitals --rows "$2" --structure clean --dirt $dirt |
            awk -v dirty=$([ $kind = dirty ] && echo 1 || echo 0) '
                NR == 1 { print "sample_id," $0; next }
                { id = NR - 1
                  if (dirty && id % 500 == 0) id--
                  if (dirty && id % 777 == 0) printf "x%d,%s\n", id, $0
                  else printf "S%08d,%s\n", id * 7919 % 99999989, $0 }' >"$1/$kind.csv"
    done
    head -n 1001 "$1/clean.csv" >"$1/thousand.csv"
    head -n 100001 "$1/clean.csv" >"$1/gx.csv"
}
expect_figure() { sed -n "s/^$2 //p" "$1"; } # FILE NAME
expect_row() { # LABEL SECONDS REFERENCE
    awk -v label="$1" -v s="$2" -v r="$3" 'BEGIN { printf "  %-68s %9.3f s   x %.2f\n", label, s, s / r }'
}
expect_same() { # FILE FILE PEER
    if diff <(grep ^answer "$1") <(grep ^answer "$2") >"$dir/expect_out/diff"; then
        echo "  the answers of $3 are the same"
    else
        echo "  the answers of $3 DIFFER:" && cat "$dir/expect_out/diff"
    fi
}

bench_expect() {
    local rows=${BENCH_ROWS:-1000000} threads=${BENCH_THREADS:-2} out=$dir/expect_out python kind base
    local data=$dir/expect_$rows suites=$top/bench/expect
    expect_files "$data" "$rows"
    mkdir -p "$out"
    make -s B="$build" "$build/bench/expect"
    python=${PYTHON:-$dir/venv/bin/python}
    for kind in fifteen thirty; do # both files in one process, by turns
        "$build/bench/expect" -t "$threads" -n "$runs" "$suites/$kind.yaml" "$data/clean.csv" "$data/dirty.csv" |
            awk -v out="$out/$kind" '/^file / { to = out ($2 ~ /dirty.csv$/ ? "-dirty" : "-clean"); next }
                { print >to }'
    done
    base=$(expect_figure "$out/fifteen-clean" evaluate)
    title "a suite over $rows rows in memory, $threads threads: evaluation alone"
    expect_row "dagrun, 15 checks that pass" "$base" "$base"
    expect_row "dagrun, 30 checks that pass" "$(expect_figure "$out/thirty-clean" evaluate)" "$base"
    for kind in fifteen thirty; do
        expect_row "dagrun, $kind checks that fail, with full quarantine, against passing" \
            "$(awk '$1 == "evaluate" || $1 == "split" { s += $2 } END { print s }' "$out/$kind-dirty")" \
            "$(expect_figure "$out/$kind-clean" evaluate)"
        expect_row "the same, processor time" "$(expect_figure "$out/$kind-dirty" processor)" \
            "$(expect_figure "$out/$kind-clean" processor)"
    done
    if "$python" -c 'import duckdb, ruamel.yaml' 2>/dev/null; then
        for kind in fifteen-clean fifteen-dirty; do
            "$python" bench/peers/expect_duckdb.py "$suites/fifteen.yaml" "$data/${kind#*-}.csv" "$runs" "$threads" \
                >"$out/duckdb-$kind"
            expect_row "DuckDB, ${kind#*-} data" "$(expect_figure "$out/duckdb-$kind" evaluate)" "$base"
            expect_same "$out/$kind" "$out/duckdb-$kind" "DuckDB"
        done
    else
        echo "  (DuckDB for Python, or ruamel.yaml, is not installed: bench/peers/install)"
    fi
    if "$python" -c 'import great_expectations' 2>/dev/null; then
        title "the 15 checks over 100,000 rows in memory, against Great Expectations on pandas (one run)"
        "$build/bench/expect" -t "$threads" -n "$runs" "$suites/fifteen.yaml" "$data/gx.csv" >"$out/for-gx"
        "$python" bench/peers/expect_gx.py "$suites/fifteen.yaml" "$data/gx.csv" 1 >"$out/gx"
        base=$(expect_figure "$out/for-gx" evaluate)
        expect_row "dagrun" "$base" "$base"
        expect_row "Great Expectations" "$(expect_figure "$out/gx" evaluate)" "$base"
        expect_same "$out/for-gx" "$out/gx" "Great Expectations"
    else
        echo "  (Great Expectations is not installed)"
    fi
    title "from the file to the verdict, the whole process"
    local peer=()
    if "$python" -c 'import duckdb, ruamel.yaml' 2>/dev/null; then
        peer=("DuckDB" "$python bench/peers/expect_duckdb.py $suites/fifteen.yaml $data/clean.csv 1 $threads")
    fi
    measure "dagrun expect, 15 checks" "$dagrun expect --threads $threads $suites/fifteen.yaml $data/clean.csv" \
        "dagrun expect, 30 checks" "$dagrun expect --threads $threads $suites/thirty.yaml $data/clean.csv" "${peer[@]}"
    title "1,000 rows, the whole process"
    measure "dagrun expect, 15 checks" "$dagrun expect $suites/fifteen.yaml $data/thousand.csv"
}
