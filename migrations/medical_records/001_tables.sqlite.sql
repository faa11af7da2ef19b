-- The tables of medical_records, parents first. A date is missing where it could not be read.
CREATE TABLE person (
  person_id TEXT PRIMARY KEY,
  first_date TEXT CHECK (first_date IS date(first_date, '+0 days')),
  latest_date TEXT CHECK (latest_date IS date(latest_date, '+0 days')),
  records INTEGER NOT NULL CHECK (records > 0),
  CHECK (first_date <= latest_date)
) STRICT;
CREATE TABLE encounter (
  person_id TEXT NOT NULL REFERENCES person,
  encounter_id TEXT NOT NULL,
  first_date TEXT CHECK (first_date IS date(first_date, '+0 days')),
  last_date TEXT CHECK (last_date IS date(last_date, '+0 days')),
  records INTEGER NOT NULL CHECK (records > 0),
  PRIMARY KEY (person_id, encounter_id)
) STRICT;
CREATE TABLE lifestyle (
  record_id TEXT PRIMARY KEY,
  person_id TEXT NOT NULL REFERENCES person,
  encounter_id TEXT,
  feature TEXT NOT NULL,
  value_text TEXT,
  report_date TEXT CHECK (report_date IS date(report_date, '+0 days')),
  FOREIGN KEY (person_id, encounter_id) REFERENCES encounter
) STRICT;
CREATE INDEX lifestyle_of_person ON lifestyle (person_id, report_date);
CREATE TABLE rx (
  record_id TEXT PRIMARY KEY,
  person_id TEXT NOT NULL REFERENCES person,
  encounter_id TEXT,
  drug_name TEXT,
  rxnorm TEXT,
  value_text TEXT,
  unit_text TEXT,
  report_date TEXT CHECK (report_date IS date(report_date, '+0 days')),
  CHECK (drug_name IS NOT NULL OR rxnorm IS NOT NULL),
  FOREIGN KEY (person_id, encounter_id) REFERENCES encounter
) STRICT;
CREATE INDEX rx_of_person ON rx (person_id, report_date);
CREATE TABLE conditions (
  record_id TEXT PRIMARY KEY,
  person_id TEXT NOT NULL REFERENCES person,
  encounter_id TEXT,
  icd_code TEXT,
  condition_text TEXT,
  report_date TEXT CHECK (report_date IS date(report_date, '+0 days')),
  CHECK (icd_code IS NOT NULL OR condition_text IS NOT NULL),
  FOREIGN KEY (person_id, encounter_id) REFERENCES encounter
) STRICT;
CREATE INDEX conditions_of_person ON conditions (person_id, report_date);
CREATE TABLE labs (
  record_id TEXT PRIMARY KEY,
  person_id TEXT NOT NULL REFERENCES person,
  encounter_id TEXT,
  feature TEXT NOT NULL,
  value REAL,
  comparator TEXT CHECK (comparator IN ('<', '<=', '>', '>=')),
  unit TEXT,
  value_text TEXT NOT NULL,
  unit_text TEXT,
  report_date TEXT CHECK (report_date IS date(report_date, '+0 days')),
  CHECK ((value IS NULL) = (unit IS NULL)),
  FOREIGN KEY (person_id, encounter_id) REFERENCES encounter
) STRICT;
CREATE INDEX labs_of_person ON labs (person_id, report_date);
CREATE TABLE tests (
  record_id TEXT PRIMARY KEY,
  person_id TEXT NOT NULL REFERENCES person,
  encounter_id TEXT,
  feature TEXT NOT NULL,
  value REAL,
  comparator TEXT CHECK (comparator IN ('<', '<=', '>', '>=')),
  unit TEXT,
  value_text TEXT NOT NULL,
  unit_text TEXT,
  report_date TEXT CHECK (report_date IS date(report_date, '+0 days')),
  CHECK ((value IS NULL) = (unit IS NULL)),
  FOREIGN KEY (person_id, encounter_id) REFERENCES encounter
) STRICT;
CREATE INDEX tests_of_person ON tests (person_id, report_date);
CREATE TABLE feature_alpha_blocker (
  person_id TEXT PRIMARY KEY REFERENCES person,
  alpha_blocker_now INTEGER NOT NULL,
  alpha_blocker_ever INTEGER NOT NULL,
  alpha_blocker_date TEXT
) STRICT;
CREATE TABLE feature_recent_hgb (
  person_id TEXT PRIMARY KEY REFERENCES person,
  hgb REAL,
  hgb_comparator TEXT,
  hgb_date TEXT
) STRICT;
CREATE TABLE feature_encounters (
  person_id TEXT PRIMARY KEY REFERENCES person,
  encounters_6_months INTEGER NOT NULL
) STRICT;
CREATE TABLE feature_polypharmacy (
  person_id TEXT PRIMARY KEY REFERENCES person,
  drugs_90_days INTEGER NOT NULL,
  polypharmacy INTEGER NOT NULL
) STRICT;
CREATE TABLE feature_charlson (
  person_id TEXT PRIMARY KEY REFERENCES person,
  charlson INTEGER NOT NULL CHECK (charlson >= 0),
  charlson_conditions INTEGER NOT NULL
) STRICT;
CREATE TABLE feature_abnormal_labs (
  person_id TEXT PRIMARY KEY REFERENCES person,
  labs_1_year INTEGER NOT NULL,
  abnormal_lab_share REAL CHECK (abnormal_lab_share BETWEEN 0 AND 1)
) STRICT;
CREATE TABLE feature_hgb_trend (
  person_id TEXT PRIMARY KEY REFERENCES person,
  hgb_values INTEGER NOT NULL,
  hgb_per_year REAL
) STRICT;
CREATE TABLE medical_decisions (
  source TEXT NOT NULL,
  rule TEXT NOT NULL,
  action TEXT NOT NULL,
  rows INTEGER NOT NULL,
  PRIMARY KEY (source, rule, action)
) STRICT;
