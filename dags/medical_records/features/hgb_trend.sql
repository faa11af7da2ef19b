-- The trend of HgB: the slope of the least-squares line through all dated values without a comparator, in
-- g/dL per year of 365.25 days; missing where they are of fewer than two days.
CREATE TABLE point AS
  SELECT person_id, value, (julianday(report_date) - julianday(min(report_date) OVER (PARTITION BY person_id))) / 365.25 AS x
  FROM labs WHERE feature = 'HgB' AND value IS NOT NULL AND comparator IS NULL AND report_date IS NOT NULL;
CREATE INDEX point_by_person ON point (person_id);
SELECT p.person_id, count(l.value) AS hgb_values,
       round((avg(l.x * l.value) - avg(l.x) * avg(l.value)) / nullif(avg(l.x * l.x) - avg(l.x) * avg(l.x), 0), 4) AS hgb_per_year
FROM person p LEFT JOIN point l ON l.person_id = p.person_id
GROUP BY p.person_id ORDER BY p.person_id;
