/* What a rollup takes within its limit, and that the answer is the same. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include "data/kernel.h"
#include "data/pool.h"
#include "rollup/impl.h"
#include "rollup/sketch.h"

enum { BATCH = 5000 };
/* Rows with a key and a value: key_of(i) and i. */
struct rows {
    int64_t n;
    int32_t type; /* of the key */
    double (*key_of)(int64_t i);
};

static const char *const key[] = { "key" };
static const struct dr_rollup_group by_key[] = { { "key", NULL, 0, 0 } };
static const struct dr_agg of_values[] = {
    { .fn = DR_AGG_COUNT, .column = "value", .name = "n" },
    { .fn = DR_AGG_SUM, .column = "value", .name = "sum" },
    { .fn = DR_AGG_MEDIAN, .column = "value", .name = "median" },
};

static void must(int32_t rc, const struct dr_err *err)
{
    if (rc)
        fail_msg("%s", err->msg);
}

static struct dr_table *batch_of(const struct rows *x, int64_t from, int64_t n)
{
    static const char *const names[] = { "key", "value" };
    struct dr_builder *b[2] = { dr_builder_new(x->type), dr_builder_new(DR_TYPE_FLOAT64) };
    for (int64_t i = from; i < from + n; i++) {
        if (x->type == DR_TYPE_FLOAT64)
            dr_builder_append_float(b[0], x->key_of(i));
        else
            dr_builder_append_int(b[0], (int64_t)x->key_of(i));
        dr_builder_append_float(b[1], (double)i);
    }
    struct dr_column *columns[2] = { dr_builder_finish(b[0]), dr_builder_finish(b[1]) };
    struct dr_table *t = NULL;
    struct dr_err err = { 0 };
    must(dr_table_new(2, names, (const struct dr_column *const *)columns, &t, &err), &err);
    dr_column_unref(columns[0]);
    dr_column_unref(columns[1]);
    return t;
}

/* One pass; *ret_most is the memory that it took. */
static struct dr_table *one_pass(const struct dr_rollup_options *o, const struct rows *x,
                                 struct dr_rollup_counts *counts, size_t *ret_most)
{
    struct dr_rollup *r = NULL;
    struct dr_table *result = NULL;
    struct dr_err err = { 0 };
    for (int64_t from = 0; from < x->n; from += BATCH) {
        struct dr_table *batch = batch_of(x, from, x->n - from < BATCH ? x->n - from : BATCH);
        if (!r)
            must(dr_rollup_new(o, batch, &r, &err), &err);
        must(dr_rollup_add(r, (int32_t)(from / BATCH % o->workers), from, batch, NULL, &err), &err);
        dr_table_unref(batch);
    }
    must(dr_rollup_finish(r, &result, counts, &err), &err);
    *ret_most = atomic_load(&r->store.most);
    dr_rollup_free(r);
    return result;
}

/* That many rows are expected: of few there is one partition, and all keys are in it. */
static struct dr_rollup_options options(int64_t expected, size_t limit)
{
    return (struct dr_rollup_options){ .n_keys = 1,
                                       .keys = key,
                                       .n_aggs = 3,
                                       .aggs = of_values,
                                       .workers = 2,
                                       .expected_rows = expected,
                                       .memory_limit = limit };
}

static double number(const struct dr_table *t, int32_t column, int64_t row)
{
    int64_t at;
    int32_t hint = 0;
    const struct dr_array *a = dr_column_at(t->columns[column], row, &hint, &at);
    return a->type == DR_TYPE_INT64 ? (double)((const int64_t *)a->values)[at]
                                    : ((const double *)a->values)[at];
}

/* The first `keys` rows have a key each, and the others repeat these. */
static void assert_first_are_kept(const struct rows *x, int64_t keys, const struct dr_rollup_options *o)
{
    struct dr_rollup_counts counts;
    size_t most;
    struct dr_table *t = one_pass(o, x, &counts, &most);
    assert_int_equal(keys, counts.kept);
    assert_int_equal(x->n > keys ? x->n : 0, counts.duplicate_rows);
    assert_int_equal(x->n > keys ? keys : 0, counts.duplicate_keys);
    assert_int_equal(keys, (int64_t)number(t, 0, 0));
    assert_int_equal(keys * (keys - 1) / 2, (int64_t)number(t, 1, 0));
    assert_true(fabs(number(t, 2, 0) - (double)(keys - 1) / 2) < 1e-9);
    assert_in_range(most, 1, o->memory_limit);
    dr_table_unref(t);
}

/* ---- keys ---- */

enum { KEYS = 100000, FEW_KEYS = 100 };

static double whole_number(int64_t i)
{
    return (double)(i % KEYS);
}

/* Different numbers of all signs and sizes, which take too many bits to be packed. */
static double scattered(int64_t i)
{
    double v = sqrt((double)i + 2);
    return (i & 1 ? -v : v) * (i & 2 ? 1e-200 : 1e200);
}

static double odd_number(int64_t i)
{
    return scattered(i % KEYS);
}

static double one_of_few(int64_t i)
{
    return scattered(i % FEW_KEYS);
}

static double one_of_few_numbers(int64_t i)
{
    return (double)(i % FEW_KEYS);
}

static void keys_that_do_not_fit_are_looked_at_in_passes(void **state)
{
    (void)state;
    dr_pool_init(2);
    struct dr_rollup_options o = options(1, 1200 << 10);
    assert_first_are_kept(&(struct rows){ 2 * KEYS, DR_TYPE_INT64, whole_number }, KEYS, &o);
    assert_first_are_kept(&(struct rows){ 2 * KEYS, DR_TYPE_FLOAT64, odd_number }, KEYS, &o);
    dr_pool_done();
}

static void many_partitions_keep_the_limit(void **state)
{
    (void)state;
    dr_pool_init(2);
    struct dr_rollup_options o = options(8000000, 4 << 20);
    assert_first_are_kept(&(struct rows){ 2 * KEYS, DR_TYPE_INT64, whole_number }, KEYS, &o);
    assert_first_are_kept(&(struct rows){ 2 * KEYS, DR_TYPE_FLOAT64, odd_number }, KEYS, &o);
    dr_pool_done();
}

static void few_keys_take_little_however_often_they_repeat(void **state)
{
    (void)state;
    struct dr_rollup_options o = options(1, 800 << 10);
    assert_first_are_kept(&(struct rows){ 300000, DR_TYPE_FLOAT64, one_of_few }, FEW_KEYS, &o);
    assert_first_are_kept(&(struct rows){ 300000, DR_TYPE_INT64, one_of_few_numbers }, FEW_KEYS, &o);
}

enum { ALIKE = 6000 };
static double alike[ALIKE];

static double alike_number(int64_t i)
{
    return alike[i];
}

/* Numbers whose hashes have the same bits where passes look: they all come in one pass, for which there are
 * more than was planned. */
static void find_alike(void)
{
    for (int32_t n = 0, i = 0; n < ALIKE; i++) {
        uint32_t words[3] = { DR_ROLLUP_TAG_VALUE };
        double v = scattered(i);
        memcpy(&words[1], &v, sizeof(v));
        if ((dr_rollup_hash(words, 3) >> 36 & 0x3FF) == 0)
            alike[n++] = v;
    }
}

static void tables_grow_where_hashes_do_not_spread(void **state)
{
    (void)state;
    find_alike();
    struct dr_rollup_options o = options(1, 800 << 10);
    assert_first_are_kept(&(struct rows){ ALIKE, DR_TYPE_FLOAT64, alike_number }, ALIKE, &o);
}

static void a_table_of_packed_keys_grows_before_it_is_full(void **state)
{
    (void)state;
    struct dr_rollup_options o = options(1, 512 << 10); /* tables of 64 KiB: 8192 keys */
    for (int64_t n = 6100; n <= 6150; n += 10)
        assert_first_are_kept(&(struct rows){ n, DR_TYPE_INT64, whole_number }, n, &o);
}

static void different_hashes_are_counted_nearly(void **state)
{
    (void)state;
    for (int64_t n = 1; n <= 1000000; n *= 10) {
        struct dr_sketch s = { 0 };
        for (int32_t again = 0; again < 2; again++)
            for (int64_t i = 0; i < n; i++)
                dr_sketch_add(&s, (uint64_t)i << 20);
        assert_true(fabs(dr_sketch_count(&s) - (double)n) <= 0.08 * (double)n);
    }
    struct dr_sketch none = { 0 };
    assert_true(dr_sketch_count(&none) == 0);
}

/* ---- groups ---- */

enum { GROUPS = 20000, VALUES = 40 };

static double group_in_turn(int64_t i)
{
    return (double)(i % GROUPS);
}

/* Values of a group that have no memory of their own go to the file few at a time. */
static void each_of_many_groups_takes_little_beyond_the_limit(void **state)
{
    (void)state;
    dr_pool_init(2);
    struct rows x = { (int64_t)GROUPS * VALUES, DR_TYPE_INT64, group_in_turn };
    struct dr_rollup_options o = options(x.n, 4 << 20);
    struct dr_rollup_counts counts;
    size_t most;
    o.n_keys = 0;
    o.n_groups = 1;
    o.groups = by_key;
    struct dr_table *t = one_pass(&o, &x, &counts, &most);
    assert_int_equal(GROUPS, t->rows);
    for (int64_t g = 0; g < GROUPS; g++) {
        double middle = (double)g + (double)GROUPS * (VALUES - 1) / 2;
        assert_int_equal(g, (int64_t)number(t, 0, g));
        assert_int_equal(VALUES, (int64_t)number(t, 1, g));
        assert_true(fabs(number(t, 2, g) - middle * VALUES) < 1e-3);
        assert_true(fabs(number(t, 3, g) - middle) < 1e-6);
    }
    assert_in_range(most, 1, o.memory_limit + (size_t)GROUPS * 2 * 400);
    dr_table_unref(t);
    dr_pool_done();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_that_do_not_fit_are_looked_at_in_passes),
        cmocka_unit_test(many_partitions_keep_the_limit),
        cmocka_unit_test(few_keys_take_little_however_often_they_repeat),
        cmocka_unit_test(tables_grow_where_hashes_do_not_spread),
        cmocka_unit_test(a_table_of_packed_keys_grows_before_it_is_full),
        cmocka_unit_test(different_hashes_are_counted_nearly),
        cmocka_unit_test(each_of_many_groups_takes_little_beyond_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
