/* unfinished.c - see unfinished.h. On PostgreSQL a sign of life is an advisory lock of the connection;
 * nothing is filled beside there but within a transaction. */
#include "db/unfinished.h"
#include <unistd.h>
#include "base/date.h"
#include "base/hash.h"
#include "base/sqlite.h"
#include "db/appended.h"
#include "db/pieces.h"
#include "data/kernel.h"

static const char beside_prefix[] = "dagrun_new_";
enum { PREFIX = sizeof beside_prefix - 1, TOKEN_DIGITS = 8 };

/* ---- tokens ------------------------------------------------------------------------------ */

static uint32_t new_token(void)
{
    static int64_t made;
    int64_t of[] = { getpid(), dr_now_us(), ++made };
    return (uint32_t)dr_hash(of, sizeof of);
}

/* Where it cannot be told, the load counts as alive: its tables are left alone. */
static bool other_lives(struct dr_db *db, uint32_t token)
{
    const char *sql = db->driver->dialect->other_lives_sql;
    struct dr_db_value values[] = { dr_db_int(token) };
    int64_t n = 0;
    if (!sql)
        return dr_sql_other_lives(db->sql, token);
    return dr_db_number(db, sql, 1, values, &n, NULL) || n > 0;
}

static void show_life(struct dr_db *db, uint32_t token)
{
    const char *sql = db->driver->dialect->show_life_sql;
    struct dr_db_value values[] = { dr_db_int((int32_t)token) };
    if (sql)
        (void)dr_db_run(db, sql, 1, values, NULL, NULL); /* without a connection nothing is written either */
    else
        (void)dr_sql_show_life(db->sql, token); /* without a log, nobody else is there to see it */
}

uint32_t dr_unfinished_token(struct dr_db *db)
{
    uint32_t token = new_token();
    for (int tries = 0; tries < 10 && other_lives(db, token); tries++)
        token = new_token();
    show_life(db, token);
    return token;
}

/* SQLite's name says whose it was, for whoever comes after a killed load; PostgreSQL's is short, since
 * it keeps 63 bytes, and nobody ever sees it. */
const char *dr_unfinished_beside(struct dr_db *db, struct dr_arena *a, const char *table)
{
    return db->driver->dialect->fills_beside
               ? dr_arena_printf(a, "%s%08x_%s", beside_prefix, (unsigned)dr_unfinished_token(db), table)
               : dr_arena_printf(a, "%s%08x", beside_prefix, (unsigned)new_token());
}

/* dagrun_new_TOKEN_NAME */
static bool read_beside(const char *name, struct dr_unfinished *ret)
{
    uint32_t token = 0;
    const char *digits = name + PREFIX;
    for (int i = 0; i < TOKEN_DIGITS; i++) {
        const char *at = digits[i] ? strchr("0123456789abcdef", digits[i]) : NULL;
        if (!at)
            return false;
        token = token << 4 | (uint32_t)(at - "0123456789abcdef");
    }
    if (digits[TOKEN_DIGITS] != '_')
        return false;
    *ret = (struct dr_unfinished){ .table = digits + TOKEN_DIGITS + 1, .beside = name, .token = token };
    return true;
}

/* ---- finding ------------------------------------------------------------------------------ */

/* Where a row of a column is: *ret_i of that chunk. */
static const struct dr_array *chunk_at(const struct dr_column *c, int64_t row, int64_t *ret_i)
{
    int32_t k = dr_column_chunk_of(c, row);
    *ret_i = row - c->start[k];
    return c->chunk[k];
}

static char *text_at(const struct dr_table *t, int32_t column, int64_t row, struct dr_arena *a)
{
    int64_t i;
    const struct dr_array *chunk = chunk_at(t->columns[column], row, &i);
    struct dr_str s = dr_array_str(chunk, i);
    return dr_arena_dup(a, s.p, s.n);
}

static int64_t number_at(const struct dr_table *t, int32_t column, int64_t row)
{
    int64_t i;
    const struct dr_array *chunk = chunk_at(t->columns[column], row, &i);
    return chunk->type == DR_TYPE_INT64 ? ((const int64_t *)chunk->values)[i] : 0;
}

/* A row of the queries below; false: it is none of ours. */
static bool read_one(const struct dr_table *rows, int64_t row, struct dr_arena *a, struct dr_unfinished *ret)
{
    *ret = (struct dr_unfinished){ .table = text_at(rows, 0, row, a) };
    if (rows->n == 1)
        return read_beside(ret->table, ret);
    ret->token = (uint32_t)number_at(rows, 1, row);
    ret->begun_at = text_at(rows, 2, row, a);
    if (rows->n > 3) {
        ret->rows = number_at(rows, 3, row);
        ret->content = text_at(rows, 4, row, a);
    }
    return true;
}

/* The mark of a load and what it has appended to the table are one. */
static void add(struct dr_unfinished_list *list, struct dr_db *db, struct dr_unfinished one)
{
    one.runs = other_lives(db, one.token);
    for (int32_t i = 0; i < list->n && one.content; i++)
        if (!list->items[i].beside && list->items[i].token == one.token &&
            dr_streq(list->items[i].table, one.table)) {
            list->items[i] = one;
            return;
        }
    list->items[list->n++] = one;
}

static int32_t read_list(struct dr_db *db, struct dr_arena *a, const char *sql,
                         struct dr_unfinished_list *list, struct dr_err *err)
{
    struct dr_table *rows = NULL;
    DR_TRY(db->driver->run(db, sql, 0, NULL, &rows, NULL, err));
    struct dr_unfinished one, *more = dr_arena_array(a, (size_t)(list->n + rows->rows) + 1, sizeof *more);
    if (list->n)
        memcpy(more, list->items, (size_t)list->n * sizeof *more);
    list->items = more;
    for (int64_t i = 0; i < rows->rows; i++)
        if (read_one(rows, i, a, &one))
            add(list, db, one);
    dr_table_unref(rows);
    return DR_OK;
}

static int32_t read_list_of(struct dr_db *db, struct dr_arena *a, const char *table, const char *sql,
                            struct dr_unfinished_list *list, struct dr_err *err)
{
    bool there;
    DR_TRY(dr_db_has_table(db, table, &there, err));
    return there ? read_list(db, a, sql, list, err) : DR_OK;
}

int32_t dr_unfinished_find(struct dr_db *db, struct dr_arena *a, struct dr_unfinished_list *ret,
                           struct dr_err *err)
{
    *ret = (struct dr_unfinished_list){ 0 };
    if (db->driver->dialect->beside_sql)
        DR_TRY(read_list(db, a, db->driver->dialect->beside_sql, ret, err));
    DR_TRY(read_list_of(db, a, "dagrun_unfinished",
                        "SELECT table_name, load_token, begun_at FROM dagrun_unfinished ORDER BY 1", ret,
                        err));
    return read_list_of(
        db, a, "dagrun_appended",
        "SELECT table_name, load_token, min(begun_at), CAST(sum(row_count) AS BIGINT), content"
        " FROM dagrun_appended GROUP BY table_name, load_token, content ORDER BY 1, 3",
        ret, err);
}

int32_t dr_unfinished_of(struct dr_db *db, struct dr_arena *a, const char *table, uint32_t own,
                         struct dr_unfinished *ret, struct dr_err *err)
{
    struct dr_table *rows = NULL;
    struct dr_db_value values[] = { dr_db_text(table), dr_db_int(own) };
    bool there;
    *ret = (struct dr_unfinished){ 0 };
    DR_TRY(dr_db_has_table(db, "dagrun_unfinished", &there, err));
    if (!there)
        return DR_OK;
    DR_TRY(dr_db_own_rows(db,
                          "SELECT load_token, begun_at FROM dagrun_unfinished"
                          " WHERE table_name = ?1 AND load_token <> ?2",
                          2, values, &rows, err));
    if (rows->rows) {
        *ret = (struct dr_unfinished){ .table = table,
                                       .token = (uint32_t)number_at(rows, 0, 0),
                                       .begun_at = text_at(rows, 1, 0, a) };
        ret->runs = other_lives(db, ret->token);
    }
    dr_table_unref(rows);
    return DR_OK;
}

/* ---- noting ------------------------------------------------------------------------------- */

int32_t dr_unfinished_end(struct dr_db *db, const char *table, struct dr_err *err)
{
    struct dr_db_value values[] = { dr_db_text(table) };
    bool there;
    DR_TRY(dr_db_has_table(db, "dagrun_unfinished", &there, err));
    return there ? dr_db_own_run(db, "DELETE FROM dagrun_unfinished WHERE table_name = ?1", 1, values, NULL,
                                 err)
                 : DR_OK;
}

int32_t dr_unfinished_hold(struct dr_db *db, const char *table, uint32_t token, struct dr_err *err)
{
    struct dr_db_value values[] = { dr_db_text(table), dr_db_int(token) };
    int64_t held = 0;
    DR_TRY(dr_db_own_run(
        db, "UPDATE dagrun_unfinished SET load_token = ?2 WHERE table_name = ?1 AND load_token = ?2", 2,
        values, &held, err));
    return held ? DR_OK : dr_fail(err, DR_EBUSY, "another load of the table has taken the place of this one");
}

static int32_t make_table(struct dr_db *db, struct dr_err *err)
{
    const struct dr_dialect *d = db->driver->dialect;
    DR_AUTO_BUF sql = { 0 };
    dr_buf_printf(&sql,
                  "CREATE TABLE dagrun_unfinished (table_name TEXT NOT NULL PRIMARY KEY,"
                  " load_token %s NOT NULL, begun_at TEXT NOT NULL)%s",
                  d->int_type, d->table_suffix);
    return dr_db_own_table(db, "dagrun_unfinished", dr_buf_cstr(&sql), err);
}

int32_t dr_unfinished_begin(struct dr_db *db, const char *table, uint32_t token, struct dr_err *err)
{
    char now[DR_TIME_TEXT];
    dr_format_timestamp(dr_now_us(), true, now);
    struct dr_db_value values[] = { dr_db_text(table), dr_db_int(token), dr_db_text(now) };
    DR_TRY(make_table(db, err));
    DR_TRY(dr_unfinished_end(db, table, err));
    return dr_db_own_run(
        db, "INSERT INTO dagrun_unfinished (table_name, load_token, begun_at) VALUES (?1, ?2, ?3)", 3, values,
        NULL, err);
}

/* ---- removing ------------------------------------------------------------------------------ */

/* A load of a table that is not there any more is nobody's concern. */
static int32_t forget(struct dr_db *db, const struct dr_unfinished *u, struct dr_err *err)
{
    bool there;
    DR_TRY(dr_db_has_table(db, u->table, &there, err));
    if (there)
        return DR_OK;
    DR_TRY(dr_appended_forget(db, u->table, NULL, err));
    return dr_unfinished_end(db, u->table, err);
}

int32_t dr_unfinished_remove(struct dr_db *db, int32_t *ret_n, int64_t *longest_us, struct dr_err *err)
{
    DR_AUTO_ARENA a = { 0 };
    struct dr_unfinished_list list;
    int32_t n = 0;
    DR_TRY(dr_unfinished_find(db, &a, &list, err));
    for (int32_t i = 0; i < list.n; i++) {
        const struct dr_unfinished *u = &list.items[i];
        if (u->runs)
            continue;
        DR_TRY(u->beside ? dr_pieces_remove_table(db, u->beside, longest_us, err) : forget(db, u, err));
        n += u->beside != NULL;
    }
    *ret_n = n;
    return DR_OK;
}
