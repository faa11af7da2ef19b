/* generate.c - dagrun-generate: hospital files for the sample, the tests and
 * the benchmarks. The same options and seed give the same bytes everywhere.
 *
 * Each record is drawn clean from a small model (a patient belongs to a
 * hospital, a measure has a mean and a spread, a month has a drift), and then, with
 * probability --dirt, damaged in one of the ways that real deliveries are; the
 * kinds of damage are enum dirt below. Structural damage (byte order
 * mark, CRLF, bad UTF-8, records too short or too long, quoted line breaks) is left out with
 * --structure clean, so that every reader can read the file. */
#include "random.h"
#include "generate.h"
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- what is measured ---- */

struct measure {
    const char *name, *unit;
    double mean, sd, low, high; /* low and high: the printed reference range of a laboratory */
    int decimals;
    const char *other_unit; /* a second unit in use, or NULL: value * factor + offset */
    double factor, offset;
    int other_decimals;
};

static const struct measure vital_signs[] = {
    { "heart_rate", "bpm", 76, 12, 0, 0, 0, NULL, 0, 0, 0 },
    { "systolic_bp", "mmHg", 126, 15, 0, 0, 0, NULL, 0, 0, 0 },
    { "diastolic_bp", "mmHg", 78, 9, 0, 0, 0, NULL, 0, 0, 0 },
    { "respiratory_rate", "breaths/min", 16, 2.4, 0, 0, 0, NULL, 0, 0, 0 },
    { "oxygen_saturation", "%", 96.6, 1.3, 0, 0, 0, NULL, 0, 0, 0 },
    { "temperature",
      "\xC2\xB0"
      "C",
      36.9, 0.45, 0, 0, 1,
      "\xC2\xB0"
      "F",
      1.8, 32, 1 },
    { "blood_glucose", "mg/dL", 108, 24, 0, 0, 0, "mmol/L", 1 / 18.0156, 0, 1 },
    { "weight", "kg", 76, 14, 0, 0, 1, "lb", 1 / 0.45359237, 0, 1 },
};
static const struct measure lab_tests[] = {
    { "glucose", "mg/dL", 96, 14, 70, 99, 0, "mmol/L", 1 / 18.0156, 0, 1 },
    { "hba1c", "%", 5.6, 0.7, 4.0, 5.6, 1, "mmol/mol", 10.9315, -23.524, 0 },
    { "creatinine", "mg/dL", 0.95, 0.2, 0.6, 1.3, 2, "umol/L", 88.4017, 0, 0 },
    { "sodium", "mmol/L", 140, 2.6, 135, 145, 0, "mEq/L", 1, 0, 0 },
    { "potassium", "mmol/L", 4.2, 0.4, 3.5, 5.1, 1, "mEq/L", 1, 0, 1 },
    { "hemoglobin", "g/dL", 14.0, 1.4, 12.0, 17.5, 1, "g/L", 10, 0, 0 },
    { "wbc", "10*3/uL", 7.0, 1.8, 4.0, 11.0, 1, NULL, 0, 0, 0 },
    { "platelets", "10*3/uL", 250, 55, 150, 400, 0, NULL, 0, 0, 0 },
    { "cholesterol_total", "mg/dL", 190, 34, 100, 200, 0, "mmol/L", 1 / 38.665, 0, 2 },
    { "triglycerides", "mg/dL", 120, 38, 0, 150, 0, "mmol/L", 1 / 88.54, 0, 2 },
    { "alt", "U/L", 26, 9, 7, 56, 0, NULL, 0, 0, 0 },
    { "bun", "mg/dL", 14, 4, 7, 20, 0, "mmol/L", 1 / 2.80134, 0, 1 },
};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum dirt {
    DIRT_MISSING,    /* the value or another field is empty or blank */
    DIRT_DUPLICATE,  /* an earlier record again, word for word */
    DIRT_CONFLICT,   /* an earlier key again, with another value */
    DIRT_OTHER_UNIT, /* another unit that is right: mmol/L, degrees Fahrenheit */
    DIRT_WRONG_UNIT, /* a unit that does not belong to the measure */
    DIRT_OUT_OF_RANGE,
    DIRT_NOT_A_NUMBER,
    DIRT_IMPOSSIBLE_DATE,
    DIRT_ODD_DATE, /* a real date in another format */
    DIRT_FUTURE_DATE,
    DIRT_UNKNOWN_TYPE,
    DIRT_UNKNOWN_HOSPITAL,
    DIRT_BAD_PATIENT,
    DIRT_SPACES_AND_CASE,
    DIRT_BROKEN_RANGE,     /* labs */
    DIRT_SWAPPED_PRESSURE, /* vitals: two records, diastolic above systolic */
    DIRT_QUOTED,           /* a quoted field with a comma in it */
    DIRT_STRUCTURAL,       /* from here on not with --structure clean */
    DIRT_BAD_UTF8 = DIRT_STRUCTURAL,
    DIRT_SHORT_RECORD,
    DIRT_LONG_RECORD,
    DIRT_QUOTED_LINE_BREAK,
    DIRT_KINDS
};

/* How often each kind comes among damaged records. */
static const uint8_t weights[DIRT_KINDS] = {
    [DIRT_MISSING] = 18,         [DIRT_DUPLICATE] = 14,       [DIRT_CONFLICT] = 8,
    [DIRT_OTHER_UNIT] = 20,      [DIRT_WRONG_UNIT] = 5,       [DIRT_OUT_OF_RANGE] = 12,
    [DIRT_NOT_A_NUMBER] = 6,     [DIRT_IMPOSSIBLE_DATE] = 5,  [DIRT_ODD_DATE] = 8,
    [DIRT_FUTURE_DATE] = 3,      [DIRT_UNKNOWN_TYPE] = 3,     [DIRT_UNKNOWN_HOSPITAL] = 3,
    [DIRT_BAD_PATIENT] = 3,      [DIRT_SPACES_AND_CASE] = 16, [DIRT_BROKEN_RANGE] = 8,
    [DIRT_SWAPPED_PRESSURE] = 3, [DIRT_QUOTED] = 2,           [DIRT_BAD_UTF8] = 1,
    [DIRT_SHORT_RECORD] = 2,     [DIRT_LONG_RECORD] = 2,      [DIRT_QUOTED_LINE_BREAK] = 1,
};

/* ---- one record ---- */

struct record {
    uint32_t patient, hospital;
    int16_t day; /* of the year, from 0 */
    uint8_t measure;
    bool other_unit;
    double value; /* in the unit written */
};

#define REMEMBERED 4096

struct generator {
    FILE *out;
    struct rng rng;
    bool is_labs, crlf;
    double dirt;
    int year, days;
    uint32_t patients, hospitals;
    uint32_t promised;   /* kinds of damage that came already, from the first */
    uint32_t kind_limit; /* DIRT_STRUCTURAL or DIRT_KINDS */
    uint32_t weight_sum;
    struct record seen[REMEMBERED];
    uint64_t n_seen;
    char days_text[366][11];
};

static const struct measure *measure_of(const struct generator *g, const struct record *r)
{
    return g->is_labs ? &lab_tests[r->measure] : &vital_signs[r->measure];
}

static double round_to(double v, int decimals)
{
    static const double power[] = { 1, 10, 100, 1000 };
    return floor(v * power[decimals] + 0.5) / power[decimals];
}

static void draw(struct generator *g, struct record *r)
{
    struct rng *rng = &g->rng;
    r->patient = below(rng, g->patients);
    r->hospital = below(rng, 10) ? r->patient % g->hospitals : below(rng, g->hospitals);
    r->day = (int16_t)below(rng, (uint32_t)g->days);
    r->measure = (uint8_t)below(rng, g->is_labs ? COUNT(lab_tests) : COUNT(vital_signs));
    r->other_unit = false;
    const struct measure *m = measure_of(g, r);
    /* A slow drift over the year and a small difference between hospitals, so
     * that monthly statistics have something to show. */
    double drift = 0.25 * m->sd * ((double)r->day / 366.0 - 0.5);
    double house = 0.08 * m->sd * ((double)(r->hospital % 5) - 2);
    double v = m->mean + drift + house + m->sd * normal(rng);
    if (v < 0.2 * m->mean)
        v = 0.2 * m->mean;
    if (strcmp(m->name, "oxygen_saturation") == 0 && v > 100)
        v = 100;
    r->value = round_to(v, m->decimals);
}

static void remember(struct generator *g, const struct record *r)
{
    if (g->n_seen < REMEMBERED)
        g->seen[g->n_seen] = *r;
    else if (below(&g->rng, 64) == 0)
        g->seen[below(&g->rng, REMEMBERED)] = *r;
    else
        return;
    g->n_seen++;
}

static const struct record *recall(struct generator *g)
{
    return &g->seen[below(&g->rng, g->n_seen < REMEMBERED ? (uint32_t)g->n_seen : REMEMBERED)];
}

/* Every kind once, in order, before chance decides: so that a small sample has them all. */
static bool next_promised(struct generator *g, enum dirt *ret)
{
    while (g->promised < g->kind_limit) {
        *ret = (enum dirt)g->promised++;
        if (*ret != (g->is_labs ? DIRT_SWAPPED_PRESSURE : DIRT_BROKEN_RANGE))
            return true;
    }
    return false;
}

static enum dirt draw_dirt(struct generator *g)
{
    enum dirt promised;
    if (next_promised(g, &promised))
        return promised;
    for (;;) {
        uint32_t x = below(&g->rng, g->weight_sum);
        uint32_t kind = 0;
        while (x >= weights[kind])
            x -= weights[kind++];
        bool fits = kind == DIRT_BROKEN_RANGE       ? g->is_labs
                    : kind == DIRT_SWAPPED_PRESSURE ? !g->is_labs
                                                    : true;
        if (fits)
            return (enum dirt)kind;
    }
}

/* ---- text of the fields ---- */

struct fields {
    char hospital[48], date[32], patient[48], type[64], value[48], range[48], unit[48];
};

/* v in decimal, at least `width` digits; returns the end. Ten million records
 * call this fifty million times, and snprintf would be most of the work. */
static char *put_digits(char *to, uint64_t v, int width)
{
    char digits[24];
    int n = 0;
    do {
        digits[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v || n < width);
    while (n)
        *to++ = digits[--n];
    *to = 0;
    return to;
}

/* 1e12 at most, so that it fits any field. */
static void number_text(char *to, double v, int decimals)
{
    static const int64_t power[] = { 1, 10, 100, 1000 };
    int64_t scaled = (int64_t)floor(fabs(v) * (double)power[decimals] + 0.5);
    if (v < 0 && scaled)
        *to++ = '-';
    to = put_digits(to, (uint64_t)(scaled / power[decimals]), 1);
    if (decimals) {
        *to++ = '.';
        put_digits(to, (uint64_t)(scaled % power[decimals]), decimals);
    }
}

static void spell(const struct generator *g, const struct record *r, struct fields *f)
{
    const struct measure *m = measure_of(g, r);
    int decimals = r->other_unit ? m->other_decimals : m->decimals;
    memcpy(f->hospital, "HOSP", 4);
    put_digits(f->hospital + 4, r->hospital + 1, 3);
    memcpy(f->date, g->days_text[r->day], 11);
    f->patient[0] = 'P';
    put_digits(f->patient + 1, r->patient, 5);
    strcpy(f->type, m->name);
    number_text(f->value, r->value, decimals);
    strcpy(f->unit, r->other_unit ? m->other_unit : m->unit);
    f->range[0] = 0;
    if (!g->is_labs)
        return;
    char low[24], high[24];
    double factor = r->other_unit ? m->factor : 1, offset = r->other_unit ? m->offset : 0;
    number_text(low, m->low * factor + offset, decimals);
    number_text(high, m->high * factor + offset, decimals);
    if (m->low > 0)
        snprintf(f->range, sizeof f->range, "%.20s-%.20s", low, high);
    else
        snprintf(f->range, sizeof f->range, "<%s", high);
}

static void change_case(char *s, struct rng *rng)
{
    bool all = below(rng, 2);
    for (size_t i = 0; s[i]; i++)
        if (s[i] >= 'a' && s[i] <= 'z' && (all || i == 0))
            s[i] = (char)(s[i] - 'a' + 'A');
}

static void add_spaces(char *s, size_t size, struct rng *rng)
{
    char copy[48];
    snprintf(copy, sizeof copy, "%s", s);
    snprintf(s, size, "%s%s%s", below(rng, 2) ? " " : "", copy, below(rng, 2) ? "  " : " ");
}

static void odd_date(const struct generator *g, const struct record *r, struct rng *rng, char *to,
                     size_t size)
{
    static const char *const names[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    const char *iso = g->days_text[r->day];
    int month = (iso[5] - '0') * 10 + iso[6] - '0', day = (iso[8] - '0') * 10 + iso[9] - '0';
    switch (below(rng, 3)) {
    case 0:
        snprintf(to, size, "%02d.%02d.%04d", day, month, g->year);
        break;
    case 1:
        snprintf(to, size, "%02d-%s-%04d", day, names[month - 1], g->year);
        break;
    default:
        snprintf(to, size, "%04d%02d%02d", g->year, month, day);
    }
}

static void spoil_one_of(struct generator *g, const char *const *texts, uint32_t n, char *field, size_t size)
{
    snprintf(field, size, "%s", texts[below(&g->rng, n)]);
}

static void spoil_missing(struct generator *g, struct fields *f)
{
    static const char *const blank[] = { "", "", "", "  ", "NULL", "N/A" };
    char *const field[] = { f->value, f->value, f->value, f->unit, f->patient, f->date };
    char *chosen = field[below(&g->rng, COUNT(field))];
    snprintf(chosen, 8, "%s", blank[below(&g->rng, COUNT(blank))]);
}

static void spoil_range(struct generator *g, const struct record *r, struct fields *f)
{
    const struct measure *m = measure_of(g, r);
    switch (below(&g->rng, 4)) {
    case 0:
        snprintf(f->range, sizeof f->range, "%g-%g", m->high, m->low); /* the wrong way round */
        break;
    case 1:
        snprintf(f->range, sizeof f->range, "see note");
        break;
    case 2:
        f->range[0] = 0;
        break;
    default:
        snprintf(f->range, sizeof f->range, "%g-", m->low);
    }
}

/* Damage that only changes a field's text. */
static void spoil_text(struct generator *g, enum dirt kind, const struct record *r, struct fields *f)
{
    static const char *const wrong_units[] = { "furlong", "mg", "??", "units" };
    static const char *const not_numbers[] = { "error", "12O", "see chart", "1.2.3", "-", "7,4x" };
    static const char *const impossible[] = { "2024-13-45", "2024-02-30", "not-a-date", "0000-00-00" };
    static const char *const types[] = { "shoe_size", "heart rhythm", "unknown", "bp" };
    static const char *const hospitals[] = { "HOSP999", "CLINIC7", "H", "TEST" };
    static const char *const patients[] = { "P12", "12345", "PX1234", "Doe, J" };
#define ONE_OF(texts, field) spoil_one_of(g, texts, COUNT(texts), f->field, sizeof f->field)
    switch (kind) {
    case DIRT_MISSING:
        spoil_missing(g, f);
        break;
    case DIRT_WRONG_UNIT:
        ONE_OF(wrong_units, unit);
        break;
    case DIRT_NOT_A_NUMBER:
        ONE_OF(not_numbers, value);
        break;
    case DIRT_IMPOSSIBLE_DATE:
        ONE_OF(impossible, date);
        break;
    case DIRT_ODD_DATE:
        odd_date(g, r, &g->rng, f->date, sizeof f->date);
        break;
    case DIRT_FUTURE_DATE:
        snprintf(f->date, sizeof f->date, "%d-%s", g->year + 75, g->days_text[r->day % 28] + 5);
        break;
    case DIRT_UNKNOWN_TYPE:
        ONE_OF(types, type);
        break;
    case DIRT_UNKNOWN_HOSPITAL:
        ONE_OF(hospitals, hospital);
        break;
    case DIRT_BAD_PATIENT:
        ONE_OF(patients, patient);
        break;
    case DIRT_SPACES_AND_CASE:
        change_case(f->type, &g->rng);
        add_spaces(f->type, sizeof f->type, &g->rng);
        if (below(&g->rng, 2))
            add_spaces(f->value, sizeof f->value, &g->rng);
        if (below(&g->rng, 2))
            change_case(f->unit, &g->rng);
        if (below(&g->rng, 3) == 0)
            f->hospital[0] = 'h';
        break;
    case DIRT_BROKEN_RANGE:
        spoil_range(g, r, f);
        break;
    case DIRT_QUOTED:
        snprintf(f->unit, sizeof f->unit, "see note, %s", below(&g->rng, 2) ? "\"field 7\"" : "page 2");
        break;
    case DIRT_QUOTED_LINE_BREAK:
        snprintf(f->unit, sizeof f->unit, "unit\nunknown");
        break;
    case DIRT_BAD_UTF8:
        snprintf(f->unit, sizeof f->unit, "\xB0%s", "C"); /* Latin-1 degree sign */
        break;
    default:
        break;
    }
#undef ONE_OF
}

/* ---- writing ---- */

static void put_field(FILE *out, const char *s)
{
    if (!strpbrk(s, ",\"\n\r")) {
        fputs_unlocked(s, out);
        return;
    }
    putc_unlocked('"', out);
    for (; *s; s++) {
        if (*s == '"')
            putc_unlocked('"', out);
        putc_unlocked(*s, out);
    }
    putc_unlocked('"', out);
}

static void end_line(struct generator *g)
{
    if (g->crlf)
        putc_unlocked('\r', g->out);
    putc_unlocked('\n', g->out);
}

static void put_fields(struct generator *g, const struct fields *f, int first_missing, bool extra)
{
    const char *const text[] = { f->hospital, f->date, f->patient, f->type, f->value, f->range, f->unit };
    bool first = true;
    for (int i = 0; i < 7; i++) {
        if ((i == 5 && !g->is_labs) || i >= first_missing)
            continue;
        if (!first)
            putc_unlocked(',', g->out);
        first = false;
        put_field(g->out, text[i]);
    }
    if (extra)
        fputs_unlocked(",surplus", g->out);
    end_line(g);
}

static void put_record(struct generator *g, const struct record *r)
{
    struct fields f;
    spell(g, r, &f);
    put_fields(g, &f, 7, false);
}

static void put_swapped_pressure(struct generator *g, struct record *r)
{
    r->measure = 1;
    r->value = 72;
    put_record(g, r);
    r->measure = 2;
    r->value = 118;
    put_record(g, r);
}

/* Records written: 1, or 2 for a pair. */
static int put_damaged(struct generator *g, struct record *r)
{
    enum dirt kind = draw_dirt(g);
    const struct measure *m;
    struct fields f;
    switch (kind) {
    case DIRT_DUPLICATE:
    case DIRT_CONFLICT:
        if (g->n_seen == 0)
            break;
        *r = *recall(g);
        if (kind == DIRT_CONFLICT)
            r->value += 3;
        break;
    case DIRT_OTHER_UNIT:
        while (!measure_of(g, r)->other_unit)
            draw(g, r);
        m = measure_of(g, r);
        r->other_unit = true;
        r->value = round_to(r->value * m->factor + m->offset, m->other_decimals);
        break;
    case DIRT_OUT_OF_RANGE:
        r->value = below(&g->rng, 2) ? -(double)(1 + below(&g->rng, 50)) : 2000 + below(&g->rng, 9000);
        break;
    case DIRT_SWAPPED_PRESSURE:
        put_swapped_pressure(g, r);
        return 2;
    case DIRT_SHORT_RECORD:
    case DIRT_LONG_RECORD:
        spell(g, r, &f);
        put_fields(g, &f, kind == DIRT_SHORT_RECORD ? 4 : 7, kind == DIRT_LONG_RECORD);
        return 1;
    default:
        spell(g, r, &f);
        spoil_text(g, kind, r, &f);
        put_fields(g, &f, 7, false);
        return 1;
    }
    put_record(g, r);
    return 1;
}

/* "YYYY-MM-DD" */
static void put_date(char to[11], unsigned year, unsigned month, unsigned day)
{
    snprintf(to, 11, "%04u-%02u-%02u", year % 10000, month % 100, day % 100);
}

static void prepare_days(struct generator *g)
{
    static const int month_days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (g->year % 4 == 0 && g->year % 100 != 0) || g->year % 400 == 0;
    g->days = 0;
    for (int m = 0; m < 12; m++)
        for (int d = 1; d <= month_days[m] + (m == 1 && leap); d++)
            put_date(g->days_text[g->days++], (unsigned)g->year, (unsigned)m + 1, (unsigned)d);
}

static void generate(struct generator *g, uint64_t rows, uint64_t seed, bool structural)
{
    rng_init(&g->rng, seed * 2 + g->is_labs);
    prepare_days(g);
    g->kind_limit = structural ? DIRT_KINDS : DIRT_STRUCTURAL;
    g->weight_sum = 0;
    for (uint32_t i = 0; i < g->kind_limit; i++)
        g->weight_sum += weights[i];
    g->n_seen = 0;
    g->promised = 0;
    g->crlf = structural && g->is_labs; /* one hospital group runs Windows */
    if (structural && !g->is_labs)
        fputs("\xEF\xBB\xBF", g->out);
    fputs(g->is_labs ? "hospital_id,test_date,patient_id,test_type,result_value,reference_range,unit"
                     : "hospital_id,measurement_date,patient_id,vital_type,value,unit",
          g->out);
    end_line(g);
    uint64_t threshold = (uint64_t)(g->dirt * 4294967296.0);
    for (uint64_t i = 0; i < rows;) {
        struct record r;
        draw(g, &r);
        if ((rng_next(&g->rng) >> 32) < threshold) {
            i += (uint64_t)put_damaged(g, &r);
        } else {
            put_record(g, &r);
            remember(g, &r);
            i++;
        }
    }
}

/* ---- the command line ---- */

static const char usage[] =
    "dagrun-generate: hospital data with every kind of dirt, the same for the same seed\n"
    "\n"
    "  dagrun-generate [--rows N] [--seed N] [--dirt SHARE] --out FOLDER\n"
    "  dagrun-generate --kind vitals|labs [--rows N] ... > FILE\n"
    "  dagrun-generate appointments --help: the data of appointment_utilization\n"
    "  dagrun-generate patients --help: the data of patient_cases\n"
    "  dagrun-generate medical --help: the data of medical_records\n"
    "\n"
    "  --rows N            records in each file (1000)\n"
    "  --seed N            another seed, another file (1)\n"
    "  --dirt SHARE        share of damaged records, 0 to 1 (0.08)\n"
    "  --structure MODE    dirty (default): also BOM, CRLF, bad UTF-8, records too short\n"
    "                      or too long; clean: damage in values only\n"
    "  --kind KIND         write only vitals or labs, to standard output\n"
    "  --out FOLDER        write vitals_YEAR.csv and lab_results_YEAR.csv there\n"
    "  --year YEAR         of all dates (2024)\n"
    "  --hospitals N       (5)      --patients N   (200, or rows / 50 where that is more)\n"
    "\n"
    "Example: dagrun-generate --rows 1000 --seed 7 --out data\n";

struct settings {
    uint64_t rows, seed, patients, hospitals;
    double dirt;
    int year;
    bool structural;
    const char *kind, *out;
};

static bool parse_count(const char *text, uint64_t low, uint64_t high, uint64_t *ret)
{
    char *end;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (errno || end == text || *end || text[0] == '-' || v < low || v > high)
        return false;
    *ret = v;
    return true;
}

static bool parse_share(const char *text, double *ret)
{
    char *end;
    double v = strtod(text, &end);
    if (end == text || *end || !(v >= 0 && v <= 1))
        return false;
    *ret = v;
    return true;
}

static bool set_option(struct settings *s, int option, const char *value)
{
    uint64_t year;
    switch (option) {
    case 'r':
        return parse_count(value, 0, UINT64_C(100000000000), &s->rows);
    case 's':
        return parse_count(value, 0, UINT64_MAX / 4, &s->seed);
    case 'd':
        return parse_share(value, &s->dirt);
    case 'p':
        return parse_count(value, 1, 100000, &s->patients);
    case 'h':
        return parse_count(value, 1, 999, &s->hospitals);
    case 'y':
        if (!parse_count(value, 1000, 9000, &year))
            return false;
        s->year = (int)year;
        return true;
    case 't':
        s->structural = strcmp(value, "dirty") == 0;
        return s->structural || strcmp(value, "clean") == 0;
    case 'k':
        s->kind = value;
        return strcmp(value, "vitals") == 0 || strcmp(value, "labs") == 0;
    default:
        s->out = value;
        return true;
    }
}

static int write_file(const struct settings *s, bool is_labs, FILE *out)
{
    static struct generator g; /* 120 KB: too large for a careful stack */
    static char buffer[1 << 16];
    setvbuf(out, buffer, _IOFBF, sizeof buffer);
    g.out = out;
    g.is_labs = is_labs;
    g.dirt = s->dirt;
    g.year = s->year;
    g.hospitals = (uint32_t)s->hospitals;
    uint64_t by_rows = s->rows / 50 < 100000 ? s->rows / 50 : 100000;
    g.patients = (uint32_t)(s->patients ? s->patients : by_rows > 200 ? by_rows : 200);
    generate(&g, s->rows, s->seed, s->structural);
    if (fflush(out) || ferror(out)) {
        fprintf(stderr, "dagrun-generate: cannot write: %s\n", strerror(errno));
        return 1;
    }
    return 0;
}

static int write_folder(const struct settings *s)
{
    if (mkdir(s->out, 0777) && errno != EEXIST) {
        fprintf(stderr, "dagrun-generate: cannot make folder '%s': %s\n", s->out, strerror(errno));
        return 1;
    }
    for (int is_labs = 0; is_labs < 2; is_labs++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s_%d.csv", s->out, is_labs ? "lab_results" : "vitals", s->year);
        FILE *out = fopen(path, "we");
        if (!out) {
            fprintf(stderr, "dagrun-generate: cannot write '%s': %s\n", path, strerror(errno));
            return 1;
        }
        int failed = write_file(s, is_labs, out);
        if (fclose(out) || failed)
            return 1;
        fprintf(stderr, "wrote %s: %" PRIu64 " records\n", path, s->rows);
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "rows", 1, NULL, 'r' },      { "seed", 1, NULL, 's' },      { "dirt", 1, NULL, 'd' },
        { "structure", 1, NULL, 't' }, { "kind", 1, NULL, 'k' },      { "out", 1, NULL, 'o' },
        { "year", 1, NULL, 'y' },      { "hospitals", 1, NULL, 'h' }, { "patients", 1, NULL, 'p' },
        { "help", 0, NULL, '?' },      { NULL, 0, NULL, 0 },
    };
    struct settings s = {
        .rows = 1000, .seed = 1, .dirt = 0.08, .year = 2024, .hospitals = 5, .structural = true
    };
    if (argc > 1 && strcmp(argv[1], "appointments") == 0)
        return generate_appointments(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "patients") == 0)
        return generate_patients(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "medical") == 0)
        return generate_medical(argc - 1, argv + 1);
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == '?' || !set_option(&s, option, optarg)) {
            if (option != '?')
                fprintf(stderr, "dagrun-generate: '%s' is not a value for this option\n", optarg);
            fputs("see dagrun-generate --help\n", stderr);
            return 2;
        }
    }
    if (optind < argc || (!s.kind && !s.out) || (s.kind && s.out)) {
        fputs("dagrun-generate: give either --out FOLDER or --kind KIND; see dagrun-generate --help\n",
              stderr);
        return 2;
    }
    return s.out ? write_folder(&s) : write_file(&s, strcmp(s.kind, "labs") == 0, stdout);
}
