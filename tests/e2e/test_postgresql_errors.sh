#!/bin/bash
# What can be wrong with a PostgreSQL: password, database, host, port, role, schema; a server that goes away while rows are
# copied or written. Each is named, with the right exit code and without the secret, and the run can be retried.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/postgres.sh"
start_postgres || { it "PostgreSQL that is wrong"; skip "PostgreSQL is not installed"; finish; }
new_home errors
word=geheim-4711
psql_do "CREATE ROLE reader LOGIN PASSWORD '$word'; GRANT ALL ON SCHEMA public TO reader" >/dev/null
sed -i "1i local all reader scram-sha-256" "$postgres_dir/data/pg_hba.conf"
psql_do "SELECT pg_reload_conf()" >/dev/null
mkdir -p migrations/clinic
echo 'CREATE TABLE patient (id bigint PRIMARY KEY, name text);' >migrations/clinic/001_tables.sql
awk 'BEGIN { print "id,name"; for (i = 1; i <= 60000; i++) printf "%d,name %d\n", i, i }' >data/patient.csv
dag fill <<'Y'
tasks:
  tables: {plugin: migrate, with: {connection: pg, migrations: [clinic]}}
  load:
    plugin: load
    depends_on: [tables]
    inputs: {tables: [data/patient.csv]}
    with: {connection: pg, names: {data/patient.csv: patient}, mode: upsert}
Y
local_uri() { echo "postgresql://reader:${given:-$word}@/${database:-test}?host=$postgres_socket"; }
on() { # URI ARGUMENT...
    clean_env DAGRUN_CONN_PG="$1" timeout -k 1 $patience "$build/dagrun" "${@:2}"
}
refuses() { # URI MESSAGE: of a run and of `dagrun db`
    expect_exit 1 on "$1" run fill
    out_has "connection 'pg': cannot connect to PostgreSQL: "
    out_has "$2"
    expect_exit 6 on "$1" db status --connection pg
    err_has "connection 'pg': cannot connect to PostgreSQL: "
    err_has "$2"
    out_lacks "${given:-$word}"
    err_lacks "${given:-$word}"
}

it "the right one"
expect_exit 0 on "$(local_uri)" db status --connection pg

it "a wrong password, and none at all"
given=falsch-0815
refuses "$(local_uri)" 'password authentication failed for user "reader"'
given=''
refuses "postgresql://reader@/test?host=$postgres_socket" "no password supplied"

it "a database that is not there, a role that is not there"
database=nodb
refuses "$(local_uri)" 'database "nodb" does not exist'
database=''
refuses "postgresql://nobody-here:$word@/test?host=$postgres_socket" 'role "nobody-here" does not exist'

it "a host that has no address, a port where nobody listens, a folder without a socket"
refuses "postgresql://reader:$word@db.invalid/test?sslmode=disable" 'could not translate host name "db.invalid" to address'
refuses "postgresql://reader:$word@127.0.0.1:1/test" "Connection refused"
refuses "postgresql://reader:$word@/test?host=/nowhere" "No such file or directory"

it "a port that is no number, a setting that libpq does not know"
expect_exit 1 on "postgresql://reader:$word@/test?host=$postgres_socket&port=abc" run fill
out_has "invalid integer value"
out_lacks "$word"
expect_exit 1 on "postgresql://reader:$word@/test?hots=$postgres_socket" run fill
out_has "its URI cannot be read"
out_lacks "$word"

it "a schema that is not there, a table that is somebody else's"
expect_exit 1 on "$(local_uri)&options=-csearch_path%3Dnowhere" run fill
out_has 'PostgreSQL: no schema has been selected to create in'
psql_do "CREATE TABLE patient (id bigint PRIMARY KEY, name text)" >/dev/null
dag foreign <<'Y'
tasks:
  load: {plugin: load, inputs: {tables: [data/patient.csv]}, with: {connection: pg, names: {data/patient.csv: patient}, mode: upsert}}
Y
expect_exit 1 on "$(local_uri)" run foreign
out_has "permission denied for table patient"
psql_do "DROP TABLE patient" >/dev/null

it "a server that goes away while rows are copied: said so, nothing is there, and a retry completes it"
# Whichever table is made, of a name like this, waits at row 30,000: so the load is met there, however fast it is.
psql_do "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(100000); RETURN NEW; END'" >/dev/null
psql_do "CREATE FUNCTION wait_in() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS \$f\$ DECLARE made record; BEGIN
    FOR made IN SELECT * FROM pg_event_trigger_ddl_commands() WHERE object_type = 'table' LOOP
        IF made.object_identity LIKE current_setting('test.wait_in') THEN
            EXECUTE format('CREATE TRIGGER wait BEFORE INSERT ON %s FOR EACH ROW WHEN (NEW.id::text = ''30000'')
                EXECUTE FUNCTION public.wait()', made.object_identity);
        END IF;
    END LOOP; END \$f\$" >/dev/null
fill_and_wait() { # IN WHICH TABLE, BEGINNING OF THE STATEMENT: the run is $pid
    psql_do "CREATE EVENT TRIGGER wait_in ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION wait_in();
        ALTER DATABASE test SET test.wait_in = '$1'" >/dev/null
    become DAGRUN_CONN_PG="$(local_uri)" "$build/dagrun" run fill >"$out" 2>"$err" &
    pid=$!
    await 60 waits_in "$2" || { note "it does not come to the $2" && show "$out" "$err"; }
    psql_do "DROP EVENT TRIGGER wait_in" >/dev/null
}
waits_in() { # BEGINNING OF THE STATEMENT
    [ "$(psql_do "SELECT count(*) FROM pg_stat_activity WHERE usename = 'reader' AND query LIKE '$1%' AND wait_event = 'PgSleep'")" = 1 ]
}
lose() { # TABLE, BEGINNING OF THE STATEMENT
    fill_and_wait "$1" "$2"
    psql_do "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'reader'" >/dev/null
    wait $pid
    is "exit code" $? 1
    # While rows are sent, libpq may see the end of the connection before what the server said of it.
    grep -qE "terminating connection due to administrator command|server closed the connection unexpectedly" "$out" ||
        { note "it does not say that the connection ended" && show "$out"; }
    psql_is "SELECT count(*) FROM patient" 0
    psql_do "DROP TRIGGER IF EXISTS wait ON patient" >/dev/null
    expect_exit 0 on "$(local_uri)" retry fill
    psql_is "SELECT count(*) FROM patient" 60000
    psql_do "DROP TABLE patient CASCADE; DROP TABLE dagrun_ledger, dagrun_refused, dagrun_table, dagrun_migration, dagrun_migration_object" >/dev/null
}
lose pg_temp.% COPY

it "and while they are written"
lose public.patient 'INSERT INTO "patient"'

it "a server that is killed"
fill_and_wait pg_temp.% COPY
stop_postgres
wait $pid
is "exit code" $? 1
out_has "server closed the connection unexpectedly"
launch_postgres || note "the server does not start again"
expect_exit 0 on "$(local_uri)" retry fill
psql_is "SELECT count(*) FROM patient" 60000

it "no password is kept anywhere"
is "files" "$(grep -rlaE "$word|falsch-0815" var reports 2>/dev/null)" ""
finish
