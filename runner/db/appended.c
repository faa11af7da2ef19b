/* appended.c - see appended.h. */
#include "db/appended.h"
#include "base/date.h"
#include "db/unfinished.h"

static int32_t has_notes(struct dr_db *db, bool *ret, struct dr_err *err)
{
    return dr_db_has_table(db, "dagrun_appended", ret, err);
}

/* ---- reading ------------------------------------------------------------------------------ */

static int32_t take_ranges(const struct dr_table *rows, struct dr_arena *a, struct dr_appended *ret,
                           struct dr_err *err)
{
    const struct dr_column *first = rows->columns[0], *last = rows->columns[1];
    ret->ranges = dr_arena_array(a, (size_t)rows->rows + 1, sizeof *ret->ranges);
    if (rows->rows && (first->type != DR_TYPE_INT64 || last->type != DR_TYPE_INT64))
        return dr_fail(err, DR_EDB, "the table 'dagrun_appended' is not dagrun's: its rows are no numbers");
    for (int32_t k = 0; rows->rows && k < first->n; k++)
        for (int64_t i = 0; i < first->chunk[k]->n; i++) {
            struct dr_appended_range *r = &ret->ranges[ret->n++];
            r->first = ((const int64_t *)first->chunk[k]->values)[i];
            r->last = ((const int64_t *)last->chunk[k]->values)[i];
            ret->sum += r->last;
        }
    return DR_OK;
}

int32_t dr_appended_read(struct dr_db *db, struct dr_arena *a, const char *table, const char *content,
                         struct dr_appended *ret, struct dr_err *err)
{
    struct dr_db_value values[] = { dr_db_text(table), dr_db_text(content) };
    struct dr_table *rows = NULL;
    bool there;
    *ret = (struct dr_appended){ 0 };
    DR_TRY(has_notes(db, &there, err));
    if (!there)
        return DR_OK;
    DR_TRY(dr_db_own_rows(db,
                          "SELECT first_row, last_row FROM dagrun_appended"
                          " WHERE table_name = ?1 AND content = ?2 ORDER BY first_row",
                          2, values, &rows, err));
    int32_t rc = take_ranges(rows, a, ret, err);
    dr_table_unref(rows);
    return rc;
}

int32_t dr_appended_is_more(struct dr_db *db, const char *table, const char *content,
                            const struct dr_appended *known, bool *ret, struct dr_err *err)
{
    DR_AUTO_ARENA a = { 0 };
    struct dr_appended now;
    DR_TRY(dr_appended_read(db, &a, table, content, &now, err));
    *ret = now.n != known->n || now.sum != known->sum;
    return DR_OK;
}

/* ---- noting ------------------------------------------------------------------------------- */

static int32_t make_table(struct dr_db *db, struct dr_err *err)
{
    const struct dr_dialect *d = db->driver->dialect;
    DR_AUTO_BUF sql = { 0 };
    dr_buf_printf(&sql,
                  "CREATE TABLE dagrun_appended (table_name TEXT NOT NULL, content TEXT NOT NULL,"
                  " first_row %s NOT NULL, last_row %s NOT NULL, row_count %s NOT NULL,"
                  " load_token %s NOT NULL, begun_at TEXT NOT NULL,"
                  " PRIMARY KEY (table_name, content, first_row))%s",
                  d->int_type, d->int_type, d->int_type, d->int_type, d->table_suffix);
    return dr_db_own_table(db, "dagrun_appended", dr_buf_cstr(&sql), err);
}

int32_t dr_appended_begin(struct dr_db *db, const char *table, const char *content, uint32_t token,
                          struct dr_err *err)
{
    struct dr_db_value values[] = { dr_db_text(table), dr_db_text(content), dr_db_int(token) };
    DR_TRY(make_table(db, err));
    return dr_db_own_run(db,
                         "UPDATE dagrun_appended SET load_token = ?3 WHERE table_name = ?1 AND content = ?2",
                         3, values, NULL, err);
}

/* The range before it grows by it, where there is one: else there would be one for each piece. */
int32_t dr_appended_note(struct dr_db *db, const char *table, const char *content, uint32_t token,
                         struct dr_appended_range range, int64_t rows, struct dr_err *err)
{
    char now[DR_TIME_TEXT];
    int64_t grown = 0;
    dr_format_timestamp(dr_now_us(), true, now);
    struct dr_db_value values[] = { dr_db_text(table),     dr_db_text(content), dr_db_int(range.first),
                                    dr_db_int(range.last), dr_db_int(rows),     dr_db_int(token),
                                    dr_db_text(now) };
    DR_TRY(dr_unfinished_hold(db, table, token, err));
    DR_TRY(dr_db_own_run(db,
                         "UPDATE dagrun_appended SET last_row = ?4, row_count = row_count + ?5"
                         " WHERE table_name = ?1 AND content = ?2 AND last_row = ?3 - 1",
                         5, values, &grown, err));
    if (grown)
        return DR_OK;
    return dr_db_own_run(
        db,
        "INSERT INTO dagrun_appended AS t"
        " (table_name, content, first_row, last_row, row_count, load_token, begun_at)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (table_name, content, first_row)"
        " DO UPDATE SET row_count = t.row_count + excluded.row_count,"
        " last_row = CASE WHEN excluded.last_row > t.last_row THEN excluded.last_row ELSE t.last_row END",
        7, values, NULL, err);
}

int32_t dr_appended_forget(struct dr_db *db, const char *table, const char *content, struct dr_err *err)
{
    struct dr_db_value values[] = { dr_db_text(table), dr_db_text(content) };
    bool there;
    DR_TRY(has_notes(db, &there, err));
    if (!there)
        return DR_OK;
    return dr_db_own_run(db,
                         content ? "DELETE FROM dagrun_appended WHERE table_name = ?1 AND content = ?2"
                                 : "DELETE FROM dagrun_appended WHERE table_name = ?1",
                         content ? 2 : 1, values, NULL, err);
}
