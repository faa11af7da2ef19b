/* Plugins that misbehave: the runner notices, says why, and goes on. */
#include "test_exec_fixture.h"

/* Nobody is killed for being slow to end: see run_until_ready for who is to be. */
static void load_one(struct fixture *f, const char *task)
{
    load_dag(f, dr_arena_printf(&f->arena,
                                "  a: %s\n  after: {plugin: noop, depends_on: [a], trigger_rule: all_done}\n",
                                task));
    f->options.grace_us = 60000000;
}

static void run_loaded(struct fixture *f)
{
    run_dag(f);
    /* Whatever a did, the run went on and left nothing but its log. */
    assert_string_equal("success", task_state(f, "after"));
    assert_false(dr_path_exists(in_home(f, "var/runs/t/r/a/1/work")));
}

static void run_one(struct fixture *f, const char *task)
{
    load_one(f, task);
    run_loaded(f);
}

static void expect_failure(struct fixture *f, const char *task, const char *reason)
{
    run_one(f, task);
    assert_int_equal(DR_RUN_FAILED, f->outcome.state);
    assert_string_equal("failed", task_state(f, "a"));
    assert_contains(task_reason(f, "a"), reason);
}

static void a_crash_is_a_failure_with_its_signal(void **state)
{
    struct fixture *f = *state;
    expect_failure(f, "{plugin: segfault}", "killed by signal 11 (SIGSEGV)");
    assert_contains(read_text(f, "var/runs/t/r/a@1.log"), "about to crash\n");
    assert_contains(read_text(f, "var/runs/t/r/a@1.log"), "ERROR dagrun: killed by signal 11");
    assert_string_equal("11", ask(f, "SELECT signal FROM task_attempt ORDER BY attempt_key"));
}

static void an_abort_is_a_failure_with_its_signal(void **state)
{
    expect_failure(*state, "{plugin: abort_now}", "killed by signal 6 (SIGABRT)");
}

static void exit_zero_without_a_result_is_a_failure(void **state)
{
    expect_failure(*state, "{plugin: exit_zero}", "ended with exit code 0 without reporting a result");
}

static void a_task_over_its_timeout_is_ended(void **state)
{
    struct fixture *f = *state;
    expect_failure(f, "{plugin: hang, execution_timeout: 50ms}",
                   "ran longer than its execution_timeout of 50 ms");
    assert_string_equal("15", ask(f, "SELECT signal FROM task_attempt ORDER BY attempt_key"));
}

/* A plugin that ignores or takes SIGTERM, with a time-out after it had come so far: how long that takes
 * depends on what else the machine does. */
static void run_until_ready(struct fixture *f, const char *plugin, int64_t grace_us)
{
    const char *ready = in_home(f, dr_arena_printf(&f->arena, "%s.ready", plugin));
    for (int ms = 100; ms < 120000; ms *= 3) {
        load_one(f, dr_arena_printf(&f->arena, "{plugin: %s, execution_timeout: %dms}", plugin, ms));
        f->options.grace_us = grace_us;
        run_loaded(f);
        assert_string_equal("failed", task_state(f, "a"));
        assert_contains(task_reason(f, "a"), "ran longer than its execution_timeout");
        if (dr_path_exists(ready))
            return;
        assert_int_equal(DR_OK, dr_remove_tree(f->home.var, &f->err));
    }
    fail_msg("%s never came so far", plugin);
}

static void a_task_that_ignores_sigterm_is_killed_after_the_grace(void **state)
{
    struct fixture *f = *state;
    run_until_ready(f, "stubborn", 100000);
    assert_contains(task_reason(f, "a"), "had to be killed: it ignored SIGTERM");
    assert_string_equal("9", ask(f, "SELECT signal FROM task_attempt ORDER BY attempt_key"));
}

static void a_task_that_listens_may_end_by_itself(void **state)
{
    struct fixture *f = *state;
    run_until_ready(f, "polite", 60000000);
    assert_contains(read_text(f, "var/runs/t/r/a@1.log"), "stopped in good order");
}

static void a_hundred_megabytes_of_log_are_no_problem(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    run_one(f, "{plugin: flood}");
    assert_string_equal("success", task_state(f, "a"));
    assert_int_equal(0, stat(in_home(f, "var/runs/t/r/a@1.log"), &st));
    assert_int_equal(100 << 20, st.st_size);
}

static void a_grandchild_does_not_outlive_its_attempt(void **state)
{
    struct fixture *f = *state;
    int64_t pid = 0;
    run_one(f, "{plugin: grandchild}");
    assert_string_equal("success", task_state(f, "a"));
    assert_true(dr_parse_i64(dr_str_of(read_text(f, "grandchild.pid")), &pid));
    WAIT_UNTIL(is_gone(f, pid));
    assert_true(is_gone(f, pid));
}

static void memory_without_end_hits_the_limit(void **state)
{
    struct fixture *f = *state;
    if (UNDER_SANITIZER) {
        print_message("# skip: a sanitizer's shadow memory is larger than any limit\n");
        skip();
    }
    expect_failure(f, "{plugin: hungry, memory_limit: 300MiB}", "its memory_limit is 314572800 bytes");
}

static void a_schema_that_is_not_json_is_a_failure(void **state)
{
    expect_failure(*state, "{plugin: garbage, with: {schema: '[1, 2'}}",
                   "broke the rules: the schema of dataset 'name' is not JSON");
}

static void a_schema_that_is_json_is_kept(void **state)
{
    struct fixture *f = *state;
    load_dag(f, "  a: {plugin: garbage, with: {schema: '[{\"name\": \"x\"}]'}}\n");
    run_dag(f);
    assert_int_equal(DR_RUN_SUCCESS, f->outcome.state);
}

static void garbage_in_the_pipe_is_a_failure(void **state)
{
    expect_failure(*state, "{plugin: garbage}", "broke the rules: bytes that are no message");
}

static void closing_all_descriptors_is_a_failure_and_harms_no_file(void **state)
{
    struct fixture *f = *state;
    expect_failure(f, "{plugin: closes_all}", "without reporting a result");
    struct stat st;
    assert_int_equal(0, stat(in_home(f, "victim"), &st));
    assert_int_equal(0, st.st_size);
}

static void closing_its_output_is_no_failure(void **state)
{
    struct fixture *f = *state;
    run_one(f, "{plugin: closes_output}");
    assert_string_equal("success", task_state(f, "a"));
    assert_contains(read_text(f, "var/runs/t/r/a@1.log"), "INFO still logging");
}

static void removing_its_folder_is_a_failure(void **state)
{
    expect_failure(*state, "{plugin: loses_work, outputs: {out: x}}", "did not write its output 'out'");
}

static void success_without_the_output_is_a_failure(void **state)
{
    expect_failure(*state, "{plugin: liar, outputs: {out: x}}",
                   "plugin 'liar' reported success, but did not write its output 'out' (dataset 'x')");
}

static void a_plugin_replaced_since_the_check_is_refused(void **state)
{
    struct fixture *f = *state;
    load_dag(f, "  a: {plugin: noop}\n");
    char *so = in_home(f, "build/tasks/noop.so");
    assert_int_equal(0, unlink(so));
    assert_int_equal(0, symlink(BUILD_DIR "/tests/fixtures/plugins/wrong_abi.so", so));
    run_dag(f);
    assert_contains(task_reason(f, "a"), "was built for plugin ABI 99, this program has 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXEC_TEST(a_crash_is_a_failure_with_its_signal),
        EXEC_TEST(an_abort_is_a_failure_with_its_signal),
        EXEC_TEST(exit_zero_without_a_result_is_a_failure),
        EXEC_TEST(a_task_over_its_timeout_is_ended),
        EXEC_TEST(a_task_that_ignores_sigterm_is_killed_after_the_grace),
        EXEC_TEST(a_task_that_listens_may_end_by_itself),
        EXEC_TEST(a_hundred_megabytes_of_log_are_no_problem),
        EXEC_TEST(a_grandchild_does_not_outlive_its_attempt),
        EXEC_TEST(memory_without_end_hits_the_limit),
        EXEC_TEST(garbage_in_the_pipe_is_a_failure),
        EXEC_TEST(a_schema_that_is_not_json_is_a_failure),
        EXEC_TEST(a_schema_that_is_json_is_kept),
        EXEC_TEST(closing_all_descriptors_is_a_failure_and_harms_no_file),
        EXEC_TEST(closing_its_output_is_no_failure),
        EXEC_TEST(removing_its_folder_is_a_failure),
        EXEC_TEST(success_without_the_output_is_a_failure),
        EXEC_TEST(a_plugin_replaced_since_the_check_is_refused),
    };
    return RUN_TESTS("misbehaving plugins", tests);
}
