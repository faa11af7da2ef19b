#include "test_exec_fixture.h"

/* ---- order ---- */

static const char *started_in_order(struct fixture *f)
{
    return ask(f,
               "SELECT group_concat(task_id, ' ') FROM (SELECT task_id FROM task_attempt"
               " JOIN task_instance USING (instance_key) JOIN task USING (task_key) ORDER BY attempt_key)");
}

static void a_chain_runs_in_order(void **state)
{
    struct fixture *f = *state;
    load_dag(f, "  c: {plugin: noop, depends_on: [b]}\n"
                "  b: {plugin: noop, depends_on: [a]}\n"
                "  a: {plugin: noop}\n");
    run_dag(f);
    assert_int_equal(DR_RUN_SUCCESS, f->outcome.state);
    assert_int_equal(3, f->outcome.success);
    assert_string_equal("success", task_state(f, "c"));
    assert_string_equal("a b c", started_in_order(f));
}

static void the_heaviest_ready_task_runs_first(void **state)
{
    struct fixture *f = *state;
    load_dag(f, "  a: {plugin: noop}\n"
                "  b: {plugin: noop, priority_weight: 5}\n"
                "  c: {plugin: noop, priority_weight: 9}\n"
                "  d: {plugin: noop}\n");
    f->options.jobs = 1;
    run_dag(f);
    assert_string_equal("c b a d", started_in_order(f));
}

static void no_more_attempts_run_at_once_than_allowed(void **state)
{
    struct fixture *f = *state;
    /* The first two end only when both have begun. */
    load_dag(f, "  a: {plugin: shell, execution_timeout: 1m,\n"
                "      with: {command: 'touch a; until [ -e b ]; do sleep 0.01; done'}}\n"
                "  b: {plugin: shell, execution_timeout: 1m,\n"
                "      with: {command: 'touch b; until [ -e a ]; do sleep 0.01; done'}}\n"
                "  c: {plugin: noop}\n");
    f->options.jobs = 2;
    run_dag(f);
    assert_int_equal(DR_RUN_SUCCESS, f->outcome.state);
    /* The third started only when one of the others had ended. */
    assert_string_equal("1", ask(f, "SELECT max(started_at) >= min(ended_at) FROM task_attempt"));
    assert_string_equal("1", ask(f, "SELECT count(*) FROM task_attempt WHERE started_at >="
                                    " (SELECT min(ended_at) FROM task_attempt)"));
}

static void a_wide_dag_ends_with_every_task_done(void **state)
{
    struct fixture *f = *state;
    DR_AUTO_BUF yaml = { 0 };
    for (int i = 0; i < 60; i++)
        dr_buf_printf(&yaml, "  t%d: {plugin: noop}\n", i);
    load_dag(f, dr_buf_cstr(&yaml));
    f->options.jobs = 8;
    run_dag(f);
    assert_int_equal(60, f->outcome.success);
}

/* ---- plugins that many tasks use ---- */

static void load_chain(struct fixture *f, const char *plugin, int n)
{
    DR_AUTO_BUF yaml = { 0 };
    for (int i = 0; i < n; i++) {
        dr_buf_printf(&yaml, "  t%d: {plugin: %s", i, plugin);
        if (i > 0)
            dr_buf_printf(&yaml, ", depends_on: [t%d]", i - 1);
        dr_buf_puts(&yaml, "}\n");
    }
    load_dag(f, dr_buf_cstr(&yaml));
}

/* Each prints when it is loaded; from then on it is loaded in the forker, where that goes nowhere. */
static int count_loads(struct fixture *f, int n)
{
    int loads = 0;
    for (int i = 0; i < n; i++)
        loads +=
            strstr(read_text(f, dr_arena_printf(&f->arena, "var/runs/t/r/t%d@1.log", i)), "loaded\n") != NULL;
    return loads;
}

static void a_plugin_that_has_proved_itself_is_loaded_once_for_those_that_follow(void **state)
{
    struct fixture *f = *state;
    setenv("BUSY_AT_LOAD", "print", 1);
    /* The forker that has it loaded is waited for by nobody: a busy machine needs more tasks until it is
     * there. */
    int n = 60, loads = n;
    for (;; n *= 4) {
        load_chain(f, "busy_load", n);
        run_dag(f);
        assert_int_equal(n, f->outcome.success);
        loads = count_loads(f, n);
        assert_true(loads >= 4);
        if (loads < n / 2 || n > 1000)
            break;
        assert_int_equal(DR_OK, dr_remove_tree(f->home.var, &f->err));
    }
    unsetenv("BUSY_AT_LOAD");
    assert_true(loads < n / 2);
}

static void a_plugin_that_cannot_be_shared_is_loaded_by_each(void **state)
{
    static const char *const how[] = { "print thread", "print file" };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof how / sizeof *how; i++) {
        setenv("BUSY_AT_LOAD", how[i], 1);
        load_chain(f, "busy_load", 40);
        run_dag(f);
        unsetenv("BUSY_AT_LOAD");
        assert_int_equal(40, f->outcome.success);
        assert_int_equal(40, count_loads(f, 40));
        assert_int_equal(DR_OK, dr_remove_tree(f->home.var, &f->err));
    }
}

/* ---- failures, skips and rules ---- */

static void a_failed_task_fails_what_depends_on_it_and_the_run(void **state)
{
    struct fixture *f = *state;
    load_dag(f, "  a: {plugin: flaky, with: {until: 9}}\n"
                "  b: {plugin: noop, depends_on: [a]}\n"
                "  c: {plugin: noop, depends_on: [d, b]}\n"
                "  d: {plugin: noop}\n");
    run_dag(f);
    assert_int_equal(DR_RUN_FAILED, f->outcome.state);
    assert_int_equal(3, f->outcome.failed);
    assert_string_equal("failed", task_state(f, "a"));
    assert_string_equal("attempt 1", task_reason(f, "a"));
    assert_string_equal("upstream_failed", task_state(f, "c"));
    assert_string_equal("upstream failed: b", task_reason(f, "c"));
    /* Folders made ahead for b, which never ran, are gone. */
    assert_true(dr_path_exists(in_home(f, "var/runs/t/r/a/1")));
    assert_false(dr_path_exists(in_home(f, "var/runs/t/r/b")));
    assert_string_equal("success", task_state(f, "d"));
    assert_string_equal("3 of 4 tasks failed", ask(f, "SELECT reason FROM dag_run"));
}

static void a_report_with_all_done_runs_after_a_failure(void **state)
{
    struct fixture *f = *state;
    load_dag(f, "  a: {plugin: silent_failure}\n"
                "  b: {plugin: noop, depends_on: [a]}\n"
                "  report: {plugin: noop, depends_on: [a, b], trigger_rule: all_done}\n");
    run_dag(f);
    assert_int_equal(DR_RUN_FAILED, f->outcome.state);
    assert_contains(task_reason(f, "a"), "returned 7 without saying why");
    assert_string_equal("success", task_state(f, "report"));
}

static void a_task_that_skips_itself_skips_what_follows(void **state)
{
    struct fixture *f = *state;
    load_dag(f, "  a: {plugin: skips}\n"
                "  b: {plugin: noop, depends_on: [a]}\n"
                "  c: {plugin: noop, depends_on: [a], trigger_rule: none_failed}\n"
                "  d: {plugin: noop, depends_on: [a, c], trigger_rule: all_skipped}\n");
    run_dag(f);
    assert_int_equal(DR_RUN_SUCCESS, f->outcome.state);
    assert_int_equal(3, f->outcome.skipped);
    assert_string_equal("trigger rule all_skipped was not met", task_reason(f, "d"));
    assert_string_equal("nothing new", task_reason(f, "a"));
    assert_string_equal("upstream skipped: a", task_reason(f, "b"));
    assert_string_equal("success", task_state(f, "c"));
}

/* ---- retries ---- */

static void a_task_is_tried_again_until_it_succeeds(void **state)
{
    struct fixture *f = *state;
    load_dag(f, "  a: {plugin: flaky, with: {until: 3}, retries: 2, retry_delay: 1ms}\n"
                "  b: {plugin: noop, depends_on: [a]}\n");
    run_dag(f);
    assert_int_equal(DR_RUN_SUCCESS, f->outcome.state);
    assert_string_equal(
        "up_for_retry up_for_retry success success",
        ask(f, "SELECT group_concat(state, ' ') FROM (SELECT state FROM task_attempt ORDER BY 1 DESC)"));
    assert_string_equal("3", ask(f, "SELECT max(number) FROM task_attempt"));
}

static void retries_wait_longer_each_time(void **state)
{
    struct fixture *f = *state;
    load_dag(f, "  a: {plugin: flaky, with: {until: 9}, retries: 4, retry_delay: 20ms,\n"
                "      retry_exponential_backoff: true, max_retry_delay: 70ms}\n");
    run_dag(f);
    assert_int_equal(DR_RUN_FAILED, f->outcome.state);
    /* Each wait by itself, with what clocks and timers round: on a busy machine the sum of them says little.
     */
    assert_string_equal(
        "1 1 1 1",
        ask(f, "SELECT group_concat((julianday(b.started_at) - julianday(a.ended_at)) * 86400000 + 5"
               " >= CASE a.number WHEN 1 THEN 20 WHEN 2 THEN 40 ELSE 70 END, ' ')"
               " FROM task_attempt a JOIN task_attempt b ON b.number = a.number + 1"));
}

static void no_wait_is_longer_than_the_longest(void **state)
{
    struct fixture *f = *state;
    load_dag(f, "  a: {plugin: flaky, with: {until: 9}, retries: 8, retry_delay: 50ms,\n"
                "      retry_exponential_backoff: true, max_retry_delay: 50ms}\n");
    int64_t before = dr_monotonic_us();
    run_dag(f);
    assert_int_equal(DR_RUN_SUCCESS, f->outcome.state);
    assert_true(dr_monotonic_us() - before < 10000000); /* without a longest wait 12.7 s */
}

static void a_final_failure_is_not_tried_again(void **state)
{
    struct fixture *f = *state;
    load_dag(f, "  a: {plugin: flaky, with: {until: 9, final: true}, retries: 3, retry_delay: 1ms}\n");
    run_dag(f);
    assert_string_equal("1", ask(f, "SELECT count(*) FROM task_attempt"));
    assert_string_equal("attempt 1, for good", task_reason(f, "a"));
}

/* ---- data ---- */

static void a_dataset_goes_from_its_maker_to_its_reader(void **state)
{
    struct fixture *f = *state;
    load_dag(f, "  a: {plugin: add_one, outputs: {out: one}}\n"
                "  b: {plugin: add_one, inputs: {in: one}, outputs: {out: two}}\n");
    run_dag(f);
    assert_int_equal(DR_RUN_SUCCESS, f->outcome.state);
    assert_true(dr_path_exists(in_home(f, "var/runs/t/r/a/out/one.arrow")));
    assert_true(dr_path_exists(in_home(f, "var/runs/t/r/b/out/two.arrow")));
    assert_false(dr_path_exists(in_home(f, "var/runs/t/r/b/1/work")));
    assert_string_equal("2", ask(f, "SELECT CAST(value AS INTEGER) FROM metric ORDER BY value DESC"));
    /* What b read is what a wrote. */
    assert_string_equal(
        "1", ask(f, "SELECT count(DISTINCT hash) FROM dataset_event JOIN dataset USING (dataset_key)"
                    " WHERE name = 'one' HAVING count(*) = 2"));
}

static void a_file_of_the_home_is_read_and_recorded(void **state)
{
    struct fixture *f = *state;
    write_file(f, "data/in.csv", "n\n5\n6\n");
    load_dag(f,
             "  a: {plugin: shell, inputs: {files: [data/in.csv]}, outputs: {files: [copy.csv]},\n"
             "      with: {command: 'tail -n 1 \"$DAGRUN_INPUT_IN_CSV\" > \"$DAGRUN_OUTPUT_COPY_CSV\"'}}\n");
    run_dag(f);
    assert_int_equal(DR_RUN_SUCCESS, f->outcome.state);
    assert_string_equal("6\n", read_text(f, "var/runs/t/r/a/out/copy.csv"));
    assert_string_equal("write", ask(f, "SELECT operation FROM dataset_event JOIN dataset USING (dataset_key)"
                                        " WHERE name = 'copy.csv'"));
}

static void what_a_plugin_says_is_recorded(void **state)
{
    struct fixture *f = *state;
    load_dag(f, "  a: {plugin: talker}\n");
    run_dag(f);
    assert_string_equal("12.5", ask(f, "SELECT value FROM metric WHERE name = 'rows_in'"));
    assert_string_equal("24", ask(f, "SELECT sum(row_count) FROM row_account"));
    assert_string_equal("talker 32", ask(f, "SELECT name || ' ' || length(hash) FROM plugin"));
    const char *log = read_text(f, "var/runs/t/r/a@1.log");
    assert_contains(log, " INFO a line with a \\x1B[31mcolour\\x0A and a second line\n");
    assert_contains(log, "printed\n");
}

/* ---- the shell plugin ---- */

static void a_shell_command_sees_its_run_and_its_exit_code_counts(void **state)
{
    struct fixture *f = *state;
    load_dag(
        f, "  a: {plugin: shell, env: {FROM_TASK: '${run_id}'},\n"
           "      with: {command: 'echo $DAGRUN_DAG_ID $DAGRUN_RUN_ID $FROM_TASK $X; exit 3', env: {X: y}}}\n"
           "  b: {plugin: shell, with: {command: 'exit 99'}}\n"
           "  c: {plugin: shell, with: {command: 'kill -9 $$'}}\n");
    run_dag(f);
    assert_string_equal("the command ended with exit code 3", task_reason(f, "a"));
    assert_contains(read_text(f, "var/runs/t/r/a@1.log"), "t r r y\n");
    assert_string_equal("skipped", task_state(f, "b"));
    assert_contains(task_reason(f, "c"), "signal 9");
}

/* ---- runs ---- */

static void runs_without_a_given_id_get_different_ones(void **state)
{
    struct fixture *f = *state;
    load_dag(f, "  a: {plugin: noop}\n");
    f->options.run_id = NULL;
    f->options.logical_us = 1709260200000000;
    run_dag(f);
    assert_string_equal("manual__2024-03-01T02-30-00Z", f->outcome.run_id);
    run_dag(f);
    assert_string_equal("manual__2024-03-01T02-30-00Z_2", f->outcome.run_id);
}

static void a_run_id_is_used_once_and_must_be_a_name(void **state)
{
    struct fixture *f = *state;
    load_dag(f, "  a: {plugin: noop}\n");
    run_dag(f);
    assert_int_equal(DR_EBUSY, dr_exec_run(&f->options, &f->outcome, &f->err));
    f->options.run_id = "../escape";
    assert_int_equal(DR_EDEF, dr_exec_run(&f->options, &f->outcome, &f->err));
    assert_string_equal("1", ask(f, "SELECT count(*) FROM dag_run"));
}

static void the_lock_names_its_holder(void **state)
{
    struct fixture *f = *state;
    load_dag(f, "  a: {plugin: noop}\n");
    int fd;
    assert_int_equal(DR_OK, dr_mkdirs(in_home(f, "var/locks"), &f->err));
    assert_int_equal(DR_OK, dr_lock_file(in_home(f, "var/locks/t.lock"), &fd, NULL, 0, &f->err));
    assert_int_equal(DR_OK, dr_lock_note(fd, "pid 42", &f->err));
    f->options.wait_lock_us = 30000;
    assert_int_equal(DR_EBUSY, dr_exec_run(&f->options, &f->outcome, &f->err));
    assert_contains(f->err.msg, "pid 42");
    close(fd);
    run_dag(f);
}

struct seen {
    int starts, tasks, ends, ticks;
    int64_t done;
    const char *ticked; /* a file that is made with the first tick */
};

static void see(void *ctx, enum dr_exec_event_kind kind, const struct dr_exec_view *view, int32_t task)
{
    struct seen *s = ctx;
    s->starts += kind == DR_EXEC_RUN_START;
    s->tasks += kind == DR_EXEC_TASK;
    s->ends += kind == DR_EXEC_RUN_END;
    s->ticks += kind == DR_EXEC_TICK;
    if (s->ticks == 1)
        (void)dr_write_file(s->ticked, DR_LIT(""), NULL);
    if (kind == DR_EXEC_PROGRESS)
        s->done = view->tasks[task].done;
}

static void a_watcher_sees_the_run(void **state)
{
    struct fixture *f = *state;
    struct seen seen = { .ticked = in_home(f, "ticked") };
    struct dr_exec_watch watch = { see, &seen, true };
    load_dag(f, "  a: {plugin: talker}\n"
                "  b: {plugin: shell, with: {command: 'until [ -e ticked ]; do sleep 0.01; done'},\n"
                "      execution_timeout: 1m}\n");
    f->options.watch = &watch;
    run_dag(f);
    assert_int_equal(1, seen.starts);
    assert_int_equal(1, seen.ends);
    assert_int_equal(6, seen.tasks); /* two tasks: queued, running, success */
    assert_true(seen.ticks >= 1);
    assert_int_equal(4, seen.done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXEC_TEST(a_chain_runs_in_order),
        EXEC_TEST(the_heaviest_ready_task_runs_first),
        EXEC_TEST(no_more_attempts_run_at_once_than_allowed),
        EXEC_TEST(a_wide_dag_ends_with_every_task_done),
        EXEC_TEST(a_plugin_that_has_proved_itself_is_loaded_once_for_those_that_follow),
        EXEC_TEST(a_plugin_that_cannot_be_shared_is_loaded_by_each),
        EXEC_TEST(a_failed_task_fails_what_depends_on_it_and_the_run),
        EXEC_TEST(a_report_with_all_done_runs_after_a_failure),
        EXEC_TEST(a_task_that_skips_itself_skips_what_follows),
        EXEC_TEST(a_task_is_tried_again_until_it_succeeds),
        EXEC_TEST(retries_wait_longer_each_time),
        EXEC_TEST(no_wait_is_longer_than_the_longest),
        EXEC_TEST(a_final_failure_is_not_tried_again),
        EXEC_TEST(a_dataset_goes_from_its_maker_to_its_reader),
        EXEC_TEST(a_file_of_the_home_is_read_and_recorded),
        EXEC_TEST(what_a_plugin_says_is_recorded),
        EXEC_TEST(a_shell_command_sees_its_run_and_its_exit_code_counts),
        EXEC_TEST(runs_without_a_given_id_get_different_ones),
        EXEC_TEST(a_run_id_is_used_once_and_must_be_a_name),
        EXEC_TEST(the_lock_names_its_holder),
        EXEC_TEST(a_watcher_sees_the_run),
    };
    return RUN_TESTS("executor", tests);
}
