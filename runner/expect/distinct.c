/* distinct.c - the distinct values of a column with their counts. See plan.h.
 *
 * A column with a dictionary is counted by code; others are sorted by key. */
#include <math.h>
#include "data/pool.h"
#include "expect/order_key.h"
#include "expect/plan.h"
#include "expect/radix.h"

#define FEW 4 /* rows per distinct value that make counting by code pay */

static int by_value(const void *a, const void *b)
{
    const struct dr_value_count *x = a, *y = b;
    return dr_value_order(&x->value, &y->value);
}

#define DIGIT_BITS 8

/* A number or time, as what sorts like it. */
struct placed {
    uint64_t key;
    int64_t at; /* in the list that is sorted */
};

/* Whether all values are of one type, but for refused texts, and none is NaN, which has no place. */
static bool have_keys(const struct dr_view *v)
{
    enum dr_class class = v->source->class;
    if (class != DR_CLASS_NUMBER && class != DR_CLASS_TIME)
        return false;
    for (int64_t i = 0; i < v->n_distinct; i++) {
        const struct dr_value *x = &v->distinct[i].value;
        if (x->kind == DR_VALUE_NULL || (x->kind == DR_VALUE_FLOAT && isnan(x->f)))
            return false;
    }
    return true;
}

/* Values by their keys, which takes far less time than comparing them; refused texts last. */
static void sort_by_keys(struct dr_view *v, struct dr_value_count *sorted)
{
    DR_AUTO_FREE struct placed *room = dr_malloc((size_t)v->n_distinct * 2 * sizeof *room);
    struct placed *placed = room;
    int64_t n = 0, texts = 0;
    for (int64_t i = 0; i < v->n_distinct; i++) {
        const struct dr_value *x = &v->distinct[i].value;
        if (x->kind != DR_VALUE_TEXT)
            placed[n++] =
                (struct placed){ x->kind == DR_VALUE_FLOAT ? dr_key_of_f64(x->f) : dr_key_of_i64(x->i), i };
    }
    if (n)
        placed = dr_radix_sort(placed, placed + n, n, sizeof *placed, DIGIT_BITS);
    for (int64_t i = 0; i < n; i++)
        sorted[i] = v->distinct[placed[i].at];
    for (int64_t i = 0; i < v->n_distinct; i++)
        if (v->distinct[i].value.kind == DR_VALUE_TEXT)
            sorted[n + texts++] = v->distinct[i];
    qsort(sorted + n, (size_t)texts, sizeof *sorted, by_value);
    v->distinct = sorted;
}

/* Ascending, and equal values (1 and 1.0, two spellings of a number) made one. */
static void settle(struct dr_plan *p, struct dr_view *v)
{
    int64_t n = 0;
    if (have_keys(v))
        sort_by_keys(v, dr_arena_array(&p->scratch, (size_t)v->n_distinct + 1, sizeof *v->distinct));
    else if (v->n_distinct > 1)
        qsort(v->distinct, (size_t)v->n_distinct, sizeof *v->distinct, by_value);
    for (int64_t i = 0; i < v->n_distinct; i++)
        if (n && dr_value_equal(&v->distinct[n - 1].value, &v->distinct[i].value))
            v->distinct[n - 1].count += v->distinct[i].count;
        else
            v->distinct[n++] = v->distinct[i];
    v->n_distinct = n;
}

static int64_t occurring(const int64_t *count, int64_t codes)
{
    int64_t n = 0;
    for (int64_t k = 0; k < codes; k++)
        n += count[k] > 0;
    return n;
}

/* How often each code of the column's dictionary occurs among the rows of the
 * view's domain; a STRING column gets its dictionary now. */
static const int64_t *counts(struct dr_plan *p, struct dr_view *v, int64_t *ret_codes)
{
    *ret_codes = dr_source_dict(v->source)->dict->n;
    return dr_view_counts(p, v);
}

/* The first row of each code, to look up its value where codes have none of their own. */
static int64_t *first_rows(struct dr_source *s, int64_t codes)
{
    const struct dr_column *c = dr_source_dict(s);
    int64_t *first = dr_malloc(((size_t)codes + 1) * sizeof *first);
    for (int32_t k = c->n - 1; k >= 0; k--)
        for (int64_t i = c->chunk[k]->n - 1; i >= 0; i--)
            if (dr_array_valid(c->chunk[k], i))
                first[((const int32_t *)c->chunk[k]->values)[i]] = c->start[k] + i;
    return first;
}

static void distinct_codes(struct dr_plan *p, struct dr_view *v)
{
    struct dr_source *s = v->source;
    int64_t codes;
    const int64_t *count = counts(p, v, &codes);
    DR_AUTO_FREE int64_t *first = s->codes ? NULL : first_rows(s, codes);
    v->distinct = dr_arena_array(&p->scratch, (size_t)occurring(count, codes) + 1, sizeof *v->distinct);
    for (int64_t k = 0; k < codes; k++) {
        int32_t hint = 0;
        if (count[k])
            v->distinct[v->n_distinct++] =
                (struct dr_value_count){ first ? dr_source_value(s, first[k], &hint) : dr_codes_value(s, k),
                                         count[k] };
    }
    settle(p, v);
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
    const struct dr_source *s = v->source;
    return s->codes && s->codes->n_used <= s->rows / FEW;
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

/* Whether values are equal where their bits are, so that rows can be compared. */
static bool compares_rows(const struct dr_view *v)
{
    const struct dr_source *s = v->source;
    return !s->codes && !v->n_refused && s->type != DR_TYPE_DECIMAL && s->class != DR_CLASS_EMPTY &&
           s->class != DR_CLASS_MIXED;
}

/* Without a list, or a dictionary, that has them all. */
static int64_t count_by_repeats(struct dr_plan *p, const struct dr_view *v)
{
    uint64_t *repeated = dr_plan_bits(p);
    struct dr_source **column = DR_NEW(&p->scratch, struct dr_source *); /* answers refer to it */
    *column = DR_NEW(&p->scratch, struct dr_source);
    **column = *v->source; /* which is looked at as its type, not as it is written */
    (*column)->raw = v->source->typed;
    int64_t values = dr_scan_repeats(p, 1, column, v->rows, repeated);
    int64_t n = v->n - dr_rows_count(repeated, p->table->rows) + values;
    dr_plan_bits_back(p, repeated);
    return n;
}

int64_t dr_view_count_of(const struct dr_view *v, const struct dr_value *value)
{
    struct dr_value_count key = { *value, 0 };
    const struct dr_value_count *hit =
        v->n_distinct ? bsearch(&key, v->distinct, (size_t)v->n_distinct, sizeof key, by_value) : NULL;
    return hit ? hit->count : 0;
}

int64_t dr_view_count_distinct(struct dr_plan *p, struct dr_view *v)
{
    int64_t codes;
    if (p->opts->memory && !v->has_distinct && compares_rows(v))
        return count_by_repeats(p, v);
    if (v->has_distinct || v->source->class != DR_CLASS_TEXT) {
        dr_view_distinct(p, v);
        return v->n_distinct;
    }
    const int64_t *count = counts(p, v, &codes);
    return occurring(count, codes);
}

struct dr_value dr_view_nth_distinct(struct dr_plan *p, struct dr_view *v, int64_t i)
{
    int64_t k = 0;
    dr_view_distinct(p, v);
    while (k + 1 < v->n_distinct && i >= v->distinct[k].count) /* refused texts come last */
        i -= v->distinct[k++].count;
    return v->distinct[k].value;
}

/* ---- extremes ---- */

/* Those of some rows of a STRING. */
struct text_extremes {
    const uint64_t *rows; /* that count */
    bool any;
    struct dr_str min, max;
};

static void extend_texts(struct text_extremes *x, struct dr_str s)
{
    x->min = !x->any || dr_str_cmp(s, x->min) < 0 ? s : x->min;
    x->max = !x->any || dr_str_cmp(s, x->max) > 0 ? s : x->max;
    x->any = true;
}

static void text_extremes_run(void *ctx, const struct dr_array *a, int64_t i, int m, int64_t row)
{
    struct text_extremes *x = ctx;
    for (uint64_t bits = x->rows[row >> 6] >> (row & 63) & ~UINT64_C(0) >> (64 - m); bits; bits &= bits - 1)
        extend_texts(x, dr_array_str(a, i + __builtin_ctzll(bits)));
}

struct text_slices {
    const struct dr_view *v;
    int64_t n;
    struct text_extremes *of;
};

static void text_extremes_slice(void *ctx, int64_t slice)
{
    const struct text_slices *t = ctx;
    int64_t from, to;
    t->of[slice].rows = t->v->rows;
    dr_slice(t->v->source->rows, t->n, slice, &from, &to);
    dr_each_run(t->v->source->raw, from, to, text_extremes_run, &t->of[slice]);
}

/* Of a STRING, which need not get a dictionary for that. */
static void extremes_of_texts(const struct dr_view *v, struct dr_value *ret_min, struct dr_value *ret_max)
{
    struct text_extremes all = { 0 };
    struct text_slices t = { v, dr_slices(v->source->rows), NULL };
    t.of = dr_calloc((size_t)t.n, sizeof *t.of);
    dr_pool_run(t.n, text_extremes_slice, &t);
    for (int64_t k = 0; k < t.n; k++)
        if (t.of[k].any) {
            extend_texts(&all, t.of[k].min);
            extend_texts(&all, t.of[k].max);
        }
    free(t.of);
    *ret_min = dr_value_of_text(all.min);
    *ret_max = dr_value_of_text(all.max);
}

void dr_view_text_extremes(struct dr_plan *p, struct dr_view *v, struct dr_value *ret_min,
                           struct dr_value *ret_max)
{
    if (v->source->raw->type == DR_TYPE_STRING && !v->source->owned[1]) {
        extremes_of_texts(v, ret_min, ret_max);
        return;
    }
    const struct dr_column *column = dr_source_dict(v->source);
    const struct dr_str *min = NULL, *max = NULL;
    int64_t codes;
    const int64_t *count = counts(p, v, &codes);
    for (int64_t k = 0; k < codes; k++) {
        const struct dr_str *s = &column->dict->values[k];
        if (!count[k])
            continue;
        min = !min || dr_str_cmp(*s, *min) < 0 ? s : min;
        max = !max || dr_str_cmp(*s, *max) > 0 ? s : max;
    }
    *ret_min = dr_value_of_text(*min);
    *ret_max = dr_value_of_text(*max);
}

bool dr_view_code_extremes(struct dr_plan *p, struct dr_view *v, struct dr_value *ret_min,
                           struct dr_value *ret_max)
{
    const struct dr_source *s = v->source;
    const int64_t *count = dr_view_counts(p, v);
    bool any = false;
    for (int64_t k = 0; k < s->codes->n; k++) {
        struct dr_value value;
        if (!count[k] || (s->codes->refused && dr_row_get(s->codes->refused, k)))
            continue;
        value = dr_codes_value(s, k);
        if (!any || dr_value_order(&value, ret_min) < 0)
            *ret_min = value;
        if (!any || dr_value_order(&value, ret_max) > 0)
            *ret_max = value;
        any = true;
    }
    return any;
}
