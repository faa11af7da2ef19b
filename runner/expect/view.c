/* view.c - measures of a column: sums, order, distinct values. See plan.h.
 *
 * Numbers and times get an order key, a uint64_t that sorts as the value does,
 * so one radix sort serves every type. Where a column came as texts of few
 * distinct values, these with their counts do instead (distinct.c). */
#include "expect/plan.h"
#include <math.h>
#include "base/date.h"

#define SIGN_BIT (UINT64_C(1) << 63)

static uint64_t key_of_f64(double f)
{
    uint64_t k;
    f = f == 0 ? 0 : f;
    memcpy(&k, &f, sizeof k);
    return k & SIGN_BIT ? ~k : k | SIGN_BIT;
}

static double f64_of_key(uint64_t k)
{
    double f;
    k = k & SIGN_BIT ? k & ~SIGN_BIT : ~k;
    memcpy(&f, &k, sizeof f);
    return f;
}

static struct dr_value value_of_key(const struct dr_source *s, uint64_t k)
{
    int64_t i = (int64_t)(k ^ SIGN_BIT);
    switch (s->typed->type) {
    case DR_TYPE_BOOL:
        return (struct dr_value){ .kind = DR_VALUE_BOOL, .i = i, .f = (double)i };
    case DR_TYPE_DATE:
        return (struct dr_value){ .kind = DR_VALUE_DATE, .i = i };
    case DR_TYPE_TIMESTAMP:
        return (struct dr_value){ .kind = DR_VALUE_TIME, .i = i, .zoned = s->typed->zoned };
    case DR_TYPE_INT64:
        return dr_value_of_int(i);
    default:
        return dr_value_of_float(f64_of_key(k));
    }
}

struct dr_value dr_view_sorted_value(const struct dr_view *v, int64_t i)
{
    return value_of_key(v->source, v->sorted[i]);
}

/* Bits of m rows from any row on. */
static uint64_t window(const uint64_t *set, int64_t row, int m)
{
    int shift = (int)(row & 63);
    uint64_t w = set[row >> 6] >> shift;
    if (shift && shift + m > 64)
        w |= set[(row >> 6) + 1] << (64 - shift);
    return m == 64 ? w : w & ((UINT64_C(1) << m) - 1);
}

/* Calls fn for each run of up to 64 rows of the view, with the bits that count. */
typedef void (*block_fn)(void *ctx, const struct dr_array *a, int64_t i, uint64_t bits);
static void each_block(const struct dr_view *v, block_fn fn, void *ctx)
{
    const struct dr_column *c = v->source->typed;
    for (int32_t k = 0; k < c->n; k++)
        for (int64_t i = 0; i < c->chunk[k]->n; i += 64) {
            int m = c->chunk[k]->n - i < 64 ? (int)(c->chunk[k]->n - i) : 64;
            uint64_t bits = window(v->rows, c->start[k] + i, m);
            if (bits)
                fn(ctx, c->chunk[k], i, bits);
        }
}

static double decimal_at(const struct dr_array *a, int64_t i)
{
    __extension__ __int128 d;
    memcpy(&d, (const char *)a->values + i * 16, sizeof d);
    return (double)d / pow(10, a->scale);
}

static double f64_at(const struct dr_array *a, int64_t i)
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
        return decimal_at(a, i);
    default:
        return ((const double *)a->values)[i];
    }
}

static uint64_t key_at(const struct dr_array *a, int64_t i)
{
    switch (a->type) {
    case DR_TYPE_BOOL:
        return (uint64_t)dr_bit(a->values, i) ^ SIGN_BIT;
    case DR_TYPE_INT64:
    case DR_TYPE_TIMESTAMP:
        return ((const uint64_t *)a->values)[i] ^ SIGN_BIT;
    case DR_TYPE_DATE:
        return (uint64_t)(((const int32_t *)a->values)[i] * DR_US_PER_DAY) ^ SIGN_BIT;
    default:
        return key_of_f64(f64_at(a, i));
    }
}

/* ---- moments ---- */

struct sums {
    double sum, carry; /* Neumaier's compensated sum */
    double mean, m2;
    __extension__ __int128 exact;
};

static void add_compensated(struct sums *s, double x)
{
    double t = s->sum + x;
    if (isfinite(t))
        s->carry += fabs(s->sum) >= fabs(x) ? s->sum - t + x : x - t + s->sum;
    s->sum = t;
}

static void sum_block(void *ctx, const struct dr_array *a, int64_t i, uint64_t bits)
{
    struct sums *s = ctx;
    double block = 0;
    for (; bits; bits &= bits - 1) {
        int j = __builtin_ctzll(bits);
        block += f64_at(a, i + j);
        if (a->type == DR_TYPE_INT64)
            s->exact += ((const int64_t *)a->values)[i + j];
    }
    add_compensated(s, block);
}

static void square_block(void *ctx, const struct dr_array *a, int64_t i, uint64_t bits)
{
    struct sums *s = ctx;
    for (; bits; bits &= bits - 1) {
        double d = f64_at(a, i + __builtin_ctzll(bits)) - s->mean;
        s->m2 += d * d;
    }
}

/* Few distinct values: each counts as often as it occurs. */
static void sums_of_distinct(const struct dr_view *v, struct sums *s)
{
    for (int64_t i = 0; i < v->n_distinct; i++)
        if (v->distinct[i].value.kind != DR_VALUE_TEXT)
            add_compensated(s, v->distinct[i].value.f * (double)v->distinct[i].count);
}

static double squares_of_distinct(const struct dr_view *v, double mean)
{
    double m2 = 0;
    for (int64_t i = 0; i < v->n_distinct; i++) {
        double d = v->distinct[i].value.f - mean;
        if (v->distinct[i].value.kind != DR_VALUE_TEXT)
            m2 += d * d * (double)v->distinct[i].count;
    }
    return m2;
}

void dr_view_moments(struct dr_plan *p, struct dr_view *v)
{
    struct sums s = { 0 };
    bool exact = v->source->typed->type == DR_TYPE_INT64, few = !exact && dr_view_has_few(v);
    if (v->has_moments)
        return;
    v->has_moments = true;
    if (few) {
        dr_view_distinct(p, v);
        sums_of_distinct(v, &s);
    } else {
        each_block(v, sum_block, &s);
    }
    v->sum = exact ? (double)s.exact : s.sum + s.carry;
    v->mean = s.mean = v->n ? v->sum / (double)v->n : 0;
    if (few)
        s.m2 = squares_of_distinct(v, v->mean);
    else
        each_block(v, square_block, &s);
    v->m2 = s.m2;
    v->exact_sum = dr_value_of_float(v->sum);
    if (exact && s.exact >= INT64_MIN && s.exact <= INT64_MAX)
        v->exact_sum = dr_value_of_int((int64_t)s.exact);
    else if (v->source->typed->type == DR_TYPE_BOOL)
        v->exact_sum = dr_value_of_int((int64_t)v->sum);
}

/* ---- order ---- */

struct keys {
    uint64_t *k;
    int64_t n;
};

static void key_block(void *ctx, const struct dr_array *a, int64_t i, uint64_t bits)
{
    struct keys *keys = ctx;
    for (; bits; bits &= bits - 1)
        keys->k[keys->n++] = key_at(a, i + __builtin_ctzll(bits));
}

#define DIGIT_BITS 11
#define DIGITS 6
#define BUCKETS (1 << DIGIT_BITS)

static void count_digits(const uint64_t *k, int64_t n, int64_t count[DIGITS][BUCKETS])
{
    memset(count, 0, sizeof(int64_t) * DIGITS * BUCKETS);
    for (int64_t i = 0; i < n; i++)
        for (int d = 0; d < DIGITS; d++)
            count[d][k[i] >> (d * DIGIT_BITS) & (BUCKETS - 1)]++;
}

/* Least significant digit first; digits that all keys share are skipped.
 * Returns the buffer that holds the result. */
static uint64_t *radix_sort(uint64_t *k, uint64_t *spare, int64_t n)
{
    int64_t(*count)[BUCKETS] = dr_malloc(sizeof(int64_t) * DIGITS * BUCKETS);
    count_digits(k, n, count);
    for (int d = 0; d < DIGITS; d++) {
        int64_t at = 0;
        int shift = d * DIGIT_BITS;
        if (count[d][k[0] >> shift & (BUCKETS - 1)] == n)
            continue;
        for (int b = 0; b < BUCKETS; b++) {
            int64_t c = count[d][b];
            count[d][b] = at;
            at += c;
        }
        for (int64_t i = 0; i < n; i++)
            spare[count[d][k[i] >> shift & (BUCKETS - 1)]++] = k[i];
        uint64_t *swap = k;
        k = spare;
        spare = swap;
    }
    free(count);
    return k;
}

void dr_view_sort(struct dr_plan *p, struct dr_view *v)
{
    (void)p;
    if (v->sorted)
        return;
    struct keys keys = { dr_malloc(((size_t)v->n + 1) * sizeof(uint64_t)), 0 };
    each_block(v, key_block, &keys);
    v->sorted = keys.k;
    if (v->n < 2)
        return;
    uint64_t *spare = dr_malloc((size_t)v->n * sizeof(uint64_t));
    v->sorted = radix_sort(keys.k, spare, v->n);
    free(v->sorted == spare ? keys.k : spare);
}

/* ---- extremes ---- */

struct extremes {
    uint64_t min, max;
};

static void extremes_block(void *ctx, const struct dr_array *a, int64_t i, uint64_t bits)
{
    struct extremes *e = ctx;
    for (; bits; bits &= bits - 1) {
        uint64_t k = key_at(a, i + __builtin_ctzll(bits));
        e->min = k < e->min ? k : e->min;
        e->max = k > e->max ? k : e->max;
    }
}

bool dr_view_extremes(struct dr_plan *p, struct dr_view *v, struct dr_value *ret_min,
                      struct dr_value *ret_max)
{
    struct extremes e = { UINT64_MAX, 0 };
    (void)p;
    if (v->n == 0 || v->source->class == DR_CLASS_MIXED || v->source->class == DR_CLASS_EMPTY)
        return false;
    if (v->source->class == DR_CLASS_TEXT) {
        dr_view_text_extremes(v, ret_min, ret_max);
        return true;
    }
    each_block(v, extremes_block, &e);
    *ret_min = value_of_key(v->source, e.min);
    *ret_max = value_of_key(v->source, e.max);
    return true;
}
