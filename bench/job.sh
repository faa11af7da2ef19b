# Part "job" of bench/run: the healthcare work end to end through `dagrun run`: read a CSV of
# BENCH_ROWS (10 million) records, eight checks and a unique key, the first row of each key, monthly
# statistics with exact median and p95, one CSV out; two threads. DuckDB and Polars do the same in
# bench/peers/job_*.py, where a Python with the modules is in $dir/venv or PYTHON says so.

bench_job() {
    local rows=${BENCH_ROWS:-10000000} home=$dir/job_home python=${PYTHON:-$dir/venv/bin/python} answer peer peers=()
    mkdir -p "$home"/{dags,expectations,data,build}
    ln -sfn "$build/tasks" "$home/build/tasks"
    cp bench/job/vitals.yaml "$home/dags/vitals.yaml"
    cp bench/job/suite.yaml "$home/expectations/vitals.yaml"
    if [ "$(cat "$home/rows" 2>/dev/null)" != "$rows" ]; then
        "$build/dagrun-generate" --kind vitals --rows "$rows" --hospitals 20 --dirt 0.05 --structure clean \
            >"$home/data/vitals.csv"
        echo "$rows" >"$home/rows"
    fi
    title "the healthcare job, $rows records ($(($(stat -c %s "$home/data/vitals.csv") / 1000000)) MB), 2 threads"
    "$dagrun" --home "$home" run vitals --quiet --threads 2
    "$dagrun" --home "$home" logs monthly vitals | sed -n 's/.*INFO \([0-9]* rows\)/  dagrun: \1/p'
    answer=$(sqlite3 "$home/var/dagrun.db" "SELECT printf('kept %d, rows with a repeated key %d',
        (SELECT value FROM v_metric WHERE name = 'rows_kept' ORDER BY run_key DESC LIMIT 1),
        (SELECT value FROM v_metric WHERE name = 'rows_with_repeated_key' ORDER BY run_key DESC LIMIT 1))" 2>&1)
    for peer in duckdb polars; do
        if ! "$python" -c "import $peer" 2>/dev/null; then
            echo "  (the $peer module is not installed: bench/peers/install)"
        elif [ "$("$python" "bench/peers/job_$peer.py" "$home/data/vitals.csv" "$dir/job_$peer.csv" 2)" != "$answer" ]; then
            echo "  ($peer gives another answer than: $answer)"
        else
            echo "  $peer gives the same: $answer"
            peers+=("$peer" "$python bench/peers/job_$peer.py $home/data/vitals.csv $dir/job_$peer.csv 2")
        fi
    done
    measure "dagrun run" "$dagrun --home $home run vitals --quiet --threads 2" "${peers[@]}"
}
