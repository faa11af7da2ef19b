/* filter.c - the rows whose bit is 1, and the others.
 *
 * Each side is a table with full chunks, however few rows of each chunk of the source it
 * has. Counts of bits tell where the rows of a block of the source go, so that blocks are
 * taken by any thread; each reads its part of a column for one side and then, while
 * it is in the cache, for the other. All values of a column lie in one piece of
 * memory, of which each chunk has its part. Of texts the lengths are added up first.
 * Bitmaps, of which two blocks may share a byte, are made by one thread for a whole column. */
#include "data/bulk.h"
#include "data/kernel.h"
#include "data/pick.h"
#include "data/pool.h"

#define BLOCK ((int64_t)16384)      /* rows of the source: 128 KB of a wide column */
#define FEW 8                       /* one in so many rows of a block: they are listed */
#define OFFSETS (DR_CHUNK_ROWS + 8) /* of a chunk: one more than its rows, and aligned */
#define LARGE_CELLS (1 << 19)       /* so many are megabytes: they go into blocks that are used again */

struct room {
    void *p;
    struct dr_mem *owner; /* of which this is a reference; NULL: nothing of the kind */
};
/* What becomes of a column on one side. */
struct target {
    struct room valid, values, bytes;
    int64_t *text_start;  /* STRING: by chunk, where its text begins */
    int64_t *text_before; /* STRING: by block, likewise, and then all; first its length */
};

struct side {
    const struct filter *f;
    uint64_t flip;   /* ~0 for rows whose bit is 0 */
    int64_t rows;    /* how many */
    int64_t *before; /* by block: rows of this side before it; and then rows */
    struct target *to;
    struct dr_bulk memory;
};

struct filter {
    const struct dr_table *t;
    int64_t blocks;
    uint64_t *words; /* the bits; those past the last row are 0 */
    int n;           /* sides that are asked for: the first, or both */
    struct side side[2];
};

/* ---- walking ------------------------------------------------------------------------ */

/* Up to 64 rows of an array from row i on, those chosen among them. */
typedef void (*window_fn)(void *ctx, const struct dr_array *a, int64_t i, int n, uint64_t chosen);

__attribute__((always_inline)) static inline void each_window(const struct side *s, const struct dr_column *c,
                                                              int64_t from, int64_t to, window_fn fn,
                                                              void *ctx)
{
    int32_t k = from < to ? dr_column_chunk_of(c, from) : 0;
    while (from < to) {
        while (c->start[k + 1] <= from)
            k++;
        int64_t end = c->start[k + 1] < to ? c->start[k + 1] : to, word_end = (from | 63) + 1;
        int n = (int)((word_end < end ? word_end : end) - from);
        uint64_t word = s->f->words[from >> 6] ^ s->flip;
        uint64_t chosen = word >> (from & 63) & ~UINT64_C(0) >> (64 - n);
        if (chosen)
            fn(ctx, c->chunk[k], from - c->start[k], n, chosen);
        from += n;
    }
}

static void block_rows(const struct filter *f, int64_t block, int64_t *ret_from, int64_t *ret_to)
{
    *ret_from = block * BLOCK;
    *ret_to = *ret_from + BLOCK < f->t->rows ? *ret_from + BLOCK : f->t->rows;
}

/* ---- values of one width ------------------------------------------------------------- */

struct picking {
    struct dr_pick to;
    dr_pick_fn pick;
};

static void pick_window(void *ctx, const struct dr_array *a, int64_t i, int n, uint64_t chosen)
{
    struct picking *p = ctx;
    (void)n;
    p->pick(&p->to, a, i, chosen);
}

static void pick_block(const struct side *s, int32_t column, int64_t block)
{
    const struct dr_column *c = s->f->t->columns[column];
    size_t width = dr_type_width(c->type);
    char *values = s->to[column].values.p;
    struct picking p = { { values + (size_t)s->before[block] * width,
                           values + (size_t)s->before[block + 1] * width },
                         dr_pick_values(width) };
    int64_t from, to;
    block_rows(s->f, block, &from, &to);
    each_window(s, c, from, to, pick_window, &p);
}

/* ---- where few rows are chosen ---------------------------------------------------------- */

/* Rows of a block, from its first one on: the same for all columns, so that words of
 * bits are looked at once. */
struct few {
    int n; /* -1: more than that */
    uint16_t row[BLOCK / FEW];
};

static void list_rows(const struct side *s, int64_t block, struct few *few)
{
    int64_t from, to;
    int n = 0;
    block_rows(s->f, block, &from, &to);
    few->n = -1;
    if ((s->before[block + 1] - s->before[block]) * FEW > BLOCK)
        return;
    for (int64_t row = from; row < to; row += 64) {
        uint64_t chosen = s->f->words[row >> 6] ^ s->flip;
        if (to - row < 64)
            chosen &= (UINT64_C(1) << (to - row)) - 1;
        for (; chosen; chosen &= chosen - 1)
            few->row[n++] = (uint16_t)(row - from + __builtin_ctzll(chosen));
    }
    few->n = n;
}

static inline void gather(const struct side *s, int32_t column, int64_t block, const struct few *few,
                          size_t width)
{
    const struct dr_column *c = s->f->t->columns[column];
    char *out = (char *)s->to[column].values.p + (size_t)s->before[block] * width;
    int64_t from = block * BLOCK;
    int32_t chunk = dr_column_chunk_of(c, from);
    for (int k = 0; k < few->n; chunk++) {
        const char *values = c->chunk[chunk]->values;
        int64_t start = c->start[chunk] - from, end = c->start[chunk + 1] - from;
        for (; k < few->n && few->row[k] < end; k++, out += width)
            memcpy(out, values + (few->row[k] - start) * (int64_t)width, width);
    }
}

static void gather_block(const struct side *s, int32_t column, int64_t block, const struct few *few)
{
    switch (dr_type_width(s->f->t->columns[column]->type)) {
    case 4:
        gather(s, column, block, few, 4);
        break;
    case 8:
        gather(s, column, block, few, 8);
        break;
    default:
        gather(s, column, block, few, 16);
    }
}

/* ---- texts -------------------------------------------------------------------------- */

/* Rows of a side from `row` on; `at` bytes of text lie before them, and those of the block
 * end at `end`. */
struct texts {
    const struct target *to;
    int64_t row, at, end;
};

static inline int64_t until_chunk_end(int64_t row, int64_t n)
{
    int64_t left = DR_CHUNK_ROWS - row % DR_CHUNK_ROWS;
    return n < left ? n : left;
}

static void measure_window(void *ctx, const struct dr_array *a, int64_t i, int n, uint64_t chosen)
{
    int64_t *length = ctx;
    *length += dr_pick_texts_length(a, i, n, chosen);
}

/* Text of all rows [from, to). */
static int64_t text_of_rows(const struct dr_column *c, int64_t from, int64_t to)
{
    int64_t length = 0;
    for (int32_t k = from < to ? dr_column_chunk_of(c, from) : 0; from < to; from = c->start[++k]) {
        const int64_t *offsets = c->chunk[k]->values;
        int64_t end = c->start[k + 1] < to ? c->start[k + 1] : to;
        length += offsets[end - c->start[k]] - offsets[from - c->start[k]];
    }
    return length;
}

static void measure_block(const struct filter *f, int32_t column, int64_t block)
{
    const struct dr_column *c = f->t->columns[column];
    int64_t from, to, in = 0;
    block_rows(f, block, &from, &to);
    each_window(&f->side[0], c, from, to, measure_window, &in);
    f->side[0].to[column].text_before[block] = in;
    if (f->n == 2)
        f->side[1].to[column].text_before[block] = text_of_rows(c, from, to) - in;
}

/* Rows that go into one chunk. */
static void copy_rows(struct texts *t, const struct dr_array *a, int64_t i, int n, uint64_t chosen)
{
    int64_t chunk = t->row / DR_CHUNK_ROWS, start = t->to->text_start[chunk], row = t->row % DR_CHUNK_ROWS;
    int64_t *offset = (int64_t *)t->to->values.p + chunk * OFFSETS + row;
    struct dr_pick_text p = { (char *)t->to->bytes.p + start, offset, t->at - start, t->end - start };
    if (row == 0)
        *offset = p.at;
    dr_pick_texts(&p, a, i, n, chosen);
    t->at = p.at + start;
    t->row += p.offset - offset;
}

static uint64_t lowest_bits(uint64_t bits, int64_t n)
{
    uint64_t rest = bits;
    for (; n; n--)
        rest &= rest - 1;
    return bits ^ rest;
}

static void copy_window(void *ctx, const struct dr_array *a, int64_t i, int n, uint64_t chosen)
{
    struct texts *t = ctx;
    int64_t left = until_chunk_end(t->row, 64);
    if (left < 64 && __builtin_popcountll(chosen) > left) {
        uint64_t first = lowest_bits(chosen, left);
        copy_rows(t, a, i, n, first);
        chosen ^= first;
    }
    copy_rows(t, a, i, n, chosen);
}

static void copy_block(const struct side *s, int32_t column, int64_t block)
{
    const struct target *target = &s->to[column];
    struct texts t = { target, s->before[block], target->text_before[block], target->text_before[block + 1] };
    int64_t from, to;
    block_rows(s->f, block, &from, &to);
    each_window(s, s->f->t->columns[column], from, to, copy_window, &t);
}

static void measure_texts(void *ctx, int64_t block)
{
    const struct filter *f = ctx;
    for (int32_t i = 0; i < f->t->n; i++)
        if (f->t->columns[i]->type == DR_TYPE_STRING)
            measure_block(f, i, block);
}

/* From lengths of blocks to where they begin; the length of all. A chunk's text is counted
 * from the beginning of the block that has its first row. */
static int64_t add_lengths(const struct side *s, const struct target *to)
{
    int64_t all = 0, chunk = 0;
    for (int64_t block = 0; block < s->f->blocks; block++) {
        int64_t length = to->text_before[block];
        for (; chunk * DR_CHUNK_ROWS < s->before[block + 1]; chunk++)
            to->text_start[chunk] = all;
        to->text_before[block] = all;
        all += length;
    }
    to->text_before[s->f->blocks] = all;
    return all;
}

/* ---- bitmaps -------------------------------------------------------------------------- */

static void pick_bitmap(const struct side *s, const struct dr_column *c, void *to, bool valid)
{
    struct dr_pick_bits p = { .chosen = s->f->words, .flip = s->flip, .to = to };
    for (int32_t k = 0; k < c->n; k++)
        dr_pick_bits(&p, valid ? c->chunk[k]->valid : c->chunk[k]->values, 0, c->start[k], c->chunk[k]->n);
    dr_pick_bits_end(&p);
}

static void pick_bitmaps(const struct filter *f, int32_t column)
{
    const struct dr_column *c = f->t->columns[column];
    for (int k = 0; k < f->n; k++) {
        const struct target *to = &f->side[k].to[column];
        if (to->valid.p)
            pick_bitmap(&f->side[k], c, to->valid.p, true);
        if (c->type == DR_TYPE_BOOL)
            pick_bitmap(&f->side[k], c, to->values.p, false);
    }
}

/* ---- all columns ------------------------------------------------------------------------ */

static void fill_side(const struct side *s, int32_t column, int64_t block, const struct few *few)
{
    int32_t type = s->f->t->columns[column]->type;
    if (type == DR_TYPE_STRING)
        copy_block(s, column, block);
    else if (dr_type_width(type) && few->n >= 0)
        gather_block(s, column, block, few);
    else if (dr_type_width(type))
        pick_block(s, column, block);
}

/* The side with more rows first: its reads are foreseen, and those of the other find
 * what they look for in the cache. */
static void fill_block(const struct filter *f, int64_t block)
{
    int larger = f->n == 2 && f->side[1].rows > f->side[0].rows;
    struct few few[2];
    for (int k = 0; k < f->n; k++)
        list_rows(&f->side[k], block, &few[k]);
    for (int32_t i = 0; i < f->t->n; i++) {
        fill_side(&f->side[larger], i, block, &few[larger]);
        if (f->n == 2)
            fill_side(&f->side[!larger], i, block, &few[!larger]);
    }
}

/* The bitmaps first: each takes longer than a block. */
static void fill(void *ctx, int64_t task)
{
    const struct filter *f = ctx;
    if (task < f->t->n)
        pick_bitmaps(f, (int32_t)task);
    else
        fill_block(f, task - f->t->n);
}

static int64_t chunks_of(int64_t rows)
{
    return (rows + DR_CHUNK_ROWS - 1) / DR_CHUNK_ROWS;
}

static void take_room(struct side *s, size_t n, struct room *ret)
{
    ret->p = dr_bulk_take(&s->memory, n, &ret->owner);
}

static size_t values_size(int32_t type, int64_t rows)
{
    if (type == DR_TYPE_STRING)
        return (size_t)chunks_of(rows) * OFFSETS * sizeof(int64_t);
    return type == DR_TYPE_BOOL ? (size_t)(rows + 7) / 8 : (size_t)rows * dr_type_width(type);
}

static void make_room(struct side *s)
{
    const struct dr_table *t = s->f->t;
    s->to = dr_calloc((size_t)t->n, sizeof *s->to);
    s->memory.large = s->rows * t->n >= LARGE_CELLS;
    for (int32_t i = 0; i < t->n; i++) {
        const struct dr_column *c = t->columns[i];
        struct target *to = &s->to[i];
        if (c->type == DR_TYPE_NULL)
            continue;
        take_room(s, values_size(c->type, s->rows), &to->values);
        if (c->nulls)
            take_room(s, (size_t)(s->rows + 7) / 8, &to->valid);
        if (c->type != DR_TYPE_STRING)
            continue;
        to->text_start = dr_malloc((size_t)chunks_of(s->rows) * sizeof *to->text_start);
        to->text_before = dr_malloc(((size_t)s->f->blocks + 1) * sizeof *to->text_before);
    }
}

static void make_room_for_texts(struct side *s)
{
    for (int32_t i = 0; i < s->f->t->n; i++)
        if (s->f->t->columns[i]->type == DR_TYPE_STRING)
            take_room(s, (size_t)add_lengths(s, &s->to[i]), &s->to[i].bytes);
}

static void side_done(struct side *s)
{
    for (int32_t i = 0; i < s->f->t->n && s->to; i++) {
        struct target *to = &s->to[i];
        dr_mem_unref(to->valid.owner);
        dr_mem_unref(to->values.owner);
        dr_mem_unref(to->bytes.owner);
        free(to->text_start);
        free(to->text_before);
    }
    dr_bulk_done(&s->memory);
    free(s->to);
    free(s->before);
}

/* ---- the results ------------------------------------------------------------------------- */

static struct dr_array *chunk_of(const struct side *s, int32_t column, int64_t k)
{
    const struct dr_column *c = s->f->t->columns[column];
    const struct target *to = &s->to[column];
    int64_t row = k * DR_CHUNK_ROWS;
    struct dr_array *a = dr_calloc(1, sizeof *a);
    atomic_init(&a->refs, 1);
    a->type = c->type;
    a->scale = c->scale;
    a->zoned = c->zoned;
    a->n = until_chunk_end(row, s->rows - row);
    a->dict = c->dict ? dr_dict_ref(c->dict) : NULL;
    a->mem[0] = dr_mem_ref(to->valid.owner);
    a->mem[1] = dr_mem_ref(to->values.owner);
    a->mem[2] = dr_mem_ref(to->bytes.owner);
    a->valid = to->valid.p ? (const uint8_t *)to->valid.p + row / 8 : NULL;
    if (to->values.p) /* whole chunks before it */
        a->values = (const char *)to->values.p + values_size(c->type, row);
    if (c->type == DR_TYPE_STRING)
        a->bytes = (const char *)to->bytes.p + to->text_start[k];
    return dr_array_seal(a);
}

static struct dr_table *table_of(const struct side *s)
{
    const struct dr_table *t = s->f->t;
    int64_t chunks = chunks_of(s->rows);
    DR_AUTO_FREE struct dr_column **columns = dr_malloc((size_t)t->n * sizeof(struct dr_column *));
    DR_AUTO_FREE struct dr_array **chunk = dr_malloc((size_t)chunks * sizeof(struct dr_array *));
    for (int32_t i = 0; i < t->n; i++) {
        for (int64_t k = 0; k < chunks; k++)
            chunk[k] = chunk_of(s, i, k);
        columns[i] = dr_column_like(t->columns[i], (int32_t)chunks, chunk);
    }
    return dr_table_adopt(t->n, (const char *const *)t->names, columns);
}

/* ---- entry ------------------------------------------------------------------------------ */

static uint64_t *words_of(const uint8_t *bitmap, int64_t rows)
{
    size_t bytes = (size_t)(rows + 7) / 8;
    uint64_t *words = dr_calloc((size_t)rows / 64 + 1, sizeof *words);
    memcpy(words, bitmap, bytes);
    words[rows / 64] &= (UINT64_C(1) << rows % 64) - 1;
    return words;
}

static void count_rows(struct filter *f)
{
    struct side *in = &f->side[0], *out = &f->side[1];
    in->before = dr_calloc((size_t)f->blocks + 1, sizeof *in->before);
    out->before = dr_calloc((size_t)f->blocks + 1, sizeof *out->before);
    for (int64_t b = 0; b < f->blocks; b++) {
        int64_t from, to;
        block_rows(f, b, &from, &to);
        int64_t n = dr_bits_count((const uint8_t *)(f->words + from / 64), to - from);
        in->before[b + 1] = in->before[b] + n;
        out->before[b + 1] = out->before[b] + (to - from - n);
    }
    in->rows = in->before[f->blocks];
    out->rows = out->before[f->blocks];
}

static bool has_texts(const struct dr_table *t)
{
    for (int32_t i = 0; i < t->n; i++)
        if (t->columns[i]->type == DR_TYPE_STRING)
            return true;
    return false;
}

static void fill_sides(struct filter *f)
{
    for (int k = 0; k < f->n; k++)
        make_room(&f->side[k]);
    if (has_texts(f->t))
        dr_pool_run(f->blocks, measure_texts, f);
    for (int k = 0; k < f->n; k++)
        make_room_for_texts(&f->side[k]);
    dr_pool_run(f->t->n + f->blocks, fill, f);
}

/* The rows whose bit is 1 and, where n is 2, the others. */
static void split(const struct dr_table *t, const uint8_t *bitmap, int n, struct dr_table **ret)
{
    struct filter f = { .t = t, .n = n, .blocks = (t->rows + BLOCK - 1) / BLOCK };
    f.words = words_of(bitmap, t->rows);
    f.side[0].f = f.side[1].f = &f;
    f.side[1].flip = ~UINT64_C(0);
    count_rows(&f);
    if (f.side[0].rows && f.side[1].rows)
        fill_sides(&f);
    for (int k = 0; k < n; k++)
        ret[k] = f.side[k].rows == t->rows ? dr_table_ref(t) : table_of(&f.side[k]);
    side_done(&f.side[0]);
    side_done(&f.side[1]);
    free(f.words);
}

int32_t dr_table_filter(const struct dr_table *t, const uint8_t *bitmap, struct dr_table **ret,
                        struct dr_err *err)
{
    (void)err;
    split(t, bitmap, 1, ret);
    return DR_OK;
}

void dr_table_split(const struct dr_table *t, const uint8_t *bitmap, struct dr_table **ret_in,
                    struct dr_table **ret_out)
{
    struct dr_table *sides[2];
    split(t, bitmap, 2, sides);
    *ret_in = sides[0];
    *ret_out = sides[1];
}
