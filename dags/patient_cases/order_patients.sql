-- Versions of patients, oldest first; updated_at in one spelling, so that text compares as time does.
-- Equal times are ordered by content: the same version is last whatever order the rows came in.
SELECT patient_id, patient_name, patient_email, patient_phone, patient_address, patient_city,
       patient_state, patient_zip, patient_country, patient_date_of_birth,
       strftime('%Y-%m-%dT%H:%M:%f', trim(updated_at)) AS updated_at
FROM patients_checked
ORDER BY 11, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10;
