/* csv_cells.c - columns under construction: life, and cells in.
 *
 * Cells gather in buffers that are reused from piece to piece and stay in
 * cache; a take (csv_take.c) copies them out to memory of exactly the size needed. */
#include "data/csv_cells.h"
#if defined(__GNUC__) && !defined(__clang__)
/* gcc 12 packs the words of a key into a vector only to take them apart again. */
#pragma GCC optimize("no-tree-slp-vectorize")
#endif
#include "data/csv_column.h"

enum { FIRST_ROWS = 64, MANY_VALUES = 8192 }; /* of which the table does not fit a core's own cache */

void dr_csv_format_done(struct dr_csv_format *f)
{
    for (int32_t i = 0; f->names && i < f->n + f->lines; i++)
        free(f->names[i]);
    free(f->names);
    free(f->kinds);
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

/* Whether a spelling of a missing value also spells one of the kind. */
static bool nulls_spell(const struct dr_csv_format *f, const struct dr_csv_kind *kind)
{
    char value[16];
    for (size_t i = 0; i < f->n_nulls; i++)
        if (dr_csv_spell(kind, f->nulls[i], value, 0))
            return true;
    return false;
}

/* Give a column the kind that the format says; there are no rows. */
static void set_kind(struct dr_csv_cells *cells, int32_t c)
{
    struct dr_csv_column *col = cells->columns + c;
    col->kind = cells->format->kinds[c];
    col->nulls_first = nulls_spell(cells->format, &col->kind);
    free(col->data);
    free(col->marks);
    col->data = NULL;
    col->marks = NULL;
    dr_csv_values_done(&col->values);
    if (col->kind.type == DR_TYPE_DICT)
        dr_csv_values_init(&col->values, cells->format);
}

struct dr_csv_cells *dr_csv_cells_new(const struct dr_csv_format *f)
{
    struct dr_csv_cells *cells = dr_calloc(1, sizeof *cells);
    cells->format = f;
    cells->columns = dr_calloc((size_t)f->n, sizeof *cells->columns);
    for (int32_t c = 0; c < f->n; c++)
        set_kind(cells, c);
    cells->unquoted.max = SIZE_MAX / 4;
    return cells;
}

void dr_csv_cells_free(struct dr_csv_cells *cells)
{
    if (!cells)
        return;
    for (int32_t c = 0; c < cells->format->n; c++) {
        struct dr_csv_column *col = cells->columns + c;
        dr_csv_values_done(&col->values);
        dr_arena_done(&col->refused_text);
        free(col->refused);
        free(col->data);
        free(col->marks);
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

/* Room for cells->cap rows. */
static void grow_column(struct dr_csv_cells *cells, struct dr_csv_column *col)
{
    size_t cap = (size_t)cells->cap;
    size_t width = col->kind.type == DR_TYPE_STRING ? sizeof(int64_t)
                   : col->kind.type == DR_TYPE_BOOL ? 1
                                                    : dr_type_width(col->kind.type);
    col->data = dr_realloc(col->data, (cap + 1) * width + DR_CSV_SLACK);
    if (col->kind.type == DR_TYPE_STRING && cells->rows == 0)
        *(int64_t *)col->data = 0;
    if (col->kind.type != DR_TYPE_DICT)
        col->marks = dr_realloc(col->marks, cap + DR_CSV_SLACK);
}

void dr_csv_cells_begin(struct dr_csv_cells *cells)
{
    for (int32_t c = 0; c < cells->format->n; c++) {
        struct dr_csv_column *col = cells->columns + c;
        if (cells->format->kinds[c].type != col->kind.type) {
            set_kind(cells, c);
            grow_column(cells, col);
        }
        if (col->kind.type == DR_TYPE_DICT)
            dr_csv_values_refresh(&col->values);
    }
}

static void need_rows(struct dr_csv_cells *cells, int64_t more)
{
    if (cells->cap - cells->rows >= more)
        return;
    int64_t cap = cells->cap * 2 > FIRST_ROWS ? cells->cap * 2 : FIRST_ROWS;
    cells->cap = cap > cells->rows + more ? cap : cells->rows + more;
    for (int32_t c = 0; c < cells->format->n; c++)
        grow_column(cells, cells->columns + c);
    if (cells->format->lines)
        cells->lines = dr_realloc(cells->lines, (size_t)cells->cap * sizeof *cells->lines);
}

static void need_bytes(struct dr_csv_column *col, size_t used, size_t more)
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
static inline void put_plain(const struct dr_csv_format *f, struct dr_csv_column *col, int64_t row,
                             struct dr_str s, bool quoted)
{
    int64_t *offsets = col->data, at = offsets[row];
    bool missing = s.n == 0 ? !(quoted && f->keep_empty) : f->n_nulls && dr_csv_is_null(f, s);
    if (missing)
        s.n = 0;
    memcpy(col->bytes + at, s.p, 16);
    if (s.n > 16)
        memcpy(col->bytes + at + 16, s.p + 16, s.n - 16);
    offsets[row + 1] = at + (int64_t)s.n;
    col->marks[row] = missing ? DR_CSV_MISSING : DR_CSV_PRESENT;
    col->missing += missing;
}

static void put_field(struct dr_csv_cells *cells, struct dr_csv_column *col, const struct dr_csv_field *field)
{
    const struct dr_csv_format *f = cells->format;
    struct dr_str s = field->text;
    if (col->kind.type == DR_TYPE_DICT) {
        int32_t code = dict_code(f, &col->values, s, field->quoted);
        ((int32_t *)col->data)[cells->rows] = code;
        col->seen |= code;
    } else if (col->kind.type == DR_TYPE_STRING) {
        need_bytes(col, (size_t)((int64_t *)col->data)[cells->rows], s.n);
        put_plain(f, col, cells->rows, s, field->quoted);
    } else {
        dr_csv_put_typed(f, col, cells->rows, s, field->quoted);
    }
}

void dr_csv_cells_append(struct dr_csv_cells *cells, const struct dr_csv_field *fields, int64_t line)
{
    need_rows(cells, 1);
    for (int32_t c = 0; c < cells->format->n; c++)
        put_field(cells, cells->columns + c, fields + c);
    if (cells->format->lines)
        cells->lines[cells->rows] = line;
    cells->rows++;
}

/* ---- runs of records in ----------------------------------------------------- */

struct dr_str dr_csv_unquote(struct dr_buf *out, struct dr_str s, char quote)
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

static inline __attribute__((always_inline)) void run_codes(struct dr_csv_cells *cells,
                                                            const struct dr_csv_run *run, int32_t c,
                                                            bool quotes, bool returns)
{
    const struct dr_csv_format *f = cells->format;
    struct dr_csv_column *col = cells->columns + c;
    int32_t *codes = (int32_t *)col->data + cells->rows;
    struct dr_csv_finder finder = dr_csv_finder_of(&col->values);
    int32_t seen = 0, n = f->n;
    for (int64_t i = 0, k = c; i < run->rows; i++, k += n) {
        bool quoted;
        struct dr_str s = dr_csv_field_at(cells, run, k, quotes, returns, &quoted);
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
    int32_t *codes = (int32_t *)cells->columns[c].data + cells->rows;
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
    struct dr_csv_column *col = cells->columns + c;
    for (int64_t i = 0, k = c; i < run->rows; i++, k += f->n) {
        bool quoted;
        struct dr_str s = dr_csv_field_at(cells, run, k, quotes, returns, &quoted);
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

static void run_text(struct dr_csv_cells *cells, const struct dr_csv_run *run, int32_t c)
{
    struct dr_csv_column *col = cells->columns + c;
    need_bytes(col, (size_t)((int64_t *)col->data)[cells->rows], run_bytes(cells, run, c));
    if (run->quotes || (run->returns && c == cells->format->n - 1))
        run_plain(cells, run, c, true, true);
    else
        run_plain(cells, run, c, false, false);
}

static void run_dict(struct dr_csv_cells *cells, const struct dr_csv_run *run, int32_t c)
{
    bool returns = run->returns && c == cells->format->n - 1;
    if (run->quotes)
        run_codes(cells, run, c, true, returns);
    else if (returns)
        run_codes(cells, run, c, false, true);
    else if (cells->columns[c].values.used > MANY_VALUES)
        run_codes_ahead(cells, run, c);
    else
        run_codes(cells, run, c, false, false);
}

static void run_column(struct dr_csv_cells *cells, const struct dr_csv_run *run, int32_t c)
{
    int32_t type = cells->columns[c].kind.type;
    if (type == DR_TYPE_STRING)
        run_text(cells, run, c);
    else if (type == DR_TYPE_DICT)
        run_dict(cells, run, c);
    else
        dr_csv_run_typed(cells, run, c);
}

void dr_csv_cells_append_run(struct dr_csv_cells *cells, const struct dr_csv_run *run)
{
    need_rows(cells, run->rows);
    for (int32_t c = 0; c < cells->format->n; c++)
        run_column(cells, run, c);
    cells->rows += run->rows;
}
