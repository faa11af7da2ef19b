/* db_load_pieces_fixture.h - loads that commit in pieces, and what happens between them; on SQLite, what it
 * is asked to do. */
#ifndef DB_LOAD_PIECES_FIXTURE_H
#define DB_LOAD_PIECES_FIXTURE_H
#include "db_load_fixture.h"
#include "base/sqlite_impl.h"

enum { MANY = 4000 };

static inline struct dr_table *numbers(int first, int last, int factor)
{
    DR_AUTO_BUF rows = { 0 };
    dr_buf_puts(&rows, "id:int64 v:int64\n");
    for (int i = first; i <= last; i++)
        dr_buf_printf(&rows, "%d %d\n", i, i * factor);
    return table(dr_buf_cstr(&rows));
}

static inline void load_pieces(int32_t n, struct dr_db_load *specs)
{
    struct dr_err err = { 0 };
    int64_t lock_us = -1;
    must(dr_db_load_in_pieces(f->db, n, specs, &lock_us, &err), &err);
    assert_true(lock_us >= 0);
}

static inline void assert_pieces(struct dr_db_load spec, struct dr_table *rows, const char *expected)
{
    spec.rows = rows;
    load_pieces(1, &spec);
    assert_string_equal(done(&spec), expected);
    dr_table_unref(spec.refused);
    dr_table_unref(rows);
}

/* What SQLite is asked to do while a load goes on; what happens before one of the pieces. */
struct trace {
    int commits, pieces, at;
    struct dr_db *other;
    const char *sql; /* of the other one */
    bool stops;
    int before, most; /* changes before this piece, and in one of them */
};

static inline void count_changes(struct trace *t, const char *sql)
{
    int changes = sqlite3_total_changes(f->db->sql->handle);
    if (strcmp(sql, "BEGIN IMMEDIATE") == 0)
        t->before = changes;
    else if (strcmp(sql, "COMMIT") == 0 && t->pieces && changes - t->before > t->most)
        t->most = changes - t->before;
}

static inline int on_statement(unsigned what, void *ctx, void *stmt, void *text)
{
    struct trace *t = ctx;
    struct dr_err err = { 0 };
    (void)what;
    (void)stmt;
    count_changes(t, text);
    t->commits += strcmp(text, "COMMIT") == 0;
    t->pieces +=
        strncmp(text, "INSERT INTO main.\"", 18) == 0 || strncmp(text, "DELETE FROM main.\"", 18) == 0;
    if (t->at && t->pieces >= t->at && strcmp(text, "BEGIN IMMEDIATE") == 0) {
        t->at = 0;
        if (t->sql)
            must(dr_db_exec(t->other, t->sql, &err), &err);
        if (t->stops)
            sqlite3_interrupt(f->db->sql->handle);
    }
    return 0;
}

static inline void trace(struct trace *t)
{
    sqlite3_trace_v2(f->db->sql->handle, t ? SQLITE_TRACE_STMT : 0, t ? on_statement : NULL, t);
}

static char told[4000];

static inline void keep_told(void *ctx, const char *text)
{
    size_t n = strlen(told);
    (void)ctx;
    snprintf(told + n, sizeof told - n, "%s\n", text);
}

static inline void connect_again(void)
{
    dr_db_close(f->db);
    connect_to(&f->db);
    told[0] = '\0';
    dr_db_on_wait(f->db, keep_told, NULL);
}

/* As if it were killed after so many pieces: the connection goes, and what was committed stays. */
static inline void load_and_stop_after(int pieces, struct dr_db_load spec, struct dr_table *rows)
{
    struct trace t = { .at = pieces, .stops = true };
    struct dr_err err = { 0 };
    spec.rows = rows;
    trace(&t);
    assert_int_equal(dr_db_load_in_pieces(f->db, 1, &spec, NULL, &err), DR_EDB);
    dr_table_unref(rows);
    connect_again();
    assert_answer("SELECT table_name FROM dagrun_unfinished", "t|");
}
#endif
