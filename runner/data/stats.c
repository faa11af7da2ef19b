/* stats.c - statistics by pieces that stay in the first cache.
 *
 * A piece is summed in four lanes with the rounding error of each addition kept
 * (Knuth's two-sum), its squares in a second pass around its own mean, and
 * pieces are put together as Chan, Golub and LeVeque (1983) do. Pieces have one
 * size whoever computes them, and are merged in order, so threads change nothing. */
#include "data/stats.h"
#include <math.h>
#include "data/pool.h"

#define PIECE 4096
#define MANY (64 * PIECE) /* words from which threads share the pieces */
#define LANES 4

static inline double as_float(uint64_t word)
{
    double v;
    memcpy(&v, &word, 8);
    return v;
}

static inline double value_of(uint64_t word, bool floats)
{
    return floats ? as_float(word) : (double)(int64_t)word;
}

/* ---- one piece ------------------------------------------------------------------------ */

/* Add v; what the addition rounds away goes to *lost. */
static inline void add_exactly(double *sum, double *lost, double v)
{
    double s = *sum + v, rest = s - *sum;
    *lost += (*sum - (s - rest)) + (v - rest);
    *sum = s;
}

static void sum_floats(struct dr_stats *s, const uint64_t *words, int64_t n)
{
    double sum[LANES] = { 0 }, lost[LANES] = { 0 };
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int lane = 0; lane < LANES; lane++)
            add_exactly(&sum[lane], &lost[lane], as_float(words[i + lane]));
    for (; i < n; i++)
        add_exactly(&sum[0], &lost[0], as_float(words[i]));
    for (int lane = 0; lane < LANES; lane++) {
        add_exactly(&s->sum, &s->lost, sum[lane]);
        s->lost += lost[lane];
    }
}

static void sum_ints(struct dr_stats *s, const uint64_t *words, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        s->total += (int64_t)words[i];
}

double dr_stats_sum(const struct dr_stats *s)
{
    return isfinite(s->sum) ? s->sum + s->lost : s->sum;
}

/* Sums in lanes, with what each lost, to a sum and what it lost. */
static void join_lanes(const double *lanes, const double *lanes_lost, double *sum, double *lost)
{
    for (int lane = 0; lane < LANES; lane++) {
        add_exactly(sum, lost, lanes[lane]);
        *lost += lanes_lost[lane];
    }
}

void dr_squares_add(struct dr_squares *s, const uint64_t *words, int64_t n)
{
    double d1[LANES] = { 0 }, lost1[LANES] = { 0 }, d2[LANES] = { 0 }, lost2[LANES] = { 0 };
    for (int64_t i = 0; i < n; i += LANES)
        for (int lane = 0; lane < LANES && i + lane < n; lane++) {
            double d = as_float(words[i + lane]) - s->mean;
            add_exactly(&d1[lane], &lost1[lane], d);
            add_exactly(&d2[lane], &lost2[lane], d * d);
        }
    join_lanes(d1, lost1, &s->d1, &s->lost1);
    join_lanes(d2, lost2, &s->d2, &s->lost2);
    s->n += n;
}

double dr_squares_sum(const struct dr_squares *s)
{
    double off = s->d1 + s->lost1; /* 0 but for rounding of the mean */
    return s->d2 + s->lost2 - off * off / (double)s->n;
}

static inline void measure_spread(struct dr_stats *s, const uint64_t *words, int64_t n, bool floats)
{
    double sum = floats ? dr_stats_sum(s) : (double)s->total, d1[LANES] = { 0 }, d2[LANES] = { 0 };
    s->mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++) {
        double d = value_of(words[i], floats) - s->mean;
        d1[i % LANES] += d;
        d2[i % LANES] += d * d;
    }
    double off = d1[0] + d1[1] + d1[2] + d1[3]; /* 0 but for rounding of the mean */
    s->m2 = d2[0] + d2[1] + d2[2] + d2[3] - off * off / (double)n;
}

/* Comparisons with NaN are false, so numbers alone decide; then NaN has its place. */
static void float_extremes(struct dr_stats *s, const uint64_t *words, int64_t n)
{
    double min = INFINITY, max = -INFINITY;
    int64_t at_nan = -1, numbers = 0;
    for (int64_t i = 0; i < n; i++) {
        double v = as_float(words[i]);
        min = v < min ? v : min;
        max = v > max ? v : max;
        at_nan = v == v ? at_nan : i;
        numbers += v == v;
    }
    memcpy(&s->min, &min, 8);
    memcpy(&s->max, &max, 8);
    if (numbers == 0)
        s->min = words[at_nan];
    if (at_nan >= 0)
        s->max = words[at_nan];
}

/* The zeros differ in sign only, and the first of equal values is asked for. */
static uint64_t first_zero(uint64_t word, const uint64_t *words)
{
    if (as_float(word) != 0)
        return word;
    while (as_float(*words) != 0)
        words++;
    return *words;
}

static void int_extremes(struct dr_stats *s, const uint64_t *words, int64_t n)
{
    int64_t min = INT64_MAX, max = INT64_MIN;
    for (int64_t i = 0; i < n; i++) {
        int64_t v = (int64_t)words[i];
        min = v < min ? v : min;
        max = v > max ? v : max;
    }
    s->min = (uint64_t)min;
    s->max = (uint64_t)max;
}

static void measure_piece(struct dr_stats *s, const uint64_t *words, int64_t n, bool floats, int32_t want)
{
    *s = (struct dr_stats){ .n = n };
    if (want & (DR_STATS_SUM | DR_STATS_SPREAD)) {
        if (floats)
            sum_floats(s, words, n);
        else
            sum_ints(s, words, n);
    }
    if (want & DR_STATS_SPREAD && floats)
        measure_spread(s, words, n, true);
    else if (want & DR_STATS_SPREAD)
        measure_spread(s, words, n, false);
    if (!(want & DR_STATS_EXTREMES))
        return;
    if (floats) {
        float_extremes(s, words, n);
        s->min = first_zero(s->min, words);
        s->max = first_zero(s->max, words);
    } else {
        int_extremes(s, words, n);
    }
}

/* ---- pieces together --------------------------------------------------------------------- */

static bool above(uint64_t a, uint64_t b, bool floats)
{
    return floats ? dr_float_to_ordered(as_float(a)) > dr_float_to_ordered(as_float(b))
                  : (int64_t)a > (int64_t)b;
}

void dr_stats_add(struct dr_stats *s, const struct dr_stats *piece, bool floats)
{
    if (s->n == 0) {
        *s = *piece;
        return;
    }
    double n = (double)s->n + (double)piece->n, distance = piece->mean - s->mean;
    s->m2 += piece->m2 + distance * distance * ((double)s->n * (double)piece->n / n);
    s->mean += distance * ((double)piece->n / n);
    add_exactly(&s->sum, &s->lost, piece->sum);
    s->lost += piece->lost;
    s->total += piece->total;
    s->n += piece->n;
    if (above(s->min, piece->min, floats))
        s->min = piece->min;
    if (above(piece->max, s->max, floats))
        s->max = piece->max;
}

struct stats_job {
    const uint64_t *words;
    int64_t n;
    bool floats;
    int32_t want;
    struct dr_stats *piece;
};

static void measure_task(void *ctx, int64_t i)
{
    const struct stats_job *j = ctx;
    int64_t left = j->n - i * PIECE;
    measure_piece(&j->piece[i], j->words + i * PIECE, left < PIECE ? left : PIECE, j->floats, j->want);
}

static void share_pieces(struct dr_stats *s, const uint64_t *words, int64_t n, bool floats, int32_t want)
{
    int64_t pieces = (n + PIECE - 1) / PIECE;
    struct stats_job job = { .words = words, .n = n, .floats = floats, .want = want };
    DR_AUTO_FREE struct dr_stats *piece = job.piece = dr_malloc((size_t)pieces * sizeof *piece);
    dr_pool_run(pieces, measure_task, &job);
    for (int64_t i = 0; i < pieces; i++)
        dr_stats_add(s, &piece[i], floats);
}

void dr_stats_of(struct dr_stats *s, const uint64_t *words, int64_t n, bool floats, int32_t want)
{
    struct dr_stats piece;
    *s = (struct dr_stats){ 0 };
    if (n >= MANY) {
        share_pieces(s, words, n, floats, want);
        return;
    }
    for (int64_t from = 0; from < n; from += PIECE) {
        measure_piece(&piece, words + from, n - from < PIECE ? n - from : PIECE, floats, want);
        dr_stats_add(s, &piece, floats);
    }
}
