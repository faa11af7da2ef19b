/* partition.c - counting, then scattering, the rows of a table by key.
 *
 * Both passes compute the keys anew, a block of rows at a time: that costs less
 * than holding them. The counts say exactly where each block writes into each
 * partition, so threads never meet and the order is that of the rows. */
#include "data/partition.h"

#define PART_ROWS (1 << 14) /* entries of a partition that are aimed at */
#define MAX_BITS 11
#define MAX_BLOCKS 1024
#define NARROW_BITS 32
#define TABLE_BITS 10 /* of the smallest table */

/* ---- passes --------------------------------------------------------------------- */

static inline bool takes_part(const struct dr_parts *p, int64_t row)
{
    return !p->only || p->only[row / 64] >> row % 64 & 1;
}

static int64_t block_end(const struct dr_parts *p, int64_t block)
{
    int64_t end = (block + 1) * p->block_rows;
    return end < p->keys->rows ? end : p->keys->rows;
}

/* A narrow key as its partition and the rest are cut from it. */
static inline uint64_t mix_narrow(const struct dr_parts *p, uint64_t word)
{
    uint64_t mix = p->by == DR_PARTS_BY_HASH ? DR_PART_MIX : 1;
    return word * mix & (UINT64_MAX >> (64 - p->keys->bits[0]));
}

static inline uint32_t part_of_hash(const struct dr_parts *p, uint64_t hash, int32_t bits)
{
    return p->bits ? (uint32_t)(hash >> (bits - p->bits)) : 0;
}

/* The partitions of n rows whose words are given. */
static void find_parts(const struct dr_parts *p, uint64_t *const *words, int64_t n, uint16_t *ret)
{
    if (p->narrow || p->by == DR_PARTS_BY_ORDER) {
        for (int64_t i = 0; i < n; i++)
            ret[i] = (uint16_t)part_of_hash(p, mix_narrow(p, words[0][i]), p->keys->bits[0]);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        uint64_t hash = 0;
        for (int32_t w = 0; w < p->keys->n; w++)
            hash = dr_part_hash(hash, words[w][i]);
        ret[i] = (uint16_t)part_of_hash(p, hash * DR_PART_MIX, 64);
    }
}

typedef void (*rows_fn)(struct dr_parts *p, int64_t row, int64_t n, uint64_t *const *words,
                        const uint16_t *part, uint32_t *at);

/* Call fn with the keys and partitions of each DR_KEY_BLOCK rows of a block. */
static void walk_block(struct dr_parts *p, int64_t block, rows_fn fn)
{
    uint16_t part[DR_KEY_BLOCK];
    size_t n_words = (size_t)p->keys->n;
    DR_AUTO_FREE uint64_t *room = dr_malloc(n_words * DR_KEY_BLOCK * sizeof *room);
    DR_AUTO_FREE uint64_t **words = dr_malloc(n_words * sizeof(uint64_t *));
    for (size_t w = 0; w < n_words; w++)
        words[w] = room + w * DR_KEY_BLOCK;
    int64_t end = block_end(p, block);
    for (int64_t row = block * p->block_rows; row < end; row += DR_KEY_BLOCK) {
        int64_t n = end - row < DR_KEY_BLOCK ? end - row : DR_KEY_BLOCK;
        dr_row_keys_fill(p->keys, row, n, words);
        find_parts(p, words, n, part);
        fn(p, row, n, words, part, p->at + block * p->n);
    }
}

static void count_rows(struct dr_parts *p, int64_t row, int64_t n, uint64_t *const *words,
                       const uint16_t *part, uint32_t *at)
{
    (void)words;
    for (int64_t i = 0; i < n; i++)
        at[part[i]] += takes_part(p, row + i);
}

static void count_block(void *ctx, int64_t block)
{
    walk_block(ctx, block, count_rows);
}

static void scatter_narrow(struct dr_parts *p, int64_t row, int64_t n, uint64_t *const *words,
                           const uint16_t *part, uint32_t *at)
{
    uint64_t *entry = p->entry.p;
    int32_t rest_bits = p->keys->bits[0] - p->bits;
    uint64_t rest = (UINT64_C(1) << rest_bits) - 1;
    for (int64_t i = 0; i < n; i++)
        if (takes_part(p, row + i) && part[i] < p->used)
            entry[at[part[i]]++] = (mix_narrow(p, words[0][i]) & rest) << 32 | (uint64_t)(row + i);
}

static void scatter_wide(struct dr_parts *p, int64_t row, int64_t n, uint64_t *const *words,
                         const uint16_t *part, uint32_t *at)
{
    uint64_t *word = p->word.p;
    uint32_t *entry = p->entry.p;
    for (int64_t i = 0; i < n; i++) {
        if (!takes_part(p, row + i) || part[i] >= p->used)
            continue;
        uint32_t to = at[part[i]]++;
        entry[to] = (uint32_t)(row + i);
        for (int32_t w = 0; w < p->keys->n; w++)
            word[w * p->total + to] = words[w][i];
    }
}

static void scatter_block(void *ctx, int64_t block)
{
    struct dr_parts *p = ctx;
    walk_block(p, block, p->narrow ? scatter_narrow : scatter_wide);
    dr_scratch_touched(&p->entry, (size_t)p->block_rows * 8);
    dr_scratch_touched(&p->word, (size_t)p->block_rows * 8 * (size_t)p->keys->n);
}

/* Counts become the place where each block writes into each partition. */
static void place_blocks(struct dr_parts *p, int64_t limit)
{
    uint32_t at = 0;
    for (int32_t part = 0; part < p->n; part++) {
        p->start[part] = at;
        if (at >= limit)
            continue;
        p->used = part + 1;
        for (int64_t block = 0; block < p->blocks; block++) {
            uint32_t *slot = &p->at[block * p->n + part];
            uint32_t count = *slot;
            *slot = at;
            at += count;
        }
    }
    p->start[p->n] = at;
    p->total = at;
}

/* ---- a partitioning ---------------------------------------------------------------- */

static void choose_shape(struct dr_parts *p)
{
    const struct dr_row_keys *keys = p->keys;
    int64_t chunks = (keys->rows + DR_CHUNK_ROWS - 1) / DR_CHUNK_ROWS;
    /* Several words hash to 64 bits; else there are no more partitions than keys. */
    int32_t most = keys->n > 1 && p->by == DR_PARTS_BY_HASH ? MAX_BITS : keys->bits[0];
    while (p->bits < MAX_BITS && p->bits < most && keys->rows >> p->bits > PART_ROWS * 3 / 2)
        p->bits++;
    p->n = 1 << p->bits;
    p->narrow = keys->n == 1 && keys->bits[0] - p->bits <= NARROW_BITS;
    p->block_rows = (chunks + MAX_BLOCKS - 1) / MAX_BLOCKS * DR_CHUNK_ROWS;
    p->blocks = p->block_rows ? (keys->rows + p->block_rows - 1) / p->block_rows : 0;
}

static int32_t get_room(struct dr_parts *p, struct dr_err *err)
{
    size_t total = (size_t)p->total;
    if (p->narrow)
        return dr_scratch_get(&p->entry, total * sizeof(uint64_t), err);
    DR_TRY(dr_scratch_get(&p->entry, total * sizeof(uint32_t), err));
    return dr_scratch_get(&p->word, total * (size_t)p->keys->n * sizeof(uint64_t), err);
}

int32_t dr_parts_init(struct dr_parts *p, const struct dr_row_keys *keys, enum dr_parts_by by,
                      const uint64_t *only, int64_t limit, struct dr_err *err)
{
    *p = (struct dr_parts){ .keys = keys, .by = by, .only = only };
    choose_shape(p);
    p->at = dr_calloc((size_t)p->blocks * (size_t)p->n, sizeof *p->at);
    p->start = dr_malloc(((size_t)p->n + 1) * sizeof *p->start);
    dr_pool_run(p->blocks, count_block, p);
    place_blocks(p, limit);
    int32_t rc = get_room(p, err);
    if (rc)
        dr_parts_done(p);
    else
        dr_pool_run(p->blocks, scatter_block, p);
    return rc;
}

void dr_parts_done(struct dr_parts *p)
{
    dr_scratch_done(&p->entry);
    dr_scratch_done(&p->word);
    free(p->at);
    free(p->start);
    p->at = NULL;
    p->start = NULL;
}

/* ---- tables ---------------------------------------------------------------------- */

void dr_part_table_start(struct dr_part_table *t, uint64_t entries)
{
    /* As many distinct keys as the last partition had, to begin with. */
    uint64_t likely = t->n ? t->n : entries / 2;
    t->bits = TABLE_BITS;
    while (likely >> (t->bits - 1) && entries >> (t->bits - 1))
        t->bits++;
    uint32_t slots = 1u << t->bits;
    if (slots > t->slot_room) {
        free(t->slot);
        t->slot = dr_malloc((size_t)slots * sizeof *t->slot);
        t->slot_room = slots;
    }
    if (slots / 2 + 1 > t->first_room) {
        free(t->first);
        t->first_room = slots / 2 + 1;
        t->first = dr_malloc((size_t)t->first_room * sizeof *t->first);
    }
    memset(t->slot, 0, (size_t)slots * sizeof *t->slot);
    t->n = 0;
}

void dr_part_table_grow(struct dr_part_table *t)
{
    uint64_t *old = t->slot;
    uint64_t old_slots = UINT64_C(1) << t->bits++, slots = old_slots * 2, mask = slots - 1;
    t->slot = dr_calloc(slots, sizeof *t->slot);
    t->slot_room = (uint32_t)slots;
    t->first_room = (uint32_t)slots / 2 + 1;
    t->first = dr_realloc(t->first, (size_t)t->first_room * sizeof *t->first);
    for (uint64_t i = 0; i < old_slots; i++) {
        if (!old[i])
            continue;
        uint64_t at = dr_part_slot(t, (uint32_t)(old[i] >> 32));
        while (t->slot[at])
            at = (at + 1) & mask;
        t->slot[at] = old[i];
    }
    free(old);
}

void dr_part_table_done(struct dr_part_table *t)
{
    free(t->slot);
    free(t->first);
    *t = (struct dr_part_table){ 0 };
}

/* ---- running ----------------------------------------------------------------------- */

struct parts_run {
    struct dr_parts *p;
    dr_part_fn fn;
    void *ctx;
};

static void run_worker(void *ctx, int64_t worker)
{
    struct parts_run *r = ctx;
    struct dr_part_table t = { 0 };
    (void)worker;
    for (int64_t part; (part = dr_share_next(&r->p->next)) >= 0;) {
        uint64_t entries = r->p->start[part + 1] - r->p->start[part];
        if (!entries)
            continue;
        dr_part_table_start(&t, entries);
        r->fn(r->ctx, r->p, &t, (int32_t)part);
        dr_scratch_touched(&r->p->entry, entries * sizeof(uint64_t));
        dr_scratch_touched(&r->p->word, entries * sizeof(uint64_t) * (size_t)r->p->keys->n);
    }
    dr_part_table_done(&t);
}

void dr_parts_run(struct dr_parts *p, dr_part_fn fn, void *ctx)
{
    struct parts_run r = { .p = p, .fn = fn, .ctx = ctx };
    dr_share_start(&p->next, p->used);
    dr_pool_run(dr_pool_threads(), run_worker, &r);
}
