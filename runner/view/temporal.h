/* temporal.h - FHIR's dates and times, which may be partial: 2010, 2010-05,
 * 2010-05-03T10:30+02:00, 12:34. Layer: view. */
#ifndef DR_VIEW_TEMPORAL_H
#define DR_VIEW_TEMPORAL_H
#include "base/date.h"

enum dr_temporal_kind { DR_TEMPORAL_DATE, DR_TEMPORAL_DATETIME, DR_TEMPORAL_TIME };
/* What is written; the rest is not known. Seconds and their fraction are one precision. */
enum dr_precision { DR_YEAR = 1, DR_MONTH, DR_DAY, DR_HOUR, DR_MINUTE, DR_SECOND };
struct dr_temporal {
    enum dr_temporal_kind kind;
    enum dr_precision precision;
    struct dr_civil c; /* year 1970-01-01 where it is a TIME */
    bool millis;       /* a fraction of a second was written */
    bool zoned;
    int32_t offset_min; /* east of UTC, where zoned */
};
/* Text as FHIR writes it: a DATE where there is no 'T', a TIME where it is hh:mm...;
 * false where it is neither. */
bool dr_temporal_parse(struct dr_str text, struct dr_temporal *ret);
/* -1, 0 or 1; false where it cannot be known because one is less precise than the
 * other, or has a zone where the other has none, or a date meets a time. */
bool dr_temporal_cmp(const struct dr_temporal *a, const struct dr_temporal *b, int *ret);
#define DR_TEMPORAL_TEXT 48
/* The first or last instant that the text may stand for: 1970-06 as DATE gives
 * 1970-06-01 and 1970-06-30, as DATETIME 1970-06-01T00:00:00.000+14:00 and so on. digits
 * is FHIRPath's precision (4, 6, 8, 10, 12, 14, 17; TIME 2, 4, 6, 9), 0 for all.
 * Returns the length, 0 where the precision does not exist. */
size_t dr_temporal_boundary(const struct dr_temporal *t, enum dr_temporal_kind as, bool high, int32_t digits,
                            char ret[DR_TEMPORAL_TEXT]);
#endif
