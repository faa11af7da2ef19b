/* generate_fhir.c - dagrun-generate-fhir: FHIR R4 transaction bundles, one file for each
 * patient, for the sample, the tests and the benchmarks. The same options and seed give
 * the same bytes everywhere. No person is real.
 *
 * Bundles are made as suppliers make them: entries refer to each other by urn:uuid, to
 * practitioners, organisations and locations by conditional references, to contained resources by
 * #id; some dates are partial; decimals have zeros at the end; a patient without a birth date
 * or with three names is there. Every fifth bundle brings its practitioner as a resource. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "random.h"

/* ---- what is drawn from ---- */

struct code {
    const char *code, *display;
};
static const char *const families[] = { "Okafor",   "Lindqvist",     "Garcia", "O'Brien",
                                        "Nakamura", "M\xC3\xBCller", "Haddad", "Kowalska" };
static const char *const givens[] = { "Amara",
                                      "Nils",
                                      ("Luc\xC3\xAD"
                                       "a"),
                                      "Siobhan",
                                      "Kenji",
                                      "J\xC3\xBCrgen",
                                      "Leila",
                                      "Zofia" };
static const char *const cities[] = { "Northfield", "Eastham", "Weston", "Southport" };
static const struct code conditions[] = { { "59621000", "Essential hypertension (disorder)" },
                                          { "44054006", "Type 2 diabetes mellitus (disorder)" },
                                          { "195662009", "Acute viral pharyngitis (disorder)" },
                                          { "162864005", "Body mass index 30+ - obesity (finding)" } };
static const struct code medications[] = {
    { "314076", "lisinopril 10 MG Oral Tablet" },
    { "860975", "24 HR metformin hydrochloride 500 MG Extended Release Oral Tablet" },
    { "308182", "Amoxicillin 250 MG Oral Capsule" }
};
static const struct code procedures[] = { { "430193006", "Medication reconciliation (procedure)" },
                                          { "171207006", "Depression screening (procedure)" },
                                          { "399208008", "Plain chest X-ray (procedure)" } };
static const struct code vaccines[] = { { "140", "Influenza, seasonal, injectable, preservative free" },
                                        { "207", "SARS-COV-2 (COVID-19) vaccine, mRNA" } };
static const struct {
    struct code code;
    const char *unit;
    int mean, spread, decimals; /* mean and spread in units of the last decimal */
} vitals[] = { { { "8302-2", "Body Height" }, "cm", 1700, 120, 1 },
               { { "29463-7", "Body Weight" }, "kg", 7600, 1400, 2 },
               { { "8867-4", "Heart rate" }, "/min", 74, 12, 0 },
               { { "39156-5", "Body Mass Index" }, "kg/m2", 2600, 400, 2 } };
#define PICK(g, list) (&(list)[below(&(g)->rng, sizeof(list) / sizeof *(list))])

/* ---- writing ---- */

struct generator {
    struct rng rng;
    FILE *out;
    const char *folder;
    int patients, encounters; /* encounters: of each patient, about */
    bool first;               /* entry of the bundle */
    char patient[40], encounter[40], practitioner[96], organization[160], location[160];
    int year, day; /* of the encounter; day of the year, from 0 */
};

/* The order in which arguments are evaluated is the compiler's: one draw for each statement. */
static unsigned draw(struct generator *g, uint32_t n)
{
    return below(&g->rng, n);
}

static void put(struct generator *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(struct generator *g, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vfprintf(g->out, fmt, ap);
    va_end(ap);
}

static void make_uuid(struct generator *g, char ret[40])
{
    uint64_t a = rng_next(&g->rng), b = rng_next(&g->rng);
    (void)snprintf(ret, 40, "%08x-%04x-4%03x-a%03x-%012" PRIx64, (unsigned)(a >> 32),
                   (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff), (unsigned)(b >> 52),
                   b & UINT64_C(0xffffffffffff));
}

/* "2019-03-04", `days` after the encounter. */
static void make_date(const struct generator *g, int days, char ret[16])
{
    static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int year = g->year, day = g->day + days, month = 0;
    for (; day >= 365; day -= 365)
        year++;
    for (; day >= lengths[month]; month++)
        day -= lengths[month];
    (void)snprintf(ret, 16, "%04d-%02d-%02d", year % 10000, month + 1, (day + 1) % 100);
}

static void put_time(struct generator *g, int days, int minutes)
{
    char date[16];
    make_date(g, days, date);
    put(g, "\"%sT%02d:%02d:18+01:00\"", date, 9 + minutes / 60 % 12, minutes % 60);
}

/* An entry up to the resource's id; end_resource closes it. */
static void begin_resource(struct generator *g, const char *type, char id[40])
{
    make_uuid(g, id);
    put(g,
        "%s\n    {\n      \"fullUrl\": \"urn:uuid:%s\",\n      \"resource\": {\n        \"resourceType\": "
        "\"%s\",\n        \"id\": \"%s\"",
        g->first ? "" : ",", id, type, id);
    g->first = false;
}

static void end_resource(struct generator *g, const char *type)
{
    put(g, "\n      },\n      \"request\": { \"method\": \"POST\", \"url\": \"%s\" }\n    }", type);
}

static void put_concept(struct generator *g, const char *key, const char *system, const struct code *c)
{
    put(g,
        ",\n        \"%s\": { \"coding\": [ { \"system\": \"%s\", \"code\": \"%s\", \"display\": \"%s\" } ], "
        "\"text\": \"%s\" }",
        key, system, c->code, c->display, c->display);
}

static void put_subject(struct generator *g, const char *key, bool with_encounter)
{
    put(g, ",\n        \"%s\": { \"reference\": \"urn:uuid:%s\" }", key, g->patient);
    if (with_encounter)
        put(g, ",\n        \"encounter\": { \"reference\": \"urn:uuid:%s\" }", g->encounter);
}

#define SNOMED "http://snomed.info/sct"
#define LOINC "http://loinc.org"

/* ---- resources ---- */

static void put_names(struct generator *g)
{
    const char *family = *PICK(g, families), *given = *PICK(g, givens);
    put(g, ",\n        \"name\": [ { \"use\": \"official\", \"family\": \"%s\", \"given\": [ \"%s\"", family,
        given);
    if (draw(g, 3) == 0)
        put(g, ", \"%s\"", *PICK(g, givens));
    put(g, " ] }");
    if (draw(g, 3) == 0)
        put(g, ", { \"use\": \"maiden\", \"family\": \"%s\", \"given\": [ \"%s\" ] }", *PICK(g, families),
            given);
    put(g, " ]");
}

static void put_identifiers(struct generator *g)
{
    put(g, ",\n        \"identifier\": [ { \"system\": \"urn:example:mrn\", \"value\": \"MRN%06u\" }, ",
        draw(g, 1000000));
    put(g, "{ \"system\": \"http://hl7.org/fhir/sid/us-ssn\", \"value\": \"999-%02u-", draw(g, 100));
    put(g, "%04u\" } ]", draw(g, 10000));
}

/* A year, a month, a day; one in ten has no birth date. */
static void put_birth_date(struct generator *g, int kind)
{
    if (kind == 2)
        return;
    put(g, ",\n        \"birthDate\": \"%u", 1930 + draw(g, 85));
    if (kind > 0)
        put(g, "-%02u", 1 + draw(g, 12));
    if (kind > 1)
        put(g, "-%02u", 1 + draw(g, 28));
    put(g, "\"");
}

static void put_address(struct generator *g)
{
    put(g, ",\n        \"address\": [ { \"line\": [ \"%u Mill Lane\" ], ", 1 + draw(g, 400));
    put(g, "\"city\": \"%s\", \"state\": \"MA\", ", *PICK(g, cities));
    put(g, "\"postalCode\": \"0%04u\", \"country\": \"US\" } ]", draw(g, 10000));
}

static void put_patient(struct generator *g)
{
    int kind = (int)draw(g, 10);
    begin_resource(g, "Patient", g->patient);
    put(g, ",\n        \"meta\": { \"lastUpdated\": \"2024-05-%02uT06:00:00.000+00:00\" }", 1 + draw(g, 28));
    put(g,
        ",\n        \"extension\": [ { \"url\": "
        "\"http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex\", \"valueCode\": \"%s\" } ]",
        kind & 1 ? "F" : "M");
    put_identifiers(g);
    put_names(g);
    put(g, ",\n        \"telecom\": [ { \"system\": \"phone\", \"use\": \"home\", \"value\": \"555-%03u-",
        draw(g, 1000));
    put(g, "%04u\" } ]", draw(g, 10000));
    put(g, ",\n        \"gender\": \"%s\"", kind & 1 ? "female" : "male");
    put_birth_date(g, kind);
    if (draw(g, 8) == 0)
        put(g, ",\n        \"deceasedDateTime\": \"2023-11-0%uT04:05:06+00:00\"", 1 + draw(g, 9));
    put_address(g);
    end_resource(g, "Patient");
}

static void put_practitioner(struct generator *g)
{
    char id[40];
    begin_resource(g, "Practitioner", id);
    put(g,
        ",\n        \"identifier\": [ { \"system\": \"http://hl7.org/fhir/sid/us-npi\", \"value\": \"%s\" } "
        "],\n        \"active\": true",
        strrchr(g->practitioner, '|') + 1);
    put_names(g);
    end_resource(g, "Practitioner");
}

static void put_encounter(struct generator *g)
{
    static const struct code types[] = { { "185349003", "Encounter for 'check-up'" },
                                         { "185345009", "Encounter for symptom" } };
    begin_resource(g, "Encounter", g->encounter);
    put(g, ",\n        \"status\": \"finished\",\n        \"class\": { \"system\": "
           "\"http://terminology.hl7.org/CodeSystem/v3-ActCode\", \"code\": \"AMB\" }");
    const struct code *type = PICK(g, types);
    put(g,
        ",\n        \"type\": [ { \"coding\": [ { \"system\": \"" SNOMED
        "\", \"code\": \"%s\", \"display\": \"%s\" } ], \"text\": \"%s\" } ]",
        type->code, type->display, type->display);
    put_subject(g, "subject", false);
    put(g,
        ",\n        \"participant\": [ { \"individual\": { \"reference\": \"%s\", \"display\": \"Dr. Ines "
        "Holm\" } } ],\n        \"period\": { \"start\": ",
        g->practitioner);
    put_time(g, 0, 0);
    put(g, ", \"end\": ");
    put_time(g, 0, 15);
    put(g,
        " },\n        \"location\": [ { \"location\": { \"reference\": \"%s\", \"display\": \"Mill Lane "
        "Clinic\" } } ],\n        \"serviceProvider\": { \"reference\": \"%s\", \"display\": \"Mill Lane "
        "Health\" }",
        g->location, g->organization);
    end_resource(g, "Encounter");
}

static void put_condition(struct generator *g, char id[40])
{
    bool over = draw(g, 2);
    begin_resource(g, "Condition", id);
    put(g,
        ",\n        \"clinicalStatus\": { \"coding\": [ { \"system\": "
        "\"http://terminology.hl7.org/CodeSystem/condition-clinical\", \"code\": \"%s\" } ] },\n        "
        "\"verificationStatus\": { \"coding\": [ { \"system\": "
        "\"http://terminology.hl7.org/CodeSystem/condition-ver-status\", \"code\": \"confirmed\" } ] }",
        over ? "resolved" : "active");
    put_concept(g, "code", SNOMED, PICK(g, conditions));
    put_subject(g, "subject", true);
    put(g, ",\n        \"onsetDateTime\": ");
    if (draw(g, 4) == 0)
        put(g, "\"%d\"", g->year);
    else
        put_time(g, 0, 0);
    if (over) {
        put(g, ",\n        \"abatementDateTime\": ");
        put_time(g, 14, 0);
    }
    end_resource(g, "Condition");
}

/* A number with exactly that many decimals: 170.0 keeps its zero. */
static void put_decimal(struct generator *g, int value, int decimals)
{
    static const int powers[] = { 1, 10, 100 };
    if (decimals)
        put(g, "%d.%0*d", value / powers[decimals], decimals, value % powers[decimals]);
    else
        put(g, "%d", value);
}

static void begin_observation(struct generator *g, char id[40], const struct code *code)
{
    begin_resource(g, "Observation", id);
    put(g,
        ",\n        \"status\": \"final\",\n        \"category\": [ { \"coding\": [ { \"system\": "
        "\"http://terminology.hl7.org/CodeSystem/observation-category\", \"code\": \"vital-signs\" } ] } ]");
    put_concept(g, "code", LOINC, code);
    put_subject(g, "subject", true);
    put(g, ",\n        \"effectiveDateTime\": ");
    put_time(g, 0, 5);
    put(g, ",\n        \"issued\": ");
    put_time(g, 0, 6);
}

static void put_vital(struct generator *g, size_t i, char id[40])
{
    int value = vitals[i].mean + (int)(normal(&g->rng) * vitals[i].spread);
    begin_observation(g, id, &vitals[i].code);
    put(g, ",\n        \"valueQuantity\": { \"value\": ");
    put_decimal(g, value < 1 ? 1 : value, vitals[i].decimals);
    put(g, ", \"unit\": \"%s\", \"system\": \"http://unitsofmeasure.org\", \"code\": \"%s\" }",
        vitals[i].unit, vitals[i].unit);
    end_resource(g, "Observation");
}

static void put_blood_pressure(struct generator *g, char id[40])
{
    static const struct code panel = { "85354-9", "Blood pressure panel" };
    static const struct code parts[] = { { "8462-4", "Diastolic Blood Pressure" },
                                         { "8480-6", "Systolic Blood Pressure" } };
    begin_observation(g, id, &panel);
    put(g, ",\n        \"component\": [");
    for (int i = 0; i < 2; i++) {
        put(g,
            "%s { \"code\": { \"coding\": [ { \"system\": \"" LOINC
            "\", \"code\": \"%s\", \"display\": \"%s\" } ] }, \"valueQuantity\": { \"value\": ",
            i ? "," : "", parts[i].code, parts[i].display);
        put_decimal(g, (i ? 126 : 78) + (int)(normal(&g->rng) * 10), 0);
        put(g, ", \"unit\": \"mm[Hg]\", \"code\": \"mm[Hg]\" } }");
    }
    put(g, " ]");
    end_resource(g, "Observation");
}

static void put_report(struct generator *g, char ids[][40], int n)
{
    static const struct code code = { "34117-2", "History and physical note" };
    char id[40];
    begin_resource(g, "DiagnosticReport", id);
    put(g, ",\n        \"status\": \"final\"");
    put_concept(g, "code", LOINC, &code);
    put_subject(g, "subject", true);
    put(g, ",\n        \"effectiveDateTime\": ");
    put_time(g, 0, 5);
    put(g,
        ",\n        \"performer\": [ { \"reference\": \"%s\", \"display\": \"Dr. Ines Holm\" } ],\n        "
        "\"result\": [",
        g->practitioner);
    for (int i = 0; i < n; i++)
        put(g, "%s { \"reference\": \"urn:uuid:%s\" }", i ? "," : "", ids[i]);
    put(g, " ]");
    end_resource(g, "DiagnosticReport");
    begin_resource(g, "DocumentReference", id);
    put(g, ",\n        \"status\": \"current\"");
    put_concept(g, "type", LOINC, &code);
    put_subject(g, "subject", false);
    put(g, ",\n        \"date\": ");
    put_time(g, 0, 7);
    put(g,
        ",\n        \"author\": [ { \"reference\": \"%s\" } ],\n        \"custodian\": { \"reference\": "
        "\"%s\" },\n        \"content\": [ { \"attachment\": { \"contentType\": \"text/plain\", \"data\": "
        "\"Tm8gY29tcGxhaW50cy4=\" } } ],\n        \"context\": { \"encounter\": [ { \"reference\": "
        "\"urn:uuid:%s\" } ] }",
        g->practitioner, g->organization, g->encounter);
    end_resource(g, "DocumentReference");
}

static void put_observations(struct generator *g)
{
    char ids[5][40];
    for (size_t i = 0; i < 4; i++)
        put_vital(g, i, ids[i]);
    put_blood_pressure(g, ids[4]);
    put_report(g, ids, 5);
}

static void put_medication(struct generator *g, const char *condition)
{
    char id[40];
    begin_resource(g, "MedicationRequest", id);
    put(g, ",\n        \"status\": \"%s\",\n        \"intent\": \"order\"",
        draw(g, 3) ? "stopped" : "active");
    put_concept(g, "medicationCodeableConcept", "http://www.nlm.nih.gov/research/umls/rxnorm",
                PICK(g, medications));
    put_subject(g, "subject", true);
    put(g, ",\n        \"authoredOn\": ");
    put_time(g, 0, 10);
    put(g,
        ",\n        \"requester\": { \"reference\": \"%s\", \"display\": \"Dr. Ines Holm\" },\n        "
        "\"reasonReference\": [ { \"reference\": \"urn:uuid:%s\" } ],\n        \"dosageInstruction\": [ { "
        "\"sequence\": 1, \"text\": \"One tablet \\\"daily\\\"\", \"timing\": { \"repeat\": { \"frequency\": "
        "1, \"period\": 1.0, \"periodUnit\": \"d\" } }, \"asNeededBoolean\": false, \"doseAndRate\": [ { "
        "\"doseQuantity\": { \"value\": 1.0 } } ] } ]",
        g->practitioner, condition);
    end_resource(g, "MedicationRequest");
}

static void put_procedure(struct generator *g, char id[40])
{
    begin_resource(g, "Procedure", id);
    put(g, ",\n        \"status\": \"completed\"");
    put_concept(g, "code", SNOMED, PICK(g, procedures));
    put_subject(g, "subject", true);
    put(g, ",\n        \"performedPeriod\": { \"start\": ");
    put_time(g, 0, 3);
    put(g, ", \"end\": ");
    put_time(g, 0, 13);
    put(g, " },\n        \"location\": { \"reference\": \"%s\", \"display\": \"Mill Lane Clinic\" }",
        g->location);
    end_resource(g, "Procedure");
}

static void put_immunization(struct generator *g)
{
    char id[40];
    begin_resource(g, "Immunization", id);
    put(g, ",\n        \"status\": \"completed\"");
    put_concept(g, "vaccineCode", "http://hl7.org/fhir/sid/cvx", PICK(g, vaccines));
    put_subject(g, "patient", true);
    put(g, ",\n        \"occurrenceDateTime\": ");
    put_time(g, 0, 8);
    put(g, ",\n        \"primarySource\": true");
    end_resource(g, "Immunization");
}

/* The items of a claim and of its explanation: the visit and what was done. */
static void put_items(struct generator *g, int cents)
{
    put(g,
        ",\n        \"item\": [ { \"sequence\": 1, \"productOrService\": { \"coding\": [ { \"system\": "
        "\"" SNOMED "\", \"code\": \"185349003\" } ] }, \"encounter\": [ { \"reference\": \"urn:uuid:%s\" } "
        "] }, { \"sequence\": 2, \"procedureSequence\": [ 1 ], \"productOrService\": { "
        "\"coding\": [ { \"system\": \"" SNOMED "\", \"code\": \"430193006\" } ] }, \"net\": { \"value\": ",
        g->encounter);
    put_decimal(g, cents, 2);
    put(g, ", \"currency\": \"USD\" } } ]");
}

static void put_billing(struct generator *g)
{
    char claim[40], id[40];
    int cents = 5000 + (int)draw(g, 200000);
    for (int eob = 0; eob < 2; eob++) {
        const char *type = eob ? "ExplanationOfBenefit" : "Claim";
        begin_resource(g, type, eob ? id : claim);
        if (eob)
            put(g,
                ",\n        \"contained\": [ { \"resourceType\": \"Coverage\", \"id\": \"coverage\", "
                "\"status\": \"active\", \"payor\": [ { \"display\": \"Example Mutual\" } ] } ],\n        "
                "\"outcome\": \"complete\",\n        \"insurer\": { \"display\": \"Example Mutual\" },\n     "
                "   \"claim\": { \"reference\": \"urn:uuid:%s\" },\n        \"insurance\": [ { \"focal\": "
                "true, \"coverage\": { \"reference\": \"#coverage\" } } ]",
                claim);
        put(g, ",\n        \"status\": \"active\",\n        \"use\": \"claim\",\n        \"type\": { "
               "\"coding\": [ { \"system\": \"http://terminology.hl7.org/CodeSystem/claim-type\", \"code\": "
               "\"institutional\" } ] }");
        put_subject(g, "patient", false);
        put(g, ",\n        \"billablePeriod\": { \"start\": ");
        put_time(g, 0, 0);
        put(g, ", \"end\": ");
        put_time(g, 0, 15);
        put(g, " },\n        \"created\": ");
        put_time(g, 0, 15);
        put(g, ",\n        \"provider\": { \"reference\": \"%s\", \"display\": \"Mill Lane Health\" }",
            g->organization);
        put_items(g, cents);
        put(g, eob ? ",\n        \"total\": [ { \"category\": { \"coding\": [ { \"code\": \"submitted\" } ] "
                     "}, \"amount\": { \"value\": "
                   : ",\n        \"total\": { \"value\": ");
        put_decimal(g, cents + 12000, 2);
        put(g, eob ? ", \"currency\": \"USD\" } } ]" : ", \"currency\": \"USD\" }");
        end_resource(g, type);
    }
}

static void put_care(struct generator *g, const char *condition)
{
    static const struct code plan = { "699728000", "Asthma self management (procedure)" };
    char team[40], id[40];
    begin_resource(g, "CareTeam", team);
    put(g, ",\n        \"status\": \"active\"");
    put_subject(g, "subject", true);
    put(g,
        ",\n        \"participant\": [ { \"member\": { \"reference\": \"urn:uuid:%s\" } }, { \"member\": { "
        "\"reference\": \"%s\", \"display\": \"Dr. Ines Holm\" } } ]",
        g->patient, g->practitioner);
    end_resource(g, "CareTeam");
    begin_resource(g, "CarePlan", id);
    put(g, ",\n        \"status\": \"active\",\n        \"intent\": \"order\"");
    put_subject(g, "subject", true);
    put(g,
        ",\n        \"careTeam\": [ { \"reference\": \"urn:uuid:%s\" } ],\n        \"addresses\": [ { "
        "\"reference\": \"urn:uuid:%s\" } ],\n        \"activity\": [ { \"detail\": { \"code\": { "
        "\"coding\": [ { \"system\": \"" SNOMED
        "\", \"code\": \"%s\", \"display\": \"%s\" } ] }, \"status\": \"in-progress\" } } ]",
        team, condition, plan.code, plan.display);
    end_resource(g, "CarePlan");
}

static void put_allergy(struct generator *g)
{
    static const struct code allergen = { "264287008", "Animal dander (substance)" };
    char id[40];
    begin_resource(g, "AllergyIntolerance", id);
    put(g, ",\n        \"clinicalStatus\": { \"coding\": [ { \"code\": \"active\" } ] },\n        \"type\": "
           "\"allergy\",\n        \"category\": [ \"environment\" ],\n        \"criticality\": \"low\"");
    put_concept(g, "code", SNOMED, &allergen);
    put_subject(g, "patient", false);
    put(g,
        ",\n        \"recordedDate\": \"%d-06\",\n        \"reaction\": [ { \"manifestation\": [ { \"text\": "
        "\"Wheal\" } ], \"severity\": \"mild\" }, { \"manifestation\": [ { \"text\": \"Rhinitis\" } ] } ]",
        g->year);
    end_resource(g, "AllergyIntolerance");
}

static void put_imaging(struct generator *g)
{
    char id[40];
    begin_resource(g, "ImagingStudy", id);
    put(g, ",\n        \"status\": \"available\"");
    put_subject(g, "subject", true);
    put(g, ",\n        \"started\": ");
    put_time(g, 0, 4);
    put(g,
        ",\n        \"numberOfSeries\": 1,\n        \"numberOfInstances\": 1,\n        \"series\": [ { "
        "\"uid\": \"1.2.840.99999999.%u\", \"number\": 1, \"modality\": { \"code\": \"CR\", \"display\": "
        "\"Computed Radiography\" }, \"bodySite\": { \"code\": \"51185008\" }, \"numberOfInstances\": 1 } ]",
        draw(g, 1000000));
    end_resource(g, "ImagingStudy");
}

/* ---- bundles ---- */

static void put_visit(struct generator *g)
{
    char condition[40], procedure[40];
    g->year = 2010 + (int)draw(g, 14);
    g->day = (int)draw(g, 350);
    put_encounter(g);
    put_condition(g, condition);
    put_observations(g);
    put_procedure(g, procedure);
    put_medication(g, condition);
    put_billing(g);
    if (draw(g, 3) == 0)
        put_immunization(g);
    if (draw(g, 4) == 0)
        put_care(g, condition);
    if (draw(g, 6) == 0)
        put_imaging(g);
}

static void put_bundle(struct generator *g, int number)
{
    int visits = 1 + (int)draw(g, (uint32_t)(2 * g->encounters));
    (void)snprintf(g->practitioner, sizeof g->practitioner,
                   "Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|99999%05u", draw(g, 20));
    (void)snprintf(g->organization, sizeof g->organization,
                   "Organization?identifier=urn:example:organization|%u", draw(g, 5));
    (void)snprintf(g->location, sizeof g->location, "Location?identifier=urn:example:location|%u",
                   draw(g, 8));
    g->first = true;
    put(g, "{\n  \"resourceType\": \"Bundle\",\n  \"type\": \"transaction\",\n  \"entry\": [");
    put_patient(g);
    if (number % 5 == 1)
        put_practitioner(g);
    g->year = 2010;
    if (draw(g, 2) == 0)
        put_allergy(g);
    for (int i = 0; i < visits; i++)
        put_visit(g);
    put(g, "\n  ]\n}\n");
}

static int write_bundle(struct generator *g, int number)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/patient_%05d.json", g->folder, number);
    g->out = fopen(path, "w");
    if (!g->out) {
        fprintf(stderr, "dagrun-generate-fhir: %s: %s\n", path, strerror(errno));
        return 1;
    }
    put_bundle(g, number);
    if (ferror(g->out) | fclose(g->out)) {
        fprintf(stderr, "dagrun-generate-fhir: %s: could not be written\n", path);
        return 1;
    }
    return 0;
}

static int usage(FILE *out)
{
    fputs("dagrun-generate-fhir - FHIR R4 bundles, one file for each patient\n\n"
          "  dagrun-generate-fhir [OPTION]...\n\n"
          "  --patients N     files to write (6)\n"
          "  --encounters N   encounters of each patient, on average (3)\n"
          "  --seed N         another seed, other patients (1)\n"
          "  --out FOLDER     where (data/fhir); made where absent\n"
          "  --help\n",
          out);
    return out == stderr ? 2 : 0;
}

static int read_number(const char *name, const char *text, long least, long most, long *ret)
{
    char *end;
    errno = 0;
    *ret = strtol(text, &end, 10);
    if (!errno && end != text && !*end && *ret >= least && *ret <= most)
        return 0;
    fprintf(stderr, "dagrun-generate-fhir: --%s: '%s' is not a number from %ld to %ld\n", name, text, least,
            most);
    return 2;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "patients", required_argument, 0, 'p' }, { "encounters", required_argument, 0, 'e' },
        { "seed", required_argument, 0, 's' },     { "out", required_argument, 0, 'o' },
        { "help", no_argument, 0, 'h' },           { 0 }
    };
    struct generator g = { .folder = "data/fhir" };
    long patients = 6, encounters = 3, seed = 1;
    int letter, failed = 0;
    while ((letter = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (letter == 'p')
            failed = read_number("patients", optarg, 1, 1000000, &patients);
        else if (letter == 'e')
            failed = read_number("encounters", optarg, 1, 100000, &encounters);
        else if (letter == 's')
            failed = read_number("seed", optarg, 0, 1000000000, &seed);
        else if (letter == 'o')
            g.folder = optarg;
        else
            return usage(letter == 'h' ? stdout : stderr);
        if (failed)
            return failed;
    }
    if (optind < argc)
        return usage(stderr);
    if (mkdir(g.folder, 0777) && errno != EEXIST) {
        fprintf(stderr, "dagrun-generate-fhir: %s: %s\n", g.folder, strerror(errno));
        return 1;
    }
    g.encounters = (int)encounters;
    rng_init(&g.rng, (uint64_t)seed);
    for (int i = 1; i <= patients && !failed; i++)
        failed = write_bundle(&g, i);
    return failed;
}
