/* test_db_load_families.c - parents with all that belongs to them, and other rows of tables that are there,
 * in pieces: on SQLite, and by test_postgresql_unit.sh on PostgreSQL. */
#include "db_load_fixture.h"
#include "db/unfinished.h"

enum { PARENTS = 900, CHILDREN = 3 };

static const char schema[] =
    "CREATE TABLE t (id BIGINT PRIMARY KEY, v BIGINT NOT NULL);"
    "CREATE TABLE c (place BIGINT NOT NULL, of BIGINT NOT NULL REFERENCES t (id), v BIGINT CHECK (v <> 13),"
    " PRIMARY KEY (place));";

/* The columns of a child; its place alone is its key. */
static const char *const place_key[] = { "place" };
static const char *const of_id[] = { "of" };

struct family {
    struct dr_table *parents, *children;
    struct dr_db_load specs[2];
};

/* Parents first to last, called `of` in both tables where children are matched by it, each with n of them. */
static struct family family(int first, int last, int version, int n)
{
    DR_AUTO_BUF parents = { 0 };
    DR_AUTO_BUF children = { 0 };
    struct family r;
    dr_buf_puts(&parents, "id:int64 v:int64 of:int64\n");
    dr_buf_puts(&children, "place:int64 of:int64 v:int64\n");
    for (int i = first; i <= last; i++) {
        dr_buf_printf(&parents, "%d %d %d\n", i, version, i);
        for (int place = 1; place <= n; place++)
            dr_buf_printf(&children, "%d %d %d\n", i * 10 + place, i, version);
    }
    r.parents = table(dr_buf_cstr(&parents));
    r.children = table(dr_buf_cstr(&children));
    r.specs[0] = UPSERT;
    r.specs[0].newer_wins = "v";
    r.specs[0].rows = r.parents;
    r.specs[1] = BARE(.mode = DR_LOAD_UPSERT, .n_keys = 1, .keys = place_key, .n_scope = 1, .scope = of_id,
                      .scope_of = "t");
    r.specs[1].name = "c";
    r.specs[1].rows = r.children;
    return r;
}

static void end(struct family *r)
{
    for (int i = 0; i < 2; i++)
        dr_table_unref(r->specs[i].refused);
    dr_table_unref(r->parents);
    dr_table_unref(r->children);
}

static void load_pieces(int32_t n, struct dr_db_load *specs)
{
    struct dr_err err = { 0 };
    int64_t lock_us = -1;
    must(dr_db_load_in_pieces(f->db, n, specs, &lock_us, &err), &err);
    assert_true(lock_us >= 0);
}

static void assert_family(struct family r, const char *parents, const char *children)
{
    load_pieces(2, r.specs);
    assert_string_equal(done(&r.specs[0]), parents);
    assert_string_equal(done(&r.specs[1]), children);
    end(&r);
}

static int setup_schema(void **state)
{
    if (setup(state))
        return -1;
    exec(schema);
    exec("ALTER TABLE t ADD COLUMN of BIGINT");
    return 0;
}

#define ASSERT_FINISHED() assert_answer("SELECT count(*) FROM dagrun_unfinished", "0|")
#define ASSERT_NONE_IS_MIXED()                                                                               \
    assert_answer("SELECT count(*) FROM t JOIN c ON c.of = t.id WHERE t.v <> c.v", "0|")

static void a_parent_changes_with_all_that_belongs_to_it(void **state)
{
    (void)state;
    assert_family(family(1, PARENTS, 1, CHILDREN), "+900 ~0 =0 -0 !0", "+2700 ~0 =0 -0 !0");
    assert_family(family(1, PARENTS, 2, CHILDREN - 1), "+0 ~900 =0 -0 !0", "+0 ~1800 =0 -900 !0");
    assert_answer("SELECT count(*) AS n, min(v) AS a, max(v) AS b FROM c", "1800 2 2|");
    ASSERT_NONE_IS_MIXED();
    ASSERT_FINISHED();
    assert_family(family(1, PARENTS, 2, CHILDREN - 1), "skipped +0 ~0 =0 -0 !0", "skipped +0 ~0 =0 -0 !0");
}

static void what_is_older_than_what_is_there_changes_nothing(void **state)
{
    (void)state;
    assert_family(family(1, 400, 5, CHILDREN), "+400 ~0 =0 -0 !0", "+1200 ~0 =0 -0 !0");
    assert_family(family(1, PARENTS, 4, CHILDREN + 1), "+500 ~0 =400 -0 !0", "+2000 ~0 =1600 -0 !0");
    assert_answer("SELECT v, count(*) FROM c GROUP BY 1 ORDER BY 1", "4 2000|5 1200|");
    ASSERT_NONE_IS_MIXED();
}

static void a_parent_that_comes_without_children_loses_those_it_had(void **state)
{
    (void)state;
    assert_family(family(1, PARENTS, 1, CHILDREN), "+900 ~0 =0 -0 !0", "+2700 ~0 =0 -0 !0");
    assert_family(family(1, PARENTS, 2, 0), "+0 ~900 =0 -0 !0", "+0 ~0 =0 -2700 !0");
    assert_answer("SELECT count(*) FROM c", "0|");
    ASSERT_FINISHED();
}

static void a_child_that_is_refused_is_kept_apart_and_all_others_are_there(void **state)
{
    (void)state;
    struct family r = family(1, PARENTS, 7, CHILDREN);
    ((int64_t *)(uintptr_t)r.children->columns[2]->chunk[0]->values)[100] = 13;
    load_pieces(2, r.specs);
    assert_string_equal(done(&r.specs[0]), "+900 ~0 =0 -0 !0");
    assert_string_equal(done(&r.specs[1]), "+2699 ~0 =0 -0 !1");
    end(&r);
    assert_answer("SELECT count(*) FROM t", "900|");
    assert_answer("SELECT count(*) FROM c", "2699|");
    ASSERT_FINISHED();
}

/* Without the output for refused rows the load fails, and says that it is not finished. */
static void a_load_that_failed_is_done_by_the_next_one(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    struct family r = family(1, PARENTS, 7, CHILDREN);
    ((int64_t *)(uintptr_t)r.children->columns[2]->chunk[0]->values)[100] = 13;
    r.specs[0].strict = r.specs[1].strict = 1;
    assert_int_equal(dr_db_load_in_pieces(f->db, 2, r.specs, NULL, &err), DR_EDB);
    end(&r);
    ASSERT_NONE_IS_MIXED();
    assert_answer("SELECT table_name FROM dagrun_unfinished ORDER BY 1", "c|t|");
    assert_answer("SELECT count(*) FROM t", "899|");
    r = family(1, PARENTS, 7, CHILDREN);
    load_many(2, r.specs);
    assert_string_equal(done(&r.specs[0]), "+1 ~0 =899 -0 !0");
    assert_string_equal(done(&r.specs[1]), "+3 ~0 =2697 -0 !0");
    end(&r);
    ASSERT_FINISHED();
}

static struct dr_table *numbers(int first, int last, int version)
{
    DR_AUTO_BUF rows = { 0 };
    dr_buf_puts(&rows, "id:int64 v:int64\n");
    for (int i = first; i <= last; i++)
        dr_buf_printf(&rows, "%d %d\n", i, version);
    return table(dr_buf_cstr(&rows));
}

static void a_table_by_itself_is_replaced_in_pieces(void **state)
{
    (void)state;
    static const char *const expected[] = { "+3000 ~0 =0 -0 !0", "+1500 ~1500 =0 -1500 !0" };
    for (int i = 0; i < 2; i++) {
        struct dr_db_load spec = LOAD(.mode = DR_LOAD_REPLACE);
        struct dr_table *rows = numbers(i * 1500 + 1, i * 1500 + 3000, i + 1);
        spec.rows = rows;
        load_pieces(1, &spec);
        assert_string_equal(done(&spec), expected[i]);
        dr_table_unref(rows);
    }
    assert_answer("SELECT count(*) AS n, min(id) AS a, max(id) AS b, min(v) AS c FROM t",
                  "3000 1501 4500 2|");
    ASSERT_FINISHED();
}

static void a_load_lives_as_long_as_its_connection(void **state)
{
    (void)state;
    struct dr_db *other;
    struct dr_arena a = { 0 };
    struct dr_unfinished one;
    struct dr_err err = { 0 };
    connect_to(&other);
    must(dr_unfinished_begin(other, "t", dr_unfinished_token(other), &err), &err);
    must(dr_unfinished_of(f->db, &a, "t", 0, &one, &err), &err);
    assert_non_null(one.table);
    assert_true(one.runs);
    dr_db_close(other);
    for (int tries = 0; one.runs && tries < 1000; tries++) { /* the server may take a moment */
        usleep(10000);
        must(dr_unfinished_of(f->db, &a, "t", 0, &one, &err), &err);
    }
    assert_non_null(one.table);
    assert_false(one.runs);
    must(dr_unfinished_end(f->db, "t", &err), &err);
    must(dr_unfinished_of(f->db, &a, "t", 0, &one, &err), &err);
    assert_null(one.table);
    dr_arena_done(&a);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup_schema, teardown)
    const struct CMUnitTest tests[] = {
        T(a_parent_changes_with_all_that_belongs_to_it),
        T(what_is_older_than_what_is_there_changes_nothing),
        T(a_parent_that_comes_without_children_loses_those_it_had),
        T(a_child_that_is_refused_is_kept_apart_and_all_others_are_there),
        T(a_load_that_failed_is_done_by_the_next_one),
        T(a_table_by_itself_is_replaced_in_pieces),
        T(a_load_lives_as_long_as_its_connection),
    };
    if (getenv("DAGRUN_TEST_POSTGRESQL"))
        puts("# on PostgreSQL");
    return cmocka_run_group_tests_name("db_load_families", tests, NULL, NULL);
}
