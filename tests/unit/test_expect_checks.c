/* The expectation types: each with data that passes and data that does not,
 * declared types, and what is an error. */
#include "expect_fixture.h"

struct example {
    const char *type, *kwargs;
    bool success;
    const char *unexpected; /* JSON of unexpected_list or observed_value; NULL: not compared */
};

static const char table[] =
    "{\"i\": [1, 2, 2, null, 9], \"f\": [0.5, 1.5, 2.5, 3.5, null], \"t\": [\"a\", \"bb\", \"ccc\", \"bb\", "
    "null],"
    " \"up\": [1, 1, null, 3, 5], \"down\": [5, 4, 4, 2, 6], \"j\": [\"{}\", \"[1\", \"1\", null, \"x\"],"
    " \"day\": [\"2024-01-31\", \"31.1.2024\", \"2024-02-30\", null, \"Feb 3, 2024\"], \"b\": [true, false, "
    "true, null, true],"
    " \"id\": [1, 2, 3, 4, 5]}";

static const struct example examples[] = {
    { "expect_column_values_to_be_between", "{\"column\": \"i\", \"min_value\": 2, \"strict_min\": true}",
      false, "[1, 2, 2]" },
    { "expect_column_values_to_be_between", "{\"column\": \"f\", \"min_value\": 0.5, \"max_value\": 3.5}",
      true, "[]" },
    { "expect_column_values_to_be_between", "{\"column\": \"i\", \"min_value\": 1.5, \"max_value\": 8.5}",
      false, "[1, 9]" },
    { "expect_column_values_to_be_between", "{\"column\": \"i\", \"max_value\": \"2\"}", false, "[9]" },
    { "expect_column_values_to_be_between", "{\"column\": \"b\", \"min_value\": 1}", false, "[false]" },
    { "expect_column_values_to_be_unique", "{\"column\": \"i\"}", false, "[2, 2]" },
    { "expect_column_values_to_be_unique", "{\"column\": \"t\"}", false, "[\"bb\", \"bb\"]" },
    { "expect_column_values_to_be_unique", "{\"column\": \"f\"}", true, "[]" },
    { "expect_column_values_to_be_null", "{\"column\": \"i\", \"mostly\": 0.2}", true, "[1, 2, 2, 9]" },
    { "expect_column_values_to_not_be_null", "{\"column\": \"t\"}", false, "[null]" },
    { "expect_column_values_to_be_increasing", "{\"column\": \"up\"}", true, "[]" },
    { "expect_column_values_to_be_increasing", "{\"column\": \"up\", \"strictly\": true}", false, "[1]" },
    { "expect_column_values_to_be_decreasing", "{\"column\": \"down\"}", false, "[6]" },
    { "expect_column_values_to_be_decreasing", "{\"column\": \"down\", \"strictly\": true}", false,
      "[4, 6]" },
    { "expect_column_value_z_scores_to_be_less_than",
      "{\"column\": \"i\", \"threshold\": 1.4, \"double_sided\": true}", false, "[9]" },
    { "expect_column_value_z_scores_to_be_less_than",
      "{\"column\": \"down\", \"threshold\": 1.4, \"double_sided\": false}", true, "[]" },
    { "expect_column_values_to_be_in_set", "{\"column\": \"i\", \"value_set\": [1.0, 2]}", false, "[9]" },
    { "expect_column_values_to_be_in_set", "{\"column\": \"f\", \"value_set\": [0.5, 1.5, 2.5]}", false,
      "[3.5]" },
    { "expect_column_values_to_be_in_set", "{\"column\": \"t\", \"value_set\": [\"a\", \"bb\", 5]}", false,
      "[\"ccc\"]" },
    { "expect_column_values_to_not_be_in_set", "{\"column\": \"t\", \"value_set\": [\"a\"]}", false,
      "[\"a\"]" },
    { "expect_column_values_to_not_be_in_set", "{\"column\": \"t\", \"value_set\": null}", true, "[]" },
    { "expect_column_values_to_match_regex", "{\"column\": \"t\", \"regex\": \"^b|c$\"}", false, "[\"a\"]" },
    { "expect_column_values_to_match_regex", "{\"column\": \"f\", \"regex\": \"\\\\.5$\"}", true, "[]" },
    { "expect_column_values_to_not_match_regex", "{\"column\": \"t\", \"regex\": \"b\"}", false,
      "[\"bb\", \"bb\"]" },
    { "expect_column_values_to_match_regex_list", "{\"column\": \"t\", \"regex_list\": [\"a\", \"c\"]}",
      false, "[\"bb\", \"bb\"]" },
    { "expect_column_values_to_match_regex_list",
      "{\"column\": \"t\", \"regex_list\": [\"b\", \"bb\"], \"match_on\": \"all\"}", false,
      "[\"a\", \"ccc\"]" },
    { "expect_column_values_to_not_match_regex_list", "{\"column\": \"t\", \"regex_list\": [\"a\", \"c\"]}",
      false, "[\"a\", \"ccc\"]" },
    { "expect_column_values_to_match_like_pattern", "{\"column\": \"t\", \"like_pattern\": \"B_\"}", false,
      "[\"a\", \"ccc\"]" },
    { "expect_column_values_to_not_match_like_pattern", "{\"column\": \"t\", \"like_pattern\": \"%c%\"}",
      false, "[\"ccc\"]" },
    { "expect_column_values_to_match_like_pattern_list",
      "{\"column\": \"t\", \"like_pattern_list\": [\"a\", \"b%\"]}", false, "[\"ccc\"]" },
    { "expect_column_values_to_not_match_like_pattern_list",
      "{\"column\": \"t\", \"like_pattern_list\": [\"a\", \"z\"]}", false, "[\"a\"]" },
    { "expect_column_value_lengths_to_be_between", "{\"column\": \"t\", \"min_value\": 1, \"max_value\": 2}",
      false, "[\"ccc\"]" },
    { "expect_column_value_lengths_to_be_between",
      "{\"column\": \"t\", \"min_value\": 1, \"strict_min\": true}", false, "[\"a\"]" },
    { "expect_column_value_lengths_to_equal", "{\"column\": \"t\", \"value\": 2}", false,
      "[\"a\", \"ccc\"]" },
    { "expect_column_values_to_match_strftime_format",
      "{\"column\": \"day\", \"strftime_format\": \"%Y-%m-%d\"}", false,
      "[\"31.1.2024\", \"2024-02-30\", \"Feb 3, 2024\"]" },
    { "expect_column_values_to_be_dateutil_parseable", "{\"column\": \"day\"}", false, "[\"2024-02-30\"]" },
    { "expect_column_values_to_be_json_parseable", "{\"column\": \"j\"}", false, "[\"[1\", \"x\"]" },
    { "expect_column_values_to_be_json_parseable", "{\"column\": \"i\"}", false, "[1, 2, 2, 9]" },
    { "expect_column_values_to_match_json_schema",
      "{\"column\": \"j\", \"json_schema\": {\"type\": \"object\"}}", false, "[\"[1\", \"1\", \"x\"]" },
    { "expect_column_pair_values_to_be_equal", "{\"column_A\": \"i\", \"column_B\": \"up\"}", false,
      "[[2, 1], [2, null], [null, 3], [9, 5]]" },
    { "expect_column_pair_values_to_be_equal",
      "{\"column_A\": \"i\", \"column_B\": \"up\", \"ignore_row_if\": \"either_value_is_missing\"}", false,
      "[[2, 1], [9, 5]]" },
    { "expect_column_pair_values_a_to_be_greater_than_b",
      "{\"column_A\": \"i\", \"column_B\": \"f\", \"ignore_row_if\": \"either_value_is_missing\"}", false,
      "[[2, 2.5]]" },
    { "expect_column_pair_values_a_to_be_greater_than_b",
      "{\"column_A\": \"down\", \"column_B\": \"id\", \"or_equal\": true}", false, "[[2, 4]]" },
    { "expect_column_pair_values_to_be_in_set",
      "{\"column_A\": \"i\", \"column_B\": \"t\", \"value_pairs_set\": [[1, \"a\"], [2.0, \"bb\"], [9, "
      "null]]}",
      false, "[[2, \"ccc\"], [null, \"bb\"]]" },
    { "expect_compound_columns_to_be_unique", "{\"column_list\": [\"i\", \"b\"]}", true, "[]" },
    { "expect_compound_columns_to_be_unique",
      "{\"column_list\": [\"t\", \"b\"], \"ignore_row_if\": \"never\"}", true, "[]" },
    { "expect_select_column_values_to_be_unique_within_record", "{\"column_list\": [\"i\", \"up\", \"f\"]}",
      false, "[{\"i\": 1, \"up\": 1, \"f\": 0.5}]" },
    { "expect_multicolumn_values_to_be_unique", "{\"column_list\": [\"id\", \"i\"]}", false,
      "[{\"id\": 1, \"i\": 1}, {\"id\": 2, \"i\": 2}]" },
    { "expect_multicolumn_sum_to_equal", "{\"column_list\": [\"id\", \"down\"], \"sum_total\": 6}", false,
      "[{\"id\": 3, \"down\": 4}, {\"id\": 5, \"down\": 6}]" },
    { "expect_column_min_to_be_between", "{\"column\": \"i\", \"min_value\": 1}", true, "1" },
    { "expect_column_max_to_be_between", "{\"column\": \"f\", \"max_value\": 3}", false, "3.5" },
    { "expect_column_max_to_be_between", "{\"column\": \"t\"}", true, "\"ccc\"" },
    { "expect_column_mean_to_be_between", "{\"column\": \"i\", \"min_value\": 3.5, \"max_value\": 3.5}", true,
      "3.5" },
    { "expect_column_median_to_be_between", "{\"column\": \"f\", \"min_value\": 2, \"max_value\": 2}", true,
      "2.0" },
    { "expect_column_sum_to_be_between", "{\"column\": \"i\", \"min_value\": 14, \"strict_min\": true}",
      false, "14" },
    { "expect_column_stdev_to_be_between", "{\"column\": \"f\", \"max_value\": 1.3}", true,
      "1.2909944487358056" },
    { "expect_column_unique_value_count_to_be_between", "{\"column\": \"t\", \"max_value\": 3}", true, "3" },
    { "expect_column_proportion_of_unique_values_to_be_between", "{\"column\": \"i\", \"min_value\": 0.8}",
      false, "0.75" },
    { "expect_column_proportion_of_non_null_values_to_be_between", "{\"column\": \"i\", \"min_value\": 0.8}",
      true, "0.8" },
    { "expect_column_quantile_values_to_be_between",
      "{\"column\": \"id\", \"quantile_ranges\": {\"quantiles\": [0, 0.5, 1], \"value_ranges\": [[1, 1], "
      "[null, 3], [6, null]]}}",
      false, "{\"quantiles\": [0, 0.5, 1], \"values\": [1, 3, 5]}" },
    { "expect_column_distinct_values_to_be_in_set", "{\"column\": \"i\", \"value_set\": [1, 2, 9, 10]}", true,
      "[1, 2, 9]" },
    { "expect_column_distinct_values_to_contain_set", "{\"column\": \"t\", \"value_set\": [\"a\", \"z\"]}",
      false, NULL },
    { "expect_column_distinct_values_to_equal_set", "{\"column\": \"b\", \"value_set\": [true, false]}", true,
      "[false, true]" },
    { "expect_column_most_common_value_to_be_in_set", "{\"column\": \"t\", \"value_set\": [\"bb\"]}", true,
      "[\"bb\"]" },
    { "expect_column_most_common_value_to_be_in_set",
      "{\"column\": \"id\", \"value_set\": [1], \"ties_okay\": true}", true, NULL },
    { "expect_table_row_count_to_be_between", "{\"max_value\": 2, \"row_condition\": \"i == 2\"}", true,
      "2" },
    { "expect_table_row_count_to_equal", "{\"value\": 4}", false, "5" },
    { "expect_table_column_count_to_be_between", "{\"min_value\": 9, \"max_value\": 9}", true, "9" },
    { "expect_column_to_exist", "{\"column\": \"i\", \"column_index\": 0}", true, NULL },
    { "expect_column_to_exist", "{\"column\": \"i\", \"column_index\": 1}", false, NULL },
    { "expect_column_values_to_be_of_type", "{\"column\": \"i\", \"type_\": \"int64\"}", true, "\"int64\"" },
    { "expect_column_values_to_be_of_type", "{\"column\": \"t\", \"type_\": \"int\"}", false,
      "[\"a\", \"bb\", \"ccc\", \"bb\"]" },
    { "expect_column_values_to_be_in_type_list",
      "{\"column\": \"f\", \"type_list\": [\"INTEGER\", \"FLOAT\"]}", true, "\"FLOAT\"" },
};

static void each_type_finds_what_is_unexpected(void **state)
{
    struct fixture *f = *state;
    given(f, table);
    for (size_t k = 0; k < sizeof examples / sizeof examples[0]; k++) {
        const struct example *x = &examples[k];
        const struct dr_check *c = verdict(f, x->type, x->kwargs, x->success);
        const char *key = dr_node_get(c->result, "unexpected_list") ? "unexpected_list" : "observed_value";
        if (x->unexpected && !dr_node_equal(json(f, field(f, key)), json(f, x->unexpected)))
            fail_msg("%s %s: %s should be %s and is %s", x->type, x->kwargs, key, x->unexpected,
                     field(f, key));
    }
}

/* In test_expect_beyond.c. */
static const char *const tested_elsewhere[] = { "expect_column_values_to_be_valid_identifier",
                                                "expect_column_values_to_be_valid_code",
                                                "expect_column_values_to_be_in_value_set",
                                                "expect_column_values_to_not_be_outliers",
                                                "expect_column_values_to_be_unique_within_group",
                                                "expect_column_values_to_be_in_other_table",
                                                "expect_column_values_to_contain_other_table",
                                                "expect_compound_columns_to_be_in_other_table",
                                                "expect_column_aggregate_to_equal_other_table",
                                                "expect_column_max_to_be_recent",
                                                "expect_table_row_count_change_to_be_between",
                                                "expect_table_schema_to_match",
                                                "expect_table_schema_to_match_earlier",
                                                "expect_column_psi_to_be_less_than",
                                                "expect_column_ks_test_p_value_to_be_greater_than",
                                                "unexpected_rows_expectation",
                                                "expect_query_results_to_match_comparison",
                                                "expect_rows_to_satisfy_sql",
                                                "expect_rows_to_satisfy_plugin" };

static void every_type_has_an_example_here(void **state)
{
    int32_t n;
    const struct dr_expect_info *infos = dr_expect_infos(&n);
    (void)state;
    for (int32_t k = 0; k < n; k++) {
        bool tested = dr_streq(infos[k].name, "expect_column_kl_divergence_to_be_less_than") ||
                      dr_streq(infos[k].name, "expect_table_row_count_to_equal_other_table") ||
                      dr_streq(infos[k].name, "expect_table_columns_to_match_set") ||
                      dr_streq(infos[k].name, "expect_table_columns_to_match_ordered_list") ||
                      dr_streq(infos[k].name, "expect_table_column_count_to_equal");
        for (size_t i = 0; i < sizeof tested_elsewhere / sizeof tested_elsewhere[0]; i++)
            tested |= dr_streq(infos[k].name, tested_elsewhere[i]);
        for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++)
            tested |= dr_streq(infos[k].name, examples[i].type);
        if (!tested)
            fail_msg("%s has no test", infos[k].name);
    }
}

static void columns_are_matched_by_name_and_order(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"a\": [1], \"b\": [1]}");
    verdict(f, "expect_table_columns_to_match_ordered_list", "{\"column_list\": [\"a\", \"c\", \"d\"]}",
            false);
    assert_field(
        f, "details",
        "{\"mismatched\": [{\"Expected Column Position\": 1, \"Expected\": \"c\", \"Found\": \"b\"}, "
        "{\"Expected Column Position\": 2, \"Expected\": \"d\", \"Found\": null}]}");
    verdict(f, "expect_table_columns_to_match_set", "{\"column_set\": [\"b\", \"a\"]}", true);
    verdict(f, "expect_table_columns_to_match_set", "{\"column_set\": [\"b\"], \"exact_match\": false}",
            true);
    verdict(f, "expect_table_columns_to_match_set", "{\"column_set\": [\"b\", \"z\"]}", false);
    assert_field(f, "details", "{\"mismatched\": {\"unexpected\": [\"a\"], \"missing\": [\"z\"]}}");
    verdict(f, "expect_table_column_count_to_equal", "{\"value\": 2}", true);
}

static const struct dr_table *same_table(void *ctx, const char *name)
{
    return dr_streq(name, "other") ? ((struct fixture *)ctx)->table : NULL;
}

static void row_counts_of_two_tables_are_compared(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"a\": [1, 2]}");
    f->options.other_table = same_table;
    f->options.ctx = f;
    verdict(f, "expect_table_row_count_to_equal_other_table", "{\"other_table_name\": \"other\"}", true);
    assert_field(f, "observed_value", "{\"self\": 2, \"other\": 2}");
    assert_exception(f, "expect_table_row_count_to_equal_other_table", "{\"other_table_name\": \"x\"}",
                     "no table 'x'");
}

static void divergence_is_measured_by_value_and_by_bin(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"t\": [\"a\", \"a\", \"b\", \"c\"], \"x\": [0.5, 1.5, 2.5, 9.0]}");
    verdict(f, "expect_column_kl_divergence_to_be_less_than",
            "{\"column\": \"t\", \"partition_object\": {\"values\": [\"a\", \"b\", \"c\"], \"weights\": "
            "[0.5, 0.25, 0.25]}, "
            "\"threshold\": 0}",
            true);
    assert_field(f, "observed_value", "0.0");
    verdict(f, "expect_column_kl_divergence_to_be_less_than",
            "{\"column\": \"x\", \"partition_object\": {\"bins\": [0, 1, 2, 3], \"weights\": [0.3, 0.3, "
            "0.4]}, \"threshold\": 1}",
            false);
    assert_field(f, "observed_value", "null");
    assert_exception(f, "expect_column_kl_divergence_to_be_less_than",
                     "{\"column\": \"t\", \"partition_object\": {\"values\": [\"a\"], \"weights\": [0.5]}, "
                     "\"threshold\": 1}",
                     "do not add up to 1");
}

/* ---- declared types ---- */

static void declared(struct fixture *f)
{
    given(f, "{\"v\": [\"1.5\", \"2\", \"abc\", null, \"1e2\"], \"d\": [\"31.01.2024\", \"01.02.2024\", "
             "\"x\", null, \"30.02.2024\"]}");
    declare(f, (struct dr_suite_column){ .name = "v", .type = DR_TYPE_FLOAT64 });
    declare(f, (struct dr_suite_column){ .name = "d", .type = DR_TYPE_DATE, .format = "%d.%m.%Y" });
}

static void a_text_that_does_not_spell_its_type_is_unexpected(void **state)
{
    struct fixture *f = *state;
    declared(f);
    verdict(f, "expect_column_values_to_be_between", "{\"column\": \"v\", \"max_value\": 50}", false);
    assert_field(f, "unexpected_list", "[\"abc\", 100]");
    verdict(f, "expect_column_values_to_be_in_set", "{\"column\": \"v\", \"value_set\": [1.5, 2, 100]}",
            false);
    assert_field(f, "unexpected_list", "[\"abc\"]");
    verdict(f, "expect_column_values_to_be_of_type", "{\"column\": \"v\", \"type_\": \"float64\"}", false);
    assert_field(f, "unexpected_list", "[\"abc\"]");
    verdict(f, "expect_column_values_to_be_between", "{\"column\": \"d\", \"min_value\": \"2024-02-01\"}",
            false);
    assert_field(f, "unexpected_list", "[\"2024-01-31\", \"x\", \"30.02.2024\"]");
    verdict(f, "expect_column_distinct_values_to_be_in_set",
            "{\"column\": \"v\", \"value_set\": [1.5, 2, 100]}", false);
    assert_field(f, "observed_value", "[1.5, 2, 100, \"abc\"]");
}

static void measures_say_what_they_left_out(void **state)
{
    struct fixture *f = *state;
    declared(f);
    const struct dr_check *c =
        verdict(f, "expect_column_mean_to_be_between", "{\"column\": \"v\", \"max_value\": 50}", true);
    assert_field(f, "observed_value", "34.5");
    assert_field(f, "details", "{\"unreadable_count\": 1}");
    assert_non_null(strstr(c->sentence, "without 1 that is not of its type"));
}

static void patterns_look_at_the_text_itself(void **state)
{
    struct fixture *f = *state;
    declared(f);
    verdict(f, "expect_column_values_to_match_regex", "{\"column\": \"v\", \"regex\": \"^[0-9a-e.]+$\"}",
            true);
    verdict(f, "expect_column_values_to_be_unique", "{\"column\": \"v\"}", true);
}

static void typed(struct fixture *f)
{
    given(
        f,
        "{\"day\": [\"2024-01-31\", \"2024-02-01\", null, \"2024-03-01\"],"
        " \"at\": [\"2024-01-31T10:00:00\", \"2024-02-01T11:30:00\", null, \"2024-01-31T10:00:00\"],"
        " \"ok\": [\"true\", \"false\", null, \"true\"], \"price\": [\"1.10\", \"2.25\", null, \"10.00\"]}");
    declare(f, (struct dr_suite_column){ .name = "day", .type = DR_TYPE_DATE });
    declare(f, (struct dr_suite_column){ .name = "at", .type = DR_TYPE_TIMESTAMP });
    declare(f, (struct dr_suite_column){ .name = "ok", .type = DR_TYPE_BOOL });
    declare(f, (struct dr_suite_column){ .name = "price", .type = DR_TYPE_DECIMAL });
}

static void dates_times_truths_and_decimals_are_checked(void **state)
{
    static const struct example cases[] = {
        { "expect_column_values_to_be_between",
          "{\"column\": \"day\", \"max_value\": \"2024-02-01\", \"strict_max\": true}", false,
          "[\"2024-02-01\", \"2024-03-01\"]" },
        { "expect_column_values_to_be_between",
          "{\"column\": \"at\", \"min_value\": \"2024-01-31T10:00:01\"}", false,
          "[\"2024-01-31T10:00:00\", \"2024-01-31T10:00:00\"]" },
        { "expect_column_values_to_be_between",
          "{\"column\": \"price\", \"min_value\": 1.1, \"max_value\": 5}", false, "[10]" },
        { "expect_column_values_to_be_in_set", "{\"column\": \"at\", \"value_set\": [\"2024-01-31 10:00\"]}",
          false, "[\"2024-02-01T11:30:00\"]" },
        { "expect_column_values_to_be_in_set",
          "{\"column\": \"day\", \"value_set\": [\"Jan 31 2024\", \"2024-03-01\"]}", false,
          "[\"2024-02-01\"]" },
        { "expect_column_values_to_be_in_set", "{\"column\": \"ok\", \"value_set\": [true]}", false,
          "[false]" },
        { "expect_column_values_to_be_increasing", "{\"column\": \"day\"}", true, "[]" },
        { "expect_column_mean_to_be_between", "{\"column\": \"ok\", \"min_value\": 0.5}", true, NULL },
        { "expect_column_mean_to_be_between", "{\"column\": \"price\", \"max_value\": 4.45}", true, "4.45" },
        { "expect_column_min_to_be_between", "{\"column\": \"day\", \"min_value\": \"2024-01-31\"}", true,
          "\"2024-01-31\"" },
        { "expect_column_median_to_be_between",
          "{\"column\": \"at\", \"max_value\": \"2024-01-31T10:00:00\"}", true, "\"2024-01-31T10:00:00\"" },
        { "expect_column_distinct_values_to_be_in_set",
          "{\"column\": \"at\", \"value_set\": [\"2024-01-31T10:00:00\"]}", false,
          "[\"2024-01-31T10:00:00\", \"2024-02-01T11:30:00\"]" },
        { "expect_column_quantile_values_to_be_between",
          "{\"column\": \"day\", \"quantile_ranges\": {\"quantiles\": [1], \"value_ranges\": [[null, "
          "\"2024-03-01\"]]}}",
          true, "{\"quantiles\": [1], \"values\": [\"2024-03-01\"]}" },
        { "expect_column_pair_values_a_to_be_greater_than_b",
          "{\"column_A\": \"at\", \"column_B\": \"day\", \"ignore_row_if\": \"either_value_is_missing\"}",
          false, "[[\"2024-01-31T10:00:00\", \"2024-03-01\"]]" },
        { "expect_column_values_to_be_of_type", "{\"column\": \"day\", \"type_\": \"date\"}", true, "[]" },
        { "expect_column_values_to_be_of_type", "{\"column\": \"at\", \"type_\": \"TIMESTAMP\"}", true,
          "[]" },
        { "expect_column_values_to_be_of_type", "{\"column\": \"price\", \"type_\": \"decimal\"}", true,
          "[]" },
        { "expect_column_values_to_be_of_type", "{\"column\": \"ok\", \"type_\": \"object\"}", true,
          "\"object_\"" },
    };
    struct fixture *f = *state;
    typed(f);
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        const struct example *x = &cases[k];
        const struct dr_check *c = verdict(f, x->type, x->kwargs, x->success);
        const char *key = dr_node_get(c->result, "unexpected_list") ? "unexpected_list" : "observed_value";
        if (x->unexpected && !dr_node_equal(json(f, field(f, key)), json(f, x->unexpected)))
            fail_msg("%s %s: %s should be %s and is %s", x->type, x->kwargs, key, x->unexpected,
                     field(f, key));
    }
}

/* Types as a typed file has them: those of the cast columns of typed(). */
static void a_typed_column_has_one_type(void **state)
{
    static const struct {
        int32_t type;
        const char *name, *pandas, *sql;
    } kinds[] = { { DR_TYPE_DATE, "day", "date", "DATE" },
                  { DR_TYPE_TIMESTAMP, "at", "datetime64", "TIMESTAMP" },
                  { DR_TYPE_BOOL, "ok", "bool_", "BOOLEAN" },
                  { DR_TYPE_DECIMAL, "price", "decimal", "DECIMAL" } };
    struct fixture *f = *state;
    typed(f);
    f->suite.n_columns = 0;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        struct dr_column *c;
        struct dr_table *t;
        const struct dr_column *text = dr_table_column(f->table, dr_table_find(f->table, kinds[k].name));
        assert_int_equal(dr_column_cast(text, kinds[k].type, NULL, &c, &f->err), 0);
        assert_int_equal(dr_table_with(f->table, kinds[k].name, c, &t, &f->err), 0);
        dr_column_unref(c);
        dr_table_unref(f->table);
        f->table = t;
        verdict(f, "expect_column_values_to_be_of_type",
                dr_arena_printf(&f->a, "{\"column\": \"%s\", \"type_\": \"str\"}", kinds[k].name), false);
        assert_string_equal(json(f, field(f, "observed_value"))->text.p, kinds[k].pandas);
        verdict(f, "expect_column_values_to_be_in_type_list",
                dr_arena_printf(&f->a, "{\"column\": \"%s\", \"type_list\": [\"%s\"]}", kinds[k].name,
                                kinds[k].sql),
                true);
        assert_string_equal(json(f, field(f, "observed_value"))->text.p, kinds[k].sql);
        verdict(f, "expect_column_values_to_be_unique",
                dr_arena_printf(&f->a, "{\"column\": \"%s\", \"mostly\": 0.3}", kinds[k].name), true);
    }
}

static void spellings_of_null_are_missing(void **state)
{
    static const char *const nulls[] = { "NA", "n/a" };
    struct fixture *f = *state;
    given(f, "{\"v\": [\"1\", \"NA\", \"n/a\", null, \"x\"]}");
    declare(f, (struct dr_suite_column){ .name = "v", .type = DR_TYPE_INT64 });
    f->suite.null_values = nulls;
    f->suite.n_null_values = 2;
    const struct dr_check *c =
        verdict(f, "expect_column_values_to_be_between", "{\"column\": \"v\", \"min_value\": 0}", false);
    assert_int_equal(c->missing_count, 3);
    assert_field(f, "unexpected_list", "[\"x\"]");
    verdict(f, "expect_column_values_to_not_be_null", "{\"column\": \"v\", \"mostly\": 0.5}", false);
}

static void strings_are_parsed_as_datetimes_on_request(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"d\": [\"Jan 5 2024\", \"2024-02-01\", \"soon\"]}");
    verdict(f, "expect_column_values_to_be_between",
            "{\"column\": \"d\", \"max_value\": \"2024-01-31\", \"parse_strings_as_datetimes\": true}",
            false);
    assert_field(f, "unexpected_list", "[\"2024-02-01T00:00:00\", \"soon\"]");
    verdict(f, "expect_column_max_to_be_between",
            "{\"column\": \"d\", \"max_value\": \"2024-03-01\", \"parse_strings_as_datetimes\": true}", true);
}

static void evaluation_parameters_are_filled_in(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"x\": [1, 20]}");
    f->suite.evaluation_parameters = json(f, "{\"limit\": 10}");
    verdict(f, "expect_column_values_to_be_between",
            "{\"column\": \"x\", \"max_value\": {\"$PARAMETER\": \"limit * 2\"}}", true);
    f->options.evaluation_parameters = json(f, "{\"limit\": 1}");
    verdict(f, "expect_column_values_to_be_between",
            "{\"column\": \"x\", \"max_value\": {\"$PARAMETER\": \"limit\"}}", false);
    assert_exception(f, "expect_column_values_to_be_between",
                     "{\"column\": \"x\", \"max_value\": {\"$PARAMETER\": \"nosuch\"}}",
                     "no such evaluation parameter");
}

static void numbers_and_texts_in_one_column_are_told_apart(void **state)
{
    static const char *const mixed[] = { "m", NULL };
    struct fixture *f = *state;
    given(f, "{\"m\": [\"1\", \"\\\"1\\\"\", \"2\", null], \"n\": [1, 1, 2, 3]}");
    f->options.mixed_columns = mixed;
    verdict(f, "expect_column_values_to_be_unique", "{\"column\": \"m\"}", true);
    verdict(f, "expect_column_values_to_be_in_set", "{\"column\": \"m\", \"value_set\": [1, 2]}", false);
    assert_field(f, "unexpected_list", "[\"1\"]");
    verdict(f, "expect_column_pair_values_to_be_equal",
            "{\"column_A\": \"n\", \"column_B\": \"m\", \"ignore_row_if\": \"either_value_is_missing\"}",
            false);
    assert_field(f, "unexpected_list", "[[1, \"1\"]]");
    verdict(f, "expect_column_values_to_be_in_type_list", "{\"column\": \"m\", \"type_list\": [\"str\"]}",
            false);
    assert_field(f, "unexpected_list", "[1, 2]");
    assert_exception(f, "expect_column_values_to_be_between", "{\"column\": \"m\", \"min_value\": 0}",
                     "same type");
}

static void what_makes_no_sense_is_an_error(void **state)
{
    static const struct {
        const char *type, *kwargs, *part;
    } cases[] = {
        { "expect_column_values_to_be_between", "{\"column\": \"t\", \"min_value\": 1}",
          "declare the column's type" },
        { "expect_column_values_to_be_between", "{\"column\": \"i\"}", "cannot both be None" },
        { "expect_column_values_to_be_between", "{\"column\": \"i\", \"min_value\": 2, \"max_value\": 1}",
          "cannot be greater than max_value" },
        { "expect_column_values_to_be_between", "{\"column\": \"i\", \"min_value\": \"x\"}",
          "invalid datetime format" },
        { "expect_column_values_to_be_between", "{\"column\": \"i\", \"min_value\": \"2024-01-01\"}",
          "same type" },
        { "expect_column_mean_to_be_between", "{\"column\": \"t\"}", "numeric" },
        { "expect_column_values_to_be_increasing", "{\"column\": \"t\"}", "order is not defined" },
        { "expect_multicolumn_sum_to_equal", "{\"column_list\": [\"i\", \"t\"], \"sum_total\": 1}",
          "holds text" },
        { "expect_multicolumn_sum_to_equal", "{\"column_list\": [\"i\"], \"sum_total\": 1}",
          "at least 2 items" },
        { "expect_column_values_to_match_regex", "{\"column\": \"t\", \"regex\": \"(\"}",
          "cannot be compiled" },
        { "expect_column_values_to_match_regex_list", "{\"column\": \"t\", \"regex_list\": []}",
          "At least one regex" },
        { "expect_column_values_to_match_regex_list",
          "{\"column\": \"t\", \"regex_list\": [\"a\"], \"match_on\": \"some\"}", "permitted: any|all" },
        { "expect_column_values_to_match_strftime_format", "{\"column\": \"i\", \"strftime_format\": \"%Y\"}",
          "must be of type string" },
        { "expect_column_values_to_match_strftime_format", "{\"column\": \"t\", \"strftime_format\": \"%Q\"}",
          "Unable to use" },
        { "expect_column_values_to_match_json_schema", "{\"column\": \"i\", \"json_schema\": {}}",
          "must be str" },
        { "expect_column_pair_values_a_to_be_greater_than_b", "{\"column_A\": \"i\", \"column_B\": \"t\"}",
          "not supported between" },
        { "expect_column_quantile_values_to_be_between",
          "{\"column\": \"i\", \"quantile_ranges\": {\"quantiles\": [0.5], \"value_ranges\": []}}",
          "same number of elements" },
        { "expect_column_value_lengths_to_be_between", "{\"column\": \"t\"}", "cannot both be None" },
        { "expect_column_values_to_be_unique", "{\"column\": \"i\", \"mostly\": 2}",
          "less than or equal to 1" },
        { "expect_column_values_to_be_unique", "{\"column\": \"i\", \"moslty\": 1}",
          "extra fields not permitted" },
        { "expect_column_values_to_be_unique", "{}", "field required" },
        { "expect_column_values_to_be_unique", "{\"column\": \"i\", \"row_condition\": \"i ==\"}",
          "row_condition" },
        { "expect_column_values_to_be_unique", "{\"column\": \"i\", \"condition_parser\": \"bad\"}",
          "not a valid enumeration member" },
        { "expect_table_row_count_to_equal", "{\"value\": \"many\"}", "not a valid integer" },
    };
    struct fixture *f = *state;
    given(f, table);
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++)
        assert_exception(f, cases[k].type, cases[k].kwargs, cases[k].part);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_type_finds_what_is_unexpected),
        TEST(every_type_has_an_example_here),
        TEST(columns_are_matched_by_name_and_order),
        TEST(row_counts_of_two_tables_are_compared),
        TEST(divergence_is_measured_by_value_and_by_bin),
        TEST(a_text_that_does_not_spell_its_type_is_unexpected),
        TEST(measures_say_what_they_left_out),
        TEST(patterns_look_at_the_text_itself),
        TEST(dates_times_truths_and_decimals_are_checked),
        TEST(a_typed_column_has_one_type),
        TEST(spellings_of_null_are_missing),
        TEST(strings_are_parsed_as_datetimes_on_request),
        TEST(evaluation_parameters_are_filled_in),
        TEST(numbers_and_texts_in_one_column_are_told_apart),
        TEST(what_makes_no_sense_is_an_error),
    };
    return cmocka_run_group_tests_name("expect_checks", tests, NULL, NULL);
}
