/* token.h - one token of a JSON text at a time: numbers, names and escapes
 * as RFC 8259 has them. Inline, since both the document and the table reader
 * spend their time here. Layer: json. */
#ifndef DR_JSON_TOKEN_H
#define DR_JSON_TOKEN_H
#include "json/scan.h"

static inline bool dr_json_is_white(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}
/* What may follow a number or a name. */
static inline bool dr_json_ends_token(char c)
{
    return c == ',' || c == '}' || c == ']' || dr_json_is_white(c);
}
static inline bool dr_json_is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}
/* Past the digits at p; p itself where there are none. */
static inline const char *dr_json_skip_digits(const char *p, const char *end)
{
    while (p < end && dr_json_is_digit(*p))
        p++;
    return p;
}
/* Past the number at p, or NULL where it is none. No byte at or past end is its part. */
static inline const char *dr_json_skip_number(const char *p, const char *end)
{
    p += *p == '-';
    if (p < end && *p == '0') {
        p++;
    } else {
        const char *digits = p;
        p = dr_json_skip_digits(p, end);
        if (p == digits)
            return NULL;
    }
    if (p < end && *p == '.') {
        const char *digits = ++p;
        p = dr_json_skip_digits(p, end);
        if (p == digits)
            return NULL;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        p += p < end && (*p == '+' || *p == '-');
        const char *digits = p;
        p = dr_json_skip_digits(p, end);
        if (p == digits)
            return NULL;
    }
    return p == end || dr_json_ends_token(*p) ? p : NULL;
}
/* Whether the token from p to end is this name (its n bytes) and nothing else. */
static inline bool dr_json_is_name(const char *p, const char *end, const char *name, size_t n)
{
    if ((size_t)(end - p) < n || memcmp(p, name, n) != 0)
        return false;
    return p + n == end || dr_json_ends_token(p[n]);
}
/* The offsets of a text one after the other. */
struct dr_json_tokens {
    struct dr_json_scan scan; /* owned */
    const char *text;         /* borrowed */
    size_t n;
    const uint32_t *next, *last; /* offsets of the window */
};
bool dr_json_tokens_more(struct dr_json_tokens *t); /* the next window; false at the end */

/* The offset of the next token, n at the end. */
static inline uint32_t dr_json_take(struct dr_json_tokens *t)
{
    if (__builtin_expect(t->next == t->last, 0) && !dr_json_tokens_more(t))
        return (uint32_t)t->n;
    return *t->next++;
}
/* Whether there is another token. */
static inline bool dr_json_more_tokens(struct dr_json_tokens *t)
{
    return t->next != t->last || dr_json_tokens_more(t);
}
/* The byte there; NUL, which no token starts with, at the end. */
static inline char dr_json_byte(const struct dr_json_tokens *t, uint32_t at)
{
    return __builtin_expect(at < t->n, 1) ? t->text[at] : '\0';
}
/* What the token just taken ends before. */
static inline const char *dr_json_token_limit(const struct dr_json_tokens *t)
{
    return t->text + (t->next < t->last ? *t->next : t->n);
}
/* Says that something else was expected where a token was taken, or what the
 * scan refused there. Returns the offset that it is about. */
size_t dr_json_explain(const struct dr_json_tokens *t, size_t at, const char *expected, char *ret,
                       size_t size);

/* How many digits of a number a double would have to keep, and how many it surely does. */
enum { DR_JSON_DOUBLE_DIGITS = 17 };
int dr_json_digits(struct dr_str number);

/* The bytes that the escape at p (a backslash) stands for, into ret; *ret_taken
 * is its length in the text, 12 for a pair of surrogates. Returns their number,
 * or 0 and in *ret_why what is wrong. DR_JSON_PADDING bytes are readable at end. */
size_t dr_json_unescape(const char *p, const char *end, char ret[4], size_t *ret_taken, const char **ret_why);
#endif
