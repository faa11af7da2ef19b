/* random_table.h - tables of every type from a seed, and their comparison, for
 * tests that send tables somewhere and back. */
#ifndef RANDOM_TABLE_H
#define RANDOM_TABLE_H
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/date.h"
#include "data/builder.h"

static inline uint64_t random_next(uint64_t *state)
{
    *state += UINT64_C(0x9E3779B97F4A7C15); /* splitmix64 */
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static inline int64_t random_below(uint64_t *state, int64_t n)
{
    return (int64_t)(random_next(state) % (uint64_t)n);
}

static inline int64_t random_between(uint64_t *state, int64_t low, int64_t high)
{
    return low + random_below(state, high - low + 1);
}

static inline double random_float(uint64_t *state)
{
    static const double odd[] = { 0.0, -0.0, 0.1, 1e300, -1e-300, 36.6, 5e-324, 9007199254740993.0 };
    switch (random_below(state, 3)) {
    case 0:
        return odd[random_below(state, 8)];
    case 1:
        return (double)random_between(state, -1000, 1000);
    default:
        return (double)(int64_t)random_next(state) / 4096.0;
    }
}

static inline void random_text(uint64_t *state, struct dr_builder *b, int64_t distinct)
{
    static const char *const pieces[] = { "a", "Zürich", "0", " ", "\n", "\"", "日本", "😀", "'", ",", "" };
    char text[256];
    uint64_t own = (uint64_t)random_below(state, distinct);
    size_t n = 0;
    for (int64_t k = random_below(&own, 6); k > 0; k--) {
        const char *piece = pieces[random_below(&own, 11)];
        memcpy(text + n, piece, strlen(piece));
        n += strlen(piece);
    }
    dr_builder_append_bytes(b, text, (int64_t)n);
}

/* The first and last days, and microseconds, of the years 1 to 9999. */
#define DAY_MIN INT64_C(-719162)
#define DAY_MAX INT64_C(2932896)

static inline void random_value(uint64_t *state, struct dr_builder *b, int32_t type)
{
    uint64_t decimal[2];
    switch (type) {
    case DR_TYPE_BOOL:
        dr_builder_append_int(b, random_below(state, 2));
        break;
    case DR_TYPE_INT64:
        dr_builder_append_int(b, random_below(state, 4) ? random_between(state, -50, 50)
                                                        : (int64_t)random_next(state));
        break;
    case DR_TYPE_FLOAT64:
        dr_builder_append_float(b, random_float(state));
        break;
    case DR_TYPE_DATE:
        dr_builder_append_int(b, random_between(state, DAY_MIN, DAY_MAX));
        break;
    case DR_TYPE_TIMESTAMP:
        dr_builder_append_int(
            b, random_between(state, DAY_MIN * DR_US_PER_DAY, (DAY_MAX + 1) * DR_US_PER_DAY - 1));
        break;
    case DR_TYPE_DECIMAL:
        decimal[0] = random_next(state);
        decimal[1] = random_next(state) % 1000;
        dr_builder_append_bytes(b, (const char *)decimal, 16);
        break;
    case DR_TYPE_STRING:
        random_text(state, b, INT64_C(1) << 40);
        break;
    default:
        random_text(state, b, 40);
        break;
    }
}

static inline struct dr_column *random_column(uint64_t *state, int32_t type, int64_t rows)
{
    static const int64_t null_shares[] = { 0, 0, 30, 100 };
    struct dr_builder *b = dr_builder_new(type);
    int64_t share = null_shares[random_below(state, 4)];
    if (type == DR_TYPE_TIMESTAMP)
        dr_builder_set_zoned(b, rows % 2 == 0);
    if (type == DR_TYPE_DECIMAL)
        dr_builder_set_scale(b, 2);
    for (int64_t i = 0; i < rows; i++) {
        if (type == DR_TYPE_NULL || random_below(state, 100) < share)
            dr_builder_append_null(b);
        else
            random_value(state, b, type);
    }
    return dr_builder_finish(b);
}

/* One column of each type, named by it. */
static inline struct dr_table *random_table(uint64_t *state, int64_t rows)
{
    const char *names[DR_TYPE_DICT + 1];
    struct dr_column *columns[DR_TYPE_DICT + 1];
    struct dr_table *t = NULL;
    struct dr_err err = { 0 };
    for (int32_t type = 0; type <= DR_TYPE_DICT; type++) {
        names[type] = dr_type_name(type);
        columns[type] = random_column(state, type, rows);
    }
    if (dr_table_new(DR_TYPE_DICT + 1, names, (const struct dr_column *const *)columns, &t, &err))
        fprintf(stderr, "%s\n", err.msg);
    for (int32_t type = 0; type <= DR_TYPE_DICT; type++)
        dr_column_unref(columns[type]);
    return t;
}

/* The text of a cell, or NULL; in a buffer of the caller. */
static inline const char *cell_text(const struct dr_column *c, int64_t row, struct dr_buf *buf)
{
    int32_t hint = 0;
    int64_t i;
    const struct dr_array *a = dr_column_at(c, row, &hint, &i);
    dr_buf_clear(buf);
    if (c->type == DR_TYPE_NULL || !dr_array_valid(a, i))
        return NULL;
    dr_array_put_text(a, i, buf);
    return dr_buf_cstr(buf);
}

/* The first row in which two columns show different text, or -1. */
static inline int64_t first_difference(const struct dr_column *a, const struct dr_column *b)
{
    DR_AUTO_BUF left = { 0 };
    DR_AUTO_BUF right = { 0 };
    for (int64_t row = 0; row < a->rows; row++) {
        const char *p = cell_text(a, row, &left), *q = cell_text(b, row, &right);
        if (!p != !q || (p && !dr_str_eq(dr_buf_str(&left), dr_buf_str(&right))))
            return row;
    }
    return -1;
}
#endif
