/* monthly_stats - one row for each month, group and measure: how many values of
 * how many patients, their distribution, the share out of range, and how the
 * mean moved since the month before.
 *
 * Standard deviation: of a sample (n - 1), Welford. Quantiles: linear between
 * order statistics, Hyndman and Fan (1996) type 7, as in R and NumPy. */
#include <dagrun/task.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct dr_param params[] = {
    { "month", DR_PARAM_STRING, 0, "month", NULL, "Column with the month, YYYY-MM" },
    { "group", DR_PARAM_LIST, 0, NULL, NULL, "Further columns that make a group, for example [hospital_id]" },
    { "measure", DR_PARAM_STRING, DR_REQUIRED, NULL, NULL, "Column that says what was measured" },
    { "value", DR_PARAM_STRING, DR_REQUIRED, NULL, NULL, "Numeric column" },
    { "unit", DR_PARAM_STRING, 0, NULL, NULL, "Column with the unit; part of the group" },
    { "patient", DR_PARAM_STRING, 0, NULL, NULL, "Column whose distinct values are counted as n_patients" },
    { "in_range", DR_PARAM_STRING, 0, NULL, NULL,
      "Boolean column; share_out_of_range is 1 - its share of true" },
    { 0 },
};
static const struct dr_port inputs[] = {
    { "table", DR_REQUIRED, 0, "The clean table" },
    { 0 },
};
static const struct dr_port outputs[] = {
    { "stats", DR_REQUIRED, 0,
      "month, group columns, measure, unit, n, n_patients, mean, sd, min, p25, median, p75, p95, max, "
      "share_out_of_range, mean_change, mean_change_percent" },
    { 0 },
};

#define MAX_KEYS 16
#define MAX_AGGS 16

struct plan {
    const char
        *keys[MAX_KEYS]; /* group columns, measure, unit, month: so that months of a series are neighbours */
    int32_t n_keys;
    struct dr_agg aggs[MAX_AGGS];
    int32_t n_aggs;
};

static int32_t add_key(struct dr_task *t, struct plan *p, const char *name)
{
    if (!name)
        return 0;
    if (p->n_keys == MAX_KEYS)
        return dr_task_fail_final(t, "group: more than %d columns", MAX_KEYS);
    p->keys[p->n_keys++] = name;
    return 0;
}

static void add_agg(struct plan *p, int32_t fn, const char *column, const char *name, double arg)
{
    if (column)
        p->aggs[p->n_aggs++] = (struct dr_agg){ .fn = fn, .column = column, .name = name, .arg = arg };
}

static const char *text(struct dr_task *t, const char *param)
{
    return dr_node_str(dr_task_param(t, param), NULL);
}

static int32_t make_plan(struct dr_task *t, struct plan *p)
{
    const struct dr_node *group = dr_task_param(t, "group");
    for (int64_t i = 0; i < dr_node_size(group); i++) {
        const char *name = dr_node_str(dr_node_at(group, i), NULL);
        if (!name)
            return dr_task_fail_final(t, "%s: group is a list of columns",
                                      dr_node_where(t, dr_node_at(group, i)));
        DR_TRY(add_key(t, p, name));
    }
    DR_TRY(add_key(t, p, text(t, "measure")));
    DR_TRY(add_key(t, p, text(t, "unit")));
    DR_TRY(add_key(t, p, text(t, "month")));
    const char *value = text(t, "value");
    add_agg(p, DR_AGG_COUNT, value, "n", 0);
    add_agg(p, DR_AGG_COUNT_DISTINCT, text(t, "patient"), "n_patients", 0);
    add_agg(p, DR_AGG_MEAN, value, "mean", 0);
    add_agg(p, DR_AGG_STDDEV, value, "sd", 0);
    add_agg(p, DR_AGG_MIN, value, "min", 0);
    add_agg(p, DR_AGG_QUANTILE, value, "p25", 0.25);
    add_agg(p, DR_AGG_MEDIAN, value, "median", 0);
    add_agg(p, DR_AGG_QUANTILE, value, "p75", 0.75);
    add_agg(p, DR_AGG_QUANTILE, value, "p95", 0.95);
    add_agg(p, DR_AGG_MAX, value, "max", 0);
    add_agg(p, DR_AGG_SHARE, text(t, "in_range"), "share_out_of_range", 0);
    return 0;
}

/* ---- columns worked out from the grouped table ---- */

/* Whether cells i and i - 1 of a key column are equal. Keys are sorted, so a
 * series (all keys but the month) is a run of equal neighbours. */
struct cursor {
    const struct dr_column *column;
    struct dr_chunk chunk;
    int32_t k;
    int64_t at; /* row of the chunk's first cell */
};

static void seek(struct cursor *c, int64_t row)
{
    while (row >= c->at + c->chunk.length) {
        c->at += c->chunk.length;
        dr_column_chunk(c->column, ++c->k, &c->chunk);
    }
}

static struct cursor start(const struct dr_column *column)
{
    struct cursor c = { .column = column };
    if (dr_column_chunks(column))
        dr_column_chunk(column, 0, &c.chunk);
    return c;
}

static int missing(const struct cursor *c, int64_t i)
{
    return c->chunk.validity && !(c->chunk.validity[i >> 3] >> (i & 7) & 1);
}

static const char *cell_text(struct cursor *c, int64_t row, int64_t *ret_n)
{
    seek(c, row);
    int64_t i = row - c->at;
    if (missing(c, i)) {
        *ret_n = -1;
        return NULL;
    }
    if (c->chunk.type == DR_TYPE_DICT)
        return dr_column_dict_get(c->column, ((const int32_t *)c->chunk.values)[i], ret_n);
    const int64_t *offset = c->chunk.values;
    *ret_n = offset[i + 1] - offset[i];
    return c->chunk.bytes + offset[i];
}

/* NaN where missing. */
static double cell_number(struct cursor *c, int64_t row)
{
    seek(c, row);
    int64_t i = row - c->at;
    return missing(c, i) ? __builtin_nan("") : ((const double *)c->chunk.values)[i];
}

/* Months since year 0, or -1. */
static int month_number(const char *p, int64_t n)
{
    if (n != 7 || p[4] != '-')
        return -1;
    int v[6], k = 0;
    for (int i = 0; i < 7; i++) {
        if (i == 4)
            continue;
        if (p[i] < '0' || p[i] > '9')
            return -1;
        v[k++] = p[i] - '0';
    }
    return (v[0] * 1000 + v[1] * 100 + v[2] * 10 + v[3]) * 12 + v[4] * 10 + v[5] - 1;
}

static int same_series(struct cursor *now, struct cursor *before, int32_t n, int64_t row)
{
    for (int32_t k = 0; k < n; k++) {
        int64_t n1, n2;
        const char *p1 = cell_text(&now[k], row, &n1), *p2 = cell_text(&before[k], row - 1, &n2);
        if (n1 != n2 || (n1 > 0 && memcmp(p1, p2, (size_t)n1) != 0))
            return 0;
    }
    return 1;
}

/* mean - mean of the month before; missing where that month has no row. */
static int32_t add_change(struct dr_task *t, const struct plan *p, struct dr_table **table)
{
    int64_t rows = dr_table_rows(*table);
    struct cursor now[MAX_KEYS], before[MAX_KEYS];
    for (int32_t k = 0; k < p->n_keys; k++)
        now[k] = before[k] = start(dr_table_column(*table, k));
    struct cursor mean = start(dr_table_column(*table, dr_table_find(*table, "mean")));
    struct dr_builder *change = dr_builder_new(DR_TYPE_FLOAT64), *percent = dr_builder_new(DR_TYPE_FLOAT64);
    double last = __builtin_nan("");
    int32_t month = p->n_keys - 1;
    for (int64_t i = 0; i < rows; i++) {
        double m = cell_number(&mean, i), d = __builtin_nan("");
        if (i && same_series(now, before, month, i)) {
            int64_t n1, n2;
            const char *p1 = cell_text(&now[month], i, &n1), *p2 = cell_text(&before[month], i - 1, &n2);
            int a = month_number(p1, n1), b = month_number(p2, n2);
            if (a >= 0 && b >= 0 && a == b + 1)
                d = m - last;
        }
        if (d != d) {
            dr_builder_append_null(change);
            dr_builder_append_null(percent);
        } else {
            dr_builder_append_float(change, d);
            if (last != 0)
                dr_builder_append_float(percent, 100 * d / last);
            else
                dr_builder_append_null(percent);
        }
        last = m;
    }
    struct dr_column *c = dr_builder_finish(change), *q = dr_builder_finish(percent);
    struct dr_table *one = NULL, *two = NULL;
    int32_t rc = dr_table_with(*table, "mean_change", c, &one, dr_task_err(t));
    if (!rc)
        rc = dr_table_with(one, "mean_change_percent", q, &two, dr_task_err(t));
    dr_column_unref(c);
    dr_column_unref(q);
    dr_table_unref(one);
    if (rc)
        return rc;
    dr_table_unref(*table);
    *table = two;
    return 0;
}

static void complement(void *ctx, int32_t n, const struct dr_cell *args, struct dr_cell *ret)
{
    (void)ctx;
    (void)n;
    *ret = args[0];
    ret->f = 1 - args[0].f;
}

/* The share in range becomes the share out of it. */
static int32_t turn_share(struct dr_task *t, struct dr_table **table)
{
    int32_t at = dr_table_find(*table, "share_out_of_range");
    if (at < 0)
        return 0;
    const struct dr_column *share = dr_table_column(*table, at);
    struct dr_column *out = NULL;
    struct dr_table *turned = NULL;
    DR_TRY(dr_column_map(1, &share, complement, NULL, DR_TYPE_FLOAT64, NULL, &out, dr_task_err(t)));
    int32_t rc = dr_table_with(*table, "share_out_of_range", out, &turned, dr_task_err(t));
    dr_column_unref(out);
    if (rc)
        return rc;
    dr_table_unref(*table);
    *table = turned;
    return 0;
}

/* Month first, then the series: the order people read. */
static int32_t finish(struct dr_task *t, const struct plan *p, struct dr_table **table)
{
    const char *names[MAX_KEYS + MAX_AGGS + 2];
    int32_t n = 0, columns = dr_table_columns(*table);
    names[n++] = p->keys[p->n_keys - 1];
    for (int32_t i = 0; i < columns; i++)
        if (i != p->n_keys - 1)
            names[n++] = dr_table_column_name(*table, i);
    struct dr_sort_key order[MAX_KEYS];
    order[0] = (struct dr_sort_key){ .column = names[0] };
    for (int32_t k = 1; k < p->n_keys; k++)
        order[k] = (struct dr_sort_key){ .column = names[k] };
    struct dr_table *chosen = NULL, *sorted = NULL;
    DR_TRY(dr_table_select(*table, n, names, &chosen, dr_task_err(t)));
    int32_t rc = dr_table_sort(chosen, p->n_keys, order, &sorted, dr_task_err(t));
    dr_table_unref(chosen);
    if (rc)
        return rc;
    dr_table_unref(*table);
    *table = sorted;
    return 0;
}

static int32_t check_keys(struct dr_task *t, const struct plan *p, const struct dr_table *table)
{
    for (int32_t k = 0; k < p->n_keys; k++) {
        int32_t type = dr_column_type(dr_table_column(table, k));
        if (type != DR_TYPE_DICT && type != DR_TYPE_STRING)
            return dr_task_fail_final(t, "column '%s' is not text; group by text columns", p->keys[k]);
    }
    return 0;
}

static int32_t summarise(struct dr_task *t, const struct plan *p, struct dr_table **table)
{
    DR_TRY(check_keys(t, p, *table));
    DR_TRY(turn_share(t, table));
    DR_TRY(add_change(t, p, table));
    DR_TRY(finish(t, p, table));
    dr_task_metric(t, "rows", (double)dr_table_rows(*table));
    return dr_task_write(t, "stats", *table);
}

static int32_t monthly_stats(struct dr_task *t)
{
    struct plan p = { 0 };
    DR_TRY(make_plan(t, &p));
    struct dr_table *clean = NULL, *stats = NULL;
    DR_TRY(dr_task_read(t, "table", 0, NULL, &clean, NULL));
    int32_t rc = dr_table_group_by(clean, p.n_keys, p.keys, p.n_aggs, p.aggs, &stats, dr_task_err(t));
    dr_table_unref(clean);
    if (!rc)
        rc = summarise(t, &p, &stats);
    dr_table_unref(stats);
    return rc;
}

DR_PLUGIN(
        .name = "monthly_stats", .summary = "Statistics of a measured value per month, group and measure",
        .doc =
            "sd is that of a sample (n - 1). Quantiles are linear between order statistics (Hyndman and\n"
            "Fan type 7). mean_change is against the calendar month before, missing where it has no values.",
        .params = params, .inputs = inputs, .outputs = outputs, .run = monthly_stats);
