/* scan.c - the structural scan.
 *
 * 64 bytes become masks of one bit per byte: quotes, backslashes, brackets and
 * separators, white space, control characters. From them follow, as Langdale
 * and Lemire describe in "Parsing Gigabytes of JSON per Second" (2019):
 *   - escaped bytes: those after a run of backslashes of odd length. Subtracting
 *     the runs' starts from a mask of the odd positions carries through each run;
 *   - inside strings: the running parity of the quotes that are not escaped;
 *   - starts of numbers and names: bytes that are nothing else, after a byte
 *     that is not of that kind.
 * Unlike there, closing quotes and escapes are given too: then a string's length
 * is known without looking at its bytes, and one without escapes from one with. */
#include "base/cpu.h"
#include "json/scan.h"
#include "data/utf8.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { WORD = 64, WINDOW_MIN = 1024, WINDOW_MAX = 32768 };
#define ODD_BITS UINT64_C(0xAAAAAAAAAAAAAAAA)

struct masks {
    uint64_t quote, backslash, separator, white, control, lf;
};

/* The bytes that are escaped; *ret_escapes are the backslashes that escape them. */
static inline __attribute__((always_inline)) uint64_t find_escaped(struct dr_json_scan *s, uint64_t backslash,
                                                                   uint64_t *ret_escapes)
{
    uint64_t escaped = s->escaped;
    *ret_escapes = 0;
    if (__builtin_expect(backslash == 0, 1)) {
        s->escaped = 0;
        return escaped;
    }
    uint64_t may_escape = backslash & ~escaped;
    uint64_t ends = (((may_escape << 1) | ODD_BITS) - may_escape) ^ ODD_BITS;
    escaped = ends ^ (backslash | escaped);
    *ret_escapes = ends & backslash;
    s->escaped = *ret_escapes >> 63;
    return escaped;
}

static __attribute__((noinline, cold)) void refuse(struct dr_json_scan *s, enum dr_json_refused why,
                                                   size_t at)
{
    if (s->refused && s->refused_at <= at)
        return;
    s->refused = why;
    s->refused_at = at;
}

/* What is to be given of the 64 bytes at offset `at`. */
static inline __attribute__((always_inline)) uint64_t step(struct dr_json_scan *s, const struct masks *m,
                                                           uint64_t parity, uint64_t quote, uint64_t escapes,
                                                           size_t at)
{
    uint64_t inside = parity ^ s->inside; /* from each opening quote up to its closing one */
    uint64_t scalar = ~(m->separator | m->white);
    uint64_t plain = scalar & ~quote;
    uint64_t starts = scalar & ~(plain << 1 | s->scalar);
    s->scalar = plain >> 63;
    s->inside = (uint64_t)((int64_t)inside >> 63);
    if (__builtin_expect((m->control & inside) != 0, 0))
        refuse(s, DR_JSON_CONTROL, at + (size_t)__builtin_ctzll(m->control & inside));
    return ((m->separator | starts) & ~inside) | quote | (escapes & inside) | m->lf;
}

/* ---- 64 bytes at a time, byte by byte -------------------------------------------- */

enum { QUOTE = 1, BACKSLASH = 2, SEPARATOR = 4, WHITE = 8, CONTROL = 16 };

static inline uint8_t class_of(unsigned char c)
{
    switch (c) {
    case '"':
        return QUOTE;
    case '\\':
        return BACKSLASH;
    case '{':
    case '}':
    case '[':
    case ']':
    case ':':
    case ',':
        return SEPARATOR;
    case ' ':
        return WHITE;
    case '\t':
    case '\n':
    case '\r':
        return WHITE | CONTROL;
    case 0x0C: /* as the tables below have it */
    case 0x1A:
        return SEPARATOR | CONTROL;
    default:
        return c < 0x20 ? CONTROL : 0;
    }
}

static inline uint64_t masks_scalar(const char *p, bool lines, struct masks *ret)
{
    uint64_t high = 0;
    *ret = (struct masks){ 0 };
    for (int i = 0; i < WORD; i++) {
        uint64_t class = class_of((unsigned char)p[i]);
        ret->quote |= (class & 1) << i;
        ret->backslash |= (class >> 1 & 1) << i;
        ret->separator |= (class >> 2 & 1) << i;
        ret->white |= (class >> 3 & 1) << i;
        ret->control |= (class >> 4 & 1) << i;
        ret->lf |= (uint64_t)(lines && p[i] == '\n') << i;
        high |= (unsigned char)p[i] & 0x80u;
    }
    return high;
}
#define LOOP scan_scalar
#define LOOP_TARGET
#define LOOP_MASKS masks_scalar
#define LOOP_PARITY dr_running_parity
#include "json/scan_loop.inc"

#if defined(__x86_64__)

/* Tables by the low four bits of a byte: white space maps to itself, and so do
 * ':' ',' '{' '}' once bit 5 is set, which makes braces of square brackets. That
 * also takes 0x0C and 0x1A for separators, which the caller, who looks at the
 * byte, does not. Bytes beyond ASCII look up 0, which they are not. */
#define WHITE_TABLE ' ', -1, -1, -1, -1, -1, -1, -1, -1, '\t', '\n', -1, -1, '\r', -1, -1
#define SEPARATOR_TABLE -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, ':', '{', ',', '}', -1, -1

/* ---- SSSE3 ------------------------------------------------------------------------ */

#define SSSE3 __attribute__((target("ssse3")))

SSSE3 static inline uint64_t bits_ssse3(__m128i equal, int i)
{
    return (uint64_t)(uint16_t)_mm_movemask_epi8(equal) << i;
}
SSSE3 static inline uint64_t masks_ssse3(const char *p, bool lines, struct masks *ret)
{
    const __m128i white = _mm_setr_epi8(WHITE_TABLE), separator = _mm_setr_epi8(SEPARATOR_TABLE);
    uint64_t high = 0;
    *ret = (struct masks){ 0 };
    for (int i = 0; i < WORD; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        __m128i braces = _mm_or_si128(v, _mm_set1_epi8(0x20));
        __m128i low = _mm_min_epu8(v, _mm_set1_epi8(0x1F));
        ret->quote |= bits_ssse3(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), i);
        ret->backslash |= bits_ssse3(_mm_cmpeq_epi8(v, _mm_set1_epi8('\\')), i);
        ret->white |= bits_ssse3(_mm_cmpeq_epi8(v, _mm_shuffle_epi8(white, v)), i);
        ret->separator |= bits_ssse3(_mm_cmpeq_epi8(braces, _mm_shuffle_epi8(separator, v)), i);
        ret->control |= bits_ssse3(_mm_cmpeq_epi8(v, low), i);
        if (lines)
            ret->lf |= bits_ssse3(_mm_cmpeq_epi8(v, _mm_set1_epi8('\n')), i);
        high |= (uint64_t)_mm_movemask_epi8(v);
    }
    return high;
}
#define LOOP scan_ssse3
#define LOOP_TARGET SSSE3
#define LOOP_MASKS masks_ssse3
#define LOOP_PARITY dr_running_parity
#include "json/scan_loop.inc"

/* ---- AVX2, with the bit instructions of the same generation -------------------------------- */

DR_AVX2_CODE static inline uint64_t bits_avx2(__m256i a, __m256i b)
{
    return (uint32_t)_mm256_movemask_epi8(a) | (uint64_t)(uint32_t)_mm256_movemask_epi8(b) << 32;
}
DR_AVX2_CODE static inline uint64_t equal_avx2(__m256i a, __m256i b, char c)
{
    __m256i all = _mm256_set1_epi8(c);
    return bits_avx2(_mm256_cmpeq_epi8(a, all), _mm256_cmpeq_epi8(b, all));
}
DR_AVX2_CODE static inline uint64_t masks_avx2(const char *p, bool lines, struct masks *ret)
{
    const __m256i white = _mm256_setr_epi8(WHITE_TABLE, WHITE_TABLE);
    const __m256i separator = _mm256_setr_epi8(SEPARATOR_TABLE, SEPARATOR_TABLE);
    const __m256i brace = _mm256_set1_epi8(0x20), last = _mm256_set1_epi8(0x1F);
    __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)p);
    __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));
    ret->quote = equal_avx2(a, b, '"');
    ret->backslash = equal_avx2(a, b, '\\');
    ret->lf = lines ? equal_avx2(a, b, '\n') : 0;
    ret->white = bits_avx2(_mm256_cmpeq_epi8(a, _mm256_shuffle_epi8(white, a)),
                           _mm256_cmpeq_epi8(b, _mm256_shuffle_epi8(white, b)));
    ret->separator =
        bits_avx2(_mm256_cmpeq_epi8(_mm256_or_si256(a, brace), _mm256_shuffle_epi8(separator, a)),
                  _mm256_cmpeq_epi8(_mm256_or_si256(b, brace), _mm256_shuffle_epi8(separator, b)));
    ret->control = bits_avx2(_mm256_cmpeq_epi8(a, _mm256_min_epu8(a, last)),
                             _mm256_cmpeq_epi8(b, _mm256_min_epu8(b, last)));
    return (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(a, b));
}
/* Carry-less multiplication by all ones is the running parity. */
DR_AVX2_CODE static inline uint64_t running_parity_avx2(uint64_t x)
{
    __m128i product = _mm_clmulepi64_si128(_mm_set_epi64x(0, (long long)x), _mm_set1_epi8(-1), 0);
    return (uint64_t)_mm_cvtsi128_si64(product);
}
#define LOOP scan_avx2
#define LOOP_TARGET DR_AVX2_CODE
#define LOOP_MASKS masks_avx2
#define LOOP_PARITY running_parity_avx2
#include "json/scan_loop.inc"

#endif

enum dr_json_isa dr_json_best_isa(void)
{
#if defined(__x86_64__)
    return dr_has_avx2() ? DR_JSON_AVX2 : __builtin_cpu_supports("ssse3") ? DR_JSON_SSSE3 : DR_JSON_SCALAR;
#else
    return DR_JSON_SCALAR;
#endif
}

/* ---- windows -------------------------------------------------------------------------------- */

/* The end of the last whole character before `end`, at most three bytes back;
 * `end` where the bytes there are no start of one anyway. */
static size_t character_end(const char *text, size_t from, size_t end)
{
    for (size_t back = 1; back <= 3 && end - from >= back; back++) {
        unsigned char c = (unsigned char)text[end - back];
        if (c >= 0xC0)
            return end - back;
        if (c < 0x80)
            break;
    }
    return end;
}

/* Check the bytes up to `end`, a character that ends later excepted. */
static void check_utf8(struct dr_json_scan *s, size_t end)
{
    size_t upto = end == s->n ? end : character_end(s->text, s->checked, end);
    const char *p = s->text + s->checked;
    size_t n = upto - s->checked;
    if (!dr_utf8_valid_wide(s->isa == DR_JSON_AVX2, p, n))
        refuse(s, DR_JSON_NOT_UTF8, s->checked + dr_utf8_valid_prefix((struct dr_str){ p, n }));
    s->checked = upto;
}

/* Forget the offsets from refused_at on. */
static void cut_at_refused(struct dr_json_scan *s)
{
    while (s->count > 0 && s->at[s->count - 1] >= s->refused_at)
        s->count--;
}

static void scan_window(struct dr_json_scan *s, size_t end)
{
    uint64_t high;
#if defined(__x86_64__)
    if (s->isa == DR_JSON_AVX2)
        high = scan_avx2(s, end);
    else if (s->isa == DR_JSON_SSSE3)
        high = scan_ssse3(s, end);
    else
#endif
        high = scan_scalar(s, end);
    /* A character that began before this window ends in it, so it is not ASCII. */
    if (high || s->checked < s->scanned)
        check_utf8(s, end);
    else
        s->checked = end;
    s->scanned = end;
}

bool dr_json_scan_more(struct dr_json_scan *s)
{
    s->count = 0;
    while (s->count == 0 && s->scanned < s->n && !s->refused) {
        size_t left = s->n - s->scanned;
        scan_window(s, s->scanned + (left < s->window ? left : s->window));
        if (s->window < WINDOW_MAX)
            s->window *= 2;
        if (s->refused)
            cut_at_refused(s);
    }
    return s->count > 0;
}

void dr_json_scan_begin(struct dr_json_scan *s, enum dr_json_isa isa, const char *text, size_t n)
{
    size_t need = (n < WINDOW_MAX ? n : WINDOW_MAX) + 2 * WORD;
    if (s->cap < need) {
        free(s->at);
        s->at = dr_malloc(need * sizeof *s->at);
        s->cap = need;
    }
    s->isa = isa;
    s->text = text;
    s->n = n;
    dr_json_scan_restart(s, 0);
}

/* Small windows first: whoever restarts often should not scan much in vain. */
void dr_json_scan_restart(struct dr_json_scan *s, size_t at)
{
    s->scanned = s->checked = at;
    s->window = at == 0 ? WINDOW_MAX : WINDOW_MIN;
    s->escaped = s->inside = s->scalar = 0;
    s->count = 0;
    s->refused = DR_JSON_FINE;
    s->refused_at = 0;
}

void dr_json_scan_done(struct dr_json_scan *s)
{
    free(s->at);
    *s = (struct dr_json_scan){ 0 };
}
