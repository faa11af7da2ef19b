/* cron.h - schedules: five-field cron expressions, @daily and its kin, and
 * their times in a zone. Layer: model.
 *
 * Semantics of Vixie cron: where both day fields are restricted, either
 * matches. In a DST gap a time that does not exist fires at the first instant
 * after the gap, once; in a fold a fixed time fires at the first occurrence
 * only, while a wildcard-hour or -minute schedule follows the clock. */
#ifndef DR_CRON_H
#define DR_CRON_H
#include "base/date.h"

struct dr_cron {
    uint64_t minute;                    /* bit 0..59 */
    uint32_t hour, dom, month;          /* bits 0..23, 1..31, 1..12 */
    uint8_t dow;                        /* bits 0..6, 0 Sunday; 7 is 0 */
    bool dom_star, dow_star, wild_time; /* wild_time: minute or hour is a wildcard or step */
};
/* Lists, ranges, steps, names (JAN, mon); @hourly @daily @midnight @weekly
 * @monthly @yearly @annually. err says which field and what was expected. */
int32_t dr_cron_parse(struct dr_str text, struct dr_cron *ret, struct dr_err *err);
/* The first fire time strictly after / at or before an instant; false where
 * there is none within 8 years (31 February), or in the years 1 to 9999. */
bool dr_cron_next(const struct dr_cron *c, const struct dr_zone *z, int64_t after_us, int64_t *ret_us);
bool dr_cron_prev(const struct dr_cron *c, const struct dr_zone *z, int64_t at_us, int64_t *ret_us);
/* "at 02:30 every day", in English. */
void dr_cron_describe(const struct dr_cron *c, struct dr_buf *out);
#endif
