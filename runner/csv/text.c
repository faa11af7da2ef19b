/* text.c - fields into text columns, a column of a run at a time: codes of a
 * dictionary, or the bytes themselves.
 *
 * Each loop is compiled for every enum dr_csv_fields, and for the instructions
 * every machine has and those most have. */
#include "csv/cells.h"
#if defined(__GNUC__) && !defined(__clang__)
/* gcc 12 packs the words of a key into a vector only to take them apart again. */
#pragma GCC optimize("no-tree-slp-vectorize")
#endif
#include "csv/column.h"
#include "csv/front.h"

/* ---- codes ------------------------------------------------------------------- */

static int32_t code_of(const struct dr_csv_format *f, struct dr_csv_values *values, struct dr_str s,
                       bool quoted)
{
    if (s.n == 0)
        return quoted && f->keep_empty ? dr_csv_values_empty(values) : DR_CSV_NULL;
    struct dr_csv_finder finder = dr_csv_finder_of(values);
    return dr_csv_code(values, &finder, s);
}

void dr_csv_put_code(const struct dr_csv_format *f, struct dr_csv_column *col, int64_t row, struct dr_str s,
                     bool quoted)
{
    int32_t code = code_of(f, &col->values, s, quoted);
    ((int32_t *)col->data)[row] = code;
    col->seen |= code;
}

/* Rows from `from` on, where all values in the table fill no more than so many words of a
 * slot: most are short, and then two thirds of the work is none. Returns the first row that
 * is not found at once. */
static inline __attribute__((always_inline)) int64_t run_codes(struct dr_csv_cells *cells,
                                                               const struct dr_csv_run *run, int32_t c,
                                                               int64_t from, int words,
                                                               enum dr_csv_fields how)
{
    struct dr_csv_column *col = cells->columns + c;
    const struct dr_csv_finder finder = dr_csv_finder_of(&col->values);
    const struct dr_csv_run fields = *run; /* in registers, whatever is stored */
    int32_t *codes = (int32_t *)col->data + cells->rows, seen = 0;
    const int64_t n = cells->format->n, rows = run->rows;
    int64_t i = from;
    for (int64_t k = from * n + c; i < rows; i++, k += n) {
        bool quoted;
        struct dr_str s = dr_csv_field_at(cells, &fields, k, how, &quoted);
        if (__builtin_expect(s.n > 8u * (unsigned)words, 0) || (quoted && s.n == 0))
            break;
        struct dr_csv_key key = dr_csv_key_of_words(&finder, s.p, s.n, words);
        const struct dr_csv_slot *slot = finder.slots + (key.hash >> finder.shift);
        if (__builtin_expect(!dr_csv_is_slot_of_words(slot, &key, words), 0))
            break;
        codes[i] = slot->code;
        seen |= slot->code;
    }
    col->seen |= seen;
    return i;
}

static inline __attribute__((always_inline)) void run_all_codes(struct dr_csv_cells *cells,
                                                                const struct dr_csv_run *run, int32_t c,
                                                                enum dr_csv_fields how)
{
    struct dr_csv_column *col = cells->columns + c;
    for (int64_t i = 0;; i++) {
        i = col->values.words == 1   ? run_codes(cells, run, c, i, 1, how)
            : col->values.words == 2 ? run_codes(cells, run, c, i, 2, how)
                                     : run_codes(cells, run, c, i, 3, how);
        if (i >= run->rows)
            return;
        bool quoted;
        struct dr_str s = dr_csv_field_at(cells, run, i * cells->format->n + c, how, &quoted);
        dr_csv_put_code(cells->format, col, cells->rows + i, s, quoted);
    }
}

/* The same without quotes and CRs, for a column of so many values that finding
 * one misses the cache: the slots of a group of rows are asked for together. */
static inline __attribute__((always_inline)) void run_codes_ahead(struct dr_csv_cells *cells,
                                                                  const struct dr_csv_run *run, int32_t c)
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
                dr_csv_ask(&finder, &keys[g]);
            }
        }
        for (int64_t g = 0; g < group; g++) {
            uint32_t from = ends[g * n - 1] + 1;
            struct dr_str s = { run->p + from, ends[g * n] - from };
            codes[i + g] = s.n <= DR_CSV_SHORT
                               ? dr_csv_code_past(values, &finder, s, &keys[g], DR_CSV_SHORT / 8)
                               : dr_csv_values_long(values, s);
            seen |= codes[i + g];
        }
    }
    cells->columns[c].seen |= seen;
}

/* Row i of a run, whatever is in it. Returns whether the few values of the column have it
 * from now on. */
static bool put_row(struct dr_csv_cells *cells, const struct dr_csv_run *run, int32_t c,
                    enum dr_csv_fields how, int64_t i)
{
    struct dr_csv_column *col = cells->columns + c;
    int64_t row = cells->rows + i;
    bool quoted;
    struct dr_str s = dr_csv_field_at(cells, run, i * cells->format->n + c, how, &quoted);
    dr_csv_put_code(cells->format, col, row, s, quoted);
    return dr_csv_front_put(col->values.front, s, ((int32_t *)col->data)[row]);
}

/* The same for a column of few values, a group of rows at a time; the first strips are short,
 * since that is where the values are new. Where more than one row in eight has none of them,
 * groups do not pay. */
static void run_few_codes(struct dr_csv_cells *cells, const struct dr_csv_run *run, int32_t c,
                          enum dr_csv_fields how)
{
    enum { GROUPS = 64 };
    struct dr_csv_column *col = cells->columns + c;
    struct dr_csv_values *values = &col->values;
    int32_t *codes = (int32_t *)col->data + cells->rows;
    uint8_t found[GROUPS];
    int64_t at = 0, groups = 1, others = 0, whole = run->rows - run->rows % DR_CSV_WIDE;
    if (!values->front)
        values->front = dr_csv_front_new();
    for (int64_t rows; at < whole; at += rows, groups = groups < GROUPS ? groups * 2 : GROUPS) {
        struct dr_csv_strip strip = dr_csv_strip_at(cells, run, c, at);
        int64_t most = groups * DR_CSV_WIDE;
        strip.rows = rows = whole - at < most ? whole - at : most;
        col->seen |= dr_csv_front_find(values->front, &strip, cells->format->keep_empty, codes + at, found);
        for (int64_t g = 0; g < rows / DR_CSV_WIDE; g++)
            for (unsigned left = found[g] ^ 0xFFu; left; left &= left - 1)
                others += !put_row(cells, run, c, how, at + g * DR_CSV_WIDE + __builtin_ctz(left));
    }
    for (; at < run->rows; at++)
        (void)put_row(cells, run, c, how, at);
    if (others * 8 > run->rows) {
        values->many = true;
        dr_csv_front_free(values->front);
        values->front = NULL;
    }
}

/* ---- bytes -------------------------------------------------------------------- */

static void need_bytes(struct dr_csv_column *col, size_t used, size_t more)
{
    if (col->bytes_cap >= used + more + DR_CSV_SLACK)
        return;
    col->bytes_cap = (used + more + DR_CSV_SLACK) + col->bytes_cap / 2;
    col->bytes = dr_realloc(col->bytes, col->bytes_cap);
}

static bool is_missing(const struct dr_csv_format *f, struct dr_str s, bool quoted)
{
    return s.n == 0 ? !(quoted && f->keep_empty) : f->n_nulls > 0 && dr_csv_is_null(f, s);
}

/* Both sides have 16 bytes to spare, and most text is shorter. */
static inline __attribute__((always_inline)) void copy_text(char *to, struct dr_str s)
{
    memcpy(to, s.p, 16);
    if (s.n > 16)
        memcpy(to + 16, s.p + 16, s.n - 16);
}

void dr_csv_put_text(const struct dr_csv_format *f, struct dr_csv_column *col, int64_t row, struct dr_str s,
                     bool quoted)
{
    int64_t *offsets = col->data, at = offsets[row];
    bool missing = is_missing(f, s, quoted);
    if (missing)
        s.n = 0;
    need_bytes(col, (size_t)at, s.n);
    copy_text(col->bytes + at, s);
    offsets[row + 1] = at + (int64_t)s.n;
    col->marks[row] = missing ? DR_CSV_MISSING : DR_CSV_PRESENT;
    col->missing += missing;
}

static inline __attribute__((always_inline)) void run_text(struct dr_csv_cells *cells,
                                                           const struct dr_csv_run *run, int32_t c,
                                                           enum dr_csv_fields how, bool nulls)
{
    const struct dr_csv_format *f = cells->format;
    struct dr_csv_column *col = cells->columns + c;
    const struct dr_csv_run fields = *run; /* in registers, whatever is stored */
    int64_t *offsets = (int64_t *)col->data + cells->rows, at = offsets[0], missing = 0;
    uint8_t *marks = col->marks + cells->rows;
    char *bytes = col->bytes;
    const bool keep_empty = f->keep_empty;
    for (int64_t i = 0, k = c, n = f->n; i < fields.rows; i++, k += n) {
        bool quoted;
        struct dr_str s = dr_csv_field_at(cells, &fields, k, how, &quoted);
        bool none = nulls ? is_missing(f, s, quoted) : s.n == 0 && !(quoted && keep_empty);
        if (nulls && none)
            s.n = 0;
        copy_text(bytes + at, s);
        offsets[i + 1] = at += (int64_t)s.n;
        marks[i] = none ? DR_CSV_MISSING : DR_CSV_PRESENT;
        missing += none;
    }
    col->missing += missing;
}

/* ---- runs ------------------------------------------------------------------------ */

#define TEXT_LOOPS(suffix, target)                                                                           \
    target static void codes##suffix(struct dr_csv_cells *cells, const struct dr_csv_run *run, int32_t c,    \
                                     enum dr_csv_fields how)                                                 \
    {                                                                                                        \
        if (how == DR_CSV_ANY)                                                                               \
            run_all_codes(cells, run, c, DR_CSV_ANY);                                                        \
        else if (how == DR_CSV_TRIM)                                                                         \
            run_all_codes(cells, run, c, DR_CSV_TRIM);                                                       \
        else if (cells->columns[c].values.used > DR_CSV_MANY)                                                \
            run_codes_ahead(cells, run, c);                                                                  \
        else                                                                                                 \
            run_all_codes(cells, run, c, DR_CSV_BARE);                                                       \
    }                                                                                                        \
    target static void text##suffix(struct dr_csv_cells *cells, const struct dr_csv_run *run, int32_t c,     \
                                    enum dr_csv_fields how)                                                  \
    {                                                                                                        \
        if (how == DR_CSV_ANY || cells->format->n_nulls > 0)                                                 \
            run_text(cells, run, c, DR_CSV_ANY, true);                                                       \
        else if (how == DR_CSV_TRIM)                                                                         \
            run_text(cells, run, c, DR_CSV_TRIM, false);                                                     \
        else                                                                                                 \
            run_text(cells, run, c, DR_CSV_BARE, false);                                                     \
    }
TEXT_LOOPS(_any, )
TEXT_LOOPS(_avx2, DR_AVX2_CODE)

void dr_csv_run_codes(struct dr_csv_cells *cells, const struct dr_csv_run *run, int32_t c)
{
    enum { ENOUGH_ROWS = 16 };
    enum dr_csv_fields how = dr_csv_fields_of(cells, run, c);
    bool returns = run->returns && c == cells->format->n - 1;
    if (cells->isa >= DR_ISA_AVX512 && how != DR_CSV_ANY && !returns && !cells->columns[c].values.many &&
        run->rows >= ENOUGH_ROWS)
        run_few_codes(cells, run, c, how);
    else
        (cells->isa >= DR_ISA_AVX2 ? codes_avx2 : codes_any)(cells, run, c, how);
}

void dr_csv_run_text(struct dr_csv_cells *cells, const struct dr_csv_run *run, int32_t c)
{
    struct dr_csv_column *col = cells->columns + c;
    size_t most = run->ends[run->rows * cells->format->n - 1] - (run->ends[-1] + 1); /* of all columns */
    need_bytes(col, (size_t)((int64_t *)col->data)[cells->rows], most);
    (cells->isa >= DR_ISA_AVX2 ? text_avx2 : text_any)(cells, run, c, dr_csv_fields_of(cells, run, c));
}
