/* What is found of tables that are not held, against the same of tables that are. */
#include "data/distinct.h"
#include "many_rows.h"

/* Rows [from, to) of t. */
static struct dr_table *batch_of(const struct dr_table *t, int64_t from, int64_t to)
{
    int64_t *rows = dr_malloc((size_t)(to - from + 1) * sizeof *rows);
    struct dr_table *batch = NULL;
    for (int64_t i = from; i < to; i++)
        rows[i - from] = i;
    assert_int_equal(dr_table_take(t, to - from, rows, &batch, NULL), DR_OK);
    free(rows);
    return batch;
}

/* ---- hashes ---- */

static bool same_hash(struct dr_row_hash a, struct dr_row_hash b)
{
    return a.low == b.low && a.high == b.high;
}

static void rows_have_one_hash_where_distinct_takes_them_for_equal(void **state)
{
    (void)state;
    uint64_t seed = 11;
    for (int round = 0; round < 60; round++) {
        const char *keys[2] = { dr_type_name((int32_t)random_below(&seed, N_TYPES)),
                                dr_type_name((int32_t)random_below(&seed, N_TYPES)) };
        struct dr_table *t = few_table(&seed, 65), *left = NULL;
        struct dr_row_hash hash[65];
        int64_t kept[65];
        assert_int_equal(dr_table_hash(t, 2, keys, hash, NULL), DR_OK);
        assert_int_equal(dr_table_distinct(t, 2, keys, DR_KEEP_FIRST, kept, &left, NULL), DR_OK);
        for (int64_t i = 0; i < 65; i++)
            for (int64_t j = 0; j < i; j++) {
                int64_t a = kept[i] < 0 ? i : kept[i], b = kept[j] < 0 ? j : kept[j];
                assert_int_equal(same_hash(hash[i], hash[j]), a == b);
            }
        dr_table_unref(t);
        dr_table_unref(left);
    }
}

static struct dr_table *two_texts(int32_t type, const char *a, const char *b)
{
    static const char *const names[] = { "a", "b" };
    struct dr_column *columns[2];
    const char *texts[2] = { a, b };
    for (int c = 0; c < 2; c++) {
        struct dr_builder *builder = dr_builder_new(type);
        if (texts[c])
            dr_builder_append_bytes(builder, texts[c], (int64_t)strlen(texts[c]));
        else
            dr_builder_append_null(builder);
        columns[c] = dr_builder_finish(builder);
    }
    struct dr_table *t = NULL;
    assert_int_equal(dr_table_new(2, names, (const struct dr_column *const *)columns, &t, NULL), DR_OK);
    dr_column_unref(columns[0]);
    dr_column_unref(columns[1]);
    return t;
}

static struct dr_row_hash hash_of_texts(int32_t type, const char *a, const char *b)
{
    struct dr_table *t = two_texts(type, a, b);
    struct dr_row_hash hash;
    assert_int_equal(dr_table_hash(t, 0, NULL, &hash, NULL), DR_OK);
    dr_table_unref(t);
    return hash;
}

static void a_key_is_its_values_and_not_their_bytes_in_a_row(void **state)
{
    (void)state;
    char *text = dr_malloc(9001);
    memset(text, 'x', 9000);
    text[9000] = '\0';
    struct dr_row_hash ab = hash_of_texts(DR_TYPE_STRING, "ab", "c");
    struct dr_row_hash longer = hash_of_texts(DR_TYPE_STRING, text, "");
    assert_true(same_hash(ab, hash_of_texts(DR_TYPE_DICT, "ab", "c")));
    assert_false(same_hash(ab, hash_of_texts(DR_TYPE_STRING, "a", "bc")));
    assert_false(same_hash(hash_of_texts(DR_TYPE_STRING, "", NULL), hash_of_texts(DR_TYPE_STRING, NULL, "")));
    assert_true(same_hash(longer, hash_of_texts(DR_TYPE_DICT, text, "")));
    text[8000] = 'y';
    assert_false(same_hash(longer, hash_of_texts(DR_TYPE_STRING, text, "")));
    free(text);
    struct dr_table *t = two_texts(DR_TYPE_STRING, "a", "b");
    struct dr_err err = { 0 };
    struct dr_row_hash hash;
    assert_int_equal(dr_table_hash(t, 1, (const char *const[]){ "c" }, &hash, &err), DR_ENOTFOUND);
    assert_non_null(strstr(err.msg, "'c'"));
    dr_table_unref(t);
}

/* ---- repeats ---- */

struct row {
    struct dr_row_hash content, key;
};
/* Numbers as hashes; all in one partition, which then has several slices, or in all of them. */
static struct dr_row_hash hash_of(uint64_t v, bool one_part)
{
    uint64_t own = v, r = random_next(&own);
    return (struct dr_row_hash){ r, one_part ? v : random_next(&own) };
}

/* The marks that two dr_table_distinct would give. */
static void mark_naively(int64_t n, const uint64_t *content, const uint64_t *key, int32_t keep,
                         uint8_t *marks)
{
    for (int64_t i = 0; i < n; i++) {
        marks[i] = DR_ROW_STAYS;
        for (int64_t j = 0; j < i && !marks[i]; j++)
            marks[i] = content[j] == content[i] ? DR_ROW_REPEATS : DR_ROW_STAYS;
    }
    for (int64_t i = 0; i < n; i++) {
        bool before = false, after = false;
        for (int64_t j = 0; j < n; j++) {
            bool rival = j != i && key[j] == key[i] && marks[j] != DR_ROW_REPEATS;
            before |= rival && j < i;
            after |= rival && j > i;
        }
        bool yields = keep == DR_KEEP_FIRST ? before : keep == DR_KEEP_LAST ? after : before || after;
        if (marks[i] != DR_ROW_REPEATS && yields)
            marks[i] = DR_ROW_YIELDS;
    }
}

static void check_repeats(uint64_t *seed, int64_t n, int64_t contents, int64_t keys, bool one_part,
                          int32_t keep)
{
    uint64_t *content = dr_malloc((size_t)n * sizeof *content), *key = dr_malloc((size_t)n * sizeof *key);
    uint8_t *wanted = dr_malloc((size_t)n);
    struct dr_row_marks *m = NULL;
    assert_int_equal(dr_row_marks_new(0, NULL, &m, NULL), DR_OK);
    for (int64_t i = 0; i < n; i++) {
        content[i] = (uint64_t)random_below(seed, contents);
        key[i] = (uint64_t)random_below(seed, keys);
        struct dr_row_hash of_content = hash_of(content[i], one_part), of_key = hash_of(key[i], one_part);
        int64_t number = i * 3; /* rows between were left out before */
        assert_int_equal(dr_row_marks_add(m, 1, &number, &of_content, &of_key, NULL), DR_OK);
    }
    mark_naively(n, content, key, keep, wanted);
    assert_int_equal(dr_row_marks_find_repeats(m, keep, NULL), DR_OK);
    for (int64_t i = 0; i < n; i++)
        assert_int_equal(dr_row_marks_get(m, i * 3), wanted[i]);
    assert_int_equal(dr_row_marks_get(m, 1), DR_ROW_STAYS);
    assert_int_equal(dr_row_marks_get(m, n * 3), DR_ROW_STAYS);
    assert_int_equal(dr_row_marks_get(m, -1), DR_ROW_STAYS);
    dr_row_marks_free(m);
    free(content);
    free(key);
    free(wanted);
}

static void repeats_and_conflicts_are_those_of_distinct(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (int32_t keep = DR_KEEP_FIRST; keep <= DR_KEEP_NONE; keep++) {
        check_repeats(&seed, 1, 1, 1, false, keep);
        check_repeats(&seed, 300, 200, 100, false, keep);
        check_repeats(&seed, 4000, 3000, 2500, true, keep); /* several slices and blocks */
        check_repeats(&seed, 4000, 1000000, 3, false, keep);
        check_repeats(&seed, 2000, 2, 1000, true, keep);
    }
}

static void marks_that_are_asked_for_wrongly_are_refused(void **state)
{
    (void)state;
    struct dr_row_marks *m = NULL;
    struct dr_err err = { 0 };
    struct dr_row_hash h = { 1, 2 };
    assert_int_equal(dr_row_marks_new(-1, NULL, &m, &err), DR_EINPUT);
    assert_int_equal(dr_row_marks_new(0, NULL, &m, &err), DR_OK);
    assert_int_equal(dr_row_marks_add(m, 1, &(int64_t){ -1 }, &h, &h, &err), DR_EPLUGIN);
    assert_int_equal(dr_row_marks_find_repeats(m, 7, &err), DR_EINPUT);
    assert_int_equal(dr_row_marks_find_repeats(m, DR_KEEP_FIRST, &err), DR_OK);
    assert_int_equal(dr_row_marks_add(m, 1, &(int64_t){ 0 }, &h, &h, &err), DR_EPLUGIN);
    assert_non_null(strstr(err.msg, "after all had been told of"));
    assert_int_equal(dr_row_marks_find_odds(m, &err), DR_EPLUGIN);
    dr_row_marks_free(m);
    dr_row_marks_free(NULL);
}

/* ---- sides ---- */

static void values_are_at_odds_with_those_of_their_key_on_the_other_side(void **state)
{
    (void)state;
    enum { N = 3000 };
    static double value[N];
    static uint64_t key[N];
    static bool high[N];
    uint64_t seed = 9;
    struct dr_row_marks *m = NULL;
    assert_int_equal(dr_row_marks_new(0, NULL, &m, NULL), DR_OK);
    for (int64_t i = 0; i < N; i++) {
        key[i] = (uint64_t)random_below(&seed, N / 2);
        high[i] = random_below(&seed, 2) == 1;
        value[i] = random_below(&seed, 40) == 0 ? (double)NAN : (double)random_below(&seed, 20) + 5 * high[i];
        assert_int_equal(dr_row_marks_add_side(m, i, hash_of(key[i], true), high[i], value[i], NULL), DR_OK);
    }
    assert_int_equal(dr_row_marks_find_odds(m, NULL), DR_OK);
    int64_t odds = 0;
    for (int64_t i = 0; i < N; i++) {
        bool wanted = false;
        for (int64_t j = 0; j < N; j++)
            if (key[j] == key[i] && high[j] != high[i])
                wanted |= !(high[i] ? value[j] < value[i] : value[i] < value[j]);
        assert_int_equal(dr_row_marks_get(m, i), wanted ? DR_ROW_ODDS : DR_ROW_STAYS);
        odds += wanted;
    }
    assert_true(odds > 100 && odds < N - 100);
    dr_row_marks_free(m);
}

/* ---- order ---- */

static struct dr_table *sort_in_batches(const struct dr_table *t, int32_t n, const struct dr_sort_key *keys,
                                        int64_t batch, int64_t memory)
{
    struct dr_sorter *s = NULL;
    const struct dr_table *out[64];
    struct dr_table *next = NULL, *all = NULL;
    int32_t n_out = 0;
    assert_int_equal(dr_sorter_new(n, keys, memory, NULL, &s, NULL), DR_OK);
    for (int64_t from = 0; from < t->rows || from == 0; from += batch) {
        struct dr_table *some = batch_of(t, from, from + batch < t->rows ? from + batch : t->rows);
        assert_int_equal(dr_sorter_add(s, some, NULL), DR_OK);
        dr_table_unref(some);
    }
    do {
        assert_int_equal(dr_sorter_next(s, &next, NULL), DR_OK);
        assert_true(n_out < 64);
        if (next)
            out[n_out++] = next;
    } while (next);
    dr_sorter_free(s);
    assert_int_equal(dr_table_concat(n_out, out, &all, NULL), DR_OK);
    for (int32_t i = 0; i < n_out; i++)
        dr_table_unref(DR_UNCONST(struct dr_table, out[i]));
    return all;
}

static void check_order(const struct dr_table *t, int32_t n, const struct dr_sort_key *keys, int64_t batch,
                        int64_t memory)
{
    struct dr_table *sorted = NULL, *merged = sort_in_batches(t, n, keys, batch, memory);
    assert_int_equal(dr_table_sort(t, n, keys, &sorted, NULL), DR_OK);
    check_table(merged);
    assert_int_equal(merged->rows, sorted->rows);
    for (int32_t c = 0; c < t->n; c++)
        assert_int_equal(merged->columns[c]->type, t->columns[c]->type);
    for (int64_t i = 0; i < sorted->rows; i++)
        check_same_row(merged, i, sorted, i);
    dr_table_unref(sorted);
    dr_table_unref(merged);
}

static void rows_come_in_the_order_of_sort(void **state)
{
    (void)state;
    uint64_t seed = 21;
    struct dr_table *t = many_table(&seed, 60000, 500);
    for (int32_t type = 0; type < N_TYPES; type++) {
        struct dr_sort_key keys[2] = { { .column = dr_type_name(type), .flags = type & 3 },
                                       { .column = dr_type_name((type + 4) % N_TYPES),
                                         .flags = type >> 1 & 3 } };
        check_order(t, 2, keys, 7001, 0); /* pieces of a megabyte */
    }
    dr_table_unref(t);
}

static void few_rows_and_none_are_sorted_in_memory(void **state)
{
    (void)state;
    uint64_t seed = 22;
    struct dr_sort_key key = { .column = "int64" };
    for (int s = 0; s < N_SIZES; s++) {
        struct dr_table *t = few_table(&seed, few_sizes[s]);
        check_order(t, 1, &key, 50, 1 << 30);
        dr_table_unref(t);
    }
}

static void a_sorter_that_is_used_wrongly_says_so(void **state)
{
    (void)state;
    uint64_t seed = 23;
    struct dr_err err = { 0 };
    struct dr_sorter *s = NULL;
    struct dr_table *t = few_table(&seed, 3), *next = NULL;
    struct dr_sort_key absent = { .column = "nowhere" }, there = { .column = "int64" };
    assert_int_equal(dr_sorter_new(0, &there, 0, NULL, &s, &err), DR_EINPUT);
    assert_int_equal(dr_sorter_new(1, &absent, 0, NULL, &s, &err), DR_OK);
    assert_int_equal(dr_sorter_next(s, &next, &err), DR_EPLUGIN);
    dr_sorter_free(s);
    assert_int_equal(dr_sorter_new(1, &absent, 0, NULL, &s, &err), DR_OK);
    assert_int_equal(dr_sorter_add(s, t, &err), DR_ENOTFOUND);
    assert_non_null(strstr(err.msg, "'nowhere'"));
    dr_sorter_free(s);
    assert_int_equal(dr_sorter_new(1, &there, 0, NULL, &s, &err), DR_OK);
    assert_int_equal(dr_sorter_add(s, t, &err), DR_OK);
    assert_int_equal(dr_sorter_next(s, &next, &err), DR_OK);
    assert_int_equal(dr_sorter_add(s, t, &err), DR_EPLUGIN);
    dr_table_unref(next);
    dr_table_unref(t);
    dr_sorter_free(s);
    dr_sorter_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_have_one_hash_where_distinct_takes_them_for_equal),
        cmocka_unit_test(a_key_is_its_values_and_not_their_bytes_in_a_row),
        cmocka_unit_test(repeats_and_conflicts_are_those_of_distinct),
        cmocka_unit_test(marks_that_are_asked_for_wrongly_are_refused),
        cmocka_unit_test(values_are_at_odds_with_those_of_their_key_on_the_other_side),
        cmocka_unit_test(rows_come_in_the_order_of_sort),
        cmocka_unit_test(few_rows_and_none_are_sorted_in_memory),
        cmocka_unit_test(a_sorter_that_is_used_wrongly_says_so),
    };
    dr_pool_init(2);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dr_pool_done();
    return failed;
}
