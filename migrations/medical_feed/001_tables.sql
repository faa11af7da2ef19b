-- What the vendor's feed said last of each person: raw texts, as the CSV tables of medical_records have them.
CREATE TABLE feed_person (
  person_id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  file TEXT NOT NULL
);
CREATE TABLE feed_event (
  person_id TEXT NOT NULL REFERENCES feed_person (person_id),
  source TEXT NOT NULL CHECK (source IN ('lifestyle', 'rx', 'conditions', 'labs', 'tests')),
  position BIGINT NOT NULL CHECK (position >= 0),
  encounter_id TEXT,
  feature TEXT,
  value TEXT,
  unit TEXT,
  report_date TEXT,
  drug_name TEXT,
  rxnorm TEXT,
  icd_code TEXT,
  PRIMARY KEY (person_id, source, position)
);
-- Files with records that were not loaded: the ledger does not read them again until they change.
CREATE TABLE feed_refused (
  file TEXT PRIMARY KEY,
  reason TEXT NOT NULL,
  records BIGINT NOT NULL
);
