"""The rows of dags/fhir_ingest/views by DuckDB: python3 fhir_duckdb.py VIEWS FILES-GLOB.

Each entry is read once as JSON; each view becomes a CREATE TABLE whose columns are JSON paths, made from
the views' own. Keys of references are not resolved, ranges of dates not computed and extensions not
searched: DuckDB has less to do than we have. Prints the rows of each table, for comparison.
"""
import glob
import re
import sys

import duckdb

COLUMN = re.compile(r"- \{name: (\w+), path: (\"(?:[^\"\\]|\\.)*\"|[^,]+(?:\([^)]*\)[^,]*)*), type: (\w+)")


def json_path(path):
    path = path.strip('"')
    path = re.sub(r"\.?(lowBoundary|highBoundary|toString|length|count|join|last)\(.*?\)", "", path)
    path = re.sub(r"\.ofType\((\w)(\w*)\)", lambda m: m[1].upper() + m[2], path)
    path = re.sub(r"\.?getReferenceKey\(.*?\)", ".reference", path).replace("$this.", "")
    path = path.replace(".first()", "[0]")
    if path.startswith("getResourceKey"):
        return "$.id"
    if "extension" in path or "iif" in path:
        return "$.extension[0].valueString"
    return "$." + path


def columns_of(text, source):
    for name, path, kind in COLUMN.findall(text):
        if "%rowIndex" in path:
            yield f"0 AS {name}"
            continue
        cast = {"decimal": "DOUBLE", "integer": "BIGINT", "boolean": "BOOLEAN"}.get(kind, "VARCHAR")
        yield f"TRY_CAST(json_extract_string({source}, '{json_path(path)}') AS {cast}) AS \"{name}\""


def statement(text):
    name = re.search(r"^name: (\w+)", text, re.M)[1]
    resource = re.search(r"^resource: (\w+)", text, re.M)[1]
    head, *rest = re.split(r"^  - forEach: (\S+)$", text, flags=re.M)
    columns = list(columns_of(head, "r"))
    if not rest:
        return name, f"CREATE TABLE {name} AS SELECT {', '.join(columns)} FROM e WHERE t = '{resource}'"
    columns += columns_of(rest[1], "i")
    return name, (f"CREATE TABLE {name} AS SELECT {', '.join(columns)} FROM (SELECT r, "
                  f"unnest(CAST(json_extract(r, '$.{rest[0]}') AS JSON[])) AS i FROM e WHERE t = '{resource}')")


def main():
    db = duckdb.connect()
    db.execute("SET threads = 2")
    db.execute(f"""CREATE TABLE e AS SELECT json_extract_string(r, '$.resourceType') AS t, r FROM (
        SELECT json_extract(unnest(entry), '$.resource') AS r FROM read_json('{sys.argv[2]}',
        columns = {{entry: 'JSON[]'}}, maximum_object_size = 33554432))""")
    for path in sorted(glob.glob(sys.argv[1] + "/*.yaml")):
        name, sql = statement(open(path, encoding="utf-8").read())
        db.execute(sql)
        print(name, db.execute(f"SELECT count(*) FROM {name}").fetchone()[0])


main()
