/* partition.c - partition_object: weights of values, or of the cells between bins. See check.h. */
#include <math.h>
#include "expect/check.h"

static int32_t invalid(struct dr_err *err, const char *why)
{
    return dr_fail(err, DR_EDEF, "ValueError: Invalid partition_object provided: %s", why);
}

static bool is_numbers(const struct dr_node *n)
{
    for (int64_t i = 0; i < dr_node_size(n); i++)
        if (dr_node_kind(n->items[i]) != DR_NODE_INT && dr_node_kind(n->items[i]) != DR_NODE_FLOAT)
            return false;
    return dr_node_kind(n) == DR_NODE_LIST && n->n > 0;
}

static double total(const struct dr_node *n)
{
    double sum = 0;
    for (int64_t i = 0; i < dr_node_size(n); i++)
        sum += n->items[i]->f;
    return sum;
}

static bool is_times(const struct dr_node *n)
{
    for (int64_t i = 0; i < dr_node_size(n); i++) {
        struct dr_value v = dr_value_of_node(n->items[i]);
        if (!dr_value_to_time(&v))
            return false;
    }
    return dr_node_kind(n) == DR_NODE_LIST && n->n > 0;
}

double dr_partition_edge(const struct dr_node *edges, int64_t k)
{
    struct dr_value v = dr_value_of_node(dr_node_at(edges, k));
    return v.kind == DR_VALUE_TEXT && dr_value_to_time(&v) ? (double)v.i : v.f;
}

static int32_t check_bins(const struct dr_node *bins, bool times, struct dr_err *err)
{
    if (times && !is_times(bins))
        return invalid(err, "bins must be dates or times, as the column holds them");
    if (!times && !is_numbers(bins))
        return invalid(err, "bins must be numbers");
    for (int32_t i = 1; i < bins->n; i++)
        if (!(dr_partition_edge(bins, i) > dr_partition_edge(bins, i - 1)))
            return invalid(err, "bins must increase");
    return DR_OK;
}

int32_t dr_partition_check(const struct dr_node *part, bool times, struct dr_err *err)
{
    const struct dr_node *weights = dr_node_get(part, "weights"), *bins = dr_node_get(part, "bins");
    const struct dr_node *values = dr_node_get(part, "values"), *tails = dr_node_get(part, "tail_weights");
    if (!is_numbers(weights))
        return invalid(err, "weights must be a list of numbers");
    if (tails && (!is_numbers(tails) || tails->n != 2))
        return invalid(err, "tail_weights must be two numbers");
    if (!(fabs(total(weights) + total(tails) - 1) <= 1e-5))
        return invalid(err, "the weights do not add up to 1");
    for (int32_t i = 0; i < weights->n; i++)
        if (weights->items[i]->f < 0)
            return invalid(err, "a weight must not be below 0");
    if (values)
        return dr_node_size(values) == weights->n ? DR_OK
                                                  : invalid(err, "values and weights must be as many");
    if (dr_node_size(bins) != weights->n + 1)
        return invalid(err, "either values, or bins (one more than weights), must be given");
    return check_bins(bins, times, err);
}
