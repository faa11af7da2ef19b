/* json_alike.c - records written like an earlier one.
 *
 * Why that is enough: in a JSON text any plain value may stand where another one
 * does. A line that has the same bytes as a right one everywhere but in its plain
 * values, and plain values there, is right, and its values belong to the same
 * members. A string with escapes, a control character or bytes that are no UTF-8,
 * and a number of unusual length or with an exponent, are left to the walk.
 *
 * This needs AVX2; without it the walk reads everything.
 *
 * Texts whose records differ all the time cost little: records are compared as long
 * as enough of them are alike, and few attempts are made in each text. */
#include "data/json_alike.h"
#include <assert.h>
#if defined(__x86_64__)
#include <immintrin.h>
#define AVX2 __attribute__((target("avx2,bmi,bmi2")))
#define INLINE AVX2 static inline __attribute__((always_inline))
#endif

enum {
    BLOCK = 32,
    MOST_VALUES = 512,
    MOST_SAME = 32768, /* bytes */
    ATTEMPTS = 4,      /* in a text: more are not worth it */
    TRUST = 16,        /* the credit of what was just learned, */
    MOST_TRUST = 64,   /* and at most; a record that is not alike costs */
    MISS = 4,          /* of it */
    SAMPLE = 16        /* rows that tell whether the values of a member have one length */
};

struct dr_json_alike_value {
    uint32_t same, same_n; /* the bytes before it */
    int32_t column;        /* -1: it has none */
    uint32_t steady;       /* the length that it has as a rule, quotes included; 0: none */
};

void dr_json_alike_begin(struct dr_json_alike *a)
{
    a->learned = 0;
}

void dr_json_alike_done(struct dr_json_alike *a)
{
    free(a->values);
    free(a->same);
    *a = (struct dr_json_alike){ 0 };
}

/* ---- learning ----------------------------------------------------------------------------------- */

bool dr_json_alike_wants(const struct dr_json_alike *a, const struct dr_json_walk *w)
{
    return a->credit <= 0 && a->learned < ATTEMPTS && w->plan->n == 1 && !w->whole;
}

/* Keep bytes of the text, and room to read a block from each of them. */
static uint32_t keep(struct dr_json_alike *a, const char *p, size_t n)
{
    uint32_t at = a->same_n;
    if (a->same_cap < at + n + BLOCK) {
        a->same_cap = (uint32_t)(at + n + BLOCK) * 2;
        a->same = dr_realloc(a->same, a->same_cap);
    }
    memcpy(a->same + at, p, n);
    memset(a->same + at + n, 0, BLOCK);
    a->same_n += (uint32_t)n;
    return at;
}

static void add_value(struct dr_json_alike *a, const char *before, size_t n, int32_t column)
{
    if (a->n == a->cap) {
        a->cap = a->cap ? a->cap * 2 : 16;
        a->values = dr_realloc(a->values, (size_t)a->cap * sizeof *a->values);
    }
    a->values[a->n++] = (struct dr_json_alike_value){ keep(a, before, n), (uint32_t)n, column, 0 };
}

/* The column whose cell lies at that offset; -1: none. */
static int32_t column_at(const struct dr_json_walk *w, int32_t row, size_t at)
{
    const struct dr_json_rows *rows = &w->rows[0];
    for (int32_t c = 0; c < rows->columns; c++) {
        struct dr_json_cell cell = rows->cells[(size_t)c * (size_t)rows->cap + (size_t)row];
        if (cell.size != 0 && cell.at == at)
            return c;
    }
    return -1;
}

/* Past the string that is right and starts at p. */
static const char *past_string(const char *p)
{
    for (p++; *p != '"'; p++)
        p += *p == '\\';
    return p + 1;
}

static bool is_key(const char *past)
{
    while (dr_json_is_white(*past))
        past++;
    return *past == ':';
}

/* Past the value at p, or NULL where what lies there belongs to the bytes between. */
static const char *value_at(const char *p)
{
    if (*p == '"') {
        const char *past = past_string(p);
        return is_key(past) ? NULL : past;
    }
    if (*p == '-' || dr_json_is_digit(*p) || *p == 't' || *p == 'f' || *p == 'n') {
        while (!dr_json_ends_token(*p))
            p++;
        return p;
    }
    return NULL;
}

/* Whether the row has cells that are arrays or objects as written. */
static bool has_nested_cells(const struct dr_json_walk *w, int32_t row)
{
    const struct dr_json_rows *rows = &w->rows[0];
    for (int32_t c = 0; c < rows->columns; c++) {
        uint32_t kind = dr_cell_kind(rows->cells[(size_t)c * (size_t)rows->cap + (size_t)row]);
        if (kind == DR_JSON_ARRAY || kind == DR_JSON_OBJECT)
            return true;
    }
    return false;
}

/* The line's values in order; false where there are too many, or it is nothing else. A null without a column
 * is kept as it is: what else may stand there only the walk knows. */
static bool learn_values(struct dr_json_alike *a, const struct dr_json_walk *w, int32_t row, size_t start,
                         size_t lf)
{
    const char *text = w->tokens.text, *p = text + start, *from = p, *end = text + lf;
    while (p < end) {
        const char *past = value_at(p);
        int32_t column = past ? column_at(w, row, (size_t)(p - text) + (*p == '"')) : -1;
        bool fixed = !past || (column < 0 && *p == 'n');
        if (fixed) {
            p = past ? past : *p == '"' ? past_string(p) : p + 1;
            continue;
        }
        add_value(a, from, (size_t)(p - from), column);
        if (p == from || a->n > MOST_VALUES || a->same_n > MOST_SAME)
            return false;
        from = p = past;
    }
    a->tail_n = (uint32_t)(end + 1 - from);
    a->tail = keep(a, from, a->tail_n);
    assert(!memchr(text + start, '\n', lf - start)); /* see read_line */
    return a->n > 0;
}

void dr_json_alike_learn(struct dr_json_alike *a, const struct dr_json_walk *w, int32_t row, size_t start,
                         size_t lf)
{
    a->n = 0;
    a->same_n = 0;
    a->learned++;
    a->credit = 0;
    if (has_nested_cells(w, row) || !learn_values(a, w, row, start, lf))
        a->n = 0;
    else
        a->credit = TRUST;
}

/* ---- reading ------------------------------------------------------------------------------------ */

#if defined(__x86_64__)

INLINE __m256i load(const char *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

/* Whether p[0, n), which is not empty, are these bytes; a block may be read at each of them. */
INLINE bool is_same(const char *p, const char *same, uint32_t n)
{
    for (;; p += BLOCK, same += BLOCK, n -= BLOCK) {
        uint32_t equal = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(load(p), load(same)));
        if (n <= BLOCK)
            return (uint64_t)(uint32_t)~equal << (64 - n) == 0;
        if (equal != UINT32_MAX)
            return false;
    }
}

/* The bytes that end a string or make it one for the walk: quotes, backslashes, controls. */
INLINE uint32_t special(__m256i v)
{
    __m256i quote = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('"'));
    __m256i slash = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\'));
    __m256i control = _mm256_cmpeq_epi8(v, _mm256_min_epu8(v, _mm256_set1_epi8(0x1F)));
    return (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(_mm256_or_si256(quote, slash), control));
}

/* From the first to the last byte of a line's strings that have bytes beyond ASCII. */
struct beyond {
    const char *from, *to;
};

/* The quote that closes the string at p; NULL where it is not a plain one. Whether it is
 * UTF-8 is asked when the line has been read: a call here would cost each string the
 * constants that lie in registers. */
INLINE const char *string_end(const char *p, struct beyond *line)
{
    uint32_t beyond = 0; /* bytes beyond ASCII */
    for (const char *at = p;; at += BLOCK) {
        __m256i v = load(at);
        uint32_t found = special(v), high = (uint32_t)_mm256_movemask_epi8(v);
        if (__builtin_expect(found == 0, 0)) {
            beyond |= high;
            continue;
        }
        beyond |= high & (found - 1) & ~found; /* before the first that was found */
        at += __builtin_ctz(found);
        if (__builtin_expect(beyond != 0, 0)) {
            line->from = line->from ? line->from : p;
            line->to = at;
        }
        return *at == '"' ? at : NULL;
    }
}

/* The length of the number at p as most are written; 0 where it is not one. */
INLINE uint32_t number_length(const char *p)
{
    __m128i v = _mm_sub_epi8(_mm_loadu_si128((const __m128i *)(const void *)p), _mm_set1_epi8('0'));
    __m128i digit = _mm_cmpeq_epi8(v, _mm_min_epu8(v, _mm_set1_epi8(9)));
    uint32_t other = ~(uint32_t)_mm_movemask_epi8(digit); /* ones beyond the 16 bytes */
    uint32_t minus = *p == '-';
    uint32_t end = minus + (uint32_t)__builtin_ctz(other >> minus | 1u << 31);
    if (end == minus || (p[minus] == '0' && end > minus + 1))
        return 0;
    if (p[end] == '.') {
        uint32_t fraction = (uint32_t)__builtin_ctz(other >> (end + 1) | 1u << 31);
        end += 1 + fraction;
        if (fraction == 0)
            return 0;
    }
    return end < 16 && (p[end] | 0x20) != 'e' ? end : 0;
}

/* Past the value at p; NULL where the walk has to look at it. */
INLINE const char *take_value(const char *text, const char *p, struct dr_json_cell *ret, struct beyond *line)
{
    if (*p == '"') {
        const char *end = string_end(p + 1, line);
        *ret = (struct dr_json_cell){ (uint32_t)(p + 1 - text),
                                      (uint32_t)(end - (p + 1)) << 4 | DR_JSON_STRING };
        return end ? end + 1 : NULL;
    }
    uint32_t n = 0, kind = DR_JSON_NUMBER;
    if (*p == '-' || dr_json_is_digit(*p)) {
        n = number_length(p);
    } else if (memcmp(p, "null", 4) == 0) {
        n = 4;
        kind = DR_JSON_NULL;
    } else if (memcmp(p, "true", 4) == 0) {
        n = 4;
        kind = DR_JSON_TRUE;
    } else if (memcmp(p, "false", 5) == 0) {
        n = 5;
        kind = DR_JSON_FALSE;
    }
    *ret = (struct dr_json_cell){ (uint32_t)(p - text), n << 4 | kind };
    return n ? p + n : NULL;
}

/* What was found, said so that a processor goes on from what it was expected to be
 * without waiting for it: each value starts where the one before ends, so otherwise
 * all of a record's searches come one after the other. */
INLINE const char *expect(const char *found, const char *expected)
{
    if (found != expected)
        return found;
    __asm__ volatile("" : "+r"(expected)); /* else the compiler takes `found`, which is the same */
    return expected;
}

/* Past the line at p, whose cells go to cells[c * cap]; NULL where it is not alike. The
 * bytes after a value are those that ended the first one there, so it ends there, too.
 * None of them but the last is an LF, and no value holds one, so nothing past the line
 * is taken for a part of it. */
INLINE const char *read_line(const struct dr_json_alike *a, const char *text, const char *p,
                             struct dr_json_cell *cells, size_t cap)
{
    const struct dr_json_alike_value *v = a->values, *end = v + a->n;
    const char *same = a->same;
    struct beyond beyond = { NULL, NULL };
    for (; v < end; v++) {
        struct dr_json_cell cell;
        if (!is_same(p, same + v->same, v->same_n))
            return NULL;
        p += v->same_n;
        const char *past = take_value(text, p, &cell, &beyond);
        if (__builtin_expect(!past, 0))
            return NULL;
        p = v->steady ? expect(past, p + v->steady) : past;
        if (v->column >= 0)
            cells[(size_t)v->column * cap] = cell;
    }
    if (!is_same(p, same + a->tail, a->tail_n))
        return NULL;
    if (beyond.from && !dr_utf8_valid((struct dr_str){ beyond.from, (size_t)(beyond.to - beyond.from) }))
        return NULL;
    return p + a->tail_n;
}

/* Values end before limit: the LF there is neither a part of a string nor of another. */
AVX2 static size_t read_lines(struct dr_json_alike *a, struct dr_json_walk *w, size_t at, size_t limit,
                              int32_t *line)
{
    struct dr_json_rows *rows = &w->rows[0];
    const char *text = w->tokens.text, *p = text + at;
    int32_t n = rows->n, first = n;
    bool alike = true;
    for (; p < text + limit && n < rows->cap; n++) {
        const char *past = read_line(a, text, p, rows->cells + n, (size_t)rows->cap);
        alike = past && past - 1 - p <= w->max_record;
        if (!alike)
            break;
        w->spans[n] = (struct dr_json_span){ (uint32_t)(p - text), (uint32_t)(past - 1 - text), *line };
        *line += 1;
        p = past;
    }
    rows->n = n;
    if (!alike)
        dr_json_walk_rollback(w);
    int32_t credit = a->credit + (n - first) - (alike ? 0 : MISS);
    a->credit = credit < MOST_TRUST ? credit : MOST_TRUST;
    return (size_t)(p - text);
}

/* Look at a few of the rows [from, to) for values of one length. */
static void find_steady(struct dr_json_alike *a, const struct dr_json_rows *rows, int32_t from, int32_t to)
{
    for (struct dr_json_alike_value *v = a->values; v < a->values + a->n; v++) {
        if (v->column < 0 || to - from < SAMPLE)
            continue;
        const struct dr_json_cell *cells = rows->cells + (size_t)v->column * (size_t)rows->cap;
        bool steady = true;
        for (int32_t i = 1; i < SAMPLE; i++)
            steady &= cells[to - i].size == cells[to - SAMPLE].size;
        uint32_t quotes = dr_cell_kind(cells[to - 1]) == DR_JSON_STRING ? 2 : 0;
        v->steady = steady ? dr_cell_length(cells[to - 1]) + quotes : 0;
    }
}

#endif

size_t dr_json_alike_read(struct dr_json_alike *a, struct dr_json_walk *w, enum dr_json_isa isa, size_t at,
                          size_t limit, int32_t *line)
{
#if defined(__x86_64__)
    if (a->credit > 0 && isa == DR_JSON_AVX2) {
        int32_t first = w->rows[0].n;
        at = read_lines(a, w, at, limit, line);
        find_steady(a, &w->rows[0], first, w->rows[0].n);
    }
#else
    (void)a, (void)w, (void)isa, (void)limit, (void)line;
#endif
    return at;
}
