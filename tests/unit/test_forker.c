/* The process that forks workers, and the worker itself: what it leaves in its
 * folder and what it sends. */
#include "test_exec_fixture.h"
#include "exec/forker.h"
#include "exec/msg.h"
#include <poll.h>

struct forker_fixture {
    struct fixture *home;
    struct dr_forker forker;
    struct dr_subst subst;
    struct dr_worker_job base;
    int null_fd;
};

/* busy: what the plugin busy_load does when the forker's children load it. */
static void start_with(struct forker_fixture *f, struct fixture *home, const char *busy)
{
    *f = (struct forker_fixture){ .home = home, .forker = { .control = -1 } };
    load_dag(home, "  a: {plugin: noop}\n  b: {plugin: flaky, with: {until: 5}}\n  c: {plugin: add_one, "
                   "outputs: {out: x}}\n  d: {plugin: busy_load}\n");
    f->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    f->subst = (struct dr_subst){ .dag_id = "t", .params = home->options.params };
    f->base =
        (struct dr_worker_job){ .home = &home->home, .dag = home->dag, .subst = &f->subst, .threads = 1 };
    setenv("BUSY_AT_LOAD", busy, 1);
    assert_int_equal(DR_OK, dr_forker_start(&f->forker, &f->base, f->null_fd, &home->err));
    unsetenv("BUSY_AT_LOAD");
    struct dr_subst run = { .run_id = "r",
                            .logical_date = "2024-03-01T02:30:00Z",
                            .data_interval_start = "s",
                            .data_interval_end = "e" };
    assert_int_equal(DR_OK, dr_forker_tell_run(&f->forker, &run, &home->err));
    assert_int_equal(DR_OK, dr_mkdirs(in_home(home, "var/runs/t/r"), &home->err));
}

static void start(struct forker_fixture *f, struct fixture *home)
{
    start_with(f, home, "");
}

/* Nobody is left: neither the forker nor a spare worker. */
static void stop(struct forker_fixture *f)
{
    dr_forker_stop(&f->forker);
    close(f->null_fd);
    assert_int_equal(-1, waitpid(-1, NULL, WNOHANG));
    assert_int_equal(ECHILD, errno);
}

static struct dr_spare take(struct dr_forker *f, struct dr_err *err)
{
    struct dr_spare s;
    if (dr_forker_take(f, &s, err))
        fail_msg("%s", err->msg);
    return s;
}

static void give(struct dr_spare *s, int32_t task, int32_t attempt)
{
    struct dr_err err;
    if (dr_forker_give(s, task, attempt, 0, &err))
        fail_msg("%s", err.msg);
}

static struct dr_process_end reap(struct dr_spare *s)
{
    struct dr_process_end end;
    assert_int_equal(DR_OK, dr_process_reap(&s->process, &end, NULL));
    return end;
}

static struct dr_process_end give_up(struct dr_spare *s)
{
    close(s->messages);
    close(s->orders);
    dr_process_signal(&s->process, SIGKILL);
    return reap(s);
}

/* The worker's final message, after its end. */
static struct dr_msg end_of(struct forker_fixture *f, struct dr_spare *s, struct dr_process_end *ret_end)
{
    bool any = true;
    ssize_t n;
    static struct dr_msg_reader reader;
    struct dr_msg m, last = { 0 };
    *ret_end = reap(s);
    dr_msg_reader_done(&reader);
    assert_int_equal(DR_OK, dr_msg_fill(&reader, s->messages, &n, &f->home->err));
    while (any) {
        assert_int_equal(DR_OK, dr_msg_next(&reader, &m, &any, &f->home->err));
        if (any)
            last = m;
    }
    if (last.type == DR_MSG_END && last.end.reason)
        last.end.reason = dr_arena_strdup(&f->home->arena, last.end.reason);
    dr_msg_reader_done(&reader);
    close(s->messages);
    return last;
}

static struct dr_msg run_task(struct forker_fixture *f, int32_t task, struct dr_process_end *ret_end)
{
    struct dr_spare s = take(&f->forker, &f->home->err);
    give(&s, task, 1);
    return end_of(f, &s, ret_end);
}

static void workers_are_children_of_the_runner(void **state)
{
    struct forker_fixture f;
    struct dr_process_end end;
    start(&f, *state);
    struct dr_msg m = run_task(&f, 0, &end);
    assert_int_equal(DR_MSG_END, m.type);
    assert_int_equal(DR_END_SUCCESS, m.end.how);
    assert_false(m.end.has_outputs);
    assert_int_equal(0, end.code);
    stop(&f);
}

static void one_worker_after_the_other(void **state)
{
    struct forker_fixture f;
    struct dr_process_end end;
    start(&f, *state);
    for (int i = 0; i < 10; i++)
        assert_int_equal(DR_END_SUCCESS, run_task(&f, 0, &end).end.how);
    stop(&f);
}

static void a_failing_worker_gives_its_reason_and_exit_code(void **state)
{
    struct forker_fixture f;
    struct dr_process_end end;
    start(&f, *state);
    struct dr_msg m = run_task(&f, 1, &end);
    assert_int_equal(DR_END_FAILED, m.end.how);
    assert_string_equal("attempt 1", m.end.reason);
    assert_int_equal(1, end.code);
    assert_contains(read_text(f.home, "var/runs/t/r/b@1.log"), "ERROR attempt 1\n");
    stop(&f);
}

static void outputs_wait_in_the_attempts_folder(void **state)
{
    struct forker_fixture f;
    struct dr_process_end end;
    start(&f, *state);
    struct dr_msg m = run_task(&f, 2, &end);
    assert_true(m.end.has_outputs);
    assert_true(dr_path_exists(in_home(f.home, "var/runs/t/r/c/1/work/out/x.arrow")));
    assert_false(dr_path_exists(in_home(f.home, "var/runs/t/r/c/out")));
    stop(&f);
}

static void a_spare_that_died_cannot_be_given_a_task(void **state)
{
    struct forker_fixture f;
    struct dr_process_end end;
    start(&f, *state);
    struct dr_spare dead = take(&f.forker, &f.home->err);
    dr_process_signal(&dead.process, SIGKILL);
    assert_int_equal(SIGKILL, reap(&dead).signal);
    assert_int_equal(DR_ESYS, dr_forker_give(&dead, 0, 1, 0, &f.home->err));
    close(dead.messages);
    /* The next one is there. */
    assert_int_equal(DR_END_SUCCESS, run_task(&f, 0, &end).end.how);
    stop(&f);
}

/* A second worker that is forked before the first has got its task. */
static void tasks_reach_the_worker_that_was_taken(void **state)
{
    struct forker_fixture f;
    struct dr_process_end end;
    start(&f, *state);
    struct dr_spare a = take(&f.forker, &f.home->err), b = take(&f.forker, &f.home->err);
    give(&b, 1, 1);
    give(&a, 0, 1);
    assert_int_equal(DR_END_FAILED, end_of(&f, &b, &end).end.how);
    assert_int_equal(DR_END_SUCCESS, end_of(&f, &a, &end).end.how);
    stop(&f);
}

static void what_an_unrecorded_attempt_left_is_removed(void **state)
{
    struct forker_fixture f;
    struct dr_process_end end;
    start(&f, *state);
    assert_int_equal(DR_OK, dr_mkdirs(in_home(f.home, "var/runs/t/r/a/1/work/out"), &f.home->err));
    struct dr_spare s = take(&f.forker, &f.home->err);
    assert_int_equal(DR_OK, dr_forker_give(&s, 0, 1, DR_WORKER_IS_RESUMED, &f.home->err));
    assert_int_equal(DR_END_SUCCESS, end_of(&f, &s, &end).end.how);
    assert_false(dr_path_exists(in_home(f.home, "var/runs/t/r/a/1/work")));
    assert_true(dr_path_exists(in_home(f.home, "var/runs/t/r/a@1.log")));
    stop(&f);
}

static void without_its_forker_there_is_an_error(void **state)
{
    struct forker_fixture f;
    struct dr_spare s;
    start(&f, *state);
    s = take(&f.forker, &f.home->err);
    give_up(&s);
    kill(f.forker.process.pid, SIGKILL);
    /* It may have forked another spare before it died. */
    while (dr_forker_take(&f.forker, &s, &f.home->err) == DR_OK)
        give_up(&s);
    assert_contains(f.home->err.msg, "is gone");
    assert_int_equal(-1, f.forker.control);
    stop(&f);
}

/* ---- forkers for one plugin ---- */

/* One for the plugin of `task`; ms: how long it may take until it has a worker to offer or is gone. */
static struct dr_forker start_for(struct forker_fixture *f, int32_t task, int ms)
{
    struct dr_forker own;
    struct dr_spare s = take(&f->forker, &f->home->err);
    if (dr_forker_start_for(&f->forker, task, &own, &f->home->err))
        fail_msg("%s", f->home->err.msg);
    give_up(&s);
    struct pollfd ready = { .fd = own.control, .events = POLLIN };
    int n = poll(&ready, 1, ms);
    assert_int_equal(n, dr_forker_ready(&own));
    return own;
}

static bool maps(pid_t pid, const char *file)
{
    char path[40], line[4096];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *in = fopen(path, "re");
    assert_non_null(in);
    while (fgets(line, sizeof line, in))
        found = found || strstr(line, file);
    fclose(in);
    return found;
}

static void a_forker_for_a_plugin_has_it_loaded_in_its_workers_only(void **state)
{
    struct forker_fixture f;
    struct dr_process_end end;
    start(&f, *state);
    struct dr_forker own = start_for(&f, 2, 20000);
    struct dr_spare s = take(&own, &f.home->err), plain = take(&f.forker, &f.home->err);
    assert_true(maps(s.process.pid, "/add_one.so"));
    assert_false(maps(plain.process.pid, "/add_one.so"));
    give(&s, 2, 1);
    assert_int_equal(DR_END_SUCCESS, end_of(&f, &s, &end).end.how);
    give_up(&plain);
    for (int i = 0; i < 10; i++) {
        s = take(&own, &f.home->err);
        give(&s, 2, 2 + i);
        assert_int_equal(DR_END_SUCCESS, end_of(&f, &s, &end).end.how);
    }
    dr_forker_stop(&own);
    stop(&f);
}

static void workers_of_a_plugins_forker_take_tasks_of_other_plugins_too(void **state)
{
    struct forker_fixture f;
    struct dr_process_end end;
    start(&f, *state);
    struct dr_forker own = start_for(&f, 2, 20000);
    struct dr_spare s = take(&own, &f.home->err);
    give(&s, 1, 1);
    assert_string_equal("attempt 1", end_of(&f, &s, &end).end.reason);
    dr_forker_stop(&own);
    stop(&f);
}

/* Threads and open files of one process are nothing that its children could share. */
static void a_plugin_that_is_busy_when_it_is_loaded_gets_no_forker(void **state)
{
    static const char *const how[] = { "thread", "file", "exit" };
    for (size_t i = 0; i < sizeof how / sizeof *how; i++) {
        struct forker_fixture f;
        struct dr_spare s;
        start_with(&f, *state, how[i]);
        struct dr_forker own = start_for(&f, 3, 20000);
        assert_int_not_equal(DR_OK, dr_forker_take(&own, &s, &f.home->err));
        assert_int_equal(-1, own.control);
        stop(&f);
    }
}

static void a_plugin_that_hangs_when_it_is_loaded_keeps_nobody_waiting(void **state)
{
    struct forker_fixture f;
    struct dr_process_end end;
    start_with(&f, *state, "hang");
    struct dr_forker own = start_for(&f, 3, 50);
    assert_false(dr_forker_ready(&own));
    assert_int_equal(DR_END_SUCCESS, run_task(&f, 0, &end).end.how);
    dr_forker_stop(&own);
    stop(&f);
}

static void a_forker_that_was_told_nothing_can_be_stopped(void **state)
{
    struct fixture *home = *state;
    struct forker_fixture f = { .home = home, .null_fd = -1 };
    load_dag(home, "  a: {plugin: noop}\n");
    f.base = (struct dr_worker_job){ .home = &home->home, .dag = home->dag, .subst = &f.subst };
    assert_int_equal(DR_OK, dr_forker_start(&f.forker, &f.base, -1, &home->err));
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXEC_TEST(workers_are_children_of_the_runner),
        EXEC_TEST(one_worker_after_the_other),
        EXEC_TEST(a_failing_worker_gives_its_reason_and_exit_code),
        EXEC_TEST(outputs_wait_in_the_attempts_folder),
        EXEC_TEST(a_spare_that_died_cannot_be_given_a_task),
        EXEC_TEST(tasks_reach_the_worker_that_was_taken),
        EXEC_TEST(what_an_unrecorded_attempt_left_is_removed),
        EXEC_TEST(without_its_forker_there_is_an_error),
        EXEC_TEST(a_forker_for_a_plugin_has_it_loaded_in_its_workers_only),
        EXEC_TEST(workers_of_a_plugins_forker_take_tasks_of_other_plugins_too),
        EXEC_TEST(a_plugin_that_is_busy_when_it_is_loaded_gets_no_forker),
        EXEC_TEST(a_plugin_that_hangs_when_it_is_loaded_keeps_nobody_waiting),
        EXEC_TEST(a_forker_that_was_told_nothing_can_be_stopped),
    };
    signal(SIGPIPE, SIG_IGN); /* as the runner does */
    return RUN_TESTS("forker and worker", tests);
}
