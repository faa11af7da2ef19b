/* bulk.h - memory for the many arrays that a reader makes, out of few large blocks.
 * Layer: data.
 *
 * The first touch of fresh memory is what costs most on a virtual machine. Blocks of tables
 * that are gone are lent again; fresh ones are written in order, and lie in usual pages (pages.c).
 * An array keeps the block that it lies in. */
#ifndef DR_BULK_H
#define DR_BULK_H
#include "data/column.h"

#define DR_BULK_INPUT ((int64_t)64 << 20) /* bytes of input from which blocks pay */

/* Zeroed: each array has memory of its own. */
struct dr_bulk {
    bool large;           /* many megabytes are expected: use blocks */
    struct dr_mem *block; /* owned reference; NULL */
    size_t used;          /* of it */
};
/* n bytes, aligned and padded as column.h asks, whose contents are undefined; *ret_owner
 * is a reference to what they lie in. */
void *dr_bulk_take(struct dr_bulk *b, size_t n, struct dr_mem **ret_owner);
void dr_bulk_done(struct dr_bulk *b); /* arrays keep what they use */
#endif
