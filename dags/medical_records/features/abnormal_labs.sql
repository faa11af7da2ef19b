-- Of the laboratory values of the year up to the person's latest date that can be judged, the share
-- outside the vocabulary's range. A bound is judged where it leaves no doubt: "<5" is low where low
-- is 5 or more, usual where there is no low end and high is 5 or more; ">20" is high where high is 20 or less.
CREATE TABLE verdict AS
  SELECT l.person_id,
         CASE WHEN l.comparator IS NULL THEN l.value < v.low OR l.value > v.high
              WHEN l.comparator IN ('<', '<=') AND l.value <= v.low AND v.low > 0 THEN
                   CASE WHEN l.comparator = '<' OR l.value < v.low THEN 1 END
              WHEN l.comparator IN ('<', '<=') AND v.low = 0 AND l.value <= v.high THEN 0
              WHEN l.comparator = '>' AND l.value >= v.high OR l.comparator = '>=' AND l.value > v.high THEN 1 END AS abnormal
  FROM labs l JOIN person p USING (person_id)
  JOIN (SELECT term, CAST(low AS REAL) AS low, CAST(high AS REAL) AS high
        FROM "data/medical_records/reference/vocabulary.csv" WHERE high IS NOT NULL) v ON v.term = l.feature
  WHERE l.value IS NOT NULL AND l.report_date >= date(p.latest_date, '-1 year');
SELECT p.person_id, count(v.abnormal) AS labs_1_year, round(avg(v.abnormal), 4) AS abnormal_lab_share
FROM person p LEFT JOIN verdict v USING (person_id) GROUP BY p.person_id ORDER BY p.person_id;
