-- Different drugs prescribed in the 90 days up to the person's latest date; polypharmacy is five or more.
-- A drug is its name, or its RxNorm code where the name is missing.
SELECT p.person_id, count(DISTINCT coalesce(r.drug_name, r.rxnorm)) AS drugs_90_days,
       count(DISTINCT coalesce(r.drug_name, r.rxnorm)) >= 5 AS polypharmacy
FROM person p LEFT JOIN rx r ON r.person_id = p.person_id AND r.report_date >= date(p.latest_date, '-90 days')
GROUP BY p.person_id ORDER BY p.person_id;
