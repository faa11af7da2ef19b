-- Valid appointments at a department on a day on which it was set up. One that several set-ups cover belongs
-- to the one launched last, and of those to the office with the lowest number: it counts once.
WITH covering AS (
  SELECT v.*, d.office_id, d.launched_date,
         row_number() OVER (PARTITION BY v.appointment_id ORDER BY d.launched_date DESC, d.office_id) AS choice
  FROM valid_appts v
  JOIN epion_departments d
    ON d.practice_id = v.practice_id AND d.department_id = v.department_id
  WHERE d.usable AND v.appointment_date >= d.launched_date
    AND (d.disabled_date IS NULL OR v.appointment_date <= d.disabled_date)
)
SELECT appointment_id, practice_id, office_id, department_id, patient_id, appointment_date, start_time,
       appointment_type, status, encounter_state, launched_date, month
FROM covering WHERE choice = 1
ORDER BY appointment_id;
