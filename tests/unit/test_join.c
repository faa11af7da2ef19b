/* Joins, against the nested loop. */
#include "data/pool.h"
#include "kernel_fixture.h"

static bool keys_match(const struct dr_table *l, const struct dr_table *r, int32_t n, const char *const *keys,
                       int64_t i, int64_t j)
{
    for (int32_t k = 0; k < n; k++) {
        const struct dr_column *a = column_named(l, keys[k]), *b = column_named(r, keys[k]);
        if (is_null(a, i) || is_null(b, j) || compare_cells(a, i, b, j))
            return false;
    }
    return true;
}

/* The rows of the result in order, -1 for no partner; returns how many. */
static int64_t model(const struct dr_table *l, const struct dr_table *r, int32_t n, const char *const *keys,
                     int32_t how, int64_t (*pairs)[2])
{
    int64_t count = 0;
    for (int64_t i = 0; i < l->rows; i++) {
        int64_t before = count, matches = 0;
        for (int64_t j = 0; j < r->rows; j++) {
            if (!keys_match(l, r, n, keys, i, j))
                continue;
            matches++;
            pairs[count][0] = i;
            pairs[count++][1] = j;
        }
        if (how == DR_JOIN_SEMI || how == DR_JOIN_ANTI)
            count = before;
        bool alone =
            how == DR_JOIN_LEFT || how == DR_JOIN_ANTI ? matches == 0 : how == DR_JOIN_SEMI && matches > 0;
        if (alone) {
            pairs[count][0] = i;
            pairs[count++][1] = -1;
        }
    }
    return count;
}

static void check_join(const struct dr_table *l, const struct dr_table *r, int32_t n, const char *const *keys,
                       int32_t how)
{
    static int64_t pairs[70 * 70 + 70][2];
    struct dr_table *joined = NULL;
    int64_t count = model(l, r, n, keys, how, pairs);
    assert_int_equal(dr_table_join(l, r, n, keys, keys, how, &joined, NULL), DR_OK);
    check_table(joined);
    assert_int_equal(joined->rows, count);
    bool with_right = how == DR_JOIN_INNER || how == DR_JOIN_LEFT;
    for (int64_t i = 0; i < count; i++) {
        for (int32_t c = 0; c < l->n; c++)
            assert_true(same_cell(joined->columns[c], i, l->columns[c], pairs[i][0]));
        if (!with_right)
            continue;
        const struct dr_column *row = column_named(joined, "row_right");
        assert_int_equal(is_null(row, i), pairs[i][1] < 0);
        if (pairs[i][1] >= 0)
            assert_int_equal(int_of(row, i), pairs[i][1]);
    }
    dr_table_unref(joined);
}

static void every_kind_of_join_is_the_nested_loop(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int round = 0; round < 200; round++) {
        struct dr_table *l = few_table(&seed, few_sizes[random_below(&seed, N_SIZES - 1)]);
        struct dr_table *r = few_table(&seed, few_sizes[random_below(&seed, N_SIZES - 1)]);
        const char *keys[3];
        int32_t n = (int32_t)random_between(&seed, 1, 3);
        for (int32_t k = 0; k < n; k++)
            keys[k] = dr_type_name((int32_t)random_below(&seed, N_TYPES));
        check_join(l, r, n, keys, round % 4);
        dr_table_unref(l);
        dr_table_unref(r);
    }
}

static void names_that_both_sides_have_get_a_suffix(void **state)
{
    (void)state;
    struct dr_column *a[2] = { ints(DR_TYPE_INT64, 1, (const int64_t[]){ 1 }),
                               ints(DR_TYPE_INT64, 1, (const int64_t[]){ 10 }) };
    struct dr_column *b[3] = { ints(DR_TYPE_INT64, 1, (const int64_t[]){ 1 }),
                               ints(DR_TYPE_INT64, 1, (const int64_t[]){ 20 }),
                               ints(DR_TYPE_INT64, 1, (const int64_t[]){ 30 }) };
    struct dr_table *l = table_of(2, (const char *const[]){ "id", "value" }, a), *joined = NULL;
    struct dr_table *r = table_of(3, (const char *const[]){ "patient", "value", "id" }, b);
    const char *const left_key = "id", *const right_key = "patient";
    assert_int_equal(dr_table_join(l, r, 1, &left_key, &right_key, DR_JOIN_INNER, &joined, NULL), DR_OK);
    assert_int_equal(joined->n, 4);
    assert_string_equal(joined->names[2], "value_right");
    assert_string_equal(joined->names[3], "id_right");
    assert_int_equal(int_of(joined->columns[2], 0), 20);
    dr_table_unref(l);
    dr_table_unref(r);
    dr_table_unref(joined);
}

static void codes_join_text(void **state)
{
    (void)state;
    struct dr_column *a = texts(DR_TYPE_DICT, 3, (const char *const[]){ "x", NULL, "y" });
    struct dr_column *b = texts(DR_TYPE_STRING, 3, (const char *const[]){ "y", "z", NULL });
    const char *const key = "k";
    struct dr_table *l = table_of(1, &key, &a), *r = table_of(1, &key, &b), *joined = NULL;
    assert_int_equal(dr_table_join(l, r, 1, &key, &key, DR_JOIN_INNER, &joined, NULL), DR_OK);
    assert_int_equal(joined->rows, 1);
    assert_true(dr_str_eq(text_of(joined->columns[0], 0), DR_LIT("y")));
    dr_table_unref(l);
    dr_table_unref(r);
    dr_table_unref(joined);
}

static void keys_of_different_types_are_refused(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    struct dr_column *a = ints(DR_TYPE_INT64, 1, (const int64_t[]){ 1 }),
                     *b = floats(1, (const double[]){ 1 });
    const char *const key = "k";
    struct dr_table *l = table_of(1, &key, &a), *r = table_of(1, &key, &b), *joined = NULL;
    assert_int_equal(dr_table_join(l, r, 1, &key, &key, DR_JOIN_INNER, &joined, &err), DR_EINPUT);
    assert_string_equal(err.msg,
                        "join: key 'k' is int64, key 'k' of the right table is float64; cast one first");
    assert_int_equal(dr_table_join(l, r, 0, &key, &key, DR_JOIN_INNER, &joined, &err), DR_EINPUT);
    assert_int_equal(dr_table_join(l, r, 1, &key, &key, 4, &joined, &err), DR_EINPUT);
    dr_table_unref(l);
    dr_table_unref(r);
}

static void a_join_that_explodes_is_refused_before_it_is_made(void **state)
{
    (void)state;
    int64_t n = 70000;
    struct dr_err err = { 0 };
    struct dr_builder *b = dr_builder_new(DR_TYPE_BOOL);
    for (int64_t i = 0; i < n; i++)
        dr_builder_append_int(b, 1);
    struct dr_column *c = dr_builder_finish(b);
    const char *const key = "k";
    struct dr_table *t = table_of(1, &key, &c), *joined = NULL;
    assert_int_equal(dr_table_join(t, t, 1, &key, &key, DR_JOIN_LEFT, &joined, &err), DR_ELIMIT);
    assert_non_null(strstr(err.msg, "are the keys the right ones?"));
    assert_int_equal(dr_table_join(t, t, 1, &key, &key, DR_JOIN_SEMI, &joined, &err), DR_OK);
    assert_int_equal(joined->rows, n);
    dr_table_unref(joined);
    dr_table_unref(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_join_is_the_nested_loop),
        cmocka_unit_test(names_that_both_sides_have_get_a_suffix),
        cmocka_unit_test(codes_join_text),
        cmocka_unit_test(keys_of_different_types_are_refused),
        cmocka_unit_test(a_join_that_explodes_is_refused_before_it_is_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
