/* bits.h - sets of rows as words of 64 bits. Layer: expect.
 *
 * Bit i of a set is row i of the table; bits past the last row are 0. */
#ifndef DR_BITS_H
#define DR_BITS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "data/column.h"

static inline int64_t dr_words(int64_t rows)
{
    return (rows + 63) / 64;
}
static inline bool dr_row_get(const uint64_t *set, int64_t row)
{
    return set[row >> 6] >> (row & 63) & 1;
}
static inline void dr_row_set(uint64_t *set, int64_t row)
{
    set[row >> 6] |= UINT64_C(1) << (row & 63);
}

static inline int64_t dr_rows_count(const uint64_t *set, int64_t rows)
{
    return dr_bits_count((const uint8_t *)set, rows);
}
static inline void dr_rows_and(uint64_t *set, const uint64_t *other, int64_t rows)
{
    for (int64_t w = 0; w < dr_words(rows); w++)
        set[w] &= other[w];
}
static inline void dr_rows_or(uint64_t *set, const uint64_t *other, int64_t rows)
{
    for (int64_t w = 0; w < dr_words(rows); w++)
        set[w] |= other[w];
}
static inline void dr_rows_and_not(uint64_t *set, const uint64_t *other, int64_t rows)
{
    for (int64_t w = 0; w < dr_words(rows); w++)
        set[w] &= ~other[w];
}
/* The bits of the last word that are rows. */
static inline uint64_t dr_tail_mask(int64_t rows)
{
    return rows % 64 ? (UINT64_C(1) << rows % 64) - 1 : ~UINT64_C(0);
}
static inline void dr_rows_fill(uint64_t *set, int64_t rows)
{
    if (rows == 0)
        return;
    memset(set, 0xff, (size_t)dr_words(rows) * 8);
    set[dr_words(rows) - 1] = dr_tail_mask(rows);
}
static inline void dr_rows_not(uint64_t *set, int64_t rows)
{
    for (int64_t w = 0; w < dr_words(rows); w++)
        set[w] = ~set[w];
    if (rows)
        set[dr_words(rows) - 1] &= dr_tail_mask(rows);
}
/* The first row of the set at or after `row`, or -1. */
static inline int64_t dr_rows_next(const uint64_t *set, int64_t rows, int64_t row)
{
    if (row >= rows)
        return -1;
    int64_t w = row >> 6;
    uint64_t word = set[w] & (~UINT64_C(0) << (row & 63));
    while (!word) {
        if (++w >= dr_words(rows))
            return -1;
        word = set[w];
    }
    return w * 64 + __builtin_ctzll(word);
}
#endif
