/* check_set.c - expectations about sets of values: membership row by row, and
 * the distinct values as a whole. */
#include "expect/check.h"

static int32_t membership(struct dr_eval *e, uint64_t *unexpected, bool wanted)
{
    const struct dr_node *list = dr_eval_arg(e, "value_set");
    struct dr_value_set set;
    if (!list) /* no set given: everything is as expected */
        return DR_OK;
    dr_value_set_init(&set, &e->plan->scratch, list, e->columns[0]->class);
    dr_scan_set(e->plan, e->columns[0], &set, unexpected);
    dr_value_set_done(&set);
    if (wanted)
        dr_rows_not(unexpected, e->plan->table->rows);
    return DR_OK;
}

static int32_t in_set(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    (void)err;
    return membership(e, unexpected, true);
}

static int32_t not_in_set(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    (void)err;
    return membership(e, unexpected, false);
}

/* Texts of a file that was given no types are none of these numbers, whatever they spell. */
static bool is_untyped(const struct dr_eval *e)
{
    const struct dr_node *list = dr_eval_arg(e, "value_set");
    bool untyped = e->columns[0]->class == DR_CLASS_TEXT && dr_node_size(list) > 0;
    for (int64_t i = 0; i < dr_node_size(list) && untyped; i++) {
        int32_t kind = dr_node_kind(dr_node_at(list, i));
        untyped = kind == DR_NODE_INT || kind == DR_NODE_FLOAT || kind == DR_NODE_BOOL;
    }
    return untyped;
}

static void say_membership(const struct dr_eval *e, enum dr_say how, bool among, struct dr_buf *out)
{
    (void)dr_buf_printf(out, "%s %s ", how == DR_SAY_ONE ? "is" : "are", among ? "among" : "not among");
    dr_list_say(dr_eval_arg(e, "value_set"), out);
    if (!among && is_untyped(e))
        (void)dr_buf_printf(out, " (the column holds text; is its type missing from the suite's columns?)");
}

static void say_in_set(const struct dr_eval *e, enum dr_say how, struct dr_buf *out)
{
    say_membership(e, how, e->check->unexpected_count == 0, out);
}

static void say_not_in_set(const struct dr_eval *e, enum dr_say how, struct dr_buf *out)
{
    say_membership(e, how, e->check->unexpected_count > 0, out);
}

/* ---- distinct values ---- */

static void observe_distinct(struct dr_eval *e, const struct dr_view *v)
{
    struct dr_node *values = dr_node_new(e->arena, DR_NODE_LIST),
                   *counts = dr_node_new(e->arena, DR_NODE_LIST);
    struct dr_node *details = dr_node_new(e->arena, DR_NODE_MAP);
    if (e->format.level == DR_RESULT_BOOLEAN_ONLY)
        return;
    for (int64_t i = 0; i < v->n_distinct; i++) {
        struct dr_node *entry = dr_node_new(e->arena, DR_NODE_MAP);
        struct dr_node *value = dr_eval_value(e, v->source, &v->distinct[i].value);
        dr_node_add(e->arena, values, value);
        dr_node_set(e->arena, entry, DR_LIT("value"), value);
        dr_node_set(e->arena, entry, DR_LIT("count"), dr_node_new_int(e->arena, v->distinct[i].count));
        dr_node_add(e->arena, counts, entry);
    }
    dr_eval_observe(e, values);
    dr_node_set(e->arena, details, DR_LIT("value_counts"), counts);
    dr_eval_set(e, "details", details);
}

/* How many distinct values lie outside the set, and how many of the set do not occur. */
static void compare_sets(struct dr_eval *e, const struct dr_view *v, int64_t *ret_extra, int64_t *ret_absent)
{
    const struct dr_node *list = dr_eval_arg(e, "value_set");
    struct dr_value_set set, found;
    struct dr_node *seen = dr_node_new(&e->plan->scratch, DR_NODE_LIST);
    dr_value_set_init(&set, &e->plan->scratch, list, v->source->class);
    *ret_extra = *ret_absent = 0;
    for (int64_t i = 0; i < v->n_distinct; i++) {
        *ret_extra += !dr_value_set_has(&set, &v->distinct[i].value);
        dr_node_add(&e->plan->scratch, seen, dr_value_node(&e->plan->scratch, &v->distinct[i].value));
    }
    dr_value_set_init(&found, &e->plan->scratch, seen, v->source->class);
    for (int32_t i = 0; i < set.n; i++)
        *ret_absent += set.items[i].kind == DR_VALUE_NULL || !dr_value_set_has(&found, &set.items[i]);
    dr_value_set_done(&set);
    dr_value_set_done(&found);
}

enum relation { WITHIN, CONTAINS, EQUALS };
static int32_t distinct(struct dr_eval *e, enum relation relation, struct dr_err *err)
{
    struct dr_view *v = dr_plan_view(e->plan, e->columns[0], e->domain);
    int64_t extra = 0, absent = 0;
    if (relation != WITHIN && !dr_eval_arg(e, "value_set"))
        return dr_fail(err, DR_EDEF, "value_set: none is not an allowed value: a list is needed");
    dr_view_distinct(e->plan, v);
    observe_distinct(e, v);
    if (dr_eval_arg(e, "value_set"))
        compare_sets(e, v, &extra, &absent);
    DR_AUTO_BUF b = { 0 };
    dr_count_say(v->n_distinct, "distinct value", "distinct values", &b);
    if (relation != CONTAINS && extra)
        (void)dr_buf_printf(&b, ", %lld of them not in the expected set", (long long)extra);
    if (relation != WITHIN && absent)
        (void)dr_buf_printf(&b, "; %lld expected %s not occur", (long long)absent,
                            absent == 1 ? "value does" : "values do");
    e->check->success = (relation == CONTAINS || !extra) && (relation == WITHIN || !absent);
    dr_eval_say(e, "The column %s has %s%s", e->columns[0]->name, dr_buf_cstr(&b),
                e->check->success ? ", as expected" : "");
    return DR_OK;
}

static int32_t distinct_in_set(struct dr_eval *e, struct dr_err *err)
{
    return distinct(e, WITHIN, err);
}

static int32_t distinct_contain_set(struct dr_eval *e, struct dr_err *err)
{
    return distinct(e, CONTAINS, err);
}

static int32_t distinct_equal_set(struct dr_eval *e, struct dr_err *err)
{
    return distinct(e, EQUALS, err);
}

/* ---- most common ---- */

static int32_t most_common(struct dr_eval *e, struct dr_err *err)
{
    struct dr_view *v = dr_plan_view(e->plan, e->columns[0], e->domain);
    const struct dr_node *list = dr_eval_arg(e, "value_set");
    struct dr_node *modes = dr_node_new(e->arena, DR_NODE_LIST);
    struct dr_value_set set;
    int64_t most = 0, n = 0, in = 0;
    (void)err;
    dr_view_distinct(e->plan, v);
    dr_value_set_init(&set, &e->plan->scratch, list, v->source->class);
    for (int64_t i = 0; i < v->n_distinct; i++)
        most = v->distinct[i].count > most ? v->distinct[i].count : most;
    for (int64_t i = 0; i < v->n_distinct; i++) {
        if (v->distinct[i].count != most)
            continue;
        n++;
        in += dr_value_set_has(&set, &v->distinct[i].value);
        dr_node_add(e->arena, modes, dr_eval_value(e, v->source, &v->distinct[i].value));
    }
    dr_value_set_done(&set);
    dr_eval_observe(e, modes);
    e->check->success = dr_eval_flag(e, "ties_okay", false) ? in > 0 : n == 1 && in == 1;
    DR_AUTO_BUF b = { 0 };
    dr_list_say(modes, &b);
    dr_eval_say(e, "The most common value%s of %s %s %s%s", n == 1 ? "" : "s", e->columns[0]->name,
                n == 1 ? "is" : "are", dr_buf_cstr(&b),
                e->check->success ? ", as expected" : ", not as expected");
    return DR_OK;
}

/* ---- declarations ---- */

#define SET_ARG                                                                                              \
    {                                                                                                        \
        "value_set", "list", NULL, "The values; without them (or null), nothing in particular is expected.", \
            false                                                                                            \
    }
static const struct dr_expect_arg row_args[] = { DR_ARG_COLUMN, SET_ARG, DR_ARG_MOSTLY, DR_ARG_CONDITION,
                                                 DR_ARG_FORMAT };
static const struct dr_expect_arg set_args[] = { DR_ARG_COLUMN, SET_ARG, DR_ARG_CONDITION, DR_ARG_FORMAT };
static const struct dr_expect_arg common_args[] = {
    DR_ARG_COLUMN,
    SET_ARG,
    { "ties_okay", "boolean", "false", "Several equally common values are fine if one of them is in the set.",
      false },
    DR_ARG_CONDITION,
    DR_ARG_FORMAT
};
#define SET_DOC                                                                                              \
    "Numbers match numbers (1 equals 1.0), texts match texts, and for dates and times the set is read as "   \
    "such."

static const struct dr_check_type types[] = {
    { .info = { "expect_column_values_to_be_in_set", "column_map", "Every value is one of a set.", SET_DOC,
                "expect_column_values_to_be_in_set: {column: vital_type, value_set: [heart_rate, spo2]}",
                DR_ARGS(row_args) },
      .domain = DR_ON_ROWS,
      .rows = in_set,
      .say = say_in_set },
    { .info = { "expect_column_values_to_not_be_in_set", "column_map", "No value is one of a set.", SET_DOC,
                "expect_column_values_to_not_be_in_set: {column: patient_id, value_set: [UNKNOWN, TEST]}",
                DR_ARGS(row_args) },
      .domain = DR_ON_ROWS,
      .rows = not_in_set,
      .say = say_not_in_set },
    { .info = { "expect_column_distinct_values_to_be_in_set", "column_aggregate",
                "All distinct values belong to a set.", SET_DOC,
                "expect_column_distinct_values_to_be_in_set: {column: unit, value_set: [mmHg, bpm]}",
                DR_ARGS(set_args) },
      .domain = DR_ON_COLUMN,
      .measure = distinct_in_set },
    { .info = { "expect_column_distinct_values_to_contain_set", "column_aggregate",
                "Each value of a set occurs.", SET_DOC,
                "expect_column_distinct_values_to_contain_set: {column: hospital_id, value_set: [H01, H02]}",
                DR_ARGS(set_args) },
      .domain = DR_ON_COLUMN,
      .measure = distinct_contain_set },
    { .info = { "expect_column_distinct_values_to_equal_set", "column_aggregate",
                "The distinct values are exactly those of a set.", SET_DOC,
                "expect_column_distinct_values_to_equal_set: {column: sex, value_set: [f, m, x]}",
                DR_ARGS(set_args) },
      .domain = DR_ON_COLUMN,
      .measure = distinct_equal_set },
    { .info = { "expect_column_most_common_value_to_be_in_set", "column_aggregate",
                "The most common value is one of a set.",
                "Where several values are equally common, the check fails unless ties_okay.",
                "expect_column_most_common_value_to_be_in_set: {column: unit, value_set: [mmHg], ties_okay: "
                "true}",
                DR_ARGS(common_args) },
      .domain = DR_ON_COLUMN,
      .measure = most_common },
};
const struct dr_check_group dr_checks_set = { types, (int32_t)(sizeof types / sizeof types[0]) };
