/* check_distribution.c - expectations about the distribution of a column:
 * quantiles, and the divergence from an expected partition. */
#include <math.h>
#include "base/num.h"
#include "expect/check.h"

/* ---- quantiles ---- */

/* How a rank between two values is read, by pandas' names. */
enum interpolation { NEAREST, LINEAR, LOWER, HIGHER, MIDPOINT };

static int32_t interpolation_of(const struct dr_eval *e, enum interpolation *ret, struct dr_err *err)
{
    static const char *const names[] = { "nearest", "linear", "lower", "higher", "midpoint" };
    const struct dr_node *n = dr_eval_arg(e, "allow_relative_error");
    *ret = NEAREST;
    if (!n || (dr_node_kind(n) == DR_NODE_BOOL && !n->i))
        return DR_OK;
    for (int k = 0; k < 5; k++)
        if (dr_streq(dr_node_str(n, ""), names[k])) {
            *ret = (enum interpolation)k;
            return DR_OK;
        }
    return dr_fail(err, DR_EDEF,
                   "allow_relative_error must be false, linear, lower, higher, midpoint or nearest");
}

static struct dr_value mix(const struct dr_value *low, const struct dr_value *high, double share)
{
    if (dr_value_equal(low, high))
        return *low;
    if (dr_value_is_number(low))
        return dr_value_of_float(low->f + (high->f - low->f) * share);
    struct dr_value v = *low;
    v.i += (int64_t)((double)(high->i - low->i) * share);
    return v;
}

/* The value of rank q; NEAREST takes halves to the even rank, as numpy does. */
static struct dr_value quantile(struct dr_plan *p, struct dr_view *v, double q, enum interpolation how)
{
    double at = q * (double)(v->n - 1);
    if (how == NEAREST)
        return dr_view_nth(p, v, (int64_t)nearbyint(at));
    struct dr_value low = dr_view_nth(p, v, (int64_t)floor(at)), high = dr_view_nth(p, v, (int64_t)ceil(at));
    switch (how) {
    case LOWER:
        return low;
    case HIGHER:
        return high;
    case MIDPOINT:
        return mix(&low, &high, 0.5);
    default:
        return mix(&low, &high, at - floor(at));
    }
}

static bool bound_of(const struct dr_node *n, struct dr_value *ret)
{
    *ret = dr_value_of_node(n);
    (void)dr_value_to_time(ret);
    return ret->kind != DR_VALUE_NULL;
}

static bool quantile_fits(const struct dr_value *v, const struct dr_node *range)
{
    struct dr_range r = { 0 };
    bool comparable;
    r.has_min = bound_of(dr_node_at(range, 0), &r.min);
    r.has_max = bound_of(dr_node_at(range, 1), &r.max);
    return dr_range_holds(&r, v, &comparable);
}

/* Null, a number, or the text of a date or time. */
static bool is_limit(const struct dr_node *n)
{
    struct dr_value v = dr_value_of_node(n);
    return dr_node_kind(n) == DR_NODE_NULL || dr_value_is_number(&v) || dr_value_to_time(&v);
}

static int32_t check_ranges(const struct dr_node *quantiles, const struct dr_node *ranges, struct dr_err *err)
{
    if (dr_node_kind(quantiles) != DR_NODE_LIST || dr_node_kind(ranges) != DR_NODE_LIST)
        return dr_fail(err, DR_EDEF, "quantile_ranges: the lists quantiles and value_ranges: field required");
    if (quantiles->n != ranges->n)
        return dr_fail(err, DR_EDEF, "quantile_values and quantiles must have the same number of elements");
    for (int32_t i = 0; i < ranges->n; i++) {
        double q = dr_node_float(quantiles->items[i], -1);
        const struct dr_node *r = ranges->items[i], *low = dr_node_at(r, 0), *high = dr_node_at(r, 1);
        bool pair = dr_node_kind(r) == DR_NODE_LIST && r->n == 2;
        bool both = pair && dr_node_kind(low) != DR_NODE_NULL && dr_node_kind(high) != DR_NODE_NULL;
        if (pair && (!is_limit(low) || !is_limit(high)))
            return dr_fail(
                err, DR_EDEF,
                "quantile_ranges: value_ranges: value is not a valid float: numbers, dates or null "
                "expected");
        if (!pair || (both && dr_node_float(low, 0) > dr_node_float(high, 0)))
            return dr_fail(err, DR_EDEF, "quantile_ranges must consist of ordered pairs");
        if (!(q >= 0 && q <= 1))
            return dr_fail(err, DR_EDEF, "ValueError: quantiles must lie between 0 and 1");
    }
    return DR_OK;
}

static void put_quantiles(struct dr_eval *e, const struct dr_node *quantiles, struct dr_node *values,
                          struct dr_node *fits)
{
    struct dr_node *observed = dr_node_new(e->arena, DR_NODE_MAP),
                   *details = dr_node_new(e->arena, DR_NODE_MAP);
    struct dr_node *asked = dr_node_new(e->arena, DR_NODE_LIST);
    for (int32_t i = 0; i < quantiles->n; i++)
        dr_node_add(e->arena, asked, dr_node_new_float(e->arena, quantiles->items[i]->f));
    dr_node_set(e->arena, observed, DR_LIT("quantiles"), asked);
    dr_node_set(e->arena, observed, DR_LIT("values"), values);
    dr_node_set(e->arena, details, DR_LIT("success_details"), fits);
    dr_eval_observe(e, observed);
    dr_eval_set(e, "details", details);
}

static int32_t quantiles_between(struct dr_eval *e, struct dr_err *err)
{
    const struct dr_node *arg = dr_eval_arg(e, "quantile_ranges");
    const struct dr_node *quantiles = dr_node_get(arg, "quantiles"),
                         *ranges = dr_node_get(arg, "value_ranges");
    struct dr_view *v = dr_plan_view(e->plan, e->columns[0], e->domain);
    struct dr_node *values = dr_node_new(e->arena, DR_NODE_LIST), *fits = dr_node_new(e->arena, DR_NODE_LIST);
    enum interpolation how;
    int64_t bad = 0;
    DR_TRY(check_ranges(quantiles, ranges, err));
    DR_TRY(interpolation_of(e, &how, err));
    if (v->source->class == DR_CLASS_TEXT || v->source->class == DR_CLASS_MIXED)
        return dr_fail(
            err, DR_EINPUT,
            "TypeError: column '%s' holds %s, which have no quantiles; declare its type in the suite",
            v->source->name, dr_class_name(v->source->class));
    for (int32_t i = 0; i < quantiles->n; i++) {
        struct dr_value q = v->n ? quantile(e->plan, v, quantiles->items[i]->f, how) : (struct dr_value){ 0 };
        bool fit = quantile_fits(&q, ranges->items[i]);
        bad += !fit;
        dr_node_add(e->arena, values, dr_eval_value(e, v->source, &q));
        dr_node_add(e->arena, fits, dr_node_new_bool(e->arena, fit));
    }
    put_quantiles(e, quantiles, values, fits);
    e->check->success = bad == 0;
    if (bad)
        dr_eval_say(e, "%lld of %d quantiles of %s lie%s outside their ranges", (long long)bad, quantiles->n,
                    v->source->name, bad == 1 ? "s" : "");
    else
        dr_eval_say(e, "All quantiles of %s lie within their ranges", v->source->name);
    return DR_OK;
}

/* ---- Kullback-Leibler divergence ----
 *
 * Both distributions are brought to one list of cells (values, or bins with a
 * tail below and above), normalised, and compared as sum p ln(p / q). Holdouts
 * move a little of the expected weight to cells that it leaves empty. */

struct cells {
    double *p, *q; /* observed, expected */
    int64_t n;
};

/* NAN or infinite where an observed cell was expected to be empty. */
static double divergence(const struct cells *c)
{
    double sum_p = 0, sum_q = 0, kl = 0;
    for (int64_t i = 0; i < c->n; i++) {
        sum_p += c->p[i];
        sum_q += c->q[i];
    }
    for (int64_t i = 0; i < c->n; i++) {
        double p = c->p[i] / sum_p, q = c->q[i] / sum_q;
        if (p > 0)
            kl += q > 0 ? p * log(p / q) : INFINITY;
        else if (isnan(p) || isnan(q))
            kl = NAN;
    }
    return kl;
}

static struct dr_node *float_list(struct dr_eval *e, const double *v, int64_t n)
{
    struct dr_node *list = dr_node_new(e->arena, DR_NODE_LIST);
    for (int64_t i = 0; i < n; i++)
        dr_node_add(e->arena, list, dr_node_new_float(e->arena, v[i]));
    return list;
}

static void conclude(struct dr_eval *e, double kl, struct dr_node *observed, struct dr_node *expected)
{
    struct dr_node *details = dr_node_new(e->arena, DR_NODE_MAP);
    const struct dr_node *threshold = dr_eval_arg(e, "threshold");
    double limit = dr_eval_number(e, "threshold", 0);
    char text[2][DR_F64_TEXT];
    dr_format_f64(kl, text[0]);
    dr_format_f64(limit, text[1]);
    dr_eval_observe(e, isfinite(kl) ? dr_node_new_float(e->arena, kl) : dr_node_new(e->arena, DR_NODE_NULL));
    dr_node_set(e->arena, details, DR_LIT("observed_partition"), observed);
    dr_node_set(e->arena, details, DR_LIT("expected_partition"), expected);
    dr_eval_set(e, "details", details);
    e->check->success = !threshold || kl <= limit;
    dr_eval_say(e,
                "The distribution of %s diverges from the expected one by %s (Kullback-Leibler); at most %s "
                "is allowed",
                e->columns[0]->name, isfinite(kl) ? text[0] : "infinity", threshold ? text[1] : "any amount");
}

/* ---- by value ---- */

/* The values expected, as the partition has them, then the others observed, in order. */
struct categories {
    struct dr_value_count *v; /* count: index into the weights, or -1 */
    int64_t n;
};

static struct categories all_values(struct dr_eval *e, const struct dr_view *v, const struct dr_node *values)
{
    struct categories c = { 0 };
    struct dr_value_set set;
    c.v = dr_arena_array(&e->plan->scratch, (size_t)(v->n_distinct + values->n) + 1, sizeof *c.v);
    dr_value_set_init(&set, &e->plan->scratch, values, v->source->class);
    for (int32_t i = 0; i < set.n; i++)
        c.v[c.n++] = (struct dr_value_count){ set.items[i], i };
    for (int64_t i = 0; i < v->n_distinct; i++)
        if (!dr_value_set_has(&set, &v->distinct[i].value))
            c.v[c.n++] = (struct dr_value_count){ v->distinct[i].value, -1 };
    dr_value_set_done(&set);
    return c;
}

static double observed_share(const struct dr_view *v, const struct dr_value *value)
{
    return (double)dr_view_count_of(v, value) / (double)(v->n + v->n_refused);
}

static int32_t by_value(struct dr_eval *e, struct dr_view *v, const struct dr_node *part, double tail)
{
    const struct dr_node *weights = dr_node_get(part, "weights");
    dr_view_distinct(e->plan, v);
    struct categories all = all_values(e, v, dr_node_get(part, "values"));
    struct cells c = { dr_arena_array(&e->plan->scratch, (size_t)all.n + 1, sizeof(double)),
                       dr_arena_array(&e->plan->scratch, (size_t)all.n + 1, sizeof(double)), all.n };
    struct dr_node *names = dr_node_new(e->arena, DR_NODE_LIST);
    int64_t beyond = 0;
    for (int64_t i = 0; i < all.n; i++)
        beyond += all.v[i].count < 0;
    for (int64_t i = 0; i < all.n; i++) {
        double scale = beyond ? 1 - tail : 1;
        c.p[i] = observed_share(v, &all.v[i].value);
        c.q[i] = all.v[i].count < 0 ? tail / (double)beyond : weights->items[all.v[i].count]->f * scale;
        dr_node_add(e->arena, names, dr_eval_value(e, v->source, &all.v[i].value));
    }
    struct dr_node *sides[2];
    for (int k = 0; k < 2; k++) {
        sides[k] = dr_node_new(e->arena, DR_NODE_MAP);
        dr_node_set(e->arena, sides[k], DR_LIT("values"), names);
        dr_node_set(e->arena, sides[k], DR_LIT("weights"), float_list(e, k ? c.q : c.p, c.n));
    }
    conclude(e, divergence(&c), sides[0], sides[1]);
    return DR_OK;
}

/* ---- by bin ---- */

/* First sorted value not below x, or, above, not at or below it. */
static int64_t rank_of(const struct dr_view *v, double x, bool above)
{
    int64_t lo = 0, hi = v->n;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        double f = dr_view_sorted_value(v, mid).f;
        if (above ? f <= x : f < x)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Cells are: below, each bin, above. Bins hold their lower edge, the last one
 * its upper edge too. */
static void observe_bins(const struct dr_view *v, const struct dr_node *bins, double *p)
{
    int32_t n = bins->n - 1;
    int64_t from = rank_of(v, bins->items[0]->f, false);
    p[0] = (double)from / (double)v->n;
    for (int32_t i = 0; i < n; i++) {
        int64_t to = rank_of(v, bins->items[i + 1]->f, i == n - 1);
        p[i + 1] = (double)(to - from) / (double)v->n;
        from = to;
    }
    p[n + 1] = (double)(v->n - from) / (double)v->n;
}

static void expect_bins(const struct dr_node *part, double tail, double internal, double *q)
{
    const struct dr_node *weights = dr_node_get(part, "weights"), *tails = dr_node_get(part, "tail_weights");
    int32_t n = weights->n, zeros = 0;
    for (int32_t i = 0; i < n; i++) {
        q[i + 1] = weights->items[i]->f * (1 - tail - internal);
        zeros += q[i + 1] == 0;
    }
    for (int32_t i = 0; i < n; i++)
        if (q[i + 1] == 0 && internal > 0)
            q[i + 1] = internal / zeros;
    q[0] = tails ? tails->items[0]->f : tail / 2;
    q[n + 1] = tails ? tails->items[1]->f : tail / 2;
}

static struct dr_node *bins_side(struct dr_eval *e, const struct dr_node *bins, bool low, bool high,
                                 const double *w)
{
    struct dr_node *side = dr_node_new(e->arena, DR_NODE_MAP), *edges = dr_node_new(e->arena, DR_NODE_LIST);
    int32_t n = bins->n - 1;
    double tails[2] = { low ? w[1] : w[0], high ? w[n] : w[n + 1] };
    for (int32_t i = low; i < bins->n - high; i++)
        dr_node_add(e->arena, edges, dr_node_new_float(e->arena, bins->items[i]->f));
    dr_node_set(e->arena, side, DR_LIT("bins"), edges);
    dr_node_set(e->arena, side, DR_LIT("weights"), float_list(e, w + 1 + low, n - low - high));
    dr_node_set(e->arena, side, DR_LIT("tail_weights"), float_list(e, tails, 2));
    return side;
}

static int32_t check_tails(const struct dr_node *part, bool low, bool high, double tail, struct dr_err *err)
{
    if (low && high && tail > 0)
        return dr_fail(
            err, DR_EDEF,
            "ValueError: tail_weight_holdout cannot be used for partitions with infinite endpoints");
    if (tail > 0 && dr_node_get(part, "tail_weights"))
        return dr_fail(
            err, DR_EDEF,
            "ValueError: tail_weight_holdout must be 0 when using tail_weights in partition object");
    if ((low || high) && dr_node_get(part, "tail_weights"))
        return dr_fail(err, DR_EDEF,
                       "ValueError: tail_weights cannot be given for a partition with an infinite endpoint");
    return DR_OK;
}

static int32_t by_bin(struct dr_eval *e, struct dr_view *v, const struct dr_node *part, double tail,
                      double internal, struct dr_err *err)
{
    const struct dr_node *bins = dr_node_get(part, "bins");
    int64_t n = bins->n - 1;
    bool low = isinf(bins->items[0]->f), high = isinf(bins->items[n]->f);
    double *p = dr_arena_array(&e->plan->scratch, (size_t)n + 2, sizeof *p);
    double *q = dr_arena_array(&e->plan->scratch, (size_t)n + 2, sizeof *q);
    DR_TRY(check_tails(part, low, high, tail, err));
    if (v->source->class != DR_CLASS_NUMBER && v->source->class != DR_CLASS_EMPTY)
        return dr_fail(err, DR_EINPUT, "TypeError: column '%s' holds %s, and bins take numbers",
                       v->source->name, dr_class_name(v->source->class));
    if (v->n == 0 && !(low && high))
        return dr_fail(err, DR_EINPUT, "ZeroDivisionError: column '%s' holds no value to compare",
                       v->source->name);
    if (v->n)
        dr_view_sort(e->plan, v);
    observe_bins(v, bins, p);
    expect_bins(part, tail, internal, q);
    /* Where only one end is infinite, the whole holdout stands at the other. */
    if (low)
        q[0] = 0;
    if (high)
        q[n + 1] = 0;
    if (low && !high)
        q[n + 1] = tail;
    if (high && !low)
        q[0] = tail;
    struct cells c = { p, q, n + 2 };
    conclude(e, divergence(&c), bins_side(e, bins, low, high, p), bins_side(e, bins, low, high, q));
    return DR_OK;
}

static int32_t kl_divergence(struct dr_eval *e, struct dr_err *err)
{
    const struct dr_node *part = dr_eval_arg(e, "partition_object");
    struct dr_view *v = dr_plan_view(e->plan, e->columns[0], e->domain);
    double tail = dr_eval_number(e, "tail_weight_holdout", 0),
           internal = dr_eval_number(e, "internal_weight_holdout", 0);
    DR_TRY(dr_partition_check(part, false, err));
    if (dr_eval_number(e, "threshold", 0) < 0)
        return dr_fail(err, DR_EDEF,
                       "ValueError: Threshold must be specified, greater than or equal to zero.");
    if (!dr_node_get(part, "values") && !dr_eval_flag(e, "bucketize_data", true))
        return dr_fail(
            err, DR_EDEF,
            "ValueError: KL Divergence cannot be computed with a continuous partition object and the "
            "bucketize_data parameter set to false.");
    if (!dr_node_get(part, "values"))
        return by_bin(e, v, part, tail, internal, err);
    if (internal > 0)
        return dr_fail(err, DR_EDEF, "ValueError: Internal weight holdout cannot be used for discrete data.");
    return by_value(e, v, part, tail);
}

/* ---- declarations ---- */

static const struct dr_expect_arg quantile_args[] = {
    DR_ARG_COLUMN,
    { "quantile_ranges", "map", NULL,
      "quantiles, a list of numbers from 0 to 1, and value_ranges, a list of [min, max] "
      "with null for no limit.",
      true },
    { "allow_relative_error", "any", "nearest",
      "What stands for a rank between two values: nearest, linear, lower, higher or midpoint.", false },
    DR_ARG_CONDITION,
    DR_ARG_FORMAT
};
static const struct dr_expect_arg kl_args[] = {
    DR_ARG_COLUMN,
    { "partition_object", "map", NULL,
      "The expected distribution: weights with values, or with bins and perhaps "
      "tail_weights. Bins may start at -Infinity and end at Infinity.",
      true },
    { "threshold", "number", NULL, "The largest divergence allowed; null allows any.", false },
    { "tail_weight_holdout", "fraction", "0",
      "Expected weight moved to values or tails beyond the partition.", false },
    { "internal_weight_holdout", "fraction", "0", "Expected weight moved to bins of weight 0.", false },
    { "bucketize_data", "boolean", "true",
      "Values are put into bins; false is an error where bins are given.", false },
    DR_ARG_CONDITION,
    DR_ARG_FORMAT
};

static const struct dr_check_type types[] = {
    { .info = { "expect_column_quantile_values_to_be_between", "column_aggregate", "Quantiles lie in ranges.",
                "A quantile is the value whose rank is nearest; halves go to the even rank. "
                "allow_relative_error has "
                "the name that Great Expectations gives it; quantiles are exact.",
                "expect_column_quantile_values_to_be_between: {column: value, quantile_ranges: {quantiles: "
                "[0.5], "
                "value_ranges: [[60, 100]]}}",
                DR_ARGS(quantile_args) },
      .domain = DR_ON_COLUMN,
      .measure = quantiles_between },
    { .info = { "expect_column_kl_divergence_to_be_less_than", "column_aggregate",
                "The distribution is close to an expected one.",
                "The Kullback-Leibler divergence of the observed from the expected distribution, in nats. It "
                "is infinite, "
                "and observed_value null, where something occurs that was not expected at all.",
                "expect_column_kl_divergence_to_be_less_than: {column: sex, partition_object: {values: [f, "
                "m], weights: "
                "[0.5, 0.5]}, threshold: 0.1}",
                DR_ARGS(kl_args) },
      .domain = DR_ON_COLUMN,
      .measure = kl_divergence },
};
const struct dr_check_group dr_checks_distribution = { types, (int32_t)(sizeof types / sizeof types[0]) };
