/* rollup_groups.c - groups, their values, and the numbers made of these.
 *
 * Each worker has groups of its own while partitions are resolved; at the end equal ones
 * are put together and their values laid out one after the other, so that every statistic
 * is a loop over an array, and quantiles are exact. */
#include <math.h>
#include "data/builder.h"
#include "data/pool.h"
#include "data/quantile.h"
#include "data/rollup_impl.h"
#include "data/row_keys.h"
#include "data/stats.h"

enum { FEW = 14, VALUES_IN_BLOCK = 128 };

/* ---- while rows come ------------------------------------------------------------- */

void dr_rollup_groups_init(struct dr_rollup_groups *g, struct dr_rollup *r, struct dr_rollup_pool *entries)
{
    *g = (struct dr_rollup_groups){ .r = r, .n_slots = 256 };
    g->slots = dr_calloc(g->n_slots, sizeof(*g->slots));
    dr_rollup_pool_init(&g->pool, &r->store, VALUES_IN_BLOCK * sizeof(double), sizeof(double), entries);
}

void dr_rollup_groups_done(struct dr_rollup_groups *g)
{
    for (uint32_t i = 0; g->r && i < g->n * (uint32_t)g->r->n_values; i++)
        dr_rollup_list_done(&g->values[i].blocks);
    dr_rollup_pool_done(&g->pool);
    dr_arena_done(&g->arena);
    free(g->slots);
    free(g->words);
    free(g->rows);
    free(g->values);
    free(g->tails);
    free(g->known);
    *g = (struct dr_rollup_groups){ 0 };
}

static void widen_slots(struct dr_rollup_groups *g)
{
    int32_t n = g->r->group_words;
    free(g->slots);
    g->n_slots *= 4;
    g->slots = dr_calloc(g->n_slots, sizeof(*g->slots));
    for (uint32_t i = 0; i < g->n; i++) {
        uint32_t s = (uint32_t)dr_rollup_hash(g->words + (size_t)i * (size_t)n, n) & (g->n_slots - 1);
        while (g->slots[s])
            s = (s + 1) & (g->n_slots - 1);
        g->slots[s] = i + 1;
    }
}

static uint32_t add_group(struct dr_rollup_groups *g, const uint32_t *words)
{
    size_t n = (size_t)g->r->group_words, values = (size_t)g->r->n_values;
    if (g->n == g->cap) {
        g->cap = g->cap ? g->cap * 2 : 64;
        g->words = dr_realloc(g->words, (g->cap * n + 1) * sizeof(*g->words));
        g->rows = dr_realloc(g->rows, g->cap * sizeof(*g->rows));
        g->values = dr_realloc(g->values, (g->cap * values + 1) * sizeof(*g->values));
        g->tails = dr_realloc(g->tails, (g->cap * values + 1) * sizeof(*g->tails));
    }
    if (n > 0)
        memcpy(g->words + g->n * n, words, n * sizeof(*words));
    memset(g->values + g->n * values, 0, values * sizeof(*g->values));
    memset(g->tails + g->n * values, 0, values * sizeof(*g->tails));
    g->rows[g->n] = 0;
    return g->n++;
}

static inline __attribute__((always_inline)) uint32_t find_group(struct dr_rollup_groups *g,
                                                                 const uint32_t *words, int32_t n,
                                                                 uint32_t hash)
{
    uint32_t s = hash & (g->n_slots - 1);
    for (; g->slots[s]; s = (s + 1) & (g->n_slots - 1))
        if (dr_rollup_same((const char *)(g->words + (size_t)(g->slots[s] - 1) * (size_t)n),
                           (const char *)words, n))
            return g->slots[s] - 1;
    uint32_t id = add_group(g, words);
    g->slots[s] = id + 1;
    if (g->n * 4 > g->n_slots)
        widen_slots(g);
    return id;
}

/* The groups of a few keys, of words that are a constant for most callers. */
static inline __attribute__((always_inline)) void find_some(struct dr_rollup_groups *g, const uint32_t *words,
                                                            int32_t n_words, int32_t n, uint32_t *ids)
{
    uint32_t hash[DR_ROLLUP_AT_ONCE];
    for (int32_t i = 0; i < n; i++)
        hash[i] = (uint32_t)dr_rollup_hash(words + (size_t)i * (size_t)n_words, n_words);
    for (int32_t i = 0; i < n; i++)
        ids[i] = find_group(g, words + (size_t)i * (size_t)n_words, n_words, hash[i]);
}

static void find_groups(struct dr_rollup_groups *g, const uint32_t *words, int32_t n, uint32_t *ids)
{
    switch (g->r->group_words) {
    case 1:
        find_some(g, words, 1, n, ids);
        break;
    case 2:
        find_some(g, words, 2, n, ids);
        break;
    case 3:
        find_some(g, words, 3, n, ids);
        break;
    default:
        find_some(g, words, g->r->group_words, n, ids);
    }
}

uint32_t dr_rollup_groups_find(struct dr_rollup_groups *g, const uint32_t *words)
{
    uint32_t id;
    find_groups(g, words, 1, &id);
    return id;
}

int32_t dr_rollup_groups_room(struct dr_rollup_groups *g, size_t at, struct dr_err *err)
{
    struct dr_rollup_values *v = &g->values[at];
    struct dr_rollup_tail *tail = &g->tails[at];
    if (!tail->at) {
        tail->at = v->start = dr_arena_array(&g->arena, FEW, sizeof(double));
        tail->end = tail->at + FEW;
        return DR_OK;
    }
    const double *few = v->blocks.n == 0 ? v->start : NULL;
    char *block;
    DR_TRY(dr_rollup_list_grow(&v->blocks, &g->pool, &block, err));
    tail->at = v->start = (double *)(void *)block;
    tail->end = tail->at + VALUES_IN_BLOCK;
    if (few)
        tail->at = mempcpy(tail->at, few, FEW * sizeof(double));
    return DR_OK;
}

/* Value i of each entry goes to its group. */
static int32_t append_column(struct dr_rollup_groups *g, int32_t i, const char *const *entries,
                             const uint32_t *ids, int32_t n, struct dr_err *err)
{
    size_t values = (size_t)g->r->n_values;
    for (int32_t k = 0; k < n; k++) {
        size_t at = (size_t)ids[k] * values + (size_t)i;
        struct dr_rollup_tail *tail = &g->tails[at];
        uint64_t bits = dr_rollup_load8(entries[k] + (size_t)i * sizeof(double));
        if (bits == DR_ROLLUP_NO_VALUE)
            continue;
        if (tail->at == tail->end)
            DR_TRY(dr_rollup_groups_room(g, at, err));
        memcpy(tail->at++, &bits, sizeof(bits));
    }
    return DR_OK;
}

/* Loops over a few entries rather than one: no step then waits for the one before of the same
 * entry only. */
int32_t dr_rollup_groups_add(struct dr_rollup_groups *g, const char *const *entries, int32_t n,
                             struct dr_err *err)
{
    const struct dr_rollup *r = g->r;
    uint32_t words[DR_ROLLUP_AT_ONCE * DR_ROLLUP_WORDS], ids[DR_ROLLUP_AT_ONCE];
    for (int32_t i = 0; i < r->o->n_groups; i++) {
        const struct dr_rollup_field *f = &r->fields[r->group_field[i]];
        size_t offset = (size_t)r->n_values * sizeof(double) + (size_t)f->at * sizeof(uint32_t);
        dr_rollup_group_words(f, r->o->groups[i].month, entries, n, offset, words + r->group_at[i],
                              (size_t)r->group_words);
    }
    find_groups(g, words, n, ids);
    for (int32_t i = 0; i < n; i++)
        g->rows[ids[i]]++;
    for (int32_t i = 0; i < r->n_values; i++)
        DR_TRY(append_column(g, i, entries, ids, n, err));
    return DR_OK;
}

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

/* The values of a group one after the other, as words. */
struct layout {
    uint64_t *words;
    char *block;
    size_t n, cap;
    struct dr_quantile *quantiles; /* one for each aggregate that is one */
};

static int32_t append_values(struct layout *l, const struct dr_rollup_groups *g, size_t at,
                             struct dr_err *err)
{
    const struct dr_rollup_values *v = &g->values[at];
    size_t n = (size_t)(g->tails[at].at - v->start);
    size_t most = (size_t)v->blocks.n * VALUES_IN_BLOCK + FEW;
    if (l->n + most > l->cap) {
        l->cap = (l->n + most) * 3 / 2;
        l->words = dr_realloc(l->words, l->cap * sizeof(*l->words));
    }
    for (uint32_t i = 0; i + 1 < v->blocks.n; i++) {
        const char *p;
        size_t bytes;
        DR_TRY(dr_rollup_list_block(&v->blocks, &g->pool, i, l->block, &p, &bytes, err));
        memcpy(l->words + l->n, p, bytes);
        l->n += VALUES_IN_BLOCK;
    }
    if (n > 0)
        memcpy(l->words + l->n, v->start, n * sizeof(double));
    l->n += n;
    return DR_OK;
}

static int32_t lay_out(const struct whole *x, uint32_t group, int32_t value, struct layout *l,
                       struct dr_err *err)
{
    l->n = 0;
    for (int32_t w = 0; w < x->r->o->workers; w++) {
        const struct dr_rollup_groups *g = &x->r->workers[w].groups;
        if (x->of[w][group] == 0)
            continue;
        size_t at = (size_t)(x->of[w][group] - 1) * (size_t)x->r->n_values + (size_t)value;
        DR_TRY(append_values(l, g, at, err));
    }
    return DR_OK;
}

static bool is_quantile(int32_t fn)
{
    return fn == DR_AGG_MEDIAN || fn == DR_AGG_QUANTILE;
}

static bool needs_two(int32_t fn)
{
    return fn == DR_AGG_STDDEV || fn == DR_AGG_VARIANCE;
}

static int32_t stats_wanted(const struct dr_rollup *r, int32_t value)
{
    int32_t want = 0;
    for (int32_t i = 0; i < r->o->n_aggs; i++) {
        int32_t fn = r->agg_value[i] == value ? r->o->aggs[i].fn : DR_AGG_COUNT;
        bool extreme = fn == DR_AGG_MIN || fn == DR_AGG_MAX, two = needs_two(fn);
        want |= extreme ? DR_STATS_EXTREMES : 0;
        want |= fn == DR_AGG_SUM || fn == DR_AGG_MEAN || two ? DR_STATS_SUM : 0;
        want |= two ? DR_STATS_SPREAD : 0;
    }
    return want;
}

static int by_word(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static double count_distinct(uint64_t *words, size_t n)
{
    size_t distinct = 0;
    qsort(words, n, sizeof(*words), by_word);
    for (size_t i = 0; i < n; i++)
        distinct += i == 0 || words[i] != words[i - 1];
    return (double)distinct;
}

static double number_of(int32_t fn, const struct dr_stats *s, const struct layout *l)
{
    switch (fn) {
    case DR_AGG_SUM:
        return dr_stats_sum(s);
    case DR_AGG_MEAN:
        return dr_stats_sum(s) / (double)l->n;
    case DR_AGG_STDDEV:
        return sqrt(s->m2 / (double)(l->n - 1));
    case DR_AGG_VARIANCE:
        return s->m2 / (double)(l->n - 1);
    case DR_AGG_MIN:
        return value_of(s->min);
    case DR_AGG_MAX:
        return value_of(s->max);
    default:
        return (double)l->n;
    }
}

/* All quantiles at once, then the number of values: both want ordered words, and the latter is
 * free to sort them. */
static void find_ranks(const struct whole *x, int32_t value, double *numbers, struct layout *l)
{
    const struct dr_rollup_options *o = x->r->o;
    int32_t n = 0;
    for (int32_t i = 0; i < o->n_aggs; i++)
        if (x->r->agg_value[i] == value && is_quantile(o->aggs[i].fn))
            l->quantiles[n++] =
                (struct dr_quantile){ .q = o->aggs[i].fn == DR_AGG_MEDIAN ? 0.5 : o->aggs[i].arg,
                                      .definition = 7 };
    for (size_t k = 0; k < l->n; k++)
        l->words[k] = dr_float_to_ordered(value_of(l->words[k]));
    if (n > 0)
        dr_quantiles(l->words, (int64_t)l->n, l->quantiles, n);
    n = 0;
    for (int32_t i = 0; i < o->n_aggs; i++) {
        if (x->r->agg_value[i] == value && is_quantile(o->aggs[i].fn))
            numbers[i] = l->quantiles[n++].result;
        else if (x->r->agg_value[i] == value && o->aggs[i].fn == DR_AGG_COUNT_DISTINCT)
            numbers[i] = count_distinct(l->words, l->n);
    }
}

/* The values of a group come in the order in which threads took partitions: nothing here may show
 * that. */
static void aggregate_value(const struct whole *x, uint32_t group, int32_t value, struct layout *l)
{
    const struct dr_rollup_options *o = x->r->o;
    size_t at = (size_t)group * (size_t)o->n_aggs;
    struct dr_stats s = { 0 };
    bool ranks = false;
    int32_t want = stats_wanted(x->r, value);
    if (l->n > 0 && want)
        dr_stats_of(&s, l->words, (int64_t)l->n, true, want & ~DR_STATS_SPREAD);
    if (l->n > 1 && want & DR_STATS_SPREAD)
        s.m2 = dr_stats_squares(l->words, (int64_t)l->n, dr_stats_sum(&s) / (double)l->n);
    for (int32_t i = 0; i < o->n_aggs; i++) {
        int32_t fn = o->aggs[i].fn;
        if (x->r->agg_value[i] != value)
            continue;
        bool count = fn == DR_AGG_COUNT || fn == DR_AGG_COUNT_DISTINCT;
        x->present[at + (size_t)i] = count || l->n > (needs_two(fn) ? 1 : 0);
        x->numbers[at + (size_t)i] = number_of(fn, &s, l);
        ranks |= is_quantile(fn) || fn == DR_AGG_COUNT_DISTINCT;
    }
    if (ranks && l->n > 0)
        find_ranks(x, value, x->numbers + at, l);
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
    for (int32_t v = 0; v < x->r->n_values; v++) {
        DR_TRY(lay_out(x, group, v, l, err));
        aggregate_value(x, group, v, l);
    }
    return DR_OK;
}

static void aggregate_some(void *ctx, int64_t thread)
{
    struct whole *x = ctx;
    struct layout l = { .block = dr_malloc(VALUES_IN_BLOCK * sizeof(double)) };
    l.quantiles = dr_malloc((size_t)(x->r->o->n_aggs + 1) * sizeof(*l.quantiles));
    int64_t group;
    while (x->errs[thread].rc == DR_OK && (group = atomic_fetch_add(&x->next, 1)) < x->all.n)
        (void)aggregate_group(x, (uint32_t)group, &l, &x->errs[thread]);
    free(l.words);
    free(l.quantiles);
    free(l.block);
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
