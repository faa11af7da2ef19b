/* aggregate.h - one value for each group of rows. Layer: data. */
#ifndef DR_AGGREGATE_H
#define DR_AGGREGATE_H
#include "data/hash_rows.h"

/* Whether the function can be had of the column (NULL: none given); err names both. */
DR_CHECK int32_t dr_aggregate_check(const struct dr_agg *agg, const struct dr_column *c, struct dr_err *err);
/* A column of one value for each group, in the groups' order, for each of n aggregates of
 * columns[i] (NULL: of rows). All aggregates of one column are worked out together.
 * Sets ret[0..n) only on success. */
DR_CHECK int32_t dr_aggregate_run(int32_t n, const struct dr_agg *aggs,
                                  const struct dr_column *const *columns, const struct dr_groups *g,
                                  struct dr_column **ret, struct dr_err *err);
#endif
