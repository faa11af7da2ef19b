-- The most recent dated HgB in g/dL; of several on one day the mean. With a comparator ("<5")
-- it is a bound: hgb_comparator says so.
SELECT p.person_id, round(avg(l.value), 4) AS hgb, max(l.comparator) AS hgb_comparator, l.report_date AS hgb_date
FROM person p
LEFT JOIN labs l ON l.person_id = p.person_id AND l.feature = 'HgB' AND l.value IS NOT NULL
  AND l.report_date = (SELECT max(report_date) FROM labs n
                       WHERE n.person_id = p.person_id AND n.feature = 'HgB' AND n.value IS NOT NULL)
GROUP BY p.person_id ORDER BY p.person_id;
