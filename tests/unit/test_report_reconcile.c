/* raw = clean + quarantined + duplicates. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "report/report.h"

#define ROW(dataset, group, stage, n)                                                                        \
    {                                                                                                        \
        "task", dataset, group, stage, n, false                                                              \
    }
#define RECONCILE(...)                                                                                       \
    dr_report_reconcile(                                                                                     \
        (const struct dr_account_row[]){ __VA_ARGS__ },                                                      \
        sizeof((const struct dr_account_row[]){ __VA_ARGS__ }) / sizeof(struct dr_account_row), &err)

static void rows_that_add_up_pass(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    assert_int_equal(RECONCILE(ROW("v", "A", "raw", 10), ROW("v", "B", "raw", 5), ROW("v", "A", "clean", 7),
                               ROW("v", "B", "clean", 5), ROW("v", "A", "quarantined", 2),
                               ROW("v", "A", "duplicates", 1)),
                     DR_OK);
}

static void a_stage_told_twice_is_summed(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    assert_int_equal(RECONCILE(ROW("v", "A", "raw", 10), ROW("v", "A", "clean", 5),
                               ROW("v", "A", "quarantined", 2), ROW("v", "A", "quarantined", 3)),
                     DR_OK);
}

static void a_missing_row_names_dataset_group_and_numbers(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    assert_int_equal(RECONCILE(ROW("vitals", "HOSP1", "raw", 10), ROW("vitals", "HOSP1", "clean", 9)),
                     DR_EINPUT);
    assert_string_equal(err.msg,
                        "rows of vitals, group HOSP1 do not add up: 10 raw, but 9 clean + 0 quarantined + "
                        "0 duplicates (1 missing)");
}

static void a_row_too_many_fails(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    assert_int_equal(RECONCILE(ROW("v", NULL, "raw", 10), ROW("v", NULL, "clean", 12)), DR_EINPUT);
    assert_non_null(strstr(err.msg, "2 too many"));
}

static void groups_that_make_up_for_each_other_fail(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    assert_int_equal(RECONCILE(ROW("v", "A", "raw", 10), ROW("v", "B", "raw", 10), ROW("v", "A", "clean", 9),
                               ROW("v", "B", "clean", 11)),
                     DR_EINPUT);
    assert_non_null(strstr(err.msg, "group A"));
}

static void a_dataset_that_was_not_finished_is_not_held_to_it(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    assert_int_equal(RECONCILE(ROW("v", "A", "raw", 10), ROW("v", "A", "quarantined", 2)), DR_OK);
}

/* transform tells clean rows first, then the others: a report task beside it must not take that for rows
 * lost. */
static void a_task_that_still_runs_may_tell_more(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    struct dr_account_row rows[] = { ROW("v", "A", "raw", 10), ROW("v", "A", "clean", 7) };
    rows[1].running = true;
    assert_int_equal(dr_report_reconcile(rows, 2, &err), DR_OK);
    rows[1].running = false;
    assert_int_equal(dr_report_reconcile(rows, 2, &err), DR_EINPUT);
}

static void rows_told_without_group_are_compared_in_all(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    assert_int_equal(
        RECONCILE(ROW("v", "A", "raw", 10), ROW("v", "B", "raw", 5), ROW("v", NULL, "clean", 15)), DR_OK);
    assert_int_equal(
        RECONCILE(ROW("v", "A", "raw", 10), ROW("v", "B", "raw", 5), ROW("v", NULL, "clean", 14)), DR_EINPUT);
}

static void an_empty_stage_without_group_does_not_stop_the_comparison(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    assert_int_equal(RECONCILE(ROW("v", "A", "raw", 10), ROW("v", "B", "raw", 5), ROW("v", "A", "clean", 9),
                               ROW("v", "B", "clean", 6), ROW("v", NULL, "duplicates", 0)),
                     DR_EINPUT);
}

static void the_second_dataset_is_looked_at_too(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    assert_int_equal(RECONCILE(ROW("a", NULL, "raw", 1), ROW("b", NULL, "raw", 3), ROW("a", NULL, "clean", 1),
                               ROW("b", NULL, "clean", 2)),
                     DR_EINPUT);
    assert_non_null(strstr(err.msg, "rows of b"));
}

static void no_account_is_fine(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    assert_int_equal(dr_report_reconcile(NULL, 0, &err), DR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_that_add_up_pass),
        cmocka_unit_test(a_stage_told_twice_is_summed),
        cmocka_unit_test(a_missing_row_names_dataset_group_and_numbers),
        cmocka_unit_test(a_row_too_many_fails),
        cmocka_unit_test(groups_that_make_up_for_each_other_fail),
        cmocka_unit_test(a_dataset_that_was_not_finished_is_not_held_to_it),
        cmocka_unit_test(a_task_that_still_runs_may_tell_more),
        cmocka_unit_test(rows_told_without_group_are_compared_in_all),
        cmocka_unit_test(an_empty_stage_without_group_does_not_stop_the_comparison),
        cmocka_unit_test(the_second_dataset_is_looked_at_too),
        cmocka_unit_test(no_account_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
