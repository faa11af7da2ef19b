/* dr_task_validate and dr_task_account through a plugin that uses them. */
#include "test_exec_fixture.h"

static const char suite[] =
    "suite: trees\n"
    "columns: {name: {sensitive: true}}\n"
    "expectations:\n"
    "  - expect_column_values_to_not_be_null: {column: size}\n"
    "    severity: warning\n"
    "    on_failure: quarantine\n"
    "    description: A tree has a size\n"
    "  - expect_column_values_to_be_in_set: {column: kind, value_set: [leaf, needle]}\n"
    "    severity: critical\n";

static void prepare(struct fixture *f)
{
    write_file(f, "expectations/trees.yaml", suite);
    write_file(f, "data/trees.csv", "name,size,kind\nash,12,leaf\noak,,leaf\nfir,7,neeedle\n");
    load_dag(f, "  a: {plugin: checks, inputs: {in: data/trees.csv}, outputs: {valid: v, quarantined: q}}\n");
}

static void results_are_recorded_logged_and_rows_are_split(void **state)
{
    struct fixture *f = *state;
    prepare(f);
    run_dag(f);
    assert_string_equal("", task_reason(f, "a"));
    assert_string_equal("2", ask(f, "SELECT CAST(count(*) AS TEXT) FROM expectation_result"));
    assert_string_equal("2", ask(f, "SELECT CAST(sum(outcome = 'failed') AS TEXT) FROM expectation_result"));
    assert_string_equal(
        "1", ask(f, "SELECT CAST(CAST(value AS INTEGER) AS TEXT) FROM metric WHERE name = 'quarantined'"));
    assert_string_equal(
        "1", ask(f, "SELECT CAST(CAST(value AS INTEGER) AS TEXT) FROM metric WHERE name = 'must_fail'"));
    const char *log = read_text(f, "var/runs/t/r/a@1.log");
    assert_contains(log, "WARN A tree has a size (warning)");
    assert_contains(log, "suite trees on trees_raw: 2 expectations, 0 passed, 2 failed");
    struct dr_table *t;
    assert_int_equal(DR_OK, dr_table_read_arrow(in_home(f, "var/runs/t/r/a/out/q.arrow"), &t, &f->err));
    assert_int_equal(1, dr_table_rows(t));
    assert_true(dr_table_find(t, "_reasons") >= 0);
    dr_table_unref(t);
}

static void a_suite_with_mistakes_fails_for_good_with_its_place(void **state)
{
    struct fixture *f = *state;
    prepare(f);
    write_file(f, "expectations/trees.yaml",
               "suite: trees\nexpectations:\n  - expect_nothing: {column: size}\n");
    f->dag->tasks[0].retries = 3;
    run_dag(f);
    assert_contains(task_reason(f, "a"), "expectations/trees.yaml:3");
    assert_string_equal("1", ask(f, "SELECT CAST(count(*) AS TEXT) FROM task_attempt"));
}

static void an_unknown_stage_is_refused(void **state)
{
    struct fixture *f = *state;
    prepare(f);
    load_dag(f, "  a: {plugin: checks, with: {stage: lost}, inputs: {in: data/trees.csv},\n"
                "      outputs: {valid: v, quarantined: q}}\n");
    run_dag(f);
    assert_contains(task_reason(f, "a"), "stage 'lost'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXEC_TEST(results_are_recorded_logged_and_rows_are_split),
        EXEC_TEST(a_suite_with_mistakes_fails_for_good_with_its_place),
        EXEC_TEST(an_unknown_stage_is_refused),
    };
    return RUN_TESTS("task_check", tests);
}
