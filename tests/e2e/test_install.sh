#!/bin/bash
# make install into a folder of its own; then a plugin of a user's own, built
# outside the repository against the installed header, runs in another home.
. "$(dirname "$0")/lib.sh"
if ! command -v "${CC:-cc}" >/dev/null || ! command -v make >/dev/null; then
    echo "there is no compiler, or no make"
    exit 77
fi
prefix=/opt/dagrun
root=$scratch/root
dagrun() { clean_env timeout --foreground -k 1 $patience "$root$prefix/bin/dagrun" "$@"; }

it "make install honours DESTDIR and PREFIX"
# What is built is installed; -o keeps make from building any of it again, with other flags than those of
# this build and while other tests use it.
old=()
while read -r file; do old+=(-o "$file"); done < <(
    find "$build" -maxdepth 2 \( -name '*.so' -o -name dagrun -o -name dagrun-generate -o -name dagrun-generate-fhir \))
built() { (cd "$build" && stat -c "%n %y" flags dagrun dagrun-generate dagrun-generate-fhir tasks/*.so generated/cmd/version.h); }
built >"$scratch/built"
expect_exit 0 env -i PATH="$PATH" make -C "$source_dir" -s install B="$build" DESTDIR="$root" PREFIX="$prefix" "${old[@]}"
for file in bin/dagrun bin/dagrun-generate include/dagrun/task.h include/dagrun/table.h lib/dagrun/tasks/validate.so; do
    has_file "$root$prefix/$file"
done
is "nothing else at the root" "$(ls "$root")" opt
same_file "$scratch/built" <(built)

it "the installed program finds its own plugins"
cd "$scratch" || exit 1
expect_exit 0 dagrun init home
cd home || exit 1
expect_exit 0 dagrun run example
expect_exit 0 dagrun tasks validate
out_has "$root$prefix/lib/dagrun/tasks/validate.so"

it "a user's plugin is one C file and one command"
mkdir "$scratch/elsewhere" && cp "$source_dir/tests/fixtures/e2e/tally.c" "$scratch/elsewhere/"
mkdir -p build/tasks
plugin=$PWD/build/tasks/tally.so
compile() { (cd "$scratch/elsewhere" && "$@" -I"$root$prefix/include" -Wall -Wextra -Werror); }
expect_exit 0 compile cc -shared -fPIC tally.c -o "$plugin"
expect_exit 0 dagrun tasks tally
out_has "tally - Counts rows per value of a column"
out_has "column"

it "it compiles as strict C11 and as C++ too"
expect_exit 0 compile cc -std=c11 -pedantic-errors -fsyntax-only tally.c
if command -v c++ >/dev/null; then
    printf '#include <dagrun/task.h>\nint main() { return DR_ABI != 1; }\n' >"$scratch/elsewhere/header.cc"
    expect_exit 0 compile c++ -std=c++17 -fsyntax-only header.cc
fi

it "it runs in a DAG, with its parameters checked as any plugin's"
dag count <<'Y'
tasks:
  tally:
    plugin: tally
    inputs: {table: data/visits.csv}
    with: {column: clinic}
    outputs: {counts: clinics}
  load: {plugin: load, inputs: {tables: [clinics]}}
Y
expect_exit 0 dagrun run count
sql_is var/warehouse.db "SELECT clinic, rows FROM clinics ORDER BY clinic" "north|2
south|2"
sql_is var/dagrun.db "SELECT value FROM v_metric WHERE name = 'distinct'" 2.0
dag wrong <<'Y'
tasks:
  tally: {plugin: tally, inputs: {table: data/visits.csv}, with: {colum: clinic}, outputs: {counts: clinics}}
Y
expect_exit 3 dagrun run wrong
err_has "did you mean 'column'?"

it "what it says when it fails is what the user sees"
sed -i 's/column: clinic/column: ward/' dags/count.yaml
expect_exit 1 dagrun run count
out_has "there is no column 'ward'"

it "make uninstall takes everything away again"
expect_exit 0 env -i PATH="$PATH" make -C "$source_dir" -s uninstall B="$build" DESTDIR="$root" PREFIX="$prefix"
is "files left" "$(find "$root" -type f | wc -l)" 0
finish
