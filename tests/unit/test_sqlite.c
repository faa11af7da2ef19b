/* SQLite: settings, statements, failures that explain themselves. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/date.h"
#include "base/file.h"
#include "base/sqlite.h"
#include "temp_folder.h"

struct fixture {
    char dir[400];
    struct dr_arena arena;
    struct dr_err err;
    struct dr_sql *db;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    if (!make_temp_folder(f->dir, sizeof f->dir))
        return -1;
    *state = f;
    if (dr_sql_open(NULL, DR_SQL_MEMORY, 0, &f->db, &f->err))
        return -1;
    return dr_sql_exec(f->db, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE, v)", &f->err);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    dr_sql_close(f->db);
    dr_remove_tree(f->dir, NULL);
    dr_arena_done(&f->arena);
    free(f);
    return 0;
}

static void must(struct fixture *f, int32_t rc)
{
    if (rc)
        fail_msg("%s", f->err.msg);
}

static struct dr_sql_stmt *prepared(struct fixture *f, const char *sql)
{
    struct dr_sql_stmt *s = NULL;
    must(f, dr_sql_prepare(f->db, sql, &s, &f->err));
    return s;
}

static int64_t one_int(struct fixture *f, struct dr_sql *db, const char *sql)
{
    struct dr_sql_stmt *s;
    bool row = false;
    must(f, dr_sql_prepare(db, sql, &s, &f->err));
    must(f, dr_sql_step(s, &row, &f->err));
    assert_true(row);
    int64_t v = dr_sql_int(s, 0);
    dr_sql_reset(s);
    return v;
}

static struct dr_sql *open_file(struct fixture *f, const char *name, int flags)
{
    struct dr_sql *db = NULL;
    must(f, dr_sql_open(dr_path_join(&f->arena, f->dir, name), flags, 0, &db, &f->err));
    return db;
}

static void a_connection_is_opened_with_safe_settings(void **state)
{
    struct fixture *f = *state;
    struct dr_sql *db = open_file(f, "x.db", 0);
    assert_int_equal(one_int(f, db, "PRAGMA foreign_keys"), 1);
    assert_int_equal(one_int(f, db, "PRAGMA trusted_schema"), 0);
    assert_int_equal(one_int(f, db, "PRAGMA synchronous"), 1);
    assert_int_equal(one_int(f, db, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
    dr_sql_close(db);
    db = open_file(f, "x.db", DR_SQL_FULL_SYNC);
    assert_int_equal(one_int(f, db, "PRAGMA synchronous"), 2);
    dr_sql_close(db);
}

static void every_type_comes_back_as_bound(void **state)
{
    struct fixture *f = *state;
    struct dr_sql_stmt *s = prepared(f, "SELECT ?1, ?2, ?3, ?4, ?5, ?6, x'0001'");
    dr_sql_bind_int(s, 1, INT64_MIN);
    dr_sql_bind_float(s, 2, 0.25);
    dr_sql_bind_str(s, 3, DR_LIT("a\0b"));
    dr_sql_bind_text(s, 4, "text");
    dr_sql_bind_text(s, 5, NULL);
    dr_sql_bind_float(s, 6, NAN);
    bool row;
    must(f, dr_sql_step(s, &row, &f->err));
    assert_int_equal(dr_sql_columns(s), 7);
    assert_true(dr_sql_int(s, 0) == INT64_MIN);
    assert_true(dr_sql_float(s, 1) == 0.25);
    assert_true(dr_str_eq(dr_sql_str(s, 2), DR_LIT("a\0b")));
    assert_string_equal(dr_sql_text(s, 3, &f->arena), "text");
    assert_null(dr_sql_text(s, 4, &f->arena));
    assert_int_equal(dr_sql_column_type(s, 5), DR_SQL_NULL);
    assert_int_equal(dr_sql_column_type(s, 6), DR_SQL_BLOB);
    assert_true(dr_str_eq(dr_sql_str(s, 6), DR_LIT("\0\1")));
    assert_int_equal(dr_sql_column_type(s, 0), DR_SQL_INT);
    assert_int_equal(dr_sql_column_type(s, 1), DR_SQL_FLOAT);
    assert_int_equal(dr_sql_column_type(s, 2), DR_SQL_TEXT);
}

static void a_statement_is_prepared_once(void **state)
{
    struct fixture *f = *state;
    char text[] = "SELECT 1";
    assert_ptr_equal(prepared(f, "SELECT 1"), prepared(f, text));
    text[7] = '2'; /* the same address, another text */
    assert_ptr_not_equal(prepared(f, "SELECT 1"), prepared(f, text));
    assert_int_equal(one_int(f, f->db, text), 2);
}

static void a_prepared_statement_comes_without_old_bindings(void **state)
{
    struct fixture *f = *state;
    static const char sql[] = "SELECT ?1 IS NULL";
    dr_sql_bind_int(prepared(f, sql), 1, 5);
    assert_int_equal(one_int(f, f->db, sql), 1);
}

static void rows_end_with_false_and_may_start_again(void **state)
{
    struct fixture *f = *state;
    must(f, dr_sql_exec(f->db, "INSERT INTO t(name) VALUES ('a'), ('b')", &f->err));
    struct dr_sql_stmt *s = prepared(f, "SELECT name FROM t ORDER BY name");
    assert_string_equal(dr_sql_column_name(s, 0), "name");
    for (int round = 0; round < 2; round++) {
        bool row = false;
        int n = 0;
        for (must(f, dr_sql_step(s, &row, &f->err)); row; must(f, dr_sql_step(s, &row, &f->err)))
            n++;
        assert_int_equal(n, 2);
    }
}

static void a_run_counts_the_rows_it_changed(void **state)
{
    struct fixture *f = *state;
    int64_t changed = -1;
    must(f, dr_sql_run(prepared(f, "INSERT INTO t(name) VALUES ('a'), ('b')"), &changed, &f->err));
    assert_int_equal(changed, 2);
    assert_int_equal(dr_sql_last_id(f->db), 2);
    must(f, dr_sql_run(prepared(f, "UPDATE t SET v = 1 WHERE name = 'none'"), &changed, &f->err));
    assert_int_equal(changed, 0);
    must(f, dr_sql_run(prepared(f, "SELECT 1"), &changed, &f->err));
    assert_int_equal(changed, 0);
}

static void a_failure_tells_message_code_and_statement(void **state)
{
    struct fixture *f = *state;
    struct dr_sql_stmt *s = prepared(f, "INSERT INTO t(name)\n    VALUES (?1)");
    dr_sql_bind_text(s, 1, "same");
    must(f, dr_sql_run(s, NULL, &f->err));
    dr_sql_bind_text(s, 1, "same");
    assert_int_equal(dr_sql_run(s, NULL, &f->err), DR_EDB);
    assert_non_null(strstr(f->err.msg, "UNIQUE constraint failed: t.name"));
    assert_non_null(strstr(f->err.msg, "(code 2067)"));
    assert_non_null(strstr(f->err.msg, "INSERT INTO t(name) VALUES (?1)"));
    dr_sql_bind_text(s, 1, "other"); /* usable after the failure */
    must(f, dr_sql_run(s, NULL, &f->err));
}

static void a_bind_out_of_range_shows_at_step(void **state)
{
    struct fixture *f = *state;
    struct dr_sql_stmt *s = prepared(f, "SELECT ?1");
    bool row;
    dr_sql_bind_int(s, 2, 1);
    assert_int_equal(dr_sql_step(s, &row, &f->err), DR_EDB);
    assert_non_null(strstr(f->err.msg, "out of range"));
    must(f, dr_sql_step(s, &row, &f->err));
}

static void wrong_sql_is_refused_and_shown(void **state)
{
    struct fixture *f = *state;
    struct dr_sql_stmt *s;
    assert_int_equal(dr_sql_prepare(f->db, "SELEKT 1", &s, &f->err), DR_EDB);
    assert_non_null(strstr(f->err.msg, "SELEKT 1"));
    assert_int_equal(dr_sql_prepare(f->db, "SELECT 1; SELECT 2", &s, &f->err), DR_EDB);
    assert_non_null(strstr(f->err.msg, "several"));
    assert_int_equal(dr_sql_prepare(f->db, "  -- nothing", &s, &f->err), DR_EDB);
    assert_int_equal(dr_sql_exec(f->db, "SELECT 1; SELEKT 2", &f->err), DR_EDB);
    assert_non_null(strstr(f->err.msg, "in: SELEKT 2"));
}

static void a_misspelt_column_in_quotes_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct dr_sql_stmt *s;
    assert_int_equal(dr_sql_prepare(f->db, "SELECT \"nmae\" FROM t", &s, &f->err), DR_EDB);
    assert_non_null(strstr(f->err.msg, "no such column"));
}

static void a_long_statement_is_cut_in_the_message(void **state)
{
    struct fixture *f = *state;
    DR_AUTO_BUF b = { 0 };
    dr_buf_puts(&b, "SELEKT ");
    for (int i = 0; i < 300; i++)
        dr_buf_puts(&b, "\xC3\xA9");
    struct dr_sql_stmt *s;
    assert_int_equal(dr_sql_prepare_once(f->db, dr_buf_cstr(&b), &s, &f->err), DR_EDB);
    assert_true(dr_utf8_valid(dr_str_of(f->err.msg)));
    assert_true(dr_str_ends(dr_str_of(f->err.msg), DR_LIT("...")));
}

static void statements_made_at_run_time_are_finalized_in_any_order(void **state)
{
    struct fixture *f = *state;
    struct dr_sql_stmt *s[3];
    for (int i = 0; i < 3; i++)
        must(f, dr_sql_prepare_once(f->db, "SELECT 1", &s[i], &f->err));
    dr_sql_finalize(s[1]);
    dr_sql_finalize(s[0]);
    dr_sql_finalize(s[2]);
    dr_sql_finalize(NULL);
    dr_sql_finalize(prepared(f, "SELECT 1")); /* a cached one stays */
    assert_int_equal(one_int(f, f->db, "SELECT 1"), 1);
}

static void a_rollback_undoes_and_may_be_repeated(void **state)
{
    struct fixture *f = *state;
    must(f, dr_sql_begin(f->db, &f->err));
    assert_true(dr_sql_in_transaction(f->db));
    must(f, dr_sql_exec(f->db, "INSERT INTO t(name) VALUES ('a')", &f->err));
    dr_sql_rollback(f->db);
    dr_sql_rollback(f->db);
    assert_false(dr_sql_in_transaction(f->db));
    assert_int_equal(one_int(f, f->db, "SELECT count(*) FROM t"), 0);
}

static void closing_rolls_back(void **state)
{
    struct fixture *f = *state;
    struct dr_sql *db = open_file(f, "x.db", 0);
    must(f, dr_sql_exec(db, "CREATE TABLE x (a); INSERT INTO x VALUES (1)", &f->err));
    must(f, dr_sql_begin(db, &f->err));
    must(f, dr_sql_exec(db, "DELETE FROM x", &f->err));
    dr_sql_close(db);
    db = open_file(f, "x.db", DR_SQL_READONLY);
    assert_int_equal(one_int(f, db, "SELECT count(*) FROM x"), 1);
    dr_sql_close(db);
    dr_sql_close(NULL);
}

static void a_second_writer_is_told_that_it_is_busy(void **state)
{
    struct fixture *f = *state;
    struct dr_sql *one = open_file(f, "x.db", 0), *two = open_file(f, "x.db", 0);
    must(f, dr_sql_begin(one, &f->err));
    int32_t rc = dr_sql_begin(two, &f->err);
    must(f, dr_sql_commit(one, &f->err));
    dr_sql_close(one);
    dr_sql_close(two);
    assert_int_equal(rc, DR_EBUSY);
}

struct told {
    char text[300];
    struct dr_sql *holder;
};

/* The lock is given up only now: so nothing depends on how long the other one gets to wait. */
static void keep_told(void *ctx, const char *text)
{
    struct told *told = ctx;
    snprintf(told->text, sizeof told->text, "%s", text);
    if (dr_sql_commit(told->holder, NULL))
        snprintf(told->text, sizeof told->text, "the lock cannot be given up");
}

/* Who holds the lock is another process: of one's own nobody is told. */
static void whoever_waits_is_told_after_a_second(void **state)
{
    struct fixture *f = *state;
    struct dr_sql *one = open_file(f, "x.db", 0), *two = NULL;
    struct told told = { .holder = one };
    must(f, dr_sql_open(dr_path_join(&f->arena, f->dir, "x.db"), 0, 60000, &two, &f->err));
    dr_sql_on_wait(two, keep_told, &told);
    must(f, dr_sql_begin(one, &f->err));
    int64_t begin = dr_monotonic_us();
    must(f, dr_sql_begin(two, &f->err));
    assert_true(dr_monotonic_us() - begin >= DR_US_PER_S);
    must(f, dr_sql_commit(two, &f->err));
    dr_sql_close(one);
    dr_sql_close(two);
    assert_non_null(strstr(told.text, "another program holds the lock of '"));
    assert_non_null(strstr(told.text, "x.db'; waiting for it, up to 60 s"));
}

static void a_sign_of_life_is_seen_by_others_until_the_connection_is_closed(void **state)
{
    struct fixture *f = *state;
    struct dr_sql *one = open_file(f, "x.db", 0), *two = open_file(f, "x.db", 0), *memory;
    assert_true(dr_sql_show_life(one, 7));
    assert_false(dr_sql_other_lives(one, 7));
    assert_true(dr_sql_other_lives(two, 7));
    assert_false(dr_sql_other_lives(two, 8));
    assert_false(dr_sql_show_life(two, 7));
    assert_true(dr_sql_show_life(two, UINT32_MAX));
    must(f, dr_sql_exec(one, "CREATE TABLE t (a)", &f->err));
    dr_sql_close(one);
    assert_false(dr_sql_other_lives(two, 7));
    assert_true(dr_sql_show_life(two, 7));
    dr_sql_close(two);
    must(f, dr_sql_open("", DR_SQL_MEMORY, 0, &memory, &f->err));
    assert_false(dr_sql_show_life(memory, 7));
    assert_false(dr_sql_other_lives(memory, 7));
    dr_sql_close(memory);
}

static void a_read_only_connection_cannot_write(void **state)
{
    struct fixture *f = *state;
    dr_sql_close(open_file(f, "x.db", 0));
    struct dr_sql *db = open_file(f, "x.db", DR_SQL_READONLY);
    int32_t rc = dr_sql_exec(db, "CREATE TABLE y (a)", &f->err);
    dr_sql_close(db);
    assert_int_equal(rc, DR_EDB);
    assert_non_null(strstr(f->err.msg, "readonly"));
}

static void what_cannot_be_opened_is_named(void **state)
{
    struct fixture *f = *state;
    struct dr_sql *db = NULL;
    const char *path = dr_path_join(&f->arena, f->dir, "no/x.db");
    assert_int_equal(dr_sql_open(path, 0, 0, &db, &f->err), DR_EDB);
    assert_non_null(strstr(f->err.msg, "no/x.db"));
    path = dr_path_join(&f->arena, f->dir, "text.db");
    must(f, dr_write_file(path, DR_LIT("this is not a database, only text of some length"), &f->err));
    assert_int_equal(dr_sql_open(path, 0, 0, &db, &f->err), DR_EDB);
    assert_non_null(strstr(f->err.msg, "text.db"));
    assert_non_null(strstr(f->err.msg, "not a database"));
    assert_null(db);
}

static void identifiers_are_quoted(void **state)
{
    struct fixture *f = *state;
    DR_AUTO_BUF b = { 0 };
    dr_buf_puts(&b, "CREATE TABLE ");
    dr_buf_put_sql_ident(&b, DR_LIT("a\"; DROP TABLE t; --"));
    dr_buf_puts(&b, " (x)");
    assert_string_equal(dr_buf_cstr(&b), "CREATE TABLE \"a\"\"; DROP TABLE t; --\" (x)");
    must(f, dr_sql_exec(f->db, dr_buf_cstr(&b), &f->err));
    assert_int_equal(one_int(f, f->db, "SELECT count(*) FROM t"), 0);
}

/* In a child: half of a transaction reaches the file, then the process is gone. */
static void die_while_writing(const char *path)
{
    struct dr_sql *db = NULL;
    if (dr_sql_open(path, 0, 1000, &db, NULL) == 0)
        (void)dr_sql_exec(db,
                          "PRAGMA journal_mode = DELETE; PRAGMA cache_size = 2; BEGIN; CREATE TABLE half (v);"
                          "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)"
                          " INSERT INTO half SELECT hex(randomblob(100)) FROM n;",
                          NULL);
    _exit(0);
}

static void a_reader_finds_what_a_killed_writer_left_rolled_back(void **state)
{
    struct fixture *f = *state;
    struct dr_sql *db = open_file(f, "x.db", 0);
    must(f, dr_sql_exec(db, "CREATE TABLE whole (v); INSERT INTO whole VALUES (7)", &f->err));
    dr_sql_close(db);
    char *path = dr_arena_printf(&f->arena, "%s/x.db", f->dir);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        die_while_writing(path);
    assert_int_equal(child, waitpid(child, NULL, 0));
    assert_true(dr_path_exists(dr_arena_printf(&f->arena, "%s-journal", path)));
    db = open_file(f, "x.db", DR_SQL_READONLY);
    assert_int_equal(7, one_int(f, db, "SELECT v FROM whole"));
    assert_int_equal(0, one_int(f, db, "SELECT count(*) FROM sqlite_schema WHERE name = 'half'"));
    dr_sql_close(db);
}

static int32_t open_and_close(const char *path)
{
    struct dr_sql *db;
    int32_t rc = dr_sql_open(path, 0, 5000, &db, NULL);
    if (!rc)
        dr_sql_close(db);
    return rc;
}

static void a_new_database_may_be_opened_by_many_at_once(void **state)
{
    enum { TIMES = 60, OPENERS = 4 };
    struct fixture *f = *state;
    for (int i = 0; i < TIMES; i++) {
        const char *path = dr_arena_printf(&f->arena, "%s/new%d.db", f->dir, i);
        pid_t openers[OPENERS];
        for (int k = 0; k < OPENERS; k++)
            if ((openers[k] = fork()) == 0)
                _exit(open_and_close(path));
        for (int k = 0; k < OPENERS; k++) {
            int status;
            assert_int_equal(waitpid(openers[k], &status, 0), openers[k]);
            assert_int_equal(status, 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_connection_is_opened_with_safe_settings, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_database_may_be_opened_by_many_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(every_type_comes_back_as_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(a_statement_is_prepared_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_prepared_statement_comes_without_old_bindings, setup, teardown),
        cmocka_unit_test_setup_teardown(rows_end_with_false_and_may_start_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_run_counts_the_rows_it_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failure_tells_message_code_and_statement, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bind_out_of_range_shows_at_step, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_sql_is_refused_and_shown, setup, teardown),
        cmocka_unit_test_setup_teardown(a_misspelt_column_in_quotes_is_an_error, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_statement_is_cut_in_the_message, setup, teardown),
        cmocka_unit_test_setup_teardown(statements_made_at_run_time_are_finalized_in_any_order, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_rollback_undoes_and_may_be_repeated, setup, teardown),
        cmocka_unit_test_setup_teardown(closing_rolls_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_second_writer_is_told_that_it_is_busy, setup, teardown),
        cmocka_unit_test_setup_teardown(whoever_waits_is_told_after_a_second, setup, teardown),
        cmocka_unit_test_setup_teardown(a_sign_of_life_is_seen_by_others_until_the_connection_is_closed,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_read_only_connection_cannot_write, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_opened_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(identifiers_are_quoted, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reader_finds_what_a_killed_writer_left_rolled_back, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
