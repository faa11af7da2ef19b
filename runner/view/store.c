/* store.c - the database: its tables, the views they were made for, what is known of
 * files. What is done with a file is in store_write.c. */
#include "view/store_impl.h"

/* A file's pages stay in memory until its commit, and are written back to the database seldom:
 * keys are random, so the same pages are changed again by the next file. */
static const char tuning[] = "PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 8000;";

static const char own_tables[] =
    "CREATE TABLE IF NOT EXISTS fhir_meta (\n"
    "    name TEXT PRIMARY KEY,\n"
    "    value TEXT NOT NULL) STRICT, WITHOUT ROWID;\n"
    "CREATE TABLE IF NOT EXISTS fhir_file (\n"
    "    file_id INTEGER PRIMARY KEY,\n"
    "    path TEXT NOT NULL UNIQUE,\n"
    "    hash TEXT NOT NULL,\n"
    "    bytes INTEGER NOT NULL,\n"
    "    resources INTEGER NOT NULL,\n"
    "    quarantined INTEGER NOT NULL,\n"
    "    problem TEXT,\n"
    "    load INTEGER NOT NULL,\n"
    "    loaded_at TEXT NOT NULL) STRICT;\n"
    "CREATE TABLE IF NOT EXISTS fhir_resource (\n"
    "    resource_type TEXT NOT NULL,\n"
    "    resource_key TEXT NOT NULL,\n"
    "    file_id INTEGER NOT NULL REFERENCES fhir_file (file_id),\n"
    "    hash INTEGER NOT NULL,\n"
    "    last_updated TEXT,\n"
    "    load INTEGER NOT NULL,\n"
    "    PRIMARY KEY (resource_type, resource_key)) STRICT, WITHOUT ROWID;\n"
    "CREATE INDEX IF NOT EXISTS fhir_resource_file ON fhir_resource (file_id);\n"
    "CREATE TABLE IF NOT EXISTS fhir_shared (\n"
    "    resource_type TEXT NOT NULL,\n"
    "    resource_key TEXT NOT NULL,\n"
    "    file_id INTEGER NOT NULL REFERENCES fhir_file (file_id),\n"
    "    PRIMARY KEY (resource_type, resource_key, file_id)) STRICT, WITHOUT ROWID;\n"
    "CREATE INDEX IF NOT EXISTS fhir_shared_file ON fhir_shared (file_id);\n"
    "CREATE TABLE IF NOT EXISTS fhir_quarantine (\n"
    "    file_id INTEGER NOT NULL REFERENCES fhir_file (file_id),\n"
    "    entry INTEGER NOT NULL,\n"
    "    resource_type TEXT,\n"
    "    resource_key TEXT,\n"
    "    reason TEXT NOT NULL,\n"
    "    quarantined_at TEXT NOT NULL,\n"
    "    PRIMARY KEY (file_id, entry)) STRICT, WITHOUT ROWID;\n";

/* ---- tables ---- */

static const char *sql_type(enum dr_view_store store)
{
    static const char *const names[] = { "TEXT", "INTEGER", "REAL" };
    return names[store];
}

static void put_ident(struct dr_buf *b, const char *name)
{
    dr_buf_put_sql_ident(b, dr_str_of(name));
}

/* Tables of several rows for a resource number them in _row. */
static void put_create(struct dr_buf *b, const struct dr_view_table *t)
{
    const struct dr_view *v = t->view;
    (void)dr_buf_puts(b, "CREATE TABLE ");
    put_ident(b, v->name);
    (void)dr_buf_puts(b, " (");
    for (int32_t i = 0; i < v->n_columns; i++) {
        (void)dr_buf_puts(b, i ? ", " : "");
        put_ident(b, v->columns[i].name);
        (void)dr_buf_printf(b, " %s%s", sql_type(t->stores[i]), i == t->key ? " NOT NULL" : "");
    }
    (void)dr_buf_puts(b, t->single ? ", PRIMARY KEY (" : ", _row INTEGER NOT NULL, PRIMARY KEY (");
    put_ident(b, v->columns[t->key].name);
    (void)dr_buf_puts(b, t->single ? ")) STRICT, WITHOUT ROWID;\n" : ", _row)) STRICT, WITHOUT ROWID;\n");
}

static char *insert_of(struct dr_arena *a, const struct dr_view_table *t)
{
    DR_AUTO_BUF b = { 0 };
    int32_t n = t->view->n_columns + !t->single;
    (void)dr_buf_puts(&b, "INSERT INTO ");
    put_ident(&b, t->view->name);
    (void)dr_buf_puts(&b, " VALUES (");
    for (int32_t i = 0; i < n; i++)
        (void)dr_buf_puts(&b, i ? ",?" : "?");
    (void)dr_buf_puts(&b, ")");
    return dr_arena_strdup(a, dr_buf_cstr(&b));
}

static char *delete_of(struct dr_arena *a, const struct dr_view_table *t)
{
    DR_AUTO_BUF b = { 0 };
    (void)dr_buf_puts(&b, "DELETE FROM ");
    put_ident(&b, t->view->name);
    (void)dr_buf_puts(&b, " WHERE ");
    put_ident(&b, t->view->columns[t->key].name);
    (void)dr_buf_puts(&b, " = ?1");
    return dr_arena_strdup(a, dr_buf_cstr(&b));
}

/* ---- the views that tables were made for ---- */

static int32_t get_meta(struct dr_fhir_store *s, const char *name, const char **ret, struct dr_err *err)
{
    struct dr_sql_stmt *q;
    bool row;
    DR_TRY(dr_sql_prepare(s->db, "SELECT value FROM fhir_meta WHERE name = ?1", &q, err));
    dr_sql_bind_text(q, 1, name);
    DR_TRY(dr_sql_step(q, &row, err));
    *ret = row ? dr_sql_text(q, 0, &s->arena) : NULL;
    dr_sql_reset(q);
    return DR_OK;
}

static int32_t set_meta(struct dr_fhir_store *s, const char *name, const char *value, struct dr_err *err)
{
    struct dr_sql_stmt *q;
    DR_TRY(dr_sql_prepare(s->db, "INSERT INTO fhir_meta VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2",
                          &q, err));
    dr_sql_bind_text(q, 1, name);
    dr_sql_bind_text(q, 2, value);
    return dr_sql_run(q, NULL, err);
}

/* Drop what was made for other views: their names stand in fhir_meta, one on a line. */
static int32_t drop_tables(struct dr_fhir_store *s, const char *names, struct dr_err *err)
{
    DR_AUTO_BUF b = { 0 };
    struct dr_str rest = dr_str_of(names), name;
    while (dr_str_split(&rest, '\n', &name)) {
        (void)dr_buf_puts(&b, "DROP TABLE IF EXISTS ");
        dr_buf_put_sql_ident(&b, name);
        (void)dr_buf_puts(&b, ";\n");
    }
    (void)dr_buf_puts(&b, "DELETE FROM fhir_shared; DELETE FROM fhir_resource; DELETE FROM fhir_quarantine; "
                          "DELETE FROM fhir_file;");
    return dr_sql_exec(s->db, dr_buf_cstr(&b), err);
}

/* Whoever made a table or view of that name, it is not ours to write to, nor to drop at the next rebuild. */
static int32_t check_free(struct dr_fhir_store *s, const char *name, struct dr_err *err)
{
    struct dr_sql_stmt *q;
    bool row;
    DR_TRY(dr_sql_prepare(
        s->db, "SELECT type FROM sqlite_schema WHERE type IN ('table', 'view') AND name = ?1 COLLATE NOCASE",
        &q, err));
    dr_sql_bind_text(q, 1, name);
    DR_TRY(dr_sql_step(q, &row, err));
    const char *type = row ? dr_sql_text(q, 0, &s->arena) : NULL;
    dr_sql_reset(q);
    if (type)
        return dr_fail(
            err, DR_EDEF,
            "the database has a %s '%s' that this load did not make; load into another database, or name "
            "the view otherwise",
            type, name);
    return DR_OK;
}

static int32_t make_tables(struct dr_fhir_store *s, struct dr_err *err)
{
    DR_AUTO_BUF ddl = { 0 }, names = { 0 };
    for (int32_t i = 0; i < s->set->n; i++) {
        DR_TRY(check_free(s, s->set->tables[i].view->name, err));
        put_create(&ddl, &s->set->tables[i]);
        (void)dr_buf_printf(&names, "%s%s", i ? "\n" : "", s->set->tables[i].view->name);
    }
    DR_TRY(dr_sql_exec(s->db, dr_buf_cstr(&ddl), err));
    DR_TRY(set_meta(s, "views", s->set->hash, err));
    return set_meta(s, "tables", dr_buf_cstr(&names), err);
}

static int32_t prepare_database(struct dr_fhir_store *s, bool rebuild, struct dr_err *err)
{
    const char *views, *tables;
    DR_TRY(dr_sql_exec(s->db, own_tables, err));
    DR_TRY(get_meta(s, "views", &views, err));
    DR_TRY(get_meta(s, "tables", &tables, err));
    if (views && dr_streq(views, s->set->hash) && !rebuild)
        return DR_OK;
    if (views && !rebuild)
        return dr_fail(err, DR_EDEF,
                       "the views are not those that the tables were made for; run once with rebuild: true, "
                       "which drops the tables and loads every file again");
    if (views)
        DR_TRY(drop_tables(s, tables ? tables : "", err));
    return make_tables(s, err);
}

static int32_t open_database(struct dr_fhir_store *s, const char *path, bool rebuild, struct dr_err *err)
{
    DR_TRY(dr_sql_open(path, 0, 10000, &s->db, err));
    DR_TRY(dr_sql_exec(s->db, tuning, err));
    DR_TRY(dr_sql_begin(s->db, err));
    int32_t rc = prepare_database(s, rebuild, err);
    if (rc) {
        dr_sql_rollback(s->db);
        return rc;
    }
    DR_TRY(dr_sql_commit(s->db, err));
    s->inserts = dr_arena_array(&s->arena, (size_t)s->set->n, sizeof *s->inserts);
    s->deletes = dr_arena_array(&s->arena, (size_t)s->set->n, sizeof *s->deletes);
    for (int32_t i = 0; i < s->set->n; i++) {
        s->inserts[i] = insert_of(&s->arena, &s->set->tables[i]);
        s->deletes[i] = delete_of(&s->arena, &s->set->tables[i]);
    }
    return DR_OK;
}

int32_t dr_fhir_store_open(const char *path, const struct dr_view_set *set, bool rebuild, const char *now,
                           struct dr_fhir_store **ret, struct dr_err *err)
{
    struct dr_fhir_store *s = dr_calloc(1, sizeof *s);
    s->set = set;
    s->now = now;
    int32_t rc = open_database(s, path, rebuild, err);
    if (rc)
        dr_fhir_store_close(s);
    else
        *ret = s;
    return rc;
}

void dr_fhir_store_close(struct dr_fhir_store *s)
{
    if (!s)
        return;
    dr_sql_close(s->db);
    dr_arena_done(&s->arena);
    free(s);
}

/* ---- files ---- */

int32_t dr_fhir_store_known(struct dr_fhir_store *s, struct dr_arena *a, const char *name, const char **ret,
                            struct dr_err *err)
{
    struct dr_sql_stmt *q;
    bool row;
    DR_TRY(dr_sql_prepare(s->db, "SELECT hash FROM fhir_file WHERE path = ?1", &q, err));
    dr_sql_bind_text(q, 1, name);
    DR_TRY(dr_sql_step(q, &row, err));
    *ret = row ? dr_sql_text(q, 0, a) : NULL;
    dr_sql_reset(q);
    return DR_OK;
}

static void append_result(struct dr_builder *b, struct dr_sql_stmt *q, int i)
{
    struct dr_str text = dr_sql_str(q, i);
    if (dr_sql_column_type(q, i) == DR_SQL_NULL)
        dr_builder_append_null(b);
    else if (dr_sql_column_type(q, i) == DR_SQL_INT)
        dr_builder_append_int(b, dr_sql_int(q, i));
    else
        dr_builder_append_bytes(b, text.p, (int64_t)text.n);
}

int32_t dr_fhir_store_quarantine(struct dr_fhir_store *s, struct dr_table **ret, struct dr_err *err)
{
    enum { COLUMNS = 5 };
    static const char *const names[COLUMNS] = { "file", "entry", "resource_type", "resource_key", "reason" };
    struct dr_builder *builders[COLUMNS];
    struct dr_column *columns[COLUMNS];
    struct dr_sql_stmt *q;
    bool row = true;
    DR_TRY(dr_sql_prepare(s->db,
                          "SELECT path, nullif(entry, -1), resource_type, resource_key, reason\n"
                          "FROM fhir_quarantine JOIN fhir_file USING (file_id) ORDER BY path, entry",
                          &q, err));
    for (int i = 0; i < COLUMNS; i++)
        builders[i] = dr_builder_new(i == 1 ? DR_TYPE_INT64 : DR_TYPE_STRING);
    int32_t rc = dr_sql_step(q, &row, err);
    for (; !rc && row; rc = dr_sql_step(q, &row, err))
        for (int i = 0; i < COLUMNS; i++)
            append_result(builders[i], q, i);
    for (int i = 0; i < COLUMNS; i++)
        columns[i] = dr_builder_finish(builders[i]);
    if (!rc)
        rc = dr_table_new(COLUMNS, names, (const struct dr_column *const *)columns, ret, err);
    for (int i = 0; i < COLUMNS; i++)
        dr_column_unref(columns[i]);
    return rc;
}

int32_t dr_fhir_store_script(struct dr_fhir_store *s, const char *sql, struct dr_err *err)
{
    DR_TRY(dr_sql_begin(s->db, err));
    int32_t rc = dr_sql_exec(s->db, sql, err);
    if (!rc)
        rc = dr_sql_commit(s->db, err);
    if (rc)
        dr_sql_rollback(s->db);
    return rc;
}
