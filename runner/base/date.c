/* date.c - the civil calendar, ISO 8601 and the clocks.
 *
 * Days and dates convert through years that start in March, so that the leap
 * day comes last and a month's place in the year is a linear formula; 400 years
 * have 146,097 days (see Howard Hinnant, "chrono-compatible low-level date
 * algorithms"). */
#include "base/date.h"
#include "base/num.h"
#include <stdlib.h>
#include <time.h>

enum { DAYS_PER_ERA = 146097, EPOCH_FROM_MARCH_0000 = 719468 };

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static bool is_leap(int32_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int32_t dr_days_in_month(int32_t year, int32_t month)
{
    static const int8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    if (month < 1 || month > 12)
        return 0;
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

bool dr_civil_valid(int32_t year, int32_t month, int32_t day)
{
    return year >= 1 && year <= 9999 && day >= 1 && day <= dr_days_in_month(year, month);
}

int32_t dr_days_from_civil(int32_t year, int32_t month, int32_t day)
{
    int64_t y = (int64_t)year - (month <= 2);
    int64_t era = floor_div(y, 400), year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return (int32_t)(era * DAYS_PER_ERA + day_of_era - EPOCH_FROM_MARCH_0000);
}

void dr_civil_from_days(int32_t days, struct dr_civil *ret)
{
    int64_t z = (int64_t)days + EPOCH_FROM_MARCH_0000;
    int64_t era = floor_div(z, DAYS_PER_ERA);
    int32_t doe = (int32_t)(z - era * DAYS_PER_ERA);
    int32_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int32_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int32_t from_march = (5 * doy + 2) / 153;
    int32_t month = from_march + (from_march < 10 ? 3 : -9);
    *ret = (struct dr_civil){
        .year = (int32_t)(yoe + era * 400 + (month <= 2)),
        .month = month,
        .day = doy - (153 * from_march + 2) / 5 + 1,
    };
}

int64_t dr_us_from_civil(const struct dr_civil *c)
{
    int64_t days = dr_days_from_civil(c->year, c->month, c->day);
    int64_t seconds = days * 86400 + c->hour * INT64_C(3600) + c->minute * INT64_C(60) + c->second;
    return seconds * DR_US_PER_S + c->micro;
}

void dr_civil_from_us(int64_t us, struct dr_civil *ret)
{
    int64_t days = floor_div(us, DR_US_PER_DAY);
    int64_t of_day = us % DR_US_PER_DAY;
    if (of_day < 0)
        of_day += DR_US_PER_DAY;
    int32_t second = (int32_t)(of_day / DR_US_PER_S);
    dr_civil_from_days((int32_t)days, ret);
    ret->hour = second / 3600;
    ret->minute = second / 60 % 60;
    ret->second = second % 60;
    ret->micro = (int32_t)(of_day % DR_US_PER_S);
}

int32_t dr_weekday(int32_t days)
{
    int64_t since_sunday = (int64_t)days + 4; /* 1970-01-01 was a Thursday */
    return (int32_t)(since_sunday - floor_div(since_sunday, 7) * 7);
}

/* ---- reading ------------------------------------------------------------------ */

/* Cut a number of exactly `width` digits off s. */
static bool take_number(struct dr_str *s, size_t width, int32_t *ret)
{
    if (s->n < width)
        return false;
    int32_t v = 0;
    for (size_t i = 0; i < width; i++) {
        if (s->p[i] < '0' || s->p[i] > '9')
            return false;
        v = v * 10 + (s->p[i] - '0');
    }
    s->p += width;
    s->n -= width;
    *ret = v;
    return true;
}

static bool take_date(struct dr_str *s, struct dr_civil *c)
{
    return take_number(s, 4, &c->year) && dr_str_take(s, '-') && take_number(s, 2, &c->month) &&
           dr_str_take(s, '-') && take_number(s, 2, &c->day) && dr_civil_valid(c->year, c->month, c->day);
}

/* The digits after "SS.": one to nine, of which six count. */
static bool take_fraction(struct dr_str *s, int32_t *ret_micro)
{
    int32_t micro = 0, digit;
    size_t n = 0;
    while (n < 9 && take_number(s, 1, &digit)) {
        if (n < 6)
            micro = micro * 10 + digit;
        n++;
    }
    for (size_t i = n; i < 6; i++)
        micro *= 10;
    *ret_micro = micro;
    return n > 0;
}

static bool take_time(struct dr_str *s, struct dr_civil *c)
{
    if (!take_number(s, 2, &c->hour) || !dr_str_take(s, ':') || !take_number(s, 2, &c->minute))
        return false;
    if (dr_str_take(s, ':')) {
        if (!take_number(s, 2, &c->second))
            return false;
        if (dr_str_take(s, '.') && !take_fraction(s, &c->micro))
            return false;
    }
    return c->hour < 24 && c->minute < 60 && c->second < 60;
}

/* "Z", "+01:00", "+0100" or nothing. */
static bool take_offset(struct dr_str *s, int32_t *ret_offset_s, bool *ret_zoned)
{
    *ret_offset_s = 0;
    *ret_zoned = s->n > 0;
    if (s->n == 0 || dr_str_take(s, 'Z'))
        return true;
    bool west = dr_str_take(s, '-');
    int32_t hours, minutes;
    if (!west && !dr_str_take(s, '+'))
        return false;
    if (!take_number(s, 2, &hours))
        return false;
    (void)dr_str_take(s, ':');
    if (!take_number(s, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *ret_offset_s = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
    return true;
}

bool dr_parse_date(struct dr_str s, int32_t *ret_days)
{
    struct dr_civil c;
    if (!take_date(&s, &c) || s.n > 0)
        return false;
    *ret_days = dr_days_from_civil(c.year, c.month, c.day);
    return true;
}

/* The instants of the years 1 to 9999. */
static bool is_in_range(int64_t us)
{
    int64_t first = dr_days_from_civil(1, 1, 1), past = dr_days_from_civil(10000, 1, 1);
    return us >= first * DR_US_PER_DAY && us < past * DR_US_PER_DAY;
}

bool dr_parse_timestamp(struct dr_str s, int64_t *ret_us, bool *ret_zoned)
{
    struct dr_civil c = { 0 };
    int32_t offset_s = 0;
    bool zoned = false;
    if (!take_date(&s, &c))
        return false;
    if (s.n > 0) {
        if (!dr_str_take(&s, 'T') && !dr_str_take(&s, ' '))
            return false;
        if (!take_time(&s, &c) || !take_offset(&s, &offset_s, &zoned) || s.n > 0)
            return false;
    }
    int64_t us = dr_us_from_civil(&c) - offset_s * DR_US_PER_S;
    if (!is_in_range(us))
        return false;
    *ret_us = us;
    *ret_zoned = zoned;
    return true;
}

/* ---- writing --------------------------------------------------------------------- */

/* v with at least width digits, at *at, which moves. */
static void put_padded(char **at, int32_t v, int width)
{
    char digits[DR_I64_TEXT];
    size_t n = dr_format_i64(v < 0 ? -(int64_t)v : v, digits);
    if (v < 0)
        *(*at)++ = '-';
    for (size_t i = n; i < (size_t)width; i++)
        *(*at)++ = '0';
    memcpy(*at, digits, n);
    *at += n;
}

static void put_date(char **at, const struct dr_civil *c)
{
    put_padded(at, c->year, 4);
    *(*at)++ = '-';
    put_padded(at, c->month, 2);
    *(*at)++ = '-';
    put_padded(at, c->day, 2);
}

size_t dr_format_date(int32_t days, char ret[DR_DATE_TEXT])
{
    struct dr_civil c;
    dr_civil_from_days(days, &c);
    char *at = ret;
    put_date(&at, &c);
    *at = '\0';
    return (size_t)(at - ret);
}

size_t dr_format_timestamp(int64_t us, bool zoned, char ret[DR_TIME_TEXT])
{
    struct dr_civil c;
    dr_civil_from_us(us, &c);
    char *at = ret;
    put_date(&at, &c);
    *at++ = 'T';
    put_padded(&at, c.hour, 2);
    *at++ = ':';
    put_padded(&at, c.minute, 2);
    *at++ = ':';
    put_padded(&at, c.second, 2);
    if (c.micro) {
        *at++ = '.';
        put_padded(&at, c.micro, 6);
    }
    if (zoned)
        *at++ = 'Z';
    *at = '\0';
    return (size_t)(at - ret);
}

/* ---- the clocks -------------------------------------------------------------------- */

static int64_t clock_us(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now); /* cannot fail for these clocks */
    return (int64_t)now.tv_sec * DR_US_PER_S + now.tv_nsec / 1000;
}

int64_t dr_now_us(void)
{
    const char *fixed = getenv("DAGRUN_NOW");
    int64_t us;
    bool zoned;
    if (fixed && dr_parse_timestamp(dr_str_of(fixed), &us, &zoned))
        return us;
    return clock_us(CLOCK_REALTIME);
}

int64_t dr_monotonic_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}
