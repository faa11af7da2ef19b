/* distinct.c - one row for each distinct key. */
#include "data/hash_rows.h"

/* Which row of each group stays. */
struct choice {
    uint32_t *row; /* by group: the row that stands for it */
    uint8_t *stay; /* bitmap of rows */
};

static void choose(const struct dr_groups *g, int32_t keep, struct choice *c)
{
    memcpy(c->row, g->first, (size_t)g->n * sizeof *c->row);
    if (keep == DR_KEEP_LAST)
        for (int64_t row = 0; row < g->rows; row++)
            c->row[g->id[row]] = (uint32_t)row;
    for (uint32_t i = 0; i < g->n; i++)
        dr_bit_set(c->stay, c->row[i]);
    if (keep != DR_KEEP_NONE)
        return;
    for (int64_t row = 0; row < g->rows; row++)
        if (row != g->first[g->id[row]])
            dr_bit_clear(c->stay, g->first[g->id[row]]);
}

static int32_t key_columns(const struct dr_table *t, int32_t n, const char *const *keys,
                           const struct dr_column **ret, struct dr_err *err)
{
    for (int32_t i = 0; i < t->n && n == 0; i++)
        ret[i] = t->columns[i];
    for (int32_t i = 0; i < n; i++)
        DR_TRY(dr_table_need(t, keys[i], "distinct", &ret[i], err));
    return DR_OK;
}

int32_t dr_table_distinct(const struct dr_table *t, int32_t n, const char *const *keys, int32_t keep,
                          int64_t *ret_kept, struct dr_table **ret, struct dr_err *err)
{
    struct dr_groups g;
    int32_t n_columns = n == 0 ? t->n : n;
    if (n < 0 || keep < DR_KEEP_FIRST || keep > DR_KEEP_NONE)
        return dr_fail(err, DR_EINPUT, "distinct: %d keys, keep %d", (int)n, (int)keep);
    DR_AUTO_FREE const struct dr_column **columns = dr_malloc((size_t)n_columns * sizeof(struct dr_column *));
    DR_TRY(key_columns(t, n, keys, columns, err));
    DR_TRY(dr_groups_init(&g, t->rows, n_columns, columns, err));
    struct choice c = { .row = dr_malloc((size_t)g.n * sizeof *c.row),
                        .stay = dr_calloc((size_t)t->rows / 8 + 1, 1) };
    if (t->rows)
        choose(&g, keep, &c);
    for (int64_t row = 0; ret_kept && row < t->rows; row++)
        ret_kept[row] = dr_bit(c.stay, row) ? -1 : (int64_t)c.row[g.id[row]];
    int32_t rc = dr_table_filter(t, c.stay, ret, err);
    dr_groups_done(&g);
    free(c.row);
    free(c.stay);
    return rc;
}
