#!/bin/bash
# dagrun crontab: lines that a real cron accepts, and that run the DAG when they fire.
. "$(dirname "$0")/lib.sh"
new_home "cron home"
mkdir -p "$scratch/it's 100%"
dag nightly <<'Y'
schedule: "30 2 * * *"
timezone: UTC
tasks: {a: {plugin: noop}}
Y
dag london <<'Y'
schedule: "*/20 8-18 * * mon-fri"
timezone: Europe/London
tasks: {a: {plugin: noop}}
Y
dag by_hand <<'Y'
tasks: {a: {plugin: noop}}
Y
crontab_lines() { clean_env TZ=UTC "$build/dagrun" crontab "$@"; }
line_of() { grep -E "^[0-9*].* run $1 " "$out"; }
# A cron line's command as cron hands it to the shell: after the five fields, \% is %.
command_of() { line_of "$1" | sed -E 's/^([^ ]+ ){5}//; s/\\%/%/g'; }

it "every scheduled DAG has a line, and no other"
expect_exit 0 crontab_lines
is "lines" "$(grep -cE '^[0-9*]' "$out")" 2
out_has "# nightly: at 02:30 every day, UTC"
line_of nightly | grep -q '^30 2 \* \* \* ' || note "the line is $(line_of nightly)"
out_lacks by_hand

it "a TZ of this shell that is not the machine's is told"
zone_of_machine=$(readlink /etc/localtime | sed 's/.*zoneinfo.//')
case $zone_of_machine in
'') skip "the machine does not say its zone" ;;
*Kiritimati) skip "the machine has that zone" ;;
*)
    expect_exit 0 clean_env TZ=Pacific/Kiritimati "$build/dagrun" crontab
    err_has "warning: TZ is Pacific/Kiritimati here, and /etc/localtime says $zone_of_machine"
    expect_exit 0 clean_env TZ=":$zone_of_machine" "$build/dagrun" crontab
    err_empty
    ;;
esac

it "a star stays one: it decides whether days of the month and of the week are alternatives"
while IFS='|' read -r given shown; do
    dag stars <<Y
schedule: "$given"
tasks: {a: {plugin: noop}}
Y
    expect_exit 0 crontab_lines stars
    is "$given" "$(line_of stars | cut -d' ' -f1-5)" "$shown"
done <<'END'
0 2 1-31 * 1|0 2 1-31 * 1
0 2 */2 * 1|0 2 */2 * 1
0 2 1 * */3|0 2 1 * */3
0 2 1 * 0-6|0 2 1 * 0-6
0 2 */10,5 * 1|0 2 */31,5,11,21,31 * 1
0 2 */31 * 1|0 2 */31 * 1
*/15 2 * * *|*/15 2 * * *
0-59 2 * * *|0-59 2 * * *
@hourly|0 * * * *
7 */2 * * *|7 */2 * * *
5,10 1,2 * jan sun|5,10 1,2 * 1 0
END
rm dags/stars.yaml
expect_exit 0 crontab_lines

it "the lines pass a real cron's parser"
if crontab -V >/dev/null 2>&1 || crontab -h 2>&1 | grep -q -- '-n'; then
    cp "$out" table # of no long name: some crontabs cut it off
    crontab -n table >"$scratch/said" 2>&1 || { note "crontab -n refuses it" && show "$scratch/said"; }
    echo '61 * * * * true' >>table
    ! crontab -n table >/dev/null 2>&1 || note "crontab -n would accept anything"
else
    skip "there is no crontab that can check a file"
fi

it "a line runs its DAG as cron would start it"
expect_exit 0 crontab_lines nightly
command=$(command_of nightly)
env -i HOME=/ LOGNAME=nobody SHELL=/bin/sh PATH=/usr/bin:/bin /bin/sh -c "cd / && $command" || note "exit code $?: $command"
sql_is var/dagrun.db "SELECT dag_id, state FROM v_run" "nightly|success"
has_file var/log/nightly.log
grep -q "success" var/log/nightly.log || show var/log/nightly.log

it "a DAG in another zone runs only when its own schedule fires"
expect_exit 0 crontab_lines london
command=$(command_of london)
case $command in *--if-due*) ;; *) note "the line lacks --if-due: $command" ;; esac
at() { env -i HOME=/ PATH=/usr/bin:/bin DAGRUN_NOW="$1" timeout $patience /bin/sh -c "$command"; }
runs() { sql var/dagrun.db "SELECT count(*) FROM dag_run WHERE dag_id = '$1'"; }
at 2024-07-02T07:20:10Z
is "08:20 in London's summer" "$(runs london)" 1
at 2024-07-02T18:20:10Z
is "19:20 in London's summer" "$(runs london)" 1
at 2024-01-02T18:20:10Z
is "18:20 in London's winter" "$(runs london)" 2
at 2024-01-06T18:20:10Z
is "on a Saturday" "$(runs london)" 2
at 2024-01-02T18:21:10Z
is "a minute later" "$(runs london)" 2
minutes=$(grep -E '^[0-9*].* run london ' "$out" | cut -d' ' -f1)
case ",$minutes," in *,20,*) ;; *) note "minute 20 is not among '$minutes'" ;; esac

it "nothing is due before the start_date or after the end_date"
dag bounded <<'Y'
schedule: "*/20 * * * *"
start_date: 2024-03-02
end_date: 2024-03-03
tasks: {a: {plugin: noop}}
Y
expect_exit 0 crontab_lines bounded
command=$(command_of bounded)
at 2024-03-01T23:40:00Z
is "before it" "$(runs bounded)" 0
at 2024-03-02T00:00:30Z
is "at its first moment" "$(runs bounded)" 1
at 2024-03-03T00:20:00Z
is "after it" "$(runs bounded)" 1
next_run() { DAGRUN_NOW=$1 dagrun list --json >"$out" && json "$out" '$[0].next_run'; }
is "next, before" "$(next_run 2024-02-01T00:00:00Z)" 2024-03-02T00:00:00Z
is "next, after" "$(next_run 2024-03-03T00:00:00Z)" ''
rm dags/bounded.yaml

it "--user adds cron.d's sixth field"
expect_exit 0 crontab_lines --user nightly
line_of nightly | grep -q "^30 2 \* \* \* $(id -un) " || note "the line is $(line_of nightly)"

it "a home with blanks, quotes and percent signs"
cp -R dags "$scratch/it's 100%/"
cd "$scratch/it's 100%" || exit 1
expect_exit 0 crontab_lines nightly
command=$(command_of nightly)
env -i HOME=/ PATH=/usr/bin:/bin /bin/sh -c "$command" || note "exit code $?: $command"
sql_is var/dagrun.db "SELECT state FROM v_run" success

it "a DAG that is wrong is said, and no half a table is printed for it"
dag wrong <<'Y'
schedule: "99 2 * * *"
tasks: {a: {plugin: noop}}
Y
expect_exit 3 crontab_lines
err_has "dags/wrong.yaml:2:"
is "standard output" "$(cat "$out")" ""

it "a DAG that is not there"
expect_exit 4 crontab_lines nigthly
err_has "did you mean 'nightly'?"
is "standard output" "$(cat "$out")" ""
finish
