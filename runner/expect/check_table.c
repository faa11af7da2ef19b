/* check_table.c - expectations about the table: its rows and columns. */
#include "expect/check.h"

static struct dr_value int_value(int64_t n)
{
    return dr_value_of_int(n);
}

static int32_t wrong_bound(struct dr_eval *e, const char *name, struct dr_err *err)
{
    const struct dr_node *n = dr_eval_arg(e, name);
    double f = dr_eval_number(e, name, 0);
    if (n && (double)(int64_t)f != f)
        return dr_fail(err, DR_EDEF, "%s: value is not a valid integer", name);
    return DR_OK;
}

static int32_t count_between(struct dr_eval *e, int64_t n, const char *noun, struct dr_err *err)
{
    struct dr_value v = int_value(n);
    DR_TRY(wrong_bound(e, "min_value", err));
    DR_TRY(wrong_bound(e, "max_value", err));
    return dr_eval_between(e, NULL, &v, noun, err);
}

/* Where the table is a sample, how many rows there are is given. */
static int64_t rows_in_all(const struct dr_eval *e)
{
    const struct dr_tally *given = e->plan->opts->tallies;
    ptrdiff_t place = e->check->expectation - e->plan->suite->expectations;
    return given && given[place].given ? given[place].elements : e->domain->n;
}

static int32_t row_count_between(struct dr_eval *e, struct dr_err *err)
{
    return count_between(e, rows_in_all(e), "number of rows", err);
}

/* The column of line numbers is no column of the data. */
static bool is_data(const struct dr_eval *e, int32_t i)
{
    const char *line = e->plan->opts->line_column;
    return !line || !dr_streq(line, e->plan->table->names[i]);
}

static int32_t count_columns(const struct dr_eval *e)
{
    int32_t n = 0;
    for (int32_t i = 0; i < e->plan->table->n; i++)
        n += is_data(e, i);
    return n;
}

static int32_t column_count_between(struct dr_eval *e, struct dr_err *err)
{
    return count_between(e, count_columns(e), "number of columns", err);
}

static int32_t count_equal(struct dr_eval *e, int64_t n, const char *noun)
{
    int64_t expected = (int64_t)dr_eval_number(e, "value", 0);
    DR_AUTO_BUF b = { 0 };
    e->check->success = n == expected;
    dr_eval_observe(e, dr_node_new_int(e->arena, n));
    struct dr_value found = int_value(n), wanted = int_value(expected);
    dr_value_say(&found, &b);
    if (n != expected) {
        (void)dr_buf_puts(&b, "; expected ");
        dr_value_say(&wanted, &b);
    }
    dr_eval_say(e, "The %s is %s%s", noun, dr_buf_cstr(&b), n == expected ? ", as expected" : "");
    return DR_OK;
}

static int32_t row_count_equal(struct dr_eval *e, struct dr_err *err)
{
    (void)err;
    return count_equal(e, rows_in_all(e), "number of rows");
}

static int32_t column_count_equal(struct dr_eval *e, struct dr_err *err)
{
    (void)err;
    return count_equal(e, count_columns(e), "number of columns");
}

static int32_t row_count_equal_other(struct dr_eval *e, struct dr_err *err)
{
    const struct dr_expect_options *o = e->plan->opts;
    const char *name = dr_eval_text(e, "other_table_name", "");
    const struct dr_table *other = o->other_table ? o->other_table(o->ctx, name) : NULL;
    if (!other)
        return dr_fail(err, DR_ENOTFOUND, "there is no table '%s' to compare with", name);
    int64_t mine = e->domain->n, its = dr_table_rows(other);
    struct dr_node *both = dr_node_new(e->arena, DR_NODE_MAP);
    dr_node_set(e->arena, both, DR_LIT("self"), dr_node_new_int(e->arena, mine));
    dr_node_set(e->arena, both, DR_LIT("other"), dr_node_new_int(e->arena, its));
    dr_eval_observe(e, both);
    e->check->success = mine == its;
    DR_AUTO_BUF b = { 0 };
    dr_count_say(mine, "row", "rows", &b);
    (void)dr_buf_printf(&b, ", %s has ", name);
    dr_count_say(its, "row", "rows", &b);
    dr_eval_say(e, "The table has %s%s", dr_buf_cstr(&b), e->check->success ? ", as expected" : "");
    return DR_OK;
}

/* ---- columns ---- */

static int32_t column_exists(struct dr_eval *e, struct dr_err *err)
{
    const char *name = dr_eval_text(e, "column", "");
    const struct dr_node *index = dr_eval_arg(e, "column_index");
    int32_t at = dr_table_find(e->plan->table, name);
    int64_t wanted = dr_node_int(index, at);
    (void)err;
    if (wanted < 0) /* counted from the end */
        wanted += count_columns(e);
    e->check->success = at >= 0 && at == wanted;
    if (at < 0)
        dr_eval_say(e, "There is no column %s", name);
    else if (e->check->success)
        dr_eval_say(e, "The column %s exists", name);
    else
        dr_eval_say(e, "The column %s stands at index %d, not %lld", name, at, (long long)wanted);
    return DR_OK;
}

static struct dr_node *column_names(struct dr_eval *e)
{
    struct dr_node *list = dr_node_new(e->arena, DR_NODE_LIST);
    for (int32_t i = 0; i < e->plan->table->n; i++)
        if (is_data(e, i))
            dr_node_add(e->arena, list, dr_node_new_str(e->arena, dr_str_of(e->plan->table->names[i])));
    return list;
}

static struct dr_node *name_at(struct dr_eval *e, const struct dr_node *list, int32_t i)
{
    const struct dr_node *n = dr_node_at(list, i);
    return n ? dr_node_new_str(e->arena, n->text) : dr_node_new(e->arena, DR_NODE_NULL);
}

static void put_mismatched(struct dr_eval *e, struct dr_node *mismatched)
{
    struct dr_node *details = dr_node_new(e->arena, DR_NODE_MAP);
    dr_node_set(e->arena, details, DR_LIT("mismatched"), mismatched);
    dr_eval_set(e, "details", details);
}

static int32_t columns_in_order(struct dr_eval *e, struct dr_err *err)
{
    const struct dr_node *wanted = dr_eval_arg(e, "column_list");
    struct dr_node *found = column_names(e), *mismatched = dr_node_new(e->arena, DR_NODE_LIST);
    int64_t n = found->n > dr_node_size(wanted) ? found->n : dr_node_size(wanted);
    (void)err;
    for (int32_t i = 0; wanted && i < n; i++) {
        struct dr_node *w = name_at(e, wanted, i), *f = name_at(e, found, i);
        if (dr_node_equal(w, f))
            continue;
        struct dr_node *entry = dr_node_new(e->arena, DR_NODE_MAP);
        dr_node_set(e->arena, entry, DR_LIT("Expected Column Position"), dr_node_new_int(e->arena, i));
        dr_node_set(e->arena, entry, DR_LIT("Expected"), w);
        dr_node_set(e->arena, entry, DR_LIT("Found"), f);
        dr_node_add(e->arena, mismatched, entry);
    }
    dr_eval_observe(e, found);
    e->check->success = mismatched->n == 0;
    if (!e->check->success)
        put_mismatched(e, mismatched);
    if (e->check->success)
        dr_eval_say(e, "The columns are those expected, in their order");
    else
        dr_eval_say(e, "%d column position%s not what is expected", mismatched->n,
                    mismatched->n == 1 ? " is" : "s are");
    return DR_OK;
}

static bool holds(const struct dr_node *list, const struct dr_node *name)
{
    for (int64_t i = 0; i < dr_node_size(list); i++)
        if (dr_node_equal(list->items[i], name))
            return true;
    return false;
}

static int by_name(const void *a, const void *b)
{
    const struct dr_node *const *x = a, *const *y = b;
    return dr_str_cmp((*x)->text, (*y)->text);
}

/* Names of list that other lacks, sorted, each once. */
static struct dr_node *lacking(struct dr_eval *e, const struct dr_node *list, const struct dr_node *other)
{
    struct dr_node *out = dr_node_new(e->arena, DR_NODE_LIST);
    for (int64_t i = 0; i < dr_node_size(list); i++)
        if (!holds(other, list->items[i]) && !holds(out, list->items[i]))
            dr_node_add(e->arena, out, dr_node_new_str(e->arena, list->items[i]->text));
    if (out->n > 1)
        qsort(out->items, (size_t)out->n, sizeof(struct dr_node *), by_name);
    return out;
}

static int32_t columns_as_set(struct dr_eval *e, struct dr_err *err)
{
    const struct dr_node *wanted = dr_eval_arg(e, "column_set");
    struct dr_node *found = column_names(e), *mismatched = dr_node_new(e->arena, DR_NODE_MAP);
    struct dr_node *extra = lacking(e, found, wanted), *missing = lacking(e, wanted, found);
    (void)err;
    if (extra->n)
        dr_node_set(e->arena, mismatched, DR_LIT("unexpected"), extra);
    if (missing->n)
        dr_node_set(e->arena, mismatched, DR_LIT("missing"), missing);
    if (mismatched->n) {
        qsort(found->items, (size_t)found->n, sizeof(struct dr_node *), by_name);
        put_mismatched(e, mismatched);
    }
    dr_eval_observe(e, found);
    e->check->success = missing->n == 0 && (extra->n == 0 || !dr_eval_flag(e, "exact_match", true));
    DR_AUTO_BUF b = { 0 };
    if (missing->n) {
        (void)dr_buf_puts(&b, "; missing: ");
        dr_list_say(missing, &b);
    }
    if (extra->n) {
        (void)dr_buf_puts(&b, "; beyond what is expected: ");
        dr_list_say(extra, &b);
    }
    dr_eval_say(e, "The columns are %s%s", e->check->success ? "as expected" : "not those expected",
                dr_buf_cstr(&b));
    return DR_OK;
}

/* ---- declarations ---- */

#define COUNT_RANGE                                                                                          \
    { "min_value", "integer", NULL, "The smallest number allowed.", false },                                 \
        { "max_value", "integer", NULL, "The largest number allowed.", false },                              \
        { "strict_min", "boolean", "false", "The smallest number itself is not allowed.", false },           \
    {                                                                                                        \
        "strict_max", "boolean", "false", "The largest number itself is not allowed.", false                 \
    }
static const struct dr_expect_arg range_args[] = { COUNT_RANGE, DR_ARG_CONDITION, DR_ARG_FORMAT };
static const struct dr_expect_arg plain_range_args[] = { COUNT_RANGE, DR_ARG_FORMAT };
static const struct dr_expect_arg equal_args[] = { { "value", "integer", NULL, "The number expected.", true },
                                                   DR_ARG_CONDITION,
                                                   DR_ARG_FORMAT };
static const struct dr_expect_arg plain_equal_args[] = {
    { "value", "integer", NULL, "The number expected.", true }, DR_ARG_FORMAT
};
static const struct dr_expect_arg other_args[] = { { "other_table_name", "string", NULL,
                                                     "The table to compare with.", true },
                                                   DR_ARG_CONDITION,
                                                   DR_ARG_FORMAT };
static const struct dr_expect_arg exist_args[] = {
    { "column", "string", NULL, "The name that must be there.", true },
    { "column_index", "integer", NULL, "Where it must stand, from 0; -1 is the last.", false },
    DR_ARG_FORMAT
};
static const struct dr_expect_arg list_args[] = { { "column_list", "list of strings", NULL,
                                                    "The names in their order; null expects nothing.", true },
                                                  DR_ARG_FORMAT };
static const struct dr_expect_arg set_args[] = {
    { "column_set", "list of strings", NULL, "The names in any order.", true },
    { "exact_match", "boolean", "true", "Further columns are not allowed.", false },
    DR_ARG_FORMAT
};
#define CONDITION_DOC "With a row_condition, only the rows that it keeps are counted."

static const struct dr_check_type types[] = {
    { .info = { "expect_table_row_count_to_be_between", "table", "The number of rows lies in a range.",
                CONDITION_DOC, "expect_table_row_count_to_be_between: {min_value: 900, max_value: 1100}",
                DR_ARGS(range_args) },
      .domain = DR_ON_TABLE,
      .measure = row_count_between },
    { .info = { "expect_table_row_count_to_equal", "table", "The number of rows is exactly this.",
                CONDITION_DOC, "expect_table_row_count_to_equal: {value: 1000}", DR_ARGS(equal_args) },
      .domain = DR_ON_TABLE,
      .measure = row_count_equal },
    { .info = { "expect_table_row_count_to_equal_other_table", "table",
                "The table has as many rows as another.", CONDITION_DOC,
                "expect_table_row_count_to_equal_other_table: {other_table_name: vitals_raw}",
                DR_ARGS(other_args) },
      .domain = DR_ON_TABLE,
      .measure = row_count_equal_other },
    { .info = { "expect_table_column_count_to_be_between", "table", "The number of columns lies in a range.",
                NULL, "expect_table_column_count_to_be_between: {min_value: 6}", DR_ARGS(plain_range_args) },
      .domain = DR_ON_TABLE,
      .measure = column_count_between },
    { .info = { "expect_table_column_count_to_equal", "table", "The number of columns is exactly this.", NULL,
                "expect_table_column_count_to_equal: {value: 6}", DR_ARGS(plain_equal_args) },
      .domain = DR_ON_TABLE,
      .measure = column_count_equal },
    { .info = { "expect_column_to_exist", "table", "There is a column of this name.", NULL,
                "expect_column_to_exist: {column: patient_id}", DR_ARGS(exist_args) },
      .domain = DR_ON_TABLE,
      .measure = column_exists },
    { .info = { "expect_table_columns_to_match_ordered_list", "table",
                "The columns are these, in this order.", NULL,
                "expect_table_columns_to_match_ordered_list: {column_list: [id, name]}", DR_ARGS(list_args) },
      .domain = DR_ON_TABLE,
      .measure = columns_in_order },
    { .info = { "expect_table_columns_to_match_set", "table", "The columns are these, in any order.", NULL,
                "expect_table_columns_to_match_set: {column_set: [id, name], exact_match: false}",
                DR_ARGS(set_args) },
      .domain = DR_ON_TABLE,
      .measure = columns_as_set },
};
const struct dr_check_group dr_checks_table = { types, (int32_t)(sizeof types / sizeof types[0]) };
