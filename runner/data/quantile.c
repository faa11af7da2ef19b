/* quantile.c - quickselect with three-way partition.
 *
 * Pivots are the median of three drawn at random, so no order of the input is a
 * bad one; equal values gather in the middle, so neither are many repeats. The
 * generator starts from the same state each time: results repeat. */
#include "data/quantile.h"
#include "data/row_keys.h"

#define SMALL 24

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

double dr_quantile(uint64_t *words, int64_t n, double q)
{
    double h = (double)(n - 1) * q;
    int64_t k = (int64_t)h;
    double share = h - (double)k;
    select_word(words, n, k);
    double low = dr_float_from_ordered(words[k]);
    if (share == 0 || k + 1 >= n)
        return low;
    uint64_t next = words[k + 1];
    for (int64_t i = k + 2; i < n; i++)
        next = words[i] < next ? words[i] : next;
    if (next == words[k])
        return low;
    double high = dr_float_from_ordered(next);
    /* Weighted rather than low + share * (high - low): the difference may overflow. */
    return high - low <= 0x1p1023 ? low + share * (high - low) : low * (1 - share) + high * share;
}
