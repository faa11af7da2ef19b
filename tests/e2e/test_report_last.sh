#!/bin/bash
# The report of a run: written once, when the run has ended, where its task is the last; before that
# where others still wait for it. What is wrong with it fails its task.
. "$(dirname "$0")/lib.sh"
report=reports/report/latest/index.html
last_dag() { # tasks besides the report, from standard input
    dag report <<EOF
tasks:
$(cat)
EOF
}
new_home last
use_plugins checks

it "a report that is the last task shows the end of its run and of itself"
last_dag <<'EOF'
  work: {plugin: noop}
  report: {plugin: quality_report, depends_on: [work], trigger_rule: all_done}
EOF
expect_exit 0 dagrun run report
out_has "report: "
has_file $report
is "the task" "$(task_states | tail -n 1)" "report|success"
grep -q 'running' $report && note "the report says that something is running"

it "the time of the run is what status shows, and leaves out the report"
expect_exit 0 dagrun run report --plain
took=$(sed -n 's/.* success  *report [^ ]*  //p' "$out" | tail -n 1)
expect_exit 0 dagrun status report
out_has ", took ${took:-(no time was shown)}"

it "and starts no program to write it"
expect_exit 0 clean_env DAGRUN_PROGRAM=/nowhere "$build/dagrun" run report

it "a task after the report finds it written, and it is written again at the end"
last_dag <<'EOF'
  report: {plugin: quality_report}
  after: {plugin: shell, depends_on: [report], with: {command: "cp reports/report/latest/index.html copy.html"}}
EOF
expect_exit 0 dagrun run report
has_file copy.html
grep -q 'not started' copy.html || note "the copy does not show that the run went on"
grep -q 'not started' $report && note "the report does not show the end"

it "a report task beside others that are not finished writes it at once"
last_dag <<'EOF'
  slow: {plugin: noop, with: {sleep: 300ms}}
  report: {plugin: quality_report}
EOF
expect_exit 0 dagrun run report --jobs 2
has_file $report
grep -q 'running' $report && note "the report does not show the end"

it "rows that do not add up fail the last task, and the report shows where"
printf 'name,n\noak,1\nelm,2\n' >data/raw.csv
printf 'name,n\noak,1\n' >data/clean.csv
printf 'suite: trees\nexpectations:\n  - expect_column_to_exist: {column: n}\n' >expectations/trees.yaml
last_dag <<'EOF'
  raw: {plugin: checks, inputs: {in: data/raw.csv}, outputs: {valid: a, quarantined: b}, with: {stage: raw}}
  clean: {plugin: checks, inputs: {in: data/clean.csv}, outputs: {valid: c, quarantined: d}, with: {stage: clean}}
  report: {plugin: quality_report, depends_on: [raw, clean], trigger_rule: all_done}
EOF
expect_exit 1 dagrun run report
is "the task" "$(task_states | tail -n 1)" "report|failed"
reason_of report >"$out"
out_has "rows of trees_raw do not add up: 2 raw, but 1 clean + 0 quarantined + 0 duplicates (1 missing)"
has_file $report
grep -q 'Rows do not add up' $report || note "the report does not say so"
expect_exit 0 dagrun logs report
out_has "do not add up"

it "a report that cannot be put anywhere fails its task"
mv reports away && echo 'a file' >reports
last_dag <<'EOF'
  work: {plugin: noop}
  report: {plugin: quality_report, depends_on: [work], trigger_rule: all_done}
EOF
expect_exit 1 dagrun run report
is "the task" "$(task_states | tail -n 1)" "report|failed"
reason_of report >"$out"
out_has "reports"
rm reports && mv away reports

it "a report that its runner did not come to write is written by retry"
expect_exit 0 dagrun run report
rm "$(last_good_report)"
expect_exit 0 dagrun retry report
out_has "there is nothing to retry"
has_file "$(last_good_report)"

it "where it cannot be written at the end, the exit code and the message say so"
last_dag <<'EOF'
  work: {plugin: noop}
  report: {plugin: quality_report, depends_on: [work], trigger_rule: all_done}
EOF
expect_exit 0 dagrun run report --run-id whole
rm -r reports/report/whole && echo 'a file' >reports/report/whole
expect_exit 6 dagrun retry report whole
err_has "the report of run whole is missing ('dagrun report report whole' writes it)"
finish
