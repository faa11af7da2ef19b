/* bulk.c - one block after the other, from its start to its end. */
#include "data/bulk.h"

enum { ALIGN = 64, SLACK = 32, BLOCK = (4 << 20) - SLACK };

static void next_block(struct dr_bulk *b)
{
    dr_mem_unref(b->block);
    b->block = dr_mem_new_in_order(BLOCK);
    b->used = 0;
}

void *dr_bulk_take(struct dr_bulk *b, size_t n, struct dr_mem **ret_owner)
{
    if (!b->large || n > BLOCK / 4) {
        *ret_owner = dr_mem_new_in_order(n);
        return (*ret_owner)->p;
    }
    size_t padded = (n + SLACK + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (!b->block || b->block->n - b->used < padded)
        next_block(b);
    char *p = (char *)b->block->p + b->used;
    b->used += padded;
    *ret_owner = dr_mem_ref(b->block);
    return p;
}

void dr_bulk_done(struct dr_bulk *b)
{
    dr_mem_unref(b->block);
    *b = (struct dr_bulk){ 0 };
}
