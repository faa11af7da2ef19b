/* utf8.c - is it UTF-8? With AVX2 as Keiser and Lemire describe in
 * "Validating UTF-8 In Less Than One Instruction Per Byte" (2020): what can be
 * wrong with a byte and the one before it shows in three four-bit pieces of
 * them. Each piece looks up the set of errors that it allows; an error is in all
 * three sets. Whether a byte continues a longer sequence follows from the bytes
 * two and three before. */
#include "base/cpu.h"
#include "data/utf8.h"
#if defined(__x86_64__)
#include <immintrin.h>

enum {
    BLOCK = 32,
    SHORT = 1 << 0,      /* a sequence that the next byte does not continue */
    LONG = 1 << 1,       /* ASCII, then a byte that continues */
    OVERLONG_3 = 1 << 2, /* 11100000 100xxxxx */
    LARGE = 1 << 3,      /* above U+10FFFF: 11110100 1001xxxx and more */
    SURROGATE = 1 << 4,  /* 11101101 101xxxxx */
    OVERLONG_2 = 1 << 5, /* 1100000x */
    LARGE_1000 = 1 << 6, /* 11110101 1000xxxx and more */
    OVERLONG_4 = 1 << 6, /* 11110000 1000xxxx */
    CONTINUES = 1 << 7,  /* two bytes that continue: right only in a longer sequence */
    ANY = SHORT | LONG | CONTINUES
};

/* clang-format off */
#define BEFORE_HIGH LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, \
    (char)CONTINUES, (char)CONTINUES, (char)CONTINUES, (char)CONTINUES, \
    SHORT | OVERLONG_2, SHORT, SHORT | OVERLONG_3 | SURROGATE, SHORT | LARGE | LARGE_1000 | OVERLONG_4
#define BEFORE_LOW (char)(ANY | OVERLONG_3 | OVERLONG_2 | OVERLONG_4), (char)(ANY | OVERLONG_2), \
    (char)ANY, (char)ANY, (char)(ANY | LARGE), BEYOND, BEYOND, BEYOND, BEYOND, BEYOND, BEYOND, BEYOND, BEYOND, \
    (char)(ANY | LARGE | LARGE_1000 | SURROGATE), BEYOND, BEYOND
#define BEYOND (char)(ANY | LARGE | LARGE_1000)
#define NOW_HIGH SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, \
    (char)(LONG | OVERLONG_2 | CONTINUES | OVERLONG_3 | LARGE_1000 | OVERLONG_4), \
    (char)(LONG | OVERLONG_2 | CONTINUES | OVERLONG_3 | LARGE), \
    (char)(LONG | OVERLONG_2 | CONTINUES | SURROGATE | LARGE), \
    (char)(LONG | OVERLONG_2 | CONTINUES | SURROGATE | LARGE), \
    SHORT, SHORT, SHORT, SHORT
/* clang-format on */

DR_AVX2_CODE static inline __m256i high_half(__m256i v)
{
    return _mm256_and_si256(_mm256_srli_epi16(v, 4), _mm256_set1_epi8(0x0F));
}
DR_AVX2_CODE static inline __m256i load(const char *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

/* Not 0 where one of the 32 bytes at p is wrong; the three before them are readable. */
DR_AVX2_CODE static inline __m256i wrong(const char *p)
{
    const __m256i before_high = _mm256_setr_epi8(BEFORE_HIGH, BEFORE_HIGH);
    const __m256i before_low = _mm256_setr_epi8(BEFORE_LOW, BEFORE_LOW);
    const __m256i now_high = _mm256_setr_epi8(NOW_HIGH, NOW_HIGH);
    __m256i now = load(p), before = load(p - 1);
    __m256i pair = _mm256_and_si256(
        _mm256_and_si256(_mm256_shuffle_epi8(before_high, high_half(before)),
                         _mm256_shuffle_epi8(before_low, _mm256_and_si256(before, _mm256_set1_epi8(0x0F)))),
        _mm256_shuffle_epi8(now_high, high_half(now)));
    __m256i third = _mm256_subs_epu8(load(p - 2), _mm256_set1_epi8(0xE0 - 0x80));
    __m256i fourth = _mm256_subs_epu8(load(p - 3), _mm256_set1_epi8((char)(0xF0 - 0x80)));
    __m256i must = _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8((char)0x80));
    return _mm256_xor_si256(must, pair);
}

/* Whether the two blocks at p and the three bytes before them are ASCII, as most are. */
DR_AVX2_CODE static inline bool is_ascii(const char *p)
{
    __m256i bytes = _mm256_or_si256(_mm256_or_si256(load(p - 3), load(p)), load(p + BLOCK));
    return _mm256_movemask_epi8(bytes) == 0;
}

/* The first bytes have none before them and the last none after: they are
 * looked at in a copy between zeros, which are ASCII. */
DR_AVX2_CODE static bool valid_avx2(const char *p, size_t n)
{
    char edge[3 * BLOCK] = { 0 };
    __m256i found = _mm256_setzero_si256();
    size_t first = n < BLOCK ? n : BLOCK;
    memcpy(edge + BLOCK, p, first);
    found = wrong(edge + BLOCK);
    if (n <= BLOCK)
        found = _mm256_or_si256(found, wrong(edge + 2 * BLOCK));
    size_t i = BLOCK;
    for (; i + 2 * BLOCK <= n; i += 2 * BLOCK)
        if (!is_ascii(p + i))
            found = _mm256_or_si256(found, _mm256_or_si256(wrong(p + i), wrong(p + i + BLOCK)));
    for (; i + BLOCK <= n; i += BLOCK)
        found = _mm256_or_si256(found, wrong(p + i));
    if (n > BLOCK) {
        memset(edge, 0, sizeof edge);
        memcpy(edge + BLOCK - 3, p + i - 3, n - i + 3);
        found = _mm256_or_si256(found, wrong(edge + BLOCK));
    }
    return _mm256_testz_si256(found, found);
}
#endif

bool dr_utf8_valid_wide(bool avx2, const char *p, size_t n)
{
#if defined(__x86_64__)
    if (avx2)
        return valid_avx2(p, n);
#else
    (void)avx2;
#endif
    return dr_utf8_valid((struct dr_str){ p, n });
}
