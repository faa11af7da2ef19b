-- Views for analysts over the tables that fhir_ingest loads. Run after every load; they
-- hold no data of their own.

-- Practitioners, organisations and locations: one row for each key that other tables hold, whether the
-- resource was sent or is known only from references to it. A key such as
-- Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|9999 is a conditional reference; its system and
-- value stand in columns of their own, and resource_id names the resource with that identifier, once it has come.
DROP VIEW IF EXISTS practitioner;
CREATE VIEW practitioner AS
WITH referred (practitioner_id, name) AS (
    SELECT practitioner_id, name FROM encounter_participant
    UNION ALL SELECT requester_id, requester FROM medication_request
    UNION ALL SELECT performer_id, performer FROM diagnostic_report
    UNION ALL SELECT author_id, author FROM document_reference
    UNION ALL SELECT author_id, author FROM provenance
    UNION ALL SELECT practitioner_id, name FROM care_team_participant
    UNION ALL SELECT practitioner_id, NULL FROM practitioner_resource
), sent (key, resource_id, name, identifier_system, identifier_value) AS (
    SELECT practitioner_id, practitioner_id, given || ' ' || family, identifier_system, identifier_value FROM practitioner_resource
    UNION ALL
    SELECT 'Practitioner?identifier=' || identifier_system || '|' || identifier_value, practitioner_id, given || ' ' || family,
           identifier_system, identifier_value
    FROM practitioner_resource WHERE identifier_value IS NOT NULL
)
SELECT r.practitioner_id,
       coalesce(max(s.name), max(r.name)) AS name,
       coalesce(max(s.identifier_system),
                CASE WHEN r.practitioner_id LIKE '%?identifier=%|%'
                     THEN substr(r.practitioner_id, instr(r.practitioner_id, '=') + 1,
                                 instr(r.practitioner_id, '|') - instr(r.practitioner_id, '=') - 1) END) AS identifier_system,
       coalesce(max(s.identifier_value),
                CASE WHEN r.practitioner_id LIKE '%?identifier=%|%'
                     THEN substr(r.practitioner_id, instr(r.practitioner_id, '|') + 1) END) AS identifier_value,
       max(s.resource_id) AS resource_id
FROM referred r LEFT JOIN sent s ON s.key = r.practitioner_id
WHERE r.practitioner_id IS NOT NULL
GROUP BY r.practitioner_id;

DROP VIEW IF EXISTS organization;
CREATE VIEW organization AS
WITH referred (organization_id, name) AS (
    SELECT service_provider_id, service_provider FROM encounter
    UNION ALL SELECT provider_id, provider FROM claim WHERE provider_id LIKE 'Organization?%'
    UNION ALL SELECT managing_organization_id, managing_organization FROM care_team
    UNION ALL SELECT custodian_id, custodian FROM document_reference
    UNION ALL SELECT organization_id, name FROM care_team_participant
    UNION ALL SELECT organization_id, NULL FROM provenance
    UNION ALL SELECT managing_organization_id, NULL FROM patient
    UNION ALL SELECT organization_id, NULL FROM organization_resource
), sent (key, resource_id, name, identifier_system, identifier_value) AS (
    SELECT organization_id, organization_id, name, identifier_system, identifier_value FROM organization_resource
    UNION ALL
    SELECT 'Organization?identifier=' || identifier_system || '|' || identifier_value, organization_id, name,
           identifier_system, identifier_value
    FROM organization_resource WHERE identifier_value IS NOT NULL
)
SELECT r.organization_id,
       coalesce(max(s.name), max(r.name)) AS name,
       coalesce(max(s.identifier_system),
                CASE WHEN r.organization_id LIKE '%?identifier=%|%'
                     THEN substr(r.organization_id, instr(r.organization_id, '=') + 1,
                                 instr(r.organization_id, '|') - instr(r.organization_id, '=') - 1) END) AS identifier_system,
       coalesce(max(s.identifier_value),
                CASE WHEN r.organization_id LIKE '%?identifier=%|%'
                     THEN substr(r.organization_id, instr(r.organization_id, '|') + 1) END) AS identifier_value,
       max(s.resource_id) AS resource_id
FROM referred r LEFT JOIN sent s ON s.key = r.organization_id
WHERE r.organization_id IS NOT NULL
GROUP BY r.organization_id;

DROP VIEW IF EXISTS location;
CREATE VIEW location AS
WITH referred (location_id, name) AS (
    SELECT location_id, name FROM encounter_location
    UNION ALL SELECT location_id, location FROM procedure
    UNION ALL SELECT location_id, location FROM immunization
    UNION ALL SELECT location_id, location FROM imaging_study
    UNION ALL SELECT facility_id, NULL FROM claim
    UNION ALL SELECT facility_id, NULL FROM explanation_of_benefit
    UNION ALL SELECT location_id, NULL FROM location_resource
), sent (key, resource_id, name, identifier_system, identifier_value) AS (
    SELECT location_id, location_id, name, identifier_system, identifier_value FROM location_resource
    UNION ALL
    SELECT 'Location?identifier=' || identifier_system || '|' || identifier_value, location_id, name,
           identifier_system, identifier_value
    FROM location_resource WHERE identifier_value IS NOT NULL
)
SELECT r.location_id,
       coalesce(max(s.name), max(r.name)) AS name,
       coalesce(max(s.identifier_system),
                CASE WHEN r.location_id LIKE '%?identifier=%|%'
                     THEN substr(r.location_id, instr(r.location_id, '=') + 1,
                                 instr(r.location_id, '|') - instr(r.location_id, '=') - 1) END) AS identifier_system,
       coalesce(max(s.identifier_value),
                CASE WHEN r.location_id LIKE '%?identifier=%|%'
                     THEN substr(r.location_id, instr(r.location_id, '|') + 1) END) AS identifier_value,
       max(s.resource_id) AS resource_id
FROM referred r LEFT JOIN sent s ON s.key = r.location_id
WHERE r.location_id IS NOT NULL
GROUP BY r.location_id;

-- The newest value of each vital sign of each patient. Both values of a blood pressure are
-- components. Times are compared as instants, whatever their offset, years and months as their first day. What has
-- no code is told by its text.
DROP VIEW IF EXISTS latest_vitals;
CREATE VIEW latest_vitals AS
WITH vital AS (
    SELECT o.patient_id, o.observation_id, o.code, coalesce(o.code_display, o.code_text) AS code_display, o.value, o.value_text,
           o.unit, coalesce(o.effective, o.effective_start, o.effective_end) AS effective
    FROM observation o
    WHERE o.category = 'vital-signs' AND o.value IS NOT NULL AND o.status <> 'entered-in-error'
    UNION ALL
    SELECT o.patient_id, o.observation_id, c.code, coalesce(c.code_display, c.code_text), c.value, c.value_text,
           c.unit, coalesce(o.effective, o.effective_start, o.effective_end)
    FROM observation o JOIN observation_component c USING (observation_id)
    WHERE o.category = 'vital-signs' AND c.value IS NOT NULL AND o.status <> 'entered-in-error'
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY patient_id, code, iif(code IS NULL, code_display, NULL)
                                 ORDER BY julianday(iif(length(effective) < 10, substr(effective || '-01-01', 1, 10), effective)) DESC,
                                          observation_id) AS place
    FROM vital
)
SELECT patient_id, code, code_display, value, value_text, unit, effective, observation_id
FROM ranked WHERE place = 1;

DROP VIEW IF EXISTS active_conditions;
CREATE VIEW active_conditions AS
SELECT patient_id, condition_id, code_system, code, code_display, onset, onset_low, onset_high, verification_status
FROM condition
WHERE clinical_status IN ('active', 'recurrence', 'relapse') AND abatement IS NULL
      AND coalesce(verification_status, '') NOT IN ('refuted', 'entered-in-error');

-- What a patient takes: the newest prescription of each medication that has not ended. The
-- medication's code is its own or, where the prescription refers to it, the medication's. What has no code is told
-- by its text or the resource, and what has none of them is a medication of its own.
DROP VIEW IF EXISTS medication_list;
CREATE VIEW medication_list AS
WITH prescribed AS (
    SELECT r.patient_id, r.medication_request_id, coalesce(r.medication, m.code) AS medication,
           coalesce(r.medication_display, m.code_display, r.medication_text, m.code_text) AS medication_display, r.dosage_text, r.as_needed, r.frequency,
           r.period, r.period_unit, r.dose, r.dose_unit, r.authored_on, r.requester,
           row_number() OVER (PARTITION BY r.patient_id, coalesce(r.medication, m.code),
                                           iif(coalesce(r.medication, m.code) IS NULL,
                                               coalesce(r.medication_text, m.code_text, r.medication_id, r.medication_request_id), NULL)
                              ORDER BY julianday(iif(length(r.authored_on) < 10, substr(r.authored_on || '-01-01', 1, 10), r.authored_on))
                                       DESC, r.medication_request_id) AS place
    FROM medication_request r LEFT JOIN medication m USING (medication_id)
    WHERE r.status = 'active'
)
SELECT patient_id, medication, medication_display, dosage_text, as_needed, frequency, period, period_unit, dose, dose_unit,
       authored_on, requester, medication_request_id
FROM prescribed WHERE place = 1;

-- What was received against what stands in the tables, for each type of resource.
DROP VIEW IF EXISTS fhir_reconciliation;
CREATE VIEW fhir_reconciliation AS
SELECT t.resource_type,
       (SELECT count(*) FROM fhir_resource r WHERE r.resource_type = t.resource_type) AS loaded,
       (SELECT count(*) FROM fhir_quarantine q WHERE q.resource_type = t.resource_type) AS quarantined
FROM (SELECT resource_type FROM fhir_resource
      UNION SELECT resource_type FROM fhir_quarantine WHERE resource_type IS NOT NULL) t
ORDER BY t.resource_type;
