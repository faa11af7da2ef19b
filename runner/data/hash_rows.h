/* hash_rows.h - which rows have equal keys. Layer: data.
 *
 * Nulls equal each other, -0 equals 0, NaN equals NaN. */
#ifndef DR_HASH_ROWS_H
#define DR_HASH_ROWS_H
#include "data/kernel.h"

struct dr_groups {
    int64_t rows;
    uint32_t n;      /* distinct keys */
    uint32_t *id;    /* owned: the group of each row, numbered by first appearance */
    uint32_t *first; /* owned: the first row of each group, ascending */
};
/* Without columns (n = 0) all of `rows` rows are one group, which exists even
 * where rows is 0 and then has first[0] = 0. DR_ELIMIT past 2^32 - 2 rows. */
int32_t dr_groups_init(struct dr_groups *g, int64_t rows, int32_t n, const struct dr_column *const *columns,
                       struct dr_err *err);
void dr_groups_done(struct dr_groups *g);
/* Split groups further: rows are equal where both their group and their value
 * in the column are. */
int32_t dr_groups_refine(struct dr_groups *ret, const struct dr_groups *g, const struct dr_column *c,
                         struct dr_err *err);
#endif
