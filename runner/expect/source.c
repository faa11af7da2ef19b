/* source.c - columns as expectations see them: converted to the type that the
 * suite declares, with missing rows and refused texts marked. See plan.h. */
#include "expect/plan.h"
#include <math.h>
#include "base/date.h"
#include "base/json.h"
#include "base/num.h"
#include "data/kernel.h"
#include "expect/condition.h"
#include "expect/dateutil.h"

static void source_done(struct dr_source *s)
{
    for (int k = 0; k < 2; k++)
        dr_column_unref(s->owned[k]);
    free(s->keys);
}

void dr_plan_done(struct dr_plan *p)
{
    for (struct dr_source *s = p->sources; s; s = s->next)
        source_done(s);
    for (struct dr_view *v = p->views; v; v = v->next)
        free(v->sorted);
    dr_arena_done(&p->scratch);
}

uint64_t *dr_plan_bits(struct dr_plan *p)
{
    return dr_arena_array(&p->scratch, (size_t)dr_words(p->table->rows) + 1, sizeof(uint64_t));
}

const char *dr_class_name(enum dr_class c)
{
    static const char *const names[] = { "no value", "numbers", "dates or times", "text",
                                         "numbers and text" };
    return names[c];
}

static enum dr_class class_of(const struct dr_column *c)
{
    switch (c->type) {
    case DR_TYPE_NULL:
        return DR_CLASS_EMPTY;
    case DR_TYPE_DATE:
    case DR_TYPE_TIMESTAMP:
        return DR_CLASS_TIME;
    case DR_TYPE_STRING:
    case DR_TYPE_DICT:
        return DR_CLASS_TEXT;
    default:
        return DR_CLASS_NUMBER;
    }
}

/* ---- missing rows ---- */

static uint64_t word_of_nulls(const struct dr_array *a, int64_t i, int m, const void *ctx)
{
    (void)ctx;
    uint64_t w = 0;
    if (a->type == DR_TYPE_NULL)
        return m == 64 ? ~UINT64_C(0) : (UINT64_C(1) << m) - 1;
    for (int j = 0; a->valid && j < m; j++)
        w |= (uint64_t)!dr_bit(a->valid, i + j) << j;
    return w;
}

static uint64_t word_of_nans(const struct dr_array *a, int64_t i, int m, const void *ctx)
{
    (void)ctx;
    const double *v = (const double *)a->values + i;
    uint64_t w = 0;
    for (int j = 0; j < m; j++)
        w |= (uint64_t)(v[j] != v[j]) << j;
    return w;
}

static int is_null_spelling(void *ctx, struct dr_str text, struct dr_err *err)
{
    const struct dr_suite *suite = ctx;
    (void)err;
    for (int32_t i = 0; i < suite->n_null_values; i++)
        if (dr_str_eq(text, dr_str_of(suite->null_values[i])))
            return 1;
    return 0;
}

static void mark_missing(struct dr_plan *p, struct dr_source *s)
{
    uint64_t *null = dr_plan_bits(p);
    if (s->raw->nulls)
        dr_scan(s->raw, word_of_nulls, NULL, null);
    if (s->raw->type == DR_TYPE_FLOAT64) {
        uint64_t *nan = dr_plan_bits(p);
        dr_scan(s->raw, word_of_nans, NULL, nan);
        dr_rows_or(null, nan, s->rows);
    }
    if (p->suite->n_null_values && class_of(s->raw) == DR_CLASS_TEXT) {
        struct dr_suite *suite = DR_UNCONST(struct dr_suite, p->suite);
        uint64_t *spelt = dr_plan_bits(p);
        if (s->raw->nulls)
            s->null = null; /* text under a null is not looked at */
        (void)dr_scan_text(p, s, is_null_spelling, suite, spelt, NULL);
        dr_rows_or(null, spelt, s->rows);
    }
    s->n_null = dr_rows_count(null, s->rows);
    s->null = s->n_null ? null : NULL;
}

/* ---- the declared type ---- */

struct format_ctx {
    const char *format;
    bool date;
};

static void parse_format(void *ctx, int32_t n_args, const struct dr_cell *args, struct dr_cell *ret)
{
    const struct format_ctx *f = ctx;
    struct dr_civil c;
    int32_t offset_s = 0;
    (void)n_args;
    if (args[0].state != 1)
        return;
    if (!dr_strptime((struct dr_str){ args[0].p, (size_t)args[0].n }, f->format, &c, &offset_s)) {
        ret->state = 2;
        return;
    }
    ret->state = 1;
    ret->i =
        f->date ? dr_days_from_civil(c.year, c.month, c.day) : dr_us_from_civil(&c) - offset_s * DR_US_PER_S;
}

static void settle_cast(struct dr_source *s, uint64_t *refused)
{
    s->typed = s->owned[0];
    s->class = class_of(s->typed);
    if (s->null)
        dr_rows_and_not(refused, s->null, s->rows);
    s->n_refused = dr_rows_count(refused, s->rows);
    s->refused = s->n_refused ? refused : NULL;
}

static int32_t cast(struct dr_plan *p, struct dr_source *s, struct dr_err *err)
{
    int32_t type = s->declared->type;
    uint64_t *refused = dr_plan_bits(p);
    if (s->declared->format && (type == DR_TYPE_DATE || type == DR_TYPE_TIMESTAMP)) {
        struct format_ctx ctx = { s->declared->format, type == DR_TYPE_DATE };
        DR_TRY(dr_column_map(1, &s->raw, parse_format, &ctx, type, (uint8_t *)refused, &s->owned[0], err));
    } else {
        DR_TRY(dr_column_cast(s->raw, type, (uint8_t *)refused, &s->owned[0], err));
    }
    settle_cast(s, refused);
    return DR_OK;
}

/* Only texts are read as the declared type; a typed file keeps its own types. */
static bool wants_cast(const struct dr_source *s)
{
    int32_t want = s->declared ? s->declared->type : -1;
    return class_of(s->raw) == DR_CLASS_TEXT && want > DR_TYPE_NULL && want < DR_TYPE_STRING;
}

/* ---- columns of mixed kinds ---- */

static bool is_mixed(const struct dr_plan *p, const struct dr_source *s)
{
    const char *const *m = p->opts->mixed_columns;
    while (m && *m && !dr_streq(*m, s->name))
        m++;
    return m && *m && s->raw->type == DR_TYPE_DICT;
}

static void decode_mixed(struct dr_plan *p, struct dr_source *s)
{
    const struct dr_dict *d = s->raw->dict;
    s->class = DR_CLASS_MIXED;
    s->of_code = dr_arena_array(&p->scratch, (size_t)d->n + 1, sizeof *s->of_code);
    for (int32_t c = 0; c < d->n; c++) {
        struct dr_node *n;
        bool ok = !dr_json_parse(&p->scratch, d->values[c], NULL, true, &n, NULL);
        s->of_code[c] = ok && dr_node_size(n) == 0 ? dr_value_of_node(n) : dr_value_of_text(d->values[c]);
    }
}

/* ---- making a source ---- */

static const struct dr_suite_column *declaration(const struct dr_suite *suite, const char *name)
{
    for (int32_t i = 0; i < suite->n_columns; i++)
        if (dr_streq(suite->columns[i].name, name))
            return &suite->columns[i];
    return NULL;
}

static int32_t source_new(struct dr_plan *p, const char *name, const struct dr_column *raw,
                          struct dr_source **ret, struct dr_err *err)
{
    struct dr_source *s = DR_NEW(&p->scratch, struct dr_source);
    s->name = name;
    s->raw = s->typed = raw;
    s->rows = p->table->rows;
    s->declared = declaration(p->suite, name);
    s->sensitive = s->declared && s->declared->sensitive;
    s->class = class_of(raw);
    mark_missing(p, s);
    if (is_mixed(p, s))
        decode_mixed(p, s);
    else if (wants_cast(s))
        DR_TRY(cast(p, s, err));
    if (s->n_null == s->rows)
        s->class = DR_CLASS_EMPTY;
    s->next = p->sources;
    p->sources = s;
    *ret = s;
    return DR_OK;
}

int32_t dr_plan_source(struct dr_plan *p, const char *name, struct dr_source **ret, struct dr_err *err)
{
    const struct dr_column *raw;
    for (struct dr_source *s = p->sources; s; s = s->next)
        if (dr_streq(s->name, name) && !s->as_times) {
            *ret = s;
            return DR_OK;
        }
    int32_t i = dr_table_find(p->table, name);
    if (i < 0) {
        const char *near = dr_nearest(name, (const char *const *)p->table->names, (size_t)p->table->n);
        return dr_fail(err, DR_ENOTFOUND, "the column \"%s\" does not exist in the table%s%s%s", name,
                       near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    raw = p->table->columns[i];
    return source_new(p, p->table->names[i], raw, ret, err);
}

static void parse_any(void *ctx, int32_t n_args, const struct dr_cell *args, struct dr_cell *ret)
{
    struct dr_civil c;
    bool zoned;
    int32_t offset_s;
    (void)ctx;
    (void)n_args;
    if (args[0].state != 1)
        return;
    if (!dr_dateutil_parse((struct dr_str){ args[0].p, (size_t)args[0].n }, &c, &zoned, &offset_s)) {
        ret->state = 2;
        return;
    }
    ret->state = 1;
    ret->i = dr_us_from_civil(&c) - offset_s * DR_US_PER_S;
}

int32_t dr_plan_times(struct dr_plan *p, struct dr_source *s, struct dr_source **ret, struct dr_err *err)
{
    uint64_t *refused = dr_plan_bits(p);
    *ret = s;
    if (s->class != DR_CLASS_TEXT)
        return DR_OK;
    for (struct dr_source *t = p->sources; t; t = t->next)
        if (t->as_times && t->raw == s->raw) {
            *ret = t;
            return DR_OK;
        }
    struct dr_source *t = DR_NEW(&p->scratch, struct dr_source);
    *t = *s;
    t->as_times = true;
    t->owned[0] = t->owned[1] = NULL;
    t->keys = NULL;
    DR_TRY(
        dr_column_map(1, &t->raw, parse_any, NULL, DR_TYPE_TIMESTAMP, (uint8_t *)refused, &t->owned[0], err));
    settle_cast(t, refused);
    t->next = p->sources;
    p->sources = t;
    *ret = t;
    return DR_OK;
}

/* ---- single values ---- */

static struct dr_value decimal_value(const struct dr_array *a, int64_t i)
{
    __extension__ __int128 v;
    memcpy(&v, (const char *)a->values + i * 16, sizeof v);
    return dr_value_of_float((double)v / pow(10, a->scale));
}

static struct dr_value array_value(const struct dr_array *a, int64_t i)
{
    switch (a->type) {
    case DR_TYPE_BOOL: {
        bool b = dr_bit(a->values, i);
        return (struct dr_value){ .kind = DR_VALUE_BOOL, .i = b, .f = b };
    }
    case DR_TYPE_INT64:
        return dr_value_of_int(((const int64_t *)a->values)[i]);
    case DR_TYPE_FLOAT64:
        return dr_value_of_float(((const double *)a->values)[i]);
    case DR_TYPE_DATE:
        return (struct dr_value){ .kind = DR_VALUE_DATE,
                                  .i = ((const int32_t *)a->values)[i] * DR_US_PER_DAY };
    case DR_TYPE_TIMESTAMP:
        return (struct dr_value){ .kind = DR_VALUE_TIME,
                                  .zoned = a->zoned,
                                  .i = ((const int64_t *)a->values)[i] };
    case DR_TYPE_DECIMAL:
        return decimal_value(a, i);
    case DR_TYPE_STRING:
    case DR_TYPE_DICT:
        return dr_value_of_text(dr_array_str(a, i));
    default:
        return (struct dr_value){ 0 };
    }
}

static struct dr_value value_in(const struct dr_source *s, const struct dr_column *c, int64_t row,
                                int32_t *hint)
{
    int64_t i;
    if (s->null && dr_row_get(s->null, row))
        return (struct dr_value){ 0 };
    const struct dr_array *a = dr_column_at(c, row, hint, &i);
    if (s->of_code)
        return s->of_code[((const int32_t *)a->values)[i]];
    return array_value(a, i);
}

struct dr_value dr_source_value(const struct dr_source *s, int64_t row, int32_t *hint)
{
    return value_in(s, s->refused && dr_row_get(s->refused, row) ? s->raw : s->typed, row, hint);
}

struct dr_value dr_source_raw_value(const struct dr_source *s, int64_t row, int32_t *hint)
{
    return value_in(s, s->raw, row, hint);
}

/* ---- row keys ---- */

const struct dr_column *dr_source_dict(struct dr_source *s)
{
    if (s->raw->type != DR_TYPE_STRING)
        return s->raw;
    if (!s->owned[1])
        s->owned[1] = dr_column_dict(s->raw);
    return s->owned[1];
}

static uint64_t float_key(double f)
{
    uint64_t k;
    f = f == 0 ? 0 : f; /* -0.0 equals 0.0 */
    memcpy(&k, &f, sizeof k);
    return k;
}

static void array_keys(const struct dr_array *a, uint64_t *keys)
{
    for (int64_t i = 0; i < a->n; i++) {
        switch (a->type) {
        case DR_TYPE_BOOL:
            keys[i] = dr_bit(a->values, i);
            break;
        case DR_TYPE_INT64:
        case DR_TYPE_TIMESTAMP:
            keys[i] = (uint64_t)((const int64_t *)a->values)[i];
            break;
        case DR_TYPE_FLOAT64:
            keys[i] = float_key(((const double *)a->values)[i]);
            break;
        case DR_TYPE_DATE:
        case DR_TYPE_DICT:
            keys[i] = (uint64_t)((const int32_t *)a->values)[i];
            break;
        case DR_TYPE_DECIMAL:
            keys[i] = float_key(decimal_value(a, i).f);
            break;
        default:
            keys[i] = 0;
        }
    }
}

const uint64_t *dr_source_keys(struct dr_plan *p, struct dr_source *s)
{
    if (s->keys)
        return s->keys;
    const struct dr_column *c = dr_source_dict(s);
    (void)p;
    s->keys = dr_calloc((size_t)s->rows + 1, sizeof *s->keys);
    for (int32_t k = 0; k < c->n; k++)
        array_keys(c->chunk[k], s->keys + c->start[k]);
    for (int64_t r = s->null ? dr_rows_next(s->null, s->rows, 0) : -1; r >= 0;
         r = dr_rows_next(s->null, s->rows, r + 1))
        s->keys[r] = 0;
    return s->keys;
}

/* ---- domains and views ---- */

int32_t dr_plan_domain(struct dr_plan *p, const char *condition, const struct dr_domain **ret,
                       struct dr_err *err)
{
    const char *text = condition && *condition ? condition : NULL;
    for (struct dr_domain *d = p->domains; d; d = d->next)
        if (text && d->condition ? dr_streq(text, d->condition) : text == d->condition) {
            *ret = d;
            return DR_OK;
        }
    struct dr_domain *d = DR_NEW(&p->scratch, struct dr_domain);
    d->condition = text;
    d->n = p->table->rows;
    if (text) {
        d->rows = dr_plan_bits(p);
        DR_TRY(dr_condition_rows(p, text, d->rows, err));
        d->n = dr_rows_count(d->rows, p->table->rows);
    }
    d->next = p->domains;
    p->domains = d;
    *ret = d;
    return DR_OK;
}

struct dr_view *dr_plan_view(struct dr_plan *p, struct dr_source *s, const struct dr_domain *d)
{
    for (struct dr_view *v = p->views; v; v = v->next)
        if (v->source == s && v->domain == d)
            return v;
    struct dr_view *v = DR_NEW(&p->scratch, struct dr_view);
    v->source = s;
    v->domain = d;
    v->rows = dr_plan_bits(p);
    if (d->rows)
        memcpy(v->rows, d->rows, (size_t)dr_words(s->rows) * 8);
    else
        dr_rows_fill(v->rows, s->rows);
    if (s->null)
        dr_rows_and_not(v->rows, s->null, s->rows);
    int64_t present = dr_rows_count(v->rows, s->rows);
    if (s->refused)
        dr_rows_and_not(v->rows, s->refused, s->rows);
    v->n = dr_rows_count(v->rows, s->rows);
    v->n_refused = present - v->n;
    v->next = p->views;
    p->views = v;
    return v;
}
