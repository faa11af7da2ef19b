/* json_token.h - one token of a JSON text at a time: numbers, names and escapes
 * as RFC 8259 has them. Inline, since both the document and the table reader
 * spend their time here. Layer: data. */
#ifndef DR_JSON_TOKEN_H
#define DR_JSON_TOKEN_H
#include "data/json_scan.h"

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
/* The bytes that the escape at p (a backslash) stands for, into ret; *ret_taken
 * is its length in the text, 12 for a pair of surrogates. Returns their number,
 * or 0 and in *ret_why what is wrong. DR_JSON_PADDING bytes are readable at end. */
size_t dr_json_unescape(const char *p, const char *end, char ret[4], size_t *ret_taken, const char **ret_why);
#endif
