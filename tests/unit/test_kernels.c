/* Moving rows: filter, take, concat, and the pool they run on. */
#include <pthread.h>
#include "data/pool.h"
#include "kernel_fixture.h"

static int with_two_threads(void **state)
{
    (void)state;
    dr_pool_init(2);
    return 0;
}

static int without_threads(void **state)
{
    (void)state;
    dr_pool_done();
    return 0;
}

/* Of 20 rows about `share` stay. */
static void check_filter(uint64_t *seed, int64_t rows, int64_t share)
{
    struct dr_table *t = few_table(seed, rows), *f = NULL;
    uint8_t *bits = calloc((size_t)rows / 8 + 1, 1);
    int64_t at = 0;
    assert_non_null(bits);
    for (int64_t i = 0; i < t->rows; i++)
        if (random_below(seed, 20) < share)
            dr_bit_set(bits, i);
    assert_int_equal(dr_table_filter(t, bits, &f, NULL), DR_OK);
    check_table(f);
    assert_int_equal(f->rows, dr_bits_count(bits, t->rows));
    for (int64_t i = 0; i < t->rows; i++)
        if (dr_bit(bits, i))
            check_same_row(t, i, f, at++);
    dr_table_unref(t);
    dr_table_unref(f);
    free(bits);
}

/* The rows of t whose bit is `bit` are those of part, in order. */
static void check_part(const struct dr_table *t, const uint8_t *bits, bool bit, const struct dr_table *part)
{
    int64_t at = 0;
    check_table(part);
    for (int64_t i = 0; i < t->rows; i++)
        if (dr_bit(bits, i) == bit)
            check_same_row(t, i, part, at++);
    assert_int_equal(part->rows, at);
}

/* Of 20 rows about `share` go to one side, alone or in runs. The table is let go. */
static void check_split_of(struct dr_table *t, uint64_t *seed, int64_t share, int64_t run)
{
    int64_t rows = t->rows;
    struct dr_table *in = NULL, *out = NULL;
    uint8_t *bits = calloc((size_t)rows / 8 + 1, 1);
    assert_non_null(bits);
    for (int64_t i = 0; i < rows;) {
        bool set = random_below(seed, 20) < share;
        for (int64_t end = i + 1 + random_below(seed, run); i < end && i < rows; i++)
            if (set)
                dr_bit_set(bits, i);
    }
    if (rows % 8)
        bits[rows / 8] |= (uint8_t)(0xff << rows % 8); /* bits past the last row mean nothing */
    dr_table_split(t, bits, &in, &out);
    check_part(t, bits, true, in);
    check_part(t, bits, false, out);
    for (int32_t i = 0; i < t->n; i++) {
        assert_ptr_equal(in->columns[i]->dict, t->columns[i]->dict);
        assert_ptr_equal(out->columns[i]->dict, t->columns[i]->dict);
    }
    dr_table_unref(t);
    dr_table_unref(in);
    dr_table_unref(out);
    free(bits);
}

static void check_split(uint64_t *seed, int64_t rows, int64_t share, int64_t run)
{
    check_split_of(few_table(seed, rows), seed, share, run);
}

/* Texts of up to `most` bytes, of which there are none after the last one. */
static struct dr_table *text_table(uint64_t *seed, int64_t rows, int64_t most)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    struct dr_builder *b = dr_builder_new(DR_TYPE_STRING);
    for (int64_t i = 0; i < rows; i++) {
        int64_t n = random_below(seed, most + 1);
        dr_builder_append_bytes(b, letters + random_below(seed, (int64_t)sizeof letters - n), n);
    }
    return table_of(1, (const char *const[]){ "text" }, (struct dr_column *[]){ dr_builder_finish(b) });
}

static void texts_of_all_lengths_are_split(void **state)
{
    static const int64_t most[] = { 0, 1, 9, 15, 16, 17, 24, 60 }, shares[] = { 0, 1, 7, 12, 19 };
    (void)state;
    uint64_t seed = 16;
    for (size_t m = 0; m < sizeof most / sizeof most[0]; m++)
        for (size_t s = 0; s < sizeof shares / sizeof shares[0]; s++)
            check_split_of(text_table(&seed, 200 + 20000 * (int64_t)(s % 2), most[m]), &seed, shares[s],
                           s == 4 ? 3 : 1);
    check_split_of(text_table(&seed, DR_CHUNK_ROWS + 9000, 30), &seed, 19, 1);
}

static void a_split_gives_each_row_to_one_side_in_order(void **state)
{
    static const int64_t shares[] = { 0, 1, 10, 19, 20 };
    (void)state;
    uint64_t seed = 5;
    for (int round = 0; round < 20; round++)
        for (int s = 0; s < N_SIZES; s++)
            check_split(&seed, few_sizes[s], shares[round % 5], round % 2 ? 1 : 80);
}

static void a_split_goes_across_blocks_and_chunks(void **state)
{
    (void)state;
    uint64_t seed = 6;
    check_split(&seed, 16383, 1, 1);
    check_split(&seed, 16385, 19, 1);
    check_split(&seed, 3 * 16384 + 64, 10, 300);
    check_split(&seed, 2 * DR_CHUNK_ROWS + 77, 1, 1);
    check_split(&seed, 2 * DR_CHUNK_ROWS + 77, 19, 9);
    check_split(&seed, 2 * DR_CHUNK_ROWS, 10, 70000);
}

static void filter_keeps_exactly_the_rows_marked(void **state)
{
    static const int64_t shares[] = { 0, 1, 10, 19, 20 };
    (void)state;
    uint64_t seed = 1;
    for (int round = 0; round < 5; round++)
        for (int s = 0; s < N_SIZES; s++)
            check_filter(&seed, few_sizes[s], shares[round]);
}

static void filter_copies_runs_across_chunks(void **state)
{
    (void)state;
    uint64_t seed = 2;
    check_filter(&seed, DR_CHUNK_ROWS + 5000, 19);
    check_filter(&seed, 3000, 19);
}

static void take_gives_the_rows_asked_for(void **state)
{
    (void)state;
    uint64_t seed = 2;
    for (int round = 0; round < 5; round++)
        for (int s = 1; s < N_SIZES; s++) {
            struct dr_table *t = few_table(&seed, few_sizes[s]), *taken = NULL;
            int64_t rows[300], n = random_below(&seed, 300);
            for (int64_t i = 0; i < n; i++)
                rows[i] = random_below(&seed, t->rows);
            assert_int_equal(dr_table_take(t, n, rows, &taken, NULL), DR_OK);
            check_table(taken);
            assert_int_equal(taken->rows, n);
            for (int64_t i = 0; i < n; i++)
                check_same_row(taken, i, t, rows[i]);
            assert_ptr_equal(column_named(taken, "dict")->dict, column_named(t, "dict")->dict);
            dr_table_unref(t);
            dr_table_unref(taken);
        }
}

static void take_refuses_rows_that_are_not_there(void **state)
{
    (void)state;
    uint64_t seed = 3;
    struct dr_err err = { 0 };
    struct dr_table *t = few_table(&seed, 3), *taken = NULL;
    assert_int_equal(dr_table_take(t, 1, (const int64_t[]){ 3 }, &taken, &err), DR_EINPUT);
    assert_string_equal(err.msg, "take: row 3 asked of a table of 3");
    assert_int_equal(dr_table_take(t, 1, (const int64_t[]){ -1 }, &taken, &err), DR_EINPUT);
    dr_table_unref(t);
}

static void take_of_a_column_gives_null_for_minus_one(void **state)
{
    (void)state;
    uint64_t seed = 4;
    for (int32_t type = 0; type < N_TYPES; type++) {
        struct dr_column *c = few_column(&seed, type, 9);
        struct dr_column *taken = dr_column_take(c, 3, (const int64_t[]){ 8, -1, 0 });
        check_column(taken);
        assert_true(same_cell(taken, 0, c, 8));
        assert_true(is_null(taken, 1));
        assert_true(same_cell(taken, 2, c, 0));
        dr_column_unref(c);
        dr_column_unref(taken);
    }
}

static void take_crosses_many_full_chunks(void **state)
{
    (void)state;
    struct dr_builder *b = dr_builder_new(DR_TYPE_INT64);
    int64_t n = DR_CHUNK_ROWS * 3 + 100;
    int64_t *rows = dr_malloc((size_t)n * sizeof *rows);
    for (int64_t i = 0; i < n; i++) {
        dr_builder_append_int(b, i);
        rows[i] = n - 1 - i;
    }
    struct dr_column *c = dr_builder_finish(b);
    struct dr_column *taken = dr_column_take(c, n, rows);
    assert_int_equal(taken->n, 4);
    for (int32_t k = 0; k < taken->n; k++)
        for (int64_t i = 0; i < taken->chunk[k]->n; i++)
            assert_int_equal(((const int64_t *)taken->chunk[k]->values)[i], n - 1 - (taken->start[k] + i));
    dr_column_unref(c);
    dr_column_unref(taken);
    free(rows);
}

static void concat_stacks_tables_of_different_dictionaries(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (int round = 0; round < 40; round++) {
        struct dr_table *t[3], *all = NULL;
        int64_t at = 0;
        for (int i = 0; i < 3; i++)
            t[i] = few_table(&seed, few_sizes[random_below(&seed, N_SIZES)]);
        assert_int_equal(dr_table_concat(3, (const struct dr_table *const *)t, &all, NULL), DR_OK);
        check_table(all);
        assert_int_equal(column_named(all, "dict")->type, DR_TYPE_DICT);
        for (int i = 0; i < 3; i++)
            for (int64_t row = 0; row < t[i]->rows; row++)
                check_same_row(all, at++, t[i], row);
        assert_int_equal(all->rows, at);
        for (int i = 0; i < 3; i++)
            dr_table_unref(t[i]);
        dr_table_unref(all);
    }
}

static void concat_of_codes_and_text_gives_text(void **state)
{
    (void)state;
    static const char *const values[] = { "a", NULL, "", "b" };
    struct dr_column *columns[2] = { texts(DR_TYPE_DICT, 4, values), texts(DR_TYPE_STRING, 4, values) };
    const char *name = "x";
    struct dr_table *t[2] = { table_of(1, &name, &columns[0]), table_of(1, &name, &columns[1]) }, *all = NULL;
    assert_int_equal(dr_table_concat(2, (const struct dr_table *const *)t, &all, NULL), DR_OK);
    check_table(all);
    assert_int_equal(all->columns[0]->type, DR_TYPE_STRING);
    for (int64_t i = 0; i < 8; i++)
        assert_true(same_cell(all->columns[0], i, t[1]->columns[0], i % 4));
    for (int i = 0; i < 2; i++)
        dr_table_unref(t[i]);
    dr_table_unref(all);
}

static void concat_shares_chunks_of_one_dictionary(void **state)
{
    (void)state;
    uint64_t seed = 6;
    struct dr_table *t = few_table(&seed, 30), *all = NULL;
    const struct dr_table *twice[] = { t, t };
    assert_int_equal(dr_table_concat(2, twice, &all, NULL), DR_OK);
    for (int32_t i = 0; i < t->n; i++)
        assert_ptr_equal(all->columns[i]->chunk[0], t->columns[i]->chunk[0]);
    check_table(all);
    dr_table_unref(t);
    dr_table_unref(all);
}

static void concat_refuses_other_names_types_and_scales(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    struct dr_table *all = NULL;
    struct dr_column *a = ints(DR_TYPE_INT64, 1, (const int64_t[]){ 1 }),
                     *b = floats(1, (const double[]){ 1 });
    struct dr_column *c = dr_column_ref(a);
    struct dr_table *x = table_of(1, (const char *const[]){ "x" }, &a);
    struct dr_table *y = table_of(1, (const char *const[]){ "x" }, &b);
    struct dr_table *z = table_of(1, (const char *const[]){ "z" }, &c);
    assert_int_equal(dr_table_concat(2, (const struct dr_table *const[]){ x, y }, &all, &err), DR_EINPUT);
    assert_string_equal(err.msg, "concat: column 'x' is int64 in the first table, float64 in table 2");
    assert_int_equal(dr_table_concat(2, (const struct dr_table *const[]){ x, z }, &all, &err), DR_EINPUT);
    assert_string_equal(err.msg, "concat: column 1 is 'x' in the first table, 'z' in table 2");
    assert_int_equal(dr_table_concat(0, NULL, &all, &err), DR_EINPUT);
    dr_table_unref(x);
    dr_table_unref(y);
    dr_table_unref(z);
}

static void union_matches_columns_by_name(void **state)
{
    (void)state;
    uint64_t seed = 8;
    for (int round = 0; round < 60; round++) {
        struct dr_table *t[3], *all = NULL;
        int64_t at = 0;
        for (int i = 0; i < 3; i++) {
            struct dr_table *whole = few_table(&seed, few_sizes[random_below(&seed, N_SIZES)]);
            const char *names[] = { dr_type_name((int32_t)random_below(&seed, DR_TYPE_STRING)), "row",
                                    "dict" };
            if (i == 1)
                names[2] = "string";
            assert_int_equal(dr_table_select(whole, i == 2 ? 2 : 3, names, &t[i], NULL), DR_OK);
            dr_table_unref(whole);
        }
        assert_int_equal(dr_table_union(3, (const struct dr_table *const *)t, &all, NULL), DR_OK);
        check_table(all);
        for (int i = 0; i < 3; i++)
            for (int64_t row = 0; row < t[i]->rows; row++, at++)
                for (int32_t c = 0; c < all->n; c++) {
                    int32_t from = dr_table_find(t[i], all->names[c]);
                    assert_true(from < 0 ? is_null(all->columns[c], at)
                                         : same_cell(all->columns[c], at, t[i]->columns[from], row));
                }
        assert_int_equal(all->rows, at);
        for (int i = 0; i < 3; i++)
            dr_table_unref(t[i]);
        dr_table_unref(all);
    }
}

static struct dr_table *one_column(const char *name, struct dr_column *c)
{
    return table_of(1, &name, &c);
}

static void union_names_the_tables_whose_types_differ(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    struct dr_table *all = NULL;
    struct dr_table *t[] = { one_column("y", floats(1, (const double[]){ 1 })),
                             one_column("x", texts(DR_TYPE_NULL, 1, (const char *const[]){ NULL })),
                             one_column("x", ints(DR_TYPE_INT64, 1, (const int64_t[]){ 1 })),
                             one_column("x", ints(DR_TYPE_DATE, 1, (const int64_t[]){ 1 })) };
    const struct dr_table *const *tables = (const struct dr_table *const *)t;
    assert_int_equal(dr_table_union(4, tables, &all, &err), DR_EINPUT);
    assert_string_equal(err.msg, "union: column 'x' is int64 in table 3, date in table 4");
    assert_int_equal(dr_table_union(3, tables, &all, &err), DR_OK);
    assert_int_equal(column_named(all, "x")->type, DR_TYPE_INT64);
    assert_true(is_null(column_named(all, "x"), 1));
    dr_table_unref(all);
    assert_int_equal(dr_table_union(0, NULL, &all, &err), DR_EINPUT);
    assert_string_equal(err.msg, "union: no tables given");
    for (int i = 0; i < 4; i++)
        dr_table_unref(t[i]);
}

static void a_range_is_the_rows_it_names(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (int round = 0; round < 50; round++) {
        int32_t type = (int32_t)random_below(&seed, N_TYPES);
        struct dr_column *c = few_column(&seed, type, 200);
        int64_t from = random_below(&seed, 200), n = random_below(&seed, 200 - from + 1);
        struct dr_array *a = dr_column_range(c, from, n);
        struct dr_column *range = dr_column_like(c, 1, &a);
        check_column(range);
        for (int64_t i = 0; i < n; i++)
            assert_true(same_cell(range, i, c, from + i));
        dr_column_unref(c);
        dr_column_unref(range);
    }
}

static void add_number(void *ctx, int64_t i)
{
    atomic_fetch_add((atomic_llong *)ctx, i);
}

static void nest_runs(void *ctx, int64_t i)
{
    (void)i;
    dr_pool_run(10, add_number, ctx);
}

static void the_pool_runs_each_task_once(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        atomic_llong sum = 0;
        dr_pool_run(100, add_number, &sum);
        assert_int_equal(sum, 4950);
    }
    assert_int_equal(dr_pool_threads(), 2);
}

static void a_run_within_a_run_is_inline(void **state)
{
    (void)state;
    atomic_llong sum = 0;
    dr_pool_run(20, nest_runs, &sum);
    assert_int_equal(sum, 20 * 45);
}

static void *run_elsewhere(void *ctx)
{
    for (int round = 0; round < 100; round++)
        dr_pool_run(10, add_number, ctx);
    return NULL;
}

static void two_threads_may_run_at_once(void **state)
{
    (void)state;
    atomic_llong sum = 0;
    pthread_t other;
    assert_int_equal(pthread_create(&other, NULL, run_elsewhere, &sum), 0);
    run_elsewhere(&sum);
    pthread_join(other, NULL);
    assert_int_equal(sum, 2 * 100 * 45);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filter_keeps_exactly_the_rows_marked),
        cmocka_unit_test(filter_copies_runs_across_chunks),
        cmocka_unit_test(a_split_gives_each_row_to_one_side_in_order),
        cmocka_unit_test(a_split_goes_across_blocks_and_chunks),
        cmocka_unit_test(texts_of_all_lengths_are_split),
        cmocka_unit_test(take_gives_the_rows_asked_for),
        cmocka_unit_test(take_refuses_rows_that_are_not_there),
        cmocka_unit_test(take_of_a_column_gives_null_for_minus_one),
        cmocka_unit_test(take_crosses_many_full_chunks),
        cmocka_unit_test(concat_stacks_tables_of_different_dictionaries),
        cmocka_unit_test(concat_of_codes_and_text_gives_text),
        cmocka_unit_test(concat_shares_chunks_of_one_dictionary),
        cmocka_unit_test(concat_refuses_other_names_types_and_scales),
        cmocka_unit_test(union_matches_columns_by_name),
        cmocka_unit_test(union_names_the_tables_whose_types_differ),
        cmocka_unit_test(a_range_is_the_rows_it_names),
        cmocka_unit_test(the_pool_runs_each_task_once),
        cmocka_unit_test(a_run_within_a_run_is_inline),
        cmocka_unit_test(two_threads_may_run_at_once),
    };
    return cmocka_run_group_tests(tests, with_two_threads, without_threads);
}
