/* A suite over batches against the same suite over the whole table. */
#include "expect_fixture.h"
#include "expect/batches.h"
#include "expect/pass.h"
#include "random_table.h"

static const char suite_text[] =
    "{\"suite\": \"s\", \"key\": [\"id\"], \"columns\": {\"text\": {\"sensitive\": true}}, \"expectations\": "
    "["
    "{\"expect_column_values_to_not_be_null\": {\"column\": \"text\", \"mostly\": 0.9}, \"on_failure\": "
    "\"quarantine\"},"
    "{\"expect_column_values_to_match_regex\": {\"column\": \"text\", \"regex\": \"^a\"}},"
    "{\"expect_column_values_to_be_between\": {\"column\": \"n\", \"min_value\": -10, \"max_value\": 40,"
    "  \"row_condition\": \"n > -40\"}, \"on_failure\": \"quarantine\"},"
    "{\"expect_column_values_to_be_in_set\": {\"column\": \"code\", \"value_set\": [\"a\", \"b\", \"0\"]}},"
    "{\"expect_column_value_lengths_to_be_between\": {\"column\": \"code\", \"max_value\": 3}},"
    "{\"expect_column_pair_values_a_to_be_greater_than_b\": {\"column_A\": \"n\", \"column_B\": \"id\"}},"
    "{\"expect_column_values_to_be_between\": {\"column\": \"none\", \"min_value\": 1}},"
    "{\"expect_table_row_count_to_be_between\": {\"min_value\": 1, \"max_value\": 100}},"
    "{\"expect_table_columns_to_match_set\": {\"column_set\": [\"id\", \"text\", \"n\", \"code\"]}}]}";

static struct dr_suite *suite_of(struct fixture *f, const char *text)
{
    struct dr_diags d = { .arena = &f->a };
    struct dr_suite *s = dr_suite_from_node(&f->a, json(f, text), dr_expect_source(), &d);
    if (!s)
        fail_msg("%s", d.n ? d.items[0].message : "no suite");
    return s;
}

static struct dr_table *make_table(struct fixture *f, uint64_t seed, int64_t rows)
{
    static const char *const names[] = { "id", "text", "n", "code" };
    struct dr_builder *id = dr_builder_new(DR_TYPE_INT64);
    for (int64_t i = 0; i < rows; i++)
        dr_builder_append_int(id, i * 7 % 101);
    struct dr_column *columns[] = { dr_builder_finish(id), random_column(&seed, DR_TYPE_STRING, rows),
                                    random_column(&seed, DR_TYPE_INT64, rows),
                                    random_column(&seed, DR_TYPE_DICT, rows) };
    struct dr_table *t = NULL;
    if (dr_table_new(4, names, (const struct dr_column *const *)columns, &t, &f->err))
        fail_msg("%s", f->err.msg);
    for (int i = 0; i < 4; i++)
        dr_column_unref(columns[i]);
    return t;
}

/* Results as JSON without what differs by design: the list of how often values
 * are unexpected is that of the sample. */
static const char *shown(struct fixture *f, struct dr_results *r)
{
    DR_AUTO_BUF out = { 0 };
    for (int32_t i = 0; i < r->n; i++) {
        const struct dr_check *c = &r->checks[i];
        dr_buf_printf(&out, "%s success %d %lld %lld %lld %s %s\n", c->expectation->type, c->success,
                      (long long)c->element_count, (long long)c->missing_count,
                      (long long)c->unexpected_count, c->sentence, c->exception ? c->exception : "");
        for (int64_t k = 0; k < dr_node_size(c->result); k++) {
            if (dr_streq(dr_node_key(c->result, k), "partial_unexpected_counts"))
                continue;
            dr_buf_printf(&out, "  %s: ", dr_node_key(c->result, k));
            dr_json_put_node(&out, dr_node_at(c->result, k), 0);
            dr_buf_putc(&out, '\n');
        }
    }
    dr_buf_printf(&out, "%d passed, %d failed, %d errors, %lld rows\n", (int)r->passed, (int)r->failed,
                  (int)r->errors, (long long)r->rows);
    return dr_arena_strdup(&f->a, dr_buf_cstr(&out));
}

static struct dr_table *slice(struct fixture *f, int64_t from, int64_t n)
{
    struct dr_table *part = NULL;
    DR_AUTO_FREE int64_t *rows = dr_malloc((size_t)n * sizeof(*rows) + 1);
    for (int64_t i = 0; i < n; i++)
        rows[i] = from + i;
    if (dr_table_take(f->table, n, rows, &part, &f->err))
        fail_msg("%s", f->err.msg);
    return part;
}

static struct dr_results *in_batches(struct fixture *f, const struct dr_suite *s, int64_t size,
                                     int64_t duplicates, int64_t *ret_refused)
{
    struct dr_batches *b = NULL;
    struct dr_results *r = NULL;
    *ret_refused = 0;
    assert_int_equal(DR_OK, dr_batches_new(s, &f->options, 3, &b, &f->err));
    int32_t turn = 0;
    for (int64_t from = 0; from == 0 || from < f->table->rows; from += size, turn++) {
        int64_t n = f->table->rows - from < size ? f->table->rows - from : size;
        struct dr_table *batch = slice(f, from, n);
        DR_AUTO_FREE uint64_t *refused = dr_malloc((size_t)n / 8 + 16);
        struct dr_batch_split split = { 0 };
        assert_int_equal(DR_OK, dr_batches_add(b, turn % 3, from, batch, refused, &split, &f->err));
        *ret_refused += dr_bits_count((const uint8_t *)refused, n);
        assert_int_equal(dr_bits_count((const uint8_t *)refused, n), split.quarantined->rows);
        assert_int_equal(n, split.valid->rows + split.quarantined->rows);
        dr_table_unref(split.valid);
        dr_table_unref(split.quarantined);
        dr_table_unref(batch);
    }
    if (dr_batches_finish(b, duplicates, &r, &f->err))
        fail_msg("%s", f->err.msg);
    dr_batches_free(b);
    return r;
}

static int64_t refused_of(struct fixture *f, const struct dr_results *r)
{
    struct dr_table *valid = NULL, *quarantined = NULL;
    assert_int_equal(DR_OK, dr_expect_split(r, f->table, &valid, &quarantined, &f->err));
    int64_t n = quarantined->rows;
    dr_table_unref(valid);
    dr_table_unref(quarantined);
    return n;
}

static void batches_give_the_results_of_the_whole(void **state)
{
    struct fixture *f = *state;
    struct dr_suite *s = suite_of(f, suite_text);
    f->options.result_format = DR_RESULT_SUMMARY;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        int64_t refused;
        dr_table_unref(f->table);
        f->table = make_table(f, seed, seed == 1 ? 0 : (int64_t)seed * 311);
        struct dr_results *whole = NULL;
        assert_int_equal(DR_OK, dr_expect_run(s, f->table, &f->options, &whole, &f->err));
        struct dr_results *parts = in_batches(f, s, 50 + (int64_t)seed * 40, 0, &refused);
        assert_string_equal(shown(f, whole), shown(f, parts));
        assert_int_equal(refused_of(f, whole), refused);
        dr_results_free(whole);
        dr_results_free(parts);
    }
}

/* ---- the whole suite in one pass ---- */

struct slices {
    struct dr_reader base;
    struct fixture *f;
    int64_t at, size;
    bool given;
};

static int32_t next_slice(struct dr_reader *base, struct dr_table **ret, struct dr_err *err)
{
    struct slices *s = (struct slices *)base;
    int64_t left = s->f->table->rows - s->at, n = left < s->size ? left : s->size;
    (void)err;
    *ret = n > 0 || !s->given ? slice(s->f, s->at, n) : NULL;
    s->at += n;
    s->given = true;
    return DR_OK;
}

static const char *as_json(struct fixture *f, const struct dr_results *r)
{
    DR_AUTO_BUF out = { 0 };
    dr_results_put_json(r, &out, 2);
    return dr_arena_strdup(&f->a, dr_buf_cstr(&out));
}

/* cmocka cuts long texts off before they differ. */
static void assert_same(const char *whole, const char *passed)
{
    size_t i = 0;
    while (whole[i] && whole[i] == passed[i])
        i++;
    if (whole[i] || passed[i])
        fail_msg("%.400s\n---\n%.200s", whole + (i > 200 ? i - 200 : 0), passed + i);
}

static void a_pass_gives_the_results_of_the_whole(void **state)
{
    struct fixture *f = *state;
    static const char whole_kinds[] =
        ",{\"expect_column_values_to_be_unique\": {\"column\": \"id\"}},"
        "{\"expect_column_values_to_be_unique\": {\"column\": \"text\", \"row_condition\": \"n > 0\"}},"
        "{\"expect_compound_columns_to_be_unique\": {\"column_list\": [\"id\", \"text\"]}},"
        "{\"expect_compound_columns_to_be_unique\": {\"column_list\": [\"none\", \"text\"]}},"
        "{\"expect_column_values_to_be_between\": {\"column\": \"id\", \"min_value\": 30, \"row_condition\": "
        "\"index > 70 and n < 5\"}},"
        "{\"expect_column_mean_to_be_between\": {\"column\": \"n\", \"min_value\": 7}},"
        "{\"expect_column_median_to_be_between\": {\"column\": \"n\", \"min_value\": 7}},"
        "{\"expect_column_mean_to_be_between\": {\"column\": \"nn\", \"min_value\": 7}},"
        "{\"expect_column_values_to_be_increasing\": {\"column\": \"id\"}},"
        "{\"expect_column_distinct_values_to_be_in_set\": {\"column\": \"code\", \"value_set\": [\"a\"]}},"
        "{\"expect_table_row_count_to_equal\": {\"value\": 7, \"row_condition\": \"n > 0\"}},"
        "{\"expect_rows_to_satisfy_sql\": {\"condition\": \"n <> id\"}},"
        "{\"expect_table_schema_to_match\": {\"columns\": {\"id\": \"int64\", \"text\": null}}}]}";
    const char *text = dr_arena_printf(&f->a, "%.*s%s", (int)strlen(suite_text) - 2, suite_text, whole_kinds);
    struct dr_suite *s = suite_of(f, text);
    f->options.now_us = 1;
    for (uint64_t seed = 1; seed <= 24; seed++) {
        struct dr_results *whole = NULL, *passed = NULL;
        struct dr_table *columns = NULL;
        struct slices slices = { .base = { .next = next_slice }, .f = f, .size = 1 + (int64_t)seed * 29 };
        struct dr_pass_options o = { .expect = &f->options, .memory = 1 + seed * 1000 };
        f->options.result_format = (enum dr_result_format)(seed % 4);
        dr_table_unref(f->table);
        f->table = make_table(f, seed, seed == 1 ? 0 : seed == 2 ? 1 : (int64_t)seed * 97);
        assert_int_equal(DR_OK, dr_expect_run(s, f->table, &f->options, &whole, &f->err));
        if (dr_expect_pass(s, &slices.base, &o, &passed, &columns, &f->err))
            fail_msg("%s", f->err.msg);
        assert_same(as_json(f, whole), as_json(f, passed));
        assert_int_equal(whole->failed, passed->failed);
        assert_int_equal(whole->errors, passed->errors);
        assert_int_equal(whole->must_fail, passed->must_fail);
        assert_string_equal("code", columns->names[3]);
        dr_table_unref(columns);
        dr_results_free(whole);
        dr_results_free(passed);
    }
}

static int32_t next_fails(struct dr_reader *base, struct dr_table **ret, struct dr_err *err)
{
    struct slices *s = (struct slices *)base;
    if (s->at < 100)
        return next_slice(base, ret, err);
    return dr_fail(err, DR_EINPUT, "the file ends here");
}

static void a_pass_ends_where_its_reader_fails(void **state)
{
    struct fixture *f = *state;
    struct dr_results *r = NULL;
    struct dr_table *columns = NULL;
    struct dr_suite *s = suite_of(f, "{\"suite\": \"s\", \"expectations\": ["
                                     "{\"expect_column_values_to_be_unique\": {\"column\": \"id\"}}]}");
    struct slices slices = { .base = { .next = next_fails }, .f = f, .size = 40 };
    struct dr_pass_options o = { .expect = &f->options, .memory = 1000 };
    f->table = make_table(f, 3, 500);
    assert_int_equal(DR_EINPUT, dr_expect_pass(s, &slices.base, &o, &r, &columns, &f->err));
    assert_string_equal("the file ends here", f->err.msg);
    o.folder = "/nowhere/at/all";
    slices = (struct slices){ .base = { .next = next_slice }, .f = f, .size = 40 };
    assert_int_equal(DR_ESYS, dr_expect_pass(s, &slices.base, &o, &r, &columns, &f->err));
    assert_null(r);
    assert_null(columns);
}

static void a_row_number_in_a_condition_needs_the_whole(void **state)
{
    struct fixture *f = *state;
    struct dr_batches *b = NULL;
    struct dr_suite *s =
        suite_of(f, "{\"suite\": \"s\", \"expectations\": [{\"expect_column_values_to_not_be_null\": "
                    "{\"column\": \"id\", \"row_condition\": \"n > 3 or not index >= 5\"}}]}");
    assert_int_equal(DR_EDEF, dr_batches_new(s, &f->options, 1, &b, &f->err));
}

static void uniqueness_is_told(void **state)
{
    struct fixture *f = *state;
    int64_t refused;
    int32_t n;
    struct dr_batches *b = NULL;
    struct dr_suite *s =
        suite_of(f, "{\"suite\": \"s\", \"expectations\": ["
                    "{\"expect_compound_columns_to_be_unique\": {\"column_list\": [\"id\", \"n\"]}}]}");
    assert_int_equal(DR_OK, dr_batches_new(s, &f->options, 1, &b, &f->err));
    const char *const *key = dr_batches_key(b, &n);
    assert_int_equal(2, n);
    assert_string_equal("n", key[1]);
    dr_batches_free(b);
    f->table = make_table(f, 3, 500);
    struct dr_results *r = in_batches(f, s, 100, 7, &refused);
    assert_int_equal(7, r->checks[0].unexpected_count);
    assert_int_equal(500, r->checks[0].element_count);
    assert_false(r->checks[0].success);
    dr_results_free(r);
}

static void what_needs_the_whole_table_is_refused(void **state)
{
    static const char *const suites[] = {
        "{\"suite\": \"s\", \"expectations\": [{\"expect_column_mean_to_be_between\": {\"column\": \"n\", "
        "\"min_value\": 1}}]}",
        "{\"suite\": \"s\", \"expectations\": [{\"expect_column_values_to_be_unique\": {\"column\": "
        "\"n\"}}]}",
        "{\"suite\": \"s\", \"expectations\": ["
        "{\"expect_compound_columns_to_be_unique\": {\"column_list\": [\"id\", \"n\"]}},"
        "{\"expect_compound_columns_to_be_unique\": {\"column_list\": [\"id\", \"code\"]}}]}",
    };
    struct fixture *f = *state;
    for (int i = 0; i < 3; i++) {
        struct dr_batches *b = NULL;
        assert_int_equal(DR_EDEF, dr_batches_new(suite_of(f, suites[i]), &f->options, 1, &b, &f->err));
        assert_non_null(strstr(f->err.msg, "in one pass"));
    }
}

static void text_that_is_looked_at_stays_text(void **state)
{
    struct fixture *f = *state;
    struct dr_batches *b = NULL;
    assert_int_equal(DR_OK, dr_batches_new(suite_of(f, suite_text), &f->options, 1, &b, &f->err));
    assert_false(dr_batches_typed(b, "text"));
    assert_true(dr_batches_typed(b, "n"));
    dr_batches_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(batches_give_the_results_of_the_whole, fixture_new, fixture_free),
        cmocka_unit_test_setup_teardown(a_pass_gives_the_results_of_the_whole, fixture_new, fixture_free),
        cmocka_unit_test_setup_teardown(a_pass_ends_where_its_reader_fails, fixture_new, fixture_free),
        cmocka_unit_test_setup_teardown(a_row_number_in_a_condition_needs_the_whole, fixture_new,
                                        fixture_free),
        cmocka_unit_test_setup_teardown(uniqueness_is_told, fixture_new, fixture_free),
        cmocka_unit_test_setup_teardown(what_needs_the_whole_table_is_refused, fixture_new, fixture_free),
        cmocka_unit_test_setup_teardown(text_that_is_looked_at_stays_text, fixture_new, fixture_free),
    };
    return cmocka_run_group_tests_name("batches", tests, NULL, NULL);
}
