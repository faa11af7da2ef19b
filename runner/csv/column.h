/* column.h - columns under construction, as cells.c (life), text.c and
 * typed.c (fields in) and take.c (arrays out) share them. Layer: csv. */
#ifndef DR_CSV_COLUMN_H
#define DR_CSV_COLUMN_H
#include "data/bulk.h"
#include "csv/cells.h"
#include "csv/values.h"
#include "csv/wide.h"

enum dr_csv_mark { DR_CSV_MISSING = 0, DR_CSV_PRESENT = 1 };

struct dr_csv_refusal {
    int64_t row;
    struct dr_str text; /* in the column's refused_text */
};
struct dr_csv_column {
    struct dr_csv_kind kind;
    /* Owned, one value for each row: codes of DICT, offsets of STRING (and one
     * more), bytes 0 and 1 of BOOL, else as in an array. */
    void *data;
    struct dr_mem *owner;        /* of data where arrays take it over; NULL: it is from malloc */
    int32_t seen;                /* DICT: all codes since the last take, or-ed */
    struct dr_csv_values values; /* DICT */
    uint8_t *marks;              /* owned, enum dr_csv_mark of each row; not of DICT */
    int64_t missing;             /* rows so marked since the last take */
    char *bytes;                 /* owned; STRING */
    size_t bytes_cap;
    bool nulls_first;               /* some spelling of a missing value also spells one of the type */
    struct dr_csv_refusal *refused; /* owned, of the rows since the last take */
    size_t refused_n, refused_cap;
    struct dr_arena refused_text;
};

struct dr_csv_cells {
    const struct dr_csv_format *format; /* borrowed */
    struct dr_csv_column *columns;      /* owned */
    int64_t *lines;                     /* owned; where wanted */
    int64_t rows, cap;
    enum dr_isa isa;
    struct dr_buf unquoted; /* a field whose doubled quotes were taken out */
    struct dr_bulk memory;  /* that arrays are made of */
};

void dr_csv_free_data(struct dr_csv_column *col);

/* The text of a quoted field without its quotes; may lie in out. */
struct dr_str dr_csv_unquote(struct dr_buf *out, struct dr_str s, char quote);

/* What must be done to the fields of a column of a run. */
enum dr_csv_fields {
    DR_CSV_BARE, /* nothing */
    DR_CSV_TRIM, /* quotes and a CR go, without a branch: which fields have them cannot be foreseen */
    DR_CSV_ANY   /* the same, and doubled quotes become single ones */
};
enum dr_csv_fields dr_csv_fields_of(const struct dr_csv_cells *cells, const struct dr_csv_run *run,
                                    int32_t c);

/* Column c from row `at` of a run on, for wide.h; the caller says how many rows. */
static inline struct dr_csv_strip dr_csv_strip_at(const struct dr_csv_cells *cells,
                                                  const struct dr_csv_run *run, int32_t c, int64_t at)
{
    const struct dr_csv_format *f = cells->format;
    return (struct dr_csv_strip){ .p = run->p,
                                  .ends = run->ends + at * f->n + c,
                                  .stride = (size_t)f->n,
                                  .separator = c < f->n - 1 ? f->delimiter : '\n',
                                  .quotes = run->quotes && !run->doubled,
                                  .quote = f->quote };
}

/* Field k of a run. `fields` is a constant where this is inlined. */
static inline __attribute__((always_inline)) struct dr_str dr_csv_field_at(struct dr_csv_cells *cells,
                                                                           const struct dr_csv_run *run,
                                                                           int64_t k,
                                                                           enum dr_csv_fields fields,
                                                                           bool *ret_quoted)
{
    uint32_t from = run->ends[k - 1] + 1, to = run->ends[k];
    struct dr_str s = { run->p + from, to - from };
    *ret_quoted = false;
    if (fields == DR_CSV_BARE)
        return s;
    s.n -= run->p[to - (s.n > 0)] == '\r' && s.n > 0; /* inside, a CR is followed by its quote */
    bool quoted = s.n > 0 && s.p[0] == cells->format->quote;
    *ret_quoted = quoted;
    if (fields == DR_CSV_ANY && quoted)
        return dr_csv_unquote(&cells->unquoted, s, cells->format->quote);
    return (struct dr_str){ s.p + quoted, s.n - 2 * (size_t)quoted };
}

/* Put a field where row `row` of a DICT, a STRING, a typed column lies. */
void dr_csv_put_code(const struct dr_csv_format *f, struct dr_csv_column *col, int64_t row, struct dr_str s,
                     bool quoted);
void dr_csv_put_text(const struct dr_csv_format *f, struct dr_csv_column *col, int64_t row, struct dr_str s,
                     bool quoted);
void dr_csv_put_typed(const struct dr_csv_format *f, struct dr_csv_column *col, int64_t row, struct dr_str s,
                      bool quoted);
/* The fields of column c of a run, which is a DICT, a STRING, typed. */
void dr_csv_run_codes(struct dr_csv_cells *cells, const struct dr_csv_run *run, int32_t c);
void dr_csv_run_text(struct dr_csv_cells *cells, const struct dr_csv_run *run, int32_t c);
void dr_csv_run_typed(struct dr_csv_cells *cells, const struct dr_csv_run *run, int32_t c);
#endif
