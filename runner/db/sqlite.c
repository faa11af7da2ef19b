/* sqlite.c - the SQLite driver, over base/sqlite.h.
 *
 * Readers of the database never wait (WAL). An attached table is a virtual table
 * over ours, so staging rows copies nothing and locks nothing. */
#include "db/db.h"
#include "data/kernel.h"
#include "base/sqlite_table.h"

#define BUSY_TIMEOUT_MS 30000

/* Of SQLite's own 2 MB, a large load writes the same pages to the log and reads them again and again. */
#define PAGE_CACHE "PRAGMA cache_size = -65536"

/* ---- the dialect --------------------------------------------------------------- */

static const char *column_type(const struct dr_column *c)
{
    switch (c->type) {
    case DR_TYPE_BOOL:
    case DR_TYPE_INT64:
        return "INTEGER";
    case DR_TYPE_FLOAT64:
        return "REAL";
    default:
        return "TEXT";
    }
}

/* By the affinity of the column. A number compared with text is compared as a number, by no index, and
 * "07" would be 7; text compared with numbers is no key of an attached table. */
static int32_t stored_as(const struct dr_column *c, const char *type)
{
    bool integer = strcasestr(type, "INT") != NULL;
    bool text =
        !integer && (strcasestr(type, "TEXT") || strcasestr(type, "CHAR") || strcasestr(type, "CLOB"));
    if (integer && dr_column_is_text(c))
        return DR_TYPE_INT64;
    return text && c->type == DR_TYPE_INT64 ? DR_TYPE_STRING : c->type;
}

/* A STRICT table converts what it can and refuses the rest. */
static void put_staged(struct dr_buf *b, const char *alias, const char *column, const char *type)
{
    (void)type;
    dr_buf_printf(b, "%s.", alias);
    dr_buf_put_sql_ident(b, dr_str_of(column));
}

/* Without the Z, the text of a time with a fraction sorts after the one without; decimals are text in a
 * table, and there '9.5' comes after '10.1'. */
static void put_ordered(struct dr_buf *b, const char *alias, const char *column, const char *type,
                        bool decimal)
{
    static const char *const time[] = { "CASE typeof(", ") WHEN 'text' THEN rtrim(", ", 'Z') ELSE ", " END" };
    static const char *const number[] = { "CAST(", " AS REAL)" };
    const char *const *around = decimal ? number : time;
    int n = decimal ? 1 : 3;
    for (int i = 0; i < n; i++) {
        dr_buf_puts(b, around[i]);
        put_staged(b, alias, column, type);
    }
    dr_buf_puts(b, around[n]);
}

static void put_distinct(struct dr_buf *b, const char *left, const char *right, const char *type)
{
    (void)type;
    dr_buf_printf(b, "%s IS DISTINCT FROM %s", left, right);
}

/* Indexes and triggers go with their tables. */
static const char objects_sql[] =
    "SELECT name, 'DROP ' || upper(type) || ' IF EXISTS \"' || replace(name, '\"', '\"\"') || '\"' AS "
    "drop_sql"
    " FROM main.sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    " AND name NOT LIKE 'dagrun\\_%' ESCAPE '\\' ORDER BY rowid";

static const char alone_sql[] =
    "SELECT count(*) FROM main.sqlite_schema t WHERE t.type = 'table' AND t.name = ?1 AND t.sql = ?2"
    " AND NOT EXISTS (SELECT 1 FROM main.sqlite_schema o WHERE o.tbl_name = t.name COLLATE NOCASE"
    "  AND o.type IN ('index', 'trigger') AND o.sql IS NOT NULL)"
    " AND NOT EXISTS (SELECT 1 FROM main.sqlite_schema o JOIN pragma_foreign_key_list(o.name, 'main') f"
    "  WHERE o.type = 'table' AND f.\"table\" = t.name COLLATE NOCASE)";

static const char beside_sql[] =
    "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name LIKE 'dagrun\\_new\\_%' ESCAPE '\\'"
    " ORDER BY name";

/* Without legacy_alter_table, the views on the table would be found to lack it. */
static void put_rename(struct dr_buf *b, const char *from, const char *to, bool keyed)
{
    (void)keyed; /* its index is renamed with the table */
    dr_buf_puts(b, "PRAGMA legacy_alter_table = ON; ALTER TABLE main.");
    dr_buf_put_sql_ident(b, dr_str_of(from));
    dr_buf_puts(b, " RENAME TO ");
    dr_buf_put_sql_ident(b, dr_str_of(to));
    dr_buf_puts(b, "; PRAGMA legacy_alter_table = OFF");
}

static const struct dr_dialect dialect = {
    .name = "sqlite",
    .placeholder = '?',
    .row_names = { "rowid", "_rowid_", "oid" },
    .main_schema = "main.",
    .temp_schema = "temp",
    .index_has_schema = true,
    .int_type = "INTEGER",
    .serial = "INTEGER PRIMARY KEY",
    .table_suffix = " STRICT",
    .objects_sql = objects_sql,
    .before_drop = "PRAGMA defer_foreign_keys = ON",
    .alone_sql = alone_sql,
    .beside_sql = beside_sql,
    .fills_beside = true,
    .piece_us = 20000,                                /* shorter ones write the pages of indexes more often */
    .before_pieces = "PRAGMA wal_autocheckpoint = 0", /* a commit would do it, and seem to hold the lock */
    .between_pieces = "PRAGMA wal_checkpoint(PASSIVE)",
    .after_pieces = "PRAGMA wal_autocheckpoint = 1000",
    .put_rename = put_rename,
    .column_type = column_type,
    .stored_as = stored_as,
    .put_staged = put_staged,
    .put_ordered = put_ordered,
    .put_distinct = put_distinct,
};

/* ---- the driver ---------------------------------------------------------------- */

int32_t dr_db_sqlite_open(const char *path, struct dr_db **ret, struct dr_err *err)
{
    struct dr_sql *sql;
    DR_TRY(dr_sql_open(path, 0, BUSY_TIMEOUT_MS, &sql, err));
    int32_t rc = dr_sql_exec(sql, PAGE_CACHE, err);
    if (!rc)
        rc = dr_db_add_functions(sql, err);
    if (rc) {
        dr_sql_close(sql);
        return rc;
    }
    struct dr_db *db = dr_calloc(1, sizeof *db);
    db->driver = &dr_db_sqlite;
    db->sql = sql;
    *ret = db;
    return DR_OK;
}

void dr_db_limit_time(struct dr_db *db, int64_t us)
{
    dr_sql_limit_time(db->sql, us);
}

static void close_db(struct dr_db *db)
{
    dr_sql_rollback(db->sql);
    dr_sql_close(db->sql);
    free(db);
}

static int32_t noted(struct dr_db *db, int32_t rc)
{
    if (rc) {
        db->failure.refused = dr_sql_refused(db->sql);
        db->failure.offset = dr_sql_error_offset(db->sql);
        memcpy(db->failure.reason, dr_sql_reason(db->sql), sizeof db->failure.reason);
    }
    return rc;
}

static int32_t exec(struct dr_db *db, const char *sql, struct dr_err *err)
{
    return noted(db, dr_sql_exec(db->sql, sql, err));
}

static void bind(struct dr_sql_stmt *s, int at, const struct dr_db_value *v)
{
    switch (v->type) {
    case DR_TYPE_BOOL:
    case DR_TYPE_INT64:
        dr_sql_bind_int(s, at, v->i);
        break;
    case DR_TYPE_FLOAT64:
        dr_sql_bind_float(s, at, v->f);
        break;
    case DR_TYPE_STRING:
        dr_sql_bind_str(s, at, (struct dr_str){ v->p, (size_t)v->n });
        break;
    default:
        dr_sql_bind_null(s, at);
    }
}

static int32_t run(struct dr_db *db, const char *sql, int32_t n, const struct dr_db_value *values,
                   struct dr_table **ret_result, int64_t *ret_changed, struct dr_err *err)
{
    struct dr_sql_stmt *s;
    int32_t rc = noted(db, dr_sql_prepare_once(db->sql, sql, &s, err));
    if (rc)
        return rc;
    for (int32_t i = 0; i < n; i++)
        bind(s, i + 1, &values[i]);
    if (ret_result && dr_sql_columns(s) > 0)
        rc = dr_db_read_result(s, ret_result, err);
    else
        rc = dr_sql_run(s, ret_changed, err);
    dr_sql_finalize(s);
    return noted(db, rc);
}

static int32_t begin(struct dr_db *db, bool writing, struct dr_err *err)
{
    return noted(db, writing ? dr_sql_begin(db->sql, err) : dr_sql_exec(db->sql, "BEGIN", err));
}

static int32_t commit(struct dr_db *db, struct dr_err *err)
{
    return noted(db, dr_sql_commit(db->sql, err));
}

static void rollback(struct dr_db *db)
{
    dr_sql_rollback(db->sql);
}

static bool in_transaction(struct dr_db *db)
{
    return dr_sql_in_transaction(db->sql);
}

/* Every table numbers its rows, by all of dialect.row_names; who asks for one puts the rows into a table. */
static int32_t attach(struct dr_db *db, const char *name, const struct dr_table *t, const char *row_name,
                      struct dr_err *err)
{
    return dr_db_attach_view(db, name, t, row_name != NULL, err);
}

static int32_t detach(struct dr_db *db, const char *name, struct dr_err *err)
{
    return noted(db, dr_sql_detach(db->sql, name, err));
}

static int32_t read_columns(struct dr_sql_stmt *s, struct dr_arena *a, struct dr_db_column **ret,
                            int32_t *ret_n, bool *ret_view, struct dr_err *err)
{
    *ret = NULL;
    *ret_n = 0;
    for (;;) {
        bool row;
        DR_TRY(dr_sql_step(s, &row, err));
        if (!row)
            return DR_OK;
        *dr_db_next_column(a, ret, ret_n) =
            (struct dr_db_column){ dr_sql_text(s, 0, a), dr_sql_text(s, 1, a), (int32_t)dr_sql_int(s, 2) };
        *ret_view = dr_sql_int(s, 3) != 0;
    }
}

static int32_t columns(struct dr_db *db, const char *name, struct dr_arena *a, struct dr_db_column **ret,
                       int32_t *ret_n, bool *ret_view, struct dr_err *err)
{
    struct dr_sql_stmt *s;
    *ret_view = false;
    DR_TRY(dr_sql_prepare(db->sql,
                          "SELECT c.name, c.type, c.pk, s.type = 'view' FROM main.sqlite_schema s"
                          " JOIN pragma_table_info(s.name, 'main') c"
                          " WHERE s.type IN ('table', 'view') AND s.name = ?1 COLLATE NOCASE ORDER BY c.cid",
                          &s, err));
    dr_sql_bind_text(s, 1, name);
    return noted(db, read_columns(s, a, ret, ret_n, ret_view, err));
}

const struct dr_db_driver dr_db_sqlite = {
    .dialect = &dialect,
    .close = close_db,
    .exec = exec,
    .run = run,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .in_transaction = in_transaction,
    .attach = attach,
    .detach = detach,
    .columns = columns,
};
