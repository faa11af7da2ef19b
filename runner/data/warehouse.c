/* warehouse.c - tables into an SQLite database.
 *
 * A table is replaced within the caller's transaction: whoever reads the
 * database sees the old rows until it commits. A savepoint around the replacing
 * makes a failure leave the table as it was, whatever the caller then does.
 * Whether an existing table has the right columns is asked of the text that made
 * it, which SQLite keeps: it says names, types, order and key at once.
 *
 * An attached table is a copy in SQLite's temporary database rather than a
 * virtual table over our columns: only of real tables does SQLite make automatic
 * indexes for joins. */
#include "data/warehouse.h"
#include "base/date.h"
#include "data/decimal.h"
#include <math.h>

#define BUSY_TIMEOUT_MS 30000

/* ---- connections ----------------------------------------------------------- */

int32_t dr_db_open(const char *path, struct dr_db **ret, struct dr_err *err)
{
    struct dr_sql *sql;
    DR_TRY(dr_sql_open(path, 0, BUSY_TIMEOUT_MS, &sql, err));
    struct dr_db *db = dr_calloc(1, sizeof *db);
    db->sql = sql;
    *ret = db;
    return DR_OK;
}

void dr_db_close(struct dr_db *db)
{
    if (!db)
        return;
    dr_sql_rollback(db->sql);
    dr_sql_close(db->sql);
    free(db);
}

int32_t dr_db_exec(struct dr_db *db, const char *sql, struct dr_err *err)
{
    return dr_sql_exec(db->sql, sql, err);
}

int32_t dr_db_begin(struct dr_db *db, struct dr_err *err)
{
    return dr_sql_begin(db->sql, err);
}

int32_t dr_db_commit(struct dr_db *db, struct dr_err *err)
{
    return dr_sql_commit(db->sql, err);
}

void dr_db_rollback(struct dr_db *db)
{
    dr_sql_rollback(db->sql);
}

/* ---- the statements of a table ----------------------------------------------- */

/* A table on its way into the database. */
struct load {
    struct dr_sql *sql;       /* borrowed */
    const char *schema;       /* "main" or "temp" */
    const char *name;         /* borrowed */
    const struct dr_table *t; /* borrowed */
    int32_t n_keys;
    int32_t *keys;      /* owned: column numbers */
    char *create;       /* owned: the statement, as SQLite keeps it */
    struct dr_buf text; /* of a value while it is bound */
};

static const char *sql_type(int32_t type)
{
    switch (type) {
    case DR_TYPE_BOOL:
    case DR_TYPE_INT64:
        return "INTEGER";
    case DR_TYPE_FLOAT64:
        return "REAL";
    default:
        return "TEXT";
    }
}

static bool is_key(const struct load *l, int32_t column)
{
    for (int32_t k = 0; k < l->n_keys; k++)
        if (l->keys[k] == column)
            return true;
    return false;
}

static void put_key_list(const struct load *l, struct dr_buf *b)
{
    for (int32_t k = 0; k < l->n_keys; k++) {
        dr_buf_puts(b, k ? ", " : ",\n  PRIMARY KEY (");
        dr_buf_put_sql_ident(b, dr_str_of(l->t->names[l->keys[k]]));
    }
    if (l->n_keys)
        dr_buf_puts(b, ")");
}

/* SQLite keeps a CREATE TABLE statement as it was written, except for what
 * stands before the table's name; so this names no schema. */
static void put_create(const struct load *l, struct dr_buf *b)
{
    dr_buf_puts(b, "CREATE TABLE ");
    dr_buf_put_sql_ident(b, dr_str_of(l->name));
    dr_buf_puts(b, " (\n");
    for (int32_t i = 0; i < l->t->n; i++) {
        dr_buf_puts(b, i ? ",\n  " : "  ");
        dr_buf_put_sql_ident(b, dr_str_of(l->t->names[i]));
        dr_buf_printf(b, " %s%s", sql_type(l->t->columns[i]->type), is_key(l, i) ? " NOT NULL" : "");
    }
    put_key_list(l, b);
    dr_buf_puts(b, "\n) STRICT");
}

/* "<verb> <schema>.<name>" */
static void put_on_table(const struct load *l, const char *verb, struct dr_buf *b)
{
    dr_buf_printf(b, "%s %s.", verb, l->schema);
    dr_buf_put_sql_ident(b, dr_str_of(l->name));
}

static void put_insert(const struct load *l, struct dr_buf *b)
{
    put_on_table(l, "INSERT INTO", b);
    dr_buf_puts(b, " VALUES (");
    for (int32_t i = 0; i < l->t->n; i++)
        dr_buf_printf(b, i ? ", ?%d" : "?%d", (int)i + 1);
    dr_buf_puts(b, ")");
}

static int32_t exec_on_table(const struct load *l, const char *verb, struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    put_on_table(l, verb, &sql);
    return dr_sql_exec(l->sql, dr_buf_cstr(&sql), err);
}

/* ---- rows -------------------------------------------------------------------- */

static void bind_formatted(struct load *l, struct dr_sql_stmt *s, int at, const struct dr_array *a, int64_t i)
{
    dr_buf_clear(&l->text);
    dr_array_put_text(a, i, &l->text);
    dr_sql_bind_str(s, at, dr_buf_str(&l->text));
}

static void bind_value(struct load *l, struct dr_sql_stmt *s, int at, const struct dr_array *a, int64_t i)
{
    if (a->type == DR_TYPE_NULL || !dr_array_valid(a, i)) {
        dr_sql_bind_null(s, at);
        return;
    }
    switch (a->type) {
    case DR_TYPE_BOOL:
        dr_sql_bind_int(s, at, dr_bit(a->values, i));
        break;
    case DR_TYPE_INT64:
        dr_sql_bind_int(s, at, ((const int64_t *)a->values)[i]);
        break;
    case DR_TYPE_FLOAT64:
        dr_sql_bind_float(s, at, ((const double *)a->values)[i]);
        break;
    case DR_TYPE_STRING:
    case DR_TYPE_DICT:
        dr_sql_bind_static(s, at, dr_array_str(a, i));
        break;
    default:
        bind_formatted(l, s, at, a, i);
        break;
    }
}

/* SQLite takes any number of NULLs under a key, and a NaN as one; a key that
 * is missing would let a row be stored twice, so it is refused. */
static int32_t check_key(const struct load *l, const struct dr_array *a, int32_t column, int64_t i,
                         int64_t row, struct dr_err *err)
{
    bool missing = a->type == DR_TYPE_NULL || !dr_array_valid(a, i) ||
                   (a->type == DR_TYPE_FLOAT64 && isnan(((const double *)a->values)[i]));
    if (!missing)
        return DR_OK;
    return dr_fail(err, DR_EINPUT, "row %lld has no value in the key column '%s'", (long long)row + 1,
                   l->t->names[column]);
}

static int32_t insert_row(struct load *l, struct dr_sql_stmt *s, int32_t k, int64_t i, int64_t row,
                          struct dr_err *err)
{
    for (int32_t c = 0; c < l->n_keys; c++)
        DR_TRY(check_key(l, l->t->columns[l->keys[c]]->chunk[k], l->keys[c], i, row, err));
    for (int32_t c = 0; c < l->t->n; c++)
        bind_value(l, s, c + 1, l->t->columns[c]->chunk[k], i);
    bool more; /* an INSERT is done after one step, and every binding is set anew for the next row */
    int32_t rc = dr_sql_step(s, &more, err);
    if (rc)
        (void)dr_err_prefix(err, "row %lld", (long long)row + 1);
    return rc;
}

static int32_t insert_rows(struct load *l, struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    struct dr_sql_stmt *s;
    int32_t rc = DR_OK;
    put_insert(l, &sql);
    DR_TRY(dr_sql_prepare_once(l->sql, dr_buf_cstr(&sql), &s, err));
    const struct dr_column *first = l->t->columns[0];
    for (int32_t k = 0; k < first->n && !rc; k++)
        for (int64_t i = 0; i < first->chunk[k]->n && !rc; i++)
            rc = insert_row(l, s, k, i, first->start[k] + i, err);
    dr_sql_finalize(s);
    return rc;
}

/* ---- replacing ------------------------------------------------------------------ */

static int32_t find_keys(struct load *l, const char *const *keys, struct dr_err *err)
{
    int32_t n = l->n_keys;
    l->n_keys = 0;
    for (int32_t k = 0; k < n; k++) {
        int32_t column = dr_table_find(l->t, keys[k]);
        if (column < 0)
            return dr_fail(err, DR_ENOTFOUND, "there is no column '%s' to be its key", keys[k]);
        if (is_key(l, column))
            return dr_fail(err, DR_EINPUT, "column '%s' is in its key twice", keys[k]);
        l->keys[l->n_keys++] = column;
    }
    return DR_OK;
}

/* Whether the table is there, and as `create` would make it. */
static int32_t look_for(const struct load *l, bool *ret_there, bool *ret_same, struct dr_err *err)
{
    struct dr_sql_stmt *s;
    bool view = false;
    DR_TRY(dr_sql_prepare(l->sql,
                          "SELECT sql, type = 'view' FROM main.sqlite_schema"
                          " WHERE type IN ('table', 'view') AND name = ?1 COLLATE NOCASE",
                          &s, err));
    dr_sql_bind_text(s, 1, l->name);
    DR_TRY(dr_sql_step(s, ret_there, err));
    *ret_same = *ret_there && dr_str_eq(dr_sql_str(s, 0), dr_str_of(l->create));
    view = *ret_there && dr_sql_int(s, 1) != 0;
    dr_sql_reset(s);
    return view ? dr_fail(err, DR_EDB, "the database has a view of that name") : DR_OK;
}

static int32_t make_empty(struct load *l, struct dr_err *err)
{
    bool there, same;
    DR_TRY(look_for(l, &there, &same, err));
    if (same)
        return exec_on_table(l, "DELETE FROM", err);
    if (there)
        DR_TRY(exec_on_table(l, "DROP TABLE", err));
    return dr_sql_exec(l->sql, l->create, err);
}

/* A new one, whatever had its name. */
static int32_t make_temporary(struct load *l, struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    DR_TRY(exec_on_table(l, "DROP TABLE IF EXISTS", err));
    dr_buf_printf(&sql, "CREATE TEMP%s", l->create + sizeof "CREATE" - 1);
    return dr_sql_exec(l->sql, dr_buf_cstr(&sql), err);
}

/* All of it or nothing. */
static int32_t load_whole(struct load *l, int32_t (*make)(struct load *l, struct dr_err *err),
                          struct dr_err *err)
{
    DR_TRY(dr_sql_exec(l->sql, "SAVEPOINT dagrun_load", err));
    int32_t rc = make(l, err);
    if (!rc)
        rc = insert_rows(l, err);
    if (rc)
        (void)dr_sql_exec(l->sql, "ROLLBACK TO dagrun_load", NULL);
    int32_t released = dr_sql_exec(l->sql, "RELEASE dagrun_load", rc ? NULL : err);
    return rc ? rc : released;
}

static int32_t load_table(struct load *l, const char *const *keys, struct dr_err *err)
{
    bool temporary = dr_streq(l->schema, "temp");
    DR_AUTO_BUF create = { 0 };
    if (l->t->n == 0)
        return dr_fail(err, DR_EINPUT, "a database table needs at least one column");
    DR_TRY(find_keys(l, keys, err));
    put_create(l, &create);
    l->create = create.p;
    return load_whole(l, temporary ? make_temporary : make_empty, err);
}

static int32_t load_into(struct load *l, const char *const *keys, struct dr_err *err)
{
    l->keys = dr_malloc((size_t)l->n_keys * sizeof *l->keys);
    int32_t rc = load_table(l, keys, err);
    if (rc)
        (void)dr_err_prefix(err, "database table '%s'", l->name);
    free(l->keys);
    dr_buf_done(&l->text);
    return rc;
}

int32_t dr_db_replace(struct dr_db *db, const char *name, const struct dr_table *t, int32_t n_keys,
                      const char *const *keys, struct dr_err *err)
{
    struct load l = { .sql = db->sql, .schema = "main", .name = name, .t = t, .n_keys = n_keys };
    if (!dr_sql_in_transaction(db->sql))
        return dr_fail(err, DR_EINPUT,
                       "database table '%s': dr_db_replace needs a transaction; call dr_db_begin first",
                       name);
    return load_into(&l, keys, err);
}

int32_t dr_db_attach_table(struct dr_db *db, const char *name, const struct dr_table *t, struct dr_err *err)
{
    struct load l = { .sql = db->sql, .schema = "temp", .name = name, .t = t };
    return load_into(&l, NULL, err);
}
