/* test_db_load.c - loading: replace, append, upsert, child rows, refusals, the ledger. */
#include "db_load_fixture.h"

/* ---- replace ---------------------------------------------------------------------------- */

static void replace_leaves_exactly_the_rows(void **state)
{
    (void)state;
    assert_load(LOAD(.mode = DR_LOAD_REPLACE), "id:int64 v:string\n1 a\n2 b\n3 c\n", "+3 ~0 =0 -0 !0");
    assert_load(LOAD(.mode = DR_LOAD_REPLACE), "id:int64 v:string\n2 b\n3 x\n4 d\n", "+1 ~1 =1 -1 !0");
    ASSERT_T("2 b|3 x|4 d|");
    assert_load(LOAD(.mode = DR_LOAD_REPLACE), "id:int64 v:string\n", "+0 ~0 =0 -3 !0");
    ASSERT_T("");
}

static void replace_without_a_key_leaves_exactly_the_rows(void **state)
{
    (void)state;
    struct dr_db_load spec = BARE(.mode = DR_LOAD_REPLACE);
    assert_load(spec, "v:string\na\na\nb\n", "+3 ~0 =0 -0 !0");
    assert_load(spec, "v:string\nb\nb\n", "+2 ~0 =0 -3 !0");
    ASSERT_T("b|b|");
}

static void replace_makes_its_own_table_anew_for_other_columns(void **state)
{
    (void)state;
    assert_load(LOAD(.mode = DR_LOAD_REPLACE), "id:int64 v:string\n1 a\n", "+1 ~0 =0 -0 !0");
    assert_load(LOAD(.mode = DR_LOAD_REPLACE), "id:int64 w:date\n1 2024-02-29\n", "+1 ~0 =0 -0 !0");
    ASSERT_T("1 2024-02-29|");
}

static void a_table_that_others_made_is_not_made_anew(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)");
    struct dr_table *t = table("id:int64 w:string\n1 a\n");
    struct dr_db_load spec = LOAD(.rows = t);
    assert_int_equal(dr_db_load(f->db, 1, &spec, NULL, &err), DR_EINPUT);
    assert_non_null(strstr(err.msg, "no column 'w'"));
    dr_table_unref(t);
    assert_load(BARE(.mode = DR_LOAD_REPLACE), "id:int64 v:string\n1 a\n2 b\n", "+2 ~0 =0 -0 !0");
    assert_load(BARE(.mode = DR_LOAD_REPLACE), "id:int64 v:string\n1 a\n",
                "+0 ~0 =1 -1 !0"); /* by its own key */
}

static void columns_that_the_rows_lack_keep_their_defaults(void **state)
{
    (void)state;
    exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, made TEXT DEFAULT 'then')");
    assert_load(UPSERT, "id:int64 v:string\n1 a\n", "+1 ~0 =0 -0 !0");
    exec("UPDATE t SET made = 'now'");
    assert_load(UPSERT, "id:int64 v:string\n1 b\n", "+0 ~1 =0 -0 !0");
    ASSERT_T("1 b now|");
}

/* ---- append and upsert -------------------------------------------------------------------- */

static void append_adds_and_never_twice(void **state)
{
    (void)state;
    struct dr_db_load spec = BARE(.mode = DR_LOAD_APPEND);
    assert_load(spec, "v:string\na\na\n", "+2 ~0 =0 -0 !0");
    assert_load(spec, "v:string\nb\n", "+1 ~0 =0 -0 !0");
    assert_load(spec, "v:string\na\na\n", "skipped +0 ~0 =0 -0 !0");
    ASSERT_T("a|a|b|");
}

static void assert_two(int32_t mode, int32_t second_mode, const char *second, int32_t rc, const char *in_t)
{
    struct dr_err err = { 0 };
    struct dr_table *a = table("id:int64 v:string\n1 a\n2 b\n"), *b = table(second);
    struct dr_db_load specs[] = { LOAD(.mode = mode, .rows = a), LOAD(.mode = second_mode, .rows = b) };
    assert_int_equal(dr_db_load(f->db, 2, specs, NULL, &err), rc);
    if (rc)
        assert_non_null(strstr(err.msg, in_t));
    else
        ASSERT_T(in_t);
    dr_table_unref(a);
    dr_table_unref(b);
}

static void rows_of_two_are_appended_to_one_table(void **state)
{
    (void)state;
    const char *again = "id:int64 v:string\n1 a\n2 b\n";
    assert_two(DR_LOAD_APPEND, DR_LOAD_APPEND, "v:string id:int64\nc 3\n", DR_OK, "1 a|2 b|3 c|");
    assert_two(DR_LOAD_APPEND, DR_LOAD_APPEND, "id:int64 v:string\n4 d\n", DR_OK, "1 a|2 b|3 c|4 d|");
    exec("DROP TABLE t");
    exec("DELETE FROM dagrun_ledger");
    assert_two(DR_LOAD_APPEND, DR_LOAD_APPEND, again, DR_OK, "1 a|2 b|");
    assert_two(DR_LOAD_REPLACE, DR_LOAD_APPEND, "id:int64 v:string\n3 c\n", DR_EDEF, "loaded twice at once");
    assert_two(DR_LOAD_UPSERT, DR_LOAD_UPSERT, "id:int64 v:string\n3 c\n", DR_EDEF, "loaded twice at once");
    exec("DROP TABLE t");
    assert_two(DR_LOAD_APPEND, DR_LOAD_APPEND, "id:int64 v:string w:string\n3 c d\n", DR_EINPUT,
               "the rows that it is made for have no column 'w'");
}

static void upsert_adds_changes_and_leaves(void **state)
{
    (void)state;
    assert_load(UPSERT, "id:int64 v:string\n1 a\n2 -\n", "+2 ~0 =0 -0 !0");
    assert_load(UPSERT, "id:int64 v:string\n2 b\n3 c\n1 a\n", "+1 ~1 =1 -0 !0");
    assert_load(UPSERT, "id:int64 v:string\n2 -\n", "+0 ~1 =0 -0 !0");
    ASSERT_T("1 a|2 -|3 c|");
}

static void of_several_rows_with_one_key_the_last_wins(void **state)
{
    (void)state;
    assert_load(UPSERT, "id:int64 v:string\n1 a\n2 b\n1 c\n1 d\n", "+2 ~0 =0 -0 !0");
    ASSERT_T("1 d|2 b|");
}

static void the_newer_wins_whatever_the_order(void **state)
{
    (void)state;
    struct dr_db_load spec = LOAD(.mode = DR_LOAD_UPSERT, .newer_wins = "at");
    assert_load(spec,
                "id:int64 v:string at:timestamp\n1 new 2024-03-01T00:00:00Z\n1 old 2024-01-01T00:00:00Z\n",
                "+1 ~0 =0 -0 !0");
    assert_load(spec, "id:int64 v:string at:timestamp\n1 older 2024-02-01T00:00:00Z\n", "+0 ~0 =1 -0 !0");
    assert_load(spec, "id:int64 v:string at:timestamp\n1 same 2024-03-01T00:00:00Z\n", "+0 ~0 =1 -0 !0");
    assert_load(spec, "id:int64 v:string at:timestamp\n1 newest 2024-03-01T00:00:00.5Z\n", "+0 ~1 =0 -0 !0");
    assert_load(spec, "id:int64 v:string at:timestamp\n1 unknown -\n", "+0 ~0 =1 -0 !0");
    assert_answer("SELECT v FROM t", "newest|");
}

/* SQLite keeps them as text, in which 9.5 is the larger. */
static void of_decimals_the_larger_is_newer(void **state)
{
    (void)state;
    struct dr_db_load spec = LOAD(.mode = DR_LOAD_UPSERT, .newer_wins = "at");
    assert_load(spec, "id:int64 v:string at:decimal\n1 old 9.5\n", "+1 ~0 =0 -0 !0");
    assert_load(spec, "id:int64 v:string at:decimal\n1 new 10.1\n", "+0 ~1 =0 -0 !0");
    assert_load(spec, "id:int64 v:string at:decimal\n1 old 9.7\n", "+0 ~0 =1 -0 !0");
    assert_answer("SELECT v FROM t", "new|");
}

static void insert_only_never_changes_what_is_there(void **state)
{
    (void)state;
    struct dr_db_load spec = LOAD(.mode = DR_LOAD_UPSERT, .insert_only = 1);
    assert_load(spec, "id:int64 v:string\n1 a\n", "+1 ~0 =0 -0 !0");
    assert_load(spec, "id:int64 v:string\n1 b\n2 c\n2 d\n", "+1 ~0 =1 -0 !0");
    ASSERT_T("1 a|2 c|");
}

static void an_upsert_without_a_key_is_refused(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    struct dr_table *t = table("v:string\na\n");
    struct dr_db_load spec = BARE(.mode = DR_LOAD_UPSERT, .rows = t);
    assert_int_equal(dr_db_load(f->db, 1, &spec, NULL, &err), DR_EDEF);
    assert_non_null(strstr(err.msg, "needs the key"));
    dr_table_unref(t);
}

/* ---- the ledger ------------------------------------------------------------------------------ */

static void the_same_rows_twice_change_nothing(void **state)
{
    (void)state;
    assert_load(LOAD(.mode = DR_LOAD_REPLACE), "id:int64 v:string\n1 a\n", "+1 ~0 =0 -0 !0");
    assert_load(LOAD(.mode = DR_LOAD_REPLACE), "id:int64 v:string\n1 a\n", "skipped +0 ~0 =0 -0 !0");
    assert_load(LOAD(.mode = DR_LOAD_REPLACE), "id:int64 v:string\n1 b\n", "+0 ~1 =0 -0 !0");
    assert_load(LOAD(.mode = DR_LOAD_REPLACE), "id:int64 v:string\n1 a\n",
                "+0 ~1 =0 -0 !0"); /* not the last ones */
    assert_answer("SELECT count(*) FROM dagrun_ledger", "1|");
    exec("DROP TABLE t");
    assert_load(LOAD(.mode = DR_LOAD_REPLACE), "id:int64 v:string\n1 a\n", "+1 ~0 =0 -0 !0");
    exec("UPDATE t SET v = 'x'");
    assert_load(LOAD(.no_ledger = 1), "id:int64 v:string\n1 a\n", "+0 ~1 =0 -0 !0");
    ASSERT_T("1 a|");
}

static void what_was_refused_is_told_again(void **state)
{
    (void)state;
    assert_load(LOAD(.mode = DR_LOAD_REPLACE), "id:int64 v:string\n1 a\n- b\n1 c\n", "+1 ~0 =0 -0 !2");
    assert_load(LOAD(.mode = DR_LOAD_REPLACE), "id:int64 v:string\n1 a\n- b\n1 c\n",
                "skipped +0 ~0 =0 -0 !2");
}

/* ---- refusals --------------------------------------------------------------------------------- */

static void assert_refused(const struct dr_db_load *spec, int64_t row, const char *reason)
{
    DR_AUTO_BUF text = { 0 };
    assert_non_null(spec->refused);
    assert_true(row < spec->refused->rows);
    const char *got = cell_text(spec->refused->columns[spec->refused->n - 1], row, &text);
    if (!got || !strstr(got, reason))
        fail_msg("'%s' does not say '%s'", got ? got : "NULL", reason);
}

static void rows_without_or_with_a_repeated_key_are_kept_apart(void **state)
{
    (void)state;
    struct dr_table *t = table("id:int64 v:string\n1 a\n- b\n2 c\n1 d\n");
    struct dr_db_load spec = LOAD(.rows = t);
    load_many(1, &spec);
    assert_string_equal(done(&spec), "+2 ~0 =0 -0 !2");
    assert_refused(&spec, 0, "no value in the key column 'id'");
    assert_refused(&spec, 1, "its key is that of row 1");
    dr_table_unref(spec.refused);
    dr_table_unref(t);
    ASSERT_T("1 a|2 c|");
}

static void rows_that_a_constraint_refuses_are_kept_apart(void **state)
{
    (void)state;
    exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT NOT NULL UNIQUE, n INTEGER CHECK (n > 0))");
    struct dr_table *t = table("id:int64 v:string n:int64\n1 a 1\n2 - 1\n3 c -5\n4 a 1\n5 e 1\n6 f 0\n");
    struct dr_db_load spec = LOAD(.rows = t);
    load_many(1, &spec);
    assert_string_equal(done(&spec), "+2 ~0 =0 -0 !4");
    bool postgresql = dr_streq(dr_db_type(f->db), "postgresql");
    assert_refused(&spec, 0, postgresql ? "not-null" : "NOT NULL constraint failed: t.v");
    assert_refused(&spec, 1, postgresql ? "check constraint" : "CHECK constraint failed");
    assert_refused(&spec, 2, postgresql ? "unique constraint" : "UNIQUE constraint failed: t.v");
    dr_table_unref(spec.refused);
    dr_table_unref(t);
    ASSERT_T("1 a 1|5 e 1|");
}

static void a_strict_load_loads_nothing_where_a_row_is_refused(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT NOT NULL)");
    struct dr_table *t = table("id:int64 v:string\n1 a\n2 -\n");
    struct dr_db_load spec = LOAD(.rows = t, .strict = 1);
    assert_int_equal(dr_db_load(f->db, 1, &spec, NULL, &err), DR_EDB);
    assert_non_null(strstr(err.msg, "table 't': row 2: "));
    dr_table_unref(t);
    ASSERT_T("");
}

static void values_of_another_type_are_refused_row_by_row(void **state)
{
    (void)state;
    exec(dr_streq(dr_db_type(f->db), "sqlite") ? "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER) STRICT"
                                               : "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)");
    assert_load(UPSERT, "id:int64 n:string\n1 12\n2 many\n3 -7\n", "+2 ~0 =0 -0 !1");
    ASSERT_T("1 12|3 -7|");
}

static void a_row_may_take_the_place_of_one_that_goes(void **state)
{
    (void)state;
    exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT UNIQUE)");
    assert_load(LOAD(.mode = DR_LOAD_REPLACE), "id:int64 v:string\n1 a\n2 b\n", "+2 ~0 =0 -0 !0");
    assert_load(LOAD(.mode = DR_LOAD_REPLACE), "id:int64 v:string\n2 b\n3 a\n", "+1 ~0 =1 -1 !0");
    ASSERT_T("2 b|3 a|");
}

static void a_strict_load_waits_for_room_too(void **state)
{
    (void)state;
    exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT UNIQUE)");
    assert_load(LOAD(.mode = DR_LOAD_REPLACE), "id:int64 v:string\n1 a\n2 b\n", "+2 ~0 =0 -0 !0");
    assert_load(LOAD(.mode = DR_LOAD_REPLACE, .strict = 1), "id:int64 v:string\n2 b\n3 a\n",
                "+1 ~0 =1 -1 !0");
    ASSERT_T("2 b|3 a|");
}

static void a_strict_load_repeats_no_value_in_its_message(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    exec(f->db->sql ? "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER UNIQUE) STRICT"
                    : "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER UNIQUE)");
    exec("INSERT INTO t VALUES (1, 4711)");
    static const char *const texts[] = { "id:int64 n:string\n2 secret\n", "id:int64 n:int64\n2 4711\n" };
    for (int i = 0; i < 2; i++) {
        struct dr_table *t = table(texts[i]);
        struct dr_db_load spec = LOAD(.rows = t, .mode = DR_LOAD_UPSERT, .strict = 1);
        assert_int_equal(dr_db_load(f->db, 1, &spec, NULL, &err), DR_EDB);
        assert_non_null(strstr(err.msg, "table 't': row 1: "));
        assert_null(strstr(err.msg, "secret"));
        assert_null(strstr(err.msg, "4711"));
        dr_table_unref(t);
    }
}

static void a_row_may_refer_to_one_that_comes_after_a_refused_one(void **state)
{
    (void)state;
    exec("CREATE TABLE t (id INTEGER PRIMARY KEY, boss INTEGER REFERENCES t (id), v TEXT NOT NULL)");
    assert_load(UPSERT, "id:int64 boss:int64 v:string\n1 3 a\n2 - -\n3 - c\n4 1 d\n5 2 e\n",
                "+3 ~0 =0 -0 !2");
    ASSERT_T("1 3 a|3 - c|4 1 d|");
}

static void rows_are_told_by_where_they_were_given(void **state)
{
    (void)state;
    exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT NOT NULL)");
    struct dr_table *t = table("id:int64 v:string\n9 a\n- b\n8 -\n1 c\n7 d\n");
    struct dr_db_load spec = LOAD(.rows = t, .mode = DR_LOAD_UPSERT);
    load_many(1, &spec);
    assert_refused(&spec, 0, "no value in the key column 'id'");
    assert_refused(&spec, 1, f->db->sql ? "NOT NULL" : "not-null");
    dr_table_unref(spec.refused);
    dr_table_unref(t);
    ASSERT_T("1 c|7 d|9 a|");
}

static void rows_go_in_by_key(void **state)
{
    (void)state;
    if (!f->db->sql) {
        print_message("# skip: about how SQLite does it\n");
        skip();
    }
    assert_load(UPSERT, "id:string v:int64\nd 1\nb 2\na 3\nc 4\n", "+4 ~0 =0 -0 !0");
    assert_answer("SELECT id, v FROM t ORDER BY rowid", "a 3|b 2|c 4|d 1|");
}

static void replace_takes_rows_without_a_key_away(void **state)
{
    (void)state;
    exec("CREATE TABLE t (id INTEGER UNIQUE, v TEXT);"
         "INSERT INTO t VALUES (NULL, 'n'), (NULL, 'n'), (1, 'a'), (2, 'b')");
    assert_load(LOAD(.mode = DR_LOAD_REPLACE), "id:int64 v:string\n1 a\n", "+0 ~0 =1 -3 !0");
    ASSERT_T("1 a|");
}

static void numbers_find_keys_that_are_text(void **state)
{
    (void)state;
    exec("CREATE TABLE t (id TEXT NOT NULL PRIMARY KEY, v TEXT);"
         "INSERT INTO t VALUES ('1', 'a'), ('02', 'b'), ('3', 'c')");
    assert_load(UPSERT, "id:int64 v:string\n1 x\n2 y\n", "+1 ~1 =0 -0 !0");
    ASSERT_T("02 b|1 x|2 y|3 c|");
    assert_load(LOAD(.mode = DR_LOAD_REPLACE), "id:int64 v:string\n1 x\n", "+0 ~0 =1 -3 !0");
    ASSERT_T("1 x|");
}

static void text_finds_keys_that_are_numbers(void **state)
{
    (void)state;
    exec("CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY, v TEXT)");
    assert_load(UPSERT, "id:string v:string\n10 a\n07 b\n9 c\n7 d\n", "+3 ~0 =0 -0 !0");
    ASSERT_T("7 d|9 c|10 a|");
    assert_load(LOAD(.mode = DR_LOAD_REPLACE), "id:string v:string\n7 d\n1x y\n009 c\n", "+0 ~0 =2 -1 !1");
    ASSERT_T("7 d|9 c|");
}

static void a_key_that_is_none_is_refused_where_missing_rows_go(void **state)
{
    (void)state;
    exec(f->db->sql
             ? "CREATE TABLE t (id INTEGER NOT NULL, place INTEGER NOT NULL, PRIMARY KEY (id, place)) STRICT"
             : "CREATE TABLE t (id INTEGER NOT NULL, place INTEGER NOT NULL, PRIMARY KEY (id, place))");
    exec("INSERT INTO t VALUES (1, 1), (1, 2), (2, 1)");
    struct dr_db_load spec = BARE(.mode = DR_LOAD_UPSERT, .scope = id_key, .n_scope = 1);
    assert_load(spec, "id:string place:int64\n1 1\nx 1\n", "+0 ~0 =1 -1 !1");
    ASSERT_T("1 1|2 1|");
}

static void a_table_may_have_many_columns(void **state)
{
    (void)state;
    DR_AUTO_BUF sql = { 0 };
    dr_buf_puts(&sql, "CREATE TABLE t (id INTEGER PRIMARY KEY");
    for (int i = 1; i < 130; i++)
        dr_buf_printf(&sql, ", c%d TEXT", i);
    dr_buf_puts(&sql, ")");
    exec(dr_buf_cstr(&sql));
    assert_load(UPSERT, "id:int64 c15:string c16:string c17:string c33:string c129:string\n1 a b c d e\n",
                "+1 ~0 =0 -0 !0");
    assert_answer("SELECT c1, c15, c16, c17, c33, c129 FROM t", "- a b c d e|");
}

static void a_view_is_not_loaded_into(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    exec("CREATE VIEW t AS SELECT 1 AS id");
    struct dr_table *t = table("id:int64\n1\n");
    struct dr_db_load spec = LOAD(.rows = t);
    assert_int_equal(dr_db_load(f->db, 1, &spec, NULL, &err), DR_EDB);
    assert_non_null(strstr(err.msg, "view"));
    dr_table_unref(t);
}

/* ---- several tables ------------------------------------------------------------------------------ */

static void family(void)
{
    exec("CREATE TABLE p (id INTEGER PRIMARY KEY, at TEXT);"
         "CREATE TABLE c (id INTEGER NOT NULL REFERENCES p (id), place INTEGER NOT NULL, v TEXT,"
         " PRIMARY KEY (id, place))");
}

static void assert_family(int32_t mode, const char *parents, const char *children, const char *did_parents,
                          const char *did_children)
{
    static const char *const child_key[] = { "id", "place" }, *const by[] = { "id" };
    struct dr_table *p = table(parents), *c = table(children);
    struct dr_db_load specs[] = {
        { .size = sizeof specs[0],
          .mode = mode,
          .name = "p",
          .rows = p,
          .n_keys = 1,
          .keys = id_key,
          .newer_wins = mode == DR_LOAD_UPSERT ? "at" : NULL },
        { .size = sizeof specs[0],
          .mode = mode,
          .name = "c",
          .rows = c,
          .n_keys = 2,
          .keys = child_key,
          .n_scope = mode == DR_LOAD_UPSERT,
          .scope = by,
          .scope_of = "p" },
    };
    load_many(2, specs);
    char got[2][200];
    for (int i = 0; i < 2; i++) {
        snprintf(got[i], sizeof got[i], "%s", done(&specs[i]));
        dr_table_unref(specs[i].refused);
    }
    dr_table_unref(p);
    dr_table_unref(c);
    assert_string_equal(got[0], did_parents);
    assert_string_equal(got[1], did_children);
}

static void child_rows_follow_their_parents(void **state)
{
    (void)state;
    family();
    assert_family(DR_LOAD_UPSERT, "id:int64 at:string\n1 2024-02\n2 2024-02\n",
                  "id:int64 place:int64 v:string\n1 0 a\n1 1 b\n2 0 c\n", "+2 ~0 =0 -0 !0", "+3 ~0 =0 -0 !0");
    /* Parent 1 comes with one child less and one changed; 2 is older than what is there. */
    assert_family(DR_LOAD_UPSERT, "id:int64 at:string\n1 2024-03\n2 2024-01\n",
                  "id:int64 place:int64 v:string\n1 0 x\n2 0 old\n2 1 old\n", "+0 ~1 =1 -0 !0",
                  "+0 ~1 =2 -1 !0");
    assert_answer("SELECT * FROM c ORDER BY 1, 2", "1 0 x|2 0 c|");
    /* A parent without any children leaves none. */
    assert_family(DR_LOAD_UPSERT, "id:int64 at:string\n2 2024-04\n", "id:int64 place:int64 v:string\n",
                  "+0 ~1 =0 -0 !0", "+0 ~0 =0 -1 !0");
    assert_answer("SELECT * FROM c ORDER BY 1, 2", "1 0 x|");
}

static void orphans_are_kept_apart_and_the_rest_is_loaded(void **state)
{
    (void)state;
    family();
    assert_family(DR_LOAD_UPSERT, "id:int64 at:string\n1 2024-02\n- 2024-02\n",
                  "id:int64 place:int64 v:string\n1 0 a\n", "+1 ~0 =0 -0 !1", "+1 ~0 =0 -0 !0");
    struct dr_table *t = table("id:int64 place:int64 v:string\n1 1 b\n9 0 z\n");
    struct dr_db_load spec = { .size = sizeof spec, .name = "c", .mode = DR_LOAD_UPSERT, .rows = t };
    load_many(1, &spec);
    assert_string_equal(done(&spec), "+1 ~0 =0 -0 !1");
    assert_refused(&spec, 0, dr_streq(dr_db_type(f->db), "sqlite") ? "FOREIGN KEY" : "foreign key");
    dr_table_unref(spec.refused);
    dr_table_unref(t);
}

static void replaced_families_move_together(void **state)
{
    (void)state;
    family();
    assert_family(DR_LOAD_REPLACE, "id:int64 at:string\n1 a\n2 b\n",
                  "id:int64 place:int64 v:string\n1 0 a\n2 0 c\n", "+2 ~0 =0 -0 !0", "+2 ~0 =0 -0 !0");
    assert_family(DR_LOAD_REPLACE, "id:int64 at:string\n3 c\n2 b\n",
                  "id:int64 place:int64 v:string\n3 0 a\n2 0 c\n", "+1 ~0 =1 -1 !0", "+1 ~0 =1 -1 !0");
    assert_answer("SELECT id FROM p ORDER BY 1", "2|3|");
}

static void children_wait_for_parents_that_wait_for_room(void **state)
{
    (void)state;
    family();
    exec("CREATE UNIQUE INDEX p_at ON p (at)");
    assert_family(DR_LOAD_REPLACE, "id:int64 at:string\n1 a\n", "id:int64 place:int64 v:string\n1 0 a\n",
                  "+1 ~0 =0 -0 !0", "+1 ~0 =0 -0 !0");
    assert_family(DR_LOAD_REPLACE, "id:int64 at:string\n2 a\n", "id:int64 place:int64 v:string\n2 0 a\n",
                  "+1 ~0 =0 -1 !0", "+1 ~0 =0 -1 !0");
    assert_answer("SELECT * FROM c", "2 0 a|");
}

static void one_wrong_table_leaves_the_other_as_it_was(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    exec("CREATE TABLE u (id INTEGER PRIMARY KEY, v TEXT NOT NULL)");
    struct dr_table *t = table("id:int64 v:string\n1 -\n");
    struct dr_db_load specs[] = { LOAD(.rows = t), LOAD(.rows = t, .strict = 1) };
    specs[1].name = "u";
    assert_int_equal(dr_db_load(f->db, 2, specs, NULL, &err), DR_EDB);
    dr_table_unref(t);
    assert_load(LOAD(.mode = DR_LOAD_REPLACE), "id:int64 v:string\n1 a\n", "+1 ~0 =0 -0 !0");
}

/* ---- values and names ------------------------------------------------------------------------------ */

static void every_type_survives(void **state)
{
    (void)state;
    assert_load(
        LOAD(.mode = DR_LOAD_REPLACE),
        "id:int64 b:bool f:float64 d:date z:timestamp l:timestamp n:decimal s:string\n"
        "1 true 0.1 2024-02-29 2024-02-29T23:59:59.123456Z 2024-02-29T12:00:00 1234567890123456789.50 a\n"
        "2 - - - - - - -\n"
        "3 false -1e300 0001-01-01 1999-12-31T00:00:00Z 9999-12-31T23:59:59 -0.01 \\N\n",
        "+3 ~0 =0 -0 !0");
    bool sqlite = dr_streq(dr_db_type(f->db), "sqlite");
    assert_answer("SELECT id, f, d, z, l, n, s FROM t ORDER BY id",
                  "1 0.1 2024-02-29 2024-02-29T23:59:59.123456Z 2024-02-29T12:00:00 1234567890123456789.50 a|"
                  "2 - - - - - -|"
                  "3 -1e+300 0001-01-01 1999-12-31T00:00:00Z 9999-12-31T23:59:59 -0.01 \\N|");
    assert_answer("SELECT b FROM t ORDER BY id", sqlite ? "1|-|0|" : "true|-|false|");
    assert_load(
        LOAD(.no_ledger = 1),
        "id:int64 b:bool f:float64 d:date z:timestamp l:timestamp n:decimal s:string\n"
        "1 true 0.1 2024-02-29 2024-02-29T23:59:59.123456Z 2024-02-29T12:00:00 1234567890123456789.50 a\n"
        "2 - - - - - - -\n"
        "3 false -1e300 0001-01-01 1999-12-31T00:00:00Z 9999-12-31T23:59:59 -0.01 \\N\n",
        "+0 ~0 =3 -0 !0");
}

static struct dr_table *one_text(const char *name, const char *p, int64_t n)
{
    struct dr_builder *id = dr_builder_new(DR_TYPE_INT64), *b = dr_builder_new(DR_TYPE_STRING);
    const char *names[] = { "id", name };
    struct dr_table *t = NULL;
    struct dr_err err = { 0 };
    dr_builder_append_int(id, 1);
    dr_builder_append_bytes(b, p, n);
    struct dr_column *columns[] = { dr_builder_finish(id), dr_builder_finish(b) };
    must(dr_table_new(2, names, (const struct dr_column *const *)columns, &t, &err), &err);
    dr_column_unref(columns[0]);
    dr_column_unref(columns[1]);
    return t;
}

static void hostile_names_and_values_are_only_names_and_values(void **state)
{
    (void)state;
    static const char hostile[] = "a'; DROP TABLE t; --\t\n\\.\r\b\"$$ \xF0\x9F\x98\x80 \\N";
    static const char *const names[] = { "v\"; DROP TABLE t; --", "select", "rowid", "dagrun_row",
                                         "\xC3\xA9 t\xC3\xA9" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct dr_table *t = one_text(names[i], hostile, sizeof hostile - 1), *back = NULL;
        struct dr_err err = { 0 };
        char name[80];
        snprintf(name, sizeof name, "t %s", names[i]);
        struct dr_db_load spec = LOAD(.rows = t);
        spec.name = name;
        load_many(1, &spec);
        spec.no_ledger = 1;
        load_many(1, &spec);
        assert_string_equal(done(&spec), "+0 ~0 =1 -0 !0");
        DR_AUTO_BUF sql = { 0 };
        DR_AUTO_BUF text = { 0 };
        dr_buf_puts(&sql, "SELECT * FROM \"");
        for (const char *p = name; *p; p++)
            dr_buf_printf(&sql, *p == '"' ? "\"\"" : "%c", *p);
        dr_buf_puts(&sql, "\"");
        must(dr_db_query(f->db, dr_buf_cstr(&sql), &back, &err), &err);
        assert_string_equal(back->names[1], names[i]);
        assert_string_equal(cell_text(back->columns[1], 0, &text), hostile);
        dr_table_unref(back);
        dr_table_unref(t);
    }
}

static void huge_text_is_kept(void **state)
{
    (void)state;
    size_t n = 5 << 20;
    char *p = dr_malloc(n);
    memset(p, 'x', n);
    struct dr_table *t = one_text("v", p, (int64_t)n);
    struct dr_db_load spec = LOAD(.rows = t);
    load_many(1, &spec);
    assert_answer("SELECT length(v) FROM t", "5242880|");
    dr_table_unref(t);
    free(p);
}

static void a_nul_byte_is_kept_or_refused(void **state)
{
    (void)state;
    struct dr_table *t = one_text("v", "a\0b", 3);
    struct dr_db_load spec = LOAD(.rows = t);
    load_many(1, &spec);
    if (dr_streq(dr_db_type(f->db), "sqlite"))
        assert_answer("SELECT hex(v) FROM t", "610062|");
    else
        assert_refused(&spec, 0, "a NUL byte in 'v'");
    dr_table_unref(spec.refused);
    dr_table_unref(t);
}

static void nan_and_infinity_are_kept_where_the_database_can(void **state)
{
    (void)state;
    static const char *const names[] = { "id", "v" };
    static const double values[] = { (double)NAN, (double)INFINITY, -(double)INFINITY };
    struct dr_builder *id = dr_builder_new(DR_TYPE_INT64), *b = dr_builder_new(DR_TYPE_FLOAT64);
    struct dr_table *t = NULL;
    struct dr_err err = { 0 };
    for (int i = 0; i < 3; i++) {
        dr_builder_append_int(id, i);
        dr_builder_append_float(b, values[i]);
    }
    struct dr_column *columns[] = { dr_builder_finish(id), dr_builder_finish(b) };
    must(dr_table_new(2, names, (const struct dr_column *const *)columns, &t, &err), &err);
    struct dr_db_load spec = LOAD(.rows = t);
    load_many(1, &spec);
    spec.no_ledger = 1;
    load_many(1, &spec);
    assert_string_equal(done(&spec), "+0 ~0 =3 -0 !0");
    ASSERT_T(dr_streq(dr_db_type(f->db), "sqlite") ? "0 -|1 inf|2 -inf|" : "0 nan|1 inf|2 -inf|");
    dr_table_unref(t);
    dr_column_unref(columns[0]);
    dr_column_unref(columns[1]);
}

static void many_rows_agree_with_a_model(void **state)
{
    (void)state;
    enum { KEYS = 50 };
    int model[KEYS];
    uint64_t seed = 5;
    memset(model, -1, sizeof model);
    for (int round = 0; round < 12; round++) {
        DR_AUTO_BUF rows = { 0 };
        DR_AUTO_BUF expected = { 0 };
        dr_buf_puts(&rows, "id:int64 v:int64\n");
        for (int i = 0; i < 30; i++) {
            int key = (int)random_below(&seed, KEYS), v = (int)random_below(&seed, 5);
            dr_buf_printf(&rows, "%d %d\n", key, v);
            model[key] = v;
        }
        for (int i = 0; i < KEYS; i++)
            if (model[i] >= 0)
                dr_buf_printf(&expected, "%d %d|", i, model[i]);
        struct dr_table *t = table(dr_buf_cstr(&rows));
        struct dr_db_load spec = LOAD(.mode = DR_LOAD_UPSERT, .rows = t);
        load_many(1, &spec);
        dr_table_unref(t);
        ASSERT_T(dr_buf_cstr(&expected));
    }
}

static void another_writer_between_reading_and_writing_is_noticed(void **state)
{
    (void)state;
    struct dr_db *other;
    struct dr_err err = { 0 };
    connect_to(&other);
    assert_load(UPSERT, "id:int64 v:string\n1 a\n", "+1 ~0 =0 -0 !0");
    must(dr_db_exec(other, "UPDATE t SET v = 'theirs'", &err), &err);
    assert_load(LOAD(.mode = DR_LOAD_UPSERT, .no_ledger = 1), "id:int64 v:string\n1 a\n", "+0 ~1 =0 -0 !0");
    ASSERT_T("1 a|");
    dr_db_close(other);
}

static void a_load_within_a_transaction_is_refused(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    struct dr_table *t = table("id:int64\n1\n");
    struct dr_db_load spec = LOAD(.rows = t);
    must(dr_db_begin(f->db, &err), &err);
    assert_int_equal(dr_db_load(f->db, 1, &spec, NULL, &err), DR_EINPUT);
    dr_db_rollback(f->db);
    dr_table_unref(t);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(replace_leaves_exactly_the_rows),
        T(replace_without_a_key_leaves_exactly_the_rows),
        T(replace_makes_its_own_table_anew_for_other_columns),
        T(a_table_that_others_made_is_not_made_anew),
        T(columns_that_the_rows_lack_keep_their_defaults),
        T(append_adds_and_never_twice),
        T(rows_of_two_are_appended_to_one_table),
        T(upsert_adds_changes_and_leaves),
        T(of_several_rows_with_one_key_the_last_wins),
        T(the_newer_wins_whatever_the_order),
        T(of_decimals_the_larger_is_newer),
        T(insert_only_never_changes_what_is_there),
        T(an_upsert_without_a_key_is_refused),
        T(the_same_rows_twice_change_nothing),
        T(what_was_refused_is_told_again),
        T(rows_without_or_with_a_repeated_key_are_kept_apart),
        T(rows_that_a_constraint_refuses_are_kept_apart),
        T(a_strict_load_loads_nothing_where_a_row_is_refused),
        T(values_of_another_type_are_refused_row_by_row),
        T(a_row_may_take_the_place_of_one_that_goes),
        T(a_strict_load_waits_for_room_too),
        T(a_strict_load_repeats_no_value_in_its_message),
        T(a_row_may_refer_to_one_that_comes_after_a_refused_one),
        T(rows_are_told_by_where_they_were_given),
        T(rows_go_in_by_key),
        T(replace_takes_rows_without_a_key_away),
        T(numbers_find_keys_that_are_text),
        T(a_key_that_is_none_is_refused_where_missing_rows_go),
        T(text_finds_keys_that_are_numbers),
        T(a_table_may_have_many_columns),
        T(a_view_is_not_loaded_into),
        T(child_rows_follow_their_parents),
        T(orphans_are_kept_apart_and_the_rest_is_loaded),
        T(replaced_families_move_together),
        T(children_wait_for_parents_that_wait_for_room),
        T(one_wrong_table_leaves_the_other_as_it_was),
        T(every_type_survives),
        T(hostile_names_and_values_are_only_names_and_values),
        T(huge_text_is_kept),
        T(a_nul_byte_is_kept_or_refused),
        T(nan_and_infinity_are_kept_where_the_database_can),
        T(many_rows_agree_with_a_model),
        T(another_writer_between_reading_and_writing_is_noticed),
        T(a_load_within_a_transaction_is_refused),
    };
    if (getenv("DAGRUN_TEST_POSTGRESQL"))
        puts("# on PostgreSQL");
    return cmocka_run_group_tests_name("db_load", tests, NULL, NULL);
}
