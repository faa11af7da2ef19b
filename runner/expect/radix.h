/* radix.h - sorting by order keys (order_key.h), least significant digit first. Layer: expect. */
#ifndef DR_RADIX_H
#define DR_RADIX_H
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

static inline uint64_t dr_radix_digit(const char *item, int shift, int bits)
{
    uint64_t key;
    memcpy(&key, item, sizeof key);
    return key >> shift & ((UINT64_C(1) << bits) - 1);
}

/* Put n > 0 items of `width` bytes, which begin with their key, in order; those with equal keys
 * keep theirs. Digits have `bits` bits: 11 for many items, 8 for few, which then need not
 * clear many counts. Digits that all keys share are skipped. Returns the buffer, of the
 * two, that holds the result. width and bits are constants. */
__attribute__((always_inline)) static inline void *dr_radix_sort(void *items, void *spare, int64_t n,
                                                                 size_t width, int bits)
{
    const int buckets = 1 << bits, digits = (63 + bits) / bits;
    char *from = items, *to = spare;
    int64_t *counts = dr_calloc((size_t)(digits * buckets), sizeof *counts);
    for (int64_t i = 0; i < n; i++)
        for (int d = 0; d < digits; d++)
            counts[d * buckets + (int)dr_radix_digit(from + i * (int64_t)width, d * bits, bits)]++;
    for (int d = 0; d < digits; d++) {
        int64_t *count = counts + d * buckets, at = 0;
        if (count[dr_radix_digit(from, d * bits, bits)] == n)
            continue;
        for (int b = 0; b < buckets; b++) {
            int64_t c = count[b];
            count[b] = at;
            at += c;
        }
        for (const char *x = from; x < from + n * (int64_t)width; x += width)
            memcpy(to + (size_t)count[dr_radix_digit(x, d * bits, bits)]++ * width, x, width);
        char *swap = from;
        from = to;
        to = swap;
    }
    free(counts);
    return from;
}
#endif
