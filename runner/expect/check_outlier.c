/* check_outlier.c - values that lie far from the others, by measures that a few of
 * them cannot move.
 *
 * iqr: Tukey's fences (1977), the quartiles widened by threshold times their
 * distance; quartiles are linear between order statistics (type 7 of Hyndman
 * and Fan). mad: the modified z-score of Iglewicz and Hoaglin (1993),
 * 0.6745 (x - median) / MAD; where more than half of the values are equal, so that MAD
 * is 0, the mean absolute deviation takes its place, with their factor 1.253314. */
#include <math.h>
#include "expect/check.h"

#define IQR_DEFAULT 1.5
#define MAD_DEFAULT 3.5

struct fences {
    double low, high;
};

static double linear_quantile(struct dr_plan *p, struct dr_view *v, double q)
{
    double at = q * (double)(v->n - 1), below = floor(at);
    struct dr_value low = dr_view_nth(p, v, (int64_t)below), high = dr_view_nth(p, v, (int64_t)ceil(at));
    return low.f + (high.f - low.f) * (at - below);
}

static struct fences by_iqr(struct dr_eval *e, struct dr_view *v, double threshold)
{
    double q1 = linear_quantile(e->plan, v, 0.25), q3 = linear_quantile(e->plan, v, 0.75);
    return (struct fences){ q1 - threshold * (q3 - q1), q3 + threshold * (q3 - q1) };
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median and the mean of the distances from the median. */
static void distances(const struct dr_view *v, double median, double *ret_median, double *ret_mean)
{
    double *d = dr_malloc((size_t)v->n * sizeof *d), sum = 0;
    int64_t n = 0, rows = v->source->rows;
    int32_t hint = 0;
    for (int64_t r = dr_rows_next(v->rows, rows, 0); r >= 0; r = dr_rows_next(v->rows, rows, r + 1)) {
        d[n] = fabs(dr_source_value(v->source, r, &hint).f - median);
        sum += d[n++];
    }
    qsort(d, (size_t)n, sizeof *d, by_size);
    *ret_median = (d[(n - 1) / 2] + d[n / 2]) / 2;
    *ret_mean = sum / (double)n;
    free(d);
}

static struct fences by_mad(struct dr_eval *e, struct dr_view *v, double threshold)
{
    double median = linear_quantile(e->plan, v, 0.5), mad, mean;
    distances(v, median, &mad, &mean);
    double reach = threshold * (mad > 0 ? mad / 0.6745 : 1.253314 * mean);
    return (struct fences){ median - reach, median + reach };
}

static bool is_mad(const struct dr_eval *e)
{
    return dr_streq(dr_eval_text(e, "method", "iqr"), "mad");
}

static double threshold_of(const struct dr_eval *e)
{
    return dr_eval_number(e, "threshold", is_mad(e) ? MAD_DEFAULT : IQR_DEFAULT);
}

static void put_fences(struct dr_eval *e, struct fences f)
{
    struct dr_node *details = dr_node_new(e->arena, DR_NODE_MAP);
    struct dr_value low = dr_value_of_float(f.low), high = dr_value_of_float(f.high);
    dr_node_set(e->arena, details, DR_LIT("lower_fence"), dr_eval_value(e, e->columns[0], &low));
    dr_node_set(e->arena, details, DR_LIT("upper_fence"), dr_eval_value(e, e->columns[0], &high));
    dr_eval_set(e, "details", details);
}

static int32_t outliers(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    struct dr_source *s = e->columns[0];
    struct dr_view *v = dr_plan_view(e->plan, s, e->domain);
    double threshold = threshold_of(e);
    if (s->class != DR_CLASS_NUMBER && s->class != DR_CLASS_EMPTY)
        return dr_fail(err, DR_EINPUT,
                       "TypeError: column '%s' holds %s, not numbers; declare its type in the suite", s->name,
                       dr_class_name(s->class));
    if (!(threshold > 0))
        return dr_fail(err, DR_EDEF, "threshold: ensure this value is greater than 0");
    if (v->n == 0)
        return DR_OK;
    struct fences f = is_mad(e) ? by_mad(e, v, threshold) : by_iqr(e, v, threshold);
    struct dr_range r = {
        .has_min = true, .has_max = true, .min = dr_value_of_float(f.low), .max = dr_value_of_float(f.high)
    };
    put_fences(e, f);
    DR_TRY(dr_scan_range(e->plan, s, &r, unexpected, err));
    dr_rows_not(unexpected, e->plan->table->rows);
    return DR_OK;
}

static void say_outliers(const struct dr_eval *e, enum dr_say how, struct dr_buf *out)
{
    const char *verb = how == DR_SAY_ONE ? "lies" : "lie";
    bool bad = e->check->unexpected_count > 0;
    if (is_mad(e))
        (void)dr_buf_printf(out, "%s %s %g robust deviations (MAD) from the median", verb,
                            bad ? "more than" : "at most", threshold_of(e));
    else
        (void)dr_buf_printf(out, "%s %s %g times the interquartile range beyond the quartiles", verb,
                            bad ? "more than" : "at most", threshold_of(e));
}

static const struct dr_expect_arg outlier_args[] = {
    DR_ARG_COLUMN,
    { "method", "choice iqr|mad", "iqr", "Tukey's fences, or the median absolute deviation.", false },
    { "threshold", "number", NULL,
      "How far is too far: times the interquartile range (1.5 without it), or robust deviations (3.5).",
      false },
    DR_ARG_MOSTLY,
    DR_ARG_CONDITION,
    DR_ARG_FORMAT
};

static const struct dr_check_type types[] = {
    { .info = { "expect_column_values_to_not_be_outliers", "column_map",
                "No value lies far from the others, by IQR or MAD.",
                "The fences are worked out from the values of the column itself (details.lower_fence and "
                "upper_fence). iqr is Tukey's rule; mad the modified z-score of Iglewicz and Hoaglin (1993). "
                "A few "
                "wild values move neither, which is what sets them apart from z-scores.",
                "expect_column_values_to_not_be_outliers: {column: value, method: mad, row_condition: "
                "'vital_type == \"heart_rate\"', mostly: 0.99}",
                DR_ARGS(outlier_args) },
      .domain = DR_ON_ROWS,
      .rows = outliers,
      .say = say_outliers },
};
const struct dr_check_group dr_checks_outlier = { types, (int32_t)(sizeof types / sizeof types[0]) };
