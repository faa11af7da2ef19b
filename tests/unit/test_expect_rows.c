/* The frame of row-level checks: what counts, fields of results, formats,
 * conditions, masking, sentences. */
#include "expect_fixture.h"

static void missing_values_are_left_out_and_counted(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"x\": [1, 2, null, 30, null]}");
    const struct dr_check *c = verdict(f, "expect_column_values_to_be_between",
                                       "{\"column\": \"x\", \"min_value\": 1, \"max_value\": 9}", false);
    assert_int_equal(c->element_count, 5);
    assert_int_equal(c->missing_count, 2);
    assert_int_equal(c->unexpected_count, 1);
    assert_field(f, "unexpected_percent", "33.33333333333333");
    assert_field(f, "unexpected_percent_total", "20.0");
    assert_field(f, "missing_percent", "40.0");
    assert_field(f, "unexpected_list", "[30]");
    assert_field(f, "unexpected_index_list", "[3]");
    assert_true(dr_bit(c->unexpected, 3));
    assert_false(dr_bit(c->unexpected, 2));
}

static void mostly_is_the_share_that_must_be_expected(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"x\": [1, 2, 3, 4, 99]}");
    verdict(f, "expect_column_values_to_be_between", "{\"column\": \"x\", \"max_value\": 9, \"mostly\": 0.8}",
            true);
    verdict(f, "expect_column_values_to_be_between",
            "{\"column\": \"x\", \"max_value\": 9, \"mostly\": 0.81}", false);
}

static void nothing_to_check_succeeds(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"x\": [null, null], \"e\": [1, 2]}");
    verdict(f, "expect_column_values_to_be_between", "{\"column\": \"x\", \"max_value\": 9}", true);
    assert_field(f, "unexpected_percent", "null");
    verdict(f, "expect_column_values_to_be_in_set",
            "{\"column\": \"e\", \"value_set\": [7], \"row_condition\": \"e > 5\"}", true);
    assert_field(f, "element_count", "0");
}

static void a_condition_limits_the_rows(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"t\": [\"a\", \"b\", \"a\"], \"x\": [1, 200, 300]}");
    const struct dr_check *c = verdict(f, "expect_column_values_to_be_between",
                                       "{\"column\": \"x\", \"max_value\": 100, \"row_condition\": \"t == "
                                       "\\\"a\\\"\", \"condition_parser\": \"pandas\"}",
                                       false);
    assert_int_equal(c->element_count, 2);
    assert_int_equal(c->unexpected_count, 1);
    assert_non_null(strstr(c->sentence, "where t == \"a\""));
}

static void result_formats_hold_more_and_more(void **state)
{
    struct fixture *f = *state;
    const char *kwargs = "{\"column\": \"x\", \"max_value\": 0}";
    given(f, "{\"x\": [1, 2]}");
    f->options.result_format = DR_RESULT_BOOLEAN_ONLY;
    verdict(f, "expect_column_values_to_be_between", kwargs, false);
    assert_int_equal(f->results->checks[0].result->n, 0);
    f->options.result_format = DR_RESULT_BASIC;
    verdict(f, "expect_column_values_to_be_between", kwargs, false);
    assert_field(f, "partial_unexpected_list", "[1, 2]");
    assert_string_equal(field(f, "partial_unexpected_counts"), "(absent)");
    f->options.result_format = DR_RESULT_SUMMARY;
    verdict(f, "expect_column_values_to_be_between", kwargs, false);
    assert_field(f, "partial_unexpected_index_list", "[0, 1]");
    assert_string_equal(field(f, "unexpected_list"), "(absent)");
}

static void a_result_format_may_be_a_map(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"id\": [\"p\", \"q\", \"r\"], \"x\": [1, 2, 3]}");
    verdict(f, "expect_column_values_to_be_between",
            "{\"column\": \"x\", \"max_value\": 0, \"result_format\": {\"result_format\": \"COMPLETE\", "
            "\"partial_unexpected_count\": 1, \"unexpected_index_column_names\": [\"id\"], "
            "\"include_unexpected_rows\": true}}",
            false);
    assert_field(f, "partial_unexpected_list", "[1]");
    assert_field(f, "unexpected_index_column_names", "[\"id\"]");
    assert_field(f, "unexpected_index_list",
                 "[{\"x\": 1, \"id\": \"p\"}, {\"x\": 2, \"id\": \"q\"}, {\"x\": 3, \"id\": \"r\"}]");
    assert_field(f, "unexpected_rows",
                 "[{\"id\": \"p\", \"x\": 1}, {\"id\": \"q\", \"x\": 2}, {\"id\": \"r\", \"x\": 3}]");
}

static void the_suites_key_and_the_line_name_rows(void **state)
{
    static const char *const key[] = { "id" };
    struct fixture *f = *state;
    given(f, "{\"id\": [\"p\", \"q\"], \"x\": [1, 2], \"_line\": [2, 3]}");
    f->suite.key = key;
    f->suite.n_key = 1;
    f->options.line_column = "_line";
    verdict(f, "expect_column_values_to_be_between", "{\"column\": \"x\", \"max_value\": 1}", false);
    assert_field(f, "unexpected_index_list", "[{\"x\": 2, \"id\": \"q\", \"_line\": 3}]");
    verdict(f, "expect_table_column_count_to_equal", "{\"value\": 2}", true);
    verdict(f, "expect_table_columns_to_match_ordered_list", "{\"column_list\": [\"id\", \"x\"]}", true);
}

static void value_counts_put_the_most_common_first(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"x\": [\"b\", \"a\", \"c\", \"b\", \"ok\", null]}");
    verdict(f, "expect_column_values_to_be_in_set", "{\"column\": \"x\", \"value_set\": [\"ok\"]}", false);
    assert_field(f, "partial_unexpected_counts",
                 "[{\"value\": \"b\", \"count\": 2}, {\"value\": \"a\", \"count\": 1}, {\"value\": \"c\", "
                 "\"count\": 1}]");
}

static void only_the_most_common_values_are_counted_out(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"x\": [\"a\", \"b\", \"c\", \"c\"]}");
    f->options.partial_unexpected_count = 2;
    verdict(f, "expect_column_values_to_be_in_set", "{\"column\": \"x\", \"value_set\": []}", false);
    assert_field(f, "partial_unexpected_counts",
                 "[{\"value\": \"c\", \"count\": 2}, {\"value\": \"a\", \"count\": 1}]");
    assert_field(f, "partial_unexpected_list", "[\"a\", \"b\"]");
}

static void many_single_values_do_not_hide_the_one_that_repeats(void **state)
{
    struct fixture *f = *state;
    struct dr_buf text = { 0 };
    (void)dr_buf_puts(&text, "{\"n\": [");
    for (int k = 0; k < 600; k++)
        (void)dr_buf_printf(&text, "\"v%03d\", ", k == 599 ? 500 : k);
    (void)dr_buf_puts(&text, "\"ok\"]}");
    given(f, dr_buf_cstr(&text));
    f->options.partial_unexpected_count = 2;
    verdict(f, "expect_column_values_to_be_in_set", "{\"column\": \"n\", \"value_set\": [\"ok\"]}", false);
    assert_field(f, "partial_unexpected_counts",
                 "[{\"value\": \"v500\", \"count\": 2}, {\"value\": \"v000\", \"count\": 1}]");
    dr_buf_done(&text);
}

static void what_repeats_among_some_rows_does_not_tell_of_all(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"x\": [\"a\", \"a\", \"b\"], \"y\": [1, 1, 1], \"n\": [1, 2, 1]}");
    f->suite.n = 0;
    expect(f, "expect_column_values_to_be_unique", "{\"column\": \"x\", \"row_condition\": \"n == 1\"}");
    expect(f, "expect_compound_columns_to_be_unique", "{\"column_list\": [\"x\", \"y\"]}");
    const struct dr_results *r = run(f);
    assert_int_equal(0, r->checks[0].unexpected_count);
    assert_int_equal(2, r->checks[1].unexpected_count);
}

static void sensitive_values_are_masked_everywhere(void **state)
{
    static const char *const types[] = { "expect_column_values_to_be_in_set",
                                         "expect_column_distinct_values_to_be_in_set",
                                         "expect_column_most_common_value_to_be_in_set" };
    struct fixture *f = *state;
    given(f, "{\"name\": [\"secret-a\", \"secret-a\", \"secret-b\"], \"n\": [1, 2, 3]}");
    declare(f, (struct dr_suite_column){ .name = "name", .type = -1, .sensitive = true });
    f->options.row_key = "name";
    f->options.include_unexpected_rows = true;
    f->suite.n = 0;
    for (int k = 0; k < 3; k++)
        expect(f, types[k], "{\"column\": \"name\", \"value_set\": [\"x\"]}");
    expect(f, "expect_column_max_to_be_between", "{\"column\": \"name\"}");
    expect(f, "expect_column_values_to_be_between", "{\"column\": \"n\", \"max_value\": 0}");
    expect(f, "expect_compound_columns_to_be_unique", "{\"column_list\": [\"name\", \"name\"]}");
    DR_AUTO_BUF out = { 0 };
    dr_results_put_json(run(f), &out, 2);
    assert_null(strstr(dr_buf_cstr(&out), "secret"));
    assert_non_null(strstr(dr_buf_cstr(&out), "\"***\""));
}

static void sentences_read_well(void **state)
{
    static const struct {
        const char *type, *kwargs, *sentence;
    } cases[] = {
        { "expect_column_values_to_be_between", "{\"column\": \"x\", \"min_value\": 20, \"max_value\": 250}",
          "1 of 4 values of x lies outside 20 to 250." },
        { "expect_column_values_to_be_between", "{\"column\": \"x\", \"min_value\": 25, \"mostly\": 0.5}",
          "2 of 4 values of x are not at least 25, within the 50 % that may." },
        { "expect_column_values_to_be_between",
          "{\"column\": \"x\", \"max_value\": 1000, \"strict_max\": true}",
          "All 4 values of x are less than 1,000." },
        { "expect_column_values_to_not_be_null", "{\"column\": \"x\"}", "1 of 5 rows lacks a value of x." },
        { "expect_column_values_to_be_unique", "{\"column\": \"x\"}", "All 4 values of x are unique." },
        { "expect_column_pair_values_to_be_equal", "{\"column_A\": \"x\", \"column_B\": \"y\"}",
          "5 of 5 rows have different values in x and y." },
        { "expect_column_mean_to_be_between", "{\"column\": \"x\", \"max_value\": 10}",
          "The mean of x is 27.5; expected at most 10." },
        { "expect_table_row_count_to_equal", "{\"value\": 5}", "The number of rows is 5, as expected." },
        { "expect_column_values_to_match_regex", "{\"column\": \"t\", \"regex\": \"^a$\"}",
          "5 of 5 values of t do not match ^a$." },
    };
    struct fixture *f = *state;
    given(f, "{\"x\": [10, 20, 30, 50, null], \"y\": [1, 2, 3, 4, 5], \"t\": [\"x\", \"x\", \"x\", \"x\", "
             "\"x\"]}");
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++)
        assert_string_equal(check(f, cases[k].type, cases[k].kwargs)->sentence, cases[k].sentence);
}

static void what_cannot_be_evaluated_is_a_result_of_its_own(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"value\": [1]}");
    assert_exception(f, "expect_column_values_to_be_unique", "{\"column\": \"vlue\"}",
                     "did you mean 'value'?");
    assert_exception(f, "expect_nothing", "{}", "no expectation type");
    assert_int_equal(f->results->errors, 1);
    assert_int_equal(f->results->failed, 0);
    assert_int_equal(f->results->checks[0].unexpected_count, -1);
    assert_null(f->results->checks[0].unexpected);
}

static void a_critical_failure_must_fail_the_run(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"x\": [1]}");
    expect(f, "expect_column_values_to_be_null", "{\"column\": \"x\"}");
    assert_false(run(f)->must_fail);
    f->expectations[0].severity = DR_SEVERITY_CRITICAL;
    assert_true(run(f)->must_fail);
    assert_int_equal(f->results->failed_by_severity[DR_SEVERITY_CRITICAL], 1);
    f->expectations[0].severity = DR_SEVERITY_INFO;
    f->expectations[0].on_failure = DR_ON_FAILURE_FAIL;
    assert_true(run(f)->must_fail);
    f->expectations[0].kwargs = json(f, "{\"column\": \"nosuch\"}");
    assert_true(run(f)->must_fail);
}

static void an_empty_table_is_checked_too(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"x\": [], \"y\": []}");
    verdict(f, "expect_column_values_to_be_unique", "{\"column\": \"x\"}", true);
    verdict(f, "expect_table_row_count_to_equal", "{\"value\": 0}", true);
    verdict(f, "expect_column_mean_to_be_between", "{\"column\": \"x\", \"min_value\": 0}", false);
    verdict(f, "expect_compound_columns_to_be_unique", "{\"column_list\": [\"x\", \"y\"]}", true);
    verdict(f, "expect_column_pair_values_to_be_equal", "{\"column_A\": \"x\", \"column_B\": \"y\"}", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(missing_values_are_left_out_and_counted),
        TEST(mostly_is_the_share_that_must_be_expected),
        TEST(nothing_to_check_succeeds),
        TEST(a_condition_limits_the_rows),
        TEST(result_formats_hold_more_and_more),
        TEST(a_result_format_may_be_a_map),
        TEST(the_suites_key_and_the_line_name_rows),
        TEST(value_counts_put_the_most_common_first),
        TEST(only_the_most_common_values_are_counted_out),
        TEST(many_single_values_do_not_hide_the_one_that_repeats),
        TEST(what_repeats_among_some_rows_does_not_tell_of_all),
        TEST(sensitive_values_are_masked_everywhere),
        TEST(sentences_read_well),
        TEST(what_cannot_be_evaluated_is_a_result_of_its_own),
        TEST(a_critical_failure_must_fail_the_run),
        TEST(an_empty_table_is_checked_too),
    };
    return cmocka_run_group_tests_name("expect_rows", tests, NULL, NULL);
}
