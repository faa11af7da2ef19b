/* rows_counts.c - partial_unexpected_counts: how often each unexpected value
 * occurs, the most common first. */
#include "expect/check.h"

#define PYTHON_SHORT 63         /* entries that Python sorts by insertion alone */
#define COUNTED_ROWS_MAX 100000 /* that are looked at, except with COMPLETE */

/* Columns whose missing values are NaN in Great Expectations rather than None. */
static bool is_number(const struct dr_source *s)
{
    return s->class == DR_CLASS_NUMBER && s->type != DR_TYPE_BOOL;
}

struct counted {
    int64_t row, count, at; /* first row with the value; order of appearance */
    const struct dr_eval *e;
};

/* How two entries' values compare. A missing number has no place among others,
 * as NaN has none in Python: then *ret_unordered, and it goes first. */
static int order_values(const struct counted *x, const struct counted *y, bool *ret_unordered)
{
    *ret_unordered = false;
    for (int32_t k = 0; k < x->e->n_columns; k++) {
        const struct dr_source *s = x->e->columns[k];
        int32_t hint = 0;
        struct dr_value a = dr_source_value(s, x->row, &hint);
        hint = 0;
        struct dr_value b = dr_source_value(s, y->row, &hint);
        int order = dr_value_order(&a, &b);
        *ret_unordered = is_number(s) && (a.kind == DR_VALUE_NULL || b.kind == DR_VALUE_NULL);
        if (order || *ret_unordered)
            return order;
    }
    return 0;
}

static bool comes_before(const struct counted *x, const struct counted *y)
{
    bool unordered;
    if (x->count != y->count)
        return x->count > y->count;
    return order_values(x, y, &unordered) < 0 && !unordered;
}

static int most_common(const void *a, const void *b)
{
    const struct counted *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

static int by_count_and_value(const void *a, const void *b)
{
    const struct counted *x = a, *y = b;
    bool unordered;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    int order = order_values(x, y, &unordered);
    return order ? order : (x->at > y->at) - (x->at < y->at);
}

/* The order of Python's sorted() for a short list, which matters where missing
 * numbers are no order at all: the run at the start (turned round
 * where it falls), then each further entry by binary search. */
static void sort_as_python(struct counted *v, int64_t n)
{
    int64_t run = n < 2 ? n : 2;
    bool falls = n > 1 && comes_before(&v[1], &v[0]);
    while (run < n && run > 1 && comes_before(&v[run], &v[run - 1]) == falls)
        run++;
    for (int64_t i = 0; falls && i < run / 2; i++) {
        struct counted swap = v[i];
        v[i] = v[run - 1 - i];
        v[run - 1 - i] = swap;
    }
    for (int64_t i = run; i < n; i++) {
        struct counted pivot = v[i];
        int64_t low = 0, high = i;
        while (low < high) {
            int64_t mid = low + (high - low) / 2;
            if (comes_before(&pivot, &v[mid]))
                high = mid;
            else
                low = mid + 1;
        }
        memmove(&v[low + 1], &v[low], (size_t)(i - low) * sizeof *v);
        v[low] = pivot;
    }
}

/* Whether a row's values equal another row's. A missing number equals nothing,
 * not even another missing one, as NaN does not in Great Expectations. */
static bool same_values(const struct dr_eval *e, int64_t x, int64_t y)
{
    for (int32_t k = 0; k < e->n_columns; k++) {
        const struct dr_source *s = e->columns[k];
        bool lone = is_number(s) && s->null && dr_row_get(s->null, x);
        if (lone || !dr_source_same(s, x, y))
            return false;
    }
    return true;
}

static uint64_t hash_values(const struct dr_eval *e, int64_t row)
{
    uint64_t h = dr_rows_hash(e->n_columns, e->columns, row);
    for (int32_t k = 0; k < e->n_columns; k++) {
        const struct dr_source *s = e->columns[k];
        if (is_number(s) && s->null && dr_row_get(s->null, row))
            h += (uint64_t)row * UINT64_C(0x9E3779B97F4A7C15);
    }
    return h;
}

/* Counts by value in an open-addressed table of indices into *ret. */
static int64_t count_values(struct dr_eval *e, const uint64_t *unexpected, struct counted **ret)
{
    int64_t rows = e->plan->table->rows, left = e->check->unexpected_count, n = 0;
    size_t cap = 64;
    if (e->format.level != DR_RESULT_COMPLETE && left > COUNTED_ROWS_MAX)
        left = COUNTED_ROWS_MAX;
    while (cap < (size_t)left * 2)
        cap *= 2;
    int64_t *slot = dr_calloc(cap, sizeof *slot); /* index + 1 */
    struct counted *list = dr_malloc(((size_t)left + 1) * sizeof *list);
    for (int64_t r = dr_rows_next(unexpected, rows, 0); r >= 0 && left-- > 0;
         r = dr_rows_next(unexpected, rows, r + 1)) {
        size_t at = hash_values(e, r) & (cap - 1);
        while (slot[at] && !same_values(e, list[slot[at] - 1].row, r))
            at = (at + 1) & (cap - 1);
        if (!slot[at]) {
            list[n] = (struct counted){ r, 0, n, e };
            slot[at] = ++n;
        }
        list[slot[at] - 1].count++;
    }
    free(slot);
    *ret = list;
    return n;
}

struct dr_node *dr_eval_value_counts(struct dr_eval *e, const uint64_t *unexpected)
{
    struct dr_node *out = dr_node_new(e->arena, DR_NODE_LIST);
    struct counted *list;
    int64_t n = count_values(e, unexpected, &list);
    if (n > 1)
        qsort(list, (size_t)n, sizeof *list, most_common);
    if (n > e->format.partial)
        n = e->format.partial;
    if (n <= PYTHON_SHORT)
        sort_as_python(list, n);
    else
        qsort(list, (size_t)n, sizeof *list, by_count_and_value);
    for (int64_t i = 0; i < n; i++) {
        struct dr_node *entry = dr_node_new(e->arena, DR_NODE_MAP);
        dr_node_set(e->arena, entry, DR_LIT("value"), dr_eval_row_value(e, list[i].row, true));
        dr_node_set(e->arena, entry, DR_LIT("count"), dr_node_new_int(e->arena, list[i].count));
        dr_node_add(e->arena, out, entry);
    }
    free(list);
    return out;
}
