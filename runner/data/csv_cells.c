/* csv_cells.c - columns under construction.
 *
 * Cells gather in buffers that are reused from piece to piece and stay in
 * cache; a take copies them out to memory of exactly the size needed. The
 * first touch of fresh memory is what costs most on a virtual machine, so
 * large inputs take theirs from slabs of huge pages, which many arrays share. */
#include "data/csv_cells.h"
#if defined(__GNUC__) && !defined(__clang__)
/* gcc 12 packs the words of a key into a vector only to take them apart again. */
#pragma GCC optimize("no-tree-slp-vectorize")
#endif
#include "data/csv_values.h"
#include <sys/mman.h>

enum { SLAB = 8 << 20, HUGE_PAGE = 2 << 20, ALIGN = 64, SLACK = 32, FIRST_ROWS = 64 };
enum { MANY_VALUES = 8192 }; /* whose table does not fit a core's own cache */

struct column {
    bool plain;
    int32_t *codes;              /* owned, one for each row; of a plain column NULL or 0 */
    int32_t seen;                /* all codes since the last take, or-ed */
    struct dr_csv_values values; /* DICT */
    int64_t *offsets;            /* owned, rows + 1; plain */
    char *bytes;                 /* owned; plain */
    size_t bytes_cap;
};

struct dr_csv_cells {
    const struct dr_csv_format *format; /* borrowed */
    struct column *columns;             /* owned */
    int64_t *lines;                     /* owned; where wanted */
    int64_t rows, cap;
    struct dr_buf unquoted; /* a field whose doubled quotes were taken out */
    struct dr_mem *slab;    /* owned reference; NULL */
    size_t slab_used;
};

void dr_csv_format_done(struct dr_csv_format *f)
{
    for (int32_t i = 0; f->names && i < f->n + f->lines; i++)
        free(f->names[i]);
    free(f->names);
    free(f->plain);
    free(f->nulls);
    free(f->null_text);
    *f = (struct dr_csv_format){ 0 };
}

bool dr_csv_is_null(const struct dr_csv_format *f, struct dr_str s)
{
    for (size_t i = 0; i < f->n_nulls; i++)
        if (dr_str_eq(f->nulls[i], s))
            return true;
    return false;
}

/* ---- life ------------------------------------------------------------------- */

struct dr_csv_cells *dr_csv_cells_new(const struct dr_csv_format *f)
{
    struct dr_csv_cells *cells = dr_calloc(1, sizeof *cells);
    cells->format = f;
    cells->columns = dr_calloc((size_t)f->n, sizeof *cells->columns);
    for (int32_t c = 0; c < f->n; c++)
        dr_csv_values_init(&cells->columns[c].values, f);
    cells->unquoted.max = SIZE_MAX / 4;
    return cells;
}

void dr_csv_cells_free(struct dr_csv_cells *cells)
{
    if (!cells)
        return;
    for (int32_t c = 0; c < cells->format->n; c++) {
        struct column *col = cells->columns + c;
        dr_csv_values_done(&col->values);
        free(col->codes);
        free(col->offsets);
        free(col->bytes);
    }
    free(cells->columns);
    free(cells->lines);
    dr_buf_done(&cells->unquoted);
    dr_mem_unref(cells->slab);
    free(cells);
}

int64_t dr_csv_cells_rows(const struct dr_csv_cells *cells)
{
    return cells->rows;
}

int64_t *dr_csv_cells_lines(struct dr_csv_cells *cells)
{
    return cells->lines;
}

static void make_offsets(struct dr_csv_cells *cells, struct column *col)
{
    col->offsets = dr_realloc(col->offsets, ((size_t)cells->cap + 1) * sizeof *col->offsets);
    if (cells->rows == 0)
        col->offsets[0] = 0;
}

void dr_csv_cells_begin(struct dr_csv_cells *cells)
{
    for (int32_t c = 0; c < cells->format->n; c++) {
        struct column *col = cells->columns + c;
        if (cells->format->plain[c] && !col->plain) {
            dr_csv_values_done(&col->values);
            col->plain = true;
            make_offsets(cells, col);
        }
        if (!col->plain)
            dr_csv_values_refresh(&col->values);
    }
}

static void need_rows(struct dr_csv_cells *cells, int64_t more)
{
    if (cells->cap - cells->rows >= more)
        return;
    int64_t cap = cells->cap * 2 > FIRST_ROWS ? cells->cap * 2 : FIRST_ROWS;
    cells->cap = cap > cells->rows + more ? cap : cells->rows + more;
    for (int32_t c = 0; c < cells->format->n; c++) {
        struct column *col = cells->columns + c;
        col->codes = dr_realloc(col->codes, (size_t)cells->cap * sizeof *col->codes);
        if (col->plain)
            make_offsets(cells, col);
    }
    if (cells->format->lines)
        cells->lines = dr_realloc(cells->lines, (size_t)cells->cap * sizeof *cells->lines);
}

static void need_bytes(struct column *col, size_t used, size_t more)
{
    if (col->bytes_cap >= used + more + DR_CSV_SLACK)
        return;
    col->bytes_cap = (used + more + DR_CSV_SLACK) + col->bytes_cap / 2;
    col->bytes = dr_realloc(col->bytes, col->bytes_cap);
}

/* ---- cells in --------------------------------------------------------------- */

static int32_t dict_code(const struct dr_csv_format *f, struct dr_csv_values *values, struct dr_str s,
                         bool quoted)
{
    if (s.n == 0)
        return quoted && f->keep_empty ? dr_csv_values_empty(values) : DR_CSV_NULL;
    struct dr_csv_finder finder = dr_csv_finder_of(values);
    return dr_csv_code(values, &finder, s);
}

/* Put text where row `row` of a plain column lies; there is room for it. Both
 * sides have 16 bytes to spare, and most text is shorter. */
static inline void put_plain(const struct dr_csv_format *f, struct column *col, int64_t row, struct dr_str s,
                             bool quoted)
{
    int64_t at = col->offsets[row];
    bool missing = s.n == 0 ? !(quoted && f->keep_empty) : f->n_nulls && dr_csv_is_null(f, s);
    if (missing)
        s.n = 0;
    memcpy(col->bytes + at, s.p, 16);
    if (s.n > 16)
        memcpy(col->bytes + at + 16, s.p + 16, s.n - 16);
    col->offsets[row + 1] = at + (int64_t)s.n;
    col->codes[row] = missing ? DR_CSV_NULL : 0;
    col->seen |= col->codes[row];
}

void dr_csv_cells_append(struct dr_csv_cells *cells, const struct dr_csv_field *fields, int64_t line)
{
    const struct dr_csv_format *f = cells->format;
    need_rows(cells, 1);
    for (int32_t c = 0; c < f->n; c++) {
        struct column *col = cells->columns + c;
        struct dr_str s = fields[c].text;
        if (col->plain) {
            need_bytes(col, (size_t)col->offsets[cells->rows], s.n);
            put_plain(f, col, cells->rows, s, fields[c].quoted);
        } else {
            col->codes[cells->rows] = dict_code(f, &col->values, s, fields[c].quoted);
            col->seen |= col->codes[cells->rows];
        }
    }
    if (f->lines)
        cells->lines[cells->rows] = line;
    cells->rows++;
}

/* ---- runs of records in ----------------------------------------------------- */

/* The text of a quoted field without its quotes. */
static struct dr_str unquote(struct dr_buf *out, struct dr_str s, char quote)
{
    s = (struct dr_str){ s.p + 1, s.n - 2 };
    const char *inner = s.n ? memchr(s.p, quote, s.n) : NULL;
    if (!inner)
        return s;
    dr_buf_clear(out);
    char *to = dr_buf_reserve(out, s.n + DR_CSV_SLACK);
    if (!to)
        dr_die_oom(s.n);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        to[n++] = s.p[i];
        i += s.p[i] == quote;
    }
    memset(to + n, 0, DR_CSV_SLACK);
    return (struct dr_str){ to, n };
}

/* Field k of a run. quotes and returns are constants where this is inlined. */
static inline __attribute__((always_inline)) struct dr_str field_at(struct dr_csv_cells *cells,
                                                                    const struct dr_csv_run *run, int64_t k,
                                                                    bool quotes, bool returns,
                                                                    bool *ret_quoted)
{
    uint32_t from = run->ends[k - 1] + 1, to = run->ends[k];
    struct dr_str s = { run->p + from, to - from };
    *ret_quoted = false;
    if (returns && s.n > 0 && s.p[s.n - 1] == '\r')
        s.n--;
    if (quotes && s.n > 0 && s.p[0] == cells->format->quote) {
        *ret_quoted = true;
        return unquote(&cells->unquoted, s, cells->format->quote);
    }
    return s;
}

static inline __attribute__((always_inline)) void run_codes(struct dr_csv_cells *cells,
                                                            const struct dr_csv_run *run, int32_t c,
                                                            bool quotes, bool returns)
{
    const struct dr_csv_format *f = cells->format;
    struct column *col = cells->columns + c;
    int32_t *codes = col->codes + cells->rows;
    struct dr_csv_finder finder = dr_csv_finder_of(&col->values);
    int32_t seen = 0, n = f->n;
    for (int64_t i = 0, k = c; i < run->rows; i++, k += n) {
        bool quoted;
        struct dr_str s = field_at(cells, run, k, quotes, returns, &quoted);
        if (quotes && quoted && s.n == 0)
            codes[i] = dict_code(f, &col->values, s, true);
        else
            codes[i] = dr_csv_code(&col->values, &finder, s);
        seen |= codes[i];
    }
    col->seen |= seen;
}

/* The same without quotes and CRs, for a column of so many values that finding
 * one misses the cache: the slots of a group of rows are asked for together. */
static void run_codes_ahead(struct dr_csv_cells *cells, const struct dr_csv_run *run, int32_t c)
{
    enum { GROUP = 32 };
    struct dr_csv_values *values = &cells->columns[c].values;
    struct dr_csv_finder finder = dr_csv_finder_of(values);
    int32_t *codes = cells->columns[c].codes + cells->rows;
    struct dr_csv_key keys[GROUP];
    int32_t n = cells->format->n, seen = 0;
    for (int64_t i = 0; i < run->rows; i += GROUP) {
        int64_t group = run->rows - i < GROUP ? run->rows - i : GROUP;
        const uint32_t *ends = run->ends + i * n + c;
        for (int64_t g = 0; g < group; g++) {
            uint32_t from = ends[g * n - 1] + 1;
            size_t length = ends[g * n] - from;
            if (length <= DR_CSV_SHORT) {
                keys[g] = dr_csv_key_of(&finder, run->p + from, length);
                __builtin_prefetch(finder.slots + (keys[g].hash >> finder.shift));
            }
        }
        for (int64_t g = 0; g < group; g++) {
            uint32_t from = ends[g * n - 1] + 1;
            struct dr_str s = { run->p + from, ends[g * n] - from };
            codes[i + g] = s.n <= DR_CSV_SHORT ? dr_csv_code_of_key(values, &finder, s, &keys[g])
                                               : dr_csv_values_long(values, s);
            seen |= codes[i + g];
        }
    }
    cells->columns[c].seen |= seen;
}

static inline __attribute__((always_inline)) void run_plain(struct dr_csv_cells *cells,
                                                            const struct dr_csv_run *run, int32_t c,
                                                            bool quotes, bool returns)
{
    const struct dr_csv_format *f = cells->format;
    struct column *col = cells->columns + c;
    for (int64_t i = 0, k = c; i < run->rows; i++, k += f->n) {
        bool quoted;
        struct dr_str s = field_at(cells, run, k, quotes, returns, &quoted);
        put_plain(f, col, cells->rows + i, s, quoted);
    }
}

/* How many bytes the fields of column c of a run take at most. */
static size_t run_bytes(const struct dr_csv_cells *cells, const struct dr_csv_run *run, int32_t c)
{
    size_t bytes = 0;
    for (int64_t i = 0, k = c; i < run->rows; i++, k += cells->format->n)
        bytes += run->ends[k] - (run->ends[k - 1] + 1);
    return bytes;
}

static void run_column(struct dr_csv_cells *cells, const struct dr_csv_run *run, int32_t c)
{
    struct column *col = cells->columns + c;
    bool returns = run->returns && c == cells->format->n - 1;
    if (col->plain) {
        need_bytes(col, (size_t)col->offsets[cells->rows], run_bytes(cells, run, c));
        if (run->quotes || returns)
            run_plain(cells, run, c, true, true);
        else
            run_plain(cells, run, c, false, false);
    } else if (run->quotes) {
        run_codes(cells, run, c, true, returns);
    } else if (returns) {
        run_codes(cells, run, c, false, true);
    } else if (col->values.used > MANY_VALUES) {
        run_codes_ahead(cells, run, c);
    } else {
        run_codes(cells, run, c, false, false);
    }
}

void dr_csv_cells_append_run(struct dr_csv_cells *cells, const struct dr_csv_run *run)
{
    need_rows(cells, run->rows);
    for (int32_t c = 0; c < cells->format->n; c++)
        run_column(cells, run, c);
    cells->rows += run->rows;
}

/* ---- arrays out --------------------------------------------------------------- */

static void slab_release(struct dr_mem *m)
{
    munmap(m->p, m->n);
}

/* Memory that starts on a huge page, or NULL where the system has none to give. */
static struct dr_mem *slab_new(size_t n)
{
    char *p = mmap(NULL, n + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    size_t before = (HUGE_PAGE - ((uintptr_t)p & (HUGE_PAGE - 1))) & (HUGE_PAGE - 1);
    if (before > 0)
        munmap(p, before);
    if (HUGE_PAGE - before > 0)
        munmap(p + before + n, HUGE_PAGE - before);
    (void)madvise(p + before, n, MADV_HUGEPAGE); /* a wish */
    struct dr_mem *m = dr_calloc(1, sizeof *m);
    atomic_init(&m->refs, 1);
    m->p = p + before;
    m->n = n;
    m->release = slab_release;
    return m;
}

static void *take_memory(struct dr_csv_cells *cells, size_t n, struct dr_mem **ret_owner)
{
    size_t padded = (n + SLACK + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    bool fits = cells->slab && cells->slab->n - cells->slab_used >= padded;
    if (cells->format->large && !fits && padded <= SLAB / 4) {
        dr_mem_unref(cells->slab);
        cells->slab = slab_new(SLAB);
        cells->slab_used = 0;
        fits = cells->slab != NULL;
    }
    if (!fits) {
        *ret_owner = dr_mem_new(n);
        return (*ret_owner)->p;
    }
    char *p = (char *)cells->slab->p + cells->slab_used;
    cells->slab_used += padded;
    *ret_owner = dr_mem_ref(cells->slab);
    return p;
}

static struct dr_array *new_array(int32_t type, int64_t n)
{
    struct dr_array *a = dr_calloc(1, sizeof *a);
    atomic_init(&a->refs, 1);
    a->type = type;
    a->n = n;
    return a;
}

/* The bitmap of the codes that are not NULL. */
static void take_validity(struct dr_csv_cells *cells, struct dr_array *a, const int32_t *codes)
{
    size_t bytes = (size_t)(a->n + 7) / 8;
    uint8_t *bits = take_memory(cells, bytes, &a->mem[0]);
    memset(bits, 0, bytes);
    int64_t present = 0;
    for (int64_t i = 0; i < a->n; i++) {
        uint8_t valid = codes[i] != DR_CSV_NULL;
        bits[i >> 3] |= (uint8_t)(valid << (i & 7));
        present += valid;
    }
    a->valid = bits;
    a->nulls = a->n - present;
    if (a->nulls == 0) {
        dr_mem_unref(a->mem[0]);
        a->mem[0] = NULL;
        a->valid = NULL;
    }
}

static struct dr_array *take_codes(struct dr_csv_cells *cells, struct column *col, int64_t from, int64_t n)
{
    struct dr_array *a = new_array(DR_TYPE_DICT, n);
    const int32_t *codes = col->codes + from;
    int32_t *values = take_memory(cells, (size_t)n * sizeof *values, &a->mem[1]);
    a->values = values;
    if (col->seen >= 0) {
        memcpy(values, codes, (size_t)n * sizeof *values);
        return a;
    }
    take_validity(cells, a, codes);
    for (int64_t i = 0; i < n; i++)
        values[i] = codes[i] < 0 ? 0 : codes[i];
    return a;
}

static struct dr_array *take_plain(struct dr_csv_cells *cells, struct column *col, int64_t from, int64_t n)
{
    struct dr_array *a = new_array(DR_TYPE_STRING, n);
    const int64_t *offsets = col->offsets + from;
    int64_t *values = take_memory(cells, ((size_t)n + 1) * sizeof *values, &a->mem[1]);
    size_t size = (size_t)(offsets[n] - offsets[0]);
    char *bytes = take_memory(cells, size, &a->mem[2]);
    for (int64_t i = 0; i <= n; i++)
        values[i] = offsets[i] - offsets[0];
    if (size > 0)
        memcpy(bytes, col->bytes + offsets[0], size);
    a->values = values;
    a->bytes = bytes;
    if (col->seen < 0)
        take_validity(cells, a, col->codes + from);
    return a;
}

static struct dr_array *take_lines(struct dr_csv_cells *cells, int64_t from, int64_t n)
{
    struct dr_array *a = new_array(DR_TYPE_INT64, n);
    int64_t *values = take_memory(cells, (size_t)n * sizeof *values, &a->mem[1]);
    memcpy(values, cells->lines + from, (size_t)n * sizeof *values);
    a->values = values;
    return a;
}

void dr_csv_cells_take(struct dr_csv_cells *cells, struct dr_csv_chunks *ret)
{
    const struct dr_csv_format *f = cells->format;
    *ret = (struct dr_csv_chunks){ .n = (int32_t)((cells->rows + DR_CHUNK_ROWS - 1) / DR_CHUNK_ROWS),
                                   .columns = f->n + f->lines,
                                   .from = cells };
    ret->arrays = dr_calloc((size_t)ret->n * (size_t)ret->columns, sizeof(struct dr_array *));
    ret->provisional = dr_calloc((size_t)ret->columns, sizeof *ret->provisional);
    for (int32_t k = 0; k < ret->n; k++) {
        int64_t from = (int64_t)k * DR_CHUNK_ROWS;
        int64_t n = cells->rows - from < DR_CHUNK_ROWS ? cells->rows - from : DR_CHUNK_ROWS;
        struct dr_array **arrays = ret->arrays + (size_t)k * (size_t)ret->columns;
        for (int32_t c = 0; c < f->n; c++) {
            struct column *col = cells->columns + c;
            arrays[c] = col->plain ? take_plain(cells, col, from, n) : take_codes(cells, col, from, n);
        }
        if (f->lines)
            arrays[f->n] = take_lines(cells, from, n);
    }
    for (int32_t c = 0; c < f->n; c++) {
        ret->provisional[c] = (cells->columns[c].seen & DR_CSV_PROVISIONAL) != 0;
        cells->columns[c].seen = 0;
    }
    cells->rows = 0;
}

void dr_csv_chunks_done(struct dr_csv_chunks *chunks)
{
    for (int32_t i = 0; i < chunks->n * chunks->columns; i++)
        dr_array_unref(chunks->arrays[i]);
    free(chunks->arrays);
    free(chunks->provisional);
    *chunks = (struct dr_csv_chunks){ 0 };
}

/* Arrays are written only before anybody else has seen them. */
static void settle_codes(struct dr_array *a, struct dr_csv_values *values, struct dr_dict *dict)
{
    int32_t *codes = DR_UNCONST(int32_t, a->values);
    for (int64_t i = 0; i < a->n; i++)
        if (codes[i] & DR_CSV_PROVISIONAL)
            codes[i] = dr_csv_values_settle(values, codes[i], dict);
}

static void settle_array(struct dr_csv_chunks *chunks, int32_t c, struct dr_array *a, struct dr_dict **dicts,
                         int64_t first_line)
{
    if (a->type == DR_TYPE_INT64) {
        int64_t *lines = DR_UNCONST(int64_t, a->values);
        for (int64_t i = 0; i < a->n; i++)
            lines[i] += first_line;
    } else if (a->type == DR_TYPE_DICT) {
        if (chunks->provisional[c])
            settle_codes(a, &chunks->from->columns[c].values, dicts[c]);
        a->dict = dr_dict_ref(dicts[c]);
    }
}

void dr_csv_settle(struct dr_csv_chunks *chunks, struct dr_dict **dicts, int64_t first_line)
{
    for (int32_t k = 0; k < chunks->n; k++)
        for (int32_t c = 0; c < chunks->columns; c++)
            settle_array(chunks, c, chunks->arrays[k * chunks->columns + c], dicts, first_line);
}

/* The same rows as a STRING array. */
static struct dr_array *spelled_out(const struct dr_array *a)
{
    struct dr_array *plain = dr_array_new(DR_TYPE_STRING, a->n, NULL);
    int64_t *offsets = plain->mem[1]->p;
    for (int64_t i = 0; i < a->n; i++)
        offsets[i + 1] = offsets[i] + (dr_array_valid(a, i) ? (int64_t)dr_array_str(a, i).n : 0);
    char *bytes = dr_array_make_bytes(plain, (size_t)offsets[a->n]);
    for (int64_t i = 0; i < a->n; i++) {
        if (offsets[i + 1] > offsets[i])
            memcpy(bytes + offsets[i], dr_array_str(a, i).p, (size_t)(offsets[i + 1] - offsets[i]));
    }
    plain->mem[0] = dr_mem_ref(a->mem[0]);
    plain->valid = a->valid;
    plain->nulls = a->nulls;
    return plain;
}

void dr_csv_chunks_make_plain(struct dr_csv_chunks *chunks, int32_t column)
{
    for (int32_t k = 0; k < chunks->n; k++) {
        struct dr_array **a = chunks->arrays + k * chunks->columns + column;
        struct dr_array *plain = spelled_out(*a);
        dr_array_unref(*a);
        *a = plain;
    }
}
