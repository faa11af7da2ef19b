/* db_load_beside.c - a table that is made, or replaced as a whole, filled beside the one that readers see.
 *
 * SQLite has one writer at a time. Where many rows go into a table that the load makes, they go into a
 * table of another name, dagrun_new_TOKEN_NAME, in transactions of a few milliseconds, between which
 * others may write. The load's own transaction then only renames: the old table away and the new one to its
 * place. The rows of the old one are deleted after it, again in pieces. A table is replaced so only where
 * nothing hangs on it: it is as load made it, without indexes, triggers or references to it.
 *
 * The token tells two loads of one table apart: whoever begins removes what an earlier one left
 * when it was killed; one that lost its table in this way, or whose rows are refused,
 * goes on as if there were none, in one transaction.
 *
 * PostgreSQL makes nobody wait for rows that go into a new table. There the table is filled beside within
 * the one transaction, so that the old one is closed to readers only for the drop and the rename. */
#include "data/db_load.h"
#include <time.h>
#include <unistd.h>
#include "base/date.h"
#include "base/sqlite.h"

enum {
    BESIDE_ROWS = 10000, /* fewer are written in some ten milliseconds anyway */
    FIRST_PIECE = 250,
    PIECE_US = 5000,    /* how long others should wait for a piece */
    PIECES_IN_LOG = 16, /* before SQLite's log is written to the database */
};

/* SQLite's name says whose it was, for whoever comes after a killed load; PostgreSQL's is short, since
 * it keeps 63 bytes, and nobody ever sees it. */
static const char *beside_name(const struct dr_dialect *d, const struct dr_load_table *t)
{
    int64_t of[] = { getpid(), dr_now_us(), t->number };
    unsigned token = (unsigned)dr_hash(of, sizeof of);
    return d->fills_beside ? dr_arena_printf(t->arena, "dagrun_new_%08x_%s", token, t->spec->name)
                           : dr_arena_printf(t->arena, "dagrun_new_%08x", token);
}

static void put_in_main(const struct dr_dialect *d, const char *what, const char *name, struct dr_buf *b)
{
    dr_buf_printf(b, "%s%s", what, d->main_schema);
    dr_buf_put_sql_ident(b, dr_str_of(name));
}

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

/* ---- pieces ---------------------------------------------------------------------------------- */

/* Many short transactions, of about PIECE_US each. */
struct pieces {
    struct dr_db *db;
    int64_t rows;       /* of the next one */
    int64_t n;          /* there have been */
    int64_t longest_us; /* that one of them held the lock */
};

static int32_t pieces_begin(struct pieces *p, struct dr_db *db, struct dr_err *err)
{
    *p = (struct pieces){ .db = db, .rows = FIRST_PIECE };
    return db->driver->exec(db, db->driver->dialect->before_pieces, err);
}

static int32_t pieces_end(struct pieces *p, int32_t rc, int64_t *longest_us, struct dr_err *err)
{
    *longest_us = p->longest_us > *longest_us ? p->longest_us : *longest_us;
    int32_t ended = p->db->driver->exec(p->db, p->db->driver->dialect->after_pieces, rc ? NULL : err);
    return rc ? rc : ended;
}

/* Who waits for SQLite's lock looks now and then whether it is free, and must find it so. */
static void let_others_in(int64_t held_us)
{
    int64_t us = held_us / 2;
    struct timespec pause = { .tv_sec = us / DR_US_PER_S, .tv_nsec = us % DR_US_PER_S * 1000 };
    nanosleep(&pause, NULL);
}

static int32_t between_pieces(struct pieces *p, int64_t held_us, struct dr_err *err)
{
    const struct dr_db_driver *driver = p->db->driver;
    p->longest_us = held_us > p->longest_us ? held_us : p->longest_us;
    if (held_us > PIECE_US)
        p->rows = p->rows / 2 + 1;
    else if (held_us < PIECE_US / 2)
        p->rows *= 2;
    if (++p->n % PIECES_IN_LOG == 0)
        DR_TRY(driver->exec(p->db, driver->dialect->between_pieces, err));
    let_others_in(held_us);
    return DR_OK;
}

/* A statement in a transaction of its own. */
static int32_t write_piece(struct pieces *p, const char *sql, int32_t n, const struct dr_db_value *values,
                           int64_t *ret_changed, struct dr_err *err)
{
    const struct dr_db_driver *driver = p->db->driver;
    DR_TRY(driver->begin(p->db, true, err));
    int64_t start = dr_monotonic_us();
    int32_t rc = driver->run(p->db, sql, n, values, NULL, ret_changed, err);
    if (!rc)
        rc = driver->commit(p->db, err);
    if (rc)
        driver->rollback(p->db);
    return rc ? rc : between_pieces(p, dr_monotonic_us() - start, err);
}

/* ---- removing -------------------------------------------------------------------------------- */

static int32_t drop_table(struct dr_db *db, const char *name, struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    put_in_main(db->driver->dialect, "DROP TABLE IF EXISTS ", name, &sql);
    return db->driver->exec(db, dr_buf_cstr(&sql), err);
}

static int32_t delete_rows(struct pieces *p, const char *sql, struct dr_err *err)
{
    int64_t changed;
    do {
        struct dr_db_value rows[] = { dr_db_int(p->rows) };
        DR_TRY(write_piece(p, sql, 1, rows, &changed, err));
    } while (changed > 0);
    return DR_OK;
}

/* A drop would write every page of the table at once: Debian's SQLite overwrites what is deleted. */
static int32_t remove_table(struct dr_db *db, const struct dr_load_table *t, const char *name,
                            int64_t *longest_us, struct dr_err *err)
{
    struct pieces p;
    DR_AUTO_BUF sql = { 0 };
    put_in_main(db->driver->dialect, "DELETE FROM ", name, &sql);
    dr_buf_printf(&sql, " WHERE %s IN (SELECT %s FROM ", t->row_name, t->row_name);
    put_in_main(db->driver->dialect, "", name, &sql);
    dr_buf_printf(&sql, " ORDER BY %s LIMIT %c1)", t->row_name, db->driver->dialect->placeholder);
    DR_TRY(pieces_begin(&p, db, err));
    int32_t rc = delete_rows(&p, dr_buf_cstr(&sql), err);
    if (!rc)
        rc = drop_table(db, name, err);
    return pieces_end(&p, rc, longest_us, err);
}

int32_t dr_load_remove_left_over(struct dr_db *db, const struct dr_load_table *t, int64_t *longest_us,
                                 struct dr_err *err)
{
    struct dr_table *names = NULL;
    struct dr_db_value values[] = { dr_db_text(t->spec->name) };
    if (!db->driver->dialect->left_over_sql)
        return DR_OK;
    DR_TRY(db->driver->run(db, db->driver->dialect->left_over_sql, 1, values, &names, NULL, err));
    int32_t rc = DR_OK;
    for (int64_t i = 0; i < names->rows && !rc; i++) {
        struct dr_str name = dr_array_str(names->columns[0]->chunk[0], i);
        rc = remove_table(db, t, dr_arena_dup(t->arena, name.p, name.n), longest_us, err);
    }
    dr_table_unref(names);
    return rc;
}

/* ---- filling --------------------------------------------------------------------------------- */

int32_t dr_load_make_beside(struct dr_db *db, struct dr_load_table *t, struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    const struct dr_dialect *d = db->driver->dialect;
    t->beside = beside_name(d, t);
    dr_load_sql_create(d, t, d->main_schema, t->beside, &sql);
    return db->driver->exec(db, dr_buf_cstr(&sql), err);
}

void dr_load_stay_in_place(struct dr_db *db, struct dr_load_table *t, int64_t *longest_us)
{
    if (t->beside && db->driver->dialect->fills_beside)
        (void)remove_table(db, t, t->beside, longest_us, NULL);
    t->beside = NULL;
    t->to_fill = t->filled = false;
    t->stays_in_place = true;
    if (!t->replaces_whole)
        return;
    t->make = t->replaces_whole = false;
    t->spec->deleted = 0;
}

static int32_t write_rows(struct pieces *p, const struct dr_load_table *t, struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    dr_load_sql_apply(p->db->driver->dialect, t, &sql);
    for (int64_t first = 1, next; first <= t->rows->rows; first = next) {
        next = first + p->rows;
        struct dr_db_value range[] = { dr_db_int(first), dr_db_int(next - 1) };
        DR_TRY(write_piece(p, dr_buf_cstr(&sql), 2, range, NULL, err));
    }
    return DR_OK;
}

int32_t dr_load_fill_beside(struct dr_db *db, struct dr_load_table *t, int64_t *longest_us,
                            struct dr_err *err)
{
    struct pieces p;
    DR_TRY(pieces_begin(&p, db, err));
    int32_t rc = dr_load_make_beside(db, t, err);
    if (!rc)
        rc = write_rows(&p, t, err);
    rc = pieces_end(&p, rc, longest_us, err);
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
    t->replaced = beside_name(db->driver->dialect, t);
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
        (void)remove_table(db, t, t->replaced, longest_us, NULL);
}
