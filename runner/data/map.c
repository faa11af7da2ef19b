/* map.c - a function applied to each row of some columns.
 *
 * Where every argument is a DICT, the tuple of codes decides the result. Tuples
 * are numbered densely, one argument at a time: (number so far, code) becomes
 * the next number by a table of the pairs seen. fn runs once for each number,
 * and the results are spread by number.
 *
 * fn is called from the calling thread only: it may return text that lies in a
 * scratch buffer of its context. */
#include "data/builder.h"
#include "data/gather.h"
#include "data/word_map.h"

struct map {
    int32_t n_args;
    const struct dr_column *const *args;
    dr_map_fn fn;
    void *ctx;
    int32_t ret_type;
    struct dr_builder *out; /* owned */
    struct dr_cell *cells;  /* n_args */
};

/* ---- cells ------------------------------------------------------------------------ */

static struct dr_cell text_cell(struct dr_str s)
{
    return (struct dr_cell){ .state = 1, .p = s.p, .n = (int64_t)s.n };
}

static struct dr_cell cell_at(const struct dr_array *a, int64_t i)
{
    if (a->type == DR_TYPE_NULL || !dr_array_valid(a, i))
        return (struct dr_cell){ 0 };
    switch (a->type) {
    case DR_TYPE_BOOL:
        return (struct dr_cell){ .state = 1, .i = dr_bit(a->values, i) };
    case DR_TYPE_FLOAT64:
        return (struct dr_cell){ .state = 1, .f = ((const double *)a->values)[i] };
    case DR_TYPE_DATE:
        return (struct dr_cell){ .state = 1, .i = ((const int32_t *)a->values)[i] };
    case DR_TYPE_STRING:
    case DR_TYPE_DICT:
        return text_cell(dr_array_str(a, i));
    default:
        return (struct dr_cell){ .state = 1, .i = ((const int64_t *)a->values)[i] };
    }
}

/* Run fn on the cells and append its result; true where it refused. */
static int32_t call(struct map *m, bool *ret_refused, struct dr_err *err)
{
    struct dr_cell ret = { 0 };
    m->fn(m->ctx, m->n_args, m->cells, &ret);
    *ret_refused = ret.state == 2;
    if (ret.state < 0 || ret.state > 2)
        return dr_fail(err, DR_EPLUGIN, "map: the function gave state %d; 0, 1 and 2 are allowed",
                       (int)ret.state);
    if (ret.state != 1)
        dr_builder_append_null(m->out);
    else if (m->ret_type == DR_TYPE_FLOAT64)
        dr_builder_append_float(m->out, ret.f);
    else if (m->ret_type == DR_TYPE_DATE && (ret.i < INT32_MIN || ret.i > INT32_MAX))
        return dr_fail(err, DR_EPLUGIN, "map: the function gave %lld as days of a date", (long long)ret.i);
    else if (m->ret_type != DR_TYPE_STRING && m->ret_type != DR_TYPE_DICT)
        dr_builder_append_int(m->out, ret.i);
    else if (ret.n < 0 || (ret.n > 0 && !ret.p))
        return dr_fail(err, DR_EPLUGIN, "map: the function gave a text without bytes");
    else
        dr_builder_append_bytes(m->out, ret.p, ret.n);
    return DR_OK;
}

/* ---- row by row -------------------------------------------------------------------- */

static int32_t map_rows(struct map *m, uint8_t *refused, struct dr_column **ret, struct dr_err *err)
{
    DR_AUTO_FREE int32_t *hint = dr_calloc((size_t)m->n_args, sizeof *hint);
    for (int64_t row = 0; row < m->args[0]->rows; row++) {
        bool refuses;
        for (int32_t k = 0; k < m->n_args; k++) {
            int64_t i;
            const struct dr_array *a = dr_column_at(m->args[k], row, &hint[k], &i);
            m->cells[k] = cell_at(a, i);
        }
        DR_TRY(call(m, &refuses, err));
        if (refused && refuses)
            dr_bit_set(refused, row);
    }
    *ret = dr_builder_finish(m->out);
    m->out = NULL;
    return DR_OK;
}

/* ---- by distinct combination --------------------------------------------------------- */

/* Rows numbered by their combination of codes. */
struct combos {
    int64_t rows;
    int32_t *number;  /* rows */
    int32_t n;        /* combinations */
    int32_t *example; /* n_args codes for each combination; -1 is missing */
};

/* Number the pairs (number so far, code of argument k). */
static void refine(struct combos *c, const struct map *m, int32_t k)
{
    const struct dr_column *arg = m->args[k];
    uint64_t codes = (uint64_t)arg->dict->n + 1;
    struct dr_word_map seen = { 0 };
    int32_t *example = NULL, n = 0, cap = 0;
    for (int32_t j = 0; j < arg->n; j++) {
        const struct dr_array *a = arg->chunk[j];
        int32_t *number = c->number + arg->start[j];
        for (int64_t i = 0; i < a->n; i++) {
            int32_t code = dr_array_valid(a, i) ? ((const int32_t *)a->values)[i] : -1;
            int32_t old = number[i];
            number[i] = (int32_t)dr_word_map_put(&seen, (uint64_t)old * codes + (uint64_t)(code + 1));
            if (number[i] < n)
                continue;
            if (n == cap) {
                cap = cap ? cap * 2 : 64;
                example = dr_realloc(example, (size_t)cap * (size_t)m->n_args * sizeof *example);
            }
            memcpy(example + (int64_t)n * m->n_args, c->example + (int64_t)old * m->n_args,
                   (size_t)k * sizeof *example);
            example[(int64_t)n++ * m->n_args + k] = code;
        }
    }
    dr_word_map_done(&seen);
    free(c->example);
    c->example = example;
    c->n = n;
}

static void number_combos(struct combos *c, const struct map *m)
{
    c->rows = m->args[0]->rows;
    c->number = dr_calloc((size_t)c->rows, sizeof *c->number);
    c->example = dr_calloc((size_t)m->n_args, sizeof *c->example);
    for (int32_t k = 0; k < m->n_args; k++)
        refine(c, m, k);
}

static int32_t call_combos(struct map *m, const struct combos *c, uint8_t *refuses, struct dr_err *err)
{
    for (int32_t j = 0; j < c->n; j++) {
        bool refused;
        for (int32_t k = 0; k < m->n_args; k++) {
            int32_t code = c->example[(int64_t)j * m->n_args + k];
            m->cells[k] = code < 0 ? (struct dr_cell){ 0 } : text_cell(m->args[k]->dict->values[code]);
        }
        DR_TRY(call(m, &refused, err));
        if (refused)
            dr_bit_set(refuses, j);
    }
    return DR_OK;
}

/* The results of the combinations, one chunk of them, spread over the rows. */
static struct dr_column *spread(const struct map *m, const struct combos *c, const struct dr_column *results)
{
    const struct dr_column *shape = m->args[0];
    DR_AUTO_FREE struct dr_array **chunk = dr_malloc((size_t)shape->n * sizeof(struct dr_array *));
    struct dr_array *values = dr_column_range(results, 0, results->rows);
    for (int32_t k = 0; k < shape->n; k++)
        chunk[k] = dr_array_gather(values, c->number + shape->start[k], shape->chunk[k]->n);
    dr_array_unref(values);
    return dr_column_like(results, shape->n, chunk);
}

static int32_t map_combos(struct map *m, uint8_t *refused, struct dr_column **ret, struct dr_err *err)
{
    struct combos c = { 0 };
    number_combos(&c, m);
    DR_AUTO_FREE uint8_t *refuses = dr_calloc((size_t)c.n / 8 + 1, 1);
    int32_t rc = call_combos(m, &c, refuses, err);
    if (!rc) {
        struct dr_column *results = dr_builder_finish(m->out);
        m->out = NULL;
        *ret = spread(m, &c, results);
        dr_column_unref(results);
        for (int64_t row = 0; refused && row < c.rows; row++)
            if (dr_bit(refuses, c.number[row]))
                dr_bit_set(refused, row);
    }
    free(c.number);
    free(c.example);
    return rc;
}

/* ---- entry ----------------------------------------------------------------------------- */

static int32_t check_args(const struct map *m, bool *ret_all_dict, struct dr_err *err)
{
    if (m->n_args < 1)
        return dr_fail(err, DR_EINPUT, "map: at least one column is needed");
    if (m->ret_type <= DR_TYPE_NULL || m->ret_type > DR_TYPE_DICT || m->ret_type == DR_TYPE_DECIMAL)
        return dr_fail(err, DR_EINPUT, "map: a column of type %s cannot be made", dr_type_name(m->ret_type));
    *ret_all_dict = true;
    for (int32_t k = 0; k < m->n_args; k++) {
        if (m->args[k]->rows != m->args[0]->rows)
            return dr_fail(err, DR_EINPUT, "map: argument 1 has %lld rows, argument %d has %lld",
                           (long long)m->args[0]->rows, (int)k + 1, (long long)m->args[k]->rows);
        if (m->args[k]->type == DR_TYPE_DECIMAL)
            return dr_fail(err, DR_EINPUT, "map: argument %d is decimal; cast it to string or float64 first",
                           (int)k + 1);
        *ret_all_dict &= m->args[k]->type == DR_TYPE_DICT;
    }
    return DR_OK;
}

int32_t dr_column_map(int32_t n_args, const struct dr_column *const *args, dr_map_fn fn, void *ctx,
                      int32_t ret_type, uint8_t *ret_refused, struct dr_column **ret, struct dr_err *err)
{
    struct map m = { .n_args = n_args, .args = args, .fn = fn, .ctx = ctx, .ret_type = ret_type };
    bool all_dict = false;
    DR_TRY(check_args(&m, &all_dict, err));
    if (ret_refused)
        memset(ret_refused, 0, (size_t)(args[0]->rows + 7) / 8);
    m.cells = dr_calloc((size_t)n_args, sizeof *m.cells);
    m.out = dr_builder_new(ret_type);
    int32_t rc = all_dict ? map_combos(&m, ret_refused, ret, err) : map_rows(&m, ret_refused, ret, err);
    dr_builder_free(m.out);
    free(m.cells);
    return rc;
}
