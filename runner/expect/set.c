/* set.c - sets of values given as arguments, and membership in bulk. See
 * plan.h. Numbers of a set are kept sorted, texts in a hash map: the cost of a
 * row does not grow with the set. */
#include "expect/plan.h"
#include <math.h>
#include "base/date.h"

static int by_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int by_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void add_number(struct dr_value_set *set, const struct dr_value *v)
{
    if (isnan(v->f)) {
        set->has_null = true;
        return;
    }
    set->numbers[set->n_numbers++] = v->f;
    if (v->kind != DR_VALUE_FLOAT)
        set->ints[set->n_ints++] = v->i;
    else if (v->f == floor(v->f) && fabs(v->f) < 9.2e18)
        set->ints[set->n_ints++] = (int64_t)v->f;
}

static void add_item(struct dr_value_set *set, const struct dr_node *n, enum dr_class class)
{
    struct dr_value *v = &set->items[set->n++];
    *v = dr_value_of_node(n);
    if (class == DR_CLASS_TIME)
        (void)dr_value_to_time(v);
    if (v->kind == DR_VALUE_NULL)
        set->has_null = true;
    else if (dr_value_is_number(v))
        add_number(set, v);
    else if (dr_value_is_time(v))
        set->times[set->n_times++] = v->i;
    else
        (void)dr_map_put(&set->texts, v->s, NULL);
}

void dr_value_set_init(struct dr_value_set *set, struct dr_arena *a, const struct dr_node *list,
                       enum dr_class class)
{
    size_t n = (size_t)dr_node_size(list);
    *set = (struct dr_value_set){ 0 };
    set->items = dr_arena_array(a, n + 1, sizeof *set->items);
    set->numbers = dr_arena_array(a, n + 1, sizeof *set->numbers);
    set->ints = dr_arena_array(a, n + 1, sizeof *set->ints);
    set->times = dr_arena_array(a, n + 1, sizeof *set->times);
    for (size_t i = 0; i < n; i++)
        add_item(set, dr_node_at(list, (int64_t)i), class);
    qsort(set->numbers, (size_t)set->n_numbers, sizeof *set->numbers, by_double);
    qsort(set->ints, (size_t)set->n_ints, sizeof *set->ints, by_i64);
    qsort(set->times, (size_t)set->n_times, sizeof *set->times, by_i64);
}

void dr_value_set_done(struct dr_value_set *set)
{
    dr_map_done(&set->texts);
}

static bool has_i64(const int64_t *sorted, int32_t n, int64_t v)
{
    int32_t lo = 0;
    while (n > 0) { /* the half that holds the first element not below v */
        int32_t half = n / 2;
        bool right = sorted[lo + half] < v;
        lo += right ? half + 1 : 0;
        n = right ? n - half - 1 : half;
    }
    return sorted[lo] == v;
}

static bool has_f64(const double *sorted, int32_t n, double v)
{
    int32_t lo = 0, hi = n;
    while (lo < hi) {
        int32_t mid = lo + (hi - lo) / 2;
        if (sorted[mid] < v)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < n && sorted[lo] == v;
}

static bool find_i64(const int64_t *sorted, int32_t n, int64_t v)
{
    return n && v <= sorted[n - 1] && has_i64(sorted, n, v);
}

bool dr_value_set_has(const struct dr_value_set *set, const struct dr_value *v)
{
    switch (v->kind) {
    case DR_VALUE_NULL:
        return set->has_null;
    case DR_VALUE_BOOL:
    case DR_VALUE_INT:
        return find_i64(set->ints, set->n_ints, v->i);
    case DR_VALUE_FLOAT:
        return has_f64(set->numbers, set->n_numbers, v->f);
    case DR_VALUE_TEXT:
        return dr_map_get(&set->texts, v->s) != NULL;
    default:
        return find_i64(set->times, set->n_times, v->i);
    }
}

static uint64_t f64_word(const struct dr_array *a, int64_t i, int m, const void *ctx)
{
    const struct dr_value_set *set = ctx;
    const double *v = (const double *)a->values + i;
    uint64_t w = 0;
    for (int j = 0; j < m; j++)
        w |= (uint64_t)has_f64(set->numbers, set->n_numbers, v[j]) << j;
    return w;
}

static uint64_t i64_word(const struct dr_array *a, int64_t i, int m, const void *ctx)
{
    const struct dr_value_set *set = ctx;
    const int64_t *v = (const int64_t *)a->values + i;
    const int64_t *sorted = a->type == DR_TYPE_TIMESTAMP ? set->times : set->ints;
    int32_t n = a->type == DR_TYPE_TIMESTAMP ? set->n_times : set->n_ints;
    uint64_t w = 0;
    for (int j = 0; j < m; j++)
        w |= (uint64_t)find_i64(sorted, n, v[j]) << j;
    return w;
}

static int in_texts(void *ctx, struct dr_str text, struct dr_err *err)
{
    (void)err;
    return dr_map_get(ctx, text) != NULL;
}

struct by_row {
    struct dr_source *s;
    const struct dr_value_set *set;
    uint64_t *in;
};

static void row_block(void *ctx, int64_t block, int64_t from, int64_t to)
{
    const struct by_row *b = ctx;
    int32_t hint = 0;
    (void)block;
    for (int64_t row = from; row < to; row++) {
        struct dr_value v = dr_source_value(b->s, row, &hint);
        if (dr_value_set_has(b->set, &v))
            dr_row_set(b->in, row);
    }
}

static void by_code(struct dr_source *s, const struct dr_value_set *set, uint64_t *in)
{
    const struct dr_codes *c = s->codes;
    DR_AUTO_FREE uint64_t *codes = dr_codes_bits(c);
    for (int64_t k = dr_rows_next(c->used, c->n, 0); k >= 0; k = dr_rows_next(c->used, c->n, k + 1)) {
        struct dr_value v = dr_codes_value(s, k);
        if (dr_value_set_has(set, &v))
            dr_row_set(codes, k);
    }
    dr_codes_spread(s, codes, in);
}

void dr_scan_set(struct dr_plan *p, struct dr_source *s, const struct dr_value_set *set, uint64_t *in)
{
    struct dr_map texts = set->texts;
    if (s->class == DR_CLASS_EMPTY)
        return;
    if (s->codes)
        by_code(s, set, in);
    else if (s->class == DR_CLASS_TEXT)
        (void)dr_scan_text(p, s, in_texts, &texts, in, NULL);
    else if (s->type == DR_TYPE_FLOAT64)
        dr_scan(s->typed, f64_word, set, in);
    else if (s->type == DR_TYPE_INT64 || s->type == DR_TYPE_TIMESTAMP)
        dr_scan(s->typed, i64_word, set, in);
    else
        dr_each_block(s->rows, row_block, &(struct by_row){ s, set, in });
}
