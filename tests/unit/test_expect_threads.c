/* Tables of several blocks of rows: the same results to the last digit whatever
 * the number of threads and however a column is stored. */
#include "expect_fixture.h"
#include "data/kernel.h"
#include "data/pool.h"

#define SPELT 64
#define ROWS 150000 /* more than two blocks, and no multiple of 64 */

static uint64_t seed;

static uint64_t below(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % n;
}

enum { ID, GROUP, VALUE, MANY, DAY, COLUMNS };
static const char *const names[COLUMNS] = { "id", "group", "value", "many", "day" };

/* Rows in text; a few hundred of them damaged. */
static size_t spell(int column, int64_t row, bool damaged, char *text)
{
    switch (column) {
    case ID:
        return (size_t)snprintf(text, SPELT, "P%07lld", (long long)(damaged && row > 9 ? row - 7 : row));
    case GROUP:
        return (size_t)snprintf(text, SPELT, "%s", damaged ? "lost" : below(2) ? "north" : "south");
    case VALUE:
        return (size_t)snprintf(text, SPELT, damaged ? "n/a" : "%.1f", 36 + (double)below(60) / 10);
    case MANY:
        return (size_t)snprintf(text, SPELT, "%.6f", (double)below(1u << 30) / 1e6 - (damaged ? 1e6 : 0));
    default:
        return (size_t)snprintf(text, SPELT, "2024-%02d-%02d", (int)below(12) + 1 + (damaged ? 12 : 0),
                                (int)below(28) + 1);
    }
}

static struct dr_column *build(int column, int32_t type, const int64_t *start, int32_t chunks)
{
    struct dr_builder *b = dr_builder_new(type);
    char text[SPELT];
    seed = 0x9E3779B97F4A7C15u + (uint64_t)column;
    for (int64_t row = 0; row < ROWS; row++) {
        uint64_t luck = below(1000);
        size_t n = spell(column, row, luck == 1, text);
        if (luck == 2)
            dr_builder_append_null(b);
        else
            dr_builder_append_bytes(b, text, (int64_t)n);
    }
    struct dr_column *whole = dr_builder_finish(b), *cut = dr_column_rechunk(whole, chunks, start);
    dr_column_unref(whole);
    return cut;
}

/* The same cells as DICT or as STRING columns, in chunks of any size. */
static void tabulate(struct fixture *f, int32_t type)
{
    static const int64_t start[] = { 0, 1000, 1001, 65537, 131071, ROWS };
    struct dr_column *columns[COLUMNS];
    for (int k = 0; k < COLUMNS; k++)
        columns[k] = build(k, type, start, 5);
    dr_table_unref(f->table);
    f->table = NULL;
    assert_int_equal(
        dr_table_new(COLUMNS, names, (const struct dr_column *const *)columns, &f->table, &f->err), 0);
    for (int k = 0; k < COLUMNS; k++)
        dr_column_unref(columns[k]);
}

static const struct {
    const char *type, *kwargs;
} suite[] = {
    { "expect_column_values_to_not_be_null", "{\"column\": \"id\"}" },
    { "expect_column_values_to_be_unique", "{\"column\": \"id\"}" },
    { "expect_column_values_to_match_regex", "{\"column\": \"id\", \"regex\": \"^P\\\\d+[02468]$\"}" },
    { "expect_column_values_to_be_in_set", "{\"column\": \"group\", \"value_set\": [\"north\", \"south\"]}" },
    { "expect_column_distinct_values_to_be_in_set", "{\"column\": \"group\", \"value_set\": [\"north\"]}" },
    { "expect_column_values_to_be_between",
      "{\"column\": \"value\", \"min_value\": 36.5, \"max_value\": 41}" },
    { "expect_column_values_to_be_between", "{\"column\": \"many\", \"min_value\": 0, \"max_value\": 1000}" },
    { "expect_column_values_to_be_between",
      "{\"column\": \"many\", \"min_value\": -2e6, \"max_value\": 2e6}" },
    { "expect_column_values_to_be_between",
      "{\"column\": \"day\", \"min_value\": \"2024-02-01\", \"row_condition\": \"group == 'north'\"}" },
    { "expect_column_mean_to_be_between", "{\"column\": \"value\", \"max_value\": 50}" },
    { "expect_column_mean_to_be_between", "{\"column\": \"many\", \"max_value\": 50}" },
    { "expect_column_stdev_to_be_between", "{\"column\": \"many\", \"max_value\": 50}" },
    { "expect_column_median_to_be_between",
      "{\"column\": \"many\", \"row_condition\": \"group == 'south'\"}" },
    { "expect_column_median_to_be_between", "{\"column\": \"value\"}" },
    { "expect_column_quantile_values_to_be_between",
      "{\"column\": \"many\", \"quantile_ranges\": {\"quantiles\": [0, 0.1, 0.5, 0.99, 1], "
      "\"value_ranges\": [[0, 1], [0, 1], [0, 1], [0, 1], [0, 1]]}}" },
    { "expect_column_min_to_be_between", "{\"column\": \"many\", \"row_condition\": \"group == 'south'\"}" },
    { "expect_column_max_to_be_between", "{\"column\": \"day\"}" },
    { "expect_column_unique_value_count_to_be_between", "{\"column\": \"many\"}" },
    { "expect_column_unique_value_count_to_be_between",
      "{\"column\": \"id\", \"row_condition\": \"group == 'north'\"}" },
    { "expect_column_proportion_of_unique_values_to_be_between", "{\"column\": \"day\"}" },
    { "expect_column_max_to_be_between", "{\"column\": \"id\"}" },
    { "expect_column_value_z_scores_to_be_less_than",
      "{\"column\": \"many\", \"threshold\": 3, \"double_sided\": true}" },
    { "expect_column_value_z_scores_to_be_less_than",
      "{\"column\": \"value\", \"threshold\": 1.5, \"double_sided\": true}" },
    { "expect_column_values_to_be_increasing", "{\"column\": \"day\", \"strictly\": true}" },
    { "expect_column_values_to_be_decreasing",
      "{\"column\": \"many\", \"row_condition\": \"group == 'north'\"}" },
    { "expect_column_pair_values_to_be_in_set",
      "{\"column_A\": \"group\", \"column_B\": \"value\", \"value_pairs_set\": [[\"north\", 37], [\"south\", "
      "38.5]]}" },
    { "expect_column_pair_values_to_be_equal", "{\"column_A\": \"value\", \"column_B\": \"many\"}" },
    { "expect_column_pair_values_a_to_be_greater_than_b",
      "{\"column_A\": \"value\", \"column_B\": \"many\"}" },
    { "expect_compound_columns_to_be_unique", "{\"column_list\": [\"day\", \"group\", \"value\"]}" },
    { "expect_compound_columns_to_be_unique",
      "{\"column_list\": [\"many\", \"value\"], \"ignore_row_if\": \"any_value_is_missing\"}" },
};
#define CHECKS ((int32_t)(sizeof suite / sizeof suite[0]))
#define QUARANTINING 9

/* The first of them quarantine. */
static struct dr_suite all_checks(struct fixture *f)
{
    struct dr_suite all = f->suite;
    all.expectations = dr_arena_array(&f->a, CHECKS, sizeof *all.expectations);
    for (all.n = 0; all.n < CHECKS; all.n++)
        all.expectations[all.n] =
            (struct dr_expectation){ .id = dr_arena_printf(&f->a, "e%d", all.n),
                                     .type = suite[all.n].type,
                                     .on_failure = all.n < QUARANTINING ? DR_ON_FAILURE_QUARANTINE : 0,
                                     .kwargs = json(f, suite[all.n].kwargs) };
    return all;
}

static char *results(struct fixture *f, int32_t threads)
{
    struct dr_suite all = all_checks(f);
    struct dr_buf text = { 0 };
    dr_pool_init(threads);
    dr_results_free(f->results);
    f->results = NULL;
    assert_int_equal(dr_expect_run(&all, f->table, &f->options, &f->results, &f->err), 0);
    dr_pool_done();
    for (int32_t k = 0; k < CHECKS; k++)
        if (f->results->checks[k].exception)
            fail_msg("%s: %s", suite[k].type, f->results->checks[k].exception);
    dr_results_put_json(f->results, &text, 1);
    char *kept = dr_arena_dup(&f->a, dr_buf_cstr(&text), text.n);
    dr_buf_done(&text);
    return kept;
}

static void assert_same(const char *what, const char *a, const char *b)
{
    size_t n = 0;
    while (a[n] && a[n] == b[n])
        n++;
    if (a[n] || b[n])
        fail_msg("%s: at byte %zu: %.80s | %.80s", what, n, a + (n < 40 ? 0 : n - 40),
                 b + (n < 40 ? 0 : n - 40));
}

static void declare_types(struct fixture *f)
{
    declare(f, (struct dr_suite_column){ .name = "value", .type = DR_TYPE_FLOAT64 });
    declare(f, (struct dr_suite_column){ .name = "many", .type = DR_TYPE_FLOAT64 });
    declare(f, (struct dr_suite_column){ .name = "day", .type = DR_TYPE_DATE });
    f->suite.null_values = NULL;
    f->options.result_format = DR_RESULT_SUMMARY;
}

static void threads_do_not_change_results(void **state)
{
    struct fixture *f = *state;
    static const int32_t types[] = { DR_TYPE_DICT, DR_TYPE_STRING };
    declare_types(f);
    for (int k = 0; k < 2; k++) {
        tabulate(f, types[k]);
        const char *alone = results(f, 1);
        assert_same("2 threads", alone, results(f, 2));
        assert_same("5 threads", alone, results(f, 5));
    }
}

/* It only makes more passes, and files of casts. */
static void a_limit_of_memory_does_not_change_results(void **state)
{
    struct fixture *f = *state;
    declare_types(f);
    tabulate(f, DR_TYPE_STRING);
    f->options.result_format = DR_RESULT_COMPLETE;
    const char *free = results(f, 2);
    f->options.memory = 1;
    assert_same("limited", free, results(f, 2));
    assert_same("limited, on one thread", free, results(f, 1));
}

/* The scale of decimals, and whether times have an offset, is decided by all rows. */
static void what_the_whole_column_decides_is_the_same_within_a_limit(void **state)
{
    struct fixture *f = *state;
    enum { SMALL = 60 };
    static const char *const of[] = { "amount", "at" };
    int64_t start[SMALL + 1];
    struct dr_builder *b[] = { dr_builder_new(DR_TYPE_STRING), dr_builder_new(DR_TYPE_STRING) };
    struct dr_column *columns[2];
    char text[SPELT];
    for (int64_t row = 0; row < SMALL; row++) {
        start[row] = row;
        dr_builder_append_bytes(b[0], text,
                                snprintf(text, sizeof text, row == 50 ? "7.%03d" : "%d.5", (int)row));
        dr_builder_append_bytes(
            b[1], text,
            snprintf(text, sizeof text, "2024-01-01T00:00:%02d%s", (int)row, row < 20 ? "" : "+01:00"));
    }
    start[SMALL] = SMALL;
    for (int k = 0; k < 2; k++) {
        struct dr_column *whole = dr_builder_finish(b[k]);
        columns[k] = dr_column_rechunk(whole, SMALL, start);
        dr_column_unref(whole);
    }
    dr_table_unref(f->table);
    f->table = NULL;
    assert_int_equal(dr_table_new(2, of, (const struct dr_column *const *)columns, &f->table, &f->err), 0);
    for (int k = 0; k < 2; k++)
        dr_column_unref(columns[k]);
    declare(f, (struct dr_suite_column){ .name = "amount", .type = DR_TYPE_DECIMAL });
    declare(f, (struct dr_suite_column){ .name = "at", .type = DR_TYPE_TIMESTAMP });
    expect(f, "expect_column_sum_to_be_between", "{\"column\": \"amount\"}");
    expect(f, "expect_column_values_to_be_between", "{\"column\": \"amount\", \"max_value\": 7.04}");
    expect(f, "expect_column_max_to_be_between", "{\"column\": \"at\"}");
    expect(f, "expect_column_values_to_be_between", "{\"column\": \"at\", \"min_value\": \"2000-01-01\"}");
    const char *results_of[2];
    for (int k = 0; k < 2; k++) {
        DR_AUTO_BUF shown = { 0 };
        f->options.memory = (uint64_t)k;
        dr_results_put_json(run(f), &shown, 1);
        results_of[k] = dr_arena_dup(&f->a, dr_buf_cstr(&shown), shown.n);
    }
    assert_same("limited", results_of[0], results_of[1]);
    assert_int_equal(f->results->checks[3].unexpected_count, 20); /* times without an offset */
}

/* The codes of a column of texts, which are numbered as they appear, and the texts. */
static void put_coded(const struct dr_table *t, const char *name, struct dr_buf *out)
{
    const struct dr_column *c = dr_table_column(t, dr_table_find(t, name));
    for (int32_t k = 0; k < c->n; k++)
        for (int64_t i = 0; i < c->chunk[k]->n; i++)
            (void)dr_buf_printf(out, "%d ", ((const int32_t *)c->chunk[k]->values)[i]);
    for (int32_t k = 0; k < c->dict->n; k++)
        (void)dr_buf_printf(out, "\n%.*s", (int)c->dict->values[k].n, c->dict->values[k].p);
}

static void put_ids(const struct dr_table *t, struct dr_buf *out)
{
    const struct dr_column *c = dr_table_column(t, dr_table_find(t, "id"));
    for (int32_t k = 0; k < c->n; k++)
        for (int64_t i = 0; i < c->chunk[k]->n; i++) {
            dr_array_put_text(c->chunk[k], i, out);
            (void)dr_buf_putc(out, ' ');
        }
}

static const char *parts(struct fixture *f, int32_t threads)
{
    struct dr_table *valid, *bad;
    struct dr_buf text = { 0 };
    dr_pool_init(threads);
    assert_int_equal(dr_expect_split(f->results, f->table, &valid, &bad, &f->err), 0);
    dr_pool_done();
    assert_true(valid->rows > 1000 && bad->rows > 1000);
    put_coded(bad, "_reasons", &text);
    put_coded(bad, "_expectations", &text);
    put_ids(bad, &text);
    put_ids(valid, &text);
    const char *kept = dr_arena_dup(&f->a, dr_buf_cstr(&text), text.n);
    dr_buf_done(&text);
    dr_table_unref(valid);
    dr_table_unref(bad);
    return kept;
}

static void threads_do_not_change_what_is_quarantined_nor_why(void **state)
{
    struct fixture *f = *state;
    declare_types(f);
    tabulate(f, DR_TYPE_STRING);
    (void)results(f, 2);
    const char *alone = parts(f, 1);
    assert_non_null(strstr(alone, "; ")); /* rows that break several */
    assert_same("2 threads", alone, parts(f, 2));
    assert_same("5 threads", alone, parts(f, 5));
}

/* Sums differ in the last digits where few distinct values are added up by
 * value; what counts rows does not. */
static void storage_does_not_change_which_rows_are_unexpected(void **state)
{
    struct fixture *f = *state;
    size_t bytes = (ROWS + 7) / 8;
    uint8_t *expected = dr_arena_alloc(&f->a, bytes * (size_t)CHECKS);
    declare_types(f);
    tabulate(f, DR_TYPE_DICT);
    (void)results(f, 2);
    for (int32_t k = 0; k < CHECKS; k++)
        if (f->results->checks[k].unexpected)
            memcpy(expected + bytes * (size_t)k, f->results->checks[k].unexpected, bytes);
    tabulate(f, DR_TYPE_STRING);
    (void)results(f, 2);
    for (int32_t k = 0; k < CHECKS; k++)
        if (f->results->checks[k].unexpected &&
            memcmp(expected + bytes * (size_t)k, f->results->checks[k].unexpected, bytes) != 0)
            fail_msg("%s %s: other rows", suite[k].type, suite[k].kwargs);
}

static const char *value_counts(struct fixture *f, int32_t check)
{
    const struct dr_node *counts = dr_node_get(f->results->checks[check].result, "partial_unexpected_counts");
    struct dr_buf text = { 0 };
    if (counts)
        dr_json_put_node(&text, counts, 0);
    const char *kept = dr_arena_dup(&f->a, dr_buf_cstr(&text), text.n);
    dr_buf_done(&text);
    return kept;
}

/* By codes where there is a dictionary, by hashes where there is none. */
static void storage_does_not_change_how_often_unexpected_values_occur(void **state)
{
    struct fixture *f = *state;
    const char *coded[CHECKS];
    int32_t counted = 0;
    declare_types(f);
    tabulate(f, DR_TYPE_DICT);
    (void)results(f, 1);
    for (int32_t k = 0; k < CHECKS; k++)
        coded[k] = value_counts(f, k);
    tabulate(f, DR_TYPE_STRING);
    (void)results(f, 1);
    for (int32_t k = 0; k < CHECKS; k++) {
        counted += strchr(coded[k], '{') != NULL;
        assert_same(suite[k].kwargs, coded[k], value_counts(f, k));
    }
    assert_true(counted > 5);
}

/* A value that cannot be matched within the limits ends the check, whichever thread met it. */
static void errors_on_any_thread_are_reported(void **state)
{
    struct fixture *f = *state;
    static const int64_t start[] = { 0, ROWS };
    static const char *const name = "text";
    struct dr_builder *b = dr_builder_new(DR_TYPE_STRING);
    for (int64_t row = 0; row < ROWS; row++)
        dr_builder_append_bytes(b, row == ROWS - 9 ? "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!" : "fine",
                                row == ROWS - 9 ? 33 : 4);
    struct dr_column *whole = dr_builder_finish(b), *c = dr_column_rechunk(whole, 1, start);
    assert_int_equal(dr_table_new(1, &name, (const struct dr_column *const *)&c, &f->table, &f->err), 0);
    dr_column_unref(whole);
    dr_column_unref(c);
    dr_pool_init(3);
    assert_exception(f, "expect_column_values_to_match_regex",
                     "{\"column\": \"text\", \"regex\": \"^(a|aa)+$|fine\"}", "match limit exceeded");
    dr_pool_done();
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(threads_do_not_change_results),
                                        TEST(a_limit_of_memory_does_not_change_results),
                                        TEST(what_the_whole_column_decides_is_the_same_within_a_limit),
                                        TEST(threads_do_not_change_what_is_quarantined_nor_why),
                                        TEST(storage_does_not_change_which_rows_are_unexpected),
                                        TEST(storage_does_not_change_how_often_unexpected_values_occur),
                                        TEST(errors_on_any_thread_are_reported) };
    return cmocka_run_group_tests_name("expect_threads", tests, NULL, NULL);
}
