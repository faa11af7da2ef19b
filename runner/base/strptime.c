/* strptime.c - dates by format, as Python's datetime.strptime reads them.
 *
 * Python turns a format into a regular expression: each directive is a choice
 * of spellings, tried in order and taken back when what follows does not fit
 * ("%m%d" reads "111" as 11 and 1, "%d %m" needs no backtracking). The matcher
 * below walks the same tree of choices. It stops at the first way to match the
 * format, and the text must end there; a longer match is not sought, just as in
 * Python. A directive may stand only once, which also bounds the tree.
 *
 * The locale is C's, digits are ASCII, and %Z knows UTC and GMT. */
#include "base/date.h"

enum { UNSET = -1, FORMAT_MAX = 192 };

/* What was read, one value per directive. */
struct fields {
    int32_t year, year2, month, month_name, day, hour, hour12, minute, second, micro;
    int32_t day_of_year, weekday, pm, offset_s;
    int32_t week, week_start; /* %U: 0 Sunday, %W: 1 Monday */
    int32_t iso_year, iso_week;
};

struct matcher {
    const char *text, *end;
    struct fields f;
    const char *stopped; /* where the format's match ended */
};

static const char *const month_names[] = { "january",   "february", "march",    "april",
                                           "may",       "june",     "july",     "august",
                                           "september", "october",  "november", "december" };
static const char *const day_names[] = { "sunday",   "monday", "tuesday", "wednesday",
                                         "thursday", "friday", "saturday" };

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool match_format(struct matcher *m, const char *format, const char *at);

/* Composite directives and what they stand for. */
static const char *expansion(char directive)
{
    switch (directive) {
    case 'c':
        return "%a %b %d %H:%M:%S %Y";
    case 'x':
        return "%m/%d/%y";
    case 'X':
        return "%H:%M:%S";
    default:
        return NULL;
    }
}

/* Mark a directive in a set of bits by letter; false where it was already. */
static bool mark_seen(uint64_t *seen, char directive)
{
    uint64_t bit = UINT64_C(1) << ((unsigned char)directive & 63);
    bool again = *seen & bit;
    *seen |= bit;
    return !again;
}

/* ---- numbers ---------------------------------------------------------------------- */

/* A numeric directive: widths from wide to narrow, each tried. */
struct number {
    char directive;
    int8_t max_width, min_width;
    int32_t min, max;
    size_t field; /* where it goes in struct fields */
};
#define FIELD(name) offsetof(struct fields, name)
static const struct number numbers[] = {
    { 'Y', 4, 4, 0, 9999, FIELD(year) },     { 'm', 2, 1, 1, 12, FIELD(month) },
    { 'd', 2, 1, 1, 31, FIELD(day) },        { 'H', 2, 1, 0, 23, FIELD(hour) },
    { 'I', 2, 1, 1, 12, FIELD(hour12) },     { 'M', 2, 1, 0, 59, FIELD(minute) },
    { 'S', 2, 1, 0, 61, FIELD(second) },     { 'f', 6, 1, 0, 999999, FIELD(micro) },
    { 'y', 2, 2, 0, 99, FIELD(year2) },      { 'j', 3, 1, 1, 366, FIELD(day_of_year) },
    { 'U', 2, 1, 0, 53, FIELD(week) },       { 'W', 2, 1, 0, 53, FIELD(week) },
    { 'w', 1, 1, 0, 6, FIELD(weekday) },     { 'u', 1, 1, 1, 7, FIELD(weekday) },
    { 'G', 4, 4, 0, 9999, FIELD(iso_year) }, { 'V', 2, 1, 1, 53, FIELD(iso_week) },
};

static const struct number *find_number(char directive)
{
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (numbers[i].directive == directive)
            return &numbers[i];
    return NULL;
}

static void set_number(struct fields *f, const struct number *spec, int32_t v, int width)
{
    if (spec->directive == 'f')
        for (; width < 6; width++)
            v *= 10;
    if (spec->directive == 'u')
        v %= 7;
    if (spec->directive == 'U' || spec->directive == 'W')
        f->week_start = spec->directive == 'W';
    memcpy((char *)f + spec->field, &v, sizeof(v));
}

static bool match_number(struct matcher *m, const struct number *spec, const char *format, const char *at)
{
    struct fields before = m->f;
    /* "%d" also takes a space and a digit, as C's own %e writes it. */
    if (spec->directive == 'd' && m->end - at >= 2 && at[0] == ' ' && at[1] >= '1' && at[1] <= '9') {
        set_number(&m->f, spec, at[1] - '0', 1);
        return match_format(m, format, at + 2);
    }
    for (int width = spec->max_width; width >= spec->min_width; width--) {
        int32_t v = 0;
        int n = 0;
        for (; n < width && at + n < m->end && is_digit(at[n]); n++)
            v = v * 10 + (at[n] - '0');
        if (n < width || v < spec->min || v > spec->max)
            continue;
        m->f = before;
        set_number(&m->f, spec, v, width);
        if (match_format(m, format, at + width))
            return true;
    }
    return false;
}

/* ---- names -------------------------------------------------------------------------- */

static bool starts_with_word(const struct matcher *m, const char *at, const char *word, size_t n)
{
    if ((size_t)(m->end - at) < n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (lower(at[i]) != word[i])
            return false;
    return true;
}

/* One of names, of which the first `length` letters are written (0: all). */
static bool match_name(struct matcher *m, const char *const *names, int32_t n_names, size_t length,
                       int32_t *ret_index, const char *format, const char *at)
{
    for (int32_t i = 0; i < n_names; i++) {
        size_t n = length ? length : strlen(names[i]);
        if (!starts_with_word(m, at, names[i], n))
            continue;
        *ret_index = i;
        return match_format(m, format, at + n); /* no name starts another */
    }
    return false;
}

/* "utc" or "gmt" */
static bool match_zone_name(struct matcher *m, const char *format, const char *at)
{
    static const char *const zones[] = { "utc", "gmt" };
    int32_t which;
    return match_name(m, zones, 2, 0, &which, format, at);
}

/* ---- offsets ------------------------------------------------------------------------ */

/* Two digits at `at` up to max; -1 where they are not. */
static int32_t two_digits(const struct matcher *m, const char *at, int32_t max)
{
    if (m->end - at < 2 || !is_digit(at[0]) || !is_digit(at[1]))
        return -1;
    int32_t v = (at[0] - '0') * 10 + (at[1] - '0');
    return v <= max ? v : -1;
}

/* "+hh:mm[:ss[.f{1,6}]]", "+hhmm[ss[.f]]" or "Z". Colons go between all or none.
 * Fractions of a second are read and have no effect. */
static bool match_offset(struct matcher *m, const char *format, const char *at)
{
    if (at < m->end && *at == 'Z') {
        m->f.offset_s = 0;
        return match_format(m, format, at + 1);
    }
    if (at == m->end || (*at != '+' && *at != '-'))
        return false;
    int32_t sign = *at == '-' ? -1 : 1, hours = two_digits(m, at + 1, 23);
    bool colons = m->end - at > 3 && at[3] == ':';
    const char *after = at + (colons ? 4 : 3);
    int32_t minutes = hours < 0 ? -1 : two_digits(m, after, 59);
    if (minutes < 0)
        return false;
    after += 2;
    int32_t seconds = -1;
    if (!colons || (after < m->end && *after == ':'))
        seconds = two_digits(m, after + colons, 59);
    struct fields before = m->f;
    if (seconds >= 0) {
        const char *end = after + colons + 2;
        if (m->end - end >= 2 && *end == '.' && is_digit(end[1]))
            for (end += 2; end < m->end && is_digit(*end) && end - after < 10 + colons;)
                end++;
        m->f.offset_s = sign * (hours * 3600 + minutes * 60 + seconds);
        if (match_format(m, format, end))
            return true;
    }
    m->f = before;
    m->f.offset_s = sign * (hours * 3600 + minutes * 60);
    return match_format(m, format, after);
}

/* ---- the matcher ---------------------------------------------------------------------- */

static bool match_directive(struct matcher *m, char directive, const char *format, const char *at)
{
    static const char *const halves[] = { "am", "pm" };
    const struct number *spec = find_number(directive);
    if (spec)
        return match_number(m, spec, format, at);
    switch (directive) {
    case 'a':
        return match_name(m, day_names, 7, 3, &m->f.weekday, format, at);
    case 'A':
        return match_name(m, day_names, 7, 0, &m->f.weekday, format, at);
    case 'b':
        return match_name(m, month_names, 12, 3, &m->f.month_name, format, at);
    case 'B':
        return match_name(m, month_names, 12, 0, &m->f.month_name, format, at);
    case 'p':
        return match_name(m, halves, 2, 0, &m->f.pm, format, at);
    case 'z':
        return match_offset(m, format, at);
    case 'Z':
        return match_zone_name(m, format, at);
    default:
        return false;
    }
}

/* White space in a format is any white space, once or more. */
static bool match_space(struct matcher *m, const char *format, const char *at)
{
    while (is_space(*format))
        format++;
    const char *end = at;
    while (end < m->end && is_space(*end))
        end++;
    /* All of it, or all but one: only "%d" can start with a space, and wants one. */
    if (end == at)
        return false;
    return match_format(m, format, end) || (end - at > 1 && match_format(m, format, end - 1));
}

static bool match_format(struct matcher *m, const char *format, const char *at)
{
    for (; *format && *format != '%' && !is_space(*format); format++, at++)
        if (at == m->end || lower(*at) != lower(*format))
            return false;
    if (!*format) {
        m->stopped = at;
        return true;
    }
    if (is_space(*format))
        return match_space(m, format, at);
    if (format[1] == '%')
        return at < m->end && *at == '%' && match_format(m, format + 2, at + 1);
    return match_directive(m, format[1], format + 2, at);
}

/* ---- from fields to a date ---------------------------------------------------------------- */

/* Day 1 of ISO week 1: the Monday of the week that holds January 4. */
static int32_t iso_year_start(int32_t year)
{
    int32_t fourth = dr_days_from_civil(year, 1, 4);
    return fourth - (dr_weekday(fourth) + 6) % 7;
}

/* The day that a week number and weekday name in a year (%U, %W). */
static int32_t day_of_week(const struct fields *f, int32_t year)
{
    int32_t first = dr_days_from_civil(year, 1, 1);
    int32_t from_start = (dr_weekday(first) - f->week_start + 7) % 7; /* of its week */
    int32_t weekday = (f->weekday - f->week_start + 7) % 7;
    int32_t week_1 = first + (7 - from_start) % 7;
    return f->week == 0 ? first - from_start + weekday : week_1 + (f->week - 1) * 7 + weekday;
}

static bool set_days(struct dr_civil *c, int32_t days)
{
    dr_civil_from_days(days, c);
    return dr_civil_valid(c->year, c->month, c->day);
}

static bool resolve_date(const struct fields *f, struct dr_civil *c)
{
    int32_t year = 1900;
    if (f->year2 != UNSET)
        year = f->year2 + (f->year2 < 69 ? 2000 : 1900);
    if (f->year != UNSET)
        year = f->year;
    int32_t month = f->month_name != UNSET ? f->month_name + 1 : f->month != UNSET ? f->month : 1;
    int32_t day = f->day != UNSET ? f->day : 1;
    if (f->iso_year != UNSET) {
        int32_t weeks = (iso_year_start(f->iso_year + 1) - iso_year_start(f->iso_year)) / 7;
        int32_t days = iso_year_start(f->iso_year) + (f->iso_week - 1) * 7 + (f->weekday + 6) % 7;
        return f->iso_year >= 1 && f->iso_week <= weeks && set_days(c, days);
    }
    if (year < 1)
        return false;
    if (f->day_of_year != UNSET)
        return set_days(c, dr_days_from_civil(year, 1, 1) + f->day_of_year - 1);
    if (f->week != UNSET && f->weekday != UNSET)
        return set_days(c, day_of_week(f, year));
    *c = (struct dr_civil){ .year = year, .month = month, .day = day };
    return dr_civil_valid(year, month, day);
}

/* An ISO year, week and weekday are all given or none, and not with %j. */
static bool iso_parts_agree(const struct fields *f)
{
    bool year = f->iso_year != UNSET, week = f->iso_week != UNSET;
    if (year != week)
        return false;
    return !year || (f->weekday != UNSET && f->day_of_year == UNSET);
}

static int32_t resolve_hour(const struct fields *f)
{
    if (f->hour12 != UNSET)
        return f->hour12 % 12 + (f->pm == 1 ? 12 : 0);
    return f->hour != UNSET ? f->hour : 0;
}

static bool resolve(const struct fields *f, struct dr_civil *ret)
{
    struct dr_civil c;
    if (!iso_parts_agree(f) || !resolve_date(f, &c))
        return false;
    c.hour = resolve_hour(f);
    c.minute = f->minute != UNSET ? f->minute : 0;
    c.second = f->second != UNSET ? f->second : 0;
    c.micro = f->micro != UNSET ? f->micro : 0;
    if (c.second > 59)
        return false;
    *ret = c;
    return true;
}

/* ---- formats ------------------------------------------------------------------------------ */

static bool is_known(char directive)
{
    return directive && (find_number(directive) || strchr("aAbBpzZ", directive));
}

/* What is wrong with a format, or NULL; *ret_at is the directive it is about. */
static const char *format_problem(const char *format, uint64_t *seen, const char **ret_at)
{
    for (; *format; format++) {
        if (*format != '%')
            continue;
        char directive = *++format;
        *ret_at = format;
        const char *whole = expansion(directive);
        const char *problem = whole ? format_problem(whole, seen, ret_at) : NULL;
        if (problem)
            return problem;
        if (!directive)
            return "ends in a single %";
        if (whole || directive == '%')
            continue;
        if (!is_known(directive))
            return "has an unknown directive";
        if (!mark_seen(seen, directive))
            return "repeats the directive";
    }
    return NULL;
}

int32_t dr_strptime_check(const char *format, struct dr_err *err)
{
    uint64_t seen = 0;
    const char *at = "";
    const char *problem = strlen(format) >= FORMAT_MAX ? "is too long" : format_problem(format, &seen, &at);
    if (!problem)
        return DR_OK;
    if (!*at)
        return dr_fail(err, DR_EDEF, "date format '%s' %s", format, problem);
    size_t n;
    dr_utf8_next(dr_str_of(at), &n);
    return dr_fail(err, DR_EDEF, "date format '%s' %s %%%.*s", format, problem, (int)n, at);
}

/* Write out %c, %x and %X; false where the format is too long. */
static bool expand(const char *format, char *ret, size_t size)
{
    size_t at = 0;
    for (; *format; format++) {
        bool directive = *format == '%' && format[1];
        const char *whole = directive ? expansion(format[1]) : NULL;
        const char *from = whole ? whole : format;
        size_t n = whole ? strlen(whole) : directive ? 2 : 1;
        if (at + n >= size)
            return false;
        memcpy(ret + at, from, n);
        at += n;
        format += directive;
    }
    ret[at] = '\0';
    return true;
}

bool dr_strptime(struct dr_str s, const char *format, struct dr_civil *ret, int32_t *ret_offset_s)
{
    char whole[FORMAT_MAX + 64];
    uint64_t seen = 0;
    const char *at;
    if (!expand(format, whole, sizeof(whole)) || format_problem(whole, &seen, &at))
        return false;
    struct matcher m = { .text = s.p ? s.p : "" };
    m.end = m.text + s.n;
    memset(&m.f, 0xFF, sizeof(m.f)); /* UNSET everywhere */
    m.f.offset_s = 0;
    if (!match_format(&m, whole, m.text) || m.stopped != m.end || !resolve(&m.f, ret))
        return false;
    if (ret_offset_s)
        *ret_offset_s = m.f.offset_s;
    return true;
}
