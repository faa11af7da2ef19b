/* scan.c - one pass over a column, 64 rows at a time. See plan.h. */
#include "expect/plan.h"
#include <math.h>
#include "base/date.h"

void dr_scan(const struct dr_column *c, dr_scan_fn fn, const void *ctx, uint64_t *out)
{
    struct dr_rows_out o = { out, 0 };
    for (int32_t k = 0; k < c->n; k++) {
        const struct dr_array *a = c->chunk[k];
        for (int64_t i = 0; i < a->n; i += 64) {
            int m = a->n - i < 64 ? (int)(a->n - i) : 64;
            dr_rows_put(&o, fn(a, i, m, ctx), m);
        }
    }
}

static uint64_t codes_word(const struct dr_array *a, int64_t i, int m, const void *ctx)
{
    const uint8_t *by_code = ctx;
    const int32_t *codes = (const int32_t *)a->values + i;
    uint64_t w = 0;
    for (int j = 0; j < m; j++)
        w |= (uint64_t)by_code[codes[j]] << j;
    return w;
}

void dr_scan_codes(const struct dr_column *c, const uint8_t *by_code, uint64_t *out)
{
    dr_scan(c, codes_word, by_code, out);
}

/* ---- ranges ---- */

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
    return dr_fail(
        err, DR_EINPUT,
        "Column values, min_value, and max_value must either be None or of the same type: column '%s' holds "
        "%s, the bound is a %s%s",
        s->name, dr_class_name(s->class), dr_value_kind_name(v),
        text ? "; declare the column's type in the suite, for example columns: {name: {type: float64}}" : "");
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
    double scale = pow(10, a->scale);
    uint64_t w = 0;
    for (int j = 0; j < m; j++) {
        __extension__ __int128 v;
        memcpy(&v, (const char *)a->values + (i + j) * 16, sizeof v);
        double f = (double)v / scale;
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

int32_t dr_scan_range(struct dr_plan *p, struct dr_source *s, const struct dr_range *r, uint64_t *in,
                      struct dr_err *err)
{
    struct bounds b = { .hi_i = INT64_MAX };
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
    upper_bound(&b, r);
    lower_bound(&b, r);
    day_bounds(&b);
    dr_scan(s->typed, range_kernel(s->typed->type), &b, in);
    return DR_OK;
}

/* ---- texts ---- */

/* Text of a row: as written, or as Python's str() shows a value. */
static int32_t text_by_row(struct dr_source *s, dr_text_fn fn, void *ctx, uint64_t *in, struct dr_err *err)
{
    DR_AUTO_BUF shown = { 0 };
    int32_t hint = 0;
    for (int64_t row = 0; row < s->rows; row++) {
        struct dr_value v = dr_source_raw_value(s, row, &hint);
        if (v.kind == DR_VALUE_NULL)
            continue;
        struct dr_str text = v.s;
        if (v.kind != DR_VALUE_TEXT) {
            dr_buf_clear(&shown);
            dr_value_put_text(&v, &shown);
            text = dr_buf_str(&shown);
        }
        int hit = fn(ctx, text, err);
        if (hit < 0)
            return err ? err->rc : DR_EINPUT;
        if (hit)
            dr_row_set(in, row);
    }
    return DR_OK;
}

static int32_t text_by_code(const struct dr_column *c, dr_text_fn fn, void *ctx, uint64_t *in,
                            struct dr_err *err)
{
    const struct dr_dict *d = c->dict;
    DR_AUTO_FREE uint8_t *by_code = dr_calloc((size_t)d->n + 1, 1);
    for (int32_t k = 0; k < d->n; k++) {
        int hit = fn(ctx, d->values[k], err);
        if (hit < 0)
            return err ? err->rc : DR_EINPUT;
        by_code[k] = (uint8_t)hit;
    }
    dr_scan_codes(c, by_code, in);
    return DR_OK;
}

int32_t dr_scan_text(struct dr_plan *p, struct dr_source *s, dr_text_fn fn, void *ctx, uint64_t *in,
                     struct dr_err *err)
{
    struct dr_err local = { 0 };
    (void)p;
    if (s->raw->type == DR_TYPE_NULL)
        return DR_OK;
    if (s->raw->type == DR_TYPE_DICT && !s->of_code && s->raw->dict->n <= 2 * s->rows)
        return text_by_code(s->raw, fn, ctx, in, err ? err : &local);
    return text_by_row(s, fn, ctx, in, err ? err : &local);
}
