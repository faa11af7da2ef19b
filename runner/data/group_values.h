/* group_values.h - the values of a column laid out by group. Layer: data.
 *
 * Whatever is asked of a group (sums, extremes, quantiles) is then asked of a run
 * of neighbouring numbers, in order of row, and does not depend on how many
 * threads there are. */
#ifndef DR_GROUP_VALUES_H
#define DR_GROUP_VALUES_H
#include "data/hash_rows.h"

struct dr_group_values {
    uint32_t n;      /* groups */
    uint64_t *start; /* owned: n + 1; the present values of group i are word[start[i]..start[i + 1]) */
    uint64_t *word;  /* in words; may be changed by whoever works on a group */
    struct dr_scratch words;
};
/* A word is: FLOAT64 the bits of the double; DICT the code, or with rank (by code)
 * the rank; STRING and DECIMAL the row's number; other types the value as int64_t. */
DR_CHECK int32_t dr_group_values_init(struct dr_group_values *v, const struct dr_groups *g,
                                      const struct dr_column *c, const int32_t *rank, struct dr_err *err);
void dr_group_values_done(struct dr_group_values *v);
/* Present values of each group; of rows where c is NULL; malloc. */
int64_t *dr_group_counts(const struct dr_groups *g, const struct dr_column *c);
#endif
