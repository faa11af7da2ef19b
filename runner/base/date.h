/* date.h - civil dates, instants and time zones. Layer: base.
 *
 * Days count from 1970-01-01 in the proleptic Gregorian calendar, years 1 to
 * 9999. Instants are microseconds since 1970-01-01T00:00:00Z, without leap
 * seconds. libc's mktime and TZ are not used: they are process-global and move
 * times in a DST gap without a word. */
#ifndef DR_DATE_H
#define DR_DATE_H
#include "base/str.h"

#define DR_US_PER_S INT64_C(1000000)
#define DR_US_PER_DAY INT64_C(86400000000)

struct dr_civil {
    int32_t year, month, day; /* 1..9999, 1..12, 1..31 */
    int32_t hour, minute, second, micro;
};
bool dr_civil_valid(int32_t year, int32_t month, int32_t day);
int32_t dr_days_in_month(int32_t year, int32_t month);
int32_t dr_days_from_civil(int32_t year, int32_t month, int32_t day);
void dr_civil_from_days(int32_t days, struct dr_civil *ret); /* time of day 0 */
int64_t dr_us_from_civil(const struct dr_civil *c);          /* read as UTC */
void dr_civil_from_us(int64_t us, struct dr_civil *ret);     /* shown in UTC */
int32_t dr_weekday(int32_t days);                            /* 0 Sunday .. 6 Saturday */

/* ISO 8601 "YYYY-MM-DD", exactly. */
bool dr_parse_date(struct dr_str s, int32_t *ret_days);
/* "YYYY-MM-DD[(T| )HH:MM[:SS[.f{1,9}]][Z|(+|-)HH[:]MM]]". *ret_zoned tells
 * whether an offset was written; without one the time is taken as is. */
bool dr_parse_timestamp(struct dr_str s, int64_t *ret_us, bool *ret_zoned);
/* A strptime-like format: %Y %m %d %H %M %S %f %y %b %B %j %p %I %a %A %z %Z %%;
 * as Python's datetime.strptime, the whole text must match. Also %c %x %X %U %W %w
 * %u %G %V; an ISO week that its year lacks is refused. ret_offset_s may be NULL. */
bool dr_strptime(struct dr_str s, const char *format, struct dr_civil *ret, int32_t *ret_offset_s);
/* Whether Python's strptime would know the format; err names the directive. */
int32_t dr_strptime_check(const char *format, struct dr_err *err);

#define DR_DATE_TEXT 16
#define DR_TIME_TEXT 40
size_t dr_format_date(int32_t days, char ret[DR_DATE_TEXT]);
/* "2024-03-01T02:30:00Z", with ".123456" where the fraction is not 0; zoned =
 * false leaves out the Z. */
size_t dr_format_timestamp(int64_t us, bool zoned, char ret[DR_TIME_TEXT]);

/* An IANA zone, read from the system's TZif files (RFC 8536) with its footer
 * rule for years past the table; "UTC" needs no file. Immutable. */
struct dr_zone;
int32_t dr_zone_load(struct dr_arena *a, const char *name, const struct dr_zone **ret, struct dr_err *err);
const char *dr_zone_name(const struct dr_zone *z);
/* Local civil time of an instant; *ret_offset_s (may be NULL) east of UTC,
 * *ret_abbrev (may be NULL) e.g. "BST". */
void dr_zone_local(const struct dr_zone *z, int64_t us, struct dr_civil *ret, int32_t *ret_offset_s,
                   const char **ret_abbrev);
enum dr_local_kind { DR_LOCAL_ONE, DR_LOCAL_GAP, DR_LOCAL_FOLD };
/* The instant of a local time. GAP: the time does not exist; *ret_us is the
 * first instant after the gap. FOLD: it occurs twice; *ret_us is the first,
 * *ret_second_us (may be NULL) the second. */
enum dr_local_kind dr_zone_instant(const struct dr_zone *z, const struct dr_civil *local, int64_t *ret_us,
                                   int64_t *ret_second_us);

/* The clocks. dr_now_us obeys DAGRUN_NOW (ISO 8601), a fixed clock for tests;
 * what is not a time there is ignored. */
int64_t dr_now_us(void);
int64_t dr_monotonic_us(void);
#endif
