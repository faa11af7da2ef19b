/* test_exec_fixture.h - a dagrun home in a fresh folder with the plugins of
 * tasks/ and tests/fixtures/plugins, and DAGs written as YAML by the tests. */
#ifndef TEST_EXEC_FIXTURE_H
#define TEST_EXEC_FIXTURE_H
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/file.h"
#include "base/num.h"
#include "base/sqlite.h"
#include "exec/executor.h"
#include "exec/plugins.h"
#include "state/state.h"
#include "temp_folder.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNDER_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define UNDER_SANITIZER 1
#endif
#endif
#ifndef UNDER_SANITIZER
#define UNDER_SANITIZER 0
#endif

struct fixture {
    char folder[200];
    struct dr_arena arena;
    struct dr_home home;
    struct dr_err err;
    struct dr_dag *dag;
    struct dr_exec_options options;
    struct dr_exec_outcome outcome;
};

static inline void link_plugins(const char *from, const char *to)
{
    DR_AUTO_ARENA a = { 0 };
    char **names;
    size_t n;
    if (dr_list_dir(&a, from, ".so", &names, &n, NULL))
        fail_msg("no plugins in %s: make all test-programs", from);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(0, symlink(dr_path_join(&a, from, names[i]), dr_path_join(&a, to, names[i])));
}

static inline int make_home(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    if (!make_temp_folder(f->folder, sizeof f->folder))
        return -1;
    static const char *const folders[] = { "dags", "expectations", "data", "build/tasks", "var" };
    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
        if (dr_mkdirs(dr_path_join(&f->arena, f->folder, folders[i]), &f->err))
            return -1;
    char *tasks = dr_path_join(&f->arena, f->folder, "build/tasks");
    link_plugins(BUILD_DIR "/tests/fixtures/plugins", tasks);
    link_plugins(BUILD_DIR "/tasks", tasks);
    if (dr_home_find(&f->arena, f->folder, &f->home, &f->err))
        return -1;
    *state = f;
    return 0;
}

static inline int drop_home(void **state)
{
    struct fixture *f = *state;
    (void)dr_remove_tree(f->folder, NULL);
    dr_arena_done(&f->arena);
    test_free(f);
    return 0;
}

static inline char *in_home(struct fixture *f, const char *path)
{
    return dr_path_join(&f->arena, f->folder, path);
}

static inline void write_file(struct fixture *f, const char *path, const char *text)
{
    assert_int_equal(DR_OK, dr_write_file(in_home(f, path), dr_str_of(text), &f->err));
}

static inline const char *read_text(struct fixture *f, const char *path)
{
    struct dr_str text;
    if (dr_read_file(&f->arena, in_home(f, path), 1 << 24, &text, &f->err))
        fail_msg("%s", f->err.msg);
    return text.p;
}

/* dags/t.yaml with these tasks (YAML, indented by two), loaded. */
static inline void load_dag(struct fixture *f, const char *tasks)
{
    write_file(f, "dags/t.yaml",
               dr_arena_printf(&f->arena, "dag_id: t\ndefault_args: {retries: 0}\ntasks:\n%s", tasks));
    struct dr_plugins *plugins;
    struct dr_diags diags = { .arena = &f->arena };
    assert_int_equal(DR_OK, dr_plugins_load(&f->arena, &f->home, NULL, 0, &plugins, &f->err));
    struct dr_spec_source source = dr_plugins_source(plugins);
    f->dag = dr_dag_load(&f->arena, &f->home, "t", &source, &diags);
    if (!f->dag) {
        (void)dr_diags_fail(&diags, &f->err);
        fail_msg("%s", f->err.msg);
    }
    struct dr_node *params;
    assert_int_equal(DR_OK, dr_dag_params(&f->arena, f->dag, NULL, &params, &f->err));
    f->options = (struct dr_exec_options){
        .home = &f->home,
        .dag = f->dag,
        .run_type = "manual",
        .params = params,
        .program = "test",
        .run_id = "r",
        .grace_us = 100000,
    };
}

static inline void run_dag(struct fixture *f)
{
    if (dr_exec_run(&f->options, &f->outcome, &f->err))
        fail_msg("%s", f->err.msg);
}

/* One value of the run store, as text; NULL for NULL or no row. */
static inline char *ask(struct fixture *f, const char *sql)
{
    struct dr_sql *db;
    struct dr_sql_stmt *st;
    bool row = false;
    /* For writing, since a killed runner may have left a journal to roll back. */
    if (dr_sql_open(f->home.db, 0, 30000, &db, &f->err))
        fail_msg("%s", f->err.msg);
    if (dr_sql_prepare_once(db, sql, &st, &f->err) || dr_sql_step(st, &row, &f->err))
        fail_msg("%s", f->err.msg);
    char *text = row ? dr_sql_text(st, 0, &f->arena) : NULL;
    dr_sql_finalize(st);
    dr_sql_close(db);
    return text;
}

static inline const char *task_column(struct fixture *f, const char *task, const char *column)
{
    return ask(f, dr_arena_printf(&f->arena,
                                  "SELECT CAST(i.%s AS TEXT) FROM task_instance i JOIN task USING (task_key)"
                                  " WHERE task_id = '%s' ORDER BY instance_key DESC LIMIT 1",
                                  column, task));
}

static inline const char *task_state(struct fixture *f, const char *task)
{
    return task_column(f, task, "state");
}

static inline const char *task_reason(struct fixture *f, const char *task)
{
    const char *reason = task_column(f, task, "reason");
    return reason ? reason : "";
}

/* Whether it has ended: whoever inherited it may take a moment to reap it. */
static inline bool is_gone(struct fixture *f, int64_t pid)
{
    struct dr_str text;
    return dr_read_file(&f->arena, dr_arena_printf(&f->arena, "/proc/%d/stat", (int)pid), 4096, &text,
                        NULL) != DR_OK ||
           strstr(text.p, ") Z ");
}

/* For a minute at most: a machine that has other work takes long over little. */
#define WAIT_UNTIL(condition)                                                                                \
    for (int i_ = 0; i_ < 30000 && !(condition); i_++)                                                       \
    usleep(2000)

#define assert_contains(text, part)                                                                          \
    do {                                                                                                     \
        const char *text_ = (text);                                                                          \
        if (!strstr(text_, part))                                                                            \
            fail_msg("'%s' does not contain '%s'", text_, part);                                             \
    } while (0)

/* valgrind 3.19 knows no pidfds, and nothing runs without them. */
static inline bool has_pidfds(void)
{
    int fd = pidfd_open(getpid(), 0);
    if (fd < 0)
        fprintf(stderr, "no pidfds here: skipped\n");
    else
        close(fd);
    return fd >= 0;
}
static inline int run_group(const char *name, const struct CMUnitTest *tests, size_t n)
{
    return has_pidfds() ? _cmocka_run_group_tests(name, tests, n, NULL, NULL) : 0;
}
#define RUN_TESTS(name, tests) run_group(name, tests, sizeof(tests) / sizeof(*(tests)))
#define EXEC_TEST(f) cmocka_unit_test_setup_teardown(f, make_home, drop_home)
#endif
