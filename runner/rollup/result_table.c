/* result_table.c - the groups of all slices and their numbers as a table.
 *
 * Slices are gone through once, and each is given up when its rows are in the columns: a result of very many
 * groups is what takes most memory here. */
#include "data/builder.h"
#include "rollup/impl.h"

static void slice_done(struct dr_rollup_slice *s)
{
    free(s->words);
    free(s->numbers);
    free(s->present);
    *s = (struct dr_rollup_slice){ 0 };
}

void dr_rollup_slices_done(struct dr_rollup_slice *slices)
{
    for (int32_t i = 0; i < DR_ROLLUP_SLICES; i++)
        slice_done(&slices[i]);
}

static const char *group_name(const struct dr_rollup_group *g)
{
    return g->name ? g->name : g->column;
}

static bool is_count(const struct dr_agg *a)
{
    return a->fn == DR_AGG_COUNT || a->fn == DR_AGG_COUNT_DISTINCT;
}

static struct dr_builder *group_builder(const struct dr_rollup *r, int32_t i)
{
    const struct dr_rollup_field *f = &r->fields[r->group_field[i]];
    bool text = r->o->groups[i].month || f->type == DR_TYPE_DICT || f->type == DR_TYPE_STRING;
    return dr_builder_new(text ? DR_TYPE_DICT : f->type);
}

static void put_group(const struct dr_rollup *r, int32_t i, const struct dr_rollup_slice *s,
                      struct dr_builder *b)
{
    const struct dr_rollup_field *f = &r->fields[r->group_field[i]];
    for (uint32_t g = 0; g < s->n; g++)
        dr_rollup_put(f, &r->texts, r->dicts[r->group_field[i]],
                      s->words + (size_t)g * (size_t)r->group_words + r->group_at[i], r->o->groups[i].month,
                      b);
}

static void put_numbers(const struct dr_rollup *r, int32_t i, const struct dr_rollup_slice *s,
                        struct dr_builder *b)
{
    bool count = is_count(&r->o->aggs[i]);
    size_t n = (size_t)r->o->n_aggs;
    for (uint32_t g = 0; g < s->n; g++) {
        size_t at = (size_t)g * n + (size_t)i;
        if (!s->present[at])
            dr_builder_append_null(b);
        else if (count)
            dr_builder_append_int(b, (int64_t)s->numbers[at]);
        else
            dr_builder_append_float(b, s->numbers[at]);
    }
}

static void put_slices(const struct dr_rollup *r, struct dr_rollup_slice *slices,
                       struct dr_builder **builders)
{
    for (int32_t k = 0; k < DR_ROLLUP_SLICES; k++) {
        for (int32_t i = 0; i < r->o->n_groups; i++)
            put_group(r, i, &slices[k], builders[i]);
        for (int32_t i = 0; i < r->o->n_aggs; i++)
            put_numbers(r, i, &slices[k], builders[r->o->n_groups + i]);
        slice_done(&slices[k]);
    }
}

int32_t dr_rollup_table(const struct dr_rollup *r, struct dr_rollup_slice *slices, struct dr_table **ret,
                        struct dr_err *err)
{
    const struct dr_rollup_options *o = r->o;
    int32_t n = o->n_groups + o->n_aggs;
    DR_AUTO_FREE const char **names = dr_calloc((size_t)n + 1, sizeof(*names));
    DR_AUTO_FREE struct dr_builder **builders = dr_calloc((size_t)n + 1, sizeof(*builders));
    DR_AUTO_FREE struct dr_column **columns = dr_calloc((size_t)n + 1, sizeof(*columns));
    for (int32_t i = 0; i < o->n_groups; i++) {
        names[i] = group_name(&o->groups[i]);
        builders[i] = group_builder(r, i);
    }
    for (int32_t i = 0; i < o->n_aggs; i++) {
        names[o->n_groups + i] = o->aggs[i].name;
        builders[o->n_groups + i] = dr_builder_new(is_count(&o->aggs[i]) ? DR_TYPE_INT64 : DR_TYPE_FLOAT64);
    }
    put_slices(r, slices, builders);
    for (int32_t i = 0; i < n; i++)
        columns[i] = dr_builder_finish(builders[i]);
    int32_t rc = dr_table_new(n, names, (const struct dr_column *const *)columns, ret, err);
    for (int32_t i = 0; i < n; i++)
        dr_column_unref(columns[i]);
    return rc;
}

int32_t dr_rollup_order(const struct dr_rollup_options *o, struct dr_table **t, struct dr_err *err)
{
    struct dr_table *ordered = NULL;
    DR_AUTO_FREE struct dr_sort_key *order = dr_calloc((size_t)o->n_groups + 1, sizeof(*order));
    for (int32_t i = 0; i < o->n_groups; i++)
        order[i].column = group_name(&o->groups[i]);
    DR_TRY(dr_table_sort(*t, o->n_groups, order, &ordered, err));
    dr_table_unref(*t);
    *t = ordered;
    return DR_OK;
}
