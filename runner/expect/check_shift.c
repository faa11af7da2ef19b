/* check_shift.c - whether the distribution of a column moved away from a reference:
 * another table's column, a given one, or that of the last good run.
 *
 * PSI: sum of (p - q) ln(p / q) over cells, shares of 0 taken as 0.0001 (Siddiqi
 * 2006; below 0.1 little moved, above 0.25 much). Numbers and times are cut at the
 * deciles of the reference, text has a cell for each value.
 *
 * KS: the largest distance D between the two empirical distributions. Its
 * p-value is Kolmogorov's asymptotic series 2 sum (-1)^(j-1) exp(-2 j^2 x^2) at
 * x = (sqrt(n) + 0.12 + 0.11 / sqrt(n)) D, n = n1 n2 / (n1 + n2): Stephens (1970), as in
 * Press et al., Numerical Recipes, 14.3. It is good from n about 4 on.
 *
 * For the next run a result holds its own cells (details.partition) or 201
 * quantiles (details.sample), which moves D by at most 1/400. */
#include <math.h>
#include "expect/check.h"

#define CELLS 10
#define SAMPLE 201
#define VALUES_MAX 1000 /* distinct texts that a partition may have */
#define LEAST_SHARE 1e-4

/* ---- the reference ---- */

struct reference {
    struct dr_plan plan; /* of the other table */
    struct dr_suite suite;
    struct dr_suite_column declared;
    struct dr_expect_options options;
    struct dr_view *view; /* NULL: none */
};

static void reference_done(struct reference *r)
{
    if (r->plan.table)
        dr_plan_done(&r->plan);
}

/* The other table's column, read as this one's type. */
static int32_t open_reference(struct dr_eval *e, struct reference *r, struct dr_err *err)
{
    const struct dr_expect_options *o = e->plan->opts;
    const char *name = dr_eval_text(e, "other_table_name", NULL);
    const struct dr_table *t = name && o->other_table ? o->other_table(o->ctx, name) : NULL;
    const struct dr_domain *all;
    struct dr_source *s;
    if (!name)
        return DR_OK;
    if (!t)
        return dr_fail(err, DR_ENOTFOUND, "there is no table '%s' to compare with", name);
    r->declared =
        (struct dr_suite_column){ .name = dr_eval_text(e, "other_column", e->columns[0]->name),
                                  .type = e->columns[0]->declared ? e->columns[0]->declared->type : -1 };
    r->suite = (struct dr_suite){ .columns = &r->declared, .n_columns = 1 };
    r->plan = (struct dr_plan){ .arena = e->arena, .suite = &r->suite, .table = t, .opts = &r->options };
    DR_TRY(dr_plan_source(&r->plan, r->declared.name, &s, err));
    DR_TRY(dr_plan_domain(&r->plan, NULL, &all, err));
    if (s->class != e->columns[0]->class && s->class != DR_CLASS_EMPTY)
        return dr_fail(err, DR_EINPUT, "TypeError: column '%s' holds %s and that of '%s' %s",
                       e->columns[0]->name, dr_class_name(e->columns[0]->class), name,
                       dr_class_name(s->class));
    r->view = dr_plan_view(&r->plan, s, all);
    return DR_OK;
}

static double magnitude(const struct dr_value *v)
{
    return dr_value_is_time(v) ? (double)v->i : v->f;
}

static bool is_ordered(const struct dr_source *s)
{
    return s->class == DR_CLASS_NUMBER || s->class == DR_CLASS_TIME;
}

static int32_t check_column(const struct dr_eval *e, bool text_too, struct dr_err *err)
{
    const struct dr_source *s = e->columns[0];
    bool fits = is_ordered(s) || s->class == DR_CLASS_EMPTY || (text_too && s->class == DR_CLASS_TEXT);
    if (!fits)
        return dr_fail(err, DR_EINPUT,
                       "TypeError: column '%s' holds %s, which have no such distribution; "
                       "declare its type in the suite",
                       s->name, dr_class_name(s->class));
    if (s->sensitive && !dr_eval_arg(e, "other_table_name") && !dr_eval_arg(e, "partition_object"))
        return dr_fail(
            err, DR_EDEF,
            "column '%s' is sensitive: its distribution is not kept for the next run; name another "
            "table to compare with",
            s->name);
    return DR_OK;
}

/* ---- partitions: {"bins": [..], "weights": [..]} or {"values": [..], "weights": [..]} ---- */

static struct dr_node *new_partition(struct dr_arena *a, const char *cells, struct dr_node *list,
                                     struct dr_node *weights)
{
    struct dr_node *p = dr_node_new(a, DR_NODE_MAP);
    dr_node_set(a, p, dr_str_of(cells), list);
    dr_node_set(a, p, DR_LIT("weights"), weights);
    return p;
}

/* How many of the view's numbers or times are below x. */
static int64_t count_below(const struct dr_view *v, double x)
{
    int64_t low = 0, high = v->n;
    while (low < high) {
        int64_t mid = low + (high - low) / 2;
        struct dr_value at = dr_view_sorted_value(v, mid);
        if (magnitude(&at) < x)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Inner edges; the first and last cell are open. */
static struct dr_node *decile_edges(struct dr_arena *a, struct dr_plan *p, struct dr_view *v)
{
    struct dr_node *edges = dr_node_new(a, DR_NODE_LIST);
    double last = -INFINITY;
    dr_view_sort(p, v);
    for (int k = 1; k < CELLS; k++) {
        struct dr_value at = dr_view_sorted_value(v, v->n * k / CELLS);
        double x = magnitude(&at);
        if (x > last)
            dr_node_add(a, edges, dr_node_new_float(a, x));
        last = x;
    }
    return edges;
}

static struct dr_node *weights_by_edge(struct dr_arena *a, struct dr_plan *p, struct dr_view *v,
                                       const struct dr_node *edges)
{
    struct dr_node *weights = dr_node_new(a, DR_NODE_LIST);
    int64_t from = 0;
    if (v->n)
        dr_view_sort(p, v);
    for (int32_t k = 0; k <= edges->n; k++) {
        int64_t to = k < edges->n ? count_below(v, dr_partition_edge(edges, k)) : v->n;
        dr_node_add(a, weights, dr_node_new_float(a, v->n ? (double)(to - from) / (double)v->n : 0));
        from = to;
    }
    return weights;
}

static int32_t partition_of(struct dr_arena *a, struct dr_plan *p, struct dr_view *v, struct dr_node **ret,
                            struct dr_err *err)
{
    struct dr_node *list = dr_node_new(a, DR_NODE_LIST), *weights = dr_node_new(a, DR_NODE_LIST);
    if (is_ordered(v->source)) {
        list = v->n ? decile_edges(a, p, v) : list;
        *ret = new_partition(a, "edges", list, weights_by_edge(a, p, v, list));
        return DR_OK;
    }
    dr_view_distinct(p, v);
    if (v->n_distinct > VALUES_MAX)
        return dr_fail(err, DR_ELIMIT, "column '%s' has more than %d distinct values: too many for PSI",
                       v->source->name, VALUES_MAX);
    for (int64_t i = 0; i < v->n_distinct; i++) {
        dr_node_add(a, list, dr_value_node(a, &v->distinct[i].value));
        dr_node_add(a, weights, dr_node_new_float(a, (double)v->distinct[i].count / (double)v->n));
    }
    *ret = new_partition(a, "values", list, weights);
    return DR_OK;
}

/* ---- PSI ---- */

static double psi_cell(double p, double q)
{
    p = p > LEAST_SHARE ? p : LEAST_SHARE;
    q = q > LEAST_SHARE ? q : LEAST_SHARE;
    return (p - q) * log(p / q);
}

/* Values that only one side has are cells too. */
static double psi_of_values(struct dr_eval *e, struct dr_view *v, const struct dr_node *reference)
{
    const struct dr_node *weights = dr_node_get(reference, "weights");
    struct dr_value_set known;
    double psi = 0, n = (double)(v->n + v->n_refused); /* of which v->distinct is the list */
    dr_view_distinct(e->plan, v);
    dr_value_set_init(&known, &e->plan->scratch, dr_node_get(reference, "values"), v->source->class);
    for (int32_t i = 0; i < known.n; i++)
        psi += psi_cell((double)dr_view_count_of(v, &known.items[i]) / n,
                        dr_node_float(dr_node_at(weights, i), 0));
    for (int64_t i = 0; i < v->n_distinct; i++)
        if (!dr_value_set_has(&known, &v->distinct[i].value))
            psi += psi_cell((double)v->distinct[i].count / n, 0);
    dr_value_set_done(&known);
    return psi;
}

static double psi_of_weights(const struct dr_node *mine, const struct dr_node *reference)
{
    double psi = 0;
    for (int64_t i = 0; i < dr_node_size(reference); i++)
        psi += psi_cell(dr_node_float(dr_node_at(mine, i), 0), dr_node_float(dr_node_at(reference, i), 0));
    return psi;
}

/* GX's form, whose bins have the outer edges too. What lies beyond them belongs to the first and the last
 * cell, or to those of tail_weights. */
static struct dr_node *by_edges(struct dr_arena *a, const struct dr_node *given)
{
    const struct dr_node *bins = dr_node_get(given, "bins"), *inner = dr_node_get(given, "weights");
    const struct dr_node *tails = dr_node_get(given, "tail_weights");
    struct dr_node *edges = dr_node_new(a, DR_NODE_LIST), *weights = dr_node_new(a, DR_NODE_LIST);
    int64_t outer = tails ? 0 : 1;
    for (int64_t i = outer; i < bins->n - outer; i++)
        dr_node_add(a, edges, dr_node_new_float(a, dr_partition_edge(bins, i)));
    for (int64_t i = -1; i <= inner->n; i++) {
        bool tail = i < 0 || i == inner->n;
        if (!tail || tails)
            dr_node_add(a, weights,
                        dr_node_new_float(a, tail ? dr_node_float(tails->items[i >= 0], 0)
                                                  : dr_node_float(inner->items[i], 0)));
    }
    return new_partition(a, "edges", edges, weights);
}

static int32_t reference_partition(struct dr_eval *e, struct reference *r, const struct dr_node **ret,
                                   struct dr_err *err)
{
    const struct dr_node *given = dr_eval_arg(e, "partition_object");
    struct dr_node *own;
    if (r->view) {
        DR_TRY(partition_of(e->arena, &r->plan, r->view, &own, err));
        *ret = own;
    } else if (given) {
        DR_TRY(dr_partition_check(given, e->columns[0]->class == DR_CLASS_TIME, err));
        *ret = dr_node_get(given, "values") ? given : by_edges(e->arena, given);
    } else {
        *ret = dr_node_get(dr_node_get(dr_eval_earlier(e), "details"), "partition");
    }
    return DR_OK;
}

static int32_t compare_partitions(struct dr_eval *e, struct reference *r, struct dr_err *err)
{
    struct dr_view *v = dr_plan_view(e->plan, e->columns[0], e->domain);
    const struct dr_node *reference = NULL;
    struct dr_node *mine, *details = dr_node_new(e->arena, DR_NODE_MAP);
    double limit = dr_eval_number(e, "threshold", 0.25);
    DR_TRY(reference_partition(e, r, &reference, err));
    DR_TRY(partition_of(e->arena, e->plan, v, &mine, err));
    if (!e->columns[0]->sensitive)
        dr_node_set(e->arena, details, DR_LIT("partition"), mine);
    dr_eval_set(e, "details", details);
    if (!reference)
        return dr_eval_no_earlier(e, err);
    if (v->n == 0)
        return dr_fail(err, DR_EINPUT, "column '%s' holds no value to compare", e->columns[0]->name);
    const struct dr_node *edges = dr_node_get(reference, "edges");
    bool by_value = dr_eval_arg(e, "partition_object") && !r->view;
    if (edges ? !is_ordered(v->source) : is_ordered(v->source) && !by_value)
        return dr_fail(err, DR_EINPUT, "the reference of column '%s' is of another kind",
                       e->columns[0]->name);
    double psi = edges ? psi_of_weights(weights_by_edge(e->arena, e->plan, v, edges),
                                        dr_node_get(reference, "weights"))
                       : psi_of_values(e, v, reference);
    dr_eval_observe(e, dr_node_new_float(e->arena, psi));
    e->check->success = psi < limit;
    dr_eval_say(e,
                "The distribution of %s has a PSI of %.4g against the reference%s; less than %g is expected",
                e->columns[0]->name, psi, e->check->success ? ", as expected" : "", limit);
    return DR_OK;
}

static int32_t psi(struct dr_eval *e, struct dr_err *err)
{
    struct reference r = { 0 };
    DR_TRY(check_column(e, true, err));
    int32_t rc = open_reference(e, &r, err);
    if (!rc)
        rc = compare_partitions(e, &r, err);
    reference_done(&r);
    return rc;
}

/* ---- Kolmogorov-Smirnov ---- */

/* A sorted sample, and of how many values it was made. */
struct sample {
    double *v;
    int64_t n, values;
};

static struct sample sample_of(struct dr_eval *e, struct dr_plan *p, struct dr_view *v)
{
    struct sample s = { dr_arena_array(&e->plan->scratch, (size_t)v->n + 1, sizeof(double)), v->n, v->n };
    if (v->n)
        dr_view_sort(p, v);
    for (int64_t i = 0; i < v->n; i++) {
        struct dr_value at = dr_view_sorted_value(v, i);
        s.v[i] = magnitude(&at);
    }
    return s;
}

static struct dr_node *shortened(struct dr_eval *e, const struct sample *s)
{
    struct dr_node *map = dr_node_new(e->arena, DR_NODE_MAP), *list = dr_node_new(e->arena, DR_NODE_LIST);
    int64_t n = s->n < SAMPLE ? s->n : SAMPLE;
    for (int64_t k = 0; k < n; k++)
        dr_node_add(e->arena, list, dr_node_new_float(e->arena, s->v[n < 2 ? 0 : (s->n - 1) * k / (n - 1)]));
    dr_node_set(e->arena, map, DR_LIT("values"), list);
    dr_node_set(e->arena, map, DR_LIT("count"), dr_node_new_int(e->arena, s->values));
    return map;
}

static bool kept_sample(struct dr_eval *e, struct sample *ret)
{
    const struct dr_node *map = dr_node_get(dr_node_get(dr_eval_earlier(e), "details"), "sample");
    const struct dr_node *list = dr_node_get(map, "values");
    ret->n = dr_node_size(list);
    ret->values = dr_node_int(dr_node_get(map, "count"), ret->n);
    ret->v = dr_arena_array(&e->plan->scratch, (size_t)ret->n + 1, sizeof(double));
    for (int64_t i = 0; i < ret->n; i++)
        ret->v[i] = dr_node_float(dr_node_at(list, i), 0);
    return ret->n > 0;
}

static double largest_distance(const struct sample *a, const struct sample *b)
{
    double d = 0;
    for (int64_t i = 0, j = 0; i < a->n && j < b->n;) {
        double x = a->v[i] < b->v[j] ? a->v[i] : b->v[j];
        while (i < a->n && a->v[i] <= x)
            i++;
        while (j < b->n && b->v[j] <= x)
            j++;
        d = fmax(d, fabs((double)i / (double)a->n - (double)j / (double)b->n));
    }
    return d;
}

/* Kolmogorov's series converges at once but near 0, where the sum is 1. */
static double ks_p_value(double d, double n)
{
    double x = (sqrt(n) + 0.12 + 0.11 / sqrt(n)) * d, sum = 0, sign = 1;
    if (x < 0.2)
        return 1;
    for (int j = 1; j <= 100; j++, sign = -sign)
        sum += sign * exp(-2.0 * j * j * x * x);
    return fmin(1, fmax(0, 2 * sum));
}

static int32_t compare_samples(struct dr_eval *e, struct reference *r, struct dr_err *err)
{
    struct sample mine = sample_of(e, e->plan, dr_plan_view(e->plan, e->columns[0], e->domain)), its = { 0 };
    struct dr_node *details = dr_node_new(e->arena, DR_NODE_MAP);
    double limit = dr_eval_number(e, "p_value", 0.05);
    bool known = true;
    if (r->view)
        its = sample_of(e, &r->plan, r->view);
    else
        known = kept_sample(e, &its);
    if (!e->columns[0]->sensitive && !r->view)
        dr_node_set(e->arena, details, DR_LIT("sample"), shortened(e, &mine));
    dr_eval_set(e, "details", details);
    if (!known)
        return dr_eval_no_earlier(e, err);
    if (mine.n == 0 || its.n == 0)
        return dr_fail(err, DR_EINPUT, "there is no value of '%s' to compare", e->columns[0]->name);
    double d = largest_distance(&mine, &its), values = (double)mine.values * (double)its.values;
    double p = ks_p_value(d, values / (double)(mine.values + its.values));
    dr_node_set(e->arena, details, DR_LIT("statistic"), dr_node_new_float(e->arena, d));
    dr_eval_observe(e, dr_node_new_float(e->arena, p));
    e->check->success = p > limit;
    dr_eval_say(e,
                "The Kolmogorov-Smirnov test of %s against the reference has D = %.4g and p = %.4g%s; more "
                "than %g is expected",
                e->columns[0]->name, d, p, e->check->success ? ", as expected" : "", limit);
    return DR_OK;
}

static int32_t ks_test(struct dr_eval *e, struct dr_err *err)
{
    struct reference r = { 0 };
    DR_TRY(check_column(e, false, err));
    int32_t rc = open_reference(e, &r, err);
    if (!rc)
        rc = compare_samples(e, &r, err);
    reference_done(&r);
    return rc;
}

/* ---- declarations ---- */

#define REFERENCE_ARGS                                                                                       \
    { "other_table_name", "string", NULL, "The table whose column is the reference.", false },               \
        { "other_column", "string", NULL, "Its column; the same name without it.", false },                  \
    {                                                                                                        \
        "require_earlier", "boolean", "false", "Without a reference the check cannot be evaluated.", false   \
    }
static const struct dr_expect_arg psi_args[] = {
    DR_ARG_COLUMN,
    { "threshold", "number", "0.25", "The index must be less.", false },
    { "partition_object", "map", NULL,
      "The reference: weights with values, or with bins and perhaps "
      "tail_weights. Without these, values beyond the bins count "
      "to the first and the last.",
      false },
    REFERENCE_ARGS,
    DR_ARG_CONDITION,
    DR_ARG_FORMAT
};
static const struct dr_expect_arg ks_args[] = { DR_ARG_COLUMN,
                                                { "p_value", "number", "0.05", "The p-value must be more.",
                                                  false },
                                                REFERENCE_ARGS,
                                                DR_ARG_CONDITION,
                                                DR_ARG_FORMAT };
#define SHIFT_DOC                                                                                            \
    "The reference is a column of another table, or else what the last good run found; where there is "      \
    "none, "                                                                                                 \
    "the check succeeds and says so. "

static const struct dr_check_type types[] = {
    { .info = { "expect_column_psi_to_be_less_than", "column_aggregate",
                "The distribution is stable against a reference (PSI).",
                SHIFT_DOC
                "The population stability index over ten cells of equal weight in the reference, or "
                "over the values of text; shares of 0 count as 0.0001.",
                "expect_column_psi_to_be_less_than: {column: value, threshold: 0.25}", DR_ARGS(psi_args) },
      .domain = DR_ON_COLUMN,
      .flags = DR_CHECK_HISTORY,
      .measure = psi },
    { .info = { "expect_column_ks_test_p_value_to_be_greater_than", "column_aggregate",
                "The distribution is that of a reference (Kolmogorov-Smirnov).",
                SHIFT_DOC
                "The p-value is Kolmogorov's asymptotic one with Stephens' (1970) correction; "
                "details.statistic is D. With very many rows every small shift is significant: then PSI "
                "is the better question.",
                "expect_column_ks_test_p_value_to_be_greater_than: {column: value, p_value: 0.01}",
                DR_ARGS(ks_args) },
      .domain = DR_ON_COLUMN,
      .flags = DR_CHECK_HISTORY,
      .measure = ks_test },
};
const struct dr_check_group dr_checks_shift = { types, (int32_t)(sizeof types / sizeof types[0]) };
