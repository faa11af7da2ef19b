-- Different encounters with a record in the six months up to the person's latest date over all
-- five tables, both ends included.
SELECT p.person_id, count(DISTINCT e.encounter_id) AS encounters_6_months
FROM person p
LEFT JOIN (SELECT person_id, encounter_id, report_date FROM lifestyle
           UNION ALL SELECT person_id, encounter_id, report_date FROM rx
           UNION ALL SELECT person_id, encounter_id, report_date FROM conditions
           UNION ALL SELECT person_id, encounter_id, report_date FROM labs
           UNION ALL SELECT person_id, encounter_id, report_date FROM tests) e
  ON e.person_id = p.person_id AND e.report_date >= date(p.latest_date, '-6 months')
GROUP BY p.person_id ORDER BY p.person_id;
