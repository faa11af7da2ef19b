/* test_db_load_work.c - how much work a load is, for itself and for those who wait: counted, not timed. */
#include "db_load_fixture.h"
#include "base/sqlite_impl.h"

/* SQLite's virtual machine tells every so many steps. */
static int count_steps(void *ctx)
{
    ++*(int64_t *)ctx;
    return 0;
}

/* What PostgreSQL has read of the rows of p and c since they were made. */
static int64_t rows_read(void)
{
    struct dr_err err = { 0 };
    int64_t n = 0;
    exec("SELECT pg_stat_force_next_flush()");
    must(dr_db_number(f->db,
                      "SELECT CAST(sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)) AS bigint)"
                      " FROM pg_stat_user_tables WHERE relname IN ('p', 'c')",
                      0, NULL, &n, &err),
         &err);
    return n;
}

/* n parents of one version with that many children each. */
static void load_families(int n, const char *key_type, int version, int children)
{
    static const char *const child_key[] = { "id", "place" }, *const by[] = { "id" };
    DR_AUTO_BUF parents = { 0 };
    DR_AUTO_BUF rows = { 0 };
    dr_buf_printf(&parents, "id:%s at:string\n", key_type);
    dr_buf_printf(&rows, "id:%s place:int64 v:string\n", key_type);
    for (int id = 1; id <= n; id++) {
        dr_buf_printf(&parents, "%d 2024-%02d\n", id, version);
        for (int place = 0; place < children; place++)
            dr_buf_printf(&rows, "%d %d v%d\n", id, place, (id + version * place) % 3);
    }
    struct dr_table *p = table(dr_buf_cstr(&parents)), *c = table(dr_buf_cstr(&rows));
    struct dr_db_load specs[] = {
        { .size = sizeof specs[0],
          .mode = DR_LOAD_UPSERT,
          .name = "p",
          .rows = p,
          .newer_wins = "at",
          .keys = id_key,
          .n_keys = 1,
          .no_ledger = 1 },
        { .size = sizeof specs[0],
          .mode = DR_LOAD_UPSERT,
          .name = "c",
          .rows = c,
          .no_ledger = 1,
          .keys = child_key,
          .n_keys = 2,
          .n_scope = 1,
          .scope = by,
          .scope_of = "p" },
    };
    load_many(2, specs);
    assert_int_equal(specs[0].inserted + specs[0].updated, n);
    assert_true(version == 1 || specs[1].deleted == n);
    dr_table_unref(p);
    dr_table_unref(c);
}

static const char *const family_sql[] = {
    "CREATE TABLE p (id INTEGER PRIMARY KEY, at TEXT);"
    "CREATE TABLE c (id INTEGER NOT NULL REFERENCES p (id), place INTEGER NOT NULL, v TEXT, PRIMARY KEY (id, "
    "place))",
    "CREATE TABLE p (id TEXT NOT NULL PRIMARY KEY, at TEXT);"
    "CREATE TABLE c (id TEXT NOT NULL REFERENCES p (id), place INTEGER NOT NULL, v TEXT, PRIMARY KEY (id, "
    "place))",
};

static int64_t work_of_families(const char *sql, const char *key_type, int n)
{
    int64_t steps = 0;
    exec("DROP TABLE IF EXISTS c; DROP TABLE IF EXISTS p");
    exec(sql);
    if (f->db->sql)
        sqlite3_progress_handler(f->db->sql->handle, 100, count_steps, &steps);
    load_families(n, key_type, 1, 3);
    load_families(n, key_type, 2, 2);
    if (!f->db->sql)
        return rows_read();
    sqlite3_progress_handler(f->db->sql->handle, 0, NULL, NULL);
    return steps;
}

static void the_work_grows_with_the_rows_and_not_with_their_square(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        const char *sql = family_sql[i / 2], *key_type = i % 2 ? "string" : "int64";
        int64_t few = work_of_families(sql, key_type, 250), many = work_of_families(sql, key_type, 1000);
        printf("# work: %lld for 250 families, %lld for 1000\n", (long long)few, (long long)many);
        assert_true(few > 0);
        assert_true(many < 6 * few);
    }
}

/* What SQLite is asked, and how many of its steps come between the first write and the end. */
struct trace {
    struct dr_db *other; /* writes after each comparison, `writes` times */
    int writes;
    bool locked;
    int64_t steps, locked_steps;
};

static int on_statement(unsigned what, void *ctx, void *stmt, void *text)
{
    struct trace *t = ctx;
    const char *sql = text;
    (void)what;
    (void)stmt;
    if (strstr(sql, "is_new = 1") && t->writes > 0) {
        t->writes--;
        struct dr_err err = { 0 };
        must(dr_db_exec(t->other, "UPDATE u SET n = n + 1", &err), &err);
    }
    if (strstr(sql, "dagrun_ledger ("))
        t->locked = true;
    return 0;
}

static int on_steps(void *ctx)
{
    struct trace *t = ctx;
    t->steps++;
    t->locked_steps += t->locked;
    return 0;
}

static void trace(struct trace *t)
{
    sqlite3_trace_v2(f->db->sql->handle, t ? SQLITE_TRACE_STMT : 0, t ? on_statement : NULL, t);
    sqlite3_progress_handler(f->db->sql->handle, t ? 10 : 0, t ? on_steps : NULL, t);
}

static struct dr_table *numbers(int first, int last, int changed)
{
    DR_AUTO_BUF rows = { 0 };
    dr_buf_puts(&rows, "id:int64 v:int64\n");
    for (int i = first; i <= last; i++)
        dr_buf_printf(&rows, "%d %d\n", i, i == changed ? -1 : i);
    return table(dr_buf_cstr(&rows));
}

static void others_wait_only_for_what_is_written(void **state)
{
    (void)state;
    if (!f->db->sql) {
        print_message("# skip: about how SQLite does it\n");
        skip();
    }
    struct trace t = { 0 };
    struct dr_table *before = numbers(1, 5000, 0), *after = numbers(3, 5001, 2500);
    struct dr_db_load spec = LOAD(.rows = before, .mode = DR_LOAD_REPLACE);
    load_many(1, &spec);
    spec.rows = after;
    trace(&t);
    load_many(1, &spec);
    trace(NULL);
    assert_string_equal(done(&spec), "+1 ~1 =4997 -2 !0");
    dr_table_unref(before);
    dr_table_unref(after);
    assert_true(t.steps > 5000);
    assert_true(t.locked);
    assert_true(t.locked_steps < 200);
}

static void a_load_that_others_overtake_comes_to_its_end(void **state)
{
    (void)state;
    if (!f->db->sql) {
        print_message("# skip: about how SQLite does it\n");
        skip();
    }
    for (int writes = 1; writes <= 3; writes++) {
        struct trace t = { .writes = writes };
        exec("DROP TABLE IF EXISTS t; CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);"
             "DROP TABLE IF EXISTS u; CREATE TABLE u (n INTEGER); INSERT INTO u VALUES (0)");
        connect_to(&t.other);
        trace(&t);
        assert_load(LOAD(.mode = DR_LOAD_UPSERT, .no_ledger = 1), "id:int64 v:string\n2 b\n- c\n1 a\n",
                    "+2 ~0 =0 -0 !1");
        trace(NULL);
        ASSERT_T("1 a|2 b|");
        assert_int_equal(t.writes, 0);
        dr_db_close(t.other);
    }
}

static int on_parents(unsigned what, void *ctx, void *stmt, void *text)
{
    (void)what;
    (void)stmt;
    *(int *)ctx += strstr(text, "CREATE TABLE temp.dagrun_parents_") != NULL;
    return 0;
}

/* Two tables of children: as many tables of parents as were made. */
static int load_two_kinds(const char *parents, const char *first, const char *second)
{
    static const char *const by[] = { "id" }, *const child_key[] = { "id", "place" };
    struct dr_table *t[] = { table(parents), table(first), table(second) };
    struct dr_db_load specs[3];
    int made = 0;
    for (int i = 0; i < 3; i++)
        specs[i] = (struct dr_db_load){ .size = sizeof specs[0],
                                        .mode = DR_LOAD_UPSERT,
                                        .name = i == 0   ? "p"
                                                : i == 1 ? "c"
                                                         : "d",
                                        .rows = t[i],
                                        .newer_wins = i ? NULL : "at",
                                        .keys = i ? child_key : id_key,
                                        .n_keys = i ? 2 : 1,
                                        .n_scope = i > 0,
                                        .scope = by,
                                        .scope_of = i ? "p" : NULL };
    if (f->db->sql)
        sqlite3_trace_v2(f->db->sql->handle, SQLITE_TRACE_STMT, on_parents, &made);
    load_many(3, specs);
    trace(NULL);
    for (int i = 0; i < 3; i++)
        dr_table_unref(t[i]);
    return made;
}

static void children_of_one_parent_ask_one_table_of_parents(void **state)
{
    (void)state;
    if (!f->db->sql) {
        print_message("# skip: about how SQLite does it\n");
        skip();
    }
    static const char first[] = "id:int64 place:int64\n1 1\n1 2\n2 1\n";
    assert_int_equal(
        load_two_kinds("id:int64 at:int64\n1 1\n2 1\n", first, "id:int64 place:int64\n1 1\n2 1\n"), 1);
    /* The ledger knows the first children now; 2 is older than what is there, its child stays away. */
    assert_int_equal(
        load_two_kinds("id:int64 at:int64\n1 2\n2 0\n", first, "id:int64 place:int64\n1 7\n2 7\n"), 1);
    assert_answer("SELECT id, place FROM c ORDER BY 1, 2", "1 1|1 2|2 1|");
    assert_answer("SELECT id, place FROM d ORDER BY 1, 2", "1 7|2 1|");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(the_work_grows_with_the_rows_and_not_with_their_square),
        T(others_wait_only_for_what_is_written),
        T(a_load_that_others_overtake_comes_to_its_end),
        T(children_of_one_parent_ask_one_table_of_parents),
    };
    if (getenv("DAGRUN_TEST_POSTGRESQL"))
        puts("# on PostgreSQL");
    return cmocka_run_group_tests_name("db_load_work", tests, NULL, NULL);
}
