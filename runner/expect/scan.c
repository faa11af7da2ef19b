/* scan.c - one pass over a column, 64 rows at a time, and over the texts of a
 * column, once for each distinct one. See plan.h. */
#include <pthread.h>
#include "data/pool.h"
#include "expect/pattern.h"
#include "expect/plan.h"

struct scan {
    const struct dr_column *c;
    dr_scan_fn fn;
    const void *ctx;
    uint64_t *out;
};

static void scan_run(void *ctx, const struct dr_array *a, int64_t i, int m, int64_t row)
{
    const struct scan *s = ctx;
    s->out[row >> 6] |= s->fn(a, i, m, s->ctx) << (row & 63);
}

static void scan_block(void *ctx, int64_t block, int64_t from, int64_t to)
{
    struct scan *s = ctx;
    (void)block;
    dr_each_run(s->c, from, to, scan_run, s);
}

void dr_scan(const struct dr_column *c, dr_scan_fn fn, const void *ctx, uint64_t *out)
{
    struct scan s = { c, fn, ctx, out };
    dr_each_block(c->rows, scan_block, &s);
}

/* ---- texts ---- */

/* A question put to texts on several threads: the first that fails, in the
 * order of what is asked, is the one that counts. */
struct asking {
    struct dr_source *s;
    const struct dr_pattern *pattern; /* what passes, or NULL: ask fn */
    dr_text_fn fn;
    void *ctx;
    uint64_t *hits;
    pthread_mutex_t lock;
    int64_t failed_block; /* -1: none */
    struct dr_err err;
};

static void note_failure(struct asking *q, int64_t block, const struct dr_err *err)
{
    pthread_mutex_lock(&q->lock);
    if (q->failed_block < 0 || block < q->failed_block) {
        q->failed_block = block;
        q->err = *err;
    }
    pthread_mutex_unlock(&q->lock);
}

/* Text of a row: as written, or as Python's str() shows a value. */
static void ask_rows(void *ctx, int64_t block, int64_t from, int64_t to)
{
    struct asking *q = ctx;
    DR_AUTO_BUF shown = { 0 };
    struct dr_err err = { 0 };
    int32_t hint = 0;
    for (int64_t row = from; row < to; row++) {
        struct dr_value v = dr_source_raw_value(q->s, row, &hint);
        if (v.kind == DR_VALUE_NULL)
            continue;
        struct dr_str text = v.s;
        if (v.kind != DR_VALUE_TEXT) {
            dr_buf_clear(&shown);
            dr_value_put_text(&v, &shown);
            text = dr_buf_str(&shown);
        }
        int hit = q->fn(q->ctx, text, &err);
        if (hit < 0) {
            note_failure(q, block, &err);
            return;
        }
        if (hit)
            dr_row_set(q->hits, row);
    }
}

/* Of a STRING: the texts as they lie there, 64 rows at a time. */
struct text_run {
    struct asking *q;
    struct dr_err err;
};

static void ask_run(void *ctx, const struct dr_array *a, int64_t i, int m, int64_t row)
{
    struct text_run *run = ctx;
    const struct asking *q = run->q;
    const int64_t *offsets = (const int64_t *)a->values + i;
    uint64_t null = q->s->null ? q->s->null[row >> 6] >> (row & 63) : 0, hits = 0, ask;
    ask = ~UINT64_C(0) >> (64 - m);
    if (q->pattern)
        hits = dr_pattern_match_run(q->pattern, a->bytes, offsets, m, &ask) & ~null;
    for (ask &= ~null; ask && !run->err.rc; ask &= ask - 1) {
        int j = __builtin_ctzll(ask);
        struct dr_str text = { a->bytes + offsets[j], (size_t)(offsets[j + 1] - offsets[j]) };
        hits |= (uint64_t)(q->fn(q->ctx, text, &run->err) > 0) << j;
    }
    q->hits[row >> 6] |= hits << (row & 63);
}

static void ask_texts(void *ctx, int64_t block, int64_t from, int64_t to)
{
    struct text_run run = { .q = ctx };
    dr_each_run(run.q->s->raw, from, to, ask_run, &run);
    if (run.err.rc)
        note_failure(run.q, block, &run.err);
}

#define CODE_BLOCK 4096 /* a multiple of 64 */

static void ask_codes(void *ctx, int64_t block)
{
    struct asking *q = ctx;
    const struct dr_codes *c = q->s->codes;
    struct dr_err err = { 0 };
    int64_t to = (block + 1) * CODE_BLOCK < c->n ? (block + 1) * CODE_BLOCK : c->n;
    for (int64_t k = dr_rows_next(c->used, to, block * CODE_BLOCK); k >= 0;
         k = dr_rows_next(c->used, to, k + 1)) {
        int hit = q->fn(q->ctx, q->s->raw->dict->values[k], &err);
        if (hit < 0) {
            note_failure(q, block, &err);
            return;
        }
        if (hit)
            dr_row_set(q->hits, k);
    }
}

int32_t dr_scan_text(struct dr_plan *p, struct dr_source *s, dr_text_fn fn, void *ctx, uint64_t *in,
                     struct dr_err *err)
{
    return dr_scan_pattern(p, s, NULL, fn, ctx, in, err);
}

int32_t dr_scan_pattern(struct dr_plan *p, struct dr_source *s, const struct dr_pattern *pattern,
                        dr_text_fn fn, void *ctx, uint64_t *in, struct dr_err *err)
{
    struct asking q = { .s = s, .pattern = pattern, .fn = fn, .ctx = ctx, .hits = in, .failed_block = -1 };
    bool by_code = s->codes && !s->of_code;
    (void)p;
    if (s->raw->type == DR_TYPE_NULL)
        return DR_OK;
    pthread_mutex_init(&q.lock, NULL);
    if (by_code) {
        q.hits = dr_codes_bits(s->codes);
        dr_pool_run((s->codes->n + CODE_BLOCK - 1) / CODE_BLOCK, ask_codes, &q);
    } else {
        dr_each_block(s->rows, s->raw->type == DR_TYPE_STRING ? ask_texts : ask_rows, &q);
    }
    pthread_mutex_destroy(&q.lock);
    if (by_code) {
        if (q.failed_block < 0)
            dr_codes_spread(s, q.hits, in);
        free(q.hits);
    }
    if (q.failed_block < 0)
        return DR_OK;
    if (err)
        *err = q.err;
    return q.err.rc ? q.err.rc : DR_EINPUT;
}
