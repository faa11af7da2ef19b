/* Counting rows into the run's account, group by group: those of a table, or as SQL counted them. */
#include "exec/task_impl.h"
#include "base/err.h"
#include "base/str.h"
#include "data/column.h"
#include "data/text.h"

enum { MAX_GROUPS = 200, MAX_NAME = 120 /* bytes of a group's name */ };

/* Trimmed, in upper case: the group that a spelling belongs to. What is no UTF-8 is one as it is. */
static void normalise(void *ctx, int32_t n_args, const struct dr_cell *args, struct dr_cell *ret)
{
    struct dr_buf *scratch = ctx;
    (void)n_args;
    ret->state = 1;
    ret->p = "(missing)";
    ret->n = 9;
    if (!args[0].state)
        return;
    struct dr_str s = dr_text_trim((struct dr_str){ args[0].p, (size_t)args[0].n });
    if (!s.n)
        return;
    dr_buf_clear(scratch);
    if (dr_text_put(scratch, s, DR_TEXT_UPPER, NULL) && dr_buf_append(scratch, s.p, s.n))
        return;
    ret->p = dr_buf_cstr(scratch);
    ret->n = (int64_t)scratch->n;
}

/* The name of a group, cut where it is long. */
static const char *group_text(struct dr_str group, char ret[MAX_NAME + 1])
{
    if (group.n > MAX_NAME)
        group.n = dr_utf8_valid_prefix((struct dr_str){ group.p, MAX_NAME });
    snprintf(ret, MAX_NAME + 1, "%.*s", (int)group.n, group.p);
    return ret;
}

/* ---- what tables and their batches add up to ---- */

/* Rows of a dataset that came to a stage, group by group. */
struct dr_task_counted {
    struct dr_task_counted *next;
    const char *dataset, *stage;
    int64_t rows[MAX_GROUPS], ungrouped;
    const char *group[MAX_GROUPS];
    int32_t n;     /* groups; no more than MAX_GROUPS */
    bool too_many; /* all rows are ungrouped */
};

static struct dr_task_counted *counted_of(struct dr_task *t, const char *dataset, const char *stage)
{
    struct dr_task_counted **at = &t->counted;
    while (*at && !(dr_streq((*at)->dataset, dataset) && dr_streq((*at)->stage, stage)))
        at = &(*at)->next;
    if (!*at) {
        *at = DR_NEW(&t->arena, struct dr_task_counted);
        (*at)->dataset = dr_arena_strdup(&t->arena, dataset);
        (*at)->stage = dr_arena_strdup(&t->arena, stage);
    }
    return *at;
}

static void add_to_group(struct dr_task *t, struct dr_task_counted *c, const char *group, int64_t rows)
{
    int32_t i = 0;
    while (i < c->n && !dr_streq(c->group[i], group))
        i++;
    if (i == MAX_GROUPS || c->too_many) {
        c->too_many = true;
        c->ungrouped += rows;
        return;
    }
    if (i == c->n) {
        c->group[i] = dr_arena_strdup(&t->arena, group);
        c->rows[i] = 0;
        c->n++;
    }
    c->rows[i] += rows;
}

static void add_groups(struct dr_task *t, struct dr_task_counted *c, const struct dr_table *groups)
{
    const struct dr_column *name = dr_table_column(groups, 0), *count = dr_table_column(groups, 1);
    char text[MAX_NAME + 1];
    for (int32_t k = 0; k < dr_column_chunks(count); k++) {
        struct dr_chunk names, counts;
        dr_column_chunk(name, k, &names);
        dr_column_chunk(count, k, &counts);
        for (int64_t i = 0; i < counts.length; i++) {
            int64_t n;
            const char *p = dr_column_dict_get(name, ((const int32_t *)names.values)[i], &n);
            add_to_group(t, c, group_text((struct dr_str){ p, (size_t)n }, text),
                         ((const int64_t *)counts.values)[i]);
        }
    }
}

void dr_task_flush_accounts(struct dr_task *t)
{
    for (struct dr_task_counted *c = t->counted; c; c = c->next) {
        for (int32_t i = 0; i < c->n && c->too_many; i++)
            c->ungrouped += c->rows[i];
        if (c->ungrouped > 0 || c->n == 0)
            dr_task_account(t, c->dataset, NULL, c->stage, c->ungrouped);
        for (int32_t i = 0; i < c->n && !c->too_many; i++)
            dr_task_account(t, c->dataset, c->group[i], c->stage, c->rows[i]);
    }
    t->counted = NULL;
}

/* column as the groups that its texts belong to. */
static int32_t group_names(const struct dr_column *column, struct dr_column **ret, struct dr_err *err)
{
    DR_AUTO_BUF scratch = { 0 };
    return dr_column_map(1, &column, normalise, &scratch, DR_TYPE_DICT, NULL, ret, err);
}

static int32_t count_groups(const struct dr_column *column, struct dr_table **ret, struct dr_err *err)
{
    struct dr_column *group = NULL;
    struct dr_table *one = NULL;
    int32_t rc = group_names(column, &group, err);
    if (!rc)
        rc = dr_table_new(1, (const char *[]){ "group" }, (const struct dr_column *[]){ group }, &one, err);
    if (!rc)
        rc = dr_table_group_by(one, 1, (const char *[]){ "group" }, 1,
                               &(struct dr_agg){ .fn = DR_AGG_COUNT, .name = "rows" }, ret, err);
    dr_table_unref(one);
    dr_column_unref(group);
    return rc;
}

int32_t dr_task_account_table(struct dr_task *t, const char *dataset, const char *stage,
                              const struct dr_table *table, const char *group_column)
{
    int32_t at = group_column ? dr_table_find(table, group_column) : -1;
    struct dr_task_counted *counted = counted_of(t, dataset, stage);
    struct dr_column *names = NULL;
    struct dr_table *groups = NULL;
    if (at < 0) {
        if (group_column && counted->n == 0 && counted->ungrouped == 0 && dr_table_rows(table) > 0)
            dr_task_log(t, DR_WARN,
                        "account_by: there is no column '%s'; the rows (%s) are counted without groups",
                        group_column, stage);
        counted->ungrouped += dr_table_rows(table);
        return DR_OK;
    }
    const struct dr_column *column = dr_table_column(table, at);
    bool text = dr_column_type(column) == DR_TYPE_DICT || dr_column_type(column) == DR_TYPE_STRING;
    if (!text)
        DR_TRY(dr_column_cast(column, DR_TYPE_DICT, NULL, &names, dr_task_err(t)));
    int32_t rc = count_groups(text ? column : names, &groups, dr_task_err(t));
    dr_column_unref(names);
    DR_TRY(rc);
    add_groups(t, counted, groups);
    dr_table_unref(groups);
    return DR_OK;
}

/* ---- what was counted elsewhere ---- */

enum { DATASET, STAGE, GROUP, ROWS, COUNT_COLUMNS };
static const char *const count_names[] = { "dataset", "stage", "group", "rows" };

/* One of the columns: text as such, groups as they are named in the account. Without groups the rows of a
 * stage are one. */
static int32_t take_count_column(struct dr_task *t, const struct dr_table *counts, int i,
                                 struct dr_column **ret)
{
    int32_t at = dr_table_find(counts, count_names[i]);
    if (at < 0 && i == GROUP)
        at = dr_table_find(counts, count_names[STAGE]);
    if (at < 0)
        return dr_task_fail_final(
            t, "account: there is no column '%s'; it has dataset, stage, group and rows", count_names[i]);
    const struct dr_column *c = dr_table_column(counts, at);
    struct dr_column *texts = NULL;
    if (i == ROWS && dr_column_type(c) != DR_TYPE_INT64 && dr_table_rows(counts) > 0)
        return dr_task_fail_final(t, "account: 'rows' is no column of whole numbers");
    if (i != GROUP && dr_column_nulls(c) > 0)
        return dr_task_fail_final(t, "account: a line has no '%s'", count_names[i]);
    DR_TRY(dr_column_cast(c, i == ROWS ? DR_TYPE_INT64 : DR_TYPE_STRING, NULL, &texts, dr_task_err(t)));
    if (i != GROUP) {
        *ret = texts;
        return DR_OK;
    }
    int32_t rc = group_names(texts, ret, dr_task_err(t));
    dr_column_unref(texts);
    return rc;
}

/* One line for each dataset, stage and group, in this order. */
static int32_t sum_counts(struct dr_task *t, const struct dr_table *counts, struct dr_table **ret)
{
    static const struct dr_agg sum = { .fn = DR_AGG_SUM, .column = "rows", .name = "rows" };
    struct dr_column *columns[COUNT_COLUMNS] = { NULL };
    struct dr_table *spelt = NULL;
    int32_t rc = DR_OK;
    for (int i = 0; i < COUNT_COLUMNS && !rc; i++)
        rc = take_count_column(t, counts, i, &columns[i]);
    const struct dr_column *taken[] = { columns[0], columns[1], columns[2], columns[3] };
    if (!rc)
        rc = dr_table_new(COUNT_COLUMNS, count_names, taken, &spelt, dr_task_err(t));
    if (!rc)
        rc = dr_table_group_by(spelt, ROWS, count_names, 1, &sum, ret, dr_task_err(t));
    dr_table_unref(spelt);
    for (int i = 0; i < COUNT_COLUMNS; i++)
        dr_column_unref(columns[i]);
    return rc;
}

static struct dr_str text_at(const struct dr_table *t, int column, int64_t row, struct dr_buf *buf)
{
    int32_t hint = 0;
    int64_t i;
    const struct dr_array *a = dr_column_at(dr_table_column(t, column), row, &hint, &i);
    dr_buf_clear(buf);
    dr_array_put_text(a, i, buf);
    return dr_buf_str(buf);
}

static int64_t rows_at(const struct dr_table *t, int64_t row)
{
    int32_t hint = 0;
    int64_t i;
    const struct dr_array *a = dr_column_at(dr_table_column(t, ROWS), row, &hint, &i);
    return ((const int64_t *)a->values)[i];
}

/* The end of the lines of one dataset and stage that begin at from; sums their rows. */
static int64_t end_of_stage(const struct dr_table *t, int64_t from, int64_t *ret_rows)
{
    DR_AUTO_BUF a = { 0 }, b = { 0 };
    struct dr_str dataset = text_at(t, DATASET, from, &a), stage = text_at(t, STAGE, from, &b);
    DR_AUTO_BUF c = { 0 };
    int64_t to = from;
    *ret_rows = 0;
    for (; to < dr_table_rows(t); to++) {
        if (!dr_str_eq(text_at(t, DATASET, to, &c), dataset) || !dr_str_eq(text_at(t, STAGE, to, &c), stage))
            break;
        if (__builtin_add_overflow(*ret_rows, rows_at(t, to), ret_rows))
            *ret_rows = INT64_MAX; /* which no account takes */
    }
    return to;
}

/* The lines from..to - 1, with `sum` rows in all, are those of one stage. */
static void send_stage(struct dr_task *t, const struct dr_table *counts, int64_t from, int64_t to,
                       int64_t sum, bool grouped)
{
    DR_AUTO_BUF a = { 0 }, b = { 0 }, c = { 0 };
    (void)text_at(counts, DATASET, from, &a);
    (void)text_at(counts, STAGE, from, &b);
    const char *dataset = dr_buf_cstr(&a), *stage = dr_buf_cstr(&b);
    char group[MAX_NAME + 1];
    grouped = grouped && to - from <= MAX_GROUPS;
    if (sum == 0 || !grouped)
        dr_task_account(t, dataset, NULL, stage, sum);
    for (int64_t i = from; i < to && grouped; i++)
        if (rows_at(counts, i) != 0)
            dr_task_account(t, dataset, group_text(text_at(counts, GROUP, i, &c), group), stage,
                            rows_at(counts, i));
}

int32_t dr_task_account_counts(struct dr_task *t, const struct dr_table *counts)
{
    struct dr_table *summed = NULL;
    bool grouped = dr_table_find(counts, count_names[GROUP]) >= 0;
    int64_t rows, to;
    DR_TRY(sum_counts(t, counts, &summed));
    for (int64_t from = 0; from < dr_table_rows(summed); from = to) {
        to = end_of_stage(summed, from, &rows);
        send_stage(t, summed, from, to, rows, grouped);
    }
    dr_table_unref(summed);
    return DR_OK;
}
