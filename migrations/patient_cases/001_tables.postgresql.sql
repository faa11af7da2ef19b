-- The tables of patient_cases. Times are UTC.
CREATE TABLE case_types (
  case_type integer PRIMARY KEY,
  case_type_name text NOT NULL UNIQUE
);
INSERT INTO case_types VALUES (1, 'triage'), (2, 'non-medical'), (3, 'medical');

-- A patient who is only named by cases is there too, with is_known false and nothing else.
CREATE TABLE patients (
  patient_id text NOT NULL PRIMARY KEY,
  is_known boolean NOT NULL,
  patient_name text,
  patient_email text,
  email_status text NOT NULL CHECK (email_status IN ('given', 'missing', 'placeholder', 'no address')),
  patient_phone text,
  patient_address text,
  patient_city text,
  patient_state text,
  patient_zip text,
  patient_country text,
  patient_date_of_birth date,
  birth_date_status text NOT NULL
    CHECK (birth_date_status IN ('given', 'missing', 'placeholder', 'no date', 'after the record')),
  updated_at timestamp,
  CHECK (NOT is_known OR updated_at IS NOT NULL),
  CHECK ((birth_date_status = 'given') = (patient_date_of_birth IS NOT NULL))
);
CREATE INDEX patients_by_email ON patients (patient_email);

CREATE TABLE cases (
  case_id text NOT NULL PRIMARY KEY,
  case_type integer REFERENCES case_types,
  patient_id text REFERENCES patients,
  case_datetime timestamp,
  case_closed boolean NOT NULL,
  case_closed_datetime timestamp,
  case_closed_reason text,
  problems text,
  updated_at timestamp NOT NULL
);
CREATE INDEX cases_by_patient ON cases (patient_id, case_datetime);
CREATE INDEX cases_open ON cases (case_datetime) WHERE NOT case_closed;

CREATE TABLE case_notes (
  case_id text NOT NULL REFERENCES cases,
  position integer NOT NULL,
  noted_at timestamp,
  author text,
  note text,
  PRIMARY KEY (case_id, position)
);
CREATE TABLE case_tags (
  case_id text NOT NULL REFERENCES cases,
  position integer NOT NULL,
  tag text NOT NULL,
  PRIMARY KEY (case_id, position)
);
CREATE INDEX case_tags_by_tag ON case_tags (tag);
