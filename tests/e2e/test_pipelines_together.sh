#!/bin/bash
# The shipped pipelines in one home, as after a clone: none stands in the way of another.
. "$(dirname "$0")/lib.sh"

new_home together
rmdir data dags expectations 2>/dev/null
cp -R "$source_dir"/{dags,data,expectations,migrations} .
pipelines=$(for file in dags/*.yaml; do basename "$file" .yaml; done)

it "each runs, whatever ran before"
for order in sort 'sort -r'; do
    rm -rf var
    for dag in $(echo "$pipelines" | $order); do
        expect_exit 0 dagrun run "$dag" --plain
        has_file "reports/$dag/latest/index.html"
    done
done

it "and again, on what they left"
for dag in $pipelines; do expect_exit 0 dagrun run "$dag" --plain; done
finish
