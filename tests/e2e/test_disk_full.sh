#!/bin/bash
# A disk that fills up in the middle of a run, on a small file system of its own.
# It has room for all that this test's runs leave; the ballast fills the rest.
if [ "${1:-}" != inside ]; then
    if unshare -m true 2>/dev/null && [ "$(id -u)" = 0 ]; then
        exec unshare -m "$0" inside
    elif unshare -rm true 2>/dev/null; then
        exec unshare -rm "$0" inside
    fi
    echo "may not mount a file system here"
    exit 77
fi
. "$(dirname "$0")/lib.sh"
mkdir "$scratch/disk"
if ! mount -t tmpfs -o size=32m dagrun-test "$scratch/disk" 2>/dev/null; then
    echo "ok 1 - a full disk # SKIP may not mount a file system here"
    exit 0
fi
trap 'cd /; umount "$scratch/disk"; tidy' EXIT
sample_home disk/home
sed -i 's/retries: 2/retries: 0/' dags/healthcare_processing.yaml

it "the sample fits"
expect_exit 0 dagrun run healthcare_processing
before=$(kept)
clean=$(sql var/warehouse.db "SELECT count(*) FROM vitals_clean")

for left in 20 300 900; do
    it "with $left KB left the run fails with a reason, and the last outputs stay"
    free=$(df --output=avail -k . | tail -1)
    head -c $(((free - left) * 1024)) /dev/zero >../ballast
    dagrun run healthcare_processing >"$out" 2>"$err"
    status=$?
    is "the exit code is 1 or 6" "$((status == 1 || status == 6))" 1
    grep -qiE 'full|no space' "$out" "$err" || { note "nothing says that the disk is full" && show "$out" "$err"; }
    rm ../ballast
    is "what the last good run left" "$(kept)" "$before"

    it "with room again the next command goes on"
    dagrun retry healthcare_processing >"$out" 2>"$err" || { note "retry: exit code $?" && show "$out" "$err"; }
    is "the run" "$(run_state)" success
    is "rows" "$(sql var/warehouse.db "SELECT count(*) FROM vitals_clean")" "$clean"
    sql_is var/dagrun.db "PRAGMA integrity_check" ok
    sql_is var/warehouse.db "PRAGMA integrity_check" ok
    before=$(kept)
done
finish
