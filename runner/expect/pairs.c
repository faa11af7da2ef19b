/* pairs.c - a question about the two values of each row. See plan.h.
 *
 * Where both columns have few codes, it is asked once for each combination of
 * codes that occurs, or, of very few, for each there can be; else row by row, on all threads. */
#include <pthread.h>
#include "expect/plan.h"

#define COMBOS_MIN 65536
#define ROWS_PER_COMBO 256 /* looking at so many costs more than asking about one */

struct pairs {
    struct dr_source *a, *b;
    dr_pair_fn fn;
    void *ctx;
    int64_t width;    /* codes of b and one for missing */
    uint8_t *seen;    /* by combination: some row has it */
    uint8_t *answers; /* by combination */
    uint64_t *in;
    pthread_mutex_t lock;
    int64_t failed_block; /* -1: none; else the first, whose error counts */
    struct dr_err err;
};

/* Codes of a run, missing values as the code past the last; in `room` where there are any. */
static const int32_t *codes_of_run(const struct dr_source *s, int64_t row, int m, int32_t *hint,
                                   int32_t *room)
{
    int64_t i;
    const struct dr_array *a = dr_column_at(s->raw, row, hint, &i);
    const int32_t *codes = (const int32_t *)a->values + i;
    uint64_t null = s->null ? s->null[row >> 6] >> (row & 63) & ~UINT64_C(0) >> (64 - m) : 0;
    if (!null)
        return codes;
    memcpy(room, codes, (size_t)m * sizeof *codes);
    for (; null; null &= null - 1)
        room[__builtin_ctzll(null)] = (int32_t)s->codes->n;
    return room;
}

struct combo_run {
    struct pairs *p;
    int32_t hints[2];
};

static void mark_run(void *ctx, const struct dr_array *array, int64_t i, int m, int64_t row)
{
    struct combo_run *run = ctx;
    struct pairs *p = run->p;
    int32_t room[2][64];
    const int32_t *a = codes_of_run(p->a, row, m, &run->hints[0], room[0]);
    const int32_t *b = codes_of_run(p->b, row, m, &run->hints[1], room[1]);
    (void)array;
    (void)i;
    for (int j = 0; j < m; j++) /* threads may mark one combination at once */
        __atomic_store_n(&p->seen[a[j] * p->width + b[j]], 1, __ATOMIC_RELAXED);
}

/* Eight at a time: shifts by a constant cost less than the others. */
static inline uint64_t eight_answers(const struct pairs *p, const int32_t *a, const int32_t *b)
{
    const uint8_t *by_pair = p->answers;
    const int64_t width = p->width;
    return (uint64_t)(by_pair[a[0] * width + b[0]] | by_pair[a[1] * width + b[1]] << 1 |
                      by_pair[a[2] * width + b[2]] << 2 | by_pair[a[3] * width + b[3]] << 3 |
                      by_pair[a[4] * width + b[4]] << 4 | by_pair[a[5] * width + b[5]] << 5 |
                      by_pair[a[6] * width + b[6]] << 6 | by_pair[a[7] * width + b[7]] << 7);
}

static void answer_run(void *ctx, const struct dr_array *array, int64_t i, int m, int64_t row)
{
    struct combo_run *run = ctx;
    const struct pairs *p = run->p;
    int32_t room[2][64];
    const int32_t *a = codes_of_run(p->a, row, m, &run->hints[0], room[0]);
    const int32_t *b = codes_of_run(p->b, row, m, &run->hints[1], room[1]);
    uint64_t w = 0;
    (void)array;
    (void)i;
    int j = 0;
    for (; j + 8 <= m; j += 8)
        w |= eight_answers(p, a + j, b + j) << j;
    for (; j < m; j++)
        w |= (uint64_t)p->answers[a[j] * p->width + b[j]] << j;
    p->in[row >> 6] |= w << (row & 63);
}

static void mark_block(void *ctx, int64_t block, int64_t from, int64_t to)
{
    struct combo_run run = { ctx, { 0 } };
    (void)block;
    dr_each_run(run.p->a->raw, from, to, mark_run, &run);
    dr_column_let_go(run.p->b->raw, from, to);
}

static void answer_block(void *ctx, int64_t block, int64_t from, int64_t to)
{
    struct combo_run run = { ctx, { 0 } };
    (void)block;
    dr_each_run(run.p->a->raw, from, to, answer_run, &run);
    dr_column_let_go(run.p->b->raw, from, to);
}

static struct dr_value value_of(const struct dr_source *s, int64_t code)
{
    return code == s->codes->n ? (struct dr_value){ 0 } : dr_codes_value(s, code);
}

/* Ask for the combinations that occur; how many hold and how many do not. */
static int32_t ask_combos(struct pairs *p, int64_t combos, int64_t *ret_yes, int64_t *ret_no)
{
    DR_AUTO_BUF scratch = { 0 };
    *ret_yes = *ret_no = 0;
    for (int64_t k = 0; k < combos; k++) {
        if (!p->seen[k])
            continue;
        struct dr_value a = value_of(p->a, k / p->width), b = value_of(p->b, k % p->width);
        int hit = p->fn(p->ctx, &a, &b, &scratch, &p->err);
        if (hit < 0)
            return p->err.rc ? p->err.rc : DR_EINPUT;
        p->answers[k] = (uint8_t)hit;
        *(hit ? ret_yes : ret_no) += 1;
    }
    return DR_OK;
}

static bool occurs(const struct dr_source *s, int64_t code)
{
    return code == s->codes->n ? s->null != NULL : dr_row_get(s->codes->used, code);
}

/* As if each value of one column occurred with each of the other. */
static void mark_all(struct pairs *p, int64_t combos)
{
    for (int64_t k = 0; k < combos; k++)
        p->seen[k] = occurs(p->a, k / p->width) && occurs(p->b, k % p->width);
}

static int32_t by_combo(struct pairs *p, int64_t combos)
{
    int64_t rows = p->a->rows, yes, no;
    bool few = combos <= rows / ROWS_PER_COMBO;
    DR_AUTO_FREE uint8_t *seen = dr_calloc((size_t)combos, 1);
    DR_AUTO_FREE uint8_t *answers = dr_calloc((size_t)combos, 1);
    p->seen = seen;
    p->answers = answers;
    if (few)
        mark_all(p, combos);
    if (!few || ask_combos(p, combos, &yes, &no)) { /* an error may be about one that does not occur */
        memset(seen, 0, (size_t)combos);
        p->err = (struct dr_err){ 0 };
        dr_each_block(rows, mark_block, p);
        DR_TRY(ask_combos(p, combos, &yes, &no));
    }
    if (yes && no)
        dr_each_block(rows, answer_block, p);
    else if (yes)
        dr_rows_fill(p->in, rows);
    return DR_OK;
}

static void row_block(void *ctx, int64_t block, int64_t from, int64_t to)
{
    struct pairs *p = ctx;
    DR_AUTO_BUF scratch = { 0 };
    struct dr_err err = { 0 };
    int32_t hints[2] = { 0 };
    for (int64_t row = from; row < to; row++) {
        struct dr_value a = dr_source_value(p->a, row, &hints[0]), b = dr_source_value(p->b, row, &hints[1]);
        int hit = p->fn(p->ctx, &a, &b, &scratch, &err);
        if (hit > 0)
            dr_row_set(p->in, row);
        if (hit >= 0)
            continue;
        pthread_mutex_lock(&p->lock);
        if (p->failed_block < 0 || block < p->failed_block) {
            p->failed_block = block;
            p->err = err;
        }
        pthread_mutex_unlock(&p->lock);
        return;
    }
}

static int32_t by_row(struct pairs *p)
{
    pthread_mutex_init(&p->lock, NULL);
    dr_each_block(p->a->rows, row_block, p);
    pthread_mutex_destroy(&p->lock);
    return p->failed_block < 0 ? DR_OK : p->err.rc ? p->err.rc : DR_EINPUT;
}

int32_t dr_scan_pairs(struct dr_source *a, struct dr_source *b, dr_pair_fn fn, void *ctx, uint64_t *in,
                      struct dr_err *err)
{
    struct pairs p = { .a = a, .b = b, .fn = fn, .ctx = ctx, .in = in, .failed_block = -1 };
    int64_t combos = INT64_MAX;
    if (a->codes && b->codes) {
        p.width = b->codes->n + 1;
        combos = (a->codes->n + 1) * p.width;
    }
    int32_t rc = combos <= COMBOS_MIN || combos <= a->rows ? by_combo(&p, combos) : by_row(&p);
    if (rc && err)
        *err = p.err;
    return rc;
}
