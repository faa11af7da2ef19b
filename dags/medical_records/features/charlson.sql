-- The Charlson comorbidity index from ICD-10 codes, by the coding of Quan and others (2005) and
-- Charlson's weights (1987), without age. Each condition counts once, and not beside its graver form.
CREATE TABLE has AS
  SELECT DISTINCT c.person_id, q.condition, CAST(q.weight AS INTEGER) AS weight, q.instead_of
  FROM conditions c JOIN "data/medical_records/reference/charlson_icd10.csv" q
    ON substr(c.icd_code, 1, length(q.code)) = q.code;
SELECT p.person_id, coalesce(sum(h.weight), 0) AS charlson, count(h.condition) AS charlson_conditions
FROM person p
LEFT JOIN (SELECT * FROM has h WHERE NOT EXISTS
             (SELECT 1 FROM has g WHERE g.person_id = h.person_id AND g.instead_of = h.condition)) h
  ON h.person_id = p.person_id
GROUP BY p.person_id ORDER BY p.person_id;
