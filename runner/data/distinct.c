/* distinct.c - one row for each distinct key.
 *
 * All rows stay until a double is found, whose bit is then cleared: doubles are
 * mostly few. To keep the last rather than the first, rows are met in descending
 * order. Short keys are looked up in a table of all of them, others within
 * their partition; see hash_rows.c. */
#include "data/distinct.h"
#include "data/hash_rows.h"
#include "data/partition.h"

#define NO_PLACE UINT32_MAX

struct distinct {
    const struct dr_row_keys *keys;
    const uint64_t *only;
    int32_t keep;
    _Atomic uint64_t *stay; /* partitions of different threads share its words */
    int64_t *kept;          /* or NULL */
    /* short keys: */
    _Atomic uint32_t *best; /* by key: the place of the row that stands for it */
    atomic_bool *many;      /* by key: more than one row has it */
};

static void drop(const struct distinct *d, int64_t row)
{
    uint64_t bit = UINT64_C(1) << row % 64;
    if (atomic_load_explicit(&d->stay[row / 64], memory_order_relaxed) & bit)
        atomic_fetch_and_explicit(&d->stay[row / 64], ~bit, memory_order_relaxed);
}

static void drop_for(const struct distinct *d, int64_t row, int64_t kept)
{
    drop(d, row);
    if (d->kept)
        d->kept[row] = kept;
}

/* ---- short keys ----------------------------------------------------------------------- */

/* Rows compare by place: ascending by row, or descending where the last is kept. */
static inline uint32_t place_of(const struct distinct *d, int64_t row)
{
    return (uint32_t)(d->keep == DR_KEEP_LAST ? d->keys->rows - 1 - row : row);
}

static inline int64_t row_at(const struct distinct *d, uint32_t place)
{
    return d->keep == DR_KEEP_LAST ? d->keys->rows - 1 - (int64_t)place : (int64_t)place;
}

typedef void (*rows_fn)(const struct distinct *d, int64_t row, int64_t n, const uint64_t *word);

static void walk_block(const struct distinct *d, int64_t block, rows_fn fn)
{
    uint64_t word[DR_KEY_BLOCK];
    int64_t from = block * DR_CHUNK_ROWS, rows = d->keys->rows;
    int64_t end = from + DR_CHUNK_ROWS < rows ? from + DR_CHUNK_ROWS : rows;
    for (int64_t row = from; row < end; row += DR_KEY_BLOCK) {
        int64_t n = end - row < DR_KEY_BLOCK ? end - row : DR_KEY_BLOCK;
        dr_row_keys_fill(d->keys, row, n, (uint64_t *[]){ word });
        fn(d, row, n, word);
    }
}

static inline bool takes_part(const struct distinct *d, int64_t row)
{
    return !d->only || d->only[row / 64] >> row % 64 & 1;
}

static void find_best(const struct distinct *d, int64_t row, int64_t n, const uint64_t *word)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t mine = place_of(d, row + i);
        _Atomic uint32_t *best = &d->best[word[i]];
        uint32_t known = atomic_load_explicit(best, memory_order_relaxed);
        if (!takes_part(d, row + i))
            continue;
        while (mine < known && !atomic_compare_exchange_weak_explicit(
                                   best, &known, mine, memory_order_relaxed, memory_order_relaxed))
            ;
    }
}

static void drop_doubles(const struct distinct *d, int64_t row, int64_t n, const uint64_t *word)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t best = atomic_load_explicit(&d->best[word[i]], memory_order_relaxed);
        if (best == place_of(d, row + i) || !takes_part(d, row + i))
            continue;
        drop_for(d, row + i, row_at(d, best));
        if (!atomic_load_explicit(&d->many[word[i]], memory_order_relaxed))
            atomic_store_explicit(&d->many[word[i]], true, memory_order_relaxed);
    }
}

static void best_task(void *ctx, int64_t block)
{
    const struct distinct *d = ctx;
    int64_t blocks = (d->keys->rows + DR_CHUNK_ROWS - 1) / DR_CHUNK_ROWS;
    walk_block(d, d->keep == DR_KEEP_LAST ? blocks - 1 - block : block, find_best);
}

static void drop_task(void *ctx, int64_t block)
{
    walk_block(ctx, block, drop_doubles);
}

static void distinct_short(struct distinct *d)
{
    size_t possible = (size_t)1 << d->keys->bits[0];
    int64_t blocks = (d->keys->rows + DR_CHUNK_ROWS - 1) / DR_CHUNK_ROWS;
    d->best = dr_malloc(possible * sizeof *d->best);
    d->many = dr_calloc(possible, sizeof *d->many);
    memset(DR_UNCONST(void, d->best), 0xff, possible * sizeof *d->best);
    dr_pool_run(blocks, best_task, d);
    dr_pool_run(blocks, drop_task, d);
    for (size_t key = 0; key < possible && d->keep == DR_KEEP_NONE; key++)
        if (d->many[key])
            drop_for(d, row_at(d, d->best[key]), row_at(d, d->best[key]));
    free(DR_UNCONST(void, d->best));
    free(DR_UNCONST(void, d->many));
}

/* ---- partitions ------------------------------------------------------------------------- */

static void distinct_part(void *ctx, struct dr_parts *p, struct dr_part_table *t, int32_t part)
{
    const struct distinct *d = ctx;
    uint64_t from = p->start[part], n = p->start[part + 1] - from;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t entry = d->keep == DR_KEEP_LAST ? from + n - 1 - i : from + i;
        uint32_t before = t->n, number = dr_part_put(p, t, entry);
        if (number == before)
            continue;
        int64_t first = dr_part_row(p, t->first[number]);
        drop_for(d, dr_part_row(p, entry), first);
        if (d->keep == DR_KEEP_NONE)
            drop_for(d, first, first);
    }
}

static int32_t distinct_by_part(struct distinct *d, struct dr_err *err)
{
    struct dr_parts p;
    DR_TRY(dr_parts_init(&p, d->keys, DR_PARTS_BY_HASH, d->only, d->keys->rows, err));
    dr_parts_run(&p, distinct_part, d);
    dr_parts_done(&p);
    return DR_OK;
}

/* All rows have the same key. */
static void distinct_of_one(const struct distinct *d)
{
    int64_t winner = -1;
    for (int64_t place = 0; place < d->keys->rows; place++) {
        int64_t row = row_at(d, (uint32_t)place);
        if (!takes_part(d, row))
            continue;
        if (winner < 0) {
            winner = row;
            continue;
        }
        drop_for(d, row, winner);
        if (d->keep == DR_KEEP_NONE)
            drop_for(d, winner, winner);
    }
}

/* ---- entry ------------------------------------------------------------------------------ */

/* All rows that take part. */
static void mark_all(uint64_t *stay, const uint64_t *only, int64_t rows)
{
    int64_t words = (rows + 63) / 64;
    for (int64_t w = 0; w < words; w++)
        stay[w] = only ? only[w] : UINT64_MAX;
    if (rows % 64)
        stay[words - 1] &= (UINT64_C(1) << rows % 64) - 1;
}

int32_t dr_distinct_rows(const struct dr_key_spec *spec, const uint64_t *only, int32_t keep,
                         uint64_t *ret_stay, int64_t *ret_kept, struct dr_err *err)
{
    struct dr_row_keys keys;
    int32_t rc = DR_OK;
    DR_TRY(dr_keys_check_rows(spec->rows, err));
    mark_all(ret_stay, only, spec->rows);
    if (ret_kept)
        memset(ret_kept, 0xff, (size_t)spec->rows * sizeof *ret_kept);
    if (spec->rows == 0)
        return DR_OK;
    dr_row_keys_init(&keys, spec);
    struct distinct d = { .keys = &keys, .only = only, .keep = keep, .kept = ret_kept };
    d.stay = (_Atomic uint64_t *)ret_stay;
    if (keys.n == 0)
        distinct_of_one(&d);
    else if (dr_keys_are_short(&keys))
        distinct_short(&d);
    else
        rc = distinct_by_part(&d, err);
    dr_row_keys_done(&keys);
    return rc;
}

static int32_t key_columns(const struct dr_table *t, int32_t n, const char *const *keys,
                           const struct dr_column **ret, struct dr_err *err)
{
    for (int32_t i = 0; i < t->n && n == 0; i++)
        ret[i] = t->columns[i];
    for (int32_t i = 0; i < n; i++)
        DR_TRY(dr_table_need(t, keys[i], "distinct", &ret[i], err));
    return DR_OK;
}

int32_t dr_table_distinct(const struct dr_table *t, int32_t n, const char *const *keys, int32_t keep,
                          int64_t *ret_kept, struct dr_table **ret, struct dr_err *err)
{
    int32_t n_columns = n == 0 ? t->n : n;
    if (n < 0 || keep < DR_KEEP_FIRST || keep > DR_KEEP_NONE)
        return dr_fail(err, DR_EINPUT, "distinct: %d keys, keep %d", (int)n, (int)keep);
    DR_AUTO_FREE const struct dr_column **columns = dr_malloc((size_t)n_columns * sizeof(struct dr_column *));
    DR_TRY(key_columns(t, n, keys, columns, err));
    struct dr_key_spec spec = { .rows = t->rows, .n = n_columns, .columns = columns };
    DR_AUTO_FREE uint64_t *stay = dr_malloc((size_t)(t->rows + 63) / 64 * sizeof *stay);
    DR_TRY(dr_distinct_rows(&spec, NULL, keep, stay, ret_kept, err));
    return dr_table_filter(t, (const uint8_t *)stay, ret, err);
}
