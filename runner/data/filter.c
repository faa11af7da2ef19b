/* filter.c - the rows whose bit is 1.
 *
 * The result has full chunks however few rows of each chunk remain, and each of
 * them is made on its own: counts of bits tell where its rows begin, the bits
 * become row numbers once for all columns, and each column is then gathered by
 * a loop for its width. */
#include "data/pool.h"
#include "data/slab.h"

struct filter {
    const struct dr_table *t;
    const uint8_t *bits;
    int64_t n;                /* rows that stay */
    int64_t *before;          /* by DR_CHUNK_ROWS rows of the table: bits before them */
    struct dr_slab *slab;     /* by column */
    struct dr_array ***chunk; /* by column: the chunks of the result */
    struct dr_share next;
};

/* The rows of one chunk of the result, ascending, counted from `base`. */
struct chosen {
    int64_t base, n;
    uint32_t row[DR_CHUNK_ROWS];
};

/* ---- bits to rows ---------------------------------------------------------------- */

static uint64_t load_word(const uint8_t *bits, int64_t rows, int64_t at)
{
    uint64_t word = 0;
    int64_t left = (rows - at + 7) / 8;
    memcpy(&word, bits + at / 8, left < 8 ? (size_t)left : 8);
    return rows - at < 64 ? word & ((UINT64_C(1) << (rows - at)) - 1) : word;
}

static void count_blocks(struct filter *f)
{
    int64_t blocks = (f->t->rows + DR_CHUNK_ROWS - 1) / DR_CHUNK_ROWS;
    f->before = dr_malloc(((size_t)blocks + 1) * sizeof *f->before);
    f->before[0] = 0;
    for (int64_t b = 0; b < blocks; b++) {
        int64_t left = f->t->rows - b * DR_CHUNK_ROWS;
        f->before[b + 1] = f->before[b] + dr_bits_count(f->bits + b * (DR_CHUNK_ROWS / 8),
                                                        left < DR_CHUNK_ROWS ? left : DR_CHUNK_ROWS);
    }
    f->n = f->before[blocks];
}

/* The block of the table in which the row that becomes `row` lies. */
static int64_t find_block(const struct filter *f, int64_t row)
{
    int64_t low = 0, high = (f->t->rows - 1) / DR_CHUNK_ROWS;
    while (low < high) {
        int64_t mid = low + (high - low + 1) / 2;
        if (f->before[mid] <= row)
            low = mid;
        else
            high = mid - 1;
    }
    return low;
}

static void choose_rows(const struct filter *f, int64_t k, struct chosen *c)
{
    int64_t first = k * DR_CHUNK_ROWS, block = find_block(f, first);
    int64_t skip = first - f->before[block], at = block * DR_CHUNK_ROWS;
    c->n = f->n - first < DR_CHUNK_ROWS ? f->n - first : DR_CHUNK_ROWS;
    uint64_t word = load_word(f->bits, f->t->rows, at);
    for (int64_t count; skip >= (count = __builtin_popcountll(word)); skip -= count)
        word = load_word(f->bits, f->t->rows, at += 64);
    for (; skip; skip--)
        word &= word - 1;
    c->base = at;
    for (int64_t n = 0;;) {
        for (; word && n < c->n; word &= word - 1)
            c->row[n++] = (uint32_t)(at - c->base + __builtin_ctzll(word));
        if (n == c->n)
            break;
        word = load_word(f->bits, f->t->rows, at += 64);
    }
}

/* ---- columns ------------------------------------------------------------------------ */

static inline void gather_fixed(const char *from, const uint32_t *row, int64_t n, char *out, size_t width)
{
    for (int64_t i = 0; i < n; i++)
        memcpy(out + (size_t)i * width, from + (size_t)row[i] * width, width);
}

static void gather_bits(const uint8_t *from, int64_t skew, const uint32_t *row, int64_t n, uint8_t *out,
                        int64_t at)
{
    for (int64_t i = 0; i < n; i++)
        if (dr_bit(from, (int64_t)row[i] + skew))
            dr_bit_set(out, at + i);
}

/* Offsets of the chosen texts; their bytes follow when all lengths are known. */
static void gather_lengths(const struct dr_array *a, int64_t skew, const uint32_t *row, int64_t n,
                           int64_t *offsets)
{
    const int64_t *from = a->values;
    for (int64_t i = 0; i < n; i++)
        offsets[i + 1] = offsets[i] + (from[row[i] + skew + 1] - from[row[i] + skew]);
}

static void gather_bytes(const struct dr_array *a, int64_t skew, const uint32_t *row, int64_t n,
                         const int64_t *offsets, char *bytes)
{
    const int64_t *from = a->values;
    for (int64_t i = 0; i < n; i++)
        memcpy(bytes + offsets[i], a->bytes + from[row[i] + skew], (size_t)(offsets[i + 1] - offsets[i]));
}

/* Rows [at, at + n) of the result come from one chunk, whose row 0 is `skew` rows before
 * those that row[] counts from. */
static void gather_piece(const struct dr_array *a, int64_t skew, const uint32_t *row, int64_t n,
                         struct dr_array *to, int64_t at)
{
    size_t width = dr_type_width(a->type);
    char *out = (char *)dr_array_writable(to) + (size_t)at * width;
    const char *from = (const char *)((uintptr_t)a->values + (uintptr_t)skew * width);
    switch (width) {
    case 4:
        gather_fixed(from, row, n, out, 4);
        break;
    case 8:
        gather_fixed(from, row, n, out, 8);
        break;
    case 16:
        gather_fixed(from, row, n, out, 16);
        break;
    default:
        if (a->type == DR_TYPE_BOOL)
            gather_bits(a->values, skew, row, n, dr_array_writable(to), at);
        else if (a->type == DR_TYPE_STRING)
            gather_lengths(a, skew, row, n, (int64_t *)dr_array_writable(to) + at);
    }
    if (to->valid && a->valid)
        gather_bits(a->valid, skew, row, n, to->mem[0]->p, at);
    for (int64_t i = 0; to->valid && !a->valid && i < n; i++)
        dr_bit_set(to->mem[0]->p, at + i);
}

/* The chosen rows that lie in one chunk of c, beginning with the one at `at`. */
static int64_t piece_end(const struct dr_column *c, int32_t k, const struct chosen *rows, int64_t at)
{
    int64_t end = c->start[k + 1] - rows->base, low = at, high = rows->n;
    if (rows->row[rows->n - 1] < end)
        return rows->n;
    while (low < high) {
        int64_t mid = low + (high - low) / 2;
        if (rows->row[mid] < end)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

typedef void (*piece_fn)(const struct dr_array *a, int64_t skew, const uint32_t *row, int64_t n,
                         struct dr_array *to, int64_t at);

static void each_piece(const struct dr_column *c, const struct chosen *rows, struct dr_array *to, piece_fn fn)
{
    int32_t k = dr_column_chunk_of(c, rows->base + rows->row[0]);
    for (int64_t at = 0, end; at < rows->n; at = end) {
        while (c->start[k + 1] <= rows->base + rows->row[at])
            k++;
        end = piece_end(c, k, rows, at);
        fn(c->chunk[k], rows->base - c->start[k], rows->row + at, end - at, to, at);
    }
}

static void bytes_piece(const struct dr_array *a, int64_t skew, const uint32_t *row, int64_t n,
                        struct dr_array *to, int64_t at)
{
    gather_bytes(a, skew, row, n, (const int64_t *)to->values + at, to->mem[2]->p);
}

static struct dr_array *gather_column(const struct dr_slab *slab, const struct dr_column *c, int64_t k,
                                      const struct chosen *rows)
{
    struct dr_array *to = dr_slab_array(slab, c, k, rows->n);
    if (c->type == DR_TYPE_NULL)
        return dr_array_seal(to);
    if (c->nulls)
        dr_array_make_validity(to);
    each_piece(c, rows, to, gather_piece);
    if (c->type == DR_TYPE_STRING) {
        dr_array_make_bytes(to, (size_t)((const int64_t *)to->values)[rows->n]);
        each_piece(c, rows, to, bytes_piece);
    }
    return dr_array_seal(to);
}

/* ---- entry ------------------------------------------------------------------------------ */

static void filter_worker(void *ctx, int64_t worker)
{
    struct filter *f = ctx;
    DR_AUTO_FREE struct chosen *rows = dr_malloc(sizeof *rows);
    (void)worker;
    for (int64_t k; (k = dr_share_next(&f->next)) >= 0;) {
        choose_rows(f, k, rows);
        for (int32_t i = 0; i < f->t->n; i++)
            f->chunk[i][k] = gather_column(&f->slab[i], f->t->columns[i], k, rows);
    }
}

static struct dr_table *filter_columns(struct filter *f)
{
    size_t n = (size_t)f->t->n;
    int64_t chunks = (f->n + DR_CHUNK_ROWS - 1) / DR_CHUNK_ROWS;
    DR_AUTO_FREE struct dr_column **columns = dr_malloc(n * sizeof(struct dr_column *));
    f->slab = dr_malloc(n * sizeof *f->slab);
    f->chunk = dr_malloc(n * sizeof(struct dr_array **));
    for (size_t i = 0; i < n; i++) {
        dr_slab_init(&f->slab[i], f->t->columns[i]->type, f->n);
        f->chunk[i] = dr_malloc((size_t)chunks * sizeof(struct dr_array *));
    }
    dr_share_start(&f->next, chunks);
    dr_pool_run(dr_pool_threads(), filter_worker, f);
    for (size_t i = 0; i < n; i++) {
        columns[i] = dr_column_like(f->t->columns[i], (int32_t)chunks, f->chunk[i]);
        dr_slab_done(&f->slab[i]);
        free(f->chunk[i]);
    }
    free(f->slab);
    free(f->chunk);
    return dr_table_adopt(f->t->n, (const char *const *)f->t->names, columns);
}

int32_t dr_table_filter(const struct dr_table *t, const uint8_t *bitmap, struct dr_table **ret,
                        struct dr_err *err)
{
    struct filter f = { .t = t, .bits = bitmap };
    if (t->rows > UINT32_MAX)
        return dr_fail(err, DR_ELIMIT, "filter: a table of %lld rows; at most %lld can be filtered",
                       (long long)t->rows, (long long)UINT32_MAX);
    count_blocks(&f);
    *ret = f.n == t->rows ? dr_table_ref(t) : filter_columns(&f);
    free(f.before);
    return DR_OK;
}
