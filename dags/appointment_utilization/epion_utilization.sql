-- The share of valid appointments that are associated with the vendor, by month.
SELECT v.month, count(e.appointment_id) AS valid_associated, count(*) AS valid_total,
       round(CAST(count(e.appointment_id) AS REAL) / count(*), 4) AS rate
FROM valid_appts v LEFT JOIN epion_appts e ON e.appointment_id = v.appointment_id
GROUP BY v.month ORDER BY v.month;
