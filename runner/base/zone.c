/* zone.c - IANA time zones from TZif files (RFC 8536).
 *
 *   header  "TZif" version 15*0, six 32-bit counts (big-endian)
 *   block   transition times, their types, type records, abbreviations,
 *           leap seconds, two arrays of flags
 *   version 2 and later: a second header and block with 64-bit times, then
 *   "\n" rule "\n", where the rule is a POSIX TZ string for what comes after
 *
 * Everything asked of a zone comes down to spans: the span of an instant is the
 * time around it during which the offset stays the same. Local time is the
 * instant plus its span's offset; an instant of a local time is sought in the
 * spans of the two days around it, which finds gaps and folds of any size.
 *
 * The file is not trusted: every count is held against its size, every index
 * against its array, and times must increase. */
#include "base/date.h"
#include "base/file.h"
#include <errno.h>
#include <stdlib.h>

enum { FILE_MAX_BYTES = 1 << 20, OFFSET_MAX_S = 26 * 3600, ABBREV_MAX = 16 };

struct zone_type {
    int32_t offset_s;   /* east of UTC */
    const char *abbrev; /* in the zone's arena */
};

/* A day of the year and a time on it: "Mm.w.d/time", "Jn", "n". */
struct rule_date {
    char kind; /* 'M', 'J' (no Feb 29) or '0' (from 0, with it) */
    int32_t month, week, weekday, day;
    int32_t time_s;
};

struct zone_rule {
    bool present, has_dst;
    struct zone_type std, dst;
    struct rule_date start, end; /* of daylight time */
};

struct dr_zone {
    const char *name;
    int32_t n_times;
    const int64_t *times;    /* increasing */
    const uint8_t *types_at; /* the type from times[i] on */
    struct zone_type *types; /* types[0] holds before the first time */
    struct zone_rule rule;
};

struct span {
    int64_t start, end; /* seconds: start <= t < end */
    const struct zone_type *type;
};

/* ---- the rule: dates in a year ------------------------------------------------ */

/* Seconds of the rule's moment in a year, on the local clock. */
static int64_t rule_moment(const struct rule_date *r, int32_t year)
{
    int64_t first = dr_days_from_civil(year, 1, 1), day;
    if (r->kind == 'M') {
        int32_t month_start = dr_days_from_civil(year, r->month, 1);
        int32_t ahead = (r->weekday - dr_weekday(month_start) + 7) % 7 + (r->week - 1) * 7;
        if (ahead >= dr_days_in_month(year, r->month)) /* week 5 is the last */
            ahead -= 7;
        day = month_start + ahead;
    } else if (r->kind == 'J') {
        bool after_leap_day = r->day >= 60 && dr_days_in_month(year, 2) == 29;
        day = first + r->day - 1 + after_leap_day;
    } else {
        day = first + r->day;
    }
    return day * 86400 + r->time_s;
}

/* Narrow *s to the side of the moment `at` that holds t; `after` applies from
 * then on. */
static void narrow(struct span *s, int64_t t, int64_t at, const struct zone_type *after)
{
    if (at <= t && at >= s->start) {
        s->start = at;
        s->type = after;
    } else if (at > t && at < s->end) {
        s->end = at;
    }
}

/* The span of t by the rule alone. Its moments in the years around t bound it;
 * the latest of those not after t says what applies. */
static struct span rule_span(const struct zone_rule *r, int64_t t)
{
    struct span s = { INT64_MIN, INT64_MAX, &r->std };
    if (!r->has_dst)
        return s;
    struct dr_civil c;
    int64_t days = t / 86400 - (t % 86400 < 0);
    dr_civil_from_days((int32_t)days, &c);
    for (int32_t year = c.year - 1; year <= c.year + 1; year++) {
        int64_t start = rule_moment(&r->start, year) - r->std.offset_s;
        int64_t end = rule_moment(&r->end, year) - r->dst.offset_s;
        /* In order, so that where one year's daylight time ends as the next
         * one's starts (a zone with nothing else), the start has the last word. */
        bool start_first = start < end;
        narrow(&s, t, start_first ? start : end, start_first ? &r->dst : &r->std);
        narrow(&s, t, start_first ? end : start, start_first ? &r->std : &r->dst);
    }
    return s;
}

static struct span table_span(const struct dr_zone *z, int64_t t)
{
    int32_t low = 0, high = z->n_times; /* the first time after t is in [low, high] */
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (z->times[middle] <= t)
            low = middle + 1;
        else
            high = middle;
    }
    return (struct span){
        .start = low > 0 ? z->times[low - 1] : INT64_MIN,
        .end = low < z->n_times ? z->times[low] : INT64_MAX,
        .type = low > 0 ? &z->types[z->types_at[low - 1]] : &z->types[0],
    };
}

static struct span zone_span(const struct dr_zone *z, int64_t t)
{
    int64_t last = z->n_times > 0 ? z->times[z->n_times - 1] : INT64_MIN;
    if (!z->rule.present || t < last)
        return table_span(z, t);
    struct span s = rule_span(&z->rule, t);
    if (s.start < last)
        s.start = last;
    return s;
}

/* ---- the rule: reading a POSIX TZ string ------------------------------------------ */

static bool take_int(struct dr_str *s, int32_t min, int32_t max, int32_t *ret)
{
    int32_t v = 0;
    size_t i = 0;
    for (; i < s->n && i < 4 && s->p[i] >= '0' && s->p[i] <= '9'; i++)
        v = v * 10 + (s->p[i] - '0');
    if (i == 0 || v < min || v > max)
        return false;
    s->p += i;
    s->n -= i;
    *ret = v;
    return true;
}

/* "[+-]hh[:mm[:ss]]" */
static bool take_seconds(struct dr_str *s, int32_t max_hours, int32_t *ret)
{
    bool negative = dr_str_take(s, '-');
    if (!negative)
        (void)dr_str_take(s, '+');
    int32_t hours, minutes = 0, seconds = 0;
    if (!take_int(s, 0, max_hours, &hours))
        return false;
    if (dr_str_take(s, ':')) {
        if (!take_int(s, 0, 59, &minutes))
            return false;
        if (dr_str_take(s, ':') && !take_int(s, 0, 59, &seconds))
            return false;
    }
    int32_t total = hours * 3600 + minutes * 60 + seconds;
    *ret = negative ? -total : total;
    return true;
}

/* "GMT" or "<+03>" */
static bool take_abbrev(struct dr_arena *a, struct dr_str *s, const char **ret)
{
    bool quoted = dr_str_take(s, '<');
    size_t n = 0;
    while (n < s->n && (quoted ? s->p[n] != '>' : (s->p[n] | 32) >= 'a' && (s->p[n] | 32) <= 'z'))
        n++;
    if (n < 3 || n > ABBREV_MAX || (quoted && n == s->n))
        return false;
    *ret = dr_arena_dup(a, s->p, n);
    s->p += n + quoted;
    s->n -= n + quoted;
    return true;
}

static bool take_rule_date(struct dr_str *s, struct rule_date *r)
{
    *r = (struct rule_date){ .kind = '0', .time_s = 2 * 3600 };
    bool ok;
    if (dr_str_take(s, 'M')) {
        r->kind = 'M';
        ok = take_int(s, 1, 12, &r->month) && dr_str_take(s, '.') && take_int(s, 1, 5, &r->week) &&
             dr_str_take(s, '.') && take_int(s, 0, 6, &r->weekday);
    } else if (dr_str_take(s, 'J')) {
        r->kind = 'J';
        ok = take_int(s, 1, 365, &r->day);
    } else {
        ok = take_int(s, 0, 365, &r->day);
    }
    if (ok && dr_str_take(s, '/'))
        ok = take_seconds(s, 167, &r->time_s);
    return ok;
}

/* "GMT0BST,M3.5.0/1,M10.5.0" */
static bool parse_rule(struct dr_arena *a, struct dr_str s, struct zone_rule *r)
{
    int32_t west;
    if (!take_abbrev(a, &s, &r->std.abbrev) || !take_seconds(&s, 25, &west))
        return false;
    r->std.offset_s = -west;
    r->present = true;
    if (s.n == 0)
        return true;
    r->has_dst = true;
    r->dst.offset_s = r->std.offset_s + 3600;
    if (!take_abbrev(a, &s, &r->dst.abbrev))
        return false;
    if (s.n > 0 && s.p[0] != ',') {
        if (!take_seconds(&s, 25, &west))
            return false;
        r->dst.offset_s = -west;
    }
    return dr_str_take(&s, ',') && take_rule_date(&s, &r->start) && dr_str_take(&s, ',') &&
           take_rule_date(&s, &r->end) && s.n == 0;
}

/* ---- reading TZif ---------------------------------------------------------------------- */

struct header {
    char version;
    uint32_t n_utc_flags, n_std_flags, n_leaps, n_times, n_types, n_chars;
};

static uint64_t big_endian(const char *p, int n)
{
    uint64_t v = 0;
    for (int i = 0; i < n; i++)
        v = v << 8 | (unsigned char)p[i];
    return v;
}

/* Cut n bytes off s; NULL where they are not there. */
static const char *take_bytes(struct dr_str *s, uint64_t n)
{
    if (n > s->n)
        return NULL;
    const char *p = s->p;
    s->p += n;
    s->n -= (size_t)n;
    return p;
}

static bool take_header(struct dr_str *s, struct header *h)
{
    const char *p = take_bytes(s, 44);
    if (!p || memcmp(p, "TZif", 4) != 0)
        return false;
    *h = (struct header){
        .version = p[4],
        .n_utc_flags = (uint32_t)big_endian(p + 20, 4),
        .n_std_flags = (uint32_t)big_endian(p + 24, 4),
        .n_leaps = (uint32_t)big_endian(p + 28, 4),
        .n_times = (uint32_t)big_endian(p + 32, 4),
        .n_types = (uint32_t)big_endian(p + 36, 4),
        .n_chars = (uint32_t)big_endian(p + 40, 4),
    };
    return true;
}

static uint64_t block_size(const struct header *h, uint64_t time_size)
{
    return h->n_times * (time_size + 1) + (uint64_t)h->n_types * 6 + h->n_chars +
           h->n_leaps * (time_size + 4) + h->n_std_flags + h->n_utc_flags;
}

static const char *read_times(struct dr_arena *a, struct dr_str *s, const struct header *h, int time_size,
                              struct dr_zone *z)
{
    const char *times = take_bytes(s, (uint64_t)h->n_times * (uint64_t)time_size);
    const char *types = take_bytes(s, h->n_times);
    int64_t *at = dr_arena_array(a, h->n_times, sizeof(*at));
    uint8_t *type = dr_arena_array(a, h->n_times, 1);
    for (uint32_t i = 0; i < h->n_times; i++) {
        uint64_t raw = big_endian(times + (size_t)i * (size_t)time_size, time_size);
        at[i] = time_size == 4 ? (int64_t)(int32_t)(uint32_t)raw : (int64_t)raw;
        type[i] = (uint8_t)types[i];
        if (i > 0 && at[i] <= at[i - 1])
            return "its transition times do not increase";
        if (type[i] >= h->n_types)
            return "a transition refers to a type that is not there";
    }
    z->times = at;
    z->types_at = type;
    z->n_times = (int32_t)h->n_times;
    return NULL;
}

static const char *read_types(struct dr_arena *a, struct dr_str *s, const struct header *h, struct dr_zone *z)
{
    const char *records = take_bytes(s, (uint64_t)h->n_types * 6);
    const char *chars = take_bytes(s, h->n_chars);
    const char *names = dr_arena_dup(a, chars, h->n_chars); /* ends the last one, too */
    z->types = dr_arena_array(a, h->n_types, sizeof(*z->types));
    for (uint32_t i = 0; i < h->n_types; i++) {
        const char *record = records + (size_t)i * 6;
        int32_t offset = (int32_t)(uint32_t)big_endian(record, 4);
        uint32_t name = (unsigned char)record[5];
        if (offset < -OFFSET_MAX_S || offset > OFFSET_MAX_S)
            return "an offset from UTC is more than 26 hours";
        if (name >= h->n_chars)
            return "an abbreviation is not there";
        z->types[i] = (struct zone_type){ offset, names + name };
    }
    return NULL;
}

/* Read a block, whose size is known to be there. Returns what is wrong, or NULL. */
static const char *read_block(struct dr_arena *a, struct dr_str s, const struct header *h, int time_size,
                              struct dr_zone *z)
{
    if (h->n_types == 0 || h->n_types > 256 || h->n_chars == 0)
        return "it has no types";
    if (h->n_leaps > 0)
        return "it counts leap seconds, which instants here do not";
    const char *problem = read_times(a, &s, h, time_size, z);
    return problem ? problem : read_types(a, &s, h, z);
}

static const char *read_footer(struct dr_arena *a, struct dr_str s, struct dr_zone *z)
{
    struct dr_str rule;
    if (!dr_str_take(&s, '\n'))
        return "its rule is missing";
    size_t n = s.n;
    if (!dr_str_split(&s, '\n', &rule) || rule.n == n)
        return "its rule does not end";
    if (rule.n > 0 && !parse_rule(a, rule, &z->rule))
        return "its rule for later years is not a POSIX TZ string";
    return NULL;
}

static const char *read_tzif(struct dr_arena *a, struct dr_str s, struct dr_zone *z)
{
    struct header h;
    if (!take_header(&s, &h))
        return "it is not a TZif file";
    if (block_size(&h, 4) > s.n)
        return "it is cut short";
    if (h.version == '\0')
        return read_block(a, s, &h, 4, z);
    (void)take_bytes(&s, block_size(&h, 4));
    if (!take_header(&s, &h) || block_size(&h, 8) > s.n)
        return "it is cut short";
    const char *problem = read_block(a, s, &h, 8, z);
    if (problem)
        return problem;
    (void)take_bytes(&s, block_size(&h, 8));
    return read_footer(a, s, z);
}

/* ---- the interface ----------------------------------------------------------------------- */

/* Names become paths, so they must not lead out of the folder. */
static bool is_zone_name(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/.");
    return n >= 1 && n <= 100 && !name[n] && name[0] != '/' && name[0] != '.' && !strstr(name, "..");
}

static struct dr_zone *zone_utc(struct dr_arena *a)
{
    struct dr_zone *z = DR_NEW(a, struct dr_zone);
    z->name = "UTC";
    z->types = DR_NEW(a, struct zone_type);
    z->types[0].abbrev = "UTC";
    return z;
}

int32_t dr_zone_load(struct dr_arena *a, const char *name, const struct dr_zone **ret, struct dr_err *err)
{
    if (dr_streq(name, "UTC")) {
        *ret = zone_utc(a);
        return DR_OK;
    }
    if (!is_zone_name(name))
        return dr_fail(err, DR_EINPUT, "'%s' is not the name of a time zone (\"Europe/London\", \"UTC\")",
                       name);
    const char *dir = getenv("TZDIR");
    const char *path = dr_path_join(a, dir && dir[0] ? dir : "/usr/share/zoneinfo", name);
    DR_AUTO_ARENA scratch = { 0 };
    struct dr_str bytes;
    struct dr_err cause = { 0 };
    int32_t rc = dr_read_file(&scratch, path, FILE_MAX_BYTES, &bytes, &cause);
    if (rc && (cause.sys == ENOENT || cause.sys == ENOTDIR || cause.sys == EISDIR))
        return dr_fail(
            err, DR_ENOTFOUND,
            "time zone '%s' is not known: there is no file '%s' (is the package tzdata installed?)", name,
            path);
    if (rc)
        return dr_fail(err, rc, "time zone '%s': %s", name, cause.msg);
    struct dr_zone *z = DR_NEW(a, struct dr_zone);
    z->name = dr_arena_strdup(a, name);
    const char *problem = read_tzif(a, bytes, z);
    if (problem)
        return dr_fail(err, DR_EINPUT, "time zone '%s': '%s' cannot be used: %s", name, path, problem);
    *ret = z;
    return DR_OK;
}

const char *dr_zone_name(const struct dr_zone *z)
{
    return z->name;
}

void dr_zone_local(const struct dr_zone *z, int64_t us, struct dr_civil *ret, int32_t *ret_offset_s,
                   const char **ret_abbrev)
{
    int64_t t = us / DR_US_PER_S, micro = us % DR_US_PER_S;
    if (micro < 0) {
        micro += DR_US_PER_S;
        t--;
    }
    const struct zone_type *type = zone_span(z, t).type;
    int64_t local = t + type->offset_s;
    int64_t days = local / 86400 - (local % 86400 < 0);
    int32_t of_day = (int32_t)(local - days * 86400);
    dr_civil_from_days((int32_t)days, ret);
    ret->hour = of_day / 3600;
    ret->minute = of_day / 60 % 60;
    ret->second = of_day % 60;
    ret->micro = (int32_t)micro;
    if (ret_offset_s)
        *ret_offset_s = type->offset_s;
    if (ret_abbrev)
        *ret_abbrev = type->abbrev;
}

enum dr_local_kind dr_zone_instant(const struct dr_zone *z, const struct dr_civil *local, int64_t *ret_us,
                                   int64_t *ret_second_us)
{
    struct dr_civil whole = *local;
    whole.micro = 0;
    int64_t wall = dr_us_from_civil(&whole) / DR_US_PER_S;
    int64_t found[2], gap_end = wall;
    int n_found = 0;
    bool overshot = false; /* the local time lies past the end of the span before */
    for (int64_t t = wall - 2 * 86400; t < wall + 2 * 86400 && n_found < 2;) {
        struct span s = zone_span(z, t);
        int64_t instant = wall - s.type->offset_s;
        if (instant >= s.start && instant < s.end)
            found[n_found++] = instant;
        else if (overshot && instant < s.start)
            gap_end = s.start;
        overshot = instant >= s.end;
        t = s.end;
    }
    if (n_found == 0) {
        *ret_us = gap_end * DR_US_PER_S;
        return DR_LOCAL_GAP;
    }
    *ret_us = found[0] * DR_US_PER_S + local->micro;
    if (n_found == 2 && ret_second_us)
        *ret_second_us = found[1] * DR_US_PER_S + local->micro;
    return n_found == 2 ? DR_LOCAL_FOLD : DR_LOCAL_ONE;
}
