/* sort.h - the order of rows. Layer: data. */
#ifndef DR_SORT_H
#define DR_SORT_H
#include "data/kernel.h"

/* The first `limit` rows of some columns in stable order (all: limit = rows), as row
 * numbers; malloc. flags: n of enum dr_sort_flags. */
DR_CHECK int32_t dr_sort_rows(int64_t rows, int32_t n, const struct dr_column *const *columns,
                              const int32_t *flags, int64_t limit, int64_t **ret, struct dr_err *err);
#endif
