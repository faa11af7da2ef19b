/* scan.c - the structural scan.
 *
 * 64 bytes become four masks of one bit per byte: delimiters, quotes, LFs, CRs.
 * In a well-formed CSV every second quote opens, so the running parity of
 * quotes (an exclusive-or over all lower bits) says which bytes lie inside. A
 * doubled quote closes and opens again at once, which leaves the separators
 * around it as they are. What makes parity agree with libcsv is checked on the
 * way, in the same masks:
 *   - a quote that opens follows no ordinary byte: but a separator, a quote that closes, or nothing;
 *   - a quote that closes is not followed by an ordinary byte;
 *   - a CR outside quotes is followed by LF;
 *   - there is no NUL.
 * Anything else is `odd`, and libcsv's to read. */
#include "csv/scan.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { WORD = 64 };

struct masks {
    uint64_t delimiter, quote, lf, cr;
};
/* Of all bytes seen. */
struct bytes {
    uint64_t nul;  /* not 0: one is NUL */
    uint64_t high; /* not 0: one is beyond ASCII */
};
struct state {
    uint64_t inside;   /* all ones where the next byte is inside quotes */
    uint64_t ordinary; /* 1: the byte before was outside quotes and nothing else */
    uint64_t closed;   /* 1: it was a quote that closed */
    uint64_t returned; /* 1: it was a CR outside quotes */
    uint64_t inner_cr; /* 1: it was a CR inside quotes */
    uint64_t odd, quotes, doubled, returns;
    size_t line_ends, inner_line_ends;
};

/* CRs: outside quotes an LF must follow, and inside CR LF is one line end, of which the LF has
 * been counted. */
static inline __attribute__((always_inline)) void look_at_returns(struct state *s, const struct masks *m,
                                                                  uint64_t inside, uint64_t valid)
{
    uint64_t returns = m->cr & ~inside, inner = m->cr & inside;
    s->odd |= (returns << 1 | s->returned) & ~m->lf & valid;
    s->returns |= returns;
    s->returned = returns >> 63;
    uint64_t pairs = m->lf & inside & (inner << 1 | s->inner_cr);
    s->inner_line_ends += (size_t)(__builtin_popcountll(inner) - __builtin_popcountll(pairs));
    s->inner_cr = inner >> 63;
}

static inline __attribute__((always_inline)) void finish(const struct state *s, struct dr_csv_index *ret)
{
    ret->line_ends = s->line_ends;
    ret->quotes = s->quotes != 0;
    ret->doubled = s->doubled != 0;
    ret->returns = s->returns != 0;
    ret->inner_line_ends = s->inner_line_ends;
    ret->open = s->inside != 0;
    ret->odd |= s->odd != 0;
}
static inline __attribute__((always_inline)) void finish_bytes(const struct bytes *seen,
                                                               struct dr_csv_index *ret)
{
    ret->high = seen->high != 0;
    ret->odd = seen->nul != 0;
}
#define NO_BYTES(p) ((struct bytes){ 0 })

/* ---- 64 bytes at a time, byte by byte -------------------------------------------- */

static inline void masks_scalar(const char *p, char delimiter, char quote, struct masks *ret)
{
    *ret = (struct masks){ 0 };
    for (int i = 0; i < WORD; i++) {
        ret->delimiter |= (uint64_t)(p[i] == delimiter) << i;
        ret->quote |= (uint64_t)(p[i] == quote) << i;
        ret->lf |= (uint64_t)(p[i] == '\n') << i;
        ret->cr |= (uint64_t)(p[i] == '\r') << i;
    }
}
static inline void look_scalar(const char *p, struct bytes *seen)
{
    for (int i = 0; i < WORD; i++) {
        seen->nul |= p[i] == '\0';
        seen->high |= (unsigned char)p[i] & 0x80u;
    }
}
/* Store from + the number of each bit, and perhaps more. Most words of 64 bytes
 * hold few separators: eight are written in any case, without a branch for each. */
static inline __attribute__((always_inline)) void put_bits(uint32_t *to, uint32_t from, uint64_t bits,
                                                           size_t count)
{
    (void)count;
    do {
#pragma GCC unroll 8
        for (int k = 0; k < 8; k++) {
            to[k] = from + (uint32_t)__builtin_ctzll(bits | UINT64_C(1) << 63);
            bits &= bits - 1;
        }
        to += 8;
    } while (bits);
}
#define LOOP scan_scalar
#define LOOP_STEP step_scalar
#define LOOP_PARITY dr_running_parity
#define LOOP_TARGET
#define LOOP_MASKS masks_scalar
#define LOOP_BYTES struct bytes
#define LOOP_NEW NO_BYTES
#define LOOP_LOOK look_scalar
#define LOOP_SEEN finish_bytes
#define LOOP_PUT put_bits
#include "csv/scan_loop.inc"

#if defined(__x86_64__)

/* ---- SSE2: on every x86-64 ------------------------------------------------------------ */

static inline void masks_sse2(const char *p, char delimiter, char quote, struct masks *ret)
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
    }
}
static inline void look_sse2(const char *p, struct bytes *seen)
{
    __m128i least = _mm_set1_epi8(-1), any = _mm_setzero_si128();
    for (int i = 0; i < WORD; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        least = _mm_min_epu8(least, v);
        any = _mm_or_si128(any, v);
    }
    seen->nul |= (uint64_t)_mm_movemask_epi8(_mm_cmpeq_epi8(least, _mm_setzero_si128()));
    seen->high |= (uint64_t)_mm_movemask_epi8(any);
}
#define LOOP scan_sse2
#define LOOP_STEP step_sse2
#define LOOP_PARITY dr_running_parity
#define LOOP_TARGET
#define LOOP_MASKS masks_sse2
#define LOOP_BYTES struct bytes
#define LOOP_NEW NO_BYTES
#define LOOP_LOOK look_sse2
#define LOOP_SEEN finish_bytes
#define LOOP_PUT put_bits
#include "csv/scan_loop.inc"

/* ---- AVX2 ---------------------------------------------------------------------------- */

/* Bit i of a product without carries by all ones is the exclusive-or of bits 0 to i. */
DR_AVX2_CODE static inline uint64_t parity_clmul(uint64_t x)
{
    __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)x), _mm_set1_epi8(-1), 0);
    return (uint64_t)_mm_cvtsi128_si64(product);
}

DR_AVX2_CODE static inline uint64_t equal_avx2(__m256i a, __m256i b, __m256i c)
{
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, c)) |
           (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(b, c)) << 32;
}

DR_AVX2_CODE static inline void masks_avx2(const char *p, char delimiter, char quote, struct masks *ret)
{
    __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)p);
    __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));
    ret->delimiter = equal_avx2(a, b, _mm256_set1_epi8(delimiter));
    ret->quote = equal_avx2(a, b, _mm256_set1_epi8(quote));
    ret->lf = equal_avx2(a, b, _mm256_set1_epi8('\n'));
    ret->cr = equal_avx2(a, b, _mm256_set1_epi8('\r'));
}
DR_AVX2_CODE static inline void look_avx2(const char *p, struct bytes *seen)
{
    __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)p);
    __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));
    __m256i zero = _mm256_cmpeq_epi8(_mm256_min_epu8(a, b), _mm256_setzero_si256());
    seen->nul |= (uint32_t)_mm256_movemask_epi8(zero);
    seen->high |= (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(a, b));
}
/* As put_bits, for a machine that has the number of the lowest bit of none. */
DR_AVX2_CODE static inline void put_bits_avx2(uint32_t *to, uint32_t from, uint64_t bits, size_t count)
{
#pragma GCC unroll 8
    for (int k = 0; k < 8; k++) {
        to[k] = from + (uint32_t)_tzcnt_u64(bits);
        bits &= bits - 1;
    }
    for (size_t k = 8; __builtin_expect(k < count, 0); k++) {
        to[k] = from + (uint32_t)_tzcnt_u64(bits);
        bits &= bits - 1;
    }
}
#define LOOP scan_avx2
#define LOOP_STEP step_avx2
#define LOOP_PARITY parity_clmul
#define LOOP_TARGET DR_AVX2_CODE
#define LOOP_MASKS masks_avx2
#define LOOP_BYTES struct bytes
#define LOOP_NEW NO_BYTES
#define LOOP_LOOK look_avx2
#define LOOP_SEEN finish_bytes
#define LOOP_PUT put_bits_avx2
#include "csv/scan_loop.inc"

/* ---- AVX-512 --------------------------------------------------------------------------- */

DR_AVX512_CODE static inline void masks_avx512(const char *p, char delimiter, char quote, struct masks *ret)
{
    __m512i v = _mm512_loadu_si512(p);
    ret->delimiter = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(delimiter));
    ret->quote = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(quote));
    ret->lf = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\n'));
    ret->cr = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\r'));
}

/* Characters of two bytes are looked at here, since they are most of what is not ASCII: a byte
 * that follows comes after one that leads, and nowhere else. Only the highest bit of each byte
 * of `wrong` counts. */
struct bytes_avx512 {
    __m512i least, most, wrong;
    __m512i least_lead; /* of bytes less C0, which are large where a byte is below that */
};
DR_AVX512_CODE static inline struct bytes_avx512 new_avx512(const char *p)
{
    bool follows = (*p & 0xC0) == 0x80;
    return (struct bytes_avx512){ .least = _mm512_set1_epi8(-1),
                                  .most = _mm512_setzero_si512(),
                                  .wrong = _mm512_set1_epi8(follows ? -1 : 0),
                                  .least_lead = _mm512_set1_epi8(-1) };
}
DR_AVX512_CODE static inline void look_avx512(const char *p, struct bytes_avx512 *seen)
{
    __m512i v = _mm512_loadu_si512(p), next = _mm512_loadu_si512(p + 1);
    __m512i leads = _mm512_and_si512(v, _mm512_add_epi8(v, v));
    __m512i bit_6 = _mm512_add_epi8(next, next);
    enum { A = 0xF0, B = 0xCC, C = 0xAA };
    __m512i wrong = _mm512_ternarylogic_epi64(leads, next, bit_6, A ^ (B & ~C));
    seen->wrong = _mm512_or_si512(seen->wrong, wrong);
    seen->least = _mm512_min_epu8(seen->least, v);
    seen->most = _mm512_max_epu8(seen->most, v);
    __m512i from_c0 = _mm512_sub_epi8(v, _mm512_set1_epi8((char)0xC0));
    seen->least_lead = _mm512_min_epu8(seen->least_lead, from_c0);
}
DR_AVX512_CODE static inline void seen_avx512(const struct bytes_avx512 *seen, struct dr_csv_index *ret)
{
    uint64_t beyond = _mm512_cmpgt_epu8_mask(seen->most, _mm512_set1_epi8((char)0xDF));
    uint64_t overlong = _mm512_cmplt_epu8_mask(seen->least_lead, _mm512_set1_epi8(2));
    ret->high = (_mm512_movepi8_mask(seen->wrong) | beyond | overlong) != 0;
    ret->odd = _mm512_testn_epi8_mask(seen->least, seen->least) != 0;
}
DR_AVX512_CODE static inline void put_16(uint32_t *to, uint32_t from, __m128i numbers)
{
    __m512i wide = _mm512_cvtepu8_epi32(numbers);
    _mm512_storeu_si512(to, _mm512_add_epi32(wide, _mm512_set1_epi32((int)from)));
}
DR_AVX512_CODE static inline void put_bits_avx512(uint32_t *to, uint32_t from, uint64_t bits, size_t count)
{
    static const char numbers[WORD] = { 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                        16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
                                        32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47,
                                        48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63 };
    __m512i set = _mm512_maskz_compress_epi8(bits, _mm512_loadu_si512(numbers));
    put_16(to, from, _mm512_castsi512_si128(set));
    if (__builtin_expect(count > 16, 0)) {
        put_16(to + 16, from, _mm512_extracti32x4_epi32(set, 1));
        put_16(to + 32, from, _mm512_extracti32x4_epi32(set, 2));
        put_16(to + 48, from, _mm512_extracti32x4_epi32(set, 3));
    }
}
#define LOOP scan_avx512
#define LOOP_STEP step_avx512
#define LOOP_PARITY parity_clmul
#define LOOP_TARGET DR_AVX512_CODE
#define LOOP_MASKS masks_avx512
#define LOOP_BYTES struct bytes_avx512
#define LOOP_NEW new_avx512
#define LOOP_LOOK look_avx512
#define LOOP_SEEN seen_avx512
#define LOOP_PUT put_bits_avx512
#include "csv/scan_loop.inc"

#endif

/* ---- choosing ------------------------------------------------------------------------------ */

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

void dr_csv_scan(enum dr_isa isa, const char *p, size_t n, char delimiter, char quote,
                 struct dr_csv_index *ret)
{
    need_positions(ret, n);
    ret->at[0] = UINT32_MAX;
#if defined(__x86_64__)
    if (isa == DR_ISA_AVX512) {
        scan_avx512(p, n, delimiter, quote, ret);
        return;
    }
    if (isa == DR_ISA_AVX2) {
        scan_avx2(p, n, delimiter, quote, ret);
        return;
    }
    if (isa == DR_ISA_SSE2) {
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
