/* postgresql.c - the PostgreSQL driver, over pg.h.
 *
 * Rows come in by COPY in its text format, which every type has and which is about as
 * fast here as the binary one. Results arrive as text too: postgresql_result.c. */
#include "db/db.h"
#include "db/pg.h"
#include "data/kernel.h"
#include "base/sqlite.h"

enum { NAME_MAX_BYTES = 63, COPY_BYTES = 256 << 10 };

/* ---- the dialect ------------------------------------------------------------------- */

static const char *column_type(const struct dr_column *c)
{
    switch (c->type) {
    case DR_TYPE_BOOL:
        return "boolean";
    case DR_TYPE_INT64:
        return "bigint";
    case DR_TYPE_FLOAT64:
        return "double precision";
    case DR_TYPE_DATE:
        return "date";
    case DR_TYPE_TIMESTAMP:
        return c->zoned ? "timestamp with time zone" : "timestamp without time zone";
    case DR_TYPE_DECIMAL:
        return "numeric";
    default:
        return "text";
    }
}

static void put_column(struct dr_buf *b, const char *alias, const char *column)
{
    dr_buf_printf(b, "%s.", alias);
    dr_buf_put_sql_ident(b, dr_str_of(column));
}

/* Text that is a number, so that "7" and "07" are seen to be one key. */
static int32_t stored_as(const struct dr_column *c, const char *type)
{
    bool integer = dr_streq(type, "bigint") || dr_streq(type, "integer") || dr_streq(type, "smallint");
    return integer && dr_column_is_text(c) ? DR_TYPE_INT64 : c->type;
}

static bool is_text_type(const char *type)
{
    return dr_streq(type, "text") || dr_str_starts(dr_str_of(type), DR_LIT("character"));
}

/* An array from the JSON text that a dataset holds. */
static void put_array(struct dr_buf *b, const char *alias, const char *column, const char *type)
{
    dr_buf_puts(b, "CASE WHEN ");
    put_column(b, alias, column);
    dr_buf_printf(b, " IS NOT NULL THEN ARRAY(SELECT CAST(v.x AS %.*s) FROM jsonb_array_elements_text(CAST(",
                  (int)(strlen(type) - 2), type);
    put_column(b, alias, column);
    dr_buf_puts(b, " AS jsonb)) WITH ORDINALITY AS v(x, n) ORDER BY v.n) END");
}

/* A cast that is written out cuts text to a column's length; storing text refuses it. */
static void put_staged(struct dr_buf *b, const char *alias, const char *column, const char *type)
{
    if (!type) {
        put_column(b, alias, column);
    } else if (dr_str_ends(dr_str_of(type), DR_LIT("[]"))) {
        put_array(b, alias, column, type);
    } else {
        dr_buf_puts(b, "CAST(");
        put_column(b, alias, column);
        dr_buf_printf(b, " AS %s)", is_text_type(type) ? "text" : type);
    }
}

static void put_ordered(struct dr_buf *b, const char *alias, const char *column, const char *type,
                        bool decimal)
{
    (void)decimal; /* numeric has its order */
    if (dr_streq(alias, "s"))
        put_staged(b, alias, column, type);
    else
        put_column(b, alias, column);
    if (type && is_text_type(type))
        dr_buf_puts(b, " COLLATE \"C\"");
}

/* json has no equality; its text has. */
static void put_distinct(struct dr_buf *b, const char *left, const char *right, const char *type)
{
    bool as_text = type && (dr_streq(type, "json") || dr_streq(type, "xml"));
    dr_buf_printf(b,
                  as_text ? "CAST(%s AS text) IS DISTINCT FROM CAST(%s AS text)" : "%s IS DISTINCT FROM %s",
                  left, right);
}

/* Of the schema in which new objects are made. Sequences and types that belong to a table go
 * with it. */
static const char objects_sql[] =
    "SELECT name, drop_sql FROM ("
    " SELECT c.oid, CAST(c.relname AS text) AS name, format('DROP %s IF EXISTS %I', CASE c.relkind"
    "   WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,"
    "   c.relname) AS drop_sql"
    "  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema()"
    "   AND c.relkind IN ('r', 'p', 'v', 'm', 'S') AND c.relname NOT LIKE 'dagrun\\_%'"
    "   AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('a', 'i', 'e'))"
    " UNION ALL"
    " SELECT p.oid, CAST(p.proname AS text), format('DROP %s IF EXISTS %s', CASE p.prokind"
    "   WHEN 'p' THEN 'PROCEDURE' WHEN 'a' THEN 'AGGREGATE' ELSE 'FUNCTION' END, CAST(p.oid AS regprocedure))"
    "  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = current_schema()"
    "   AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')"
    " UNION ALL"
    " SELECT t.oid, CAST(t.typname AS text), format('DROP TYPE IF EXISTS %I', t.typname)"
    "  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname = current_schema()"
    "   AND t.typtype IN ('e', 'd') AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = t.oid AND "
    "d.deptype = 'e')"
    ") AS objects ORDER BY oid";

/* PostgreSQL calls the index of a key after its table, in 63 bytes; where the two do not fit, it keeps the
 * name. */
static void put_rename(struct dr_buf *b, const char *from, const char *to, bool keyed)
{
    static const char suffix[] = "_pkey";
    dr_buf_puts(b, "ALTER TABLE ");
    dr_buf_put_sql_ident(b, dr_str_of(from));
    dr_buf_puts(b, " RENAME TO ");
    dr_buf_put_sql_ident(b, dr_str_of(to));
    if (!keyed || strlen(to) + strlen(suffix) > NAME_MAX_BYTES)
        return;
    dr_buf_printf(b, "; ALTER INDEX %s%s RENAME TO ", from, suffix);
    DR_AUTO_BUF index = { 0 };
    dr_buf_printf(&index, "%s%s", to, suffix);
    dr_buf_put_sql_ident(b, dr_buf_str(&index));
}

static const struct dr_dialect dialect = {
    .name = "postgresql",
    .placeholder = '$',
    .no_nul = true,
    .analyze = true,
    .row_names = { "dagrun_row", "dagrun_row_number", "dagrun_staged_row" },
    .main_schema = "",
    .temp_schema = "pg_temp",
    .int_type = "bigint",
    .serial = "bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
    .table_suffix = "",
    .objects_sql = objects_sql,
    .lock_sql = "SELECT pg_advisory_xact_lock(7233189)",
    .lock_table_sql = "SELECT pg_advisory_xact_lock(7233190, hashtext($1))",
    /* Its statements are short beside the time that it takes to compile them. Servers before 11 do not. */
    .before_load = "SELECT set_config(name, 'off', false) FROM pg_settings WHERE name = 'jit'",
    .after_load = "SELECT set_config(name, reset_val, false) FROM pg_settings WHERE name = 'jit'",
    .piece_us = 50000, /* each is flushed to the disk */
    /* Or it would read all staged rows for each piece: it takes any row but the next for a
     * page to be read. */
    .before_pieces = "SET enable_seqscan = off",
    .after_pieces = "RESET enable_seqscan",
    .other_lives_sql =
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 7233191"
        " AND objid = CAST(CAST($1 AS bigint) AS oid) AND objsubid = 2 AND pid <> pg_backend_pid()"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    .show_life_sql = "SELECT pg_try_advisory_lock(7233191, CAST($1 AS integer))",
    .staging_copies = true,
    .put_rename = put_rename,
    .column_type = column_type,
    .stored_as = stored_as,
    .put_staged = put_staged,
    .put_ordered = put_ordered,
    .put_distinct = put_distinct,
};

/* ---- connections ------------------------------------------------------------------- */

int32_t dr_db_postgresql_open(const struct dr_db_target *where, struct dr_db **ret, struct dr_err *err)
{
    struct dr_pg *pg;
    DR_TRY(dr_pg_open(where->n, where->keys, where->values, &pg, err));
    struct dr_db *db = dr_calloc(1, sizeof *db);
    db->driver = &dr_db_postgresql;
    db->pg = pg;
    *ret = db;
    return DR_OK;
}

static void close_db(struct dr_db *db)
{
    dr_pg_close(db->pg);
    free(db);
}

static int32_t noted(struct dr_db *db, int32_t rc)
{
    if (rc) {
        db->failure.refused = dr_pg_refused(db->pg);
        db->failure.offset = dr_pg_error_offset(db->pg);
        memcpy(db->failure.reason, dr_pg_reason(db->pg), sizeof db->failure.reason);
    }
    return rc;
}

static int32_t exec(struct dr_db *db, const char *sql, struct dr_err *err)
{
    return noted(db, dr_pg_exec(db->pg, sql, err));
}

static int32_t begin(struct dr_db *db, bool writing, struct dr_err *err)
{
    (void)writing; /* rows are locked one by one, as they are written */
    return exec(db, "BEGIN", err);
}

/* The server answers the COMMIT of a transaction in which something failed by a
 * rollback, and calls that a success. */
static int32_t commit(struct dr_db *db, struct dr_err *err)
{
    if (dr_pg_in_failed_transaction(db->pg)) {
        (void)exec(db, "ROLLBACK", NULL);
        return dr_fail(err, DR_EDB, "PostgreSQL: the transaction had failed and was rolled back");
    }
    return exec(db, "COMMIT", err);
}

static bool in_transaction(struct dr_db *db)
{
    return dr_pg_in_transaction(db->pg);
}

static void rollback(struct dr_db *db)
{
    if (in_transaction(db))
        (void)exec(db, "ROLLBACK", NULL);
}

/* ---- statements ---------------------------------------------------------------------- */

static int32_t set_param(const struct dr_db_value *v, struct dr_arena *a, struct dr_pg_param *ret,
                         struct dr_err *err)
{
    char number[DR_F64_TEXT];
    switch (v->type) {
    case DR_TYPE_BOOL:
        *ret = (struct dr_pg_param){ v->i ? "true" : "false", DR_PG_OID_BOOL };
        break;
    case DR_TYPE_INT64:
        dr_format_i64(v->i, number);
        *ret = (struct dr_pg_param){ dr_arena_strdup(a, number), DR_PG_OID_INT8 };
        break;
    case DR_TYPE_FLOAT64:
        dr_format_f64(v->f, number);
        *ret = (struct dr_pg_param){ dr_arena_strdup(a, number), DR_PG_OID_FLOAT8 };
        break;
    case DR_TYPE_STRING:
        if (memchr(v->p, '\0', (size_t)v->n))
            return dr_fail(err, DR_EINPUT, "a parameter holds a NUL byte, which PostgreSQL cannot store");
        *ret = (struct dr_pg_param){ dr_arena_dup(a, v->p, (size_t)v->n), 0 };
        break;
    default:
        *ret = (struct dr_pg_param){ NULL, 0 };
    }
    return DR_OK;
}

static int32_t skip_rows(struct dr_pg *pg, struct dr_err *err)
{
    bool row;
    do
        DR_TRY(dr_pg_next(pg, &row, err));
    while (row);
    return DR_OK;
}

static int32_t run(struct dr_db *db, const char *sql, int32_t n, const struct dr_db_value *values,
                   struct dr_table **ret_result, int64_t *ret_changed, struct dr_err *err)
{
    DR_AUTO_ARENA a = { 0 };
    struct dr_pg_param *params = dr_arena_array(&a, (size_t)n + 1, sizeof *params);
    for (int32_t i = 0; i < n; i++)
        DR_TRY(set_param(&values[i], &a, &params[i], err));
    int32_t rc = dr_pg_send(db->pg, sql, n, params, err);
    if (!rc)
        rc = ret_result ? dr_db_postgresql_result(db->pg, ret_result, err) : skip_rows(db->pg, err);
    if (!rc && ret_changed)
        *ret_changed = dr_pg_changed(db->pg);
    return noted(db, rc);
}

/* ---- rows in -------------------------------------------------------------------------- */

static void put_copy_text(struct dr_buf *b, struct dr_str s)
{
    size_t from = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        const char *escaped = c == '\\'   ? "\\\\"
                              : c == '\n' ? "\\n"
                              : c == '\r' ? "\\r"
                              : c == '\t' ? "\\t"
                                          : NULL;
        if (!escaped)
            continue;
        dr_buf_append(b, s.p + from, i - from);
        dr_buf_puts(b, escaped);
        from = i + 1;
    }
    dr_buf_append(b, s.p + from, s.n - from);
}

static void put_copy_value(struct dr_buf *b, const struct dr_array *a, int64_t i)
{
    if (a->type == DR_TYPE_NULL || !dr_array_valid(a, i))
        dr_buf_puts(b, "\\N");
    else if (a->type == DR_TYPE_STRING || a->type == DR_TYPE_DICT)
        put_copy_text(b, dr_array_str(a, i));
    else
        dr_array_put_text(a, i, b);
}

static void put_copy_row(struct dr_buf *b, const struct dr_table *t, int32_t k, int64_t i, bool numbered)
{
    if (numbered)
        dr_buf_printf(b, "%lld", (long long)(t->columns[0]->start[k] + i + 1));
    for (int32_t c = 0; c < t->n; c++) {
        if (c || numbered)
            dr_buf_putc(b, '\t');
        put_copy_value(b, t->columns[c]->chunk[k], i);
    }
    dr_buf_putc(b, '\n');
}

static int32_t copy_rows(struct dr_pg *pg, const struct dr_table *t, bool numbered, struct dr_err *err)
{
    DR_AUTO_BUF b = { 0 };
    for (int32_t k = 0; k < t->columns[0]->n; k++)
        for (int64_t i = 0; i < t->columns[0]->chunk[k]->n; i++) {
            put_copy_row(&b, t, k, i, numbered);
            if (!dr_buf_ok(&b))
                return dr_fail(err, DR_ELIMIT, "row %lld is longer than 1 GiB",
                               (long long)(t->columns[0]->start[k] + i + 1));
            if (b.n < COPY_BYTES)
                continue;
            DR_TRY(dr_pg_copy_put(pg, dr_buf_str(&b), err));
            dr_buf_clear(&b);
        }
    return b.n ? dr_pg_copy_put(pg, dr_buf_str(&b), err) : DR_OK;
}

static int32_t copy_in(struct dr_db *db, const char *name, const struct dr_table *t, bool numbered,
                       struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    struct dr_err ignored;
    dr_buf_puts(&sql, "COPY ");
    put_column(&sql, "pg_temp", name);
    dr_buf_puts(&sql, " FROM STDIN");
    DR_TRY(dr_pg_copy_begin(db->pg, dr_buf_cstr(&sql), err));
    int32_t rc = copy_rows(db->pg, t, numbered, err);
    int32_t ended = dr_pg_copy_end(db->pg, rc != 0, rc ? &ignored : err);
    return rc ? rc : ended;
}

static int32_t check_name(const char *what, const char *name, struct dr_err *err)
{
    if (strlen(name) <= NAME_MAX_BYTES)
        return DR_OK;
    return dr_fail(err, DR_EINPUT, "the name of the %s '%s' has more than the %d bytes that PostgreSQL keeps",
                   what, name, NAME_MAX_BYTES);
}

static void put_temp_table(struct dr_buf *b, const char *name, const struct dr_table *t, const char *row_name)
{
    dr_buf_puts(b, "DROP TABLE IF EXISTS ");
    put_column(b, "pg_temp", name);
    dr_buf_puts(b, "; CREATE TEMP TABLE ");
    dr_buf_put_sql_ident(b, dr_str_of(name));
    dr_buf_puts(b, " (");
    if (row_name)
        dr_buf_printf(b, "%s bigint NOT NULL", row_name);
    for (int32_t i = 0; i < t->n; i++) {
        dr_buf_puts(b, i || row_name ? ", " : "");
        dr_buf_put_sql_ident(b, dr_str_of(t->names[i]));
        dr_buf_printf(b, " %s", column_type(t->columns[i]));
    }
    dr_buf_puts(b, ")");
}

static int32_t attach_whole(struct dr_db *db, const char *name, const struct dr_table *t,
                            const char *row_name, struct dr_err *err)
{
    DR_AUTO_BUF create = { 0 };
    DR_AUTO_BUF after = { 0 };
    if (t->n == 0)
        return dr_fail(err, DR_EINPUT, "a database table needs at least one column");
    DR_TRY(check_name("table", name, err));
    for (int32_t i = 0; i < t->n; i++)
        DR_TRY(check_name("column", t->names[i], err));
    put_temp_table(&create, name, t, row_name);
    DR_TRY(exec(db, dr_buf_cstr(&create), err));
    DR_TRY(noted(db, copy_in(db, name, t, row_name != NULL, err)));
    if (row_name) {
        dr_buf_puts(&after, "CREATE UNIQUE INDEX ON ");
        put_column(&after, "pg_temp", name);
        dr_buf_printf(&after, " (%s); ", row_name);
    }
    dr_buf_puts(&after, "ANALYZE ");
    put_column(&after, "pg_temp", name);
    return exec(db, dr_buf_cstr(&after), err);
}

static int32_t attach(struct dr_db *db, const char *name, const struct dr_table *t, const char *row_name,
                      struct dr_err *err)
{
    int32_t rc = attach_whole(db, name, t, row_name, err);
    return rc ? dr_err_prefix(err, "database table '%s'", name) : DR_OK;
}

static int32_t detach(struct dr_db *db, const char *name, struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    dr_buf_puts(&sql, "DROP TABLE IF EXISTS ");
    put_column(&sql, "pg_temp", name);
    return exec(db, dr_buf_cstr(&sql), err);
}

/* ---- what is there --------------------------------------------------------------------- */

static const char columns_sql[] =
    "SELECT a.attname, format_type(a.atttypid, a.atttypmod),"
    " coalesce(array_position(CAST(i.indkey AS smallint[]), a.attnum) + 1, 0), c.relkind IN ('v', 'm')"
    " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
    " LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary"
    " WHERE c.oid = to_regclass(quote_ident($1)) ORDER BY a.attnum";

static const char *own_text(const struct dr_pg *pg, int32_t i, struct dr_arena *a)
{
    struct dr_str v = dr_pg_value(pg, i);
    return dr_arena_dup(a, v.p, v.n);
}

static int32_t read_columns(struct dr_pg *pg, struct dr_arena *a, struct dr_db_column **ret, int32_t *ret_n,
                            bool *ret_view, struct dr_err *err)
{
    *ret = NULL;
    *ret_n = 0;
    for (;;) {
        bool row;
        int64_t key = 0;
        DR_TRY(dr_pg_next(pg, &row, err));
        if (!row)
            return DR_OK;
        (void)dr_parse_i64(dr_pg_value(pg, 2), &key);
        *dr_db_next_column(a, ret, ret_n) =
            (struct dr_db_column){ own_text(pg, 0, a), own_text(pg, 1, a), (int32_t)key };
        *ret_view = dr_pg_value(pg, 3).p[0] == 't';
    }
}

static int32_t columns(struct dr_db *db, const char *name, struct dr_arena *a, struct dr_db_column **ret,
                       int32_t *ret_n, bool *ret_view, struct dr_err *err)
{
    struct dr_pg_param params[] = { { name, 0 } };
    *ret_view = false;
    DR_TRY(check_name("table", name, err));
    int32_t rc = dr_pg_send(db->pg, columns_sql, 1, params, err);
    if (!rc)
        rc = read_columns(db->pg, a, ret, ret_n, ret_view, err);
    return noted(db, rc);
}

const struct dr_db_driver dr_db_postgresql = {
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
