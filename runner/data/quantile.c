/* quantile.c - order statistics by narrowing down, then interpolation.
 *
 * Which values are needed follows from n alone: at most two neighbouring ranks
 * for each quantile. They are found together. Words between the least and the
 * largest are counted in equal bins; only the bins that hold a wanted rank are
 * looked at again, and their range is a thousandth of what it was: at most seven
 * rounds, whatever the values. Few words are selected by quickselect, whose
 * pivots are drawn by a generator that starts anew each time: results repeat. */
#include "data/quantile.h"
#include <float.h>
#include <math.h>
#include "data/row_keys.h"

#define SMALL 24
#define FEW 512 /* words from which counting pays */
#define BIN_BITS 10
#define BINS (1 << BIN_BITS)

/* ---- quickselect -------------------------------------------------------------------- */

static uint64_t draw(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static uint64_t median_of_three(uint64_t a, uint64_t b, uint64_t c)
{
    if (a > b) {
        uint64_t swap = a;
        a = b;
        b = swap;
    }
    return c <= a ? a : c >= b ? b : c;
}

static void insertion_sort(uint64_t *w, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        uint64_t v = w[i];
        int64_t at = i;
        for (; at > 0 && w[at - 1] > v; at--)
            w[at] = w[at - 1];
        w[at] = v;
    }
}

/* Arrange [0, n) as less, equal, greater than pivot. */
static void partition(uint64_t *w, int64_t n, uint64_t pivot, int64_t *ret_equal, int64_t *ret_greater)
{
    int64_t less = 0, i = 0, greater = n;
    while (i < greater) {
        uint64_t v = w[i];
        if (v < pivot) {
            w[i++] = w[less];
            w[less++] = v;
        } else if (v > pivot) {
            w[i] = w[--greater];
            w[greater] = v;
        } else {
            i++;
        }
    }
    *ret_equal = less;
    *ret_greater = greater;
}

/* Put the k-th smallest at k, none greater before it and none smaller after. */
static void select_word(uint64_t *w, int64_t n, int64_t k)
{
    uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
    while (n > SMALL) {
        uint64_t size = (uint64_t)n;
        uint64_t a = w[draw(&state) % size], b = w[draw(&state) % size], c = w[draw(&state) % size];
        int64_t equal, greater;
        partition(w, n, median_of_three(a, b, c), &equal, &greater);
        if (k >= equal && k < greater)
            return;
        if (k < equal) {
            n = equal;
        } else {
            w += greater;
            k -= greater;
            n -= greater;
        }
    }
    insertion_sort(w, n);
}

/* Ranks ascend: what lies before one that was found is of no use to the next. */
static void select_few(uint64_t *words, int64_t n, struct dr_rank *ranks, int32_t n_ranks)
{
    int64_t from = 0;
    for (int32_t r = 0; r < n_ranks; r++) {
        select_word(words + from, n - from, ranks[r].k - from);
        ranks[r].word = words[ranks[r].k];
        from = ranks[r].k;
    }
}

/* ---- bins ----------------------------------------------------------------------------- */

struct bins {
    uint64_t least;
    int32_t shift;     /* word - least >> shift is its bin */
    int64_t end[BINS]; /* words in this bin and those before it */
};

static void count_bins(struct bins *b, const uint64_t *words, int64_t n)
{
    uint64_t largest = words[0];
    b->least = words[0];
    for (int64_t i = 1; i < n; i++) {
        b->least = words[i] < b->least ? words[i] : b->least;
        largest = words[i] > largest ? words[i] : largest;
    }
    int32_t bits = largest > b->least ? 64 - __builtin_clzll(largest - b->least) : 0;
    b->shift = bits > BIN_BITS ? bits - BIN_BITS : 0;
    memset(b->end, 0, sizeof b->end);
    for (int64_t i = 0; i < n; i++)
        b->end[(words[i] - b->least) >> b->shift]++;
    for (int32_t k = 1; k < BINS; k++)
        b->end[k] += b->end[k - 1];
}

static int32_t bin_of_rank(const struct bins *b, int64_t k)
{
    int32_t low = 0, high = BINS - 1;
    while (low < high) {
        int32_t mid = (low + high) / 2;
        if (b->end[mid] > k)
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

/* Move the words of one bin to the front; returns how many. */
static int64_t gather_bin(const struct bins *b, uint64_t *words, int64_t n, int32_t bin)
{
    uint64_t low = b->least + ((uint64_t)bin << b->shift), width = UINT64_C(1) << b->shift;
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) {
        uint64_t word = words[i];
        words[i] = words[count];
        words[count] = word;
        count += word - low < width;
    }
    return count;
}

static void select_ranks(uint64_t *words, int64_t n, struct dr_rank *ranks, int32_t n_ranks)
{
    struct bins b;
    if (n < FEW) {
        select_few(words, n, ranks, n_ranks);
        return;
    }
    count_bins(&b, words, n);
    for (int32_t from = 0, end; from < n_ranks; from = end) {
        int32_t bin = bin_of_rank(&b, ranks[from].k);
        int64_t before = bin ? b.end[bin - 1] : 0;
        for (end = from; end < n_ranks && ranks[end].k < b.end[bin]; end++)
            ranks[end].k -= before;
        if (b.shift == 0) /* a bin is one value */
            for (int32_t r = from; r < end; r++)
                ranks[r].word = b.least + (uint64_t)bin;
        else
            select_ranks(words, gather_bin(&b, words, n, bin), ranks + from, end - from);
        for (int32_t r = from; r < end; r++)
            ranks[r].k += before;
    }
}

/* ---- definitions ------------------------------------------------------------------------ */

/* Where a quantile lies: between the value of rank k (from 0) and the next, by share. */
struct place {
    int64_t k;
    double share;
};

/* Definitions 1 to 3 take a value, or the mean of two, where the distribution
 * function of the sample jumps; a product that should be whole may miss by some
 * units of its last place. */
static struct place place_of_jump(int32_t definition, int64_t n, double q)
{
    double h = (double)n * q - (definition == 3 ? 0.5 : 0);
    double whole = floor(h + 4 * DBL_EPSILON * fmax(1, h));
    bool beyond = h > whole + 4 * DBL_EPSILON * fmax(1, h);
    double share = 1;
    if (definition == 2 && !beyond)
        share = 0.5;
    else if (definition == 1 && !beyond)
        share = 0;
    else if (definition == 3 && !beyond && fmod(whole, 2) == 0)
        share = 0;
    return (struct place){ (int64_t)whole - 1, share };
}

/* Definitions 4 to 9: straight lines between plotting positions. */
static struct place place_on_line(int32_t definition, int64_t n, double q)
{
    static const double a[] = { [4] = 0, [5] = 0.5, [6] = 0, [8] = 1.0 / 3, [9] = 3.0 / 8 };
    double b = definition == 4 ? 1 : a[definition];
    double h = a[definition] + q * ((double)n + 1 - a[definition] - b);
    double whole = floor(h + 4 * DBL_EPSILON * fmax(1, h));
    double share = h - whole;
    if (fabs(share) <= 4 * DBL_EPSILON * fmax(1, h))
        share = 0;
    return (struct place){ (int64_t)whole - 1, share };
}

static struct place place_of(int32_t definition, int64_t n, double q)
{
    struct place p;
    if (definition == 7) { /* as NumPy has it */
        double h = (double)(n - 1) * q;
        p = (struct place){ (int64_t)h, h - (double)(int64_t)h };
    } else {
        p = definition <= 3 ? place_of_jump(definition, n, q) : place_on_line(definition, n, q);
    }
    if (p.k < 0)
        p = (struct place){ 0, 0 };
    if (p.k >= n - 1)
        p = (struct place){ n - 1, 0 };
    return p;
}

static double between(uint64_t low_word, uint64_t high_word, double share)
{
    double low = dr_float_from_ordered(low_word), high = dr_float_from_ordered(high_word);
    if (share == 0 || low_word == high_word)
        return low;
    if (share == 1)
        return high;
    /* Weighted rather than low + share * (high - low) where the difference overflows. */
    return high - low <= 0x1p1023 ? low + share * (high - low) : low * (1 - share) + high * share;
}

/* ---- entry -------------------------------------------------------------------------------- */

static int by_rank(const void *a, const void *b)
{
    int64_t x = ((const struct dr_rank *)a)->k, y = ((const struct dr_rank *)b)->k;
    return (x > y) - (x < y);
}

static uint64_t word_of_rank(const struct dr_rank *ranks, int64_t k)
{
    while (ranks->k != k)
        ranks++;
    return ranks->word;
}

int32_t dr_quantile_ranks(const struct dr_quantile *wanted, int32_t n_wanted, int64_t n, struct dr_rank *ret)
{
    int32_t n_ranks = 0;
    for (int32_t i = 0; i < n_wanted; i++) {
        struct place p = place_of(wanted[i].definition, n, wanted[i].q);
        ret[n_ranks++].k = p.k;
        if (p.share > 0)
            ret[n_ranks++].k = p.k + 1;
    }
    qsort(ret, (size_t)n_ranks, sizeof *ret, by_rank);
    return n_ranks;
}

void dr_find_ranks(uint64_t *words, int64_t n, struct dr_rank *ranks, int32_t n_ranks)
{
    select_ranks(words, n, ranks, n_ranks);
}

void dr_quantile_results(const struct dr_rank *ranks, int64_t n, struct dr_quantile *wanted, int32_t n_wanted)
{
    for (int32_t i = 0; i < n_wanted; i++) {
        struct place p = place_of(wanted[i].definition, n, wanted[i].q);
        uint64_t low = word_of_rank(ranks, p.k);
        wanted[i].result = between(low, p.share > 0 ? word_of_rank(ranks, p.k + 1) : low, p.share);
    }
}

void dr_quantiles(uint64_t *words, int64_t n, struct dr_quantile *wanted, int32_t n_wanted)
{
    DR_AUTO_FREE struct dr_rank *ranks = dr_malloc((size_t)n_wanted * 2 * sizeof *ranks);
    int32_t n_ranks = dr_quantile_ranks(wanted, n_wanted, n, ranks);
    dr_find_ranks(words, n, ranks, n_ranks);
    dr_quantile_results(ranks, n, wanted, n_wanted);
}
