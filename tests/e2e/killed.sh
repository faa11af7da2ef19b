# shellcheck shell=bash
# tests/e2e/killed.sh: kill -9 while the task `load` writes, sourced after postgres.sh.
#
#     stop_at patients; kill_while_writing patients DAG ARGUMENT...; go_on patients
#
# A trigger lets no load come beyond the first row of one table, so that the kill comes after some tables were written
# and before others were, however fast the machine is. The test sets database (warehouse or postgres) and uri (of the
# latter), and defines
#     ask SQL      in the database under test

stop_at() { # TABLE
    if [ $database = postgres ]; then
        ask "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(100000); RETURN NEW; END';
             CREATE TRIGGER wait BEFORE INSERT OR UPDATE ON $1 FOR EACH ROW EXECUTE FUNCTION wait()"
    else
        local event
        for event in INSERT UPDATE; do
            ask "CREATE TRIGGER wait_$event AFTER $event ON $1 BEGIN SELECT max(i) FROM
                (WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n); END"
        done
    fi
}
go_on() { # TABLE
    if [ $database = postgres ]; then
        ask "DROP TRIGGER wait ON $1; DROP FUNCTION wait"
    else
        ask "DROP TRIGGER wait_INSERT; DROP TRIGGER wait_UPDATE"
    fi
}
active="SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'INSERT INTO"
writing() { # TABLE: the load is at it, nothing is committed
    if [ $database = postgres ]; then
        [ "$(ask "$active \"$1\"%'")" = 1 ]
    else
        [ "$(sql var/dagrun.db "SELECT state FROM v_task WHERE task_id = 'load' ORDER BY run_key DESC LIMIT 1")" = running ] &&
            ! sqlite3 -batch -cmd '.timeout 0' var/warehouse.db "BEGIN IMMEDIATE; ROLLBACK" >/dev/null 2>&1
    fi
}
nobody_writes() { [ "$(ask "$active%'")" = 0 ]; }

kill_while_writing() { # TABLE DAG ARGUMENT...
    local table=$1
    shift
    (
        set_environment
        exec env -i --default-signal=INT,QUIT "${environment[@]}" DAGRUN_CONN_POSTGRES="$uri" "$build/dagrun" run "$1" \
            --param warehouse=$database "${@:2}"
    ) >"$out" 2>"$err" &
    local pid=$!
    await 120 writing "$table" || { note "the load did not begin to write" && show "$out" "$err"; }
    kill -KILL $pid 2>/dev/null
    wait $pid 2>/dev/null
    is "exit code of the killed one" $? 137
    [ $database = postgres ] || return 0
    ask "${active/count(*)/pg_terminate_backend(pid)}%'" >/dev/null # the server would see it at the next row
    await 60 nobody_writes || note "the server goes on with the load of a client that is gone"
}
