/* result.c - the groups of all workers, and the numbers made of their values.
 *
 * Groups are put together slice by slice of their hashes, and each slice by one thread: those that workers
 * had room for, then those of rows that waited. The values of a group are laid out one after the other, so
 * that every statistic is a loop over an array and quantiles are exact. A group that has more of them than
 * memory has room for is gone through chunk by chunk instead, several times where ranks are asked for
 * (word_stream.h). */
#include <math.h>
#include "data/pool.h"
#include "rollup/impl.h"
#include "data/stats.h"
#include "rollup/word_stream.h"

enum { LEAST_WORDS = 4096 };

/* ---- the groups of all workers --------------------------------------------------------- */

struct whole {
    struct dr_rollup *r;
    uint32_t **in_slices;                    /* owned: each worker's groups, slice by slice */
    uint32_t (*first)[DR_ROLLUP_SLICES + 1]; /* owned: where each worker's slices begin there */
    struct dr_rollup_slice *slices;          /* borrowed */
    struct dr_share share;                   /* of the slices */
    struct dr_err *errs;                     /* owned: one for each thread */
};

/* The slice that a thread works on. */
struct at_hand {
    const struct whole *x;
    struct dr_rollup_groups all; /* its groups; with the values of rows that waited */
    uint32_t **of;               /* owned: of[worker][group < n_of]: the worker's group + 1 */
    uint32_t n_of, of_cap;
    struct dr_rollup_slice *slice; /* borrowed */
};

static uint32_t *order_by_slice(const struct dr_rollup_groups *g, uint32_t *first)
{
    uint32_t *order = dr_malloc(((size_t)g->n + 1) * sizeof(*order)), next[DR_ROLLUP_SLICES] = { 0 };
    int32_t n = g->r->group_words;
    dr_rollup_store_count(&g->r->store, ((size_t)g->n + 1) * sizeof(*order), 0);
    for (uint32_t i = 0; i < g->n; i++)
        next[dr_rollup_slice(g->words + (size_t)i * (size_t)n, n)]++;
    first[0] = 0;
    for (int32_t s = 0; s < DR_ROLLUP_SLICES; s++) {
        first[s + 1] = first[s] + next[s];
        next[s] = first[s];
    }
    for (uint32_t i = 0; i < g->n; i++)
        order[next[dr_rollup_slice(g->words + (size_t)i * (size_t)n, n)]++] = i;
    return order;
}

static void forget_slice(struct at_hand *h, size_t most)
{
    int32_t workers = h->x->r->o->workers;
    dr_rollup_groups_clear(&h->all);
    for (int32_t w = 0; most > h->of_cap && w < workers; w++) {
        free(h->of[w]);
        h->of[w] = dr_malloc(most * sizeof(**h->of));
    }
    if (most > h->of_cap) {
        size_t now = (size_t)workers * most, before = (size_t)workers * h->of_cap;
        dr_rollup_store_count(&h->x->r->store, now * sizeof(**h->of), before * sizeof(**h->of));
        h->of_cap = (uint32_t)most;
    }
    for (int32_t w = 0; most > 0 && w < workers; w++)
        memset(h->of[w], 0, most * sizeof(**h->of));
}

/* The groups of a slice, and the rows of those that waited. */
static int32_t merge_groups(struct at_hand *h, uint32_t slice, char *buf, struct dr_err *err)
{
    const struct whole *x = h->x;
    struct dr_rollup *r = x->r;
    size_t most = 0;
    for (int32_t w = 0; w < r->o->workers; w++)
        most += x->first[w][slice + 1] - x->first[w][slice];
    forget_slice(h, most);
    for (int32_t w = 0; w < r->o->workers; w++) {
        const struct dr_rollup_groups *g = &r->workers[w].groups;
        for (uint32_t i = x->first[w][slice]; i < x->first[w][slice + 1]; i++) {
            uint32_t group = x->in_slices[w][i],
                     id = dr_rollup_groups_find(&h->all, g->words + group * (size_t)r->group_words);
            h->all.rows[id] += g->rows[group];
            h->of[w][id] = group + 1;
        }
    }
    h->n_of = h->all.n;
    for (int32_t w = 0; w < r->o->workers; w++)
        DR_TRY(dr_rollup_take_waiting(&h->all, &r->workers[w].groups, slice, buf, err));
    return dr_rollup_store_flush(&r->store, &h->all.outbox, err);
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

/* A group's values in one column, wherever they lie: each worker's, then those of rows that waited. */
struct values_of {
    const struct at_hand *h;
    uint32_t group;
    int32_t value;
    bool ordered;                  /* pass them on as words that order as they do */
    struct dr_rollup_chunk *chunk; /* borrowed: for those in the file */
};

static const struct dr_rollup_groups *holder(const struct values_of *v, int32_t i)
{
    const struct dr_rollup *r = v->h->x->r;
    return i < r->o->workers ? &r->workers[i].groups : &v->h->all;
}

/* What holder i <= workers has of them; NULL: nothing. */
static const struct dr_rollup_values *values_at(const struct values_of *v, int32_t i, size_t *ret_last)
{
    const struct dr_rollup *r = v->h->x->r;
    const struct dr_rollup_groups *g = holder(v, i);
    uint32_t group = v->group;
    if (i < r->o->workers) {
        if (group >= v->h->n_of || v->h->of[i][group] == 0)
            return NULL;
        group = v->h->of[i][group] - 1;
    }
    size_t at = (size_t)group * (size_t)r->n_values + (size_t)v->value;
    if (!g->values[at].newest)
        return NULL;
    *ret_last = (size_t)(g->tails[at].at - g->values[at].newest->values);
    return &g->values[at];
}

static size_t count_values(const struct values_of *v)
{
    size_t n = 0, last;
    for (int32_t i = 0; i <= v->h->x->r->o->workers; i++) {
        const struct dr_rollup_values *all = values_at(v, i, &last);
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
    for (int32_t i = 0; i <= v->h->x->r->o->workers; i++) {
        size_t n;
        const struct dr_rollup_values *all = values_at(v, i, &n);
        const struct dr_rollup_chunk *chunk = all ? all->newest : NULL;
        while (chunk) {
            uint64_t link = chunk->link;
            pass_on(v, chunk->values, n, fn, ctx);
            chunk = NULL;
            if (link)
                DR_TRY(dr_rollup_groups_chunk(holder(v, i), link, v->chunk, &chunk, &n, err));
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
    int32_t want = stats_wanted(v->h->x->r, v->value);
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
    const struct dr_rollup *r = v->h->x->r;
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
    const struct dr_rollup *r = v->h->x->r;
    const struct dr_rollup_options *o = r->o;
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
        if (r->agg_value[i] != v->value)
            continue;
        bool count = fn == DR_AGG_COUNT || fn == DR_AGG_COUNT_DISTINCT;
        v->h->slice->present[at + (size_t)i] = count || n > (needs_two(fn) ? 1 : 0);
        v->h->slice->numbers[at + (size_t)i] = fn == DR_AGG_COUNT_DISTINCT ? (double)distinct
                                               : is_quantile(fn) && n > 0  ? l->quantiles[quantile++].result
                                                                           : number_of(fn, &m, n);
    }
    return DR_OK;
}

static int32_t aggregate_group(const struct at_hand *h, uint32_t group, struct layout *l, struct dr_err *err)
{
    const struct dr_rollup *r = h->x->r;
    const struct dr_rollup_options *o = r->o;
    for (int32_t i = 0; i < o->n_aggs; i++) {
        if (r->agg_value[i] >= 0)
            continue;
        h->slice->present[(size_t)group * (size_t)o->n_aggs + (size_t)i] = 1;
        h->slice->numbers[(size_t)group * (size_t)o->n_aggs + (size_t)i] = (double)h->all.rows[group];
    }
    for (int32_t value = 0; value < r->n_values; value++) {
        struct values_of v = { .h = h, .group = group, .value = value, .chunk = &l->chunk };
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

static void slice_init(struct dr_rollup_slice *slice, const struct dr_rollup_groups *all)
{
    struct dr_rollup *r = all->r;
    size_t n = all->n, words = n * (size_t)r->group_words, aggs = n * (size_t)r->o->n_aggs;
    slice->n = all->n;
    slice->words = dr_malloc((words + 1) * sizeof(*slice->words));
    slice->numbers = dr_calloc(aggs + 1, sizeof(*slice->numbers));
    slice->present = dr_calloc(aggs + 1, 1);
    if (words > 0)
        memcpy(slice->words, all->words, words * sizeof(*slice->words));
    dr_rollup_store_count(&r->store, words * sizeof(*slice->words) + aggs * (sizeof(*slice->numbers) + 1), 0);
}

static void aggregate_slices(struct whole *x, struct at_hand *h, struct layout *l, char *buf,
                             struct dr_err *err)
{
    int64_t slice;
    while (err->rc == DR_OK && (slice = dr_share_next(&x->share)) >= 0) {
        if (merge_groups(h, (uint32_t)slice, buf, err))
            return;
        h->slice = &x->slices[slice];
        slice_init(h->slice, &h->all);
        for (uint32_t group = 0; err->rc == DR_OK && group < h->all.n; group++)
            (void)aggregate_group(h, group, l, err);
    }
}

static void aggregate_some(void *ctx, int64_t thread)
{
    struct whole *x = ctx;
    struct dr_rollup *r = x->r;
    size_t aggs = (size_t)r->o->n_aggs + 1;
    struct dr_rollup_pool *pool = &r->workers[thread].pool;
    struct at_hand h = { .x = x, .of = dr_calloc((size_t)r->o->workers, sizeof(*h.of)) };
    struct layout l = { .most = most_words(r) };
    DR_AUTO_FREE char *buf = dr_malloc(pool->block);
    dr_rollup_groups_init(&h.all, r, pool, UINT32_MAX);
    l.quantiles = dr_malloc(aggs * sizeof(*l.quantiles));
    l.ranks = dr_malloc(aggs * 2 * sizeof(*l.ranks));
    aggregate_slices(x, &h, &l, buf, &x->errs[thread]);
    free(l.words);
    free(l.quantiles);
    free(l.ranks);
    for (int32_t w = 0; w < r->o->workers; w++)
        free(h.of[w]);
    free(h.of);
    dr_rollup_groups_done(&h.all);
}

/* ---- all slices --------------------------------------------------------------------------- */

int32_t dr_rollup_aggregate(struct dr_rollup *r, struct dr_rollup_slice *slices, struct dr_err *err)
{
    struct whole x = { .r = r, .slices = slices };
    size_t workers = (size_t)r->o->workers;
    int32_t threads = dr_pool_threads() < r->o->workers ? dr_pool_threads() : r->o->workers, rc = DR_OK;
    x.in_slices = dr_calloc(workers, sizeof(*x.in_slices));
    x.first = dr_calloc(workers, sizeof(*x.first));
    x.errs = dr_calloc(workers, sizeof(*x.errs));
    for (size_t w = 0; w < workers; w++)
        x.in_slices[w] = order_by_slice(&r->workers[w].groups, x.first[w]);
    dr_share_start(&x.share, DR_ROLLUP_SLICES);
    dr_pool_run(threads, aggregate_some, &x);
    for (int32_t i = 0; i < threads && !rc; i++) {
        rc = x.errs[i].rc;
        if (rc && err)
            *err = x.errs[i];
    }
    for (size_t w = 0; w < workers; w++)
        free(x.in_slices[w]);
    free(x.in_slices);
    free(x.first);
    free(x.errs);
    return rc;
}
