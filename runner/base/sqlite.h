/* sqlite.h - the one module that includes sqlite3.h (sqlite.c, sqlite_format.c,
 * sqlite_function.c, sqlite_table.c, sqlite_wait.c).
 * Layer: base.
 *
 * A connection opened here has foreign_keys ON, trusted_schema OFF, a busy
 * timeout, and WAL with synchronous NORMAL where it may write. Double quotes are
 * for names only: "x" is never a string. A lock that does not come in time is
 * DR_EBUSY, any other refusal DR_EDB. Every failure
 * carries SQLite's message, the extended code and the statement's first words.
 * A connection is used by one thread and never crosses a fork. */
#ifndef DR_SQLITE_H
#define DR_SQLITE_H
#include "base/str.h"

struct dr_sql;      /* a connection */
struct dr_sql_stmt; /* a prepared statement, owned by its connection */

enum dr_sql_flags { DR_SQL_READONLY = 1, DR_SQL_FULL_SYNC = 2, DR_SQL_MEMORY = 4 };
int32_t dr_sql_open(const char *path, int flags, int busy_timeout_ms, struct dr_sql **ret,
                    struct dr_err *err);
void dr_sql_close(struct dr_sql *db); /* finalizes, rolls back; NULL is fine */
/* What the connection does from now on may take so long: then the statement ends with DR_ELIMIT. A value
 * may have 64 MiB: what a function does to make one is not interrupted. */
void dr_sql_limit_time(struct dr_sql *db, int64_t us);
/* Whenever a lock does not come within a second, tell whoever asked for this which program has it, and how
 * long the wait may take. */
void dr_sql_on_wait(struct dr_sql *db, void (*tell)(void *ctx, const char *text), void *ctx);
/* Signs of life, by numbers: they last until the connection is closed or its process ends in any way. Others
 * who have the database open see them, in other processes too. False where none can be given: no
 * write-ahead log. */
bool dr_sql_show_life(struct dr_sql *db, uint32_t number);
bool dr_sql_other_lives(struct dr_sql *db, uint32_t number); /* this connection's own do not count */
/* Statements without results, separated by semicolons. */
int32_t dr_sql_exec(struct dr_sql *db, const char *sql, struct dr_err *err);
/* A statement prepared once per connection and SQL text, reset and unbound. The
 * same text gives the same statement, so do not prepare it anew while its rows
 * are being read. */
int32_t dr_sql_prepare(struct dr_sql *db, const char *sql, struct dr_sql_stmt **ret, struct dr_err *err);
/* An uncached statement, for SQL made at run time; the caller finalizes it. */
int32_t dr_sql_prepare_once(struct dr_sql *db, const char *sql, struct dr_sql_stmt **ret, struct dr_err *err);
void dr_sql_finalize(struct dr_sql_stmt *s);
void dr_sql_bind_int(struct dr_sql_stmt *s, int i, int64_t v);  /* i from 1; a bind failure shows at step */
void dr_sql_bind_float(struct dr_sql_stmt *s, int i, double v); /* NaN binds NULL */
void dr_sql_bind_str(struct dr_sql_stmt *s, int i, struct dr_str v); /* copied */
/* Not copied: v stays as it is until the statement is reset or bound anew. */
void dr_sql_bind_static(struct dr_sql_stmt *s, int i, struct dr_str v);
void dr_sql_bind_text(struct dr_sql_stmt *s, int i, const char *v); /* copied; NULL binds NULL */
void dr_sql_bind_null(struct dr_sql_stmt *s, int i);
/* One row: true in *ret_row; at the end false, and the statement is reset. */
int32_t dr_sql_step(struct dr_sql_stmt *s, bool *ret_row, struct dr_err *err);
/* Run to the end and reset; *ret_changed (may be NULL) rows. */
int32_t dr_sql_run(struct dr_sql_stmt *s, int64_t *ret_changed, struct dr_err *err);
void dr_sql_reset(struct dr_sql_stmt *s); /* and clear bindings */
int dr_sql_columns(struct dr_sql_stmt *s);
const char *dr_sql_column_name(struct dr_sql_stmt *s, int i);
enum dr_sql_type { DR_SQL_NULL, DR_SQL_INT, DR_SQL_FLOAT, DR_SQL_TEXT, DR_SQL_BLOB };
enum dr_sql_type dr_sql_column_type(struct dr_sql_stmt *s, int i); /* columns from 0 */
int64_t dr_sql_int(struct dr_sql_stmt *s, int i);
double dr_sql_float(struct dr_sql_stmt *s, int i);
struct dr_str dr_sql_str(struct dr_sql_stmt *s, int i); /* borrowed until the next step */
/* A text column copied into the arena; NULL for SQL NULL. */
char *dr_sql_text(struct dr_sql_stmt *s, int i, struct dr_arena *a);
/* How a column that a result takes from a table was declared; NULL for an expression. */
const char *dr_sql_column_type_name(struct dr_sql_stmt *s, int i);
/* Of the last failure: whether the values of a row were refused (a constraint, a
 * type) rather than the statement; SQLite's own words; the byte of the statement's text that it
 * is about, or -1. */
bool dr_sql_refused(const struct dr_sql *db);
const char *dr_sql_reason(const struct dr_sql *db);
int64_t dr_sql_error_offset(const struct dr_sql *db);
int64_t dr_sql_last_id(struct dr_sql *db);
int32_t dr_sql_begin(struct dr_sql *db, struct dr_err *err); /* BEGIN IMMEDIATE */
int32_t dr_sql_commit(struct dr_sql *db, struct dr_err *err);
void dr_sql_rollback(struct dr_sql *db); /* no-op outside a transaction */
bool dr_sql_in_transaction(struct dr_sql *db);
/* Append an identifier in double quotes. */
void dr_buf_put_sql_ident(struct dr_buf *b, struct dr_str name);
#endif
