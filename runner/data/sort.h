/* sort.h - the order of rows. Layer: data. */
#ifndef DR_SORT_H
#define DR_SORT_H
#include "data/kernel.h"

/* The rows of some columns in stable order, as row numbers; malloc. flags: n of
 * enum dr_sort_flags. */
int64_t *dr_sort_rows(int64_t rows, int32_t n, const struct dr_column *const *columns, const int32_t *flags);
#endif
