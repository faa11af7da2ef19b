/* What plugins say of their tasks before a run. */
#include "test_exec_fixture.h"
#include "exec/plugins.h"
#include "exec/task_plan.h"

/* What is found, as `dagrun check` shows it. */
static const char *check(struct fixture *f, const char *tasks)
{
    struct dr_diags d = { .arena = &f->arena };
    struct dr_buf text = { 0 };
    load_dag(f, tasks);
    assert_int_equal(DR_OK, dr_task_plan_check(&f->home, f->dag, &d, &f->err));
    dr_diags_put_text(&d, &text);
    char *shown = dr_arena_strdup(&f->arena, dr_buf_cstr(&text));
    dr_buf_done(&text);
    return shown;
}

static void a_problem_has_its_place_in_the_file(void **state)
{
    assert_string_equal("dags/t.yaml:6:16: error: no 7\n",
                        check(*state, "  a:\n    plugin: planner\n    with: {do: problem}\n"));
}

static void what_a_check_finds_fails_the_task_when_it_runs(void **state)
{
    struct fixture *f = *state;
    load_dag(f, "  a: {plugin: planner, with: {do: problem}}\n");
    run_dag(f);
    assert_string_equal("failed", task_state(f, "a"));
    assert_contains(task_reason(f, "a"), "dags/t.yaml:4:");
    assert_contains(task_reason(f, "a"), ": no 7");
}

static void columns_of_a_file_are_those_of_its_first_line(void **state)
{
    struct fixture *f = *state;
    write_file(f, "data/x.csv", "\xEF\xBB\xBFid,a b,\u00e9\r\n1,2,3\r\n");
    assert_contains(check(f, "  a: {plugin: planner, inputs: {in: data/x.csv}, with: {do: columns}}\n"),
                    "3 columns: id a b \u00e9\n");
}

static void columns_that_only_a_reader_can_tell_are_not_known(void **state)
{
    static const char *const heads[] = { "a,\"b\"\n", "a, b\n", "a,,b\n", "a;b", "", "a,\xff\n" };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        write_file(f, "data/x.csv", heads[i]);
        assert_contains(check(f, "  a: {plugin: planner, inputs: {in: data/x.csv}, with: {do: columns}}\n"),
                        "-1 columns:\n");
    }
    assert_contains(check(f, "  a: {plugin: planner, with: {do: columns}}\n"), "-1 columns:\n");
}

static void columns_that_were_promised_are_told_to_those_who_read(void **state)
{
    assert_contains(check(*state, "  b: {plugin: planner, inputs: {in: x}, with: {do: columns}}\n"
                                  "  a: {plugin: planner, outputs: {out: x}, with: {promise: [p, q]}}\n"),
                    "2 columns: p q\n");
}

static void a_check_that_crashes_or_hangs_is_told_and_others_go_on(void **state)
{
    const char *text = check(*state, "  a: {plugin: planner, with: {do: crash}}\n"
                                     "  b: {plugin: planner, with: {do: problem}}\n"
                                     "  c: {plugin: planner, with: {do: hang}}\n"
                                     "  d: {plugin: planner, with: {do: problem}}\n");
    assert_contains(text,
                    "dags/t.yaml:4:3: error: the plugin 'planner' cannot check the task 'a': it crashes");
    assert_contains(text, "dags/t.yaml:5:35: error: no 7");
    assert_contains(text, "cannot check the task 'c': it does not end within 5 s");
    assert_contains(text, "dags/t.yaml:7:35: error: no 7");
}

static void a_flood_of_problems_is_cut(void **state)
{
    const char *text = check(*state, "  a: {plugin: planner, with: {do: flood}}\n");
    assert_contains(text, "problem 0 of very many");
    assert_true(strlen(text) < 100000);
}

static void a_plugin_older_than_checks_still_runs(void **state)
{
    struct fixture *f = *state;
    assert_string_equal("", check(f, "  a: {plugin: before_check}\n"));
    run_dag(f);
    assert_int_equal(1, f->outcome.success);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXEC_TEST(a_problem_has_its_place_in_the_file),
        EXEC_TEST(what_a_check_finds_fails_the_task_when_it_runs),
        EXEC_TEST(columns_of_a_file_are_those_of_its_first_line),
        EXEC_TEST(columns_that_only_a_reader_can_tell_are_not_known),
        EXEC_TEST(columns_that_were_promised_are_told_to_those_who_read),
        EXEC_TEST(a_check_that_crashes_or_hangs_is_told_and_others_go_on),
        EXEC_TEST(a_flood_of_problems_is_cut),
        EXEC_TEST(a_plugin_older_than_checks_still_runs),
    };
    return RUN_TESTS("checks of plugins before a run", tests);
}
