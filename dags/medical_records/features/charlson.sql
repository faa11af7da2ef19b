-- The Charlson comorbidity index from ICD-10 codes, by the coding of Quan and others (2005) and
-- Charlson's weights (1987), without age. Each condition counts once, and not beside its graver form.
CREATE TABLE coded AS -- each code once: few differ
  SELECT c.icd_code, q.condition, CAST(q.weight AS INTEGER) AS weight, q.instead_of
  FROM (SELECT DISTINCT icd_code FROM conditions) c JOIN "data/medical_records/reference/charlson_icd10.csv" q
    ON substr(c.icd_code, 1, length(q.code)) = q.code;
CREATE INDEX coded_by_code ON coded (icd_code);
CREATE TABLE has AS
  SELECT DISTINCT c.person_id, q.condition, q.weight, q.instead_of FROM conditions c JOIN coded q USING (icd_code);
CREATE INDEX has_by_person ON has (person_id, instead_of);
SELECT p.person_id, coalesce(sum(h.weight), 0) AS charlson, count(h.condition) AS charlson_conditions
FROM person p
LEFT JOIN has h ON h.person_id = p.person_id
  AND NOT EXISTS (SELECT 1 FROM has g WHERE g.person_id = h.person_id AND g.instead_of = h.condition)
GROUP BY p.person_id ORDER BY p.person_id;
