/* check_other.c - a table against another one: keys that must occur there, keys
 * of there that must occur here, and figures that must agree. Which tables there
 * are is the caller's to say (dr_expect_options.other_table). */
#include <math.h>
#include "expect/check.h"

#define SHOWN_VALUES 20

/* ---- the other table ---- */

/* The other table's column as a source of a plan of its own; texts are read as
 * numbers where `as_number`. */
struct other {
    struct dr_plan plan;
    struct dr_suite suite;
    struct dr_suite_column declared;
    struct dr_expect_options options;
    struct dr_source *source;
};

static int32_t find_other(const struct dr_eval *e, const struct dr_table **ret, struct dr_err *err)
{
    const struct dr_expect_options *o = e->plan->opts;
    const char *name = dr_eval_text(e, "other_table_name", "");
    *ret = o->other_table ? o->other_table(o->ctx, name) : NULL;
    return *ret ? DR_OK : dr_fail(err, DR_ENOTFOUND, "there is no table '%s' to compare with", name);
}

static void other_done(struct other *o)
{
    dr_plan_done(&o->plan);
}

static int32_t other_column(struct dr_eval *e, const char *column, bool as_number, struct other *o,
                            struct dr_err *err)
{
    const struct dr_table *t;
    DR_TRY(find_other(e, &t, err));
    o->declared = (struct dr_suite_column){ .name = column, .type = as_number ? DR_TYPE_FLOAT64 : -1 };
    o->suite = (struct dr_suite){ .columns = &o->declared,
                                  .n_columns = 1,
                                  .null_values = e->plan->suite->null_values,
                                  .n_null_values = e->plan->suite->n_null_values };
    int32_t at = dr_table_find(t, column);
    int32_t type = at < 0 ? DR_TYPE_NULL : t->columns[at]->type;
    if (type != DR_TYPE_DICT && type != DR_TYPE_STRING)
        o->suite.n_columns = 0; /* it has a type of its own */
    o->plan = (struct dr_plan){ .arena = e->arena, .suite = &o->suite, .table = t, .opts = &o->options };
    int32_t rc = dr_plan_source(&o->plan, column, &o->source, err);
    if (rc) {
        other_done(o);
        return dr_err_prefix(err, "table '%s'", dr_eval_text(e, "other_table_name", ""));
    }
    return DR_OK;
}

static const char *other_column_name(const struct dr_eval *e)
{
    return dr_eval_text(e, "other_column", dr_eval_text(e, "column", ""));
}

/* ---- keys ---- */

/* A value as a key: the text of it, numbers without a fraction as whole ones. */
static void put_key(const struct dr_value *v, struct dr_buf *out)
{
    struct dr_value x = *v;
    if (x.kind == DR_VALUE_FLOAT && x.f == floor(x.f) && fabs(x.f) < 9e15)
        x = dr_value_of_int((int64_t)x.f);
    dr_value_put_text(&x, out);
}

/* Every distinct value of a source, of those rows if not NULL; keys in the arena of e's scratch. */
static void add_keys(struct dr_eval *e, struct dr_source *s, const uint64_t *rows, struct dr_map *keys)
{
    DR_AUTO_BUF key = { 0 };
    int32_t hint = 0;
    for (int64_t row = 0; row < s->rows; row++) {
        struct dr_value v = dr_source_raw_value(s, row, &hint);
        if (v.kind == DR_VALUE_NULL || (rows && !dr_row_get(rows, row)))
            continue;
        dr_buf_clear(&key);
        put_key(&v, &key);
        if (!dr_map_get(keys, dr_buf_str(&key)))
            (void)dr_map_put(
                keys, (struct dr_str){ dr_arena_dup(&e->plan->scratch, dr_buf_cstr(&key), key.n), key.n },
                NULL);
    }
}

struct lookup {
    struct dr_map keys;
    bool numbers; /* this column holds floats, shown as 1.0 */
};

static int is_key(void *ctx, struct dr_str text, struct dr_err *err)
{
    const struct lookup *l = ctx;
    (void)err;
    if (l->numbers && dr_str_ends(text, DR_LIT(".0")))
        text.n -= 2;
    return dr_map_get(&l->keys, text) != NULL;
}

static int32_t in_other(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    struct lookup l = { .numbers = e->columns[0]->raw->type == DR_TYPE_FLOAT64 };
    struct other o = { 0 };
    DR_TRY(other_column(e, other_column_name(e), false, &o, err));
    add_keys(e, o.source, NULL, &l.keys);
    other_done(&o);
    int32_t rc = dr_scan_text(e->plan, e->columns[0], is_key, &l, unexpected, err);
    dr_map_done(&l.keys);
    if (!rc)
        dr_rows_not(unexpected, e->plan->table->rows);
    return rc;
}

static void say_in_other(const struct dr_eval *e, enum dr_say how, struct dr_buf *out)
{
    bool one = how == DR_SAY_ONE;
    (void)dr_buf_printf(out, "%s%s in %s of %s",
                        e->check->unexpected_count ? (one ? "does not " : "do not ") : "",
                        one && !e->check->unexpected_count ? "occurs" : "occur", other_column_name(e),
                        dr_eval_text(e, "other_table_name", ""));
}

/* ---- keys of several columns ---- */

static int32_t other_columns(struct dr_eval *e, struct other **ret, struct dr_err *err)
{
    const struct dr_node *names = dr_eval_arg(e, "other_column_list");
    struct other *o = dr_arena_array(&e->plan->scratch, (size_t)e->n_columns + 1, sizeof *o);
    if (names && dr_node_size(names) != e->n_columns)
        return dr_fail(err, DR_EDEF, "other_column_list and column_list must be equally long");
    for (int32_t k = 0; k < e->n_columns; k++) {
        const char *name = names ? dr_node_str(dr_node_at(names, k), "") : e->columns[k]->name;
        int32_t rc = other_column(e, name, false, &o[k], err);
        if (rc) {
            while (k-- > 0)
                other_done(&o[k]);
            return rc;
        }
    }
    *ret = o;
    return DR_OK;
}

static void put_part(const struct dr_source *s, int64_t row, struct dr_buf *scratch, struct dr_buf *key)
{
    int32_t hint = 0;
    struct dr_value v = dr_source_raw_value(s, row, &hint);
    dr_buf_clear(scratch);
    if (v.kind != DR_VALUE_NULL)
        put_key(&v, scratch);
    (void)dr_buf_printf(key, "%c%zu:", v.kind == DR_VALUE_NULL ? '-' : '+', scratch->n);
    (void)dr_buf_append(key, dr_buf_cstr(scratch), scratch->n);
}

static int32_t compound_in_other(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    struct other *o = NULL;
    struct dr_map keys = { 0 };
    DR_AUTO_BUF key = { 0 };
    DR_AUTO_BUF part = { 0 };
    DR_TRY(other_columns(e, &o, err));
    for (int64_t row = 0; row < o[0].source->rows; row++) {
        dr_buf_clear(&key);
        for (int32_t k = 0; k < e->n_columns; k++)
            put_part(o[k].source, row, &part, &key);
        if (!dr_map_get(&keys, dr_buf_str(&key)))
            (void)dr_map_put(
                &keys, (struct dr_str){ dr_arena_dup(&e->plan->scratch, dr_buf_cstr(&key), key.n), key.n },
                NULL);
    }
    for (int64_t row = 0; row < e->plan->table->rows; row++) {
        dr_buf_clear(&key);
        for (int32_t k = 0; k < e->n_columns; k++)
            put_part(e->columns[k], row, &part, &key);
        if (!dr_map_get(&keys, dr_buf_str(&key)))
            dr_row_set(unexpected, row);
    }
    for (int32_t k = 0; k < e->n_columns; k++)
        other_done(&o[k]);
    dr_map_done(&keys);
    return DR_OK;
}

static void say_compound(const struct dr_eval *e, enum dr_say how, struct dr_buf *out)
{
    bool one = how == DR_SAY_ONE;
    (void)dr_buf_printf(
        out, "%s%s as a whole in %s", e->check->unexpected_count ? (one ? "does not " : "do not ") : "",
        one && !e->check->unexpected_count ? "occurs" : "occur", dr_eval_text(e, "other_table_name", ""));
}

/* ---- keys that this table lacks ---- */

static int32_t contain_other(struct dr_eval *e, struct dr_err *err)
{
    struct dr_map here = { 0 }, seen = { 0 };
    struct other o = { 0 };
    DR_AUTO_BUF key = { 0 };
    int64_t n_other = 0, n_missing = 0;
    int32_t hint = 0;
    struct dr_node *missing = dr_node_new(e->arena, DR_NODE_LIST),
                   *details = dr_node_new(e->arena, DR_NODE_MAP);
    DR_TRY(other_column(e, other_column_name(e), false, &o, err));
    add_keys(e, e->columns[0], e->domain->rows, &here);
    for (int64_t row = 0; row < o.source->rows; row++) {
        bool is_new;
        struct dr_value v = dr_source_raw_value(o.source, row, &hint);
        if (v.kind == DR_VALUE_NULL)
            continue;
        dr_buf_clear(&key);
        put_key(&v, &key);
        struct dr_str own = { dr_arena_dup(&e->plan->scratch, dr_buf_cstr(&key), key.n), key.n };
        (void)dr_map_put(&seen, own, &is_new);
        n_other += is_new;
        if (!is_new || dr_map_get(&here, own))
            continue;
        n_missing++;
        if (missing->n < SHOWN_VALUES || e->format.level == DR_RESULT_COMPLETE)
            dr_node_add(e->arena, missing, dr_eval_value(e, e->columns[0], &v));
    }
    other_done(&o);
    dr_map_done(&here);
    dr_map_done(&seen);
    dr_eval_observe(e, dr_node_new_float(e->arena, n_other ? 1 - (double)n_missing / (double)n_other : 1));
    dr_node_set(e->arena, details, DR_LIT("missing_count"), dr_node_new_int(e->arena, n_missing));
    dr_node_set(e->arena, details, DR_LIT("missing_values"), missing);
    dr_eval_set(e, "details", details);
    e->check->success = n_other == 0 || (double)(n_other - n_missing) / (double)n_other >= e->mostly;
    dr_eval_say(e, "%lld of %lld values of %s in %s do not occur in %s", (long long)n_missing,
                (long long)n_other, other_column_name(e), dr_eval_text(e, "other_table_name", ""),
                e->columns[0]->name);
    return DR_OK;
}

/* ---- figures ---- */

static double figure(struct dr_plan *p, struct dr_view *v, const char *what)
{
    struct dr_value low = { 0 }, high = { 0 };
    int64_t n = v->n + v->n_refused;
    if (dr_streq(what, "count"))
        return (double)n;
    if (dr_streq(what, "distinct_count"))
        return (double)dr_view_count_distinct(p, v);
    if (v->source->class != DR_CLASS_NUMBER || v->n == 0)
        return v->n == 0 && dr_streq(what, "sum") ? 0 : NAN;
    if (dr_streq(what, "sum") || dr_streq(what, "mean")) {
        dr_view_moments(p, v);
        return dr_streq(what, "sum") ? v->sum : v->mean;
    }
    (void)dr_view_extremes(p, v, &low, &high);
    return dr_streq(what, "min") ? low.f : high.f;
}

static int32_t need_numbers(const struct dr_source *s, const char *what, struct dr_err *err)
{
    bool counted = dr_streq(what, "count") || dr_streq(what, "distinct_count");
    if (counted || s->class == DR_CLASS_NUMBER || s->class == DR_CLASS_EMPTY)
        return DR_OK;
    return dr_fail(err, DR_EINPUT,
                   "TypeError: column '%s' holds %s, which have no %s; declare its type in the suite",
                   s->name, dr_class_name(s->class), what);
}

static int32_t compare_figures(struct dr_eval *e, struct other *o, const char *what, struct dr_err *err)
{
    double tolerance = dr_eval_number(e, "tolerance", 0);
    const struct dr_domain *all;
    DR_TRY(need_numbers(e->columns[0], what, err));
    DR_TRY(need_numbers(o->source, what, err));
    DR_TRY(dr_plan_domain(&o->plan, NULL, &all, err));
    double mine = figure(e->plan, dr_plan_view(e->plan, e->columns[0], e->domain), what);
    double its = figure(&o->plan, dr_plan_view(&o->plan, o->source, all), what);
    struct dr_node *both = dr_node_new(e->arena, DR_NODE_MAP);
    dr_node_set(e->arena, both, DR_LIT("self"), dr_node_new_float(e->arena, mine));
    dr_node_set(e->arena, both, DR_LIT("other"), dr_node_new_float(e->arena, its));
    dr_eval_observe(e, both);
    e->check->success = mine == its || (isnan(mine) && isnan(its)) ||
                        fabs(mine - its) <= tolerance * fmax(fabs(mine), fabs(its));
    dr_eval_say(e, "The %s of %s is %.10g, and %.10g in %s%s", what, e->columns[0]->name, mine, its,
                dr_eval_text(e, "other_table_name", ""), e->check->success ? ", as expected" : "");
    return DR_OK;
}

static int32_t figure_equal(struct dr_eval *e, struct dr_err *err)
{
    const char *what = dr_eval_text(e, "aggregate", "count");
    bool number = !dr_streq(what, "count") && !dr_streq(what, "distinct_count");
    struct other o = { 0 };
    DR_TRY(other_column(e, other_column_name(e), number, &o, err));
    int32_t rc = compare_figures(e, &o, what, err);
    other_done(&o);
    return rc;
}

/* ---- declarations ---- */

#define OTHER_ARGS                                                                                           \
    { "other_table_name", "string", NULL, "The table to compare with.", true },                              \
    {                                                                                                        \
        "other_column", "string", NULL, "Its column; the same name without it.", false                       \
    }
static const struct dr_expect_arg row_args[] = { DR_ARG_COLUMN, OTHER_ARGS, DR_ARG_MOSTLY, DR_ARG_CONDITION,
                                                 DR_ARG_FORMAT };
static const struct dr_expect_arg compound_args[] = {
    { "column_list", "columns", NULL, "The columns, at least two.", true },
    { "other_table_name", "string", NULL, "The table to compare with.", true },
    { "other_column_list", "list of strings", NULL, "Its columns; the same names without it.", false },
    { "ignore_row_if", "choice all_values_are_missing|any_value_is_missing|never", "all_values_are_missing",
      "Which rows are left out.", false },
    DR_ARG_MOSTLY,
    DR_ARG_CONDITION,
    DR_ARG_FORMAT
};
static const struct dr_expect_arg figure_args[] = {
    DR_ARG_COLUMN,
    OTHER_ARGS,
    { "aggregate", "choice count|distinct_count|sum|mean|min|max", "count", "Which figure.", false },
    { "tolerance", "fraction", "0", "How far apart they may be, as a share of the larger.", false },
    DR_ARG_CONDITION,
    DR_ARG_FORMAT
};
#define KEY_DOC                                                                                              \
    "Values are compared as they are written; a number without a fraction equals the whole number. "

static const struct dr_check_type types[] = {
    { .info = { "expect_column_values_to_be_in_other_table", "column_map",
                "Every value occurs in a column of another table.", KEY_DOC "Missing values are left out.",
                "expect_column_values_to_be_in_other_table: {column: hospital_id, other_table_name: "
                "hospitals, "
                "other_column: id}",
                DR_ARGS(row_args) },
      .domain = DR_ON_ROWS,
      .flags = DR_CHECK_TEXT,
      .rows = in_other,
      .say = say_in_other },
    { .info = { "expect_compound_columns_to_be_in_other_table", "multicolumn",
                "Every combination of values occurs in another table.",
                KEY_DOC "A missing value equals a missing one.",
                "expect_compound_columns_to_be_in_other_table: {column_list: [patient_id, visit], "
                "other_table_name: visits}",
                DR_ARGS(compound_args) },
      .domain = DR_ON_COLUMNS,
      .flags = DR_CHECK_TEXT,
      .rows = compound_in_other,
      .say = say_compound },
    { .info = { "expect_column_values_to_contain_other_table", "column_aggregate",
                "Every value of another table's column occurs here.",
                KEY_DOC "observed_value is the share of its distinct values that do; details.missing_values "
                        "names up to 20 that do not.",
                "expect_column_values_to_contain_other_table: {column: hospital_id, other_table_name: "
                "hospitals, other_column: id}",
                DR_ARGS(row_args) },
      .domain = DR_ON_COLUMN,
      .measure = contain_other },
    { .info = { "expect_column_aggregate_to_equal_other_table", "column_aggregate",
                "A figure of the column equals that of another table's.", NULL,
                "expect_column_aggregate_to_equal_other_table: {column: amount, aggregate: sum, "
                "other_table_name: ledger, tolerance: 0.001}",
                DR_ARGS(figure_args) },
      .domain = DR_ON_COLUMN,
      .measure = figure_equal },
};
const struct dr_check_group dr_checks_other = { types, (int32_t)(sizeof types / sizeof types[0]) };
