/* pick.c - by runs of neighbours, or eight values at a time where most of them are
 * chosen: a permutation that brings those to the front, and a store of all eight,
 * of which the next one overwrites the rest. */
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#include "base/cpu.h"
#include "data/pick.h"

static inline void pick_runs(struct dr_pick *p, const struct dr_array *a, int64_t i, uint64_t rows,
                             size_t width)
{
    const char *from = (const char *)a->values + (size_t)i * width;
    for (int at, n; dr_next_run(&rows, &at, &n); p->to += (size_t)n * width)
        memcpy(p->to, from + (size_t)at * width, (size_t)n * width);
}

static void runs_of_4(struct dr_pick *p, const struct dr_array *a, int64_t i, uint64_t rows)
{
    pick_runs(p, a, i, rows, 4);
}

static void runs_of_8(struct dr_pick *p, const struct dr_array *a, int64_t i, uint64_t rows)
{
    pick_runs(p, a, i, rows, 8);
}

static void runs_of_16(struct dr_pick *p, const struct dr_array *a, int64_t i, uint64_t rows)
{
    pick_runs(p, a, i, rows, 16);
}

/* n picked bits go to those not yet written, and a full word to memory. */
static inline void append_bits(struct dr_pick_bits *p, uint64_t picked, int n)
{
    p->word |= picked << p->n;
    if (p->n + n < 64) {
        p->n += n;
        return;
    }
    memcpy(p->to, &p->word, sizeof p->word);
    p->to += sizeof p->word;
    p->word = p->n ? picked >> (64 - p->n) : 0;
    p->n += n - 64;
}

/* The bits whose place is in rows, next to each other. */
typedef uint64_t (*extract_fn)(uint64_t bits, uint64_t rows);

static inline uint64_t extract_runs(uint64_t bits, uint64_t rows)
{
    uint64_t picked = 0;
    for (int at, n, done = 0; dr_next_run(&rows, &at, &n); done += n)
        picked |= (bits >> at & ~UINT64_C(0) >> (64 - n)) << done;
    return picked;
}

__attribute__((always_inline)) static inline void pick_bits(struct dr_pick_bits *p, const uint8_t *bits,
                                                            int64_t i, int64_t row, int64_t n,
                                                            extract_fn extract)
{
    for (int m; n; i += m, row += m, n -= m) {
        int left = 64 - (int)(row & 63);
        m = n < left ? (int)n : left;
        uint64_t rows = (p->chosen[row >> 6] ^ p->flip) >> (row & 63) & ~UINT64_C(0) >> (64 - m);
        uint64_t window = bits ? dr_bits_window(bits, i, m) : ~UINT64_C(0);
        append_bits(p, extract(window, rows), __builtin_popcountll(rows));
    }
}

static void runs_of_bits(struct dr_pick_bits *p, const uint8_t *bits, int64_t i, int64_t row, int64_t n)
{
    pick_bits(p, bits, i, row, n, extract_runs);
}

#if defined(__x86_64__)
#define DENSE 3    /* of 64: from here on looking at all of them pays */
#define AHEAD 4096 /* bytes that are asked of memory before their turn */

/* The last store goes 32 bytes further than what is chosen, and the last load may
 * go past the chosen rows to the end of the 64. */
DR_AVX2_CODE static inline void pick_avx2(struct dr_pick *p, const struct dr_array *a, int64_t i,
                                          uint64_t rows, size_t width)
{
    const int per_load = 32 / (int)width;
    const uint64_t lanes = UINT64_C(0x0706050403020100);
    const uint64_t bytes = width == 4 ? UINT64_C(0x0101010101010101) : UINT64_C(0x0001000100010001);
    if (__builtin_popcountll(rows) < DENSE || a->n - i < 64 ||
        p->end - p->to < (ptrdiff_t)(64 * width) + 32) {
        pick_runs(p, a, i, rows, width);
        return;
    }
    const char *from = (const char *)a->values + (size_t)i * width;
    char *to = p->to;
    for (size_t k = 0; k < 64 * width; k += 64) {
        __builtin_prefetch(from + AHEAD + k);
        __builtin_prefetch(to + AHEAD / 2 + k, 1);
    }
    for (int at = 0; at < 64; at += per_load, rows >>= per_load, from += 32) {
        uint64_t now = rows & ((UINT64_C(1) << per_load) - 1);
        uint64_t order = _pext_u64(lanes, _pdep_u64(now, bytes) * (width == 4 ? 0xff : 0xffff));
        __m256i values = _mm256_loadu_si256((const __m256i *)(const void *)from);
        values = _mm256_permutevar8x32_epi32(values, _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((int64_t)order)));
        _mm256_storeu_si256((__m256i *)(void *)to, values);
        to += (size_t)__builtin_popcountll(now) * width;
    }
    p->to = to;
}

DR_AVX2_CODE static void four_avx2(struct dr_pick *p, const struct dr_array *a, int64_t i, uint64_t rows)
{
    pick_avx2(p, a, i, rows, 4);
}

DR_AVX2_CODE static void eight_avx2(struct dr_pick *p, const struct dr_array *a, int64_t i, uint64_t rows)
{
    pick_avx2(p, a, i, rows, 8);
}

DR_AVX2_CODE static inline uint64_t extract_bmi2(uint64_t bits, uint64_t rows)
{
    return _pext_u64(bits, rows);
}

DR_AVX2_CODE static void bits_bmi2(struct dr_pick_bits *p, const uint8_t *bits, int64_t i, int64_t row,
                                   int64_t n)
{
    pick_bits(p, bits, i, row, n, extract_bmi2);
}

#else
#define four_avx2 runs_of_4
#define eight_avx2 runs_of_8
#define bits_bmi2 runs_of_bits
#endif

dr_pick_fn dr_pick_values(size_t width)
{
    if (width == 16)
        return runs_of_16;
    if (width == 4)
        return dr_has_avx2() ? four_avx2 : runs_of_4;
    return dr_has_avx2() ? eight_avx2 : runs_of_8;
}

void dr_pick_bits(struct dr_pick_bits *p, const uint8_t *bits, int64_t i, int64_t row, int64_t n)
{
    if (dr_has_avx2())
        bits_bmi2(p, bits, i, row, n);
    else
        runs_of_bits(p, bits, i, row, n);
}

void dr_pick_bits_end(struct dr_pick_bits *p)
{
    memcpy(p->to, &p->word, (size_t)(p->n + 7) / 8);
}
