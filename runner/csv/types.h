/* types.h - what the columns of a file are read as: declared, or found from
 * the first rows. Layer: csv. */
#ifndef DR_CSV_TYPES_H
#define DR_CSV_TYPES_H
#include "csv/cells.h"
#include "csv/infer.h"

/* Known of the columns. Outlives a reader where a file is read again because of
 * what was found out too late. A zeroed struct knows nothing. */
struct dr_csv_types {
    int32_t n;
    bool infer;
    bool *declared;                   /* owned, n: the caller named its type */
    struct dr_csv_kind *kinds;        /* owned, n: what they are to be, or turned out to be */
    struct dr_csv_evidence *evidence; /* owned, n: of those to be inferred */
    bool again;                       /* a later value shows that a kind was not the right one; kinds is */
};
void dr_csv_types_done(struct dr_csv_types *t);
/* Set f->kinds, as the options have it or as t knows by now. Whether some are
 * still open is told by dr_csv_types_open. */
int32_t dr_csv_types_start(struct dr_csv_types *t, const struct dr_csv_options *opts, struct dr_csv_format *f,
                           struct dr_err *err);
bool dr_csv_types_open(const struct dr_csv_format *f);

/* The first rows are read, their open columns as DICT: n arrays of column c, and
 * its dictionary. Sets f->kinds[c] and replaces the arrays by such ones; whole:
 * there are no other rows. */
void dr_csv_types_decide(struct dr_csv_types *t, struct dr_csv_format *f, int32_t c, int32_t n,
                         struct dr_array **arrays, struct dr_dict *dict, bool whole);
/* Learn from what an array of later rows refused. */
void dr_csv_types_learn(struct dr_csv_types *t, int32_t c, const struct dr_array *a);
/* All rows are read: learn of the columns that had no value among the first ones. */
void dr_csv_types_learn_late(struct dr_csv_types *t, const struct dr_table *all);

/* The table column, type, reason of a table read so. */
int32_t dr_csv_types_report(const struct dr_csv_types *t, const struct dr_table *table, bool hide,
                            struct dr_table **ret, struct dr_err *err);
#endif
