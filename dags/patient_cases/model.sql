-- From the newest version of each record to the tables of the warehouse. What cannot be used becomes
-- NULL and is said in a column of its row; no row is left out.

-- A time is used if the calendar has its day and the day its hour: SQLite's own functions take 2024-02-30 for a
-- day of March, 24:00 for an hour, and "now" for a time.
CREATE TABLE timed AS
  SELECT *, CASE WHEN opened BETWEEN '0001' AND '9999-99' AND substr(opened, 12, 2) < '24' THEN opened END AS opened_at,
         CASE WHEN closed BETWEEN '0001' AND '9999-99' AND substr(closed, 12, 2) < '24' THEN closed END AS closed_at
  FROM (SELECT c.*,
               CASE WHEN case_datetime GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
                     AND date(substr(case_datetime, 1, 10), '+0 days') IS substr(case_datetime, 1, 10)
                    THEN strftime('%Y-%m-%dT%H:%M:%f',
                             CASE WHEN case_datetime GLOB '*:*[+-][0-9][0-9]' THEN case_datetime || ':00'
                                  WHEN case_datetime GLOB '*:*[+-][0-9][0-9][0-9][0-9]'
                                  THEN substr(case_datetime, 1, length(case_datetime) - 2) || ':' || substr(case_datetime, -2)
                                  ELSE case_datetime END) END AS opened,
               CASE WHEN case_closed_datetime GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
                     AND date(substr(case_closed_datetime, 1, 10), '+0 days') IS substr(case_closed_datetime, 1, 10)
                    THEN strftime('%Y-%m-%dT%H:%M:%f',
                             CASE WHEN case_closed_datetime GLOB '*:*[+-][0-9][0-9]' THEN case_closed_datetime || ':00'
                                  WHEN case_closed_datetime GLOB '*:*[+-][0-9][0-9][0-9][0-9]'
                                  THEN substr(case_closed_datetime, 1, length(case_closed_datetime) - 2) || ':' || substr(case_closed_datetime, -2)
                                  ELSE case_closed_datetime END) END AS closed,
               CASE WHEN case_closed IN ('true', '1', 't', 'y', 'yes') THEN 1
                    WHEN case_closed IN ('false', '0', 'f', 'n', 'no') THEN 0 END AS said_closed
        FROM cases_clean c);

-- patients: those of the file, and for each case whose patient is not among them a row that says no more than
-- that. It has no updated_at, so that it never replaces a patient and any version of the patient replaces it.
SELECT patient_id, 1 AS is_known, patient_name,
       CASE WHEN patient_email LIKE '%_@%_._%' THEN patient_email END AS patient_email,
       CASE WHEN patient_email IS NULL THEN 'missing'
            WHEN patient_email = 'test@test' THEN 'placeholder'
            WHEN patient_email LIKE '%_@%_._%' THEN 'given' ELSE 'no address' END AS email_status,
       patient_phone, patient_address, patient_city, patient_state, patient_zip, patient_country,
       CASE WHEN birth_status = 'given' THEN patient_date_of_birth END AS patient_date_of_birth,
       birth_status AS birth_date_status, updated_at
FROM (SELECT *, CASE WHEN patient_date_of_birth IS NULL THEN 'missing'
                     WHEN patient_date_of_birth = :placeholder_birth_date THEN 'placeholder'
                     WHEN patient_date_of_birth NOT GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'
                       OR date(patient_date_of_birth, '+0 days') IS NOT patient_date_of_birth THEN 'no date'
                     WHEN patient_date_of_birth > substr(updated_at, 1, 10) THEN 'after the record'
                     ELSE 'given' END AS birth_status
      FROM patients_clean)
UNION ALL
SELECT DISTINCT patient_id, 0, NULL, NULL, 'missing', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'missing', NULL
FROM cases_clean
WHERE patient_id IS NOT NULL AND patient_id NOT IN (SELECT patient_id FROM patients_clean)
ORDER BY 1;

-- cases
SELECT case_id, CASE WHEN case_type IN ('1', '2', '3') THEN CAST(case_type AS INTEGER) END AS case_type, patient_id,
       opened_at AS case_datetime, coalesce(said_closed, closed_at IS NOT NULL) AS case_closed,
       closed_at AS case_closed_datetime, case_closed_reason,
       nullif(problems, '') AS problems, updated_at
FROM (SELECT *, rtrim(
        CASE WHEN case_type IS NULL THEN 'no case type; '
             WHEN case_type NOT IN ('1', '2', '3') THEN 'unknown case type ' || case_type || '; ' ELSE '' END ||
        CASE WHEN patient_id IS NULL THEN 'no patient; ' ELSE '' END ||
        CASE WHEN case_datetime IS NULL THEN 'no time; ' WHEN opened_at IS NULL THEN 'the time is none; ' ELSE '' END ||
        CASE WHEN said_closed IS NULL AND case_closed IS NOT NULL THEN 'closed is neither true nor false; ' ELSE '' END ||
        CASE WHEN case_closed_datetime IS NOT NULL AND closed_at IS NULL THEN 'the closing time is none; ' ELSE '' END ||
        CASE WHEN said_closed = 1 AND case_closed_datetime IS NULL THEN 'closed without a time; ' ELSE '' END ||
        CASE WHEN said_closed = 0 AND closed_at IS NOT NULL THEN 'open with a closing time; ' ELSE '' END ||
        CASE WHEN closed_at < opened_at THEN 'closed before it was opened; ' ELSE '' END, '; ') AS problems
      FROM timed)
ORDER BY 1;

-- case_notes and case_tags: the items of the arrays. What is no array is taken for one of one item.
SELECT case_id, position, CASE WHEN at BETWEEN '0001' AND '9999-99' AND substr(at, 12, 2) < '24' THEN at END AS noted_at,
       author, note
FROM (SELECT c.case_id, n.key AS position,
             CASE WHEN n.type = 'object' AND json_extract(n.value, '$.at') GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
                   AND date(substr(json_extract(n.value, '$.at'), 1, 10), '+0 days') IS substr(json_extract(n.value, '$.at'), 1, 10)
                  THEN strftime('%Y-%m-%dT%H:%M:%f', json_extract(n.value, '$.at')) END AS at,
             CASE n.type WHEN 'object' THEN json_extract(n.value, '$.author') END AS author,
             CASE n.type WHEN 'object' THEN json_extract(n.value, '$.text') ELSE n.value END AS note
      FROM cases_clean c,
           json_each(CASE WHEN notes IS NULL THEN '[]' WHEN NOT json_valid(notes) THEN json_array(notes)
                          WHEN json_type(notes) = 'array' THEN notes ELSE json_array(json(notes)) END) n)
ORDER BY 1, 2;

SELECT c.case_id, t.key AS position, CASE WHEN t.type IN ('true', 'false') THEN t.type ELSE t.value END AS tag
FROM cases_clean c,
     json_each(CASE WHEN tags IS NULL THEN '[]' WHEN NOT json_valid(tags) THEN json_array(tags)
                    WHEN json_type(tags) = 'array' THEN tags ELSE json_array(json(tags)) END) t
WHERE t.value IS NOT NULL
ORDER BY 1, 2;

-- case_arrays and case_items: every other array of a case, wherever in its record it lies: beside the columns, in
-- place of the one value of a column, or within a note. The items of notes and tags themselves are above.
CREATE TABLE found AS
  SELECT c.case_id, a.* FROM cases_clean c, json_arrays(c.rest) a
  UNION ALL
  SELECT c.case_id, a.*
  FROM cases_clean c,
       json_each(json_object('case_type', case_type, 'patient_id', patient_id, 'case_datetime', case_datetime,
                             'case_closed', case_closed, 'case_closed_datetime', case_closed_datetime,
                             'case_closed_reason', case_closed_reason)) m,
       json_arrays(m.value, m.key) a
  WHERE m.value GLOB '[[{]*'
  UNION ALL
  SELECT c.case_id, a.* FROM cases_clean c, json_arrays(c.notes, 'notes') a
  WHERE c.notes GLOB '{*' AND a.path <> 'notes'
  UNION ALL
  SELECT c.case_id, a.*
  FROM cases_clean c, json_arrays(c.notes) n, json_arrays(n.item, 'notes[' || n.position || ']') a
  WHERE c.notes GLOB '[[]*[[]*' AND n.path = '' AND n.kind = 'object';

SELECT case_id, path, count(position) AS items FROM found GROUP BY 1, 2 ORDER BY 1, 2;

SELECT case_id, path, position, kind, value, item FROM found WHERE position IS NOT NULL ORDER BY 1, 2, 3;
