/* cron.c - reading cron expressions and finding their times.
 *
 * Local time is a piecewise straight line over instants: within one piece the
 * offset to UTC is constant, so the next local match is one subtraction away.
 * A schedule that follows the clock is searched piece by piece. A schedule at
 * fixed times maps each local time to its one instant (the first of a fold,
 * the end of a gap), which never decreases, so that the first local match whose
 * instant is late enough is the answer. Days are stepped over whole. */
#include "model/cron.h"
#include "base/num.h"
#include <strings.h>

/* ---- reading ------------------------------------------------------------------- */

struct field {
    const char *name;
    int32_t lowest, highest;
    const char *const *names; /* of lowest, lowest + 1, ...; or NULL */
    int32_t n_names;
};
static const char *const month_names[] = { "jan", "feb", "mar", "apr", "may", "jun",
                                           "jul", "aug", "sep", "oct", "nov", "dec" };
static const char *const day_names[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat" };
static const struct field fields[] = {
    { "minute", 0, 59, NULL, 0 },          { "hour", 0, 23, NULL, 0 },
    { "day of month", 1, 31, NULL, 0 },    { "month", 1, 12, month_names, 12 },
    { "day of week", 0, 7, day_names, 7 },
};
enum { N_FIELDS = 5 };

static bool equals_ignoring_case(struct dr_str s, const char *word)
{
    return s.n == strlen(word) && strncasecmp(s.p, word, s.n) == 0;
}

static int32_t parse_value(const struct field *f, struct dr_str s, int32_t *ret, struct dr_err *err)
{
    for (int32_t i = 0; i < f->n_names; i++) {
        if (equals_ignoring_case(s, f->names[i])) {
            *ret = f->lowest + i;
            return DR_OK;
        }
    }
    uint64_t v;
    if (!dr_parse_u64(s, &v) || v < (uint64_t)f->lowest || v > (uint64_t)f->highest)
        return dr_fail(err, DR_EDEF, "%s: '%.*s' is not a number from %d to %d%s", f->name,
                       (int)(s.n > 40 ? 40 : s.n), s.p, (int)f->lowest, (int)f->highest,
                       f->names ? " or a three-letter name" : "");
    *ret = (int32_t)v;
    return DR_OK;
}

/* The first and last value of "*", "5" or "1-5". */
static int32_t parse_range(const struct field *f, struct dr_str s, int32_t *ret_first, int32_t *ret_last,
                           struct dr_err *err)
{
    if (dr_str_eq(s, DR_LIT("*"))) {
        *ret_first = f->lowest;
        *ret_last = f->highest;
        return DR_OK;
    }
    const char *dash = s.n ? memchr(s.p, '-', s.n) : NULL;
    size_t n = dash ? (size_t)(dash - s.p) : s.n;
    DR_TRY(parse_value(f, (struct dr_str){ s.p, n }, ret_first, err));
    *ret_last = *ret_first;
    if (dash)
        DR_TRY(parse_value(f, (struct dr_str){ dash + 1, s.n - n - 1 }, ret_last, err));
    if (*ret_last < *ret_first)
        return dr_fail(err, DR_EDEF, "%s: the range %.*s ends before it starts", f->name, (int)s.n, s.p);
    return DR_OK;
}

/* One element of a list: a range, with "/step" perhaps. */
static int32_t parse_item(const struct field *f, struct dr_str s, uint64_t *bits, struct dr_err *err)
{
    const char *slash = s.n ? memchr(s.p, '/', s.n) : NULL;
    struct dr_str range = { s.p, slash ? (size_t)(slash - s.p) : s.n };
    int32_t first, last;
    DR_TRY(parse_range(f, range, &first, &last, err));
    uint64_t step = 1;
    if (slash) {
        struct dr_str text = { slash + 1, s.n - range.n - 1 };
        if (!dr_parse_u64(text, &step) || step == 0 || step > (uint64_t)f->highest)
            return dr_fail(err, DR_EDEF, "%s: the step after '/' must be a number from 1 to %d", f->name,
                           (int)f->highest);
        if (!dr_str_eq(range, DR_LIT("*")) && !memchr(range.p, '-', range.n))
            return dr_fail(err, DR_EDEF, "%s: a step needs a range; write '%.*s-%d/%d'", f->name,
                           (int)range.n, range.p, (int)f->highest, (int)step);
    }
    for (int32_t v = first; v <= last; v += (int32_t)step)
        *bits |= UINT64_C(1) << v;
    return DR_OK;
}

static int32_t parse_field(const struct field *f, struct dr_str s, uint64_t *ret, struct dr_err *err)
{
    uint64_t bits = 0;
    struct dr_str item;
    if (s.p[s.n - 1] == ',')
        return dr_fail(err, DR_EDEF, "%s: nothing after the last comma", f->name);
    while (dr_str_split(&s, ',', &item))
        DR_TRY(parse_item(f, item, &bits, err));
    *ret = bits;
    return DR_OK;
}

static int32_t expand_name(struct dr_str *text, struct dr_err *err)
{
    static const struct {
        const char *name, *fields;
    } macros[] = {
        { "@hourly", "0 * * * *" },   { "@daily", "0 0 * * *" },   { "@midnight", "0 0 * * *" },
        { "@weekly", "0 0 * * 0" },   { "@monthly", "0 0 1 * *" }, { "@yearly", "0 0 1 1 *" },
        { "@annually", "0 0 1 1 *" },
    };
    if (text->n == 0 || text->p[0] != '@')
        return DR_OK;
    for (size_t i = 0; i < sizeof(macros) / sizeof(macros[0]); i++) {
        if (equals_ignoring_case(*text, macros[i].name)) {
            *text = dr_str_of(macros[i].fields);
            return DR_OK;
        }
    }
    return dr_fail(err, DR_EDEF,
                   "'%.*s' is no schedule; there are @hourly, @daily, @midnight, @weekly, @monthly, "
                   "@yearly and @annually",
                   (int)(text->n > 40 ? 40 : text->n), text->p);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* The words of text; returns how many there are, storing at most N_FIELDS. */
static int split_words(struct dr_str text, struct dr_str ret[N_FIELDS])
{
    int n = 0;
    for (size_t at = 0; at < text.n;) {
        if (is_space(text.p[at])) {
            at++;
            continue;
        }
        size_t start = at;
        while (at < text.n && !is_space(text.p[at]))
            at++;
        if (n < N_FIELDS)
            ret[n] = (struct dr_str){ text.p + start, at - start };
        n++;
    }
    return n;
}

int32_t dr_cron_parse(struct dr_str text, struct dr_cron *ret, struct dr_err *err)
{
    text = dr_str_trim(text);
    DR_TRY(expand_name(&text, err));
    struct dr_str words[N_FIELDS];
    uint64_t bits[N_FIELDS];
    int n = split_words(text, words);
    if (n != N_FIELDS)
        return dr_fail(err, DR_EDEF,
                       "a schedule has 5 fields (minute, hour, day of month, month, day of week), "
                       "this has %d",
                       n);
    for (int i = 0; i < N_FIELDS; i++)
        DR_TRY(parse_field(&fields[i], words[i], &bits[i], err));
    *ret = (struct dr_cron){
        .minute = bits[0],
        .hour = (uint32_t)bits[1],
        .dom = (uint32_t)bits[2],
        .month = (uint32_t)bits[3],
        .dow = (uint8_t)((bits[4] & 127) | (bits[4] >> 7 & 1)),
        .dom_star = words[2].p[0] == '*',
        .dow_star = words[4].p[0] == '*',
        .wild_time = words[0].p[0] == '*' || words[1].p[0] == '*',
    };
    return DR_OK;
}

/* ---- matching local times ---------------------------------------------------------- */

#define US_PER_MIN (60 * DR_US_PER_S)
enum { MINUTES_PER_DAY = 1440, SEARCH_DAYS = 8 * 366 };

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Vixie's rule: two restricted day fields are alternatives. */
static bool day_matches(const struct dr_cron *c, int64_t day)
{
    struct dr_civil civil;
    dr_civil_from_days((int32_t)day, &civil);
    if (!(c->month >> civil.month & 1))
        return false;
    bool dom = c->dom >> civil.day & 1;
    bool dow = c->dow >> dr_weekday((int32_t)day) & 1;
    return c->dom_star || c->dow_star ? dom && dow : dom || dow;
}

/* The first matching minute of a day at or after tod, or -1. */
static int32_t time_from(const struct dr_cron *c, int32_t tod)
{
    for (int32_t hour = tod / 60; hour < 24; hour++) {
        uint64_t minutes = c->hour >> hour & 1 ? c->minute : 0;
        if (hour == tod / 60)
            minutes &= ~UINT64_C(0) << tod % 60;
        if (minutes)
            return hour * 60 + __builtin_ctzll(minutes);
    }
    return -1;
}

/* The last matching minute of a day at or before tod, or -1. */
static int32_t time_until(const struct dr_cron *c, int32_t tod)
{
    for (int32_t hour = tod / 60; hour >= 0; hour--) {
        uint64_t minutes = c->hour >> hour & 1 ? c->minute : 0;
        if (hour == tod / 60)
            minutes &= ~UINT64_C(0) >> (63 - tod % 60);
        if (minutes)
            return hour * 60 + 63 - __builtin_clzll(minutes);
    }
    return -1;
}

/* Local times are counted in minutes since 1970-01-01T00:00 of the local
 * calendar. The days that dates can be written for bound every search. */
static bool in_calendar(int64_t day)
{
    static const int32_t first = -719162, last = 2932896; /* 0001-01-01, 9999-12-31 */
    return day >= first && day <= last;
}

/* The first matching local minute at or after `from`. */
static bool match_from(const struct dr_cron *c, int64_t from, int64_t *ret)
{
    int64_t day = floor_div(from, MINUTES_PER_DAY);
    int32_t tod = (int32_t)(from - day * MINUTES_PER_DAY);
    for (int64_t end = day + SEARCH_DAYS; day <= end && in_calendar(day); day++, tod = 0) {
        int32_t minute = day_matches(c, day) ? time_from(c, tod) : -1;
        if (minute >= 0) {
            *ret = day * MINUTES_PER_DAY + minute;
            return true;
        }
    }
    return false;
}

/* The last matching local minute at or before `until`. */
static bool match_until(const struct dr_cron *c, int64_t until, int64_t *ret)
{
    int64_t day = floor_div(until, MINUTES_PER_DAY);
    int32_t tod = (int32_t)(until - day * MINUTES_PER_DAY);
    for (int64_t end = day - SEARCH_DAYS; day >= end && in_calendar(day); day--, tod = MINUTES_PER_DAY - 1) {
        int32_t minute = day_matches(c, day) ? time_until(c, tod) : -1;
        if (minute >= 0) {
            *ret = day * MINUTES_PER_DAY + minute;
            return true;
        }
    }
    return false;
}

/* ---- local times and instants --------------------------------------------------------- */

static int64_t offset_us(const struct dr_zone *z, int64_t us)
{
    struct dr_civil local;
    int32_t offset_s = 0;
    dr_zone_local(z, us, &local, &offset_s, NULL);
    return offset_s * DR_US_PER_S;
}

/* The one instant at which a fixed local time fires. */
static int64_t fixed_instant(const struct dr_zone *z, int64_t local_min)
{
    struct dr_civil local;
    int64_t us;
    dr_civil_from_us(local_min * US_PER_MIN, &local);
    dr_zone_instant(z, &local, &us, NULL);
    return us;
}

/* The offset at lo is not that at hi, and changes once between: the first
 * instant of the later piece. */
static int64_t bisect_change(const struct dr_zone *z, int64_t lo, int64_t hi)
{
    int64_t lo_offset = offset_us(z, lo);
    while (hi - lo > 1) {
        int64_t mid = lo + (hi - lo) / 2;
        if (offset_us(z, mid) == lo_offset)
            lo = mid;
        else
            hi = mid;
    }
    return hi;
}

/* Whether the offset changes in (from, to]; *ret is then the first instant of
 * the piece after from's. Zones keep an offset for longer than a day. */
static bool change_after(const struct dr_zone *z, int64_t from, int64_t to, int64_t *ret)
{
    int64_t offset = offset_us(z, from);
    while (from < to) {
        int64_t probe = to - from > DR_US_PER_DAY ? from + DR_US_PER_DAY : to;
        if (offset_us(z, probe) != offset) {
            *ret = bisect_change(z, from, probe);
            return true;
        }
        from = probe;
    }
    return false;
}

/* Whether the offset changes in (from, to]; *ret is then the first instant of
 * to's piece. */
static bool change_before(const struct dr_zone *z, int64_t from, int64_t to, int64_t *ret)
{
    int64_t offset = offset_us(z, to);
    while (from < to) {
        int64_t probe = to - from > DR_US_PER_DAY ? to - DR_US_PER_DAY : from;
        if (offset_us(z, probe) != offset) {
            *ret = bisect_change(z, probe, to);
            return true;
        }
        to = probe;
    }
    return false;
}

static int64_t ceil_minute(int64_t us)
{
    return -floor_div(-us, US_PER_MIN);
}

static bool next_by_clock(const struct dr_cron *c, const struct dr_zone *z, int64_t from, int64_t *ret)
{
    int64_t limit = from + SEARCH_DAYS * DR_US_PER_DAY;
    while (from < limit) {
        int64_t offset = offset_us(z, from);
        int64_t local_min, change;
        if (!match_from(c, ceil_minute(from + offset), &local_min))
            return false;
        int64_t us = local_min * US_PER_MIN - offset;
        if (!change_after(z, from, us, &change)) {
            *ret = us;
            return true;
        }
        from = change;
    }
    return false;
}

static bool prev_by_clock(const struct dr_cron *c, const struct dr_zone *z, int64_t until, int64_t *ret)
{
    int64_t limit = until - SEARCH_DAYS * DR_US_PER_DAY;
    while (until > limit) {
        int64_t offset = offset_us(z, until);
        int64_t local_min, change;
        if (!match_until(c, floor_div(until + offset, US_PER_MIN), &local_min))
            return false;
        int64_t us = local_min * US_PER_MIN - offset;
        if (!change_before(z, us, until, &change)) {
            *ret = us;
            return true;
        }
        until = change - 1;
    }
    return false;
}

static bool next_fixed(const struct dr_cron *c, const struct dr_zone *z, int64_t after, int64_t *ret)
{
    int64_t local_min = floor_div(after + offset_us(z, after), US_PER_MIN);
    while (match_from(c, local_min, &local_min)) {
        int64_t us = fixed_instant(z, local_min);
        if (us > after) {
            *ret = us;
            return true;
        }
        local_min++;
    }
    return false;
}

static bool prev_fixed(const struct dr_cron *c, const struct dr_zone *z, int64_t at, int64_t *ret)
{
    /* In the second pass of a fold, later local times have already fired. */
    int64_t now = offset_us(z, at), before = offset_us(z, at - DR_US_PER_DAY);
    int64_t local_min = floor_div(at + (before > now ? before : now), US_PER_MIN);
    while (match_until(c, local_min, &local_min)) {
        int64_t us = fixed_instant(z, local_min);
        if (us <= at) {
            *ret = us;
            return true;
        }
        local_min--;
    }
    return false;
}

/* The instants that can be written, without the first day: a zone may be a day before UTC. */
static const int64_t first_instant = INT64_C(-719161) * DR_US_PER_DAY,
                     last_instant = INT64_C(2932897) * DR_US_PER_DAY - 1;

/* Instants outside the calendar (INT64_MIN as "no start") are moved to its edge. */
static int64_t clamp_instant(int64_t us)
{
    return us < first_instant ? first_instant : us > last_instant ? last_instant : us;
}

static bool can_be_written(int64_t us)
{
    return us >= first_instant && us <= last_instant;
}

bool dr_cron_next(const struct dr_cron *c, const struct dr_zone *z, int64_t after_us, int64_t *ret_us)
{
    int64_t us, after = clamp_instant(after_us);
    bool found = c->wild_time ? next_by_clock(c, z, after + 1, &us) : next_fixed(c, z, after, &us);
    if (!found || !can_be_written(us))
        return false;
    *ret_us = us;
    return true;
}

bool dr_cron_prev(const struct dr_cron *c, const struct dr_zone *z, int64_t at_us, int64_t *ret_us)
{
    int64_t us, at = clamp_instant(at_us);
    bool found = c->wild_time ? prev_by_clock(c, z, at, &us) : prev_fixed(c, z, at, &us);
    if (!found || !can_be_written(us))
        return false;
    *ret_us = us;
    return true;
}
