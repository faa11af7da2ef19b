/* dateutil.c - see dateutil.h.
 *
 * The text is cut into numbers, words and single separators; one pass assigns
 * each to the time, the zone or the list of at most three date parts, and at
 * the end the parts are told apart by their size and by which was a month name
 * or had more than two digits. Whatever cannot be placed refuses the text. */
#include "expect/dateutil.h"
#include <strings.h>
#include "base/num.h"

#define TOKENS_MAX 64

enum token_kind { NUMBER, WORD, SIGN };
struct token {
    enum token_kind kind;
    struct dr_str s;
};
struct parser {
    struct token t[TOKENS_MAX];
    int n, i;
    int32_t part[3];              /* day, month and year in the order written */
    int parts, month_at, year_at; /* -1: unknown */
    bool century;                 /* the year has more than two digits */
    bool has_time, has_weekday, zoned, has_meridian;
    int32_t hour, minute, second, micro, offset_s;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Digits with points between them, and how many points. */
static size_t run_size(struct dr_str s, int *ret_points)
{
    size_t n = 0;
    for (*ret_points = 0; n < s.n; n++) {
        bool point = s.p[n] == '.' && n + 1 < s.n && is_digit(s.p[n + 1]);
        if (!is_digit(s.p[n]) && !point)
            break;
        *ret_points += point;
    }
    return n;
}

/* A number keeps one decimal point; "2010.01.02" is three numbers, up to *split. */
static size_t number_size(struct dr_str s, const char **split)
{
    int points;
    size_t n = run_size(s, &points);
    if (points > 1)
        *split = s.p + n;
    if (s.p < *split)
        for (n = 0; n < s.n && is_digit(s.p[n]);)
            n++;
    return n;
}

static bool tokenize(struct parser *p, struct dr_str s)
{
    const char *split = s.p;
    while (s.n) {
        struct token *t = &p->t[p->n];
        size_t n = 1;
        if (p->n == TOKENS_MAX || (unsigned char)s.p[0] >= 128)
            return false;
        t->kind = is_digit(s.p[0]) ? NUMBER : is_alpha(s.p[0]) ? WORD : SIGN;
        if (t->kind == NUMBER)
            n = number_size(s, &split);
        while (t->kind == WORD && n < s.n && is_alpha(s.p[n]))
            n++;
        t->s = (struct dr_str){ s.p, n };
        s = (struct dr_str){ s.p + n, s.n - n };
        p->n++;
    }
    return true;
}

static bool word_is(struct dr_str s, const char *word)
{
    return strlen(word) == s.n && strncasecmp(s.p, word, s.n) == 0;
}

static int name_index(struct dr_str s, const char *const *names, int n)
{
    for (int k = 0; k < n; k++)
        if (word_is(s, names[k]) || (s.n == 3 && strncasecmp(s.p, names[k], 3) == 0))
            return k;
    return -1;
}

static int month_of(struct dr_str s)
{
    static const char *const months[] = { "january",   "february", "march",    "april",
                                          "may",       "june",     "july",     "august",
                                          "september", "october",  "november", "december" };
    return word_is(s, "sept") ? 9 : name_index(s, months, 12) + 1;
}

static bool is_weekday(struct dr_str s)
{
    static const char *const days[] = { "monday", "tuesday",  "wednesday", "thursday",
                                        "friday", "saturday", "sunday" };
    return name_index(s, days, 7) >= 0;
}

static bool is_filler(struct dr_str s)
{
    static const char *const words[] = { " ",  ".", ",", ";",  "-",  "/",  "'",  "at", "on", "and",
                                         "ad", "m", "t", "of", "st", "nd", "rd", "th", "\t", "\n" };
    for (size_t k = 0; k < sizeof words / sizeof words[0]; k++)
        if (word_is(s, words[k]))
            return true;
    return false;
}

static const struct token *ahead(const struct parser *p, int k)
{
    return p->i + k < p->n ? &p->t[p->i + k] : NULL;
}

static bool sign_ahead(const struct parser *p, int k, const char *any_of)
{
    const struct token *t = ahead(p, k);
    return t && t->kind == SIGN && strchr(any_of, t->s.p[0]);
}

static bool digits(struct dr_str s, size_t from, size_t n, int32_t *ret)
{
    int64_t v;
    if (from + n > s.n || n > 9 || !dr_parse_i64((struct dr_str){ s.p + from, n }, &v) ||
        !is_digit(s.p[from]))
        return false;
    *ret = (int32_t)v;
    return true;
}

static bool add_part(struct parser *p, struct dr_str s, int32_t v, bool is_month)
{
    if (p->parts == 3)
        return false;
    if (is_month) {
        if (p->month_at >= 0)
            return false;
        p->month_at = p->parts;
    } else if (s.n > 2) {
        if (p->year_at >= 0)
            return false;
        p->year_at = p->parts;
        p->century = true;
    }
    p->part[p->parts++] = v;
    return true;
}

static bool add_digits(struct parser *p, struct dr_str s)
{
    int32_t v;
    return digits(s, 0, s.n, &v) && add_part(p, s, v, false);
}

/* "59" or "59.25" */
static bool set_seconds(struct parser *p, struct dr_str s)
{
    const char *dot = memchr(s.p, '.', s.n);
    size_t whole = dot ? (size_t)(dot - s.p) : s.n;
    if (!digits(s, 0, whole, &p->second))
        return false;
    int32_t unit = 100000;
    for (size_t k = whole + 1; k < s.n; k++, unit /= 10)
        p->micro += (s.p[k] - '0') * unit;
    return true;
}

/* HH:MM[:SS[.f]] */
static bool clock_time(struct parser *p)
{
    if (p->has_time || !digits(p->t[p->i].s, 0, p->t[p->i].s.n, &p->hour))
        return false;
    const struct token *minute = ahead(p, 2);
    if (!minute || minute->kind != NUMBER || !digits(minute->s, 0, minute->s.n, &p->minute))
        return false;
    p->has_time = true;
    p->i += 3;
    const struct token *second = ahead(p, 1);
    if (!sign_ahead(p, 0, ":"))
        return true;
    p->i += 2;
    return second && second->kind == NUMBER && set_seconds(p, second->s);
}

/* YYMMDD, YYYYMMDD, YYYYMMDDHHMM[SS], and HHMM[SS[.f]] after a date. */
static bool compact(struct parser *p, struct dr_str s, size_t n)
{
    bool date = p->parts == 0;
    p->i++;
    if (!date) {
        if (p->has_time || !digits(s, 0, 2, &p->hour))
            return false;
        p->has_time = true;
        if (n >= 4 && !digits(s, 2, 2, &p->minute))
            return false;
        return n < 6 || set_seconds(p, (struct dr_str){ s.p + 4, s.n - 4 });
    }
    size_t y = n == 6 ? 2 : 4;
    for (int k = 0; k < 3; k++) {
        size_t from = k == 0 ? 0 : y + (size_t)(k - 1) * 2;
        if (!add_digits(p, (struct dr_str){ s.p + from, k == 0 ? y : 2 }))
            return false;
    }
    if (n == 6 || n == 8)
        return true;
    p->has_time = true;
    if (!digits(s, 8, 2, &p->hour) || !digits(s, 10, 2, &p->minute))
        return false;
    return n == 12 || digits(s, 12, 2, &p->second);
}

/* number SEP (number | month) [SEP number] */
static bool separated_date(struct parser *p)
{
    char sep = p->t[p->i + 1].s.p[0];
    if (!add_digits(p, p->t[p->i].s))
        return false;
    p->i += 2;
    for (int k = 0; k < 2; k++) {
        const struct token *t = ahead(p, 0);
        if (!t || t->kind == SIGN)
            return k == 0 ? true : false;
        int month = t->kind == WORD ? month_of(t->s) : 0;
        if (t->kind == WORD ? !month || !add_part(p, t->s, month, true) : !add_digits(p, t->s))
            return false;
        p->i++;
        if (k == 1 || !sign_ahead(p, 0, (char[]){ sep, 0 }))
            return true;
        p->i++;
    }
    return true;
}

static int hms_label(const struct token *t)
{
    static const char *const labels[3][4] = { { "h", "hour", "hours", "h" },
                                              { "m", "minute", "minutes", "min" },
                                              { "s", "second", "seconds", "sec" } };
    for (int unit = 0; t && t->kind == WORD && unit < 3; unit++)
        for (int k = 0; k < 4; k++)
            if (word_is(t->s, labels[unit][k]))
                return unit;
    return -1;
}

/* "10h", "36 m", "12.5s"; true where a label follows. */
static bool labelled(struct parser *p, bool *ret_ok)
{
    int skip = sign_ahead(p, 1, " ") ? 2 : 1;
    int unit = hms_label(ahead(p, skip));
    if (unit < 0)
        return false;
    struct dr_str s = p->t[p->i].s;
    p->has_time = true;
    p->i += skip + 1;
    *ret_ok = unit == 0   ? digits(s, 0, s.n, &p->hour)
              : unit == 1 ? digits(s, 0, s.n, &p->minute)
                          : set_seconds(p, s);
    return true;
}

static bool is_meridian(const struct token *t)
{
    return t && t->kind == WORD &&
           (word_is(t->s, "am") || word_is(t->s, "pm") || word_is(t->s, "a") || word_is(t->s, "p"));
}

/* "10am", "10 pm": here, unlike after a clock time, the hour may exceed 12. */
static bool hour_of_half(struct parser *p, struct dr_str s)
{
    int skip = is_meridian(ahead(p, 1)) ? 1 : 2;
    bool pm = (ahead(p, skip)->s.p[0] | 32) == 'p';
    if (!digits(s, 0, s.n, &p->hour))
        return false;
    p->has_time = p->has_meridian = true;
    if (pm && p->hour < 12)
        p->hour += 12;
    else if (!pm && p->hour == 12)
        p->hour = 0;
    p->i += skip + 1;
    return true;
}

/* Whether nothing, or something that says nothing, follows. */
static bool stands_alone(const struct parser *p)
{
    const struct token *next = ahead(p, 1);
    return !next || is_filler(next->s);
}

/* A number that is no time: a part of the date. */
static bool lone_number(struct parser *p, struct dr_str whole, bool decimal)
{
    int32_t v;
    if (!decimal) {
        p->i++;
        return add_digits(p, whole);
    }
    if (!stands_alone(p) || !digits(whole, 0, whole.n, &v))
        return false;
    p->i++;
    return add_part(p, v > 100 ? whole : DR_LIT("0"), v, false);
}

static bool number(struct parser *p)
{
    struct dr_str s = p->t[p->i].s;
    const char *dot = memchr(s.p, '.', s.n);
    size_t n = dot ? (size_t)(dot - s.p) : s.n;
    bool ok;
    if (p->parts == 3 && !p->has_time && !dot && (n == 2 || n == 4) && !sign_ahead(p, 1, ":") &&
        hms_label(ahead(p, 1)) < 0)
        return compact(p, s, n);
    if (n == 6 && (!dot || p->parts))
        return compact(p, s, n);
    if (!dot && (n == 8 || n == 12 || n == 14))
        return p->parts == 0 && compact(p, s, n);
    if (labelled(p, &ok))
        return ok;
    if (sign_ahead(p, 1, ":"))
        return clock_time(p);
    if (!dot && sign_ahead(p, 1, "-/.") && ahead(p, 2))
        return separated_date(p);
    if (!dot && (is_meridian(ahead(p, 1)) || (sign_ahead(p, 1, " ") && is_meridian(ahead(p, 2)))))
        return hour_of_half(p, s);
    return lone_number(p, (struct dr_str){ s.p, n }, dot != NULL);
}

/* "Jan-01-99" and "Jan of 99" */
static bool month_name(struct parser *p, int month)
{
    if (!add_part(p, p->t[p->i].s, month, true))
        return false;
    p->i++;
    if (!sign_ahead(p, 0, "-/"))
        return true;
    char sep[2] = { p->t[p->i].s.p[0], 0 };
    const struct token *t = ahead(p, 1);
    if (!t || t->kind != NUMBER)
        return true;
    p->i += 2;
    if (!add_digits(p, t->s))
        return false;
    t = ahead(p, 1);
    if (!sign_ahead(p, 0, sep) || !t || t->kind != NUMBER)
        return true;
    p->i += 2;
    return add_digits(p, t->s);
}

static bool meridian(struct parser *p)
{
    char half = p->t[p->i].s.p[0];
    if (!p->has_time || p->has_meridian || p->hour > 12)
        return false;
    p->has_meridian = true;
    if ((half == 'p' || half == 'P') && p->hour < 12)
        p->hour += 12;
    else if ((half == 'a' || half == 'A') && p->hour == 12)
        p->hour = 0;
    p->i++;
    return true;
}

static bool is_zone_name(const struct parser *p, struct dr_str s)
{
    if (!p->has_time || s.n > 5)
        return false;
    for (size_t k = 0; k < s.n; k++)
        if (s.p[k] < 'A' || s.p[k] > 'Z')
            return word_is(s, "utc") || word_is(s, "gmt") || word_is(s, "z");
    return s.n >= 3 || word_is(s, "z");
}

static bool word(struct parser *p)
{
    struct dr_str s = p->t[p->i].s;
    int month = month_of(s);
    if (is_weekday(s)) {
        p->has_weekday = true;
    } else if (month) {
        return month_name(p, month);
    } else if (is_meridian(&p->t[p->i]) && p->has_time) {
        return meridian(p);
    } else if (is_zone_name(p, s)) {
        p->zoned = word_is(s, "utc") || word_is(s, "gmt") || word_is(s, "z");
    } else if (!is_filler(s)) {
        return false;
    }
    p->i++;
    return true;
}

/* +HH, +HHMM, +HH:MM after a time */
static bool offset(struct parser *p)
{
    int sign = p->t[p->i].s.p[0] == '-' ? -1 : 1;
    const struct token *t = ahead(p, 1);
    int32_t hours, minutes = 0;
    if (!t || t->kind != NUMBER || (t->s.n != 2 && t->s.n != 4 && t->s.n != 1) ||
        !digits(t->s, 0, t->s.n == 4 ? 2 : t->s.n, &hours))
        return false;
    if (t->s.n == 4 && !digits(t->s, 2, 2, &minutes))
        return false;
    p->i += 2;
    if (t->s.n != 4 && sign_ahead(p, 0, ":")) {
        t = ahead(p, 1);
        if (!t || t->kind != NUMBER || !digits(t->s, 0, t->s.n, &minutes))
            return false;
        p->i += 2;
    }
    if (hours >= 24 || minutes >= 60)
        return false;
    p->zoned = true;
    p->offset_s = sign * (hours * 3600 + minutes * 60);
    return true;
}

static bool consume(struct parser *p)
{
    while (p->i < p->n) {
        const struct token *t = &p->t[p->i];
        bool ok = true;
        if (t->kind == NUMBER)
            ok = number(p);
        else if (t->kind == WORD)
            ok = word(p);
        else if (p->has_time && !p->zoned && (t->s.p[0] == '+' || t->s.p[0] == '-'))
            ok = offset(p);
        else if (is_filler(t->s))
            p->i++;
        else
            return false;
        if (!ok)
            return false;
    }
    return p->parts || p->has_time || p->has_weekday;
}

/* Which part is which: at[0] the year, at[1] the month, at[2] the day; -1 where not given. */
static void order_three(const struct parser *p, int at[3])
{
    const int32_t *v = p->part;
    int y = p->year_at, m = p->month_at;
    if (m >= 0 && y < 0)
        y = m == 0 ? (v[1] > 31 ? 1 : 2) : m == 1 ? (v[0] > 31 ? 0 : 2) : v[1] > 31 ? 1 : 0;
    if (y < 0)
        y = v[0] > 31 ? 0 : 2;
    if (m < 0)
        m = y == 0 ? 1 : y == 1 ? 0 : v[0] > 12 ? 1 : 0;
    at[0] = y;
    at[1] = m;
    at[2] = 3 - y - m;
}

static void order_two(const struct parser *p, int at[3])
{
    const int32_t *v = p->part;
    int m = p->month_at, y = p->year_at;
    if (m >= 0) {
        int other = 1 - m;
        at[1] = m;
        at[y == other || v[other] > 31 ? 0 : 2] = other;
    } else if (v[0] > 31 || y == 0) {
        at[0] = 0;
        at[1] = 1;
    } else if (v[1] > 31 || y == 1) {
        at[1] = 0;
        at[0] = 1;
    } else {
        at[1] = 0;
        at[2] = 1;
    }
}

static void order_parts(const struct parser *p, int at[3])
{
    at[0] = at[1] = at[2] = -1;
    if (p->parts == 3)
        order_three(p, at);
    else if (p->parts == 2)
        order_two(p, at);
    else if (p->parts == 1)
        at[p->month_at == 0 ? 1 : p->year_at == 0 || p->part[0] > 31 ? 0 : 2] = 0;
}

static int32_t full_year(int32_t year, bool century, int32_t now)
{
    if (century || year >= 100)
        return year;
    year += now / 100 * 100;
    if (year >= now + 50)
        return year - 100;
    return year < now - 50 ? year + 100 : year;
}

bool dr_dateutil_parse(struct dr_str text, struct dr_civil *ret, bool *ret_zoned, int32_t *ret_offset_s)
{
    struct parser p = { .month_at = -1, .year_at = -1 };
    if (text.n > 200 || !tokenize(&p, text) || !consume(&p))
        return false;
    struct dr_civil c;
    int at[3];
    dr_civil_from_us(dr_now_us(), &c);
    order_parts(&p, at);
    if (at[0] >= 0)
        c.year = full_year(p.part[at[0]], p.century, c.year);
    if (at[1] >= 0)
        c.month = p.part[at[1]];
    if (c.year < 1 || c.year > 9999 || c.month < 1 || c.month > 12)
        return false;
    if (at[2] >= 0)
        c.day = p.part[at[2]];
    else if (c.day > dr_days_in_month(c.year, c.month))
        c.day = dr_days_in_month(c.year, c.month);
    if (!dr_civil_valid(c.year, c.month, c.day) || p.hour > 23 || p.minute > 59 || p.second > 59)
        return false;
    c.hour = p.hour;
    c.minute = p.minute;
    c.second = p.second;
    c.micro = p.micro;
    *ret = c;
    *ret_zoned = p.zoned;
    *ret_offset_s = p.offset_s;
    return true;
}
