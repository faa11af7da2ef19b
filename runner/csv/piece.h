/* piece.h - a piece of CSV text into rows: limits, refusals and what a
 * forgiving reader keeps aside. Layer: csv. */
#ifndef DR_CSV_PIECE_H
#define DR_CSV_PIECE_H
#include "csv/cells.h"
#include "csv/scan.h"

enum dr_csv_path {
    DR_CSV_PATH_FAST,  /* the structural scan, and libcsv for whatever it cannot prove plain */
    DR_CSV_PATH_LIBCSV /* every record through libcsv */
};

struct dr_csv_reject {
    int64_t line; /* from 0 at the start of the unit */
    const char *reason;
    struct dr_str text;
};
/* What came of one piece. Lines count from 0 at its start; whoever knows how
 * many came before adds them. */
struct dr_csv_unit {
    int64_t start, end; /* offsets of the first record and past the last one */
    int64_t rows, lines;
    struct dr_csv_chunks chunks;
    struct dr_csv_reject *rejects; /* owned; texts in arena */
    size_t rejects_n, rejects_cap;
    struct dr_arena arena;
    bool fast;       /* some of it was read without libcsv */
    bool unfinished; /* the last record does not end in the bytes given */
    int32_t rc;      /* what ended the reading; then: */
    int32_t sys;
    int64_t fail_line;   /* -1: none to name */
    int64_t fail_column; /* byte in the line, from 1; 0: none to name */
    char fail[400];
};
struct dr_csv_unit *dr_csv_unit_new(int64_t start);
void dr_csv_unit_free(struct dr_csv_unit *u); /* NULL is fine */

/* One thread's tools for reading pieces. */
struct dr_csv_worker {
    const struct dr_csv_format *format; /* borrowed */
    enum dr_csv_path path;
    enum dr_isa isa;
    size_t block;                 /* bytes of a piece that are scanned and read at a time */
    struct dr_csv_parser *parser; /* owned */
    struct dr_csv_cells *cells;   /* owned */
    struct dr_csv_index index;
};
void dr_csv_worker_init(struct dr_csv_worker *w, const struct dr_csv_format *f, enum dr_csv_path path,
                        enum dr_isa isa, size_t block);
void dr_csv_worker_done(struct dr_csv_worker *w);

/* The bytes given to dr_csv_read_piece: p[0] starts a record. */
struct dr_csv_piece {
    const char *p; /* DR_CSV_SLACK readable bytes follow */
    size_t n;
    size_t limit; /* take only records that start before it */
    bool end;     /* nothing follows p[n - 1] */
};
/* Read the records of a piece into u, and its rows into u->chunks. Returns how
 * many bytes they took: 0 where the first record does not end in the piece. */
size_t dr_csv_read_piece(struct dr_csv_worker *w, const struct dr_csv_piece *piece, struct dr_csv_unit *u);

/* Note in u what ended the reading. */
void dr_csv_fail(struct dr_csv_unit *u, int32_t rc, int64_t line, int64_t column, const char *fmt, ...)
    DR_PRINTF(5, 6);
#endif
