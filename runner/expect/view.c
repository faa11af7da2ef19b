/* view.c - measures of a column: sums, extremes, ranks, order. See plan.h.
 *
 * Numbers and times get an order key, a uint64_t that sorts as the value does,
 * so one algorithm serves every type. Where a column came as texts of few
 * distinct values, these with their counts do instead (distinct.c).
 *
 * Sums are made block by block and added up in the order of blocks, so that
 * they are the same to the last bit however many threads there are. */
#include <math.h>
#include "base/date.h"
#include "data/pool.h"
#include "expect/order_key.h"
#include "expect/plan.h"
#include "expect/radix.h"

static struct dr_value value_of_key(const struct dr_source *s, uint64_t k)
{
    int64_t i = (int64_t)(k ^ DR_KEY_SIGN);
    switch (s->type) {
    case DR_TYPE_BOOL:
        return (struct dr_value){ .kind = DR_VALUE_BOOL, .i = i, .f = (double)i };
    case DR_TYPE_DATE:
        return (struct dr_value){ .kind = DR_VALUE_DATE, .i = i };
    case DR_TYPE_TIMESTAMP:
        return (struct dr_value){ .kind = DR_VALUE_TIME, .i = i, .zoned = s->zoned };
    case DR_TYPE_INT64:
        return dr_value_of_int(i);
    default:
        return dr_value_of_float(dr_f64_of_key(k));
    }
}

struct dr_value dr_view_sorted_value(const struct dr_view *v, int64_t i)
{
    return value_of_key(v->source, v->sorted[i]);
}

/* ---- passes over a view ---- */

/* Called for each run of up to 64 rows of the view, with the bits that count. */
typedef void (*view_run_fn)(void *ctx, const struct dr_array *a, int64_t i, int m, uint64_t bits);
struct view_run {
    const uint64_t *rows;
    view_run_fn fn;
    void *ctx;
};

static void view_run(void *ctx, const struct dr_array *a, int64_t i, int m, int64_t row)
{
    const struct view_run *v = ctx;
    uint64_t bits = v->rows[row >> 6] >> (row & 63) & ~UINT64_C(0) >> (64 - m);
    if (bits)
        v->fn(v->ctx, a, i, m, bits);
}

static void each_run(const struct dr_view *v, int64_t from, int64_t to, view_run_fn fn, void *ctx)
{
    struct view_run run = { v->rows, fn, ctx };
    dr_each_run(v->source->typed, from, to, view_run, &run);
}

/* ---- moments ---- */

struct sums {
    double sum, carry; /* Neumaier's compensated sum */
    double mean, m2;
    __extension__ __int128 exact;
};
struct sums_pass {
    const struct dr_view *v;
    struct sums *of_block;
    double mean;
};

static void add_compensated(struct sums *s, double x)
{
    double t = s->sum + x;
    if (isfinite(t))
        s->carry += fabs(s->sum) >= fabs(x) ? s->sum - t + x : x - t + s->sum;
    s->sum = t;
}

/* Four sums side by side: additions need not wait for each other. */
static double sum_f64(const double *v)
{
    double s[4] = { 0 };
    for (int j = 0; j < 64; j += 4)
        for (int k = 0; k < 4; k++)
            s[k] += v[j + k];
    return (s[0] + s[1]) + (s[2] + s[3]);
}

static void sum_run(void *ctx, const struct dr_array *a, int64_t i, int m, uint64_t bits)
{
    struct sums *s = ctx;
    double sum = 0;
    (void)m;
    if (bits == ~UINT64_C(0) && a->type == DR_TYPE_FLOAT64) {
        add_compensated(s, sum_f64((const double *)a->values + i));
        return;
    }
    for (; bits; bits &= bits - 1) {
        int j = __builtin_ctzll(bits);
        sum += dr_f64_at(a, i + j);
        if (a->type == DR_TYPE_INT64)
            s->exact += ((const int64_t *)a->values)[i + j];
    }
    add_compensated(s, sum);
}

static void sum_block(void *ctx, int64_t block, int64_t from, int64_t to)
{
    struct sums_pass *p = ctx;
    each_run(p->v, from, to, sum_run, &p->of_block[block]);
}

static double squares_f64(const double *v, double mean)
{
    double s[4] = { 0 };
    for (int j = 0; j < 64; j += 4)
        for (int k = 0; k < 4; k++)
            s[k] += (v[j + k] - mean) * (v[j + k] - mean);
    return (s[0] + s[1]) + (s[2] + s[3]);
}

static void square_run(void *ctx, const struct dr_array *a, int64_t i, int m, uint64_t bits)
{
    struct sums *s = ctx;
    (void)m;
    if (bits == ~UINT64_C(0) && a->type == DR_TYPE_FLOAT64) {
        s->m2 += squares_f64((const double *)a->values + i, s->mean);
        return;
    }
    for (; bits; bits &= bits - 1) {
        double d = dr_f64_at(a, i + __builtin_ctzll(bits)) - s->mean;
        s->m2 += d * d;
    }
}

static void square_block(void *ctx, int64_t block, int64_t from, int64_t to)
{
    struct sums_pass *p = ctx;
    p->of_block[block].mean = p->mean;
    each_run(p->v, from, to, square_run, &p->of_block[block]);
}

/* Few distinct values: each counts as often as it occurs. */
static void sums_of_distinct(const struct dr_view *v, struct sums *s)
{
    for (int64_t i = 0; i < v->n_distinct; i++)
        if (v->distinct[i].value.kind != DR_VALUE_TEXT)
            add_compensated(s, v->distinct[i].value.f * (double)v->distinct[i].count);
}

static double squares_of_distinct(const struct dr_view *v, double mean)
{
    double m2 = 0;
    for (int64_t i = 0; i < v->n_distinct; i++) {
        double d = v->distinct[i].value.f - mean;
        if (v->distinct[i].value.kind != DR_VALUE_TEXT)
            m2 += d * d * (double)v->distinct[i].count;
    }
    return m2;
}

static void sums_of_rows(struct sums_pass *p, struct sums *s)
{
    int64_t rows = p->v->source->rows;
    p->of_block = dr_calloc((size_t)dr_blocks(rows) + 1, sizeof *p->of_block);
    dr_each_block(rows, sum_block, p);
    for (int64_t b = 0; b < dr_blocks(rows); b++) {
        add_compensated(s, p->of_block[b].sum);
        s->carry += p->of_block[b].carry;
        s->exact += p->of_block[b].exact;
    }
}

static double squares_of_rows(struct sums_pass *p)
{
    int64_t rows = p->v->source->rows;
    double m2 = 0;
    dr_each_block(rows, square_block, p);
    for (int64_t b = 0; b < dr_blocks(rows); b++)
        m2 += p->of_block[b].m2;
    return m2;
}

static void set_exact_sum(struct dr_view *v, const struct sums *s)
{
    v->exact_sum = dr_value_of_float(v->sum);
    if (v->source->type == DR_TYPE_INT64 && s->exact >= INT64_MIN && s->exact <= INT64_MAX)
        v->exact_sum = dr_value_of_int((int64_t)s->exact);
    else if (v->source->type == DR_TYPE_BOOL)
        v->exact_sum = dr_value_of_int((int64_t)v->sum);
}

void dr_view_moments(struct dr_plan *p, struct dr_view *v)
{
    struct sums s = { 0 };
    struct sums_pass pass = { .v = v };
    bool exact = v->source->type == DR_TYPE_INT64, few = !exact && dr_view_has_few(v);
    if (v->has_moments)
        return;
    v->has_moments = true;
    if (few) {
        dr_view_distinct(p, v);
        sums_of_distinct(v, &s);
    } else {
        (void)dr_source_typed(v->source);
        sums_of_rows(&pass, &s);
    }
    v->sum = exact ? (double)s.exact : s.sum + s.carry;
    v->mean = pass.mean = v->n ? v->sum / (double)v->n : 0;
    v->m2 = few ? squares_of_distinct(v, v->mean) : squares_of_rows(&pass);
    free(pass.of_block);
    set_exact_sum(v, &s);
}

/* ---- order ---- */

struct keys {
    uint64_t *k;
    int64_t n;
};

static void key_run(void *ctx, const struct dr_array *a, int64_t i, int m, uint64_t bits)
{
    struct keys *keys = ctx;
    (void)m;
    for (; bits; bits &= bits - 1)
        keys->k[keys->n++] = dr_key_at(a, i + __builtin_ctzll(bits));
}

#define DIGIT_BITS 11

static uint64_t *sort_keys(uint64_t *k, uint64_t *spare, int64_t n)
{
    return n ? dr_radix_sort(k, spare, n, sizeof *k, DIGIT_BITS) : k;
}

void dr_view_sort(struct dr_plan *p, struct dr_view *v)
{
    (void)p;
    if (v->sorted)
        return;
    struct keys keys = { dr_malloc(((size_t)v->n + 1) * sizeof(uint64_t)), 0 };
    (void)dr_source_typed(v->source);
    each_run(v, 0, v->source->rows, key_run, &keys);
    v->sorted = keys.k;
    if (v->n < 2)
        return;
    uint64_t *spare = dr_malloc((size_t)v->n * sizeof(uint64_t));
    v->sorted = sort_keys(keys.k, spare, v->n);
    free(v->sorted == spare ? keys.k : spare);
}

/* ---- ranks ---- */

/* A value of a given rank without sorting all: keys are counted by the bucket
 * of their range that they lie in, and only those of the bucket that holds the
 * rank are put in order; where these are many, because a few far away make the range
 * wide, they are counted by finer buckets first. Counts stay, and the last bucket
 * too: whoever asks for one rank often asks for its neighbour. */
#define RANK_BITS 13
#define RANK_BUCKETS (1 << RANK_BITS)
#define RANK_KEYS_MAX (1 << 19) /* so many keys are put in order, in 8 MB */

struct dr_ranks {
    uint64_t low, high; /* the range: other keys are not counted */
    int shift;          /* the bucket of a key is (key - low) >> shift */
    int64_t slices;
    int64_t *count;                  /* owned: slices x RANK_BUCKETS */
    int64_t below[RANK_BUCKETS + 1]; /* keys in earlier buckets */
    int64_t bucket;                  /* that of keys or finer, -1 before the first */
    uint64_t *keys;                  /* owned: its keys, ascending; or NULL */
    struct dr_ranks *finer;          /* owned: its buckets; or NULL */
};
struct rank_pass {
    const struct dr_view *v;
    struct dr_ranks *r;
    uint64_t *out; /* NULL while counting */
};
struct rank_run {
    const struct dr_ranks *r;
    int64_t *count;
    uint64_t *to;
};

static void rank_count_run(void *ctx, const struct dr_array *a, int64_t i, int m, uint64_t bits)
{
    const struct rank_run *run = ctx;
    const uint64_t low = run->r->low, width = run->r->high - low;
    (void)m;
    for (; bits; bits &= bits - 1) {
        uint64_t at = dr_key_at(a, i + __builtin_ctzll(bits)) - low;
        if (at <= width)
            run->count[at >> run->r->shift]++;
    }
}

static void rank_collect_run(void *ctx, const struct dr_array *a, int64_t i, int m, uint64_t bits)
{
    struct rank_run *run = ctx;
    const uint64_t low = run->r->low, width = run->r->high - low;
    (void)m;
    for (; bits; bits &= bits - 1) {
        uint64_t at = dr_key_at(a, i + __builtin_ctzll(bits)) - low;
        if ((int64_t)(at >> run->r->shift) == run->r->bucket && at <= width)
            *run->to++ = at + low;
    }
}

static void rank_slice(void *ctx, int64_t slice)
{
    struct rank_pass *p = ctx;
    struct rank_run run = { p->r, p->r->count + slice * RANK_BUCKETS, p->out };
    int64_t from, to;
    for (int64_t before = 0; p->out && before < slice; before++)
        run.to += p->r->count[before * RANK_BUCKETS + p->r->bucket];
    dr_slice(p->v->source->rows, p->r->slices, slice, &from, &to);
    each_run(p->v, from, to, p->out ? rank_collect_run : rank_count_run, &run);
}

static struct dr_ranks *count_ranks(const struct dr_view *v, uint64_t low, uint64_t high)
{
    struct dr_ranks *r = dr_calloc(1, sizeof *r);
    struct rank_pass pass = { v, r, NULL };
    *r = (struct dr_ranks){ .low = low, .high = high, .bucket = -1, .slices = dr_slices(v->source->rows) };
    while ((high - low) >> r->shift >= RANK_BUCKETS)
        r->shift++;
    r->count = dr_calloc((size_t)r->slices * RANK_BUCKETS, sizeof *r->count);
    dr_pool_run(r->slices, rank_slice, &pass);
    for (int64_t b = 0; b < RANK_BUCKETS; b++) {
        r->below[b + 1] = r->below[b];
        for (int64_t slice = 0; slice < r->slices; slice++)
            r->below[b + 1] += r->count[slice * RANK_BUCKETS + b];
    }
    return r;
}

static int64_t bucket_of_rank(const struct dr_ranks *r, int64_t rank)
{
    int64_t lo = 0, hi = RANK_BUCKETS;
    while (hi - lo > 1) {
        int64_t mid = (lo + hi) / 2;
        if (r->below[mid] <= rank)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

static uint64_t *keys_of_bucket(const struct dr_view *v, struct dr_ranks *r)
{
    int64_t n = r->below[r->bucket + 1] - r->below[r->bucket];
    uint64_t *keys = dr_malloc((size_t)n * sizeof *keys), *spare = dr_malloc((size_t)n * sizeof *spare);
    struct rank_pass pass = { v, r, keys };
    dr_pool_run(r->slices, rank_slice, &pass);
    uint64_t *sorted = sort_keys(keys, spare, n);
    free(sorted == spare ? keys : spare);
    return sorted;
}

void dr_ranks_done(struct dr_ranks *r)
{
    for (struct dr_ranks *finer; r; r = finer) {
        finer = r->finer;
        free(r->count);
        free(r->keys);
        free(r);
    }
}

/* Look into a bucket: at its keys, or at finer ones. */
static void open_bucket(const struct dr_view *v, struct dr_ranks *r, int64_t bucket)
{
    uint64_t low = r->low + ((uint64_t)bucket << r->shift);
    uint64_t last = low + ((UINT64_C(1) << r->shift) - 1);
    dr_ranks_done(r->finer);
    free(r->keys);
    r->finer = NULL;
    r->keys = NULL;
    r->bucket = bucket;
    if (r->below[bucket + 1] - r->below[bucket] > RANK_KEYS_MAX)
        r->finer = count_ranks(v, low, last < r->high ? last : r->high);
    else
        r->keys = keys_of_bucket(v, r);
}

static uint64_t key_of_rank(const struct dr_view *v, struct dr_ranks *r, int64_t rank)
{
    int64_t bucket = bucket_of_rank(r, rank);
    if (r->shift == 0) /* all keys of a bucket are the same */
        return r->low + (uint64_t)bucket;
    if (r->bucket != bucket)
        open_bucket(v, r, bucket);
    rank -= r->below[bucket];
    return r->keys ? r->keys[rank] : key_of_rank(v, r->finer, rank);
}

/* ---- extremes ---- */

struct extremes {
    const struct dr_view *v;
    struct dr_zone *of_block;
};

static void extremes_run(void *ctx, const struct dr_array *a, int64_t i, int m, uint64_t bits)
{
    struct dr_zone *z = ctx;
    (void)m;
    for (; bits; bits &= bits - 1) {
        uint64_t k = dr_key_at(a, i + __builtin_ctzll(bits));
        z->min = k < z->min ? k : z->min;
        z->max = k > z->max ? k : z->max;
    }
}

static void extremes_block(void *ctx, int64_t block, int64_t from, int64_t to)
{
    struct extremes *e = ctx;
    e->of_block[block] = (struct dr_zone){ UINT64_MAX, 0 };
    each_run(e->v, from, to, extremes_run, &e->of_block[block]);
}

/* The smallest and largest key of a view that is not empty. */
static struct dr_zone key_extremes(struct dr_plan *p, const struct dr_view *v)
{
    struct dr_source *s = v->source;
    int64_t blocks = dr_blocks(s->rows);
    struct dr_zone z = { UINT64_MAX, 0 };
    DR_AUTO_FREE struct dr_zone *own = NULL;
    const struct dr_zone *of_block = own;
    (void)dr_source_typed(s);
    if (v->domain->rows) {
        own = dr_malloc(((size_t)blocks + 1) * sizeof *own);
        struct extremes e = { v, own };
        dr_each_block(s->rows, extremes_block, &e);
        of_block = own;
    } else {
        of_block = dr_source_zones(p, s);
    }
    for (int64_t b = 0; b < blocks; b++) {
        z.min = of_block[b].min < z.min ? of_block[b].min : z.min;
        z.max = of_block[b].max > z.max ? of_block[b].max : z.max;
    }
    return z;
}

bool dr_view_extremes(struct dr_plan *p, struct dr_view *v, struct dr_value *ret_min,
                      struct dr_value *ret_max)
{
    if (v->n == 0 || v->source->class == DR_CLASS_MIXED || v->source->class == DR_CLASS_EMPTY)
        return false;
    if (v->source->class == DR_CLASS_TEXT) {
        dr_view_text_extremes(p, v, ret_min, ret_max);
        return true;
    }
    if (v->source->codes)
        return dr_view_code_extremes(p, v, ret_min, ret_max);
    struct dr_zone z = key_extremes(p, v);
    *ret_min = value_of_key(v->source, z.min);
    *ret_max = value_of_key(v->source, z.max);
    return true;
}

struct dr_value dr_view_nth(struct dr_plan *p, struct dr_view *v, int64_t i)
{
    if (v->sorted)
        return dr_view_sorted_value(v, i);
    if (dr_view_has_few(v))
        return dr_view_nth_distinct(p, v, i);
    if (!v->ranks) {
        struct dr_zone z = key_extremes(p, v);
        v->ranks = count_ranks(v, z.min, z.max);
    }
    return value_of_key(v->source, key_of_rank(v, v->ranks, i));
}
