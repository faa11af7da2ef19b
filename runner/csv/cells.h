/* cells.h - one thread's columns under construction: cells in, Arrow arrays
 * out. Layer: csv.
 *
 * Text becomes codes at once, in a table of the thread's own that nobody else
 * touches. A value that the stream's dictionary may not hold yet gets a
 * provisional code; dr_csv_settle, called in file order by the one thread that
 * owns the dictionary, replaces it. So codes are numbered in order of first
 * appearance in the file, however many threads read it. */
#ifndef DR_CSV_CELLS_H
#define DR_CSV_CELLS_H
#include "data/column.h"
#include "csv/parse.h"
#include "csv/scan.h"
#include "csv/spell.h"

/* What a file's records look like: fixed once reading has begun, so threads share it. */
struct dr_csv_format {
    char delimiter, quote;
    bool forgiving, keep_empty;
    bool hide_text; /* errors do not quote records */
    bool lines;     /* the caller wants line numbers */
    bool utf16;     /* what is not UTF-8 was not UTF-16 before it was decoded */
    int64_t max_field, max_record;
    int32_t n;                 /* columns */
    char **names;              /* owned: n, and after them the line column where wanted */
    struct dr_csv_kind *kinds; /* owned, n: what they are read as */
    struct dr_str *nulls;      /* owned: other spellings of a missing value */
    size_t n_nulls;
    char *null_text; /* owned: what nulls point into */
    bool large;      /* see dr_bulk */
};
void dr_csv_format_done(struct dr_csv_format *f);
bool dr_csv_is_null(const struct dr_csv_format *f, struct dr_str s); /* s is one of f->nulls */

enum { DR_CSV_COLUMNS_MAX = 65536 }; /* each takes some kilobytes before it has a row */
struct dr_csv_cells;
struct dr_csv_cells *dr_csv_cells_new(const struct dr_csv_format *f, enum dr_isa isa);
void dr_csv_cells_free(struct dr_csv_cells *cells);
int64_t dr_csv_cells_rows(const struct dr_csv_cells *cells); /* appended since the last take */
/* Learn the codes that have been settled, and what columns are read as. */
void dr_csv_cells_begin(struct dr_csv_cells *cells);

/* One record; every text is followed by DR_CSV_SLACK readable bytes. */
void dr_csv_cells_append(struct dr_csv_cells *cells, const struct dr_csv_field *fields, int64_t line);

/* Many records without a parser: see fast.c. ends[i] is the offset in p of
 * the separator after field i of the run, ends[-1] that before the first; a
 * field may be quoted only where `quotes`, hold doubled quotes only where
 * `doubled`, and be followed by a CR before its separator only where `returns`
 * (the last of its record). */
struct dr_csv_run {
    const char *p;
    const uint32_t *ends;
    int64_t rows;
    bool quotes, doubled, returns;
};
void dr_csv_cells_append_run(struct dr_csv_cells *cells, const struct dr_csv_run *run);
/* The line numbers of the rows of a run; as many as rows were appended. */
int64_t *dr_csv_cells_lines(struct dr_csv_cells *cells);

/* All rows appended since the last take, as chunks of at most DR_CHUNK_ROWS. */
struct dr_csv_chunks {
    int32_t n, columns;        /* columns counts the line column, */
    bool lines;                /* which is the last where there is one */
    struct dr_array **arrays;  /* owned: n * columns, chunk after chunk */
    bool *provisional;         /* owned, columns: settle has work to do */
    struct dr_csv_cells *from; /* borrowed: who knows the provisional values */
};
void dr_csv_cells_take(struct dr_csv_cells *cells, struct dr_csv_chunks *ret);
void dr_csv_chunks_done(struct dr_csv_chunks *chunks);
/* Replace provisional codes, adding to dicts[column] what is new, and add
 * first_line to line numbers, which count from 0 until then. */
void dr_csv_settle(struct dr_csv_chunks *chunks, struct dr_dict **dicts, int64_t first_line);
#endif
