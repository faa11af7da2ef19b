-- The tables of appointment_utilization. Lists are JSON arrays, for json_each.
CREATE TABLE epion_practices (
  practice_id INTEGER PRIMARY KEY,
  practice_name TEXT,
  office_ids TEXT NOT NULL CHECK (office_ids LIKE '[%]')
) STRICT;
CREATE TABLE epion_offices (
  practice_id INTEGER NOT NULL,
  office_id INTEGER NOT NULL,
  office_name TEXT,
  launched_date TEXT,
  disabled_date TEXT,
  department_ids TEXT NOT NULL CHECK (department_ids LIKE '[%]'),
  PRIMARY KEY (practice_id, office_id)
) STRICT;
CREATE TABLE epion_utilization (
  month TEXT PRIMARY KEY,
  valid_associated INTEGER NOT NULL,
  valid_total INTEGER NOT NULL CHECK (valid_total >= valid_associated),
  rate REAL NOT NULL
) STRICT;
