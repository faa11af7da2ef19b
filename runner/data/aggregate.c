/* aggregate.c - aggregates over numbered groups.
 *
 * Each aggregate walks its column chunk by chunk, beside the group numbers, into
 * arrays with an entry for each group. Sums of integers are kept in 128 bits and
 * checked at the end, so that the order of rows decides nothing; sums of floats
 * are compensated (Neumaier); variance is Welford's. min, max, first and last
 * find a row and let take fetch it, so they work for every type alike. */
#include <math.h>
#include "data/aggregate.h"
#include "data/decimal.h"
#include "data/distinct.h"
#include "data/pool.h"
#include "data/quantile.h"
#include "data/row_keys.h"

#define BUCKET_TASK 256 /* groups that one task of a quantile handles */

static const char *const fn_names[] = { "count",    "count_distinct", "sum",   "mean",
                                        "stddev",   "variance",       "min",   "max",
                                        "quantile", "median",         "share", "first",
                                        "last" };

/* ---- what is allowed ------------------------------------------------------------- */

static bool is_number(int32_t type)
{
    return type == DR_TYPE_INT64 || type == DR_TYPE_FLOAT64;
}

static bool allowed(int32_t fn, int32_t type)
{
    switch (fn) {
    case DR_AGG_SUM:
    case DR_AGG_MEAN:
        return is_number(type) || type == DR_TYPE_BOOL;
    case DR_AGG_STDDEV:
    case DR_AGG_VARIANCE:
    case DR_AGG_QUANTILE:
    case DR_AGG_MEDIAN:
        return is_number(type);
    case DR_AGG_SHARE:
        return type == DR_TYPE_BOOL;
    default:
        return true;
    }
}

int32_t dr_aggregate_check(const struct dr_agg *agg, const struct dr_column *c, struct dr_err *err)
{
    if (agg->fn < DR_AGG_COUNT || agg->fn > DR_AGG_LAST)
        return dr_fail(err, DR_EINPUT, "group by: %d is no aggregate function", (int)agg->fn);
    const char *fn = fn_names[agg->fn];
    if (!c && agg->fn != DR_AGG_COUNT)
        return dr_fail(err, DR_EINPUT, "group by: %s needs a column", fn);
    if (!agg->name)
        return dr_fail(err, DR_EINPUT, "group by: the result of %s of '%s' needs a name", fn,
                       agg->column ? agg->column : "*");
    if (c && c->type != DR_TYPE_NULL && !allowed(agg->fn, c->type))
        return dr_fail(err, DR_EINPUT, "group by: %s of column '%s' is not defined for %s", fn, agg->column,
                       dr_type_name(c->type));
    if (agg->fn == DR_AGG_QUANTILE && !(agg->arg >= 0 && agg->arg <= 1))
        return dr_fail(err, DR_EINPUT, "group by: quantile %g of column '%s' does not lie in 0..1", agg->arg,
                       agg->column);
    return DR_OK;
}

/* ---- counting -------------------------------------------------------------------- */

/* How many present values each group has; c NULL: rows. */
static int64_t *count_values(const struct dr_column *c, const struct dr_groups *g)
{
    int64_t *count = dr_calloc(g->n, sizeof *count);
    if (!c || c->nulls == 0) {
        for (int64_t row = 0; row < g->rows; row++)
            count[g->id[row]]++;
        return count;
    }
    for (int32_t k = 0; k < c->n && c->type != DR_TYPE_NULL; k++) {
        const struct dr_array *a = c->chunk[k];
        const uint32_t *id = g->id + c->start[k];
        for (int64_t i = 0; i < a->n; i++)
            count[id[i]] += dr_array_valid(a, i);
    }
    return count;
}

static struct dr_column *column_of_ints(const int64_t *v, const int64_t *present, uint32_t n)
{
    struct dr_builder *b = dr_builder_new(DR_TYPE_INT64);
    for (uint32_t i = 0; i < n; i++)
        if (!present || present[i])
            dr_builder_append_int(b, v[i]);
        else
            dr_builder_append_null(b);
    return dr_builder_finish(b);
}

static struct dr_column *column_of_floats(const double *v, const int64_t *count, int64_t at_least, uint32_t n)
{
    struct dr_builder *b = dr_builder_new(DR_TYPE_FLOAT64);
    for (uint32_t i = 0; i < n; i++)
        if (count[i] >= at_least)
            dr_builder_append_float(b, v[i]);
        else
            dr_builder_append_null(b);
    return dr_builder_finish(b);
}

static struct dr_column *run_count(const struct dr_column *c, const struct dr_groups *g)
{
    DR_AUTO_FREE int64_t *count = count_values(c, g);
    return column_of_ints(count, NULL, g->n);
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
    *ret = column_of_ints(count, NULL, g->n);
    return DR_OK;
}

/* ---- sums ------------------------------------------------------------------------ */

static int64_t int_at(const struct dr_array *a, int64_t i)
{
    return a->type == DR_TYPE_BOOL ? dr_bit(a->values, i) : ((const int64_t *)a->values)[i];
}

static double float_at(const struct dr_array *a, int64_t i)
{
    return a->type == DR_TYPE_FLOAT64 ? ((const double *)a->values)[i] : (double)int_at(a, i);
}

static dr_int128 *sum_ints(const struct dr_column *c, const struct dr_groups *g)
{
    dr_int128 *sum = dr_calloc(g->n, sizeof *sum);
    for (int32_t k = 0; k < c->n && c->type != DR_TYPE_NULL; k++) {
        const struct dr_array *a = c->chunk[k];
        const uint32_t *id = g->id + c->start[k];
        for (int64_t i = 0; i < a->n; i++)
            if (dr_array_valid(a, i))
                sum[id[i]] += int_at(a, i);
    }
    return sum;
}

/* A sum and what rounding took from it (Neumaier 1974). */
struct float_sum {
    double sum, lost;
};

static inline void add_float(struct float_sum *s, double v)
{
    double sum = s->sum + v;
    s->lost += fabs(s->sum) >= fabs(v) ? (s->sum - sum) + v : (v - sum) + s->sum;
    s->sum = sum;
}

static double *sum_floats(const struct dr_column *c, const struct dr_groups *g)
{
    DR_AUTO_FREE struct float_sum *s = dr_calloc(g->n, sizeof *s);
    double *sum = dr_malloc((size_t)g->n * sizeof *sum);
    for (int32_t k = 0; k < c->n; k++) {
        const struct dr_array *a = c->chunk[k];
        const uint32_t *id = g->id + c->start[k];
        for (int64_t i = 0; i < a->n; i++)
            if (dr_array_valid(a, i))
                add_float(&s[id[i]], ((const double *)a->values)[i]);
    }
    for (uint32_t i = 0; i < g->n; i++)
        sum[i] = isfinite(s[i].sum) ? s[i].sum + s[i].lost : s[i].sum;
    return sum;
}

static int32_t run_sum(const struct dr_agg *agg, const struct dr_column *c, const struct dr_groups *g,
                       struct dr_column **ret, struct dr_err *err)
{
    DR_AUTO_FREE int64_t *count = count_values(c, g);
    if (c->type == DR_TYPE_FLOAT64) {
        DR_AUTO_FREE double *sum = sum_floats(c, g);
        *ret = column_of_floats(sum, count, 1, g->n);
        return DR_OK;
    }
    DR_AUTO_FREE dr_int128 *sum = sum_ints(c, g);
    DR_AUTO_FREE int64_t *narrow = dr_malloc((size_t)g->n * sizeof *narrow);
    for (uint32_t i = 0; i < g->n; i++) {
        if (sum[i] < INT64_MIN || sum[i] > INT64_MAX)
            return dr_fail(err, DR_EINPUT,
                           "group by: sum of column '%s' exceeds int64; cast it to float64 first",
                           agg->column);
        narrow[i] = (int64_t)sum[i];
    }
    *ret = column_of_ints(narrow, count, g->n);
    return DR_OK;
}

/* mean; of BOOL the share of true */
static struct dr_column *run_mean(const struct dr_column *c, const struct dr_groups *g)
{
    DR_AUTO_FREE int64_t *count = count_values(c, g);
    DR_AUTO_FREE double *mean = NULL;
    if (c->type == DR_TYPE_FLOAT64) {
        mean = sum_floats(c, g);
    } else {
        DR_AUTO_FREE dr_int128 *sum = sum_ints(c, g);
        mean = dr_malloc((size_t)g->n * sizeof *mean);
        for (uint32_t i = 0; i < g->n; i++)
            mean[i] = (double)sum[i];
    }
    for (uint32_t i = 0; i < g->n; i++)
        if (count[i])
            mean[i] /= (double)count[i];
    return column_of_floats(mean, count, 1, g->n);
}

struct moments {
    double mean, m2;
};

static struct dr_column *run_variance(const struct dr_column *c, const struct dr_groups *g, bool root)
{
    DR_AUTO_FREE int64_t *count = dr_calloc(g->n, sizeof *count);
    DR_AUTO_FREE struct moments *m = dr_calloc(g->n, sizeof *m);
    DR_AUTO_FREE double *result = dr_calloc(g->n, sizeof *result);
    for (int32_t k = 0; k < c->n && c->type != DR_TYPE_NULL; k++) {
        const struct dr_array *a = c->chunk[k];
        const uint32_t *id = g->id + c->start[k];
        for (int64_t i = 0; i < a->n; i++) {
            if (!dr_array_valid(a, i))
                continue;
            struct moments *at = &m[id[i]];
            double v = float_at(a, i), delta = v - at->mean;
            at->mean += delta / (double)++count[id[i]];
            at->m2 += delta * (v - at->mean);
        }
    }
    for (uint32_t i = 0; i < g->n; i++) {
        result[i] = count[i] > 1 ? m[i].m2 / (double)(count[i] - 1) : 0;
        result[i] = root ? sqrt(result[i]) : result[i];
    }
    return column_of_floats(result, count, 2, g->n);
}

/* ---- a row of each group ------------------------------------------------------------ */

static void find_ends(const struct dr_column *c, const struct dr_groups *g, bool last, int64_t *best)
{
    for (int32_t k = 0; k < c->n && c->type != DR_TYPE_NULL; k++) {
        const struct dr_array *a = c->chunk[k];
        const uint32_t *id = g->id + c->start[k];
        for (int64_t i = 0; i < a->n; i++)
            if (dr_array_valid(a, i) && (last || best[id[i]] < 0))
                best[id[i]] = c->start[k] + i;
    }
}

/* Whether the words at i come before those kept for a group; equal ones do not. */
static bool precedes(uint64_t *const *words, int32_t n, int64_t i, const uint64_t *best)
{
    for (int32_t w = 0; w < n; w++)
        if (words[w][i] != best[w])
            return words[w][i] < best[w];
    return false;
}

static void find_extremes(const struct dr_column *c, const struct dr_groups *g, bool largest, int64_t *best)
{
    struct dr_row_keys keys;
    uint64_t room[3][DR_KEY_BLOCK], *words[3] = { room[0], room[1], room[2] };
    int32_t flags = largest ? DR_SORT_DESC : 0;
    struct dr_key_spec spec = { .rows = c->rows, .n = 1, .columns = &c, .flags = &flags, .ordered = true };
    DR_AUTO_FREE uint64_t *kept = dr_malloc((size_t)g->n * sizeof words);
    dr_row_keys_init(&keys, &spec);
    int32_t hint = 0;
    for (int64_t row = 0; row < c->rows && c->type != DR_TYPE_NULL; row++) {
        int64_t i = row % DR_KEY_BLOCK, at;
        if (i == 0)
            dr_row_keys_fill(&keys, row, c->rows - row < DR_KEY_BLOCK ? c->rows - row : DR_KEY_BLOCK, words);
        const struct dr_array *a = dr_column_at(c, row, &hint, &at);
        uint64_t *known = kept + (size_t)g->id[row] * 3;
        if (!dr_array_valid(a, at) || (best[g->id[row]] >= 0 && !precedes(words, keys.n, i, known)))
            continue;
        best[g->id[row]] = row;
        for (int32_t w = 0; w < keys.n; w++)
            known[w] = words[w][i];
    }
    dr_row_keys_done(&keys);
}

static struct dr_column *run_pick(int32_t fn, const struct dr_column *c, const struct dr_groups *g)
{
    DR_AUTO_FREE int64_t *best = dr_malloc((size_t)g->n * sizeof *best);
    for (uint32_t i = 0; i < g->n; i++)
        best[i] = -1;
    if (fn == DR_AGG_MIN || fn == DR_AGG_MAX)
        find_extremes(c, g, fn == DR_AGG_MAX, best);
    else
        find_ends(c, g, fn == DR_AGG_LAST, best);
    return dr_column_take(c, g->n, best);
}

/* ---- quantiles ------------------------------------------------------------------------ */

void dr_buckets_free(struct dr_buckets *list)
{
    while (list) {
        struct dr_buckets *next = list->next;
        free(list->start);
        free(list->words);
        free(list);
        list = next;
    }
}

static struct dr_buckets *make_buckets(const struct dr_column *c, const struct dr_groups *g)
{
    struct dr_buckets *b = dr_calloc(1, sizeof *b);
    DR_AUTO_FREE int64_t *at = count_values(c, g);
    b->c = c;
    b->start = dr_calloc((size_t)g->n + 1, sizeof *b->start);
    for (uint32_t i = 0; i < g->n; i++) {
        b->start[i + 1] = b->start[i] + at[i];
        at[i] = b->start[i];
    }
    b->words = dr_malloc((size_t)b->start[g->n] * sizeof *b->words);
    for (int32_t k = 0; k < c->n && c->type != DR_TYPE_NULL; k++) {
        const struct dr_array *a = c->chunk[k];
        const uint32_t *id = g->id + c->start[k];
        for (int64_t i = 0; i < a->n; i++)
            if (dr_array_valid(a, i))
                b->words[at[id[i]]++] = dr_float_to_ordered(float_at(a, i));
    }
    return b;
}

static struct dr_buckets *find_buckets(struct dr_buckets **list, const struct dr_column *c,
                                       const struct dr_groups *g)
{
    for (struct dr_buckets *b = *list; b; b = b->next)
        if (b->c == c)
            return b;
    struct dr_buckets *b = make_buckets(c, g);
    b->next = *list;
    *list = b;
    return b;
}

struct quantile_job {
    struct dr_buckets *buckets;
    uint32_t n;
    double q;
    double *result;
    int64_t *count;
};

static void quantile_task(void *ctx, int64_t task)
{
    struct quantile_job *j = ctx;
    uint32_t end =
        j->n - (uint32_t)task * BUCKET_TASK < BUCKET_TASK ? j->n : (uint32_t)(task + 1) * BUCKET_TASK;
    for (uint32_t i = (uint32_t)task * BUCKET_TASK; i < end; i++) {
        int64_t from = j->buckets->start[i];
        j->count[i] = j->buckets->start[i + 1] - from;
        if (j->count[i])
            j->result[i] = dr_quantile(j->buckets->words + from, j->count[i], j->q);
    }
}

static struct dr_column *run_quantile(const struct dr_column *c, const struct dr_groups *g, double q,
                                      struct dr_buckets **buckets)
{
    DR_AUTO_FREE double *result = dr_calloc(g->n, sizeof *result);
    DR_AUTO_FREE int64_t *count = dr_calloc(g->n, sizeof *count);
    struct quantile_job job = {
        .buckets = find_buckets(buckets, c, g), .n = g->n, .q = q, .result = result, .count = count
    };
    dr_pool_run(((int64_t)g->n + BUCKET_TASK - 1) / BUCKET_TASK, quantile_task, &job);
    return column_of_floats(result, count, 1, g->n);
}

/* ---- entry ------------------------------------------------------------------------------ */

int32_t dr_aggregate_run(const struct dr_agg *agg, const struct dr_column *c, const struct dr_groups *g,
                         struct dr_buckets **buckets, struct dr_column **ret, struct dr_err *err)
{
    switch (agg->fn) {
    case DR_AGG_COUNT:
        *ret = run_count(c, g);
        return DR_OK;
    case DR_AGG_COUNT_DISTINCT:
        return run_count_distinct(c, g, ret, err);
    case DR_AGG_SUM:
        return run_sum(agg, c, g, ret, err);
    case DR_AGG_MEAN:
    case DR_AGG_SHARE:
        *ret = run_mean(c, g);
        return DR_OK;
    case DR_AGG_STDDEV:
    case DR_AGG_VARIANCE:
        *ret = run_variance(c, g, agg->fn == DR_AGG_STDDEV);
        return DR_OK;
    case DR_AGG_QUANTILE:
    case DR_AGG_MEDIAN:
        *ret = run_quantile(c, g, agg->fn == DR_AGG_MEDIAN ? 0.5 : agg->arg, buckets);
        return DR_OK;
    default:
        *ret = run_pick(agg->fn, c, g);
        return DR_OK;
    }
}
