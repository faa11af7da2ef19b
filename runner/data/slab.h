/* slab.h - room for the values of a whole column that is about to be made, chunk
 * by chunk on any thread. Layer: data.
 *
 * Fresh pages are what large results cost: one block with huge pages takes a
 * hundredth of the page faults that as many separate chunks take. The chunks
 * share the block, which lives as long as any of them. */
#ifndef DR_SLAB_H
#define DR_SLAB_H
#include "data/kernel.h"

struct dr_slab {
    struct dr_mem *mem; /* NULL: values without a width, of which each chunk has its own */
    size_t width;
};
/* For n rows of a type, in chunks of DR_CHUNK_ROWS. */
void dr_slab_init(struct dr_slab *s, int32_t type, int64_t n);
void dr_slab_done(struct dr_slab *s); /* the chunks keep what they use */
/* Chunk k, of n rows, like those of c: type, scale, zone, dictionary. Its values are
 * undefined (0 for BOOL, and for STRING the offsets); write them through dr_array_writable. */
struct dr_array *dr_slab_array(const struct dr_slab *s, const struct dr_column *c, int64_t k, int64_t n);
/* The values of an array that is not shared yet. */
void *dr_array_writable(struct dr_array *a);
#endif
