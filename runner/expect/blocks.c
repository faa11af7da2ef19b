/* blocks.c - passes over rows, block by block, on the threads of the pool. See
 * plan.h. Runs of rows end where a word of a row set ends and where a chunk of
 * the column does, so whoever is given a run deals with one array and one word. */
#include "data/kernel.h"
#include "data/pool.h"
#include "expect/plan.h"

struct pass {
    int64_t rows;
    dr_block_fn fn;
    void *ctx;
};

static void one_block(void *ctx, int64_t block)
{
    const struct pass *p = ctx;
    int64_t from = block * DR_BLOCK_ROWS, to = from + DR_BLOCK_ROWS;
    p->fn(p->ctx, block, from, to < p->rows ? to : p->rows);
}

void dr_each_block(int64_t rows, dr_block_fn fn, void *ctx)
{
    struct pass p = { rows, fn, ctx };
    dr_pool_run(dr_blocks(rows), one_block, &p);
}

#define SLICES_MAX 64

int64_t dr_slices(int64_t rows)
{
    int64_t threads = dr_pool_threads(), blocks = dr_blocks(rows);
    int64_t n = threads < blocks ? threads : blocks;
    return n < 1 ? 1 : n > SLICES_MAX ? SLICES_MAX : n;
}

void dr_slice(int64_t rows, int64_t slices, int64_t slice, int64_t *ret_from, int64_t *ret_to)
{
    int64_t blocks = dr_blocks(rows);
    int64_t to = blocks * (slice + 1) / slices * DR_BLOCK_ROWS;
    *ret_from = blocks * slice / slices * DR_BLOCK_ROWS;
    *ret_to = to < rows ? to : rows;
}

void dr_each_run(const struct dr_column *c, int64_t from, int64_t to, dr_run_fn fn, void *ctx)
{
    int32_t k = from < to ? dr_column_chunk_of(c, from) : 0;
    while (from < to) {
        while (from >= c->start[k + 1])
            k++;
        int64_t first = from, end = to < c->start[k + 1] ? to : c->start[k + 1];
        while (from < end) {
            int64_t word_end = (from | 63) + 1;
            int m = (int)((word_end < end ? word_end : end) - from);
            fn(ctx, c->chunk[k], from - c->start[k], m, from);
            from += m;
        }
        dr_column_let_go(c, first, end);
    }
}
