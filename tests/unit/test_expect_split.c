/* Quarantine, results as JSON, and what the suite loader is told. */
#include "expect_fixture.h"
#include "model/suite.h"

static const char *text_at(struct fixture *f, const struct dr_table *t, const char *name, int64_t row)
{
    const struct dr_column *c = dr_table_column(t, dr_table_find(t, name));
    DR_AUTO_BUF b = { 0 };
    int32_t hint = 0;
    int64_t i;
    const struct dr_array *a = dr_column_at(c, row, &hint, &i);
    dr_array_put_text(a, i, &b);
    return dr_arena_dup(&f->a, dr_buf_cstr(&b), b.n);
}

static void split(struct fixture *f, struct dr_table **valid, struct dr_table **bad)
{
    run(f);
    if (dr_expect_split(f->results, f->table, valid, bad, &f->err))
        fail_msg("%s", f->err.msg);
}

static void quarantined_rows_carry_every_reason(void **state)
{
    struct fixture *f = *state;
    struct dr_table *valid, *bad;
    given(f, "{\"x\": [1, 200, null, 300], \"t\": [\"a\", \"b\", \"a\", \"zz\"]}");
    expect(f, "expect_column_values_to_be_between", "{\"column\": \"x\", \"max_value\": 100}")->on_failure =
        DR_ON_FAILURE_QUARANTINE;
    struct dr_expectation *e =
        expect(f, "expect_column_values_to_be_in_set", "{\"column\": \"t\", \"value_set\": [\"a\", \"b\"]}");
    e->on_failure = DR_ON_FAILURE_QUARANTINE;
    e->description = "The type is a or b";
    expect(f, "expect_column_values_to_not_be_null", "{\"column\": \"x\"}");
    split(f, &valid, &bad);
    assert_int_equal(valid->rows, 2);
    assert_int_equal(valid->n, 2);
    assert_int_equal(bad->rows, 2);
    assert_string_equal(text_at(f, bad, "_reasons", 0), "x is not at most 100");
    assert_string_equal(text_at(f, bad, "_reasons", 1), "x is not at most 100; The type is a or b");
    assert_string_equal(text_at(f, bad, "_expectations", 1), "e1, e2");
    assert_string_equal(text_at(f, bad, "x", 1), "300");
    dr_table_unref(valid);
    dr_table_unref(bad);
}

static void a_rule_that_mostly_holds_still_quarantines_its_rows(void **state)
{
    struct fixture *f = *state;
    struct dr_table *valid, *bad;
    given(f, "{\"x\": [1, 2, null, 4]}");
    expect(f, "expect_column_values_to_not_be_null", "{\"column\": \"x\", \"mostly\": 0.5}")->on_failure =
        DR_ON_FAILURE_QUARANTINE;
    split(f, &valid, &bad);
    assert_true(f->results->checks[0].success);
    assert_int_equal(bad->rows, 1);
    assert_string_equal(text_at(f, bad, "_reasons", 0), "the row lacks a value of x");
    dr_table_unref(valid);
    dr_table_unref(bad);
}

static void without_unexpected_rows_the_quarantine_is_empty_and_whole(void **state)
{
    struct fixture *f = *state;
    struct dr_table *valid, *bad;
    given(f, "{\"x\": [1, 2]}");
    expect(f, "expect_column_values_to_be_null", "{\"column\": \"x\"}"); /* recorded only */
    expect(f, "expect_column_values_to_be_null", "{\"column\": \"nosuch\"}")->on_failure =
        DR_ON_FAILURE_QUARANTINE;
    split(f, &valid, &bad);
    assert_int_equal(valid->rows, 2);
    assert_int_equal(bad->rows, 0);
    assert_true(dr_table_find(bad, "_reasons") >= 0 && dr_table_find(bad, "_expectations") >= 0);
    dr_table_unref(valid);
    dr_table_unref(bad);
}

static void another_tables_results_are_refused(void **state)
{
    struct fixture *f = *state;
    struct dr_table *valid, *bad;
    given(f, "{\"x\": [1, 2]}");
    run(f);
    given(f, "{\"x\": [1]}");
    assert_int_equal(dr_expect_split(f->results, f->table, &valid, &bad, &f->err), DR_EBUG);
}

static void results_are_json_in_great_expectations_shape(void **state)
{
    struct fixture *f = *state;
    DR_AUTO_BUF b = { 0 };
    given(f, "{\"x\": [1, 2]}");
    expect(f, "expect_column_max_to_be_between", "{\"column\": \"x\", \"max_value\": 2}");
    expect(f, "expect_column_max_to_be_between", "{\"column\": \"y\"}");
    dr_results_put_json(run(f), &b, 0);
    const struct dr_node *n = json(f, dr_buf_cstr(&b)), *results = dr_node_get(n, "results");
    assert_int_equal(dr_node_bool(dr_node_get(n, "success"), 1), 0);
    assert_int_equal(dr_node_int(dr_node_get(dr_node_get(n, "statistics"), "successful_expectations"), 0), 1);
    assert_true(dr_node_float(dr_node_get(dr_node_get(n, "statistics"), "success_percent"), 0) == 50);
    const struct dr_node *first = dr_node_at(results, 0), *second = dr_node_at(results, 1);
    assert_string_equal(dr_node_str(dr_node_get(dr_node_get(first, "expectation_config"), "type"), ""),
                        "expect_column_max_to_be_between");
    assert_int_equal(dr_node_int(dr_node_get(dr_node_get(first, "result"), "observed_value"), 0), 2);
    assert_int_equal(dr_node_bool(dr_node_get(dr_node_get(second, "exception_info"), "raised_exception"), 0),
                     1);
}

/* ---- the suite loader's questions ---- */

static void assert_diagnosed(struct fixture *f, const char *suite, const char *part, const char *hint)
{
    struct dr_diags d = { .arena = &f->a };
    DR_AUTO_BUF b = { 0 };
    (void)dr_suite_from_node(&f->a, json(f, suite), dr_expect_source(), &d);
    dr_diags_put_text(&d, &b);
    if (!strstr(dr_buf_cstr(&b), part) || (hint && !strstr(dr_buf_cstr(&b), hint)))
        fail_msg("should say '%s' and '%s': %s", part, hint ? hint : "", dr_buf_cstr(&b));
}

static void mistakes_in_a_suite_are_diagnosed(void **state)
{
    struct fixture *f = *state;
    assert_diagnosed(
        f,
        "{\"suite\": \"s\", \"expectations\": [{\"expect_column_values_to_be_uniqe\": {\"column\": \"x\"}}]}",
        "no expectation type", "expect_column_values_to_be_unique");
    assert_diagnosed(f,
                     "{\"suite\": \"s\", \"expectations\": [{\"expect_column_values_to_be_unique\": "
                     "{\"column\": \"x\", \"mosty\": 1}}]}",
                     "has no argument 'mosty'", "mostly");
    assert_diagnosed(f,
                     "{\"suite\": \"s\", \"expectations\": [{\"expect_column_values_to_be_in_set\": "
                     "{\"column\": \"x\"}}]}",
                     "value_set is not given", NULL);
    assert_diagnosed(f,
                     "{\"suite\": \"s\", \"expectations\": [{\"expect_column_values_to_be_between\": "
                     "{\"column\": 5, \"min_value\": [1]}}]}",
                     "column: str type expected", NULL);
}

static void a_right_suite_has_no_diagnostics(void **state)
{
    struct fixture *f = *state;
    struct dr_diags d = { .arena = &f->a };
    const struct dr_suite *s = dr_suite_from_node(
        &f->a,
        json(f, "{\"suite\": \"s\", \"expectations\": [{\"expect_column_values_to_be_between\": {\"column\": "
                "\"x\", \"min_value\": "
                "{\"$PARAMETER\": \"now()\"}}, \"row_condition\": \"x > 1\"}]}"),
        dr_expect_source(), &d);
    assert_non_null(s);
    assert_int_equal(d.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(quarantined_rows_carry_every_reason),
        TEST(a_rule_that_mostly_holds_still_quarantines_its_rows),
        TEST(without_unexpected_rows_the_quarantine_is_empty_and_whole),
        TEST(another_tables_results_are_refused),
        TEST(results_are_json_in_great_expectations_shape),
        TEST(mistakes_in_a_suite_are_diagnosed),
        TEST(a_right_suite_has_no_diagnostics),
    };
    return cmocka_run_group_tests_name("expect_split", tests, NULL, NULL);
}
