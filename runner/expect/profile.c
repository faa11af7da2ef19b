/* profile.c - see profile.h. Types are inferred from the texts first; then the
 * table is read again as those types, with the measures that checks use. */
#include "expect/profile.h"
#include <math.h>

#define SHAPE_MAX 40
#define KEY_CANDIDATES 8 /* columns that are tried as parts of a key */

/* ---- shapes ---- */

static bool put_shape(struct dr_str text, struct dr_buf *out)
{
    dr_buf_clear(out);
    if (text.n > SHAPE_MAX)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        (void)dr_buf_putc(out, c >= '0' && c <= '9'   ? '9'
                               : c >= 'A' && c <= 'Z' ? 'A'
                               : c >= 'a' && c <= 'z' ? 'a'
                                                      : (char)c);
    }
    return true;
}

static int by_count(const void *a, const void *b)
{
    const struct dr_shape *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return strcmp(x->text, y->text);
}

static void count_shapes(struct dr_profile *p, struct dr_column_profile *c)
{
    struct dr_map at = { 0 };
    DR_AUTO_BUF shape = { 0 };
    struct dr_shape *all = dr_malloc(((size_t)c->distinct + 1) * sizeof *all);
    int64_t n = 0, kept = 0;
    for (int64_t i = 0; i < c->view->n_distinct; i++) {
        const struct dr_value_count *v = &c->view->distinct[i];
        if (!put_shape(v->value.s, &shape))
            continue;
        int64_t *known = dr_map_get(&at, dr_buf_str(&shape));
        if (!known) {
            char *text = dr_arena_dup(&p->arena, dr_buf_cstr(&shape), shape.n);
            known = dr_map_put(&at, (struct dr_str){ text, shape.n }, NULL);
            all[n] = (struct dr_shape){ text, 0 };
            *known = n++;
        }
        all[*known].count += v->count;
    }
    qsort(all, (size_t)n, sizeof *all, by_count);
    for (; c->n_shapes < n && c->n_shapes < DR_PROFILE_SHAPES; c->n_shapes++) {
        c->shapes[c->n_shapes] = all[c->n_shapes];
        kept += all[c->n_shapes].count;
    }
    c->other_shapes = c->view->n - kept;
    free(all);
    dr_map_done(&at);
}

/* ---- a column ---- */

static int most_common(const void *a, const void *b)
{
    const struct dr_value_count *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return dr_value_order(&x->value, &y->value);
}

static void find_top(struct dr_column_profile *c)
{
    int64_t n = c->view->n_distinct;
    struct dr_value_count *all = dr_malloc(((size_t)n + 1) * sizeof *all);
    memcpy(all, c->view->distinct, (size_t)n * sizeof *all);
    qsort(all, (size_t)n, sizeof *all, most_common);
    for (; c->n_top < n && c->n_top < DR_PROFILE_TOP; c->n_top++)
        c->top[c->n_top] = all[c->n_top];
    free(all);
}

static void measure_ordered(struct dr_profile *p, struct dr_column_profile *c)
{
    static const double at[] = { 0.05, 0.25, 0.5, 0.75, 0.95 };
    int64_t n = c->view->n;
    c->ordered = n > 0;
    for (int k = 0; k < 5 && n; k++)
        c->quantile[k] = dr_view_nth(&p->plan, c->view, (int64_t)nearbyint(at[k] * (double)(n - 1)));
    if (c->source->class != DR_CLASS_NUMBER || !n)
        return;
    dr_view_moments(&p->plan, c->view);
    c->mean = c->view->mean;
    c->deviation = n > 1 ? sqrt(c->view->m2 / (double)(n - 1)) : 0;
}

static void measure_text(struct dr_profile *p, struct dr_column_profile *c)
{
    for (int64_t i = 0; i < c->view->n_distinct; i++) {
        int64_t length = dr_utf8_length(c->view->distinct[i].value.s);
        c->shortest = i == 0 || length < c->shortest ? length : c->shortest;
        c->longest = length > c->longest ? length : c->longest;
    }
    count_shapes(p, c);
}

static void measure(struct dr_profile *p, struct dr_column_profile *c)
{
    const struct dr_domain *all;
    (void)dr_plan_domain(&p->plan, NULL, &all, NULL); /* every row: it cannot fail */
    c->view = dr_plan_view(&p->plan, c->source, all);
    c->missing = c->source->n_null;
    if (c->source->class == DR_CLASS_EMPTY)
        return;
    dr_view_distinct(&p->plan, c->view);
    c->distinct = c->view->n_distinct;
    find_top(c);
    (void)dr_view_extremes(&p->plan, c->view, &c->min, &c->max);
    if (c->source->class == DR_CLASS_TEXT)
        measure_text(p, c);
    else if (c->source->class != DR_CLASS_MIXED)
        measure_ordered(p, c);
}

/* ---- types ---- */

static bool is_text(const struct dr_column *c)
{
    return c->type == DR_TYPE_DICT || c->type == DR_TYPE_STRING;
}

/* The columns with their types, as a suite would declare them. */
static int32_t infer(struct dr_profile *p, const struct dr_table *t, struct dr_err *err)
{
    static const struct dr_suite plain = { 0 };
    static const struct dr_expect_options options = { 0 };
    struct dr_plan plan = { .arena = &p->arena, .suite = &plain, .table = t, .opts = &options };
    struct dr_suite_column *declared = dr_arena_array(&p->arena, (size_t)t->n + 1, sizeof *declared);
    int32_t rc = DR_OK;
    p->columns = dr_arena_array(&p->arena, (size_t)t->n + 1, sizeof *p->columns);
    for (int32_t k = 0; k < t->n && !rc; k++) {
        struct dr_source *s;
        if (p->line_column && dr_streq(t->names[k], p->line_column))
            continue;
        rc = dr_plan_source(&plan, t->names[k], &s, err);
        if (rc)
            break;
        struct dr_column_profile *c = &p->columns[p->n++];
        *c = (struct dr_column_profile){ .name = dr_arena_strdup(&p->arena, t->names[k]),
                                         .type = *dr_infer_type(s) };
        bool read = is_text(s->raw) && c->type.type != DR_TYPE_DICT && c->type.type != DR_TYPE_NULL;
        if (read)
            declared[p->suite.n_columns++] =
                (struct dr_suite_column){ .name = c->name, .type = c->type.type, .format = c->type.format };
    }
    p->suite.columns = declared;
    dr_plan_done(&plan);
    return rc;
}

/* ---- a key ---- */

/* Columns without gaps that may be part of a key: those with the most values first. */
static int32_t candidates(const struct dr_profile *p, int32_t *ret)
{
    int32_t n = 0;
    for (int32_t k = 0; k < p->n; k++) {
        const struct dr_column_profile *c = &p->columns[k];
        if (c->missing || c->distinct < 2 || c->type.type == DR_TYPE_FLOAT64)
            continue;
        int32_t at = n < KEY_CANDIDATES ? n++ : n;
        while (at > 0 && p->columns[ret[at - 1]].distinct < c->distinct) {
            if (at < KEY_CANDIDATES)
                ret[at] = ret[at - 1];
            at--;
        }
        if (at < KEY_CANDIDATES)
            ret[at] = k;
    }
    return n;
}

static bool names_rows(struct dr_profile *p, int32_t n, const int32_t *columns)
{
    struct dr_source *sources[DR_PROFILE_KEY_MAX];
    double most = 1;
    for (int32_t k = 0; k < n; k++) {
        sources[k] = p->columns[columns[k]].source;
        most *= (double)p->columns[columns[k]].distinct;
    }
    if (most < (double)p->rows)
        return false;
    uint64_t *in = dr_plan_bits(&p->plan), *repeated = dr_plan_bits(&p->plan);
    dr_rows_fill(in, p->rows);
    dr_scan_repeats(&p->plan, n, sources, in, repeated);
    bool unique = dr_rows_count(repeated, p->rows) == 0;
    dr_plan_bits_back(&p->plan, in);
    dr_plan_bits_back(&p->plan, repeated);
    return unique;
}

/* Combinations of `size` of the candidates, in order; the first that names every row. */
static bool try_keys(struct dr_profile *p, const int32_t *from, int32_t n, int32_t size)
{
    for (unsigned set = 1; set < 1u << n; set++) {
        int32_t chosen[DR_PROFILE_KEY_MAX], k = 0;
        if (__builtin_popcount(set) != size)
            continue;
        for (int32_t i = 0; i < n; i++)
            if (set >> i & 1)
                chosen[k++] = from[i];
        if (!names_rows(p, size, chosen))
            continue;
        memcpy(p->key, chosen, (size_t)size * sizeof *chosen);
        p->n_key = size;
        return true;
    }
    return false;
}

static void find_key(struct dr_profile *p)
{
    int32_t from[KEY_CANDIDATES], n = candidates(p, from);
    for (int32_t size = 1; p->rows > 1 && size <= DR_PROFILE_KEY_MAX && size <= n; size++)
        if (try_keys(p, from, n, size))
            return;
}

/* ---- the whole ---- */

int32_t dr_profile_new(const struct dr_table *table, const char *line_column, struct dr_profile **ret,
                       struct dr_err *err)
{
    static const struct dr_expect_options options = { 0 };
    struct dr_profile *p = dr_calloc(1, sizeof *p);
    p->line_column = line_column;
    p->rows = table->rows;
    int32_t rc = infer(p, table, err);
    p->plan = (struct dr_plan){ .arena = &p->arena, .suite = &p->suite, .table = table, .opts = &options };
    for (int32_t k = 0; k < p->n && !rc; k++) {
        rc = dr_plan_source(&p->plan, p->columns[k].name, &p->columns[k].source, err);
        if (!rc)
            measure(p, &p->columns[k]);
    }
    if (rc) {
        dr_profile_free(p);
        return rc;
    }
    find_key(p);
    *ret = p;
    return DR_OK;
}

void dr_profile_free(struct dr_profile *p)
{
    if (!p)
        return;
    dr_plan_done(&p->plan);
    dr_arena_done(&p->arena);
    free(p);
}
