/* What questions leave behind about a column with a dictionary (the rows that got another
 * answer than most) must not change the answers of later ones: each expectation of a suite
 * finds what it finds alone. */
#include "expect_fixture.h"
#include "data/kernel.h"
#include "data/pool.h"

#define QUESTIONS 8

static uint64_t seed = 0x9E3779B97F4A7C15u;

static uint64_t below(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % n;
}

/* Mostly numbers of two digits; now and then others, text, or nothing. */
static void append_value(struct dr_builder *b, uint64_t odd_in_1000)
{
    static const char *const odd[] = { "-1", "999", "1e3", "n/a", "12 ", "x", "", "NULL", "7.50" };
    char number[16];
    if (below(1000) >= odd_in_1000) {
        dr_builder_append_bytes(b, number, snprintf(number, sizeof number, "%d", 10 + (int)below(40)));
        return;
    }
    uint64_t which = below(sizeof odd / sizeof odd[0] + 1);
    if (which == sizeof odd / sizeof odd[0])
        dr_builder_append_null(b);
    else
        dr_builder_append_bytes(b, odd[which], (int64_t)strlen(odd[which]));
}

static struct dr_column *values(int64_t rows, uint64_t odd_in_1000, const int64_t *start)
{
    struct dr_builder *b = dr_builder_new(DR_TYPE_DICT);
    for (int64_t row = 0; row < rows; row++)
        append_value(b, odd_in_1000);
    struct dr_column *whole = dr_builder_finish(b), *cut = dr_column_rechunk(whole, 4, start);
    dr_column_unref(whole);
    return cut;
}

static void tabulate(struct fixture *f, int64_t rows)
{
    static const char *const names[] = { "a", "b" };
    const int64_t start[] = { 0, rows / 7, rows / 7 + rows / 3, rows / 2 + rows / 8, rows };
    struct dr_column *columns[2] = { values(rows, 5 + below(80), start), values(rows, 5 + below(80), start) };
    dr_table_unref(f->table);
    f->table = NULL;
    assert_int_equal(dr_table_new(2, names, (const struct dr_column *const *)columns, &f->table, &f->err), 0);
    for (int k = 0; k < 2; k++)
        dr_column_unref(columns[k]);
}

static const struct {
    const char *type, *kwargs;
} questions[] = {
    { "expect_column_values_to_be_between", "{\"column\": \"a\", \"min_value\": 0, \"max_value\": 60}" },
    { "expect_column_values_to_be_between", "{\"column\": \"a\", \"min_value\": -5, \"max_value\": 2000}" },
    { "expect_column_values_to_be_between", "{\"column\": \"a\", \"max_value\": 30}" },
    { "expect_column_values_to_be_between",
      "{\"column\": \"a\", \"min_value\": 11, \"row_condition\": \"b > 20\"}" },
    { "expect_column_values_to_be_in_set", "{\"column\": \"a\", \"value_set\": [-1, 999, 7.5]}" },
    { "expect_column_values_to_not_be_in_set", "{\"column\": \"a\", \"value_set\": [-1, 12]}" },
    { "expect_column_values_to_match_regex", "{\"column\": \"a\", \"regex\": \"^[0-9.]+$\"}" },
    { "expect_column_values_to_not_match_regex", "{\"column\": \"a\", \"regex\": \"9\"}" },
    { "expect_column_value_lengths_to_equal", "{\"column\": \"a\", \"value\": 2}" },
    { "expect_column_values_to_not_be_null", "{\"column\": \"a\"}" },
    { "expect_column_values_to_be_null", "{\"column\": \"a\"}" },
    { "expect_column_values_to_be_unique", "{\"column\": \"a\"}" },
    { "expect_column_values_to_be_of_type", "{\"column\": \"a\", \"type_\": \"float64\"}" },
    { "expect_column_mean_to_be_between", "{\"column\": \"a\", \"min_value\": 0, \"max_value\": 60}" },
    { "expect_column_max_to_be_between", "{\"column\": \"a\", \"max_value\": 60}" },
    { "expect_column_pair_values_to_be_equal", "{\"column_A\": \"a\", \"column_B\": \"b\"}" },
    { "expect_column_pair_values_a_to_be_greater_than_b", "{\"column_A\": \"a\", \"column_B\": \"b\"}" },
    { "expect_column_pair_values_to_be_in_set",
      "{\"column_A\": \"a\", \"column_B\": \"b\", \"value_pairs_set\": [[10, 10], [null, 11], [12, 999]]}" },
};

static const char *outcome(struct fixture *f, const struct dr_check *c)
{
    struct dr_buf b = { 0 };
    (void)dr_buf_printf(&b, "%d %s %s ", c->success, c->exception ? c->exception : "", c->sentence);
    dr_json_put_node(&b, c->result, 0);
    for (int64_t i = 0; c->unexpected && i < (f->table->rows + 7) / 8; i++)
        (void)dr_buf_printf(&b, "%02x", c->unexpected[i]);
    const char *text = dr_arena_dup(&f->a, dr_buf_cstr(&b), b.n);
    dr_buf_done(&b);
    return text;
}

static void ask_together_and_alone(struct fixture *f)
{
    int asked[QUESTIONS];
    const char *together[QUESTIONS];
    f->suite.n = 0;
    for (int k = 0; k < QUESTIONS; k++) {
        asked[k] = (int)below(sizeof questions / sizeof questions[0]);
        expect(f, questions[asked[k]].type, questions[asked[k]].kwargs);
    }
    const struct dr_results *r = run(f);
    for (int k = 0; k < QUESTIONS; k++)
        together[k] = outcome(f, &r->checks[k]);
    for (int k = 0; k < QUESTIONS; k++) {
        const char *alone = outcome(f, check(f, questions[asked[k]].type, questions[asked[k]].kwargs));
        if (strcmp(alone, together[k]) != 0)
            fail_msg("%s %s:\ntogether %.600s\nalone    %.600s", questions[asked[k]].type,
                     questions[asked[k]].kwargs, together[k], alone);
    }
}

static void each_finds_what_it_finds_alone(void **state)
{
    struct fixture *f = *state;
    static const char *const spellings[] = { "NULL", "" };
    for (int round = 0; round < 150; round++) {
        f->suite.n_columns = 0;
        if (round % 3)
            declare(f, (struct dr_suite_column){ .name = "a", .type = DR_TYPE_FLOAT64 });
        if (round % 3 == 2)
            declare(f, (struct dr_suite_column){ .name = "b", .type = DR_TYPE_FLOAT64 });
        f->suite.null_values = spellings;
        f->suite.n_null_values = round % 2 ? 2 : 0;
        tabulate(f, (int64_t)below(3000));
        ask_together_and_alone(f);
    }
}

static void blocks_and_threads_make_no_difference(void **state)
{
    struct fixture *f = *state;
    f->options.result_format = DR_RESULT_SUMMARY;
    dr_pool_init(2);
    for (int round = 0; round < 6; round++) {
        f->suite.n_columns = 0;
        declare(f, (struct dr_suite_column){ .name = "a", .type = DR_TYPE_FLOAT64 });
        tabulate(f, 65536 * 2 + 77 * round);
        ask_together_and_alone(f);
    }
    dr_pool_done();
}

/* Numbers and texts cannot be compared, but here they never meet in a row. */
static void a_pair_that_does_not_occur_is_no_error(void **state)
{
    struct fixture *f = *state;
    const char *const mixed[] = { "a", "b", NULL };
    struct dr_column *columns[2];
    for (int k = 0; k < 2; k++) {
        struct dr_builder *b = dr_builder_new(DR_TYPE_DICT);
        for (int64_t row = 0; row < 5000; row++)
            dr_builder_append_bytes(b, row % 2 ? "x" : k ? "1" : "2", 1);
        columns[k] = dr_builder_finish(b);
    }
    assert_int_equal(dr_table_new(2, mixed, (const struct dr_column *const *)columns, &f->table, &f->err), 0);
    for (int k = 0; k < 2; k++)
        dr_column_unref(columns[k]);
    f->options.mixed_columns = mixed;
    const struct dr_check *c = verdict(f, "expect_column_pair_values_a_to_be_greater_than_b",
                                       "{\"column_A\": \"a\", \"column_B\": \"b\"}", false);
    assert_int_equal(2500, c->unexpected_count);
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(each_finds_what_it_finds_alone),
                                        TEST(blocks_and_threads_make_no_difference),
                                        TEST(a_pair_that_does_not_occur_is_no_error) };
    return cmocka_run_group_tests_name("expect_odd", tests, NULL, NULL);
}
