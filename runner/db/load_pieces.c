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
 * that foreign keys hold at every moment. Where `delete_missing` says which rows belong to a parent, the
 * parent and all of its rows, new ones, changed ones and those that go, are in one piece: nobody sees a
 * parent beside rows of another version of it. */
#include "db/load.h"
#include "db/pieces.h"

enum {
    FIRST_PIECE = 16,  /* a trigger may make rows dear */
    WORTH_ROWS = 1000, /* fewer are written at once */
    MANY_LEFT = 1000,  /* refused rows, after which the rest of a table is left too */
};

/* Statements that are run together for the numbers ?1 to ?2, and how many rows each has changed. */
struct in_pieces {
    struct dr_pieces p;
    struct dr_load *l;
    int32_t n;
    const char **sql;
    int64_t *changed;
    int32_t left; /* pieces of one number that were refused */
};

static bool can_be_in_pieces(const struct dr_load_table *t)
{
    return !t->skip && !t->make && !t->to_fill && !t->filled && t->n_target > 0 &&
           (dr_load_keyed(t) || t->spec->mode == DR_LOAD_APPEND);
}

int64_t dr_load_rows_for_pieces(const struct dr_load_table *t)
{
    return can_be_in_pieces(t) ? t->spec->inserted + t->spec->updated + t->gone : 0;
}

bool dr_load_worth_pieces(int64_t rows)
{
    return rows >= WORTH_ROWS;
}

/* ---- pieces --------------------------------------------------------------------------------- */

static int32_t begin(struct in_pieces *r, struct dr_load *l, int32_t max_statements, struct dr_err *err)
{
    *r = (struct in_pieces){ .l = l };
    r->sql = dr_arena_array(&l->arena, (size_t)max_statements, sizeof *r->sql);
    r->changed = dr_arena_array(&l->arena, (size_t)max_statements, sizeof *r->changed);
    return dr_pieces_begin(&r->p, l->db, FIRST_PIECE, l->db->driver->dialect->piece_us, err);
}

static int32_t end(struct in_pieces *r, int32_t rc, struct dr_err *err)
{
    return dr_pieces_end(&r->p, rc, &r->l->lock_us, err);
}

/* A statement's place among those that are run together. */
static int32_t add(struct in_pieces *r, const struct dr_buf *sql)
{
    r->sql[r->n] = dr_arena_dup(&r->l->arena, sql->p, sql->n);
    r->changed[r->n] = 0;
    return r->n++;
}

static void count_changed(struct in_pieces *r, const int64_t *changed)
{
    for (int32_t i = 0; i < r->n; i++)
        r->changed[i] += changed[i];
}

/* Without those that the database refuses. That a part of a piece takes less time does not make the next one
 * larger. */
static int32_t write_range(struct in_pieces *r, int64_t first, int64_t last, struct dr_err *err)
{
    struct dr_db_value range[] = { dr_db_int(first), dr_db_int(last) };
    if (r->left >= MANY_LEFT)
        return DR_OK;
    DR_AUTO_FREE int64_t *changed = dr_calloc((size_t)r->n, sizeof *changed);
    int32_t rc = dr_pieces_write_all(&r->p, r->n, r->sql, 2, range, changed, err);
    if (!rc)
        count_changed(r, changed);
    if (!rc || !r->p.db->failure.refused)
        return rc;
    if (first == last) {
        r->left++;
        return DR_OK;
    }
    int64_t middle = first + (last - first) / 2, rows = r->p.rows;
    rc = write_range(r, first, middle, err);
    if (!rc)
        rc = write_range(r, middle + 1, last, err);
    r->p.rows = r->p.rows < rows ? r->p.rows : rows;
    return rc;
}

static int32_t write_up_to(struct in_pieces *r, int64_t last, struct dr_err *err)
{
    for (int64_t first = 1, next; first <= last && r->left < MANY_LEFT; first = next) {
        next = first + r->p.rows;
        DR_TRY(write_range(r, first, next - 1 < last ? next - 1 : last, err));
    }
    return DR_OK;
}

/* The last number of a temporary table. */
static int32_t last_number(struct dr_load *l, const struct dr_load_table *t, int which, const char *column,
                           int64_t *ret, struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    dr_buf_printf(&sql, "SELECT max(%s) FROM ", column);
    dr_load_sql_put_temp(l->db->driver->dialect, t, which, &sql);
    return dr_db_number(l->db, dr_buf_cstr(&sql), 0, NULL, ret, err);
}

/* ---- rows of a table by itself ------------------------------------------------------------------ */

/* The last of the next rows to do, 0 where there are none: few of those staged may be. */
static int32_t find_last(struct in_pieces *r, const char *sql, int64_t first, int64_t *ret,
                         struct dr_err *err)
{
    struct dr_db_value from[] = { dr_db_int(first), dr_db_int(r->p.rows) };
    return dr_db_number(r->p.db, sql, 2, from, ret, err);
}

static int32_t write_todo(struct in_pieces *r, const struct dr_load_table *t, struct dr_err *err)
{
    DR_AUTO_BUF next = { 0 };
    dr_load_sql_next_todo(r->p.db->driver->dialect, t, &next);
    for (int64_t first = 1, last; r->left < MANY_LEFT; first = last + 1) {
        DR_TRY(find_last(r, dr_buf_cstr(&next), first, &last, err));
        if (last == 0)
            return DR_OK;
        DR_TRY(write_range(r, first, last, err));
    }
    return DR_OK;
}

struct noting {
    struct dr_load *l;
    const struct dr_load_table *t;
};

/* From behind the row before the first: what lies between was not to be staged. */
static int32_t note_appended(void *ctx, const struct dr_db_value *staged, int64_t rows, struct dr_err *err)
{
    const struct noting *n = ctx;
    int64_t before = staged[0].i > 1 ? dr_load_given(n->t, staged[0].i - 2) + 1 : 0;
    struct dr_appended_range range = { before + 1, dr_load_given(n->t, staged[1].i - 1) + 1 };
    return dr_appended_note(n->l->db, n->t->spec->name, n->t->content, n->l->token, range, rows, err);
}

static int32_t write_rows(struct dr_load *l, const struct dr_load_table *t, struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    struct in_pieces r;
    struct noting noting = { l, t };
    if (!can_be_in_pieces(t))
        return DR_OK;
    dr_load_sql_apply(l->db->driver->dialect, t, DR_LOAD_TODO, &sql);
    DR_TRY(begin(&r, l, 1, err));
    if (t->spec->mode == DR_LOAD_APPEND) {
        r.p.note = note_appended;
        r.p.note_ctx = &noting;
    }
    add(&r, &sql);
    return end(&r, write_todo(&r, t, err), err);
}

static int32_t make_leave(struct dr_load *l, const struct dr_load_table *t, const struct dr_load_table *of,
                          struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    dr_load_sql_make_leave(l->db->driver->dialect, t, of, &sql);
    DR_TRY(l->db->driver->exec(l->db, dr_buf_cstr(&sql), err));
    return dr_load_analyze(l, t, DR_LOAD_LEAVE, err);
}

static int32_t delete_rows(struct dr_load *l, struct dr_load_table *t, struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    struct in_pieces r;
    if (!can_be_in_pieces(t) || !dr_load_deletes_by_key(t) || t->in_family || t->gone == 0)
        return DR_OK;
    DR_TRY(make_leave(l, t, NULL, err));
    dr_load_sql_delete_range(l->db->driver->dialect, t, &sql);
    DR_TRY(begin(&r, l, 1, err));
    add(&r, &sql);
    int32_t rc = end(&r, write_up_to(&r, t->gone, err), err);
    t->done.deleted += r.changed[0];
    return rc;
}

/* ---- families ----------------------------------------------------------------------------------- */

static bool has_children(const struct dr_load *l, const struct dr_load_table *t)
{
    for (int32_t i = t->number + 1; i < l->n; i++)
        if (l->tables[i].parent == t)
            return true;
    return false;
}

/* The tables that follow a parent at once and belong to it, all of them by the same columns, and to which
 * none belongs: with others between, foreign keys might not hold. What is appended is noted by its rows, not
 * by families. */
static int32_t count_family(const struct dr_load *l, const struct dr_load_table *of)
{
    int32_t n = 1;
    if (of->parent || !can_be_in_pieces(of) || of->spec->mode == DR_LOAD_APPEND)
        return n;
    for (; of->number + n < l->n; n++) {
        const struct dr_load_table *t = &of[n];
        if (t->parent != of || t->shares != &of[1] || has_children(l, t) || !(t->skip || can_be_in_pieces(t)))
            break;
    }
    return n;
}

static int32_t number_families(struct dr_load *l, int32_t n, const struct dr_load_table *of,
                               struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    dr_load_sql_make_families(l->db->driver->dialect, n, of, &sql);
    DR_TRY(l->db->driver->exec(l->db, dr_buf_cstr(&sql), err));
    return dr_load_analyze(l, of, DR_LOAD_FAMILIES, err);
}

static int32_t add_work(struct in_pieces *r, const struct dr_load_table *t, const struct dr_load_table *of,
                        struct dr_err *err)
{
    const struct dr_db_driver *driver = r->l->db->driver;
    DR_AUTO_BUF make = { 0 };
    DR_AUTO_BUF apply = { 0 };
    if (t->skip)
        return DR_OK;
    dr_load_sql_make_work(driver->dialect, t, of, &make);
    DR_TRY(driver->exec(r->l->db, dr_buf_cstr(&make), err));
    DR_TRY(dr_load_analyze(r->l, t, DR_LOAD_WORK, err));
    dr_load_sql_apply(driver->dialect, t, DR_LOAD_WORK, &apply);
    add(r, &apply);
    return DR_OK;
}

/* *ret: the statement's place, -1 where no row goes. */
static int32_t add_leave(struct in_pieces *r, const struct dr_load_table *t, const struct dr_load_table *of,
                         int32_t *ret, struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    *ret = -1;
    if (t->skip || !dr_load_deletes_by_key(t) || t->gone == 0)
        return DR_OK;
    DR_TRY(make_leave(r->l, t, of, err));
    dr_load_sql_delete_range(r->l->db->driver->dialect, t, &sql);
    *ret = add(r, &sql);
    return DR_OK;
}

/* Parents, then what belongs to them; what goes leaves last, as in a load's own transaction. */
static int32_t write_families(struct dr_load *l, int32_t n, struct dr_load_table *of, struct dr_err *err)
{
    struct in_pieces r;
    int64_t last;
    DR_AUTO_FREE int32_t *leave = dr_malloc((size_t)n * sizeof *leave);
    DR_TRY(number_families(l, n, of, err));
    DR_TRY(last_number(l, of, DR_LOAD_FAMILIES, "family", &last, err));
    DR_TRY(begin(&r, l, 2 * n, err));
    int32_t rc = DR_OK;
    for (int32_t i = 0; i < n && !rc; i++)
        rc = add_work(&r, &of[i], of, err);
    for (int32_t i = n - 1; i > 0 && !rc; i--)
        rc = add_leave(&r, &of[i], of, &leave[i], err);
    if (rc)
        return end(&r, rc, err);
    rc = end(&r, write_up_to(&r, last, err), err);
    for (int32_t i = 1; i < n; i++) {
        of[i].in_family = true;
        of[i].done.deleted += leave[i] < 0 ? 0 : r.changed[leave[i]];
    }
    return rc;
}

/* ---- all tables --------------------------------------------------------------------------------- */

int32_t dr_load_write_in_pieces(struct dr_load *l, struct dr_err *err)
{
    for (int32_t i = 0, n; i < l->n; i += n) {
        struct dr_load_table *t = &l->tables[i];
        n = count_family(l, t);
        t->in_family = false;
        int32_t rc = n > 1 ? write_families(l, n, t, err) : write_rows(l, t, err);
        DR_TRY(dr_load_in_table(t, rc, err));
    }
    for (int32_t i = l->n - 1; i >= 0; i--)
        DR_TRY(dr_load_in_table(&l->tables[i], delete_rows(l, &l->tables[i], err), err));
    return DR_OK;
}
