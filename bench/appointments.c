/* appointments.c - dagrun-generate appointments: a practice management system's appointments
 * and a vendor's office settings, with what is wrong in real ones. The same options and
 * seed give the same bytes everywhere.
 *
 *     FOLDER/appointments.csv        as exported: some records twice, some in two versions
 *     FOLDER/office_settings.json    practices > offices > departments
 *     FOLDER/appointments.jsonl      as the system's REST interface has them: each appointment
 *                                    once, in its last version
 *
 * Departments are numbered within their practice, so the same numbers mean different
 * departments in different practices. */
#include "generate.h"
#include "random.h"
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    PRACTICES = 6,
    OFFICES = 4,
    DEPARTMENTS_OF_OFFICE = 3,
    FIRST_YEAR = 2023,
    YEARS = 2,
    PATH_SIZE = 4096
};

struct options {
    uint64_t rows, seed;
    double dirt;
    const char *out;
};
struct generator {
    struct rng rng;
    FILE *csv, *jsonl;
    uint32_t damaged; /* share of damaged records, of 2^32 */
    uint32_t promised;
    uint64_t written;
};

#define PICK(g, list) (list)[below(&(g)->rng, sizeof(list) / sizeof((list)[0]))]

/* ---- office settings ---- */

/* What is wrong with an office or its departments; each comes once, in the first offices. */
enum trouble {
    TROUBLE_NONE,
    TROUBLE_SET_UP_TWICE,    /* its first department is the last office's too, later */
    TROUBLE_NOT_LAUNCHED,    /* "launched_date": null */
    TROUBLE_LAUNCH_MISSING,  /* no such key */
    TROUBLE_BEFORE_LAUNCH,   /* disabled before launched */
    TROUBLE_NO_DEPARTMENTS,  /* "departments": null */
    TROUBLE_DEPARTMENT_NULL, /* a department without a number */
    TROUBLE_OTHER_PRACTICE,  /* a department names another practice */
    TROUBLE_TWICE_IN_OFFICE,
    TROUBLE_ID_AS_TEXT,
    TROUBLE_BAD_DATE,
    TROUBLE_DISABLED,
    TROUBLE_OVERLAPS, /* as set up twice, at the same time */
    TROUBLES
};

static void put_date(FILE *out, uint32_t year, uint32_t month, uint32_t day)
{
    fprintf(out, "\"%04u-%02u-%02u\"", year, month, day);
}

static void put_department(FILE *out, uint32_t practice, uint32_t number, enum trouble trouble)
{
    static const char *const names[] = { "Family Medicine", "Pediatrics", "Cardiology", "Dermatology",
                                         "Orthopedics",     "Neurology",  "Imaging",    "Laboratory" };
    if (trouble == TROUBLE_ID_AS_TEXT)
        fprintf(out, "{\"department_id\": \" 0%u \"", number);
    else if (trouble == TROUBLE_DEPARTMENT_NULL)
        fputs("{\"department_id\": null", out);
    else
        fprintf(out, "{\"department_id\": %u", number);
    if (trouble == TROUBLE_OTHER_PRACTICE)
        fprintf(out, ", \"practice_id\": %u", practice + 1);
    fprintf(out, ", \"name\": \"%s\"}", names[number % 8]);
}

static void put_departments(FILE *out, uint32_t practice, uint32_t office, enum trouble trouble)
{
    uint32_t first = office * DEPARTMENTS_OF_OFFICE + 1;
    if (trouble == TROUBLE_NO_DEPARTMENTS) {
        fputs("null", out);
        return;
    }
    fputs("[\n        ", out);
    for (uint32_t i = 0; i < DEPARTMENTS_OF_OFFICE; i++) {
        put_department(out, practice, first + i, i == 1 ? trouble : TROUBLE_NONE);
        fputs(i + 1 < DEPARTMENTS_OF_OFFICE ? ",\n        " : "", out);
    }
    if (trouble == TROUBLE_TWICE_IN_OFFICE || trouble == TROUBLE_SET_UP_TWICE ||
        trouble == TROUBLE_OVERLAPS) {
        fputs(",\n        ", out);
        put_department(out, practice, trouble == TROUBLE_TWICE_IN_OFFICE ? first : first - 1, TROUBLE_NONE);
    }
    fputs("]", out);
}

static void put_dates(struct generator *g, FILE *out, enum trouble trouble)
{
    uint32_t year = FIRST_YEAR + below(&g->rng, YEARS), month = 1 + below(&g->rng, 6),
             day = 1 + below(&g->rng, 28);
    if (trouble == TROUBLE_OVERLAPS)
        year = FIRST_YEAR;
    if (trouble == TROUBLE_LAUNCH_MISSING) {
        fputs("\"disabled_date\": null", out);
        return;
    }
    fputs("\"launched_date\": ", out);
    if (trouble == TROUBLE_NOT_LAUNCHED)
        fputs("null", out);
    else if (trouble == TROUBLE_BAD_DATE)
        fputs("\"soon\"", out);
    else
        put_date(out, year, month, day);
    fputs(", \"disabled_date\": ", out);
    if (trouble == TROUBLE_BEFORE_LAUNCH)
        put_date(out, year - 1, month, day);
    else if (trouble == TROUBLE_DISABLED)
        put_date(out, year, month + 5, day);
    else
        fputs("null", out);
}

static void put_office(struct generator *g, FILE *out, uint32_t practice, uint32_t office,
                       enum trouble trouble)
{
    static const char *const streets[] = { "Main Street",    "Harbor Road", "Mill Lane",
                                           "Station Square", "Park Avenue", "Church Hill" };
    static const char *const cities[] = { "Ashford", "Brookfield", "Clearwater", "Dunmore" };
    fprintf(out, "      {\"office_id\": %u, \"name\": \"%s, %s\",\n       ", practice * 10 + office + 1,
            PICK(g, streets), cities[office % 4]);
    put_dates(g, out, trouble);
    fputs(",\n       \"departments\": ", out);
    put_departments(out, practice, office, trouble);
    fputs("}", out);
}

static void put_settings(struct generator *g, FILE *out)
{
    static const char *const names[] = { "Harbor Family Medicine", "Lakeside Pediatrics",
                                         "Summit Cardiology",      "Valley Health Partners",
                                         "Northgate Specialists",  "Riverside Clinic" };
    uint32_t trouble = 1;
    fputs("{\n  \"practices\": [\n", out);
    for (uint32_t p = 0; p < PRACTICES; p++) {
        uint32_t id = 101 + p;
        fprintf(out,
                p == 3 ? "    {\"practice_id\": \"%u\", \"name\": \"%s\", \"offices\": [\n"
                       : "    {\"practice_id\": %u, \"name\": \"%s\", \"offices\": [\n",
                id, names[p]);
        for (uint32_t o = 0; p < PRACTICES - 1 && o < OFFICES; o++) {
            /* The first office of a practice is as it should be: the others lean on it. */
            put_office(g, out, id, o, o > 0 && trouble < TROUBLES ? (enum trouble)trouble++ : TROUBLE_NONE);
            fputs(o + 1 < OFFICES ? ",\n" : "\n", out);
        }
        fputs(p + 1 < PRACTICES ? "    ]},\n" : "    ]}\n", out);
    }
    fputs("  ]\n}\n", out);
}

/* ---- appointments ---- */

enum damage {
    DAMAGE_TWICE,
    DAMAGE_CHANGED, /* a later version follows */
    DAMAGE_CASE,
    DAMAGE_SPACES,
    DAMAGE_ODD_DATE,
    DAMAGE_IMPOSSIBLE_DATE,
    DAMAGE_NO_DATE,
    DAMAGE_NO_ID,
    DAMAGE_NO_DEPARTMENT,
    DAMAGE_ODD_DEPARTMENT,
    DAMAGE_NO_PATIENT,
    DAMAGE_QUOTED,
    DAMAGES
};

struct appointment {
    char id[16], practice[16], department[24], patient[16], date[24], time[8], type[48], status[8], state[16],
        modified[24];
};

static void draw_date(struct generator *g, char to[24])
{
    static const uint8_t days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    uint32_t month = below(&g->rng, 12);
    snprintf(to, 24, "%04u-%02u-%02u", FIRST_YEAR + below(&g->rng, YEARS), month + 1,
             1 + below(&g->rng, days[month]));
}

static void draw(struct generator *g, uint64_t number, struct appointment *a)
{
    static const char *const types[] = { "New Patient", "Follow Up", "Annual Physical", "Telehealth",
                                         "Procedure" };
    static const char *const statuses[] = { "3", "3", "3", "4", "4", "4", "2", "f", "x", "", "", "o" };
    static const char *const states[] = { "CLOSED", "CLOSED", "CLOSED",  "CLOSED", "OPEN",
                                          "OPEN",   "PEND",   "DELETED", "",       "" };
    /* Departments 1 to 12 may be set up; 13 to 15 never are. */
    snprintf(a->id, sizeof a->id, "%" PRIu64, 500000 + number);
    snprintf(a->practice, sizeof a->practice, "%u", 101 + below(&g->rng, PRACTICES));
    snprintf(a->department, sizeof a->department, "%u", 1 + below(&g->rng, 15));
    snprintf(a->patient, sizeof a->patient, "P%06u", below(&g->rng, 400000));
    draw_date(g, a->date);
    snprintf(a->time, sizeof a->time, "%02u:%02u", 8 + below(&g->rng, 9), 15 * below(&g->rng, 4));
    snprintf(a->type, sizeof a->type, "%s", PICK(g, types));
    snprintf(a->status, sizeof a->status, "%s", PICK(g, statuses));
    snprintf(a->state, sizeof a->state, "%s", PICK(g, states));
    snprintf(a->modified, sizeof a->modified, "%.10sT%.5s:00Z", a->date, a->time);
}

static void shout(char *s)
{
    for (; *s; s++)
        *s = (char)(*s >= 'a' && *s <= 'z' ? *s - 32 : *s >= 'A' && *s <= 'Z' ? *s + 32 : *s);
}

/* MM/DD/YYYY of YYYY-MM-DD */
static void turn_date(char date[24])
{
    char iso[24];
    memcpy(iso, date, sizeof iso);
    snprintf(date, 24, "%.2s/%.2s/%.4s", iso + 5, iso + 8, iso);
}

static void spoil(struct generator *g, enum damage damage, struct appointment *a)
{
    static const char *const impossible[] = { "2024-02-30", "2023-13-01", "0000-00-00", "pending" };
    static const char *const odd[] = { "MAIN", "-1", "99999999999999999999", "12.5" };
    switch (damage) {
    case DAMAGE_CASE:
        shout(a->status);
        shout(a->state);
        break;
    case DAMAGE_SPACES:
        snprintf(a->department, sizeof a->department, " %u ", 1 + below(&g->rng, 12));
        snprintf(a->status, sizeof a->status, " x");
        break;
    case DAMAGE_ODD_DATE:
        turn_date(a->date);
        break;
    case DAMAGE_IMPOSSIBLE_DATE:
        snprintf(a->date, sizeof a->date, "%s", PICK(g, impossible));
        break;
    case DAMAGE_NO_DATE:
        a->date[0] = 0;
        break;
    case DAMAGE_NO_DEPARTMENT:
        a->department[0] = 0;
        break;
    case DAMAGE_ODD_DEPARTMENT:
        snprintf(a->department, sizeof a->department, "%s", PICK(g, odd));
        break;
    case DAMAGE_NO_PATIENT:
        a->patient[0] = 0;
        break;
    case DAMAGE_QUOTED:
        snprintf(a->type, sizeof a->type, "Follow Up, \"urgent\"");
        break;
    default:
        break;
    }
}

static void put_csv(struct generator *g, const struct appointment *a)
{
    const char *const fields[] = { a->id,   a->practice, a->department, a->patient, a->date,
                                   a->time, a->type,     a->status,     a->state,   a->modified };
    for (int i = 0; i < 10; i++) {
        bool quoted = strpbrk(fields[i], ",\"") != NULL;
        fputs(i ? quoted ? ",\"" : "," : quoted ? "\"" : "", g->csv);
        for (const char *p = fields[i]; *p; p++) {
            if (*p == '"')
                fputc('"', g->csv);
            fputc(*p, g->csv);
        }
        fputs(quoted ? "\"" : "", g->csv);
    }
    fputc('\n', g->csv);
    g->written++;
}

static void put_member(FILE *out, const char *name, const char *value, bool number)
{
    fprintf(out, "\"%s\": ", name);
    if (!value[0]) {
        fputs("null", out);
        return;
    }
    fputs(number ? "" : "\"", out);
    for (const char *p = value; *p; p++)
        fprintf(out, *p == '"' ? "\\%c" : "%c", *p);
    fputs(number ? "" : "\"", out);
}

static void put_json(struct generator *g, const struct appointment *a)
{
    FILE *out = g->jsonl;
    bool number = a->department[0] && strspn(a->department, "0123456789") == strlen(a->department);
    fputc('{', out);
    put_member(out, "appointment_id", a->id, true);
    fputs(", ", out);
    put_member(out, "practice_id", a->practice, true);
    fputs(", ", out);
    put_member(out, "department_id", a->department, number);
    fputs(", ", out);
    put_member(out, "patient_id", a->patient, false);
    fputs(", ", out);
    put_member(out, "appointment_date", a->date, false);
    fputs(", ", out);
    put_member(out, "start_time", a->time, false);
    fputs(", ", out);
    put_member(out, "appointment_type", a->type, false);
    fputs(", ", out);
    put_member(out, "status", a->status, false);
    fputs(", ", out);
    put_member(out, "encounter_state", a->state, false);
    fputs(", ", out);
    put_member(out, "last_modified", a->modified, false);
    fputs("}\n", out);
}

/* The appointment again, a day later, with another status: the later record comes first in one of two. */
static void put_changed(struct generator *g, struct appointment *a)
{
    struct appointment later = *a;
    bool first = below(&g->rng, 2);
    snprintf(later.status, sizeof later.status, "%s", below(&g->rng, 2) ? "x" : "4");
    memcpy(later.modified, "2025-01-0", 9);
    later.modified[9] = (char)('1' + below(&g->rng, 9));
    put_csv(g, first ? &later : a);
    put_csv(g, first ? a : &later);
    put_json(g, &later);
}

static void put_appointment(struct generator *g, uint64_t number)
{
    struct appointment a;
    draw(g, number, &a);
    if ((rng_next(&g->rng) >> 32) >= g->damaged) {
        put_csv(g, &a);
        put_json(g, &a);
        return;
    }
    enum damage damage =
        g->promised < DAMAGES ? (enum damage)g->promised++ : (enum damage)below(&g->rng, DAMAGES);
    spoil(g, damage, &a);
    if (damage == DAMAGE_CHANGED) {
        put_changed(g, &a);
        return;
    }
    if (damage == DAMAGE_NO_ID) /* a record that the interface, which has keys, does not have */
        a.id[0] = 0;
    else
        put_json(g, &a);
    put_csv(g, &a);
    if (damage == DAMAGE_TWICE)
        put_csv(g, &a);
}

/* ---- files ---- */

static FILE *create(const struct options *o, const char *name)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", o->out, name);
    FILE *out = fopen(path, "we");
    if (!out)
        fprintf(stderr, "dagrun-generate: cannot write '%s': %s\n", path, strerror(errno));
    return out;
}

static int finish(FILE *out, const char *name)
{
    if (!ferror(out) && fclose(out) == 0)
        return 0;
    fprintf(stderr, "dagrun-generate: cannot write %s: %s\n", name, strerror(errno));
    return 1;
}

static int write_files(const struct options *o)
{
    struct generator g = { .damaged = (uint32_t)(o->dirt * 4294967295.0) };
    if (mkdir(o->out, 0777) && errno != EEXIST) {
        fprintf(stderr, "dagrun-generate: cannot make folder '%s': %s\n", o->out, strerror(errno));
        return 1;
    }
    FILE *settings = create(o, "office_settings.json");
    g.csv = create(o, "appointments.csv");
    g.jsonl = create(o, "appointments.jsonl");
    if (!settings || !g.csv || !g.jsonl)
        return 1;
    rng_init(&g.rng, o->seed);
    put_settings(&g, settings);
    fputs("appointment_id,practice_id,department_id,patient_id,appointment_date,start_time,appointment_type,"
          "status,encounter_state,last_modified\n",
          g.csv);
    for (uint64_t number = 0; g.written < o->rows; number++)
        put_appointment(&g, number);
    int failed = finish(settings, "office_settings.json") | finish(g.csv, "appointments.csv") |
                 finish(g.jsonl, "appointments.jsonl");
    if (!failed)
        fprintf(stderr, "wrote %s: %" PRIu64 " records of appointments\n", o->out, g.written);
    return failed;
}

/* ---- the command line ---- */

static const char usage[] =
    "dagrun-generate appointments: appointments and office settings, with what is wrong in real ones\n"
    "\n"
    "  dagrun-generate appointments [--rows N] [--seed N] [--dirt SHARE] --out FOLDER\n"
    "\n"
    "  --rows N            records in appointments.csv, or one more (2000)\n"
    "  --seed N            another seed, other files (1)\n"
    "  --dirt SHARE        share of damaged records, 0 to 1 (0.06)\n"
    "\n"
    "Writes appointments.csv, office_settings.json, and appointments.jsonl: the records of a REST\n"
    "interface to the same appointments.\n";

int generate_appointments(int argc, char **argv)
{
    struct generate_options given = { .kind = "appointments",
                                      .usage = usage,
                                      .numbers = { { "rows", 2000, UINT64_C(1000000000) } },
                                      .seed = 1,
                                      .dirt = 0.06 };
    int code = generate_read_options(&given, argc, argv);
    if (code >= 0)
        return code;
    struct options o = {
        .rows = given.numbers[0].value, .seed = given.seed, .dirt = given.dirt, .out = given.out
    };
    return write_files(&o);
}
