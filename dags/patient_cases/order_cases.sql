-- Versions of cases, oldest first; updated_at in one spelling, so that text compares as time does.
-- Equal times are ordered by content: the same version is last whatever order the rows came in.
SELECT case_id, case_type, patient_id, case_datetime, case_closed, case_closed_datetime,
       case_closed_reason, notes, tags, rest, strftime('%Y-%m-%dT%H:%M:%f', trim(updated_at)) AS updated_at
FROM cases_checked
ORDER BY 11, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10;
