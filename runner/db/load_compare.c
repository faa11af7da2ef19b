/* load_compare.c - staged rows against those that are there, and statements over staged rows.
 *
 * Where a statement fails because of a row's values, it is tried again on half of its rows, down to the
 * one that is refused. What the comparison finds stands in temporary tables: the rows to do (new, or
 * different), the parents that came, the rows that are to go. */
#include "db/load.h"

enum { MANY_REFUSED = 1000 };

/* ---- statements over staged rows ------------------------------------------------------ */

int64_t dr_load_count_refused(const struct dr_load *l, const int32_t *before)
{
    int64_t n = 0;
    for (int32_t i = 0; i < l->n; i++)
        n += l->tables[i].n_refusals - before[i];
    return n;
}

/* What is appended in pieces is in already: the same again with a row that was mended would double it. */
static int32_t fail_row(const struct dr_load_table *t, int32_t rc, struct dr_err *err)
{
    const struct dr_refusal *r = &t->refusals[0];
    return dr_fail(err, rc, "row %lld: %s%s", (long long)r->row + 1, r->told ? r->told : r->reason,
                   t->in.n
                       ? "; the rows that are not refused are in the table: load the same again when it can "
                         "take this one, or mended ones by themselves"
                       : "");
}

int32_t dr_load_fail_refused(const struct dr_load *l, int32_t rc, struct dr_err *err)
{
    for (int32_t i = 0; i < l->n; i++) {
        const struct dr_load_table *t = &l->tables[i];
        if (t->spec->strict && t->n_refusals)
            return dr_load_in_table(t, fail_row(t, rc, err), err);
    }
    return DR_OK;
}

/* err has what the database said, without the row's values. It is not the end of a load that is to be
 * whole: room may be made for the row. But where so many are refused, that is unlikely, and the search
 * for them long. */
static int32_t refuse_row(struct dr_load_table *t, int64_t staged, const char *reason, struct dr_err *err)
{
    dr_load_refuse(t, staged, reason, t->spec->strict && err ? err->msg : NULL);
    return t->spec->strict && t->n_refusals >= MANY_REFUSED ? fail_row(t, DR_EDB, err) : DR_OK;
}

int32_t dr_load_run_rows(struct dr_load *l, struct dr_load_table *t, const char *sql, int64_t first,
                         int64_t last, struct dr_err *err)
{
    const struct dr_db_driver *driver = l->db->driver;
    struct dr_db_value range[] = { dr_db_int(first), dr_db_int(last) };
    if (first > last)
        return DR_OK;
    DR_TRY(driver->exec(l->db, "SAVEPOINT dagrun_piece", err));
    int32_t rc = driver->run(l->db, sql, 2, range, NULL, NULL, err);
    if (!rc)
        return driver->exec(l->db, "RELEASE dagrun_piece", err);
    if (!l->db->failure.refused)
        return rc;
    struct dr_db_failure why = l->db->failure;
    DR_TRY(driver->exec(l->db, "ROLLBACK TO dagrun_piece", err));
    DR_TRY(driver->exec(l->db, "RELEASE dagrun_piece", err));
    if (first == last)
        return refuse_row(t, first - 1, why.reason, err);
    int64_t middle = first + (last - first) / 2;
    DR_TRY(dr_load_run_rows(l, t, sql, first, middle, err));
    return dr_load_run_rows(l, t, sql, middle + 1, last, err);
}

/* ---- comparing ------------------------------------------------------------------------ */

static int32_t exec_made(struct dr_load *l, const struct dr_load_table *t,
                         void (*make)(const struct dr_dialect *d, const struct dr_load_table *t,
                                      struct dr_buf *b),
                         struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    make(l->db->driver->dialect, t, &sql);
    return sql.n ? l->db->driver->exec(l->db, dr_buf_cstr(&sql), err) : DR_OK;
}

int32_t dr_load_analyze(struct dr_load *l, const struct dr_load_table *t, int which, struct dr_err *err)
{
    const struct dr_dialect *d = l->db->driver->dialect;
    DR_AUTO_BUF sql = { 0 };
    char name[32];
    if (!d->analyze)
        return DR_OK;
    dr_load_temp_name(t, which, name);
    dr_buf_printf(&sql, "ANALYZE %s.%s", d->temp_schema, name);
    return l->db->driver->exec(l->db, dr_buf_cstr(&sql), err);
}

static int32_t find_parents(struct dr_load *l, struct dr_load_table *t, struct dr_err *err)
{
    if (t->shares->parents_known)
        return DR_OK;
    t->shares->parents_known = true;
    DR_TRY(exec_made(l, t, dr_load_sql_make_parents, err));
    /* Without the index, SQLite would read all parents once for each row that is asked for one. */
    DR_AUTO_BUF columns = { 0 };
    DR_AUTO_BUF index = { 0 };
    dr_load_sql_put_numbered(t->spec->n_scope, "", &columns);
    dr_load_sql_index(l->db->driver->dialect, t, DR_LOAD_PARENTS, dr_buf_cstr(&columns), &index);
    DR_TRY(l->db->driver->exec(l->db, dr_buf_cstr(&index), err));
    return dr_load_analyze(l, t, DR_LOAD_PARENTS, err);
}

static int32_t count_todo(struct dr_load *l, struct dr_load_table *t, struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    char name[32];
    dr_load_temp_name(t, DR_LOAD_TODO, name);
    for (int is_new = 0; is_new < 2; is_new++) {
        dr_buf_clear(&sql);
        dr_buf_printf(&sql, "SELECT count(*) FROM %s.%s WHERE is_new = %d",
                      l->db->driver->dialect->temp_schema, name, is_new);
        DR_TRY(dr_db_number(l->db, dr_buf_cstr(&sql), 0, NULL,
                            is_new ? &t->spec->inserted : &t->spec->updated, err));
    }
    t->spec->unchanged = t->rows->rows - t->spec->inserted - t->spec->updated;
    return DR_OK;
}

int32_t dr_load_count_gone(struct dr_load *l, const struct dr_load_table *t, bool keyless, int64_t *ret,
                           struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    dr_load_sql_count_gone(l->db->driver->dialect, t, keyless, &sql);
    return dr_db_number(l->db, dr_buf_cstr(&sql), 0, NULL, ret, err);
}

/* What is to go is looked for here, where nobody waits for it. */
static int32_t find_gone(struct dr_load *l, struct dr_load_table *t, struct dr_err *err)
{
    int64_t keyless;
    DR_TRY(exec_made(l, t, dr_load_sql_make_gone, err));
    DR_TRY(dr_load_analyze(l, t, DR_LOAD_GONE, err));
    DR_TRY(dr_load_count_gone(l, t, true, &keyless, err));
    t->keyless_gone = keyless > 0;
    return dr_load_count_gone(l, t, false, &t->gone, err);
}

/* The statement over all staged rows but those that are noted to be in the table. */
static int32_t run_missing(struct dr_load *l, struct dr_load_table *t, const char *sql, struct dr_err *err)
{
    int64_t next = 1;
    for (int64_t i = 0; i < t->in.n; i++) {
        const struct dr_appended_range *r = &t->in.ranges[i];
        int64_t before = dr_load_staged_of_first(t, r->first - 1), last = dr_load_staged_of_first(t, r->last);
        DR_TRY(dr_load_run_rows(l, t, sql, next, before, err));
        next = last >= next ? last + 1 : next;
    }
    return dr_load_run_rows(l, t, sql, next, t->rows->rows, err);
}

int32_t dr_load_compare(struct dr_load *l, struct dr_load_table *t, struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    int32_t before = t->n_refusals;
    DR_TRY(exec_made(l, t, dr_load_sql_make_todo, err));
    if (t->parent)
        DR_TRY(find_parents(l, t, err));
    dr_load_sql_classify(l->db->driver->dialect, t, &sql);
    DR_TRY(run_missing(l, t, dr_buf_cstr(&sql), err));
    if (t->n_refusals > before)
        return DR_OK;
    DR_TRY(dr_load_analyze(l, t, DR_LOAD_TODO, err));
    DR_TRY(count_todo(l, t, err));
    if (t->spec->n_scope && !t->parent)
        DR_TRY(find_parents(l, t, err));
    return dr_load_deletes_by_key(t) ? find_gone(l, t, err) : DR_OK;
}
