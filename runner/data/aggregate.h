/* aggregate.h - one number for each group of rows. Layer: data. */
#ifndef DR_AGGREGATE_H
#define DR_AGGREGATE_H
#include "data/hash_rows.h"

/* The values of numeric columns laid out by group, made on first need and kept
 * for all quantiles of the same column. */
struct dr_buckets {
    const struct dr_column *c; /* borrowed */
    int64_t *start;            /* owned: n + 1 */
    uint64_t *words;           /* owned: ordered words of the present values */
    struct dr_buckets *next;   /* owned */
};
void dr_buckets_free(struct dr_buckets *list); /* NULL is fine */

/* Whether the function can be had of the column (NULL: none given); err names both. */
int32_t dr_aggregate_check(const struct dr_agg *agg, const struct dr_column *c, struct dr_err *err);
/* A column of one value for each group, in the groups' order. */
int32_t dr_aggregate_run(const struct dr_agg *agg, const struct dr_column *c, const struct dr_groups *g,
                         struct dr_buckets **buckets, struct dr_column **ret, struct dr_err *err);
#endif
