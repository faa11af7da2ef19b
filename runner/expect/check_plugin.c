/* check_plugin.c - an expectation of the user's own, in C: see struct dr_row_check
 * in dagrun/task.h. Finding and loading it is the caller's. */
#include <dagrun/task.h>
#include "expect/check.h"

static int32_t find_check(const struct dr_eval *e, const struct dr_row_check **ret, struct dr_err *err)
{
    const struct dr_expect_options *o = e->plan->opts;
    const char *name = dr_eval_text(e, "plugin", "");
    if (!o->row_check)
        return dr_fail(err, DR_ENOTFOUND, "plugin '%s': plugins are not available here", name);
    return o->row_check(o->ctx, name, ret, err);
}

static int32_t ask_plugin(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    const struct dr_row_check *check;
    struct dr_table *table;
    struct dr_err why = { 0 };
    DR_TRY(find_check(e, &check, err));
    DR_TRY(dr_eval_typed_table(e, false, &table, err));
    int32_t rc = check->rows(table, dr_eval_arg(e, "arguments"), (uint8_t *)unexpected, &why);
    dr_table_unref(table);
    if (e->plan->table->rows) /* bits beyond the rows are not the plugin's to set */
        unexpected[dr_words(e->plan->table->rows) - 1] &= dr_tail_mask(e->plan->table->rows);
    return rc ? dr_fail(err, DR_EPLUGIN, "plugin '%s': %s", dr_eval_text(e, "plugin", ""),
                        why.msg[0] ? why.msg : "it failed without a reason")
              : DR_OK;
}

static int32_t satisfy_plugin(struct dr_eval *e, struct dr_err *err)
{
    const struct dr_node *columns = dr_eval_arg(e, "columns");
    e->columns = dr_arena_array(&e->plan->scratch, (size_t)dr_node_size(columns) + 1, sizeof *e->columns);
    for (int64_t k = 0; k < dr_node_size(columns); k++)
        DR_TRY(dr_plan_source(e->plan, dr_node_str(dr_node_at(columns, k), ""), &e->columns[e->n_columns++],
                              err));
    return dr_eval_rows(e, ask_plugin, err);
}

static void say_plugin(const struct dr_eval *e, enum dr_say how, struct dr_buf *out)
{
    const struct dr_row_check *check;
    bool bad = e->check->unexpected_count > 0;
    (void)dr_buf_printf(out, "%s %s",
                        bad ? (how == DR_SAY_ONE ? "breaks" : "break")
                            : (how == DR_SAY_ONE ? "satisfies" : "satisfy"),
                        dr_eval_text(e, "plugin", ""));
    if (!find_check(e, &check, NULL) && check->summary)
        (void)dr_buf_printf(out, " (a row %s)", check->summary);
}

static const struct dr_expect_arg plugin_args[] = {
    { "plugin", "string", NULL, "The name of the shared object beside the suite, without .so.", true },
    { "arguments", "map", NULL, "What the plugin is given.", false },
    { "columns", "list of strings", NULL, "The columns that lists of unexpected rows show.", false },
    DR_ARG_MOSTLY,
    DR_ARG_CONDITION,
    DR_ARG_FORMAT
};

static const struct dr_check_type types[] = {
    { .info = { "expect_rows_to_satisfy_plugin", "multicolumn",
                "A check of your own, in C, holds for every row.",
                "The shared object lies in the folder of the suite, includes <dagrun/task.h> and ends in "
                "DR_ROW_CHECK(...); it is given the table with the types that the suite declares and sets a "
                "bit for "
                "each row that is unexpected. See plugins.md.",
                "expect_rows_to_satisfy_plugin: {plugin: plausible_bp, arguments: {least: 20}, columns: "
                "[systolic, "
                "diastolic]}",
                DR_ARGS(plugin_args) },
      .domain = DR_ON_TABLE,
      .flags = DR_CHECK_NULLS,
      .measure = satisfy_plugin,
      .say = say_plugin },
};
const struct dr_check_group dr_checks_plugin = { types, (int32_t)(sizeof types / sizeof types[0]) };
