-- The tables of appointment_utilization. Lists are arrays.
CREATE TABLE epion_practices (
  practice_id integer PRIMARY KEY,
  practice_name text,
  office_ids integer[] NOT NULL
);
CREATE TABLE epion_offices (
  practice_id integer NOT NULL,
  office_id integer NOT NULL,
  office_name text,
  launched_date date,
  disabled_date date,
  department_ids integer[] NOT NULL,
  PRIMARY KEY (practice_id, office_id)
);
CREATE TABLE epion_utilization (
  month text PRIMARY KEY,
  valid_associated integer NOT NULL,
  valid_total integer NOT NULL CHECK (valid_total >= valid_associated),
  rate double precision NOT NULL
);
