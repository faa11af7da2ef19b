/* check_aggregate.c - expectations about one figure of a column: extremes,
 * mean, median, deviation, sum, distinct and non-missing shares. */
#include <math.h>
#include "expect/check.h"

static int32_t about(struct dr_eval *e, const struct dr_value *v, const char *what, bool masked,
                     struct dr_err *err)
{
    const struct dr_source *s = e->columns[0];
    const char *noun = dr_arena_printf(e->arena, "%s of %s", what, s->name);
    struct dr_view *view = dr_plan_view(e->plan, e->columns[0], e->domain);
    if (view->n_refused) { /* never passed over in silence */
        struct dr_node *details = dr_node_new(e->arena, DR_NODE_MAP);
        dr_node_set(e->arena, details, DR_LIT("unreadable_count"),
                    dr_node_new_int(e->arena, view->n_refused));
        dr_eval_set(e, "details", details);
        noun = dr_arena_printf(e->arena, "%s (without %lld that %s not of its type)", noun,
                               (long long)view->n_refused, view->n_refused == 1 ? "is" : "are");
    }
    return dr_eval_between(e, masked ? s : NULL, v, noun, err);
}

static int32_t need_numbers(const struct dr_eval *e, const char *what, struct dr_err *err)
{
    const struct dr_source *s = e->columns[0];
    if (s->class == DR_CLASS_NUMBER || s->class == DR_CLASS_EMPTY)
        return DR_OK;
    return dr_fail(
        err, DR_EINPUT,
        "TypeError: could not convert the values to numeric: column '%s' holds %s, which have no %s%s%s%s",
        s->name, dr_class_name(s->class), what,
        s->class == DR_CLASS_TIME ? "" : "; declare its type in the suite (columns: {",
        s->class == DR_CLASS_TIME ? "" : s->name, s->class == DR_CLASS_TIME ? "" : ": {type: float64}})");
}

/* ---- extremes ---- */

static int32_t extreme(struct dr_eval *e, bool largest, struct dr_err *err)
{
    struct dr_view *v = dr_plan_view(e->plan, e->columns[0], e->domain);
    struct dr_value min = { 0 }, max = { 0 };
    if (v->source->class == DR_CLASS_MIXED)
        return dr_fail(err, DR_EINPUT,
                       "TypeError: '>=' not supported between text and numbers: column '%s' holds both",
                       v->source->name);
    bool any = dr_view_extremes(e->plan, v, &min, &max);
    return about(e, any ? (largest ? &max : &min) : NULL, largest ? "largest value" : "smallest value", true,
                 err);
}

static int32_t column_min(struct dr_eval *e, struct dr_err *err)
{
    return extreme(e, false, err);
}

static int32_t column_max(struct dr_eval *e, struct dr_err *err)
{
    return extreme(e, true, err);
}

/* ---- moments ---- */

/* Times add up to more than 64 bits hold. */
static struct dr_value mean_time(const struct dr_view *v)
{
    const struct dr_source *s = v->source;
    struct dr_value m = { .kind = DR_VALUE_TIME, .zoned = s->zoned };
    __extension__ __int128 sum = 0;
    int32_t hint = 0;
    for (int64_t r = dr_rows_next(v->rows, s->rows, 0); r >= 0; r = dr_rows_next(v->rows, s->rows, r + 1))
        sum += dr_source_value(s, r, &hint).i;
    m.i = v->n ? (int64_t)(sum / v->n) : 0;
    return m;
}

static int32_t mean(struct dr_eval *e, struct dr_err *err)
{
    struct dr_view *v = dr_plan_view(e->plan, e->columns[0], e->domain);
    if (v->source->class == DR_CLASS_TIME) {
        struct dr_value m = mean_time(v);
        return about(e, v->n ? &m : NULL, "mean", true, err);
    }
    DR_TRY(need_numbers(e, "mean", err));
    if (v->n)
        dr_view_moments(e->plan, v);
    struct dr_value m = dr_value_of_float(v->mean);
    return about(e, v->n ? &m : NULL, "mean", false, err);
}

static int32_t sum(struct dr_eval *e, struct dr_err *err)
{
    struct dr_view *v = dr_plan_view(e->plan, e->columns[0], e->domain);
    struct dr_value zero = dr_value_of_int(0);
    DR_TRY(need_numbers(e, "sum", err));
    if (v->source->class != DR_CLASS_EMPTY)
        dr_view_moments(e->plan, v);
    return about(e, v->source->class == DR_CLASS_EMPTY ? &zero : &v->exact_sum, "sum", false, err);
}

static int32_t stdev(struct dr_eval *e, struct dr_err *err)
{
    struct dr_view *v = dr_plan_view(e->plan, e->columns[0], e->domain);
    DR_TRY(need_numbers(e, "standard deviation", err));
    if (v->n > 1)
        dr_view_moments(e->plan, v);
    struct dr_value sd = dr_value_of_float(v->n > 1 ? sqrt(v->m2 / (double)(v->n - 1)) : 0);
    return about(e, v->n > 1 ? &sd : NULL, "standard deviation", false, err);
}

static int32_t median(struct dr_eval *e, struct dr_err *err)
{
    struct dr_view *v = dr_plan_view(e->plan, e->columns[0], e->domain);
    struct dr_value m = { 0 };
    if (v->source->class != DR_CLASS_TIME)
        DR_TRY(need_numbers(e, "median", err));
    if (v->n) {
        struct dr_value low = dr_view_nth(e->plan, v, (v->n - 1) / 2),
                        high = dr_view_nth(e->plan, v, v->n / 2);
        m = v->source->class == DR_CLASS_NUMBER ? dr_value_of_float((low.f + high.f) / 2) : low;
        if (v->source->class == DR_CLASS_TIME)
            m.i = low.i + (high.i - low.i) / 2;
    }
    return about(e, v->n ? &m : NULL, "median", true, err);
}

/* ---- shares ---- */

static int32_t unique_count(struct dr_eval *e, struct dr_err *err)
{
    struct dr_view *v = dr_plan_view(e->plan, e->columns[0], e->domain);
    struct dr_value n = dr_value_of_int(dr_view_count_distinct(e->plan, v));
    return about(e, &n, "number of distinct values", false, err);
}

static int32_t unique_share(struct dr_eval *e, struct dr_err *err)
{
    struct dr_view *v = dr_plan_view(e->plan, e->columns[0], e->domain);
    int64_t n = v->n + v->n_refused;
    double found = (double)dr_view_count_distinct(e->plan, v);
    struct dr_value share = dr_value_of_float(n ? found / (double)n : 0);
    return about(e, &share, "share of distinct values", false, err);
}

static int32_t non_null_share(struct dr_eval *e, struct dr_err *err)
{
    struct dr_view *v = dr_plan_view(e->plan, e->columns[0], e->domain);
    int64_t n = e->domain->n;
    struct dr_value share = dr_value_of_float(n ? (double)(v->n + v->n_refused) / (double)n : 0);
    return about(e, n ? &share : NULL, "share of rows with a value", false, err);
}

/* ---- declarations ---- */

static const struct dr_expect_arg range_args[] = {
    DR_ARG_COLUMN,
    DR_ARG_RANGE("The smallest figure allowed.", "The largest figure allowed."),
    { "parse_strings_as_datetimes", "boolean", "false",
      "Read a column of text as dates and times, as dateutil does. Better: declare its type in the suite.",
      false },
    DR_ARG_CONDITION,
    DR_ARG_FORMAT
};
static const struct dr_expect_arg share_args[] = {
    DR_ARG_COLUMN,
    { "min_value", "share", NULL, "The smallest share allowed, 0 to 1.", false },
    { "max_value", "share", NULL, "The largest share allowed, 0 to 1.", false },
    { "strict_min", "boolean", "false", "The smallest share itself is not allowed.", false },
    { "strict_max", "boolean", "false", "The largest share itself is not allowed.", false },
    DR_ARG_CONDITION,
    DR_ARG_FORMAT
};
#define EMPTY_DOC                                                                                            \
    "Missing values are left out; where there is none left, the check fails and observed_value is null. "
#define FIGURE(type, what, more, example, fn, arguments)                                                     \
    {                                                                                                        \
        .info = { type, "column_aggregate", what " lies in a range.", more, example, DR_ARGS(arguments) },   \
        .domain = DR_ON_COLUMN, .measure = fn                                                                \
    }

static const struct dr_check_type types[] = {
    FIGURE("expect_column_min_to_be_between", "The smallest value",
           EMPTY_DOC "Text is compared by bytes, and as dates or times where a bound is one.",
           "expect_column_min_to_be_between: {column: value, min_value: 0}", column_min, range_args),
    FIGURE("expect_column_max_to_be_between", "The largest value",
           EMPTY_DOC "Text is compared by bytes, and as dates or times where a bound is one.",
           "expect_column_max_to_be_between: {column: measurement_date, max_value: 2024-12-31}", column_max,
           range_args),
    FIGURE("expect_column_mean_to_be_between", "The mean",
           EMPTY_DOC "The mean of dates or times is a time. Text is an error: Great Expectations on SQL "
                     "databases takes it for 0.",
           "expect_column_mean_to_be_between: {column: value, min_value: 60, max_value: 100}", mean,
           range_args),
    FIGURE("expect_column_median_to_be_between", "The median",
           EMPTY_DOC "The mean of the middle two where their number is even.",
           "expect_column_median_to_be_between: {column: value, min_value: 60, max_value: 100}", median,
           range_args),
    FIGURE("expect_column_stdev_to_be_between", "The standard deviation",
           EMPTY_DOC "That of a sample (n - 1).",
           "expect_column_stdev_to_be_between: {column: value, max_value: 40}", stdev, range_args),
    FIGURE("expect_column_sum_to_be_between", "The sum",
           "Missing values are left out; the sum of nothing is 0.",
           "expect_column_sum_to_be_between: {column: doses, min_value: 1}", sum, range_args),
    FIGURE("expect_column_unique_value_count_to_be_between", "The number of distinct values",
           "Missing values do not count.",
           "expect_column_unique_value_count_to_be_between: {column: hospital_id, min_value: 3}",
           unique_count, range_args),
    FIGURE("expect_column_proportion_of_unique_values_to_be_between", "The share of distinct values",
           "Distinct values divided by values; missing ones do not count.",
           "expect_column_proportion_of_unique_values_to_be_between: {column: patient_id, min_value: 0.1}",
           unique_share, share_args),
    FIGURE("expect_column_proportion_of_non_null_values_to_be_between", "The share of rows with a value",
           NULL, "expect_column_proportion_of_non_null_values_to_be_between: {column: unit, min_value: 0.95}",
           non_null_share, share_args),
};
const struct dr_check_group dr_checks_aggregate = { types, (int32_t)(sizeof types / sizeof types[0]) };
