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

/* Texts go to bytes + at; [at, end) is written by nobody else, not even in passing.
 * *offset says where the last text before ends, and the ends of those chosen come after it. */
struct dr_pick_text {
    char *bytes;
    int64_t *offset;
    int64_t at, end;
};
/* Put the texts of chosen rows among n, at least one. */
void dr_pick_texts(struct dr_pick_text *p, const struct dr_array *a, int64_t i, int n, uint64_t rows);
/* How many bytes they have. */
int64_t dr_pick_texts_length(const struct dr_array *a, int64_t i, int n, uint64_t rows);

/* Bits go where a whole word may be written; the first must be the first of a byte. */
struct dr_pick_bits {
    const uint64_t *chosen; /* by row of a table, */
    uint64_t flip;          /* where ~0 those whose bit is 0 */
    uint8_t *to;
    uint64_t word; /* not yet written: */
    int n;         /* so many bits */
};
/* Put the bits of the chosen rows among [row, row + n): `bits` from the i-th on, or ones without. */
void dr_pick_bits(struct dr_pick_bits *p, const uint8_t *bits, int64_t i, int64_t row, int64_t n);
void dr_pick_bits_end(struct dr_pick_bits *p);
#endif
