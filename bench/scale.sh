# Part "scale" of bench/run: the work of part "job" on BENCH_SCALE million records (1 3 10 30 100), with a limit of
# BENCH_MEMORY bytes (300,000,000). Processor time grows with the rows, and what is resident stays below the limit.
# A file of 100 million records has 4.8 GB; each is removed when it was measured.

bench_scale() {
    local home=$dir/scale_home memory=${BENCH_MEMORY:-300000000} million
    mkdir -p "$home"/{dags,expectations,data,build}
    ln -sfn "$build/tasks" "$home/build/tasks"
    sed "s/memory: .*/memory: $memory/" bench/job/vitals.yaml >"$home/dags/vitals.yaml"
    cp bench/job/suite.yaml "$home/expectations/vitals.yaml"
    title "the healthcare job as it grows, memory: $memory, 2 threads"
    for million in ${BENCH_SCALE:-1 3 10 30 100}; do
        "$build/dagrun-generate" --kind vitals --rows $((million * 1000000)) --hospitals 20 --dirt 0.05 --structure clean \
            >"$home/data/vitals.csv"
        measure "$million million" "$dagrun --home $home run vitals --quiet --threads 2"
        rm "$home/data/vitals.csv"
    done
}
