/* check_columns.c - row-level expectations on two or more columns. */
#include "expect/check.h"

/* ---- compound keys ---- */

/* Rows that the frame will count: only among these must keys be unique. */
static void candidates(const struct dr_eval *e, uint64_t *rows)
{
    int64_t n = e->plan->table->rows;
    const char *rule = dr_eval_text(e, "ignore_row_if", "all_values_are_missing");
    bool any = dr_streq(rule, "any_value_is_missing"), never = dr_streq(rule, "never");
    uint64_t *absent = dr_plan_bits(e->plan);
    if (e->domain->rows)
        memcpy(rows, e->domain->rows, (size_t)dr_words(n) * 8);
    else
        dr_rows_fill(rows, n);
    if (!any)
        dr_rows_fill(absent, n);
    for (int32_t k = 0; k < e->n_columns && !never; k++) {
        if (any && e->columns[k]->null)
            dr_rows_or(absent, e->columns[k]->null, n);
        else if (!any && !e->columns[k]->null)
            return;
        else if (!any)
            dr_rows_and(absent, e->columns[k]->null, n);
    }
    if (!never)
        dr_rows_and_not(rows, absent, n);
}

static int32_t compound_unique(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    uint64_t *in = dr_plan_bits(e->plan);
    (void)err;
    candidates(e, in);
    dr_scan_repeats(e->plan, e->n_columns, e->columns, in, unexpected);
    dr_plan_bits_back(e->plan, in);
    return DR_OK;
}

static void put_names(const struct dr_eval *e, struct dr_buf *out)
{
    for (int32_t k = 0; k < e->n_columns; k++)
        (void)dr_buf_printf(out, "%s%s",
                            k == 0                 ? ""
                            : k + 1 < e->n_columns ? ", "
                                                   : " and ",
                            e->columns[k]->name);
}

static void say_compound(const struct dr_eval *e, enum dr_say how, struct dr_buf *out)
{
    bool bad = e->check->unexpected_count > 0, one = how == DR_SAY_ONE;
    if (bad)
        (void)dr_buf_puts(out, one ? "shares its combination of " : "share their combination of ");
    else
        (void)dr_buf_puts(out, one ? "has a combination of " : "have a combination of ");
    put_names(e, out);
    (void)dr_buf_puts(out, bad ? " with another" : one ? " of its own" : " of their own");
}

/* ---- distinct within a record ---- */

static int32_t distinct_in_row(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    int32_t n = e->n_columns, *hints = dr_arena_array(&e->plan->scratch, (size_t)n, sizeof *hints);
    struct dr_value *v = dr_arena_array(&e->plan->scratch, (size_t)n, sizeof *v);
    (void)err;
    for (int64_t row = 0; row < e->plan->table->rows; row++)
        for (int32_t k = 0; k < n; k++) {
            v[k] = dr_source_value(e->columns[k], row, &hints[k]);
            for (int32_t j = 0; j < k; j++)
                if (dr_value_equal(&v[j], &v[k]))
                    dr_row_set(unexpected, row);
        }
    return DR_OK;
}

static void say_distinct(const struct dr_eval *e, enum dr_say how, struct dr_buf *out)
{
    bool bad = e->check->unexpected_count > 0;
    (void)dr_buf_printf(out, "%s %s in ", how == DR_SAY_ONE ? "has" : "have",
                        bad ? "equal values" : "different values");
    put_names(e, out);
}

/* ---- sums ---- */

static int32_t need_numbers(const struct dr_eval *e, struct dr_err *err)
{
    for (int32_t k = 0; k < e->n_columns; k++) {
        const struct dr_source *s = e->columns[k];
        if (s->class != DR_CLASS_NUMBER && s->class != DR_CLASS_EMPTY)
            return dr_fail(err, DR_EINPUT,
                           "TypeError: unsupported operand type(s) for +: column '%s' holds %s, not numbers; "
                           "declare its "
                           "type in the suite (columns: {%s: {type: float64}})",
                           s->name, dr_class_name(s->class), s->name);
    }
    return DR_OK;
}

static int32_t sum_equal(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    double total = dr_eval_number(e, "sum_total", 0);
    int32_t *hints = dr_arena_array(&e->plan->scratch, (size_t)e->n_columns, sizeof *hints);
    DR_TRY(need_numbers(e, err));
    for (int64_t row = 0; row < e->plan->table->rows; row++) {
        double sum = 0;
        bool lacks = false;
        for (int32_t k = 0; k < e->n_columns; k++) {
            sum += dr_source_value(e->columns[k], row, &hints[k]).f;
            lacks |= e->columns[k]->null && dr_row_get(e->columns[k]->null, row);
        }
        if (lacks || sum != total)
            dr_row_set(unexpected, row);
    }
    return DR_OK;
}

static void say_sum(const struct dr_eval *e, enum dr_say how, struct dr_buf *out)
{
    struct dr_value total = dr_value_of_float(dr_eval_number(e, "sum_total", 0));
    bool bad = e->check->unexpected_count > 0;
    (void)dr_buf_printf(out, "%s ",
                        bad                 ? (how == DR_SAY_ONE ? "does not have" : "do not have")
                        : how == DR_SAY_ONE ? "has"
                                            : "have");
    put_names(e, out);
    (void)dr_buf_puts(out, " adding up to ");
    dr_value_say(&total, out);
}

/* ---- declarations ---- */

#define LIST_ARG                                                                                             \
    {                                                                                                        \
        "column_list", "columns", NULL, "The columns, at least two.", true                                   \
    }
#define IGNORE_ARG                                                                                           \
    {                                                                                                        \
        "ignore_row_if", "choice all_values_are_missing|any_value_is_missing|never",                         \
            "all_values_are_missing", "Which rows are left out.", false                                      \
    }
static const struct dr_expect_arg list_args[] = { LIST_ARG, IGNORE_ARG, DR_ARG_MOSTLY, DR_ARG_CONDITION,
                                                  DR_ARG_FORMAT };
static const struct dr_expect_arg sum_args[] = {
    LIST_ARG,
    { "sum_total", "number", NULL, "What the values of a row must add up to, exactly.", true },
    IGNORE_ARG,
    DR_ARG_MOSTLY,
    DR_ARG_CONDITION,
    DR_ARG_FORMAT
};

static const struct dr_check_type types[] = {
    { .info = { "expect_compound_columns_to_be_unique", "multicolumn",
                "No combination of values occurs twice.",
                "Every row of a combination that occurs more than once is unexpected. Values are compared as "
                "they are "
                "written; missing values equal each other.",
                "expect_compound_columns_to_be_unique: {column_list: [patient_id, measurement_date, "
                "vital_type]}",
                DR_ARGS(list_args) },
      .domain = DR_ON_COLUMNS,
      .flags = DR_CHECK_TEXT,
      .rows = compound_unique,
      .say = say_compound },
    { .info = { "expect_select_column_values_to_be_unique_within_record", "multicolumn",
                "The values of a row differ from each other.", "Missing values equal each other.",
                "expect_select_column_values_to_be_unique_within_record: {column_list: [sender, receiver]}",
                DR_ARGS(list_args) },
      .domain = DR_ON_COLUMNS,
      .rows = distinct_in_row,
      .say = say_distinct },
    { .info = { "expect_multicolumn_values_to_be_unique", "multicolumn",
                "The values of a row differ from each other.",
                "An older name of expect_select_column_values_to_be_unique_within_record.",
                "expect_multicolumn_values_to_be_unique: {column_list: [a, b, c]}", DR_ARGS(list_args) },
      .domain = DR_ON_COLUMNS,
      .rows = distinct_in_row,
      .say = say_distinct },
    { .info = { "expect_multicolumn_sum_to_equal", "multicolumn", "The values of each row add up to a total.",
                "A row that is not left out and lacks a value is unexpected. The comparison is exact, as "
                "floating "
                "point has it.",
                "expect_multicolumn_sum_to_equal: {column_list: [share_a, share_b], sum_total: 100}",
                DR_ARGS(sum_args) },
      .domain = DR_ON_COLUMNS,
      .rows = sum_equal,
      .say = say_sum },
};
const struct dr_check_group dr_checks_columns = { types, (int32_t)(sizeof types / sizeof types[0]) };
