-- From the five checked tables to clean ones, by one set of rules. What cannot be read is kept
-- as text beside a missing value; a row goes only where it says nothing or repeats another. Every
-- rule that touched a row is counted in `decisions`.

CREATE TABLE raw AS
  SELECT 'lifestyle' AS source, _line AS line, person_id, encounter_id, feature, feature_text, feature_distance,
         value, unit, report_date, NULL AS drug_name, NULL AS rxnorm, NULL AS icd_code FROM lifestyle_named
  UNION ALL SELECT 'rx', _line, person_id, encounter_id, feature, feature_text, feature_distance,
         value, unit, report_date, drug_name, rxnorm, NULL FROM rx_named
  UNION ALL SELECT 'conditions', _line, person_id, encounter_id, feature, feature_text, feature_distance,
         value, unit, report_date, NULL, NULL, icd_code FROM conditions_named
  UNION ALL SELECT 'labs', _line, person_id, encounter_id, feature, feature_text, feature_distance,
         value, unit, report_date, NULL, NULL, NULL FROM labs_named
  UNION ALL SELECT 'tests', _line, person_id, encounter_id, feature, feature_text, feature_distance,
         value, unit, report_date, NULL, NULL, NULL FROM tests_named;

CREATE TABLE trimmed AS
  SELECT source, line, trim(person_id) AS person_id, nullif(trim(encounter_id), '') AS encounter_id,
         nullif(trim(feature), '') AS feature, feature_text, feature_distance,
         CASE WHEN upper(trim(value)) NOT IN ('', 'NULL', 'NA', 'N/A') THEN trim(value) END AS value_text,
         nullif(trim(unit), '') AS unit_text, nullif(trim(report_date), '') AS date_text,
         nullif(lower(trim(drug_name)), '') AS drug_name, nullif(trim(rxnorm), '') AS rxnorm,
         nullif(replace(upper(trim(icd_code)), '.', ''), '') AS icd_code
  FROM raw;

-- Days: 2024-03-05, 2024-03-05T10:00:00, 20240305, 03/05/2024 or 3/5/2024 (month first) and 05-Mar-2024.
CREATE TABLE spelt AS
  SELECT *,
         CASE WHEN date_text GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'
                OR date_text GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9][T ][0-9]*' THEN substr(date_text, 1, 10)
              WHEN date_text GLOB '[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]'
              THEN substr(date_text, 1, 4) || '-' || substr(date_text, 5, 2) || '-' || substr(date_text, 7)
              WHEN date_text GLOB '[0-9]*/[0-9]*/[0-9][0-9][0-9][0-9]' AND date_text NOT GLOB '*[^0-9/]*'
               AND date_text NOT LIKE '%/%/%/%'
              THEN printf('%s-%02d-%02d', substr(date_text, -4), substr(date_text, 1, instr(date_text, '/') - 1),
                          substr(date_text, instr(date_text, '/') + 1, length(date_text) - 5 - instr(date_text, '/')))
              WHEN date_text GLOB '[0-9][0-9]-[A-Za-z][A-Za-z][A-Za-z]-[0-9][0-9][0-9][0-9]'
               AND instr('janfebmaraprmayjunjulaugsepoctnovdec', lower(substr(date_text, 4, 3))) % 3 = 1
              THEN substr(date_text, 8) || printf('-%02d-',
                   (instr('janfebmaraprmayjunjulaugsepoctnovdec', lower(substr(date_text, 4, 3))) + 2) / 3)
                   || substr(date_text, 1, 2) END AS day,
         CASE WHEN source IN ('labs', 'tests') THEN
              CASE WHEN substr(value_text, 1, 2) IN ('<=', '>=') THEN substr(value_text, 1, 2)
                   WHEN substr(value_text, 1, 1) IN ('<', '>') THEN substr(value_text, 1, 1)
                   WHEN substr(value_text, 1, 1) = '≤' THEN '<='
                   WHEN substr(value_text, 1, 1) = '≥' THEN '>=' END END AS comparator
  FROM trimmed;

-- SQLite's date() takes 2024-02-30; only adding something makes it look at the calendar.
CREATE TABLE numbered AS
  SELECT *, CASE WHEN date(day, '+0 days') IS day AND day BETWEEN '1900-01-01' AND :latest_date THEN day END AS report_date,
         CASE WHEN source IN ('labs', 'tests') THEN trim(substr(value_text,
              CASE WHEN substr(value_text, 1, 2) IN ('<=', '>=') THEN 3 WHEN comparator IS NOT NULL THEN 2 ELSE 1 END)) END AS digits
  FROM spelt;

-- A number in its feature's own unit. A number whose unit is missing or not the feature's stays in
-- the text only: 13 g/dL and 13 g/L are not the same.
CREATE TABLE measured AS
  SELECT n.*, u.canonical AS unit, CASE WHEN u.factor <> 1 THEN round(number * u.factor, 4) ELSE number END AS value
  FROM (SELECT *, CASE WHEN unsigned NOT GLOB '*[^0-9.]*' AND unsigned GLOB '*[0-9]*' AND unsigned NOT LIKE '%.%.%'
                       THEN CAST(digits AS REAL) END AS number
        FROM (SELECT *, substr(digits, iif(digits GLOB '-*', 2, 1)) AS unsigned FROM numbered)) n
  LEFT JOIN "data/medical_records/reference/units.csv" u
    ON u.feature = n.feature AND u.unit = lower(n.unit_text) AND n.number IS NOT NULL;

CREATE TABLE judged AS
  SELECT *,
         CASE WHEN source = 'rx' AND coalesce(drug_name, rxnorm) IS NULL THEN 'names no drug'
              WHEN source = 'conditions' AND coalesce(icd_code, value_text) IS NULL THEN 'names no condition'
              WHEN source NOT IN ('rx', 'conditions') AND feature IS NULL THEN 'names no feature'
              WHEN source IN ('labs', 'tests') AND value_text IS NULL THEN 'has no value'
              WHEN row_number() OVER twin > 1 THEN 'repeats another row' END AS removal
  FROM measured
  WINDOW twin AS (PARTITION BY source, person_id, encounter_id, feature, coalesce(value || unit, value_text),
                  coalesce(unit, lower(unit_text)), comparator, coalesce(report_date, date_text), drug_name, rxnorm, icd_code ORDER BY line);

CREATE TABLE kept AS
  SELECT source || '/' || person_id || '/' || row_number() OVER (PARTITION BY source, person_id ORDER BY
           coalesce(report_date, ''), encounter_id, feature, drug_name, rxnorm, icd_code, value_text, unit_text, date_text)
         AS id, * FROM judged WHERE removal IS NULL;

-- medical_bounds: a parameter that is no date of the calendar fails the task, by the type that this column must have
SELECT iif(date(:latest_date, '+0 days') IS :latest_date, :latest_date, 'no date') AS latest_date;
-- person
SELECT person_id, min(report_date) AS first_date, max(report_date) AS latest_date, count(*) AS records
FROM kept GROUP BY person_id ORDER BY person_id;
-- encounter
SELECT person_id, encounter_id, min(report_date) AS first_date, max(report_date) AS last_date, count(*) AS records
FROM kept WHERE encounter_id IS NOT NULL GROUP BY person_id, encounter_id ORDER BY person_id, encounter_id;
-- lifestyle
SELECT id AS record_id, person_id, encounter_id, feature, value_text, report_date
FROM kept WHERE source = 'lifestyle' ORDER BY record_id;
-- rx
SELECT id AS record_id, person_id, encounter_id, drug_name, rxnorm, value_text, unit_text, report_date
FROM kept WHERE source = 'rx' ORDER BY record_id;
-- conditions
SELECT id AS record_id, person_id, encounter_id, icd_code, value_text AS condition_text, report_date
FROM kept WHERE source = 'conditions' ORDER BY record_id;
-- labs
SELECT id AS record_id, person_id, encounter_id, feature, CASE WHEN unit IS NOT NULL THEN value END AS value,
       CASE WHEN unit IS NOT NULL THEN comparator END AS comparator, unit, value_text, unit_text, report_date
FROM kept WHERE source = 'labs' ORDER BY record_id;
-- tests
SELECT id AS record_id, person_id, encounter_id, feature, CASE WHEN unit IS NOT NULL THEN value END AS value,
       CASE WHEN unit IS NOT NULL THEN comparator END AS comparator, unit, value_text, unit_text, report_date
FROM kept WHERE source = 'tests' ORDER BY record_id;
-- medical_removed: columns are called as in the files, so that what a suite calls sensitive is masked in the report
SELECT source, line, removal AS _reasons, person_id, encounter_id, feature_text AS feature, value_text AS value,
       unit_text AS unit, date_text AS report_date, drug_name, rxnorm, icd_code
FROM judged WHERE removal IS NOT NULL
UNION ALL SELECT 'lifestyle', _line, _reasons, person_id, encounter_id, feature, value, unit, report_date, NULL, NULL, NULL FROM lifestyle_refused
UNION ALL SELECT 'rx', _line, _reasons, person_id, encounter_id, feature, value, unit, report_date, drug_name, rxnorm, NULL FROM rx_refused
UNION ALL SELECT 'conditions', _line, _reasons, person_id, encounter_id, feature, value, unit, report_date, NULL, NULL, icd_code FROM conditions_refused
UNION ALL SELECT 'labs', _line, _reasons, person_id, encounter_id, feature, value, unit, report_date, NULL, NULL, NULL FROM labs_refused
UNION ALL SELECT 'tests', _line, _reasons, person_id, encounter_id, feature, value, unit, report_date, NULL, NULL, NULL FROM tests_refused
ORDER BY 1, 2;
-- medical_account: where the rows that the tasks name_X counted went; 0 rows say that a table came so far
SELECT source AS dataset,
       CASE removal WHEN 'repeats another row' THEN 'duplicates' ELSE iif(removal IS NULL, 'clean', 'quarantined') END AS stage,
       feature AS "group", count(*) AS rows FROM judged GROUP BY 1, 2, 3
UNION ALL SELECT s.column1, 'clean', NULL, 0 FROM (VALUES ('lifestyle'), ('rx'), ('conditions'), ('labs'), ('tests')) s;
-- medical_decisions
SELECT source, rule, action, count(*) AS rows FROM (
  SELECT source, removal AS rule, 'removed' AS action FROM judged WHERE removal IS NOT NULL
  UNION ALL SELECT 'lifestyle', _reasons, 'removed' FROM lifestyle_refused
  UNION ALL SELECT 'rx', _reasons, 'removed' FROM rx_refused
  UNION ALL SELECT 'conditions', _reasons, 'removed' FROM conditions_refused
  UNION ALL SELECT 'labs', _reasons, 'removed' FROM labs_refused
  UNION ALL SELECT 'tests', _reasons, 'removed' FROM tests_refused
  UNION ALL SELECT source, 'every other row', 'kept' FROM kept
  UNION ALL SELECT source, 'feature is spelt otherwise, distance ' || feature_distance, 'corrected' FROM kept WHERE feature_distance > 0
  UNION ALL SELECT source, 'feature is no known term', 'as it is' FROM kept
    WHERE feature_distance IS NULL AND feature IS NOT NULL
  UNION ALL SELECT source, 'no feature', 'kept without it' FROM kept WHERE feature IS NULL
  UNION ALL SELECT source, 'no date', 'kept without it' FROM kept WHERE date_text IS NULL
  UNION ALL SELECT source, 'date cannot be read or is out of bounds', 'kept without it' FROM kept
    WHERE date_text IS NOT NULL AND report_date IS NULL
  UNION ALL SELECT source, 'date is written otherwise', 'read' FROM kept WHERE report_date <> date_text
  UNION ALL SELECT source, 'no encounter', 'kept without it' FROM kept WHERE encounter_id IS NULL
  UNION ALL SELECT source, 'number with a comparator', 'read' FROM kept WHERE comparator IS NOT NULL AND number IS NOT NULL
  UNION ALL SELECT source, 'value is not a number', 'as text only' FROM kept WHERE digits IS NOT NULL AND number IS NULL
  UNION ALL SELECT source, 'unit is missing or not the feature''s', 'as text only' FROM kept
    WHERE number IS NOT NULL AND unit IS NULL
  UNION ALL SELECT source, 'unit ' || unit_text || ' for ' || unit, 'converted' FROM kept WHERE value <> number)
GROUP BY source, rule, action
ORDER BY source, CASE action WHEN 'kept' THEN 1 WHEN 'removed' THEN 2 ELSE 3 END, action, rule;
