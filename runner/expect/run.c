/* run.c - a suite over a table: each expectation is given what it asks for
 * (columns, rows, options), evaluated, and its outcome kept. Columns, domains
 * and measures are shared through the plan. */
#include "base/date.h"
#include "expect/check.h"
#include "expect/parameter.h"

#define PARTIAL_DEFAULT 20
#define PARTIAL_MAX 100000

/* ---- the result format ---- */

static enum dr_result_format level_of(const struct dr_node *n, enum dr_result_format otherwise)
{
    static const char *const names[] = { "BOOLEAN_ONLY", "BASIC", "SUMMARY", "COMPLETE" };
    for (int k = 0; k < 4; k++)
        if (dr_streq(dr_node_str(n, ""), names[k]))
            return (enum dr_result_format)k;
    return otherwise;
}

/* Which columns name a row in lists: those asked for, else row_key, else the
 * suite's key; then the line number, where there is one. */
static void index_columns(struct dr_eval *e, const struct dr_node *asked)
{
    const struct dr_expect_options *o = e->plan->opts;
    const struct dr_suite *suite = e->plan->suite;
    const char *given =
        o->row_key && o->line_column && dr_streq(o->row_key, o->line_column) ? NULL : o->row_key;
    int64_t n_asked = dr_node_size(asked), n_key = given ? 1 : suite->n_key;
    const char **list = dr_arena_array(&e->plan->scratch, (size_t)(n_asked + n_key) + 1, sizeof *list);
    int32_t n = 0;
    for (int64_t k = 0; k < n_asked; k++)
        list[n++] = dr_node_str(dr_node_at(asked, k), "");
    for (int64_t k = 0; n_asked == 0 && k < n_key; k++) {
        const char *name = given ? given : suite->key[k];
        if (dr_table_find(e->plan->table, name) >= 0)
            list[n++] = name;
    }
    if (n_asked == 0 && o->line_column && dr_table_find(e->plan->table, o->line_column) >= 0)
        list[n++] = o->line_column;
    e->format.index = list;
    e->format.n_index = n;
}

static void choose_format(struct dr_eval *e)
{
    const struct dr_expect_options *o = e->plan->opts;
    const struct dr_node *asked = dr_eval_arg(e, "result_format");
    const struct dr_node *map = dr_node_kind(asked) == DR_NODE_MAP ? asked : NULL;
    int64_t given = o->partial_unexpected_count < 0 ? 0
                    : o->partial_unexpected_count   ? o->partial_unexpected_count
                                                    : PARTIAL_DEFAULT;
    int64_t partial = dr_node_int(dr_node_get(map, "partial_unexpected_count"), given);
    e->format.level = level_of(map ? dr_node_get(map, "result_format") : asked, o->result_format);
    e->format.partial = (int32_t)(partial < 0 ? 0 : partial > PARTIAL_MAX ? PARTIAL_MAX : partial);
    e->format.rows = dr_node_bool(dr_node_get(map, "include_unexpected_rows"), o->include_unexpected_rows);
    index_columns(e, dr_node_get(map, "unexpected_index_column_names"));
}

/* ---- the columns ---- */

static int32_t add_column(struct dr_eval *e, const char *name, struct dr_err *err)
{
    struct dr_source *s;
    DR_TRY(dr_plan_source(e->plan, name, &s, err));
    if (dr_eval_flag(e, "parse_strings_as_datetimes", false))
        DR_TRY(dr_plan_times(e->plan, s, &s, err));
    e->columns[e->n_columns++] = s;
    return DR_OK;
}

static int32_t find_columns(struct dr_eval *e, struct dr_err *err)
{
    const struct dr_node *list = e->type->domain == DR_ON_COLUMNS ? dr_eval_arg(e, "column_list") : NULL;
    e->columns = dr_arena_array(&e->plan->scratch, (size_t)dr_node_size(list) + 2, sizeof *e->columns);
    if (e->type->domain == DR_ON_ROWS || e->type->domain == DR_ON_COLUMN)
        return add_column(e, dr_eval_text(e, "column", ""), err);
    if (e->type->domain == DR_ON_PAIR) {
        DR_TRY(add_column(e, dr_eval_text(e, "column_A", ""), err));
        return add_column(e, dr_eval_text(e, "column_B", ""), err);
    }
    for (int64_t k = 0; k < dr_node_size(list); k++)
        DR_TRY(add_column(e, dr_node_str(dr_node_at(list, k), ""), err));
    return DR_OK;
}

/* As the suite names them: a check keeps its place in reports and histories
 * when the table lacks its column. */
static const char *column_names(struct dr_eval *e)
{
    DR_AUTO_BUF b = { 0 };
    if (e->type->domain == DR_ON_PAIR) {
        (void)dr_buf_printf(&b, "%s,%s", dr_eval_text(e, "column_A", ""), dr_eval_text(e, "column_B", ""));
        return dr_arena_strdup(e->arena, dr_buf_cstr(&b));
    }
    if (e->type->domain != DR_ON_COLUMNS) {
        const char *named = dr_eval_text(e, "column", NULL);
        return named ? dr_arena_strdup(e->arena, named) : NULL;
    }
    const struct dr_node *list = dr_eval_arg(e, "column_list");
    for (int64_t k = 0; k < dr_node_size(list); k++)
        (void)dr_buf_printf(&b, "%s%s", k ? "," : "", dr_node_str(dr_node_at(list, k), ""));
    return dr_arena_strdup(e->arena, dr_buf_cstr(&b));
}

/* ---- one expectation ---- */

static void put_reason(struct dr_eval *e)
{
    DR_AUTO_BUF b = { 0 };
    if (!e->check->unexpected)
        return;
    if (e->check->expectation->description) {
        e->check->reason = e->check->expectation->description;
        return;
    }
    bool column = e->n_columns == 1 && !(e->type->flags & DR_CHECK_NULLS);
    (void)dr_buf_printf(&b, "%s ", column ? e->columns[0]->name : "the row");
    e->type->say(e, DR_SAY_ONE, &b);
    e->check->reason = dr_arena_dup(e->arena, dr_buf_cstr(&b), b.n);
}

static int32_t evaluate(struct dr_eval *e, struct dr_err *err)
{
    const struct dr_expectation *x = e->check->expectation;
    struct dr_parameters params = { e->plan->opts->evaluation_parameters,
                                    e->plan->suite->evaluation_parameters, e->plan->opts->now_us };
    e->type = dr_check_find(x->type);
    if (!e->type)
        return dr_fail(err, DR_EDEF, "there is no expectation type '%s'", x->type);
    DR_TRY(dr_parameters_resolve(&e->plan->scratch, &params, x->kwargs, &e->args, err));
    DR_TRY(dr_args_check(e->type, e->args, err));
    choose_format(e);
    e->mostly = dr_eval_number(e, "mostly", 1);
    e->check->column = column_names(e);
    DR_TRY(find_columns(e, err));
    DR_TRY(dr_plan_domain(e->plan, dr_eval_text(e, "row_condition", NULL), &e->domain, err));
    DR_TRY(e->type->measure ? e->type->measure(e, err) : dr_eval_rows(e, e->type->rows, err));
    put_reason(e);
    return DR_OK;
}

static void set_exception(struct dr_arena *a, struct dr_check *check, const char *why)
{
    check->success = false;
    check->exception = dr_arena_strdup(a, why);
    check->sentence = dr_arena_printf(a, "Could not be evaluated: %s.", why);
    check->unexpected = NULL;
    check->element_count = check->unexpected_count = check->missing_count = -1;
    check->result = dr_node_new(a, DR_NODE_MAP);
}

static void run_one(struct dr_plan *plan, const struct dr_expectation *x, struct dr_check *check)
{
    struct dr_eval e = { .plan = plan, .arena = plan->arena, .check = check };
    struct dr_err err = { 0 };
    check->expectation = x;
    check->severity = x->severity;
    check->element_count = check->unexpected_count = check->missing_count = -1;
    e.result = dr_node_new(plan->arena, DR_NODE_MAP);
    if (evaluate(&e, &err)) {
        set_exception(plan->arena, check, err.msg);
        if (e.keeps_result)
            check->result = e.result;
        return;
    }
    check->result = e.result;
}

bool dr_check_must_fail(const struct dr_check *c)
{
    return !c->success &&
           (c->severity == DR_SEVERITY_CRITICAL || c->expectation->on_failure == DR_ON_FAILURE_FAIL);
}

static void count(struct dr_results *r, const struct dr_check *c)
{
    if (c->success) {
        r->passed++;
        return;
    }
    if (c->exception)
        r->errors++;
    else
        r->failed_by_severity[c->severity]++;
    r->failed += !c->exception;
    r->must_fail |= dr_check_must_fail(c);
}

static int32_t bad_options(const struct dr_suite *suite, const struct dr_table *table, struct dr_err *err)
{
    if (!suite || !table)
        return dr_fail(err, DR_EBUG, "a suite and a table are needed");
    return DR_OK;
}

struct dr_results *dr_results_new(const struct dr_suite *suite, int64_t rows)
{
    struct dr_results *r = dr_calloc(1, sizeof *r);
    r->suite = suite;
    r->n = suite->n;
    r->rows = rows;
    r->checks = dr_arena_array(&r->arena, (size_t)suite->n + 1, sizeof *r->checks);
    return r;
}

int32_t dr_expect_run(const struct dr_suite *suite, const struct dr_table *table,
                      const struct dr_expect_options *opts, struct dr_results **ret, struct dr_err *err)
{
    struct dr_expect_options with_clock = { .result_format = DR_RESULT_SUMMARY };
    int64_t start = dr_monotonic_us();
    DR_TRY(bad_options(suite, table, err));
    struct dr_results *r = dr_results_new(suite, table->rows);
    if (opts)
        with_clock = *opts;
    if (!with_clock.now_us)
        with_clock.now_us = dr_now_us(); /* one instant for all expectations */
    struct dr_plan plan = { .arena = &r->arena, .suite = suite, .table = table, .opts = &with_clock };
    for (int32_t k = 0; k < suite->n; k++) {
        run_one(&plan, &suite->expectations[k], &r->checks[k]);
        count(r, &r->checks[k]);
    }
    dr_plan_count_values(&plan);
    dr_plan_done(&plan);
    r->us = dr_monotonic_us() - start;
    *ret = r;
    return DR_OK;
}

int32_t dr_expect_absent_column(const struct dr_suite *suite, const struct dr_table *table, int32_t from,
                                const char **ret_nearest)
{
    for (int32_t k = from; k < suite->n_columns; k++) {
        const char *name = suite->columns[k].name;
        if (dr_table_find(table, name) >= 0)
            continue;
        *ret_nearest = dr_nearest(name, (const char *const *)table->names, (size_t)table->n);
        return k;
    }
    return -1;
}

void dr_results_take(struct dr_results *r, struct dr_results *part, const int32_t *place)
{
    for (int32_t k = 0; k < part->n; k++) {
        struct dr_check *c = &r->checks[place[k]];
        *c = part->checks[k];
        c->expectation = &r->suite->expectations[place[k]];
        c->unexpected = NULL;
        count(r, c);
    }
    part->next = r->next;
    r->next = part;
}

void dr_results_set_exception(struct dr_results *r, int32_t i, const char *why)
{
    set_exception(&r->arena, &r->checks[i], why);
    r->passed = r->failed = r->errors = 0;
    memset(r->failed_by_severity, 0, sizeof(r->failed_by_severity));
    r->must_fail = false;
    for (int32_t k = 0; k < r->n; k++)
        count(r, &r->checks[k]);
}

void dr_results_free(struct dr_results *r)
{
    while (r) {
        struct dr_results *next = r->next;
        dr_arena_done(&r->arena);
        free(r);
        r = next;
    }
}
