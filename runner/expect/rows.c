/* rows.c - the frame of row-level checks: which rows count, which of them are
 * unexpected, whether that is few enough, and the lists that show them. The
 * fields are Great Expectations', with its definitions:
 *
 *     element_count       rows that the row_condition keeps
 *     missing_count       of them, without a value (one column), or left out by
 *                         ignore_row_if (several columns)
 *     unexpected_percent  of the others; null where there are none
 *
 * A check succeeds where the share of expected rows reaches `mostly`, and where
 * there is nothing to check. */
#include "expect/check.h"
#include "base/num.h"

/* ---- rows that count ---- */

static void domain_rows(const struct dr_eval *e, uint64_t *rows)
{
    int64_t n = e->plan->table->rows;
    if (e->domain->rows)
        memcpy(rows, e->domain->rows, (size_t)dr_words(n) * 8);
    else
        dr_rows_fill(rows, n);
}

/* Rows where any, or all, of the columns lack a value. */
static void rows_missing(const struct dr_eval *e, bool any, uint64_t *missing)
{
    int64_t rows = e->plan->table->rows;
    if (!any)
        dr_rows_fill(missing, rows);
    for (int32_t k = 0; k < e->n_columns; k++) {
        const uint64_t *null = e->columns[k]->null;
        if (any && null)
            dr_rows_or(missing, null, rows);
        else if (!any && null)
            dr_rows_and(missing, null, rows);
        else if (!any)
            memset(missing, 0, (size_t)dr_words(rows) * 8);
    }
}

static void ignored_rows(const struct dr_eval *e, uint64_t *ignored)
{
    const char *rule = dr_eval_text(e, "ignore_row_if", "");
    if (dr_streq(rule, "neither") || dr_streq(rule, "never"))
        return;
    if (e->n_columns == 1 || dr_streq(rule, "either_value_is_missing") ||
        dr_streq(rule, "any_value_is_missing"))
        rows_missing(e, true, ignored);
    else
        rows_missing(e, false, ignored);
}

static void add_refused(const struct dr_eval *e, uint64_t *unexpected)
{
    for (int32_t k = 0; k < e->n_columns; k++) {
        const uint64_t *refused = dr_source_refused(e->plan, e->columns[k]);
        if (refused)
            dr_rows_or(unexpected, refused, e->plan->table->rows);
    }
}

/* ---- values of a row ---- */

static struct dr_node *cell(struct dr_eval *e, struct dr_source *s, int64_t row, int32_t *hint)
{
    struct dr_value v = dr_source_value(s, row, hint);
    return dr_eval_value(e, s, &v);
}

/* One value; a list of two for a pair; a map for several columns, or, as_list, a list. */
struct dr_node *dr_eval_row_value(struct dr_eval *e, int64_t row, bool as_list)
{
    int32_t hint = 0;
    if (e->n_columns == 1)
        return cell(e, e->columns[0], row, &hint);
    bool list = as_list || e->type->domain == DR_ON_PAIR;
    struct dr_node *n = dr_node_new(e->arena, list ? DR_NODE_LIST : DR_NODE_MAP);
    for (int32_t k = 0; k < e->n_columns; k++) {
        hint = 0;
        struct dr_node *value = cell(e, e->columns[k], row, &hint);
        if (list)
            dr_node_add(e->arena, n, value);
        else
            dr_node_set(e->arena, n, dr_str_of(e->columns[k]->name), value);
    }
    return n;
}

static void set_index(struct dr_eval *e, struct dr_node *map, int64_t row)
{
    for (int32_t k = 0; k < e->format.n_index; k++) {
        struct dr_source *s;
        int32_t hint = 0;
        if (!dr_plan_source(e->plan, e->format.index[k], &s, NULL))
            dr_node_set(e->arena, map, dr_str_of(s->name), cell(e, s, row, &hint));
    }
}

/* {"value": 7, "id": 12}, or the row's number from 0 where nothing names rows. */
static struct dr_node *row_index(struct dr_eval *e, int64_t row)
{
    if (!e->format.n_index)
        return dr_node_new_int(e->arena, e->plan->opts->row_numbers ? e->plan->opts->row_numbers[row] : row);
    struct dr_node *map = dr_node_new(e->arena, DR_NODE_MAP);
    int32_t hint;
    for (int32_t k = 0; k < e->n_columns; k++) {
        hint = 0;
        dr_node_set(e->arena, map, dr_str_of(e->columns[k]->name), cell(e, e->columns[k], row, &hint));
    }
    set_index(e, map, row);
    return map;
}

static struct dr_node *whole_row(struct dr_eval *e, int64_t row)
{
    struct dr_node *map = dr_node_new(e->arena, DR_NODE_MAP);
    for (int32_t k = 0; k < e->plan->table->n; k++) {
        struct dr_source *s;
        int32_t hint = 0;
        if (!dr_plan_source(e->plan, e->plan->table->names[k], &s, NULL))
            dr_node_set(e->arena, map, dr_str_of(s->name), cell(e, s, row, &hint));
    }
    return map;
}

/* ---- lists ---- */

enum listed { LIST_VALUES, LIST_INDEX, LIST_ROWS };
static struct dr_node *list_of(struct dr_eval *e, const uint64_t *unexpected, enum listed what, int64_t limit)
{
    struct dr_node *list = dr_node_new(e->arena, DR_NODE_LIST);
    int64_t rows = e->plan->table->rows;
    for (int64_t r = dr_rows_next(unexpected, rows, 0); r >= 0 && limit-- > 0;
         r = dr_rows_next(unexpected, rows, r + 1))
        dr_node_add(e->arena, list,
                    what == LIST_VALUES  ? dr_eval_row_value(e, r, false)
                    : what == LIST_INDEX ? row_index(e, r)
                                         : whole_row(e, r));
    return list;
}

static struct dr_node *index_names(struct dr_eval *e)
{
    struct dr_node *list = dr_node_new(e->arena, DR_NODE_LIST);
    for (int32_t k = 0; k < e->format.n_index; k++)
        dr_node_add(e->arena, list, dr_node_new_str(e->arena, dr_str_of(e->format.index[k])));
    return list;
}

static void set_count(struct dr_eval *e, const char *key, int64_t n)
{
    dr_eval_set(e, key, dr_node_new_int(e->arena, n));
}

static void set_percent(struct dr_eval *e, const char *key, int64_t part, int64_t whole)
{
    dr_eval_set(e, key,
                whole ? dr_node_new_float(e->arena, (double)part / (double)whole * 100)
                      : dr_node_new(e->arena, DR_NODE_NULL));
}

static void put_lists(struct dr_eval *e, const uint64_t *unexpected)
{
    bool complete = e->format.level == DR_RESULT_COMPLETE;
    dr_eval_set(e, "partial_unexpected_counts", dr_eval_value_counts(e));
    dr_eval_set(e, "partial_unexpected_index_list", list_of(e, unexpected, LIST_INDEX, e->format.partial));
    if (complete) {
        dr_eval_set(e, "unexpected_list", list_of(e, unexpected, LIST_VALUES, INT64_MAX));
        dr_eval_set(e, "unexpected_index_list", list_of(e, unexpected, LIST_INDEX, INT64_MAX));
    }
}

static void put_result(struct dr_eval *e, const struct dr_tally *t, const uint64_t *unexpected)
{
    bool nulls = e->type->flags & DR_CHECK_NULLS;
    if (e->format.level == DR_RESULT_BOOLEAN_ONLY)
        return;
    set_count(e, "element_count", t->elements);
    set_count(e, "unexpected_count", t->unexpected);
    set_percent(e, "unexpected_percent", t->unexpected, t->counted);
    dr_eval_set(e, "partial_unexpected_list", list_of(e, unexpected, LIST_VALUES, e->format.partial));
    if (e->format.n_index)
        dr_eval_set(e, "unexpected_index_column_names", index_names(e));
    if (!nulls) {
        set_count(e, "missing_count", t->missing);
        set_percent(e, "missing_percent", t->missing, t->elements);
        set_percent(e, "unexpected_percent_total", t->unexpected, t->elements);
        set_percent(e, "unexpected_percent_nonmissing", t->unexpected, t->counted);
    }
    if (e->format.level >= DR_RESULT_SUMMARY)
        put_lists(e, unexpected);
    if (e->format.rows)
        dr_eval_set(e, "unexpected_rows",
                    list_of(e, unexpected, LIST_ROWS,
                            e->format.level == DR_RESULT_COMPLETE ? INT64_MAX : e->format.partial));
}

/* ---- the sentence ---- */

static void put_columns(const struct dr_eval *e, struct dr_buf *b)
{
    for (int32_t k = 0; k < e->n_columns; k++)
        (void)dr_buf_printf(b, "%s%s",
                            k == 0                 ? ""
                            : k + 1 < e->n_columns ? ", "
                                                   : " and ",
                            e->columns[k]->name);
}

static void put_subject(const struct dr_eval *e, const struct dr_tally *t, struct dr_buf *b)
{
    bool column = e->n_columns == 1 && !(e->type->flags & DR_CHECK_NULLS);
    if (t->unexpected && t->counted > 1) {
        dr_buf_put_count(b, t->unexpected);
        (void)dr_buf_puts(b, " of ");
    } else if (t->counted > 1) {
        (void)dr_buf_puts(b, "All ");
    }
    if (t->counted == 1)
        (void)dr_buf_puts(b, "The only ");
    else
        dr_buf_put_count(b, t->counted);
    (void)dr_buf_puts(b, column            ? (t->counted == 1 ? "value of " : " values of ")
                         : t->counted == 1 ? "row"
                                           : " rows");
    if (column)
        put_columns(e, b);
}

static bool has_thresholds(const struct dr_expectation *x)
{
    return x->warning.given || x->critical.given;
}

/* What is unexpected although the check passes, and by what right. */
static void put_allowance(const struct dr_eval *e, const struct dr_tally *t, struct dr_buf *b)
{
    const struct dr_expectation *x = e->check->expectation;
    const struct dr_threshold *limit = x->warning.given ? &x->warning : &x->critical;
    if (!t->unexpected || !e->check->success)
        return;
    if (!has_thresholds(x))
        (void)dr_buf_printf(b, ", within the %.6g %% that may", (1 - e->mostly) * 100);
    else if (limit->is_count)
        (void)dr_buf_printf(b, ", within the %.0f that may", limit->value);
    else
        (void)dr_buf_printf(b, ", within the %.6g %% that may", limit->value * 100);
}

static void put_sentence(struct dr_eval *e, const struct dr_tally *t)
{
    DR_AUTO_BUF b = { 0 };
    if (t->counted == 0) {
        (void)dr_buf_puts(&b, t->elements ? "Nothing to check: no value of " : "Nothing to check: no row");
        if (t->elements)
            put_columns(e, &b);
    } else {
        put_subject(e, t, &b);
        (void)dr_buf_putc(&b, ' ');
        bool one = t->counted == 1 || t->unexpected == 1;
        e->type->say(e,
                     !t->unexpected ? (t->counted == 1 ? DR_SAY_ONE : DR_SAY_GOOD)
                     : one          ? DR_SAY_ONE
                                    : DR_SAY_MANY,
                     &b);
    }
    if (e->domain->condition)
        (void)dr_buf_printf(&b, " where %s", e->domain->condition);
    put_allowance(e, t, &b);
    (void)dr_buf_putc(&b, '.');
    e->check->sentence = dr_arena_dup(e->arena, dr_buf_cstr(&b), b.n);
}

/* Rows that the condition keeps and that are not left out. */
static int64_t counted_rows(struct dr_eval *e, uint64_t *counted)
{
    int64_t rows = e->plan->table->rows;
    domain_rows(e, counted);
    if (!(e->type->flags & DR_CHECK_NULLS)) {
        uint64_t *ignored = dr_plan_bits(e->plan);
        ignored_rows(e, ignored);
        dr_rows_and_not(counted, ignored, rows);
        dr_plan_bits_back(e->plan, ignored);
    }
    return dr_rows_count(counted, rows);
}

/* The set that outlives the plan. Checks that found nothing share one. */
static const uint8_t *keep(struct dr_eval *e, const uint64_t *unexpected, int64_t n)
{
    size_t words = (size_t)dr_words(e->plan->table->rows) + 1;
    if (n) {
        uint64_t *copy = dr_arena_array(e->arena, words, sizeof *copy);
        memcpy(copy, unexpected, words * sizeof *copy);
        return (const uint8_t *)copy;
    }
    if (!e->plan->nothing)
        e->plan->nothing = dr_arena_array(e->arena, words, sizeof(uint64_t));
    return e->plan->nothing;
}

static bool passes(const struct dr_threshold *limit, const struct dr_tally *t)
{
    double found = limit->is_count ? (double)t->unexpected : (double)t->unexpected / (double)t->counted;
    return !limit->given || t->counted == 0 || found <= limit->value;
}

/* By thresholds where the expectation has them, else by `mostly`. */
static void judge(struct dr_eval *e, const struct dr_tally *t)
{
    const struct dr_expectation *x = e->check->expectation;
    if (!has_thresholds(x)) {
        e->check->success =
            t->counted == 0 || (double)(t->counted - t->unexpected) / (double)t->counted >= e->mostly;
        return;
    }
    bool critical = !passes(&x->critical, t);
    e->check->success = !critical && passes(&x->warning, t);
    if (!critical && !e->check->success)
        e->check->severity = DR_SEVERITY_WARNING;
}

/* The counts of all rows, where the table is a sample of them. */
static void take_given(const struct dr_eval *e, struct dr_tally *t)
{
    const struct dr_tally *given = e->plan->opts->tallies;
    ptrdiff_t place = e->check->expectation - e->plan->suite->expectations;
    if (given && given[place].given)
        *t = given[place];
}

static void conclude(struct dr_eval *e, struct dr_tally *t, uint64_t *unexpected, const uint64_t *counted)
{
    int64_t rows = e->plan->table->rows;
    if (!(e->type->flags & (DR_CHECK_TEXT | DR_CHECK_NULLS)))
        add_refused(e, unexpected);
    dr_rows_and(unexpected, counted, rows);
    t->unexpected = dr_rows_count(unexpected, rows);
    take_given(e, t);
    judge(e, t);
    e->check->element_count = t->elements;
    e->check->unexpected_count = t->unexpected;
    e->check->missing_count = t->missing;
    e->check->unexpected = keep(e, unexpected, t->unexpected);
    put_result(e, t, unexpected);
    put_sentence(e, t);
}

int32_t dr_eval_rows(struct dr_eval *e, int32_t (*fn)(struct dr_eval *, uint64_t *, struct dr_err *),
                     struct dr_err *err)
{
    uint64_t *unexpected = dr_plan_bits(e->plan), *counted = dr_plan_bits(e->plan);
    struct dr_tally t = { .elements = e->domain->n };
    t.counted = counted_rows(e, counted);
    t.missing = t.elements - t.counted;
    int32_t rc = fn(e, unexpected, err);
    if (!rc)
        conclude(e, &t, unexpected, counted);
    dr_plan_bits_back(e->plan, unexpected);
    dr_plan_bits_back(e->plan, counted);
    return rc;
}
