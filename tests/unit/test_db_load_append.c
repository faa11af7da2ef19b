/* test_db_load_append.c - rows that are appended in pieces: none twice, none lost, however a load ends and
 * whoever loads besides; on SQLite, and by test_postgresql_unit.sh on PostgreSQL. */
#include "db_load_pieces_fixture.h"
#include "db/unfinished.h"

#define APPEND BARE(.mode = DR_LOAD_APPEND)

/* As a migration would make it, without a key. */
static const char schema[] =
    "CREATE TABLE t (id BIGINT, v BIGINT CHECK (v <> 13)); CREATE INDEX by_v ON t (v)";

static int setup_schema(void **state)
{
    if (setup(state))
        return -1;
    told[0] = '\0';
    exec(schema);
    return 0;
}

static bool on_sqlite(void)
{
    if (!f->db->sql)
        print_message("# skip: about how SQLite does it\n");
    return f->db->sql != NULL;
}

/* MANY rows, of which several are equal; those whose number ends so are refused. */
static struct dr_table *rows_with_refused(int refused)
{
    DR_AUTO_BUF rows = { 0 };
    dr_buf_puts(&rows, "id:int64 v:int64\n");
    for (int i = 1; i <= MANY; i++)
        dr_buf_printf(&rows, "%d %d\n", i / 3, i % 500 == refused ? 13 : 1);
    return table(dr_buf_cstr(&rows));
}

static struct dr_table *many_rows(void)
{
    return rows_with_refused(-1);
}

#define ASSERT_ALL(expected) assert_answer("SELECT count(*) AS n, count(DISTINCT id) AS d FROM t", expected)
#define ASSERT_NOTHING_LEFT()                                                                                \
    assert_answer("SELECT (SELECT count(*) FROM dagrun_unfinished) AS u,"                                    \
                  " (SELECT count(*) FROM dagrun_appended) AS a",                                            \
                  "0 0|")

/* As if it were killed in the middle: on PostgreSQL the server ends the connection at the row with that id.
 */
static void load_and_end(int pieces, int id, struct dr_db_load spec, struct dr_table *rows)
{
    struct dr_err err = { 0 };
    DR_AUTO_BUF sql = { 0 };
    if (f->db->sql) {
        load_and_stop_after(pieces, spec, rows);
        return;
    }
    dr_buf_printf(
        &sql,
        "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF NEW.id >= %d THEN PERFORM"
        " pg_terminate_backend(pg_backend_pid()); END IF; RETURN NEW; END'; CREATE TRIGGER stop BEFORE INSERT"
        " ON t FOR EACH ROW EXECUTE FUNCTION stop()",
        id);
    exec(dr_buf_cstr(&sql));
    spec.rows = rows;
    assert_int_equal(dr_db_load_in_pieces(f->db, 1, &spec, NULL, &err), DR_EDB);
    dr_table_unref(rows);
    connect_again();
    exec("DROP FUNCTION stop CASCADE");
}

/* The load again: what it did, the rows that were there before among the unchanged. */
static void finish(struct dr_db_load spec, struct dr_table *rows, int refused)
{
    spec.rows = rows;
    load_pieces(1, &spec);
    assert_int_equal(spec.inserted + spec.unchanged, MANY - refused);
    assert_in_range(spec.unchanged, 16, MANY - refused - 1);
    assert_int_equal(spec.refused ? spec.refused->rows : 0, refused);
    dr_table_unref(spec.refused);
    dr_table_unref(rows);
}

/* ---- undisturbed ------------------------------------------------------------------------------ */

static void appended_rows_come_in_many_transactions_and_are_known_afterwards(void **state)
{
    (void)state;
    struct trace t = { 0 };
    if (f->db->sql)
        trace(&t);
    assert_pieces(APPEND, many_rows(), "+4000 ~0 =0 -0 !0");
    if (f->db->sql) {
        trace(NULL);
        assert_true(t.pieces >= 5);
        assert_true(t.commits > t.pieces);
    }
    ASSERT_ALL("4000 1334|");
    ASSERT_NOTHING_LEFT();
    assert_answer("SELECT mode, row_count, refused FROM dagrun_ledger", "append 4000 0|");
    assert_pieces(APPEND, many_rows(), "skipped +0 ~0 =0 -0 !0");
    assert_pieces(BARE(.mode = DR_LOAD_APPEND, .no_ledger = 1), many_rows(), "+4000 ~0 =0 -0 !0");
    ASSERT_ALL("8000 1334|");
}

/* A key that is there, that repeats, that has no value. */
static void what_is_refused_is_what_one_transaction_refuses(void **state)
{
    (void)state;
    DR_AUTO_BUF rows = { 0 };
    struct dr_table *refused[2];
    exec("DROP TABLE t");
    dr_buf_puts(&rows, "id:int64 v:int64\n");
    for (int i = 1; i <= MANY; i++)
        dr_buf_printf(&rows, i % 700 == 0 ? "- %d\n" : "%d 1\n", i % 900 == 0 ? i - 1 : i);
    for (int pieces = 0; pieces < 2; pieces++) {
        struct dr_table *t = table(dr_buf_cstr(&rows));
        struct dr_db_load spec = APPEND;
        exec("DROP TABLE IF EXISTS t; CREATE TABLE t (id BIGINT PRIMARY KEY, v BIGINT);"
             "INSERT INTO t VALUES (1, 0), (77, 0), (3999, 0), (9999, 0); DROP TABLE IF EXISTS dagrun_ledger;"
             "DROP TABLE IF EXISTS dagrun_refused; DROP TABLE IF EXISTS dagrun_table");
        spec.rows = t;
        if (pieces)
            load_pieces(1, &spec);
        else
            load_many(1, &spec);
        assert_string_equal(done(&spec), "+3988 ~0 =0 -0 !12");
        refused[pieces] = spec.refused;
        dr_table_unref(t);
        assert_answer("SELECT count(*), sum(v) FROM t", "3992 3988|");
    }
    DR_AUTO_BUF one = { 0 };
    DR_AUTO_BUF other = { 0 };
    for (int64_t row = 0; row < 12; row++)
        for (int32_t c = 0; c < 3; c++) {
            const char *a = cell_text(refused[0]->columns[c], row, &one);
            const char *b = cell_text(refused[1]->columns[c], row, &other);
            assert_string_equal(a ? a : "-", b ? b : "-");
        }
    dr_table_unref(refused[0]);
    dr_table_unref(refused[1]);
    ASSERT_NOTHING_LEFT();
}

/* Pieces stop there, and the last transaction has the rest. */
static void very_many_refused_rows_are_all_told(void **state)
{
    (void)state;
    DR_AUTO_BUF rows = { 0 };
    dr_buf_puts(&rows, "id:int64 v:int64\n");
    for (int i = 1; i <= MANY; i++)
        dr_buf_printf(&rows, "%d %d\n", i, i % 3 ? 1 : 13);
    assert_pieces(APPEND, table(dr_buf_cstr(&rows)), "+2667 ~0 =0 -0 !1333");
    ASSERT_ALL("2667 2667|");
    ASSERT_NOTHING_LEFT();
}

/* What is left of their pieces takes no time, which must not make the next one as large as the table. */
static void refused_rows_do_not_make_the_pieces_after_them_larger(void **state)
{
    (void)state;
    struct trace t = { 0 };
    DR_AUTO_BUF rows = { 0 };
    if (!on_sqlite())
        skip();
    dr_buf_puts(&rows, "id:int64 v:int64\n");
    for (int i = 1; i <= MANY; i++)
        dr_buf_printf(&rows, "%d %d\n", i, i % 2 || i > 16 ? 1 : 13);
    trace(&t);
    assert_pieces(APPEND, table(dr_buf_cstr(&rows)), "+3992 ~0 =0 -0 !8");
    trace(NULL);
    assert_in_range(t.most, 16, 2100);
}

/* A row that refers to a later one of the same load. */
static void a_row_that_waits_for_a_later_one_is_not_lost(void **state)
{
    (void)state;
    DR_AUTO_BUF rows = { 0 };
    exec("DROP TABLE t; CREATE TABLE t (id BIGINT PRIMARY KEY, v BIGINT REFERENCES t (id))");
    dr_buf_puts(&rows, "id:int64 v:int64\n");
    for (int i = 1; i <= MANY; i++)
        dr_buf_printf(&rows, "%d %d\n", i, i == 5 || i == 100 ? MANY : i);
    assert_pieces(APPEND, table(dr_buf_cstr(&rows)), "+4000 ~0 =0 -0 !0");
    ASSERT_ALL("4000 4000|");
    ASSERT_NOTHING_LEFT();
}

/* ---- ended in between -------------------------------------------------------------------------- */

static void a_load_that_was_killed_goes_on_exactly_where_it_ended(void **state)
{
    (void)state;
    load_and_end(4, 200, APPEND, many_rows());
    assert_answer("SELECT count(*) BETWEEN 16 AND 3999 AS b FROM t", f->db->sql ? "1|" : "true|");
    assert_answer("SELECT sum(row_count) - (SELECT count(*) FROM t) AS d FROM dagrun_appended", "0|");
    finish(APPEND, many_rows(), 0);
    assert_non_null(strstr(told, " of these rows are there since the load begun at "));
    ASSERT_ALL("4000 1334|");
    assert_answer("SELECT count(*) FROM (SELECT id FROM t GROUP BY id HAVING count(*) = 3) AS d", "1332|");
    ASSERT_NOTHING_LEFT();
    assert_pieces(APPEND, many_rows(), "skipped +0 ~0 =0 -0 !0");
}

static void killed_again_and_again_it_loads_each_row_once(void **state)
{
    (void)state;
    for (int after = 2, refused = 100; after < 7; after++)
        load_and_end(f->db->sql ? after : 0, after * 180, APPEND, rows_with_refused(refused));
    finish(APPEND, rows_with_refused(100), 8);
    ASSERT_ALL("3992 1334|");
    assert_answer("SELECT count(*) FROM (SELECT id FROM t GROUP BY id HAVING count(*) = 3) AS d", "1324|");
    ASSERT_NOTHING_LEFT();
    assert_answer("SELECT count(*) FROM dagrun_refused", "8|");
}

static void one_transaction_finishes_what_pieces_began(void **state)
{
    (void)state;
    load_and_end(4, 200, APPEND, rows_with_refused(7));
    struct dr_table *rows = rows_with_refused(7);
    struct dr_db_load spec = APPEND;
    spec.rows = rows;
    load_many(1, &spec);
    dr_table_unref(rows);
    assert_int_equal(spec.refused->rows, 8);
    dr_table_unref(spec.refused);
    ASSERT_ALL("3992 1334|");
    ASSERT_NOTHING_LEFT();
}

static void keys_that_repeat_or_have_no_value_are_told_again_after_a_kill(void **state)
{
    (void)state;
    DR_AUTO_BUF rows = { 0 };
    struct dr_db_load spec = LOAD(.mode = DR_LOAD_APPEND);
    dr_buf_puts(&rows, "id:int64 v:int64\n");
    for (int i = 1; i <= MANY; i++)
        dr_buf_printf(&rows, i % 3 ? "%d 1\n" : "- %d\n", i % 2 ? i : i - 1);
    load_and_end(5, 1500, spec, table(dr_buf_cstr(&rows)));
    load_and_end(4, 2500, spec, table(dr_buf_cstr(&rows)));
    struct dr_table *again = table(dr_buf_cstr(&rows));
    spec.rows = again;
    load_pieces(1, &spec);
    dr_table_unref(again);
    assert_int_equal(spec.inserted + spec.unchanged, 2000);
    assert_true(spec.unchanged > 0);
    assert_int_equal(spec.refused->rows, 2000);
    dr_table_unref(spec.refused);
    ASSERT_ALL("2000 2000|");
    ASSERT_NOTHING_LEFT();
}

/* Without the ledger the same rows are appended again, and an unfinished load is finished all the same. */
static void without_the_ledger_too_it_goes_on(void **state)
{
    (void)state;
    struct dr_db_load spec = BARE(.mode = DR_LOAD_APPEND, .no_ledger = 1);
    assert_pieces(spec, many_rows(), "+4000 ~0 =0 -0 !0");
    load_and_end(4, 200, spec, many_rows());
    finish(APPEND, many_rows(), 0); /* known, but not finished */
    ASSERT_ALL("8000 1334|");
    ASSERT_NOTHING_LEFT();
}

static void where_a_row_must_not_be_refused_the_same_load_again_loads_that_row_alone(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    struct dr_table *rows = numbers(1, MANY, 1);
    struct dr_db_load spec = APPEND;
    spec.rows = rows;
    spec.strict = 1;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(dr_db_load_in_pieces(f->db, 1, &spec, NULL, &err), DR_EDB);
        assert_non_null(strstr(err.msg, "row 13: "));
        assert_non_null(strstr(err.msg, "the rows that are not refused are in the table"));
        ASSERT_ALL("3999 3999|");
    }
    exec(f->db->sql
             ? "CREATE TABLE kept AS SELECT * FROM t; DROP TABLE t; CREATE TABLE t (id BIGINT, v BIGINT);"
               " INSERT INTO t SELECT * FROM kept"
             : "ALTER TABLE t DROP CONSTRAINT t_v_check");
    load_pieces(1, &spec);
    dr_table_unref(rows);
    assert_string_equal(done(&spec), "+1 ~0 =3999 -0 !0");
    ASSERT_ALL("4000 4000|");
    ASSERT_NOTHING_LEFT();
}

/* ---- other loads of the table -------------------------------------------------------------------- */

static void other_rows_are_appended_and_the_first_ones_can_still_be_finished(void **state)
{
    (void)state;
    struct dr_arena a = { 0 };
    struct dr_unfinished_list list;
    struct dr_err err = { 0 };
    load_and_end(4, 200, APPEND, many_rows());
    assert_pieces(APPEND, numbers(10001, 10000 + MANY, 1), "+4000 ~0 =0 -0 !0");
    assert_non_null(strstr(told, "was not finished: it appended "));
    must(dr_unfinished_find(f->db, &a, &list, &err), &err);
    assert_int_equal(list.n, 1);
    assert_string_equal(list.items[0].table, "t");
    assert_in_range(list.items[0].rows, 16, MANY - 1);
    assert_false(list.items[0].runs);
    assert_answer("SELECT count(*) FROM dagrun_unfinished", "0|");
    dr_arena_done(&a);
    finish(APPEND, many_rows(), 0);
    ASSERT_ALL("8000 5334|");
    ASSERT_NOTHING_LEFT();
    assert_pieces(APPEND, numbers(10001, 10000 + MANY, 1), "skipped +0 ~0 =0 -0 !0");
}

static void what_replaces_all_rows_ends_it(void **state)
{
    (void)state;
    load_and_end(4, 200, APPEND, many_rows());
    struct dr_table *rows = table("id:int64 v:int64\n1 1\n");
    struct dr_db_load spec = BARE(.mode = DR_LOAD_REPLACE);
    spec.rows = rows;
    load_many(1, &spec);
    dr_table_unref(rows);
    ASSERT_ALL("1 1|");
    ASSERT_NOTHING_LEFT();
    assert_pieces(APPEND, many_rows(), "+4000 ~0 =0 -0 !0");
    ASSERT_ALL("4001 1334|");
}

static void teardown_of_the_table_ends_it(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    int64_t longest_us = 0;
    int32_t n;
    load_and_end(4, 200, APPEND, many_rows());
    exec("DROP TABLE t");
    must(dr_unfinished_remove(f->db, &n, &longest_us, &err), &err);
    ASSERT_NOTHING_LEFT();
    exec(schema);
    assert_pieces(APPEND, many_rows(), "+4000 ~0 =0 -0 !0");
}

/* ---- at the same time ------------------------------------------------------------------------------ */

/* Another program that loads rows, and how, once this one has compared its own, or before a piece of them. */
struct meanwhile {
    struct trace trace;
    struct dr_table *rows;
    int pieces; /* after how many; 0: when they are compared */
    bool done, in_pieces, loses_life;
};

static void load_meanwhile(struct meanwhile *m)
{
    struct dr_err err = { 0 };
    struct dr_db_load spec = APPEND;
    m->done = true;
    spec.rows = m->rows;
    if (m->loses_life)
        must(dr_db_exec(m->trace.other, "UPDATE dagrun_unfinished SET load_token = 7", &err), &err);
    must(m->in_pieces ? dr_db_load_in_pieces(m->trace.other, 1, &spec, NULL, &err)
                      : dr_db_load(m->trace.other, 1, &spec, NULL, &err),
         &err);
    dr_table_unref(spec.refused);
}

static int on_meanwhile(unsigned what, void *ctx, void *stmt, void *text)
{
    struct meanwhile *m = ctx;
    (void)on_statement(what, &m->trace, stmt, text);
    if (!m->done && (m->pieces ? m->trace.pieces >= m->pieces && strcmp(text, "BEGIN IMMEDIATE") == 0
                               : strstr(text, "is_new = 1") != NULL))
        load_meanwhile(m);
    return 0;
}

static void load_beside_another(struct meanwhile m, bool in_pieces, const char *expected)
{
    struct dr_db_load spec = APPEND;
    struct dr_table *rows = rows_with_refused(100);
    spec.rows = rows;
    connect_to(&m.trace.other);
    sqlite3_trace_v2(f->db->sql->handle, SQLITE_TRACE_STMT, on_meanwhile, &m);
    if (in_pieces)
        load_pieces(1, &spec);
    else
        load_many(1, &spec);
    trace(NULL);
    dr_db_close(m.trace.other);
    assert_true(m.done);
    assert_int_equal(spec.refused->rows, 8);
    dr_table_unref(spec.refused);
    dr_table_unref(rows);
    dr_table_unref(m.rows);
    ASSERT_ALL(expected);
    exec("DELETE FROM t; DELETE FROM dagrun_ledger; DELETE FROM dagrun_refused");
}

static void of_two_loads_of_the_same_rows_one_finds_them_loaded(void **state)
{
    (void)state;
    if (!on_sqlite())
        skip();
    for (int how = 0; how < 4; how++)
        load_beside_another((struct meanwhile){ .rows = rows_with_refused(100), .in_pieces = how / 2 },
                            how % 2, "3992 1334|");
}

static void two_loads_of_other_rows_are_both_there(void **state)
{
    (void)state;
    if (!on_sqlite())
        skip();
    for (int how = 0; how < 4; how++)
        load_beside_another(
            (struct meanwhile){ .rows = numbers(10001, 10000 + MANY, 1), .in_pieces = how / 2 }, how % 2,
            "7992 5334|");
}

/* A machine that was asleep for long, a connection that the server has ended: others went on with it. */
static void a_load_whose_place_another_has_taken_writes_no_more(void **state)
{
    (void)state;
    if (!on_sqlite())
        skip();
    for (int how = 0; how < 2; how++)
        load_beside_another(
            (struct meanwhile){
                .rows = rows_with_refused(100), .in_pieces = how, .pieces = 3, .loses_life = true },
            true, "3992 1334|");
    ASSERT_NOTHING_LEFT();
}

/* ---- the bookkeeping ---------------------------------------------------------------------------------- */

/* As versions of dagrun made it that appended everything at once. */
static void a_database_with_older_tables_is_loaded_all_the_same(void **state)
{
    (void)state;
    exec("CREATE TABLE dagrun_unfinished (table_name TEXT NOT NULL PRIMARY KEY, load_token BIGINT NOT NULL,"
         " begun_at TEXT NOT NULL);"
         "INSERT INTO dagrun_unfinished VALUES ('t', 7, '2026-01-01T00:00:00Z')");
    load_and_end(4, 200, APPEND, many_rows());
    finish(APPEND, many_rows(), 0);
    ASSERT_ALL("4000 1334|");
    ASSERT_NOTHING_LEFT();
}

static void a_table_of_that_name_that_is_not_dagruns_is_told(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    exec("CREATE TABLE dagrun_appended (table_name TEXT, content TEXT, first_row TEXT, last_row TEXT, "
         "row_count BIGINT,"
         " load_token BIGINT, begun_at TEXT)");
    struct dr_table *rows = many_rows();
    struct dr_db_load spec = APPEND;
    spec.rows = rows;
    load_many(1, &spec);
    dr_table_unref(rows);
    exec("INSERT INTO dagrun_appended SELECT table_name, content, 'a', 'b', 1, 1, 'c' FROM dagrun_ledger");
    rows = many_rows();
    spec.rows = rows;
    assert_int_equal(dr_db_load(f->db, 1, &spec, NULL, &err), DR_EDB);
    assert_non_null(strstr(err.msg, "'dagrun_appended' is not dagrun's"));
    dr_table_unref(rows);
}

/* Its rows are asked for by those that belong to it, and are not appended again. */
static void a_parent_that_is_known_is_not_appended_again(void **state)
{
    (void)state;
    static const char *const place_key[] = { "place" };
    exec("CREATE TABLE c (place BIGINT PRIMARY KEY, id BIGINT)");
    for (int i = 1; i <= 3; i++) {
        struct dr_db_load specs[] = {
            APPEND,
            BARE(.mode = DR_LOAD_UPSERT, .n_keys = 1, .keys = place_key, .n_scope = 1, .scope = id_key,
                 .scope_of = "t"),
        };
        struct dr_table *parents = rows_with_refused(100);
        struct dr_table *children = table(i == 1 ? "place:int64 id:int64\n1 1\n2 1\n3 2\n9 99999\n"
                                                 : "place:int64 id:int64\n1 1\n4 2\n");
        specs[1].name = "c";
        specs[0].rows = parents;
        specs[1].rows = children;
        load_pieces(2, specs);
        assert_int_equal(specs[0].inserted, i == 1 ? 3992 : 0);
        assert_int_equal(specs[0].refused->rows, 8);
        dr_table_unref(specs[0].refused);
        dr_table_unref(parents);
        dr_table_unref(children);
        ASSERT_ALL("3992 1334|");
        assert_answer("SELECT place FROM c ORDER BY 1", i == 1 ? "1|2|3|" : "1|4|");
        assert_answer("SELECT count(*) FROM dagrun_ledger WHERE table_name = 't'", "1|");
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup_schema, teardown)
    const struct CMUnitTest tests[] = {
        T(appended_rows_come_in_many_transactions_and_are_known_afterwards),
        T(what_is_refused_is_what_one_transaction_refuses),
        T(very_many_refused_rows_are_all_told),
        T(refused_rows_do_not_make_the_pieces_after_them_larger),
        T(a_row_that_waits_for_a_later_one_is_not_lost),
        T(a_load_that_was_killed_goes_on_exactly_where_it_ended),
        T(killed_again_and_again_it_loads_each_row_once),
        T(one_transaction_finishes_what_pieces_began),
        T(keys_that_repeat_or_have_no_value_are_told_again_after_a_kill),
        T(without_the_ledger_too_it_goes_on),
        T(where_a_row_must_not_be_refused_the_same_load_again_loads_that_row_alone),
        T(other_rows_are_appended_and_the_first_ones_can_still_be_finished),
        T(what_replaces_all_rows_ends_it),
        T(teardown_of_the_table_ends_it),
        T(of_two_loads_of_the_same_rows_one_finds_them_loaded),
        T(two_loads_of_other_rows_are_both_there),
        T(a_load_whose_place_another_has_taken_writes_no_more),
        T(a_database_with_older_tables_is_loaded_all_the_same),
        T(a_table_of_that_name_that_is_not_dagruns_is_told),
        T(a_parent_that_is_known_is_not_appended_again),
    };
    if (getenv("DAGRUN_TEST_POSTGRESQL"))
        puts("# on PostgreSQL");
    return cmocka_run_group_tests_name("db_load_append", tests, NULL, NULL);
}
