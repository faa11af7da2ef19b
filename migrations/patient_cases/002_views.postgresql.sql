-- What analysts ask of patients and cases.

-- A case with its type's name and whether its patient is known: 'known', 'unknown' (an orphan) or 'none'.
CREATE VIEW case_overview AS
  SELECT c.case_id, t.case_type_name, c.patient_id,
         CASE WHEN p.is_known THEN 'known' WHEN NOT p.is_known THEN 'unknown' ELSE 'none' END AS patient_status,
         p.patient_name, c.case_datetime, c.case_closed, c.case_closed_datetime, c.case_closed_reason, c.problems,
         c.updated_at
  FROM cases c LEFT JOIN case_types t USING (case_type) LEFT JOIN patients p USING (patient_id);

CREATE VIEW orphan_cases AS
  SELECT case_id, patient_id, patient_status, case_type_name, case_datetime, case_closed
  FROM case_overview WHERE patient_status <> 'known';

CREATE VIEW open_cases AS
  SELECT case_id, case_type_name, patient_id, patient_status, patient_name, case_datetime, problems
  FROM case_overview WHERE NOT case_closed;

-- Closed cases whose two times are known and in order.
CREATE VIEW time_to_close AS
  SELECT case_id, case_type_name, patient_id, case_datetime, case_closed_datetime, case_closed_reason,
         (floor(extract(epoch FROM date_trunc('second', case_closed_datetime)
                             - date_trunc('second', case_datetime)) / 60))::integer
         AS minutes_to_close
  FROM case_overview WHERE case_closed AND case_closed_datetime >= case_datetime;

-- By the month in which cases were opened.
CREATE VIEW time_to_close_by_month AS
  SELECT to_char(case_datetime, 'YYYY-MM') AS month, case_type_name, count(*) AS cases_closed,
         min(minutes_to_close) AS shortest_minutes, round(avg(minutes_to_close))::integer AS mean_minutes,
         max(minutes_to_close) AS longest_minutes
  FROM time_to_close GROUP BY 1, 2;

CREATE VIEW cases_per_patient_month AS
  SELECT patient_id, patient_status, to_char(case_datetime, 'YYYY-MM') AS month, count(*) AS cases,
         count(*) FILTER (WHERE NOT case_closed) AS cases_open
  FROM case_overview WHERE patient_id IS NOT NULL AND case_datetime IS NOT NULL GROUP BY 1, 2, 3;

CREATE VIEW shared_emails AS
  SELECT patient_email, count(*) AS patients FROM patients
  WHERE patient_email IS NOT NULL GROUP BY 1 HAVING count(*) > 1;
