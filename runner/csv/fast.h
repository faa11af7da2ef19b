/* fast.h - runs of plain records by the structural scan. Layer: csv. */
#ifndef DR_CSV_FAST_H
#define DR_CSV_FAST_H
#include "csv/piece.h"

enum { DR_CSV_PAIRS = 64 };

/* A piece, or a part of one, and how far its separators have been used. */
struct dr_csv_fast {
    const struct dr_csv_piece *piece;
    bool usable;  /* the scan proved what it must, and no limit is near */
    size_t end;   /* offset past the last record that ends in the piece */
    bool regular; /* every record has as many fields as there are columns */
    size_t next;  /* the separator before the next record, in index.at */
    size_t plain; /* records from there on that are known to be plain */
    /* Where a quote follows a quote, in order; only where some are doubled, and that few. */
    uint32_t pair[DR_CSV_PAIRS];
    int32_t pairs, pairs_used;
};
void dr_csv_fast_begin(struct dr_csv_fast *fast, struct dr_csv_worker *w, const struct dr_csv_piece *piece);
/* Append the plain records from offset `at` of the piece, which starts one, and
 * count their lines; returns how many bytes they take, 0 where there are none. */
size_t dr_csv_fast_run(struct dr_csv_fast *fast, struct dr_csv_worker *w, struct dr_csv_unit *u, size_t at);
#endif
