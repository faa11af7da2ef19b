/* script.h - SQL text of several statements, cut into them. Layer: db. */
#ifndef DR_DB_SCRIPT_H
#define DR_DB_SCRIPT_H
#include "db/db.h"

/* The next statement of a script. */
struct dr_sql_piece {
    struct dr_str text; /* without the semicolon */
    int32_t line;       /* lines before its first word */
    bool empty;         /* only white space and comments */
};
/* Cut it off *rest; false where nothing is left. Texts, quoted names, comments, PostgreSQL's
 * dollar quotes and the bodies of SQLite's triggers are seen through. */
bool dr_sql_next_piece(struct dr_str *rest, bool postgresql, struct dr_sql_piece *ret);
/* The statement with :name replaced by the placeholder and the number of the value of
 * that name, counted from 1 in the order of use; ret_used holds their indexes (at least n entries),
 * *ret_n how many. DR_EINPUT names one that is not among the values. */
int32_t dr_sql_number_params(struct dr_str statement, bool postgresql, int32_t n,
                             const struct dr_db_value *values, struct dr_buf *out, int32_t *ret_used,
                             int32_t *ret_n, int32_t *ret_line, struct dr_err *err);
#endif
