-- Arrays of cases that have no table of their own, by the path that leads to them: docs/pipelines/patient_cases.md.
CREATE TABLE case_arrays (
  case_id text NOT NULL REFERENCES cases,
  path text NOT NULL,
  items integer NOT NULL CHECK (items >= 0),
  PRIMARY KEY (case_id, path)
);

-- value: of a string, a number or a boolean, as text. item: what the record has there, as JSON.
CREATE TABLE case_items (
  case_id text NOT NULL,
  path text NOT NULL,
  position integer NOT NULL,
  kind text NOT NULL CHECK (kind IN ('object', 'array', 'string', 'number', 'boolean', 'null')),
  value text,
  item text NOT NULL,
  PRIMARY KEY (case_id, path, position),
  FOREIGN KEY (case_id, path) REFERENCES case_arrays
);
CREATE INDEX case_items_by_path ON case_items (path);

-- Which such arrays there are.
CREATE VIEW case_array_paths AS
  SELECT path, count(*) AS cases, sum(items) AS items, sum(CASE WHEN items = 0 THEN 1 ELSE 0 END) AS cases_empty
  FROM case_arrays GROUP BY path;
