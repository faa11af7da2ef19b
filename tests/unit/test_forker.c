/* The process that forks workers, and the worker itself: what it leaves in its
 * folder and what it sends. */
#include "test_exec_fixture.h"
#include "exec/forker.h"
#include "exec/msg.h"

struct forker_fixture {
    struct fixture *home;
    struct dr_forker forker;
    struct dr_subst subst;
    struct dr_worker_job base;
    int null_fd;
};

static void start(struct forker_fixture *f, struct fixture *home)
{
    *f = (struct forker_fixture){ .home = home, .forker = { .control = -1 } };
    load_dag(home, "  a: {plugin: noop}\n  b: {plugin: flaky, with: {until: 5}}\n  c: {plugin: add_one, "
                   "outputs: {out: x}}\n");
    f->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    f->subst = (struct dr_subst){ .dag_id = "t", .params = home->options.params };
    f->base =
        (struct dr_worker_job){ .home = &home->home, .dag = home->dag, .subst = &f->subst, .threads = 1 };
    assert_int_equal(DR_OK, dr_forker_start(&f->forker, &f->base, f->null_fd, &home->err));
    struct dr_subst run = { .run_id = "r",
                            .logical_date = "2024-03-01T02:30:00Z",
                            .data_interval_start = "s",
                            .data_interval_end = "e" };
    assert_int_equal(DR_OK, dr_forker_tell_run(&f->forker, &run, &home->err));
    assert_int_equal(DR_OK, dr_mkdirs(in_home(home, "var/runs/t/r"), &home->err));
}

/* Nobody is left: neither the forker nor a spare worker. */
static void stop(struct forker_fixture *f)
{
    dr_forker_stop(&f->forker);
    close(f->null_fd);
    assert_int_equal(-1, waitpid(-1, NULL, WNOHANG));
    assert_int_equal(ECHILD, errno);
}

static struct dr_process take(struct forker_fixture *f, int *ret_fd)
{
    struct dr_process p;
    if (dr_forker_take(&f->forker, &p, ret_fd, &f->home->err))
        fail_msg("%s", f->home->err.msg);
    return p;
}

/* The worker's final message, after its end. */
static struct dr_msg run_task(struct forker_fixture *f, int32_t task, struct dr_process_end *ret_end)
{
    int fd;
    bool any = true;
    ssize_t n;
    static struct dr_msg_reader reader;
    struct dr_msg m, last = { 0 };
    struct dr_process p = take(f, &fd);
    assert_int_equal(DR_OK, dr_forker_give(fd, task, 1, false, &f->home->err));
    assert_int_equal(DR_OK, dr_process_reap(&p, ret_end, &f->home->err));
    dr_msg_reader_done(&reader);
    assert_int_equal(DR_OK, dr_msg_fill(&reader, fd, &n, &f->home->err));
    while (any) {
        assert_int_equal(DR_OK, dr_msg_next(&reader, &m, &any, &f->home->err));
        if (any)
            last = m;
    }
    if (last.type == DR_MSG_END && last.end.reason)
        last.end.reason = dr_arena_strdup(&f->home->arena, last.end.reason);
    dr_msg_reader_done(&reader);
    close(fd);
    return last;
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
    assert_contains(read_text(f.home, "var/runs/t/r/b/1/log"), "ERROR attempt 1\n");
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
    int fd;
    start(&f, *state);
    struct dr_process dead = take(&f, &fd);
    dr_process_signal(&dead, SIGKILL);
    assert_int_equal(DR_OK, dr_process_reap(&dead, &end, &f.home->err));
    assert_int_equal(SIGKILL, end.signal);
    assert_int_equal(DR_ESYS, dr_forker_give(fd, 0, 1, false, &f.home->err));
    close(fd);
    /* The next one is there. */
    assert_int_equal(DR_END_SUCCESS, run_task(&f, 0, &end).end.how);
    stop(&f);
}

/* A second worker that is forked before the first has got its task. */
static void tasks_reach_the_worker_that_was_taken(void **state)
{
    struct forker_fixture f;
    struct dr_process_end end;
    int first, second;
    start(&f, *state);
    struct dr_process a = take(&f, &first), b = take(&f, &second);
    assert_int_equal(DR_OK, dr_forker_give(second, 1, 1, false, &f.home->err));
    assert_int_equal(DR_OK, dr_forker_give(first, 0, 1, false, &f.home->err));
    assert_int_equal(DR_OK, dr_process_reap(&b, &end, &f.home->err));
    assert_int_equal(1, end.code);
    assert_int_equal(DR_OK, dr_process_reap(&a, &end, &f.home->err));
    assert_int_equal(0, end.code);
    close(first);
    close(second);
    stop(&f);
}

static void a_worker_that_loaded_a_plugin_ahead_takes_any_task(void **state)
{
    struct forker_fixture f;
    struct dr_process_end end;
    int fd;
    start(&f, *state);
    struct dr_process p = take(&f, &fd);
    dr_forker_next(&f.forker, 2);
    assert_int_equal(DR_OK, dr_forker_give(fd, 0, 1, false, &f.home->err));
    assert_int_equal(DR_OK, dr_process_reap(&p, &end, &f.home->err));
    close(fd);
    assert_int_equal(DR_END_FAILED, run_task(&f, 1, &end).end.how);
    p = take(&f, &fd);
    dr_forker_next(&f.forker, 2);
    assert_int_equal(DR_OK, dr_forker_give(fd, 0, 2, false, &f.home->err));
    assert_int_equal(DR_OK, dr_process_reap(&p, &end, &f.home->err));
    close(fd);
    assert_int_equal(DR_END_SUCCESS, run_task(&f, 2, &end).end.how);
    stop(&f);
}

static void folders_made_ahead_are_used(void **state)
{
    struct forker_fixture f;
    struct dr_process_end end;
    int fd;
    start(&f, *state);
    assert_int_equal(DR_OK, dr_mkdirs(in_home(f.home, "var/runs/t/r/a/1"), &f.home->err));
    struct dr_process p = take(&f, &fd);
    assert_int_equal(DR_OK, dr_forker_give(fd, 0, 1, true, &f.home->err));
    assert_int_equal(DR_OK, dr_process_reap(&p, &end, &f.home->err));
    assert_int_equal(0, end.code);
    assert_true(dr_path_exists(in_home(f.home, "var/runs/t/r/a/1/log")));
    close(fd);
    stop(&f);
}

static void without_its_forker_there_is_an_error(void **state)
{
    struct forker_fixture f;
    struct dr_process p;
    start(&f, *state);
    int fd;
    struct dr_process spare = take(&f, &fd);
    struct dr_process_end end;
    close(fd);
    dr_process_signal(&spare, SIGKILL);
    assert_int_equal(DR_OK, dr_process_reap(&spare, &end, &f.home->err));
    kill(f.forker.process.pid, SIGKILL);
    /* It may have forked another spare before it died. */
    while (dr_forker_take(&f.forker, &p, &fd, &f.home->err) == DR_OK) {
        close(fd);
        dr_process_signal(&p, SIGKILL);
        assert_int_equal(DR_OK, dr_process_reap(&p, &end, &f.home->err));
    }
    assert_contains(f.home->err.msg, "is gone");
    assert_int_equal(-1, f.forker.control);
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
        EXEC_TEST(a_worker_that_loaded_a_plugin_ahead_takes_any_task),
        EXEC_TEST(folders_made_ahead_are_used),
        EXEC_TEST(without_its_forker_there_is_an_error),
        EXEC_TEST(a_forker_that_was_told_nothing_can_be_stopped),
    };
    return RUN_TESTS("forker and worker", tests);
}
