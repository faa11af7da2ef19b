/* sqlite_table.h - tables of this program that SQLite reads where they lie.
 * Layer: base.
 *
 * Such a table is read-only and temporary: it belongs to the connection, has
 * rowids 1 to rows, and no value of it is copied until a statement asks for it.
 * Equality of any columns, and ranges of rowid, are answered without a scan. */
#ifndef DR_SQLITE_TABLE_H
#define DR_SQLITE_TABLE_H
#include "base/sqlite.h"

/* One value. Text that is `passing` is only good until the next call. */
struct dr_sql_cell {
    enum dr_sql_type type; /* not BLOB */
    bool passing;
    int64_t i;
    double f;
    struct dr_str s;
};
struct dr_sql_column {
    const char *name;
    const char *type; /* as SQL declares it: its affinity must be that of the values */
    int64_t distinct; /* a guess at how many values there are; 0: unknown */
};
/* A table and how to read it. The functions are pure: the same row gives the
 * same value as long as the table is attached. */
struct dr_sql_rows {
    int32_t n; /* columns */
    const struct dr_sql_column *columns;
    int64_t rows;                                                                 /* fewer than 2^32 */
    void (*get)(void *ctx, int32_t column, int64_t row, struct dr_sql_cell *ret); /* row from 0 */
    void (*close)(void *ctx); /* once SQLite has done with it; NULL: nothing to do */
    void *ctx;
};
/* Make it readable as temp.name, in the place of an earlier one of that name.
 * Takes over ctx, also where it fails. */
int32_t dr_sql_attach(struct dr_sql *db, const char *name, const struct dr_sql_rows *rows,
                      struct dr_err *err);
/* Drop it and let go of its rows; one that is not there is fine. No statement may be
 * reading it. */
int32_t dr_sql_detach(struct dr_sql *db, const char *name, struct dr_err *err);
#endif
