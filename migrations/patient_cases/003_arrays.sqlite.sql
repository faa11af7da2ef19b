-- Arrays of cases that have no table of their own, by the path that leads to them: docs/pipelines/patient_cases.md.
CREATE TABLE case_arrays (
  case_id TEXT NOT NULL REFERENCES cases,
  path TEXT NOT NULL,
  items INTEGER NOT NULL CHECK (items >= 0),
  PRIMARY KEY (case_id, path)
) STRICT;

-- value: of a string, a number or a boolean, as text. item: what the record has there, as JSON.
CREATE TABLE case_items (
  case_id TEXT NOT NULL,
  path TEXT NOT NULL,
  position INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('object', 'array', 'string', 'number', 'boolean', 'null')),
  value TEXT,
  item TEXT NOT NULL,
  PRIMARY KEY (case_id, path, position),
  FOREIGN KEY (case_id, path) REFERENCES case_arrays
) STRICT;
CREATE INDEX case_items_by_path ON case_items (path);

-- Which such arrays there are.
CREATE VIEW case_array_paths AS
  SELECT path, count(*) AS cases, sum(items) AS items, sum(CASE WHEN items = 0 THEN 1 ELSE 0 END) AS cases_empty
  FROM case_arrays GROUP BY path;
