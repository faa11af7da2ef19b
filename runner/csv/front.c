/* front.c - a table of 32 places, looked up in registers.
 *
 * A value is up to four words, the text at their upper ends and NULs below, so that
 * equal words mean equal texts (a CSV holds no NUL). The words are folded to 32 bits,
 * whose product with a multiplier tells the place. A multiplier is sought that gives
 * each value a place of its own; place 0 is that of the empty text. */
#include "csv/front.h"
#include "csv/values.h"

enum {
    PLACES = 32,
    WORDS = DR_CSV_FRONT_TEXT / 8,
    TRIES = 4096 /* multipliers: most often enough for 19 values, and well under a millisecond */
};

struct dr_csv_front {
    uint64_t word[WORDS][PLACES]; /* all 0: a free place */
    int32_t code[PLACES];
    uint64_t text[PLACES][WORDS]; /* the values in the order they came */
    int32_t code_of[PLACES];
    int32_t n;
    int32_t words; /* of the longest: 1, 2 or 4 */
    uint32_t multiplier;
    bool full;
};

struct dr_csv_front *dr_csv_front_new(void)
{
    struct dr_csv_front *f = dr_calloc(1, sizeof *f);
    f->words = 1;
    f->multiplier = UINT32_C(0x9E3779B1);
    for (int i = 0; i < PLACES; i++)
        f->code[i] = DR_CSV_NULL;
    return f;
}

void dr_csv_front_free(struct dr_csv_front *f)
{
    free(f);
}

/* ---- places ------------------------------------------------------------------ */

/* Bits that words are turned by when they are folded: no two alike within a byte, nor are halves
 * taken from each other, or a letter repeated would come to nothing. */
enum { TURN_1 = 19, TURN_2 = 37, TURN_3 = 47 };

static uint64_t turn(uint64_t word, int bits)
{
    return word >> bits | word << (64 - bits);
}

static size_t place_of(const uint64_t word[WORDS], uint32_t multiplier)
{
    uint64_t fold = word[0] ^ turn(word[1], TURN_1) ^ turn(word[2], TURN_2) ^ turn(word[3], TURN_3);
    return ((uint32_t)(fold + (fold >> 32)) * (uint64_t)multiplier >> 32) % PLACES;
}

static void words_of(struct dr_str s, uint64_t word[WORDS])
{
    for (size_t j = 0; j < WORDS; j++) {
        size_t n = s.n > 8 * j ? s.n - 8 * j : 0;
        word[j] = n ? dr_csv_load8(s.p + 8 * j) << (n < 8 ? 64 - 8 * n : 0) : 0;
    }
}

/* Whether a multiplier gives each of the values a place of its own. */
static bool separates(const struct dr_csv_front *f, uint32_t multiplier)
{
    uint32_t taken = 1;
    for (int32_t i = 0; i < f->n; i++) {
        uint32_t place = UINT32_C(1) << place_of(f->text[i], multiplier);
        if (taken & place)
            return false;
        taken |= place;
    }
    return true;
}

static void fill_places(struct dr_csv_front *f)
{
    memset(f->word, 0, sizeof f->word);
    for (int i = 0; i < PLACES; i++)
        f->code[i] = DR_CSV_NULL;
    for (int32_t i = 0; i < f->n; i++) {
        size_t place = place_of(f->text[i], f->multiplier);
        for (size_t j = 0; j < WORDS; j++)
            f->word[j][place] = f->text[i][j];
        f->code[place] = f->code_of[i];
    }
}

/* The number of a value, n where it is not there. */
static int32_t find_value(const struct dr_csv_front *f, const uint64_t word[WORDS])
{
    int32_t i = 0;
    while (i < f->n && memcmp(f->text[i], word, sizeof f->text[i]) != 0)
        i++;
    return i;
}

bool dr_csv_front_put(struct dr_csv_front *f, struct dr_str s, int32_t code)
{
    uint64_t word[WORDS];
    if (f->full || s.n == 0 || s.n > DR_CSV_FRONT_TEXT)
        return false;
    words_of(s, word);
    if (find_value(f, word) < f->n)
        return true;
    memcpy(f->text[f->n], word, sizeof word);
    f->code_of[f->n++] = code;
    uint32_t multiplier = f->multiplier;
    for (int i = 0; i < TRIES && f->n < PLACES; i++, multiplier = multiplier * 1664525 + 1013904223) {
        if (!separates(f, multiplier))
            continue;
        f->multiplier = multiplier;
        f->words = s.n > 16 ? 4 : s.n > 8 && f->words < 2 ? 2 : f->words;
        fill_places(f);
        return true;
    }
    f->n--;
    f->full = true;
    return false;
}

void dr_csv_front_set(struct dr_csv_front *f, struct dr_str s, int32_t code)
{
    char text[DR_CSV_FRONT_TEXT] = { 0 };
    uint64_t word[WORDS];
    if (s.n == 0 || s.n > sizeof text)
        return;
    memcpy(text, s.p, s.n);
    words_of((struct dr_str){ text, s.n }, word);
    int32_t i = find_value(f, word);
    if (i == f->n)
        return;
    f->code_of[i] = code;
    f->code[place_of(word, f->multiplier)] = code;
}

/* ---- eight rows at a time --------------------------------------------------------- */

#if defined(__x86_64__)
#include <immintrin.h>
#define INLINE DR_AVX512_CODE static inline __attribute__((always_inline))

INLINE __m512i each(uint64_t word)
{
    return _mm512_set1_epi64((long long)word);
}

/* The words at eight places. */
INLINE __m256i four_at(const char *a, const char *b, const char *c, const char *d)
{
    __m256i v = _mm256_broadcastq_epi64(_mm_loadl_epi64((const void *)a));
    v = _mm256_mask_broadcastq_epi64(v, 2, _mm_loadl_epi64((const void *)b));
    v = _mm256_mask_broadcastq_epi64(v, 4, _mm_loadl_epi64((const void *)c));
    return _mm256_mask_broadcastq_epi64(v, 8, _mm_loadl_epi64((const void *)d));
}
INLINE __m512i eight_at(const char *const at[8], size_t offset)
{
    __m256i low = four_at(at[0] + offset, at[1] + offset, at[2] + offset, at[3] + offset);
    __m256i high = four_at(at[4] + offset, at[5] + offset, at[6] + offset, at[7] + offset);
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

/* A table of 32 words by numbers of which the lowest five bits count. */
struct table {
    __m512i part[4];
};
INLINE struct table load_table(const uint64_t word[PLACES])
{
    struct table t;
#pragma GCC unroll 8
    for (int i = 0; i < 4; i++)
        t.part[i] = _mm512_loadu_si512(word + 8 * i);
    return t;
}
INLINE __m512i look_up(const struct table *t, __m512i place, __mmask8 upper)
{
    __m512i low = _mm512_permutex2var_epi64(t->part[0], place, t->part[1]);
    __m512i high = _mm512_permutex2var_epi64(t->part[2], place, t->part[3]);
    return _mm512_mask_blend_epi64(upper, low, high);
}

INLINE __m512i fold(const __m512i *word, int words)
{
    __m512i v = word[0];
    if (words > 1)
        v = _mm512_xor_si512(v, _mm512_ror_epi64(word[1], TURN_1));
    if (words > 2) {
        __m512i second = _mm512_ror_epi64(word[2], TURN_2), third = _mm512_ror_epi64(word[3], TURN_3);
        v = _mm512_ternarylogic_epi64(v, second, third, 0x96);
    }
    return _mm512_add_epi64(v, _mm512_srli_epi64(v, 32));
}

/* Eight fields: their words and lengths. */
struct eight {
    __m512i word[WORDS + 1], n;
    __mmask8 quoted;
};
/* What is past each text goes. */
INLINE void drop_rest(struct eight *e, int words)
{
    __m512i bits = _mm512_slli_epi64(e->n, 3);
#pragma GCC unroll 8
    for (int j = 0; j < words; j++)
        e->word[j] = _mm512_sllv_epi64(e->word[j], _mm512_subs_epu16(each(64 * ((uint64_t)j + 1)), bits));
}
INLINE struct eight load_eight(const struct dr_csv_strip *s, const uint32_t *ends, int words, bool quotes)
{
    struct eight e;
    e.quoted = 0;
    const char *bounds[8], *at[8];
#pragma GCC unroll 8
    for (size_t k = 0; k < 8; k++) {
        const uint32_t *before = ends + k * s->stride - 1;
        bounds[k] = (const char *)before;
        at[k] = s->p + (uint32_t)(*before + 1);
    }
    __m512i both = eight_at(bounds, 0);
    __m512i past = _mm512_sub_epi32(_mm512_srli_epi64(both, 32), both); /* the length and one */
    e.n = _mm512_sub_epi64(_mm512_and_si512(past, each(UINT32_MAX)), each(1));
#pragma GCC unroll 8
    for (int j = 0; j < words + quotes; j++)
        e.word[j] = eight_at(at, (size_t)j * 8);
    if (quotes) {
        __m512i other = _mm512_xor_si512(e.word[0], each((unsigned char)s->quote));
        e.quoted = _mm512_testn_epi64_mask(other, each(0xFF));
#pragma GCC unroll 8
        for (int j = 0; j < words; j++)
            e.word[j] = _mm512_mask_shrdi_epi64(e.word[j], e.quoted, e.word[j], e.word[j + 1], 8);
        e.n = _mm512_mask_sub_epi64(e.n, e.quoted, e.n, each(2));
    }
    drop_rest(&e, words);
    return e;
}
/* The same of texts with a tag; one that is not to be found is made too long. */
INLINE struct eight load_tagged(const char *p, const uint32_t *texts, uint32_t tag, int words)
{
    struct eight e;
    const char *at[8];
#pragma GCC unroll 8
    for (size_t k = 0; k < 8; k++)
        at[k] = p + texts[2 * k];
    __m512i sizes = _mm512_srli_epi64(_mm512_loadu_si512(texts), 32);
    e.quoted = 0;
    e.n = _mm512_srli_epi64(sizes, 4);
#pragma GCC unroll 8
    for (int j = 0; j < words; j++)
        e.word[j] = eight_at(at, (size_t)j * 8);
    drop_rest(&e, words);
    __mmask8 other = _mm512_cmpneq_epi64_mask(_mm512_and_si512(sizes, each(15)), each(tag));
    e.n = _mm512_mask_mov_epi64(e.n, other | _mm512_testn_epi64_mask(e.n, e.n), each(UINT32_MAX));
    return e;
}

/* All of a front. */
struct places {
    struct table words[WORDS];
    __m512i low_codes, high_codes, multiplier;
};
INLINE struct places load_places(const struct dr_csv_front *f, int words)
{
    struct places t;
#pragma GCC unroll 8
    for (int j = 0; j < words; j++)
        t.words[j] = load_table(f->word[j]);
    t.low_codes = _mm512_loadu_si512(f->code);
    t.high_codes = _mm512_loadu_si512(f->code + 16);
    t.multiplier = each(f->multiplier);
    return t;
}

/* Which of the eight are there, and what lies at the place of each. */
INLINE __mmask8 find_eight(const struct places *t, const struct eight *e, int words, __m512i *ret_codes)
{
    __m512i place = _mm512_srli_epi64(_mm512_mul_epu32(fold(e->word, words), t->multiplier), 32);
    __mmask8 upper = _mm512_test_epi64_mask(place, each(16));
    __mmask8 same = _mm512_cmple_epu64_mask(e->n, each(8 * (uint64_t)words));
#pragma GCC unroll 8
    for (int j = 0; j < words; j++)
        same = _mm512_mask_cmpeq_epi64_mask(same, e->word[j], look_up(&t->words[j], place, upper));
    *ret_codes = _mm512_permutex2var_epi32(t->low_codes, place, t->high_codes);
    return same;
}

INLINE void store_codes(int32_t *to, __m512i codes)
{
    _mm256_storeu_si256((__m256i *)(void *)to, _mm512_cvtepi64_epi32(codes));
}

INLINE int32_t find(const struct dr_csv_front *f, const struct dr_csv_strip *strip, int words, bool quotes,
                    bool keep_empty, int32_t *codes, uint8_t *found)
{
    const struct dr_csv_strip s = *strip;
    const struct places places = load_places(f, words);
    __m512i seen = _mm512_setzero_si512(), code;
    const uint32_t *ends = s.ends;
    for (int64_t i = 0; i < s.rows; i += DR_CSV_WIDE, ends += DR_CSV_WIDE * s.stride) {
        struct eight e = load_eight(&s, ends, words, quotes);
        __mmask8 same = find_eight(&places, &e, words, &code);
        if (quotes && keep_empty)
            same &= (__mmask8)~_mm512_mask_testn_epi64_mask(e.quoted, e.n, e.n);
        seen = _mm512_mask_or_epi64(seen, same, seen, code);
        store_codes(codes + i, code);
        found[i / DR_CSV_WIDE] = same;
    }
    return (int32_t)(uint32_t)_mm512_reduce_or_epi64(seen);
}

INLINE int32_t find_tagged(const struct dr_csv_front *f, const char *p, const uint32_t *texts, int64_t n,
                           uint32_t tag, int words, int32_t *codes, uint8_t *found)
{
    const struct places places = load_places(f, words);
    __m512i seen = _mm512_setzero_si512(), code;
    for (int64_t i = 0; i < n; i += DR_CSV_WIDE) {
        struct eight e = load_tagged(p, texts + 2 * i, tag, words);
        __mmask8 same = find_eight(&places, &e, words, &code);
        seen = _mm512_mask_or_epi64(seen, same, seen, code);
        store_codes(codes + i, code);
        found[i / DR_CSV_WIDE] = same;
    }
    return (int32_t)(uint32_t)_mm512_reduce_or_epi64(seen);
}

DR_AVX512_CODE static int32_t find_bare(const struct dr_csv_front *f, const struct dr_csv_strip *strip,
                                        int32_t *codes, uint8_t *found)
{
    return f->words == 1   ? find(f, strip, 1, false, false, codes, found)
           : f->words == 2 ? find(f, strip, 2, false, false, codes, found)
                           : find(f, strip, 4, false, false, codes, found);
}
DR_AVX512_CODE static int32_t find_quoted(const struct dr_csv_front *f, const struct dr_csv_strip *strip,
                                          bool keep_empty, int32_t *codes, uint8_t *found)
{
    return f->words == 1   ? find(f, strip, 1, true, keep_empty, codes, found)
           : f->words == 2 ? find(f, strip, 2, true, keep_empty, codes, found)
                           : find(f, strip, 4, true, keep_empty, codes, found);
}
int32_t dr_csv_front_find(const struct dr_csv_front *f, const struct dr_csv_strip *strip, bool keep_empty,
                          int32_t *codes, uint8_t *found)
{
    return strip->quotes ? find_quoted(f, strip, keep_empty, codes, found)
                         : find_bare(f, strip, codes, found);
}

DR_AVX512_CODE int32_t dr_csv_front_find_tagged(const struct dr_csv_front *f, const char *p,
                                                const uint32_t *texts, int64_t n, uint32_t tag,
                                                int32_t *codes, uint8_t *found)
{
    return f->words == 1   ? find_tagged(f, p, texts, n, tag, 1, codes, found)
           : f->words == 2 ? find_tagged(f, p, texts, n, tag, 2, codes, found)
                           : find_tagged(f, p, texts, n, tag, 4, codes, found);
}

#else

int32_t dr_csv_front_find_tagged(const struct dr_csv_front *f, const char *p, const uint32_t *texts,
                                 int64_t n, uint32_t tag, int32_t *codes, uint8_t *found)
{
    (void)f, (void)p, (void)texts, (void)tag, (void)codes;
    memset(found, 0, (size_t)n / DR_CSV_WIDE);
    return 0;
}

int32_t dr_csv_front_find(const struct dr_csv_front *f, const struct dr_csv_strip *strip, bool keep_empty,
                          int32_t *codes, uint8_t *found)
{
    (void)f, (void)keep_empty, (void)codes;
    memset(found, 0, (size_t)strip->rows / DR_CSV_WIDE);
    return 0;
}

#endif
