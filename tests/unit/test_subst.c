/* ${...} in texts and trees. */
#include "model_fixture.h"
#include "model/dag.h"
#include "model/subst.h"
#include "model/yaml.h"

static struct dr_subst values(struct fixture *f)
{
    static const char text[] = "{path: data/x.csv, n: 3, share: 0.5, empty: ~, list: [1, 2]}";
    const struct dr_node *params = dr_yaml_parse(&f->a, dr_str_of(text), NULL, &f->d);
    return (struct dr_subst){ .params = params,
                              .run_id = "manual__1",
                              .dag_id = "etl",
                              .logical_date = "2024-03-01T00:00:00Z",
                              .data_interval_start = "2024-03-01T00:00:00Z",
                              .data_interval_end = "2024-03-02T00:00:00Z" };
}

static void assert_text(struct fixture *f, const char *text, const char *expected)
{
    struct dr_subst s = values(f);
    const char *made = NULL;
    if (dr_subst_text(&f->a, dr_str_of(text), &s, &made, &f->err))
        fail_msg("'%s': %s", text, f->err.msg);
    assert_string_equal(made, expected);
}

static void assert_refused(struct fixture *f, const char *text, const char *message)
{
    struct dr_subst s = values(f);
    const char *made = NULL;
    assert_int_equal(dr_subst_text(&f->a, dr_str_of(text), &s, &made, &f->err), DR_EDEF);
    assert_contains(f->err.msg, message);
}

static void names_are_replaced_by_their_values(void **state)
{
    struct fixture *f = *state;
    assert_text(f, "plain", "plain");
    assert_text(f, "", "");
    assert_text(f, "${params.path}", "data/x.csv");
    assert_text(f, "a/${dag_id}/${run_id}-${params.n}.csv", "a/etl/manual__1-3.csv");
    assert_text(f, "${logical_date}${data_interval_end}", "2024-03-01T00:00:00Z2024-03-02T00:00:00Z");
    assert_text(f, "$5 and $ and {x}", "$5 and $ and {x}");
}

static void two_dollars_escape(void **state)
{
    struct fixture *f = *state;
    assert_text(f, "$${params.path}", "${params.path}");
    assert_text(f, "a $${x} ${params.n}", "a ${x} 3");
    assert_text(f, "$$${", "$${");
    assert_text(f, "$$", "$$");
}

static void what_is_put_in_is_not_looked_at_again(void **state)
{
    struct fixture *f = *state;
    struct dr_subst s = { .run_id = "${dag_id}", .dag_id = "x" };
    const char *made;
    assert_int_equal(dr_subst_text(&f->a, DR_LIT("${run_id}"), &s, &made, &f->err), 0);
    assert_string_equal(made, "${dag_id}");
}

static void the_environment_is_reached_by_name(void **state)
{
    struct fixture *f = *state;
    setenv("DAGRUN_TEST_VALUE", "hello", 1);
    assert_text(f, "${env.DAGRUN_TEST_VALUE}!", "hello!");
    unsetenv("DAGRUN_TEST_VALUE");
    assert_refused(f, "${env.DAGRUN_TEST_VALUE}", "DAGRUN_TEST_VALUE is not set");
    assert_refused(f, "${env.}", "does not name an environment variable");
    assert_refused(f, "${env.A=B}", "does not name an environment variable");
}

static void unknown_names_get_the_nearest_one(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "${params.pth}", "did you mean '${params.path}'?");
    assert_refused(f, "${logical_dat}", "did you mean '${logical_date}'?");
    assert_refused(f, "${whatever}", "env.NAME");
    assert_refused(f, "${}", "is not known");
    assert_refused(f, "${params.n + 1}", "is not known");
    assert_refused(f, "x ${params.n", "without its '}'");
}

static void values_that_are_no_text_are_refused(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "${params.empty}", "has no value");
    assert_refused(f, "x${params.list}", "cannot stand inside a text");
}

static void a_whole_text_takes_the_parameter_with_its_type(void **state)
{
    struct fixture *f = *state;
    struct dr_subst s = values(f);
    struct dr_node *made;
    const char *text =
        "a: ['${params.n}', 'n=${params.n}', '${params.list}', 7]\nb: {c: '${params.share}'}\n";
    const struct dr_node *n = dr_yaml_parse(&f->a, dr_str_of(text), "x.yaml", &f->d);
    assert_int_equal(dr_subst_node(&f->a, n, &s, &made, &f->err), 0);
    const struct dr_node *a = dr_node_get(made, "a");
    assert_int_equal(dr_node_int(dr_node_at(a, 0), 0), 3);
    assert_string_equal(dr_node_str(dr_node_at(a, 1), ""), "n=3");
    assert_int_equal(dr_node_size(dr_node_at(a, 2)), 2);
    assert_int_equal(dr_node_int(dr_node_at(a, 3), 0), 7);
    assert_true(dr_node_float(dr_node_get(dr_node_get(made, "b"), "c"), 0) == 0.5);
    assert_int_equal(dr_node_at(a, 0)->mark.column, 5); /* where it was used, not declared */
    /* The definition is for other runs too. */
    assert_string_equal(dr_node_str(dr_node_at(dr_node_get(n, "a"), 1), ""), "n=${params.n}");
    assert_string_equal(dr_node_str(dr_node_get(dr_node_get(n, "b"), "c"), ""), "${params.share}");
}

static void a_preview_keeps_what_is_not_known_yet(void **state)
{
    struct fixture *f = *state;
    struct dr_subst s = { .params = values(f).params, .dag_id = "etl" };
    assert_string_equal(dr_subst_preview_text(&f->a, DR_LIT("${dag_id}/${run_id}/${params.n}"), &s),
                        "etl/${run_id}/3");
    assert_string_equal(dr_subst_preview_text(&f->a, DR_LIT("${broken"), &s), "${broken");
}

static void a_text_that_grows_without_end_is_refused(void **state)
{
    struct fixture *f = *state;
    char *big = dr_arena_alloc(&f->a, (1 << 16) + 1);
    memset(big, 'x', 1 << 16);
    struct dr_subst s = { .run_id = big };
    DR_AUTO_BUF text = { 0 };
    for (int i = 0; i < 100; i++)
        dr_buf_puts(&text, "${run_id}");
    const char *made;
    assert_int_equal(dr_subst_text(&f->a, dr_buf_str(&text), &s, &made, &f->err), DR_ELIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_are_replaced_by_their_values),
        TEST(two_dollars_escape),
        TEST(what_is_put_in_is_not_looked_at_again),
        TEST(the_environment_is_reached_by_name),
        TEST(unknown_names_get_the_nearest_one),
        TEST(values_that_are_no_text_are_refused),
        TEST(a_whole_text_takes_the_parameter_with_its_type),
        TEST(a_preview_keeps_what_is_not_known_yet),
        TEST(a_text_that_grows_without_end_is_refused),
    };
    return cmocka_run_group_tests_name("subst", tests, NULL, NULL);
}
