/* Mapping a function over columns. */
#include "kernel_fixture.h"

struct calls {
    int64_t n;
};

/* The lengths of the texts, -1 for a missing one; "Z" is refused. */
static void join_lengths(void *ctx, int32_t n_args, const struct dr_cell *args, struct dr_cell *ret)
{
    struct calls *calls = ctx;
    calls->n++;
    ret->state = 1;
    for (int32_t k = 0; k < n_args; k++) {
        if (args[k].state && args[k].n == 1 && args[k].p[0] == 'Z')
            ret->state = 2;
        ret->i = ret->i * 100 + (args[k].state ? args[k].n : 50);
    }
}

static void codes_are_mapped_once_for_each_combination(void **state)
{
    (void)state;
    static const char *const a[] = { "x", "yy", "x", NULL, "x", "yy" };
    static const char *const b[] = { "", "q", "", "q", "q", "q" };
    static const int64_t expected[] = { 100, 201, 100, 5001, 101, 201 };
    struct calls calls = { 0 };
    struct dr_column *args[2] = { texts(DR_TYPE_DICT, 6, a), texts(DR_TYPE_DICT, 6, b) }, *ret = NULL;
    assert_int_equal(dr_column_map(2, (const struct dr_column *const *)args, join_lengths, &calls,
                                   DR_TYPE_INT64, NULL, &ret, NULL),
                     DR_OK);
    check_column(ret);
    assert_int_equal(calls.n, 4);
    for (int64_t i = 0; i < 6; i++)
        assert_int_equal(int_of(ret, i), expected[i]);
    dr_column_unref(args[0]);
    dr_column_unref(args[1]);
    dr_column_unref(ret);
}

static void codes_and_text_map_alike(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int round = 0; round < 60; round++) {
        int64_t rows = few_sizes[round % N_SIZES];
        int32_t n = (int32_t)random_between(&seed, 1, 3);
        struct dr_column *text[3], *code[3], *a = NULL, *b = NULL;
        uint8_t refused_a[25] = { 0 }, refused_b[25] = { 0 };
        struct calls rowwise = { 0 }, distinct = { 0 };
        for (int32_t k = 0; k < n; k++) {
            text[k] = few_column(&seed, DR_TYPE_STRING, rows);
            code[k] = cut_randomly(&seed, dr_column_dict(text[k]));
        }
        assert_int_equal(dr_column_map(n, (const struct dr_column *const *)text, join_lengths, &rowwise,
                                       DR_TYPE_INT64, refused_a, &a, NULL),
                         DR_OK);
        assert_int_equal(dr_column_map(n, (const struct dr_column *const *)code, join_lengths, &distinct,
                                       DR_TYPE_INT64, refused_b, &b, NULL),
                         DR_OK);
        check_column(a);
        check_column(b);
        assert_int_equal(rowwise.n, rows);
        assert_true(distinct.n <= rows);
        assert_memory_equal(refused_a, refused_b, sizeof refused_a);
        for (int64_t i = 0; i < rows; i++) {
            assert_true(same_cell(a, i, b, i));
            assert_int_equal(is_null(a, i), dr_bit(refused_a, i));
        }
        for (int32_t k = 0; k < n; k++) {
            dr_column_unref(text[k]);
            dr_column_unref(code[k]);
        }
        dr_column_unref(a);
        dr_column_unref(b);
    }
}

static void copy_cell(void *ctx, int32_t n_args, const struct dr_cell *args, struct dr_cell *ret)
{
    (void)ctx;
    (void)n_args;
    *ret = args[0];
}

static void every_type_passes_through_a_copy(void **state)
{
    (void)state;
    uint64_t seed = 2;
    for (int32_t type = DR_TYPE_BOOL; type < N_TYPES; type++)
        for (int s = 0; type != DR_TYPE_DECIMAL && s < N_SIZES; s++) {
            struct dr_column *c = few_column(&seed, type, few_sizes[s]), *copy = NULL;
            const struct dr_column *args[] = { c };
            assert_int_equal(dr_column_map(1, args, copy_cell, NULL, type, NULL, &copy, NULL), DR_OK);
            check_column(copy);
            assert_int_equal(copy->type, type);
            assert_int_equal(copy->rows, c->rows);
            for (int64_t i = 0; i < c->rows; i++)
                assert_true(same_cell(c, i, copy, i));
            dr_column_unref(c);
            dr_column_unref(copy);
        }
}

static void give_bad_state(void *ctx, int32_t n_args, const struct dr_cell *args, struct dr_cell *ret)
{
    (void)n_args;
    (void)args;
    *ret = *(const struct dr_cell *)ctx;
}

static void a_function_that_breaks_its_contract_is_named(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    struct dr_cell bad_state = { .state = 7 }, no_bytes = { .state = 1, .n = 3 },
                   long_days = { .state = 1, .i = INT64_MAX };
    struct dr_column *c = texts(DR_TYPE_STRING, 1, (const char *const[]){ "x" }), *d = dr_column_dict(c),
                     *ret = NULL;
    const struct dr_column *text[] = { c }, *code[] = { d };
    assert_int_equal(dr_column_map(1, text, give_bad_state, &bad_state, DR_TYPE_INT64, NULL, &ret, &err),
                     DR_EPLUGIN);
    assert_string_equal(err.msg, "map: the function gave state 7; 0, 1 and 2 are allowed");
    assert_int_equal(dr_column_map(1, code, give_bad_state, &no_bytes, DR_TYPE_DICT, NULL, &ret, &err),
                     DR_EPLUGIN);
    assert_int_equal(dr_column_map(1, code, give_bad_state, &long_days, DR_TYPE_DATE, NULL, &ret, &err),
                     DR_EPLUGIN);
    dr_column_unref(c);
    dr_column_unref(d);
}

static void arguments_that_cannot_be_mapped_are_refused(void **state)
{
    (void)state;
    uint64_t seed = 3;
    struct dr_err err = { 0 };
    struct dr_column *c = few_column(&seed, DR_TYPE_DECIMAL, 2), *d = few_column(&seed, DR_TYPE_INT64, 3),
                     *ret = NULL;
    const struct dr_column *decimal[] = { c }, *unequal[] = { d, c };
    assert_int_equal(dr_column_map(1, decimal, copy_cell, NULL, DR_TYPE_INT64, NULL, &ret, &err), DR_EINPUT);
    assert_int_equal(dr_column_map(2, unequal, copy_cell, NULL, DR_TYPE_INT64, NULL, &ret, &err), DR_EINPUT);
    assert_string_equal(err.msg, "map: argument 1 has 3 rows, argument 2 has 2");
    assert_int_equal(dr_column_map(0, NULL, copy_cell, NULL, DR_TYPE_INT64, NULL, &ret, &err), DR_EINPUT);
    assert_int_equal(dr_column_map(1, unequal, copy_cell, NULL, DR_TYPE_DECIMAL, NULL, &ret, &err),
                     DR_EINPUT);
    dr_column_unref(c);
    dr_column_unref(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_mapped_once_for_each_combination),
        cmocka_unit_test(codes_and_text_map_alike),
        cmocka_unit_test(every_type_passes_through_a_copy),
        cmocka_unit_test(a_function_that_breaks_its_contract_is_named),
        cmocka_unit_test(arguments_that_cannot_be_mapped_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
