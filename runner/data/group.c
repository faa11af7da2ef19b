/* group.c - group by: keys of the groups' first rows, beside the aggregates, in
 * order of key. Short keys number their groups in order at once; other groups are
 * found unordered and only then sorted: there are mostly far fewer of them than
 * rows. */
#include "data/aggregate.h"
#include "data/sort.h"

/* A group by while it runs: n_keys columns, then n_aggs, in `columns`. */
struct grouping {
    const struct dr_table *t;
    int32_t n_keys, n_aggs;
    const char *const *key_names;
    const struct dr_agg *aggs;
    const struct dr_column **keys;    /* owned array: n_keys columns of t */
    const struct dr_column **sources; /* owned array: of each aggregate; NULL: rows */
    struct dr_groups g;
    struct dr_column **columns; /* owned, what is NULL is not made yet */
};

static int32_t find_columns(struct grouping *w, struct dr_err *err)
{
    for (int32_t i = 0; i < w->n_keys; i++)
        DR_TRY(dr_table_need(w->t, w->key_names[i], "group by", &w->keys[i], err));
    for (int32_t i = 0; i < w->n_aggs; i++) {
        w->sources[i] = NULL;
        if (w->aggs[i].column)
            DR_TRY(dr_table_need(w->t, w->aggs[i].column, "group by", &w->sources[i], err));
        DR_TRY(dr_aggregate_check(&w->aggs[i], w->sources[i], err));
    }
    return DR_OK;
}

static void make_keys(struct grouping *w)
{
    DR_AUTO_FREE int64_t *rows = dr_malloc((size_t)w->g.n * sizeof *rows);
    for (uint32_t i = 0; i < w->g.n; i++)
        rows[i] = w->g.first[i];
    for (int32_t i = 0; i < w->n_keys; i++)
        w->columns[i] = dr_column_take(w->keys[i], w->g.n, rows);
}

static int32_t sort_groups(const struct grouping *w, struct dr_table **t, struct dr_err *err)
{
    DR_AUTO_FREE int32_t *flags = dr_calloc((size_t)w->n_keys, sizeof *flags);
    DR_AUTO_FREE int64_t *order = NULL;
    const struct dr_column *const *keys = (const struct dr_column *const *)w->columns;
    DR_TRY(dr_sort_rows(w->g.n, w->n_keys, keys, flags, w->g.n, &order, err));
    struct dr_table *sorted = dr_table_take_rows(*t, w->g.n, order);
    dr_table_unref(*t);
    *t = sorted;
    return DR_OK;
}

static int32_t make_table(const struct grouping *w, struct dr_table **ret, struct dr_err *err)
{
    int32_t n = w->n_keys + w->n_aggs;
    struct dr_table *t;
    DR_AUTO_FREE const char **names = dr_malloc((size_t)n * sizeof(char *));
    for (int32_t i = 0; i < n; i++)
        names[i] = i < w->n_keys ? w->key_names[i] : w->aggs[i - w->n_keys].name;
    DR_TRY(dr_table_new(n, names, (const struct dr_column *const *)w->columns, &t, err));
    int32_t rc = w->g.sorted ? DR_OK : sort_groups(w, &t, err);
    if (rc)
        dr_table_unref(t);
    else
        *ret = t;
    return rc;
}

static int32_t run(struct grouping *w, struct dr_table **ret, struct dr_err *err)
{
    DR_TRY(find_columns(w, err));
    struct dr_key_spec spec = { .rows = w->t->rows, .n = w->n_keys, .columns = w->keys, .ordered = true };
    DR_TRY(dr_groups_init(&w->g, &spec, err));
    make_keys(w);
    DR_TRY(dr_aggregate_run(w->n_aggs, w->aggs, w->sources, &w->g, w->columns + w->n_keys, err));
    return make_table(w, ret, err);
}

int32_t dr_table_group_by(const struct dr_table *t, int32_t n_keys, const char *const *keys, int32_t n_aggs,
                          const struct dr_agg *aggs, struct dr_table **ret, struct dr_err *err)
{
    if (n_keys < 0 || n_aggs < 0)
        return dr_fail(err, DR_EINPUT, "group by: %d keys, %d aggregates", (int)n_keys, (int)n_aggs);
    struct grouping w = { .t = t, .n_keys = n_keys, .n_aggs = n_aggs, .key_names = keys, .aggs = aggs };
    size_t n = (size_t)n_keys + (size_t)n_aggs;
    w.keys = dr_malloc((size_t)n_keys * sizeof(struct dr_column *));
    w.sources = dr_malloc((size_t)n_aggs * sizeof(struct dr_column *));
    w.columns = dr_calloc(n, sizeof(struct dr_column *));
    int32_t rc = run(&w, ret, err);
    for (size_t i = 0; i < n; i++)
        dr_column_unref(w.columns[i]);
    free(w.keys);
    free(w.sources);
    free(w.columns);
    dr_groups_done(&w.g);
    return rc;
}
