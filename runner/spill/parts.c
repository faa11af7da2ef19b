/* parts.c - see parts.h. */
#include "spill/parts.h"
#include <errno.h>
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

static int32_t write_block(struct dr_spill_parts *p, const struct dr_spill_entry *block, struct dr_err *err)
{
    const char *bytes = (const char *)block;
    size_t n = BLOCK * sizeof(*block);
    if (p->fd < 0)
        DR_TRY(dr_scratch_open(p->folder, &p->fd, err));
    for (size_t done = 0; done < n;) {
        ssize_t wrote = pwrite(p->fd, bytes + done, n - done, p->end + (int64_t)done);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return dr_fail_sys(err, "cannot write to the temporary file for what exceeds the memory limit");
        done += (size_t)wrote;
    }
    p->end += (int64_t)n;
    return DR_OK;
}

static int32_t read_block(const struct dr_spill_parts *p, int64_t at, struct dr_spill_entry *block,
                          struct dr_err *err)
{
    char *bytes = (char *)block;
    size_t n = BLOCK * sizeof(*block);
    for (size_t done = 0; done < n;) {
        ssize_t some = pread(p->fd, bytes + done, n - done, at + (int64_t)done);
        if (some < 0 && errno == EINTR)
            continue;
        if (some <= 0)
            return dr_fail_sys(err, "cannot read back what exceeded the memory limit");
        done += (size_t)some;
    }
    return DR_OK;
}

static int32_t end_block(struct dr_spill_parts *p, struct dr_spill_part *part, struct dr_err *err)
{
    if (part->n_blocks == part->cap) {
        part->cap = part->cap ? part->cap * 2 : 8;
        part->blocks = dr_realloc(part->blocks, (size_t)part->cap * sizeof(*part->blocks));
    }
    part->blocks[part->n_blocks] = p->end;
    DR_TRY(write_block(p, part->last, err));
    part->n_blocks++;
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
        DR_TRY(read_block(p, part->blocks[b], block, err));
        DR_TRY(fn(ctx, block, BLOCK, err));
    }
    return part->n_last > 0 ? fn(ctx, part->last, part->n_last, err) : DR_OK;
}
