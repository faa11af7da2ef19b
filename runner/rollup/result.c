/* result.c - the groups of all workers, and the numbers made of their values.
 *
 * The values of a group are laid out one after the other, so that every statistic is a loop over an array
 * and quantiles are exact. A group that has more of them than memory has room for is gone through
 * chunk by chunk instead, several times where ranks are asked for (word_stream.h). */
#include <math.h>
#include "data/builder.h"
#include "data/pool.h"
#include "rollup/impl.h"
#include "data/row_keys.h"
#include "data/stats.h"
#include "rollup/word_stream.h"

enum { LEAST_WORDS = 4096 };

/* ---- the groups of all workers --------------------------------------------------------- */

/* A group of the result: which of each worker's groups it is. */
struct whole {
    struct dr_rollup *r;
    struct dr_rollup_groups all; /* words and rows of the result's groups */
    uint32_t **of;               /* of[worker][group of the result]: the worker's group + 1 */
    double *numbers;             /* n_aggs of each group */
    uint8_t *present;            /* likewise: 0 for a missing one */
    atomic_int_least64_t next;
    struct dr_err *errs; /* one for each thread */
};

static void merge_groups(struct whole *x)
{
    struct dr_rollup *r = x->r;
    int32_t workers = r->o->workers;
    dr_rollup_groups_init(&x->all, r, NULL);
    size_t most = 0;
    for (int32_t w = 0; w < workers; w++)
        most += r->workers[w].groups.n;
    dr_rollup_store_count(&r->store, (size_t)workers * most * sizeof(**x->of), 0);
    x->of = dr_calloc((size_t)workers, sizeof(*x->of));
    for (int32_t w = 0; w < workers; w++) {
        const struct dr_rollup_groups *g = &r->workers[w].groups;
        x->of[w] = dr_calloc(most + 1, sizeof(**x->of));
        for (uint32_t i = 0; i < g->n; i++) {
            uint32_t id = dr_rollup_groups_find(&x->all, g->words + (size_t)i * (size_t)r->group_words);
            x->all.rows[id] += g->rows[i];
            x->of[w][id] = i + 1;
        }
    }
}

static double value_of(uint64_t word)
{
    double v;
    memcpy(&v, &word, sizeof(v));
    return v;
}

/* Where a thread works: the values of a group one after the other, as words. */
struct layout {
    uint64_t *words;
    struct dr_rollup_chunk chunk; /* one that was in the file */
    size_t n, cap;
    size_t most;                   /* words that memory has room for */
    struct dr_quantile *quantiles; /* one for each aggregate that is one */
    struct dr_rank *ranks;         /* two for each of them */
};

/* ---- the values of a group ------------------------------------------------------------ */

/* A group's values in one column, wherever they lie. */
struct values_of {
    const struct whole *x;
    uint32_t group;
    int32_t value;
    bool ordered;                  /* pass them on as words that order as they do */
    struct dr_rollup_chunk *chunk; /* borrowed: for those in the file */
};

/* What a worker has of them; NULL: nothing. */
static const struct dr_rollup_values *values_at(const struct values_of *v, int32_t worker, size_t *ret_last)
{
    const struct dr_rollup *r = v->x->r;
    const struct dr_rollup_groups *g = &r->workers[worker].groups;
    uint32_t group = v->x->of[worker][v->group];
    if (group == 0)
        return NULL;
    size_t at = (size_t)(group - 1) * (size_t)r->n_values + (size_t)v->value;
    if (!g->values[at].newest)
        return NULL;
    *ret_last = (size_t)(g->tails[at].at - g->values[at].newest->values);
    return &g->values[at];
}

static size_t count_values(const struct values_of *v)
{
    size_t n = 0, last;
    for (int32_t w = 0; w < v->x->r->o->workers; w++) {
        const struct dr_rollup_values *all = values_at(v, w, &last);
        if (all)
            n += last + (size_t)all->before;
    }
    return n;
}

static void pass_on(const struct values_of *v, const void *p, size_t n, dr_words_fn fn, void *ctx)
{
    uint64_t words[DR_ROLLUP_MANY];
    if (n > 0)
        memcpy(words, p, n * sizeof(*words));
    for (size_t i = 0; v->ordered && i < n; i++)
        words[i] = dr_float_to_ordered(value_of(words[i]));
    fn(ctx, words, (int64_t)n);
}

/* Chunk by chunk, the newest first: a source of struct dr_word_stream. */
static int32_t each_value(void *source, dr_words_fn fn, void *ctx, struct dr_err *err)
{
    const struct values_of *v = source;
    for (int32_t w = 0; w < v->x->r->o->workers; w++) {
        size_t n;
        const struct dr_rollup_values *all = values_at(v, w, &n);
        const struct dr_rollup_chunk *chunk = all ? all->newest : NULL;
        while (chunk) {
            uint64_t link = chunk->link;
            pass_on(v, chunk->values, n, fn, ctx);
            chunk = NULL;
            if (link)
                DR_TRY(dr_rollup_groups_chunk(&v->x->r->workers[w].groups, link, v->chunk, &chunk, &n, err));
        }
    }
    return DR_OK;
}

static void append_words(void *ctx, const uint64_t *words, int64_t n)
{
    struct layout *l = ctx;
    memcpy(l->words + l->n, words, (size_t)n * sizeof(*words));
    l->n += (size_t)n;
}

static void make_room(struct layout *l, size_t n)
{
    if (n <= l->cap)
        return;
    free(l->words);
    l->cap = n + n / 2 < l->most ? n + n / 2 : l->most;
    l->words = dr_malloc(l->cap * sizeof(*l->words));
}

/* ---- statistics ------------------------------------------------------------------------ */

static bool is_quantile(int32_t fn)
{
    return fn == DR_AGG_MEDIAN || fn == DR_AGG_QUANTILE;
}

static bool needs_two(int32_t fn)
{
    return fn == DR_AGG_STDDEV || fn == DR_AGG_VARIANCE;
}

/* The function of aggregate i where it is about this value, else one that needs nothing. */
static int32_t fn_of(const struct dr_rollup *r, int32_t i, int32_t value)
{
    return r->agg_value[i] == value ? r->o->aggs[i].fn : DR_AGG_COUNT;
}

static int32_t stats_wanted(const struct dr_rollup *r, int32_t value)
{
    int32_t want = 0;
    for (int32_t i = 0; i < r->o->n_aggs; i++) {
        int32_t fn = fn_of(r, i, value);
        bool extreme = fn == DR_AGG_MIN || fn == DR_AGG_MAX, two = needs_two(fn);
        want |= extreme ? DR_STATS_EXTREMES : 0;
        want |= fn == DR_AGG_SUM || fn == DR_AGG_MEAN || two ? DR_STATS_SUM : 0;
        want |= two ? DR_STATS_SPREAD : 0;
    }
    return want;
}

struct measures {
    struct dr_stats stats;
    struct dr_squares squares;
    int32_t want; /* of stats */
};

static void measure_words(void *ctx, const uint64_t *words, int64_t n)
{
    struct measures *m = ctx;
    struct dr_stats piece;
    if (n == 0)
        return;
    dr_stats_of(&piece, words, n, true, m->want);
    dr_stats_add(&m->stats, &piece, true);
}

static void square_words(void *ctx, const uint64_t *words, int64_t n)
{
    dr_squares_add(&((struct measures *)ctx)->squares, words, n);
}

/* The values lie in the layout, or v says where. */
static int32_t measure(struct values_of *v, const struct layout *l, size_t n, struct measures *m,
                       struct dr_err *err)
{
    int32_t want = stats_wanted(v->x->r, v->value);
    bool here = n <= l->most;
    *m = (struct measures){ .want = want & ~DR_STATS_SPREAD };
    v->ordered = false;
    if (want && n > 0 && here)
        dr_stats_of(&m->stats, l->words, (int64_t)n, true, m->want);
    else if (want && n > 0)
        DR_TRY(each_value(v, measure_words, m, err));
    m->squares.mean = dr_stats_sum(&m->stats) / (double)n;
    if (want & DR_STATS_SPREAD && n > 1 && here)
        dr_squares_add(&m->squares, l->words, (int64_t)n);
    else if (want & DR_STATS_SPREAD && n > 1)
        DR_TRY(each_value(v, square_words, m, err));
    return DR_OK;
}

static double number_of(int32_t fn, const struct measures *m, size_t n)
{
    switch (fn) {
    case DR_AGG_SUM:
        return dr_stats_sum(&m->stats);
    case DR_AGG_MEAN:
        return dr_stats_sum(&m->stats) / (double)n;
    case DR_AGG_STDDEV:
        return sqrt(dr_squares_sum(&m->squares) / (double)(n - 1));
    case DR_AGG_VARIANCE:
        return dr_squares_sum(&m->squares) / (double)(n - 1);
    case DR_AGG_MIN:
        return value_of(m->stats.min) + 0.0; /* of two zeros none comes first: no -0 */
    case DR_AGG_MAX:
        return value_of(m->stats.max) + 0.0;
    default:
        return (double)n;
    }
}

static int by_word(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int64_t count_distinct(uint64_t *words, size_t n)
{
    int64_t distinct = 0;
    qsort(words, n, sizeof(*words), by_word);
    for (size_t i = 0; i < n; i++)
        distinct += i == 0 || words[i] != words[i - 1];
    return distinct;
}

/* What needs the order of the values: all quantiles at once, then the number of different values, for
 * which the words may be sorted. */
static int32_t find_ranks(struct values_of *v, struct layout *l, size_t n, int64_t *ret_distinct,
                          struct dr_err *err)
{
    const struct dr_rollup *r = v->x->r;
    struct dr_word_stream stream = { each_value, v, (int64_t)n, l->words, (int64_t)l->cap };
    int32_t quantiles = 0;
    bool here = n <= l->most, distinct = false;
    for (int32_t i = 0; i < r->o->n_aggs; i++) {
        int32_t fn = fn_of(r, i, v->value);
        distinct |= fn == DR_AGG_COUNT_DISTINCT;
        if (is_quantile(fn))
            l->quantiles[quantiles++] =
                (struct dr_quantile){ .q = fn == DR_AGG_MEDIAN ? 0.5 : r->o->aggs[i].arg, .definition = 7 };
    }
    if (quantiles == 0 && !distinct)
        return DR_OK;
    v->ordered = true;
    for (size_t k = 0; here && k < n; k++)
        l->words[k] = dr_float_to_ordered(value_of(l->words[k]));
    int32_t ranks = dr_quantile_ranks(l->quantiles, quantiles, (int64_t)n, l->ranks);
    if (ranks > 0 && here)
        dr_find_ranks(l->words, (int64_t)n, l->ranks, ranks);
    else if (ranks > 0)
        DR_TRY(dr_stream_ranks(&stream, l->ranks, ranks, err));
    dr_quantile_results(l->ranks, (int64_t)n, l->quantiles, quantiles);
    if (distinct && here)
        *ret_distinct = count_distinct(l->words, n);
    else if (distinct)
        DR_TRY(dr_stream_distinct(&stream, ret_distinct, err));
    return DR_OK;
}

/* The values of a group come in the order in which threads took partitions: nothing here may show
 * that. */
static int32_t aggregate_value(struct values_of *v, struct layout *l, struct dr_err *err)
{
    const struct whole *x = v->x;
    const struct dr_rollup_options *o = x->r->o;
    size_t at = (size_t)v->group * (size_t)o->n_aggs, n = count_values(v);
    struct measures m;
    int64_t distinct = 0;
    int32_t quantile = 0;
    make_room(l, n < l->most ? n : l->most);
    l->n = 0;
    v->ordered = false;
    if (n <= l->most)
        DR_TRY(each_value(v, append_words, l, err));
    DR_TRY(measure(v, l, n, &m, err));
    if (n > 0)
        DR_TRY(find_ranks(v, l, n, &distinct, err));
    for (int32_t i = 0; i < o->n_aggs; i++) {
        int32_t fn = o->aggs[i].fn;
        if (x->r->agg_value[i] != v->value)
            continue;
        bool count = fn == DR_AGG_COUNT || fn == DR_AGG_COUNT_DISTINCT;
        x->present[at + (size_t)i] = count || n > (needs_two(fn) ? 1 : 0);
        x->numbers[at + (size_t)i] = fn == DR_AGG_COUNT_DISTINCT ? (double)distinct
                                     : is_quantile(fn) && n > 0  ? l->quantiles[quantile++].result
                                                                 : number_of(fn, &m, n);
    }
    return DR_OK;
}

static int32_t aggregate_group(const struct whole *x, uint32_t group, struct layout *l, struct dr_err *err)
{
    const struct dr_rollup_options *o = x->r->o;
    for (int32_t i = 0; i < o->n_aggs; i++) {
        if (x->r->agg_value[i] >= 0)
            continue;
        x->present[(size_t)group * (size_t)o->n_aggs + (size_t)i] = 1;
        x->numbers[(size_t)group * (size_t)o->n_aggs + (size_t)i] = (double)x->all.rows[group];
    }
    for (int32_t value = 0; value < x->r->n_values; value++) {
        struct values_of v = { .x = x, .group = group, .value = value, .chunk = &l->chunk };
        DR_TRY(aggregate_value(&v, l, err));
    }
    return DR_OK;
}

/* What the limit leaves is for the threads to lay out values: a quarter at most, for there are the words of
 * passes over what does not fit, and the result. */
static size_t most_words(const struct dr_rollup *r)
{
    size_t limit = r->o->memory_limit, used = atomic_load(&r->store.used),
           left = limit > used ? limit - used : 0;
    size_t share = (left < limit / 4 ? left : limit / 4) / (size_t)dr_pool_threads() / sizeof(uint64_t);
    if (limit == 0)
        return SIZE_MAX / sizeof(uint64_t) / 2;
    return share > LEAST_WORDS ? share : LEAST_WORDS;
}

static void aggregate_some(void *ctx, int64_t thread)
{
    struct whole *x = ctx;
    size_t aggs = (size_t)x->r->o->n_aggs + 1;
    struct layout l = { .most = most_words(x->r) };
    l.quantiles = dr_malloc(aggs * sizeof(*l.quantiles));
    l.ranks = dr_malloc(aggs * 2 * sizeof(*l.ranks));
    int64_t group;
    while (x->errs[thread].rc == DR_OK && (group = atomic_fetch_add(&x->next, 1)) < x->all.n)
        (void)aggregate_group(x, (uint32_t)group, &l, &x->errs[thread]);
    free(l.words);
    free(l.quantiles);
    free(l.ranks);
}

/* ---- the result --------------------------------------------------------------------------- */

static bool is_text(const struct dr_rollup_field *f, bool month)
{
    return month || f->type == DR_TYPE_DICT || f->type == DR_TYPE_STRING;
}

static struct dr_column *group_column(const struct whole *x, int32_t i)
{
    const struct dr_rollup *r = x->r;
    bool month = r->o->groups[i].month;
    const struct dr_rollup_field *f = &r->fields[r->group_field[i]];
    struct dr_builder *b = dr_builder_new(is_text(f, month) ? DR_TYPE_DICT : f->type);
    for (uint32_t g = 0; g < x->all.n; g++)
        dr_rollup_put(f, &r->texts, r->dicts[r->group_field[i]],
                      x->all.words + (size_t)g * (size_t)r->group_words + r->group_at[i], month, b);
    return dr_builder_finish(b);
}

static struct dr_column *number_column(const struct whole *x, int32_t i)
{
    const struct dr_rollup_options *o = x->r->o;
    bool count = o->aggs[i].fn == DR_AGG_COUNT || o->aggs[i].fn == DR_AGG_COUNT_DISTINCT;
    struct dr_builder *b = dr_builder_new(count ? DR_TYPE_INT64 : DR_TYPE_FLOAT64);
    for (uint32_t g = 0; g < x->all.n; g++) {
        size_t at = (size_t)g * (size_t)o->n_aggs + (size_t)i;
        if (!x->present[at])
            dr_builder_append_null(b);
        else if (count)
            dr_builder_append_int(b, (int64_t)x->numbers[at]);
        else
            dr_builder_append_float(b, x->numbers[at]);
    }
    return dr_builder_finish(b);
}

static int32_t make_table(const struct whole *x, struct dr_table **ret, struct dr_err *err)
{
    const struct dr_rollup_options *o = x->r->o;
    int32_t n = o->n_groups + o->n_aggs;
    DR_AUTO_FREE const char **names = dr_calloc((size_t)n + 1, sizeof(*names));
    DR_AUTO_FREE struct dr_column **columns = dr_calloc((size_t)n + 1, sizeof(*columns));
    DR_AUTO_FREE struct dr_sort_key *order = dr_calloc((size_t)n + 1, sizeof(*order));
    for (int32_t i = 0; i < o->n_groups; i++) {
        names[i] = o->groups[i].name ? o->groups[i].name : o->groups[i].column;
        columns[i] = group_column(x, i);
        order[i].column = names[i];
    }
    for (int32_t i = 0; i < o->n_aggs; i++) {
        names[o->n_groups + i] = o->aggs[i].name;
        columns[o->n_groups + i] = number_column(x, i);
    }
    struct dr_table *t = NULL;
    int32_t rc = dr_table_new(n, names, (const struct dr_column *const *)columns, &t, err);
    for (int32_t i = 0; i < n; i++)
        dr_column_unref(columns[i]);
    if (!rc && o->n_groups > 0) {
        rc = dr_table_sort(t, o->n_groups, order, ret, err);
        dr_table_unref(t);
    } else if (!rc) {
        *ret = t;
    }
    return rc;
}

int32_t dr_rollup_result(struct dr_rollup *r, struct dr_table **ret, struct dr_err *err)
{
    struct whole x = { .r = r };
    int32_t threads = dr_pool_threads(), rc = DR_OK;
    merge_groups(&x);
    size_t n = (size_t)x.all.n * (size_t)r->o->n_aggs + 1;
    dr_rollup_store_count(&r->store, n * (sizeof(*x.numbers) + 1), 0);
    x.numbers = dr_calloc(n, sizeof(*x.numbers));
    x.present = dr_calloc(n, 1);
    x.errs = dr_calloc((size_t)threads, sizeof(*x.errs));
    dr_pool_run(threads, aggregate_some, &x);
    for (int32_t i = 0; i < threads && !rc; i++) {
        rc = x.errs[i].rc;
        if (rc && err)
            *err = x.errs[i];
    }
    if (!rc)
        rc = make_table(&x, ret, err);
    for (int32_t w = 0; w < r->o->workers; w++)
        free(x.of[w]);
    free(x.of);
    free(x.numbers);
    free(x.present);
    free(x.errs);
    dr_rollup_groups_done(&x.all);
    return rc;
}
