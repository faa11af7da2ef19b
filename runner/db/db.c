/* db.c - what is the same for every database: the public functions, each handed
 * to the connection's driver. */
#include "db/db.h"
#include <stdarg.h>
#include "base/file.h"
#include "base/sqlite.h"

/* The folder of a database that is yet to be made. */
static int32_t make_folder(const char *path, struct dr_err *err)
{
    DR_AUTO_ARENA a = { 0 };
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path)
        return DR_OK;
    return dr_mkdirs(dr_arena_dup(&a, path, (size_t)(slash - path)), err);
}

int32_t dr_db_connect(const struct dr_db_target *where, struct dr_db **ret, struct dr_err *err)
{
    if (where->postgresql)
        return dr_db_postgresql_open(where, ret, err);
    DR_TRY(make_folder(where->path, err));
    return dr_db_sqlite_open(where->path, ret, err);
}

int32_t dr_db_open(const char *path, struct dr_db **ret, struct dr_err *err)
{
    return dr_db_sqlite_open(path, ret, err);
}

void dr_db_close(struct dr_db *db)
{
    if (db)
        db->driver->close(db);
}

const char *dr_db_type(const struct dr_db *db)
{
    return db->driver->dialect->name;
}

int32_t dr_db_exec(struct dr_db *db, const char *sql, struct dr_err *err)
{
    return db->driver->exec(db, sql, err);
}

int32_t dr_db_begin(struct dr_db *db, struct dr_err *err)
{
    return db->driver->begin(db, true, err);
}

int32_t dr_db_commit(struct dr_db *db, struct dr_err *err)
{
    return db->driver->commit(db, err);
}

void dr_db_rollback(struct dr_db *db)
{
    db->driver->rollback(db);
}

int32_t dr_db_attach_table(struct dr_db *db, const char *name, const struct dr_table *t, struct dr_err *err)
{
    return db->driver->attach(db, name, t, NULL, err);
}

int32_t dr_db_query(struct dr_db *db, const char *sql, struct dr_table **ret, struct dr_err *err)
{
    struct dr_table *result = NULL;
    DR_TRY(db->driver->run(db, sql, 0, NULL, &result, NULL, err));
    if (!result)
        return dr_fail(err, DR_EINPUT, "the statement has no result; a SELECT was expected");
    *ret = result;
    return DR_OK;
}

void dr_db_on_wait(struct dr_db *db, void (*tell)(void *ctx, const char *text), void *ctx)
{
    db->tell = tell;
    db->tell_ctx = ctx;
    if (db->sql)
        dr_sql_on_wait(db->sql, tell, ctx);
}

void dr_db_tell(const struct dr_db *db, const char *format, ...)
{
    DR_AUTO_BUF text = { 0 };
    va_list ap;
    if (!db->tell)
        return;
    va_start(ap, format);
    int32_t rc = dr_buf_vprintf(&text, format, ap);
    va_end(ap);
    if (!rc)
        db->tell(db->tell_ctx, dr_buf_cstr(&text));
}

int32_t dr_db_run(struct dr_db *db, const char *sql, int32_t n, const struct dr_db_value *values,
                  int64_t *ret_changed, struct dr_err *err)
{
    return db->driver->run(db, sql, n, values, NULL, ret_changed, err);
}

int32_t dr_db_number(struct dr_db *db, const char *sql, int32_t n, const struct dr_db_value *values,
                     int64_t *ret, struct dr_err *err)
{
    struct dr_table *result = NULL;
    DR_TRY(db->driver->run(db, sql, n, values, &result, NULL, err));
    *ret = 0;
    if (result && result->rows && result->columns[0]->type == DR_TYPE_INT64)
        *ret = ((const int64_t *)result->columns[0]->chunk[0]->values)[0];
    dr_table_unref(result);
    return DR_OK;
}

int32_t dr_db_has_table(struct dr_db *db, const char *name, bool *ret, struct dr_err *err)
{
    DR_AUTO_ARENA a = { 0 };
    struct dr_db_column *columns;
    int32_t n;
    bool view;
    DR_TRY(db->driver->columns(db, name, &a, &columns, &n, &view, err));
    *ret = n > 0;
    return DR_OK;
}

/* ---- dagrun's own tables ------------------------------------------------------------------- */

static const char *placeholders(const struct dr_db *db, struct dr_buf *b, const char *sql)
{
    dr_buf_puts(b, sql);
    for (size_t i = 0; i < b->n; i++)
        if (b->p[i] == '?')
            b->p[i] = db->driver->dialect->placeholder;
    return dr_buf_cstr(b);
}

int32_t dr_db_own_run(struct dr_db *db, const char *sql, int32_t n, const struct dr_db_value *values,
                      int64_t *ret_changed, struct dr_err *err)
{
    DR_AUTO_BUF b = { 0 };
    return dr_db_run(db, placeholders(db, &b, sql), n, values, ret_changed, err);
}

int32_t dr_db_own_number(struct dr_db *db, const char *sql, int32_t n, const struct dr_db_value *values,
                         int64_t *ret, struct dr_err *err)
{
    DR_AUTO_BUF b = { 0 };
    return dr_db_number(db, placeholders(db, &b, sql), n, values, ret, err);
}

int32_t dr_db_own_rows(struct dr_db *db, const char *sql, int32_t n, const struct dr_db_value *values,
                       struct dr_table **ret_rows, struct dr_err *err)
{
    DR_AUTO_BUF b = { 0 };
    return db->driver->run(db, placeholders(db, &b, sql), n, values, ret_rows, NULL, err);
}

int32_t dr_db_own_table(struct dr_db *db, const char *name, const char *create, struct dr_err *err)
{
    const char *lock = db->driver->dialect->lock_sql;
    bool there;
    DR_TRY(dr_db_has_table(db, name, &there, err));
    if (!there && lock) {
        DR_TRY(dr_db_run(db, lock, 0, NULL, NULL, err));
        DR_TRY(dr_db_has_table(db, name, &there, err));
    }
    return there ? DR_OK : db->driver->exec(db, create, err);
}

/* ---- values ---------------------------------------------------------------------------------- */

struct dr_db_value dr_db_text(const char *text)
{
    return (struct dr_db_value){ .type = text ? DR_TYPE_STRING : DR_TYPE_NULL,
                                 .p = text,
                                 .n = text ? (int64_t)strlen(text) : 0 };
}

struct dr_db_value dr_db_int(int64_t i)
{
    return (struct dr_db_value){ .type = DR_TYPE_INT64, .i = i };
}

/* The list doubles when its number of columns reaches a power of two from 16 on. */
struct dr_db_column *dr_db_next_column(struct dr_arena *a, struct dr_db_column **list, int32_t *n)
{
    bool full = *n == 0 || (*n >= 16 && (*n & (*n - 1)) == 0);
    if (full) {
        struct dr_db_column *more = dr_arena_array(a, *n ? (size_t)*n * 2 : 16, sizeof *more);
        if (*n)
            memcpy(more, *list, (size_t)*n * sizeof *more);
        *list = more;
    }
    return &(*list)[(*n)++];
}
