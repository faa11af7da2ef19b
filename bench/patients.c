/* patients.c - dagrun-generate patients: patients and their cases, with what is wrong in real
 * ones. The same options and seed give the same bytes everywhere. Nobody in it exists.
 *
 *     FOLDER/patients.csv    as exported
 *     FOLDER/cases.ndjson    a case on each line, with its notes and tags, and some with more arrays
 *
 * A patient or a case is drawn by a generator of its own, seeded by its number, so that each
 * of its versions can be written wherever the shuffled order of the file has it. */
#include "generate.h"
#include "random.h"
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_SIZE = 4096, FIRST_YEAR = 2022, YEARS = 2, VERSIONS = 3 };

struct options {
    uint64_t patients, cases, seed;
    double dirt;
    const char *out;
};
/* One line of a file: a version of a patient or a case. */
struct line {
    uint32_t number, version;
};
struct lines {
    struct line *list;
    uint64_t n;
};

#define PICK(rng, list) (list)[below((rng), sizeof(list) / sizeof((list)[0]))]

static bool chance(struct rng *r, double share)
{
    return (double)(rng_next(r) >> 32) < share * 4294967296.0;
}

/* What is drawn from this is the same for a number, whatever was drawn for others. */
static void begin(struct rng *r, uint64_t seed, uint64_t what, uint64_t number)
{
    rng_init(r, seed * UINT64_C(0x9E3779B97F4A7C15) + what * UINT64_C(0xD1B54A32D192ED03) + number);
}
enum what { PATIENT = 1, PATIENT_VERSION, PATIENT_ORDER, CASE, CASE_VERSION, CASE_ORDER, CASE_MORE };

/* ---- values ---- */

static void put_key(FILE *out, uint64_t seed, enum what what, uint64_t number)
{
    struct rng r;
    begin(&r, seed, what + 100, number);
    uint64_t a = rng_next(&r), b = rng_next(&r);
    fprintf(out, "%08" PRIx64 "-%04" PRIx64 "-4%03" PRIx64 "-a%03" PRIx64 "-%012" PRIx64, a >> 32,
            a >> 16 & 0xffff, a & 0xfff, b >> 52, b & UINT64_C(0xffffffffffff));
}

/* Days are within 1 to 28, so that a month can follow and every date exists. */
struct moment {
    uint32_t year, month, day, hour, minute, second;
};
static struct moment draw_moment(struct rng *r)
{
    struct moment m; /* one after the other: the order within a list of initializers is the compiler's */
    m.year = FIRST_YEAR + below(r, YEARS);
    m.month = 1 + below(r, 12);
    m.day = 1 + below(r, 28);
    m.hour = below(r, 24);
    m.minute = below(r, 60);
    m.second = below(r, 60);
    return m;
}
static struct moment months_later(struct moment m, uint32_t months)
{
    uint32_t sum = m.month - 1 + months;
    m.year += sum / 12;
    m.month = sum % 12 + 1;
    return m;
}
static void put_moment(FILE *out, struct moment m, char between)
{
    fprintf(out, "%04u-%02u-%02u%c%02u:%02u:%02u", m.year, m.month, m.day, between, m.hour, m.minute,
            m.second);
}

/* ---- patients ---- */

static const char *const given_names[] = {
    "Ada",  "Bruno", "Cleo", "Dario", "Elin", "Farid", "Greta", "Hugo",
    "Ines", "Jonas", "Kaya", "Liam",  "Mina", "Nils",  "Olga",  "Pavel"
};
static const char *const family_names[] = { "Alder",  "Birch",  "Cedar",   "Dogwood", "Elm",   "Fir",
                                            "Ginkgo", "Hazel",  "Iron",    "Juniper", "Larch", "Maple",
                                            "Oak",    "Poplar", "Rowan's", "Spruce" };
static const char *const cities[] = { "Ashford", "Brook Falls", "Cold Harbor", "Dunmore", "East Willow" };
static const char *const states[] = { "Maine", "Vermont", "New Jersey", "Nevada", "Iowa" };
static const char *const countries[] = { "United States", "Canada", "Korea", "Cote d'Ivoire" };

static void put_email(struct rng *r, FILE *out, const char *given, const char *family, uint64_t number)
{
    uint32_t kind = below(r, 100);
    if (kind == 0)
        return;
    if (kind == 1)
        fputs("test@test", out);
    else if (kind < 9) /* a household's */
        fprintf(out, "family.%.3s@example.org", family);
    else
        fprintf(out, "%s.%.3s%" PRIu64 "@example.%s", given, family, number, below(r, 2) ? "com" : "net");
}

static void put_birth_date(struct rng *r, FILE *out, bool spoiled)
{
    uint32_t kind = below(r, 100), year = 1930 + below(r, 92), month = 1 + below(r, 12),
             day = 1 + below(r, 28);
    if (spoiled)
        fputs(PICK(r, ((const char *const[]){ "1985-02-30", "13/45/1990", "unknown", "2091-07-04" })), out);
    else if (kind < 10)
        fputs("2025-01-01", out);
    else if (kind >= 18) /* 8 in 100 have none */
        fprintf(out, "%04u-%02u-%02u", year, month, day);
}

static void put_address(struct rng *r, FILE *out)
{
    fprintf(out, "+1-555-%04u,", below(r, 10000));
    uint32_t house = 1 + below(r, 9999);
    const char *street = PICK(r, family_names);
    if (below(r, 4) == 0)
        fprintf(out, "\"%u %s Road, Apt. %u\",", house, street, 1 + below(r, 90));
    else
        fprintf(out, "%u %s Street,", house, street);
    const char *city = PICK(r, cities), *state = PICK(r, states);
    fprintf(out, "%s,%s,", city, state);
    fprintf(out, "%05u", below(r, below(r, 4) ? 100000 : 10000)); /* many begin with 0 */
    if (below(r, 20) == 0)
        fprintf(out, "-%04u", below(r, 10000));
    putc(',', out);
    fprintf(out, "%s,", PICK(r, countries));
}

/* A version other than the first has another address. */
static void put_patient(const struct options *o, FILE *out, struct line line)
{
    struct rng r, changed;
    begin(&r, o->seed, PATIENT, line.number);
    begin(&changed, o->seed, PATIENT_VERSION, (uint64_t)line.number * VERSIONS + line.version);
    struct moment m = draw_moment(&r);
    const char *given = PICK(&r, given_names), *family = PICK(&r, family_names);
    uint32_t damage = chance(&r, o->dirt) ? 1 + below(&r, 4) : 0;
    if (damage != 1)
        put_key(out, o->seed, PATIENT, line.number);
    fprintf(out, ",%s%s %s%s,", damage == 4 ? "  " : "", given, family, damage == 4 ? " " : "");
    put_email(&r, out, given, family, line.number);
    putc(',', out);
    put_address(&changed, out);
    put_birth_date(&r, out, damage == 2);
    putc(',', out);
    if (damage == 3)
        fputs(below(&r, 2) ? "yesterday" : "", out);
    else
        put_moment(out, months_later(m, line.version), ' ');
    putc('\n', out);
}

/* ---- cases ---- */

enum damage {
    DAMAGE_NONE,
    DAMAGE_NO_ID,
    DAMAGE_NO_VERSION,
    DAMAGE_TYPE,
    DAMAGE_TIME,
    DAMAGE_CLOSED_EARLY,
    DAMAGE_NO_CLOSING_TIME,
    DAMAGE_OPEN_WITH_TIME,
    DAMAGE_CLOSED_WORD,
    DAMAGE_NOTES_NO_ARRAY,
    DAMAGES
};

static void put_patient_of(const struct options *o, struct rng *r, FILE *out)
{
    uint32_t kind = below(r, 100);
    fputs(", \"patient_id\": ", out);
    if (kind == 0 || o->patients == 0) {
        fputs("null", out);
        return;
    }
    putc('"', out); /* 3 in 100 are of patients that the file does not have; a few patients have many cases */
    uint64_t number = below(r, below(r, 3) ? (uint32_t)o->patients : 1 + (uint32_t)o->patients / 20);
    put_key(out, o->seed, PATIENT, kind < 4 ? o->patients + below(r, 50) : number);
    putc('"', out);
}

static void put_closing(struct rng *r, FILE *out, struct moment opened, bool closed, enum damage damage)
{
    static const char *const reasons[] = { "resolved", "referred", "no answer", "duplicate",
                                           "patient's \\\"wish\\\"" };
    struct moment end = months_later(opened, below(r, 3));
    end.day += end.day < 28 ? 1 : 0;
    end.hour = 23;
    if (damage == DAMAGE_CLOSED_EARLY)
        end.year = opened.year - 1;
    closed = closed || damage == DAMAGE_NO_CLOSING_TIME || damage == DAMAGE_CLOSED_EARLY;
    bool with_time = damage == DAMAGE_OPEN_WITH_TIME || (closed && damage != DAMAGE_NO_CLOSING_TIME);
    closed = closed && damage != DAMAGE_OPEN_WITH_TIME;
    const char *word = closed ? "true" : "false";
    fprintf(out, ", \"case_closed\": %s, \"case_closed_datetime\": ",
            damage == DAMAGE_CLOSED_WORD ? "\"maybe\"" : word);
    if (with_time) {
        putc('"', out);
        put_moment(out, end, ' ');
        putc('"', out);
    } else {
        fputs("null", out);
    }
    if (closed)
        fprintf(out, ", \"case_closed_reason\": \"%s\"", PICK(r, reasons));
    else
        fputs(", \"case_closed_reason\": null", out);
}

static void put_arrays(struct rng *r, FILE *out, struct moment m, enum damage damage)
{
    static const char *const texts[] = { "called back", "sent to the pharmacy", "caf\xc3\xa9, then rest",
                                         "no answer" };
    static const char *const tags[] = { "urgent", "remote", "follow-up", "interpreter" };
    if (damage == DAMAGE_NOTES_NO_ARRAY) {
        fputs(", \"notes\": \"one note, not in a list\"", out);
    } else {
        fputs(", \"notes\": [", out);
        for (uint32_t i = 0, n = below(r, 4); i < n; i++) {
            fprintf(out, "%s{\"at\": \"", i ? ", " : "");
            put_moment(out, months_later(m, i), 'T');
            const char *author = PICK(r, given_names);
            fprintf(out, "\", \"author\": \"%s\", \"text\": \"%s\"}", author, PICK(r, texts));
        }
        putc(']', out);
    }
    uint32_t n = below(r, 4);
    if (n == 3) /* some have no such member */
        return;
    fputs(", \"tags\": [", out);
    for (uint32_t i = 0; i < n; i++)
        fprintf(out, "%s\"%s\"", i ? ", " : "", PICK(r, tags));
    putc(']', out);
}

/* Arrays that no one declared, in three of sixteen versions. */
static void put_undeclared(struct rng *r, FILE *out)
{
    static const char *const sides[] = { "left", "right", "upper" };
    uint32_t kind = below(r, 16), n = below(r, 3), pages = 1 + below(r, 9);
    if (kind == 0) {
        fputs(", \"attachments\": [", out);
        for (uint32_t i = 0; i <= n; i++)
            fprintf(out, "%s{\"file\": \"scan-%u.pdf\", \"pages\": %u, \"marks\": [\"%s\"]}", i ? ", " : "",
                    i + 1, pages + i, sides[i]);
        putc(']', out);
    } else if (kind == 1) {
        fputs(", \"contact\": {\"preferred\": \"phone\", \"phones\": [", out);
        for (uint32_t i = 0; i < n; i++)
            fprintf(out, "%s\"+1-555-%04u\"", i ? ", " : "", pages * 100 + i);
        fputs("]}", out);
    } else if (kind == 2) {
        fprintf(out, ", \"scores\": [%u, %u.50, null, [%u, %u]]", pages, n, n, pages);
    }
}

static void put_case_head(const struct options *o, FILE *out, struct line line, enum damage damage,
                          uint32_t type)
{
    fputs("{\"case_id\": ", out);
    if (damage == DAMAGE_NO_ID) {
        fputs("null", out);
    } else {
        putc('"', out);
        put_key(out, o->seed, CASE, line.number);
        putc('"', out);
    }
    fprintf(out, ", \"case_type\": %u", damage == DAMAGE_TYPE ? 9 : 1 + type);
}

/* Later versions are closed more often, and have other notes and tags. */
static void put_case(const struct options *o, FILE *out, struct line line)
{
    struct rng r, changed, more;
    uint64_t version = (uint64_t)line.number * VERSIONS + line.version;
    begin(&r, o->seed, CASE, line.number);
    begin(&changed, o->seed, CASE_VERSION, version);
    begin(&more, o->seed, CASE_MORE, version);
    struct moment m = draw_moment(&r);
    enum damage damage = chance(&r, o->dirt) ? (enum damage)(1 + below(&r, DAMAGES - 1)) : DAMAGE_NONE;
    put_case_head(o, out, line, damage, below(&r, 3));
    put_patient_of(o, &r, out);
    if (damage == DAMAGE_TIME) {
        fputs(", \"case_datetime\": \"2023-02-31 10:00:00\"", out);
    } else {
        fputs(", \"case_datetime\": \"", out);
        put_moment(out, m, ' ');
        putc('"', out);
    }
    put_closing(&changed, out, m, below(&changed, 10) < 4 + 3 * line.version, damage);
    if (damage == DAMAGE_NO_VERSION) {
        fputs(", \"updated_at\": null", out);
    } else {
        fputs(", \"updated_at\": \"", out);
        put_moment(out, months_later(m, line.version), ' ');
        putc('"', out);
    }
    put_arrays(&changed, out, m, damage);
    put_undeclared(&more, out);
    fputs("}\n", out);
}

/* ---- files ---- */

/* One in ten comes in several versions, one in fifty twice word for word; in any order. */
static bool draw_lines(struct lines *ret, uint64_t n, uint64_t seed, enum what what)
{
    struct rng r;
    begin(&r, seed, what, 0);
    *ret = (struct lines){ .list = malloc((n + 1) * (VERSIONS + 1) * sizeof *ret->list) };
    if (!ret->list)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t versions = below(&r, 10) ? 1 : 2 + below(&r, VERSIONS - 1);
        for (uint32_t v = 0; v < versions; v++)
            ret->list[ret->n++] = (struct line){ i, v };
        if (below(&r, 50) == 0)
            ret->list[ret->n++] = (struct line){ i, 0 };
    }
    for (uint64_t i = ret->n; i > 1; i--) {
        uint64_t j = below(&r, (uint32_t)i);
        struct line swapped = ret->list[i - 1];
        ret->list[i - 1] = ret->list[j];
        ret->list[j] = swapped;
    }
    return true;
}

static int complain(const char *doing, const char *name)
{
    fprintf(stderr, "dagrun-generate: cannot %s '%s': %s\n", doing, name, strerror(errno));
    return 1;
}

typedef void put_line(const struct options *o, FILE *out, struct line line);

static int write_file(const struct options *o, const char *name, const char *header, uint64_t n,
                      enum what order, put_line *put)
{
    char path[PATH_SIZE];
    struct lines lines;
    snprintf(path, sizeof path, "%s/%s", o->out, name);
    FILE *out = fopen(path, "we");
    if (!out)
        return complain("write", path);
    if (!draw_lines(&lines, n, o->seed, order)) {
        fclose(out);
        return complain("make", path);
    }
    fputs(header, out);
    for (uint64_t i = 0; i < lines.n; i++)
        put(o, out, lines.list[i]);
    free(lines.list);
    bool failed = ferror(out);
    if (fclose(out) || failed)
        return complain("write", path);
    fprintf(stderr, "wrote %s: %" PRIu64 " records\n", path, lines.n);
    return 0;
}

static int write_files(const struct options *o)
{
    if (mkdir(o->out, 0777) && errno != EEXIST)
        return complain("make folder", o->out);
    return write_file(o, "patients.csv",
                      "patient_id,patient_name,patient_email,patient_phone,patient_address,patient_city,"
                      "patient_state,"
                      "patient_zip,patient_country,patient_date_of_birth,updated_at\n",
                      o->patients, PATIENT_ORDER, put_patient) ||
           write_file(o, "cases.ndjson", "", o->cases, CASE_ORDER, put_case);
}

/* ---- the command line ---- */

static const char usage[] =
    "dagrun-generate patients: patients and their cases, with what is wrong in real ones\n"
    "\n"
    "  dagrun-generate patients [--patients N] [--cases N] [--seed N] [--dirt SHARE] --out FOLDER\n"
    "\n"
    "  --patients N        patients; one in ten comes in several versions (200)\n"
    "  --cases N           cases, likewise (500)\n"
    "  --seed N            another seed, other files (1)\n"
    "  --dirt SHARE        share of damaged records, 0 to 1 (0.03). Placeholders, blanks, shared\n"
    "                      e-mail addresses and cases of unknown patients are always there\n"
    "\n"
    "Writes patients.csv and cases.ndjson.\n";

int generate_patients(int argc, char **argv)
{
    struct generate_options given = { .kind = "patients",
                                      .usage = usage,
                                      .numbers = { { "patients", 200, 100000000 },
                                                   { "cases", 500, 1000000000 } },
                                      .seed = 1,
                                      .dirt = 0.03 };
    int code = generate_read_options(&given, argc, argv);
    if (code >= 0)
        return code;
    struct options o = { .patients = given.numbers[0].value,
                         .cases = given.numbers[1].value,
                         .seed = given.seed,
                         .dirt = given.dirt,
                         .out = given.out };
    return write_files(&o);
}
