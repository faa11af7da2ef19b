/* appended.h - how far the rows have come that a load appends in pieces. Layer: db.
 *
 * Nothing in a table tells which of a load's appended rows are in it. Each piece therefore notes its own, in
 * its own transaction, in the table
 *
 *     dagrun_appended   ranges of the rows given to one load of a table (one content), from 1
 *
 * A row of a range is in the table, or was none to be loaded (its key repeats, or has no value).
 *
 * What is in no range is still to be loaded. Ranges may overlap. The last commit of the load, which notes the
 * content in the ledger, removes them. */
#ifndef DR_DB_APPENDED_H
#define DR_DB_APPENDED_H
#include "db/db.h"

struct dr_appended_range {
    int64_t first, last;
};
/* What is noted of one content. */
struct dr_appended {
    struct dr_appended_range *ranges; /* in the arena of whoever asked, by their first rows */
    int64_t n;
    int64_t sum; /* of the last rows: greater after each piece */
};
int32_t dr_appended_read(struct dr_db *db, struct dr_arena *a, const char *table, const char *content,
                         struct dr_appended *ret, struct dr_err *err);
/* Whether pieces were committed since that was read. */
int32_t dr_appended_is_more(struct dr_db *db, const char *table, const char *content,
                            const struct dr_appended *known, bool *ret, struct dr_err *err);
/* In a transaction: the load of that token (unfinished.h) begins with the content, or goes on with it. */
int32_t dr_appended_begin(struct dr_db *db, const char *table, const char *content, uint32_t token,
                          struct dr_err *err);
/* In a piece's transaction: a range is in, which are so many rows. DR_EBUSY where another load has taken the
 * place of the one of that token. */
int32_t dr_appended_note(struct dr_db *db, const char *table, const char *content, uint32_t token,
                         struct dr_appended_range range, int64_t rows, struct dr_err *err);
/* In a transaction: nothing is left to do; content NULL: of any load of the table. */
int32_t dr_appended_forget(struct dr_db *db, const char *table, const char *content, struct dr_err *err);
#endif
