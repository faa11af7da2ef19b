-- Versions of patients, oldest first; updated_at in one spelling, so that text compares as time does;
-- SQLite knows milliseconds, so that the digits after the point are put there as they are, and offsets as +00:00.
-- Equal times are ordered by content: the same version is last whatever order the rows came in.
SELECT patient_id, patient_name, patient_email, patient_phone, patient_address, patient_city,
       patient_state, patient_zip, patient_country, patient_date_of_birth,
       CASE substr(at, 20, 1)
            WHEN '.' THEN strftime('%Y-%m-%dT%H:%M:%S', substr(at, 1, 19) || ltrim(substr(at, 21), '0123456789')) || '.'
                          || substr(substr(at, 21, length(at) - 20 - length(ltrim(substr(at, 21), '0123456789'))) || '00000', 1, 6)
            ELSE strftime('%Y-%m-%dT%H:%M:%S.000000', at) END AS updated_at
FROM (SELECT *, CASE WHEN written GLOB '*:*[+-][0-9][0-9]' THEN written || ':00'
                     WHEN written GLOB '*:*[+-][0-9][0-9][0-9][0-9]'
                     THEN substr(written, 1, length(written) - 2) || ':' || substr(written, -2) ELSE written END AS at
      FROM (SELECT *, trim(updated_at) AS written FROM patients_checked))
ORDER BY 11, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10;
