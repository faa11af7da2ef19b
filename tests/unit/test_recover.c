/* Runs that are stopped: by signals, and by the death of their runner. */
#include "test_exec_fixture.h"
#include "exec/recover.h"

/* dr_exec_run in a process of its own; its exit code is the run's state, or 100. */
static pid_t start_runner(struct fixture *f)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    /* Under cmocka's handlers a crash here would go on as a second test program. */
    for (int i = 1; i < 32; i++)
        signal(i, SIG_DFL);
    int32_t rc = dr_exec_run(&f->options, &f->outcome, &f->err);
    if (rc)
        fprintf(stderr, "runner: %s\n", f->err.msg);
    _exit(rc ? 100 : (int)f->outcome.state);
}

static int wait_runner(pid_t pid)
{
    int status;
    assert_int_equal(pid, waitpid(pid, &status, 0));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* Until the file is there. */
static void await(struct fixture *f, const char *path)
{
    WAIT_UNTIL(dr_path_exists(in_home(f, path)));
    if (!dr_path_exists(in_home(f, path)))
        fail_msg("%s never came", path);
}

/* Until it has begun, and the run store says so: the record of the start waits two milliseconds. */
static void await_start(struct fixture *f)
{
    await(f, "started");
    WAIT_UNTIL(dr_streq(task_state(f, "a"), "running"));
    assert_string_equal("running", task_state(f, "a"));
}

/* A run whose runner is dead is found by and by. */
static void recover_one(struct fixture *f)
{
    int32_t n = 0;
    for (int i = 0; i < 12000 && n == 0; i++, usleep(5000))
        assert_int_equal(DR_OK, dr_exec_recover(&f->home, &n, &f->err));
    assert_int_equal(1, n);
}

static int64_t run_key(struct fixture *f)
{
    int64_t key;
    assert_true(dr_parse_i64(dr_str_of(ask(f, "SELECT CAST(run_key AS TEXT) FROM dag_run")), &key));
    return key;
}

static void resume(struct fixture *f)
{
    f->options.resume_run = run_key(f);
    f->options.run_id = NULL;
    run_dag(f);
}

/* ---- signals ---- */

static void a_first_signal_cancels_in_good_order(void **state)
{
    struct fixture *f = *state;
    load_dag(f, "  a: {plugin: shell, with: {command: 'touch started; sleep 60'}}\n"
                "  b: {plugin: noop, depends_on: [a]}\n"
                "  c: {plugin: noop, depends_on: [a], trigger_rule: all_done}\n");
    pid_t pid = start_runner(f);
    await(f, "started");
    kill(pid, SIGINT);
    assert_int_equal(DR_RUN_CANCELLED, wait_runner(pid));
    assert_string_equal("cancelled", task_state(f, "a"));
    assert_string_equal("cancelled", task_state(f, "b"));
    assert_string_equal("cancelled", task_state(f, "c"));
    assert_string_equal("cancelled by SIGINT", ask(f, "SELECT reason FROM dag_run"));
}

static void a_second_signal_kills_at_once(void **state)
{
    struct fixture *f = *state;
    load_dag(f, "  a: {plugin: shell, with: {command: 'trap \"touch asked\" TERM; touch started; "
                "while :; do sleep 0.01; done'}}\n"
                "  b: {plugin: stubborn}\n");
    f->options.grace_us = 60000000;
    pid_t pid = start_runner(f);
    await(f, "started");
    kill(pid, SIGTERM);
    await(f, "asked"); /* the first was taken: two signals that wait together are one */
    kill(pid, SIGTERM);
    assert_int_equal(DR_RUN_CANCELLED, wait_runner(pid));
    assert_string_equal("cancelled", task_state(f, "b"));
}

static void dr_exec_cancel_stops_a_run(void **state)
{
    struct fixture *f = *state;
    struct dr_state *s;
    struct dr_run_row row;
    load_dag(f, "  a: {plugin: shell, with: {command: 'touch started; sleep 60'}}\n");
    pid_t pid = start_runner(f);
    await(f, "started");
    assert_int_equal(DR_OK, dr_state_open(&f->home, DR_STATE_READONLY, &s, &f->err));
    assert_int_equal(DR_OK, dr_state_find_run(s, &f->arena, "t", "r", &row, &f->err));
    if (dr_exec_cancel(&f->home, &row, &f->err))
        fail_msg("%s", f->err.msg);
    assert_int_equal(DR_RUN_CANCELLED, wait_runner(pid));
    assert_int_equal(DR_ENOTFOUND, dr_exec_cancel(&f->home, &row, &f->err));
    dr_state_close(s);
}

/* ---- the death of the runner ---- */

static void a_run_whose_runner_died_is_found_and_failed(void **state)
{
    struct fixture *f = *state;
    int32_t n;
    load_dag(f, "  a: {plugin: shell, with: {command: 'touch started; sleep 60'}}\n"
                "  b: {plugin: noop, depends_on: [a]}\n");
    pid_t pid = start_runner(f);
    await_start(f);
    assert_int_equal(DR_OK, dr_exec_recover(&f->home, &n, &f->err));
    assert_int_equal(0, n); /* its runner is there */
    kill(pid, SIGKILL);
    (void)wait_runner(pid);
    recover_one(f);
    assert_string_equal("failed", ask(f, "SELECT state FROM dag_run"));
    assert_string_equal("failed", task_state(f, "a"));
    assert_contains(task_reason(f, "a"), "lost");
    assert_string_equal("none", task_state(f, "b"));
}

static void what_a_dead_worker_started_is_killed(void **state)
{
    struct fixture *f = *state;
    load_dag(f,
             "  a: {plugin: shell, with: {command: 'sleep 60 & echo $! > sleeper; touch started; wait'}}\n");
    pid_t pid = start_runner(f);
    await_start(f);
    kill(pid, SIGKILL);
    (void)wait_runner(pid);
    recover_one(f);
    int64_t sleeper = 0;
    assert_true(dr_parse_i64(dr_str_trim(dr_str_of(read_text(f, "sleeper"))), &sleeper));
    WAIT_UNTIL(is_gone(f, sleeper));
    assert_true(is_gone(f, sleeper));
}

static void a_failed_run_is_resumed_where_it_failed(void **state)
{
    struct fixture *f = *state;
    load_dag(f, "  a: {plugin: add_one, outputs: {out: one}}\n"
                "  b: {plugin: flaky, depends_on: [a]}\n"
                "  c: {plugin: add_one, inputs: {in: one}, outputs: {out: two}, depends_on: [b]}\n");
    run_dag(f);
    assert_int_equal(DR_RUN_FAILED, f->outcome.state);
    resume(f);
    assert_int_equal(DR_RUN_SUCCESS, f->outcome.state);
    assert_int_equal(3, f->outcome.success);
    /* a kept its output and did not run again; b's second attempt succeeded. */
    assert_string_equal("a1 b1 b2 c1",
                        ask(f,
                            "SELECT group_concat(task_id || number, ' ') FROM (SELECT task_id, number FROM"
                            " task_attempt JOIN task_instance USING (instance_key) JOIN task USING (task_key)"
                            " ORDER BY task_id, number)"));
}

static void a_run_that_succeeded_is_not_resumed(void **state)
{
    struct fixture *f = *state;
    load_dag(f, "  a: {plugin: noop}\n");
    run_dag(f);
    f->options.resume_run = run_key(f);
    assert_int_equal(DR_EINPUT, dr_exec_run(&f->options, &f->outcome, &f->err));
}

static void a_run_of_other_tasks_is_not_resumed(void **state)
{
    struct fixture *f = *state;
    load_dag(f, "  a: {plugin: flaky}\n");
    run_dag(f);
    load_dag(f, "  a: {plugin: flaky}\n  b: {plugin: noop}\n");
    f->options.resume_run = run_key(f);
    assert_int_equal(DR_EDEF, dr_exec_run(&f->options, &f->outcome, &f->err));
    assert_contains(f->err.msg, "task 'b' is new");
    load_dag(f, "  b: {plugin: noop}\n");
    f->options.resume_run = run_key(f);
    assert_int_equal(DR_EDEF, dr_exec_run(&f->options, &f->outcome, &f->err));
    assert_contains(f->err.msg, "task 'a' is not in the DAG any more");
}

static const char chain[] = "  a: {plugin: add_one, outputs: {out: d1}}\n"
                            "  b: {plugin: add_one, inputs: {in: d1}, outputs: {out: d2}}\n"
                            "  c: {plugin: add_one, inputs: {in: d2}, outputs: {out: d3}}\n"
                            "  x: {plugin: shell, outputs: {files: [x.txt]},\n"
                            "      with: {command: 'echo x > $DAGRUN_OUTPUT_X_TXT'}}\n"
                            "  d: {plugin: add_one, inputs: {in: d3}, outputs: {out: d4}, depends_on: [x]}\n";

static void expect_whole(struct fixture *f)
{
    assert_string_equal("success", ask(f, "SELECT state FROM dag_run"));
    assert_string_equal("5", ask(f, "SELECT count(*) FROM task_instance WHERE state = 'success'"));
    assert_string_equal("0", ask(f, "SELECT count(*) FROM task_attempt WHERE state = 'running'"));
    assert_string_equal("x\n", read_text(f, "var/runs/t/r/x/out/x.txt"));
    /* The content of the last dataset is that of an undisturbed run. */
    assert_string_equal("4", ask(f, "SELECT CAST(row_count AS TEXT) FROM dataset_event JOIN dataset"
                                    " USING (dataset_key) WHERE name = 'd4' ORDER BY event_key DESC"));
    assert_true(dr_path_exists(in_home(f, "var/runs/t/r/d/out/d4.arrow")));
}

/* A runner that died early may have left no run, not even a table. */
static bool run_is(struct fixture *f, const char *state)
{
    if (!dr_path_exists(f->home.db) || !ask(f, "SELECT name FROM sqlite_schema WHERE name = 'dag_run'"))
        return false;
    const char *is = ask(f, "SELECT state FROM dag_run");
    return is && (!state || strcmp(is, state) == 0);
}

static pid_t start_or_resume(struct fixture *f)
{
    f->options.resume_run = run_is(f, NULL) ? run_key(f) : 0;
    return start_runner(f);
}

static void fresh_var(struct fixture *f)
{
    (void)dr_remove_tree(in_home(f, "var"), NULL);
    assert_int_equal(DR_OK, dr_mkdirs(in_home(f, "var"), &f->err));
}

/* Kill -9 at any instant, again and again, then resume: the same result. */
static void a_killed_runner_can_always_be_resumed(void **state)
{
    struct fixture *f = *state;
    unsigned seed = (unsigned)getpid();
    load_dag(f, chain);
    f->options.wait_lock_us = 5000000;
    for (int round = 0; round < 12; round++) {
        fresh_var(f);
        for (int kills = 0; kills < 4 && !run_is(f, "success"); kills++) {
            pid_t pid = start_or_resume(f);
            usleep((useconds_t)(rand_r(&seed) % 15000));
            kill(pid, SIGKILL);
            (void)wait_runner(pid);
        }
        if (!run_is(f, "success"))
            assert_int_equal(DR_RUN_SUCCESS, wait_runner(start_or_resume(f)));
        expect_whole(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXEC_TEST(a_first_signal_cancels_in_good_order),
        EXEC_TEST(a_second_signal_kills_at_once),
        EXEC_TEST(dr_exec_cancel_stops_a_run),
        EXEC_TEST(a_run_whose_runner_died_is_found_and_failed),
        EXEC_TEST(what_a_dead_worker_started_is_killed),
        EXEC_TEST(a_failed_run_is_resumed_where_it_failed),
        EXEC_TEST(a_run_that_succeeded_is_not_resumed),
        EXEC_TEST(a_run_of_other_tasks_is_not_resumed),
        EXEC_TEST(a_killed_runner_can_always_be_resumed),
    };
    return RUN_TESTS("recovery", tests);
}
