/* stats.h - sums, moments and extremes of a run of numbers, numerically sound and
 * the same whatever the number of threads. Layer: data. */
#ifndef DR_STATS_H
#define DR_STATS_H
#include "base/num.h"
#include "data/decimal.h"
#include "data/row_keys.h"

/* Numbers are words: the bits of doubles, or int64_t. */
struct dr_stats {
    int64_t n;
    double sum, lost;  /* of floats: the sum, and what rounding took from it */
    dr_int128 total;   /* of integers */
    double mean, m2;   /* m2: squares of the distances to the mean */
    uint64_t min, max; /* as words; the first of equal ones; NaN is above all numbers */
};
enum dr_stats_want { DR_STATS_SUM = 1, DR_STATS_SPREAD = 2, DR_STATS_EXTREMES = 4 };
/* Of n > 0 words. Pieces of a fixed size are added up in order; with many words they are
 * worked out on all threads. */
void dr_stats_of(struct dr_stats *s, const uint64_t *words, int64_t n, bool floats, int32_t want);
/* Add those of words that follow. */
void dr_stats_add(struct dr_stats *s, const struct dr_stats *more, bool floats);
/* The squares of the distances of floats to about their mean, summed so exactly that the order of
 * the words does not show: start with { .mean = ... }. */
struct dr_squares {
    double mean;
    int64_t n;
    double d1, lost1, d2, lost2; /* distances and their squares, with what rounding took */
};
void dr_squares_add(struct dr_squares *s, const uint64_t *words, int64_t n);
double dr_squares_sum(const struct dr_squares *s); /* of n > 0 floats */
/* The sum of floats with what rounding took from it. */
double dr_stats_sum(const struct dr_stats *s);
#endif
