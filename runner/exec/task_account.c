/* Counting the rows of a table into the run's account, group by group. */
#include <dagrun/task.h>
#include <ctype.h>

#include "base/err.h"
#include "base/str.h"

#define MAX_GROUPS 200

/* Trimmed, ASCII in upper case: the group that a spelling belongs to. */
static void normalise(void *ctx, int32_t n_args, const struct dr_cell *args, struct dr_cell *ret)
{
    struct dr_buf *scratch = ctx;
    (void)n_args;
    ret->state = 1;
    ret->p = "(missing)";
    ret->n = 9;
    if (!args[0].state)
        return;
    struct dr_str s = dr_str_trim((struct dr_str){ args[0].p, (size_t)args[0].n });
    if (!s.n)
        return;
    dr_buf_clear(scratch);
    for (size_t i = 0; i < s.n; i++)
        if (dr_buf_putc(scratch, (char)toupper((unsigned char)s.p[i])))
            break;
    ret->p = dr_buf_cstr(scratch);
    ret->n = (int64_t)scratch->n;
}

static void send_groups(struct dr_task *t, const char *dataset, const char *stage,
                        const struct dr_table *groups)
{
    const struct dr_column *name = dr_table_column(groups, 0), *count = dr_table_column(groups, 1);
    for (int32_t k = 0; k < dr_column_chunks(count); k++) {
        struct dr_chunk names, counts;
        dr_column_chunk(name, k, &names);
        dr_column_chunk(count, k, &counts);
        for (int64_t i = 0; i < counts.length; i++) {
            int64_t n;
            const char *p = dr_column_dict_get(name, ((const int32_t *)names.values)[i], &n);
            char text[128];
            snprintf(text, sizeof text, "%.*s", (int)(n < 120 ? n : 120), p);
            dr_task_account(t, dataset, text, stage, ((const int64_t *)counts.values)[i]);
        }
    }
}

static int32_t count_groups(const struct dr_column *column, struct dr_buf *scratch, struct dr_table **ret,
                            struct dr_err *err)
{
    struct dr_column *group = NULL;
    struct dr_table *one = NULL;
    int32_t rc = dr_column_map(1, &column, normalise, scratch, DR_TYPE_DICT, NULL, &group, err);
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
    const struct dr_column *column = at < 0 ? NULL : dr_table_column(table, at);
    bool text =
        column && (dr_column_type(column) == DR_TYPE_DICT || dr_column_type(column) == DR_TYPE_STRING);
    if (!text || dr_table_rows(table) == 0) {
        dr_task_account(t, dataset, NULL, stage, dr_table_rows(table));
        return DR_OK;
    }
    DR_AUTO_BUF scratch = { 0 };
    struct dr_table *groups = NULL;
    DR_TRY(count_groups(column, &scratch, &groups, dr_task_err(t)));
    if (dr_table_rows(groups) > MAX_GROUPS)
        dr_task_account(t, dataset, NULL, stage, dr_table_rows(table));
    else
        send_groups(t, dataset, stage, groups);
    dr_table_unref(groups);
    return DR_OK;
}
