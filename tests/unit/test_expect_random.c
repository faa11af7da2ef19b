/* Random tables in chunks of odd sizes against naive loops: bulk scans, hash
 * tables and sorted keys must find what row by row inspection finds. */
#include "expect_fixture.h"
#include <math.h>
#include "data/kernel.h"

#define ROWS_MAX 700

struct model {
    int64_t n;
    bool null[3][ROWS_MAX];
    int64_t i[ROWS_MAX];
    double f[ROWS_MAX];
    char t[ROWS_MAX][8];
};

static uint64_t seed;

static uint64_t below(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % n;
}

static void fill(struct model *m)
{
    m->n = (int64_t)below(ROWS_MAX);
    uint64_t range = 1 + below(2000);
    for (int64_t r = 0; r < m->n; r++) {
        for (int k = 0; k < 3; k++)
            m->null[k][r] = below(6) == 0;
        m->i[r] = (int64_t)below(range) - (int64_t)(range / 2);
        m->f[r] = (double)((int64_t)below(range) - 20) / 4;
        snprintf(m->t[r], sizeof m->t[r], "%c%d", (char)('a' + below(3)), (int)below(range % 50 + 1));
    }
}

static struct dr_column *build(const struct model *m, int which, int32_t type)
{
    struct dr_builder *b = dr_builder_new(type);
    for (int64_t r = 0; r < m->n; r++)
        if (m->null[which][r])
            dr_builder_append_null(b);
        else if (which == 0)
            dr_builder_append_int(b, m->i[r]);
        else if (which == 1)
            dr_builder_append_float(b, m->f[r]);
        else
            dr_builder_append_bytes(b, m->t[r], (int64_t)strlen(m->t[r]));
    return dr_builder_finish(b);
}

/* The floats as text, now and then spelt in two ways. */
static struct dr_column *spelt(const struct model *m)
{
    struct dr_builder *b = dr_builder_new(DR_TYPE_DICT);
    char text[32];
    for (int64_t r = 0; r < m->n; r++)
        if (m->null[1][r])
            dr_builder_append_null(b);
        else
            dr_builder_append_bytes(b, text,
                                    snprintf(text, sizeof text, below(2) ? "%.2f" : "%.5e", m->f[r]));
    return dr_builder_finish(b);
}

static struct dr_column *in_odd_chunks(struct dr_column *c, const int64_t *start, int32_t n)
{
    struct dr_column *out = dr_column_rechunk(c, n, start);
    dr_column_unref(c);
    return out;
}

static void tabulate(struct fixture *f, const struct model *m)
{
    static const char *const names[] = { "i", "f", "t", "s", "spelt" };
    int64_t start[ROWS_MAX + 2] = { 0 };
    struct dr_column *columns[5];
    int32_t n = 0;
    while (m->n && start[n] < m->n) {
        int64_t next = start[n] + 1 + (int64_t)below(200);
        start[++n] = next < m->n ? next : m->n;
    }
    for (int k = 0; k < 4; k++)
        columns[k] = in_odd_chunks(build(m, k < 3 ? k : 2,
                                         k == 0   ? DR_TYPE_INT64
                                         : k == 1 ? DR_TYPE_FLOAT64
                                         : k == 2 ? DR_TYPE_DICT
                                                  : DR_TYPE_STRING),
                                   start, n);
    columns[4] = in_odd_chunks(spelt(m), start, n);
    dr_table_unref(f->table);
    f->table = NULL;
    assert_int_equal(dr_table_new(5, names, (const struct dr_column *const *)columns, &f->table, &f->err), 0);
    for (int k = 0; k < 5; k++)
        dr_column_unref(columns[k]);
}

static int64_t unexpected(struct fixture *f, const char *type, const char *kwargs)
{
    const struct dr_check *c = check(f, type, kwargs);
    if (c->exception)
        fail_msg("%s", c->exception);
    assert_int_equal(dr_bits_count(c->unexpected, f->table->rows), c->unexpected_count);
    return c->unexpected_count;
}

static void ranges_and_sets(struct fixture *f, const struct model *m)
{
    int64_t ints = 0, floats = 0, set = 0, texts = 0, condition = 0;
    for (int64_t r = 0; r < m->n; r++) {
        ints += !m->null[0][r] && !(m->i[r] >= -3 && m->i[r] < 10);
        floats += !m->null[1][r] && !(m->f[r] > -1.5 && m->f[r] <= 7.25);
        set += !m->null[1][r] && m->f[r] != 0.25 && m->f[r] != 3 && m->f[r] != -5;
        texts += !m->null[2][r] && strcmp(m->t[r], "a0") != 0 && strcmp(m->t[r], "b1") != 0;
        condition += !m->null[0][r] && !m->null[2][r] && m->t[r][0] == 'a' && m->i[r] > 0;
    }
    assert_int_equal(
        unexpected(f, "expect_column_values_to_be_between",
                   "{\"column\": \"i\", \"min_value\": -3, \"max_value\": 10, \"strict_max\": true}"),
        ints);
    assert_int_equal(
        unexpected(f, "expect_column_values_to_be_between",
                   "{\"column\": \"f\", \"min_value\": -1.5, \"strict_min\": true, \"max_value\": 7.25}"),
        floats);
    assert_int_equal(unexpected(f, "expect_column_values_to_be_in_set",
                                "{\"column\": \"f\", \"value_set\": [3, -5, 0.25]}"),
                     set);
    for (int k = 0; k < 2; k++)
        assert_int_equal(unexpected(f, "expect_column_values_to_be_in_set",
                                    k ? "{\"column\": \"s\", \"value_set\": [\"a0\", \"b1\"]}"
                                      : "{\"column\": \"t\", \"value_set\": [\"a0\", \"b1\"]}"),
                         texts);
    assert_int_equal(
        unexpected(f, "expect_column_values_to_be_between",
                   "{\"column\": \"i\", \"max_value\": 0, \"row_condition\": \"t.str.startswith('a')\"}"),
        condition);
}

static bool same_text(const struct model *m, int64_t a, int64_t b)
{
    return m->null[2][a] ? m->null[2][b] : !m->null[2][b] && strcmp(m->t[a], m->t[b]) == 0;
}

static bool same_int(const struct model *m, int64_t a, int64_t b)
{
    return m->null[0][a] ? m->null[0][b] : !m->null[0][b] && m->i[a] == m->i[b];
}

static void uniqueness(struct fixture *f, const struct model *m)
{
    int64_t ints = 0, texts = 0, both = 0, distinct = 0, floats = 0;
    for (int64_t a = 0; a < m->n; a++) {
        bool i = false, t = false, c = false, first = true, x = false;
        for (int64_t b = 0; b < m->n; b++) {
            if (a == b)
                continue;
            i |= !m->null[0][a] && same_int(m, a, b);
            t |= !m->null[2][a] && same_text(m, a, b);
            x |= !m->null[1][a] && !m->null[1][b] && m->f[a] == m->f[b];
            c |= !(m->null[0][a] && m->null[2][a]) && same_int(m, a, b) && same_text(m, a, b);
            first &= !(b < a && same_int(m, a, b));
        }
        ints += i;
        texts += t;
        floats += x;
        both += c;
        distinct += first && !m->null[0][a];
    }
    assert_int_equal(unexpected(f, "expect_column_values_to_be_unique", "{\"column\": \"i\"}"), ints);
    assert_int_equal(unexpected(f, "expect_column_values_to_be_unique", "{\"column\": \"f\"}"), floats);
    assert_int_equal(unexpected(f, "expect_column_values_to_be_unique", "{\"column\": \"t\"}"), texts);
    assert_int_equal(unexpected(f, "expect_column_values_to_be_unique", "{\"column\": \"s\"}"), texts);
    assert_int_equal(
        unexpected(f, "expect_compound_columns_to_be_unique", "{\"column_list\": [\"i\", \"s\"]}"), both);
    verdict(f, "expect_column_unique_value_count_to_be_between", "{\"column\": \"i\"}", true);
    assert_int_equal(dr_node_int(dr_node_get(f->results->checks[0].result, "observed_value"), -1), distinct);
}

static int by_double(const void *a, const void *b)
{
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

static double observed(struct fixture *f, const char *type, bool text)
{
    check(f, type, text ? "{\"column\": \"spelt\"}" : "{\"column\": \"f\"}");
    return dr_node_float(dr_node_get(f->results->checks[0].result, "observed_value"), NAN);
}

static void assert_near(double a, double b)
{
    if (fabs(a - b) > 1e-9 * fmax(1, fabs(b)))
        fail_msg("%.17g should be %.17g", a, b);
}

static void measures(struct fixture *f, const struct model *m)
{
    double v[ROWS_MAX], sum = 0, squares = 0;
    int64_t n = 0;
    for (int64_t r = 0; r < m->n; r++)
        if (!m->null[1][r])
            sum += v[n++] = m->f[r];
    if (n < 2)
        return;
    qsort(v, (size_t)n, sizeof *v, by_double);
    for (int64_t r = 0; r < n; r++)
        squares += (v[r] - sum / (double)n) * (v[r] - sum / (double)n);
    for (int k = 0; k < 2; k++) {
        assert_near(observed(f, "expect_column_sum_to_be_between", k), sum);
        assert_near(observed(f, "expect_column_mean_to_be_between", k), sum / (double)n);
        assert_near(observed(f, "expect_column_stdev_to_be_between", k), sqrt(squares / (double)(n - 1)));
        assert_near(observed(f, "expect_column_median_to_be_between", k), (v[(n - 1) / 2] + v[n / 2]) / 2);
        assert_near(observed(f, "expect_column_min_to_be_between", k), v[0]);
        assert_near(observed(f, "expect_column_max_to_be_between", k), v[n - 1]);
    }
    double distinct = observed(f, "expect_column_unique_value_count_to_be_between", false);
    assert_near(observed(f, "expect_column_unique_value_count_to_be_between", true), distinct);
}

static void pairs(struct fixture *f, const struct model *m)
{
    int64_t greater = 0;
    for (int64_t r = 0; r < m->n; r++)
        greater += !m->null[0][r] && !m->null[1][r] && !((double)m->i[r] > m->f[r]);
    assert_int_equal(
        unexpected(
            f, "expect_column_pair_values_a_to_be_greater_than_b",
            "{\"column_A\": \"i\", \"column_B\": \"f\", \"ignore_row_if\": \"either_value_is_missing\"}"),
        greater);
    assert_int_equal(
        unexpected(f, "expect_column_pair_values_to_be_equal", "{\"column_A\": \"t\", \"column_B\": \"s\"}"),
        0);
    assert_int_equal(
        unexpected(f, "expect_column_pair_values_to_be_equal", "{\"column_A\": \"f\", \"column_B\": \"f\"}"),
        0);
}

static void bulk_agrees_with_naive(void **state)
{
    struct fixture *f = *state;
    struct model *m = dr_calloc(1, sizeof *m);
    f->options.result_format = DR_RESULT_SUMMARY;
    declare(f, (struct dr_suite_column){ .name = "spelt", .type = DR_TYPE_FLOAT64 });
    for (int round = 0; round < 60; round++) {
        seed = 0x9E3779B97F4A7C15u * (uint64_t)(round + 1);
        f->options.memory = round % 2; /* in as many passes as there may be */
        fill(m);
        tabulate(f, m);
        ranges_and_sets(f, m);
        uniqueness(f, m);
        measures(f, m);
        pairs(f, m);
    }
    free(m);
}

enum { CLOSE = 1200000 };

/* Numbers that a few far away leave in one place of their range, as floats or whole numbers. */
static double close_number(int64_t row, bool whole)
{
    if (row % 400000 == 7)
        return row < CLOSE / 2 ? -9e15 : 9e15;
    return whole ? (double)below(100000) : 100 + (double)below(1u << 30) * 1e-12;
}

static void ranks_are_found_among_numbers_close_together_beside_some_far_away(void **state)
{
    struct fixture *f = *state;
    const char *name = "x";
    DR_AUTO_FREE double *v = dr_calloc(CLOSE, sizeof *v);
    f->options.result_format = DR_RESULT_SUMMARY;
    for (int whole = 0; whole < 2; whole++) {
        struct dr_builder *b = dr_builder_new(whole ? DR_TYPE_INT64 : DR_TYPE_FLOAT64);
        seed = 77;
        for (int64_t row = 0; row < CLOSE; row++) {
            v[row] = close_number(row, whole);
            if (whole)
                dr_builder_append_int(b, (int64_t)v[row]);
            else
                dr_builder_append_float(b, v[row]);
        }
        qsort(v, CLOSE, sizeof *v, by_double);
        struct dr_column *c = dr_builder_finish(b);
        dr_table_unref(f->table);
        f->table = NULL;
        assert_int_equal(dr_table_new(1, &name, (const struct dr_column *const *)&c, &f->table, &f->err), 0);
        dr_column_unref(c);
        check(f, "expect_column_quantile_values_to_be_between",
              "{\"column\": \"x\", \"quantile_ranges\": {\"quantiles\": [0, 0.001, 0.25, 0.5, 0.999, 1], "
              "\"value_ranges\": [[0, 1], [0, 1], [0, 1], [0, 1], [0, 1], [0, 1]]}}");
        const struct dr_node *found =
            dr_node_get(dr_node_get(f->results->checks[0].result, "observed_value"), "values");
        static const double at[] = { 0, 0.001, 0.25, 0.5, 0.999, 1 };
        for (int k = 0; k < 6; k++)
            assert_true(dr_node_float(dr_node_at(found, k), NAN) ==
                        v[(int64_t)nearbyint(at[k] * (double)(CLOSE - 1))]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bulk_agrees_with_naive), TEST(ranks_are_found_among_numbers_close_together_beside_some_far_away)
    };
    return cmocka_run_group_tests_name("expect_random", tests, NULL, NULL);
}
