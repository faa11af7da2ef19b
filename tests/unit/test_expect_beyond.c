/* Expectations that Great Expectations does not have: identifiers and codes,
 * outliers, groups, other tables, time, earlier runs, distributions, SQL, and
 * thresholds for two severities. */
#include "expect_fixture.h"
#include <math.h>
#include <unistd.h>
#include "base/date.h"
#include "base/file.h"
#include "temp_folder.h"

/* ---- identifiers and codes ---- */

static void identifiers_are_known_by_their_check_digits(void **state)
{
    struct fixture *f = *state;
    static const char *const cases[][3] = {
        { "nhs_number", "[\"9434765919\", \"943 476 5919\", \"943-476-5919\"]",
          "[\"9434765918\", \"943476591\", \"943 4765919\", \"94347659l9\", \" 9434765919\", "
          "\"1234567890\"]" },
        { "npi", "[\"1234567893\", \"1245319599\"]",
          "[\"1234567890\", \"3234567893\", \"123456789\", \"\"]" },
        { "luhn", "[\"79927398713\", \"18\", \"4539578763621486\"]",
          "[\"79927398710\", \"1\", \"a8\", \"19\"]" },
        { "dea_number", "[\"AB1234563\", \"F91234563\"]", "[\"AB1234564\", \"ab1234563\", \"AB123456\"]" },
        { "gtin", "[\"4006381333931\", \"96385074\", \"036000291452\"]", "[\"4006381333930\", \"123\"]" },
        { "snomed_ct", "[\"73211009\", \"22298006\", \"900000000000207008\"]",
          "[\"73211008\", \"12345\", \"073211009\"]" }
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        const char *kwargs =
            dr_arena_printf(&f->a, "{\"column\": \"a\", \"identifier\": \"%s\"}", cases[k][0]);
        given(f, dr_arena_printf(&f->a, "{\"a\": %s}", cases[k][1]));
        verdict(f, "expect_column_values_to_be_valid_identifier", kwargs, true);
        given(f, dr_arena_printf(&f->a, "{\"a\": %s}", cases[k][2]));
        verdict(f, "expect_column_values_to_be_valid_identifier", kwargs, false);
        assert_field(f, "unexpected_list", cases[k][2]);
    }
    assert_exception(f, "expect_column_values_to_be_valid_identifier",
                     "{\"column\": \"a\", \"identifier\": \"passport\"}", "permitted");
}

static void codes_are_known_by_their_form(void **state)
{
    struct fixture *f = *state;
    static const char *const cases[][3] = {
        { "icd_10", "[\"I10\", \"E11.9\", \"J459\", \"A00.01\"]",
          "[\"I1\", \"i10\", \"E11.\", \"110\", \"E11.9X\", \"I10 \"]" },
        { "icd_10_cm", "[\"I10\", \"J45.909\", \"S52.521A\", \"C7A.00\"]",
          "[\"S52.521AAX\", \"5A0\", \"I10.\", \"i10\"]" },
        { "loinc", "[\"8867-4\", \"2345-7\", \"85354-9\"]", "[\"8867-5\", \"88674\", \"-4\", \"08867-4\"]" },
        { "atc", "[\"A\", \"C09\", \"C09A\", \"C09AA\", \"C09AA05\"]",
          "[\"E09\", \"C9\", \"C09AA5\", \"c09\"]" },
        { "ucum",
          "[\"mm[Hg]\", \"mg/dL\", \"10*3/uL\", \"/min\", \"{beats}/min\", \"kg.m-2\", \"Cel\", \"%\", "
          "\"mL/min/{1.73_m2}\", \"(mg/dL).s\", \"1\", \"m2\", \"[degF]\", \"mol/L{note}\"]",
          "[\"mm[Hg\", \"mg//dL\", \"mg/\", \"{beats\", \"mm Hg\", \"(mg\", \"m+\", \"mg/dL)\", \"]\"]" },
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        const char *kwargs =
            dr_arena_printf(&f->a, "{\"column\": \"a\", \"code_system\": \"%s\"}", cases[k][0]);
        given(f, dr_arena_printf(&f->a, "{\"a\": %s}", cases[k][1]));
        verdict(f, "expect_column_values_to_be_valid_code", kwargs, true);
        given(f, dr_arena_printf(&f->a, "{\"a\": %s}", cases[k][2]));
        verdict(f, "expect_column_values_to_be_valid_code", kwargs, false);
        assert_field(f, "unexpected_list", cases[k][2]);
    }
}

static const char *temporary(struct fixture *f, const char *name, const char *text)
{
    char folder[400];
    assert_true(make_temp_folder(folder, sizeof folder));
    const char *path = dr_path_join(&f->a, dr_arena_strdup(&f->a, folder), name);
    assert_int_equal(dr_write_file(path, dr_str_of(text), &f->err), 0);
    return path;
}

static void drop(struct fixture *f, const char *path)
{
    char *folder = dr_arena_strdup(&f->a, path);
    (void)unlink(path);
    *strrchr(folder, '/') = 0;
    (void)rmdir(folder);
}

static void in_file(struct fixture *f, const char *name, const char *text, const char *more, bool success)
{
    const char *path = temporary(f, name, text);
    verdict(f, "expect_column_values_to_be_in_value_set",
            dr_arena_printf(&f->a, "{\"column\": \"a\", \"value_set_file\": \"%s\"%s}", path, more), success);
    drop(f, path);
}

static void value_sets_are_files_of_several_forms(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"a\": [\"I10\", \"E11.9\", null]}");
    in_file(f, "s.yaml", "[I10, E11.9]", "", true);
    in_file(f, "s.yaml", "source: WHO\ncodes: {I10: Hypertension, E11.9: Diabetes}\n", "", true);
    in_file(f, "s.json", "{\"codes\": [\"I10\"]}", "", false);
    in_file(f, "s.csv", "code,meaning\nI10,x\nE11.9,y\n", "", true);
    in_file(f, "s.csv", "code,meaning\nx,I10\ny,E11.9\n", ", \"value_set_column\": \"meaning\"", true);
    assert_exception(f, "expect_column_values_to_be_in_value_set",
                     "{\"column\": \"a\", \"value_set_file\": \"/nonexistent/x.yaml\"}", "x.yaml");
    const char *path = temporary(f, "s.yaml", "just a text\n");
    assert_exception(f, "expect_column_values_to_be_in_value_set",
                     dr_arena_printf(&f->a, "{\"column\": \"a\", \"value_set_file\": \"%s\"}", path),
                     "codes");
    drop(f, path);
}

/* ---- outliers, groups ---- */

static void outliers_lie_beyond_fences(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"a\": [10, 12, 11, 13, 12, 11, 100, null, -50]}");
    verdict(f, "expect_column_values_to_not_be_outliers", "{\"column\": \"a\"}", false);
    assert_field(f, "unexpected_list", "[100, -50]");
    assert_field(f, "details", "{\"lower_fence\": 8.5, \"upper_fence\": 14.5}");
    verdict(f, "expect_column_values_to_not_be_outliers",
            "{\"column\": \"a\", \"method\": \"mad\", \"threshold\": 3.5}", false);
    assert_field(f, "unexpected_list", "[100, -50]");
    given(f, "{\"a\": [1, 1, 1, 1, 1, 9]}");
    verdict(f, "expect_column_values_to_not_be_outliers", "{\"column\": \"a\", \"method\": \"mad\"}", false);
    assert_field(f, "unexpected_list", "[9]");
    given(f, "{\"a\": [\"x\"]}");
    assert_exception(f, "expect_column_values_to_not_be_outliers", "{\"column\": \"a\"}", "not numbers");
    given(f, "{\"a\": [1]}");
    assert_exception(f, "expect_column_values_to_not_be_outliers", "{\"column\": \"a\", \"threshold\": -1}",
                     "threshold");
    assert_exception(f, "expect_column_values_to_not_be_outliers", "{\"column\": \"a\", \"threshold\": 0}",
                     "threshold");
    verdict(f, "expect_column_values_to_not_be_outliers", "{\"column\": \"a\", \"method\": \"mad\"}", true);
    assert_field(f, "details", "{\"lower_fence\": 1.0, \"upper_fence\": 1.0}");
    /* The median is 5, the distances from it 95, 1, 0, 2, 3: their median is 2. */
    given(f, "{\"a\": [100, 4, 5, 7, 2]}");
    verdict(f, "expect_column_values_to_not_be_outliers",
            "{\"column\": \"a\", \"method\": \"mad\", \"threshold\": 0.6745}", false);
    assert_field(f, "unexpected_list", "[100, 2]");
    assert_field(f, "details", "{\"lower_fence\": 3.0, \"upper_fence\": 7.0}");
    verdict(f, "expect_column_values_to_not_be_outliers", "{\"column\": \"a\", \"threshold\": 0.5}", false);
    assert_field(f, "details", "{\"lower_fence\": 2.5, \"upper_fence\": 8.5}");
}

static void values_are_unique_within_their_group(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"ward\": [\"a\", \"a\", \"b\", \"b\", null, null], \"bed\": [1, 2, 1, 1, 7, 7]}");
    verdict(f, "expect_column_values_to_be_unique_within_group",
            "{\"column\": \"bed\", \"group_by\": [\"ward\"]}", false);
    assert_field(f, "unexpected_list", "[1, 1, 7, 7]");
    verdict(f, "expect_column_values_to_be_unique_within_group",
            "{\"column\": \"bed\", \"group_by\": [\"ward\"], \"row_condition\": \"ward == 'a'\"}", true);
}

/* ---- other tables ---- */

struct two_tables {
    struct fixture *f;
    struct dr_table *other;
};

static const struct dr_table *table_of(void *ctx, const char *name)
{
    return dr_streq(name, "other") ? ((struct two_tables *)ctx)->other : NULL;
}

/* `given` for the other table first, then for the table itself. */
static void with_other(struct fixture *f, struct two_tables *t, const char *other, const char *own)
{
    given(f, other);
    *t = (struct two_tables){ f, f->table };
    f->table = NULL;
    given(f, own);
    f->options.other_table = table_of;
    f->options.ctx = t;
}

static void keys_must_occur_in_the_other_table(void **state)
{
    struct fixture *f = *state;
    struct two_tables t;
    with_other(f, &t, "{\"id\": [\"1\", \"2\", \"3\", \"3\"], \"n\": [1.0, 2.5, null, 4.0]}",
               "{\"h\": [\"1\", \"4\", null], \"n\": [1, 4, 2]}");
    verdict(f, "expect_column_values_to_be_in_other_table",
            "{\"column\": \"h\", \"other_table_name\": \"other\", \"other_column\": \"id\"}", false);
    assert_field(f, "unexpected_list", "[\"4\"]");
    verdict(f, "expect_column_values_to_be_in_other_table",
            "{\"column\": \"n\", \"other_table_name\": \"other\"}", false);
    assert_field(f, "unexpected_list", "[2]");
    verdict(f, "expect_column_values_to_contain_other_table",
            "{\"column\": \"h\", \"other_table_name\": \"other\", \"other_column\": \"id\"}", false);
    assert_field(f, "details", "{\"missing_count\": 2, \"missing_values\": [\"2\", \"3\"]}");
    verdict(f, "expect_column_values_to_contain_other_table",
            "{\"column\": \"h\", \"other_table_name\": \"other\", \"other_column\": \"id\", \"mostly\": 0.3}",
            true);
    verdict(f, "expect_column_values_to_contain_other_table",
            "{\"column\": \"h\", \"other_table_name\": \"other\", \"other_column\": \"id\", "
            "\"row_condition\": \"n > 1\"}",
            false);
    assert_field(f, "details", "{\"missing_count\": 3, \"missing_values\": [\"1\", \"2\", \"3\"]}");
    assert_exception(f, "expect_column_values_to_be_in_other_table",
                     "{\"column\": \"h\", \"other_table_name\": \"nowhere\"}", "no table 'nowhere'");
    assert_exception(f, "expect_column_values_to_be_in_other_table",
                     "{\"column\": \"h\", \"other_table_name\": \"other\"}", "table 'other'");
    dr_table_unref(t.other);
}

static void combinations_must_occur_in_the_other_table(void **state)
{
    struct fixture *f = *state;
    struct two_tables t;
    with_other(f, &t, "{\"p\": [\"a\", \"a\", \"b\"], \"v\": [1, 2, null]}",
               "{\"p\": [\"a\", \"b\", \"b\"], \"v\": [2, 2, null]}");
    verdict(f, "expect_compound_columns_to_be_in_other_table",
            "{\"column_list\": [\"p\", \"v\"], \"other_table_name\": \"other\"}", false);
    assert_field(f, "unexpected_list", "[{\"p\": \"b\", \"v\": 2}]");
    assert_exception(
        f, "expect_compound_columns_to_be_in_other_table",
        "{\"column_list\": [\"p\", \"v\"], \"other_table_name\": \"other\", \"other_column_list\": "
        "[\"p\"]}",
        "equally long");
    dr_table_unref(t.other);
}

static void figures_agree_with_the_other_table(void **state)
{
    struct fixture *f = *state;
    struct two_tables t;
    with_other(f, &t, "{\"n\": [\"1.5\", \"2\", \"6.5\"]}", "{\"n\": [3, 7, null]}");
    static const char *const cases[][3] = { { "sum", "0", "true" },
                                            { "count", "0", "false" },
                                            { "mean", "0", "false" },
                                            { "mean", "0.4", "true" },
                                            { "max", "0.1", "true" },
                                            { "min", "0.5", "true" },
                                            { "distinct_count", "0.4", "true" } };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++)
        verdict(f, "expect_column_aggregate_to_equal_other_table",
                dr_arena_printf(&f->a,
                                "{\"column\": \"n\", \"other_table_name\": \"other\", \"aggregate\": \"%s\", "
                                "\"tolerance\": %s}",
                                cases[k][0], cases[k][1]),
                cases[k][2][0] == 't');
    dr_table_unref(t.other);
}

/* ---- time and earlier runs ---- */

static void the_latest_time_must_be_recent(void **state)
{
    struct fixture *f = *state;
    struct dr_civil now = { .year = 2024, .month = 1, .day = 3, .hour = 12 };
    given(f,
          "{\"t\": [\"2024-01-01T00:00:00\", \"2024-01-02T18:00:00\", null], \"x\": [\"a\", \"b\", \"c\"]}");
    declare(f, (struct dr_suite_column){ .name = "t", .type = DR_TYPE_TIMESTAMP });
    f->options.now_us = dr_us_from_civil(&now);
    verdict(f, "expect_column_max_to_be_recent", "{\"column\": \"t\", \"max_age\": \"18h\"}", true);
    assert_field(f, "observed_value", "\"2024-01-02T18:00:00\"");
    verdict(f, "expect_column_max_to_be_recent", "{\"column\": \"t\", \"max_age\": \"17h59m\"}", false);
    verdict(f, "expect_column_max_to_be_recent",
            "{\"column\": \"t\", \"max_age\": \"1h\", \"as_of\": \"2024-01-01\"}", true);
    verdict(f, "expect_column_max_to_be_recent",
            "{\"column\": \"t\", \"max_age\": \"1h\", \"max_ahead\": \"1h\", \"as_of\": \"2024-01-01\"}",
            false);
    verdict(f, "expect_column_max_to_be_recent",
            "{\"column\": \"t\", \"max_age\": \"18h\", \"row_condition\": \"x == 'c'\"}", false);
    assert_exception(f, "expect_column_max_to_be_recent", "{\"column\": \"t\", \"max_age\": \"soon\"}",
                     "no duration");
    assert_exception(f, "expect_column_max_to_be_recent",
                     "{\"column\": \"t\", \"max_age\": \"1h\", \"as_of\": \"yore\"}", "as_of");
    assert_exception(f, "expect_column_max_to_be_recent", "{\"column\": \"x\", \"max_age\": \"1h\"}",
                     "not dates");
}

static void all_expectations_of_a_run_share_one_instant(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"t\": [\"2024-01-03T11:59:59\", \"2024-01-03T12:00:00\"]}");
    declare(f, (struct dr_suite_column){ .name = "t", .type = DR_TYPE_TIMESTAMP });
    f->options.now_us = 1704283200 * DR_US_PER_S; /* 2024-01-03T12:00:00Z */
    verdict(f, "expect_column_values_to_be_between",
            "{\"column\": \"t\", \"max_value\": {\"$PARAMETER\": \"now()\"}}", true);
    verdict(f, "expect_column_values_to_be_between",
            "{\"column\": \"t\", \"max_value\": {\"$PARAMETER\": \"now()\"}, \"strict_max\": true}", false);
    verdict(f, "expect_column_max_to_be_recent", "{\"column\": \"t\", \"max_age\": \"0s\"}", true);
    f->options.now_us = 0;
    setenv("DAGRUN_NOW", "2024-01-03T12:00:00Z", 1);
    verdict(f, "expect_column_values_to_be_between",
            "{\"column\": \"t\", \"min_value\": {\"$PARAMETER\": \"now()\"}, \"mostly\": 0.5}", true);
    unsetenv("DAGRUN_NOW");
}

static const struct dr_node *earlier_result(void *ctx, const char *id)
{
    return dr_streq(id, "e1") ? ctx : NULL;
}

/* What the last run found becomes the earlier one. */
static void remember(struct fixture *f)
{
    DR_AUTO_BUF b = { 0 };
    dr_json_put_node(&b, f->results->checks[0].result, 0);
    f->options.earlier = earlier_result;
    f->options.ctx = json(f, dr_buf_cstr(&b));
}

static void row_counts_are_compared_with_an_earlier_run(void **state)
{
    struct fixture *f = *state;
    const char *type = "expect_table_row_count_change_to_be_between", *kwargs = "{\"min_value\": -0.25}";
    given(f, "{\"a\": [1, 2, 3, 4]}");
    assert_non_null(strstr(verdict(f, type, kwargs, true)->sentence, "no earlier run"));
    assert_exception(f, type, "{\"require_earlier\": true}", "no earlier run");
    verdict(f, type, kwargs, true);
    remember(f);
    given(f, "{\"a\": [1, 2, 3]}");
    verdict(f, type, kwargs, true);
    assert_field(f, "observed_value", "-0.25");
    given(f, "{\"a\": [1, 2]}");
    verdict(f, type, kwargs, false);
    given(f, "{\"a\": []}");
    verdict(f, type, kwargs, false);
}

static void schemas_are_compared_with_what_is_declared(void **state)
{
    struct fixture *f = *state;
    const char *type = "expect_table_schema_to_match";
    given(
        f,
        "{\"id\": [\"1\", \"2\"], \"born\": [\"2024-01-31\", null], \"n\": [1.5, 2.0], \"x\": [null, null]}");
    verdict(f, type,
            "{\"columns\": {\"id\": \"int64\", \"born\": \"date\", \"n\": \"float\", \"x\": \"bool\"}}",
            true);
    verdict(f, type, "{\"columns\": {\"id\": null, \"born\": \"date\", \"n\": \"float64\"}}", false);
    assert_field(f, "details", "{\"added\": [\"x\"]}");
    verdict(f, type, "{\"columns\": {\"id\": null, \"n\": null}, \"allow_added\": true}", true);
    verdict(f, type, "{\"columns\": {\"n\": null, \"id\": null}, \"allow_added\": true}", false);
    assert_field(f, "details", "{\"added\": [\"born\", \"x\"], \"reordered\": true}");
    verdict(f, type, "{\"columns\": {\"n\": null, \"id\": null}, \"allow_added\": true, \"ordered\": false}",
            true);
    verdict(f, type, "{\"columns\": {\"id\": \"text\", \"gone\": null}, \"allow_added\": true}", false);
    assert_field(f, "details",
                 "{\"removed\": [\"gone\"], \"added\": [\"born\", \"n\", \"x\"], \"retyped\": [\"id: int64, "
                 "expected text\"]}");
    assert_exception(f, type, "{\"columns\": {\"id\": \"money\"}}", "no type 'money'");
}

static void schemas_are_compared_with_an_earlier_run(void **state)
{
    struct fixture *f = *state;
    const char *type = "expect_table_schema_to_match_earlier";
    given(f, "{\"id\": [\"007\", \"008\"], \"n\": [\"1\", \"2\"]}");
    verdict(f, type, "{}", true);
    assert_field(f, "observed_value",
                 "[{\"name\": \"id\", \"type\": \"text\"}, {\"name\": \"n\", \"type\": \"int64\"}]");
    remember(f);
    verdict(f, type, "{}", true);
    given(f, "{\"id\": [\"007\", \"008\"], \"n\": [\"1\", \"2,5\"]}");
    verdict(f, type, "{}", false);
    given(f, "{\"id\": [\"1\", \"8\"], \"n\": [null, null]}");
    verdict(f, type, "{}", false);
    assert_field(f, "details", "{\"retyped\": [\"id: int64, expected text\"]}");
}

/* ---- distributions ---- */

static const char *sequence(struct fixture *f, int n, double step, double offset)
{
    DR_AUTO_BUF b = { 0 };
    for (int k = 0; k < n; k++)
        (void)dr_buf_printf(&b, "%s%.6f", k ? ", " : "", offset + k * step);
    return dr_arena_printf(&f->a, "{\"a\": [%s]}", dr_buf_cstr(&b));
}

static double observed(struct fixture *f)
{
    return dr_node_float(dr_node_get(f->results->checks[0].result, "observed_value"), NAN);
}

static void a_shift_shows_in_psi(void **state)
{
    struct fixture *f = *state;
    const char *type = "expect_column_psi_to_be_less_than";
    given(f, sequence(f, 1000, 0.01, 0));
    verdict(f, type, "{\"column\": \"a\"}", true);
    remember(f);
    verdict(f, type, "{\"column\": \"a\"}", true);
    assert_true(observed(f) == 0);
    given(f, sequence(f, 1000, 0.01, 5));
    verdict(f, type, "{\"column\": \"a\"}", false);
    assert_true(observed(f) > 1);
}

static void psi_against(struct fixture *f, const char *partition, double expected)
{
    verdict(f, "expect_column_psi_to_be_less_than",
            dr_arena_printf(&f->a, "{\"column\": \"a\", \"partition_object\": {%s}}", partition),
            expected < 0.25);
    assert_true(fabs(observed(f) - expected) < 1e-9);
}

static void a_shift_from_a_given_distribution_shows_in_psi(void **state)
{
    struct fixture *f = *state;
    const double quarter = 0.25 * log(1.5) - 0.25 * log(0.5), gone = (0.5 - 1e-4) * log(0.5 / 1e-4);
    given(f, "{\"a\": [1, 1, 1, 3]}");
    psi_against(f, "\"bins\": [0, 2, 4], \"weights\": [0.5, 0.5]", quarter);
    psi_against(f, "\"bins\": [2, 2.5, 2.75], \"weights\": [0.5, 0.5]", quarter); /* open at both ends */
    psi_against(f, "\"bins\": [2, 2.5], \"weights\": [0], \"tail_weights\": [0.75, 0.25]", 0);
    psi_against(f, "\"values\": [3, 1], \"weights\": [0.5, 0.5]", quarter);
    psi_against(f, "\"values\": [1.0, 3], \"weights\": [0.75, 0.25]", 0);
    given(f, "{\"a\": [\"x\", \"x\", \"y\", \"y\"]}");
    psi_against(f, "\"values\": [\"x\", \"z\"], \"weights\": [0.5, 0.5]", 2 * gone);
    given(f, "{\"a\": [\"2024-01-01\", \"2024-01-31\", null, \"2024-02-01\", \"2024-02-29\"]}");
    declare(f, (struct dr_suite_column){ .name = "a", .type = DR_TYPE_DATE });
    psi_against(f, "\"bins\": [\"2024-01-01\", \"2024-02-01\", \"2024-03-01\"], \"weights\": [0.5, 0.5]", 0);
    psi_against(f, "\"values\": [\"2024-01-01\", \"2024-01-31 00:00\"], \"weights\": [0.25, 0.75]",
                -0.5 * log(0.25 / 0.75) + 2 * (0.25 - 1e-4) * log(0.25 / 1e-4));
}

static void a_partition_that_is_none_is_told(void **state)
{
    struct fixture *f = *state;
    static const char *const cases[][2] = {
        { "\"weights\": [1]", "one more than weights" },
        { "\"bins\": [0, 1], \"weights\": [0.5, 0.5]", "one more than weights" },
        { "\"values\": [1], \"weights\": [0.5, 0.5]", "as many" },
        { "\"bins\": [0, 1, 2], \"weights\": [50, 50]", "add up to 1" },
        { "\"bins\": [0, 1, 2], \"weights\": [1.5, -0.5]", "below 0" },
        { "\"bins\": [0, 1, 2], \"weights\": [\"x\", 1]", "list of numbers" },
        { "\"bins\": [2, 1, 0], \"weights\": [0.5, 0.5]", "must increase" },
        { "\"bins\": [0, \"2024-01-01\"], \"weights\": [1]", "must be numbers" },
        { "\"bins\": [0, 1], \"weights\": [1], \"tail_weights\": [0]", "two numbers" },
    };
    given(f, "{\"a\": [1, 2]}");
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++)
        assert_exception(
            f, "expect_column_psi_to_be_less_than",
            dr_arena_printf(&f->a, "{\"column\": \"a\", \"partition_object\": {%s}}", cases[k][0]),
            cases[k][1]);
    given(f, "{\"a\": [\"2024-01-01\"]}");
    declare(f, (struct dr_suite_column){ .name = "a", .type = DR_TYPE_DATE });
    assert_exception(f, "expect_column_psi_to_be_less_than",
                     "{\"column\": \"a\", \"partition_object\": {\"bins\": [0, 1], \"weights\": [1]}}",
                     "dates or times");
}

static void a_distribution_is_compared_with_its_like_only(void **state)
{
    struct fixture *f = *state;
    const char *type = "expect_column_psi_to_be_less_than";
    given(f, "{\"a\": [\"x\", \"y\"]}");
    verdict(f, type, "{\"column\": \"a\"}", true);
    remember(f);
    given(f, "{\"a\": [1, 2]}");
    assert_exception(f, type, "{\"column\": \"a\"}", "another kind");
    verdict(f, type,
            "{\"column\": \"a\", \"partition_object\": {\"values\": [1, 2], \"weights\": [0.5, 0.5]}}", true);
    f->options.earlier = NULL;
    verdict(f, type, "{\"column\": \"a\"}", true);
    remember(f);
    given(f, "{\"a\": [\"x\", \"y\"]}");
    assert_exception(f, type, "{\"column\": \"a\"}", "another kind");
    static const char *const mixed[] = { "a", NULL };
    f->options.mixed_columns = mixed;
    given(f, "{\"a\": [\"1\", \"x\"]}");
    assert_exception(f, type, "{\"column\": \"a\"}", "have no such distribution");
    f->options.mixed_columns = NULL;
    given(f, "{\"a\": [null, null]}");
    assert_exception(f, type, "{\"column\": \"a\"}", "holds no value to compare");
}

static void samples_of_one_distribution_pass_the_ks_test(void **state)
{
    struct fixture *f = *state;
    struct two_tables t;
    const char *type = "expect_column_ks_test_p_value_to_be_greater_than";
    const char *kwargs = "{\"column\": \"a\", \"other_table_name\": \"other\"}";
    with_other(f, &t, sequence(f, 200, 0.5, 0), sequence(f, 100, 1, 0.25));
    verdict(f, type, kwargs, true);
    assert_true(observed(f) > 0.99);
    given(f, sequence(f, 100, 1, 30));
    verdict(f, type, kwargs, false);
    assert_true(observed(f) < 1e-4);
    given(f, "{\"a\": [\"x\"]}");
    assert_exception(f, type, kwargs, "declare its type");
    dr_table_unref(t.other);
}

/* scipy.stats.ks_2samp(range(0, 50), range(10, 60), method='asymp') gives D = 0.2. */
static void ks_remembers_a_sample_for_the_next_run(void **state)
{
    struct fixture *f = *state;
    const char *type = "expect_column_ks_test_p_value_to_be_greater_than";
    given(f, sequence(f, 50, 1, 0));
    verdict(f, type, "{\"column\": \"a\"}", true);
    remember(f);
    given(f, sequence(f, 50, 1, 10));
    verdict(f, type, "{\"column\": \"a\", \"p_value\": 0.2}", true);
    assert_true(fabs(observed(f) - 0.2440) < 0.02);
    const struct dr_node *details = dr_node_get(f->results->checks[0].result, "details");
    assert_true(fabs(dr_node_float(dr_node_get(details, "statistic"), 0) - 0.2) < 1e-12);
    declare(f, (struct dr_suite_column){ .name = "a", .type = -1, .sensitive = true });
    assert_exception(f, type, "{\"column\": \"a\"}", "sensitive");
}

/* ---- SQL ---- */

static void a_query_gives_the_unexpected_rows(void **state)
{
    struct fixture *f = *state;
    const char *type = "unexpected_rows_expectation";
    given(f, "{\"p\": [\"a\", \"a\", \"b\"], \"n\": [\"1\", \"20\", \"3\"]}");
    declare(f, (struct dr_suite_column){ .name = "n", .type = DR_TYPE_INT64 });
    verdict(f, type, "{\"unexpected_rows_query\": \"SELECT * FROM {batch} WHERE n > 10\"}", false);
    assert_field(f, "observed_value", "\"1 unexpected row\"");
    assert_field(f, "details", "{\"unexpected_rows\": [{\"p\": \"a\", \"n\": 20}]}");
    verdict(f, type, "{\"unexpected_rows_query\": \"select p from {batch} where n > 100;\"}", true);
    assert_field(f, "observed_value", "\"0 unexpected rows\"");
    verdict(
        f, type,
        "{\"unexpected_rows_query\": \"SELECT n FROM {batch} WHERE n > 2\", \"row_condition\": \"p == 'b'\"}",
        false);
    assert_field(f, "details", "{\"unexpected_rows\": [{\"n\": 3}]}");
}

static void a_query_cannot_write_or_wander(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[][2] = { { "DELETE FROM {batch}", "one SELECT" },
                                          { "ATTACH 'x' AS y", "one SELECT" },
                                          { "/* x */ PRAGMA user_version", "one SELECT" },
                                          { "SELECT 1; DROP TABLE batch", "near" },
                                          { "SELECT nothing FROM {batch}", "nothing" },
                                          { "SELECT 1 FROM {elsewhere}", "no table 'elsewhere'" },
                                          { "SELECT 1 FROM {batch} -- {x", "" } };
    given(f, "{\"a\": [1]}");
    for (size_t k = 0; k + 1 < sizeof bad / sizeof bad[0]; k++)
        assert_exception(f, "unexpected_rows_expectation",
                         dr_arena_printf(&f->a, "{\"unexpected_rows_query\": \"%s\"}", bad[k][0]), bad[k][1]);
    verdict(f, "unexpected_rows_expectation",
            "{\"unexpected_rows_query\": \"-- note\\nWITH x AS (SELECT a FROM {batch}) SELECT * FROM x WHERE "
            "a > 1 "
            "-- end\"}",
            true);
}

static void a_query_that_takes_too_long_is_stopped(void **state)
{
#define ENDLESS "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
    struct fixture *f = *state;
    given(f, "{\"a\": [1]}");
    f->options.query_timeout_us = 20000;
    assert_exception(f, "unexpected_rows_expectation", "{\"unexpected_rows_query\": \"" ENDLESS "\"}",
                     "stopped after 0.02 s, the longest that it may take");
    assert_exception(f, "expect_query_results_to_match_comparison",
                     "{\"base_query\": \"SELECT 1\", \"comparison_query\": \"" ENDLESS "\"}",
                     "stopped after");
    assert_exception(f, "expect_rows_to_satisfy_sql", "{\"condition\": \"a < (" ENDLESS ")\"}",
                     "stopped after");
    f->options.query_timeout_us = 60000000; /* on a busy machine 0.02 s may be over before it has begun */
    verdict(f, "expect_rows_to_satisfy_sql", "{\"condition\": \"a = 1\"}", true);
}

static void sensitive_columns_are_masked_in_rows_of_queries(void **state)
{
    struct fixture *f = *state;
    given(f, "{\"p\": [\"secret\"], \"n\": [1]}");
    declare(f, (struct dr_suite_column){ .name = "p", .type = -1, .sensitive = true });
    verdict(f, "unexpected_rows_expectation", "{\"unexpected_rows_query\": \"SELECT * FROM {batch}\"}",
            false);
    assert_field(f, "details", "{\"unexpected_rows\": [{\"p\": \"***\", \"n\": 1}]}");
    verdict(f, "unexpected_rows_expectation",
            "{\"unexpected_rows_query\": \"SELECT upper(p) AS q, n FROM {batch}\"}", false);
    assert_field(f, "details", "{\"unexpected_rows\": [{\"q\": \"***\", \"n\": \"***\"}]}");
}

static void results_of_two_queries_are_compared(void **state)
{
    struct fixture *f = *state;
    struct two_tables t;
    const char *type = "expect_query_results_to_match_comparison";
    with_other(f, &t, "{\"h\": [\"a\", \"b\", \"c\"], \"n\": [2.0, 1.0, 5.0]}",
               "{\"h\": [\"a\", \"b\", \"a\"]}");
    const char *same =
        "{\"base_query\": \"SELECT h, count(*) FROM {batch} GROUP BY h\", \"comparison_query\": "
        "\"SELECT h, n FROM {other} WHERE n < 5 ORDER BY n\"}";
    verdict(f, type, same, true);
    const char *more =
        "{\"base_query\": \"SELECT h, count(*) FROM {batch} GROUP BY h\", \"comparison_query\": "
        "\"SELECT h, n FROM {other}\"%s}";
    verdict(f, type, dr_arena_printf(&f->a, more, ""), false);
    assert_field(f, "observed_value",
                 "{\"base_rows\": 2, \"comparison_rows\": 3, \"unexpected_count\": 0, \"missing_count\": 1}");
    assert_field(f, "details", "{\"unexpected_rows\": [], \"missing_rows\": [{\"h\": \"c\", \"n\": 5.0}]}");
    verdict(f, type, dr_arena_printf(&f->a, more, ", \"mostly\": 0.6"), true);
    assert_exception(f, type,
                     "{\"base_query\": \"SELECT h FROM {batch}\", \"comparison_query\": \"SELECT h, n FROM "
                     "{other}\"}",
                     "columns");
    dr_table_unref(t.other);
}

static void an_sql_condition_holds_for_every_row(void **state)
{
    struct fixture *f = *state;
    const char *type = "expect_rows_to_satisfy_sql";
    given(f, "{\"s\": [120, 80, null, 90], \"d\": [80, 90, 70, 90], \"m\": [\"a\", \"est\", \"a\", \"b\"]}");
    verdict(f, type, "{\"condition\": \"s > d OR m = 'est'\"}", false);
    assert_field(f, "unexpected_list", "[{\"s\": 90, \"d\": 90, \"m\": \"b\"}]");
    assert_non_null(f->results->checks[0].unexpected);
    verdict(f, type, "{\"condition\": \"s > d\", \"row_condition\": \"m == 'a'\"}", true);
    verdict(f, type, "{\"condition\": \"s > d\", \"mostly\": 0.5}", true);
    assert_exception(f, type, "{\"condition\": \"s > d) --\"}", "expression expected");
    assert_exception(f, type, "{\"condition\": \"1 = 1\"}", "names no column");
    assert_exception(f, type, "{\"condition\": \"s > unknown_name\"}", "unknown_name");
}

/* ---- plugins ---- */

static int32_t marks_all(const struct dr_table *t, const struct dr_node *args, uint8_t *unexpected,
                         struct dr_err *err)
{
    memset(unexpected, 0xff, (size_t)(dr_table_rows(t) + 7) / 8);
    if (!dr_node_get(args, "fail"))
        return 0;
    (void)err;
    return DR_EINPUT;
}

static int32_t own_check(void *ctx, const char *plugin, const struct dr_row_check **ret, struct dr_err *err)
{
    static const struct dr_row_check check = { .name = "own", .summary = "is good", .rows = marks_all };
    (void)ctx;
    *ret = &check;
    return dr_streq(plugin, "own") ? DR_OK : dr_fail(err, DR_ENOTFOUND, "there is no plugin '%s'", plugin);
}

static void a_plugin_marks_rows(void **state)
{
    struct fixture *f = *state;
    const char *type = "expect_rows_to_satisfy_plugin";
    given(f, "{\"a\": [1, 2, 3]}");
    assert_exception(f, type, "{\"plugin\": \"own\"}", "not available");
    f->options.row_check = own_check;
    verdict(f, type, "{\"plugin\": \"own\", \"columns\": [\"a\"], \"row_condition\": \"a > 1\"}", false);
    assert_field(f, "unexpected_list", "[2, 3]");
    assert_exception(f, type, "{\"plugin\": \"none\"}", "no plugin 'none'");
    assert_exception(f, type, "{\"plugin\": \"own\", \"arguments\": {\"fail\": 1}}", "without a reason");
}

/* ---- thresholds ---- */

static enum dr_severity outcome(struct fixture *f, struct dr_threshold warning, struct dr_threshold critical)
{
    f->suite.n = 0;
    struct dr_expectation *x = expect(f, "expect_column_values_to_not_be_null", "{\"column\": \"a\"}");
    x->warning = warning;
    x->critical = critical;
    x->severity = critical.given ? DR_SEVERITY_CRITICAL : DR_SEVERITY_WARNING;
    const struct dr_results *r = run(f);
    return r->checks[0].success ? DR_SEVERITY_INFO : r->checks[0].severity;
}

static void thresholds_tell_warnings_from_critical_failures(void **state)
{
    struct fixture *f = *state;
    struct dr_threshold none = { 0 }, two = { true, true, 2 }, one = { true, true, 1 },
                        tenth = { true, false, 0.1 }, fifth = { true, false, 0.2 };
    given(f, "{\"a\": [1, 2, 3, 4, 5, 6, 7, 8, null, null]}");
    assert_int_equal(outcome(f, two, none), DR_SEVERITY_INFO);
    assert_int_equal(outcome(f, one, two), DR_SEVERITY_WARNING);
    assert_false(f->results->must_fail);
    assert_int_equal(f->results->failed_by_severity[DR_SEVERITY_WARNING], 1);
    assert_int_equal(outcome(f, tenth, fifth), DR_SEVERITY_WARNING);
    assert_int_equal(outcome(f, none, tenth), DR_SEVERITY_CRITICAL);
    assert_true(f->results->must_fail);
    assert_int_equal(outcome(f, none, fifth), DR_SEVERITY_INFO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(identifiers_are_known_by_their_check_digits),
        TEST(codes_are_known_by_their_form),
        TEST(value_sets_are_files_of_several_forms),
        TEST(outliers_lie_beyond_fences),
        TEST(values_are_unique_within_their_group),
        TEST(keys_must_occur_in_the_other_table),
        TEST(combinations_must_occur_in_the_other_table),
        TEST(figures_agree_with_the_other_table),
        TEST(the_latest_time_must_be_recent),
        TEST(all_expectations_of_a_run_share_one_instant),
        TEST(row_counts_are_compared_with_an_earlier_run),
        TEST(schemas_are_compared_with_what_is_declared),
        TEST(schemas_are_compared_with_an_earlier_run),
        TEST(a_shift_shows_in_psi),
        TEST(a_shift_from_a_given_distribution_shows_in_psi),
        TEST(a_partition_that_is_none_is_told),
        TEST(a_distribution_is_compared_with_its_like_only),
        TEST(samples_of_one_distribution_pass_the_ks_test),
        TEST(ks_remembers_a_sample_for_the_next_run),
        TEST(a_query_gives_the_unexpected_rows),
        TEST(a_query_cannot_write_or_wander),
        TEST(a_query_that_takes_too_long_is_stopped),
        TEST(sensitive_columns_are_masked_in_rows_of_queries),
        TEST(results_of_two_queries_are_compared),
        TEST(an_sql_condition_holds_for_every_row),
        TEST(a_plugin_marks_rows),
        TEST(thresholds_tell_warnings_from_critical_failures),
    };
    return cmocka_run_group_tests_name("expect_beyond", tests, NULL, NULL);
}
