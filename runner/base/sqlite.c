/* sqlite.c - SQLite, with failures that say which statement they come from.
 *
 * Every statement belongs to its connection's list, so that closing finalizes
 * whatever is left. Those of dr_sql_prepare are also found again by their text,
 * which a map of base/hash.h makes as cheap as a look at the address, and safe
 * where the text is not a literal. */
#include "base/sqlite_impl.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/date.h"

struct dr_sql_stmt {
    struct dr_sql *db;               /* borrowed; outlives it */
    struct dr_sql_stmt *next, *prev; /* of the connection */
    sqlite3_stmt *stmt;              /* owned */
    char *sql;                       /* owned */
    int bind_rc;                     /* the first failed bind, shown at step */
    bool cached;
};

/* ---- failures ---------------------------------------------------------------- */

/* The first words of a statement on one line. */
static void put_first_words(struct dr_buf *b, const char *sql)
{
    enum { SHOWN = 80 };
    size_t shown = 0;
    for (bool gap = false; *sql; sql++) {
        if (strchr(" \t\r\n", *sql)) {
            gap = shown > 0;
            continue;
        }
        if (shown >= SHOWN && ((unsigned char)*sql & 0xC0) != 0x80) {
            dr_buf_puts(b, "...");
            return;
        }
        if (gap)
            dr_buf_putc(b, ' ');
        dr_buf_putc(b, *sql);
        shown += 1 + gap;
        gap = false;
    }
}

/* What to return for a result code: a lock that would not come in time is busy. */
static int32_t rc_of(int code)
{
    int primary = code & 0xFF;
    return primary == SQLITE_BUSY || primary == SQLITE_LOCKED ? DR_EBUSY : DR_EDB;
}

/* ": No space left on device", where the system refused and said why. */
static const char *system_reason(sqlite3 *handle, int code, char text[128])
{
    int primary = code & 0xFF, why = handle ? sqlite3_system_errno(handle) : 0;
    if ((primary != SQLITE_IOERR && primary != SQLITE_CANTOPEN) || why == 0)
        return "";
    snprintf(text, 128, ": %s", strerrordesc_np(why));
    return text;
}

/* Whether the values of a row are to blame: a rollback leaves none of this in the
 * connection, so it is kept here. */
static void keep_failure(struct dr_sql *db, int code, const char *message, int offset)
{
    int primary = code & 0xFF;
    db->refused = primary == SQLITE_CONSTRAINT || primary == SQLITE_MISMATCH || primary == SQLITE_TOOBIG;
    db->offset = offset;
    snprintf(db->reason, sizeof db->reason, "%s", message);
}

static int32_t fail_sql(struct dr_sql *db, int code, const char *sql, struct dr_err *err)
{
    DR_AUTO_BUF words = { 0 };
    put_first_words(&words, sql);
    /* A code that the connection knows nothing of comes from a bind. */
    bool current = sqlite3_extended_errcode(db->handle) == code;
    const char *message = current ? sqlite3_errmsg(db->handle) : sqlite3_errstr(code);
    char why[128];
    keep_failure(db, code, message, current ? sqlite3_error_offset(db->handle) : -1);
    if (code == SQLITE_INTERRUPT && db->limit_us)
        return dr_fail(err, DR_ELIMIT, "stopped after %g s, the longest that it may take: %s",
                       (double)db->limit_us / DR_US_PER_S, dr_buf_cstr(&words));
    return dr_fail(err, rc_of(code), "SQLite: %s%s (code %d) in: %s", message,
                   current ? system_reason(db->handle, code, why) : "", code, dr_buf_cstr(&words));
}

/* ---- connections ------------------------------------------------------------- */

static int32_t fail_open(sqlite3 *handle, const char *path, int code, struct dr_err *err)
{
    const char *message = handle ? sqlite3_errmsg(handle) : sqlite3_errstr(code);
    char why[128];
    int32_t rc = dr_fail(err, rc_of(code), "cannot open database '%s': %s%s (code %d)", path, message,
                         system_reason(handle, code, why), code);
    sqlite3_close(handle);
    return rc;
}

/* Double quotes name columns and never strings, so that a misspelt column is an
 * error and not a constant. */
static void configure(sqlite3 *handle)
{
    sqlite3_extended_result_codes(handle, 1);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
}

/* Where two connections turn a new database to WAL at once, SQLite refuses one of them
 * without asking its busy handler: it is asked again for as long as that would wait. */
static int32_t turn_to_wal(struct dr_sql *db, int busy_timeout_ms, struct dr_err *err)
{
    static const struct timespec pause = { .tv_nsec = 1000000 };
    int64_t end = dr_monotonic_us() + (int64_t)busy_timeout_ms * 1000;
    int32_t rc;
    while ((rc = dr_sql_exec(db, "PRAGMA journal_mode = WAL", err)) == DR_EBUSY && dr_monotonic_us() < end)
        nanosleep(&pause, NULL);
    return rc;
}

static int32_t set_journal(struct dr_sql *db, int flags, int busy_timeout_ms, struct dr_err *err)
{
    if (flags & (DR_SQL_READONLY | DR_SQL_MEMORY))
        return DR_OK;
    DR_TRY(turn_to_wal(db, busy_timeout_ms, err));
    return dr_sql_exec(
        db, flags & DR_SQL_FULL_SYNC ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", err);
}

/* What a program that was killed left half written is rolled back by whoever reads
 * next, and that takes a connection that may write. */
static void roll_back_left_over(const char *path)
{
    sqlite3 *handle = NULL;
    if (sqlite3_open_v2(path, &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK)
        (void)sqlite3_exec(handle, "SELECT 1 FROM sqlite_schema LIMIT 1", NULL, NULL, NULL);
    sqlite3_close(handle);
}

/* Opening is lazy: only reading the header tells whether it is a database. */
static int32_t read_header(struct dr_sql *db, const char *path, struct dr_err *err)
{
    static const char query[] = "SELECT 1 FROM sqlite_schema LIMIT 1";
    int32_t rc = dr_sql_exec(db, query, err);
    if (sqlite3_extended_errcode(db->handle) != SQLITE_READONLY_ROLLBACK)
        return rc;
    roll_back_left_over(path);
    return dr_sql_exec(db, query, err);
}

int32_t dr_sql_open(const char *path, int flags, int busy_timeout_ms, struct dr_sql **ret, struct dr_err *err)
{
    int mode = flags & DR_SQL_READONLY ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    const char *name = flags & DR_SQL_MEMORY ? ":memory:" : path;
    sqlite3 *handle = NULL;
    int code = sqlite3_open_v2(name, &handle, mode | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (code != SQLITE_OK)
        return fail_open(handle, name, code, err);
    configure(handle);
    struct dr_sql *db = dr_calloc(1, sizeof(*db));
    db->handle = handle;
    db->log_fd = -1;
    dr_sql_wait_up_to(db, busy_timeout_ms);
    int32_t rc = read_header(db, name, err);
    if (!rc)
        rc = set_journal(db, flags, busy_timeout_ms, err);
    if (rc) {
        (void)dr_err_prefix(err, "cannot open database '%s'", name);
        dr_sql_close(db);
        return rc;
    }
    *ret = db;
    return DR_OK;
}

static int is_too_late(void *ctx)
{
    const struct dr_sql *db = ctx;
    return dr_monotonic_us() >= db->end_us;
}

void dr_sql_limit_time(struct dr_sql *db, int64_t us)
{
    enum {
        STEPS = 10000, /* of SQLite's machine between two looks at the clock: below a millisecond */
        VALUE_MAX =
            64 << 20 /* a text doubled until it is a gigabyte takes a quarter of a minute, in 30 steps */
    };
    db->limit_us = us;
    db->end_us = dr_monotonic_us() + us;
    sqlite3_progress_handler(db->handle, STEPS, is_too_late, db);
    sqlite3_limit(db->handle, SQLITE_LIMIT_LENGTH, VALUE_MAX);
    dr_sql_bound_formats(db, VALUE_MAX);
}

static void stmt_free(struct dr_sql_stmt *s)
{
    sqlite3_finalize(s->stmt);
    free(s->sql);
    free(s);
}

void dr_sql_close(struct dr_sql *db)
{
    if (!db)
        return;
    while (db->stmts) {
        struct dr_sql_stmt *s = db->stmts;
        db->stmts = s->next;
        stmt_free(s);
    }
    dr_map_done(&db->cache);
    sqlite3_close(db->handle);
    dr_sql_end_life(db);
    dr_sql_free_attached(db);
    free(db);
}

/* Run one statement to its end, leaving its rows. */
static int run_through(sqlite3_stmt *stmt)
{
    int code;
    do
        code = sqlite3_step(stmt);
    while (code == SQLITE_ROW);
    sqlite3_finalize(stmt);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

int32_t dr_sql_exec(struct dr_sql *db, const char *sql, struct dr_err *err)
{
    while (*sql) {
        sqlite3_stmt *stmt = NULL;
        const char *rest;
        int code = sqlite3_prepare_v2(db->handle, sql, -1, &stmt, &rest);
        if (code == SQLITE_OK && stmt)
            code = run_through(stmt);
        if (code != SQLITE_OK)
            return fail_sql(db, code, sql, err);
        sql = rest;
    }
    return DR_OK;
}

/* ---- statements ----------------------------------------------------------------- */

static int32_t fail_text(const char *problem, const char *sql, struct dr_err *err)
{
    DR_AUTO_BUF words = { 0 };
    put_first_words(&words, sql);
    return dr_fail(err, DR_EDB, "%s: %s", problem, dr_buf_cstr(&words));
}

static int32_t stmt_new(struct dr_sql *db, const char *sql, bool cached, struct dr_sql_stmt **ret,
                        struct dr_err *err)
{
    sqlite3_stmt *stmt = NULL;
    const char *rest;
    unsigned flags = cached ? SQLITE_PREPARE_PERSISTENT : 0;
    int code = sqlite3_prepare_v3(db->handle, sql, -1, flags, &stmt, &rest);
    if (code != SQLITE_OK)
        return fail_sql(db, code, sql, err);
    if (!stmt)
        return fail_text("no SQL statement in", sql, err);
    if (rest[strspn(rest, " \t\r\n;")]) {
        sqlite3_finalize(stmt);
        return fail_text("one SQL statement expected, not several, in", sql, err);
    }
    struct dr_sql_stmt *s = dr_calloc(1, sizeof(*s));
    *s = (struct dr_sql_stmt){
        .db = db, .next = db->stmts, .stmt = stmt, .sql = dr_strdup(sql), .cached = cached
    };
    if (s->next)
        s->next->prev = s;
    db->stmts = s;
    *ret = s;
    return DR_OK;
}

int32_t dr_sql_prepare(struct dr_sql *db, const char *sql, struct dr_sql_stmt **ret, struct dr_err *err)
{
    int64_t *known = dr_map_get(&db->cache, dr_str_of(sql));
    if (known) {
        struct dr_sql_stmt *s = (struct dr_sql_stmt *)(intptr_t)*known;
        dr_sql_reset(s);
        *ret = s;
        return DR_OK;
    }
    struct dr_sql_stmt *s;
    DR_TRY(stmt_new(db, sql, true, &s, err));
    *dr_map_put(&db->cache, dr_str_of(s->sql), NULL) = (intptr_t)s;
    *ret = s;
    return DR_OK;
}

int32_t dr_sql_prepare_once(struct dr_sql *db, const char *sql, struct dr_sql_stmt **ret, struct dr_err *err)
{
    return stmt_new(db, sql, false, ret, err);
}

void dr_sql_finalize(struct dr_sql_stmt *s)
{
    if (!s)
        return;
    if (s->cached) {
        dr_sql_reset(s);
        return;
    }
    if (s->prev)
        s->prev->next = s->next;
    else
        s->db->stmts = s->next;
    if (s->next)
        s->next->prev = s->prev;
    stmt_free(s);
}

static void note_bind(struct dr_sql_stmt *s, int code)
{
    if (code != SQLITE_OK && s->bind_rc == SQLITE_OK)
        s->bind_rc = code;
}

void dr_sql_bind_int(struct dr_sql_stmt *s, int i, int64_t v)
{
    note_bind(s, sqlite3_bind_int64(s->stmt, i, v));
}

void dr_sql_bind_float(struct dr_sql_stmt *s, int i, double v)
{
    note_bind(s, isnan(v) ? sqlite3_bind_null(s->stmt, i) : sqlite3_bind_double(s->stmt, i, v));
}

void dr_sql_bind_str(struct dr_sql_stmt *s, int i, struct dr_str v)
{
    const char *p = v.p ? v.p : "";
    note_bind(s, sqlite3_bind_text64(s->stmt, i, p, v.n, SQLITE_TRANSIENT, SQLITE_UTF8));
}

void dr_sql_bind_static(struct dr_sql_stmt *s, int i, struct dr_str v)
{
    const char *p = v.p ? v.p : "";
    note_bind(s, sqlite3_bind_text64(s->stmt, i, p, v.n, SQLITE_STATIC, SQLITE_UTF8));
}

void dr_sql_bind_text(struct dr_sql_stmt *s, int i, const char *v)
{
    if (v)
        dr_sql_bind_str(s, i, dr_str_of(v));
    else
        dr_sql_bind_null(s, i);
}

void dr_sql_bind_null(struct dr_sql_stmt *s, int i)
{
    note_bind(s, sqlite3_bind_null(s->stmt, i));
}

int32_t dr_sql_step(struct dr_sql_stmt *s, bool *ret_row, struct dr_err *err)
{
    if (s->bind_rc != SQLITE_OK) {
        int32_t rc = fail_sql(s->db, s->bind_rc, s->sql, err);
        dr_sql_reset(s);
        return rc;
    }
    int code = sqlite3_step(s->stmt);
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        int32_t rc = fail_sql(s->db, code, s->sql, err);
        dr_sql_reset(s);
        return rc;
    }
    if (code == SQLITE_DONE)
        sqlite3_reset(s->stmt);
    *ret_row = code == SQLITE_ROW;
    return DR_OK;
}

int32_t dr_sql_run(struct dr_sql_stmt *s, int64_t *ret_changed, struct dr_err *err)
{
    bool row;
    int64_t before = sqlite3_total_changes64(s->db->handle);
    do
        DR_TRY(dr_sql_step(s, &row, err));
    while (row);
    if (ret_changed) {
        /* changes() keeps the number of an earlier statement where this one changed nothing. */
        bool changed = sqlite3_total_changes64(s->db->handle) != before;
        *ret_changed = changed ? sqlite3_changes64(s->db->handle) : 0;
    }
    dr_sql_reset(s);
    return DR_OK;
}

void dr_sql_reset(struct dr_sql_stmt *s)
{
    sqlite3_reset(s->stmt);
    sqlite3_clear_bindings(s->stmt);
    s->bind_rc = SQLITE_OK;
}

/* ---- results ---------------------------------------------------------------------- */

int dr_sql_columns(struct dr_sql_stmt *s)
{
    return sqlite3_column_count(s->stmt);
}

const char *dr_sql_column_name(struct dr_sql_stmt *s, int i)
{
    return sqlite3_column_name(s->stmt, i);
}

enum dr_sql_type dr_sql_column_type(struct dr_sql_stmt *s, int i)
{
    switch (sqlite3_column_type(s->stmt, i)) {
    case SQLITE_INTEGER:
        return DR_SQL_INT;
    case SQLITE_FLOAT:
        return DR_SQL_FLOAT;
    case SQLITE_TEXT:
        return DR_SQL_TEXT;
    case SQLITE_BLOB:
        return DR_SQL_BLOB;
    default:
        return DR_SQL_NULL;
    }
}

int64_t dr_sql_int(struct dr_sql_stmt *s, int i)
{
    return sqlite3_column_int64(s->stmt, i);
}

double dr_sql_float(struct dr_sql_stmt *s, int i)
{
    return sqlite3_column_double(s->stmt, i);
}

struct dr_str dr_sql_str(struct dr_sql_stmt *s, int i)
{
    bool blob = sqlite3_column_type(s->stmt, i) == SQLITE_BLOB;
    const void *p = blob ? sqlite3_column_blob(s->stmt, i) : sqlite3_column_text(s->stmt, i);
    int n = sqlite3_column_bytes(s->stmt, i); /* after the text was made */
    return p ? (struct dr_str){ p, (size_t)n } : DR_LIT("");
}

char *dr_sql_text(struct dr_sql_stmt *s, int i, struct dr_arena *a)
{
    if (sqlite3_column_type(s->stmt, i) == SQLITE_NULL)
        return NULL;
    struct dr_str v = dr_sql_str(s, i);
    return dr_arena_dup(a, v.p, v.n);
}

const char *dr_sql_column_type_name(struct dr_sql_stmt *s, int i)
{
    return sqlite3_column_decltype(s->stmt, i);
}

bool dr_sql_refused(const struct dr_sql *db)
{
    return db->refused;
}

const char *dr_sql_reason(const struct dr_sql *db)
{
    return db->reason;
}

int64_t dr_sql_error_offset(const struct dr_sql *db)
{
    return db->offset;
}

int64_t dr_sql_last_id(struct dr_sql *db)
{
    return sqlite3_last_insert_rowid(db->handle);
}

/* ---- transactions ----------------------------------------------------------------- */

static int32_t run_literal(struct dr_sql *db, const char *sql, struct dr_err *err)
{
    struct dr_sql_stmt *s;
    DR_TRY(dr_sql_prepare(db, sql, &s, err));
    return dr_sql_run(s, NULL, err);
}

int32_t dr_sql_begin(struct dr_sql *db, struct dr_err *err)
{
    return run_literal(db, "BEGIN IMMEDIATE", err);
}

int32_t dr_sql_commit(struct dr_sql *db, struct dr_err *err)
{
    return run_literal(db, "COMMIT", err);
}

void dr_sql_rollback(struct dr_sql *db)
{
    if (dr_sql_in_transaction(db))
        (void)run_literal(db, "ROLLBACK", NULL);
}

bool dr_sql_in_transaction(struct dr_sql *db)
{
    return !sqlite3_get_autocommit(db->handle);
}

void dr_buf_put_sql_ident(struct dr_buf *b, struct dr_str name)
{
    dr_buf_putc(b, '"');
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '"')
            dr_buf_putc(b, '"');
        dr_buf_putc(b, name.p[i]);
    }
    dr_buf_putc(b, '"');
}
