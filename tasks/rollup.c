/* rollup - check a file, keep the first row of each key, and summarise by group, all in one
 * pass over data that need not fit into memory. */
#include <dagrun/task.h>
#include <stdlib.h>
#include <string.h>

static const struct dr_param params[] = {
    { "suite", DR_PARAM_SUITE, 0, NULL, NULL, "Expectations to check on the way" },
    { "dataset", DR_PARAM_STRING, 0, NULL, NULL,
      "What results and the account of rows call the data; the "
      "input's name without it" },
    { "key", DR_PARAM_LIST, 0, NULL, NULL, "Columns that name a row: of rows with one key the first counts" },
    { "group", DR_PARAM_LIST, DR_REQUIRED, NULL, NULL,
      "Columns to summarise by; {month: COLUMN} is the month of a date, in a column of that name" },
    { "statistics", DR_PARAM_MAP, DR_REQUIRED, NULL, NULL,
      "For each numeric column a list of count, count_distinct, sum, mean, stddev, variance, min, max, "
      "median, p1 to p99" },
    { "forgiving", DR_PARAM_BOOL, 0, "true", NULL, "Count records that cannot be read rather than fail" },
    { "delimiter", DR_PARAM_STRING, 0, NULL, NULL, "One character; a comma, or in .tsv files a tab" },
    { "encoding", DR_PARAM_STRING, 0, NULL, "utf-8|utf-16|utf-16le|utf-16be|latin-1|windows-1252",
      "UTF-8 without it" },
    { "memory", DR_PARAM_INT, 0, "0", NULL,
      "Bytes that the task may hold, about; what it needs more goes to a temporary file. 0: "
      "DAGRUN_MEMORY_LIMIT, or no limit" },
    { 0 },
};
static const struct dr_port inputs[] = {
    { "table", DR_REQUIRED, 0, "A CSV or Arrow file, or a dataset" },
    { 0 },
};
static const struct dr_port outputs[] = {
    { "stats", DR_REQUIRED, 0, "The groups, and for each a column COLUMN_STATISTIC" },
    { 0 },
};

/* All that a run needs; freed with the process. */
struct plan {
    const char **keys;
    struct dr_rollup_group *groups;
    struct dr_agg *aggs;
    int32_t n_keys, n_groups, n_aggs;
};

static void *room(int64_t n, size_t size)
{
    void *p = calloc((size_t)n + 1, size);
    if (!p)
        abort();
    return p;
}

static int32_t read_keys(struct dr_task *t, struct plan *p)
{
    const struct dr_node *list = dr_task_param(t, "key");
    p->keys = room(dr_node_size(list), sizeof *p->keys);
    for (int64_t i = 0; i < dr_node_size(list); i++) {
        const char *name = dr_node_str(dr_node_at(list, i), NULL);
        if (!name)
            return dr_task_fail_final(t, "%s: key is a list of columns",
                                      dr_node_where(t, dr_node_at(list, i)));
        p->keys[p->n_keys++] = name;
    }
    return 0;
}

static int32_t read_groups(struct dr_task *t, struct plan *p)
{
    const struct dr_node *list = dr_task_param(t, "group");
    p->groups = room(dr_node_size(list), sizeof *p->groups);
    for (int64_t i = 0; i < dr_node_size(list); i++) {
        const struct dr_node *item = dr_node_at(list, i);
        const char *month = dr_node_str(dr_node_get(item, "month"), NULL), *name = dr_node_str(item, NULL);
        if (!name && !(month && dr_node_size(item) == 1))
            return dr_task_fail_final(t, "%s: a group is a column or {month: COLUMN}",
                                      dr_node_where(t, item));
        p->groups[p->n_groups++] = name ? (struct dr_rollup_group){ .column = name }
                                        : (struct dr_rollup_group){ month, "month", 1, 0 };
    }
    return 0;
}

/* count, mean, ..., or p95. */
static int read_statistic(const char *text, struct dr_agg *agg)
{
    static const struct {
        const char *name;
        int32_t fn;
    } known[] = {
        { "count", DR_AGG_COUNT },   { "count_distinct", DR_AGG_COUNT_DISTINCT },
        { "sum", DR_AGG_SUM },       { "mean", DR_AGG_MEAN },
        { "stddev", DR_AGG_STDDEV }, { "variance", DR_AGG_VARIANCE },
        { "min", DR_AGG_MIN },       { "max", DR_AGG_MAX },
        { "median", DR_AGG_MEDIAN },
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(text, known[i].name) == 0) {
            agg->fn = known[i].fn;
            return 1;
        }
    size_t digits = strspn(text + (text[0] == 'p'), "0123456789");
    if (text[0] != 'p' || digits < 1 || digits > 2 || text[1 + digits] || (digits == 2 && text[1] == '0'))
        return 0;
    int percent = text[1] - '0';
    if (digits == 2)
        percent = percent * 10 + (text[2] - '0');
    agg->fn = DR_AGG_QUANTILE;
    agg->arg = percent / 100.0;
    return percent > 0;
}

static char *joined(const char *column, const char *statistic)
{
    size_t n = strlen(column), m = strlen(statistic);
    char *name = room((int64_t)(n + m) + 1, 1);
    memcpy(name, column, n);
    name[n] = '_';
    memcpy(name + n + 1, statistic, m);
    return name;
}

static int32_t read_column(struct dr_task *t, struct plan *p, const char *column, const struct dr_node *list)
{
    if (dr_node_kind(list) != DR_NODE_LIST || dr_node_size(list) == 0)
        return dr_task_fail_final(t, "%s: statistics: '%s' needs a list, for example [count, mean, p95]",
                                  dr_node_where(t, list), column);
    for (int64_t i = 0; i < dr_node_size(list); i++) {
        const char *text = dr_node_str(dr_node_at(list, i), "");
        struct dr_agg agg = { .column = column };
        if (!read_statistic(text, &agg))
            return dr_task_fail_final(t,
                                      "%s: '%s' is no statistic; count, count_distinct, sum, mean, stddev, "
                                      "variance, min, max, median and p1 to p99 are",
                                      dr_node_where(t, dr_node_at(list, i)), text);
        agg.name = joined(column, text);
        p->aggs[p->n_aggs++] = agg;
    }
    return 0;
}

static int32_t read_statistics(struct dr_task *t, struct plan *p)
{
    const struct dr_node *map = dr_task_param(t, "statistics");
    int64_t n = 0;
    for (int64_t i = 0; i < dr_node_size(map); i++)
        n += dr_node_size(dr_node_at(map, i));
    p->aggs = room(n, sizeof *p->aggs);
    for (int64_t i = 0; i < dr_node_size(map); i++)
        DR_TRY(read_column(t, p, dr_node_key(map, i), dr_node_at(map, i)));
    if (p->n_aggs == 0)
        return dr_task_fail_final(t,
                                  "statistics: none is asked for, for example {value: [count, mean, p95]}");
    return 0;
}

/* raw = clean + quarantined + duplicates, exactly. */
static void account(struct dr_task *t, const char *dataset, const struct dr_task_rollup *o)
{
    const struct dr_rollup_counts *c = &o->ret_counts;
    dr_task_account(t, dataset, NULL, "raw", c->rows + o->ret_unreadable);
    dr_task_account(t, dataset, NULL, "quarantined", c->rows - c->selected + o->ret_unreadable);
    dr_task_account(t, dataset, NULL, "duplicates", c->selected - c->kept);
    dr_task_account(t, dataset, NULL, "clean", c->kept);
    dr_task_metric(t, "rows_raw", (double)(c->rows + o->ret_unreadable));
    dr_task_metric(t, "rows_unreadable", (double)o->ret_unreadable);
    dr_task_metric(t, "rows_refused", (double)(c->rows - c->selected));
    dr_task_metric(t, "rows_kept", (double)c->kept);
    dr_task_metric(t, "rows_with_repeated_key", (double)c->duplicate_rows);
    dr_task_log(t, DR_INFO, "%lld rows: %lld kept, %lld refused, %lld duplicates, %lld unreadable",
                (long long)(c->rows + o->ret_unreadable), (long long)c->kept,
                (long long)(c->rows - c->selected), (long long)(c->selected - c->kept),
                (long long)o->ret_unreadable);
}

static int32_t one_pass(struct dr_task *t, const struct plan *p)
{
    const char *delimiter = dr_node_str(dr_task_param(t, "delimiter"), "");
    const char *dataset = dr_node_str(dr_task_param(t, "dataset"), dr_task_input_name(t, "table", 0));
    struct dr_table *stats = NULL;
    if (strlen(delimiter) > 1)
        return dr_task_fail_final(t, "delimiter: '%s' is not one character", delimiter);
    struct dr_csv_options csv = {
        .size = sizeof csv,
        .delimiter = (uint8_t)delimiter[0],
        .forgiving = (uint8_t)dr_node_bool(dr_task_param(t, "forgiving"), 1),
        .encoding = dr_node_str(dr_task_param(t, "encoding"), NULL),
        .hide_text = 1,
    };
    struct dr_task_rollup o = { .size = sizeof o,
                                .n_keys = p->n_keys,
                                .keys = p->keys,
                                .groups = p->groups,
                                .aggs = p->aggs,
                                .n_groups = p->n_groups,
                                .n_aggs = p->n_aggs,
                                .suite = dr_node_str(dr_task_param(t, "suite"), NULL),
                                .dataset = dataset,
                                .csv = &csv,
                                .memory = dr_node_int(dr_task_param(t, "memory"), 0),
                                .ret_validation = { .size = sizeof o.ret_validation } };
    DR_TRY(dr_task_rollup(t, "table", 0, &o, &stats));
    account(t, dataset, &o);
    int32_t rc = dr_task_write(t, "stats", stats);
    dr_table_unref(stats);
    return rc ? rc : dr_task_verdict(t, &o.ret_validation);
}

static int32_t rollup(struct dr_task *t)
{
    struct plan p = { 0 };
    DR_TRY(read_keys(t, &p));
    DR_TRY(read_groups(t, &p));
    DR_TRY(read_statistics(t, &p));
    return one_pass(t, &p);
}

DR_PLUGIN(
        .name = "rollup", .summary = "Check, deduplicate and summarise a file in one pass",
        .doc =
            "Rows that an expectation with `on_failure: quarantine` refuses are left out, of rows with\n"
            "one key the first is kept, and of these the statistics are made. Memory is bounded. The suite\n"
            "may hold expectations about single rows, the number of rows, the columns, and the uniqueness\n"
            "of the key; others need the whole table: give them to a validate task.",
        .params = params, .inputs = inputs, .outputs = outputs, .run = rollup);
