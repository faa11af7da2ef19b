/* order_key.h - numbers and times as uint64_t that sort as they do. Layer: expect. */
#ifndef DR_ORDER_KEY_H
#define DR_ORDER_KEY_H
#include <math.h>
#include "base/date.h"
#include "data/column.h"

#define DR_KEY_SIGN (UINT64_C(1) << 63)

static inline uint64_t dr_key_of_f64(double f)
{
    uint64_t k;
    f = f == 0 ? 0 : f; /* -0.0 equals 0.0 */
    memcpy(&k, &f, sizeof k);
    return k & DR_KEY_SIGN ? ~k : k | DR_KEY_SIGN;
}
static inline double dr_f64_of_key(uint64_t k)
{
    double f;
    k = k & DR_KEY_SIGN ? k & ~DR_KEY_SIGN : ~k;
    memcpy(&f, &k, sizeof f);
    return f;
}
static inline uint64_t dr_key_of_i64(int64_t i)
{
    return (uint64_t)i ^ DR_KEY_SIGN;
}
static inline double dr_decimal_f64_at(const struct dr_array *a, int64_t i)
{
    __extension__ __int128 d;
    memcpy(&d, (const char *)a->values + i * 16, sizeof d);
    return (double)d / pow(10, a->scale);
}
static inline double dr_f64_at(const struct dr_array *a, int64_t i)
{
    switch (a->type) {
    case DR_TYPE_BOOL:
        return dr_bit(a->values, i);
    case DR_TYPE_INT64:
    case DR_TYPE_TIMESTAMP:
        return (double)((const int64_t *)a->values)[i];
    case DR_TYPE_DATE:
        return (double)((const int32_t *)a->values)[i] * (double)DR_US_PER_DAY;
    case DR_TYPE_DECIMAL:
        return dr_decimal_f64_at(a, i);
    default:
        return ((const double *)a->values)[i];
    }
}
/* BOOL, INT64, DATE, TIMESTAMP as integers (dates in microseconds), others as doubles. */
static inline uint64_t dr_key_at(const struct dr_array *a, int64_t i)
{
    switch (a->type) {
    case DR_TYPE_BOOL:
        return dr_key_of_i64(dr_bit(a->values, i));
    case DR_TYPE_INT64:
    case DR_TYPE_TIMESTAMP:
        return dr_key_of_i64(((const int64_t *)a->values)[i]);
    case DR_TYPE_DATE:
        return dr_key_of_i64(((const int32_t *)a->values)[i] * DR_US_PER_DAY);
    default:
        return dr_key_of_f64(dr_f64_at(a, i));
    }
}
#endif
