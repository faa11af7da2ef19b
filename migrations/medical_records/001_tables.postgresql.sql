-- The tables of medical_records, parents first. A date is missing where it could not be read.
CREATE TABLE person (
  person_id text PRIMARY KEY,
  first_date date,
  latest_date date,
  records integer NOT NULL CHECK (records > 0),
  CHECK (first_date <= latest_date)
);
CREATE TABLE encounter (
  person_id text NOT NULL REFERENCES person,
  encounter_id text NOT NULL,
  first_date date,
  last_date date,
  records integer NOT NULL CHECK (records > 0),
  PRIMARY KEY (person_id, encounter_id)
);
CREATE TABLE lifestyle (
  record_id text PRIMARY KEY,
  person_id text NOT NULL REFERENCES person,
  encounter_id text,
  feature text NOT NULL,
  value_text text,
  report_date date,
  FOREIGN KEY (person_id, encounter_id) REFERENCES encounter
);
CREATE INDEX lifestyle_of_person ON lifestyle (person_id, report_date);
CREATE TABLE rx (
  record_id text PRIMARY KEY,
  person_id text NOT NULL REFERENCES person,
  encounter_id text,
  drug_name text,
  rxnorm text,
  value_text text,
  unit_text text,
  report_date date,
  CHECK (drug_name IS NOT NULL OR rxnorm IS NOT NULL),
  FOREIGN KEY (person_id, encounter_id) REFERENCES encounter
);
CREATE INDEX rx_of_person ON rx (person_id, report_date);
CREATE TABLE conditions (
  record_id text PRIMARY KEY,
  person_id text NOT NULL REFERENCES person,
  encounter_id text,
  icd_code text,
  condition_text text,
  report_date date,
  CHECK (icd_code IS NOT NULL OR condition_text IS NOT NULL),
  FOREIGN KEY (person_id, encounter_id) REFERENCES encounter
);
CREATE INDEX conditions_of_person ON conditions (person_id, report_date);
CREATE TABLE labs (
  record_id text PRIMARY KEY,
  person_id text NOT NULL REFERENCES person,
  encounter_id text,
  feature text NOT NULL,
  value double precision,
  comparator text CHECK (comparator IN ('<', '<=', '>', '>=')),
  unit text,
  value_text text NOT NULL,
  unit_text text,
  report_date date,
  CHECK ((value IS NULL) = (unit IS NULL)),
  FOREIGN KEY (person_id, encounter_id) REFERENCES encounter
);
CREATE INDEX labs_of_person ON labs (person_id, report_date);
CREATE TABLE tests (
  record_id text PRIMARY KEY,
  person_id text NOT NULL REFERENCES person,
  encounter_id text,
  feature text NOT NULL,
  value double precision,
  comparator text CHECK (comparator IN ('<', '<=', '>', '>=')),
  unit text,
  value_text text NOT NULL,
  unit_text text,
  report_date date,
  CHECK ((value IS NULL) = (unit IS NULL)),
  FOREIGN KEY (person_id, encounter_id) REFERENCES encounter
);
CREATE INDEX tests_of_person ON tests (person_id, report_date);
CREATE TABLE feature_alpha_blocker (
  person_id text PRIMARY KEY REFERENCES person,
  alpha_blocker_now integer NOT NULL,
  alpha_blocker_ever integer NOT NULL,
  alpha_blocker_date date
);
CREATE TABLE feature_recent_hgb (
  person_id text PRIMARY KEY REFERENCES person,
  hgb double precision,
  hgb_comparator text,
  hgb_date date
);
CREATE TABLE feature_encounters (
  person_id text PRIMARY KEY REFERENCES person,
  encounters_6_months integer NOT NULL
);
CREATE TABLE feature_polypharmacy (
  person_id text PRIMARY KEY REFERENCES person,
  drugs_90_days integer NOT NULL,
  polypharmacy integer NOT NULL
);
CREATE TABLE feature_charlson (
  person_id text PRIMARY KEY REFERENCES person,
  charlson integer NOT NULL CHECK (charlson >= 0),
  charlson_conditions integer NOT NULL
);
CREATE TABLE feature_abnormal_labs (
  person_id text PRIMARY KEY REFERENCES person,
  labs_1_year integer NOT NULL,
  abnormal_lab_share double precision CHECK (abnormal_lab_share BETWEEN 0 AND 1)
);
CREATE TABLE feature_hgb_trend (
  person_id text PRIMARY KEY REFERENCES person,
  hgb_values integer NOT NULL,
  hgb_per_year double precision
);
CREATE TABLE medical_decisions (
  source text NOT NULL,
  rule text NOT NULL,
  action text NOT NULL,
  rows integer NOT NULL,
  PRIMARY KEY (source, rule, action)
);
