# bench/large.sh - the parts of bench/run that need a large file; sourced by it.

bench_csv() { echo "  (see below)"; }
bench_job() { :; }
bench_expect() { :; }
