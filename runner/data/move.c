/* move.c - moving rows in bulk: ranges, rechunking and take.
 *
 * Everything here works buffer by buffer. Text keeps its codes: a DICT column
 * moves as int32_t codes and shares its dictionary; only concat of different
 * dictionaries builds a new one, and then translates codes by a table. */
#include "data/kernel.h"
#include "data/pool.h"
#include "data/slab.h"

/* ---- where rows lie ----------------------------------------------------------- */

/* Finds the chunk of any row: a shift where all chunks but the last are full
 * (as those made here are), else a binary search. */
struct locator {
    const int64_t *start;
    int32_t n;
    bool uniform;
};

static struct locator locator_of(const struct dr_column *c)
{
    struct locator l = { .start = c->start, .n = c->n, .uniform = true };
    for (int32_t k = 1; k < c->n && l.uniform; k++)
        l.uniform = c->start[k] == (int64_t)k * DR_CHUNK_ROWS;
    if (c->n && c->rows - c->start[c->n - 1] > DR_CHUNK_ROWS)
        l.uniform = false;
    return l;
}

static int32_t search_chunk(const struct locator *l, int64_t row)
{
    int32_t low = 0, high = l->n - 1;
    while (low < high) {
        int32_t mid = low + (high - low + 1) / 2;
        if (l->start[mid] <= row)
            low = mid;
        else
            high = mid - 1;
    }
    return low;
}

static inline int32_t find_chunk(const struct locator *l, int64_t row)
{
    return l->uniform ? (int32_t)(row / DR_CHUNK_ROWS) : search_chunk(l, row);
}

int32_t dr_column_chunk_of(const struct dr_column *c, int64_t row)
{
    struct locator l = { .start = c->start, .n = c->n };
    return search_chunk(&l, row);
}

/* ---- ranges ------------------------------------------------------------------- */

static void copy_bits(uint8_t *to, int64_t to_at, const uint8_t *from, int64_t from_at, int64_t n)
{
    int64_t done = 0;
    if (to_at % 8 == 0 && from_at % 8 == 0) {
        memcpy(to + to_at / 8, from + from_at / 8, (size_t)(n / 8));
        done = n / 8 * 8;
    }
    for (; done < n; done++)
        if (dr_bit(from, from_at + done))
            dr_bit_set(to, to_at + done);
}

static void set_bits(uint8_t *bits, int64_t at, int64_t n)
{
    for (; n > 0 && at % 8; at++, n--)
        dr_bit_set(bits, at);
    memset(bits + at / 8, 0xff, (size_t)(n / 8));
    for (int64_t i = at + n / 8 * 8; i < at + n; i++)
        dr_bit_set(bits, i);
}

/* Copy rows [from, from + n) of one chunk to row `at` of the array being made;
 * offsets go on from the one before. */
static void copy_piece(struct dr_array *to, int64_t at, const struct dr_array *a, int64_t from, int64_t n)
{
    if (to->valid && a->valid)
        copy_bits(to->mem[0]->p, at, a->valid, from, n);
    else if (to->valid)
        set_bits(to->mem[0]->p, at, n);
    if (a->type == DR_TYPE_NULL)
        return;
    if (a->type == DR_TYPE_BOOL) {
        copy_bits(to->mem[1]->p, at, a->values, from, n);
        return;
    }
    size_t width = dr_type_width(a->type);
    if (width) {
        memcpy((char *)to->mem[1]->p + (size_t)at * width, (const char *)a->values + (size_t)from * width,
               (size_t)n * width);
        return;
    }
    const int64_t *offsets = a->values;
    int64_t *out = (int64_t *)to->mem[1]->p + at;
    for (int64_t i = 0; i < n; i++)
        out[i + 1] = out[0] + (offsets[from + i + 1] - offsets[from]);
    memcpy((char *)to->mem[2]->p + out[0], a->bytes + offsets[from], (size_t)(out[n] - out[0]));
}

/* A walk over the pieces of chunks that make up a range of rows. */
struct pieces {
    const struct dr_column *c;
    int64_t row, end;
    int32_t k; /* chunk of the next piece */
};
struct piece {
    const struct dr_array *a;
    int64_t from, n;
};

static struct pieces pieces_of(const struct dr_column *c, int64_t from, int64_t n)
{
    return (struct pieces){ .c = c, .row = from, .end = from + n, .k = n ? dr_column_chunk_of(c, from) : 0 };
}

static bool next_piece(struct pieces *w, struct piece *ret)
{
    if (w->row >= w->end)
        return false;
    const int64_t *start = w->c->start;
    while (start[w->k + 1] <= w->row)
        w->k++;
    int64_t until = start[w->k + 1] < w->end ? start[w->k + 1] : w->end;
    *ret = (struct piece){ w->c->chunk[w->k], w->row - start[w->k], until - w->row };
    w->row = until;
    return true;
}

static struct dr_array *copy_range(const struct dr_column *c, int64_t from, int64_t n)
{
    struct dr_array *to = dr_array_new(c->type, n, c->dict);
    struct pieces walk = pieces_of(c, from, n);
    struct piece p;
    to->scale = c->scale;
    to->zoned = c->zoned;
    if (c->nulls && c->type != DR_TYPE_NULL)
        dr_array_make_validity(to);
    if (c->type == DR_TYPE_STRING) {
        size_t bytes = 0;
        for (struct pieces w = walk; next_piece(&w, &p);) {
            const int64_t *offsets = p.a->values;
            bytes += (size_t)(offsets[p.from + p.n] - offsets[p.from]);
        }
        dr_array_make_bytes(to, bytes);
    }
    for (int64_t at = 0; next_piece(&walk, &p); at += p.n)
        copy_piece(to, at, p.a, p.from, p.n);
    return dr_array_seal(to);
}

struct dr_array *dr_column_range(const struct dr_column *c, int64_t from, int64_t n)
{
    struct pieces walk = pieces_of(c, from, n);
    struct piece p;
    if (next_piece(&walk, &p) && p.n == n && p.a->n == n)
        return dr_array_ref(DR_UNCONST(struct dr_array, p.a));
    return copy_range(c, from, n);
}

struct dr_column *dr_column_rechunk(const struct dr_column *c, int32_t n, const int64_t *start)
{
    DR_AUTO_FREE struct dr_array **chunk = dr_malloc((size_t)n * sizeof(struct dr_array *));
    for (int32_t k = 0; k < n; k++)
        chunk[k] = dr_column_range(c, start[k], start[k + 1] - start[k]);
    return dr_column_like(c, n, chunk);
}

/* ---- take ----------------------------------------------------------------------- */

struct take {
    const struct dr_column *c;
    struct locator at;
    const char **base; /* by chunk: where its row 0 of the whole column would lie; fixed widths */
    int64_t n;
    const int64_t *rows;
    bool may_miss;  /* rows may hold -1 */
    bool scattered; /* rows are in no order: prefetching them pays, as it does not elsewhere */
    struct dr_slab slab;
    struct dr_array **chunk; /* result, one per DR_CHUNK_ROWS */
};

#define AHEAD 24 /* rows whose values are asked of memory before their turn */

/* With width and the flags known to the compiler this is one loop of loads. */
static inline void take_fixed(const struct take *t, const int64_t *rows, int64_t n, char *out, size_t width,
                              bool uniform, bool may_miss, bool scattered)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t row = rows[i];
        if (scattered && i + AHEAD < n) {
            int64_t later = rows[i + AHEAD];
            __builtin_prefetch(t->base[later / DR_CHUNK_ROWS] + (size_t)later * width);
        }
        if (may_miss && row < 0) {
            memset(out + (size_t)i * width, 0, width);
            continue;
        }
        int32_t k = uniform ? (int32_t)(row / DR_CHUNK_ROWS) : search_chunk(&t->at, row);
        memcpy(out + (size_t)i * width, t->base[k] + (size_t)row * width, width);
    }
}

static inline void take_width(const struct take *t, const int64_t *rows, int64_t n, char *out, size_t width)
{
    if (!t->at.uniform)
        take_fixed(t, rows, n, out, width, false, true, false);
    else if (t->may_miss)
        take_fixed(t, rows, n, out, width, true, true, false);
    else if (t->scattered)
        take_fixed(t, rows, n, out, width, true, false, true);
    else
        take_fixed(t, rows, n, out, width, true, false, false);
}

static void take_bits(const struct take *t, const int64_t *rows, int64_t n, uint8_t *out)
{
    for (int64_t i = 0; i < n; i++) {
        if (rows[i] < 0)
            continue;
        int32_t k = find_chunk(&t->at, rows[i]);
        if (dr_bit(t->c->chunk[k]->values, rows[i] - t->at.start[k]))
            dr_bit_set(out, i);
    }
}

static void take_validity(const struct take *t, const int64_t *rows, int64_t n, uint8_t *out)
{
    for (int64_t i = 0; i < n; i++) {
        if (rows[i] < 0)
            continue;
        int32_t k = find_chunk(&t->at, rows[i]);
        if (dr_array_valid(t->c->chunk[k], rows[i] - t->at.start[k]))
            dr_bit_set(out, i);
    }
}

static struct dr_str text_at(const struct take *t, int64_t row)
{
    int32_t k = find_chunk(&t->at, row);
    const struct dr_array *a = t->c->chunk[k];
    const int64_t *offsets = a->values;
    int64_t i = row - t->at.start[k];
    return (struct dr_str){ a->bytes + offsets[i], (size_t)(offsets[i + 1] - offsets[i]) };
}

static void take_text(const struct take *t, const int64_t *rows, int64_t n, struct dr_array *to)
{
    int64_t *offsets = to->mem[1]->p;
    for (int64_t i = 0; i < n; i++)
        offsets[i + 1] = offsets[i] + (rows[i] < 0 ? 0 : (int64_t)text_at(t, rows[i]).n);
    char *bytes = dr_array_make_bytes(to, (size_t)offsets[n]);
    for (int64_t i = 0; i < n; i++)
        if (offsets[i + 1] > offsets[i])
            memcpy(bytes + offsets[i], text_at(t, rows[i]).p, (size_t)(offsets[i + 1] - offsets[i]));
}

static void take_values(const struct take *t, const int64_t *rows, int64_t n, struct dr_array *to)
{
    char *out = dr_array_writable(to);
    switch (dr_type_width(t->c->type)) {
    case 4:
        take_width(t, rows, n, out, 4);
        break;
    case 8:
        take_width(t, rows, n, out, 8);
        break;
    case 16:
        take_width(t, rows, n, out, 16);
        break;
    default:
        if (t->c->type == DR_TYPE_BOOL)
            take_bits(t, rows, n, (uint8_t *)out);
        else if (t->c->type == DR_TYPE_STRING)
            take_text(t, rows, n, to);
    }
}

static void take_chunk(void *ctx, int64_t k)
{
    struct take *t = ctx;
    const int64_t *rows = t->rows + k * DR_CHUNK_ROWS;
    int64_t left = t->n - k * DR_CHUNK_ROWS;
    int64_t n = left < DR_CHUNK_ROWS ? left : DR_CHUNK_ROWS;
    struct dr_array *to = dr_slab_array(&t->slab, t->c, k, n);
    if ((t->c->nulls || t->may_miss) && t->c->type != DR_TYPE_NULL)
        take_validity(t, rows, n, dr_array_make_validity(to));
    take_values(t, rows, n, to);
    t->chunk[k] = dr_array_seal(to);
}

static bool any_missing(int64_t n, const int64_t *rows)
{
    int64_t sign = 0;
    for (int64_t i = 0; i < n; i++)
        sign |= rows[i];
    return sign < 0;
}

static struct dr_column *take_column(const struct dr_column *c, int64_t n, const int64_t *rows, bool may_miss,
                                     bool scattered)
{
    int64_t chunks = (n + DR_CHUNK_ROWS - 1) / DR_CHUNK_ROWS;
    DR_AUTO_FREE struct dr_array **chunk = dr_malloc((size_t)chunks * sizeof(struct dr_array *));
    DR_AUTO_FREE const char **base = dr_malloc((size_t)c->n * sizeof(char *));
    size_t width = dr_type_width(c->type);
    for (int32_t k = 0; k < c->n; k++) /* as numbers: the pointer itself would lie before its buffer */
        base[k] = (const char *)((uintptr_t)c->chunk[k]->values - (uintptr_t)c->start[k] * width);
    struct take t = { .c = c,
                      .at = locator_of(c),
                      .base = base,
                      .n = n,
                      .rows = rows,
                      .may_miss = may_miss,
                      .scattered = scattered };
    t.chunk = chunk;
    dr_slab_init(&t.slab, c->type, n);
    dr_pool_run(chunks, take_chunk, &t);
    dr_slab_done(&t.slab);
    return dr_column_like(c, (int32_t)chunks, chunk);
}

struct dr_column *dr_column_take(const struct dr_column *c, int64_t n, const int64_t *rows)
{
    return take_column(c, n, rows, any_missing(n, rows), false);
}

struct dr_table *dr_table_take_rows(const struct dr_table *t, int64_t n, const int64_t *rows)
{
    DR_AUTO_FREE struct dr_column **columns = dr_malloc((size_t)t->n * sizeof(struct dr_column *));
    for (int32_t i = 0; i < t->n; i++)
        columns[i] = take_column(t->columns[i], n, rows, false, true);
    return dr_table_adopt(t->n, (const char *const *)t->names, columns);
}

int32_t dr_table_take(const struct dr_table *t, int64_t n, const int64_t *rows, struct dr_table **ret,
                      struct dr_err *err)
{
    for (int64_t i = 0; i < n; i++)
        if (rows[i] < 0 || rows[i] >= t->rows)
            return dr_fail(err, DR_EINPUT, "take: row %lld asked of a table of %lld", (long long)rows[i],
                           (long long)t->rows);
    *ret = dr_table_take_rows(t, n, rows);
    return DR_OK;
}
