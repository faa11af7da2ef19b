-- For an interface: all records of a person, and the features, each as one JSON object.
CREATE VIEW person_resources AS
SELECT p.person_id, json_object('person_id', p.person_id, 'first_date', p.first_date, 'latest_date', p.latest_date,
    'lifestyle', (SELECT json_group_array(json_object('record_id', record_id, 'encounter_id', encounter_id, 'feature', feature, 'value_text', value_text, 'report_date', report_date)) FROM (SELECT * FROM lifestyle r WHERE r.person_id = p.person_id ORDER BY report_date, record_id)),
    'rx', (SELECT json_group_array(json_object('record_id', record_id, 'encounter_id', encounter_id, 'drug_name', drug_name, 'rxnorm', rxnorm, 'value_text', value_text, 'unit_text', unit_text, 'report_date', report_date)) FROM (SELECT * FROM rx r WHERE r.person_id = p.person_id ORDER BY report_date, record_id)),
    'conditions', (SELECT json_group_array(json_object('record_id', record_id, 'encounter_id', encounter_id, 'icd_code', icd_code, 'condition_text', condition_text, 'report_date', report_date)) FROM (SELECT * FROM conditions r WHERE r.person_id = p.person_id ORDER BY report_date, record_id)),
    'labs', (SELECT json_group_array(json_object('record_id', record_id, 'encounter_id', encounter_id, 'feature', feature, 'value', value, 'comparator', comparator, 'unit', unit, 'value_text', value_text, 'unit_text', unit_text, 'report_date', report_date)) FROM (SELECT * FROM labs r WHERE r.person_id = p.person_id ORDER BY report_date, record_id)),
    'tests', (SELECT json_group_array(json_object('record_id', record_id, 'encounter_id', encounter_id, 'feature', feature, 'value', value, 'comparator', comparator, 'unit', unit, 'value_text', value_text, 'unit_text', unit_text, 'report_date', report_date)) FROM (SELECT * FROM tests r WHERE r.person_id = p.person_id ORDER BY report_date, record_id))) AS resource
FROM person p;
CREATE VIEW person_features AS
SELECT person_id, json_object('person_id', person_id,
    'alpha_blocker_now', alpha_blocker_now,
    'alpha_blocker_ever', alpha_blocker_ever,
    'alpha_blocker_date', alpha_blocker_date,
    'hgb', hgb,
    'hgb_comparator', hgb_comparator,
    'hgb_date', hgb_date,
    'encounters_6_months', encounters_6_months,
    'drugs_90_days', drugs_90_days,
    'polypharmacy', polypharmacy,
    'charlson', charlson,
    'charlson_conditions', charlson_conditions,
    'labs_1_year', labs_1_year,
    'abnormal_lab_share', abnormal_lab_share,
    'hgb_values', hgb_values,
    'hgb_per_year', hgb_per_year) AS features
FROM person LEFT JOIN feature_alpha_blocker USING (person_id)
  LEFT JOIN feature_recent_hgb USING (person_id)
  LEFT JOIN feature_encounters USING (person_id)
  LEFT JOIN feature_polypharmacy USING (person_id)
  LEFT JOIN feature_charlson USING (person_id)
  LEFT JOIN feature_abnormal_labs USING (person_id)
  LEFT JOIN feature_hgb_trend USING (person_id);
