/* parts.h - entries of rows, put into partitions by a hash and read back one partition at a time.
 * Layer: spill.
 *
 * Blocks of a partition lie in a temporary file in the order in which they were filled; the
 * last one is in memory. A partition's entries come back in the order in which they were put. */
#ifndef DR_SPILL_PARTS_H
#define DR_SPILL_PARTS_H
#include <dagrun/table.h>
#include "base/err.h"

#define DR_SPILL_PARTS 256
struct dr_spill_entry {
    struct dr_row_hash by; /* what it is partitioned by: the high word's highest bits say where */
    struct dr_row_hash other;
    int64_t row;
};
struct dr_spill_part {
    struct dr_spill_entry *last; /* owned: the block being filled; NULL until the first entry */
    int32_t n_last;
    int64_t *blocks; /* owned: where in the file the others are */
    int32_t n_blocks, cap;
    int64_t n; /* entries */
};
struct dr_spill_parts {
    int fd; /* owned; -1 until a block is full */
    const char *folder;
    int64_t end; /* of the file */
    struct dr_spill_part part[DR_SPILL_PARTS];
};
/* folder: borrowed, NULL for TMPDIR or /tmp. */
void dr_spill_parts_init(struct dr_spill_parts *p, const char *folder);
void dr_spill_parts_done(struct dr_spill_parts *p);
DR_CHECK int32_t dr_spill_put(struct dr_spill_parts *p, const struct dr_spill_entry *e, struct dr_err *err);
/* Call fn with the entries of a partition, piece by piece; a failure of fn ends it. */
typedef int32_t (*dr_spill_fn)(void *ctx, const struct dr_spill_entry *e, int64_t n, struct dr_err *err);
DR_CHECK int32_t dr_spill_each(const struct dr_spill_parts *p, int32_t part, dr_spill_fn fn, void *ctx,
                               struct dr_err *err);
#endif
