/* csv_scan.c - the structural scan.
 *
 * 64 bytes become four masks of one bit per byte: delimiters, quotes, LFs, CRs.
 * In a well-formed CSV every second quote opens, so the running parity of
 * quotes (an exclusive-or over all lower bits) says which bytes lie inside. A
 * doubled quote closes and opens again at once, which leaves the separators
 * around it as they are. What makes parity agree with libcsv is checked on the
 * way, in the same masks:
 *   - a quote that opens follows a separator, the start, or a quote that closes;
 *   - a quote that closes is followed by a separator, a quote, or the end;
 *   - a CR outside quotes is followed by LF;
 *   - there is no NUL.
 * Anything else is `odd`, and libcsv's to read. */
#include "data/csv_scan.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { WORD = 64 };

struct masks {
    uint64_t delimiter, quote, lf, cr;
};
/* Of all bytes seen: whether one is NUL, whether one is beyond ASCII. */
struct bytes {
    uint64_t low;  /* 0: a NUL */
    uint64_t high; /* not 0: beyond ASCII */
};
struct state {
    uint64_t inside;   /* all ones where the next byte is inside quotes */
    uint64_t edge;     /* 1: the byte before was a separator */
    uint64_t closed;   /* 1: it was a quote that closed */
    uint64_t returned; /* 1: it was a CR outside quotes */
    uint64_t odd, quotes, returns, inner;
    size_t line_ends;
};

/* Bit i is the exclusive-or of bits 0 to i. */
static inline uint64_t running_parity(uint64_t x)
{
    x ^= x << 1;
    x ^= x << 2;
    x ^= x << 4;
    x ^= x << 8;
    x ^= x << 16;
    return x ^ x << 32;
}

/* The separators of one word, outside quotes. */
static inline __attribute__((always_inline)) uint64_t step(struct state *s, const struct masks *m,
                                                           uint64_t valid)
{
    uint64_t inside = s->inside, closing = 0;
    if (__builtin_expect((m->quote | m->cr | inside | s->closed | s->returned) == 0, 1)) {
        uint64_t all = m->lf | m->delimiter; /* what most text comes to */
        s->line_ends += (size_t)__builtin_popcountll(m->lf);
        s->edge = all >> 63;
        return all;
    }
    if (m->quote) {
        inside ^= running_parity(m->quote);
        uint64_t opening = m->quote & inside;
        closing = m->quote & ~inside;
        uint64_t edges = (m->delimiter | m->lf | m->cr) & ~inside;
        uint64_t before = (edges << 1 | s->edge) | (closing << 1 | s->closed);
        s->odd |= opening & ~before;
        s->quotes = 1;
        s->inside = (uint64_t)((int64_t)inside >> 63);
    }
    uint64_t after_close = (closing << 1 | s->closed) & valid;
    s->odd |= after_close & ~(m->delimiter | m->lf | m->cr | m->quote);
    uint64_t returns = m->cr & ~inside;
    s->odd |= (returns << 1 | s->returned) & ~m->lf & valid;
    uint64_t line_ends = m->lf & ~inside;
    uint64_t separators = line_ends | (m->delimiter & ~inside);
    s->line_ends += (size_t)__builtin_popcountll(line_ends);
    s->returns |= returns;
    s->inner |= (m->lf | m->cr) & inside;
    s->edge = (separators | returns) >> 63;
    s->closed = closing >> 63;
    s->returned = returns >> 63;
    return separators;
}

static void finish(const struct state *s, const struct bytes *seen, struct dr_csv_index *ret)
{
    ret->line_ends = s->line_ends;
    ret->quotes = s->quotes != 0;
    ret->returns = s->returns != 0;
    ret->inner_lines = s->inner != 0;
    ret->open = s->inside != 0;
    ret->high = seen->high != 0;
    ret->odd = s->odd != 0 || seen->low == 0;
}

/* ---- 64 bytes at a time, byte by byte -------------------------------------------- */

static inline void masks_scalar(const char *p, char delimiter, char quote, struct masks *ret,
                                struct bytes *seen)
{
    *ret = (struct masks){ 0 };
    for (int i = 0; i < WORD; i++) {
        ret->delimiter |= (uint64_t)(p[i] == delimiter) << i;
        ret->quote |= (uint64_t)(p[i] == quote) << i;
        ret->lf |= (uint64_t)(p[i] == '\n') << i;
        ret->cr |= (uint64_t)(p[i] == '\r') << i;
        seen->low = p[i] ? seen->low : 0;
        seen->high |= (unsigned char)p[i] & 0x80u;
    }
}
/* The lowest bit that is set; anything where none is. */
static inline int lowest_bit(uint64_t x)
{
    return __builtin_ctzll(x | UINT64_C(1) << 63);
}
#define LOOP scan_scalar
#define LOOP_TARGET
#define LOOP_MASKS masks_scalar
#define LOOP_CTZ lowest_bit
#include "data/csv_scan_loop.inc"

#if defined(__x86_64__)

/* ---- SSE2: on every x86-64 ------------------------------------------------------------ */

static inline void masks_sse2(const char *p, char delimiter, char quote, struct masks *ret,
                              struct bytes *seen)
{
    const __m128i d = _mm_set1_epi8(delimiter), q = _mm_set1_epi8(quote), lf = _mm_set1_epi8('\n'),
                  cr = _mm_set1_epi8('\r');
    *ret = (struct masks){ 0 };
    for (int i = 0; i < WORD; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        ret->delimiter |= (uint64_t)(uint16_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v, d)) << i;
        ret->quote |= (uint64_t)(uint16_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v, q)) << i;
        ret->lf |= (uint64_t)(uint16_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v, lf)) << i;
        ret->cr |= (uint64_t)(uint16_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v, cr)) << i;
        if (_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_setzero_si128())))
            seen->low = 0;
        seen->high |= (uint64_t)_mm_movemask_epi8(v);
    }
}
#define LOOP scan_sse2
#define LOOP_TARGET
#define LOOP_MASKS masks_sse2
#define LOOP_CTZ lowest_bit
#include "data/csv_scan_loop.inc"

/* ---- AVX2, with the bit instructions of the same generation -------------------------------- */

#define AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt,lzcnt")))

AVX2 static inline uint64_t equal_avx2(__m256i a, __m256i b, __m256i c)
{
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, c)) |
           (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(b, c)) << 32;
}

AVX2 static inline void masks_avx2(const char *p, char delimiter, char quote, struct masks *ret,
                                   struct bytes *seen)
{
    __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)p);
    __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));
    ret->delimiter = equal_avx2(a, b, _mm256_set1_epi8(delimiter));
    ret->quote = equal_avx2(a, b, _mm256_set1_epi8(quote));
    ret->lf = equal_avx2(a, b, _mm256_set1_epi8('\n'));
    ret->cr = equal_avx2(a, b, _mm256_set1_epi8('\r'));
    __m256i zero = _mm256_cmpeq_epi8(_mm256_min_epu8(a, b), _mm256_setzero_si256());
    if (__builtin_expect(!_mm256_testz_si256(zero, zero), 0))
        seen->low = 0;
    seen->high |= (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(a, b));
}
AVX2 static inline uint64_t lowest_bit_avx2(uint64_t x)
{
    return _tzcnt_u64(x);
}
#define LOOP scan_avx2
#define LOOP_TARGET AVX2
#define LOOP_MASKS masks_avx2
#define LOOP_CTZ lowest_bit_avx2
#include "data/csv_scan_loop.inc"

#endif

/* ---- choosing ------------------------------------------------------------------------------ */

enum dr_csv_isa dr_csv_best_isa(void)
{
#if defined(__x86_64__)
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
                __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
    return avx2 ? DR_CSV_AVX2 : DR_CSV_SSE2;
#else
    return DR_CSV_SCALAR;
#endif
}

/* Room for a separator at every byte; pages that are never written cost nothing. */
static void need_positions(struct dr_csv_index *ret, size_t n)
{
    size_t need = n + 2 * WORD;
    if (ret->cap >= need)
        return;
    free(ret->at);
    ret->at = dr_malloc(need * sizeof *ret->at);
    ret->cap = need;
}

void dr_csv_scan(enum dr_csv_isa isa, const char *p, size_t n, char delimiter, char quote,
                 struct dr_csv_index *ret)
{
    need_positions(ret, n);
    ret->at[0] = UINT32_MAX;
#if defined(__x86_64__)
    if (isa == DR_CSV_AVX2) {
        scan_avx2(p, n, delimiter, quote, ret);
        return;
    }
    if (isa == DR_CSV_SSE2) {
        scan_sse2(p, n, delimiter, quote, ret);
        return;
    }
#else
    (void)isa;
#endif
    scan_scalar(p, n, delimiter, quote, ret);
}

void dr_csv_index_done(struct dr_csv_index *index)
{
    free(index->at);
    *index = (struct dr_csv_index){ 0 };
}
