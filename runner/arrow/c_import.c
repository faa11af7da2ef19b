/* c_import.c - a table from a stream of the Arrow C Data Interface.
 *
 * Values are copied through builders: foreign buffers need not be aligned or
 * padded as ours are, may carry an offset, and may be narrower types than ours
 * (int8 to uint64, float32, utf8, other units of time), which are widened. What
 * cannot be held exactly is an error that names the column. The interface does
 * not tell the size of a buffer, so lengths are believed; what lies within the
 * buffers (offsets, dictionary indices, UTF-8) is checked. */
#include "data/builder.h"

enum shape {
    SHAPE_NULL,
    SHAPE_BOOL,
    SHAPE_INT,
    SHAPE_UINT,
    SHAPE_FLOAT,
    SHAPE_DAYS,   /* date32 */
    SHAPE_DAY_MS, /* date64 */
    SHAPE_TIME,
    SHAPE_DECIMAL,
    SHAPE_TEXT
};

/* One child of the stream's struct: how its arrays are read. */
struct field {
    const char *name;         /* borrowed from the schema */
    enum shape shape;         /* of the values; of a dictionary's indices where dict */
    int32_t width;            /* bytes of a value, or of an offset */
    int64_t multiply, divide; /* SHAPE_TIME: to microseconds */
    bool dict;
    int32_t dict_width;     /* bytes of an offset of the dictionary's text */
    struct dr_builder *out; /* owned */
};

struct import {
    struct ArrowArrayStream *in;
    struct field *fields; /* owned */
    int32_t n;
    struct dr_err *err;
};

/* ---- formats --------------------------------------------------------------------------- */

static bool plain_format(struct field *f, char c)
{
    static const struct {
        char c;
        enum shape shape;
        int32_t width;
    } plain[] = { { 'n', SHAPE_NULL, 0 }, { 'b', SHAPE_BOOL, 0 },  { 'c', SHAPE_INT, 1 },
                  { 'C', SHAPE_UINT, 1 }, { 's', SHAPE_INT, 2 },   { 'S', SHAPE_UINT, 2 },
                  { 'i', SHAPE_INT, 4 },  { 'I', SHAPE_UINT, 4 },  { 'l', SHAPE_INT, 8 },
                  { 'L', SHAPE_UINT, 8 }, { 'f', SHAPE_FLOAT, 4 }, { 'g', SHAPE_FLOAT, 8 },
                  { 'u', SHAPE_TEXT, 4 }, { 'U', SHAPE_TEXT, 8 } };
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        if (plain[i].c != c)
            continue;
        f->shape = plain[i].shape;
        f->width = plain[i].width;
        return true;
    }
    return false;
}

static bool time_format(struct field *f, struct dr_str s)
{
    static const struct {
        const char *prefix;
        int64_t multiply, divide;
    } units[] = { { "tss:", 1000000, 1 }, { "tsm:", 1000, 1 }, { "tsu:", 1, 1 }, { "tsn:", 1, 1000 } };
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (!dr_str_starts(s, dr_str_of(units[i].prefix)))
            continue;
        f->shape = SHAPE_TIME;
        f->width = 8;
        f->multiply = units[i].multiply;
        f->divide = units[i].divide;
        return true;
    }
    return false;
}

/* "d:precision,scale[,128]" */
static bool decimal_format(struct field *f, struct dr_str s, int32_t *ret_scale)
{
    struct dr_str part;
    int64_t precision, scale, width = 128;
    if (!dr_str_starts(s, DR_LIT("d:")))
        return false;
    s = (struct dr_str){ s.p + 2, s.n - 2 };
    if (!dr_str_split(&s, ',', &part) || !dr_parse_i64(part, &precision))
        return false;
    if (!dr_str_split(&s, ',', &part) || !dr_parse_i64(part, &scale))
        return false;
    if (dr_str_split(&s, ',', &part) && !dr_parse_i64(part, &width))
        return false;
    f->shape = SHAPE_DECIMAL;
    f->width = 16;
    *ret_scale = (int32_t)scale;
    return width == 128 && precision >= 1 && precision <= 38 && scale >= -38 && scale <= 38;
}

static int32_t type_of(const struct field *f)
{
    static const int32_t types[] = { DR_TYPE_NULL,    DR_TYPE_BOOL,  DR_TYPE_INT64, DR_TYPE_INT64,
                                     DR_TYPE_FLOAT64, DR_TYPE_DATE,  DR_TYPE_DATE,  DR_TYPE_TIMESTAMP,
                                     DR_TYPE_DECIMAL, DR_TYPE_STRING };
    return f->dict ? DR_TYPE_DICT : types[f->shape];
}

/* The formats of an index and of its dictionary. */
static bool dict_format(struct field *f, const struct ArrowSchema *dictionary)
{
    struct field values = { 0 };
    const char *format = dictionary->format;
    if (f->shape != SHAPE_INT && f->shape != SHAPE_UINT)
        return false;
    if (!format || strlen(format) != 1 || !plain_format(&values, format[0]) || values.shape != SHAPE_TEXT)
        return false;
    f->dict = true;
    f->dict_width = values.width;
    return true;
}

static int32_t read_field(struct field *f, const struct ArrowSchema *s, struct dr_err *err)
{
    struct dr_str format = dr_str_of(s->format ? s->format : "");
    int32_t scale = 0;
    f->name = s->name ? s->name : "";
    bool known = (format.n == 1 && plain_format(f, format.p[0])) || time_format(f, format) ||
                 decimal_format(f, format, &scale);
    if (!known && (dr_str_eq(format, DR_LIT("tdD")) || dr_str_eq(format, DR_LIT("tdm")))) {
        known = true;
        f->shape = format.p[2] == 'D' ? SHAPE_DAYS : SHAPE_DAY_MS;
        f->width = format.p[2] == 'D' ? 4 : 8;
    }
    if (known && s->dictionary)
        known = dict_format(f, s->dictionary);
    if (!known)
        return dr_fail(err, DR_EINPUT, "column '%s': Arrow format '%.40s'%s is not supported; cast it before",
                       f->name, s->format ? s->format : "", s->dictionary ? " with this dictionary" : "");
    f->out = dr_builder_new(type_of(f));
    if (f->shape == SHAPE_DECIMAL)
        dr_builder_set_scale(f->out, scale);
    if (f->shape == SHAPE_TIME)
        dr_builder_set_zoned(f->out, format.n > 4);
    return DR_OK;
}

/* ---- values ----------------------------------------------------------------------------- */

static bool is_present(const struct ArrowArray *a, int64_t i)
{
    const uint8_t *valid = a->n_buffers > 0 ? a->buffers[0] : NULL;
    return !valid || dr_bit(valid, i);
}

static int64_t int_at(const void *values, int32_t width, int64_t i)
{
    switch (width) {
    case 1:
        return ((const int8_t *)values)[i];
    case 2:
        return ((const int16_t *)values)[i];
    case 4:
        return ((const int32_t *)values)[i];
    default:
        return ((const int64_t *)values)[i];
    }
}

/* Values past int64 come out negative. */
static int64_t uint_at(const void *values, int32_t width, int64_t i)
{
    switch (width) {
    case 1:
        return ((const uint8_t *)values)[i];
    case 2:
        return ((const uint16_t *)values)[i];
    case 4:
        return ((const uint32_t *)values)[i];
    default:
        return (int64_t)((const uint64_t *)values)[i];
    }
}

/* Text i; false where offsets or UTF-8 are wrong. */
static bool text_at(const struct ArrowArray *a, int32_t width, int64_t i, struct dr_str *ret)
{
    int64_t from = int_at(a->buffers[1], width, i), until = int_at(a->buffers[1], width, i + 1);
    if (from < 0 || until < from || (until > from && !a->buffers[2]))
        return false;
    *ret = (struct dr_str){ until > from ? (const char *)a->buffers[2] + from : "", (size_t)(until - from) };
    return dr_utf8_valid(*ret);
}

static bool append_time(struct field *f, int64_t v)
{
    int64_t us;
    if (v % f->divide || __builtin_mul_overflow(v / f->divide, f->multiply, &us))
        return false;
    dr_builder_append_int(f->out, us);
    return true;
}

static bool append_day_ms(struct field *f, int64_t ms)
{
    int64_t day = INT64_C(86400000);
    if (ms % day || ms / day < INT32_MIN || ms / day > INT32_MAX)
        return false;
    dr_builder_append_int(f->out, ms / day);
    return true;
}

static bool append_uint(struct field *f, int64_t v)
{
    if (v < 0)
        return false;
    dr_builder_append_int(f->out, v);
    return true;
}

/* Append the value at i; false where our type cannot hold it. */
static bool append_value(struct field *f, const struct ArrowArray *a, int64_t i)
{
    const void *values = a->buffers[1];
    struct dr_str s;
    switch (f->shape) {
    case SHAPE_BOOL:
        dr_builder_append_int(f->out, dr_bit(values, i));
        return true;
    case SHAPE_UINT:
        return append_uint(f, uint_at(values, f->width, i));
    case SHAPE_FLOAT:
        dr_builder_append_float(f->out, f->width == 4 ? (double)((const float *)values)[i]
                                                      : ((const double *)values)[i]);
        return true;
    case SHAPE_DAY_MS:
        return append_day_ms(f, int_at(values, 8, i));
    case SHAPE_TIME:
        return append_time(f, int_at(values, 8, i));
    case SHAPE_DECIMAL:
        dr_builder_append_bytes(f->out, (const char *)values + i * 16, 16);
        return true;
    case SHAPE_TEXT:
        if (!text_at(a, f->width, i, &s))
            return false;
        dr_builder_append_bytes(f->out, s.p, (int64_t)s.n);
        return true;
    default:
        dr_builder_append_int(f->out, int_at(values, f->width, i));
        return true;
    }
}

/* ---- dictionaries -------------------------------------------------------------------------- */

/* Our code of each value of a batch's dictionary; -1 where it is missing. */
static int32_t translate_dict(struct field *f, const struct ArrowArray *d, int32_t *ret_codes,
                              struct dr_err *err)
{
    for (int64_t i = 0; i < d->length; i++) {
        struct dr_str s;
        ret_codes[i] = -1;
        if (!is_present(d, d->offset + i))
            continue;
        if (!text_at(d, f->dict_width, d->offset + i, &s))
            return dr_fail(err, DR_EINPUT, "column '%s': dictionary value %lld is not valid text", f->name,
                           (long long)i);
        ret_codes[i] = dr_builder_code(f->out, s);
    }
    return DR_OK;
}

static int32_t append_indices(struct field *f, const struct ArrowArray *a, int64_t from, int64_t n,
                              struct dr_err *err)
{
    const struct ArrowArray *d = a->dictionary;
    if (!d || d->length < 0 || d->length > INT32_MAX || d->offset < 0 || d->n_buffers != 3 ||
        (d->length && !d->buffers[1]))
        return dr_fail(err, DR_EINPUT, "column '%s': the dictionary of a batch is missing or malformed",
                       f->name);
    DR_AUTO_FREE int32_t *codes = dr_malloc((size_t)d->length * sizeof *codes);
    DR_TRY(translate_dict(f, d, codes, err));
    for (int64_t i = from; i < from + n; i++) {
        int64_t code = -1;
        if (is_present(a, i)) {
            code = f->shape == SHAPE_INT ? int_at(a->buffers[1], f->width, i)
                                         : uint_at(a->buffers[1], f->width, i);
            if (code < 0 || code >= d->length)
                return dr_fail(err, DR_EINPUT, "column '%s': index %lld in a dictionary of %lld values",
                               f->name, (long long)code, (long long)d->length);
            code = codes[code];
        }
        if (code < 0)
            dr_builder_append_null(f->out);
        else
            dr_builder_append_code(f->out, (int32_t)code);
    }
    return DR_OK;
}

/* ---- batches --------------------------------------------------------------------------------- */

static int32_t append_rows(struct field *f, const struct ArrowArray *a, int64_t from, int64_t n,
                           struct dr_err *err)
{
    int64_t n_buffers = f->shape == SHAPE_NULL ? 0 : f->shape == SHAPE_TEXT ? 3 : 2;
    if (a->n_buffers != n_buffers || (n_buffers && n && !a->buffers[1]))
        return dr_fail(err, DR_EINPUT,
                       "column '%s': a batch has %lld buffers or lacks one; its format needs %lld", f->name,
                       (long long)a->n_buffers, (long long)n_buffers);
    if (f->dict)
        return append_indices(f, a, from, n, err);
    for (int64_t i = from; i < from + n; i++) {
        if (f->shape == SHAPE_NULL || !is_present(a, i))
            dr_builder_append_null(f->out);
        else if (!append_value(f, a, i))
            return dr_fail(err, DR_EINPUT, "column '%s': the value at %lld of a batch cannot be held as %s",
                           f->name, (long long)(i - from), dr_type_name(type_of(f)));
    }
    return DR_OK;
}

static bool has_null_struct(const struct ArrowArray *batch)
{
    for (int64_t i = 0; i < batch->length; i++)
        if (!is_present(batch, batch->offset + i))
            return true;
    return false;
}

static int32_t append_batch(struct import *m, const struct ArrowArray *batch)
{
    if (batch->n_children != m->n || batch->length < 0 || batch->offset < 0)
        return dr_fail(m->err, DR_EINPUT, "Arrow stream: a batch has %lld columns, its schema %d",
                       (long long)batch->n_children, (int)m->n);
    if (has_null_struct(batch))
        return dr_fail(m->err, DR_EINPUT, "Arrow stream: a row as a whole is null");
    for (int32_t i = 0; i < m->n; i++) {
        const struct ArrowArray *a = batch->children[i];
        if (a->offset < 0 || a->length < batch->offset + batch->length)
            return dr_fail(m->err, DR_EINPUT, "column '%s': a batch of %lld rows has %lld values",
                           m->fields[i].name, (long long)batch->length, (long long)a->length);
        DR_TRY(append_rows(&m->fields[i], a, batch->offset + a->offset, batch->length, m->err));
    }
    return DR_OK;
}

static int32_t stream_failed(const struct import *m, const char *what, int code)
{
    const char *why = m->in->get_last_error ? m->in->get_last_error(m->in) : NULL;
    return dr_fail(m->err, DR_EINPUT, "Arrow stream: %s failed with %d: %s", what, code,
                   why ? why : "no reason given");
}

static int32_t read_batches(struct import *m)
{
    for (;;) {
        struct ArrowArray batch = { 0 };
        int code = m->in->get_next(m->in, &batch);
        if (code)
            return stream_failed(m, "reading a batch", code);
        if (!batch.release)
            return DR_OK;
        int32_t rc = append_batch(m, &batch);
        batch.release(&batch);
        DR_TRY(rc);
    }
}

static int32_t finish(struct import *m, struct dr_table **ret)
{
    DR_AUTO_FREE const char **names = dr_malloc((size_t)m->n * sizeof(char *));
    DR_AUTO_FREE struct dr_column **columns = dr_malloc((size_t)m->n * sizeof(struct dr_column *));
    for (int32_t i = 0; i < m->n; i++) {
        names[i] = m->fields[i].name;
        columns[i] = dr_builder_finish(m->fields[i].out);
        m->fields[i].out = NULL;
    }
    int32_t rc = dr_table_new(m->n, names, (const struct dr_column *const *)columns, ret, m->err);
    for (int32_t i = 0; i < m->n; i++)
        dr_column_unref(columns[i]);
    return rc;
}

static int32_t read_stream(struct import *m, const struct ArrowSchema *schema, struct dr_table **ret)
{
    if (!schema->format || !dr_streq(schema->format, "+s") || schema->n_children > INT32_MAX)
        return dr_fail(m->err, DR_EINPUT, "Arrow stream: its type is '%.40s'; a table is '+s'",
                       schema->format ? schema->format : "");
    m->n = (int32_t)schema->n_children;
    m->fields = dr_calloc((size_t)m->n, sizeof *m->fields);
    for (int32_t i = 0; i < m->n; i++)
        DR_TRY(read_field(&m->fields[i], schema->children[i], m->err));
    DR_TRY(read_batches(m));
    return finish(m, ret);
}

int32_t dr_table_import(struct ArrowArrayStream *in, struct dr_table **ret, struct dr_err *err)
{
    struct import m = { .in = in, .err = err };
    struct ArrowSchema schema = { 0 };
    if (!in || !in->release)
        return dr_fail(err, DR_EINPUT, "Arrow stream: already released");
    int code = in->get_schema(in, &schema);
    int32_t rc = code ? stream_failed(&m, "reading the schema", code) : read_stream(&m, &schema, ret);
    for (int32_t i = 0; m.fields && i < m.n; i++)
        dr_builder_free(m.fields[i].out);
    free(m.fields);
    if (schema.release)
        schema.release(&schema);
    in->release(in);
    return rc;
}
