/* parts.c - see parts.h. */
#include "spill/parts.h"
#include <stdlib.h>
#include <unistd.h>
#include "base/mem.h"
#include "data/scratch.h"

enum { BLOCK = 384 }; /* entries: 15 KB, of which each partition holds one */

void dr_spill_parts_init(struct dr_spill_parts *p, const char *folder)
{
    *p = (struct dr_spill_parts){ .fd = -1, .folder = folder };
}

void dr_spill_parts_done(struct dr_spill_parts *p)
{
    for (int32_t i = 0; i < DR_SPILL_PARTS; i++) {
        free(p->part[i].last);
        free(p->part[i].blocks);
    }
    if (p->fd >= 0)
        close(p->fd);
    dr_spill_parts_init(p, p->folder);
}

static int32_t end_block(struct dr_spill_parts *p, struct dr_spill_part *part, struct dr_err *err)
{
    if (part->n_blocks == part->cap) {
        part->cap = part->cap ? part->cap * 2 : 8;
        part->blocks = dr_realloc(part->blocks, (size_t)part->cap * sizeof(*part->blocks));
    }
    if (p->fd < 0)
        DR_TRY(dr_scratch_open(p->folder, &p->fd, err));
    DR_TRY(dr_scratch_write(p->fd, p->end, part->last, BLOCK * sizeof(*part->last), err));
    part->blocks[part->n_blocks++] = p->end;
    p->end += (int64_t)(BLOCK * sizeof(*part->last));
    part->n_last = 0;
    return DR_OK;
}

int32_t dr_spill_put(struct dr_spill_parts *p, const struct dr_spill_entry *e, struct dr_err *err)
{
    struct dr_spill_part *part = &p->part[e->by.high >> 56];
    if (!part->last)
        part->last = dr_malloc(BLOCK * sizeof(*part->last));
    if (part->n_last == BLOCK)
        DR_TRY(end_block(p, part, err));
    part->last[part->n_last++] = *e;
    part->n++;
    return DR_OK;
}

int32_t dr_spill_each(const struct dr_spill_parts *p, int32_t i, dr_spill_fn fn, void *ctx,
                      struct dr_err *err)
{
    struct dr_spill_entry block[BLOCK];
    const struct dr_spill_part *part = &p->part[i];
    for (int32_t b = 0; b < part->n_blocks; b++) {
        DR_TRY(dr_scratch_read(p->fd, part->blocks[b], block, sizeof(block), err));
        DR_TRY(fn(ctx, block, BLOCK, err));
    }
    return part->n_last > 0 ? fn(ctx, part->last, part->n_last, err) : DR_OK;
}
