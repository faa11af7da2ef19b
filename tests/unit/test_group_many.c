/* Group by of tables so large that they are shared out, held against a model that
 * sorts rows by comparing cells; the definitions of quantiles. */
#include "data/quantile.h"
#include "data/row_keys.h"
#include "data/scratch.h"
#include "many_rows.h"

#define AGG(f, c)                                                                                            \
    {                                                                                                        \
        .fn = f, .column = c, .name = #f "_" c                                                               \
    }

static const struct dr_agg many_aggs[] = {
    { .fn = DR_AGG_COUNT, .name = "rows" },
    AGG(DR_AGG_COUNT, "float64"),
    AGG(DR_AGG_COUNT_DISTINCT, "float64"),
    AGG(DR_AGG_SUM, "float64"),
    AGG(DR_AGG_VARIANCE, "int64"),
    AGG(DR_AGG_MIN, "float64"),
    AGG(DR_AGG_MAX, "float64"),
    AGG(DR_AGG_MEDIAN, "float64"),
    AGG(DR_AGG_MIN, "dict"),
    AGG(DR_AGG_MAX, "string"),
    AGG(DR_AGG_FIRST, "decimal"),
    AGG(DR_AGG_LAST, "timestamp"),
    AGG(DR_AGG_MIN, "date"),
    AGG(DR_AGG_SHARE, "bool"),
    AGG(DR_AGG_COUNT_DISTINCT, "dict"),
};
#define N_MANY ((int32_t)(sizeof many_aggs / sizeof *many_aggs))

/* ---- the model ----------------------------------------------------------------------- */

/* Present rows of a group, in order of the column's values, equal ones by number. */
static int64_t *sorted_present(const struct dr_column *c, const int64_t *rows, int64_t n, int64_t *ret_n)
{
    struct row_order o = { .n = 1, .columns = { c } };
    int64_t *present = dr_malloc((size_t)n * sizeof *present), count = 0;
    for (int64_t i = 0; i < n; i++)
        if (!is_null(c, rows[i]))
            present[count++] = rows[i];
    qsort_r(present, (size_t)count, sizeof *present, compare_row_numbers, &o);
    *ret_n = count;
    return present;
}

static double model_sum(const struct dr_column *c, const int64_t *rows, int64_t n)
{
    long double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += float_of(c, rows[i]);
    return (double)sum;
}

static double model_variance(const struct dr_column *c, const int64_t *rows, int64_t n)
{
    long double mean = 0, m2 = 0;
    for (int64_t i = 0; i < n; i++)
        mean += (long double)float_of(c, rows[i]) / n;
    for (int64_t i = 0; i < n; i++)
        m2 += (float_of(c, rows[i]) - mean) * (float_of(c, rows[i]) - mean);
    return (double)(m2 / (n - 1));
}

static double model_median(const struct dr_column *c, const int64_t *sorted, int64_t n)
{
    double low = float_of(c, sorted[(n - 1) / 2]), high = float_of(c, sorted[n / 2]);
    return low == high ? low : low + (high - low) * 0.5;
}

static int64_t model_distinct(const struct dr_column *c, const int64_t *sorted, int64_t n)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++)
        count += i == 0 || compare_cells(c, sorted[i - 1], c, sorted[i]) != 0;
    return count;
}

static bool close_enough(double a, double b)
{
    if (!isfinite(a) || !isfinite(b))
        return isfinite(a) == isfinite(b) || isnan(a) || isnan(b);
    return fabs(a - b) <= 1e-10 * fmax(1, fmax(fabs(a), fabs(b)));
}

/* The row whose value stands for the group, by pick of the largest's first. */
static int64_t first_of_largest(const struct dr_column *c, const int64_t *sorted, int64_t n)
{
    int64_t i = n - 1;
    while (i > 0 && compare_cells(c, sorted[i - 1], c, sorted[n - 1]) == 0)
        i--;
    return sorted[i];
}

static void check_number(const struct dr_agg *agg, double got, double expected)
{
    if (!close_enough(got, expected))
        fail_msg("%s is %.17g, not %.17g", agg->name, got, expected);
}

/* The model's mean is exact to some 1e-18 of the largest value, which shows where all are equal. */
static void check_variance(const struct dr_column *c, double got, const int64_t *sorted, int64_t n)
{
    double expected = model_variance(c, sorted, n), largest = fabs(float_of(c, sorted[0]));
    largest = fmax(largest, fabs(float_of(c, sorted[n - 1]))) * 1e-17;
    if (fabs(got - expected) > largest * largest && !close_enough(got, expected))
        fail_msg("the variance is %.17g, not %.17g", got, expected);
}

static int64_t least_row(const int64_t *rows, int64_t n, int sign)
{
    int64_t best = rows[0];
    for (int64_t i = 1; i < n; i++)
        best = (rows[i] - best) * sign < 0 ? rows[i] : best;
    return best;
}

static void check_result(const struct dr_agg *agg, const struct dr_column *c, const struct dr_column *result,
                         int64_t at, const int64_t *sorted, int64_t n)
{
    bool spread = agg->fn == DR_AGG_VARIANCE;
    assert_int_equal(is_null(result, at), n < 1 + spread);
    if (n < 1 + spread)
        return;
    switch (agg->fn) {
    case DR_AGG_SUM:
        check_number(agg, float_of(result, at), model_sum(c, sorted, n));
        break;
    case DR_AGG_SHARE:
        check_number(agg, float_of(result, at), model_sum(c, sorted, n) / (double)n);
        break;
    case DR_AGG_VARIANCE:
        check_variance(c, float_of(result, at), sorted, n);
        break;
    case DR_AGG_MEDIAN:
        check_number(agg, float_of(result, at), model_median(c, sorted, n));
        break;
    case DR_AGG_MIN:
        assert_true(same_cell(result, at, c, sorted[0]));
        break;
    case DR_AGG_MAX:
        assert_true(same_cell(result, at, c, first_of_largest(c, sorted, n)));
        break;
    default:
        assert_true(same_cell(result, at, c, least_row(sorted, n, agg->fn == DR_AGG_FIRST ? 1 : -1)));
    }
}

static void check_group(const struct dr_table *t, const struct dr_table *g, int32_t n_keys, int64_t at,
                        const int64_t *rows, int64_t n)
{
    for (int32_t i = 0; i < N_MANY; i++) {
        const struct dr_agg *agg = &many_aggs[i];
        const struct dr_column *result = g->columns[n_keys + i];
        int64_t count = n;
        if (!agg->column) {
            assert_int_equal(int_of(result, at), n);
            continue;
        }
        const struct dr_column *c = column_named(t, agg->column);
        int64_t *sorted = sorted_present(c, rows, n, &count);
        if (agg->fn == DR_AGG_COUNT)
            assert_int_equal(int_of(result, at), count);
        else if (agg->fn == DR_AGG_COUNT_DISTINCT)
            assert_int_equal(int_of(result, at), model_distinct(c, sorted, count));
        else
            check_result(agg, c, result, at, sorted, count);
        free(sorted);
    }
}

static void check_groups(const struct dr_table *t, const struct dr_table *g, const struct row_order *o)
{
    int64_t *order = rows_in_order(o, t->rows), at = 0;
    check_table(g);
    for (int64_t from = 0, end; from < t->rows; from = end, at++) {
        for (end = from + 1; end < t->rows && compare_keys(o, order[from], order[end]) == 0;)
            end++;
        for (int32_t k = 0; k < o->n; k++)
            assert_true(same_cell(g->columns[k], at, o->columns[k], order[from]));
        check_group(t, g, o->n, at, order + from, end - from);
    }
    assert_int_equal(g->rows, at);
    free(order);
}

/* ---- tests --------------------------------------------------------------------------------- */

static struct dr_table *group_many(const struct dr_table *t, int32_t n, const char *const *keys)
{
    struct dr_table *g = NULL;
    struct dr_err err = { 0 };
    if (dr_table_group_by(t, n, keys, N_MANY, many_aggs, &g, &err))
        fail_msg("%s", err.msg);
    return g;
}

/* The same bits in every value. */
static void check_identical(const struct dr_table *a, const struct dr_table *b)
{
    assert_int_equal(a->rows, b->rows);
    check_table(b);
    for (int32_t c = 0; c < a->n; c++)
        for (int64_t i = 0; i < a->rows; i++) {
            assert_true(same_cell(a->columns[c], i, b->columns[c], i));
            if (a->columns[c]->type != DR_TYPE_FLOAT64 || is_null(a->columns[c], i))
                continue;
            double x = float_of(a->columns[c], i), y = float_of(b->columns[c], i);
            assert_true(isnan(x) ? isnan(y) : memcmp(&x, &y, 8) == 0);
        }
}

static void check_many(uint64_t *seed, int64_t rows, int64_t pool, int32_t n, const char *const *keys)
{
    struct dr_table *t = many_table(seed, rows, pool), *first = NULL;
    struct row_order o = { .n = n };
    for (int32_t k = 0; k < n; k++)
        o.columns[k] = column_named(t, keys[k]);
    for (int i = 0; i < N_THREAD_COUNTS; i++) {
        dr_pool_init(thread_counts[i]);
        struct dr_table *g = group_many(t, n, keys);
        dr_pool_done();
        if (!first) {
            first = g;
            check_groups(t, g, &o);
            continue;
        }
        check_identical(first, g);
        dr_table_unref(g);
    }
    dr_table_unref(first);
    dr_table_unref(t);
}

static void groups_of_any_types_and_sizes_are_what_the_model_says(void **state)
{
    (void)state;
    uint64_t seed = 1;
    static const char *const keys[] = { "dict", "date", "float64", "decimal", "int64", "string", "bool" };
    static const int64_t pools[] = { 7, 500, 5000 };
    for (int round = 0; round < 9; round++)
        check_many(&seed, random_between(&seed, 5000, 20000), pools[round % 3], 1 + round % 2,
                   keys + round % 6);
}

static void very_many_groups_are_laid_out_in_runs(void **state)
{
    (void)state;
    uint64_t seed = 2;
    static const char *const keys[] = { "int64", "dict" };
    check_many(&seed, 50000, 60000, 1, keys);
    check_many(&seed, 60000, 300, 2, keys);
}

static void beyond_the_memory_limit_groups_are_the_same(void **state)
{
    (void)state;
    uint64_t seed = 3, before = dr_scratch_spilled();
    static const char *const keys[] = { "int64", "dict" };
    struct dr_table *t = many_table(&seed, 70000, 9000), *g[2];
    dr_pool_init(2);
    g[0] = group_many(t, 2, keys);
    dr_scratch_set_limit(1);
    g[1] = group_many(t, 2, keys);
    dr_scratch_set_limit(0);
    dr_pool_done();
    assert_true(dr_scratch_spilled() > before);
    check_identical(g[0], g[1]);
    dr_table_unref(t);
    dr_table_unref(g[0]);
    dr_table_unref(g[1]);
}

/* 1.2 million values in one group: ends, sum and median are known. */
static void one_huge_group_is_shared_among_threads(void **state)
{
    (void)state;
    static const struct dr_agg aggs[] = { AGG(DR_AGG_SUM, "x"), AGG(DR_AGG_MEDIAN, "x"), AGG(DR_AGG_MAX, "x"),
                                          AGG(DR_AGG_VARIANCE, "x"), AGG(DR_AGG_FIRST, "x") };
    const int64_t n = 1200001;
    struct dr_builder *b = dr_builder_new(DR_TYPE_FLOAT64);
    for (int64_t i = 0; i < n; i++)
        dr_builder_append_float(b, (double)(i * 7919 % n) + 1e9);
    struct dr_column *c = dr_builder_finish(b);
    struct dr_table *t = table_of(1, (const char *const[]){ "x" }, &c), *g = NULL;
    for (int i = 0; i < N_THREAD_COUNTS; i++) {
        dr_pool_init(thread_counts[i]);
        assert_int_equal(dr_table_group_by(t, 0, NULL, 5, aggs, &g, NULL), DR_OK);
        assert_true(float_of(g->columns[0], 0) == 1e9 * (double)n + (double)n * (double)(n - 1) / 2);
        assert_true(float_of(g->columns[1], 0) == 1e9 + (double)(n - 1) / 2);
        assert_true(float_of(g->columns[2], 0) == 1e9 + (double)(n - 1));
        double variance = (double)n * ((double)n + 1) / 12;
        assert_true(fabs(float_of(g->columns[3], 0) - variance) <= 1e-12 * variance);
        assert_true(float_of(g->columns[4], 0) == 1e9);
        dr_table_unref(g);
    }
    dr_pool_done();
    dr_table_unref(t);
}

/* ---- definitions of quantiles --------------------------------------------------------------- */

/* Hyndman and Fan (1996), table 1: m of n p + m, and the weight of the next value. */
static double model_quantile(int definition, const double *sorted, int64_t n, double p)
{
    const double m[] = { 0, 0, 0, -0.5, 0, 0.5, p, 1 - p, (p + 1) / 3, p / 4 + 3.0 / 8 };
    double at = (double)n * p + m[definition], j = floor(at + 1e-12), g = fmax(0, at - j);
    if (g < 1e-12)
        g = 0;
    if (definition == 1)
        g = g > 0;
    else if (definition == 2)
        g = g > 0 ? 1 : 0.5;
    else if (definition == 3)
        g = g > 0 || fmod(j, 2) != 0;
    int64_t low = (int64_t)fmax(1, fmin((double)n, j)), high = (int64_t)fmax(1, fmin((double)n, j + 1));
    return (1 - g) * sorted[low - 1] + g * sorted[high - 1];
}

static int by_number(const void *a, const void *b)
{
    return compare_floats(*(const double *)a, *(const double *)b);
}

static void quantiles_follow_each_of_the_nine_definitions(void **state)
{
    (void)state;
    uint64_t seed = 4;
    for (int round = 0; round < 400; round++) {
        int64_t n = random_between(&seed, 1, round % 4 ? 30 : 3000), pool = random_between(&seed, 1, 4000);
        double *v = dr_malloc((size_t)n * sizeof *v);
        uint64_t *words = dr_malloc((size_t)n * sizeof *words);
        struct dr_quantile wanted[18];
        for (int64_t i = 0; i < n; i++) {
            v[i] = (double)random_below(&seed, pool) / 8;
            words[i] = dr_float_to_ordered(v[i]);
        }
        for (int i = 0; i < 18; i++)
            wanted[i] =
                (struct dr_quantile){ .q = (double)random_below(&seed, 65) / 64, .definition = 1 + i % 9 };
        qsort(v, (size_t)n, sizeof *v, by_number);
        dr_quantiles(words, n, wanted, 18);
        for (int i = 0; i < 18; i++) {
            double expected = model_quantile(wanted[i].definition, v, n, wanted[i].q);
            if (fabs(wanted[i].result - expected) > 1e-9)
                fail_msg("definition %d of %g of %" PRId64 " values: %g, not %g", wanted[i].definition,
                         wanted[i].q, n, wanted[i].result, expected);
        }
        free(v);
        free(words);
    }
}

/* By hand from the paper's formulas: n p is 1.5. */
static void an_example_worked_by_hand(void **state)
{
    (void)state;
    static const double v[] = { 1, 2, 4, 8, 16 };
    static const double expected[] = { 2, 2, 2, 1.5, 2, 1.8, 2.4, 1.9333333333333333, 1.95 };
    struct dr_column *c = floats(5, v);
    struct dr_table *t = table_of(1, (const char *const[]){ "x" }, &c), *g = NULL;
    for (int32_t i = 0; i < 9; i++) {
        struct dr_agg agg = { .fn = DR_AGG_QUANTILE_BY + 1 + i, .column = "x", .name = "q", .arg = 0.3 };
        assert_int_equal(dr_table_group_by(t, 0, NULL, 1, &agg, &g, NULL), DR_OK);
        assert_true(fabs(float_of(g->columns[0], 0) - expected[i]) < 1e-12);
        dr_table_unref(g);
    }
    dr_table_unref(t);
}

static void a_definition_that_is_none_is_refused(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    struct dr_column *c = floats(1, (const double[]){ 1 });
    struct dr_table *t = table_of(1, (const char *const[]){ "x" }, &c), *g = NULL;
    static const int32_t none[] = { DR_AGG_QUANTILE_BY, DR_AGG_QUANTILE_BY + 10, DR_AGG_LAST + 1, -1 };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        struct dr_agg agg = { .fn = none[i], .column = "x", .name = "q", .arg = 0.5 };
        assert_int_equal(dr_table_group_by(t, 0, NULL, 1, &agg, &g, &err), DR_EINPUT);
        assert_non_null(strstr(err.msg, "is no aggregate function"));
    }
    struct dr_agg agg = { .fn = DR_AGG_QUANTILE_BY + 3, .column = "x", .name = "q", .arg = -0.5 };
    assert_int_equal(dr_table_group_by(t, 0, NULL, 1, &agg, &g, &err), DR_EINPUT);
    assert_string_equal(err.msg, "group by: quantile -0.5 of column 'x' does not lie in 0..1");
    dr_table_unref(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_of_any_types_and_sizes_are_what_the_model_says),
        cmocka_unit_test(very_many_groups_are_laid_out_in_runs),
        cmocka_unit_test(beyond_the_memory_limit_groups_are_the_same),
        cmocka_unit_test(one_huge_group_is_shared_among_threads),
        cmocka_unit_test(quantiles_follow_each_of_the_nine_definitions),
        cmocka_unit_test(an_example_worked_by_hand),
        cmocka_unit_test(a_definition_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
