/* typed.c - fields into values of a declared or inferred type, a column of
 * a run at a time.
 *
 * A loop reads the usual spelling of its type in a register (spell.h).
 * Whatever it does not take goes to dr_csv_put_typed, which knows missing
 * values, every other spelling, and what becomes of text that is none. Each
 * loop is compiled for every enum dr_csv_fields, and for the instructions every
 * machine has and those most have. */
#include "csv/column.h"
#include "csv/infer.h"
#include "csv/wide.h"

static void refuse(struct dr_csv_column *col, int64_t row, struct dr_str s)
{
    if (col->refused_n == col->refused_cap) {
        col->refused_cap = col->refused_cap ? col->refused_cap * 2 : 16;
        col->refused = dr_realloc(col->refused, col->refused_cap * sizeof *col->refused);
    }
    struct dr_str text = { s.n ? dr_arena_dup(&col->refused_text, s.p, s.n) : "", s.n };
    col->refused[col->refused_n++] = (struct dr_csv_refusal){ row, text };
}

void dr_csv_put_typed(const struct dr_csv_format *f, struct dr_csv_column *col, int64_t row, struct dr_str s,
                      bool quoted)
{
    size_t width = col->kind.type == DR_TYPE_BOOL ? 1 : dr_type_width(col->kind.type);
    bool missing = s.n == 0 ? !(quoted && f->keep_empty) : f->n_nulls > 0 && dr_csv_is_null(f, s);
    col->marks[row] = DR_CSV_PRESENT;
    if (!missing && dr_csv_spell(&col->kind, s, col->data, row))
        return;
    col->marks[row] = DR_CSV_MISSING;
    col->missing++;
    memset((char *)col->data + (size_t)row * width, 0, width);
    if (!missing)
        refuse(col, row, s);
}

/* The one spelling of each that files full of them have; any other takes longer. */
static inline __attribute__((always_inline)) bool fast_bool(struct dr_str s, uint8_t *ret)
{
    uint64_t lower = dr_csv_load8(s.p) | DR_CSV_EACH(0x20);
    *ret = s.n == 4;
    return s.n == 4 ? (uint32_t)lower == UINT32_C(0x65757274)                                 /* true */
                    : s.n == 5 && (lower & UINT64_C(0xFFFFFFFFFF)) == UINT64_C(0x65736C6166); /* false */
}

static inline __attribute__((always_inline)) bool fast_value(const struct dr_csv_kind *kind, int32_t type,
                                                             bool inferred,
                                                             const struct dr_csv_months *months,
                                                             struct dr_str s, void *data, int64_t i)
{
    switch (type) {
    case DR_TYPE_BOOL:
        return fast_bool(s, (uint8_t *)data + i);
    case DR_TYPE_INT64:
        return dr_csv_fast_int(s, (int64_t *)data + i) && (!inferred || dr_csv_is_canonical(s));
    case DR_TYPE_FLOAT64:
        return dr_csv_fast_float(s, (double *)data + i) && (!inferred || dr_csv_is_canonical(s));
    case DR_TYPE_DATE:
        return dr_csv_fast_date(months, s, (int32_t *)data + i);
    case DR_TYPE_TIMESTAMP:
        return dr_csv_fast_timestamp(months, s, kind->zoned, (int64_t *)data + i);
    case DR_TYPE_DECIMAL:
        return dr_csv_fast_decimal(s, kind->scale, (char *)data + i * 16);
    default:
        return false;
    }
}

static inline __attribute__((always_inline)) void run_values(struct dr_csv_cells *cells,
                                                             const struct dr_csv_run *run, int32_t c,
                                                             int32_t type, enum dr_csv_fields how)
{
    struct dr_csv_column *col = cells->columns + c;
    const struct dr_csv_kind kind = col->kind;
    const struct dr_csv_months *months = dr_csv_months();
    const struct dr_csv_run fields = *run; /* in registers, whatever is stored */
    void *data = col->data;
    int64_t row = cells->rows;
    memset(col->marks + row, DR_CSV_PRESENT, (size_t)run->rows);
    for (int64_t i = 0, k = c, n = cells->format->n; i < fields.rows; i++, k += n, row++) {
        bool quoted;
        struct dr_str s = dr_csv_field_at(cells, &fields, k, how, &quoted);
        if (__builtin_expect(!fast_value(&kind, type, kind.inferred, months, s, data, row), 0))
            dr_csv_put_typed(cells->format, col, row, s, quoted);
    }
}

/* As run_values, where what spells a value may also spell a missing one. */
static void run_slowly(struct dr_csv_cells *cells, const struct dr_csv_run *run, int32_t c)
{
    for (int64_t i = 0, k = c; i < run->rows; i++, k += cells->format->n) {
        bool quoted;
        struct dr_str s = dr_csv_field_at(cells, run, k, DR_CSV_ANY, &quoted);
        dr_csv_put_typed(cells->format, cells->columns + c, cells->rows + i, s, quoted);
    }
}

/* Row i of a run, which no group has read. */
static void put_one(struct dr_csv_cells *cells, const struct dr_csv_run *run, int32_t c, int64_t i)
{
    struct dr_csv_column *col = cells->columns + c;
    bool quoted;
    struct dr_str s = dr_csv_field_at(cells, run, i * cells->format->n + c, DR_CSV_ANY, &quoted);
    if (!fast_value(&col->kind, col->kind.type, col->kind.inferred, dr_csv_months(), s, col->data,
                    cells->rows + i))
        dr_csv_put_typed(cells->format, col, cells->rows + i, s, quoted);
}

/* A run of floats or dates without CRs, a group of rows at a time. */
static void run_groups(struct dr_csv_cells *cells, const struct dr_csv_run *run, int32_t c)
{
    enum { GROUPS = 64, ROWS = GROUPS * DR_CSV_WIDE };
    struct dr_csv_column *col = cells->columns + c;
    uint8_t read[GROUPS];
    int64_t at = 0, whole = run->rows - run->rows % DR_CSV_WIDE;
    memset(col->marks + cells->rows, DR_CSV_PRESENT, (size_t)run->rows);
    for (int64_t rows; at < whole; at += rows) {
        struct dr_csv_strip strip = dr_csv_strip_at(cells, run, c, at);
        strip.rows = rows = whole - at < ROWS ? whole - at : ROWS;
        if (col->kind.type == DR_TYPE_DATE)
            dr_csv_wide_dates(&strip, (int32_t *)col->data + cells->rows + at, read);
        else
            dr_csv_wide_floats(&strip, col->kind.inferred, (double *)col->data + cells->rows + at, read);
        for (int64_t g = 0; g < rows / DR_CSV_WIDE; g++)
            for (unsigned left = read[g] ^ 0xFFu; left; left &= left - 1)
                put_one(cells, run, c, at + g * DR_CSV_WIDE + __builtin_ctz(left));
    }
    for (; at < run->rows; at++)
        put_one(cells, run, c, at);
}

/* One loop for each kind of fields, so that none asks of what kind they are. */
#define TYPED_LOOPS(name, type, target)                                                                      \
    target static void name(struct dr_csv_cells *cells, const struct dr_csv_run *run, int32_t c,             \
                            enum dr_csv_fields how)                                                          \
    {                                                                                                        \
        if (how == DR_CSV_BARE)                                                                              \
            run_values(cells, run, c, type, DR_CSV_BARE);                                                    \
        else if (how == DR_CSV_TRIM)                                                                         \
            run_values(cells, run, c, type, DR_CSV_TRIM);                                                    \
        else                                                                                                 \
            run_values(cells, run, c, type, DR_CSV_ANY);                                                     \
    }
#define TYPED_LOOP(name, type)                                                                               \
    TYPED_LOOPS(name##_any, type, )                                                                          \
    TYPED_LOOPS(name##_avx2, type, DR_AVX2_CODE)
TYPED_LOOP(run_bool, DR_TYPE_BOOL)
TYPED_LOOP(run_int, DR_TYPE_INT64)
TYPED_LOOP(run_float, DR_TYPE_FLOAT64)
TYPED_LOOP(run_date, DR_TYPE_DATE)
TYPED_LOOP(run_timestamp, DR_TYPE_TIMESTAMP)
TYPED_LOOP(run_decimal, DR_TYPE_DECIMAL)

void dr_csv_run_typed(struct dr_csv_cells *cells, const struct dr_csv_run *run, int32_t c)
{
    static void (*const loops[][2])(struct dr_csv_cells *, const struct dr_csv_run *, int32_t,
                                    enum dr_csv_fields) = {
        [DR_TYPE_BOOL] = { run_bool_any, run_bool_avx2 },
        [DR_TYPE_INT64] = { run_int_any, run_int_avx2 },
        [DR_TYPE_FLOAT64] = { run_float_any, run_float_avx2 },
        [DR_TYPE_DATE] = { run_date_any, run_date_avx2 },
        [DR_TYPE_TIMESTAMP] = { run_timestamp_any, run_timestamp_avx2 },
        [DR_TYPE_DECIMAL] = { run_decimal_any, run_decimal_avx2 },
    };
    const struct dr_csv_column *col = cells->columns + c;
    bool returns = run->returns && c == cells->format->n - 1;
    bool wide = (col->kind.type == DR_TYPE_FLOAT64 || col->kind.type == DR_TYPE_DATE) && !returns &&
                dr_csv_wide_can(cells->isa, cells->format->delimiter);
    if (col->nulls_first)
        run_slowly(cells, run, c);
    else if (wide)
        run_groups(cells, run, c);
    else
        loops[col->kind.type][cells->isa >= DR_ISA_AVX2](cells, run, c, dr_csv_fields_of(cells, run, c));
}
