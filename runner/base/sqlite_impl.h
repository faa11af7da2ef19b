/* sqlite_impl.h - what the files of the SQLite module share: sqlite.c and
 * sqlite_table.c, the only ones that include sqlite3.h. Layer: base. */
#ifndef DR_SQLITE_IMPL_H
#define DR_SQLITE_IMPL_H
#include <sqlite3.h>
#include "base/hash.h"
#include "base/sqlite.h"

struct dr_sql {
    sqlite3 *handle;                  /* owned */
    struct dr_sql_stmt *stmts;        /* owned, newest first */
    struct dr_map cache;              /* text to the address of its statement */
    bool refused;                     /* the last failure was about a row's values */
    int64_t offset;                   /* of the last failure in its statement's text; -1 unknown */
    char reason[504];                 /* the last failure in SQLite's words alone */
    int64_t limit_us, end_us;         /* see dr_sql_limit_time; 0: none; by the monotonic clock */
    struct dr_sql_attached *attached; /* owned: what sqlite_table.c lends to SQLite */
};
void dr_sql_free_attached(struct dr_sql *db); /* after the connection is closed */
#endif
