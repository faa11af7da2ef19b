/* load_write.c - the part of a load for which others may wait: rows in and out, tables made or swapped in,
 * the ledger.
 *
 * A row may be refused only because of one that is about to be deleted, or for want of one that comes later:
 * refused rows are tried again after the deletes, as long as that helps. */
#include "db/load.h"
#include <time.h>
#include "base/date.h"
#include "base/sqlite.h"
#include "db/unfinished.h"

enum { RUNNING_US = 30000000 };

/* ---- one table ------------------------------------------------------------------------ */

/* PostgreSQL closes a table to readers from its drop to the end: the new one is made beside it. */
static int32_t make_table(struct dr_load *l, struct dr_load_table *t, struct dr_err *err)
{
    DR_AUTO_BUF drop = { 0 };
    if (t->n_target > 0 && !l->db->driver->dialect->fills_beside)
        return dr_load_make_beside(l->db, t, err);
    if (t->n_target > 0) {
        dr_buf_printf(&drop, "DROP TABLE %s", l->db->driver->dialect->main_schema);
        dr_buf_put_sql_ident(&drop, dr_str_of(t->spec->name));
        DR_TRY(l->db->driver->exec(l->db, dr_buf_cstr(&drop), err));
    }
    DR_TRY(l->db->driver->exec(l->db, t->create, err));
    return dr_ledger_note_made(l->db, t, err);
}

static int32_t delete_rows(struct dr_load *l, struct dr_load_table *t, struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    dr_load_sql_delete(l->db->driver->dialect, t, &sql);
    return sql.n ? dr_db_run(l->db, dr_buf_cstr(&sql), 0, NULL, &t->spec->deleted, err) : DR_OK;
}

static int32_t swap_in(struct dr_load *l, struct dr_load_table *t, struct dr_err *err)
{
    DR_TRY(dr_load_swap_in(l->db, t, err));
    return dr_ledger_note_made(l->db, t, err);
}

/* Rows without a key make room first; others stay until their successors are there,
 * since rows of other tables may refer to them. */
static int32_t apply(struct dr_load *l, struct dr_load_table *t, struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    if (t->filled)
        return swap_in(l, t, err);
    if (t->make)
        DR_TRY(make_table(l, t, err));
    if (!dr_load_keyed(t))
        DR_TRY(delete_rows(l, t, err));
    if (t->spec->inserted + t->spec->updated == 0)
        return DR_OK;
    dr_load_sql_apply(l->db->driver->dialect, t, DR_LOAD_TODO, &sql);
    return dr_load_run_rows(l, t, dr_buf_cstr(&sql), 1, t->rows->rows, err);
}

/* Try the rows refused since `before` again; the list keeps those refused again. */
static int32_t apply_refused(struct dr_load *l, struct dr_load_table *t, int32_t before, struct dr_err *err)
{
    int32_t n = t->n_refusals - before;
    DR_AUTO_BUF sql = { 0 };
    DR_AUTO_FREE int64_t *rows = dr_malloc((size_t)n * sizeof *rows);
    for (int32_t i = 0; i < n; i++)
        rows[i] = t->refusals[before + i].staged + 1;
    t->n_refusals = before;
    dr_load_sql_apply(l->db->driver->dialect, t, DR_LOAD_TODO, &sql);
    for (int32_t i = 0; i < n; i++)
        DR_TRY(dr_load_run_rows(l, t, dr_buf_cstr(&sql), rows[i], rows[i], err));
    return DR_OK;
}

/* A row may have been refused because of one that has gone since, or for want of one that
 * came after it. Whoever makes room for others does so in one of these rounds. */
static int32_t apply_all_refused(struct dr_load *l, const int32_t *before, struct dr_err *err)
{
    int64_t n = dr_load_count_refused(l, before), last;
    do {
        last = n;
        for (int32_t i = 0; i < l->n; i++)
            if (l->tables[i].n_refusals > before[i])
                DR_TRY(dr_load_in_table(&l->tables[i], apply_refused(l, &l->tables[i], before[i], err), err));
        n = dr_load_count_refused(l, before);
    } while (n > 0 && n < last);
    return DR_OK;
}

/* Tables that were made beside in this transaction; those that were filled before it have their place. */
static int32_t swap_in_made(struct dr_load *l, struct dr_err *err)
{
    for (int32_t i = 0; i < l->n; i++)
        if (l->tables[i].beside && !l->tables[i].filled)
            DR_TRY(dr_load_in_table(&l->tables[i], swap_in(l, &l->tables[i], err), err));
    return DR_OK;
}

static int32_t note(struct dr_load *l, struct dr_load_table *t, struct dr_err *err)
{
    DR_TRY(dr_unfinished_end(l->db, t->spec->name, err));
    if (t->spec->mode == DR_LOAD_APPEND)
        DR_TRY(dr_appended_forget(l->db, t->spec->name, t->content, err));
    return t->only_asked ? DR_OK : dr_ledger_note(l->db, t, err);
}

static int32_t note_all(struct dr_load *l, struct dr_err *err)
{
    for (int32_t i = 0; i < l->n; i++)
        if (!l->tables[i].skip)
            DR_TRY(l->inside ? dr_ledger_forget(l->db, &l->tables[i], err) : note(l, &l->tables[i], err));
    return DR_OK;
}

/* ---- other loads ------------------------------------------------------------------------- */

/* A load that is committing one of these tables in pieces; ret->table NULL: none. */
static int32_t find_running(struct dr_load *l, struct dr_unfinished *ret, struct dr_err *err)
{
    *ret = (struct dr_unfinished){ 0 };
    for (int32_t i = 0; i < l->n && !ret->runs; i++)
        if (!l->tables[i].skip)
            DR_TRY(dr_unfinished_of(l->db, &l->arena, l->tables[i].spec->name, l->token, ret, err));
    ret->table = ret->runs ? ret->table : NULL;
    return DR_OK;
}

static int32_t fail_running(const struct dr_unfinished *other, struct dr_err *err)
{
    return dr_fail(err, DR_EBUSY, "database table '%s': the load begun at %s is still writing", other->table,
                   other->begun_at);
}

int32_t dr_load_wait_for_others(struct dr_load *l, struct dr_err *err)
{
    static const struct timespec pause = { .tv_nsec = 20000000 };
    int64_t since = dr_monotonic_us();
    for (bool told = false;; nanosleep(&pause, NULL)) {
        struct dr_unfinished other;
        DR_TRY(find_running(l, &other, err));
        int64_t waited = dr_monotonic_us() - since;
        if (!other.table)
            return DR_OK;
        if (waited >= RUNNING_US)
            return fail_running(&other, err);
        if (!told && waited >= DR_US_PER_S)
            dr_db_tell(l->db, "database table '%s': waiting for the load begun at %s, up to %d s",
                       other.table, other.begun_at, (int)(RUNNING_US / DR_US_PER_S));
        told = told || waited >= DR_US_PER_S;
    }
}

/* Whether anything is noted of it that was not when the notes were read. */
static int32_t is_overtaken(struct dr_load *l, const struct dr_load_table *t, bool *ret, struct dr_err *err)
{
    int64_t last;
    DR_TRY(dr_ledger_last(l->db, t, &last, err));
    *ret = last != t->ledger_last;
    return t->spec->mode != DR_LOAD_APPEND || t->n_target == 0 || t->only_asked || *ret
               ? DR_OK
               : dr_appended_is_more(l->db, t->spec->name, t->content, &t->in, ret, err);
}

/* Asked when all are locked: one that waited for a lock finds what was done meanwhile. */
int32_t dr_load_check_overtaken(struct dr_load *l, struct dr_err *err)
{
    struct dr_unfinished other;
    for (int32_t i = 0; i < l->n; i++)
        if (!l->tables[i].skip)
            DR_TRY(dr_ledger_lock(l->db, &l->tables[i], err));
    DR_TRY(find_running(l, &other, err));
    if (other.table)
        return fail_running(&other, err);
    for (int32_t i = 0; i < l->n; i++) {
        const struct dr_load_table *t = &l->tables[i];
        bool overtaken = false;
        if (!t->skip)
            DR_TRY(dr_load_in_table(t, is_overtaken(l, t, &overtaken, err), err));
        if (overtaken)
            return dr_load_in_table(
                t, dr_fail(err, DR_EBUSY, "other loads of it came between, again and again"), err);
    }
    return DR_OK;
}

/* ---- all tables ------------------------------------------------------------------------ */

int32_t dr_load_write(struct dr_load *l, const int32_t *before, struct dr_err *err)
{
    if (!l->inside)
        DR_TRY(dr_load_check_overtaken(l, err));
    l->lock_since = dr_monotonic_us();
    DR_TRY(dr_ledger_make(l->db, err));
    for (int32_t i = 0; i < l->n; i++)
        if (!l->tables[i].skip)
            DR_TRY(dr_load_in_table(&l->tables[i], apply(l, &l->tables[i], err), err));
    for (int32_t i = l->n - 1; i >= 0; i--)
        if (!l->tables[i].skip && dr_load_deletes_by_key(&l->tables[i]))
            DR_TRY(dr_load_in_table(&l->tables[i], delete_rows(l, &l->tables[i], err), err));
    DR_TRY(apply_all_refused(l, before, err));
    if (dr_load_count_refused(l, before))
        return dr_load_fail_refused(l, DR_EDB, err);
    DR_TRY(swap_in_made(l, err));
    return note_all(l, err);
}
