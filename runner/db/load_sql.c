/* load_sql.c - the statements of a load.
 *
 * Aliases are the same in all of them: t is the target, s the staging table, d the
 * rows to do. What must differ between databases is asked of the
 * dialect. */
#include "db/load.h"
#include "base/sqlite.h"

void dr_load_temp_name(const struct dr_load_table *t, int which, char ret[32])
{
    static const char *const words[] = { "stage", "todo", "parents", "gone", "families", "work", "leave" };
    snprintf(ret, 32, "dagrun_%s_%d", words[which],
             (int)(which == DR_LOAD_PARENTS ? t->shares->number : t->number));
}

/* temp.dagrun_stage_0 */
void dr_load_sql_put_temp(const struct dr_dialect *d, const struct dr_load_table *t, int which,
                          struct dr_buf *b)
{
    char name[32];
    dr_load_temp_name(t, which, name);
    dr_buf_printf(b, "%s.%s", d->temp_schema, name);
}

void dr_load_sql_put_target(const struct dr_dialect *d, const struct dr_load_table *t, struct dr_buf *b)
{
    dr_buf_puts(b, d->main_schema);
    dr_buf_put_sql_ident(b, dr_str_of(t->beside ? t->beside : t->spec->name));
}

void dr_load_sql_put_column(struct dr_buf *b, const char *alias, const char *name)
{
    dr_buf_printf(b, "%s.", alias);
    dr_buf_put_sql_ident(b, dr_str_of(name));
}

static bool is_key(const struct dr_load_table *t, const char *name)
{
    for (int32_t i = 0; i < t->n_keys; i++)
        if (dr_streq(t->keys[i], name))
            return true;
    return false;
}

bool dr_load_keyed(const struct dr_load_table *t)
{
    return t->n_keys > 0 && t->spec->mode != DR_LOAD_APPEND;
}

bool dr_load_deletes_by_key(const struct dr_load_table *t)
{
    return dr_load_keyed(t) && t->n_target > 0 && !t->make &&
           (t->spec->mode == DR_LOAD_REPLACE || t->spec->n_scope > 0);
}

static bool has_column(const struct dr_table *rows, const char *name)
{
    for (int32_t i = 0; i < rows->n; i++)
        if (strcasecmp(rows->names[i], name) == 0)
            return true;
    return false;
}

int32_t dr_load_row_name(const struct dr_dialect *d, struct dr_load_table *t, struct dr_err *err)
{
    for (int i = 0; d->row_names[i]; i++)
        if (!has_column(t->spec->rows, d->row_names[i])) {
            t->row_name = d->row_names[i];
            return DR_OK;
        }
    return dr_fail(err, DR_EINPUT, "the columns '%s' and its like cannot all be loaded; rename one",
                   d->row_names[0]);
}

/* ---- making ---------------------------------------------------------------------- */

void dr_load_sql_make(const struct dr_dialect *d, const struct dr_load_table *t, int which, struct dr_buf *b)
{
    dr_buf_puts(b, "DROP TABLE IF EXISTS ");
    dr_load_sql_put_temp(d, t, which, b);
    dr_buf_puts(b, "; CREATE TABLE ");
    dr_load_sql_put_temp(d, t, which, b);
}

void dr_load_sql_create(const struct dr_dialect *d, const struct dr_load_table *t, const char *schema,
                        const char *name, struct dr_buf *b)
{
    const struct dr_table *rows = t->spec->rows;
    dr_buf_printf(b, "CREATE TABLE %s", schema);
    dr_buf_put_sql_ident(b, dr_str_of(name));
    dr_buf_puts(b, " (\n");
    for (int32_t i = 0; i < rows->n; i++) {
        dr_buf_puts(b, i ? ",\n  " : "  ");
        dr_buf_put_sql_ident(b, dr_str_of(rows->names[i]));
        dr_buf_printf(b, " %s%s", d->column_type(rows->columns[i]),
                      is_key(t, rows->names[i]) ? " NOT NULL" : "");
    }
    for (int32_t k = 0; k < t->n_keys; k++) {
        dr_buf_puts(b, k ? ", " : ",\n  PRIMARY KEY (");
        dr_buf_put_sql_ident(b, dr_str_of(t->keys[k]));
    }
    dr_buf_printf(b, "%s\n)%s", t->n_keys ? ")" : "", d->table_suffix);
}

/* ---- expressions -------------------------------------------------------------------- */

/* SQLite's names know no case; on PostgreSQL two may differ in it. */
const struct dr_db_column *dr_load_target_column(const struct dr_load_table *t, const char *name)
{
    const struct dr_db_column *found = NULL;
    for (int32_t i = 0; i < t->n_target; i++) {
        if (dr_streq(t->target[i].name, name))
            return &t->target[i];
        if (!found && strcasecmp(t->target[i].name, name) == 0)
            found = &t->target[i];
    }
    return found;
}

const char *dr_load_target_type(const struct dr_load_table *t, const char *column)
{
    const struct dr_db_column *c = t->make ? NULL : dr_load_target_column(t, column);
    return c ? c->type : NULL;
}

void dr_load_sql_put_staged(const struct dr_dialect *d, const struct dr_load_table *t, const char *column,
                            struct dr_buf *b)
{
    d->put_staged(b, "s", column, dr_load_target_type(t, column));
}

/* t.k = s.k AND ... */
static void put_same_key(const struct dr_dialect *d, const struct dr_load_table *t, struct dr_buf *b)
{
    for (int32_t k = 0; k < t->n_keys; k++) {
        dr_buf_puts(b, k ? " AND " : "");
        dr_load_sql_put_column(b, "t", t->keys[k]);
        dr_buf_puts(b, " = ");
        dr_load_sql_put_staged(d, t, t->keys[k], b);
    }
}

/* t.c IS DISTINCT FROM <new>.c OR ...: of the columns beside the key. */
static void put_differs(const struct dr_dialect *d, const struct dr_load_table *t, const char *alias,
                        struct dr_buf *b)
{
    int n = 0;
    for (int32_t i = 0; i < t->rows->n; i++) {
        const char *name = t->rows->names[i];
        if (is_key(t, name))
            continue;
        const char *type = dr_load_target_type(t, name);
        dr_buf_puts(b, n++ ? " OR " : "(");
        DR_AUTO_BUF left = { 0 };
        DR_AUTO_BUF right = { 0 };
        dr_load_sql_put_column(&left, "t", name);
        if (dr_streq(alias, "s"))
            dr_load_sql_put_staged(d, t, name, &right);
        else
            dr_load_sql_put_column(&right, alias, name);
        d->put_distinct(b, dr_buf_cstr(&left), dr_buf_cstr(&right), type);
    }
    dr_buf_puts(b, n ? ")" : "1 = 0");
}

/* What says which version of a row is newer. */
static void put_version(const struct dr_dialect *d, const struct dr_load_table *t, const char *alias,
                        struct dr_buf *b)
{
    const struct dr_table *rows = t->spec->rows;
    const char *column = t->spec->newer_wins;
    bool decimal = rows->columns[dr_table_find(rows, column)]->type == DR_TYPE_DECIMAL;
    d->put_ordered(b, alias, column, dr_load_target_type(t, column), decimal);
}

/* Whether the row of that alias is newer than the target's; true where nobody asks. */
static void put_newer(const struct dr_dialect *d, const struct dr_load_table *t, const char *alias,
                      struct dr_buf *b)
{
    const char *column = t->spec->newer_wins;
    if (!column || t->spec->mode != DR_LOAD_UPSERT)
        return;
    dr_buf_puts(b, "(");
    dr_load_sql_put_column(b, "t", column);
    dr_buf_puts(b, " IS NULL OR ");
    put_version(d, t, alias, b);
    dr_buf_puts(b, " > ");
    put_version(d, t, "t", b);
    dr_buf_puts(b, ") AND ");
}

/* ---- which rows there are to do ------------------------------------------------------- */

void dr_load_sql_make_todo(const struct dr_dialect *d, const struct dr_load_table *t, struct dr_buf *b)
{
    dr_load_sql_make(d, t, DR_LOAD_TODO, b);
    dr_buf_printf(b, " (row_number %s PRIMARY KEY, is_new %s NOT NULL)", d->int_type, d->int_type);
}

/* c0, c1, ...: the columns of the tables of parents and of what is gone */
void dr_load_sql_put_numbered(int32_t n, const char *prefix, struct dr_buf *b)
{
    for (int32_t i = 0; i < n; i++)
        dr_buf_printf(b, "%s%sc%d", i ? ", " : "", prefix, (int)i);
}

void dr_load_sql_index(const struct dr_dialect *d, const struct dr_load_table *t, int which,
                       const char *columns, struct dr_buf *b)
{
    char name[32];
    dr_load_temp_name(t, which, name);
    if (d->index_has_schema)
        dr_buf_printf(b, "CREATE INDEX %s.%s_index ON %s (%s)", d->temp_schema, name, name, columns);
    else
        dr_buf_printf(b, "CREATE INDEX %s_index ON %s.%s (%s)", name, d->temp_schema, name, columns);
}

/* The parents for which the rows are complete: those that this load brings and that are
 * not older than what is there. */
void dr_load_sql_make_parents(const struct dr_dialect *d, const struct dr_load_table *t, struct dr_buf *b)
{
    const struct dr_load_table *from = t->parent ? t->parent : t;
    dr_load_sql_make(d, t, DR_LOAD_PARENTS, b);
    dr_buf_puts(b, " AS SELECT DISTINCT ");
    for (int32_t i = 0; i < t->spec->n_scope; i++) {
        dr_buf_puts(b, i ? ", " : "");
        dr_load_sql_put_staged(d, from, t->spec->scope[i], b);
        dr_buf_printf(b, " AS c%d", (int)i);
    }
    dr_buf_puts(b, " FROM ");
    dr_load_sql_put_temp(d, from, DR_LOAD_STAGE, b);
    dr_buf_puts(b, " AS s");
    const char *newer = from->spec->newer_wins;
    if (!t->parent || !newer || !dr_load_keyed(from) || from->make || from->n_target == 0)
        return;
    dr_buf_puts(b, " LEFT JOIN ");
    dr_load_sql_put_target(d, from, b);
    dr_buf_puts(b, " AS t ON ");
    put_same_key(d, from, b);
    dr_buf_puts(b, " WHERE ");
    dr_load_sql_put_column(b, "t", newer);
    dr_buf_puts(b, " IS NULL OR ");
    put_version(d, from, "s", b);
    dr_buf_puts(b, " >= ");
    put_version(d, from, "t", b);
}

/* Whether the row of that alias has a parent among them. IN, so that SQLite may find a
 * target's few rows by its index instead of asking this of each row that is there. */
static void put_has_parent(const struct dr_dialect *d, const struct dr_load_table *t, const char *alias,
                           struct dr_buf *b)
{
    for (int32_t i = 0; i < t->spec->n_scope; i++) {
        dr_buf_puts(b, i ? ", " : "(");
        if (dr_streq(alias, "s"))
            dr_load_sql_put_staged(d, t, t->spec->scope[i], b);
        else
            dr_load_sql_put_column(b, alias, t->spec->scope[i]);
    }
    dr_buf_puts(b, ") IN (SELECT ");
    dr_load_sql_put_numbered(t->spec->n_scope, "", b);
    dr_buf_puts(b, " FROM ");
    dr_load_sql_put_temp(d, t, DR_LOAD_PARENTS, b);
    dr_buf_puts(b, ")");
}

void dr_load_sql_put_range(const struct dr_dialect *d, const char *alias, const char *column,
                           struct dr_buf *b)
{
    dr_buf_printf(b, "%s.%s BETWEEN %c1 AND %c2", alias, column, d->placeholder, d->placeholder);
}

/* Rows that are new, or differ from what is there and may replace it. */
void dr_load_sql_classify(const struct dr_dialect *d, const struct dr_load_table *t, struct dr_buf *b)
{
    bool compare = dr_load_keyed(t) && t->n_target > 0 && !t->make;
    dr_buf_puts(b, "INSERT INTO ");
    dr_load_sql_put_temp(d, t, DR_LOAD_TODO, b);
    dr_buf_printf(b, " SELECT s.%s, ", t->row_name);
    if (compare) {
        dr_buf_puts(b, "CASE WHEN ");
        dr_load_sql_put_column(b, "t", t->keys[0]);
        dr_buf_puts(b, " IS NULL THEN 1 ELSE 0 END");
    } else {
        dr_buf_puts(b, "1");
    }
    dr_buf_puts(b, " FROM ");
    dr_load_sql_put_temp(d, t, DR_LOAD_STAGE, b);
    dr_buf_puts(b, " AS s");
    if (compare) {
        dr_buf_puts(b, " LEFT JOIN ");
        dr_load_sql_put_target(d, t, b);
        dr_buf_puts(b, " AS t ON ");
        put_same_key(d, t, b);
    }
    dr_buf_puts(b, " WHERE ");
    dr_load_sql_put_range(d, "s", t->row_name, b);
    if (t->parent) {
        dr_buf_puts(b, " AND ");
        put_has_parent(d, t, "s", b);
    }
    if (!compare)
        return;
    dr_buf_puts(b, " AND (");
    dr_load_sql_put_column(b, "t", t->keys[0]);
    dr_buf_puts(b, " IS NULL");
    if (!t->spec->insert_only) {
        dr_buf_puts(b, " OR (");
        put_newer(d, t, "s", b);
        put_differs(d, t, "s", b);
        dr_buf_puts(b, ")");
    }
    dr_buf_puts(b, ")");
}

/* ---- doing it ----------------------------------------------------------------------- */

static void put_update(const struct dr_dialect *d, const struct dr_load_table *t, struct dr_buf *b)
{
    int n = 0;
    dr_buf_puts(b, " ON CONFLICT (");
    for (int32_t k = 0; k < t->n_keys; k++) {
        dr_buf_puts(b, k ? ", " : "");
        dr_buf_put_sql_ident(b, dr_str_of(t->keys[k]));
    }
    dr_buf_puts(b, ") DO ");
    for (int32_t i = 0; i < t->rows->n && !t->spec->insert_only; i++) {
        if (is_key(t, t->rows->names[i]))
            continue;
        dr_buf_puts(b, n++ ? ", " : "UPDATE SET ");
        dr_buf_put_sql_ident(b, dr_str_of(t->rows->names[i]));
        dr_buf_puts(b, " = ");
        dr_load_sql_put_column(b, "excluded", t->rows->names[i]);
    }
    if (n == 0) {
        dr_buf_puts(b, "NOTHING");
        return;
    }
    /* Asked again: another writer may have come between. */
    dr_buf_puts(b, " WHERE ");
    put_newer(d, t, "excluded", b);
    put_differs(d, t, "excluded", b);
}

void dr_load_sql_apply(const struct dr_dialect *d, const struct dr_load_table *t, int which, struct dr_buf *b)
{
    dr_buf_puts(b, "INSERT INTO ");
    dr_load_sql_put_target(d, t, b);
    dr_buf_puts(b, " AS t (");
    for (int32_t i = 0; i < t->rows->n; i++) {
        dr_buf_puts(b, i ? ", " : "");
        dr_buf_put_sql_ident(b, dr_str_of(t->rows->names[i]));
    }
    dr_buf_puts(b, ") SELECT ");
    for (int32_t i = 0; i < t->rows->n; i++) {
        dr_buf_puts(b, i ? ", " : "");
        dr_load_sql_put_staged(d, t, t->rows->names[i], b);
    }
    dr_buf_puts(b, " FROM ");
    dr_load_sql_put_temp(d, t, which, b);
    dr_buf_puts(b, " AS d JOIN ");
    dr_load_sql_put_temp(d, t, DR_LOAD_STAGE, b);
    dr_buf_printf(b, " AS s ON s.%s = d.row_number WHERE ", t->row_name);
    dr_load_sql_put_range(d, "d", which == DR_LOAD_WORK ? "family" : "row_number", b);
    dr_buf_puts(b, " ORDER BY d.row_number");
    if (dr_load_keyed(t))
        put_update(d, t, b);
}

/* The keys of the rows that the table should no longer hold, and whose they are. */
void dr_load_sql_make_gone(const struct dr_dialect *d, const struct dr_load_table *t, struct dr_buf *b)
{
    dr_load_sql_make(d, t, DR_LOAD_GONE, b);
    dr_buf_puts(b, " AS SELECT ");
    for (int32_t k = 0; k < t->n_keys; k++) {
        dr_buf_puts(b, k ? ", " : "");
        dr_load_sql_put_column(b, "t", t->keys[k]);
        dr_buf_printf(b, " AS c%d", (int)k);
    }
    for (int32_t i = 0; i < t->spec->n_scope; i++) {
        dr_buf_puts(b, ", ");
        dr_load_sql_put_column(b, "t", t->spec->scope[i]);
        dr_buf_printf(b, " AS of_c%d", (int)i);
    }
    dr_buf_puts(b, " FROM ");
    dr_load_sql_put_target(d, t, b);
    dr_buf_puts(b, " AS t WHERE ");
    if (t->spec->n_scope) {
        put_has_parent(d, t, "t", b);
        dr_buf_puts(b, " AND ");
    }
    dr_buf_puts(b, "NOT EXISTS (SELECT 1 FROM ");
    dr_load_sql_put_temp(d, t, DR_LOAD_STAGE, b);
    dr_buf_puts(b, " AS s WHERE ");
    put_same_key(d, t, b);
    dr_buf_puts(b, ")");
}

/* Those whose key is missing in part cannot be found by it again. */
void dr_load_sql_count_gone(const struct dr_dialect *d, const struct dr_load_table *t, bool keyless,
                            struct dr_buf *b)
{
    dr_buf_puts(b, "SELECT count(*) FROM ");
    if (dr_load_keyed(t))
        dr_load_sql_put_temp(d, t, DR_LOAD_GONE, b);
    else
        dr_load_sql_put_target(d, t, b);
    for (int32_t k = 0; k < t->n_keys && keyless; k++)
        dr_buf_printf(b, "%s c%d IS NULL", k ? " OR" : " WHERE", (int)k);
}

void dr_load_sql_put_key_in(const struct dr_dialect *d, const struct dr_load_table *t, int which,
                            struct dr_buf *b)
{
    for (int32_t k = 0; k < t->n_keys; k++) {
        dr_buf_puts(b, k ? ", " : "(");
        dr_load_sql_put_column(b, "t", t->keys[k]);
    }
    dr_buf_puts(b, ") IN (SELECT ");
    dr_load_sql_put_numbered(t->n_keys, "", b);
    dr_buf_puts(b, " FROM ");
    dr_load_sql_put_temp(d, t, which, b);
}

static void put_is_gone(const struct dr_dialect *d, const struct dr_load_table *t, struct dr_buf *b)
{
    dr_load_sql_put_key_in(d, t, DR_LOAD_GONE, b);
    dr_buf_puts(b, ")");
    for (int32_t k = 0; k < t->n_keys && t->keyless_gone; k++) {
        dr_buf_puts(b, " OR ");
        dr_load_sql_put_column(b, "t", t->keys[k]);
        dr_buf_puts(b, " IS NULL");
    }
}

/* The empty text where everything may stay. */
void dr_load_sql_delete(const struct dr_dialect *d, const struct dr_load_table *t, struct dr_buf *b)
{
    bool by_key = dr_load_deletes_by_key(t), scoped = t->spec->n_scope > 0;
    if (!by_key && (dr_load_keyed(t) || t->make || (t->spec->mode != DR_LOAD_REPLACE && !scoped)))
        return;
    dr_buf_puts(b, "DELETE FROM ");
    dr_load_sql_put_target(d, t, b);
    dr_buf_puts(b, " AS t");
    if (by_key) {
        dr_buf_puts(b, " WHERE (");
        put_is_gone(d, t, b);
        dr_buf_puts(b, ")");
    }
    if (scoped && (!by_key || t->keyless_gone)) {
        dr_buf_puts(b, by_key ? " AND " : " WHERE ");
        put_has_parent(d, t, "t", b);
    }
}
