/* Group by, against sums and sorts done plainly. */
#include "data/pool.h"
#include "data/quantile.h"
#include "data/row_keys.h"
#include "kernel_fixture.h"

/* The rows of t whose key is that of row `like` of the result. */
static int64_t rows_of_group(const struct dr_table *t, int32_t n, const char *const *keys,
                             const struct dr_table *g, int64_t like, int64_t *ret)
{
    int64_t count = 0;
    for (int64_t row = 0; row < t->rows; row++) {
        bool same = true;
        for (int32_t k = 0; k < n && same; k++)
            same = same_cell(column_named(t, keys[k]), row, g->columns[k], like);
        if (same)
            ret[count++] = row;
    }
    return count;
}

/* Those of the rows whose cell is present. */
static int64_t present_rows(const struct dr_column *c, const int64_t *rows, int64_t n, int64_t *ret)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++)
        if (!is_null(c, rows[i]))
            ret[count++] = rows[i];
    return count;
}

static bool close_to(double a, double b)
{
    if (isnan(a) || isnan(b))
        return isnan(a) && isnan(b);
    return a == b || fabs(a - b) <= 1e-9 * fmax(1, fmax(fabs(a), fabs(b)));
}

static int compare_doubles(const void *a, const void *b)
{
    return compare_floats(*(const double *)a, *(const double *)b);
}

static double plain_quantile(const struct dr_column *c, const int64_t *rows, int64_t n, double q)
{
    double v[256], h = (double)(n - 1) * q;
    int64_t k = (int64_t)floor(h);
    for (int64_t i = 0; i < n; i++)
        v[i] = float_of(c, rows[i]);
    qsort(v, (size_t)n, sizeof *v, compare_doubles);
    if (k + 1 >= n || v[k] == v[k + 1] || h == (double)k)
        return v[k];
    return v[k + 1] - v[k] <= 0x1p1023 ? v[k] + (h - (double)k) * (v[k + 1] - v[k])
                                       : v[k] * (1 - (h - (double)k)) + v[k + 1] * (h - (double)k);
}

static double plain_variance(const struct dr_column *c, const int64_t *rows, int64_t n)
{
    long double mean = 0, sum = 0;
    for (int64_t i = 0; i < n; i++)
        mean += (long double)float_of(c, rows[i]) / n;
    for (int64_t i = 0; i < n; i++)
        sum += (float_of(c, rows[i]) - mean) * (float_of(c, rows[i]) - mean);
    return (double)(sum / (n - 1));
}

static int64_t plain_extreme(const struct dr_column *c, const int64_t *rows, int64_t n, int sign)
{
    int64_t best = rows[0];
    for (int64_t i = 1; i < n; i++)
        if (compare_cells(c, rows[i], c, best) * sign > 0)
            best = rows[i];
    return best;
}

static int64_t plain_distinct(const struct dr_column *c, const int64_t *rows, int64_t n)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) {
        bool seen = false;
        for (int64_t j = 0; j < i && !seen; j++)
            seen = compare_cells(c, rows[i], c, rows[j]) == 0;
        count += !seen;
    }
    return count;
}

static bool is_numeric_fn(int32_t fn)
{
    return fn == DR_AGG_MEAN || fn == DR_AGG_STDDEV || fn == DR_AGG_VARIANCE || fn == DR_AGG_QUANTILE ||
           fn == DR_AGG_MEDIAN;
}

/* The result of fn as a double over n > 0 present rows. */
static double plain_number(const struct dr_agg *agg, const struct dr_column *c, const int64_t *rows,
                           int64_t n)
{
    double sum = 0;
    switch (agg->fn) {
    case DR_AGG_VARIANCE:
        return plain_variance(c, rows, n);
    case DR_AGG_STDDEV:
        return sqrt(plain_variance(c, rows, n));
    case DR_AGG_QUANTILE:
        return plain_quantile(c, rows, n, agg->arg);
    case DR_AGG_MEDIAN:
        return plain_quantile(c, rows, n, 0.5);
    default:
        for (int64_t i = 0; i < n; i++)
            sum += float_of(c, rows[i]);
        return agg->fn == DR_AGG_SUM ? sum : sum / (double)n;
    }
}

static void check_aggregate(const struct dr_table *t, const struct dr_agg *agg,
                            const struct dr_column *result, int64_t at, const int64_t *all, int64_t n_all)
{
    const struct dr_column *c = column_named(t, agg->column);
    int64_t rows[256], n = present_rows(c, all, n_all, rows), pick = -1;
    if (agg->fn == DR_AGG_COUNT || agg->fn == DR_AGG_COUNT_DISTINCT) {
        assert_int_equal(int_of(result, at), agg->fn == DR_AGG_COUNT ? n : plain_distinct(c, rows, n));
        return;
    }
    bool needs_two = agg->fn == DR_AGG_STDDEV || agg->fn == DR_AGG_VARIANCE;
    assert_int_equal(is_null(result, at), n < 1 + needs_two);
    if (n < 1 + needs_two)
        return;
    if (is_numeric_fn(agg->fn) || agg->fn == DR_AGG_SUM || agg->fn == DR_AGG_SHARE) {
        double expected = plain_number(agg, c, rows, n);
        if (!close_to(float_of(result, at), expected) && isfinite(expected))
            fail_msg("%s(%s) is %g, not %g", agg->name, agg->column, float_of(result, at), expected);
        return;
    }
    if (agg->fn == DR_AGG_MIN || agg->fn == DR_AGG_MAX)
        pick = plain_extreme(c, rows, n, agg->fn == DR_AGG_MIN ? -1 : 1);
    else
        pick = agg->fn == DR_AGG_FIRST ? rows[0] : rows[n - 1];
    assert_int_equal(result->type, c->type);
    assert_true(same_cell(result, at, c, pick));
}

static void check_keys_ascend(const struct dr_table *g, int32_t n)
{
    for (int64_t i = 1; i < g->rows; i++) {
        int order = 0;
        for (int32_t k = 0; k < n && order == 0; k++) {
            const struct dr_column *c = g->columns[k];
            bool a = is_null(c, i - 1), b = is_null(c, i);
            order = a || b ? a - b : compare_cells(c, i - 1, c, i);
        }
        assert_true(order < 0);
    }
}

static void check_group_by(const struct dr_table *t, int32_t n, const char *const *keys, int32_t n_aggs,
                           const struct dr_agg *aggs)
{
    struct dr_table *g = NULL;
    struct dr_err err = { 0 };
    int64_t rows[256], covered = 0;
    if (dr_table_group_by(t, n, keys, n_aggs, aggs, &g, &err))
        fail_msg("%s", err.msg);
    check_table(g);
    check_keys_ascend(g, n);
    for (int64_t at = 0; at < g->rows; at++) {
        int64_t count = rows_of_group(t, n, keys, g, at, rows);
        covered += count;
        for (int32_t i = 0; i < n_aggs; i++)
            check_aggregate(t, &aggs[i], g->columns[n + i], at, rows, count);
    }
    assert_int_equal(covered, t->rows);
    dr_table_unref(g);
}

#define AGG(f, c)                                                                                            \
    {                                                                                                        \
        .fn = (f), .column = (c), .name = #f " " c                                                           \
    }

static void aggregates_of_every_type_are_what_the_definition_says(void **state)
{
    (void)state;
    uint64_t seed = 1;
    static const int32_t any[] = { DR_AGG_COUNT, DR_AGG_COUNT_DISTINCT, DR_AGG_MIN,
                                   DR_AGG_MAX,   DR_AGG_FIRST,          DR_AGG_LAST };
    static const char *const names[] = { "count", "distinct", "min", "max", "first", "last" };
    for (int round = 0; round < 120; round++) {
        struct dr_table *t = few_table(&seed, few_sizes[random_below(&seed, N_SIZES)]);
        struct dr_agg aggs[6];
        const char *key = dr_type_name((int32_t)random_below(&seed, DR_TYPE_DICT));
        const char *column = dr_type_name((int32_t)(round % N_TYPES));
        for (int i = 0; i < 6; i++)
            aggs[i] = (struct dr_agg){ .fn = any[i], .column = column, .name = names[i] };
        check_group_by(t, 1, &key, 6, aggs);
        dr_table_unref(t);
    }
}

static void numbers_are_summed_and_ranked_as_the_definition_says(void **state)
{
    (void)state;
    uint64_t seed = 2;
    static const struct dr_agg aggs[] = {
        AGG(DR_AGG_SUM, "int64"),
        AGG(DR_AGG_MEAN, "int64"),
        AGG(DR_AGG_STDDEV, "int64"),
        AGG(DR_AGG_VARIANCE, "int64"),
        AGG(DR_AGG_MEDIAN, "int64"),
        AGG(DR_AGG_MEDIAN, "float64"),
        AGG(DR_AGG_SHARE, "bool"),
        AGG(DR_AGG_SUM, "bool"),
        AGG(DR_AGG_SUM, "float64"),
        AGG(DR_AGG_MEAN, "float64"),
        { .fn = DR_AGG_QUANTILE, .column = "int64", .name = "q95", .arg = 0.95 },
        { .fn = DR_AGG_QUANTILE, .column = "int64", .name = "q0", .arg = 0 },
        { .fn = DR_AGG_QUANTILE, .column = "int64", .name = "q1", .arg = 1 },
        { .fn = DR_AGG_QUANTILE, .column = "float64", .name = "q25", .arg = 0.25 }
    };
    dr_pool_init(2);
    for (int round = 0; round < 120; round++) {
        struct dr_table *t = few_table(&seed, few_sizes[random_below(&seed, N_SIZES)]);
        const char *keys[] = { dr_type_name((int32_t)random_below(&seed, N_TYPES)), "dict" };
        bool twice = dr_streq(keys[0], "dict");
        check_group_by(t, twice ? 1 : 2, keys, sizeof aggs / sizeof *aggs, aggs);
        dr_table_unref(t);
    }
    dr_pool_done();
}

/* Compare one aggregate over all rows of a column with a number. */
static struct dr_table *aggregate(struct dr_column *c, int32_t fn, double arg, int32_t expected_rc,
                                  struct dr_err *err)
{
    const char *name = "x";
    struct dr_table *t = table_of(1, &name, &c), *g = NULL;
    struct dr_agg agg = { .fn = fn, .column = "x", .name = "y", .arg = arg };
    assert_int_equal(dr_table_group_by(t, 0, NULL, 1, &agg, &g, err), expected_rc);
    dr_table_unref(t);
    return g;
}

static double aggregate_number(struct dr_column *c, int32_t fn, double arg)
{
    struct dr_table *g = aggregate(c, fn, arg, DR_OK, NULL);
    assert_int_equal(g->rows, 1);
    double v = float_of(g->columns[0], 0);
    dr_table_unref(g);
    return v;
}

static void variance_survives_a_large_mean(void **state)
{
    (void)state;
    static const double values[] = { 1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16 };
    assert_true(aggregate_number(floats(4, values), DR_AGG_VARIANCE, 0) == 30);
}

static void a_sum_keeps_what_rounding_would_lose(void **state)
{
    (void)state;
    static const double values[] = { 1, 1e100, 1, -1e100 };
    assert_true(aggregate_number(floats(4, values), DR_AGG_SUM, 0) == 2);
    assert_true(aggregate_number(floats(4, values), DR_AGG_MEAN, 0) == 0.5);
}

static void infinities_and_nan_pass_through_a_sum(void **state)
{
    (void)state;
    assert_true(isinf(aggregate_number(floats(2, (const double[]){ INFINITY, 1 }), DR_AGG_SUM, 0)));
    assert_true(isnan(aggregate_number(floats(2, (const double[]){ NAN, 1 }), DR_AGG_MEAN, 0)));
    assert_true(aggregate_number(floats(2, (const double[]){ NAN, 1 }), DR_AGG_MIN, 0) == 1);
    assert_true(isnan(aggregate_number(floats(2, (const double[]){ NAN, 1 }), DR_AGG_MAX, 0)));
}

static void quantiles_are_type_seven(void **state)
{
    (void)state;
    static const double values[] = { 4, 1, 3, 2 };
    assert_true(aggregate_number(floats(4, values), DR_AGG_MEDIAN, 0) == 2.5);
    assert_true(aggregate_number(floats(4, values), DR_AGG_QUANTILE, 0.25) == 1.75);
    assert_true(aggregate_number(floats(4, values), DR_AGG_QUANTILE, 1) == 4);
    assert_true(aggregate_number(floats(1, values), DR_AGG_QUANTILE, 0.3) == 4);
    assert_true(aggregate_number(floats(2, (const double[]){ -1.7e308, 1.7e308 }), DR_AGG_MEDIAN, 0) == 0);
}

static void quickselect_agrees_with_sorting(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int round = 0; round < 300; round++) {
        uint64_t words[2000];
        double sorted[2000];
        int64_t n = random_between(&seed, 1, 2000), kinds = random_between(&seed, 1, 2000);
        for (int64_t i = 0; i < n; i++) {
            sorted[i] = round % 3 ? (double)random_below(&seed, kinds) : (double)(round % 2 ? i : n - i);
            words[i] = dr_float_to_ordered(sorted[i]);
        }
        qsort(sorted, (size_t)n, sizeof *sorted, compare_doubles);
        double q = (double)random_below(&seed, 101) / 100, h = (double)(n - 1) * q;
        int64_t k = (int64_t)h;
        double next = k + 1 < n ? sorted[k + 1] : sorted[k];
        struct dr_quantile wanted = { .q = q, .definition = 7 };
        dr_quantiles(words, n, &wanted, 1);
        assert_true(wanted.result == sorted[k] + (h - (double)k) * (next - sorted[k]));
    }
}

static void an_integer_sum_that_overflows_is_an_error(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    static const int64_t over[] = { INT64_MAX, 1 }, back[] = { INT64_MAX, 1, -1 };
    aggregate(ints(DR_TYPE_INT64, 2, over), DR_AGG_SUM, 0, DR_EINPUT, &err);
    assert_string_equal(err.msg, "group by: sum of column 'x' exceeds int64; cast it to float64 first");
    struct dr_table *g = aggregate(ints(DR_TYPE_INT64, 3, back), DR_AGG_SUM, 0, DR_OK, &err);
    assert_int_equal(int_of(g->columns[0], 0), INT64_MAX);
    dr_table_unref(g);
    assert_true(aggregate_number(ints(DR_TYPE_INT64, 2, over), DR_AGG_MEAN, 0) == 0x1p62);
}

static void an_aggregate_of_the_wrong_type_names_both(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    aggregate(texts(DR_TYPE_DICT, 1, (const char *const[]){ "a" }), DR_AGG_MEAN, 0, DR_EINPUT, &err);
    assert_string_equal(err.msg, "group by: mean of column 'x' is not defined for dict");
    aggregate(ints(DR_TYPE_DATE, 1, (const int64_t[]){ 1 }), DR_AGG_SUM, 0, DR_EINPUT, &err);
    aggregate(ints(DR_TYPE_INT64, 1, (const int64_t[]){ 1 }), DR_AGG_SHARE, 0, DR_EINPUT, &err);
    aggregate(ints(DR_TYPE_INT64, 1, (const int64_t[]){ 1 }), DR_AGG_QUANTILE, 1.5, DR_EINPUT, &err);
    assert_string_equal(err.msg, "group by: quantile 1.5 of column 'x' does not lie in 0..1");
    aggregate(ints(DR_TYPE_INT64, 1, (const int64_t[]){ 1 }), 99, 0, DR_EINPUT, &err);
}

static void without_keys_there_is_one_group_even_of_no_rows(void **state)
{
    (void)state;
    struct dr_column *c = ints(DR_TYPE_INT64, 0, NULL);
    struct dr_table *t = table_of(1, (const char *const[]){ "x" }, &c), *g = NULL;
    static const struct dr_agg aggs[] = { { .fn = DR_AGG_COUNT, .name = "n" },
                                          AGG(DR_AGG_SUM, "x"),
                                          AGG(DR_AGG_MAX, "x"),
                                          AGG(DR_AGG_COUNT_DISTINCT, "x") };
    assert_int_equal(dr_table_group_by(t, 0, NULL, 4, aggs, &g, NULL), DR_OK);
    assert_int_equal(g->rows, 1);
    assert_int_equal(int_of(g->columns[0], 0), 0);
    assert_true(is_null(g->columns[1], 0));
    assert_true(is_null(g->columns[2], 0));
    assert_int_equal(int_of(g->columns[3], 0), 0);
    dr_table_unref(g);
    dr_table_unref(t);
}

static void rows_are_counted_without_a_column(void **state)
{
    (void)state;
    struct dr_column *c = texts(DR_TYPE_DICT, 5, (const char *const[]){ "b", NULL, "a", "b", NULL });
    struct dr_table *t = table_of(1, (const char *const[]){ "k" }, &c), *g = NULL;
    static const struct dr_agg agg = { .fn = DR_AGG_COUNT, .name = "n" };
    const char *const key = "k";
    assert_int_equal(dr_table_group_by(t, 1, &key, 1, &agg, &g, NULL), DR_OK);
    assert_int_equal(g->rows, 3);
    assert_true(dr_str_eq(text_of(g->columns[0], 0), DR_LIT("a")));
    assert_true(is_null(g->columns[0], 2));
    assert_int_equal(int_of(g->columns[1], 1), 2);
    assert_int_equal(int_of(g->columns[1], 2), 2);
    dr_table_unref(g);
    dr_table_unref(t);
}

static void a_result_named_as_a_key_is_refused(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    struct dr_column *c = ints(DR_TYPE_INT64, 1, (const int64_t[]){ 1 });
    struct dr_table *t = table_of(1, (const char *const[]){ "k" }, &c), *g = NULL;
    static const struct dr_agg agg = { .fn = DR_AGG_COUNT, .name = "k" };
    const char *const key = "k";
    assert_int_equal(dr_table_group_by(t, 1, &key, 1, &agg, &g, &err), DR_EINPUT);
    assert_non_null(strstr(err.msg, "two columns named 'k'"));
    dr_table_unref(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aggregates_of_every_type_are_what_the_definition_says),
        cmocka_unit_test(numbers_are_summed_and_ranked_as_the_definition_says),
        cmocka_unit_test(variance_survives_a_large_mean),
        cmocka_unit_test(a_sum_keeps_what_rounding_would_lose),
        cmocka_unit_test(infinities_and_nan_pass_through_a_sum),
        cmocka_unit_test(quantiles_are_type_seven),
        cmocka_unit_test(quickselect_agrees_with_sorting),
        cmocka_unit_test(an_integer_sum_that_overflows_is_an_error),
        cmocka_unit_test(an_aggregate_of_the_wrong_type_names_both),
        cmocka_unit_test(without_keys_there_is_one_group_even_of_no_rows),
        cmocka_unit_test(rows_are_counted_without_a_column),
        cmocka_unit_test(a_result_named_as_a_key_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
