-- Appointments that count. :valid_rule is "and", or "or" for the literal reading of the customer's text.
SELECT CAST(appointment_id AS INTEGER) AS appointment_id,
       CASE WHEN practice_id NOT GLOB '*[^0-9]*' AND length(practice_id) < 18
            THEN CAST(practice_id AS INTEGER) END AS practice_id,
       CASE WHEN department_id NOT GLOB '*[^0-9]*' AND length(department_id) < 18
            THEN CAST(department_id AS INTEGER) END AS department_id,
       patient_id, appointment_date, start_time, appointment_type, status, encounter_state, month
FROM (SELECT *, status IS NULL OR status NOT IN ('x', 'f') AS status_counts,
             encounter_state IS NULL OR encounter_state <> 'DELETED' AS state_counts
      FROM appointments_clean)
WHERE CASE :valid_rule WHEN 'and' THEN status_counts AND state_counts ELSE status_counts OR state_counts END
ORDER BY 1;
