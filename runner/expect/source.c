/* source.c - columns as expectations see them: converted to the type that the
 * suite declares, with missing rows and refused texts marked. See plan.h. */
#include "expect/plan.h"
#include <math.h>
#include "base/date.h"
#include "base/json.h"
#include "base/num.h"
#include "data/gather.h"
#include "data/pool.h"
#include "data/refused.h"
#include "expect/condition.h"
#include "expect/dateutil.h"
#include "spill/kept.h"
#include "expect/needs.h"

const char *dr_class_name(enum dr_class c)
{
    static const char *const names[] = { "no value", "numbers", "dates or times", "text",
                                         "numbers and text" };
    return names[c];
}

static enum dr_class class_of(int32_t type)
{
    switch (type) {
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
    uint64_t all = ~UINT64_C(0) >> (64 - m);
    (void)ctx;
    if (a->type == DR_TYPE_NULL)
        return all;
    return a->valid ? ~dr_bits_window(a->valid, i, m) & all : 0;
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

/* Texts that stand for a missing value: their rows, and their codes no longer count. */
static void drop_spellings(struct dr_plan *p, struct dr_source *s, uint64_t *null)
{
    struct dr_suite *suite = DR_UNCONST(struct dr_suite, p->suite);
    uint64_t *spelt = dr_plan_bits(p);
    if (!s->codes) {
        s->null = s->raw->nulls ? null : NULL; /* text under a null is not looked at */
        (void)dr_scan_text(p, s, is_null_spelling, suite, spelt, NULL);
    } else {
        DR_AUTO_FREE uint64_t *codes = dr_codes_bits(s->codes);
        for (int64_t k = dr_rows_next(s->codes->used, s->codes->n, 0); k >= 0;
             k = dr_rows_next(s->codes->used, s->codes->n, k + 1))
            if (is_null_spelling(suite, s->raw->dict->values[k], NULL))
                dr_row_set(codes, k);
        dr_codes_spread(s, codes, spelt);
        dr_codes_drop(s->codes, codes);
    }
    dr_rows_or(null, spelt, s->rows);
    dr_plan_bits_back(p, spelt);
}

static void mark_missing(struct dr_plan *p, struct dr_source *s)
{
    bool spelt = p->suite->n_null_values && class_of(s->raw->type) == DR_CLASS_TEXT;
    bool floats = s->raw->type == DR_TYPE_FLOAT64;
    if (!s->raw->nulls && !spelt && !floats)
        return;
    uint64_t *null = dr_plan_bits(p);
    if (floats)
        dr_scan(s->raw, word_of_nans, NULL, null);
    if (s->raw->nulls)
        dr_scan(s->raw, word_of_nulls, NULL, null);
    if (spelt)
        drop_spellings(p, s, null);
    s->n_null = dr_rows_count(null, s->rows);
    s->null = s->n_null ? null : NULL;
    if (!s->n_null)
        dr_plan_bits_back(p, null);
}

/* What a reader of typed columns has refused is missing from them, and yet not missing. */
static void take_refused(struct dr_plan *p, struct dr_source *s)
{
    s->n_refused = dr_column_refused(s->raw);
    if (s->n_refused == 0)
        return;
    s->refused = dr_plan_bits(p);
    dr_column_refused_bits(s->raw, (uint8_t *)s->refused);
    dr_rows_and_not(s->null, s->refused, s->rows);
    s->n_null -= s->n_refused;
    if (s->n_null == 0)
        s->null = NULL;
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

/* A column of texts, or the texts of its dictionary, as the type that is wanted. */
static int32_t convert(const struct dr_source *s, const struct dr_column *texts, uint64_t *refused,
                       struct dr_column **ret, struct dr_err *err)
{
    int32_t type = s->as_times ? DR_TYPE_TIMESTAMP : s->declared->type;
    if (s->as_times)
        return dr_column_map(1, &texts, parse_any, NULL, type, (uint8_t *)refused, ret, err);
    if (s->declared->format && (type == DR_TYPE_DATE || type == DR_TYPE_TIMESTAMP)) {
        struct format_ctx ctx = { s->declared->format, type == DR_TYPE_DATE };
        return dr_column_map(1, &texts, parse_format, &ctx, type, (uint8_t *)refused, ret, err);
    }
    return dr_column_cast(texts, type, (uint8_t *)refused, ret, err);
}

static int32_t cast_codes(struct dr_source *s, struct dr_err *err)
{
    struct dr_codes *c = s->codes;
    uint64_t *refused = dr_codes_bits(c);
    struct dr_column *typed;
    int32_t rc = convert(s, c->raw, refused, &typed, err);
    if (rc) {
        free(refused);
        return rc;
    }
    dr_column_unref(c->typed);
    c->typed = typed;
    dr_rows_and(refused, c->used, c->n);
    s->n_refused = dr_codes_rows(c, refused);
    if (!s->n_refused) {
        free(refused);
        return DR_OK;
    }
    c->refused = refused;
    return DR_OK;
}

const uint64_t *dr_source_refused(struct dr_plan *p, struct dr_source *s)
{
    if (s->refused || !s->codes || !s->codes->refused)
        return s->refused;
    s->refused = dr_plan_bits(p);
    dr_codes_spread(s, s->codes->refused, s->refused);
    if (s->null)
        dr_rows_and_not(s->refused, s->null, s->rows);
    return s->refused;
}

/* Chunks [from, to) of a column as one of its own. */
static struct dr_column *chunks_of(const struct dr_column *c, int32_t from, int32_t to)
{
    DR_AUTO_FREE struct dr_array **chunk = dr_calloc((size_t)(to - from), sizeof *chunk);
    for (int32_t k = from; k < to; k++)
        chunk[k - from] = dr_array_ref(c->chunk[k]);
    return dr_column_like(c, to - from, chunk);
}

/* Cast some chunks; they go to the file, what they refuse to the set of all rows. */
static int32_t cast_chunks(const struct dr_source *s, int32_t from, int32_t to, struct dr_kept *kept,
                           uint64_t *refused, struct dr_err *err)
{
    const char *name = s->name;
    struct dr_column *texts = chunks_of(s->raw, from, to), *typed = NULL;
    DR_AUTO_FREE uint64_t *bits = dr_calloc((size_t)dr_words(texts->rows) + 1, sizeof *bits);
    int64_t first = s->raw->start[from];
    int32_t rc = convert(s, texts, bits, &typed, err);
    for (int64_t r = rc ? -1 : dr_rows_next(bits, texts->rows, 0); r >= 0;
         r = dr_rows_next(bits, texts->rows, r + 1))
        dr_row_set(refused, first + r);
    dr_column_let_go(texts, 0, texts->rows);
    dr_column_unref(texts);
    DR_TRY(rc);
    struct dr_table *t = dr_table_adopt(1, &name, &typed);
    rc = dr_kept_add(kept, t, err);
    dr_table_unref(t);
    return rc;
}

enum { CHUNKS_AT_ONCE = 16 };

/* A cast that memory has no room for: part by part, into a temporary file. */
static int32_t cast_apart(const struct dr_source *s, uint64_t *refused, struct dr_column **ret,
                          struct dr_err *err)
{
    struct dr_kept kept;
    struct dr_table *t = NULL;
    int32_t n = s->raw->n, rc = dr_kept_open(&kept, NULL, err);
    for (int32_t k = 0; k < n && !rc; k += CHUNKS_AT_ONCE)
        rc = cast_chunks(s, k, k + CHUNKS_AT_ONCE < n ? k + CHUNKS_AT_ONCE : n, &kept, refused, err);
    if (!rc)
        rc = dr_kept_end(&kept, err);
    if (!rc)
        rc = dr_kept_map(&kept, &t, err);
    if (!rc)
        *ret = dr_column_ref(t->columns[0]);
    dr_table_unref(t);
    dr_kept_done(&kept);
    return rc;
}

/* Whether a part of the texts is cast as it would be among the others: decimals have the scale of all, and
 * whether times have an offset all of them say together. */
static bool casts_row_by_row(const struct dr_source *s)
{
    return s->as_times || s->declared->format ||
           (s->declared->type != DR_TYPE_DECIMAL && s->declared->type != DR_TYPE_TIMESTAMP);
}

static int32_t cast_rows(struct dr_plan *p, struct dr_source *s, struct dr_err *err)
{
    uint64_t *refused = dr_plan_bits(p), memory = p->opts->memory;
    bool large = memory && (uint64_t)s->rows * sizeof(int64_t) > memory / 4;
    DR_TRY(large && casts_row_by_row(s) ? cast_apart(s, refused, &s->owned[0], err)
                                        : convert(s, s->raw, refused, &s->owned[0], err));
    s->typed = s->owned[0];
    if (s->null)
        dr_rows_and_not(refused, s->null, s->rows);
    s->n_refused = dr_rows_count(refused, s->rows);
    s->refused = s->n_refused ? refused : NULL;
    return DR_OK;
}

static int32_t cast(struct dr_plan *p, struct dr_source *s, struct dr_err *err)
{
    s->typed = NULL;
    DR_TRY(s->codes ? cast_codes(s, err) : cast_rows(p, s, err));
    const struct dr_column *typed = s->codes ? s->codes->typed : s->typed;
    s->type = typed->type;
    s->zoned = typed->zoned;
    s->class = class_of(s->type);
    return DR_OK;
}

/* Only texts are read as the declared type; a typed file keeps its own types. */
static bool wants_cast(const struct dr_source *s)
{
    int32_t want = s->declared ? s->declared->type : -1;
    return class_of(s->raw->type) == DR_CLASS_TEXT && want > DR_TYPE_NULL && want < DR_TYPE_STRING;
}

/* ---- all rows by their codes ---- */

struct spread {
    const struct dr_source *s;
    const struct dr_array *values;
    struct dr_array **chunk;
};

static void spread_chunk(void *ctx, int64_t k)
{
    struct spread *g = ctx;
    const struct dr_array *a = g->s->raw->chunk[k];
    DR_AUTO_FREE int32_t *codes = dr_malloc((size_t)a->n * sizeof *codes);
    for (int64_t i = 0; i < a->n; i++)
        codes[i] = dr_array_valid(a, i) ? ((const int32_t *)a->values)[i] : -1;
    g->chunk[k] = dr_array_gather(g->values, codes, a->n);
}

const struct dr_column *dr_source_typed(struct dr_source *s)
{
    if (s->typed)
        return s->typed;
    const struct dr_column *by_code = s->codes->typed;
    struct dr_array *none = by_code->n ? NULL : dr_array_new(by_code->type, 0, NULL); /* no row has a value */
    if (none) {
        none->scale = by_code->scale;
        none->zoned = by_code->zoned;
    }
    struct spread g = { s, none ? none : by_code->chunk[0], NULL };
    g.chunk = dr_calloc((size_t)s->raw->n + 1, sizeof *g.chunk);
    dr_pool_run(s->raw->n, spread_chunk, &g);
    s->owned[0] = dr_column_like(by_code, s->raw->n, g.chunk);
    free(g.chunk);
    dr_array_unref(none);
    s->typed = s->owned[0];
    return s->typed;
}

/* ---- columns of mixed kinds ---- */

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

/* Names are looked up in maps: a file may have 65,536 columns. Of two columns of one name, the first. */
static void index_names(struct dr_plan *p)
{
    bool is_new;
    p->of_column = dr_arena_array(&p->scratch, (size_t)p->table->n + 1, sizeof(struct dr_source *));
    for (int32_t i = 0; i < p->table->n; i++) {
        int64_t *at = dr_map_put(&p->columns, dr_str_of(p->table->names[i]), &is_new);
        if (is_new)
            *at = i;
    }
    for (int32_t i = 0; i < p->suite->n_columns; i++) {
        int64_t *at = dr_map_put(&p->declared, dr_str_of(p->suite->columns[i].name), &is_new);
        if (is_new)
            *at = i;
    }
}

static const struct dr_suite_column *declaration(const struct dr_plan *p, const char *name)
{
    const int64_t *at = dr_map_get(&p->declared, dr_str_of(name));
    return at ? &p->suite->columns[*at] : NULL;
}

static int32_t source_new(struct dr_plan *p, const char *name, const struct dr_column *raw,
                          struct dr_source **ret, struct dr_err *err)
{
    struct dr_source *s = DR_NEW(&p->scratch, struct dr_source);
    s->name = name;
    s->raw = s->typed = raw;
    s->type = raw->type;
    s->zoned = raw->zoned;
    s->rows = p->table->rows;
    s->codes = dr_codes_new(raw);
    s->declared = declaration(p, name);
    s->sensitive = s->declared && s->declared->sensitive;
    s->class = class_of(raw->type);
    mark_missing(p, s);
    take_refused(p, s);
    s->next = p->sources;
    p->sources = s;
    if (raw->type == DR_TYPE_DICT && dr_expect_is_mixed(p->opts, name))
        decode_mixed(p, s);
    else if (wants_cast(s))
        DR_TRY(cast(p, s, err));
    if (s->n_null == s->rows && s->n_refused == 0)
        s->class = DR_CLASS_EMPTY;
    *ret = s;
    return DR_OK;
}

int32_t dr_plan_source(struct dr_plan *p, const char *name, struct dr_source **ret, struct dr_err *err)
{
    if (!p->of_column)
        index_names(p);
    const int64_t *at = dr_map_get(&p->columns, dr_str_of(name));
    if (!at) {
        const char *near = dr_nearest(name, (const char *const *)p->table->names, (size_t)p->table->n);
        return dr_fail(err, DR_ENOTFOUND, "the column \"%s\" does not exist in the table%s%s%s", name,
                       near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    if (!p->of_column[*at])
        DR_TRY(source_new(p, p->table->names[*at], p->table->columns[*at], &p->of_column[*at], err));
    *ret = p->of_column[*at];
    return DR_OK;
}

/* The same column once more, its codes counted anew: they will be refused otherwise. */
static int32_t times_new(struct dr_plan *p, const struct dr_source *s, struct dr_source **ret,
                         struct dr_err *err)
{
    struct dr_source *t = DR_NEW(&p->scratch, struct dr_source);
    *t = *s;
    t->as_times = true;
    t->owned[0] = t->owned[1] = NULL;
    t->zones = NULL;
    t->hashes = NULL;
    t->views = NULL;
    t->codes = dr_codes_new(t->raw);
    t->next = p->sources;
    p->sources = t;
    if (t->codes && s->codes) {
        DR_AUTO_FREE uint64_t *missing = dr_codes_bits(s->codes);
        dr_rows_or(missing, s->codes->used, s->codes->n);
        dr_rows_not(missing, s->codes->n);
        dr_codes_drop(t->codes, missing);
    }
    DR_TRY(cast(p, t, err));
    *ret = t;
    return DR_OK;
}

int32_t dr_plan_times(struct dr_plan *p, struct dr_source *s, struct dr_source **ret, struct dr_err *err)
{
    *ret = s;
    if (s->class != DR_CLASS_TEXT)
        return DR_OK;
    for (struct dr_source *t = p->sources; t; t = t->next)
        if (t->as_times && t->raw == s->raw) {
            *ret = t;
            return DR_OK;
        }
    return times_new(p, s, ret, err);
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

struct dr_value dr_codes_value(const struct dr_source *s, int64_t code)
{
    if (s->of_code)
        return s->of_code[code];
    if (s->codes->refused && dr_row_get(s->codes->refused, code))
        return dr_value_of_text(s->raw->dict->values[code]);
    return array_value(s->codes->typed->chunk[0], code);
}

struct dr_value dr_source_raw_value(const struct dr_source *s, int64_t row, int32_t *hint)
{
    int64_t i;
    if (s->null && dr_row_get(s->null, row))
        return (struct dr_value){ 0 };
    if (s->refused && dr_row_get(s->refused, row) && class_of(s->raw->type) != DR_CLASS_TEXT) {
        int64_t n;
        const char *text = dr_column_refused_text(s->raw, row, &n);
        return dr_value_of_text((struct dr_str){ text, (size_t)n });
    }
    const struct dr_array *a = dr_column_at(s->raw, row, hint, &i);
    if (s->of_code)
        return s->of_code[((const int32_t *)a->values)[i]];
    return array_value(a, i);
}

struct dr_value dr_source_value(const struct dr_source *s, int64_t row, int32_t *hint)
{
    int64_t i;
    if (!s->codes) {
        bool raw = s->typed == s->raw || (s->refused && dr_row_get(s->refused, row));
        if (raw || (s->null && dr_row_get(s->null, row)))
            return dr_source_raw_value(s, row, hint);
        const struct dr_array *typed = dr_column_at(s->typed, row, hint, &i);
        return array_value(typed, i);
    }
    if (s->null && dr_row_get(s->null, row))
        return (struct dr_value){ 0 };
    const struct dr_array *a = dr_column_at(s->raw, row, hint, &i);
    return dr_codes_value(s, ((const int32_t *)a->values)[i]);
}

const struct dr_column *dr_source_dict(struct dr_source *s)
{
    if (s->raw->type != DR_TYPE_STRING)
        return s->raw;
    if (!s->owned[1])
        s->owned[1] = dr_column_dict(s->raw);
    return s->owned[1];
}
