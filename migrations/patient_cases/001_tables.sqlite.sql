-- The tables of patient_cases. Dates and times are ISO 8601 text, times are UTC.
CREATE TABLE case_types (
  case_type INTEGER PRIMARY KEY,
  case_type_name TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO case_types VALUES (1, 'triage'), (2, 'non-medical'), (3, 'medical');

-- A patient who is only named by cases is there too, with is_known = 0 and nothing else.
CREATE TABLE patients (
  patient_id TEXT NOT NULL PRIMARY KEY,
  is_known INTEGER NOT NULL CHECK (is_known IN (0, 1)),
  patient_name TEXT,
  patient_email TEXT,
  email_status TEXT NOT NULL CHECK (email_status IN ('given', 'missing', 'placeholder', 'no address')),
  patient_phone TEXT,
  patient_address TEXT,
  patient_city TEXT,
  patient_state TEXT,
  patient_zip TEXT,
  patient_country TEXT,
  patient_date_of_birth TEXT,
  birth_date_status TEXT NOT NULL
    CHECK (birth_date_status IN ('given', 'missing', 'placeholder', 'no date', 'after the record')),
  updated_at TEXT,
  CHECK (is_known = 0 OR updated_at IS NOT NULL),
  CHECK ((birth_date_status = 'given') = (patient_date_of_birth IS NOT NULL))
) STRICT;
CREATE INDEX patients_by_email ON patients (patient_email);

CREATE TABLE cases (
  case_id TEXT NOT NULL PRIMARY KEY,
  case_type INTEGER REFERENCES case_types,
  patient_id TEXT REFERENCES patients,
  case_datetime TEXT,
  case_closed INTEGER NOT NULL CHECK (case_closed IN (0, 1)),
  case_closed_datetime TEXT,
  case_closed_reason TEXT,
  problems TEXT,
  updated_at TEXT NOT NULL
) STRICT;
CREATE INDEX cases_by_patient ON cases (patient_id, case_datetime);
CREATE INDEX cases_open ON cases (case_datetime) WHERE case_closed = 0;

CREATE TABLE case_notes (
  case_id TEXT NOT NULL REFERENCES cases,
  position INTEGER NOT NULL,
  noted_at TEXT,
  author TEXT,
  note TEXT,
  PRIMARY KEY (case_id, position)
) STRICT;
CREATE TABLE case_tags (
  case_id TEXT NOT NULL REFERENCES cases,
  position INTEGER NOT NULL,
  tag TEXT NOT NULL,
  PRIMARY KEY (case_id, position)
) STRICT;
CREATE INDEX case_tags_by_tag ON case_tags (tag);
