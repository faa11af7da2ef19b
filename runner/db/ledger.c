/* ledger.c - what was loaded before, kept in the database that it was loaded into.
 *
 *     dagrun_ledger   one row for each load of a table: the hash of its content
 *     dagrun_refused  the rows that the database refused in it, and why
 *     dagrun_table    the tables that load made, and the statement that made them
 *
 * They are written in the transaction of the load itself, so that they are right however
 * a process ends. Of loads that were superseded (a replace or an upsert by a later
 * one) nothing is kept; of appended ones everything, as long as the table lasts. */
#include "db/load.h"
#include "base/date.h"

static const char *mode_name(int32_t mode)
{
    static const char *const names[] = { "replace", "append", "upsert" };
    return names[mode];
}

int32_t dr_ledger_make(struct dr_db *db, struct dr_err *err)
{
    const struct dr_dialect *d = db->driver->dialect;
    DR_AUTO_BUF sql = { 0 };
    dr_buf_printf(
        &sql,
        "CREATE TABLE dagrun_ledger (load_number %s, table_name TEXT NOT NULL, content TEXT NOT NULL,"
        " mode TEXT NOT NULL, row_count %s NOT NULL, refused %s NOT NULL, loaded_at TEXT NOT NULL)%s;"
        "CREATE INDEX dagrun_ledger_table ON dagrun_ledger (table_name, content);"
        "CREATE TABLE dagrun_refused (load_number %s NOT NULL, row_number %s NOT NULL,"
        " reason TEXT NOT NULL, PRIMARY KEY (load_number, row_number))%s;"
        "CREATE TABLE dagrun_table (table_name TEXT NOT NULL PRIMARY KEY, made_by TEXT NOT NULL)%s",
        d->serial, d->int_type, d->int_type, d->table_suffix, d->int_type, d->int_type, d->table_suffix,
        d->table_suffix);
    return dr_db_own_table(db, "dagrun_ledger", dr_buf_cstr(&sql), err);
}

int32_t dr_ledger_last(struct dr_db *db, const struct dr_load_table *t, int64_t *ret, struct dr_err *err)
{
    struct dr_db_value values[] = { dr_db_text(t->spec->name) };
    bool there;
    *ret = 0;
    DR_TRY(dr_db_has_table(db, "dagrun_ledger", &there, err));
    return there ? dr_db_own_number(db, "SELECT max(load_number) FROM dagrun_ledger WHERE table_name = ?1", 1,
                                    values, ret, err)
                 : DR_OK;
}

int32_t dr_ledger_lock(struct dr_db *db, const struct dr_load_table *t, struct dr_err *err)
{
    struct dr_db_value values[] = { dr_db_text(t->spec->name) };
    const char *sql = db->driver->dialect->lock_table_sql;
    return sql ? dr_db_run(db, sql, 1, values, NULL, err) : DR_OK;
}

/* ---- finding -------------------------------------------------------------------- */

static int32_t read_refusals(struct dr_db *db, struct dr_load_table *t, int64_t load, struct dr_err *err)
{
    struct dr_table *rows = NULL;
    struct dr_db_value values[] = { dr_db_int(load) };
    DR_TRY(dr_db_own_rows(db,
                          "SELECT row_number, reason FROM dagrun_refused"
                          " WHERE load_number = ?1 ORDER BY row_number",
                          1, values, &rows, err));
    t->n_refusals = 0;
    for (int32_t k = 0; rows->rows && k < rows->columns[0]->n; k++) {
        const struct dr_array *at = rows->columns[0]->chunk[k], *why = rows->columns[1]->chunk[k];
        for (int64_t i = 0; i < at->n; i++) {
            int64_t row = ((const int64_t *)at->values)[i] - 1;
            struct dr_str reason = dr_array_str(why, i);
            if (row >= 0 && row < t->spec->rows->rows)
                dr_load_refuse_given(t, row, dr_arena_dup(t->arena, reason.p, reason.n));
        }
    }
    dr_table_unref(rows);
    return DR_OK;
}

/* An append is known whenever it was; a replace or an upsert only where nothing has
 * been loaded since. */
int32_t dr_ledger_find(struct dr_db *db, struct dr_load_table *t, struct dr_err *err)
{
    bool there;
    int64_t load;
    DR_TRY(dr_db_has_table(db, "dagrun_ledger", &there, err));
    if (!there || t->n_target == 0 || t->spec->no_ledger)
        return DR_OK;
    struct dr_db_value values[] = { dr_db_text(t->spec->name), dr_db_text(t->content) };
    DR_TRY(dr_db_own_number(
        db,
        t->spec->mode == DR_LOAD_APPEND
            ? "SELECT max(load_number) FROM dagrun_ledger WHERE table_name = ?1 AND content = ?2"
            : "SELECT load_number FROM dagrun_ledger WHERE table_name = ?1 AND content = ?2 AND"
              " load_number = (SELECT max(load_number) FROM dagrun_ledger WHERE table_name = ?1)",
        2, values, &load, err));
    if (load == 0)
        return DR_OK;
    t->skip = true;
    return read_refusals(db, t, load, err);
}

int32_t dr_ledger_made(struct dr_db *db, const char *table, struct dr_arena *a, const char **ret,
                       struct dr_err *err)
{
    bool there;
    struct dr_table *rows = NULL;
    *ret = NULL;
    DR_TRY(dr_db_has_table(db, "dagrun_table", &there, err));
    if (!there)
        return DR_OK;
    struct dr_db_value values[] = { dr_db_text(table) };
    DR_TRY(
        dr_db_own_rows(db, "SELECT made_by FROM dagrun_table WHERE table_name = ?1", 1, values, &rows, err));
    if (rows->rows) {
        struct dr_str made_by = dr_array_str(rows->columns[0]->chunk[0], 0);
        *ret = dr_arena_dup(a, made_by.p, made_by.n);
    }
    dr_table_unref(rows);
    return DR_OK;
}

/* ---- noting --------------------------------------------------------------------- */

int32_t dr_ledger_note_made(struct dr_db *db, const struct dr_load_table *t, struct dr_err *err)
{
    struct dr_db_value values[] = { dr_db_text(t->spec->name), dr_db_text(t->create) };
    DR_TRY(dr_db_own_run(db, "DELETE FROM dagrun_table WHERE table_name = ?1", 1, values, NULL, err));
    return dr_db_own_run(db, "INSERT INTO dagrun_table (table_name, made_by) VALUES (?1, ?2)", 2, values,
                         NULL, err);
}

/* Those before the load of that number. */
static int32_t forget_before(struct dr_db *db, const struct dr_load_table *t, int64_t load,
                             struct dr_err *err)
{
    static const char *const of[] = { "", " AND mode <> 'append'" };
    bool keep_appended = !t->make && t->spec->mode != DR_LOAD_REPLACE;
    struct dr_db_value values[] = { dr_db_text(t->spec->name), dr_db_int(load) };
    DR_AUTO_BUF refused = { 0 };
    DR_AUTO_BUF loads = { 0 };
    if (!keep_appended)
        DR_TRY(dr_appended_forget(db, t->spec->name, NULL, err));
    if (t->spec->mode == DR_LOAD_APPEND && keep_appended)
        return DR_OK;
    dr_buf_printf(&refused,
                  "DELETE FROM dagrun_refused WHERE load_number IN"
                  " (SELECT load_number FROM dagrun_ledger WHERE table_name = ?1 AND load_number < ?2%s)",
                  of[keep_appended]);
    dr_buf_printf(&loads, "DELETE FROM dagrun_ledger WHERE table_name = ?1 AND load_number < ?2%s",
                  of[keep_appended]);
    DR_TRY(dr_db_own_run(db, dr_buf_cstr(&refused), 2, values, NULL, err));
    return dr_db_own_run(db, dr_buf_cstr(&loads), 2, values, NULL, err);
}

int32_t dr_ledger_forget(struct dr_db *db, const struct dr_load_table *t, struct dr_err *err)
{
    return forget_before(db, t, INT64_MAX, err);
}

static int32_t table_of_refusals(const struct dr_load_table *t, struct dr_table **ret, struct dr_err *err)
{
    static const char *const names[] = { "row_number", "reason" };
    struct dr_builder *rows = dr_builder_new(DR_TYPE_INT64), *reasons = dr_builder_new(DR_TYPE_DICT);
    for (int32_t i = 0; i < t->n_refusals; i++) {
        const char *reason = t->refusals[i].reason;
        dr_builder_append_int(rows, t->refusals[i].row + 1);
        dr_builder_append_bytes(reasons, reason, (int64_t)strlen(reason));
    }
    struct dr_column *columns[] = { dr_builder_finish(rows), dr_builder_finish(reasons) };
    int32_t rc = dr_table_new(2, names, (const struct dr_column *const *)columns, ret, err);
    dr_column_unref(columns[0]);
    dr_column_unref(columns[1]);
    return rc;
}

/* All at once: others wait for this, and there may be many. */
static int32_t note_refusals(struct dr_db *db, const struct dr_load_table *t, int64_t load,
                             struct dr_err *err)
{
    struct dr_db_value number[] = { dr_db_int(load) };
    struct dr_table *refusals = NULL;
    DR_AUTO_BUF sql = { 0 };
    DR_TRY(table_of_refusals(t, &refusals, err));
    int32_t rc = db->driver->attach(db, "dagrun_refusals", refusals, NULL, err);
    dr_table_unref(refusals);
    DR_TRY(rc);
    dr_buf_printf(&sql,
                  "INSERT INTO dagrun_refused (load_number, row_number, reason)"
                  " SELECT ?1, row_number, reason FROM %s.dagrun_refusals",
                  db->driver->dialect->temp_schema);
    DR_TRY(dr_db_own_run(db, dr_buf_cstr(&sql), 1, number, NULL, err));
    return db->driver->detach(db, "dagrun_refusals", err);
}

/* The new one first: a number that was free again would not tell it from the one before. */
int32_t dr_ledger_note(struct dr_db *db, const struct dr_load_table *t, struct dr_err *err)
{
    char now[DR_TIME_TEXT];
    int64_t load;
    dr_format_timestamp(dr_now_us(), true, now);
    struct dr_db_value values[] = {
        dr_db_text(t->spec->name),      dr_db_text(t->content),   dr_db_text(mode_name(t->spec->mode)),
        dr_db_int(t->spec->rows->rows), dr_db_int(t->n_refusals), dr_db_text(now)
    };
    DR_TRY(
        dr_db_own_run(db,
                      "INSERT INTO dagrun_ledger (table_name, content, mode, row_count, refused, loaded_at)"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                      6, values, NULL, err));
    DR_TRY(dr_ledger_last(db, t, &load, err));
    DR_TRY(forget_before(db, t, load, err));
    return t->n_refusals ? note_refusals(db, t, load, err) : DR_OK;
}
