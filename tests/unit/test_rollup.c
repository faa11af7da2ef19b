/* One pass against filter, distinct and group by, one after the other. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include "data/kernel.h"
#include "data/pool.h"
#include "rollup/impl.h"
#include "random_table.h"

enum { BATCH = 700 };

static const char *const all_keys[] = { "dict", "date", "text", "whole", "real", "flag" };
static const struct dr_rollup_group dict_and_month[] = { { "dict", NULL, 0, 0 }, { "date", "month", 1, 0 } };
static const struct dr_agg numbers[] = {
    { .fn = DR_AGG_COUNT, .name = "rows" },
    { .fn = DR_AGG_COUNT, .column = "value", .name = "n" },
    { .fn = DR_AGG_COUNT_DISTINCT, .column = "value", .name = "different" },
    { .fn = DR_AGG_SUM, .column = "value", .name = "sum" },
    { .fn = DR_AGG_MEAN, .column = "value", .name = "mean" },
    { .fn = DR_AGG_STDDEV, .column = "value", .name = "stddev" },
    { .fn = DR_AGG_VARIANCE, .column = "value", .name = "variance" },
    { .fn = DR_AGG_MIN, .column = "value", .name = "min" },
    { .fn = DR_AGG_MAX, .column = "value", .name = "max" },
    { .fn = DR_AGG_MEDIAN, .column = "value", .name = "median" },
    { .fn = DR_AGG_QUANTILE, .column = "value", .name = "p95", .arg = 0.95 },
    { .fn = DR_AGG_MEAN, .column = "whole", .name = "mean_whole" },
};
enum { N_NUMBERS = sizeof(numbers) / sizeof(numbers[0]) };

static void must(int32_t rc, const struct dr_err *err)
{
    if (rc)
        fail_msg("%s", err->msg);
}

/* ---- tables ---- */

static void append_key(uint64_t *s, struct dr_builder *b, int32_t column)
{
    static const char *const texts[] = { "a", "b", "12345678", "123456789", "", "a longer text", "\xC3\xBC" };
    static const double reals[] = { 0.0, -0.0, 1.5, NAN, -3 };
    const char *text = texts[random_below(s, 7)];
    if (random_below(s, 12) == 0)
        dr_builder_append_null(b);
    else if (column == 0 || column == 2)
        dr_builder_append_bytes(b, text, (int64_t)strlen(text));
    else if (column == 4)
        dr_builder_append_float(b, reals[random_below(s, 5)]);
    else if (column == 5)
        dr_builder_append_int(b, random_below(s, 2));
    else if (column == 1)
        dr_builder_append_int(b, random_below(s, 50) == 0 ? INT32_MAX : 19000 + random_below(s, 90));
    else
        dr_builder_append_int(b, random_between(s, -2, 2));
}

static void append_value(uint64_t *s, struct dr_builder *b)
{
    if (random_below(s, 10) == 0)
        dr_builder_append_null(b);
    else
        dr_builder_append_float(b, (double)random_between(s, -400, 2000) / 10);
}

/* What rows mostly look like in files: numbers and texts of one shape, and a few of another. Odd ones become
 * common behind row `turn`. */
struct shape {
    int64_t turn;
    bool fractions; /* values are no decimal numbers */
    bool long_texts;
    int32_t different; /* texts; 0: 20 */
};

static void append_usual(uint64_t *s, struct dr_builder *b, int32_t column, const struct shape *shape)
{
    char text[48];
    const char *form = column == 0 ? "H%02d" : shape->long_texts ? "0b5e9d4c-7a31-4f0e-9c1d-%012d" : "P%05d";
    int n =
        snprintf(text, sizeof(text), form, (int)random_below(s, shape->different ? shape->different : 20));
    if (column == 0 || column == 2)
        dr_builder_append_bytes(b, text, n);
    else if (column == 1)
        dr_builder_append_int(b, 19000 + random_below(s, 90));
    else if (column == 4)
        dr_builder_append_null(b);
    else
        dr_builder_append_int(b, column == 5 ? random_below(s, 2) : random_below(s, 3) + 1000000);
}

static void append_shaped(uint64_t *s, struct dr_builder *b, int32_t column, const struct shape *shape,
                          int64_t row)
{
    static const double odd_values[] = { NAN, 1e100, -0.0, 0.1 + 0.2, -9007199254740993.0, 1e15, 0 };
    bool odd = random_below(s, row < shape->turn ? 100 : 2) == 0;
    if (column < 6 && odd)
        append_key(s, b, column);
    else if (column < 6)
        append_usual(s, b, column, shape);
    else if (odd)
        dr_builder_append_float(b, odd_values[random_below(s, 7)]);
    else if (shape->fractions)
        dr_builder_append_float(b, (double)random_below(s, 1000) / 7);
    else
        append_value(s, b);
}

static struct dr_table *make_shaped(uint64_t seed, int64_t rows, const struct shape *shape)
{
    static const int32_t types[] = { DR_TYPE_DICT,    DR_TYPE_DATE, DR_TYPE_STRING, DR_TYPE_INT64,
                                     DR_TYPE_FLOAT64, DR_TYPE_BOOL, DR_TYPE_FLOAT64 };
    static const char *const names[] = { "dict", "date", "text", "whole", "real", "flag", "value" };
    struct dr_column *columns[7];
    struct dr_table *t = NULL;
    struct dr_err err = { 0 };
    for (int32_t c = 0; c < 7; c++) {
        struct dr_builder *b = dr_builder_new(types[c]);
        for (int64_t i = 0; i < rows; i++) {
            if (shape)
                append_shaped(&seed, b, c, shape, i);
            else if (c < 6)
                append_key(&seed, b, c);
            else
                append_value(&seed, b);
        }
        columns[c] = dr_builder_finish(b);
    }
    must(dr_table_new(7, names, (const struct dr_column *const *)columns, &t, &err), &err);
    for (int32_t c = 0; c < 7; c++)
        dr_column_unref(columns[c]);
    return t;
}

static struct dr_table *make_table(uint64_t seed, int64_t rows)
{
    return make_shaped(seed, rows, NULL);
}

/* ---- one pass ---- */

struct pass {
    struct dr_rollup *r;
    const struct dr_table *t;
    const uint8_t *selected;
    int32_t workers;
};

static struct dr_rollup_pack last_pack; /* what the last pass decided: not its pointers */
static size_t last_used;                /* memory of its entries and values */
static uint32_t last_texts;             /* that were kept with a number */
static int64_t last_groups;

static struct dr_table *slice(const struct dr_table *t, int64_t from, int64_t n)
{
    struct dr_table *part = NULL;
    struct dr_err err = { 0 };
    DR_AUTO_FREE int64_t *rows = dr_malloc((size_t)n * sizeof(*rows));
    for (int64_t i = 0; i < n; i++)
        rows[i] = from + i;
    must(dr_table_take(t, n, rows, &part, &err), &err);
    return part;
}

static void add_batches(void *ctx, int64_t worker)
{
    const struct pass *p = ctx;
    for (int64_t from = worker * BATCH; from < p->t->rows; from += BATCH * p->workers) {
        int64_t n = p->t->rows - from < BATCH ? p->t->rows - from : BATCH;
        struct dr_table *batch = slice(p->t, from, n);
        uint64_t bits[BATCH / 64 + 1] = { 0 };
        for (int64_t i = 0; i < n; i++)
            bits[i / 64] |= (uint64_t)dr_bit(p->selected, from + i) << (i % 64);
        struct dr_err err = { 0 };
        must(dr_rollup_add(p->r, (int32_t)worker, from, batch, bits, &err), &err);
        dr_table_unref(batch);
    }
}

static struct dr_rollup_options options(int32_t n_keys, int32_t n_groups, int32_t workers)
{
    return (struct dr_rollup_options){ .n_keys = n_keys,
                                       .keys = all_keys,
                                       .n_groups = n_groups,
                                       .groups = dict_and_month,
                                       .n_aggs = N_NUMBERS,
                                       .aggs = numbers,
                                       .workers = workers };
}

static struct dr_table *one_pass(const struct dr_rollup_options *o, const struct dr_table *t,
                                 const uint8_t *selected, struct dr_rollup_counts *counts)
{
    struct dr_table *result = NULL;
    struct dr_err err = { 0 };
    struct pass p = { .t = t, .selected = selected, .workers = o->workers };
    struct dr_table *first = t->rows > 3 * BATCH ? slice(t, 0, 3 * BATCH) : dr_table_ref(t);
    must(dr_rollup_new(o, first, &p.r, &err), &err);
    dr_table_unref(first);
    last_pack = p.r->pack;
    dr_pool_run(o->workers, add_batches, &p);
    must(dr_rollup_finish(p.r, &result, counts, &err), &err);
    last_used = p.r->store.used;
    last_texts = p.r->texts.n;
    last_groups = result->rows;
    dr_rollup_free(p.r);
    return result;
}

/* ---- the same in steps ---- */

static struct dr_table *with_month(const struct dr_table *t)
{
    int32_t hint = 0;
    struct dr_err err = { 0 };
    struct dr_table *wider = NULL;
    const struct dr_column *dates = dr_table_column(t, 1);
    struct dr_builder *b = dr_builder_new(DR_TYPE_DICT);
    for (int64_t i = 0; i < t->rows; i++) {
        int64_t at;
        const struct dr_array *a = dr_column_at(dates, i, &hint, &at);
        int32_t day = ((const int32_t *)a->values)[at];
        if (!dr_array_valid(a, at) || day == INT32_MAX) {
            dr_builder_append_null(b);
            continue;
        }
        char text[16];
        struct dr_civil c;
        dr_civil_from_days(day, &c);
        dr_builder_append_bytes(b, text, snprintf(text, sizeof(text), "%04d-%02d", c.year, c.month));
    }
    struct dr_column *month = dr_builder_finish(b);
    must(dr_table_with(t, "month", month, &wider, &err), &err);
    dr_column_unref(month);
    return wider;
}

static struct dr_table *in_steps(const struct dr_rollup_options *o, const struct dr_table *t,
                                 const uint8_t *selected, int64_t *ret_kept)
{
    static const char *const groups[] = { "dict", "month" };
    struct dr_err err = { 0 };
    struct dr_table *some = NULL, *distinct = NULL, *result = NULL;
    must(dr_table_filter(t, selected, &some, &err), &err);
    if (o->n_keys > 0)
        must(dr_table_distinct(some, o->n_keys, o->keys, DR_KEEP_FIRST, NULL, &distinct, &err), &err);
    else
        distinct = dr_table_ref(some);
    *ret_kept = distinct->rows;
    struct dr_table *monthly = with_month(distinct);
    must(dr_table_group_by(monthly, o->n_groups, groups, o->n_aggs, o->aggs, &result, &err), &err);
    dr_table_unref(some);
    dr_table_unref(distinct);
    dr_table_unref(monthly);
    return result;
}

static int64_t rows_that_repeat(const struct dr_rollup_options *o, const struct dr_table *t)
{
    static const struct dr_agg count[] = { { .fn = DR_AGG_COUNT, .name = "occurs" } };
    struct dr_err err = { 0 };
    struct dr_table *keys = NULL;
    int64_t sum = 0, at;
    int32_t hint = 0;
    must(dr_table_group_by(t, o->n_keys, o->keys, 1, count, &keys, &err), &err);
    const struct dr_column *c = dr_table_column(keys, o->n_keys);
    for (int64_t i = 0; i < keys->rows; i++) {
        int64_t n = ((const int64_t *)dr_column_at(c, i, &hint, &at)->values)[0 + at];
        sum += n > 1 ? n : 0;
    }
    dr_table_unref(keys);
    return sum;
}

/* ---- comparing ---- */

static void assert_same_cell(const struct dr_table *a, const struct dr_table *b, int32_t c, int64_t row)
{
    DR_AUTO_BUF left = { 0 };
    DR_AUTO_BUF right = { 0 };
    const char *x = cell_text(a->columns[c], row, &left), *y = cell_text(b->columns[c], row, &right);
    if (!x || !y) {
        assert_ptr_equal(x, y);
        return;
    }
    if (strcmp(x, y) == 0)
        return;
    double dx = strtod(x, NULL), dy = strtod(y, NULL);
    if (!(fabs(dx - dy) <= 1e-9 * (1 + fabs(dx))))
        fail_msg("%s of row %d: %s, in steps %s", a->names[c], (int)row, x, y);
}

static void assert_same(const struct dr_table *a, const struct dr_table *b)
{
    assert_int_equal(a->n, b->n);
    assert_int_equal(a->rows, b->rows);
    for (int32_t c = 0; c < a->n; c++)
        for (int64_t row = 0; row < a->rows; row++)
            assert_same_cell(a, b, c, row);
}

static void compare_shaped(uint64_t seed, int64_t rows, const struct shape *shape,
                           const struct dr_rollup_options *o)
{
    struct dr_table *t = make_shaped(seed, rows, shape);
    struct dr_rollup_counts counts;
    int64_t kept;
    DR_AUTO_FREE uint8_t *selected = dr_calloc((size_t)rows / 8 + 9, 1);
    for (int64_t i = 0; i < rows; i++)
        if (random_below(&seed, 8) != 0)
            dr_bit_set(selected, i);
    struct dr_table *a = one_pass(o, t, selected, &counts), *b = in_steps(o, t, selected, &kept);
    assert_same(a, b);
    assert_int_equal(rows, counts.rows);
    assert_int_equal(dr_bits_count(selected, rows), counts.selected);
    assert_int_equal(kept, counts.kept);
    if (o->n_keys > 0)
        assert_int_equal(rows_that_repeat(o, t), counts.duplicate_rows);
    dr_table_unref(a);
    dr_table_unref(b);
    dr_table_unref(t);
}

static void compare(uint64_t seed, int64_t rows, const struct dr_rollup_options *o)
{
    compare_shaped(seed, rows, NULL, o);
}

/* ---- tests ---- */

static void one_pass_gives_what_the_steps_give(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct dr_rollup_options o = options((int32_t)(seed % 7), (int32_t)(seed % 3), 1);
        compare(seed, 50 + (int64_t)seed * 431, &o);
    }
}

static void threads_change_nothing(void **state)
{
    (void)state;
    for (int32_t threads = 2; threads <= 7; threads += 5) {
        dr_pool_init(threads);
        struct dr_rollup_options o = options(4, 2, threads);
        o.expected_rows = 400000; /* several partitions */
        compare(99, 30000, &o);
        o = options(0, 2, threads);
        compare(98, 30000, &o);
        dr_pool_done();
    }
}

static void beyond_the_limit_a_file_takes_what_memory_cannot(void **state)
{
    (void)state;
    dr_pool_init(2);
    struct dr_rollup_options o = options(6, 2, 2);
    o.memory_limit = 100000;
    o.expected_rows = 100000;
    compare(5, 60000, &o);
    dr_pool_done();
}

/* Each group has a first block of values, even beyond the limit: others may not have more for that. */
static void many_groups_do_not_lift_the_limit(void **state)
{
    (void)state;
    enum { ROWS = 400000, ROWS_IN_GROUP = 2000, GROUPS = ROWS / ROWS_IN_GROUP + 1 };
    static const char *const names[] = { "whole", "value" };
    static const struct dr_rollup_group whole = { "whole", NULL, 0, 0 };
    struct dr_rollup_options o = options(0, 1, 1);
    struct dr_rollup_counts counts;
    struct dr_err err = { 0 };
    struct dr_table *t = NULL;
    struct dr_builder *b[2] = { dr_builder_new(DR_TYPE_INT64), dr_builder_new(DR_TYPE_FLOAT64) };
    for (int64_t i = 0; i < ROWS; i++) {
        dr_builder_append_int(b[0], i % 2 ? i / ROWS_IN_GROUP : -1); /* new groups up to the end */
        dr_builder_append_float(b[1], (double)i);
    }
    struct dr_column *columns[2] = { dr_builder_finish(b[0]), dr_builder_finish(b[1]) };
    must(dr_table_new(2, names, (const struct dr_column *const *)columns, &t, &err), &err);
    dr_column_unref(columns[0]);
    dr_column_unref(columns[1]);
    DR_AUTO_FREE uint8_t *all = dr_malloc(ROWS / 8 + 9);
    memset(all, 0xFF, ROWS / 8 + 9);
    o.groups = &whole;
    o.n_aggs = 2;
    o.memory_limit = 256 << 10;
    struct dr_table *result = one_pass(&o, t, all, &counts);
    assert_int_equal(GROUPS, result->rows);
    assert_in_range(last_used, 0, o.memory_limit + GROUPS * 1024 + (64 << 10));
    dr_table_unref(result);
    dr_table_unref(t);
}

/* Files are mostly of one shape; what is not, or is so no longer, is told apart all the same. */
static void packed_rows_are_the_same_rows(void **state)
{
    (void)state;
    dr_pool_init(2);
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct shape shape = { .turn = seed % 2 ? INT64_MAX : 4000, .fractions = seed > 4 };
        struct dr_rollup_options o = options(1 + (int32_t)(seed + 1) % 4, (int32_t)(seed / 2 % 3), 2);
        o.expected_rows = 12000 + (int64_t)(seed % 3) * 100000;
        compare_shaped(seed, 12000, &shape, &o);
        assert_true(last_pack.on);
        assert_int_equal(shape.fractions, last_pack.raw);
    }
    dr_pool_done();
}

static void packed_rows_go_to_a_file_beyond_the_limit(void **state)
{
    (void)state;
    for (int32_t fractions = 0; fractions <= 1; fractions++) {
        struct shape shape = { .turn = 30000, .fractions = fractions };
        struct dr_rollup_options o = options(4, 2, 1);
        o.memory_limit = 200000;
        o.expected_rows = 100000;
        compare_shaped(6, 60000, &shape, &o);
        assert_true(last_pack.on);
    }
}

/* Beyond the limit new groups have no room, and their rows wait. Some groups have room with one thread and
 * none with the other. */
static void rows_of_groups_without_room_wait(void **state)
{
    (void)state;
    enum { WITHIN_LIMIT = 1024 }; /* of each worker, of so small a limit */
    dr_pool_init(3);
    for (int32_t i = 0; i < 16; i++) {
        struct shape shape = { .turn = i & 1 ? 0 : 30000, .fractions = i & 2, .different = 3000 };
        struct dr_rollup_options o = options(i & 4 ? 4 : 0, 2, i & 8 ? 3 : 1);
        compare_shaped(61, 30000, &shape, &o);
        assert_in_range(last_groups, o.workers * WITHIN_LIMIT + 1, 30000);
        o.memory_limit = 200000;
        o.expected_rows = 100000;
        compare_shaped(61, 30000, &shape, &o);
        assert_int_equal(o.n_keys > 0 && !(i & 1), last_pack.on);
    }
    dr_pool_done();
}

/* Of which nothing is known but how many rows they have. */
static void groups_without_values_wait_too(void **state)
{
    (void)state;
    enum { WITHIN_LIMIT = 1024 };
    struct shape shape = { .turn = 30000, .different = 3000 };
    for (int32_t keys = 0; keys <= 4; keys += 4) {
        struct dr_rollup_options o = options(keys, 2, 1);
        o.n_aggs = 1;
        o.memory_limit = 200000;
        compare_shaped(62, 30000, &shape, &o);
        assert_in_range(last_groups, WITHIN_LIMIT + 1, 30000);
    }
}

/* UUIDs and the like: their number costs no memory, unless groups have to show them. */
static void long_texts_of_a_key_are_not_kept(void **state)
{
    (void)state;
    static const struct dr_rollup_group text[] = { { "text", NULL, 0, 0 } };
    struct shape shape = { .turn = 8000, .long_texts = true };
    struct dr_rollup_options o = options(3, 2, 1);
    compare_shaped(21, 12000, &shape, &o);
    assert_in_range(last_texts, 0, 1); /* a day beyond any calendar */
    o.n_keys = 1;
    o.keys = &all_keys[2];
    compare_shaped(22, 12000, &shape, &o);
    assert_in_range(last_texts, 0, 1); /* a day beyond any calendar */
    struct dr_table *t = make_shaped(23, 12000, &shape);
    struct dr_rollup_counts counts;
    DR_AUTO_FREE uint8_t *all = dr_malloc(12000 / 8 + 9);
    memset(all, 0xFF, 12000 / 8 + 9);
    o.n_groups = 1;
    o.groups = text;
    struct dr_table *result = one_pass(&o, t, all, &counts);
    assert_int_equal(counts.kept, result->rows); /* each text is a key and a group */
    assert_in_range(last_texts, 20, 25);
    dr_table_unref(result);
    dr_table_unref(t);
}

/* One group of more values than may lie in memory at once. */
static void a_large_group_is_gone_through_in_pieces(void **state)
{
    (void)state;
    for (int32_t threads = 1; threads <= 2; threads++) {
        dr_pool_init(threads);
        struct shape shape = { .turn = INT64_MAX, .fractions = threads == 2 };
        struct dr_rollup_options o = options(0, 0, threads);
        o.memory_limit = 64 << 10;
        compare_shaped(31, 60000, &shape, &o);
        o.n_groups = 1;
        compare(32, 60000, &o);
        dr_pool_done();
    }
}

static void of_two_zeros_none_is_negative(void **state)
{
    (void)state;
    static const char *const names[] = { "value" };
    struct dr_rollup_options o = options(0, 0, 1);
    struct dr_rollup_counts counts;
    struct dr_err err = { 0 };
    struct dr_table *t = NULL;
    DR_AUTO_BUF text = { 0 };
    uint8_t all[9] = { 0xFF };
    struct dr_builder *b = dr_builder_new(DR_TYPE_FLOAT64);
    dr_builder_append_float(b, -0.0);
    dr_builder_append_float(b, 0.0);
    struct dr_column *c = dr_builder_finish(b);
    must(dr_table_new(1, names, (const struct dr_column *const *)&c, &t, &err), &err);
    dr_column_unref(c);
    o.aggs = &numbers[7];
    o.n_aggs = 2;
    struct dr_table *result = one_pass(&o, t, all, &counts);
    assert_string_equal("0", cell_text(result->columns[0], 0, &text));
    assert_string_equal("0", cell_text(result->columns[1], 0, &text));
    dr_table_unref(result);
    dr_table_unref(t);
}

/* Each field's words are the same after packing, where its row says that it fits. */
static void packed_fields_give_their_words_back(void **state)
{
    (void)state;
    struct dr_rollup_options o = options(4, 2, 1);
    struct shape shape = { .turn = INT64_MAX };
    struct dr_table *t = make_shaped(3, DR_ROLLUP_BLOCK, &shape);
    struct dr_rollup *r = NULL;
    struct dr_err err = { 0 };
    uint64_t chosen[DR_ROLLUP_BLOCK], packed[DR_ROLLUP_BLOCK];
    must(dr_rollup_new(&o, t, &r, &err), &err);
    struct dr_rollup_columns c = { .values = r->workers[0].values, .words = r->workers[0].words };
    must(dr_rollup_fill_block(r, t, 0, 0, DR_ROLLUP_BLOCK, &c, &err), &err);
    memset(chosen, 0xFF, sizeof(chosen));
    int32_t whole = 0;
    for (int32_t avx2 = 0; avx2 <= r->pack.avx2; avx2++) {
        bool best = r->pack.avx2;
        r->pack.avx2 = avx2;
        dr_rollup_pack_rows(r, &c, chosen, packed);
        r->pack.avx2 = best;
        for (int32_t i = 0; i < DR_ROLLUP_BLOCK; i++) {
            whole += packed[i] >> 63;
            for (int32_t f = 0; f < r->n_fields && !(packed[i] & DR_ROLLUP_WHOLE); f++) {
                uint32_t words[3];
                dr_rollup_unpack(&r->fields[f], &r->pack.places[f], packed[i], words);
                for (int32_t k = 0; k < r->fields[f].n; k++)
                    assert_int_equal(c.words[r->fields[f].at + k][i], words[k]);
            }
        }
    }
    assert_in_range(whole, 1, DR_ROLLUP_BLOCK / 4);
    dr_rollup_free(r);
    dr_table_unref(t);
}

/* Bit by bit, though threads and partitions put the values of a group into another order. */
static void the_order_of_values_does_not_show(void **state)
{
    (void)state;
    struct dr_rollup_options o = options(3, 1, 1);
    struct dr_rollup_counts counts;
    struct dr_table *t = make_table(77, 60000), *first = NULL;
    DR_AUTO_FREE uint8_t *all = dr_malloc(60000 / 8 + 9);
    memset(all, 0xFF, 60000 / 8 + 9);
    o.n_keys = 0;
    for (int32_t run = 0; run < 8; run++) {
        dr_pool_init(run % 4 + 1);
        o.workers = run % 4 + 1;
        struct dr_table *result = one_pass(&o, t, all, &counts);
        for (int32_t c = 1; first && c < result->n; c++)
            for (int64_t row = 0; row < result->rows; row++) {
                const struct dr_array *a = first->columns[c]->chunk[0], *b = result->columns[c]->chunk[0];
                assert_int_equal(((const uint64_t *)a->values)[row], ((const uint64_t *)b->values)[row]);
            }
        dr_table_unref(first ? result : NULL);
        first = first ? first : result;
        dr_pool_done();
    }
    dr_table_unref(first);
    dr_table_unref(t);
}

/* Each day of several thousand years, and the ends of what a calendar knows. */
static void every_day_falls_into_its_month(void **state)
{
    (void)state;
    static const char *const names[] = { "date" };
    static const struct dr_rollup_group month[] = { { "date", NULL, 1, 0 } };
    struct dr_rollup_options o = options(0, 1, 1);
    struct dr_rollup_counts counts;
    struct dr_err err = { 0 };
    o.groups = month;
    o.n_aggs = 1;
    for (int64_t first = -1100000; first < 1100000; first += 73000) {
        struct dr_builder *b = dr_builder_new(DR_TYPE_DATE);
        for (int64_t day = first; day < first + 800; day++)
            dr_builder_append_int(b, day);
        struct dr_column *c = dr_builder_finish(b);
        struct dr_table *t = NULL, *result;
        must(dr_table_new(1, names, (const struct dr_column *const *)&c, &t, &err), &err);
        dr_column_unref(c);
        DR_AUTO_FREE uint8_t *all = dr_malloc(128);
        memset(all, 0xFF, 128);
        result = one_pass(&o, t, all, &counts);
        int64_t row = 0, in_month = 0;
        for (int64_t day = first; day < first + 800; day++) {
            struct dr_civil today, tomorrow;
            DR_AUTO_BUF text = { 0 };
            dr_civil_from_days((int32_t)day, &today);
            dr_civil_from_days((int32_t)day + 1, &tomorrow);
            in_month++;
            if (today.month == tomorrow.month && day + 1 < first + 800)
                continue;
            char wanted[24];
            snprintf(wanted, sizeof(wanted), "%04d-%02d", today.year, today.month);
            if (first >= -719162) { /* years before 1 do not sort as text */
                assert_string_equal(wanted, cell_text(result->columns[0], row, &text));
                snprintf(wanted, sizeof(wanted), "%d", (int)in_month);
                assert_string_equal(wanted, cell_text(result->columns[1], row, &text));
            }
            row++;
            in_month = 0;
        }
        assert_int_equal(row, result->rows);
        dr_table_unref(result);
        dr_table_unref(t);
    }
}

static void no_rows_give_no_groups(void **state)
{
    (void)state;
    struct dr_rollup_options o = options(2, 2, 1);
    compare(3, 0, &o);
}

static int32_t part_bits(int64_t expected_rows, int64_t batch_rows)
{
    struct dr_rollup_options o = options(2, 2, 1);
    struct dr_table *t = make_table(1, batch_rows);
    struct dr_rollup *r = NULL;
    struct dr_err err = { 0 };
    o.expected_rows = expected_rows;
    must(dr_rollup_new(&o, t, &r, &err), &err);
    int32_t bits = r->part_bits;
    dr_rollup_free(r);
    dr_table_unref(t);
    return bits;
}

/* What is noted for each batch and partition is bounded, whatever the length. */
static void many_batches_have_fewer_partitions(void **state)
{
    (void)state;
    assert_int_equal(part_bits(10000, 1000), 0);
    assert_int_equal(part_bits(10000000, 10000), 9);
    assert_int_equal(part_bits(100000000, 10000), 10);
    assert_int_equal(part_bits(1000000000, 10000), 7);
    assert_int_equal(part_bits(1000000000, 1), 6);
    assert_int_equal(part_bits(0, 1000), 6);
}

static void fails(const struct dr_rollup_options *o, const char *what)
{
    struct dr_table *t = make_table(1, 3);
    struct dr_rollup *r = NULL;
    struct dr_err err = { 0 };
    assert_int_not_equal(DR_OK, dr_rollup_new(o, t, &r, &err));
    if (!strstr(err.msg, what))
        fail_msg("'%s' lacks '%s'", err.msg, what);
    dr_table_unref(t);
}

static void what_cannot_be_had_is_said(void **state)
{
    (void)state;
    struct dr_rollup_options o = options(1, 2, 1);
    o.keys = (const char *const[]){ "dickt" };
    fails(&o, "dickt");
    o = options(1, 1, 1);
    o.groups = &(struct dr_rollup_group){ "text", NULL, 1, 0 };
    fails(&o, "has no month");
    o = options(1, 1, 1);
    o.aggs = &(struct dr_agg){ .fn = DR_AGG_MEAN, .column = "text", .name = "x" };
    o.n_aggs = 1;
    fails(&o, "aggregates here are of int64 and float64");
    o.aggs = &(struct dr_agg){ .fn = DR_AGG_FIRST, .column = "value", .name = "x" };
    fails(&o, "cannot be had in one pass");
}

/* As doubles the two would be one. */
static void large_whole_numbers_are_not_counted_as_fewer(void **state)
{
    (void)state;
    static const struct dr_agg distinct = { .fn = DR_AGG_COUNT_DISTINCT, .column = "n", .name = "different" };
    struct dr_rollup_options o = { .n_aggs = 1, .aggs = &distinct, .workers = 1 };
    for (int64_t most = INT64_C(1) << 53; most <= (INT64_C(1) << 53) + 1; most++) {
        struct dr_err err = { 0 };
        struct dr_rollup *r = NULL;
        struct dr_table *t = NULL, *result = NULL;
        struct dr_rollup_counts counts;
        struct dr_builder *b = dr_builder_new(DR_TYPE_INT64);
        dr_builder_append_null(b);
        dr_builder_append_int(b, most - 1);
        dr_builder_append_int(b, most);
        struct dr_column *c = dr_builder_finish(b);
        must(dr_table_new(1, (const char *[]){ "n" }, (const struct dr_column *[]){ c }, &t, &err), &err);
        must(dr_rollup_new(&o, t, &r, &err), &err);
        int32_t rc = dr_rollup_add(r, 0, 0, t, NULL, &err);
        if (most > INT64_C(1) << 53) {
            assert_int_equal(rc, DR_EINPUT);
            assert_non_null(strstr(err.msg, "column 'n' has 9007199254740993"));
        } else {
            must(rc, &err);
            must(dr_rollup_finish(r, &result, &counts, &err), &err);
            assert_int_equal(((const int64_t *)result->columns[0]->chunk[0]->values)[0], 2);
        }
        dr_table_unref(result);
        dr_rollup_free(r);
        dr_table_unref(t);
        dr_column_unref(c);
    }
}

static void a_file_that_cannot_be_made_is_an_error(void **state)
{
    (void)state;
    struct dr_rollup_options o = options(6, 0, 1);
    struct dr_table *t = make_table(7, 30000);
    struct dr_rollup *r = NULL;
    struct dr_err err = { 0 };
    o.memory_limit = 1;
    o.spill_folder = "/nonexistent/folder";
    must(dr_rollup_new(&o, t, &r, &err), &err);
    assert_int_equal(DR_ESYS, dr_rollup_add(r, 0, 0, t, NULL, &err));
    assert_non_null(strstr(err.msg, "/nonexistent/folder"));
    dr_rollup_free(r);
    dr_table_unref(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_pass_gives_what_the_steps_give),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(beyond_the_limit_a_file_takes_what_memory_cannot),
        cmocka_unit_test(many_groups_do_not_lift_the_limit),
        cmocka_unit_test(rows_of_groups_without_room_wait),
        cmocka_unit_test(groups_without_values_wait_too),
        cmocka_unit_test(packed_rows_are_the_same_rows),
        cmocka_unit_test(packed_rows_go_to_a_file_beyond_the_limit),
        cmocka_unit_test(long_texts_of_a_key_are_not_kept),
        cmocka_unit_test(a_large_group_is_gone_through_in_pieces),
        cmocka_unit_test(of_two_zeros_none_is_negative),
        cmocka_unit_test(packed_fields_give_their_words_back),
        cmocka_unit_test(the_order_of_values_does_not_show),
        cmocka_unit_test(every_day_falls_into_its_month),
        cmocka_unit_test(no_rows_give_no_groups),
        cmocka_unit_test(many_batches_have_fewer_partitions),
        cmocka_unit_test(what_cannot_be_had_is_said),
        cmocka_unit_test(large_whole_numbers_are_not_counted_as_fewer),
        cmocka_unit_test(a_file_that_cannot_be_made_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
