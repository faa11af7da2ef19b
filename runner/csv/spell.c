/* spell.c - any spelling of a value, and which of them may be inferred. */
#include "csv/spell.h"
#include <math.h>
#include <pthread.h>
#include "csv/infer.h"
#include "data/decimal.h"

/* ---- months --------------------------------------------------------------- */

static struct dr_csv_months the_months;

static void make_months(void)
{
    for (int32_t i = 0; i <= DR_CSV_YEARS * 12; i++)
        the_months.first[i] = dr_days_from_civil(DR_CSV_FIRST_YEAR + i / 12, i % 12 + 1, 1);
}

const struct dr_csv_months *dr_csv_months(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_months);
    return &the_months;
}

/* ---- values ---------------------------------------------------------------- */

static bool spell_bool(struct dr_str s, uint8_t *ret)
{
    bool v;
    if (!dr_parse_bool(s, &v))
        return false;
    *ret = v;
    return true;
}

static bool spell_decimal(struct dr_str s, int32_t scale, char *ret)
{
    dr_int128 v;
    int32_t written;
    if (!dr_parse_decimal(s, &v, &written) || written > scale || !dr_decimal_rescale(v, written, scale, &v))
        return false;
    memcpy(ret, &v, sizeof v);
    return true;
}

static bool spell_timestamp(struct dr_str s, bool zoned, int64_t *ret)
{
    bool is_zoned;
    return dr_parse_timestamp(s, ret, &is_zoned) && is_zoned == zoned;
}

bool dr_csv_spell(const struct dr_csv_kind *kind, struct dr_str s, void *values, int64_t i)
{
    if (kind->inferred && !(dr_csv_candidates(s) & dr_csv_candidate(kind)))
        return false;
    switch (kind->type) {
    case DR_TYPE_BOOL:
        return spell_bool(s, (uint8_t *)values + i);
    case DR_TYPE_INT64:
        return dr_parse_i64(s, (int64_t *)values + i);
    case DR_TYPE_FLOAT64:
        return dr_parse_f64(s, false, (double *)values + i);
    case DR_TYPE_DATE:
        return dr_parse_date(s, (int32_t *)values + i);
    case DR_TYPE_TIMESTAMP:
        return spell_timestamp(s, kind->zoned, (int64_t *)values + i);
    case DR_TYPE_DECIMAL:
        return spell_decimal(s, kind->scale, (char *)values + i * 16);
    default:
        return false;
    }
}
