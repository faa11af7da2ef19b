/* distinct.h - which rows stand for their key, without moving any. Layer: data. */
#ifndef DR_DISTINCT_H
#define DR_DISTINCT_H
#include "data/row_keys.h"

/* Mark in ret_stay ((rows + 63) / 64 words; bits past the last row become 0) the
 * rows that distinct keeps: the first of each key, the last, or with
 * DR_KEEP_NONE those whose key no other row has. Only rows of `only` (NULL: all)
 * take part; others are not marked, and count as nobody's double. ret_kept (may
 * be NULL) is as in dr_table_distinct: -1 for rows that stay or take no part.
 * Nulls equal each other, so leave them out of `only` where they should not.
 *
 * Unique values: DR_KEEP_NONE, and compare with `only`. How many distinct keys:
 * DR_KEEP_FIRST, and count the bits. */
DR_CHECK int32_t dr_distinct_rows(const struct dr_key_spec *spec, const uint64_t *only, int32_t keep,
                                  uint64_t *ret_stay, int64_t *ret_kept, struct dr_err *err);
#endif
