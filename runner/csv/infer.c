/* infer.c - types from values.
 *
 * Each value leaves a set of candidates; a column may be what all its values may
 * be. The first value that narrows the set is remembered, since it is the
 * reason why the column is not what it would have been without it. The set
 * shrinks at most twice: to fractions or times, and to nothing, which is text. */
#include "csv/infer.h"

enum { SHOWN = 40 }; /* characters of a value in a reason */

/* ---- one value ---------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* What follows the sign: no digit before which a zero stands. */
static bool has_leading_zero(struct dr_str s)
{
    return s.n > 1 && s.p[0] == '0' && is_digit(s.p[1]);
}

static struct dr_str without_minus(struct dr_str s)
{
    return s.n > 0 && s.p[0] == '-' ? (struct dr_str){ s.p + 1, s.n - 1 } : s;
}

static uint32_t whole_number(struct dr_str s)
{
    enum { EXACT_BITS = 53 };
    int64_t v;
    if (!dr_parse_i64(s, &v) || has_leading_zero(without_minus(s)) || dr_str_eq(s, DR_LIT("-0")))
        return 0;
    bool exact = v >= -(INT64_C(1) << EXACT_BITS) && v <= INT64_C(1) << EXACT_BITS;
    return exact ? DR_CSV_MAY_INT64 | DR_CSV_MAY_FLOAT64 : DR_CSV_MAY_INT64;
}

/* A number with a point, or with an exponent as programs write it: 1e-05, but
 * not 12E4, which is as likely a code. */
static uint32_t fraction(struct dr_str s)
{
    double v;
    struct dr_str digits = without_minus(s);
    const char *point = memchr(s.p, '.', s.n);
    bool sign = memchr(digits.p, '-', digits.n) || memchr(digits.p, '+', digits.n);
    if ((!point && !sign) || s.p[s.n - 1] == '.' || has_leading_zero(digits) || !dr_parse_f64(s, false, &v))
        return 0;
    return DR_CSV_MAY_FLOAT64;
}

static uint32_t number(struct dr_str s)
{
    bool only_digits = true;
    for (size_t i = s.p[0] == '-'; i < s.n; i++)
        only_digits = only_digits && is_digit(s.p[i]);
    return only_digits ? whole_number(s) : fraction(s);
}

static uint32_t date_or_time(struct dr_str s)
{
    int64_t us;
    bool zoned;
    if (!dr_parse_timestamp(s, &us, &zoned))
        return 0;
    return s.n == 10 ? DR_CSV_MAY_DATE | DR_CSV_MAY_LOCAL : zoned ? DR_CSV_MAY_ZONED : DR_CSV_MAY_LOCAL;
}

uint32_t dr_csv_candidates(struct dr_str s)
{
    bool v;
    if (s.n == 0)
        return 0;
    if (s.n >= 4 && dr_parse_bool(s, &v)) /* not t, yes, 0: those are more often codes */
        return DR_CSV_MAY_BOOL;
    if (!is_digit(s.p[0]) && s.p[0] != '-' && s.p[0] != '.')
        return 0;
    return number(s) | date_or_time(s);
}

uint32_t dr_csv_candidate(const struct dr_csv_kind *kind)
{
    switch (kind->type) {
    case DR_TYPE_BOOL:
        return DR_CSV_MAY_BOOL;
    case DR_TYPE_INT64:
        return DR_CSV_MAY_INT64;
    case DR_TYPE_FLOAT64:
        return DR_CSV_MAY_FLOAT64;
    case DR_TYPE_DATE:
        return DR_CSV_MAY_DATE;
    case DR_TYPE_TIMESTAMP:
        return kind->zoned ? DR_CSV_MAY_ZONED : DR_CSV_MAY_LOCAL;
    default:
        return 0;
    }
}

/* ---- a column ----------------------------------------------------------------- */

void dr_csv_evidence_init(struct dr_csv_evidence *e)
{
    *e = (struct dr_csv_evidence){ .left = DR_CSV_MAY_ALL };
}

void dr_csv_evidence_done(struct dr_csv_evidence *e)
{
    for (uint32_t i = 0; i < e->against_n; i++)
        free(e->against[i]);
    dr_csv_evidence_init(e);
}

void dr_csv_evidence_add(struct dr_csv_evidence *e, struct dr_str value)
{
    uint32_t left = e->left ? e->left & dr_csv_candidates(value) : 0;
    bool first = !e->any;
    e->any = true;
    bool same_best = (left & -left) == (e->left & -e->left);
    /* The first value leaves its own candidates; what it rules out is no news
     * unless that is everything. */
    if (!same_best && (!first || left == 0) && e->against_n < 2) {
        DR_AUTO_BUF shown = { 0 };
        dr_buf_put_visible(&shown, value, SHOWN);
        e->before[e->against_n] = e->left;
        e->against[e->against_n++] = dr_strdup(dr_buf_cstr(&shown));
    }
    e->left = left;
}

struct dr_csv_kind dr_csv_evidence_kind(const struct dr_csv_evidence *e)
{
    static const struct dr_csv_kind kinds[] = {
        { .type = DR_TYPE_BOOL, .inferred = true },
        { .type = DR_TYPE_INT64, .inferred = true },
        { .type = DR_TYPE_FLOAT64, .inferred = true },
        { .type = DR_TYPE_DATE, .inferred = true },
        { .type = DR_TYPE_TIMESTAMP, .inferred = true },
        { .type = DR_TYPE_TIMESTAMP, .inferred = true, .zoned = true },
    };
    for (size_t i = 0; e->any && i < sizeof kinds / sizeof *kinds; i++)
        if (e->left & (1u << i))
            return kinds[i];
    return (struct dr_csv_kind){ .type = DR_TYPE_DICT };
}

/* What a set of candidates is called. */
static const char *set_name(uint32_t set)
{
    static const struct {
        uint32_t any_of;
        const char *name;
    } names[] = { { DR_CSV_MAY_INT64, "whole numbers" },
                  { DR_CSV_MAY_FLOAT64, "numbers" },
                  { DR_CSV_MAY_DATE, "dates" },
                  { DR_CSV_MAY_LOCAL, "timestamps without an offset" },
                  { DR_CSV_MAY_ZONED, "timestamps with an offset" },
                  { DR_CSV_MAY_BOOL, "true or false" } };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (set & names[i].any_of)
            return names[i].name;
    return "text";
}

/* What keeps a text that looks like a number from being one. */
static const char *flaw(struct dr_str s)
{
    struct dr_str digits = without_minus(s);
    if (digits.n > 0 && digits.p[0] == '+')
        return ", whose plus sign a number would lose";
    if (has_leading_zero(digits))
        return ", whose zeros in front a number would lose";
    for (size_t i = 0; i < digits.n; i++)
        if (!is_digit(digits.p[i]))
            return "";
    return ", which has more digits than a number would keep";
}

void dr_csv_evidence_reason(const struct dr_csv_evidence *e, bool hide, struct dr_buf *out)
{
    if (!e->any) {
        dr_buf_puts(out, "there is no value to tell");
        return;
    }
    uint32_t last = e->against_n ? e->against_n - 1 : 0;
    if (e->left)
        dr_buf_printf(out, "all values are %s", set_name(e->left));
    else if (e->before[last] == DR_CSV_MAY_ALL)
        dr_buf_puts(out, "a value is no number, date, timestamp, true or false");
    else
        dr_buf_printf(out, "not all values are %s", set_name(e->before[last]));
    if (e->against_n && !hide)
        dr_buf_printf(out, ": '%s'%s", e->against[last], e->left ? "" : flaw(dr_str_of(e->against[last])));
    if (e->left && e->against_n && !hide)
        dr_buf_printf(out, " is not among the %s", set_name(e->before[last]));
}
