/* row_condition: which rows an expression keeps, and what is refused. */
#include "expect_fixture.h"
#include "expect/condition.h"

static int with_rows(void **state)
{
    fixture_new(state);
    given(*state,
          "{\"n\": [1, 2, 3, null, 5], \"f\": [0.5, 1.5, null, 2.5, 5.0], \"b\": [true, false, null, true, "
          "false],"
          " \"t\": [\"a\", \"B\", \"abc\", null, \"5\"], \"u\": [\"a\", \"b\", \"abc\", \"x\", \"6\"],"
          " \"d\": [\"2024-01-31\", \"2024-02-01\", null, \"2023-12-31\", \"2024-03-01\"],"
          " \"my col\": [1, 0, 1, 0, 1]}");
    declare(*state, (struct dr_suite_column){ .name = "d", .type = DR_TYPE_DATE });
    return 0;
}

/* "11010": the rows kept. */
static const char *rows(struct fixture *f, const char *condition)
{
    struct dr_plan plan = { .arena = &f->a, .suite = &f->suite, .table = f->table, .opts = &f->options };
    uint64_t in[2] = { 0 };
    char *text = dr_arena_alloc(&f->a, 8);
    f->err = (struct dr_err){ 0 };
    int32_t rc = dr_condition_rows(&plan, condition, in, &f->err);
    dr_plan_done(&plan);
    if (rc)
        return f->err.msg;
    for (int64_t r = 0; r < f->table->rows; r++)
        text[r] = dr_row_get(in, r) ? '1' : '0';
    return text;
}

static void numbers_are_compared(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(rows(f, "n == 2"), "01000");
    assert_string_equal(rows(f, "n > 2"), "00101");
    assert_string_equal(rows(f, "n>=2.5"), "00101");
    assert_string_equal(rows(f, "f < 2"), "11000");
    assert_string_equal(rows(f, "3 <= n"), "00101");
    assert_string_equal(rows(f, "1 < n <= 3"), "01100");
    assert_string_equal(rows(f, "n == -1"), "00000");
    assert_string_equal(rows(f, "f <= n"), "11001");
}

static void a_missing_value_compares_false_and_unequal(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(rows(f, "n < 100"), "11101");
    assert_string_equal(rows(f, "n != 2"), "10111");
    assert_string_equal(rows(f, "not n < 3"), "00111");
    assert_string_equal(rows(f, "t != u"), "01011");
}

static void unequal_leaves_missing_values_out_where_columns_are_named_as_in_sql(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(rows(f, "col(\"n\") != 2"), "10101");
    assert_string_equal(rows(f, "2 != col(\"n\")"), "10101");
    assert_string_equal(rows(f, "col(\"n\") != None"), "11101");
    assert_string_equal(rows(f, "col(\"t\") != col(\"u\")"), "01001");
    assert_string_equal(rows(f, "col(\"n\") < 3"), "11000");
}

static void and_binds_tighter_than_or(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(rows(f, "n == 1 or n == 2 and f > 2"), "10000");
    assert_string_equal(rows(f, "(n == 1 or n == 2) and f > 1"), "01000");
    assert_string_equal(rows(f, "n!=1 & f<2 | n == 5"), "01001");
    assert_string_equal(rows(f, "~(n == 1) && n == 1"), "00000");
    assert_string_equal(rows(f, "not not n == 1"), "10000");
}

static void texts_are_compared_and_a_number_that_none_can_equal_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(rows(f, "t == \"a\""), "10000");
    assert_string_equal(rows(f, "t == 'B'"), "01000");
    assert_non_null(strstr(rows(f, "t == 5"),
                           "column 't' holds text, which never equals a number; declare its "
                           "type in the suite (columns: {t: {type: int64}})"));
    assert_non_null(strstr(rows(f, "t != 0.5"), "{type: float64}"));
    assert_non_null(strstr(rows(f, "t in [1, 2]"), "which never equals a number"));
    assert_string_equal(rows(f, "n == \"1\""), "00000");
    assert_string_equal(rows(f, "t in [1, 'a']"), "10000");
    assert_string_equal(rows(f, "t == u"), "10100");
    assert_string_equal(rows(f, "t >= 'a'"), "10100");
    assert_non_null(strstr(rows(f, "t < 5"), "not supported between"));
}

static void membership_is_asked_with_in_isin_and_equality(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(rows(f, "n in [1, 5]"), "10001");
    assert_string_equal(rows(f, "n not in (1, 5)"), "01110");
    assert_string_equal(rows(f, "t in [\"a\", \"abc\"]"), "10100");
    assert_string_equal(rows(f, "u == ['x', 'b']"), "01010");
    assert_string_equal(rows(f, "n.isin([2, -3])"), "01000");
    assert_string_equal(rows(f, "d in ['2024-02-01']"), "01000");
}

static void missing_values_are_asked_for(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(rows(f, "n.isnull()"), "00010");
    assert_string_equal(rows(f, "n.notna() and f.isna()"), "00100");
    assert_string_equal(rows(f, "col(\"t\").notNull()"), "11101");
    assert_string_equal(rows(f, "t is null or f is not null"), "11011");
}

static void truth_values_stand_alone(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(rows(f, "b"), "10010");
    assert_string_equal(rows(f, "not b"), "01101");
    assert_string_equal(rows(f, "b == False"), "01001");
    assert_string_equal(rows(f, "True"), "11111");
    assert_non_null(strstr(rows(f, "n"), "not truth values"));
}

static void dates_are_compared_as_dates(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(rows(f, "d >= \"2024-02-01\""), "01001");
    assert_string_equal(rows(f, "col(\"d\") < date(\"2024-01-01\")"), "00010");
    assert_string_equal(rows(f, "d == '31 Jan 2024'"), "10000");
}

static void texts_are_searched(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(rows(f, "t.str.contains(\"b\")"), "00100");
    assert_string_equal(rows(f, "t.str.match('[a-z]+$')"), "10100");
    assert_string_equal(rows(f, "u.str.startswith('a') and not u.str.endswith('c')"), "10000");
    assert_string_equal(rows(f, "t.str.len() == 3"), "00100");
    assert_string_equal(rows(f, "t.str.lower() == u"), "11100");
    assert_string_equal(rows(f, "t.str.upper().str.contains('A')"), "10100");
    assert_non_null(strstr(rows(f, "t.str.contains('(')"), "cannot be compiled"));
}

static void arithmetic_is_worked_out(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(rows(f, "n + f > 4"), "00001");
    assert_string_equal(rows(f, "n * 2 - 1 == 3"), "01000");
    assert_string_equal(rows(f, "n % 2 == 1"), "10101");
    assert_string_equal(rows(f, "-n < -2"), "00101");
    assert_string_equal(rows(f, "n / 0 > 1"), "11101");
    assert_string_equal(rows(f, "n.between(2, 3)"), "01100");
    assert_non_null(strstr(rows(f, "t + 1 > 2"), "arithmetic takes numbers"));
}

static void names_may_hold_spaces_in_backticks(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(rows(f, "`my col` == 1"), "10101");
    assert_non_null(strstr(rows(f, "`my col == 1"), "closing backtick"));
    assert_non_null(strstr(rows(f, "nn == 1"), "did you mean 'n'?"));
}

static void what_cannot_be_read_names_the_place(void **state)
{
    struct fixture *f = *state;
    assert_non_null(strstr(rows(f, "n =="), "at character 5"));
    assert_non_null(strstr(rows(f, "n == 1 n"), "at character 8"));
    assert_non_null(strstr(rows(f, "(n == 1"), "')' expected"));
    assert_non_null(strstr(rows(f, "n == 'a"), "closing quote"));
    assert_non_null(strstr(rows(f, "n in 5"), "a list in brackets"));
    assert_non_null(strstr(rows(f, "n.foo()"), "isnull"));
    assert_non_null(strstr(rows(f, "1.2.3 == n"), "a number"));
    assert_non_null(strstr(rows(f, ""), "expected"));
}

static void deep_nesting_is_refused(void **state)
{
    struct fixture *f = *state;
    char text[2001];
    memset(text, '(', 2000);
    text[2000] = 0;
    assert_non_null(strstr(rows(f, text), "nested more than"));
    memset(text, '-', 2000);
    assert_non_null(strstr(rows(f, text), "nested more than"));
    memset(text, '~', 2000);
    assert_non_null(strstr(rows(f, text), "nested more than"));
}

static void mixed_columns_are_compared_value_by_value(void **state)
{
    struct fixture *f = *state;
    static const char *const mixed[] = { "m", NULL };
    given(f, "{\"m\": [\"1\", \"\\\"abc\\\"\", null, \"2.5\"]}");
    f->options.mixed_columns = mixed;
    assert_string_equal(rows(f, "m == 1"), "1000");
    assert_string_equal(rows(f, "m == 'abc'"), "0100");
    assert_string_equal(rows(f, "m.isnull()"), "0010");
    assert_string_equal(rows(f, "m in [2.5, 'abc']"), "0101");
}

#define ROWS_TEST(name) cmocka_unit_test_setup_teardown(name, with_rows, fixture_free)
int main(void)
{
    const struct CMUnitTest tests[] = {
        ROWS_TEST(numbers_are_compared),
        ROWS_TEST(a_missing_value_compares_false_and_unequal),
        ROWS_TEST(unequal_leaves_missing_values_out_where_columns_are_named_as_in_sql),
        ROWS_TEST(and_binds_tighter_than_or),
        ROWS_TEST(texts_are_compared_and_a_number_that_none_can_equal_is_refused),
        ROWS_TEST(membership_is_asked_with_in_isin_and_equality),
        ROWS_TEST(missing_values_are_asked_for),
        ROWS_TEST(truth_values_stand_alone),
        ROWS_TEST(dates_are_compared_as_dates),
        ROWS_TEST(texts_are_searched),
        ROWS_TEST(arithmetic_is_worked_out),
        ROWS_TEST(names_may_hold_spaces_in_backticks),
        ROWS_TEST(what_cannot_be_read_names_the_place),
        ROWS_TEST(deep_nesting_is_refused),
        ROWS_TEST(mixed_columns_are_compared_value_by_value),
    };
    return cmocka_run_group_tests_name("condition", tests, NULL, NULL);
}
