/* hash_rows.c - numbering rows by key.
 *
 *   - Short keys (a few dictionary codes, a day) index a table of every possible
 *     key: rows mark the keys that occur, which are then numbered in order.
 *   - Others are partitioned by their hash (partition.h); each partition numbers
 *     its keys from 0 on any thread, and the numbers of the partitions before it
 *     are added when they are known.
 *
 * Rows are read block by block on all threads; what a block writes depends on
 * the rows alone. */
#include "data/hash_rows.h"
#include "data/partition.h"

#define SHORT_BITS 20
#define NO_ROW UINT32_MAX

void dr_groups_done(struct dr_groups *g)
{
    dr_scratch_done(&g->ids);
    free(g->first);
    *g = (struct dr_groups){ 0 };
}

bool dr_keys_are_short(const struct dr_row_keys *k)
{
    return k->n == 1 && k->bits[0] <= SHORT_BITS && (INT64_C(1) << k->bits[0]) <= k->rows * 4 + 1024;
}

int32_t dr_keys_check_rows(int64_t rows, struct dr_err *err)
{
    if (rows < (int64_t)NO_ROW)
        return DR_OK;
    return dr_fail(err, DR_ELIMIT, "%lld rows are more than keys can be numbered for (%lld)", (long long)rows,
                   (long long)NO_ROW - 1);
}

static int32_t start_groups(struct dr_groups *g, int64_t rows, struct dr_err *err)
{
    *g = (struct dr_groups){ .rows = rows };
    DR_TRY(dr_scratch_get(&g->ids, (size_t)rows * sizeof *g->id, err));
    g->id = g->ids.p;
    return DR_OK;
}

/* ---- short keys -------------------------------------------------------------------- */

struct short_keys {
    const struct dr_row_keys *keys;
    struct dr_groups *g;
    _Atomic uint32_t *first; /* by key: its first row */
    uint32_t *number;        /* by key */
};

static int64_t block_rows(const struct dr_row_keys *k, int64_t block)
{
    int64_t left = k->rows - block * DR_CHUNK_ROWS;
    return left < DR_CHUNK_ROWS ? left : DR_CHUNK_ROWS;
}

/* Keys of n rows, and their first rows so far. */
static void mark_rows(const struct short_keys *s, int64_t row, int64_t n, const uint64_t *word)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t mine = (uint32_t)(row + i);
        uint32_t known = atomic_load_explicit(&s->first[word[i]], memory_order_relaxed);
        while (mine < known &&
               !atomic_compare_exchange_weak_explicit(&s->first[word[i]], &known, mine, memory_order_relaxed,
                                                      memory_order_relaxed))
            ;
        s->g->id[row + i] = (uint32_t)word[i];
    }
}

static void mark_block(void *ctx, int64_t block)
{
    const struct short_keys *s = ctx;
    uint64_t word[DR_KEY_BLOCK];
    int64_t from = block * DR_CHUNK_ROWS, end = from + block_rows(s->keys, block);
    for (int64_t row = from; row < end; row += DR_KEY_BLOCK) {
        int64_t n = end - row < DR_KEY_BLOCK ? end - row : DR_KEY_BLOCK;
        dr_row_keys_fill(s->keys, row, n, (uint64_t *[]){ word });
        mark_rows(s, row, n, word);
    }
    dr_scratch_touched(&s->g->ids, (size_t)(end - from) * sizeof *s->g->id);
}

/* Number the keys that occur, in their order. */
static void number_keys(struct short_keys *s, size_t possible)
{
    struct dr_groups *g = s->g;
    for (size_t key = 0; key < possible; key++)
        if (s->first[key] != NO_ROW)
            s->number[key] = g->n++;
    g->first = dr_malloc((size_t)g->n * sizeof *g->first);
    for (size_t key = 0; key < possible; key++)
        if (s->first[key] != NO_ROW)
            g->first[s->number[key]] = s->first[key];
}

static void renumber_block(void *ctx, int64_t block)
{
    const struct short_keys *s = ctx;
    uint32_t *id = s->g->id + block * DR_CHUNK_ROWS;
    for (int64_t i = 0; i < block_rows(s->keys, block); i++)
        id[i] = s->number[id[i]];
    dr_scratch_touched(&s->g->ids, DR_CHUNK_ROWS * sizeof *id);
}

static void number_short(struct dr_groups *g, const struct dr_row_keys *keys)
{
    size_t possible = (size_t)1 << keys->bits[0];
    int64_t blocks = (g->rows + DR_CHUNK_ROWS - 1) / DR_CHUNK_ROWS;
    struct short_keys s = { .keys = keys, .g = g };
    s.first = dr_malloc(possible * sizeof *s.first);
    s.number = dr_malloc(possible * sizeof *s.number);
    memset(DR_UNCONST(void, s.first), 0xff, possible * sizeof *s.first);
    dr_pool_run(blocks, mark_block, &s);
    number_keys(&s, possible);
    dr_pool_run(blocks, renumber_block, &s);
    free(DR_UNCONST(void, s.first));
    free(s.number);
}

/* ---- partitions ---------------------------------------------------------------------- */

struct part_groups {
    struct dr_groups *g;
    uint32_t *base;          /* by partition: how many keys it has, then those before it */
    uint32_t **first;        /* by partition, owned: first rows of its keys */
    struct dr_scratch local; /* by entry: the number within the partition */
};

static void number_part(void *ctx, struct dr_parts *p, struct dr_part_table *t, int32_t part)
{
    struct part_groups *w = ctx;
    uint32_t *local = w->local.p;
    for (uint64_t i = p->start[part]; i < p->start[part + 1]; i++)
        local[i] = dr_part_put(p, t, i);
    w->base[part] = t->n;
    w->first[part] = dr_malloc((size_t)t->n * sizeof **w->first);
    for (uint32_t i = 0; i < t->n; i++)
        w->first[part][i] = dr_part_row(p, t->first[i]);
    dr_scratch_touched(&w->local, (p->start[part + 1] - p->start[part]) * sizeof *local);
}

static void spread_part(void *ctx, struct dr_parts *p, struct dr_part_table *t, int32_t part)
{
    struct part_groups *w = ctx;
    const uint32_t *local = w->local.p;
    uint32_t base = w->base[part];
    (void)t;
    for (uint64_t i = p->start[part]; i < p->start[part + 1]; i++)
        w->g->id[dr_part_row(p, i)] = base + local[i];
    dr_scratch_touched(&w->g->ids, (p->start[part + 1] - p->start[part]) * 4096);
}

static void add_up(struct part_groups *w, int32_t parts)
{
    uint32_t n = 0;
    for (int32_t part = 0; part < parts; part++)
        n += w->base[part];
    w->g->first = dr_malloc((size_t)n * sizeof *w->g->first);
    for (int32_t part = 0; part < parts; part++) {
        uint32_t count = w->base[part];
        if (count)
            memcpy(w->g->first + w->g->n, w->first[part], (size_t)count * sizeof **w->first);
        w->base[part] = w->g->n;
        w->g->n += count;
        free(w->first[part]);
    }
}

static int32_t number_by_part(struct dr_groups *g, const struct dr_row_keys *keys, struct dr_err *err)
{
    struct dr_parts p;
    struct part_groups w = { .g = g };
    DR_TRY(dr_parts_init(&p, keys, DR_PARTS_BY_HASH, NULL, keys->rows, err));
    int32_t rc = dr_scratch_get(&w.local, (size_t)p.total * sizeof(uint32_t), err);
    w.base = dr_calloc((size_t)p.n, sizeof *w.base);
    w.first = dr_calloc((size_t)p.n, sizeof *w.first);
    if (!rc) {
        dr_parts_run(&p, number_part, &w);
        add_up(&w, p.n);
        dr_parts_run(&p, spread_part, &w);
    }
    dr_scratch_done(&w.local);
    free(w.base);
    free(w.first);
    dr_parts_done(&p);
    return rc;
}

/* ---- entry --------------------------------------------------------------------------- */

static int32_t number_rows(struct dr_groups *g, const struct dr_row_keys *keys, bool ordered,
                           struct dr_err *err)
{
    g->sorted = ordered;
    if (keys->n == 0) {
        g->n = 1;
        memset(g->id, 0, (size_t)g->rows * sizeof *g->id);
        g->first = dr_calloc(1, sizeof *g->first);
        return DR_OK;
    }
    if (dr_keys_are_short(keys)) {
        number_short(g, keys);
        return DR_OK;
    }
    g->sorted = false;
    return number_by_part(g, keys, err);
}

int32_t dr_groups_init(struct dr_groups *g, const struct dr_key_spec *spec, struct dr_err *err)
{
    struct dr_row_keys keys;
    DR_TRY(dr_keys_check_rows(spec->rows, err));
    DR_TRY(start_groups(g, spec->rows, err));
    if (spec->rows == 0 && spec->n > 0)
        return DR_OK;
    dr_row_keys_init(&keys, spec);
    int32_t rc = number_rows(g, &keys, spec->ordered, err);
    dr_row_keys_done(&keys);
    if (rc)
        dr_groups_done(g);
    return rc;
}
