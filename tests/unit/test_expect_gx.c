/* Corners of Great Expectations 1.2, each as its own evaluation gave it: missing
 * values, ties, orders of lists, and what is an error. */
#include "expect_fixture.h"
#include "expect/json_schema.h"
#include "expect/json_text.h"

static void sums_that_are_not_a_number_are_outside_any_range(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"a\": [Infinity, 1.5, -Infinity]}");
    verdict(f, "expect_column_sum_to_be_between", "{\"column\": \"a\"}", false);
    verdict(f, "expect_column_mean_to_be_between", "{\"column\": \"a\", \"max_value\": 2}", false);
}

static void a_missing_value_breaks_the_sum_of_its_row(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"a\": [1, null, 2], \"b\": [2, 3, null]}");
    verdict(f, "expect_multicolumn_sum_to_equal", "{\"column_list\": [\"a\", \"b\"], \"sum_total\": 3}",
            false);
    assert_field(f, "unexpected_list", "[{\"a\": null, \"b\": 3}, {\"a\": 2, \"b\": null}]");
}

static void counts_are_listed_as_python_sorts_them(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"a\": [null, null, null, 3, 1], \"b\": [2, 3, 0, 5, 3]}");
    verdict(f, "expect_column_pair_values_to_be_equal", "{\"column_A\": \"a\", \"column_B\": \"b\"}", false);
    assert_field(f, "partial_unexpected_counts",
                 "[{\"value\": [null, 2], \"count\": 1}, {\"value\": [null, 3], \"count\": 1},"
                 " {\"value\": [null, 0], \"count\": 1}, {\"value\": [1, 3], \"count\": 1},"
                 " {\"value\": [3, 5], \"count\": 1}]");
    given(f, "{\"a\": [5, 4, 3, 2]}");
    verdict(f, "expect_column_values_to_be_null", "{\"column\": \"a\"}", false);
    assert_field(f, "partial_unexpected_counts",
                 "[{\"value\": 2, \"count\": 1}, {\"value\": 3, \"count\": 1}, {\"value\": 4, \"count\": 1},"
                 " {\"value\": 5, \"count\": 1}]");
}

static void a_missing_number_is_like_no_other_and_a_missing_text_is(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"a\": [null, 1, null], \"b\": [null, true, null]}");
    verdict(f, "expect_column_values_to_not_be_null", "{\"column\": \"a\"}", false);
    assert_field(f, "partial_unexpected_counts",
                 "[{\"value\": null, \"count\": 1}, {\"value\": null, \"count\": 1}]");
    verdict(f, "expect_column_values_to_not_be_null", "{\"column\": \"b\"}", false);
    assert_field(f, "partial_unexpected_counts", "[{\"value\": null, \"count\": 2}]");
}

static void sets_that_are_not_given(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"a\": [1, 2]}");
    verdict(f, "expect_column_values_to_be_in_set", "{\"column\": \"a\"}", true);
    verdict(f, "expect_column_distinct_values_to_be_in_set", "{\"column\": \"a\"}", true);
    verdict(f, "expect_column_most_common_value_to_be_in_set", "{\"column\": \"a\"}", false);
    assert_exception(f, "expect_column_distinct_values_to_equal_set", "{\"column\": \"a\"}", "value_set");
    assert_exception(f, "expect_column_distinct_values_to_contain_set",
                     "{\"column\": \"a\", \"value_set\": null}", "value_set");
    assert_exception(f, "expect_column_pair_values_to_be_in_set",
                     "{\"column_A\": \"a\", \"column_B\": \"a\", \"value_pairs_set\": null}", "none");
    verdict(f, "expect_column_values_to_match_regex", "{\"column\": \"a\"}", true);
    assert_exception(f, "expect_column_values_to_not_match_regex", "{\"column\": \"a\"}", "field required");
}

static void a_missing_value_in_a_set_does_not_occur(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"a\": [1, null]}");
    verdict(f, "expect_column_distinct_values_to_contain_set",
            "{\"column\": \"a\", \"value_set\": [1, null]}", false);
    verdict(f, "expect_column_distinct_values_to_be_in_set", "{\"column\": \"a\", \"value_set\": [1, null]}",
            true);
}

static void a_column_index_may_count_from_the_end(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"a\": [1], \"b\": [1]}");
    verdict(f, "expect_column_to_exist", "{\"column\": \"b\", \"column_index\": -1}", true);
    verdict(f, "expect_column_to_exist", "{\"column\": \"a\", \"column_index\": -1}", false);
}

static void quantiles_are_interpolated_as_asked(void **state)
{
    struct fixture *f = *state;
    static const char *const cases[][2] = { { "false", "2" },         { "\"nearest\"", "2" },
                                            { "\"linear\"", "1.75" }, { "\"lower\"", "1" },
                                            { "\"higher\"", "2" },    { "\"midpoint\"", "1.5" } };
    given(f, "{\"a\": [1, 2, 3, 4]}");
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        verdict(f, "expect_column_quantile_values_to_be_between",
                dr_arena_printf(&f->a,
                                "{\"column\": \"a\", \"quantile_ranges\": {\"quantiles\": [0.25], "
                                "\"value_ranges\": [[null, 9]]}, \"allow_relative_error\": %s}",
                                cases[k][0]),
                true);
        assert_field(f, "observed_value",
                     dr_arena_printf(&f->a, "{\"quantiles\": [0.25], \"values\": [%s]}", cases[k][1]));
    }
    assert_exception(f, "expect_column_quantile_values_to_be_between",
                     "{\"column\": \"a\", \"quantile_ranges\": {\"quantiles\": [0.5], \"value_ranges\": "
                     "[[1, 2]]}, \"allow_relative_error\": 0.1}",
                     "allow_relative_error");
    assert_exception(f, "expect_column_quantile_values_to_be_between",
                     "{\"column\": \"a\", \"quantile_ranges\": {\"quantiles\": [0.5], \"value_ranges\": "
                     "[[1, \"many\"]]}}",
                     "numbers, dates or null expected");
}

static void a_partition_keeps_its_order(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"a\": [\"x\", \"y\", \"y\", \"a\"]}");
    verdict(
        f, "expect_column_kl_divergence_to_be_less_than",
        "{\"column\": \"a\", \"partition_object\": {\"values\": [\"y\", \"x\"], \"weights\": [0.5, 0.5]}, "
        "\"tail_weight_holdout\": 0.2, \"threshold\": 1}",
        true);
    assert_field(
        f, "details",
        "{\"observed_partition\": {\"values\": [\"y\", \"x\", \"a\"], \"weights\": [0.5, 0.25, 0.25]},"
        " \"expected_partition\": {\"values\": [\"y\", \"x\", \"a\"], \"weights\": [0.4, 0.4, 0.2]}}");
    given(f, "{\"a\": [1, 2]}");
    assert_exception(f, "expect_column_kl_divergence_to_be_less_than",
                     "{\"column\": \"a\", \"partition_object\": {\"bins\": [0, 3], \"weights\": [0.9], "
                     "\"tail_weights\": [0.05, 0.05]}, \"tail_weight_holdout\": 0.1, \"threshold\": 1}",
                     "tail_weight_holdout must be 0");
    assert_exception(f, "expect_column_kl_divergence_to_be_less_than",
                     "{\"column\": \"a\", \"partition_object\": {\"bins\": [0, 1, 3], \"weights\": [-0.5, "
                     "1.5]}, \"threshold\": 1}",
                     "a weight must not be below 0");
}

static void names_that_are_no_type_are_errors_for_text(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"a\": [\"x\"], \"b\": [1]}");
    assert_exception(f, "expect_column_values_to_be_of_type", "{\"column\": \"a\", \"type_\": \"foo\"}",
                     "Unrecognized numpy/python type: foo");
    assert_exception(f, "expect_column_values_to_be_in_type_list",
                     "{\"column\": \"a\", \"type_list\": [\"foo\", \"bar\"]}",
                     "No recognized numpy/python type in list: \"foo\", \"bar\"");
    verdict(f, "expect_column_values_to_be_in_type_list", "{\"column\": \"a\"}", true);
    verdict(f, "expect_column_values_to_be_of_type", "{\"column\": \"b\", \"type_\": \"foo\"}", false);
    assert_field(f, "observed_value", "\"int64\"");
    verdict(f, "expect_column_values_to_be_of_type", "{\"column\": \"a\", \"type_\": \"int32\"}", false);
    assert_field(f, "unexpected_list", "[\"x\"]");
    verdict(f, "expect_column_values_to_be_in_type_list",
            "{\"column\": \"b\", \"type_list\": [\"TEXT\", \"str\"]}", false);
    assert_field(f, "observed_value", "\"int64\"");
}

static void object_is_the_type_of_a_text_column_but_of_none_of_its_values(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"a\": [\"x\", null]}");
    verdict(f, "expect_column_values_to_be_of_type", "{\"column\": \"a\", \"type_\": \"object\"}", true);
    assert_field(f, "observed_value", "\"object_\"");
    verdict(f, "expect_column_values_to_be_in_type_list", "{\"column\": \"a\", \"type_list\": [\"object\"]}",
            false);
    assert_field(f, "unexpected_list", "[\"x\"]");
    verdict(f, "expect_column_values_to_be_in_type_list",
            "{\"column\": \"a\", \"type_list\": [\"object\", \"str\"]}", true);
}

static void a_share_may_be_bounded_beyond_what_it_can_be(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"a\": [1, 1, 2, 3]}");
    verdict(f, "expect_column_proportion_of_unique_values_to_be_between",
            "{\"column\": \"a\", \"min_value\": -1, \"max_value\": 1.5}", true);
    verdict(f, "expect_column_proportion_of_unique_values_to_be_between",
            "{\"column\": \"a\", \"min_value\": 1.5}", false);
    assert_field(f, "observed_value", "0.75");
}

static void an_argument_written_down_empty_is_an_error_where_it_has_a_default(void **state)
{
    static const struct {
        const char *type, *kwargs, *error;
    } cases[] = {
        { "expect_column_values_to_match_regex", "{\"column\": \"a\", \"regex\": null}",
          "regex: none is not" },
        { "expect_column_values_to_be_unique", "{\"column\": \"a\", \"mostly\": null}",
          "mostly: none is not" },
        { "expect_column_values_to_match_regex_list",
          "{\"column\": \"a\", \"regex_list\": [\"x\"], \"match_on\": null}", "match_on: none is not" },
        { "expect_column_value_z_scores_to_be_less_than", "{\"column\": \"a\", \"threshold\": 1}",
          "double_sided: field required" },
    };
    struct fixture *f = *state;
    given(f, "{\"a\": [\"x\", \"y\"]}");
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++)
        assert_exception(f, cases[k].type, cases[k].kwargs, cases[k].error);
    verdict(f, "expect_column_most_common_value_to_be_in_set",
            "{\"column\": \"a\", \"value_set\": [\"x\", \"y\"], \"ties_okay\": null}", false);
}

static void times_have_a_mean_and_z_scores(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"a\": [\"2024-01-01\", \"2024-01-03\", null, \"2024-01-02\"]}");
    declare(f, (struct dr_suite_column){ .name = "a", .type = DR_TYPE_DATE });
    verdict(f, "expect_column_mean_to_be_between",
            "{\"column\": \"a\", \"min_value\": \"2024-01-02\", \"max_value\": \"2024-01-02\"}", true);
    assert_field(f, "observed_value", "\"2024-01-02T00:00:00\"");
    verdict(f, "expect_column_value_z_scores_to_be_less_than",
            "{\"column\": \"a\", \"threshold\": 0.9, \"double_sided\": true}", false);
    assert_field(f, "unexpected_list", "[\"2024-01-01\", \"2024-01-03\"]");
}

static void json_is_what_python_reads(void **state)
{
    static const char *const good[] = { "{}",
                                        " [1, 2.5e-3]\n",
                                        "{\"a\":1,\"a\":2}",
                                        "NaN",
                                        "-Infinity",
                                        "1e999",
                                        "\"\\ud800\"",
                                        "-0",
                                        "123456789012345678901234567890",
                                        "\"\\ud83d\\ude00\\u00e9\\n\"" };
    static const char *const bad[] = { "",
                                       "  ",
                                       "01",
                                       "1.",
                                       ".5",
                                       "+1",
                                       "-",
                                       "[1,]",
                                       "{a:1}",
                                       "{'a':1}",
                                       "\"a",
                                       "\"\\x\"",
                                       "\"a\tb\"",
                                       "nan",
                                       "1 2",
                                       "[1 2]",
                                       "{\"a\" 1}",
                                       ("\xef\xbb\xbf"
                                        "1"),
                                       "\"\\u12g4\"",
                                       "[" };
    (void)state;
    for (size_t k = 0; k < sizeof good / sizeof good[0]; k++) {
        DR_AUTO_ARENA a = { 0 };
        struct dr_node *n = NULL;
        if (!dr_json_text_read(NULL, dr_str_of(good[k]), NULL) ||
            !dr_json_text_read(&a, dr_str_of(good[k]), &n) || !n)
            fail_msg("%s should be read", good[k]);
    }
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++)
        if (dr_json_text_read(NULL, dr_str_of(bad[k]), NULL))
            fail_msg("%s should not be read", bad[k]);
}

static void json_values_are_built_as_written(void **state)
{
    struct fixture *f = *state;
    struct dr_node *n;
    const char *text = "{\"a\": [1, true, null, \"\\ud83d\\ude00\\u00e9\"], \"b\": 1, \"b\": {\"c\": -2.5}}";
    assert_true(dr_json_text_read(&f->a, dr_str_of(text), &n));
    assert_true(dr_node_equal(n, json(f, "{\"a\": [1, true, null, \"\xf0\x9f\x98\x80\xc3\xa9\"], "
                                         "\"b\": {\"c\": -2.5}}")));
    DR_AUTO_BUF deep = { 0 };
    for (int k = 0; k < 600; k++)
        dr_buf_putc(&deep, '[');
    assert_false(dr_json_text_read(NULL, dr_buf_str(&deep), NULL));
}

static void a_wrong_json_schema_is_an_error_before_any_value(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = { "{\"type\": \"foo\"}",
                                       "{\"type\": [\"string\", 1]}",
                                       "{\"minimum\": \"1\"}",
                                       "{\"multipleOf\": 0}",
                                       "{\"minLength\": 1.5}",
                                       "{\"pattern\": 1}",
                                       "{\"uniqueItems\": 1}",
                                       "{\"required\": [1]}",
                                       "{\"properties\": {\"a\": {\"type\": \"bar\"}}}",
                                       "{\"items\": [{\"maximum\": null}]}",
                                       "{\"anyOf\": {}}",
                                       "{\"not\": 3}",
                                       "{\"dependencies\": {\"a\": 1}}",
                                       "{\"enum\": 1}" };
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++)
        if (!dr_json_schema_check(json(f, bad[k]), &f->err) || !strstr(f->err.msg, "SchemaError"))
            fail_msg("%s should be refused", bad[k]);
    assert_int_equal(dr_json_schema_check(json(f, "{\"type\": [\"null\", \"integer\"], \"items\": true, "
                                                  "\"dependencies\": {\"a\": [\"b\"], \"c\": {}}}"),
                                          &f->err),
                     0);
    given(f, "{\"a\": [\"1\", \"2\"]}");
    verdict(f, "expect_column_values_to_match_json_schema",
            "{\"column\": \"a\", \"json_schema\": {\"minimum\": 1, \"exclusiveMinimum\": true}}", false);
    assert_field(f, "unexpected_list", "[\"1\"]");
}

static void row_conditions_as_pandas_reads_them(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *condition;
        const char *rows;
    } cases[] = { { "index > 1", "2" },
                  { "d ** 2 > 4", "1" },
                  { "d.abs() == 3", "1" },
                  { "d // 2 == 1", "2" },
                  { "-d ** 2 == -9", "1" },
                  { "2 ** d ** 2 == 16", "1" },
                  { "t.str.fullmatch('a')", "1" },
                  { "t.str.fullmatch('a|ab')", "2" } };
    given(f, "{\"d\": [1, 2, 3, null], \"t\": [\"a\", \"ab\", \"b\", null]}");
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        verdict(f, "expect_table_row_count_to_be_between",
                dr_arena_printf(&f->a, "{\"row_condition\": \"%s\"}", cases[k].condition), true);
        if (!dr_streq(field(f, "observed_value"), cases[k].rows))
            fail_msg("%s keeps %s rows, not %s", cases[k].condition, field(f, "observed_value"),
                     cases[k].rows);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sums_that_are_not_a_number_are_outside_any_range),
        TEST(a_missing_value_breaks_the_sum_of_its_row),
        TEST(counts_are_listed_as_python_sorts_them),
        TEST(a_missing_number_is_like_no_other_and_a_missing_text_is),
        TEST(sets_that_are_not_given),
        TEST(a_missing_value_in_a_set_does_not_occur),
        TEST(a_column_index_may_count_from_the_end),
        TEST(quantiles_are_interpolated_as_asked),
        TEST(a_partition_keeps_its_order),
        TEST(names_that_are_no_type_are_errors_for_text),
        TEST(object_is_the_type_of_a_text_column_but_of_none_of_its_values),
        TEST(a_share_may_be_bounded_beyond_what_it_can_be),
        TEST(an_argument_written_down_empty_is_an_error_where_it_has_a_default),
        TEST(times_have_a_mean_and_z_scores),
        TEST(json_is_what_python_reads),
        TEST(json_values_are_built_as_written),
        TEST(a_wrong_json_schema_is_an_error_before_any_value),
        TEST(row_conditions_as_pandas_reads_them),
    };
    return cmocka_run_group_tests_name("expect_gx", tests, NULL, NULL);
}
