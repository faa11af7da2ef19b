/* aggregate.c - aggregates over numbered groups.
 *
 * All aggregates of one column are worked out together: its values are laid out
 * by group (group_values.h) and each group is then a run of numbers, read once
 * for sums, spread and extremes (stats.h) and narrowed down for quantiles
 * (quantile.h). Texts and decimals take part as row numbers, of which first,
 * last, least and largest are found and fetched. Sums of integers are kept in
 * 128 bits and checked at the end, so that the order of rows decides nothing. */
#include "data/aggregate.h"
#include <math.h>
#include "data/distinct.h"
#include "data/group_values.h"
#include "data/pool.h"
#include "data/quantile.h"
#include "data/stats.h"

#define TASK_VALUES 65536    /* of the groups that one task works on */
#define HUGE_GROUP (1 << 20) /* values from which a group is shared among threads */

static const char *const fn_names[] = { "count",    "count_distinct", "sum",   "mean",
                                        "stddev",   "variance",       "min",   "max",
                                        "quantile", "median",         "share", "first",
                                        "last" };

/* ---- what is allowed ------------------------------------------------------------- */

static bool is_number(int32_t type)
{
    return type == DR_TYPE_INT64 || type == DR_TYPE_FLOAT64;
}

/* A quantile's definition; 0 where fn is none. */
static int32_t quantile_definition(int32_t fn)
{
    if (fn == DR_AGG_QUANTILE || fn == DR_AGG_MEDIAN)
        return 7;
    return fn > DR_AGG_QUANTILE_BY && fn <= DR_AGG_QUANTILE_BY + 9 ? fn - DR_AGG_QUANTILE_BY : 0;
}

static bool allowed(int32_t fn, int32_t type)
{
    switch (fn) {
    case DR_AGG_SUM:
    case DR_AGG_MEAN:
        return is_number(type) || type == DR_TYPE_BOOL;
    case DR_AGG_STDDEV:
    case DR_AGG_VARIANCE:
        return is_number(type);
    case DR_AGG_SHARE:
        return type == DR_TYPE_BOOL;
    default:
        return !quantile_definition(fn) || is_number(type);
    }
}

int32_t dr_aggregate_check(const struct dr_agg *agg, const struct dr_column *c, struct dr_err *err)
{
    bool quantile = quantile_definition(agg->fn) != 0;
    if (!quantile && (agg->fn < DR_AGG_COUNT || agg->fn > DR_AGG_LAST))
        return dr_fail(err, DR_EINPUT, "group by: %d is no aggregate function", (int)agg->fn);
    const char *fn = quantile && agg->fn != DR_AGG_MEDIAN ? "quantile" : fn_names[agg->fn];
    if (!c && agg->fn != DR_AGG_COUNT)
        return dr_fail(err, DR_EINPUT, "group by: %s needs a column", fn);
    if (!agg->name)
        return dr_fail(err, DR_EINPUT, "group by: the result of %s of '%s' needs a name", fn,
                       agg->column ? agg->column : "*");
    if (c && c->type != DR_TYPE_NULL && !allowed(agg->fn, c->type))
        return dr_fail(err, DR_EINPUT, "group by: %s of column '%s' is not defined for %s", fn, agg->column,
                       dr_type_name(c->type));
    if (quantile && agg->fn != DR_AGG_MEDIAN && !(agg->arg >= 0 && agg->arg <= 1))
        return dr_fail(err, DR_EINPUT, "group by: quantile %g of column '%s' does not lie in 0..1", agg->arg,
                       agg->column);
    return DR_OK;
}

/* ---- columns of results ------------------------------------------------------------- */

/* One aggregate's results while they are worked out. */
struct output {
    const struct dr_agg *agg;
    int32_t at;       /* of the results asked for */
    uint64_t *word;   /* owned; by group */
    uint8_t *present; /* owned; by group, 0 or 1 */
};

static void fill_chunk(struct dr_array *a, const uint64_t *word, const uint8_t *present)
{
    uint8_t *valid = dr_array_make_validity(a);
    for (int64_t i = 0; i < a->n; i++) {
        if (!present[i])
            continue;
        dr_bit_set(valid, i);
        if (a->type == DR_TYPE_BOOL && word[i])
            dr_bit_set(a->mem[1]->p, i);
        else if (a->type == DR_TYPE_DATE || a->type == DR_TYPE_DICT)
            ((int32_t *)a->mem[1]->p)[i] = (int32_t)word[i];
        else if (a->type != DR_TYPE_BOOL)
            ((uint64_t *)a->mem[1]->p)[i] = word[i];
    }
}

/* A column of n words; like says type, zone and dictionary where type is its own. */
static struct dr_column *column_of_words(int32_t type, const struct dr_column *like, const uint64_t *word,
                                         const uint8_t *present, uint32_t n)
{
    uint32_t chunks = (n + DR_CHUNK_ROWS - 1) / DR_CHUNK_ROWS;
    DR_AUTO_FREE struct dr_array **chunk = dr_malloc((size_t)chunks * sizeof(struct dr_array *));
    for (uint32_t k = 0; k < chunks; k++) {
        uint32_t from = k * DR_CHUNK_ROWS, left = n - from;
        struct dr_array *a = dr_array_new(type, left < DR_CHUNK_ROWS ? left : DR_CHUNK_ROWS,
                                          type == DR_TYPE_DICT ? like->dict : NULL);
        a->zoned = like->zoned && type == like->type;
        fill_chunk(a, word + from, present + from);
        chunk[k] = dr_array_seal(a);
    }
    struct dr_column *c =
        dr_column_new(type, (int32_t)chunks, chunk, type == DR_TYPE_DICT ? like->dict : NULL);
    c->zoned = like->zoned && type == like->type;
    return c;
}

static struct dr_column *column_of_counts(const int64_t *count, uint32_t n)
{
    struct dr_builder *b = dr_builder_new(DR_TYPE_INT64);
    for (uint32_t i = 0; i < n; i++)
        dr_builder_append_int(b, count[i]);
    return dr_builder_finish(b);
}

/* ---- counts -------------------------------------------------------------------------- */

static struct dr_column *run_count(const struct dr_column *c, const struct dr_groups *g)
{
    DR_AUTO_FREE int64_t *count = dr_group_counts(g, c);
    return column_of_counts(count, g->n);
}

/* The first row of each pair of group and value counts one. */
static int32_t run_count_distinct(const struct dr_column *c, const struct dr_groups *g,
                                  struct dr_column **ret, struct dr_err *err)
{
    struct dr_key_spec spec = { .rows = g->rows, .n = 1, .columns = &c, .group = g->id, .n_groups = g->n };
    DR_AUTO_FREE int64_t *count = dr_calloc(g->n, sizeof *count);
    DR_AUTO_FREE uint64_t *first = dr_malloc((size_t)(g->rows + 63) / 64 * sizeof *first);
    DR_TRY(dr_distinct_rows(&spec, NULL, DR_KEEP_FIRST, first, NULL, err));
    for (int32_t k = 0; k < c->n && c->type != DR_TYPE_NULL; k++) {
        const struct dr_array *a = c->chunk[k];
        for (int64_t i = 0, row = c->start[k]; i < a->n; i++, row++)
            if (first[row / 64] >> row % 64 & 1 && dr_array_valid(a, i))
                count[g->id[row]]++;
    }
    *ret = column_of_counts(count, g->n);
    return DR_OK;
}

/* ---- one column ------------------------------------------------------------------------- */

enum value_class { CLASS_INT, CLASS_FLOAT, CLASS_ROW };

/* What is asked of one column. */
struct request {
    const struct dr_column *c;
    enum value_class class;
    struct output *out; /* owned */
    int32_t n_out;
    int32_t n_quantiles;
    int32_t want;          /* enum dr_stats_want */
    int32_t *order, *rank; /* owned; DICT whose extremes are wanted: codes by rank, ranks by code */
    struct dr_group_values values;
    _Atomic(const struct dr_agg *) overflow; /* a sum that does not fit */
};

static enum value_class class_of(int32_t type)
{
    if (type == DR_TYPE_FLOAT64)
        return CLASS_FLOAT;
    return type == DR_TYPE_STRING || type == DR_TYPE_DECIMAL ? CLASS_ROW : CLASS_INT;
}

static int32_t want_of(int32_t fn)
{
    switch (fn) {
    case DR_AGG_SUM:
    case DR_AGG_MEAN:
    case DR_AGG_SHARE:
        return DR_STATS_SUM;
    case DR_AGG_STDDEV:
    case DR_AGG_VARIANCE:
        return DR_STATS_SPREAD;
    case DR_AGG_MIN:
    case DR_AGG_MAX:
        return DR_STATS_EXTREMES;
    default:
        return 0;
    }
}

static int compare_rows(const struct dr_column *c, uint64_t a, uint64_t b)
{
    int32_t hint_a = dr_column_chunk_of(c, (int64_t)a), hint_b = dr_column_chunk_of(c, (int64_t)b);
    int64_t i, j;
    const struct dr_array *x = dr_column_at(c, (int64_t)a, &hint_a, &i);
    const struct dr_array *y = dr_column_at(c, (int64_t)b, &hint_b, &j);
    if (c->type == DR_TYPE_STRING)
        return dr_str_cmp(dr_array_str(x, i), dr_array_str(y, j));
    dr_int128 v, w;
    memcpy(&v, (const char *)x->values + i * 16, 16);
    memcpy(&w, (const char *)y->values + j * 16, 16);
    return (v > w) - (v < w);
}

/* The first of n rows that has the least (sign 1) or the largest (-1) value. */
static uint64_t extreme_row(const struct dr_column *c, const uint64_t *rows, int64_t n, int sign)
{
    uint64_t best = rows[0];
    for (int64_t i = 1; i < n; i++)
        if (compare_rows(c, rows[i], best) * sign < 0)
            best = rows[i];
    return best;
}

static uint64_t float_word(double v)
{
    uint64_t word;
    memcpy(&word, &v, 8);
    return word;
}

static uint64_t sum_word(struct request *r, const struct dr_agg *agg, const struct dr_stats *s)
{
    if (r->class == CLASS_FLOAT)
        return float_word(dr_stats_sum(s));
    if (s->total < INT64_MIN || s->total > INT64_MAX)
        atomic_store(&r->overflow, agg);
    return (uint64_t)s->total;
}

/* The result of one aggregate other than a quantile, for a group with n > 0 values. */
static uint64_t result_word(struct request *r, const struct dr_agg *agg, const struct dr_stats *s,
                            const uint64_t *words, int64_t n)
{
    double sum = r->class == CLASS_FLOAT ? dr_stats_sum(s) : (double)s->total;
    switch (agg->fn) {
    case DR_AGG_SUM:
        return sum_word(r, agg, s);
    case DR_AGG_MEAN:
    case DR_AGG_SHARE:
        return float_word(sum / (double)n);
    case DR_AGG_VARIANCE:
        return float_word(s->m2 / (double)(n - 1));
    case DR_AGG_STDDEV:
        return float_word(sqrt(s->m2 / (double)(n - 1)));
    case DR_AGG_MIN:
        return r->class == CLASS_ROW ? extreme_row(r->c, words, n, 1) : s->min;
    case DR_AGG_MAX:
        return r->class == CLASS_ROW ? extreme_row(r->c, words, n, -1) : s->max;
    case DR_AGG_FIRST:
        return words[0];
    default:
        return words[n - 1];
    }
}

/* All quantiles of a group; its words become ordered ones. */
static void find_quantiles(struct request *r, uint32_t group, uint64_t *words, int64_t n)
{
    DR_AUTO_FREE struct dr_quantile *wanted = dr_malloc((size_t)r->n_quantiles * sizeof *wanted);
    int32_t k = 0;
    for (int64_t i = 0; i < n; i++) {
        double v = (double)(int64_t)words[i];
        if (r->class == CLASS_FLOAT)
            memcpy(&v, &words[i], 8);
        words[i] = dr_float_to_ordered(v);
    }
    for (int32_t i = 0; i < r->n_out; i++) {
        const struct dr_agg *agg = r->out[i].agg;
        if (quantile_definition(agg->fn))
            wanted[k++] = (struct dr_quantile){ .q = agg->fn == DR_AGG_MEDIAN ? 0.5 : agg->arg,
                                                .definition = quantile_definition(agg->fn) };
    }
    dr_quantiles(words, n, wanted, k);
    k = 0;
    for (int32_t i = 0; i < r->n_out; i++) {
        if (!quantile_definition(r->out[i].agg->fn))
            continue;
        r->out[i].word[group] = float_word(wanted[k++].result);
        r->out[i].present[group] = 1;
    }
}

static void measure_group(struct request *r, uint32_t group)
{
    uint64_t from = r->values.start[group];
    int64_t n = (int64_t)(r->values.start[group + 1] - from);
    struct dr_stats s = { 0 };
    if (n == 0) /* of all groups, perhaps: then there is no array */
        return;
    uint64_t *words = r->values.word + from;
    if (r->want && r->class != CLASS_ROW)
        dr_stats_of(&s, words, n, r->class == CLASS_FLOAT, r->want);
    for (int32_t i = 0; i < r->n_out; i++) {
        const struct dr_agg *agg = r->out[i].agg;
        bool spread = agg->fn == DR_AGG_VARIANCE || agg->fn == DR_AGG_STDDEV;
        if (quantile_definition(agg->fn) || (spread && n < 2))
            continue;
        r->out[i].word[group] = result_word(r, agg, &s, words, n);
        r->out[i].present[group] = 1;
    }
    if (r->n_quantiles)
        find_quantiles(r, group, words, n);
}

/* ---- groups shared out ---------------------------------------------------------------------- */

static bool is_huge(const struct request *r, uint32_t group)
{
    return r->values.start[group + 1] - r->values.start[group] >= HUGE_GROUP;
}

/* The first group whose values start at or after a place. */
static uint32_t group_from(const struct dr_group_values *v, uint64_t place)
{
    uint32_t low = 0, high = v->n;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (v->start[mid] < place)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void measure_task(void *ctx, int64_t task)
{
    struct request *r = ctx;
    uint64_t from = (uint64_t)task * TASK_VALUES;
    uint32_t end = group_from(&r->values, from + TASK_VALUES);
    for (uint32_t group = group_from(&r->values, from); group < end; group++)
        if (!is_huge(r, group))
            measure_group(r, group);
    dr_scratch_touched(&r->values.words, TASK_VALUES * sizeof(uint64_t));
}

static void measure_groups(struct request *r)
{
    uint64_t total = r->values.start[r->values.n];
    for (uint32_t group = 0; group < r->values.n && total >= HUGE_GROUP; group++)
        if (is_huge(r, group))
            measure_group(r, group);
    dr_pool_run((int64_t)(total / TASK_VALUES) + 1, measure_task, r);
}

/* ---- a request ---------------------------------------------------------------------------------- */

static void request_done(struct request *r)
{
    for (int32_t i = 0; i < r->n_out; i++) {
        free(r->out[i].word);
        free(r->out[i].present);
    }
    free(r->out);
    free(r->order);
    free(r->rank);
    dr_group_values_done(&r->values);
}

static void add_output(struct request *r, const struct dr_agg *agg, int32_t at, uint32_t groups)
{
    struct output *o = &r->out[r->n_out++];
    o->agg = agg;
    o->at = at;
    o->word = dr_calloc(groups, sizeof *o->word);
    o->present = dr_calloc(groups, 1);
    r->want |= want_of(agg->fn);
    r->n_quantiles += quantile_definition(agg->fn) != 0;
}

static void rank_codes(struct request *r)
{
    const struct dr_dict *d = r->c->dict;
    if (r->c->type != DR_TYPE_DICT || !(r->want & DR_STATS_EXTREMES))
        return;
    r->order = dr_dict_order(d);
    r->rank = dr_malloc((size_t)d->n * sizeof *r->rank);
    for (int32_t i = 0; i < d->n; i++)
        r->rank[r->order[i]] = i;
}

static struct dr_column *take_rows(const struct request *r, const struct output *o, uint32_t n)
{
    DR_AUTO_FREE int64_t *rows = dr_malloc((size_t)n * sizeof *rows);
    for (uint32_t i = 0; i < n; i++)
        rows[i] = o->present[i] ? (int64_t)o->word[i] : -1;
    return dr_column_take(r->c, n, rows);
}

static struct dr_column *result_column(const struct request *r, struct output *o, uint32_t n)
{
    int32_t fn = o->agg->fn;
    if (fn == DR_AGG_SUM && r->class != CLASS_FLOAT)
        return column_of_words(DR_TYPE_INT64, r->c, o->word, o->present, n);
    if (fn != DR_AGG_MIN && fn != DR_AGG_MAX && fn != DR_AGG_FIRST && fn != DR_AGG_LAST)
        return column_of_words(DR_TYPE_FLOAT64, r->c, o->word, o->present, n);
    if (r->class == CLASS_ROW || r->c->type == DR_TYPE_NULL)
        return take_rows(r, o, n);
    for (uint32_t i = 0; i < n && r->order; i++)
        o->word[i] = o->present[i] ? (uint64_t)r->order[o->word[i]] : 0;
    return column_of_words(r->c->type, r->c, o->word, o->present, n);
}

static int32_t run_request(struct request *r, const struct dr_groups *g, struct dr_column **ret,
                           struct dr_err *err)
{
    rank_codes(r);
    DR_TRY(dr_group_values_init(&r->values, g, r->c, r->rank, err));
    measure_groups(r);
    const struct dr_agg *overflow = atomic_load(&r->overflow);
    if (overflow)
        return dr_fail(err, DR_EINPUT, "group by: sum of column '%s' exceeds int64; cast it to float64 first",
                       overflow->column);
    for (int32_t i = 0; i < r->n_out; i++)
        ret[r->out[i].at] = result_column(r, &r->out[i], g->n);
    return DR_OK;
}

static bool needs_values(int32_t fn)
{
    return fn != DR_AGG_COUNT && fn != DR_AGG_COUNT_DISTINCT;
}

/* All aggregates of columns[at] that need its values. */
static int32_t run_column(int32_t n, const struct dr_agg *aggs, const struct dr_column *const *columns,
                          int32_t at, const struct dr_groups *g, struct dr_column **ret, struct dr_err *err)
{
    struct request r = { .c = columns[at], .class = class_of(columns[at]->type) };
    r.out = dr_calloc((size_t)n, sizeof *r.out);
    for (int32_t i = at; i < n; i++)
        if (columns[i] == r.c && needs_values(aggs[i].fn))
            add_output(&r, &aggs[i], i, g->n);
    int32_t rc = run_request(&r, g, ret, err);
    request_done(&r);
    return rc;
}

/* ---- entry ------------------------------------------------------------------------------------------ */

static int32_t run_all(int32_t n, const struct dr_agg *aggs, const struct dr_column *const *columns,
                       const struct dr_groups *g, struct dr_column **ret, struct dr_err *err)
{
    for (int32_t i = 0; i < n; i++) {
        if (ret[i])
            continue;
        if (aggs[i].fn == DR_AGG_COUNT)
            ret[i] = run_count(columns[i], g);
        else if (aggs[i].fn == DR_AGG_COUNT_DISTINCT)
            DR_TRY(run_count_distinct(columns[i], g, &ret[i], err));
        else
            DR_TRY(run_column(n, aggs, columns, i, g, ret, err));
    }
    return DR_OK;
}

int32_t dr_aggregate_run(int32_t n, const struct dr_agg *aggs, const struct dr_column *const *columns,
                         const struct dr_groups *g, struct dr_column **ret, struct dr_err *err)
{
    DR_AUTO_FREE struct dr_column **results = dr_calloc((size_t)n, sizeof(struct dr_column *));
    int32_t rc = run_all(n, aggs, columns, g, results, err);
    for (int32_t i = 0; i < n && rc; i++)
        dr_column_unref(results[i]);
    if (!rc)
        memcpy(ret, results, (size_t)n * sizeof(struct dr_column *));
    return rc;
}
