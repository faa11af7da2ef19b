/* load_pieces.c - the rows of tables that are there, committed in pieces of some milliseconds.
 *
 * The load's own transaction comes after them as it always does: it compares anew, writes what is left, and
 * notes the load. What is done here is therefore never the last word: a row that the database refuses is left
 * to it, and so is whatever has no key, or is to be made. A load that is killed between two pieces has noted
 * nothing, and the next one finds by comparing what there is still to do. From before the first piece to
 * that last commit the table dagrun_unfinished says that the load is under way (unfinished.h), and no
 * other load writes to its tables.
 *
 * Rows come in the order of their keys, parents before children, and children go before their parents, so
 * that foreign keys hold at every moment. */
#include "db/load.h"
#include "db/pieces.h"

enum {
    PIECE_US = 20000, /* how long others should wait for a piece: shorter ones write the pages of indexes more
                         often */
    FIRST_PIECE = 16, /* a trigger may make rows dear */
    WORTH_ROWS = 1000, /* fewer are written at once */
    MANY_LEFT = 1000,  /* refused rows, after which the rest of a table is left too */
};

struct rows_in_pieces {
    struct dr_pieces p;
    const struct dr_load_table *t;
    const char *sql; /* of rows ?1 to ?2 */
    int64_t changed; /* rows */
    int32_t left;    /* rows that were refused */
};

static bool can_be_in_pieces(const struct dr_load_table *t)
{
    return !t->skip && !t->make && !t->to_fill && !t->filled && dr_load_keyed(t) && t->n_target > 0;
}

int64_t dr_load_rows_for_pieces(const struct dr_load_table *t)
{
    return can_be_in_pieces(t) ? t->spec->inserted + t->spec->updated + t->gone : 0;
}

bool dr_load_worth_pieces(int64_t rows)
{
    return rows >= WORTH_ROWS;
}

/* Without those that the database refuses. */
static int32_t write_range(struct rows_in_pieces *r, int64_t first, int64_t last, struct dr_err *err)
{
    struct dr_db_value range[] = { dr_db_int(first), dr_db_int(last) };
    int64_t changed = 0;
    if (first > last || r->left >= MANY_LEFT)
        return DR_OK;
    int32_t rc = dr_pieces_write(&r->p, r->sql, 2, range, &changed, err);
    r->changed += rc ? 0 : changed;
    if (!rc || !r->p.db->failure.refused)
        return rc;
    if (first == last) {
        r->left++;
        return DR_OK;
    }
    int64_t middle = first + (last - first) / 2;
    DR_TRY(write_range(r, first, middle, err));
    return write_range(r, middle + 1, last, err);
}

/* ---- inserting and updating ------------------------------------------------------------------ */

/* The last of the next rows to do, 0 where there are none: few of those staged may be. */
static int32_t find_last(struct rows_in_pieces *r, const char *sql, int64_t first, int64_t *ret,
                         struct dr_err *err)
{
    struct dr_db_value from[] = { dr_db_int(first), dr_db_int(r->p.rows) };
    return dr_db_number(r->p.db, sql, 2, from, ret, err);
}

static int32_t write_todo(struct rows_in_pieces *r, struct dr_err *err)
{
    DR_AUTO_BUF next = { 0 };
    dr_load_sql_next_todo(r->p.db->driver->dialect, r->t, &next);
    for (int64_t first = 1, last; r->left < MANY_LEFT; first = last + 1) {
        DR_TRY(find_last(r, dr_buf_cstr(&next), first, &last, err));
        if (last == 0)
            return DR_OK;
        DR_TRY(write_range(r, first, last, err));
    }
    return DR_OK;
}

int32_t dr_load_apply_in_pieces(struct dr_db *db, const struct dr_load_table *t, int64_t *longest_us,
                                struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    struct rows_in_pieces r = { .t = t };
    if (!can_be_in_pieces(t))
        return DR_OK;
    dr_load_sql_apply(db->driver->dialect, t, &sql);
    r.sql = dr_buf_cstr(&sql);
    DR_TRY(dr_pieces_begin(&r.p, db, FIRST_PIECE, PIECE_US, err));
    return dr_pieces_end(&r.p, write_todo(&r, err), longest_us, err);
}

/* ---- deleting --------------------------------------------------------------------------------- */

static int32_t delete_gone(struct rows_in_pieces *r, struct dr_err *err)
{
    for (int64_t first = 1, next; first <= r->t->gone && r->left < MANY_LEFT; first = next) {
        next = first + r->p.rows;
        DR_TRY(write_range(r, first, next - 1, err));
    }
    return DR_OK;
}

int32_t dr_load_delete_in_pieces(struct dr_db *db, struct dr_load_table *t, int64_t *longest_us,
                                 struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    struct rows_in_pieces r = { .t = t };
    if (!can_be_in_pieces(t) || !dr_load_deletes_by_key(t))
        return DR_OK;
    dr_load_sql_delete_range(db->driver->dialect, t, &sql);
    r.sql = dr_buf_cstr(&sql);
    DR_TRY(dr_pieces_begin(&r.p, db, FIRST_PIECE, PIECE_US, err));
    int32_t rc = dr_pieces_end(&r.p, delete_gone(&r, err), longest_us, err);
    t->done.deleted += r.changed;
    return rc;
}
