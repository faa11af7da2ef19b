/* direct.c - lines to cells, without tokens.
 *
 * A key and what is around it is compared in one piece with how the member expected next
 * was written before. Where that is not what comes, the key is looked up by its hash. Where
 * a value ends is found 32 bytes at a time. What is between them (white space, ',', '}')
 * is looked at byte by byte: it is where the processor guesses right.
 *
 * This needs AVX2; without it the walk reads everything.
 *
 * Texts whose records cannot be read here cost little: few are tried in each. */
#include "base/cpu.h"
#include "json/direct.h"
#include "json/stretch.h"
#include "data/utf8.h"
#if defined(__x86_64__)
#include <immintrin.h>
#define INLINE DR_AVX2_CODE static inline __attribute__((always_inline))
#define RARE DR_AVX2_CODE static __attribute__((noinline))
#endif

enum {
    DEEP = 64,       /* what is nested deeper is the walk's */
    TRUST = 16,      /* the credit in a new text, */
    MOST_TRUST = 64, /* and at most; a record that is left to the walk costs */
    MISS = 4,        /* of it */
    DISORDER = 16    /* what it grows to */
};

void dr_json_direct_begin(struct dr_json_direct *d)
{
    d->credit = TRUST;
}

void dr_json_direct_done(struct dr_json_direct *d)
{
    dr_arena_done(&d->arena);
    *d = (struct dr_json_direct){ 0 };
}

#if defined(__x86_64__)

/* What bytes are compared with. They are read from memory: made in registers they would have to be made
 * again for each value, since calls in between keep none. */
struct bytes {
    __m256i quote, slash, control, zero, nine, point;
};
#define OF(byte)                                                                                             \
    {                                                                                                        \
        0x0101010101010101 * (byte), 0x0101010101010101 * (byte), 0x0101010101010101 * (byte),               \
            0x0101010101010101 * (byte)                                                                      \
    }
static const struct bytes all_bytes = { OF('"'), OF('\\'), OF(0x1F), OF('0'), OF(9), OF('.') };

/* The record being read. */
struct record {
    const struct bytes *bytes;
    const char *text, *end;          /* readable beyond the end: see scan.h */
    char *cells;                     /* of its row and column 0 */
    const char *beyond, *beyond_end; /* its strings have bytes beyond ASCII there only; NULL: nowhere */
};

INLINE __m256i load(const char *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

INLINE uint32_t mask_of(__m256i v)
{
    return (uint32_t)_mm256_movemask_epi8(v);
}

/* Whether p[0, n) are these bytes; a block may be read at each of them. */
RARE bool are_same(const char *p, const char *same, uint32_t n)
{
    for (; n > DR_JSON_BLOCK; p += DR_JSON_BLOCK, same += DR_JSON_BLOCK, n -= DR_JSON_BLOCK)
        if (mask_of(_mm256_cmpeq_epi8(load(p), load(same))) != UINT32_MAX)
            return false;
    return n == 0 || ~mask_of(_mm256_cmpeq_epi8(load(p), load(same))) << (DR_JSON_BLOCK - n) == 0;
}

/* Whether the member is written at p as it was before. */
INLINE bool is_expected(const struct dr_json_place *m, const char *p)
{
    uint32_t equal = mask_of(_mm256_cmpeq_epi8(load(p), load(m->expected)));
    if ((~equal & m->expected_mask) != 0)
        return false;
    return __builtin_expect(m->expected_n <= DR_JSON_BLOCK, 1) ||
           are_same(p + DR_JSON_BLOCK, m->expected + DR_JSON_BLOCK, m->expected_n - DR_JSON_BLOCK);
}

/* White space, or a byte that may not stand where that may. */
INLINE bool is_white(char c)
{
    return __builtin_expect((unsigned char)c <= ' ', 0);
}

/* Past white space, line ends excepted. */
INLINE const char *past_white(const char *p)
{
    while (is_white(*p) && (*p == ' ' || *p == '\t' || *p == '\r'))
        p++;
    return p;
}

/* ---- strings ------------------------------------------------------------------------------------ */

/* All ones for bytes that end a string or need a look: quotes, backslashes, controls. */
INLINE __m256i specials(const struct bytes *b, __m256i v)
{
    __m256i quote = _mm256_cmpeq_epi8(v, b->quote), slash = _mm256_cmpeq_epi8(v, b->slash);
    __m256i control = _mm256_cmpeq_epi8(v, _mm256_min_epu8(v, b->control));
    return _mm256_or_si256(_mm256_or_si256(quote, slash), control);
}

INLINE uint32_t special(const struct bytes *b, __m256i v)
{
    return mask_of(specials(b, v));
}

INLINE void note_beyond(struct record *r, const char *from, const char *to)
{
    r->beyond = r->beyond ? r->beyond : from;
    r->beyond_end = to;
}

/* The first special byte at or after p. No line end is passed. Whether bytes beyond ASCII
 * are UTF-8 is asked when the record has been read. */
INLINE const char *find_special(struct record *r, const char *p)
{
    uint32_t beyond = 0;
    for (const char *at = p;; at += DR_JSON_BLOCK) {
        __m256i v = load(at);
        uint32_t found = special(r->bytes, v), high = mask_of(v);
        if (__builtin_expect(found == 0, 0)) {
            beyond |= high;
            continue;
        }
        at += __builtin_ctz(found);
        if (__builtin_expect((beyond | (high & (found ^ (found - 1)))) != 0, 0))
            note_beyond(r, p, at);
        return at;
    }
}

/* The quote that closes a string, from one of its backslashes on; NULL where an escape is wrong. */
RARE const char *past_escapes(struct record *r, const char *p)
{
    while (*p == '\\') {
        char bytes[4];
        size_t taken;
        const char *why;
        if (!dr_json_unescape(p, r->end, bytes, &taken, &why))
            return NULL;
        p = find_special(r, p + taken);
    }
    return *p == '"' ? p : NULL;
}

INLINE struct dr_json_cell cell_of(const struct record *r, const char *p, const char *end, uint32_t kind)
{
    return (struct dr_json_cell){ (uint32_t)(p - r->text), (uint32_t)(end - p) << 4 | kind };
}

/* Past the string whose first byte, after the quote, is at p. */
INLINE const char *take_string(struct record *r, const char *p, struct dr_json_cell *ret)
{
    uint32_t kind = DR_JSON_STRING;
    const char *end = find_special(r, p);
    if (__builtin_expect(*end != '"', 0)) {
        kind = DR_JSON_ESCAPED;
        end = past_escapes(r, end);
        if (!end)
            return NULL;
    }
    *ret = cell_of(r, p, end, kind);
    return end + 1;
}

/* ---- numbers and names ------------------------------------------------------------------------------ */

RARE const char *past_odd_number(const struct record *r, const char *p)
{
    return dr_json_skip_number(p, r->end);
}

/* Past the number at p. The usual ones, of up to 31 characters and no exponent, without a
 * branch for what they are made of: whether there is a point cannot be foreseen. */
INLINE const char *past_number(const struct record *r, const char *p)
{
    __m256i v = load(p), digits = _mm256_sub_epi8(v, r->bytes->zero);
    uint32_t other = ~mask_of(_mm256_cmpeq_epi8(digits, _mm256_min_epu8(digits, r->bytes->nine)));
    uint32_t points = mask_of(_mm256_cmpeq_epi8(v, r->bytes->point));
    uint32_t minus = *p == '-';
    other -= minus;
    uint32_t whole = (uint32_t)__builtin_ctz(other | 1u << 31);
    uint32_t point = other & -other & points;
    uint32_t n = (uint32_t)__builtin_ctz((other - point) | 1u << 31);
    bool zeros = p[minus] == '0' && whole > minus + 1;
    bool odd = whole == minus || zeros || (point && n == whole + 1) || n == 31 || (p[n] | 0x20) == 'e';
    return __builtin_expect(odd, 0) ? past_odd_number(r, p) : p + n;
}

INLINE const char *take_name(const struct record *r, const char *p, struct dr_json_cell *ret)
{
    uint32_t n = 4, kind = DR_JSON_NULL;
    if (memcmp(p, "null", 4) == 0)
        kind = DR_JSON_NULL;
    else if (memcmp(p, "true", 4) == 0)
        kind = DR_JSON_TRUE;
    else if (memcmp(p, "false", n = 5) == 0)
        kind = DR_JSON_FALSE;
    else
        return NULL;
    *ret = cell_of(r, p, p + n, kind);
    return p + n;
}

/* Past the plain value at p. What may follow it is looked at by whoever goes on. */
INLINE const char *take_plain(struct record *r, const char *p, struct dr_json_cell *ret)
{
    if (*p == '"')
        return take_string(r, p + 1, ret);
    if (*p != '-' && !dr_json_is_digit(*p))
        return take_name(r, p, ret);
    const char *past = past_number(r, p);
    if (__builtin_expect(!past, 0))
        return NULL;
    *ret = cell_of(r, p, past, DR_JSON_NUMBER);
    return past;
}

/* ---- arrays and objects without columns of their own ------------------------------------------ */

/* Past the key at p and its ':', to the value. */
INLINE const char *past_key(struct record *r, const char *p)
{
    struct dr_json_cell key;
    if (*p != '"' || !(p = take_string(r, p + 1, &key)))
        return NULL;
    p = past_white(p);
    return *p == ':' ? past_white(p + 1) : NULL;
}

/* Past the array or object at p. */
DR_AVX2_CODE static const char *past_nested(struct record *r, const char *p, int32_t depth)
{
    struct dr_json_cell cell;
    bool object = *p == '{';
    char close = object ? '}' : ']';
    if (depth == DEEP)
        return NULL;
    p = past_white(p + 1);
    if (*p == close)
        return p + 1;
    for (;; p = past_white(p + 1)) {
        if (object && !(p = past_key(r, p)))
            return NULL;
        p = *p == '{' || *p == '[' ? past_nested(r, p, depth + 1) : take_plain(r, p, &cell);
        if (!p)
            return NULL;
        p = past_white(p);
        if (*p == close)
            return p + 1;
        if (*p != ',')
            return NULL;
    }
}

/* ---- members ---------------------------------------------------------------------------------- */

DR_AVX2_CODE static const char *take_members(struct record *r, struct dr_json_place *o, const char *p,
                                             int32_t depth);

/* What a key without a place names. */
static struct dr_json_place nowhere = { .column = -1 };

/* The member of that key; p is past its quote. */
INLINE struct dr_json_place *member_of(const struct dr_json_place *o, const char *p, size_t n)
{
    size_t last = ((size_t)1 << (64 - o->shift)) - 1;
    for (uint64_t i = dr_json_key_hash(p, n) >> o->shift;; i++) {
        uint32_t number = o->slots[i & last];
        if (number == 0)
            return &nowhere;
        struct dr_json_place *m = &o->members[number - 1];
        if (m->quoted_n == n + 2 && are_same(p - 1, m->quoted, m->quoted_n))
            return m;
    }
}

/* Past the key at p and what follows it, to the value of the member that it names. */
DR_AVX2_CODE static const char *find_member(struct record *r, struct dr_json_place *o, const char *p,
                                            struct dr_json_place **ret)
{
    p = past_white(p);
    if (*p != '"')
        return NULL;
    const char *end = find_special(r, p + 1);
    if (*end != '"')
        return NULL;
    struct dr_json_place *m = member_of(o, p + 1, (size_t)(end - (p + 1)));
    const char *value = past_white(end + 1);
    if (*value != ':' || (m == &nowhere && o->object))
        return NULL;
    value = past_white(value + 1);
    if (m != &nowhere && m->expected_n != (size_t)(value - p))
        dr_json_place_expect(m, p, (size_t)(value - p));
    *ret = m;
    return value;
}

INLINE struct dr_json_cell *cell_at(const struct record *r, const struct dr_json_place *m)
{
    return (struct dr_json_cell *)(void *)(r->cells + m->offset);
}

/* Past the array or object at p, the value of a column. */
RARE const char *take_written(struct record *r, const struct dr_json_place *m, const char *p, int32_t depth)
{
    struct dr_json_cell *to = cell_at(r, m);
    const char *past = past_nested(r, p, depth);
    if (!past || to->size != 0 || past - p > DR_JSON_LENGTH_MAX)
        return NULL;
    *to = cell_of(r, p, past, *p == '{' ? DR_JSON_OBJECT : DR_JSON_ARRAY);
    return past;
}

/* Past the value at p of a member without a column. */
RARE const char *take_other(struct record *r, struct dr_json_place *m, const char *p, int32_t depth)
{
    struct dr_json_cell cell;
    if (*p == '{' && (m->object || m->n_members > 0))
        return take_members(r, m, p + 1, depth);
    if (*p == '{' || *p == '[')
        return m->object || m->items ? NULL : past_nested(r, p, depth);
    p = take_plain(r, p, &cell);
    return p && m->object && dr_cell_kind(cell) != DR_JSON_NULL ? NULL : p;
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

/* Past the plain value at p of a member with a column. */
INLINE const char *take_cell(struct record *r, const struct dr_json_place *m, const char *p)
{
    struct dr_json_cell *to = cell_at(r, m), cell;
    const char *past = take_plain(r, p, &cell);
    if (__builtin_expect(!past || to->size != 0, 0)) /* or it is there twice */
        return NULL;
    *to = cell;
    return m->steady ? expect(past, p + m->steady) : past;
}

INLINE const char *take_value(struct record *r, struct dr_json_place *m, const char *p, int32_t depth)
{
    if (__builtin_expect(m->column >= 0, 1)) {
        bool nested = *p == '{' || *p == '[';
        return __builtin_expect(nested, 0) ? take_written(r, m, p, depth) : take_cell(r, m, p);
    }
    return depth < DEEP ? take_other(r, m, p, depth + 1) : NULL;
}

/* Past the member at p where it is written as expected, its value is a plain string, and both
 * lie in one block; NULL where that is not so. */
INLINE const char *take_brief(struct record *r, const struct dr_json_place *m, const char *p)
{
    struct dr_json_cell *to = cell_at(r, m);
    __m256i v = load(p);
    uint32_t equal = mask_of(_mm256_cmpeq_epi8(v, load(m->expected)));
    uint32_t found = special(r->bytes, v) >> m->expected_n, high = mask_of(v) >> m->expected_n;
    uint32_t closing = found & (found - 1); /* and what follows it, if the value starts with a quote */
    const char *open = p + m->expected_n, *end = open + __builtin_ctz(closing | 1u << 31);
    bool fine =
        (~equal & m->expected_mask) == 0 && *open == '"' && closing != 0 && *end == '"' && to->size == 0;
    if (__builtin_expect(!fine, 0))
        return NULL;
    if (__builtin_expect((high & (closing - 1)) != 0, 0))
        note_beyond(r, open, end);
    *to = cell_of(r, open + 1, end, DR_JSON_STRING);
    return m->steady ? expect(end + 1, open + m->steady) : end + 1;
}

/* Past the stretch at p; NULL where it is unlike what it was. */
INLINE const char *take_stretch(const struct record *r, const struct dr_json_stretch *s, const char *p)
{
    __m256i wrong = _mm256_setzero_si256();
    const struct bytes *b = r->bytes;
    if (r->end - p < (ptrdiff_t)s->n)
        return NULL;
    for (uint32_t i = 0; i < s->blocks; i++) {
        __m256i v = load(p + (size_t)i * DR_JSON_BLOCK);
        __m256i other =
            _mm256_andnot_si256(_mm256_cmpeq_epi8(v, load(s->block[i].text)), load(s->block[i].same));
        __m256i odd = _mm256_and_si256(_mm256_or_si256(specials(b, v), v), load(s->block[i].value));
        wrong = _mm256_or_si256(wrong, _mm256_or_si256(other, odd));
    }
    if (mask_of(wrong) != 0)
        return NULL;
    uint32_t twice = 0;
    for (int32_t i = 0; i < s->members; i++) {
        char *to = r->cells + s->cell[i].offset;
        uint64_t cell = s->cell[i].cell + (uint64_t)(p - r->text);
        twice |= ((struct dr_json_cell *)(void *)to)->size;
        memcpy(to, &cell, sizeof cell);
    }
    return twice ? NULL : p + s->n;
}

/* The member at p, past a ',' or '{', and past its value; *next is the one expected. */
INLINE const char *take_member(struct record *r, struct dr_json_place *o, struct dr_json_place **next,
                               bool in_order, const char *p, int32_t depth, int32_t *missed)
{
    struct dr_json_place *m = *next;
    if (in_order && is_expected(m, p) && !is_white(p[m->expected_n])) {
        p += m->expected_n;
    } else {
        p = find_member(r, o, p, &m);
        if (!p)
            return NULL;
        *missed += m != *next;
    }
    *next = m == &nowhere ? *next : m + 1;
    return take_value(r, m, p, depth);
}

/* The members of an object, from past its '{' to past its '}'. */
DR_AVX2_CODE static const char *take_members(struct record *r, struct dr_json_place *o, const char *p,
                                             int32_t depth)
{
    struct dr_json_place *next = o->members;
    bool in_order = o->disorder == 0;
    int32_t missed = 0;
    p = past_white(p);
    if (*p == '}')
        return p + 1;
    for (;; p = past_white(p + 1)) {
        enum dr_json_way way = in_order ? next->way : DR_JSON_ANYHOW;
        const char *past = way == DR_JSON_BRIEF     ? take_brief(r, next, p)
                           : way == DR_JSON_STRETCH ? take_stretch(r, next->stretch, p)
                                                    : NULL;
        if (past) {
            next += way == DR_JSON_STRETCH ? next->stretch->members : 1;
            p = past;
        } else {
            p = take_member(r, o, &next, in_order, p, depth, &missed);
        }
        if (__builtin_expect(!p, 0))
            return NULL;
        if (__builtin_expect(*p != ',', 0)) {
            p = past_white(p);
            if (*p != ',')
                break;
        }
    }
    if (missed * 2 > o->n_members)
        o->disorder += o->disorder < DISORDER;
    else
        o->disorder -= o->disorder > 0;
    return *p == '}' ? p + 1 : NULL;
}

/* ---- lines ------------------------------------------------------------------------------------ */

static bool is_utf8(const char *p, size_t n)
{
    return n < DR_JSON_BLOCK ? dr_utf8_valid((struct dr_str){ p, n }) : dr_utf8_valid_wide(true, p, n);
}

/* The LF that ends the record at p; NULL where the walk has to read it. Without a root its cells are not
 * wanted. */
INLINE const char *read_line(struct record *r, struct dr_json_place *root, const char *p)
{
    r->beyond = NULL;
    if (*p != '{')
        return NULL;
    p = root ? take_members(r, root, p + 1, 0) : past_nested(r, p, 0);
    if (!p || *(p = past_white(p)) != '\n')
        return NULL;
    return r->beyond && !is_utf8(r->beyond, (size_t)(r->beyond_end - r->beyond)) ? NULL : p;
}

/* Values end before limit: the LF there is neither white space within a record nor a part of a string. */
DR_AVX2_CODE static size_t read_lines(struct dr_json_direct *d, struct dr_json_walk *w, size_t at,
                                      size_t limit, int32_t *line)
{
    struct dr_json_rows *rows = &w->rows[0];
    const char *text = w->tokens.text, *p = text + at;
    const struct bytes *bytes = &all_bytes;
    __asm__("" : "+r"(bytes)); /* else the compiler makes them all the same */
    struct record r = { .bytes = bytes, .text = text, .end = text + w->tokens.n };
    int32_t n = rows->n, first = n;
    bool fine = true;
    for (; p < text + limit && n < rows->cap; n++) {
        r.cells = (char *)(rows->cells + n);
        const char *lf = read_line(&r, d->root, p);
        fine = lf && lf - p <= w->max_record;
        if (!fine)
            break;
        w->spans[n] = (struct dr_json_span){ (uint32_t)(p - text), (uint32_t)(lf - text), *line };
        *line += 1;
        p = lf + 1;
    }
    rows->n = n;
    if (!fine)
        dr_json_walk_rollback(w);
    int32_t credit = d->credit + (n - first) - (fine ? 0 : MISS);
    d->credit = credit < MOST_TRUST ? credit : MOST_TRUST;
    return (size_t)(p - text);
}

#endif

/* Whether it is made for such records. */
static bool is_for(const struct dr_json_walk *w)
{
    return w->whole || (w->plan->n == 1 && w->plan->tables[0].root->column < 0);
}

size_t dr_json_direct_read(struct dr_json_direct *d, struct dr_json_walk *w, enum dr_json_isa isa, size_t at,
                           size_t limit, int32_t *line)
{
#if defined(__x86_64__)
    if (d->credit <= 0 || isa != DR_JSON_AVX2 || !is_for(w))
        return at;
    if (!d->root && !w->whole)
        d->root = dr_json_place_tree(&d->arena, w->plan->tables[0].root, w->rows[0].cap);
    int32_t first = w->rows[0].n;
    at = read_lines(d, w, at, limit, line);
    if (d->root && w->rows[0].n - first >= DR_JSON_STRETCH_SAMPLE)
        dr_json_stretch_find(&d->arena, d->root, &w->rows[0], w->tokens.text);
#else
    (void)d, (void)w, (void)isa, (void)limit, (void)line;
#endif
    return at;
}
