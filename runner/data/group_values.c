/* group_values.c - counting sort of a column's values by the numbers of groups.
 *
 * Rows are cut into stripes, which do not depend on the threads; the counts of
 * each stripe say where it writes for each group. Where there are so many groups
 * that counting them for each stripe and writing to all at once would leave the
 * cache, values go first to runs of neighbouring groups, with the low bits of
 * their group beside them, and each run is then laid out on its own. */
#include "data/group_values.h"
#include "data/pool.h"

#define STRIPES 32
#define DIRECT_GROUPS (1 << 14) /* that a stripe counts and writes to at once */
#define DISK_RUNS (1 << 8)      /* as many pages of a file are written to at a time */
#define RUN_BITS 10             /* groups of a run: 2^RUN_BITS at least */
#define MAX_RUNS (1 << 12)

struct layout {
    const struct dr_groups *g;
    const struct dr_column *c;
    const int32_t *rank;
    struct dr_group_values *to;
    int32_t shift; /* group >> shift is the run; 0: each group is its own */
    uint32_t runs;
    int64_t stripe_rows, stripes;
    uint32_t *at;               /* owned: stripes x runs */
    uint64_t *run_start;        /* owned: runs + 1 */
    struct dr_scratch id, word; /* by run, where shift is not 0 */
};

/* Up to DR_KEY_BLOCK rows: groups and words of those with a value. */
struct present {
    int64_t n;
    uint32_t id[DR_KEY_BLOCK];
    uint64_t word[DR_KEY_BLOCK];
};

/* ---- reading a block of rows ------------------------------------------------------- */

static inline uint64_t float_word(double v)
{
    uint64_t w;
    memcpy(&w, &v, 8);
    return w;
}

#define LOAD(expr)                                                                                           \
    for (int64_t i = 0; i < n; i++)                                                                          \
        out[i] = (uint64_t)(expr);                                                                           \
    break

/* Words of rows [from, from + n) of a chunk that begins at `row` of its column. */
static void load_words(const struct dr_array *a, const int32_t *rank, int64_t from, int64_t n, int64_t row,
                       uint64_t *out)
{
    const int32_t *narrow = (const int32_t *)a->values + from;
    const int64_t *ints = (const int64_t *)a->values + from;
    const double *floats = (const double *)a->values + from;
    switch (a->type) {
    case DR_TYPE_BOOL:
        LOAD(dr_bit(a->values, from + i));
    case DR_TYPE_DATE:
        LOAD((int64_t)narrow[i]);
    case DR_TYPE_DICT:
        if (rank) {
            LOAD(dr_array_valid(a, from + i) ? rank[narrow[i]] : 0);
        }
        LOAD(narrow[i]);
    case DR_TYPE_FLOAT64:
        LOAD(float_word(floats[i]));
    case DR_TYPE_STRING:
    case DR_TYPE_DECIMAL:
        LOAD(row + from + i);
    default:
        LOAD(ints[i]);
    }
}

/* Leave out the rows without a value. */
static void drop_missing(struct present *p, const uint8_t *valid, int64_t from)
{
    int64_t n = 0;
    for (int64_t i = 0; i < p->n; i++) {
        p->id[n] = p->id[i];
        p->word[n] = p->word[i];
        n += dr_bit(valid, from + i);
    }
    p->n = n;
}

typedef void (*block_fn)(const struct layout *l, const struct present *p, uint32_t *at);

/* Call fn with the rows of a stripe, block by block. */
static void walk_stripe(const struct layout *l, int64_t stripe, bool with_words, block_fn fn)
{
    struct present p;
    uint32_t *at = l->at + stripe * l->runs;
    int64_t row = stripe * l->stripe_rows, end = row + l->stripe_rows;
    end = end < l->g->rows ? end : l->g->rows;
    int32_t k = row < end ? dr_column_chunk_of(l->c, row) : 0;
    while (row < end) {
        int64_t i;
        const struct dr_array *a = dr_column_at(l->c, row, &k, &i);
        int64_t n = a->n - i < end - row ? a->n - i : end - row;
        p.n = n < DR_KEY_BLOCK ? n : DR_KEY_BLOCK;
        memcpy(p.id, l->g->id + row, (size_t)p.n * sizeof *p.id);
        row += p.n;
        if (with_words)
            load_words(a, l->rank, i, p.n, l->c->start[k], p.word);
        if (a->valid)
            drop_missing(&p, a->valid, i);
        fn(l, &p, at);
    }
}

/* ---- to runs, or groups where there are few ---------------------------------------- */

static void count_rows(const struct layout *l, const struct present *p, uint32_t *at)
{
    for (int64_t i = 0; i < p->n; i++)
        at[p->id[i] >> l->shift]++;
}

/* A stripe's group numbers were read. */
static void ids_read(const struct dr_groups *g, int64_t rows)
{
    dr_scratch_touched(DR_UNCONST(struct dr_scratch, &g->ids), (size_t)rows * sizeof *g->id);
}

static void count_stripe(void *ctx, int64_t stripe)
{
    const struct layout *l = ctx;
    walk_stripe(l, stripe, false, count_rows);
    ids_read(l->g, l->stripe_rows);
}

static void scatter_groups(const struct layout *l, const struct present *p, uint32_t *at)
{
    uint64_t *word = l->to->word;
    for (int64_t i = 0; i < p->n; i++)
        word[at[p->id[i]]++] = p->word[i];
}

static void scatter_runs(const struct layout *l, const struct present *p, uint32_t *at)
{
    uint64_t *word = l->word.p;
    uint32_t *id = l->id.p;
    for (int64_t i = 0; i < p->n; i++) {
        uint32_t to = at[p->id[i] >> l->shift]++;
        word[to] = p->word[i];
        id[to] = p->id[i];
    }
}

static void scatter_stripe(void *ctx, int64_t stripe)
{
    struct layout *l = ctx;
    walk_stripe(l, stripe, true, l->shift ? scatter_runs : scatter_groups);
    dr_scratch_touched(&l->to->words, (size_t)l->stripe_rows * 8);
    dr_scratch_touched(&l->word, (size_t)l->stripe_rows * 8);
    dr_scratch_touched(&l->id, (size_t)l->stripe_rows * 4);
    ids_read(l->g, l->stripe_rows);
}

/* Counts become the place where each stripe writes for each run. */
static uint32_t place_stripes(struct layout *l)
{
    uint32_t at = 0;
    for (uint32_t run = 0; run < l->runs; run++) {
        l->run_start[run] = at;
        for (int64_t stripe = 0; stripe < l->stripes; stripe++) {
            uint32_t *slot = &l->at[stripe * l->runs + run];
            uint32_t count = *slot;
            *slot = at;
            at += count;
        }
    }
    l->run_start[l->runs] = at;
    return at;
}

/* ---- within runs --------------------------------------------------------------------- */

/* Groups of a run: their starts, then their values. */
static void lay_out_run(void *ctx, int64_t run)
{
    struct layout *l = ctx;
    const uint32_t *id = l->id.p;
    const uint64_t *word = l->word.p;
    uint64_t from = l->run_start[run], end = l->run_start[run + 1];
    uint32_t first = (uint32_t)run << l->shift, left = l->to->n - first;
    uint32_t n = left < UINT32_C(1) << l->shift ? left : UINT32_C(1) << l->shift;
    DR_AUTO_FREE uint64_t *at = dr_calloc((size_t)n + 1, sizeof *at);
    for (uint64_t i = from; i < end; i++)
        at[id[i] - first + 1]++;
    at[0] = from;
    for (uint32_t k = 0; k < n; k++) {
        at[k + 1] += at[k];
        l->to->start[first + k] = at[k];
    }
    for (uint64_t i = from; i < end; i++)
        l->to->word[at[id[i] - first]++] = word[i];
    dr_scratch_touched(&l->to->words, (end - from) * 8);
    dr_scratch_touched(&l->word, (end - from) * 8);
    dr_scratch_touched(&l->id, (end - from) * 4);
}

/* ---- entry ----------------------------------------------------------------------------- */

static struct layout layout_of(const struct dr_groups *g, const struct dr_column *c, uint32_t n)
{
    struct layout l = { .g = g, .c = c };
    int64_t stripe = (g->rows + STRIPES - 1) / STRIPES;
    l.stripe_rows = (stripe + DR_CHUNK_ROWS - 1) / DR_CHUNK_ROWS * DR_CHUNK_ROWS;
    l.stripes = l.stripe_rows ? (g->rows + l.stripe_rows - 1) / l.stripe_rows : 0;
    bool on_disk = !dr_scratch_fits((size_t)g->rows * sizeof(uint64_t));
    if (n > DIRECT_GROUPS)
        l.shift = RUN_BITS;
    while (n >> l.shift > (on_disk ? DISK_RUNS : l.shift ? MAX_RUNS : DIRECT_GROUPS))
        l.shift++;
    l.runs = n ? ((n - 1) >> l.shift) + 1 : 0;
    return l;
}

static int32_t get_room(struct layout *l, size_t total, struct dr_err *err)
{
    DR_TRY(dr_scratch_get(&l->to->words, total * sizeof(uint64_t), err));
    l->to->word = l->to->words.p;
    if (!l->shift)
        return DR_OK;
    DR_TRY(dr_scratch_get(&l->word, total * sizeof(uint64_t), err));
    return dr_scratch_get(&l->id, total * sizeof(uint32_t), err);
}

static void lay_out(struct layout *l)
{
    dr_pool_run(l->stripes, scatter_stripe, l);
    if (l->shift)
        dr_pool_run(l->runs, lay_out_run, l);
    else
        memcpy(l->to->start, l->run_start, (size_t)l->runs * sizeof *l->run_start);
    l->to->start[l->to->n] = l->run_start[l->runs];
}

int32_t dr_group_values_init(struct dr_group_values *v, const struct dr_groups *g, const struct dr_column *c,
                             const int32_t *rank, struct dr_err *err)
{
    struct layout l = layout_of(g, c, g->n);
    *v = (struct dr_group_values){ .n = g->n };
    v->start = dr_calloc((size_t)g->n + 1, sizeof *v->start);
    if (c->type == DR_TYPE_NULL)
        return DR_OK;
    l.rank = rank;
    l.to = v;
    l.at = dr_calloc((size_t)l.stripes * l.runs, sizeof *l.at);
    l.run_start = dr_calloc((size_t)l.runs + 1, sizeof *l.run_start);
    dr_pool_run(l.stripes, count_stripe, &l);
    int32_t rc = get_room(&l, place_stripes(&l), err);
    if (!rc)
        lay_out(&l);
    else
        dr_group_values_done(v);
    dr_scratch_done(&l.word);
    dr_scratch_done(&l.id);
    free(l.at);
    free(l.run_start);
    return rc;
}

void dr_group_values_done(struct dr_group_values *v)
{
    free(v->start);
    dr_scratch_done(&v->words);
    *v = (struct dr_group_values){ 0 };
}

/* ---- counts ------------------------------------------------------------------------------ */

struct counting {
    const struct dr_groups *g;
    const struct dr_column *c;
    _Atomic int64_t *count;
    uint32_t *few; /* blocks of counts, where groups are few: by task */
};

#define COUNT_TASKS 32

static void count_task(void *ctx, int64_t task)
{
    const struct counting *w = ctx;
    int64_t rows = w->g->rows, size = rows / COUNT_TASKS + 1, row = task * size;
    int64_t end = row + size < rows ? row + size : rows;
    uint32_t *few = w->few ? w->few + task * w->g->n : NULL;
    int32_t k = w->c && row < end ? dr_column_chunk_of(w->c, row) : 0;
    for (; row < end; row++) {
        int64_t i;
        uint32_t id = w->g->id[row];
        const struct dr_array *a = w->c ? dr_column_at(w->c, row, &k, &i) : NULL;
        if (a && !dr_array_valid(a, i))
            continue;
        if (few)
            few[id]++;
        else
            atomic_fetch_add_explicit(&w->count[id], 1, memory_order_relaxed);
    }
    ids_read(w->g, size);
}

int64_t *dr_group_counts(const struct dr_groups *g, const struct dr_column *c)
{
    int64_t *count = dr_calloc(g->n, sizeof *count);
    struct counting w = { .g = g, .c = c && c->nulls ? c : NULL, .count = (_Atomic int64_t *)count };
    if (c && c->type == DR_TYPE_NULL)
        return count;
    DR_AUTO_FREE uint32_t *few = NULL;
    if (g->n <= DIRECT_GROUPS)
        few = w.few = dr_calloc((size_t)COUNT_TASKS * g->n, sizeof *w.few);
    dr_pool_run(COUNT_TASKS, count_task, &w);
    for (int64_t task = 0; few && task < COUNT_TASKS; task++)
        for (uint32_t i = 0; i < g->n; i++)
            count[i] += few[task * g->n + i];
    return count;
}
