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

/* The same in steps, for words that do not lie in one array: which ranks are wanted (from 0,
 * ascending, at most two for each quantile; returns how many), the words of these, the quantiles. */
struct dr_rank {
    int64_t k;
    uint64_t word;
};
int32_t dr_quantile_ranks(const struct dr_quantile *wanted, int32_t n_wanted, int64_t n, struct dr_rank *ret);
void dr_find_ranks(uint64_t *words, int64_t n, struct dr_rank *ranks, int32_t n_ranks);
void dr_quantile_results(const struct dr_rank *ranks, int64_t n, struct dr_quantile *wanted,
                         int32_t n_wanted);
#endif
