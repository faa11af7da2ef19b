/* pattern.c - see pattern.h. Grammar: ^? (atom ('{' number '}')?)* '$'?, where an atom is
 * a character that means itself, \d, a backslash before punctuation, or a class of
 * characters and ranges in brackets, all ASCII. */
#include "expect/pattern.h"

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
    return true;
}

int dr_pattern_match(const struct dr_pattern *p, struct dr_str text)
{
    size_t n = (size_t)p->n;
    for (size_t i = 0; i < n && i < text.n; i++) {
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
