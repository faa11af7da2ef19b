/* pick.h - the values of chosen rows, moved next to each other. Layer: data.
 *
 * Rows are chosen 64 at a time: bit j of `rows` stands for row i + j of an array. */
#ifndef DR_PICK_H
#define DR_PICK_H
#include "data/column.h"

/* The next run of neighbours: takes it out of *rows; false where there is none. */
static inline bool dr_next_run(uint64_t *rows, int *ret_at, int *ret_n)
{
    if (!*rows)
        return false;
    int at = __builtin_ctzll(*rows);
    uint64_t other = ~(*rows >> at);
    *ret_at = at;
    *ret_n = other ? __builtin_ctzll(other) : 64;
    *rows &= *rows + (UINT64_C(1) << at);
    return true;
}

/* Where values go: [to, end) is written by nobody else, not even in passing. */
struct dr_pick {
    char *to, *end;
};
/* Put the chosen values to p->to, which then points past them. */
typedef void (*dr_pick_fn)(struct dr_pick *p, const struct dr_array *a, int64_t i, uint64_t rows);
dr_pick_fn dr_pick_values(size_t width); /* that of a value: 4, 8 or 16 bytes */

/* Bits go where a whole word may be written; the first must be the first of a byte. */
struct dr_pick_bits {
    uint8_t *to;
    uint64_t word; /* not yet written: */
    int n;         /* so many bits */
};
void dr_pick_bits(struct dr_pick_bits *p, uint64_t bits, uint64_t rows);
void dr_pick_bits_end(struct dr_pick_bits *p);
#endif
