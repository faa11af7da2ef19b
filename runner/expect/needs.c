/* needs.c - see needs.h.
 *
 * Columns are found by name in the arguments, whatever the argument is called: an argument that
 * happens to be a column's name costs memory, one that was overlooked would change a result. */
#include "expect/needs.h"
#include "expect/check.h"
#include "expect/condition.h"

static bool named(const char *type, const char *const *names)
{
    while (*names && !dr_streq(*names, type))
        names++;
    return *names;
}

/* A row tells by itself whether it is unexpected. */
static bool looks_at_single_rows(const char *type)
{
    static const char *const names[] = {
        "expect_column_values_to_be_between",
        "expect_column_values_to_be_in_set",
        "expect_column_values_to_not_be_in_set",
        "expect_column_values_to_be_null",
        "expect_column_values_to_not_be_null",
        "expect_column_values_to_match_regex",
        "expect_column_values_to_not_match_regex",
        "expect_column_values_to_match_regex_list",
        "expect_column_values_to_not_match_regex_list",
        "expect_column_values_to_match_like_pattern",
        "expect_column_values_to_not_match_like_pattern",
        "expect_column_values_to_match_like_pattern_list",
        "expect_column_values_to_not_match_like_pattern_list",
        "expect_column_values_to_match_strftime_format",
        "expect_column_values_to_be_dateutil_parseable",
        "expect_column_values_to_be_json_parseable",
        "expect_column_values_to_match_json_schema",
        "expect_column_value_lengths_to_be_between",
        "expect_column_value_lengths_to_equal",
        "expect_column_pair_values_a_to_be_greater_than_b",
        "expect_column_pair_values_to_be_equal",
        "expect_column_pair_values_to_be_in_set",
        "expect_multicolumn_sum_to_equal",
        "expect_select_column_values_to_be_unique_within_record",
        NULL,
    };
    return named(type, names);
}

static bool looks_at_columns(const char *type)
{
    static const char *const names[] = { "expect_column_to_exist",
                                         "expect_table_column_count_to_be_between",
                                         "expect_table_column_count_to_equal",
                                         "expect_table_columns_to_match_ordered_list",
                                         "expect_table_columns_to_match_set",
                                         NULL };
    return named(type, names);
}

static bool counts_rows(const char *type)
{
    return dr_streq(type, "expect_table_row_count_to_be_between") ||
           dr_streq(type, "expect_table_row_count_to_equal");
}

static bool is_uniqueness(const char *type)
{
    return dr_streq(type, "expect_compound_columns_to_be_unique") ||
           dr_streq(type, "expect_column_values_to_be_unique");
}

/* ---- row_condition ---- */

static const struct dr_node *condition_of(const struct dr_expectation *x)
{
    return dr_node_get(x->kwargs, "row_condition");
}

/* NULL where there is none, or it cannot be read, which every evaluation says in the same words. */
static const struct dr_condition *parse(struct dr_arena *a, const struct dr_expectation *x)
{
    struct dr_condition *c = NULL;
    const char *text = dr_node_str(condition_of(x), NULL);
    return text && !dr_condition_parse(a, text, &c, NULL) ? c : NULL;
}

/* Whether it asks for the number of a row, which the rows before it decide. */
static bool counts_up(const struct dr_condition *c, const struct dr_table *columns)
{
    if (!c)
        return false;
    if (c->op == DR_CONDITION_COLUMN)
        return dr_streq(c->name, "index") && (!columns || dr_table_find(columns, "index") < 0);
    return counts_up(c->arg[0], columns) || counts_up(c->arg[1], columns);
}

/* {"$PARAMETER": ...} somewhere in it: what it will be is not known here. */
static bool has_parameter(const struct dr_node *n)
{
    bool map = dr_node_kind(n) == DR_NODE_MAP;
    for (int64_t i = 0; i < dr_node_size(n); i++)
        if ((map && dr_node_key(n, i)[0] == '$') || has_parameter(dr_node_at(n, i)))
            return true;
    return false;
}

enum dr_scope dr_expect_scope(const struct dr_expectation *x, const struct dr_table *columns)
{
    DR_AUTO_ARENA arena = { 0 };
    if (has_parameter(condition_of(x)) || counts_up(parse(&arena, x), columns))
        return DR_SCOPE_WHOLE;
    if (looks_at_single_rows(x->type))
        return DR_SCOPE_ROW;
    if (looks_at_columns(x->type))
        return DR_SCOPE_COLUMNS;
    if (condition_of(x))
        return DR_SCOPE_WHOLE;
    return counts_rows(x->type) ? DR_SCOPE_COUNT : is_uniqueness(x->type) ? DR_SCOPE_KEY : DR_SCOPE_WHOLE;
}

const char *const *dr_expect_key(struct dr_arena *a, const struct dr_expectation *x, int32_t *ret_n)
{
    const struct dr_node *list = dr_node_get(x->kwargs, "column_list");
    int64_t n = list ? dr_node_size(list) : 1;
    const char **key = dr_arena_array(a, (size_t)n + 1, sizeof *key);
    key[0] = dr_node_str(dr_node_get(x->kwargs, "column"), "");
    for (int64_t i = 0; list && i < n; i++)
        key[i] = dr_node_str(dr_node_at(list, i), "");
    *ret_n = (int32_t)n;
    return key;
}

/* ---- columns ---- */

struct marks {
    const struct dr_table *columns;
    bool *ret;
};

static void mark(const struct marks *m, const char *name)
{
    int32_t i = name ? dr_table_find(m->columns, name) : -1;
    if (i >= 0)
        m->ret[i] = true;
}

static void mark_texts(const struct marks *m, const struct dr_node *n)
{
    mark(m, dr_node_str(n, NULL));
    for (int64_t i = 0; i < dr_node_size(n); i++)
        mark_texts(m, dr_node_at(n, i));
}

static void mark_condition(const struct marks *m, const struct dr_condition *c)
{
    if (!c)
        return;
    if (c->op == DR_CONDITION_COLUMN)
        mark(m, c->name);
    mark_condition(m, c->arg[0]);
    mark_condition(m, c->arg[1]);
}

/* Whether all columns matter: SQL, plugins, schemas, rows that are shown whole. */
static bool looks_everywhere(const struct dr_expectation *x)
{
    const struct dr_check_type *type = dr_check_find(x->type);
    const struct dr_node *format = dr_node_get(x->kwargs, "result_format");
    bool rows = counts_rows(x->type) || dr_streq(x->type, "expect_table_row_count_to_equal_other_table") ||
                dr_streq(x->type, "expect_table_row_count_change_to_be_between");
    return !type || (type->domain == DR_ON_TABLE && !rows) || has_parameter(x->kwargs) ||
           dr_node_get(format, "include_unexpected_rows");
}

void dr_expect_needs(const struct dr_suite *suite, const struct dr_expectation *x,
                     const struct dr_expect_options *opts, const struct dr_table *columns, bool *ret)
{
    struct marks m = { columns, ret };
    DR_AUTO_ARENA arena = { 0 };
    if (opts->include_unexpected_rows || looks_everywhere(x)) {
        memset(ret, 1, (size_t)columns->n * sizeof *ret);
        return;
    }
    mark_texts(&m, x->kwargs);
    mark_condition(&m, parse(&arena, x));
    mark(&m, opts->row_key);
    mark(&m, opts->line_column);
    for (int32_t i = 0; i < suite->n_key; i++)
        mark(&m, suite->key[i]);
}

bool dr_expect_is_mixed(const struct dr_expect_options *opts, const char *column)
{
    return opts->mixed_columns && named(column, opts->mixed_columns);
}
