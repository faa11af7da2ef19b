/* pieces.c - see pieces.h. */
#include "db/pieces.h"
#include <time.h>
#include "base/date.h"
#include "base/sqlite.h"

enum {
    PIECES_IN_LOG = 16, /* before SQLite's log is written to the database */
    ROWS_MAX = 1 << 20,
    DELETED_FIRST = 250,
    DELETED_US = 5000,
};

static int32_t exec(struct dr_db *db, const char *sql, struct dr_err *err)
{
    return sql ? db->driver->exec(db, sql, err) : DR_OK;
}

int32_t dr_pieces_begin(struct dr_pieces *p, struct dr_db *db, int64_t first_rows, int64_t us,
                        struct dr_err *err)
{
    *p = (struct dr_pieces){ .db = db, .rows = first_rows, .us = us };
    return exec(db, db->driver->dialect->before_pieces, err);
}

int32_t dr_pieces_end(struct dr_pieces *p, int32_t rc, int64_t *longest_us, struct dr_err *err)
{
    *longest_us = p->longest_us > *longest_us ? p->longest_us : *longest_us;
    if (!rc && p->n > 0) /* or the next commit would, and seem to hold the lock meanwhile */
        rc = exec(p->db, p->db->driver->dialect->between_pieces, err);
    int32_t ended = exec(p->db, p->db->driver->dialect->after_pieces, rc ? NULL : err);
    return rc ? rc : ended;
}

/* Who waits for SQLite's lock looks now and then whether it is free, and must find it so. */
static void let_others_in(int64_t held_us)
{
    int64_t us = held_us / 2;
    struct timespec pause = { .tv_sec = us / DR_US_PER_S, .tv_nsec = us % DR_US_PER_S * 1000 };
    nanosleep(&pause, NULL);
}

static int32_t between_pieces(struct dr_pieces *p, int64_t held_us, struct dr_err *err)
{
    const struct dr_dialect *d = p->db->driver->dialect;
    if (held_us > p->us)
        p->rows = p->rows / 2 + 1;
    else if (held_us < p->us / 2 && p->rows < ROWS_MAX)
        p->rows *= 2;
    if (++p->n % PIECES_IN_LOG == 0)
        DR_TRY(exec(p->db, d->between_pieces, err));
    if (d->fills_beside)
        let_others_in(held_us);
    return DR_OK;
}

/* Where that fails, it is not about the values of a row. */
static int32_t note(const struct dr_pieces *p, const struct dr_db_value *values, int64_t changed,
                    struct dr_err *err)
{
    int32_t rc = p->note ? p->note(p->note_ctx, values, changed, err) : DR_OK;
    if (rc)
        p->db->failure.refused = false;
    return rc;
}

int32_t dr_pieces_write_all(struct dr_pieces *p, int32_t n_statements, const char *const *sql, int32_t n,
                            const struct dr_db_value *values, int64_t *ret_changed, struct dr_err *err)
{
    const struct dr_db_driver *driver = p->db->driver;
    int32_t rc = DR_OK;
    DR_TRY(driver->begin(p->db, true, err));
    int64_t start = dr_monotonic_us();
    for (int32_t i = 0; i < n_statements && !rc; i++)
        rc = driver->run(p->db, sql[i], n, values, NULL, &ret_changed[i], err);
    if (!rc)
        rc = note(p, values, ret_changed[0], err);
    if (!rc)
        rc = driver->commit(p->db, err);
    if (rc)
        driver->rollback(p->db);
    int64_t held_us = dr_monotonic_us() - start;
    p->longest_us = held_us > p->longest_us ? held_us : p->longest_us;
    return rc ? rc : between_pieces(p, held_us, err);
}

int32_t dr_pieces_write(struct dr_pieces *p, const char *sql, int32_t n, const struct dr_db_value *values,
                        int64_t *ret_changed, struct dr_err *err)
{
    int64_t changed = 0;
    int32_t rc = dr_pieces_write_all(p, 1, &sql, n, values, &changed, err);
    if (ret_changed)
        *ret_changed = changed;
    return rc;
}

/* ---- removing a table ------------------------------------------------------------------------ */

static void put_in_main(const struct dr_dialect *d, const char *what, const char *name, struct dr_buf *b)
{
    dr_buf_printf(b, "%s%s", what, d->main_schema);
    dr_buf_put_sql_ident(b, dr_str_of(name));
}

static int32_t drop_table(struct dr_db *db, const char *name, struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    put_in_main(db->driver->dialect, "DROP TABLE IF EXISTS ", name, &sql);
    return db->driver->exec(db, dr_buf_cstr(&sql), err);
}

static bool has_column(const struct dr_db_column *columns, int32_t n, const char *name)
{
    for (int32_t i = 0; i < n; i++)
        if (strcasecmp(columns[i].name, name) == 0)
            return true;
    return false;
}

/* What numbers the rows of the table that is there; NULL where there is none, or nothing numbers them. */
static int32_t find_row_name(struct dr_db *db, const char *name, const char **ret, struct dr_err *err)
{
    DR_AUTO_ARENA a = { 0 };
    const char *const *row_names = db->driver->dialect->row_names;
    struct dr_db_column *columns;
    int32_t n;
    bool view;
    DR_TRY(db->driver->columns(db, name, &a, &columns, &n, &view, err));
    *ret = NULL;
    for (int i = 0; row_names[i] && !*ret && n > 0; i++)
        if (!has_column(columns, n, row_names[i]))
            *ret = row_names[i];
    return DR_OK;
}

static int32_t delete_rows(struct dr_pieces *p, const char *name, const char *row_name, struct dr_err *err)
{
    const struct dr_dialect *d = p->db->driver->dialect;
    int64_t changed;
    DR_AUTO_BUF sql = { 0 };
    put_in_main(d, "DELETE FROM ", name, &sql);
    dr_buf_printf(&sql, " WHERE %s IN (SELECT %s FROM ", row_name, row_name);
    put_in_main(d, "", name, &sql);
    dr_buf_printf(&sql, " ORDER BY %s LIMIT %c1)", row_name, d->placeholder);
    do {
        struct dr_db_value rows[] = { dr_db_int(p->rows) };
        DR_TRY(dr_pieces_write(p, dr_buf_cstr(&sql), 1, rows, &changed, err));
    } while (changed > 0);
    return DR_OK;
}

int32_t dr_pieces_remove_table(struct dr_db *db, const char *name, int64_t *longest_us, struct dr_err *err)
{
    struct dr_pieces p;
    const char *row_name;
    DR_TRY(find_row_name(db, name, &row_name, err));
    DR_TRY(dr_pieces_begin(&p, db, DELETED_FIRST, DELETED_US, err));
    int32_t rc = row_name ? delete_rows(&p, name, row_name, err) : DR_OK;
    if (!rc)
        rc = drop_table(db, name, err);
    return dr_pieces_end(&p, rc, longest_us, err);
}
