/* sqlite_impl.h - what the files of the SQLite module share: sqlite.c, sqlite_format.c, sqlite_function.c,
 * sqlite_table.c and sqlite_wait.c, the only ones that include sqlite3.h. Layer: base. */
#ifndef DR_SQLITE_IMPL_H
#define DR_SQLITE_IMPL_H
#include <sqlite3.h>
#include "base/hash.h"
#include "base/sqlite.h"

/* How long to wait for a lock, and whom to tell. */
struct dr_sql_wait {
    int timeout_ms;
    int64_t since_us;
    bool told;
    void (*tell)(void *ctx, const char *text);
    void *ctx; /* borrowed */
};
struct dr_sql {
    sqlite3 *handle;           /* owned */
    struct dr_sql_stmt *stmts; /* owned, newest first */
    struct dr_map cache;       /* text to the address of its statement */
    bool refused;              /* the last failure was about a row's values */
    int64_t offset;            /* of the last failure in its statement's text; -1 unknown */
    char reason[504];          /* the last failure in SQLite's words alone */
    int64_t limit_us, end_us;  /* see dr_sql_limit_time; 0: none; by the monotonic clock */
    struct dr_sql_wait wait;
    int log_fd;                       /* owned: the write-ahead log; -1: not opened */
    struct dr_sql_attached *attached; /* owned: what sqlite_table.c lends to SQLite */
};
/* ---- sqlite_table.c ---- */
struct dr_sql_cell;
void dr_sql_give(sqlite3_context *out, const struct dr_sql_cell *v);
void dr_sql_free_attached(struct dr_sql *db); /* after the connection is closed */
/* In a module's connect: a virtual table's columns, as a CREATE TABLE says them. What it reads harms nobody,
 * so views and triggers may read it. SQLite's code. */
int dr_sql_declare(sqlite3 *handle, struct dr_buf *declaration, char **ret_message);
/* ---- sqlite_format.c ---- */
/* From here on printf() and format() end within a second or so. */
void dr_sql_bound_formats(struct dr_sql *db, int longest);
/* ---- sqlite_wait.c ---- */
void dr_sql_wait_up_to(struct dr_sql *db, int timeout_ms);
void dr_sql_end_life(struct dr_sql *db); /* no sign of it is left */
#endif
