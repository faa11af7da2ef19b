-- Whether a person takes an alpha blocker: a prescription of a substance of the value set, by RxNorm
-- code or by a word of the drug's name, in the year up to the person's latest date (now), or at all (ever).
SELECT p.person_id,
       coalesce(max(r.report_date >= date(p.latest_date, '-1 year')), 0) AS alpha_blocker_now,
       count(r.record_id) > 0 AS alpha_blocker_ever, max(r.report_date) AS alpha_blocker_date
FROM person p
LEFT JOIN (SELECT rx.* FROM rx WHERE EXISTS
             (SELECT 1 FROM "data/medical_records/reference/alpha_blockers.csv" a
              WHERE a.rxnorm = rx.rxnorm OR ' ' || rx.drug_name || ' ' LIKE '% ' || a.substance || ' %')) r
  ON r.person_id = p.person_id
GROUP BY p.person_id ORDER BY p.person_id;
