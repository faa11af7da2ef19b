/* refused.c - text kept beside the typed arrays that it did not fit into. */
#include "data/refused.h"
#include "data/kernel.h"

struct dr_refused *dr_refused_new(int64_t n, const int64_t *rows, const struct dr_str *texts)
{
    struct dr_refused *r = dr_calloc(1, sizeof *r);
    size_t bytes = 0;
    atomic_init(&r->refs, 1);
    r->n = n;
    r->rows = dr_malloc((size_t)n * sizeof *r->rows);
    r->ends = dr_malloc((size_t)n * sizeof *r->ends);
    memcpy(r->rows, rows, (size_t)n * sizeof *rows);
    for (int64_t i = 0; i < n; i++)
        r->ends[i] = bytes += texts[i].n;
    r->bytes = dr_malloc(bytes);
    for (int64_t i = 0; i < n; i++)
        if (texts[i].n > 0)
            memcpy(r->bytes + r->ends[i] - texts[i].n, texts[i].p, texts[i].n);
    return r;
}

void dr_refused_unref(struct dr_refused *r)
{
    if (!r || atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) != 1)
        return;
    free(r->rows);
    free(r->ends);
    free(r->bytes);
    free(r);
}

struct dr_str dr_refused_text(const struct dr_refused *r, int64_t i)
{
    size_t from = i ? r->ends[i - 1] : 0;
    return (struct dr_str){ r->bytes + from, r->ends[i] - from };
}

void dr_column_refused_bits(const struct dr_column *c, uint8_t *ret_bits)
{
    memset(ret_bits, 0, (size_t)(c->rows + 7) / 8);
    for (int32_t k = 0; k < c->n; k++) {
        const struct dr_refused *r = c->chunk[k]->refused;
        for (int64_t i = 0; r && i < r->n; i++)
            dr_bit_set(ret_bits, c->start[k] + r->rows[i]);
    }
}

int64_t dr_column_refused(const struct dr_column *c)
{
    int64_t n = 0;
    for (int32_t k = 0; k < c->n; k++)
        n += c->chunk[k]->refused ? c->chunk[k]->refused->n : 0;
    return n;
}

/* Where a row of an array stands among those refused, or -1. */
static int64_t find_row(const struct dr_refused *r, int64_t row)
{
    int64_t low = 0, high = r->n;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (r->rows[middle] < row)
            low = middle + 1;
        else
            high = middle;
    }
    return low < r->n && r->rows[low] == row ? low : -1;
}

const char *dr_column_refused_text(const struct dr_column *c, int64_t row, int64_t *ret_n)
{
    if (row < 0 || row >= c->rows)
        return NULL;
    int32_t k = dr_column_chunk_of(c, row);
    const struct dr_refused *r = c->chunk[k]->refused;
    int64_t at = r ? find_row(r, row - c->start[k]) : -1;
    if (at < 0)
        return NULL;
    struct dr_str text = dr_refused_text(r, at);
    *ret_n = (int64_t)text.n;
    return text.p;
}
