/* cast.c - columns from one type to another, exactly or not at all.
 *
 * A cast never rounds, trims or guesses: a value that the target cannot hold
 * exactly is refused, which makes it null and sets its bit. Text is read once
 * for each distinct value that occurs and spread by code.
 *
 * Two properties of the result belong to the column, not the value, and are
 * surveyed first over the values that occur: whether timestamps carry an offset
 * (then those without one are refused, since their instant is unknown) and the
 * scale of decimals (the most digits after the point that any value has). */
#include <math.h>
#include "data/decimal.h"
#include "data/gather.h"
#include "data/pool.h"

struct cast {
    int32_t to;
    int32_t scale; /* DECIMAL */
    bool zoned;    /* TIMESTAMP */
};

/* ---- one value ------------------------------------------------------------------ */

static dr_int128 decimal_at(const struct dr_array *a, int64_t i)
{
    dr_int128 v;
    memcpy(&v, (const char *)a->values + i * 16, 16);
    return v;
}

static bool is_text(const struct dr_array *a)
{
    return a->type == DR_TYPE_STRING || a->type == DR_TYPE_DICT;
}

static bool float_to_int(double f, int64_t *ret)
{
    if (!(f >= -0x1p63 && f < 0x1p63) || f != trunc(f))
        return false;
    *ret = (int64_t)f;
    return true;
}

static bool decimal_to_int(dr_int128 v, int32_t scale, int64_t *ret)
{
    dr_int128 whole;
    if (!dr_decimal_rescale(v, scale, 0, &whole) || whole < INT64_MIN || whole > INT64_MAX)
        return false;
    *ret = (int64_t)whole;
    return true;
}

/* A number as an integer; false where it is none. */
static bool int_at(const struct dr_array *a, int64_t i, int64_t *ret)
{
    switch (a->type) {
    case DR_TYPE_BOOL:
        *ret = dr_bit(a->values, i);
        return true;
    case DR_TYPE_INT64:
        *ret = ((const int64_t *)a->values)[i];
        return true;
    case DR_TYPE_FLOAT64:
        return float_to_int(((const double *)a->values)[i], ret);
    case DR_TYPE_DECIMAL:
        return decimal_to_int(decimal_at(a, i), a->scale, ret);
    default:
        return dr_parse_i64(dr_array_str(a, i), ret);
    }
}

static bool bool_at(const struct dr_array *a, int64_t i, bool *ret)
{
    int64_t v;
    if (is_text(a))
        return dr_parse_bool(dr_array_str(a, i), ret);
    if (!int_at(a, i, &v) || (v != 0 && v != 1))
        return false;
    *ret = v != 0;
    return true;
}

/* A decimal as the nearest double; decimals written for people, such as 0.1,
 * have no exact one, and the nearest is what reading their text would give. */
static bool decimal_to_float(dr_int128 v, int32_t scale, double *ret)
{
    char text[DR_DECIMAL_TEXT];
    size_t n = dr_format_decimal(v, scale, text);
    return dr_parse_f64((struct dr_str){ text, n }, false, ret);
}

static bool float_at(const struct dr_array *a, int64_t i, double *ret)
{
    int64_t v, back = 0;
    if (is_text(a))
        return dr_parse_f64(dr_array_str(a, i), false, ret) && isfinite(*ret);
    if (a->type == DR_TYPE_DECIMAL)
        return decimal_to_float(decimal_at(a, i), a->scale, ret);
    if (!int_at(a, i, &v))
        return false;
    *ret = (double)v;
    return float_to_int(*ret, &back) && back == v;
}

static bool date_at(const struct dr_array *a, int64_t i, int32_t *ret)
{
    if (a->type != DR_TYPE_TIMESTAMP)
        return dr_parse_date(dr_array_str(a, i), ret);
    int64_t us = ((const int64_t *)a->values)[i];
    if (us % DR_US_PER_DAY)
        return false;
    *ret = (int32_t)(us / DR_US_PER_DAY);
    return true;
}

static bool timestamp_at(const struct cast *c, const struct dr_array *a, int64_t i, int64_t *ret)
{
    bool zoned;
    if (a->type != DR_TYPE_DATE)
        return dr_parse_timestamp(dr_array_str(a, i), ret, &zoned) && zoned == c->zoned;
    *ret = ((const int32_t *)a->values)[i] * DR_US_PER_DAY;
    return true;
}

/* The decimal at its own scale. */
static bool written_decimal(const struct dr_array *a, int64_t i, dr_int128 *ret, int32_t *ret_scale)
{
    int64_t v;
    char text[DR_F64_TEXT];
    if (is_text(a))
        return dr_parse_decimal(dr_array_str(a, i), ret, ret_scale);
    if (a->type == DR_TYPE_FLOAT64) {
        size_t n = dr_format_f64(((const double *)a->values)[i], text);
        return dr_parse_decimal((struct dr_str){ text, n }, ret, ret_scale);
    }
    if (!int_at(a, i, &v))
        return false;
    *ret = v;
    *ret_scale = 0;
    return true;
}

static bool put_decimal(const struct cast *c, const struct dr_array *a, int64_t i, char *out)
{
    dr_int128 v;
    int32_t scale;
    if (!written_decimal(a, i, &v, &scale) || !dr_decimal_rescale(v, scale, c->scale, &v))
        return false;
    memcpy(out + i * 16, &v, 16);
    return true;
}

static bool put_bool(const struct dr_array *a, int64_t i, uint8_t *out)
{
    bool v;
    if (!bool_at(a, i, &v))
        return false;
    if (v)
        dr_bit_set(out, i);
    return true;
}

/* Convert row i into the values of the result; false where it is refused. */
static bool convert(const struct cast *c, const struct dr_array *a, int64_t i, void *out)
{
    switch (c->to) {
    case DR_TYPE_BOOL:
        return put_bool(a, i, out);
    case DR_TYPE_INT64:
        return int_at(a, i, (int64_t *)out + i);
    case DR_TYPE_FLOAT64:
        return float_at(a, i, (double *)out + i);
    case DR_TYPE_DATE:
        return date_at(a, i, (int32_t *)out + i);
    case DR_TYPE_TIMESTAMP:
        return timestamp_at(c, a, i, (int64_t *)out + i);
    default:
        return put_decimal(c, a, i, out);
    }
}

/* ---- one array ------------------------------------------------------------------ */

static struct dr_array *convert_array(const struct cast *c, const struct dr_array *a)
{
    struct dr_array *to = dr_array_new(c->to, a->n, NULL);
    uint8_t *valid = dr_array_make_validity(to);
    char *out = to->mem[1]->p;
    size_t width = dr_type_width(c->to);
    to->scale = c->scale;
    to->zoned = c->zoned;
    for (int64_t i = 0; i < a->n; i++) {
        if (!dr_array_valid(a, i))
            continue;
        if (convert(c, a, i, out))
            dr_bit_set(valid, i);
        else
            memset(out + (size_t)i * width, 0, width);
    }
    return dr_array_seal(to);
}

static struct dr_array *array_to_text(const struct dr_array *a)
{
    struct dr_array *to = dr_array_new(DR_TYPE_STRING, a->n, NULL);
    int64_t *offsets = to->mem[1]->p;
    DR_AUTO_BUF text = { .max = SIZE_MAX / 4 };
    for (int64_t i = 0; i < a->n; i++) {
        dr_array_put_text(a, i, &text);
        offsets[i + 1] = (int64_t)text.n;
    }
    memcpy(dr_array_make_bytes(to, text.n), dr_buf_cstr(&text), text.n);
    to->valid = a->valid;
    to->nulls = a->nulls;
    to->mem[0] = dr_mem_ref(a->mem[0]);
    return to;
}

static struct dr_array *array_of_nulls(int32_t type, int64_t n)
{
    struct dr_array *a = dr_array_new(type, n, NULL);
    if (type == DR_TYPE_STRING)
        dr_array_make_bytes(a, 0);
    dr_array_make_validity(a);
    return dr_array_seal(a);
}

/* ---- the whole column --------------------------------------------------------------- */

struct job {
    struct cast cast;
    const struct dr_column *c;
    const struct dr_array *distinct; /* DICT: the results by code, or NULL */
    struct dr_array **chunk;
};

static struct dr_array *gather_codes(const struct dr_array *distinct, const struct dr_array *a)
{
    if (!a->nulls)
        return dr_array_gather(distinct, a->values, a->n);
    DR_AUTO_FREE int32_t *codes = dr_malloc((size_t)a->n * sizeof *codes);
    for (int64_t i = 0; i < a->n; i++)
        codes[i] = dr_array_valid(a, i) ? ((const int32_t *)a->values)[i] : -1;
    return dr_array_gather(distinct, codes, a->n);
}

static void cast_chunk(void *ctx, int64_t k)
{
    struct job *j = ctx;
    const struct dr_array *a = j->c->chunk[k];
    if (a->type == DR_TYPE_NULL)
        j->chunk[k] = array_of_nulls(j->cast.to, a->n);
    else if (j->distinct)
        j->chunk[k] = gather_codes(j->distinct, a);
    else if (j->cast.to == DR_TYPE_STRING)
        j->chunk[k] = array_to_text(a);
    else
        j->chunk[k] = convert_array(&j->cast, a);
}

/* Learn from one array what is a property of the column. */
static void survey(struct cast *c, const struct dr_array *a)
{
    for (int64_t i = 0; i < a->n; i++) {
        if (!dr_array_valid(a, i))
            continue;
        dr_int128 v;
        int64_t us;
        int32_t scale;
        bool zoned;
        if (c->to == DR_TYPE_DECIMAL && written_decimal(a, i, &v, &scale) && scale > c->scale)
            c->scale = scale;
        if (c->to == DR_TYPE_TIMESTAMP && is_text(a) && dr_parse_timestamp(dr_array_str(a, i), &us, &zoned))
            c->zoned |= zoned;
    }
}

static bool needs_survey(int32_t from, int32_t to)
{
    return (to == DR_TYPE_DECIMAL && from != DR_TYPE_NULL) ||
           (to == DR_TYPE_TIMESTAMP && from != DR_TYPE_DATE && from != DR_TYPE_NULL);
}

/* The rows refused: present in the source, missing in the result. */
static void mark_refused(const struct dr_column *from, const struct dr_column *to, uint8_t *refused)
{
    memset(refused, 0, (size_t)(from->rows + 7) / 8);
    if (from->nulls == to->nulls)
        return;
    for (int32_t k = 0; k < from->n; k++) {
        const struct dr_array *a = from->chunk[k], *b = to->chunk[k];
        for (int64_t i = 0; b->nulls > a->nulls && i < a->n; i++)
            if (dr_array_valid(a, i) && !dr_array_valid(b, i))
                dr_bit_set(refused, from->start[k] + i);
    }
}

static bool castable(int32_t from, int32_t to)
{
    bool to_number =
        to == DR_TYPE_BOOL || to == DR_TYPE_INT64 || to == DR_TYPE_FLOAT64 || to == DR_TYPE_DECIMAL;
    if (to <= DR_TYPE_NULL || to > DR_TYPE_DICT)
        return false;
    if (from == DR_TYPE_NULL || from == DR_TYPE_STRING || from == DR_TYPE_DICT || to == DR_TYPE_STRING ||
        to == DR_TYPE_DICT)
        return true;
    if (from == DR_TYPE_DATE || from == DR_TYPE_TIMESTAMP)
        return to == DR_TYPE_DATE || to == DR_TYPE_TIMESTAMP;
    return to_number;
}

static struct dr_array *cast_distinct(struct cast *cast, const struct dr_column *c)
{
    DR_AUTO_FREE uint8_t *used = dr_column_used_codes(c);
    struct dr_array *values = dr_dict_as_array(c->dict, used);
    if (needs_survey(c->type, cast->to))
        survey(cast, values);
    struct dr_array *results =
        cast->to == DR_TYPE_STRING ? array_to_text(values) : convert_array(cast, values);
    dr_array_unref(values);
    return results;
}

/* To any type but DICT, which differs from c's. */
static struct dr_column *cast_column(const struct dr_column *c, int32_t type)
{
    DR_AUTO_FREE struct dr_array **chunk = dr_malloc((size_t)c->n * sizeof(struct dr_array *));
    struct job j = { .cast = { .to = type }, .c = c, .chunk = chunk };
    struct dr_array *distinct = NULL;
    if (c->type == DR_TYPE_DICT)
        j.distinct = distinct = cast_distinct(&j.cast, c);
    else if (needs_survey(c->type, type))
        for (int32_t k = 0; k < c->n; k++)
            survey(&j.cast, c->chunk[k]);
    dr_pool_run(c->n, cast_chunk, &j);
    struct dr_column *to = dr_column_new(type, c->n, chunk, NULL);
    to->scale = j.cast.scale;
    to->zoned = j.cast.zoned;
    dr_array_unref(distinct);
    return to;
}

int32_t dr_column_cast(const struct dr_column *c, int32_t type, uint8_t *ret_refused, struct dr_column **ret,
                       struct dr_err *err)
{
    struct dr_column *to;
    if (type == c->type) {
        to = dr_column_ref(c);
    } else if (!castable(c->type, type)) {
        return dr_fail(err, DR_EINPUT, "cannot cast %s to %s", dr_type_name(c->type), dr_type_name(type));
    } else if (type == DR_TYPE_DICT && c->type != DR_TYPE_STRING) {
        struct dr_column *text = cast_column(c, DR_TYPE_STRING);
        to = dr_column_dict(text);
        dr_column_unref(text);
    } else {
        to = type == DR_TYPE_DICT ? dr_column_dict(c) : cast_column(c, type);
    }
    if (ret_refused)
        mark_refused(c, to, ret_refused);
    *ret = to;
    return DR_OK;
}
