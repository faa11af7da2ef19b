-- The vendor's office settings, from one row for each practice with its offices as JSON, to three
-- tables. Numbers may be text with spaces and zeros in front; dates are what YYYY-MM-DD says and the calendar has.

-- What is no number is no practice; check_departments fails where departments stand in one.
CREATE TABLE practice AS
  SELECT CASE WHEN trim(practice_id) <> '' AND trim(practice_id) NOT GLOB '*[^0-9]*'
              THEN CAST(trim(practice_id) AS INTEGER) END AS practice_id, name, offices
  FROM settings_raw;

-- What is no list of offices, or no office, is one without anything; a text is not JSON here.
CREATE TABLE office AS
  SELECT practice_id,
         CASE WHEN trim(json_extract(office, '$.office_id')) NOT GLOB '*[^0-9]*'
              THEN CAST(nullif(trim(json_extract(office, '$.office_id')), '') AS INTEGER)
              ELSE json_extract(office, '$.office_id') END AS office_id,
         json_extract(office, '$.name') AS office_name,
         nullif(trim(json_extract(office, '$.launched_date')), '') AS launched,
         nullif(trim(json_extract(office, '$.disabled_date')), '') AS disabled,
         CASE json_type(office, '$.departments') WHEN 'array' THEN json_extract(office, '$.departments')
                                                 ELSE '[]' END AS departments
  FROM (SELECT p.practice_id,
               CASE o.type WHEN 'object' THEN o.value ELSE '{}' END AS office
        FROM practice p, json_each(CASE iif(json_valid(p.offices), json_type(p.offices), '')
                                            WHEN 'array' THEN p.offices ELSE '[]' END) o);

-- SQLite's date() takes 2024-02-30; only adding something makes it look at the calendar.
CREATE TABLE dated_office AS
  SELECT *, CASE WHEN date(launched, '+0 days') IS launched THEN launched END AS launched_date,
            CASE WHEN date(disabled, '+0 days') IS disabled THEN disabled END AS disabled_date
  FROM office;

CREATE TABLE set_up AS
  SELECT o.*, CASE WHEN id <> '' AND id NOT GLOB '*[^0-9]*' THEN CAST(id AS INTEGER) END AS department_id
  FROM (SELECT o.*,
               CASE d.type WHEN 'object' THEN trim(json_extract(d.value, '$.department_id'))
                           ELSE trim(d.value) END AS id,
               CASE d.type WHEN 'object' THEN json_extract(d.value, '$.name') END AS department_name,
               CASE d.type WHEN 'object' THEN json_extract(d.value, '$.practice_id') END AS named_practice
        FROM dated_office o, json_each(o.departments) d) o;

-- epion_departments: each time a department is set up, and whether that can be used.
SELECT DISTINCT practice_id, office_id, department_id, department_name, launched_date, disabled_date,
       problem IS NULL AS usable, problem,
       CASE WHEN CAST(named_practice AS INTEGER) <> practice_id
            THEN 'it names practice ' || named_practice || '; it counts for the one that it stands in'
            WHEN department_id IS NOT NULL AND count(*) OVER (PARTITION BY practice_id, department_id) > 1
            THEN 'set up more than once' END AS remark
FROM (SELECT *, CASE WHEN department_id IS NULL THEN 'the department has no number'
                     WHEN launched IS NULL THEN 'no launched date'
                     WHEN launched_date IS NULL THEN 'the launched date is no date'
                     WHEN disabled IS NOT NULL AND disabled_date IS NULL THEN 'the disabled date is no date'
                     WHEN disabled_date < launched_date THEN 'disabled before it was launched' END AS problem
      FROM set_up)
ORDER BY practice_id, department_id, office_id, launched_date;

-- epion_practices: one row for each practice, with its offices.
SELECT practice_id, min(name) AS practice_name,
       (SELECT json_group_array(office_id)
        FROM (SELECT DISTINCT office_id FROM office o
              WHERE o.practice_id = p.practice_id AND office_id IS NOT NULL ORDER BY 1))
       AS office_ids
FROM practice p
WHERE practice_id IS NOT NULL
GROUP BY 1 ORDER BY 1;

-- epion_offices: one row for each office, with its departments. An office that is listed twice
-- has the earliest launched and the latest disabled date.
SELECT practice_id, office_id, min(office_name) AS office_name, min(launched_date) AS launched_date,
       max(disabled_date) AS disabled_date,
       (SELECT json_group_array(department_id)
        FROM (SELECT DISTINCT department_id FROM set_up s
              WHERE s.practice_id = o.practice_id AND s.office_id = o.office_id AND department_id IS NOT NULL
              ORDER BY 1)) AS department_ids
FROM dated_office o
WHERE office_id IS NOT NULL AND practice_id IS NOT NULL
GROUP BY 1, 2 ORDER BY 1, 2;
