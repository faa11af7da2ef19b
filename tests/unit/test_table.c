/* Tables: making, selecting, replacing. */
#include "kernel_fixture.h"

static void columns_of_different_chunks_are_aligned(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int round = 0; round < 10; round++)
        for (int s = 0; s < N_SIZES; s++) {
            struct dr_table *t = few_table(&seed, few_sizes[s]);
            check_table(t);
            dr_table_unref(t);
        }
}

static void two_columns_of_one_name_are_refused(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    struct dr_table *t = NULL;
    struct dr_column *c = ints(DR_TYPE_INT64, 2, (const int64_t[]){ 1, 2 });
    const struct dr_column *columns[] = { c, c };
    assert_int_equal(dr_table_new(2, (const char *const[]){ "a", "a" }, columns, &t, &err), DR_EINPUT);
    assert_string_equal(err.msg, "the table would have two columns named 'a'");
    assert_null(t);
    dr_column_unref(c);
}

static void columns_of_unequal_length_are_refused(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    struct dr_table *t = NULL;
    struct dr_column *a = ints(DR_TYPE_INT64, 2, (const int64_t[]){ 1, 2 });
    struct dr_column *b = ints(DR_TYPE_INT64, 1, (const int64_t[]){ 1 });
    const struct dr_column *columns[] = { a, b };
    assert_int_equal(dr_table_new(2, (const char *const[]){ "a", "b" }, columns, &t, &err), DR_EINPUT);
    assert_string_equal(err.msg, "column 'b' has 1 rows, 'a' has 2");
    dr_column_unref(a);
    dr_column_unref(b);
}

static void selecting_shares_columns(void **state)
{
    (void)state;
    uint64_t seed = 4;
    struct dr_table *t = few_table(&seed, 20), *s = NULL;
    assert_int_equal(dr_table_select(t, 2, (const char *const[]){ "row", "bool" }, &s, NULL), DR_OK);
    assert_int_equal(dr_table_columns(s), 2);
    assert_string_equal(dr_table_column_name(s, 0), "row");
    assert_null(dr_table_column_name(s, 2));
    assert_ptr_equal(dr_table_column(s, 1), column_named(t, "bool"));
    assert_null(dr_table_column(s, -1));
    dr_table_unref(t);
    check_table(s);
    dr_table_unref(s);
}

static void a_missing_column_is_named_with_the_nearest(void **state)
{
    (void)state;
    uint64_t seed = 5;
    struct dr_err err = { 0 };
    struct dr_table *t = few_table(&seed, 3), *s = NULL;
    assert_int_equal(dr_table_select(t, 1, (const char *const[]){ "flaot64" }, &s, &err), DR_ENOTFOUND);
    assert_string_equal(err.msg, "select: no column 'flaot64'; did you mean 'float64'?");
    assert_int_equal(dr_table_find(t, "none"), -1);
    dr_table_unref(t);
}

static void a_column_is_replaced_or_appended(void **state)
{
    (void)state;
    uint64_t seed = 6;
    struct dr_table *t = few_table(&seed, 2), *with = NULL, *more = NULL;
    struct dr_column *c = ints(DR_TYPE_INT64, 2, (const int64_t[]){ 7, 8 });
    assert_int_equal(dr_table_with(t, "bool", c, &with, NULL), DR_OK);
    assert_int_equal(dr_table_columns(with), dr_table_columns(t));
    assert_int_equal(column_named(with, "bool")->type, DR_TYPE_INT64);
    assert_int_equal(dr_table_with(t, "new", c, &more, NULL), DR_OK);
    assert_int_equal(dr_table_find(more, "new"), dr_table_columns(t));
    dr_column_unref(c);
    dr_table_unref(t);
    check_table(with);
    check_table(more);
    dr_table_unref(with);
    dr_table_unref(more);
}

static void a_table_may_have_no_columns(void **state)
{
    (void)state;
    struct dr_table *t = NULL;
    assert_int_equal(dr_table_new(0, NULL, NULL, &t, NULL), DR_OK);
    assert_int_equal(dr_table_rows(t), 0);
    struct dr_table *again = dr_table_ref(t);
    dr_table_unref(t);
    dr_table_unref(again);
    dr_table_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_of_different_chunks_are_aligned),
        cmocka_unit_test(two_columns_of_one_name_are_refused),
        cmocka_unit_test(columns_of_unequal_length_are_refused),
        cmocka_unit_test(selecting_shares_columns),
        cmocka_unit_test(a_missing_column_is_named_with_the_nearest),
        cmocka_unit_test(a_column_is_replaced_or_appended),
        cmocka_unit_test(a_table_may_have_no_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
