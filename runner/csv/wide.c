/* wide.c - floats four at a time, dates eight at a time, with AVX2.
 *
 * A float of up to eight characters is one 64-bit lane: the sign goes, the text
 * is moved to the lane's end, the point is taken out, and pairs of digits are
 * joined until a whole number is left, which a power of ten divides. Both are
 * exact in a double, so the division rounds correctly.
 *
 * A date is ten characters and the separator that must follow them: 16 bytes
 * whose exclusive-or with "0000-00-00," leaves digits and zeros. The digits of
 * eight dates become years, months and days in 32-bit lanes, and those days
 * since 1970, in years where every fourth is a leap year but for the first. */
#include "csv/wide.h"

#if defined(__x86_64__)
#include <immintrin.h>

enum { FLOATS = 4, ALL = 0xFF };

DR_AVX2_CODE static inline __m256i each(uint64_t word)
{
    return _mm256_set1_epi64x((long long)word);
}
DR_AVX2_CODE static inline __m256i is_zero64(__m256i v)
{
    return _mm256_cmpeq_epi64(v, _mm256_setzero_si256());
}

/* ---- floats ------------------------------------------------------------------ */

/* Eight bytes from each of four places. */
DR_AVX2_CODE static inline __m256i four_words(const void *a, const void *b, const void *c, const void *d)
{
    __m128i ab = _mm_unpacklo_epi64(_mm_loadl_epi64(a), _mm_loadl_epi64(b));
    __m128i cd = _mm_unpacklo_epi64(_mm_loadl_epi64(c), _mm_loadl_epi64(d));
    return _mm256_inserti128_si256(_mm256_castsi128_si256(ab), cd, 1);
}

struct four_texts {
    __m256i text; /* without the sign */
    __m256i n;    /* its length, below 2^32 */
    __m256i minus;
    __m256i fits; /* all of it and the sign in eight bytes */
};

/* From the first eight bytes of each, and their lengths. */
DR_AVX2_CODE static inline struct four_texts take_signs(__m256i words, __m256i n)
{
    struct four_texts t = { .fits = _mm256_cmpgt_epi64(each(9), n) };
    t.minus = _mm256_cmpeq_epi64(_mm256_and_si256(words, each(0xFF)), each('-'));
    t.text = _mm256_srlv_epi64(words, _mm256_and_si256(t.minus, each(8)));
    t.n = _mm256_add_epi64(n, t.minus);
    return t;
}

/* The words and lengths of texts in quotes, without these. Of what fills a word together
 * with its quote one byte is lost: its length is made one that does not fit. */
DR_AVX2_CODE static inline void take_quotes(char quote, __m256i *words, __m256i *n)
{
    __m256i first = _mm256_and_si256(*words, each(0xFF));
    __m256i quoted = _mm256_cmpeq_epi64(first, each((unsigned char)quote));
    *words = _mm256_srlv_epi64(*words, _mm256_and_si256(quoted, each(8)));
    __m256i inner = _mm256_add_epi64(*n, _mm256_add_epi64(quoted, quoted));
    __m256i full = _mm256_and_si256(quoted, _mm256_cmpeq_epi64(inner, each(8)));
    *n = _mm256_sub_epi64(inner, full);
}

DR_AVX2_CODE static inline struct four_texts load_four(const struct dr_csv_strip *s, const uint32_t *ends,
                                                       bool quotes)
{
    const char *p = s->p;
    const size_t stride = s->stride;
    const uint32_t *at[FLOATS] = { ends - 1, ends + stride - 1, ends + 2 * stride - 1,
                                   ends + 3 * stride - 1 };
    __m256i bounds = four_words(at[0], at[1], at[2], at[3]);
    __m256i word = four_words(p + (uint32_t)(*at[0] + 1), p + (uint32_t)(*at[1] + 1),
                              p + (uint32_t)(*at[2] + 1), p + (uint32_t)(*at[3] + 1));
    __m256i past = _mm256_sub_epi32(_mm256_srli_epi64(bounds, 32), bounds); /* the length and one */
    __m256i n = _mm256_sub_epi64(_mm256_and_si256(past, each(UINT32_MAX)), each(1));
    if (quotes)
        take_quotes(s->quote, &word, &n);
    return take_signs(word, n);
}

DR_AVX2_CODE static inline struct four_texts load_four_tagged(const char *p, const uint32_t *of, uint32_t tag)
{
    __m256i sizes = _mm256_srli_epi64(_mm256_loadu_si256((const __m256i *)(const void *)of), 32);
    __m256i word = four_words(p + of[0], p + of[2], p + of[4], p + of[6]);
    struct four_texts t = take_signs(word, _mm256_srli_epi64(sizes, 4));
    t.fits = _mm256_and_si256(t.fits, _mm256_cmpeq_epi64(_mm256_and_si256(sizes, each(15)), each(tag)));
    return t;
}

/* Where the number would be written otherwise: with a leading zero, "-0", "5.". */
DR_AVX2_CODE static inline __m256i is_odd(const struct four_texts *t, __m256i has_point, __m256i fraction)
{
    __m256i zero = _mm256_cmpeq_epi64(_mm256_and_si256(t->text, each(0xFF)), each('0'));
    __m256i point = _mm256_cmpeq_epi64(_mm256_and_si256(t->text, each(0xFF00)), each('.' << 8));
    __m256i alone = _mm256_cmpeq_epi64(t->n, each(1));
    __m256i may = _mm256_blendv_epi8(point, _mm256_andnot_si256(t->minus, alone), alone);
    __m256i ends = _mm256_and_si256(has_point, is_zero64(fraction));
    return _mm256_or_si256(_mm256_andnot_si256(may, zero), ends);
}

/* The numbers that the eight digits of each lane make, as doubles. */
DR_AVX2_CODE static inline __m256d join_digits(__m256i digits)
{
    __m256i twos = _mm256_maddubs_epi16(digits, _mm256_set1_epi16(10 | 1 << 8));
    __m256i fours = _mm256_madd_epi16(twos, _mm256_set1_epi32(100 | 1 << 16));
    __m256i packed = _mm256_packus_epi32(fours, fours);
    __m256i eights = _mm256_madd_epi16(packed, _mm256_set1_epi32(10000 | 1 << 16));
    return _mm256_cvtepi32_pd(_mm256_castsi256_si128(_mm256_permute4x64_epi64(eights, 0x08)));
}

/* 10 to the power of each lane, which is 0 to 7. */
DR_AVX2_CODE static inline __m256d powers_of_ten(__m256i exponent)
{
    const __m256d low = _mm256_setr_pd(1, 1e1, 1e2, 1e3), high = _mm256_setr_pd(1e4, 1e5, 1e6, 1e7);
    __m256i twice = _mm256_add_epi64(_mm256_slli_epi64(exponent, 1), _mm256_slli_epi64(exponent, 33));
    __m256i halves = _mm256_add_epi64(twice, each(UINT64_C(1) << 32)); /* of a double in a table */
    __m256i small = _mm256_permutevar8x32_epi32(_mm256_castpd_si256(low), halves);
    __m256i large = _mm256_permutevar8x32_epi32(_mm256_castpd_si256(high), halves);
    return _mm256_blendv_pd(_mm256_castsi256_pd(small), _mm256_castsi256_pd(large),
                            _mm256_castsi256_pd(_mm256_slli_epi64(exponent, 61)));
}

DR_AVX2_CODE static inline unsigned four_floats(struct four_texts t, bool inferred, double *to)
{
    enum { POINT = '.' ^ '0' /* 0x1E: its highest bit no digit has */ };
    __m256i shift = _mm256_slli_epi64(_mm256_sub_epi64(each(8), t.n), 3); /* 64 and more leave nothing */
    __m256i digits = _mm256_sllv_epi64(_mm256_xor_si256(t.text, each(DR_CSV_EACH('0'))), shift);
    __m256i points = _mm256_and_si256(digits, each(DR_CSV_EACH(0x10)));
    /* The lowest bit of the first point's byte; 0 where there is none. */
    __m256i one =
        _mm256_srli_epi64(_mm256_and_si256(points, _mm256_sub_epi64(_mm256_setzero_si256(), points)), 4);
    __m256i none = is_zero64(one);
    __m256i byte = _mm256_sub_epi64(_mm256_slli_epi64(one, 8), one);
    __m256i lower = _mm256_sub_epi64(one, each(1)); /* all ones where there is none */
    digits = _mm256_xor_si256(digits, _mm256_and_si256(byte, each(DR_CSV_EACH(POINT))));
    __m256i not_point = _mm256_and_si256(digits, byte);
    /* What is before the point moves up. */
    __m256i before = _mm256_andnot_si256(none, _mm256_and_si256(digits, lower));
    digits = _mm256_add_epi64(_mm256_sub_epi64(digits, before), _mm256_slli_epi64(before, 8));
    __m256i upper = _mm256_andnot_si256(_mm256_or_si256(byte, lower), each(DR_CSV_EACH(1)));
    __m256i fraction = _mm256_sad_epu8(upper, _mm256_setzero_si256());

    __m256i wrong = _mm256_or_si256(_mm256_subs_epu8(digits, each(DR_CSV_EACH(9))), not_point);
    __m256i has_point = _mm256_xor_si256(none, each(UINT64_MAX));
    __m256i any = _mm256_cmpgt_epi64(_mm256_add_epi64(t.n, has_point), _mm256_setzero_si256());
    __m256i read = _mm256_and_si256(_mm256_and_si256(is_zero64(wrong), any), t.fits);
    if (inferred)
        read = _mm256_andnot_si256(is_odd(&t, has_point, fraction), read);

    __m256d v = _mm256_div_pd(join_digits(digits), powers_of_ten(fraction));
    __m256d sign = _mm256_castsi256_pd(_mm256_and_si256(t.minus, each(UINT64_C(1) << 63)));
    _mm256_storeu_pd(to, _mm256_or_pd(v, sign));
    return (unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(read));
}

DR_AVX2_CODE static inline __attribute__((always_inline)) void floats(const struct dr_csv_strip *strip,
                                                                      bool inferred, bool quotes, double *to,
                                                                      uint8_t *read)
{
    const struct dr_csv_strip s = *strip;
    const uint32_t *ends = s.ends;
    for (int64_t i = 0; i < s.rows; i += DR_CSV_WIDE, ends += DR_CSV_WIDE * s.stride) {
        const uint32_t *others = ends + FLOATS * s.stride;
        unsigned first = four_floats(load_four(&s, ends, quotes), inferred, to + i);
        unsigned second = four_floats(load_four(&s, others, quotes), inferred, to + i + FLOATS);
        read[i / DR_CSV_WIDE] = (uint8_t)(first | second << FLOATS);
    }
}
DR_AVX2_CODE static void floats_avx2(const struct dr_csv_strip *strip, bool inferred, double *to,
                                     uint8_t *read)
{
    if (strip->quotes)
        floats(strip, inferred, true, to, read);
    else if (inferred)
        floats(strip, true, false, to, read);
    else
        floats(strip, false, false, to, read);
}
void dr_csv_wide_floats(const struct dr_csv_strip *strip, bool inferred, double *to, uint8_t *read)
{
    floats_avx2(strip, inferred, to, read);
}

DR_AVX2_CODE static void tagged_floats_avx2(const char *p, const uint32_t *texts, int64_t n, uint32_t tag,
                                            double *to, uint8_t *read)
{
    for (int64_t i = 0; i < n; i += DR_CSV_WIDE) {
        unsigned first = four_floats(load_four_tagged(p, texts + 2 * i, tag), false, to + i);
        unsigned second =
            four_floats(load_four_tagged(p, texts + 2 * (i + FLOATS), tag), false, to + i + FLOATS);
        read[i / DR_CSV_WIDE] = (uint8_t)(first | second << FLOATS);
    }
}
void dr_csv_wide_tagged_floats(const char *p, const uint32_t *texts, int64_t n, uint32_t tag, double *to,
                               uint8_t *read)
{
    tagged_floats_avx2(p, texts, n, tag, to, read);
}

/* ---- dates ---------------------------------------------------------------------- */

/* The text of a date that "0000-00-00" and what must follow it were taken from. In quotes a
 * quote must follow, and is only there if it does. */
DR_AVX2_CODE static inline __m128i one_date(const struct dr_csv_strip *s, uint32_t before, bool quotes,
                                            const __m128i expected[2])
{
    const char *p = s->p + (uint32_t)(before + 1);
    size_t quoted = quotes && *p == s->quote;
    return _mm_xor_si128(_mm_loadu_si128((const __m128i *)(const void *)(p + quoted)), expected[quoted]);
}

/* Two dates, each as eight digits, then three bytes that must be 0. */
DR_AVX2_CODE static inline __m256i two_dates(__m128i a, __m128i b)
{
    const __m256i order = _mm256_setr_epi8(0, 1, 2, 3, 5, 6, 8, 9, 4, 7, 10, -1, -1, -1, -1, -1, 0, 1, 2, 3,
                                           5, 6, 8, 9, 4, 7, 10, -1, -1, -1, -1, -1);
    return _mm256_shuffle_epi8(_mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1), order);
}

/* Lanes of 32 bits: the first, or the second, of each pair of a, then of b, half by half. */
#define PICK(a, b, which)                                                                                    \
    _mm256_castps_si256(_mm256_shuffle_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b), which))
#define FIRST 0x88
#define SECOND 0xDD

/* The days since 1970, where year, month and day are a date of the years that count. */
DR_AVX2_CODE static inline __m256i days_of(__m256i year, __m256i month, __m256i day)
{
    const __m256i first_year = _mm256_set1_epi32(DR_CSV_FIRST_YEAR);
    enum { BEFORE_1970 = 719469 + 15 /* days; and the leap days that centuries lack */ };
    /* A year begins with March here, so that its leap day is its last. */
    __m256i early = _mm256_cmpgt_epi32(_mm256_set1_epi32(3), month);
    __m256i from_march = _mm256_add_epi32(_mm256_sub_epi32(month, _mm256_set1_epi32(3)),
                                          _mm256_and_si256(early, _mm256_set1_epi32(12)));
    year = _mm256_add_epi32(year, early);
    __m256i months = _mm256_madd_epi16(from_march, _mm256_set1_epi32(979));
    months = _mm256_srli_epi32(_mm256_add_epi32(months, _mm256_set1_epi32(18)), 5);
    __m256i years = _mm256_srli_epi32(_mm256_madd_epi16(year, _mm256_set1_epi32(4 * 365 + 1)), 2);
    years = _mm256_sub_epi32(years, _mm256_cmpgt_epi32(first_year, year)); /* 1900 has not been yet */
    day = _mm256_sub_epi32(day, _mm256_set1_epi32(BEFORE_1970));
    return _mm256_add_epi32(_mm256_add_epi32(years, months), day);
}

/* Whether they are a date of those years. */
DR_AVX2_CODE static inline __m256i is_date(__m256i year, __m256i month, __m256i day)
{
    const __m256i lengths = _mm256_setr_epi8(0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 0, 0, 0, 0,
                                             31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 0, 0, 0);
    const __m256i first_year = _mm256_set1_epi32(DR_CSV_FIRST_YEAR);
    __m256i since = _mm256_sub_epi32(year, first_year);
    __m256i counts = _mm256_cmpeq_epi32(_mm256_min_epu32(since, _mm256_set1_epi32(DR_CSV_YEARS - 1)), since);
    __m256i index = _mm256_or_si256(_mm256_min_epu32(month, _mm256_set1_epi32(13)),
                                    _mm256_set1_epi32((int)0x80808000)); /* other bytes become 0 */
    __m256i length = _mm256_shuffle_epi8(lengths, index);
    __m256i leap = _mm256_cmpeq_epi32(_mm256_and_si256(year, _mm256_set1_epi32(3)), _mm256_setzero_si256());
    leap = _mm256_andnot_si256(_mm256_cmpeq_epi32(year, first_year), leap);
    leap = _mm256_and_si256(leap, _mm256_cmpeq_epi32(month, _mm256_set1_epi32(2)));
    length = _mm256_sub_epi32(length, leap);
    __m256i late = _mm256_cmpgt_epi32(day, length);
    return _mm256_and_si256(_mm256_andnot_si256(late, _mm256_cmpgt_epi32(day, _mm256_setzero_si256())),
                            counts);
}

DR_AVX2_CODE static inline unsigned eight_dates(const struct dr_csv_strip *s, const uint32_t *ends,
                                                bool quotes, const __m128i expected[2], int32_t *to)
{
    const uint32_t *before = ends - 1; /* of each date, the separator */
    __m256i two[4], digits[2], read[2], pairs[2];
    for (size_t k = 0; k < 4; k++)
        two[k] = two_dates(one_date(s, before[k * s->stride], quotes, expected),
                           one_date(s, before[(k + 4) * s->stride], quotes, expected));
    for (int k = 0; k < 2; k++) { /* dates 0, 1, 4, 5, then 2, 3, 6, 7 */
        digits[k] = _mm256_unpacklo_epi64(two[2 * k], two[2 * k + 1]);
        __m256i others = _mm256_unpackhi_epi64(two[2 * k], two[2 * k + 1]);
        __m256i wrong = _mm256_or_si256(_mm256_subs_epu8(digits[k], each(DR_CSV_EACH(9))), others);
        read[k] = is_zero64(wrong);
        pairs[k] = _mm256_maddubs_epi16(digits[k], _mm256_set1_epi16(10 | 1 << 8));
    }
    __m256i month_day = PICK(pairs[0], pairs[1], SECOND);
    __m256i year = _mm256_madd_epi16(PICK(pairs[0], pairs[1], FIRST), _mm256_set1_epi32(100 | 1 << 16));
    __m256i month = _mm256_and_si256(month_day, _mm256_set1_epi32(0xFFFF));
    __m256i day = _mm256_srli_epi32(month_day, 16);
    _mm256_storeu_si256((__m256i *)(void *)to, days_of(year, month, day));
    __m256i good = _mm256_and_si256(is_date(year, month, day), PICK(read[0], read[1], FIRST));
    return (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(good));
}

DR_AVX2_CODE static inline __attribute__((always_inline)) void dates(const struct dr_csv_strip *strip,
                                                                     bool quotes, int32_t *to, uint8_t *read)
{
    const struct dr_csv_strip s = *strip;
    const __m128i expected[2] = {
        _mm_setr_epi8('0', '0', '0', '0', '-', '0', '0', '-', '0', '0', s.separator, 0, 0, 0, 0, 0),
        _mm_setr_epi8('0', '0', '0', '0', '-', '0', '0', '-', '0', '0', s.quote, 0, 0, 0, 0, 0),
    };
    const uint32_t *ends = s.ends;
    for (int64_t i = 0; i < s.rows; i += DR_CSV_WIDE, ends += DR_CSV_WIDE * s.stride)
        read[i / DR_CSV_WIDE] = (uint8_t)eight_dates(&s, ends, quotes, expected, to + i);
}
DR_AVX2_CODE static void dates_avx2(const struct dr_csv_strip *strip, int32_t *to, uint8_t *read)
{
    if (strip->quotes)
        dates(strip, true, to, read);
    else
        dates(strip, false, to, read);
}
void dr_csv_wide_dates(const struct dr_csv_strip *strip, int32_t *to, uint8_t *read)
{
    dates_avx2(strip, to, read);
}

/* A separator that is part of a date would be passed over. */
bool dr_csv_wide_can(enum dr_isa isa, char delimiter)
{
    return isa >= DR_ISA_AVX2 && delimiter != '-' && !(delimiter >= '0' && delimiter <= '9');
}

#else

bool dr_csv_wide_can(enum dr_isa isa, char delimiter)
{
    (void)isa;
    (void)delimiter;
    return false;
}
void dr_csv_wide_floats(const struct dr_csv_strip *strip, bool inferred, double *to, uint8_t *read)
{
    (void)inferred;
    (void)to;
    memset(read, 0, (size_t)strip->rows / DR_CSV_WIDE);
}
void dr_csv_wide_tagged_floats(const char *p, const uint32_t *texts, int64_t n, uint32_t tag, double *to,
                               uint8_t *read)
{
    (void)p, (void)texts, (void)tag, (void)to;
    memset(read, 0, (size_t)n / DR_CSV_WIDE);
}
void dr_csv_wide_dates(const struct dr_csv_strip *strip, int32_t *to, uint8_t *read)
{
    (void)to;
    memset(read, 0, (size_t)strip->rows / DR_CSV_WIDE);
}

#endif
