/* kernel_fixture.h - small random tables of every type whose values repeat, cut
 * into chunks at random places, and the naive model that kernels are held
 * against: cells compared one by one. */
#ifndef KERNEL_FIXTURE_H
#define KERNEL_FIXTURE_H
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "data/builder.h"
#include "random_table.h"

#define N_TYPES (DR_TYPE_DICT + 1)

static inline double few_float(uint64_t *state)
{
    static const double few[] = { 0.0, -0.0, 1.5, -1.5, 1e300, -INFINITY, INFINITY, 36.6 };
    int64_t i = random_below(state, 9);
    return i == 8 ? (double)NAN : few[i];
}

static inline void few_value(uint64_t *state, struct dr_builder *b, int32_t type)
{
    static const char *const texts[] = { "", "a", "b", "ab", "Z", "\xc3\xa9", "0" };
    const char *text = texts[random_below(state, 7)];
    int64_t decimal[2] = { random_between(state, -3, 3), 0 };
    switch (type) {
    case DR_TYPE_FLOAT64:
        dr_builder_append_float(b, few_float(state));
        break;
    case DR_TYPE_DECIMAL:
        decimal[1] = decimal[0] < 0 ? -1 : 0;
        dr_builder_append_bytes(b, (const char *)decimal, 16);
        break;
    case DR_TYPE_STRING:
    case DR_TYPE_DICT:
        dr_builder_append_bytes(b, text, (int64_t)strlen(text));
        break;
    case DR_TYPE_BOOL:
        dr_builder_append_int(b, random_below(state, 2));
        break;
    case DR_TYPE_TIMESTAMP:
        dr_builder_append_int(b, random_between(state, -2, 2) * DR_US_PER_DAY / 3);
        break;
    default:
        dr_builder_append_int(b, random_between(state, -3, 3));
    }
}

/* The same rows, cut at random places; some chunks may be empty. */
static inline struct dr_column *cut_randomly(uint64_t *state, struct dr_column *c)
{
    int64_t start[8] = { 0 };
    int32_t n = (int32_t)random_between(state, 1, 6);
    for (int32_t k = 1; k < n; k++)
        start[k] = start[k - 1] + random_below(state, c->rows - start[k - 1] + 1);
    start[n] = c->rows;
    struct dr_column *cut = dr_column_rechunk(c, n, start);
    dr_column_unref(c);
    return cut;
}

static inline struct dr_column *few_column(uint64_t *state, int32_t type, int64_t rows)
{
    static const int64_t null_shares[] = { 0, 20, 100 };
    struct dr_builder *b = dr_builder_new(type);
    int64_t share = null_shares[random_below(state, 3) * (random_below(state, 4) ? 1 : 0)];
    if (type == DR_TYPE_DECIMAL)
        dr_builder_set_scale(b, 2);
    for (int64_t i = 0; i < rows; i++) {
        if (type == DR_TYPE_NULL || random_below(state, 100) < share)
            dr_builder_append_null(b);
        else
            few_value(state, b, type);
    }
    return cut_randomly(state, dr_builder_finish(b));
}

static inline struct dr_table *table_of(int32_t n, const char *const *names, struct dr_column **columns)
{
    struct dr_table *t = NULL;
    struct dr_err err = { 0 };
    if (dr_table_new(n, names, (const struct dr_column *const *)columns, &t, &err))
        fail_msg("%s", err.msg);
    for (int32_t i = 0; i < n; i++)
        dr_column_unref(columns[i]);
    return t;
}

/* One column of each type, named by it, and "row", the row's number. */
static inline struct dr_table *few_table(uint64_t *state, int64_t rows)
{
    const char *names[N_TYPES + 1];
    struct dr_column *columns[N_TYPES + 1];
    struct dr_builder *number = dr_builder_new(DR_TYPE_INT64);
    for (int32_t type = 0; type < N_TYPES; type++) {
        names[type] = dr_type_name(type);
        columns[type] = few_column(state, type, rows);
    }
    for (int64_t i = 0; i < rows; i++)
        dr_builder_append_int(number, i);
    names[N_TYPES] = "row";
    columns[N_TYPES] = dr_builder_finish(number);
    return table_of(N_TYPES + 1, names, columns);
}

/* The array and index of a row, found without hints. */
static inline const struct dr_array *cell(const struct dr_column *c, int64_t row, int64_t *ret_i)
{
    int32_t hint = 0;
    return dr_column_at(c, row, &hint, ret_i);
}

static inline bool is_null(const struct dr_column *c, int64_t row)
{
    int64_t i;
    const struct dr_array *a = cell(c, row, &i);
    return a->type == DR_TYPE_NULL || !dr_array_valid(a, i);
}

static inline int64_t int_of(const struct dr_column *c, int64_t row)
{
    int64_t i;
    const struct dr_array *a = cell(c, row, &i);
    if (a->type == DR_TYPE_BOOL)
        return dr_bit(a->values, i);
    return a->type == DR_TYPE_DATE ? ((const int32_t *)a->values)[i] : ((const int64_t *)a->values)[i];
}

static inline double float_of(const struct dr_column *c, int64_t row)
{
    int64_t i;
    const struct dr_array *a = cell(c, row, &i);
    return a->type == DR_TYPE_FLOAT64 ? ((const double *)a->values)[i] : (double)int_of(c, row);
}

static inline struct dr_str text_of(const struct dr_column *c, int64_t row)
{
    int64_t i;
    const struct dr_array *a = cell(c, row, &i);
    return dr_array_str(a, i);
}

static inline int compare_floats(double a, double b)
{
    if (isnan(a) || isnan(b))
        return (isnan(a) != 0) - (isnan(b) != 0);
    return (a > b) - (a < b);
}

static inline int compare_decimals(const struct dr_column *a, int64_t i, const struct dr_column *b, int64_t j)
{
    int64_t at_a, at_b;
    const struct dr_array *x = cell(a, i, &at_a), *y = cell(b, j, &at_b);
    __extension__ __int128 v, w;
    memcpy(&v, (const char *)x->values + at_a * 16, 16);
    memcpy(&w, (const char *)y->values + at_b * 16, 16);
    return (v > w) - (v < w);
}

/* The model's order of two present cells of one type. */
static inline int compare_cells(const struct dr_column *a, int64_t i, const struct dr_column *b, int64_t j)
{
    if (a->type == DR_TYPE_FLOAT64)
        return compare_floats(float_of(a, i), float_of(b, j));
    if (a->type == DR_TYPE_DECIMAL)
        return compare_decimals(a, i, b, j);
    if (a->type == DR_TYPE_STRING || a->type == DR_TYPE_DICT)
        return dr_str_cmp(text_of(a, i), text_of(b, j));
    int64_t v = int_of(a, i), w = int_of(b, j);
    return (v > w) - (v < w);
}

/* Nulls equal each other, as grouping sees it. */
static inline bool same_cell(const struct dr_column *a, int64_t i, const struct dr_column *b, int64_t j)
{
    if (is_null(a, i) || is_null(b, j))
        return is_null(a, i) && is_null(b, j);
    return compare_cells(a, i, b, j) == 0;
}

static inline const struct dr_column *column_named(const struct dr_table *t, const char *name)
{
    int32_t i = dr_table_find(t, name);
    if (i < 0)
        fail_msg("no column %s", name);
    return t->columns[i];
}

/* What every column must hold to, whatever made it. */
static inline void check_column(const struct dr_column *c)
{
    int64_t rows = 0, nulls = 0;
    for (int32_t k = 0; k < c->n; k++) {
        const struct dr_array *a = c->chunk[k];
        int64_t missing = 0;
        assert_int_equal(a->type, c->type);
        assert_int_equal(a->scale, c->scale);
        assert_int_equal(c->start[k], rows);
        assert_ptr_equal(a->dict, c->dict);
        for (int64_t i = 0; i < a->n; i++) {
            bool present = a->type != DR_TYPE_NULL && dr_array_valid(a, i);
            missing += !present;
            if (a->type == DR_TYPE_DICT && present)
                assert_in_range(((const int32_t *)a->values)[i], 0, a->dict->n - 1);
            else if (a->type == DR_TYPE_DICT || a->type == DR_TYPE_DATE)
                assert_true(present || ((const int32_t *)a->values)[i] == 0);
        }
        assert_int_equal(a->nulls, missing);
        assert_true(a->type == DR_TYPE_NULL || (a->valid != NULL) == (missing > 0));
        for (int64_t i = a->n; a->valid && i < (a->n + 7) / 8 * 8; i++)
            assert_false(dr_bit(a->valid, i));
        rows += a->n;
        nulls += missing;
    }
    assert_int_equal(c->rows, rows);
    assert_int_equal(c->nulls, nulls);
}

static inline void check_table(const struct dr_table *t)
{
    for (int32_t i = 0; i < t->n; i++) {
        check_column(t->columns[i]);
        assert_int_equal(t->columns[i]->rows, t->rows);
        assert_int_equal(t->columns[i]->n, t->columns[0]->n);
        for (int32_t k = 0; k <= t->columns[i]->n; k++)
            assert_int_equal(t->columns[i]->start[k], t->columns[0]->start[k]);
    }
}

/* Row i of a is row j of b in every column. */
static inline void check_same_row(const struct dr_table *a, int64_t i, const struct dr_table *b, int64_t j)
{
    for (int32_t c = 0; c < a->n; c++)
        if (!same_cell(a->columns[c], i, b->columns[c], j))
            fail_msg("column %s: row %lld differs from row %lld", a->names[c], (long long)i, (long long)j);
}

/* A column of texts; NULL is a missing one. */
static inline struct dr_column *texts(int32_t type, int64_t n, const char *const *values)
{
    struct dr_builder *b = dr_builder_new(type);
    for (int64_t i = 0; i < n; i++)
        if (values[i])
            dr_builder_append_bytes(b, values[i], (int64_t)strlen(values[i]));
        else
            dr_builder_append_null(b);
    return dr_builder_finish(b);
}

static inline struct dr_column *ints(int32_t type, int64_t n, const int64_t *values)
{
    struct dr_builder *b = dr_builder_new(type);
    for (int64_t i = 0; i < n; i++)
        dr_builder_append_int(b, values[i]);
    return dr_builder_finish(b);
}

static inline struct dr_column *floats(int64_t n, const double *values)
{
    struct dr_builder *b = dr_builder_new(DR_TYPE_FLOAT64);
    for (int64_t i = 0; i < n; i++)
        dr_builder_append_float(b, values[i]);
    return dr_builder_finish(b);
}

static const int64_t few_sizes[] = { 0, 1, 2, 7, 8, 9, 63, 64, 65, 200 };
#define N_SIZES ((int)(sizeof few_sizes / sizeof *few_sizes))
#endif
