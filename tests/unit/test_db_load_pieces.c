/* test_db_load_pieces.c - rows of tables that are there, committed in pieces; what a load leaves that ends
 * between two of them. */
#include "db_load_pieces_fixture.h"
#include "db/unfinished.h"

/* As a migration would make them: indexes, a trigger, a foreign key. */
static const char schema[] =
    "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER CHECK (v <> 13), more TEXT DEFAULT 'x') STRICT;"
    "CREATE INDEX by_v ON t (v);"
    "CREATE TABLE c (id INTEGER NOT NULL REFERENCES t (id), place INTEGER NOT NULL, PRIMARY KEY (id, place));"
    "CREATE TABLE log (what TEXT, id INTEGER);"
    "CREATE TRIGGER new_t AFTER INSERT ON t BEGIN INSERT INTO log VALUES ('new', new.id); END;"
    "CREATE TRIGGER old_t AFTER DELETE ON t BEGIN INSERT INTO log VALUES ('old', old.id); END;";

/* Two children of each. */
static struct dr_table *children(int first, int last)
{
    DR_AUTO_BUF rows = { 0 };
    dr_buf_puts(&rows, "id:int64 place:int64\n");
    for (int i = first; i <= last; i++)
        dr_buf_printf(&rows, "%d 1\n%d 2\n", i, i);
    return table(dr_buf_cstr(&rows));
}

static int setup_schema(void **state)
{
    if (setup(state))
        return -1;
    exec(schema);
    return 0;
}

#define ASSERT_SUMS(expected)                                                                                \
    assert_answer("SELECT count(*) AS n, sum(id) AS ids, sum(v) AS vs FROM t", expected)
#define ASSERT_FINISHED() assert_answer("SELECT count(*) FROM dagrun_unfinished", "0|")

static void many_rows_come_in_many_transactions_and_nothing_on_the_table_is_lost(void **state)
{
    (void)state;
    struct trace t = { 0 };
    trace(&t);
    assert_pieces(UPSERT, numbers(1, MANY, 1000), "+4000 ~0 =0 -0 !0");
    trace(NULL);
    assert_true(t.pieces >= 5);
    assert_true(t.commits > t.pieces);
    ASSERT_SUMS("4000 8002000 8002000000|");
    assert_answer("SELECT count(*), count(DISTINCT id) FROM log", "4000 4000|");
    assert_answer("SELECT count(*) FROM t INDEXED BY by_v WHERE v > 0 AND more = 'x'", "4000|");
    ASSERT_FINISHED();
    assert_answer("SELECT row_count, refused FROM dagrun_ledger", "4000 0|");
    assert_pieces(UPSERT, numbers(1, MANY, 1000), "skipped +0 ~0 =0 -0 !0");
}

static void a_few_rows_stay_one_transaction(void **state)
{
    (void)state;
    struct trace t = { 0 };
    trace(&t);
    assert_pieces(UPSERT, numbers(1, 999, 1000), "+999 ~0 =0 -0 !0");
    trace(NULL);
    assert_int_equal(t.commits, 1);
}

static void what_is_replaced_without_a_key_is_loaded_at_once(void **state)
{
    (void)state;
    struct trace t = { 0 };
    exec("CREATE TABLE bare (id INTEGER, v INTEGER) STRICT; CREATE INDEX bare_v ON bare (v)");
    for (int i = 1; i <= 2; i++) {
        struct dr_db_load spec = BARE(.mode = DR_LOAD_REPLACE);
        spec.name = "bare";
        trace(&t);
        assert_pieces(spec, numbers(1, MANY, i), i == 1 ? "+4000 ~0 =0 -0 !0" : "+4000 ~0 =0 -4000 !0");
        trace(NULL);
        assert_int_equal(t.commits, i);
    }
}

static void only_what_differs_is_written_and_it_is_counted_as_in_one(void **state)
{
    (void)state;
    exec("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000)"
         " INSERT INTO t (id, v, more) SELECT i, i * 1000 + (i % 2), 'kept' FROM n; DELETE FROM log");
    assert_pieces(LOAD(.mode = DR_LOAD_REPLACE), numbers(2001, 7000, 1000), "+1000 ~2000 =2000 -2000 !0");
    assert_answer("SELECT count(*), min(id), max(id), sum(v) FROM t", "5000 2001 7000 22502500000|");
    assert_answer("SELECT more, count(*) FROM t GROUP BY 1 ORDER BY 1", "kept 4000|x 1000|");
    assert_answer("SELECT what, count(*) FROM log GROUP BY 1 ORDER BY 1", "new 1000|old 2000|");
    ASSERT_FINISHED();
}

static void parents_come_before_children_and_go_after_them(void **state)
{
    (void)state;
    static const char *const child_key[] = { "id", "place" };
    for (int first = 1; first < 2 * MANY; first += MANY) {
        struct dr_table *p = numbers(first, first + MANY - 1, 1000), *c = children(first, first + MANY - 1);
        struct dr_db_load specs[] = {
            LOAD(.mode = DR_LOAD_REPLACE),
            BARE(.mode = DR_LOAD_REPLACE, .n_keys = 2, .keys = child_key),
        };
        specs[0].rows = p;
        specs[0].strict = specs[1].strict = 1;
        specs[1].name = "c";
        specs[1].rows = c;
        load_pieces(2, specs);
        assert_string_equal(done(&specs[0]), first == 1 ? "+4000 ~0 =0 -0 !0" : "+4000 ~0 =0 -4000 !0");
        assert_string_equal(done(&specs[1]), first == 1 ? "+8000 ~0 =0 -0 !0" : "+8000 ~0 =0 -8000 !0");
        dr_table_unref(p);
        dr_table_unref(c);
    }
    assert_answer("SELECT count(*), min(id), max(id) FROM c", "8000 4001 8000|");
    assert_answer("SELECT count(*) FROM pragma_foreign_key_check", "0|");
}

static void rows_that_are_refused_are_kept_apart_and_the_others_are_there(void **state)
{
    (void)state;
    DR_AUTO_BUF rows = { 0 };
    dr_buf_puts(&rows, "id:int64 v:int64\n");
    for (int i = 1; i <= MANY; i++)
        dr_buf_printf(&rows, "%d %d\n", i, i % 1000 ? i * 1000 : 13);
    struct dr_table *t = table(dr_buf_cstr(&rows));
    struct dr_db_load spec = UPSERT;
    spec.rows = t;
    load_pieces(1, &spec);
    assert_string_equal(done(&spec), "+3996 ~0 =0 -0 !4");
    assert_non_null(strstr(dr_array_str(spec.refused->columns[2]->chunk[0], 0).p, "CHECK constraint failed"));
    dr_table_unref(spec.refused);
    dr_table_unref(t);
    assert_answer("SELECT count(*) FROM t", "3996|");
    ASSERT_FINISHED();
    assert_answer("SELECT refused FROM dagrun_ledger", "4|");
}

/* A value that is unique moves from a row that goes to one that comes: room is made at the end. */
static void a_row_that_waits_for_another_to_go_is_not_lost(void **state)
{
    (void)state;
    exec("CREATE UNIQUE INDEX once ON t (v)");
    assert_pieces(LOAD(.mode = DR_LOAD_REPLACE), numbers(1, MANY, 1000), "+4000 ~0 =0 -0 !0");
    DR_AUTO_BUF rows = { 0 };
    dr_buf_puts(&rows, "id:int64 v:int64\n");
    for (int i = 1; i <= MANY; i++)
        dr_buf_printf(&rows, "%d %d\n", i + MANY, i * 1000);
    assert_pieces(LOAD(.mode = DR_LOAD_REPLACE), table(dr_buf_cstr(&rows)), "+4000 ~0 =0 -4000 !0");
    ASSERT_SUMS("4000 24002000 8002000000|");
}

static void others_write_and_read_between_the_pieces_and_see_that_it_is_not_finished(void **state)
{
    (void)state;
    exec("CREATE TABLE here (rows INTEGER, name TEXT)");
    struct trace t = { .at = 3,
                       .sql = "INSERT INTO here SELECT (SELECT count(*) FROM t), table_name"
                              " FROM dagrun_unfinished; INSERT INTO t (id, v) VALUES (9999, 1)" };
    connect_to(&t.other);
    trace(&t);
    assert_pieces(UPSERT, numbers(1, MANY, 1000), "+4000 ~0 =0 -0 !0");
    trace(NULL);
    assert_answer("SELECT rows BETWEEN 16 AND 3999, name FROM here", "1 t|");
    ASSERT_SUMS("4001 8011999 8002000001|");
    dr_db_close(t.other);
}

/* ---- ended between two pieces ---------------------------------------------------------------- */

static void a_load_that_was_killed_goes_on_where_it_ended(void **state)
{
    (void)state;
    load_and_stop_after(4, UPSERT, numbers(1, MANY, 1000));
    assert_answer("SELECT count(*) BETWEEN 16 AND 3999 FROM t", "1|");
    assert_answer("SELECT count(*) FROM sqlite_schema WHERE name = 'dagrun_ledger'", "0|");
    struct dr_table *rows = numbers(1, MANY, 1000);
    struct dr_db_load spec = UPSERT;
    spec.rows = rows;
    load_pieces(1, &spec);
    dr_table_unref(rows);
    assert_int_equal(spec.inserted + spec.unchanged, MANY);
    assert_in_range(spec.unchanged, 16, MANY - 1);
    assert_non_null(strstr(told, "database table 't': the load begun at "));
    ASSERT_SUMS("4000 8002000 8002000000|");
    assert_answer("SELECT count(*) FROM log", "4000|");
    ASSERT_FINISHED();
    assert_pieces(UPSERT, numbers(1, MANY, 1000), "skipped +0 ~0 =0 -0 !0");
}

/* The ledger knows the rows that were there before: they are not there any more. */
static void the_rows_before_it_can_be_had_back(void **state)
{
    (void)state;
    assert_pieces(LOAD(.mode = DR_LOAD_REPLACE), numbers(1, MANY, 1000), "+4000 ~0 =0 -0 !0");
    load_and_stop_after(4, LOAD(.mode = DR_LOAD_REPLACE), numbers(1, MANY, 3000));
    assert_answer("SELECT sum(v) > 8002000000 FROM t", "1|");
    struct dr_table *rows = numbers(1, MANY, 1000);
    struct dr_db_load spec = LOAD(.mode = DR_LOAD_REPLACE);
    spec.rows = rows;
    load_many(1, &spec);
    dr_table_unref(rows);
    assert_int_equal(spec.skipped, 0);
    assert_true(spec.updated > 0);
    ASSERT_SUMS("4000 8002000 8002000000|");
    ASSERT_FINISHED();
}

static void where_a_row_must_not_be_refused_the_load_fails_and_says_that_it_is_not_finished(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    struct dr_table *rows = numbers(13, MANY, 1);
    struct dr_db_load spec = UPSERT;
    spec.rows = rows;
    spec.strict = 1;
    assert_int_equal(dr_db_load_in_pieces(f->db, 1, &spec, NULL, &err), DR_EDB);
    assert_non_null(strstr(err.msg, "database table 't': row 1: SQLite: CHECK constraint failed"));
    dr_table_unref(rows);
    assert_answer("SELECT count(*) FROM t", "3987|");
    assert_answer("SELECT table_name FROM dagrun_unfinished", "t|");
}

/* ---- what others are at, and what they left ------------------------------------------------------ */

static void what_is_under_way_and_what_was_left_are_told_apart(void **state)
{
    (void)state;
    struct dr_db *other;
    struct dr_arena a = { 0 };
    struct dr_unfinished_list list;
    struct dr_err err = { 0 };
    DR_AUTO_BUF sql = { 0 };
    connect_to(&other);
    const char *beside = dr_unfinished_beside(other, &a, "big");
    dr_buf_printf(&sql, "CREATE TABLE %s (id INTEGER)", beside);
    exec(dr_buf_cstr(&sql));
    exec("CREATE TABLE dagrun_new_0123abcd_t (rowid INTEGER, _rowid_ TEXT); INSERT INTO dagrun_new_0123abcd_t"
         " VALUES (1, 'a'), (2, 'b'); CREATE TABLE dagrun_new_ones (id INTEGER)");
    must(dr_unfinished_begin(f->db, "t", dr_unfinished_token(other), &err), &err);
    must(dr_unfinished_begin(f->db, "gone", 7, &err), &err);
    must(dr_unfinished_find(f->db, &a, &list, &err), &err);
    assert_int_equal(list.n, 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(list.items[i].runs,
                         dr_streq(list.items[i].table, "big") ||
                             (dr_streq(list.items[i].table, "t") && !list.items[i].beside));
    int64_t longest_us = 0;
    int32_t n;
    must(dr_unfinished_remove(f->db, &n, &longest_us, &err), &err);
    assert_int_equal(n, 1);
    must(dr_unfinished_find(f->db, &a, &list, &err), &err);
    assert_int_equal(list.n, 2);
    dr_db_close(other);
    must(dr_unfinished_remove(f->db, &n, &longest_us, &err), &err);
    assert_int_equal(n, 1);
    assert_answer("SELECT name FROM sqlite_schema WHERE name LIKE 'dagrun\\_new%' ESCAPE '\\'",
                  "dagrun_new_ones|");
    assert_answer("SELECT table_name FROM dagrun_unfinished", "t|");
    dr_arena_done(&a);
}

/* Whatever table the next load is of. */
static void what_a_killed_load_left_is_removed_by_any_other(void **state)
{
    (void)state;
    exec("CREATE TABLE dagrun_new_0123abcd_t (id INTEGER); INSERT INTO dagrun_new_0123abcd_t VALUES (1), (2);"
         "CREATE TABLE dagrun_new_0123abcd_tt (id INTEGER)");
    struct dr_table *rows = children(1, 0);
    struct dr_db_load spec = BARE(.mode = DR_LOAD_APPEND);
    spec.name = "other";
    spec.rows = rows;
    load_many(1, &spec);
    dr_table_unref(rows);
    assert_answer("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'dagrun\\_new%' ESCAPE '\\'", "0|");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup_schema, teardown)
    const struct CMUnitTest tests[] = {
        T(many_rows_come_in_many_transactions_and_nothing_on_the_table_is_lost),
        T(a_few_rows_stay_one_transaction),
        T(what_is_replaced_without_a_key_is_loaded_at_once),
        T(only_what_differs_is_written_and_it_is_counted_as_in_one),
        T(parents_come_before_children_and_go_after_them),
        T(rows_that_are_refused_are_kept_apart_and_the_others_are_there),
        T(a_row_that_waits_for_another_to_go_is_not_lost),
        T(others_write_and_read_between_the_pieces_and_see_that_it_is_not_finished),
        T(a_load_that_was_killed_goes_on_where_it_ended),
        T(the_rows_before_it_can_be_had_back),
        T(where_a_row_must_not_be_refused_the_load_fails_and_says_that_it_is_not_finished),
        T(what_is_under_way_and_what_was_left_are_told_apart),
        T(what_a_killed_load_left_is_removed_by_any_other),
    };
    return cmocka_run_group_tests_name("db_load_pieces", tests, NULL, NULL);
}
