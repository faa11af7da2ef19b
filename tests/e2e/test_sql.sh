#!/bin/bash
# sql tasks: statements over datasets and in databases, values bound, errors with their place.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/postgres.sh"
new_home sql
printf "id,name,at\n1,Ann,2024-01-05\n2,Bob,2024-02-05\n3,\"O'Hara; --\",2024-03-05\n" >data/people.csv

one_task() { # NAME: a DAG with one sql task, its settings from standard input
    { echo 'tasks:' && echo '  q:' && echo '    plugin: sql' && sed 's/^/    /'; } | dag "$1"
}
result() { cat "$(ls -td var/runs/"$1"/*/ | head -1)q/out/$2"; } # DAG DATASET: of the newest run

it "several statements give several results, in their order"
one_task several <<'Y'
inputs: {tables: [data/people.csv]}
outputs: {result: [early.csv, names.csv]}
with:
  query: |
    -- a semicolon; in a comment, and 'quotes'
    CREATE TEMP TABLE chosen AS SELECT * FROM "data/people.csv" WHERE at < :before;
    SELECT id, name FROM chosen ORDER BY id;
    SELECT count(*) AS n, group_concat(name, ';') AS "all; of them" FROM "data/people.csv";
  params: {before: "2024-03-01"}
Y
expect_exit 0 dagrun run several
is early "$(result several early.csv)" "id,name
1,Ann
2,Bob"
is names "$(result several names.csv)" "n,all; of them
3,Ann;Bob;O'Hara; --"

it "json_arrays gives the items of all arrays of a text, also of a column's texts"
printf 'id,doc\n1,"{""a"": [1.50, ""x"", null, true, {""b"": [2]}], ""c"": {""d e"": [], ""f.g"": [[3]]}}"\n2,no JSON\n3,\n4,[5]\n' >data/docs.csv
one_task arrays <<'Y'
inputs: {tables: [data/docs.csv]}
outputs: {result: [items.csv, under.csv, constant.csv]}
with:
  query: |
    SELECT d.id, a.* FROM "data/docs.csv" d, json_arrays(d.doc) a ORDER BY d.id, a.path, a.position;
    SELECT d.id, a.path, count(a.position) AS items
      FROM "data/docs.csv" d LEFT JOIN json_arrays(d.doc, 'doc' || d.id) a GROUP BY 1, 2 ORDER BY 1, 2;
    SELECT value FROM json_arrays('[1, 2, 3]') WHERE position > 0 AND kind = 'number';
Y
expect_exit 0 dagrun run arrays
is items "$(result arrays items.csv)" 'id,path,position,kind,value,item
1,a,0,number,1.50,1.50
1,a,1,string,x,"""x"""
1,a,2,null,,null
1,a,3,boolean,true,true
1,a,4,object,,"{""b"": [2]}"
1,c.d e,,,,
1,"c[""f.g""]",0,array,,[3]
4,"",0,number,5,5'
is under "$(result arrays under.csv)" 'id,path,items
1,doc1.a,5
1,doc1.c.d e,0
1,"doc1.c[""f.g""]",1
2,,0
3,,0
4,doc4,1'
is constant "$(result arrays constant.csv)" 'value
2
3'
one_task no_arrays <<'Y'
with: {query: SELECT * FROM json_arrays()}
outputs: {result: none.csv}
Y
expect_exit 0 dagrun run no_arrays
is none "$(result no_arrays none.csv)" "path,position,kind,value,item"

it "values are bound and never pasted"
one_task bound <<'Y'
inputs: {tables: [data/people.csv]}
outputs: {result: found.csv}
with:
  query: SELECT id, :n AS n, :f AS f, :b AS b, :missing AS missing, ':n' AS kept FROM "data/people.csv" WHERE name = :name
  params: {name: "O'Hara; --", n: 7, f: 0.5, b: true, missing: null}
Y
expect_exit 0 dagrun run bound
is found "$(result bound found.csv)" "id,n,f,b,missing,kept
3,7,0.5,1,,:n"

it "an unknown parameter is named with its line"
mkdir -p queries
printf 'SELECT 1;\n\nSELECT *\nFROM "data/people.csv"\nWHERE id = :wat;\n' >queries/wrong.sql
one_task unknown <<'Y'
inputs: {tables: [data/people.csv]}
with: {file: queries/wrong.sql, params: {what: 1}}
Y
expect_exit 1 dagrun run unknown
out_has "queries/wrong.sql:5: no value for the parameter ':wat'; did you mean ':what'?"

it "an error names file and line, and says what SQLite says"
printf -- '-- first\nSELECT id FROM "data/people.csv";\n\nSELECT id,\n  nmae\nFROM "data/people.csv";\n' >queries/error.sql
one_task error <<'Y'
inputs: {tables: [data/people.csv]}
with: {file: queries/error.sql}
Y
expect_exit 1 dagrun run error
out_has "queries/error.sql:5: SQLite: no such column: nmae"
one_task inline <<'Y'
with:
  query: |
    SELECT 1 AS a;
    SELEC 2;
Y
expect_exit 1 dagrun run inline
out_has 'dags/inline.yaml:8: SQLite: near "SELEC": syntax error'

it "a folder is no file of statements"
one_task folder <<'Y'
with: {file: queries}
Y
expect_exit 1 dagrun run folder
out_has "cannot read 'queries': Is a directory"

it "outputs and results must be as many"
one_task few <<'Y'
with: {query: "SELECT 1 AS a; SELECT 2 AS b"}
outputs: {result: only}
Y
expect_exit 1 dagrun run few
out_has "more statements have a result than the 1 that 'outputs' names"
sed -i 's/; SELECT 2 AS b//; s/result: only/result: [only, other]/' dags/few.yaml
expect_exit 1 dagrun run few
out_has "1 statements have a result, but 'outputs' names 2 datasets"

accounted() { sql var/dagrun.db "SELECT dataset, group_name, raw, clean, quarantined, duplicates FROM v_row_account
    WHERE run_key = (SELECT max(run_key) FROM dag_run) ORDER BY 1, 2"; }
account() { # SQL: a DAG whose results are its account
    one_task account <<Y
outputs: {result: counts}
with:
  query: $1
  account: counts
Y
}

it "a result goes into the account of rows: groups are spelt as those of tables, and stages of no rows are told"
account "SELECT column1 AS dataset, column2 AS stage, column3 AS 'group', column4 AS rows FROM (VALUES
    ('a', 'raw', ' x', 3), ('a', 'raw', 'X', 2), ('a', 'raw', NULL, 1), ('a', 'clean', 'x', 4), ('a', 'duplicates', 'x', 1),
    ('a', 'quarantined', ' ', 1), ('b', 'raw', NULL, 0), ('b', 'clean', NULL, 0), ('c', 'raw', 'é' || printf('%.*c', 119, 'y'), 5))"
expect_exit 0 dagrun run account
is account "$(accounted)" "a|(missing)|1|0|1|0
a|X|5|4|0|1
b||0|0|0|0
c|É$(printf 'Y%.0s' {1..118})|5|0|0|0"

it "more than 200 groups of a stage are told as one, of others each"
account "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 201) SELECT 'many' AS dataset, 'raw' AS stage,
    'g' || i AS 'group', 2 AS rows FROM n UNION ALL SELECT 'few', 'raw', 'g' || i, 1 FROM n WHERE i <= 200"
expect_exit 0 dagrun run account
is many "$(accounted | grep many)" "many||402|0|0|0"
is few "$(accounted | grep -c 'few|G.*|1|0|0|0')" 200

it "an account may be without groups"
account "SELECT column1 AS dataset, column2 AS stage, column3 AS rows FROM (VALUES ('a', 'raw', 3), ('a', 'raw', 2), ('a', 'clean', 5))"
expect_exit 0 dagrun run account
is account "$(accounted)" "a||5|5|0|0"

it "an account that cannot be one says why"
not_accounted() { account "$1" && expect_exit 1 dagrun run account && out_has "$2"; }
not_accounted "SELECT 'a' AS dataset, 'lost' AS stage, 'x' AS 'group', 1 AS rows" "stage 'lost' with 1 rows; a stage is raw,"
not_accounted "SELECT 'a' AS dataset, 'raw' AS stage, 'x' AS 'group', -1 AS rows" "stage 'raw' with -1 rows"
not_accounted "SELECT 'a' AS dataset, 'raw' AS stage, column1 AS 'group', column2 AS rows FROM (VALUES ('x', 5), ('y', -5))" \
    "stage 'raw' with -5 rows"
not_accounted "SELECT 'a' AS dataset, 'raw' AS stage, 'x' AS 'group', 9223372036854775807 AS rows" "with 9223372036854775807 rows"
not_accounted "SELECT 'a' AS dataset, 'raw' AS stage, 'x' AS 'group', 1.5 AS rows" "account: 'rows' is no column of whole numbers"
not_accounted "SELECT 'a' AS dataset, NULL AS stage, 'x' AS 'group', 1 AS rows" "account: a line has no 'stage'"
not_accounted "SELECT 'a' AS dataset, 'raw' AS stage, 1 AS lines" \
    "account: there is no column 'rows'; it has dataset, stage, group and rows"
sed -i 's/account: counts/account: count/' dags/account.yaml
expect_exit 1 dagrun run account
out_has "account: 'count' is no dataset of 'outputs'"

it "types are declared, and must convert"
one_task typed <<'Y'
inputs: {tables: [data/people.csv]}
outputs: {result: days}
with:
  query: SELECT max(at) AS last, name FROM "data/people.csv"
  types: {days: {last: date}}
Y
expect_exit 0 dagrun run typed
sql_is var/dagrun.db "SELECT json_extract(e.columns, '\$[0].type') FROM dataset_event e JOIN dataset d USING (dataset_key)
    WHERE d.name = 'days' AND e.operation = 'write'" date
sed -i 's/last: date/name: date/' dags/typed.yaml
expect_exit 1 dagrun run typed
out_has "types: row 1 of the result 'days' has no date in column 'name'"

it "a task on a connection is one transaction"
one_task warehouse <<'Y'
inputs: {tables: [data/people.csv]}
with:
  connection: warehouse
  query: |
    CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
    CREATE TRIGGER loud AFTER INSERT ON people BEGIN
      UPDATE people SET name = upper(name) WHERE id = new.id;
      UPDATE people SET name = CASE WHEN 1 THEN name || '!' END WHERE id = new.id;
    END;
    INSERT INTO people SELECT id, name FROM "data/people.csv";
Y
expect_exit 0 dagrun run warehouse
sql_is var/warehouse.db "SELECT group_concat(name) FROM people" "ANN!,BOB!,O'HARA; --!"
sed -i 's/CREATE TABLE people.*/DELETE FROM people;/; s/CREATE TRIGGER loud/CREATE TRIGGER again/; s/INTO people/INTO nowhere/' dags/warehouse.yaml
expect_exit 1 dagrun run warehouse
out_has "no such table: nowhere"
sql_is var/warehouse.db "SELECT count(*), (SELECT count(*) FROM sqlite_schema WHERE name = 'again') FROM people" "3|0"

it "a script does not end the transaction"
one_task commits <<'Y'
with: {connection: warehouse, query: "DELETE FROM people; COMMIT"}
Y
expect_exit 1 dagrun run commits
out_has "the statement ended the transaction"

it "an unknown connection is found by dagrun check"
one_task lost <<'Y'
with: {connection: warehose, query: SELECT 1}
Y
expect_exit 3 dagrun check lost
err_has "no connection 'warehose'; did you mean 'warehouse'?"
rm dags/lost.yaml

if ! start_postgres; then
    it "sql on PostgreSQL"
    skip "PostgreSQL is not installed"
    finish
fi
environment_of_test() { clean_env DAGRUN_CONN_POSTGRES="$postgres_uri" timeout $patience "$build/dagrun" "$@"; }
it "statements on PostgreSQL read datasets, bind values and give typed results"
one_task remote <<'Y'
inputs: {tables: [data/people.csv]}
outputs: {result: [made.csv, read.csv]}
with:
  connection: postgres
  query: |
    CREATE FUNCTION twice(n bigint) RETURNS bigint LANGUAGE plpgsql AS $body$
      BEGIN RETURN 2 * n; -- ; 'not the end'
      END $body$;
    CREATE TABLE people AS SELECT id::int, name, at::date AS day FROM "data/people.csv";
    INSERT INTO people VALUES (:id, :name, '2024-12-31') RETURNING *;
    SELECT count(*) AS n, max(day) AS last, sum(twice(id)) AS ids, array_agg(name ORDER BY id) AS names,
      avg(id) AS mean, now() > '2000-01-01' AS late FROM people;
  params: {id: 9, name: "it's"}
Y
expect_exit 0 environment_of_test run remote
is made "$(result remote made.csv)" "id,name,day
9,it's,2024-12-31"
is read "$(result remote read.csv)" 'n,last,ids,names,mean,late
4,2024-12-31,30,"{Ann,Bob,""O'"'"'Hara; --"",it'"'"'s}",3.7500000000000000,true'

it "an error of PostgreSQL names the line, and its transaction leaves nothing"
one_task broken <<'Y'
with:
  connection: postgres
  query: |
    DELETE FROM people;
    SELECT 'é',
      nmae FROM people;
Y
expect_exit 1 environment_of_test run broken
out_has 'dags/broken.yaml:10: PostgreSQL: column "nmae" does not exist'
psql_is "SELECT count(*) FROM people" 4

it "a password is in no message"
clean_env DAGRUN_CONN_POSTGRES="postgresql://test:s3cr3tword@/nodb?host=$postgres_socket" timeout $patience \
    "$build/dagrun" run broken >"$out" 2>"$err"
out_has "connection 'postgres': cannot connect to PostgreSQL"
out_lacks s3cr3tword
clean_env DAGRUN_CONN_POSTGRES="postgresql://test:s3cr3tword@[broken/nodb" timeout $patience \
    "$build/dagrun" run broken >"$out" 2>"$err"
out_has "its URI cannot be read"
is "nowhere else" "$(grep -rla s3cr3tword var reports 2>/dev/null)" ""

it "decimals that no double tells apart are text, and the log says so"
printf '{"a": "12345678901234567.89", "b": "9.5"}\n{"a": "9.5", "b": "10.1"}\n' >data/long.jsonl
dag long <<'Y'
tasks:
  read: {plugin: extract, inputs: {file: data/long.jsonl}, outputs: {table: long}, with: {source: jsonl, columns: {a: decimal, b: decimal}}}
  ask:
    plugin: sql
    inputs: {tables: [long]}
    outputs: {result: asked.csv}
    with: {query: 'SELECT a, max(b) AS b FROM long WHERE CAST(a AS REAL) > 10'}
Y
expect_exit 0 dagrun run long
is "digits" "$(cat var/runs/long/*/ask/out/asked.csv)" "a,b
12345678901234567.89,9.5"
expect_exit 0 dagrun logs ask long
out_has "table 'long': column 'a' has decimals of more than 15 digits, and is text in SQL"
out_lacks "column 'b'"

finish
