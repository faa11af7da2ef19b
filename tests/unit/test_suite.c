/* Expectation suites: both forms of an entry, ids, and what is refused. */
#include "model_fixture.h"
#include "model/suite.h"
#include "model/yaml.h"

static struct dr_suite *load(struct fixture *f, const char *text)
{
    put_file(f, "expectations/s.yaml", text);
    f->d = (struct dr_diags){ .arena = &f->a };
    return dr_suite_load(&f->a, &f->home, "s", NULL, &f->d);
}

static struct dr_suite *load_ok(struct fixture *f, const char *text)
{
    struct dr_suite *s = load(f, text);
    if (!s)
        fail_msg("refused: %s", shown(f));
    return s;
}

static void assert_refused(struct fixture *f, const char *text, const char *message)
{
    assert_null(load(f, text));
    assert_shows(f, message);
}

static void a_suite_is_read_whole(void **state)
{
    struct fixture *f = *state;
    struct dr_suite *s = load_ok(f, "suite: s\n"
                                    "description: Raw vital signs\n"
                                    "owner: data\n"
                                    "key: [hospital, patient]\n"
                                    "null_values: ['NULL', n/a]\n"
                                    "evaluation_parameters: {limit: 250}\n"
                                    "columns:\n"
                                    "  patient: {sensitive: true, description: who}\n"
                                    "  day: {type: date, format: '%d.%m.%Y'}\n"
                                    "  value: float\n"
                                    "  note:\n"
                                    "expectations:\n"
                                    "  - expect_column_values_to_not_be_null: {column: patient}\n"
                                    "    severity: critical\n"
                                    "    on_failure: quarantine\n"
                                    "    owner: intake\n"
                                    "    meta: {ticket: 5}\n");
    assert_string_equal(s->name, "s");
    assert_int_equal(s->n_key, 2);
    assert_string_equal(s->null_values[1], "n/a");
    assert_int_equal(s->n_columns, 4);
    assert_true(s->columns[0].sensitive);
    assert_int_equal(s->columns[0].type, -1);
    assert_int_equal(s->columns[1].type, DR_TYPE_DATE);
    assert_string_equal(s->columns[1].format, "%d.%m.%Y");
    assert_int_equal(s->columns[2].type, DR_TYPE_FLOAT64);
    assert_int_equal(s->n, 1);
    assert_int_equal(s->expectations[0].severity, DR_SEVERITY_CRITICAL);
    assert_int_equal(s->expectations[0].on_failure, DR_ON_FAILURE_QUARANTINE);
    assert_string_equal(s->expectations[0].owner, "intake");
    assert_int_equal(dr_node_int(dr_node_get(s->expectations[0].meta, "ticket"), 0), 5);
    assert_int_equal(strlen(s->hash), 32);
    assert_int_equal(s->expectations[0].mark.line, 13);
}

static void both_forms_of_an_entry_mean_the_same(void **state)
{
    struct fixture *f = *state;
    struct dr_suite *s =
        load_ok(f, "suite: s\n"
                   "expectations:\n"
                   "  - expect_column_values_to_be_between: {column: value, min_value: 20}\n"
                   "    row_condition: type == \"hr\"\n"
                   "    mostly: 0.9\n"
                   "    severity: info\n"
                   "  - type: expect_column_values_to_be_between\n"
                   "    kwargs: {column: value, min_value: 20, mostly: 0.9}\n"
                   "    row_condition: type == \"hr\"\n"
                   "    severity: info\n"
                   "  - {expectation_type: expect_table_row_count_to_equal, kwargs: {value: 3}}\n"
                   "  - expect_column_to_exist:\n"
                   "    column: x\n"
                   "  - expect_table_columns_to_be_fine\n");
    assert_int_equal(s->n, 5);
    assert_string_equal(s->expectations[0].type, s->expectations[1].type);
    assert_true(dr_node_equal(s->expectations[0].kwargs, s->expectations[1].kwargs));
    assert_int_equal(s->expectations[0].severity, s->expectations[1].severity);
    assert_int_equal(dr_node_size(s->expectations[0].kwargs), 4);
    assert_int_equal(dr_node_int(dr_node_get(s->expectations[2].kwargs, "value"), 0), 3);
    assert_string_equal(dr_node_str(dr_node_get(s->expectations[3].kwargs, "column"), ""), "x");
    assert_int_equal(dr_node_size(s->expectations[4].kwargs), 0);
}

static void severity_and_on_failure_have_defaults(void **state)
{
    struct fixture *f = *state;
    struct dr_suite *s = load_ok(f, "suite: s\nexpectations: [{expect_column_to_exist: {column: x}}]\n");
    assert_int_equal(s->expectations[0].severity, DR_SEVERITY_WARNING);
    assert_int_equal(s->expectations[0].on_failure, DR_ON_FAILURE_RECORD);
}

static const char *id(const struct dr_suite *s, int i)
{
    return s->expectations[i].id;
}

static void ids_are_readable_and_differ(void **state)
{
    struct fixture *f = *state;
    struct dr_suite *s =
        load_ok(f, "suite: s\n"
                   "expectations:\n"
                   "  - expect_column_max_to_be_between: {column: value, max_value: 1}\n"
                   "  - expect_column_max_to_be_between: {column: value, max_value: 2}\n"
                   "  - expect_column_max_to_be_between: {column: value, max_value: 2}\n"
                   "  - expect_column_max_to_be_between: {column: value, row_condition: 'type == \"hr\"'}\n"
                   "  - expect_compound_columns_to_be_unique: {column_list: [a, 'b c']}\n"
                   "  - expect_column_pair_values_to_be_equal: {column_A: x, column_B: y}\n"
                   "  - expect_column_to_exist: {column: z}\n"
                   "    id: my_own\n"
                   "  - expect_table_row_count_to_equal: {value: 1}\n");
    assert_string_equal(id(s, 0), "value.expect_column_max_to_be_between");
    assert_true(strncmp(id(s, 1), "value.expect_column_max_to_be_between.", 38) == 0);
    assert_int_equal(strlen(id(s, 1)), 37 + 7);
    assert_string_equal(id(s, 2), dr_arena_printf(&f->a, "%s.2", id(s, 1)));
    assert_string_equal(id(s, 3), "value.expect_column_max_to_be_between.type_hr");
    assert_string_equal(id(s, 4), "a+b_c.expect_compound_columns_to_be_unique");
    assert_string_equal(id(s, 5), "x+y.expect_column_pair_values_to_be_equal");
    assert_string_equal(id(s, 6), "my_own");
    assert_string_equal(id(s, 7), "expect_table_row_count_to_equal");
}

static void an_id_survives_tuning_and_moving(void **state)
{
    struct fixture *f = *state;
    struct dr_suite *before =
        load_ok(f, "suite: s\nexpectations:\n  - expect_column_max_to_be_between: {column: v, "
                   "max_value: 1}\n  - expect_column_to_exist: {column: v}\n");
    struct dr_suite *after = load_ok(f, "suite: s\nexpectations:\n  - expect_column_to_exist: {column: v}\n"
                                        "  - expect_column_max_to_be_between: {column: v, max_value: 9}\n");
    assert_string_equal(id(before, 0), id(after, 1));
    assert_string_equal(id(before, 1), id(after, 0));
}

static void great_expectations_own_suite_files_load(void **state)
{
    struct fixture *f = *state;
    put_file(f, "expectations/gx.json",
             "{\n  \"expectation_suite_name\": \"taxi\",\n  \"ge_cloud_id\": null,\n  \"expectations\": [\n"
             "    {\"expectation_type\": \"expect_column_values_to_not_be_null\",\n"
             "     \"kwargs\": {\"column\": \"id\"}, \"meta\": {}}\n  ],\n"
             "  \"meta\": {\"great_expectations_version\": \"0.18\"}\n}\n");
    const char *path = dr_path_join(&f->a, f->dir, "expectations/gx.json");
    struct dr_suite *s = dr_suite_load_file(&f->a, path, "gx.json", NULL, &f->d);
    if (!s)
        fail_msg("%s", shown(f));
    assert_string_equal(s->name, "taxi");
    assert_int_equal(s->n, 1);
}

static void wrong_entries_are_refused_with_their_place(void **state)
{
    struct fixture *f = *state;
    const char *head = "suite: s\nexpectations:\n";
#define ENTRY(text) dr_arena_printf(&f->a, "%s%s", head, text)
    assert_refused(f, ENTRY("  - expect_x: {column: a}\n    severty: info\n"),
                   "expectations/s.yaml:4:5: error: unknown key 'severty' beside an expectation\n"
                   "  did you mean 'severity'?");
    assert_refused(f, ENTRY("  - expect_x: {column: a}\n    severity: fatal\n"),
                   "'severity' must be one of info, warning, critical, not 'fatal'");
    assert_refused(f, ENTRY("  - expect_x: {column: a}\n    on_failure: quarantin\n"),
                   "did you mean 'quarantine'?");
    assert_refused(f, ENTRY("  - expect_x: {column: a}\n    column: b\n"),
                   "'column' stands beside the arguments");
    assert_refused(f, ENTRY("  - expect_x: {column: a}\n    expect_y: {}\n"),
                   "a second expectation 'expect_y'");
    assert_refused(f, ENTRY("  - expect_x: [a]\n"), "the arguments must be a map, not a list");
    assert_refused(f, ENTRY("  - severity: info\n"), "an expectation without its type");
    assert_refused(f, ENTRY("  - [expect_x]\n"), "an expectation must be a map, not a list");
    assert_refused(f, ENTRY("  - expect_x: {column: a}\n    id: a,b\n"), "an id is one word");
    assert_refused(f, ENTRY("  - expect_x:\n    id: a\n  - expect_y:\n    id: a\n"),
                   "the id 'a' stands twice");
#undef ENTRY
}

#define REFUSED(text) "suite: s\nexpectations:\n" text
static void thresholds_are_rows_or_shares(void **state)
{
    struct fixture *f = *state;
    struct dr_suite *s = load_ok(f, "suite: s\n"
                                    "expectations:\n"
                                    "  - expect_x: {column: a}\n"
                                    "    warning: 20\n"
                                    "    critical: 0.05\n"
                                    "  - expect_x: {column: b}\n"
                                    "    warning: 1 %\n");
    assert_true(s->expectations[0].warning.given && s->expectations[0].warning.is_count);
    assert_true(s->expectations[0].warning.value == 20);
    assert_false(s->expectations[0].critical.is_count);
    assert_true(s->expectations[0].critical.value == 0.05);
    assert_int_equal(s->expectations[0].severity, DR_SEVERITY_CRITICAL);
    assert_true(s->expectations[1].warning.value == 0.01);
    assert_false(s->expectations[1].critical.given);
    assert_int_equal(s->expectations[1].severity, DR_SEVERITY_WARNING);
    assert_refused(f, REFUSED("  - expect_x: {column: a}\n    warning: 1.5\n"), "a share of them");
    assert_refused(f, REFUSED("  - expect_x: {column: a}\n    warning: -1\n"), "a share of them");
    assert_refused(f, REFUSED("  - expect_x: {column: a}\n    critical: lots\n"), "a share of them");
    assert_refused(f, REFUSED("  - expect_x: {column: a, mostly: 0.9}\n    critical: 1\n"),
                   "'mostly' stands beside a threshold");
    assert_refused(f, REFUSED("  - expect_x: {column: a}\n    severity: info\n    critical: 1\n"),
                   "'severity' stands beside a threshold");
    assert_refused(f, REFUSED("  - expect_x: {column: a}\n    warning: 5\n    critical: 1\n"),
                   "'warning' is larger than 'critical'");
}

static void wrong_files_are_refused_with_their_place(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "suite: t\nexpectations: []\n",
                   "expectations/s.yaml:1:8: error: the suite 't' is not named");
    assert_refused(f, "expectations: []\n", "add 'suite: s'");
    assert_refused(f, "suite: s\n", "the suite has no expectations");
    assert_refused(f, "suite: s\nexpectation: []\n", "did you mean 'expectations'?");
    assert_refused(f, "suite: s\nexpectations: {}\n",
                   "'expectations' must be a list of expectations, not a map");
    assert_refused(f, "[]\n", "a suite must be a map, not a list");
    assert_refused(f, "", "a suite must be a map, not nothing");
    assert_refused(f, "suite: s\ncolumns: {a: {typ: int}}\nexpectations: []\n", "did you mean 'type'?");
    assert_refused(f, "suite: s\ncolumns: {a: {type: integer}}\nexpectations: []\n",
                   "'type' must be one of bool");
    assert_refused(f, "suite: s\ncolumns: {a: {format: '%Y'}}\nexpectations: []\n", "'format' is for dates");
    assert_refused(f, "suite: s\ncolumns: {a: {type: date, format: '%Q'}}\nexpectations: []\n", "'format': ");
}

static void an_unknown_suite_gets_the_nearest_name(void **state)
{
    struct fixture *f = *state;
    put_file(f, "expectations/vitals.yaml", "");
    assert_null(dr_suite_load(&f->a, &f->home, "vital", NULL, &f->d));
    assert_shows(f, "there is no suite 'vital'\n  did you mean 'vitals'?");
    assert_null(dr_suite_load(&f->a, &f->home, "../vitals", NULL, &f->d));
    assert_shows(f, "cannot be a suite's name");
}

static void refuse_all(void *ctx, const struct dr_expectation *e, struct dr_diags *d)
{
    ++*(int *)ctx;
    dr_diag_add(d, DR_DIAG_ERROR, e->mark, NULL, "no such type");
}

static void the_source_sees_every_expectation(void **state)
{
    struct fixture *f = *state;
    int calls = 0;
    struct dr_expectation_source source = { refuse_all, &calls };
    const struct dr_node *n =
        dr_yaml_parse(&f->a, DR_LIT("[{expect_a: {}}, {expect_b: {}}]"), "x.yaml", &f->d);
    assert_null(dr_suite_from_node(&f->a, n, &source, &f->d));
    assert_int_equal(calls, 2);
    assert_shows(f, "x.yaml:1:3: error: no such type");
}

static void check_example(struct fixture *f, const char *id)
{
    if (!dr_suite_load(&f->a, &f->home, id, NULL, &f->d))
        fail_msg("docs/suites.md: %s", shown(f));
}

static void the_example_of_the_reference_is_valid(void **state)
{
    assert_int_equal(each_example(*state, "suites.md", "expectations", check_example), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_suite_is_read_whole),
        TEST(both_forms_of_an_entry_mean_the_same),
        TEST(severity_and_on_failure_have_defaults),
        TEST(thresholds_are_rows_or_shares),
        TEST(ids_are_readable_and_differ),
        TEST(an_id_survives_tuning_and_moving),
        TEST(great_expectations_own_suite_files_load),
        TEST(wrong_entries_are_refused_with_their_place),
        TEST(wrong_files_are_refused_with_their_place),
        TEST(an_unknown_suite_gets_the_nearest_name),
        TEST(the_source_sees_every_expectation),
        TEST(the_example_of_the_reference_is_valid),
    };
    return cmocka_run_group_tests_name("suite", tests, NULL, NULL);
}
