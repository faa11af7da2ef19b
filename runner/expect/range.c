/* range.c - the rows within a range, and the extremes of blocks of rows that
 * answer most such questions without a look at rows. See plan.h. */
#include <math.h>
#include "base/date.h"
#include "expect/order_key.h"
#include "expect/plan.h"

/* Both kinds of bounds, inclusive: strictness has been worked into them. */
struct bounds {
    double lo, hi;
    int64_t lo_i, hi_i;
    int32_t lo_day, hi_day;
};

static uint64_t f64_word(const struct dr_array *a, int64_t i, int m, const void *ctx)
{
    const struct bounds *b = ctx;
    const double *v = (const double *)a->values + i;
    uint64_t w = 0;
    for (int j = 0; j < m; j++)
        w |= (uint64_t)((v[j] >= b->lo) & (v[j] <= b->hi)) << j;
    return w;
}

static uint64_t i64_word(const struct dr_array *a, int64_t i, int m, const void *ctx)
{
    const struct bounds *b = ctx;
    const int64_t *v = (const int64_t *)a->values + i;
    uint64_t w = 0;
    for (int j = 0; j < m; j++)
        w |= (uint64_t)((v[j] >= b->lo_i) & (v[j] <= b->hi_i)) << j;
    return w;
}

static uint64_t day_word(const struct dr_array *a, int64_t i, int m, const void *ctx)
{
    const struct bounds *b = ctx;
    const int32_t *v = (const int32_t *)a->values + i;
    uint64_t w = 0;
    for (int j = 0; j < m; j++)
        w |= (uint64_t)((v[j] >= b->lo_day) & (v[j] <= b->hi_day)) << j;
    return w;
}

static uint64_t bool_word(const struct dr_array *a, int64_t i, int m, const void *ctx)
{
    const struct bounds *b = ctx;
    bool in[2] = { b->lo <= 0 && b->hi >= 0, b->lo <= 1 && b->hi >= 1 };
    uint64_t w = 0;
    for (int j = 0; j < m; j++)
        w |= (uint64_t)in[dr_bit(a->values, i + j)] << j;
    return w;
}

static int64_t to_i64(double f)
{
    return f >= 9223372036854775808.0 ? INT64_MAX : f < -9223372036854775808.0 ? INT64_MIN : (int64_t)f;
}

static void lower_bound(struct bounds *b, const struct dr_range *r)
{
    b->lo = -INFINITY;
    b->lo_i = INT64_MIN;
    if (!r->has_min)
        return;
    bool whole = r->min.kind != DR_VALUE_FLOAT;
    b->lo = r->strict_min ? nextafter(r->min.f, INFINITY) : r->min.f;
    b->lo_i = whole ? r->min.i : to_i64(ceil(r->min.f));
    if (r->strict_min && (whole || r->min.f == floor(r->min.f))) {
        if (b->lo_i == INT64_MAX)
            b->hi_i = INT64_MIN; /* nothing lies above */
        else
            b->lo_i++;
    }
    if (r->min.f > 9.3e18)
        b->hi_i = INT64_MIN;
}

static void upper_bound(struct bounds *b, const struct dr_range *r)
{
    b->hi = INFINITY;
    b->hi_i = INT64_MAX;
    if (!r->has_max)
        return;
    bool whole = r->max.kind != DR_VALUE_FLOAT;
    b->hi = r->strict_max ? nextafter(r->max.f, -INFINITY) : r->max.f;
    b->hi_i = whole ? r->max.i : to_i64(floor(r->max.f));
    if (r->strict_max && (whole || r->max.f == floor(r->max.f)) && b->hi_i != INT64_MIN)
        b->hi_i--;
}

static int32_t clamp_day(int64_t days)
{
    return days > INT32_MAX ? INT32_MAX : days < INT32_MIN ? INT32_MIN : (int32_t)days;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static void day_bounds(struct bounds *b)
{
    int64_t up = b->lo_i == INT64_MIN ? INT32_MIN : floor_div(b->lo_i, DR_US_PER_DAY);
    if (b->lo_i != INT64_MIN && b->lo_i % DR_US_PER_DAY)
        up++;
    b->lo_day = clamp_day(up);
    b->hi_day = clamp_day(floor_div(b->hi_i, DR_US_PER_DAY));
}

static int32_t range_mismatch(const struct dr_source *s, const struct dr_range *r, struct dr_err *err)
{
    const struct dr_value *v = r->has_min ? &r->min : &r->max;
    bool text = s->class == DR_CLASS_TEXT || s->class == DR_CLASS_MIXED;
    const char *type = dr_value_is_time(v) ? "date" : "float64";
    return dr_fail(
        err, DR_EINPUT,
        "Column values, min_value, and max_value must either be None or of the same type: column '%s' holds "
        "%s, the bound is a %s%s%s%s%s%s",
        s->name, dr_class_name(s->class), dr_value_kind_name(v),
        text ? "; declare the column's type in the suite (columns: {" : "", text ? s->name : "",
        text ? ": {type: " : "", text ? type : "", text ? "}})" : "");
}

static bool bounds_fit(const struct dr_source *s, const struct dr_range *r)
{
    const struct dr_value *const v[2] = { r->has_min ? &r->min : NULL, r->has_max ? &r->max : NULL };
    for (int k = 0; k < 2; k++)
        if (v[k] && !(s->class == DR_CLASS_NUMBER ? dr_value_is_number(v[k])
                      : s->class == DR_CLASS_TIME ? dr_value_is_time(v[k])
                                                  : v[k]->kind == DR_VALUE_TEXT))
            return false;
    return true;
}

bool dr_range_holds(const struct dr_range *r, const struct dr_value *v, bool *ret_comparable)
{
    int low = 1, high = -1;
    *ret_comparable = (!r->has_min || dr_value_compare(v, &r->min, &low)) &&
                      (!r->has_max || dr_value_compare(v, &r->max, &high));
    return *ret_comparable && low >= (r->strict_min ? 1 : 0) && high <= (r->strict_max ? -1 : 0);
}

static int text_in_range(void *ctx, struct dr_str text, struct dr_err *err)
{
    struct dr_value v = dr_value_of_text(text);
    bool comparable;
    (void)err;
    return dr_range_holds(ctx, &v, &comparable);
}

static int32_t mixed_range(struct dr_source *s, const struct dr_range *r, uint64_t *in, struct dr_err *err)
{
    int32_t hint = 0;
    for (int64_t row = 0; row < s->rows; row++) {
        struct dr_value v = dr_source_value(s, row, &hint);
        bool comparable;
        if (v.kind == DR_VALUE_NULL)
            continue;
        if (dr_range_holds(r, &v, &comparable))
            dr_row_set(in, row);
        if (!comparable)
            return range_mismatch(s, r, err);
    }
    return DR_OK;
}

static uint64_t decimal_word(const struct dr_array *a, int64_t i, int m, const void *ctx)
{
    const struct bounds *b = ctx;
    uint64_t w = 0;
    for (int j = 0; j < m; j++) {
        double f = dr_f64_at(a, i + j);
        w |= (uint64_t)((f >= b->lo) & (f <= b->hi)) << j;
    }
    return w;
}

static dr_scan_fn range_kernel(int32_t type)
{
    switch (type) {
    case DR_TYPE_FLOAT64:
        return f64_word;
    case DR_TYPE_DATE:
        return day_word;
    case DR_TYPE_BOOL:
        return bool_word;
    case DR_TYPE_DECIMAL:
        return decimal_word;
    default:
        return i64_word;
    }
}

/* ---- by block ---- */

struct range_pass {
    const struct dr_column *c;
    const struct dr_zone *zones; /* NULL: none */
    struct bounds bounds;
    dr_scan_fn kernel;
    uint64_t *in;
};

/* The order keys of the bounds, to hold against those of a block. */
static struct dr_zone bounds_keys(const struct bounds *b, int32_t type)
{
    if (type == DR_TYPE_FLOAT64 || type == DR_TYPE_DECIMAL)
        return (struct dr_zone){ dr_key_of_f64(b->lo), dr_key_of_f64(b->hi) };
    return (struct dr_zone){ dr_key_of_i64(b->lo_i), dr_key_of_i64(b->hi_i) };
}

static void range_run(void *ctx, const struct dr_array *a, int64_t i, int m, int64_t row)
{
    const struct range_pass *p = ctx;
    p->in[row >> 6] |= p->kernel(a, i, m, &p->bounds) << (row & 63);
}

static void range_block(void *ctx, int64_t block, int64_t from, int64_t to)
{
    struct range_pass *p = ctx;
    if (p->zones) {
        struct dr_zone in = bounds_keys(&p->bounds, p->c->type);
        const struct dr_zone *z = &p->zones[block];
        if (z->min > z->max || z->max < in.min || z->min > in.max)
            return;
        if (z->min >= in.min && z->max <= in.max) {
            memset(p->in + from / 64, 0xff, (size_t)(to - from) / 64 * 8);
            if (to % 64)
                p->in[to / 64] = dr_tail_mask(to);
            return;
        }
    }
    dr_each_run(p->c, from, to, range_run, p);
}

static void scan_bounds(const struct dr_column *c, const struct dr_zone *zones, const struct dr_range *r,
                        uint64_t *in)
{
    struct range_pass pass = { .c = c, .zones = zones, .kernel = range_kernel(c->type), .in = in };
    pass.bounds.hi_i = INT64_MAX;
    upper_bound(&pass.bounds, r);
    lower_bound(&pass.bounds, r);
    day_bounds(&pass.bounds);
    if (isnan(pass.bounds.lo) || isnan(pass.bounds.hi))
        pass.zones = NULL; /* nothing lies within, which keys would not tell */
    dr_each_block(c->rows, range_block, &pass);
}

int32_t dr_scan_range(struct dr_plan *p, struct dr_source *s, const struct dr_range *r, uint64_t *in,
                      struct dr_err *err)
{
    if (s->class == DR_CLASS_EMPTY)
        return DR_OK;
    if (s->class == DR_CLASS_MIXED)
        return mixed_range(s, r, in, err);
    if (!bounds_fit(s, r))
        return range_mismatch(s, r, err);
    if (s->class == DR_CLASS_TEXT) {
        struct dr_range copy = *r;
        return dr_scan_text(p, s, text_in_range, &copy, in, err);
    }
    if (!s->codes) {
        /* Extremes pay where more than one range is asked for. */
        bool first = s->n_ranges++ == 0 && !s->zones;
        scan_bounds(s->typed, first ? NULL : dr_source_zones(p, s), r, in);
        return DR_OK;
    }
    DR_AUTO_FREE uint64_t *codes = dr_codes_bits(s->codes);
    scan_bounds(s->codes->typed, NULL, r, codes);
    if (s->codes->refused) /* with the other odd ones: see codes.c */
        dr_rows_and_not(codes, s->codes->refused, s->codes->n);
    dr_codes_spread(s, codes, in);
    return DR_OK;
}

/* ---- zones ---- */

struct zone_pass {
    const struct dr_source *s;
    struct dr_zone *zones;
};
struct zone_run {
    const struct dr_source *s;
    struct dr_zone z;
};

static void widen(struct dr_zone *z, uint64_t key)
{
    z->min = key < z->min ? key : z->min;
    z->max = key > z->max ? key : z->max;
}

static void widen_f64(struct dr_zone *z, const double *v, int m)
{
    double min = v[0], max = v[0];
    for (int j = 1; j < m; j++) {
        min = v[j] < min ? v[j] : min;
        max = v[j] > max ? v[j] : max;
    }
    widen(z, dr_key_of_f64(min));
    widen(z, dr_key_of_f64(max));
}

static void widen_i64(struct dr_zone *z, const int64_t *v, int m)
{
    int64_t min = v[0], max = v[0];
    for (int j = 1; j < m; j++) {
        min = v[j] < min ? v[j] : min;
        max = v[j] > max ? v[j] : max;
    }
    widen(z, dr_key_of_i64(min));
    widen(z, dr_key_of_i64(max));
}

static void widen_days(struct dr_zone *z, const int32_t *v, int m)
{
    int32_t min = v[0], max = v[0];
    for (int j = 1; j < m; j++) {
        min = v[j] < min ? v[j] : min;
        max = v[j] > max ? v[j] : max;
    }
    widen(z, dr_key_of_i64(min * DR_US_PER_DAY));
    widen(z, dr_key_of_i64(max * DR_US_PER_DAY));
}

static void zone_run(void *ctx, const struct dr_array *a, int64_t i, int m, int64_t row)
{
    struct zone_run *z = ctx;
    const struct dr_source *s = z->s;
    uint64_t all = ~UINT64_C(0) >> (64 - m), bits = all;
    if (s->null)
        bits &= ~(s->null[row >> 6] >> (row & 63));
    if (s->refused)
        bits &= ~(s->refused[row >> 6] >> (row & 63));
    if (bits == all && a->type == DR_TYPE_FLOAT64)
        widen_f64(&z->z, (const double *)a->values + i, m);
    else if (bits == all && (a->type == DR_TYPE_INT64 || a->type == DR_TYPE_TIMESTAMP))
        widen_i64(&z->z, (const int64_t *)a->values + i, m);
    else if (bits == all && a->type == DR_TYPE_DATE)
        widen_days(&z->z, (const int32_t *)a->values + i, m);
    else
        for (; bits; bits &= bits - 1)
            widen(&z->z, dr_key_at(a, i + __builtin_ctzll(bits)));
}

static void zone_block(void *ctx, int64_t block, int64_t from, int64_t to)
{
    struct zone_pass *p = ctx;
    struct zone_run z = { p->s, { UINT64_MAX, 0 } };
    dr_each_run(p->s->typed, from, to, zone_run, &z);
    p->zones[block] = z.z;
}

const struct dr_zone *dr_source_zones(struct dr_plan *p, struct dr_source *s)
{
    (void)p;
    if (s->zones)
        return s->zones;
    s->zones = dr_calloc((size_t)dr_blocks(s->rows) + 1, sizeof *s->zones);
    struct zone_pass pass = { s, s->zones };
    dr_each_block(s->rows, zone_block, &pass);
    return s->zones;
}
