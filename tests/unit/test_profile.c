/* Profiles and the suites proposed from them. */
#include "expect_fixture.h"
#include "expect/profile.h"
#include "model/yaml.h"

static struct dr_profile *profile(struct fixture *f, const char *table)
{
    struct dr_profile *p;
    given(f, table);
    if (dr_profile_new(f->table, "_line", &p, &f->err))
        fail_msg("%s", f->err.msg);
    return p;
}

/* The proposed suite must be valid and pass on the table itself. */
static const char *proposal(struct fixture *f, struct dr_profile *p)
{
    DR_AUTO_BUF text = { 0 };
    DR_AUTO_BUF said = { 0 };
    struct dr_diags d = { .arena = &f->a };
    struct dr_results *r;
    struct dr_expect_options options = { .result_format = DR_RESULT_BASIC, .line_column = "_line" };
    assert_int_equal(dr_profile_propose(p, "proposed", &text, &f->err), 0);
    const char *yaml = dr_arena_dup(&f->a, dr_buf_cstr(&text), text.n);
    const struct dr_node *root = dr_yaml_parse(&f->a, dr_str_of(yaml), "proposed.yaml", &d);
    const struct dr_suite *suite = root ? dr_suite_from_node(&f->a, root, dr_expect_source(), &d) : NULL;
    dr_diags_put_text(&d, &said);
    if (!suite || d.n)
        fail_msg("%s\n%s", dr_buf_cstr(&said), yaml);
    assert_int_equal(dr_expect_run(suite, f->table, &options, &r, &f->err), 0);
    for (int32_t k = 0; k < r->n; k++)
        if (!r->checks[k].success)
            fail_msg("%s: %s\n%s", r->checks[k].expectation->id,
                     r->checks[k].exception ? r->checks[k].exception : r->checks[k].sentence, yaml);
    dr_results_free(r);
    return yaml;
}

static void assert_has(const char *yaml, const char *part)
{
    if (!strstr(yaml, part))
        fail_msg("'%s' should be proposed:\n%s", part, yaml);
}

static void types_and_gaps_are_found(void **state)
{
    struct fixture *f = *state;
    struct dr_profile *p = profile(
        f, "{\"_line\": [2, 3, 4], \"code\": [\"007\", \"008\", \"009\"], \"n\": [\"1\", null, \"-3\"], "
           "\"d\": [\"31.12.2023\", \"1.2.2024\", null], \"x\": [1.5, 2.5, null], \"e\": [null, null, "
           "null], \"z\": [\"+1\", \"2\", \"3\"], \"b\": [\"yes\", \"no\", \"yes\"]}");
    static const char *const types[] = { "text", "int64", "date", "float64", "empty", "text", "bool" };
    assert_int_equal(p->n, 7);
    for (int32_t k = 0; k < p->n; k++)
        assert_string_equal(p->columns[k].type.name, types[k]);
    assert_string_equal(p->columns[2].type.format, "%d.%m.%Y");
    assert_int_equal(p->columns[1].missing, 1);
    assert_int_equal(p->columns[1].min.i, -3);
    assert_true(p->columns[3].mean == 2);
    assert_int_equal(p->n_key, 1);
    assert_string_equal(p->columns[p->key[0]].name, "code");
    assert_has(proposal(f, p), "format: '%d.%m.%Y'");
    dr_profile_free(p);
}

static void a_date_whose_day_may_be_its_month_stays_text(void **state)
{
    struct fixture *f = *state;
    struct dr_profile *p =
        profile(f, "{\"open\": [\"3/4/2024\", \"5/6/2024\"], \"us\": [\"3/14/2024\", \"5/6/2024\"]}");
    assert_string_equal(p->columns[0].type.name, "text");
    assert_string_equal(p->columns[1].type.format, "%m/%d/%Y");
    dr_profile_free(p);
}

static void shapes_of_codes_are_counted(void **state)
{
    struct fixture *f = *state;
    struct dr_profile *p =
        profile(f, "{\"c\": [\"P00001\", \"P00002\", \"Q-1\", \"P00003\", \"x\", \"yy\", \"Z.\", "
                   "\"a very long text of more than forty characters\"]}");
    assert_string_equal(p->columns[0].shapes[0].text, "A99999");
    assert_int_equal(p->columns[0].shapes[0].count, 3);
    assert_int_equal(p->columns[0].n_shapes, 4);
    assert_int_equal(p->columns[0].other_shapes, 2);
    assert_int_equal(p->columns[0].longest, 46);
    (void)proposal(f, p);
    dr_profile_free(p);
    p = profile(f, "{\"c\": [\"P.0001\", \"P.0002\", \"P.1003\"]}");
    assert_has(proposal(f, p), "^P\\.[0-9]{4}$");
    dr_profile_free(p);
}

static void a_key_may_need_several_columns(void **state)
{
    struct fixture *f = *state;
    struct dr_profile *p =
        profile(f, "{\"a\": [1, 1, 2, 2], \"b\": [\"x\", \"y\", \"x\", \"y\"], \"v\": [1.0, 2.0, "
                   "1.0, 1.0]}");
    assert_int_equal(p->n_key, 2);
    assert_has(proposal(f, p), "expect_compound_columns_to_be_unique: {column_list: [a, b]}");
    dr_profile_free(p);
    p = profile(f, "{\"a\": [1, 1, 1], \"b\": [\"x\", \"x\", \"x\"]}");
    assert_int_equal(p->n_key, 0);
    (void)proposal(f, p);
    dr_profile_free(p);
}

/* 200 rows: two kinds of values with ranges of their own and a unit each. */
static const char *groups(struct fixture *f)
{
    struct dr_buf b[4] = { 0 };
    for (int k = 0; k < 200; k++) {
        const char *comma = k ? ", " : "";
        (void)dr_buf_printf(&b[0], "%s\"%s\"", comma, k % 2 ? "o'clock, #1" : "pulse");
        (void)dr_buf_printf(&b[1], "%s%d.5", comma, k % 2 ? 36 + k % 3 : 60 + k % 40);
        (void)dr_buf_printf(&b[2], "%s\"%s\"", comma, k % 2 ? "Cel" : "/min");
        (void)dr_buf_printf(&b[3], "%s%d", comma, k % 3);
    }
    const char *table =
        dr_arena_printf(&f->a, "{\"kind\": [%s], \"value\": [%s], \"unit\": [%s], \"grade\": [%s]}",
                        dr_buf_cstr(&b[0]), dr_buf_cstr(&b[1]), dr_buf_cstr(&b[2]), dr_buf_cstr(&b[3]));
    for (int k = 0; k < 4; k++)
        dr_buf_done(&b[k]);
    return table;
}

static void ranges_within_groups_and_pairs_are_proposed(void **state)
{
    struct fixture *f = *state;
    struct dr_profile *p = profile(f, groups(f));
    const char *yaml = proposal(f, p);
    assert_has(yaml, "row_condition: '`kind` == \"pulse\"'");
    assert_has(yaml, "expect_column_pair_values_to_be_in_set: {column_A: kind, column_B: unit");
    assert_has(yaml, "expect_column_values_to_be_in_set: {column: grade, value_set: [0, 1, 2]}");
    assert_has(yaml, "expect_column_psi_to_be_less_than: {column: unit");
    dr_profile_free(p);
}

static void odd_names_and_values_are_quoted(void **state)
{
    struct fixture *f = *state;
    struct dr_profile *p = profile(
        f, "{\"a: b, [c]\": [\"x\", \"y\"], \"#\": [\"null\", \"true\"], \"it's\": [\"1e5\", \"x\"], \"\": "
           "[\" lead\", \"trail \"], \"\xc3\xa9\": [\"\xc3\x83\xc2\xa9\", \"z\"]}");
    (void)proposal(f, p);
    dr_profile_free(p);
}

static void empty_tables_have_a_profile_too(void **state)
{
    struct fixture *f = *state;
    struct dr_profile *p = profile(f, "{\"a\": [], \"b\": []}");
    assert_int_equal(p->rows, 0);
    (void)proposal(f, p);
    dr_profile_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(types_and_gaps_are_found),
        TEST(a_date_whose_day_may_be_its_month_stays_text),
        TEST(shapes_of_codes_are_counted),
        TEST(a_key_may_need_several_columns),
        TEST(ranges_within_groups_and_pairs_are_proposed),
        TEST(odd_names_and_values_are_quoted),
        TEST(empty_tables_have_a_profile_too),
    };
    return cmocka_run_group_tests_name("profile", tests, NULL, NULL);
}
