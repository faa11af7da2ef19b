/* test_state.c - opening, migrating and refusing run stores; what a user sees
 * when the disk is full, the folder read-only or the database locked. */
#include "test_state_fixture.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* ---- opening -------------------------------------------------------------------- */

static void opening_for_writing_makes_the_database(void **state)
{
    struct fixture *f = *state;
    assert_ok(f, dr_state_open(&f->home, 0, &f->state, &f->err));
    assert_true(dr_path_exists(f->db));
    assert_int_equal(sql_int(f, "PRAGMA user_version"), 1);
    assert_int_equal(sql_int(f, "PRAGMA application_id"), 0x64616772);
    assert_string_equal(sql_text(f, "PRAGMA journal_mode"), "wal");
}

static void opening_for_reading_does_not_make_it(void **state)
{
    struct fixture *f = *state;
    assert_fails(f, dr_state_open(&f->home, DR_STATE_READONLY, &f->state, &f->err), DR_ENOTFOUND,
                 "nothing has run");
    assert_false(dr_path_exists(f->var));
}

static void every_table_is_strict(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(
        sql_int(f, "SELECT count(*) FROM pragma_table_list"
                   " WHERE schema = 'main' AND type = 'table' AND strict = 0 AND name NOT GLOB 'sqlite_*'"),
        0);
    assert_true(sql_int(f, "SELECT count(*) FROM pragma_table_list WHERE strict = 1") >= 14);
}

static void every_view_can_be_read(void **state)
{
    struct fixture *f = *state;
    static const char *const views[] = { "v_dag",
                                         "v_run",
                                         "v_task",
                                         "v_attempt",
                                         "v_expectation_result",
                                         "v_failed_expectation",
                                         "v_dataset_event",
                                         "v_lineage",
                                         "v_metric",
                                         "v_row_account" };
    for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++)
        assert_int_equal(sql_int(f, dr_arena_printf(&f->arena, "SELECT count(*) FROM %s", views[i])), 0);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM sqlite_schema WHERE type = 'view'"),
                     sizeof(views) / sizeof(views[0]));
}

static void every_reference_that_cascades_has_an_index(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(sql_text(f, "SELECT coalesce(group_concat(t.name || '.' || k.\"from\"), '')"
                                    " FROM pragma_table_list t, pragma_foreign_key_list(t.name) k"
                                    " WHERE t.schema = 'main' AND k.on_delete = 'CASCADE' AND NOT EXISTS"
                                    " (SELECT 1 FROM pragma_index_list(t.name) l, pragma_index_info(l.name) c"
                                    "  WHERE c.seqno = 0 AND c.name = k.\"from\")"),
                        "");
}

/* ---- migrations ------------------------------------------------------------------- */

static const char *const first_schema[] = { "CREATE TABLE note (text TEXT NOT NULL) STRICT" };
static const char *const second_schema[] = { "ALTER TABLE note ADD COLUMN author TEXT",
                                             "UPDATE note SET author = 'unknown'" };
static const char *const broken_schema[] = { "CREATE TABLE other (a INTEGER) STRICT", "CREATE GARBAGE" };
static const struct dr_migration good[] = { { first_schema, 1 }, { second_schema, 2 } };
static const struct dr_migration broken[] = { { first_schema, 1 }, { broken_schema, 2 } };

/* A database as a program with the first schema only would have left it. */
static void make_version_1(struct fixture *f)
{
    struct dr_sql *db;
    assert_ok(f, dr_mkdirs(f->var, &f->err));
    assert_ok(f, dr_sql_open(f->db, 0, 1000, &db, &f->err));
    assert_ok(f,
              dr_sql_exec(db,
                          "PRAGMA application_id = 1684105074; CREATE TABLE note (text TEXT NOT NULL) STRICT;"
                          "INSERT INTO note VALUES ('kept'); PRAGMA user_version = 1",
                          &f->err));
    dr_sql_close(db);
}

static void an_older_database_is_migrated_and_keeps_its_rows(void **state)
{
    struct fixture *f = *state;
    struct dr_state_setup setup = { good, 2, 1000 };
    make_version_1(f);
    assert_ok(f, dr_state_open_with(&f->home, 0, &setup, &f->state, &f->err));
    assert_int_equal(sql_int(f, "PRAGMA user_version"), 2);
    assert_string_equal(sql_text(f, "SELECT text || ' ' || author FROM note"), "kept unknown");
}

static void a_reader_of_an_older_database_migrates_it_too(void **state)
{
    struct fixture *f = *state;
    struct dr_state_setup setup = { good, 2, 1000 };
    make_version_1(f);
    assert_ok(f, dr_state_open_with(&f->home, DR_STATE_READONLY, &setup, &f->state, &f->err));
    assert_string_equal(sql_text(f, "SELECT author FROM note"), "unknown");
    assert_fails(f, dr_sql_exec(f->state->db, "DELETE FROM note", &f->err), DR_EDB, "readonly");
}

static void a_failed_migration_leaves_the_database_as_it_was(void **state)
{
    struct fixture *f = *state;
    struct dr_state_setup setup = { broken, 2, 1000 };
    make_version_1(f);
    assert_fails(f, dr_state_open_with(&f->home, 0, &setup, &f->state, &f->err), DR_EDB,
                 "migration from schema 1 to 2");
    setup = (struct dr_state_setup){ broken, 1, 1000 };
    assert_ok(f, dr_state_open_with(&f->home, 0, &setup, &f->state, &f->err));
    assert_int_equal(sql_int(f, "PRAGMA user_version"), 1);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM sqlite_schema WHERE name = 'other'"), 0);
}

static void a_newer_database_is_refused(void **state)
{
    struct fixture *f = *state;
    struct dr_state_setup setup = { good, 2, 1000 };
    make_version_1(f);
    assert_ok(f, dr_state_open_with(&f->home, 0, &setup, &f->state, &f->err));
    dr_state_close(f->state);
    f->state = NULL;
    setup.n = 1;
    assert_fails(f, dr_state_open_with(&f->home, 0, &setup, &f->state, &f->err), DR_EDB, "newer dagrun");
    assert_fails(f, dr_state_open_with(&f->home, DR_STATE_READONLY, &setup, &f->state, &f->err), DR_EDB,
                 "schema 2");
}

static void two_programs_may_make_it_at_once(void **state)
{
    struct fixture *f = *state;
    pid_t children[4];
    for (int i = 0; i < 4; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            struct dr_state *mine;
            _exit(dr_state_open(&f->home, 0, &mine, NULL));
        }
    }
    for (int i = 0; i < 4; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    assert_ok(f, dr_state_open(&f->home, DR_STATE_READONLY, &f->state, &f->err));
}

/* ---- what is in the way ----------------------------------------------------------- */

static void a_database_of_another_program_is_refused(void **state)
{
    struct fixture *f = *state;
    struct dr_sql *db;
    assert_ok(f, dr_mkdirs(f->var, &f->err));
    assert_ok(f, dr_sql_open(f->db, 0, 1000, &db, &f->err));
    assert_ok(f, dr_sql_exec(db, "CREATE TABLE theirs (a INTEGER)", &f->err));
    dr_sql_close(db);
    assert_fails(f, dr_state_open(&f->home, 0, &f->state, &f->err), DR_EDB, "another program");
    assert_fails(f, dr_state_open(&f->home, DR_STATE_READONLY, &f->state, &f->err), DR_EDB,
                 "another program");
}

static void a_file_that_is_no_database_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_ok(f, dr_mkdirs(f->var, &f->err));
    assert_ok(f, dr_write_file(f->db, DR_LIT("This is a letter, not a database.\n"), &f->err));
    assert_fails(f, dr_state_open(&f->home, 0, &f->state, &f->err), DR_EDB, "not a database");
}

static void a_lock_held_by_someone_else_is_said_in_clear_words(void **state)
{
    struct fixture *f = *state;
    struct dr_state_setup setup = { .busy_ms = 30 };
    struct dr_sql *other;
    int64_t version;
    setup.migrations = dr_state_migrations(&setup.n);
    assert_ok(f, dr_state_open_with(&f->home, 0, &setup, &f->state, &f->err));
    assert_ok(f, dr_sql_open(f->db, 0, 30, &other, &f->err));
    assert_ok(f, dr_sql_begin(other, &f->err));
    assert_fails(f, dr_state_put_dag(f->state, &f->dag, &version, &f->err), DR_EBUSY,
                 "held by another program");
    dr_sql_close(other);
    assert_ok(f, dr_state_put_dag(f->state, &f->dag, &version, &f->err));
}

static void a_lock_on_the_whole_file_is_said_in_the_same_words(void **state)
{
    struct fixture *f = *state;
    struct dr_state_setup setup = { .busy_ms = 30 };
    struct dr_sql *other;
    setup.migrations = dr_state_migrations(&setup.n);
    assert_ok(f, dr_mkdirs(f->var, &f->err));
    assert_ok(f, dr_sql_open(f->db, 0, 30, &other, &f->err));
    assert_ok(
        f, dr_sql_exec(other, "PRAGMA locking_mode = EXCLUSIVE; CREATE TABLE theirs (a INTEGER)", &f->err));
    assert_fails(f, dr_state_open_with(&f->home, 0, &setup, &f->state, &f->err), DR_EBUSY,
                 "held by another program");
    dr_sql_close(other);
}

static void a_writer_waits_for_a_short_lock(void **state)
{
    struct fixture *f = *state;
    int64_t version;
    int ready[2];
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid_t child = fork();
    if (child == 0) {
        struct dr_sql *other;
        int32_t rc = dr_sql_open(f->db, 0, 1000, &other, NULL);
        rc = rc ? rc : dr_sql_begin(other, NULL);
        rc = rc ? rc : write(ready[1], "x", 1) != 1;
        usleep(50000);
        _exit(rc ? rc : dr_sql_commit(other, NULL));
    }
    char c;
    assert_int_equal(read(ready[0], &c, 1), 1);
    assert_ok(f, dr_state_put_dag(f->state, &f->dag, &version, &f->err));
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(ready[0]);
    close(ready[1]);
}

static void a_full_disk_is_named_and_leaves_nothing_half_done(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    int64_t run = start_run(f, "first", 0, tasks);
    int64_t attempt = start_task(f, tasks[EXTRACT], 1);
    DR_AUTO_BUF large = { 0 };
    dr_buf_printf(&large, "{\"text\":\"%0*d\"}", 300000, 1);
    struct dr_result_record r = a_result("a", true);
    r.result = dr_buf_cstr(&large);
    assert_ok(f, dr_sql_exec(f->state->db, "PRAGMA max_page_count = 1", &f->err));
    assert_fails(f, dr_state_put_result(f->state, attempt, &r, &f->err), DR_EDB, "full");
    assert_non_null(strstr(f->err.msg, f->db));
    assert_ok(f, dr_sql_exec(f->state->db, "PRAGMA max_page_count = 1000000", &f->err));
    assert_int_equal(sql_int(f, "SELECT count(*) FROM expectation"), 0);
    put_result(f, attempt, r);
    end_task(f, tasks[EXTRACT], attempt, DR_TASK_SUCCESS);
    end_run(f, run, DR_RUN_SUCCESS);
}

/* Root may write anywhere, so the child that tries becomes somebody else. */
static int as_nobody(struct fixture *f, int flags, char *message, size_t size)
{
    int pipefd[2];
    if (pipe2(pipefd, O_CLOEXEC))
        return -1;
    pid_t child = fork();
    if (child == 0) {
        struct dr_state *mine = NULL;
        struct dr_err err = { 0 };
        if (geteuid() == 0 && (setgid(65534) || setuid(65534)))
            _exit(100);
        int32_t rc = dr_state_open(&f->home, flags, &mine, &err);
        if (write(pipefd[1], err.msg, strlen(err.msg)) < 0)
            _exit(101);
        dr_state_close(mine);
        _exit(rc);
    }
    close(pipefd[1]);
    ssize_t n = read(pipefd[0], message, size - 1);
    message[n > 0 ? n : 0] = '\0';
    close(pipefd[0]);
    int status;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_read_only_home_can_be_read_but_not_written(void **state)
{
    struct fixture *f = *state;
    char message[600];
    assert_ok(f, dr_state_open(&f->home, 0, &f->state, &f->err));
    dr_state_close(f->state);
    f->state = NULL;
    assert_int_equal(chmod(f->folder, 0755), 0);
    assert_int_equal(chmod(f->db, 0444), 0);
    assert_int_equal(chmod(f->var, 0555), 0);
    int read_rc = as_nobody(f, DR_STATE_READONLY, message, sizeof(message));
    int write_rc = as_nobody(f, 0, message, sizeof(message));
    assert_int_equal(chmod(f->var, 0755), 0);
    assert_int_equal(read_rc, DR_OK);
    assert_int_equal(write_rc, DR_EDB);
    assert_non_null(strstr(message, "must be able to write there"));
}

/* ---- transactions ------------------------------------------------------------------ */

static void a_rolled_back_transaction_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    assert_ok(f, dr_state_begin(f->state, &f->err));
    start_run(f, "gone", 0, tasks);
    int64_t attempt = start_task(f, tasks[EXTRACT], 1);
    put_result(f, attempt, a_result("a", true));
    dr_state_rollback(f->state);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM dag_run"), 0);
    /* A dataset key remembered from the lost transaction would now be a dangling one. */
    start_run(f, "kept", 0, tasks);
    put_result(f, start_task(f, tasks[EXTRACT], 1), a_result("a", true));
    assert_int_equal(sql_int(f, "SELECT count(*) FROM v_expectation_result"), 1);
}

static void a_second_begin_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_ok(f, dr_state_begin(f->state, &f->err));
    assert_fails(f, dr_state_begin(f->state, &f->err), DR_EBUG, "open already");
    assert_ok(f, dr_state_commit(f->state, &f->err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(opening_for_writing_makes_the_database, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(opening_for_reading_does_not_make_it, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(every_table_is_strict, open_store, remove_folder),
        cmocka_unit_test_setup_teardown(every_view_can_be_read, open_store, remove_folder),
        cmocka_unit_test_setup_teardown(every_reference_that_cascades_has_an_index, open_store,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(an_older_database_is_migrated_and_keeps_its_rows, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_reader_of_an_older_database_migrates_it_too, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_failed_migration_leaves_the_database_as_it_was, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_newer_database_is_refused, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(two_programs_may_make_it_at_once, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_database_of_another_program_is_refused, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_file_that_is_no_database_is_refused, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_lock_held_by_someone_else_is_said_in_clear_words, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_lock_on_the_whole_file_is_said_in_the_same_words, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_writer_waits_for_a_short_lock, open_store, remove_folder),
        cmocka_unit_test_setup_teardown(a_full_disk_is_named_and_leaves_nothing_half_done, open_store,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_read_only_home_can_be_read_but_not_written, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_rolled_back_transaction_leaves_nothing, open_store, remove_folder),
        cmocka_unit_test_setup_teardown(a_second_begin_is_refused, open_store, remove_folder),
    };
    return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
