/* pattern.c - see pattern.h. Grammar: ^? (atom ('{' number '}')?)* '$'?, where an atom is
 * a character that means itself, \d, a backslash before punctuation, or a class of
 * characters and ranges in brackets, all ASCII. */
#include "expect/pattern.h"
#include <endian.h>

enum { KINDS = 8 };

struct parser {
    const char *at;
    struct dr_pattern *p;
    uint32_t sets[KINDS][8]; /* bitmaps of bytes */
    int n_kinds;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_plain(char c)
{
    return c >= ' ' && c < 127 && !strchr("\\^$.|?*+()[]{}", c);
}

static void add_byte(uint32_t set[8], unsigned char c)
{
    set[c >> 5] |= 1u << (c & 31);
}

static void add_range(uint32_t set[8], char low, char high)
{
    for (int c = (unsigned char)low; c <= (unsigned char)high; c++)
        add_byte(set, (unsigned char)c);
}

/* After a backslash: \d, or punctuation that then means itself. */
static bool parse_escape(struct parser *x, uint32_t set[8])
{
    char c = *x->at++;
    if (c == 'd')
        add_range(set, '0', '9');
    else if (c > ' ' && c < 127 && !is_digit(c) && !is_letter(c))
        add_byte(set, (unsigned char)c);
    else
        return false;
    return true;
}

/* After a bracket: no negation, no named classes. */
static bool parse_class(struct parser *x, uint32_t set[8])
{
    if (*x->at == '^' || *x->at == ']')
        return false;
    while (*x->at && *x->at != ']') {
        char low = *x->at++;
        if (low == '\\') {
            if (!parse_escape(x, set))
                return false;
            continue;
        }
        if (low == '[' || low < ' ' || low >= 127)
            return false;
        char high = low;
        if (*x->at == '-' && x->at[1] && x->at[1] != ']') {
            high = x->at[1];
            x->at += 2;
        }
        if (high == '\\' || high == '[' || high < low || high >= 127)
            return false;
        add_range(set, low, high);
    }
    return *x->at++ == ']';
}

static bool parse_atom(struct parser *x, uint32_t set[8])
{
    char c = *x->at++;
    if (c == '\\')
        return parse_escape(x, set);
    if (c == '[')
        return parse_class(x, set);
    add_byte(set, (unsigned char)c);
    return is_plain(c);
}

/* {n}; 1 without. 0: something else. */
static int parse_count(struct parser *x)
{
    int n = 0;
    if (*x->at != '{')
        return strchr("?*+", *x->at) && *x->at ? 0 : 1;
    for (x->at++; is_digit(*x->at) && n <= DR_PATTERN_MAX; x->at++)
        n = n * 10 + (*x->at - '0');
    if (*x->at != '}')
        return 0;
    x->at++;
    return strchr("?*+{", *x->at) && *x->at ? 0 : n;
}

static int kind_of(struct parser *x, const uint32_t set[8])
{
    for (int k = 0; k < x->n_kinds; k++)
        if (memcmp(x->sets[k], set, sizeof(x->sets[k])) == 0)
            return k;
    if (x->n_kinds == KINDS)
        return -1;
    memcpy(x->sets[x->n_kinds], set, sizeof(x->sets[0]));
    for (int c = 0; c < 256; c++)
        if (set[c >> 5] >> (c & 31) & 1)
            x->p->members[c] |= (uint8_t)(1u << x->n_kinds);
    return x->n_kinds++;
}

static bool parse_step(struct parser *x)
{
    uint32_t set[8] = { 0 };
    if (!parse_atom(x, set))
        return false;
    int count = parse_count(x), kind = kind_of(x, set);
    if (count == 0 || kind < 0 || x->p->n + count > DR_PATTERN_MAX)
        return false;
    while (count-- > 0)
        x->p->kind[x->p->n++] = (uint8_t)(1u << kind);
    return true;
}

/* The one range of characters that a kind is. */
static bool range_of(const struct dr_pattern *p, uint8_t kind, unsigned *ret_low, unsigned *ret_high)
{
    unsigned low = 0, high;
    while (low < 128 && !(p->members[low] & kind))
        low++;
    for (high = low; high < 127 && p->members[high + 1] & kind; high++)
        ;
    for (unsigned c = high + 1; c < 128; c++)
        if (p->members[c] & kind)
            return false;
    *ret_low = low;
    *ret_high = high;
    return true;
}

/* Characters [at, at + n) of the pattern in a word, the first in the lowest byte. */
static bool pack_ranges(struct dr_pattern *p, int32_t at, int32_t n, int which)
{
    p->low[which] = p->high[which] = 0;
    for (int32_t i = 0; i < n; i++) {
        unsigned low, high;
        if (!range_of(p, p->kind[at + i], &low, &high))
            return false;
        p->low[which] |= (uint64_t)low << 8 * i;
        p->high[which] |= (uint64_t)(0x7F - high) << 8 * i;
    }
    return true;
}

static void find_ranges(struct dr_pattern *p)
{
    int32_t size = p->n < 8 ? 4 : 8;
    p->ranges = p->n >= 4 && p->n <= 16 && pack_ranges(p, 0, size, 0) && pack_ranges(p, p->n - size, size, 1);
}

bool dr_pattern_parse(const char *pattern, struct dr_pattern *ret)
{
    *ret = (struct dr_pattern){ 0 };
    struct parser x = { .at = pattern, .p = ret };
    if (*x.at == '^') {
        ret->from_start = true;
        x.at++;
    }
    while (*x.at && !(*x.at == '$' && x.at[1] == '\0'))
        if (!parse_step(&x))
            return false;
    ret->to_end = *x.at == '$';
    find_ranges(ret);
    return true;
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Whether all bytes, which are below 0x80, lie in their ranges; bytes of 0 with ranges of 0 do. */
static inline bool in_ranges(uint64_t bytes, uint64_t low, uint64_t high)
{
    uint64_t above = bytes + high, from_low = (bytes | EACH(0x80)) - low;
    return ((above | ~from_low) & EACH(0x80)) == 0;
}

static inline uint64_t load(const char *p, size_t n)
{
    uint64_t word = 0;
    memcpy(&word, p, n);
    return le64toh(word);
}

/* The first n bytes of a text, n of the pattern, as two words that may overlap: 1, 0, or -1 where
 * they are not ASCII. */
static inline int match_ranges(const struct dr_pattern *p, const char *text)
{
    size_t n = (size_t)p->n;
    uint64_t first = n < 8 ? load(text, 4) : load(text, 8);
    uint64_t last = n < 8 ? load(text + n - 4, 4) : load(text + n - 8, 8);
    if ((first | last) & EACH(0x80))
        return -1;
    return in_ranges(first, p->low[0], p->high[0]) && in_ranges(last, p->low[1], p->high[1]);
}

/* Texts as long as the pattern; `size` bytes from both ends of one say whether it matches. */
static inline __attribute__((always_inline)) uint64_t match_run(const struct dr_pattern *p, const char *bytes,
                                                                const int64_t *offsets, int n, size_t size,
                                                                uint64_t *ret_unsure)
{
    const uint64_t low0 = p->low[0], high0 = p->high[0], low1 = p->low[1], high1 = p->high[1];
    const int64_t length = p->n;
    uint64_t hits = 0, unsure = 0;
    for (int i = 0; i < n; i++) {
        if (offsets[i + 1] - offsets[i] != length) {
            unsure |= UINT64_C(1) << i;
            continue;
        }
        uint64_t first = load(bytes + offsets[i], size), last = load(bytes + offsets[i + 1] - size, size);
        uint64_t hit = (uint64_t)in_ranges(first, low0, high0) & (uint64_t)in_ranges(last, low1, high1);
        hits |= hit << i;
        unsure |= (uint64_t)(((first | last) & EACH(0x80)) != 0) << i;
    }
    *ret_unsure = unsure;
    return hits & ~unsure;
}

uint64_t dr_pattern_match_run(const struct dr_pattern *p, const char *bytes, const int64_t *offsets, int n,
                              uint64_t *ret_unsure)
{
    if (p->ranges)
        return p->n < 8 ? match_run(p, bytes, offsets, n, 4, ret_unsure)
                        : match_run(p, bytes, offsets, n, 8, ret_unsure);
    *ret_unsure = ~UINT64_C(0) >> (64 - n);
    return 0;
}

int dr_pattern_match(const struct dr_pattern *p, struct dr_str text)
{
    size_t n = (size_t)p->n;
    int known = p->ranges && text.n >= n ? match_ranges(p, text.p) : -1;
    if (known == 0)
        return 0;
    for (size_t i = 0; known < 0 && i < n && i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (!(p->members[c] & p->kind[i]))
            return c < 0x80 ? 0 : -1;
    }
    if (text.n < n)
        return 0;
    if (!p->to_end || text.n == n)
        return 1;
    return text.n == n + 1 && text.p[n] == '\n'; /* `$` is also before a final newline */
}
