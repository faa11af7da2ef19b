#!/bin/bash
# The monthly statistics against an independent computation: SQL of sqlite3's
# own over the clean table, to 1e-9. Standard deviation of a sample (n - 1),
# quantiles of type 7 (linear between order statistics).
. "$(dirname "$0")/lib.sh"
sample_home statistics
generate --rows 8000 --seed 5 --out data >/dev/null

it "8,000 rows of each kind run through"
expect_exit 0 dagrun run healthcare_processing

# TABLE MEASURE VALUE MONTHLY: rows that disagree, with what and by how much.
disagreement() {
    cat <<SQL
WITH clean AS (
  SELECT month, hospital_id, $2 AS measure, unit, patient_id, $3 AS x, in_range FROM $1),
grouped AS (
  SELECT month, hospital_id, measure, unit, count(x) AS n, count(DISTINCT patient_id) AS n_patients,
         sum(x) / count(x) AS mean, min(x) AS min, max(x) AS max,
         CASE WHEN count(in_range) THEN 1.0 - CAST(sum(in_range) AS REAL) / count(in_range) END AS share
  FROM clean GROUP BY month, hospital_id, measure, unit),
spread AS (
  SELECT month, hospital_id, measure, unit,
         CASE WHEN g.n > 1 THEN sqrt(sum((x - mean) * (x - mean)) / (g.n - 1)) END AS sd
  FROM clean JOIN grouped g USING (month, hospital_id, measure, unit) GROUP BY month, hospital_id, measure, unit),
ranked AS (
  SELECT *, row_number() OVER (PARTITION BY month, hospital_id, measure, unit ORDER BY x) - 1 AS i FROM clean),
quantiles (name, q) AS (VALUES ('p25', 0.25), ('median', 0.5), ('p75', 0.75), ('p95', 0.95)),
places AS (
  SELECT month, hospital_id, measure, unit, name, n, (n - 1) * q AS h, CAST((n - 1) * q AS INTEGER) AS low
  FROM grouped, quantiles),
quantile AS (
  SELECT p.month, p.hospital_id, p.measure, p.unit, p.name, a.x + (h - low) * (b.x - a.x) AS x
  FROM places p JOIN ranked a ON a.month = p.month AND a.hospital_id = p.hospital_id AND a.measure = p.measure
                             AND a.unit = p.unit AND a.i = p.low
                JOIN ranked b ON b.month = p.month AND b.hospital_id = p.hospital_id AND b.measure = p.measure
                             AND b.unit = p.unit AND b.i = min(p.low + 1, p.n - 1)),
changed AS (
  SELECT g.month, g.hospital_id, g.measure, g.unit, g.mean - b.mean AS change, 100 * (g.mean - b.mean) / b.mean AS percent
  FROM grouped g JOIN grouped b ON b.hospital_id = g.hospital_id AND b.measure = g.measure AND b.unit = g.unit
                               AND b.month = strftime('%Y-%m', g.month || '-01', '-1 month')),
pairs AS (
  SELECT m.month, m.hospital_id, m.$2 AS measure, 'n' AS what, m.n AS ours, g.n AS theirs
    FROM $4 m LEFT JOIN grouped g ON (m.month, m.hospital_id, m.$2, m.unit) = (g.month, g.hospital_id, g.measure, g.unit)
  UNION ALL SELECT m.month, m.hospital_id, m.$2, 'n_patients', m.n_patients, g.n_patients
    FROM $4 m JOIN grouped g ON (m.month, m.hospital_id, m.$2) = (g.month, g.hospital_id, g.measure)
  UNION ALL SELECT m.month, m.hospital_id, m.$2, 'mean', m.mean, g.mean
    FROM $4 m JOIN grouped g ON (m.month, m.hospital_id, m.$2) = (g.month, g.hospital_id, g.measure)
  UNION ALL SELECT m.month, m.hospital_id, m.$2, 'min', m.min, g.min
    FROM $4 m JOIN grouped g ON (m.month, m.hospital_id, m.$2) = (g.month, g.hospital_id, g.measure)
  UNION ALL SELECT m.month, m.hospital_id, m.$2, 'max', m.max, g.max
    FROM $4 m JOIN grouped g ON (m.month, m.hospital_id, m.$2) = (g.month, g.hospital_id, g.measure)
  UNION ALL SELECT m.month, m.hospital_id, m.$2, 'share', m.share_out_of_range, g.share
    FROM $4 m JOIN grouped g ON (m.month, m.hospital_id, m.$2) = (g.month, g.hospital_id, g.measure)
  UNION ALL SELECT m.month, m.hospital_id, m.$2, 'sd', m.sd, s.sd
    FROM $4 m JOIN spread s ON (m.month, m.hospital_id, m.$2) = (s.month, s.hospital_id, s.measure)
  UNION ALL SELECT m.month, m.hospital_id, m.$2, q.name,
      CASE q.name WHEN 'p25' THEN m.p25 WHEN 'median' THEN m.median WHEN 'p75' THEN m.p75 ELSE m.p95 END, q.x
    FROM $4 m LEFT JOIN quantile q ON (m.month, m.hospital_id, m.$2) = (q.month, q.hospital_id, q.measure)
  UNION ALL SELECT m.month, m.hospital_id, m.$2, 'change', m.mean_change, c.change
    FROM $4 m LEFT JOIN changed c ON (m.month, m.hospital_id, m.$2) = (c.month, c.hospital_id, c.measure)
  UNION ALL SELECT m.month, m.hospital_id, m.$2, 'percent', m.mean_change_percent, c.percent
    FROM $4 m LEFT JOIN changed c ON (m.month, m.hospital_id, m.$2) = (c.month, c.hospital_id, c.measure))
SQL
}
compare() { # TABLE MEASURE VALUE MONTHLY
    local with
    with=$(disagreement "$@")
    it "$4 has a row for each group of $1"
    is "groups" "$(sql var/warehouse.db "SELECT count(*) FROM $4")" \
        "$(sql var/warehouse.db "SELECT count(*) FROM (SELECT DISTINCT month, hospital_id, $2, unit FROM $1)")"
    is "numbers compared for each" "$(sql var/warehouse.db "$with SELECT count(*) / (SELECT count(*)
        FROM $4) FROM pairs")" 13
    it "$4 agrees with SQL over $1 to 1e-9"
    is "disagreements" "$(sql var/warehouse.db "$with SELECT month, hospital_id, measure, what, ours, theirs
        FROM pairs
        WHERE (ours IS NULL) <> (theirs IS NULL) OR abs(ours - theirs) > 1e-9 * max(1, abs(theirs)) LIMIT 10")" ''
    it "$4 exercises what it is to prove"
    sql_is var/warehouse.db "SELECT count(*) > 100 AND max(n) > 5 AND sum(mean_change IS NULL) > 0
        AND sum(mean_change IS NOT NULL) > 0 AND sum(share_out_of_range > 0) > 0 FROM $4" 1
}
compare vitals_clean vital_type value vitals_monthly
compare labs_clean test_type result_value labs_monthly

it "units are canonical: one for each measure"
sql_is var/warehouse.db "SELECT count(*) FROM (SELECT vital_type
    FROM vitals_clean GROUP BY 1 HAVING count(DISTINCT unit) <> 1)" 0
sql_is var/warehouse.db "SELECT count(*) FROM (SELECT test_type
    FROM labs_clean GROUP BY 1 HAVING count(DISTINCT unit) <> 1)" 0
it "laboratory flags follow the reference range"
sql_is var/warehouse.db "SELECT count(*) FROM labs_clean WHERE flag IS NOT
    CASE WHEN result_value < reference_low THEN 'L' WHEN result_value > reference_high THEN 'H' ELSE 'N' END" 0

it "the change is against the month before of the same series, where there is one; groups may be plain text"
dag small <<'Y'
tasks:
  make:
    plugin: sql
    outputs: {result: rows}
    with:
      query: |
        SELECT column1 || '' AS month, column2 || '' AS ward, 'bp' || '' AS test, column3 AS v FROM (VALUES
          ('2023-12', 'a', 10.0), ('2024-01', 'a', 12.0), ('2024-03', 'a', 20.0), ('2024-04', 'b', 5.0),
          ('2024-05', 'b', 0.0), ('2024-06', 'b', 3.0), ('soon', 'c', 1.0), (NULL, 'd', 1.0))
  monthly: {plugin: monthly_stats, inputs: {table: rows}, outputs: {stats: small.csv}, with: {group: [ward], measure: test, value: v}}
Y
expect_exit 0 dagrun run small
is "changes" "$(cut -d, -f1-5,13- var/runs/small/*/monthly/out/small.csv)" "month,ward,test,n,mean,mean_change,mean_change_percent
2023-12,a,bp,1,10,,
2024-01,a,bp,1,12,2,20
2024-03,a,bp,1,20,,
2024-04,b,bp,1,5,,
2024-05,b,bp,1,0,-5,-100
2024-06,b,bp,1,3,3,
soon,c,bp,1,1,,
,d,bp,1,1,,"

it "a group that is no column is told, not left out"
sed -i 's/group: \[ward\]/group: [[ward]]/' dags/small.yaml
expect_exit 1 dagrun run small
out_has "group is a list of columns"
finish
