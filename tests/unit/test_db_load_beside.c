/* test_db_load_beside.c - large tables, filled beside the ones that readers see and swapped in. */
#include "db_load_fixture.h"
#include "base/sqlite_impl.h"

enum { MANY = 15000 };

static struct dr_table *numbers(int first, int last, int factor)
{
    DR_AUTO_BUF rows = { 0 };
    dr_buf_puts(&rows, "id:int64 v:int64\n");
    for (int i = first; i <= last; i++)
        dr_buf_printf(&rows, "%d %d\n", i, i * factor);
    return table(dr_buf_cstr(&rows));
}

static void assert_load_of(struct dr_db_load spec, int first, int last, int factor, const char *expected)
{
    struct dr_table *t = numbers(first, last, factor);
    spec.rows = t;
    load_many(1, &spec);
    assert_string_equal(done(&spec), expected);
    dr_table_unref(t);
}

static bool on_sqlite(void)
{
    if (!f->db->sql)
        print_message("# skip: about how SQLite does it\n");
    return f->db->sql != NULL;
}

/* What SQLite is asked to do while a load goes on, and what others do meanwhile. */
struct trace {
    int commits, fills;
    struct dr_db *other;
    bool drops; /* what is filled */
};

static void do_meanwhile(const struct trace *t)
{
    struct dr_err err = { 0 };
    struct dr_table *names = NULL;
    DR_AUTO_BUF sql = { 0 };
    must(dr_db_query(t->other, "SELECT name FROM sqlite_schema WHERE name LIKE 'dagrun\\_new%' ESCAPE '\\'",
                     &names, &err),
         &err);
    struct dr_str name = dr_array_str(names->columns[0]->chunk[0], 0);
    dr_buf_printf(&sql, t->drops ? "DROP TABLE %.*s" : "UPDATE here SET rows = (SELECT count(*) FROM %.*s)",
                  (int)name.n, name.p);
    must(dr_db_exec(t->other, dr_buf_cstr(&sql), &err), &err);
    dr_table_unref(names);
}

static int on_statement(unsigned what, void *ctx, void *stmt, void *text)
{
    struct trace *t = ctx;
    (void)what;
    (void)stmt;
    t->commits += strcmp(text, "COMMIT") == 0;
    t->fills += strncmp(text, "INSERT INTO main.\"dagrun_new_", 29) == 0;
    if (t->fills == 3 && t->other && strcmp(text, "BEGIN IMMEDIATE") == 0)
        do_meanwhile(t);
    return 0;
}

static void trace(struct trace *t)
{
    sqlite3_trace_v2(f->db->sql->handle, t ? SQLITE_TRACE_STMT : 0, t ? on_statement : NULL, t);
}

#define ASSERT_NONE_BESIDE()                                                                                 \
    assert_answer("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'dagrun\\_new%' ESCAPE '\\'", "0|")
#define ASSERT_SUMS(expected)                                                                                \
    assert_answer("SELECT count(*) AS n, sum(id) AS ids, sum(v) AS vs FROM t", expected)

static void a_large_new_table_is_filled_in_many_short_transactions(void **state)
{
    (void)state;
    struct trace t = { 0 };
    if (!on_sqlite())
        skip();
    trace(&t);
    assert_load_of(UPSERT, 1, MANY, 1, "+15000 ~0 =0 -0 !0");
    trace(NULL);
    assert_true(t.fills >= 6);
    assert_true(t.commits >= t.fills);
    ASSERT_SUMS("15000 112507500 112507500|");
    ASSERT_NONE_BESIDE();
    assert_answer(
        "SELECT replace(sql, char(10), '') FROM sqlite_schema WHERE name = 't'",
        "CREATE TABLE \"t\" (  \"id\" INTEGER NOT NULL,  \"v\" INTEGER,  PRIMARY KEY (\"id\")) STRICT|");
    assert_load_of(UPSERT, 1, MANY, 1, "skipped +0 ~0 =0 -0 !0");
}

static void a_small_one_is_filled_in_one(void **state)
{
    (void)state;
    struct trace t = { 0 };
    if (!on_sqlite())
        skip();
    trace(&t);
    assert_load_of(UPSERT, 1, 100, 1, "+100 ~0 =0 -0 !0");
    trace(NULL);
    assert_int_equal(t.fills, 0);
    assert_int_equal(t.commits, 1);
}

static void a_table_most_of_which_changes_is_swapped_and_its_views_stay(void **state)
{
    (void)state;
    struct trace t = { 0 };
    assert_load_of(LOAD(.mode = DR_LOAD_REPLACE), 1, MANY, 1, "+15000 ~0 =0 -0 !0");
    exec("CREATE VIEW w AS SELECT sum(v) AS s FROM t");
    if (f->db->sql)
        trace(&t);
    assert_load_of(LOAD(.mode = DR_LOAD_REPLACE), 11, MANY + 20, 3, "+20 ~14990 =0 -10 !0");
    if (f->db->sql) {
        trace(NULL);
        assert_true(t.fills >= 6);
        ASSERT_NONE_BESIDE();
    }
    ASSERT_SUMS("15010 112807655 338422965|");
    assert_answer("SELECT s FROM w", "338422965|");
}

static void one_without_a_key_is_swapped_too(void **state)
{
    (void)state;
    struct dr_db_load spec = BARE(.mode = DR_LOAD_REPLACE);
    assert_load_of(spec, 1, MANY, 1, "+15000 ~0 =0 -0 !0");
    assert_load_of(spec, 2, MANY, 1, "+14999 ~0 =0 -15000 !0");
    ASSERT_SUMS("14999 112507499 112507499|");
    if (f->db->sql)
        ASSERT_NONE_BESIDE();
}

/* An index, a trigger or a reference would go with the table that is dropped. */
static void a_table_on_which_something_hangs_stays_in_place(void **state)
{
    (void)state;
    static const char *const hangs[] = {
        "CREATE INDEX by_v ON t (v)",
        "CREATE TRIGGER after_t AFTER DELETE ON t BEGIN SELECT 1; END",
        "CREATE TABLE child (id INTEGER REFERENCES t)",
        "ALTER TABLE t ADD COLUMN more TEXT DEFAULT 'x'",
    };
    if (!on_sqlite())
        skip();
    for (int i = 0; i < 4; i++) {
        struct trace t = { 0 };
        exec("DROP TABLE IF EXISTS child; DROP TABLE IF EXISTS t");
        assert_load_of(LOAD(.mode = DR_LOAD_REPLACE), 1, MANY, 1, "+15000 ~0 =0 -0 !0");
        exec(hangs[i]);
        trace(&t);
        assert_load_of(LOAD(.mode = DR_LOAD_REPLACE), 1, MANY, 3, "+0 ~15000 =0 -0 !0");
        trace(NULL);
        assert_int_equal(t.fills, 0);
        ASSERT_SUMS("15000 112507500 337522500|");
    }
    assert_answer("SELECT count(*) FROM t WHERE more = 'x'", "15000|");
}

static void others_write_while_it_is_filled_and_nobody_sees_the_rows(void **state)
{
    (void)state;
    struct trace t = { 0 };
    if (!on_sqlite())
        skip();
    exec("CREATE TABLE here (rows INTEGER); INSERT INTO here VALUES (0)");
    connect_to(&t.other);
    trace(&t);
    assert_load_of(UPSERT, 1, MANY, 1, "+15000 ~0 =0 -0 !0");
    trace(NULL);
    assert_answer("SELECT rows BETWEEN 3 AND 14999 FROM here", "1|");
    dr_db_close(t.other);
}

static void a_load_that_loses_its_table_beside_goes_on_in_place(void **state)
{
    (void)state;
    struct trace t = { .drops = true };
    if (!on_sqlite())
        skip();
    connect_to(&t.other);
    trace(&t);
    assert_load_of(LOAD(.mode = DR_LOAD_REPLACE), 1, MANY, 1, "+15000 ~0 =0 -0 !0");
    assert_true(t.fills >= 3 && t.fills <= 4);
    t.fills = 0;
    assert_load_of(LOAD(.mode = DR_LOAD_REPLACE), 11, MANY, 3, "+0 ~14990 =0 -10 !0");
    assert_true(t.fills >= 3 && t.fills <= 4);
    trace(NULL);
    ASSERT_SUMS("14990 112507445 337522335|");
    ASSERT_NONE_BESIDE();
    dr_db_close(t.other);
}

static void what_a_killed_load_left_is_removed_by_the_next(void **state)
{
    (void)state;
    if (!on_sqlite())
        skip();
    exec("CREATE TABLE dagrun_new_0123abcd_t (id INTEGER); INSERT INTO dagrun_new_0123abcd_t VALUES (1), (2);"
         "CREATE TABLE dagrun_new_0123abcd_tt (id INTEGER)");
    assert_load(UPSERT, "id:int64 v:string\n1 a\n", "+1 ~0 =0 -0 !0");
    ASSERT_NONE_BESIDE();
}

/* A parent and its children, both new; one parent has no children that count. */
static void children_are_filled_beside_with_their_parents(void **state)
{
    (void)state;
    static const char *const by[] = { "id" };
    DR_AUTO_BUF rows = { 0 };
    dr_buf_puts(&rows, "id:int64 place:int64\n");
    for (int i = 0; i < 2 * MANY; i++)
        dr_buf_printf(&rows, "%d %d\n", i / 2 + 2, i % 2);
    struct dr_table *p = numbers(1, MANY, 1), *c = table(dr_buf_cstr(&rows));
    static const char *const child_key[] = { "id", "place" };
    struct dr_db_load specs[] = {
        UPSERT,
        { .size = sizeof specs[0],
          .mode = DR_LOAD_UPSERT,
          .name = "c",
          .rows = c,
          .keys = child_key,
          .n_keys = 2,
          .n_scope = 1,
          .scope = by,
          .scope_of = "t" },
    };
    specs[0].rows = p;
    specs[0].newer_wins = "v";
    load_many(2, specs);
    assert_string_equal(done(&specs[0]), "+15000 ~0 =0 -0 !0");
    assert_answer("SELECT count(*), min(id), max(id) FROM c", "29998 2 15000|");
    dr_table_unref(p);
    dr_table_unref(c);
}

/* On PostgreSQL too, where the new table is made beside the one that is there. */
static void a_remade_table_has_the_names_of_one_that_was_there_from_the_first(void **state)
{
    (void)state;
    assert_load(LOAD(.mode = DR_LOAD_REPLACE), "id:int64 v:string\n1 a\n", "+1 ~0 =0 -0 !0");
    assert_load(LOAD(.mode = DR_LOAD_REPLACE), "id:int64 w:date\n1 2024-02-29\n", "+1 ~0 =0 -0 !0");
    ASSERT_T("1 2024-02-29|");
    assert_answer(
        f->db->sql
            ? "SELECT name FROM sqlite_schema WHERE tbl_name = 't' ORDER BY 1"
            : "SELECT CAST(relname AS text) FROM pg_class WHERE relnamespace = CAST('public' AS regnamespace)"
              " AND (relname LIKE 't%' OR relname LIKE 'dagrun_new%') ORDER BY 1",
        f->db->sql ? "t|" : "t|t_pkey|");
}

/* Another load of the table between the comparison and the lock: its rows are seen. */
static int on_count(unsigned what, void *ctx, void *stmt, void *text)
{
    struct trace *t = ctx;
    struct dr_err err = { 0 };
    (void)what;
    (void)stmt;
    if (!strstr(text, "is_new = 1") || t->fills == 0)
        return 0;
    t->fills--;
    struct dr_table *rows =
        table(t->fills % 2 ? "id:int64 v:string\n1 x\n9 x\n" : "id:int64 v:string\n1 y\n8 y\n");
    struct dr_db_load spec = LOAD(.mode = DR_LOAD_REPLACE, .rows = rows);
    must(dr_db_load(t->other, 1, &spec, NULL, &err), &err);
    dr_table_unref(rows);
    return 0;
}

static void of_two_loads_at_once_one_comes_after_the_other(void **state)
{
    (void)state;
    if (!on_sqlite())
        skip();
    for (int loads = 1; loads <= 6; loads++) {
        struct trace t = { .fills = loads };
        exec("DROP TABLE IF EXISTS t");
        assert_load(LOAD(.mode = DR_LOAD_REPLACE), "id:int64 v:string\n1 a\n2 b\n", "+2 ~0 =0 -0 !0");
        connect_to(&t.other);
        sqlite3_trace_v2(f->db->sql->handle, SQLITE_TRACE_STMT, on_count, &t);
        struct dr_table *rows = table("id:int64 v:string\n1 a\n2 c\n");
        struct dr_db_load spec = LOAD(.mode = DR_LOAD_REPLACE, .rows = rows);
        load_many(1, &spec);
        trace(NULL);
        dr_table_unref(rows);
        dr_db_close(t.other);
        ASSERT_T("1 a|2 c|");
        assert_int_equal(t.fills, 0);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_large_new_table_is_filled_in_many_short_transactions),
        T(a_small_one_is_filled_in_one),
        T(a_table_most_of_which_changes_is_swapped_and_its_views_stay),
        T(one_without_a_key_is_swapped_too),
        T(a_table_on_which_something_hangs_stays_in_place),
        T(others_write_while_it_is_filled_and_nobody_sees_the_rows),
        T(a_load_that_loses_its_table_beside_goes_on_in_place),
        T(what_a_killed_load_left_is_removed_by_the_next),
        T(children_are_filled_beside_with_their_parents),
        T(a_remade_table_has_the_names_of_one_that_was_there_from_the_first),
        T(of_two_loads_at_once_one_comes_after_the_other),
    };
    if (getenv("DAGRUN_TEST_POSTGRESQL"))
        puts("# on PostgreSQL");
    return cmocka_run_group_tests_name("db_load_beside", tests, NULL, NULL);
}
