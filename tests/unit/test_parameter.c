/* Evaluation parameters: names, expressions and what is refused. */
#include "expect_fixture.h"
#include "base/date.h"
#include "expect/parameter.h"

#define NOW_US (1714557600 * DR_US_PER_S) /* 2024-05-01T10:00:00Z */

/* The value of one parameter as JSON text, or the error. */
static const char *value(struct fixture *f, const char *expression)
{
    struct dr_parameters p = { .given = json(f, "{\"limit\": 10, \"from\": \"2024-01-31T00:00:00\"}"),
                               .suite = json(f, "{\"limit\": 5, \"names\": [\"a\", \"b\"], \"odd name\": 1}"),
                               .now_us = NOW_US };
    struct dr_node *args = dr_node_new(&f->a, DR_NODE_MAP), *wrapped = dr_node_new(&f->a, DR_NODE_MAP);
    const struct dr_node *out;
    struct dr_buf b = { 0 };
    dr_node_set(&f->a, wrapped, DR_LIT("$PARAMETER"), dr_node_new_str(&f->a, dr_str_of(expression)));
    dr_node_set(&f->a, args, DR_LIT("x"), wrapped);
    f->err = (struct dr_err){ 0 };
    if (dr_parameters_resolve(&f->a, &p, args, &out, &f->err))
        return f->err.msg;
    dr_json_put_node(&b, dr_node_get(out, "x"), 0);
    const char *text = dr_arena_dup(&f->a, dr_buf_cstr(&b), b.n);
    dr_buf_done(&b);
    return text;
}

static void names_give_their_values_and_the_callers_win(void **state)
{
    assert_string_equal(value(*state, "limit"), "10");
    assert_non_null(strstr(value(*state, "names"), "\"a\""));
    assert_string_equal(value(*state, "odd name"), "1");
}

static void numbers_are_computed(void **state)
{
    assert_string_equal(value(*state, "1 + 2 * 3"), "7");
    assert_string_equal(value(*state, "(1 + 2) * limit"), "30");
    assert_string_equal(value(*state, "limit / 4"), "2.5");
    assert_string_equal(value(*state, "2 ^ 3 ^ 2"), "512");
    assert_string_equal(value(*state, "-limit - -1"), "-9");
    assert_string_equal(value(*state, "abs(-3) + round(2.6) + trunc(2.6) + sgn(-5)"), "7");
    assert_string_equal(value(*state, "hypot(3, 4)"), "5");
    assert_string_equal(value(*state, "1e-3 * 1000"), "1");
}

static void times_are_computed(void **state)
{
    assert_string_equal(value(*state, "datetime(2024, 2, 1) - timedelta(days=1)"), "\"2024-01-31T00:00:00\"");
    assert_string_equal(value(*state, "from + timedelta(hours=1, minutes=30)"), "\"2024-01-31T01:30:00\"");
    assert_string_equal(value(*state, "datetime(2024,1,1,12,30) + timedelta(weeks=52*2)"),
                        "\"2025-12-29T12:30:00\"");
    assert_string_equal(value(*state, "datetime(2024,1,2) - datetime(2024,1,1)"), "86400");
}

static void now_is_the_instant_given(void **state)
{
    assert_string_equal(value(*state, "now() - 2 * timedelta(1)"), "\"2024-04-29T10:00:00\"");
}

static void what_cannot_be_computed_says_why(void **state)
{
    assert_non_null(strstr(value(*state, "nosuch + 1"), "no such evaluation parameter"));
    assert_non_null(strstr(value(*state, "1 +"), "at character"));
    assert_non_null(strstr(value(*state, "1 2"), "an operator expected"));
    assert_non_null(strstr(value(*state, "1 / 0"), "division by zero"));
    assert_non_null(strstr(value(*state, "now() + now()"), "cannot be added"));
    assert_non_null(strstr(value(*state, "now() * 2"), "take numbers"));
    assert_non_null(strstr(value(*state, "datetime(2024, 13, 1)"), "no such date"));
    assert_non_null(strstr(value(*state, "timedelta(moons=1)"), "timedelta takes"));
    assert_non_null(strstr(value(*state, "names + 1"), "neither a number nor a time"));
    assert_non_null(strstr(value(*state, "system(1)"), "no such function"));
    assert_non_null(strstr(value(*state, "now() + timedelta(weeks=1000000)"), "out of range"));
}

static void deep_nesting_is_refused(void **state)
{
    char text[1001];
    memset(text, '(', 1000);
    text[1000] = 0;
    assert_non_null(strstr(value(*state, text), "nested too deeply"));
    memset(text, '-', 1000);
    assert_non_null(strstr(value(*state, text), "nested too deeply"));
}

static void arguments_without_parameters_stay_as_they_are(void **state)
{
    struct fixture *f = *state;
    struct dr_parameters p = { 0 };
    const struct dr_node *args = json(f, "{\"a\": [1, {\"b\": 2}]}"), *out;
    assert_int_equal(dr_parameters_resolve(&f->a, &p, args, &out, &f->err), 0);
    assert_ptr_equal(out, args);
}

static void parameters_are_found_at_any_depth(void **state)
{
    struct fixture *f = *state;
    struct dr_parameters p = { .given = json(f, "{\"q\": 7}") };
    const struct dr_node *args = json(f, "{\"a\": [1, {\"b\": {\"$PARAMETER\": \"q\"}}]}"), *out;
    assert_int_equal(dr_parameters_resolve(&f->a, &p, args, &out, &f->err), 0);
    assert_int_equal(dr_node_int(dr_node_get(dr_node_at(dr_node_get(out, "a"), 1), "b"), 0), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_give_their_values_and_the_callers_win),
        TEST(numbers_are_computed),
        TEST(times_are_computed),
        TEST(now_is_the_instant_given),
        TEST(what_cannot_be_computed_says_why),
        TEST(deep_nesting_is_refused),
        TEST(arguments_without_parameters_stay_as_they_are),
        TEST(parameters_are_found_at_any_depth),
    };
    return cmocka_run_group_tests_name("parameter", tests, NULL, NULL);
}
