/* sort.c - stable sort by several keys.
 *
 * Keys become words that compare as rows do (row_keys.h), so sorting is radix
 * sort of words from the least significant byte of the least significant word:
 * no comparison, no text touched after dictionaries were ranked. A pass whose
 * bytes are all equal is skipped; words and row numbers move together. */
#include "data/sort.h"
#include "data/row_keys.h"

struct entry {
    uint64_t word;
    int64_t row;
};

/* One pass by the byte at `shift`; false where all bytes are equal. */
static bool radix_pass(const struct entry *from, struct entry *to, int64_t n, int32_t shift)
{
    int64_t at[256] = { 0 }, sum = 0;
    for (int64_t i = 0; i < n; i++)
        at[from[i].word >> shift & 255]++;
    if (at[from[0].word >> shift & 255] == n)
        return false;
    for (int32_t b = 0; b < 256; b++) {
        int64_t count = at[b];
        at[b] = sum;
        sum += count;
    }
    for (int64_t i = 0; i < n; i++)
        to[at[from[i].word >> shift & 255]++] = from[i];
    return true;
}

static bool in_order(const struct entry *e, int64_t n)
{
    for (int64_t i = 1; i < n; i++)
        if (e[i - 1].word > e[i].word)
            return false;
    return true;
}

/* Stable by word; *e and *spare may trade places. */
static void sort_word(struct entry **e, struct entry **spare, int64_t n, int32_t bits)
{
    if (in_order(*e, n))
        return;
    for (int32_t shift = 0; shift < bits; shift += 8) {
        if (!radix_pass(*e, *spare, n, shift))
            continue;
        struct entry *swap = *e;
        *e = *spare;
        *spare = swap;
    }
}

int64_t *dr_sort_rows(int64_t rows, int32_t n, const struct dr_column *const *columns, const int32_t *flags)
{
    struct dr_row_keys keys;
    int64_t *order = dr_malloc((size_t)rows * sizeof *order);
    struct entry *e = dr_malloc((size_t)rows * sizeof *e), *spare = dr_malloc((size_t)rows * sizeof *spare);
    dr_row_keys_init(&keys, n, columns, flags, true);
    for (int64_t i = 0; i < rows; i++)
        e[i].row = i;
    for (int32_t w = keys.n - 1; w >= 0; w--) {
        for (int64_t i = 0; i < rows; i++)
            e[i].word = keys.word[w][e[i].row];
        sort_word(&e, &spare, rows, keys.bits[w]);
    }
    for (int64_t i = 0; i < rows; i++)
        order[i] = e[i].row;
    free(e);
    free(spare);
    dr_row_keys_done(&keys);
    return order;
}

int32_t dr_table_sort(const struct dr_table *t, int32_t n, const struct dr_sort_key *keys,
                      struct dr_table **ret, struct dr_err *err)
{
    if (n < 0)
        return dr_fail(err, DR_EINPUT, "sort: %d keys", (int)n);
    DR_AUTO_FREE const struct dr_column **columns = dr_malloc((size_t)n * sizeof(struct dr_column *));
    DR_AUTO_FREE int32_t *flags = dr_malloc((size_t)n * sizeof *flags);
    for (int32_t i = 0; i < n; i++) {
        DR_TRY(dr_table_need(t, keys[i].column, "sort", &columns[i], err));
        flags[i] = keys[i].flags;
    }
    DR_AUTO_FREE int64_t *order = dr_sort_rows(t->rows, n, columns, flags);
    *ret = dr_table_take_rows(t, t->rows, order);
    return DR_OK;
}
