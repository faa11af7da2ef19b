/* filter.c - the rows whose bit is 1.
 *
 * The result has full chunks however few rows of each chunk remain, and each of
 * them is made on its own: counts of bits tell where its rows begin, the bits
 * become row numbers once for all columns, and each column is then gathered by
 * a loop for its width. Where most rows stay, they come in runs, and a run is
 * copied as a whole. */
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

#define RUN_MIN 8 /* rows in a run, on average, for runs to pay */
#define RUNS_MAX (DR_CHUNK_ROWS / RUN_MIN)

/* The rows of one chunk of the result, ascending, counted from `base`. */
struct chosen {
    int64_t base, n;
    uint32_t row[DR_CHUNK_ROWS];
    int64_t n_runs;             /* 0: too many to pay */
    uint32_t run[RUNS_MAX + 1]; /* where in row[] each run of neighbours begins; then n */
};

/* Rows [at, end) of the result come from one chunk, whose row 0 is `skew` rows before
 * those that row[] counts from. */
struct piece {
    const struct dr_array *from;
    struct dr_array *to;
    const struct chosen *rows;
    int64_t skew, at, end;
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

static void find_runs(struct chosen *c)
{
    c->n_runs = 0;
    for (int64_t i = 0; i < c->n; i++) {
        if (i > 0 && c->row[i] == c->row[i - 1] + 1)
            continue;
        if (c->n_runs == c->n / RUN_MIN + 1 || c->n_runs == RUNS_MAX) {
            c->n_runs = 0;
            return;
        }
        c->run[c->n_runs++] = (uint32_t)i;
    }
    c->run[c->n_runs] = (uint32_t)c->n;
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
    find_runs(c);
}

/* ---- columns, row by row ------------------------------------------------------------ */

static inline void gather_fixed(const struct piece *p, size_t width)
{
    char *out = dr_array_writable(p->to);
    const char *from = (const char *)((uintptr_t)p->from->values + (uintptr_t)p->skew * width);
    for (int64_t i = p->at; i < p->end; i++)
        memcpy(out + (size_t)i * width, from + (size_t)p->rows->row[i] * width, width);
}

/* Bits of rows [at, at + m), m <= 64, the first in the lowest. */
static inline uint64_t chosen_bits(const struct piece *p, const uint8_t *from, int64_t at, int64_t m)
{
    uint64_t word = 0;
    for (int64_t i = 0; i < m; i++) {
        int64_t row = (int64_t)p->rows->row[at + i] + p->skew;
        word |= (uint64_t)(from[row >> 3] >> (row & 7) & 1) << i;
    }
    return word;
}

/* `out` is zero from bit `at` of the piece on. */
static void gather_bits(const struct piece *p, const uint8_t *from, uint8_t *out)
{
    for (int64_t at = p->at, m; at < p->end; at += m) {
        int shift = (int)(at & 7);
        m = p->end - at < 64 - shift ? p->end - at : 64 - shift;
        uint64_t word = chosen_bits(p, from, at, m) << shift;
        for (uint8_t *to = out + (at >> 3); word; word >>= 8)
            *to++ |= (uint8_t)word;
    }
}

/* Offsets of the chosen texts; their bytes follow when all lengths are known. */
static void gather_lengths(const struct piece *p, int64_t *offsets)
{
    const int64_t *from = p->from->values;
    for (int64_t i = p->at; i < p->end; i++) {
        int64_t row = p->rows->row[i] + p->skew;
        offsets[i + 1] = offsets[i] + (from[row + 1] - from[row]);
    }
}

static void gather_bytes(const struct piece *p, const int64_t *offsets, char *bytes)
{
    const int64_t *from = p->from->values;
    for (int64_t i = p->at; i < p->end; i++)
        memcpy(bytes + offsets[i], p->from->bytes + from[p->rows->row[i] + p->skew],
               (size_t)(offsets[i + 1] - offsets[i]));
}

/* ---- columns, run by run ------------------------------------------------------------ */

/* n rows of the source from `row` on become those from `at` on. */
struct run {
    int64_t at, row, n, k;
};

/* The run in which row p->at of the result lies. */
static struct run before_runs(const struct piece *p)
{
    int64_t low = 0, high = p->rows->n_runs - 1;
    while (low < high) {
        int64_t mid = low + (high - low + 1) / 2;
        if (p->rows->run[mid] <= p->at)
            low = mid;
        else
            high = mid - 1;
    }
    return (struct run){ .at = p->at, .k = low };
}

static inline bool next_run(const struct piece *p, struct run *r)
{
    r->at += r->n;
    if (r->at >= p->end)
        return false;
    int64_t end = p->rows->run[++r->k];
    r->n = (end < p->end ? end : p->end) - r->at;
    r->row = p->rows->row[r->at] + p->skew;
    return true;
}

static void copy_fixed(const struct piece *p, size_t width)
{
    char *out = dr_array_writable(p->to);
    const char *from = p->from->values;
    for (struct run r = before_runs(p); next_run(p, &r);)
        memcpy(out + (size_t)r.at * width, from + (size_t)r.row * width, (size_t)r.n * width);
}

#define BITS_AT_ONCE 56 /* and up to 7 before them fit a word */

/* Bits [i, i + m) of a bitmap of `rows` bits. */
static inline uint64_t bits_at(const uint8_t *bits, int64_t rows, int64_t i, int64_t m)
{
    uint64_t word = 0;
    int64_t left = (rows + 7) / 8 - (i >> 3);
    if (left >= 8)
        memcpy(&word, bits + (i >> 3), 8);
    else
        memcpy(&word, bits + (i >> 3), (size_t)left);
    return word >> (i & 7) & ((UINT64_C(1) << m) - 1);
}

static void copy_bits(const struct piece *p, const uint8_t *from, uint8_t *out)
{
    for (struct run r = before_runs(p); next_run(p, &r);)
        for (int64_t i = 0, m; i < r.n; i += m) {
            uint64_t word;
            m = r.n - i < BITS_AT_ONCE ? r.n - i : BITS_AT_ONCE;
            uint8_t *to = out + ((r.at + i) >> 3); /* buffers are padded: a word can be read */
            memcpy(&word, to, sizeof word);
            word |= bits_at(from, p->from->n, r.row + i, m) << ((r.at + i) & 7);
            memcpy(to, &word, sizeof word);
        }
}

static void copy_lengths(const struct piece *p, int64_t *offsets)
{
    for (struct run r = before_runs(p); next_run(p, &r);) {
        const int64_t *from = (const int64_t *)p->from->values + r.row;
        int64_t *to = offsets + r.at, moved = to[0] - from[0];
        for (int64_t i = 1; i <= r.n; i++)
            to[i] = from[i] + moved;
    }
}

static void copy_bytes(const struct piece *p, const int64_t *offsets, char *bytes)
{
    const int64_t *from = p->from->values;
    for (struct run r = before_runs(p); next_run(p, &r);)
        memcpy(bytes + offsets[r.at], p->from->bytes + from[r.row],
               (size_t)(offsets[r.at + r.n] - offsets[r.at]));
}

/* ---- columns -------------------------------------------------------------------------- */

static void take_fixed(const struct piece *p, size_t width)
{
    if (p->rows->n_runs)
        copy_fixed(p, width);
    else if (width == 4)
        gather_fixed(p, 4);
    else if (width == 8)
        gather_fixed(p, 8);
    else
        gather_fixed(p, 16);
}

static void take_bits(const struct piece *p, const uint8_t *from, uint8_t *out)
{
    if (p->rows->n_runs)
        copy_bits(p, from, out);
    else
        gather_bits(p, from, out);
}

static void take_validity(const struct piece *p)
{
    uint8_t *out = p->to->mem[0]->p;
    if (p->from->valid)
        take_bits(p, p->from->valid, out);
    for (int64_t i = p->at; !p->from->valid && i < p->end; i++)
        dr_bit_set(out, i);
}

static void take_values(const struct piece *p)
{
    size_t width = dr_type_width(p->from->type);
    void *out = dr_array_writable(p->to);
    if (width)
        take_fixed(p, width);
    else if (p->from->type == DR_TYPE_BOOL)
        take_bits(p, p->from->values, out);
    else if (p->from->type == DR_TYPE_STRING && p->rows->n_runs)
        copy_lengths(p, out);
    else if (p->from->type == DR_TYPE_STRING)
        gather_lengths(p, out);
    if (p->to->valid)
        take_validity(p);
}

static void take_bytes(const struct piece *p)
{
    const int64_t *offsets = p->to->values;
    if (p->rows->n_runs)
        copy_bytes(p, offsets, p->to->mem[2]->p);
    else
        gather_bytes(p, offsets, p->to->mem[2]->p);
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

static void each_piece(const struct dr_column *c, const struct chosen *rows, struct dr_array *to,
                       void (*fn)(const struct piece *p))
{
    struct piece p = { .rows = rows, .to = to };
    for (int32_t k = dr_column_chunk_of(c, rows->base + rows->row[0]); p.at < rows->n; p.at = p.end) {
        while (c->start[k + 1] <= rows->base + rows->row[p.at])
            k++;
        p.end = piece_end(c, k, rows, p.at);
        p.from = c->chunk[k];
        p.skew = rows->base - c->start[k];
        fn(&p);
    }
}

static struct dr_array *gather_column(const struct dr_slab *slab, const struct dr_column *c, int64_t k,
                                      const struct chosen *rows)
{
    struct dr_array *to = dr_slab_array(slab, c, k, rows->n);
    if (c->type == DR_TYPE_NULL)
        return dr_array_seal(to);
    if (c->nulls)
        dr_array_make_validity(to);
    each_piece(c, rows, to, take_values);
    if (c->type == DR_TYPE_STRING) {
        dr_array_make_bytes(to, (size_t)((const int64_t *)to->values)[rows->n]);
        each_piece(c, rows, to, take_bytes);
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
