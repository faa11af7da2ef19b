/* filter.c - the rows whose bit is 1.
 *
 * The bitmap becomes a list of row numbers, a word at a time, and take does the
 * rest: the result has full chunks however few rows of each chunk remain. */
#include "data/kernel.h"

/* Append the numbers of the bits that are 1 in a word; returns how many. */
static int64_t put_rows(uint64_t word, int64_t base, int64_t *out)
{
    int64_t n = 0;
    for (; word; word &= word - 1)
        out[n++] = base + __builtin_ctzll(word);
    return n;
}

int64_t dr_bits_rows(const uint8_t *bits, int64_t n, int64_t *ret_rows)
{
    int64_t count = 0, i = 0;
    for (; i + 64 <= n; i += 64) {
        uint64_t word;
        memcpy(&word, bits + i / 8, 8);
        count += put_rows(word, i, ret_rows + count);
    }
    for (; i < n; i++)
        if (dr_bit(bits, i))
            ret_rows[count++] = i;
    return count;
}

int32_t dr_table_filter(const struct dr_table *t, const uint8_t *bitmap, struct dr_table **ret,
                        struct dr_err *err)
{
    (void)err;
    int64_t n = dr_bits_count(bitmap, t->rows);
    if (n == t->rows) {
        *ret = dr_table_ref(t);
        return DR_OK;
    }
    DR_AUTO_FREE int64_t *rows = dr_malloc((size_t)n * sizeof *rows);
    dr_bits_rows(bitmap, t->rows, rows);
    *ret = dr_table_take_rows(t, n, rows);
    return DR_OK;
}
