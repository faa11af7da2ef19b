/* distinct.c - the distinct values of a column with their counts. See plan.h.
 *
 * A column with a dictionary is counted by code, and each code's value looked
 * at once, at the first row that has it; others are sorted by key. */
#include "expect/plan.h"

#define FEW 4 /* rows per distinct value that make counting by code pay */

/* How often each code occurs, and where first. */
struct code_counts {
    int64_t *count, *first;
    int32_t n;
};

static void counts_done(struct code_counts *c)
{
    free(c->count);
    free(c->first);
}

static void count_chunk(struct code_counts *out, const int32_t *codes, const uint64_t *rows, int64_t from,
                        int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if (!dr_row_get(rows, from + i))
            continue;
        if (out->count[codes[i]]++ == 0)
            out->first[codes[i]] = from + i;
    }
}

static struct code_counts count_codes(const struct dr_column *c, const uint64_t *rows)
{
    struct code_counts out = { .n = c->dict->n };
    out.count = dr_calloc((size_t)out.n + 1, sizeof *out.count);
    out.first = dr_calloc((size_t)out.n + 1, sizeof *out.first);
    for (int32_t k = 0; k < c->n; k++)
        count_chunk(&out, c->chunk[k]->values, rows, c->start[k], c->chunk[k]->n);
    return out;
}

static int64_t used_codes(const struct code_counts *c)
{
    int64_t used = 0;
    for (int32_t k = 0; k < c->n; k++)
        used += c->count[k] > 0;
    return used;
}

/* The view's rows, and those of its domain that do not spell the type. */
static const uint64_t *present_rows(struct dr_plan *p, const struct dr_view *v)
{
    if (!v->n_refused)
        return v->rows;
    uint64_t *rows = dr_plan_bits(p);
    memcpy(rows, v->source->refused, (size_t)dr_words(v->source->rows) * 8);
    if (v->domain->rows)
        dr_rows_and(rows, v->domain->rows, v->source->rows);
    dr_rows_or(rows, v->rows, v->source->rows);
    return rows;
}

static int by_value(const void *a, const void *b)
{
    const struct dr_value_count *x = a, *y = b;
    return dr_value_order(&x->value, &y->value);
}

/* Ascending, and equal values (1 and 1.0, two spellings of a number) made one. */
static void settle(struct dr_view *v)
{
    int64_t n = 0;
    if (v->n_distinct > 1)
        qsort(v->distinct, (size_t)v->n_distinct, sizeof *v->distinct, by_value);
    for (int64_t i = 0; i < v->n_distinct; i++)
        if (n && dr_value_equal(&v->distinct[n - 1].value, &v->distinct[i].value))
            v->distinct[n - 1].count += v->distinct[i].count;
        else
            v->distinct[n++] = v->distinct[i];
    v->n_distinct = n;
}

static void add_codes(struct dr_view *v, const struct code_counts *c)
{
    for (int32_t k = 0; k < c->n; k++) {
        int32_t hint = 0;
        if (c->count[k])
            v->distinct[v->n_distinct++] =
                (struct dr_value_count){ dr_source_value(v->source, c->first[k], &hint), c->count[k] };
    }
}

static void distinct_codes(struct dr_plan *p, struct dr_view *v)
{
    struct code_counts c = count_codes(dr_source_dict(v->source), present_rows(p, v));
    v->distinct = dr_arena_array(&p->scratch, (size_t)used_codes(&c) + 1, sizeof *v->distinct);
    add_codes(v, &c);
    counts_done(&c);
    settle(v);
}

static int64_t sorted_runs(const struct dr_view *v)
{
    int64_t n = 0;
    for (int64_t i = 0; i < v->n; i++)
        n += i == 0 || v->sorted[i] != v->sorted[i - 1];
    return n;
}

static void distinct_keys(struct dr_plan *p, struct dr_view *v)
{
    dr_view_sort(p, v);
    v->distinct = dr_arena_array(&p->scratch, (size_t)sorted_runs(v) + 1, sizeof *v->distinct);
    for (int64_t i = 0; i < v->n; i++) {
        if (i == 0 || v->sorted[i] != v->sorted[i - 1])
            v->distinct[v->n_distinct++].value = dr_view_sorted_value(v, i);
        v->distinct[v->n_distinct - 1].count++;
    }
}

bool dr_view_has_few(const struct dr_view *v)
{
    const struct dr_column *raw = v->source->raw;
    return raw->type == DR_TYPE_DICT && raw->dict->n <= v->source->rows / FEW;
}

static bool counts_by_code(const struct dr_view *v)
{
    enum dr_class class = v->source->class;
    return class == DR_CLASS_TEXT || class == DR_CLASS_MIXED || v->n_refused || dr_view_has_few(v);
}

void dr_view_distinct(struct dr_plan *p, struct dr_view *v)
{
    if (v->has_distinct)
        return;
    v->has_distinct = true;
    if (v->source->class == DR_CLASS_EMPTY)
        v->distinct = dr_arena_array(&p->scratch, 1, sizeof *v->distinct);
    else if (counts_by_code(v))
        distinct_codes(p, v);
    else
        distinct_keys(p, v);
}

int64_t dr_view_count_distinct(struct dr_plan *p, struct dr_view *v)
{
    if (v->has_distinct || v->source->class != DR_CLASS_TEXT) {
        dr_view_distinct(p, v);
        return v->n_distinct;
    }
    struct code_counts c = count_codes(dr_source_dict(v->source), v->rows);
    int64_t n = used_codes(&c);
    counts_done(&c);
    return n;
}

struct dr_value dr_view_nth(struct dr_plan *p, struct dr_view *v, int64_t i)
{
    if (v->sorted || !dr_view_has_few(v)) {
        dr_view_sort(p, v);
        return dr_view_sorted_value(v, i);
    }
    dr_view_distinct(p, v);
    int64_t k = 0;
    while (k + 1 < v->n_distinct && i >= v->distinct[k].count)
        i -= v->distinct[k++].count;
    return v->distinct[k].value;
}

void dr_view_text_extremes(struct dr_view *v, struct dr_value *ret_min, struct dr_value *ret_max)
{
    const struct dr_column *column = dr_source_dict(v->source);
    struct code_counts c = count_codes(column, v->rows);
    const struct dr_str *min = NULL, *max = NULL;
    for (int32_t k = 0; k < c.n; k++) {
        const struct dr_str *s = &column->dict->values[k];
        if (!c.count[k])
            continue;
        min = !min || dr_str_cmp(*s, *min) < 0 ? s : min;
        max = !max || dr_str_cmp(*s, *max) > 0 ? s : max;
    }
    counts_done(&c);
    *ret_min = dr_value_of_text(*min);
    *ret_max = dr_value_of_text(*max);
}
