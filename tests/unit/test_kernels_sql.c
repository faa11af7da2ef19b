/* Kernels held against SQL: what SQLite says of the same table. */
#include "many_rows.h"

static const char *const t_names[] = { "a", "s", "f", "r" };

/* Few small integers, texts and halves, with missing ones, and the row's number. */
static struct dr_table *sql_table(uint64_t *seed, int64_t rows, const char *const *names)
{
    static const char *const texts_of[] = { "", "a", "b", "ab", "Z", "\xc3\xa9", "0" };
    struct dr_builder *b[] = { dr_builder_new(DR_TYPE_INT64), dr_builder_new(DR_TYPE_DICT),
                               dr_builder_new(DR_TYPE_FLOAT64), dr_builder_new(DR_TYPE_INT64) };
    int64_t ints = random_between(seed, 1, 60);
    for (int64_t i = 0; i < rows; i++) {
        const char *text = texts_of[random_below(seed, 7)];
        for (int c = 0; c < 4; c++)
            if (c < 3 && random_below(seed, 9) == 0)
                dr_builder_append_null(b[c]);
            else if (c == 0)
                dr_builder_append_int(b[c], random_between(seed, -ints, ints));
            else if (c == 1)
                dr_builder_append_bytes(b[c], text, (int64_t)strlen(text));
            else if (c == 2)
                dr_builder_append_float(b[c], (double)random_between(seed, -20, 20) / 2);
            else
                dr_builder_append_int(b[c], i);
    }
    struct dr_column *columns[4];
    for (int c = 0; c < 4; c++)
        columns[c] = cut_randomly(seed, dr_builder_finish(b[c]));
    return table_of(4, names, columns);
}

/* ---- asking SQL ----------------------------------------------------------------------- */

static void must(int32_t rc, const struct dr_err *err)
{
    if (rc)
        fail_msg("%s", err->msg);
}

static struct dr_table *query(const struct dr_table *t, const struct dr_table *u, const char *sql)
{
    struct dr_db *db = NULL;
    struct dr_table *ret = NULL;
    struct dr_err err = { 0 };
    must(dr_db_open(":memory:", &db, &err), &err);
    must(dr_db_attach_table(db, "t", t, &err), &err);
    if (u)
        must(dr_db_attach_table(db, "u", u, &err), &err);
    must(dr_db_query(db, sql, &ret, &err), &err);
    dr_db_close(db);
    return ret;
}

static bool is_text(const struct dr_column *c)
{
    return c->type == DR_TYPE_STRING || c->type == DR_TYPE_DICT;
}

static bool same_value(const struct dr_column *a, int64_t i, const struct dr_column *b, int64_t j)
{
    if (is_null(a, i) || is_null(b, j))
        return is_null(a, i) && is_null(b, j);
    if (is_text(a) || is_text(b))
        return is_text(a) && is_text(b) && dr_str_eq(text_of(a, i), text_of(b, j));
    return fabs(float_of(a, i) - float_of(b, j)) < 1e-9;
}

/* Takes the answer of SQL. */
static void check_same(const struct dr_table *mine, struct dr_table *sql)
{
    check_table(mine);
    assert_int_equal(mine->n, sql->n);
    assert_int_equal(mine->rows, sql->rows);
    for (int32_t c = 0; c < mine->n; c++)
        for (int64_t i = 0; i < mine->rows; i++)
            if (!same_value(mine->columns[c], i, sql->columns[c], i))
                fail_msg("column %s differs from SQL in row %" PRId64, mine->names[c], i);
    dr_table_unref(sql);
}

/* The columns of a result by name, as SQL was asked for them; takes t. */
static struct dr_table *only(struct dr_table *t, int32_t n, const char *const *names)
{
    struct dr_table *ret = NULL;
    struct dr_err err = { 0 };
    must(dr_table_select(t, n, names, &ret, &err), &err);
    dr_table_unref(t);
    return ret;
}

typedef void (*with_table)(const struct dr_table *t, uint64_t *seed);

/* Run a comparison on tables of several sizes, with several threads. */
static void compare(uint64_t seed, with_table fn)
{
    static const int64_t sizes[] = { 0, 1, 30, 500, 30000 };
    for (int i = 0; i < 5; i++) {
        struct dr_table *t = sql_table(&seed, sizes[i], t_names);
        dr_pool_init(thread_counts[i % N_THREAD_COUNTS]);
        fn(t, &seed);
        dr_pool_done();
        dr_table_unref(t);
    }
}

/* ---- comparisons ---------------------------------------------------------------------- */

static void compare_groups(const struct dr_table *t, uint64_t *seed)
{
    static const char *const keys[] = { "a", "s" };
    static const struct dr_agg aggs[] = { { .fn = DR_AGG_COUNT, .name = "n" },
                                          { .fn = DR_AGG_COUNT, .column = "f", .name = "present" },
                                          { .fn = DR_AGG_COUNT_DISTINCT, .column = "f", .name = "distinct" },
                                          { .fn = DR_AGG_SUM, .column = "f", .name = "sum" },
                                          { .fn = DR_AGG_SUM, .column = "a", .name = "sum_a" },
                                          { .fn = DR_AGG_MEAN, .column = "f", .name = "mean" },
                                          { .fn = DR_AGG_MIN, .column = "f", .name = "least" },
                                          { .fn = DR_AGG_MAX, .column = "s", .name = "most" } };
    struct dr_table *g = NULL;
    struct dr_err err = { 0 };
    (void)seed;
    must(dr_table_group_by(t, 2, keys, 8, aggs, &g, &err), &err);
    check_same(g, query(t, NULL,
                        "SELECT a, s, count(*), count(f), count(DISTINCT f), sum(f), sum(a), avg(f), min(f), "
                        "max(s) FROM t GROUP BY a, s ORDER BY a NULLS LAST, s NULLS LAST"));
    dr_table_unref(g);
}

/* t with a truth value: whether f is above 1. */
static struct dr_table *with_truth(const struct dr_table *t)
{
    struct dr_builder *b = dr_builder_new(DR_TYPE_BOOL);
    struct dr_table *ret = NULL;
    struct dr_err err = { 0 };
    for (int64_t i = 0; i < t->rows; i++)
        if (is_null(t->columns[2], i))
            dr_builder_append_null(b);
        else
            dr_builder_append_int(b, float_of(t->columns[2], i) > 1);
    struct dr_column *truth = dr_builder_finish(b);
    must(dr_table_with(t, "truth", truth, &ret, &err), &err);
    dr_column_unref(truth);
    return ret;
}

/* Values of f in order within each a: the k-th of n, from 0. */
#define RANKED                                                                                               \
    "WITH x AS (SELECT a, f, row_number() OVER (PARTITION BY a ORDER BY f) - 1.0 AS k, "                     \
    "count(f) OVER (PARTITION BY a) AS n FROM t WHERE f IS NOT NULL) "
/* The value at p of the way from the first to the last, between two of them in proportion. */
#define QUANTILE(p)                                                                                          \
    "(SELECT sum(f * (1 - abs((n - 1) * " p " - k))) FROM x WHERE x.a IS t.a AND "                           \
    "abs((n - 1) * " p " - k) < 1)"

static void compare_statistics(const struct dr_table *t, uint64_t *seed)
{
    static const char *const key = "a";
    static const struct dr_agg aggs[] = {
        { .fn = DR_AGG_VARIANCE, .column = "f", .name = "variance" },
        { .fn = DR_AGG_STDDEV, .column = "f", .name = "deviation" },
        { .fn = DR_AGG_MEDIAN, .column = "f", .name = "median" },
        { .fn = DR_AGG_QUANTILE, .column = "f", .name = "p90", .arg = 0.9 },
        { .fn = DR_AGG_SHARE, .column = "truth", .name = "share" },
        { .fn = DR_AGG_FIRST, .column = "s", .name = "first" },
        { .fn = DR_AGG_LAST, .column = "f", .name = "last" },
    };
    struct dr_table *more = with_truth(t), *g = NULL;
    struct dr_err err = { 0 };
    (void)seed;
    must(dr_table_group_by(more, 1, &key, 7, aggs, &g, &err), &err);
    check_same(
        g, query(more, NULL,
                 RANKED
                 "SELECT a, CASE WHEN count(f) > 1 THEN (sum(f * f) - sum(f) * avg(f)) / "
                 "(count(f) - 1) END AS v, CASE WHEN count(f) > 1 THEN sqrt(max(0, (sum(f * f) - "
                 "sum(f) * avg(f)) / (count(f) - 1))) END, " QUANTILE("0.5") ", " QUANTILE(
                     "0.9") ", avg(truth), (SELECT s FROM t AS u WHERE u.a IS t.a AND s IS NOT NULL ORDER "
                            "BY r LIMIT 1), (SELECT f FROM t AS u WHERE u.a IS t.a AND f IS NOT NULL ORDER "
                            "BY r DESC LIMIT 1) FROM t GROUP BY a ORDER BY a NULLS LAST"));
    dr_table_unref(g);
    dr_table_unref(more);
}

static void compare_distinct(const struct dr_table *t, uint64_t *seed)
{
    static const char *const keys[] = { "a", "s", "f" }, *const r = "r";
    static const char *const sql[] = {
        [DR_KEEP_FIRST] = "SELECT min(r) FROM t GROUP BY a, s, f ORDER BY 1",
        [DR_KEEP_LAST] = "SELECT max(r) FROM t GROUP BY a, s, f ORDER BY 1",
        [DR_KEEP_NONE] = "SELECT min(r) FROM t GROUP BY a, s, f HAVING count(*) = 1 ORDER BY 1"
    };
    (void)seed;
    for (int32_t keep = DR_KEEP_FIRST; keep <= DR_KEEP_NONE; keep++) {
        struct dr_table *d = NULL;
        struct dr_err err = { 0 };
        must(dr_table_distinct(t, 3, keys, keep, NULL, &d, &err), &err);
        d = only(d, 1, &r);
        check_same(d, query(t, NULL, sql[keep]));
        dr_table_unref(d);
    }
}

static void compare_sort(const struct dr_table *t, uint64_t *seed)
{
    static const struct dr_sort_key keys[] = { { .column = "s", .flags = DR_SORT_DESC },
                                               { .column = "f", .flags = DR_SORT_NULLS_FIRST },
                                               { .column = "a" } };
    struct dr_table *s = NULL, *top = NULL;
    struct dr_err err = { 0 };
    (void)seed;
    must(dr_table_sort(t, 3, keys, &s, &err), &err);
    check_same(s,
               query(t, NULL, "SELECT * FROM t ORDER BY s DESC NULLS LAST, f NULLS FIRST, a NULLS LAST, r"));
    must(dr_table_top(t, 3, keys, 17, &top, &err), &err);
    check_same(top,
               query(t, NULL,
                     "SELECT * FROM t ORDER BY s DESC NULLS LAST, f NULLS FIRST, a NULLS LAST, r LIMIT 17"));
    dr_table_unref(s);
    dr_table_unref(top);
}

static void compare_joins(const struct dr_table *t, uint64_t *seed)
{
    static const char *const u_names[] = { "b", "x", "g", "q" }, *const left[] = { "a", "s" },
                             *const right[] = { "b", "x" }, *const both[] = { "r", "q" }, *const r = "r";
    static const char *const sql[] = {
        [DR_JOIN_INNER] = "SELECT r, q FROM t JOIN u ON a = b AND s = x ORDER BY r, q",
        [DR_JOIN_LEFT] = "SELECT r, q FROM t LEFT JOIN u ON a = b AND s = x ORDER BY r, q",
        [DR_JOIN_SEMI] = "SELECT r FROM t WHERE EXISTS (SELECT 1 FROM u WHERE a = b AND s = x) ORDER BY r",
        [DR_JOIN_ANTI] = "SELECT r FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE a = b AND s = x) ORDER BY r"
    };
    struct dr_table *u = sql_table(seed, t->rows < 200 ? t->rows : 200, u_names);
    for (int32_t how = DR_JOIN_INNER; how <= DR_JOIN_ANTI; how++) {
        struct dr_table *j = NULL;
        struct dr_err err = { 0 };
        must(dr_table_join(t, u, 2, left, right, how, &j, &err), &err);
        j = how <= DR_JOIN_LEFT ? only(j, 2, both) : only(j, 1, &r);
        check_same(j, query(t, u, sql[how]));
        dr_table_unref(j);
    }
    dr_table_unref(u);
}

static void compare_unions(const struct dr_table *t, uint64_t *seed)
{
    static const char *const u_names[] = { "a", "s", "more", "r" };
    struct dr_table *u = sql_table(seed, 40, u_names), *all = NULL;
    struct dr_err err = { 0 };
    must(dr_table_union(2, (const struct dr_table *const[]){ t, u }, &all, &err), &err);
    check_same(all,
               query(t, u,
                     "SELECT a, s, f, r, more FROM (SELECT 1 AS k, a, s, f, r, NULL AS more FROM t UNION ALL "
                     "SELECT 2, a, s, NULL, r, more FROM u) ORDER BY k, r"));
    dr_table_unref(all);
    dr_table_unref(u);
}

static void compare_filters(const struct dr_table *t, uint64_t *seed)
{
    uint8_t *bits = dr_calloc((size_t)t->rows / 8 + 1, 1);
    struct dr_table *f = NULL;
    struct dr_err err = { 0 };
    (void)seed;
    for (int64_t i = 0; i < t->rows; i++)
        if (!is_null(t->columns[2], i) && float_of(t->columns[2], i) > 1)
            dr_bit_set(bits, i);
    must(dr_table_filter(t, bits, &f, &err), &err);
    check_same(f, query(t, NULL, "SELECT * FROM t WHERE f > 1 ORDER BY r"));
    dr_table_unref(f);
    free(bits);
}

static void compare_splits(const struct dr_table *t, uint64_t *seed)
{
    uint8_t *bits = dr_calloc((size_t)t->rows / 8 + 1, 1);
    struct dr_table *in = NULL, *out = NULL;
    (void)seed;
    for (int64_t i = 0; i < t->rows; i++)
        if (!is_null(t->columns[0], i) && int_of(t->columns[0], i) % 3 == 0)
            dr_bit_set(bits, i);
    dr_table_split(t, bits, &in, &out);
    check_same(in, query(t, NULL, "SELECT * FROM t WHERE a % 3 = 0 ORDER BY r"));
    check_same(out, query(t, NULL, "SELECT * FROM t WHERE a % 3 <> 0 OR a IS NULL ORDER BY r"));
    dr_table_unref(in);
    dr_table_unref(out);
    free(bits);
}

static void compare_takes(const struct dr_table *t, uint64_t *seed)
{
    static const char *const place = "place";
    int64_t n = t->rows ? random_between(seed, 1, 300) : 0;
    int64_t *rows = dr_calloc((size_t)n + 1, sizeof *rows);
    struct dr_table *taken = NULL, *u;
    struct dr_err err = { 0 };
    for (int64_t i = 0; i < n; i++)
        rows[i] = random_below(seed, t->rows);
    struct dr_column *places = ints(DR_TYPE_INT64, n, rows);
    u = table_of(1, &place, &places);
    must(dr_table_take(t, n, rows, &taken, &err), &err);
    check_same(taken, query(t, u, "SELECT t.* FROM u CROSS JOIN t ON r = place ORDER BY u.rowid"));
    dr_table_unref(taken);
    dr_table_unref(u);
    free(rows);
}

static void compare_concats(const struct dr_table *t, uint64_t *seed)
{
    struct dr_table *u = sql_table(seed, 70, t_names), *all = NULL;
    struct dr_err err = { 0 };
    must(dr_table_concat(2, (const struct dr_table *const[]){ t, u }, &all, &err), &err);
    check_same(all, query(t, u,
                          "SELECT a, s, f, r FROM (SELECT 1 AS k, * FROM t UNION ALL SELECT 2, * FROM u) "
                          "ORDER BY k, r"));
    dr_table_unref(all);
    dr_table_unref(u);
}

/* a * 2 + r; refused where a is 3. */
static void twice_and_more(void *ctx, int32_t n_args, const struct dr_cell *args, struct dr_cell *ret)
{
    (void)ctx;
    (void)n_args;
    ret->state = !args[0].state ? 0 : args[0].i == 3 ? 2 : 1;
    ret->i = args[0].i * 2 + args[1].i;
}

static void compare_columns(const struct dr_table *t, uint64_t *seed)
{
    static const char *const wanted[] = { "r", "mapped", "text", "whole", "number" };
    static const int32_t to[] = { DR_TYPE_STRING, DR_TYPE_INT64, DR_TYPE_INT64 }, of[] = { 0, 2, 1 };
    struct dr_column *made = NULL;
    struct dr_table *all = dr_table_ref(t), *next = NULL;
    struct dr_err err = { 0 };
    (void)seed;
    for (int k = 0; k < 4; k++) {
        if (k == 0)
            must(dr_column_map(2, (const struct dr_column *const[]){ t->columns[0], t->columns[3] },
                               twice_and_more, NULL, DR_TYPE_INT64, NULL, &made, &err),
                 &err);
        else
            must(dr_column_cast(t->columns[of[k - 1]], to[k - 1], NULL, &made, &err), &err);
        must(dr_table_with(all, wanted[k + 1], made, &next, &err), &err);
        dr_column_unref(made);
        dr_table_unref(all);
        all = next;
    }
    all = only(all, 5, wanted);
    check_same(all, query(t, NULL,
                          "SELECT r, CASE WHEN a <> 3 THEN a * 2 + r END, CAST(a AS TEXT), CASE WHEN f = "
                          "CAST(f AS INTEGER) THEN CAST(f AS INTEGER) END, CASE s WHEN '0' THEN 0 END FROM t "
                          "ORDER BY r"));
    dr_table_unref(all);
}

/* ---- tests ------------------------------------------------------------------------------ */

static void group_by_is_what_sql_says(void **state)
{
    (void)state;
    compare(1, compare_groups);
}

static void statistics_are_what_sql_says(void **state)
{
    (void)state;
    compare(7, compare_statistics);
}

static void split_and_take_are_what_sql_says(void **state)
{
    (void)state;
    compare(8, compare_splits);
    compare(9, compare_takes);
}

static void concat_is_what_sql_says(void **state)
{
    (void)state;
    compare(10, compare_concats);
}

static void maps_casts_and_columns_by_name_are_what_sql_says(void **state)
{
    (void)state;
    compare(11, compare_columns);
}

static void distinct_is_what_sql_says(void **state)
{
    (void)state;
    compare(2, compare_distinct);
}

static void sort_and_top_are_what_sql_says(void **state)
{
    (void)state;
    compare(3, compare_sort);
}

static void joins_are_what_sql_says(void **state)
{
    (void)state;
    compare(4, compare_joins);
}

static void union_is_what_sql_says(void **state)
{
    (void)state;
    compare(5, compare_unions);
}

static void filter_is_what_sql_says(void **state)
{
    (void)state;
    compare(6, compare_filters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(group_by_is_what_sql_says),
        cmocka_unit_test(distinct_is_what_sql_says),
        cmocka_unit_test(sort_and_top_are_what_sql_says),
        cmocka_unit_test(joins_are_what_sql_says),
        cmocka_unit_test(union_is_what_sql_says),
        cmocka_unit_test(filter_is_what_sql_says),
        cmocka_unit_test(statistics_are_what_sql_says),
        cmocka_unit_test(split_and_take_are_what_sql_says),
        cmocka_unit_test(concat_is_what_sql_says),
        cmocka_unit_test(maps_casts_and_columns_by_name_are_what_sql_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
