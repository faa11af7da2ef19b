/* Sorting, against a naive insertion by cell comparison. */
#include "data/row_keys.h"
#include "data/sort.h"
#include "many_rows.h"

/* The model: < 0 where row i comes before row j. */
static int compare_rows(const struct dr_table *t, int32_t n, const struct dr_sort_key *keys, int64_t i,
                        int64_t j)
{
    for (int32_t k = 0; k < n; k++) {
        const struct dr_column *c = column_named(t, keys[k].column);
        bool a = is_null(c, i), b = is_null(c, j);
        int order;
        if (a || b)
            order = keys[k].flags & DR_SORT_NULLS_FIRST ? b - a : a - b;
        else
            order = compare_cells(c, i, c, j) * (keys[k].flags & DR_SORT_DESC ? -1 : 1);
        if (order)
            return order;
    }
    return 0;
}

static void check_sorted(const struct dr_table *t, const struct dr_table *s, int32_t n,
                         const struct dr_sort_key *keys)
{
    const struct dr_column *row = column_named(s, "row");
    uint8_t seen[40] = { 0 };
    check_table(s);
    assert_int_equal(s->rows, t->rows);
    for (int64_t i = 0; i < s->rows; i++) {
        int64_t from = int_of(row, i);
        check_same_row(s, i, t, from);
        assert_false(dr_bit(seen, from));
        dr_bit_set(seen, from);
        if (i == 0)
            continue;
        int order = compare_rows(s, n, keys, i - 1, i);
        assert_true(order <= 0);
        assert_true(order < 0 || int_of(row, i - 1) < from);
    }
}

static void every_type_sorts_in_every_direction(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int s = 0; s < N_SIZES; s++)
        for (int32_t type = 0; type < N_TYPES; type++)
            for (int32_t flags = 0; flags < 4; flags++) {
                struct dr_table *t = few_table(&seed, few_sizes[s]), *sorted = NULL;
                struct dr_sort_key key = { .column = dr_type_name(type), .flags = flags };
                assert_int_equal(dr_table_sort(t, 1, &key, &sorted, NULL), DR_OK);
                check_sorted(t, sorted, 1, &key);
                dr_table_unref(t);
                dr_table_unref(sorted);
            }
}

static void several_keys_sort_one_after_the_other(void **state)
{
    (void)state;
    uint64_t seed = 2;
    for (int round = 0; round < 100; round++) {
        struct dr_table *t = few_table(&seed, few_sizes[random_below(&seed, N_SIZES)]), *sorted = NULL;
        struct dr_sort_key keys[4];
        int32_t n = (int32_t)random_below(&seed, 5);
        for (int32_t k = 0; k < n; k++)
            keys[k] = (struct dr_sort_key){ .column = dr_type_name((int32_t)random_below(&seed, N_TYPES)),
                                            .flags = (int32_t)random_below(&seed, 4) };
        assert_int_equal(dr_table_sort(t, n, keys, &sorted, NULL), DR_OK);
        check_sorted(t, sorted, n, keys);
        dr_table_unref(t);
        dr_table_unref(sorted);
    }
}

static void the_ends_of_int64_sort_beside_nulls(void **state)
{
    (void)state;
    static const int64_t expected[] = { INT64_MIN, -1, 0, INT64_MAX };
    struct dr_builder *b = dr_builder_new(DR_TYPE_INT64);
    for (int i = 0; i < 4; i++) {
        dr_builder_append_int(b, expected[3 - i]);
        dr_builder_append_null(b);
    }
    struct dr_column *c = dr_builder_finish(b);
    struct dr_table *t = table_of(1, (const char *const[]){ "x" }, &c), *s = NULL;
    struct dr_sort_key key = { .column = "x", .flags = DR_SORT_NULLS_FIRST };
    assert_int_equal(dr_table_sort(t, 1, &key, &s, NULL), DR_OK);
    for (int i = 0; i < 4; i++) {
        assert_true(is_null(s->columns[0], i));
        assert_int_equal(int_of(s->columns[0], 4 + i), expected[i]);
    }
    dr_table_unref(s);
    key.flags = DR_SORT_DESC;
    assert_int_equal(dr_table_sort(t, 1, &key, &s, NULL), DR_OK);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(int_of(s->columns[0], i), expected[3 - i]);
        assert_true(is_null(s->columns[0], 4 + i));
    }
    dr_table_unref(s);
    dr_table_unref(t);
}

static void ordered_words_keep_the_order_of_doubles(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int i = 0; i < 20000; i++) {
        double a = random_float(&seed), b = random_below(&seed, 10) ? random_float(&seed) : (double)INFINITY;
        uint64_t x = dr_float_to_ordered(a), y = dr_float_to_ordered(b);
        assert_int_equal((x > y) - (x < y), compare_floats(a, b));
        assert_true(dr_float_from_ordered(x) == a);
    }
    assert_true(isnan(dr_float_from_ordered(dr_float_to_ordered((double)NAN))));
    assert_true(dr_float_to_ordered((double)NAN) > dr_float_to_ordered((double)INFINITY));
    assert_true(dr_float_to_ordered(-(double)NAN) == dr_float_to_ordered((double)NAN));
}

static void check_order(const struct row_order *o, int64_t rows, int64_t limit)
{
    int64_t *expected = rows_in_order(o, rows), *order = NULL;
    for (int t = 0; t < N_THREAD_COUNTS; t++) {
        dr_pool_init(thread_counts[t]);
        assert_int_equal(dr_sort_rows(rows, o->n, o->columns, o->flags, limit, &order, NULL), DR_OK);
        for (int64_t i = 0; i < limit && i < rows; i++)
            if (order[i] != expected[i])
                fail_msg("at %" PRId64 " stands row %" PRId64 ", not %" PRId64, i, order[i], expected[i]);
        free(order);
    }
    dr_pool_done();
    free(expected);
}

static void many_rows_sort_in_partitions(void **state)
{
    (void)state;
    uint64_t seed = 4;
    for (int round = 0; round < 12; round++) {
        int64_t rows = random_between(&seed, 30000, 60000);
        struct dr_table *t = many_table(&seed, rows, round % 4 ? 8000 : 20);
        struct row_order o = { .n = 1 + round % 3 };
        for (int32_t k = 0; k < o.n; k++) {
            o.columns[k] = t->columns[random_below(&seed, N_TYPES)];
            o.flags[k] = (int32_t)random_below(&seed, 4);
        }
        check_order(&o, rows, round % 2 ? rows : random_below(&seed, rows));
        dr_table_unref(t);
    }
}

static void top_gives_the_first_rows_of_the_sorted_table(void **state)
{
    (void)state;
    uint64_t seed = 6;
    for (int round = 0; round < 60; round++) {
        struct dr_table *t = few_table(&seed, few_sizes[random_below(&seed, N_SIZES)]), *all = NULL,
                        *top = NULL;
        struct dr_sort_key key = { .column = dr_type_name((int32_t)(round % N_TYPES)), .flags = round % 4 };
        int64_t limit = random_below(&seed, 80);
        assert_int_equal(dr_table_sort(t, 1, &key, &all, NULL), DR_OK);
        assert_int_equal(dr_table_top(t, 1, &key, limit, &top, NULL), DR_OK);
        check_table(top);
        assert_int_equal(top->rows, limit < t->rows ? limit : t->rows);
        for (int64_t i = 0; i < top->rows; i++)
            check_same_row(top, i, all, i);
        dr_table_unref(t);
        dr_table_unref(all);
        dr_table_unref(top);
    }
}

static void fewer_than_no_rows_are_refused(void **state)
{
    (void)state;
    uint64_t seed = 7;
    struct dr_err err = { 0 };
    struct dr_table *t = few_table(&seed, 2), *top = NULL;
    struct dr_sort_key key = { .column = "row" };
    assert_int_equal(dr_table_top(t, 1, &key, -1, &top, &err), DR_EINPUT);
    assert_string_equal(err.msg, "top: 1 keys, -1 rows");
    dr_table_unref(t);
}

static void an_unknown_key_is_named(void **state)
{
    (void)state;
    uint64_t seed = 5;
    struct dr_err err = { 0 };
    struct dr_table *t = few_table(&seed, 2), *s = NULL;
    struct dr_sort_key key = { .column = "patient" };
    assert_int_equal(dr_table_sort(t, 1, &key, &s, &err), DR_ENOTFOUND);
    assert_non_null(strstr(err.msg, "sort: no column 'patient'"));
    dr_table_unref(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_sorts_in_every_direction),
        cmocka_unit_test(several_keys_sort_one_after_the_other),
        cmocka_unit_test(the_ends_of_int64_sort_beside_nulls),
        cmocka_unit_test(ordered_words_keep_the_order_of_doubles),
        cmocka_unit_test(many_rows_sort_in_partitions),
        cmocka_unit_test(top_gives_the_first_rows_of_the_sorted_table),
        cmocka_unit_test(fewer_than_no_rows_are_refused),
        cmocka_unit_test(an_unknown_key_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
