/* repeats.c - the rows whose values occur in another row too. See plan.h.
 *
 * Most rows of most tables are unlike all others, and need not be remembered to
 * be known as such. Each row's hash marks a place in a table of bits; rows whose
 * place is marked twice are candidates, few more than the rows that do repeat.
 * A second, smaller table with another hash drops nearly all that met by
 * chance. Only what is left is compared value by value, in a hash table.
 *
 * A table of bits is never larger than TABLE_BITS_MAX; of more rows than it can
 * tell apart, each pass takes those of a share of the hashes. Marks are set
 * atomically and whether a place is marked twice does not depend on the order,
 * so neither does the result. Where the run has a limit of memory, what is left is
 * compared in as many passes too.
 *
 * Rows that repeat in some columns repeat in each part of them: the answers are
 * kept, and where columns are asked about with others later, of no other rows, only
 * those that repeated are looked at. */
#include "data/kernel.h"
#include "data/pool.h"
#include "expect/order_key.h"
#include "expect/plan.h"

#define BITS_PER_ROW 32
#define TABLE_BITS_MIN (INT64_C(1) << 12)
#define TABLE_BITS_MAX (INT64_C(1) << 28)
#define DENSE 12                     /* of 64 rows: so many are hashed together, with their neighbours */
#define SHARED_ROWS 1024             /* so many are compared by several threads */
#define COMPARED_BYTES 48            /* that a row which is compared takes at most */
#define ROOM_MIN (UINT64_C(1) << 20) /* with less there would be too many passes */
#define MISSING UINT64_C(0x9d39247e33776d41) /* an arbitrary number */

/* Which rows repeat in some columns, among those looked at. */
struct dr_repeat_answer {
    struct dr_repeat_answer *next;
    struct dr_source *const *columns;
    int32_t n;
    uint64_t *in, *rows; /* those it was asked of; of which those that repeat */
};

struct repeats {
    struct dr_plan *plan;
    struct dr_source *const *columns;
    int32_t n;
    bool kept; /* hashes of texts may be used; else another thread may be making them */
    int64_t rows;
    const uint64_t *in; /* the rows looked at */
    uint64_t *out;
    uint64_t *radix; /* by column: see pack_codes; NULL where codes do not fit one word */
    uint64_t seed;
    uint64_t *once, *twice; /* bits by place */
    uint64_t mask;          /* of places */
    uint64_t share, shares; /* of hashes taken in this pass */
    bool alone;             /* on one thread: no atomic marks */
};

/* ---- hashes ---- */

static inline uint64_t mix(uint64_t h, uint64_t key)
{
    h = (h ^ key) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 29;
}

static inline uint64_t finish(uint64_t h)
{
    h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
    h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ h >> 33;
}

static uint64_t decimal_key(const struct dr_array *a, int64_t i)
{
    uint64_t half[2];
    memcpy(half, (const char *)a->values + i * 16, sizeof half);
    return mix(half[0], half[1]);
}

static uint64_t key_of(const struct dr_array *a, int64_t i)
{
    if (a->type == DR_TYPE_NULL)
        return 0;
    if (a->type == DR_TYPE_DECIMAL)
        return decimal_key(a, i);
    if (a->type != DR_TYPE_STRING)
        return dr_key_at(a, i);
    struct dr_str text = dr_array_str(a, i);
    return dr_hash(text.p, text.n);
}

/* Mix the values of up to 64 rows of one array into their hashes. */
static void mix_array(const struct dr_array *a, int64_t i, int m, uint64_t *h)
{
    if (a->type == DR_TYPE_DICT) {
        const int32_t *codes = (const int32_t *)a->values + i;
        for (int j = 0; j < m; j++)
            h[j] = mix(h[j], (uint64_t)codes[j]);
    } else if (a->type == DR_TYPE_INT64 || a->type == DR_TYPE_TIMESTAMP) {
        const int64_t *v = (const int64_t *)a->values + i;
        for (int j = 0; j < m; j++)
            h[j] = mix(h[j], (uint64_t)v[j]);
    } else {
        for (int j = 0; j < m; j++)
            h[j] = mix(h[j], dr_array_valid(a, i + j) ? key_of(a, i + j) : 0);
    }
}

static inline uint64_t nulls_of_run(const struct dr_source *s, int64_t row, int m)
{
    return s->null ? s->null[row >> 6] >> (row & 63) & ~UINT64_C(0) >> (64 - m) : 0;
}

/* The codes of a row as digits of one number: no two rows with different codes
 * share it, and it costs less than mixing. */
static void pack_codes(const struct repeats *r, int64_t row, int m, int32_t *hints, uint64_t *h)
{
    for (int32_t k = 0; k < r->n; k++) {
        const struct dr_source *s = r->columns[k];
        uint64_t radix = r->radix[k], null = nulls_of_run(s, row, m);
        int64_t i;
        const struct dr_array *a = dr_column_at(s->raw, row, &hints[k], &i);
        const int32_t *codes = (const int32_t *)a->values + i;
        for (int j = 0; j < m; j++)
            h[j] = h[j] * radix + (uint64_t)codes[j];
        for (; null; null &= null - 1) {
            int j = __builtin_ctzll(null);
            h[j] += radix - 1 - (uint64_t)codes[j];
        }
    }
}

#define AHEAD 4 /* words of 64 rows: as long as a line of memory takes to come */

/* Rows far apart lie in lines that the processor cannot foresee. */
static void prefetch_codes(const struct repeats *r, const int32_t *codes, int64_t row)
{
    int64_t word = (row >> 6) + AHEAD;
    for (uint64_t bits = word < dr_words(r->rows) ? r->in[word] : 0; bits; bits &= bits - 1)
        __builtin_prefetch((const char *)((uintptr_t)codes + AHEAD * 64 * sizeof *codes +
                                          (uintptr_t)__builtin_ctzll(bits) * sizeof *codes));
}

/* The same for the rows of a run whose bit is set. */
static void pack_some(const struct repeats *r, int64_t row, uint64_t bits, int32_t *hints, uint64_t *h)
{
    for (int32_t k = 0; k < r->n; k++) {
        const struct dr_source *s = r->columns[k];
        uint64_t radix = r->radix[k], null = nulls_of_run(s, row, 64);
        int64_t i;
        const struct dr_array *a = dr_column_at(s->raw, row, &hints[k], &i);
        const int32_t *codes = (const int32_t *)a->values + i;
        prefetch_codes(r, codes, row);
        for (uint64_t left = bits; left; left &= left - 1) {
            int j = __builtin_ctzll(left);
            h[j] = h[j] * radix + (null >> j & 1 ? radix - 1 : (uint64_t)codes[j]);
        }
    }
}

static void mix_values(const struct repeats *r, int64_t row, int m, int32_t *hints, uint64_t *h)
{
    for (int32_t k = 0; k < r->n; k++) {
        const struct dr_source *s = r->columns[k];
        uint64_t null = nulls_of_run(s, row, m);
        int64_t i;
        const struct dr_array *a = dr_column_at(s->raw, row, &hints[k], &i);
        uint64_t before[64];
        if (r->kept && s->hashes) {
            const uint64_t *known = (const uint64_t *)s->hashes->p + row;
            for (int j = 0; j < m; j++)
                h[j] = mix(h[j], known[j]);
            continue;
        }
        if (null)
            memcpy(before, h, (size_t)m * sizeof *h);
        mix_array(a, i, m, h);
        for (; null; null &= null - 1) {
            int j = __builtin_ctzll(null);
            h[j] = mix(before[j], MISSING);
        }
    }
}

static void hash_run(const struct repeats *r, int64_t row, int m, int32_t *hints, uint64_t *h)
{
    for (int j = 0; j < m; j++)
        h[j] = r->radix ? 0 : r->seed;
    if (r->radix)
        pack_codes(r, row, m, hints, h);
    else
        mix_values(r, row, m, hints, h);
    for (int j = 0; j < m; j++)
        h[j] = finish(r->radix ? h[j] ^ r->seed << 62 : h[j]);
}

/* The same for the rows of a run whose bit is set. */
static void hash_some(const struct repeats *r, int64_t row, uint64_t bits, int32_t *hints, uint64_t *h)
{
    for (uint64_t left = bits; left; left &= left - 1) {
        int j = __builtin_ctzll(left);
        h[j] = 0;
        if (!r->radix)
            hash_run(r, row + j, 1, hints, &h[j]);
    }
    if (!r->radix)
        return;
    pack_some(r, row, bits, hints, h);
    for (uint64_t left = bits; left; left &= left - 1)
        h[__builtin_ctzll(left)] = finish(h[__builtin_ctzll(left)] ^ r->seed << 62);
}

/* ---- texts ---- */

/* Hashing a text costs more than looking at a number, and is asked for several
 * times: kept where it takes no more memory than the column itself. */
static void hash_text_run(void *ctx, const struct dr_array *a, int64_t i, int m, int64_t row)
{
    struct dr_source *s = ctx;
    uint64_t null = s->null ? s->null[row >> 6] >> (row & 63) : 0, *h = (uint64_t *)s->hashes->p + row;
    for (int j = 0; j < m; j++)
        h[j] = null >> j & 1 ? MISSING : key_of(a, i + j);
}

static void hash_text_block(void *ctx, int64_t block, int64_t from, int64_t to)
{
    struct dr_source *s = ctx;
    (void)block;
    dr_each_run(s->raw, from, to, hash_text_run, s);
}

static void hash_texts(int32_t n, struct dr_source *const *columns)
{
    for (int32_t k = 0; k < n; k++) {
        struct dr_source *s = columns[k];
        if (s->raw->type != DR_TYPE_STRING || s->hashes)
            continue;
        s->hashes = dr_mem_new_large((size_t)s->rows * sizeof(uint64_t));
        dr_each_block(s->rows, hash_text_block, s);
    }
}

bool dr_hashes_kept(int32_t n, struct dr_source *const *columns)
{
    for (int32_t k = 0; k < n; k++)
        if (columns[k]->raw->type == DR_TYPE_STRING && !columns[k]->hashes)
            return false;
    return true;
}

/* ---- passes ---- */

struct pass_run {
    struct repeats *r;
    int32_t *hints;
};

/* The rows of a run that are looked at, in this pass, with their hashes. */
static uint64_t rows_of_run(const struct pass_run *run, int64_t row, int m, uint64_t *h)
{
    const struct repeats *r = run->r;
    uint64_t bits = r->in[row >> 6] >> (row & 63) & ~UINT64_C(0) >> (64 - m);
    if (!bits)
        return 0;
    if (__builtin_popcountll(bits) >= DENSE)
        hash_run(r, row, m, run->hints, h);
    else
        hash_some(r, row, bits, run->hints, h);
    for (uint64_t left = r->shares > 1 ? bits : 0; left; left &= left - 1) {
        int j = __builtin_ctzll(left);
        if ((h[j] >> 40) % r->shares != r->share)
            bits &= ~(UINT64_C(1) << j);
    }
    return bits;
}

static inline bool mark(uint64_t *table, uint64_t place, bool alone)
{
    uint64_t bit = UINT64_C(1) << (place & 63), *word = &table[place >> 6];
    if (!alone)
        return __atomic_fetch_or(word, bit, __ATOMIC_RELAXED) & bit;
    bool before = *word & bit;
    *word |= bit;
    return before;
}

static void mark_run(void *ctx, const struct dr_array *a, int64_t i, int m, int64_t row)
{
    const struct pass_run *run = ctx;
    struct repeats *r = run->r;
    uint64_t h[64], bits = rows_of_run(run, row, m, h);
    (void)a;
    (void)i;
    for (uint64_t left = bits; left; left &= left - 1)
        __builtin_prefetch(&r->once[(h[__builtin_ctzll(left)] & r->mask) >> 6], 1);
    for (; bits; bits &= bits - 1) {
        uint64_t place = h[__builtin_ctzll(bits)] & r->mask;
        if (mark(r->once, place, r->alone))
            (void)mark(r->twice, place, r->alone);
    }
}

static void find_run(void *ctx, const struct dr_array *a, int64_t i, int m, int64_t row)
{
    const struct pass_run *run = ctx;
    struct repeats *r = run->r;
    uint64_t h[64], bits = rows_of_run(run, row, m, h);
    (void)a;
    (void)i;
    for (; bits; bits &= bits - 1) {
        int j = __builtin_ctzll(bits);
        if (dr_row_get(r->twice, (int64_t)(h[j] & r->mask)))
            dr_row_set(r->out, row + j);
    }
}

static void run_block(struct repeats *r, int64_t from, int64_t to, dr_run_fn fn)
{
    DR_AUTO_FREE int32_t *hints = dr_calloc((size_t)r->n, sizeof *hints);
    struct pass_run run = { r, hints };
    dr_each_run(r->columns[0]->raw, from, to, fn, &run);
    for (int32_t k = 1; k < r->n; k++)
        dr_column_let_go(r->columns[k]->raw, from, to);
}

static void mark_block(void *ctx, int64_t block, int64_t from, int64_t to)
{
    (void)block;
    run_block(ctx, from, to, mark_run);
}

static void find_block(void *ctx, int64_t block, int64_t from, int64_t to)
{
    (void)block;
    run_block(ctx, from, to, find_run);
}

/* Two tables of bits, kept from one question to the next: fresh memory costs
 * more than clearing what is there. */
static void clear_tables(struct repeats *r, size_t bytes)
{
    struct dr_mem **tables = &r->plan->tables;
    if (!*tables || (*tables)->n < 2 * bytes) {
        dr_mem_unref(*tables);
        *tables = dr_mem_new_large(2 * bytes);
    }
    r->once = (*tables)->p;
    r->twice = r->once + bytes / 8;
    memset(r->once, 0, 2 * bytes);
}

/* Bytes that may be used at a time. */
static uint64_t room(const struct repeats *r)
{
    uint64_t memory = r->plan->opts->memory;
    return memory == 0 ? UINT64_MAX : memory > ROOM_MIN ? memory : ROOM_MIN;
}

/* Places of each of the two tables for so many rows. */
static int64_t table_bits(const struct repeats *r, int64_t n)
{
    int64_t bits = TABLE_BITS_MIN;
    while (bits < n * BITS_PER_ROW && bits < TABLE_BITS_MAX && (uint64_t)bits / 2 < room(r))
        bits *= 2;
    return bits;
}

/* Rows of `in` that may repeat, all that do among them; how many. */
static int64_t filter(struct repeats *r, const uint64_t *in, uint64_t seed, uint64_t *out)
{
    int64_t n = dr_rows_count(in, r->rows), bits = table_bits(r, n);
    r->in = in;
    r->out = out;
    r->seed = seed;
    r->mask = (uint64_t)bits - 1;
    r->shares = (uint64_t)((n * BITS_PER_ROW / 2 + bits - 1) / bits);
    r->alone = dr_pool_threads() == 1;
    for (r->share = 0; r->share < r->shares; r->share++) {
        clear_tables(r, (size_t)bits / 8);
        dr_each_block(r->rows, mark_block, r);
        dr_each_block(r->rows, find_block, r);
    }
    return dr_rows_count(out, r->rows);
}

/* ---- what is left, value by value ---- */

struct hashed_row {
    uint64_t hash;
    int64_t row;
};

bool dr_source_same(const struct dr_source *s, int64_t x, int64_t y)
{
    bool missing = s->null && dr_row_get(s->null, x);
    if (missing != (s->null && dr_row_get(s->null, y)))
        return false;
    if (missing)
        return true;
    int32_t k = dr_column_chunk_of(s->raw, x), l = dr_column_chunk_of(s->raw, y);
    const struct dr_array *a = s->raw->chunk[k], *b = s->raw->chunk[l];
    int64_t i = x - s->raw->start[k], j = y - s->raw->start[l];
    if (a->type == DR_TYPE_STRING)
        return dr_str_eq(dr_array_str(a, i), dr_array_str(b, j));
    if (a->type == DR_TYPE_DECIMAL)
        return memcmp((const char *)a->values + i * 16, (const char *)b->values + j * 16, 16) == 0;
    if (a->type == DR_TYPE_DICT)
        return ((const int32_t *)a->values)[i] == ((const int32_t *)b->values)[j];
    return key_of(a, i) == key_of(b, j);
}

static bool same_row(const struct repeats *r, int64_t x, int64_t y)
{
    for (int32_t k = 0; k < r->n; k++)
        if (!dr_source_same(r->columns[k], x, y))
            return false;
    return true;
}

/* Rows are listed with their hashes by slices; then each thread compares those of its share
 * of the hashes, so that no two threads compare the same rows. */
struct comparison {
    struct repeats *r;
    int64_t slices, n;
    int64_t *first; /* by slice: its part of the list; and then n */
    struct hashed_row *list;
    int64_t shares;
    uint64_t *out;
    int64_t values; /* that occur more than once */
};

static void list_slice(void *ctx, int64_t slice)
{
    const struct comparison *c = ctx;
    const struct repeats *r = c->r;
    DR_AUTO_FREE int32_t *hints = dr_calloc((size_t)r->n, sizeof *hints);
    struct hashed_row *to = c->list + c->first[slice];
    int64_t from, end;
    dr_slice(r->rows, c->slices, slice, &from, &end);
    for (int64_t row = dr_rows_next(r->in, end, from); row >= 0; row = dr_rows_next(r->in, end, row + 1)) {
        hash_run(r, row, 1, hints, &to->hash);
        to++->row = row;
    }
}

static void list_rows(struct comparison *c)
{
    for (int64_t slice = 0; slice < c->slices; slice++) {
        int64_t from, to;
        dr_slice(c->r->rows, c->slices, slice, &from, &to);
        c->first[slice + 1] = c->first[slice] + dr_rows_count(c->r->in + from / 64, to - from);
    }
    dr_pool_run(c->slices, list_slice, c);
}

static bool in_share(const struct comparison *c, uint64_t hash, int64_t share)
{
    return (hash >> 32) % (uint64_t)c->shares == (uint64_t)share;
}

static void compare_share(void *ctx, int64_t share)
{
    struct comparison *c = ctx;
    uint64_t cap = 64, n = 0;
    int64_t values = 0;
    for (int64_t k = 0; k < c->n; k++)
        n += in_share(c, c->list[k].hash, share);
    while (cap < n * 2)
        cap *= 2;
    DR_AUTO_FREE const struct hashed_row **slot = dr_calloc(cap, sizeof *slot);
    for (const struct hashed_row *x = c->list; x < c->list + c->n; x++) {
        if (!in_share(c, x->hash, share))
            continue;
        uint64_t at = x->hash & (cap - 1);
        while (slot[at] && (slot[at]->hash != x->hash || !same_row(c->r, slot[at]->row, x->row)))
            at = (at + 1) & (cap - 1);
        if (slot[at]) { /* a word may have rows of several shares */
            values += !mark(c->out, (uint64_t)slot[at]->row, c->shares == 1);
            (void)mark(c->out, (uint64_t)x->row, c->shares == 1);
        } else {
            slot[at] = x;
        }
    }
    __atomic_fetch_add(&c->values, values, __ATOMIC_RELAXED);
}

/* How many values occur in more than one of n rows; these rows are marked. */
static int64_t compare_some(struct repeats *r, const uint64_t *in, int64_t n, uint64_t *out)
{
    struct comparison c = { .r = r, .slices = dr_slices(r->rows), .n = n, .out = out };
    DR_AUTO_FREE int64_t *first = dr_calloc((size_t)c.slices + 1, sizeof *first);
    DR_AUTO_FREE struct hashed_row *list = dr_malloc((size_t)n * sizeof *list);
    c.shares = n >= SHARED_ROWS ? c.slices : 1;
    c.first = first;
    c.list = list;
    r->in = in;
    r->seed = 0;
    list_rows(&c);
    dr_pool_run(c.shares, compare_share, &c);
    return c.values;
}

static void select_run(void *ctx, const struct dr_array *a, int64_t i, int m, int64_t row)
{
    const struct pass_run *run = ctx;
    uint64_t h[64];
    (void)a;
    (void)i;
    run->r->out[row >> 6] |= rows_of_run(run, row, m, h) << (row & 63);
}

static void select_block(void *ctx, int64_t block, int64_t from, int64_t to)
{
    (void)block;
    run_block(ctx, from, to, select_run);
}

/* The same in passes, each over the rows of a share of the hashes. */
static int64_t compare_rows(struct repeats *r, const uint64_t *in, int64_t n, uint64_t *out)
{
    uint64_t passes = (uint64_t)n * COMPARED_BYTES / room(r) + 1;
    int64_t values = 0;
    if (passes == 1)
        return compare_some(r, in, n, out);
    for (uint64_t k = 0; k < passes; k++) {
        uint64_t *some = dr_plan_bits(r->plan);
        r->in = in;
        r->out = some;
        r->seed = 0;
        r->share = k;
        r->shares = passes;
        dr_each_block(r->rows, select_block, r);
        values += compare_some(r, some, dr_rows_count(some, r->rows), out);
        dr_plan_bits_back(r->plan, some);
    }
    return values;
}

/* How many digits each column needs: its codes and one for missing. The caller frees them. */
static uint64_t *radices(int32_t n, struct dr_source *const *columns)
{
    uint64_t *radix = dr_calloc((size_t)n + 1, sizeof *radix), all = 1;
    for (int32_t k = 0; k < n; k++) {
        radix[k] = columns[k]->codes ? (uint64_t)columns[k]->codes->n + 1 : UINT64_MAX;
        if (__builtin_mul_overflow(all, radix[k], &all) || all > UINT64_C(1) << 62) {
            free(radix);
            return NULL;
        }
    }
    return radix;
}

/* ---- hashes for others ---- */

struct hash_visit {
    struct pass_run run;
    dr_hash_fn fn;
    void *ctx;
};

static void visit_run(void *ctx, const struct dr_array *a, int64_t i, int m, int64_t row)
{
    const struct hash_visit *v = ctx;
    uint64_t h[64];
    (void)a;
    (void)i;
    for (uint64_t bits = rows_of_run(&v->run, row, m, h); bits; bits &= bits - 1)
        v->fn(v->ctx, row + __builtin_ctzll(bits), h[__builtin_ctzll(bits)], v->run.r->radix != NULL);
}

void dr_each_hash(const struct dr_plan *p, int32_t n, struct dr_source *const *columns, bool kept,
                  const uint64_t *in, dr_hash_fn fn, void *ctx)
{
    struct repeats r = { .columns = columns, .n = n, .kept = kept, .rows = p->table->rows, .in = in };
    DR_AUTO_FREE int32_t *hints = dr_calloc((size_t)n + 1, sizeof *hints);
    DR_AUTO_FREE uint64_t *radix = radices(n, columns);
    struct hash_visit v = { { &r, hints }, fn, ctx };
    r.radix = radix;
    if (r.rows)
        dr_each_run(n ? columns[0]->raw : p->table->columns[0], 0, r.rows, visit_run, &v);
}

/* ---- entry ---- */

static bool holds(int32_t n, struct dr_source *const *columns, const struct dr_source *s)
{
    for (int32_t k = 0; k < n; k++)
        if (columns[k]->raw == s->raw)
            return true;
    return false;
}

/* Whether a set of rows is part of another. */
static bool is_within(const uint64_t *rows, const uint64_t *others, int64_t n)
{
    for (int64_t w = 0; w < dr_words(n); w++)
        if (rows[w] & ~others[w])
            return false;
    return true;
}

/* Leave out rows that do not repeat in some of the columns: among as many others, or more, as are
 * looked at now. */
static void use_answers(const struct dr_plan *p, int32_t n, struct dr_source *const *columns,
                        const uint64_t *in, uint64_t *rows)
{
    for (const struct dr_repeat_answer *a = p->answers; a; a = a->next) {
        int32_t found = 0;
        while (found < a->n && holds(n, columns, a->columns[found]))
            found++;
        if (found == a->n && is_within(in, a->in, p->table->rows))
            dr_rows_and(rows, a->rows, p->table->rows);
    }
}

static void keep_answer(struct dr_plan *p, int32_t n, struct dr_source *const *columns, const uint64_t *in,
                        const uint64_t *out)
{
    struct dr_repeat_answer *a = DR_NEW(&p->scratch, struct dr_repeat_answer);
    *a = (struct dr_repeat_answer){ p->answers, columns, n, dr_plan_bits(p), dr_plan_bits(p) };
    dr_rows_or(a->in, in, p->table->rows);
    dr_rows_or(a->rows, out, p->table->rows);
    p->answers = a;
}

int64_t dr_scan_repeats(struct dr_plan *p, int32_t n, struct dr_source *const *columns, const uint64_t *in,
                        uint64_t *out)
{
    struct repeats r = { .plan = p, .columns = columns, .n = n, .kept = true, .rows = p->table->rows };
    uint64_t *looked_at = dr_plan_bits(p), *maybe = dr_plan_bits(p), *likely = dr_plan_bits(p);
    dr_rows_or(looked_at, in, r.rows);
    use_answers(p, n, columns, in, looked_at);
    int64_t left = dr_rows_count(looked_at, r.rows), values = 0;
    if (left) {
        if (!p->opts->memory)
            hash_texts(n, columns);
        r.radix = radices(n, columns);
        left = filter(&r, looked_at, 1, maybe);
    }
    if (left)
        left = filter(&r, maybe, 2, likely);
    if (left)
        values = compare_rows(&r, likely, left, out);
    free(r.radix);
    keep_answer(p, n, columns, in, out);
    dr_plan_bits_back(p, looked_at);
    dr_plan_bits_back(p, maybe);
    dr_plan_bits_back(p, likely);
    return values;
}
