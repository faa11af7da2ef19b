/* quarantine.c - the split of a table into rows that pass and rows that are quarantined,
 * with what is said of each of these.
 *
 * Rows break few different sets of rules, so the texts are made once per set. Each thread
 * takes a slice of the rows and numbers the sets that it meets with, in order of
 * appearance; put together in the order of slices, the texts get the codes that one
 * pass over all rows would give them. */
#include "base/hash.h"
#include "data/kernel.h"
#include "data/pool.h"
#include "expect/check.h"

#define RECENT 256 /* sets that are found without the map */

/* Different sets of checks, a bit of each check, in order of appearance. */
struct sets {
    struct dr_arena arena;
    struct dr_map map; /* bits of checks to number */
    const uint64_t **bits;
    int32_t n, cap;
    int32_t recent[RECENT]; /* by hash of bits: number + 1 */
};

/* What one thread finds in its rows. */
struct slice {
    int64_t from, to;
    int64_t first, n; /* its part of the quarantined rows */
    struct sets sets;
    int32_t *code[2]; /* owned: by set, its text's code */
};

enum { REASONS, IDS };
struct quarantine {
    const struct dr_check **checks; /* those that quarantine */
    int32_t n;
    size_t width; /* words that hold a bit of each */
    int64_t rows, n_bad, slices;
    uint64_t *bad;
    int32_t *set_of; /* by quarantined row: the number of its set in its slice */
    struct slice *slice;
    struct dr_arena arena;
};

static void sets_done(struct sets *s)
{
    dr_map_done(&s->map);
    dr_arena_done(&s->arena);
    free(s->bits);
}

static void quarantine_done(struct quarantine *q)
{
    for (int64_t k = 0; k < q->slices; k++) {
        struct slice *s = &q->slice[k];
        sets_done(&s->sets);
        free(s->code[REASONS]);
        free(s->code[IDS]);
    }
    free(q->slice);
    free(q->set_of);
    dr_arena_done(&q->arena);
}

/* ---- the rows ---- */

static void find_checks(struct quarantine *q, const struct dr_results *r)
{
    q->checks = dr_arena_array(&q->arena, (size_t)r->n + 1, sizeof *q->checks);
    for (int32_t k = 0; k < r->n; k++) {
        const struct dr_check *c = &r->checks[k];
        if (c->expectation->on_failure == DR_ON_FAILURE_QUARANTINE && c->unexpected &&
            c->unexpected_count > 0)
            q->checks[q->n++] = c;
    }
    q->width = ((size_t)q->n + 63) / 64;
}

static uint64_t word_of(const struct dr_check *c, int64_t w)
{
    uint64_t word;
    memcpy(&word, c->unexpected + w * 8, sizeof word);
    return word;
}

static void find_bad_of_slice(void *ctx, int64_t k)
{
    struct quarantine *q = ctx;
    struct slice *s = &q->slice[k];
    int64_t from = s->from / 64, to = dr_words(s->to);
    for (int32_t i = 0; i < q->n; i++)
        for (int64_t w = from; w < to; w++)
            q->bad[w] |= word_of(q->checks[i], w);
    s->n = dr_rows_count(q->bad + from, s->to - s->from);
}

static void find_bad(struct quarantine *q)
{
    q->bad = dr_arena_array(&q->arena, (size_t)dr_words(q->rows) + 1, sizeof *q->bad);
    q->slices = dr_slices(q->rows);
    q->slice = dr_calloc((size_t)q->slices, sizeof *q->slice);
    for (int64_t k = 0; k < q->slices; k++)
        dr_slice(q->rows, q->slices, k, &q->slice[k].from, &q->slice[k].to);
    dr_pool_run(q->slices, find_bad_of_slice, q);
    for (int64_t k = 0; k < q->slices; k++) {
        q->slice[k].first = q->n_bad;
        q->n_bad += q->slice[k].n;
    }
}

/* ---- the set of each row ---- */

static int32_t look_up_set(struct sets *s, const uint64_t *bits, size_t width)
{
    struct dr_str key = { (const char *)bits, width * sizeof *bits };
    int64_t *known = dr_map_get(&s->map, key);
    if (known)
        return (int32_t)*known;
    key.p = memcpy(dr_arena_alloc(&s->arena, key.n), bits, key.n);
    if (s->n == s->cap) {
        s->cap = s->cap * 2 + 16;
        s->bits = dr_realloc(s->bits, (size_t)s->cap * sizeof *s->bits);
    }
    s->bits[s->n] = (const uint64_t *)(const void *)key.p;
    *dr_map_put(&s->map, key, NULL) = s->n;
    return s->n++;
}

static int32_t number_of_set(struct sets *s, const uint64_t *bits, size_t width)
{
    uint64_t hash = 0, differ = 0;
    for (size_t w = 0; w < width; w++)
        hash = (hash ^ bits[w]) * UINT64_C(0x9E3779B97F4A7C15);
    int32_t *recent = &s->recent[hash >> 56];
    for (size_t w = 0; *recent && w < width; w++)
        differ |= s->bits[*recent - 1][w] ^ bits[w];
    if (!*recent || differ)
        *recent = look_up_set(s, bits, width) + 1;
    return *recent - 1;
}

/* The checks that refuse a row: of all of them one bit, as which of them do follows no rule
 * that a processor could learn. */
static void checks_of_row(const struct quarantine *q, const uint64_t *of_check, int at, uint64_t *bits)
{
    for (size_t w = 0; w < q->width; w++) {
        int32_t first = (int32_t)w * 64, k = q->n < first + 64 ? q->n : first + 64;
        for (bits[w] = 0; k-- > first;)
            bits[w] = bits[w] << 1 | (of_check[k] >> at & 1);
    }
}

static void find_sets_of_slice(void *ctx, int64_t k)
{
    struct quarantine *q = ctx;
    struct slice *s = &q->slice[k];
    int32_t *set_of = q->set_of + s->first;
    uint64_t *of_check = dr_arena_array(&s->sets.arena, (size_t)q->n + 1, sizeof *of_check);
    uint64_t *bits = dr_arena_array(&s->sets.arena, q->width + 1, sizeof *bits);
    for (int64_t w = s->from / 64; w < dr_words(s->to); w++) {
        for (int32_t i = 0; q->bad[w] && i < q->n; i++)
            of_check[i] = word_of(q->checks[i], w);
        for (uint64_t left = q->bad[w]; left; left &= left - 1) {
            checks_of_row(q, of_check, __builtin_ctzll(left), bits);
            *set_of++ = number_of_set(&s->sets, bits, q->width);
        }
    }
}

/* ---- texts ---- */

static void put_texts(const struct quarantine *q, const uint64_t *bits, struct dr_buf *reasons,
                      struct dr_buf *ids)
{
    for (int32_t k = 0; k < q->n; k++) {
        const struct dr_check *c = q->checks[k];
        if (!dr_row_get(bits, k))
            continue;
        (void)dr_buf_puts(reasons, reasons->n ? "; " : "");
        (void)dr_buf_puts(reasons, c->reason ? c->reason : c->expectation->type);
        (void)dr_buf_puts(ids, ids->n ? ", " : "");
        (void)dr_buf_puts(ids, c->expectation->id);
    }
}

struct naming {
    const struct quarantine *q;
    struct sets sets; /* of all slices */
    int32_t *code[2]; /* owned: by set of all */
    struct dr_dict *dict[2];
};

/* Two sets may have one text (equal descriptions), which a dictionary holds once. */
static void name_set(struct naming *all, int32_t set)
{
    DR_AUTO_BUF reasons = { 0 };
    DR_AUTO_BUF ids = { 0 };
    put_texts(all->q, all->sets.bits[set], &reasons, &ids);
    all->code[REASONS][set] = dr_dict_put(all->dict[REASONS], dr_buf_str(&reasons));
    all->code[IDS][set] = dr_dict_put(all->dict[IDS], dr_buf_str(&ids));
}

static void name_sets_of_slice(struct naming *all, struct slice *s)
{
    for (int k = 0; k < 2; k++)
        s->code[k] = dr_malloc(((size_t)s->sets.n + 1) * sizeof *s->code[k]);
    for (int32_t i = 0; i < s->sets.n; i++) {
        int32_t known = all->sets.n, set = look_up_set(&all->sets, s->sets.bits[i], all->q->width);
        if (set == known)
            name_set(all, set);
        for (int k = 0; k < 2; k++)
            s->code[k][i] = all->code[k][set];
    }
}

static void name_sets(struct quarantine *q, struct dr_dict *const dict[2])
{
    struct naming all = { .q = q, .dict = { dict[REASONS], dict[IDS] } };
    size_t most = 1;
    for (int64_t k = 0; k < q->slices; k++)
        most += (size_t)q->slice[k].sets.n;
    for (int k = 0; k < 2; k++)
        all.code[k] = dr_arena_array(&q->arena, most, sizeof *all.code[k]);
    for (int64_t k = 0; k < q->slices; k++)
        name_sets_of_slice(&all, &q->slice[k]);
    sets_done(&all.sets);
}

/* ---- the columns of texts ---- */

struct columns {
    const struct quarantine *q;
    int64_t chunks;
    struct dr_array **chunk[2]; /* owned */
};

static void fill_codes(const struct quarantine *q, int which, int64_t from, int64_t to, int32_t *codes)
{
    for (int64_t k = 0; k < q->slices; k++) {
        const struct slice *s = &q->slice[k];
        int64_t end = s->first + s->n < to ? s->first + s->n : to;
        for (int64_t row = s->first > from ? s->first : from; row < end; row++)
            codes[row - from] = s->code[which][q->set_of[row]];
    }
}

static void fill_chunk(void *ctx, int64_t task)
{
    const struct columns *c = ctx;
    struct dr_array *a = c->chunk[task % 2][task / 2];
    int64_t from = task / 2 * DR_CHUNK_ROWS;
    fill_codes(c->q, (int)(task % 2), from, from + a->n, a->mem[1]->p);
}

/* Dictionary columns that give each row the texts of its set. */
static void text_columns(struct quarantine *q, struct dr_column *ret[2])
{
    struct dr_dict *dict[2] = { dr_dict_new(), dr_dict_new() };
    struct columns c = { .q = q, .chunks = (q->n_bad + DR_CHUNK_ROWS - 1) / DR_CHUNK_ROWS };
    name_sets(q, dict);
    for (int k = 0; k < 2; k++) {
        c.chunk[k] = dr_calloc((size_t)c.chunks + 1, sizeof *c.chunk[k]);
        for (int64_t i = 0; i < c.chunks; i++) {
            int64_t left = q->n_bad - i * DR_CHUNK_ROWS;
            c.chunk[k][i] = dr_array_seal(
                dr_array_new(DR_TYPE_DICT, left < DR_CHUNK_ROWS ? left : DR_CHUNK_ROWS, dict[k]));
        }
    }
    dr_pool_run(c.chunks * 2, fill_chunk, &c);
    for (int k = 0; k < 2; k++) {
        ret[k] = dr_column_new(DR_TYPE_DICT, (int32_t)c.chunks, c.chunk[k], dict[k]);
        dr_dict_unref(dict[k]);
        free(c.chunk[k]);
    }
}

static int32_t with_reasons(struct quarantine *q, const struct dr_table *rows, struct dr_table **ret,
                            struct dr_err *err)
{
    struct dr_table *one = NULL;
    struct dr_column *text[2];
    text_columns(q, text);
    int32_t rc = dr_table_with(rows, "_reasons", text[REASONS], &one, err);
    if (!rc)
        rc = dr_table_with(one, "_expectations", text[IDS], ret, err);
    dr_table_unref(one);
    dr_column_unref(text[REASONS]);
    dr_column_unref(text[IDS]);
    return rc;
}

int32_t dr_expect_split(const struct dr_results *r, const struct dr_table *table, struct dr_table **ret_valid,
                        struct dr_table **ret_quarantined, struct dr_err *err)
{
    struct quarantine q = { .rows = r->rows };
    struct dr_table *bad, *good;
    if (table->rows != r->rows)
        return dr_fail(err, DR_EBUG, "the results are of a table of %lld rows, this one has %lld",
                       (long long)r->rows, (long long)table->rows);
    find_checks(&q, r);
    find_bad(&q);
    q.set_of = dr_malloc(((size_t)q.n_bad + 1) * sizeof *q.set_of);
    dr_pool_run(q.slices, find_sets_of_slice, &q); /* now: the checks' bits are in the cache */
    dr_table_split(table, (const uint8_t *)q.bad, &bad, &good);
    int32_t rc = with_reasons(&q, bad, ret_quarantined, err);
    quarantine_done(&q);
    dr_table_unref(bad);
    if (rc)
        dr_table_unref(good);
    else
        *ret_valid = good;
    return rc;
}
