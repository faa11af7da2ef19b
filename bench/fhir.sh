# shellcheck shell=bash
# bench/fhir.sh: FHIR bundles to loaded tables, against DuckDB extracting the same rows.

python_with_duckdb() { # PYTHON may name one
    local python
    for python in "${PYTHON:-python3}" python3; do
        "$python" -c 'import duckdb' 2>/dev/null && echo "$python" && return
    done
    return 1
}
bench_fhir() {
    local home=$dir/fhir_home files python peer=()
    rm -rf "$home"
    mkdir -p "$home/build" "$home/data"
    cp -r dags expectations "$home"
    ln -s "$build/tasks" "$home/build/tasks"
    if [ -d "${DAGRUN_REAL_DATA:-}/fhir" ]; then
        ln -s "$DAGRUN_REAL_DATA/fhir" "$home/data/fhir"
    else
        "$build/dagrun-generate-fhir" --patients 20 --encounters 60 --out "$home/data/fhir"
    fi
    files=$home/data/fhir
    title "FHIR: $(find -L "$files" -name '*.json' | wc -l) bundles, $(du -Lsm "$files" | cut -f1) MB, to $(find dags/fhir_ingest/views -name '*.yaml' | wc -l) loaded SQLite tables with report, against the same rows in DuckDB's memory"
    if python=$(python_with_duckdb); then
        peer=("DuckDB read_json" "$python bench/peers/fhir_duckdb.py dags/fhir_ingest/views '$files/*.json'")
    else
        echo "  (no Python with duckdb is installed; PYTHON may name one)"
    fi
    measure "dagrun run" "sh -c 'rm -f $home/var/fhir.db*; $dagrun --home $home run fhir_ingest --quiet --threads 2'" "${peer[@]}"
    title "FHIR: the same again with nothing changed"
    measure "dagrun run" "$dagrun --home $home run fhir_ingest --quiet --threads 2"
    # A view of a type that nobody sends: all that is left is reading, parsing and indexing.
    printf 'resource: Nothing\nselect: [{column: [{name: id, path: id}]}]\n' >"$dir/nothing.yaml"
    title "FHIR: reading, parsing and indexing $((20 * $(du -Lsm "$files" | cut -f1))) MB on one thread"
    measure "dagrun view run" "sh -c 'f=\$(ls $files/*.json); $dagrun view run $dir/nothing.yaml \$(for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do echo \$f; done)'"
}
