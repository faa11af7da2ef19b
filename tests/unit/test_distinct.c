/* Distinct rows, against a naive search for an equal row before or after. */
#include "data/distinct.h"
#include "data/hash_rows.h"
#include "data/scratch.h"
#include "many_rows.h"

static bool same_key(const struct dr_table *t, int32_t n, const char *const *keys, int64_t i, int64_t j)
{
    for (int32_t k = 0; k < n; k++) {
        const struct dr_column *c = column_named(t, keys[k]);
        if (!same_cell(c, i, c, j))
            return false;
    }
    return true;
}

/* The row that stands for row i, or -1 where it stays itself. */
static int64_t model(const struct dr_table *t, int32_t n, const char *const *keys, int32_t keep, int64_t i)
{
    int64_t first = i, last = i;
    for (int64_t j = 0; j < t->rows; j++) {
        if (!same_key(t, n, keys, i, j))
            continue;
        first = j < first ? j : first;
        last = j > last ? j : last;
    }
    if (keep == DR_KEEP_NONE)
        return first == last ? -1 : first;
    int64_t kept = keep == DR_KEEP_FIRST ? first : last;
    return kept == i ? -1 : kept;
}

static void check_distinct(const struct dr_table *t, int32_t n, const char *const *keys, int32_t keep)
{
    struct dr_table *d = NULL;
    int64_t kept[256], at = 0;
    assert_int_equal(dr_table_distinct(t, n, keys, keep, kept, &d, NULL), DR_OK);
    check_table(d);
    for (int64_t i = 0; i < t->rows; i++) {
        assert_int_equal(kept[i], model(t, n, keys, keep, i));
        if (kept[i] < 0)
            check_same_row(d, at++, t, i);
    }
    assert_int_equal(d->rows, at);
    dr_table_unref(d);
}

static void one_row_stays_for_each_key_of_any_types(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int round = 0; round < 150; round++) {
        struct dr_table *t = few_table(&seed, few_sizes[random_below(&seed, N_SIZES - 1)]);
        const char *keys[5];
        int32_t n = (int32_t)random_between(&seed, 1, 5);
        for (int32_t k = 0; k < n; k++)
            keys[k] = dr_type_name((int32_t)random_below(&seed, N_TYPES));
        check_distinct(t, n, keys, (int32_t)(round % 3));
        dr_table_unref(t);
    }
}

static void no_keys_means_all_columns(void **state)
{
    (void)state;
    static const int64_t values[] = { 1, 2, 1, 2, 3 };
    struct dr_column *c = ints(DR_TYPE_INT64, 5, values);
    struct dr_table *t = table_of(1, (const char *const[]){ "x" }, &c), *d = NULL;
    assert_int_equal(dr_table_distinct(t, 0, NULL, DR_KEEP_FIRST, NULL, &d, NULL), DR_OK);
    assert_int_equal(d->rows, 3);
    dr_table_unref(d);
    dr_table_unref(t);
}

static void a_key_that_is_all_null_is_one_key(void **state)
{
    (void)state;
    struct dr_builder *b = dr_builder_new(DR_TYPE_NULL);
    for (int i = 0; i < 3; i++)
        dr_builder_append_null(b);
    struct dr_column *c = dr_builder_finish(b);
    struct dr_table *t = table_of(1, (const char *const[]){ "x" }, &c), *d = NULL;
    int64_t kept[3];
    assert_int_equal(dr_table_distinct(t, 0, NULL, DR_KEEP_LAST, kept, &d, NULL), DR_OK);
    assert_int_equal(d->rows, 1);
    assert_int_equal(kept[0], 2);
    assert_int_equal(kept[2], -1);
    dr_table_unref(d);
    dr_table_unref(t);
}

/* Words of 64 bits each, so that keys must be merged. */
static void wide_keys_are_merged_exactly(void **state)
{
    (void)state;
    uint64_t seed = 2;
    static const char *const names[] = { "a", "b", "c", "row" };
    for (int round = 0; round < 20; round++) {
        int64_t few[6], v[200];
        struct dr_column *columns[4];
        for (int i = 0; i < 6; i++)
            few[i] = i < 2 ? (i ? INT64_MAX : INT64_MIN) : (int64_t)random_next(&seed);
        for (int k = 0; k < 3; k++) {
            for (int i = 0; i < 200; i++)
                v[i] = few[random_below(&seed, 6)];
            columns[k] = ints(DR_TYPE_INT64, 200, v);
        }
        for (int i = 0; i < 200; i++)
            v[i] = i;
        columns[3] = ints(DR_TYPE_INT64, 200, v);
        struct dr_table *t = table_of(4, names, columns);
        check_distinct(t, 3, names, round % 3);
        dr_table_unref(t);
    }
}

/* Groups of many rows must come out as the plain definition says. */
static void check_groups(const struct dr_column *c, int64_t range)
{
    struct dr_groups g;
    int64_t *first = dr_malloc((size_t)range * sizeof *first);
    uint32_t n = 0;
    for (int64_t i = 0; i < range; i++)
        first[i] = -1;
    struct dr_key_spec spec = { .rows = c->rows, .n = 1, .columns = &c };
    assert_int_equal(dr_groups_init(&g, &spec, NULL), DR_OK);
    for (int64_t row = 0; row < c->rows; row++) {
        int32_t k = (int32_t)(row / DR_CHUNK_ROWS);
        int64_t v = ((const int64_t *)c->chunk[k]->values)[row % DR_CHUNK_ROWS] % range;
        if (first[v] < 0) {
            first[v] = row;
            n++;
        }
        if (g.first[g.id[row]] != first[v])
            fail_msg("row %lld is in the wrong group", (long long)row);
    }
    assert_int_equal(g.n, n);
    dr_groups_done(&g);
    free(first);
}

static void many_rows_are_numbered_by_partition(void **state)
{
    (void)state;
    uint64_t seed = 3;
    static const int64_t ranges[] = { 1, 7, 5000, 300000 };
    dr_pool_init(2);
    for (int r = 0; r < 4; r++) {
        struct dr_builder *b = dr_builder_new(DR_TYPE_INT64);
        for (int64_t i = 0; i < 400000; i++) {
            int64_t v = random_below(&seed, ranges[r]);
            dr_builder_append_int(b, v + v % 3 * (INT64_C(1) << 40) / ranges[r] * ranges[r]);
        }
        struct dr_column *c = dr_builder_finish(b);
        check_groups(c, ranges[r]);
        dr_column_unref(c);
    }
    dr_pool_done();
}

static bool in_set(const uint64_t *bits, int64_t row)
{
    return !bits || bits[row / 64] >> row % 64 & 1;
}

/* What distinct must say of rows that are equal, of which those in `only` are given in order. */
static void model_run(const int64_t *rows, int64_t n, int32_t keep, int64_t *kept)
{
    int64_t winner = keep == DR_KEEP_LAST ? rows[n - 1] : rows[0];
    for (int64_t i = 0; i < n; i++)
        kept[rows[i]] = rows[i] == winner && (keep != DR_KEEP_NONE || n == 1) ? -1 : winner;
}

/* Rows that take no part keep -1. */
static int64_t *model_kept(const struct row_order *o, int64_t rows, const uint64_t *only, int32_t keep)
{
    int64_t *order = rows_in_order(o, rows), *kept = dr_malloc((size_t)rows * sizeof *kept), n = 0;
    for (int64_t i = 0; i < rows; i++) {
        kept[i] = -1;
        if (in_set(only, order[i]))
            order[n++] = order[i];
    }
    for (int64_t from = 0, end; from < n; from = end) {
        for (end = from + 1; end < n && compare_keys(o, order[from], order[end]) == 0;)
            end++;
        model_run(order + from, end - from, keep, kept);
    }
    free(order);
    return kept;
}

static void check_rows(const struct row_order *o, int64_t rows, const uint64_t *only, int32_t keep)
{
    struct dr_key_spec spec = { .rows = rows, .n = o->n, .columns = o->columns };
    int64_t *expected = model_kept(o, rows, only, keep), *kept = dr_malloc((size_t)rows * sizeof *kept);
    uint64_t *stay = dr_malloc((size_t)(rows + 63) / 64 * sizeof *stay);
    for (int t = 0; t < N_THREAD_COUNTS; t++) {
        dr_pool_init(thread_counts[t]);
        assert_int_equal(dr_distinct_rows(&spec, only, keep, stay, kept, NULL), DR_OK);
        for (int64_t row = 0; row < rows; row++) {
            if (kept[row] != expected[row])
                fail_msg("row %" PRId64 " stands behind %" PRId64 ", not %" PRId64, row, kept[row],
                         expected[row]);
            assert_int_equal(in_set(stay, row), in_set(only, row) && kept[row] < 0);
        }
        for (int64_t bit = rows; bit < (rows + 63) / 64 * 64; bit++)
            assert_false(in_set(stay, bit));
    }
    dr_pool_done();
    free(expected);
    free(kept);
    free(stay);
}

static void rows_of_any_types_are_told_apart_in_partitions(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (int round = 0; round < 12; round++) {
        int64_t rows = random_between(&seed, 30000, 70000);
        struct dr_table *t = many_table(&seed, rows, round % 4 ? 8000 : 50);
        struct row_order o = { .n = 1 + round % 3 };
        uint64_t *only = round % 2 ? dr_malloc((size_t)(rows + 63) / 64 * sizeof *only) : NULL;
        for (int64_t w = 0; only && w < (rows + 63) / 64; w++)
            only[w] = random_next(&seed) | random_next(&seed);
        for (int32_t k = 0; k < o.n; k++)
            o.columns[k] = t->columns[random_below(&seed, N_TYPES)];
        check_rows(&o, rows, only, round % 3);
        dr_table_unref(t);
        free(only);
    }
}

static void beyond_the_memory_limit_rows_are_told_apart_on_disk(void **state)
{
    (void)state;
    uint64_t seed = 6;
    dr_scratch_set_limit(1);
    for (int32_t keep = DR_KEEP_FIRST; keep <= DR_KEEP_NONE; keep++) {
        uint64_t before = dr_scratch_spilled();
        struct dr_table *t = many_table(&seed, 60000, 20000);
        struct row_order o = { .n = 2, .columns = { t->columns[DR_TYPE_INT64], t->columns[DR_TYPE_DICT] } };
        check_rows(&o, t->rows, NULL, keep);
        assert_true(dr_scratch_spilled() > before);
        dr_table_unref(t);
    }
    dr_scratch_set_limit(0);
}

static void without_room_for_files_the_error_says_where(void **state)
{
    (void)state;
    uint64_t seed = 7;
    struct dr_err err = { 0 };
    struct dr_table *t = many_table(&seed, 60000, 20000), *d = NULL;
    const char *key = "int64";
    dr_scratch_set_limit(1);
    dr_scratch_set_folder("/nonexistent");
    assert_int_equal(dr_table_distinct(t, 1, &key, DR_KEEP_FIRST, NULL, &d, &err), DR_ESYS);
    assert_non_null(strstr(err.msg, "a temporary file in '/nonexistent'"));
    dr_scratch_set_folder(NULL);
    dr_scratch_set_limit(0);
    dr_table_unref(t);
}

static void an_unknown_keep_is_refused(void **state)
{
    (void)state;
    uint64_t seed = 4;
    struct dr_table *t = few_table(&seed, 2), *d = NULL;
    assert_int_equal(dr_table_distinct(t, 0, NULL, 3, NULL, &d, NULL), DR_EINPUT);
    assert_int_equal(dr_table_distinct(t, 1, (const char *const[]){ "none" }, 0, NULL, &d, NULL),
                     DR_ENOTFOUND);
    dr_table_unref(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_row_stays_for_each_key_of_any_types),
        cmocka_unit_test(no_keys_means_all_columns),
        cmocka_unit_test(a_key_that_is_all_null_is_one_key),
        cmocka_unit_test(wide_keys_are_merged_exactly),
        cmocka_unit_test(many_rows_are_numbered_by_partition),
        cmocka_unit_test(rows_of_any_types_are_told_apart_in_partitions),
        cmocka_unit_test(beyond_the_memory_limit_rows_are_told_apart_on_disk),
        cmocka_unit_test(without_room_for_files_the_error_says_where),
        cmocka_unit_test(an_unknown_keep_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
