/* medical.c - dagrun-generate medical: five raw tables of events per person, as a vendor's XML becomes
 * CSV, with what is wrong in real ones. The same options and seed give the same bytes everywhere.
 *
 *     FOLDER/lifestyle.csv rx.csv conditions.csv labs.csv tests.csv
 *
 * Persons differ in what they have; every table repeats rows, spells features wrong, leaves fields
 * out, and writes days in several ways. */
#include "generate.h"
#include "random.h"
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { TABLES = 5, FIELD = 96, PATH_SIZE = 4096, DAYS = 720 };

static const char *const table_names[TABLES] = { "lifestyle", "rx", "conditions", "labs", "tests" };

struct settings {
    uint64_t persons, seed;
    double dirt;
    const char *out;
};
struct maker {
    struct rng rng;
    FILE *files[TABLES];
    uint32_t dirt; /* of 2^32 */
};
struct event {
    char person[FIELD], encounter[FIELD], feature[FIELD], value[FIELD], unit[FIELD], day[FIELD];
    char more[FIELD]; /* the table's own columns, with their comma in front */
};
/* A quantity: its usual middle and spread, and a second unit with its factor. */
struct quantity {
    const char *feature, *unit, *other;
    double middle, spread, factor;
    int decimals;
};

static const struct quantity lab_values[] = {
    { "HgB", "g/dL", "g/L", 13.8, 1.7, 10, 1 },
    { "HbA1c", "%", NULL, 5.8, 0.9, 1, 1 },
    { "creatinine", "mg/dL", "umol/L", 1.0, 0.3, 88.4, 2 },
    { "glucose", "mg/dL", "mmol/L", 110, 28, 0.0555, 1 },
    { "troponin", "ng/mL", "ug/L", 0.02, 0.012, 1, 3 },
};
static const struct quantity test_values[] = {
    { "systolic pressure", "mm[Hg]", "mmHg", 128, 16, 1, 0 },
    { "heart rate", "/min", "bpm", 74, 11, 1, 0 },
    { "oxygen saturation", "%", NULL, 97, 1.3, 1, 0 },
};
static const char *const habits[][4] = {
    { "smoking status", "never", "former", "current" },
    { "alcohol use", "none", "moderate", "daily" },
    { "exercise", "none", "weekly", "daily" },
    { "diet", "mixed", "vegetarian", "low salt" },
};
static const char *const drugs[][2] = {
    { "Tamsulosin 0.4 MG Oral Capsule", "863669" },    { "Doxazosin 4 MG Oral Tablet", "197626" },
    { "Metformin 500 MG Oral Tablet", "861007" },      { "Lisinopril 10 MG Oral Tablet", "314076" },
    { "Atorvastatin 20 MG Oral Tablet", "617310" },    { "Amlodipine 5 MG Oral Tablet", "197361" },
    { "Levothyroxine 0.05 MG Oral Tablet", "966221" }, { "Omeprazole 20 MG Oral Capsule", "402014" },
};
static const char *const codes[][2] = {
    { "E11.9", "Type 2 diabetes" },
    { "E11.22", "Type 2 diabetes with kidney disease" },
    { "I10", "Hypertension" },
    { "I50.9", "Heart failure" },
    { "J44.9", "COPD" },
    { "N18.3", "Chronic kidney disease" },
    { "C61", "Cancer of prostate" },
    { "N40.1", "Enlarged prostate" },
    { "I25.2", "Old heart attack" },
    { "C79.5", "Cancer of bone, secondary" },
    { "K70.30", "Cirrhosis of liver" },
};

#define COUNT(list) ((uint32_t)(sizeof(list) / sizeof((list)[0])))

static bool chance(struct maker *m)
{
    return (uint32_t)(rng_next(&m->rng) >> 32) < m->dirt;
}

static void put_day(struct maker *m, char *to, uint32_t number)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    /* Twelve months of 28 days each exist in every year. */
    uint32_t year = 2022 + number / 336, month = number / 28 % 12, day = number % 28 + 1;
    uint32_t way = chance(m) ? 1 + below(&m->rng, 5) : 0;
    if (way == 1)
        snprintf(to, FIELD, "%02" PRIu32 "/%02" PRIu32 "/%" PRIu32, month + 1, day, year);
    else if (way == 2)
        snprintf(to, FIELD, "%" PRIu32 "%02" PRIu32 "%02" PRIu32, year, month + 1, day);
    else if (way == 3)
        snprintf(to, FIELD, "%02" PRIu32 "-%.3s-%" PRIu32, day, months + (size_t)month * 3, year);
    else if (way == 4)
        snprintf(to, FIELD, "%" PRIu32 "-02-30", year);
    else
        snprintf(to, FIELD, "%" PRIu32 "-%02" PRIu32 "-%02" PRIu32 "%s", year, month + 1, day,
                 way == 5 ? "T08:30:00" : "");
}

/* One slip of the hand. */
static void misspell(struct maker *m, char *text)
{
    size_t n = strlen(text);
    if (n < 3)
        return;
    size_t at = 1 + below(&m->rng, (uint32_t)n - 2);
    uint32_t slip = below(&m->rng, 3);
    if (slip == 0) { /* a letter is missing */
        memmove(text + at, text + at + 1, n - at);
    } else if (slip == 1) { /* two have changed places */
        char c = text[at];
        text[at] = text[at + 1];
        text[at + 1] = c;
    } else {
        text[at] = 'x';
    }
}

static void put_row(FILE *file, const struct event *e)
{
    fprintf(file, "%s,%s,%s,%s,%s,%s%s\n", e->person, e->encounter, e->feature, e->value, e->unit, e->day,
            e->more);
}

static void put_event(struct maker *m, int table, struct event *e)
{
    if (chance(m))
        misspell(m, e->feature);
    if (chance(m) && below(&m->rng, 3) == 0)
        e->person[0] = '\0';
    if (chance(m))
        e->encounter[0] = '\0';
    if (chance(m) && below(&m->rng, 2))
        e->day[0] = '\0';
    if (chance(m) && below(&m->rng, 2))
        e->value[0] = '\0';
    put_row(m->files[table], e);
    if (chance(m))
        put_row(m->files[table], e);
}

static void put_quantity(struct maker *m, struct event *e, const struct quantity *q)
{
    double x = q->middle + q->spread * normal(&m->rng);
    bool other = q->other && below(&m->rng, 5) == 0;
    const char *comparator = chance(m) ? below(&m->rng, 2) ? "<" : ">" : "";
    snprintf(e->feature, FIELD, "%s", q->feature);
    snprintf(e->value, FIELD, "%s%.*f", comparator, q->decimals, (x > 0 ? x : 0) * (other ? q->factor : 1));
    snprintf(e->unit, FIELD, "%s", chance(m) ? "" : other ? q->other : q->unit);
    if (chance(m) && below(&m->rng, 2))
        snprintf(e->value, FIELD, "%s", below(&m->rng, 2) ? "pending" : "N/A");
}

static void fill(struct maker *m, struct event *e, int table)
{
    e->value[0] = e->unit[0] = e->more[0] = '\0';
    if (table == 0) {
        const char *const *habit = habits[below(&m->rng, COUNT(habits))];
        snprintf(e->feature, FIELD, "%s", habit[0]);
        snprintf(e->value, FIELD, "%s", habit[1 + below(&m->rng, 3)]);
    } else if (table == 1) {
        const char *const *drug = drugs[below(&m->rng, COUNT(drugs))];
        snprintf(e->feature, FIELD, "prescription");
        snprintf(e->value, FIELD, "%" PRIu32, 30 * (1 + below(&m->rng, 3)));
        snprintf(e->unit, FIELD, "days");
        snprintf(e->more, FIELD, ",%s,%s", chance(m) ? "" : drug[0], chance(m) ? "" : drug[1]);
    } else if (table == 2) {
        const char *const *code = codes[below(&m->rng, COUNT(codes))];
        snprintf(e->feature, FIELD, "diagnosis");
        snprintf(e->value, FIELD, "\"%s\"", code[1]);
        snprintf(e->more, FIELD, ",%s", chance(m) ? "" : code[0]);
    } else if (table == 3) {
        put_quantity(m, e, &lab_values[below(&m->rng, COUNT(lab_values))]);
    } else {
        put_quantity(m, e, &test_values[below(&m->rng, COUNT(test_values))]);
    }
}

static void put_person(struct maker *m, uint64_t number)
{
    struct event e;
    uint32_t encounters = 1 + below(&m->rng, 6), day = below(&m->rng, DAYS);
    for (uint32_t i = 0; i < encounters; i++, day += below(&m->rng, 120))
        for (int table = 0; table < TABLES; table++)
            for (uint32_t rows = below(&m->rng, table == 3 ? 5 : 3); rows > 0; rows--) {
                snprintf(e.person, FIELD, "P%05" PRIu64, number + 1);
                snprintf(e.encounter, FIELD, "E%05" PRIu64 "-%" PRIu32, number + 1, i + 1);
                put_day(m, e.day, day);
                fill(m, &e, table);
                put_event(m, table, &e);
            }
}

static int write_files(const struct settings *s)
{
    static const char *const more[TABLES] = { "", ",drug_name,rxnorm", ",icd_code", "", "" };
    struct maker m = { .dirt = (uint32_t)(s->dirt * 4294967295.0) };
    int failed = 0;
    if (mkdir(s->out, 0777) && errno != EEXIST) {
        fprintf(stderr, "dagrun-generate: cannot make folder '%s': %s\n", s->out, strerror(errno));
        return 1;
    }
    for (int i = 0; i < TABLES; i++) {
        char path[PATH_SIZE];
        snprintf(path, sizeof path, "%s/%s.csv", s->out, table_names[i]);
        m.files[i] = fopen(path, "we");
        if (!m.files[i]) {
            fprintf(stderr, "dagrun-generate: cannot write '%s': %s\n", path, strerror(errno));
            return 1; /* what is open is closed with the process */
        }
        fprintf(m.files[i], "person_id,encounter_id,feature,value,unit,report_date%s\n", more[i]);
    }
    rng_init(&m.rng, s->seed);
    for (uint64_t i = 0; i < s->persons; i++)
        put_person(&m, i);
    for (int i = 0; i < TABLES; i++)
        if (ferror(m.files[i]) | fclose(m.files[i])) {
            fprintf(stderr, "dagrun-generate: cannot write %s.csv: %s\n", table_names[i], strerror(errno));
            failed = 1;
        }
    if (!failed)
        fprintf(stderr, "wrote %s: events of %" PRIu64 " persons\n", s->out, s->persons);
    return failed;
}

/* ---- the command line ---- */

static const char usage[] =
    "dagrun-generate medical: five raw tables of events per person, with what is wrong in real ones\n"
    "\n"
    "  dagrun-generate medical [--persons N] [--seed N] [--dirt SHARE] --out FOLDER\n"
    "\n"
    "  --persons N         how many (100)\n"
    "  --seed N            another seed, other files (1)\n"
    "  --dirt SHARE        share of damaged fields, 0 to 1 (0.04)\n"
    "\n"
    "Writes lifestyle.csv, rx.csv, conditions.csv, labs.csv and tests.csv.\n";

int generate_medical(int argc, char **argv)
{
    struct generate_options given = { .kind = "medical",
                                      .usage = usage,
                                      .numbers = { { "persons", 100, 100000000 } },
                                      .seed = 1,
                                      .dirt = 0.04 };
    int code = generate_read_options(&given, argc, argv);
    if (code >= 0)
        return code;
    struct settings o = {
        .persons = given.numbers[0].value, .seed = given.seed, .dirt = given.dirt, .out = given.out
    };
    return write_files(&o);
}
