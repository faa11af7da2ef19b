/* quantile.h - exact quantiles by selection. Layer: data. */
#ifndef DR_QUANTILE_H
#define DR_QUANTILE_H
#include <stdint.h>

/* One quantile wanted of a set of values: q in [0, 1], by one of the definitions of
 * Hyndman and Fan (1996), 1 to 9. */
struct dr_quantile {
    double q;
    int32_t definition;
    double result;
};
/* Work out n_wanted quantiles of n > 0 values given as ordered words (see
 * dr_float_to_ordered). Rearranges the words. */
void dr_quantiles(uint64_t *words, int64_t n, struct dr_quantile *wanted, int32_t n_wanted);
#endif
