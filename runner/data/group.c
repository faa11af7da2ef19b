/* group.c - group by: keys of the groups' first rows, beside the aggregates,
 * in order of key. Groups are found unordered and only then sorted: there are
 * mostly far fewer of them than rows. */
#include "data/aggregate.h"
#include "data/sort.h"

/* A result being put together: n_keys columns, then n_aggs. */
struct result {
    int32_t n;                  /* columns so far */
    const char **names;         /* owned array */
    struct dr_column **columns; /* owned */
};

static void result_done(struct result *r)
{
    for (int32_t i = 0; i < r->n; i++)
        dr_column_unref(r->columns[i]);
    free(r->names);
    free(r->columns);
}

static void add_column(struct result *r, const char *name, struct dr_column *c)
{
    r->names[r->n] = name;
    r->columns[r->n++] = c;
}

static void add_keys(struct result *r, int32_t n, const char *const *names,
                     const struct dr_column *const *keys, const struct dr_groups *g)
{
    DR_AUTO_FREE int64_t *rows = dr_malloc((size_t)g->n * sizeof *rows);
    for (uint32_t i = 0; i < g->n; i++)
        rows[i] = g->first[i];
    for (int32_t i = 0; i < n; i++)
        add_column(r, names[i], dr_column_take(keys[i], g->n, rows));
}

static int32_t add_aggregates(struct result *r, const struct dr_table *t, int32_t n,
                              const struct dr_agg *aggs, const struct dr_groups *g, struct dr_err *err)
{
    struct dr_buckets *buckets = NULL;
    int32_t rc = DR_OK;
    for (int32_t i = 0; i < n && !rc; i++) {
        int32_t at = aggs[i].column ? dr_table_find(t, aggs[i].column) : -1;
        struct dr_column *c;
        rc = dr_aggregate_run(&aggs[i], at < 0 ? NULL : t->columns[at], g, &buckets, &c, err);
        if (!rc)
            add_column(r, aggs[i].name, c);
    }
    dr_buckets_free(buckets);
    return rc;
}

static int32_t sorted_table(const struct result *r, int32_t n_keys, const struct dr_groups *g,
                            struct dr_table **ret, struct dr_err *err)
{
    struct dr_table *unsorted;
    const struct dr_column *const *columns = (const struct dr_column *const *)r->columns;
    DR_TRY(dr_table_new(r->n, r->names, columns, &unsorted, err));
    DR_AUTO_FREE int32_t *flags = dr_calloc((size_t)n_keys, sizeof *flags);
    DR_AUTO_FREE int64_t *order = NULL;
    int32_t rc = dr_sort_rows(g->n, n_keys, columns, flags, g->n, &order, err);
    if (!rc)
        *ret = dr_table_take_rows(unsorted, g->n, order);
    dr_table_unref(unsorted);
    return rc;
}

static int32_t check_request(const struct dr_table *t, int32_t n_keys, const char *const *keys,
                             int32_t n_aggs, const struct dr_agg *aggs, const struct dr_column **ret_keys,
                             struct dr_err *err)
{
    for (int32_t i = 0; i < n_keys; i++)
        DR_TRY(dr_table_need(t, keys[i], "group by", &ret_keys[i], err));
    for (int32_t i = 0; i < n_aggs; i++) {
        const struct dr_column *c = NULL;
        if (aggs[i].column)
            DR_TRY(dr_table_need(t, aggs[i].column, "group by", &c, err));
        DR_TRY(dr_aggregate_check(&aggs[i], c, err));
    }
    return DR_OK;
}

int32_t dr_table_group_by(const struct dr_table *t, int32_t n_keys, const char *const *keys, int32_t n_aggs,
                          const struct dr_agg *aggs, struct dr_table **ret, struct dr_err *err)
{
    if (n_keys < 0 || n_aggs < 0)
        return dr_fail(err, DR_EINPUT, "group by: %d keys, %d aggregates", (int)n_keys, (int)n_aggs);
    size_t n = (size_t)n_keys + (size_t)n_aggs;
    DR_AUTO_FREE const struct dr_column **columns = dr_malloc((size_t)n_keys * sizeof(struct dr_column *));
    DR_TRY(check_request(t, n_keys, keys, n_aggs, aggs, columns, err));
    struct dr_groups g;
    struct dr_key_spec spec = { .rows = t->rows, .n = n_keys, .columns = columns };
    DR_TRY(dr_groups_init(&g, &spec, err));
    struct result r = { .names = dr_malloc(n * sizeof(char *)),
                        .columns = dr_malloc(n * sizeof(struct dr_column *)) };
    add_keys(&r, n_keys, keys, columns, &g);
    int32_t rc = add_aggregates(&r, t, n_aggs, aggs, &g, err);
    if (!rc)
        rc = sorted_table(&r, n_keys, &g, ret, err);
    result_done(&r);
    dr_groups_done(&g);
    return rc;
}
