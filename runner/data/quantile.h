/* quantile.h - exact quantiles by selection. Layer: data. */
#ifndef DR_QUANTILE_H
#define DR_QUANTILE_H
#include <stdint.h>

/* The quantile q in [0, 1] of n > 0 values given as ordered words (see
 * dr_float_to_ordered), by linear interpolation: type 7 of Hyndman and Fan
 * (1996). Rearranges the words. */
double dr_quantile(uint64_t *words, int64_t n, double q);
#endif
