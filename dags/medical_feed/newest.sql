-- Of several files of a person the one with the highest version; of equal versions the one whose name
-- is last. A record that does not say all of a person is refused: a list that is lacking is not an empty one, and
-- would delete what is there. Events are numbered within their table.
CREATE TABLE list AS
  SELECT rowid AS record, 'lifestyle' AS source, lifestyle AS events FROM feed_raw
  UNION ALL SELECT rowid, 'rx', rx FROM feed_raw
  UNION ALL SELECT rowid, 'conditions', conditions FROM feed_raw
  UNION ALL SELECT rowid, 'labs', labs FROM feed_raw
  UNION ALL SELECT rowid, 'tests', tests FROM feed_raw;
CREATE TABLE bad_list AS
  SELECT record, min(source) AS source FROM list l
  WHERE CASE WHEN json_valid(events) THEN json_type(events) <> 'array'
               OR EXISTS (SELECT 1 FROM json_each(events) e WHERE e.type <> 'object') ELSE 1 END
  GROUP BY record;
CREATE TABLE judged AS
  SELECT r.rowid AS record, trim(person_id) AS person_id, version, _file AS file,
         CASE WHEN trim(coalesce(person_id, '')) = '' THEN 'no person'
              WHEN version IS NULL THEN 'no version'
              WHEN b.source IS NOT NULL THEN b.source || ' is not a list of events' END AS reason
  FROM feed_raw r LEFT JOIN bad_list b ON b.record = r.rowid;
CREATE TABLE newest AS
  SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY person_id ORDER BY version DESC, file DESC, record DESC) AS place
                 FROM judged WHERE reason IS NULL)
  WHERE place = 1;

-- feed_person
SELECT person_id, version, file FROM newest ORDER BY person_id;
-- feed_event
SELECT n.person_id, l.source, e.key AS position,
       e.value ->> 'encounter_id' AS encounter_id, e.value ->> 'feature' AS feature, e.value ->> 'value' AS value,
       e.value ->> 'unit' AS unit, e.value ->> 'report_date' AS report_date, e.value ->> 'drug_name' AS drug_name,
       e.value ->> 'rxnorm' AS rxnorm, e.value ->> 'icd_code' AS icd_code
FROM newest n JOIN list l USING (record), json_each(l.events) e ORDER BY 1, 2, 3;
-- feed_refused
SELECT file, min(reason) AS reason, count(*) AS records FROM judged WHERE reason IS NOT NULL GROUP BY file ORDER BY file;
-- feed_account: of the records that were read, those that count, those that are older than another, those refused
SELECT 'feed' AS dataset, 'raw' AS stage, (SELECT count(*) FROM feed_raw) AS rows
UNION ALL SELECT 'feed', 'clean', (SELECT count(*) FROM newest)
UNION ALL SELECT 'feed', 'quarantined', (SELECT count(*) FROM judged WHERE reason IS NOT NULL)
UNION ALL SELECT 'feed', 'duplicates', (SELECT count(*) FROM judged WHERE reason IS NULL) - (SELECT count(*) FROM newest);
