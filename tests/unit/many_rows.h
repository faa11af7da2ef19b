/* many_rows.h - tables large enough that kernels partition and share them out,
 * with values from a pool, and a model that sorts their rows by comparing cells. */
#ifndef MANY_ROWS_H
#define MANY_ROWS_H
#include "data/pool.h"
#include "kernel_fixture.h"

/* The k-th value of a type's pool: wide ranges, NaN and both zeros, long texts. */
static inline void pool_value(struct dr_builder *b, int32_t type, int64_t k)
{
    static const double odd[] = { 0.0, -0.0, INFINITY, -INFINITY, 1e300 };
    uint64_t own = (uint64_t)k, r = random_next(&own);
    int64_t decimal[2] = { (int64_t)r, (int64_t)random_next(&own) >> 10 };
    char text[64];
    switch (type) {
    case DR_TYPE_BOOL:
        dr_builder_append_int(b, k & 1);
        break;
    case DR_TYPE_FLOAT64:
        dr_builder_append_float(b, k < 5 ? odd[k] : k == 5 ? (double)NAN : (double)(int64_t)r / 4096);
        break;
    case DR_TYPE_DECIMAL:
        dr_builder_append_bytes(b, (const char *)decimal, 16);
        break;
    case DR_TYPE_STRING:
    case DR_TYPE_DICT:
        dr_builder_append_bytes(
            b, text, snprintf(text, sizeof text, "%.*s%" PRId64, (int)(r % 20), "prefix of some length", k));
        break;
    case DR_TYPE_DATE:
        dr_builder_append_int(b, DAY_MIN + (int64_t)(r % (uint64_t)(DAY_MAX - DAY_MIN)));
        break;
    case DR_TYPE_TIMESTAMP:
        dr_builder_append_int(b, (int64_t)(r >> 8));
        break;
    default:
        dr_builder_append_int(b, k == 0 ? INT64_MIN : k == 1 ? INT64_MAX : (int64_t)r);
    }
}

static inline struct dr_column *many_column(uint64_t *state, int32_t type, int64_t rows, int64_t pool)
{
    struct dr_builder *b = dr_builder_new(type);
    int64_t nulls = random_below(state, 3) ? random_below(state, 30) : 0;
    if (type == DR_TYPE_DECIMAL)
        dr_builder_set_scale(b, 2);
    for (int64_t i = 0; i < rows; i++)
        if (type == DR_TYPE_NULL || random_below(state, 100) < nulls)
            dr_builder_append_null(b);
        else
            pool_value(b, type, random_below(state, pool));
    return cut_randomly(state, dr_builder_finish(b));
}

/* A column of each type, named by it. */
static inline struct dr_table *many_table(uint64_t *state, int64_t rows, int64_t pool)
{
    const char *names[N_TYPES];
    struct dr_column *columns[N_TYPES];
    for (int32_t type = 0; type < N_TYPES; type++) {
        names[type] = dr_type_name(type);
        columns[type] = many_column(state, type, rows, pool);
    }
    return table_of(N_TYPES, names, columns);
}

struct row_order {
    int32_t n;
    const struct dr_column *columns[4];
    int32_t flags[4];
};

static inline int compare_keys(const struct row_order *o, int64_t a, int64_t b)
{
    for (int32_t k = 0; k < o->n; k++) {
        const struct dr_column *c = o->columns[k];
        bool x = is_null(c, a), y = is_null(c, b);
        int order;
        if (x || y)
            order = o->flags[k] & DR_SORT_NULLS_FIRST ? y - x : x - y;
        else
            order = compare_cells(c, a, c, b) * (o->flags[k] & DR_SORT_DESC ? -1 : 1);
        if (order)
            return order;
    }
    return 0;
}

static inline int compare_row_numbers(const void *a, const void *b, void *ctx)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    int order = compare_keys(ctx, x, y);
    return order ? order : (x > y) - (x < y);
}

/* All rows in order of their keys, equal ones by number; free it. */
static inline int64_t *rows_in_order(const struct row_order *o, int64_t rows)
{
    int64_t *order = dr_malloc((size_t)rows * sizeof *order);
    struct row_order mine = *o;
    for (int64_t i = 0; i < rows; i++)
        order[i] = i;
    qsort_r(order, (size_t)rows, sizeof *order, compare_row_numbers, &mine);
    return order;
}

static const int32_t thread_counts[] = { 1, 2, 7 };
#define N_THREAD_COUNTS 3
#endif
