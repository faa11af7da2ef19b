/* temporal.c - partial dates and times. Comparison walks from the year down and stops
 * with "not known" where one side has no more to say. */
#include "view/temporal.h"
#include <stdio.h>

#define ZONES_APART (26 * 3600 * DR_US_PER_S) /* from +14:00 to -12:00 */

struct scan {
    struct dr_str rest;
};

static bool digits(struct scan *s, size_t n, int32_t *ret)
{
    int32_t v = 0;
    if (s->rest.n < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (s->rest.p[i] < '0' || s->rest.p[i] > '9')
            return false;
        v = v * 10 + (s->rest.p[i] - '0');
    }
    s->rest.p += n;
    s->rest.n -= n;
    *ret = v;
    return true;
}

static bool take(struct scan *s, char c)
{
    if (!s->rest.n || s->rest.p[0] != c)
        return false;
    s->rest.p++;
    s->rest.n--;
    return true;
}

static bool fraction(struct scan *s, int32_t *ret_micro)
{
    int32_t micro = 0, digit, n = 0;
    while (digits(s, 1, &digit))
        if (n++ < 6)
            micro = micro * 10 + digit;
    for (int32_t i = n; i < 6; i++)
        micro *= 10;
    *ret_micro = micro;
    return n > 0;
}

/* hh[:mm[:ss[.fff]]] */
static bool clock_time(struct scan *s, struct dr_temporal *t)
{
    if (!digits(s, 2, &t->c.hour))
        return false;
    t->precision = DR_HOUR;
    if (take(s, ':')) {
        if (!digits(s, 2, &t->c.minute))
            return false;
        t->precision = DR_MINUTE;
        if (take(s, ':')) {
            if (!digits(s, 2, &t->c.second))
                return false;
            t->precision = DR_SECOND;
            if (take(s, '.')) {
                t->millis = true;
                if (!fraction(s, &t->c.micro))
                    return false;
            }
        }
    }
    return t->c.hour < 24 && t->c.minute < 60 && t->c.second < 61; /* leap seconds are written */
}

static bool zone(struct scan *s, struct dr_temporal *t)
{
    int32_t hours, minutes;
    bool west = s->rest.n && s->rest.p[0] == '-';
    if (!s->rest.n)
        return true;
    t->zoned = true;
    if (take(s, 'Z'))
        return true;
    if ((!take(s, '+') && !take(s, '-')) || !digits(s, 2, &hours) || !take(s, ':') || !digits(s, 2, &minutes))
        return false;
    t->offset_min = (west ? -1 : 1) * (hours * 60 + minutes);
    return hours <= 14 && minutes < 60;
}

static bool date(struct scan *s, struct dr_temporal *t)
{
    if (!digits(s, 4, &t->c.year))
        return false;
    t->precision = DR_YEAR;
    if (take(s, '-')) {
        if (!digits(s, 2, &t->c.month))
            return false;
        t->precision = DR_MONTH;
        if (take(s, '-')) {
            if (!digits(s, 2, &t->c.day))
                return false;
            t->precision = DR_DAY;
        }
    }
    return dr_civil_valid(t->c.year, t->c.month, t->c.day);
}

bool dr_temporal_parse(struct dr_str text, struct dr_temporal *ret)
{
    struct scan s = { text };
    struct dr_temporal t = { .c = { .year = 1970, .month = 1, .day = 1 } };
    if (text.n > 2 && text.p[2] == ':') {
        t.kind = DR_TEMPORAL_TIME;
        if (!clock_time(&s, &t) || s.rest.n)
            return false;
    } else {
        if (!date(&s, &t))
            return false;
        if (take(&s, 'T')) {
            t.kind = DR_TEMPORAL_DATETIME;
            if (s.rest.n && (t.precision != DR_DAY || !clock_time(&s, &t) || !zone(&s, &t)))
                return false;
        }
        if (s.rest.n)
            return false;
    }
    *ret = t;
    return true;
}

static int32_t field(const struct dr_temporal *t, enum dr_precision p)
{
    switch (p) {
    case DR_YEAR:
        return t->c.year;
    case DR_MONTH:
        return t->c.month;
    case DR_DAY:
        return t->c.day;
    case DR_HOUR:
        return t->c.hour;
    case DR_MINUTE:
        return t->c.minute;
    case DR_SECOND:
        break;
    }
    return t->c.second;
}

static int sign(int64_t d)
{
    return d < 0 ? -1 : d > 0;
}

/* Both in UTC, where both are at least to the minute. */
static void to_utc(struct dr_temporal *t)
{
    int64_t us = dr_us_from_civil(&t->c) - (int64_t)t->offset_min * 60 * DR_US_PER_S;
    dr_civil_from_us(us, &t->c);
}

static bool fields_cmp(const struct dr_temporal *a, const struct dr_temporal *b, int *ret)
{
    enum dr_precision least = a->precision < b->precision ? a->precision : b->precision;
    enum dr_precision first = a->kind == DR_TEMPORAL_TIME ? DR_HOUR : DR_YEAR;
    for (enum dr_precision p = first; p <= least; p++) {
        int32_t x = field(a, p), y = field(b, p);
        if (x != y) {
            *ret = x < y ? -1 : 1;
            return true;
        }
    }
    if (least == DR_SECOND && a->c.micro != b->c.micro) {
        *ret = a->c.micro < b->c.micro ? -1 : 1;
        return true;
    }
    *ret = 0;
    return a->precision == b->precision;
}

bool dr_temporal_cmp(const struct dr_temporal *a, const struct dr_temporal *b, int *ret)
{
    struct dr_temporal x = *a, y = *b;
    if ((x.kind == DR_TEMPORAL_TIME) != (y.kind == DR_TEMPORAL_TIME))
        return false;
    if (x.precision < DR_MINUTE || y.precision < DR_MINUTE || x.kind == DR_TEMPORAL_TIME)
        return fields_cmp(&x, &y, ret);
    if (x.zoned != y.zoned) { /* known only where no zone on earth could change it */
        int64_t d = dr_us_from_civil(&x.c) - dr_us_from_civil(&y.c);
        *ret = sign(d);
        return d > ZONES_APART || d < -ZONES_APART;
    }
    to_utc(&x);
    to_utc(&y);
    return fields_cmp(&x, &y, ret);
}

/* ---- boundaries ---- */

/* What is not written, at its least or its greatest. */
static void fill(struct dr_temporal *t, bool high)
{
    if (t->precision < DR_MONTH)
        t->c.month = high ? 12 : 1;
    if (t->precision < DR_DAY)
        t->c.day = high ? dr_days_in_month(t->c.year, t->c.month) : 1;
    if (t->precision < DR_HOUR)
        t->c.hour = high ? 23 : 0;
    if (t->precision < DR_MINUTE)
        t->c.minute = high ? 59 : 0;
    if (t->precision < DR_SECOND)
        t->c.second = high ? 59 : 0;
    if (!t->millis)
        t->c.micro = high ? 999000 : 0;
}

static size_t put_time(const struct dr_temporal *t, int32_t digits_wanted, char *ret, size_t size)
{
    const struct dr_civil *c = &t->c;
    int n = 0;
    if (digits_wanted == 0 || digits_wanted == 9)
        n = snprintf(ret, size, "%02d:%02d:%02d.%03d", c->hour, c->minute, c->second, c->micro / 1000);
    else if (digits_wanted == 6)
        n = snprintf(ret, size, "%02d:%02d:%02d", c->hour, c->minute, c->second);
    else if (digits_wanted == 4)
        n = snprintf(ret, size, "%02d:%02d", c->hour, c->minute);
    else if (digits_wanted == 2)
        n = snprintf(ret, size, "%02d", c->hour);
    return (size_t)n;
}

static size_t put_date(const struct dr_temporal *t, int32_t digits_wanted, char *ret, size_t size)
{
    const struct dr_civil *c = &t->c;
    int n = 0;
    if (digits_wanted == 4)
        n = snprintf(ret, size, "%04d", c->year);
    else if (digits_wanted == 6)
        n = snprintf(ret, size, "%04d-%02d", c->year, c->month);
    else if (digits_wanted == 0 || digits_wanted == 8)
        n = snprintf(ret, size, "%04d-%02d-%02d", c->year, c->month, c->day);
    return (size_t)n;
}

/* The zone: as written, or the one in which the day begins first or ends last. */
static size_t put_zone(const struct dr_temporal *t, bool high, char *ret, size_t size)
{
    int32_t offset = t->zoned ? t->offset_min : high ? -12 * 60 : 14 * 60;
    int32_t away = offset < 0 ? -offset : offset;
    if (t->zoned && !offset)
        return (size_t)snprintf(ret, size, "Z");
    return (size_t)snprintf(ret, size, "%c%02d:%02d", offset < 0 ? '-' : '+', away / 60, away % 60);
}

size_t dr_temporal_boundary(const struct dr_temporal *t, enum dr_temporal_kind as, bool high,
                            int32_t digits_wanted, char ret[DR_TEMPORAL_TEXT])
{
    struct dr_temporal f = *t;
    fill(&f, high);
    if (as == DR_TEMPORAL_TIME)
        return put_time(&f, digits_wanted, ret, DR_TEMPORAL_TEXT);
    if (as == DR_TEMPORAL_DATE || (digits_wanted && digits_wanted <= 8))
        return put_date(&f, digits_wanted, ret, DR_TEMPORAL_TEXT);
    size_t n = put_date(&f, 8, ret, DR_TEMPORAL_TEXT);
    ret[n++] = 'T';
    size_t m = put_time(&f, digits_wanted ? (digits_wanted == 17 ? 9 : digits_wanted - 8) : 0, ret + n,
                        DR_TEMPORAL_TEXT - n);
    if (!m)
        return 0;
    n += m;
    return n + put_zone(&f, high, ret + n, DR_TEMPORAL_TEXT - n);
}
