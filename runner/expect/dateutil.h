/* dateutil.h - dates as people write them, read by the rules of Python's
 * dateutil.parser.parse. Layer: expect.
 *
 * Accepted, in any order that leaves no doubt: ISO 8601 (also compact), month
 * and weekday names in English, day/month/year with / - . or spaces (month
 * first unless the first number exceeds 12), two-digit years (within 50 years
 * of now), 12 and 24 hour times with fractions, AM and PM, UTC, GMT, Z and
 * numeric offsets. What a date lacks is taken from today, as dateutil does. */
#ifndef DR_DATEUTIL_H
#define DR_DATEUTIL_H
#include "base/date.h"

/* *ret_offset_s is east of UTC and 0 where *ret_zoned is false. */
bool dr_dateutil_parse(struct dr_str text, struct dr_civil *ret, bool *ret_zoned, int32_t *ret_offset_s);
#endif
