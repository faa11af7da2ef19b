/* hash_rows.h - which rows have equal keys. Layer: data.
 *
 * Nulls equal each other, -0 equals 0, NaN equals NaN. */
#ifndef DR_HASH_ROWS_H
#define DR_HASH_ROWS_H
#include "data/row_keys.h"
#include "data/scratch.h"

struct dr_groups {
    int64_t rows;
    uint32_t n;      /* distinct keys */
    uint32_t *id;    /* in ids: the group of each row */
    uint32_t *first; /* owned: the first row of each group */
    bool sorted;     /* groups are numbered in order of key (asked for, and cheap to have) */
    struct dr_scratch ids;
};
/* Groups are numbered in an order that depends on the keys alone, not on threads.
 * With spec->ordered they are numbered by key where keys are short, and sorted
 * says so. Without columns (n = 0) all rows are one group, which exists even
 * where rows is 0 and then has first[0] = 0. DR_ELIMIT past 2^32 - 2 rows. */
DR_CHECK int32_t dr_groups_init(struct dr_groups *g, const struct dr_key_spec *spec, struct dr_err *err);
void dr_groups_done(struct dr_groups *g);
/* DR_ELIMIT where rows are more than can be numbered. */
DR_CHECK int32_t dr_keys_check_rows(int64_t rows, struct dr_err *err);
/* Whether keys are one word, and so short that a table of all of them is best. */
bool dr_keys_are_short(const struct dr_row_keys *k);
#endif
