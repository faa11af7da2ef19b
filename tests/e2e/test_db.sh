#!/bin/bash
# dagrun db: migrations applied once and in order, on SQLite and PostgreSQL; teardown.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/postgres.sh"
new_home db
mkdir -p migrations/clinic migrations/other
cat >migrations/clinic/001_tables.sql <<'S'
-- patients, and their names
CREATE TABLE patient (patient_id INTEGER PRIMARY KEY, born TEXT);
CREATE TABLE name (patient_id INTEGER NOT NULL REFERENCES patient (patient_id), place INTEGER NOT NULL, text TEXT,
                   PRIMARY KEY (patient_id, place));
S
echo 'CREATE VIEW named AS SELECT patient_id, text FROM name;' >migrations/clinic/002_views.sql
echo 'CREATE TABLE other (a INTEGER);' >migrations/other/1_first.sql
on_postgres() { clean_env DAGRUN_CONN_PG="$postgres_uri" timeout $patience "$build/dagrun" "$@"; }

it "status shows what is pending, before there is anything"
expect_exit 0 dagrun db status clinic
out_has 001_tables
out_has pending
no_file var/warehouse.db

it "migrate applies what is pending, each once"
expect_exit 0 dagrun db migrate clinic
out_has "clinic: applied 001_tables"
out_has "clinic: applied 002_views"
sql_is var/warehouse.db "SELECT group_concat(number || ' ' || name) FROM dagrun_migration" "1 001_tables,2 002_views"
expect_exit 0 dagrun db migrate clinic
out_has "nothing to do"

it "without a set, all of them"
expect_exit 0 dagrun db migrate
out_has "other: applied 1_first"
out_lacks 001_tables
expect_exit 0 dagrun db status --json
cp "$out" status.json
json_valid status.json
json_is status.json '$[2].name' 1_first
json_is status.json '$[0].state' applied

it "a migration that fails leaves nothing, and says where"
printf 'CREATE TABLE half (a INTEGER);\nINSERT INTO half VALUES (1);\n\nINSERT INTO hlaf VALUES (2);\n' >migrations/other/2_half.sql
expect_exit 6 dagrun db migrate other
err_has "migrations/other/2_half.sql:4: SQLite: no such table: hlaf"
sql_is var/warehouse.db "SELECT count(*) FROM sqlite_schema WHERE name = 'half'" 0
sql_is var/warehouse.db "SELECT count(*) FROM dagrun_migration WHERE set_name = 'other'" 1
sed -i 's/hlaf/half/' migrations/other/2_half.sql
expect_exit 0 dagrun db migrate other
sql_is var/warehouse.db "SELECT sum(a) FROM half" 3

it "a file that was changed after it was applied is refused"
cp migrations/clinic/001_tables.sql kept.sql
echo '-- a change' >>migrations/clinic/001_tables.sql
expect_exit 3 dagrun db migrate clinic
err_has "001_tables.sql' is not the file that was applied on"
expect_exit 1 dagrun db status clinic
out_has changed
mv migrations/clinic/001_tables.sql gone.sql
expect_exit 1 dagrun db status clinic
out_has missing
cp kept.sql migrations/clinic/001_tables.sql
expect_exit 0 dagrun db status clinic

it "names that are no migrations, and numbers that stand twice, are refused"
touch migrations/other/views.sql
expect_exit 3 dagrun db migrate other
err_has "a migration is named NNN_name.sql"
mv migrations/other/views.sql migrations/other/02_again.sql
expect_exit 3 dagrun db migrate other
err_has "two migrations have the number 2"
rm migrations/other/02_again.sql
expect_exit 4 dagrun db migrate clinik
err_has "did you mean 'clinic'?"
expect_exit 2 dagrun db migrat
expect_exit 3 dagrun db migrate --connection warehose
err_has "did you mean 'warehouse'?"

it "teardown wants to be meant"
expect_exit 2 dagrun db teardown clinic
err_has "--yes"
expect_exit 2 dagrun db teardown --yes
sql_is var/warehouse.db "SELECT count(*) FROM sqlite_schema WHERE name = 'patient'" 1

it "the plugin migrate does it in a DAG, and load fills what it made"
printf 'patient_id,born\n1,2000-01-01\n2,2001-01-01\n' >data/patient.csv
dag fill <<'Y'
tasks:
  schema: {plugin: migrate, with: {migrations: [clinic]}}
  load:
    plugin: load
    depends_on: [schema]
    inputs: {tables: [data/patient.csv]}
    with: {names: {data/patient.csv: patient}, mode: upsert}
Y
expect_exit 0 dagrun run fill
sql_is var/warehouse.db "SELECT count(*) FROM patient" 2

it "a task that names no migrations is told so"
dag none <<'Y'
tasks:
  schema: {plugin: migrate, with: {migrations: []}}
Y
expect_exit 1 dagrun run none
out_has "dags/none.yaml:3:48: migrations: there is none; name at least one set"

it "teardown drops what the set made and nothing else"
expect_exit 0 dagrun db teardown clinic --yes
out_has "clinic: dropped 3 tables, views and the like"
sql_is var/warehouse.db "SELECT group_concat(name) FROM (SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')
    AND name NOT LIKE 'dagrun%' ORDER BY name)" "half,other"
expect_exit 0 dagrun db status clinic
out_has pending

it "after a teardown the same run makes and fills it again"
expect_exit 0 dagrun run fill
sql_is var/warehouse.db "SELECT count(*) FROM patient" 2

it "a variant is for one database only"
echo 'CREATE MATERIALIZED VIEW x AS SELECT 1;' >migrations/clinic/003_x.postgresql.sql
expect_exit 3 dagrun db migrate clinic
err_has "the migration 003_x has no variant for sqlite"
touch migrations/clinic/003_x.sqlite.sql
expect_exit 0 dagrun db migrate clinic

it "two at once apply each migration once"
rm -rf var/warehouse.db*
for i in 1 2 3 4; do dagrun db migrate >"$scratch/m$i" 2>&1 & done
wait
sql_is var/warehouse.db "SELECT count(*) FROM dagrun_migration" 5
is "failures" "$(grep -l 'dagrun: ' "$scratch"/m[1-4] | wc -l)" 0

if ! start_postgres; then
    it "migrations on PostgreSQL"
    skip "PostgreSQL is not installed"
    finish
fi
it "the same on PostgreSQL"
cat >>migrations/clinic/003_x.postgresql.sql <<'S'
CREATE TYPE sex AS ENUM ('f', 'm', 'x');
CREATE FUNCTION twice(n bigint) RETURNS bigint LANGUAGE sql AS $$ SELECT 2 * n; $$;
CREATE TABLE typed (id serial PRIMARY KEY, s sex DEFAULT 'x', n bigint GENERATED ALWAYS AS (twice(3)) STORED);
ALTER TABLE patient ADD COLUMN tags text[];
S
sed -i 's/ DEFAULT .x., n bigint.*/);/; s/LANGUAGE sql/LANGUAGE sql IMMUTABLE/' migrations/clinic/003_x.postgresql.sql
expect_exit 0 on_postgres db migrate --connection pg
expect_exit 0 on_postgres db migrate --connection pg
out_has "nothing to do"
psql_is "SELECT count(*) FROM dagrun_migration" 5
printf 'INSERT INTO other VALUES (1);\nSELECT é FROM other;\n' >migrations/other/3_bad.sql
expect_exit 6 on_postgres db migrate other --connection pg
err_has 'migrations/other/3_bad.sql:2: PostgreSQL: column "é" does not exist'
psql_is "SELECT count(*) FROM other" 0
rm migrations/other/3_bad.sql
for i in 1 2 3 4; do
    psql_do "DROP SCHEMA public CASCADE; CREATE SCHEMA public" >/dev/null
    for k in 1 2 3; do on_postgres db migrate --connection pg >"$scratch/p$k" 2>&1 & done
    wait %{1,2,3} 2>/dev/null; wait
    psql_is "SELECT count(*) FROM dagrun_migration" 5
done
expect_exit 0 on_postgres db teardown clinic --yes --connection pg
psql_is "SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_class WHERE relnamespace = 'public'::regnamespace
    AND relkind IN ('r', 'v', 'm') AND relname NOT LIKE 'dagrun%'" "half,other"
psql_is "SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace" 0

it "an array column takes a JSON array of the dataset"
printf 'patient_id,tags\n1,"[""a"", ""b c""]"\n2,[]\n3,\n4,nonsense\n' >data/patient.csv
expect_exit 0 on_postgres db migrate clinic --connection pg
dag fill <<'Y'
tasks:
  load:
    plugin: load
    inputs: {tables: [data/patient.csv]}
    outputs: {refused: [refused]}
    with: {connection: pg, names: {data/patient.csv: patient}, mode: upsert}
Y
expect_exit 0 on_postgres run fill
psql_is "SELECT string_agg(patient_id || coalesce(tags::text, '-'), ' ' ORDER BY 1) FROM patient" '1{a,"b c"} 2{} 3-'
finish
