/* load_beside.c - a table that is made, or replaced as a whole, filled beside the one that readers see.
 *
 * SQLite has one writer at a time. Where many rows go into a table that the load makes, they go into a
 * table of another name, dagrun_new_TOKEN_NAME, in transactions of a few milliseconds, between which
 * others may write. The load's own transaction then only renames: the old table away and the new one to its
 * place. The rows of the old one are deleted after it, again in pieces. A table is replaced so only where
 * nothing hangs on it: it is as load made it, without indexes, triggers or references to it.
 *
 * The token tells loads apart, and whether the one that filled the table still lives (unfinished.h):
 * whoever begins removes what others left when they were killed. One that lost its table, or whose rows are
 * refused, goes on as if there were none, in one transaction.
 *
 * PostgreSQL makes nobody wait for rows that go into a new table. There the table is filled beside within
 * the one transaction, so that the old one is closed to readers only for the drop and the rename. */
#include "db/load.h"
#include "base/sqlite.h"
#include "db/pieces.h"
#include "db/unfinished.h"

enum {
    BESIDE_ROWS = 10000, /* fewer are written in some ten milliseconds anyway */
    FIRST_PIECE = 250,
    PIECE_US = 5000, /* how long others should wait for a piece */
};

/* ---- what may be filled beside ------------------------------------------------------------- */

/* As load made it, and nothing hangs on it. */
static int32_t is_alone(struct dr_db *db, const struct dr_load_table *t, bool *ret, struct dr_err *err)
{
    DR_AUTO_BUF made = { 0 };
    int64_t n;
    dr_load_sql_create(db->driver->dialect, t, "", t->spec->name, &made);
    struct dr_db_value values[] = { dr_db_text(t->spec->name), dr_db_text(dr_buf_cstr(&made)) };
    DR_TRY(dr_db_number(db, db->driver->dialect->alone_sql, 2, values, &n, err));
    *ret = n > 0;
    return DR_OK;
}

/* Whether it is worth it to write all rows rather than what differs. */
static bool changes_much(const struct dr_load_table *t)
{
    int64_t changes = t->spec->inserted + t->spec->updated + t->gone;
    return changes >= BESIDE_ROWS && changes > t->rows->rows / 4;
}

int32_t dr_load_may_fill_beside(struct dr_db *db, const struct dr_load_table *t, bool *ret,
                                struct dr_err *err)
{
    *ret = false;
    if (t->stays_in_place)
        return DR_OK;
    if (t->make) {
        *ret = t->spec->inserted >= BESIDE_ROWS && (!t->parent || t->parent->make);
        return DR_OK;
    }
    if (t->spec->mode != DR_LOAD_REPLACE || t->spec->n_scope || t->parent || !changes_much(t))
        return DR_OK;
    return is_alone(db, t, ret, err);
}

static int32_t drop_table(struct dr_db *db, const char *name, struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    dr_buf_printf(&sql, "DROP TABLE IF EXISTS %s", db->driver->dialect->main_schema);
    dr_buf_put_sql_ident(&sql, dr_str_of(name));
    return db->driver->exec(db, dr_buf_cstr(&sql), err);
}

/* ---- filling --------------------------------------------------------------------------------- */

int32_t dr_load_make_beside(struct dr_db *db, struct dr_load_table *t, struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    const struct dr_dialect *d = db->driver->dialect;
    t->beside = dr_unfinished_beside(db, t->arena, t->spec->name);
    dr_load_sql_create(d, t, d->main_schema, t->beside, &sql);
    return db->driver->exec(db, dr_buf_cstr(&sql), err);
}

void dr_load_stay_in_place(struct dr_db *db, struct dr_load_table *t, int64_t *longest_us)
{
    if (t->beside && db->driver->dialect->fills_beside)
        (void)dr_pieces_remove_table(db, t->beside, longest_us, NULL);
    t->beside = NULL;
    t->to_fill = t->filled = false;
    t->stays_in_place = true;
    if (!t->replaces_whole)
        return;
    t->make = t->replaces_whole = false;
    t->spec->deleted = 0;
}

static int32_t write_rows(struct dr_pieces *p, const struct dr_load_table *t, struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    dr_load_sql_apply(p->db->driver->dialect, t, DR_LOAD_TODO, &sql);
    for (int64_t first = 1, next; first <= t->rows->rows; first = next) {
        next = first + p->rows;
        struct dr_db_value range[] = { dr_db_int(first), dr_db_int(next - 1) };
        DR_TRY(dr_pieces_write(p, dr_buf_cstr(&sql), 2, range, NULL, err));
    }
    return DR_OK;
}

int32_t dr_load_fill_beside(struct dr_db *db, struct dr_load_table *t, int64_t *longest_us,
                            struct dr_err *err)
{
    struct dr_pieces p;
    DR_TRY(dr_pieces_begin(&p, db, FIRST_PIECE, PIECE_US, err));
    int32_t rc = dr_load_make_beside(db, t, err);
    if (!rc)
        rc = write_rows(&p, t, err);
    rc = dr_pieces_end(&p, rc, longest_us, err);
    if (rc == DR_EBUSY)
        return rc;
    t->to_fill = false;
    t->filled = !rc;
    if (rc)
        dr_load_stay_in_place(db, t, longest_us);
    return DR_OK;
}

/* ---- swapping --------------------------------------------------------------------------------- */

static int32_t rename_table(struct dr_db *db, const struct dr_load_table *t, const char *from, const char *to,
                            struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    db->driver->dialect->put_rename(&sql, from, to, t->n_keys > 0);
    return db->driver->exec(db, dr_buf_cstr(&sql), err);
}

/* The table that is there goes: at once, or out of the way, to be removed when nobody waits for it. */
static int32_t make_room(struct dr_db *db, struct dr_load_table *t, struct dr_err *err)
{
    bool alone;
    if (t->n_target == 0)
        return DR_OK;
    if (!t->replaces_whole)
        return drop_table(db, t->spec->name, err);
    DR_TRY(is_alone(db, t, &alone, err));
    if (!alone)
        return dr_fail(err, DR_EDB,
                       "somebody changed the table's definition while it was loaded; load again");
    t->replaced = dr_unfinished_beside(db, t->arena, t->spec->name);
    return rename_table(db, t, t->spec->name, t->replaced, err);
}

int32_t dr_load_swap_in(struct dr_db *db, struct dr_load_table *t, struct dr_err *err)
{
    DR_TRY(make_room(db, t, err));
    return rename_table(db, t, t->beside, t->spec->name, err);
}

/* It is committed, and what is left of this is not the load's failure: the next load would do it. */
void dr_load_remove_replaced(struct dr_db *db, const struct dr_load_table *t, int64_t *longest_us)
{
    if (t->replaced)
        (void)dr_pieces_remove_table(db, t->replaced, longest_us, NULL);
}
